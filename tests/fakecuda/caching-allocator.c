/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caching-allocator.h"

#define MIB ((gsize) 1 << 20)
#define GRAIN ((gsize) 512)
#define SMALL_SIZE MIB
#define SMALL_SEGMENT (2 * MIB)
#define LARGE_SIZE (10 * MIB)
#define LARGE_SEGMENT (20 * MIB)
#define SEGMENT_GRAIN (2 * MIB)

/* A segment is a list of blocks that lie side by side */
typedef struct _Block Block;
struct _Block
{
  CUdeviceptr pointer;
  gsize size;
  gboolean is_small, in_use;
  Block *previous, *next;       /* neighbours in the segment */
};

struct _CachingAllocator
{
  const CudaDriver *driver;
  gint ordinal;
  CUdevice device;
  CUcontext context;

  GMutex lock;                  /* of what follows */
  GTree *free_small, *free_large;       /* of Block, by size, then address */
  GHashTable *used;             /* of Block, by the address in it */
  CachingStats stats;
};

static gint
compare_blocks (gconstpointer a, gconstpointer b, gpointer data)
{
  const Block *x = a, *y = b;

  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  return x->pointer < y->pointer ? -1 : x->pointer > y->pointer;
}

static guint
hash_block (gconstpointer key)
{
  return (guint) (((const Block *) key)->pointer >> 9);
}

static gboolean
equal_blocks (gconstpointer a, gconstpointer b)
{
  return ((const Block *) a)->pointer == ((const Block *) b)->pointer;
}

static GTree *
free_blocks (CachingAllocator * self, gboolean is_small)
{
  return is_small ? self->free_small : self->free_large;
}

static void
enter (CachingAllocator * self)
{
  self->driver->CtxPushCurrent (self->context);
}

static void
leave (CachingAllocator * self)
{
  CUcontext context;

  self->driver->CtxPopCurrent (&context);
}

/* ---- segments ---- */

static CUresult
device_alloc (CachingAllocator * self, gsize size, CUdeviceptr * pointer)
{
  CUresult result;

  enter (self);
  result = self->driver->MemAlloc (pointer, size);
  leave (self);
  return result;
}

static gboolean
collect_free_segment (gpointer key, gpointer value, gpointer data)
{
  Block *block = key;

  if (block->previous == NULL && block->next == NULL)
    g_ptr_array_add (data, block);
  return FALSE;
}

/* Gives back all segments that are wholly free. What can't be freed is lost, with its context. */
static guint64
empty_cache_locked (CachingAllocator * self)
{
  GPtrArray *segments = g_ptr_array_new ();
  guint64 freed = 0;
  guint i;

  g_tree_foreach (self->free_small, collect_free_segment, segments);
  g_tree_foreach (self->free_large, collect_free_segment, segments);
  enter (self);
  for (i = 0; i < segments->len; i++) {
    Block *block = g_ptr_array_index (segments, i);

    self->driver->MemFree (block->pointer);
    freed += block->size;
    g_tree_remove (free_blocks (self, block->is_small), block);
    g_free (block);
  }
  leave (self);
  g_ptr_array_unref (segments);
  self->stats.reserved -= freed;
  return freed;
}

static gsize
segment_size (gsize size)
{
  if (size <= SMALL_SIZE)
    return SMALL_SEGMENT;
  if (size < LARGE_SIZE)
    return LARGE_SEGMENT;
  return (size + SEGMENT_GRAIN - 1) / SEGMENT_GRAIN * SEGMENT_GRAIN;
}

/* A new segment for @size bytes, as one free block that is in no tree */
static CUresult
new_segment (CachingAllocator * self, gsize size, Block ** block)
{
  gsize whole = segment_size (size);
  CUdeviceptr pointer = 0;
  CUresult result = device_alloc (self, whole, &pointer);

  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    self->stats.retries++;
    empty_cache_locked (self);
    result = device_alloc (self, whole, &pointer);
  }
  if (result != CUDA_SUCCESS) {
    self->stats.ooms += result == CUDA_ERROR_OUT_OF_MEMORY;
    return result;
  }
  *block = g_new0 (Block, 1);
  (*block)->pointer = pointer;
  (*block)->size = whole;
  (*block)->is_small = size <= SMALL_SIZE;
  self->stats.device_allocs++;
  self->stats.reserved += whole;
  self->stats.peak_reserved = MAX (self->stats.peak_reserved, self->stats.reserved);
  return CUDA_SUCCESS;
}

