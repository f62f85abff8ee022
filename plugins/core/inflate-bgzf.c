/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate-private.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <string.h>

#include "workers.h"

/*
 * BGZF (SAM specification, 4.1): gzip members of at most 64 KiB whose extra field says how long
 * they are, so that they can be cut apart without being decoded.
 *
 * Whole blocks are copied into jobs. Jobs sit in a ring, in the order of the stream: the caller
 * fills at `tail` and delivers at `head`, workers do what is between. Copying costs little (the
 * compressed bytes are few) and buys that no job depends on the fed piece: the caller can go and
 * read more input while workers are busy. The ring bounds the memory.
 */

#define MAX_BLOCK 65536         /* compressed, with header and trailer, and also inflated */
#define FOOTER_SIZE 8

/* A job of 16 blocks is 1 MiB of output: some 1 ms of work, against some 10 us to hand it over.
 * Without threads the smaller job stays in the cache. */
#define JOB_BLOCKS_THREADED 16
#define JOB_BLOCKS_INLINE 4

typedef struct
{
  guint32 start;                /* in the job's input */
  guint32 size;
} Block;

typedef struct
{
  SeqJob job;
  struct inflate_state *state;
  guint8 *in;
  gsize in_size;
  guint8 *out;
  gsize out_size;
  Block blocks[JOB_BLOCKS_THREADED];
  guint n_blocks;
  guint64 offset;               /* of in[0] in the compressed stream */
  GError *error;                /* out holds what came before */
} Job;

typedef enum
{
  STAGE_BLOCKS,
  STAGE_PADDING,                /* or whatever else makes no block */
  STAGE_GZIP                    /* an ordinary gzip member follows */
} Stage;

struct _SeqInflateBgzf
{
  guint job_blocks;
  guint n_jobs;
  Job *jobs;

  SeqWorkers *workers;

  guint64 head, tail;
  gboolean viewed;              /* the caller's caller looks at the output of the job at the head */
  Stage stage;
  guint8 *block;                /* a block that is split over pieces is put together here */
  gsize block_size;
  gboolean eof_block;           /* the last block was an empty one */
  guint64 delivered;
  GError *input_error;          /* comes after all jobs */
  GError *job_error;            /* comes next */
};

SeqBgzfProbe
seq_inflate_bgzf_probe (const guint8 * data, gsize size, gsize * need)
{
  gsize pos, end, length;
  guint block_size = 0;

  if ((size >= 1 && data[0] != 0x1f) || (size >= 2 && data[1] != 0x8b))
    return SEQ_BGZF_PROBE_NO_GZIP;
  *need = 4;
  if (size < *need)
    return SEQ_BGZF_PROBE_MORE;
  if (data[2] != 8 || data[3] != SEQ_GZIP_FLAG_EXTRA)
    return SEQ_BGZF_PROBE_GZIP;
  *need = 12;
  if (size < *need)
    return SEQ_BGZF_PROBE_MORE;
  end = *need = 12 + seq_inflate_get_u16 (data + 10);
  if (size < *need)
    return SEQ_BGZF_PROBE_MORE;

  for (pos = 12; pos + 4 <= end; pos += 4 + length) {
    length = seq_inflate_get_u16 (data + pos + 2);
    if (data[pos] == 'B' && data[pos + 1] == 'C' && length == 2 && pos + 6 <= end) {
      block_size = seq_inflate_get_u16 (data + pos + 4) + 1;
      break;
    }
  }
  if (block_size == 0)
    return SEQ_BGZF_PROBE_GZIP;
  /* Decoding this as gzip, which needs no size, could succeed with other content: a damaged length
   * of the extra field can make it swallow the data and the next header. */
  if (block_size < end + FOOTER_SIZE + 1)
    return SEQ_BGZF_PROBE_INVALID;
  *need = block_size;
  return SEQ_BGZF_PROBE_BLOCK;
}

