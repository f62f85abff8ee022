/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block-cache.h"
#include "fakecuda.h"

#define MIB ((gsize) 1 << 20)

static const FakeCuda *fake;

typedef struct
{
  CudaDevice *device;
  BlockCache *cache;
} Rig;

static void
rig_init (Rig * rig, BlockKind kind, guint64 max_size, const gchar * config)
{
  fake->configure (config);
  rig->device = cuda_device_get (0, NULL);
  g_assert_nonnull (rig->device);
  rig->cache = block_cache_new (rig->device, kind, max_size);
}

static void
rig_clear (Rig * rig)
{
  block_cache_unref (rig->cache);
  cuda_device_unref (rig->device);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->problems (), ==, 0);
}

static guint64
held (Rig * rig, guint64 * allocations)
{
  guint64 size, calls;

  block_cache_stats (rig->cache, &size, &calls);
  if (allocations != NULL)
    *allocations = calls;
  return size;
}

static MemoryBlock *
acquire (Rig * rig, gsize size)
{
  GError *error = NULL;
  MemoryBlock *block = block_cache_acquire (rig->cache, size, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (block->size, >=, size);
  g_assert_cmpuint (block->address % BLOCK_ALIGNMENT, ==, 0);
  g_assert_true (block_cache_contains (rig->cache, block->address, size));
  return block;
}

/* One allocation, cut into blocks of exactly the size */
static void
test_reserve (gconstpointer kind)
{
  MemoryBlock *blocks[8];
  guint64 allocations;
  Rig rig;
  guint i;

  rig_init (&rig, GPOINTER_TO_INT (kind), 0, "");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 8, 1000, NULL), ==, 8);
  g_assert_cmpuint (held (&rig, &allocations), ==, 8 * 1024);
  g_assert_cmpuint (allocations, ==, 1);
  /* they are there already */
  g_assert_cmpuint (block_cache_reserve (rig.cache, 8, 900, NULL), ==, 8);
  for (i = 0; i < 8; i++)
    blocks[i] = acquire (&rig, 1000);
  for (i = 1; i < 8; i++)
    g_assert_cmpuint (blocks[i]->address, ==, blocks[0]->address + i * 1024);
  held (&rig, &allocations);
  g_assert_cmpuint (allocations, ==, 1);
  g_assert_cmpuint (block_cache_reserve (rig.cache, 2, 900, NULL), ==, 2);
  held (&rig, &allocations);
  g_assert_cmpuint (allocations, ==, 2);
  for (i = 0; i < 8; i++)
    block_cache_release (blocks[i]);
  rig_clear (&rig);
}

static void
test_reserve_halves (void)
{
  GError *error = NULL;
  Rig rig;

  rig_init (&rig, BLOCK_PINNED, 0, "pin_limit_mb=5");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 16, MIB, NULL), ==, 4);
  rig_clear (&rig);

  rig_init (&rig, BLOCK_PINNED, 3 * MIB, "");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 16, MIB, NULL), ==, 2);
  rig_clear (&rig);

  rig_init (&rig, BLOCK_PINNED, MIB / 2, "");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 16, MIB, &error), ==, 0);
  g_assert_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL);
  g_clear_error (&error);
  g_assert_cmpuint (block_cache_reserve (rig.cache, 16, G_MAXSIZE, &error), ==, 0);
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_cmpuint (block_cache_reserve (rig.cache, G_MAXUINT, G_MAXSIZE / 2, &error), ==, 0);
  g_assert_nonnull (error);
  g_clear_error (&error);
  rig_clear (&rig);
}

static void
test_best_fit (gconstpointer kind)
{
  MemoryBlock *small, *large, *block;
  guint64 allocations;
  Rig rig;

  rig_init (&rig, GPOINTER_TO_INT (kind), 0, "");
  large = acquire (&rig, 100000);
  small = acquire (&rig, 10000);
  g_assert_cmpuint (large->size, ==, 26 * 4096);        /* of 16, 18, 20, … 32 pages */
  g_assert_cmpuint (small->size, ==, 3 * 4096);
  block_cache_release (large);
  block_cache_release (small);
  block = acquire (&rig, 9000);
  g_assert_true (block == small);
  block_cache_release (block);
  block = acquire (&rig, 12289);
  g_assert_true (block == large);
  block_cache_release (block);
  held (&rig, &allocations);
  g_assert_cmpuint (allocations, ==, 2);
  block = acquire (&rig, 0);
  g_assert_true (block == small);
  block_cache_release (block);
  g_assert_false (block_cache_contains (rig.cache, small->address - 1, 2));
  g_assert_false (block_cache_contains (rig.cache, small->address, small->size + 1));
  g_assert_false (block_cache_contains (rig.cache, 0, 1));
  rig_clear (&rig);
}

