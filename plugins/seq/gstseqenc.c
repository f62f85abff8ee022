/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqenc
 * @title: seqenc
 *
 * Writes blocks of records as text: FASTA, FASTQ or tab-separated values. With it a pipeline can
 * sort, filter or convert sequence files.
 *
 * |[
 * gst-launch-1.0 seqsrc location=in.fa.gz ! seqsort ! seqenc ! filesink location=sorted.fa
 * ]|
 */

#include "gstseqenc.h"

#include <gst/seq/seq.h>

#include "block-map.h"
#include "event-flow.h"
#include "textout.h"

GST_DEBUG_CATEGORY_STATIC (seq_enc_debug);
#define GST_CAT_DEFAULT seq_enc_debug

#define DEFAULT_LINE_WIDTH 60

enum
{
  PROP_0,
  PROP_FORMAT,
  PROP_LINE_WIDTH,
};

typedef enum
{
  FORMAT_AUTO,
  FORMAT_FASTA,
  FORMAT_FASTQ,
  FORMAT_TSV,
} Format;

struct _GstSeqEnc
{
  GstBaseTransform parent;

  /* object lock */
  Format format;
  guint line_width;

  /* the streaming thread's own */
  SeqTextFormat text_format;    /* of the stream at hand */
  gboolean quality;             /* whether the records that it was chosen for have qualities */
  guint64 written;              /* bytes of text */
  gboolean refused;             /* downstream takes nothing that can be written */
  gboolean mixed;               /* format=auto would write FASTA behind FASTQ, or the reverse */
};

static const struct
{
  const gchar *media_type;
  SeqTextFormat text_format;
} outputs[] = {
  [FORMAT_FASTA] = {"text/x-fasta", SEQ_TEXT_FASTA},
  [FORMAT_FASTQ] = {"text/x-fastq", SEQ_TEXT_FASTQ},
  [FORMAT_TSV] = {"text/tab-separated-values", SEQ_TEXT_TSV},
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS ("text/x-fasta; text/x-fastq; text/tab-separated-values"));

#define gst_seq_enc_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstSeqEnc, gst_seq_enc, GST_TYPE_BASE_TRANSFORM,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_enc_debug, "seqenc", 0, "sequence encoder"))
GST_ELEMENT_REGISTER_DEFINE (seqenc, "seqenc", GST_RANK_NONE, GST_TYPE_SEQ_ENC)

static GType
gst_seq_enc_format_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {FORMAT_AUTO, "FASTQ where the records have qualities, else FASTA; both in one stream are an "
          "error", "auto"},
    {FORMAT_FASTA, "FASTA; qualities are left out", "fasta"},
    {FORMAT_FASTQ, "FASTQ; every record must have qualities", "fastq"},
    {FORMAT_TSV, "Name, residues and qualities, separated by tabs; a tab in a name is written as "
          "\\t, a backslash as \\\\", "tsv"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqEncFormat", values));
  return type;
}

/* ---- caps ---- */

/* What a stream can become: with qualities anything, without them no FASTQ. The first is the
 * preferred one. */
static GstCaps *
possible_outputs (GstSeqEnc * self, const GstStructure * records)
{
  GstCaps *caps = gst_caps_new_empty ();
  gboolean known, quality = TRUE;
  Format format;

  GST_OBJECT_LOCK (self);
  format = self->format;
  GST_OBJECT_UNLOCK (self);

  known = gst_structure_get_boolean (records, "quality", &quality);
  if (format != FORMAT_AUTO)
    gst_caps_append (caps, gst_caps_new_empty_simple (outputs[format].media_type));
  if (format == FORMAT_AUTO && (quality || !known))
    gst_caps_append (caps, gst_caps_new_empty_simple ("text/x-fastq"));
  if (format == FORMAT_AUTO)
    gst_caps_append (caps, gst_caps_from_string ("text/x-fasta; text/tab-separated-values"));
  return caps;
}

static GstCaps *
gst_seq_enc_transform_caps (GstBaseTransform * trans, GstPadDirection direction, GstCaps * caps,
    GstCaps * filter)
{
  GstCaps *result, *filtered;

  if (direction == GST_PAD_SRC) {
    result = gst_static_pad_template_get_caps (&sink_template);
  } else {
    result = gst_caps_new_empty ();
    for (guint i = 0; i < gst_caps_get_size (caps); i++)
      result = gst_caps_merge (result,
          possible_outputs (GST_SEQ_ENC (trans), gst_caps_get_structure (caps, i)));
  }
  if (filter) {
    filtered = gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = filtered;
  }
  return result;
}

