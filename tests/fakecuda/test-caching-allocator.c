/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caching-allocator.h"

#include "fakecuda.h"

/* The reference allocator: its sizes are those that PyTorch's has after the same requests */

#define MIB ((guint64) 1 << 20)

static const FakeCuda *fake;
static CachingAllocator *allocator;

static void
begin (const gchar * config)
{
  fake->configure (config);
  allocator = caching_allocator_new (cuda_driver_get (NULL), 0);
  g_assert_nonnull (allocator);
}

static void
end (void)
{
  caching_allocator_free (allocator);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
  g_assert_cmpuint (fake->problems (), ==, 0);
}

static CUdeviceptr
take (gsize size)
{
  CUdeviceptr pointer = 0;

  g_assert_cmpint (caching_allocator_alloc (allocator, size, &pointer), ==, CUDA_SUCCESS);
  return pointer;
}

static void
give (CUdeviceptr pointer)
{
  caching_allocator_release (allocator, pointer);
}

static void
assert_stats (guint64 allocated, guint64 reserved, guint64 inactive_split, guint64 releasable)
{
  CachingStats stats;

  caching_allocator_get_stats (allocator, &stats);
  g_assert_cmpuint (stats.allocated, ==, allocated);
  g_assert_cmpuint (stats.reserved, ==, reserved);
  g_assert_cmpuint (stats.inactive_split, ==, inactive_split);
  g_assert_cmpuint (stats.releasable, ==, releasable);
  g_assert_cmpuint (stats.reserved, ==, allocated + inactive_split + releasable);
  g_assert_cmpuint (fake->alive ("memory-bytes"), ==, reserved);
}

static void
test_segment_sizes (void)
{
  static const struct
  {
    gsize size, block, segment;
  } cases[] = {
    {1, 512, 2 * MIB}, {512, 512, 2 * MIB}, {513, 1024, 2 * MIB}, {MIB, MIB, 2 * MIB},
    {MIB + 1, MIB + 512, 20 * MIB}, {10 * MIB - 512, 10 * MIB - 512, 20 * MIB},
    {10 * MIB, 10 * MIB, 10 * MIB}, {11 * MIB + 1, 12 * MIB, 12 * MIB},
    /* a rest of at most 1 MiB is not split off */
    {19 * MIB, 20 * MIB, 20 * MIB}, {31 * MIB, 32 * MIB, 32 * MIB},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    begin ("");
    take (cases[i].size);
    assert_stats (cases[i].block, cases[i].segment, cases[i].segment - cases[i].block, 0);
    end ();
  }
}

static void
test_split_and_merge (void)
{
  CUdeviceptr a, b, c, d;

  begin ("");
  a = take (4 * MIB);
  b = take (4 * MIB);
  c = take (4 * MIB);
  g_assert_cmpuint (b, ==, a + 4 * MIB);
  g_assert_cmpuint (c, ==, b + 4 * MIB);
  assert_stats (12 * MIB, 20 * MIB, 8 * MIB, 0);

  /* the smallest that fits: the hole, not the rest at the end */
  give (b);
  assert_stats (8 * MIB, 20 * MIB, 12 * MIB, 0);
  d = take (3 * MIB);           /* leaves no more than 1 MiB, so takes all */
  g_assert_cmpuint (d, ==, b);
  assert_stats (12 * MIB, 20 * MIB, 8 * MIB, 0);

  /* free neighbours, on both sides, are one block again */
  give (a);
  give (c);
  give (d);
  assert_stats (0, 20 * MIB, 0, 20 * MIB);
  a = take (9 * MIB);
  b = take (9 * MIB);
  assert_stats (18 * MIB, 20 * MIB, 2 * MIB, 0);
  give (a);
  g_assert_cmpuint (take (9 * MIB), ==, a);
  end ();                       /* gives back also what is in use */
}

/* Small and large requests don't share segments */
static void
test_two_pools (void)
{
  CUdeviceptr small, large;

  begin ("");
  large = take (2 * MIB);
  small = take (512);
  assert_stats (2 * MIB + 512, 22 * MIB, 20 * MIB - 512, 0);
  g_assert_cmpuint (take (MIB), ==, small + 512);
  give (large);
  assert_stats (MIB + 512, 22 * MIB, MIB - 512, 20 * MIB);
  end ();
}

static void
test_empty_cache (void)
{
  CUdeviceptr a, b;

  begin ("");
  a = take (30 * MIB);
  b = take (4 * MIB);
  give (a);
  assert_stats (4 * MIB, 50 * MIB, 16 * MIB, 30 * MIB);
  g_assert_cmpuint (caching_allocator_empty_cache (allocator), ==, 30 * MIB);
  assert_stats (4 * MIB, 20 * MIB, 16 * MIB, 0);        /* what is stranded stays */
  g_assert_cmpuint (caching_allocator_empty_cache (allocator), ==, 0);
  give (b);
  g_assert_cmpuint (caching_allocator_empty_cache (allocator), ==, 20 * MIB);
  assert_stats (0, 0, 0, 0);
  end ();
}

static void
test_peak (void)
{
  CachingStats stats;
  CUdeviceptr a;

  begin ("");
  a = take (100 * MIB);
  give (a);
  take (50 * MIB);
  caching_allocator_get_stats (allocator, &stats);
  g_assert_cmpuint (stats.peak, ==, 100 * MIB);
  g_assert_cmpuint (stats.peak_reserved, ==, 100 * MIB);
  caching_allocator_reset_peak (allocator);
  caching_allocator_get_stats (allocator, &stats);
  g_assert_cmpuint (stats.peak, ==, 50 * MIB);
  g_assert_cmpuint (stats.peak_reserved, ==, 100 * MIB);
  g_assert_cmpuint (stats.device_allocs, ==, 1);
  end ();
}

