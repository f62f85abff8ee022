/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-plan.h"

#include <string.h>

/* A row of the packing window, in the order of (tokens, age) */
typedef struct
{
  guint32 tokens;
  guint64 age;                  /* number of the row in order of arrival */
} Candidate;

struct _SeqBatchPlan
{
  SeqBatchLimits limits;
  gboolean finished;

  /* rows in order of arrival, from `head` on; rows[age - first_age] */
  GArray *rows;
  guint head;
  guint scanned;                /* in order: rows from head on that are in the open batch */
  guint32 longest;              /* of the open batch */
  guint64 tokens, squares, names;

  /* packed with a window */
  guint64 first_age;
  guint64 next_age;             /* of the row that comes into the window next */
  GArray *candidates;           /* the window */
  guint64 window_names;         /* bytes of names in it */
  GArray *picked;               /* rows of the batch given out last */
};

/* marks a row of `rows` that is in a batch already, behind others that are not */
#define TAKEN G_MAXUINT32

SeqBatchPlan *
seq_batch_plan_new (const SeqBatchLimits * limits)
{
  SeqBatchPlan *self = g_new0 (SeqBatchPlan, 1);

  self->rows = g_array_new (FALSE, FALSE, sizeof (SeqBatchRow));
  self->candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  self->picked = g_array_new (FALSE, FALSE, sizeof (SeqBatchRow));
  self->limits = *limits;
  return self;
}

void
seq_batch_plan_free (SeqBatchPlan * self)
{
  g_array_unref (self->rows);
  g_array_unref (self->candidates);
  g_array_unref (self->picked);
  g_free (self);
}

static gboolean
uses_window (const SeqBatchPlan * self)
{
  return self->limits.packed && self->limits.window > 0;
}

/* The open batch is looked at anew, because what was in it may not fit any more. */
static void
restart_scan (SeqBatchPlan * self)
{
  self->scanned = 0;
  self->longest = 0;
  self->tokens = self->squares = self->names = 0;
}

void
seq_batch_plan_set_limits (SeqBatchPlan * self, const SeqBatchLimits * limits)
{
  gboolean packed = self->limits.packed;
  guint window = self->limits.window;

  /* the window is how rows are kept, so it holds for as long as the plan */
  self->limits = *limits;
  self->limits.packed = packed;
  self->limits.window = window;
  restart_scan (self);
}

guint
seq_batch_plan_get_n_pending (SeqBatchPlan * self)
{
  if (uses_window (self))
    return self->candidates->len + (self->first_age + self->rows->len - self->next_age);
  return self->rows->len - self->head;
}

guint32
seq_batch_row_length (const SeqBatchLimits * limits, guint32 longest)
{
  guint32 length = MAX (MAX (longest, limits->pad_to), 1), rest = 0, added;

  /* no division where it can be spared: this runs for every row */
  if (limits->pad_to_multiple > 1)
    rest = length % limits->pad_to_multiple;
  added = rest > 0 ? limits->pad_to_multiple - rest : 0;
  return length > G_MAXUINT32 - added ? G_MAXUINT32 : length + added;
}

/* Sizes saturate, so that no batch can be made to look cheap. */
static guint64
batch_slots (const SeqBatchLimits * limits, guint64 n, guint32 longest, guint64 tokens)
{
  guint64 slots;

  if (limits->packed)
    return tokens;
  return g_uint64_checked_mul (&slots, n, seq_batch_row_length (limits, longest)) ? slots :
      G_MAXUINT64;
}

static guint64
batch_cost (const SeqBatchLimits * limits, guint64 slots, guint32 longest, guint64 tokens,
    guint64 squares)
{
  guint64 cost;

  switch (limits->cost) {
    case SEQ_BATCH_COST_TOKENS:
      return tokens;
    case SEQ_BATCH_COST_PADDED:
      return slots;
    case SEQ_BATCH_COST_QUADRATIC:
      if (limits->packed)
        return squares;
      return g_uint64_checked_mul (&cost, slots, seq_batch_row_length (limits, longest)) ? cost :
          G_MAXUINT64;
  }
  return tokens;
}

