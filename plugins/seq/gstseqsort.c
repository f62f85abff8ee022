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
 * shuffle orders by a mix of id and seed. No record is changed; the blocks that leave are new ones
 * of about 2 MiB, and a longer record is a block of its own.
 *
 * With `window=0` nothing leaves before the end of the input, so sinks stay in preroll until then.
 * Memory: the input blocks of a window, with 16 bytes a record for the keys (32 while they are
 * sorted), and the blocks on the way downstream, of which up to 8 are kept for use again.
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

#include <string.h>

#include <gst/seq/seq.h>

#include "length-sort.h"

GST_DEBUG_CATEGORY_STATIC (seq_sort_debug);
#define GST_CAT_DEFAULT seq_sort_debug

#define DEFAULT_ORDER SEQ_SORT_ASCENDING
#define DEFAULT_WINDOW 0
#define DEFAULT_SEED 0
#define DEFAULT_GROUP 8192

/* Where an output block ends: bytes, and records, which is what bounds a block of empty ones. */
#define BLOCK_BYTES (2 * 1024 * 1024)
#define BLOCK_RECORDS 65536

/* Output blocks kept for use again: fresh memory costs as much in page faults as the copy. */
#define POOL_BLOCKS 8

/* Records lie at random in the input, so a plain loop would wait for memory at each. Table entries
 * are asked for by the chunk, the bytes some records ahead; the first lines of a record are
 * enough, then the processor sees the run by itself. */
#define CHUNK 64
#define RECORDS_AHEAD 6
#define LINE 64
#define LINES_AHEAD 8

/* Every 2^INDEX_SHIFT-th record's input block is noted, to find that of any record. */
#define INDEX_SHIFT 6

enum
{
  PROP_0,
  PROP_ORDER,
  PROP_WINDOW,
  PROP_SEED,
  PROP_STATS,
};

typedef struct
{
  SeqSortOrder order;
  guint window;
  guint64 seed;
} Settings;

/* A part of an input block: `left` records from `records` on, which are the records of the window
 * from `first` on in order of arrival. Held and mapped until the last of them has been copied. */
typedef struct
{
  GstBuffer *buffer;
  GstMapInfo map;
  const GstSeqRecord *records;
  gsize first;
  gsize end;
  gsize left;
} Input;

typedef struct
{
  Input *input;
  GstSeqRecord record;
} Source;

struct _GstSeqSort
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* object lock */
  Settings settings;
  guint64 n_records;
  guint64 n_blocks;
  guint64 n_windows;

  /* streaming thread */
  GstBufferPool *pool;
  GstFlowReturn flow;           /* first result that was not OK; nothing is taken after it */
  GstFlowReturn push_flow;      /* result of the latest push downstream */
  gboolean discont;
  GstCaps *in_caps;             /* latest of the input */
  GstCaps *window_caps;         /* hold for all records of the window */
  Settings active;              /* of the window */
  SeqSortKey *keys;
  gsize n_keys;
  gsize n_room;
  GArray *inputs;               /* Input */
  GArray *index;                /* guint32: number of the input of records 0, 64, 128, … */
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

#define GST_TYPE_SEQ_SORT_ORDER (gst_seq_sort_order_get_type ())
static GType
gst_seq_sort_order_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_SORT_ASCENDING, "Shortest first", "ascending"},
    {SEQ_SORT_DESCENDING, "Longest first", "descending"},
    {SEQ_SORT_SHUFFLE, "Random order by seed", "shuffle"},
    {SEQ_SORT_GROUPED, "Random order by seed, then groups of window records by length", "grouped"},
    {SEQ_SORT_NONE, "Pass blocks through", "none"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqSortOrder", values));
  return type;
}

/* --- the window ------------------------------------------------------------------------------ */

static void
input_release (Input * input)
{
  if (!input->buffer)
    return;
  if (input->map.memory)
    gst_memory_unmap (input->map.memory, &input->map);
  gst_clear_buffer (&input->buffer);
}

static void
gst_seq_sort_clear_window (GstSeqSort * self)
{
  for (guint i = 0; i < self->inputs->len; i++)
    input_release (&g_array_index (self->inputs, Input, i));
  g_array_set_size (self->inputs, 0);
  g_array_set_size (self->index, 0);
  self->n_keys = 0;
  self->collect_time = 0;
  gst_clear_caps (&self->window_caps);
}

