/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guard relies on, and what its looks and trims cost: pools without a context, the pool
 * of a pointer, the time of each query, the time of a trim against the bytes that it frees. */

#include <gst/gst.h>

#include "gpu-figures.h"

/* ---- pools ---- */

static const gchar *
yes_or_no (gboolean yes)
{
  return yes ? "yes" : "no";
}

/* Must come first: afterwards there is a context. */
static void
show_queries_without_context (CudaDevice * device)
{
  const CudaDriver *driver = cuda_device_driver (device);
  CUmemoryPool pool = NULL, current = NULL;
  guint64 reserved = 0;
  CUresult result;

  figures_row ("a context exists before the first query", "%s",
      yes_or_no (cuda_device_is_active (device)));
  result = driver->DeviceGetDefaultMemPool (&pool, cuda_device_handle (device));
  figures_row ("cuDeviceGetDefaultMemPool without a context", "%s", cuda_error_name (result));
  figures_row ("… which makes a context", "%s", yes_or_no (cuda_device_is_active (device)));
  if (result != CUDA_SUCCESS)
    return;
  result = driver->DeviceGetMemPool (&current, cuda_device_handle (device));
  figures_row ("cuDeviceGetMemPool without a context", "%s", cuda_error_name (result));
  result = driver->MemPoolGetAttribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved);
  figures_row ("cuMemPoolGetAttribute without a context", "%s", cuda_error_name (result));
  figures_row ("… which makes a context", "%s", yes_or_no (cuda_device_is_active (device)));
}

