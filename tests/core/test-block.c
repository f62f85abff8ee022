/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block.h"

#define PAGE ((gsize) 2 << 20)
#define HALF (PAGE / 2)

/* of a pool whose blocks take half a page, and a whole one */
#define SMALL 1000
#define WHOLE (PAGE - SEQ_BLOCK_SLACK)

static void
test_pool (void)
{
  SeqBlockPool *pool = seq_block_pool_new (WHOLE, 1);
  SeqBlock *a = seq_block_pool_acquire (pool), *b = seq_block_pool_acquire (pool);
  guint8 *data = a->data;

  g_assert_true (a->data != b->data);
  seq_block_unref (a);
  seq_block_unref (b);          /* one too many: freed */
  a = seq_block_pool_acquire (pool);
  g_assert_true (a->data == data);
  g_assert_cmpuint (a->size, ==, 0);
  g_assert_true (seq_block_grow (a, 10 << 20));
  memset (a->data, 1, (10 << 20) + SEQ_BLOCK_SLACK);
  seq_block_unref (seq_block_ref (a));
  seq_block_pool_unref (pool);  /* the block keeps it alive */
  seq_block_unref (a);
}

#define LARGE (32 * PAGE)

/* Bytes of this process: mapped, and those of them that have been touched. */
static void
read_memory (gsize * mapped, gsize * touched)
{
  const gsize page = sysconf (_SC_PAGESIZE);
  gchar *text = NULL, *rest;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  *mapped = g_ascii_strtoull (text, &rest, 10) * page;
  *touched = g_ascii_strtoull (rest, NULL, 10) * page;
  g_free (text);
}

/* Filled up to what it keeps, untouched. Acquiring these maps nothing, one more does. */
static void
test_fill (void)
{
  SeqBlockPool *pool = seq_block_pool_new (LARGE - SEQ_BLOCK_SLACK, 2);
  SeqBlock *blocks[3];
  gsize before, empty, filled, touched, acquired, now, rest;

  read_memory (&before, &empty);
  seq_block_pool_fill (pool, 1, 0);
  seq_block_pool_fill (pool, 3, 2);
  seq_block_pool_fill (pool, 2, 1);
  read_memory (&filled, &touched);
  g_assert_cmpuint (filled - before, >=, 2 * LARGE);
  g_assert_cmpuint (filled - before, <, 2 * LARGE + LARGE / 2);
  g_assert_cmpuint (touched, <, empty + LARGE / 4);
  for (guint i = 0; i < 2; i++) {
    blocks[i] = seq_block_pool_acquire (pool);
    g_assert_cmpuint (blocks[i]->n_records, ==, 0);
    g_assert_cmpuint (blocks[i]->capacity, >=, LARGE - SEQ_BLOCK_SLACK);
    g_assert_cmpuint (GPOINTER_TO_SIZE (blocks[i]->data) % PAGE, ==, 0);
    memset (blocks[i]->data, 1, LARGE);
  }
  g_assert_true (blocks[0]->data != blocks[1]->data);
  read_memory (&acquired, &rest);
  g_assert_cmpuint (acquired, <, filled + LARGE / 2);
  for (guint i = 0; i < 2; i++)
    g_assert_nonnull (seq_block_reserve_record (blocks[i]));
  read_memory (&now, &rest);
  g_assert_cmpuint (now, ==, acquired);
  blocks[2] = seq_block_pool_acquire (pool);
  read_memory (&now, &rest);
  g_assert_cmpuint (now, >=, filled + LARGE);
  for (guint i = 0; i < 3; i++)
    seq_block_unref (blocks[i]);
  seq_block_pool_unref (pool);
}

/* `n` records of names that begin where their numbers say */
static void
add_records (SeqBlock * block, guint n)
{
  for (guint i = 0; i < n; i++) {
    *seq_block_reserve_record (block) = (GstSeqRecord) { .id = i,.name = i };
    block->n_records++;
  }
}

static gboolean
table_is_in_arena (const SeqBlock * block, gsize room)
{
  const guint8 *table = (const guint8 *) block->records;

  return table >= block->data && table < block->data + room;
}