static void
gst_seq_sort_reset (GstSeqSort * self)
{
  gst_seq_sort_clear_window (self);
  g_clear_pointer (&self->keys, g_free);
  self->n_room = 0;
  self->flow = self->push_flow = GST_FLOW_OK;
  self->discont = TRUE;
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

static void
gst_seq_sort_begin_window (GstSeqSort * self)
{
  GST_OBJECT_LOCK (self);
  self->active = self->settings;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_seq_sort_reserve (GstSeqSort * self, gsize n)
{
  gsize room = MAX (self->n_room, 4096);
  SeqSortKey *keys;

  if (n <= self->n_room)
    return TRUE;
  while (room < n)
    room = room > G_MAXSIZE / 2 ? n : room * 2;
  keys = g_try_realloc_n (self->keys, room, sizeof (SeqSortKey));
  if (!keys) {
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("Not enough memory to sort %" G_GSIZE_FORMAT
            " records; set a window", n), (NULL));
    return FALSE;
  }
  self->keys = keys;
  self->n_room = room;
  return TRUE;
}

/* Takes the `n` records of `buffer` from `start` on into the window. */
static GstFlowReturn
gst_seq_sort_collect (GstSeqSort * self, GstBuffer * buffer, guint start, gsize n)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (buffer);
  Input input = { .records = meta->records + start, .first = self->n_keys, .left = n };
  guint32 number = self->inputs->len;
  SeqSortKey *keys;

  if (!gst_seq_sort_reserve (self, self->n_keys + n))
    return GST_FLOW_ERROR;
  if (gst_buffer_n_memory (buffer) > 0 &&
      !gst_memory_map (gst_buffer_peek_memory (buffer, 0), &input.map, GST_MAP_READ)) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("Could not map a block of records"), (NULL));
    return GST_FLOW_ERROR;
  }
  input.buffer = gst_buffer_ref (buffer);
  input.end = input.first + n;
  g_array_append_val (self->inputs, input);
  while (((gsize) self->index->len << INDEX_SHIFT) < input.end)
    g_array_append_val (self->index, number);

  keys = self->keys + self->n_keys;
  for (gsize i = 0; i < n; i++) {
    keys[i].id = input.records[i].id;
    keys[i].length = input.records[i].seq_len;
    keys[i].location = input.first + i;
  }
  self->n_keys = input.end;

  if (!self->window_caps) {
    gst_caps_replace (&self->window_caps, self->in_caps);
  } else if (self->in_caps && !gst_caps_is_equal (self->window_caps, self->in_caps)) {
    gst_caps_take (&self->window_caps, merge_caps (self->window_caps, self->in_caps));
  }
  return GST_FLOW_OK;
}

static inline Input *
gst_seq_sort_find_input (GstSeqSort * self, guint32 location)
{
  Input *input = &g_array_index (self->inputs, Input,
      g_array_index (self->index, guint32, location >> INDEX_SHIFT));

  while (location >= input->end)
    input++;
  return input;
}

/* --- output ---------------------------------------------------------------------------------- */

static gsize
record_size (const GstSeqRecord * record)
{
  guint64 size = (guint64) record->name_len + record->seq_len;

  if (record->qual != GST_SEQ_NO_QUALITY)
    size += record->seq_len;
  /* a sum that a gsize can't hold is refused like one that a table can't hold */
  return MIN (size, G_MAXSIZE);
}

