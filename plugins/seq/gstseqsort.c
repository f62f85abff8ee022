/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-seqsort
 * @title: seqsort
 * @short_description: sorts or shuffles sequences
 *
 * Puts records into the order of their lengths, or into a seeded random order, over the whole
 * input or window by window. Batches of records of similar length need little padding.
 *
 * The order depends on the ids and lengths of the records and on `seed` alone, not on how the
 * input was cut into blocks: records of one length stand by ascending id in both directions, and a
 * shuffle orders by a mix of id and seed. No record is changed. The blocks that leave are new ones
 * of about 1 MiB, and a longer record is a block of its own; but an input block (of 64 KiB or more)
 * whose records stay together as they are, as those of reads of one length do, leaves uncopied.
 *
 * With `window=0` nothing leaves before the end of the input, so sinks stay in preroll until then.
 * Memory: the input blocks of a window, with 6 bytes a record for the order (32 while it is found,
 * if it is none by length, or ids come out of order), and the blocks on the way downstream, of
 * which up to 8 are kept for use again. With `max-bytes` the window holds no more than that, and
 * the rest is sorted by way of files.
 *
 * A window ends when it is full and at EOS, SEGMENT, SEGMENT_DONE and STREAM_START. Other
 * serialized events don't wait for the records before them. When caps change within a window, its
 * records leave under caps that hold for all of them: `quality` is true if it was ever true, and
 * `alphabet` unknown where alphabets differ.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 seqsrc location=proteins.fa.gz ! seqsort ! seqenc ! filesink location=sorted.fa
 * ]|
 */
#include "gstseqsort.h"

#include <gst/seq/seq.h>

#include "block-map.h"
#include "event-flow.h"
#include "gstseqidlework.h"
#include "gstseqsortsettings.h"
#include "record-sorter.h"

GST_DEBUG_CATEGORY_STATIC (seq_sort_debug);
#define GST_CAT_DEFAULT seq_sort_debug

/* Where an output block ends: bytes, few enough to be in the cache still when downstream reads what
 * two threads have copied; and records, which is what bounds a block of empty ones. */
#define BLOCK_BYTES (1024 * 1024)
#define BLOCK_RECORDS 65536

/* Output blocks kept for use again: fresh memory costs as much in page faults as the copy. */
#define POOL_BLOCKS 8

/* What a block takes besides its bytes and its table (buffer, memory, metadata, part of a window):
 * some 400 bytes, which is more than what is in it where blocks hold a record each. */
#define INPUT_COST 512

/* An input block, mapped as long as it is held. */
typedef struct
{
  GstBuffer *buffer;
  GstMapInfo map;
} Input;

struct _GstSeqSort
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* object lock */
  GstSeqSortSettings settings;
  guint64 n_records;
  guint64 n_blocks;
  guint64 n_windows;
  SeqSorterStats totals;

  /* streaming thread */
  GstBufferPool *pool;
  GstFlowReturn flow;           /* first result that was not OK; nothing is taken after it */
  GstFlowReturn push_flow;      /* result of the latest push downstream */
  gboolean discont;
  GstCaps *in_caps;             /* latest of the input */
  GstCaps *window_caps;         /* hold for all records of the window */
  SeqSortOrder order;           /* of the window */
  guint window;
  SeqSorter *sorter;            /* the records of the window */
  guint n_inputs;
  gint64 collect_time;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));

G_DEFINE_TYPE_WITH_CODE (GstSeqSort, gst_seq_sort, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_sort_debug, "seqsort", 0, "sequence sorter"))
GST_ELEMENT_REGISTER_DEFINE (seqsort, "seqsort", GST_RANK_NONE, GST_TYPE_SEQ_SORT)

/* --- the window ------------------------------------------------------------------------------ */

static void
gst_seq_sort_clear_window (GstSeqSort * self)
{
  seq_sorter_clear (self->sorter);
  self->n_inputs = 0;
  self->collect_time = 0;
  gst_clear_caps (&self->window_caps);
}

