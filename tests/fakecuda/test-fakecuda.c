/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Contexts, memory, faults, versions, and what is checked at the end of a process */

/* ---- initialisation and contexts ---- */

static void
test_init (void)
{
  gint count;

  fake->configure ("init=0");
  cuda_functions_load (&cu);
  assert_error (cu.DeviceGetCount (&count), CUDA_ERROR_NOT_INITIALIZED);
  assert_problems (1);
  assert_ok (cu.DriverGetVersion (&count));
  g_assert_cmpint (count, ==, 12040);
  assert_error (cu.Init (1), CUDA_ERROR_INVALID_VALUE);
  assert_ok (cu.Init (0));
  assert_ok (cu.DeviceGetCount (&count));
  g_assert_cmpint (count, ==, 1);

  fake->configure ("init=100");
  assert_error (cu.Init (0), CUDA_ERROR_NO_DEVICE);
  fake->configure ("init=34");
  assert_error (cu.Init (0), CUDA_ERROR_STUB_LIBRARY);
  fake->configure ("init=0,devices=0");
  assert_error (cu.Init (0), CUDA_ERROR_NO_DEVICE);
}

static void
test_primary_context (void)
{
  CUcontext a, b, current;
  unsigned int flags;
  gint active;

  fake->configure ("");
  assert_ok (cu.Init (0));
  assert_ok (cu.DevicePrimaryCtxGetState (0, &flags, &active));
  g_assert_false (active);
  assert_error (cu.CtxSynchronize (), CUDA_ERROR_INVALID_CONTEXT);
  assert_problems (1);

  assert_ok (cu.DevicePrimaryCtxRetain (&a, 0));
  assert_ok (cu.DevicePrimaryCtxRetain (&b, 0));
  g_assert_true (a == b);
  g_assert_cmpuint (fake->alive ("context"), ==, 1);
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  assert_ok (cu.DevicePrimaryCtxGetState (0, &flags, &active));
  g_assert_true (active);

  assert_ok (cu.CtxGetCurrent (&current));
  g_assert_null (current);
  assert_ok (cu.CtxPushCurrent (a));
  assert_ok (cu.CtxGetCurrent (&current));
  g_assert_true (current == a);
  assert_ok (cu.CtxSynchronize ());

  /* it goes while it is current */
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  assert_ok (cu.DevicePrimaryCtxGetState (0, &flags, &active));
  g_assert_false (active);
  assert_error (cu.CtxSynchronize (), CUDA_ERROR_INVALID_CONTEXT);
  assert_problems (2);          /* destroyed, so none */
  assert_ok (cu.CtxPopCurrent (&current));
  assert_error (cu.CtxPopCurrent (&current), CUDA_ERROR_INVALID_CONTEXT);
  assert_error (cu.DevicePrimaryCtxRelease (0), CUDA_ERROR_INVALID_CONTEXT);
  assert_error (cu.CtxPushCurrent (a), CUDA_ERROR_INVALID_CONTEXT);
  assert_problems (3);
}

static gpointer
other_thread (gpointer data)
{
  CUcontext current = context;

  assert_ok (cu.CtxGetCurrent (&current));
  g_assert_null (current);      /* each thread has its own */
  assert_ok (cu.CtxSetCurrent (context));
  assert_ok (cu.CtxSynchronize ());
  assert_ok (cu.CtxSetCurrent (NULL));
  return NULL;
}

static void
test_context_stack (void)
{
  CUcontext mine, current;
  CUdevice device;

  begin ("devices=2");
  g_thread_join (g_thread_new ("other", other_thread, NULL));
  assert_ok (cu.CtxCreate (&mine, 0, 1));
  assert_ok (cu.CtxGetDevice (&device));
  g_assert_cmpint (device, ==, 1);
  assert_ok (cu.CtxPushCurrent (context));
  assert_ok (cu.CtxGetDevice (&device));
  g_assert_cmpint (device, ==, 0);
  assert_ok (cu.CtxPopCurrent (&current));
  g_assert_true (current == context);
  assert_ok (cu.CtxDestroy (mine));
  assert_ok (cu.CtxGetCurrent (&current));
  g_assert_true (current == context);
  end ();
}

