/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-cudamemguard
 * @title: cudamemguard
 * @short_description: watches GPU memory while batches pass
 *
 * Stands directly before the consumer of batches, with no queue between, passes every buffer on as
 * it is, and counts. When a batch is done, that is when the consumer has returned, it may sample
 * the memory, trim caches (every `interval` batches) and say so in an element message
 * `cuda-memguard`.
 *
 * What it knows of the memory, it knows from the application: from objects that implement
 * #GstSeqMemoryProvider (action signal `add-provider`) and from the signals `collect-stats` and
 * `trim-request`. Without them it counts, and a trim has nobody to ask.
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m fakesrc num-buffers=1000 ! cudamemguard interval=100 ! fakesink
 * ]|
 */
#include "gstcudamemguard-private.h"

#include "device-id.h"
#include "guard-segments.h"

GST_DEBUG_CATEGORY_STATIC (cuda_mem_guard_debug);
#define GST_CAT_DEFAULT cuda_mem_guard_debug

#define DEFAULT_DEVICE_ID -1
#define DEFAULT_INTERVAL 100
#define DEFAULT_STATS_INTERVAL 1000
#define DEFAULT_TRACK FALSE
#define DEFAULT_EXPANDABLE_SEGMENTS FALSE

enum
{
  PROP_0,
  PROP_DEVICE_ID,
  PROP_INTERVAL,
  PROP_STATS_INTERVAL,
  PROP_TRACK,
  PROP_EXPANDABLE_SEGMENTS,
  PROP_STATS,
};

static guint collect_stats_signal;
static guint trim_request_signal;

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

G_DEFINE_TYPE_WITH_CODE (GstCudaMemGuard, gst_cuda_mem_guard, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL);
    GST_DEBUG_CATEGORY_INIT (cuda_mem_guard_debug, "cudamemguard", 0, "Watch over GPU memory"))
GST_ELEMENT_REGISTER_DEFINE (cudamemguard, "cudamemguard", GST_RANK_NONE, GST_TYPE_CUDA_MEM_GUARD)

/* ---- samples, trims and messages ---- */

gboolean
cuda_mem_guard_refresh (GstCudaMemGuard * self, GuardSample * sample)
{
  GstClockTime start = gst_util_get_timestamp ();
  gboolean fresh;
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);

  fresh = guard_sources_sample (&self->sources, device, sample);

  GST_OBJECT_LOCK (self);
  if (fresh)
    guard_stats_take_sample (&self->stats, sample, start, gst_util_get_timestamp ());
  else
    *sample = self->stats.sample;
  GST_OBJECT_UNLOCK (self);
  return fresh;
}

static void
post (GstCudaMemGuard * self, const gchar * event, const GuardTrim * trim, gboolean totals)
{
  GstStructure *structure;

  GST_OBJECT_LOCK (self);
  self->stats.said_at = gst_util_get_timestamp ();
  structure = guard_stats_to_structure (&self->stats, self->device, event, trim, totals);
  if (trim != NULL)
    self->stats.trimmed_at = self->stats.batches;
  GST_OBJECT_UNLOCK (self);

  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), structure));
}

GstStructure *
cuda_mem_guard_stats (GstCudaMemGuard * self)
{
  GstStructure *structure;

  GST_OBJECT_LOCK (self);
  structure = guard_stats_to_structure (&self->stats, self->device, "stats", NULL, TRUE);
  GST_OBJECT_UNLOCK (self);
  return structure;
}

guint64
cuda_mem_guard_trim (GstCudaMemGuard * self)
{
  GuardSample before, after;
  GuardTrim trim;
  GstClockTime start;
  gint device;

  if (!cuda_mem_guard_refresh (self, &before))
    return 0;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);

  start = gst_util_get_timestamp ();
  trim.freed = guard_sources_trim (&self->sources, device);
  trim.time = gst_util_get_timestamp () - start;
  cuda_mem_guard_refresh (self, &after);

  if (trim.freed == GST_SEQ_MEMORY_UNKNOWN && before.memory.reserved != GST_SEQ_MEMORY_UNKNOWN
      && after.memory.reserved != GST_SEQ_MEMORY_UNKNOWN)
    trim.freed = before.memory.reserved > after.memory.reserved
        ? before.memory.reserved - after.memory.reserved : 0;

  GST_OBJECT_LOCK (self);
  guard_stats_take_trim (&self->stats, &trim);
  GST_OBJECT_UNLOCK (self);
  post (self, "trim", &trim, FALSE);
  return trim.freed == GST_SEQ_MEMORY_UNKNOWN ? 0 : trim.freed;
}

