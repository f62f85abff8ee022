/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqbatch
 * @title: seqbatch
 *
 * Turns blocks of records into batches of token ids, padded or packed, as NNStreamer tensors
 * (`other/tensors`) with a #GstSeqBatchMeta that says which record is where. With a one-hot
 * tokenizer tokens are vectors of float32; lengths and limits count them, not their values.
 *
 * The batches follow from the records and the properties alone: not from the number of workers, nor
 * from how the records came in blocks. 64 MiB of names, of windows each with its record's, end a
 * batch, so that a file of nothing but names can't fill the memory; and rows that wait for others
 * keep no more than 64 KiB of their blocks each, or twice what they need.
 *
 * But where device memory is short, downstream may send a custom upstream event `batch-budget` with
 * `max-tokens` (guint64, slots of a batch: padded rows x length, packed tokens) and `max-records`
 * (guint), 0 = no limit: both hold beside the properties, from the next batch that is planned on,
 * until the next such event or READY. Batches of a fixed shape can't shrink; the event fails then.
 *
 * |[
 * gst-launch-1.0 seqsrc location=proteins.fa ! seqsort !
 *     seqbatch tokenizer=esm2 batch-size=0 max-tokens=16384 ! fakesink
 * ]|
 */

#include "gstseqbatch.h"

#include <gst/seq/seq.h>

#include "auto-workers.h"
#include "batch-plan.h"
#include "event-flow.h"
#include "gstseqbatchcounts.h"
#include "gstseqbatchoutput.h"
#include "gstseqbatchsettings.h"
#include "gstseqbatchwork.h"

GST_DEBUG_CATEGORY (gst_seq_batch_debug);
#define GST_CAT_DEFAULT gst_seq_batch_debug

/* rows of a block after which batches are made, so that workers write them while the tokens of the
 * next rows are counted */
#define ROWS_PER_START 256

/* records ahead whose residues are asked for where a tokenizer has to see them, and how much: the
 * rest of a long one the processor finds by itself */
#define RECORDS_AHEAD 8
#define BYTES_AHEAD 192
#define LINE 64

struct _GstSeqBatch
{
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* object lock */
  GstSeqBatchSettings settings; /* what the properties say */
  gboolean limits_changed;
  GstSeqBatchBudget budget;     /* what downstream asked for */
  gboolean budget_changed;
  gboolean shrinkable;          /* batches may have any shape */
  GstSeqBatchCounts counts;
  guint n_workers;

  /* streaming thread; set up in READY to PAUSED */
  GstSeqBatchSettings active;   /* as they were then, but for limits; without tokenizer */
  SeqTokenizer *tokenizer;
  guint32 max_length, max_body, stride, specials;
  gboolean truncate_left;
  GstFlowReturn flow;           /* first that was not OK; nothing comes out behind it, until a flush,
                                 * behind EOS a segment, behind NOT_LINKED a link */
  SeqBatchPlan *plan;
  guint rows_since_start;
  GstSeqBatchWork work;
  GstSeqBatchShape shape;
  GstCaps *caps;
  GstSeqBatchMemory memory;
  guint64 next_number;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_TENSORS_MEDIA_TYPE
        ", format=(string){ flexible, static }, framerate=(fraction)0/1"));

#define gst_seq_batch_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstSeqBatch, gst_seq_batch, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (gst_seq_batch_debug, "seqbatch", 0, "batcher"))
GST_ELEMENT_REGISTER_DEFINE (seqbatch, "seqbatch", GST_RANK_NONE, GST_TYPE_SEQ_BATCH)

/* ---- caps and memory ---- */

