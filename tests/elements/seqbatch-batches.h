/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of seqbatch share: records in, batches out, and what must hold for every batch. */

#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <string.h>

#define RECORDS_CAPS \
  "application/x-seq-records,alphabet=(string)protein,quality=(boolean)false"
#define FLEXIBLE_CAPS "other/tensors,format=(string)flexible,framerate=(fraction)0/1"

/* ---- elements and harnesses ---- */

/* `properties`: name=value name="value with spaces" */
static inline GstElement *
batcher_new (const gchar * properties)
{
  GstElement *element = gst_element_factory_make ("seqbatch", NULL);
  g_auto (GStrv) pairs = NULL;

  g_assert_nonnull (element);
  g_assert_true (*properties == '\0' || g_shell_parse_argv (properties, NULL, &pairs, NULL));
  for (guint i = 0; pairs && pairs[i]; i++) {
    g_auto (GStrv) pair = g_strsplit (pairs[i], "=", 2);

    if (pair[0] && pair[1])
      gst_util_set_object_arg (G_OBJECT (element), pair[0], pair[1]);
  }
  return element;
}

/* A harness that plays; `sink_caps` (may be NULL): all that is taken downstream. */
static inline GstHarness *
harness_new_full (const gchar * properties, const gchar * sink_caps)
{
  GstElement *element = batcher_new (properties);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  gst_object_unref (element);
  if (sink_caps)
    gst_harness_set_sink_caps_str (h, sink_caps);
  gst_harness_set_src_caps_str (h, RECORDS_CAPS);
  return h;
}

static inline GstHarness *
harness_new (const gchar * properties)
{
  return harness_new_full (properties, NULL);
}

/* Next message of this type, NULL if there is none. */
static inline GstMessage *
pop_message (GstElement * element, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message = gst_bus_pop_filtered (bus, type);

  gst_object_unref (bus);
  return message;
}

static inline void
assert_no_error_posted (GstElement * element)
{
  g_assert_null (pop_message (element, GST_MESSAGE_ERROR));
}

static inline void
assert_one_error (GstElement * element, GQuark domain, gint code, const gchar * says)
{
  GstMessage *message = pop_message (element, GST_MESSAGE_ERROR);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, domain, code);
  if (says && !strstr (error->message, says))
    g_error ("'%s' does not say '%s'", error->message, says);
  gst_message_unref (message);
  assert_no_error_posted (element);
}

static inline void
harness_free (GstHarness * h)
{
  assert_no_error_posted (h->element);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
}

/* ---- records ---- */

/* ids from `first` on, names `r<id>` */
static inline GstBuffer *
block_of (guint64 first, const gchar * const *sequences, guint n)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (first);

  for (guint i = 0; i < n; i++) {
    g_autofree gchar *name = g_strdup_printf ("r%" G_GUINT64_FORMAT, first + i);

    g_assert_true (gst_seq_block_builder_add (builder, name, -1, sequences[i], -1, NULL));
  }
  return gst_seq_block_builder_finish (builder);
}

/* "MKT,A,,GG": four records, of which the third has no residues */
static inline GstBuffer *
block_from (guint64 first, const gchar * list)
{
  g_auto (GStrv) sequences = g_strsplit (list, ",", -1);

  return block_of (first, (const gchar * const *) sequences, g_strv_length (sequences));
}

static inline GstFlowReturn
push_list (GstHarness * h, const gchar * list)
{
  return gst_harness_push (h, block_from (0, list));
}

static inline void
push_eos (GstHarness * h)
{
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
}

static inline void
push_segment (GstHarness * h)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static inline void
flush (GstHarness * h)
{
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_cmpint (push_list (h, "A"), ==, GST_FLOW_FLUSHING);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  push_segment (h);
}

static inline GStrv
random_sequences (GRand * rand, guint n, guint max_length, const gchar * letters)
{
  GStrv sequences = g_new0 (gchar *, n + 1);
  gint n_letters = strlen (letters);

  for (guint i = 0; i < n; i++) {
    guint length = g_rand_int_range (rand, 0, max_length + 1);

    sequences[i] = g_malloc0 (length + 1);
    for (guint k = 0; k < length; k++)
      sequences[i][k] = letters[g_rand_int_range (rand, 0, n_letters)];
  }
  return sequences;
}

/* In blocks of `size` records, or of random sizes up to that with `rand`. */
static inline void
push_sequences (GstHarness * h, GStrv sequences, guint size, GRand * rand)
{
  guint n = g_strv_length (sequences);

  for (guint done = 0, take; done < n; done += take) {
    take = rand ? (guint) g_rand_int_range (rand, 1, size + 1) : size;
    take = MIN (take, n - done);
    g_assert_cmpint (gst_harness_push (h, block_of (done,
                (const gchar * const *) sequences + done, take)), ==, GST_FLOW_OK);
  }
}