static void
test_objects_die_with_context (void)
{
  CUstream stream;
  CUevent event;
  CUdeviceptr memory;

  begin ("");
  stream = new_stream ();
  event = new_event ();
  memory = new_memory (MIB);
  assert_ok (cu.DevicePrimaryCtxReset (0));
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  assert_problems (0);          /* a reset means it */

  assert_ok (cu.CtxPopCurrent (NULL));
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  assert_ok (cu.DevicePrimaryCtxRetain (&context, 0));
  assert_ok (cu.CtxPushCurrent (context));
  assert_error (cu.StreamSynchronize (stream), CUDA_ERROR_INVALID_HANDLE);
  assert_error (cu.EventQuery (event), CUDA_ERROR_INVALID_HANDLE);
  assert_error (cu.MemFree (memory), CUDA_ERROR_INVALID_VALUE);
  assert_problems (3);

  /* the last user who lets go of a context has leaked what is in it */
  new_stream ();
  assert_ok (cu.CtxPopCurrent (NULL));
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  assert_problems (1);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

static void
test_two_devices (void)
{
  CUcontext other;
  CUdeviceptr here, there;
  CUstream stream;
  gsize free_size, total;

  begin ("devices=2,total_mb=256");
  here = new_memory (MIB);
  stream = new_stream ();
  assert_ok (cu.DevicePrimaryCtxRetain (&other, 1));
  assert_ok (cu.CtxPushCurrent (other));
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpuint (free_size, ==, 256 * MIB);
  there = new_memory (MIB);

  assert_error (cu.MemcpyDtoD (there, here, MIB), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.StreamSynchronize (stream), CUDA_ERROR_INVALID_HANDLE);
  assert_problems (2);

  assert_ok (cu.MemFree (there));
  assert_ok (cu.CtxPopCurrent (NULL));
  assert_ok (cu.DevicePrimaryCtxRelease (1));
  assert_ok (cu.MemFree (here));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* ---- memory ---- */

static void
test_memory (void)
{
  CUdeviceptr a, b, big = 0;
  gsize free_size, total;
  unsigned int type;
  gint ordinal;
  CUmemoryPool pool;

  begin ("total_mb=64,other_proc=16");
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpuint (total, ==, 64 * MIB);
  g_assert_cmpuint (free_size, ==, 48 * MIB);
  a = new_memory (1);
  b = new_memory (3 * MIB);
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpuint (free_size, ==, (48 - 2 - 4) * MIB);
  g_assert_cmpuint (fake->alive ("memory"), ==, 2);
  g_assert_cmpuint (fake->alive ("memory-bytes"), ==, 3 * MIB + 1);

  assert_error (cu.MemAlloc (&big, 43 * MIB), CUDA_ERROR_OUT_OF_MEMORY);
  assert_error (cu.MemAlloc (&big, G_MAXSIZE), CUDA_ERROR_OUT_OF_MEMORY);
  assert_problems (0);          /* that is no error of use */
  assert_error (cu.MemAlloc (&big, 0), CUDA_ERROR_INVALID_VALUE);
  assert_problems (1);

  assert_ok (cu.PointerGetAttribute (&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, b + 2 * MIB));
  g_assert_cmpuint (type, ==, 2);
  assert_ok (cu.PointerGetAttribute (&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, b));
  g_assert_cmpint (ordinal, ==, 0);
  assert_error (cu.PointerGetAttribute (&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, b),
      CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.PointerGetAttribute (&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, b + 3 * MIB),
      CUDA_ERROR_INVALID_VALUE);

  assert_ok (cu.MemFree (a));
  assert_error (cu.MemFree (a), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemFree (b + 512), CUDA_ERROR_INVALID_VALUE);
  assert_problems (2);
  assert_ok (cu.MemFree (b));
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpuint (free_size, ==, 48 * MIB);
  end ();
}

/* Pages need not lie together: what is free can be had, whatever lies between */
static void
test_holes (void)
{
  CUdeviceptr pieces[16], whole, next;
  guint i;

  begin ("total_mb=32");
  for (i = 0; i < 16; i++)
    pieces[i] = new_memory (2 * MIB);
  for (i = 0; i < 16; i += 2)
    assert_ok (cu.MemFree (pieces[i]));
  whole = new_memory (16 * MIB);
  for (i = 1; i < 16; i += 2)
    g_assert_true (whole + 16 * MIB <= pieces[i] || pieces[i] + 2 * MIB <= whole);
  assert_ok (cu.MemFree (whole));
  /* a freed address is not the next one */
  whole = new_memory (2 * MIB);
  assert_ok (cu.MemFree (whole));
  next = new_memory (2 * MIB);
  g_assert_cmpuint (next, !=, whole);
  assert_ok (cu.MemFree (next));
  for (i = 1; i < 16; i += 2)
    assert_ok (cu.MemFree (pieces[i]));
  end ();
}

static void
test_pinned (void)
{
  void *data = NULL, *more = NULL;
  static guint8 mine[4096];
  CUdeviceptr pointer;

  begin ("pin_limit_mb=1");
  assert_ok (cu.MemHostAlloc (&data, 768 << 10, CU_MEMHOSTALLOC_PORTABLE));
  g_assert_cmpuint ((guintptr) data % 4096, ==, 0);
  memset (data, 1, 768 << 10);
  assert_error (cu.MemHostAlloc (&more, 512 << 10, 0), CUDA_ERROR_OUT_OF_MEMORY);
  g_assert_cmpuint (fake->alive ("pinned-bytes"), ==, 768 << 10);
  assert_ok (cu.MemHostGetDevicePointer (&pointer, data, 0));
  g_assert_cmpuint (pointer, ==, (guintptr) data);
  assert_ok (cu.MemFreeHost (data));
  assert_error (cu.MemFreeHost (data), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemFreeHost (mine), CUDA_ERROR_INVALID_VALUE);
  assert_problems (2);

  assert_ok (cu.MemHostRegister (mine, sizeof mine, 0));
  assert_error (cu.MemHostRegister (mine, sizeof mine, 0), 712);
  assert_problems (1);
  assert_ok (cu.MemHostUnregister (mine));
  end ();
}

/* ---- faults ---- */

static gint
alloc_and_free (gsize size)
{
  CUdeviceptr pointer;
  CUresult result = cu.MemAlloc (&pointer, size);

  if (result == CUDA_SUCCESS)
    assert_ok (cu.MemFree (pointer));
  return result;
}

static void
assert_allocs (const gchar * results, gsize size)
{
  for (; *results != '\0'; results++)
    g_assert_cmpint (alloc_and_free (size), ==, *results - '0');
}

static void
test_faults (void)
{
  guint i, n = 0;
  gsize free_size, total;
  CUdeviceptr memory;

  begin ("fail=MemAlloc:2");
  assert_allocs ("2000", 1);
  end ();
  begin ("fail=cuMemAlloc_v2:2@skip=2:count=2");
  assert_allocs ("002200", 1);
  end ();
  begin ("fail=MemAlloc:2@every=3:count=0");
  assert_allocs ("002002002", 1);
  end ();
  begin ("fail=MemAlloc:2@min_bytes=1000:skip=1:count=0,fail=MemGetInfo:999");
  assert_allocs ("000", 999);
  assert_allocs ("0222", 1000);
  assert_error (cu.MemGetInfo (&free_size, &total), CUDA_ERROR_UNKNOWN);
  assert_ok (cu.MemGetInfo (&free_size, &total));
  end ();
  begin ("fail=MemFree:719,fail=DevicePrimaryCtxRelease:999");
  memory = new_memory (1);
  assert_error (cu.MemFree (memory), CUDA_ERROR_LAUNCH_FAILED);
  g_assert_cmpuint (fake->alive ("memory"), ==, 0);     /* it is freed all the same */
  assert_ok (cu.CtxPopCurrent (NULL));
  assert_error (cu.DevicePrimaryCtxRelease (0), CUDA_ERROR_UNKNOWN);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  begin ("fail=MemAlloc:2@prob=0.25:count=0:seed=3");
  for (i = 0; i < 1000; i++)
    n += alloc_and_free (1) != CUDA_SUCCESS;
  g_assert_cmpuint (n, >, 200);
  g_assert_cmpuint (n, <, 300);
  end ();
}

static void
test_oom_above (void)
{
  CUdeviceptr a;

  begin ("oom_above_mb=8");
  a = new_memory (6 * MIB);
  assert_allocs ("0", 2 * MIB);
  assert_allocs ("2", 3 * MIB);
  assert_ok (cu.MemFree (a));
  assert_allocs ("0", 8 * MIB);
  end ();
}

static void
test_sticky (void)
{
  CUdeviceptr memory;
  CUstream stream;
  gint count;

  begin ("sticky=719@StreamSynchronize:skip=1");
  memory = new_memory (1);
  stream = new_stream ();
  assert_ok (cu.StreamSynchronize (stream));
  assert_error (cu.StreamSynchronize (stream), CUDA_ERROR_LAUNCH_FAILED);
  assert_error (cu.MemFree (memory), CUDA_ERROR_LAUNCH_FAILED);
  assert_error (cu.StreamSynchronize (stream), CUDA_ERROR_LAUNCH_FAILED);
  assert_ok (cu.DeviceGetCount (&count));       /* needs no context */
  end ();                       /* what can't be freed is no leak */
}

/* A test that leaves something behind is found by the next one */
static void
test_configure (void)
{
  CUcontext current;

  begin ("");
  new_stream ();
  assert_error (cu.CtxDestroy (NULL), CUDA_ERROR_INVALID_CONTEXT);
  fake->configure ("");
  assert_problems (2);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->calls (NULL), ==, 0);
  assert_ok (cu.CtxGetCurrent (&current));      /* cuInit still counts */
  g_assert_null (current);
  begin ("leaks=0");
  new_stream ();
  fake->configure ("");
  assert_problems (0);
}

static void
test_calls (void)
{
  begin ("");
  assert_allocs ("00", 1);
  g_assert_cmpuint (fake->calls ("MemAlloc"), ==, 2);
  g_assert_cmpuint (fake->calls ("cuMemFree_v2"), ==, 2);
  g_assert_cmpuint (fake->calls (NULL), ==, 3 + 4);
  end ();
}

static void
test_real_time (void)
{
  gsize free_size, total;
  gint64 start;

  begin ("meminfo_us=5000,call_us=100");
  start = g_get_monotonic_time ();
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 5100);
  end ();
}

