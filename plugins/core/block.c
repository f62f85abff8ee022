/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block.h"

#include <string.h>

#include "huge-page.h"

#define FIRST_RECORDS 8192      /* more than a block of usual records has: to grow is to map */
#define TABLE_ALIGNMENT ((gsize) 64)
#define LINES_TOGETHER 128

#define HALF_PAGE (SEQ_HUGE_PAGE / 2)
#define MAX_SHARES 2            /* blocks of an arena */

/* Halves that other threads have touched, from which on one of them is taken instead of a fresh
 * page: so many are hardly all of threads that are still at work. */
#define MAX_FOREIGN 16

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

/* It has no blocks until it is used first. */
struct _SeqBlockArena
{
  guint8 *data;
  gsize mapped;
  SeqBlock *blocks[MAX_SHARES];
  guint n_blocks;
  guint n_used;                 /* of them; with the lock of the pool */
};

struct _SeqBlockPool
{
  gint refs;
  GMutex lock;
  GQueue free;                  /* of SeqBlock, through their links; of a fresh one's size or grown */
  gsize free_bytes;             /* of arenas of which nothing is in use */
  GQueue fresh;                 /* of SeqBlockArena: for the next blocks, untouched */
  SpareTable *spare;            /* tables for the next blocks */
  guint n_spare, max_spare;
  gsize room;                   /* bytes of a fresh block; 0 where that is too much */
  guint n_shares;               /* fresh blocks of an arena */
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
map_huge_pages (gsize size)
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

static SeqBlockArena *
arena_new (gsize size)
{
  guint8 *data = map_huge_pages (size);
  SeqBlockArena *arena;

  if (data == NULL)
    return NULL;
  arena = g_new0 (SeqBlockArena, 1);
  arena->data = data;
  arena->mapped = size;
  return arena;
}

static void
block_free (SeqBlock * block)
{
  if (block->arena == NULL)
    g_free (block->data);
  g_free (block->table);
  g_aligned_free (block);
}

static void
arena_free (SeqBlockArena * arena)
{
  for (guint i = 0; i < arena->n_blocks; i++)
    block_free (arena->blocks[i]);
  munmap (arena->data, arena->mapped);
  g_free (arena);
}

/* Blocks are filled by several threads, each of which writes to its block for every record: two must
 * not lie in lines of the cache that come together. */
static SeqBlock *
block_alloc (void)
{
  return g_aligned_alloc0 (1, sizeof (SeqBlock), LINES_TOGETHER);
}

/* The block that has this share of the arena */
static SeqBlock *
block_new (SeqBlockArena * arena, guint share, gsize size)
{
  SeqBlock *block = block_alloc ();

  block->arena = arena;
  block->data = arena->data + share * size;
  block->mapped = size;
  block->link.data = block;
  arena->blocks[share] = block;
  return block;
}

/* Gives back what lies behind the first `mapped` bytes, whole pages. */
static void
block_unmap_behind (SeqBlock * block, gsize mapped)
{
  if (block->mapped <= mapped)
    return;
  munmap (block->data + mapped, block->mapped - mapped);
  block->arena->mapped = block->mapped = mapped;
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
  g_queue_init (&pool->fresh);
  if (!arena_size (capacity, &pool->room))
    pool->room = 0;
  pool->n_shares = capacity <= HALF_PAGE - SEQ_BLOCK_SLACK ? 2 : 1;
  if (!g_size_checked_mul (&pool->max_free_bytes, pool->room,
          max_free / pool->n_shares + max_free % pool->n_shares))
    pool->max_free_bytes = G_MAXSIZE;
  pool->room /= pool->n_shares;
  return pool;
}

SeqBlockPool *
seq_block_pool_ref (SeqBlockPool * pool)
{
  g_atomic_int_inc (&pool->refs);
  return pool;
}

/* One of which no block is in use. With the lock. */
static SeqBlockArena *
take_out (SeqBlockPool * pool, SeqBlockArena * arena)
{
  for (guint i = 0; i < arena->n_blocks; i++)
    if (arena->blocks[i]->is_free)
      g_queue_unlink (&pool->free, &arena->blocks[i]->link);
  return arena;
}

void
seq_block_pool_unref (SeqBlockPool * pool)
{
  if (!g_atomic_int_dec_and_test (&pool->refs))
    return;
  while (pool->free.head)
    arena_free (take_out (pool, ((SeqBlock *) pool->free.head->data)->arena));
  g_queue_clear_full (&pool->fresh, (GDestroyNotify) arena_free);
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
  return pool->room;
}

static SeqBlockArena *
make_arena (SeqBlockPool * pool)
{
  return pool->room > 0 ? arena_new (pool->room * pool->n_shares) : NULL;
}

static gboolean
fits (SeqBlockPool * pool, SeqBlockArena * arena)
{
  return arena->mapped >= pool->room * pool->n_shares && to_huge_page (arena->data) == 0
      && pool->free_bytes <= pool->max_free_bytes
      && arena->mapped <= pool->max_free_bytes - pool->free_bytes;
}

/* As the next to be used: it may still be in the cache. */
static void
push_free (SeqBlockPool * pool, SeqBlock * block)
{
  g_queue_push_head_link (&pool->free, &block->link);
  block->is_free = TRUE;
}

/* Takes a block that nobody has any more. A page is only given back as a whole, for to free half of
 * one costs more than to clear it; so half a page of which the other half is in use takes its memory
 * as long as that, and is kept in any case. */
static void
take_back (SeqBlockPool * pool, SeqBlock * block)
{
  SeqBlockArena *arena = block->arena, *rest = NULL;

  g_mutex_lock (&pool->lock);
  arena->n_used--;
  if (arena->n_used > 0) {
    push_free (pool, block);
  } else if (fits (pool, arena)) {
    push_free (pool, block);
    pool->free_bytes += arena->mapped;
  } else {
    rest = take_out (pool, arena);
  }
  g_mutex_unlock (&pool->lock);
  g_clear_pointer (&rest, arena_free);
}

/* The first block of a fresh arena, which it takes. What else is in it this thread takes next: it has
 * cleared all of the page, and that lies in the cache of its processor. The page is touched before
 * others can: of two threads that do so at once, both would clear one, and one of them for nothing. */
static SeqBlock *
share_arena (SeqBlockPool * pool, SeqBlockArena * arena)
{
  for (; arena->n_blocks < pool->n_shares; arena->n_blocks++)
    block_new (arena, arena->n_blocks, pool->room);
  arena->n_used = 1;
  if (pool->n_shares > 1) {
    *(volatile guint8 *) arena->data = 0;
    arena->blocks[1]->toucher = g_thread_self ();
    g_mutex_lock (&pool->lock);
    g_queue_push_tail_link (&pool->free, &arena->blocks[1]->link);
    arena->blocks[1]->is_free = TRUE;
    g_mutex_unlock (&pool->lock);
  }
  return arena->blocks[0];
}

/* With the lock. */
static SeqBlock *
pop_free (SeqBlockPool * pool, SeqBlock * block)
{
  g_queue_unlink (&pool->free, &block->link);
  if (block->arena->n_used == 0)
    pool->free_bytes -= block->arena->mapped;
  block->arena->n_used++;
  block->is_free = FALSE;
  block->toucher = NULL;
  return block;
}

/* The free block that was used last. Of halves of pages it is one that this thread has touched, or
 * any has had; what has grown from such is for those that grow, as others would not fill it. With
 * the lock. NULL if there is none. */
static SeqBlock *
find_free (SeqBlockPool * pool)
{
  GThread *self = g_thread_self ();
  guint n_foreign = 0;

  for (GList * i = pool->free.head; i != NULL; i = i->next) {
    SeqBlock *block = i->data;

    if (pool->n_shares > 1 && block->mapped > pool->room)
      continue;
    if (block->toucher == NULL || block->toucher == self || ++n_foreign == MAX_FOREIGN)
      return pop_free (pool, block);
  }
  return NULL;
}

/* The same that has so many bytes */
static SeqBlock *
find_large (SeqBlockPool * pool, gsize size)
{
  for (GList * i = pool->free.head; i != NULL; i = i->next) {
    SeqBlock *block = i->data;

    if (block->mapped >= size)
      return pop_free (pool, block);
  }
  return NULL;
}

SeqBlock *
seq_block_pool_acquire (SeqBlockPool * pool)
{
  SeqBlockArena *arena = NULL;
  SeqBlock *block;

  g_mutex_lock (&pool->lock);
  block = find_free (pool);
  if (!block)
    arena = g_queue_pop_head (&pool->fresh);
  g_mutex_unlock (&pool->lock);

  if (!block && !arena && !(arena = make_arena (pool)))
    return NULL;
  if (!block)
    block = share_arena (pool, arena);
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

/* Those that can't be had now are asked for again when they are needed. */
static void
fill_tables (SeqBlockPool * pool, guint n)
{
  GstSeqRecord *table;

  pool->max_spare = MAX (pool->max_spare, n);
  while (pool->n_spare < n && (table = g_try_new (GstSeqRecord, FIRST_RECORDS)))
    keep_table (pool, table, FIRST_RECORDS);
}

/* With the lock, as the next one. */
static void
fill_arenas (SeqBlockPool * pool, guint n_blocks)
{
  const gsize size = pool->room * pool->n_shares;
  SeqBlockArena *arena;

  while (pool->free.length + pool->fresh.length * pool->n_shares < n_blocks
      && pool->free_bytes + (pool->fresh.length + 1) * size <= pool->max_free_bytes
      && (arena = make_arena (pool)))
    g_queue_push_tail (&pool->fresh, arena);
}

void
seq_block_pool_fill (SeqBlockPool * pool, guint n_blocks, guint n_tables)
{
  g_mutex_lock (&pool->lock);
  fill_tables (pool, n_tables);
  fill_arenas (pool, n_blocks);
  g_mutex_unlock (&pool->lock);
}

/* Of a block that has grown so far that it can't be kept, what a fresh arena has can. */
static void
shrink_to_fit (SeqBlockPool * pool, SeqBlock * block)
{
  gsize size = pool->room * pool->n_shares;
  gboolean too_large;

  if (block->mapped <= size)
    return;
  g_mutex_lock (&pool->lock);
  too_large = !fits (pool, block->arena);
  g_mutex_unlock (&pool->lock);
  if (too_large)
    block_unmap_behind (block, size);
}

void
seq_block_unref (SeqBlock * block)
{
  SeqBlockPool *pool = block->pool;

  if (!g_atomic_int_dec_and_test (&block->refs))
    return;

  if (block->arena == NULL) {
    block_free (block);
  } else {
    shrink_to_fit (pool, block);
    take_back (pool, block);
  }
  seq_block_pool_unref (pool);
}

/* A block that has an arena of its own, of so many bytes at least */
static SeqBlock *
make_large (SeqBlockPool * pool, gsize size)
{
  SeqBlockArena *arena;
  SeqBlock *block;

  g_mutex_lock (&pool->lock);
  block = find_large (pool, size);
  g_mutex_unlock (&pool->lock);
  if (block != NULL || (arena = arena_new (size)) == NULL)
    return block;
  arena->n_blocks = arena->n_used = 1;
  return block_new (arena, 0, size);
}

static void
swap_memory (SeqBlock * half, SeqBlock * large)
{
  SeqBlockArena *arena = half->arena;
  SeqBlock had = *half;

  arena->blocks[half->data > arena->data] = large;
  large->arena->blocks[0] = half;
  half->arena = large->arena;
  half->data = large->data;
  half->mapped = large->mapped;
  large->arena = arena;
  large->data = had.data;
  large->mapped = had.mapped;
}

/* Half a page can't be made larger where it lies: what is in use moves, and the half is for others. */
static gboolean
move_to_own_arena (SeqBlock * block, gsize size)
{
  SeqBlock *large = make_large (block->pool, size);

  if (large == NULL)
    return FALSE;
  memcpy (large->data, block->data, block->size);
  g_mutex_lock (&block->pool->lock);    /* of the arenas */
  swap_memory (block, large);
  g_mutex_unlock (&block->pool->lock);
  take_back (block->pool, large);
  return TRUE;
}

/* mremap moves page tables instead of bytes, but loses the alignment for huge pages; long records
 * are rare and grow by doubling, so moving pages is worth more. */
static gboolean
move_pages (SeqBlock * block, gsize size)
{
  SeqBlockArena *arena = block->arena;
  guint8 *data = mremap (arena->data, arena->mapped, size, MREMAP_MAYMOVE);

  if (data == MAP_FAILED)
    return FALSE;
  madvise (data, size, MADV_HUGEPAGE);
  arena->data = data;
  arena->mapped = size;
  return TRUE;
}

gboolean
seq_block_grow (SeqBlock * block, gsize capacity)
{
  gsize size;

  if (capacity <= block->capacity)
    return TRUE;
  if (!arena_size (capacity, &size))
    return FALSE;
  if (block->mapped < block->arena->mapped ? !move_to_own_arena (block, size)
      : !move_pages (block, size))
    return FALSE;
  block->data = block->arena->data;
  block->mapped = block->arena->mapped;
  block->capacity = block->mapped - SEQ_BLOCK_SLACK;
  return TRUE;
}

void
seq_block_trim (SeqBlock * block)
{
  gsize size;

  if (arena_size (block->size, &size))
    block_unmap_behind (block, MAX (size, block->pool->room));
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
  copy = block_alloc ();
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
