/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Decides which rows go into which batch. It knows lengths only, so it costs nanoseconds a row and
 * can be tested on its own; writing the batches is batch-write's work.
 *
 * Padded: rows stay in their order; a batch ends before the row that would pass a limit.
 * Packed: up to `window` rows are looked at. A batch starts with the one that has waited longest,
 * so none waits for ever, and is then filled by best fit: again and again the longest row that
 * still has room. Rows that find no room stay for the next batch. With `window` 0 rows stay in
 * their order, as for padded.
 *
 * The plan follows from the sequence of rows and the limits alone, never from when it is asked.
 * A row that is over the limit on its own makes a batch of its own. Not thread-safe. */

typedef struct _SeqBatchPlan SeqBatchPlan;

/* What `max_cost` bounds. With L the length of the rows of a batch, all padding included: */
typedef enum
{
  SEQ_BATCH_COST_TOKENS,        /* sum of the real tokens */
  SEQ_BATCH_COST_PADDED,        /* slots: padded rows x L, packed the sum of the tokens */
  SEQ_BATCH_COST_QUADRATIC,     /* attention: padded rows x L x L, packed the sum of the squares */
} SeqBatchCost;

/* One row: a record, or one window of it. `block` and `record` are the caller's. */
typedef struct
{
  gpointer block;
  guint32 record;
  guint32 window;               /* number of the window in its record */
  guint32 start;                /* first residue of the row */
  guint32 tokens;               /* of the row, specials counted */
  guint32 flags;                /* the caller's, any but all bits set */
  guint32 name_len;             /* bytes of its name */
} SeqBatchRow;

typedef struct
{
  gboolean packed;
  guint max_rows;               /* 0 = no limit */
  guint64 max_cost;             /* and no more rows than this, were they empty; 0 = no limit */
  SeqBatchCost cost;
  guint64 max_slots;            /* padded rows x L, packed tokens, whatever `cost`, and no more rows
                                 * than this; 0 = no limit */
  gsize max_names;              /* bytes of names with which a batch is full, and a window as well: what
                                 * waits is bounded whatever names there are; 0 = no limit */
  guint pad_to_multiple;        /* of L; 1 or more */
  guint32 pad_to;               /* L at least, 0 = what is needed */
  guint window;                 /* packed: rows looked at, up to SEQ_BATCH_MAX_WINDOW */
} SeqBatchLimits;

#define SEQ_BATCH_MAX_WINDOW 65536

typedef struct
{
  const SeqBatchRow *rows;      /* the plan's, until its next call */
  guint n_rows;
  guint32 longest;              /* most tokens of a row */
  guint32 row_length;           /* L; 1 at least */
  guint64 tokens;
  gboolean partial;             /* ended by the end of the input, with room for another row */
} SeqPlannedBatch;

SeqBatchPlan *seq_batch_plan_new (const SeqBatchLimits * limits);
void seq_batch_plan_free (SeqBatchPlan * self);

/* Other limits, for rows that are not in a batch yet. `packed` can't change. */
void seq_batch_plan_set_limits (SeqBatchPlan * self, const SeqBatchLimits * limits);

/* Rows in no batch yet. */
guint seq_batch_plan_get_n_pending (SeqBatchPlan * self);

void seq_batch_plan_add (SeqBatchPlan * self, const SeqBatchRow * row);

/* No more rows will come: all that are left go into batches. Adding a row takes it back. */
void seq_batch_plan_finish (SeqBatchPlan * self);

/* The next batch that is complete; FALSE if there is none yet. */
gboolean seq_batch_plan_next (SeqBatchPlan * self, SeqPlannedBatch * batch);

/* Calls `func` for the `n` rows that were added last of those in no batch yet, the last one first.
 * It may give a row another block, record and start. */
void seq_batch_plan_foreach_last (SeqBatchPlan * self, guint n,
    void (*func) (SeqBatchRow *, gpointer), gpointer data);

/* Forgets all rows. Each is given to `func` (may be NULL), so that the caller can let go of it. */
void seq_batch_plan_clear (SeqBatchPlan * self, void (*func) (const SeqBatchRow *, gpointer),
    gpointer data);

/* L of a batch whose longest row has `longest` tokens. */
guint32 seq_batch_row_length (const SeqBatchLimits * limits, guint32 longest);

G_END_DECLS
