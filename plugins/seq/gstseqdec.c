/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqdec
 * @title: seqdec
 *
 * Turns the bytes of a FASTA or FASTQ file, plain or compressed, into blocks of records. It is the
 * parser of seqsrc as a filter, for bytes that come from another source.
 *
 * Bytes that are lost on the way here (a queue that leaks, say) are an error, as far as buffers say
 * where they are, by offsets in bytes, or that something is missing, by the flag DISCONT. Where
 * upstream begins the file again, records do, too. Where the input ends before the length that
 * upstream has announced, because the source was told to end (Ctrl-C, `num-buffers`), the record
 * that is cut is left out, with a warning.
 *
 * |[
 * cat reads.fq.gz | gst-launch-1.0 fdsrc ! seqdec ! seqbatch tokenizer=nt6 ! fakesink
 * ]|
 */

#include "gstseqdec.h"

#include <gst/seq/seq.h>

#include "event-flow.h"
#include "gstseqparser.h"

#include <string.h>

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
  GstSeqParserCounts counts;    /* of this run, or the last one */

  /* streaming thread */
  GstSeqAlphabet alphabet;
  GstSeqParserReporter reporter;
  SeqReader *reader;
  GstCaps *caps;
  GstFlowReturn flow;           /* once not OK, what the chain returns until it is flushed */
  gboolean in_file;             /* bytes have come since the last end of a file */
  gboolean need_segment;
  guint32 segment_seqnum;

  /* where the bytes stand in the file that upstream reads; see check_place() */
  gboolean new_segment;         /* no buffer has come since */
  gboolean segment_done;        /* and the one before it was told to be over */
  guint64 segment_start;        /* of the latest segment, NONE if that is not in bytes */
  guint64 segment_end;          /* where its bytes are to end, NONE if it does not say */
  guint64 position;             /* behind the last buffer, counted from the segment's start */
  guint64 end;                  /* the same as the last buffer said, NONE if it did not */
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
count_left_out (GstSeqDec * self)
{
  SeqFastxStats stats;

  seq_fastx_get_stats (seq_reader_get_parser (self->reader), &stats);
  GST_OBJECT_LOCK (self);
  self->counts.filtered = stats.filtered;
  self->counts.ignored = stats.ignored;
  self->counts.bad = seq_reader_get_n_bad (self->reader);
  GST_OBJECT_UNLOCK (self);
}

static GstFlowReturn
push_block (GstSeqDec * self, SeqBlock * block)
{
  GstFlowReturn ret;
  GstBuffer *buffer;

  if (gst_seq_parser_update_caps (&self->caps, block, self->alphabet)) {
    if (!gst_seq_parser_check_caps (GST_ELEMENT (self), self->srcpad, self->caps)) {
      seq_block_unref (block);
      return GST_FLOW_NOT_NEGOTIATED;
    }
    if (!gst_pad_push_event (self->srcpad, gst_event_new_caps (self->caps))
        && gst_seq_pad_is_flushing (self->srcpad)) {
      seq_block_unref (block);
      return GST_FLOW_FLUSHING;
    }
  }
  if (self->need_segment)
    push_segment (self);
  count_left_out (self);
  buffer = gst_seq_parser_wrap_block (block);
  GST_OBJECT_LOCK (self);
  gst_seq_parser_count_block (&self->counts, buffer);
  GST_OBJECT_UNLOCK (self);
  ret = gst_pad_push (self->srcpad, buffer);
  return MIN (ret, GST_FLOW_OK);        /* a custom success is no reason to stop */
}

/* Whether the input ends before the end that was announced, because the source was told to, say. Then
 * the record that is open is cut: nothing but this tells one of FASTA from a whole one. */
static gboolean
ends_early (GstSeqDec * self)
{
  return self->end != GST_BUFFER_OFFSET_NONE && self->segment_end != GST_BUFFER_OFFSET_NONE
      && self->end < self->segment_end;
}

static void
warn_of_cut (GstSeqDec * self)
{
  g_autofree gchar *within = NULL;
  guint64 record;

  if (seq_reader_get_cut_record (self->reader, &record))
    within = g_strdup_printf (", within record %" G_GUINT64_FORMAT ", which is left out", record);
  GST_ELEMENT_WARNING (self, RESOURCE, READ, ("the input was ended at byte %" G_GUINT64_FORMAT
          " of %" G_GUINT64_FORMAT "%s", self->end, self->segment_end, within ? within : ""), (NULL));
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
      case SEQ_READER_AGAIN:
        ret = gst_seq_pad_is_flushing (self->srcpad) ? GST_FLOW_FLUSHING : GST_FLOW_OK;
        break;
      case SEQ_READER_NEED_INPUT:
        return GST_FLOW_OK;
      case SEQ_READER_FILE_END:
        if (!ends_early (self))
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
  GstFlowReturn ret;

  if (!self->in_file)
    return GST_FLOW_OK;
  if (!ends_early (self)) {
    seq_reader_finish_input (self->reader);
    return push_blocks (self);
  }
  seq_reader_cut_input (self->reader);
  ret = push_blocks (self);
  if (ret == GST_FLOW_OK)
    warn_of_cut (self);
  return ret;
}

