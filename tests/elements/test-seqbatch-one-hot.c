/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Batches of one-hot vectors: tensors that have a dimension more, and all that follows from it. */

#include "seqbatch-batches.h"

#include <glib/gstdio.h>

#define STATIC_CAPS(n, types, dimensions) \
  "other/tensors,format=(string)static,num_tensors=(int)" n ",types=(string)\"" types \
  "\",dimensions=(string)\"" dimensions "\",framerate=(fraction)0/1"
#define ANY_STATIC "other/tensors,format=static"

/* ---- vectors as text ---- */

/* The letter of each vector of `inputs`, `.` for zeros; anything else is an error. */
static gchar *
vectors_text (GstBuffer * batch)
{
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  GstSeqTensorType type;
  guint rank;
  g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batch, 0, &type, &rank, dims);
  const gfloat *values = g_bytes_get_data (bytes, NULL);
  gsize n = g_bytes_get_size (bytes) / 16;
  gchar *text = g_strnfill (n, '.');

  g_assert_cmpint (type, ==, GST_SEQ_TENSOR_FLOAT32);
  g_assert_cmpuint (dims[rank - 1], ==, 4);
  g_assert_cmpstr (gst_seq_batch_get_tensor_name (batch, 0), ==, "inputs");
  for (gsize i = 0; i < 4 * n; i++) {
    if (values[i] == 0)
      continue;
    g_assert_cmpfloat (values[i], ==, 1);
    g_assert_cmpint (text[i / 4], ==, '.');
    text[i / 4] = "ACGT"[i % 4];
  }
  return text;
}

static void
assert_vectors (GstBuffer * batch, const gchar * expected)
{
  g_autofree gchar *text = vectors_text (batch);

  g_assert_cmpstr (text, ==, expected);
}

static GPtrArray *
run_one_hot (const gchar * properties, const gchar * list)
{
  g_autofree gchar *all = g_strdup_printf ("tokenizer=enformer %s", properties);

  return run_list (all, list);
}

static void
check_vectors (const gchar * properties, const gchar * list, const gchar * expected)
{
  g_autoptr (GPtrArray) batches = run_one_hot (properties, list);

  g_assert_cmpuint (batches->len, ==, 1);
  assert_vectors (batches->pdata[0], expected);
}

/* ---- tensors ---- */

static void
assert_memory (GstBuffer * batch, guint index, gconstpointer header, gconstpointer data, gsize size)
{
  GstMemory *memory = gst_buffer_peek_memory (batch, index);
  GstMapInfo map;

  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_cmpmem (map.data, 128, header, 128);
  g_assert_cmpmem (map.data + 128, map.size - 128, data, size);
  gst_memory_unmap (memory, &map);
}

static void
test_golden_padded (void)
{
  static const gfloat vectors[2][3][4] = {
    {{1, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}}, {{0, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}
  };
  static const guint8 mask[6] = { 1, 1, 1, 1, 0, 0 };
  /* innermost first: 4 channels, 3 tokens, 2 records; and without the channels */
  static const guint32 header[32] = { 0xfeedcced, 0xde001000, 7, 4, 3, 2,[19] = 1,[20] = 4 };
  static const guint32 mask_header[32] = { 0xfeedcced, 0xde001000, 5, 3, 2,[19] = 1,[20] = 4 };
  g_autoptr (GPtrArray) batches = run_one_hot ("", "ANt,c");
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[0]);

  assert_memory (batches->pdata[0], 0, header, vectors, sizeof vectors);
  assert_memory (batches->pdata[0], 1, mask_header, mask, sizeof mask);
  g_assert_cmpuint (meta->tensors[0].rank, ==, 3);
  g_assert_cmpuint (meta->tensors[0].dims[0], ==, 2);
  g_assert_cmpuint (meta->tensors[0].dims[1], ==, 3);
  g_assert_cmpuint (meta->tensors[0].dims[2], ==, 4);
  g_assert_cmpuint (meta->tokens, ==, 4);
  g_assert_cmpuint (meta->slots, ==, 6);
  g_assert_cmpfloat_with_epsilon (gst_seq_batch_get_utilisation (batches->pdata[0]), 4.0 / 6, 1e-9);
}

static void
test_golden_packed (void)
{
  static const gfloat vectors[4][4] = { {1, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 1, 0, 0} };
  static const gint32 cu[4] = { 0, 3, 3, 4 }, positions[4] = { 0, 1, 2, 0 };
  static const guint32 header[32] = { 0xfeedcced, 0xde001000, 7, 4, 4,[19] = 1,[20] = 4 };
  static const guint32 cu_header[32] = { 0xfeedcced, 0xde001000, 0, 4,[19] = 1,[20] = 4 };
  g_autoptr (GPtrArray) batches = run_one_hot ("layout=packed window=0 positions=true", "ANt,,c");

  assert_memory (batches->pdata[0], 0, header, vectors, sizeof vectors);
  assert_memory (batches->pdata[0], 1, cu_header, cu, sizeof cu);
  assert_memory (batches->pdata[0], 2, cu_header, positions, sizeof positions);
  g_assert_cmpuint (gst_buffer_get_seq_batch_meta (batches->pdata[0])->slots, ==, 4);
}

