/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

/* Capture of streams into graphs, as far as others notice: what is put into a stream meanwhile does
 * not run, and some calls break it. */

typedef struct
{
  FakeObject object;
} FakeGraph;

void
fake_captures_init (void)
{
  fake.captures = g_ptr_array_new_with_free_func (g_free);
}

void
fake_captures_free (void)
{
  g_clear_pointer (&fake.captures, g_ptr_array_unref);
}

static void
break_capture (FakeCapture * capture)
{
  capture->is_broken = TRUE;
  fake_problem ("breaks the capture of stream %u", capture->stream->object.number);
}

CUresult
fake_capture_check_unsafe (void)
{
  CUstreamCaptureMode mode = *fake_capture_mode ();
  guint thread = fake_thread (), i;
  CUresult result = CUDA_SUCCESS;

  if (mode == CU_STREAM_CAPTURE_MODE_RELAXED)
    return CUDA_SUCCESS;
  for (i = 0; i < fake.captures->len; i++) {
    FakeCapture *capture = g_ptr_array_index (fake.captures, i);

    if (capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || (capture->thread != thread
            && (capture->mode != CU_STREAM_CAPTURE_MODE_GLOBAL
                || mode != CU_STREAM_CAPTURE_MODE_GLOBAL)))
      continue;
    break_capture (capture);
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return result;
}

CUresult
fake_capture_break (FakeStream * stream, FakeContext * context)
{
  CUresult result = CUDA_SUCCESS;
  guint i;

  for (i = 0; i < fake.captures->len; i++) {
    FakeCapture *capture = g_ptr_array_index (fake.captures, i);

    if (stream != NULL ? stream->capture != capture : capture->stream->context != context)
      continue;
    break_capture (capture);
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return result;
}

/* Of a blocking stream in @context, which the legacy stream would wait for; or NULL */
static FakeCapture *
find_blocking (FakeContext * context)
{
  guint i;

  for (i = 0; i < fake.captures->len; i++) {
    FakeCapture *capture = g_ptr_array_index (fake.captures, i);

    if (capture->stream->is_blocking && capture->stream->context == context)
      return capture;
  }
  return NULL;
}

CUresult
fake_capture_check_work (FakeStream * stream)
{
  FakeCapture *capture;

  if (stream->capture != NULL && stream->capture->is_broken)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (fake.captures->len == 0 || stream != stream->context->legacy)
    return CUDA_SUCCESS;
  capture = find_blocking (stream->context);
  if (capture == NULL)
    return CUDA_SUCCESS;
  break_capture (capture);
  return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
}

/* ---- entry points ---- */

CUresult
fake_ThreadExchangeStreamCaptureMode (CUstreamCaptureMode * mode)
{
  CUresult result = fake_enter (FAKE_ThreadExchangeStreamCaptureMode, 0);
  CUstreamCaptureMode asked = *mode;

  if (result == CUDA_SUCCESS && (asked < CU_STREAM_CAPTURE_MODE_GLOBAL
          || asked > CU_STREAM_CAPTURE_MODE_RELAXED))
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS) {
    *mode = *fake_capture_mode ();
    *fake_capture_mode () = asked;
  }
  return fake_leave (result, "\"mode\":%d", asked);
}

/* About the legacy stream there is no telling while one is captured that it would wait for. */
CUresult
fake_StreamIsCapturing (CUstream handle, CUstreamCaptureStatus * status)
{
  CUresult result = fake_enter (FAKE_StreamIsCapturing, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS && stream == stream->context->legacy
      && find_blocking (stream->context) != NULL)
    result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  if (result == CUDA_SUCCESS)
    *status = stream->capture == NULL ? CU_STREAM_CAPTURE_STATUS_NONE : stream->capture->is_broken
        ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}

CUresult
fake_StreamBeginCapture (CUstream handle, CUstreamCaptureMode mode)
{
  CUresult result = fake_enter (FAKE_StreamBeginCapture, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS && stream == stream->context->legacy)
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (result == CUDA_SUCCESS && (stream->capture != NULL || mode < CU_STREAM_CAPTURE_MODE_GLOBAL
          || mode > CU_STREAM_CAPTURE_MODE_RELAXED))
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS) {
    FakeCapture *capture = g_new0 (FakeCapture, 1);

    capture->stream = stream;
    capture->mode = mode;
    capture->thread = fake_thread ();
    stream->capture = capture;
    g_ptr_array_add (fake.captures, capture);
  }
  return fake_leave (result, "\"stream\":%u,\"mode\":%d", fake_number (handle), mode);
}

/* All streams that have joined the capture are free again */
static void
leave_capture (FakeCapture * capture)
{
  guint i;

  for (i = 0; i < fake.objects[FAKE_STREAM]->len; i++) {
    FakeStream *stream = g_ptr_array_index (fake.objects[FAKE_STREAM], i);

    if (stream->capture == capture)
      stream->capture = NULL;
  }
  fake_event_clear_captures (capture);
  g_ptr_array_remove (fake.captures, capture);
}

CUresult
fake_StreamEndCapture (CUstream handle, CUgraph * graph)
{
  CUresult result = fake_enter (FAKE_StreamEndCapture, 0);
  FakeStream *stream = NULL;

  *graph = NULL;
  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS && (stream->capture == NULL || stream->capture->stream != stream))
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS && stream->capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
      && stream->capture->thread != fake_thread ())
    result = 908;               /* CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD */
  if (result == CUDA_SUCCESS) {
    if (stream->capture->is_broken) {
      result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    } else {
      FakeGraph *made = g_new0 (FakeGraph, 1);

      fake_object_add (made, FAKE_GRAPH, NULL, NULL);
      *graph = fake_handle (made);
    }
    leave_capture (stream->capture);
  }
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}

CUresult
fake_GraphDestroy (CUgraph handle)
{
  CUresult result = fake_enter (FAKE_GraphDestroy, 0);
  FakeGraph *graph = NULL;

  if (result == CUDA_SUCCESS && (graph = fake_object (handle, FAKE_GRAPH)) == NULL)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS)
    fake_object_remove (graph);
  return fake_leave (result, "\"graph\":%u", fake_number (handle));
}
