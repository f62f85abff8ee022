/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

#define N_RECORDS 600

typedef struct
{
  Files files;
  guint64 size;
  Run *run;
  GstElement *src, *sink;
} Fixture;

/* Two files, in blocks of some ten records. */
static void
set_up (Fixture * f, gconstpointer data)
{
  GString *text = make_text (N_RECORDS / 2, FALSE);
  gchar *line;

  files_set_up (&f->files, NULL);
  files_write (&f->files, "1.fa", text->str, text->len);
  files_write (&f->files, "2.fa", text->str, text->len);
  f->size = 2 * text->len;
  g_string_free (text, TRUE);
  line = g_strdup_printf ("seqsrc name=src location=\"%s\" blocksize=2000 ! fakesink name=sink %s",
      f->files.dir, data ? (const gchar *) data : "");
  f->run = run_new (line);
  f->src = run_get (f->run, "src");
  f->sink = run_get (f->run, "sink");
  g_free (line);
}

static void
tear_down (Fixture * f, gconstpointer data)
{
  run_free (f->run);
  files_tear_down (&f->files, NULL);
}

static gint64
position (Fixture * f, GstFormat format)
{
  gint64 value = -1;

  return gst_element_query_position (f->src, format, &value) ? value : -1;
}

static gint64
duration (Fixture * f, GstFormat format)
{
  gint64 value = -1;

  return gst_element_query_duration (f->src, format, &value) ? value : -1;
}

static void
preroll (Fixture * f)
{
  gst_element_set_state (f->run->pipeline, GST_STATE_PAUSED);
  g_assert_cmpint (gst_element_get_state (f->run->pipeline, NULL, NULL, 20 * GST_SECOND), ==,
      GST_STATE_CHANGE_SUCCESS);
}

static void
test_position (Fixture * f, gconstpointer data)
{
  preroll (f);
  g_assert_cmpint (duration (f, GST_FORMAT_BYTES), ==, f->size);
  g_assert_cmpint (duration (f, GST_FORMAT_PERCENT), ==, GST_FORMAT_PERCENT_MAX);
  g_assert_cmpint (duration (f, GST_FORMAT_DEFAULT), ==, -1);  /* not known yet */
  g_assert_cmpint (duration (f, GST_FORMAT_TIME), ==, -1);
  g_assert_cmpint (position (f, GST_FORMAT_TIME), ==, -1);
  g_assert_cmpint (position (f, GST_FORMAT_DEFAULT), >, 0);
  g_assert_cmpint (position (f, GST_FORMAT_DEFAULT), <, N_RECORDS);
  g_assert_cmpint (position (f, GST_FORMAT_BYTES), >, 0);
  g_assert_cmpint (position (f, GST_FORMAT_BYTES), <=, f->size);
  g_assert_cmpint (position (f, GST_FORMAT_PERCENT), <=, GST_FORMAT_PERCENT_MAX);

  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  run_wait (f->run);
  g_assert_cmpint (position (f, GST_FORMAT_BYTES), ==, f->size);
  g_assert_cmpint (position (f, GST_FORMAT_DEFAULT), ==, N_RECORDS);
  g_assert_cmpint (duration (f, GST_FORMAT_DEFAULT), ==, N_RECORDS);
  g_assert_cmpint (position (f, GST_FORMAT_PERCENT), ==, GST_FORMAT_PERCENT_MAX);
}

/* Other threads ask all the time, as a progress bar does. */
static gpointer
ask_always (gpointer data)
{
  Fixture *f = data;
  gint64 last = 0;

  for (guint i = 0; i < 3000; i++) {
    gint64 now = position (f, GST_FORMAT_DEFAULT);
    GstStructure *stats;

    g_assert_cmpint (now, >=, last);
    last = now;
    position (f, GST_FORMAT_PERCENT);
    g_object_get (f->src, "stats", &stats, NULL);
    g_assert_cmpuint (structure_get (stats, "records"), >=, now);
    gst_structure_free (stats);
  }
  return NULL;
}

static void
test_queries_from_threads (Fixture * f, gconstpointer data)
{
  GThread *thread = g_thread_new ("ask", ask_always, f);

  run_whole (f->run);
  g_assert_cmpuint (f->run->records->len, ==, N_RECORDS);
  g_thread_join (thread);
}

static void
test_seeking_query (Fixture * f, gconstpointer data)
{
  static const GstFormat formats[] =
      { GST_FORMAT_BYTES, GST_FORMAT_DEFAULT, GST_FORMAT_TIME, GST_FORMAT_PERCENT };

  preroll (f);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstQuery *query = gst_query_new_seeking (formats[i]);
    gboolean seekable = FALSE;
    gint64 start = -1;

    g_assert_true (gst_element_query (f->src, query));
    gst_query_parse_seeking (query, NULL, &seekable, &start, NULL);
    g_assert_true (seekable);
    g_assert_cmpint (start, ==, 0);
    gst_query_unref (query);
  }
}

