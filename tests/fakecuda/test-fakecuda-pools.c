/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-test.h"

/* Stream-ordered memory: what a pool holds after each step, to the byte, and who may have what */

typedef struct
{
  guint64 reserved, reserved_high, used, used_high;
} Sizes;

static guint64
attribute (CUmemoryPool pool, CUmemPool_attribute number)
{
  guint64 value = 0;

  assert_ok (cu.MemPoolGetAttribute (pool, number, &value));
  return value;
}

static void
assert_sizes (CUmemoryPool pool, Sizes sizes)
{
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), ==, sizes.reserved);
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH), ==, sizes.reserved_high);
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), ==, sizes.used);
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH), ==, sizes.used_high);
}

#define assert_pool(pool, ...) assert_sizes (pool, (Sizes) { __VA_ARGS__ })

static CUmemoryPool
new_pool (guint64 threshold)
{
  CudaMemPoolProps props = {.alloc_type = CU_MEM_ALLOCATION_TYPE_PINNED,
    .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}
  };
  CUmemoryPool pool;

  assert_ok (cu.MemPoolCreate (&pool, &props));
  assert_ok (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  return pool;
}

static CUdeviceptr
pool_memory (CUmemoryPool pool, gsize size, CUstream stream)
{
  CUdeviceptr pointer = 0;

  assert_ok (cu.MemAllocFromPoolAsync (&pointer, size, pool, stream));
  return pointer;
}

/* ---- sizes ---- */

static void
test_sizes (void)
{
  CUmemoryPool pool;
  CUstream stream;
  CUdeviceptr a, b, c;
  guint64 zero = 0, one = 1;

  begin ("");
  stream = new_stream ();
  pool = new_pool (G_MAXUINT64);
  assert_pool (pool, 0, 0, 0, 0);
  a = pool_memory (pool, 1, stream);
  assert_pool (pool, 32 * MIB, 32 * MIB, 512, 512);
  b = pool_memory (pool, 20 * MIB, stream);
  assert_pool (pool, 32 * MIB, 32 * MIB, 20 * MIB + 512, 20 * MIB + 512);
  c = pool_memory (pool, 33 * MIB, stream);
  assert_pool (pool, 96 * MIB, 96 * MIB, 53 * MIB + 512, 53 * MIB + 512);

  /* freed when the stream gets there, not before */
  assert_ok (fake->kernel (stream, 1000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.MemFreeAsync (c, stream));
  assert_pool (pool, 96 * MIB, 96 * MIB, 53 * MIB + 512, 53 * MIB + 512);
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_pool (pool, 96 * MIB, 96 * MIB, 53 * MIB + 512, 53 * MIB + 512);
  assert_ok (cu.StreamSynchronize (stream));
  assert_pool (pool, 96 * MIB, 96 * MIB, 20 * MIB + 512, 53 * MIB + 512);

  /* the high ones start again from the current ones, and take no other value */
  assert_error (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &one),
      CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, &one),
      CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &zero),
      CUDA_ERROR_INVALID_VALUE);
  assert_ok (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &zero));
  assert_pool (pool, 96 * MIB, 96 * MIB, 20 * MIB + 512, 20 * MIB + 512);
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_ok (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, &zero));
  assert_pool (pool, 32 * MIB, 32 * MIB, 20 * MIB + 512, 20 * MIB + 512);

  assert_ok (cu.MemFreeAsync (a, stream));
  assert_ok (cu.MemFree (b));   /* this one at once, with all before it */
  assert_pool (pool, 32 * MIB, 32 * MIB, 0, 20 * MIB + 512);
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

