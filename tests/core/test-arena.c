/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arena.h"

#include <string.h>

#include "huge-page.h"

/* Around the size from which on memory begins with a huge page */
static void
test_huge_page (void)
{
  const gsize sizes[] = { 1, 100, SEQ_HUGE_PAGE - 1, SEQ_HUGE_PAGE, SEQ_HUGE_PAGE + 1,
    3 * SEQ_HUGE_PAGE - 5
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint8 *memory = seq_huge_page_alloc (sizes[i], 64);
    gsize alignment = sizes[i] < SEQ_HUGE_PAGE ? 64 : SEQ_HUGE_PAGE;

    g_assert_cmpuint (GPOINTER_TO_SIZE (memory) % alignment, ==, 0);
    memset (memory, 1, sizes[i]);
    free (memory);
  }
  g_assert_null (seq_huge_page_alloc (G_MAXSSIZE, 64));
}

static void
test_reuse (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (1 << 20);
  SeqArena *a = seq_arena_acquire (pool, 100000), *b = seq_arena_acquire (pool, 100000);
  guint8 *data = a->data;

  g_assert_true (a->data != b->data);
  seq_arena_release (a);
  a = seq_arena_acquire (pool, 99000);  /* of the same class */
  g_assert_true (a->data == data);
  seq_arena_release (a);
  a = seq_arena_acquire (pool, 300000); /* of another */
  g_assert_true (a->data != data);
  seq_arena_release (a);
  seq_arena_release (b);
  seq_arena_pool_unref (pool);
}

/* sizes around every border: room, alignment, bounded waste */
static void
test_sizes (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (0);

  for (gsize power = 1; power <= (gsize) 8 << 20; power *= 2) {
    for (gint delta = -1; delta <= 1; delta++) {
      gsize size = power + delta;
      SeqArena *arena = seq_arena_acquire (pool, size);

      g_assert_cmpuint (arena->capacity, >=, size);
      g_assert_cmpuint (arena->capacity, <=, MAX (4096, size + size / 4 + 4096));
      g_assert_cmpuint ((gsize) arena->data % SEQ_ARENA_ALIGNMENT, ==, 0);
      memset (arena->data, 1, arena->capacity);
      seq_arena_release (arena);
    }
  }
  g_assert_null (seq_arena_acquire (pool, G_MAXSIZE));
  g_assert_null (seq_arena_acquire (pool, G_MAXSIZE / 4));
  seq_arena_pool_unref (pool);
}

/* the one used longest ago goes first, and what is too large on its own goes at once */
static void
test_bound (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (200000);
  SeqArena *a = seq_arena_acquire (pool, 65536), *b = seq_arena_acquire (pool, 65536);
  SeqArena *c = seq_arena_acquire (pool, 131072), *big = seq_arena_acquire (pool, 1 << 20);
  guint8 *b_data = b->data, *c_data = c->data;

  seq_arena_release (a);
  seq_arena_release (b);
  seq_arena_release (c);        /* makes room by letting a go */
  c = seq_arena_acquire (pool, 131072);
  g_assert_true (c->data == c_data);
  b = seq_arena_acquire (pool, 65536);
  g_assert_true (b->data == b_data);
  seq_arena_release (big);
  seq_arena_release (b);
  seq_arena_pool_unref (pool);
  seq_arena_release (c);        /* keeps its pool alive */
}

#define SIZE ((gsize) 100000)

/* What another thread gets, and gives back at once */
static gpointer
use_one (gpointer pool)
{
  SeqArena *arena = seq_arena_acquire (pool, SIZE);
  guint8 *data = arena->data;

  seq_arena_release (arena);
  return data;
}

/* Each thread gets what it had before, and another's only where there are many, the one that was not
 * used for longest. */
static void
test_own (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (100 * SIZE);
  GThread *thread;
  SeqArena *arenas[4];
  guint8 *data[4], *other;

  for (guint i = 0; i < G_N_ELEMENTS (arenas); i++) {
    arenas[i] = seq_arena_acquire (pool, SIZE);
    data[i] = arenas[i]->data;
  }
  for (guint i = 0; i < G_N_ELEMENTS (arenas) - 1; i++)
    seq_arena_release (arenas[i]);
  thread = g_thread_new ("other", use_one, pool);
  g_thread_ref (thread);        /* another one is another one */
  other = g_thread_join (thread);
  for (guint i = 0; i < G_N_ELEMENTS (arenas); i++)
    g_assert_true (other != data[i]);

  arenas[0] = seq_arena_acquire (pool, SIZE);   /* not what was free last, but free last of its own */
  g_assert_true (arenas[0]->data == data[2]);
  seq_arena_release (arenas[0]);
  seq_arena_release (arenas[3]);
  g_assert_true (g_thread_join (g_thread_new ("third", use_one, pool)) == data[0]);
  g_thread_unref (thread);
  seq_arena_pool_unref (pool);
}

static gpointer
use_large (gpointer pool)
{
  return seq_arena_acquire (pool, 30 * SIZE);
}

/* No cache keeps what is large. */
static void
test_large (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (100 * SIZE);
  SeqArena *arena = seq_arena_acquire (pool, 30 * SIZE);
  guint8 *data = arena->data;

  seq_arena_release (arena);
  arena = g_thread_join (g_thread_new ("other", use_large, pool));
  g_assert_true (arena->data == data);
  seq_arena_release (arena);
  seq_arena_pool_unref (pool);
}

static gpointer
churn (gpointer data)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (g_thread_self ()));

  for (guint i = 0; i < 2000; i++) {
    SeqArena *arena = seq_arena_acquire (data, g_rand_int_range (rand, 1, 50000));

    memset (arena->data, i, 64);
    seq_arena_release (arena);
  }
  g_rand_free (rand);
  return NULL;
}

static void
test_threads (void)
{
  SeqArenaPool *pool = seq_arena_pool_new (100000);
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("churn", churn, pool);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  seq_arena_pool_unref (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arena/huge-page", test_huge_page);
  g_test_add_func ("/arena/reuse", test_reuse);
  g_test_add_func ("/arena/sizes", test_sizes);
  g_test_add_func ("/arena/bound", test_bound);
  g_test_add_func ("/arena/own", test_own);
  g_test_add_func ("/arena/large", test_large);
  g_test_add_func ("/arena/threads", test_threads);
  return g_test_run ();
}
