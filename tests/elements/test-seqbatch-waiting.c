/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What rows of seqbatch keep while they wait for others: little of large blocks, no end of names. */

#include "seqbatch-batches.h"

/* 64 MiB of names end a batch, whatever it could still take, so they are not kept without end. */
static void
test_many_names (void)
{
  const gsize length = (gsize) 33 << 20;
  g_autofree gchar *name = g_strnfill (length, 'n');
  GstHarness *h = harness_new ("batch-size=100");
  g_autoptr (GPtrArray) batches = NULL;

  for (guint64 id = 0; id < 5; id++) {
    g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (id);

    g_assert_true (gst_seq_block_builder_add (builder, name, length, "ACD", 3, NULL));
    g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
    /* at once, not when the next one comes */
    g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, (id + 1) / 2);
  }
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2 2 1");
  harness_free (h);
}

/* ---- blocks that rows wait in ---- */

#define LONG_RESIDUES ((gsize) 20 << 20)

/* "MKT", then a record of 20 MiB that begins with WY and ends in HI */
static GstBuffer *
large_block (guint64 first)
{
  g_autofree gchar *residues = g_strnfill (LONG_RESIDUES, 'A');
  const gchar *sequences[] = { "MKT", residues };

  memcpy (residues, "WY", 2);
  memcpy (residues + LONG_RESIDUES - 2, "HI", 2);
  return block_of (first, sequences, 2);
}

static void
count_freed (gpointer data, GstMiniObject * object)
{
  ++*(guint *) data;
}

static void
push_large_blocks (GstHarness * h, guint n, guint * n_freed)
{
  for (guint i = 0; i < n; i++) {
    GstBuffer *block = large_block (2 * i);

    gst_mini_object_weak_ref (GST_MINI_OBJECT_CAST (block), count_freed, n_freed);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  }
}

/* Rows that need little of a large block don't keep it, and are what they would be with it. */
static void
check_large_blocks (const gchar * properties, const gchar * ids, guint32 start)
{
  g_autofree gchar *all = g_strconcat ("max-length=5 batch-size=100 ", properties, NULL);
  GstHarness *h = harness_new (all);
  g_autoptr (GPtrArray) batches = NULL;
  const GstSeqBatchMeta *meta;
  guint n_freed = 0;

  push_large_blocks (h, 3, &n_freed);
  g_assert_cmpuint (n_freed, ==, 3);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 1);
  assert_tensor (batches->pdata[0], 0, "input_ids", ids);
  meta = gst_buffer_get_seq_batch_meta (batches->pdata[0]);
  g_assert_cmpuint (meta->n_records, ==, 6);
  for (guint i = 0; i < 6; i++) {
    g_autofree gchar *expected = g_strdup_printf ("r%u", i);
    g_autofree gchar *name = gst_seq_batch_dup_name (batches->pdata[0], i);

    g_assert_cmpuint (meta->records[i].id, ==, i);
    g_assert_cmpstr (name, ==, expected);
    g_assert_cmpuint (meta->records[i].start, ==, i % 2 == 0 ? 0 : start);
    g_assert_cmpuint (meta->records[i].flags, ==,
        i % 2 == 0 ? 0 : GST_SEQ_BATCH_RECORD_TRUNCATED);
  }
  harness_free (h);
}

/* Usual records are read where they are. */
static void
test_usual_blocks (void)
{
  g_autofree gchar *residues = g_strnfill (200000, 'A');
  const gchar *const blocks[][2] = { { "MKT", "A" }, { residues, residues } };
  GstHarness *h = harness_new ("batch-size=100");
  g_autoptr (GPtrArray) batches = NULL;
  guint n_freed = 0;

  for (guint i = 0; i < 2; i++) {
    GstBuffer *block = block_of (2 * i, blocks[i], 2);

    gst_mini_object_weak_ref (GST_MINI_OBJECT_CAST (block), count_freed, &n_freed);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  }
  g_assert_cmpuint (n_freed, ==, 0);
  push_eos (h);
  g_assert_cmpuint (n_freed, ==, 2);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "4");
  harness_free (h);
}