/* A finished block of `size` bytes and `n` records: its table lies behind the bytes if it `fits`. */
static void
check_finish (SeqBlockPool * pool, gsize size, guint n, gboolean fits)
{
  SeqBlock *block = seq_block_pool_acquire (pool);

  g_assert_cmpuint (size, <=, block->capacity);
  memset (block->data, 0xee, size);
  block->size = size;
  add_records (block, n);
  block = seq_block_finish (block);
  g_assert_cmpint (table_is_in_arena (block, seq_block_pool_get_room (pool)), ==, fits);
  if (fits) {
    g_assert_null (block->table);
    g_assert_cmpuint ((const guint8 *) block->records - block->data, >=, block->capacity);
    g_assert_cmpuint (block->capacity, >=, size);
    g_assert_cmpuint (GPOINTER_TO_SIZE (block->records) % G_ALIGNOF (GstSeqRecord), ==, 0);
  }
  g_assert_cmpuint (block->n_records, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (block->records[i].id + block->records[i].name, ==, 2 * i);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint (block->data[i], ==, 0xee);
  seq_block_unref (block);
}

static void
test_finish (gconstpointer data)
{
  /* one block, used again and again, with its table in all places */
  SeqBlockPool *pool = seq_block_pool_new (GPOINTER_TO_SIZE (data), 1);
  const gsize room = GPOINTER_TO_SIZE (data) == SMALL ? HALF : PAGE;
  const gsize capacity = room - SEQ_BLOCK_SLACK, record = sizeof (GstSeqRecord);

  g_assert_cmpuint (seq_block_pool_get_room (pool), ==, room);
  check_finish (pool, 0, 0, FALSE);
  check_finish (pool, 100, 1, TRUE);
  check_finish (pool, 101, 5000, TRUE);
  check_finish (pool, 0, room / record, TRUE);
  check_finish (pool, 1, room / record, FALSE);
  check_finish (pool, room - 10 * record, 10, TRUE);
  check_finish (pool, room - 10 * record, 11, FALSE);
  check_finish (pool, room - 10 * record + 1, 10, FALSE);
  check_finish (pool, capacity, 2, TRUE);
  check_finish (pool, capacity, 3, FALSE);
  check_finish (pool, 100, 3, TRUE);
  check_finish (pool, 500, 0, FALSE);
  seq_block_pool_unref (pool);
}

/* A block that has grown is no copy, which would take its memory twice; it gives back what it does
 * not use. One that has grown for nothing is small. */
static void
test_grown_blocks (void)
{
  const gsize grown = 10 * PAGE;
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 1);
  SeqBlock *block = seq_block_pool_acquire (pool), *finished;

  g_assert_true (seq_block_grow (block, grown));
  memset (block->data, 1, 4 * PAGE);
  block->size = 4 * PAGE;
  add_records (block, 3);
  finished = seq_block_finish (block);
  g_assert_true (finished == block);
  g_assert_cmpuint (block->mapped, ==, 5 * PAGE);
  g_assert_null (block->table);
  g_assert_cmpuint (block->records[2].id, ==, 2);
  g_assert_cmpuint (block->data[4 * PAGE - 1], ==, 1);
  seq_block_unref (block);

  block = seq_block_pool_acquire (pool);
  g_assert_true (seq_block_grow (block, grown));
  block->size = 100;
  add_records (block, 1);
  finished = seq_block_finish (block);
  g_assert_cmpuint (finished->mapped, ==, 0);
  g_assert_cmpuint (finished->size, ==, 100);
  seq_block_unref (finished);
  seq_block_pool_unref (pool);
}

/* A block that was given back after it had grown to `size` bytes of arena */
static SeqBlock *
reuse_grown (SeqBlockPool * pool, gsize size)
{
  SeqBlock *block = seq_block_pool_acquire (pool);
  guint8 *data;

  g_assert_true (seq_block_grow (block, size - SEQ_BLOCK_SLACK));
  g_assert_cmpuint (block->mapped, ==, size);
  data = block->data;
  memset (data, 1, size);
  seq_block_unref (block);
  block = seq_block_pool_acquire (pool);
  if (GPOINTER_TO_SIZE (data) % PAGE == 0)
    g_assert_true (block->data == data);
  else                          /* moved to where no huge page begins */
    g_assert_cmpuint (block->mapped, ==, PAGE);
  g_assert_cmpuint (block->capacity, ==, block->mapped - SEQ_BLOCK_SLACK);
  memset (block->data, 2, block->mapped);
  return block;
}

