/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How seqbatch behaves as an element: caps, events, flows, states, properties. */

#include "seqbatch-batches.h"

/* ---- caps ---- */

static void
check_caps (const gchar * properties, const gchar * downstream, const gchar * expected)
{
  GstHarness *h = harness_new_full (properties, downstream);
  g_autoptr (GstCaps) caps = NULL;
  g_autoptr (GstCaps) wanted = gst_caps_from_string (expected);
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,AA,AAA"), ==, GST_FLOW_OK);
  push_eos (h);
  caps = gst_pad_get_current_caps (h->sinkpad);
  if (!gst_caps_is_strictly_equal (caps, wanted))
    g_error ("caps %s", gst_caps_to_string (caps));
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, >, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);

    for (guint t = 0; t < meta->n_tensors; t++)
      g_assert_cmpuint (meta->tensors[t].offset, ==, strstr (expected, "flexible") ? 128 : 0);
  }
  harness_free (h);
}

#define STATIC_CAPS(n, types, dimensions) \
  "other/tensors,format=(string)static,num_tensors=(int)" n ",types=(string)\"" types \
  "\",dimensions=(string)\"" dimensions "\",framerate=(fraction)0/1"
#define ANY_STATIC "other/tensors,format=static"

static void
test_caps (void)
{
  check_caps ("", NULL, FLEXIBLE_CAPS);
  check_caps ("", "ANY", FLEXIBLE_CAPS);
  check_caps ("pad-to=16 batch-size=4", "ANY", FLEXIBLE_CAPS);
  check_caps ("pad-to=16 batch-size=4", "other/tensors", FLEXIBLE_CAPS);
  check_caps ("pad-to=16 batch-size=4", "other/tensors,format={static,flexible}", FLEXIBLE_CAPS);
  /* downstream's order is what it likes best */
  check_caps ("pad-to=16 batch-size=4", ANY_STATIC ";other/tensors,format=flexible",
      STATIC_CAPS ("2", "int64,uint8", "16:4,16:4"));

  check_caps ("pad-to=16 batch-size=4", ANY_STATIC, STATIC_CAPS ("2", "int64,uint8", "16:4,16:4"));
  check_caps ("pad-to=16 batch-size=4 mask=false dtype=uint8", ANY_STATIC,
      STATIC_CAPS ("1", "uint8", "16:4"));
  check_caps ("pad-to=10 pad-to-multiple=8 batch-size=2 max-tokens=32", ANY_STATIC,
      STATIC_CAPS ("2", "int64,uint8", "16:2,16:2"));
  check_caps ("layout=packed fixed-total=true max-tokens=64 batch-size=4", ANY_STATIC,
      STATIC_CAPS ("2", "int64,int32", "64,5"));
  check_caps ("layout=packed fixed-total=true max-tokens=64 batch-size=4 positions=true "
      "dtype=int16", ANY_STATIC, STATIC_CAPS ("3", "int16,int32,int32", "64,5,64"));
}

/* Static tensors where no one shape holds: one error, and nothing comes out. */
static void
test_static_refused (void)
{
  static const gchar *const settings[] = {
    "", "pad-to=16 batch-size=0", "batch-size=4", "pad-to=16 batch-size=4 max-tokens=63",
    "pad-to=16 batch-size=4 max-tokens=64 cost=tokens", "layout=packed max-tokens=64 batch-size=4",
    "layout=packed fixed-total=true max-tokens=64 batch-size=0",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++) {
    GstHarness *h = harness_new_full (settings[i], ANY_STATIC);

    assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "pad-to");
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
    harness_free (h);
  }
}

