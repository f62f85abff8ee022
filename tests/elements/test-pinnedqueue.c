/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pinnedqueue-rig.h"

#include <dlfcn.h>
#include <gst/check/gstharness.h>

/* Suite fakecuda runs these tests, too, on the fake driver, and with faults of it: what there is of
 * page-locked memory is different there, and nothing else. */
static gboolean has_driver;

static gboolean
driver_is_loaded (void)
{
  void *library = dlopen (g_getenv ("GST_SEQ_LIBCUDA"), RTLD_LAZY | RTLD_NOLOAD);

  if (library != NULL)
    dlclose (library);
  return library != NULL;
}

/* Neither a scan of plugins nor an element that nobody starts has to do with the driver. */
static void
test_driver_when_needed (void)
{
  GstElement *guard = gst_element_factory_make ("cudamemguard", NULL);
  Rig rig;

  rig_init (&rig);
  g_assert_false (driver_is_loaded ());
  g_object_set (rig.queue, "pin-memory", 2, NULL);
  rig_start (&rig);
  g_assert_false (driver_is_loaded ());
  rig_clear (&rig);

  rig_init (&rig);
  rig_start (&rig);
  g_assert_cmpint (driver_is_loaded (), ==, has_driver);
  rig_clear (&rig);
  gst_object_unref (guard);
}

static void
test_order (void)
{
  Rig rig;
  guint i;
  GString *expected = g_string_new ("segment ");

  rig_init (&rig);
  rig.delay = 30;
  rig_start (&rig);
  for (i = 0; i < 1000; i++) {
    g_assert_cmpint (push (&rig, i), ==, GST_FLOW_OK);
    g_string_append_printf (expected, "b%u ", i);
  }
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  g_string_append (expected, "eos ");
  WAIT_FOR (log_ends (&rig, "eos "));
  g_assert_cmpstr (rig.log->str, ==, expected->str);
  g_assert_cmpuint (stat_of (&rig, "buffers"), ==, 1000);
  g_assert_cmpuint (stat_of (&rig, "bytes"), ==, 8000);
  g_assert_cmpuint (stat_of (&rig, "max-level-buffers"), ==, 2);
  g_assert_cmpuint (stat_of (&rig, "full"), >, 100);
  g_assert_cmpuint (stat_of (&rig, "full-time"), >, 1000);
  rig_clear (&rig);
  g_string_free (expected, TRUE);
}

static void
test_prefetch_factor (void)
{
  Rig rig;
  Pusher pusher = { &rig, 20, 8 };
  GThread *thread;

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  thread = g_thread_new ("pusher", pusher_run, &pusher);
  WAIT_FOR (g_atomic_int_get (&pusher.pushed) == 3);
  g_usleep (20000);
  g_assert_cmpint (g_atomic_int_get (&pusher.pushed), ==, 3);
  g_assert_cmpuint (stat_of (&rig, "level-buffers"), ==, 2);
  g_assert_cmpuint (stat_of (&rig, "level-bytes"), ==, 16);

  g_object_set (rig.queue, "prefetch-factor", 7, NULL);
  WAIT_FOR (g_atomic_int_get (&pusher.pushed) == 8);
  g_object_set (rig.queue, "prefetch-factor", 1, NULL);
  g_usleep (20000);
  g_assert_cmpint (g_atomic_int_get (&pusher.pushed), ==, 8);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_thread_join (thread);
  g_assert_cmpint (pusher.flow, ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b19 "));
  g_assert_cmpuint (stat_of (&rig, "max-level-buffers"), ==, 7);
  rig_clear (&rig);
}

static void
test_max_size_bytes (void)
{
  Rig rig;
  Pusher pusher = { &rig, 5, 60 };
  GThread *thread;

  rig_init (&rig);
  g_object_set (rig.queue, "max-size-bytes", G_GUINT64_CONSTANT (150), "prefetch-factor", 9, NULL);
  rig.shut = TRUE;
  rig_start (&rig);
  thread = g_thread_new ("pusher", pusher_run, &pusher);
  WAIT_FOR (g_atomic_int_get (&pusher.pushed) == 3);
  g_usleep (10000);
  g_assert_cmpuint (stat_of (&rig, "level-bytes"), ==, 120);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_thread_join (thread);
  WAIT_FOR (log_ends (&rig, "b4 "));

  g_assert_cmpint (gst_pad_push (rig.src, make_buffer (5, 5000)), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_pad_push (rig.src, make_buffer (6, 5000)), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b5 b6 "));
  rig_clear (&rig);
}

static void
test_flush_blocked (void)
{
  Rig rig;
  Pusher pusher = { &rig, 10, 8 };
  GThread *thread;

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  thread = g_thread_new ("pusher", pusher_run, &pusher);
  WAIT_FOR (g_atomic_int_get (&pusher.pushed) == 3 && is_inside (&rig));

  /* upstream is in its push and downstream in its chain function */
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_flush_start ()));
  g_thread_join (thread);
  g_assert_cmpint (pusher.flow, ==, GST_FLOW_FLUSHING);
  g_assert_cmpint (push (&rig, 100), ==, GST_FLOW_FLUSHING);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_flush_stop (TRUE)));
  g_assert_cmpuint (stat_of (&rig, "level-buffers"), ==, 0);

  start_stream (&rig);
  g_assert_cmpint (push (&rig, 7), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b7 "));
  g_assert_cmpstr (rig.log->str, ==, "segment segment b7 ");
  rig_clear (&rig);
}

