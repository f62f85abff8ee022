/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-write.h"

#include <string.h>

typedef struct
{
  const SeqBatchTarget *target;
  SeqBatchResult *result;
  gsize size;                   /* of a token */
} Writer;

/* `at`: token that the row starts with in input_ids */
static gsize
write_row (Writer * w, const SeqBatchRow * row, guint index, guint64 at)
{
  const SeqBatchTarget *t = w->target;
  const SeqBatchSource *source = row->block;
  const GstSeqRecord *record = &source->records[row->record];
  gssize unknown_position = -1;
  gsize n;

  n = seq_tokenizer_encode (t->tokenizer, source->data + record->seq + row->start,
      record->seq_len - row->start, 0, t->max_body, t->dtype,
      (guint8 *) t->input_ids + at * w->size, &w->result->unknown, &unknown_position);
  if (unknown_position >= 0 && w->result->unknown_row < 0) {
    w->result->unknown_row = index;
    w->result->unknown_position = row->start + unknown_position;
  }
  if (n != SEQ_TOKENIZER_NO_MEMORY)
    return n;
  if (w->result->no_memory_row < 0)
    w->result->no_memory_row = (gint) index;
  return 0;
}

/* Padding from token `at` on. Of rows that were sorted most have none. */
static void
pad (Writer * w, guint64 at, guint64 n)
{
  const SeqBatchTarget *t = w->target;

  if (n == 0)
    return;
  seq_tokenizer_pad (t->tokenizer, t->dtype, (guint8 *) t->input_ids + at * w->size, n);
  if (t->attention_mask)
    memset (t->attention_mask + at, 0, n);
}

static void
write_padded (Writer * w, const SeqBatchRow * rows, guint n)
{
  const SeqBatchTarget *t = w->target;

  if (t->attention_mask)
    memset (t->attention_mask, 1, (gsize) t->n_rows * t->row_length);
  for (guint i = 0; i < t->n_rows; i++) {
    guint64 at = (guint64) i * t->row_length;
    guint64 before = t->pads_left && i < n ? t->row_length - rows[i].tokens : 0;
    guint64 end = before + (i < n ? write_row (w, &rows[i], i, at + before) : 0);

    pad (w, at, before);
    pad (w, at + end, t->row_length - end);
  }
}

static void
write_packed (Writer * w, const SeqBatchRow * rows, guint n)
{
  const SeqBatchTarget *t = w->target;
  guint64 at = 0;

  t->cu_seqlens[0] = 0;
  for (guint i = 0; i < t->n_rows; i++) {
    gsize tokens = i < n ? write_row (w, &rows[i], i, at) : 0;

    for (gsize k = 0; t->position_ids && k < tokens; k++)
      t->position_ids[at + k] = k;
    at += tokens;
    t->cu_seqlens[i + 1] = at;
  }
  pad (w, at, t->slots - at);
  if (t->position_ids)
    memset (t->position_ids + at, 0, (t->slots - at) * sizeof (gint32));
}

void
seq_batch_write (const SeqBatchTarget * target, const SeqBatchRow * rows, guint n,
    SeqBatchResult * result)
{
  Writer w = { target, result, seq_tokenizer_get_token_size (target->tokenizer, target->dtype) };

  result->unknown = 0;
  result->unknown_row = -1;
  result->unknown_position = 0;
  result->no_memory_row = -1;
  if (target->packed)
    write_packed (&w, rows, n);
  else
    write_padded (&w, rows, n);
}