/* ---- blocks ---- */

/* Takes the smallest free block that fits out of its tree */
static Block *
take_free (CachingAllocator * self, gsize size)
{
  GTree *tree = free_blocks (self, size <= SMALL_SIZE);
  Block least = { 0, size };
  GTreeNode *node = g_tree_lower_bound (tree, &least);
  Block *block;

  if (node == NULL)
    return NULL;
  block = g_tree_node_key (node);
  g_tree_remove (tree, block);
  return block;
}

static gboolean
is_worth_splitting (const Block * block, gsize size)
{
  gsize rest = block->size - size;

  return block->is_small ? rest >= GRAIN : rest > SMALL_SIZE;
}

static void
split (CachingAllocator * self, Block * block, gsize size)
{
  Block *rest = g_new0 (Block, 1);

  rest->pointer = block->pointer + size;
  rest->size = block->size - size;
  rest->is_small = block->is_small;
  rest->previous = block;
  rest->next = block->next;
  if (rest->next != NULL)
    rest->next->previous = rest;
  block->next = rest;
  block->size = size;
  g_tree_insert (free_blocks (self, rest->is_small), rest, rest);
}

/* @block becomes one with its neighbour @next; neither is in a tree */
static void
merge_next (Block * block, Block * next)
{
  block->size += next->size;
  block->next = next->next;
  if (block->next != NULL)
    block->next->previous = block;
  g_free (next);
}

static void
release_locked (CachingAllocator * self, Block * block)
{
  GTree *tree = free_blocks (self, block->is_small);

  block->in_use = FALSE;
  self->stats.allocated -= block->size;
  if (block->next != NULL && !block->next->in_use) {
    g_tree_remove (tree, block->next);
    merge_next (block, block->next);
  }
  if (block->previous != NULL && !block->previous->in_use) {
    Block *previous = block->previous;

    g_tree_remove (tree, previous);
    merge_next (previous, block);
    block = previous;
  }
  g_tree_insert (tree, block, block);
}

CUresult
caching_allocator_alloc (CachingAllocator * self, gsize size, CUdeviceptr * pointer)
{
  CUresult result = CUDA_SUCCESS;
  Block *block;

  if (size == 0 || size > G_MAXSIZE - SEGMENT_GRAIN)
    return CUDA_ERROR_INVALID_VALUE;
  size = (size + GRAIN - 1) / GRAIN * GRAIN;

  g_mutex_lock (&self->lock);
  block = take_free (self, size);
  if (block == NULL)
    result = new_segment (self, size, &block);
  if (result == CUDA_SUCCESS) {
    if (is_worth_splitting (block, size))
      split (self, block, size);
    block->in_use = TRUE;
    g_hash_table_add (self->used, block);
    self->stats.allocated += block->size;
    self->stats.peak = MAX (self->stats.peak, self->stats.allocated);
    *pointer = block->pointer;
  }
  g_mutex_unlock (&self->lock);
  return result;
}

void
caching_allocator_release (CachingAllocator * self, CUdeviceptr pointer)
{
  Block key = { pointer };
  Block *block;

  g_mutex_lock (&self->lock);
  block = g_hash_table_lookup (self->used, &key);
  g_assert (block != NULL);
  g_hash_table_remove (self->used, block);
  release_locked (self, block);
  g_mutex_unlock (&self->lock);
}

guint64
caching_allocator_empty_cache (CachingAllocator * self)
{
  guint64 freed;

  g_mutex_lock (&self->lock);
  freed = empty_cache_locked (self);
  g_mutex_unlock (&self->lock);
  return freed;
}

/* ---- statistics ---- */

static gboolean
add_free_block (gpointer key, gpointer value, gpointer data)
{
  const Block *block = key;
  CachingStats *stats = data;

  if (block->previous == NULL && block->next == NULL)
    stats->releasable += block->size;
  else
    stats->inactive_split += block->size;
  return FALSE;
}

