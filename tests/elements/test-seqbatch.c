/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is in the batches of seqbatch. How it behaves as an element: test-seqbatch-stream.c; where
 * its memory comes from: test-seqbatch-memory.c. */

#include "seqbatch-batches.h"

#define AMINO "ACDEFGHIKLMNPQRSTVWY"

/* ---- tensors ---- */

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
/* int64 [1][12], and uint8 [1][12] but for the type */
static const guint8 golden_header[128] = {
  0xed, 0xcc, 0xed, 0xfe, 0x00, 0x10, 0x00, 0xde, 0x08, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
  0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
  0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void
test_golden (void)
{
  static const gint64 ids[12] = { 0, 20, 15, 11, 5, 19, 12, 5, 15, 16, 10, 2 };
  g_autoptr (GPtrArray) batches = run_list ("", "MKTAYIAKQR");
  guint8 header[128];
  GstMapInfo map;
  GstMemory *memory;

  g_assert_cmpuint (batches->len, ==, 1);
  g_assert_cmpuint (gst_buffer_n_memory (batches->pdata[0]), ==, 2);
  memory = gst_buffer_peek_memory (batches->pdata[0], 0);
  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_cmpuint (map.size, ==, 128 + 96);
  g_assert_cmpmem (map.data, 128, golden_header, 128);
  g_assert_cmpmem (map.data + 128, 96, ids, 96);
  gst_memory_unmap (memory, &map);

  memcpy (header, golden_header, 128);
  header[8] = 5;
  memory = gst_buffer_peek_memory (batches->pdata[0], 1);
  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_cmpuint (map.size, ==, 128 + 12);
  g_assert_cmpmem (map.data, 128, header, 128);
  gst_memory_unmap (memory, &map);
}
#endif

static void
test_padded (void)
{
  g_autoptr (GPtrArray) batches = run_list ("", "MKT,,A");
  g_autoptr (GPtrArray) bare = run_list ("mask=false pad-to-multiple=8", "MKT");
  GstSeqTensorType type;
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  guint rank;

  g_assert_cmpuint (batches->len, ==, 1);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 2 1 1 1 0 5 2 1 1");
  assert_tensor (batches->pdata[0], 1, "attention_mask", "1 1 1 1 1 1 1 0 0 0 1 1 1 0 0");
  g_bytes_unref (gst_seq_batch_get_tensor_data (batches->pdata[0], 0, &type, &rank, dims));
  g_assert_cmpint (type, ==, GST_SEQ_TENSOR_INT64);
  g_assert_cmpuint (rank, ==, 2);
  g_assert_cmpuint (dims[0], ==, 3);
  g_assert_cmpuint (dims[1], ==, 5);
  g_assert_cmpfloat_with_epsilon (gst_seq_batch_get_utilisation (batches->pdata[0]), 10 / 15.0,
      1e-9);

  g_assert_cmpuint (gst_seq_batch_get_n_tensors (bare->pdata[0]), ==, 1);
  assert_tensor (bare->pdata[0], 0, "input_ids", "0 20 15 11 2 1 1 1");
}

static void
test_packed (void)
{
  g_autoptr (GPtrArray) batches = run_list ("layout=packed window=0 positions=true", "MKT,,A");
  g_autoptr (GPtrArray) bare = run_list ("layout=packed", "MKT,,A");

  g_assert_cmpuint (batches->len, ==, 1);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 2 0 5 2");
  assert_tensor (batches->pdata[0], 1, "cu_seqlens", "0 5 7 10");
  assert_tensor (batches->pdata[0], 2, "position_ids", "0 1 2 3 4 0 1 0 1 2");
  g_assert_cmpfloat (gst_seq_batch_get_utilisation (batches->pdata[0]), ==, 1.0);

  /* the first, then the longest that fits */
  g_assert_cmpuint (gst_seq_batch_get_n_tensors (bare->pdata[0]), ==, 2);
  assert_tensor (bare->pdata[0], 0, "input_ids", "0 20 15 11 2 0 5 2 0 2");
  assert_tensor (bare->pdata[0], 1, "cu_seqlens", "0 5 8 10");
}

static void
test_dtypes (void)
{
  static const struct
  {
    const gchar *name;
    GstSeqTensorType type;
  } rows[] = {
    {"uint8", GST_SEQ_TENSOR_UINT8}, {"int16", GST_SEQ_TENSOR_INT16},
    {"int32", GST_SEQ_TENSOR_INT32}, {"int64", GST_SEQ_TENSOR_INT64}
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree gchar *properties = g_strdup_printf ("dtype=%s", rows[i].name);
    g_autoptr (GPtrArray) batches = run_list (properties, "MK,A");
    GstSeqTensorType type;

    assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 2 0 5 2 1");
    g_bytes_unref (gst_seq_batch_get_tensor_data (batches->pdata[0], 0, &type, NULL, NULL));
    g_assert_cmpint (type, ==, rows[i].type);
  }
}

/* Nothing, one record, records without residues, and without tokens and bytes at that. */
static void
test_small (void)
{
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) one = run_list ("", "A");
  g_autoptr (GPtrArray) empty = run_list ("", ",");
  g_autoptr (GPtrArray) tokenless = run_list ("tokenizer=bytes", ",,");
  g_autoptr (GPtrArray) packed = run_list ("tokenizer=bytes layout=packed positions=true", ",,");
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (5);
  GstHarness *h = harness_new ("tokenizer=bytes");
  g_autofree gchar *name = NULL;

  assert_tensor (one->pdata[0], 0, "input_ids", "0 5 2");
  assert_tensor (empty->pdata[0], 0, "input_ids", "0 2 0 2");
  assert_tensor (tokenless->pdata[0], 0, "input_ids", "0 0 0");
  assert_tensor (tokenless->pdata[0], 1, "attention_mask", "0 0 0");
  assert_tensor (packed->pdata[0], 0, "input_ids", "0");
  assert_tensor (packed->pdata[0], 1, "cu_seqlens", "0 0 0 0");

  /* a block of no records, then one that has no memory */
  g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
  g_assert_true (gst_seq_block_builder_add (builder, NULL, 0, NULL, 0, NULL));
  g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
  push_eos (h);
  none = pull_batches (h, 0);
  g_assert_cmpuint (none->len, ==, 1);
  name = gst_seq_batch_dup_name (none->pdata[0], 0);
  g_assert_cmpstr (name, ==, "");
  harness_free (h);
}

