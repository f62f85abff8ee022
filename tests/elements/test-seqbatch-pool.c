/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqbatch-batches.h"

/* Batches in the batcher's own memory come back to it and are used again: all of a batch that was
 * left as it was, none that is still in use anywhere, and nothing of what others did to one. */

/* The only batch of some records: "MK" is 0 20 15 2. */
static GstBuffer *
push_batch (GstHarness * h, const gchar * list)
{
  GstBuffer *batch;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  batch = gst_harness_try_pull (h);
  g_assert_nonnull (batch);
  check_batch (batch);
  g_assert_null (gst_harness_try_pull (h));
  return batch;
}

static void
assert_mk (GstBuffer * batch)
{
  assert_tensor (batch, 0, "input_ids", "0 20 15 2");
  assert_tensor (batch, 1, "attention_mask", "1 1 1 1");
}

/* The same buffer and memories for batch after batch, whatever is in them. */
static void
test_again (void)
{
  static const gchar *const lists[] = { "MK", "A", "MKTAYIAKQR", "AA", "MK" };
  GstHarness *h = harness_new ("batch-size=1");
  GstBuffer *first = NULL;
  GstMemory *memory = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    GstBuffer *batch = push_batch (h, lists[i]);
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

    g_assert_cmpuint (meta->batch, ==, i);
    g_assert_cmpuint (meta->tokens, ==, strlen (lists[i]) + 2);
    if (i == 0) {
      first = batch;
      memory = gst_buffer_peek_memory (batch, 0);
    }
    g_assert_true (batch == first);
    g_assert_true (gst_buffer_peek_memory (batch, 0) == memory);
    if (i == G_N_ELEMENTS (lists) - 1)
      assert_mk (batch);
    gst_buffer_unref (batch);
  }
  harness_free (h);
}

/* How many memories batches of ever more residues are in, one after the other */
static guint
count_memories (const gchar * properties, guint shortest, guint longest)
{
  GstHarness *h = harness_new (properties);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autofree gchar *residues = g_strnfill (longest, 'A');
  guint n;

  for (guint length = shortest; length <= longest; length += 1 + length / 8) {
    GstMapInfo map;
    GstBuffer *batch;

    residues[length] = '\0';
    batch = push_batch (h, residues);
    residues[length] = 'A';
    g_assert_true (gst_memory_map (gst_buffer_peek_memory (batch, 0), &map, GST_MAP_READ));
    g_hash_table_add (seen, map.data);
    gst_memory_unmap (gst_buffer_peek_memory (batch, 0), &map);
    gst_buffer_unref (batch);
  }
  n = g_hash_table_size (seen);
  harness_free (h);
  return n;
}

/* All have the size of the largest, where that is known; else few sizes are enough. What is much
 * smaller has a memory of its own. A token takes 9 bytes. */
static void
test_sizes (void)
{
  g_assert_cmpuint (count_memories ("batch-size=1 max-tokens=60010", 8000, 60000), ==, 1);
  g_assert_cmpuint (count_memories ("batch-size=1 max-tokens=60010", 7000, 60000), ==, 2);
  /* from 16 by doubling to 512 KiB */
  g_assert_cmpuint (count_memories ("batch-size=1", 300, 55000), ==, 6);
  /* and what is larger than that, each size */
  g_assert_cmpuint (count_memories ("batch-size=1", 116000, 160000), ==, 3);
}

/* Several at once are several, and each comes back. */
static void
test_many (void)
{
  enum { N = 10 };
  GstHarness *h = harness_new ("batch-size=1");
  GstBuffer *batches[N];
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < N; i++) {
      batches[i] = push_batch (h, "MK");
      for (guint k = 0; k < i; k++)
        g_assert_true (batches[k] != batches[i]);
      g_hash_table_add (seen, batches[i]);
    }
    for (guint i = 0; i < N; i++) {
      assert_mk (batches[i]);
      gst_buffer_unref (batches[i]);
    }
    g_assert_cmpuint (g_hash_table_size (seen), ==, N);
  }
  harness_free (h);
}

/* What keeps the memory of a batch when the batch has gone; `use` returns what to let go of with
 * `done`. */
typedef gpointer (*Use) (GstBuffer * batch);

static gpointer
keep_memory (GstBuffer * batch)
{
  return gst_buffer_get_memory (batch, 0);
}

static gpointer
keep_share (GstBuffer * batch)
{
  return gst_memory_share (gst_buffer_peek_memory (batch, 0), 0, -1);
}

