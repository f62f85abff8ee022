/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard-sources.h"

G_BEGIN_DECLS

/* What cudamemguard knows: counts, the last sample, the peak, and when to sample and to say
 * something next. No lock of its own: every function is called with the element's object lock. */

typedef struct
{
  gint64 allocated;             /* last change across a push */
  gint64 reserved;
  gint64 max_allocated;         /* largest growth */
  gint64 max_reserved;
  gboolean allocated_known;
  gboolean reserved_known;
} GuardChange;

typedef struct
{
  guint64 freed;                /* GST_SEQ_MEMORY_UNKNOWN: nobody can tell */
  GstClockTime time;
  guint64 stranded;             /* of pools: slack that it could not give back; or as `freed` */
} GuardTrim;

typedef struct
{
  guint64 batches;
  guint64 records;              /* sums over GstSeqBatchMeta */
  guint64 tokens;
  guint64 trims;
  guint64 freed;
  GstClockTime trim_time;
  guint64 trimmed_at;           /* batch of the last trim */
  guint64 trims_deferred;       /* put off because a CUDA graph was being captured */
  guint64 stranded;             /* after the last trim of pools; GST_SEQ_MEMORY_UNKNOWN */

  guint64 ooms;                 /* pushes that ended for lack of device memory */
  guint64 replays;              /* pushes of a batch, or of a half of it, after it had failed */
  guint64 splits;
  guint64 skipped;              /* records */
  guint64 budget;               /* slots that were asked for upstream, 0 = no limit */

  guint last_records;           /* of the last batch; 0 when it has no GstSeqBatchMeta */

  GuardSample sample;
  guint64 peak;                 /* 0 = unknown */
  GuardChange change;

  GstClockTime sampled_at;
  GstClockTime sample_next;     /* not before, so that samples take 1 % of the time at most */
  guint64 sampled_batch;
  guint64 sample_every;         /* batches between the last two samples */
  guint64 slots_since_sample;   /* of the largest batch since then, 0 = can't be told */
  GstClockTime said_at;         /* the last message, or the first batch */
} GuardStats;

void guard_stats_reset (GuardStats * stats);

/* Counts @batch and returns its number, from 1 */
guint64 guard_stats_count (GuardStats * stats, GstBuffer * batch);

/* @interval: in ns, 0 = none, the longest time between two samples */
gboolean guard_stats_sample_due (const GuardStats * stats, GstClockTime now,
    GstClockTime interval);
void guard_stats_take_sample (GuardStats * stats, const GuardSample * sample, GstClockTime start,
    GstClockTime end);
void guard_stats_take_trim (GuardStats * stats, const GuardTrim * trim);
void guard_stats_take_change (GuardStats * stats, const GuardSample * before,
    const GuardSample * after);
void guard_stats_reset_peak (GuardStats * stats);

/* Is a message due, @interval ns after the last one? The time starts with the first batch. */
gboolean guard_stats_message_due (GuardStats * stats, GstClockTime now, GstClockTime interval);

/* @trim: what the trim that is reported did, or NULL. @totals: adds the sums since the start. */
GstStructure *guard_stats_to_structure (const GuardStats * stats, gint device, const gchar * event,
    const GuardTrim * trim, gboolean totals);

/* FALSE when @sample doesn't tell */
gboolean guard_sample_fragmentation (const GuardSample * sample, gdouble * fragmentation);

/* @n records a batch now; @n again where @sample doesn't tell */
guint guard_sample_suggest (const GuardSample * sample, guint n, const gchar ** reason);

G_END_DECLS
