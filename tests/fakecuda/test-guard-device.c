/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caching-allocator.h"
#include "fakecuda-test.h"

#include <gst/check/gstharness.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* cudamemguard on the driver: pools, free memory, captures, lost contexts */

/* ---- rigs ---- */

typedef struct
{
  GstHarness *h;
  GstElement *guard;
  GstBus *bus;
} Rig;

static void
rig_init (Rig * rig, const gchar * properties)
{
  gchar *launch = g_strdup_printf ("cudamemguard stats-interval=0 %s", properties);

  rig->h = gst_harness_new_parse (launch);
  rig->guard = gst_harness_find_element (rig->h, "cudamemguard");
  rig->bus = gst_bus_new ();
  gst_element_set_bus (rig->guard, rig->bus);
  gst_harness_set_src_caps_str (rig->h, "test/x");
  g_free (launch);
}

static void
rig_clear (Rig * rig)
{
  gst_bus_set_flushing (rig->bus, TRUE);
  gst_element_set_bus (rig->guard, NULL);
  gst_object_unref (rig->bus);
  gst_object_unref (rig->guard);
  gst_harness_teardown (rig->h);
}

static void
push (Rig * rig, guint n)
{
  while (n-- > 0) {
    g_assert_cmpint (gst_harness_push (rig->h, gst_buffer_new ()), ==, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (rig->h));
  }
}

static GstStructure *
query (Rig * rig)
{
  GstStructure *stats = NULL;

  g_signal_emit_by_name (rig->guard, "query-stats", &stats);
  g_assert_nonnull (stats);
  return stats;
}

static guint64
field (const GstStructure * structure, const gchar * name)
{
  guint64 value = 0;

  if (!gst_structure_get_uint64 (structure, name, &value))
    g_error ("no field %s", name);
  return value;
}

static guint64
stat_of (Rig * rig, const gchar * name)
{
  GstStructure *stats = query (rig);
  guint64 value = field (stats, name);

  gst_structure_free (stats);
  return value;
}

static void
assert_source (Rig * rig, const gchar * source)
{
  GstStructure *stats = query (rig);

  g_assert_cmpstr (gst_structure_get_string (stats, "source"), ==, source);
  gst_structure_free (stats);
}

static guint64
trim (Rig * rig)
{
  guint64 freed = 0;

  g_signal_emit_by_name (rig->guard, "trim", &freed);
  return freed;
}

static guint
count_messages (Rig * rig, const gchar * event)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop (rig->bus))) {
    if (gst_message_has_name (message, "cuda-memguard"))
      n += g_str_equal (gst_structure_get_string (gst_message_get_structure (message), "event"),
          event);
    gst_message_unref (message);
  }
  return n;
}

/* ---- pools ---- */

static CUmemoryPool
default_pool (void)
{
  CUmemoryPool pool = NULL;

  assert_ok (cu.DeviceGetDefaultMemPool (&pool, 0));
  return pool;
}

static CUmemoryPool
new_pool (gint device)
{
  CudaMemPoolProps props = {.alloc_type = CU_MEM_ALLOCATION_TYPE_PINNED,
    .location = { CU_MEM_LOCATION_TYPE_DEVICE, device }
  };
  CUmemoryPool pool = NULL;

  assert_ok (cu.MemPoolCreate (&pool, &props));
  return pool;
}

