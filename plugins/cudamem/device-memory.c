/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-memory.h"

#include <gst/seq/seq.h>
#include <stdlib.h>

GST_DEBUG_CATEGORY_STATIC (cuda_memory_debug);
#define GST_CAT_DEFAULT cuda_memory_debug

/* of the host's copy of a memory: what vector code and other devices like */
#define HOST_ALIGNMENT 128

struct _CudaDeviceAllocator
{
  GstAllocator parent;
  CudaDevice *device;
  BlockCache *cache;
  CUstream upload_stream;
  /* of its own, so that a download doesn't wait for the uploads of later batches */
  CUstream download_stream;

  GMutex lock;
  GQueue copies;                /* of Copy, the oldest first */
  CudaUploadStats stats;
};

typedef struct
{
  GstSeqCudaMemory cuda;
  MemoryBlock *block;           /* NULL in a share */

  /* of the whole memory; a share uses those of its parent */
  GMutex lock;
  guint8 *host;                 /* the bytes, once somebody has mapped them */
  guint n_host_maps;            /* that are open */
  gboolean changed;             /* on the device, since they were downloaded */
  gboolean lost;                /* a change by the host did not get to the device */
} DeviceMemory;

/* A copy that is not known to be complete */
typedef struct
{
  GstMemory *memory;
  GstBuffer *source;
} Copy;

G_DEFINE_TYPE_WITH_CODE (CudaDeviceAllocator, cuda_device_allocator, GST_TYPE_ALLOCATOR,
    GST_DEBUG_CATEGORY_INIT (cuda_memory_debug, "cudamemory", 0, "CUDA device memory"))

static DeviceMemory *
whole (GstMemory * memory)
{
  return (DeviceMemory *) (memory->parent != NULL ? memory->parent : memory);
}

static CudaDeviceAllocator *
allocator_of (DeviceMemory * self)
{
  return CUDA_DEVICE_ALLOCATOR (self->cuda.memory.allocator);
}

/* Twice, because the first may report what went wrong before, instead of waiting; and what is under
 * way must not lose its memory. */
static gboolean
synchronise (CudaDeviceAllocator * self, CUstream stream, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (self->device);

  return driver->StreamSynchronize (stream) == CUDA_SUCCESS
      || cuda_check (driver->StreamSynchronize (stream), "cuStreamSynchronize", error);
}

/* ---- what a consumer does with it ---- */

static gboolean
device_memory_wait (GstSeqCudaMemory * memory, gpointer stream)
{
  DeviceMemory *self = whole (&memory->memory);
  CudaDevice *device = allocator_of (self)->device;
  CUresult result;

  if (!cuda_device_enter (device, NULL))
    return FALSE;
  result = cuda_device_driver (device)->StreamWaitEvent (stream, self->block->ready, 0);
  cuda_device_leave (device);
  return result == CUDA_SUCCESS;
}

/* An event that is recorded in a capture takes every stream that waits for it into the capture,
 * among them that of the uploads. */
static gboolean
device_memory_set_done (GstSeqCudaMemory * memory, gpointer stream)
{
  DeviceMemory *self = whole (&memory->memory);
  CudaDevice *device = allocator_of (self)->device;
  const CudaDriver *driver = cuda_device_driver (device);
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  gboolean ok;

  if (!cuda_device_enter (device, NULL))
    return FALSE;
  ok = driver->StreamIsCapturing (stream, &status) == CUDA_SUCCESS
      && status == CU_STREAM_CAPTURE_STATUS_NONE
      && driver->EventRecord (self->block->done, stream) == CUDA_SUCCESS;
  cuda_device_leave (device);
  return ok;
}

/* What is captured into a graph is not executed, so there is nothing to record then. The legacy
 * stream waits for what was recorded before: of a stream that doesn't wait for it, by a consumer
 * that still has the memory mapped, or by another one. */
static void
record_done_with_legacy_stream (DeviceMemory * self)
{
  CudaDevice *device = allocator_of (self)->device;
  const CudaDriver *driver = cuda_device_driver (device);

  if (!cuda_device_enter_to_release (device))
    return;
  if (!cuda_device_is_capturing (device)
      && (driver->StreamWaitEvent (NULL, self->block->done, 0) != CUDA_SUCCESS
          || driver->EventRecord (self->block->done, NULL) != CUDA_SUCCESS))
    driver->CtxSynchronize ();
  cuda_device_leave (device);
}

