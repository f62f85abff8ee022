/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard-device.h"

#include "pool-registry.h"

GST_DEBUG_CATEGORY_EXTERN (cuda_mem_guard_debug);
#define GST_CAT_DEFAULT cuda_mem_guard_debug

/* Memory of GStreamer's own CUDA library, whose GST_MAP_CUDA is the flag that we use, too */
#define GST_CUDA_MEMORY_TYPE "gst.cuda.memory"
G_STATIC_ASSERT (GST_SEQ_MAP_CUDA == 1 << 17);

/* One walk over the pools, in a context that is entered */
typedef struct
{
  GuardDevice *guard;
  CUmemoryPool default_pool, current_pool;
  GuardSample *sample;          /* what to add to, or NULL */
  gboolean trim, reset_peak;
  guint64 keep;
  guint64 freed;
} PoolWalk;

void
guard_device_init (GuardDevice * self)
{
  *self = (GuardDevice) {
    .found = g_array_new (FALSE, FALSE, sizeof (CUmemoryPool)),
    .streams = g_array_new (FALSE, FALSE, sizeof (CUstream)),
  };
  g_mutex_init (&self->lock);
}

void
guard_device_clear (GuardDevice * self)
{
  g_clear_pointer (&self->device, cuda_device_unref);
  g_clear_pointer (&self->found, g_array_unref);
  g_clear_pointer (&self->streams, g_array_unref);
  g_mutex_clear (&self->lock);
}

void
guard_device_open (GuardDevice * self, GstElement * element, gint ordinal)
{
  GError *error = NULL;

  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->device, cuda_device_unref);
  self->ordinal = ordinal;
  self->device = cuda_device_get (ordinal, &error);
  self->lost = CUDA_SUCCESS;
  if (self->device != NULL)
    GST_INFO_OBJECT (element, "device %d: %s", ordinal, cuda_device_name (self->device));
  g_mutex_unlock (&self->lock);

  if (g_error_matches (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_MISSING))
    GST_INFO_OBJECT (element, "without CUDA: %s", error->message);
  else if (error != NULL)
    GST_ELEMENT_WARNING (element, RESOURCE, NOT_FOUND, ("Device %d can't be watched.", ordinal),
        ("%s", error->message));
  g_clear_error (&error);
}

void
guard_device_close (GuardDevice * self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->device, cuda_device_unref);
  self->default_used = self->current_used = FALSE;
  g_array_set_size (self->found, 0);
  g_mutex_unlock (&self->lock);
}

/* ---- calls ---- */

/* Notes the error by which the context is lost */
static gboolean
succeeded (GuardDevice * self, CUresult result, const gchar * function)
{
  if (cuda_error_is_sticky (result) && self->lost == CUDA_SUCCESS) {
    self->lost = result;
    self->lost_in = function;
  }
  return result == CUDA_SUCCESS;
}

/* Takes the lock and enters the context, where there is one */
static gboolean
enter (GuardDevice * self)
{
  g_mutex_lock (&self->lock);
  if (self->device != NULL && self->lost == CUDA_SUCCESS
      && cuda_device_is_active (self->device) && cuda_device_enter (self->device, NULL))
    return TRUE;
  g_mutex_unlock (&self->lock);
  return FALSE;
}

static void
leave (GuardDevice * self)
{
  cuda_device_leave (self->device);
  g_mutex_unlock (&self->lock);
}

static const CudaDriver *
driver_of (const GuardDevice * self)
{
  return cuda_device_driver (self->device);
}

static guint64
pool_attribute (GuardDevice * self, CUmemoryPool pool, CUmemPool_attribute attribute)
{
  uint64_t value = 0;

  return succeeded (self, driver_of (self)->MemPoolGetAttribute (pool, attribute, &value),
      "cuMemPoolGetAttribute") ? value : GST_SEQ_MEMORY_UNKNOWN;
}

/* ---- pools ---- */

