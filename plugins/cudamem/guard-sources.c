/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard-sources.h"

/* A call of sources that a thread is in. What they call back may call others, and these the first
 * again, who must not answer. */
typedef struct _Call Call;

struct _Call
{
  GuardSources *sources;
  Call *outer;
};

static GPrivate innermost = G_PRIVATE_INIT (NULL);

static gboolean
enter (GuardSources * sources, Call * call)
{
  *call = (Call) { sources, g_private_get (&innermost) };
  for (Call * outer = call->outer; outer != NULL; outer = outer->outer)
    if (outer->sources == sources)
      return FALSE;
  g_private_set (&innermost, call);
  return TRUE;
}

static void
leave (Call * call)
{
  g_private_set (&innermost, call->outer);
}

/* ---- providers ---- */

void
guard_sources_init (GuardSources * sources, GstElement * element, guint collect, guint trim)
{
  *sources = (GuardSources) {
    .element = element,
    .collect_signal = collect,
    .trim_signal = trim,
    .providers = g_ptr_array_new_with_free_func (g_object_unref),
  };
  g_mutex_init (&sources->list_lock);
  g_mutex_init (&sources->call_lock);
}

void
guard_sources_clear (GuardSources * sources)
{
  g_clear_pointer (&sources->providers, g_ptr_array_unref);
  g_mutex_clear (&sources->list_lock);
  g_mutex_clear (&sources->call_lock);
}

static GPtrArray *
ref_providers (GuardSources * sources)
{
  GPtrArray *providers;

  g_mutex_lock (&sources->list_lock);
  providers = g_ptr_array_ref (sources->providers);
  g_mutex_unlock (&sources->list_lock);
  return providers;
}

/* Replaces the list by one without @provider, and with it at the end if @present is set. Returns
 * whether @provider was in it. */
static gboolean
replace_providers (GuardSources * sources, GstSeqMemoryProvider * provider, gboolean present)
{
  GPtrArray *made = g_ptr_array_new_with_free_func (g_object_unref);
  GPtrArray *old;
  gboolean found = FALSE;
  guint i;

  g_mutex_lock (&sources->list_lock);
  old = sources->providers;
  for (i = 0; i < old->len; i++) {
    if (g_ptr_array_index (old, i) == provider)
      found = TRUE;
    if (g_ptr_array_index (old, i) != provider || present)
      g_ptr_array_add (made, g_object_ref (g_ptr_array_index (old, i)));
  }
  if (present && !found)
    g_ptr_array_add (made, g_object_ref (provider));
  sources->providers = made;
  g_mutex_unlock (&sources->list_lock);

  /* outside of the lock: it may be a provider's last reference, and disposing it calls out */
  g_ptr_array_unref (old);
  return found;
}

gboolean
guard_sources_add (GuardSources * sources, GstSeqMemoryProvider * provider)
{
  return !replace_providers (sources, provider, TRUE);
}

gboolean
guard_sources_remove (GuardSources * sources, GstSeqMemoryProvider * provider)
{
  return replace_providers (sources, provider, FALSE);
}

static gboolean
has_handler (GuardSources * sources, guint signal)
{
  return g_signal_has_handler_pending (sources->element, signal, 0, FALSE);
}

/* ---- samples ---- */

void
guard_sample_init (GuardSample * sample)
{
  gst_seq_memory_stats_init (&sample->memory);
  sample->from_pools = FALSE;
  g_strlcpy (sample->source, "none", sizeof (sample->source));
}

/* What is unknown stays unknown only until one of the sources knows it */
guint64
guard_sum_known (guint64 a, guint64 b)
{
  if (a == GST_SEQ_MEMORY_UNKNOWN)
    return b;
  if (b == GST_SEQ_MEMORY_UNKNOWN)
    return a;
  return b < GST_SEQ_MEMORY_UNKNOWN - 1 - a ? a + b : GST_SEQ_MEMORY_UNKNOWN - 1;
}

void
guard_sample_add (GuardSample * sample, const gchar * name, const GstSeqMemoryStats * memory)
{
  GstSeqMemoryStats *sum = &sample->memory;

  sum->allocated = guard_sum_known (sum->allocated, memory->allocated);
  sum->reserved = guard_sum_known (sum->reserved, memory->reserved);
  sum->peak = guard_sum_known (sum->peak, memory->peak);
  sum->releasable = guard_sum_known (sum->releasable, memory->releasable);
  /* all see the same device, and unknown is the largest of all numbers */
  sum->free = MIN (sum->free, memory->free);
  sum->total = MIN (sum->total, memory->total);

  if (g_str_equal (sample->source, "none")) {
    g_strlcpy (sample->source, name, sizeof (sample->source));
  } else {
    g_strlcat (sample->source, "+", sizeof (sample->source));
    g_strlcat (sample->source, name, sizeof (sample->source));
  }
}

/* Applications fill structures from many languages, so any type of number will do */
static guint64
field_as_size (const GstStructure * structure, const gchar * name)
{
  const GValue *field = gst_structure_get_value (structure, name);
  GValue number = G_VALUE_INIT;
  gdouble value = -1;

  if (field == NULL)
    return GST_SEQ_MEMORY_UNKNOWN;
  if (G_VALUE_HOLDS_UINT64 (field))
    return g_value_get_uint64 (field);

  g_value_init (&number, G_TYPE_DOUBLE);
  if (g_value_transform (field, &number))
    value = g_value_get_double (&number);
  g_value_unset (&number);
  return value >= 0 && value < (gdouble) G_MAXINT64 ? (guint64) value : GST_SEQ_MEMORY_UNKNOWN;
}