/* Blocks that have grown are kept as they are, but no more bytes of them than of others. */
static void
test_grown_blocks_again (void)
{
  SeqBlockPool *pool = seq_block_pool_new (WHOLE, 4);
  SeqBlock *a = reuse_grown (pool, 3 * PAGE), *b;
  guint8 *data = a->data, in_core;
  gboolean aligned = GPOINTER_TO_SIZE (data) % PAGE == 0 && a->mapped == 3 * PAGE;

  b = reuse_grown (pool, 5 * PAGE);    /* more than is kept */
  g_assert_cmpuint (b->mapped, ==, PAGE);
  seq_block_unref (a);
  seq_block_unref (b);          /* just fits */
  a = seq_block_pool_acquire (pool);
  b = seq_block_pool_acquire (pool);
  g_assert_cmpuint (a->mapped, ==, PAGE);
  g_assert_cmpuint (b->mapped, ==, aligned ? 3 * PAGE : PAGE);
  /* what is held has no more than it needs */
  b->size = 10;
  add_records (b, 1);
  seq_block_trim (b);
  g_assert_cmpuint (b->mapped, ==, PAGE);
  if (aligned)
    g_assert_cmpint (mincore (data + PAGE, 4096, &in_core), ==, -1);
  seq_block_unref (a);
  seq_block_unref (b);
  seq_block_pool_unref (pool);
}

/* A table that has grown is used again, also where its block is still held. */
static void
test_spare_tables (void)
{
  SeqBlockPool *pool = seq_block_pool_new (WHOLE, 0);
  SeqBlock *blocks[6];
  guint grown;

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    blocks[i] = seq_block_pool_acquire (pool);
    blocks[i]->size = PAGE / 2;
    add_records (blocks[i], 10000);
  }
  grown = blocks[0]->records_capacity;
  g_assert_cmpuint (grown, >=, 10000);
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    blocks[i] = seq_block_finish (blocks[i]);   /* more than are kept */
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    SeqBlock *next = seq_block_pool_acquire (pool);

    g_assert_null (next->records);
    add_records (next, 1);
    if (i < 4)
      g_assert_cmpuint (next->records_capacity, ==, grown);
    else
      g_assert_cmpuint (next->records_capacity, <, grown);
    g_assert_cmpuint (blocks[i]->records[9999].id, ==, 9999);
    seq_block_unref (blocks[i]);
    seq_block_unref (next);
  }
  seq_block_pool_unref (pool);
}

/* Small blocks that are held don't hold pages: the next block has the same one. */
static void
test_small_blocks (void)
{
  static const gsize sizes[] = { 0, 1, 63, 64, 5000, HALF / 2 - 4096 };
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 1);
  SeqBlock *block = seq_block_pool_acquire (pool), *small[G_N_ELEMENTS (sizes)];
  const guint8 *half = block->data;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_assert_true (block->data == half);
    memset (block->data, (gint) i, sizes[i]);
    block->size = sizes[i];
    add_records (block, i + 1);
    small[i] = seq_block_finish (block);
    g_assert_true (small[i]->data < half || small[i]->data >= half + HALF);
    block = seq_block_pool_acquire (pool);
    g_assert_cmpuint (block->n_records, ==, 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_assert_cmpuint (small[i]->size, ==, sizes[i]);
    g_assert_cmpuint (small[i]->n_records, ==, i + 1);
    g_assert_cmpuint (small[i]->records[i].id, ==, i);
    for (gsize k = 0; k < sizes[i]; k++)
      g_assert_cmpuint (small[i]->data[k], ==, i);
    seq_block_unref (small[i]);
  }
  /* what fills half of its memory stays there */
  block->size = HALF / 2;
  add_records (block, 1);
  g_assert_true (seq_block_finish (block) == block);
  seq_block_unref (block);
  seq_block_pool_unref (pool);
}