/* Pushes the records that are left. */
static GstFlowReturn
push_rest (GstSeqDec * self)
{
  GstFlowReturn ret = GST_FLOW_OK;
  SeqBlock *block;

  while (ret == GST_FLOW_OK && (block = seq_reader_flush (self->reader)))
    ret = push_block (self, block);
  count_left_out (self);
  return ret;
}

/* EOS that comes from the limit: the last records go out now. */
static GstFlowReturn
push_rest_at_limit (GstSeqDec * self, GstFlowReturn ret)
{
  if (ret == GST_FLOW_EOS && seq_reader_is_done (self->reader))
    ret = push_rest (self);
  return ret == GST_FLOW_OK && seq_reader_is_done (self->reader) ? GST_FLOW_EOS : ret;
}

/* What an event runs into can't be returned to upstream, so it is posted here; the chain fails from
 * then on. What has been posted already, here or downstream, is not posted again. */
static void
keep_flow_of_event (GstSeqDec * self, GstFlowReturn ret)
{
  if (ret == GST_FLOW_NOT_LINKED || (ret < GST_FLOW_EOS && ret != GST_FLOW_ERROR)) {
    GST_ELEMENT_FLOW_ERROR (self, ret);
    ret = GST_FLOW_ERROR;
  }
  self->flow = ret;
}

/* ---- input ---- */

static void
reset (GstSeqDec * self)
{
  self->flow = GST_FLOW_OK;
  if (self->reader && !gst_seq_parser_reset_reader (self->reader, &self->reporter))
    self->flow = GST_FLOW_ERROR;
  gst_clear_caps (&self->caps);
  self->in_file = self->segment_done = FALSE;
  self->need_segment = TRUE;
  self->segment_seqnum = GST_SEQNUM_INVALID;
  self->new_segment = TRUE;
  self->segment_start = self->segment_end = self->end = GST_BUFFER_OFFSET_NONE;
  self->position = 0;
  GST_OBJECT_LOCK (self);
  memset (&self->counts, 0, sizeof self->counts);
  GST_OBJECT_UNLOCK (self);
}

/* The same at a new segment, of which downstream is told with the next block. */
static GstFlowReturn
begin_again (GstSeqDec * self)
{
  guint64 start = self->segment_start, end = self->segment_end;
  guint32 seqnum = self->segment_seqnum;

  reset (self);
  self->segment_start = start;
  self->segment_end = end;
  self->segment_seqnum = seqnum;
  return self->flow;
}

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
    GST_OBJECT_LOCK (self);
    self->counts.bytes += map.size;
    GST_OBJECT_UNLOCK (self);
    seq_reader_feed (self->reader, map.data, map.size);
  }
  ret = map.size > 0 ? push_blocks (self) : GST_FLOW_OK;
  gst_memory_unmap (memory, &map);
  return ret;
}

/* Where the buffer begins, if it says so in bytes: elements that change what is in buffers often
 * leave the offsets that it had before. */
static guint64
get_offset (GstBuffer * buffer)
{
  guint64 start = GST_BUFFER_OFFSET (buffer), end = GST_BUFFER_OFFSET_END (buffer);

  return start != GST_BUFFER_OFFSET_NONE && end != GST_BUFFER_OFFSET_NONE && end >= start
      && end - start == gst_buffer_get_size (buffer) ? start : GST_BUFFER_OFFSET_NONE;
}

/* Whether bytes are missing in front of the buffer, which begins at `offset` if that is known. */
static gboolean
is_gap (GstSeqDec * self, GstBuffer * buffer, guint64 offset)
{
  if (self->new_segment && self->segment_start != GST_BUFFER_OFFSET_NONE
      && offset != GST_BUFFER_OFFSET_NONE && offset > self->segment_start)
    return TRUE;
  if (!self->in_file)
    return FALSE;
  if (offset != GST_BUFFER_OFFSET_NONE && self->end != GST_BUFFER_OFFSET_NONE)
    return offset != self->end;
  if (self->new_segment)
    return self->segment_start != GST_BUFFER_OFFSET_NONE && self->segment_start != self->position;
  return GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT);
}

