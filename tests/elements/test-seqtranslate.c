/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

/* What is translated into what is tested in tests/core/test-translate.c; here it is about blocks,
 * streams and properties. */

#define CAPS "application/x-seq-records,alphabet=(string)dna,quality=(boolean)false"
#define CAPS_PROTEIN "application/x-seq-records,alphabet=(string)protein,quality=(boolean)false"

/* Three records, and the products of their first frames. */
static const gchar *const contigs[] = { "a one", "ATGGCCTAAACT", "", "atguuu", "c", "AT" };
#define N_CONTIGS (G_N_ELEMENTS (contigs) / 2)
#define FIRST_FRAMES "0:a:+1:0-6 one parent=0|MA|- 1:a:+1:9-12 one parent=0|T|- " \
    "2::+1:0-6 parent=1|MF|-"

static GstHarness *
harness_new (const gchar * properties)
{
  g_autofree gchar *line = g_strdup_printf ("seqtranslate %s", properties);
  GstElement *element = gst_parse_launch (line, NULL);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");

  gst_object_unref (element);
  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

static GstBus *
watch_bus (GstHarness * h)
{
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  return bus;
}

static void
stop_watching (GstHarness * h, GstBus * bus)
{
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
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

/* A block of `n` records: name, nucleotides, … */
static GstBuffer *
block_new (const gchar * const *strings, guint n, guint64 first_id)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (first_id);

  for (guint i = 0; i < n; i++)
    g_assert_true (gst_seq_block_builder_add (builder, strings[2 * i], -1, strings[2 * i + 1], -1,
            NULL));
  return gst_seq_block_builder_finish (builder);
}

static GstBuffer *
contigs_new (void)
{
  return block_new (contigs, N_CONTIGS, 0);
}

static GPtrArray *
pull_products (GstHarness * h)
{
  GPtrArray *products = g_ptr_array_new_with_free_func (g_free);
  GstBuffer *buffer;

  while ((buffer = gst_harness_try_pull (h))) {
    g_assert_cmpuint (gst_seq_block_get_n_records (buffer), >, 0);
    collect_block (products, buffer);
    gst_buffer_unref (buffer);
  }
  return products;
}

static void
assert_products (GstHarness * h, const gchar * expected)
{
  GPtrArray *products = pull_products (h);

  assert_strings (products, expected);
  g_ptr_array_unref (products);
}

static void
restart_stream (GstHarness * h, const gchar * id)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (CAPS);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start (id)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_caps (caps)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static guint64
get_stat (GstElement * element, const gchar * field)
{
  GstStructure *stats;
  guint64 value;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_has_name (stats, "seq-translate-stats"));
  value = structure_get (stats, field);
  gst_structure_free (stats);
  return value;
}

/* ---- properties ---- */

