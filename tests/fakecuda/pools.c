/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <string.h>

/* Pools of stream-ordered memory. A pool takes chunks of 32 MiB (or more, for what is larger) and
 * divides them into blocks. A freed block can be had again at once in the stream that freed it, or
 * in one that waits for that; elsewhere when the free has come about. */

#define CHUNK ((gsize) 32 << 20)
#define GRAIN ((gsize) 512)

enum
{
  REUSE_FOLLOW_EVENTS = 1,      /* numbers of the attributes */
  REUSE_OPPORTUNISTIC = 2,
  REUSE_INTERNAL = 3,
  N_REUSE = 4
};

typedef enum
{
  BLOCK_FREE,
  BLOCK_USED,
  BLOCK_FREEING,                /* free when `stream` gets to `time` */
} BlockState;

typedef struct
{
  CUdeviceptr start;
  gsize size;
  BlockState state;
  FakeStream *stream;
  guint64 time;
} Block;

typedef struct
{
  CUdeviceptr start;
  gsize size;
  GArray *blocks;               /* of Block, by address; they fill it */
} Chunk;

struct _FakePool
{
  FakeObject object;
  FakeDevice *device;
  GPtrArray *chunks;            /* of Chunk */
  guint64 threshold;
  gsize reserved, reserved_high, used, used_high;
  guint64 next_free;            /* time of the first free that has not come about, or before */
  gint reuse[N_REUSE];
};

/* ---- life ---- */

static void
chunk_free (gpointer data)
{
  Chunk *chunk = data;

  g_array_unref (chunk->blocks);
  g_free (chunk);
}

static void
pool_clear (gpointer pool)
{
  g_ptr_array_unref (((FakePool *) pool)->chunks);
}

static FakePool *
pool_new (FakeDevice * device)
{
  FakePool *pool = g_new0 (FakePool, 1);

  pool->device = device;
  pool->chunks = g_ptr_array_new_with_free_func (chunk_free);
  pool->reuse[REUSE_FOLLOW_EVENTS] = pool->reuse[REUSE_OPPORTUNISTIC] = 1;
  pool->reuse[REUSE_INTERNAL] = 1;
  fake_object_add (pool, FAKE_POOL, NULL, pool_clear);
  return pool;
}

/* It is the device's, not the application's, so it doesn't count as alive */
void
fake_pool_init_default (FakeDevice * device)
{
  device->default_pool = device->current_pool = pool_new (device);
  fake.alive[FAKE_POOL]--;
}

/* ---- chunks ---- */

static void
use (FakePool * pool, gsize size)
{
  pool->used += size;
  pool->used_high = MAX (pool->used_high, pool->used);
}

static gboolean
add_chunk (FakePool * pool, gsize size)
{
  gsize whole = (size + CHUNK - 1) / CHUNK * CHUNK;
  CUdeviceptr start = fake_space_take (pool->device, whole);
  Block block = { start, whole };
  Chunk *chunk;

  if (start == 0)
    return FALSE;
  chunk = g_new0 (Chunk, 1);
  chunk->start = start;
  chunk->size = whole;
  chunk->blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  g_array_append_val (chunk->blocks, block);
  g_ptr_array_add (pool->chunks, chunk);
  pool->reserved += whole;
  pool->reserved_high = MAX (pool->reserved_high, pool->reserved);
  return TRUE;
}

/* Free neighbours become one block */
static void
coalesce (Chunk * chunk)
{
  guint i = 1;

  while (i < chunk->blocks->len) {
    Block *before = &g_array_index (chunk->blocks, Block, i - 1);
    Block *block = &g_array_index (chunk->blocks, Block, i);

    if (before->state == BLOCK_FREE && block->state == BLOCK_FREE) {
      before->size += block->size;
      g_array_remove_index (chunk->blocks, i);
    } else {
      i++;
    }
  }
}

