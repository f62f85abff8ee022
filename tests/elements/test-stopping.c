/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Elements stop one after the other, from the sink on, and each stops its source pad first. What
 * upstream sends meanwhile comes to nothing, and that is no error. */
#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <string.h>

#define RECORDS_CAPS "application/x-seq-records,alphabet=(string)dna,quality=(boolean)false"

typedef struct
{
  const gchar *element;
  const gchar *caps;            /* of what it takes; NULL: bytes */
} Case;

static const Case cases[] = {
  {"seqdec", NULL},
  {"seqsort window=1", RECORDS_CAPS},
  {"seqsort", RECORDS_CAPS},
  {"seqbatch batch-size=1", RECORDS_CAPS},
  {"seqtranslate min-length=1", RECORDS_CAPS},
  {"seqenc", RECORDS_CAPS},
  {"cudamemguard", RECORDS_CAPS},
};

static GstBuffer *
new_buffer (const Case * c)
{
  const gchar *text = ">a\nACGTACGT\n>b\nACGT\n";
  GstSeqBlockBuilder *builder;
  GstBuffer *buffer;

  if (!c->caps)
    return gst_buffer_new_wrapped (g_strdup (text), strlen (text));
  builder = gst_seq_block_builder_new (0);
  g_assert_true (gst_seq_block_builder_add (builder, "a", -1, "ACGTACGT", -1, NULL));
  g_assert_true (gst_seq_block_builder_add (builder, "b", -1, "ACGT", -1, NULL));
  buffer = gst_seq_block_builder_finish (builder);
  gst_seq_block_builder_unref (builder);
  return buffer;
}

/* The element, playing, with pads of ours around it, none of which has sent anything yet. */
typedef struct
{
  GstElement *element;
  GstBus *bus;
  GstPad *upstream, *downstream;
  GstPad *sinkpad, *srcpad;
  guint n_buffers;
} Rig;

