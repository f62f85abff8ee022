/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "allocator-exports.h"

#include "device.h"
#include "pool-registry.h"

GST_DEBUG_CATEGORY_STATIC (cuda_allocator_debug);
#define GST_CAT_DEFAULT cuda_allocator_debug

#define POOL_NAME "gst-seq"

/* A device and the pool of its allocations. Neither is ever given up: an application frees its last
 * arrays when the process ends, in no particular order with anything else. */
typedef struct
{
  CudaDevice *device;
  CUmemoryPool pool;
} DevicePool;

static GMutex pools_lock;
static GPtrArray *pools;        /* of DevicePool, which stay where they are */

/* ---- pools ---- */

static gboolean
check_pools_supported (const CudaDriver * driver, CUdevice device, GError ** error)
{
  gint supported = 0;

  if (driver->MemPoolCreate != NULL && driver->MemPoolSetAttribute != NULL
      && driver->MemPoolTrimTo != NULL && driver->MemAllocFromPoolAsync != NULL
      && driver->MemFreeAsync != NULL
      && !cuda_check (driver->DeviceGetAttribute (&supported,
              CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, device), "cuDeviceGetAttribute", error))
    return FALSE;
  if (!supported)
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL,
        "the device or its driver has no memory pools");
  return supported;
}

static gboolean
create_pool (CudaDevice * device, CUmemoryPool * pool, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (device);
  /* Without a threshold a pool gives all that is free back at each synchronisation. When to give
   * something back is the guard's business. */
  guint64 threshold = G_MAXUINT64;
  CudaMemPoolProps props = {
    .alloc_type = CU_MEM_ALLOCATION_TYPE_PINNED,
    .handle_types = CU_MEM_HANDLE_TYPE_NONE,
    .location = { CU_MEM_LOCATION_TYPE_DEVICE, cuda_device_handle (device) },
  };

  if (!check_pools_supported (driver, cuda_device_handle (device), error)
      || !cuda_check (driver->MemPoolCreate (pool, &props), "cuMemPoolCreate", error))
    return FALSE;
  if (!cuda_check (driver->MemPoolSetAttribute (*pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
              &threshold), "cuMemPoolSetAttribute", error)) {
    driver->MemPoolDestroy (*pool);
    return FALSE;
  }
  return TRUE;
}

static DevicePool *
make_pool (gint ordinal, GError ** error)
{
  CudaDevice *device = cuda_device_get (ordinal, error);
  DevicePool *made = NULL;
  CUmemoryPool pool;

  if (device == NULL || !cuda_device_enter (device, error))
    goto out;
  if (create_pool (device, &pool, error)) {
    made = g_new (DevicePool, 1);
    *made = (DevicePool) { cuda_device_ref (device), pool };
    cuda_pool_register (pool, ordinal, POOL_NAME);
    GST_INFO ("pool of device %d, %s", ordinal, cuda_device_name (device));
  }
  cuda_device_leave (device);

out:
  g_clear_pointer (&device, cuda_device_unref);
  return made;
}

static DevicePool *
find_pool_locked (gint ordinal)
{
  guint i;

  for (i = 0; pools != NULL && i < pools->len; i++) {
    DevicePool *item = g_ptr_array_index (pools, i);

    if (cuda_device_ordinal (item->device) == ordinal)
      return item;
  }
  return NULL;
}

/* NULL, with @error, where there can be none */
static DevicePool *
get_pool (gint ordinal, GError ** error)
{
  DevicePool *item;

  /* ends here in a forked child, where the thread that held the lock may be missing */
  if (cuda_driver_get (error) == NULL)
    return NULL;

  g_mutex_lock (&pools_lock);
  if (pools == NULL) {
    GST_DEBUG_CATEGORY_INIT (cuda_allocator_debug, "cudaallocator", 0, "Exported allocators");
    pools = g_ptr_array_new ();
  }
  item = find_pool_locked (ordinal);
  if (item == NULL) {
    item = make_pool (ordinal, error);
    if (item != NULL)
      g_ptr_array_add (pools, item);
  }
  g_mutex_unlock (&pools_lock);
  return item;
}

/* ---- allocations ---- */

static gboolean
is_capturing (DevicePool * self, CUstream stream)
{
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;

  return cuda_device_is_capturing (self->device)
      || cuda_device_driver (self->device)->StreamIsCapturing (stream, &status) != CUDA_SUCCESS
      || status != CU_STREAM_CAPTURE_STATUS_NONE;
}

/* Needs the context entered. */
static CUdeviceptr
allocate (DevicePool * self, gsize size, CUstream stream, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  CUdeviceptr data = 0;
  CUresult result = driver->MemAllocFromPoolAsync (&data, size, self->pool, stream);

  /* What was freed but is still in use on the device, in whatever stream, counts only after a
   * synchronisation; and that would break a capture. */
  if (result == CUDA_ERROR_OUT_OF_MEMORY && !is_capturing (self, stream)
      && driver->CtxSynchronize () == CUDA_SUCCESS
      && driver->MemPoolTrimTo (self->pool, 0) == CUDA_SUCCESS)
    result = driver->MemAllocFromPoolAsync (&data, size, self->pool, stream);
  return cuda_check (result, "cuMemAllocFromPoolAsync", error) ? data : 0;
}

static gpointer
pool_malloc (gsize size, gint ordinal, CUstream stream)
{
  GError *error = NULL;
  CUdeviceptr data = 0;
  DevicePool *self;

  if (size == 0)
    return NULL;
  self = get_pool (ordinal, &error);
  if (self != NULL && cuda_device_enter (self->device, &error)) {
    data = allocate (self, size, stream, &error);
    cuda_device_leave (self->device);
  }
  if (error != NULL)
    g_warning ("no %" G_GSIZE_FORMAT " bytes on GPU %d: %s", size, ordinal, error->message);
  g_clear_error (&error);
  return (gpointer) (guintptr) data;
}

static void
pool_free (gpointer data, gint ordinal, CUstream stream)
{
  DevicePool *self = data != NULL ? get_pool (ordinal, NULL) : NULL;
  gboolean freed = FALSE;

  if (self == NULL)
    return;
  if (cuda_device_enter_to_release (self->device)) {
    freed = cuda_device_driver (self->device)->MemFreeAsync ((CUdeviceptr) (guintptr) data,
        stream) == CUDA_SUCCESS;
    cuda_device_leave (self->device);
  }
  /* at the end of the process the driver may have gone before, and all memory with it */
  if (!freed)
    GST_WARNING ("memory of device %d can't be freed", ordinal);
}

/* ---- what is exported ---- */

void *
gst_seq_torch_malloc (ssize_t size, int device, CUstream stream)
{
  return size > 0 ? pool_malloc ((gsize) size, device, stream) : NULL;
}

void
gst_seq_torch_free (void *data, ssize_t size, int device, CUstream stream)
{
  pool_free (data, device, stream);
}

void *
gst_seq_cupy_malloc (void *param, size_t size, int device)
{
  return pool_malloc (size, device, NULL);
}

void
gst_seq_cupy_free (void *param, void *data, int device)
{
  pool_free (data, device, NULL);
}
