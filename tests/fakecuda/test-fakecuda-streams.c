/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-test.h"

#include <string.h>

/* Copies, events, order between streams, virtual time, capture */

#define SIZE ((gsize) 1 << 20)

static guint64
sum_of (const guint8 * data, gsize size)
{
  guint64 sum = 0;
  gsize i;

  for (i = 0; i < size; i++)
    sum += data[i];
  return sum;
}

/* ---- copies ---- */

static void
test_pinned_copy (void)
{
  guint8 *from, *to;
  CUdeviceptr memory;
  CUstream stream;
  guint64 sum = 0, before;

  begin ("h2d_gbps=10,d2h_gbps=20");
  from = new_pinned (SIZE, 3);
  to = new_pinned (SIZE, 0);
  memory = new_memory (SIZE);
  stream = new_stream ();

  /* read when it runs, not when it is called: a slot that is filled again too early shows */
  assert_ok (cu.MemcpyHtoDAsync (memory, from, SIZE, stream));
  from[0] = 4;
  assert_ok (fake->kernel (stream, 1000, memory, SIZE, &sum, 0, 0, -1));
  assert_ok (cu.MemcpyDtoHAsync (to, memory, SIZE, stream));
  g_assert_cmpuint (sum, ==, 0);
  g_assert_cmpuint (to[0], ==, 0xdb);
  before = fake->clock ();
  assert_ok (cu.StreamSynchronize (stream));
  g_assert_cmpuint (sum, ==, 3 * SIZE + 1);
  g_assert_cmpuint (sum_of (to, SIZE), ==, 3 * SIZE + 1);
  /* 1 MiB at 10 and at 20 bytes a ns, two latencies, the kernel; less what the calls took */
  g_assert_cmpuint (fake->clock () - before, <=, SIZE / 10 + SIZE / 20 + 3000);
  g_assert_cmpuint (fake->clock () - before, >=, SIZE / 10 + SIZE / 20 + 3000 - 1000);

  assert_ok (cu.MemFree (memory));
  assert_ok (cu.MemFreeHost (from));
  assert_ok (cu.MemFreeHost (to));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

static void
test_pageable_copy (void)
{
  guint8 *data = g_malloc (SIZE);
  CUdeviceptr memory;
  CUstream stream;
  guint64 before;

  begin ("pageable_gbps=5");
  memory = new_memory (SIZE);
  stream = new_stream ();
  memset (data, 7, SIZE);
  before = fake->clock ();
  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, stream));
  g_assert_cmpuint (fake->clock () - before, >=, SIZE / 5);     /* the host waits */
  memset (data, 0, SIZE);       /* it was read at once */
  assert_ok (cu.MemcpyDtoHAsync (data, memory, SIZE, stream));
  g_assert_cmpuint (sum_of (data, SIZE), ==, 7 * SIZE); /* and is written at once */

  assert_ok (cu.MemcpyHtoD (memory, data, 16));
  assert_ok (cu.MemcpyDtoH (data, memory, SIZE));
  assert_ok (cu.MemFree (memory));
  assert_ok (cu.StreamDestroy (stream));
  end ();
  g_free (data);
}