static gboolean
find_format (const GstCaps * caps, SeqTextFormat * format)
{
  const gchar *name = gst_structure_get_name (gst_caps_get_structure (caps, 0));

  for (guint i = FORMAT_FASTA; i < G_N_ELEMENTS (outputs); i++) {
    if (g_str_equal (outputs[i].media_type, name)) {
      *format = outputs[i].text_format;
      return TRUE;
    }
  }
  return FALSE;
}

/* Who sets the property, or caps downstream, may change the format in mid-stream. But where it is
 * only the records that change, nobody could read the text of both. */
static gboolean
gst_seq_enc_set_caps (GstBaseTransform * trans, GstCaps * in, GstCaps * out)
{
  GstSeqEnc *self = GST_SEQ_ENC (trans);
  gboolean is_auto, quality = FALSE;
  SeqTextFormat format;

  if (!find_format (out, &format))
    return FALSE;
  gst_structure_get_boolean (gst_caps_get_structure (in, 0), "quality", &quality);
  GST_OBJECT_LOCK (self);
  is_auto = self->format == FORMAT_AUTO;
  GST_OBJECT_UNLOCK (self);
  self->mixed = is_auto && self->written > 0 && quality != self->quality
      && format != self->text_format;
  if (!self->mixed) {
    self->text_format = format;
    self->quality = quality;
  }
  return TRUE;
}

static gboolean
gst_seq_enc_start (GstBaseTransform * trans)
{
  GstSeqEnc *self = GST_SEQ_ENC (trans);

  self->written = 0;
  self->mixed = self->refused = FALSE;
  return TRUE;
}

/* The base class does not say what doesn't fit. */
static void
check_downstream (GstSeqEnc * self, GstCaps * records)
{
  GstCaps *mine = possible_outputs (self, gst_caps_get_structure (records, 0));
  GstCaps *allowed = gst_pad_peer_query_caps (GST_BASE_TRANSFORM_SRC_PAD (self), NULL);
  gchar *possible = gst_caps_to_string (mine), *taken = gst_caps_to_string (allowed);
  gboolean ok = gst_caps_can_intersect (mine, allowed)
      || gst_seq_pad_is_flushing (GST_BASE_TRANSFORM_SRC_PAD (self));

  if (!ok && !self->refused)
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("downstream takes none of the formats that these "
            "records can be written in: %s", possible), ("it takes %s", taken));
  self->refused = !ok;          /* said once: the event comes again with the next buffer */
  g_free (possible);
  g_free (taken);
  gst_caps_unref (allowed);
  gst_caps_unref (mine);
}

/* ---- data ---- */

static gboolean
check_qualities (GstSeqEnc * self, const GstSeqRecordsMeta * meta)
{
  if (self->mixed) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("records %s qualities come behind ones %s them, "
            "which are FASTQ and FASTA; format=fasta leaves the qualities out",
            self->quality ? "without" : "with", self->quality ? "with" : "without"), (NULL));
    return FALSE;
  }
  for (guint i = 0; self->text_format == SEQ_TEXT_FASTQ && i < meta->n_records; i++) {
    if (meta->records[i].qual == GST_SEQ_NO_QUALITY) {
      GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("record %" G_GUINT64_FORMAT " has no qualities, "
              "which FASTQ needs; format=fasta leaves those of the others out", meta->records[i].id),
          (NULL));
      return FALSE;
    }
  }
  return TRUE;
}

/* Not from GStreamer's allocator, which ends the program where there is no memory. */
static GstBuffer *
new_text (gsize size)
{
  gpointer bytes = g_try_malloc (MAX (size, 1));

  return bytes ? gst_buffer_new_wrapped (bytes, size) : NULL;
}

/* NULL, and an error is posted, where the block can't be written. */
static GstBuffer *
encode (GstSeqEnc * self, const GstSeqRecordsMeta * meta, const guint8 * data, guint line_width)
{
  gsize size = seq_text_size (self->text_format, line_width, data, meta->records,
      meta->n_records);
  GstBuffer *text = new_text (size);
  GstMapInfo map;
  guint n;

  if (!text || !gst_buffer_map (text, &map, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, (NULL),
        ("no memory for %" G_GSIZE_FORMAT " bytes of text", size));
    gst_clear_buffer (&text);
    return NULL;
  }
  n = seq_text_write (self->text_format, line_width, data, meta->records, meta->n_records,
      map.data);
  gst_buffer_unmap (text, &map);
  if (n < meta->n_records) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("record %" G_GUINT64_FORMAT " can't be written so "
            "that it is read back the same: its name holds a line break, or a line of its residues "
            "would start with one of >@+;#", meta->records[n].id), (NULL));
    gst_clear_buffer (&text);
  }
  return text;
}

