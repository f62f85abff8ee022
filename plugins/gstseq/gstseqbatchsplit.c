/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqbatchmeta.h>
#include <gst/seq/gstseqcudamemory.h>

#include <string.h>

#include "batch-plan.h"

/* A piece is a batch of its own: rows (or sequences) first … first + n of the whole, in memory of
 * its own, with headers and cu_seqlens that fit. */
typedef struct
{
  const GstSeqBatchMeta *meta;
  guint first, n;
  guint64 first_token, n_tokens;        /* packed: range of tokens that the piece covers */
  guint32 row_length;           /* padded: L of the piece, 0 = that of the whole */
} Piece;

/* What a piece takes of a tensor: of each row (of a packed batch there is one) the first bytes, or
 * those behind the padding that is not needed any more */
typedef struct
{
  gsize skip;                   /* bytes before the first row */
  gsize stride, take;           /* bytes of a row in the whole, and in the piece */
  guint rows;
} Part;

/* Bytes of what stands at a place of the @outer outermost dimensions: a value, or the vector that
 * the other dimensions make; 0 if there can be none */
static gsize
tensor_token_size (const GstSeqTensorInfo * info, guint outer)
{
  gsize size = gst_seq_tensor_type_size (info->type);

  if (info->rank < outer || info->rank > GST_SEQ_TENSOR_MAX_RANK)
    return 0;
  for (guint d = outer; d < info->rank; d++)
    if (!g_size_checked_mul (&size, size, info->dims[d]))
      return 0;
  return size;
}

static gboolean
padded_tensor_part (const Piece * piece, GstSeqTensorInfo * info, Part * part)
{
  gsize token = tensor_token_size (info, 2), stride, skip;
  guint32 length = piece->row_length > 0 ? piece->row_length : info->dims[1];

  if (token == 0 || length == 0 || length > info->dims[1] || piece->n > info->dims[0] ||
      piece->first > info->dims[0] - piece->n)
    return FALSE;
  if (!g_size_checked_mul (&stride, token, info->dims[1]) ||
      !g_size_checked_mul (&skip, stride, piece->first))
    return FALSE;
  *part = (Part) { skip, stride, length * token, piece->n };
  if (piece->meta->pads_left && !g_size_checked_add (&part->skip, skip, stride - part->take))
    return FALSE;
  info->dims[0] = piece->n;
  info->dims[1] = length;
  return TRUE;
}

static gboolean
packed_tensor_part (const Piece * piece, GstSeqTensorInfo * info, Part * part)
{
  gboolean is_cu = g_str_equal (info->name, "cu_seqlens");
  guint64 first = is_cu ? piece->first : piece->first_token;
  guint64 n = is_cu ? (guint64) piece->n + 1 : piece->n_tokens;
  gsize token = tensor_token_size (info, 1), skip, take;

  /* a tensor without elements can't be described, so a piece without tokens can't be made */
  if (token == 0 || n == 0 || n > info->dims[0] || first > info->dims[0] - n ||
      (is_cu && token != sizeof (gint32)))
    return FALSE;
  if (!g_size_checked_mul (&skip, token, first) || !g_size_checked_mul (&take, token, n))
    return FALSE;
  *part = (Part) { skip, take, take, 1 };
  info->dims[0] = n;
  return TRUE;
}

/* FALSE if the piece can't be made of the tensor; else @info becomes the piece's tensor */
static gboolean
piece_tensor_part (const Piece * piece, GstSeqTensorInfo * info, Part * part)
{
  /* without a header the caps tell the one shape of all batches */
  if (info->offset != GST_SEQ_TENSOR_HEADER_SIZE)
    return FALSE;
  return piece->meta->layout == GST_SEQ_LAYOUT_PADDED ? padded_tensor_part (piece, info, part) :
      packed_tensor_part (piece, info, part);
}

/* Memory of the same kind as @whole, which has @size bytes at least: where the caps say that
 * buffers are in device memory, those of a piece are, too. */