/* The cache goes before a request fails */
static void
test_out_of_memory (void)
{
  CachingStats stats;
  CUdeviceptr a, none = 0;

  begin ("total_mb=100");
  a = take (60 * MIB);
  give (a);
  a = take (80 * MIB);
  assert_stats (80 * MIB, 80 * MIB, 0, 0);
  caching_allocator_get_stats (allocator, &stats);
  g_assert_cmpuint (stats.retries, ==, 1);
  g_assert_cmpuint (stats.ooms, ==, 0);
  g_assert_cmpint (caching_allocator_alloc (allocator, 30 * MIB, &none), ==,
      CUDA_ERROR_OUT_OF_MEMORY);
  caching_allocator_get_stats (allocator, &stats);
  g_assert_cmpuint (stats.retries, ==, 2);
  g_assert_cmpuint (stats.ooms, ==, 1);
  assert_stats (80 * MIB, 80 * MIB, 0, 0);
  give (a);
  take (90 * MIB);
  g_assert_cmpint (caching_allocator_alloc (allocator, 0, &none), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (caching_allocator_alloc (allocator, G_MAXSIZE, &none), ==,
      CUDA_ERROR_INVALID_VALUE);
  end ();

  begin ("fail=MemAlloc:719");
  g_assert_cmpint (caching_allocator_alloc (allocator, 1, &none), ==, CUDA_ERROR_LAUNCH_FAILED);
  end ();
}

/* Blocks in use never overlap, and the sums hold, whatever the order of requests */
static void
test_random (void)
{
  GRand *random = g_rand_new_with_seed (5);
  CUdeviceptr pointers[64] = { 0 };
  gsize sizes[64] = { 0 };
  guint i, k;

  begin ("total_mb=1024");
  for (i = 0; i < 5000; i++) {
    CachingStats stats;
    guint slot = g_rand_int_range (random, 0, 64);
    gsize size = (gsize) 1 << g_rand_int_range (random, 4, 24);

    if (pointers[slot] != 0) {
      give (pointers[slot]);
      pointers[slot] = 0;
    } else {
      size += g_rand_int_range (random, 0, (gint) size);
      if (caching_allocator_alloc (allocator, size, &pointers[slot]) != CUDA_SUCCESS)
        pointers[slot] = 0;
      sizes[slot] = size;
      for (k = 0; pointers[slot] != 0 && k < 64; k++)
        g_assert_true (k == slot || pointers[k] == 0 || pointers[k] + sizes[k] <= pointers[slot]
            || pointers[slot] + size <= pointers[k]);
    }
    caching_allocator_get_stats (allocator, &stats);
    g_assert_cmpuint (stats.reserved, ==,
        stats.allocated + stats.inactive_split + stats.releasable);
  }
  for (k = 0; k < 64; k++)
    if (pointers[k] != 0)
      give (pointers[k]);
  caching_allocator_empty_cache (allocator);
  assert_stats (0, 0, 0, 0);
  end ();
  g_rand_free (random);
}

static void
test_provider (void)
{
  GstSeqMemoryProvider *provider;
  GstSeqMemoryStats stats;
  CUdeviceptr a;

  begin ("devices=2");
  provider = caching_provider_new (allocator);
  g_assert_cmpstr (gst_seq_memory_provider_get_name (provider), ==, "caching");
  a = take (30 * MIB);
  take (4 * MIB);
  give (a);
  g_assert_true (gst_seq_memory_provider_query (provider, 0, &stats));
  g_assert_cmpuint (stats.allocated, ==, 4 * MIB);
  g_assert_cmpuint (stats.reserved, ==, 50 * MIB);
  g_assert_cmpuint (stats.releasable, ==, 30 * MIB);
  g_assert_cmpuint (stats.peak, ==, 34 * MIB);
  g_assert_cmpuint (stats.free, ==, GST_SEQ_MEMORY_UNKNOWN);
  g_assert_false (gst_seq_memory_provider_query (provider, 1, &stats));
  g_assert_cmpuint (gst_seq_memory_provider_trim (provider, 1), ==, 0);
  g_assert_cmpuint (gst_seq_memory_provider_trim (provider, 0), ==, 30 * MIB);
  gst_seq_memory_provider_reset_peak (provider, 0);
  g_assert_true (gst_seq_memory_provider_query (provider, 0, &stats));
  g_assert_cmpuint (stats.peak, ==, 4 * MIB);
  g_object_unref (provider);
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fake = fakecuda_find ();
  g_assert_nonnull (fake);
  g_test_add_func ("/caching-allocator/segment-sizes", test_segment_sizes);
  g_test_add_func ("/caching-allocator/split-and-merge", test_split_and_merge);
  g_test_add_func ("/caching-allocator/two-pools", test_two_pools);
  g_test_add_func ("/caching-allocator/empty-cache", test_empty_cache);
  g_test_add_func ("/caching-allocator/peak", test_peak);
  g_test_add_func ("/caching-allocator/out-of-memory", test_out_of_memory);
  g_test_add_func ("/caching-allocator/random", test_random);
  g_test_add_func ("/caching-allocator/provider", test_provider);
  return g_test_run ();
}
