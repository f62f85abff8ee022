/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "block-cache.h"

G_BEGIN_DECLS

/* Memory for buffers in page-locked host memory. Memory that is let go of is kept for the next
 * buffers. Where no more may be or can be page-locked, it gives system memory instead, and
 * `warn` is called, once. */

#define CUDA_TYPE_PINNED_ALLOCATOR (cuda_pinned_allocator_get_type ())
G_DECLARE_FINAL_TYPE (CudaPinnedAllocator, cuda_pinned_allocator, CUDA, PINNED_ALLOCATOR,
    GstAllocator)

/* @why: what went wrong, owned by the caller; from any thread that allocates */
typedef void (*CudaPinnedWarning) (gpointer data, const GError * why);

/* @max_size: bytes of page-locked memory at most, 0 = no limit */
GstAllocator *cuda_pinned_allocator_new (CudaDevice * device, guint64 max_size);

/* @data is only used until it is replaced; NULL for @warn = tell nobody */
void cuda_pinned_allocator_set_warning (GstAllocator * allocator, CudaPinnedWarning warn,
    gpointer data);

/* Allocates page-locked memory for @n buffers of @size bytes ahead, in one piece; fewer where not
 * all can be had. */
void cuda_pinned_allocator_reserve (GstAllocator * allocator, guint n, gsize size);

/* Is all of @memory page-locked, by an allocator of this type, also as a share or in memory that
 * wraps some of @allocator? */
gboolean cuda_pinned_allocator_knows (GstAllocator * allocator, GstMemory * memory);

void cuda_pinned_allocator_stats (GstAllocator * allocator, guint64 * size,
    guint64 * allocations);

G_END_DECLS