/* Downstream chooses between flexible and, where one shape holds for the stream, static. */
static gboolean
negotiate (GstSeqBatch * self)
{
  const gboolean again = self->caps != NULL || self->work.idle_work != NULL;
  GstCaps *mine, *allowed, *caps;
  SeqIdleWork *idle_work;
  GstSeqBatchShape fixed;
  gboolean can_be_fixed;

  gst_seq_batch_settings_get_shape (&self->active, self->tokenizer, TRUE, &self->shape);
  can_be_fixed = gst_seq_batch_settings_get_shape (&self->active, self->tokenizer, FALSE, &fixed);
  mine = gst_seq_batch_shape_caps (&self->shape);
  if (can_be_fixed)
    gst_caps_append (mine, gst_seq_batch_shape_caps (&fixed));
  allowed = gst_pad_peer_query_caps (self->srcpad, NULL);
  caps = gst_caps_intersect_full (allowed, mine, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (allowed);
  gst_caps_unref (mine);
  if (gst_caps_is_empty (caps)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("downstream takes none of the tensors that the "
            "properties make%s", can_be_fixed ? "" : "; for static tensors set pad-to and "
            "batch-size, or fixed-total, max-tokens and batch-size"), (NULL));
    self->flow = GST_FLOW_ERROR;
    gst_caps_unref (caps);
    return FALSE;
  }
  caps = gst_caps_fixate (caps);
  if (g_str_equal (gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"), "static"))
    self->shape = fixed;
  GST_OBJECT_LOCK (self);
  self->shrinkable = self->shape.flexible && self->shape.fixed_slots == 0;
  GST_OBJECT_UNLOCK (self);
  GST_DEBUG_OBJECT (self, "caps %" GST_PTR_FORMAT, (gpointer) caps);
  if ((!self->caps || !gst_caps_is_equal (caps, self->caps))
      && !gst_pad_push_event (self->srcpad, gst_event_new_caps (caps))) {
    gst_clear_caps (&self->caps);       /* a flush: behind it they are to be sent again */
    gst_caps_unref (caps);
    return FALSE;
  }
  gst_caps_replace (&self->caps, caps);
  gst_seq_batch_memory_negotiate (&self->memory, self->srcpad, caps,
      gst_seq_batch_settings_get_max_size (&self->active, &self->shape, self->specials),
      gst_seq_batch_work_get_max (&self->work), &idle_work);
  /* upstream asks for itself, but not before the caps that we begin with */
  if (gst_seq_batch_work_set_idle_work (&self->work, idle_work) && again)
    gst_pad_push_event (self->sinkpad, gst_event_new_reconfigure ());
  gst_caps_unref (caps);
  return TRUE;
}

/* ---- batches out ---- */

/* The name of a record, for messages. */
static gchar *
dup_name (const SeqBatchSource * source, const GstSeqRecord * record)
{
  const gchar *name = (const gchar *) source->data + record->name;

  return g_utf8_make_valid (name, MIN (record->name_len, 60));
}

static void
post_unknown (GstSeqBatch * self, const SeqBatchRow * row, gsize position)
{
  const SeqBatchSource *source = row->block;
  const GstSeqRecord *record = &source->records[row->record];
  gsize residue = position - row->start + gst_seq_batch_row_start (row);
  guint8 letter = source->data[record->seq + position];
  g_autofree gchar *name = dup_name (source, record);
  g_autofree gchar *shown = g_ascii_isprint (letter) ? g_strdup_printf ("'%c'", letter) :
      g_strdup_printf ("byte 0x%02x", letter);

  GST_ELEMENT_ERROR_WITH_DETAILS (self, STREAM, FORMAT, ("record %" G_GUINT64_FORMAT " '%s': "
          "residue %" G_GSIZE_FORMAT " (%s) is not in the vocabulary", record->id, name, residue, shown),
      (NULL), ("record", G_TYPE_UINT64, record->id, "residue", G_TYPE_UINT64, (guint64) residue,
          NULL));
}

/* A word of a tokenizer.json may take more memory than there is. */
static void
post_no_memory (GstSeqBatch * self, const SeqBatchRow * row)
{
  const SeqBatchSource *source = row->block;
  const GstSeqRecord *record = &source->records[row->record];
  g_autofree gchar *name = dup_name (source, record);

  GST_ELEMENT_ERROR_WITH_DETAILS (self, RESOURCE, NO_SPACE_LEFT, ("record %" G_GUINT64_FORMAT
          " '%s': no memory to tokenize its %u residues", record->id, name,
          record->seq_len - row->start + gst_seq_batch_row_start (row)),
      ("the tokenizer's merges make it read whole words at once"),
      ("record", G_TYPE_UINT64, record->id, NULL));
  self->flow = GST_FLOW_ERROR;
}

/* Only an error where the user asked for one, or nothing sensible can be written. */
static gboolean
check_job (GstSeqBatch * self, const GstSeqBatchJob * job)
{
  if (job->no_memory)
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("no memory for a batch of %u records, %"
            G_GUINT64_FORMAT " slots", job->n_rows, gst_seq_batch_job_slots (job)), (NULL));
  else if (!job->is_written && job->names <= G_MAXUINT32)
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("no memory for the names of a batch of %u "
            "records, %" G_GSIZE_FORMAT " bytes", job->n_rows, job->names), (NULL));
  else if (!job->is_written)
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("the names of a batch of %u records pass 4 GiB; set "
            "a smaller batch-size", job->n_rows), (NULL));
  else if (job->result.no_memory_row >= 0)
    post_no_memory (self, &job->rows[job->result.no_memory_row]);
  else if (self->active.unknown == SEQ_UNKNOWN_ERROR && job->result.unknown_row >= 0)
    post_unknown (self, &job->rows[job->result.unknown_row], job->result.unknown_position);
  else
    return TRUE;
  self->flow = GST_FLOW_ERROR;
  return FALSE;
}