/* ---- maps ---- */

/* Copies in either direction between the memory and its copy in host memory, and waits for it. */
static gboolean
copy_whole (DeviceMemory * self, gboolean to_host, GError ** error)
{
  CudaDeviceAllocator *allocator = allocator_of (self);
  const CudaDriver *driver = cuda_device_driver (allocator->device);
  CUstream stream = allocator->download_stream;
  gsize size = self->cuda.memory.maxsize;
  gboolean ok;

  if (!cuda_device_enter (allocator->device, error))
    return FALSE;
  ok = cuda_check (driver->StreamWaitEvent (stream, self->block->ready, 0), "cuStreamWaitEvent",
      error)
      && cuda_check (driver->StreamWaitEvent (stream, self->block->done, 0), "cuStreamWaitEvent",
      error);
  if (ok && to_host)
    ok = cuda_check (driver->MemcpyDtoHAsync (self->host, self->cuda.pointer, size, stream),
        "cuMemcpyDtoHAsync", error);
  else if (ok)
    ok = cuda_check (driver->MemcpyHtoDAsync (self->cuda.pointer, self->host, size, stream),
        "cuMemcpyHtoDAsync", error);
  /* also after an error: nothing may be under way to memory that is about to be freed */
  ok = synchronise (allocator, stream, ok ? error : NULL) && ok;
  cuda_device_leave (allocator->device);
  return ok;
}

/* Twice, because who maps can't go on without. */
static gboolean
download (DeviceMemory * self, GError ** error)
{
  return copy_whole (self, TRUE, NULL) || copy_whole (self, TRUE, error);
}

/* Who has it mapped already sees what has changed on the device, too. */
static gpointer
map_host (DeviceMemory * self)
{
  GError *why = NULL;

  if (self->host != NULL && self->changed) {
    if (!download (self, &why)) {
      GST_ERROR ("can't download a change: %s", why->message);
      g_error_free (why);
      return NULL;
    }
    self->changed = FALSE;
  }
  if (self->host != NULL)
    return self->host;
  if (posix_memalign ((void **) &self->host, HOST_ALIGNMENT, MAX (self->cuda.memory.maxsize, 1)))
    self->host = NULL;
  else if (!download (self, &why))
    g_clear_pointer (&self->host, free);
  if (self->host == NULL)
    GST_ERROR ("can't download %" G_GSIZE_FORMAT " bytes: %s", self->cuda.memory.maxsize,
        why != NULL ? why->message : "no host memory");
  g_clear_error (&why);
  return self->host;
}

static gpointer
map_device (DeviceMemory * self)
{
  CudaDevice *device = allocator_of (self)->device;
  GError *why = NULL;
  gboolean ok;

  ok = cuda_device_enter (device, &why);
  if (ok) {
    ok = cuda_check (cuda_device_driver (device)->EventSynchronize (self->block->ready),
        "cuEventSynchronize", &why);
    cuda_device_leave (device);
  }
  if (!ok) {
    GST_ERROR ("can't wait for a copy: %s", why->message);
    g_error_free (why);
  }
  return ok ? GSIZE_TO_POINTER (self->cuda.pointer) : NULL;
}

static gpointer
device_memory_map (GstMemory * memory, GstMapInfo * info, gsize size)
{
  gboolean by_device = (info->flags & GST_SEQ_MAP_CUDA) != 0;
  DeviceMemory *self = whole (memory);
  gpointer data = NULL;

  g_mutex_lock (&self->lock);
  if (!self->lost)
    data = by_device ? map_device (self) : map_host (self);
  self->n_host_maps += data != NULL && !by_device;
  g_mutex_unlock (&self->lock);
  return data;
}

/* A copy in host memory that is not that of the device any more goes, unless it is mapped. */
static void
drop_changed (DeviceMemory * self)
{
  if (!self->changed || self->n_host_maps > 0)
    return;
  g_clear_pointer (&self->host, free);
  self->changed = FALSE;
}

static void
device_memory_unmap (GstMemory * memory, GstMapInfo * info)
{
  DeviceMemory *self = whole (memory);
  GError *why = NULL;

  g_mutex_lock (&self->lock);
  if (info->flags & GST_SEQ_MAP_CUDA) {
    record_done_with_legacy_stream (self);
    self->changed |= self->host != NULL && info->flags & GST_MAP_WRITE;
  } else {
    self->n_host_maps--;
    if (info->flags & GST_MAP_WRITE && !copy_whole (self, FALSE, &why)) {
      GST_ERROR ("can't copy a change to the device: %s", why->message);
      g_error_free (why);
      self->lost = TRUE;
    }
  }
  drop_changed (self);
  g_mutex_unlock (&self->lock);
}

