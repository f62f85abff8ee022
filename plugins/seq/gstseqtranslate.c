/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-seqtranslate
 * @title: seqtranslate
 * @short_description: translates nucleotides to proteins
 *
 * Translates records of DNA or RNA into protein records, in up to six reading frames: whole
 * records, or chunks of a fixed length that contigs are cut into first. By default each frame falls
 * into the pieces between its stops.
 *
 * The products of a record leave in the order of its chunks; of a chunk, by frame +1 +2 +3 -1 -2
 * -3; of a frame, along it. Frame +2 starts at the second nucleotide of the chunk, and frame -1 at
 * the last one, on the other strand. One or two nucleotides at the end of a frame that make no
 * codon are left out. Nothing depends on how the input was cut into blocks.
 *
 * A product has an id of its own, its position in the output of the element from 0 on, and a name
 * that tells where it comes from. To the first word of the record's name are added the frame and
 * the nucleotides that the product covers, and at its end stands the id of the record:
 *
 * |[
 * contig7 some words    ->    contig7:-2:120-450 some words parent=6
 * ]|
 *
 * Nucleotides count from 0 on the record's forward strand, for frames of the other strand as well,
 * and the second number is one past the last; stops that split are not covered.
 *
 * All letters of IUPAC are understood, U as T, and lower case as upper case. A codon with ambiguous
 * letters becomes the amino acid, or the stop, that all its meanings agree on; B (D or N), Z (E or
 * Q), J (I or L); or else X. So does a codon with a letter that is no nucleotide; how many X were
 * written is in `stats`. Codons that are a stop or an amino acid by context (genetic codes 27, 28
 * and 31) are the amino acid. Qualities are left out.
 *
 * The blocks that leave are new ones of up to 2 MiB, and a product that is longer is a block of its
 * own; of a long record no more than that is in memory at a time.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 seqsrc location=contigs.fa ! seqtranslate chunk=500 min-length=50 ! seqenc ! filesink location=proteins.fa
 * ]|
 */
#include "gstseqtranslate.h"

#include <gst/seq/seq.h>

#include "block-map.h"
#include "event-flow.h"
#include "gstseqparser.h"
#include "translate.h"

GST_DEBUG_CATEGORY_STATIC (seq_translate_debug);
#define GST_CAT_DEFAULT seq_translate_debug

#define DEFAULT_GENETIC_CODE 1
#define DEFAULT_MIN_LENGTH 1

/* Output blocks: their size is that of an arena of one huge page, with what stands behind it. Some
 * are kept for use again: fresh memory costs as much in page faults as the translation. */
#define BLOCK_BYTES ((2 << 20) - SEQ_BLOCK_SLACK)
#define POOL_BLOCKS 8

enum
{
  PROP_0,
  PROP_FRAMES,
  PROP_GENETIC_CODE,
  PROP_MIN_LENGTH,
  PROP_STOP,
  PROP_CHUNK,
  PROP_OVERLAP,
  PROP_STATS,
};

struct _GstSeqTranslate
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* object lock */
  SeqTranslateConfig settings;
  SeqTranslateCounts counts;    /* as of the latest block of the input */

  /* streaming thread */
  SeqTranslator *translator;
  SeqBlockPool *pool;
  GstFlowReturn flow;           /* first result that was not OK; nothing is taken after it */
  gboolean discont;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_MEDIA_TYPE
        ", alphabet=(string){ dna, rna, unknown }, quality=(boolean){ true, false }"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_MEDIA_TYPE
        ", alphabet=(string)protein, quality=(boolean)false"));

G_DEFINE_TYPE_WITH_CODE (GstSeqTranslate, gst_seq_translate, GST_TYPE_ELEMENT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_translate_debug, "seqtranslate", 0, "sequence translator"))
GST_ELEMENT_REGISTER_DEFINE (seqtranslate, "seqtranslate", GST_RANK_NONE, GST_TYPE_SEQ_TRANSLATE)

