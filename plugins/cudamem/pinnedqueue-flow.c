/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hand-off of pinnedqueue: what comes from upstream waits in the prefetch queue until the task
 * of the source pad hands it on. The rules are those of `queue`. */
#include "gstpinnedqueue-private.h"

#define GST_CAT_DEFAULT pinned_queue_debug

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

/* Both sides look again at what they wait for */
static void
wake_all_locked (GstPinnedQueue * self)
{
  seq_wakeup_raise (&self->item_added);
  seq_wakeup_raise (&self->item_removed);
  seq_wakeup_raise (&self->query_done);
}

static gboolean
is_error (GstFlowReturn flow)
{
  return flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS;
}

/* Waits for a wakeup. Neither side only waits while there is work for batches that are to come: the
 * thread that hands them on is as idle then as the one that makes them, where there is no room. */
static void
wait_or_work_locked (GstPinnedQueue * self, SeqWakeup * wakeup)
{
  const gint *n_queued = seq_idle_work_get_n_queued (self->idle_work);

  if (!seq_idle_work_is_used (self->idle_work)) {
    seq_wakeup_wait (wakeup, &self->lock);
  } else if (g_atomic_int_get (n_queued) > 0) {
    g_mutex_unlock (&self->lock);
    seq_idle_work_help (self->idle_work);
    seq_lock_soon (&self->lock);
  } else {
    seq_wakeup_wait_unless (wakeup, &self->lock, n_queued);
  }
}

/* ---- from upstream: buffers ---- */

/* Waits until @bytes may come in. Returns what to tell upstream. */
static GstFlowReturn
wait_for_room_locked (GstPinnedQueue * self, guint64 bytes)
{
  GstClockTime start = GST_CLOCK_TIME_NONE;

  while (self->flow == GST_FLOW_OK && !self->eos && !self->refused
      && !prefetch_has_room (&self->prefetch, bytes)) {
    if (start == GST_CLOCK_TIME_NONE)
      start = gst_util_get_timestamp ();
    wait_or_work_locked (self, &self->item_removed);
  }
  if (start != GST_CLOCK_TIME_NONE)
    prefetch_add_full (&self->prefetch, gst_util_get_timestamp () - start);

  if (self->flow != GST_FLOW_OK)
    return self->flow;
  return self->eos || self->refused ? GST_FLOW_EOS : GST_FLOW_OK;
}

static GstFlowReturn
take_object (GstPinnedQueue * self, GstMiniObject * object, gsize bytes)
{
  GstFlowReturn flow;

  seq_lock_soon (&self->lock);
  flow = wait_for_room_locked (self, bytes);
  if (flow == GST_FLOW_OK) {
    prefetch_push (&self->prefetch, object, bytes);
    seq_wakeup_raise (&self->item_added);
  }
  g_mutex_unlock (&self->lock);

  if (flow != GST_FLOW_OK) {
    GST_LOG_OBJECT (self, "refusing data: %s", gst_flow_get_name (flow));
    gst_mini_object_unref (object);
  }
  return flow;
}

static GstFlowReturn
take_list (GstPinnedQueue * self, GstBufferList * list)
{
  return take_object (self, GST_MINI_OBJECT_CAST (list), gst_buffer_list_calculate_size (list));
}

static GstFlowReturn take_serialized_event (GstPinnedQueue * self, GstEvent * event);

/* An upload failed: the stream goes on in host memory, and its caps have to say so. Buffers of the
 * same list that are on the device already, @uploaded, go ahead of those caps. */
static GstFlowReturn
go_on_in_host_memory (GstPinnedQueue * self, GstBufferList ** uploaded)
{
  GstFlowReturn flow = GST_FLOW_OK;
  gboolean refused;
  GstEvent *caps;

  if (uploaded != NULL && gst_buffer_list_length (*uploaded) > 0) {
    flow = take_list (self, *uploaded);
    *uploaded = gst_buffer_list_new ();
  }
  if (flow != GST_FLOW_OK)
    return flow;
  caps = pinned_queue_host_caps (self, &refused);
  if (refused)
    return GST_FLOW_ERROR;
  return caps != NULL ? take_serialized_event (self, caps) : GST_FLOW_OK;
}

/* Brings a buffer to where the consumer wants it. In the order of the stream, because the copies
 * are made in the order in which they are asked for. */
