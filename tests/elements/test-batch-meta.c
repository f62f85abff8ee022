/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The batch meta of gstseq: header, copies, access, and splitting. */

#include "seqbatch-batches.h"

static GstBuffer *
one_batch (const gchar * properties, const gchar * sink_caps, const gchar * list)
{
  GstHarness *h = harness_new_full (properties, sink_caps);
  GstBuffer *batch;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  push_eos (h);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 1);
  batch = gst_harness_pull (h);
  harness_free (h);
  return batch;
}

/* ---- header ---- */

static void
test_header (void)
{
  static const guint32 dims[4] = { 2, 3, 5, 7 };
  static const guint32 zero[4] = { 2, 0, 5, 7 };
  guint32 expected[32] = { 0 }, words[32];

  for (guint type = GST_SEQ_TENSOR_INT32; type <= GST_SEQ_TENSOR_FLOAT16; type++) {
    for (guint rank = 1; rank <= GST_SEQ_TENSOR_MAX_RANK; rank++) {
      memset (words, 0xa5, sizeof words);
      memset (expected, 0, sizeof expected);
      expected[0] = 0xfeedcced;
      expected[1] = 0xde001000;
      expected[2] = type;
      for (guint d = 0; d < rank; d++)
        expected[3 + d] = dims[rank - 1 - d];
      expected[19] = 1;
      expected[20] = 4;
      g_assert_true (gst_seq_tensor_header_write ((guint8 *) words, type, rank, dims));
      g_assert_cmpmem (words, 128, expected, 128);
    }
  }
  g_assert_false (gst_seq_tensor_header_write ((guint8 *) words, GST_SEQ_TENSOR_INT32, 0, dims));
  g_assert_false (gst_seq_tensor_header_write ((guint8 *) words, GST_SEQ_TENSOR_INT32, 5, dims));
  g_assert_false (gst_seq_tensor_header_write ((guint8 *) words, GST_SEQ_TENSOR_INT32, 2, zero));
  g_assert_false (gst_seq_tensor_header_write ((guint8 *) words, 11, 2, dims));
}

static void
test_types (void)
{
  static const struct
  {
    GstSeqTensorType type;
    const gchar *name;
    gsize size;
  } rows[] = {
    {0, "int32", 4}, {1, "uint32", 4}, {2, "int16", 2}, {3, "uint16", 2}, {4, "int8", 1},
    {5, "uint8", 1}, {6, "float64", 8}, {7, "float32", 4}, {8, "int64", 8}, {9, "uint64", 8},
    {10, "float16", 2}, {11, NULL, 0}, {-1, NULL, 0}
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_assert_cmpstr (gst_seq_tensor_type_name (rows[i].type), ==, rows[i].name);
    g_assert_cmpuint (gst_seq_tensor_type_size (rows[i].type), ==, rows[i].size);
  }
}

/* ---- copies and access ---- */

static void
test_copies (void)
{
  GstBuffer *batch = one_batch ("", NULL, "MKT,A"), *copy, *part;
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  g_autofree gchar *name = NULL;

  copy = gst_buffer_copy (batch);
  g_assert_true (gst_buffer_get_seq_batch_meta (copy)->records == meta->records);
  gst_buffer_unref (copy);
  copy = gst_buffer_copy_deep (batch);
  g_assert_cmpuint (gst_seq_batch_get_n_records (copy), ==, 2);
  part = gst_buffer_copy_region (batch, GST_BUFFER_COPY_ALL, 0, 128);
  g_assert_null (gst_buffer_get_seq_batch_meta (part));
  g_assert_cmpuint (gst_seq_batch_get_n_records (part), ==, 0);
  gst_buffer_unref (part);

  /* the copy is whole without the original, and it can be made writable */
  gst_buffer_unref (batch);
  copy = gst_buffer_make_writable (copy);
  assert_tensor (copy, 0, "input_ids", "0 20 15 11 2 0 5 2 1 1");
  name = gst_seq_batch_dup_name (copy, 1);
  g_assert_cmpstr (name, ==, "r1");
  gst_buffer_unref (copy);
}