/* Waits for the oldest batch and pushes it; after an error (`ret`) it only lets go of it. */
static GstFlowReturn
finish_job (GstSeqBatch * self, GstFlowReturn ret)
{
  GstSeqBatchJob *job = gst_seq_batch_work_take (&self->work);

  if (ret == GST_FLOW_OK && !check_job (self, job))
    ret = GST_FLOW_ERROR;
  if (ret == GST_FLOW_OK) {
    GST_OBJECT_LOCK (self);
    gst_seq_batch_counts_add (&self->counts, job);
    GST_OBJECT_UNLOCK (self);
    ret = gst_pad_push (self->srcpad, g_steal_pointer (&job->buffer));
    ret = MIN (ret, GST_FLOW_OK);       /* a custom success is no reason to stop */
  }
  gst_seq_batch_job_free (job);
  return ret;
}

static GstFlowReturn
start_job (GstSeqBatch * self, const SeqPlannedBatch * batch)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstSeqBatchJob *job = NULL;
  GError *error = NULL;

  /* a pool that is empty fills again when an older batch is pushed and used */
  while (ret == GST_FLOW_OK && !job) {
    gboolean wait = gst_seq_batch_work_get_n (&self->work) == 0;

    job = gst_seq_batch_job_new (&self->shape, self->tokenizer, self->max_body, batch,
        &self->memory, wait, &ret, &error);
    if (!job && ret == GST_FLOW_EOS && !wait)
      ret = finish_job (self, GST_FLOW_OK);
  }
  if (error) {
    gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR, error->domain, error->code,
        g_strdup (error->message), NULL, __FILE__, GST_FUNCTION, __LINE__);
    self->flow = GST_FLOW_ERROR;
    g_error_free (error);
  }
  if (!job)
    return ret;
  job->number = self->next_number++;
  gst_seq_batch_work_add (&self->work, job);
  return GST_FLOW_OK;
}

static void
release_row (const SeqBatchRow * row, gpointer data)
{
  gst_seq_batch_block_release (row->block);
}

static void
drop_batch (GstSeqBatch * self, const SeqPlannedBatch * batch)
{
  GST_OBJECT_LOCK (self);
  gst_seq_batch_counts_add_dropped (&self->counts, batch->rows, batch->n_rows);
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; i < batch->n_rows; i++)
    release_row (&batch->rows[i], NULL);
}

/* Waits for all but the newest. */
static GstFlowReturn
finish_jobs (GstSeqBatch * self, GstFlowReturn ret, guint n_left)
{
  while (gst_seq_batch_work_get_n (&self->work) > n_left)
    ret = finish_job (self, ret);
  return ret;
}

