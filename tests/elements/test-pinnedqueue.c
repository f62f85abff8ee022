/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <string.h>

/* Suite fakecuda runs these tests, too, on the fake driver, and with faults of it: what there is of
 * page-locked memory is different there, and nothing else. */
static gboolean has_driver;

/* A pinnedqueue between two pads of our own. The lower one logs what reaches it and can be shut,
 * so that it blocks in its chain function until it is opened or flushed. */
typedef struct
{
  GstElement *queue;
  GstBus *bus;
  GstPad *src;
  GstPad *sink;
  GstCaps *caps;                /* sent at the start of a stream, borrowed; NULL = none */

  GMutex lock;
  GCond cond;
  gboolean shut;
  gboolean flushing;
  guint inside;                 /* chain calls that wait */
  GstFlowReturn flow;
  gulong delay;                 /* us a buffer */
  GString *log;
  guint buffers;
  gboolean wrong_bytes;
} Rig;

static GstFlowReturn
rig_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  Rig *rig = gst_pad_get_element_private (pad);
  GstFlowReturn flow;
  guint8 byte = 0;

  g_mutex_lock (&rig->lock);
  rig->inside++;
  g_cond_broadcast (&rig->cond);
  while (rig->shut && !rig->flushing)
    g_cond_wait (&rig->cond, &rig->lock);
  rig->inside--;
  flow = rig->flushing ? GST_FLOW_FLUSHING : rig->flow;
  if (flow == GST_FLOW_OK) {
    g_string_append_printf (rig->log, "b%" G_GUINT64_FORMAT " ", GST_BUFFER_OFFSET (buffer));
    rig->buffers++;
    gst_buffer_extract (buffer, 0, &byte, 1);
    if (byte != (guint8) GST_BUFFER_OFFSET (buffer))
      rig->wrong_bytes = TRUE;
  }
  g_cond_broadcast (&rig->cond);
  g_mutex_unlock (&rig->lock);
  if (rig->delay)
    g_usleep (rig->delay);
  gst_buffer_unref (buffer);
  return flow;
}

static gboolean
rig_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  Rig *rig = gst_pad_get_element_private (pad);
  GstCaps *caps;
  gint n;

  g_mutex_lock (&rig->lock);
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START) {
    rig->flushing = TRUE;
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP) {
    rig->flushing = FALSE;
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    gst_structure_get_int (gst_caps_get_structure (caps, 0), "n", &n);
    g_string_append_printf (rig->log, "caps%d ", n);
  } else if (GST_EVENT_TYPE (event) != GST_EVENT_STREAM_START) {
    g_string_append_printf (rig->log, "%s ", GST_EVENT_TYPE_NAME (event));
  }
  g_cond_broadcast (&rig->cond);
  g_mutex_unlock (&rig->lock);
  gst_event_unref (event);
  return TRUE;
}

static gboolean
rig_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  Rig *rig = gst_pad_get_element_private (pad);

  if (GST_QUERY_TYPE (query) == GST_QUERY_ACCEPT_CAPS) {
    gst_query_set_accept_caps_result (query, TRUE);
    return TRUE;
  }
  if (!GST_QUERY_IS_SERIALIZED (query))
    return gst_pad_query_default (pad, parent, query);

  g_mutex_lock (&rig->lock);
  g_string_append_printf (rig->log, "%s ", GST_QUERY_TYPE_NAME (query));
  g_mutex_unlock (&rig->lock);
  if (GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    gst_query_add_allocation_pool (query, NULL, 4711, 3, 0);
  return TRUE;
}

static void
start_stream (Rig * rig)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (rig->src, gst_event_new_stream_start ("test"));
  if (rig->caps)
    gst_pad_push_event (rig->src, gst_event_new_caps (rig->caps));
  gst_pad_push_event (rig->src, gst_event_new_segment (&segment));
}

static void
rig_init (Rig * rig)
{
  GstPad *pad;

  memset (rig, 0, sizeof (*rig));
  g_mutex_init (&rig->lock);
  g_cond_init (&rig->cond);
  rig->log = g_string_new (NULL);
  rig->queue = gst_object_ref_sink (gst_element_factory_make ("pinnedqueue", NULL));
  rig->bus = gst_bus_new ();
  gst_element_set_bus (rig->queue, rig->bus);

  rig->src = gst_pad_new ("src", GST_PAD_SRC);
  rig->sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (rig->sink, rig);
  gst_pad_set_chain_function (rig->sink, rig_chain);
  gst_pad_set_event_function (rig->sink, rig_event);
  gst_pad_set_query_function (rig->sink, rig_query);
  pad = gst_element_get_static_pad (rig->queue, "sink");
  g_assert_cmpint (gst_pad_link (rig->src, pad), ==, GST_PAD_LINK_OK);
  gst_object_unref (pad);
  pad = gst_element_get_static_pad (rig->queue, "src");
  g_assert_cmpint (gst_pad_link (pad, rig->sink), ==, GST_PAD_LINK_OK);
  gst_object_unref (pad);
}