/* ---- which records ---- */

static void
test_records (void)
{
  g_autoptr (GPtrArray) batches = NULL;
  GstHarness *h = harness_new ("batch-size=2");
  guint64 id;
  guint32 tokens, flags, window;
  g_autofree gchar *name = NULL;

  g_assert_cmpint (gst_harness_push (h, block_from (7, "MKT,A")), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_harness_push (h, block_from (G_MAXUINT64 - 2, "GG")), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2 1");
  g_assert_true (gst_seq_batch_get_record (batches->pdata[0], 1, &id, &tokens, &flags, &window));
  g_assert_cmpuint (id, ==, 8);
  g_assert_cmpuint (tokens, ==, 3);
  g_assert_cmpuint (flags, ==, 0);
  g_assert_cmpuint (window, ==, 0);
  name = gst_seq_batch_dup_name (batches->pdata[0], 1);
  g_assert_cmpstr (name, ==, "r8");
  g_assert_true (gst_seq_batch_get_record (batches->pdata[1], 0, &id, NULL, NULL, NULL));
  g_assert_cmpuint (id, ==, G_MAXUINT64 - 2);
  harness_free (h);
}

/* Only memory 0 is the block; an element before may have added others. */
static void
test_many_memories (void)
{
  GstHarness *h = harness_new ("");
  GstBuffer *block = block_from (0, "MKT,A");
  g_autoptr (GPtrArray) batches = NULL;

  for (guint i = 0; i < 15; i++)
    gst_buffer_append_memory (block, gst_allocator_alloc (NULL, 100, NULL));
  g_assert_cmpuint (gst_buffer_n_memory (block), ==, 16);
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 5 2 1 1");
  harness_free (h);
}

static void
test_limits (void)
{
  static const struct
  {
    const gchar *properties, *list, *sizes;
  } rows[] = {
    {"batch-size=2", "A,A,A,A,A", "2 2 1"},
    {"batch-size=0", "A,A,A,A,A", "5"},
    /* B x L with special tokens: a long record alone, exact fits */
    {"batch-size=0 max-tokens=12", "AA,AA,AA,AA", "3 1"},
    {"batch-size=0 max-tokens=12", "A,AAAAAAAAAAAAAAAAAAA,A,A", "1 1 2"},
    {"batch-size=2 max-tokens=12", "AA,AA,AA,AA", "2 2"},
    {"batch-size=0 max-tokens=16 pad-to-multiple=8", "A,A,A", "2 1"},
    {"batch-size=0 max-tokens=12 cost=tokens", "AA,A,A,A", "3 1"},
    {"batch-size=0 max-tokens=32 cost=quadratic", "AA,AA,AA", "2 1"},
    {"batch-size=0 max-tokens=10 layout=packed window=0", "AAA,AAA,A", "2 1"},
    {"batch-size=0 max-tokens=10 layout=packed", "AAAA,AA,AA,AAA", "2 2"},
    {"batch-size=0 max-tokens=10 layout=packed", "AAAAAAAAAAAA,A,A", "1 2"},
    {"batch-size=1 max-tokens=10 layout=packed", "A,A,A", "1 1 1"},
    /* records of no tokens at all */
    {"tokenizer=evo batch-size=0 max-tokens=2 layout=packed window=0", ",,,,", "2 2 1"},
    {"tokenizer=evo batch-size=0 max-tokens=2 layout=packed", ",,,,", "2 2 1"},
    {"tokenizer=evo batch-size=0 max-tokens=2 cost=tokens", ",,,,", "2 2 1"},
    /* the last batch */
    {"batch-size=2 drop-last=true", "A,A,A,A,A", "2 2"},
    {"batch-size=2 drop-last=true", "A,A,A,A", "2 2"},
    {"batch-size=2 drop-last=true layout=packed", "A,A,A,A", "2 2"},
    {"batch-size=2 drop-last=true layout=packed", "A,A,A", "2"},
    {"batch-size=0 drop-last=true max-tokens=6", "A,A,A,A", "2 2"},
    {"batch-size=0 drop-last=true", "A,A,A,A", ""},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GPtrArray) batches = run_list (rows[i].properties, rows[i].list);

    assert_sizes (batches, rows[i].sizes);
  }
}