#define GST_TYPE_SEQ_TRANSLATE_FRAMES (gst_seq_translate_frames_get_type ())
static GType
gst_seq_translate_frames_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_FRAMES_ALL, "All six", "all"},
    {SEQ_FRAMES_FORWARD, "+1 +2 +3", "forward"},
    {SEQ_FRAMES_REVERSE, "-1 -2 -3", "reverse"},
    {SEQ_FRAMES_FIRST, "+1", "first"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqTranslateFrames", values));
  return type;
}

#define GST_TYPE_SEQ_TRANSLATE_STOP (gst_seq_translate_stop_get_type ())
static GType
gst_seq_translate_stop_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_STOPS_SPLIT, "A stop ends a product, and is not written", "split"},
    {SEQ_STOPS_KEEP, "A stop is written as *", "keep"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqTranslateStop", values));
  return type;
}

/* --- output ---------------------------------------------------------------------------------- */

static void
gst_seq_translate_update_counts (GstSeqTranslate * self)
{
  GST_OBJECT_LOCK (self);
  seq_translator_get_counts (self->translator, &self->counts);
  GST_OBJECT_UNLOCK (self);
}

/* Takes the block. */
static GstFlowReturn
gst_seq_translate_push (GstSeqTranslate * self, SeqBlock * block)
{
  GstBuffer *buffer;
  GstFlowReturn ret;

  if (block->n_records == 0) {
    seq_block_unref (block);
    return GST_FLOW_OK;
  }
  buffer = gst_seq_parser_wrap_block (seq_block_finish (block));
  if (self->discont) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    self->discont = FALSE;
  }
  gst_seq_translate_update_counts (self);
  /* a custom success is no reason to stop */
  ret = gst_pad_push (self->srcpad, buffer);
  return MIN (ret, GST_FLOW_OK);
}

/* Posts what went wrong, and takes it. */
static void
gst_seq_translate_fail (GstSeqTranslate * self, GError * error)
{
  if (error->code == SEQ_TRANSLATE_ERROR_SETTINGS)
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  else if (error->code == SEQ_TRANSLATE_ERROR_NO_MEMORY)
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s", error->message), (NULL));
  else
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
  g_error_free (error);
}

/* Translates one record into `*block`, and pushes that as often as it is full. NULL stands for a
 * block that is still to be fetched. */
static GstFlowReturn
gst_seq_translate_record (GstSeqTranslate * self, const GstSeqRecord * record,
    const guint8 * data, SeqBlock ** block)
{
  SeqTranslateResult result = SEQ_TRANSLATE_FULL;
  GstFlowReturn ret = GST_FLOW_OK;
  GError *error = NULL;

  seq_translator_begin (self->translator, record, data);
  while (ret == GST_FLOW_OK && (result == SEQ_TRANSLATE_FULL || result == SEQ_TRANSLATE_AGAIN)) {
    if (!*block && !(*block = seq_block_pool_acquire (self->pool))) {
      GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("Not enough memory for a block of %u "
              "bytes", (guint) BLOCK_BYTES), (NULL));
      return GST_FLOW_ERROR;
    }
    result = seq_translator_fill (self->translator, *block, &error);
    if (result == SEQ_TRANSLATE_FULL)
      ret = gst_seq_translate_push (self, g_steal_pointer (block));
    else if (result == SEQ_TRANSLATE_AGAIN && gst_seq_pad_is_flushing (self->srcpad))
      ret = GST_FLOW_FLUSHING;
  }
  if (result == SEQ_TRANSLATE_FAILED) {
    /* what comes before the error goes out before it */
    ret = gst_seq_translate_push (self, g_steal_pointer (block));
    gst_seq_translate_fail (self, error);
    ret = ret == GST_FLOW_OK ? GST_FLOW_ERROR : ret;
  }
  return ret;
}

