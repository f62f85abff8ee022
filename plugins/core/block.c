/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block.h"

#include <string.h>

#include "huge-page.h"

#define FIRST_RECORDS 8192      /* more than a block of usual records has: to grow is to map */
#define TABLE_ALIGNMENT ((gsize) 64)

/* tables kept for the next blocks at most, unless more parsers are known to be at work */
#define MAX_SPARE 4

G_STATIC_ASSERT (sizeof (GstSeqRecord) == 32);

/* A table that no block has, in its own first bytes */
typedef struct _SpareTable SpareTable;
struct _SpareTable
{
  SpareTable *next;
  guint capacity;
};

struct _SeqBlockPool
{
  gint refs;
  GMutex lock;
  GQueue free;                  /* of SeqBlock, of a fresh block's size or grown */
  gsize free_bytes;
  SpareTable *spare;            /* tables for the next blocks */
  guint n_spare, max_spare;
  gsize mapped;                 /* of a fresh block; 0 where that is too much */
  gsize max_free_bytes;
};

static guint8 *
map_memory (gsize size)
{
  guint8 *data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  return data == MAP_FAILED ? NULL : data;
}

/* Bytes to the next huge page, 0 to all but one of its size */
static gsize
to_huge_page (const guint8 * data)
{
  return -GPOINTER_TO_SIZE (data) & (SEQ_HUGE_PAGE - 1);
}

/* More is mapped than needed, and what stands over at both ends is given back. */
static guint8 *
map_and_align (gsize size)
{
  guint8 *raw = map_memory (size + SEQ_HUGE_PAGE), *aligned;
  gsize head;

  if (raw == NULL)
    return NULL;
  head = to_huge_page (raw);
  aligned = raw + head;
  if (head > 0)
    munmap (raw, head);
  munmap (aligned + size, SEQ_HUGE_PAGE - head);
  return aligned;
}

/* Arenas are multiples of the huge page and aligned to it. So are the second and the next without
 * more ado for the most part, as they lie side by side, and on newer kernels all. */
static guint8 *
arena_map (gsize size)
{
  guint8 *data = map_memory (size);

  if (data != NULL && to_huge_page (data) > 0) {
    munmap (data, size);
    data = map_and_align (size);
  }
  if (data != NULL)
    madvise (data, size, MADV_HUGEPAGE);        /* a wish: kernels without it refuse harmlessly */
  return data;
}

static gboolean
arena_size (gsize capacity, gsize * size)
{
  if (!g_size_checked_add (size, capacity, SEQ_BLOCK_SLACK + SEQ_HUGE_PAGE - 1))
    return FALSE;
  *size &= ~(SEQ_HUGE_PAGE - 1);
  return *size <= G_MAXSIZE - SEQ_HUGE_PAGE;
}

static SeqBlock *
block_new (SeqBlockPool * pool)
{
  SeqBlock *block;
  guint8 *data;

  if (pool->mapped == 0 || !(data = arena_map (pool->mapped)))
    return NULL;
  block = g_new0 (SeqBlock, 1);
  block->data = data;
  block->mapped = pool->mapped;
  return block;
}

static void
block_free (SeqBlock * block)
{
  if (block->mapped > 0)
    munmap (block->data, block->mapped);
  else
    g_free (block->data);
  g_free (block->table);
  g_free (block);
}

/* Gives back what lies behind the first `mapped` bytes. */
static void
block_unmap_behind (SeqBlock * block, gsize mapped)
{
  if (block->mapped <= mapped)
    return;
  munmap (block->data + mapped, block->mapped - mapped);
  block->mapped = mapped;
  block->capacity = mapped - SEQ_BLOCK_SLACK;
}

