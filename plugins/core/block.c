/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((gsize) 2 << 20)
#define FIRST_RECORDS 4096
#define TABLE_ALIGNMENT ((gsize) 64)

G_STATIC_ASSERT (sizeof (GstSeqRecord) == 32);

struct _SeqBlockPool
{
  gint refs;
  GMutex lock;
  GQueue free;                  /* of SeqBlock, all of this pool's capacity */
  gsize capacity;
  guint max_free;
};

/* Arenas are multiples of the huge page and aligned to it: more is mapped than needed, and what
 * stands over at both ends is given back. */
static guint8 *
arena_map (gsize size)
{
  guint8 *raw, *aligned;
  gsize head;

  raw = mmap (NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED)
    return NULL;
  head = (HUGE_PAGE - ((gsize) raw & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
  aligned = raw + head;
  if (head > 0)
    munmap (raw, head);
  munmap (aligned + size, HUGE_PAGE - head);
  madvise (aligned, size, MADV_HUGEPAGE);       /* a wish: kernels without it refuse harmlessly */
  return aligned;
}

static gboolean
arena_size (gsize capacity, gsize * size)
{
  if (!g_size_checked_add (size, capacity, SEQ_BLOCK_SLACK + HUGE_PAGE - 1))
    return FALSE;
  *size &= ~(HUGE_PAGE - 1);
  return *size <= G_MAXSIZE - HUGE_PAGE;
}

static SeqBlock *
block_new (SeqBlockPool * pool)
{
  SeqBlock *block;
  gsize mapped;
  guint8 *data;

  if (!arena_size (pool->capacity, &mapped) || !(data = arena_map (mapped)))
    return NULL;
  block = g_new0 (SeqBlock, 1);
  block->data = data;
  block->mapped = mapped;
  block->capacity = mapped - SEQ_BLOCK_SLACK;
  return block;
}

static void
block_free (SeqBlock * block)
{
  munmap (block->data, block->mapped);
  g_free (block->table);
  g_free (block);
}

SeqBlockPool *
seq_block_pool_new (gsize capacity, guint max_free)
{
  SeqBlockPool *pool = g_new0 (SeqBlockPool, 1);

  pool->refs = 1;
  g_mutex_init (&pool->lock);
  g_queue_init (&pool->free);
  pool->capacity = capacity;
  pool->max_free = max_free;
  return pool;
}

SeqBlockPool *
seq_block_pool_ref (SeqBlockPool * pool)
{
  g_atomic_int_inc (&pool->refs);
  return pool;
}

void
seq_block_pool_unref (SeqBlockPool * pool)
{
  if (!g_atomic_int_dec_and_test (&pool->refs))
    return;
  g_queue_clear_full (&pool->free, (GDestroyNotify) block_free);
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

SeqBlock *
seq_block_pool_acquire (SeqBlockPool * pool)
{
  SeqBlock *block;

  g_mutex_lock (&pool->lock);
  block = g_queue_pop_head (&pool->free);
  g_mutex_unlock (&pool->lock);

  if (!block && !(block = block_new (pool)))
    return NULL;
  block->refs = 1;
  block->size = 0;
  block->n_records = 0;
  block->records = block->table;
  block->pool = seq_block_pool_ref (pool);
  return block;
}

SeqBlock *
seq_block_ref (SeqBlock * block)
{
  g_atomic_int_inc (&block->refs);
  return block;
}

void
seq_block_unref (SeqBlock * block)
{
  SeqBlockPool *pool = block->pool;
  gsize usual;

  if (!g_atomic_int_dec_and_test (&block->refs))
    return;

  /* a block that grew for one long record would pin its memory for nothing */
  if (!arena_size (pool->capacity, &usual) || block->mapped > usual) {
    block_free (block);
    block = NULL;
  } else {
    /* last in, first out: the block that was used last is the one still in the cache */
    g_mutex_lock (&pool->lock);
    if (pool->free.length < pool->max_free) {
      g_queue_push_head (&pool->free, block);
      block = NULL;
    }
    g_mutex_unlock (&pool->lock);
  }
  if (block)
    block_free (block);
  seq_block_pool_unref (pool);
}

gboolean
seq_block_grow (SeqBlock * block, gsize capacity)
{
  gsize mapped;
  guint8 *data;

  if (capacity <= block->capacity)
    return TRUE;
  if (!arena_size (capacity, &mapped))
    return FALSE;

  /* mremap moves page tables instead of bytes, but loses the alignment for huge pages; long
   * records are rare and grow by doubling, so moving pages is worth more */
  data = mremap (block->data, block->mapped, mapped, MREMAP_MAYMOVE);
  if (data == MAP_FAILED)
    return FALSE;
  madvise (data, mapped, MADV_HUGEPAGE);
  block->data = data;
  block->mapped = mapped;
  block->capacity = mapped - SEQ_BLOCK_SLACK;
  return TRUE;
}

void
seq_block_trim (SeqBlock * block)
{
  gsize mapped;

  if (!arena_size (MAX (block->size, block->pool->capacity), &mapped) || mapped >= block->mapped)
    return;
  munmap (block->data + mapped, block->mapped - mapped);
  block->mapped = mapped;
  block->capacity = mapped - SEQ_BLOCK_SLACK;
}

GstSeqRecord *
seq_block_reserve_record (SeqBlock * block)
{
  guint room = MAX (FIRST_RECORDS, block->records_capacity * 2);
  GstSeqRecord *records;

  if (block->n_records == block->records_capacity) {
    records = g_try_renew (GstSeqRecord, block->table, room);
    if (records == NULL)
      return NULL;
    block->records = block->table = records;
    block->records_capacity = room;
  }
  return &block->records[block->n_records];
}

void
seq_block_finish (SeqBlock * block)
{
  gsize at = (block->size + TABLE_ALIGNMENT - 1) & ~(TABLE_ALIGNMENT - 1);
  gsize size = block->n_records * sizeof (GstSeqRecord);

  if (size == 0 || at > block->mapped || size > block->mapped - at)
    return;
  block->records = memcpy (block->data + at, block->table, size);
  g_clear_pointer (&block->table, g_free);
  block->records_capacity = 0;
}
