/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipelines.h"

#include <glib/gstdio.h>
#include <gst/seq/seq.h>
#include <sys/wait.h>

/* Whole pipelines in this process: round trips, foreign elements in between, seeks, state cycles,
 * changes while playing. */

static gchar *directory;
static gchar *proteins, *reads; /* the samples, small and plain */

static gchar *
out_path (void)
{
  return g_build_filename (directory, "out", NULL);
}

static gchar *
read_and_remove (const gchar * path, gsize * size)
{
  gchar *text;

  g_assert_true (g_file_get_contents (path, &text, size, NULL));
  g_unlink (path);
  return text;
}

/* ---- round trips ---- */

static void
assert_same_as (const gchar * path, const gchar * expected, gsize size)
{
  gsize n;
  gchar *text = read_and_remove (path, &n);

  g_assert_cmpmem (text, n, expected, size);
  g_free (text);
}

/* Runs a shell command with the two files as $1 and $2. The compressors are the machine's; a
 * missing one leaves its case out. */
static gboolean
compress (const gchar * command, const gchar * from, const gchar * to)
{
  const gchar *argv[] = { "sh", "-c", command, "sh", from, to, NULL };
  gint status = -1;

  return g_spawn_sync (NULL, (gchar **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
      &status, NULL) && status == 0;
}

static void
check_round_trip (const gchar * input, const gchar * plain, gint line_width)
{
  static const gchar *const sources[] = {
    "seqsrc location=\"%s\"", "filesrc location=\"%s\" ! seqdec", "filesrc location=\"%s\" blocksize=7 ! seqdec",
  };
  gchar *out = out_path (), *expected;
  gsize size;

  g_assert_true (g_file_get_contents (plain, &expected, &size, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++) {
    gchar *format = g_strconcat (sources[i], " ! seqenc line-width=%d ! filesink location=\"%s\"", NULL);
    GstElement *pipeline = launch (format, input, line_width, out);

    run_to_eos (pipeline, NULL);
    end_pipeline (pipeline);
    assert_same_as (out, expected, size);
    g_free (format);
  }
  g_free (expected);
  g_free (out);
}

static void
test_round_trip (void)
{
  static const struct
  {
    const gchar *tool, *command;
  } kinds[] = {
    {"gzip", "gzip -c < \"$1\" > \"$2\""},
    {"gzip", "(head -c 9999 \"$1\" | gzip; tail -c +10000 \"$1\" | gzip) > \"$2\""},
    {"bgzip", "bgzip -c < \"$1\" > \"$2\""}, {"zstd", "zstd -qc < \"$1\" > \"$2\""},
    {"cat", "cat \"$1\" > \"$2\""},
  };
  const gchar *const files[] = { proteins, reads };

  for (guint f = 0; f < G_N_ELEMENTS (files); f++) {
    for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
      gchar *input = g_build_filename (directory, "input", NULL);

      if (!compress (kinds[i].command, files[f], input))
        g_test_message ("no %s: left out", kinds[i].tool);
      else
        check_round_trip (input, files[f], 0);
      g_unlink (input);
      g_free (input);
    }
  }
}

/* Standard input, through seqsrc and through fdsrc, which only a process of its own has. */
static void
test_standard_input (void)
{
  static const gchar *const sources[] = { "seqsrc location=-", "fdsrc ! seqdec" };
  gchar *out = out_path (), *text;
  GBytes *input;
  gsize size;

  g_assert_true (g_file_get_contents (proteins, &text, &size, NULL));
  input = g_bytes_new_take (text, size);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++) {
    gchar *line = g_strdup_printf ("%s ! seqenc line-width=0 ! filesink location=\"%s\"", sources[i],
        out);
    RunResult run = run_seqrun (input, "--quiet", line, NULL);

    g_assert_cmpint (run.status, ==, 0);
    assert_same_as (out, text, size);
    run_result_clear (&run);
    g_free (line);
  }
  g_bytes_unref (input);
  g_free (out);
}

/* A closed one is an error, and not whatever has been opened in its place; nor do messages go into a
 * file that has been opened in the place of the standard error. */
static void
test_closed_descriptors (void)
{
  g_autofree gchar *out = out_path ();
  const gchar *seqrun = g_getenv ("SEQRUN");
  g_autofree gchar *line = g_strdup_printf ("seqsrc location=\"%s\" ! seqenc line-width=0 ! "
      "filesink location=\"%s\" seqsrc location=/nonexistent ! fakesink", proteins, out);
  const gchar *no_input[] = { "sh", "-c", "exec \"$0\" 'seqsrc location=- ! fakesink' <&-",
    seqrun, NULL
  };
  const gchar *no_messages[] = { "sh", "-c", "exec \"$0\" \"$1\" 2>&-", seqrun, line, NULL };
  g_autofree gchar *messages = NULL, *text = NULL;
  gint status;

  g_assert_true (g_spawn_sync (NULL, (gchar **) no_input, NULL,
          G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, &messages, &status,
          NULL));
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 1);
  g_assert_nonnull (strstr (messages, "Bad file descriptor"));

  g_assert_true (g_spawn_sync (NULL, (gchar **) no_messages, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
          NULL, NULL, &status, NULL));
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 1);
  if (g_file_get_contents (out, &text, NULL, NULL))
    g_assert_null (strstr (text, "error"));
  g_unlink (out);
}

