/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "batch-budget.h"
#include "gstcudamemguard.h"
#include "guard-device.h"
#include "guard-sources.h"
#include "guard-stats.h"
#include "trim-policy.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (cuda_mem_guard_debug);

typedef enum
{
  GUARD_TRIM_INTERVAL,
  GUARD_TRIM_ADAPTIVE,
} GuardTrimPolicy;

typedef enum
{
  GUARD_ON_OOM_ERROR,
  GUARD_ON_OOM_SKIP,
} GuardOnOom;

typedef struct
{
  gint device_id;
  GuardTrimPolicy trim_policy;
  gint interval;
  guint64 trim_keep;
  gdouble high_water;
  gdouble low_water;
  GuardOnOom on_oom;
  guint stats_interval;         /* ms */
  gboolean track;
  gboolean expandable_segments;
} GuardSettings;

struct _GstCudaMemGuard
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;
  GuardSources sources;
  GuardDevice gpu;

  /* Under the object's lock, which is never held while anything is called that may call back */
  GuardSettings settings;
  gint device;                  /* device_id as resolved */
  GuardStats stats;
  SeqTrimPolicy policy;
  SeqBatchBudget budget;
  gboolean trim_put_off;        /* until no CUDA graph is being captured */
  gboolean pressed;             /* said that memory is short, until it is not */
  gboolean pushing;             /* a batch is downstream */
  gboolean reported;            /* … and somebody has said that it is out of memory */

  /* Streaming thread */
  gboolean find_pool;           /* the next buffer may come from another pool */
  guint vain_replays;           /* of whole batches, one after the other, with nothing freed */
};

/* ---- gstcudamemguard.c ---- */

/* The message, or the `stats` property. @totals: with the sums since the start. */
GstStructure *cuda_mem_guard_describe (GstCudaMemGuard * self, const gchar * event,
    const GuardTrim * trim, gboolean totals);
void cuda_mem_guard_post (GstCudaMemGuard * self, GstStructure * structure);

/* ---- guard-trims.c ---- */

/* Samples now and keeps the sample. A call from inside a source gets the last one instead, and
 * FALSE. */
gboolean cuda_mem_guard_refresh (GstCudaMemGuard * self, GuardSample * sample);

/* Waits for the device, trims and posts the message. FALSE where that can't be done now: in a call
 * from inside a source, or during a capture; it is done after the next batch then. @freed: bytes
 * given back, GST_SEQ_MEMORY_UNKNOWN where nobody knows. @ahead: of a batch that is larger. */
gboolean cuda_mem_guard_trim (GstCudaMemGuard * self, gboolean ahead, guint64 * freed);

/* What is due before @buffer goes downstream, and after batch number @n has come back from there */
void cuda_mem_guard_before_batch (GstCudaMemGuard * self, GstBuffer * buffer);
void cuda_mem_guard_after_batch (GstCudaMemGuard * self, guint64 n);

/* ---- guard-oom.c ---- */

/* Pushes a batch, and gets it through when the consumer runs out of memory. Takes @buffer. */
GstFlowReturn cuda_mem_guard_push (GstCudaMemGuard * self, GstBuffer * buffer);

/* Somebody is out of memory. TRUE when a batch is downstream now, which will be tried again. */
gboolean cuda_mem_guard_report_oom (GstCudaMemGuard * self);

/* Is the context lost? Then an error is posted. */
gboolean cuda_mem_guard_is_lost (GstCudaMemGuard * self);

/* ---- guard-properties.c ---- */

void cuda_mem_guard_install_properties (GObjectClass * klass);
void cuda_mem_guard_init_settings (GuardSettings * settings);

/* ---- guard-actions.c ---- */

void cuda_mem_guard_install_actions (GstElementClass * klass);

G_END_DECLS