/* What is free and too small gives way to what is needed; what is in use does not. */
static void
test_evicts (gconstpointer kind)
{
  MemoryBlock *blocks[3], *large, *again;
  GError *error = NULL;
  Rig rig;
  guint i;

  rig_init (&rig, GPOINTER_TO_INT (kind), 4 * MIB, "");
  for (i = 0; i < 3; i++)
    blocks[i] = acquire (&rig, MIB);
  g_assert_null (block_cache_acquire (rig.cache, 2 * MIB, &error));
  g_assert_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL);
  g_clear_error (&error);
  for (i = 0; i < 3; i++)
    block_cache_release (blocks[i]);
  rig_clear (&rig);

  rig_init (&rig, GPOINTER_TO_INT (kind), 4 * MIB, "");
  for (i = 0; i < 3; i++)
    blocks[i] = acquire (&rig, MIB);
  for (i = 0; i < 3; i++)
    block_cache_release (blocks[i]);
  large = acquire (&rig, 2 * MIB);
  g_assert_cmpuint (held (&rig, NULL), ==, 3 * MIB);    /* for two of the three */
  block_cache_release (large);
  large = acquire (&rig, 3 * MIB);
  g_assert_cmpuint (held (&rig, NULL), ==, 3 * MIB);
  again = acquire (&rig, MIB);
  block_cache_release (again);
  block_cache_release (large);
  rig_clear (&rig);
}

/* Batches that become longer by a page each, a few at a time: what is held is what they take, and
 * calls of the driver are few. */
static void
test_ascending (gconstpointer kind)
{
  MemoryBlock *blocks[4] = { NULL };
  const guint n = 3000;
  guint64 allocations;
  Rig rig;

  rig_init (&rig, GPOINTER_TO_INT (kind), 0, "");
  for (guint i = 1; i <= n; i++) {
    if (blocks[i % 4])
      block_cache_release (blocks[i % 4]);
    blocks[i % 4] = acquire (&rig, i * 4096);
    g_assert_cmpuint (blocks[i % 4]->size, <=, i * 4096 + MAX (i * 4096 / 8, 4096));
    g_assert_cmpuint (held (&rig, NULL), <=, 6 * (i + 1) * 4096);
  }
  held (&rig, &allocations);
  g_assert_cmpuint (allocations, <=, 4 * 8 * 12);
  for (guint i = 0; i < 4; i++)
    block_cache_release (blocks[i]);
  rig_clear (&rig);
}

/* What was reserved does not give way to what there is memory for. */
static void
test_reserved_stays (gconstpointer kind)
{
  MemoryBlock *large;
  Rig rig;

  rig_init (&rig, GPOINTER_TO_INT (kind), 8 * MIB, "");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 1, MIB, NULL), ==, 1);
  large = acquire (&rig, 4 * MIB);
  g_assert_cmpuint (held (&rig, NULL), ==, 5 * MIB);
  block_cache_release (large);
  large = acquire (&rig, 8 * MIB);
  g_assert_cmpuint (held (&rig, NULL), ==, 8 * MIB);
  block_cache_release (large);
  rig_clear (&rig);
}

/* Where the limit leaves no room for a block of the usual size there is one for the exact size. */
static void
test_exact_at_limit (gconstpointer kind)
{
  MemoryBlock *block;
  Rig rig;

  rig_init (&rig, GPOINTER_TO_INT (kind), 33 * 4096, "");
  block = acquire (&rig, 33 * 4096);
  g_assert_cmpuint (block->size, ==, 33 * 4096);
  block_cache_release (block);
  rig_clear (&rig);
}

/* The driver's own limit */
static void
test_device_full (void)
{
  MemoryBlock *first, *second;
  GError *error = NULL;
  Rig rig;

  rig_init (&rig, BLOCK_DEVICE, 0, "oom_above_mb=10");
  first = acquire (&rig, 6 * MIB);
  g_assert_null (block_cache_acquire (rig.cache, 7 * MIB, &error));
  g_assert_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL);
  g_assert_nonnull (strstr (error->message, "CUDA_ERROR_OUT_OF_MEMORY"));
  g_clear_error (&error);
  block_cache_release (first);
  second = acquire (&rig, 7 * MIB);
  block_cache_release (second);
  rig_clear (&rig);
}

