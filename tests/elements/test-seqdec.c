/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

/* ---- harness ---- */

static GstHarness *
dec_new (const gchar * properties, GstBus ** bus)
{
  gchar *line = g_strdup_printf ("seqdec %s", properties);
  GstHarness *h = gst_harness_new_parse (line);

  if (bus) {
    *bus = gst_bus_new ();
    gst_element_set_bus (h->element, *bus);
  }
  gst_harness_set_src_caps_str (h, "text/x-fasta");
  g_free (line);
  return h;
}

static void
dec_free (GstHarness * h, GstBus * bus)
{
  if (bus) {
    gst_element_set_bus (h->element, NULL);
    gst_object_unref (bus);
  }
  gst_harness_teardown (h);
}

/* In memory of its own, so that a read past it, or after it is gone, shows. */
static GstBuffer *
bytes_new (const void *bytes, gsize size)
{
  return gst_buffer_new_wrapped (g_memdup2 (bytes, MAX (size, 1)), size);
}

static GstFlowReturn
push (GstHarness * h, const gchar * text)
{
  return gst_harness_push (h, bytes_new (text, strlen (text)));
}

static GPtrArray *
take_records (GstHarness * h)
{
  GPtrArray *records = g_ptr_array_new_with_free_func (g_free);
  GstBuffer *block;

  while ((block = gst_harness_try_pull (h))) {
    collect_block (records, block);
    gst_buffer_unref (block);
  }
  return records;
}

static void
assert_records (GstHarness * h, const gchar * expected)
{
  GPtrArray *records = take_records (h);

  assert_strings (records, expected);
  g_ptr_array_unref (records);
}

/* The next error or statistics, or NULL. */
static GstMessage *
pop (GstBus * bus)
{
  return gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
}

/* One error, and no statistics of half an input. */
static void
assert_one_error (GstBus * bus, GQuark domain, gint code)
{
  GstMessage *message = pop (bus);
  GError *error = NULL;

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, domain, code);
  g_error_free (error);
  gst_message_unref (message);
  g_assert_null (pop (bus));
}

/* Statistics of `records` and `bytes`, and no error. */
static void
assert_stats (GstBus * bus, guint64 records, guint64 bytes)
{
  GstMessage *message = pop (bus);

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ELEMENT);
  g_assert_true (gst_message_has_name (message, "seq-stats"));
  g_assert_cmpuint (structure_get (gst_message_get_structure (message), "records"), ==, records);
  g_assert_cmpuint (structure_get (gst_message_get_structure (message), "bytes"), ==, bytes);
  gst_message_unref (message);
  g_assert_null (pop (bus));
}

static void
push_start (GstHarness * h, const gchar * id)
{
  GstCaps *caps = gst_caps_new_empty_simple ("text/x-fastq");
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start (id)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_caps (caps)));
  gst_caps_unref (caps);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static void
push_eos (GstHarness * h)
{
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
}