static gpointer
acquire_func (gpointer pool)
{
  return seq_block_pool_acquire (pool);
}

static SeqBlock *
acquire_elsewhere (SeqBlockPool * pool)
{
  return g_thread_join (g_thread_new ("other", acquire_func, pool));
}

static gboolean
is_mapped (guint8 * data)
{
  guint8 in_core;

  return mincore (data, 4096, &in_core) == 0;
}

/* A thread has both halves of a page before another, and nobody else has one of them. A page is given
 * back when nobody has any of it. */
static void
test_halves (void)
{
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 0);
  SeqBlock *mine[3], *other;
  guint8 *page;

  mine[0] = seq_block_pool_acquire (pool);
  other = acquire_elsewhere (pool);
  for (guint i = 1; i < 3; i++)
    mine[i] = seq_block_pool_acquire (pool);
  page = mine[0]->data;
  g_assert_cmpuint (GPOINTER_TO_SIZE (page) % PAGE, ==, 0);
  g_assert_cmpuint (GPOINTER_TO_SIZE (other->data) % PAGE, ==, 0);
  g_assert_cmpuint (GPOINTER_TO_SIZE (mine[2]->data) % PAGE, ==, 0);
  g_assert_true (mine[1]->data == page + HALF);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpuint (mine[i]->capacity, ==, HALF - SEQ_BLOCK_SLACK);
    memset (mine[i]->data, (gint) i, HALF);
  }
  g_assert_cmpuint (page[HALF - 1] + page[HALF], ==, 1);
  seq_block_unref (mine[0]);
  g_assert_true (is_mapped (page));
  seq_block_unref (mine[1]);
  g_assert_false (is_mapped (page));
  seq_block_unref (mine[2]);
  seq_block_unref (other);
  seq_block_pool_unref (pool);
}

/* Half a page that is free while the other half is in use is the next to be used, however few the
 * pool keeps. */
static void
test_half_is_kept (void)
{
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 0);
  SeqBlock *a = seq_block_pool_acquire (pool), *b = seq_block_pool_acquire (pool);
  guint8 *page = a->data;

  for (guint i = 0; i < 10; i++) {
    seq_block_unref (a);
    a = i % 2 == 0 ? acquire_elsewhere (pool) : seq_block_pool_acquire (pool);
    g_assert_true (a->data == page);
  }
  seq_block_unref (b);
  seq_block_unref (a);
  g_assert_false (is_mapped (page));
  seq_block_pool_unref (pool);
}

/* Threads that are gone don't leave more and more halves that nobody takes. */
static void
test_halves_of_others (void)
{
  enum { N = 16 };
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 0);
  SeqBlock *blocks[N + 2];
  GThread *threads[N];

  /* none is joined before all are there, or the next might pass for it */
  for (guint i = 0; i < N; i++)
    threads[i] = g_thread_new ("other", acquire_func, pool);
  for (guint i = 0; i < N; i++)
    blocks[i] = g_thread_join (threads[i]);
  for (guint i = N; i < N + 2; i++)
    blocks[i] = seq_block_pool_acquire (pool);
  for (guint i = 0; i < N + 2; i++) {
    g_assert_cmpuint (GPOINTER_TO_SIZE (blocks[i]->data) % PAGE, ==, i == N ? HALF : 0);
    memset (blocks[i]->data, 1, HALF);
  }
  for (guint i = 0; i < N + 2; i++)
    seq_block_unref (blocks[i]);
  seq_block_pool_unref (pool);
}

/* Who fills a block writes to it for each record: blocks share no lines of the cache. */
static void
test_no_false_sharing (void)
{
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 2);
  SeqBlock *blocks[3];

  G_STATIC_ASSERT (sizeof (SeqBlock) <= 128);
  for (guint i = 0; i < 3; i++)
    blocks[i] = seq_block_pool_acquire (pool);
  add_records (blocks[2], 1);
  blocks[2] = seq_block_finish (blocks[2]);     /* in memory of its own */
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpuint (GPOINTER_TO_SIZE (blocks[i]) % 128, ==, 0);
    seq_block_unref (blocks[i]);
  }
  seq_block_pool_unref (pool);
}