static GstMemory *
piece_new_memory (GstMemory * whole, gsize size)
{
  GstAllocationParams params = { .align = GST_SEQ_TENSOR_HEADER_SIZE - 1 };

  if (gst_is_seq_cuda_memory (whole))
    return gst_memory_copy (whole, 0, size);
  return gst_allocator_alloc (NULL, size, &params);
}

/* Device memory takes what was written to it when it is unmapped, and can't be mapped any more
 * where that failed. */
static gboolean
piece_is_written (GstMemory * memory)
{
  GstMapInfo map;

  if (!gst_is_seq_cuda_memory (memory))
    return TRUE;
  if (!gst_memory_map (memory, &map, GST_MAP_READ))
    return FALSE;
  gst_memory_unmap (memory, &map);
  return TRUE;
}

static GstMemory *
piece_copy_tensor (const Piece * piece, GstMemory * whole, GstSeqTensorInfo * info)
{
  GstMemory *memory = NULL;
  GstMapInfo in, out;
  Part part;
  gsize end;

  if (!piece_tensor_part (piece, info, &part) || !gst_memory_map (whole, &in, GST_MAP_READ))
    return NULL;
  /* the last row may end with what is taken */
  if (!g_size_checked_mul (&end, part.rows - 1, part.stride) ||
      !g_size_checked_add (&end, end, part.take) ||
      !g_size_checked_add (&end, end, part.skip + info->offset) || end > in.size)
    goto out;

  memory = piece_new_memory (whole, info->offset + part.rows * part.take);
  if (!memory || !gst_memory_map (memory, &out, GST_MAP_WRITE)) {
    g_clear_pointer (&memory, gst_memory_unref);
    goto out;
  }
  gst_seq_tensor_header_write (out.data, info->type, info->rank, info->dims);
  for (guint i = 0; i < part.rows; i++)
    memcpy (out.data + info->offset + i * part.take,
        in.data + info->offset + part.skip + i * part.stride, part.take);
  if (g_str_equal (info->name, "cu_seqlens")) {
    gint32 *cu = (gint32 *) (out.data + info->offset);
    for (guint i = 0; i <= piece->n; i++)
      cu[i] -= (gint32) piece->first_token;
  }
  gst_memory_unmap (memory, &out);
  if (!piece_is_written (memory))
    g_clear_pointer (&memory, gst_memory_unref);
out:
  gst_memory_unmap (whole, &in);
  return memory;
}

/* Windows of one record share its name; in a piece, too, or names could pass 4 GiB. */
static gboolean
shares_name (const GstSeqBatchRecord * records, guint i)
{
  return i > 0 && records[i].name == records[i - 1].name &&
      records[i].name_len == records[i - 1].name_len;
}

/* NULL if a name lies outside the table, or there is no memory */
static GBytes *
piece_copy_table (const Piece * piece)
{
  const GstSeqBatchMeta *meta = piece->meta;
  const GstSeqBatchRecord *records = meta->records + piece->first;
  gsize size = g_bytes_get_size (meta->table) - meta->n_records * sizeof (GstSeqBatchRecord);
  gsize table = piece->n * sizeof (GstSeqBatchRecord), names = 0, at = 0;
  GstSeqBatchRecord *copy;
  gchar *out;

  for (guint i = 0; i < piece->n; i++) {
    if (records[i].name > size || records[i].name_len > size - records[i].name)
      return NULL;
    names += shares_name (records, i) ? 0 : records[i].name_len;
  }
  if (names > G_MAXUINT32)
    return NULL;
  copy = g_try_malloc (MAX (table + names, 1));
  if (copy == NULL)
    return NULL;
  memcpy (copy, records, table);
  out = (gchar *) (copy + piece->n);
  for (guint i = 0; i < piece->n; i++) {
    if (shares_name (records, i)) {
      copy[i].name = copy[i - 1].name;
    } else {
      copy[i].name = at;
      memcpy (out + at, meta->names + records[i].name, records[i].name_len);
      at += records[i].name_len;
    }
  }
  return g_bytes_new_take (copy, table + names);
}

