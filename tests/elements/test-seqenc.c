/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

#define CAPS(quality) "application/x-seq-records,alphabet=(string)dna,quality=(boolean)" quality

static GstHarness *
enc_new (const gchar * properties, const gchar * caps, GstBus ** bus)
{
  gchar *line = g_strdup_printf ("seqenc %s", properties);
  GstHarness *h = gst_harness_new_parse (line);

  if (bus) {
    *bus = gst_bus_new ();
    gst_element_set_bus (h->element, *bus);
  }
  gst_harness_set_src_caps_str (h, caps);
  g_free (line);
  return h;
}

static void
enc_free (GstHarness * h, GstBus * bus)
{
  if (bus) {
    gst_element_set_bus (h->element, NULL);
    gst_object_unref (bus);
  }
  gst_harness_teardown (h);
}

/* NULL-terminated: name, residues, qualities or "-"; … */
static GstBuffer *
block_new (const gchar * const *strings)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);

  for (; *strings; strings += 3)
    g_assert_true (gst_seq_block_builder_add (builder, strings[0], -1, strings[1], -1,
            g_str_equal (strings[2], "-") ? NULL : strings[2]));
  return gst_seq_block_builder_finish (builder);
}

static const gchar *const fasta[] =
    { "a b", "ACGTACG", "-", "", "", "-", "c\td", "AC", "-", NULL };
static const gchar *const fastq[] =
    { "a b", "ACGTACG", "IIIIII!", "", "", "", "c\td", "AC", "@+", NULL };

static gchar *
take_text (GstHarness * h)
{
  GString *text = g_string_new (NULL);
  GstBuffer *buffer;
  GstMapInfo map;

  while ((buffer = gst_harness_try_pull (h))) {
    /* what was a table of records says nothing about text */
    g_assert_null (gst_buffer_get_seq_records_meta (buffer));
    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_string_append_len (text, (const gchar *) map.data, map.size);
    gst_buffer_unmap (buffer, &map);
    gst_buffer_unref (buffer);
  }
  return g_string_free (text, FALSE);
}

static void
assert_text (GstHarness * h, const gchar * expected)
{
  gchar *text = take_text (h);

  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
assert_out_caps (GstHarness * h, const gchar * expected)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);

  g_assert_nonnull (caps);
  g_assert_cmpstr (gst_structure_get_name (gst_caps_get_structure (caps, 0)), ==, expected);
  gst_caps_unref (caps);
}

static void
assert_one_error (GstBus * bus, GQuark domain, gint code, const gchar * says)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *error = NULL;

  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, domain, code);
  g_assert_nonnull (strstr (error->message, says));
  g_error_free (error);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
}

/* ---- formats ---- */

static void
test_formats (void)
{
  static const struct
  {
    const gchar *properties;
    gboolean quality;
    const gchar *caps, *text;
  } cases[] = {
    {"", FALSE, "text/x-fasta", ">a b\nACGTACG\n>\n>c\td\nAC\n"},
    {"", TRUE, "text/x-fastq", "@a b\nACGTACG\n+\nIIIIII!\n@\n\n+\n\n@c\td\nAC\n+\n@+\n"},
    {"format=fasta", TRUE, "text/x-fasta", ">a b\nACGTACG\n>\n>c\td\nAC\n"},
    {"format=fasta line-width=3", FALSE, "text/x-fasta", ">a b\nACG\nTAC\nG\n>\n>c\td\nAC\n"},
    {"format=fasta line-width=1", FALSE, "text/x-fasta",
        ">a b\nA\nC\nG\nT\nA\nC\nG\n>\n>c\td\nA\nC\n"},
    {"format=fasta line-width=0", FALSE, "text/x-fasta", ">a b\nACGTACG\n>\n>c\td\nAC\n"},
    {"format=fastq line-width=2", TRUE, "text/x-fastq",
        "@a b\nACGTACG\n+\nIIIIII!\n@\n\n+\n\n@c\td\nAC\n+\n@+\n"},
    {"format=tsv", FALSE, "text/tab-separated-values", "a b\tACGTACG\n\t\nc\\td\tAC\n"},
    {"format=tsv", TRUE, "text/tab-separated-values",
        "a b\tACGTACG\tIIIIII!\n\t\t\nc\\td\tAC\t@+\n"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = enc_new (cases[i].properties, cases[i].quality ? CAPS ("true") :
        CAPS ("false"), NULL);

    g_assert_cmpint (gst_harness_push (h, block_new (cases[i].quality ? fastq : fasta)), ==,
        GST_FLOW_OK);
    assert_text (h, cases[i].text);
    assert_out_caps (h, cases[i].caps);
    enc_free (h, NULL);
  }
}

static void
test_line_widths (void)
{
  static const guint widths[] = { 0, 1, 2, 59, 60, 61, 119, 120, 121, G_MAXINT };

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    for (guint length = 58; length < 124; length++) {
      gchar *properties = g_strdup_printf ("line-width=%u", widths[i]);
      gchar *residues = g_strnfill (length, 'A');
      const gchar *strings[] = { "x", residues, "-", NULL };
      GstHarness *h = enc_new (properties, CAPS ("false"), NULL);
      GString *expected = g_string_new (">x\n");
      guint width = widths[i] == 0 ? length : widths[i];

      for (guint at = 0; at < length; at += MIN (width, length))
        g_string_append_printf (expected, "%.*s\n", (gint) MIN (width, length - at), residues);
      g_assert_cmpint (gst_harness_push (h, block_new (strings)), ==, GST_FLOW_OK);
      assert_text (h, expected->str);
      enc_free (h, NULL);
      g_string_free (expected, TRUE);
      g_free (residues);
      g_free (properties);
    }
  }
}