static GstFlowReturn
transfer_buffer (GstPinnedQueue * self, GstBuffer ** buffer, GstBufferList ** before)
{
  if (self->plain && self->on_device) {
    switch (transfer_upload (&self->transfer, buffer)) {
      case TRANSFER_OK:
        break;
      case TRANSFER_NO_UPLOAD:
        return go_on_in_host_memory (self, before);
      case TRANSFER_ERROR:
        return GST_FLOW_ERROR;
    }
  } else if (self->plain) {
    transfer_pin (&self->transfer, buffer);
  }
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_pinned_queue_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);
  GstFlowReturn flow = transfer_buffer (self, &buffer, NULL);

  if (flow == GST_FLOW_OK)
    return take_object (self, GST_MINI_OBJECT_CAST (buffer), gst_buffer_get_size (buffer));
  gst_buffer_unref (buffer);
  return flow;
}

typedef struct
{
  GstPinnedQueue *self;
  GstBufferList *done;
  GstFlowReturn flow;
} ListTransfer;

static gboolean
transfer_one_of_list (GstBuffer ** buffer, guint index, gpointer data)
{
  ListTransfer *list = data;
  GstBuffer *taken = g_steal_pointer (buffer);

  list->flow = transfer_buffer (list->self, &taken, &list->done);
  gst_buffer_list_add (list->done, taken);
  return list->flow == GST_FLOW_OK;
}

static GstFlowReturn
gst_pinned_queue_chain_list (GstPad * pad, GstObject * parent, GstBufferList * list)
{
  ListTransfer transfer = { GST_PINNED_QUEUE (parent), NULL, GST_FLOW_OK };

  if (!transfer.self->plain || transfer.self->transfer.device == NULL)
    return take_list (transfer.self, list);

  transfer.done = gst_buffer_list_new_sized (gst_buffer_list_length (list));
  list = gst_buffer_list_make_writable (list);
  gst_buffer_list_foreach (list, transfer_one_of_list, &transfer);
  gst_buffer_list_unref (list);
  if (transfer.flow == GST_FLOW_OK)
    return take_list (transfer.self, transfer.done);
  gst_buffer_list_unref (transfer.done);
  return transfer.flow;
}

/* ---- the task ---- */

static gboolean
starts_stream (GstEvent * event)
{
  return GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START
      || GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT;
}

/* Downstream wants no more of this stream: drops up to what it must see all the same, the end of
 * the stream or the start of another. Returns FALSE when there is nothing of the kind yet. */
static gboolean
skip_to_boundary_locked (GstPinnedQueue * self, PrefetchItem * item)
{
  gboolean found = FALSE;

  while (!found && prefetch_pop (&self->prefetch, item)) {
    found = item->object != NULL && GST_IS_EVENT (item->object)
        && (starts_stream (GST_EVENT_CAST (item->object))
        || GST_EVENT_TYPE (item->object) == GST_EVENT_EOS);
    if (!found)
      prefetch_item_drop (item);
  }
  /* there is room, and a query that was dropped is done */
  wake_all_locked (self);
  return found;
}

/* Each of these gives the lock up while it calls downstream */

static GstFlowReturn
push_data_locked (GstPinnedQueue * self, GstMiniObject * data)
{
  GstFlowReturn flow;

  g_mutex_unlock (&self->lock);
  if (GST_IS_BUFFER (data))
    flow = gst_pad_push (self->srcpad, GST_BUFFER_CAST (data));
  else
    flow = gst_pad_push_list (self->srcpad, GST_BUFFER_LIST_CAST (data));
  seq_lock_soon (&self->lock);
  return flow;
}

static GstFlowReturn
push_event_locked (GstPinnedQueue * self, GstEvent * event)
{
  gboolean is_eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

  if (is_eos)
    prefetch_stream_ended (&self->prefetch);
  g_mutex_unlock (&self->lock);
  gst_pad_push_event (self->srcpad, event);
  seq_lock_soon (&self->lock);
  /* the task rests after EOS, unless another stream has come in behind it already */
  return is_eos && gst_queue_array_is_empty (self->prefetch.items) ? GST_FLOW_EOS : GST_FLOW_OK;
}

static void
answer_query_locked (GstPinnedQueue * self, PrefetchQuery * query)
{
  gboolean result;

  g_mutex_unlock (&self->lock);
  result = gst_pad_peer_query (self->srcpad, query->query);
  seq_lock_soon (&self->lock);
  query->result = result;
  query->done = TRUE;
  seq_wakeup_raise (&self->query_done);
}