static void
test_eos_drains (void)
{
  Rig rig;

  rig_start_shut (&rig);
  push (&rig, 1);
  push (&rig, 2);
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  g_assert_false (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  g_assert_cmpint (push (&rig, 3), ==, GST_FLOW_EOS);

  /* a new stream comes in before the old one has gone out */
  start_stream (&rig);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_assert_cmpint (push (&rig, 4), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b4 "));
  g_assert_cmpstr (rig.log->str, ==, "segment b0 b1 b2 eos segment b4 ");

  /* and one after it */
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  WAIT_FOR (log_ends (&rig, "eos "));
  start_stream (&rig);
  g_assert_cmpint (push (&rig, 5), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "eos segment b5 "));
  rig_clear (&rig);
}

static guint
count_messages (Rig * rig, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (rig->bus, type))) {
    n++;
    gst_message_unref (message);
  }
  return n;
}

static void
test_error_goes_up (void)
{
  Rig rig;

  rig_init (&rig);
  rig.flow = GST_FLOW_NOT_NEGOTIATED;
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (push (&rig, 1) == GST_FLOW_NOT_NEGOTIATED);
  g_assert_cmpint (push (&rig, 2), ==, GST_FLOW_NOT_NEGOTIATED);
  g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_ERROR), ==, 0);

  /* after EOS there is no push that could tell */
  g_assert_false (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_ERROR), ==, 1);
  rig_clear (&rig);
}

static void
test_error_after_eos (void)
{
  Rig rig;

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  push (&rig, 0);
  push (&rig, 1);
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  set_shut (&rig, FALSE, GST_FLOW_ERROR);
  WAIT_FOR (log_ends (&rig, "eos "));
  g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_ERROR), ==, 1);
  g_assert_cmpuint (rig.buffers, ==, 0);
  rig_clear (&rig);
}

static gpointer
drain_run (gpointer data)
{
  GstQuery *query = gst_query_new_drain ();
  gboolean answered = gst_pad_peer_query (data, query);

  gst_query_unref (query);
  return GINT_TO_POINTER (answered);
}

static GstPadProbeReturn
note_query (GstPad * pad, GstPadProbeInfo * info, gpointer asked)
{
  g_atomic_int_set ((gint *) asked, TRUE);
  return GST_PAD_PROBE_OK;
}

static void
test_downstream_eos (void)
{
  Rig rig;
  GThread *asker;
  gint asked = FALSE;

  rig_start_shut (&rig);
  push (&rig, 1);
  gst_pad_add_probe (rig.src, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM | GST_PAD_PROBE_TYPE_PUSH,
      note_query, &asked, NULL);
  asker = g_thread_new ("asker", drain_run, rig.src);
  WAIT_FOR (g_atomic_int_get (&asked));
  g_usleep (100000);

  /* the query is dropped with the buffers, and is not left waiting */
  set_shut (&rig, FALSE, GST_FLOW_EOS);
  g_assert_false (GPOINTER_TO_INT (g_thread_join (asker)));
  WAIT_FOR (push (&rig, 2) == GST_FLOW_EOS);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_assert_cmpint (push (&rig, 3), ==, GST_FLOW_EOS);
  start_stream (&rig);
  g_assert_cmpint (push (&rig, 4), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b4 "));
  g_assert_cmpuint (stat_of (&rig, "buffers"), <=, 3);
  rig_clear (&rig);
}

static gpointer
push_run (gpointer data)
{
  return GINT_TO_POINTER (push (data, 3));
}

static GstPadProbeReturn
accept_from_segment_on (GstPad * pad, GstPadProbeInfo * info, gpointer rig)
{
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_SEGMENT)
    set_shut (rig, FALSE, GST_FLOW_OK);
  return GST_PAD_PROBE_OK;
}