static void
push_flush (GstHarness * h)
{
  GstSegment segment;

  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

/* ---- bytes in, records out ---- */

static const gchar fastq[] = "@a\nACGT\n+\nIIII\n@b\r\nAC\r\n+\r\n@@\r\n\n@c\nA\n+c\n+";
#define FASTQ_RECORDS "0:a|ACGT|IIII 1:b|AC|@@ 2:c|A|+"

static void
test_every_split (void)
{
  for (gsize split = 0; split <= strlen (fastq); split++) {
    GstHarness *h = dec_new ("", NULL);

    g_assert_cmpint (gst_harness_push (h, bytes_new (fastq, split)), ==, GST_FLOW_OK);
    g_assert_cmpint (push (h, fastq + split), ==, GST_FLOW_OK);
    push_eos (h);
    assert_records (h, FASTQ_RECORDS);
    dec_free (h, NULL);
  }
}

static void
test_single_bytes (void)
{
  GByteArray *gzip = g_byte_array_new ();

  put_gzip_member (gzip, fastq, 20);
  put_gzip_member (gzip, fastq + 20, strlen (fastq) - 20);
  for (guint packed = 0; packed < 2; packed++) {
    const guint8 *bytes = packed ? gzip->data : (const guint8 *) fastq;
    GstHarness *h = dec_new ("", NULL);

    for (gsize i = 0; i < (packed ? gzip->len : strlen (fastq)); i++)
      g_assert_cmpint (gst_harness_push (h, bytes_new (bytes + i, 1)), ==, GST_FLOW_OK);
    push_eos (h);
    assert_records (h, FASTQ_RECORDS);
    dec_free (h, NULL);
  }
  g_byte_array_unref (gzip);
}

/* A buffer of sixteen memories, some empty; empty buffers between. */
static void
test_many_memories (void)
{
  GstHarness *h = dec_new ("", NULL);
  GstBuffer *buffer = gst_buffer_new ();
  gsize size = strlen (fastq);

  g_assert_cmpint (gst_harness_push (h, gst_buffer_new ()), ==, GST_FLOW_OK);
  for (guint i = 0; i < 16; i++) {
    gsize from = size * (i / 2) / 8, n = i % 2 ? 0 : size * (i / 2 + 1) / 8 - from;
    gchar *bytes = g_memdup2 (fastq + from, MAX (n, 1));

    gst_buffer_append_memory (buffer, gst_memory_new_wrapped (0, bytes, n, 0, n, bytes, g_free));
  }
  g_assert_cmpuint (gst_buffer_n_memory (buffer), ==, 16);
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_harness_push (h, gst_buffer_new ()), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, FASTQ_RECORDS);
  dec_free (h, NULL);
}

static void
test_events (void)
{
  GstHarness *h = dec_new ("", NULL);
  const GstSegment *segment;
  GstEvent *event;
  GstCaps *caps;
  gchar *text;

  g_assert_cmpint (push (h, ">a\nACGU\n"), ==, GST_FLOW_OK);
  push_eos (h);
  event = gst_harness_pull_event (h);
  g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_STREAM_START);
  gst_event_unref (event);
  event = gst_harness_pull_event (h);
  g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_CAPS);
  gst_event_parse_caps (event, &caps);
  text = gst_caps_to_string (caps);
  g_assert_cmpstr (text, ==,
      "application/x-seq-records, alphabet=(string)rna, quality=(boolean)false");
  g_free (text);
  gst_event_unref (event);
  event = gst_harness_pull_event (h);
  g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_SEGMENT);
  gst_event_parse_segment (event, &segment);
  g_assert_cmpint (segment->format, ==, GST_FORMAT_DEFAULT);
  g_assert_cmpuint (segment->start, ==, 0);
  gst_event_unref (event);
  event = gst_harness_pull_event (h);
  g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_EOS);
  gst_event_unref (event);
  dec_free (h, NULL);
}

/* No bytes at all are an empty input: a segment, so that downstream can end properly, and EOS. */
static void
test_nothing (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("", &bus);

  push_eos (h);
  assert_records (h, "");
  assert_stats (bus, 0, 0);
  dec_free (h, bus);
}

/* ---- several files, flushes ---- */

static void
test_second_stream (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("", &bus);

  g_assert_cmpint (push (h, ">a\nAC"), ==, GST_FLOW_OK);
  push_start (h, "second");
  g_assert_cmpint (push (h, "@b\nGT\n+\nII"), ==, GST_FLOW_OK);
  push_start (h, "third, empty");
  push_start (h, "fourth");
  g_assert_cmpint (push (h, ">c\n"), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, "0:a|AC|- 1:b|GT|II 2:c||-");
  assert_stats (bus, 3, 5 + 10 + 3);
  dec_free (h, bus);
}