static void
test_access (void)
{
  GstBuffer *batch = one_batch ("", NULL, "MKT,A"), *none = gst_buffer_new ();
  guint64 id = 7;
  guint32 tokens = 7, flags = 7, window = 7;
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  GstSeqTensorType type;
  guint rank;
  gsize offset;
  g_autoptr (GBytes) bytes = NULL;

  g_assert_false (gst_seq_batch_get_record (batch, 2, &id, &tokens, &flags, &window));
  g_assert_cmpuint (id + tokens + flags + window, ==, 0);
  g_assert_true (gst_seq_batch_get_record (batch, 1, NULL, NULL, NULL, NULL));
  g_assert_null (gst_seq_batch_dup_name (batch, 2));
  g_assert_null (gst_seq_batch_get_tensor_name (batch, 2));
  g_assert_null (gst_seq_batch_get_tensor_data (batch, 2, NULL, NULL, NULL));
  g_assert_true (gst_seq_batch_get_tensor_shape (batch, 0, &type, &rank, dims, &offset));
  g_assert_cmpint (type, ==, GST_SEQ_TENSOR_INT64);
  g_assert_cmpuint (rank, ==, 2);
  g_assert_cmpuint (dims[0], ==, 2);
  g_assert_cmpuint (dims[1], ==, 5);
  g_assert_cmpuint (offset, ==, GST_SEQ_TENSOR_HEADER_SIZE);
  g_assert_true (gst_seq_batch_get_tensor_shape (batch, 1, NULL, NULL, NULL, NULL));
  g_assert_false (gst_seq_batch_get_tensor_shape (batch, 2, &type, NULL, NULL, NULL));

  g_assert_false (gst_seq_batch_get_record (none, 0, NULL, NULL, NULL, NULL));
  g_assert_null (gst_seq_batch_dup_name (none, 0));
  g_assert_cmpuint (gst_seq_batch_get_n_records (none), ==, 0);
  g_assert_cmpuint (gst_seq_batch_get_n_tensors (none), ==, 0);
  g_assert_cmpfloat (gst_seq_batch_get_utilisation (none), ==, 0.0);
  g_assert_null (gst_seq_batch_get_tensor_name (none, 0));
  g_assert_null (gst_seq_batch_get_tensor_data (none, 0, NULL, NULL, NULL));
  g_assert_false (gst_seq_batch_get_tensor_shape (none, 0, NULL, NULL, NULL, NULL));
  g_assert_null (gst_seq_batch_split (none, 0, 1, 1));
  gst_buffer_unref (none);

  /* data outlives the buffer */
  bytes = gst_seq_batch_get_tensor_data (batch, 0, NULL, NULL, NULL);
  gst_buffer_unref (batch);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 80);
  g_assert_cmpint (((const gint64 *) g_bytes_get_data (bytes, NULL))[1], ==, 20);
}

/* A table whose names point nowhere is not followed. */
static GstBuffer *
batch_with_bad_names (void)
{
  GstBuffer *batch = one_batch ("", NULL, "MKT,A"), *bad;
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  GstSeqBatchRecord records[2] = { meta->records[0], meta->records[1] };
  GBytes *table;
  GstSeqBatchMeta *copy;

  records[1].name = 1u << 30;
  table = g_bytes_new (records, sizeof records);
  bad = gst_buffer_new ();
  for (guint i = 0; i < 2; i++)
    gst_buffer_append_memory (bad, gst_buffer_get_memory (batch, i));
  copy = gst_buffer_add_seq_batch_meta (bad, table, 2);
  g_bytes_unref (table);
  copy->layout = meta->layout;
  copy->n_tensors = meta->n_tensors;
  memcpy (copy->tensors, meta->tensors, sizeof copy->tensors);
  gst_buffer_unref (batch);
  return bad;
}

static void
test_bad_names (void)
{
  GstBuffer *bad = batch_with_bad_names ();

  g_assert_null (gst_seq_batch_dup_name (bad, 1));
  g_assert_null (gst_seq_batch_split (bad, 0, 2, 1));
  gst_buffer_unref (bad);
}

/* ---- splitting ---- */

/* What the tokens of rows `first` to `first` + `n` of a tensor say, as text, without padding. */
static gchar *
rows_text (GstBuffer * batch, guint index, guint first, guint n)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  const GstSeqTensorInfo *info = &meta->tensors[index];
  g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batch, index, NULL, NULL, NULL);
  GString *s = g_string_new (NULL);
  gsize at = 0;

  for (guint i = 0; i < first + n; i++) {
    guint tokens = meta->records[i].tokens;

    for (guint k = 0; i >= first && k < tokens; k++)
      g_string_append_printf (s, " %" G_GINT64_FORMAT,
          value_at (info->type, g_bytes_get_data (bytes, NULL), at + k));
    at += meta->layout == GST_SEQ_LAYOUT_PADDED ? info->dims[1] : tokens;
  }
  return g_string_free (s, FALSE);
}

