/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device.h"

G_BEGIN_DECLS

/* Blocks of page-locked host memory, or of device memory, that are used again and again: both kinds
 * cost a driver call of up to milliseconds, which may also wait for the device, so a stream must
 * not need one for each batch, also where its batches become longer and longer. Blocks that are
 * reserved are of exactly the size, others an eighth larger at most. Any thread. */

typedef enum
{
  BLOCK_PINNED,                 /* cuMemHostAlloc, near the device where the host has NUMA nodes */
  BLOCK_DEVICE,                 /* cuMemAlloc, with events for each block */
} BlockKind;

typedef struct _BlockCache BlockCache;
typedef struct _MemoryRegion MemoryRegion;

typedef struct
{
  BlockCache *cache;            /* a reference while the block is in use */
  MemoryRegion *region;
  guint64 address;              /* of its first byte, aligned to BLOCK_ALIGNMENT */
  gsize size;
  gboolean in_use;

  /* BLOCK_DEVICE: the copy into it started, is complete, and the consumer is done with it. Who
   * fills the block has its stream wait for `done` first; never recorded is no wait. */
  CUevent started;
  CUevent ready;
  CUevent done;
} MemoryBlock;

#define BLOCK_ALIGNMENT 256

/* @max_size: bytes of all blocks together, 0 = no limit */
BlockCache *block_cache_new (CudaDevice * device, BlockKind kind, guint64 max_size);
BlockCache *block_cache_ref (BlockCache * cache);

/* Frees the memory with the last reference. In a forked child nothing is freed. */
void block_cache_unref (BlockCache * cache);

/* Allocates @n blocks of @size bytes in one piece; where that fails, or passes the limit, half as
 * many, and so on. Blocks that are free and of that size at least count. Returns how many there
 * are then, 0 with @error if there is none. */
guint block_cache_reserve (BlockCache * cache, guint n, gsize size, GError ** error);

/* The smallest free block of at least @size bytes, or a new one, for which as much of what is free,
 * and too small, gives way; where the limit or the driver doesn't allow a new one all of it, also
 * what was reserved. Page-locked memory
 * that the driver has refused in spite of that is not asked for again, only less. */
MemoryBlock *block_cache_acquire (BlockCache * cache, gsize size, GError ** error);
void block_cache_release (MemoryBlock * block);

/* Does the range lie in one of its blocks? */
gboolean block_cache_contains (BlockCache * cache, guint64 address, gsize size);

/* Bytes held now, and calls of the driver that allocated them so far */
void block_cache_stats (BlockCache * cache, guint64 * size, guint64 * allocations);

G_END_DECLS