static void
test_properties (void)
{
  static const struct
  {
    const gchar *properties, *nucleotides, *products;
  } cases[] = {
    {"", "ATGG", "0:c:+1:0-3 parent=0|M|- 1:c:+2:1-4 parent=0|W|- 2:c:-1:1-4 parent=0|P|- "
          "3:c:-2:0-3 parent=0|H|-"},
    {"frames=forward", "ATGG", "0:c:+1:0-3 parent=0|M|- 1:c:+2:1-4 parent=0|W|-"},
    {"frames=reverse", "ATGG", "0:c:-1:1-4 parent=0|P|- 1:c:-2:0-3 parent=0|H|-"},
    {"frames=first", "ATGG", "0:c:+1:0-3 parent=0|M|-"},
    {"frames=first", "ATGTGAAGA", "0:c:+1:0-3 parent=0|M|- 1:c:+1:6-9 parent=0|R|-"},
    {"frames=first stop=keep", "ATGTGAAGA", "0:c:+1:0-9 parent=0|M*R|-"},
    {"frames=first genetic-code=2", "ATGTGAAGA", "0:c:+1:0-6 parent=0|MW|-"},
    {"frames=first min-length=2", "ATGTAAATGATG", "0:c:+1:6-12 parent=0|MM|-"},
    {"frames=first chunk=6", "ATGATGATG", "0:c:+1:0-6 parent=0|MM|- 1:c:+1:6-9 parent=0|M|-"},
    {"frames=first chunk=6 overlap=3", "ATGATGATG", "0:c:+1:0-6 parent=0|MM|- "
          "1:c:+1:3-9 parent=0|MM|-"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const gchar *strings[] = { "c", cases[i].nucleotides };
    GstHarness *h = harness_new (cases[i].properties);

    g_assert_cmpint (gst_harness_push (h, block_new (strings, 1, 0)), ==, GST_FLOW_OK);
    assert_products (h, cases[i].products);
    gst_harness_teardown (h);
  }
}

/* What is set comes back, and what isn't set is as the documentation has it. */
static void
test_defaults (void)
{
  GstElement *element = gst_element_factory_make ("seqtranslate", NULL);
  guint code, min_length, chunk, overlap;
  gint frames, stop;

  g_object_get (element, "genetic-code", &code, "min-length", &min_length, "chunk", &chunk,
      "overlap", &overlap, "frames", &frames, "stop", &stop, NULL);
  g_assert_cmpuint (code, ==, 1);
  g_assert_cmpuint (min_length, ==, 1);
  g_assert_cmpuint (chunk, ==, 0);
  g_assert_cmpuint (overlap, ==, 0);
  g_assert_cmpint (frames, ==, 0);
  g_assert_cmpint (stop, ==, 0);
  g_object_set (element, "genetic-code", 33, "min-length", 7, "chunk", 500, "overlap", 20, NULL);
  gst_util_set_object_arg (G_OBJECT (element), "frames", "first");
  gst_util_set_object_arg (G_OBJECT (element), "stop", "keep");
  g_object_get (element, "genetic-code", &code, "min-length", &min_length, "chunk", &chunk,
      "overlap", &overlap, "frames", &frames, "stop", &stop, NULL);
  g_assert_cmpuint (code, ==, 33);
  g_assert_cmpuint (min_length, ==, 7);
  g_assert_cmpuint (chunk, ==, 500);
  g_assert_cmpuint (overlap, ==, 20);
  g_assert_cmpint (frames, ==, 3);
  g_assert_cmpint (stop, ==, 1);
  g_assert_cmpuint (get_stat (element, "records-in"), ==, 0);
  gst_object_unref (element);
}

static void
test_bad_settings (void)
{
  static const struct
  {
    guint code, chunk, overlap;
    const gchar *says;
  } cases[] = {
    {7, 0, 0, "no genetic code 7"}, {20, 0, 0, "no genetic code 20"}, {1, 0, 5, "overlap of 5"},
    {1, 5, 5, "overlap of 5"}, {1, 5, G_MAXUINT, "overlap of 4294967295"},
  };
  GstElement *element = gst_element_factory_make ("seqtranslate", NULL);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_object_set (element, "genetic-code", cases[i].code, "chunk", cases[i].chunk,
        "overlap", cases[i].overlap, NULL);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
        GST_STATE_CHANGE_FAILURE);
    assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, cases[i].says);
    gst_element_set_state (element, GST_STATE_NULL);
  }
  g_object_set (element, "genetic-code", 1, "chunk", 5, "overlap", 4, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* A change counts from the next start on. */
static void
test_change_between_runs (void)
{
  GstHarness *h = harness_new ("frames=first");

  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  assert_products (h, FIRST_FRAMES);
  g_object_set (h->element, "min-length", 2, NULL);
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  restart_stream (h, "again");
  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  assert_products (h, "0:a:+1:0-6 one parent=0|MA|- 1::+1:0-6 parent=1|MF|-");
  gst_harness_teardown (h);
}

/* ---- caps ---- */

static void
test_caps (void)
{
  static const gchar *const good[] = { "dna", "rna", "unknown" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autofree gchar *in = g_strdup_printf ("application/x-seq-records,alphabet=%s,quality=%s",
        good[i], i == 0 ? "true" : "false");
    GstHarness *h = gst_harness_new ("seqtranslate");
    GstCaps *caps, *expected = gst_caps_from_string (CAPS_PROTEIN);

    gst_harness_set_src_caps_str (h, in);
    g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
    caps = gst_pad_get_current_caps (h->sinkpad);
    g_assert_true (gst_caps_is_equal (caps, expected));
    gst_caps_unref (caps);
    gst_caps_unref (expected);
    gst_harness_teardown (h);
  }
  {
    /* what is protein already has come to the wrong element */
    GstHarness *h = gst_harness_new ("seqtranslate");
    GstCaps *protein = gst_caps_from_string (CAPS_PROTEIN);

    g_assert_false (gst_pad_peer_query_accept_caps (h->srcpad, protein));
    gst_caps_unref (protein);
    gst_harness_teardown (h);
  }
}

/* Files of several kinds in a row: nothing changes for downstream. */
static void
test_caps_change (void)
{
  GstHarness *h = harness_new ("frames=first");
  GstEvent *event;
  guint n_caps = 0;

  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  gst_harness_set_src_caps_str (h, "application/x-seq-records,alphabet=rna,quality=true");
  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  while ((event = gst_harness_try_pull_event (h))) {
    n_caps += GST_EVENT_TYPE (event) == GST_EVENT_CAPS;
    gst_event_unref (event);
  }
  g_assert_cmpuint (n_caps, ==, 1);
  gst_harness_teardown (h);
}

static void
test_qualities (void)
{
  GstHarness *h = harness_new ("frames=first");
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (4);

  g_assert_true (gst_seq_block_builder_add (builder, "q", -1, "ATGGG", -1, "IIIII"));
  g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
  assert_products (h, "0:q:+1:0-3 parent=4|M|-");
  gst_harness_teardown (h);
}

/* ---- blocks ---- */

static void
test_empty_blocks (void)
{
  static const gchar *const nothing[] = { "", "" };
  GstHarness *h = harness_new ("");

  g_assert_cmpint (gst_harness_push (h, block_new (NULL, 0, 0)), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_harness_push (h, block_new (nothing, 1, 0)), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  g_assert_cmpuint (get_stat (h->element, "records-in"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "without-product"), ==, 1);
  gst_harness_teardown (h);
}

static GstSeqBlockBuilder *
random_records (guint n, guint max_length)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (0);
  GRand *rand = g_rand_new_with_seed (n);

  for (guint i = 0; i < n; i++) {
    gsize length = g_rand_int_range (rand, 0, max_length + 1);
    g_autofree gchar *name = g_strdup_printf ("r%u of many", i);
    g_autofree gchar *nucleotides = g_malloc (length + 1);

    for (gsize k = 0; k < length; k++)
      nucleotides[k] = "ACGT"[g_rand_int_range (rand, 0, 4)];
    g_assert_true (gst_seq_block_builder_add (builder, name, -1, nucleotides, length, NULL));
  }
  g_rand_free (rand);
  return builder;
}

/* `n` of the records of a block, from `first` on: the same memory, a part of the table. */
static GstBuffer *
part_of_block (GstBuffer * block, guint first, guint n)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);
  GstBuffer *part = gst_buffer_new ();
  GBytes *table = g_bytes_new (meta->records + first, n * sizeof (GstSeqRecord));

  gst_buffer_append_memory (part, gst_buffer_get_memory (block, 0));
  gst_buffer_add_seq_records_meta (part, table);
  g_bytes_unref (table);
  return part;
}