/* ---- streaming ---- */

/* What is due when the consumer is done with batch @n */
static void
after_batch (GstCudaMemGuard * self, guint64 n)
{
  GstClockTime now = gst_util_get_timestamp ();
  GstClockTime stats_interval;
  gboolean sample_due, message_due;
  GuardSample sample;
  gint interval;

  GST_OBJECT_LOCK (self);
  interval = self->interval;
  stats_interval = self->stats_interval * GST_MSECOND;
  sample_due = guard_stats_sample_due (&self->stats, now, stats_interval);
  message_due = guard_stats_message_due (&self->stats, now, stats_interval);
  GST_OBJECT_UNLOCK (self);

  if (gst_seq_should_clear (n, interval)) {
    cuda_mem_guard_trim (self);
    return;
  }
  if (sample_due)
    cuda_mem_guard_refresh (self, &sample);
  if (message_due)
    post (self, "stats", NULL, FALSE);
}

static GstFlowReturn
push_tracked (GstCudaMemGuard * self, GstBuffer * buffer)
{
  GuardSample before, after;
  GstFlowReturn flow;

  cuda_mem_guard_refresh (self, &before);
  flow = gst_pad_push (self->srcpad, buffer);
  cuda_mem_guard_refresh (self, &after);

  GST_OBJECT_LOCK (self);
  guard_stats_take_change (&self->stats, &before, &after);
  GST_OBJECT_UNLOCK (self);
  return flow;
}

static GstFlowReturn
gst_cuda_mem_guard_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (parent);
  GstFlowReturn flow;
  gboolean track;
  guint64 n;

  GST_OBJECT_LOCK (self);
  n = guard_stats_count (&self->stats, buffer);
  track = self->track;
  GST_OBJECT_UNLOCK (self);

  flow = track ? push_tracked (self, buffer) : gst_pad_push (self->srcpad, buffer);
  if (flow == GST_FLOW_OK)
    after_batch (self, n);
  return flow;
}

typedef struct
{
  GstPad *pad;
  GstObject *parent;
  GstFlowReturn flow;
} ListWalk;

static gboolean
chain_one_of_list (GstBuffer ** buffer, guint index, gpointer data)
{
  ListWalk *walk = data;
  GstBuffer *taken = *buffer;

  *buffer = NULL;
  walk->flow = gst_cuda_mem_guard_chain (walk->pad, walk->parent, taken);
  return walk->flow == GST_FLOW_OK;
}

/* Each buffer of a list is a batch of its own. They are taken out of the list, so that downstream
 * gets them as writable as they came. */
static GstFlowReturn
gst_cuda_mem_guard_chain_list (GstPad * pad, GstObject * parent, GstBufferList * list)
{
  ListWalk walk = { pad, parent, GST_FLOW_OK };

  list = gst_buffer_list_make_writable (list);
  gst_buffer_list_foreach (list, chain_one_of_list, &walk);
  gst_buffer_list_unref (list);
  return walk.flow;
}

static gboolean
gst_cuda_mem_guard_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (parent);
  GuardSample sample;

  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS) {
    /* first the message: an application may quit at EOS */
    cuda_mem_guard_refresh (self, &sample);
    post (self, "eos", NULL, TRUE);
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstStateChangeReturn
gst_cuda_mem_guard_change_state (GstElement * element, GstStateChange transition)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (element);
  gboolean expand = FALSE;
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    GST_OBJECT_LOCK (self);
    self->device = cudamem_resolve_device_id (element, self->device_id);
    expand = self->expandable_segments;
    GST_OBJECT_UNLOCK (self);
    if (expand)
      guard_expand_segments (element);
  }

  ret = GST_ELEMENT_CLASS (gst_cuda_mem_guard_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    GST_OBJECT_LOCK (self);
    guard_stats_reset (&self->stats);
    GST_OBJECT_UNLOCK (self);
  }
  return ret;
}

/* ---- properties ---- */

static void
set_device_id (GstCudaMemGuard * self, gint device_id)
{
  gboolean running;

  GST_OBJECT_LOCK (self);
  running = GST_STATE (self) > GST_STATE_READY;
  if (!running) {
    self->device_id = device_id;
    self->device = cudamem_resolve_device_id (GST_ELEMENT (self), device_id);
  }
  GST_OBJECT_UNLOCK (self);
  if (running)
    GST_WARNING_OBJECT (self, "device-id can be changed in NULL and READY only");
}