static void
test_threshold (void)
{
  CUmemoryPool pool;
  CUstream stream;
  CUdeviceptr pieces[4];
  gsize free_size, total;
  guint i;

  begin ("total_mb=256");
  stream = new_stream ();
  assert_ok (cu.DeviceGetDefaultMemPool (&pool, 0));
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD), ==, 0);
  for (i = 0; i < 4; i++)
    pieces[i] = pool_memory (pool, 32 * MIB, stream);
  assert_ok (cu.MemFreeAsync (pieces[0], stream));
  assert_pool (pool, 128 * MIB, 128 * MIB, 96 * MIB, 128 * MIB);
  assert_ok (cu.StreamSynchronize (stream));
  assert_pool (pool, 96 * MIB, 128 * MIB, 96 * MIB, 128 * MIB);
  assert_ok (cu.MemGetInfo (&free_size, &total));
  g_assert_cmpuint (free_size, ==, 160 * MIB);

  /* as much as that is kept */
  free_size = 64 * MIB;
  assert_ok (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &free_size));
  for (i = 1; i < 4; i++)
    assert_ok (cu.MemFreeAsync (pieces[i], stream));
  assert_ok (cu.CtxSynchronize ());
  assert_pool (pool, 64 * MIB, 128 * MIB, 0, 128 * MIB);
  assert_ok (cu.MemPoolTrimTo (pool, 32 * MIB));
  assert_pool (pool, 32 * MIB, 128 * MIB, 0, 128 * MIB);
  assert_ok (cu.MemPoolTrimTo (pool, 1));       /* at least that much stays */
  assert_pool (pool, 32 * MIB, 128 * MIB, 0, 128 * MIB);
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_pool (pool, 0, 128 * MIB, 0, 128 * MIB);
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* A chunk of which a little is in use stays: that is what is stranded */
static void
test_stranded (void)
{
  CUmemoryPool pool;
  CUstream stream;
  CUdeviceptr small[3], large[3];
  guint i;

  begin ("");
  stream = new_stream ();
  pool = new_pool (G_MAXUINT64);
  for (i = 0; i < 3; i++) {
    large[i] = pool_memory (pool, 31 * MIB, stream);
    small[i] = pool_memory (pool, MIB, stream);
  }
  assert_pool (pool, 96 * MIB, 96 * MIB, 96 * MIB, 96 * MIB);
  for (i = 0; i < 3; i++)
    assert_ok (cu.MemFreeAsync (large[i], stream));
  assert_ok (cu.StreamSynchronize (stream));
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_pool (pool, 96 * MIB, 96 * MIB, 3 * MIB, 96 * MIB);
  assert_ok (cu.MemFree (small[1]));
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_pool (pool, 64 * MIB, 96 * MIB, 2 * MIB, 96 * MIB);
  assert_ok (cu.MemFree (small[0]));
  assert_ok (cu.MemFree (small[2]));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* The smallest hole that fits is taken, and split */
static void
test_best_fit (void)
{
  static const guint sizes[] = { 10, 1, 4, 1, 6, 1 };
  CUmemoryPool pool;
  CUstream stream;
  CUdeviceptr pieces[G_N_ELEMENTS (sizes)], memory;
  guint i;

  begin ("");
  stream = new_stream ();
  pool = new_pool (G_MAXUINT64);
  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    pieces[i] = pool_memory (pool, sizes[i] * MIB, stream);
  for (i = 0; i < G_N_ELEMENTS (sizes); i += 2)
    assert_ok (cu.MemFree (pieces[i]));
  memory = pool_memory (pool, 5 * MIB, stream);
  g_assert_cmpuint (memory, ==, pieces[4]);
  assert_ok (cu.MemFree (memory));
  memory = pool_memory (pool, 512, stream);
  g_assert_cmpuint (memory, ==, pieces[2]);
  assert_ok (cu.MemFree (memory));
  memory = pool_memory (pool, 7 * MIB, stream);
  g_assert_cmpuint (memory, ==, pieces[5] + MIB);       /* the rest of the chunk: 9 MiB */
  assert_ok (cu.MemFree (memory));
  assert_pool (pool, 32 * MIB, 32 * MIB, 3 * MIB, 23 * MIB);
  for (i = 1; i < G_N_ELEMENTS (sizes); i += 2)
    assert_ok (cu.MemFree (pieces[i]));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* ---- reuse ---- */

static void
test_reuse (void)
{
  CUmemoryPool pool;
  CUstream a, b;
  CUevent event;
  CUdeviceptr first, second, third;
  gint no = 0;

  begin ("");
  a = new_stream ();
  b = new_stream ();
  event = new_event ();
  pool = new_pool (G_MAXUINT64);

  /* the same stream has it at once, although the free has not come about */
  first = pool_memory (pool, 32 * MIB, a);
  assert_ok (fake->kernel (a, 1000000, 0, 0, NULL, first, 64, 1));
  assert_ok (cu.MemFreeAsync (first, a));
  second = pool_memory (pool, 32 * MIB, a);
  g_assert_cmpuint (second, ==, first);
  assert_pool (pool, 32 * MIB, 32 * MIB, 32 * MIB, 32 * MIB);

  /* another stream does not */
  assert_ok (cu.MemFreeAsync (second, a));
  third = pool_memory (pool, 32 * MIB, b);
  g_assert_cmpuint (third, !=, first);
  assert_pool (pool, 64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB);
  assert_ok (cu.MemFree (third));

  /* unless it waits for the free */
  first = pool_memory (pool, 64 * MIB, a);
  assert_ok (fake->kernel (a, 1000000, 0, 0, NULL, first, 64, 1));
  assert_ok (cu.MemFreeAsync (first, a));
  assert_ok (cu.EventRecord (event, a));
  assert_ok (cu.StreamWaitEvent (b, event, 0));
  second = pool_memory (pool, 64 * MIB, b);
  g_assert_cmpuint (second, ==, first);
  assert_ok (cu.MemFreeAsync (second, b));

  /* or the free is over; that can be forbidden, and then order counts */
  fake->advance (G_TIME_SPAN_SECOND);
  third = pool_memory (pool, 64 * MIB, a);
  g_assert_cmpuint (third, ==, first);
  assert_ok (cu.MemFreeAsync (third, a));
  fake->advance (G_TIME_SPAN_SECOND);
  assert_ok (cu.MemPoolSetAttribute (pool, 2, &no));
  third = pool_memory (pool, 64 * MIB, b);
  g_assert_cmpuint (third, !=, first);
  assert_ok (cu.MemFreeAsync (third, b));

  assert_ok (cu.CtxSynchronize ());
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.EventDestroy (event));
  assert_ok (cu.StreamDestroy (a));
  assert_ok (cu.StreamDestroy (b));
  end ();
}

/* Before a pool fails it lets one stream wait for another, and gives back what it does not use */
static void
test_last_resort (void)
{
  CUmemoryPool pool;
  CUstream a, b;
  CUdeviceptr first, second, third;
  gint no = 0;
  guint64 sum;

  begin ("total_mb=64");
  a = new_stream ();
  b = new_stream ();
  pool = new_pool (G_MAXUINT64);
  first = pool_memory (pool, 64 * MIB, a);
  assert_ok (fake->kernel (a, 1000000, 0, 0, NULL, first, 64, 1));
  assert_ok (cu.MemFreeAsync (first, a));
  second = pool_memory (pool, 64 * MIB, b);
  g_assert_cmpuint (second, ==, first);
  assert_ok (fake->kernel (b, 0, 0, 0, NULL, second, 64, 2));
  assert_ok (fake->kernel (b, 0, second, 64, &sum, 0, 0, -1));
  assert_error (cu.StreamQuery (b), CUDA_ERROR_NOT_READY);      /* it waits for a */
  assert_error (cu.MemAllocFromPoolAsync (&third, 1, pool, a), CUDA_ERROR_OUT_OF_MEMORY);
  assert_ok (cu.MemFreeAsync (second, b));
  assert_ok (cu.StreamSynchronize (b));
  g_assert_cmpuint (sum, ==, 128);

  /* two chunks become one of twice the size */
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  first = pool_memory (pool, 32 * MIB, a);
  second = pool_memory (pool, 32 * MIB, a);
  assert_ok (cu.MemFreeAsync (first, a));
  assert_ok (cu.MemFreeAsync (second, a));
  assert_ok (cu.StreamSynchronize (a));
  first = pool_memory (pool, 64 * MIB, a);
  assert_pool (pool, 64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB);

  assert_ok (fake->kernel (a, 1000000, 0, 0, NULL, 0, 0, -1));
  assert_ok (cu.MemFreeAsync (first, a));
  assert_ok (cu.MemPoolSetAttribute (pool, 3, &no));
  assert_error (cu.MemAllocFromPoolAsync (&third, 1, pool, b), CUDA_ERROR_OUT_OF_MEMORY);
  assert_ok (cu.StreamSynchronize (a));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.StreamDestroy (a));
  assert_ok (cu.StreamDestroy (b));
  end ();
}

