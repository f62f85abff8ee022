/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqdec
 * @title: seqdec
 *
 * Turns the bytes of a FASTA or FASTQ file, plain or compressed, into blocks of records. It is the
 * parser of seqsrc as a filter, for bytes that come from another source.
 *
 * |[
 * cat reads.fq.gz | gst-launch-1.0 fdsrc ! seqdec ! seqbatch tokenizer=nt6 ! fakesink
 * ]|
 */

#include "gstseqdec.h"

#include <gst/seq/seq.h>

#include "gstseqparser.h"

GST_DEBUG_CATEGORY_STATIC (seq_dec_debug);
#define GST_CAT_DEFAULT seq_dec_debug

enum
{
  PROP_0,
  PROP_BLOCKSIZE,
  PROP_STATS,
  PROP_PARSER,
};

struct _GstSeqDec
{
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* object lock */
  GstSeqParserSettings settings;
  GstStructure *stats;
  guint64 records;

  /* streaming thread */
  GstSeqAlphabet alphabet;
  SeqReader *reader;
  GstCaps *caps;
  guint64 bytes;
  gboolean in_file;             /* bytes have come since the last end of a file */
  gboolean need_segment;
  guint32 segment_seqnum;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS ("text/x-fasta; text/x-fastq; text/plain; "
        "application/x-gzip; application/gzip; application/zstd; application/octet-stream"));

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));

#define gst_seq_dec_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstSeqDec, gst_seq_dec, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_dec_debug, "seqdec", 0, "sequence decoder"))
GST_ELEMENT_REGISTER_DEFINE (seqdec, "seqdec", GST_RANK_NONE, GST_TYPE_SEQ_DEC)

/* ---- output ---- */

/* Records are counted downstream, so the segment is in records, whatever upstream counts in. */
static void
push_segment (GstSeqDec * self)
{
  GstSegment segment;
  GstEvent *event;

  gst_segment_init (&segment, GST_FORMAT_DEFAULT);
  event = gst_event_new_segment (&segment);
  if (self->segment_seqnum != GST_SEQNUM_INVALID)
    gst_event_set_seqnum (event, self->segment_seqnum);
  gst_pad_push_event (self->srcpad, event);
  self->need_segment = FALSE;
}

static void
publish_stats (GstSeqDec * self, guint n_records)
{
  GST_OBJECT_LOCK (self);
  self->records += n_records;
  if (self->stats)
    gst_structure_free (self->stats);
  self->stats = gst_seq_parser_stats (self->reader, self->bytes);
  GST_OBJECT_UNLOCK (self);
}

static GstFlowReturn
push_block (GstSeqDec * self, SeqBlock * block)
{
  guint n_records = block->n_records;

  if (gst_seq_parser_update_caps (&self->caps, block, self->alphabet))
    gst_pad_push_event (self->srcpad, gst_event_new_caps (self->caps));
  if (self->need_segment)
    push_segment (self);
  publish_stats (self, n_records);
  return gst_pad_push (self->srcpad, gst_seq_parser_wrap_block (block));
}

/* Pushes what the reader has, until it wants more bytes (OK) or has enough (EOS). */
static GstFlowReturn
push_blocks (GstSeqDec * self)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GError *error = NULL;
  SeqBlock *block;

  while (ret == GST_FLOW_OK) {
    switch (seq_reader_next (self->reader, &block, &error)) {
      case SEQ_READER_BLOCK:
        ret = push_block (self, block);
        break;
      case SEQ_READER_NEED_INPUT:
        return GST_FLOW_OK;
      case SEQ_READER_FILE_END:
        gst_seq_parser_post_warnings (GST_ELEMENT (self), self->reader, NULL);
        self->in_file = FALSE;
        seq_reader_begin_file (self->reader);
        return seq_reader_is_done (self->reader) ? GST_FLOW_EOS : GST_FLOW_OK;
      case SEQ_READER_ERROR:
        gst_seq_parser_post_error (GST_ELEMENT (self), self->reader, NULL, error);
        g_clear_error (&error);
        ret = GST_FLOW_ERROR;
        break;
    }
  }
  return ret;
}