static void
rig_start (Rig * rig)
{
  gst_pad_set_active (rig->sink, TRUE);
  g_assert_cmpint (gst_element_set_state (rig->queue, GST_STATE_PLAYING), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_pad_set_active (rig->src, TRUE);
  start_stream (rig);
}

static void
rig_clear (Rig * rig)
{
  g_mutex_lock (&rig->lock);
  rig->shut = FALSE;
  g_cond_broadcast (&rig->cond);
  g_mutex_unlock (&rig->lock);
  gst_pad_set_active (rig->sink, FALSE);
  gst_element_set_state (rig->queue, GST_STATE_NULL);
  gst_pad_set_active (rig->src, FALSE);
  gst_bus_set_flushing (rig->bus, TRUE);
  gst_element_set_bus (rig->queue, NULL);
  gst_bus_set_flushing (rig->bus, TRUE);        /* its messages hold references */
  g_assert_false (rig->wrong_bytes);
  g_assert_cmpint (GST_OBJECT_REFCOUNT_VALUE (rig->queue), ==, 1);
  gst_object_unref (rig->queue);
  gst_object_unref (rig->src);
  gst_object_unref (rig->sink);
  gst_object_unref (rig->bus);
  g_string_free (rig->log, TRUE);
  g_mutex_clear (&rig->lock);
  g_cond_clear (&rig->cond);
}

static void
set_shut (Rig * rig, gboolean shut, GstFlowReturn flow)
{
  g_mutex_lock (&rig->lock);
  rig->shut = shut;
  rig->flow = flow;
  g_cond_broadcast (&rig->cond);
  g_mutex_unlock (&rig->lock);
}

static GstBuffer *
make_buffer (guint n, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, (guint8) n, size);
  GST_BUFFER_OFFSET (buffer) = n;
  return buffer;
}

static GstFlowReturn
push (Rig * rig, guint n)
{
  return gst_pad_push (rig->src, make_buffer (n, 8));
}

static guint64
stat_of (Rig * rig, const gchar * name)
{
  GstStructure *stats;
  guint64 value = G_MAXUINT64;
  guint small;

  g_object_get (rig->queue, "stats", &stats, NULL);
  if (gst_structure_get_uint (stats, name, &small))
    value = small;
  else
    g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  return value;
}

#define WAIT_FOR(condition) G_STMT_START { \
  gint64 wait_end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC; \
  while (!(condition)) { \
    g_assert_cmpint (g_get_monotonic_time (), <, wait_end); \
    g_usleep (500); \
  } \
} G_STMT_END

static gboolean
log_ends (Rig * rig, const gchar * end)
{
  gboolean ends;

  g_mutex_lock (&rig->lock);
  ends = g_str_has_suffix (rig->log->str, end);
  g_mutex_unlock (&rig->lock);
  return ends;
}

static gboolean
is_inside (Rig * rig)
{
  gboolean inside;

  g_mutex_lock (&rig->lock);
  inside = rig->inside > 0;
  g_mutex_unlock (&rig->lock);
  return inside;
}

/* Pushes buffers in a thread of its own */
typedef struct
{
  Rig *rig;
  guint n;
  gsize size;
  gint pushed;                  /* atomic */
  GstFlowReturn flow;           /* of the last push */
} Pusher;

static gpointer
pusher_run (gpointer data)
{
  Pusher *pusher = data;
  guint i;

  for (i = 0; i < pusher->n && pusher->flow == GST_FLOW_OK; i++) {
    pusher->flow = gst_pad_push (pusher->rig->src, make_buffer (i, pusher->size));
    if (pusher->flow == GST_FLOW_OK)
      g_atomic_int_inc (&pusher->pushed);
  }
  return NULL;
}

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

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (is_inside (&rig));
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

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (is_inside (&rig));
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
  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (is_inside (&rig));
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

  rig_init (&rig);
  rig.shut = TRUE;
  rig_start (&rig);
  push (&rig, 0);
  WAIT_FOR (is_inside (&rig));
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

static void
test_pause_play (void)
{
  gint count = 0;
  GstElement *pipeline = make_pipeline (20000, &count);
  guint i;

  for (i = 0; i < 20; i++) {
    gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
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
