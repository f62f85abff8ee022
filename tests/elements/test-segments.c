/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams of several segments: inputs one behind the other, and loops with SEGMENT seeks. */

#include "seq-run.h"

#define RECORDS_CAPS "application/x-seq-records, alphabet=(string)dna, quality=(boolean)false"

static GstBuffer *
bytes_new (const gchar * text)
{
  return gst_buffer_new_memdup (text, strlen (text));
}

static GstBuffer *
block_new (guint n)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);

  for (guint i = 0; i < n; i++)
    g_assert_true (gst_seq_block_builder_add (builder, "r", -1, "ACGT", -1, NULL));
  return gst_seq_block_builder_finish (builder);
}

static void
push_segment_from (GstHarness * h, GstFormat format, guint64 start)
{
  GstSegment segment;

  gst_segment_init (&segment, format);
  segment.start = segment.time = segment.position = start;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static void
push_segment (GstHarness * h, GstFormat format)
{
  push_segment_from (h, format, 0);
}

static guint64
last_segment_start (GstHarness * h)
{
  const GstSegment *segment;
  guint64 start = G_MAXUINT64;
  GstEvent *event;

  while ((event = gst_harness_try_pull_event (h))) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
      gst_event_parse_segment (event, &segment);
      start = segment->start;
      g_assert_cmpuint (segment->time, ==, start);
    }
    gst_event_unref (event);
  }
  return start;
}

/* ---- seqenc: a sink of files goes to where a segment starts ---- */

static void
test_text_goes_on (void)
{
  GstHarness *h = gst_harness_new ("seqenc");

  gst_harness_set_src_caps_str (h, RECORDS_CAPS);
  g_assert_cmpuint (last_segment_start (h), ==, 0);
  g_assert_cmpint (gst_harness_push (h, block_new (10)), ==, GST_FLOW_OK);
  push_segment (h, GST_FORMAT_DEFAULT);
  g_assert_cmpint (gst_harness_push (h, block_new (3)), ==, GST_FLOW_OK);
  g_assert_cmpuint (last_segment_start (h), ==, 10 * strlen (">r\nACGT\n"));
  push_segment (h, GST_FORMAT_DEFAULT);
  g_assert_cmpint (gst_harness_push (h, block_new (1)), ==, GST_FLOW_OK);
  g_assert_cmpuint (last_segment_start (h), ==, 13 * strlen (">r\nACGT\n"));

  /* what was written is gone */
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  push_segment (h, GST_FORMAT_DEFAULT);
  g_assert_cmpint (gst_harness_push (h, block_new (1)), ==, GST_FLOW_OK);
  g_assert_cmpuint (last_segment_start (h), ==, 0);
  gst_harness_teardown (h);
}

/* Nothing that has been written is written over. */
static void
test_files_joined (Files * f, gconstpointer data)
{
  static const gchar *const lines[] = {
    "concat name=c ! seqdec blocksize=1 ! seqenc ! filesink location=\"%D/out\" name=sink "
        "filesrc location=\"%D/a\" ! c. filesrc location=\"%D/b\" ! c.",
    "funnel name=c ! seqenc ! filesink location=\"%D/out\" name=sink "
        "seqsrc location=\"%D/a\" ! queue ! c. seqsrc location=\"%D/b\" ! queue ! c.",
  };
  g_autoptr (GString) first = make_text (300, FALSE), second = make_text (200, FALSE);

  files_write (f, "a", first->str, first->len);
  files_write (f, "b", second->str, second->len);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    Run *run = run_line (f, lines[i]), *read;

    g_assert_no_error (run->error);
    run_free (run);
    read = run_line (f, "seqsrc location=\"%D/out\" ! fakesink name=sink");
    g_assert_no_error (read->error);
    g_assert_cmpuint (read->records->len, ==, 500);
    run_free (read);
  }
}

/* ---- SEGMENT_DONE: all that belongs to the segment is out by then ---- */

