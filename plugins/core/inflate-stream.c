/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate-private.h"

#include "bytecopy.h"
#include "processor.h"
#include "wakeup.h"

/* Several of each, so that neither side has to wait for the other to wake up; and no more, so that
 * they stay in the cache. Without the thread there is one of each. */
#define N_CHUNKS 4
#define CHUNK_SIZE (64 * 1024)
#define N_OUTPUTS 4

/* a small file is done before a thread has started */
#define THREAD_FROM (512 * 1024)

typedef struct
{
  guint8 *bytes;                /* of CHUNK_SIZE */
  SeqInflateInput in;           /* what is left of them */
} Chunk;

typedef struct
{
  guint8 *bytes;                /* of SEQ_INFLATE_OUT_SIZE */
  gsize size;
  SeqInflateStatus status;      /* DATA, END or ERROR */
  GError *error;
  guint64 consumed;             /* compressed bytes up to here */
} Output;

struct _SeqInflateStream
{
  gboolean may_thread;
  guint64 thread_from;
  gsize chunk_size;

  GThread *thread;              /* from when it is first needed */
  gint made_on;                 /* processor of the caller, who goes on working there */
  GMutex lock;
  SeqWakeup work, ready;
  gboolean quit;

  SeqInflateDecodeFunc func;    /* NULL: nothing to do */
  gpointer decoder;
  gboolean threaded;            /* the thread decodes, not the caller */
  gboolean decoding;            /* the thread is in it */
  gboolean stopped;             /* END or ERROR is the last output */

  /* Rings. The heads of chunks and the tail of outputs belong to who decodes, the others to the
   * caller. */
  Chunk chunks[N_CHUNKS];
  guint64 chunks_head, chunks_tail;
  guint n_chunks;
  Output outputs[N_OUTPUTS];
  guint64 outputs_head, outputs_tail;
  guint n_outputs;

  /* The caller's own. */
  gboolean viewed;              /* the output at the head is looked at */
  gboolean filling;             /* the chunk at the tail has been begun */
  gboolean finished;            /* the last chunk has been handed over */
  guint64 delivered;
};

/* ---- who decodes; with the lock held ---- */

static gboolean
can_decode (const SeqInflateStream * self)
{
  return self->func != NULL && !self->stopped && self->chunks_head < self->chunks_tail
      && self->outputs_tail - self->outputs_head < self->n_outputs;
}

/* Gives the lock up meanwhile. */
static void
decode_some (SeqInflateStream * self)
{
  Chunk *chunk = &self->chunks[self->chunks_head % self->n_chunks];
  Output *output = &self->outputs[self->outputs_tail % self->n_outputs];
  SeqInflateDecodeFunc func = self->func;       /* end may take it away meanwhile */

  self->decoding = TRUE;
  g_mutex_unlock (&self->lock);
  output->size = 0;
  output->status = func (self->decoder, &chunk->in, output->bytes, &output->size,
      &output->error);
  output->consumed = chunk->in.offset;
  g_mutex_lock (&self->lock);
  self->decoding = FALSE;

  if (output->status == SEQ_INFLATE_NEED_INPUT)
    self->chunks_head++;
  else
    self->outputs_tail++;
  self->stopped = output->status == SEQ_INFLATE_END || output->status == SEQ_INFLATE_ERROR;
}