static void
test_padding (void)
{
  check_vectors ("", "ACGT,C,", "ACGTC.......");
  check_vectors ("pad-side=left", "ACGT,C,", "ACGT...C....");
  check_vectors ("pad-to=6", "ACGT,C", "ACGT..C.....");
  check_vectors ("pad-to-multiple=4 pad-side=left", "ACGTA,C", "...ACGTA.......C");
  check_vectors ("mask=false", "ACGT,C", "ACGTC...");
  /* a tensor has an element, but no record fills it */
  check_vectors ("", ",", "..");
  check_vectors ("layout=packed window=0", ",", ".");
  check_vectors ("layout=packed window=0 fixed-total=true max-tokens=7", "ACGT,C", "ACGTC..");
}

/* ---- caps ---- */

static void
check_caps (const gchar * properties, const gchar * expected)
{
  g_autofree gchar *all = g_strdup_printf ("tokenizer=enformer %s", properties);
  GstHarness *h = harness_new_full (all, ANY_STATIC);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (h->sinkpad);
  g_autoptr (GstCaps) wanted = gst_caps_from_string (expected);

  g_assert_nonnull (caps);
  g_assert_true (gst_caps_is_strictly_equal (caps, wanted));
  harness_free (h);
}

static void
test_static_caps (void)
{
  check_caps ("pad-to=16 batch-size=3", STATIC_CAPS ("2", "float32,uint8", "4:16:3,16:3"));
  check_caps ("pad-to=16 batch-size=3 mask=false dtype=float32",
      STATIC_CAPS ("1", "float32", "4:16:3"));
  check_caps ("layout=packed fixed-total=true max-tokens=64 batch-size=4",
      STATIC_CAPS ("2", "float32,int32", "4:64,5"));
  check_caps ("layout=packed fixed-total=true max-tokens=64 batch-size=4 positions=true",
      STATIC_CAPS ("3", "float32,int32,int32", "4:64,5,64"));
}

/* Rows and slots that no record fills are zeros. */
static void
test_static_last (void)
{
  GstHarness *h = harness_new_full ("tokenizer=enformer pad-to=4 batch-size=2", ANY_STATIC);
  GstHarness *p = harness_new_full ("tokenizer=enformer layout=packed fixed-total=true "
      "max-tokens=8 batch-size=3", ANY_STATIC);
  g_autoptr (GPtrArray) padded = NULL, packed = NULL;

  g_assert_cmpint (push_list (h, "A,CCCCC,G"), ==, GST_FLOW_OK);
  push_eos (h);
  padded = pull_batches (h, 0);
  assert_sizes (padded, "2 1");
  assert_vectors (padded->pdata[0], "A...CCCC");
  assert_vectors (padded->pdata[1], "G.......");
  assert_tensor (padded->pdata[1], 1, "attention_mask", "1 0 0 0 0 0 0 0");
  g_assert_cmpuint (get_stat (h->element, "slots"), ==, 16);
  harness_free (h);

  g_assert_cmpint (push_list (p, "AAA,G"), ==, GST_FLOW_OK);
  push_eos (p);
  packed = pull_batches (p, 0);
  assert_vectors (packed->pdata[0], "AAAG....");
  assert_tensor (packed->pdata[0], 1, "cu_seqlens", "0 3 4 4");
  harness_free (p);
}

/* ---- settings ---- */

static void
check_dtype (const gchar * properties, const gchar * says)
{
  GstElement *element = batcher_new (properties);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      says ? GST_STATE_CHANGE_FAILURE : GST_STATE_CHANGE_SUCCESS);
  if (says)
    assert_one_error (element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, says);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

static void
test_dtypes (void)
{
  check_dtype ("tokenizer=enformer", NULL);
  check_dtype ("tokenizer=enformer dtype=auto", NULL);
  check_dtype ("tokenizer=enformer dtype=float32", NULL);
  check_dtype ("tokenizer=enformer dtype=uint8",
      "'enformer' makes vectors of float32, not dtype=uint8");
  check_dtype ("tokenizer=enformer dtype=int64",
      "'enformer' makes vectors of float32, not dtype=int64");
  check_dtype ("tokenizer=esm2 dtype=float32", "'esm2' makes ids, which are integers, not "
      "dtype=float32");
  check_dtype ("tokenizer=esm2 dtype=auto", NULL);
  check_vectors ("dtype=float32", "ACGT", "ACGT");
}