static void
test_line_width_while_playing (void)
{
  GstHarness *h = gst_harness_new ("seqenc");

  g_object_set (h->element, "line-width", 2, NULL);
  gst_harness_set_src_caps_str (h, CAPS ("false"));
  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_OK);
  assert_text (h, ">a b\nAC\nGT\nAC\nG\n>\n>c\td\nAC\n");
  g_object_set (h->element, "line-width", 5, NULL);
  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_OK);
  assert_text (h, ">a b\nACGTA\nCG\n>\n>c\td\nAC\n");
  enc_free (h, NULL);
}

/* Qualities come and go, as with files of both formats in a row. */
/* Records of both kinds: one file can't hold them as they are, but without their qualities */
static void
test_mixed (void)
{
  for (guint quality = 0; quality < 2; quality++) {
    const gchar *first = quality ? CAPS ("true") : CAPS ("false");
    const gchar *other = quality ? CAPS ("false") : CAPS ("true");
    GstBus *bus;
    GstHarness *h = enc_new ("", first, &bus);

    g_assert_cmpint (gst_harness_push (h, block_new (quality ? fastq : fasta)), ==, GST_FLOW_OK);
    g_free (take_text (h));
    gst_harness_set_src_caps_str (h, other);
    gst_harness_set_src_caps_str (h, first);
    g_assert_cmpint (gst_harness_push (h, block_new (quality ? fastq : fasta)), ==, GST_FLOW_OK);
    g_free (take_text (h));
    gst_harness_set_src_caps_str (h, other);
    g_assert_cmpint (gst_harness_push (h, block_new (quality ? fasta : fastq)), ==,
        GST_FLOW_ERROR);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, quality ?
        "records without qualities come behind ones with them" :
        "records with qualities come behind ones without them");
    assert_text (h, "");
    enc_free (h, bus);

    h = enc_new ("format=fasta", first, NULL);
    g_assert_cmpint (gst_harness_push (h, block_new (quality ? fastq : fasta)), ==, GST_FLOW_OK);
    gst_harness_set_src_caps_str (h, other);
    g_assert_cmpint (gst_harness_push (h, block_new (quality ? fasta : fastq)), ==, GST_FLOW_OK);
    assert_text (h, ">a b\nACGTACG\n>\n>c\td\nAC\n>a b\nACGTACG\n>\n>c\td\nAC\n");
    enc_free (h, NULL);
  }
}

/* What begins anew may be of the other kind: behind a flush, in another run, and where nothing has
 * been written. */
static void
test_other_kind (void)
{
  GstHarness *h = enc_new ("", CAPS ("true"), NULL);

  gst_harness_set_src_caps_str (h, CAPS ("false"));
  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_OK);
  assert_out_caps (h, "text/x-fasta");
  g_free (take_text (h));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  gst_harness_set_src_caps_str (h, CAPS ("true"));
  g_assert_cmpint (gst_harness_push (h, block_new (fastq)), ==, GST_FLOW_OK);
  assert_out_caps (h, "text/x-fastq");
  g_free (take_text (h));
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, CAPS ("false"));
  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_OK);
  assert_out_caps (h, "text/x-fasta");
  enc_free (h, NULL);
}