/* Hands one item to downstream. Returns the flow to go on with. */
static GstFlowReturn
push_item_locked (GstPinnedQueue * self, PrefetchItem * item)
{
  GstFlowReturn flow = GST_FLOW_OK;

  if (item->query != NULL) {
    answer_query_locked (self, item->query);
  } else if (GST_IS_EVENT (item->object)) {
    flow = push_event_locked (self, GST_EVENT_CAST (item->object));
  } else {
    prefetch_handed_on (&self->prefetch, item);
    flow = push_data_locked (self, item->object);
    if (flow == GST_FLOW_EOS && self->flow == GST_FLOW_OK) {
      GST_DEBUG_OBJECT (self, "downstream is at EOS");
      if (skip_to_boundary_locked (self, item)) {
        flow = push_event_locked (self, GST_EVENT_CAST (item->object));
      } else {
        /* upstream learns it from its next push; the task goes on for EOS or a new segment */
        self->refused = TRUE;
        flow = GST_FLOW_OK;
      }
    }
  }
  /* a flush or a stop in the meantime beats what downstream said */
  return self->flow != GST_FLOW_OK ? self->flow : flow;
}

static gboolean
wait_for_item_locked (GstPinnedQueue * self, PrefetchItem * item)
{
  GstClockTime start;

  if (self->flow == GST_FLOW_OK && gst_queue_array_is_empty (self->prefetch.items)) {
    start = gst_util_get_timestamp ();
    while (self->flow == GST_FLOW_OK && gst_queue_array_is_empty (self->prefetch.items))
      wait_or_work_locked (self, &self->item_added);
    prefetch_add_starved (&self->prefetch, gst_util_get_timestamp () - start);
  }
  return self->flow == GST_FLOW_OK && prefetch_pop (&self->prefetch, item);
}

/* The task stops at @self->flow; what is left waits for a restart or is dropped. Returns whether
 * the error has to be posted here: upstream, which would, has sent EOS and pushes no more. */
static gboolean
pause_locked (GstPinnedQueue * self)
{
  GST_DEBUG_OBJECT (self, "pausing task: %s", gst_flow_get_name (self->flow));
  gst_pad_pause_task (self->srcpad);

  /* NOT_LINKED goes on after a reconfigure event, EOS after a new stream-start or segment */
  if (self->flow == GST_FLOW_NOT_LINKED || self->flow == GST_FLOW_EOS)
    prefetch_drop_queries (&self->prefetch);
  else
    prefetch_flush (&self->prefetch, self->srcpad);
  wake_all_locked (self);
  return self->eos && is_error (self->flow);
}

static void
gst_pinned_queue_loop (GstPad * pad)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (GST_PAD_PARENT (pad));
  GstFlowReturn flow;
  PrefetchItem item;
  gboolean post_error = FALSE;

  seq_lock_soon (&self->lock);
  if (wait_for_item_locked (self, &item)) {
    /* room is made when the item leaves, not when downstream is done with it */
    seq_wakeup_raise (&self->item_removed);
    self->flow = push_item_locked (self, &item);
  }
  flow = self->flow;
  if (flow != GST_FLOW_OK)
    post_error = pause_locked (self);
  g_mutex_unlock (&self->lock);

  if (post_error) {
    GST_ELEMENT_FLOW_ERROR (self, flow);
    gst_pad_push_event (pad, gst_event_new_eos ());
  }
}

static gboolean
start_task (GstPinnedQueue * self)
{
  return gst_pad_start_task (self->srcpad, (GstTaskFunction) gst_pinned_queue_loop, self->srcpad,
      NULL);
}

/* ---- from upstream: events and queries ---- */

static gboolean
flush_start (GstPinnedQueue * self, GstEvent * event)
{
  gboolean ret;

  /* downstream first: that is what lets go of a push or query which the task is in */
  ret = gst_pad_push_event (self->srcpad, event);

  seq_lock_soon (&self->lock);
  self->flow = GST_FLOW_FLUSHING;
  prefetch_drop_queries (&self->prefetch);
  wake_all_locked (self);
  g_mutex_unlock (&self->lock);

  gst_pad_pause_task (self->srcpad);
  return ret;
}

