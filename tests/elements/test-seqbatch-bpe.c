/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqbatch-batches.h"

#include "../core/memory-limit.h"
#include "tokenizer.h"

/* seqbatch with a tokenizer.json, which may take a whole contig for one word. */

static gchar *
data_path (const gchar * name)
{
  return g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers", name, NULL);
}

/* Windows of a contig of a million bases are its tokens one behind the other, and each starts where
 * its first token does. Were each to read the rest of the contig it would take minutes. */
static void
test_contig (void)
{
  g_autofree gchar *path = data_path ("dnabert2-like.json");
  g_autofree gchar *properties = g_strdup_printf ("tokenizer=\"%s\" overlong=window max-length=512 "
      "batch-size=16 dtype=int32", path);
  SeqTokenizer *tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, NULL);
  const gsize n = 1000000;
  g_autofree gchar *contig = g_malloc0 (n + 1);
  g_autofree gint32 *ids = g_new (gint32, n + 2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) batches = NULL;
  gsize n_ids, at = 1, start = 0;

  for (gsize i = 0; i < n; i++)
    contig[i] = "ACGT"[g_rand_int_range (rand, 0, 4)];
  n_ids = seq_tokenizer_encode (tokenizer, (const guint8 *) contig, n, 0, G_MAXSIZE,
      SEQ_DTYPE_INT32, ids, NULL, NULL);
  push_list (h, contig);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);
    guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
    g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batches->pdata[i], 0, NULL, NULL,
        dims);
    const gint32 *row = g_bytes_get_data (bytes, NULL);

    for (guint k = 0; k < meta->n_records; k++, row += dims[1]) {
      gsize body = meta->records[k].tokens - 2;

      g_assert_cmpmem (row + 1, body * 4, ids + at, body * 4);
      g_assert_cmpuint (meta->records[k].start, ==, start);
      start += seq_tokenizer_token_position (tokenizer, (const guint8 *) contig + start, n - start,
          body);
      at += body;
    }
  }
  g_assert_cmpuint (at + 1, ==, n_ids);
  seq_tokenizer_free (tokenizer);
  harness_free (h);
}

/* Merges in no order make a contig one piece; where there is no memory for it an error names it,
 * behind the batches of the records before it. */
static void
test_no_memory (void)
{
  enum { N = 700 };             /* more than are read before the first batches begin */
  g_autofree gchar *path = data_path ("dna-bpe-shuffled.json");
  g_autofree gchar *properties = g_strdup_printf ("tokenizer=\"%s\" batch-size=10 workers=2",
      path);
  g_autoptr (GPtrArray) batches = NULL;
  g_autofree gchar *contig = NULL;
  const gchar *sequences[N];
  GstHarness *h;
  GstBuffer *block;

  if (!begin_memory_test ())
    return;
  contig = g_strnfill (64 << 20, 'A');
  h = harness_new (properties);
  for (guint i = 0; i < N; i++)
    sequences[i] = i == N - 1 ? contig : "ACGT";
  block = block_of (7, sequences, N);
  limit_memory ();
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
      "record 706 'r706': no memory to tokenize its 67108864 residues");
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, (N - 1) / 10);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqbatch-bpe/contig", test_contig);
  g_test_add_func ("/seqbatch-bpe/no-memory", test_no_memory);
  return g_test_run ();
}