static gpointer
keep_copy (GstBuffer * batch)
{
  return gst_buffer_copy (batch);
}

static gpointer
keep_region (GstBuffer * batch)
{
  return gst_buffer_copy_region (batch, GST_BUFFER_COPY_MEMORY, 0, 128 + 4 * 8);
}

static gpointer
keep_mapped (GstBuffer * batch)
{
  GstMapInfo *map = g_new (GstMapInfo, 1);

  g_assert_true (gst_memory_map (gst_buffer_get_memory (batch, 0), map, GST_MAP_READ));
  return map;
}

static void
assert_kept (gconstpointer ids, gsize size)
{
  const gint64 *id = (const gint64 *) ((const guint8 *) ids + 128);

  g_assert_cmpuint (size, >=, 128 + 4 * 8);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (id[i], ==, ((const gint64[]) { 0, 20, 15, 2 })[i]);
}

static void
check_kept (Use use, gpointer kept)
{
  GstMapInfo map;

  if (use == keep_mapped) {
    assert_kept (((GstMapInfo *) kept)->data, ((GstMapInfo *) kept)->size);
  } else if (use == keep_copy || use == keep_region) {
    g_assert_true (gst_buffer_map (kept, &map, GST_MAP_READ));
    assert_kept (map.data, map.size);
    gst_buffer_unmap (kept, &map);
  } else {
    g_assert_true (gst_memory_map (kept, &map, GST_MAP_READ));
    assert_kept (map.data, map.size);
    gst_memory_unmap (kept, &map);
  }
}

static void
let_go (Use use, gpointer kept)
{
  if (use == keep_mapped) {
    GstMemory *memory = ((GstMapInfo *) kept)->memory;

    gst_memory_unmap (memory, kept);
    gst_memory_unref (memory);
    g_free (kept);
  } else {
    gst_mini_object_unref (kept);
  }
}

/* Memory that is still in use is not written to, however many batches come, and outlives the
 * element. */
static void
test_kept (void)
{
  static const Use uses[] = { keep_memory, keep_share, keep_copy, keep_region, keep_mapped };

  for (guint i = 0; i < G_N_ELEMENTS (uses); i++) {
    for (guint early = 0; early < 2; early++) {
      GstHarness *h = harness_new ("batch-size=1");
      GstBuffer *batch = push_batch (h, "MK");
      gpointer kept = uses[i] (batch);

      gst_buffer_unref (batch);
      for (guint k = 0; k < 5; k++)
        gst_buffer_unref (push_batch (h, "AA"));
      check_kept (uses[i], kept);
      if (early)
        let_go (uses[i], kept);
      gst_buffer_unref (push_batch (h, "AA"));
      harness_free (h);
      if (!early) {
        check_kept (uses[i], kept);
        let_go (uses[i], kept);
      }
    }
  }
}

/* What others do to a batch that they have for themselves is not in the next. */
static void
spoil (GstBuffer * batch, guint how)
{
  GstMapInfo map;
  GstMeta *meta;

  switch (how) {
    case 0:
      gst_buffer_append_memory (batch, gst_allocator_alloc (NULL, 10, NULL));
      break;
    case 1:
      gst_buffer_remove_memory (batch, 0);
      break;
    case 2:
      gst_buffer_resize (batch, 5, 3);
      break;
    case 3:
      gst_memory_resize (gst_buffer_peek_memory (batch, 0), 100, 1);
      break;
    case 4:
      gst_buffer_remove_meta (batch, (GstMeta *) gst_buffer_get_seq_batch_meta (batch));
      break;
    case 5:
      gst_buffer_add_protection_meta (batch, gst_structure_new_empty ("foreign"));
      break;
    case 9:
      meta = (GstMeta *) gst_buffer_add_protection_meta (batch, gst_structure_new_empty ("foreign"));
      GST_META_FLAG_SET (meta, GST_META_FLAG_LOCKED);
      break;
    case 6:
      GST_BUFFER_FLAG_SET (batch, GST_BUFFER_FLAG_DROPPABLE | GST_BUFFER_FLAG_DISCONT);
      GST_BUFFER_PTS (batch) = GST_BUFFER_DTS (batch) = GST_BUFFER_DURATION (batch) = 5;
      break;
    case 7:                    /* one memory of all */
      g_assert_true (gst_buffer_map (batch, &map, GST_MAP_READWRITE));
      memset (map.data, 0xff, map.size);
      gst_buffer_unmap (batch, &map);
      break;
    case 8:
      gst_buffer_get_seq_batch_meta (batch)->piece = 7;
      gst_buffer_get_seq_batch_meta (batch)->n_tensors = 0;
      break;
    default:
      g_assert_not_reached ();
  }
}