static gboolean
flush_stop (GstPinnedQueue * self, GstEvent * event)
{
  gboolean ret;

  ret = gst_pad_push_event (self->srcpad, event);

  seq_lock_soon (&self->lock);
  prefetch_flush (&self->prefetch, self->srcpad);
  self->eos = FALSE;
  self->refused = FALSE;
  /* a pad that is shut down meanwhile stays flushing: nobody would empty the queue */
  if (gst_pad_is_active (self->srcpad)) {
    self->flow = GST_FLOW_OK;
    start_task (self);
  }
  wake_all_locked (self);
  g_mutex_unlock (&self->lock);
  return ret;
}

/* May @event come in? A flow other than OK says why not. */
static GstFlowReturn
admit_event_locked (GstPinnedQueue * self, GstEvent * event)
{
  GstFlowReturn flow = GST_FLOW_OK;

  if (self->flow == GST_FLOW_EOS && starts_stream (event))
    self->flow = GST_FLOW_OK;

  /* A sticky event is taken even after an error: the next buffer will tell upstream. After EOS
   * there is no next buffer. */
  if (self->flow != GST_FLOW_OK
      && (!GST_EVENT_IS_STICKY (event) || GST_EVENT_TYPE (event) == GST_EVENT_EOS)) {
    flow = self->flow;
  } else if (self->eos && !starts_stream (event)) {
    flow = GST_FLOW_EOS;
  } else if (self->eos) {
    self->eos = FALSE;
    self->refused = FALSE;
    if (GST_PAD_MODE (self->srcpad) == GST_PAD_MODE_PUSH) {
      self->flow = GST_FLOW_OK;
      start_task (self);
    }
  }
  return flow;
}

static GstFlowReturn
take_serialized_event (GstPinnedQueue * self, GstEvent * event)
{
  gboolean is_eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
  GstFlowReturn flow;

  seq_lock_soon (&self->lock);
  flow = admit_event_locked (self, event);
  if (flow == GST_FLOW_OK) {
    if (is_eos)
      self->eos = TRUE;
    else if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
      self->refused = FALSE;
    prefetch_push (&self->prefetch, GST_MINI_OBJECT_CAST (event), 0);
    seq_wakeup_raise (&self->item_added);
  }
  g_mutex_unlock (&self->lock);

  if (flow != GST_FLOW_OK) {
    GST_DEBUG_OBJECT (self, "refusing %s: %s", GST_EVENT_TYPE_NAME (event),
        gst_flow_get_name (flow));
    if (is_eos && is_error (flow))
      GST_ELEMENT_FLOW_ERROR (self, flow);
    gst_event_unref (event);
  }
  return flow;
}

static GstEvent *
prepare_event (GstPinnedQueue * self, GstEvent * event)
{
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_STREAM_START:
      /* caps of the stream before hold until others come */
      if (!gst_pad_has_current_caps (self->sinkpad))
        pinned_queue_start_stream (self);
      return event;
    case GST_EVENT_CAPS:
      return pinned_queue_translate_caps (self, event);
    case GST_EVENT_EOS:
      /* the last buffers are complete, and their page-locked memory is free again, before the end
       * is known; an error is posted */
      transfer_finish (&self->transfer);
      return event;
    default:
      return event;
  }
}

static GstFlowReturn
gst_pinned_queue_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);
  gboolean ret;

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    ret = flush_start (self, event);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    ret = flush_stop (self, event);
  else if (GST_EVENT_IS_SERIALIZED (event))
    return take_serialized_event (self, prepare_event (self, event));
  else
    ret = gst_pad_push_event (self->srcpad, event);
  return ret ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/* A serialized query waits for its turn in the queue */
static gboolean
ask_downstream (GstPinnedQueue * self, GstQuery * query)
{
  PrefetchQuery waiting = { .query = query };

  seq_lock_soon (&self->lock);
  if (self->flow == GST_FLOW_OK) {
    prefetch_push_query (&self->prefetch, &waiting);
    seq_wakeup_raise (&self->item_added);
    while (!waiting.done)
      seq_wakeup_wait (&self->query_done, &self->lock);
  }
  g_mutex_unlock (&self->lock);
  return waiting.result;
}

