/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "driver.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "fakecuda.h"
#include "numa.h"

/* The plugin's own driver layer, on the fake driver. What is decided when the library is loaded is
 * tested in a process of its own. */

static void
assert_driver_error (GError * error, gint code, const gchar * part)
{
  g_assert_error (error, CUDA_DRIVER_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" says nothing of \"%s\"", error->message, part);
  g_error_free (error);
}

/* Loads the driver with that environment in a new process: it has to fail and to say @part, or
 * (NULL) to work. The same again gives the same. */
static void
check_load (const gchar * library, const gchar * config, const gchar * part)
{
  GError *error = NULL;
  guint i;

  if (library != NULL)
    g_setenv ("GST_SEQ_LIBCUDA", library, TRUE);
  g_setenv ("FAKECUDA", config, TRUE);
  for (i = 0; i < 2; i++) {
    const CudaDriver *driver = cuda_driver_get (&error);

    if (part == NULL) {
      g_assert_no_error (error);
      g_assert_nonnull (driver);
    } else {
      g_assert_null (driver);
      assert_driver_error (g_steal_pointer (&error), CUDA_DRIVER_ERROR_MISSING, part);
      g_assert_null (cuda_device_get (0, NULL));
    }
  }
}

typedef struct
{
  const gchar *name, *library, *config, *part;
} Load;

static const Load loads[] = {
  {"/driver/load/no-library", "/nonexistent/libcuda.so.1", "", "/nonexistent/libcuda.so.1"},
  {"/driver/load/not-a-library", "/etc/passwd", "", "/etc/passwd"},
  {"/driver/load/stub", NULL, "init=34", "stub"},
  {"/driver/load/no-device", NULL, "init=100", "CUDA_ERROR_NO_DEVICE"},
  {"/driver/load/missing-required", NULL, "missing=cuMemcpyHtoDAsync_v2", "cuMemcpyHtoDAsync_v2"},
  {"/driver/load/missing-optional", NULL, "missing=cuMemPoolTrimTo+cuDeviceGetPCIBusId", NULL},
  {"/driver/load/version-12", NULL, "version=12000", NULL},
  {"/driver/load/version-11", NULL, "version=11080", NULL},
  {"/driver/load/version-11-without-pools", NULL, "version=11000", NULL},
};

static void
test_load (gconstpointer data)
{
  const Load *load = data;

  if (g_test_subprocess ()) {
    check_load (load->library, load->config, load->part);
    return;
  }
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* Without cuGetProcAddress the functions are those of the same version */
static void
test_old_driver_works (void)
{
  CudaDevice *device;
  CUdeviceptr memory;
  gsize free_size, total;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed ();
    return;
  }
  g_setenv ("FAKECUDA", "version=11000", TRUE);
  device = cuda_device_get (0, NULL);
  g_assert_nonnull (device);
  g_assert_null (cuda_device_driver (device)->MemPoolTrimTo);
  g_assert_cmpint (cuda_device_driver (device)->version, ==, 11000);
  g_assert_true (cuda_device_enter (device, NULL));
  g_assert_cmpint (cuda_device_driver (device)->MemAlloc (&memory, 1 << 20), ==, 0);
  g_assert_cmpint (cuda_device_driver (device)->MemGetInfo (&free_size, &total), ==, 0);
  g_assert_cmpuint (total - free_size, ==, 2 << 20);
  g_assert_cmpint (cuda_device_driver (device)->MemFree (memory), ==, 0);
  cuda_device_leave (device);
  cuda_device_unref (device);
}

static void
test_loaded_once (void)
{
  const CudaDriver *driver = cuda_driver_get (NULL);

  g_assert_nonnull (driver);
  g_assert_true (driver == cuda_driver_get (NULL));
  g_assert_cmpint (driver->version, ==, 12040);
  g_assert_nonnull (driver->MemPoolTrimTo);
  g_assert_cmpuint (fakecuda_find ()->calls ("Init"), ==, 1);
}

