/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/gstseqapi.h>

G_BEGIN_DECLS

/* A value of GstSeqMemoryStats that its provider does not know */
#define GST_SEQ_MEMORY_UNKNOWN G_MAXUINT64

typedef struct _GstSeqMemoryStats GstSeqMemoryStats;

/**
 * GstSeqMemoryStats:
 * @allocated: bytes in use by live allocations
 * @reserved: bytes that the allocator holds from the device, @allocated included
 * @peak: highest @allocated since the last reset of the peak
 * @releasable: bytes that a trim could give back now
 * @free: free bytes of the device
 * @total: bytes of the device
 *
 * State of an allocator. Every field is in bytes, or %GST_SEQ_MEMORY_UNKNOWN.
 */
struct _GstSeqMemoryStats
{
  guint64 allocated;
  guint64 reserved;
  guint64 peak;
  guint64 releasable;
  guint64 free;
  guint64 total;
};

GST_SEQ_API
GType gst_seq_memory_stats_get_type (void);
#define GST_TYPE_SEQ_MEMORY_STATS (gst_seq_memory_stats_get_type ())

GST_SEQ_API
void gst_seq_memory_stats_init (GstSeqMemoryStats * stats);

GST_SEQ_API
GstSeqMemoryStats *gst_seq_memory_stats_new (void);

GST_SEQ_API
GstSeqMemoryStats *gst_seq_memory_stats_copy (const GstSeqMemoryStats * stats);

GST_SEQ_API
void gst_seq_memory_stats_free (GstSeqMemoryStats * stats);

#define GST_TYPE_SEQ_MEMORY_PROVIDER (gst_seq_memory_provider_get_type ())
GST_SEQ_API
G_DECLARE_INTERFACE (GstSeqMemoryProvider, gst_seq_memory_provider, GST, SEQ_MEMORY_PROVIDER,
    GObject)

/**
 * GstSeqMemoryProviderInterface:
 * @parent: parent interface
 * @get_name: (nullable): short name for messages, e.g. "torch"; static or owned by the object
 * @query: fills @stats for the device; returns %FALSE when it cannot tell now
 * @trim: (nullable): gives unused memory back to the device; returns the bytes given back, or
 *     %GST_SEQ_MEMORY_UNKNOWN when it did so without knowing how many
 * @reset_peak: (nullable): lets @peak start again from the current @allocated
 *
 * What an application implements so that `cudamemguard` can watch and trim its allocator. All
 * functions are called from the streaming thread of the guard (or from the thread that calls its
 * action signals), one at a time, and must not block for long.
 */
struct _GstSeqMemoryProviderInterface
{
  GTypeInterface parent;

  const gchar *(*get_name) (GstSeqMemoryProvider * provider);
  gboolean (*query) (GstSeqMemoryProvider * provider, gint device_id, GstSeqMemoryStats * stats);
  guint64 (*trim) (GstSeqMemoryProvider * provider, gint device_id);
  void (*reset_peak) (GstSeqMemoryProvider * provider, gint device_id);
};

GST_SEQ_API
const gchar *gst_seq_memory_provider_get_name (GstSeqMemoryProvider * provider);

GST_SEQ_API
gboolean gst_seq_memory_provider_query (GstSeqMemoryProvider * provider, gint device_id,
    GstSeqMemoryStats * stats);

GST_SEQ_API
guint64 gst_seq_memory_provider_trim (GstSeqMemoryProvider * provider, gint device_id);

GST_SEQ_API
void gst_seq_memory_provider_reset_peak (GstSeqMemoryProvider * provider, gint device_id);

G_END_DECLS
