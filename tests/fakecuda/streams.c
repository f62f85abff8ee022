/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

/* Streams, and the queue of what is under way in all of them */

static GQueue queue = G_QUEUE_INIT;     /* of FakeOperation, by end */
static guint64 n_operations;
static GCond host_function_done;
static GArray *host_seen;       /* of FakeSeen: what the host has waited for */

/* ---- what is known to have happened ---- */

static guint64
seen_get (GArray * seen, FakeStream * stream)
{
  guint i;

  for (i = 0; i < seen->len; i++)
    if (g_array_index (seen, FakeSeen, i).stream == stream)
      return g_array_index (seen, FakeSeen, i).time;
  return 0;
}

void
fake_seen_raise (GArray * seen, FakeStream * stream, guint64 time)
{
  FakeSeen item = { stream, time };
  guint i;

  for (i = 0; i < seen->len; i++) {
    FakeSeen *known = &g_array_index (seen, FakeSeen, i);

    if (known->stream != stream)
      continue;
    known->time = MAX (known->time, time);
    return;
  }
  g_array_append_val (seen, item);
}

void
fake_seen_merge (GArray * seen, GArray * other)
{
  guint i;

  for (i = 0; i < other->len; i++) {
    FakeSeen *item = &g_array_index (other, FakeSeen, i);

    /* the host's knowledge counts everywhere */
    if (seen == host_seen || item->time > seen_get (host_seen, item->stream))
      fake_seen_raise (seen, item->stream, item->time);
  }
}

gboolean
fake_is_ordered (FakeStream * stream, FakeStream * other, guint64 time)
{
  return stream == other || time <= seen_get (host_seen, other)
      || (stream != NULL && time <= seen_get (stream->seen, other));
}

void
fake_host_wait (FakeStream * stream, guint64 time, GArray * seen)
{
  fake_wait_until (time);
  if (seen != NULL)
    fake_seen_merge (host_seen, seen);
  if (stream != NULL)
    fake_seen_raise (host_seen, stream, time);
}

/* ---- streams ---- */

static void
stream_init (FakeStream * stream, FakeContext * context)
{
  stream->context = context;
  stream->seen = g_array_new (FALSE, FALSE, sizeof (FakeSeen));
}

static void
stream_clear (gpointer stream)
{
  g_array_unref (((FakeStream *) stream)->seen);
}

FakeStream *
fake_stream_new_legacy (FakeContext * context)
{
  FakeStream *stream = g_new0 (FakeStream, 1);

  stream_init (stream, context);
  return stream;
}

void
fake_stream_free_legacy (FakeStream * stream)
{
  stream_clear (stream);
  g_free (stream);
}

FakeStream *
fake_stream (CUstream handle)
{
  FakeStream *stream;

  if ((guintptr) handle <= 1)   /* NULL, CU_STREAM_LEGACY */
    return fake_current ()->legacy;
  stream = fake_object (handle, FAKE_STREAM);
  if (stream != NULL && stream->context != fake_current ()) {
    fake_problem ("stream %u is of another context", stream->object.number);
    return NULL;
  }
  return stream;
}

void
fake_stream_follow (FakeStream * stream, FakeStream * other, guint64 time)
{
  stream->tail = MAX (stream->tail, time);
  fake_seen_merge (stream->seen, other->seen);
  fake_seen_raise (stream->seen, other, time);
}

void
fake_stream_prepare (FakeStream * stream)
{
  FakeStream *legacy = stream->context->legacy;
  guint i;

  if (stream->is_blocking)
    fake_stream_follow (stream, legacy, legacy->tail);
  if (stream != legacy)
    return;
  for (i = 0; i < fake.objects[FAKE_STREAM]->len; i++) {
    FakeStream *other = g_ptr_array_index (fake.objects[FAKE_STREAM], i);

    if (other->object.is_alive && other->is_blocking && other->context == stream->context)
      fake_stream_follow (stream, other, other->tail);
  }
}

/* ---- who uses what ---- */

/* An operation that reads or writes a range: with those before it that touch the same bytes, unless
 * both only read, it must be ordered. */
