/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqbatchoutput.h"

#include <string.h>

#include "block-map.h"
#include "gstseqbatchpool.h"

#define GST_CAT_DEFAULT gst_seq_batch_debug

/* tensors of a batch start at multiples of this, as CUDA and vector code like it */
#define ALIGNMENT ((gsize) 128)

/* bytes of memory kept for the next batches: some queues full of usual ones */
#define MAX_FREE_MEMORY ((gsize) 64 << 20)
#define MAX_FREE_TABLES ((gsize) 4 << 20)

/* bytes up to which batches get as much as the largest of them, so that the few that are on their way
 * use the same memory again, which is in the caches; but not what needs less than a part of that, for
 * downstream may keep many */
#define MAX_OWN_SIZE ((gsize) 1 << 20)
#define LEAST_OWN_SIZE ((gsize) 16 << 10)
#define OWN_SIZE_PARTS 8

/* bytes that a block may have for each row that waits in it, whatever the row needs: where there
 * are more, a copy costs little beside what it took to read them */
#define KEPT_PER_ROW ((gsize) 64 << 10)

/* ---- blocks ---- */

GstSeqBatchBlock *
gst_seq_batch_block_new (GstBuffer * buffer, GError ** error)
{
  GstSeqBatchBlock *block;

  if (!gst_seq_block_validate (buffer, error)) {
    gst_buffer_unref (buffer);
    return NULL;
  }
  block = g_new0 (GstSeqBatchBlock, 1);
  block->buffer = buffer;
  block->pending = 1;
  block->source.data = gst_seq_block_map (buffer, &block->map);
  if (!block->source.data) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "can't map a block of records");
    gst_buffer_unref (buffer);
    g_free (block);
    return NULL;
  }
  block->source.records = gst_buffer_get_seq_records_meta (buffer)->records;
  return block;
}

void
gst_seq_batch_block_release (GstSeqBatchBlock * block)
{
  if (--block->pending > 0)
    return;
  gst_seq_block_unmap (&block->map);
  gst_clear_buffer (&block->buffer);
  g_free (block);
}

/* The rows that wait in a block, and where they go */
typedef struct
{
  const SeqTokenizer *tokenizer;
  guint32 max_body;
  gsize needed;                 /* bytes */

  GstSeqBatchBlock *copy;
  GstSeqRecord *records;
  guint32 *cuts;
  guint8 *bytes;
  guint n;                      /* copied */
  gsize fill;
} Move;

static const GstSeqRecord *
row_record (const SeqBatchRow * row)
{
  return &((const SeqBatchSource *) row->block)->records[row->record];
}

static gsize
row_span (const Move * move, const SeqBatchRow * row)
{
  const SeqBatchSource *source = row->block;
  const GstSeqRecord *record = row_record (row);

  return seq_tokenizer_get_span (move->tokenizer, source->data + record->seq + row->start,
      record->seq_len - row->start, move->max_body);
}

static void
add_needed (SeqBatchRow * row, gpointer data)
{
  Move *move = data;

  move->needed += row_record (row)->name_len + row_span (move, row);
}

static void
append_bytes (Move * move, const guint8 * bytes, gsize n)
{
  if (n > 0)
    memcpy (move->bytes + move->fill, bytes, n);
  move->fill += n;
}

static void
move_row (SeqBatchRow * row, gpointer data)
{
  Move *move = data;
  GstSeqBatchBlock *block = row->block;
  const GstSeqRecord *record = row_record (row);
  gsize span = row_span (move, row);
  GstSeqRecord moved = { .id = record->id, .name = move->fill, .name_len = record->name_len,
    .seq = move->fill + record->name_len, .seq_len = span, .qual = GST_SEQ_NO_QUALITY
  };

  append_bytes (move, block->source.data + record->name, record->name_len);
  append_bytes (move, block->source.data + record->seq + row->start, span);
  move->records[move->n] = moved;
  move->cuts[move->n] = row->start;
  row->block = move->copy;
  row->record = move->n++;
  row->start = 0;
  move->copy->pending++;
  block->pending--;
}

