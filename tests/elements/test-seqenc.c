/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <string.h>

#define CAPS(quality) "application/x-seq-records,alphabet=dna,quality=(boolean)" quality

/* A block of two records, the first of 5 residues and the second empty. */
static GstBuffer *
make_block (gboolean quality)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (3);
  GstBuffer *block;

  gst_seq_block_builder_add (builder, "a b", -1, "ACGTA", -1, quality ? "IIII!" : NULL);
  gst_seq_block_builder_add (builder, "t\tb\\", -1, "", -1, quality ? "" : NULL);
  block = gst_seq_block_builder_finish (builder);
  gst_seq_block_builder_unref (builder);
  return block;
}

static gchar *
text_of (GstBuffer * buffer)
{
  gsize size = gst_buffer_get_size (buffer);
  gchar *text = g_malloc0 (size + 1);

  gst_buffer_extract (buffer, 0, text, size);
  return text;
}

static void
assert_text (GstHarness * h, const gchar * expected)
{
  GstBuffer *buffer = gst_harness_pull (h);
  gchar *text = text_of (buffer);

  g_assert_cmpstr (text, ==, expected);
  /* the text is no block, whatever it was made of */
  g_assert_null (gst_buffer_get_seq_records_meta (buffer));
  g_free (text);
  gst_buffer_unref (buffer);
}

static void
assert_media_type (GstHarness * h, const gchar * expected)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);

  g_assert_nonnull (caps);
  g_assert_cmpstr (gst_structure_get_name (gst_caps_get_structure (caps, 0)), ==, expected);
  gst_caps_unref (caps);
}

static void
test_formats (void)
{
  static const struct
  {
    const gchar *properties;
    gboolean quality;
    const gchar *type, *text;
  } rows[] = {
    {"", FALSE, "text/x-fasta", ">a b\nACGTA\n>t\tb\\\n"},
    {"", TRUE, "text/x-fastq", "@a b\nACGTA\n+\nIIII!\n@t\tb\\\n\n+\n\n"},
    {"format=fasta", TRUE, "text/x-fasta", ">a b\nACGTA\n>t\tb\\\n"},
    {"format=fasta line-width=2", FALSE, "text/x-fasta", ">a b\nAC\nGT\nA\n>t\tb\\\n"},
    {"format=fasta line-width=0", FALSE, "text/x-fasta", ">a b\nACGTA\n>t\tb\\\n"},
    {"format=fastq line-width=2", TRUE, "text/x-fastq",
        "@a b\nACGTA\n+\nIIII!\n@t\tb\\\n\n+\n\n"},
    {"format=tsv", FALSE, "text/tab-separated-values", "a b\tACGTA\nt\\tb\\\\\t\n"},
    {"format=tsv", TRUE, "text/tab-separated-values", "a b\tACGTA\tIIII!\nt\\tb\\\\\t\t\n"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    gchar *line = g_strdup_printf ("seqenc %s", rows[i].properties);
    GstHarness *h = gst_harness_new_parse (line);

    gst_harness_set_src_caps_str (h, rows[i].quality ? CAPS ("true") : CAPS ("false"));
    g_assert_cmpint (gst_harness_push (h, make_block (rows[i].quality)), ==, GST_FLOW_OK);
    assert_text (h, rows[i].text);
    assert_media_type (h, rows[i].type);
    gst_harness_teardown (h);
    g_free (line);
  }
}

/* Downstream may choose, among what the records allow. */
static void
test_downstream_chooses (void)
{
  GstHarness *h = gst_harness_new ("seqenc");

  gst_harness_set_caps_str (h, CAPS ("true"), "text/tab-separated-values");
  g_assert_cmpint (gst_harness_push (h, make_block (TRUE)), ==, GST_FLOW_OK);
  assert_text (h, "a b\tACGTA\tIIII!\nt\\tb\\\\\t\t\n");
  gst_harness_teardown (h);

  /* no FASTQ without qualities */
  h = gst_harness_new ("seqenc");
  gst_harness_set_caps_str (h, CAPS ("false"), "text/x-fastq");
  g_assert_cmpint (gst_harness_push (h, make_block (FALSE)), ==, GST_FLOW_NOT_NEGOTIATED);
  gst_harness_teardown (h);
}

static void
test_line_width_while_playing (void)
{
  GstHarness *h = gst_harness_new ("seqenc");

  gst_harness_set_src_caps_str (h, CAPS ("false"));
  gst_harness_push (h, make_block (FALSE));
  assert_text (h, ">a b\nACGTA\n>t\tb\\\n");
  g_object_set (h->element, "line-width", 3, NULL);
  gst_harness_push (h, make_block (FALSE));
  assert_text (h, ">a b\nACG\nTA\n>t\tb\\\n");
  gst_harness_teardown (h);
}

static void
check_error (const gchar * properties, const gchar * caps, GstBuffer * block, const gchar * says)
{
  gchar *line = g_strdup_printf ("seqenc %s", properties);
  GstHarness *h = gst_harness_new_parse (line);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_bus (h->element, bus);
  gst_harness_set_src_caps_str (h, caps);
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  if (!strstr (error->message, says))
    g_error ("'%s' is not in '%s'", says, error->message);
  g_clear_error (&error);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
  gst_element_set_bus (h->element, NULL);
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (bus);
  gst_harness_teardown (h);
  g_free (line);
}

static void
test_errors (void)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (0);

  /* caps promise qualities that a record does not have */
  check_error ("format=fastq", CAPS ("true"), make_block (FALSE), "record 3");
  check_error ("", CAPS ("false"), gst_buffer_new_allocate (NULL, 10, NULL), "table");
  /* what would be read back as something else */
  gst_seq_block_builder_add (builder, "fine", -1, "AC", -1, NULL);
  gst_seq_block_builder_add (builder, "odd", -1, "A>C", -1, NULL);
  check_error ("line-width=1", CAPS ("false"), gst_seq_block_builder_finish (builder), "1");
  gst_seq_block_builder_unref (builder);
}