/* Every record once, none over the limits unless it is alone. */
static void
check_budget (const gchar * properties, guint max_rows, guint64 max_tokens, gboolean in_order)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_auto (GStrv) sequences = random_sequences (rand, 700, 90, AMINO);
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) batches = NULL;
  guint8 seen[700] = { 0 };
  guint64 next = 0;

  push_sequences (h, sequences, 64, rand);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);

    g_assert_cmpuint (meta->n_records, <=, max_rows);
    if (meta->n_records > 1)
      g_assert_cmpuint (meta->slots, <=, max_tokens);
    for (guint k = 0; k < meta->n_records; k++) {
      if (in_order)
        g_assert_cmpuint (meta->records[k].id, ==, next++);
      g_assert_cmpuint (meta->records[k].tokens, ==, strlen (sequences[meta->records[k].id]) + 2);
      g_assert_cmpuint (seen[meta->records[k].id]++, ==, 0);
    }
  }
  for (guint i = 0; i < 700; i++)
    g_assert_cmpuint (seen[i], ==, 1);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 700);
  g_assert_cmpuint (get_stat (h->element, "batches"), ==, batches->len);
  harness_free (h);
}

static void
test_budgets (void)
{
  check_budget ("batch-size=9 max-tokens=600", 9, 600, TRUE);
  check_budget ("batch-size=0 max-tokens=80 pad-to-multiple=16", 700, 80, TRUE);
  check_budget ("batch-size=9 max-tokens=600 layout=packed", 9, 600, FALSE);
  check_budget ("batch-size=0 max-tokens=300 layout=packed positions=true", 700, 300, FALSE);
  check_budget ("batch-size=0 max-tokens=300 layout=packed window=0", 700, 300, TRUE);
}

static gchar *
digest_run (const gchar * properties, guint workers, GStrv sequences, guint size, GRand * rand)
{
  g_autofree gchar *all = g_strdup_printf ("%s workers=%u", properties, workers);
  GstHarness *h = harness_new (all);
  GString *s = g_string_new (NULL);
  GstBuffer *batch;

  push_sequences (h, sequences, size, rand);
  push_eos (h);
  while ((batch = gst_harness_try_pull (h))) {
    append_digest (s, batch);
    gst_buffer_unref (batch);
  }
  harness_free (h);
  return g_string_free (s, FALSE);
}

