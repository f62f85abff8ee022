/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-pinnedqueue
 * @title: pinnedqueue
 * @short_description: keeps batches ready ahead of a consumer
 *
 * A queue whose thread fetches batches ahead, so that the consumer never waits for the producer
 * as long as the producer keeps up on average. It takes buffers of any kind, keeps their order and
 * treats events, queries, flushes and errors as `queue` does. Unlike `queue` it bounds the bytes
 * that it holds: only a single buffer that is larger than `max-size-bytes` exceeds them.
 *
 * While it waits for a batch, the queue's thread helps seqsort to copy records and seqbatch to write
 * the batches that no thread of its own writes (its property `workers` says which), and upstream's
 * thread does the latter while there is no room. That counts as waiting in `stats`.
 *
 * Where there is a GPU, its buffers are in page-locked host memory, from which a device copies
 * faster and without waiting: upstream is offered such memory to write to, and what comes in other
 * memory is copied once (`stats` counts it). With `upload=true` each buffer is copied to the device
 * in one asynchronous copy, while the consumer works on an earlier one, and leaves as
 * #GstSeqCudaMemory under the caps feature memory:CUDAMemory. A plain map for reading downloads it
 * again, so any element can read it; gst_seq_cuda_memory_wait() and GST_SEQ_MAP_CUDA are for
 * consumers on the device.
 *
 * Without a driver, without a device, or where memory can't be had, the same bytes go on in host
 * memory. That is a warning on the bus, once, where it isn't what was asked for.
 *
 * ## Example
 * |[
 * gst-launch-1.0 seqsrc location=proteins.fa ! seqsort ! seqbatch ! pinnedqueue upload=true ! fakesink
 * ]|
 */
#include "gstpinnedqueue.h"

#include "device-id.h"
#include "gstpinnedqueue-private.h"

GST_DEBUG_CATEGORY (pinned_queue_debug);
#define GST_CAT_DEFAULT pinned_queue_debug

#define DEFAULT_DEVICE_ID -1
#define DEFAULT_PREFETCH_FACTOR 2
#define MAX_PREFETCH_FACTOR 1024
#define DEFAULT_MAX_SIZE_BYTES 0
#define DEFAULT_PIN_MEMORY GST_PINNED_QUEUE_PIN_AUTO
#define DEFAULT_UPLOAD FALSE
#define DEFAULT_MAX_PINNED_BYTES 0

enum
{
  PROP_0,
  PROP_DEVICE_ID,
  PROP_PREFETCH_FACTOR,
  PROP_MAX_SIZE_BYTES,
  PROP_PIN_MEMORY,
  PROP_UPLOAD,
  PROP_MAX_PINNED_BYTES,
  PROP_STATS,
};

GType
gst_pinned_queue_pin_memory_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_PINNED_QUEUE_PIN_AUTO, "Page-locked if there is a usable device", "auto"},
    {GST_PINNED_QUEUE_PIN_ON, "Page-locked, with a warning if there is no usable device", "on"},
    {GST_PINNED_QUEUE_PIN_OFF, "Host memory as it comes", "off"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstPinnedQueuePinMemory", values));
  return type;
}

G_DEFINE_TYPE_WITH_CODE (GstPinnedQueue, gst_pinned_queue, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL);
    GST_DEBUG_CATEGORY_INIT (pinned_queue_debug, "pinnedqueue", 0, "Prefetch queue"))
GST_ELEMENT_REGISTER_DEFINE (pinnedqueue, "pinnedqueue", GST_RANK_NONE, GST_TYPE_PINNED_QUEUE)

/* ---- states ---- */

static void
start_transfer (GstPinnedQueue * self)
{
  TransferSettings settings;

  GST_OBJECT_LOCK (self);
  self->device = cudamem_resolve_device_id (GST_ELEMENT (self), self->device_id);
  settings = (TransferSettings) {
    .device_id = self->device, .pin_memory = self->pin_memory, .upload = self->upload,
    .max_pinned = self->max_pinned_bytes,
  };
  GST_OBJECT_UNLOCK (self);
  transfer_start (&self->transfer, &settings);
  pinned_queue_start_stream (self);
}