static void
check_piece (GstBuffer * whole, guint first, guint n, guint number)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (whole), *out;
  GstBuffer *piece = gst_seq_batch_split (whole, first, n, number);

  g_assert_nonnull (piece);
  out = gst_buffer_get_seq_batch_meta (piece);
  g_assert_cmpuint (out->piece, ==, number);
  g_assert_cmpuint (out->batch, ==, meta->batch);
  g_assert_cmpuint (out->n_records, ==, n);
  g_assert_cmpuint (out->n_tensors, ==, meta->n_tensors);
  for (guint t = 0; t < meta->n_tensors; t++) {
    g_assert_cmpstr (out->tensors[t].name, ==, meta->tensors[t].name);
    if (!g_str_equal (meta->tensors[t].name, "cu_seqlens")) {
      g_autofree gchar *expected = rows_text (whole, t, first, n);
      g_autofree gchar *got = rows_text (piece, t, 0, n);

      g_assert_cmpstr (got, ==, expected);
    }
  }
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *expected = gst_seq_batch_dup_name (whole, first + i);
    g_autofree gchar *got = gst_seq_batch_dup_name (piece, i);

    g_assert_cmpstr (got, ==, expected);
    g_assert_cmpuint (out->records[i].id, ==, meta->records[first + i].id);
    g_assert_cmpuint (out->records[i].window, ==, meta->records[first + i].window);
    g_assert_cmpuint (out->records[i].start, ==, meta->records[first + i].start);
    g_assert_cmpuint (out->records[i].flags, ==, meta->records[first + i].flags);
  }
  /* for the rest it is a batch like any other */
  ((GstSeqBatchMeta *) out)->piece = 0;
  check_batch (piece);
  gst_buffer_unref (piece);
}

static void
check_split (const gchar * properties, const gchar * sink_caps)
{
  GstBuffer *whole = one_batch (properties, sink_caps, "MKTAYI,,A,MKTAYIAKQR,GG,C");
  guint n = gst_seq_batch_get_n_records (whole);

  g_assert_cmpuint (n, >=, 6);
  for (guint size = 1; size <= n; size++)       /* single records, halves, thirds, the whole */
    for (guint first = 0, number = 1; first < n; first += size)
      check_piece (whole, first, MIN (size, n - first), number++);
  g_assert_null (gst_seq_batch_split (whole, 0, 0, 1));
  g_assert_null (gst_seq_batch_split (whole, 0, n + 1, 1));
  g_assert_null (gst_seq_batch_split (whole, n, 1, 1));
  g_assert_null (gst_seq_batch_split (whole, 1, n, 1));
  g_assert_null (gst_seq_batch_split (whole, G_MAXUINT, 2, 1));
  g_assert_null (gst_seq_batch_split (whole, 2, G_MAXUINT, 1));
  gst_buffer_unref (whole);
}

#define ANY_STATIC "other/tensors,format=static"

static void
test_split (void)
{
  check_split ("", NULL);
  check_split ("mask=false dtype=uint8 pad-to-multiple=8", NULL);
  check_split ("pad-to=14", NULL);
  check_split ("max-length=5 overlong=window stride=2", NULL);
  check_split ("layout=packed window=0", NULL);
  check_split ("layout=packed positions=true dtype=int16", NULL);
  check_split ("layout=packed positions=true max-length=6 overlong=window", NULL);
  check_split ("layout=packed positions=true fixed-total=true max-tokens=64 batch-size=8", NULL);
}

/* Tensors and table, byte for byte */
static void
assert_same_batch (GstBuffer * a, GstBuffer * b)
{
  const GstSeqBatchMeta *m = gst_buffer_get_seq_batch_meta (a);
  const GstSeqBatchMeta *n = gst_buffer_get_seq_batch_meta (b);
  GstMapInfo x, y;

  g_assert_cmpuint (m->n_records, ==, n->n_records);
  g_assert_cmpuint (m->tokens, ==, n->tokens);
  g_assert_cmpuint (m->slots, ==, n->slots);
  g_assert_cmpuint (m->longest, ==, n->longest);
  g_assert_cmpuint (m->row_multiple, ==, n->row_multiple);
  g_assert_cmpuint (m->row_minimum, ==, n->row_minimum);
  g_assert_cmpint (m->pads_left, ==, n->pads_left);
  g_assert_cmpuint (m->n_tensors, ==, n->n_tensors);
  g_assert_true (g_bytes_equal (m->table, n->table));
  for (guint i = 0; i < m->n_tensors; i++) {
    g_assert_true (gst_memory_map (gst_buffer_peek_memory (a, i), &x, GST_MAP_READ));
    g_assert_true (gst_memory_map (gst_buffer_peek_memory (b, i), &y, GST_MAP_READ));
    g_assert_cmpmem (x.data, x.size, y.data, y.size);
    gst_memory_unmap (gst_buffer_peek_memory (a, i), &x);
    gst_memory_unmap (gst_buffer_peek_memory (b, i), &y);
  }
}

