/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where seqbatch has its memory from: what downstream proposes, be it good, small or odd. */

#include "seqbatch-batches.h"

#include "../core/memory-limit.h"

/* ---- an allocator that counts ---- */

typedef struct
{
  GstAllocator parent;
  gint made, alive;
  gsize shift;                  /* bytes that memory is off its alignment */
  gboolean broken;              /* no memory at all */
} CountingAllocator;

typedef struct
{
  GstAllocatorClass parent_class;
} CountingAllocatorClass;

typedef struct
{
  GstMemory memory;
  guint8 *data;
} CountingMemory;

static GType counting_allocator_get_type (void);
G_DEFINE_TYPE (CountingAllocator, counting_allocator, GST_TYPE_ALLOCATOR)

static GstMemory *
counting_alloc (GstAllocator * allocator, gsize size, GstAllocationParams * params)
{
  CountingAllocator *self = (CountingAllocator *) allocator;
  CountingMemory *m;

  if (self->broken)
    return NULL;
  g_assert_cmpuint (params->align & 127, ==, 127);
  m = g_new0 (CountingMemory, 1);
  m->data = aligned_alloc (128, (size + self->shift + 127) & ~(gsize) 127);
  gst_memory_init (&m->memory, GST_MEMORY_FLAG_NO_SHARE, allocator, NULL, size, 127, 0, size);
  g_atomic_int_inc (&self->made);
  g_atomic_int_inc (&self->alive);
  return &m->memory;
}

static void
counting_free (GstAllocator * allocator, GstMemory * memory)
{
  CountingMemory *m = (CountingMemory *) memory;

  free (m->data);
  g_free (m);
  g_atomic_int_add (&((CountingAllocator *) allocator)->alive, -1);
}

static gpointer
counting_map (GstMemory * memory, gsize size, GstMapFlags flags)
{
  return ((CountingMemory *) memory)->data + ((CountingAllocator *) memory->allocator)->shift;
}

static void
counting_unmap (GstMemory * memory)
{
}

static void
counting_allocator_class_init (CountingAllocatorClass * klass)
{
  GST_ALLOCATOR_CLASS (klass)->alloc = counting_alloc;
  GST_ALLOCATOR_CLASS (klass)->free = counting_free;
}

/* without mem_share, as memory of devices has it */
static void
counting_allocator_init (CountingAllocator * self)
{
  GstAllocator *allocator = GST_ALLOCATOR (self);

  allocator->mem_type = "counting";
  allocator->mem_map = counting_map;
  allocator->mem_unmap = counting_unmap;
  GST_OBJECT_FLAG_SET (self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

static CountingAllocator *
counting_allocator_new (void)
{
  return gst_object_ref_sink (g_object_new (counting_allocator_get_type (), NULL));
}

/* ---- a pool that counts ---- */

typedef struct
{
  GstBufferPool parent;
  gint made;
  gint small;                   /* buffers are smaller than they say */
  guint memories;               /* in a buffer */
} CountingPool;

typedef struct
{
  GstBufferPoolClass parent_class;
} CountingPoolClass;

static GType counting_pool_get_type (void);
G_DEFINE_TYPE (CountingPool, counting_pool, GST_TYPE_BUFFER_POOL)

static GstFlowReturn
counting_pool_alloc (GstBufferPool * pool, GstBuffer ** buffer,
    GstBufferPoolAcquireParams * params)
{
  CountingPool *self = (CountingPool *) pool;
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstAllocationParams allocation;
  GstAllocator *allocator;
  guint size;

  gst_buffer_pool_config_get_params (config, NULL, &size, NULL, NULL);
  gst_buffer_pool_config_get_allocator (config, &allocator, &allocation);
  g_atomic_int_inc (&self->made);
  *buffer = gst_buffer_new ();
  for (guint i = 0; i < self->memories; i++)
    gst_buffer_append_memory (*buffer, gst_allocator_alloc (allocator,
            (self->small ? size / 2 : size) / self->memories, &allocation));
  gst_structure_free (config);
  return GST_FLOW_OK;
}

static void
counting_pool_class_init (CountingPoolClass * klass)
{
  GST_BUFFER_POOL_CLASS (klass)->alloc_buffer = counting_pool_alloc;
}

static void
counting_pool_init (CountingPool * self)
{
  self->memories = 1;
}

static CountingPool *
counting_pool_new (void)
{
  return gst_object_ref_sink (g_object_new (counting_pool_get_type (), NULL));
}

/* ---- what downstream proposes ---- */

typedef struct
{
  GstBufferPool *pool;
  guint size, max;
  GstAllocator *allocator;
} Proposal;

static GstPadProbeReturn
propose_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  Proposal *proposal = data;

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  if (proposal->allocator)
    gst_query_add_allocation_param (query, proposal->allocator, NULL);
  if (proposal->pool)
    gst_query_add_allocation_pool (query, proposal->pool, proposal->size, 0, proposal->max);
  return GST_PAD_PROBE_HANDLED;
}

static GstHarness *
harness_proposing (const gchar * properties, Proposal * proposal)
{
  GstHarness *h = harness_new (properties);

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, propose_probe, proposal,
      NULL);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  return h;
}

