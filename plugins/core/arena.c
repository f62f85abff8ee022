/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arena.h"

#include "huge-page.h"
#include "wakeup.h"

/* What is free is nobody's: AddressSanitizer finds who uses it. */
#ifdef __has_feature
#define HAS_ASAN __has_feature (address_sanitizer)
#elif defined (__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif
#if HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#endif

#define SMALLEST ((gsize) 4096)

/* bytes of an arena of which a thread's cache keeps something until the thread uses it again */
#define LARGEST_CACHED ((gsize) 1 << 20)

/* free arenas of other threads from which on one of them is taken, not a new one made */
#define ENOUGH_OF_OTHERS 4

struct _SeqArenaPool
{
  gint refs;
  GMutex lock;
  GQueue free;                  /* of SeqArena through their links; used last comes first */
  gsize free_bytes;
  gsize max_free;
};

SeqArenaPool *
seq_arena_pool_new (gsize max_free)
{
  SeqArenaPool *pool = g_new0 (SeqArenaPool, 1);

  pool->refs = 1;
  g_mutex_init (&pool->lock);
  g_queue_init (&pool->free);
  pool->max_free = max_free;
  return pool;
}

static void
arena_free (SeqArena * arena)
{
  if (arena->companion)
    arena->companion_free (arena->companion);
  ASAN_UNPOISON_MEMORY_REGION (arena->data, arena->capacity);
  free (arena->data);
  g_free (arena);
}

/* Takes an arena out of the free ones; call with the lock. */
static void
unlink_free (SeqArenaPool * pool, SeqArena * arena)
{
  g_queue_unlink (&pool->free, &arena->link);
  pool->free_bytes -= arena->capacity;
}

void
seq_arena_pool_unref (SeqArenaPool * pool)
{
  if (!g_atomic_int_dec_and_test (&pool->refs))
    return;
  while (pool->free.head) {
    SeqArena *arena = pool->free.head->data;

    unlink_free (pool, arena);
    arena_free (arena);
  }
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

/* The next of 4, 5, 6, 7 times a power of two; 0 if there is none. */
static gsize
round_up (gsize size)
{
  gsize step = SMALLEST;

  if (size > G_MAXSIZE / 4)
    return 0;
  while (step * 8 < size)
    step *= 2;
  return MAX ((size + step - 1) / step, 1) * step;
}

static SeqArena *
arena_new (gsize capacity)
{
  gpointer data = seq_huge_page_alloc (capacity, SMALLEST);
  SeqArena *arena;

  if (data == NULL)
    return NULL;
  arena = g_new0 (SeqArena, 1);
  arena->data = data;
  arena->capacity = capacity;
  arena->link.data = arena;
  return arena;
}

/* A free arena of the capacity, let go of as late as possible, that this thread acquired last, or,
 * where that doesn't matter, anybody; else, where there are enough of others, the one that has been
 * free for longest. Call with the lock. */
static SeqArena *
find_free (SeqArenaPool * pool, gsize capacity)
{
  GThread *self = g_thread_self ();
  SeqArena *oldest = NULL;
  guint n = 0;

  for (GList * l = pool->free.head; l; l = l->next) {
    SeqArena *arena = l->data;

    if (arena->capacity != capacity)
      continue;
    if (arena->user == self || capacity > LARGEST_CACHED)
      return arena;
    oldest = arena;
    n++;
  }
  return n >= ENOUGH_OF_OTHERS ? oldest : NULL;
}

SeqArena *
seq_arena_acquire (SeqArenaPool * pool, gsize size)
{
  gsize capacity = round_up (size);
  SeqArena *arena;

  if (capacity == 0)
    return NULL;
  seq_lock_soon (&pool->lock);
  arena = find_free (pool, capacity);
  if (arena)
    unlink_free (pool, arena);
  g_mutex_unlock (&pool->lock);

  if (!arena && !(arena = arena_new (capacity)))
    return NULL;
  ASAN_UNPOISON_MEMORY_REGION (arena->data, capacity);
  g_atomic_int_inc (&pool->refs);
  arena->pool = pool;
  arena->user = g_thread_self ();
  return arena;
}

/* What does not fit any more makes room by letting the one go that was used longest ago: sizes
 * that are not in use any more die out. */
void
seq_arena_release (SeqArena * arena)
{
  SeqArenaPool *pool = g_steal_pointer (&arena->pool);
  GQueue surplus = G_QUEUE_INIT;

  ASAN_POISON_MEMORY_REGION (arena->data, arena->capacity);
  seq_lock_soon (&pool->lock);
  g_queue_push_head_link (&pool->free, &arena->link);
  pool->free_bytes += arena->capacity;
  while (pool->free_bytes > pool->max_free) {
    SeqArena *oldest = pool->free.tail->data;

    unlink_free (pool, oldest);
    g_queue_push_tail_link (&surplus, &oldest->link);
  }
  g_mutex_unlock (&pool->lock);

  while (surplus.head) {
    SeqArena *oldest = surplus.head->data;

    g_queue_unlink (&surplus, &oldest->link);
    arena_free (oldest);
  }
  seq_arena_pool_unref (pool);
}
