/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqsort-items.h"

#define CAPS_QUALITY "application/x-seq-records,alphabet=(string)protein,quality=(boolean)true"
#define CAPS_DNA "application/x-seq-records,alphabet=(string)dna,quality=(boolean)false"
#define CAPS_BOTH "application/x-seq-records,alphabet=(string)unknown,quality=(boolean)true"

/* --- streams --------------------------------------------------------------------------------- */

static void
test_flush (void)
{
  GstHarness *h = harness_new ("order=ascending");
  g_autoptr (GRand) rand = g_rand_new_with_seed (10);
  g_autofree Item *items = random_items (rand, 200, 30);
  g_autoptr (GArray) result = NULL;
  GstSegment segment;

  push_items (h, items, 120, 50, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  push_items (h, items + 120, 80, 50, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  qsort (items + 120, 80, sizeof (Item), compare_ascending);
  assert_items (result, items + 120, 80);
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
test_downstream_result_in_chain (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_FLUSHING, GST_FLOW_EOS,
    GST_FLOW_NOT_LINKED, GST_FLOW_NOT_NEGOTIATED
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree Item *items = random_items (rand, 100, 30);

  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = harness_new ("window=10");
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    g_assert_cmpint (gst_harness_push (h, make_block (items, 100)), ==, results[i]);
    g_assert_cmpint (fail_at, ==, -1);
    /* nothing is taken any more: it would leave with a hole before it */
    g_assert_cmpint (gst_harness_push (h, make_block (items, 100)), ==, results[i]);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpint (fail_at, ==, -1);
    g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

static void
test_downstream_result_at_eos (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_NOT_NEGOTIATED,
    GST_FLOW_NOT_LINKED, GST_FLOW_FLUSHING, GST_FLOW_EOS
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (12);
  g_autofree Item *items = random_items (rand, 10, 0);

  for (gsize i = 0; i < 10; i++)
    items[i].length = 1500000;
  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = harness_new ("");
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    push_items (h, items, 10, 3, NULL);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpint (fail_at, ==, -1);
    if (i < 3)                  /* records have nowhere to go: never silently */
      assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL);
    else
      g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean blocked;
} Gate;

static Gate gate;

static GstFlowReturn
blocking_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  g_mutex_lock (&gate.lock);
  gate.blocked = TRUE;
  g_cond_broadcast (&gate.cond);
  while (gate.blocked)
    g_cond_wait (&gate.cond, &gate.lock);
  g_mutex_unlock (&gate.lock);
  gst_buffer_unref (buffer);
  return GST_FLOW_FLUSHING;
}

static gpointer
send_eos (gpointer data)
{
  gst_harness_push_event (data, gst_event_new_eos ());
  return NULL;
}

/* Flushed from another thread while the sorted blocks are on their way. */
static void
check_flush_while_draining (const gchar * properties)
{
  GstHarness *h = harness_new (properties);
  GstBus *bus = watch_bus (h);
  GstPadChainFunction chain = GST_PAD_CHAINFUNC (h->sinkpad);
  g_autoptr (GRand) rand = g_rand_new_with_seed (13);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;
  GThread *thread;

  gst_pad_set_chain_function (h->sinkpad, blocking_chain);
  push_items (h, items, 100, 30, NULL);
  thread = g_thread_new ("eos", send_eos, h);
  g_mutex_lock (&gate.lock);
  while (!gate.blocked)
    g_cond_wait (&gate.cond, &gate.lock);
  g_mutex_unlock (&gate.lock);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_mutex_lock (&gate.lock);
  gate.blocked = FALSE;
  g_cond_broadcast (&gate.cond);
  g_mutex_unlock (&gate.lock);
  g_thread_join (thread);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_false (gst_bus_have_pending (bus));

  gst_pad_set_chain_function (h->sinkpad, chain);
  restart_stream (h, "again");
  push_items (h, items, 100, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  qsort (items, 100, sizeof (Item), compare_descending);
  assert_items (result, items, 100);
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

static void
test_flush_while_draining (void)
{
  check_flush_while_draining ("");
}

static void
test_flush_while_merging (void)
{
  check_flush_while_draining ("max-bytes=3000");
}

/* Streams one after the other: each EOS, STREAM_START and SEGMENT ends a window. */
static void
test_streams (void)
{
  GstHarness *h = harness_new ("order=ascending");
  g_autoptr (GRand) rand = g_rand_new_with_seed (14);
  g_autofree Item *items = random_items (rand, 300, 30);
  g_autoptr (GArray) result = NULL;
  GstSegment segment;

  push_items (h, items, 100, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 1);
  restart_stream (h, "second");
  push_items (h, items + 100, 60, 30, NULL);
  restart_stream (h, "third");
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 2);
  push_items (h, items + 160, 70, 30, NULL);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 3);
  push_items (h, items + 230, 70, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));

  result = pull_items (h);
  qsort (items, 100, sizeof (Item), compare_ascending);
  qsort (items + 100, 60, sizeof (Item), compare_ascending);
  qsort (items + 160, 70, sizeof (Item), compare_ascending);
  qsort (items + 230, 70, sizeof (Item), compare_ascending);
  assert_items (result, items, 300);
  gst_harness_teardown (h);
}

/* Downstream has had enough of one segment, and takes the next. */
static void
test_eos_from_downstream_is_lifted (void)
{
  GstHarness *h = harness_new ("window=10");
  GstPadChainFunction chain = GST_PAD_CHAINFUNC (h->sinkpad);
  g_autoptr (GRand) rand = g_rand_new_with_seed (15);
  g_autofree Item *items = random_items (rand, 10, 30);
  g_autoptr (GArray) result = NULL;

  gst_pad_set_chain_function (h->sinkpad, failing_chain);
  fail_at = 0;
  fail_with = GST_FLOW_EOS;
  g_assert_cmpint (gst_harness_push (h, make_block (items, 10)), ==, GST_FLOW_EOS);
  gst_pad_set_chain_function (h->sinkpad, chain);
  restart_stream (h, "next");
  push_items (h, items, 10, 10, NULL);
  result = pull_items (h);
  g_assert_cmpuint (result->len, ==, 10);
  gst_harness_teardown (h);
}

static void
assert_caps (GstHarness * h, const gchar * expected)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (h->sinkpad);
  g_autoptr (GstCaps) wanted = gst_caps_from_string (expected);

  g_assert_nonnull (caps);
  g_assert_true (gst_caps_is_equal (caps, wanted));
}