static GstStateChangeReturn
gst_pinned_queue_change_state (GstElement * element, GstStateChange transition)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    start_transfer (self);

  ret = GST_ELEMENT_CLASS (gst_pinned_queue_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY
      || (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    transfer_stop (&self->transfer);

  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    transfer_reset (&self->transfer);
    g_mutex_lock (&self->lock);
    prefetch_reset_stats (&self->prefetch);
    g_mutex_unlock (&self->lock);
  }
  return ret;
}

/* ---- properties ---- */

/* Does the state allow a change of what is read at the start? Called with the object's lock. */
static gboolean
may_change_locked (GstPinnedQueue * self, GParamSpec * pspec)
{
  if (GST_STATE (self) <= GST_STATE_READY)
    return TRUE;
  GST_WARNING_OBJECT (self, "%s can be changed in NULL and READY only", pspec->name);
  return FALSE;
}

static void
gst_pinned_queue_set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (object);

  switch (id) {
    case PROP_DEVICE_ID:
      GST_OBJECT_LOCK (self);
      if (may_change_locked (self, pspec)) {
        self->device_id = g_value_get_int (value);
        self->device = cudamem_resolve_device_id (GST_ELEMENT (self), self->device_id);
      }
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_PIN_MEMORY:
    case PROP_UPLOAD:
    case PROP_MAX_PINNED_BYTES:
      GST_OBJECT_LOCK (self);
      if (!may_change_locked (self, pspec))
        ;
      else if (id == PROP_PIN_MEMORY)
        self->pin_memory = g_value_get_enum (value);
      else if (id == PROP_UPLOAD)
        self->upload = g_value_get_boolean (value);
      else
        self->max_pinned_bytes = g_value_get_uint64 (value);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_PREFETCH_FACTOR:
    case PROP_MAX_SIZE_BYTES:
      g_mutex_lock (&self->lock);
      if (id == PROP_PREFETCH_FACTOR)
        self->prefetch.max_buffers = g_value_get_uint (value);
      else
        self->prefetch.max_bytes = g_value_get_uint64 (value);
      seq_wakeup_raise (&self->item_removed);
      g_mutex_unlock (&self->lock);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static GstStructure *
gst_pinned_queue_stats (GstPinnedQueue * self)
{
  GstStructure *stats;
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);

  g_mutex_lock (&self->lock);
  stats = prefetch_stats (&self->prefetch, device);
  g_mutex_unlock (&self->lock);
  transfer_add_stats (&self->transfer, stats);
  return stats;
}