/* The batches follow from records and properties alone. */
static void
test_same_batches (void)
{
  static const gchar *const settings[] = {
    "batch-size=7", "batch-size=0 max-tokens=500 pad-to-multiple=8 dtype=uint8",
    "layout=packed max-tokens=400 batch-size=0 window=20 positions=true",
    "layout=packed max-tokens=128 batch-size=4 window=9 fixed-total=true overlong=window",
    "overlong=window max-length=30 stride=11 batch-size=5 mask=false",
    "overlong=window max-length=30 stride=3 layout=packed max-tokens=333 batch-size=0 window=50",
    "drop-last=true batch-size=9 overlong=truncate max-length=50",
    "tokenizer=nt6 unknown=per-run truncate=left max-length=7 pad-side=left pad-to-multiple=4",
    "tokenizer=nt6 unknown=skip overlong=window max-length=9 batch-size=0 max-tokens=100",
    "tokenizer=dnabert4 unknown=per-run overlong=skip max-length=40 pad-to=40",
  };
  static const guint workers[] = { 1, 2, 8 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_auto (GStrv) sequences = random_sequences (rand, 250, 70, "AACCGGTTNX");

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++) {
    g_autofree gchar *expected = digest_run (settings[i], 0, sequences, 1000, NULL);
    g_autofree gchar *singly = digest_run (settings[i], 0, sequences, 1, NULL);

    g_assert_cmpuint (strlen (expected), >, 0);
    g_assert_cmpstr (singly, ==, expected);
    for (gsize w = 0; w < G_N_ELEMENTS (workers); w++) {
      g_autofree gchar *whole = digest_run (settings[i], workers[w], sequences, 1000, NULL);
      g_autofree gchar *split = digest_run (settings[i], workers[w], sequences, 30, rand);

      g_assert_cmpstr (whole, ==, expected);
      g_assert_cmpstr (split, ==, expected);
    }
  }
}

/* ---- long records ---- */

static void
test_truncate (void)
{
  GstHarness *h = harness_new ("max-length=5");
  g_autoptr (GPtrArray) batches = NULL;
  guint32 flags[3], tokens[3];

  g_assert_cmpint (push_list (h, "MKT,MKTA,A"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 20 15 11 2 0 5 2 1 1");
  for (guint i = 0; i < 3; i++)
    g_assert_true (gst_seq_batch_get_record (batches->pdata[0], i, NULL, &tokens[i], &flags[i],
            NULL));
  g_assert_cmpuint (flags[0], ==, 0);
  g_assert_cmpuint (flags[1], ==, GST_SEQ_BATCH_RECORD_TRUNCATED);
  g_assert_cmpuint (tokens[1], ==, 5);
  g_assert_cmpuint (get_stat (h->element, "truncated"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 3);
  harness_free (h);
}

static void
test_skip (void)
{
  GstHarness *h = harness_new ("max-length=5 overlong=skip");
  g_autoptr (GPtrArray) batches = NULL;
  guint64 id;

  g_assert_cmpint (push_list (h, "MKTAA,MKT,MKTA,A"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2");
  g_assert_true (gst_seq_batch_get_record (batches->pdata[0], 1, &id, NULL, NULL, NULL));
  g_assert_cmpuint (id, ==, 3);
  g_assert_cmpuint (get_stat (h->element, "skipped"), ==, 2);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 2);
  harness_free (h);
}

static void
test_overlong_error (void)
{
  GstHarness *h = harness_new ("max-length=5 overlong=error batch-size=2");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,MKT,MKTAY,A,A,A"), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "record 2 'r2' has 7 tokens, more than the 5");
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2");  /* what came before it has gone out */
  harness_free (h);
}

/* Windows of every record start a stride apart, cover all of it, and no more than is needed. */
static void
check_windows (guint max_length, guint stride)
{
  g_autofree gchar *properties = g_strdup_printf ("max-length=%u stride=%u overlong=window "
      "batch-size=4 mask=false", max_length, stride);
  g_autoptr (GRand) rand = g_rand_new_with_seed (max_length * 100 + stride);
  g_auto (GStrv) sequences = random_sequences (rand, 60, 60, AMINO);
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) batches = NULL;
  guint body = max_length - 2, step = stride ? stride : body, record = 0, window = 0, windows = 0;

  push_sequences (h, sequences, 60, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);

    for (guint k = 0; k < meta->n_records; k++) {
      const GstSeqBatchRecord *r = &meta->records[k];
      guint length = strlen (sequences[record]), rest;
      g_autofree gchar *name = gst_seq_batch_dup_name (batches->pdata[i], k);
      g_autofree gchar *expected = g_strdup_printf ("r%u", record);

      g_assert_cmpuint (r->id, ==, record);
      g_assert_cmpstr (name, ==, expected);
      g_assert_cmpuint (r->window, ==, window);
      g_assert_cmpuint (r->start, ==, window * step);
      rest = length - r->start;
      g_assert_cmpuint (r->tokens, ==, MIN (rest, body) + 2);
      g_assert_cmpuint (r->flags, ==, length > body ? GST_SEQ_BATCH_RECORD_WINDOW : 0);
      windows += length > body;
      window++;
      if (rest <= body) {
        record++;
        window = 0;
      }
    }
  }
  g_assert_cmpuint (record, ==, 60);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 60);
  g_assert_cmpuint (get_stat (h->element, "windows"), ==, windows);
  harness_free (h);
}

static void
test_windows (void)
{
  g_autoptr (GPtrArray) batches = run_list ("max-length=5 overlong=window stride=2", "MKTAY");

  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 11 5 19 2");
  for (guint stride = 0; stride <= 8; stride++)
    check_windows (10, stride);
  check_windows (3, 1);
  check_windows (62, 0);
}

/* More windows than are ever kept in memory, all of one record. */
static void
test_many_windows (void)
{
  GstHarness *h = harness_new ("max-length=3 overlong=window stride=1 batch-size=1000 mask=false "
      "tokenizer=esm2 dtype=uint8 layout=packed");
  g_autofree gchar *residues = g_strnfill (50000, 'A');
  g_autoptr (GPtrArray) batches = NULL;
  guint64 rows = 0;

  g_assert_cmpint (push_list (h, residues), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++)
    rows += gst_seq_batch_get_n_records (batches->pdata[i]);
  g_assert_cmpuint (rows, ==, 50000);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 1);
  harness_free (h);
}