void
gst_seq_batch_block_let_go (GstSeqBatchBlock * block, SeqBatchPlan * plan,
    const SeqTokenizer * tokenizer, guint32 max_body)
{
  Move move = { .tokenizer = tokenizer, .max_body = max_body };
  guint n = block->pending - 1;

  if (n == 0 || block->map.size / n < KEPT_PER_ROW)
    return;
  seq_batch_plan_foreach_last (plan, n, add_needed, &move);
  if (move.needed > MIN (block->map.size / 2, G_MAXUINT32))
    return;
  move.copy = g_try_malloc0 (sizeof (GstSeqBatchBlock) + n * (sizeof (GstSeqRecord) +
          sizeof (guint32)) + move.needed);
  if (!move.copy)               /* it goes on without */
    return;
  move.records = (GstSeqRecord *) (move.copy + 1);
  move.cuts = (guint32 *) (move.records + n);
  move.bytes = (guint8 *) (move.cuts + n);
  move.copy->source = (SeqBatchSource) { move.bytes, move.records };
  move.copy->cuts = move.cuts;
  seq_batch_plan_foreach_last (plan, n, move_row, &move);
}

/* ---- shapes ---- */

static GstSeqTensorType
dtype_to_tensor_type (SeqDtype dtype)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      return GST_SEQ_TENSOR_UINT8;
    case SEQ_DTYPE_INT16:
      return GST_SEQ_TENSOR_INT16;
    case SEQ_DTYPE_INT32:
      return GST_SEQ_TENSOR_INT32;
    case SEQ_DTYPE_INT64:
      return GST_SEQ_TENSOR_INT64;
  }
  return GST_SEQ_TENSOR_INT64;
}

/* The tensor of the tokens: ids, or vectors, which have a dimension of their own. */
static GstSeqTensorInfo
describe_tokens (const GstSeqBatchShape * shape, guint32 rows, guint32 length, gsize offset)
{
  GstSeqTensorInfo info = { "input_ids", dtype_to_tensor_type (shape->dtype), 0, { 0 }, offset };

  if (!shape->packed)
    info.dims[info.rank++] = rows;
  info.dims[info.rank++] = length;
  if (shape->channels > 0) {
    info.name = "inputs";
    info.type = GST_SEQ_TENSOR_FLOAT32;
    info.dims[info.rank++] = shape->channels;
  }
  return info;
}

/* The tensors of a batch of `rows` rows; `length` is L of a padded one, T of a packed one. */
static guint
describe_tensors (const GstSeqBatchShape * shape, guint32 rows, guint32 length,
    GstSeqTensorInfo * tensors)
{
  gsize offset = shape->flexible ? GST_SEQ_TENSOR_HEADER_SIZE : 0;
  guint n = 0;

  tensors[n++] = describe_tokens (shape, rows, length, offset);
  if (!shape->packed) {
    if (shape->mask)
      tensors[n++] = (GstSeqTensorInfo) { "attention_mask", GST_SEQ_TENSOR_UINT8, 2,
        { rows, length }, offset };
    return n;
  }
  tensors[n++] = (GstSeqTensorInfo) { "cu_seqlens", GST_SEQ_TENSOR_INT32, 1, { rows + 1 }, offset };
  if (shape->positions)
    tensors[n++] = (GstSeqTensorInfo) { "position_ids", GST_SEQ_TENSOR_INT32, 1, { length },
      offset };
  return n;
}

static GstCaps *
static_caps (const GstSeqBatchShape * shape)
{
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  guint n = describe_tensors (shape, shape->fixed_rows,
      shape->packed ? shape->fixed_slots : shape->row_length, tensors);
  GString *types = g_string_new (NULL), *dims = g_string_new (NULL);
  GstCaps *caps;

  for (guint i = 0; i < n; i++) {
    g_string_append_printf (types, "%s%s", i ? "," : "", gst_seq_tensor_type_name (tensors[i].type));
    for (guint d = tensors[i].rank; d > 0; d--)
      g_string_append_printf (dims, "%s%u", d < tensors[i].rank ? ":" : i ? "," : "",
          tensors[i].dims[d - 1]);
  }
  caps = gst_caps_new_simple (GST_SEQ_TENSORS_MEDIA_TYPE, "format", G_TYPE_STRING, "static",
      "num_tensors", G_TYPE_INT, n, "types", G_TYPE_STRING, types->str,
      "dimensions", G_TYPE_STRING, dims->str, "framerate", GST_TYPE_FRACTION, 0, 1, NULL);
  g_string_free (types, TRUE);
  g_string_free (dims, TRUE);
  return caps;
}

