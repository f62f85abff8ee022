/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <glib/gstdio.h>
#include <string.h>

#define N_RECORDS 1000

static gchar *fasta;            /* path of a file of N_RECORDS random lengths */

static void
write_fasta (void)
{
  GString *text = g_string_new (NULL);
  GRand *rand = g_rand_new_with_seed (7);
  gint fd = g_file_open_tmp ("seqloader-XXXXXX.fa", &fasta, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  for (guint i = 0; i < N_RECORDS; i++) {
    g_string_append_printf (text, ">r%u\n", i);
    for (gint n = g_rand_int_range (rand, 1, 500); n > 0; n--)
      g_string_append_c (text, "ACDEFGHIKLMNPQRSTVWY"[g_rand_int_range (rand, 0, 20)]);
    g_string_append_c (text, '\n');
  }
  g_assert_true (g_file_set_contents (fasta, text->str, text->len, NULL));
  g_rand_free (rand);
  g_string_free (text, TRUE);
}

/* what a run gives: ids in order of the rows, and how well the batches are filled */
typedef struct
{
  GArray *ids;                  /* guint64 */
  guint batches;
  guint64 tokens, slots;
} Result;

/* Sets `name=value` pairs, separated by blanks, of the loader and its children. (gst_parse_launch()
 * would do it, but in GStreamer 1.22.0 it keeps a reference of each child.) */
static void
set_properties (GstElement * loader, const gchar * properties)
{
  gchar **pairs = g_strsplit (properties, " ", -1);

  for (gchar ** pair = pairs; *pair; pair++) {
    gchar **parts = g_strsplit (*pair, "=", 2);
    GObject *target;
    GParamSpec *pspec;

    g_assert_true (gst_child_proxy_lookup (GST_CHILD_PROXY (loader), parts[0], &target, &pspec));
    gst_util_set_object_arg (target, pspec->name, parts[1]);
    g_object_unref (target);
    g_strfreev (parts);
  }
  g_strfreev (pairs);
}

static Result
run (const gchar * properties)
{
  GstElement *loader = gst_element_factory_make ("seqloader", NULL);
  GstHarness *h = gst_harness_new_with_element (loader, NULL, "src");
  Result result = { g_array_new (FALSE, FALSE, sizeof (guint64)), 0, 0, 0 };
  GstBuffer *batch;

  g_object_set (loader, "location", fasta, NULL);
  set_properties (loader, properties);
  gst_harness_play (h);
  while (gst_harness_pull_until_eos (h, &batch) && batch) {
    GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

    g_assert_nonnull (meta);
    for (guint i = 0; i < meta->n_records; i++)
      g_array_append_val (result.ids, meta->records[i].id);
    result.batches++;
    result.tokens += meta->tokens;
    result.slots += meta->slots;
    gst_buffer_unref (batch);
  }
  gst_harness_teardown (h);
  gst_object_unref (loader);
  return result;
}

static void
assert_all_once (const Result * result)
{
  gboolean seen[N_RECORDS] = { FALSE };

  g_assert_cmpuint (result->ids->len, ==, N_RECORDS);
  for (guint i = 0; i < N_RECORDS; i++) {
    guint64 id = g_array_index (result->ids, guint64, i);

    g_assert_cmpuint (id, <, N_RECORDS);
    g_assert_false (seen[id]);
    seen[id] = TRUE;
  }
}

static gdouble
utilisation (const Result * result)
{
  return (gdouble) result->tokens / result->slots;
}

static gboolean
in_file_order (const Result * result)
{
  for (guint i = 1; i < result->ids->len; i++)
    if (g_array_index (result->ids, guint64, i) < g_array_index (result->ids, guint64, i - 1))
      return FALSE;
  return TRUE;
}

static void
test_orders (void)
{
  Result sorted = run ("batch-size=20"), plain = run ("batch-size=20 sort-by-length=false");
  Result shuffled = run ("batch-size=20 sort-by-length=false shuffle=true");
  Result other = run ("batch-size=20 sort-by-length=false shuffle=true sort::seed=5");
  Result grouped = run ("batch-size=20 shuffle=true sort::window=500");
  Result *all[] = { &sorted, &plain, &shuffled, &other, &grouped };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    assert_all_once (all[i]);
    g_assert_cmpuint (all[i]->batches, ==, N_RECORDS / 20);
  }
  g_assert_cmpfloat (utilisation (&sorted), >, 0.97);
  g_assert_true (in_file_order (&plain));
  g_assert_cmpfloat (utilisation (&plain), <, 0.7);
  g_assert_false (in_file_order (&shuffled));
  g_assert_true (memcmp (shuffled.ids->data, other.ids->data, N_RECORDS * sizeof (guint64)) != 0);
  /* the mend of a shuffle that undoes the sort: padding stays low */
  g_assert_cmpfloat (utilisation (&grouped), >, 0.9);
  g_assert_true (memcmp (grouped.ids->data, sorted.ids->data, N_RECORDS * sizeof (guint64)) != 0);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    g_array_unref (all[i]->ids);
}