static GStrv
some_sequences (guint n)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (n);

  return random_sequences (rand, n, 40, "ACDEFG");
}

/* ---- tests ---- */

/* An allocator is used, and for nothing but batches; memory that can't be shared serves as well. */
static void
test_allocator (void)
{
  CountingAllocator *allocator = counting_allocator_new ();
  Proposal proposal = {.allocator = GST_ALLOCATOR (allocator) };
  GstHarness *h = harness_proposing ("batch-size=5 workers=2", &proposal);
  g_auto (GStrv) sequences = some_sequences (100);
  g_autoptr (GPtrArray) batches = NULL;
  g_autoptr (GBytes) tensor = NULL;

  push_sequences (h, sequences, 17, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 20);
  g_assert_cmpint (allocator->made, ==, 20);
  g_assert_cmpint (allocator->alive, ==, 20);
  harness_free (h);

  /* memory goes with the last tensor */
  tensor = gst_seq_batch_get_tensor_data (batches->pdata[3], 0, NULL, NULL, NULL);
  g_ptr_array_set_size (batches, 0);
  g_assert_cmpint (allocator->alive, ==, 1);
  g_clear_pointer (&tensor, g_bytes_unref);
  g_assert_cmpint (allocator->alive, ==, 0);
  gst_object_unref (allocator);
}

/* One that has no memory, or none that is aligned: system memory takes its place. */
static void
test_useless_allocator (void)
{
  for (guint kind = 0; kind < 2; kind++) {
    CountingAllocator *allocator = counting_allocator_new ();
    Proposal proposal = {.allocator = GST_ALLOCATOR (allocator) };
    GstHarness *h = harness_proposing ("batch-size=5", &proposal);
    g_auto (GStrv) sequences = some_sequences (20);
    g_autoptr (GPtrArray) batches = NULL;

    allocator->broken = kind == 0;
    allocator->shift = kind == 0 ? 0 : 8;
    push_sequences (h, sequences, 20, NULL);
    push_eos (h);
    batches = pull_batches (h, 0);
    g_assert_cmpuint (batches->len, ==, 4);
    g_assert_cmpint (allocator->alive, ==, 0);
    harness_free (h);
    gst_object_unref (allocator);
  }
}

/* Buffers come back to their pool when the batch has gone, and are used again. */
static void
test_pool (void)
{
  CountingPool *pool = counting_pool_new ();
  Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = 8192,.max = 2 };
  GstHarness *h = harness_proposing ("batch-size=5", &proposal);
  g_auto (GStrv) sequences = some_sequences (500);
  guint64 number = 0;

  for (guint done = 0; done < 500; done += 5) {
    g_autoptr (GPtrArray) batches = NULL;

    g_assert_cmpint (gst_harness_push (h, block_of (done,
                (const gchar * const *) sequences + done, 5)), ==, GST_FLOW_OK);
    batches = pull_batches (h, number);
    number += batches->len;
  }
  g_assert_cmpuint (number, ==, 100);
  g_assert_cmpint (pool->made, >=, 1);
  g_assert_cmpint (pool->made, <=, 2);
  harness_free (h);
  gst_object_unref (pool);
}

/* A tensor that is in use longer than its buffer keeps the memory from being written again. */
static void
test_pool_tensor (void)
{
  CountingPool *pool = counting_pool_new ();
  Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = 8192,.max = 3 };
  GstHarness *h = harness_proposing ("batch-size=1", &proposal);
  g_autoptr (GPtrArray) first = NULL, others = NULL;
  g_autoptr (GBytes) tensor = NULL;
  static const gint64 ids[] = { 0, 20, 15, 11, 2 };

  g_assert_cmpint (push_list (h, "MKT"), ==, GST_FLOW_OK);
  first = pull_batches (h, 0);
  tensor = gst_seq_batch_get_tensor_data (first->pdata[0], 0, NULL, NULL, NULL);
  g_ptr_array_set_size (first, 0);
  g_assert_cmpint (push_list (h, "AAA,AAA"), ==, GST_FLOW_OK);
  g_assert_cmpmem (g_bytes_get_data (tensor, NULL), g_bytes_get_size (tensor), ids, sizeof ids);
  others = pull_batches (h, 1);
  harness_free (h);
  gst_object_unref (pool);
}