static void
test_large_blocks (void)
{
  check_large_blocks ("", "0 20 15 11 2 0 22 19 5 2 0 20 15 11 2 0 22 19 5 2 "
      "0 20 15 11 2 0 22 19 5 2", 0);
  check_large_blocks ("truncate=left", "0 20 15 11 2 0 5 21 12 2 0 20 15 11 2 0 5 21 12 2 "
      "0 20 15 11 2 0 5 21 12 2", LONG_RESIDUES - 3);
  check_large_blocks ("layout=packed window=0", "0 20 15 11 2 0 22 19 5 2 0 20 15 11 2 "
      "0 22 19 5 2 0 20 15 11 2 0 22 19 5 2", 0);
}

/* What is left out of it counts where an error says which residue is wrong. */
static void
test_error_in_large_block (void)
{
  GstHarness *h = harness_new ("max-length=5 truncate=left unknown=error");
  g_autofree gchar *residues = g_strnfill (LONG_RESIDUES, 'A');
  g_autofree gchar *says = g_strdup_printf ("record 1 'r1': residue %" G_GSIZE_FORMAT " ('*')",
      LONG_RESIDUES - 2);
  const gchar *sequences[] = { "MKT", residues };

  residues[LONG_RESIDUES - 2] = '*';
  g_assert_cmpint (gst_harness_push (h, block_of (0, sequences, 2)), ==, GST_FLOW_OK);
  push_eos (h);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, says);
  harness_free (h);
}

/* A flush lets go of what waits: copies, and a block that is needed whole. */
static void
test_flush (void)
{
  g_autofree gchar *residues = g_strnfill (200000, 'A');
  const gchar *const sequences[] = { residues, residues };
  GstBuffer *block = block_of (4, sequences, 2);
  GstHarness *h = harness_new ("max-length=300000 batch-size=100");
  g_autoptr (GPtrArray) batches = NULL;
  guint n_freed = 0;

  gst_mini_object_weak_ref (GST_MINI_OBJECT_CAST (block), count_freed, &n_freed);
  push_large_blocks (h, 2, &n_freed);
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  g_assert_cmpuint (n_freed, ==, 2);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_cmpuint (n_freed, ==, 3);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 0);
  harness_free (h);
}

/* Records that are left out keep nothing, however many usual ones of them a block has. */
static void
test_skipped_neighbours (void)
{
  g_autofree gchar *skipped = g_strnfill (40000, 'A');
  const gchar *sequences[100];
  GstHarness *h = harness_new ("batch-size=100 max-length=10 overlong=skip");
  g_autoptr (GPtrArray) batches = NULL;
  guint n_freed = 0;

  for (guint i = 0; i < 100; i++)
    sequences[i] = i == 50 ? "MKT" : skipped;
  for (guint i = 0; i < 3; i++) {
    GstBuffer *block = block_of (100 * i, sequences, 100);

    gst_mini_object_weak_ref (GST_MINI_OBJECT_CAST (block), count_freed, &n_freed);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
    g_assert_cmpuint (n_freed, ==, i + 1);
  }
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 1);
  assert_tensor (batches->pdata[0], 0, "input_ids", "0 20 15 11 2 0 20 15 11 2 0 20 15 11 2");
  harness_free (h);
}

/* ---- the same as without waiting ---- */

#define LONG_LENGTH 400000