static void
test_device_copy (void)
{
  guint8 data[64];
  CUdeviceptr a, b;
  CUstream stream;

  begin ("");
  a = new_memory (64);
  b = new_memory (64);
  stream = new_stream ();
  assert_ok (cu.MemsetD8Async (a, 9, 64, stream));
  assert_ok (cu.MemcpyDtoDAsync (b + 32, a, 32, stream));
  assert_ok (cu.MemsetD8Async (b, 1, 32, stream));
  assert_ok (cu.MemcpyDtoHAsync (data, b, 64, stream));
  g_assert_cmpuint (sum_of (data, 64), ==, 10 * 32);
  assert_error (cu.MemcpyDtoDAsync (a + 16, a, 32, stream), CUDA_ERROR_INVALID_VALUE);
  assert_problems (1);
  assert_ok (cu.MemFree (a));
  assert_ok (cu.MemFree (b));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

static void
test_bounds (void)
{
  guint8 data[64] = { 0 };
  guint8 *pinned;
  CUdeviceptr memory;

  begin ("");
  memory = new_memory (64);
  pinned = new_pinned (64, 0);
  assert_error (cu.MemcpyHtoD (memory + 1, data, 64), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemcpyHtoD ((CUdeviceptr) (guintptr) data, data, 1), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemcpyHtoD ((CUdeviceptr) (guintptr) pinned, data, 1),
      CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemcpyHtoD (memory, data, 0), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemcpyDtoH (data, memory, G_MAXSIZE), CUDA_ERROR_INVALID_VALUE);
  assert_problems (5);
  assert_ok (cu.MemFreeHost (pinned));
  assert_ok (cu.MemFree (memory));
  end ();
}

/* What was never written is poison, in the bytes around it not */
static void
test_poison (void)
{
  guint8 data[64];
  CUdeviceptr memory;
  guint64 sum;

  begin ("");
  memory = new_memory (64);
  assert_ok (cu.MemsetD8 (memory + 8, 1, 8));
  assert_ok (cu.MemsetD8 (memory + 24, 2, 8));
  assert_ok (cu.MemcpyDtoH (data, memory, 64));
  assert_problems (1);
  g_assert_cmpuint (sum_of (data, 64), ==, 8 + 16 + 48 * 0xdb);
  g_assert_cmpuint (data[7], ==, 0xdb);
  g_assert_cmpuint (data[8], ==, 1);
  assert_ok (cu.MemsetD8 (memory + 16, 3, 8));
  assert_ok (fake->kernel (NULL, 0, memory + 8, 24, &sum, 0, 0, -1));
  assert_ok (cu.CtxSynchronize ());
  g_assert_cmpuint (sum, ==, 8 * (1 + 3 + 2));
  assert_ok (cu.MemFree (memory));

  /* not what was there before it was freed */
  memory = new_memory (64);
  assert_ok (cu.MemcpyDtoH (data, memory, 64));
  assert_problems (1);
  assert_ok (cu.MemFree (memory));
  end ();
}

/* ---- order ---- */

/* The reader comes without waiting: however long ago the copy ended, nobody knew */
static void
test_missing_wait (void)
{
  guint8 *data;
  CUdeviceptr memory;
  CUstream copies, work, third;
  CUevent ready, done;
  guint64 sum;

  begin ("");
  data = new_pinned (SIZE, 1);
  memory = new_memory (SIZE);
  copies = new_stream ();
  work = new_stream ();
  ready = new_event ();
  done = new_event ();

  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, copies));
  assert_ok (fake->kernel (work, 1000, memory, SIZE, &sum, 0, 0, -1));
  assert_problems (1);
  assert_ok (cu.CtxSynchronize ());
  g_assert_cmpuint (sum, ==, 0xdb * SIZE);

  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, copies));
  fake->advance (G_TIME_SPAN_SECOND * 1000);
  assert_ok (fake->kernel (work, 1000, memory, SIZE, &sum, 0, 0, -1));
  assert_problems (1);
  assert_ok (cu.CtxSynchronize ());

  /* with an event it is fine */
  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, copies));
  assert_ok (cu.EventRecord (ready, copies));
  assert_ok (cu.StreamWaitEvent (work, ready, 0));
  assert_ok (fake->kernel (work, 1000000, memory, SIZE, &sum, 0, 0, -1));
  assert_problems (0);
  /* and so must be the way back */
  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, copies));
  assert_problems (1);
  assert_ok (cu.StreamSynchronize (copies));
  assert_ok (fake->kernel (work, 1000000, memory, SIZE, &sum, 0, 0, -1));
  assert_ok (cu.EventRecord (done, work));
  assert_ok (cu.StreamWaitEvent (copies, done, 0));
  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, copies));
  assert_problems (0);
  /* at second hand, too: copies has waited for work, and the host for copies */
  assert_ok (cu.StreamSynchronize (copies));
  third = new_stream ();
  assert_ok (fake->kernel (third, 0, 0, 0, NULL, memory, SIZE, 1));
  assert_problems (0);
  assert_ok (cu.StreamDestroy (third));
  assert_ok (cu.MemFreeHost (data));
  g_assert_cmpuint (sum, ==, SIZE);

  assert_ok (cu.MemFree (memory));
  assert_ok (cu.EventDestroy (ready));
  assert_ok (cu.EventDestroy (done));
  assert_ok (cu.StreamDestroy (copies));
  assert_ok (cu.StreamDestroy (work));
  end ();
}