/* ---- versions ---- */

static gpointer
address_of (const gchar * symbol, gint version, gint * status)
{
  void *function = &function;

  if (cu.GetProcAddress_v2 (symbol, &function, version, 0, status) != CUDA_SUCCESS)
    g_assert_null (function);
  return function;
}

static void
test_versions (void)
{
  void *function;
  gint status;

  fake->configure ("");
  cuda_functions_load (&cu);
  g_assert_nonnull (address_of ("cuMemAlloc", 12000, &status));
  g_assert_cmpint (status, ==, 0);
  g_assert_null (address_of ("cuMemAlloc_v2", 12000, &status));
  g_assert_cmpint (status, ==, 1);
  g_assert_nonnull (address_of ("cuMemPoolCreate", 11020, &status));
  g_assert_null (address_of ("cuMemPoolCreate", 11010, &status));
  g_assert_cmpint (status, ==, 2);
  g_assert_nonnull (cu.GetProcAddress);

  fake->configure ("version=11040");
  cuda_functions_load (&cu);
  g_assert_null (cu.GetProcAddress_v2);
  g_assert_nonnull (cu.MemPoolCreate);
  assert_ok (cu.GetProcAddress ("cuMemAlloc", &function, 11040, 0));

  fake->configure ("version=11010");
  cuda_functions_load (&cu);
  g_assert_null (cu.GetProcAddress);
  g_assert_null (cu.MemPoolCreate);
  g_assert_null (cu.MemAllocAsync);
  g_assert_nonnull (cu.MemAlloc);

  fake->configure ("missing=cuMemAlloc_v2+cuEventQuery");
  cuda_functions_load (&cu);
  g_assert_null (cu.MemAlloc);
  g_assert_null (cu.EventQuery);
  g_assert_nonnull (cu.MemFree);
  g_assert_null (address_of ("cuMemAlloc", 12000, &status));
}

