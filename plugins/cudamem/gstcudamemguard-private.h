/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstcudamemguard.h"
#include "guard-sources.h"
#include "guard-stats.h"

G_BEGIN_DECLS

struct _GstCudaMemGuard
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;
  GuardSources sources;

  /* Under the object's lock, which is never held while anything is called that may call back */
  gint device_id;               /* as set */
  gint device;                  /* as resolved */
  gint interval;
  guint stats_interval;         /* ms */
  gboolean track;
  gboolean expandable_segments;
  GuardStats stats;
};

/* Samples now and keeps the sample. A call from inside a source gets the last one instead, and
 * FALSE. */
gboolean cuda_mem_guard_refresh (GstCudaMemGuard * self, GuardSample * sample);

/* Trims now and posts the message. Returns the bytes given back, 0 where nobody knows. */
guint64 cuda_mem_guard_trim (GstCudaMemGuard * self);

GstStructure *cuda_mem_guard_stats (GstCudaMemGuard * self);

/* guard-actions.c */
void cuda_mem_guard_install_actions (GstElementClass * klass);

G_END_DECLS