/* Takes over the rows of a batch that the plan has given out. */
static GstFlowReturn
take_batch (GstSeqBatch * self, const SeqPlannedBatch * batch)
{
  GstFlowReturn ret = GST_FLOW_OK;

  if (gst_pad_check_reconfigure (self->srcpad) || !self->caps) {
    ret = finish_jobs (self, ret, 0);   /* they go with the caps so far */
    if (ret == GST_FLOW_OK && !negotiate (self))
      ret = gst_seq_pad_is_flushing (self->srcpad) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
    if (ret != GST_FLOW_OK)
      gst_pad_mark_reconfigure (self->srcpad);
  }
  if (ret == GST_FLOW_OK)
    ret = start_job (self, batch);
  for (guint i = 0; ret != GST_FLOW_OK && i < batch->n_rows; i++)
    release_row (&batch->rows[i], NULL);
  return finish_jobs (self, ret,
      ret == GST_FLOW_OK ? gst_seq_batch_work_get_n_behind (&self->work) : 0);
}

static void
take_new_limits (GstSeqBatch * self)
{
  SeqBatchLimits limits;
  GstSeqBatchBudget budget = { 0 };
  gboolean changed, budget_changed;

  GST_OBJECT_LOCK (self);
  changed = self->limits_changed;
  budget_changed = self->budget_changed;
  self->limits_changed = self->budget_changed = FALSE;
  if (self->shrinkable)
    budget = self->budget;
  self->active.batch_size = self->settings.batch_size;
  if (!gst_seq_batch_settings_has_fixed_total (&self->active))
    self->active.max_tokens = self->settings.max_tokens;
  GST_OBJECT_UNLOCK (self);
  if (!changed && !budget_changed)
    return;
  gst_seq_batch_settings_get_limits (&self->active, &limits);
  gst_seq_batch_budget_apply (&budget, &limits);
  seq_batch_plan_set_limits (self->plan, &limits);
  if (!changed)
    return;
  /* the shape may follow from the limits, and static caps with it */
  gst_pad_mark_reconfigure (self->srcpad);
}

/* Starts all batches that are complete. After an error nothing is on its way. */
static GstFlowReturn
start_batches (GstSeqBatch * self)
{
  GstFlowReturn ret = GST_FLOW_OK;
  SeqPlannedBatch batch;

  /* a block gives many batches, and one of them may be why the limits change */
  for (take_new_limits (self); ret == GST_FLOW_OK && seq_batch_plan_next (self->plan, &batch);
      take_new_limits (self)) {
    if (batch.partial && self->active.drop_last)
      drop_batch (self, &batch);
    else
      ret = take_batch (self, &batch);
  }
  return ret == GST_FLOW_OK ? ret : finish_jobs (self, ret, 0);
}

/* Writes and pushes all batches that are complete. When it returns nothing is on its way: what
 * the records so far give has been pushed, however slowly more of them come. */
static GstFlowReturn
push_batches (GstSeqBatch * self)
{
  return finish_jobs (self, start_batches (self), 0);
}

/* ---- records in ---- */

/* Rows are put into batches by and by, so that a record of a million windows is none in memory. */
static GstFlowReturn
add_row (GstSeqBatch * self, const SeqBatchRow * row)
{
  GstSeqBatchBlock *block = row->block;

  block->pending++;
  seq_batch_plan_add (self->plan, row);
  if (++self->rows_since_start < ROWS_PER_START)
    return GST_FLOW_OK;
  self->rows_since_start = 0;
  return start_batches (self);
}

/* What comes before the error goes out before it. */
static GstFlowReturn
fail_no_memory (GstSeqBatch * self, const SeqBatchRow * row)
{
  GstFlowReturn ret = push_batches (self);

  if (ret != GST_FLOW_OK)
    return ret;
  post_no_memory (self, row);
  return GST_FLOW_ERROR;
}

