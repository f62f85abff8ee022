/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-budget.h"

#include <math.h>

/* clean batches until the limit grows: in the middle of the bisection, and later */
#define PROBE_AFTER 8
#define RECOVER_AFTER 50
#define RECOVER_PART 20         /* a twentieth */

/* batches for which a failure is believed at first */
#define LIFETIME 10000
#define DOUBTFUL_LIFETIME 50    /* when there is more against it */
#define MAX_LIFETIME (G_GUINT64_CONSTANT (1) << 40)

/* failures of a size that has passed before until they are believed */
#define MAX_DOUBTS 3

/* the least growth of memory that counts, of what there was */
#define LEAST_GROWTH 0.2

/* peaks: margin, spread of sizes, and the largest residual that a prediction allows */
#define MARGIN 0.95
#define SPREAD 1.5
#define MAX_RESIDUAL 0.03

void
seq_batch_budget_init (SeqBatchBudget * self)
{
  *self = (SeqBatchBudget) {
    .lifetime = LIFETIME,
    .room = SEQ_BUDGET_UNKNOWN,
    .room_at_failure = SEQ_BUDGET_UNKNOWN,
  };
}

guint64
seq_batch_budget_get (const SeqBatchBudget * self)
{
  /* what has passed is better known than what is computed */
  guint64 predicted = self->predicted > 0 ? MAX (self->predicted, self->passed) : 0;

  if (self->limit == 0 || predicted == 0)
    return MAX (self->limit, predicted);
  return MIN (self->limit, predicted);
}

gboolean
seq_batch_budget_is_known_to_fail (const SeqBatchBudget * self, guint64 slots)
{
  return self->failed > 0 && slots >= self->failed;
}

static void
set_limit (SeqBatchBudget * self, guint64 limit)
{
  self->limit = MAX (limit, 1);
  self->clean = 0;
  self->tried = 0;
}

void
seq_batch_budget_passed (SeqBatchBudget * self, guint64 slots)
{
  self->passed = MAX (self->passed, slots);
  self->largest = MAX (self->largest, slots);
  if (slots >= self->doubted)
    self->doubts = 0;
  if (seq_batch_budget_is_known_to_fail (self, slots))
    self->failed = 0;           /* it does not fail */
}

gboolean
seq_batch_budget_has_passed (const SeqBatchBudget * self, guint64 slots)
{
  return slots <= self->passed;
}

void
seq_batch_budget_passed_again (SeqBatchBudget * self, guint64 slots)
{
  if (seq_batch_budget_has_passed (self, slots))
    self->contradictions++;
  seq_batch_budget_passed (self, slots);
}

/* Halfway to what is known to fail, until what has passed is near enough: then nothing larger is
 * tried any more. Without such knowledge the limit grows slowly. */
static void
grow (SeqBatchBudget * self)
{
  if (self->failed > 0 && self->failed <= self->passed + self->passed / 10) {
    self->limit = self->passed;
  } else if (self->failed > 0) {
    /* only when batches came near it has the limit itself passed */
    if (self->clean >= PROBE_AFTER && self->tried >= self->limit / 10 * 9)
      set_limit (self, self->limit + (self->failed - self->limit) / 2);
  } else if (self->clean >= RECOVER_AFTER) {
    set_limit (self, self->limit + self->limit / RECOVER_PART + 1);
    if (self->limit > self->largest + self->largest / 4)
      self->limit = 0;          /* it limits nothing */
  }
}

void
seq_batch_budget_begin (SeqBatchBudget * self)
{
  self->age++;
  if (self->contradictions > self->proofs && self->age >= DOUBTFUL_LIFETIME) {
    self->failed = self->limit = 0;     /* it is not size that makes things fail */
    self->contradictions = self->proofs = 0;
  } else if (self->failed > 0 && self->age >= self->lifetime) {
    self->failed = 0;
    self->clean = 0;
    self->lifetime = MIN (self->lifetime * 2, MAX_LIFETIME);
  }
}

void
seq_batch_budget_clean (SeqBatchBudget * self, guint64 slots)
{
  seq_batch_budget_passed (self, slots);
  self->tried = MAX (self->tried, slots);
  self->clean++;
  if (self->limit > 0)
    grow (self);
}

