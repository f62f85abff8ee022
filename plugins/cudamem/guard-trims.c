/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When cudamemguard samples, trims and says so. */
#include "gstcudamemguard-private.h"

#define GST_CAT_DEFAULT cuda_mem_guard_debug

/* memory that was short is so no more when this many times `low-water` is free */
#define REARM 1.5

/* ---- samples ---- */

static SeqTrimMemory
trim_memory (const GuardSample * sample)
{
  const GstSeqMemoryStats *memory = &sample->memory;

  return (SeqTrimMemory) {
    memory->allocated, memory->reserved, memory->peak, memory->releasable, memory->free,
    memory->total
  };
}

/* What the sample says about how large a batch may be. Call with the object's lock, before the
 * sample is taken into the statistics. */
static void
learn (GstCudaMemGuard * self, const GuardSample * sample)
{
  const GstSeqMemoryStats *memory = &sample->memory;
  guint64 capacity = memory->total, before = self->stats.sample.memory.peak, slack;

  if (memory->free == GST_SEQ_MEMORY_UNKNOWN)
    slack = GST_SEQ_MEMORY_UNKNOWN;
  else if (memory->reserved == GST_SEQ_MEMORY_UNKNOWN)
    slack = memory->free;
  else {
    capacity = guard_sum_known (memory->free, memory->reserved);
    slack = capacity - (memory->allocated == GST_SEQ_MEMORY_UNKNOWN ? 0
        : MIN (memory->allocated, memory->reserved));
  }
  /* the peak was raised since the last sample, by the largest batch since then */
  if (memory->peak != GST_SEQ_MEMORY_UNKNOWN && before != GST_SEQ_MEMORY_UNKNOWN
      && memory->peak > before)
    seq_batch_budget_observe (&self->budget, self->stats.slots_since_sample, memory->peak);
  seq_batch_budget_set_memory (&self->budget, slack, capacity);
}

/* TRUE once, when memory gets short. Call with the object's lock. */
static gboolean
gets_short (GstCudaMemGuard * self, const GuardSample * sample)
{
  const SeqTrimMemory memory = trim_memory (sample);
  gdouble part = self->settings.low_water;

  if (!self->pressed && seq_trim_memory_is_short (&memory, part)) {
    self->pressed = TRUE;
    return TRUE;
  }
  if (!seq_trim_memory_is_short (&memory, part * REARM))
    self->pressed = FALSE;
  return FALSE;
}

gboolean
cuda_mem_guard_refresh (GstCudaMemGuard * self, GuardSample * sample)
{
  GstClockTime start = gst_util_get_timestamp ();
  gboolean fresh, pressure = FALSE;
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);

  fresh = guard_sources_sample (&self->sources, device, sample);
  if (fresh)
    guard_device_sample (&self->gpu, sample);

  GST_OBJECT_LOCK (self);
  if (fresh) {
    learn (self, sample);
    guard_stats_take_sample (&self->stats, sample, start, gst_util_get_timestamp ());
    pressure = gets_short (self, sample);
  } else {
    *sample = self->stats.sample;
  }
  GST_OBJECT_UNLOCK (self);

  if (pressure)
    cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "pressure", NULL, FALSE));
  return fresh;
}

/* ---- trims ---- */

/* A trim must not break the capture of a CUDA graph: it waits for the next batch. */
static gboolean
put_off (GstCudaMemGuard * self)
{
  gboolean capturing = guard_device_is_capturing (&self->gpu);

  GST_OBJECT_LOCK (self);
  if (capturing && !self->trim_put_off)
    self->stats.trims_deferred++;
  self->trim_put_off = capturing;
  GST_OBJECT_UNLOCK (self);
  return capturing;
}

/* What the sources did not say themselves follows from two samples, unless those count pools,
 * whose part is known. */
static guint64
total_freed (guint64 by_sources, guint64 by_pools, const GuardSample * before,
    const GuardSample * after)
{
  guint64 was = before->memory.reserved, is = after->memory.reserved;

  if (by_sources == GST_SEQ_MEMORY_UNKNOWN && was != GST_SEQ_MEMORY_UNKNOWN
      && is != GST_SEQ_MEMORY_UNKNOWN && !before->from_pools && !after->from_pools)
    by_sources = was > is ? was - is : 0;
  return guard_sum_known (by_sources, by_pools);
}

static SeqTrimRules
trim_rules_locked (GstCudaMemGuard * self)
{
  return (SeqTrimRules) { self->settings.interval, self->settings.high_water,
    self->settings.low_water };
}

