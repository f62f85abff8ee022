/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* When a trim of an allocator's caches pays. Arithmetic and counters only; not thread-safe.
 *
 * What a cache holds does no harm while batches are no larger than those before: they are served
 * from it. It grows when a batch comes that is larger than all since the last trim. The blocks that
 * are too small for it stay beside the new ones, and the peak is the sum of both. So the moment
 * that pays is just before such a batch. Among batches of random size these become rare quickly:
 * n batches have about ln n of them.
 *
 * For `interval` batches after the start, or after a trim at another moment, every batch may be the
 * largest; growth is let go then, as a trim every `interval` batches would let it go.
 *
 * Besides, memory goes back after a batch when the device runs short, or when slack that even the
 * peak has not used outlives ten intervals. A trim after which memory grows at once to what it was
 * doubles these times, until one holds. */

#define SEQ_TRIM_UNKNOWN G_MAXUINT64

/* Bytes, or SEQ_TRIM_UNKNOWN */
typedef struct
{
  guint64 allocated;
  guint64 reserved;
  guint64 peak;                 /* highest `allocated` */
  guint64 releasable;           /* what a trim would give back */
  guint64 free;                 /* of the device */
  guint64 total;
} SeqTrimMemory;

typedef struct
{
  gint interval;                /* batches; <= 0 = never trim */
  gdouble high_water;           /* part of `reserved` that is slack */
  gdouble low_water;            /* part of `total` that is free */
} SeqTrimRules;

typedef struct
{
  guint64 largest;              /* size of the largest batch since the last trim */
  guint64 trimmed_at;           /* batch after which it was */
  guint64 ahead_at;             /* the last that was before a larger batch; 0 = none */
  guint64 growth_from;          /* batch before which growth is let go */
  guint64 growth_gap;
  guint64 slack_since;          /* batch since which there is too much slack, 0 = there is not */
  guint64 regrown;              /* reserved bytes that make the last trim a vain one, 0 = judged */
  guint vain;                   /* trims in vain, one after the other */
} SeqTrimPolicy;

void seq_trim_policy_init (SeqTrimPolicy * self);

/* Batch number @batch (from 1) of @size comes next: may a trim now pay? Only then is it worth to
 * look at the memory, and to ask seq_trim_policy_ahead(). */
gboolean seq_trim_policy_grows (const SeqTrimPolicy * self, const SeqTrimRules * rules,
    guint64 size);
gboolean seq_trim_policy_ahead (const SeqTrimPolicy * self, const SeqTrimRules * rules,
    guint64 batch, const SeqTrimMemory * memory);

/* A batch has been passed on */
void seq_trim_policy_count (SeqTrimPolicy * self, guint64 size);

/* Batch @batch is done: is it time to trim? Where nobody knows the slack, at each interval. */
gboolean seq_trim_policy_after (SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch,
    const SeqTrimMemory * memory);

/* There was a trim after batch @batch, for whatever reason, with @before and @after bytes reserved
 * (SEQ_TRIM_UNKNOWN). @ahead: seq_trim_policy_ahead() said so. */
void seq_trim_policy_trimmed (SeqTrimPolicy * self, const SeqTrimRules * rules, guint64 batch,
    guint64 before, guint64 after, gboolean ahead);

/* Bytes that a trim could give back, as far as is known */
guint64 seq_trim_memory_slack (const SeqTrimMemory * memory);

/* Is less of the device free than @part? FALSE where it is unknown. */
gboolean seq_trim_memory_is_short (const SeqTrimMemory * memory, gdouble part);

G_END_DECLS