/* To the start in any format, from anywhere, the end included: the same records again. */
static void
test_seek_to_start (Fixture * f, gconstpointer data)
{
  static const GstFormat formats[] =
      { GST_FORMAT_BYTES, GST_FORMAT_DEFAULT, GST_FORMAT_TIME, GST_FORMAT_PERCENT };
  GPtrArray *first;

  preroll (f);
  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  run_wait (f->run);
  first = g_ptr_array_ref (f->run->records);
  g_assert_cmpuint (first->len, ==, N_RECORDS);

  for (guint i = 0; i < 2 * G_N_ELEMENTS (formats); i++) {
    GstElement *target = i % 2 ? f->src : f->sink;

    /* amid the stream, or at its end */
    if (i >= G_N_ELEMENTS (formats)) {
      gst_element_set_state (f->run->pipeline, GST_STATE_READY);
      preroll (f);
    }
    run_clear_results (f->run);
    g_assert_true (gst_element_seek_simple (target, formats[i % 4], GST_SEEK_FLAG_FLUSH, 0));
    gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
    run_wait (f->run);
    g_assert_no_error (f->run->error);
    assert_same_strings (f->run->records, first);
    g_assert_cmpuint (f->run->n_stats, ==, 1);
    g_assert_cmpuint (structure_get (f->run->stats, "records"), ==, N_RECORDS);
    g_assert_cmpint (position (f, GST_FORMAT_DEFAULT), ==, N_RECORDS);
  }
  g_ptr_array_unref (first);
}

/* What can't be done is refused without a flush: nothing that is under way gets lost. */
static void
test_seek_elsewhere (Fixture * f, gconstpointer data)
{
  const GstSeekFlags flush = GST_SEEK_FLAG_FLUSH;
  const GstSeekType set = GST_SEEK_TYPE_SET, none = GST_SEEK_TYPE_NONE;
  GstElement *const targets[] = { f->src, f->sink };

  preroll (f);
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++) {
    GstElement *target = targets[i];

    g_assert_false (gst_element_seek_simple (target, GST_FORMAT_DEFAULT, flush, 1));
    g_assert_false (gst_element_seek_simple (target, GST_FORMAT_BYTES, flush, 100));
    g_assert_false (gst_element_seek (target, -1.0, GST_FORMAT_BYTES, flush, set, 0, none, -1));
    g_assert_false (gst_element_seek (target, 2.0, GST_FORMAT_BYTES, flush, set, 0, none, -1));
    g_assert_false (gst_element_seek (target, 1.0, GST_FORMAT_DEFAULT, flush, set, 0, set, 5));
    g_assert_false (gst_element_seek (target, 1.0, GST_FORMAT_BYTES, flush, GST_SEEK_TYPE_END, 0,
            none, -1));
  }
  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  run_wait (f->run);
  g_assert_no_error (f->run->error);
  g_assert_cmpuint (f->run->records->len, ==, N_RECORDS);
  g_assert_cmpstr (f->run->events->str, ==, "SCGBE");
}

/* An error is over with a seek, if its cause is. */
static void
test_seek_after_error (Fixture * f, gconstpointer data)
{
  files_write (&f->files, "2.fa", ">a\nA\001\n", -1);
  preroll (f);
  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  run_wait (f->run);
  g_assert_error (f->run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  files_write (&f->files, "2.fa", ">a\nA\n", -1);
  run_stop (f->run);
  preroll (f);
  run_clear_results (f->run);
  g_assert_true (gst_element_seek_simple (f->src, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, 0));
  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  run_wait (f->run);
  g_assert_no_error (f->run->error);
  g_assert_cmpuint (f->run->records->len, ==, N_RECORDS / 2 + 1);
}

/* Seeks while another thread streams, many times. */
static void
test_seek_storm (Fixture * f, gconstpointer data)
{
  gst_element_set_state (f->run->pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 50; i++) {
    g_usleep (i * 20);
    gst_element_seek_simple (f->src, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, 0);
  }
  run_stop (f->run);
  run_clear_results (f->run);
  run_whole (f->run);
  g_assert_cmpuint (f->run->records->len, ==, N_RECORDS);
}

#define ADD(path, function) \
  g_test_add ("/seqsrc/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  ADD ("position", test_position);
  ADD ("queries-from-threads", test_queries_from_threads);
  ADD ("seeking-query", test_seeking_query);
  ADD ("seek-to-start", test_seek_to_start);
  ADD ("seek-elsewhere", test_seek_elsewhere);
  ADD ("seek-after-error", test_seek_after_error);
  ADD ("seek-storm", test_seek_storm);
  return g_test_run ();
}