/* Rows and slots that no record fills are padding, and the meta says how many records there are. */
static void
test_static_last (void)
{
  GstHarness *h = harness_new_full ("pad-to=4 batch-size=2", ANY_STATIC);
  GstHarness *p = harness_new_full ("layout=packed fixed-total=true max-tokens=8 batch-size=3 "
      "positions=true", ANY_STATIC);
  g_autoptr (GPtrArray) padded = NULL, packed = NULL;

  g_assert_cmpint (push_list (h, "A,AAAA,"), ==, GST_FLOW_OK);
  push_eos (h);
  padded = pull_batches (h, 0);
  assert_sizes (padded, "2 1");
  assert_tensor (padded->pdata[0], 0, "input_ids", "0 5 2 1 0 5 5 2");
  assert_tensor (padded->pdata[1], 0, "input_ids", "0 2 1 1 1 1 1 1");
  assert_tensor (padded->pdata[1], 1, "attention_mask", "1 1 0 0 0 0 0 0");
  g_assert_cmpuint (get_stat (h->element, "truncated"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "slots"), ==, 16);
  harness_free (h);

  g_assert_cmpint (push_list (p, "A,AAAAAAA,A,A"), ==, GST_FLOW_OK);
  push_eos (p);
  packed = pull_batches (p, 0);
  assert_sizes (packed, "2 1 1");
  assert_tensor (packed->pdata[0], 0, "input_ids", "0 5 2 0 5 2 1 1");
  assert_tensor (packed->pdata[0], 1, "cu_seqlens", "0 3 6 6");
  assert_tensor (packed->pdata[0], 2, "position_ids", "0 1 2 0 1 2 0 0");
  assert_tensor (packed->pdata[1], 0, "input_ids", "0 5 5 5 5 5 5 2");
  assert_tensor (packed->pdata[2], 1, "cu_seqlens", "0 3 3 3");
  harness_free (p);
}

/* Downstream changes its mind while batches are on their way: those that were made for the caps
 * before come before the new caps. */
typedef struct
{
  GstHarness *h;
  guint seen;
  gboolean is_static;
} Change;

static GstPadProbeReturn
change_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Change *change = data;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  const gchar *format = gst_structure_get_string (gst_caps_get_structure (caps, 0), "format");
  const GstSeqBatchMeta *meta = check_batch (GST_PAD_PROBE_INFO_BUFFER (info));

  g_assert_cmpuint (meta->tensors[0].offset, ==, g_str_equal (format, "static") ? 0 : 128);
  change->is_static |= g_str_equal (format, "static");
  if (++change->seen == 3) {
    gst_harness_set_sink_caps_str (change->h, ANY_STATIC);
    gst_pad_push_event (pad, gst_event_new_reconfigure ());
  }
  return GST_PAD_PROBE_OK;
}

static void
test_reconfigure (void)
{
  GstHarness *h = harness_new ("pad-to=4 batch-size=1 workers=2");
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_auto (GStrv) sequences = random_sequences (rand, 100, 4, "ACG");
  g_autoptr (GPtrArray) batches = NULL;
  Change change = { h, 0, FALSE };

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, change_probe, &change, NULL);
  push_sequences (h, sequences, 100, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  g_assert_cmpuint (batches->len, ==, 100);
  g_assert_true (change.is_static);
  harness_free (h);
}

/* ---- events ---- */

static void
test_event_order (void)
{
  static const GstEventType expected[] = {
    GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT, GST_EVENT_TAG, GST_EVENT_EOS
  };
  GstHarness *h = harness_new ("batch-size=2");

  gst_harness_push_event (h, gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "x", NULL)));
  g_assert_cmpint (push_list (h, "A,A,A"), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 1);
  push_eos (h);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 2);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstEvent *event = gst_harness_try_pull_event (h);

    g_assert_nonnull (event);
    g_assert_cmpstr (GST_EVENT_TYPE_NAME (event), ==, gst_event_type_get_name (expected[i]));
    gst_event_unref (event);
  }
  g_assert_null (gst_harness_try_pull_event (h));
  harness_free (h);
}

/* A new segment and a new stream drain what waits before they go on. */
static void
test_drains (void)
{
  GstHarness *h = harness_new ("batch-size=3");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,A,A,A"), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 1);
  push_segment (h);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 2);
  g_assert_cmpint (push_list (h, "A,A"), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start ("other")));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 3);
  push_segment (h);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "3 1 2");
  harness_free (h);
}

