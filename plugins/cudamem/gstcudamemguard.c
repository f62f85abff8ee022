/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-cudamemguard
 * @title: cudamemguard
 * @short_description: watches GPU memory while batches pass, and gets them through when it is short
 *
 * Stands directly before the consumer of batches, with no queue between, passes every buffer on as
 * it is, and counts. When a batch is done, that is when the consumer has returned, it may sample
 * the memory, trim caches (every `interval` batches, or when it pays) and say so in an element
 * message `cuda-memguard`.
 *
 * What it knows of the memory, it knows, best first: from objects that implement
 * #GstSeqMemoryProvider (action signal `add-provider`) and from the signals `collect-stats` and
 * `trim-request`; from memory pools of the CUDA driver, those of the action signal `add-pool` and
 * the device's own; and from the driver. Without a driver it goes by the first. It never makes a
 * CUDA context.
 *
 * ## Out of memory
 *
 * A consumer that runs out of device memory says so in one of three ways, and must have emitted
 * nothing for the buffer: it returns %GST_FLOW_CUSTOM_ERROR_1 from its chain function; or it sends
 * a custom upstream event named `cuda-oom` while it has the buffer; or the application calls the
 * action signal `report-oom` meanwhile. The guard then waits for the device, trims and pushes the
 * batch again; if that fails, too, it pushes halves of it (gst_seq_batch_split()), in order, down
 * to single records, and has `seqbatch` make smaller batches (event `batch-budget`). What does not
 * fit on its own ends as `on-oom` says.
 *
 * To be able to push a buffer again, the guard keeps a reference to it meanwhile. So the consumer
 * has a buffer that is not writable: one that works in place gets a copy from
 * gst_buffer_make_writable().
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m fakesrc num-buffers=1000 ! cudamemguard interval=100 ! fakesink
 * ]|
 */
#include "gstcudamemguard-private.h"

#include "device-id.h"
#include "event-flow.h"
#include "guard-segments.h"

GST_DEBUG_CATEGORY (cuda_mem_guard_debug);
#define GST_CAT_DEFAULT cuda_mem_guard_debug

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

/* ---- messages ---- */

GstStructure *
cuda_mem_guard_describe (GstCudaMemGuard * self, const gchar * event, const GuardTrim * trim,
    gboolean totals)
{
  GstStructure *structure;

  GST_OBJECT_LOCK (self);
  structure = guard_stats_to_structure (&self->stats, self->device, event, trim, totals);
  GST_OBJECT_UNLOCK (self);
  return structure;
}

void
cuda_mem_guard_post (GstCudaMemGuard * self, GstStructure * structure)
{
  GST_OBJECT_LOCK (self);
  self->stats.said_at = gst_util_get_timestamp ();
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), structure));
}

/* ---- streaming ---- */

static GstFlowReturn
gst_cuda_mem_guard_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (parent);
  GstFlowReturn flow;
  guint64 n;

  if (self->find_pool)
    guard_device_find_pool (&self->gpu, buffer);
  self->find_pool = FALSE;
  cuda_mem_guard_before_batch (self, buffer);

  GST_OBJECT_LOCK (self);
  n = guard_stats_count (&self->stats, buffer);
  GST_OBJECT_UNLOCK (self);
  flow = cuda_mem_guard_push (self, buffer);
  if (flow == GST_FLOW_OK)
    cuda_mem_guard_after_batch (self, n);
  if (flow == GST_FLOW_OK && cuda_mem_guard_is_lost (self))
    flow = GST_FLOW_ERROR;
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

/* Each buffer of a list is a batch of its own. They are taken out of the list, so that none has
 * more references than it came with. */
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

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      self->find_pool = TRUE;
      break;
    case GST_EVENT_EOS:
      /* first the message: an application may quit at EOS */
      cuda_mem_guard_refresh (self, &sample);
      cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "eos", NULL, TRUE));
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstFlowReturn
gst_cuda_mem_guard_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_CUDA_MEM_GUARD (parent)->srcpad, type,
      gst_cuda_mem_guard_sink_event (pad, parent, event));
}

static gboolean
gst_cuda_mem_guard_src_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  if (GST_EVENT_TYPE (event) != GST_EVENT_CUSTOM_UPSTREAM || !gst_event_has_name (event, "cuda-oom"))
    return gst_pad_event_default (pad, parent, event);
  cuda_mem_guard_report_oom (GST_CUDA_MEM_GUARD (parent));
  gst_event_unref (event);
  return TRUE;
}

/* ---- states ---- */

static void
open_device (GstCudaMemGuard * self)
{
  gboolean expand;
  gint device;

  GST_OBJECT_LOCK (self);
  self->device = cudamem_resolve_device_id (GST_ELEMENT (self), self->settings.device_id);
  device = self->device;
  expand = self->settings.expandable_segments;
  GST_OBJECT_UNLOCK (self);
  if (expand)
    guard_expand_segments (GST_ELEMENT (self));
  guard_device_open (&self->gpu, GST_ELEMENT (self), device);
}

static void
reset (GstCudaMemGuard * self)
{
  GST_OBJECT_LOCK (self);
  guard_stats_reset (&self->stats);
  seq_trim_policy_init (&self->policy);
  seq_batch_budget_init (&self->budget);
  self->trim_put_off = self->pressed = FALSE;
  GST_OBJECT_UNLOCK (self);
  self->vain_replays = 0;
}

static GstStateChangeReturn
gst_cuda_mem_guard_change_state (GstElement * element, GstStateChange transition)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY)
    open_device (self);

  ret = GST_ELEMENT_CLASS (gst_cuda_mem_guard_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    guard_device_forget_pools (&self->gpu);
    /* who makes the batches forgets the limit, too; what is known of memory still holds */
    GST_OBJECT_LOCK (self);
    self->stats.budget = 0;
    GST_OBJECT_UNLOCK (self);
  }
  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    guard_device_close (&self->gpu);
    reset (self);
  }
  return ret;
}

/* ---- object ---- */

static void
gst_cuda_mem_guard_finalize (GObject * object)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);

  guard_sources_clear (&self->sources);
  guard_device_clear (&self->gpu);
  G_OBJECT_CLASS (gst_cuda_mem_guard_parent_class)->finalize (object);
}

static void
gst_cuda_mem_guard_class_init (GstCudaMemGuardClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->finalize = gst_cuda_mem_guard_finalize;
  element_class->change_state = gst_cuda_mem_guard_change_state;
  cuda_mem_guard_install_properties (object_class);
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
  guard_device_init (&self->gpu);
  cuda_mem_guard_init_settings (&self->settings);
  self->device = cudamem_resolve_device_id (GST_ELEMENT (self), self->settings.device_id);
  reset (self);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_cuda_mem_guard_chain);
  gst_pad_set_chain_list_function (self->sinkpad, gst_cuda_mem_guard_chain_list);
  gst_pad_set_event_full_function (self->sinkpad, gst_cuda_mem_guard_sink_event_full);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_event_function (self->srcpad, gst_cuda_mem_guard_src_event);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