SeqBlockPool *
seq_block_pool_new (gsize capacity, guint max_free)
{
  SeqBlockPool *pool = g_new0 (SeqBlockPool, 1);

  pool->refs = 1;
  pool->max_spare = MAX_SPARE;
  g_mutex_init (&pool->lock);
  g_queue_init (&pool->free);
  if (!arena_size (capacity, &pool->mapped))
    pool->mapped = 0;
  if (!g_size_checked_mul (&pool->max_free_bytes, pool->mapped, max_free))
    pool->max_free_bytes = G_MAXSIZE;
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
  while (pool->spare) {
    SpareTable *table = pool->spare;

    pool->spare = table->next;
    g_free (table);
  }
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

gsize
seq_block_pool_get_room (SeqBlockPool * pool)
{
  return pool->mapped;
}

SeqBlock *
seq_block_pool_acquire (SeqBlockPool * pool)
{
  SeqBlock *block;

  g_mutex_lock (&pool->lock);
  block = g_queue_pop_head (&pool->free);
  if (block)
    pool->free_bytes -= block->mapped;
  g_mutex_unlock (&pool->lock);

  if (!block && !(block = block_new (pool)))
    return NULL;
  block->refs = 1;
  block->size = 0;
  block->capacity = block->mapped - SEQ_BLOCK_SLACK;
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

/* Takes a block that nobody has any more, if there is room for it. Not one that has grown and moved
 * to where no huge page begins. */
static gboolean
take_back (SeqBlockPool * pool, SeqBlock * block)
{
  gboolean fits;

  if (block->mapped < pool->mapped || GPOINTER_TO_SIZE (block->data) % SEQ_HUGE_PAGE != 0)
    return FALSE;
  g_mutex_lock (&pool->lock);
  fits = block->mapped <= pool->max_free_bytes - pool->free_bytes;
  if (fits) {
    /* last in, first out: the block that was used last is the one still in the cache */
    g_queue_push_head (&pool->free, block);
    pool->free_bytes += block->mapped;
  }
  g_mutex_unlock (&pool->lock);
  return fits;
}

/* With the lock. FALSE if there are enough. */
static gboolean
keep_table (SeqBlockPool * pool, gpointer memory, guint capacity)
{
  SpareTable *table = memory;

  if (pool->n_spare >= pool->max_spare)
    return FALSE;
  *table = (SpareTable) { pool->spare, capacity };
  pool->spare = table;
  pool->n_spare++;
  return TRUE;
}

static void
fill_blocks (SeqBlockPool * pool, guint n)
{
  SeqBlock *block;
  gboolean fits = TRUE;

  for (; n > 0 && fits && (block = block_new (pool)); n--) {
    fits = take_back (pool, block);
    if (!fits)
      block_free (block);
  }
}

/* Those that can't be had now are asked for again when they are needed. */
static void
fill_tables (SeqBlockPool * pool, guint n)
{
  GstSeqRecord *table;

  pool->max_spare = MAX (pool->max_spare, n);
  while (pool->n_spare < n && (table = g_try_new (GstSeqRecord, FIRST_RECORDS)))
    keep_table (pool, table, FIRST_RECORDS);
}

void
seq_block_pool_fill (SeqBlockPool * pool, guint n_blocks, guint n_tables)
{
  g_mutex_lock (&pool->lock);
  n_blocks -= MIN (n_blocks, pool->free.length);
  fill_tables (pool, n_tables);
  g_mutex_unlock (&pool->lock);
  fill_blocks (pool, n_blocks);
}

void
seq_block_unref (SeqBlock * block)
{
  SeqBlockPool *pool = block->pool;

  if (!g_atomic_int_dec_and_test (&block->refs))
    return;

  if (!take_back (pool, block)) {
    block_unmap_behind (block, pool->mapped);
    if (!take_back (pool, block))
      block_free (block);
  }
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

  if (arena_size (block->size, &mapped))
    block_unmap_behind (block, MAX (mapped, block->pool->mapped));
}

static void
take_spare_table (SeqBlock * block)
{
  SeqBlockPool *pool = block->pool;

  g_mutex_lock (&pool->lock);
  if (pool->spare) {
    SpareTable *table = pool->spare;

    pool->spare = table->next;
    pool->n_spare--;
    block->records_capacity = table->capacity;
    block->records = block->table = (GstSeqRecord *) table;
  }
  g_mutex_unlock (&pool->lock);
}

static void
give_table_back (SeqBlock * block)
{
  SeqBlockPool *pool = block->pool;
  gboolean kept;

  g_mutex_lock (&pool->lock);
  kept = keep_table (pool, block->table, block->records_capacity);
  g_mutex_unlock (&pool->lock);
  if (!kept)
    g_free (block->table);
  block->table = NULL;
  block->records_capacity = 0;
}

GstSeqRecord *
seq_block_reserve_record (SeqBlock * block)
{
  guint room = MAX (FIRST_RECORDS, block->records_capacity * 2);
  GstSeqRecord *records;

  if (!block->table)
    take_spare_table (block);
  if (block->n_records == block->records_capacity) {
    records = g_try_renew (GstSeqRecord, block->table, room);
    if (records == NULL)
      return NULL;
    block->records = block->table = records;
    block->records_capacity = room;
  }
  return &block->records[block->n_records];
}

/* A block whose table begins `at`; the other one goes back to its pool. */
static SeqBlock *
move_to_own_memory (SeqBlock * block, gsize at, gsize table_size)
{
  SeqBlock *copy;
  guint8 *data = g_try_malloc (at + MAX (table_size, SEQ_BLOCK_SLACK));

  if (data == NULL)             /* then it stays where it is */
    return block;
  copy = g_new0 (SeqBlock, 1);
  *copy = (SeqBlock) { .data = memcpy (data, block->data, block->size), .size = block->size,
    .capacity = block->size, .records = (GstSeqRecord *) (data + at),
    .n_records = block->n_records, .refs = 1, .pool = seq_block_pool_ref (block->pool)
  };
  memcpy (copy->records, block->records, table_size);
  seq_block_unref (block);
  return copy;
}

SeqBlock *
seq_block_finish (SeqBlock * block)
{
  gsize size = block->n_records * sizeof (GstSeqRecord), at;

  /* of a long record nothing is copied: what it did not need goes back */
  seq_block_trim (block);
  if (size == 0 || size > block->mapped)
    return block;
  at = (block->size + TABLE_ALIGNMENT - 1) & ~(TABLE_ALIGNMENT - 1);
  if (at + size < block->mapped / 2)
    return move_to_own_memory (block, at, size);
  at = (block->mapped - size) & ~(TABLE_ALIGNMENT - 1);
  if (at < block->size)
    return block;
  block->records = memcpy (block->data + at, block->table, size);
  block->capacity = MIN (block->capacity, at);
  give_table_back (block);
  return block;
}