static void
gst_pinned_queue_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (object);

  switch (id) {
    case PROP_DEVICE_ID:
      GST_OBJECT_LOCK (self);
      g_value_set_int (value, self->device_id);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_PIN_MEMORY:
      GST_OBJECT_LOCK (self);
      g_value_set_enum (value, self->pin_memory);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_UPLOAD:
      GST_OBJECT_LOCK (self);
      g_value_set_boolean (value, self->upload);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_MAX_PINNED_BYTES:
      GST_OBJECT_LOCK (self);
      g_value_set_uint64 (value, self->max_pinned_bytes);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_PREFETCH_FACTOR:
      g_mutex_lock (&self->lock);
      g_value_set_uint (value, self->prefetch.max_buffers);
      g_mutex_unlock (&self->lock);
      break;
    case PROP_MAX_SIZE_BYTES:
      g_mutex_lock (&self->lock);
      g_value_set_uint64 (value, self->prefetch.max_bytes);
      g_mutex_unlock (&self->lock);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, gst_pinned_queue_stats (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static void
wake_task (gpointer data)
{
  GstPinnedQueue *self = data;

  g_mutex_lock (&self->lock);
  seq_wakeup_raise (&self->item_added);
  g_mutex_unlock (&self->lock);
}

static void
gst_pinned_queue_finalize (GObject * object)
{
  GstPinnedQueue *self = GST_PINNED_QUEUE (object);

  seq_idle_work_close (self->idle_work);
  seq_idle_work_unref (self->idle_work);
  prefetch_clear (&self->prefetch);
  transfer_finalize (&self->transfer);
  g_mutex_clear (&self->lock);
  seq_wakeup_clear (&self->item_added);
  seq_wakeup_clear (&self->item_removed);
  seq_wakeup_clear (&self->query_done);
  G_OBJECT_CLASS (gst_pinned_queue_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  g_object_class_install_property (object_class, PROP_DEVICE_ID, cudamem_device_id_param_spec ());
  g_object_class_install_property (object_class, PROP_PREFETCH_FACTOR,
      g_param_spec_uint ("prefetch-factor", "Prefetch factor",
          "Buffers (batches) kept ready ahead of the consumer, the one that it works on not counted",
          1, MAX_PREFETCH_FACTOR, DEFAULT_PREFETCH_FACTOR, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_MAX_SIZE_BYTES,
      g_param_spec_uint64 ("max-size-bytes", "Maximum bytes",
          "Bytes that may wait in the queue; a buffer that is larger passes alone. 0 = no limit",
          0, G_MAXUINT64, DEFAULT_MAX_SIZE_BYTES, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_PIN_MEMORY,
      g_param_spec_enum ("pin-memory", "Pin memory",
          "Keep buffers in page-locked host memory, from which a GPU copies faster: upstream writes "
          "into it, or is copied once. Without a usable device auto and on use memory as it comes, "
          "on with a warning. A change while PAUSED or PLAYING is refused",
          GST_TYPE_PINNED_QUEUE_PIN_MEMORY, DEFAULT_PIN_MEMORY, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_UPLOAD,
      g_param_spec_boolean ("upload", "Upload",
          "Copy each buffer to device memory (caps feature memory:CUDAMemory), ahead of its "
          "consumer. Where that can't be done: host memory, with a warning. A change while PAUSED "
          "or PLAYING is refused", DEFAULT_UPLOAD, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_MAX_PINNED_BYTES,
      g_param_spec_uint64 ("max-pinned-bytes", "Maximum page-locked bytes",
          "Bytes of host memory that are page-locked at most; more is pageable, with a warning. "
          "0 = auto: a quarter of what the host, or the memory cgroup, has left at the start. "
          "A change while PAUSED or PLAYING is refused",
          0, G_MAXUINT64, DEFAULT_MAX_PINNED_BYTES, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Since NULL. Sizes in bytes, times in ns: device-id, level-buffers, level-bytes "
          "(waiting now), max-level-buffers, buffers, bytes (handed on), starved, starved-time "
          "(downstream waited for a buffer; the wait for the first does not count), full, "
          "full-time (upstream waited for room), copies, copied-bytes (from other memory into "
          "page-locked). Since PAUSED: pinned (page-locked now), uploads, uploaded-bytes, "
          "upload-time (of the device's copy engine), device-bytes (device memory held now), "
          "allocations (calls of the driver for either memory)",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
gst_pinned_queue_class_init (GstPinnedQueueClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = gst_pinned_queue_set_property;
  object_class->get_property = gst_pinned_queue_get_property;
  object_class->finalize = gst_pinned_queue_finalize;
  element_class->change_state = gst_pinned_queue_change_state;
  install_properties (object_class);

  pinned_queue_add_pad_templates (element_class);
  gst_element_class_set_static_metadata (element_class, "Prefetch queue", "Generic",
      "Keeps batches ready ahead of their consumer, in a thread of its own", "gst-seq");
  gst_type_mark_as_plugin_api (GST_TYPE_PINNED_QUEUE_PIN_MEMORY, 0);
}

static void
gst_pinned_queue_init (GstPinnedQueue * self)
{
  g_mutex_init (&self->lock);
  seq_wakeup_init (&self->item_added);
  seq_wakeup_init (&self->item_removed);
  seq_wakeup_init (&self->query_done);
  prefetch_init (&self->prefetch);
  transfer_init (&self->transfer, GST_ELEMENT (self));
  self->idle_work = seq_idle_work_new (wake_task, self);
  self->prefetch.max_buffers = DEFAULT_PREFETCH_FACTOR;
  self->prefetch.max_bytes = DEFAULT_MAX_SIZE_BYTES;
  self->flow = GST_FLOW_FLUSHING;
  self->device_id = DEFAULT_DEVICE_ID;
  self->device = cudamem_resolve_device_id (GST_ELEMENT (self), DEFAULT_DEVICE_ID);
  self->pin_memory = DEFAULT_PIN_MEMORY;
  self->upload = DEFAULT_UPLOAD;
  self->max_pinned_bytes = DEFAULT_MAX_PINNED_BYTES;
  self->plain = TRUE;

  pinned_queue_add_pads (self);
}