static guint
count_records (GstHarness * h, guint64 * first_id)
{
  GstBuffer *block;
  guint n = 0;

  while ((block = gst_harness_try_pull (h))) {
    GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

    if (n == 0)
      *first_id = meta->records[0].id;
    n += meta->n_records;
    gst_buffer_unref (block);
  }
  return n;
}

/* The one warning that was posted; none if `says` is NULL. No error. */
static void
assert_posted (GstElement * element, const gchar * says)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  GError *error = NULL;

  g_assert_cmpint (message != NULL, ==, says != NULL);
  if (message != NULL) {
    gst_message_parse_warning (message, &error, NULL);
    g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
    if (strstr (error->message, says) == NULL)
      g_error ("'%s' does not say '%s'", error->message, says);
    g_error_free (error);
    gst_message_unref (message);
  }
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
  gst_object_unref (bus);
}

static void
test_decoder (void)
{
  GstHarness *h = gst_harness_new ("seqdec");

  gst_harness_set_src_caps_str (h, "text/x-fasta");
  for (guint i = 0; i < 3; i++) {
    guint64 first_id = 99;

    push_segment (h, GST_FORMAT_BYTES);
    g_assert_cmpint (gst_harness_push (h, bytes_new (">a\nAC\n>b\nGT\n>c\n")), ==, GST_FLOW_OK);
    g_assert_cmpint (gst_harness_push (h, bytes_new ("ACGT\n>d\nA")), ==, GST_FLOW_OK);
    g_assert_true (gst_harness_push_event (h, gst_event_new_segment_done (GST_FORMAT_BYTES, 25)));
    g_assert_cmpuint (count_records (h, &first_id), ==, 4);
    g_assert_cmpuint (first_id, ==, 0);
  }
  gst_harness_teardown (h);
}

/* One that goes on where the one before ended is no new beginning: ids go on, too. */
static void
test_decoder_goes_on (void)
{
  GstHarness *h = gst_harness_new ("seqdec");
  guint64 first_id = 99;

  gst_harness_set_src_caps_str (h, "text/x-fasta");
  push_segment (h, GST_FORMAT_BYTES);
  g_assert_cmpint (gst_harness_push (h, bytes_new (">a\nAC\n>b\nGT\n")), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment_done (GST_FORMAT_BYTES, 12)));
  g_assert_cmpuint (count_records (h, &first_id), ==, 2);
  push_segment_from (h, GST_FORMAT_BYTES, 12);
  g_assert_cmpint (gst_harness_push (h, bytes_new (">c\nACGT\n")), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment_done (GST_FORMAT_BYTES, 20)));
  g_assert_cmpuint (count_records (h, &first_id), ==, 1);
  g_assert_cmpuint (first_id, ==, 2);
  push_segment (h, GST_FORMAT_BYTES);
  g_assert_cmpint (gst_harness_push (h, bytes_new (">a\nAC\n")), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (count_records (h, &first_id), ==, 1);
  g_assert_cmpuint (first_id, ==, 0);
  gst_harness_teardown (h);
}

/* An input that says how long it is */
typedef struct
{
  const gchar *text;
  guint64 duration, stop;
  gboolean has_offsets;
  guint n;                      /* records that come out */
  const gchar *warning;         /* says; NULL = none */
} Cut;

static GstHarness *
push_cut_input (const Cut * cut)
{
  GstHarness *h = gst_harness_new ("seqdec");
  GstBus *bus = gst_bus_new ();
  GstSegment segment;

  gst_element_set_bus (h->element, bus);
  gst_object_unref (bus);
  gst_harness_set_src_caps_str (h, "text/x-fasta");
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  segment.duration = cut->duration;
  segment.stop = cut->stop;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  for (gsize at = 0, size; at < strlen (cut->text); at += size) {
    GstBuffer *buffer;

    size = MIN (5, strlen (cut->text) - at);
    buffer = gst_buffer_new_memdup (cut->text + at, size);
    if (cut->has_offsets) {
      GST_BUFFER_OFFSET (buffer) = at;
      GST_BUFFER_OFFSET_END (buffer) = at + size;
    }
    g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  }
  return h;
}