static GstFlowReturn
add_windows (GstSeqBatch * self, GstSeqBatchBlock * block, guint32 index, gsize body)
{
  const GstSeqRecord *record = &block->source.records[index];
  const guint8 *residues = block->source.data + record->seq;
  SeqBatchRow row = {.block = block,.record = index,.flags = GST_SEQ_BATCH_RECORD_WINDOW,
    .name_len = record->name_len
  };
  GstFlowReturn ret = GST_FLOW_OK;

  for (gsize at = 0; ret == GST_FLOW_OK; at += self->stride) {
    gsize step;

    row.tokens = MIN (self->max_body, body - at) + self->specials;
    ret = add_row (self, &row);
    if (body - at <= self->max_body)
      break;
    row.window++;
    step = seq_tokenizer_token_position (self->tokenizer, residues + row.start,
        record->seq_len - row.start, self->stride);
    if (step == SEQ_TOKENIZER_NO_MEMORY)
      return fail_no_memory (self, &row);
    row.start += step;
  }
  return ret;
}

/* Its first max_body tokens, or its last ones. */
static GstFlowReturn
add_truncated (GstSeqBatch * self, GstSeqBatchBlock * block, guint32 index, gsize body)
{
  const GstSeqRecord *record = &block->source.records[index];
  SeqBatchRow row = {.block = block,.record = index,.tokens = self->max_length,
    .flags = GST_SEQ_BATCH_RECORD_TRUNCATED,.name_len = record->name_len
  };
  gsize start = 0;

  if (self->truncate_left)
    start = seq_tokenizer_token_position (self->tokenizer, block->source.data + record->seq,
        record->seq_len, body - self->max_body);
  if (start == SEQ_TOKENIZER_NO_MEMORY)
    return fail_no_memory (self, &row);
  row.start = start;
  return add_row (self, &row);
}

static GstFlowReturn
add_overlong (GstSeqBatch * self, GstSeqBatchBlock * block, guint32 index, gsize body)
{
  const GstSeqRecord *record = &block->source.records[index];
  g_autofree gchar *name = NULL;
  GstFlowReturn ret;

  switch (self->active.overlong) {
    case GST_SEQ_OVERLONG_TRUNCATE:
      return add_truncated (self, block, index, body);
    case GST_SEQ_OVERLONG_WINDOW:
      return add_windows (self, block, index, body);
    case GST_SEQ_OVERLONG_SKIP:
      GST_OBJECT_LOCK (self);
      self->counts.skipped++;
      GST_OBJECT_UNLOCK (self);
      return GST_FLOW_OK;
    case GST_SEQ_OVERLONG_ERROR:
      break;
  }
  ret = push_batches (self);    /* what comes before the error, as above */
  if (ret != GST_FLOW_OK)
    return ret;
  name = dup_name (&block->source, record);
  GST_ELEMENT_ERROR_WITH_DETAILS (self, STREAM, FORMAT, ("record %" G_GUINT64_FORMAT " '%s' has %"
          G_GSIZE_FORMAT " tokens, more than the %u that are allowed", record->id, name,
          body + self->specials, self->max_length), (NULL),
      ("record", G_TYPE_UINT64, record->id, NULL));
  self->flow = GST_FLOW_ERROR;
  return GST_FLOW_ERROR;
}

static GstFlowReturn
add_record (GstSeqBatch * self, GstSeqBatchBlock * block, guint32 index)
{
  const GstSeqRecord *record = &block->source.records[index];
  gsize body = seq_tokenizer_count (self->tokenizer, block->source.data + record->seq,
      record->seq_len);
  SeqBatchRow row = {.block = block,.record = index,.tokens = body + self->specials,
    .name_len = record->name_len
  };

  if (body == SEQ_TOKENIZER_NO_MEMORY)
    return fail_no_memory (self, &row);
  if (body > self->max_body)
    return add_overlong (self, block, index, body);
  return add_row (self, &row);
}

/* Always inlined, because to gcc 12 a function that only prefetches does nothing. */
static inline __attribute__ ((always_inline)) void
prefetch_residues (const SeqBatchSource * source, guint32 index)
{
  const GstSeqRecord *record = &source->records[index];

  __builtin_prefetch (source->data + record->name);
  for (gsize i = 0; i < BYTES_AHEAD; i += LINE)
    __builtin_prefetch (source->data + record->seq + i);
}