static void
test_flush (void)
{
  static const gchar text[] = "@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n";
  GstBus *bus;
  GstHarness *h = dec_new ("blocksize=1", &bus);

  for (gsize cut = 0; cut <= strlen (text); cut++) {
    GPtrArray *records;

    g_assert_cmpint (gst_harness_push (h, bytes_new (text, cut)), ==, GST_FLOW_OK);
    push_flush (h);
    g_ptr_array_unref (take_records (h));
    g_assert_cmpint (push (h, text), ==, GST_FLOW_OK);
    push_eos (h);
    records = take_records (h);
    assert_strings (records, "0:a|ACGT|IIII 1:b|AC|II");
    g_ptr_array_unref (records);
    assert_stats (bus, 2, strlen (text));
    push_flush (h);             /* EOS, too, is over with it */
  }
  dec_free (h, bus);
}

/* ---- ends and errors ---- */

static void
test_eos_in_record (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("", &bus);

  g_assert_cmpint (push (h, ">a\nAC\n>b"), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, "0:a|AC|- 1:b||-");
  assert_stats (bus, 2, 8);
  dec_free (h, bus);

  h = dec_new ("", &bus);
  g_assert_cmpint (push (h, "@a\nAC\n+\nII\n@b\nAC\n+\nI"), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, "0:a|AC|II");
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  dec_free (h, bus);
}

/* All whole records, one error, and nothing more whatever upstream does then. */
static void
test_error (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("blocksize=1", &bus);

  g_assert_cmpint (push (h, ">a\nAC\n>b\nGT\n>bad\nA\001\n>c\nA\n>d\nC\n"), ==, GST_FLOW_ERROR);
  assert_records (h, "0:a|AC|- 1:b|GT|-");
  g_assert_cmpint (push (h, ">e\nAC\n"), ==, GST_FLOW_ERROR);
  push_start (h, "second");
  g_assert_cmpint (push (h, ">e\nAC\n"), ==, GST_FLOW_ERROR);
  push_eos (h);
  assert_records (h, "");
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);

  /* a flush makes good */
  push_flush (h);
  g_assert_cmpint (push (h, ">f\nAC\n"), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, "0:f|AC|-");
  assert_stats (bus, 1, 6);
  dec_free (h, bus);
}

/* The end of a file is found to be cut when the next one starts. */
static void
test_error_at_stream_start (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("", &bus);

  g_assert_cmpint (push (h, "@a\nAC\n+\nII\n@b\nAC\n"), ==, GST_FLOW_OK);
  push_start (h, "second");
  g_assert_cmpint (push (h, "@c\nAC\n+\nII\n"), ==, GST_FLOW_ERROR);
  push_eos (h);
  assert_records (h, "0:a|AC|II");
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  dec_free (h, bus);
}

static void
test_truncated_gzip (void)
{
  GByteArray *gzip = g_byte_array_new ();
  GstBus *bus;

  put_gzip_member (gzip, fastq, strlen (fastq));
  for (guint cut = 1; cut <= 8; cut++) {
    GstHarness *h = dec_new ("", &bus);

    g_assert_cmpint (gst_harness_push (h, bytes_new (gzip->data, gzip->len - cut)), ==,
        GST_FLOW_OK);
    push_eos (h);
    assert_records (h, "0:a|ACGT|IIII 1:b|AC|@@");      /* the last one is not known to be whole */
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    dec_free (h, bus);
  }
  g_byte_array_unref (gzip);
}

/* What the pad downstream returns from now on. */
static GstFlowReturn sink_flow;
static guint sink_buffers;

static GstFlowReturn
sink_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  sink_buffers++;
  gst_buffer_unref (buffer);
  return sink_flow;
}

static GstHarness *
dec_new_with_sink (const gchar * properties, GstBus ** bus, GstFlowReturn flow)
{
  GstHarness *h = dec_new (properties, bus);

  sink_flow = flow;
  sink_buffers = 0;
  gst_pad_set_chain_function (h->sinkpad, sink_chain);
  return h;
}