static void
collect_by_signal (GuardSources * sources, gint device, GuardSample * sample)
{
  GstSeqMemoryStats memory;
  GstStructure *filled = NULL;

  if (!has_handler (sources, sources->collect_signal))
    return;
  g_signal_emit (sources->element, sources->collect_signal, 0, device, &filled);
  if (filled == NULL)
    return;

  memory.allocated = field_as_size (filled, "allocated");
  memory.reserved = field_as_size (filled, "reserved");
  memory.peak = field_as_size (filled, "peak");
  memory.releasable = field_as_size (filled, "releasable");
  memory.free = field_as_size (filled, "free");
  memory.total = field_as_size (filled, "total");
  gst_structure_free (filled);
  guard_sample_add (sample, "signal", &memory);
}

gboolean
guard_sources_sample (GuardSources * sources, gint device, GuardSample * sample)
{
  GstSeqMemoryStats memory;
  GPtrArray *providers;
  Call call;
  guint i;

  if (!enter (sources, &call))
    return FALSE;
  guard_sample_init (sample);

  providers = ref_providers (sources);
  for (i = 0; i < providers->len; i++) {
    GstSeqMemoryProvider *provider = g_ptr_array_index (providers, i);

    g_mutex_lock (&sources->call_lock);
    if (gst_seq_memory_provider_query (provider, device, &memory))
      guard_sample_add (sample, gst_seq_memory_provider_get_name (provider), &memory);
    g_mutex_unlock (&sources->call_lock);
  }
  g_ptr_array_unref (providers);

  collect_by_signal (sources, device, sample);
  leave (&call);
  return TRUE;
}

/* ---- trim and peak ---- */

guint64
guard_sources_trim (GuardSources * sources, gint device)
{
  guint64 freed = GST_SEQ_MEMORY_UNKNOWN;
  guint64 by_signal = GST_SEQ_MEMORY_UNKNOWN;
  GPtrArray *providers;
  Call call;
  guint i;

  if (!enter (sources, &call))
    return 0;

  providers = ref_providers (sources);
  for (i = 0; i < providers->len; i++) {
    g_mutex_lock (&sources->call_lock);
    freed = guard_sum_known (freed,
        gst_seq_memory_provider_trim (g_ptr_array_index (providers, i), device));
    g_mutex_unlock (&sources->call_lock);
  }
  g_ptr_array_unref (providers);

  if (has_handler (sources, sources->trim_signal)) {
    g_signal_emit (sources->element, sources->trim_signal, 0, device, &by_signal);
    freed = guard_sum_known (freed, by_signal);
  }
  leave (&call);
  return freed;
}

void
guard_sources_reset_peak (GuardSources * sources, gint device)
{
  GPtrArray *providers;
  Call call;
  guint i;

  if (!enter (sources, &call))
    return;

  providers = ref_providers (sources);
  for (i = 0; i < providers->len; i++) {
    g_mutex_lock (&sources->call_lock);
    gst_seq_memory_provider_reset_peak (g_ptr_array_index (providers, i), device);
    g_mutex_unlock (&sources->call_lock);
  }
  g_ptr_array_unref (providers);
  leave (&call);
}

/* ---- signals ---- */

static gboolean
first_structure (GSignalInvocationHint * hint, GValue * accu, const GValue * handler, gpointer data)
{
  g_value_copy (handler, accu);
  return g_value_get_boxed (handler) == NULL;
}

static gboolean
sum_of_bytes (GSignalInvocationHint * hint, GValue * accu, const GValue * handler, gpointer data)
{
  guint64 sum = g_value_get_uint64 (accu);
  guint64 freed = g_value_get_uint64 (handler);

  /* the first handler finds 0 there, which must not make an unknown number known */
  g_value_set_uint64 (accu, sum == 0 ? freed : guard_sum_known (sum, freed));
  return TRUE;
}

void
guard_sources_install_signals (GObjectClass * klass, guint * collect, guint * trim)
{
  GType type = G_OBJECT_CLASS_TYPE (klass);

  /**
   * GstCudaMemGuard::collect-stats:
   * @guard: the element
   * @device_id: the GPU that is asked for
   *
   * Emitted for each sample, from the streaming thread or from the thread that calls an action
   * signal. A handler returns a structure of any name with what it knows of `allocated`,
   * `reserved`, `peak`, `releasable`, `free` and `total`, numbers of bytes, or %NULL. The first
   * structure counts.
   *
   * Returns: (nullable) (transfer full): numbers of the application's allocator
   */
  *collect = g_signal_new ("collect-stats", type, G_SIGNAL_RUN_LAST, 0, first_structure, NULL, NULL,
      GST_TYPE_STRUCTURE, 1, G_TYPE_INT);

  /**
   * GstCudaMemGuard::trim-request:
   * @guard: the element
   * @device_id: the GPU
   *
   * Emitted at each trim, from the same threads. A handler gives unused memory back to the
   * device, for instance with torch.cuda.empty_cache().
   *
   * Returns: the bytes given back, or G_MAXUINT64 if it does not know
   */
  *trim = g_signal_new ("trim-request", type, G_SIGNAL_RUN_LAST, 0, sum_of_bytes, NULL, NULL,
      G_TYPE_UINT64, 1, G_TYPE_INT);
}