static void
test_order (void)
{
  CUmemoryPool pool;
  CUstream a, b;
  CUdeviceptr memory;

  begin ("");
  a = new_stream ();
  b = new_stream ();
  pool = new_pool (0);
  memory = pool_memory (pool, 64, a);
  assert_ok (fake->kernel (b, 0, 0, 0, NULL, memory, 64, 1));   /* not there yet */
  assert_problems (1);
  assert_ok (cu.MemFreeAsync (memory, a));      /* while b writes it */
  assert_problems (1);
  assert_error (fake->kernel (a, 0, memory, 64, NULL, 0, 0, -1), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemFreeAsync (memory, a), CUDA_ERROR_INVALID_VALUE);
  assert_problems (2);

  /* a new allocation has nothing of the old one in it */
  memory = pool_memory (pool, 64, a);
  assert_ok (fake->kernel (a, 0, memory, 64, NULL, 0, 0, -1));
  assert_ok (cu.StreamSynchronize (a));
  assert_problems (1);
  assert_ok (cu.MemFreeAsync (memory, a));
  memory = new_memory (64);
  assert_error (cu.MemFreeAsync (memory, a), CUDA_ERROR_INVALID_VALUE);
  assert_problems (1);
  assert_ok (cu.MemFree (memory));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.StreamDestroy (a));
  assert_ok (cu.StreamDestroy (b));
  end ();
}