static void
gst_seq_sort_reset (GstSeqSort * self)
{
  gst_seq_sort_clear_window (self);
  self->flow = self->push_flow = GST_FLOW_OK;
  self->discont = TRUE;
}

/* Posts what went wrong, and takes it. Nothing went wrong when a flush interrupted. */
static GstFlowReturn
gst_seq_sort_fail (GstSeqSort * self, GError * error)
{
  static const gint resource_codes[] = {
    [SEQ_SPILL_ERROR_OPEN] = GST_RESOURCE_ERROR_OPEN_WRITE,
    [SEQ_SPILL_ERROR_NO_SPACE] = GST_RESOURCE_ERROR_NO_SPACE_LEFT,
    [SEQ_SPILL_ERROR_WRITE] = GST_RESOURCE_ERROR_WRITE,
    [SEQ_SPILL_ERROR_READ] = GST_RESOURCE_ERROR_READ,
    [SEQ_SPILL_ERROR_DAMAGED] = GST_RESOURCE_ERROR_READ,
    [SEQ_SPILL_ERROR_NO_MEMORY] = GST_RESOURCE_ERROR_NO_SPACE_LEFT,
  };
  GstFlowReturn ret = GST_FLOW_ERROR;
  GQuark domain = GST_STREAM_ERROR;
  gint code = GST_STREAM_ERROR_FAILED;

  if (g_error_matches (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_INTERRUPTED)) {
    ret = GST_FLOW_FLUSHING;
    goto out;
  }
  if (error->domain == SEQ_SPILL_ERROR) {
    domain = GST_RESOURCE_ERROR;
    code = resource_codes[error->code];
  } else if (error->code == SEQ_SORTER_ERROR_NO_MEMORY) {
    domain = GST_RESOURCE_ERROR;
    code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
  } else if (error->code == SEQ_SORTER_ERROR_TOO_LONG) {
    code = GST_STREAM_ERROR_FORMAT;
  }
  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR, domain, code,
      g_strdup (error->message), NULL, __FILE__, GST_FUNCTION, __LINE__);

out:
  g_error_free (error);
  return ret;
}

/* Caps that hold for the records of both, which are not the same. */
static GstCaps *
merge_caps (GstCaps * a, GstCaps * b)
{
  GstCaps *merged;
  const GstStructure *x, *y;
  gboolean quality_a = FALSE, quality_b = FALSE;

  merged = gst_caps_copy (a);
  x = gst_caps_get_structure (a, 0);
  y = gst_caps_get_structure (b, 0);
  if (g_strcmp0 (gst_structure_get_string (x, "alphabet"), gst_structure_get_string (y,
              "alphabet")) != 0)
    gst_caps_set_simple (merged, "alphabet", G_TYPE_STRING, "unknown", NULL);
  gst_structure_get_boolean (x, "quality", &quality_a);
  gst_structure_get_boolean (y, "quality", &quality_b);
  gst_caps_set_simple (merged, "quality", G_TYPE_BOOLEAN, quality_a || quality_b, NULL);
  return merged;
}

/* Files are written and merged between two buffers; a flush or a change of state must not wait. */
static gboolean
gst_seq_sort_is_flushing (gpointer data)
{
  GstSeqSort *self = data;
  gboolean flushing;

  GST_OBJECT_LOCK (self->srcpad);
  flushing = GST_PAD_IS_FLUSHING (self->srcpad);
  GST_OBJECT_UNLOCK (self->srcpad);
  return flushing;
}

static void
gst_seq_sort_begin_window (GstSeqSort * self)
{
  SeqSorterConfig config = { .interrupted = gst_seq_sort_is_flushing, .data = self };

  GST_OBJECT_LOCK (self);
  self->order = self->settings.order;
  self->window = self->settings.window;
  gst_seq_sort_settings_configure (&self->settings, &config);
  seq_sorter_begin (self->sorter, &config);
  GST_OBJECT_UNLOCK (self);
}