static gboolean
push_caps (GstHarness * h, const gchar * caps)
{
  g_autoptr (GstCaps) new_caps = gst_caps_from_string (caps);

  return gst_harness_push_event (h, gst_event_new_caps (new_caps));
}

static void
test_caps_change (void)
{
  GstHarness *h = harness_new ("order=ascending window=100");
  g_autoptr (GRand) rand = g_rand_new_with_seed (16);
  g_autofree Item *items = random_items (rand, 400, 30);
  g_autoptr (GArray) result = NULL;

  assert_caps (h, CAPS);
  /* nothing collected: at once */
  g_assert_true (push_caps (h, CAPS_DNA));
  assert_caps (h, CAPS_DNA);
  push_items (h, items, 40, 40, NULL);
  /* within a window: with its first block, and for all of its records */
  g_assert_true (push_caps (h, CAPS_QUALITY));
  assert_caps (h, CAPS_DNA);
  push_items (h, items + 40, 59, 59, NULL);
  assert_caps (h, CAPS_DNA);
  push_items (h, items + 99, 1, 1, NULL);
  assert_caps (h, CAPS_BOTH);
  /* a window of one kind again */
  push_items (h, items + 100, 100, 70, NULL);
  assert_caps (h, CAPS_QUALITY);
  /* quality first, and none afterwards */
  push_items (h, items + 200, 50, 50, NULL);
  g_assert_true (push_caps (h, CAPS));
  push_items (h, items + 250, 50, 50, NULL);
  assert_caps (h, CAPS_QUALITY);
  /* a change that no record of the window is under */
  push_items (h, items + 300, 99, 99, NULL);
  g_assert_true (push_caps (h, CAPS_DNA));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_caps (h, CAPS);
  result = pull_items (h);
  g_assert_cmpuint (result->len, ==, 399);
  gst_harness_teardown (h);
}

