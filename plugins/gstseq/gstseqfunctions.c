/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqfunctions.h>

#include "expandable-segments.h"
#include "memory-model.h"

#define GST_CAT_DEFAULT functions_debug ()

/* These functions need no object and no gst_init(), so the category is made when first used. */
static GstDebugCategory *
functions_debug (void)
{
  static gsize category = 0;

  if (g_once_init_enter (&category)) {
    GstDebugCategory *made = NULL;

    GST_DEBUG_CATEGORY_INIT (made, "seqfunctions", 0, "Memory arithmetic of gst-seq");
    /* NULL where GStreamer was built without its debug log */
    g_once_init_leave (&category, made != NULL ? (gsize) made : 1);
  }
  return category != 1 ? (GstDebugCategory *) category : NULL;
}

/**
 * gst_seq_workers:
 * @n_gpus: number of GPUs that are fed at the same time; 0 or less counts as 1
 * @n_cpus: number of processors to share out; 0 or less: those that this process may use
 * @requested: number of workers that the user asked for, 0 = no thread of its own, or -1 = auto
 *
 * The number of worker threads: @requested where it is not negative, else @n_cpus / @n_gpus, at
 * least 1 and at most 8. The outcome is logged at INFO level.
 *
 * Returns: the number of workers
 */
guint
gst_seq_workers (gint n_gpus, gint n_cpus, gint requested)
{
  guint workers = seq_memory_workers (n_gpus, n_cpus, requested);

  GST_INFO ("%u workers (%d GPUs, %d processors, %d requested)", workers, n_gpus, n_cpus,
      requested);
  return workers;
}

/**
 * gst_seq_estimate_memory:
 * @batch_size: sequences in a batch
 * @length: tokens of the longest sequence, to which the others are padded
 * @model_size: bytes of the model
 * @hidden: hidden size of the model, 768 for many
 * @dtype_size: bytes of a value, 2 or 4 as a rule
 *
 * Estimates the device memory for a batch: @model_size + @batch_size × @length × @hidden ×
 * @dtype_size × 4.
 *
 * Returns: the estimate in bytes, %G_MAXUINT64 where it is larger than that
 */
guint64
gst_seq_estimate_memory (guint batch_size, guint length, guint64 model_size, guint hidden,
    guint dtype_size)
{
  return seq_memory_estimate (batch_size, length, model_size, hidden, dtype_size);
}

/**
 * gst_seq_safe_batch_size:
 * @model_size: bytes of the model
 * @length: tokens of the longest sequence, at least 1
 * @available: bytes of device memory for model and batch
 * @safety: fraction of what the model leaves that may be used, 0.8 as a rule
 *
 * The largest batch that fits, for a hidden size of 768 and 2 bytes a value (see
 * gst_seq_estimate_memory()). It is at least 1, also where nothing is left.
 *
 * Returns: the number of sequences, or 0 where @length is 0, which is an error
 */
guint
gst_seq_safe_batch_size (guint64 model_size, guint length, guint64 available, gdouble safety)
{
  return seq_memory_safe_batch_size (model_size, length, available, safety);
}

/**
 * gst_seq_fragmentation:
 * @allocated: bytes in use
 * @reserved: bytes that the allocator holds
 *
 * Returns: the fraction of @reserved that is not in use, from 0 to 1; 0 when nothing is reserved
 */
gdouble
gst_seq_fragmentation (guint64 allocated, guint64 reserved)
{
  return seq_memory_fragmentation (allocated, reserved);
}

/**
 * gst_seq_suggest_batch_size:
 * @batch_size: sequences in a batch now
 * @fragmentation: see gst_seq_fragmentation()
 * @free_size: free bytes on the device
 * @reason: (out) (optional) (transfer none): why, for people to read
 *
 * Suggests a fifth less (at least 1) above 30 % fragmentation, a fifth more (at least one more)
 * below 10 % with more than 2 GiB free, and else the same.
 *
 * Returns: the suggested number of sequences in a batch
 */
guint
gst_seq_suggest_batch_size (guint batch_size, gdouble fragmentation, guint64 free_size,
    const gchar ** reason)
{
  return seq_memory_suggest_batch_size (batch_size, fragmentation, free_size, reason);
}

/**
 * gst_seq_should_clear:
 * @batch: number of the batch, counted from 1
 * @interval: batches from one clearing to the next; 0 or less = never
 *
 * Returns: whether caches are to be cleared after this batch, so first at batch @interval
 */
gboolean
gst_seq_should_clear (guint64 batch, gint interval)
{
  return seq_memory_should_clear (batch, interval);
}

/**
 * gst_seq_merge_expandable_segments:
 * @value: (nullable): value of `PYTORCH_CUDA_ALLOC_CONF`; %NULL and "" = not set
 *
 * Adds `expandable_segments:True` to a list of settings of torch's allocator, unless that key is
 * there already, with whatever value. The environment is neither read nor changed.
 *
 * Returns: (transfer full): the merged value
 */
gchar *
gst_seq_merge_expandable_segments (const gchar * value)
{
  return seq_expandable_segments_merge (value);
}