static gboolean
fits (const SeqBatchLimits * limits, guint64 n, guint32 longest, guint64 tokens, guint64 squares)
{
  guint64 slots;

  if (limits->max_rows > 0 && n > limits->max_rows)
    return FALSE;
  /* rows of no tokens cost something, too, or there would be no end of them */
  tokens = MAX (tokens, n);
  squares = MAX (squares, n);
  slots = batch_slots (limits, n, longest, tokens);
  if (limits->max_slots > 0 && slots > limits->max_slots)
    return FALSE;
  return limits->max_cost == 0 ||
      batch_cost (limits, slots, longest, tokens, squares) <= limits->max_cost;
}

static guint64
add_square (guint64 squares, guint32 tokens)
{
  guint64 square = (guint64) tokens * tokens;

  return squares > G_MAXUINT64 - square ? G_MAXUINT64 : squares + square;
}

static gboolean
are_many_names (const SeqBatchPlan * self, guint64 names)
{
  return self->limits.max_names > 0 && names >= self->limits.max_names;
}

/* Whether another row of one token could come into the open batch, which has n rows. */
static gboolean
has_room (const SeqBatchPlan * self, guint64 n)
{
  return !are_many_names (self, self->names) && fits (&self->limits, n + 1,
      MAX (self->longest, 1), self->tokens + 1, add_square (self->squares, 1));
}

/* ---- in order ---- */

/* Gives out the first n rows. They move away with the next call. */
static void
give_rows (SeqBatchPlan * self, guint n, SeqPlannedBatch * batch, gboolean partial)
{
  batch->rows = &g_array_index (self->rows, SeqBatchRow, self->head);
  batch->n_rows = n;
  batch->longest = self->longest;
  batch->row_length = seq_batch_row_length (&self->limits, self->longest);
  batch->tokens = self->tokens;
  batch->partial = partial;
  self->head += n;
  restart_scan (self);
}

static gboolean
next_in_order (SeqBatchPlan * self, SeqPlannedBatch * batch)
{
  const SeqBatchLimits *limits = &self->limits;

  while (self->head + self->scanned < self->rows->len) {
    const SeqBatchRow *row =
        &g_array_index (self->rows, SeqBatchRow, self->head + self->scanned);
    guint32 longest = MAX (self->longest, row->tokens);
    guint64 squares = add_square (self->squares, row->tokens);

    if (self->scanned > 0 && !fits (limits, self->scanned + 1, longest,
            self->tokens + row->tokens, squares)) {
      give_rows (self, self->scanned, batch, FALSE);
      return TRUE;
    }
    self->scanned++;
    self->longest = longest;
    self->tokens += row->tokens;
    self->squares = squares;
    self->names += row->name_len;
    if (self->scanned == limits->max_rows || are_many_names (self, self->names)) {
      give_rows (self, self->scanned, batch, FALSE);
      return TRUE;
    }
  }
  if (!self->finished || self->scanned == 0)
    return FALSE;
  give_rows (self, self->scanned, batch, has_room (self, self->scanned));
  return TRUE;
}

/* ---- best fit ---- */

/* Index of the first candidate that is longer than `tokens`, or as long and not older than `age`:
 * where a row of that length and age stands, or would stand. */
static guint
find_candidate (SeqBatchPlan * self, guint32 tokens, guint64 age)
{
  guint low = 0, high = self->candidates->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    const Candidate *c = &g_array_index (self->candidates, Candidate, middle);

    if (c->tokens < tokens || (c->tokens == tokens && c->age < age))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static SeqBatchRow *
row_of_age (SeqBatchPlan * self, guint64 age)
{
  return &g_array_index (self->rows, SeqBatchRow, age - self->first_age);
}

/* Moves a candidate into the batch that is being made. */
static void
pick (SeqBatchPlan * self, guint index)
{
  const Candidate *c = &g_array_index (self->candidates, Candidate, index);
  SeqBatchRow *row = row_of_age (self, c->age);

  g_array_append_val (self->picked, *row);
  self->longest = MAX (self->longest, row->tokens);
  self->tokens += row->tokens;
  self->squares = add_square (self->squares, row->tokens);
  self->names += row->name_len;
  self->window_names -= row->name_len;
  row->flags = TAKEN;
  g_array_remove_index (self->candidates, index);
}

/* Index of the longest candidate that fits, the oldest of those as long, or -1. Cost grows with
 * length, so it is found by halving. */
static gint
find_best_fit (SeqBatchPlan * self)
{
  guint low = 0, high = self->candidates->len;
  guint32 tokens;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    tokens = g_array_index (self->candidates, Candidate, middle).tokens;
    if (fits (&self->limits, self->picked->len + 1, MAX (self->longest, tokens),
            self->tokens + tokens, add_square (self->squares, tokens)))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0)
    return -1;
  tokens = g_array_index (self->candidates, Candidate, low - 1).tokens;
  return find_candidate (self, tokens, 0);
}

