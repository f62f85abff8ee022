/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstseqbatchoutput.h"

G_BEGIN_DECLS

/* The batches of seqbatch that are on their way, and who writes them: the streaming thread itself,
 * threads of the element, or one of downstream that would only wait. They come back in the order in
 * which they went in. Streaming thread. */
typedef struct
{
  GQueue jobs;                  /* of GstSeqBatchJob, oldest first */
  SeqWorkers *workers;
  guint n_workers;
  gboolean chosen;              /* somebody said how many */
  SeqIdleWork *idle_work;       /* of downstream; NULL = it does not help */
} GstSeqBatchWork;

void gst_seq_batch_work_init (GstSeqBatchWork * work);

void gst_seq_batch_work_start (GstSeqBatchWork * work, guint n_workers, gboolean chosen);
void gst_seq_batch_work_stop (GstSeqBatchWork * work);

/* Takes it, which may be NULL, while nothing is on its way. Returns whether it is another than
 * before. */
gboolean gst_seq_batch_work_set_idle_work (GstSeqBatchWork * work, SeqIdleWork * idle_work);

/* Batches that may be on their way at a time, of any kind */
guint gst_seq_batch_work_get_max (GstSeqBatchWork * work);

/* Has the batch written. */
void gst_seq_batch_work_add (GstSeqBatchWork * work, GstSeqBatchJob * job);

/* How many of those that are on their way may stay so. */
guint gst_seq_batch_work_get_n_behind (GstSeqBatchWork * work);

/* Waits until the oldest is written, and gives it back. */
GstSeqBatchJob *gst_seq_batch_work_take (GstSeqBatchWork * work);

static inline guint
gst_seq_batch_work_get_n (GstSeqBatchWork * work)
{
  return work->jobs.length;
}

G_END_DECLS