/* Downstream wants no more, but another segment is in the queue already, and upstream waits for room:
 * what is dropped up to the segment makes room. */
static void
test_downstream_eos_before_segment (void)
{
  GstSegment segment;
  GThread *pusher;
  Rig rig;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  rig_start_shut (&rig);
  push (&rig, 1);
  push (&rig, 2);
  gst_pad_push_event (rig.src, gst_event_new_segment (&segment));
  pusher = g_thread_new ("pusher", push_run, &rig);
  g_usleep (100000);
  gst_pad_add_probe (rig.sink, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, accept_from_segment_on, &rig,
      NULL);
  set_shut (&rig, FALSE, GST_FLOW_EOS);
  WAIT_FOR (log_ends (&rig, "b3 "));
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (pusher)), ==, GST_FLOW_OK);
  g_assert_cmpint (push (&rig, 4), ==, GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b3 b4 "));
  rig_clear (&rig);
}

static void
test_serialized_order (void)
{
  GstCaps *one = gst_caps_from_string ("test/x, n=1"), *two = gst_caps_from_string ("test/x, n=2");
  GstQuery *query;
  guint size, min, max;
  Rig rig;

  rig_init (&rig);
  rig.delay = 200;
  rig.caps = one;
  rig_start (&rig);
  g_object_set (rig.queue, "prefetch-factor", 50, NULL);
  push (&rig, 0);
  gst_pad_push_event (rig.src, gst_event_new_gap (0, 1));
  push (&rig, 1);
  query = gst_query_new_drain ();
  g_assert_true (gst_pad_peer_query (rig.src, query));
  gst_query_unref (query);
  g_assert_true (log_ends (&rig, "b1 drain "));
  gst_pad_push_event (rig.src, gst_event_new_caps (two));
  push (&rig, 2);
  query = gst_query_new_allocation (two, TRUE);
  g_assert_true (gst_pad_peer_query (rig.src, query));
  if (has_driver) {
    g_assert_cmpuint (gst_query_get_n_allocation_pools (query)
        + gst_query_get_n_allocation_params (query), ==, 1);
  } else {
    g_assert_cmpuint (gst_query_get_n_allocation_pools (query), ==, 1);
    gst_query_parse_nth_allocation_pool (query, 0, NULL, &size, &min, &max);
    g_assert_cmpuint (size, ==, 4711);
  }
  gst_query_unref (query);
  g_assert_cmpstr (rig.log->str, ==,
      "caps1 segment b0 gap b1 drain caps2 b2 allocation ");
  rig_clear (&rig);
  gst_caps_unref (one);
  gst_caps_unref (two);
}

static void
test_query_and_shutdown (void)
{
  Rig rig;
  GThread *asker;

  rig_start_shut (&rig);
  asker = g_thread_new ("asker", drain_run, rig.src);
  g_usleep (10000);
  g_assert_true (gst_pad_push_event (rig.src, gst_event_new_flush_start ()));
  g_assert_false (GPOINTER_TO_INT (g_thread_join (asker)));
  rig_clear (&rig);
}

static void
test_buffer_list (void)
{
  GstBufferList *list = gst_buffer_list_new ();
  Rig rig;
  guint i;

  rig_init (&rig);
  rig_start (&rig);
  for (i = 0; i < 5; i++)
    gst_buffer_list_add (list, make_buffer (i, 8));
  g_assert_cmpint (gst_pad_push_list (rig.src, list), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_pad_push_list (rig.src, gst_buffer_list_new ()), ==, GST_FLOW_OK);
  push (&rig, 5);
  WAIT_FOR (log_ends (&rig, "b0 b1 b2 b3 b4 b5 "));
  g_assert_cmpuint (stat_of (&rig, "buffers"), ==, 6);
  rig_clear (&rig);
}

static void
test_not_linked (void)
{
  GstPad *pad;
  Rig rig;

  rig_init (&rig);
  pad = gst_element_get_static_pad (rig.queue, "src");
  gst_pad_unlink (pad, rig.sink);
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (push (&rig, 1) == GST_FLOW_NOT_LINKED);
  g_assert_cmpint (gst_pad_link (pad, rig.sink), ==, GST_PAD_LINK_OK);
  WAIT_FOR (push (&rig, 2) == GST_FLOW_OK);
  WAIT_FOR (log_ends (&rig, "b2 "));
  gst_object_unref (pad);
  rig_clear (&rig);
}

