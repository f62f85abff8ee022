/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The allocator functions that libgstcudamem.so exports, called as PyTorch and CuPy call them: by
 * name, in the file that GStreamer loads the plugin from. */

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gst/gst.h>

#include "device.h"
#include "fakecuda.h"

#define MIB (G_GUINT64_CONSTANT (1) << 20)
#define NO_MEMORY "no * bytes on GPU *: "

static struct
{
  gpointer (*torch_malloc) (gssize size, int device, CUstream stream);
  void (*torch_free) (gpointer data, gssize size, int device, CUstream stream);
  gpointer (*cupy_malloc) (gpointer param, gsize size, int device);
  void (*cupy_free) (gpointer param, gpointer data, int device);
} exports;

static void
find_symbol (gpointer library, const gchar * name, gpointer function)
{
  gpointer address = dlsym (library, name);

  g_assert_nonnull (address);
  memcpy (function, &address, sizeof address);
}

static void
load_exports (void)
{
  GstPlugin *plugin = gst_registry_find_plugin (gst_registry_get (), "cudamem");
  gpointer library;

  g_assert_nonnull (plugin);
  library = dlopen (gst_plugin_get_filename (plugin), RTLD_NOW | RTLD_LOCAL);
  g_assert_nonnull (library);
  find_symbol (library, "gst_seq_torch_malloc", &exports.torch_malloc);
  find_symbol (library, "gst_seq_torch_free", &exports.torch_free);
  find_symbol (library, "gst_seq_cupy_malloc", &exports.cupy_malloc);
  find_symbol (library, "gst_seq_cupy_free", &exports.cupy_free);
  gst_object_unref (plugin);
}

static void
expect_warning (const gchar * reason)
{
  gchar *pattern = g_strconcat (NO_MEMORY, reason, NULL);

  g_test_expect_message ("Gstcudamem", G_LOG_LEVEL_WARNING, pattern);
  g_free (pattern);
}

/* ---- the driver, as the test sees it ---- */

#define CHECK(call) g_assert_cmpint (call, ==, CUDA_SUCCESS)

typedef struct
{
  CudaDevice *device;
  const CudaDriver *driver;
  CUstream stream;
} Gpu;

static void
gpu_open (Gpu * gpu, gint ordinal)
{
  GError *error = NULL;

  gpu->device = cuda_device_get (ordinal, &error);
  g_assert_no_error (error);
  gpu->driver = cuda_device_driver (gpu->device);
  cuda_device_enter (gpu->device, &error);
  g_assert_no_error (error);
  CHECK (gpu->driver->StreamCreate (&gpu->stream, CU_STREAM_NON_BLOCKING));
}

static void
gpu_close (Gpu * gpu)
{
  CHECK (gpu->driver->StreamSynchronize (gpu->stream));
  CHECK (gpu->driver->StreamDestroy (gpu->stream));
  cuda_device_leave (gpu->device);
  cuda_device_unref (gpu->device);
}

static CUmemoryPool
pool_of (Gpu * gpu, gpointer data)
{
  CUmemoryPool pool = NULL;

  CHECK (gpu->driver->PointerGetAttribute (&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE,
          (CUdeviceptr) (guintptr) data));
  g_assert_nonnull (pool);
  return pool;
}

static guint64
pool_value (Gpu * gpu, CUmemoryPool pool, CUmemPool_attribute attribute)
{
  guint64 value = 0;

  CHECK (gpu->driver->MemPoolGetAttribute (pool, attribute, &value));
  return value;
}

static void
assert_no_problems (void)
{
  const FakeCuda *fake = fakecuda_find ();

  if (fake != NULL)
    g_assert_cmpuint (fake->problems (), ==, 0);
}

/* ---- tests ---- */