/* Events that end no window pass the collected records. */
static void
test_other_events (void)
{
  GstHarness *h = harness_new ("");
  Item item = { 0, 5 };
  GstEvent *event;
  gboolean seen = FALSE;

  push_items (h, &item, 1, 1, NULL);
  gst_harness_push_event (h, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
          gst_structure_new_empty ("mark")));
  while ((event = gst_harness_try_pull_event (h))) {
    seen |= gst_event_has_name (event, "mark");
    gst_event_unref (event);
  }
  g_assert_true (seen);
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 0);
  gst_harness_teardown (h);
}

static gboolean
answer_position (GstPad * pad, GstObject * parent, GstQuery * query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_POSITION)
    gst_query_set_position (query, GST_FORMAT_DEFAULT, 1234);
  else if (GST_QUERY_TYPE (query) == GST_QUERY_DURATION)
    gst_query_set_duration (query, GST_FORMAT_DEFAULT, 5678);
  else
    return gst_pad_query_default (pad, parent, query);
  return TRUE;
}

static void
test_queries (void)
{
  GstHarness *h = gst_harness_new ("seqsort");
  gint64 value = 0;
  GstCaps *caps, *dna = gst_caps_from_string (CAPS_DNA), *protein = gst_caps_from_string (CAPS);

  gst_harness_set_sink_caps_str (h, CAPS_DNA);
  caps = gst_pad_peer_query_caps (h->srcpad, NULL);
  g_assert_true (gst_caps_is_equal (caps, dna));
  g_assert_true (gst_pad_peer_query_accept_caps (h->srcpad, dna));
  g_assert_false (gst_pad_peer_query_accept_caps (h->srcpad, protein));
  gst_pad_set_query_function (h->srcpad, answer_position);
  g_assert_true (gst_pad_peer_query_position (h->sinkpad, GST_FORMAT_DEFAULT, &value));
  g_assert_cmpint (value, ==, 1234);
  g_assert_true (gst_pad_peer_query_duration (h->sinkpad, GST_FORMAT_DEFAULT, &value));
  g_assert_cmpint (value, ==, 5678);
  gst_caps_unref (caps);
  gst_caps_unref (dna);
  gst_caps_unref (protein);
  gst_harness_teardown (h);
}

/* --- errors ---------------------------------------------------------------------------------- */

static void
test_no_table (void)
{
  GstHarness *h = harness_new ("");
  GstBus *bus = watch_bus (h);

  g_assert_cmpint (gst_harness_push (h, gst_buffer_new_allocate (NULL, 10, NULL)), ==,
      GST_FLOW_ERROR);
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "table");
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

static void
test_invalid_table (void)
{
  static const GstSeqRecord bad[] = {
    {.id = 1, .name = 11, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq = 5, .seq_len = 6, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq = 5, .seq_len = G_MAXUINT32 - 2, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq_len = 3, .qual = 8},
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (bad); i++) {
    GstHarness *h = harness_new (i % 2 ? "order=none" : "");
    GstBus *bus = watch_bus (h);
    GstBuffer *block = gst_buffer_new_allocate (NULL, 10, NULL);
    GstSeqRecord records[2] = { {.id = 0, .seq_len = 10, .qual = GST_SEQ_NO_QUALITY}, bad[i / 2] };
    GBytes *table = g_bytes_new (records, sizeof (records));
    Item item = { 0, 5 };

    gst_buffer_add_seq_records_meta (block, table);
    g_bytes_unref (table);
    push_items (h, &item, 1, 1, NULL);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 1 ");
    /* the rest would be a part that looks like the whole */
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, i % 2);
    g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

/* --- element --------------------------------------------------------------------------------- */

static void
test_state_cycles (void)
{
  GstHarness *h = harness_new ("");
  g_autoptr (GRand) rand = g_rand_new_with_seed (17);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;

  for (guint i = 0; i < 100; i++) {
    push_items (h, items, i, 30, NULL);
    if (i % 3 == 0)
      g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_assert_cmpint (gst_element_set_state (h->element, i % 2 ? GST_STATE_NULL : GST_STATE_READY),
        ==, GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (h->element, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    restart_stream (h, "cycle");
    result = pull_items (h);
    g_assert_cmpuint (result->len, ==, i % 3 == 0 ? i : 0);
    g_clear_pointer (&result, g_array_unref);
  }
  gst_harness_teardown (h);
}

static gpointer
sort_in_thread (gpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  for (guint i = 0; i < 10; i++) {
    gsize n = g_rand_int_range (rand, 1, 2000);
    g_autofree Item *items = random_items (rand, n, 50);

    check_sorted ("window=100", items, n, 100, FALSE, rand);
  }
  return NULL;
}

static void
test_two_at_once (void)
{
  GThread *a = g_thread_new ("a", sort_in_thread, GUINT_TO_POINTER (1));
  GThread *b = g_thread_new ("b", sort_in_thread, GUINT_TO_POINTER (2));

  g_thread_join (a);
  g_thread_join (b);
}

static void
assert_stats (GstElement * element, guint64 records, guint64 blocks, guint64 windows)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, "records", &value));
  g_assert_cmpuint (value, ==, records);
  g_assert_true (gst_structure_get_uint64 (stats, "blocks", &value));
  g_assert_cmpuint (value, ==, blocks);
  g_assert_true (gst_structure_get_uint64 (stats, "windows", &value));
  g_assert_cmpuint (value, ==, windows);
  gst_structure_free (stats);
}