/* Where the end comes before the one that was announced, the record that is open is none. */
static void
test_decoder_cut (void)
{
  static const Cut cuts[] = {
    {">a\nAC\n>b\nGT", 12, -1, TRUE, 1, "ended at byte 11 of 12, within record 1, which is left out"},
    {">a\nAC\n>b\nGT\n", 13, -1, TRUE, 1, "ended at byte 12 of 13, within record 1, which is left out"},
    {">a\nAC\n>b\nGT\n", 12, -1, TRUE, 2, NULL},
    {">a\nAC\n>b\nGT\n", 11, -1, TRUE, 2, NULL},     /* it has grown */
    {">a\nAC\n>b\nGT\n", -1, -1, TRUE, 2, NULL},
    {">a\nAC\n>b\nGT\n", 13, -1, FALSE, 2, NULL},    /* not of these bytes, perhaps */
    {">a\nAC\n>b\nGT\n", 99, 12, TRUE, 2, NULL},     /* no more was asked for */
    {">a\nAC\n>b\nGT\n", 99, 13, TRUE, 1, "ended at byte 12 of 13, within record 1, which is left out"},
    {"@a\nAC\n+\nII\n@b\nG", 30, -1, TRUE, 1, "ended at byte 15 of 30, within record 1, which is left out"},
    {"@a\nAC\n+\nII\n", 30, -1, TRUE, 1, "ended at byte 11 of 30"},
    {"", 30, -1, TRUE, 0, NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cuts); i++) {
    for (guint streams = 0; streams < 2; streams++) {
      GstHarness *h = push_cut_input (&cuts[i]);
      guint64 first_id;

      g_test_message ("%u: %s", i, cuts[i].text);
      if (streams) {            /* another one follows */
        gst_harness_push_event (h, gst_event_new_stream_start ("another"));
        push_segment (h, GST_FORMAT_BYTES);
        g_assert_cmpint (gst_harness_push (h, bytes_new ("\n@c\nA\n+\nI\n")), ==, GST_FLOW_OK);
      }
      gst_harness_push_event (h, gst_event_new_eos ());
      g_assert_cmpuint (count_records (h, &first_id), ==, cuts[i].n + streams);
      assert_posted (h->element, cuts[i].warning);
      gst_element_set_bus (h->element, NULL);
      gst_harness_teardown (h);
    }
  }
}

/* What a source is told to end with is its end, but no record's. */
static void
test_file_cut (Files * f, gconstpointer data)
{
  static const gchar *const lines[] = {
    "filesrc location=\"%D/a\" blocksize=1000 num-buffers=3 ! seqdec blocksize=1 ! fakesink name=sink",
    "filesrc location=\"%D/a\" blocksize=1000 ! identity eos-after=4 ! queue ! seqdec blocksize=1 ! "
        "fakesink name=sink",
  };
  g_autoptr (GString) text = make_text (300, FALSE);

  g_assert_cmpuint (text->len, >, 4000);
  files_write (f, "a", text->str, text->len);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    Run *run = run_line (f, lines[i]);
    gsize begun = 0;

    for (gsize at = 0; at < 3000; at++)
      begun += text->str[at] == '>';
    g_assert_no_error (run->error);
    g_assert_cmpuint (run->records->len, ==, begun - 1);
    run_free (run);
  }
}

