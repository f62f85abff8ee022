/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "caching-allocator.h"
#include "fakecuda-test.h"

#include <math.h>

/* Batches of sequences of log-normal lengths through cudamemguard into what allocates like a model,
 * on the fake driver, with the caching allocator: what a policy of trims costs and saves. */

#define TRACE_ROWS 32
#define TRACE_HIDDEN 768
#define TRACE_LAYERS 4
#define TRACE_MAX_LENGTH 4096
#define TRACE_MODEL (512 * MIB)

typedef struct
{
  guint64 peak_reserved;
  guint64 slack;                /* reserved, but not in use by the batch, on average */
  guint64 trims, ooms;
  guint64 retries;              /* of the allocator, which empties its cache when it finds no memory */
  guint64 time;                 /* virtual ns */
} TraceResult;

typedef struct
{
  CachingAllocator *allocator;
  GPtrArray *held;              /* of what the batch has allocated */
  guint64 most;                 /* allocated during this batch */
  guint64 slack;
  guint batches;
} TraceModel;

/* Lengths of proteins: median 290, mean 360, and a long tail */
static inline guint32
trace_length (GRand * rand)
{
  gdouble u = 1.0 - g_rand_double (rand), v = g_rand_double (rand);
  gdouble normal = sqrt (-2 * log (u)) * cos (2 * G_PI * v);

  return (guint32) CLAMP (290 * exp (0.66 * normal), 8, TRACE_MAX_LENGTH - 2) + 2;
}

/* A batch that has no tensors, only their description */
static inline GstBuffer *
trace_batch (GRand * rand)
{
  GstSeqBatchRecord *records = g_new0 (GstSeqBatchRecord, TRACE_ROWS);
  GBytes *table = g_bytes_new_take (records, TRACE_ROWS * sizeof (GstSeqBatchRecord));
  GstBuffer *buffer = gst_buffer_new ();
  GstSeqBatchMeta *meta;
  guint i;

  meta = gst_buffer_add_seq_batch_meta (buffer, table, TRACE_ROWS);
  g_bytes_unref (table);
  for (i = 0; i < TRACE_ROWS; i++) {
    records[i].tokens = trace_length (rand);
    meta->tokens += records[i].tokens;
    meta->longest = MAX (meta->longest, records[i].tokens);
  }
  meta->slots = (guint64) TRACE_ROWS * meta->longest;
  return buffer;
}

static inline gboolean
trace_allocate (TraceModel * model, gsize size, guint n)
{
  CUdeviceptr pointer;

  while (n-- > 0) {
    if (caching_allocator_alloc (model->allocator, size, &pointer) != CUDA_SUCCESS)
      return FALSE;
    g_ptr_array_add (model->held, GSIZE_TO_POINTER (pointer));
  }
  return TRUE;
}

static inline void
trace_release (TraceModel * model, guint keep)
{
  CachingStats stats;

  caching_allocator_get_stats (model->allocator, &stats);
  model->most = MAX (model->most, stats.allocated);
  while (model->held->len > keep)
    caching_allocator_release (model->allocator,
        (CUdeviceptr) GPOINTER_TO_SIZE (g_ptr_array_steal_index (model->held,
                model->held->len - 1)));
}

/* Hidden states stay, queries, keys, values and the feed-forward part go after each layer */
static inline gboolean
trace_forward (TraceModel * model, guint64 slots)
{
  guint64 hidden = slots * TRACE_HIDDEN * 2;
  gboolean ok = trace_allocate (model, hidden, 1);
  guint layer;

  for (layer = 0; layer < TRACE_LAYERS && ok; layer++) {
    ok = trace_allocate (model, hidden, 1) && trace_allocate (model, hidden, 3)
        && trace_allocate (model, hidden * 4, 2);
    if (ok)
      trace_release (model, layer + 2);
  }
  return ok;
}

