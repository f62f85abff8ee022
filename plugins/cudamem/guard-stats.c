/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard-stats.h"

/* A sample that took 1 is followed by 99 without one */
#define SAMPLE_COST_RATIO 99

void
guard_stats_reset (GuardStats * stats)
{
  *stats = (GuardStats) {
    .said_at = GST_CLOCK_TIME_NONE,
    .sampled_at = GST_CLOCK_TIME_NONE,
    .stranded = GST_SEQ_MEMORY_UNKNOWN,
  };
  guard_sample_init (&stats->sample);
}

guint64
guard_stats_count (GuardStats * stats, GstBuffer * batch)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  stats->last_records = 0;
  if (meta != NULL) {
    stats->last_records = meta->n_records;
    stats->records += meta->n_records;
    stats->tokens += meta->tokens;
  }
  return ++stats->batches;
}

gboolean
guard_stats_sample_due (const GuardStats * stats, GstClockTime now, GstClockTime interval)
{
  if (stats->sampled_at == GST_CLOCK_TIME_NONE || now >= stats->sample_next)
    return TRUE;
  return interval > 0 && now - stats->sampled_at >= interval;
}

void
guard_stats_take_sample (GuardStats * stats, const GuardSample * sample, GstClockTime start,
    GstClockTime end)
{
  stats->sample = *sample;
  stats->sampled_at = end;
  stats->sample_next = end + (end - start) * SAMPLE_COST_RATIO;
  if (stats->batches > stats->sampled_batch)
    stats->sample_every = stats->batches - stats->sampled_batch;
  stats->sampled_batch = stats->batches;
  stats->slots_since_sample = 0;

  if (sample->memory.allocated != GST_SEQ_MEMORY_UNKNOWN)
    stats->peak = MAX (stats->peak, sample->memory.allocated);
  if (sample->memory.peak != GST_SEQ_MEMORY_UNKNOWN)
    stats->peak = MAX (stats->peak, sample->memory.peak);
}

void
guard_stats_take_trim (GuardStats * stats, const GuardTrim * trim)
{
  stats->trims++;
  stats->trim_time += trim->time;
  stats->stranded = trim->stranded;
  if (trim->freed != GST_SEQ_MEMORY_UNKNOWN)
    stats->freed += trim->freed;
}

static gboolean
difference (guint64 before, guint64 after, gint64 * change, gint64 * max)
{
  if (before == GST_SEQ_MEMORY_UNKNOWN || after == GST_SEQ_MEMORY_UNKNOWN)
    return FALSE;
  /* no device has 2^63 bytes; what a provider says may */
  *change = after >= before ? (gint64) MIN (after - before, (guint64) G_MAXINT64)
      : -(gint64) MIN (before - after, (guint64) G_MAXINT64);
  *max = MAX (*max, *change);
  return TRUE;
}

void
guard_stats_take_change (GuardStats * stats, const GuardSample * before, const GuardSample * after)
{
  GuardChange *change = &stats->change;

  change->allocated_known = difference (before->memory.allocated, after->memory.allocated,
      &change->allocated, &change->max_allocated);
  change->reserved_known = difference (before->memory.reserved, after->memory.reserved,
      &change->reserved, &change->max_reserved);
}

void
guard_stats_reset_peak (GuardStats * stats)
{
  stats->peak = 0;
  stats->change.max_allocated = stats->change.max_reserved = 0;
}

gboolean
guard_stats_message_due (GuardStats * stats, GstClockTime now, GstClockTime interval)
{
  if (stats->said_at == GST_CLOCK_TIME_NONE)
    stats->said_at = now;
  return interval > 0 && now >= stats->said_at && now - stats->said_at >= interval;
}

gboolean
guard_sample_fragmentation (const GuardSample * sample, gdouble * fragmentation)
{
  if (sample->memory.allocated == GST_SEQ_MEMORY_UNKNOWN
      || sample->memory.reserved == GST_SEQ_MEMORY_UNKNOWN)
    return FALSE;
  *fragmentation = gst_seq_fragmentation (sample->memory.allocated, sample->memory.reserved);
  return TRUE;
}

guint
guard_sample_suggest (const GuardSample * sample, guint n, const gchar ** reason)
{
  guint64 free_size = sample->memory.free;
  gdouble fragmentation;

  if (!guard_sample_fragmentation (sample, &fragmentation)) {
    *reason = "nothing is known of the memory";
    return n;
  }
  /* without knowing what is free, don't ask for more */
  if (free_size == GST_SEQ_MEMORY_UNKNOWN)
    free_size = 0;
  return gst_seq_suggest_batch_size (n, fragmentation, free_size, reason);
}