/* The same bytes in a file that is cut: an error, where it is compressed, behind all whole records. */
static void
check_same_as_cut_file (Files * f, const gchar * options, const guint8 * bytes, gsize size)
{
  const gsize n = size / 1000 / 2;
  g_autofree gchar *line = g_strdup_printf ("filesrc location=\"%%D/a\" blocksize=1000 num-buffers=%"
      G_GSIZE_FORMAT " ! seqdec %s ! fakesink name=sink", n, options);
  g_autofree gchar *cut_line = g_strdup_printf ("filesrc location=\"%%D/cut\" ! seqdec %s ! "
      "fakesink name=sink", options);
  Run *run, *cut;

  files_write (f, "a", (const gchar *) bytes, size);
  files_write (f, "cut", (const gchar *) bytes, n * 1000);
  run = run_line (f, line);
  cut = run_line (f, cut_line);
  g_assert_no_error (run->error);
  if (cut->error == NULL)       /* in FASTA the last record is one as far as it goes */
    g_ptr_array_set_size (cut->records, cut->records->len - 1);
  g_assert_cmpuint (cut->records->len, >, 1000);
  assert_same_strings (run->records, cut->records);
  run_free (cut);
  run_free (run);
}

/* What is compressed is inflated as far as it came. */
static void
test_compressed_cut (Files * f, gconstpointer data)
{
  for (gint fastq = 0; fastq < 2; fastq++) {
    g_autoptr (GString) text = make_text (12000, fastq);
    g_autoptr (GByteArray) gzip = g_byte_array_new (), zstd = g_byte_array_new ();
    g_autoptr (GByteArray) bgzf = g_byte_array_new ();
    const gchar *options[] = { "", "on-error=skip", "blocksize=1" };

    put_gzip_member (gzip, text->str, text->len);
    put_zstd_frame (zstd, text->str, text->len);
    put_bgzf (bgzf, (const guint8 *) text->str, text->len);
    for (guint i = 0; i < G_N_ELEMENTS (options); i++) {
      if (!fastq)
        check_same_as_cut_file (f, options[i], (const guint8 *) text->str, text->len);
      check_same_as_cut_file (f, options[i], gzip->data, gzip->len);
      check_same_as_cut_file (f, options[i], zstd->data, zstd->len);
      check_same_as_cut_file (f, options[i], bgzf->data, bgzf->len);
    }
  }
}

/* A long record that might have been bad is none of the quarantine's, nor is the rest of one that is
 * bad a record. */
static void
test_quarantine_cut (Files * f, gconstpointer data)
{
  static const gchar *const heads[] = { ">a\nAC\n>long\n", ">a\nAC\n>bad\nA\001\n>long\n" };
  static const gchar *const expected[] = { "", ">bad\nA\001\n" };

  for (guint i = 0; i < G_N_ELEMENTS (heads); i++) {
    g_autoptr (GString) text = g_string_new (heads[i]);
    g_autofree gchar *path = g_build_filename (f->dir, "quarantine", NULL), *quarantined = NULL;
    Run *run;

    for (guint k = 0; k < 50000; k++)
      g_string_append (text, "ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\n");
    files_write (f, "a", text->str, text->len);
    run = run_line (f, "filesrc location=\"%D/a\" blocksize=100000 num-buffers=20 ! seqdec "
        "on-error=quarantine quarantine-location=\"%D/quarantine\" ! fakesink name=sink");
    g_assert_no_error (run->error);
    g_assert_cmpuint (run->records->len, ==, 1);
    g_assert_true (g_file_get_contents (path, &quarantined, NULL, NULL));
    g_assert_cmpstr (quarantined, ==, expected[i]);
    run_free (run);
  }
}

static void
test_batcher (void)
{
  GstHarness *h = gst_harness_new_parse ("seqbatch batch-size=4");

  gst_harness_set_src_caps_str (h, RECORDS_CAPS);
  g_assert_cmpint (gst_harness_push (h, block_new (6)), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 1);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment_done (GST_FORMAT_DEFAULT, 6)));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 2);
  gst_harness_teardown (h);
}

static void
wait_for_segment_done (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND,
      GST_MESSAGE_SEGMENT_DONE | GST_MESSAGE_ERROR);

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_SEGMENT_DONE);
  gst_message_unref (message);
  gst_object_unref (bus);
}