static gboolean
window_is_full (const SeqBatchPlan * self)
{
  return self->candidates->len == self->limits.window
      || are_many_names (self, self->window_names);
}

/* Fills the window with rows in order of arrival; no more than the window are ever looked at, so
 * that it doesn't matter how many rows are added between two calls. */
static void
fill_window (SeqBatchPlan * self)
{
  while (!window_is_full (self) && self->next_age - self->first_age < self->rows->len) {
    const SeqBatchRow *row = row_of_age (self, self->next_age);
    Candidate c = { row->tokens, self->next_age };

    self->window_names += row->name_len;
    g_array_insert_val (self->candidates, find_candidate (self, c.tokens, c.age), c);
    self->next_age++;
  }
}

static gboolean
next_best_fit (SeqBatchPlan * self, SeqPlannedBatch * batch)
{
  SeqBatchRow *oldest;
  gboolean full;
  gint index;

  fill_window (self);
  full = window_is_full (self);
  if (self->candidates->len == 0 || (!full && !self->finished))
    return FALSE;

  g_array_set_size (self->picked, 0);
  while (g_array_index (self->rows, SeqBatchRow, self->head).flags == TAKEN)
    self->head++;
  oldest = &g_array_index (self->rows, SeqBatchRow, self->head);
  index = find_candidate (self, oldest->tokens, self->first_age + self->head);
  do
    pick (self, index);
  while (!are_many_names (self, self->names) && (index = find_best_fit (self)) >= 0);

  *batch = (SeqPlannedBatch) {
    .rows = (const SeqBatchRow *) self->picked->data, .n_rows = self->picked->len,
    .longest = self->longest, .tokens = self->tokens,
    .row_length = seq_batch_row_length (&self->limits, self->longest),
    .partial = !full && self->candidates->len == 0 && has_room (self, self->picked->len),
  };
  restart_scan (self);
  return TRUE;
}

/* ---- interface ---- */

/* Rows that have been given out go, once they are the larger part: moving the others costs less
 * than they took to add. */
static void
compact (SeqBatchPlan * self)
{
  if (self->head < 1024 || self->head < self->rows->len / 2)
    return;
  g_array_remove_range (self->rows, 0, self->head);
  self->first_age += self->head;
  self->head = 0;
}

void
seq_batch_plan_add (SeqBatchPlan * self, const SeqBatchRow * row)
{
  g_assert (row->flags != TAKEN);

  compact (self);
  self->finished = FALSE;
  g_array_append_val (self->rows, *row);
}

void
seq_batch_plan_finish (SeqBatchPlan * self)
{
  self->finished = TRUE;
}

gboolean
seq_batch_plan_next (SeqBatchPlan * self, SeqPlannedBatch * batch)
{
  return uses_window (self) ? next_best_fit (self, batch) : next_in_order (self, batch);
}

void
seq_batch_plan_foreach_last (SeqBatchPlan * self, guint n, void (*func) (SeqBatchRow *, gpointer),
    gpointer data)
{
  for (guint i = self->rows->len; n > 0 && i > self->head; i--) {
    SeqBatchRow *row = &g_array_index (self->rows, SeqBatchRow, i - 1);

    if (row->flags != TAKEN) {
      func (row, data);
      n--;
    }
  }
}

void
seq_batch_plan_clear (SeqBatchPlan * self, void (*func) (const SeqBatchRow *, gpointer),
    gpointer data)
{
  for (guint i = self->head; func && i < self->rows->len; i++) {
    const SeqBatchRow *row = &g_array_index (self->rows, SeqBatchRow, i);

    if (row->flags != TAKEN)
      func (row, data);
  }
  g_array_set_size (self->rows, 0);
  g_array_set_size (self->candidates, 0);
  self->head = 0;
  self->first_age = self->next_age = 0;
  self->window_names = 0;
  self->finished = FALSE;
  restart_scan (self);
}