/* Downstream refuses amid a buffer; its bytes are gone when upstream goes on all the same. */
static void
test_flow_from_chain (void)
{
  static const GstFlowReturn flows[] =
      { GST_FLOW_ERROR, GST_FLOW_EOS, GST_FLOW_FLUSHING, GST_FLOW_NOT_LINKED,
    GST_FLOW_NOT_NEGOTIATED, GST_FLOW_CUSTOM_ERROR_1
  };

  for (guint i = 0; i < G_N_ELEMENTS (flows); i++) {
    GstBus *bus;
    GstHarness *h = dec_new_with_sink ("blocksize=1", &bus, flows[i]);

    g_assert_cmpint (push (h, ">a\nA\n>b\nC\n>c\nG\n>d\nT\n"), ==, flows[i]);
    g_assert_cmpint (push (h, ">e\nA\n>f\nC\n"), ==, flows[i]);
    push_eos (h);
    g_assert_cmpuint (sink_buffers, ==, 1);
    /* it was returned to upstream, who reports it */
    if (flows[i] != GST_FLOW_EOS)
      g_assert_null (pop (bus));
    dec_free (h, bus);
  }
}

/* At EOS nobody else can report that records could not be given out. */
static void
test_flow_at_eos (void)
{
  static const struct
  {
    GstFlowReturn flow;
    gboolean reported;
  } cases[] = {
    {GST_FLOW_OK, FALSE}, {GST_FLOW_EOS, FALSE}, {GST_FLOW_FLUSHING, FALSE},
    {GST_FLOW_ERROR, FALSE},    /* by downstream, who has reported it */
    {GST_FLOW_NOT_LINKED, TRUE}, {GST_FLOW_NOT_NEGOTIATED, TRUE},
    {GST_FLOW_NOT_SUPPORTED, TRUE}, {GST_FLOW_CUSTOM_ERROR, TRUE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstBus *bus;
    GstHarness *h = dec_new_with_sink ("", &bus, cases[i].flow);

    g_assert_cmpint (push (h, ">a\nA\n>b\nC\n"), ==, GST_FLOW_OK);
    push_eos (h);
    g_assert_cmpuint (sink_buffers, ==, 1);
    if (cases[i].reported)
      assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
    else if (cases[i].flow == GST_FLOW_OK || cases[i].flow == GST_FLOW_EOS)
      assert_stats (bus, 2, 10);
    else
      g_assert_null (pop (bus));
    dec_free (h, bus);
  }
}

/* ---- limit ---- */

static void
test_limit (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("limit=2", &bus);

  g_assert_cmpint (push (h, ">a\nA\n>b\nC\n"), ==, GST_FLOW_OK);
  g_assert_cmpint (push (h, ">c\nG\n>d\nno FASTA \001"), ==, GST_FLOW_EOS);
  assert_records (h, "0:a|A|- 1:b|C|-");        /* now, not at EOS */
  g_assert_cmpint (push (h, ">e\nG\n"), ==, GST_FLOW_EOS);
  push_eos (h);
  assert_records (h, "");
  assert_stats (bus, 2, 10 + 18);
  dec_free (h, bus);

  /* the limit is reached by what the end of a file completes */
  h = dec_new ("limit=2", &bus);
  g_assert_cmpint (push (h, ">a\nA\n>b\nC"), ==, GST_FLOW_OK);
  push_start (h, "second");
  assert_records (h, "0:a|A|- 1:b|C|-");
  g_assert_cmpint (push (h, ">c\nG\n"), ==, GST_FLOW_EOS);
  push_eos (h);
  assert_records (h, "");
  dec_free (h, bus);

  h = dec_new ("limit=2", &bus);
  g_assert_cmpint (push (h, ">a\nA\n>b\nC"), ==, GST_FLOW_OK);
  push_eos (h);
  assert_records (h, "0:a|A|- 1:b|C|-");
  dec_free (h, bus);

  /* a failure downstream while the last records go out is not mistaken for the end */
  h = dec_new_with_sink ("limit=1", &bus, GST_FLOW_NOT_LINKED);
  g_assert_cmpint (push (h, ">a\nA\n>b\nC\n"), ==, GST_FLOW_NOT_LINKED);
  dec_free (h, bus);
}

/* ---- seeks, queries ---- */

/* Bytes from `start` on, that say where they are; or, if `flags` has DISCONT, that something is missing. */
static GstFlowReturn
push_at (GstHarness * h, const gchar * text, guint64 start, guint flags)
{
  GstBuffer *buffer = bytes_new (text, strlen (text));

  if (start != GST_BUFFER_OFFSET_NONE) {
    GST_BUFFER_OFFSET (buffer) = start;
    GST_BUFFER_OFFSET_END (buffer) = start + strlen (text);
  }
  GST_BUFFER_FLAG_SET (buffer, flags);
  return gst_harness_push (h, buffer);
}

static void
push_segment_at (GstHarness * h, guint64 start)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  segment.start = segment.position = start;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

#define NOWHERE GST_BUFFER_OFFSET_NONE
#define DISCONT GST_BUFFER_FLAG_DISCONT

/* Bytes that are lost on the way are an error behind the last whole record. */
static void
test_gap (void)
{
  static const struct
  {
    guint64 first, second;
    guint flags;
    const gchar *message;
  } cases[] = {
    {0, 11, 0, NULL}, {0, 12, 0, "behind byte 11"}, {0, 10, 0, "behind byte 11"},
    {0, 11, DISCONT, NULL}, {0, 12, DISCONT, "behind byte 11"},
    {NOWHERE, NOWHERE, 0, NULL}, {NOWHERE, NOWHERE, DISCONT, "behind byte 11"},
    {0, NOWHERE, DISCONT, "behind byte 11"}, {NOWHERE, 40, 0, NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstBus *bus;
    GstHarness *h = dec_new ("", &bus);
    GstFlowReturn ret;

    g_assert_cmpint (push_at (h, ">a\nAC\n>b\nGT", cases[i].first, DISCONT), ==, GST_FLOW_OK);
    g_test_message ("case %u", i);
    ret = push_at (h, "TT\n", cases[i].second, cases[i].flags);
    if (cases[i].message) {
      GstMessage *message = pop (bus);
      GError *error;

      g_assert_cmpint (ret, ==, GST_FLOW_ERROR);
      assert_records (h, "0:a|AC|-");
      gst_message_parse_error (message, &error, NULL);
      g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_error_free (error);
      gst_message_unref (message);
    } else {
      g_assert_cmpint (ret, ==, GST_FLOW_OK);
      g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
      assert_records (h, "0:a|AC|- 1:b|GTTT|-");
    }
    dec_free (h, bus);
  }
}

/* Offsets in another unit than bytes say nothing. */
static void
test_other_offsets (void)
{
  GstHarness *h = dec_new ("", NULL);

  for (guint i = 0; i < 4; i++) {
    GstBuffer *buffer = bytes_new (">a\nAC\n", 6);

    GST_BUFFER_OFFSET (buffer) = 10 * i;
    GST_BUFFER_OFFSET_END (buffer) = 10 * i + 1;
    g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_records (h, "0:a|AC|- 1:a|AC|- 2:a|AC|- 3:a|AC|-");
  dec_free (h, NULL);
}

/* A segment goes on where the last bytes ended, or begins again at the start, or elsewhere, which is
 * no place to go on from. */
static void
test_segments (void)
{
  GstBus *bus;
  GstHarness *h = dec_new ("", &bus);

  push_segment_at (h, 0);
  g_assert_cmpint (push_at (h, ">a\nAC\n>b\nG", 0, 0), ==, GST_FLOW_OK);
  push_segment_at (h, 10);
  g_assert_cmpint (push_at (h, "T\n>c\nA", 10, DISCONT), ==, GST_FLOW_OK);
  push_segment_at (h, 0);
  g_assert_cmpint (push_at (h, ">a\nAC\n>b\nG", 0, DISCONT), ==, GST_FLOW_OK);
  push_segment_at (h, 0);
  g_assert_cmpint (push_at (h, ">a\nAC\n>b\nG", NOWHERE, 0), ==, GST_FLOW_OK);
  push_segment_at (h, 10);
  g_assert_cmpint (push_at (h, "T\n", NOWHERE, DISCONT), ==, GST_FLOW_OK);
  push_segment_at (h, 20);
  g_assert_cmpint (push_at (h, "T\n", NOWHERE, 0), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  assert_records (h, "0:a|AC|-");
  dec_free (h, bus);

  h = dec_new ("", NULL);
  push_segment_at (h, 100);
  g_assert_cmpint (push_at (h, ">a\nAC\n", 0, 0), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_records (h, "0:a|AC|-");
  dec_free (h, NULL);

  h = dec_new ("", &bus);
  push_segment_at (h, 0);
  g_assert_cmpint (push_at (h, ">a\nAC\n", 100, 0), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  dec_free (h, bus);
}

static void
test_seek (void)
{
  GstHarness *h = dec_new ("", NULL);
  GstSeekFlags flags;
  GstFormat format;
  GstEvent *event;
  gint64 start;
  guint32 seqnum;

  g_assert_cmpint (push (h, ">a\nA\n"), ==, GST_FLOW_OK);
  while ((event = gst_harness_try_pull_upstream_event (h)))
    gst_event_unref (event);
  event = gst_event_new_seek (1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
      GST_SEEK_TYPE_NONE, -1);
  seqnum = gst_event_get_seqnum (event);
  gst_harness_push_upstream_event (h, event);
  event = gst_harness_pull_upstream_event (h);
  g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_SEEK);
  gst_event_parse_seek (event, NULL, &format, &flags, NULL, &start, NULL, NULL);
  g_assert_cmpint (format, ==, GST_FORMAT_BYTES);
  g_assert_cmpint (flags, ==, GST_SEEK_FLAG_FLUSH);
  g_assert_cmpint (start, ==, 0);
  g_assert_cmpuint (gst_event_get_seqnum (event), ==, seqnum);
  gst_event_unref (event);

  g_assert_false (gst_harness_push_upstream_event (h, gst_event_new_seek (1.0, GST_FORMAT_DEFAULT,
              GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 1, GST_SEEK_TYPE_NONE, -1)));
  g_assert_false (gst_harness_push_upstream_event (h, gst_event_new_seek (1.0, GST_FORMAT_DEFAULT,
              GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, 7)));
  g_assert_false (gst_harness_push_upstream_event (h, gst_event_new_seek (2.0, GST_FORMAT_DEFAULT,
              GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, -1)));
  g_assert_null (gst_harness_try_pull_upstream_event (h));
  dec_free (h, NULL);
}

static void
test_position (void)
{
  GstHarness *h = dec_new ("blocksize=1", NULL);
  gint64 position = -1;

  g_assert_true (gst_element_query_position (h->element, GST_FORMAT_DEFAULT, &position));
  g_assert_cmpint (position, ==, 0);
  g_assert_cmpint (push (h, ">a\nA\n>b\nC\n>c\nG\n"), ==, GST_FLOW_OK);
  g_assert_true (gst_element_query_position (h->element, GST_FORMAT_DEFAULT, &position));
  g_assert_cmpint (position, ==, 2);
  push_eos (h);
  g_assert_true (gst_element_query_position (h->element, GST_FORMAT_DEFAULT, &position));
  g_assert_cmpint (position, ==, 3);
  push_flush (h);
  g_assert_true (gst_element_query_position (h->element, GST_FORMAT_DEFAULT, &position));
  g_assert_cmpint (position, ==, 0);
  dec_free (h, NULL);
}

/* ---- pipelines ---- */

static void
test_pipeline (Files * f, gconstpointer data)
{
  GString *text = make_text (500, TRUE);
  GByteArray *packed[4];
  static const gchar *const names[] = { "plain", "gzip", "bgzf", "zstd" };
  Run *expected;

  for (guint i = 0; i < 4; i++)
    packed[i] = g_byte_array_new ();
  g_byte_array_append (packed[0], (const guint8 *) text->str, text->len);
  put_gzip_member (packed[1], text->str, text->len);
  put_bgzf (packed[2], (const guint8 *) text->str, text->len);
  put_zstd_frame (packed[3], text->str, text->len);
  for (guint i = 0; i < 4; i++)
    files_write (f, names[i], packed[i]->data, packed[i]->len);
  expected = run_line (f, "seqsrc location=\"%D/plain\" ! fakesink name=sink");

  for (guint i = 0; i < 4; i++) {
    for (gint workers = 0; workers <= 2; workers++) {
      gchar *line = g_strdup_printf ("filesrc location=\"%%D/%s\" blocksize=%d ! seqdec name=dec "
          "workers=%d ! fakesink name=sink", names[i], 700 + 3000 * workers, workers);
      Run *run = run_line (f, line);

      g_assert_no_error (run->error);
      assert_same_strings (run->records, expected->records);
      g_assert_cmpstr (run->events->str, ==, "SCGBE");
      g_assert_cmpuint (structure_get (run->stats, "bytes"), ==, packed[i]->len);
      g_assert_cmpuint (structure_get (run->stats, "id-hash"), ==,
          structure_get (expected->stats, "id-hash"));
      run_free (run);
      g_free (line);
    }
  }
  run_free (expected);
  for (guint i = 0; i < 4; i++)
    g_byte_array_unref (packed[i]);
  g_string_free (text, TRUE);
}

static void
test_seek_in_pipeline (Files * f, gconstpointer data)
{
  GString *text = make_text (300, FALSE);
  gchar *line = g_strdup_printf ("filesrc location=\"%s/x.fa\" blocksize=1000 ! seqdec name=dec "
      "blocksize=1000 ! fakesink name=sink", f->dir);
  Run *run = run_new (line);
  GstQuery *query = gst_query_new_seeking (GST_FORMAT_DEFAULT);
  gboolean seekable = FALSE;
  GPtrArray *first;

  files_write (f, "x.fa", text->str, text->len);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  first = g_ptr_array_ref (run->records);
  g_assert_cmpuint (first->len, ==, 300);
  g_assert_true (gst_element_query (run_get (run, "dec"), query));
  gst_query_parse_seeking (query, NULL, &seekable, NULL, NULL);
  g_assert_true (seekable);
  gst_query_unref (query);

  for (guint i = 0; i < 3; i++) {
    run_clear_results (run);
    g_assert_true (gst_element_seek_simple (run->pipeline, i == 0 ? GST_FORMAT_DEFAULT :
            i == 1 ? GST_FORMAT_BYTES : GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    run_wait (run);
    g_assert_no_error (run->error);
    assert_same_strings (run->records, first);
  }
  g_ptr_array_unref (first);
  run_free (run);
  g_free (line);
  g_string_free (text, TRUE);
}

static GstPadProbeReturn
drop_third (GstPad * pad, GstPadProbeInfo * info, gpointer n)
{
  return ++*(guint *) n == 3 ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

static void
test_gap_in_pipeline (Files * f, gconstpointer data)
{
  GString *text = make_text (300, FALSE);
  gchar *line = g_strdup_printf ("filesrc location=\"%s/x.fa\" blocksize=1000 ! seqdec name=dec ! "
      "fakesink name=sink", f->dir);
  Run *run = run_new (line);
  GstPad *pad = gst_element_get_static_pad (run_get (run, "dec"), "sink");
  guint n = 0;

  files_write (f, "x.fa", text->str, text->len);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, drop_third, &n, NULL);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  g_assert_nonnull (strstr (run->error->message, "behind byte 2000"));
  gst_object_unref (pad);
  run_free (run);
  g_free (line);
  g_string_free (text, TRUE);
}

static void
test_state_cycles (Files * f, gconstpointer data)
{
  GString *text = make_text (50, FALSE);
  gchar *line = g_strdup_printf ("filesrc location=\"%s/x.fa\" blocksize=500 ! seqdec name=dec "
      "blocksize=1000 ! fakesink name=sink", f->dir);
  Run *run = run_new (line);

  files_write (f, "x.fa", text->str, text->len);
  for (guint i = 0; i < 100; i++) {
    run_clear_results (run);
    if (i % 3 == 0) {
      run_whole (run);
      g_assert_cmpuint (run->records->len, ==, 50);
    } else {
      gst_element_set_state (run->pipeline, i % 3 == 1 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
      run_stop (run);
    }
    g_assert_no_error (run->error);
  }
  run_free (run);
  g_free (line);
  g_string_free (text, TRUE);
}

/* 64 KiB of zstd that are 2 GiB of newlines: half a minute's work, that no block comes of. */
static void
write_lines (Files * f, const gchar * name)
{
  static const guint8 head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3, 1 << 1, 0, 1 << 4, '\n' };
  GByteArray *frame = g_byte_array_new ();

  g_byte_array_append (frame, head, sizeof head);
  for (guint i = 0; i < 16384; i++)     /* blocks of 128 KiB, as the one in `head` */
    g_byte_array_append (frame, head + 6, 4);
  files_write (f, name, frame->data, frame->len);
  g_byte_array_unref (frame);
}

/* A stop doesn't wait until what has been read is parsed. */
static void
test_stop (Files * f, gconstpointer data)
{
  static const gchar *const sources[] = { "seqsrc location=\"%s/lines\"",
    "filesrc blocksize=1000000 location=\"%s/lines\" ! seqdec",
    "filesrc blocksize=1000000 location=\"%s/lines\" ! seqdec ! seqsort"
  };

  write_lines (f, "lines");
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++) {
    gchar *format = g_strconcat (sources[i], " ! fakesink name=sink", NULL);
    gchar *line = g_strdup_printf (format, f->dir);
    Run *run = run_new (line);
    gint64 began;

    gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
    g_usleep (G_USEC_PER_SEC / 5);
    began = g_get_monotonic_time ();
    run_stop (run);
    g_assert_cmpint (g_get_monotonic_time () - began, <, 5 * G_USEC_PER_SEC);
    g_assert_no_error (run->error);
    run_free (run);
    g_free (line);
    g_free (format);
  }
}

/* One error that tells, from a file that isn't what it should be. */
static void
test_not_fasta (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "x.fa", "Dear all,\n", -1);
  run = run_line (f, "filesrc location=\"%D/x.fa\" ! seqdec ! seqsort ! fakesink name=sink");
  g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  g_assert_cmpuint (structure_get (run->details, "line"), ==, 1);
  g_assert_cmpuint (run->n_errors, ==, 1);
  g_assert_cmpuint (run->n_stats, ==, 0);
  run_free (run);
}

#define ADD(path, function) \
  g_test_add ("/seqdec/" path, Files, NULL, files_set_up, function, files_tear_down)

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqdec/every-split", test_every_split);
  g_test_add_func ("/seqdec/single-bytes", test_single_bytes);
  g_test_add_func ("/seqdec/many-memories", test_many_memories);
  g_test_add_func ("/seqdec/events", test_events);
  g_test_add_func ("/seqdec/nothing", test_nothing);
  g_test_add_func ("/seqdec/second-stream", test_second_stream);
  g_test_add_func ("/seqdec/flush", test_flush);
  g_test_add_func ("/seqdec/eos-in-record", test_eos_in_record);
  g_test_add_func ("/seqdec/error", test_error);
  g_test_add_func ("/seqdec/error-at-stream-start", test_error_at_stream_start);
  g_test_add_func ("/seqdec/truncated-gzip", test_truncated_gzip);
  g_test_add_func ("/seqdec/flow-from-chain", test_flow_from_chain);
  g_test_add_func ("/seqdec/flow-at-eos", test_flow_at_eos);
  g_test_add_func ("/seqdec/limit", test_limit);
  g_test_add_func ("/seqdec/gap", test_gap);
  g_test_add_func ("/seqdec/other-offsets", test_other_offsets);
  g_test_add_func ("/seqdec/segments", test_segments);
  g_test_add_func ("/seqdec/seek", test_seek);
  g_test_add_func ("/seqdec/position", test_position);
  ADD ("pipeline", test_pipeline);
  ADD ("seek-in-pipeline", test_seek_in_pipeline);
  ADD ("gap-in-pipeline", test_gap_in_pipeline);
  ADD ("state-cycles", test_state_cycles);
  ADD ("stop", test_stop);
  ADD ("not-fasta", test_not_fasta);
  return g_test_run ();
}