/* ---- memory ---- */

static GstMemory *
device_memory_new (CudaDeviceAllocator * allocator, MemoryBlock * block, gsize size)
{
  DeviceMemory *self = g_new0 (DeviceMemory, 1);

  gst_memory_init (GST_MEMORY_CAST (self), 0, GST_ALLOCATOR_CAST (allocator), NULL, size, 0, 0,
      size);
  self->cuda.device_id = cuda_device_ordinal (allocator->device);
  self->cuda.pointer = block->address;
  self->cuda.ready = block->ready;
  self->cuda.wait = device_memory_wait;
  self->cuda.set_done = device_memory_set_done;
  self->block = block;
  g_mutex_init (&self->lock);
  return GST_MEMORY_CAST (self);
}

static GstMemory *
device_memory_share (GstMemory * memory, gssize offset, gssize size)
{
  DeviceMemory *parent = whole (memory);
  DeviceMemory *share = g_new0 (DeviceMemory, 1);

  if (size == -1)
    size = (gssize) memory->size - offset;
  share->cuda = parent->cuda;
  memset (&share->cuda.memory, 0, sizeof share->cuda.memory);
  g_mutex_init (&share->lock);
  gst_memory_init (GST_MEMORY_CAST (share),
      GST_MINI_OBJECT_FLAGS (parent) | GST_MINI_OBJECT_FLAG_LOCK_READONLY, memory->allocator,
      GST_MEMORY_CAST (parent), memory->maxsize, memory->align, memory->offset + offset, size);
  return GST_MEMORY_CAST (share);
}

static gboolean
is_lost (DeviceMemory * self)
{
  gboolean lost;

  g_mutex_lock (&self->lock);
  lost = self->lost;
  g_mutex_unlock (&self->lock);
  return lost;
}

/* In the order of the uploads, and done when it returns: copies of device memory are rare. */
static GstMemory *
device_memory_copy (GstMemory * memory, gssize offset, gssize size)
{
  DeviceMemory *source = whole (memory);
  CudaDeviceAllocator *allocator = allocator_of (source);
  const CudaDriver *driver = cuda_device_driver (allocator->device);
  CUstream stream = allocator->upload_stream;
  GstMemory *copy = NULL;
  MemoryBlock *block;
  GError *why = NULL;
  gboolean ok;

  if (size == -1)
    size = (gssize) memory->size - offset;
  if (is_lost (source)) {
    GST_ERROR_OBJECT (allocator, "a change of the memory did not get to the device");
    return NULL;
  }
  block = block_cache_acquire (allocator->cache, size, &why);
  ok = block != NULL && cuda_device_enter (allocator->device, &why);
  if (ok) {
    ok = cuda_check (driver->StreamWaitEvent (stream, source->block->ready, 0),
        "cuStreamWaitEvent", &why)
        && cuda_check (driver->StreamWaitEvent (stream, source->block->done, 0),
        "cuStreamWaitEvent", &why)
        && cuda_check (driver->StreamWaitEvent (stream, block->done, 0), "cuStreamWaitEvent", &why)
        && cuda_check (driver->MemcpyDtoDAsync (block->address,
            source->cuda.pointer + memory->offset + offset, size, stream), "cuMemcpyDtoDAsync",
        &why)
        && cuda_check (driver->EventRecord (block->ready, stream), "cuEventRecord", &why);
    ok = synchronise (allocator, stream, ok ? &why : NULL) && ok;
    cuda_device_leave (allocator->device);
  }
  if (ok)
    copy = device_memory_new (allocator, block, size);
  else if (block != NULL)
    block_cache_release (block);
  if (copy == NULL)
    GST_ERROR_OBJECT (allocator, "can't copy device memory: %s",
        why != NULL ? why->message : "the copy failed");
  g_clear_error (&why);
  return copy;
}

