/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqbatch-batches.h"

/* What becomes of what downstream says to a batch, and of errors of the batcher's own. */

typedef struct
{
  guint good;                   /* batches that are taken first */
  GstFlowReturn flow;           /* what the others get */
  guint seen;
} Refusal;

static GstPadProbeReturn
refuse_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Refusal *refusal = data;

  if (refusal->seen++ < refusal->good)
    return GST_PAD_PROBE_OK;
  gst_buffer_unref (GST_PAD_PROBE_INFO_BUFFER (info));
  GST_PAD_PROBE_INFO_DATA (info) = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = refusal->flow;
  return GST_PAD_PROBE_HANDLED;
}

/* What downstream says goes upstream as it is, without a message, whatever was on its way; and
 * after an error nothing more comes out. */
static void
test_flow_returns (void)
{
  static const GstFlowReturn flows[] = {
    GST_FLOW_ERROR, GST_FLOW_EOS, GST_FLOW_FLUSHING, GST_FLOW_NOT_LINKED, GST_FLOW_NOT_NEGOTIATED,
    GST_FLOW_CUSTOM_ERROR_1
  };

  /* from the first on, while the block is being read, and behind that */
  static const guint goods[] = { 0, 5, 195 };
  enum { N = 400 };

  for (gsize i = 0; i < G_N_ELEMENTS (flows); i++) {
    for (guint g = 0; g < G_N_ELEMENTS (goods); g++) {
      GstHarness *h = harness_new ("batch-size=2 workers=3");
      guint good = goods[g];
      Refusal refusal = { good, flows[i], 0 };
      g_autoptr (GRand) rand = g_rand_new_with_seed (1);
      g_auto (GStrv) sequences = random_sequences (rand, N, 30, "ACG");

      gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse_probe, &refusal, NULL);
      g_assert_cmpint (gst_harness_push (h, block_of (0, (const gchar * const *) sequences, N)),
          ==, flows[i]);
      g_assert_cmpuint (refusal.seen, ==, good + 1);
      assert_no_error_posted (h->element);
      if (flows[i] < GST_FLOW_EOS) {
        push_eos (h);
        g_assert_cmpuint (refusal.seen, ==, good + 1);
      }
      harness_free (h);
    }
  }
}

/* At the end nobody upstream would see an error, so it is posted; once. */
static void
test_flow_returns_at_end (void)
{
  static const struct
  {
    GstFlowReturn flow;
    gboolean error;
  } rows[] = {
    {GST_FLOW_ERROR, TRUE}, {GST_FLOW_NOT_LINKED, TRUE}, {GST_FLOW_NOT_NEGOTIATED, TRUE},
    {GST_FLOW_EOS, FALSE}, {GST_FLOW_FLUSHING, FALSE}
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    GstHarness *h = harness_new ("");
    Refusal refusal = { 0, rows[i].flow, 0 };

    gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse_probe, &refusal, NULL);
    g_assert_cmpint (push_list (h, "A"), ==, GST_FLOW_OK);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpuint (refusal.seen, ==, 1);
    if (rows[i].error)
      assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL);
    harness_free (h);
  }
}

/* An error of its own is posted once, also where the end of the input brings it out, and records
 * that wait don't go out behind it. A flush begins anew. */
static void
test_error_once (void)
{
  GstHarness *h = harness_new ("unknown=error batch-size=4");
  g_autoptr (GPtrArray) batches = NULL;

  g_assert_cmpint (push_list (h, "A,*"), ==, GST_FLOW_OK);
  gst_harness_push_event (h, gst_event_new_eos ());
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 1");
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);

  flush (h);
  g_assert_cmpint (push_list (h, "A,*,A,A,A,A,*"), ==, GST_FLOW_ERROR);
  assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 1");
  g_assert_cmpint (push_list (h, "A,A,A,A"), ==, GST_FLOW_ERROR);
  gst_harness_push_event (h, gst_event_new_eos ());
  assert_no_error_posted (h->element);
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);

  flush (h);
  g_assert_cmpint (push_list (h, "A,A"), ==, GST_FLOW_OK);
  push_eos (h);
  batches = pull_batches (h, 0);
  assert_sizes (batches, "2");
  harness_free (h);
}

static guint n_batches;

static GstFlowReturn
custom_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  n_batches++;
  gst_buffer_unref (buffer);
  return GST_FLOW_CUSTOM_SUCCESS;
}