GstCaps *
gst_seq_batch_shape_caps (const GstSeqBatchShape * shape)
{
  if (!shape->flexible)
    return static_caps (shape);
  return gst_caps_new_simple (GST_SEQ_TENSORS_MEDIA_TYPE, "format", G_TYPE_STRING, "flexible",
      "framerate", GST_TYPE_FRACTION, 0, 1, NULL);
}

/* ---- memory ---- */

void
gst_seq_batch_memory_init (GstSeqBatchMemory * memory)
{
  g_mutex_init (&memory->lock);
  gst_allocation_params_init (&memory->params);
  memory->tables = seq_arena_pool_new (MAX_FREE_TABLES);
  memory->jobs = seq_arena_pool_new (MAX_FREE_TABLES);
}

void
gst_seq_batch_memory_finalize (GstSeqBatchMemory * memory)
{
  gst_seq_batch_memory_clear (memory);
  g_clear_pointer (&memory->tables, seq_arena_pool_unref);
  g_clear_pointer (&memory->jobs, seq_arena_pool_unref);
  g_mutex_clear (&memory->lock);
}

void
gst_seq_batch_memory_set_flushing (GstSeqBatchMemory * memory, gboolean flushing)
{
  g_mutex_lock (&memory->lock);
  memory->flushing = flushing;
  if (memory->pool)
    gst_buffer_pool_set_flushing (memory->pool, flushing);
  g_mutex_unlock (&memory->lock);
}

/* Takes over a reference to `pool`, which may be NULL. */
static void
memory_set_pool (GstSeqBatchMemory * memory, GstBufferPool * pool)
{
  GstBufferPool *old;

  g_mutex_lock (&memory->lock);
  old = memory->pool;
  memory->pool = pool;
  if (pool && memory->flushing)
    gst_buffer_pool_set_flushing (pool, TRUE);
  g_mutex_unlock (&memory->lock);
  if (old) {
    gst_buffer_pool_set_active (old, FALSE);
    gst_object_unref (old);
  }
}

void
gst_seq_batch_memory_clear (GstSeqBatchMemory * memory)
{
  memory_set_pool (memory, NULL);
  gst_clear_object (&memory->allocator);
  if (memory->own_pool)
    gst_buffer_pool_set_active (memory->own_pool, FALSE);
  gst_clear_object (&memory->own_pool);
  gst_allocation_params_init (&memory->params);
}

/* `size`: of a buffer at least; then what it is. */
static gboolean
pool_activate (GstBufferPool * pool, GstCaps * caps, GstAllocator * allocator, guint * size,
    guint min, guint max)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstAllocationParams params;
  GstAllocator *own = NULL;
  gboolean ok;

  if (!gst_buffer_pool_config_get_allocator (config, &own, &params))
    gst_allocation_params_init (&params);
  params.align |= ALIGNMENT - 1;
  gst_buffer_pool_config_set_allocator (config, own ? own : allocator, &params);
  gst_buffer_pool_config_set_params (config, caps, *size, min, max);
  if (!gst_buffer_pool_set_config (pool, config)) {
    /* it has changed what it does not like: good enough? */
    config = gst_buffer_pool_get_config (pool);
    if (!gst_buffer_pool_config_validate_params (config, caps, *size, min, max)) {
      gst_structure_free (config);
      return FALSE;
    }
    if (!gst_buffer_pool_set_config (pool, config))
      return FALSE;
  }
  config = gst_buffer_pool_get_config (pool);
  ok = gst_buffer_pool_config_get_params (config, NULL, size, NULL, NULL);
  gst_structure_free (config);
  return ok && gst_buffer_pool_set_active (pool, TRUE);
}