static void
cuda_device_allocator_free (GstAllocator * allocator, GstMemory * memory)
{
  DeviceMemory *self = (DeviceMemory *) memory;

  free (self->host);
  if (self->block != NULL)
    block_cache_release (self->block);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- uploads ---- */

static gboolean
enqueue (CudaDeviceAllocator * self, MemoryBlock * block, const CudaUploadPart * parts,
    guint n_parts, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  CUstream stream = self->upload_stream;
  gboolean ok;
  guint i;

  ok = cuda_check (driver->StreamWaitEvent (stream, block->done, 0), "cuStreamWaitEvent", error)
      && cuda_check (driver->EventRecord (block->started, stream), "cuEventRecord", error);
  for (i = 0; i < n_parts && ok; i++)
    if (parts[i].size > 0)
      ok = cuda_check (driver->MemcpyHtoDAsync (block->address + parts[i].offset, parts[i].data,
              parts[i].size, stream), "cuMemcpyHtoDAsync", error);
  return ok && cuda_check (driver->EventRecord (block->ready, stream), "cuEventRecord", error);
}

/* What keeps the bytes of @source. A buffer of a pool may be the only one that there is, and
 * whoever waits for it would wait for a copy that is only looked at when the next buffer comes. So
 * its memory alone is kept, and the pool makes another. */
static GstBuffer *
hold_source (GstBuffer * source)
{
  guint i, n = gst_buffer_n_memory (source);
  GstBuffer *held;

  if (source->pool == NULL)
    return gst_buffer_ref (source);
  held = gst_buffer_new ();
  for (i = 0; i < n; i++)
    gst_buffer_append_memory (held, gst_buffer_get_memory (source, i));
  return held;
}

GstMemory *
cuda_device_allocator_upload (GstAllocator * allocator, gsize size, const CudaUploadPart * parts,
    guint n_parts, GstBuffer * source, GError ** error)
{
  CudaDeviceAllocator *self = CUDA_DEVICE_ALLOCATOR (allocator);
  MemoryBlock *block = block_cache_acquire (self->cache, size, error);
  GstMemory *memory = NULL;
  Copy *copy;

  if (block == NULL)
    return NULL;
  if (!cuda_device_enter (self->device, error)) {
    block_cache_release (block);
    return NULL;
  }
  if (enqueue (self, block, parts, n_parts, error)) {
    memory = device_memory_new (self, block, size);
    copy = g_new (Copy, 1);
    *copy = (Copy) { gst_memory_ref (memory), hold_source (source) };
    g_mutex_lock (&self->lock);
    g_queue_push_tail (&self->copies, copy);
    self->stats.uploads++;
    self->stats.size += size;
    g_mutex_unlock (&self->lock);
  } else {
    /* a part of it may be under way */
    synchronise (self, self->upload_stream, NULL);
    block_cache_release (block);
  }
  cuda_device_leave (self->device);
  return memory;
}

/* CUDA_SUCCESS, CUDA_ERROR_NOT_READY, or an error that waiting has confirmed */
static CUresult
copy_state (CudaDeviceAllocator * self, const Copy * copy, gboolean wait)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  CUevent ready = ((DeviceMemory *) copy->memory)->block->ready;
  CUresult result = wait ? driver->EventSynchronize (ready) : driver->EventQuery (ready);

  if (result == CUDA_SUCCESS || result == CUDA_ERROR_NOT_READY)
    return result;
  return driver->EventSynchronize (ready);
}

static void
copy_complete (CudaDeviceAllocator * self, Copy * copy)
{
  MemoryBlock *block = ((DeviceMemory *) copy->memory)->block;
  float ms = 0;

  if (cuda_device_driver (self->device)->EventElapsedTime (&ms, block->started,
          block->ready) == CUDA_SUCCESS) {
    g_mutex_lock (&self->lock);
    self->stats.time += (GstClockTime) (ms * GST_MSECOND);
    g_mutex_unlock (&self->lock);
  }
}

static void
copy_free (Copy * copy)
{
  gst_memory_unref (copy->memory);
  gst_buffer_unref (copy->source);
  g_free (copy);
}

/* The oldest copy, unless it isn't due yet; NULL at the end */
static Copy *
take_copy (CudaDeviceAllocator * self, gboolean * must_wait, guint most)
{
  Copy *copy;

  g_mutex_lock (&self->lock);
  *must_wait = g_queue_get_length (&self->copies) > most;
  copy = g_queue_pop_head (&self->copies);
  g_mutex_unlock (&self->lock);
  return copy;
}