static void
input_free (Input * input)
{
  gst_seq_block_unmap (&input->map);
  gst_buffer_unref (input->buffer);
  g_free (input);
}

/* Takes the `n` records of `buffer` from `start` on into the window. */
static GstFlowReturn
gst_seq_sort_collect (GstSeqSort * self, GstBuffer * buffer, guint start, guint n)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (buffer);
  Input *input = g_new0 (Input, 1);
  SeqSortPart part = { .records = meta->records + start, .n_records = n,
    .is_block = n == meta->n_records, .owner = input, .release = (GDestroyNotify) input_free
  };
  GError *error = NULL;

  input->buffer = gst_buffer_ref (buffer);
  part.bytes = gst_seq_block_map (buffer, &input->map);
  if (!part.bytes) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("Could not map a block of records"), (NULL));
    input_free (input);
    return GST_FLOW_ERROR;
  }
  if (input->map.memory) {
    gst_memory_get_sizes (input->map.memory, NULL, &part.held);
    if (input->map.memory->parent)      /* a part of something larger, which is not ours alone */
      part.held = input->map.memory->size;
  }
  part.held += INPUT_COST + meta->n_records * sizeof (GstSeqRecord);
  if (!seq_sorter_add (self->sorter, &part, &error))
    return gst_seq_sort_fail (self, error);
  self->n_inputs++;

  if (!self->window_caps) {
    gst_caps_replace (&self->window_caps, self->in_caps);
  } else if (self->in_caps && !gst_caps_is_equal (self->window_caps, self->in_caps)) {
    gst_caps_take (&self->window_caps, merge_caps (self->window_caps, self->in_caps));
  }
  return GST_FLOW_OK;
}

/* --- output ---------------------------------------------------------------------------------- */

static GstFlowReturn
gst_seq_sort_fail_no_memory (GstSeqSort * self, gsize size)
{
  GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
      ("Not enough memory for a block of %" G_GSIZE_FORMAT " bytes", size), (NULL));
  return GST_FLOW_ERROR;
}

static GstBuffer *
gst_seq_sort_new_buffer (GstSeqSort * self, gsize size)
{
  /* a downstream that keeps many blocks gets more than the pool has, and never waits for it */
  GstBufferPoolAcquireParams params = { .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT };
  GstBuffer *buffer = NULL;
  guint8 *data;

  if (size <= BLOCK_BYTES &&
      gst_buffer_pool_acquire_buffer (self->pool, &buffer, &params) == GST_FLOW_OK) {
    gst_buffer_set_size (buffer, size);
    return buffer;
  }
  data = g_try_malloc (MAX (size, 1));
  if (!data) {
    gst_seq_sort_fail_no_memory (self, size);
    return NULL;
  }
  return gst_buffer_new_wrapped_full (0, data, size, 0, size, data, g_free);
}

static void
set_offsets (GstBuffer * block, const GstSeqRecord * table, gsize n)
{
  guint64 first = table[0].id;

  for (gsize i = 1; i < n; i++)
    if (table[i].id != first + i)
      return;
  if (first <= G_MAXUINT64 - n) {
    GST_BUFFER_OFFSET (block) = first;
    GST_BUFFER_OFFSET_END (block) = first + n;
  }
}