void
gst_seq_batch_memory_negotiate (GstSeqBatchMemory * memory, GstPad * srcpad, GstCaps * caps,
    gsize max_size, guint n_batches, SeqIdleWork ** idle_work)
{
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  guint size = 0, min = 0, max = 0;
  GstBufferPool *pool = NULL;

  gst_structure_set (gst_query_writable_structure (query), GST_SEQ_ALLOCATION_SIZE, G_TYPE_UINT64,
      (guint64) max_size, GST_SEQ_ALLOCATION_BUFFERS, G_TYPE_UINT, n_batches, NULL);
  gst_seq_batch_memory_clear (memory);
  *idle_work = NULL;
  if (gst_pad_peer_query (srcpad, query)) {
    if (gst_query_get_n_allocation_params (query) > 0)
      gst_query_parse_nth_allocation_param (query, 0, &memory->allocator, &memory->params);
    if (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
    if (pool && !pool_activate (pool, caps, memory->allocator, &size, min, max)) {
      GST_WARNING_OBJECT (srcpad, "can't use %" GST_PTR_FORMAT, (gpointer) pool);
      gst_clear_object (&pool);
    }
    memory->pool_size = size;
    memory_set_pool (memory, pool);
    *idle_work = gst_seq_idle_work_from_query (query);
  }
  memory->params.align |= ALIGNMENT - 1;
  if (!memory->allocator && memory->params.align == ALIGNMENT - 1 && memory->params.flags == 0 &&
      memory->params.prefix == 0 && memory->params.padding == 0)
    memory->own_pool = gst_seq_batch_pool_new (MAX_FREE_MEMORY);
  memory->own_size = max_size <= MAX_OWN_SIZE ? max_size : 0;
  gst_query_unref (query);
}

/* Maps job->memory for writing, or lets go of it where it is of no use. */
static gboolean
map_memory (GstSeqBatchJob * job, gsize size)
{
  GstMemory *memory = job->memory;

  if (!memory)
    return FALSE;
  job->held = job->pool_buffer || GST_MEMORY_FLAG_IS_SET (memory, GST_MEMORY_FLAG_NO_SHARE) ||
      !memory->allocator->mem_share;
  if (gst_memory_map (memory, &job->map, job->held ? GST_MAP_READWRITE : GST_MAP_WRITE)) {
    if (job->map.size >= size && GPOINTER_TO_SIZE (job->map.data) % ALIGNMENT == 0)
      return TRUE;
    gst_memory_unmap (memory, &job->map);
  }
  g_clear_pointer (&job->memory, gst_memory_unref);
  return FALSE;
}

/* Where nothing that downstream proposed can be used. What is usual follows the largest batch so
 * far, where it is not known before. */
static void
choose_own_size (GstSeqBatchMemory * memory, gsize size, GstSeqBatchJob * job)
{
  while (size <= MAX_OWN_SIZE && memory->own_size < size)
    memory->own_size = CLAMP (2 * memory->own_size, LEAST_OWN_SIZE, MAX_OWN_SIZE);
  job->own_pool = memory->own_pool;
  job->own_size = size >= memory->own_size / OWN_SIZE_PARTS ? MAX (size, memory->own_size) : size;
}

/* From the pool where the batch fits into its buffers, else from the allocator. */
static GstFlowReturn
memory_acquire (GstSeqBatchMemory * memory, gsize size, gboolean wait, GstSeqBatchJob * job)
{
  GstBufferPoolAcquireParams params = {
    .flags = wait ? GST_BUFFER_POOL_ACQUIRE_FLAG_NONE : GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT,
  };
  GstFlowReturn ret;

  if (memory->pool && size <= memory->pool_size) {
    ret = gst_buffer_pool_acquire_buffer (memory->pool, &job->pool_buffer, &params);
    if (ret != GST_FLOW_OK)
      return ret;
    if (gst_buffer_n_memory (job->pool_buffer) == 1)
      job->memory = gst_buffer_get_memory (job->pool_buffer, 0);
    if (map_memory (job, size))
      return GST_FLOW_OK;
    GST_WARNING_OBJECT (memory->pool, "buffers are not one aligned memory that can be mapped");
    gst_clear_buffer (&job->pool_buffer);
    memory_set_pool (memory, NULL);
  }
  if (memory->own_pool) {
    choose_own_size (memory, size, job);
    return GST_FLOW_OK;
  }
  job->memory = gst_allocator_alloc (memory->allocator, size, &memory->params);
  if (map_memory (job, size))
    return GST_FLOW_OK;
  if (memory->allocator) {
    GST_WARNING_OBJECT (memory->allocator, "no memory of %" G_GSIZE_FORMAT " bytes that is aligned "
        "to %" G_GSIZE_FORMAT " and can be mapped; taking system memory", size, ALIGNMENT);
    job->memory = gst_allocator_alloc (NULL, size, &memory->params);
    if (map_memory (job, size))
      return GST_FLOW_OK;
  }
  return GST_FLOW_ERROR;
}

/* ---- jobs ---- */

/* Offsets and sizes of all tensors, each aligned, one behind the other. */
static gboolean
lay_out (const GstSeqTensorInfo * tensors, guint n_tensors, gsize * offsets, gsize * sizes,
    gsize * total)
{
  gsize at = 0;

  for (guint i = 0; i < n_tensors; i++) {
    const GstSeqTensorInfo *t = &tensors[i];
    gsize size = gst_seq_tensor_type_size (t->type);

    for (guint d = 0; d < t->rank; d++)
      if (!g_size_checked_mul (&size, size, t->dims[d]))
        return FALSE;
    if (!g_size_checked_add (&size, size, t->offset + ALIGNMENT - 1))
      return FALSE;
    offsets[i] = at;
    sizes[i] = size - (ALIGNMENT - 1);
    if (!g_size_checked_add (&at, at, size & ~(ALIGNMENT - 1)))
      return FALSE;
  }
  *total = at;
  return TRUE;
}

gsize
gst_seq_batch_shape_size (const GstSeqBatchShape * shape, guint64 rows, guint64 slots)
{
  GstSeqTensorInfo tensors[GST_SEQ_BATCH_MAX_TENSORS];
  gsize offsets[GST_SEQ_BATCH_MAX_TENSORS], sizes[GST_SEQ_BATCH_MAX_TENSORS], total;
  guint n;

  if (slots == 0 || slots > G_MAXINT32 || rows >= G_MAXINT32)
    return 0;
  /* only the product of rows and length counts in a padded tensor */
  n = describe_tensors (shape, shape->packed ? rows : 1, slots, tensors);
  return lay_out (tensors, n, offsets, sizes, &total) ? total : 0;
}

static void
describe_target (GstSeqBatchJob * job, const SeqTokenizer * tokenizer, guint32 max_body,
    guint rows, guint32 length)
{
  SeqBatchTarget *t = &job->target;

  t->tokenizer = tokenizer;
  t->dtype = job->shape.dtype;
  t->packed = job->shape.packed;
  t->pads_left = job->shape.pads_left;
  t->max_body = max_body;
  t->n_rows = rows;
  if (t->packed)
    t->slots = length;
  else
    t->row_length = length;
}

/* Once there is memory */
static void
aim (GstSeqBatchJob * job)
{
  SeqBatchTarget *t = &job->target;
  gpointer data[GST_SEQ_BATCH_MAX_TENSORS] = { NULL };

  for (guint i = 0; i < job->n_tensors; i++) {
    GstSeqTensorInfo *info = &job->tensors[i];

    data[i] = job->map.data + job->offsets[i] + info->offset;
    if (info->offset > 0)
      gst_seq_tensor_header_write (job->map.data + job->offsets[i], info->type, info->rank,
          info->dims);
  }
  t->input_ids = data[0];
  if (t->packed) {
    t->cu_seqlens = data[1];
    t->position_ids = data[2];
  } else {
    t->attention_mask = data[1];
  }
}

static GstSeqBatchJob *
job_alloc (SeqArenaPool * jobs, SeqArenaPool * tables, const SeqPlannedBatch * batch)
{
  gsize rows_size = batch->n_rows * sizeof (SeqBatchRow);
  SeqArena *arena = seq_arena_acquire (jobs, sizeof (GstSeqBatchJob) + rows_size);
  GstSeqBatchJob *job;

  if (!arena)
    return NULL;
  job = (GstSeqBatchJob *) arena->data;
  *job = (GstSeqBatchJob) { .arena = arena, .tables = tables, .n_rows = batch->n_rows,
    .tokens = batch->tokens, .longest = batch->longest, .rows = (SeqBatchRow *) (job + 1)
  };
  memcpy (job->rows, batch->rows, rows_size);
  return job;
}

GstSeqBatchJob *
gst_seq_batch_job_new (const GstSeqBatchShape * shape, const SeqTokenizer * tokenizer,
    guint32 max_body, const SeqPlannedBatch * batch, GstSeqBatchMemory * memory, gboolean wait,
    GstFlowReturn * ret, GError ** error)
{
  guint rows = MAX (batch->n_rows, shape->fixed_rows);
  guint64 length = batch->row_length;
  GstSeqBatchJob *job;
  gsize size;

  *ret = GST_FLOW_ERROR;
  if (shape->packed)            /* a tensor must have an element */
    length = MAX (MAX (batch->tokens, shape->fixed_slots), 1);
  if (length > G_MAXINT32) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "a batch of %" G_GUINT64_FORMAT
        " tokens is more than a tensor can have; set max-tokens or max-length", length);
    return NULL;
  }
  job = job_alloc (memory->jobs, memory->tables, batch);
  if (job) {
    job->shape = *shape;
    job->n_tensors = describe_tensors (shape, rows, length, job->tensors);
    if (lay_out (job->tensors, job->n_tensors, job->offsets, job->sizes, &size))
      *ret = memory_acquire (memory, size, wait, job);
  }
  if (*ret != GST_FLOW_OK) {
    if (*ret == GST_FLOW_ERROR)
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
          "no memory for a batch of %u x %" G_GUINT64_FORMAT " tokens", rows, length);
    if (job)
      seq_arena_release (job->arena);
    return NULL;
  }
  describe_target (job, tokenizer, max_body, rows, length);
  return job;
}