/* What streams have freed by now is free */
static void
settle (FakePool * pool)
{
  guint i, k;

  if (pool->next_free > fake.clock)
    return;
  pool->next_free = G_MAXUINT64;
  for (i = 0; i < pool->chunks->len; i++) {
    Chunk *chunk = g_ptr_array_index (pool->chunks, i);
    gboolean is_changed = FALSE;

    for (k = 0; k < chunk->blocks->len; k++) {
      Block *block = &g_array_index (chunk->blocks, Block, k);

      if (block->state != BLOCK_FREEING)
        continue;
      if (block->time > fake.clock) {
        pool->next_free = MIN (pool->next_free, block->time);
        continue;
      }
      block->state = BLOCK_FREE;
      pool->used -= block->size;
      is_changed = TRUE;
    }
    if (is_changed)
      coalesce (chunk);
  }
}

/* Gives chunks back of which nothing is in use, but leaves at least @keep bytes */
static void
release_chunks (FakePool * pool, guint64 keep)
{
  guint i = pool->chunks->len;

  while (i-- > 0 && pool->reserved > keep) {
    Chunk *chunk = g_ptr_array_index (pool->chunks, i);

    if (chunk->blocks->len > 1 || g_array_index (chunk->blocks, Block, 0).state != BLOCK_FREE
        || pool->reserved - chunk->size < keep)
      continue;
    fake_space_give (pool->device, chunk->start, chunk->size);
    pool->reserved -= chunk->size;
    g_ptr_array_remove_index (pool->chunks, i);
  }
}

void
fake_pools_synchronised (void)
{
  guint i;

  for (i = 0; i < fake.objects[FAKE_POOL]->len; i++) {
    FakePool *pool = g_ptr_array_index (fake.objects[FAKE_POOL], i);

    if (!pool->object.is_alive)
      continue;
    settle (pool);
    release_chunks (pool, pool->threshold);
  }
}

/* ---- blocks ---- */

static gboolean
is_usable (FakePool * pool, const Block * block, FakeStream * stream)
{
  switch (block->state) {
    case BLOCK_FREE:
      /* freed by a stream long ago, or never used */
      return block->stream == NULL || pool->reuse[REUSE_OPPORTUNISTIC]
          || fake_is_ordered (stream, block->stream, block->time);
    case BLOCK_FREEING:
      return block->stream == stream || (pool->reuse[REUSE_FOLLOW_EVENTS]
          && fake_is_ordered (stream, block->stream, block->time));
    default:
      return FALSE;
  }
}

/* The smallest that fits; *found_chunk: where. @any: also one that the stream must wait for */
static Block *
find_block (FakePool * pool, gsize size, FakeStream * stream, gboolean any, Chunk ** found_chunk)
{
  Block *best = NULL;
  guint i, k;

  for (i = 0; i < pool->chunks->len; i++) {
    Chunk *chunk = g_ptr_array_index (pool->chunks, i);

    for (k = 0; k < chunk->blocks->len; k++) {
      Block *block = &g_array_index (chunk->blocks, Block, k);

      if (block->size < size || (best != NULL && block->size >= best->size)
          || block->state == BLOCK_USED || (!any && !is_usable (pool, block, stream)))
        continue;
      best = block;
      *found_chunk = chunk;
    }
  }
  return best;
}

/* Uses the first @size bytes of a block */
static CUdeviceptr
take_block (FakePool * pool, Chunk * chunk, Block * block, gsize size, FakeStream * stream)
{
  CUdeviceptr start = block->start;
  Block rest = *block;

  if (block->state == BLOCK_FREEING) {
    pool->used -= size;
    if (!fake_is_ordered (stream, block->stream, block->time))
      fake_stream_follow (stream, block->stream, block->time);
  }
  block->state = BLOCK_USED;
  use (pool, size);
  if (block->size > size) {
    guint index = (guint) (block - (Block *) (gpointer) chunk->blocks->data);

    block->size = size;
    rest.start += size;
    rest.size -= size;
    g_array_insert_val (chunk->blocks, index + 1, rest);
  }
  return start;
}

