/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <string.h>

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

static inline GstFlowReturn
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

static inline gboolean
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

static inline gboolean
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

static inline void
start_stream (Rig * rig)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (rig->src, gst_event_new_stream_start ("test"));
  if (rig->caps)
    gst_pad_push_event (rig->src, gst_event_new_caps (rig->caps));
  gst_pad_push_event (rig->src, gst_event_new_segment (&segment));
}

static inline void
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

static inline void
rig_start (Rig * rig)
{
  gst_pad_set_active (rig->sink, TRUE);
  g_assert_cmpint (gst_element_set_state (rig->queue, GST_STATE_PLAYING), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_pad_set_active (rig->src, TRUE);
  start_stream (rig);
}

static inline void
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

static inline void
set_shut (Rig * rig, gboolean shut, GstFlowReturn flow)
{
  g_mutex_lock (&rig->lock);
  rig->shut = shut;
  rig->flow = flow;
  g_cond_broadcast (&rig->cond);
  g_mutex_unlock (&rig->lock);
}

static inline GstBuffer *
make_buffer (guint n, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, (guint8) n, size);
  GST_BUFFER_OFFSET (buffer) = n;
  return buffer;
}

static inline GstFlowReturn
push (Rig * rig, guint n)
{
  return gst_pad_push (rig->src, make_buffer (n, 8));
}

static inline guint64
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

static inline gboolean
log_ends (Rig * rig, const gchar * end)
{
  gboolean ends;

  g_mutex_lock (&rig->lock);
  ends = g_str_has_suffix (rig->log->str, end);
  g_mutex_unlock (&rig->lock);
  return ends;
}

static inline gboolean
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

static inline gpointer
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

/* Starts it with downstream in its chain function, where the first buffer is until it is opened. */
static inline void
rig_start_shut (Rig * rig)
{
  rig_init (rig);
  rig->shut = TRUE;
  rig_start (rig);
  push (rig, 0);
  WAIT_FOR (is_inside (rig));
}
