/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqmemoryprovider.h>

G_DEFINE_INTERFACE (GstSeqMemoryProvider, gst_seq_memory_provider, G_TYPE_OBJECT)

/* by hand, because G_DEFINE_BOXED_TYPE is not ISO C (it converts to a union) */
GType
gst_seq_memory_stats_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static ("GstSeqMemoryStats",
            (GBoxedCopyFunc) gst_seq_memory_stats_copy, (GBoxedFreeFunc) gst_seq_memory_stats_free));
  return type;
}

static void
gst_seq_memory_provider_default_init (GstSeqMemoryProviderInterface * iface)
{
}

/**
 * gst_seq_memory_stats_init:
 * @stats: statistics
 *
 * Sets every field to %GST_SEQ_MEMORY_UNKNOWN.
 */
void
gst_seq_memory_stats_init (GstSeqMemoryStats * stats)
{
  stats->allocated = stats->reserved = stats->peak = GST_SEQ_MEMORY_UNKNOWN;
  stats->releasable = stats->free = stats->total = GST_SEQ_MEMORY_UNKNOWN;
}

/**
 * gst_seq_memory_stats_new: (constructor)
 *
 * Returns: (transfer full): statistics of which nothing is known yet
 */
GstSeqMemoryStats *
gst_seq_memory_stats_new (void)
{
  GstSeqMemoryStats *stats = g_new (GstSeqMemoryStats, 1);

  gst_seq_memory_stats_init (stats);
  return stats;
}

/**
 * gst_seq_memory_stats_copy:
 * @stats: statistics
 *
 * Returns: (transfer full): a copy of @stats
 */
GstSeqMemoryStats *
gst_seq_memory_stats_copy (const GstSeqMemoryStats * stats)
{
  GstSeqMemoryStats *copy = g_new (GstSeqMemoryStats, 1);

  *copy = *stats;
  return copy;
}

/**
 * gst_seq_memory_stats_free: (skip)
 * @stats: (transfer full): statistics
 */
void
gst_seq_memory_stats_free (GstSeqMemoryStats * stats)
{
  g_free (stats);
}

/**
 * gst_seq_memory_provider_get_name:
 * @provider: a provider
 *
 * Returns: (transfer none): short name of the allocator; the name of its type when it gives none
 */
const gchar *
gst_seq_memory_provider_get_name (GstSeqMemoryProvider * provider)
{
  GstSeqMemoryProviderInterface *iface;
  const gchar *name = NULL;

  g_return_val_if_fail (GST_IS_SEQ_MEMORY_PROVIDER (provider), NULL);

  iface = GST_SEQ_MEMORY_PROVIDER_GET_IFACE (provider);
  if (iface->get_name)
    name = iface->get_name (provider);
  return name ? name : G_OBJECT_TYPE_NAME (provider);
}

/**
 * gst_seq_memory_provider_query:
 * @provider: a provider
 * @device_id: ordinal of the device
 * @stats: filled in with the state of the allocator; what it does not know is
 *     %GST_SEQ_MEMORY_UNKNOWN
 *
 * Returns: %FALSE if the provider can tell nothing now
 */
gboolean
gst_seq_memory_provider_query (GstSeqMemoryProvider * provider, gint device_id,
    GstSeqMemoryStats * stats)
{
  GstSeqMemoryProviderInterface *iface;

  g_return_val_if_fail (GST_IS_SEQ_MEMORY_PROVIDER (provider), FALSE);
  g_return_val_if_fail (stats != NULL, FALSE);

  gst_seq_memory_stats_init (stats);
  iface = GST_SEQ_MEMORY_PROVIDER_GET_IFACE (provider);
  return iface->query && iface->query (provider, device_id, stats);
}

/**
 * gst_seq_memory_provider_trim:
 * @provider: a provider
 * @device_id: ordinal of the device
 *
 * Asks the allocator to give unused memory back to the device.
 *
 * Returns: bytes given back, %GST_SEQ_MEMORY_UNKNOWN if the provider cannot tell
 */
guint64
gst_seq_memory_provider_trim (GstSeqMemoryProvider * provider, gint device_id)
{
  GstSeqMemoryProviderInterface *iface;

  g_return_val_if_fail (GST_IS_SEQ_MEMORY_PROVIDER (provider), 0);

  iface = GST_SEQ_MEMORY_PROVIDER_GET_IFACE (provider);
  return iface->trim ? iface->trim (provider, device_id) : 0;
}

/**
 * gst_seq_memory_provider_reset_peak:
 * @provider: a provider
 * @device_id: ordinal of the device
 *
 * Lets the peak start again from what is allocated now.
 */
void
gst_seq_memory_provider_reset_peak (GstSeqMemoryProvider * provider, gint device_id)
{
  GstSeqMemoryProviderInterface *iface;

  g_return_if_fail (GST_IS_SEQ_MEMORY_PROVIDER (provider));

  iface = GST_SEQ_MEMORY_PROVIDER_GET_IFACE (provider);
  if (iface->reset_peak)
    iface->reset_peak (provider, device_id);
}