static void
gst_cuda_mem_guard_set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);

  if (id == PROP_DEVICE_ID) {
    set_device_id (self, g_value_get_int (value));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_INTERVAL:
      self->interval = g_value_get_int (value);
      break;
    case PROP_STATS_INTERVAL:
      self->stats_interval = g_value_get_uint (value);
      break;
    case PROP_TRACK:
      self->track = g_value_get_boolean (value);
      break;
    case PROP_EXPANDABLE_SEGMENTS:
      self->expandable_segments = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cuda_mem_guard_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, cuda_mem_guard_stats (self));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DEVICE_ID:
      g_value_set_int (value, self->device_id);
      break;
    case PROP_INTERVAL:
      g_value_set_int (value, self->interval);
      break;
    case PROP_STATS_INTERVAL:
      g_value_set_uint (value, self->stats_interval);
      break;
    case PROP_TRACK:
      g_value_set_boolean (value, self->track);
      break;
    case PROP_EXPANDABLE_SEGMENTS:
      g_value_set_boolean (value, self->expandable_segments);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cuda_mem_guard_finalize (GObject * object)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);

  guard_sources_clear (&self->sources);
  G_OBJECT_CLASS (gst_cuda_mem_guard_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  g_object_class_install_property (object_class, PROP_DEVICE_ID, cudamem_device_id_param_spec ());
  g_object_class_install_property (object_class, PROP_INTERVAL,
      g_param_spec_int ("interval", "Trim interval",
          "Batches from one trim of the caches to the next, the first after this many. "
          "0 and less = never",
          G_MININT, G_MAXINT, DEFAULT_INTERVAL, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_STATS_INTERVAL,
      g_param_spec_uint ("stats-interval", "Interval of messages",
          "Milliseconds without a message after which the next batch posts one with event=stats. "
          "0 = messages at trims and EOS only",
          0, G_MAXUINT, DEFAULT_STATS_INTERVAL, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_TRACK,
      g_param_spec_boolean ("track", "Track",
          "Report by how many bytes each batch changed allocated and reserved memory. Costs two "
          "samples a batch, however slow the sources are; without it samples take 1 % of the time "
          "at most, but are taken at least once a stats-interval",
          DEFAULT_TRACK, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_EXPANDABLE_SEGMENTS,
      g_param_spec_boolean ("expandable-segments", "Expandable segments",
          "When going to READY, add expandable_segments:True to PYTORCH_ALLOC_CONF and "
          "PYTORCH_CUDA_ALLOC_CONF in the environment of this process, once. To be used before "
          "PyTorch is loaded and before other threads read the environment",
          DEFAULT_EXPANDABLE_SEGMENTS, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Since NULL: the fields of the message cuda-memguard from the last sample, and totals. "
          "Sizes in bytes, times in ns; what is unknown is left out. sample-every: batches from "
          "the last sample but one to the last",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
gst_cuda_mem_guard_class_init (GstCudaMemGuardClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = gst_cuda_mem_guard_set_property;
  object_class->get_property = gst_cuda_mem_guard_get_property;
  object_class->finalize = gst_cuda_mem_guard_finalize;
  element_class->change_state = gst_cuda_mem_guard_change_state;
  install_properties (object_class);
  guard_sources_install_signals (object_class, &collect_stats_signal, &trim_request_signal);
  cuda_mem_guard_install_actions (element_class);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "GPU memory guard", "Filter/Analyzer",
      "Watches GPU memory while batches pass and trims caches every so many of them", "gst-seq");
}

static void
gst_cuda_mem_guard_init (GstCudaMemGuard * self)
{
  guard_sources_init (&self->sources, GST_ELEMENT (self), collect_stats_signal,
      trim_request_signal);
  guard_stats_reset (&self->stats);
  self->device_id = DEFAULT_DEVICE_ID;
  self->device = cudamem_resolve_device_id (GST_ELEMENT (self), DEFAULT_DEVICE_ID);
  self->interval = DEFAULT_INTERVAL;
  self->stats_interval = DEFAULT_STATS_INTERVAL;
  self->track = DEFAULT_TRACK;
  self->expandable_segments = DEFAULT_EXPANDABLE_SEGMENTS;

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_cuda_mem_guard_chain);
  gst_pad_set_chain_list_function (self->sinkpad, gst_cuda_mem_guard_chain_list);
  gst_pad_set_event_function (self->sinkpad, gst_cuda_mem_guard_sink_event);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
