/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/seq.h>

#include "arena.h"
#include "batch-write.h"
#include "gstseqidlework.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_seq_batch_debug);

/* How seqbatch turns planned batches into buffers: tensors and their shapes, caps, memory, meta. */

/* A block of records that rows of waiting batches point into; or a copy of what they need of one. */
typedef struct
{
  SeqBatchSource source;        /* what SeqBatchRow.block points to */
  GstBuffer *buffer;            /* NULL of a copy */
  GstMapInfo map;
  const guint32 *cuts;          /* of a copy, which has a record for each row: the residues of the
                                 * row's record before it */
  guint pending;                /* rows that are not in a finished batch, and 1 while it is read */
} GstSeqBatchBlock;

/* NULL, with `error` set, if the buffer is no valid block. Takes the buffer in any case. */
GstSeqBatchBlock *gst_seq_batch_block_new (GstBuffer * buffer, GError ** error);
void gst_seq_batch_block_release (GstSeqBatchBlock * block);

/* When all rows of the block are in the plan, and those of batches gone: what is left of them gets
 * a copy of what it needs where that is little, so that rows which wait for others keep no more
 * than twice their own bytes, or 64 KiB each. max_body: tokens of a row at most. */
void gst_seq_batch_block_let_go (GstSeqBatchBlock * block, SeqBatchPlan * plan,
    const SeqTokenizer * tokenizer, guint32 max_body);

/* Residues of the row's record before it */
static inline guint32
gst_seq_batch_row_start (const SeqBatchRow * row)
{
  const GstSeqBatchBlock *block = row->block;

  return row->start + (block->cuts ? block->cuts[row->record] : 0);
}

/* Type and shape of the tensors. Fixed rows and slots make every batch of the stream alike. */
typedef struct
{
  gboolean packed;
  gboolean pads_left;           /* padded: padding stands before the tokens of a row */
  SeqDtype dtype;               /* of ids */
  guint channels;               /* of a one-hot tokenizer: tokens are float32 vectors; 0 = ids */
  gboolean mask;                /* padded: attention_mask */
  gboolean positions;           /* packed: position_ids */
  gboolean flexible;            /* a header in front of every tensor */
  guint fixed_rows;             /* rows of every batch, 0 = as many as it has */
  guint64 fixed_slots;          /* packed: tokens of every batch, 0 = as many as it has */
  guint32 row_length;           /* padded: where all batches have the same, else 0 */
  guint row_multiple;           /* padded: of L, and the least L: what pieces of a batch go by */
  guint32 row_minimum;
} GstSeqBatchShape;

GstCaps *gst_seq_batch_shape_caps (const GstSeqBatchShape * shape);

/* Bytes of a batch of so many rows and slots; 0 if there can be none. */
gsize gst_seq_batch_shape_size (const GstSeqBatchShape * shape, guint64 rows, guint64 slots);

/* Where memory comes from, as downstream proposed it; else it is system memory, used again.
 * Streaming thread, but for what the lock guards. */
typedef struct
{
  GMutex lock;
  gboolean flushing;            /* lock */
  GstBufferPool *pool;          /* lock, to change it */
  gsize pool_size;
  GstBufferPool *own_pool;      /* where downstream proposes nothing */
  gsize own_size;               /* bytes that batches get of it, but for much larger and smaller
                                 * ones */
  SeqArenaPool *tables;         /* of metas: with malloc, who frees what another thread has allocated
                                 * waits for that thread */
  SeqArenaPool *jobs;           /* the streaming thread's alone, which waits for nobody */
  GstAllocator *allocator;
  GstAllocationParams params;
} GstSeqBatchMemory;

void gst_seq_batch_memory_init (GstSeqBatchMemory * memory);
void gst_seq_batch_memory_finalize (GstSeqBatchMemory * memory);

/* Any thread: while `flushing`, nobody waits for a buffer of the pool. */
void gst_seq_batch_memory_set_flushing (GstSeqBatchMemory * memory, gboolean flushing);

/* Asks downstream; `srcpad` has its caps already. `max_size`: bytes of the largest usual batch, 0 =
 * unknown; `n_batches` are worked on at a time. `idle_work` (transfer full): set to what of it
 * downstream offers, NULL for none. */
void gst_seq_batch_memory_negotiate (GstSeqBatchMemory * memory, GstPad * srcpad, GstCaps * caps,
    gsize max_size, guint n_batches, SeqIdleWork ** idle_work);
void gst_seq_batch_memory_clear (GstSeqBatchMemory * memory);

/* One batch on its way: prepared by the streaming thread, and all of it written by whoever takes the
 * job. What another processor has written is waited for, so the streaming thread touches as little
 * of it as it can. */
typedef struct
{
  SeqIdleJob job;
  SeqArena *arena;              /* what the job and its rows lie in */
  SeqArenaPool *tables;
  GstSeqBatchShape shape;
  SeqBatchRow *rows;
  guint n_rows;
  guint64 number;
  guint64 tokens;
  guint32 longest;
  gboolean for_workers;         /* of our own; else whoever is idle */
  SeqBatchTarget target;
  SeqBatchResult result;
  gboolean no_memory;           /* for the tensors: nothing is written */
  gboolean is_written;          /* FALSE also where the table of the meta could not be made */
  gsize names;                  /* bytes of the names in it */

  guint n_tensors;
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  gsize offsets[GST_SEQ_BATCH_MAX_TENSORS];     /* of each tensor's memory in `map` */
  gsize sizes[GST_SEQ_BATCH_MAX_TENSORS];
  GstBufferPool *own_pool;      /* where who writes the batch takes `buffer` from, which its thread
                                 * has had before; NULL where the memory is of what downstream
                                 * proposed. Borrowed: no batch is on its way when it changes */
  gsize own_size;
  GstBuffer *buffer;            /* once it is written */
  GstBuffer *pool_buffer;       /* until then, where the memory is not of the own pool: */
  gboolean held;                /* memory stays mapped for as long as the tensors are used */
  GstMemory *memory;
  GstMapInfo map;
} GstSeqBatchJob;

/* Copies the rows, and gets memory where downstream proposed it. NULL, with `ret` set, if there is
 * none: EOS if a pool has no buffer now and `wait` is FALSE, ERROR with `error`, or what else the
 * pool says. */
GstSeqBatchJob *gst_seq_batch_job_new (const GstSeqBatchShape * shape,
    const SeqTokenizer * tokenizer, guint32 max_body, const SeqPlannedBatch * batch,
    GstSeqBatchMemory * memory, gboolean wait, GstFlowReturn * ret, GError ** error);

/* Any thread; sets what the streaming thread reads next: the buffer, or why there is none. */
void gst_seq_batch_job_write (GstSeqBatchJob * job);

/* Releases its rows' blocks, too. */
void gst_seq_batch_job_free (GstSeqBatchJob * job);

/* Bytes of all tensors */
static inline gsize
gst_seq_batch_job_size (const GstSeqBatchJob * job)
{
  return job->offsets[job->n_tensors - 1] + job->sizes[job->n_tensors - 1];
}

static inline guint64
gst_seq_batch_job_slots (const GstSeqBatchJob * job)
{
  const SeqBatchTarget *t = &job->target;

  return t->packed ? t->slots : (guint64) t->n_rows * t->row_length;
}

G_END_DECLS