/* All that the records give leaves before this returns: nothing waits for the next block. */
static GstFlowReturn
gst_seq_translate_records (GstSeqTranslate * self, const GstSeqRecordsMeta * meta,
    const guint8 * data)
{
  GstFlowReturn ret = GST_FLOW_OK;
  SeqBlock *block = NULL;

  for (guint i = 0; ret == GST_FLOW_OK && i < meta->n_records; i++)
    ret = gst_seq_translate_record (self, &meta->records[i], data, &block);
  if (block && ret == GST_FLOW_OK)
    ret = gst_seq_translate_push (self, g_steal_pointer (&block));
  g_clear_pointer (&block, seq_block_unref);
  gst_seq_translate_update_counts (self);
  return ret;
}

/* --- pads ------------------------------------------------------------------------------------ */

static GstFlowReturn
gst_seq_translate_block (GstSeqTranslate * self, GstBuffer * buffer)
{
  GError *error = NULL;
  const guint8 *bytes;
  GstFlowReturn ret;
  GstMapInfo map;

  if (!gst_seq_block_validate (buffer, &error)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("Not a valid block of records: %s", error->message),
        (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
  bytes = gst_seq_block_map (buffer, &map);
  if (!bytes) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("Could not map a block of records"), (NULL));
    return GST_FLOW_ERROR;
  }
  ret = gst_seq_translate_records (self, gst_buffer_get_seq_records_meta (buffer), bytes);
  gst_seq_block_unmap (&map);
  return ret;
}

static GstFlowReturn
gst_seq_translate_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstSeqTranslate *self = GST_SEQ_TRANSLATE (parent);

  if (self->flow == GST_FLOW_OK)
    self->flow = gst_seq_translate_block (self, buffer);
  gst_buffer_unref (buffer);
  return self->flow;
}

/* What comes out is the same whatever comes in. */
static gboolean
gst_seq_translate_push_caps (GstSeqTranslate * self)
{
  GstCaps *caps = gst_pad_get_pad_template_caps (self->srcpad);
  gboolean ret = gst_pad_has_current_caps (self->srcpad) ||
      gst_pad_push_event (self->srcpad, gst_event_new_caps (caps));

  gst_caps_unref (caps);
  return ret;
}

/* Ids and counts from 0: a flush starts another run over the records. */
static void
gst_seq_translate_reset (GstSeqTranslate * self)
{
  seq_translator_reset (self->translator);
  gst_seq_translate_update_counts (self);
  self->flow = GST_FLOW_OK;
  self->discont = TRUE;
}

static GstStructure *
gst_seq_translate_get_stats (GstSeqTranslate * self)
{
  SeqTranslateCounts c;

  GST_OBJECT_LOCK (self);
  c = self->counts;
  GST_OBJECT_UNLOCK (self);
  return gst_structure_new ("seq-translate-stats",
      "records-in", G_TYPE_UINT64, c.records_in, "records-out", G_TYPE_UINT64, c.records_out,
      "residues", G_TYPE_UINT64, c.residues, "unknown", G_TYPE_UINT64, c.unknown,
      "short", G_TYPE_UINT64, c.too_short, "without-product", G_TYPE_UINT64, c.without, NULL);
}