static GstFlowReturn
add_block (GstSeqBatch * self, GstSeqBatchBlock * block)
{
  guint n_records = gst_seq_block_get_n_records (block->buffer);
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint i = 0; ret == GST_FLOW_OK && i < n_records; i++) {
    if (n_records - i > RECORDS_AHEAD)
      prefetch_residues (&block->source, i + RECORDS_AHEAD);
    ret = add_record (self, block, i);
  }
  if (ret == GST_FLOW_OK)
    ret = push_batches (self);
  if (ret == GST_FLOW_OK)
    gst_seq_batch_block_let_go (block, self->plan, self->tokenizer, self->max_body);
  gst_seq_batch_block_release (block);
  return ret;
}

/* Rows that wait would come out of a hole: they are forgotten. */
static void
keep_flow (GstSeqBatch * self, GstFlowReturn ret)
{
  if (ret == GST_FLOW_OK)
    return;
  if (self->flow == GST_FLOW_OK)
    self->flow = ret;
  seq_batch_plan_clear (self->plan, release_row, NULL);
  self->rows_since_start = 0;
}

static GstFlowReturn
gst_seq_batch_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstSeqBatch *self = GST_SEQ_BATCH (parent);
  GstFlowReturn ret = GST_FLOW_ERROR;
  GError *error = NULL;
  GstSeqBatchBlock *block;

  /* something was linked downstream */
  if (self->flow == GST_FLOW_NOT_LINKED && gst_pad_needs_reconfigure (self->srcpad))
    self->flow = GST_FLOW_OK;
  if (self->flow != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return self->flow;
  }
  block = gst_seq_batch_block_new (buffer, &error);
  if (block) {
    ret = add_block (self, block);
  } else {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
    g_error_free (error);
  }
  keep_flow (self, ret);
  return ret;
}

/* ---- events ---- */

static GstStructure *
get_stats (GstSeqBatch * self)
{
  GstSeqBatchCounts counts;
  GstSeqBatchBudget budget;
  guint workers;

  GST_OBJECT_LOCK (self);
  counts = self->counts;
  budget = self->budget;
  workers = self->n_workers;
  GST_OBJECT_UNLOCK (self);
  return gst_seq_batch_counts_to_stats (&counts, &budget, workers);
}

/* All records that wait go into batches, however few they are. Nobody upstream sees what comes of
 * it, so an error of downstream is posted here. */
static void
drain (GstSeqBatch * self)
{
  GstFlowReturn ret;

  if (self->flow != GST_FLOW_OK)
    return;
  seq_batch_plan_finish (self->plan);
  ret = push_batches (self);
  if (self->flow == GST_FLOW_OK && (ret < GST_FLOW_EOS || ret == GST_FLOW_NOT_LINKED))
    GST_ELEMENT_FLOW_ERROR (self, ret);
  keep_flow (self, ret);
}

/* What follows the drained records may be wanted again. */
static void
lift_eos (GstSeqBatch * self)
{
  if (self->flow == GST_FLOW_EOS)
    self->flow = GST_FLOW_OK;
}

/* Forgets what waits, and counts anew: a flush starts another run over the records. */
static void
reset (GstSeqBatch * self)
{
  seq_batch_plan_clear (self->plan, release_row, NULL);
  self->next_number = 0;
  self->rows_since_start = 0;
  self->flow = GST_FLOW_OK;
  GST_OBJECT_LOCK (self);
  self->counts = (GstSeqBatchCounts) { 0 };
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_seq_batch_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstSeqBatch *self = GST_SEQ_BATCH (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:       /* what comes out does not depend on them, but follows them */
      gst_event_unref (event);
      return self->caps != NULL || (self->flow == GST_FLOW_OK && negotiate (self));
    case GST_EVENT_SEGMENT_DONE:
      drain (self);
      break;
    case GST_EVENT_STREAM_START:
      drain (self);
      lift_eos (self);
      break;
    case GST_EVENT_SEGMENT:
      drain (self);
      lift_eos (self);
      if (!self->caps && self->flow == GST_FLOW_OK) /* upstream has none, but ours come before it */
        negotiate (self);
      break;
    case GST_EVENT_EOS:
      drain (self);
      gst_element_post_message (GST_ELEMENT (self),
          gst_message_new_element (GST_OBJECT (self), get_stats (self)));
      break;
    case GST_EVENT_FLUSH_START:
      gst_seq_batch_memory_set_flushing (&self->memory, TRUE);
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_seq_batch_memory_set_flushing (&self->memory, FALSE);
      reset (self);
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstFlowReturn
gst_seq_batch_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_SEQ_BATCH (parent)->srcpad, type,
      gst_seq_batch_sink_event (pad, parent, event));
}