static CUresult
pool_alloc (FakePool * pool, gsize size, FakeStream * stream, CUdeviceptr * pointer)
{
  gsize rounded = (size + GRAIN - 1) / GRAIN * GRAIN;
  Chunk *chunk = NULL;
  Block *block;
  FakeRange *range;

  fake_stream_prepare (stream);
  settle (pool);
  block = find_block (pool, rounded, stream, FALSE, &chunk);
  if (block == NULL && !add_chunk (pool, rounded)) {
    release_chunks (pool, 0);
    if (!add_chunk (pool, rounded) && pool->reuse[REUSE_INTERNAL])
      block = find_block (pool, rounded, stream, TRUE, &chunk);
  }
  if (block == NULL)
    block = find_block (pool, rounded, stream, FALSE, &chunk);
  if (block == NULL)
    return CUDA_ERROR_OUT_OF_MEMORY;

  *pointer = take_block (pool, chunk, block, rounded, stream);
  stream->tail = MAX (stream->tail, fake.clock);
  range = fake_range_add (FAKE_RANGE_POOL, *pointer, size);
  range->pool = pool;
  range->stream = stream;
  range->time = stream->tail;
  return CUDA_SUCCESS;
}

/* The block that holds the memory; *found_chunk: where */
static Block *
find_used (FakePool * pool, CUdeviceptr start, Chunk ** found_chunk)
{
  guint i, k;

  for (i = 0; i < pool->chunks->len; i++) {
    Chunk *chunk = g_ptr_array_index (pool->chunks, i);

    if (start < chunk->start || start - chunk->start >= chunk->size)
      continue;
    *found_chunk = chunk;
    for (k = 0; k < chunk->blocks->len; k++)
      if (g_array_index (chunk->blocks, Block, k).start == start)
        return &g_array_index (chunk->blocks, Block, k);
  }
  g_assert_not_reached ();
}

void
fake_pool_free_now (FakeRange * range)
{
  Chunk *chunk = NULL;
  Block *block = find_used (range->pool, range->start, &chunk);

  block->state = BLOCK_FREE;
  block->stream = NULL;
  range->pool->used -= block->size;
  coalesce (chunk);
}

/* ---- entry points: memory ---- */

static CUresult
alloc_async (CUdeviceptr * pointer, gsize size, FakePool * pool, CUstream handle)
{
  FakeStream *stream = fake_stream (handle);
  CUresult result;

  if (stream == NULL)
    return CUDA_ERROR_INVALID_HANDLE;
  if (size == 0) {
    fake_problem ("0 bytes");
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (pool == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  if (pool->device != stream->context->device) {
    fake_problem ("pool %u is of another device", pool->object.number);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (size > fake.config.total)
    return CUDA_ERROR_OUT_OF_MEMORY;
  result = fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS && stream->capture != NULL)
    result = fake_capture_break (stream, NULL); /* memory of graphs is not there */
  return result == CUDA_SUCCESS ? pool_alloc (pool, size, stream, pointer) : result;
}

CUresult
fake_MemAllocAsync (CUdeviceptr * pointer, size_t size, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemAllocAsync, size);

  if (result == CUDA_SUCCESS)
    result = alloc_async (pointer, size, fake_current ()->device->current_pool, stream);
  return fake_leave (result, "\"size\":%" G_GSIZE_FORMAT ",\"stream\":%u,\"memory\":%u", size,
      fake_number (stream), result == CUDA_SUCCESS ? fake_range_number (*pointer) : 0);
}

CUresult
fake_MemAllocFromPoolAsync (CUdeviceptr * pointer, size_t size, CUmemoryPool pool,
    CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemAllocFromPoolAsync, size);

  if (result == CUDA_SUCCESS)
    result = alloc_async (pointer, size, fake_object (pool, FAKE_POOL), stream);
  return fake_leave (result, "\"size\":%" G_GSIZE_FORMAT ",\"pool\":%u,\"stream\":%u,\"memory\":%u",
      size, fake_number (pool), fake_number (stream),
      result == CUDA_SUCCESS ? fake_range_number (*pointer) : 0);
}