/* Pools that are of no use: too small for the batch, smaller than they say, of several memories, of
 * unaligned memory. */
static void
test_useless_pool (void)
{
  for (guint kind = 0; kind < 4; kind++) {
    CountingAllocator *allocator = counting_allocator_new ();
    CountingPool *pool = counting_pool_new ();
    Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = kind == 0 ? 100 : 6000,.max = 2,
      .allocator = kind == 3 ? GST_ALLOCATOR (allocator) : NULL
    };
    GstHarness *h = harness_proposing ("batch-size=5 max-tokens=0 pad-to=80", &proposal);
    g_auto (GStrv) sequences = some_sequences (100);
    g_autoptr (GPtrArray) batches = NULL;

    pool->small = kind == 1;
    pool->memories = kind == 2 ? 2 : 1;
    allocator->shift = 8;
    push_sequences (h, sequences, 100, NULL);
    push_eos (h);
    batches = pull_batches (h, 0);
    g_assert_cmpuint (batches->len, ==, 20);
    g_assert_cmpint (pool->made, <=, 2);
    harness_free (h);
    gst_object_unref (pool);
    g_ptr_array_set_size (batches, 0);
    gst_object_unref (allocator);
  }
}

/* Only some batches fit: those come from the pool. */
static void
test_pool_mixed (void)
{
  CountingPool *pool = counting_pool_new ();
  Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = 512,.max = 0 };
  GstHarness *h = harness_proposing ("batch-size=1 mask=false workers=2", &proposal);
  g_autofree gchar *long_one = g_strnfill (1000, 'A');
  g_autofree gchar *list = g_strdup_printf ("A,%s,AA,%s,AAA", long_one, long_one);
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 5);
  g_assert_cmpint (pool->made, ==, 3);
  harness_free (h);
  gst_object_unref (pool);
}

/* Downstream keeps batches for a while and lets go of them in another thread. */
typedef struct
{
  GAsyncQueue *queue;           /* of GstBuffer */
  GstBuffer *end;
  guint seen;
} Keeper;

static GstPadProbeReturn
keep_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Keeper *keeper = data;

  g_async_queue_push (keeper->queue, GST_PAD_PROBE_INFO_BUFFER (info));
  GST_PAD_PROBE_INFO_DATA (info) = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_OK;
  return GST_PAD_PROBE_HANDLED;
}

static gpointer
keeper_thread (gpointer data)
{
  Keeper *keeper = data;
  GstBuffer *buffer;

  while ((buffer = g_async_queue_pop (keeper->queue)) != keeper->end) {
    g_assert_cmpuint (check_batch (buffer)->batch, ==, keeper->seen++);
    g_usleep (500);
    gst_buffer_unref (buffer);
  }
  return NULL;
}

static void
test_pool_kept (void)
{
  for (guint max = 1; max <= 3; max++) {
    for (guint workers = 0; workers <= 8; workers += 4) {
      CountingPool *pool = counting_pool_new ();
      Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = 8192,.max = max };
      g_autofree gchar *properties = g_strdup_printf ("batch-size=2 workers=%u", workers);
      GstHarness *h = harness_proposing (properties, &proposal);
      g_auto (GStrv) sequences = some_sequences (100);
      Keeper keeper = { g_async_queue_new (), gst_buffer_new (), 0 };
      GThread *thread = g_thread_new ("keeper", keeper_thread, &keeper);

      gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, keep_probe, &keeper, NULL);
      push_sequences (h, sequences, 60, NULL);
      push_eos (h);
      g_async_queue_push (keeper.queue, keeper.end);
      g_thread_join (thread);
      g_assert_cmpuint (keeper.seen, ==, 50);
      g_assert_cmpint (pool->made, <=, (gint) max);
      g_async_queue_unref (keeper.queue);
      gst_buffer_unref (keeper.end);
      harness_free (h);
      gst_object_unref (pool);
    }
  }
}