/* However the records came in blocks, the same products leave, with the same ids. */
static void
test_blocks_split_anywhere (void)
{
  g_autoptr (GstSeqBlockBuilder) builder = random_records (200, 700);
  GstBuffer *block = gst_seq_block_builder_finish (builder);
  GstHarness *h = harness_new ("chunk=300 overlap=50 min-length=3");
  GPtrArray *whole, *parts;
  GRand *rand = g_rand_new_with_seed (5);

  g_assert_cmpint (gst_harness_push (h, gst_buffer_ref (block)), ==, GST_FLOW_OK);
  whole = pull_products (h);
  g_assert_cmpuint (whole->len, >, 1000);
  gst_harness_teardown (h);
  for (guint max = 1; max <= 64; max *= 4) {
    h = harness_new ("chunk=300 overlap=50 min-length=3");
    for (guint i = 0, n; i < 200; i += n) {
      n = MIN (200 - i, (guint) g_rand_int_range (rand, 1, max + 1));
      g_assert_cmpint (gst_harness_push (h, part_of_block (block, i, n)), ==, GST_FLOW_OK);
    }
    parts = pull_products (h);
    assert_same_strings (parts, whole);
    g_ptr_array_unref (parts);
    gst_harness_teardown (h);
  }
  g_ptr_array_unref (whole);
  gst_buffer_unref (block);
  g_rand_free (rand);
}