static gboolean
gst_pinned_queue_sink_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);
  gboolean is_allocation = GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION;
  gboolean result;

  if (!GST_QUERY_IS_SERIALIZED (query))
    return pinned_queue_answer_caps_query (self, pad, query)
        || gst_pad_query_default (pad, parent, query);

  /* downstream knows nothing of system memory where it gets device memory */
  result = !(is_allocation && self->on_device) && ask_downstream (self, query);
  if (is_allocation && self->plain && self->transfer.pinned != NULL) {
    pinned_queue_offer_memory (self, query);
    result = TRUE;
  }
  if (is_allocation) {
    gst_seq_idle_work_offer (self->idle_work, query);
    result = TRUE;
  }
  return result;
}

/* ---- from downstream ---- */

static gboolean
gst_pinned_queue_src_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);

  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE) {
    seq_lock_soon (&self->lock);
    if (self->flow == GST_FLOW_NOT_LINKED) {
      self->flow = GST_FLOW_OK;
      start_task (self);
    }
    g_mutex_unlock (&self->lock);
    return gst_pad_push_event (self->sinkpad, event);
  }
  return gst_pad_event_default (pad, parent, event);
}

static gboolean
gst_pinned_queue_src_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstClockTime min;
  gboolean live;

  if (GST_QUERY_TYPE (query) == GST_QUERY_SCHEDULING) {
    gst_query_add_scheduling_mode (query, GST_PAD_MODE_PUSH);
    return TRUE;
  }
  if (pinned_queue_answer_caps_query (GST_PINNED_QUEUE (parent), pad, query))
    return TRUE;
  if (!gst_pad_query_default (pad, parent, query))
    return FALSE;

  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY) {
    /* there is no limit in time, so what a buffer may wait here has none */
    gst_query_parse_latency (query, &live, &min, NULL);
    gst_query_set_latency (query, live, min, GST_CLOCK_TIME_NONE);
  }
  return TRUE;
}

/* ---- pads ---- */

static gboolean
gst_pinned_queue_sink_activate_mode (GstPad * pad, GstObject * parent, GstPadMode mode,
    gboolean active)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;

  seq_lock_soon (&self->lock);
  self->flow = active ? GST_FLOW_OK : GST_FLOW_FLUSHING;
  if (active) {
    self->eos = FALSE;
    self->refused = FALSE;
  } else {
    prefetch_drop_queries (&self->prefetch);
    wake_all_locked (self);
  }
  g_mutex_unlock (&self->lock);

  if (!active) {
    /* upstream has left the chain function once its stream lock is free */
    GST_PAD_STREAM_LOCK (pad);
    seq_lock_soon (&self->lock);
    prefetch_flush (&self->prefetch, NULL);
    g_mutex_unlock (&self->lock);
    GST_PAD_STREAM_UNLOCK (pad);
  }
  return TRUE;
}

static gboolean
gst_pinned_queue_src_activate_mode (GstPad * pad, GstObject * parent, GstPadMode mode,
    gboolean active)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (parent);
  gboolean ret;

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;

  seq_lock_soon (&self->lock);
  if (active) {
    self->flow = GST_FLOW_OK;
    self->eos = FALSE;
    self->refused = FALSE;
    ret = start_task (self);
    g_mutex_unlock (&self->lock);
  } else {
    self->flow = GST_FLOW_FLUSHING;
    wake_all_locked (self);
    g_mutex_unlock (&self->lock);

    ret = gst_pad_stop_task (pad);

    seq_lock_soon (&self->lock);
    prefetch_flush (&self->prefetch, pad);
    wake_all_locked (self);
    g_mutex_unlock (&self->lock);
  }
  return ret;
}

void
pinned_queue_add_pad_templates (GstElementClass * element_class)
{
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
}

void
pinned_queue_add_pads (GstPinnedQueue * self)
{
  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_pinned_queue_chain);
  gst_pad_set_chain_list_function (self->sinkpad, gst_pinned_queue_chain_list);
  gst_pad_set_event_full_function (self->sinkpad, gst_pinned_queue_sink_event);
  gst_pad_set_query_function (self->sinkpad, gst_pinned_queue_sink_query);
  gst_pad_set_activatemode_function (self->sinkpad, gst_pinned_queue_sink_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_event_function (self->srcpad, gst_pinned_queue_src_event);
  gst_pad_set_query_function (self->srcpad, gst_pinned_queue_src_query);
  gst_pad_set_activatemode_function (self->srcpad, gst_pinned_queue_src_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
