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

static void
pad (Writer * w, guint64 at, guint64 n)
{
  seq_tokenizer_pad (w->target->tokenizer, w->target->dtype,
      (guint8 *) w->target->input_ids + at * w->size, n);
}

static void
write_padded (Writer * w, const SeqBatchRow * rows, guint n)
{
  const SeqBatchTarget *t = w->target;

  for (guint i = 0; i < t->n_rows; i++) {
    guint64 at = (guint64) i * t->row_length;
    guint64 first = t->pads_left && i < n ? at + t->row_length - rows[i].tokens : at;
    gsize tokens = i < n ? write_row (w, &rows[i], i, first) : 0;

    pad (w, t->pads_left ? at : at + tokens, t->row_length - tokens);
    if (t->attention_mask) {
      guint8 *mask = t->attention_mask + at;

      memset (mask, 0, first - at);
      memset (mask + (first - at), 1, tokens);
      memset (mask + (first - at) + tokens, 0, t->row_length - (first - at) - tokens);
    }
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