/* A flush forgets what waits; numbers and counts start anew. */
static void
check_flush (const gchar * properties)
{
  GstHarness *h = harness_new (properties);
  g_autoptr (GPtrArray) before = NULL, after = NULL;

  g_assert_cmpint (push_list (h, "A,AA,AAA,AAAA"), ==, GST_FLOW_OK);
  before = pull_batches (h, 0);
  flush (h);
  g_assert_cmpuint (get_stat (h->element, "batches"), ==, 0);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 0);
  g_assert_cmpint (push_list (h, "A,AA,AAA,AAAA"), ==, GST_FLOW_OK);
  push_eos (h);
  after = pull_batches (h, 0);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 4);
  g_assert_cmpuint (get_stat (h->element, "batches"), ==, after->len);

  /* after the end, too */
  flush (h);
  g_assert_cmpint (push_list (h, "A,AA"), ==, GST_FLOW_OK);
  push_eos (h);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 2);
  harness_free (h);
}

static void
test_flush (void)
{
  check_flush ("batch-size=3");
  check_flush ("batch-size=3 layout=packed window=3");
  check_flush ("batch-size=3 layout=packed window=100");
}

/* ---- what it says ---- */

static void
test_stats (void)
{
  GstHarness *h = harness_new ("batch-size=2 max-length=5 overlong=window workers=3");
  GstMessage *message;
  const GstStructure *s;
  gdouble utilisation, waste;
  guint workers;

  g_assert_cmpint (push_list (h, "A,AAAA,*,"), ==, GST_FLOW_OK);
  g_assert_null (pop_message (h->element, GST_MESSAGE_ELEMENT));
  push_eos (h);
  message = pop_message (h->element, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  s = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_name (s, "seq-batch-stats"));
  g_assert_null (pop_message (h->element, GST_MESSAGE_ELEMENT));

  /* rows of 3, 5, 3, 3 and 2 tokens in batches of 2 x 5, 2 x 3 and 1 x 2 */
  g_assert_true (gst_structure_get (s, "utilisation", G_TYPE_DOUBLE, &utilisation,
          "padding-waste", G_TYPE_DOUBLE, &waste, "workers", G_TYPE_UINT, &workers, NULL));
  g_assert_cmpfloat_with_epsilon (utilisation, 16 / 18.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (waste, 2 / 18.0, 1e-9);
  g_assert_cmpuint (workers, ==, 3);
  gst_message_unref (message);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 4);
  g_assert_cmpuint (get_stat (h->element, "batches"), ==, 3);
  g_assert_cmpuint (get_stat (h->element, "tokens"), ==, 16);
  g_assert_cmpuint (get_stat (h->element, "slots"), ==, 18);
  g_assert_cmpuint (get_stat (h->element, "windows"), ==, 2);
  g_assert_cmpuint (get_stat (h->element, "unknown"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "dropped"), ==, 0);
  harness_free (h);
}

static void
test_stats_empty (void)
{
  GstHarness *h = harness_new ("drop-last=true");
  GstMessage *message;

  push_eos (h);
  message = pop_message (h->element, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 0);
  flush (h);
  g_assert_cmpint (push_list (h, "A,A,A"), ==, GST_FLOW_OK);
  push_eos (h);
  g_assert_cmpuint (get_stat (h->element, "dropped"), ==, 3);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 0);
  harness_free (h);
}

/* workers=-1 leaves one of the processors to the streaming thread, and is one at least. */
static void
test_auto_workers (void)
{
  static const guint n_gpus[] = { 1, 2, 1024 };

  for (guint i = 0; i < G_N_ELEMENTS (n_gpus); i++) {
    g_autofree gchar *properties = g_strdup_printf ("num-gpus=%u", n_gpus[i]);
    GstHarness *h = harness_new (properties);
    GstStructure *stats = NULL;
    guint workers = 0, processors = MIN (g_get_num_processors () / n_gpus[i], 8);

    g_object_get (h->element, "stats", &stats, NULL);
    g_assert_true (gst_structure_get_uint (stats, "workers", &workers));
    g_assert_cmpuint (workers, ==, processors > 2 ? processors - 1 : 1);
    gst_structure_free (stats);
    harness_free (h);
  }
}

