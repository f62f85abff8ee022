/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What seqdec makes of what downstream says to one of the blocks of an input buffer. */

#include <gst/check/gstharness.h>

typedef struct
{
  GstFlowReturn flow;           /* of each block */
  guint seen;
} Answer;

static GstPadProbeReturn
answer_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Answer *answer = data;

  answer->seen++;
  gst_buffer_unref (GST_PAD_PROBE_INFO_BUFFER (info));
  GST_PAD_PROBE_INFO_DATA (info) = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = answer->flow;
  return GST_PAD_PROBE_HANDLED;
}

/* Three records, each a block. Returns what the first buffer got; `answer` has how many came. */
static GstFlowReturn
push_records (Answer * answer)
{
  GstHarness *h = gst_harness_new_parse ("seqdec blocksize=1");
  GstFlowReturn ret;

  gst_harness_set_src_caps_str (h, "text/x-fasta");
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, answer_probe, answer, NULL);
  ret = gst_harness_push (h, gst_buffer_new_memdup (">a\nAC\n>b\nGT\n>c\nA", 16));
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_harness_teardown (h);
  return ret;
}

/* A custom success is no reason to stop, all else is. */
static void
test_answers (void)
{
  static const GstFlowReturn stops[] = {
    GST_FLOW_EOS, GST_FLOW_FLUSHING, GST_FLOW_NOT_LINKED, GST_FLOW_ERROR, GST_FLOW_CUSTOM_ERROR
  };
  Answer answer = { GST_FLOW_CUSTOM_SUCCESS, 0 };

  g_assert_cmpint (push_records (&answer), ==, GST_FLOW_OK);
  g_assert_cmpuint (answer.seen, ==, 3);
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++) {
    answer = (Answer) { stops[i], 0 };
    g_assert_cmpint (push_records (&answer), ==, stops[i]);
    g_assert_cmpuint (answer.seen, ==, 1);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqdec-flow/answers", test_answers);
  return g_test_run ();
}
