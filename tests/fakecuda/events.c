/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

/* Events: what a stream had before it when they were recorded */

typedef struct
{
  FakeObject object;
  gboolean is_timed, is_recorded;
  guint64 time;
  GArray *seen;                 /* of FakeSeen, the recording stream's own place included */
  FakeCapture *capture;         /* in which it was recorded last */
} FakeEvent;

static void
event_clear (gpointer event)
{
  g_array_unref (((FakeEvent *) event)->seen);
}

/* Waiting may be done for events of any context; all else needs the current one. */
static FakeEvent *
find_event (CUevent handle)
{
  FakeEvent *event = fake_object (handle, FAKE_EVENT);

  if (event != NULL && event->object.context != fake_current ()) {
    fake_problem ("event %u is of another context", event->object.number);
    return NULL;
  }
  return event;
}

CUresult
fake_EventCreate (CUevent * handle, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_EventCreate, 0);
  FakeEvent *event = NULL;

  if (result == CUDA_SUCCESS && flags > 7)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS) {
    event = g_new0 (FakeEvent, 1);
    event->is_timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
    event->seen = g_array_new (FALSE, FALSE, sizeof (FakeSeen));
    fake_object_add (event, FAKE_EVENT, fake_current (), event_clear);
    *handle = fake_handle (event);
  }
  return fake_leave (result, "\"flags\":%u,\"event\":%u", flags,
      event != NULL ? event->object.number : 0);
}

CUresult
fake_EventDestroy (CUevent handle)
{
  CUresult result = fake_enter (FAKE_EventDestroy, 0);
  FakeEvent *event = NULL;

  if (result == CUDA_SUCCESS && (event = find_event (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    fake_object_remove (event);
  return fake_leave (result, "\"event\":%u", fake_number (handle));
}

CUresult
fake_EventRecord (CUevent handle, CUstream stream_handle)
{
  CUresult result = fake_enter (FAKE_EventRecord, 0);
  FakeEvent *event = NULL;
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && ((event = find_event (handle)) == NULL
          || (stream = fake_stream (stream_handle)) == NULL))
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    result = fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS) {
    fake_stream_prepare (stream);
    stream->tail = MAX (stream->tail, fake.clock);
    event->is_recorded = TRUE;
    event->time = stream->tail;
    event->capture = stream->capture;
    g_array_set_size (event->seen, 0);
    fake_seen_merge (event->seen, stream->seen);
    fake_seen_raise (event->seen, stream, event->time);
  }
  return fake_leave (result, "\"event\":%u,\"stream\":%u", fake_number (handle),
      fake_number (stream_handle));
}

CUresult
fake_EventQuery (CUevent handle)
{
  CUresult result = fake_enter (FAKE_EventQuery, 0);
  FakeEvent *event = NULL;

  if (result == CUDA_SUCCESS && (event = find_event (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS) {
    fake_wait_until (fake.clock + FAKE_POLL_NS);
    if (event->time > fake.clock)
      result = CUDA_ERROR_NOT_READY;
    else
      fake_host_wait (NULL, event->time, event->seen);
  }
  return fake_leave (result, "\"event\":%u", fake_number (handle));
}

CUresult
fake_EventSynchronize (CUevent handle)
{
  CUresult result = fake_enter (FAKE_EventSynchronize, 0);
  FakeEvent *event = NULL;

  if (result == CUDA_SUCCESS && (event = find_event (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS) {
    fake_host_wait (NULL, event->time, event->seen);
    fake_pools_synchronised ();
  }
  return fake_leave (result, "\"event\":%u", fake_number (handle));
}

CUresult
fake_EventElapsedTime (float *ms, CUevent start_handle, CUevent end_handle)
{
  CUresult result = fake_enter (FAKE_EventElapsedTime, 0);
  FakeEvent *start = NULL, *end = NULL;

  if (result == CUDA_SUCCESS && ((start = find_event (start_handle)) == NULL
          || (end = find_event (end_handle)) == NULL || !start->is_timed || !end->is_timed
          || !start->is_recorded || !end->is_recorded))
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS && MAX (start->time, end->time) > fake.clock)
    result = CUDA_ERROR_NOT_READY;
  if (result == CUDA_SUCCESS)
    *ms = (float) (((gdouble) end->time - (gdouble) start->time) / 1e6);
  return fake_leave (result, "\"start\":%u,\"end\":%u", fake_number (start_handle),
      fake_number (end_handle));
}

/* An event that was never recorded is no wait. One of a capture takes the stream into it. */
CUresult
fake_StreamWaitEvent (CUstream stream_handle, CUevent handle, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_StreamWaitEvent, 0);
  FakeStream *stream = NULL;
  FakeEvent *event = NULL;

  if (result == CUDA_SUCCESS && ((stream = fake_stream (stream_handle)) == NULL
          || (event = fake_object (handle, FAKE_EVENT)) == NULL))
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    result = fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS && event->capture != NULL)
    stream->capture = event->capture;
  if (result == CUDA_SUCCESS && event->is_recorded) {
    fake_stream_prepare (stream);
    stream->tail = MAX (stream->tail, event->time);
    fake_seen_merge (stream->seen, event->seen);
  }
  return fake_leave (result, "\"stream\":%u,\"event\":%u", fake_number (stream_handle),
      fake_number (handle));
}

void
fake_event_clear_captures (FakeCapture * capture)
{
  guint i;

  for (i = 0; i < fake.objects[FAKE_EVENT]->len; i++) {
    FakeEvent *event = g_ptr_array_index (fake.objects[FAKE_EVENT], i);

    if (event->capture == capture)
      event->capture = NULL;
  }
}