/* Windows of one record stand one behind the other and share its name. */
static gboolean
shares_name (const GstSeqBatchJob * job, guint i)
{
  return i > 0 && job->rows[i].block == job->rows[i - 1].block &&
      job->rows[i].record == job->rows[i - 1].record;
}

/* The meta's table and the names that it points into, in one piece; NULL if the names pass the
 * 4 GiB that can be pointed at, or the system has no memory. */
static GBytes *
make_table (GstSeqBatchJob * job)
{
  gsize size = job->n_rows * sizeof (GstSeqBatchRecord), at = 0;
  GstSeqBatchRecord *records;
  SeqArena *arena;
  gchar *out;

  for (guint i = 0; i < job->n_rows; i++)
    job->names += shares_name (job, i) ? 0 : row_record (&job->rows[i])->name_len;
  if (job->names > G_MAXUINT32 || !(arena = seq_arena_acquire (job->tables, size + job->names)))
    return NULL;
  records = (GstSeqBatchRecord *) arena->data;
  out = (gchar *) (records + job->n_rows);
  for (guint i = 0; i < job->n_rows; i++) {
    const SeqBatchRow *row = &job->rows[i];
    const GstSeqRecord *r = row_record (row);

    records[i] = (GstSeqBatchRecord) {
      .id = r->id, .tokens = row->tokens, .flags = row->flags, .window = row->window,
      .start = gst_seq_batch_row_start (row), .name = at, .name_len = r->name_len,
    };
    if (shares_name (job, i)) {
      records[i].name = records[i - 1].name;
    } else {
      memcpy (out + at, ((const SeqBatchSource *) row->block)->data + r->name, r->name_len);
      at += r->name_len;
    }
  }
  return g_bytes_new_with_free_func (records, size + job->names,
      (GDestroyNotify) seq_arena_release, arena);
}