static void
test_unknown (void)
{
  static const struct
  {
    const gchar *policy, *list, *vectors;
    guint64 unknown;
  } rows[] = {
    {"token", "ANRR-c,*", "A....C" "......", 4}, {"per-run", "ANRR-c,*", "A..C" "....", 4},
    {"skip", "ANRR-c,*", "A.C" "...", 4}, {"error", "ANNC,nac", "A..C" ".AC.", 0},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree gchar *all = g_strdup_printf ("tokenizer=enformer unknown=%s", rows[i].policy);
    GstHarness *h = harness_new (all);
    g_autoptr (GPtrArray) batches = NULL;

    g_assert_cmpint (push_list (h, rows[i].list), ==, GST_FLOW_OK);
    push_eos (h);
    batches = pull_batches (h, 0);
    assert_vectors (batches->pdata[0], rows[i].vectors);
    g_assert_cmpuint (get_stat (h->element, "unknown"), ==, rows[i].unknown);
    harness_free (h);
  }
}

static void
test_unknown_error (void)
{
  GstHarness *h = harness_new ("tokenizer=enformer unknown=error batch-size=2");

  g_assert_cmpint (push_list (h, "ACN,ACRT"), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "record 1 'r1': residue 2 ('R')");
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  harness_free (h);
}

/* ---- lengths and limits count letters ---- */

static void
test_long_records (void)
{
  g_autoptr (GPtrArray) windows = run_one_hot ("max-length=4 overlong=window stride=3", "ACGTACG");
  g_autoptr (GPtrArray) skipped = run_one_hot ("max-length=3 overlong=skip", "ACGT,ACG,A");
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (windows->pdata[0]);

  check_vectors ("max-length=4", "ACGTACG,CC", "ACGTCC..");
  check_vectors ("max-length=4 truncate=left", "ACGTACG,CC", "TACGCC..");
  check_vectors ("max-length=4 truncate=left pad-side=left", "ACGTACG,CC", "TACG..CC");
  check_vectors ("max-length=3 layout=packed window=0 truncate=left", "ACGT,CC", "CGTCC");
  check_vectors ("max-length=2 truncate=left unknown=skip", "ARCRGR,-", "CG..");

  assert_vectors (windows->pdata[0], "ACGTTACG");
  g_assert_cmpuint (meta->records[0].start, ==, 0);
  g_assert_cmpuint (meta->records[1].start, ==, 3);
  g_assert_cmpuint (meta->records[1].window, ==, 1);
  assert_sizes (skipped, "2");
  assert_vectors (skipped->pdata[0], "ACGA..");
}

static void
test_overlong_error (void)
{
  GstHarness *h = harness_new ("tokenizer=enformer max-length=3 overlong=error");

  g_assert_cmpint (push_list (h, "ACG,ACGT"), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "record 1 'r1' has 4 tokens, more than the 3");
  harness_free (h);
}

static void
test_limits (void)
{
  static const struct
  {
    const gchar *properties, *sizes;
  } rows[] = {
    {"max-tokens=8 batch-size=0", "2 2 1"}, {"max-tokens=9 batch-size=0 cost=tokens", "2 2 1"},
    {"max-tokens=32 batch-size=0 cost=quadratic", "2 2 1"},
    {"layout=packed window=0 max-tokens=12 batch-size=0", "3 2"},
    {"batch-size=4", "4 1"},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GPtrArray) batches = run_one_hot (rows[i].properties, "ACGT,ACGT,ACGT,ACGT,ACGT");

    assert_sizes (batches, rows[i].sizes);
  }
}