static gboolean
job_fail (Job * job, guint64 offset, const gchar * what)
{
  g_set_error (&job->error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_CORRUPT,
      "BGZF data: %s in the block at byte %" G_GUINT64_FORMAT, what, offset);
  return FALSE;
}

/* What is wrong with a block that should inflate to `length` bytes; NULL: nothing. ISA-L still has
 * the tables of the block before, and a damaged one can make it use them: the checksum finds that,
 * and what came out goes nowhere. */
static const gchar *
inflate_block (struct inflate_state *state, const guint8 * data, gsize size, guint8 * out,
    guint32 length, guint32 crc)
{
  int ret;

  state->next_in = (guint8 *) data;
  state->avail_in = (guint32) size;
  state->next_out = out;
  state->avail_out = length;
  ret = isal_inflate_stateless (state);
  if (ret != ISAL_DECOMP_OK && ret != ISAL_OUT_OVERFLOW)
    return "invalid deflate data";
  if (ret == ISAL_OUT_OVERFLOW || state->total_out != length)
    return "length mismatch";
  if (state->avail_in > 0)
    return "block size mismatch";
  return crc32_gzip_refl (0, out, length) == crc ? NULL : "checksum mismatch";
}

static gboolean
job_inflate_block (Job * job, const guint8 * data, gsize size, guint64 offset)
{
  const guint8 *footer = data + size - FOOTER_SIZE;
  const gsize header = 12 + seq_inflate_get_u16 (data + 10);
  const gsize deflated = size - header - FOOTER_SIZE;
  const guint32 crc = seq_inflate_get_u32 (footer), length = seq_inflate_get_u32 (footer + 4);
  guint8 *out = job->out + job->out_size;
  const gchar *what;

  if (length > MAX_BLOCK)
    return job_fail (job, offset, "length above 64 KiB");
  what = inflate_block (job->state, data + header, deflated, out, length, crc);
  if (what != NULL)
    return job_fail (job, offset, what);
  job->out_size += length;
  return TRUE;
}

static void
job_func (SeqJob * job, gpointer data)
{
  Job *self = (Job *) job;
  const Block *block = self->blocks, *end = block + self->n_blocks;

  while (block < end && job_inflate_block (self, self->in + block->start, block->size,
          self->offset + block->start))
    block++;
}

static gboolean
bgzf_make_buffers (SeqInflateBgzf * self)
{
  gboolean ok = TRUE;

  self->jobs = g_new0 (Job, self->n_jobs);
  for (guint i = 0; ok && i < self->n_jobs; i++) {
    Job *job = &self->jobs[i];

    job->state = g_try_new0 (struct inflate_state, 1);
    job->in = g_try_malloc (self->job_blocks * MAX_BLOCK);
    job->out = g_try_malloc (self->job_blocks * MAX_BLOCK);
    ok = job->state != NULL && job->in != NULL && job->out != NULL;
    if (ok)
      isal_inflate_init (job->state);
  }
  self->block = g_try_malloc (SEQ_BGZF_MAX_PROBE);
  return ok && self->block != NULL;
}

SeqInflateBgzf *
seq_inflate_bgzf_new (guint n_threads)
{
  SeqInflateBgzf *self = g_new0 (SeqInflateBgzf, 1);

  self->job_blocks = n_threads > 0 ? JOB_BLOCKS_THREADED : JOB_BLOCKS_INLINE;
  self->n_jobs = n_threads > 0 ? 2 * n_threads + 2 : 1;
  if (!bgzf_make_buffers (self)) {
    seq_inflate_bgzf_free (self);
    return NULL;
  }
  self->workers = seq_workers_new (n_threads, job_func, NULL);
  return self;
}

static void
job_clear (Job * job)
{
  job->in_size = job->out_size = 0;
  job->n_blocks = 0;
  g_clear_error (&job->error);
}

static void
bgzf_wait_for_all (SeqInflateBgzf * self)
{
  for (; self->head < self->tail; self->head++)
    seq_workers_wait (self->workers, &self->jobs[self->head % self->n_jobs].job);
}

