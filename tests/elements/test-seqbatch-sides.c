/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which end of a record seqbatch cuts off, and on which side of its tokens padding stands. */

#include "seqbatch-batches.h"

#include "tokenizer.h"

static gchar *
tokenizer_path (const gchar * name)
{
  return g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers", name, NULL);
}

static const GstSeqBatchRecord *
record_at (GstBuffer * batch, guint index)
{
  return &gst_buffer_get_seq_batch_meta (batch)->records[index];
}

/* ---- truncation ---- */

/* The tokens of a record, without padding. */
static GArray *
record_tokens (GstBuffer * batch, guint index)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  const GstSeqTensorInfo *info = &meta->tensors[0];
  g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batch, 0, NULL, NULL, NULL);
  guint32 n = meta->records[index].tokens;
  GArray *tokens = g_array_new (FALSE, FALSE, sizeof (gint64));
  gsize at = 0;

  if (meta->layout == GST_SEQ_LAYOUT_PADDED) {
    at = (gsize) index * info->dims[1] + (meta->pads_left ? info->dims[1] - n : 0);
  } else {
    for (guint i = 0; i < index; i++)
      at += meta->records[i].tokens;
  }
  for (guint i = 0; i < n; i++) {
    gint64 value = value_at (info->type, g_bytes_get_data (bytes, NULL), at + i);

    g_array_append_val (tokens, value);
  }
  return tokens;
}

/* All records in one batch. */
static GstBuffer *
run_sequences (const gchar * properties, GStrv sequences)
{
  GstHarness *h = harness_new (properties);
  GPtrArray *batches;
  GstBuffer *batch;

  push_sequences (h, sequences, g_strv_length (sequences), NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 1);
  batch = gst_buffer_ref (batches->pdata[0]);
  g_ptr_array_unref (batches);
  harness_free (h);
  return batch;
}

/* A record is tokenised whole, then ids are cut off at one end of its body; what special tokens
 * there are stay. */
static void
assert_cut (GArray * whole, GArray * cut, const SeqTokenizer * tokenizer, guint max_length,
    gboolean left)
{
  guint before = seq_tokenizer_get_n_prefix (tokenizer);
  guint after = seq_tokenizer_get_n_suffix (tokenizer);
  guint body = MIN (whole->len, max_length) - before - after;
  const gint64 *all = (const gint64 *) whole->data, *got = (const gint64 *) cut->data;
  const gint64 *from = all + (left ? whole->len - after - body : before);

  g_assert_cmpuint (cut->len, ==, before + body + after);
  g_assert_cmpmem (got, before * 8, all, before * 8);
  g_assert_cmpmem (got + before, body * 8, from, body * 8);
  g_assert_cmpmem (got + before + body, after * 8, all + whole->len - after, after * 8);
}

static void
check_truncated (const gchar * settings, GStrv sequences, GstBuffer * whole,
    const SeqTokenizer * tokenizer, guint max_length, gboolean left)
{
  g_autofree gchar *properties = g_strdup_printf ("%s max-length=%u truncate=%s", settings,
      max_length, left ? "left" : "right");
  GstBuffer *batch = run_sequences (properties, sequences);
  guint n = gst_seq_batch_get_n_records (whole);

  g_assert_cmpuint (gst_seq_batch_get_n_records (batch), ==, n);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GArray) all = record_tokens (whole, i), cut = record_tokens (batch, i);
    gboolean truncated = all->len > max_length;

    assert_cut (all, cut, tokenizer, max_length, left);
    g_assert_cmpuint (record_at (batch, i)->flags, ==,
        truncated ? GST_SEQ_BATCH_RECORD_TRUNCATED : 0);
    g_assert_cmpint (record_at (batch, i)->start > 0, ==, truncated && left);
  }
  gst_buffer_unref (batch);
}