/* The records that are whole come first, as before any error. */
static GstFlowReturn
fail_at_gap (GstSeqDec * self)
{
  guint64 end = !self->in_file ? self->segment_start : self->end != GST_BUFFER_OFFSET_NONE ?
      self->end : self->position;
  GstFlowReturn ret = push_rest (self);

  if (ret != GST_FLOW_OK)
    return ret;
  GST_ELEMENT_ERROR (self, RESOURCE, READ, ("bytes of the input are missing behind byte %"
          G_GUINT64_FORMAT, end), (NULL));
  return GST_FLOW_ERROR;
}

/* What was lost on the way to here (by a queue that leaks, say) must not end in records that never
 * were; and where upstream begins again, after a seek without a flush, so do the records. */
static GstFlowReturn
check_place (GstSeqDec * self, GstBuffer * buffer)
{
  guint64 offset = get_offset (buffer);
  guint64 start = offset != GST_BUFFER_OFFSET_NONE ? offset : self->segment_start;
  gboolean at_start = self->new_segment && start == 0;
  GstFlowReturn ret = GST_FLOW_OK;

  if (at_start && self->segment_done)
    ret = begin_again (self);
  else if (is_gap (self, buffer, offset))
    ret = at_start ? begin_again (self) : fail_at_gap (self);
  if (self->new_segment)
    self->position = start != GST_BUFFER_OFFSET_NONE ? start : 0;
  self->position += gst_buffer_get_size (buffer);
  self->end = offset != GST_BUFFER_OFFSET_NONE ? GST_BUFFER_OFFSET_END (buffer) : offset;
  self->new_segment = self->segment_done = FALSE;
  return ret;
}

static GstFlowReturn
gst_seq_dec_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstSeqDec *self = GST_SEQ_DEC (parent);
  GstFlowReturn ret = self->flow;

  if (ret == GST_FLOW_OK)
    ret = check_place (self, buffer);
  /* memory by memory: mapping the buffer as a whole would copy it */
  for (guint i = 0; ret == GST_FLOW_OK && i < gst_buffer_n_memory (buffer); i++)
    ret = parse_memory (self, gst_buffer_peek_memory (buffer, i));
  gst_buffer_unref (buffer);
  /* where it isn't OK the reader is left with bytes that are gone now: it must not go on */
  if (self->flow == GST_FLOW_OK)
    self->flow = push_rest_at_limit (self, ret);
  return self->flow;
}

static void
handle_segment (GstSeqDec * self, GstEvent * event)
{
  const GstSegment *segment;

  gst_event_parse_segment (event, &segment);
  self->need_segment = self->new_segment = TRUE;
  self->segment_start = self->segment_end = GST_BUFFER_OFFSET_NONE;
  if (segment->format == GST_FORMAT_BYTES) {
    self->segment_start = segment->start;
    self->segment_end = segment->stop != GST_BUFFER_OFFSET_NONE ? segment->stop :
        segment->duration;
  }
  self->segment_seqnum = gst_event_get_seqnum (event);
  gst_event_unref (event);
}

static void
handle_stream_start (GstSeqDec * self)
{
  if (self->flow == GST_FLOW_OK)
    keep_flow_of_event (self, push_rest_at_limit (self, finish_file (self)));
}

/* All records go out that the input has up to here. */
static void
drain (GstSeqDec * self)
{
  GstFlowReturn ret = self->flow;

  if (ret == GST_FLOW_OK) {
    ret = push_rest_at_limit (self, finish_file (self));
    keep_flow_of_event (self, ret == GST_FLOW_OK ? push_rest (self) : ret);
  }
  if (self->need_segment)
    push_segment (self);
}

static gboolean
handle_eos (GstSeqDec * self, GstEvent * event)
{
  GstStructure *stats;

  drain (self);
  if (self->flow == GST_FLOW_OK || self->flow == GST_FLOW_EOS) {
    GST_OBJECT_LOCK (self);
    stats = gst_seq_parser_stats (&self->counts);
    GST_OBJECT_UNLOCK (self);
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self),
            stats));
  }
  return gst_pad_push_event (self->srcpad, event);
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
      handle_segment (self, event);
      return TRUE;
    case GST_EVENT_STREAM_START:       /* another file of the same input */
      handle_stream_start (self);
      break;
    case GST_EVENT_SEGMENT_DONE:       /* what comes from the start behind it begins again */
      drain (self);
      self->segment_done = TRUE;
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

static GstFlowReturn
gst_seq_dec_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_SEQ_DEC (parent)->srcpad, type,
      gst_seq_dec_sink_event (pad, parent, event));
}

/* ---- upstream ---- */