void
seq_inflate_bgzf_reset (SeqInflateBgzf * self)
{
  bgzf_wait_for_all (self);
  self->head = self->tail = 0;
  for (guint i = 0; i < self->n_jobs; i++)
    job_clear (&self->jobs[i]);

  self->viewed = FALSE;
  self->stage = STAGE_BLOCKS;
  self->block_size = 0;
  self->eof_block = FALSE;
  self->delivered = 0;
  g_clear_error (&self->input_error);
  g_clear_error (&self->job_error);
}

void
seq_inflate_bgzf_free (SeqInflateBgzf * self)
{
  if (self == NULL)
    return;
  bgzf_wait_for_all (self);
  g_clear_pointer (&self->workers, seq_workers_free);
  for (guint i = 0; i < self->n_jobs; i++) {
    job_clear (&self->jobs[i]);
    g_free (self->jobs[i].state);
    g_free (self->jobs[i].in);
    g_free (self->jobs[i].out);
  }
  g_free (self->jobs);
  g_free (self->block);
  g_clear_error (&self->input_error);
  g_clear_error (&self->job_error);
  g_free (self);
}

static gboolean
bgzf_ring_is_full (const SeqInflateBgzf * self)
{
  return self->tail - self->head == self->n_jobs;
}

static void
bgzf_submit (SeqInflateBgzf * self)
{
  seq_workers_add (self->workers, &self->jobs[self->tail++ % self->n_jobs].job);
}

static void
bgzf_add_block (SeqInflateBgzf * self, const guint8 * data, gsize size, guint64 offset)
{
  Job *job = &self->jobs[self->tail % self->n_jobs];

  if (job->n_blocks == 0)
    job->offset = offset;
  job->blocks[job->n_blocks].start = (guint32) job->in_size;
  job->blocks[job->n_blocks].size = (guint32) size;
  job->n_blocks++;
  memcpy (job->in + job->in_size, data, size);
  job->in_size += size;
  self->eof_block = seq_inflate_get_u32 (data + size - 4) == 0;
  if (job->n_blocks == self->job_blocks)
    bgzf_submit (self);
}

static void
bgzf_fail_input (SeqInflateBgzf * self, SeqInflateError code, const gchar * what, guint64 offset)
{
  g_set_error (&self->input_error, SEQ_INFLATE_ERROR_DOMAIN, code,
      "BGZF data: %s at byte %" G_GUINT64_FORMAT, what, offset);
}

/* Takes one block into the job at the tail, or puts aside as much of one as the piece has. */
static void
bgzf_take_block (SeqInflateBgzf * self, SeqInflateInput * in)
{
  for (;;) {
    const gboolean aside = self->block_size > 0;
    const guint8 *data = aside ? self->block : in->data;
    const gsize size = aside ? self->block_size : in->size;
    gsize need = 0, n;

    switch (seq_inflate_bgzf_probe (data, size, &need)) {
      case SEQ_BGZF_PROBE_NO_GZIP:
        self->stage = STAGE_PADDING;
        if (aside)
          bgzf_fail_input (self, SEQ_INFLATE_ERROR_TRAILING_GARBAGE, "something that is not BGZF",
              in->offset - size);
        return;
      case SEQ_BGZF_PROBE_GZIP:
        self->stage = STAGE_GZIP;
        return;
      case SEQ_BGZF_PROBE_INVALID:
        self->stage = STAGE_PADDING;
        bgzf_fail_input (self, SEQ_INFLATE_ERROR_CORRUPT, "impossible block size in the block",
            aside ? in->offset - size : in->offset);
        return;
      case SEQ_BGZF_PROBE_BLOCK:
        if (size < need)
          break;
        bgzf_add_block (self, data, need, aside ? in->offset - need : in->offset);
        if (aside)
          self->block_size = 0;
        else
          seq_inflate_input_skip (in, need);
        return;
      case SEQ_BGZF_PROBE_MORE:
        break;
    }

    if (in->size == 0)
      return;
    n = MIN (need - self->block_size, in->size);
    memcpy (self->block + self->block_size, in->data, n);
    self->block_size += n;
    seq_inflate_input_skip (in, n);
  }
}