/* Leaves @size bytes in the pool that nobody uses, in parts that can go one by one */
static void
fill_pool (CUmemoryPool pool, gsize size)
{
  const gsize part = 32 * MIB;
  uint64_t threshold = G_MAXUINT64;
  CUdeviceptr pointers[16];
  gsize n = (size + part - 1) / part, i;

  g_assert_cmpuint (n, <=, G_N_ELEMENTS (pointers));
  assert_ok (cu.MemPoolSetAttribute (pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  for (i = 0; i < n; i++)
    assert_ok (cu.MemAllocFromPoolAsync (&pointers[i], MIN (part, size - i * part), pool, NULL));
  for (i = 0; i < n; i++)
    assert_ok (cu.MemFreeAsync (pointers[i], NULL));
  assert_ok (cu.StreamSynchronize (NULL));
}

static guint64
reserved (CUmemoryPool pool)
{
  uint64_t value = 0;

  assert_ok (cu.MemPoolGetAttribute (pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &value));
  return value;
}

/* ---- tests: what it knows ---- */

/* Nobody has made a context: none is made, and nothing asked. */
static void
test_no_context (void)
{
  CUcontext current = NULL;
  Rig rig;

  begin ("");
  assert_ok (cu.CtxPopCurrent (&current));
  assert_ok (cu.DevicePrimaryCtxRelease (0));
  rig_init (&rig, "interval=1");
  push (&rig, 5);
  assert_source (&rig, "none");
  trim (&rig);
  g_assert_cmpuint (fake->calls ("DevicePrimaryCtxRetain"), ==, 1);     /* that of begin() */
  g_assert_cmpuint (fake->calls ("MemGetInfo"), ==, 0);
  g_assert_cmpuint (fake->calls ("DeviceGetDefaultMemPool"), ==, 0);
  g_assert_cmpuint (fake->calls ("CtxSynchronize"), ==, 0);
  g_assert_cmpuint (fake->alive ("context"), ==, 0);

  /* now there is one */
  assert_ok (cu.DevicePrimaryCtxRetain (&context, 0));
  assert_ok (cu.CtxPushCurrent (context));
  assert_source (&rig, "device");
  rig_clear (&rig);
  end ();
}

static void
test_device (void)
{
  GstStructure *stats;
  CUdeviceptr memory;
  Rig rig;

  begin ("total_mb=1000,other_proc=100");
  memory = new_memory (300 * MIB);
  rig_init (&rig, "");
  stats = query (&rig);
  g_assert_cmpstr (gst_structure_get_string (stats, "source"), ==, "device");
  g_assert_cmpuint (field (stats, "total"), ==, 1000 * MIB);
  g_assert_cmpuint (field (stats, "free"), <=, 600 * MIB);
  g_assert_cmpuint (field (stats, "free"), >, 0);
  g_assert_false (gst_structure_has_field (stats, "allocated"));
  g_assert_false (gst_structure_has_field (stats, "reserved"));
  gst_structure_free (stats);
  assert_ok (cu.MemFree (memory));
  rig_clear (&rig);
  end ();
}

static void
test_default_pool (void)
{
  GstStructure *stats;
  CUmemoryPool pool;
  CUdeviceptr used;
  Rig rig;

  begin ("");
  pool = default_pool ();
  fill_pool (pool, 200 * MIB);
  assert_ok (cu.MemAllocFromPoolAsync (&used, 10 * MIB, pool, NULL));
  rig_init (&rig, "");
  stats = query (&rig);
  g_assert_cmpstr (gst_structure_get_string (stats, "source"), ==, "default-pool+device");
  g_assert_cmpuint (field (stats, "allocated"), ==, 10 * MIB);
  g_assert_cmpuint (field (stats, "reserved"), ==, reserved (pool));
  g_assert_cmpuint (field (stats, "peak"), ==, 200 * MIB);
  g_assert_false (gst_structure_has_field (stats, "stranded"));
  gst_structure_free (stats);

  g_signal_emit_by_name (rig.guard, "reset-peak");
  g_assert_cmpuint (stat_of (&rig, "peak"), ==, 10 * MIB);
  assert_ok (cu.MemFreeAsync (used, NULL));
  g_assert_cmpuint (trim (&rig), >=, 200 * MIB);
  g_assert_cmpuint (reserved (pool), ==, 0);
  g_assert_cmpuint (stat_of (&rig, "stranded"), ==, 0);
  g_assert_cmpuint (stat_of (&rig, "freed"), >=, 200 * MIB);
  rig_clear (&rig);
  end ();
}

/* One call for each attribute of a pool, and one for the device, a sample */
static void
test_calls (void)
{
  guint64 attributes, infos, samples;
  Rig rig;

  begin ("");
  fill_pool (default_pool (), 64 * MIB);
  rig_init (&rig, "interval=0");
  gst_structure_free (query (&rig));
  attributes = fake->calls ("MemPoolGetAttribute");
  infos = fake->calls ("MemGetInfo");
  gst_structure_free (query (&rig));
  g_assert_cmpuint (fake->calls ("MemPoolGetAttribute") - attributes, ==, 3);
  g_assert_cmpuint (fake->calls ("MemGetInfo") - infos, ==, 1);

  attributes = fake->calls ("MemPoolGetAttribute");
  infos = fake->calls ("MemGetInfo");
  push (&rig, 1000);
  samples = fake->calls ("MemGetInfo") - infos;
  g_assert_cmpuint (samples, <=, 1000);
  g_assert_cmpuint (fake->calls ("MemPoolGetAttribute") - attributes, ==, 3 * samples);
  rig_clear (&rig);
  end ();
}

static void
test_trim_keep (void)
{
  CUmemoryPool pool;
  Rig rig;

  begin ("");
  pool = default_pool ();
  rig_init (&rig, "trim-keep=67108864 interval=2");
  fill_pool (pool, 320 * MIB);
  push (&rig, 2);
  g_assert_cmpuint (reserved (pool), >=, 64 * MIB);
  g_assert_cmpuint (reserved (pool), <, 320 * MIB);

  /* from the next trim on */
  g_object_set (rig.guard, "trim-keep", G_GUINT64_CONSTANT (0), NULL);
  push (&rig, 2);
  g_assert_cmpuint (reserved (pool), ==, 0);
  rig_clear (&rig);
  end ();
}

/* A pool of somebody else is neither looked at nor trimmed, until it is added. */
static void
test_foreign_pool (void)
{
  CUmemoryPool pool;
  guint64 before;
  Rig rig;

  begin ("");
  pool = new_pool (0);
  fill_pool (pool, 100 * MIB);
  before = reserved (pool);
  rig_init (&rig, "interval=1");
  push (&rig, 3);
  assert_source (&rig, "device");
  g_assert_cmpuint (reserved (pool), ==, before);

  g_signal_emit_by_name (rig.guard, "add-pool", (guint64) GPOINTER_TO_SIZE (pool));
  assert_source (&rig, "pool+device");
  g_assert_cmpuint (stat_of (&rig, "reserved"), ==, before);
  g_assert_cmpuint (trim (&rig), ==, before);
  g_assert_cmpuint (reserved (pool), ==, 0);
  fill_pool (pool, 100 * MIB);
  g_signal_emit_by_name (rig.guard, "remove-pool", (guint64) GPOINTER_TO_SIZE (pool));
  push (&rig, 3);
  g_assert_cmpuint (reserved (pool), ==, before);
  assert_ok (cu.MemPoolDestroy (pool));
  assert_source (&rig, "device");
  rig_clear (&rig);
  end ();
}

/* What providers say of allocated and reserved memory is not added to what pools say. */
static void
test_provider_first (void)
{
  CachingAllocator *allocator;
  GstSeqMemoryProvider *provider;
  CUdeviceptr memory;
  Rig rig;

  begin ("");
  fill_pool (default_pool (), 64 * MIB);
  allocator = caching_allocator_new (cuda_driver_get (NULL), 0);
  provider = caching_provider_new (allocator);
  assert_ok (caching_allocator_alloc (allocator, 20 * MIB, &memory));
  rig_init (&rig, "");
  g_signal_emit_by_name (rig.guard, "add-provider", provider);
  assert_source (&rig, "caching+device");
  g_assert_cmpuint (stat_of (&rig, "reserved"), ==, 20 * MIB);
  g_assert_cmpuint (stat_of (&rig, "stranded"), ==, 0);

  /* but a trim is for both */
  caching_allocator_release (allocator, memory);
  g_assert_cmpuint (trim (&rig), ==, 84 * MIB);
  rig_clear (&rig);
  g_object_unref (provider);
  caching_allocator_free (allocator);
  end ();
}

/* ---- device memory that passes ---- */

#define TEST_TYPE_ALLOCATOR (test_allocator_get_type ())
G_DECLARE_FINAL_TYPE (TestAllocator, test_allocator, TEST, ALLOCATOR, GstAllocator)

struct _TestAllocator
{
  GstAllocator parent;
};

G_DEFINE_TYPE (TestAllocator, test_allocator, GST_TYPE_ALLOCATOR)

typedef struct
{
  GstMemory memory;
  CUdeviceptr pointer;
} TestMemory;

static gpointer
test_memory_map (GstMemory * memory, GstMapInfo * info, gsize size)
{
  /* its address on the host is asked for by nobody here */
  g_assert_cmphex (info->flags, ==, GST_MAP_READ | (1 << 17));
  return GSIZE_TO_POINTER (((TestMemory *) memory)->pointer);
}

static void
test_memory_unmap (GstMemory * memory, GstMapInfo * info)
{
}

static void
test_allocator_free (GstAllocator * allocator, GstMemory * memory)
{
  g_free (memory);
}

static void
test_allocator_class_init (TestAllocatorClass * klass)
{
  GST_ALLOCATOR_CLASS (klass)->free = test_allocator_free;
}

static void
test_allocator_init (TestAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR (self);

  allocator->mem_type = "gst.cuda.memory";      /* as in GStreamer's CUDA library */
  allocator->mem_map_full = test_memory_map;
  allocator->mem_unmap_full = test_memory_unmap;
}

static GstBuffer *
device_buffer (GstAllocator * allocator, CUdeviceptr pointer)
{
  TestMemory *memory = g_new0 (TestMemory, 1);
  GstBuffer *buffer = gst_buffer_new ();

  gst_memory_init (GST_MEMORY_CAST (memory), 0, allocator, NULL, 64, 0, 0, 64);
  memory->pointer = pointer;
  gst_buffer_append_memory (buffer, GST_MEMORY_CAST (memory));
  return buffer;
}

/* The pool of memory that passes is found after new caps, watched, and left alone. */
static void
test_found_pool (void)
{
  GstAllocator *allocator;
  CUmemoryPool pool;
  CUdeviceptr pointer;
  guint64 before, lookups;
  Rig rig;
  guint i;

  begin ("");
  allocator = gst_object_ref_sink (g_object_new (TEST_TYPE_ALLOCATOR, NULL));
  pool = new_pool (0);
  fill_pool (pool, 100 * MIB);
  before = reserved (pool);
  assert_ok (cu.MemAllocFromPoolAsync (&pointer, 64, pool, NULL));
  rig_init (&rig, "interval=1");
  lookups = fake->calls ("PointerGetAttribute");
  for (i = 0; i < 5; i++) {
    g_assert_cmpint (gst_harness_push (rig.h, device_buffer (allocator, pointer)), ==, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (rig.h));
  }
  g_assert_cmpuint (fake->calls ("PointerGetAttribute") - lookups, ==, 1);
  assert_source (&rig, "found-pool+device");
  g_assert_cmpuint (stat_of (&rig, "reserved"), ==, before);
  g_assert_cmpuint (reserved (pool), ==, before);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 5);

  /* other caps, other memory */
  gst_harness_set_src_caps_str (rig.h, "test/y");
  push (&rig, 1);
  assert_source (&rig, "device");
  assert_ok (cu.MemFreeAsync (pointer, NULL));
  assert_ok (cu.MemPoolDestroy (pool));
  rig_clear (&rig);
  gst_object_unref (allocator);
  end ();
}

/* Whose pool it is may destroy it when the stream has ended. */
static void
test_found_pool_is_forgotten (void)
{
  GstAllocator *allocator;
  CUmemoryPool pool;
  CUdeviceptr pointer;
  Rig rig;

  begin ("");
  allocator = gst_object_ref_sink (g_object_new (TEST_TYPE_ALLOCATOR, NULL));
  pool = new_pool (0);
  assert_ok (cu.MemAllocFromPoolAsync (&pointer, 64, pool, NULL));
  rig_init (&rig, "interval=0");
  g_assert_cmpint (gst_harness_push (rig.h, device_buffer (allocator, pointer)), ==, GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (rig.h));
  assert_source (&rig, "found-pool+device");

  gst_element_set_state (rig.guard, GST_STATE_READY);
  assert_ok (cu.MemFreeAsync (pointer, NULL));
  assert_ok (cu.MemPoolDestroy (pool));
  assert_source (&rig, "device");
  rig_clear (&rig);
  gst_object_unref (allocator);
  end ();
}

/* ---- captures ---- */

static void
test_capture (void)
{
  CUstream stream;
  CUmemoryPool pool;
  Rig rig;

  begin ("");
  pool = default_pool ();
  fill_pool (pool, 64 * MIB);
  stream = new_stream ();
  rig_init (&rig, "interval=2");
  g_signal_emit_by_name (rig.guard, "add-stream", (guint64) GPOINTER_TO_SIZE (stream));
  assert_ok (fake->begin_capture (stream, FALSE));
  push (&rig, 5);
  g_assert_cmpuint (trim (&rig), ==, 0);
  g_assert_cmpuint (reserved (pool), ==, 64 * MIB);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 0);
  g_assert_cmpuint (stat_of (&rig, "trims-deferred"), ==, 1);
  assert_ok (fake->end_capture (stream));
  push (&rig, 1);
  g_assert_cmpuint (reserved (pool), ==, 0);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 1);
  g_signal_emit_by_name (rig.guard, "remove-stream", (guint64) GPOINTER_TO_SIZE (stream));
  assert_ok (cu.StreamDestroy (stream));
  push (&rig, 2);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 2);
  rig_clear (&rig);
  end ();
}

