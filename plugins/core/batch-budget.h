/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How large a batch may be, learned from those that ran out of memory and those that did not. Sizes
 * are slots (tokens that have room). Arithmetic and counters only; not thread-safe.
 *
 * The limit lies between the largest size that passed and the smallest that is known to fail, and
 * is found by bisection: from below, since a failure costs more than a batch that is too small. It
 * stands when the two are within 10 %. What failed is known for a number of batches, which doubles
 * each time that it is forgotten; then the limit grows slowly until something fails again.
 *
 * A consumer that fails at random must not pass for one that is short of memory: only what fails
 * although it was tried again counts, and what has passed before must do so three times. When that
 * contradicts what is known more often than not, the limit is soon dropped.
 *
 * Peaks of memory, where they are known, tell the limit before anything fails: peak = a + b slots,
 * by least squares. */

#define SEQ_BUDGET_UNKNOWN G_MAXUINT64
#define SEQ_BUDGET_POINTS 16

typedef struct
{
  guint64 slots;
  guint64 peak;
} SeqBudgetPoint;

typedef struct
{
  guint64 limit;                /* found by bisection; 0 = none */
  guint64 predicted;            /* what the peaks say for the memory there is; 0 = nothing */
  guint64 passed;               /* largest size that passed */
  guint64 failed;               /* smallest size known to fail; 0 = none */
  guint64 largest;              /* largest size that ever came */

  guint clean;                  /* batches since the limit last changed or one failed */
  guint64 tried;                /* largest of those */
  guint doubts;                 /* failures of sizes that had passed, none passing in between */
  guint64 doubted;              /* the smallest of them */
  guint contradictions;         /* failures of sizes that pass, against … */
  guint proofs;                 /* … those that were believed */
  guint64 age, lifetime;        /* batches for which `failed` has been known, and will be */
  guint64 room;                 /* bytes for a batch now, and when one failed */
  guint64 room_at_failure;

  SeqBudgetPoint points[SEQ_BUDGET_POINTS];
  guint n_points;
  gdouble base, slope;          /* peak = base + slope x slots; slope 0 = can't be told */
  gboolean disagree;            /* the points are on no line */
} SeqBatchBudget;

void seq_batch_budget_init (SeqBatchBudget * self);

/* Slots that a batch may have; 0 = no limit is known */
guint64 seq_batch_budget_get (const SeqBatchBudget * self);

gboolean seq_batch_budget_is_known_to_fail (const SeqBatchBudget * self, guint64 slots);

/* A batch comes, so what is known becomes older */
void seq_batch_budget_begin (SeqBatchBudget * self);

/* A batch passed as a whole, without having failed before */
void seq_batch_budget_clean (SeqBatchBudget * self, guint64 slots);

/* A piece passed */
void seq_batch_budget_passed (SeqBatchBudget * self, guint64 slots);

/* A batch or piece passed when it was tried again, and nothing had changed */
void seq_batch_budget_passed_again (SeqBatchBudget * self, guint64 slots);

/* Has a batch or piece as large passed before? Then a failure may be chance. */
gboolean seq_batch_budget_has_passed (const SeqBatchBudget * self, guint64 slots);

/* A batch or piece failed, and trying it again did not help */
void seq_batch_budget_failed (SeqBatchBudget * self, guint64 slots);

/* Somebody says that memory is short, but not which batch was too large: half */
void seq_batch_budget_halve (SeqBatchBudget * self);

/* Bytes that a batch can have now, and all that can be had; SEQ_BUDGET_UNKNOWN = unknown. When
 * @room has grown by more than what failed is above the limit, it is forgotten. */
void seq_batch_budget_set_memory (SeqBatchBudget * self, guint64 room, guint64 capacity);

/* A batch raised the peak of all memory to @peak bytes */
void seq_batch_budget_observe (SeqBatchBudget * self, guint64 slots, guint64 peak);

G_END_DECLS