/* ---- batches ---- */

static inline gint64
value_at (GstSeqTensorType type, gconstpointer data, gsize i)
{
  switch (type) {
    case GST_SEQ_TENSOR_UINT8:
      return ((const guint8 *) data)[i];
    case GST_SEQ_TENSOR_INT16:
      return ((const gint16 *) data)[i];
    case GST_SEQ_TENSOR_INT32:
      return ((const gint32 *) data)[i];
    case GST_SEQ_TENSOR_INT64:
      return ((const gint64 *) data)[i];
    case GST_SEQ_TENSOR_FLOAT32:        /* of one-hot vectors, which are whole numbers */
      g_assert_cmpfloat (((const gfloat *) data)[i], ==, (gint64) ((const gfloat *) data)[i]);
      return (gint64) ((const gfloat *) data)[i];
    default:
      g_assert_not_reached ();
  }
}

/* All elements of a tensor: "0 20 15 2" */
static inline gchar *
tensor_text (GstBuffer * batch, guint index)
{
  GString *s = g_string_new (NULL);
  GstSeqTensorType type;
  guint32 dims[GST_SEQ_TENSOR_MAX_RANK];
  guint rank;
  g_autoptr (GBytes) bytes = gst_seq_batch_get_tensor_data (batch, index, &type, &rank, dims);
  gsize n = 1;

  g_assert_nonnull (bytes);
  for (guint i = 0; i < rank; i++)
    n *= dims[i];
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, n * gst_seq_tensor_type_size (type));
  for (gsize i = 0; i < n; i++)
    g_string_append_printf (s, "%s%" G_GINT64_FORMAT, i ? " " : "",
        value_at (type, g_bytes_get_data (bytes, NULL), i));
  return g_string_free (s, FALSE);
}

static inline void
assert_tensor (GstBuffer * batch, guint index, const gchar * name, const gchar * expected)
{
  g_autofree gchar *text = tensor_text (batch, index);

  g_assert_cmpstr (gst_seq_batch_get_tensor_name (batch, index), ==, name);
  g_assert_cmpstr (text, ==, expected);
}

/* The header that belongs to a tensor's description, word by word. */
static inline void
check_header (const GstSeqTensorInfo * info, const guint8 * data)
{
  guint32 words[32] = { 0 };

  words[0] = 0xfeedcced;
  words[1] = 0xde001000;
  words[2] = info->type;
  for (guint d = 0; d < info->rank; d++)
    words[3 + d] = info->dims[info->rank - 1 - d];
  words[19] = 1;
  words[20] = 4;
  g_assert_cmpmem (data, 128, words, 128);
}

static inline void
check_tensor (const GstSeqTensorInfo * info, GstMemory * memory)
{
  gsize size = gst_seq_tensor_type_size (info->type);
  GstMapInfo map;

  for (guint d = 0; d < info->rank; d++)
    size *= info->dims[d];
  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_cmpuint (map.size, ==, size + info->offset);
  g_assert_cmpuint (GPOINTER_TO_SIZE (map.data) % 128, ==, 0);
  if (info->offset > 0) {
    g_assert_cmpuint (info->offset, ==, 128);
    check_header (info, map.data);
  }
  gst_memory_unmap (memory, &map);
}

/* mask and padding, or cu_seqlens, positions and padding, as the meta's tokens say */
static inline void
check_contents (GstBuffer * batch, const GstSeqBatchMeta * meta)
{
  gboolean padded = meta->layout == GST_SEQ_LAYOUT_PADDED;
  guint rows = padded ? meta->tensors[0].dims[0] : meta->tensors[1].dims[0] - 1;
  guint length = padded ? meta->tensors[0].dims[1] : 0;
  g_autoptr (GBytes) extra = meta->n_tensors > 1 ?
      gst_seq_batch_get_tensor_data (batch, 1, NULL, NULL, NULL) : NULL;
  g_autoptr (GBytes) last = meta->n_tensors > 2 ?
      gst_seq_batch_get_tensor_data (batch, 2, NULL, NULL, NULL) : NULL;
  const guint8 *mask = padded && extra ? g_bytes_get_data (extra, NULL) : NULL;
  const gint32 *cu = padded ? NULL : g_bytes_get_data (extra, NULL);
  const gint32 *positions = last ? g_bytes_get_data (last, NULL) : NULL;
  gint32 at = 0;

  g_assert_cmpuint (rows, >=, meta->n_records);
  for (guint i = 0; i < rows; i++) {
    guint tokens = i < meta->n_records ? meta->records[i].tokens : 0;

    for (guint k = 0; mask && k < length; k++)
      g_assert_cmpuint (mask[(gsize) i * length + k], ==,
          meta->pads_left ? k >= length - tokens : k < tokens);
    for (guint k = 0; positions && k < tokens; k++)
      g_assert_cmpint (positions[at + k], ==, k);
    if (cu)
      g_assert_cmpint (cu[i], ==, at);
    at += tokens;
  }
  if (cu)
    g_assert_cmpint (cu[rows], ==, at);
  for (guint64 k = at; positions && k < meta->slots; k++)
    g_assert_cmpint (positions[k], ==, 0);
}