/* what memory that stays mapped belongs to */
typedef struct
{
  GstBuffer *pool_buffer;
  GstMemory *memory;
  GstMapInfo map;
} Hold;

static void
hold_free (gpointer data)
{
  Hold *hold = data;

  gst_memory_unmap (hold->memory, &hold->map);
  gst_memory_unref (hold->memory);
  gst_clear_buffer (&hold->pool_buffer);
  g_free (hold);
}

/* The written memory, to share out to the tensors. A pool takes a buffer back only when nobody
 * shares its memory any more. A GstParentBufferMeta would give it back before that, because the
 * metas of a buffer go before its memories, and the pool would have to make a new one each time. */
static GstMemory *
take_memory (GstSeqBatchJob * job)
{
  GstMemory *memory = g_steal_pointer (&job->memory);
  Hold *hold;

  if (!job->held) {
    gst_memory_unmap (memory, &job->map);
    return memory;
  }
  hold = g_new (Hold, 1);
  *hold = (Hold) { g_steal_pointer (&job->pool_buffer), memory, job->map };
  return gst_memory_new_wrapped (0, hold->map.data, hold->map.size, 0, hold->map.size, hold,
      hold_free);
}

/* A buffer of the memory from downstream */
static GstBuffer *
share_memory (GstSeqBatchJob * job, GBytes * table, GstSeqBatchMeta ** meta)
{
  GstMemory *memory = take_memory (job);
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < job->n_tensors; i++)
    gst_buffer_append_memory (buffer, gst_memory_share (memory, job->offsets[i], job->sizes[i]));
  gst_memory_unref (memory);
  *meta = gst_buffer_add_seq_batch_meta (buffer, table, job->n_rows);
  return buffer;
}