/* Finds the records of the next output block, the first of `n` sorted keys. Returns how many. */
static gsize
gst_seq_sort_plan_block (GstSeqSort * self, const SeqSortKey * keys, gsize n, Source * sources,
    gsize * block_size)
{
  const GstSeqRecord *entries[CHUNK];
  gsize count = 0, bytes = 0;

  n = MIN (n, BLOCK_RECORDS);
  while (count < n) {
    gsize chunk = MIN (CHUNK, n - count), taken;

    for (gsize i = 0; i < chunk; i++) {
      guint32 location = keys[count + i].location;
      Input *input = gst_seq_sort_find_input (self, location);

      sources[count + i].input = input;
      entries[i] = input->records + (location - input->first);
      __builtin_prefetch (entries[i]);
    }
    for (taken = 0; taken < chunk; taken++) {
      gsize size = record_size (entries[taken]);

      if (count + taken > 0 && (bytes > BLOCK_BYTES || size > BLOCK_BYTES - bytes))
        break;
      sources[count + taken].record = *entries[taken];
      bytes += size;
    }
    count += taken;
    if (taken < chunk)
      break;
  }
  *block_size = bytes;
  return count;
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
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
        ("Not enough memory for a block of %" G_GSIZE_FORMAT " bytes", size), (NULL));
    return NULL;
  }
  return gst_buffer_new_wrapped_full (0, data, size, 0, size, data, g_free);
}

static inline void
prefetch_range (const guint8 * bytes, guint32 offset, guint32 length)
{
  for (gsize i = 0; i < MIN (length, LINES_AHEAD * LINE); i += LINE)
    __builtin_prefetch (bytes + offset + i);
}

static inline void
prefetch_source (const Source * source)
{
  const guint8 *bytes = source->input->map.data;
  const GstSeqRecord *record = &source->record;

  prefetch_range (bytes, record->name, MIN (record->name_len, LINE));
  prefetch_range (bytes, record->seq, record->seq_len);
  if (record->qual != GST_SEQ_NO_QUALITY)
    prefetch_range (bytes, record->qual, record->seq_len);
}

static inline guint32
append_bytes (guint8 * out, gsize * fill, const guint8 * bytes, guint32 offset, guint32 length)
{
  guint32 at = *fill;

  /* a block of empty records may have no bytes to point into */
  if (length > 0)
    memcpy (out + at, bytes + offset, length);
  *fill += length;
  return at;
}

static void
copy_records (Source * sources, gsize n, guint8 * out, GstSeqRecord * table)
{
  gsize fill = 0;

  for (gsize i = 0; i < MIN (n, RECORDS_AHEAD); i++)
    prefetch_source (&sources[i]);
  for (gsize i = 0; i < n; i++) {
    Input *input = sources[i].input;
    const guint8 *bytes = input->map.data;
    GstSeqRecord record = sources[i].record;

    if (i + RECORDS_AHEAD < n)
      prefetch_source (&sources[i + RECORDS_AHEAD]);
    record.name = append_bytes (out, &fill, bytes, record.name, record.name_len);
    record.seq = append_bytes (out, &fill, bytes, record.seq, record.seq_len);
    if (record.qual != GST_SEQ_NO_QUALITY)
      record.qual = append_bytes (out, &fill, bytes, record.qual, record.seq_len);
    table[i] = record;
    if (--input->left == 0)
      input_release (input);
  }
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

static GstBuffer *
gst_seq_sort_make_block (GstSeqSort * self, Source * sources, gsize n, gsize size)
{
  GstBuffer *block = NULL;
  GstSeqRecord *table = NULL;
  GBytes *bytes;
  GstMapInfo map;

  /* offsets in a table have 32 bits, and the highest one means "no quality" */
  if (size >= G_MAXUINT32) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("Record %" G_GUINT64_FORMAT
            " is too large for a block", sources[0].record.id), ("%" G_GSIZE_FORMAT " bytes",
            size));
    return NULL;
  }
  block = gst_seq_sort_new_buffer (self, size);
  if (!block)
    return NULL;
  if (!gst_buffer_map (block, &map, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE, ("Could not map a new block"), (NULL));
    gst_buffer_unref (block);
    return NULL;
  }
  table = g_new (GstSeqRecord, n);
  copy_records (sources, n, map.data, table);
  gst_buffer_unmap (block, &map);

  set_offsets (block, table, n);
  bytes = g_bytes_new_take (table, n * sizeof (GstSeqRecord));
  gst_buffer_add_seq_records_meta (block, bytes);
  g_bytes_unref (bytes);
  if (self->discont) {
    GST_BUFFER_FLAG_SET (block, GST_BUFFER_FLAG_DISCONT);
    self->discont = FALSE;
  }
  return block;
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

