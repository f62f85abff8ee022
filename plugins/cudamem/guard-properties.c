/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The properties of cudamemguard. */
#include "gstcudamemguard-private.h"

#include "device-id.h"

#define DEFAULT_TRIM_POLICY GUARD_TRIM_INTERVAL
#define DEFAULT_INTERVAL 100
#define DEFAULT_TRIM_KEEP 0
#define DEFAULT_HIGH_WATER 0.30
#define DEFAULT_LOW_WATER 0.05
#define DEFAULT_ON_OOM GUARD_ON_OOM_ERROR
#define DEFAULT_STATS_INTERVAL 1000

enum
{
  PROP_0,
  PROP_DEVICE_ID,
  PROP_TRIM_POLICY,
  PROP_INTERVAL,
  PROP_TRIM_KEEP,
  PROP_HIGH_WATER,
  PROP_LOW_WATER,
  PROP_ON_OOM,
  PROP_STATS_INTERVAL,
  PROP_TRACK,
  PROP_EXPANDABLE_SEGMENTS,
  PROP_STATS,
};

static GType
trim_policy_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GUARD_TRIM_INTERVAL, "Every `interval` batches", "interval"},
    {GUARD_TRIM_ADAPTIVE, "When it pays", "adaptive"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCudaMemGuardTrimPolicy", values));
  return type;
}

static GType
on_oom_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GUARD_ON_OOM_ERROR, "An error that names the record", "error"},
    {GUARD_ON_OOM_SKIP, "Leave the record out, with a message that names it", "skip"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCudaMemGuardOnOom", values));
  return type;
}

void
cuda_mem_guard_init_settings (GuardSettings * settings)
{
  *settings = (GuardSettings) {
    .device_id = -1,
    .trim_policy = DEFAULT_TRIM_POLICY,
    .interval = DEFAULT_INTERVAL,
    .trim_keep = DEFAULT_TRIM_KEEP,
    .high_water = DEFAULT_HIGH_WATER,
    .low_water = DEFAULT_LOW_WATER,
    .on_oom = DEFAULT_ON_OOM,
    .stats_interval = DEFAULT_STATS_INTERVAL,
  };
}

/* ---- set and get ---- */

static void
set_device_id (GstCudaMemGuard * self, gint device_id)
{
  gboolean running, opened;
  gint device;

  GST_OBJECT_LOCK (self);
  running = GST_STATE (self) > GST_STATE_READY;
  opened = GST_STATE (self) == GST_STATE_READY;
  if (!running) {
    self->settings.device_id = device_id;
    self->device = cudamem_resolve_device_id (GST_ELEMENT (self), device_id);
  }
  device = self->device;
  GST_OBJECT_UNLOCK (self);
  if (running)
    GST_WARNING_OBJECT (self, "device-id can be changed in NULL and READY only");
  else if (opened)
    guard_device_open (&self->gpu, GST_ELEMENT (self), device);
}

static void
set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);
  GuardSettings *settings = &self->settings;

  if (id == PROP_DEVICE_ID) {
    set_device_id (self, g_value_get_int (value));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_TRIM_POLICY:
      settings->trim_policy = g_value_get_enum (value);
      break;
    case PROP_INTERVAL:
      settings->interval = g_value_get_int (value);
      break;
    case PROP_TRIM_KEEP:
      settings->trim_keep = g_value_get_uint64 (value);
      break;
    case PROP_HIGH_WATER:
      settings->high_water = g_value_get_double (value);
      break;
    case PROP_LOW_WATER:
      settings->low_water = g_value_get_double (value);
      break;
    case PROP_ON_OOM:
      settings->on_oom = g_value_get_enum (value);
      break;
    case PROP_STATS_INTERVAL:
      settings->stats_interval = g_value_get_uint (value);
      break;
    case PROP_TRACK:
      settings->track = g_value_get_boolean (value);
      break;
    case PROP_EXPANDABLE_SEGMENTS:
      settings->expandable_segments = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstCudaMemGuard *self = GST_CUDA_MEM_GUARD (object);
  const GuardSettings *settings = &self->settings;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, cuda_mem_guard_describe (self, "stats", NULL, TRUE));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_DEVICE_ID:
      g_value_set_int (value, settings->device_id);
      break;
    case PROP_TRIM_POLICY:
      g_value_set_enum (value, settings->trim_policy);
      break;
    case PROP_INTERVAL:
      g_value_set_int (value, settings->interval);
      break;
    case PROP_TRIM_KEEP:
      g_value_set_uint64 (value, settings->trim_keep);
      break;
    case PROP_HIGH_WATER:
      g_value_set_double (value, settings->high_water);
      break;
    case PROP_LOW_WATER:
      g_value_set_double (value, settings->low_water);
      break;
    case PROP_ON_OOM:
      g_value_set_enum (value, settings->on_oom);
      break;
    case PROP_STATS_INTERVAL:
      g_value_set_uint (value, settings->stats_interval);
      break;
    case PROP_TRACK:
      g_value_set_boolean (value, settings->track);
      break;
    case PROP_EXPANDABLE_SEGMENTS:
      g_value_set_boolean (value, settings->expandable_segments);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* ---- installation ---- */