static void
test_pinned_freed_under_copy (void)
{
  guint8 *data;
  CUdeviceptr memory;
  CUstream stream;

  begin ("");
  data = new_pinned (SIZE, 1);
  memory = new_memory (SIZE);
  stream = new_stream ();
  assert_ok (cu.MemcpyHtoDAsync (memory, data, SIZE, stream));
  assert_ok (cu.MemFreeHost (data));
  assert_problems (1);
  assert_ok (cu.StreamDestroy (stream));
  assert_ok (cu.MemFree (memory));
  end ();
}

static void
test_legacy_stream (void)
{
  CUdeviceptr memory;
  CUstream blocking, free_running;
  CUevent event;

  begin ("");
  memory = new_memory (64);
  event = new_event ();
  free_running = new_stream ();
  assert_ok (cu.StreamCreate (&blocking, 0));

  /* blocking, legacy, blocking: each waits for the one before */
  assert_ok (fake->kernel (blocking, 1000000, 0, 0, NULL, memory, 64, 1));
  assert_ok (fake->kernel (NULL, 1000000, memory, 64, NULL, memory, 64, 2));
  assert_ok (fake->kernel (blocking, 1000000, memory, 64, NULL, memory, 64, 3));
  assert_problems (0);
  assert_ok (cu.EventRecord (event, free_running));
  assert_ok (cu.EventQuery (event));    /* nothing waits for those */
  assert_error (cu.StreamQuery (NULL), CUDA_ERROR_NOT_READY);
  assert_ok (fake->kernel (free_running, 0, memory, 64, NULL, 0, 0, -1));
  assert_problems (1);

  assert_ok (cu.StreamSynchronize (NULL));
  assert_ok (cu.StreamQuery (blocking));
  assert_ok (cu.EventDestroy (event));
  assert_ok (cu.StreamDestroy (blocking));
  assert_ok (cu.StreamDestroy (free_running));
  assert_ok (cu.MemFree (memory));
  end ();
}

/* ---- time ---- */