static CUresult
free_async (CUdeviceptr pointer, CUstream handle)
{
  FakeStream *stream = fake_stream (handle);
  FakeRange *range = fake_range_at (pointer);
  Chunk *chunk;
  Block *block;
  CUresult result;

  if (stream == NULL)
    return CUDA_ERROR_INVALID_HANDLE;
  if (range == NULL || range->pool == NULL) {
    fake_problem ("0x%" G_GINT64_MODIFIER "x is no memory of a pool, or was freed before", pointer);
    return CUDA_ERROR_INVALID_VALUE;
  }
  result = fake_capture_check_work (stream);
  if (result == CUDA_SUCCESS && stream->capture != NULL)
    result = fake_capture_break (stream, NULL);
  if (result != CUDA_SUCCESS)
    return result;

  fake_stream_prepare (stream);
  fake_check_unused (range, stream, "freed");
  if (!fake_is_ordered (stream, range->stream, range->time))
    fake_problem ("memory %u is freed in a stream that has not waited for its allocation",
        range->number);
  stream->tail = MAX (stream->tail, fake.clock);
  block = find_used (range->pool, pointer, &chunk);
  block->state = BLOCK_FREEING;
  block->stream = stream;
  block->time = stream->tail;
  range->pool->next_free = MIN (range->pool->next_free, block->time);
  fake_range_remove (range);
  return CUDA_SUCCESS;
}

CUresult
fake_MemFreeAsync (CUdeviceptr pointer, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemFreeAsync, 0);
  guint number = fake_range_number (pointer);

  if (result == CUDA_SUCCESS)
    result = free_async (pointer, stream);
  return fake_leave (result, "\"memory\":%u,\"stream\":%u", number, fake_number (stream));
}

/* ---- entry points: pools ---- */

CUresult
fake_DeviceGetDefaultMemPool (CUmemoryPool * pool, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceGetDefaultMemPool, 0);
  FakeDevice *self = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    *pool = fake_handle (self->default_pool);
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DeviceGetMemPool (CUmemoryPool * pool, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceGetMemPool, 0);
  FakeDevice *self = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    *pool = fake_handle (self->current_pool);
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DeviceSetMemPool (CUdevice device, CUmemoryPool pool)
{
  CUresult result = fake_enter (FAKE_DeviceSetMemPool, 0);
  FakeDevice *self = NULL;
  FakePool *current = NULL;

  if (result == CUDA_SUCCESS && ((self = fake_device (device)) == NULL
          || (current = fake_object (pool, FAKE_POOL)) == NULL || current->device != self))
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS)
    self->current_pool = current;
  return fake_leave (result, "\"device\":%d,\"pool\":%u", device, fake_number (pool));
}

static CUresult
pool_create (CUmemoryPool * pool, const CudaMemPoolProps * props)
{
  static const unsigned char zero[sizeof props->reserved];
  FakeDevice *device;

  if (props->alloc_type != CU_MEM_ALLOCATION_TYPE_PINNED
      || props->location.type != CU_MEM_LOCATION_TYPE_DEVICE || props->max_size != 0
      || memcmp (props->reserved, zero, sizeof zero) != 0) {
    fake_problem ("properties that no pool has");
    return CUDA_ERROR_INVALID_VALUE;
  }
  device = fake_device (props->location.id);
  if (device == NULL)
    return CUDA_ERROR_INVALID_DEVICE;
  *pool = fake_handle (pool_new (device));
  return CUDA_SUCCESS;
}

CUresult
fake_MemPoolCreate (CUmemoryPool * pool, const CudaMemPoolProps * props)
{
  CUresult result = fake_enter (FAKE_MemPoolCreate, 0);

  if (result == CUDA_SUCCESS)
    result = pool_create (pool, props);
  return fake_leave (result, "\"device\":%d,\"pool\":%u", props->location.id,
      result == CUDA_SUCCESS ? fake_number (*pool) : 0);
}