/* A record of which some windows are in batches and others are not */
static void
test_stats_dropped_windows (void)
{
  GstHarness *h = harness_new ("drop-last=true batch-size=4 max-length=5 overlong=window");

  g_assert_cmpint (push_list (h, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ==, GST_FLOW_OK);
  push_eos (h);
  g_assert_cmpuint (get_stat (h->element, "records"), ==, 1);
  g_assert_cmpuint (get_stat (h->element, "windows"), ==, 8);
  g_assert_cmpuint (get_stat (h->element, "dropped"), ==, 0);
  g_assert_cmpuint (get_stat (h->element, "dropped-windows"), ==, 2);
  harness_free (h);
}

static void
check_bad_settings (const gchar * properties, const gchar * says)
{
  GstElement *element = batcher_new (properties);
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  assert_one_error (element, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, says);
  /* it is as good as new */
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  gst_util_set_object_arg (G_OBJECT (element), "tokenizer", "esm2");
  gst_util_set_object_arg (G_OBJECT (element), "dtype", "int64");
  gst_util_set_object_arg (G_OBJECT (element), "max-length", "0");
  gst_util_set_object_arg (G_OBJECT (element), "pad-to", "0");
  gst_util_set_object_arg (G_OBJECT (element), "fixed-total", "false");
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_SUCCESS);
  assert_no_error_posted (element);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

static void
test_bad_settings (void)
{
  check_bad_settings ("tokenizer=no-such-tokenizer", "no-such-tokenizer");
  check_bad_settings ("tokenizer=", NULL);
  check_bad_settings ("tokenizer=dnabert6 dtype=uint8", "uint8");
  check_bad_settings ("max-length=2", "special");
  check_bad_settings ("pad-to=1", "special");
  check_bad_settings ("layout=packed fixed-total=true max-tokens=2", "special");
  check_bad_settings ("layout=packed fixed-total=true", "fixed-total");
  check_bad_settings ("layout=packed fixed-total=true max-tokens=3000000000", "fixed-total");
  check_bad_settings ("layout=packed fixed-total=true max-tokens=9 cost=quadratic", "fixed-total");
  check_bad_settings ("max-length=5 overlong=window stride=4", "stride=4");
}

static void
test_bad_blocks (void)
{
  static const GstSeqRecord record = {.seq = 5,.seq_len = 10,.qual = GST_SEQ_NO_QUALITY };
  GBytes *table = g_bytes_new_static (&record, sizeof record);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 14, NULL);
  GstHarness *h = harness_new (""), *other = harness_new ("");

  gst_buffer_add_seq_records_meta (buffer, table);
  g_bytes_unref (table);
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "outside");
  g_assert_cmpint (gst_harness_push (other, gst_buffer_new ()), ==, GST_FLOW_ERROR);
  assert_one_error (other->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "table");
  harness_free (h);
  harness_free (other);
}

/* ---- properties while it plays ---- */

