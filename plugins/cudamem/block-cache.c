/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block-cache.h"

#include "numa.h"

#define PAGE ((gsize) 4096)

/* One allocation of the driver, cut into blocks of one size */
struct _MemoryRegion
{
  guint64 address;
  gsize size;
  guint n_blocks;
  guint n_used;
  gboolean reserved;            /* ahead: it gives way only where there is no memory without */
  MemoryBlock *blocks;
};

struct _BlockCache
{
  gint references;              /* atomic */
  CudaDevice *device;
  BlockKind kind;

  GMutex lock;
  guint64 max_size;             /* 0 = no limit; lower once the driver has given no more */
  GPtrArray *regions;           /* of MemoryRegion; few, so they are searched one by one */
  guint64 size;
  guint64 allocations;
};

/* ---- regions; with the context entered ---- */

static gboolean
allocate (BlockCache * self, gsize size, guint64 * address, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  CudamemNumaPolicy before;
  CUdeviceptr pointer = 0;
  void *data = NULL;
  gboolean ok;

  if (self->kind == BLOCK_DEVICE) {
    ok = cuda_check (driver->MemAlloc (&pointer, size), "cuMemAlloc", error);
    *address = pointer;
    return ok;
  }
  cudamem_numa_prefer (cuda_device_numa_node (self->device), &before);
  ok = cuda_check (driver->MemHostAlloc (&data, size, CU_MEMHOSTALLOC_PORTABLE), "cuMemHostAlloc",
      error);
  cudamem_numa_restore (&before);
  *address = GPOINTER_TO_SIZE (data);
  return ok;
}

static void
destroy_events (BlockCache * self, MemoryBlock * block)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  CUevent *events[] = { &block->started, &block->ready, &block->done };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (events); i++)
    if (*events[i] != NULL)
      driver->EventDestroy (*events[i]);
}

/* `done` comes from the consumer's stream and is never timed, which makes it cheaper */
static gboolean
create_events (BlockCache * self, MemoryBlock * block, GError ** error)
{
  const CudaDriver *driver = cuda_device_driver (self->device);

  return cuda_check (driver->EventCreate (&block->started, CU_EVENT_DEFAULT), "cuEventCreate",
      error)
      && cuda_check (driver->EventCreate (&block->ready, CU_EVENT_DEFAULT), "cuEventCreate", error)
      && cuda_check (driver->EventCreate (&block->done, CU_EVENT_DISABLE_TIMING), "cuEventCreate",
      error);
}

static void
region_free (BlockCache * self, MemoryRegion * region)
{
  const CudaDriver *driver = cuda_device_driver (self->device);
  guint i;

  for (i = 0; i < region->n_blocks; i++)
    destroy_events (self, &region->blocks[i]);
  if (self->kind == BLOCK_DEVICE)
    driver->MemFree (region->address);
  else
    driver->MemFreeHost (GSIZE_TO_POINTER (region->address));
  self->size -= region->size;
  g_free (region->blocks);
  g_free (region);
}

static gboolean
passes_limit (BlockCache * self, gsize size)
{
  return self->max_size > 0 && (self->size >= self->max_size
      || size > self->max_size - self->size);
}

/* @block_size: rounded already */
static MemoryRegion *
region_new (BlockCache * self, guint n, gsize block_size, GError ** error)
{
  MemoryRegion *region;
  gboolean ok = TRUE;
  guint64 address;
  gsize size;
  guint i;

  if (!g_size_checked_mul (&size, n, block_size) || passes_limit (self, size)) {
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL,
        "%u x %" G_GSIZE_FORMAT " bytes more than the %" G_GUINT64_FORMAT " in use pass the limit "
        "of %" G_GUINT64_FORMAT, n, block_size, self->size, self->max_size);
    return NULL;
  }
  if (!allocate (self, size, &address, error))
    return NULL;
  self->allocations++;
  self->size += size;

  region = g_new0 (MemoryRegion, 1);
  region->address = address;
  region->size = size;
  region->n_blocks = n;
  region->blocks = g_new0 (MemoryBlock, n);
  for (i = 0; i < n; i++) {
    region->blocks[i].region = region;
    region->blocks[i].address = address + i * block_size;
    region->blocks[i].size = block_size;
    if (self->kind == BLOCK_DEVICE)
      ok = ok && create_events (self, &region->blocks[i], error);
  }
  if (ok)
    g_ptr_array_add (self->regions, region);
  else
    region_free (self, region);
  return ok ? region : NULL;
}