/* Memory in use never overlaps, and the sums hold, whatever the order of what three streams do */
static void
test_random (void)
{
  GRand *random = g_rand_new_with_seed (7);
  CUstream streams[3];
  CUmemoryPool pool;
  struct
  {
    CUdeviceptr pointer;
    gsize size;
    guint stream;
  } memory[48] = { 0 };
  guint64 used = 0;
  guint i, k;

  begin ("total_mb=512");
  pool = new_pool (128 * MIB);
  for (i = 0; i < 3; i++)
    streams[i] = new_stream ();
  for (i = 0; i < 6000; i++) {
    guint slot = g_rand_int_range (random, 0, G_N_ELEMENTS (memory));
    guint stream = g_rand_int_range (random, 0, 3);
    gsize size = (gsize) 512 << g_rand_int_range (random, 0, 17);

    if (memory[slot].pointer != 0) {
      assert_ok (fake->kernel (streams[memory[slot].stream], 5000, 0, 0, NULL,
              memory[slot].pointer, memory[slot].size, -1));
      assert_ok (cu.MemFreeAsync (memory[slot].pointer, streams[memory[slot].stream]));
      used -= memory[slot].size;
      memory[slot].pointer = 0;
    } else if (cu.MemAllocFromPoolAsync (&memory[slot].pointer, size, pool, streams[stream])
        == CUDA_SUCCESS) {
      memory[slot].size = size;
      memory[slot].stream = stream;
      used += size;
      for (k = 0; k < G_N_ELEMENTS (memory); k++)
        g_assert_true (k == slot || memory[k].pointer == 0
            || memory[k].pointer + memory[k].size <= memory[slot].pointer
            || memory[slot].pointer + size <= memory[k].pointer);
    } else {
      memory[slot].pointer = 0;
    }
    g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), >=, used);
    g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) % (32 * MIB), ==, 0);
    if (i % 100 == 0) {
      assert_ok (cu.CtxSynchronize ());
      g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), ==, used);
    }
  }
  for (k = 0; k < G_N_ELEMENTS (memory); k++)
    if (memory[k].pointer != 0)
      assert_ok (cu.MemFreeAsync (memory[k].pointer, streams[memory[k].stream]));
  assert_ok (cu.CtxSynchronize ());
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  g_assert_cmpuint (attribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), ==, 0);
  assert_ok (cu.MemPoolDestroy (pool));
  for (i = 0; i < 3; i++)
    assert_ok (cu.StreamDestroy (streams[i]));
  end ();
  g_rand_free (random);
}