/* Who helps to make batches may help upstream, too. */
static gboolean
gst_seq_batch_sink_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstSeqBatch *self = GST_SEQ_BATCH (parent);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  if (self->work.idle_work)
    gst_seq_idle_work_offer (self->work.idle_work, query);
  return self->work.idle_work != NULL;
}

/* Any thread; it holds from the next batch that is planned on. */
static gboolean
set_budget (GstSeqBatch * self, const GstSeqBatchBudget * budget)
{
  gboolean ok;

  GST_OBJECT_LOCK (self);
  ok = self->shrinkable;
  if (ok) {
    self->budget_changed = TRUE;
    self->budget = *budget;
  }
  GST_OBJECT_UNLOCK (self);
  GST_INFO_OBJECT (self, "budget of %" G_GUINT64_FORMAT " slots, %u records (0 = none)%s",
      budget->max_tokens, budget->max_records, ok ? "" : ": batches can't shrink");
  return ok;
}

static gboolean
gst_seq_batch_src_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstSeqBatchBudget budget;
  gboolean ok;

  if (!gst_seq_batch_budget_parse (event, &budget))
    return gst_pad_event_default (pad, parent, event);
  ok = set_budget (GST_SEQ_BATCH (parent), &budget);
  gst_event_unref (event);
  return ok;
}

/* ---- states ---- */

/* What the properties say holds from here on, but for limits. The tokenizer's file is read without a
 * lock: who asks for a property meanwhile does not wait for it. */
static gboolean
take_settings (GstSeqBatch * self, GError ** error)
{
  GstSeqBatchSettings *active = &self->active;
  gboolean ok;

  GST_OBJECT_LOCK (self);
  *active = self->settings;
  active->tokenizer = g_strdup (active->tokenizer ? active->tokenizer : "");
  self->limits_changed = self->budget_changed = FALSE;
  self->budget = (GstSeqBatchBudget) { 0 };
  self->shrinkable = FALSE;
  self->counts = (GstSeqBatchCounts) { 0 };
  GST_OBJECT_UNLOCK (self);

  self->tokenizer = seq_tokenizer_new (active->tokenizer, active->unknown, error);
  ok = self->tokenizer && gst_seq_batch_settings_check (active, self->tokenizer, error);
  g_clear_pointer (&active->tokenizer, g_free);
  if (!ok)
    g_clear_pointer (&self->tokenizer, seq_tokenizer_free);
  return ok;
}