static void
test_downstream_chooses (void)
{
  static const struct
  {
    const gchar *caps, *text;
  } cases[] = {
    {"text/x-fasta", ">a b\nACGTACG\n>\n>c\td\nAC\n"},
    {"text/x-fastq", "@a b\nACGTACG\n+\nIIIIII!\n@\n\n+\n\n@c\td\nAC\n+\n@+\n"},
    {"text/tab-separated-values", "a b\tACGTACG\tIIIIII!\n\t\t\nc\\td\tAC\t@+\n"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = gst_harness_new ("seqenc");

    gst_harness_set_sink_caps_str (h, cases[i].caps);
    gst_harness_set_src_caps_str (h, CAPS ("true"));
    g_assert_cmpint (gst_harness_push (h, block_new (fastq)), ==, GST_FLOW_OK);
    assert_text (h, cases[i].text);
    enc_free (h, NULL);
  }
  {
    /* but no FASTQ without qualities */
    GstHarness *h = gst_harness_new ("seqenc");
    GstBus *bus = gst_bus_new ();

    gst_element_set_bus (h->element, bus);
    gst_harness_set_caps_str (h, CAPS ("false"), "text/x-fastq");
    g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_NOT_NEGOTIATED);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "text/x-fasta");
    enc_free (h, bus);
  }
}

/* ---- blocks of all kinds ---- */

static void
test_empty_block (void)
{
  static const gchar *const none[] = { NULL };
  static const gchar *const nothing[] = { "", "", "-", NULL };
  GstHarness *h = enc_new ("", CAPS ("false"), NULL);

  g_assert_cmpint (gst_harness_push (h, block_new (none)), ==, GST_FLOW_OK);
  assert_text (h, "");
  /* a record, but not one byte in its block */
  g_assert_cmpint (gst_harness_push (h, block_new (nothing)), ==, GST_FLOW_OK);
  assert_text (h, ">\n");
  enc_free (h, NULL);
}

/* Offsets count from memory 0; what else hangs on the buffer is nobody's business. */
static void
test_more_memories (void)
{
  GstHarness *h = enc_new ("", CAPS ("false"), NULL);
  GstBuffer *block = block_new (fasta);

  gst_buffer_append_memory (block, gst_allocator_alloc (NULL, 100, NULL));
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  assert_text (h, ">a b\nACGTACG\n>\n>c\td\nAC\n");
  enc_free (h, NULL);
}

static void
test_no_qualities (void)
{
  GstBus *bus;
  GstHarness *h = enc_new ("format=fastq", CAPS ("true"), &bus);

  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 0 has no qualities");
  assert_text (h, "");
  enc_free (h, bus);
}

/* Any bytes with any table must give an error, not a read past the block. */
static void
test_bad_blocks (void)
{
  static const GstSeqRecord bad[] = {
    {7, 0, 11, 0, 0, GST_SEQ_NO_QUALITY, 0},
    {7, 0, 1, 10, 1, GST_SEQ_NO_QUALITY, 0},
    {7, 0, 1, G_MAXUINT32, 1, GST_SEQ_NO_QUALITY, 0},
    {7, 0, 1, 0, 2, 9, 0},
  };
  GstBus *bus;

  for (guint i = 0; i <= G_N_ELEMENTS (bad); i++) {
    GstHarness *h = enc_new ("", CAPS ("true"), &bus);
    GstBuffer *block = gst_buffer_new_wrapped (g_strdup ("0123456789"), 10);

    if (i < G_N_ELEMENTS (bad)) {
      GBytes *table = g_bytes_new (&bad[i], sizeof bad[i]);

      gst_buffer_add_seq_records_meta (block, table);
      g_bytes_unref (table);
    }
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        i < G_N_ELEMENTS (bad) ? "record 7" : "no table");
    assert_text (h, "");
    enc_free (h, bus);
  }
}

static void
test_unwritable (void)
{
  static const gchar *const strings[] = { "x", "AC>GT", "-", "y", ">", "-", NULL };
  GstBus *bus;
  GstHarness *h = enc_new ("line-width=2", CAPS ("false"), &bus);

  g_assert_cmpint (gst_harness_push (h, block_new (strings)), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 0");
  enc_free (h, bus);

  h = enc_new ("line-width=60", CAPS ("false"), &bus);
  g_assert_cmpint (gst_harness_push (h, block_new (strings)), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 1");
  enc_free (h, bus);
}

static void
test_segment (void)
{
  GstHarness *h = enc_new ("", CAPS ("false"), NULL);
  GstEvent *event;
  const GstSegment *segment;
  GstSegment records;
  guint32 seqnum;
  gboolean found = FALSE;

  gst_segment_init (&records, GST_FORMAT_DEFAULT);
  event = gst_event_new_segment (&records);
  seqnum = gst_event_get_seqnum (event);
  g_assert_true (gst_harness_push_event (h, event));
  g_assert_cmpint (gst_harness_push (h, block_new (fasta)), ==, GST_FLOW_OK);
  while ((event = gst_harness_try_pull_event (h))) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
      gst_event_parse_segment (event, &segment);
      g_assert_cmpint (segment->format, ==, GST_FORMAT_BYTES);
      found = found || gst_event_get_seqnum (event) == seqnum;
    }
    gst_event_unref (event);
  }
  g_assert_true (found);
  enc_free (h, NULL);
}