static gboolean
check_access (const FakeOperation * operation, FakeRange * range, CUdeviceptr start, gsize size,
    gboolean is_write)
{
  guint i;

  if (range->kind == FAKE_RANGE_POOL
      && !fake_is_ordered (operation->stream, range->stream, range->time)) {
    fake_problem ("memory %u is used in a stream that has not waited for its allocation",
        range->number);
    return FALSE;
  }
  for (i = 0; i < range->accesses->len; i++) {
    FakeAccess *before = &g_array_index (range->accesses, FakeAccess, i);

    if (before->end <= start || start + size <= before->start
        || (!is_write && !before->is_write)
        || fake_is_ordered (operation->stream, before->stream, before->time))
      continue;
    fake_problem ("%s memory %u, which another stream %s, without having waited for that",
        is_write ? "writes" : "reads", range->number, before->is_write ? "writes" : "reads");
    return FALSE;
  }
  return TRUE;
}

/* Keeps each stream's last access to the same bytes only, and what nobody has waited for yet */
static void
add_access (FakeRange * range, FakeStream * stream, CUdeviceptr start, gsize size, guint64 time,
    gboolean is_write)
{
  FakeAccess added = { start, start + size, stream, time, is_write };
  guint i = 0;

  while (i < range->accesses->len) {
    FakeAccess *before = &g_array_index (range->accesses, FakeAccess, i);

    if (fake_is_ordered (NULL, before->stream, before->time)
        || (before->stream == stream && before->is_write == is_write
            && start <= before->start && before->end <= start + size))
      g_array_remove_index_fast (range->accesses, i);
    else
      i++;
  }
  g_array_append_val (range->accesses, added);
}

void
fake_check_unused (FakeRange * range, FakeStream * stream, const gchar * what)
{
  guint i;

  for (i = 0; i < range->accesses->len; i++) {
    FakeAccess *access = &g_array_index (range->accesses, FakeAccess, i);

    if (fake_is_ordered (stream, access->stream, access->time))
      continue;
    fake_problem ("memory %u is %s while a stream %s it", range->number, what,
        access->is_write ? "writes" : "reads");
    return;
  }
}

/* ---- queue ---- */

static void
operation_free (FakeOperation * operation)
{
  g_clear_pointer (&operation->read_range, fake_range_unref);
  g_clear_pointer (&operation->write_range, fake_range_unref);
  if (operation->owns_host)
    g_free (operation->host);
  g_free (operation);
}

/* Start of the first time from @from on that a copy engine has @duration for nothing else */
static guint64
reserve_engine (GArray * busy, guint64 from, guint64 duration)
{
  guint64 start = from;
  guint i = 0;

  while (i < busy->len) {
    FakeInterval *other = &g_array_index (busy, FakeInterval, i);

    if (other->end <= fake.clock) {
      g_array_remove_index (busy, i);
      continue;
    }
    if (other->start >= start + duration)
      break;
    start = MAX (start, other->end);
    i++;
  }
  fake_intervals_add (busy, start, start + duration);
  return start;
}