/* ---- what goes wrong ---- */

/* An error by which the context is lost ends the stream at once, and nothing is called any more. */
static void
test_sticky (void)
{
  GstMessage *message;
  GError *error = NULL;
  guint64 calls;
  Rig rig;

  begin ("sticky=700@CtxSynchronize");
  rig_init (&rig, "interval=2");
  push (&rig, 1);
  g_assert_cmpint (gst_harness_push (rig.h, gst_buffer_new ()), ==, GST_FLOW_ERROR);
  message = gst_bus_timed_pop_filtered (rig.bus, 0, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "cuCtxSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
  g_error_free (error);
  gst_message_unref (message);
  calls = fake->calls (NULL);
  gst_structure_free (query (&rig));
  trim (&rig);
  g_assert_cmpuint (fake->calls (NULL), ==, calls);
  rig_clear (&rig);
  fake->configure ("");
}

/* Each call may fail once: no batch is lost, nothing is left, and the guard goes on. */
static void
test_failing_calls (void)
{
  static const gchar *const functions[] = {
    "DeviceGetCount", "DeviceGet", "DeviceGetName", "DevicePrimaryCtxGetState",
    "CtxPushCurrent", "CtxSynchronize", "MemGetInfo", "DeviceGetDefaultMemPool",
    "DeviceGetMemPool", "MemPoolGetAttribute", "MemPoolSetAttribute", "MemPoolTrimTo",
    "StreamIsCapturing", "ThreadExchangeStreamCaptureMode", "DevicePrimaryCtxRetain",
  };
  guint i, skip;

  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    for (skip = 0; skip < 6; skip++) {
      gchar *config = g_strdup_printf ("fail=%s:999@skip=%u", functions[i], skip);
      CUcontext other;
      Rig rig;

      fake->configure (config);
      cuda_functions_load (&cu);
      assert_ok (cu.Init (0));
      /* the test's own calls come first; the failure may hit one of them */
      while (cu.DevicePrimaryCtxRetain (&context, 0) != CUDA_SUCCESS);
      while (cu.CtxPushCurrent (context) != CUDA_SUCCESS);
      rig_init (&rig, "interval=2");
      push (&rig, 10);
      g_signal_emit_by_name (rig.guard, "reset-peak");
      g_assert_cmpuint (stat_of (&rig, "batches"), ==, 10);
      g_assert_null (gst_bus_pop_filtered (rig.bus, GST_MESSAGE_ERROR));
      rig_clear (&rig);
      assert_ok (cu.CtxPopCurrent (&other));
      assert_ok (cu.DevicePrimaryCtxRelease (0));
      g_assert_cmpuint (fake->alive (NULL), ==, 0);
      g_assert_cmpuint (fake->alive ("pushed"), ==, 0);
      fake->forgive ();
      g_free (config);
    }
  }
}

