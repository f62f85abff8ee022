/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "fakecuda.h"
#include "fakecuda-functions.h"

/* What the fake driver's own tests share: each begins with a driver of its own and has to leave
 * nothing behind. */

#define MIB ((gsize) 1 << 20)

static const FakeCuda *fake;
static CudaFunctions cu;
static CUcontext context;

#define assert_ok(call) g_assert_cmpint ((call), ==, CUDA_SUCCESS)
#define assert_error(call, error) g_assert_cmpint ((call), ==, (error))

/* Errors of use since the last look: the test provoked @n */
#define assert_problems(n) g_assert_cmpuint (fake->forgive (), ==, (n))

static inline void
begin (const gchar * config)
{
  fake->configure (config);
  cuda_functions_load (&cu);
  assert_ok (cu.Init (0));
  assert_ok (cu.DevicePrimaryCtxRetain (&context, 0));
  assert_ok (cu.CtxPushCurrent (context));
}

static inline void
end (void)
{
  assert_ok (cu.CtxPopCurrent (&context));
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  assert_problems (0);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->alive ("pushed"), ==, 0);
}

static inline CUstream
new_stream (void)
{
  CUstream stream = NULL;

  assert_ok (cu.StreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  return stream;
}

static inline CUevent
new_event (void)
{
  CUevent event = NULL;

  assert_ok (cu.EventCreate (&event, CU_EVENT_DEFAULT));
  return event;
}

static inline CUdeviceptr
new_memory (gsize size)
{
  CUdeviceptr pointer = 0;

  assert_ok (cu.MemAlloc (&pointer, size));
  return pointer;
}

static inline guint8 *
new_pinned (gsize size, gint fill)
{
  void *data = NULL;
  gsize i;

  assert_ok (cu.MemHostAlloc (&data, size, CU_MEMHOSTALLOC_PORTABLE));
  for (i = 0; i < size; i++)
    ((guint8 *) data)[i] = (guint8) fill;
  return data;
}

/* For the end of main(): the library of GST_SEQ_LIBCUDA must be the fake one */
static inline int
run_fakecuda_tests (void)
{
  fake = fakecuda_find ();
  g_assert_nonnull (fake);
  return g_test_run ();
}