static GstFlowReturn
finish_file (GstSeqDec * self)
{
  if (!self->in_file)
    return GST_FLOW_OK;
  seq_reader_finish_input (self->reader);
  return push_blocks (self);
}

static GstFlowReturn
drain (GstSeqDec * self)
{
  GstFlowReturn ret = finish_file (self);
  SeqBlock *block;

  while ((ret == GST_FLOW_OK || ret == GST_FLOW_EOS) && (block = seq_reader_flush (self->reader)))
    ret = push_block (self, block);
  publish_stats (self, 0);
  return ret;
}

/* ---- input ---- */

static GstFlowReturn
parse_memory (GstSeqDec * self, GstMemory * memory)
{
  GstFlowReturn ret;
  GstMapInfo map;

  if (!gst_memory_map (memory, &map, GST_MAP_READ)) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, (NULL), ("can't map the input"));
    return GST_FLOW_ERROR;
  }
  if (map.size > 0) {
    self->in_file = TRUE;
    self->bytes += map.size;
    seq_reader_feed (self->reader, map.data, map.size);
  }
  ret = map.size > 0 ? push_blocks (self) : GST_FLOW_OK;
  gst_memory_unmap (memory, &map);
  return ret;
}

static GstFlowReturn
gst_seq_dec_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstSeqDec *self = GST_SEQ_DEC (parent);
  GstFlowReturn ret = GST_FLOW_OK;

  if (seq_reader_is_done (self->reader))
    ret = GST_FLOW_EOS;
  /* memory by memory: mapping the buffer as a whole would copy it */
  for (guint i = 0; ret == GST_FLOW_OK && i < gst_buffer_n_memory (buffer); i++)
    ret = parse_memory (self, gst_buffer_peek_memory (buffer, i));
  gst_buffer_unref (buffer);
  if (ret == GST_FLOW_EOS && seq_reader_is_done (self->reader))
    drain (self);               /* the limit is reached: the last records go out now */
  return ret;
}

static gboolean
handle_eos (GstSeqDec * self, GstEvent * event)
{
  GstFlowReturn ret = drain (self);

  if (ret == GST_FLOW_NOT_LINKED || ret < GST_FLOW_ERROR)
    GST_ELEMENT_FLOW_ERROR (self, ret);
  if (self->need_segment)
    push_segment (self);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self),
          gst_structure_copy (self->stats)));
  return gst_pad_push_event (self->srcpad, event);
}

static void
reset (GstSeqDec * self)
{
  if (self->reader)
    seq_reader_reset (self->reader);
  gst_clear_caps (&self->caps);
  self->bytes = 0;
  self->in_file = FALSE;
  self->need_segment = TRUE;
  self->segment_seqnum = GST_SEQNUM_INVALID;
  GST_OBJECT_LOCK (self);
  self->records = 0;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_seq_dec_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstSeqDec *self = GST_SEQ_DEC (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:       /* ours come with the first block */
      gst_event_unref (event);
      return TRUE;
    case GST_EVENT_SEGMENT:
      self->need_segment = TRUE;
      self->segment_seqnum = gst_event_get_seqnum (event);
      gst_event_unref (event);
      return TRUE;
    case GST_EVENT_STREAM_START:       /* another file of the same input */
      finish_file (self);
      break;
    case GST_EVENT_EOS:
      return handle_eos (self, event);
    case GST_EVENT_FLUSH_STOP:
      reset (self);
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

/* ---- upstream ---- */

/* The only place that can be sought to is the start, which is byte 0 for upstream. */
static gboolean
handle_seek (GstSeqDec * self, GstEvent * event)
{
  GstSeekFlags flags;
  GstSeekType start_type;
  GstEvent *seek;
  gdouble rate;
  gint64 start;

  gst_event_parse_seek (event, &rate, NULL, &flags, &start_type, &start, NULL, NULL);
  if (rate != 1.0 || start_type != GST_SEEK_TYPE_SET || start != 0) {
    GST_WARNING_OBJECT (self, "only seeks to the start, at rate 1, are possible");
    gst_event_unref (event);
    return FALSE;
  }
  seek = gst_event_new_seek (1.0, GST_FORMAT_BYTES, flags, GST_SEEK_TYPE_SET, 0,
      GST_SEEK_TYPE_NONE, -1);
  gst_event_set_seqnum (seek, gst_event_get_seqnum (event));
  gst_event_unref (event);
  return gst_pad_push_event (self->sinkpad, seek);
}

static gboolean
gst_seq_dec_src_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK)
    return handle_seek (GST_SEQ_DEC (parent), event);
  return gst_pad_event_default (pad, parent, event);
}

