/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/gstseqapi.h>

G_BEGIN_DECLS

/* A batch is a buffer of `other/tensors`, NNStreamer's media type. Each tensor is one GstMemory.
 * With format=flexible every memory starts with the 128-byte header that NNStreamer defines
 * (nnstreamer/gst/nnstreamer/include/tensor_typedef.h, GstTensorMetaInfo version 1); with
 * format=static there is no header and the caps carry type and dimensions. */
#define GST_SEQ_TENSORS_MEDIA_TYPE "other/tensors"
#define GST_SEQ_TENSOR_HEADER_SIZE 128
#define GST_SEQ_TENSOR_MAX_RANK 4
#define GST_SEQ_BATCH_MAX_TENSORS 3

/* Fields that a source of buffers may add to its ALLOCATION query, so that memory can be had ahead:
 * the bytes of its largest buffers (guint64), and how many it works on at a time (guint). */
#define GST_SEQ_ALLOCATION_SIZE "max-size"
#define GST_SEQ_ALLOCATION_BUFFERS "buffers"

/**
 * GstSeqTensorType:
 *
 * Element types, with the numbers that NNStreamer uses in its header.
 */
typedef enum
{
  GST_SEQ_TENSOR_INT32 = 0,
  GST_SEQ_TENSOR_UINT32 = 1,
  GST_SEQ_TENSOR_INT16 = 2,
  GST_SEQ_TENSOR_UINT16 = 3,
  GST_SEQ_TENSOR_INT8 = 4,
  GST_SEQ_TENSOR_UINT8 = 5,
  GST_SEQ_TENSOR_FLOAT64 = 6,
  GST_SEQ_TENSOR_FLOAT32 = 7,
  GST_SEQ_TENSOR_INT64 = 8,
  GST_SEQ_TENSOR_UINT64 = 9,
  GST_SEQ_TENSOR_FLOAT16 = 10,
} GstSeqTensorType;

/**
 * GstSeqLayout:
 * @GST_SEQ_LAYOUT_PADDED: `input_ids` [B][L], each record a row filled up with padding
 * @GST_SEQ_LAYOUT_PACKED: `input_ids` [T], records one behind the other, with `cu_seqlens`
 *
 * How the records of a batch lie in its tensors. With a one-hot tokenizer the first one is `inputs`
 * instead, with one dimension more: a token is a vector of float32, padding is zeros.
 */
typedef enum
{
  GST_SEQ_LAYOUT_PADDED,
  GST_SEQ_LAYOUT_PACKED,
} GstSeqLayout;

/**
 * GstSeqBatchRecordFlags:
 * @GST_SEQ_BATCH_RECORD_TRUNCATED: the record was longer than `max-length` and was cut
 * @GST_SEQ_BATCH_RECORD_WINDOW: the row is one window of a longer record
 */
typedef enum
{
  GST_SEQ_BATCH_RECORD_TRUNCATED = 1 << 0,
  GST_SEQ_BATCH_RECORD_WINDOW = 1 << 1,
} GstSeqBatchRecordFlags;

typedef struct _GstSeqTensorInfo GstSeqTensorInfo;
typedef struct _GstSeqBatchRecord GstSeqBatchRecord;
typedef struct _GstSeqBatchMeta GstSeqBatchMeta;

/**
 * GstSeqTensorInfo:
 * @name: `input_ids` or `inputs`, `attention_mask`, `cu_seqlens` or `position_ids`
 * @type: type of the elements
 * @rank: number of dimensions
 * @dims: dimensions, outermost first (as in C and PyTorch)
 * @offset: bytes from the start of the tensor's GstMemory to its data: 128 or 0
 */
struct _GstSeqTensorInfo
{
  const gchar *name;
  GstSeqTensorType type;
  guint rank;
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  gsize offset;
};

/**
 * GstSeqBatchRecord:
 * @id: id of the record (the same for all windows of one record)
 * @tokens: real tokens of this row, specials counted
 * @flags: #GstSeqBatchRecordFlags
 * @window: number of the window in its record, 0 for the first or only one
 * @start: first residue that the row covers
 * @name: offset of the name behind the table of records
 * @name_len: bytes of the name
 */
struct _GstSeqBatchRecord
{
  guint64 id;
  guint32 tokens;
  guint32 flags;
  guint32 window;
  guint32 start;
  guint32 name;
  guint32 name_len;
};

