/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/seq.h>

#include "driver.h"

G_BEGIN_DECLS

/* A small reference allocator with the rules of PyTorch's native caching allocator, for tests and
 * comparisons of what the guard does. Requests are rounded to 512 bytes. Those of at most 1 MiB
 * come from segments of 2 MiB, those under 10 MiB from segments of 20 MiB, larger ones have a
 * segment of their own, rounded to 2 MiB. The smallest free block that fits is taken, and split
 * when the rest is worth it; neighbours that are free become one again. Segments stay until the
 * cache is emptied, or until cuMemAlloc fails: then all that are wholly free go back and it is
 * tried once more.
 *
 * It retains the primary context of its device and enters it itself. Any thread. */

typedef struct _CachingAllocator CachingAllocator;

/* All in bytes, but for the counters */
typedef struct
{
  guint64 allocated;            /* in blocks that are in use */
  guint64 peak;                 /* highest `allocated` since the last reset */
  guint64 reserved;             /* in segments */
  guint64 peak_reserved;        /* highest `reserved` since the last reset */
  guint64 inactive_split;       /* free, but in a segment that is in use: stranded */
  guint64 releasable;           /* in segments that are wholly free */
  guint64 device_allocs;        /* calls of cuMemAlloc that succeeded */
  guint64 retries;              /* failures of cuMemAlloc after which the cache was emptied */
  guint64 ooms;                 /* requests that failed even so */
} CachingStats;

/* NULL where the context can't be retained */
CachingAllocator *caching_allocator_new (const CudaDriver * driver, gint ordinal);

/* Gives everything back to the device, also what is in use */
void caching_allocator_free (CachingAllocator * allocator);

/* A size of 0 is an error. CUDA_ERROR_OUT_OF_MEMORY when nothing helps */
CUresult caching_allocator_alloc (CachingAllocator * allocator, gsize size, CUdeviceptr * pointer);
void caching_allocator_release (CachingAllocator * allocator, CUdeviceptr pointer);

/* Bytes given back */
guint64 caching_allocator_empty_cache (CachingAllocator * allocator);
void caching_allocator_get_stats (CachingAllocator * allocator, CachingStats * stats);
void caching_allocator_reset_peak (CachingAllocator * allocator);

/* The allocator as what the guard watches: provider "caching". The allocator must outlive it. */
#define TYPE_CACHING_PROVIDER (caching_provider_get_type ())
G_DECLARE_FINAL_TYPE (CachingProvider, caching_provider, CACHING, PROVIDER, GObject)

GstSeqMemoryProvider *caching_provider_new (CachingAllocator * allocator);

G_END_DECLS
