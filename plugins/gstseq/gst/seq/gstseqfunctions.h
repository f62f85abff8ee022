/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/gstseqapi.h>

G_BEGIN_DECLS

/* The arithmetic that the elements use, for applications. Sizes are bytes. */

#define GST_SEQ_GIB (G_GUINT64_CONSTANT (1) << 30)

GST_SEQ_API
guint gst_seq_workers (gint n_gpus, gint n_cpus, gint requested);

GST_SEQ_API
guint64 gst_seq_estimate_memory (guint batch_size, guint length, guint64 model_size,
    guint hidden, guint dtype_size);

GST_SEQ_API
guint gst_seq_safe_batch_size (guint64 model_size, guint length, guint64 available,
    gdouble safety);

GST_SEQ_API
gdouble gst_seq_fragmentation (guint64 allocated, guint64 reserved);

GST_SEQ_API
guint gst_seq_suggest_batch_size (guint batch_size, gdouble fragmentation, guint64 free_size,
    const gchar ** reason);

GST_SEQ_API
gboolean gst_seq_should_clear (guint64 batch, gint interval);

GST_SEQ_API
gchar *gst_seq_merge_expandable_segments (const gchar * value);

G_END_DECLS