static void
test_change_limits (void)
{
  GstHarness *h = harness_new ("batch-size=4");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,A,A,A,A,A,A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 2, NULL);     /* three records are in no batch yet */
  g_assert_cmpint (push_list (h, "A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 0, "max-tokens", G_GUINT64_CONSTANT (9), NULL);
  g_assert_cmpint (push_list (h, "A,A,A,A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 1, NULL);     /* before the end */
  g_assert_cmpint (push_list (h, "A,A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 5, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "4 2 2 3 1 1 1");
  harness_free (h);
}

/* A change just before the end holds for the records that wait. */
static void
test_change_before_end (void)
{
  GstHarness *h = harness_new ("batch-size=4");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,A,A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 1, NULL);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "1 1 1");
  harness_free (h);
}

/* Static caps follow a new batch-size, in front of the first batch that has it. */
static void
test_change_static (void)
{
  GstHarness *h = harness_new_full ("pad-to=4 batch-size=4", ANY_STATIC);
  Change change = { h, 10, FALSE };
  g_autoptr (GstCaps) caps = NULL;
  g_autoptr (GPtrArray) batches = NULL;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, change_probe, &change, NULL);
  g_assert_cmpint (push_list (h, "A,A,A,A,A,A,A"), ==, GST_FLOW_OK);
  g_object_set (h->element, "batch-size", 2, NULL);
  push_eos (h);
  caps = gst_pad_get_current_caps (h->sinkpad);
  g_assert_cmpstr (gst_structure_get_string (gst_caps_get_structure (caps, 0), "dimensions"), ==,
      "4:2,4:2");
  batches = pull_batches (h, 0);
  assert_sizes (batches, "4 2 1");
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (gst_buffer_get_seq_batch_meta (batches->pdata[i])->tensors[0].dims[0], ==,
        i == 0 ? 4 : 2);
  harness_free (h);
}

/* What may change only in READY is left as it was until then: the shape of a fixed total and all
 * types. */
static void
test_change_too_late (void)
{
  GstHarness *h = harness_new_full ("layout=packed fixed-total=true max-tokens=8 batch-size=2",
      ANY_STATIC);
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,A,AAAAAA"), ==, GST_FLOW_OK);
  gst_util_set_object_arg (G_OBJECT (h->element), "dtype", "uint8");
  gst_util_set_object_arg (G_OBJECT (h->element), "layout", "padded");
  gst_util_set_object_arg (G_OBJECT (h->element), "positions", "true");
  gst_util_set_object_arg (G_OBJECT (h->element), "pad-to", "3");
  gst_util_set_object_arg (G_OBJECT (h->element), "cost", "quadratic");
  g_object_set (h->element, "max-tokens", G_GUINT64_CONSTANT (4), "batch-size", 1, NULL);
  g_assert_cmpint (push_list (h, "AAAAAA,A"), ==, GST_FLOW_OK);
  gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);

    g_assert_cmpint (meta->layout, ==, GST_SEQ_LAYOUT_PACKED);
    g_assert_cmpint (meta->tensors[0].type, ==, GST_SEQ_TENSOR_INT64);
    g_assert_cmpuint (meta->tensors[0].dims[0], ==, 8);
    g_assert_cmpuint (meta->n_tensors, ==, 2);
  }
  harness_free (h);
}

static gpointer
change_thread (gpointer data)
{
  GstHarness *h = data;

  for (guint i = 0; i < 3000; i++) {
    GstStructure *stats = NULL;

    g_object_set (h->element, "batch-size", i % 7 + 1, "max-tokens", (guint64) (i % 3) * 64, NULL);
    g_object_get (h->element, "stats", &stats, NULL);
    gst_structure_free (stats);
    gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
  }
  return NULL;
}

/* Limits, statistics and reconfiguration from another thread: no record is lost, caps hold. */
static void
test_change_race (void)
{
  GstHarness *h = harness_new_full ("pad-to=8 batch-size=4 workers=2",
      ANY_STATIC ";" FLEXIBLE_CAPS);
  Change change = { h, 10, FALSE };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_auto (GStrv) sequences = random_sequences (rand, 3000, 6, "ACG");
  g_autoptr (GPtrArray) batches = NULL;
  GThread *thread;
  guint64 next = 0;

  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, change_probe, &change, NULL);
  thread = g_thread_new ("change", change_thread, h);
  push_sequences (h, sequences, 20, rand);
  g_thread_join (thread);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++)
    for (guint k = 0; k < gst_seq_batch_get_n_records (batches->pdata[i]); k++)
      g_assert_cmpuint (gst_buffer_get_seq_batch_meta (batches->pdata[i])->records[k].id, ==,
          next++);
  g_assert_cmpuint (next, ==, 3000);
  harness_free (h);
}

