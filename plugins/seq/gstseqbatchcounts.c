/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqbatchcounts.h"

void
gst_seq_batch_counts_add (GstSeqBatchCounts * self, const GstSeqBatchJob * job)
{
  for (guint i = 0; i < job->n_rows; i++) {
    self->records += job->rows[i].window == 0;
    self->truncated += (job->rows[i].flags & GST_SEQ_BATCH_RECORD_TRUNCATED) != 0;
    self->windows += (job->rows[i].flags & GST_SEQ_BATCH_RECORD_WINDOW) != 0;
  }
  self->batches++;
  self->tokens += job->tokens;
  self->slots += gst_seq_batch_job_slots (job);
  self->unknown += job->result.unknown;
}

void
gst_seq_batch_counts_add_dropped (GstSeqBatchCounts * self, const SeqBatchRow * rows, guint n)
{
  for (guint i = 0; i < n; i++) {
    self->dropped += rows[i].window == 0;
    self->dropped_windows += (rows[i].flags & GST_SEQ_BATCH_RECORD_WINDOW) != 0;
  }
}

GstStructure *
gst_seq_batch_counts_to_stats (const GstSeqBatchCounts * self, const GstSeqBatchBudget * budget,
    guint workers)
{
  gdouble utilisation = self->slots > 0 ? (gdouble) self->tokens / self->slots : 0.0;

  return gst_structure_new ("seq-batch-stats",
      "records", G_TYPE_UINT64, self->records, "batches", G_TYPE_UINT64, self->batches,
      "tokens", G_TYPE_UINT64, self->tokens, "slots", G_TYPE_UINT64, self->slots,
      "utilisation", G_TYPE_DOUBLE, utilisation,
      "padding-waste", G_TYPE_DOUBLE, self->slots > 0 ? 1.0 - utilisation : 0.0,
      "truncated", G_TYPE_UINT64, self->truncated, "windows", G_TYPE_UINT64, self->windows,
      "skipped", G_TYPE_UINT64, self->skipped, "dropped", G_TYPE_UINT64, self->dropped,
      "dropped-windows", G_TYPE_UINT64, self->dropped_windows,
      "unknown", G_TYPE_UINT64, self->unknown, "workers", G_TYPE_UINT, workers,
      "budget-tokens", G_TYPE_UINT64, budget->max_tokens,
      "budget-records", G_TYPE_UINT, budget->max_records, NULL);
}