/* What torch loads by its path is what GStreamer has loaded. */
static void
test_one_image (void)
{
  GstElement *guard = gst_element_factory_make ("cudamemguard", NULL);
  gpointer library;
  GstPlugin *plugin;

  g_assert_nonnull (guard);
  plugin = gst_registry_find_plugin (gst_registry_get (), "cudamem");
  library = dlopen (gst_plugin_get_filename (plugin), RTLD_NOW | RTLD_NOLOAD);
  g_assert_nonnull (library);
  g_assert_true (dlsym (library, "gst_seq_torch_malloc") == (gpointer) exports.torch_malloc);
  dlclose (library);
  gst_object_unref (plugin);
  gst_object_unref (guard);
}

static void
test_sizes (void)
{
  gpointer small, large, third;
  CUmemoryPool pool;
  Gpu gpu;

  g_assert_null (exports.torch_malloc (0, 0, NULL));
  g_assert_null (exports.torch_malloc (-1, 0, NULL));
  g_assert_null (exports.cupy_malloc (NULL, 0, 0));
  exports.torch_free (NULL, 0, 0, NULL);
  exports.cupy_free (NULL, NULL, 0);

  gpu_open (&gpu, 0);
  small = exports.torch_malloc (1, 0, gpu.stream);
  large = exports.torch_malloc (40 * MIB, 0, gpu.stream);
  third = exports.cupy_malloc (NULL, 3 * MIB, 0);
  g_assert_true (small != NULL && large != NULL && third != NULL);
  pool = pool_of (&gpu, small);
  g_assert_true (pool == pool_of (&gpu, large) && pool == pool_of (&gpu, third));
  g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), >=, 43 * MIB);

  exports.torch_free (small, 1, 0, gpu.stream);
  exports.torch_free (large, 40 * MIB, 0, gpu.stream);
  exports.cupy_free (NULL, third, 0);
  CHECK (gpu.driver->CtxSynchronize ());
  g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), ==, 0);
  /* what was freed waits for the next, until somebody trims */
  g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), >=, 43 * MIB);
  gpu_close (&gpu);
  assert_no_problems ();
}

static void
test_reuse (void)
{
  guint64 reserved = 0;
  CUmemoryPool pool;
  gpointer data;
  Gpu gpu;
  guint i;

  gpu_open (&gpu, 0);
  for (i = 0; i < 100; i++) {
    data = exports.torch_malloc (64 * MIB, 0, gpu.stream);
    g_assert_nonnull (data);
    pool = pool_of (&gpu, data);
    if (i == 0)
      reserved = pool_value (&gpu, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
    g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), ==, reserved);
    exports.torch_free (data, 64 * MIB, 0, gpu.stream);
  }
  gpu_close (&gpu);
  assert_no_problems ();
}

/* Whatever context is current stays it, and does not matter. */
static void
test_two_devices (void)
{
  CUcontext other, current = NULL;
  gpointer first, second;
  GError *error = NULL;
  gint count = 0;
  Gpu gpu;

  CHECK (cuda_driver_get (&error)->DeviceGetCount (&count));
  if (count < 2) {
    g_test_skip ("one device");
    return;
  }
  gpu_open (&gpu, 0);
  CHECK (gpu.driver->DevicePrimaryCtxRetain (&other, 1));
  CHECK (gpu.driver->CtxPushCurrent (other));
  first = exports.torch_malloc (MIB, 0, NULL);
  second = exports.torch_malloc (MIB, 1, NULL);
  g_assert_true (pool_of (&gpu, first) != pool_of (&gpu, second));
  exports.torch_free (first, MIB, 0, NULL);
  exports.torch_free (second, MIB, 1, NULL);
  CHECK (gpu.driver->CtxSynchronize ());
  CHECK (gpu.driver->CtxPopCurrent (&current));
  g_assert_true (current == other);
  CHECK (gpu.driver->DevicePrimaryCtxRelease (1));
  gpu_close (&gpu);

  expect_warning ("no device 99; there are *");
  g_assert_null (exports.torch_malloc (MIB, 99, NULL));
  g_test_assert_expected_messages ();
  assert_no_problems ();
}

/* Allocates and frees @size bytes in pieces that can't be put together. The free comes after a
 * second of other work. */
