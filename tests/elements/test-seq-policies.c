/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `strictness` and `on-error`, which seqsrc and seqdec share. What the parser makes of each odd
 * input is tested in core; here is what the elements make of it. */
#include "seq-run.h"

static const gchar *const elements[] = { "seqsrc location=\"%s/x\"", "filesrc location=\"%s/x\" "
      "blocksize=3 ! seqdec" };

static Run *
run_element (Files * f, guint which, const gchar * properties)
{
  gchar *source = g_strdup_printf (elements[which], f->dir);
  gchar *line = g_strdup_printf ("%s %s name=element ! fakesink name=sink", source, properties);
  Run *run = run_line (f, line);

  g_free (line);
  g_free (source);
  return run;
}

static guint64
get (Run * run, const gchar * field)
{
  return structure_get (run->stats, field);
}

/* Bytes of the quarantine, NULL if there is none. */
static gchar *
quarantine (Files * f)
{
  gchar *path = g_build_filename (f->dir, "bad", NULL), *bytes = NULL;

  g_file_get_contents (path, &bytes, NULL, NULL);
  g_free (path);
  return bytes;
}

static const gchar bad[] = ">a\nAC\n>b\nA\001C\n>c\nG\n>d\n;\n>e\nT\n";

static void
test_fail (Files * f, gconstpointer data)
{
  files_write (f, "x", bad, -1);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, "");

    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
    assert_strings (run->records, "0:a|AC|-");
    run_free (run);
  }
}

static void
test_skip (Files * f, gconstpointer data)
{
  files_write (f, "x", bad, -1);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, "on-error=skip");

    g_assert_no_error (run->error);
    assert_strings (run->records, "0:a|AC|- 2:c|G|- 4:e|T|-");
    g_assert_cmpuint (get (run, "records"), ==, 3);
    g_assert_cmpuint (get (run, "bad"), ==, 2);
    g_assert_cmpuint (get (run, "ignored"), ==, 0);
    run_free (run);
  }
}

static void
test_quarantine (Files * f, gconstpointer data)
{
  gchar *properties = g_strdup_printf ("on-error=quarantine quarantine-location=\"%s/bad\"", f->dir);

  files_write (f, "x", bad, -1);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    gchar *bytes;
    Run *run = run_element (f, i, properties);

    g_assert_no_error (run->error);
    assert_strings (run->records, "0:a|AC|- 2:c|G|- 4:e|T|-");
    bytes = quarantine (f);
    g_assert_cmpstr (bytes, ==, ">b\nA\001C\n>d\n;\n");
    g_free (bytes);
    run_free (run);
  }
  /* nothing bad: an empty file, also where there was one */
  files_write (f, "x", ">a\nA\n", -1);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, properties);
    gchar *bytes = quarantine (f);

    g_assert_cmpstr (bytes, ==, "");
    g_assert_cmpuint (get (run, "bad"), ==, 0);
    g_free (bytes);
    run_free (run);
  }
  g_free (properties);
}

static void
test_quarantine_errors (Files * f, gconstpointer data)
{
  static const struct
  {
    const gchar *properties;
    GstResourceError code;
  } cases[] = {
    {"on-error=quarantine", GST_RESOURCE_ERROR_SETTINGS},
    {"on-error=quarantine quarantine-location=/nonexistent/bad", GST_RESOURCE_ERROR_OPEN_WRITE},
    {"on-error=quarantine quarantine-location=/dev/full", GST_RESOURCE_ERROR_NO_SPACE_LEFT},
  };

  files_write (f, "x", bad, -1);
  for (guint i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i % G_N_ELEMENTS (elements),
        cases[i / G_N_ELEMENTS (elements)].properties);

    g_assert_error (run->error, GST_RESOURCE_ERROR, (gint) cases[i / G_N_ELEMENTS (elements)].code);
    g_assert_cmpuint (run->n_errors, ==, 1);
    run_free (run);
  }
}

/* It would be emptied before it is read. */
static void
test_quarantine_is_input (Files * f, gconstpointer data)
{
  static const gchar *const inputs[] = { "%D/x", "file://%D/x", "%D/*", "%D/link" };
  gchar *path = g_build_filename (f->dir, "x", NULL), *link = g_build_filename (f->dir, "link", NULL);

  files_write (f, "x", bad, -1);
  g_assert_cmpint (symlink (path, link), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++) {
    gchar *line = g_strdup_printf ("seqsrc location=\"%s\" on-error=quarantine "
        "quarantine-location=\"%%D/x\" ! fakesink name=sink", inputs[i]), *text;
    Run *run = run_line (f, line);

    g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
    g_assert_cmpuint (run->n_errors, ==, 1);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_cmpstr (text, ==, bad);
    g_free (text);
    run_free (run);
    g_free (line);
  }
  {
    Run *run = run_line (f, "filesrc location=\"%D/link\" ! queue ! seqdec on-error=quarantine "
        "quarantine-location=\"%D/x\" ! fakesink name=sink");
    gchar *text;

    g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_cmpstr (text, ==, bad);
    g_free (text);
    run_free (run);
  }
  g_free (link);
  g_free (path);
}

