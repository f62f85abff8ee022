/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "block-cache.h"

G_BEGIN_DECLS

/* Memory for buffers in device memory (GstSeqCudaMemory), filled by asynchronous copies in a
 * non-blocking stream of its own, in the order in which they are asked for.
 *
 * A map for reading downloads, once, into host memory of its own that stays until the memory is
 * let go of; a map for writing is copied back when it is unmapped. A map with GST_SEQ_MAP_CUDA
 * waits for the copy into the memory and gives the device pointer; unmapping it records that the
 * legacy default stream uses the memory. Memory that is let go of is filled again only after what
 * was recorded as done with it. */

#define CUDA_TYPE_DEVICE_ALLOCATOR (cuda_device_allocator_get_type ())
G_DECLARE_FINAL_TYPE (CudaDeviceAllocator, cuda_device_allocator, CUDA, DEVICE_ALLOCATOR,
    GstAllocator)

/* A piece of what is to be copied: @size bytes of host memory that go to @offset */
typedef struct
{
  gconstpointer data;
  gsize offset;
  gsize size;
} CudaUploadPart;

typedef struct
{
  guint64 uploads;              /* memories filled */
  guint64 size;                 /* bytes copied to the device */
  GstClockTime time;            /* that the device took to copy them, of those that are complete */
  guint64 device_size;          /* device memory held */
  guint64 allocations;          /* calls of the driver that allocated it */
} CudaUploadStats;

/* NULL, with @error, where the driver gives no context or stream */
GstAllocator *cuda_device_allocator_new (CudaDevice * device, GError ** error);

/* Allocates device memory for @n uploads of @size bytes ahead. What can't be had now is asked for
 * again when it is needed. */
void cuda_device_allocator_reserve (GstAllocator * allocator, guint n, gsize size);

/* Memory of @size bytes to which the parts are being copied; the call returns before they are
 * there (except for parts that are not page-locked, where the driver waits). @source is what the
 * parts lie in: it, or where it is of a pool its memory, is kept until the copy is complete. NULL
 * with @error: nothing is being copied then. */
GstMemory *cuda_device_allocator_upload (GstAllocator * allocator, gsize size,
    const CudaUploadPart * parts, guint n_parts, GstBuffer * source, GError ** error);

/* Lets go of the sources of copies that are complete, and waits until no more than @most are under
 * way, so that a host that is faster than the device takes no memory without end. FALSE when a copy
 * has failed: bytes that were thought to be on the device are not. All are let go of then. */
gboolean cuda_device_allocator_poll (GstAllocator * allocator, guint most, GError ** error);

void cuda_device_allocator_stats (GstAllocator * allocator, CudaUploadStats * stats);

G_END_DECLS