static void
test_starved (void)
{
  Rig rig;

  rig_init (&rig);
  rig_start (&rig);
  g_usleep (5000);
  push (&rig, 0);
  WAIT_FOR (log_ends (&rig, "b0 "));
  g_assert_cmpuint (stat_of (&rig, "starved"), ==, 0);
  g_usleep (5000);
  push (&rig, 1);
  WAIT_FOR (log_ends (&rig, "b1 "));
  g_assert_cmpuint (stat_of (&rig, "starved"), ==, 1);
  g_assert_cmpuint (stat_of (&rig, "starved-time"), >, 2 * GST_MSECOND);
  g_usleep (5000);
  gst_pad_push_event (rig.src, gst_event_new_eos ());
  WAIT_FOR (log_ends (&rig, "eos "));
  g_assert_cmpuint (stat_of (&rig, "starved"), ==, 1);
  rig_clear (&rig);
}

static void
test_queries (void)
{
  GstHarness *h = gst_harness_new ("pinnedqueue");
  GstClockTime min, max;
  gboolean live;
  GstQuery *query;

  gst_harness_set_src_caps_str (h, "test/x");
  gst_harness_set_upstream_latency (h, 5);
  query = gst_query_new_latency ();
  g_assert_true (gst_pad_peer_query (h->sinkpad, query));
  gst_query_parse_latency (query, &live, &min, &max);
  g_assert_cmpuint (min, ==, 5);
  g_assert_cmpuint (max, ==, GST_CLOCK_TIME_NONE);
  gst_query_unref (query);

  query = gst_query_new_scheduling ();
  g_assert_true (gst_pad_peer_query (h->sinkpad, query));
  g_assert_true (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PUSH));
  g_assert_false (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PULL));
  gst_query_unref (query);
  gst_harness_teardown (h);
}

static void
run_to_eos (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
}

static void
count_buffer (GstElement * sink, GstBuffer * buffer, GstPad * pad, gint * count)
{
  g_atomic_int_inc (count);
}

static GstElement *
make_pipeline (guint buffers, gint * count)
{
  gchar *description = g_strdup_printf ("fakesrc num-buffers=%u sizetype=fixed sizemax=16 ! "
      "pinnedqueue ! fakesink name=sink signal-handoffs=true", buffers);
  GstElement *pipeline = gst_parse_launch (description, NULL);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");

  g_signal_connect (sink, "handoff", G_CALLBACK (count_buffer), count);
  gst_object_unref (sink);
  g_free (description);
  return pipeline;
}

static void
test_state_cycles (void)
{
  gint count = 0;
  GstElement *pipeline = make_pipeline (100000, &count);
  guint i;

  for (i = 0; i < 100; i++) {
    gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    if (i % 3)
      g_assert_cmpint (gst_element_get_state (pipeline, NULL, NULL, 10 * GST_SECOND), ==,
          GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (pipeline, i % 4 ? GST_STATE_NULL : GST_STATE_READY),
        ==, GST_STATE_CHANGE_SUCCESS);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

/* Each change is waited for: a bin that is told to play while a thread of its own is about to finish
 * its pause sometimes stays as it is (GStreamer 1.22, with whatever element there is). */
static void
test_pause_play (void)
{
  gint count = 0;
  GstElement *pipeline = make_pipeline (20000, &count);
  guint i;

  for (i = 0; i < 20; i++) {
    gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    g_assert_cmpint (gst_element_get_state (pipeline, NULL, NULL, 10 * GST_SECOND), ==,
        GST_STATE_CHANGE_SUCCESS);
    g_usleep (500);
  }
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  run_to_eos (pipeline);
  g_assert_cmpint (count, ==, 20000);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static void
test_two_pipelines (void)
{
  gint counts[2] = { 0, 0 };
  GstElement *a = make_pipeline (5000, &counts[0]), *b = make_pipeline (5000, &counts[1]);

  gst_element_set_state (a, GST_STATE_PLAYING);
  gst_element_set_state (b, GST_STATE_PLAYING);
  run_to_eos (a);
  run_to_eos (b);
  g_assert_cmpint (counts[0], ==, 5000);
  g_assert_cmpint (counts[1], ==, 5000);
  gst_element_set_state (a, GST_STATE_NULL);
  gst_element_set_state (b, GST_STATE_NULL);
  gst_object_unref (a);
  gst_object_unref (b);
}

static void
test_pin_memory (void)
{
  Rig rig;

  rig_init (&rig);
  g_object_set (rig.queue, "pin-memory", 1, NULL);
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (log_ends (&rig, "b0 "));
  gst_element_set_state (rig.queue, GST_STATE_READY);
  gst_element_set_state (rig.queue, GST_STATE_PLAYING);
  if (has_driver) {
    g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_WARNING), <=, 1);
  } else {
    g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_WARNING), ==, 1);
    g_assert_cmpuint (stat_of (&rig, "pinned"), ==, 0);
  }
  rig_clear (&rig);

  rig_init (&rig);
  rig_start (&rig);
  g_assert_cmpuint (count_messages (&rig, GST_MESSAGE_WARNING), <=, has_driver ? 1 : 0);
  rig_clear (&rig);
}