static void
leave_pieces (Gpu * gpu, gsize size)
{
  const FakeCuda *fake = fakecuda_find ();
  guint n = size / (32 * MIB), i;
  gpointer *pieces = g_new (gpointer, n);

  for (i = 0; i < n; i++)
    pieces[i] = exports.torch_malloc (30 * MIB, 0, gpu->stream);
  if (fake != NULL)
    CHECK (fake->kernel (gpu->stream, 1000000000, 0, 0, NULL, 0, 0, -1));
  for (i = 0; i < n; i++)
    exports.torch_free (pieces[i], 30 * MIB, 0, gpu->stream);
  g_free (pieces);
}

/* What is free, or will be when another stream has come to it, is given back before the device is
 * called full. */
static void
test_full (void)
{
  gsize free_size, total, size;
  CUstream other;
  gpointer data;
  Gpu gpu;

  gpu_open (&gpu, 0);
  CHECK (gpu.driver->StreamCreate (&other, CU_STREAM_NON_BLOCKING));
  CHECK (gpu.driver->MemGetInfo (&free_size, &total));
  size = free_size / 5 * 3;
  leave_pieces (&gpu, size);
  data = exports.torch_malloc ((gssize) size, 0, other);
  g_assert_nonnull (data);

  expect_warning ("cuMemAllocFromPoolAsync: CUDA_ERROR_OUT_OF_MEMORY (2)");
  g_assert_null (exports.torch_malloc ((gssize) size, 0, other));
  expect_warning ("cuMemAllocFromPoolAsync: CUDA_ERROR_OUT_OF_MEMORY (2)");
  g_assert_null (exports.cupy_malloc (NULL, 2 * total, 0));
  g_test_assert_expected_messages ();

  exports.torch_free (data, (gssize) size, 0, other);
  data = exports.torch_malloc (MIB, 0, other);
  g_assert_nonnull (data);
  exports.torch_free (data, MIB, 0, other);
  CHECK (gpu.driver->StreamSynchronize (other));
  CHECK (gpu.driver->StreamDestroy (other));
  gpu_close (&gpu);
  assert_no_problems ();
}

/* A synchronisation would break a capture, so there is none. */
static void
test_capture (void)
{
  const FakeCuda *fake = fakecuda_find ();
  gsize free_size, total;
  Gpu gpu;

  if (fake == NULL) {
    g_test_skip ("needs the fake driver");
    return;
  }
  gpu_open (&gpu, 0);
  CHECK (gpu.driver->MemGetInfo (&free_size, &total));
  CHECK (fake->begin_capture (gpu.stream, TRUE));
  expect_warning ("cuMemAllocFromPoolAsync: CUDA_ERROR_OUT_OF_MEMORY (2)");
  g_assert_null (exports.torch_malloc ((gssize) (2 * total), 0, gpu.stream));
  g_test_assert_expected_messages ();
  CHECK (fake->end_capture (gpu.stream));
  gpu_close (&gpu);
  assert_no_problems ();
}

#define N_THREADS 4
#define N_ROUNDS 300

static gpointer
allocate_and_free (gpointer data)
{
  GAsyncQueue *queue = data;
  gpointer mine, theirs;
  Gpu gpu;
  guint i;

  gpu_open (&gpu, 0);
  for (i = 0; i < N_ROUNDS; i++) {
    mine = exports.cupy_malloc (NULL, 1 + i * 4096, 0);
    g_assert_nonnull (mine);
    g_async_queue_push (queue, mine);
    theirs = g_async_queue_pop (queue);
    exports.cupy_free (NULL, theirs, 0);
    mine = exports.torch_malloc (1 + (gssize) i * 4096, 0, gpu.stream);
    g_assert_nonnull (mine);
    exports.torch_free (mine, 1 + (gssize) i * 4096, 0, gpu.stream);
  }
  gpu_close (&gpu);
  return NULL;
}

