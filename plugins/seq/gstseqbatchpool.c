/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqbatchpool.h"

#include "arena.h"

/* An arena with the buffer that goes with it, whose memories are parts of one. While the buffer is in
 * use it holds the arena through them; while it is free the arena has it as its companion. */
typedef struct
{
  SeqArena *arena;              /* NULL while the arena's pool frees it */
  GstBuffer *buffer;            /* not looked at once it has been let go */
  GstMemory *whole;             /* held by its parts */
} Batch;

struct _GstSeqBatchPool
{
  GstBufferPool parent;
  SeqArenaPool *arenas;
};

G_DEFINE_TYPE (GstSeqBatchPool, gst_seq_batch_pool, GST_TYPE_BUFFER_POOL)

static G_DEFINE_QUARK (gst-seq-batch, batch)

/* The last part of the memory is gone, wherever it has been since. */
static void
batch_end (gpointer data)
{
  Batch *batch = data;

  if (batch->arena) {
    batch->arena->companion = NULL;
    seq_arena_release (batch->arena);
  }
  g_free (batch);
}

/* A free arena goes, and what it had with it. */
static void
batch_free (gpointer data)
{
  Batch *batch = data;

  batch->arena = NULL;
  gst_buffer_unref (batch->buffer);
}

static Batch *
batch_new (SeqArena * arena, guint n_memories)
{
  Batch *batch = g_new (Batch, 1);

  batch->arena = arena;
  batch->buffer = gst_buffer_new ();
  batch->whole = gst_memory_new_wrapped (0, arena->data, arena->capacity, 0, arena->capacity, batch,
      batch_end);
  for (guint i = 0; i < n_memories; i++)
    gst_buffer_append_memory (batch->buffer, gst_memory_share (batch->whole, 0, -1));
  gst_memory_unref (batch->whole);
  GST_BUFFER_FLAG_UNSET (batch->buffer, GST_BUFFER_FLAG_TAG_MEMORY);
  gst_mini_object_set_qdata (GST_MINI_OBJECT (batch->buffer), batch_quark (), batch, NULL);
  arena->companion = batch;
  arena->companion_free = batch_free;
  return batch;
}

static Batch *
get_batch (GstBuffer * buffer)
{
  return gst_mini_object_get_qdata (GST_MINI_OBJECT (buffer), batch_quark ());
}

/* ---- the pool ---- */

/* `start` and `stop` of the parameters: the number of memories, and the size. */
static GstFlowReturn
acquire_buffer (GstBufferPool * pool, GstBuffer ** buffer, GstBufferPoolAcquireParams * params)
{
  SeqArena *arena = seq_arena_acquire (GST_SEQ_BATCH_POOL (pool)->arenas, params->stop);
  Batch *batch;

  if (!arena)
    return GST_FLOW_ERROR;
  batch = arena->companion ? arena->companion : batch_new (arena, params->start);
  *buffer = batch->buffer;
  return GST_FLOW_OK;
}

static gboolean
remove_foreign_meta (GstBuffer * buffer, GstMeta ** meta, gpointer data)
{
  if (!GST_META_FLAG_IS_SET (*meta, GST_META_FLAG_POOLED)) {
    GST_META_FLAG_UNSET (*meta, GST_META_FLAG_LOCKED);
    *meta = NULL;
  }
  return TRUE;
}

static void
reset_buffer (GstBufferPool * pool, GstBuffer * buffer)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);

  GST_BUFFER_FLAGS (buffer) &= GST_BUFFER_FLAG_TAG_MEMORY;
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET_END (buffer) = GST_BUFFER_OFFSET_NONE;
  if (meta)                     /* the names of a batch can be most of it */
    g_clear_pointer (&meta->table, g_bytes_unref);
  gst_buffer_foreach_meta (buffer, remove_foreign_meta, NULL);
}

/* Nobody has put other memories in, and nobody else has those that are in it: no buffer, no part of
 * one, and, what pools of GStreamer don't look at, no plain reference. */
static gboolean
is_intact (GstBuffer * buffer)
{
  gboolean intact = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY);
  gint n = gst_buffer_n_memory (buffer);

  for (gint i = 0; intact && i < n; i++)
    intact = GST_MINI_OBJECT_REFCOUNT_VALUE (gst_buffer_peek_memory (buffer, i)) == 1;
  return intact && GST_MINI_OBJECT_REFCOUNT_VALUE (get_batch (buffer)->whole) == n;
}

static void
release_buffer (GstBufferPool * pool, GstBuffer * buffer)
{
  if (is_intact (buffer))
    seq_arena_release (get_batch (buffer)->arena);
  else
    gst_buffer_unref (buffer);
}

/* Buffers are made when they are asked for. */
static gboolean
start (GstBufferPool * pool)
{
  return TRUE;
}

static void
gst_seq_batch_pool_finalize (GObject * object)
{
  seq_arena_pool_unref (GST_SEQ_BATCH_POOL (object)->arenas);
  G_OBJECT_CLASS (gst_seq_batch_pool_parent_class)->finalize (object);
}

static void
gst_seq_batch_pool_class_init (GstSeqBatchPoolClass * klass)
{
  GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gst_seq_batch_pool_finalize;
  pool_class->start = start;
  pool_class->acquire_buffer = acquire_buffer;
  pool_class->reset_buffer = reset_buffer;
  pool_class->release_buffer = release_buffer;
}

static void
gst_seq_batch_pool_init (GstSeqBatchPool * self)
{
}

GstBufferPool *
gst_seq_batch_pool_new (gsize max_free)
{
  GstSeqBatchPool *self = g_object_new (GST_TYPE_SEQ_BATCH_POOL, NULL);
  GstBufferPool *pool = GST_BUFFER_POOL (self);
  GstStructure *config;

  gst_object_ref_sink (self);
  self->arenas = seq_arena_pool_new (max_free);
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, NULL, 1, 0, 0);
  gst_buffer_pool_set_config (pool, config);
  gst_buffer_pool_set_active (pool, TRUE);
  return pool;
}

GstBuffer *
gst_seq_batch_pool_acquire (GstBufferPool * pool, gsize size, guint n_tensors, guint8 ** data)
{
  GstBufferPoolAcquireParams params = { .format = GST_FORMAT_BYTES, .start = n_tensors,
    .stop = MIN (size, G_MAXINT64)
  };
  GstBuffer *buffer = NULL;

  if (gst_buffer_pool_acquire_buffer (pool, &buffer, &params) != GST_FLOW_OK)
    return NULL;
  *data = get_batch (buffer)->arena->data;
  return buffer;
}

GstSeqBatchMeta *
gst_seq_batch_pool_finish (GstBuffer * buffer, const gsize * offsets, const gsize * sizes,
    GBytes * table, guint n_records)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);

  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++) {
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);

    gst_memory_resize (memory, (gssize) offsets[i] - (gssize) memory->offset, sizes[i]);
  }
  if (meta == NULL) {
    meta = gst_buffer_add_seq_batch_meta (buffer, table, n_records);
    GST_META_FLAG_SET (meta, GST_META_FLAG_POOLED);
  } else {
    const GstSeqBatchRecord *records = g_bytes_get_data (table, NULL);

    *meta = (GstSeqBatchMeta) { .meta = meta->meta, .table = g_bytes_ref (table),
      .records = records, .n_records = n_records, .names = (const gchar *) (records + n_records)
    };
  }
  return meta;
}