/**
 * GstSeqBatchMeta:
 * @meta: parent #GstMeta
 * @layout: how the records lie in the tensors
 * @batch: number of the batch in its stream, from 0
 * @piece: 0 for a whole batch; else the number, from 1, of this piece of the split batch @batch
 * @n_records: rows of a padded batch, sequences of a packed one
 * @tokens: real tokens, without padding
 * @slots: tokens that have room: B x L, or T
 * @longest: most tokens of a record
 * @row_multiple: padded: L is a multiple of this; 0 = L is what it is, for pieces, too
 * @row_minimum: padded: L is this at least (`pad-to`), 0 = as the longest record needs
 * @pads_left: padded: padding stands before the tokens of a row, as some causal models want it
 * @n_tensors: number of tensors, the first of which is always `input_ids` or `inputs`
 * @tensors: what the tensors are, in the order of the buffer's memories
 * @records: (array length=n_records): the records. Read-only, shared between copies
 * @names: bytes that the names of @records point into
 * @table: what keeps @records and @names alive
 *
 * Describes a batch. The meta has no tags, so it survives elements that make a new buffer out of
 * the tensors (NNStreamer's tensor_filter), and goes with copies of the whole buffer only.
 */
struct _GstSeqBatchMeta
{
  GstMeta meta;

  GstSeqLayout layout;
  guint64 batch;
  guint piece;
  guint n_records;
  guint64 tokens;
  guint64 slots;
  guint32 longest;
  guint row_multiple;
  guint32 row_minimum;
  gboolean pads_left;
  guint n_tensors;
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  const GstSeqBatchRecord *records;
  const gchar *names;
  GBytes *table;
};

GST_SEQ_API
GType gst_seq_batch_meta_api_get_type (void);
#define GST_SEQ_BATCH_META_API_TYPE (gst_seq_batch_meta_api_get_type ())

GST_SEQ_API
const GstMetaInfo *gst_seq_batch_meta_get_info (void);
#define GST_SEQ_BATCH_META_INFO (gst_seq_batch_meta_get_info ())

GST_SEQ_API
GstSeqBatchMeta *gst_buffer_add_seq_batch_meta (GstBuffer * buffer, GBytes * table,
    guint n_records);

GST_SEQ_API
GstSeqBatchMeta *gst_buffer_get_seq_batch_meta (GstBuffer * buffer);

GST_SEQ_API
gsize gst_seq_tensor_type_size (GstSeqTensorType type);

GST_SEQ_API
const gchar *gst_seq_tensor_type_name (GstSeqTensorType type);

GST_SEQ_API
gboolean gst_seq_tensor_header_write (guint8 * header, GstSeqTensorType type, guint rank,
    const guint32 * dims);

/* For bindings and applications. */

GST_SEQ_API
gdouble gst_seq_batch_get_utilisation (GstBuffer * batch);

GST_SEQ_API
guint gst_seq_batch_get_n_records (GstBuffer * batch);

GST_SEQ_API
gboolean gst_seq_batch_get_record (GstBuffer * batch, guint index, guint64 * id,
    guint32 * tokens, guint32 * flags, guint32 * window);

GST_SEQ_API
gchar *gst_seq_batch_dup_name (GstBuffer * batch, guint index);

GST_SEQ_API
GBytes *gst_seq_batch_get_name_bytes (GstBuffer * batch, guint index);

GST_SEQ_API
guint gst_seq_batch_get_n_tensors (GstBuffer * batch);

GST_SEQ_API
const gchar *gst_seq_batch_get_tensor_name (GstBuffer * batch, guint index);

GST_SEQ_API
gboolean gst_seq_batch_get_tensor_shape (GstBuffer * batch, guint index, GstSeqTensorType * type,
    guint * rank, guint32 dims[GST_SEQ_TENSOR_MAX_RANK], gsize * offset);

GST_SEQ_API
GBytes *gst_seq_batch_get_tensor_data (GstBuffer * batch, guint index, GstSeqTensorType * type,
    guint * rank, guint32 dims[GST_SEQ_TENSOR_MAX_RANK]);

GST_SEQ_API
GstBuffer *gst_seq_batch_split (GstBuffer * batch, guint first, guint n_records, guint piece);

G_END_DECLS