/* A piece is what seqbatch makes of the same records alone: batches of `size` records come out as
 * the pieces of a whole one do. */
static void
check_identical (const gchar * properties, guint size)
{
  const gchar *list = "MKTAYI,M,A,MKTAYIAKQRQISFVKSHF,GG,C,MKTAYIAKQRQISFVKSHFSRQ,LEE,V";
  g_autofree gchar *whole_properties = g_strdup_printf ("%s batch-size=32", properties);
  g_autofree gchar *small_properties = g_strdup_printf ("%s batch-size=%u", properties, size);
  GstBuffer *whole = one_batch (whole_properties, NULL, list);
  g_autoptr (GPtrArray) small = run_list (small_properties, list);
  guint first = 0;

  for (guint i = 0; i < small->len; i++) {
    guint n = gst_seq_batch_get_n_records (small->pdata[i]);
    GstBuffer *piece = gst_seq_batch_split (whole, first, n, i + 1), *again;

    g_assert_nonnull (piece);
    assert_same_batch (piece, small->pdata[i]);
    if (n > 1) {                /* so is a piece of a piece */
      again = gst_seq_batch_split (piece, 0, 1, 1);
      gst_buffer_unref (piece);
      piece = gst_seq_batch_split (whole, first, 1, 1);
      assert_same_batch (piece, again);
      gst_buffer_unref (again);
    }
    gst_buffer_unref (piece);
    first += n;
  }
  g_assert_cmpuint (first, ==, gst_seq_batch_get_n_records (whole));
  gst_buffer_unref (whole);
}

static void
test_split_identical (void)
{
  static const gchar *const settings[] = {
    "", "pad-to-multiple=8", "pad-to=24", "pad-to=17 pad-to-multiple=8 max-length=24",
    "mask=false dtype=uint8", "max-length=9 overlong=window", "layout=packed window=0",
    "layout=packed window=0 positions=true dtype=int32", "tokenizer=hyenadna",
    "tokenizer=caduceus pad-to-multiple=8 dtype=uint8", "tokenizer=hyenadna layout=packed window=0",
    "pad-side=left pad-to-multiple=8", "max-length=9 truncate=left pad-side=left dtype=int16",
    "tokenizer=hyenadna pad-side=right",
    "tokenizer=enformer", "tokenizer=enformer pad-to-multiple=8 pad-side=left mask=false",
    "tokenizer=enformer max-length=9 overlong=window",
    "tokenizer=enformer layout=packed window=0 positions=true",
  };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    for (guint size = 1; size <= 9; size++)
      check_identical (settings[i], size);
}

/* A description that does not go with the layout, or whose sizes pass what can be counted */
static void
test_split_bad_shape (void)
{
  GstBuffer *padded = one_batch ("tokenizer=enformer", NULL, "ACGT,A");
  GstBuffer *packed = one_batch ("tokenizer=enformer layout=packed window=0", NULL, "ACGT,A");
  GstSeqTensorInfo *info = gst_buffer_get_seq_batch_meta (padded)->tensors;
  GstSeqTensorInfo *cu = &gst_buffer_get_seq_batch_meta (packed)->tensors[1];

  info->rank = 1;
  g_assert_null (gst_seq_batch_split (padded, 1, 1, 1));
  info->rank = 5;
  g_assert_null (gst_seq_batch_split (padded, 1, 1, 1));
  info->rank = 3;
  info->dims[2] = 0;
  g_assert_null (gst_seq_batch_split (padded, 1, 1, 1));
  info->rank = 4;
  info->dims[2] = info->dims[3] = G_MAXUINT32;
  g_assert_null (gst_seq_batch_split (padded, 1, 1, 1));
  info->rank = 3;
  info->dims[2] = 1000;         /* more than there is */
  g_assert_null (gst_seq_batch_split (padded, 1, 1, 1));
  cu->rank = 2;
  cu->dims[1] = 1u << 20;
  g_assert_null (gst_seq_batch_split (packed, 0, 1, 1));
  gst_buffer_unref (padded);
  gst_buffer_unref (packed);
}