static void
test_bad_config (void)
{
  static const gchar *const configs[] = { "speed=1", "total_mb", "total_mb=x", "fail=MemAlloc",
    "fail=NoSuch:2", "fail=MemAlloc:2@often=1", "sticky=700", "h2d_gbps=0", "leaks=2", "trace=/",
    "fail=MemAlloc:2@skip", "devices=-1",
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (configs); i++) {
    gint status;
    pid_t child = fork ();

    if (child == 0) {
      fake->configure (configs[i]);
      _exit (0);
    }
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    if (!WIFSIGNALED (status))
      g_error ("not refused: %s", configs[i]);
    g_assert_cmpint (WTERMSIG (status), ==, SIGABRT);
  }
}

/* ---- end of the process ---- */

/* Exit status of a process that has not initialised CUDA before and calls @function */
static gint
exit_status_of (void (*function) (void), const gchar * config)
{
  gint status;
  pid_t child;

  fake->configure (config);
  cuda_functions_load (&cu);
  child = fork ();
  if (child == 0) {
    function ();
    exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
do_all_well (void)
{
  begin ("");
  assert_ok (cu.MemFree (new_memory (1)));
  end ();
}

static void
init_and_retain (void)
{
  if (cu.Init (0) != CUDA_SUCCESS || cu.DevicePrimaryCtxRetain (&context, 0) != CUDA_SUCCESS)
    abort ();
}

static void
do_double_free (void)
{
  CUdeviceptr memory;

  init_and_retain ();
  cu.CtxPushCurrent (context);
  cu.MemAlloc (&memory, 1);
  cu.MemFree (memory);
  cu.MemFree (memory);
  cu.CtxPopCurrent (NULL);
  cu.DevicePrimaryCtxRelease (0);
}

static void
do_fork (void)
{
  gint status;
  pid_t child;

  init_and_retain ();
  child = fork ();
  if (child == 0) {
    cu.DevicePrimaryCtxRelease (0);
    exit (0);
  }
  if (waitpid (child, &status, 0) != child || !WIFEXITED (status))
    abort ();
  cu.DevicePrimaryCtxRelease (0);
  exit (WEXITSTATUS (status) == 99 ? 7 : 8);
}

static void
do_quiet_fork (void)
{
  gint status;
  pid_t child;

  init_and_retain ();
  child = fork ();
  if (child == 0)
    exit (0);                   /* what the parent has is not the child's leak */
  if (waitpid (child, &status, 0) != child || !WIFEXITED (status))
    abort ();
  cu.DevicePrimaryCtxRelease (0);
  exit (WEXITSTATUS (status) == 0 ? 7 : 8);
}

static void
test_exit_status (void)
{
  g_assert_cmpint (exit_status_of (do_all_well, "init=0"), ==, 0);
  g_assert_cmpint (exit_status_of (init_and_retain, "init=0"), ==, 99);
  g_assert_cmpint (exit_status_of (init_and_retain, "init=0,leaks=0"), ==, 0);
  g_assert_cmpint (exit_status_of (do_double_free, "init=0"), ==, 99);
  g_assert_cmpint (exit_status_of (do_double_free, "init=0,leaks=0"), ==, 99);
}

static void
test_fork (void)
{
  g_assert_cmpint (exit_status_of (do_fork, "init=0"), ==, 7);
  g_assert_cmpint (exit_status_of (do_quiet_fork, "init=0"), ==, 7);
}

/* ---- trace ---- */

static void
test_trace (void)
{
  gchar *path, *config, *text = NULL;
  gint fd = g_file_open_tmp ("fakecuda-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  config = g_strdup_printf ("alloc_us=1,free_us=2,trace=%s", path);
  begin (config);
  assert_ok (cu.MemFree (new_memory (4096)));
  assert_error (alloc_and_free (G_MAXSIZE), CUDA_ERROR_OUT_OF_MEMORY);
  end ();
  fake->configure ("");
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==,
      "{\"t\":100,\"thread\":1,\"call\":\"cuInit\",\"args\":{\"flags\":0},\"result\":0}\n"
      "{\"t\":200,\"thread\":1,\"call\":\"cuDevicePrimaryCtxRetain\","
      "\"args\":{\"device\":0},\"result\":0}\n"
      "{\"t\":300,\"thread\":1,\"call\":\"cuCtxPushCurrent_v2\","
      "\"args\":{\"context\":1},\"result\":0}\n"
      "{\"t\":1400,\"thread\":1,\"call\":\"cuMemAlloc_v2\","
      "\"args\":{\"size\":4096,\"memory\":1},\"result\":0}\n"
      "{\"t\":3500,\"thread\":1,\"call\":\"cuMemFree_v2\",\"args\":{\"memory\":1},\"result\":0}\n"
      "{\"t\":3600,\"thread\":1,\"call\":\"cuMemAlloc_v2\","
      "\"args\":{\"size\":18446744073709551615,\"memory\":0},\"result\":2}\n"
      "{\"t\":3700,\"thread\":1,\"call\":\"cuCtxPopCurrent_v2\","
      "\"args\":{\"context\":1},\"result\":0}\n"
      "{\"t\":3800,\"thread\":1,\"call\":\"cuDevicePrimaryCtxRelease_v2\","
      "\"args\":{\"device\":0},\"result\":0}\n");
  unlink (path);
  g_free (text);
  g_free (config);
  g_free (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fakecuda/trace", test_trace);
  g_test_add_func ("/fakecuda/init", test_init);
  g_test_add_func ("/fakecuda/context/primary", test_primary_context);
  g_test_add_func ("/fakecuda/context/stack", test_context_stack);
  g_test_add_func ("/fakecuda/context/objects-die", test_objects_die_with_context);
  g_test_add_func ("/fakecuda/context/two-devices", test_two_devices);
  g_test_add_func ("/fakecuda/memory/device", test_memory);
  g_test_add_func ("/fakecuda/memory/holes", test_holes);
  g_test_add_func ("/fakecuda/memory/pinned", test_pinned);
  g_test_add_func ("/fakecuda/faults/fail", test_faults);
  g_test_add_func ("/fakecuda/faults/oom-above", test_oom_above);
  g_test_add_func ("/fakecuda/faults/sticky", test_sticky);
  g_test_add_func ("/fakecuda/faults/bad-config", test_bad_config);
  g_test_add_func ("/fakecuda/configure", test_configure);
  g_test_add_func ("/fakecuda/calls", test_calls);
  g_test_add_func ("/fakecuda/real-time", test_real_time);
  g_test_add_func ("/fakecuda/versions", test_versions);
  g_test_add_func ("/fakecuda/exit-status", test_exit_status);
  g_test_add_func ("/fakecuda/fork", test_fork);
  return run_fakecuda_tests ();
}