/* One record that gives several blocks: bounded, ids without a gap, only the first one is new. */
static void
test_large_record (void)
{
  g_autofree gchar *nucleotides = g_strnfill (3000000, 'A');
  const gchar *strings[] = { "large", nucleotides };
  GstHarness *h = harness_new ("");
  GstBuffer *buffer;
  guint64 next = 0;
  guint n_blocks = 0;

  for (guint i = 0; i < 3000000; i += 50)
    memcpy (nucleotides + i, "TAATAATAATTATTATTA", 18);
  g_assert_cmpint (gst_harness_push (h, block_new (strings, 1, 0)), ==, GST_FLOW_OK);
  while ((buffer = gst_harness_try_pull (h))) {
    g_assert_cmpuint (gst_buffer_get_size (buffer), <=, 2 << 20);
    g_assert_cmpuint (gst_seq_block_get_n_records (buffer), <=, 65536);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, next);
    g_assert_cmpint (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT), ==, n_blocks == 0);
    next = GST_BUFFER_OFFSET_END (buffer);
    n_blocks++;
    gst_buffer_unref (buffer);
  }
  g_assert_cmpuint (n_blocks, >, 3);
  g_assert_cmpuint (get_stat (h->element, "records-out"), ==, next);
  gst_harness_teardown (h);
}

/* Blocks belong to whoever has them, also when the element is gone. */
static void
test_blocks_outlive_the_element (void)
{
  GstHarness *h = harness_new ("frames=first");
  GPtrArray *products = g_ptr_array_new_with_free_func (g_free);
  GstBuffer *block;

  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  block = gst_harness_pull (h);
  gst_harness_teardown (h);
  collect_block (products, block);
  assert_strings (products, FIRST_FRAMES);
  gst_buffer_unref (block);
  g_ptr_array_unref (products);
}

static void
test_bad_blocks (void)
{
  static const GstSeqRecord bad[] = {
    {7, 0, 11, 0, 0, GST_SEQ_NO_QUALITY, 0},
    {7, 0, 1, 10, 1, GST_SEQ_NO_QUALITY, 0},
    {7, 0, 1, G_MAXUINT32, 1, GST_SEQ_NO_QUALITY, 0},
  };

  for (guint i = 0; i <= G_N_ELEMENTS (bad); i++) {
    GstHarness *h = harness_new ("");
    GstBus *bus = watch_bus (h);
    GstBuffer *block = gst_buffer_new_wrapped (g_strdup ("0123456789"), 10);

    if (i < G_N_ELEMENTS (bad)) {
      GBytes *table = g_bytes_new (&bad[i], sizeof bad[i]);

      gst_buffer_add_seq_records_meta (block, table);
      g_bytes_unref (table);
    }
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        i < G_N_ELEMENTS (bad) ? "record 7" : "no table");
    /* the rest would be a part that looks like the whole */
    g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_ERROR);
    g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

/* ---- streams ---- */