static void
install_trims (GObjectClass * klass, GParamFlags playing)
{
  g_object_class_install_property (klass, PROP_TRIM_POLICY,
      g_param_spec_enum ("trim-policy", "Trim policy",
          "interval = trim caches after every `interval` batches. adaptive = trim when it pays: "
          "before a batch that is larger than all since the last trim, when memory is short "
          "(low-water), and when there is too much slack for long (high-water); only where a trim "
          "could give back 256 MiB or 5 % of the device, more rarely where it is in vain",
          trim_policy_get_type (), DEFAULT_TRIM_POLICY, playing));
  g_object_class_install_property (klass, PROP_INTERVAL,
      g_param_spec_int ("interval", "Trim interval",
          "Batches from one trim of the caches to the next, the first after this many; with "
          "trim-policy=adaptive, batches for which growth is let go. 0 and less = never trim, with "
          "either policy",
          G_MININT, G_MAXINT, DEFAULT_INTERVAL, playing));
  g_object_class_install_property (klass, PROP_TRIM_KEEP,
      g_param_spec_uint64 ("trim-keep", "Trim keep",
          "Bytes that a trim leaves reserved in each memory pool of the driver, 0 = none. Providers "
          "decide on their own",
          0, G_MAXUINT64, DEFAULT_TRIM_KEEP, playing));
  g_object_class_install_property (klass, PROP_HIGH_WATER,
      g_param_spec_double ("high-water", "High water",
          "trim-policy=adaptive: part of the reserved bytes, 0 to 1, that may be slack (0 = none, "
          "1 = all)",
          0, 1, DEFAULT_HIGH_WATER, playing));
  g_object_class_install_property (klass, PROP_LOW_WATER,
      g_param_spec_double ("low-water", "Low water",
          "Part of the device's bytes, 0 to 1, below which memory is short: a message with "
          "event=pressure is posted, the next one after 1.5 times as much was free; "
          "trim-policy=adaptive trims (0 = never)",
          0, 1, DEFAULT_LOW_WATER, playing));
}

static void
install_stats (GObjectClass * klass)
{
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Since NULL: the fields of the message cuda-memguard from the last sample, and totals. "
          "Sizes in bytes, times in ns; what is unknown is left out. "
          "event, batch, device-id; source: who told, with +; "
          "allocated, reserved, free, total, peak (of allocated); "
          "fragmentation: (reserved - allocated) / reserved; "
          "releasable: what a trim could give back; stranded: slack that it could not; "
          "batches-since-trim; sample-every: batches from the last sample but one to the last; "
          "suggested-batch-size, reason; "
          "trims-deferred: put off during captures of CUDA graphs; "
          "ooms: pushes that failed for lack of device memory; replays: pushes after a failure; "
          "splits: batches and pieces cut in two; skipped: records left out by on-oom=skip; "
          "budget-tokens, budget-records: limits of a batch asked for upstream, 0 = none; "
          "allocated-change, reserved-change, max-allocated-change, max-reserved-change: see track; "
          "batches, records, tokens, trims, freed, trim-time: totals",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

void
cuda_mem_guard_install_properties (GObjectClass * klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags playing = flags | GST_PARAM_MUTABLE_PLAYING;

  klass->set_property = set_property;
  klass->get_property = get_property;

  g_object_class_install_property (klass, PROP_DEVICE_ID, cudamem_device_id_param_spec ());
  install_trims (klass, playing);
  g_object_class_install_property (klass, PROP_ON_OOM,
      g_param_spec_enum ("on-oom", "On OOM",
          "What happens to a single record, or to a buffer that can't be split, that does not fit "
          "into device memory even after a trim",
          on_oom_get_type (), DEFAULT_ON_OOM, playing));
  g_object_class_install_property (klass, PROP_STATS_INTERVAL,
      g_param_spec_uint ("stats-interval", "Interval of messages",
          "Milliseconds without a message after which the next batch posts one with event=stats. "
          "0 = messages at events and EOS only",
          0, G_MAXUINT, DEFAULT_STATS_INTERVAL, playing));
  g_object_class_install_property (klass, PROP_TRACK,
      g_param_spec_boolean ("track", "Track",
          "Report by how many bytes each batch changed allocated and reserved memory. Costs two "
          "samples a batch, however slow the sources are; without it samples take 1 % of the time "
          "at most, but are taken at least once a stats-interval",
          FALSE, playing));
  g_object_class_install_property (klass, PROP_EXPANDABLE_SEGMENTS,
      g_param_spec_boolean ("expandable-segments", "Expandable segments",
          "When going to READY, add expandable_segments:True to PYTORCH_ALLOC_CONF and "
          "PYTORCH_CUDA_ALLOC_CONF in the environment of this process, once. To be used before "
          "PyTorch is loaded and before other threads read the environment",
          FALSE, flags | GST_PARAM_MUTABLE_READY));
  install_stats (klass);
}