/* A child of a process that used CUDA goes by its providers, and calls nothing. */
static void
test_fork (void)
{
  gint status = -1;
  pid_t child;
  Rig rig;

  begin ("");
  rig_init (&rig, "interval=1");
  push (&rig, 1);
  child = fork ();
  if (child == 0) {
    GstStructure *stats = query (&rig);
    gboolean ok = g_str_equal (gst_structure_get_string (stats, "source"), "none");
    GstElement *guard = gst_element_factory_make ("cudamemguard", NULL);

    trim (&rig);
    ok = ok && gst_element_set_state (guard, GST_STATE_READY) == GST_STATE_CHANGE_SUCCESS;
    gst_element_set_state (guard, GST_STATE_NULL);
    _exit (ok && fake->problems () == 0 ? 0 : 1);
  }
  g_assert_cmpint (child, >, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  push (&rig, 1);
  rig_clear (&rig);
  end ();
}

static void
test_two_devices (void)
{
  CUcontext second, popped;
  CUmemoryPool pool = NULL;
  Rig a, b;

  begin ("devices=2,total_mb=1000");
  assert_ok (cu.DevicePrimaryCtxRetain (&second, 1));
  assert_ok (cu.CtxPushCurrent (second));
  assert_ok (cu.DeviceGetDefaultMemPool (&pool, 1));
  fill_pool (pool, 96 * MIB);
  rig_init (&a, "device-id=0");
  rig_init (&b, "device-id=1");
  push (&a, 1);
  push (&b, 1);
  assert_source (&a, "device");
  assert_source (&b, "default-pool+device");
  g_assert_cmpuint (stat_of (&a, "free"), >, stat_of (&b, "free"));
  g_assert_cmpuint (trim (&a), ==, 0);
  g_assert_cmpuint (reserved (pool), ==, 96 * MIB);
  g_assert_cmpuint (trim (&b), ==, 96 * MIB);
  rig_clear (&a);
  rig_clear (&b);
  assert_ok (cu.CtxPopCurrent (&popped));
  assert_ok (cu.DevicePrimaryCtxRelease (1));
  end ();
}

/* A guard of nothing says so. */
static void
test_no_such_device (void)
{
  GstMessage *message;
  GError *error;
  gchar *debug;
  Rig rig;

  begin ("devices=2");
  rig_init (&rig, "device-id=2");
  gst_element_set_state (rig.guard, GST_STATE_NULL);
  gst_element_set_state (rig.guard, GST_STATE_PLAYING);
  message = gst_bus_pop_filtered (rig.bus, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_parse_warning (message, &error, &debug);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (debug, "no device 2; there are 2"));
  gst_message_unref (message);
  g_error_free (error);
  g_free (debug);
  rig_clear (&rig);
  end ();
}

/* ---- how often, and what it costs ---- */

static void
test_interval (void)
{
  Rig rig;

  begin ("");
  fill_pool (default_pool (), 64 * MIB);
  rig_init (&rig, "interval=100");
  push (&rig, 1000);
  g_assert_cmpuint (fake->calls ("MemPoolTrimTo"), ==, 10);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 10);
  g_object_set (rig.guard, "interval", 0, NULL);
  push (&rig, 300);
  g_object_set (rig.guard, "interval", -10, NULL);
  push (&rig, 300);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 10);
  rig_clear (&rig);
  end ();
}