static gint
device_of (Rig * rig)
{
  GstStructure *stats;
  gint device = -2;

  g_object_get (rig->queue, "stats", &stats, NULL);
  gst_structure_get_int (stats, "device-id", &device);
  gst_structure_free (stats);
  return device;
}

static void
test_device_id (void)
{
  Rig rig;

  rig_init (&rig);
  g_setenv ("SLURM_LOCALID", "3", TRUE);
  g_object_set (rig.queue, "device-id", -1, NULL);
  g_assert_cmpint (device_of (&rig), ==, 3);
  g_setenv ("LOCAL_RANK", "5", TRUE);
  rig_start (&rig);
  g_assert_cmpint (device_of (&rig), ==, 5);

  g_object_set (rig.queue, "device-id", 1, NULL);
  g_assert_cmpint (device_of (&rig), ==, 5);
  gst_element_set_state (rig.queue, GST_STATE_NULL);
  g_object_set (rig.queue, "device-id", 1, NULL);
  g_assert_cmpint (device_of (&rig), ==, 1);
  g_setenv ("LOCAL_RANK", "-7x", TRUE);
  g_object_set (rig.queue, "device-id", -1, NULL);
  g_assert_cmpint (device_of (&rig), ==, 3);
  g_unsetenv ("LOCAL_RANK");
  g_unsetenv ("SLURM_LOCALID");
  rig_clear (&rig);
}

static void
test_preset (void)
{
  guint64 bytes = 0;
  guint factor = 0;
  Rig rig;

  rig_init (&rig);
  g_assert_true (gst_preset_load_preset (GST_PRESET (rig.queue), "uneven"));
  g_object_get (rig.queue, "prefetch-factor", &factor, "max-size-bytes", &bytes, NULL);
  g_assert_cmpuint (factor, ==, 16);
  g_assert_cmpuint (bytes, ==, G_GUINT64_CONSTANT (1) << 30);
  rig_clear (&rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);

  has_driver = g_file_test (g_getenv ("GST_SEQ_LIBCUDA"), G_FILE_TEST_EXISTS);

  g_test_add_func ("/pinnedqueue/driver-when-needed", test_driver_when_needed);
  g_test_add_func ("/pinnedqueue/order", test_order);
  g_test_add_func ("/pinnedqueue/prefetch-factor", test_prefetch_factor);
  g_test_add_func ("/pinnedqueue/max-size-bytes", test_max_size_bytes);
  g_test_add_func ("/pinnedqueue/flush-blocked", test_flush_blocked);
  g_test_add_func ("/pinnedqueue/eos-drains", test_eos_drains);
  g_test_add_func ("/pinnedqueue/error-goes-up", test_error_goes_up);
  g_test_add_func ("/pinnedqueue/error-after-eos", test_error_after_eos);
  g_test_add_func ("/pinnedqueue/downstream-eos", test_downstream_eos);
  g_test_add_func ("/pinnedqueue/downstream-eos-before-segment", test_downstream_eos_before_segment);
  g_test_add_func ("/pinnedqueue/serialized-order", test_serialized_order);
  g_test_add_func ("/pinnedqueue/query-and-shutdown", test_query_and_shutdown);
  g_test_add_func ("/pinnedqueue/buffer-list", test_buffer_list);
  g_test_add_func ("/pinnedqueue/not-linked", test_not_linked);
  g_test_add_func ("/pinnedqueue/starved", test_starved);
  g_test_add_func ("/pinnedqueue/queries", test_queries);
  g_test_add_func ("/pinnedqueue/state-cycles", test_state_cycles);
  g_test_add_func ("/pinnedqueue/pause-play", test_pause_play);
  g_test_add_func ("/pinnedqueue/two-pipelines", test_two_pipelines);
  g_test_add_func ("/pinnedqueue/pin-memory", test_pin_memory);
  g_test_add_func ("/pinnedqueue/device-id", test_device_id);
  g_test_add_func ("/pinnedqueue/preset", test_preset);
  return g_test_run ();
}