static void
test_max_bad_records (Files * f, gconstpointer data)
{
  files_write (f, "x", bad, -1);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, "on-error=skip max-bad-records=1");

    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
    g_assert_nonnull (strstr (run->error->message, "more than 1 bad record"));
    g_assert_cmpuint (structure_get (run->details, "record"), ==, 3);
    g_assert_cmpuint (structure_get (run->details, "line"), ==, 8);
    assert_strings (run->records, "0:a|AC|- 2:c|G|-");
    run_free (run);

    run = run_element (f, i, "on-error=skip max-bad-records=2");
    g_assert_no_error (run->error);
    run_free (run);
  }
}

static GstBusSyncReply
count_reports (GstBus * bus, GstMessage * message, gpointer data)
{
  guint *n = data;

  if (gst_message_has_name (message, "seq-bad-record")) {
    const GstStructure *s = gst_message_get_structure (message);

    g_assert_nonnull (strstr (gst_structure_get_string (s, "reason"), "';'"));
    g_assert_nonnull (gst_structure_get_string (s, "location"));
    g_assert_cmpuint (structure_get (s, "record"), ==, *n);
    g_assert_cmpuint (structure_get (s, "line"), ==, 2 * *n + 2);
    g_assert_cmpuint (structure_get (s, "byte"), ==, 5 * *n + 3);
    (*n)++;
  }
  return GST_BUS_PASS;
}

/* A message for each of the first hundred; all are counted. */
static void
test_messages (Files * f, gconstpointer data)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < 150; i++)
    g_string_append (text, ">a\n;\n");
  files_write (f, "x", text->str, text->len);
  g_string_free (text, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    gchar *source = g_strdup_printf (elements[i], f->dir);
    gchar *line = g_strdup_printf ("%s on-error=skip ! fakesink name=sink", source);
    GstElement *pipeline = gst_parse_launch (line, NULL);
    GstBus *bus = gst_element_get_bus (pipeline);
    guint n = 0;

    gst_bus_set_sync_handler (bus, count_reports, &n, NULL);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    gst_message_unref (gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS));
    gst_element_set_state (pipeline, GST_STATE_NULL);
    g_assert_cmpuint (n, ==, 100);
    gst_object_unref (bus);
    gst_object_unref (pipeline);
    g_free (line);
    g_free (source);
  }
}

static GstBusSyncReply
check_location (GstBus * bus, GstMessage * message, gpointer seen)
{
  const GstStructure *s = gst_message_get_structure (message);

  if (gst_message_has_name (message, "seq-bad-record")) {
    const gchar *location = gst_structure_get_string (s, "location");

    g_assert_true (g_str_has_suffix (location, "/l\357\277\275t.fa"));
    *(gboolean *) seen = TRUE;
  }
  return GST_BUS_PASS;
}

/* The names of files are bytes, those in messages text. */
static void
test_odd_file_name (Files * f, gconstpointer data)
{
  gchar *line = g_strdup_printf ("seqsrc location=\"%s\" name=src ! fakesink name=sink", f->dir);
  Run *run = run_new (line);
  GstBus *bus = gst_element_get_bus (run->pipeline);
  gboolean seen = FALSE;
  gchar *missing;

  files_write (f, "l\351t.fa", ">a\nA\001\n>b\nC\n", -1);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  g_assert_true (g_utf8_validate (run->error->message, -1, NULL));
  g_assert_true (g_str_has_suffix (gst_structure_get_string (run->details, "location"),
          "/l\357\277\275t.fa"));

  run_stop (run);
  run_clear_results (run);
  gst_bus_set_sync_handler (bus, check_location, &seen, NULL);
  g_object_set (run_get (run, "src"), "on-error", 1, NULL);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  g_assert_no_error (run->error);
  g_assert_true (seen);

  run_stop (run);
  run_clear_results (run);
  missing = g_strdup_printf ("%s/m\351.fa", f->dir);
  g_object_set (run_get (run, "src"), "location", missing, NULL);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_true (g_utf8_validate (run->error->message, -1, NULL));

  gst_object_unref (bus);
  run_free (run);
  g_free (missing);
  g_free (line);
}