/* ---- round trips ---- */

static void
test_round_trips (Files * f, gconstpointer data)
{
  static const gchar *const widths[] = { "0", "1", "60", "61" };

  for (guint is_fastq = 0; is_fastq < 2; is_fastq++) {
    GString *text = make_text (300, is_fastq);
    gchar *out = g_build_filename (f->dir, "out", NULL), *written;
    Run *first, *second;
    gsize size;

    files_write (f, "in", text->str, text->len);
    first = run_line (f, "seqsrc location=\"%D/in\" ! fakesink name=sink");
    for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
      gchar *line = g_strdup_printf ("seqsrc location=\"%%D/in\" blocksize=3000 ! seqenc "
          "line-width=%s ! filesink name=sink location=\"%%D/out\"", widths[i]);

      second = run_line (f, line);
      g_assert_no_error (second->error);
      g_assert_true (g_file_get_contents (out, &written, &size, NULL));
      if (is_fastq)             /* it was four lines a record: the very same bytes */
        g_assert_cmpmem (written, size, text->str, text->len);
      g_free (written);
      run_free (second);

      second = run_line (f, "seqsrc location=\"%D/out\" ! fakesink name=sink");
      g_assert_no_error (second->error);
      assert_same_strings (second->records, first->records);
      run_free (second);
      g_free (line);
    }
    run_free (first);
    g_free (out);
    g_string_free (text, TRUE);
  }
}

static void
test_fastq_from_fasta (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "x.fa", ">a\nACGT\n", -1);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" ! seqenc format=fastq ! fakesink name=sink");
  g_assert_nonnull (run->error);
  g_assert_cmpuint (run->text->len, ==, 0);
  run_free (run);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" ! seqenc ! text/x-fastq ! fakesink name=sink");
  g_assert_nonnull (run->error);
  g_assert_cmpuint (run->text->len, ==, 0);
  run_free (run);
}

static void
test_full_disk (Files * f, gconstpointer data)
{
  GString *text = make_text (300, FALSE);
  Run *run;

  if (g_access ("/dev/full", W_OK) != 0) {
    g_test_skip ("no /dev/full");
  } else {
    files_write (f, "x.fa", text->str, text->len);
    run = run_line (f, "seqsrc location=\"%D/x.fa\" ! seqsort ! seqenc ! "
        "filesink name=sink location=/dev/full");
    g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
    run_free (run);
  }
  g_string_free (text, TRUE);
}

static void
test_state_cycles (Files * f, gconstpointer data)
{
  gchar *line = g_strdup_printf ("seqsrc location=\"%s/x.fa\" ! seqenc ! fakesink name=sink",
      f->dir);
  Run *run = run_new (line);

  files_write (f, "x.fa", ">a\nACGT\n", -1);
  for (guint i = 0; i < 100; i++) {
    run_clear_results (run);
    run_whole (run);
    g_assert_no_error (run->error);
    g_assert_cmpstr (run->text->str, ==, ">a\nACGT\n");
  }
  run_free (run);
  g_free (line);
}

#define ADD(path, function) \
  g_test_add ("/seqenc/" path, Files, NULL, files_set_up, function, files_tear_down)

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqenc/formats", test_formats);
  g_test_add_func ("/seqenc/line-widths", test_line_widths);
  g_test_add_func ("/seqenc/line-width-while-playing", test_line_width_while_playing);
  g_test_add_func ("/seqenc/mixed", test_mixed);
  g_test_add_func ("/seqenc/other-kind", test_other_kind);
  g_test_add_func ("/seqenc/downstream-chooses", test_downstream_chooses);
  g_test_add_func ("/seqenc/empty-block", test_empty_block);
  g_test_add_func ("/seqenc/more-memories", test_more_memories);
  g_test_add_func ("/seqenc/no-qualities", test_no_qualities);
  g_test_add_func ("/seqenc/bad-blocks", test_bad_blocks);
  g_test_add_func ("/seqenc/unwritable", test_unwritable);
  g_test_add_func ("/seqenc/segment", test_segment);
  ADD ("round-trips", test_round_trips);
  ADD ("fastq-from-fasta", test_fastq_from_fasta);
  ADD ("full-disk", test_full_disk);
  ADD ("state-cycles", test_state_cycles);
  return g_test_run ();
}