/* ---- the element ---- */

static void
test_states (void)
{
  GstElement *pipeline = gst_parse_launch ("appsrc name=in caps=" RECORDS_CAPS " ! "
      "seqbatch name=batch batch-size=2 ! fakesink name=out async=false", NULL);
  g_autoptr (GstElement) in = gst_bin_get_by_name (GST_BIN (pipeline), "in");
  g_autoptr (GstElement) batch = gst_bin_get_by_name (GST_BIN (pipeline), "batch");
  GstBus *bus = gst_element_get_bus (pipeline);

  for (guint i = 0; i < 100; i++) {
    GstBuffer *block = block_from (0, "A,AA,AAA,A,A");
    GstFlowReturn ret;

    g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PLAYING), !=,
        GST_STATE_CHANGE_FAILURE);
    g_signal_emit_by_name (in, "push-buffer", block, &ret);
    gst_buffer_unref (block);
    g_assert_cmpint (ret, ==, GST_FLOW_OK);
    if (i % 2) {                /* to the end, or cut off */
      GstMessage *message;

      g_signal_emit_by_name (in, "end-of-stream", &ret);
      message = gst_bus_timed_pop_filtered (bus, 10 * GST_SECOND,
          GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
      g_assert_nonnull (message);
      g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
      gst_message_unref (message);
      g_assert_cmpuint (get_stat (batch, "records"), ==, 5);
      g_assert_cmpuint (get_stat (batch, "batches"), ==, 3);
    }
    gst_element_set_state (pipeline, GST_STATE_NULL);
  }
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
test_two (void)
{
  GstHarness *a = harness_new ("batch-size=2 workers=2");
  GstHarness *b = harness_new ("layout=packed tokenizer=bytes dtype=uint8 window=0 workers=2");
  g_autoptr (GPtrArray) from_a = NULL, from_b = NULL;

  for (guint i = 0; i < 50; i++) {
    g_assert_cmpint (push_list (a, "A,AA,AAA"), ==, GST_FLOW_OK);
    g_assert_cmpint (push_list (b, "A,C"), ==, GST_FLOW_OK);
  }
  push_eos (b);
  push_eos (a);
  from_a = pull_batches (a, 0);
  from_b = pull_batches (b, 0);
  g_assert_cmpuint (from_a->len, ==, 75);
  g_assert_cmpuint (from_b->len, ==, 4);
  assert_tensor (from_b->pdata[3], 0, "input_ids", "65 67 65 67");
  harness_free (a);
  harness_free (b);
}