/* Frees a region that nobody uses. FALSE if there is none. */
static gboolean
evict_locked (BlockCache * self)
{
  MemoryRegion *region;
  guint i;

  for (i = 0; i < self->regions->len; i++) {
    region = g_ptr_array_index (self->regions, i);
    if (region->n_used == 0) {
      g_ptr_array_remove_index (self->regions, i);
      region_free (self, region);
      return TRUE;
    }
  }
  return FALSE;
}

/* A block that is made takes the place of free ones, which were all too small: where batches become
 * longer and longer, none of those would be used again. What was reserved stays. */
static void
replace_locked (BlockCache * self, gsize size)
{
  guint64 freed = 0;
  guint i = 0;

  while (i < self->regions->len && freed < size) {
    MemoryRegion *region = g_ptr_array_index (self->regions, i);

    if (region->n_used == 0 && !region->reserved) {
      freed += region->size;
      g_ptr_array_remove_index (self->regions, i);
      region_free (self, region);
    } else {
      i++;
    }
  }
}

/* ---- cache ---- */

BlockCache *
block_cache_new (CudaDevice * device, BlockKind kind, guint64 max_size)
{
  BlockCache *self = g_new0 (BlockCache, 1);

  self->references = 1;
  self->device = cuda_device_ref (device);
  self->kind = kind;
  self->max_size = max_size;
  self->regions = g_ptr_array_new ();
  g_mutex_init (&self->lock);
  return self;
}

BlockCache *
block_cache_ref (BlockCache * cache)
{
  g_atomic_int_inc (&cache->references);
  return cache;
}

void
block_cache_unref (BlockCache * cache)
{
  if (!g_atomic_int_dec_and_test (&cache->references))
    return;

  if (!cuda_driver_is_forked () && cache->regions->len > 0
      && cuda_device_enter_to_release (cache->device)) {
    while (evict_locked (cache));
    cuda_device_leave (cache->device);
  }
  g_ptr_array_unref (cache->regions);
  g_mutex_clear (&cache->lock);
  cuda_device_unref (cache->device);
  g_free (cache);
}

static gboolean
round_up (gsize size, gsize unit, gsize * rounded)
{
  if (!g_size_checked_add (rounded, MAX (size, 1), unit - 1))
    return FALSE;
  *rounded &= ~(unit - 1);
  return TRUE;
}

/* What is allocated for a batch of @size bytes: sizes of eight classes to each power of two, an
 * eighth more at most, so that batches that become longer don't need a new block each. */
static gsize
class_of (gsize size)
{
  gsize step = PAGE;

  while (step <= G_MAXSIZE / 32 && step * 16 < size)
    step *= 2;
  return size > G_MAXSIZE - step ? size : (size + step - 1) / step * step;
}

static guint
count_free_locked (BlockCache * self, gsize size)
{
  guint i, k, n = 0;

  for (i = 0; i < self->regions->len; i++) {
    MemoryRegion *region = g_ptr_array_index (self->regions, i);

    for (k = 0; k < region->n_blocks; k++)
      n += !region->blocks[k].in_use && region->blocks[k].size >= size;
  }
  return n;
}

static MemoryBlock *
find_free_locked (BlockCache * self, gsize size)
{
  MemoryBlock *best = NULL;
  guint i, k;

  for (i = 0; i < self->regions->len; i++) {
    MemoryRegion *region = g_ptr_array_index (self->regions, i);

    for (k = 0; k < region->n_blocks && region->n_used < region->n_blocks; k++) {
      MemoryBlock *block = &region->blocks[k];

      if (!block->in_use && block->size >= size && (best == NULL || block->size < best->size))
        best = block;
    }
  }
  return best;
}