/* Every kind of tokenizer with every policy, cut at both ends to several lengths. */
static void
test_truncate_kinds (void)
{
  static const gchar *const layouts[] = {
    "layout=padded", "layout=padded pad-side=left", "layout=packed window=0"
  };
  static const gchar *const policies[] = { "token", "per-run", "skip" };
  g_autofree gchar *bpe = tokenizer_path ("dna-bpe.json");
  g_autofree gchar *words = tokenizer_path ("protein-words.json");
  const gchar *const names[] = { "esm2", "bytes", "dnabert3", "nt6", "hyenadna", bpe, words };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    for (gsize k = 0; k < G_N_ELEMENTS (policies); k++) {
      g_auto (GStrv) sequences = random_sequences (rand, 30, 60, "AACCGGTTAACCGGTTN-a ");
      g_autofree gchar *settings = g_strdup_printf ("tokenizer=\"%s\" unknown=%s batch-size=0 %s",
          names[i], policies[k], layouts[(i + k) % G_N_ELEMENTS (layouts)]);
      g_autoptr (SeqTokenizer) tokenizer = seq_tokenizer_new (names[i], SEQ_UNKNOWN_TOKEN, NULL);
      GstBuffer *whole = run_sequences (settings, sequences);

      for (guint max_length = 3; max_length <= 40; max_length += 1 + max_length) {
        check_truncated (settings, sequences, whole, tokenizer, max_length, FALSE);
        check_truncated (settings, sequences, whole, tokenizer, max_length, TRUE);
      }
      gst_buffer_unref (whole);
    }
  }
}

static void
test_truncate_left (void)
{
  GstHarness *h = harness_new ("max-length=5 truncate=left");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "MKT,MKTAY,A,"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids",
      "0 20 15 11 2 0 11 5 19 2 0 5 2 1 1 0 2 1 1 1");
  g_assert_cmpuint (record_at (batches->pdata[0], 0)->start, ==, 0);
  g_assert_cmpuint (record_at (batches->pdata[0], 1)->start, ==, 2);
  g_assert_cmpuint (record_at (batches->pdata[0], 1)->tokens, ==, 5);
  g_assert_cmpuint (get_stat (h->element, "truncated"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 4);
  harness_free (h);
}

/* pad-to and a fixed total cut, too. */
static void
test_truncate_other_limits (void)
{
  g_autoptr (GPtrArray) padded = run_list ("pad-to=4 truncate=left", "MKTAY");
  g_autoptr (GPtrArray) packed = run_list ("layout=packed fixed-total=true max-tokens=4 "
      "truncate=left", "MKTAY");

  assert_tensor (padded->pdata[0], 0, "input_ids", "0 5 19 2");
  assert_tensor (packed->pdata[0], 0, "input_ids", "0 5 19 2");
}

/* What is cut off is neither counted nor an error. */
static void
test_truncate_unknown (void)
{
  GstHarness *h = harness_new ("max-length=5 truncate=left");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "**MKT,*MK*"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 20 15 3 2");
  g_assert_cmpuint (get_stat (h->element, "unknown"), ==, 1);
  harness_free (h);

  h = harness_new ("max-length=5 truncate=left unknown=error");
  g_assert_cmpint (push_list (h, "**MKT,*MK*"), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
      "record 1 'r1': residue 3 ('*')");
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  harness_free (h);
}

/* Windows cover all of a record, from its start on. */
static void
test_windows_stay (void)
{
  g_autoptr (GPtrArray) batches = run_list ("max-length=5 overlong=window stride=2 truncate=left",
      "MKTAY");

  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 11 5 19 2");
}

/* ---- padding ---- */

static void
check_padding (const gchar * properties, const gchar * list, const gchar * ids, const gchar * mask,
    gboolean left)
{
  g_autoptr (GPtrArray) batches = run_list (properties, list);

  assert_tensor (batches->pdata[0], 0, "input_ids", ids);
  assert_tensor (batches->pdata[0], 1, "attention_mask", mask);
  g_assert_cmpint (gst_buffer_get_seq_batch_meta (batches->pdata[0])->pads_left, ==, left);
}

static void
test_pad_side (void)
{
  check_padding ("", "MKT,A", "0 20 15 11 2 0 5 2 1 1", "1 1 1 1 1 1 1 1 0 0", FALSE);
  check_padding ("pad-side=right", "MKT,A", "0 20 15 11 2 0 5 2 1 1", "1 1 1 1 1 1 1 1 0 0", FALSE);
  check_padding ("pad-side=left", "MKT,A", "0 20 15 11 2 1 1 0 5 2", "1 1 1 1 1 0 0 1 1 1", TRUE);
  check_padding ("pad-side=left pad-to=6", "MKT,", "1 0 20 15 11 2 1 1 1 1 0 2",
      "0 1 1 1 1 1 0 0 0 0 1 1", TRUE);
  /* hyenadna has padding on the left */
  check_padding ("tokenizer=hyenadna", "ACG,A", "7 8 9 1 4 4 7 1", "1 1 1 1 0 0 1 1", TRUE);
  check_padding ("tokenizer=hyenadna pad-side=left", "ACG,A", "7 8 9 1 4 4 7 1", "1 1 1 1 0 0 1 1",
      TRUE);
  check_padding ("tokenizer=hyenadna pad-side=right", "ACG,A", "7 8 9 1 7 1 4 4", "1 1 1 1 1 1 0 0",
      FALSE);
}