static void
test_errors (void)
{
  GError *error = NULL;

  g_assert_cmpstr (cuda_error_name (2), ==, "CUDA_ERROR_OUT_OF_MEMORY");
  g_assert_cmpstr (cuda_error_name (4711), ==, "CUDA error 4711");
  g_assert_true (cuda_error_is_sticky (CUDA_ERROR_ILLEGAL_ADDRESS));
  g_assert_true (cuda_error_is_sticky (CUDA_ERROR_LAUNCH_FAILED));
  g_assert_true (cuda_error_is_sticky (CUDA_ERROR_ECC_UNCORRECTABLE));
  g_assert_false (cuda_error_is_sticky (CUDA_ERROR_OUT_OF_MEMORY));
  g_assert_false (cuda_error_is_sticky (CUDA_SUCCESS));
  g_assert_true (cuda_check (CUDA_SUCCESS, "cuX", &error));
  g_assert_no_error (error);
  g_assert_false (cuda_check (CUDA_ERROR_OUT_OF_MEMORY, "cuX", &error));
  assert_driver_error (error, CUDA_DRIVER_ERROR_CALL, "cuX: CUDA_ERROR_OUT_OF_MEMORY (2)");
}

/* ---- devices ---- */

static void
test_device (void)
{
  const FakeCuda *fake = fakecuda_find ();
  CudaDevice *device, *same, *other;
  GError *error = NULL;

  fake->configure ("devices=2");
  device = cuda_device_get (0, &error);
  g_assert_no_error (error);
  same = cuda_device_get (0, NULL);
  other = cuda_device_get (1, NULL);
  g_assert_true (device == same);
  g_assert_true (device != other);
  g_assert_cmpstr (cuda_device_name (other), ==, "Fake GPU 1");
  g_assert_cmpint (cuda_device_ordinal (other), ==, 1);
  g_assert_cmpint (cuda_device_numa_node (device), ==, -1);
  g_assert_null (cuda_device_get (2, &error));
  assert_driver_error (g_steal_pointer (&error), CUDA_DRIVER_ERROR_CALL,
      "no device 2; there are 2");
  g_assert_null (cuda_device_get (-1, &error));
  assert_driver_error (error, CUDA_DRIVER_ERROR_CALL, "no device -1");

  /* to look makes no context, and the last reference lets go of it */
  g_assert_false (cuda_device_is_active (device));
  g_assert_true (cuda_device_enter (device, NULL));
  cuda_device_leave (device);
  g_assert_true (cuda_device_is_active (device));
  g_assert_false (cuda_device_is_active (other));
  cuda_device_unref (same);
  g_assert_cmpuint (fake->alive ("context"), ==, 1);
  same = cuda_device_ref (device);
  cuda_device_unref (device);
  cuda_device_unref (same);
  cuda_device_unref (other);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

static gint
current_device (void)
{
  const CudaDriver *driver = cuda_driver_get (NULL);
  CUdeviceptr memory;
  gint ordinal = -1;

  if (driver->MemAlloc (&memory, 1) != CUDA_SUCCESS)
    return -1;
  g_assert_cmpint (driver->PointerGetAttribute (&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
          memory), ==, CUDA_SUCCESS);
  g_assert_cmpint (driver->MemFree (memory), ==, CUDA_SUCCESS);
  return ordinal;
}

static CUstreamCaptureMode
capture_mode (void)
{
  const CudaDriver *driver = cuda_driver_get (NULL);
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL, back;

  driver->ThreadExchangeStreamCaptureMode (&mode);
  back = mode;
  driver->ThreadExchangeStreamCaptureMode (&back);
  return mode;
}

static void
test_enter_nests (void)
{
  const FakeCuda *fake = fakecuda_find ();
  CudaDevice *a, *b;

  fake->configure ("devices=2");
  a = cuda_device_get (0, NULL);
  b = cuda_device_get (1, NULL);
  g_assert_cmpint (capture_mode (), ==, CU_STREAM_CAPTURE_MODE_GLOBAL);
  g_assert_true (cuda_device_enter (a, NULL));
  g_assert_cmpint (current_device (), ==, 0);
  g_assert_cmpint (capture_mode (), ==, CU_STREAM_CAPTURE_MODE_RELAXED);
  g_assert_true (cuda_device_enter (b, NULL));
  g_assert_cmpint (current_device (), ==, 1);
  g_assert_true (cuda_device_enter (b, NULL));
  cuda_device_leave (b);
  g_assert_cmpint (capture_mode (), ==, CU_STREAM_CAPTURE_MODE_RELAXED);
  cuda_device_leave (b);
  g_assert_cmpint (current_device (), ==, 0);
  cuda_device_leave (a);
  g_assert_cmpint (capture_mode (), ==, CU_STREAM_CAPTURE_MODE_GLOBAL);
  g_assert_cmpuint (fake->alive ("pushed"), ==, 0);
  g_assert_cmpint (current_device (), ==, -1);
  g_assert_cmpuint (fake->forgive (), ==, 1);   /* the call without a context */
  cuda_device_unref (a);
  cuda_device_unref (b);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

static void
test_enter_fails (void)
{
  const FakeCuda *fake = fakecuda_find ();
  CudaDevice *device;
  GError *error = NULL;

  fake->configure ("fail=DevicePrimaryCtxRetain:2,fail=CtxPushCurrent:999");
  device = cuda_device_get (0, NULL);
  g_assert_false (cuda_device_enter (device, &error));
  assert_driver_error (g_steal_pointer (&error), CUDA_DRIVER_ERROR_CALL,
      "cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY");
  g_assert_false (cuda_device_enter (device, &error));
  assert_driver_error (error, CUDA_DRIVER_ERROR_CALL, "cuCtxPushCurrent: CUDA_ERROR_UNKNOWN");
  g_assert_true (cuda_device_enter (device, NULL));
  cuda_device_leave (device);
  cuda_device_unref (device);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->alive ("pushed"), ==, 0);

  fake->configure ("fail=DeviceGetCount:3,fail=DeviceGet:101,fail=DeviceGetName:1");
  g_assert_null (cuda_device_get (0, NULL));
  g_assert_null (cuda_device_get (0, NULL));
  device = cuda_device_get (0, NULL);
  g_assert_cmpstr (cuda_device_name (device), ==, "unknown");
  cuda_device_unref (device);
}

static void
test_capturing (void)
{
  const FakeCuda *fake = fakecuda_find ();
  const CudaDriver *driver;
  CudaDevice *device;
  CUstream stream;

  fake->configure ("");
  device = cuda_device_get (0, NULL);
  driver = cuda_device_driver (device);
  g_assert_true (cuda_device_enter (device, NULL));
  g_assert_cmpint (driver->StreamCreate (&stream, 0), ==, CUDA_SUCCESS);
  g_assert_false (cuda_device_is_capturing (device));
  g_assert_cmpint (fake->begin_capture (stream, TRUE), ==, CUDA_SUCCESS);
  g_assert_true (cuda_device_is_capturing (device));
  g_assert_cmpint (current_device (), ==, 0);   /* as the mode is relaxed, that breaks nothing */
  g_assert_cmpint (fake->end_capture (stream), ==, CUDA_SUCCESS);
  g_assert_false (cuda_device_is_capturing (device));
  g_assert_cmpint (driver->StreamDestroy (stream), ==, CUDA_SUCCESS);
  cuda_device_leave (device);
  cuda_device_unref (device);
  g_assert_cmpuint (fake->problems (), ==, 0);
}

static gpointer
enter_often (gpointer data)
{
  guint i;

  for (i = 0; i < 200; i++) {
    CudaDevice *device = cuda_device_get (i % 2, NULL);

    g_assert_true (cuda_device_enter (device, NULL));
    g_assert_cmpint (current_device (), ==, (gint) i % 2);
    cuda_device_leave (device);
    cuda_device_unref (device);
  }
  return NULL;
}

static void
test_threads (void)
{
  const FakeCuda *fake = fakecuda_find ();
  GThread *threads[4];
  guint i;

  fake->configure ("devices=2");
  for (i = 0; i < 4; i++)
    threads[i] = g_thread_new ("enter", enter_often, NULL);
  for (i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->problems (), ==, 0);
}

/* A child lets go of what it has got without a call of the driver */
static void
test_forked (void)
{
  const FakeCuda *fake = fakecuda_find ();
  CudaDevice *device;
  gint status;
  pid_t child;

  fake->configure ("");
  device = cuda_device_get (0, NULL);
  g_assert_true (cuda_device_enter (device, NULL));
  cuda_device_leave (device);
  child = fork ();
  if (child == 0) {
    GError *error = NULL;
    gboolean ok = cuda_driver_is_forked () && cuda_driver_get (&error) == NULL
        && g_error_matches (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_FORKED)
        && cuda_device_get (0, NULL) == NULL && !cuda_device_enter (device, NULL)
        && !cuda_device_is_active (device);

    cuda_device_unref (device);
    _exit (ok && fake->problems () == 0 ? 0 : 1);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_assert_false (cuda_driver_is_forked ());
  g_assert_true (cuda_device_is_active (device));
  cuda_device_unref (device);
}

/* ---- numa ---- */

static void
write_file (const gchar * root, const gchar * name, const gchar * text)
{
  gchar *path = g_build_filename (root, name, NULL);
  gchar *directory = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (directory, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_free (directory);
  g_free (path);
}

static void
remove_tree (const gchar * path)
{
  GDir *directory = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL) {
    gchar *child = g_build_filename (path, name, NULL);

    remove_tree (child);
    g_free (child);
  }
  g_clear_pointer (&directory, g_dir_close);
  g_remove (path);
}

static void
test_numa (void)
{
  gchar *root = g_dir_make_tmp ("sysfs-XXXXXX", NULL);

  write_file (root, "bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
  write_file (root, "bus/pci/devices/0000:3c:00.0/numa_node", "-1\n");
  write_file (root, "bus/pci/devices/0000:3d:00.0/numa_node", "one\n");
  write_file (root, "bus/pci/devices/0000:3e:00.0/numa_node", "1024\n");
  write_file (root, "devices/system/node/node0/cpulist", "0\n");
  /* with one node there is nothing to choose */
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:3B:00.0"), ==, -1);
  write_file (root, "devices/system/node/node1/cpulist", "1\n");
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:3B:00.0"), ==, 1);
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:3C:00.0"), ==, -1);
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:3D:00.0"), ==, -1);
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:3E:00.0"), ==, -1);
  g_assert_cmpint (cudamem_numa_node_of_pci_device (root, "0000:FF:00.0"), ==, -1);
  remove_tree (root);
  g_free (root);
}

static void
test_numa_policy (void)
{
  CudamemNumaPolicy before, between;

  cudamem_numa_prefer (-1, &before);
  g_assert_false (before.changed);
  cudamem_numa_prefer (1024, &before);
  g_assert_false (before.changed);

  /* every machine has node 0; where the kernel lets it be chosen, it can be put back */
  cudamem_numa_prefer (0, &before);
  cudamem_numa_restore (&before);
  cudamem_numa_prefer (0, &between);
  g_assert_cmpint (between.changed, ==, before.changed);
  g_assert_cmpint (between.mode, ==, before.mode);
  cudamem_numa_restore (&between);
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (loads); i++)
    g_test_add_data_func (loads[i].name, &loads[i], test_load);
  g_test_add_func ("/driver/load/old-driver-works", test_old_driver_works);
  g_test_add_func ("/driver/load/once", test_loaded_once);
  g_test_add_func ("/driver/errors", test_errors);
  g_test_add_func ("/device/get", test_device);
  g_test_add_func ("/device/enter/nests", test_enter_nests);
  g_test_add_func ("/device/enter/fails", test_enter_fails);
  g_test_add_func ("/device/capturing", test_capturing);
  g_test_add_func ("/device/threads", test_threads);
  g_test_add_func ("/device/forked", test_forked);
  g_test_add_func ("/numa/node-of-pci-device", test_numa);
  g_test_add_func ("/numa/policy", test_numa_policy);
  return g_test_run ();
}
