/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/seq.h>

#include "gstseqbatchoutput.h"
#include "gstseqbatchsettings.h"

G_BEGIN_DECLS

/* What a batcher has counted so far. A record is counted with its first window, so one whose
 * windows are in several batches once. */
typedef struct
{
  guint64 records, batches, tokens, slots;
  guint64 truncated, windows, skipped, dropped, dropped_windows, unknown;
} GstSeqBatchCounts;

/* A batch that is written */
void gst_seq_batch_counts_add (GstSeqBatchCounts * self, const GstSeqBatchJob * job);

/* Rows that are in no batch */
void gst_seq_batch_counts_add_dropped (GstSeqBatchCounts * self, const SeqBatchRow * rows, guint n);

/* The structure `seq-batch-stats` */
GstStructure *gst_seq_batch_counts_to_stats (const GstSeqBatchCounts * self,
    const GstSeqBatchBudget * budget, guint workers);

G_END_DECLS