/* A custom success is no reason to stop. (A probe can't say it: there it means something to
 * GstPad.) */
static void
test_custom_success (void)
{
  enum { N = 2000 };

  for (guint workers = 0; workers < 3; workers += 2) {
    g_autofree gchar *properties = g_strdup_printf ("batch-size=10 workers=%u", workers);
    GstHarness *h = harness_new (properties);
    g_autoptr (GRand) rand = g_rand_new_with_seed (1);
    g_auto (GStrv) sequences = random_sequences (rand, N, 30, "ACG");

    n_batches = 0;
    gst_pad_set_chain_function (h->sinkpad, custom_chain);
    for (guint i = 0; i < 3; i++)
      g_assert_cmpint (gst_harness_push (h, block_of (i * N, (const gchar * const *) sequences, N)),
          ==, GST_FLOW_OK);
    push_eos (h);
    g_assert_cmpuint (n_batches, ==, 3 * N / 10);
    harness_free (h);
  }
}

/* What downstream does not want is no more wanted with the next block either, and of rows that wait
 * none comes out later, out of a hole: until `again` is done. */
static void
check_sticky (GstFlowReturn flow, void (*again) (GstHarness * h))
{
  enum { N = 605 };             /* the last 5 wait for others */
  GstHarness *h = harness_new ("batch-size=10 workers=1");
  Refusal refusal = { 20, flow, 0 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_auto (GStrv) sequences = random_sequences (rand, N, 30, "ACG");
  gulong probe = gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse_probe, &refusal,
      NULL);
  GstBuffer *batch;
  guint64 id;

  g_assert_cmpint (gst_harness_push (h, block_of (0, (const gchar * const *) sequences, N)), ==,
      flow);
  g_assert_cmpuint (refusal.seen, ==, 21);
  gst_pad_remove_probe (h->sinkpad, probe);
  g_assert_cmpint (gst_harness_push (h, block_of (N, (const gchar * const *) sequences, N)), ==,
      flow);
  if (flow != GST_FLOW_EOS) {
    push_segment (h);
    g_assert_cmpint (gst_harness_push (h, block_of (N, (const gchar * const *) sequences, N)), ==,
        flow);
  }
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 20);
  while ((batch = gst_harness_try_pull (h)))
    gst_buffer_unref (batch);

  again (h);
  g_assert_cmpint (gst_harness_push (h, block_of (2 * N, (const gchar * const *) sequences, N)), ==,
      GST_FLOW_OK);
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 60);
  batch = gst_harness_pull (h);
  g_assert_true (gst_seq_batch_get_record (batch, 0, &id, NULL, NULL, NULL));
  g_assert_cmpuint (id, ==, 2 * N);
  gst_buffer_unref (batch);
  harness_free (h);
}

static void
begin_segment (GstHarness * h)
{
  push_segment (h);
}

static void
begin_stream (GstHarness * h)
{
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start ("another")));
  push_segment (h);
}

static void
link_again (GstHarness * h)
{
  GstPad *src = gst_element_get_static_pad (h->element, "src");
  GstPad *sink = gst_pad_get_peer (src);

  gst_pad_unlink (src, sink);
  g_assert_cmpint (gst_pad_link (src, sink), ==, GST_PAD_LINK_OK);
  gst_object_unref (sink);
  gst_object_unref (src);
}

static void
test_sticky (void)
{
  check_sticky (GST_FLOW_EOS, begin_segment);
  check_sticky (GST_FLOW_EOS, begin_stream);
  check_sticky (GST_FLOW_EOS, flush);
  check_sticky (GST_FLOW_FLUSHING, flush);
  check_sticky (GST_FLOW_NOT_LINKED, flush);
  check_sticky (GST_FLOW_NOT_LINKED, link_again);
  check_sticky (GST_FLOW_CUSTOM_ERROR, flush);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqbatch-flow/returns", test_flow_returns);
  g_test_add_func ("/seqbatch-flow/returns-at-end", test_flow_returns_at_end);
  g_test_add_func ("/seqbatch-flow/error-once", test_error_once);
  g_test_add_func ("/seqbatch-flow/custom-success", test_custom_success);
  g_test_add_func ("/seqbatch-flow/sticky", test_sticky);
  return g_test_run ();
}
