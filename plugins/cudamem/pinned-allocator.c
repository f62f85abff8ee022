/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pinned-allocator.h"

#define MEMORY_TYPE "SeqPinnedMemory"

struct _CudaPinnedAllocator
{
  GstAllocator parent;
  BlockCache *cache;

  GMutex lock;
  CudaPinnedWarning warn;
  gpointer warn_data;
  gboolean warned;
};

typedef struct
{
  GstMemory memory;
  MemoryBlock *block;           /* NULL in a share */
  guint8 *data;
} PinnedMemory;

G_DEFINE_TYPE (CudaPinnedAllocator, cuda_pinned_allocator, GST_TYPE_ALLOCATOR)

/* ---- memory ---- */

static gpointer
pinned_map (GstMemory * memory, gsize size, GstMapFlags flags)
{
  return ((PinnedMemory *) memory)->data;
}

static void
pinned_unmap (GstMemory * memory)
{
}

static GstMemory *
pinned_share (GstMemory * memory, gssize offset, gssize size)
{
  GstMemory *parent = memory->parent != NULL ? memory->parent : memory;
  PinnedMemory *share = g_slice_new0 (PinnedMemory);

  if (size == -1)
    size = (gssize) memory->size - offset;
  share->data = ((PinnedMemory *) memory)->data;
  gst_memory_init (GST_MEMORY_CAST (share),
      GST_MINI_OBJECT_FLAGS (parent) | GST_MINI_OBJECT_FLAG_LOCK_READONLY, memory->allocator, parent,
      memory->maxsize, memory->align, memory->offset + offset, size);
  return GST_MEMORY_CAST (share);
}

static void
warn_once (CudaPinnedAllocator * self, const GError * why)
{
  g_mutex_lock (&self->lock);
  if (!self->warned && self->warn != NULL)
    self->warn (self->warn_data, why);
  self->warned = TRUE;
  g_mutex_unlock (&self->lock);
}

static GstMemory *
pinned_alloc (GstAllocator * allocator, gsize size, GstAllocationParams * params)
{
  CudaPinnedAllocator *self = CUDA_PINNED_ALLOCATOR (allocator);
  gsize align = params->align | gst_memory_alignment, maxsize, shift = 0;
  GError *why = NULL;
  MemoryBlock *block;
  PinnedMemory *memory;

  if (!g_size_checked_add (&maxsize, size, params->prefix)
      || !g_size_checked_add (&maxsize, maxsize, params->padding)
      /* a block is aligned to BLOCK_ALIGNMENT; who wants more gets a block with room for it */
      || (align >= BLOCK_ALIGNMENT && !g_size_checked_add (&maxsize, maxsize, align)))
    return NULL;
  block = block_cache_acquire (self->cache, maxsize, &why);
  if (block == NULL) {
    warn_once (self, why);
    g_error_free (why);
    return gst_allocator_alloc (NULL, size, params);
  }
  if (align >= BLOCK_ALIGNMENT) {
    shift = -block->address & align;
    maxsize -= align;
  }
  memory = g_slice_new0 (PinnedMemory);
  memory->block = block;
  memory->data = GSIZE_TO_POINTER (block->address + shift);
  gst_memory_init (GST_MEMORY_CAST (memory), params->flags, allocator, NULL, maxsize, align,
      params->prefix, size);
  if (params->prefix > 0 && params->flags & GST_MEMORY_FLAG_ZERO_PREFIXED)
    memset (memory->data, 0, params->prefix);
  if (params->padding > 0 && params->flags & GST_MEMORY_FLAG_ZERO_PADDED)
    memset (memory->data + params->prefix + size, 0, params->padding);
  return GST_MEMORY_CAST (memory);
}

static void
pinned_free (GstAllocator * allocator, GstMemory * memory)
{
  PinnedMemory *self = (PinnedMemory *) memory;

  if (self->block != NULL)
    block_cache_release (self->block);
  g_slice_free (PinnedMemory, self);
}

/* ---- allocator ---- */

static void
cuda_pinned_allocator_finalize (GObject * object)
{
  CudaPinnedAllocator *self = CUDA_PINNED_ALLOCATOR (object);

  g_clear_pointer (&self->cache, block_cache_unref);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (cuda_pinned_allocator_parent_class)->finalize (object);
}

static void
cuda_pinned_allocator_class_init (CudaPinnedAllocatorClass * klass)
{
  G_OBJECT_CLASS (klass)->finalize = cuda_pinned_allocator_finalize;
  GST_ALLOCATOR_CLASS (klass)->alloc = pinned_alloc;
  GST_ALLOCATOR_CLASS (klass)->free = pinned_free;
}

static void
cuda_pinned_allocator_init (CudaPinnedAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR_CAST (self);

  g_mutex_init (&self->lock);
  allocator->mem_type = MEMORY_TYPE;
  allocator->mem_map = pinned_map;
  allocator->mem_unmap = pinned_unmap;
  allocator->mem_share = pinned_share;
}

GstAllocator *
cuda_pinned_allocator_new (CudaDevice * device, guint64 max_size)
{
  CudaPinnedAllocator *self = g_object_new (CUDA_TYPE_PINNED_ALLOCATOR, NULL);

  gst_object_ref_sink (self);
  self->cache = block_cache_new (device, BLOCK_PINNED, max_size);
  return GST_ALLOCATOR_CAST (self);
}

void
cuda_pinned_allocator_set_warning (GstAllocator * allocator, CudaPinnedWarning warn, gpointer data)
{
  CudaPinnedAllocator *self = CUDA_PINNED_ALLOCATOR (allocator);

  g_mutex_lock (&self->lock);
  self->warn = warn;
  self->warn_data = data;
  g_mutex_unlock (&self->lock);
}

void
cuda_pinned_allocator_reserve (GstAllocator * allocator, guint n, gsize size)
{
  CudaPinnedAllocator *self = CUDA_PINNED_ALLOCATOR (allocator);
  GError *why = NULL;

  if (block_cache_reserve (self->cache, n, size, &why) == 0) {
    warn_once (self, why);
    g_error_free (why);
  }
}

gboolean
cuda_pinned_allocator_knows (GstAllocator * allocator, GstMemory * memory)
{
  CudaPinnedAllocator *self = CUDA_PINNED_ALLOCATOR (allocator);
  GstMapInfo map;
  gboolean known;

  /* another's is as good */
  if (CUDA_IS_PINNED_ALLOCATOR (memory->allocator))
    return TRUE;
  /* a mapping of system memory costs nothing, and others are not wrapped pinned memory */
  if (!gst_memory_is_type (memory, GST_ALLOCATOR_SYSMEM)
      || !gst_memory_map (memory, &map, GST_MAP_READ))
    return FALSE;
  known = block_cache_contains (self->cache, GPOINTER_TO_SIZE (map.data), map.size);
  gst_memory_unmap (memory, &map);
  return known;
}

void
cuda_pinned_allocator_stats (GstAllocator * allocator, guint64 * size, guint64 * allocations)
{
  block_cache_stats (CUDA_PINNED_ALLOCATOR (allocator)->cache, size, allocations);
}
