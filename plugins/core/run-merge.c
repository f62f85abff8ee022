/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-merge.h"

#include "sort-window.h"

#include <string.h>

typedef struct
{
  SeqSpillRun *run;
  SeqSpillBlock block;
  guint next;                   /* number of the next record in the block */
  gboolean ended;
  SeqSortRank rank;             /* of the next record */
} Source;

struct _SeqRunMerge
{
  Source *sources;
  guint n_sources;
  guint *losers;                /* [0] is the winner, [1] … [n - 1] the inner nodes */
  SeqSortOrder order;
  guint64 seed;
  gsize max_bytes;
  guint64 n_left;
};

static inline const GstSeqRecord *
source_record (const Source * source)
{
  return &source->block.table[source->next];
}

/* Moves on to the record `source->next`, with the block that holds it. */
static gboolean
source_load (SeqRunMerge * self, Source * source, GError ** error)
{
  const GstSeqRecord *record;

  if (source->next == source->block.n_records) {
    if (!seq_spill_run_next (source->run, self->max_bytes, &source->block, error))
      return FALSE;
    source->next = 0;
    source->ended = source->block.n_records == 0;
    if (source->ended)
      return TRUE;
  }
  record = source_record (source);
  source->rank = seq_sort_rank (self->order, self->seed, record->id, record->seq_len);
  return TRUE;
}

static inline gboolean
is_before (const SeqRunMerge * self, guint a, guint b)
{
  const Source *x = &self->sources[a], *y = &self->sources[b];

  if (x->ended || y->ended)
    return !x->ended;
  if (x->rank.first != y->rank.first)
    return x->rank.first < y->rank.first;
  if (x->rank.second != y->rank.second)
    return x->rank.second < y->rank.second;
  return a < b;
}

/* Plays all games below `node`; leaves are n … 2n - 1. Returns the winner. */
static guint
play (SeqRunMerge * self, guint node)
{
  guint a, b;

  if (node >= self->n_sources)
    return node - self->n_sources;
  a = play (self, 2 * node);
  b = play (self, 2 * node + 1);
  if (is_before (self, b, a)) {
    self->losers[node] = a;
    return b;
  }
  self->losers[node] = b;
  return a;
}

/* The record of the winner has changed. */
static inline void
replay (SeqRunMerge * self)
{
  guint winner = self->losers[0];

  for (guint node = (winner + self->n_sources) / 2; node > 0; node /= 2) {
    guint other = self->losers[node];

    if (is_before (self, other, winner)) {
      self->losers[node] = winner;
      winner = other;
    }
  }
  self->losers[0] = winner;
}

SeqRunMerge *
seq_run_merge_new (SeqSpillRun * const *runs, guint n_runs, SeqSortOrder order, guint64 seed,
    gsize max_bytes, GError ** error)
{
  SeqRunMerge *self = g_new0 (SeqRunMerge, 1);

  g_assert (n_runs > 0);
  self->sources = g_new0 (Source, n_runs);
  self->n_sources = n_runs;
  self->losers = g_new0 (guint, n_runs);
  self->order = order;
  self->seed = seed;
  self->max_bytes = max_bytes;
  for (guint i = 0; i < n_runs; i++) {
    self->sources[i].run = runs[i];
    self->n_left += seq_spill_run_get_n_records (runs[i]);
    if (!source_load (self, &self->sources[i], error)) {
      seq_run_merge_free (self);
      return NULL;
    }
  }
  self->losers[0] = play (self, 1);
  return self;
}

void
seq_run_merge_free (SeqRunMerge * self)
{
  g_free (self->sources);
  g_free (self->losers);
  g_free (self);
}

guint64
seq_run_merge_get_n_left (SeqRunMerge * self)
{
  return self->n_left;
}

guint64
seq_run_merge_get_held (SeqRunMerge * self)
{
  guint64 held = 0;

  for (guint i = 0; i < self->n_sources; i++)
    held += seq_spill_run_get_held (self->sources[i].run);
  return held;
}

guint64
seq_run_merge_peek_size (SeqRunMerge * self)
{
  return seq_record_size (source_record (&self->sources[self->losers[0]]));
}

/* Puts the bytes of the source's next record to `out`; they lie together, as they will again. */
static gboolean
copy_bytes (Source * source, guint8 * out, gsize size, GError ** error)
{
  if (!source->block.bytes)
    return seq_spill_run_read_bytes (source->run, out, error);
  if (size > 0)
    memcpy (out, source->block.bytes + source_record (source)->name, size);
  return TRUE;
}

gboolean
seq_run_merge_take (SeqRunMerge * self, guint8 * out, gsize capacity, GstSeqRecord * table,
    gsize max_records, gsize * n_records, gsize * size, GError ** error)
{
  gsize n = 0, fill = 0;

  while (n < max_records && self->n_left > 0) {
    Source *source = &self->sources[self->losers[0]];
    GstSeqRecord record = *source_record (source);
    gsize bytes = seq_record_size (&record);

    if (bytes > capacity - fill)
      break;
    if (!copy_bytes (source, out + fill, bytes, error))
      return FALSE;
    record.name = fill;
    record.seq = fill + record.name_len;
    if (record.qual != GST_SEQ_NO_QUALITY)
      record.qual = record.seq + record.seq_len;
    table[n++] = record;
    fill += bytes;

    source->next++;
    self->n_left--;
    if (!source_load (self, source, error))
      return FALSE;
    replay (self);
  }
  *n_records = n;
  *size = fill;
  return TRUE;
}
