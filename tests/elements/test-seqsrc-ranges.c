/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* seqsrc on files that are large enough to be parsed in ranges by several threads: nothing
 * that comes out tells how many there were. */
#include "seq-run.h"

/* three ranges and a half */
#define LARGE ((gsize) 13 << 20)

static GString *
make_large (gsize size)
{
  GString *text = g_string_sized_new (size + 4096);
  guint32 state = 1;

  for (guint i = 0; text->len < size; i++) {
    guint length = (state = state * 1664525 + 1013904223) >> 19;

    g_string_append_printf (text, ">record %u\n", i);
    for (guint k = 0; k < length; k++) {
      state = state * 1664525 + 1013904223;
      g_string_append_c (text, "ACGT"[state >> 30]);
      if (k % 60 == 59 || k + 1 == length)
        g_string_append_c (text, '\n');
    }
  }
  return text;
}

static void
write_large (Files * f, const gchar * name, gssize bad_at)
{
  GString *text = make_large (LARGE);

  if (bad_at >= 0)
    text->str[bad_at] = '\001';
  files_write (f, name, text->str, text->len);
  g_string_free (text, TRUE);
}

static Run *
run_with (Files * f, const gchar * properties, guint workers)
{
  gchar *line = g_strdup_printf ("seqsrc name=src %s workers=%u ! fakesink name=sink", properties,
      workers);
  Run *run = run_line (f, line);

  g_free (line);
  return run;
}

static void
compare (Files * f, const gchar * properties)
{
  Run *alone = run_with (f, properties, 0), *many = run_with (f, properties, 3);

  assert_same_strings (many->records, alone->records);
  g_assert_cmpint (many->error != NULL, ==, alone->error != NULL);
  if (alone->error) {
    g_assert_cmpstr (many->error->message, ==, alone->error->message);
    g_assert_true (gst_structure_is_equal (many->details, alone->details));
  } else {
    g_assert_true (gst_structure_is_equal (many->stats, alone->stats));
  }
  run_free (alone);
  run_free (many);
}

static void
test_same (Files * f, gconstpointer data)
{
  write_large (f, "x.fa", -1);
  compare (f, "location=\"%D/x.fa\"");
  compare (f, "location=\"%D/x.fa\" min-length=2400 max-length=7200");
  compare (f, "location=\"%D/x.fa\" skip=600 limit=400");
  compare (f, "location=\"%D/x.fa\" blocksize=2200000");
}

/* How many of the records that make_large() gives have a length out of bounds */
static guint64
count_out_of (guint min, guint max)
{
  GString *text = make_large (LARGE);
  gboolean in_name = FALSE;
  guint64 n = 0;
  guint length = 0;

  for (gsize i = 0; i <= text->len; i++) {
    gchar byte = text->str[i];

    if (i > 0 && (byte == '>' || i == text->len)) {
      n += length < min || length > max;
      length = 0;
    }
    in_name = byte == '>' || (in_name && byte != '\n');
    length += !in_name && byte != '\n';
  }
  g_string_free (text, TRUE);
  return n;
}

/* Counted over ranges, over what is read in order behind them, and over files; anew after a seek. */
static void
test_filtered (Files * f, gconstpointer data)
{
  const guint64 filtered = count_out_of (2400, 7200);
  gchar *line;
  Run *run;

  g_assert_cmpuint (filtered, >, 1000);
  write_large (f, "a.fa", -1);
  write_large (f, "b.fa", -1);
  files_write (f, "c.fa", ">short\nAC\n", -1);
  run = run_with (f, "location=\"%D/?.fa\" min-length=2400 max-length=7200", 3);
  g_assert_cmpuint (structure_get (run->stats, "filtered"), ==, 2 * filtered + 1);
  run_free (run);

  line = g_strdup_printf ("seqsrc location=\"%s/a.fa\" min-length=2400 max-length=7200 workers=3 ! "
      "fakesink name=sink", f->dir);
  run = run_new (line);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 2; i++) {
    run_wait (run);
    g_assert_cmpuint (structure_get (run->stats, "filtered"), ==, filtered);
    run_clear_results (run);
    g_assert_true (gst_element_seek_simple (run->pipeline, GST_FORMAT_BYTES,
            GST_SEEK_FLAG_FLUSH, 0));
  }
  run_stop (run);
  run_free (run);
  g_free (line);

  /* a record of the middle, and no short one, is bad */
  write_large (f, "a.fa", LARGE / 2);
  run = run_with (f, "location=\"%D/?.fa\" min-length=2400 max-length=7200 on-error=skip", 3);
  g_assert_cmpuint (structure_get (run->stats, "bad"), ==, 1);
  g_assert_cmpuint (structure_get (run->stats, "filtered"), <=, 2 * filtered + 1);
  g_assert_cmpuint (structure_get (run->stats, "filtered"), >=, 2 * filtered);
  run_free (run);
}