static void
set_known (GstStructure * structure, const gchar * name, guint64 value)
{
  if (value != GST_SEQ_MEMORY_UNKNOWN)
    gst_structure_set (structure, name, G_TYPE_UINT64, value, NULL);
}

/* What is neither in use nor could be given back. Of pools only a trim tells. */
static guint64
stranded (const GuardStats * stats)
{
  const GstSeqMemoryStats *memory = &stats->sample.memory;
  guint64 used;

  if (stats->sample.from_pools)
    return stats->stranded;
  if (memory->reserved == GST_SEQ_MEMORY_UNKNOWN || memory->allocated == GST_SEQ_MEMORY_UNKNOWN
      || memory->releasable == GST_SEQ_MEMORY_UNKNOWN)
    return GST_SEQ_MEMORY_UNKNOWN;
  used = guard_sum_known (memory->allocated, memory->releasable);
  return memory->reserved > used ? memory->reserved - used : 0;
}

static void
add_memory (const GuardStats * stats, GstStructure * structure)
{
  const GstSeqMemoryStats *memory = &stats->sample.memory;
  const gchar *reason;
  gdouble fragmentation;
  guint suggested;

  set_known (structure, "allocated", memory->allocated);
  set_known (structure, "reserved", memory->reserved);
  set_known (structure, "free", memory->free);
  set_known (structure, "total", memory->total);
  set_known (structure, "releasable", memory->releasable);
  set_known (structure, "stranded", stranded (stats));
  if (stats->peak > 0)
    gst_structure_set (structure, "peak", G_TYPE_UINT64, stats->peak, NULL);
  if (!guard_sample_fragmentation (&stats->sample, &fragmentation))
    return;

  gst_structure_set (structure, "fragmentation", G_TYPE_DOUBLE, fragmentation, NULL);
  if (stats->last_records > 0) {
    suggested = guard_sample_suggest (&stats->sample, stats->last_records, &reason);
    gst_structure_set (structure, "suggested-batch-size", G_TYPE_UINT, suggested,
        "reason", G_TYPE_STRING, reason, NULL);
  }
}

static void
add_change (const GuardChange * change, GstStructure * structure)
{
  if (change->allocated_known)
    gst_structure_set (structure, "allocated-change", G_TYPE_INT64, change->allocated,
        "max-allocated-change", G_TYPE_INT64, change->max_allocated, NULL);
  if (change->reserved_known)
    gst_structure_set (structure, "reserved-change", G_TYPE_INT64, change->reserved,
        "max-reserved-change", G_TYPE_INT64, change->max_reserved, NULL);
}

GstStructure *
guard_stats_to_structure (const GuardStats * stats, gint device, const gchar * event,
    const GuardTrim * trim, gboolean totals)
{
  GstStructure *structure = gst_structure_new ("cuda-memguard",
      "event", G_TYPE_STRING, event,
      "batch", G_TYPE_UINT64, stats->batches,
      "device-id", G_TYPE_INT, device,
      "source", G_TYPE_STRING, stats->sample.source,
      "batches-since-trim", G_TYPE_UINT64, stats->batches - stats->trimmed_at,
      "sample-every", G_TYPE_UINT64, stats->sample_every,
      "trims-deferred", G_TYPE_UINT64, stats->trims_deferred,
      "ooms", G_TYPE_UINT64, stats->ooms, "replays", G_TYPE_UINT64, stats->replays,
      "splits", G_TYPE_UINT64, stats->splits, "skipped", G_TYPE_UINT64, stats->skipped,
      "budget-tokens", G_TYPE_UINT64, stats->budget, "budget-records", G_TYPE_UINT, 0, NULL);

  add_memory (stats, structure);
  add_change (&stats->change, structure);

  if (trim != NULL) {
    set_known (structure, "freed", trim->freed);
    gst_structure_set (structure, "trim-time", G_TYPE_UINT64, trim->time, NULL);
  }
  if (totals)
    gst_structure_set (structure, "batches", G_TYPE_UINT64, stats->batches,
        "records", G_TYPE_UINT64, stats->records, "tokens", G_TYPE_UINT64, stats->tokens,
        "trims", G_TYPE_UINT64, stats->trims, "freed", G_TYPE_UINT64, stats->freed,
        "trim-time", G_TYPE_UINT64, stats->trim_time, NULL);
  return structure;
}