/* Downstream keeps the only buffer for ever; a flush, and a stop, come through none the less. */
typedef struct
{
  GstHarness *h;
  GstFlowReturn ret;
} Pusher;

static gpointer
pusher_thread (gpointer data)
{
  Pusher *pusher = data;

  pusher->ret = push_list (pusher->h, "A,A,A,A");
  return NULL;
}

static void
wait_for_batches (GstHarness * h, guint n)
{
  while (gst_harness_buffers_received (h) < n)
    g_usleep (1000);
  g_usleep (20000);             /* let it come to where it waits for the next buffer */
}

static void
test_pool_blocked (void)
{
  CountingPool *pool = counting_pool_new ();
  Proposal proposal = {.pool = GST_BUFFER_POOL (pool),.size = 8192,.max = 1 };
  GstHarness *h = harness_proposing ("batch-size=1 workers=2", &proposal);
  Pusher pusher = { h, GST_FLOW_OK };
  GThread *thread = g_thread_new ("pusher", pusher_thread, &pusher);
  GstBuffer *kept;

  wait_for_batches (h, 1);
  kept = gst_harness_pull (h);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_thread_join (thread);
  g_assert_cmpint (pusher.ret, ==, GST_FLOW_FLUSHING);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  gst_buffer_unref (kept);

  {
    GstSegment segment;

    gst_segment_init (&segment, GST_FORMAT_BYTES);
    g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  }
  thread = g_thread_new ("pusher", pusher_thread, &pusher);
  wait_for_batches (h, 2);
  kept = gst_harness_pull (h);
  g_assert_cmpuint (gst_buffer_get_seq_batch_meta (kept)->batch, ==, 0);
  gst_element_set_state (h->element, GST_STATE_READY);
  g_thread_join (thread);
  g_assert_cmpint (pusher.ret, ==, GST_FLOW_FLUSHING);

  /* the batch is whole, though its pool has gone */
  assert_tensor (kept, 0, "input_ids", "0 5 2");
  harness_free (h);
  gst_object_unref (pool);
  assert_tensor (kept, 0, "input_ids", "0 5 2");
  gst_buffer_unref (kept);
}

/* With every new agreement the pool before is given up. */
static void
test_pool_again (void)
{
  CountingPool *pools[3] = { counting_pool_new (), counting_pool_new (), counting_pool_new () };
  Proposal proposal = {.size = 8192,.max = 4 };
  GstHarness *h = harness_proposing ("batch-size=1", &proposal);
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);

  for (guint i = 0; i < 3; i++) {
    proposal.pool = GST_BUFFER_POOL (pools[i]);
    gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
    g_assert_cmpint (push_list (h, "A"), ==, GST_FLOW_OK);
    g_ptr_array_add (kept, gst_harness_pull (h));
    g_assert_cmpint (pools[i]->made, ==, 1);
    if (i > 0)
      g_assert_false (gst_buffer_pool_is_active (GST_BUFFER_POOL (pools[i - 1])));
  }
  /* the same pool again, one of whose buffers is in use */
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  g_assert_cmpint (push_list (h, "A,A"), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 5);
  for (guint i = 0; i < 2; i++)
    gst_buffer_unref (gst_harness_pull (h));
  harness_free (h);
  for (guint i = 0; i < 3; i++) {
    g_assert_false (gst_buffer_pool_is_active (GST_BUFFER_POOL (pools[i])));
    gst_object_unref (pools[i]);
  }
}

/* Names are as long as the input wants them: no memory to copy them is an error. */
static void
test_no_memory_for_names (void)
{
  const gsize length = (gsize) 300 << 20;
  g_autofree gchar *name = NULL;
  GstSeqBlockBuilder *builder;
  GstBuffer *block;
  GstHarness *h;

  if (!begin_memory_test ())
    return;
  name = g_strnfill (length, 'n');
  builder = gst_seq_block_builder_new (0);
  g_assert_true (gst_seq_block_builder_add (builder, name, length, "ACD", 3, NULL));
  block = gst_seq_block_builder_finish (builder);
  gst_seq_block_builder_unref (builder);
  h = harness_new ("batch-size=1 workers=0");
  limit_memory ();
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
      "no memory for the names of a batch of 1 records, 314572800 bytes");
  harness_free (h);
}