static void
test_events (void)
{
  CUstream stream, other;
  CUevent start, stop, untimed, later;
  gfloat ms = 0;
  guint n;

  begin ("");
  stream = new_stream ();
  start = new_event ();
  stop = new_event ();
  assert_ok (cu.EventCreate (&untimed, CU_EVENT_DISABLE_TIMING));

  /* an event that was never recorded counts as done */
  assert_ok (cu.EventQuery (start));
  assert_ok (cu.EventSynchronize (start));
  assert_ok (cu.StreamWaitEvent (stream, start, 0));
  assert_error (cu.EventElapsedTime (&ms, start, stop), CUDA_ERROR_INVALID_HANDLE);

  assert_ok (cu.EventRecord (start, stream));
  assert_ok (fake->kernel (stream, 2000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.EventRecord (stop, stream));
  assert_error (cu.EventQuery (stop), CUDA_ERROR_NOT_READY);
  assert_error (cu.EventElapsedTime (&ms, start, stop), CUDA_ERROR_NOT_READY);
  for (n = 0; cu.EventQuery (stop) == CUDA_ERROR_NOT_READY; n++)
    g_assert_cmpuint (n, <, 2000);      /* polling ends */
  assert_ok (cu.EventElapsedTime (&ms, start, stop));
  g_assert_cmpfloat_with_epsilon (ms, 2.0, 0.001);
  assert_error (cu.EventElapsedTime (&ms, start, untimed), CUDA_ERROR_INVALID_HANDLE);

  /* who waits for an event comes after it */
  other = new_stream ();
  later = new_event ();
  assert_ok (fake->kernel (stream, 2000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.EventRecord (stop, stream));
  assert_ok (cu.StreamWaitEvent (other, stop, 0));
  assert_ok (fake->kernel (other, 1000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.EventRecord (later, other));
  assert_ok (cu.EventSynchronize (later));
  assert_ok (cu.EventElapsedTime (&ms, stop, later));
  g_assert_cmpfloat_with_epsilon (ms, 1.0, 0.001);
  assert_ok (cu.EventDestroy (later));
  assert_ok (cu.StreamDestroy (other));

  assert_ok (cu.EventDestroy (start));
  assert_error (cu.EventQuery (start), CUDA_ERROR_INVALID_HANDLE);
  assert_error (cu.EventQuery ((CUevent) stream), CUDA_ERROR_INVALID_HANDLE);
  assert_problems (2);
  assert_ok (cu.EventDestroy (stop));
  assert_ok (cu.EventDestroy (untimed));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* ms from one event to the end of the other */
static gfloat
elapsed (CUevent start, CUevent stop)
{
  gfloat ms = 0;

  assert_ok (cu.EventSynchronize (stop));
  assert_ok (cu.EventElapsedTime (&ms, start, stop));
  return ms;
}

static void
test_copy_engines (void)
{
  const gsize size = 25000000;  /* 1 ms */
  guint8 *data;
  CUdeviceptr a, b, c;
  CUstream up, up2, down, work;
  CUevent start, stops[4];
  guint i;

  begin ("h2d_gbps=25,d2h_gbps=25");
  data = new_pinned (3 * size, 1);
  a = new_memory (size);
  b = new_memory (size);
  c = new_memory (size);
  assert_ok (cu.MemsetD8 (c, 0, size));
  assert_ok (cu.CtxSynchronize ());
  up = new_stream ();
  up2 = new_stream ();
  down = new_stream ();
  work = new_stream ();
  start = new_event ();
  for (i = 0; i < 4; i++)
    stops[i] = new_event ();

  assert_ok (cu.EventRecord (start, up));
  assert_ok (cu.MemcpyHtoDAsync (a, data, size, up));
  assert_ok (cu.MemcpyHtoDAsync (b, data + size, size, up2));
  assert_ok (cu.MemcpyDtoHAsync (data + 2 * size, c, size, down));
  assert_ok (fake->kernel (work, 1000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.EventRecord (stops[0], up));
  assert_ok (cu.EventRecord (stops[1], up2));
  assert_ok (cu.EventRecord (stops[2], down));
  assert_ok (cu.EventRecord (stops[3], work));
  g_assert_cmpfloat_with_epsilon (elapsed (start, stops[0]), 1, 0.01);
  g_assert_cmpfloat_with_epsilon (elapsed (start, stops[1]), 2, 0.01);  /* behind the other */
  g_assert_cmpfloat_with_epsilon (elapsed (start, stops[2]), 1, 0.01);  /* beside it */
  g_assert_cmpfloat_with_epsilon (elapsed (start, stops[3]), 1, 0.01);

  for (i = 0; i < 4; i++)
    assert_ok (cu.EventDestroy (stops[i]));
  assert_ok (cu.EventDestroy (start));
  assert_ok (cu.StreamDestroy (up));
  assert_ok (cu.StreamDestroy (up2));
  assert_ok (cu.StreamDestroy (down));
  assert_ok (cu.StreamDestroy (work));
  assert_ok (cu.MemFree (a));
  assert_ok (cu.MemFree (b));
  assert_ok (cu.MemFree (c));
  assert_ok (cu.MemFreeHost (data));
  end ();
}

static void
host_function (void *data)
{
  gint count;

  assert_error (cu.DeviceGetCount (&count), CUDA_ERROR_NOT_PERMITTED);
  g_atomic_int_inc ((gint *) data);
}

static void
test_host_function (void)
{
  CUstream stream;
  gint n = 0;

  begin ("");
  stream = new_stream ();
  assert_ok (fake->kernel (stream, 1000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.LaunchHostFunc (stream, host_function, &n));
  g_assert_cmpint (n, ==, 0);
  assert_ok (cu.StreamSynchronize (stream));
  g_assert_cmpint (n, ==, 1);
  assert_problems (1);
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* Threads that copy and wait at the same time, each with a stream and memory of its own */
static gpointer
copy_often (gpointer data)
{
  guint8 *pinned;
  CUdeviceptr memory;
  CUstream stream;
  guint64 sum;
  guint i;

  assert_ok (cu.CtxPushCurrent (context));
  stream = new_stream ();
  memory = new_memory (4096);
  pinned = new_pinned (4096, 0);
  for (i = 0; i < 500; i++) {
    memset (pinned, (gint) i & 0xff, 4096);
    assert_ok (cu.MemcpyHtoDAsync (memory, pinned, 4096, stream));
    assert_ok (fake->kernel (stream, 500, memory, 4096, &sum, 0, 0, -1));
    assert_ok (cu.StreamSynchronize (stream));
    g_assert_cmpuint (sum, ==, 4096 * (i & 0xff));
  }
  assert_ok (cu.MemFreeHost (pinned));
  assert_ok (cu.MemFree (memory));
  assert_ok (cu.StreamDestroy (stream));
  assert_ok (cu.CtxPopCurrent (NULL));
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[4];
  guint i;

  begin ("");
  for (i = 0; i < 4; i++)
    threads[i] = g_thread_new ("copies", copy_often, NULL);
  for (i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  end ();
}

/* ---- capture ---- */

static CUresult thread_result;

static gpointer
alloc_in_thread (gpointer mode)
{
  CUstreamCaptureMode exchanged = GPOINTER_TO_INT (mode);
  CUdeviceptr memory;

  assert_ok (cu.CtxPushCurrent (context));
  assert_ok (cu.ThreadExchangeStreamCaptureMode (&exchanged));
  g_assert_cmpint (exchanged, ==, CU_STREAM_CAPTURE_MODE_GLOBAL);
  thread_result = cu.MemAlloc (&memory, 1);
  if (thread_result == CUDA_SUCCESS)
    assert_ok (cu.MemFree (memory));
  assert_ok (cu.CtxPopCurrent (NULL));
  return NULL;
}

static CUresult
alloc_elsewhere (CUstreamCaptureMode mode)
{
  g_thread_join (g_thread_new ("alloc", alloc_in_thread, GINT_TO_POINTER (mode)));
  return thread_result;
}

static void
test_capture (void)
{
  CUstream stream;
  CUstreamCaptureStatus status;
  CUdeviceptr memory;
  CUgraph graph;

  begin ("");
  memory = new_memory (64);
  stream = new_stream ();
  assert_ok (cu.StreamBeginCapture (stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  assert_ok (cu.StreamIsCapturing (stream, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  assert_ok (cu.StreamIsCapturing (NULL, &status));     /* of a non-blocking one it can't tell */
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_NONE);
  assert_ok (cu.MemsetD8Async (memory, 1, 64, stream)); /* does not run */
  assert_error (alloc_elsewhere (CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
  assert_error (alloc_elsewhere (CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), CUDA_SUCCESS);
  assert_ok (cu.StreamEndCapture (stream, &graph));
  g_assert_cmpuint (fake->alive ("graph"), ==, 1);
  assert_ok (cu.GraphDestroy (graph));
  assert_ok (cu.StreamIsCapturing (stream, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_NONE);

  /* of this thread only: others may do what they want */
  assert_ok (fake->begin_capture (stream, FALSE));
  assert_error (alloc_elsewhere (CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
  assert_ok (fake->end_capture (stream));
  assert_ok (cu.MemFree (memory));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

static void
assert_broken (CUstream stream)
{
  CUstreamCaptureStatus status;

  assert_problems (1);
  assert_ok (cu.StreamIsCapturing (stream, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  assert_error (cu.LaunchHostFunc (stream, host_function, NULL),
      CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  assert_error (fake->end_capture (stream), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  assert_problems (0);
}

static void
test_broken_capture (void)
{
  CUstreamCaptureMode relaxed = CU_STREAM_CAPTURE_MODE_RELAXED;
  CUstreamCaptureStatus status;
  CUstream stream, blocking;
  CUmemoryPool pool;
  CUevent event;

  begin ("");
  stream = new_stream ();
  event = new_event ();
  assert_ok (cu.StreamCreate (&blocking, 0));
  assert_ok (cu.DeviceGetDefaultMemPool (&pool, 0));

  assert_ok (fake->begin_capture (stream, TRUE));
  assert_error (alloc_elsewhere (CU_STREAM_CAPTURE_MODE_GLOBAL),
      CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  assert_broken (stream);
  assert_ok (fake->begin_capture (stream, FALSE));
  assert_error (cu.EventQuery (event), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  assert_broken (stream);

  /* even where the thread's mode is relaxed */
  assert_ok (cu.ThreadExchangeStreamCaptureMode (&relaxed));
  assert_ok (fake->begin_capture (stream, TRUE));
  assert_ok (cu.EventQuery (event));
  assert_error (cu.StreamSynchronize (stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  assert_broken (stream);
  assert_ok (fake->begin_capture (stream, TRUE));
  assert_error (cu.CtxSynchronize (), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  assert_broken (stream);
  assert_ok (fake->begin_capture (stream, TRUE));
  assert_error (cu.MemPoolTrimTo (pool, 0), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  assert_broken (stream);
  assert_ok (fake->begin_capture (blocking, TRUE));
  assert_error (cu.StreamIsCapturing (NULL, &status), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  assert_problems (0);          /* to ask does no harm */
  assert_error (cu.EventRecord (event, NULL), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  assert_broken (blocking);
  assert_ok (cu.ThreadExchangeStreamCaptureMode (&relaxed));

  assert_ok (cu.EventDestroy (event));
  assert_ok (cu.StreamDestroy (stream));
  assert_ok (cu.StreamDestroy (blocking));
  end ();
}

/* A stream that waits for an event of the capture becomes part of it */
static void
test_capture_joined (void)
{
  CUstreamCaptureStatus status;
  CUstream stream, other;
  CUevent event;

  begin ("");
  stream = new_stream ();
  other = new_stream ();
  event = new_event ();
  assert_ok (fake->begin_capture (stream, TRUE));
  assert_ok (cu.EventRecord (event, stream));
  assert_ok (cu.StreamWaitEvent (other, event, 0));
  assert_ok (cu.StreamIsCapturing (other, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  assert_ok (fake->end_capture (stream));
  assert_ok (cu.StreamIsCapturing (other, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_NONE);
  assert_ok (cu.EventDestroy (event));
  assert_ok (cu.StreamDestroy (stream));
  assert_ok (cu.StreamDestroy (other));
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fakecuda/copies/pinned", test_pinned_copy);
  g_test_add_func ("/fakecuda/copies/pageable", test_pageable_copy);
  g_test_add_func ("/fakecuda/copies/device", test_device_copy);
  g_test_add_func ("/fakecuda/copies/bounds", test_bounds);
  g_test_add_func ("/fakecuda/copies/poison", test_poison);
  g_test_add_func ("/fakecuda/order/missing-wait", test_missing_wait);
  g_test_add_func ("/fakecuda/order/pinned-freed", test_pinned_freed_under_copy);
  g_test_add_func ("/fakecuda/order/legacy-stream", test_legacy_stream);
  g_test_add_func ("/fakecuda/time/events", test_events);
  g_test_add_func ("/fakecuda/time/copy-engines", test_copy_engines);
  g_test_add_func ("/fakecuda/time/host-function", test_host_function);
  g_test_add_func ("/fakecuda/time/threads", test_threads);
  g_test_add_func ("/fakecuda/capture/fine", test_capture);
  g_test_add_func ("/fakecuda/capture/broken", test_broken_capture);
  g_test_add_func ("/fakecuda/capture/joined", test_capture_joined);
  return run_fakecuda_tests ();
}
