/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "block.h"

#define ARENA ((gsize) 2 << 20)

static void
test_pool (void)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 1);
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
table_is_in_arena (const SeqBlock * block)
{
  const guint8 *table = (const guint8 *) block->records;

  return table >= block->data && table < block->data + ARENA;
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
  seq_block_finish (block);
  g_assert_cmpint (table_is_in_arena (block), ==, fits);
  if (fits) {
    g_assert_cmpuint ((const guint8 *) block->records - block->data, >=, size);
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
test_finish (void)
{
  /* one block, used again and again, with its table in all places */
  SeqBlockPool *pool = seq_block_pool_new (1000, 1);
  const gsize capacity = ARENA - SEQ_BLOCK_SLACK, record = sizeof (GstSeqRecord);

  check_finish (pool, 0, 0, FALSE);
  check_finish (pool, 100, 1, TRUE);
  check_finish (pool, 101, 5000, TRUE);
  check_finish (pool, 0, 65536, TRUE);
  check_finish (pool, 1, 65536, FALSE);
  check_finish (pool, ARENA - 10 * record, 10, TRUE);
  check_finish (pool, ARENA - 10 * record, 11, FALSE);
  check_finish (pool, ARENA - 10 * record + 1, 10, FALSE);
  check_finish (pool, capacity, 2, TRUE);
  check_finish (pool, capacity, 3, FALSE);
  check_finish (pool, 100, 3, TRUE);
  check_finish (pool, 500, 0, FALSE);
  seq_block_pool_unref (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/block/pool", test_pool);
  g_test_add_func ("/block/finish", test_finish);
  return g_test_run ();
}