/* Cuts the piece into jobs as far as the ring has room. */
static void
bgzf_fill (SeqInflateBgzf * self, SeqInflateInput * in)
{
  while (self->stage == STAGE_BLOCKS && in->size > 0 && !bgzf_ring_is_full (self))
    bgzf_take_block (self, in);

  if (self->input_error != NULL)
    return;
  if (self->stage == STAGE_PADDING)
    seq_inflate_skip_padding (in, "BGZF", &self->input_error);
  else if (self->stage == STAGE_BLOCKS && in->size == 0 && in->eof && self->block_size > 0)
    bgzf_fail_input (self, SEQ_INFLATE_ERROR_TRUNCATED, "unexpected end", in->offset);
}

/* The input has nothing more for jobs: what there is must be sent off now. */
static gboolean
bgzf_input_is_over (const SeqInflateBgzf * self, const SeqInflateInput * in)
{
  return self->input_error != NULL || self->stage == STAGE_GZIP || (in->size == 0 && in->eof);
}

static void
bgzf_release_head (SeqInflateBgzf * self)
{
  Job *job = &self->jobs[self->head % self->n_jobs];

  self->job_error = g_steal_pointer (&job->error);
  job_clear (job);
  self->head++;
  self->viewed = FALSE;
}

/* No job is under way. */
static SeqInflateStatus
bgzf_next_without_jobs (SeqInflateBgzf * self, const SeqInflateInput * in, GError ** error)
{
  if (self->input_error != NULL) {
    g_propagate_error (error, g_steal_pointer (&self->input_error));
    return SEQ_INFLATE_ERROR;
  }
  return bgzf_input_is_over (self, in) ? SEQ_INFLATE_END : SEQ_INFLATE_NEED_INPUT;
}

SeqInflateStatus
seq_inflate_bgzf_next (SeqInflateBgzf * self, SeqInflateInput * in,
    const guint8 ** data, gsize * size, GError ** error)
{
  Job *job;

  if (self->viewed)
    bgzf_release_head (self);

  while (self->job_error == NULL) {
    bgzf_fill (self, in);
    /* A job that is not full waits for more blocks, unless none will come or the workers have
     * nothing else to do. */
    if (!bgzf_ring_is_full (self) && self->jobs[self->tail % self->n_jobs].n_blocks > 0
        && (bgzf_input_is_over (self, in) || self->head == self->tail))
      bgzf_submit (self);
    if (self->head == self->tail)
      return bgzf_next_without_jobs (self, in, error);

    job = &self->jobs[self->head % self->n_jobs];
    if (in->size == 0 && !bgzf_input_is_over (self, in) && !bgzf_ring_is_full (self)
        && !seq_workers_is_done (self->workers, &job->job))
      return SEQ_INFLATE_NEED_INPUT;
    seq_workers_wait (self->workers, &job->job);
    self->delivered = job->offset + job->in_size;
    if (job->out_size > 0) {
      self->viewed = TRUE;
      *data = job->out;
      *size = job->out_size;
      return SEQ_INFLATE_DATA;
    }
    bgzf_release_head (self);
  }
  g_propagate_error (error, g_steal_pointer (&self->job_error));
  return SEQ_INFLATE_ERROR;
}

gboolean
seq_inflate_bgzf_take_rest (SeqInflateBgzf * self, GByteArray * rest)
{
  if (self->stage != STAGE_GZIP)
    return FALSE;
  g_byte_array_append (rest, self->block, (guint) self->block_size);
  self->block_size = 0;
  return TRUE;
}

guint64
seq_inflate_bgzf_get_delivered (const SeqInflateBgzf * self)
{
  return self->delivered;
}

gboolean
seq_inflate_bgzf_has_eof_block (const SeqInflateBgzf * self)
{
  return self->eof_block;
}