static gpointer
stream_thread (gpointer data)
{
  SeqInflateStream *self = data;

  seq_processor_leave (self->made_on);
  g_mutex_lock (&self->lock);
  while (!self->quit) {
    if (self->threaded && can_decode (self)) {
      decode_some (self);
      seq_wakeup_raise (&self->ready);
    } else {
      seq_wakeup_wait (&self->work, &self->lock);
    }
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* ---- the caller ---- */

SeqInflateStream *
seq_inflate_stream_new (gboolean may_thread)
{
  SeqInflateStream *self = g_new0 (SeqInflateStream, 1);
  gboolean ok = TRUE;

  self->may_thread = may_thread;
  seq_inflate_stream_set_thread (self, THREAD_FROM, CHUNK_SIZE);
  self->n_chunks = self->n_outputs = 1;
  g_mutex_init (&self->lock);
  seq_wakeup_init (&self->work);
  seq_wakeup_init (&self->ready);
  for (guint i = 0; i < N_CHUNKS; i++)
    ok = (self->chunks[i].bytes = g_try_malloc (CHUNK_SIZE)) != NULL && ok;
  for (guint i = 0; i < N_OUTPUTS; i++)
    ok = (self->outputs[i].bytes = g_try_malloc (SEQ_INFLATE_OUT_SIZE)) != NULL && ok;
  if (!ok)
    g_clear_pointer (&self, seq_inflate_stream_free);
  return self;
}

void
seq_inflate_stream_set_thread (SeqInflateStream * self, guint64 from, gsize chunk_size)
{
  g_return_if_fail (chunk_size > 0 && chunk_size <= CHUNK_SIZE);

  self->thread_from = from;
  self->chunk_size = chunk_size;
}

void
seq_inflate_stream_free (SeqInflateStream * self)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->quit = TRUE;
  seq_wakeup_raise (&self->work);
  g_mutex_unlock (&self->lock);
  if (self->thread != NULL)
    g_thread_join (self->thread);

  for (guint i = 0; i < N_CHUNKS; i++)
    g_free (self->chunks[i].bytes);
  for (guint i = 0; i < N_OUTPUTS; i++) {
    g_clear_error (&self->outputs[i].error);
    g_free (self->outputs[i].bytes);
  }
  seq_wakeup_clear (&self->ready);
  seq_wakeup_clear (&self->work);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
seq_inflate_stream_begin (SeqInflateStream * self, SeqInflateDecodeFunc func, gpointer decoder,
    guint64 offset)
{
  self->delivered = offset;
  g_mutex_lock (&self->lock);
  self->func = func;
  self->decoder = decoder;
  g_mutex_unlock (&self->lock);
}

void
seq_inflate_stream_end (SeqInflateStream * self)
{
  g_mutex_lock (&self->lock);
  self->func = NULL;
  while (self->decoding)
    seq_wakeup_wait (&self->ready, &self->lock);
  self->threaded = self->stopped = FALSE;
  self->n_chunks = self->n_outputs = 1;
  self->chunks_head = self->chunks_tail = 0;
  self->outputs_head = self->outputs_tail = 0;
  for (guint i = 0; i < N_OUTPUTS; i++)
    g_clear_error (&self->outputs[i].error);
  g_mutex_unlock (&self->lock);
  self->viewed = self->filling = self->finished = FALSE;
}

/* Between two outputs: from now on the thread decodes. Who had one chunk, the first, has it still.
 * Without a thread to be had the caller goes on. */
static void
use_thread (SeqInflateStream * self)
{
  if (self->thread == NULL) {
    self->made_on = seq_processor_get ();
    self->thread = g_thread_try_new ("seq-inflate", stream_thread, self, NULL);
  }
  self->may_thread = self->thread != NULL;
  if (self->thread == NULL)
    return;

  self->threaded = TRUE;
  self->n_chunks = N_CHUNKS;
  self->n_outputs = N_OUTPUTS;
  self->chunks_tail -= self->chunks_head;
  self->chunks_head = 0;
  self->outputs_head = self->outputs_tail = 0;
  seq_wakeup_raise (&self->work);
}

static gboolean
has_room (const SeqInflateStream * self)
{
  return !self->finished && self->chunks_tail - self->chunks_head < self->n_chunks;
}

/* Copies input as far as there is room. */
static void
take_input (SeqInflateStream * self, SeqInflateInput * in)
{
  while (has_room (self)) {
    Chunk *chunk = &self->chunks[self->chunks_tail % self->n_chunks];
    gsize n;

    if (!self->filling)
      chunk->in = (SeqInflateInput) { chunk->bytes, 0, in->offset, FALSE };
    self->filling = TRUE;
    n = MIN (in->size, self->chunk_size - chunk->in.size);
    if (n > 0) {
      seq_copy_bytes (chunk->bytes + chunk->in.size, in->data, n);
      chunk->in.size += n;
      seq_inflate_input_skip (in, n);
    }
    if (chunk->in.size < self->chunk_size && !in->eof)
      break;

    chunk->in.eof = self->finished = in->size == 0 && in->eof;
    self->chunks_tail++;
    self->filling = FALSE;
    seq_wakeup_raise (&self->work);
  }
}

/* The output at the head is ready. */
static SeqInflateStatus
deliver (SeqInflateStream * self, const guint8 ** data, gsize * size, GError ** error)
{
  Output *output = &self->outputs[self->outputs_head % self->n_outputs];

  self->viewed = TRUE;
  self->delivered = output->consumed;
  *data = output->bytes;
  *size = output->size;
  if (output->status == SEQ_INFLATE_ERROR)
    g_propagate_error (error, g_steal_pointer (&output->error));
  return output->status;
}

static void
release_output (SeqInflateStream * self)
{
  self->viewed = FALSE;
  self->outputs_head++;
  seq_wakeup_raise (&self->work);
}

SeqInflateStatus
seq_inflate_stream_next (SeqInflateStream * self, SeqInflateInput * in, const guint8 ** data,
    gsize * size, GError ** error)
{
  SeqInflateStatus status = SEQ_INFLATE_NEED_INPUT;

  g_mutex_lock (&self->lock);
  if (self->viewed)
    release_output (self);
  if (!self->threaded && self->may_thread && in->offset >= self->thread_from)
    use_thread (self);
  for (;;) {
    take_input (self, in);
    /* Input first, so that the thread always has some. */
    if (has_room (self) && !in->eof)
      break;
    if (self->outputs_head < self->outputs_tail) {
      status = deliver (self, data, size, error);
      break;
    }
    if (self->threaded)
      seq_wakeup_wait (&self->ready, &self->lock);
    else
      decode_some (self);
  }
  g_mutex_unlock (&self->lock);
  return status;
}

guint64
seq_inflate_stream_get_delivered (const SeqInflateStream * self)
{
  return self->delivered;
}