static GstFlowReturn
gst_seq_sort_emit (GstSeqSort * self, const SeqSortKey * keys, gint64 * gather_time)
{
  Source *sources = g_new (Source, MIN (self->n_keys, BLOCK_RECORDS));
  GstFlowReturn ret = GST_FLOW_OK;

  /* a downstream that refuses the caps says so again, with a reason, when it gets the block */
  gst_seq_sort_push_caps (self, self->window_caps);
  for (gsize done = 0, n; ret == GST_FLOW_OK && done < self->n_keys; done += n) {
    gint64 start = g_get_monotonic_time ();
    gsize size;
    GstBuffer *block;

    n = gst_seq_sort_plan_block (self, keys + done, self->n_keys - done, sources, &size);
    block = gst_seq_sort_make_block (self, sources, n, size);
    *gather_time += g_get_monotonic_time () - start;
    ret = block ? gst_seq_sort_push (self, block, n) : GST_FLOW_ERROR;
  }
  g_free (sources);
  return ret;
}

/* Sorts and sends what has been collected. */
static GstFlowReturn
gst_seq_sort_drain (GstSeqSort * self)
{
  SeqSortKey *scratch, *sorted;
  gint64 start = g_get_monotonic_time (), sort_time, gather_time = 0;
  GstFlowReturn ret = GST_FLOW_ERROR;

  if (self->n_keys == 0)
    return GST_FLOW_OK;

  scratch = g_try_new (SeqSortKey, self->n_keys);
  if (!scratch) {
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("Not enough memory to sort %" G_GSIZE_FORMAT
            " records; set a window", self->n_keys), (NULL));
    goto out;
  }
  sorted = seq_length_sort (self->keys, scratch, self->n_keys, self->active.order,
      self->active.seed, self->active.window > 0 ? self->active.window : DEFAULT_GROUP);
  if (sorted == scratch) {
    scratch = self->keys;
    self->keys = sorted;
    self->n_room = self->n_keys;
  }
  g_clear_pointer (&scratch, g_free);
  sort_time = g_get_monotonic_time () - start;

  GST_OBJECT_LOCK (self);
  self->n_windows++;
  GST_OBJECT_UNLOCK (self);
  ret = gst_seq_sort_emit (self, self->keys, &gather_time);
  GST_INFO_OBJECT (self, "window of %" G_GSIZE_FORMAT " records from %u blocks: keys %.1f ms, sort "
      "%.1f ms, gather %.1f ms, %s", self->n_keys, self->inputs->len, self->collect_time / 1e3,
      sort_time / 1e3, gather_time / 1e3, gst_flow_get_name (ret));