/* The written batch, all of it */
static GstBuffer *
make_buffer (GstSeqBatchJob * job, GBytes * table)
{
  GstBuffer *buffer = g_steal_pointer (&job->buffer);
  GstSeqBatchMeta *meta;

  if (buffer)
    meta = gst_seq_batch_pool_finish (buffer, job->offsets, job->sizes, table, job->n_rows);
  else
    buffer = share_memory (job, table, &meta);
  meta->layout = job->shape.packed ? GST_SEQ_LAYOUT_PACKED : GST_SEQ_LAYOUT_PADDED;
  meta->batch = job->number;
  meta->tokens = job->tokens;
  meta->slots = gst_seq_batch_job_slots (job);
  meta->longest = job->longest;
  meta->row_multiple = job->shape.row_multiple;
  meta->row_minimum = job->shape.row_minimum;
  meta->pads_left = job->shape.pads_left;
  meta->n_tensors = job->n_tensors;
  memcpy (meta->tensors, job->tensors, sizeof meta->tensors);
  GST_BUFFER_OFFSET (buffer) = job->number;
  GST_BUFFER_OFFSET_END (buffer) = job->number + 1;
  return buffer;
}

void
gst_seq_batch_job_write (GstSeqBatchJob * job)
{
  GBytes *table;

  if (job->own_pool)
    job->buffer = gst_seq_batch_pool_acquire (job->own_pool, job->own_size, job->n_tensors,
        &job->map.data);
  job->no_memory = job->own_pool && !job->buffer;
  if (job->no_memory)
    return;
  aim (job);
  seq_batch_write (&job->target, job->rows, job->n_rows, &job->result);
  table = make_table (job);
  job->is_written = table != NULL;
  if (table) {
    job->buffer = make_buffer (job, table);
    g_bytes_unref (table);
  }
}

void
gst_seq_batch_job_free (GstSeqBatchJob * job)
{
  for (guint i = 0; i < job->n_rows; i++)
    gst_seq_batch_block_release (job->rows[i].block);
  if (job->memory) {
    gst_memory_unmap (job->memory, &job->map);
    gst_memory_unref (job->memory);
  }
  gst_clear_buffer (&job->pool_buffer);
  gst_clear_buffer (&job->buffer);
  seq_arena_release (job->arena);
}