static gboolean
gst_seq_dec_src_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstSeqDec *self = GST_SEQ_DEC (parent);
  GstFormat format;

  if (GST_QUERY_TYPE (query) == GST_QUERY_POSITION) {
    gst_query_parse_position (query, &format, NULL);
    if (format == GST_FORMAT_DEFAULT) {
      GST_OBJECT_LOCK (self);
      gst_query_set_position (query, format, self->records);
      GST_OBJECT_UNLOCK (self);
      return TRUE;
    }
  }
  return gst_pad_query_default (pad, parent, query);
}

/* ---- object ---- */

static GstStateChangeReturn
gst_seq_dec_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqDec *self = GST_SEQ_DEC (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    GST_OBJECT_LOCK (self);
    self->reader = gst_seq_parser_new_reader (&self->settings);
    self->alphabet = self->settings.alphabet;
    GST_OBJECT_UNLOCK (self);
    reset (self);
    seq_reader_begin_file (self->reader);
  }
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    GST_OBJECT_LOCK (self);
    g_clear_pointer (&self->reader, seq_reader_free);
    GST_OBJECT_UNLOCK (self);
    gst_clear_caps (&self->caps);
  }
  return ret;
}

static void
gst_seq_dec_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqDec *self = GST_SEQ_DEC (object);

  GST_OBJECT_LOCK (self);
  if (id == PROP_BLOCKSIZE)
    self->settings.config.block_size = g_value_get_uint (value);
  else if (id >= PROP_PARSER && id < PROP_PARSER + GST_SEQ_PARSER_N_PROPS)
    gst_seq_parser_set_property (&self->settings, id - PROP_PARSER, value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_dec_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqDec *self = GST_SEQ_DEC (object);

  GST_OBJECT_LOCK (self);
  if (id == PROP_BLOCKSIZE)
    g_value_set_uint (value, self->settings.config.block_size);
  else if (id == PROP_STATS && self->stats)
    g_value_set_boxed (value, self->stats);
  else if (id == PROP_STATS)
    g_value_take_boxed (value, gst_seq_parser_stats (NULL, 0));
  else if (id >= PROP_PARSER && id < PROP_PARSER + GST_SEQ_PARSER_N_PROPS)
    gst_seq_parser_get_property (&self->settings, id - PROP_PARSER, value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_dec_finalize (GObject * object)
{
  GstSeqDec *self = GST_SEQ_DEC (object);

  if (self->stats)
    gst_structure_free (self->stats);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_seq_dec_init (GstSeqDec * self)
{
  gst_seq_parser_settings_init (&self->settings);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_dec_chain);
  gst_pad_set_event_function (self->sinkpad, gst_seq_dec_sink_event);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_event_function (self->srcpad, gst_seq_dec_src_event);
  gst_pad_set_query_function (self->srcpad, gst_seq_dec_src_query);
  gst_pad_use_fixed_caps (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}

static void
gst_seq_dec_class_init (GstSeqDecClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = gst_seq_dec_set_property;
  object_class->get_property = gst_seq_dec_get_property;
  object_class->finalize = gst_seq_dec_finalize;
  element_class->change_state = gst_seq_dec_change_state;

  g_object_class_install_property (object_class, PROP_BLOCKSIZE,
      g_param_spec_uint ("blocksize", "Block size", "Bytes of a block of records; a record that "
          "is longer makes a block of its own", 1, 1 << 30, SEQ_READER_BLOCK_SIZE,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "What has been parsed so far: records, residues, "
          "filtered, id-hash, bytes (as they came). Posted as element message 'seq-stats' at the "
          "end", GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_seq_parser_install_properties (object_class, PROP_PARSER);

  gst_element_class_set_static_metadata (element_class, "Sequence decoder", "Codec/Parser",
      "Parses FASTA and FASTQ, plain or compressed, into blocks of records", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
}