/* Fills a block with the `n` records, or fewer, that the sorter has told of. */
static GstFlowReturn
gst_seq_sort_fill_block (GstSeqSort * self, GstBuffer * block, gsize n)
{
  GstSeqRecord *table, *shrunk;
  GError *error = NULL;
  GstMapInfo map;
  GBytes *bytes;
  gsize n_taken, size;
  gboolean taken;

  if (!gst_buffer_map (block, &map, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("Could not map a new block"), (NULL));
    return GST_FLOW_ERROR;
  }
  table = g_try_new (GstSeqRecord, n);
  if (!table) {
    gst_buffer_unmap (block, &map);
    return gst_seq_sort_fail_no_memory (self, n * sizeof (GstSeqRecord));
  }
  taken = seq_sorter_take (self->sorter, map.data, table, &n_taken, &size, &error);
  gst_buffer_unmap (block, &map);
  if (!taken) {
    g_free (table);
    return gst_seq_sort_fail (self, error);
  }
  if (n_taken < n && (shrunk = g_try_renew (GstSeqRecord, table, n_taken)))
    table = shrunk;
  gst_buffer_set_size (block, size);
  set_offsets (block, table, n_taken);
  bytes = g_bytes_new_take (table, n_taken * sizeof (GstSeqRecord));
  gst_buffer_add_seq_records_meta (block, bytes);
  g_bytes_unref (bytes);
  return GST_FLOW_OK;
}

/* The block itself, or, where others have it, too, one like it; memory 0, as the rest belongs to no
 * record. */
static GstBuffer *
gst_seq_sort_take_input (Input * input)
{
  GstBuffer *block = gst_buffer_ref (input->buffer);
  GstSeqRecordsMeta *meta;

  input_free (input);
  block = gst_buffer_make_writable (block);
  meta = gst_buffer_get_seq_records_meta (block);
  if (gst_buffer_n_memory (block) > 1)
    gst_buffer_remove_memory_range (block, 1, -1);
  GST_BUFFER_FLAG_UNSET (block, GST_BUFFER_FLAG_DISCONT);
  GST_BUFFER_OFFSET (block) = GST_BUFFER_OFFSET_END (block) = GST_BUFFER_OFFSET_NONE;
  set_offsets (block, meta->records, meta->n_records);
  return block;
}

/* Copies the next of the sorted records into a block, NULL at the end. */
static GstFlowReturn
gst_seq_sort_copy_block (GstSeqSort * self, GstBuffer ** result)
{
  GError *error = NULL;
  GstFlowReturn ret;
  gsize n, size;

  if (!seq_sorter_peek (self->sorter, BLOCK_BYTES, BLOCK_RECORDS, &n, &size, &error))
    return gst_seq_sort_fail (self, error);
  if (n == 0)
    return GST_FLOW_OK;
  *result = gst_seq_sort_new_buffer (self, size);
  if (!*result)
    return GST_FLOW_ERROR;
  ret = gst_seq_sort_fill_block (self, *result, n);
  if (ret != GST_FLOW_OK)
    gst_clear_buffer (result);
  return ret;
}

/* Makes the next block of the sorted records, NULL at the end. */
static GstFlowReturn
gst_seq_sort_next_block (GstSeqSort * self, GstBuffer ** result)
{
  Input *input = seq_sorter_take_block (self->sorter);
  GstFlowReturn ret = GST_FLOW_OK;

  *result = NULL;
  if (input)
    *result = gst_seq_sort_take_input (input);
  else
    ret = gst_seq_sort_copy_block (self, result);
  if (*result && self->discont) {
    GST_BUFFER_FLAG_SET (*result, GST_BUFFER_FLAG_DISCONT);
    self->discont = FALSE;
  }
  return ret;
}

static gboolean
gst_seq_sort_push_caps (GstSeqSort * self, GstCaps * caps)
{
  GstCaps *current = gst_pad_get_current_caps (self->srcpad);
  gboolean ret = TRUE;

  if (caps && (!current || !gst_caps_is_equal (current, caps)))
    ret = gst_pad_push_event (self->srcpad, gst_event_new_caps (caps));
  gst_clear_caps (&current);
  return ret;
}

static GstFlowReturn
gst_seq_sort_push (GstSeqSort * self, GstBuffer * block, guint n)
{
  GST_OBJECT_LOCK (self);
  self->n_records += n;
  self->n_blocks++;
  GST_OBJECT_UNLOCK (self);
  /* a custom success is no reason to stop */
  self->push_flow = gst_pad_push (self->srcpad, block);
  self->push_flow = MIN (self->push_flow, GST_FLOW_OK);
  return self->push_flow;
}