/* Whoever writes a batch gets memory for it then: where there is none, what came before goes out. */
static void
test_no_memory_for_batch (gconstpointer properties)
{
  const gsize length = (gsize) 40 << 20;
  g_autofree gchar *residues = NULL;
  GstSeqBlockBuilder *builder;
  GstBuffer *block, *batch;
  GstHarness *h;

  if (!begin_memory_test ())
    return;
  residues = g_strnfill (length, 'A');
  builder = gst_seq_block_builder_new (0);
  g_assert_true (gst_seq_block_builder_add (builder, "short", 5, "MK", 2, NULL));
  g_assert_true (gst_seq_block_builder_add (builder, "long", 4, residues, length, NULL));
  block = gst_seq_block_builder_finish (builder);
  gst_seq_block_builder_unref (builder);
  h = harness_new (properties);
  limit_memory ();
  g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
  batch = gst_harness_try_pull (h);
  assert_tensor (batch, 0, "input_ids", "0 20 15 2");
  gst_buffer_unref (batch);
  g_assert_null (gst_harness_try_pull (h));
  assert_one_error (h->element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
      "no memory for a batch of 1 records, 41943042 slots");
  harness_free (h);
}

static GstPadProbeReturn
read_max_size (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    g_assert_true (gst_structure_get_uint64 (gst_query_get_structure (query),
            GST_SEQ_ALLOCATION_SIZE, data));
  return GST_PAD_PROBE_OK;
}

/* What downstream may reserve ahead is enough for the largest batch. */
static void
test_max_size (void)
{
  static const struct
  {
    const gchar *properties, *caps;
  } cases[] = {
    {"batch-size=7 pad-to=64 max-length=64", NULL},
    {"batch-size=7 pad-to=64 max-length=64", "other/tensors, format=static"},
    {"batch-size=0 max-tokens=500", NULL},
    {"batch-size=9 max-tokens=500 dtype=uint8", NULL},
    {"batch-size=0 max-tokens=500 tokenizer=bytes", NULL},
    {"layout=packed batch-size=0 max-tokens=500", NULL},
    {"layout=packed batch-size=0 max-tokens=500 tokenizer=bytes", NULL},
    {"layout=packed batch-size=20 max-tokens=500 positions=true", NULL},
    {"layout=packed fixed-total=true max-tokens=100 batch-size=1000 dtype=int32",
        "other/tensors, format=static"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (GStrv) sequences = some_sequences (2000);
    GstHarness *h = harness_new (cases[i].properties);
    guint64 said = 0, largest = 0;
    GstBuffer *batch;

    if (cases[i].caps)
      gst_harness_set_sink_caps_str (h, cases[i].caps);
    gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, read_max_size, &said, NULL);
    gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
    push_sequences (h, sequences, 100, NULL);
    push_eos (h);
    while ((batch = gst_harness_try_pull (h))) {
      guint64 size = 0;

      for (guint k = 0; k < gst_buffer_n_memory (batch); k++)
        size += (gst_memory_get_sizes (gst_buffer_peek_memory (batch, k), NULL, NULL) + 127) &
            ~(gsize) 127;
      largest = MAX (largest, size);
      gst_buffer_unref (batch);
    }
    g_test_message ("%s: said %" G_GUINT64_FORMAT ", largest %" G_GUINT64_FORMAT,
        cases[i].properties, said, largest);
    g_assert_cmpuint (largest, >, 0);
    g_assert_cmpuint (said, >=, largest);
    harness_free (h);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/seqbatch/allocator", test_allocator);
  g_test_add_func ("/seqbatch/useless-allocator", test_useless_allocator);
  g_test_add_func ("/seqbatch/pool", test_pool);
  g_test_add_func ("/seqbatch/pool-tensor", test_pool_tensor);
  g_test_add_func ("/seqbatch/useless-pool", test_useless_pool);
  g_test_add_func ("/seqbatch/pool-mixed", test_pool_mixed);
  g_test_add_func ("/seqbatch/pool-kept", test_pool_kept);
  g_test_add_func ("/seqbatch/pool-blocked", test_pool_blocked);
  g_test_add_func ("/seqbatch/pool-again", test_pool_again);
  g_test_add_func ("/seqbatch/max-size", test_max_size);
  g_test_add_func ("/seqbatch/no-memory-for-names", test_no_memory_for_names);
  g_test_add_data_func ("/seqbatch/no-memory-for-batch/alone",
      "batch-size=1 workers=0", test_no_memory_for_batch);
  g_test_add_data_func ("/seqbatch/no-memory-for-batch/workers",
      "batch-size=1 workers=2", test_no_memory_for_batch);
  return g_test_run ();
}