static void
test_slow_driver (void)
{
  GstStructure *stats;
  gint64 start;
  Rig rig;

  begin ("meminfo_us=8000");
  rig_init (&rig, "interval=0");
  push (&rig, 1);
  g_assert_cmpuint (fake->calls ("MemGetInfo"), ==, 1);
  start = g_get_monotonic_time ();
  while (g_get_monotonic_time () - start < 200 * 1000)
    push (&rig, 10);
  g_assert_cmpuint (fake->calls ("MemGetInfo"), ==, 1); /* not before 792 ms have passed */
  g_object_set (rig.guard, "stats-interval", 20, NULL);
  start = g_get_monotonic_time ();
  while (fake->calls ("MemGetInfo") < 3) {
    g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
    push (&rig, 10);
  }
  g_object_get (rig.guard, "stats", &stats, NULL);      /* without a sample for it */
  g_assert_cmpuint (field (stats, "sample-every"), >, 1);
  gst_structure_free (stats);
  rig_clear (&rig);
  end ();
}

static void
test_pressure (void)
{
  CUdeviceptr memory[3];
  Rig rig;

  begin ("total_mb=1000");
  rig_init (&rig, "low-water=0.5 interval=0");
  gst_structure_free (query (&rig));
  g_assert_cmpuint (count_messages (&rig, "pressure"), ==, 0);
  memory[0] = new_memory (600 * MIB);
  gst_structure_free (query (&rig));
  gst_structure_free (query (&rig));
  g_assert_cmpuint (count_messages (&rig, "pressure"), ==, 1);

  /* 650 MiB free is not yet 1.5 times as much */
  assert_ok (cu.MemFree (memory[0]));
  memory[0] = new_memory (340 * MIB);
  gst_structure_free (query (&rig));
  memory[1] = new_memory (300 * MIB);
  gst_structure_free (query (&rig));
  g_assert_cmpuint (count_messages (&rig, "pressure"), ==, 0);
  assert_ok (cu.MemFree (memory[0]));
  assert_ok (cu.MemFree (memory[1]));
  gst_structure_free (query (&rig));
  memory[2] = new_memory (600 * MIB);
  gst_structure_free (query (&rig));
  g_assert_cmpuint (count_messages (&rig, "pressure"), ==, 1);
  assert_ok (cu.MemFree (memory[2]));
  rig_clear (&rig);
  end ();
}