/* The size of the text is known only from the block, so the buffer is made here and transform()
 * has nothing left to do. */
static GstFlowReturn
gst_seq_enc_prepare_output_buffer (GstBaseTransform * trans, GstBuffer * in, GstBuffer ** out)
{
  GstSeqEnc *self = GST_SEQ_ENC (trans);
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (in);
  GError *error = NULL;
  const guint8 *bytes;
  GstMapInfo map;
  guint line_width;

  if (!gst_seq_block_validate (in, &error)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
  if (!check_qualities (self, meta))
    return GST_FLOW_ERROR;
  bytes = gst_seq_block_map (in, &map);
  if (!bytes) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, (NULL), ("can't map a block of records"));
    return GST_FLOW_ERROR;
  }
  GST_OBJECT_LOCK (self);
  line_width = self->line_width;
  GST_OBJECT_UNLOCK (self);
  *out = encode (self, meta, bytes, line_width);
  gst_seq_block_unmap (&map);
  if (*out)
    self->written += gst_buffer_get_size (*out);
  return *out ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static GstFlowReturn
gst_seq_enc_transform (GstBaseTransform * trans, GstBuffer * in, GstBuffer * out)
{
  return GST_FLOW_OK;
}

/* Text is counted in bytes, and what follows stands behind what has been written, whatever upstream
 * counts from: a sink of files goes where a segment starts, over what is there. */
static gboolean
gst_seq_enc_sink_event (GstBaseTransform * trans, GstEvent * event)
{
  GstSeqEnc *self = GST_SEQ_ENC (trans);

  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    GstCaps *caps;

    gst_event_parse_caps (event, &caps);
    check_downstream (self, caps);
  }
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    gst_seq_enc_start (trans);  /* what was written is dropped */
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
    GstSegment segment;
    guint32 seqnum = gst_event_get_seqnum (event);

    gst_segment_init (&segment, GST_FORMAT_BYTES);
    segment.start = segment.time = segment.position = self->written;
    gst_event_unref (event);
    event = gst_event_new_segment (&segment);
    gst_event_set_seqnum (event, seqnum);
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

/* In place of the base class's own, which does the same but for what it returns. */
static GstFlowReturn
gst_seq_enc_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (parent);
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_BASE_TRANSFORM_SRC_PAD (trans), type,
      gst_seq_enc_sink_event (trans, event));
}

/* ---- object ---- */

static void
gst_seq_enc_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqEnc *self = GST_SEQ_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_FORMAT:
      self->format = g_value_get_enum (value);
      break;
    case PROP_LINE_WIDTH:
      self->line_width = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
  if (id == PROP_FORMAT)
    gst_base_transform_reconfigure_src (GST_BASE_TRANSFORM (self));
}

static void
gst_seq_enc_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqEnc *self = GST_SEQ_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_FORMAT:
      g_value_set_enum (value, self->format);
      break;
    case PROP_LINE_WIDTH:
      g_value_set_uint (value, self->line_width);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_enc_init (GstSeqEnc * self)
{
  self->line_width = DEFAULT_LINE_WIDTH;
  gst_pad_set_event_full_function (GST_BASE_TRANSFORM_SINK_PAD (self), gst_seq_enc_sink_event_full);
}

static void
gst_seq_enc_class_init (GstSeqEncClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = gst_seq_enc_set_property;
  object_class->get_property = gst_seq_enc_get_property;

  g_object_class_install_property (object_class, PROP_FORMAT,
      g_param_spec_enum ("format", "Format", "Format of the text; a change while playing holds from "
          "the next block on", gst_seq_enc_format_get_type (), FORMAT_AUTO,
          flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_LINE_WIDTH,
      g_param_spec_uint ("line-width", "Line width", "Residues in a line of FASTA (0 = each "
          "sequence in one line)", 0, G_MAXINT, DEFAULT_LINE_WIDTH,
          flags | GST_PARAM_MUTABLE_PLAYING));

  gst_element_class_set_static_metadata (element_class, "Sequence encoder", "Codec/Encoder",
      "Writes blocks of records as FASTA, FASTQ or tab-separated values", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  trans_class->transform_caps = gst_seq_enc_transform_caps;
  trans_class->set_caps = gst_seq_enc_set_caps;
  trans_class->start = gst_seq_enc_start;
  trans_class->prepare_output_buffer = gst_seq_enc_prepare_output_buffer;
  trans_class->transform = gst_seq_enc_transform;
  trans_class->sink_event = gst_seq_enc_sink_event;
}