static void
test_threads (void)
{
  GAsyncQueue *queue = g_async_queue_new ();
  GThread *threads[N_THREADS];
  CUmemoryPool pool;
  gpointer data;
  guint i;
  Gpu gpu;

  for (i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("allocator", allocate_and_free, queue);
  for (i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_async_queue_unref (queue);

  gpu_open (&gpu, 0);
  data = exports.torch_malloc (1, 0, gpu.stream);
  pool = pool_of (&gpu, data);
  exports.torch_free (data, 1, 0, gpu.stream);
  CHECK (gpu.driver->CtxSynchronize ());
  g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), ==, 0);
  gpu_close (&gpu);
  assert_no_problems ();
}

static guint64
guard_value (GstElement * guard, const gchar * field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_signal_emit_by_name (guard, "query-stats", &stats);
  g_assert_nonnull (stats);
  g_assert_nonnull (strstr (gst_structure_get_string (stats, "source"), "gst-seq"));
  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

/* A guard counts and trims the pool though nobody told it. */
static void
test_guard (void)
{
  GstElement *guard = gst_element_factory_make ("cudamemguard", NULL);
  guint64 allocated, reserved, freed = 0;
  gpointer data;
  Gpu gpu;

  g_object_set (guard, "device-id", 0, NULL);
  gpu_open (&gpu, 0);
  g_assert_cmpint (gst_element_set_state (guard, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_SUCCESS);
  data = exports.torch_malloc (512, 0, gpu.stream);
  allocated = guard_value (guard, "allocated");
  exports.torch_free (data, 512, 0, gpu.stream);
  CHECK (gpu.driver->StreamSynchronize (gpu.stream));
  data = exports.torch_malloc (100 * MIB, 0, gpu.stream);
  CHECK (gpu.driver->StreamSynchronize (gpu.stream));
  g_assert_cmpuint (guard_value (guard, "allocated"), ==, allocated - 512 + 100 * MIB);
  exports.torch_free (data, 100 * MIB, 0, gpu.stream);
  CHECK (gpu.driver->StreamSynchronize (gpu.stream));

  reserved = guard_value (guard, "reserved");
  g_assert_cmpuint (reserved, >=, 100 * MIB);
  g_signal_emit_by_name (guard, "trim", &freed);
  g_assert_cmpuint (freed, >=, 100 * MIB);
  g_assert_cmpuint (guard_value (guard, "reserved"), <=, reserved - 100 * MIB);
  gst_element_set_state (guard, GST_STATE_NULL);
  gst_object_unref (guard);
  gpu_close (&gpu);
  assert_no_problems ();
}

static void
ignore_message (const gchar * domain, GLogLevelFlags level, const gchar * message, gpointer data)
{
}

static void
test_fork (void)
{
  gpointer data = exports.torch_malloc (MIB, 0, NULL);
  gint status;
  pid_t child;

  g_assert_nonnull (data);
  child = fork ();
  if (child == 0) {
    g_log_set_handler ("Gstcudamem", G_LOG_LEVEL_WARNING, ignore_message, NULL);
    g_log_set_always_fatal (0);
    exports.torch_free (data, MIB, 0, NULL);
    _exit (exports.torch_malloc (MIB, 0, NULL) != NULL
        || exports.cupy_malloc (NULL, MIB, 0) != NULL);
  }
  g_assert_cmpint (child, >, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  exports.torch_free (data, MIB, 0, NULL);
  assert_no_problems ();
}

/* ---- first use, in a process of its own ---- */

/* What fails once fails once: NULL and a warning, then as if nothing had been. */
static void
subprocess_fails_once (void)
{
  gpointer data;

  expect_warning ("cu*: *");
  g_assert_null (exports.torch_malloc (MIB, 0, NULL));
  g_test_assert_expected_messages ();
  data = exports.torch_malloc (MIB, 0, NULL);
  g_assert_nonnull (data);
  exports.torch_free (data, MIB, 0, NULL);
  g_assert_cmpuint (fakecuda_find ()->alive ("pool"), ==, 1);
  assert_no_problems ();
}

/* What is freed is free, also when the driver tells of another's error at that moment. */
static void
subprocess_frees (void)
{
  CUmemoryPool pool;
  gpointer data;
  Gpu gpu;

  gpu_open (&gpu, 0);
  data = exports.torch_malloc (MIB, 0, gpu.stream);
  pool = pool_of (&gpu, data);
  exports.torch_free (data, MIB, 0, gpu.stream);
  CHECK (gpu.driver->StreamSynchronize (gpu.stream));
  g_assert_cmpuint (pool_value (&gpu, pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), ==, 0);
  gpu_close (&gpu);
  assert_no_problems ();
}

static void
subprocess_never_works (void)
{
  expect_warning ("*");
  g_assert_null (exports.torch_malloc (MIB, 0, NULL));
  expect_warning ("*");
  g_assert_null (exports.cupy_malloc (NULL, MIB, 0));
  g_test_assert_expected_messages ();
}

static void
run_with (const gchar * variable, const gchar * value, const gchar * test)
{
  gchar *before = g_strdup (g_getenv (variable));

  g_setenv (variable, value, TRUE);
  g_test_trap_subprocess (test, 0, 0);
  if (!g_test_trap_has_passed ())
    g_test_message ("with %s=%s", variable, value);
  g_test_trap_assert_passed ();
  if (before != NULL)
    g_setenv (variable, before, TRUE);
  else
    g_unsetenv (variable);
  g_free (before);
}

static void
test_first_use (void)
{
  static const gchar *const functions[] = {
    "DeviceGetCount", "DeviceGet", "DevicePrimaryCtxRetain", "CtxPushCurrent", "DeviceGetAttribute",
    "MemPoolCreate", "MemPoolSetAttribute", "MemAllocFromPoolAsync",
  };
  guint i;

  if (fakecuda_find () == NULL) {
    g_test_skip ("needs the fake driver");
    return;
  }
  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    gchar *faults = g_strdup_printf ("leaks=0,fail=%s:999", functions[i]);

    run_with ("FAKECUDA", faults, "/allocator-exports/first-use/subprocess/once");
    g_free (faults);
  }
  run_with ("FAKECUDA", "leaks=0,fail=MemFreeAsync:999",
      "/allocator-exports/first-use/subprocess/frees");
  run_with ("FAKECUDA", "leaks=0,missing=cuMemPoolCreate",
      "/allocator-exports/first-use/subprocess/never");
  run_with ("FAKECUDA", "init=100", "/allocator-exports/first-use/subprocess/never");
  run_with ("GST_SEQ_LIBCUDA", "/nonexistent/libcuda.so.1",
      "/allocator-exports/first-use/subprocess/never");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  load_exports ();
  /* The pools stay to the end of the process, so what is alive then is no leak. */
  if (fakecuda_find () != NULL && !g_test_subprocess ())
    fakecuda_find ()->configure ("devices=2,total_mb=1024,leaks=0");
  g_test_add_func ("/allocator-exports/one-image", test_one_image);
  g_test_add_func ("/allocator-exports/sizes", test_sizes);
  g_test_add_func ("/allocator-exports/reuse", test_reuse);
  g_test_add_func ("/allocator-exports/two-devices", test_two_devices);
  g_test_add_func ("/allocator-exports/full", test_full);
  g_test_add_func ("/allocator-exports/capture", test_capture);
  g_test_add_func ("/allocator-exports/threads", test_threads);
  g_test_add_func ("/allocator-exports/guard", test_guard);
  g_test_add_func ("/allocator-exports/fork", test_fork);
  g_test_add_func ("/allocator-exports/first-use", test_first_use);
  g_test_add_func ("/allocator-exports/first-use/subprocess/once", subprocess_fails_once);
  g_test_add_func ("/allocator-exports/first-use/subprocess/frees", subprocess_frees);
  g_test_add_func ("/allocator-exports/first-use/subprocess/never", subprocess_never_works);
  return g_test_run ();
}