void
seq_batch_budget_failed (SeqBatchBudget * self, guint64 slots)
{
  self->largest = MAX (self->largest, slots);
  self->clean = 0;
  self->doubted = self->doubts > 0 ? MIN (self->doubted, slots) : slots;
  if (seq_batch_budget_has_passed (self, slots)) {
    self->contradictions++;
    if (++self->doubts < MAX_DOUBTS)
      return;
    self->contradictions = 0;   /* it is the rule, not the exception */
  }
  self->doubts = 0;
  self->proofs++;
  self->failed = self->failed > 0 ? MIN (self->failed, slots) : slots;
  self->age = 0;
  self->room_at_failure = self->room;
  if (self->passed >= self->failed)
    self->passed = 0;           /* that was with more memory */
  set_limit (self, MAX (self->passed, self->failed / 2));
}

void
seq_batch_budget_halve (SeqBatchBudget * self)
{
  guint64 now = self->limit > 0 ? self->limit : self->largest;

  if (now > 0)
    set_limit (self, now / 2);
}

static void
note_room (SeqBatchBudget * self, guint64 room)
{
  gdouble growth;

  self->room = room;
  if (self->failed == 0 || room == SEQ_BUDGET_UNKNOWN
      || self->room_at_failure == SEQ_BUDGET_UNKNOWN || room <= self->room_at_failure)
    return;
  growth = (gdouble) (room - self->room_at_failure) / MAX (self->room_at_failure, 1);
  if (growth > MAX ((gdouble) self->failed / self->limit - 1, LEAST_GROWTH))
    self->failed = 0;
}

void
seq_batch_budget_set_memory (SeqBatchBudget * self, guint64 room, guint64 capacity)
{
  gdouble predicted;

  note_room (self, room);
  self->predicted = 0;
  if (self->slope <= 0 || capacity == SEQ_BUDGET_UNKNOWN)
    return;
  predicted = (capacity * MARGIN - self->base) / self->slope;
  if (predicted >= 1 && predicted < (gdouble) G_MAXINT64)
    self->predicted = (guint64) predicted;
}

/* ---- peaks ---- */

/* By least squares; no slope if the points don't tell */
static void
fit (SeqBatchBudget * self)
{
  const SeqBudgetPoint *points = self->points;
  guint n = self->n_points, i;
  gdouble x = 0, y = 0, xx = 0, xy = 0, least = points[0].slots, most = 0, worst = 0;

  self->base = self->slope = 0;
  for (i = 0; i < n; i++) {
    x += points[i].slots / (gdouble) n;
    y += points[i].peak / (gdouble) n;
    least = MIN (least, points[i].slots);
    most = MAX (most, points[i].slots);
  }
  if (n < 3)
    return;
  for (i = 0; i < n; i++) {
    xx += (points[i].slots - x) * (points[i].slots - x);
    xy += (points[i].slots - x) * (points[i].peak - y);
  }
  self->slope = xy / xx;
  self->base = y - self->slope * x;
  for (i = 0; i < n; i++)
    worst = MAX (worst, fabs (self->base + self->slope * points[i].slots - points[i].peak)
        / points[i].peak);
  self->disagree = worst > MAX_RESIDUAL;
  if (self->disagree || most < least * SPREAD)
    self->slope = 0;
}

/* Room for another point. Where all agree, every second one will do, or sizes that grow slowly
 * would soon be too near together; else the oldest may not hold any more. */
static void
thin_out (SeqBatchBudget * self)
{
  guint i;

  self->n_points = self->disagree ? SEQ_BUDGET_POINTS - 1 : SEQ_BUDGET_POINTS / 2;
  for (i = 0; i < self->n_points; i++)
    self->points[i] = self->points[self->disagree ? i + 1 : 2 * i];
}

void
seq_batch_budget_observe (SeqBatchBudget * self, guint64 slots, guint64 peak)
{
  guint i;

  if (slots == 0 || peak == 0)
    return;
  for (i = 0; i < self->n_points && self->points[i].slots != slots; i++);
  if (i == SEQ_BUDGET_POINTS) {
    thin_out (self);
    i = self->n_points;
  }
  self->points[i] = (SeqBudgetPoint) { slots, peak };
  self->n_points = MAX (self->n_points, i + 1);
  fit (self);
}