/* The only place that can be sought to is the start, which is byte 0 for upstream. */
static gboolean
handle_seek (GstSeqDec * self, GstEvent * event)
{
  GstSeekFlags flags;
  GstEvent *seek;

  if (!gst_seq_parser_seek_is_to_start (event)) {
    GST_WARNING_OBJECT (self, "only seeks to the start, at rate 1, are possible");
    gst_event_unref (event);
    return FALSE;
  }
  gst_event_parse_seek (event, NULL, NULL, &flags, NULL, NULL, NULL, NULL);
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
query_position (GstSeqDec * self, GstQuery * query)
{
  GST_OBJECT_LOCK (self);
  gst_query_set_position (query, GST_FORMAT_DEFAULT, self->counts.records);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

/* To the start, if upstream can go there. */
static gboolean
query_seeking (GstSeqDec * self, GstQuery * query)
{
  GstQuery *bytes = gst_query_new_seeking (GST_FORMAT_BYTES);
  gboolean seekable = FALSE;
  GstFormat format;

  gst_query_parse_seeking (query, &format, NULL, NULL, NULL);
  if (gst_pad_peer_query (self->sinkpad, bytes))
    gst_query_parse_seeking (bytes, NULL, &seekable, NULL, NULL);
  gst_query_unref (bytes);
  gst_query_set_seeking (query, format, seekable, 0, -1);
  return TRUE;
}

static gboolean
gst_seq_dec_src_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstSeqDec *self = GST_SEQ_DEC (parent);
  GstFormat format;

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_POSITION:
      gst_query_parse_position (query, &format, NULL);
      if (format == GST_FORMAT_DEFAULT)
        return query_position (self, query);
      break;
    case GST_QUERY_SEEKING:
      return query_seeking (self, query);
    default:
      break;
  }
  return gst_pad_query_default (pad, parent, query);
}

/* ---- object ---- */

/* Of what upstream reads, as far as it knows; else NULL. */
static gchar *
get_upstream_uri (GstSeqDec * self)
{
  GstQuery *query = gst_query_new_uri ();
  gchar *uri = NULL;

  if (gst_pad_peer_query (self->sinkpad, query))
    gst_query_parse_uri (query, &uri);
  gst_query_unref (query);
  return uri;
}

static gboolean
start (GstSeqDec * self)
{
  g_autofree gchar *uri = get_upstream_uri (self);
  const gchar *const locations[] = { uri };
  GstSeqParserSettings settings;

  GST_OBJECT_LOCK (self);
  gst_seq_parser_settings_copy (&self->settings, &settings);
  GST_OBJECT_UNLOCK (self);
  self->alphabet = settings.alphabet;
  self->reporter = (GstSeqParserReporter) { .element = GST_ELEMENT (self) };
  if (gst_seq_parser_check_quarantine (&settings, GST_ELEMENT (self), locations, uri ? 1 : 0))
    self->reader = gst_seq_parser_new_reader (&settings, &self->reporter);
  gst_seq_parser_settings_clear (&settings);
  if (!self->reader)
    return FALSE;
  reset (self);
  seq_reader_begin_file (self->reader);
  return TRUE;
}

static GstStateChangeReturn
gst_seq_dec_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqDec *self = GST_SEQ_DEC (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self))
    return GST_STATE_CHANGE_FAILURE;
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE)) {
    g_clear_pointer (&self->reader, seq_reader_free);
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
  else if (id == PROP_STATS)
    g_value_take_boxed (value, gst_seq_parser_stats (&self->counts));
  else if (id >= PROP_PARSER && id < PROP_PARSER + GST_SEQ_PARSER_N_PROPS)
    gst_seq_parser_get_property (&self->settings, id - PROP_PARSER, value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_dec_finalize (GObject * object)
{
  gst_seq_parser_settings_clear (&GST_SEQ_DEC (object)->settings);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_seq_dec_init (GstSeqDec * self)
{
  gst_seq_parser_settings_init (&self->settings);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_dec_chain);
  gst_pad_set_event_full_function (self->sinkpad, gst_seq_dec_sink_event_full);
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
      g_param_spec_boxed ("stats", "Statistics", "What has been given out so far: records, "
          "residues, filtered (records left out by length), bad (left out by on-error), ignored (lines "
          "and single bytes left out by strictness=lenient), id-hash, bytes (of the input, as they came). Posted as "
          "element message 'seq-stats' at the end",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_seq_parser_install_properties (object_class, PROP_PARSER);

  gst_element_class_set_static_metadata (element_class, "Sequence decoder", "Codec/Parser",
      "Parses FASTA and FASTQ, plain or compressed, into blocks of records", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
}