/* Half a page that grows moves, and leaves its half to others. What it moved to is used again for
 * such, and not for others, which would not fill it. */
static void
test_half_grows (void)
{
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 4);
  SeqBlock *a = seq_block_pool_acquire (pool), *b = seq_block_pool_acquire (pool);
  guint8 *first = a->data, *grown;

  memset (a->data, 1, HALF);
  memset (b->data, 2, HALF);
  a->size = a->capacity;
  g_assert_true (seq_block_grow (a, HALF));
  grown = a->data;
  g_assert_true (grown < first || grown >= first + PAGE);
  g_assert_cmpuint (a->mapped, ==, PAGE);
  g_assert_cmpuint (a->capacity, ==, PAGE - SEQ_BLOCK_SLACK);
  memset (a->data + a->size, 3, PAGE - a->size);
  memset (first, 4, HALF);
  for (gsize i = 0; i < HALF; i++) {
    g_assert_cmpuint (b->data[i], ==, 2);
    g_assert_cmpuint (a->data[i], ==, i < HALF - SEQ_BLOCK_SLACK ? 1 : 3);
  }
  seq_block_unref (a);
  a = seq_block_pool_acquire (pool);
  g_assert_true (a->data == first);
  memset (a->data, 5, HALF);
  a->size = 1000;
  g_assert_true (seq_block_grow (a, HALF + 1));
  g_assert_true (a->data == grown);
  g_assert_cmpuint (a->mapped, ==, PAGE);
  for (gsize i = 0; i < 1000; i++)
    g_assert_cmpuint (a->data[i], ==, 5);
  g_assert_cmpuint (b->data[0], ==, 2);
  seq_block_unref (b);
  b = acquire_elsewhere (pool);
  g_assert_true (b->data == first + HALF);
  seq_block_unref (a);
  seq_block_unref (b);
  seq_block_pool_unref (pool);
}

/* Halves that are mapped ahead: as many pages as they need, and the next to be acquired */
static void
test_fill_halves (void)
{
  SeqBlockPool *pool = seq_block_pool_new (SMALL, 100);
  SeqBlock *blocks[81];
  gsize before, filled, acquired, touched;

  read_memory (&before, &touched);
  seq_block_pool_fill (pool, 79, 0);
  seq_block_pool_fill (pool, 80, 0);
  read_memory (&filled, &touched);
  g_assert_cmpuint (filled - before, >=, 40 * PAGE);
  g_assert_cmpuint (filled - before, <, 60 * PAGE);
  for (guint i = 0; i < 80; i++)
    blocks[i] = seq_block_pool_acquire (pool);
  read_memory (&acquired, &touched);
  g_assert_cmpuint (acquired, <, filled + PAGE);
  blocks[80] = seq_block_pool_acquire (pool);
  read_memory (&acquired, &touched);
  g_assert_cmpuint (acquired, >=, filled + PAGE);
  for (guint i = 0; i < 81; i++)
    seq_block_unref (blocks[i]);
  seq_block_pool_unref (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/block/pool", test_pool);
  g_test_add_func ("/block/fill", test_fill);
  g_test_add_func ("/block/fill-halves", test_fill_halves);
  g_test_add_func ("/block/halves", test_halves);
  g_test_add_func ("/block/half-is-kept", test_half_is_kept);
  g_test_add_func ("/block/halves-of-others", test_halves_of_others);
  g_test_add_func ("/block/half-grows", test_half_grows);
  g_test_add_func ("/block/no-false-sharing", test_no_false_sharing);
  g_test_add_data_func ("/block/finish/half-page", GSIZE_TO_POINTER (SMALL), test_finish);
  g_test_add_data_func ("/block/finish/page", GSIZE_TO_POINTER (WHOLE), test_finish);
  g_test_add_func ("/block/small-blocks", test_small_blocks);
  g_test_add_func ("/block/grown-blocks", test_grown_blocks);
  g_test_add_func ("/block/grown-blocks-again", test_grown_blocks_again);
  g_test_add_func ("/block/spare-tables", test_spare_tables);
  return g_test_run ();
}