/* Presets; and every property that can be written says when. */
static void
test_interface (void)
{
  GstElement *element = batcher_new ("");
  guint n;
  g_autofree GParamSpec **specs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  gchar **names = gst_preset_get_preset_names (GST_PRESET (element));

  g_assert_true (gst_preset_is_editable (GST_PRESET (element)));
  for (guint i = 0; names && names[i]; i++)
    g_assert_true (gst_preset_load_preset (GST_PRESET (element), names[i]));
  g_strfreev (names);
  for (guint i = 0; i < n; i++) {
    if (specs[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    g_assert_cmpuint (strlen (g_param_spec_get_blurb (specs[i])), >, 10);
    if (specs[i]->flags & G_PARAM_WRITABLE)
      g_assert_true (specs[i]->flags & (GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PLAYING));
  }
  gst_object_unref (element);
}

/* ---- budget ---- */

static GstEvent *
budget_event (guint64 max_tokens, guint max_records)
{
  return gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new ("batch-budget",
          "max-tokens", G_TYPE_UINT64, max_tokens, "max-records", G_TYPE_UINT, max_records, NULL));
}

static void
push_sizes (GstHarness * h, const gchar * list, const gchar * expected)
{
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  batches = pull_batches (h, get_stat (h->element, "batches") - gst_harness_buffers_in_queue (h));
  assert_sizes (batches, expected);
}

/* Limits beside the properties, from the next batch on, without new caps */
static void
test_budget (void)
{
  GstHarness *h = harness_new ("batch-size=4 max-tokens=20");
  guint events;

  push_sizes (h, "A,A,A,A", "4");       /* rows of 3 */
  events = gst_harness_events_received (h);
  g_assert_true (gst_harness_push_upstream_event (h, budget_event (6, 0)));
  g_assert_cmpuint (get_stat (h->element, "budget-tokens"), ==, 6);
  push_sizes (h, "A,A,A,A,A", "2 2");
  g_assert_true (gst_harness_push_upstream_event (h, budget_event (100, 1)));
  push_sizes (h, "A,A", "1 1 1");
  g_assert_true (gst_harness_push_upstream_event (h, budget_event (0, 0)));
  push_sizes (h, "A,A,A,A,AAAAAAAA,A", "4");
  g_assert_cmpuint (gst_harness_events_received (h), ==, events);

  /* other events go on their way, and this one is not for seqbatch without its fields */
  g_assert_true (gst_harness_push_upstream_event (h, budget_event (7, 0)));
  gst_harness_push_upstream_event (h, gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM,
          gst_structure_new_empty ("batch-budget")));
  g_assert_cmpuint (gst_harness_upstream_events_received (h), ==, 2);
  g_assert_cmpuint (get_stat (h->element, "budget-tokens"), ==, 7);
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  g_assert_cmpuint (get_stat (h->element, "budget-tokens"), ==, 0);
  harness_free (h);
}

/* What has one shape can't shrink. */
static void
test_budget_fixed_shape (void)
{
  GstHarness *h = harness_new_full ("pad-to=8 batch-size=2", "other/tensors,format=static");

  push_sizes (h, "A,A", "2");
  g_assert_false (gst_harness_push_upstream_event (h, budget_event (8, 0)));
  push_sizes (h, "A,A", "2");
  harness_free (h);

  h = harness_new ("layout=packed fixed-total=true max-tokens=12 window=0");
  push_sizes (h, "A,A,A,A,A", "4");
  g_assert_false (gst_harness_push_upstream_event (h, budget_event (6, 0)));
  push_sizes (h, "A,A,A,A", "4");
  harness_free (h);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/seqbatch/caps", test_caps);
  g_test_add_func ("/seqbatch/static-refused", test_static_refused);
  g_test_add_func ("/seqbatch/static-last", test_static_last);
  g_test_add_func ("/seqbatch/reconfigure", test_reconfigure);
  g_test_add_func ("/seqbatch/event-order", test_event_order);
  g_test_add_func ("/seqbatch/drains", test_drains);
  g_test_add_func ("/seqbatch/flush", test_flush);
  g_test_add_func ("/seqbatch/stats", test_stats);
  g_test_add_func ("/seqbatch/stats-empty", test_stats_empty);
  g_test_add_func ("/seqbatch/auto-workers", test_auto_workers);
  g_test_add_func ("/seqbatch/stats-dropped-windows", test_stats_dropped_windows);
  g_test_add_func ("/seqbatch/bad-settings", test_bad_settings);
  g_test_add_func ("/seqbatch/bad-blocks", test_bad_blocks);
  g_test_add_func ("/seqbatch/change-limits", test_change_limits);
  g_test_add_func ("/seqbatch/change-before-end", test_change_before_end);
  g_test_add_func ("/seqbatch/change-static", test_change_static);
  g_test_add_func ("/seqbatch/change-too-late", test_change_too_late);
  g_test_add_func ("/seqbatch/change-race", test_change_race);
  g_test_add_func ("/seqbatch/states", test_states);
  g_test_add_func ("/seqbatch/two", test_two);
  g_test_add_func ("/seqbatch/interface", test_interface);
  g_test_add_func ("/seqbatch/budget", test_budget);
  g_test_add_func ("/seqbatch/budget-fixed-shape", test_budget_fixed_shape);
  return g_test_run ();
}