static gint
compare_operations (gconstpointer a, gconstpointer b, gpointer data)
{
  const FakeOperation *x = a, *y = b;

  if (x->end != y->end)
    return x->end < y->end ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

static void
insert (FakeOperation * operation)
{
  GList *item = queue.tail;

  while (item != NULL && compare_operations (item->data, operation, NULL) > 0)
    item = item->prev;
  if (item != NULL)
    g_queue_insert_after (&queue, item, operation);
  else
    g_queue_push_head (&queue, operation);
}

guint64
fake_stream_add (const FakeOperation * operation, guint64 duration, gint engine)
{
  FakeOperation *self = g_memdup2 (operation, sizeof *operation);
  FakeStream *stream = self->stream;
  guint64 start;

  fake_stream_prepare (stream);
  start = MAX (fake.clock, stream->tail);
  if (engine != FAKE_NO_ENGINE)
    start = reserve_engine (stream->context->device->engines[engine], start, duration);
  self->function = fake.function;
  self->end = stream->tail = start + duration;
  self->order = ++n_operations;
  if (self->read_range != NULL)
    self->is_poisoned = !check_access (self, self->read_range, self->read, self->read_size, FALSE);
  if (self->write_range != NULL)
    check_access (self, self->write_range, self->write, self->write_size, TRUE);
  if (self->read_range != NULL)
    add_access (self->read_range, stream, self->read, self->read_size, self->end, FALSE);
  if (self->write_range != NULL)
    add_access (self->write_range, stream, self->write, self->write_size, self->end, TRUE);
  insert (self);
  return self->end;
}

/* The application's function runs without the lock; what comes behind it in the queue waits. */
static void
run_host_function (FakeOperation * operation)
{
  CUresult late_fault = fake.late_fault;

  fake.host_function_thread = fake_thread ();
  fake_unlock ();
  operation->host_function (operation->host);
  fake_lock ();
  fake.host_function_thread = 0;
  fake.late_fault = late_fault;
  g_cond_broadcast (&host_function_done);
}

void
fake_wait_until (guint64 time)
{
  FakeFunction function = fake.function;
  FakeOperation *operation;

  while ((operation = g_queue_peek_head (&queue)) != NULL && operation->end <= time) {
    if (fake.host_function_thread != 0) {
      g_cond_wait (&host_function_done, &fake_mutex);
      continue;
    }
    g_queue_pop_head (&queue);
    fake.clock = MAX (fake.clock, operation->end);
    fake.function = operation->function;
    if (operation->host_function != NULL)
      run_host_function (operation);
    else
      operation->run (operation);
    operation_free (operation);
  }
  fake.clock = MAX (fake.clock, time);
  fake.function = function;
}

void
fake_wait_for_context (FakeContext * context)
{
  guint i;

  fake_host_wait (context->legacy, context->legacy->tail, context->legacy->seen);
  for (i = 0; i < fake.objects[FAKE_STREAM]->len; i++) {
    FakeStream *stream = g_ptr_array_index (fake.objects[FAKE_STREAM], i);

    if (stream->context == context)
      fake_host_wait (stream, stream->tail, stream->seen);
  }
}

void
fake_streams_init (void)
{
  host_seen = g_array_new (FALSE, FALSE, sizeof (FakeSeen));
  n_operations = 0;
}

void
fake_streams_free (void)
{
  g_queue_clear_full (&queue, (GDestroyNotify) operation_free);
  g_clear_pointer (&host_seen, g_array_unref);
}

/* ---- entry points ---- */

CUresult
fake_StreamCreate (CUstream * handle, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_StreamCreate, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && flags > CU_STREAM_NON_BLOCKING)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS) {
    stream = g_new0 (FakeStream, 1);
    stream_init (stream, fake_current ());
    stream->is_blocking = flags != CU_STREAM_NON_BLOCKING;
    fake_object_add (stream, FAKE_STREAM, stream->context, stream_clear);
    *handle = fake_handle (stream);
  }
  return fake_leave (result, "\"flags\":%u,\"stream\":%u", flags,
      stream != NULL ? stream->object.number : 0);
}

/* What it has to do yet is done */
CUresult
fake_StreamDestroy (CUstream handle)
{
  CUresult result = fake_enter (FAKE_StreamDestroy, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && ((guintptr) handle <= 1 || (stream = fake_stream (handle)) == NULL))
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS && stream->capture != NULL)
    result = fake_capture_break (stream, NULL);
  if (result == CUDA_SUCCESS)
    fake_object_remove (stream);
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}

CUresult
fake_StreamSynchronize (CUstream handle)
{
  CUresult result = fake_enter (FAKE_StreamSynchronize, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    result = stream->capture != NULL ? fake_capture_break (stream, NULL)
        : fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS) {
    if (stream == stream->context->legacy)
      fake_stream_prepare (stream);
    fake_host_wait (stream, stream->tail, stream->seen);
    fake_pools_synchronised ();
  }
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}

CUresult
fake_StreamQuery (CUstream handle)
{
  CUresult result = fake_enter (FAKE_StreamQuery, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    result = stream->capture != NULL ? fake_capture_break (stream, NULL)
        : fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS) {
    if (stream == stream->context->legacy)
      fake_stream_prepare (stream);
    fake_wait_until (fake.clock + FAKE_POLL_NS);
    if (stream->tail > fake.clock)
      result = CUDA_ERROR_NOT_READY;
    else
      fake_host_wait (stream, stream->tail, stream->seen);
  }
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}

CUresult
fake_LaunchHostFunc (CUstream handle, CudaHostFunction function, void *data)
{
  CUresult result = fake_enter (FAKE_LaunchHostFunc, 0);
  FakeStream *stream = NULL;

  if (result == CUDA_SUCCESS && (stream = fake_stream (handle)) == NULL)
    result = CUDA_ERROR_INVALID_HANDLE;
  if (result == CUDA_SUCCESS)
    result = fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS && stream->capture == NULL) {
    FakeOperation operation = {.stream = stream,.host_function = function,.host = data };

    fake_stream_add (&operation, 0, FAKE_NO_ENGINE);
  }
  return fake_leave (result, "\"stream\":%u", fake_number (handle));
}