/* Asks downstream whether a thread of it helps. */
static void
gst_seq_sort_find_idle_work (GstSeqSort * self)
{
  GstCaps *caps = gst_pad_get_current_caps (self->srcpad);
  SeqIdleWork *work = NULL;
  GstQuery *query;

  if (!caps) {
    gst_pad_mark_reconfigure (self->srcpad);
    return;
  }
  query = gst_query_new_allocation (caps, FALSE);
  if (gst_pad_peer_query (self->srcpad, query))
    work = gst_seq_idle_work_from_query (query);
  else if (gst_seq_pad_is_flushing (self->srcpad))
    gst_pad_mark_reconfigure (self->srcpad);
  GST_DEBUG_OBJECT (self, "downstream helps to copy: %s", work ? "yes" : "no");
  seq_sorter_set_idle_work (self->sorter, work);
  g_clear_pointer (&work, seq_idle_work_unref);
  gst_query_unref (query);
  gst_caps_unref (caps);
}

static GstFlowReturn
gst_seq_sort_emit (GstSeqSort * self)
{
  GstFlowReturn ret;
  GstBuffer *block;

  /* a downstream that refuses the caps says so again, with a reason, when it gets the block */
  gst_seq_sort_push_caps (self, self->window_caps);
  do {
    if (gst_pad_check_reconfigure (self->srcpad))
      gst_seq_sort_find_idle_work (self);
    ret = gst_seq_sort_next_block (self, &block);
    if (block)
      ret = gst_seq_sort_push (self, block, gst_seq_block_get_n_records (block));
  } while (ret == GST_FLOW_OK && block);
  return ret;
}

static GstStructure *
new_stats (const gchar * name, const SeqSorterStats * stats)
{
  return gst_structure_new (name, "records", G_TYPE_UINT64, stats->records,
      "runs", G_TYPE_UINT64, stats->runs, "passes", G_TYPE_UINT64, stats->passes,
      "spilled-bytes", G_TYPE_UINT64, stats->spilled_bytes,
      "peak-bytes", G_TYPE_UINT64, stats->peak_bytes,
      "sort-time", G_TYPE_UINT64, stats->sort_time,
      "spill-time", G_TYPE_UINT64, stats->spill_time,
      "merge-time", G_TYPE_UINT64, stats->merge_time, NULL);
}

/* Adds what the sort has done to the totals, and tells of files. */
static void
gst_seq_sort_account (GstSeqSort * self, GstFlowReturn ret)
{
  SeqSorterStats stats;

  seq_sorter_get_stats (self->sorter, &stats);
  GST_OBJECT_LOCK (self);
  self->totals.runs += stats.runs;
  self->totals.passes = MAX (self->totals.passes, stats.passes);
  self->totals.spilled_bytes += stats.spilled_bytes;
  self->totals.peak_bytes = MAX (self->totals.peak_bytes, stats.peak_bytes);
  self->totals.sort_time += stats.sort_time;
  self->totals.spill_time += stats.spill_time;
  self->totals.merge_time += stats.merge_time;
  GST_OBJECT_UNLOCK (self);

  GST_INFO_OBJECT (self, "window of %" G_GUINT64_FORMAT " records from %u blocks: collect %.1f ms, "
      "sort %.1f ms, spill %.1f ms (%" G_GUINT64_FORMAT " runs), gather %.1f ms, %s",
      stats.records, self->n_inputs, self->collect_time / 1e3, stats.sort_time / 1e6,
      stats.spill_time / 1e6, stats.runs, stats.merge_time / 1e6, gst_flow_get_name (ret));
  if (stats.runs > 0 && ret == GST_FLOW_OK)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self),
            new_stats ("seq-sort-spill", &stats)));
}