/* Tokens, and what is said of each row, in the order of rows */
static GString *
run_long (const gchar * properties, GStrv sequences, gboolean lets_go, guint64 * unknown)
{
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) batches = NULL;
  GString *tokens = g_string_new (NULL), *rows = g_string_new (NULL);
  guint n_freed = 0, n = g_strv_length (sequences);

  for (guint i = 0; i < n; i += 2) {
    GstBuffer *block = block_of (i, (const gchar * const *) sequences + i, 2);

    gst_mini_object_weak_ref (GST_MINI_OBJECT_CAST (block), count_freed, &n_freed);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
    if (lets_go)
      g_assert_cmpuint (n_freed, ==, i / 2 + 1);
  }
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint b = 0; b < batches->len; b++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[b]);
    g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batches->pdata[b], 0, NULL, NULL,
        NULL);

    g_string_append_len (tokens, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    for (guint i = 0; i < meta->n_records; i++) {
      const GstSeqBatchRecord *r = &meta->records[i];
      g_autofree gchar *name = gst_seq_batch_dup_name (batches->pdata[b], i);

      g_string_append_printf (rows, "%" G_GUINT64_FORMAT " %s %u %u %u %u\n", r->id, name,
          r->tokens, r->flags, r->window, r->start);
    }
  }
  *unknown = get_stat (h->element, "unknown");
  harness_free (h);
  g_string_append (tokens, rows->str);
  g_string_free (rows, TRUE);
  return tokens;
}

static void
check_long (const gchar * tokenizer, const gchar * policy, const gchar * cut, gboolean lets_go)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_auto (GStrv) sequences = random_sequences (rand, 4, 40, "ACGTACGTACGTNR-");
  g_autofree gchar *settings = g_strdup_printf ("tokenizer=\"%s\" unknown=%s %s layout=packed "
      "window=0 workers=0", tokenizer, policy, cut);
  g_autofree gchar *waiting = g_strconcat (settings, " batch-size=7", NULL);
  g_autofree gchar *alone = g_strconcat (settings, " batch-size=1", NULL);
  g_autoptr (GString) found = NULL, expected = NULL;
  guint64 n_found, n_expected;

  for (guint i = 1; i < 4; i += 2) {
    g_free (sequences[i]);
    sequences[i] = g_malloc0 (LONG_LENGTH + 1);
    for (guint k = 0; k < LONG_LENGTH; k++)
      sequences[i][k] = "ACGTACGTACGTNR-"[g_rand_int_range (rand, 0, 15)];
  }
  found = run_long (waiting, sequences, lets_go, &n_found);
  expected = run_long (alone, sequences, TRUE, &n_expected);
  g_assert_cmpmem (found->str, found->len, expected->str, expected->len);
  g_assert_cmpuint (n_found, ==, n_expected);
}

/* Every kind of tokenizer with every policy; only those whose tokens may hang on all that follows
 * need the block. */
static void
test_kinds (void)
{
  static const gchar *const policies[] = { "token", "per-run", "skip" };
  g_autofree gchar *bpe = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers",
      "dna-bpe.json", NULL);
  const gchar *const names[] = { "esm2", "bytes", "hyenadna", "nt6", "dnabert3", "enformer", bpe };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    for (gsize k = 0; k < G_N_ELEMENTS (policies); k++) {
      gboolean overlapping = g_str_equal (names[i], "dnabert3");
      gboolean ends_early = names[i] != bpe && (!overlapping || k == 0);

      check_long (names[i], policies[k], "max-length=50", ends_early);
      check_long (names[i], policies[k], "max-length=50 truncate=left", TRUE);
      if (k == 0)
        check_long (names[i], policies[k], "max-length=9000 stride=8000 overlong=window", FALSE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/seqbatch/many-names", test_many_names);
  g_test_add_func ("/seqbatch/usual-blocks", test_usual_blocks);
  g_test_add_func ("/seqbatch/large-blocks", test_large_blocks);
  g_test_add_func ("/seqbatch/error-in-large-block", test_error_in_large_block);
  g_test_add_func ("/seqbatch/flush-of-waiting", test_flush);
  g_test_add_func ("/seqbatch/skipped-neighbours", test_skipped_neighbours);
  g_test_add_func ("/seqbatch/waiting-kinds", test_kinds);
  return g_test_run ();
}