static gboolean
gst_seq_translate_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstSeqTranslate *self = GST_SEQ_TRANSLATE (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:
      gst_event_unref (event);
      return gst_seq_translate_push_caps (self);
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
      /* what follows may be wanted again; after an error it would be a stream with a hole */
      if (self->flow == GST_FLOW_EOS)
        self->flow = GST_FLOW_OK;
      break;
    case GST_EVENT_EOS:
      gst_element_post_message (GST_ELEMENT (self),
          gst_message_new_element (GST_OBJECT (self), gst_seq_translate_get_stats (self)));
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_seq_translate_reset (self);
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

static GstFlowReturn
gst_seq_translate_sink_event_full (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstEventType type = GST_EVENT_TYPE (event);

  return gst_seq_event_flow (GST_SEQ_TRANSLATE (parent)->srcpad, type,
      gst_seq_translate_sink_event (pad, parent, event));
}

/* --- element --------------------------------------------------------------------------------- */

static gboolean
gst_seq_translate_start (GstSeqTranslate * self)
{
  SeqTranslateConfig config;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  config = self->settings;
  GST_OBJECT_UNLOCK (self);
  self->translator = seq_translator_new (&config, &error);
  if (!self->translator) {
    gst_seq_translate_fail (self, error);
    return FALSE;
  }
  self->pool = seq_block_pool_new (BLOCK_BYTES, POOL_BLOCKS);
  gst_seq_translate_reset (self);
  return TRUE;
}

static void
gst_seq_translate_stop (GstSeqTranslate * self)
{
  g_clear_pointer (&self->translator, seq_translator_free);
  g_clear_pointer (&self->pool, seq_block_pool_unref);
}

static GstStateChangeReturn
gst_seq_translate_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqTranslate *self = GST_SEQ_TRANSLATE (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !gst_seq_translate_start (self))
    return GST_STATE_CHANGE_FAILURE;
  ret = GST_ELEMENT_CLASS (gst_seq_translate_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    gst_seq_translate_stop (self);
  return ret;
}

static void
gst_seq_translate_set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GstSeqTranslate *self = GST_SEQ_TRANSLATE (object);
  SeqTranslateConfig *settings = &self->settings;

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_FRAMES:
      settings->frames = g_value_get_enum (value);
      break;
    case PROP_GENETIC_CODE:
      settings->genetic_code = g_value_get_uint (value);
      break;
    case PROP_MIN_LENGTH:
      settings->min_length = g_value_get_uint (value);
      break;
    case PROP_STOP:
      settings->stops = g_value_get_enum (value);
      break;
    case PROP_CHUNK:
      settings->chunk = g_value_get_uint (value);
      break;
    case PROP_OVERLAP:
      settings->overlap = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_translate_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqTranslate *self = GST_SEQ_TRANSLATE (object);
  SeqTranslateConfig settings;

  GST_OBJECT_LOCK (self);
  settings = self->settings;
  GST_OBJECT_UNLOCK (self);
  switch (id) {
    case PROP_FRAMES:
      g_value_set_enum (value, settings.frames);
      break;
    case PROP_GENETIC_CODE:
      g_value_set_uint (value, settings.genetic_code);
      break;
    case PROP_MIN_LENGTH:
      g_value_set_uint (value, settings.min_length);
      break;
    case PROP_STOP:
      g_value_set_enum (value, settings.stops);
      break;
    case PROP_CHUNK:
      g_value_set_uint (value, settings.chunk);
      break;
    case PROP_OVERLAP:
      g_value_set_uint (value, settings.overlap);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, gst_seq_translate_get_stats (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gst_seq_translate_finalize (GObject * object)
{
  gst_seq_translate_stop (GST_SEQ_TRANSLATE (object));
  G_OBJECT_CLASS (gst_seq_translate_parent_class)->finalize (object);
}

static void
install_reading (GObjectClass * klass, GParamFlags rw)
{
  /**
   * GstSeqTranslate:frames:
   *
   * Reading frames of each record, or of each chunk.
   */
  g_object_class_install_property (klass, PROP_FRAMES,
      g_param_spec_enum ("frames", "Frames", "Reading frames of each record or chunk",
          GST_TYPE_SEQ_TRANSLATE_FRAMES, SEQ_FRAMES_ALL, rw));
  /**
   * GstSeqTranslate:genetic-code:
   *
   * The genetic code by its number in NCBI's list: 1-6, 9-16, 21-33. 1 is the standard code, 11
   * that of bacteria, archaea and plastids. Other numbers are an error when the pipeline starts.
   */
  g_object_class_install_property (klass, PROP_GENETIC_CODE,
      g_param_spec_uint ("genetic-code", "Genetic code", "Number of the genetic code in NCBI's "
          "list (1-6, 9-16, 21-33; 1 = standard, 11 = bacteria, archaea and plastids)", 1, 33,
          DEFAULT_GENETIC_CODE, rw));
  /**
   * GstSeqTranslate:stop:
   *
   * Whether stops split a frame into products, or stay in one product a frame as `*`.
   */
  g_object_class_install_property (klass, PROP_STOP,
      g_param_spec_enum ("stop", "Stop", "What a stop does", GST_TYPE_SEQ_TRANSLATE_STOP,
          SEQ_STOPS_SPLIT, rw));
}

static void
install_lengths (GObjectClass * klass, GParamFlags rw)
{
  /**
   * GstSeqTranslate:min-length:
   *
   * Residues of a product at least; with `stop=keep` each `*` counts. Shorter ones are left out,
   * and counted in `stats` as `short`. Between two stops in a row there is no product at all.
   */
  g_object_class_install_property (klass, PROP_MIN_LENGTH,
      g_param_spec_uint ("min-length", "Minimum length", "Residues of a product (a kept stop is "
          "one); shorter products are left out, and counted in stats as short", 1, G_MAXUINT,
          DEFAULT_MIN_LENGTH, rw));
  /**
   * GstSeqTranslate:chunk:
   *
   * Nucleotides of a chunk; 0: records are not cut. The last chunk of a record ends with the record
   * and may be shorter. Frames count from the start and the end of the chunk. It need not be a
   * multiple of three.
   */
  g_object_class_install_property (klass, PROP_CHUNK,
      g_param_spec_uint ("chunk", "Chunk", "Nucleotides of the chunks that records are cut into "
          "before they are translated; the last one may be shorter (0 = whole records)", 0,
          G_MAXUINT, 0, rw));
  /**
   * GstSeqTranslate:overlap:
   *
   * Nucleotides at the end of a chunk with which the next one starts; 0: none. Not less than
   * `chunk` is an error when the pipeline starts. It need not be a multiple of three.
   */
  g_object_class_install_property (klass, PROP_OVERLAP,
      g_param_spec_uint ("overlap", "Overlap", "Nucleotides at the end of a chunk with which the "
          "next one starts; less than chunk (0 = none)", 0, G_MAXUINT, 0, rw));
}

static void
install_stats (GObjectClass * klass)
{
  /**
   * GstSeqTranslate:stats:
   *
   * What has been translated since READY or the latest flush: `records-in`, `records-out`
   * (products), `residues` of them, of those `unknown` (X), `short` (products left out for
   * `min-length`), and `without-product`: records of the input that no product came of. All are of
   * type guint64. The element message `seq-translate-stats` tells the same at EOS.
   */
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Since READY or the latest flush: records-in, "
          "records-out, residues, unknown (X among them), short (products left out for "
          "min-length), without-product (records that gave none). Posted as element message "
          "'seq-translate-stats' at the end", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
gst_seq_translate_class_init (GstSeqTranslateClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags rw = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  object_class->set_property = gst_seq_translate_set_property;
  object_class->get_property = gst_seq_translate_get_property;
  object_class->finalize = gst_seq_translate_finalize;
  element_class->change_state = gst_seq_translate_change_state;

  install_reading (object_class, rw);
  install_lengths (object_class, rw);
  install_stats (object_class);
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Sequence translator", "Filter/Converter",
      "Translates DNA or RNA to protein, in up to six reading frames", "gst-seq");
  gst_type_mark_as_plugin_api (GST_TYPE_SEQ_TRANSLATE_FRAMES, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_SEQ_TRANSLATE_STOP, 0);
}

static void
gst_seq_translate_init (GstSeqTranslate * self)
{
  self->settings = (SeqTranslateConfig) {
    .genetic_code = DEFAULT_GENETIC_CODE,
    .frames = SEQ_FRAMES_ALL,
    .stops = SEQ_STOPS_SPLIT,
    .min_length = DEFAULT_MIN_LENGTH,
  };

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_seq_translate_chain);
  gst_pad_set_event_full_function (self->sinkpad, gst_seq_translate_sink_event_full);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_use_fixed_caps (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