static void
sample_pool (GuardDevice * self, CUmemoryPool pool, const gchar * name, GuardSample * sample)
{
  GstSeqMemoryStats memory;

  gst_seq_memory_stats_init (&memory);
  memory.reserved = pool_attribute (self, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
  memory.allocated = pool_attribute (self, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT);
  memory.peak = pool_attribute (self, pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH);
  if (memory.reserved != GST_SEQ_MEMORY_UNKNOWN)
    guard_sample_add (sample, name, &memory);
}

static void
trim_pool (GuardDevice * self, CUmemoryPool pool, PoolWalk * walk)
{
  guint64 before = pool_attribute (self, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
  guint64 after;

  if (!succeeded (self, driver_of (self)->MemPoolTrimTo (pool, walk->keep), "cuMemPoolTrimTo"))
    return;
  after = pool_attribute (self, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
  if (before == GST_SEQ_MEMORY_UNKNOWN || after == GST_SEQ_MEMORY_UNKNOWN)
    return;
  if (walk->freed == GST_SEQ_MEMORY_UNKNOWN)
    walk->freed = 0;
  walk->freed += before > after ? before - after : 0;
}

static void
visit (PoolWalk * walk, CUmemoryPool pool, const gchar * name)
{
  GuardDevice *self = walk->guard;
  uint64_t zero = 0;

  if (self->lost != CUDA_SUCCESS)
    return;
  if (walk->sample != NULL)
    sample_pool (self, pool, name, walk->sample);
  if (walk->trim)
    trim_pool (self, pool, walk);
  if (walk->reset_peak)
    succeeded (self, driver_of (self)->MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH,
            &zero), "cuMemPoolSetAttribute");
}

static void
visit_registered (const CudaPool * pool, gpointer data)
{
  PoolWalk *walk = data;

  if (pool->pool != walk->default_pool && pool->pool != walk->current_pool)
    visit (walk, pool->pool, pool->name);
}

/* A pool of the device that nobody has ever reserved anything for is not looked at again and
 * again: one attribute tells. */
static gboolean
is_used (GuardDevice * self, CUmemoryPool pool, gboolean * used)
{
  guint64 high;

  if (!*used) {
    high = pool_attribute (self, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH);
    *used = high > 0 && high != GST_SEQ_MEMORY_UNKNOWN;
  }
  return *used;
}

static gboolean
has_pools (const CudaDriver * driver)
{
  return driver->DeviceGetDefaultMemPool != NULL && driver->DeviceGetMemPool != NULL
      && driver->MemPoolGetAttribute != NULL && driver->MemPoolSetAttribute != NULL
      && driver->MemPoolTrimTo != NULL;
}

/* Visits each pool once. The context is entered. */
static void
walk_pools (GuardDevice * self, PoolWalk * walk)
{
  const CudaDriver *driver = driver_of (self);
  CUdevice device = cuda_device_handle (self->device);
  guint i;

  walk->guard = self;
  walk->freed = GST_SEQ_MEMORY_UNKNOWN;
  if (!has_pools (driver))
    return;
  if (!succeeded (self, driver->DeviceGetDefaultMemPool (&walk->default_pool, device),
          "cuDeviceGetDefaultMemPool"))
    walk->default_pool = NULL;
  if (!succeeded (self, driver->DeviceGetMemPool (&walk->current_pool, device),
          "cuDeviceGetMemPool"))
    walk->current_pool = NULL;

  if (walk->default_pool != NULL && is_used (self, walk->default_pool, &self->default_used))
    visit (walk, walk->default_pool, "default-pool");
  if (walk->current_pool != NULL && walk->current_pool != walk->default_pool
      && is_used (self, walk->current_pool, &self->current_used))
    visit (walk, walk->current_pool, "current-pool");
  cuda_pool_foreach (self->ordinal, visit_registered, walk);
  /* somebody else's: only watched */
  for (i = 0; i < self->found->len && walk->sample != NULL; i++)
    visit (walk, g_array_index (self->found, CUmemoryPool, i), "found-pool");
}

/* ---- what the guard asks ---- */

static void
sample_device (GuardDevice * self, GuardSample * sample)
{
  GstSeqMemoryStats memory;
  size_t free_size = 0, total = 0;

  if (self->lost != CUDA_SUCCESS || (sample->memory.free != GST_SEQ_MEMORY_UNKNOWN
          && sample->memory.total != GST_SEQ_MEMORY_UNKNOWN)
      || !succeeded (self, driver_of (self)->MemGetInfo (&free_size, &total), "cuMemGetInfo"))
    return;
  gst_seq_memory_stats_init (&memory);
  /* what a provider has said counts */
  if (sample->memory.free == GST_SEQ_MEMORY_UNKNOWN)
    memory.free = free_size;
  if (sample->memory.total == GST_SEQ_MEMORY_UNKNOWN)
    memory.total = total;
  guard_sample_add (sample, "device", &memory);
}

void
guard_device_sample (GuardDevice * self, GuardSample * sample)
{
  PoolWalk walk = { .sample = sample };

  if (!enter (self))
    return;
  /* never both: a provider's memory may lie in such a pool */
  if (sample->memory.allocated == GST_SEQ_MEMORY_UNKNOWN
      && sample->memory.reserved == GST_SEQ_MEMORY_UNKNOWN) {
    walk_pools (self, &walk);
    sample->from_pools = sample->memory.reserved != GST_SEQ_MEMORY_UNKNOWN;
  }
  sample_device (self, sample);
  leave (self);
}

gboolean
guard_device_is_capturing (GuardDevice * self)
{
  gboolean capturing;
  guint i;

  if (!enter (self))
    return FALSE;
  capturing = cuda_device_is_capturing (self->device);
  for (i = 0; i < self->streams->len && !capturing; i++) {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;

    capturing = succeeded (self, driver_of (self)->StreamIsCapturing (g_array_index
            (self->streams, CUstream, i), &status), "cuStreamIsCapturing")
        && status != CU_STREAM_CAPTURE_STATUS_NONE;
  }
  leave (self);
  return capturing;
}

void
guard_device_synchronize (GuardDevice * self)
{
  if (!enter (self))
    return;
  succeeded (self, driver_of (self)->CtxSynchronize (), "cuCtxSynchronize");
  leave (self);
}

guint64
guard_device_trim (GuardDevice * self, guint64 keep)
{
  PoolWalk walk = { .trim = TRUE, .keep = keep };

  if (!enter (self))
    return GST_SEQ_MEMORY_UNKNOWN;
  walk_pools (self, &walk);
  leave (self);
  return walk.freed;
}

void
guard_device_reset_peak (GuardDevice * self)
{
  PoolWalk walk = { .reset_peak = TRUE };

  if (!enter (self))
    return;
  walk_pools (self, &walk);
  leave (self);
}

gboolean
guard_device_is_lost (GuardDevice * self, GError ** error)
{
  gboolean lost;

  g_mutex_lock (&self->lock);
  lost = !cuda_check (self->lost, self->lost_in, error);
  g_mutex_unlock (&self->lock);
  return lost;
}

/* ---- found pools, streams ---- */

static CUdeviceptr
device_pointer (GstBuffer * buffer)
{
  GstMemory *memory = gst_buffer_n_memory (buffer) > 0 ? gst_buffer_peek_memory (buffer, 0) : NULL;
  CUdeviceptr pointer = 0;
  GstMapInfo map;

  if (memory == NULL)
    return 0;
  if (gst_is_seq_cuda_memory (memory))
    return gst_seq_cuda_memory_get_pointer (memory);
  if (gst_memory_is_type (memory, GST_CUDA_MEMORY_TYPE)
      && gst_memory_map (memory, &map, GST_MAP_READ | GST_SEQ_MAP_CUDA)) {
    pointer = (CUdeviceptr) GPOINTER_TO_SIZE (map.data);
    gst_memory_unmap (memory, &map);
  }
  return pointer;
}

/* Is it one that the guard knows anyway? */
static void
compare_pool (const CudaPool * pool, gpointer data)
{
  CUmemoryPool *wanted = data;

  if (pool->pool == *wanted)
    *wanted = NULL;
}

static CUmemoryPool
unless_known (GuardDevice * self, CUmemoryPool pool)
{
  const CudaDriver *driver = driver_of (self);
  CUdevice device = cuda_device_handle (self->device);
  CUmemoryPool known = NULL;

  if (driver->DeviceGetDefaultMemPool (&known, device) == CUDA_SUCCESS && known == pool)
    return NULL;
  if (driver->DeviceGetMemPool (&known, device) == CUDA_SUCCESS && known == pool)
    return NULL;
  cuda_pool_foreach (self->ordinal, compare_pool, &pool);
  return pool;
}

void
guard_device_find_pool (GuardDevice * self, GstBuffer * buffer)
{
  CUdeviceptr pointer = device_pointer (buffer);
  CUmemoryPool pool = NULL;

  if (!enter (self))
    return;
  g_array_set_size (self->found, 0);
  if (pointer != 0 && has_pools (driver_of (self))
      && succeeded (self, driver_of (self)->PointerGetAttribute (&pool,
              CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, pointer), "cuPointerGetAttribute")
      && pool != NULL && (pool = unless_known (self, pool)) != NULL)
    g_array_append_val (self->found, pool);
  leave (self);
}

void
guard_device_forget_pools (GuardDevice * self)
{
  g_mutex_lock (&self->lock);
  g_array_set_size (self->found, 0);
  g_mutex_unlock (&self->lock);
}

static gint
find_stream (GuardDevice * self, CUstream stream)
{
  guint i;

  for (i = 0; i < self->streams->len; i++)
    if (g_array_index (self->streams, CUstream, i) == stream)
      return i;
  return -1;
}

gboolean
guard_device_add_stream (GuardDevice * self, CUstream stream)
{
  gboolean is_new;

  g_mutex_lock (&self->lock);
  is_new = find_stream (self, stream) < 0;
  if (is_new)
    g_array_append_val (self->streams, stream);
  g_mutex_unlock (&self->lock);
  return is_new;
}

gboolean
guard_device_remove_stream (GuardDevice * self, CUstream stream)
{
  gint index;

  g_mutex_lock (&self->lock);
  index = find_stream (self, stream);
  if (index >= 0)
    g_array_remove_index_fast (self->streams, index);
  g_mutex_unlock (&self->lock);
  return index >= 0;
}