void
caching_allocator_get_stats (CachingAllocator * self, CachingStats * stats)
{
  g_mutex_lock (&self->lock);
  *stats = self->stats;
  g_tree_foreach (self->free_small, add_free_block, stats);
  g_tree_foreach (self->free_large, add_free_block, stats);
  g_mutex_unlock (&self->lock);
}

void
caching_allocator_reset_peak (CachingAllocator * self)
{
  g_mutex_lock (&self->lock);
  self->stats.peak = self->stats.allocated;
  self->stats.peak_reserved = self->stats.reserved;
  g_mutex_unlock (&self->lock);
}

/* ---- life ---- */

CachingAllocator *
caching_allocator_new (const CudaDriver * driver, gint ordinal)
{
  CachingAllocator *self;
  CUdevice device;
  CUcontext context;

  if (driver->DeviceGet (&device, ordinal) != CUDA_SUCCESS
      || driver->DevicePrimaryCtxRetain (&context, device) != CUDA_SUCCESS)
    return NULL;
  self = g_new0 (CachingAllocator, 1);
  self->driver = driver;
  self->ordinal = ordinal;
  self->device = device;
  self->context = context;
  g_mutex_init (&self->lock);
  self->free_small = g_tree_new_full (compare_blocks, NULL, NULL, NULL);
  self->free_large = g_tree_new_full (compare_blocks, NULL, NULL, NULL);
  self->used = g_hash_table_new (hash_block, equal_blocks);
  return self;
}

void
caching_allocator_free (CachingAllocator * self)
{
  GHashTableIter used;
  gpointer block;

  g_hash_table_iter_init (&used, self->used);
  while (g_hash_table_iter_next (&used, &block, NULL))
    release_locked (self, block);
  empty_cache_locked (self);
  g_hash_table_unref (self->used);
  g_tree_unref (self->free_small);
  g_tree_unref (self->free_large);
  self->driver->DevicePrimaryCtxRelease (self->device);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- provider ---- */

struct _CachingProvider
{
  GObject parent;
  CachingAllocator *allocator;
};

static void caching_provider_implement (GstSeqMemoryProviderInterface * iface);

G_DEFINE_TYPE_WITH_CODE (CachingProvider, caching_provider, G_TYPE_OBJECT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_SEQ_MEMORY_PROVIDER, caching_provider_implement))

static const gchar *
caching_provider_name (GstSeqMemoryProvider * provider)
{
  return "caching";
}

static gboolean
caching_provider_query (GstSeqMemoryProvider * provider, gint device_id,
    GstSeqMemoryStats * stats)
{
  CachingAllocator *allocator = CACHING_PROVIDER (provider)->allocator;
  CachingStats own;

  if (device_id != allocator->ordinal)
    return FALSE;
  caching_allocator_get_stats (allocator, &own);
  stats->allocated = own.allocated;
  stats->reserved = own.reserved;
  stats->peak = own.peak;
  stats->releasable = own.releasable;
  return TRUE;
}

static guint64
caching_provider_trim (GstSeqMemoryProvider * provider, gint device_id)
{
  CachingAllocator *allocator = CACHING_PROVIDER (provider)->allocator;

  return device_id == allocator->ordinal ? caching_allocator_empty_cache (allocator) : 0;
}

static void
caching_provider_reset_peak (GstSeqMemoryProvider * provider, gint device_id)
{
  CachingAllocator *allocator = CACHING_PROVIDER (provider)->allocator;

  if (device_id == allocator->ordinal)
    caching_allocator_reset_peak (allocator);
}

static void
caching_provider_implement (GstSeqMemoryProviderInterface * iface)
{
  iface->get_name = caching_provider_name;
  iface->query = caching_provider_query;
  iface->trim = caching_provider_trim;
  iface->reset_peak = caching_provider_reset_peak;
}

static void
caching_provider_class_init (CachingProviderClass * klass)
{
}

static void
caching_provider_init (CachingProvider * self)
{
}

GstSeqMemoryProvider *
caching_provider_new (CachingAllocator * allocator)
{
  CachingProvider *self = g_object_new (TYPE_CACHING_PROVIDER, NULL);

  self->allocator = allocator;
  return GST_SEQ_MEMORY_PROVIDER (self);
}
