/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/seq.h>

G_BEGIN_DECLS

/* Where cudamemguard gets its numbers from and whom it asks to trim: GstSeqMemoryProvider objects,
 * and the signals `collect-stats` and `trim-request` of the element.
 *
 * Any thread may call any function. Providers are called one at a time. A provider or a signal
 * handler may add and remove providers, set properties and call action signals of the guard; what
 * it calls there does not ask the sources again but goes by the last sample. */

#define GUARD_SOURCE_NAME_SIZE 64

typedef struct
{
  GMutex list_lock;
  GPtrArray *providers;         /* replaced, never changed: who has a reference may read it */
  GMutex call_lock;             /* around every call into a provider */
  GstElement *element;          /* not owned */
  guint collect_signal;
  guint trim_signal;
} GuardSources;

typedef struct
{
  GstSeqMemoryStats memory;     /* sums over the sources; free and total: the smallest */
  gboolean from_pools;          /* pools told reserved and allocated, as nobody else did */
  gchar source[GUARD_SOURCE_NAME_SIZE]; /* names of those that answered, with +, or "none" */
} GuardSample;

/* Both signals are made for @klass, GstStructure *(*) (guard, device) and guint64 (*) (guard,
 * device). */
void guard_sources_install_signals (GObjectClass * klass, guint * collect, guint * trim);

void guard_sources_init (GuardSources * sources, GstElement * element, guint collect, guint trim);
void guard_sources_clear (GuardSources * sources);

/* FALSE when @provider is there already, or is not */
gboolean guard_sources_add (GuardSources * sources, GstSeqMemoryProvider * provider);
gboolean guard_sources_remove (GuardSources * sources, GstSeqMemoryProvider * provider);

void guard_sample_init (GuardSample * sample);

/* Adds what one source knows */
void guard_sample_add (GuardSample * sample, const gchar * name, const GstSeqMemoryStats * memory);

/* The sum of two sizes, of which one that is unknown counts for nothing */
guint64 guard_sum_known (guint64 a, guint64 b);

/* FALSE, with @sample untouched, when the caller is called by a source itself */
gboolean guard_sources_sample (GuardSources * sources, gint device, GuardSample * sample);

/* Asks all to trim. Returns the bytes given back, GST_SEQ_MEMORY_UNKNOWN when nobody knows; 0 when
 * the caller is called by a source itself. */
guint64 guard_sources_trim (GuardSources * sources, gint device);

void guard_sources_reset_peak (GuardSources * sources, gint device);

G_END_DECLS
