/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/seq.h>

G_BEGIN_DECLS

/* A pool of batches in system memory: buffers with a memory for each tensor, and all of these in one
 * arena. What another thread frees costs that thread and the next that allocates it some hundred
 * nanoseconds for each object, so that the dozen that make up a batch are as much work as its
 * tokens. They stay together here. Unlike GstBufferPool's own, the buffers have any size. A buffer
 * that somebody has changed, or whose memory is used elsewhere when it comes back, is not used
 * again; its arena is, when the last of its memories goes. */

#define GST_TYPE_SEQ_BATCH_POOL (gst_seq_batch_pool_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqBatchPool, gst_seq_batch_pool, GST, SEQ_BATCH_POOL, GstBufferPool)

/* Active. `max_free`: bytes that are kept for reuse at most. */
GstBufferPool *gst_seq_batch_pool_new (gsize max_free);

/* A buffer with `n_tensors` memories, the same number each time, and, at *data, aligned to
 * SEQ_ARENA_ALIGNMENT, `size` bytes for them. NULL when the system has no memory. Any thread. */
GstBuffer *gst_seq_batch_pool_acquire (GstBufferPool * pool, gsize size, guint n_tensors,
    guint8 ** data);

/* Says where in these bytes the memories are, and what is in them; as
 * gst_buffer_add_seq_batch_meta. */
GstSeqBatchMeta *gst_seq_batch_pool_finish (GstBuffer * buffer, const gsize * offsets,
    const gsize * sizes, GBytes * table, guint n_records);

G_END_DECLS