guint
block_cache_reserve (BlockCache * cache, guint n, gsize size, GError ** error)
{
  GError *why = NULL;
  gsize block_size;
  guint have = 0;

  if (!round_up (size, BLOCK_ALIGNMENT, &block_size)) {
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL, "blocks of %" G_GSIZE_FORMAT
        " bytes", size);
    return 0;
  }
  g_mutex_lock (&cache->lock);
  have = count_free_locked (cache, block_size);
  if (have < n && cuda_device_enter (cache->device, have == 0 ? error : NULL)) {
    for (n -= have; n > 0; n /= 2) {
      MemoryRegion *region;

      g_clear_error (&why);
      region = region_new (cache, n, block_size, &why);
      if (region != NULL) {
        region->reserved = TRUE;
        break;
      }
    }
    have += n;
    if (have == 0)
      g_propagate_error (error, g_steal_pointer (&why));
    g_clear_error (&why);
    cuda_device_leave (cache->device);
  }
  g_mutex_unlock (&cache->lock);
  return have;
}

/* A call that fails is slow, and would be made for each batch: so much is not asked for again. */
static void
lower_limit_locked (BlockCache * self, gsize size)
{
  if (self->kind == BLOCK_PINNED && !passes_limit (self, size))
    self->max_size = self->size + size - 1;
}

static MemoryBlock *
make_block_locked (BlockCache * self, gsize size, GError ** error)
{
  MemoryRegion *region = NULL;
  GError *why = NULL;
  gsize block_size, class_size;

  /* no block has to give way to one that can't be had without any others either */
  if (!round_up (size, PAGE, &block_size)
      || (self->max_size > 0 && block_size > self->max_size)) {
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL, "no more blocks of %"
        G_GSIZE_FORMAT " bytes", size);
    return NULL;
  }
  if (!cuda_device_enter (self->device, error))
    return NULL;
  class_size = class_of (block_size);
  replace_locked (self, class_size);
  do {
    g_clear_error (&why);
    region = region_new (self, 1, class_size, &why);
    if (region == NULL && block_size < class_size) {
      g_clear_error (&why);
      region = region_new (self, 1, block_size, &why);
    }
  } while (region == NULL && evict_locked (self));
  cuda_device_leave (self->device);
  if (region != NULL) {
    g_clear_error (&why);
    return &region->blocks[0];
  }
  g_propagate_error (error, why);
  lower_limit_locked (self, block_size);
  return NULL;
}

MemoryBlock *
block_cache_acquire (BlockCache * cache, gsize size, GError ** error)
{
  MemoryBlock *block;

  g_mutex_lock (&cache->lock);
  block = find_free_locked (cache, size);
  if (block == NULL)
    block = make_block_locked (cache, size, error);
  if (block != NULL) {
    block->in_use = TRUE;
    block->region->n_used++;
    block->cache = block_cache_ref (cache);
  }
  g_mutex_unlock (&cache->lock);
  return block;
}

void
block_cache_release (MemoryBlock * block)
{
  BlockCache *cache = block->cache;

  g_mutex_lock (&cache->lock);
  block->in_use = FALSE;
  block->region->n_used--;
  block->cache = NULL;
  g_mutex_unlock (&cache->lock);
  block_cache_unref (cache);
}

gboolean
block_cache_contains (BlockCache * cache, guint64 address, gsize size)
{
  gboolean found = FALSE;
  guint i;

  g_mutex_lock (&cache->lock);
  for (i = 0; i < cache->regions->len && !found; i++) {
    MemoryRegion *region = g_ptr_array_index (cache->regions, i);

    found = address >= region->address && address - region->address <= region->size
        && size <= region->size - (address - region->address);
  }
  g_mutex_unlock (&cache->lock);
  return found;
}

void
block_cache_stats (BlockCache * cache, guint64 * size, guint64 * allocations)
{
  g_mutex_lock (&cache->lock);
  *size = cache->size;
  *allocations = cache->allocations;
  g_mutex_unlock (&cache->lock);
}