static void
test_stats (void)
{
  static const gchar *const strings[] = { "a", "ATGATGTAAATGTAANNNATG", "b", "AT" };
  GstHarness *h = harness_new ("frames=first min-length=2");
  GstBus *bus = watch_bus (h);
  GstMessage *message;
  const GstStructure *stats;

  g_assert_cmpint (gst_harness_push (h, block_new (strings, 2, 0)), ==, GST_FLOW_OK);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  stats = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_name (stats, "seq-translate-stats"));
  g_assert_cmpuint (structure_get (stats, "records-in"), ==, 2);
  g_assert_cmpuint (structure_get (stats, "records-out"), ==, 2);
  g_assert_cmpuint (structure_get (stats, "residues"), ==, 4);
  g_assert_cmpuint (structure_get (stats, "unknown"), ==, 1);
  g_assert_cmpuint (structure_get (stats, "short"), ==, 1);
  g_assert_cmpuint (structure_get (stats, "without-product"), ==, 1);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  g_assert_cmpuint (get_stat (h->element, "records-out"), ==, 2);
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

/* Ids go on in the next stream, and start again after a flush and from READY. */
static void
test_runs (void)
{
  GstHarness *h = harness_new ("frames=first");
  GstSegment segment;

  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  assert_products (h, FIRST_FRAMES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  restart_stream (h, "second");
  g_assert_cmpint (gst_harness_push (h, block_new (contigs + 2, 1, 9)), ==, GST_FLOW_OK);
  assert_products (h, "3::+1:0-6 parent=9|MF|-");

  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_cmpuint (get_stat (h->element, "records-in"), ==, 0);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
  assert_products (h, FIRST_FRAMES);
  g_assert_cmpuint (get_stat (h->element, "records-in"), ==, N_CONTIGS);
  gst_harness_teardown (h);
}

static void
test_eos_without_records (void)
{
  GstHarness *h = harness_new ("");
  GstBus *bus = watch_bus (h);
  GstMessage *message;

  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_cmpuint (structure_get (gst_message_get_structure (message), "records-in"), ==, 0);
  gst_message_unref (message);
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

/* What downstream says about the n-th block that it gets, and OK to all others. */
static gint fail_at;
static GstFlowReturn fail_with;

static GstFlowReturn
failing_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  gst_buffer_unref (buffer);
  return fail_at-- == 0 ? fail_with : GST_FLOW_OK;
}

static void
test_downstream_results (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_FLUSHING, GST_FLOW_EOS,
    GST_FLOW_NOT_LINKED, GST_FLOW_NOT_NEGOTIATED, GST_FLOW_CUSTOM_ERROR
  };
  g_autofree gchar *nucleotides = g_strnfill (5000000, 'C');
  const gchar *strings[] = { "large", nucleotides };

  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = harness_new ("stop=keep");  /* six blocks */
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    g_assert_cmpint (gst_harness_push (h, block_new (strings, 1, 0)), ==, results[i]);
    g_assert_cmpint (fail_at, ==, -1);  /* nothing came after it */
    g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, results[i]);
    g_assert_cmpint (fail_at, ==, -1);
    g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

/* Downstream has had enough of one segment, and takes the next. */
static void
test_eos_from_downstream_is_lifted (void)
{
  GstHarness *h = harness_new ("frames=first");
  GstPadChainFunction chain = GST_PAD_CHAINFUNC (h->sinkpad);

  gst_pad_set_chain_function (h->sinkpad, failing_chain);
  fail_at = 0;
  fail_with = GST_FLOW_EOS;
  g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_EOS);
  gst_pad_set_chain_function (h->sinkpad, chain);
  restart_stream (h, "next");
  g_assert_cmpint (gst_harness_push (h, block_new (contigs + 2, 1, 3)), ==, GST_FLOW_OK);
  assert_products (h, "3::+1:0-6 parent=3|MF|-");
  gst_harness_teardown (h);
}

