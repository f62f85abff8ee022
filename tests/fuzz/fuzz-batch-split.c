/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Batches as they come back from other elements: whatever their meta says of tensors that are
 * smaller than that, or not there, nothing behind a tensor's end is read, and a piece that a batch
 * was split into is a batch that describes itself rightly. */

#include <gst/seq/seq.h>

#include "fuzz.h"

#define MAX_RECORDS 8

static GBytes *
take_table (FuzzInput * in, guint n, guint64 * tokens)
{
  gsize names = fuzz_take_byte (in), size = n * sizeof (GstSeqBatchRecord) + names;
  GstSeqBatchRecord *records = g_malloc0 (MAX (size, 1));

  for (guint i = 0; i < n; i++) {
    records[i].id = i;
    records[i].tokens = fuzz_take_byte (in);
    records[i].name = fuzz_take_u16 (in);
    records[i].name_len = fuzz_take_byte (in);
    *tokens += records[i].tokens;
  }
  return g_bytes_new_take (records, size);
}

static void
take_tensor (FuzzInput * in, GstBuffer * batch, GstSeqTensorInfo * info)
{
  static const gchar *const names[] =
      { "input_ids", "attention_mask", "cu_seqlens", "position_ids" };
  gsize size = fuzz_take_u16 (in) % 2048;
  guint shift = fuzz_choose (in, 4) * 8;
  guint8 *data = g_malloc0 (MAX (size, 1));

  info->name = names[fuzz_choose (in, G_N_ELEMENTS (names))];
  info->type = fuzz_choose (in, GST_SEQ_TENSOR_FLOAT16 + 2);
  info->rank = fuzz_choose (in, GST_SEQ_TENSOR_MAX_RANK + 1);
  for (guint d = 0; d < GST_SEQ_TENSOR_MAX_RANK; d++)
    info->dims[d] = (guint32) fuzz_take_byte (in) << shift;
  info->offset = fuzz_choose (in, 4) > 0 ? GST_SEQ_TENSOR_HEADER_SIZE : fuzz_take_u16 (in);
  gst_buffer_append_memory (batch, gst_memory_new_wrapped (0, data, size, 0, size, data, g_free));
}

static GstBuffer *
take_batch (FuzzInput * in)
{
  GstBuffer *batch = gst_buffer_new ();
  guint n = fuzz_choose (in, MAX_RECORDS + 1);
  guint64 tokens = 0;
  GBytes *table = take_table (in, n, &tokens);
  GstSeqBatchMeta *meta = gst_buffer_add_seq_batch_meta (batch, table, n);

  g_bytes_unref (table);
  meta->tokens = tokens;
  meta->layout = fuzz_choose (in, GST_SEQ_LAYOUT_PACKED + 1);
  meta->row_multiple = fuzz_take_byte (in);
  meta->row_minimum = fuzz_take_byte (in);
  meta->n_tensors = fuzz_choose (in, GST_SEQ_BATCH_MAX_TENSORS + 1);
  for (guint i = 0; i < meta->n_tensors; i++)
    take_tensor (in, batch, &meta->tensors[i]);
  if (fuzz_choose (in, 16) == 1)
    gst_buffer_remove_all_memory (batch);
  return batch;
}

static void
read_all (GstBuffer * batch)
{
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  GstSeqTensorType type;
  guint rank;

  for (guint i = 0; i <= gst_seq_batch_get_n_records (batch); i++)
    g_free (gst_seq_batch_dup_name (batch, i));
  for (guint i = 0; i <= gst_seq_batch_get_n_tensors (batch); i++) {
    GBytes *data = gst_seq_batch_get_tensor_data (batch, i, &type, &rank, dims);

    if (data != NULL && g_bytes_get_size (data) > 0)    /* a sanitizer sees it where it is not there */
      g_free (g_memdup2 (g_bytes_get_data (data, NULL), g_bytes_get_size (data)));
    g_clear_pointer (&data, g_bytes_unref);
  }
}

/* Every tensor of a piece is as large as its header and its meta say. */
static void
check_piece (GstBuffer * piece, guint n)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (piece);

  g_assert_cmpuint (meta->n_records, ==, n);
  g_assert_cmpuint (gst_buffer_n_memory (piece), ==, meta->n_tensors);
  for (guint i = 0; i < meta->n_tensors; i++) {
    const GstSeqTensorInfo *info = &meta->tensors[i];
    gsize size = gst_memory_get_sizes (gst_buffer_peek_memory (piece, i), NULL, NULL);
    gsize expected = gst_seq_tensor_type_size (info->type);

    for (guint d = 0; d < info->rank; d++)
      expected *= info->dims[d];
    g_assert_cmpuint (size, ==, info->offset + expected);
  }
  read_all (piece);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  guint first, n;
  GstBuffer *batch, *piece;

  gst_init (NULL, NULL);
  first = fuzz_choose (&in, MAX_RECORDS + 2);
  n = fuzz_choose (&in, MAX_RECORDS + 2);
  batch = take_batch (&in);
  read_all (batch);
  piece = gst_seq_batch_split (batch, first, n, 1);
  if (piece != NULL)
    check_piece (piece, n);
  gst_clear_buffer (&piece);
  gst_buffer_unref (batch);
  return 0;
}