static void
seek_to_start (Run * run, GstSeekFlags flags)
{
  g_assert_true (gst_element_seek_simple (run->pipeline, GST_FORMAT_DEFAULT, flags, 0));
}

/* Each of what has come, and how often the rarest has */
static guint
count_rarest (Run * run, guint * n_different)
{
  g_autoptr (GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  guint rarest = G_MAXUINT;
  GHashTableIter iter;
  gpointer count;

  for (guint i = 0; i < run->records->len; i++) {
    gpointer record = g_ptr_array_index (run->records, i);

    count = g_hash_table_lookup (counts, record);
    g_hash_table_insert (counts, record, GUINT_TO_POINTER (GPOINTER_TO_UINT (count) + 1));
  }
  *n_different = g_hash_table_size (counts);
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, NULL, &count))
    rarest = MIN (rarest, GPOINTER_TO_UINT (count));
  return rarest;
}

/* Three times through the file without a gap, as applications loop. What was there for the preroll
 * may come once more. */
static void
test_loops (Files * f, gconstpointer data)
{
  static const gchar *const lines[] = {
    "seqsrc location=\"%s/a\" ! seqsort window=64 ! fakesink name=sink",
    "filesrc location=\"%s/a\" blocksize=999 ! seqdec blocksize=700 ! fakesink name=sink",
    "filesrc location=\"%s/a\" ! seqdec ! seqsort ! fakesink name=sink",
  };
  g_autoptr (GString) text = make_text (300, FALSE);

  files_write (f, "a", text->str, text->len);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autofree gchar *line = g_strdup_printf (lines[i], f->dir);
    Run *run = run_new (line);
    guint n_different;

    gst_element_set_state (run->pipeline, GST_STATE_PAUSED);
    gst_element_get_state (run->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    seek_to_start (run, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT);
    gst_element_get_state (run->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
    wait_for_segment_done (run);
    seek_to_start (run, GST_SEEK_FLAG_SEGMENT);
    wait_for_segment_done (run);
    seek_to_start (run, GST_SEEK_FLAG_NONE);
    run_wait (run);
    g_assert_no_error (run->error);
    g_assert_cmpuint (count_rarest (run, &n_different), >=, 3);
    g_assert_cmpuint (n_different, >=, 300);
    run_free (run);
  }
}

/* ---- without caps from upstream ---- */

/* Those of seqbatch come before the segment all the same. */
static void
test_no_caps (void)
{
  GstHarness *h = gst_harness_new ("seqbatch");
  gboolean have_caps = FALSE;
  GstEvent *event;

  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start ("s")));
  push_segment (h, GST_FORMAT_DEFAULT);
  g_assert_cmpint (gst_harness_push (h, block_new (2)), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 1);
  while ((event = gst_harness_try_pull_event (h))) {
    have_caps = have_caps || GST_EVENT_TYPE (event) == GST_EVENT_CAPS;
    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
      g_assert_true (have_caps);
    gst_event_unref (event);
  }
  g_assert_true (have_caps);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/segments/text-goes-on", test_text_goes_on);
  g_test_add ("/segments/files-joined", Files, NULL, files_set_up, test_files_joined, files_tear_down);
  g_test_add_func ("/segments/decoder", test_decoder);
  g_test_add_func ("/segments/decoder-goes-on", test_decoder_goes_on);
  g_test_add_func ("/segments/decoder-cut", test_decoder_cut);
  g_test_add ("/segments/file-cut", Files, NULL, files_set_up, test_file_cut, files_tear_down);
  g_test_add ("/segments/compressed-cut", Files, NULL, files_set_up, test_compressed_cut,
      files_tear_down);
  g_test_add ("/segments/quarantine-cut", Files, NULL, files_set_up, test_quarantine_cut,
      files_tear_down);
  g_test_add_func ("/segments/batcher", test_batcher);
  g_test_add ("/segments/loops", Files, NULL, files_set_up, test_loops, files_tear_down);
  g_test_add_func ("/segments/no-caps", test_no_caps);
  return g_test_run ();
}