/* What holds for every batch of whatever settings. Returns: its meta */
static inline const GstSeqBatchMeta *
check_batch (GstBuffer * batch)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  const GstSeqTensorInfo *ids;
  guint64 tokens = 0;
  guint32 longest = 0;

  g_assert_nonnull (meta);
  g_assert_cmpuint (meta->n_records, >, 0);
  g_assert_cmpuint (gst_buffer_n_memory (batch), ==, meta->n_tensors);
  for (guint i = 0; i < meta->n_tensors; i++)
    check_tensor (&meta->tensors[i], gst_buffer_peek_memory (batch, i));
  ids = &meta->tensors[0];
  g_assert_cmpstr (ids->name, ==,
      ids->type == GST_SEQ_TENSOR_FLOAT32 ? "inputs" : "input_ids");
  for (guint i = 0; i < meta->n_records; i++) {
    tokens += meta->records[i].tokens;
    longest = MAX (longest, meta->records[i].tokens);
  }
  g_assert_cmpuint (meta->tokens, ==, tokens);
  g_assert_cmpuint (meta->longest, ==, longest);
  g_assert_cmpuint (meta->slots, ==, meta->layout == GST_SEQ_LAYOUT_PADDED ?
      (guint64) ids->dims[0] * ids->dims[1] : ids->dims[0]);
  g_assert_cmpuint (meta->slots, >=, tokens);
  g_assert_cmpuint (meta->piece, ==, 0);
  g_assert_cmpuint (GST_BUFFER_OFFSET (batch), ==, meta->batch);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (batch), ==, meta->batch + 1);
  check_contents (batch, meta);
  return meta;
}

/* All batches that have come out, checked, numbered from `first`. */
static inline GPtrArray *
pull_batches (GstHarness * h, guint64 first)
{
  GPtrArray *batches = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  GstBuffer *batch;

  while ((batch = gst_harness_try_pull (h))) {
    g_assert_cmpuint (check_batch (batch)->batch, ==, first + batches->len);
    g_ptr_array_add (batches, batch);
  }
  return batches;
}

/* Everything in a batch that must not depend on workers and blocks, as text. */
static inline void
append_digest (GString * s, GstBuffer * batch)
{
  const GstSeqBatchMeta *meta = check_batch (batch);
  GstMapInfo map;

  g_string_append_printf (s, "batch %" G_GUINT64_FORMAT " tokens %" G_GUINT64_FORMAT " slots %"
      G_GUINT64_FORMAT ":", meta->batch, meta->tokens, meta->slots);
  for (guint i = 0; i < meta->n_records; i++) {
    const GstSeqBatchRecord *r = &meta->records[i];
    g_autofree gchar *name = gst_seq_batch_dup_name (batch, i);

    g_string_append_printf (s, " %" G_GUINT64_FORMAT "/%u+%u*%u!%x=%s", r->id, r->window, r->start,
        r->tokens, r->flags, name);
  }
  for (guint i = 0; i < meta->n_tensors; i++) {
    GstMemory *memory = gst_buffer_peek_memory (batch, i);
    g_autofree gchar *sum = NULL;

    g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
    sum = g_compute_checksum_for_data (G_CHECKSUM_MD5, map.data, map.size);
    gst_memory_unmap (memory, &map);
    g_string_append_printf (s, " %s", sum);
  }
  g_string_append_c (s, '\n');
}

/* Number of records of each batch: "32 32 5" */
static inline gchar *
batch_sizes (GPtrArray * batches)
{
  GString *s = g_string_new (NULL);

  for (guint i = 0; i < batches->len; i++)
    g_string_append_printf (s, "%s%u", i ? " " : "",
        gst_seq_batch_get_n_records (batches->pdata[i]));
  return g_string_free (s, FALSE);
}

static inline void
assert_sizes (GPtrArray * batches, const gchar * expected)
{
  g_autofree gchar *sizes = batch_sizes (batches);

  g_assert_cmpstr (sizes, ==, expected);
}

/* Runs a list of records to its end. */
static inline GPtrArray *
run_list (const gchar * properties, const gchar * list)
{
  GstHarness *h = harness_new (properties);
  GPtrArray *batches;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  harness_free (h);
  return batches;
}

static inline guint64
get_stat (GstElement * element, const gchar * field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_nonnull (stats);
  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}