static void
test_state_cycles (void)
{
  GstHarness *h = harness_new ("frames=first");

  for (guint i = 0; i < 50; i++) {
    g_assert_cmpint (gst_harness_push (h, contigs_new ()), ==, GST_FLOW_OK);
    assert_products (h, FIRST_FRAMES);
    if (i % 3 == 0)
      g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_assert_cmpint (gst_element_set_state (h->element, i % 2 ? GST_STATE_NULL : GST_STATE_READY),
        ==, GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (h->element, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpuint (get_stat (h->element, "records-in"), ==, 0);
    restart_stream (h, "cycle");
  }
  gst_harness_teardown (h);
}

/* ---- a pipeline ---- */

static void
test_file (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "x.fa", ">a one\nATGGCC\nTAAACT\n>b\nATGT\n", -1);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" ! seqtranslate frames=first ! seqenc ! "
      "fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpstr (run->text->str, ==, ">a:+1:0-6 one parent=0\nMA\n>a:+1:9-12 one parent=0\nT\n"
      ">b:+1:0-3 parent=1\nM\n");
  run_free (run);
  /* proteins don't get in */
  files_write (f, "p.fa", ">p\nMKTAYIAKQRQISFVKSHFSRQ\n", -1);
  for (guint i = 0; i < 2; i++) {
    run = run_line (f, i == 0 ? "seqsrc location=\"%D/p.fa\" ! seqtranslate ! fakesink name=sink"
        : "filesrc location=\"%D/p.fa\" ! seqdec ! seqtranslate ! fakesink name=sink");
    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE);
    g_assert_nonnull (strstr (run->error->message, "no records of protein"));
    g_assert_cmpuint (run->n_buffers, ==, 0);
    run_free (run);
  }
}

/* A stop doesn't wait for the end of a long record that gives nothing. */
static void
test_stop_in_record (void)
{
  g_autofree gchar *nucleotides = g_strnfill (3000000, 'A');
  const gchar *record[] = { "long", nucleotides };
  GstHarness *h = harness_new ("chunk=6 overlap=5 min-length=3");
  GstPad *srcpad = gst_element_get_static_pad (h->element, "src");
  GstStructure *stats;

  gst_pad_set_active (srcpad, FALSE);
  g_assert_cmpint (gst_harness_push (h, block_new (record, 1, 0)), ==, GST_FLOW_FLUSHING);
  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_cmpuint (structure_get (stats, "without-product"), ==, 0);
  gst_structure_free (stats);
  gst_object_unref (srcpad);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqtranslate/properties", test_properties);
  g_test_add_func ("/seqtranslate/defaults", test_defaults);
  g_test_add_func ("/seqtranslate/bad-settings", test_bad_settings);
  g_test_add_func ("/seqtranslate/change-between-runs", test_change_between_runs);
  g_test_add_func ("/seqtranslate/caps", test_caps);
  g_test_add_func ("/seqtranslate/caps-change", test_caps_change);
  g_test_add_func ("/seqtranslate/qualities", test_qualities);
  g_test_add_func ("/seqtranslate/empty-blocks", test_empty_blocks);
  g_test_add_func ("/seqtranslate/blocks-split-anywhere", test_blocks_split_anywhere);
  g_test_add_func ("/seqtranslate/large-record", test_large_record);
  g_test_add_func ("/seqtranslate/blocks-outlive-the-element", test_blocks_outlive_the_element);
  g_test_add_func ("/seqtranslate/bad-blocks", test_bad_blocks);
  g_test_add_func ("/seqtranslate/stats", test_stats);
  g_test_add_func ("/seqtranslate/runs", test_runs);
  g_test_add_func ("/seqtranslate/eos-without-records", test_eos_without_records);
  g_test_add_func ("/seqtranslate/downstream-results", test_downstream_results);
  g_test_add_func ("/seqtranslate/eos-from-downstream-is-lifted",
      test_eos_from_downstream_is_lifted);
  g_test_add_func ("/seqtranslate/state-cycles", test_state_cycles);
  g_test_add ("/seqtranslate/file", Files, NULL, files_set_up, test_file, files_tear_down);
  g_test_add_func ("/seqtranslate/stop-in-record", test_stop_in_record);
  return g_test_run ();
}