static void
take_trim (GstCudaMemGuard * self, const GuardTrim * trim, const GuardSample * before,
    const GuardSample * after, gboolean ahead)
{
  SeqTrimRules rules;

  GST_OBJECT_LOCK (self);
  rules = trim_rules_locked (self);
  guard_stats_take_trim (&self->stats, trim);
  seq_trim_policy_trimmed (&self->policy, &rules, self->stats.batches, before->memory.reserved,
      after->memory.reserved, ahead);
  GST_OBJECT_UNLOCK (self);

  cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "trim", trim, FALSE));
  GST_OBJECT_LOCK (self);
  self->stats.trimmed_at = self->stats.batches;
  GST_OBJECT_UNLOCK (self);
}

gboolean
cuda_mem_guard_trim (GstCudaMemGuard * self, gboolean ahead, guint64 * freed)
{
  GuardSample before, after;
  GuardTrim trim;
  GstClockTime start;
  guint64 by_sources, by_pools, keep;
  gint device;

  *freed = 0;
  if (!cuda_mem_guard_refresh (self, &before) || put_off (self))
    return FALSE;

  GST_OBJECT_LOCK (self);
  device = self->device;
  keep = self->settings.trim_keep;
  GST_OBJECT_UNLOCK (self);

  start = gst_util_get_timestamp ();
  guard_device_synchronize (&self->gpu);
  by_sources = guard_sources_trim (&self->sources, device);
  by_pools = guard_device_trim (&self->gpu, keep);
  trim.time = gst_util_get_timestamp () - start;
  cuda_mem_guard_refresh (self, &after);

  trim.freed = total_freed (by_sources, by_pools, &before, &after);
  trim.stranded = GST_SEQ_MEMORY_UNKNOWN;
  if (after.from_pools && after.memory.allocated != GST_SEQ_MEMORY_UNKNOWN)
    trim.stranded = after.memory.reserved - MIN (after.memory.allocated, after.memory.reserved);
  take_trim (self, &trim, &before, &after, ahead);
  *freed = trim.freed;
  return TRUE;
}

/* ---- batches ---- */

static guint64
size_of (GstBuffer * buffer)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);

  return meta != NULL && meta->slots > 0 ? meta->slots : gst_buffer_get_size (buffer);
}

void
cuda_mem_guard_before_batch (GstCudaMemGuard * self, GstBuffer * buffer)
{
  guint64 size = size_of (buffer), n, freed;
  SeqTrimMemory memory;
  SeqTrimRules rules;
  GuardSample sample;
  gboolean pays;

  GST_OBJECT_LOCK (self);
  rules = trim_rules_locked (self);
  n = self->stats.batches + 1;
  pays = self->settings.trim_policy == GUARD_TRIM_ADAPTIVE
      && seq_trim_policy_grows (&self->policy, &rules, size);
  GST_OBJECT_UNLOCK (self);

  if (pays && cuda_mem_guard_refresh (self, &sample)) {
    memory = trim_memory (&sample);
    GST_OBJECT_LOCK (self);
    pays = seq_trim_policy_ahead (&self->policy, &rules, n, &memory);
    GST_OBJECT_UNLOCK (self);
    if (pays)
      cuda_mem_guard_trim (self, TRUE, &freed);
  }

  GST_OBJECT_LOCK (self);
  seq_trim_policy_count (&self->policy, size);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
policy_says (GstCudaMemGuard * self, guint64 n, const GuardSample * sample)
{
  const SeqTrimMemory memory = trim_memory (sample);
  SeqTrimRules rules;
  gboolean due;

  GST_OBJECT_LOCK (self);
  rules = trim_rules_locked (self);
  due = seq_trim_policy_after (&self->policy, &rules, n, &memory);
  GST_OBJECT_UNLOCK (self);
  return due;
}

void
cuda_mem_guard_after_batch (GstCudaMemGuard * self, guint64 n)
{
  GstClockTime now = gst_util_get_timestamp ();
  GstClockTime stats_interval;
  gboolean trim_due, sample_due, message_due, adaptive;
  GuardSample sample;
  guint64 freed;

  GST_OBJECT_LOCK (self);
  stats_interval = self->settings.stats_interval * GST_MSECOND;
  adaptive = self->settings.trim_policy == GUARD_TRIM_ADAPTIVE;
  trim_due = gst_seq_should_clear (n, self->settings.interval);
  sample_due = guard_stats_sample_due (&self->stats, now, stats_interval)
      || (adaptive && trim_due);
  trim_due = self->trim_put_off || (trim_due && !adaptive);
  message_due = guard_stats_message_due (&self->stats, now, stats_interval);
  GST_OBJECT_UNLOCK (self);

  if (!trim_due && sample_due && cuda_mem_guard_refresh (self, &sample) && adaptive)
    trim_due = policy_says (self, n, &sample);
  if (trim_due && cuda_mem_guard_trim (self, FALSE, &freed))
    return;
  if (message_due)
    cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "stats", NULL, FALSE));
}