/* Sorts and sends what has been collected. */
static GstFlowReturn
gst_seq_sort_drain (GstSeqSort * self)
{
  GError *error = NULL;
  GstFlowReturn ret;

  if (seq_sorter_get_n_records (self->sorter) == 0)
    return GST_FLOW_OK;
  if (seq_sorter_finish (self->sorter, &error)) {
    GST_OBJECT_LOCK (self);
    self->n_windows++;
    GST_OBJECT_UNLOCK (self);
    ret = gst_seq_sort_emit (self);
  } else {
    ret = gst_seq_sort_fail (self, error);
  }
  gst_seq_sort_account (self, ret);
  gst_seq_sort_clear_window (self);
  self->flow = ret;
  return ret;
}

/* --- pads ------------------------------------------------------------------------------------ */

static GstFlowReturn
gst_seq_sort_take_block (GstSeqSort * self, GstBuffer * buffer, guint n)
{
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint done = 0, take; ret == GST_FLOW_OK && done < n; done += take) {
    gint64 start = g_get_monotonic_time ();
    guint64 n_records = seq_sorter_get_n_records (self->sorter);
    gboolean windowed, full;

    if (n_records == 0)
      gst_seq_sort_begin_window (self);
    /* groups are cut from a shuffle of everything, so `window` is no window there; and the rest of
     * a block whose first part belonged to a window leaves at once after a change to `none` */
    windowed = self->window > 0 && self->order < SEQ_SORT_GROUPED;
    take = n - done;
    if (windowed)
      take = MIN (take, self->window - n_records);
    ret = gst_seq_sort_collect (self, buffer, done, take);
    self->collect_time += g_get_monotonic_time () - start;
    full = (windowed && n_records + take == self->window) ||
        (self->order == SEQ_SORT_NONE && done + take == n);
    if (ret == GST_FLOW_OK && full)
      ret = gst_seq_sort_drain (self);
  }
  return ret;
}

static GstFlowReturn
gst_seq_sort_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstSeqSort *self = GST_SEQ_SORT (parent);
  GstFlowReturn ret = self->flow;
  GError *error = NULL;
  gboolean empty;
  guint n;

  if (ret != GST_FLOW_OK)
    goto out;
  if (!gst_seq_block_validate (buffer, &error)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("Not a valid block of records: %s", error->message),
        (NULL));
    g_clear_error (&error);
    ret = GST_FLOW_ERROR;
    goto failed;
  }
  n = gst_seq_block_get_n_records (buffer);
  empty = seq_sorter_get_n_records (self->sorter) == 0;
  if (empty)
    gst_seq_sort_begin_window (self);
  if (empty && self->order == SEQ_SORT_NONE) {
    gst_seq_sort_push_caps (self, self->in_caps);
    ret = gst_seq_sort_push (self, g_steal_pointer (&buffer), n);
  } else {
    ret = gst_seq_sort_take_block (self, buffer, n);
  }

failed:
  if (ret != GST_FLOW_OK) {
    self->flow = ret;
    gst_seq_sort_clear_window (self);
  }
out:
  gst_clear_buffer (&buffer);
  return ret;
}

/* Drains before an event, whose sender doesn't see a flow return. An error that is this element's
 * own has been posted where it happened. */
static void
gst_seq_sort_drain_for_event (GstSeqSort * self)
{
  GstFlowReturn ret = gst_seq_sort_drain (self);

  if ((ret == GST_FLOW_NOT_LINKED || ret < GST_FLOW_EOS) && ret == self->push_flow)
    GST_ELEMENT_FLOW_ERROR (self, ret);
  gst_seq_sort_clear_window (self);
}

static gboolean
gst_seq_sort_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstSeqSort *self = GST_SEQ_SORT (parent);
  GstCaps *caps;
  gboolean ret = TRUE;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      gst_event_parse_caps (event, &caps);
      gst_caps_replace (&self->in_caps, caps);
      /* collected records leave under caps of their own first */
      if (seq_sorter_get_n_records (self->sorter) == 0)
        ret = gst_seq_sort_push_caps (self, caps);
      gst_event_unref (event);
      return ret;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
      gst_seq_sort_drain_for_event (self);
      /* what follows may be wanted again; after an error it would be a stream with a hole */
      if (self->flow == GST_FLOW_EOS)
        self->flow = GST_FLOW_OK;
      break;
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_EOS:
      gst_seq_sort_drain_for_event (self);
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_seq_sort_reset (self);
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstFlowReturn
gst_seq_sort_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_SEQ_SORT (parent)->srcpad, type,
      gst_seq_sort_sink_event (pad, parent, event));
}

