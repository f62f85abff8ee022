/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What seqdec makes of what downstream says to one of the blocks of an input buffer. */

#include <gst/check/gstharness.h>

/* of each block. (A probe can't say it: custom successes mean something to GstPad there.) */
static GstFlowReturn answer;
static guint seen;

static GstFlowReturn
answering_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  seen++;
  gst_buffer_unref (buffer);
  return answer;
}

/* Records that give many blocks. Returns what their buffer got. */
static GstFlowReturn
push_records (GstFlowReturn flow)
{
  GstElement *element = gst_element_factory_make ("seqdec", NULL);
  GString *text = g_string_new (NULL);
  GstFlowReturn ret;
  GstHarness *h;

  answer = flow;
  seen = 0;
  g_object_set (element, "blocksize", 1, NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_src_caps_str (h, "text/x-fasta");
  gst_pad_set_chain_function (h->sinkpad, answering_chain);
  for (guint i = 0; i < 1000; i++)
    g_string_append (text, ">a\nACGTACGT\n");
  ret = gst_harness_push (h, gst_buffer_new_memdup (text->str, text->len));
  g_string_free (text, TRUE);
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
  guint n_blocks;

  g_assert_cmpint (push_records (GST_FLOW_OK), ==, GST_FLOW_OK);
  n_blocks = seen;
  g_assert_cmpuint (n_blocks, >, 5);
  g_assert_cmpint (push_records (GST_FLOW_CUSTOM_SUCCESS), ==, GST_FLOW_OK);
  g_assert_cmpuint (seen, ==, n_blocks);
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++) {
    g_assert_cmpint (push_records (stops[i]), ==, stops[i]);
    g_assert_cmpuint (seen, ==, 1);
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
