/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Caps from downstream: seqbatch and pinnedqueue settle on caps that are fixed and were asked for,
 * or say that there are none; and a batch is what its caps say. */

#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include "fuzz.h"

static const gchar *const lines[] = {
  "seqbatch tokenizer=bytes batch-size=1 workers=0",
  "seqbatch tokenizer=bytes batch-size=2 pad-to=8 max-length=8 workers=0",
  "seqbatch tokenizer=bytes layout=packed fixed-total=true max-tokens=16 batch-size=2 workers=0",
  "seqbatch tokenizer=bytes batch-size=2 pad-to=8 max-length=8 workers=0 ! pinnedqueue",
};

/* one of these after another, each a value that a field may have */
static const gchar *const formats[] =
    { "flexible", "static", "{ static, flexible }", "sparse", "{ }", NULL };
static const gchar *const numbers[] = { "1", "2", "[ 1, 16 ]", "0", "-1", NULL };
static const gchar *const types[] = { "int64,uint8", "int64", "int32,int32", "\"\"", NULL };
static const gchar *const dimensions[] =
    { "8:2,8:2", "8:2", "16,3", "0:0", "\"::,\"", "99999999999:1", "\"\"", NULL };
static const gchar *const rates[] =
    { "0/1", "[ 0/1, max ]", "30/1", "0", "{ 0/1, 1/1 }", NULL };
static const gchar *const features[] =
    { "", "(ANY)", "(memory:CUDAMemory)", "(memory:SystemMemory)", "(memory:Other)" };

static void
append_field (FuzzInput * in, GString * caps, const gchar * name, const gchar * type,
    const gchar * const *values)
{
  guint n = g_strv_length ((gchar **) values), choice = fuzz_choose (in, n + 1);

  if (choice == n)
    return;
  g_string_append_printf (caps, ",%s=(%s)", name, type);
  if (strchr (values[choice], ',') != NULL && g_str_equal (type, "string")
      && values[choice][0] != '{' && values[choice][0] != '"')
    g_string_append_printf (caps, "\"%s\"", values[choice]);
  else
    g_string_append (caps, values[choice]);
}

/* NULL where GStreamer itself does not take the text. */
static GstCaps *
take_caps (FuzzInput * in)
{
  static const gchar *const media[] = { "other/tensors", "other/tensor", "ANY", "EMPTY" };
  GString *text = g_string_new (NULL);
  guint n = 1 + fuzz_choose (in, 3), kind = fuzz_choose (in, 16);
  GstCaps *caps;

  if (kind == 2 || kind == 3)
    g_string_append (text, media[kind]);
  for (guint i = 0; i < n && text->str[0] != 'A' && text->str[0] != 'E'; i++) {
    g_string_append_printf (text, "%s%s%s", i > 0 ? ";" : "", media[kind == 1],
        features[fuzz_choose (in, G_N_ELEMENTS (features))]);
    append_field (in, text, "format", "string", formats);
    append_field (in, text, "num_tensors", "int", numbers);
    append_field (in, text, "types", "string", types);
    append_field (in, text, "dimensions", "string", dimensions);
    append_field (in, text, "framerate", "fraction", rates);
  }
  caps = gst_caps_from_string (text->str);
  g_string_free (text, TRUE);
  return caps;
}

static GstBuffer *
make_block (void)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);

  g_assert_true (gst_seq_block_builder_add (builder, "a", -1, "ACGT", -1, NULL));
  g_assert_true (gst_seq_block_builder_add (builder, "b", -1, "AC", -1, NULL));
  return gst_seq_block_builder_finish (builder);
}

static void
check_batch (GstHarness * h, const GstCaps * asked, GstBuffer * batch)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  const GstStructure *s;
  gint n = 0;

  g_assert_nonnull (caps);
  g_assert_true (gst_caps_is_fixed (caps));
  g_assert_true (gst_caps_can_intersect (caps, asked));
  g_assert_nonnull (meta);
  s = gst_caps_get_structure (caps, 0);
  if (g_str_equal (gst_structure_get_string (s, "format"), "static")) {
    g_assert_true (gst_structure_get_int (s, "num_tensors", &n));
    g_assert_cmpint (n, ==, meta->n_tensors);
    g_assert_cmpuint (meta->tensors[0].offset, ==, 0);
  } else {
    g_assert_cmpuint (meta->tensors[0].offset, ==, GST_SEQ_TENSOR_HEADER_SIZE);
  }
  gst_caps_unref (caps);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  GstFlowReturn ret;
  GstBuffer *batch;
  GstHarness *h;
  GstCaps *caps;

  gst_init (NULL, NULL);
  h = gst_harness_new_parse (lines[fuzz_choose (&in, G_N_ELEMENTS (lines))]);
  g_assert_nonnull (h);
  caps = take_caps (&in);
  if (caps != NULL) {
    gst_harness_set_sink_caps (h, gst_caps_ref (caps));
    gst_harness_set_src_caps_str (h, "application/x-seq-records,alphabet=(string)dna,"
        "quality=(boolean)false");
    ret = gst_harness_push (h, make_block ());
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_true (ret == GST_FLOW_OK || ret == GST_FLOW_NOT_NEGOTIATED || ret == GST_FLOW_ERROR);
    g_assert_true (ret == GST_FLOW_OK || gst_harness_buffers_in_queue (h) == 0);
    while ((batch = gst_harness_try_pull (h))) {
      check_batch (h, caps, batch);
      gst_buffer_unref (batch);
    }
    gst_caps_unref (caps);
  }
  gst_harness_teardown (h);
  return 0;
}