/* ---- other elements in between ---- */

static void
test_foreign_elements (void)
{
  static const gchar *const between[] = {
    "identity", "queue", "valve", "tee", "queue max-size-buffers=1 ! identity ! queue",
    "progressreport silent=true", "identity sleep-time=100", "capsfilter",
  };

  for (guint i = 0; i < G_N_ELEMENTS (between); i++) {
    const gchar *e = between[i];
    GstElement *pipeline;
    GstElementFactory *factory = gst_element_factory_find ("progressreport");

    if (!factory && g_str_has_prefix (e, "progressreport")) {
      g_test_message ("no progressreport: left out");
      continue;
    }
    gst_clear_object (&factory);
    pipeline = launch ("seqsrc name=src location=\"%s\" ! %s ! seqsort ! %s ! "
        "seqbatch name=batch batch-size=7 ! %s ! pinnedqueue ! %s ! cudamemguard name=guard ! %s ! "
        "fakesink", proteins, e, e, e, e, e);
    run_to_eos (pipeline, NULL);
    g_assert_cmpuint (stats_number (pipeline, "src", "records"), ==, 200);
    g_assert_cmpuint (stats_number (pipeline, "batch", "records"), ==, 200);
    g_assert_cmpuint (stats_number (pipeline, "guard", "records"), ==, 200);
    end_pipeline (pipeline);
  }
}

static void
test_tee_branches (void)
{
  gchar *out = out_path (), *expected;
  GstElement *pipeline = launch ("seqsrc location=\"%s\" ! tee name=t "
      "t. ! queue ! seqbatch name=batch ! fakesink "
      "t. ! queue ! seqenc line-width=0 ! filesink location=\"%s\" "
      "t. ! queue ! seqsort order=shuffle ! seqbatch name=other layout=packed ! appsink name=sink "
      "sync=false max-buffers=1 drop=true wait-on-eos=false", proteins, out);
  gsize size;

  run_to_eos (pipeline, NULL);
  g_assert_cmpuint (stats_number (pipeline, "batch", "records"), ==, 200);
  g_assert_cmpuint (stats_number (pipeline, "other", "records"), ==, 200);
  g_assert_cmpuint (stats_number (pipeline, "batch", "tokens"), ==,
      stats_number (pipeline, "other", "tokens"));
  end_pipeline (pipeline);
  g_assert_true (g_file_get_contents (proteins, &expected, &size, NULL));
  assert_same_as (out, expected, size);
  g_free (expected);
  g_free (out);
}

/* ---- the same batches, whatever the way ---- */

static void
on_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad, GChecksum * sum)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);
  GstMapInfo map;

  for (guint i = 0; i < meta->n_records; i++)
    g_checksum_update (sum, (const guchar *) &meta->records[i].id, sizeof (guint64));
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_checksum_update (sum, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
}

static gulong
connect_checksum (GstElement * pipeline, GChecksum * sum)
{
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  gulong id = g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), sum);

  gst_object_unref (sink);
  return id;
}

static gchar *
batches_of (const gchar * source, const gchar * batch)
{
  GstElement *pipeline = launch ("%s ! seqsort order=shuffle seed=3 ! seqbatch batch-size=9 %s ! "
      "fakesink name=sink signal-handoffs=true", source, batch);
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  gchar *text;

  connect_checksum (pipeline, sum);
  run_to_eos (pipeline, NULL);
  end_pipeline (pipeline);
  text = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return text;
}

static void
test_same_batches (void)
{
  static const gchar *const ways[][2] = {
    {"seqsrc location=\"%s\"", "workers=0"}, {"seqsrc location=\"%s\"", "workers=1"},
    {"seqsrc location=\"%s\"", "workers=8"}, {"seqsrc location=\"%s\" blocksize=1", ""},
    {"seqsrc location=\"%s\" blocksize=10000", "workers=3"}, {"filesrc location=\"%s\" ! seqdec", ""},
    {"filesrc location=\"%s\" blocksize=100 ! seqdec blocksize=500", "workers=2"},
  };
  gchar *expected = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    gchar **parts = g_strsplit (ways[i][0], "%s", 2), *source = g_strjoinv (proteins, parts);
    gchar *got = batches_of (source, ways[i][1]);

    if (!expected)
      expected = g_strdup (got);
    g_assert_cmpstr (got, ==, expected);
    g_free (got);
    g_free (source);
    g_strfreev (parts);
  }
  g_free (expected);
}