/* Rows that no record fills are padding as a whole. */
static void
test_pad_side_static (void)
{
  GstHarness *h = harness_new_full ("pad-to=4 batch-size=2 pad-side=left",
      "other/tensors,format=static");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_tensor (batches->pdata[0], 0, "input_ids", "1 0 5 2 1 1 1 1");
  assert_tensor (batches->pdata[0], 1, "attention_mask", "0 1 1 1 0 0 0 0");
  harness_free (h);
}

/* A packed batch has no rows to pad; a fixed total is filled up behind the records. */
static void
test_pad_side_packed (void)
{
  g_autoptr (GPtrArray) batches = run_list ("layout=packed fixed-total=true max-tokens=6 window=0 "
      "pad-side=left", "A");

  assert_tensor (batches->pdata[0], 0, "input_ids", "0 5 2 1 1 1");
  assert_tensor (batches->pdata[0], 1, "cu_seqlens", "0 3");
  g_assert_false (gst_buffer_get_seq_batch_meta (batches->pdata[0])->pads_left);
}

/* ---- both, as a file says ---- */

/* dna-bpe-left.tsv: the records and rows of one batch, as Hugging Face's library made it. */
static void
test_reference (void)
{
  g_autofree gchar *json = tokenizer_path ("dna-bpe-left.json");
  g_autofree gchar *tsv = tokenizer_path ("dna-bpe-left.tsv");
  g_autofree gchar *properties = g_strdup_printf ("tokenizer=\"%s\" max-length=40 batch-size=0",
      json);
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  GString *expected = g_string_new (NULL);
  GstBuffer *batch;

  g_assert_true (g_file_get_contents (tsv, &text, NULL, NULL));
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    gchar *tab = strchr (lines[i], '\t');

    g_assert_nonnull (tab);
    g_string_append_printf (expected, "%s%s", i > 0 ? " " : "", tab + 1);
    *tab = '\0';
  }
  batch = run_sequences (properties, lines);
  g_assert_true (gst_buffer_get_seq_batch_meta (batch)->pads_left);
  g_assert_cmpuint (gst_buffer_get_seq_batch_meta (batch)->longest, ==, 40);
  assert_tensor (batch, 0, "input_ids", expected->str);
  gst_buffer_unref (batch);
  g_string_free (expected, TRUE);
}

/* A property that is set counts, whatever the file says. */
static void
test_file_and_property (void)
{
  g_autofree gchar *json = tokenizer_path ("dna-bpe-left.json");
  g_autofree gchar *left = g_strdup_printf ("tokenizer=\"%s\" max-length=4", json);
  g_autofree gchar *right = g_strdup_printf ("%s truncate=right pad-side=right", left);

  check_padding (left, "A N C N A,A", "1 8 5 2 3 1 5 2", "1 1 1 1 0 1 1 1", TRUE);
  check_padding (right, "A N C N A,A", "1 5 8 2 1 5 2 3", "1 1 1 1 1 1 1 0", FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/seqbatch-sides/truncate-kinds", test_truncate_kinds);
  g_test_add_func ("/seqbatch-sides/truncate-left", test_truncate_left);
  g_test_add_func ("/seqbatch-sides/truncate-other-limits", test_truncate_other_limits);
  g_test_add_func ("/seqbatch-sides/truncate-unknown", test_truncate_unknown);
  g_test_add_func ("/seqbatch-sides/windows-stay", test_windows_stay);
  g_test_add_func ("/seqbatch-sides/pad-side", test_pad_side);
  g_test_add_func ("/seqbatch-sides/pad-side-static", test_pad_side_static);
  g_test_add_func ("/seqbatch-sides/pad-side-packed", test_pad_side_packed);
  g_test_add_func ("/seqbatch-sides/reference", test_reference);
  g_test_add_func ("/seqbatch-sides/file-and-property", test_file_and_property);
  return g_test_run ();
}