static void
test_fastq (Files * f, gconstpointer data)
{
  GString *text = make_text (40000, TRUE);

  g_assert_cmpuint (text->len, >, (gsize) 10 << 20);
  files_write (f, "x.fq", text->str, text->len);
  compare (f, "location=\"%D/x.fq\"");
  text->str[text->len * 2 / 3] = '\n';
  files_write (f, "x.fq", text->str, text->len);
  compare (f, "location=\"%D/x.fq\"");
  g_string_free (text, TRUE);
}

/* Ids and blocks go on from file to file, large or not. */
static void
test_several_files (Files * f, gconstpointer data)
{
  GString *small = make_text (100, FALSE);

  files_write (f, "a.fa", small->str, small->len);
  write_large (f, "b.fa", -1);
  files_write (f, "c.fa", small->str, small->len);
  write_large (f, "d.fa", -1);
  files_write (f, "e.fa", small->str, small->len);
  compare (f, "location=\"%D/?.fa\"");
  g_string_free (small, TRUE);
}

static void
test_errors (Files * f, gconstpointer data)
{
  const gsize places[] = { 100, LARGE / 3, LARGE / 2, LARGE - 5000 };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    write_large (f, "x.fa", places[i]);
    compare (f, "location=\"%D/x.fa\"");
    compare (f, "location=\"%D/x.fa\" on-error=skip");
  }
}

/* Lines are counted anew in a file that is read in order behind one in ranges. */
static void
test_error_in_next_file (Files * f, gconstpointer data)
{
  Run *run;

  write_large (f, "a.fa", -1);
  files_write (f, "b.fa", ">a\nAC\nA\001\n", -1);
  compare (f, "location=\"%D/?.fa\"");
  compare (f, "location=\"%D/?.fa\" on-error=skip");
  run = run_with (f, "location=\"%D/?.fa\"", 3);
  g_assert_nonnull (run->error);
  g_assert_cmpuint (structure_get (run->details, "line"), ==, 3);
  run_free (run);
}

static void
test_seek_and_stop (Files * f, gconstpointer data)
{
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/x.fa\" workers=3 ! "
      "fakesink name=sink", f->dir);
  Run *run = run_new (line);
  GPtrArray *first;

  write_large (f, "x.fa", -1);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  first = g_ptr_array_ref (run->records);
  g_assert_cmpuint (first->len, >, 3000);
  for (guint i = 0; i < 3; i++) {
    run_clear_results (run);
    g_assert_true (gst_element_seek_simple (run->pipeline, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
            0));
    run_wait (run);
    g_assert_no_error (run->error);
    assert_same_strings (run->records, first);
  }
  run_stop (run);
  for (guint i = 0; i < 20; i++) {
    gst_element_set_state (run->pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    g_usleep (i * 100);
    run_stop (run);
    g_assert_no_error (run->error);
  }
  g_ptr_array_unref (first);
  run_free (run);
  g_free (line);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Files, NULL, files_set_up, function, files_tear_down)
  ADD ("/seqsrc-ranges/same", test_same);
  ADD ("/seqsrc-ranges/filtered", test_filtered);
  ADD ("/seqsrc-ranges/fastq", test_fastq);
  ADD ("/seqsrc-ranges/several-files", test_several_files);
  ADD ("/seqsrc-ranges/errors", test_errors);
  ADD ("/seqsrc-ranges/error-in-next-file", test_error_in_next_file);
  ADD ("/seqsrc-ranges/seek-and-stop", test_seek_and_stop);
  return g_test_run ();
}