static void
test_strictness (Files * f, gconstpointer data)
{
  static const struct
  {
    const gchar *text, *normal, *strict, *lenient;      /* records; NULL = an error */
    guint ignored;
  } cases[] = {
    {">a\nA C\n", "0:a|AC|-", "0:a|AC|-", "0:a|AC|-", 0},
    {"junk\n>a\nA\n", NULL, NULL, "0:a|A|-", 1},
    {">a\rA\r>b\rC\r", NULL, NULL, "0:a|A|- 1:b|C|-", 0},
    {">a\nA\001\033C\n#\nG\n", NULL, NULL, "0:a|ACG|-", 3},
    {"@a\nA\n+b\nI\n", "0:a|A|I", NULL, "0:a|A|I", 0},
    {"@a\nA\n+\nI \n", "0:a|A|I", NULL, "0:a|A|I", 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const gchar *expected[] = { cases[i].normal, cases[i].strict, cases[i].lenient };

    files_write (f, "x", cases[i].text, -1);
    for (guint mode = 0; mode < 3; mode++)
      for (guint e = 0; e < G_N_ELEMENTS (elements); e++) {
        gchar *properties = g_strdup_printf ("strictness=%u", mode);
        Run *run = run_element (f, e, properties);

        if (expected[mode]) {
          g_assert_no_error (run->error);
          assert_strings (run->records, expected[mode]);
          g_assert_cmpuint (get (run, "ignored"), ==, mode == 2 ? cases[i].ignored : 0);
        } else {
          g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
        }
        run_free (run);
        g_free (properties);
      }
  }
}

/* BGZF without its end: all records, and then the error that STRICT makes of it. */
static void
test_strict_bgzf (Files * f, gconstpointer data)
{
  GByteArray *bgzf = g_byte_array_new ();
  guint last = put_bgzf (bgzf, (const guint8 *) ">a\nACGT\n>b\nA", 12);

  files_write (f, "x", bgzf->data, last);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, "strictness=strict");

    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    g_assert_nonnull (strstr (run->error->message, "end-of-file block"));
    assert_strings (run->records, "0:a|ACGT|- 1:b|A|-");
    g_assert_cmpuint (run->n_errors, ==, 1);
    run_free (run);
  }
  g_byte_array_unref (bgzf);
}

/* Damage of the compression is no bad record. */
static void
test_skip_gzip (Files * f, gconstpointer data)
{
  GByteArray *gzip = g_byte_array_new ();

  put_gzip_member (gzip, bad, strlen (bad));
  files_write (f, "x", gzip->data, gzip->len - 4);
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    Run *run = run_element (f, i, "on-error=skip");

    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    run_free (run);
  }
  g_byte_array_unref (gzip);
}

/* Settings are read at the start of each run, and a run begins with nothing of the one before. */
static void
test_two_runs (Files * f, gconstpointer data)
{
  gchar *path = g_build_filename (f->dir, "bad", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/x\" ! fakesink name=sink", f->dir);
  Run *run = run_new (line);
  GstElement *src = run_get (run, "src");

  files_write (f, "x", bad, -1);
  for (guint i = 0; i < 3; i++) {
    gchar *bytes;

    gst_util_set_object_arg (G_OBJECT (src), "on-error", i == 2 ? "skip" : "quarantine");
    g_object_set (src, "quarantine-location", path, NULL);
    run_clear_results (run);
    run_whole (run);
    g_assert_no_error (run->error);
    g_assert_cmpuint (run->records->len, ==, 3);
    g_assert_cmpuint (get (run, "bad"), ==, 2);
    bytes = quarantine (f);
    g_assert_cmpstr (bytes, ==, ">b\nA\001C\n>d\n;\n");
    g_free (bytes);
  }
  run_free (run);
  g_free (line);
  g_free (path);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) \
  g_test_add ("/policies/" name, Files, NULL, files_set_up, func, files_tear_down)
  ADD ("fail", test_fail);
  ADD ("skip", test_skip);
  ADD ("quarantine", test_quarantine);
  ADD ("quarantine-errors", test_quarantine_errors);
  ADD ("quarantine-is-input", test_quarantine_is_input);
  ADD ("max-bad-records", test_max_bad_records);
  ADD ("messages", test_messages);
  ADD ("odd-file-name", test_odd_file_name);
  ADD ("strictness", test_strictness);
  ADD ("strict-bgzf", test_strict_bgzf);
  ADD ("skip-gzip", test_skip_gzip);
  ADD ("two-runs", test_two_runs);
#undef ADD
  return g_test_run ();
}