/* The records of the piece: their tokens, the longest, and L as the batcher would choose it */
static guint32
piece_measure (Piece * piece)
{
  const GstSeqBatchMeta *meta = piece->meta;
  const SeqBatchLimits limits = {.pad_to_multiple = meta->row_multiple,
    .pad_to = meta->row_minimum
  };
  guint32 longest = 0;

  for (guint i = 0; i < piece->first; i++)
    piece->first_token += meta->records[i].tokens;
  for (guint i = piece->first; i < piece->first + piece->n; i++) {
    piece->n_tokens += meta->records[i].tokens;
    longest = MAX (longest, meta->records[i].tokens);
  }
  if (meta->layout == GST_SEQ_LAYOUT_PADDED && meta->row_multiple > 0)
    piece->row_length = seq_batch_row_length (&limits, longest);
  return longest;
}

static void
piece_fill_meta (const Piece * piece, const GstSeqTensorInfo * tensors, GstSeqBatchMeta * out)
{
  const GstSeqBatchMeta *meta = piece->meta;

  out->layout = meta->layout;
  out->batch = meta->batch;
  out->tokens = piece->n_tokens;
  out->slots = meta->layout == GST_SEQ_LAYOUT_PADDED ?
      (guint64) piece->n * tensors[0].dims[1] : piece->n_tokens;
  out->row_multiple = meta->row_multiple;
  out->row_minimum = meta->row_minimum;
  out->pads_left = meta->pads_left;
  out->n_tensors = meta->n_tensors;
  memcpy (out->tensors, tensors, sizeof out->tensors);
}

/**
 * gst_seq_batch_split:
 * @batch: a batch
 * @first: first record of the piece
 * @n_records: records of the piece, at least 1
 * @piece: number of the piece, from 1, which its meta will carry
 *
 * Copies some records of a batch into a batch of their own. The piece keeps layout, batch number
 * and record ids of the whole, so that the results of all pieces, one behind the other, are the
 * result of the whole. Its tensors are, byte for byte, those that `seqbatch` would have made of
 * these records alone: a padded piece has rows as long as its own longest record needs. (Where
 * `row_multiple` of the meta is 0 they stay as long as they are.) Slots that belong to no record
 * (`fixed-total`) are left out, because a piece as large as the whole would be of no use. A piece
 * of a batch in device memory is in device memory.
 *
 * Static tensors, those without a header, can't be split: their caps tell the one shape that all
 * batches of the stream have.
 *
 * Returns: (transfer full) (nullable): the piece; %NULL if @batch is no batch, has no such records,
 *     has static tensors, can't be mapped or has no room on its device, or if the records of a
 *     packed batch have no token at all
 */
GstBuffer *
gst_seq_batch_split (GstBuffer * batch, guint first, guint n_records, guint piece)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch), *out;
  Piece part = { meta, first, n_records, 0, 0, 0 };
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  GstBuffer *buffer;
  guint32 longest;
  GBytes *table;

  if (!meta || n_records == 0 || first > meta->n_records || n_records > meta->n_records - first ||
      gst_buffer_n_memory (batch) != meta->n_tensors)
    return NULL;
  longest = piece_measure (&part);
  table = piece_copy_table (&part);
  if (!table)
    return NULL;
  buffer = gst_buffer_new ();
  memcpy (tensors, meta->tensors, sizeof tensors);
  for (guint i = 0; i < meta->n_tensors; i++) {
    GstMemory *memory = piece_copy_tensor (&part, gst_buffer_peek_memory (batch, i), &tensors[i]);
    if (!memory) {
      g_bytes_unref (table);
      gst_buffer_unref (buffer);
      return NULL;
    }
    gst_buffer_append_memory (buffer, memory);
  }

  out = gst_buffer_add_seq_batch_meta (buffer, table, n_records);
  g_bytes_unref (table);
  piece_fill_meta (&part, tensors, out);
  out->piece = piece;
  out->longest = longest;
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET (batch);
  GST_BUFFER_OFFSET_END (buffer) = GST_BUFFER_OFFSET_END (batch);
  return buffer;
}