static GstFlowReturn
drop (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

/* Of this thread alone, so that what else the machine does is not counted */
static gdouble
microseconds (void)
{
  struct timespec t;

  g_assert_cmpint (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t), ==, 0);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static gdouble
microseconds_per_batch (Rig * rig, guint n)
{
  GstBuffer *buffer = gst_buffer_new ();
  gdouble start = microseconds ();
  guint i;

  for (i = 0; i < n; i++)
    gst_pad_push (rig->h->srcpad, gst_buffer_ref (buffer));
  gst_buffer_unref (buffer);
  return (microseconds () - start) / n;
}

/* What a batch costs that is passed on without a message; the best of some rounds */
static void
test_cost (void)
{
  static const gchar *const properties[] = { "interval=0",
    "interval=1000000 trim-policy=adaptive"
  };
  guint i, round;

  for (i = 0; i < G_N_ELEMENTS (properties); i++) {
    gdouble best = G_MAXDOUBLE;
    Rig rig;

    begin ("");
    fill_pool (default_pool (), 64 * MIB);
    rig_init (&rig, properties[i]);
    gst_pad_set_chain_function (rig.h->sinkpad, drop);
    for (round = 0; round < 20; round++)
      best = MIN (best, microseconds_per_batch (&rig, 2000));
    g_test_message ("%s: %.2f us a batch", properties[i], best);
#if !defined (__SANITIZE_ADDRESS__) && !defined (__SANITIZE_THREAD__)
    if (g_getenv ("GST_TRACERS") == NULL)       /* they look at every buffer */
      g_assert_cmpfloat (best, <=, 5);
#endif
    rig_clear (&rig);
    end ();
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/guard-device/no-context", test_no_context);
  g_test_add_func ("/guard-device/device", test_device);
  g_test_add_func ("/guard-device/default-pool", test_default_pool);
  g_test_add_func ("/guard-device/calls", test_calls);
  g_test_add_func ("/guard-device/trim-keep", test_trim_keep);
  g_test_add_func ("/guard-device/foreign-pool", test_foreign_pool);
  g_test_add_func ("/guard-device/provider-first", test_provider_first);
  g_test_add_func ("/guard-device/found-pool", test_found_pool);
  g_test_add_func ("/guard-device/found-pool-is-forgotten", test_found_pool_is_forgotten);
  g_test_add_func ("/guard-device/capture", test_capture);
  g_test_add_func ("/guard-device/sticky", test_sticky);
  g_test_add_func ("/guard-device/failing-calls", test_failing_calls);
  g_test_add_func ("/guard-device/fork", test_fork);
  g_test_add_func ("/guard-device/two-devices", test_two_devices);
  g_test_add_func ("/guard-device/no-such-device", test_no_such_device);
  g_test_add_func ("/guard-device/interval", test_interval);
  g_test_add_func ("/guard-device/slow-driver", test_slow_driver);
  g_test_add_func ("/guard-device/pressure", test_pressure);
  g_test_add_func ("/guard-device/cost", test_cost);
  return run_fakecuda_tests ();
}