static CUmemoryPool
create_pool (CudaDevice * device)
{
  CudaMemPoolProps props = {
    .alloc_type = CU_MEM_ALLOCATION_TYPE_PINNED,
    .location = { CU_MEM_LOCATION_TYPE_DEVICE, cuda_device_handle (device) },
  };
  guint64 threshold = G_MAXUINT64;
  CUmemoryPool pool;

  CHECK (cuda_device_driver (device)->MemPoolCreate (&pool, &props));
  CHECK (cuda_device_driver (device)->MemPoolSetAttribute (pool,
          CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  return pool;
}

static void
show_pool_of_pointer (const CudaDriver * driver, const gchar * figure, CUdeviceptr pointer,
    CUmemoryPool expected)
{
  CUmemoryPool pool = NULL;
  CUresult result =
      driver->PointerGetAttribute (&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, pointer);

  if (result != CUDA_SUCCESS)
    figures_row (figure, "%s", cuda_error_name (result));
  else
    figures_row (figure, "%s", pool == NULL ? "none" : pool == expected ? "its pool" : "another");
}

static void
show_pools_of_pointers (CudaDevice * device, CUmemoryPool own, CUstream stream)
{
  const CudaDriver *driver = cuda_device_driver (device);
  CUmemoryPool standard;
  CUdeviceptr pointer;

  CHECK (driver->MemAlloc (&pointer, MIB));
  show_pool_of_pointer (driver, "pool of a pointer of cuMemAlloc", pointer, NULL);
  CHECK (driver->MemFree (pointer));

  CHECK (driver->DeviceGetDefaultMemPool (&standard, cuda_device_handle (device)));
  CHECK (driver->MemAllocFromPoolAsync (&pointer, MIB, standard, stream));
  show_pool_of_pointer (driver, "pool of a pointer of the default pool", pointer, standard);
  CHECK (driver->MemFreeAsync (pointer, stream));

  CHECK (driver->MemAllocFromPoolAsync (&pointer, 2 * MIB, own, stream));
  show_pool_of_pointer (driver, "pool of a pointer of a pool that was made", pointer, own);
  show_pool_of_pointer (driver, "… of an address within", pointer + MIB, own);
  CHECK (driver->MemFreeAsync (pointer, stream));
  CHECK (driver->StreamSynchronize (stream));
}

/* ---- the cost of a look ---- */

#define N_TIMES 301

/* Each query by itself, as a sample of the guard does it */
#define SHOW_COST(figure, call) \
  G_STMT_START { \
    gint64 times[N_TIMES]; \
    guint i; \
    for (i = 0; i < N_TIMES; i++) { \
      gint64 start = figures_now (); \
      CHECK (call); \
      times[i] = figures_now () - start; \
    } \
    figures_row ("cost of " figure, "%.2f µs", figures_median (times, N_TIMES) / 1e3); \
  } G_STMT_END

static void
show_cost_of_queries (CudaDevice * device, CUmemoryPool pool, CUstream stream)
{
  const CudaDriver *driver = cuda_device_driver (device);
  CUstreamCaptureStatus capture;
  gsize free_size, total;
  CUmemoryPool found;
  CUdeviceptr pointer;
  CUcontext context;
  guint64 value;
  guint flags;
  gint active;

  CHECK (driver->MemAllocFromPoolAsync (&pointer, MIB, pool, stream));
  CHECK (driver->StreamSynchronize (stream));
  SHOW_COST ("cuMemGetInfo", driver->MemGetInfo (&free_size, &total));
  SHOW_COST ("cuMemPoolGetAttribute", driver->MemPoolGetAttribute (pool,
          CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &value));
  SHOW_COST ("cuPointerGetAttribute (pool)", driver->PointerGetAttribute (&found,
          CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, pointer));
  SHOW_COST ("cuDevicePrimaryCtxGetState", driver->DevicePrimaryCtxGetState
      (cuda_device_handle (device), &flags, &active));
  SHOW_COST ("cuStreamIsCapturing", driver->StreamIsCapturing (stream, &capture));
  SHOW_COST ("cuCtxSynchronize, idle", driver->CtxSynchronize ());
  CHECK (driver->DevicePrimaryCtxRetain (&context, cuda_device_handle (device)));
  SHOW_COST ("cuCtxPushCurrent and cuCtxPopCurrent", driver->CtxPushCurrent (context)
      || driver->CtxPopCurrent (&context));
  CHECK (driver->DevicePrimaryCtxRelease (cuda_device_handle (device)));
  CHECK (driver->MemFreeAsync (pointer, stream));
}

/* ---- the cost of a trim ---- */

/* As a model leaves it: many pieces, all free by now */
static gboolean
fill_pool (const CudaDriver * driver, CUmemoryPool pool, CUstream stream, guint n_mib)
{
  CUdeviceptr *pieces = g_new0 (CUdeviceptr, n_mib / 8);
  gboolean ok = TRUE;
  guint i, n;

  for (n = 0; n < n_mib / 8 && ok; n += ok)
    ok = driver->MemAllocFromPoolAsync (&pieces[n], 8 * MIB, pool, stream) == CUDA_SUCCESS;
  for (i = 0; i < n; i++)
    CHECK (driver->MemFreeAsync (pieces[i], stream));
  CHECK (driver->StreamSynchronize (stream));
  g_free (pieces);
  return ok;
}

static void
show_cost_of_trim (const CudaDriver * driver, CUmemoryPool pool, CUstream stream, guint n_mib)
{
  gchar *figure = g_strdup_printf ("%u MiB: grow a pool, use it again, trim it", n_mib);
  gint64 times[4];
  guint64 left = 0;
  gboolean ok;

  CHECK (driver->MemPoolTrimTo (pool, 0));
  times[0] = figures_now ();
  ok = fill_pool (driver, pool, stream, n_mib);
  times[1] = figures_now ();
  ok = ok && fill_pool (driver, pool, stream, n_mib);
  times[2] = figures_now ();
  CHECK (driver->MemPoolTrimTo (pool, 0));
  times[3] = figures_now ();
  CHECK (driver->MemPoolGetAttribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &left));
  if (ok)
    figures_row (figure, "%.2f, %.2f, %.2f ms; %" G_GUINT64_FORMAT " MiB stay",
        (times[1] - times[0]) / 1e6, (times[2] - times[1]) / 1e6, (times[3] - times[2]) / 1e6,
        left / MIB);
  else
    figures_row (figure, "the device has not that much");
  g_free (figure);
}

int
main (int argc, char **argv)
{
  CudaDevice *device = figures_open_device ();
  const CudaDriver *driver = cuda_device_driver (device);
  GError *error = NULL;
  CUmemoryPool pool;
  CUstream stream;
  guint n_mib;

  if (driver->DeviceGetDefaultMemPool == NULL || driver->MemPoolCreate == NULL) {
    g_print ("a driver without memory pools\n");
    return EXIT_SKIP;
  }
  show_queries_without_context (device);

  if (!cuda_device_enter (device, &error))
    g_error ("%s", error->message);
  CHECK (driver->StreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  pool = create_pool (device);
  show_pools_of_pointers (device, pool, stream);
  show_cost_of_queries (device, pool, stream);
  for (n_mib = 16; n_mib <= 4096; n_mib *= 4)
    show_cost_of_trim (driver, pool, stream, n_mib);

  CHECK (driver->MemPoolDestroy (pool));
  CHECK (driver->StreamDestroy (stream));
  cuda_device_leave (device);
  cuda_device_unref (device);
  return 0;
}