gboolean
cuda_device_allocator_poll (GstAllocator * allocator, guint most, GError ** error)
{
  CudaDeviceAllocator *self = CUDA_DEVICE_ALLOCATOR (allocator);
  CUresult result, failure = CUDA_SUCCESS;
  gboolean wait;
  Copy *copy;

  /* twice, because the copies, which hold the allocator, are let go of nowhere else */
  if (!cuda_device_enter (self->device, NULL) && !cuda_device_enter (self->device, error))
    return FALSE;
  while ((copy = take_copy (self, &wait, most)) != NULL) {
    /* after a failure there is nothing to go on for, so all others come to an end, too */
    result = copy_state (self, copy, wait || failure != CUDA_SUCCESS);
    if (result == CUDA_ERROR_NOT_READY) {
      g_mutex_lock (&self->lock);
      g_queue_push_head (&self->copies, copy);
      g_mutex_unlock (&self->lock);
      break;
    }
    if (result == CUDA_SUCCESS)
      copy_complete (self, copy);
    else if (failure == CUDA_SUCCESS)
      failure = result;
    copy_free (copy);
  }
  cuda_device_leave (self->device);
  return cuda_check (failure, "copy to the device", error);
}

void
cuda_device_allocator_reserve (GstAllocator * allocator, guint n, gsize size)
{
  GError *why = NULL;

  if (block_cache_reserve (CUDA_DEVICE_ALLOCATOR (allocator)->cache, n, size, &why) == 0) {
    GST_INFO_OBJECT (allocator, "no device memory ahead: %s", why->message);
    g_error_free (why);
  }
}

void
cuda_device_allocator_stats (GstAllocator * allocator, CudaUploadStats * stats)
{
  CudaDeviceAllocator *self = CUDA_DEVICE_ALLOCATOR (allocator);

  g_mutex_lock (&self->lock);
  *stats = self->stats;
  g_mutex_unlock (&self->lock);
  block_cache_stats (self->cache, &stats->device_size, &stats->allocations);
}

/* ---- allocator ---- */

static void
cuda_device_allocator_finalize (GObject * object)
{
  CudaDeviceAllocator *self = CUDA_DEVICE_ALLOCATOR (object);
  const CudaDriver *driver;

  g_clear_pointer (&self->cache, block_cache_unref);
  if (self->device != NULL && !cuda_driver_is_forked ()
      && cuda_device_enter_to_release (self->device)) {
    driver = cuda_device_driver (self->device);
    if (self->upload_stream != NULL)
      driver->StreamDestroy (self->upload_stream);
    if (self->download_stream != NULL)
      driver->StreamDestroy (self->download_stream);
    cuda_device_leave (self->device);
  }
  g_clear_pointer (&self->device, cuda_device_unref);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (cuda_device_allocator_parent_class)->finalize (object);
}

static void
cuda_device_allocator_class_init (CudaDeviceAllocatorClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = cuda_device_allocator_finalize;
  GST_ALLOCATOR_CLASS (klass)->free = cuda_device_allocator_free;
}

static void
cuda_device_allocator_init (CudaDeviceAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR_CAST (self);

  g_mutex_init (&self->lock);
  g_queue_init (&self->copies);
  allocator->mem_type = GST_SEQ_CUDA_MEMORY_TYPE;
  allocator->mem_map_full = device_memory_map;
  allocator->mem_unmap_full = device_memory_unmap;
  allocator->mem_share = device_memory_share;
  allocator->mem_copy = device_memory_copy;
  GST_OBJECT_FLAG_SET (self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

GstAllocator *
cuda_device_allocator_new (CudaDevice * device, GError ** error)
{
  CudaDeviceAllocator *self = g_object_new (CUDA_TYPE_DEVICE_ALLOCATOR, NULL);
  const CudaDriver *driver = cuda_device_driver (device);
  gboolean ok;

  gst_object_ref_sink (self);
  self->device = cuda_device_ref (device);
  self->cache = block_cache_new (device, BLOCK_DEVICE, 0);
  ok = cuda_device_enter (device, error);
  if (ok) {
    ok = cuda_check (driver->StreamCreate (&self->upload_stream, CU_STREAM_NON_BLOCKING),
        "cuStreamCreate", error)
        && cuda_check (driver->StreamCreate (&self->download_stream, CU_STREAM_NON_BLOCKING),
        "cuStreamCreate", error);
    cuda_device_leave (device);
  }
  if (!ok)
    gst_clear_object (&self);
  return (GstAllocator *) self;
}