/* Properties that change within a window hold from the next one on, even within a block. */
static void
test_properties_and_stats (void)
{
  GstHarness *h = gst_harness_new ("seqsort");
  g_autoptr (GRand) rand = g_rand_new_with_seed (18);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;
  guint window;
  guint64 seed;
  gint order;

  g_object_get (h->element, "order", &order, "window", &window, "seed", &seed, NULL);
  g_assert_cmpint (order, ==, 0);       /* ascending */
  g_assert_cmpuint (window, ==, 0);
  g_assert_cmpuint (seed, ==, 0);
  g_assert_true (GST_IS_PRESET (h->element));
  gst_harness_set_src_caps_str (h, CAPS);

  g_object_set (h->element, "order", 0, "window", 40, NULL);
  push_items (h, items, 10, 10, NULL);
  g_object_set (h->element, "order", 1, "window", 30, NULL);
  assert_stats (h->element, 0, 0, 0);
  push_items (h, items + 10, 65, 65, NULL);
  assert_stats (h->element, 70, 2, 2);
  /* the block in which the change falls is cut; the rest of it leaves as it is */
  gst_util_set_object_arg (G_OBJECT (h->element), "order", "none");
  push_items (h, items + 75, 25, 25, NULL);
  assert_stats (h->element, 100, 3, 3);
  gst_harness_push_event (h, gst_event_new_eos ());

  result = pull_items (h);
  qsort (items, 40, sizeof (Item), compare_ascending);
  qsort (items + 40, 30, sizeof (Item), compare_descending);
  qsort (items + 70, 30, sizeof (Item), compare_descending);
  assert_items (result, items, 100);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqsort-stream/flush", test_flush);
  g_test_add_func ("/seqsort-stream/flush-while-draining", test_flush_while_draining);
  g_test_add_func ("/seqsort-stream/flush-while-merging", test_flush_while_merging);
  g_test_add_func ("/seqsort-stream/downstream-result-in-chain", test_downstream_result_in_chain);
  g_test_add_func ("/seqsort-stream/downstream-result-at-eos", test_downstream_result_at_eos);
  g_test_add_func ("/seqsort-stream/streams", test_streams);
  g_test_add_func ("/seqsort-stream/eos-is-lifted", test_eos_from_downstream_is_lifted);
  g_test_add_func ("/seqsort-stream/caps-change", test_caps_change);
  g_test_add_func ("/seqsort-stream/other-events", test_other_events);
  g_test_add_func ("/seqsort-stream/queries", test_queries);
  g_test_add_func ("/seqsort-stream/no-table", test_no_table);
  g_test_add_func ("/seqsort-stream/invalid-table", test_invalid_table);
  g_test_add_func ("/seqsort-stream/state-cycles", test_state_cycles);
  g_test_add_func ("/seqsort-stream/two-at-once", test_two_at_once);
  g_test_add_func ("/seqsort-stream/properties-and-stats", test_properties_and_stats);
  return g_test_run ();
}