static inline GstFlowReturn
trace_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  TraceModel *model = gst_pad_get_element_private (pad);
  guint64 slots = gst_buffer_get_seq_batch_meta (buffer)->slots;
  CachingStats stats;
  gboolean ok;

  model->most = 0;
  ok = trace_forward (model, slots);
  trace_release (model, 0);
  caching_allocator_get_stats (model->allocator, &stats);
  fake->advance (slots * 200);  /* its kernels: 5 million slots a second */
  model->slack += stats.reserved - model->most;
  model->batches++;
  gst_buffer_unref (buffer);
  return ok ? GST_FLOW_OK : GST_FLOW_CUSTOM_ERROR_1;
}

static inline guint64
trace_stat (GstElement * guard, const gchar * name)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (guard, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  return value;
}

static inline GstElement *
trace_guard (const gchar * properties, GstSeqMemoryProvider * provider)
{
  gchar *line = g_strdup_printf ("cudamemguard stats-interval=0 %s", properties);
  GstElement *guard = gst_parse_launch (line, NULL);

  g_assert_nonnull (guard);
  gst_object_ref_sink (guard);
  g_signal_emit_by_name (guard, "add-provider", provider);
  g_free (line);
  return guard;
}

/* @properties: of the guard, NULL = none */
static inline TraceResult
trace_run (const gchar * properties, guint batches, guint32 seed, guint total_mb)
{
  gchar *config = g_strdup_printf ("total_mb=%u", total_mb);
  GRand *rand = g_rand_new_with_seed (seed);
  TraceModel model = {.held = g_ptr_array_new () };
  TraceResult result = { 0 };
  GstSeqMemoryProvider *provider;
  GstElement *guard = NULL;
  GstPad *src, *sink, *guard_sink = NULL, *guard_src = NULL;
  GstSegment segment;
  CachingStats stats;
  CUdeviceptr weights;
  guint i;

  begin (config);
  model.allocator = caching_allocator_new (cuda_driver_get (NULL), 0);
  g_assert_nonnull (model.allocator);
  provider = caching_provider_new (model.allocator);
  assert_ok (caching_allocator_alloc (model.allocator, TRACE_MODEL, &weights));

  src = gst_object_ref_sink (gst_pad_new ("src", GST_PAD_SRC));
  sink = gst_object_ref_sink (gst_pad_new ("sink", GST_PAD_SINK));
  gst_pad_set_chain_function (sink, trace_chain);
  gst_pad_set_element_private (sink, &model);
  if (properties != NULL) {
    guard = trace_guard (properties, provider);
    guard_sink = gst_element_get_static_pad (guard, "sink");
    guard_src = gst_element_get_static_pad (guard, "src");
    g_assert_cmpint (gst_element_set_state (guard, GST_STATE_PLAYING), !=,
        GST_STATE_CHANGE_FAILURE);
  }
  g_assert_cmpint (gst_pad_link (src, guard ? guard_sink : sink), ==, GST_PAD_LINK_OK);
  if (guard)
    g_assert_cmpint (gst_pad_link (guard_src, sink), ==, GST_PAD_LINK_OK);
  gst_pad_set_active (sink, TRUE);
  gst_pad_set_active (src, TRUE);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (src, gst_event_new_stream_start ("trace"));
  gst_pad_push_event (src, gst_event_new_segment (&segment));

  result.time = fake->clock ();
  for (i = 0; i < batches; i++)
    result.ooms += gst_pad_push (src, trace_batch (rand)) == GST_FLOW_CUSTOM_ERROR_1;
  result.time = fake->clock () - result.time;

  caching_allocator_get_stats (model.allocator, &stats);
  result.peak_reserved = stats.peak_reserved;
  result.retries = stats.retries;
  result.slack = model.slack / model.batches;
  if (guard) {
    result.trims = trace_stat (guard, "trims");
    result.ooms = trace_stat (guard, "ooms");
    gst_element_set_state (guard, GST_STATE_NULL);
    gst_object_unref (guard_sink);
    gst_object_unref (guard_src);
    gst_object_unref (guard);
  }
  gst_pad_set_active (src, FALSE);
  gst_pad_set_active (sink, FALSE);
  gst_object_unref (src);
  gst_object_unref (sink);
  g_object_unref (provider);
  caching_allocator_free (model.allocator);
  g_ptr_array_unref (model.held);
  g_rand_free (rand);
  g_free (config);
  end ();
  return result;
}