static void
test_spoiled (void)
{
  for (guint how = 0; how <= 9; how++) {
    GstHarness *h = harness_new ("batch-size=1");
    GstBuffer *batch = push_batch (h, "MKTAY");

    batch = gst_buffer_make_writable (batch);
    spoil (batch, how);
    gst_buffer_unref (batch);
    for (guint k = 0; k < 2; k++) {
      batch = push_batch (h, "MK");
      assert_mk (batch);
      g_assert_null (gst_buffer_get_protection_meta (batch));
      g_assert_false (GST_BUFFER_FLAG_IS_SET (batch, GST_BUFFER_FLAG_DROPPABLE));
      g_assert_false (GST_BUFFER_PTS_IS_VALID (batch) || GST_BUFFER_DTS_IS_VALID (batch)
          || GST_BUFFER_DURATION_IS_VALID (batch));
      gst_buffer_unref (batch);
    }
    harness_free (h);
  }
}

/* The table of a batch that has come back is gone; one that somebody keeps stays. */
static void
test_tables (void)
{
  GstHarness *h = harness_new ("batch-size=1");
  GstBuffer *batch = push_batch (h, "MK");
  g_autoptr (GBytes) name = gst_seq_batch_get_name_bytes (batch, 0);
  g_autoptr (GBytes) table = g_bytes_ref (gst_buffer_get_seq_batch_meta (batch)->table);
  const GstSeqBatchRecord *records = g_bytes_get_data (table, NULL);

  gst_buffer_unref (batch);
  for (guint i = 0; i < 5; i++)
    gst_buffer_unref (push_batch (h, "MKTAYIAKQR"));
  g_assert_cmpmem (g_bytes_get_data (name, NULL), g_bytes_get_size (name), "r0", 2);
  g_assert_cmpuint (records[0].tokens, ==, 4);
  harness_free (h);
}

/* Batches that are out when the element stops, and when it has gone. */
static void
test_out (void)
{
  GstHarness *h = harness_new ("batch-size=1");
  g_autoptr (GstCaps) caps = gst_caps_from_string (RECORDS_CAPS);
  GstBuffer *first = push_batch (h, "MK"), *second;
  GstSegment segment;

  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_segment_init (&segment, GST_FORMAT_DEFAULT);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  second = push_batch (h, "MK");
  g_assert_true (first != second);
  assert_mk (first);
  gst_buffer_unref (first);
  harness_free (h);
  assert_mk (second);
  gst_buffer_unref (second);
}

typedef struct
{
  GAsyncQueue *queue;
  guint n;
} Consumer;

static gpointer
consume (gpointer data)
{
  Consumer *consumer = data;
  gpointer batch;

  while ((batch = g_async_queue_pop (consumer->queue)) != consumer) {
    assert_mk (batch);
    consumer->n++;
    gst_buffer_unref (batch);
  }
  return NULL;
}

/* Another thread looks at each batch and gives it back. */
static void
test_threads (void)
{
  enum { N = 3000 };
  GstHarness *h = harness_new ("batch-size=1");
  Consumer consumer = { g_async_queue_new (), 0 };
  GThread *thread = g_thread_new ("consumer", consume, &consumer);

  for (guint i = 0; i < N; i++)
    g_async_queue_push (consumer.queue, push_batch (h, "MK"));
  g_async_queue_push (consumer.queue, &consumer);
  g_thread_join (thread);
  g_assert_cmpuint (consumer.n, ==, N);
  g_async_queue_unref (consumer.queue);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqbatch-pool/again", test_again);
  g_test_add_func ("/seqbatch-pool/sizes", test_sizes);
  g_test_add_func ("/seqbatch-pool/many", test_many);
  g_test_add_func ("/seqbatch-pool/kept", test_kept);
  g_test_add_func ("/seqbatch-pool/spoiled", test_spoiled);
  g_test_add_func ("/seqbatch-pool/tables", test_tables);
  g_test_add_func ("/seqbatch-pool/out", test_out);
  g_test_add_func ("/seqbatch-pool/threads", test_threads);
  return g_test_run ();
}