/* Text is counted in bytes; empty blocks and further memories do no harm. */
static void
test_stream (void)
{
  GstHarness *h = gst_harness_new ("seqenc");
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (0);
  GstBuffer *block = make_block (FALSE);
  const GstSegment *segment;
  GstEvent *event;

  gst_harness_set_src_caps_str (h, CAPS ("false"));
  for (guint i = 1; i < 16; i++)
    gst_buffer_append_memory (block, gst_allocator_alloc (NULL, 100, NULL));
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_OK);
  assert_text (h, ">a b\nACGTA\n>t\tb\\\n");
  g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
  assert_text (h, "");
  gst_seq_block_builder_unref (builder);

  event = gst_pad_get_sticky_event (h->sinkpad, GST_EVENT_SEGMENT, 0);
  gst_event_parse_segment (event, &segment);
  g_assert_cmpint (segment->format, ==, GST_FORMAT_BYTES);
  gst_event_unref (event);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  gst_harness_teardown (h);
}

static void
test_state_cycles (void)
{
  GstElement *element = gst_object_ref_sink (gst_element_factory_make ("seqenc", NULL));

  for (guint i = 0; i < 100; i++) {
    gst_element_set_state (element, GST_STATE_PLAYING);
    gst_element_set_state (element, GST_STATE_NULL);
  }
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqenc/formats", test_formats);
  g_test_add_func ("/seqenc/downstream-chooses", test_downstream_chooses);
  g_test_add_func ("/seqenc/line-width-while-playing", test_line_width_while_playing);
  g_test_add_func ("/seqenc/errors", test_errors);
  g_test_add_func ("/seqenc/stream", test_stream);
  g_test_add_func ("/seqenc/state-cycles", test_state_cycles);
  return g_test_run ();
}