/* Without row_multiple nobody knows how L was chosen, so it stays. */
static void
test_split_unknown_rows (void)
{
  GstBuffer *whole = one_batch ("", NULL, "MKTAYI,A"), *piece;
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (whole);

  meta->row_multiple = 0;
  piece = gst_seq_batch_split (whole, 1, 1, 1);
  assert_tensor (piece, 0, "input_ids", "0 5 2 1 1 1 1 1");
  assert_tensor (piece, 1, "attention_mask", "1 1 1 0 0 0 0 0");
  gst_buffer_unref (piece);
  gst_buffer_unref (whole);
}

/* The caps of static tensors tell the one shape of all batches, so there are no pieces. */
static void
test_split_static (void)
{
  GstBuffer *whole = one_batch ("pad-to=14 batch-size=9", ANY_STATIC, "MKTAYI,,A");

  g_assert_null (gst_seq_batch_split (whole, 0, 1, 1));
  g_assert_null (gst_seq_batch_split (whole, 0, 3, 1));
  gst_buffer_unref (whole);
  whole = one_batch ("layout=packed fixed-total=true max-tokens=64 batch-size=8", ANY_STATIC, "M,K");
  g_assert_null (gst_seq_batch_split (whole, 0, 1, 1));
  gst_buffer_unref (whole);
}

/* Windows of one record share its name in a piece, too. */
static void
test_split_shared_names (void)
{
  GstBuffer *whole = one_batch ("max-length=3 overlong=window batch-size=0", NULL, "AAAAAAAAAA,C");
  GstBuffer *piece = gst_seq_batch_split (whole, 2, 9, 1);
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (piece);

  g_assert_cmpuint (meta->n_records, ==, 9);
  g_assert_cmpuint (g_bytes_get_size (meta->table), ==, 9 * sizeof (GstSeqBatchRecord) + 4);
  for (guint i = 0; i < 9; i++) {
    g_autofree gchar *name = gst_seq_batch_dup_name (piece, i);

    g_assert_cmpstr (name, ==, i < 8 ? "r0" : "r1");
  }
  gst_buffer_unref (piece);
  gst_buffer_unref (whole);
}

/* A piece of a packed batch without a token would be a tensor without elements. */
static void
test_split_nothing (void)
{
  GstBuffer *whole = one_batch ("tokenizer=bytes layout=packed window=0", NULL, "A,,,C");

  g_assert_null (gst_seq_batch_split (whole, 1, 2, 1));
  check_piece (whole, 0, 3, 1);
  check_piece (whole, 1, 3, 2);
  gst_buffer_unref (whole);
}

/* Tensors that are smaller than their description are not read past their end. */
static void
test_split_short (void)
{
  GstBuffer *whole = one_batch ("", NULL, "MKT,A");
  GstMemory *memory = gst_buffer_get_memory (whole, 1);

  gst_memory_resize (memory, 0, 128 + 7);
  gst_buffer_replace_memory (whole, 1, memory);
  g_assert_null (gst_seq_batch_split (whole, 1, 1, 1));
  gst_buffer_remove_memory (whole, 1);
  g_assert_null (gst_seq_batch_split (whole, 0, 1, 1));
  g_assert_null (gst_seq_batch_get_tensor_data (whole, 1, NULL, NULL, NULL));
  gst_buffer_unref (whole);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/batch-meta/header", test_header);
  g_test_add_func ("/batch-meta/types", test_types);
  g_test_add_func ("/batch-meta/copies", test_copies);
  g_test_add_func ("/batch-meta/access", test_access);
  g_test_add_func ("/batch-meta/bad-names", test_bad_names);
  g_test_add_func ("/batch-meta/split", test_split);
  g_test_add_func ("/batch-meta/split-identical", test_split_identical);
  g_test_add_func ("/batch-meta/split-bad-shape", test_split_bad_shape);
  g_test_add_func ("/batch-meta/split-unknown-rows", test_split_unknown_rows);
  g_test_add_func ("/batch-meta/split-static", test_split_static);
  g_test_add_func ("/batch-meta/split-shared-names", test_split_shared_names);
  g_test_add_func ("/batch-meta/split-nothing", test_split_nothing);
  g_test_add_func ("/batch-meta/split-short", test_split_short);
  return g_test_run ();
}