/* A limit from downstream, which is short of memory, counts the same. */
static void
test_budget (void)
{
  GstHarness *h = harness_new ("tokenizer=enformer batch-size=4");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_true (gst_harness_push_upstream_event (h, gst_event_new_custom
          (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new ("batch-budget", "max-tokens",
                  G_TYPE_UINT64, G_GUINT64_CONSTANT (8), "max-records", G_TYPE_UINT, 0, NULL))));
  g_assert_cmpint (push_list (h, "ACGT,ACGT,ACGT"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2 1");
  harness_free (h);
}

/* ---- many records ---- */

static gchar *
digest_run (const gchar * properties, guint workers, GStrv sequences, guint size)
{
  g_autofree gchar *all = g_strdup_printf ("tokenizer=enformer %s workers=%u", properties, workers);
  GstHarness *h = harness_new (all);
  g_autoptr (GPtrArray) batches = NULL;
  GString *s = g_string_new (NULL);

  push_sequences (h, sequences, size, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++)
    append_digest (s, batches->pdata[i]);
  harness_free (h);
  return g_string_free (s, FALSE);
}

/* The batches do not depend on workers and blocks. */
static void
test_same_batches (void)
{
  static const gchar *const settings[] = {
    "batch-size=7", "batch-size=0 max-tokens=2000 pad-to-multiple=8 pad-side=left",
    "layout=packed max-tokens=4000 batch-size=0 window=20 positions=true",
    "layout=packed max-tokens=128 batch-size=4 window=9 fixed-total=true overlong=window",
    "overlong=window max-length=30 stride=11 batch-size=5 mask=false unknown=skip",
    "unknown=per-run max-length=100 truncate=left",
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_auto (GStrv) sequences = random_sequences (rand, 120, 1300, "ACGTACGTACGTacgtNRY");

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++) {
    g_autofree gchar *expected = digest_run (settings[i], 0, sequences, 1000);

    for (guint workers = 0; workers < 4; workers++) {
      g_autofree gchar *got = digest_run (settings[i], workers, sequences, 1 + workers * 17);

      g_assert_cmpstr (got, ==, expected);
    }
  }
}

/* Every letter of every record is in its place. */
static void
check_all_letters (const gchar * properties, gboolean packed)
{
  g_autofree gchar *all = g_strdup_printf ("tokenizer=enformer %s", properties);
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_auto (GStrv) sequences = random_sequences (rand, 90, 1200, "ACGTNacgtnX");
  GstHarness *h = harness_new (all);
  g_autoptr (GPtrArray) batches = NULL;
  guint seen = 0;

  push_sequences (h, sequences, 40, rand);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);
    g_autofree gchar *text = vectors_text (batches->pdata[i]);
    gsize at = 0;

    for (guint k = 0; k < meta->n_records; k++, seen++) {
      g_autofree gchar *expected = g_ascii_strup (sequences[meta->records[k].id], -1);

      g_strdelimit (expected, "NX", '.');
      g_assert_cmpuint (meta->records[k].tokens, ==, strlen (expected));
      g_assert_cmpint (strncmp (text + at, expected, strlen (expected)), ==, 0);
      at += packed ? strlen (expected) : meta->tensors[0].dims[1];
    }
  }
  g_assert_cmpuint (seen, ==, 90);
  harness_free (h);
}

static void
test_all_letters (void)
{
  check_all_letters ("batch-size=16", FALSE);
  check_all_letters ("batch-size=0 max-tokens=9000", FALSE);
  check_all_letters ("batch-size=0 max-tokens=9000 layout=packed", TRUE);
}

/* Channels of another number: 20 for the amino acids. */
static void
test_file (void)
{
  static const gchar text[] = "[tokenizer]\nunits=one-hot\nletters=ACDEFGHIKLMNPQRSTVWY\n"
      "pad-side=left\n";
  g_autofree gchar *properties = NULL, *path = NULL;
  g_autoptr (GPtrArray) batches = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gint fd = g_file_open_tmp ("one-hot-XXXXXX", &path, NULL);
  gfloat expected[2][2][20] = { {{0}} };

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  properties = g_strdup_printf ("tokenizer=%s", path);
  batches = run_list (properties, "YC,D");
  bytes = gst_seq_batch_get_tensor_data (batches->pdata[0], 0, NULL, NULL, NULL);
  expected[0][0][19] = expected[0][1][1] = expected[1][1][2] = 1;
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected,
      sizeof expected);
  g_assert_cmpint (g_remove (path), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/seqbatch-one-hot/golden-padded", test_golden_padded);
  g_test_add_func ("/seqbatch-one-hot/golden-packed", test_golden_packed);
  g_test_add_func ("/seqbatch-one-hot/padding", test_padding);
  g_test_add_func ("/seqbatch-one-hot/static-caps", test_static_caps);
  g_test_add_func ("/seqbatch-one-hot/static-last", test_static_last);
  g_test_add_func ("/seqbatch-one-hot/dtypes", test_dtypes);
  g_test_add_func ("/seqbatch-one-hot/unknown", test_unknown);
  g_test_add_func ("/seqbatch-one-hot/unknown-error", test_unknown_error);
  g_test_add_func ("/seqbatch-one-hot/long-records", test_long_records);
  g_test_add_func ("/seqbatch-one-hot/overlong-error", test_overlong_error);
  g_test_add_func ("/seqbatch-one-hot/limits", test_limits);
  g_test_add_func ("/seqbatch-one-hot/budget", test_budget);
  g_test_add_func ("/seqbatch-one-hot/same-batches", test_same_batches);
  g_test_add_func ("/seqbatch-one-hot/all-letters", test_all_letters);
  g_test_add_func ("/seqbatch-one-hot/file", test_file);
  return g_test_run ();
}
