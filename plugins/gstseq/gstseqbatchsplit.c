/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqbatchmeta.h>

#include <string.h>

/* A piece is a batch of its own: rows (or sequences) first … first + n of the whole, in memory of
 * its own, with headers and cu_seqlens that fit. */
typedef struct
{
  const GstSeqBatchMeta *meta;
  guint first, n;
  guint64 first_token, n_tokens;        /* packed: range of tokens that the piece covers */
} Piece;

/* byte range of tensor `t` that the piece takes, and the tensor's new outermost dimension */
static gboolean
piece_tensor_range (const Piece * piece, const GstSeqTensorInfo * t, gsize * skip, gsize * size,
    guint32 * dim0)
{
  gsize row = gst_seq_tensor_type_size (t->type);
  guint64 first = piece->first_token, n = piece->n_tokens;

  if (piece->meta->layout == GST_SEQ_LAYOUT_PADDED) {
    for (guint i = 1; i < t->rank; i++)
      row *= t->dims[i];
    first = piece->first;
    n = piece->n;
  } else if (g_str_equal (t->name, "cu_seqlens")) {
    first = piece->first;
    n = piece->n + 1;
  }
  *skip = first * row;
  *size = n * row;
  *dim0 = n;
  /* a tensor without elements can't be described, so a piece without tokens can't be made */
  return t->rank > 0 && n > 0 && first + n <= t->dims[0];
}

static GstMemory *
piece_copy_tensor (const Piece * piece, GstMemory * whole, GstSeqTensorInfo * info)
{
  GstAllocationParams params = { .align = GST_SEQ_TENSOR_HEADER_SIZE - 1 };
  GstMemory *memory = NULL;
  GstMapInfo in, out;
  gsize skip, size;
  guint32 dim0;

  if (!piece_tensor_range (piece, info, &skip, &size, &dim0))
    return NULL;
  if (!gst_memory_map (whole, &in, GST_MAP_READ))
    return NULL;
  if (info->offset > in.size || skip > in.size - info->offset ||
      size > in.size - info->offset - skip)
    goto out;

  memory = gst_allocator_alloc (NULL, info->offset + size, &params);
  if (!memory || !gst_memory_map (memory, &out, GST_MAP_WRITE)) {
    g_clear_pointer (&memory, gst_memory_unref);
    goto out;
  }
  info->dims[0] = dim0;
  if (info->offset == GST_SEQ_TENSOR_HEADER_SIZE)
    gst_seq_tensor_header_write (out.data, info->type, info->rank, info->dims);
  memcpy (out.data + info->offset, in.data + info->offset + skip, size);
  if (g_str_equal (info->name, "cu_seqlens")) {
    gint32 *cu = (gint32 *) (out.data + info->offset);
    for (guint i = 0; i <= piece->n; i++)
      cu[i] -= (gint32) piece->first_token;
  }
  gst_memory_unmap (memory, &out);
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

/* NULL if a name lies outside the table */
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
  copy = g_malloc (table + names);
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

/**
 * gst_seq_batch_split:
 * @batch: a batch
 * @first: first record of the piece
 * @n_records: records of the piece, at least 1
 * @piece: number of the piece, from 1, which its meta will carry
 *
 * Copies some records of a batch into a batch of their own. The piece keeps layout, row length,
 * batch number and record ids of the whole, so that the results of all pieces, one behind the
 * other, are the result of the whole. Slots that belong to no record (`fixed-total`) are left out.
 *
 * Returns: (transfer full) (nullable): the piece; %NULL if @batch is no batch, has no such records
 *     or can't be mapped, or if the records of a packed batch have no token at all
 */
GstBuffer *
gst_seq_batch_split (GstBuffer * batch, guint first, guint n_records, guint piece)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch), *out;
  Piece part = { meta, first, n_records, 0, 0 };
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  guint32 longest = 0;
  GstBuffer *buffer;
  GBytes *table;

  if (!meta || n_records == 0 || first > meta->n_records || n_records > meta->n_records - first ||
      gst_buffer_n_memory (batch) != meta->n_tensors)
    return NULL;
  for (guint i = 0; i < first; i++)
    part.first_token += meta->records[i].tokens;
  for (guint i = first; i < first + n_records; i++) {
    part.n_tokens += meta->records[i].tokens;
    longest = MAX (longest, meta->records[i].tokens);
  }

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
  out->layout = meta->layout;
  out->batch = meta->batch;
  out->piece = piece;
  out->tokens = part.n_tokens;
  out->slots = meta->layout == GST_SEQ_LAYOUT_PADDED ?
      (guint64) n_records * tensors[0].dims[1] : part.n_tokens;
  out->longest = longest;
  out->n_tensors = meta->n_tensors;
  memcpy (out->tensors, tensors, sizeof tensors);
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET (batch);
  GST_BUFFER_OFFSET_END (buffer) = GST_BUFFER_OFFSET_END (batch);
  return buffer;
}