/* ---- pools of a device ---- */

static void
test_current_pool (void)
{
  CUmemoryPool pool, current, usual;
  CUdeviceptr memory, elsewhere;
  CUstream stream;

  begin ("devices=2");
  stream = new_stream ();
  assert_ok (cu.DeviceGetDefaultMemPool (&usual, 0));
  assert_ok (cu.DeviceGetMemPool (&current, 0));
  g_assert_true (current == usual);
  assert_ok (cu.DeviceGetDefaultMemPool (&current, 1));
  g_assert_true (current != usual);
  assert_error (cu.MemAllocFromPoolAsync (&elsewhere, 1, current, stream),
      CUDA_ERROR_INVALID_VALUE);
  assert_problems (1);
  g_assert_cmpuint (fake->alive ("pool"), ==, 0);

  pool = new_pool (0);
  assert_ok (cu.DeviceSetMemPool (0, pool));
  assert_ok (cu.MemAllocAsync (&memory, MIB, stream));
  assert_ok (cu.PointerGetAttribute (&current, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, memory + 5));
  g_assert_true (current == pool);
  assert_pool (pool, 32 * MIB, 32 * MIB, MIB, MIB);
  assert_pool (usual, 0, 0, 0, 0);
  assert_ok (cu.MemFreeAsync (memory, stream));
  assert_ok (cu.StreamSynchronize (stream));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_ok (cu.DeviceGetMemPool (&current, 0));
  g_assert_true (current == usual);
  assert_error (cu.MemPoolTrimTo (pool, 0), CUDA_ERROR_INVALID_VALUE);
  assert_error (cu.MemPoolDestroy (usual), CUDA_ERROR_INVALID_VALUE);
  assert_problems (2);
  assert_ok (cu.StreamDestroy (stream));
  end ();
}

/* Pools can be asked without a context, and asking makes none */
static void
test_no_context (void)
{
  CUmemoryPool pool;
  unsigned int flags;
  gint active;

  fake->configure ("");
  cuda_functions_load (&cu);
  assert_ok (cu.Init (0));
  assert_ok (cu.DeviceGetDefaultMemPool (&pool, 0));
  assert_pool (pool, 0, 0, 0, 0);
  assert_ok (cu.MemPoolTrimTo (pool, 0));
  assert_ok (cu.DevicePrimaryCtxGetState (0, &flags, &active));
  g_assert_false (active);
  assert_problems (0);
}

static void
test_bad_properties (void)
{
  CudaMemPoolProps props = {.alloc_type = CU_MEM_ALLOCATION_TYPE_PINNED,
    .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0},.reserved = {[55] = 1}
  };
  CUmemoryPool pool;

  begin ("");
  assert_error (cu.MemPoolCreate (&pool, &props), CUDA_ERROR_INVALID_VALUE);
  props.reserved[55] = 0;
  props.location.id = 1;
  assert_error (cu.MemPoolCreate (&pool, &props), CUDA_ERROR_INVALID_DEVICE);
  assert_problems (2);
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fakecuda/pools/sizes", test_sizes);
  g_test_add_func ("/fakecuda/pools/threshold", test_threshold);
  g_test_add_func ("/fakecuda/pools/stranded", test_stranded);
  g_test_add_func ("/fakecuda/pools/best-fit", test_best_fit);
  g_test_add_func ("/fakecuda/pools/reuse", test_reuse);
  g_test_add_func ("/fakecuda/pools/last-resort", test_last_resort);
  g_test_add_func ("/fakecuda/pools/order", test_order);
  g_test_add_func ("/fakecuda/pools/random", test_random);
  g_test_add_func ("/fakecuda/pools/current", test_current_pool);
  g_test_add_func ("/fakecuda/pools/no-context", test_no_context);
  g_test_add_func ("/fakecuda/pools/bad-properties", test_bad_properties);
  return run_fakecuda_tests ();
}