/* A flushing seek to the start gives all batches again, from the first on. */
static void
test_seek_restarts (void)
{
  static const GstFormat formats[] = { GST_FORMAT_DEFAULT, GST_FORMAT_BYTES, GST_FORMAT_TIME };
  GstElement *pipeline = launch ("seqsrc location=\"%s\" ! seqsort ! seqbatch name=batch batch-size=11 ! "
      "pinnedqueue ! fakesink name=sink signal-handoffs=true", proteins);
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  GstBus *bus = gst_element_get_bus (pipeline);
  gchar *expected;

  connect_checksum (pipeline, sum);
  run_to_eos (pipeline, NULL);
  expected = g_strdup (g_checksum_get_string (sum));
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstMessage *message;

    g_checksum_reset (sum);
    g_assert_true (gst_element_seek_simple (pipeline, formats[i], GST_SEEK_FLAG_FLUSH, 0));
    message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS |
        GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
    gst_message_unref (message);
    g_assert_cmpstr (g_checksum_get_string (sum), ==, expected);
    g_assert_cmpuint (stats_number (pipeline, "batch", "records"), ==, 200);
  }
  gst_object_unref (bus);
  end_pipeline (pipeline);
  g_checksum_free (sum);
  g_free (expected);
}

/* ---- states ---- */

static void
test_state_cycles (void)
{
  GstElement *pipeline = launch ("seqsrc location=\"%s\" ! seqsort ! seqbatch batch-size=3 ! pinnedqueue "
      "! cudamemguard ! fakesink", proteins);

  for (guint i = 0; i < 100; i++) {
    gst_element_set_state (pipeline, i % 3 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    if (i % 2)
      gst_element_get_state (pipeline, NULL, NULL, 10 * GST_SECOND);
    g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_NULL), ==,
        GST_STATE_CHANGE_SUCCESS);
  }
  run_to_eos (pipeline, NULL);
  end_pipeline (pipeline);
}

static void
test_two_at_once (void)
{
  GstElement *a = launch ("seqsrc location=\"%s\" ! seqsort ! seqbatch name=batch ! pinnedqueue ! "
      "cudamemguard ! fakesink", proteins);
  GstElement *b = launch ("seqsrc location=\"%s\" ! seqbatch name=batch tokenizer=nt6 ! pinnedqueue ! "
      "cudamemguard ! fakesink", reads);

  gst_element_set_state (a, GST_STATE_PLAYING);
  run_to_eos (b, NULL);
  run_to_eos (a, NULL);
  g_assert_cmpuint (stats_number (a, "batch", "records"), ==, 200);
  g_assert_cmpuint (stats_number (b, "batch", "records"), ==, 50);
  end_pipeline (a);
  end_pipeline (b);
}

/* ---- changes while playing ---- */

static void
shrink_batches (GstElement * sink, GstBuffer * buffer, GstPad * pad, GstElement * pipeline)
{
  GstElement *batch = gst_bin_get_by_name (GST_BIN (pipeline), "batch");
  GstElement *guard = gst_bin_get_by_name (GST_BIN (pipeline), "guard");
  static gint n = 0;

  if (g_atomic_int_add (&n, 1) == 0)
    g_object_set (batch, "batch-size", 2, NULL);
  g_object_set (guard, "interval", 3, NULL);
  if (n > 30)
    g_assert_cmpuint (gst_seq_batch_get_n_records (buffer), <=, 2);
  gst_object_unref (batch);
  gst_object_unref (guard);
}

static void
test_change_while_playing (void)
{
  GstElement *pipeline = launch ("seqsrc location=\"%s\" blocksize=2000 ! seqbatch name=batch "
      "batch-size=10 ! cudamemguard name=guard interval=0 ! fakesink name=sink signal-handoffs=true",
      proteins);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");

  g_signal_connect (sink, "handoff", G_CALLBACK (shrink_batches), pipeline);
  run_to_eos (pipeline, NULL);
  g_assert_cmpuint (stats_number (pipeline, "batch", "records"), ==, 200);
  g_assert_cmpuint (stats_number (pipeline, "batch", "batches"), >, 50);
  g_assert_cmpuint (stats_number (pipeline, "guard", "trims"), >, 10);
  gst_object_unref (sink);
  end_pipeline (pipeline);
}

int
main (int argc, char **argv)
{
  const gchar *data = g_getenv ("GST_SEQ_TEST_DATA");
  gint status;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  directory = g_dir_make_tmp ("streams-XXXXXX", NULL);
  proteins = g_build_filename (data, "proteins.fasta", NULL);
  reads = g_build_filename (data, "reads.fastq", NULL);
  g_test_add_func ("/streams/round-trip", test_round_trip);
  g_test_add_func ("/streams/standard-input", test_standard_input);
  g_test_add_func ("/streams/closed-descriptors", test_closed_descriptors);
  g_test_add_func ("/streams/foreign-elements", test_foreign_elements);
  g_test_add_func ("/streams/tee-branches", test_tee_branches);
  g_test_add_func ("/streams/same-batches", test_same_batches);
  g_test_add_func ("/streams/seek-restarts", test_seek_restarts);
  g_test_add_func ("/streams/state-cycles", test_state_cycles);
  g_test_add_func ("/streams/two-at-once", test_two_at_once);
  g_test_add_func ("/streams/change-while-playing", test_change_while_playing);
  status = g_test_run ();
  g_rmdir (directory);
  g_free (directory);
  g_free (proteins);
  g_free (reads);
  return status;
}