/* A current pool that goes is replaced by the default one. */
static CUresult
pool_destroy (FakePool * pool)
{
  if (pool == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  if (pool == pool->device->default_pool) {
    fake_problem ("this is the default pool of device %d", pool->device->ordinal);
    return CUDA_ERROR_INVALID_VALUE;
  }
  settle (pool);
  if (pool->used > 0)
    fake_problem ("pool %u has %" G_GSIZE_FORMAT " bytes in use", pool->object.number, pool->used);
  release_chunks (pool, 0);
  if (pool->device->current_pool == pool)
    pool->device->current_pool = pool->device->default_pool;
  fake_object_remove (pool);
  return CUDA_SUCCESS;
}

CUresult
fake_MemPoolDestroy (CUmemoryPool pool)
{
  CUresult result = fake_enter (FAKE_MemPoolDestroy, 0);

  if (result == CUDA_SUCCESS)
    result = pool_destroy (fake_object (pool, FAKE_POOL));
  return fake_leave (result, "\"pool\":%u", fake_number (pool));
}

static CUresult
get_attribute (FakePool * pool, CUmemPool_attribute attribute, void *value)
{
  guint64 *bytes = value;

  if (pool == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  settle (pool);
  switch (attribute) {
    case REUSE_FOLLOW_EVENTS:
    case REUSE_OPPORTUNISTIC:
    case REUSE_INTERNAL:
      *(int *) value = pool->reuse[attribute];
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *bytes = pool->threshold;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
      *bytes = pool->reserved;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      *bytes = pool->reserved_high;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
      *bytes = pool->used;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      *bytes = pool->used_high;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult
fake_MemPoolGetAttribute (CUmemoryPool pool, CUmemPool_attribute attribute, void *value)
{
  CUresult result = fake_enter (FAKE_MemPoolGetAttribute, 0);

  if (result == CUDA_SUCCESS)
    result = get_attribute (fake_object (pool, FAKE_POOL), attribute, value);
  return fake_leave (result, "\"pool\":%u,\"attribute\":%d", fake_number (pool), attribute);
}

static CUresult
set_attribute (FakePool * pool, CUmemPool_attribute attribute, const void *value)
{
  if (pool == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  settle (pool);
  switch (attribute) {
    case REUSE_FOLLOW_EVENTS:
    case REUSE_OPPORTUNISTIC:
    case REUSE_INTERNAL:
      pool->reuse[attribute] = *(const int *) value != 0;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      pool->threshold = *(const guint64 *) value;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      if (*(const guint64 *) value != 0)
        return CUDA_ERROR_INVALID_VALUE;
      pool->reserved_high = pool->reserved;
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      if (*(const guint64 *) value != 0)
        return CUDA_ERROR_INVALID_VALUE;
      pool->used_high = pool->used;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult
fake_MemPoolSetAttribute (CUmemoryPool pool, CUmemPool_attribute attribute, void *value)
{
  CUresult result = fake_enter (FAKE_MemPoolSetAttribute, 0);

  if (result == CUDA_SUCCESS)
    result = set_attribute (fake_object (pool, FAKE_POOL), attribute, value);
  return fake_leave (result, "\"pool\":%u,\"attribute\":%d", fake_number (pool), attribute);
}

static CUresult
trim (FakePool * pool, gsize keep)
{
  guint i;

  if (pool == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  for (i = 0; i < fake.captures->len; i++) {
    FakeCapture *capture = g_ptr_array_index (fake.captures, i);

    if (capture->stream->context->device == pool->device)
      return fake_capture_break (capture->stream, NULL);
  }
  settle (pool);
  release_chunks (pool, keep);
  return CUDA_SUCCESS;
}

CUresult
fake_MemPoolTrimTo (CUmemoryPool pool, size_t keep)
{
  CUresult result = fake_enter (FAKE_MemPoolTrimTo, 0);

  if (result == CUDA_SUCCESS)
    result = trim (fake_object (pool, FAKE_POOL), keep);
  return fake_leave (result, "\"pool\":%u,\"keep\":%" G_GSIZE_FORMAT, fake_number (pool), keep);
}