out:
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
    gboolean windowed, full;

    if (self->n_keys == 0)
      gst_seq_sort_begin_window (self);
    /* groups are cut from a shuffle of everything, so `window` is no window there; and the rest of
     * a block whose first part belonged to a window leaves at once after a change to `none` */
    windowed = self->active.window > 0 && self->active.order < SEQ_SORT_GROUPED;
    take = MIN (n - done, (windowed ? self->active.window : G_MAXUINT32) - self->n_keys);
    if (take == 0) {
      GST_ELEMENT_ERROR (self, STREAM, FAILED, ("More than %u records; set a window",
              G_MAXUINT32), (NULL));
      return GST_FLOW_ERROR;
    }
    ret = gst_seq_sort_collect (self, buffer, done, take);
    self->collect_time += g_get_monotonic_time () - start;
    full = (windowed && self->n_keys == self->active.window) ||
        (self->active.order == SEQ_SORT_NONE && done + take == n);
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
  if (self->n_keys == 0)
    gst_seq_sort_begin_window (self);
  if (self->n_keys == 0 && self->active.order == SEQ_SORT_NONE) {
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
 * own has been posted where it happened. The keys of a whole input are not kept for the next. */
static void
gst_seq_sort_drain_for_event (GstSeqSort * self)
{
  GstFlowReturn ret = gst_seq_sort_drain (self);

  if ((ret == GST_FLOW_NOT_LINKED || ret < GST_FLOW_EOS) && ret == self->push_flow)
    GST_ELEMENT_FLOW_ERROR (self, ret);
  g_clear_pointer (&self->keys, g_free);
  self->n_room = 0;
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
      if (self->n_keys == 0)
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

/* --- element --------------------------------------------------------------------------------- */

static void
gst_seq_sort_start (GstSeqSort * self)
{
  GstStructure *config;

  gst_seq_sort_reset (self);
  GST_OBJECT_LOCK (self);
  self->n_records = self->n_blocks = self->n_windows = 0;
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
  switch (id) {
    case PROP_ORDER:
      self->settings.order = g_value_get_enum (value);
      break;
    case PROP_WINDOW:
      self->settings.window = g_value_get_uint (value);
      break;
    case PROP_SEED:
      self->settings.seed = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_sort_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqSort *self = GST_SEQ_SORT (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_ORDER:
      g_value_set_enum (value, self->settings.order);
      break;
    case PROP_WINDOW:
      g_value_set_uint (value, self->settings.window);
      break;
    case PROP_SEED:
      g_value_set_uint64 (value, self->settings.seed);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, gst_structure_new ("seq-sort-stats",
              "records", G_TYPE_UINT64, self->n_records, "blocks", G_TYPE_UINT64, self->n_blocks,
              "windows", G_TYPE_UINT64, self->n_windows, NULL));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_sort_finalize (GObject * object)
{
  GstSeqSort *self = GST_SEQ_SORT (object);

  gst_seq_sort_stop (self);
  g_array_unref (self->inputs);
  g_array_unref (self->index);
  G_OBJECT_CLASS (gst_seq_sort_parent_class)->finalize (object);
}

static void
gst_seq_sort_class_init (GstSeqSortClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags rw = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  object_class->set_property = gst_seq_sort_set_property;
  object_class->get_property = gst_seq_sort_get_property;
  object_class->finalize = gst_seq_sort_finalize;
  element_class->change_state = gst_seq_sort_change_state;

  /**
   * GstSeqSort:order:
   *
   * Records of one length stand by ascending id. With `descending` the batch that needs the most
   * memory comes first, and shows at once whether it fits.
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (object_class, PROP_ORDER,
      g_param_spec_enum ("order", "Order", "Order of the records; a change holds from the next "
          "window on", GST_TYPE_SEQ_SORT_ORDER, DEFAULT_ORDER, rw));
  /**
   * GstSeqSort:window:
   *
   * Records that are sorted together and then sent; 0: all of the input. With `order=grouped`
   * everything is shuffled together, and this is the size of a group (0: 8192).
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (object_class, PROP_WINDOW,
      g_param_spec_uint ("window", "Window", "Records sorted together (0 = whole input); with "
          "order=grouped: records in a group (0 = 8192). A change holds from the next window on",
          0, G_MAXUINT, DEFAULT_WINDOW, rw));
  /**
   * GstSeqSort:seed:
   *
   * Seed of `order=shuffle` and `order=grouped`; every number gives another order, 0 too. With
   * one seed the order depends on the ids alone. A change holds from the next window on.
   */
  g_object_class_install_property (object_class, PROP_SEED,
      g_param_spec_uint64 ("seed", "Seed", "Seed of the random orders; a change holds from the "
          "next window on", 0, G_MAXUINT64, DEFAULT_SEED, rw));
  /**
   * GstSeqSort:stats:
   *
   * What has been sent since READY, all of type guint64: `records`, `blocks`, and `windows` that
   * were sorted.
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Records and blocks sent and windows sorted since "
          "READY", GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Sequence sorter", "Filter",
      "Sorts sequences by length or shuffles them by a seed", "gst-seq");
  gst_type_mark_as_plugin_api (GST_TYPE_SEQ_SORT_ORDER, 0);
}

static void
gst_seq_sort_init (GstSeqSort * self)
{
  self->settings.order = DEFAULT_ORDER;
  self->settings.window = DEFAULT_WINDOW;
  self->settings.seed = DEFAULT_SEED;
  self->inputs = g_array_new (FALSE, FALSE, sizeof (Input));
  self->index = g_array_new (FALSE, FALSE, sizeof (guint32));

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_sort_chain);
  gst_pad_set_event_function (self->sinkpad, gst_seq_sort_sink_event);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