static GstFlowReturn
count_buffer (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  Rig *rig = g_object_get_data (G_OBJECT (pad), "rig");

  rig->n_buffers++;
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static Rig *
rig_new (const Case * c)
{
  Rig *rig = g_new0 (Rig, 1);
  GError *error = NULL;

  rig->element = gst_parse_launch (c->element, &error);
  g_assert_no_error (error);
  gst_object_ref_sink (rig->element);
  rig->bus = gst_bus_new ();
  gst_element_set_bus (rig->element, rig->bus);
  rig->sinkpad = gst_element_get_static_pad (rig->element, "sink");
  rig->srcpad = gst_element_get_static_pad (rig->element, "src");
  rig->upstream = gst_pad_new ("upstream", GST_PAD_SRC);
  rig->downstream = gst_pad_new ("downstream", GST_PAD_SINK);
  g_object_set_data (G_OBJECT (rig->downstream), "rig", rig);
  gst_pad_set_chain_function (rig->downstream, count_buffer);
  g_assert_cmpint (gst_pad_link (rig->upstream, rig->sinkpad), ==, GST_PAD_LINK_OK);
  g_assert_cmpint (gst_pad_link (rig->srcpad, rig->downstream), ==, GST_PAD_LINK_OK);
  gst_pad_set_active (rig->upstream, TRUE);
  gst_pad_set_active (rig->downstream, TRUE);
  g_assert_cmpint (gst_element_set_state (rig->element, GST_STATE_PLAYING), !=,
      GST_STATE_CHANGE_FAILURE);
  return rig;
}

static void
rig_free (Rig * rig)
{
  gst_pad_set_active (rig->upstream, FALSE);
  gst_element_set_state (rig->element, GST_STATE_NULL);
  gst_pad_set_active (rig->downstream, FALSE);
  gst_element_set_bus (rig->element, NULL);
  gst_object_unref (rig->sinkpad);
  gst_object_unref (rig->srcpad);
  gst_object_unref (rig->element);
  gst_object_unref (rig->bus);
  gst_object_unref (rig->upstream);
  gst_object_unref (rig->downstream);
  g_free (rig);
}

static void
push_caps (Rig * rig, const Case * c)
{
  GstCaps *caps = c->caps ? gst_caps_from_string (c->caps) : NULL;

  if (caps)
    gst_pad_push_event (rig->upstream, gst_event_new_caps (caps));
  gst_clear_caps (&caps);
}

static void
push_events (Rig * rig, const Case * c)
{
  GstSegment segment;

  gst_segment_init (&segment, c->caps ? GST_FORMAT_DEFAULT : GST_FORMAT_BYTES);
  gst_pad_push_event (rig->upstream, gst_event_new_stream_start ("stream"));
  push_caps (rig, c);
  gst_pad_push_event (rig->upstream, gst_event_new_segment (&segment));
}

static void
assert_no_error (Rig * rig)
{
  GstMessage *message = gst_bus_pop_filtered (rig->bus, GST_MESSAGE_ERROR);

  g_assert_null (message);
}

/* Its own source pad has stopped, or what is behind it has. */
static void
check_stopping (const Case * c, gboolean own)
{
  Rig *rig = rig_new (c);

  gst_pad_set_active (own ? rig->srcpad : rig->downstream, FALSE);
  push_events (rig, c);
  if (own)
    g_assert_cmpint (gst_pad_push (rig->upstream, new_buffer (c)), ==, GST_FLOW_FLUSHING);
  else
    g_assert_cmpint (gst_pad_push (rig->upstream, new_buffer (c)), !=, GST_FLOW_ERROR);
  gst_pad_push_event (rig->upstream, gst_event_new_eos ());
  assert_no_error (rig);
  g_assert_cmpuint (rig->n_buffers, ==, 0);
  rig_free (rig);
}

static void
test_stopping (gconstpointer data)
{
  check_stopping (data, TRUE);
  check_stopping (data, FALSE);
}

/* What came amid a flush is sent again behind it, and then it arrives. */
static void
test_flush (gconstpointer data)
{
  const Case *c = data;
  Rig *rig = rig_new (c);
  GstCaps *caps;

  gst_pad_push_event (rig->upstream, gst_event_new_stream_start ("stream"));
  gst_pad_set_active (rig->srcpad, FALSE);
  push_caps (rig, c);
  gst_pad_set_active (rig->srcpad, TRUE);
  g_assert_true (gst_pad_push_event (rig->upstream, gst_event_new_flush_start ()));
  g_assert_true (gst_pad_push_event (rig->upstream, gst_event_new_flush_stop (TRUE)));
  push_events (rig, c);
  g_assert_cmpint (gst_pad_push (rig->upstream, new_buffer (c)), ==, GST_FLOW_OK);
  gst_pad_push_event (rig->upstream, gst_event_new_eos ());
  assert_no_error (rig);
  g_assert_cmpuint (rig->n_buffers, >=, 1);
  caps = gst_pad_get_current_caps (rig->downstream);
  g_assert_nonnull (caps);
  gst_caps_unref (caps);
  rig_free (rig);
}

static gboolean
refuse_caps (GstPad * pad, GstObject * parent, GstEvent * event)
{
  gboolean ok = GST_EVENT_TYPE (event) != GST_EVENT_CAPS;

  gst_event_unref (event);
  return ok;
}

/* Caps that downstream refuses while nothing stops: upstream is told so, or, where it has nothing more
 * to send by then, the application is. */
static void
test_refused_caps (gconstpointer data)
{
  const Case *c = data;
  Rig *rig = rig_new (c);
  GstMessage *message;

  gst_pad_set_event_function (rig->downstream, refuse_caps);
  push_events (rig, c);
  if (gst_pad_push (rig->upstream, new_buffer (c)) != GST_FLOW_NOT_NEGOTIATED) {
    gst_pad_push_event (rig->upstream, gst_event_new_eos ());
    message = gst_bus_pop_filtered (rig->bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_unref (message);
  }
  g_assert_cmpuint (rig->n_buffers, ==, 0);
  rig_free (rig);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *stopping = g_strconcat ("/stopping/", cases[i].element, NULL);
    gchar *flush = g_strconcat ("/flush/", cases[i].element, NULL);
    gchar *refused = g_strconcat ("/refused-caps/", cases[i].element, NULL);

    g_test_add_data_func (stopping, &cases[i], test_stopping);
    g_test_add_data_func (flush, &cases[i], test_flush);
    g_test_add_data_func (refused, &cases[i], test_refused_caps);
    g_free (stopping);
    g_free (flush);
    g_free (refused);
  }
  return g_test_run ();
}