/* A pinned allocation that failed is not tried for each batch */
static void
test_exhausted (void)
{
  guint64 calls;
  Rig rig;

  rig_init (&rig, BLOCK_PINNED, 0, "pin_limit_mb=1");
  g_assert_null (block_cache_acquire (rig.cache, 2 * MIB, NULL));
  calls = fake->calls ("MemHostAlloc");
  g_assert_cmpuint (calls, ==, 1);
  g_assert_null (block_cache_acquire (rig.cache, 2 * MIB, NULL));
  g_assert_cmpuint (fake->calls ("MemHostAlloc"), ==, calls);
  rig_clear (&rig);
}

/* What can't be had in any case costs none of what there is, and none of what could be had later. */
static void
test_too_large (void)
{
  guint64 allocations;
  Rig rig;

  rig_init (&rig, BLOCK_PINNED, 5 * MIB, "");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 4, MIB, NULL), ==, 4);
  g_assert_null (block_cache_acquire (rig.cache, 6 * MIB, NULL));
  g_assert_cmpuint (held (&rig, &allocations), ==, 4 * MIB);
  g_assert_cmpuint (allocations, ==, 1);
  rig_clear (&rig);

  /* the driver's limit is found out by asking for it, once */
  rig_init (&rig, BLOCK_PINNED, 0, "pin_limit_mb=5");
  g_assert_cmpuint (block_cache_reserve (rig.cache, 4, MIB, NULL), ==, 4);
  g_assert_null (block_cache_acquire (rig.cache, 6 * MIB, NULL));
  block_cache_release (acquire (&rig, MIB));
  g_assert_null (block_cache_acquire (rig.cache, 6 * MIB, NULL));
  g_assert_cmpuint (held (&rig, NULL), ==, MIB);
  rig_clear (&rig);
}

/* Blocks keep the cache, and the cache the context */
static void
test_outlives (void)
{
  MemoryBlock *block;
  Rig rig;

  rig_init (&rig, BLOCK_PINNED, 0, "");
  block = acquire (&rig, 4096);
  block_cache_unref (rig.cache);
  cuda_device_unref (rig.device);
  *(guint8 *) GSIZE_TO_POINTER (block->address) = 1;
  block_cache_release (block);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

typedef struct
{
  Rig *rig;
  guint seed;
} Thrasher;

static gpointer
thrash (gpointer data)
{
  Thrasher *self = data;
  GRand *rand = g_rand_new_with_seed (self->seed);
  MemoryBlock *blocks[4] = { NULL };
  guint i, k;

  for (i = 0; i < 2000; i++) {
    k = g_rand_int_range (rand, 0, 4);
    if (blocks[k] != NULL) {
      /* nobody else has written to it */
      g_assert_cmpuint (*(guint32 *) GSIZE_TO_POINTER (blocks[k]->address), ==, self->seed);
      block_cache_release (blocks[k]);
    }
    blocks[k] = acquire (self->rig, g_rand_int_range (rand, 4, 40000));
    *(guint32 *) GSIZE_TO_POINTER (blocks[k]->address) = self->seed;
  }
  for (k = 0; k < 4; k++)
    block_cache_release (blocks[k]);
  g_rand_free (rand);
  return NULL;
}

static void
test_threads (void)
{
  Thrasher thrashers[4];
  GThread *threads[4];
  Rig rig;
  guint i;

  rig_init (&rig, BLOCK_PINNED, 0, "");
  block_cache_reserve (rig.cache, 4, 20000, NULL);
  for (i = 0; i < 4; i++) {
    thrashers[i] = (Thrasher) { &rig, i + 1 };
    threads[i] = g_thread_new ("thrash", thrash, &thrashers[i]);
  }
  for (i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  rig_clear (&rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fake = fakecuda_find ();
  g_assert_nonnull (fake);
#define ADD_BOTH(path, function) \
  g_test_add_data_func (path "/pinned", GINT_TO_POINTER (BLOCK_PINNED), function); \
  g_test_add_data_func (path "/device", GINT_TO_POINTER (BLOCK_DEVICE), function)
  ADD_BOTH ("/block-cache/reserve", test_reserve);
  ADD_BOTH ("/block-cache/best-fit", test_best_fit);
  ADD_BOTH ("/block-cache/evicts", test_evicts);
  ADD_BOTH ("/block-cache/ascending", test_ascending);
  ADD_BOTH ("/block-cache/reserved-stays", test_reserved_stays);
  ADD_BOTH ("/block-cache/exact-at-limit", test_exact_at_limit);
  g_test_add_func ("/block-cache/reserve-halves", test_reserve_halves);
  g_test_add_func ("/block-cache/device-full", test_device_full);
  g_test_add_func ("/block-cache/exhausted", test_exhausted);
  g_test_add_func ("/block-cache/too-large", test_too_large);
  g_test_add_func ("/block-cache/outlives", test_outlives);
  g_test_add_func ("/block-cache/threads", test_threads);
  return g_test_run ();
}