static gboolean
start (GstSeqBatch * self)
{
  guint n_workers;
  SeqBatchLimits limits;
  GError *error = NULL;

  if (!take_settings (self, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    g_error_free (error);
    return FALSE;
  }
  self->specials = seq_tokenizer_get_n_prefix (self->tokenizer) +
      seq_tokenizer_get_n_suffix (self->tokenizer);
  self->max_length = gst_seq_batch_settings_get_max_length (&self->active);
  if (self->max_length == 0) {  /* a tensor's dimension is the limit then */
    self->max_length = G_MAXINT32;
    self->active.overlong = GST_SEQ_OVERLONG_ERROR;
  }
  self->max_body = self->max_length - self->specials;
  self->truncate_left = gst_seq_batch_settings_truncate_left (&self->active, self->tokenizer);
  self->stride = self->active.stride > 0 ? self->active.stride : self->max_body;
  gst_seq_batch_settings_get_limits (&self->active, &limits);
  n_workers = gst_seq_auto_workers (self->active.num_gpus, self->active.workers);
  GST_OBJECT_LOCK (self);
  self->n_workers = n_workers;
  GST_OBJECT_UNLOCK (self);

  GST_INFO_OBJECT (self, "%u workers", n_workers);
  self->plan = seq_batch_plan_new (&limits);
  gst_seq_batch_work_start (&self->work, n_workers, self->active.workers >= 0);
  self->next_number = 0;
  self->rows_since_start = 0;
  self->flow = GST_FLOW_OK;
  gst_seq_batch_memory_set_flushing (&self->memory, FALSE);
  return TRUE;
}

static void
stop (GstSeqBatch * self)
{
  if (self->plan) {
    seq_batch_plan_clear (self->plan, release_row, NULL);
    g_clear_pointer (&self->plan, seq_batch_plan_free);
  }
  GST_PAD_STREAM_LOCK (self->sinkpad);  /* upstream, which still runs, may ask for help */
  gst_seq_batch_work_stop (&self->work);
  GST_PAD_STREAM_UNLOCK (self->sinkpad);
  g_clear_pointer (&self->tokenizer, seq_tokenizer_free);
  gst_clear_caps (&self->caps);
  gst_seq_batch_memory_clear (&self->memory);
}

static GstStateChangeReturn
gst_seq_batch_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqBatch *self = GST_SEQ_BATCH (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self))
    return GST_STATE_CHANGE_FAILURE;
  /* a streaming thread that waits for a buffer of the pool must be woken before pads stop */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    gst_seq_batch_memory_set_flushing (&self->memory, TRUE);
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    stop (self);
  return ret;
}

/* ---- object ---- */

static void
gst_seq_batch_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqBatch *self = GST_SEQ_BATCH (object);

  GST_OBJECT_LOCK (self);
  if (!gst_seq_batch_settings_set (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  if (id == GST_SEQ_BATCH_PROP_BATCH_SIZE || id == GST_SEQ_BATCH_PROP_MAX_TOKENS)
    self->limits_changed = TRUE;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_batch_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqBatch *self = GST_SEQ_BATCH (object);

  if (id == GST_SEQ_BATCH_PROP_STATS) {
    g_value_take_boxed (value, get_stats (self));
    return;
  }
  GST_OBJECT_LOCK (self);
  if (!gst_seq_batch_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_batch_finalize (GObject * object)
{
  GstSeqBatch *self = GST_SEQ_BATCH (object);

  gst_seq_batch_settings_clear (&self->settings);
  gst_seq_batch_memory_finalize (&self->memory);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_seq_batch_init (GstSeqBatch * self)
{
  gst_seq_batch_settings_init (&self->settings);
  gst_seq_batch_memory_init (&self->memory);
  gst_seq_batch_work_init (&self->work);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_batch_chain);
  gst_pad_set_event_full_function (self->sinkpad, gst_seq_batch_sink_event_full);
  gst_pad_set_query_function (self->sinkpad, gst_seq_batch_sink_query);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_event_function (self->srcpad, gst_seq_batch_src_event);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}

static void
gst_seq_batch_class_init (GstSeqBatchClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = gst_seq_batch_set_property;
  object_class->get_property = gst_seq_batch_get_property;
  object_class->finalize = gst_seq_batch_finalize;
  element_class->change_state = gst_seq_batch_change_state;

  gst_seq_batch_settings_install (object_class);
  g_object_class_install_property (object_class, GST_SEQ_BATCH_PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "What has been batched so far: records, batches, "
          "tokens, slots, utilisation (tokens / slots), padding-waste, truncated, windows, skipped, "
          "dropped, dropped-windows (those of records that are in earlier batches, too), unknown, "
          "workers; budget-tokens (slots) and budget-records: the limits that "
          "downstream set for a batch because device memory was short, 0 = none. Posted as "
          "element message 'seq-batch-stats' at the end",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_set_static_metadata (element_class, "Sequence batcher", "Codec/Encoder",
      "Tokenises records and makes padded or packed batches of them", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
}