/* Vectors instead of ids: the same rows, without special tokens. */
static void
test_one_hot (void)
{
  Result ids = run ("batch-size=20"), vectors = run ("batch-size=20 batch::tokenizer=enformer");

  assert_all_once (&vectors);
  g_assert_cmpuint (vectors.batches, ==, ids.batches);
  g_assert_cmpuint (vectors.tokens, ==, ids.tokens - 2 * N_RECORDS);
  g_assert_cmpfloat (utilisation (&vectors), >, 0.97);
  g_array_unref (ids.ids);
  g_array_unref (vectors.ids);
}

/* The arguments of the loader that it replaces, one to one, and their defaults. */
static void
test_properties (void)
{
  GstElement *loader = gst_element_factory_make ("seqloader", NULL);
  GstElement *batch, *queue, *sort, *src;
  gchar *location;
  guint batch_size, num_gpus, prefetch;
  gint workers, order, pin;
  gboolean pin_memory, shuffle, by_length;

  g_assert_nonnull (loader);
  g_object_get (loader, "location", &location, "batch-size", &batch_size, "num-gpus", &num_gpus,
      "dataloader-workers", &workers, "pin-memory", &pin_memory, "shuffle", &shuffle,
      "sort-by-length", &by_length, NULL);
  g_assert_null (location);
  g_assert_cmpuint (batch_size, ==, 32);
  g_assert_cmpuint (num_gpus, ==, 1);
  g_assert_cmpint (workers, ==, -1);
  g_assert_true (pin_memory);
  g_assert_false (shuffle);
  g_assert_true (by_length);

  src = gst_bin_get_by_name (GST_BIN (loader), "src");
  sort = gst_bin_get_by_name (GST_BIN (loader), "sort");
  batch = gst_bin_get_by_name (GST_BIN (loader), "batch");
  queue = gst_bin_get_by_name (GST_BIN (loader), "queue");
  g_object_get (queue, "prefetch-factor", &prefetch, "pin-memory", &pin, NULL);
  g_assert_cmpuint (prefetch, ==, 2);
  g_assert_cmpint (pin, ==, 0);         /* auto */
  g_object_get (sort, "order", &order, NULL);
  g_assert_cmpint (order, ==, 0);       /* ascending */

  g_object_set (loader, "location", "x.fa", "batch-size", 5, "num-gpus", 2, "dataloader-workers", 3,
      "pin-memory", FALSE, "shuffle", TRUE, NULL);
  g_object_get (src, "location", &location, NULL);
  g_assert_cmpstr (location, ==, "x.fa");
  g_free (location);
  g_object_get (batch, "batch-size", &batch_size, "num-gpus", &num_gpus, "workers", &workers, NULL);
  g_assert_cmpuint (batch_size, ==, 5);
  g_assert_cmpuint (num_gpus, ==, 2);
  g_assert_cmpint (workers, ==, 3);
  g_object_get (queue, "pin-memory", &pin, NULL);
  g_assert_cmpint (pin, ==, 2);         /* off */
  g_object_get (sort, "order", &order, NULL);
  g_assert_cmpint (order, ==, 3);       /* grouped */
  g_object_set (loader, "sort-by-length", FALSE, NULL);
  g_object_get (sort, "order", &order, NULL);
  g_assert_cmpint (order, ==, 2);       /* shuffle */
  g_object_set (loader, "shuffle", FALSE, NULL);
  g_object_get (sort, "order", &order, NULL);
  g_assert_cmpint (order, ==, 4);       /* none */

  /* whatever else there is, through the children */
  gst_child_proxy_set (GST_CHILD_PROXY (loader), "batch::max-tokens", (guint64) 4096,
      "guard::interval", 7, NULL);
  gst_child_proxy_get (GST_CHILD_PROXY (loader), "guard::interval", &workers, NULL);
  g_assert_cmpint (workers, ==, 7);

  gst_object_unref (src);
  gst_object_unref (sort);
  gst_object_unref (batch);
  gst_object_unref (queue);
  gst_object_unref (loader);
}

static void
test_no_file (void)
{
  GstElement *pipeline = gst_parse_launch ("seqloader location=/no/such/file.fa ! fakesink", NULL);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/no/such/file.fa"));
  g_clear_error (&error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
test_state_cycles (void)
{
  gchar *line = g_strdup_printf ("seqloader location=\"%s\" ! fakesink", fasta);
  GstElement *pipeline = gst_parse_launch (line, NULL);

  for (guint i = 0; i < 100; i++) {
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i % 2)
      gst_element_get_state (pipeline, NULL, NULL, 10 * GST_SECOND);
    g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_NULL), ==,
        GST_STATE_CHANGE_SUCCESS);
  }
  gst_object_unref (pipeline);
  g_free (line);
}

int
main (int argc, char **argv)
{
  gint status;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  write_fasta ();
  g_test_add_func ("/seqloader/orders", test_orders);
  g_test_add_func ("/seqloader/one-hot", test_one_hot);
  g_test_add_func ("/seqloader/properties", test_properties);
  g_test_add_func ("/seqloader/no-file", test_no_file);
  g_test_add_func ("/seqloader/state-cycles", test_state_cycles);
  status = g_test_run ();
  g_unlink (fasta);
  g_free (fasta);
  return status;
}