/* ---- letters ---- */

static void
check_unknown (const gchar * policy, const gchar * list, const gchar * ids, guint64 unknown)
{
  g_autofree gchar *properties = g_strdup_printf ("unknown=%s", policy);
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids", ids);
  g_assert_cmpuint (get_stat (h->element, "unknown"), ==, unknown);
  harness_free (h);
}

static void
test_unknown (void)
{
  check_unknown ("token", "M**K,*", "0 20 3 3 15 2 0 3 2 1 1 1", 3);
  check_unknown ("per-run", "M**K,*", "0 20 3 15 2 0 3 2 1 1", 3);
  check_unknown ("skip", "M**K,*", "0 20 15 2 0 2 1 1", 3);
  check_unknown ("error", "MK,A", "0 20 15 2 0 5 2 1", 0);
  /* lower case is not in the vocabulary: it is read to the letter */
  check_unknown ("token", "mK", "0 3 15 2", 1);
}

static void
check_unknown_error (const gchar * list, const gchar * says)
{
  GstHarness *h = harness_new ("unknown=error batch-size=2");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, says);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2");  /* the batch before */
  harness_free (h);
}

static void
test_unknown_error (void)
{
  check_unknown_error ("A,A,A,MK*TA,A,A,A,*", "record 3 'r3': residue 2 ('*')");
  check_unknown_error ("A,A,\001,A", "record 2 'r2': residue 0 (byte 0x01)");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  g_test_add_func ("/seqbatch/golden", test_golden);
#endif
  g_test_add_func ("/seqbatch/padded", test_padded);
  g_test_add_func ("/seqbatch/packed", test_packed);
  g_test_add_func ("/seqbatch/dtypes", test_dtypes);
  g_test_add_func ("/seqbatch/small", test_small);
  g_test_add_func ("/seqbatch/records", test_records);
  g_test_add_func ("/seqbatch/many-memories", test_many_memories);
  g_test_add_func ("/seqbatch/limits", test_limits);
  g_test_add_func ("/seqbatch/budgets", test_budgets);
  g_test_add_func ("/seqbatch/same-batches", test_same_batches);
  g_test_add_func ("/seqbatch/truncate", test_truncate);
  g_test_add_func ("/seqbatch/skip", test_skip);
  g_test_add_func ("/seqbatch/overlong-error", test_overlong_error);
  g_test_add_func ("/seqbatch/windows", test_windows);
  g_test_add_func ("/seqbatch/many-windows", test_many_windows);
  g_test_add_func ("/seqbatch/unknown", test_unknown);
  g_test_add_func ("/seqbatch/unknown-error", test_unknown_error);
  return g_test_run ();
}