/* --- element --------------------------------------------------------------------------------- */

static void
gst_seq_sort_start (GstSeqSort * self)
{
  GstStructure *config;

  gst_seq_sort_reset (self);
  gst_pad_mark_reconfigure (self->srcpad);
  GST_OBJECT_LOCK (self);
  self->n_records = self->n_blocks = self->n_windows = 0;
  self->totals = (SeqSorterStats) { 0 };
  GST_OBJECT_UNLOCK (self);

  self->pool = gst_buffer_pool_new ();
  config = gst_buffer_pool_get_config (self->pool);
  gst_buffer_pool_config_set_params (config, NULL, BLOCK_BYTES, 0, POOL_BLOCKS);
  gst_buffer_pool_set_config (self->pool, config);
  gst_buffer_pool_set_active (self->pool, TRUE);
}

static void
gst_seq_sort_stop (GstSeqSort * self)
{
  gst_seq_sort_reset (self);
  seq_sorter_set_idle_work (self->sorter, NULL);
  gst_clear_caps (&self->in_caps);
  if (self->pool)
    gst_buffer_pool_set_active (self->pool, FALSE);
  gst_clear_object (&self->pool);
}

static GstStateChangeReturn
gst_seq_sort_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqSort *self = GST_SEQ_SORT (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_seq_sort_start (self);
  ret = GST_ELEMENT_CLASS (gst_seq_sort_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    gst_seq_sort_stop (self);
  return ret;
}

static void
gst_seq_sort_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqSort *self = GST_SEQ_SORT (object);

  GST_OBJECT_LOCK (self);
  if (!gst_seq_sort_settings_set (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

/* Call with the object lock. */
static GstStructure *
gst_seq_sort_get_stats (GstSeqSort * self)
{
  SeqSorterStats totals = self->totals;
  GstStructure *stats;

  totals.records = self->n_records;
  stats = new_stats ("seq-sort-stats", &totals);
  gst_structure_set (stats, "blocks", G_TYPE_UINT64, self->n_blocks, "windows", G_TYPE_UINT64,
      self->n_windows, NULL);
  return stats;
}

static void
gst_seq_sort_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqSort *self = GST_SEQ_SORT (object);

  GST_OBJECT_LOCK (self);
  if (id == GST_SEQ_SORT_PROP_STATS)
    g_value_take_boxed (value, gst_seq_sort_get_stats (self));
  else if (!gst_seq_sort_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_sort_finalize (GObject * object)
{
  GstSeqSort *self = GST_SEQ_SORT (object);

  gst_seq_sort_stop (self);
  seq_sorter_free (self->sorter);
  gst_seq_sort_settings_clear (&self->settings);
  G_OBJECT_CLASS (gst_seq_sort_parent_class)->finalize (object);
}

static void
gst_seq_sort_class_init (GstSeqSortClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  object_class->set_property = gst_seq_sort_set_property;
  object_class->get_property = gst_seq_sort_get_property;
  object_class->finalize = gst_seq_sort_finalize;
  element_class->change_state = gst_seq_sort_change_state;

  gst_seq_sort_settings_install (object_class);
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Sequence sorter", "Filter",
      "Sorts sequences by length or shuffles them by a seed", "gst-seq");
}

static void
gst_seq_sort_init (GstSeqSort * self)
{
  gst_seq_sort_settings_init (&self->settings);
  self->sorter = seq_sorter_new ();

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_sort_chain);
  gst_pad_set_event_full_function (self->sinkpad, gst_seq_sort_sink_event_full);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
