/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trim-policy.h"

#include "memory-model.h"

/* less than this, or than this part of the device, is not worth a trim */
#define WORTH_BYTES ((guint64) 256 << 20)
#define WORTH_PART 0.05

/* intervals that slack must stay before it goes */
#define PATIENCE 10

/* batches after a trim in which growth comes "at once" */
#define AT_ONCE 10

#define MAX_VAIN 16

void
seq_trim_policy_init (SeqTrimPolicy * self)
{
  *self = (SeqTrimPolicy) { 0 };
}

guint64
seq_trim_memory_slack (const SeqTrimMemory * memory)
{
  if (memory->releasable != SEQ_TRIM_UNKNOWN)
    return memory->releasable;
  if (memory->reserved == SEQ_TRIM_UNKNOWN || memory->allocated == SEQ_TRIM_UNKNOWN)
    return SEQ_TRIM_UNKNOWN;
  return memory->reserved - MIN (memory->allocated, memory->reserved);
}

gboolean
seq_trim_memory_is_short (const SeqTrimMemory * memory, gdouble part)
{
  return memory->free != SEQ_TRIM_UNKNOWN && memory->total != SEQ_TRIM_UNKNOWN
      && memory->free < memory->total * part;
}

static gboolean
is_worth_it (const SeqTrimMemory * memory)
{
  guint64 slack = seq_trim_memory_slack (memory);

  if (slack == SEQ_TRIM_UNKNOWN || slack == 0)
    return FALSE;
  return slack >= WORTH_BYTES ||
      (memory->total != SEQ_TRIM_UNKNOWN && slack >= memory->total * WORTH_PART);
}

/* ---- ahead of a batch ---- */

gboolean
seq_trim_policy_grows (const SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 size)
{
  return rules->interval > 0 && size > self->largest;
}

gboolean
seq_trim_policy_ahead (const SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch,
    const SeqTrimMemory * memory)
{
  guint64 from = self->growth_from > 0 ? self->growth_from : (guint64) rules->interval;

  return is_worth_it (memory)
      && (batch > from || seq_trim_memory_is_short (memory, rules->low_water));
}

void
seq_trim_policy_count (SeqTrimPolicy * self, guint64 size)
{
  self->largest = MAX (self->largest, size);
}

/* ---- after a batch ---- */

/* Part of the reserved bytes that is idle even when most are in use */
static gboolean
has_idle_slack (const SeqTrimRules * rules, const SeqTrimMemory * memory)
{
  guint64 used = memory->allocated;

  if (memory->reserved == SEQ_TRIM_UNKNOWN || used == SEQ_TRIM_UNKNOWN)
    return TRUE;                /* all that is known is that it is worth it */
  if (memory->peak != SEQ_TRIM_UNKNOWN)
    used = MAX (used, memory->peak);
  return seq_memory_fragmentation (MIN (used, memory->reserved), memory->reserved)
      > rules->high_water;
}

/* Was the last trim in vain? It is, when memory is at once what it was. */
static void
judge_last_trim (SeqTrimPolicy * self, guint64 batch, const SeqTrimMemory * memory)
{
  if (self->regrown == 0 || memory->reserved == SEQ_TRIM_UNKNOWN)
    return;
  if (memory->reserved >= self->regrown)
    self->vain = MIN (self->vain + 1, MAX_VAIN);
  else if (batch < self->trimmed_at + AT_ONCE)
    return;                     /* too early to tell */
  else
    self->vain = 0;
  self->regrown = 0;
}

gboolean
seq_trim_policy_after (SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch,
    const SeqTrimMemory * memory)
{
  guint64 patience;

  judge_last_trim (self, batch, memory);
  if (rules->interval <= 0)
    return FALSE;
  if (seq_trim_memory_slack (memory) == SEQ_TRIM_UNKNOWN)
    return seq_memory_should_clear (batch, rules->interval);
  if (!is_worth_it (memory)) {
    self->slack_since = 0;
    return FALSE;
  }
  if (seq_trim_memory_is_short (memory, rules->low_water)
      && batch - self->trimmed_at >= G_GUINT64_CONSTANT (1) << self->vain)
    return TRUE;
  if (!has_idle_slack (rules, memory)) {
    self->slack_since = 0;
    return FALSE;
  }
  if (self->slack_since == 0)
    self->slack_since = batch;
  patience = ((guint64) rules->interval * PATIENCE) << self->vain;
  return batch - self->slack_since >= patience;
}

/* ---- trims ---- */

/* Larger and larger batches, as from a sorted input, would have a trim before each: when one comes
 * soon after the other, growth is let go for longer and longer. */
static void
space_out (SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch)
{
  guint64 interval = MAX (rules->interval, 1);

  if (self->ahead_at > 0 && batch - self->ahead_at < interval)
    self->growth_gap = CLAMP (self->growth_gap * 2, 1, interval);
  else
    self->growth_gap /= 2;
  self->ahead_at = batch;
  self->growth_from = batch + 1 + self->growth_gap;
}

void
seq_trim_policy_trimmed (SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch,
    guint64 before, guint64 after, gboolean ahead)
{
  self->largest = 0;
  self->trimmed_at = batch;
  self->slack_since = 0;
  self->regrown = 0;
  if (ahead) {
    space_out (self, rules, batch);
    return;
  }
  self->growth_from = batch + MAX (rules->interval, 1);
  if (before != SEQ_TRIM_UNKNOWN && after != SEQ_TRIM_UNKNOWN) {
    if (before > after)
      self->regrown = after + (before - after) / 4 * 3;
    else
      self->vain = MIN (self->vain + 1, MAX_VAIN);
  }
}
