/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqsrc
 * @title: seqsrc
 *
 * Reads FASTA and FASTQ files, plain or compressed, and gives out blocks of records. All files are
 * one input: ids count on from file to file.
 *
 * |[
 * gst-launch-1.0 seqsrc location=proteins.fa.gz ! seqsort ! seqbatch ! fakesink
 * ]|
 */

#include "gstseqsrc.h"

#include <gst/seq/seq.h>

#include "gstseqparser.h"
#include "input-list.h"
#include "input.h"

GST_DEBUG_CATEGORY_STATIC (seq_src_debug);
#define GST_CAT_DEFAULT seq_src_debug

/* bytes of one read: small enough to stay in the cache until they are parsed */
#define READ_SIZE ((gsize) 256 << 10)

enum
{
  PROP_0,
  PROP_LOCATION,
  PROP_LOCATIONS,
  PROP_STATS,
  PROP_PARSER,
};

struct _GstSeqSrc
{
  GstPushSrc parent;

  /* properties; object lock */
  gchar *location;
  gchar **locations;
  GstSeqParserSettings settings;

  /* set up in start(); the streaming thread's own */
  GstSeqAlphabet alphabet;
  GPtrArray *files;
  guint next_file;
  GstCaps *caps;
  guint8 *buffer;
  gboolean flushed;             /* the last block has been given out */

  /* read by queries and unlock() while the streaming thread works; object lock */
  SeqReader *reader;
  SeqInput *input;
  gboolean unlocked;
  guint64 done_bytes;           /* of the files before the current one */
  guint64 file_bytes;           /* read from the current one */
  guint64 total_bytes;          /* of all files, G_MAXUINT64 if not known */
  guint64 records;              /* given out */
  gboolean ended;
  GstStructure *stats;          /* of the last block, or the last run */
};

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_SEQ_RECORDS_CAPS));

#define gst_seq_src_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstSeqSrc, gst_seq_src, GST_TYPE_PUSH_SRC,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_src_debug, "seqsrc", 0, "sequence source"))
GST_ELEMENT_REGISTER_DEFINE (seqsrc, "seqsrc", GST_RANK_NONE, GST_TYPE_SEQ_SRC)

/* ---- files ---- */

static void
close_input (GstSeqSrc * self)
{
  SeqInput *input;

  GST_OBJECT_LOCK (self);
  input = g_steal_pointer (&self->input);
  self->done_bytes += self->file_bytes;
  self->file_bytes = 0;
  GST_OBJECT_UNLOCK (self);
  if (input)
    seq_input_close (input);
}

/* The error codes of files, as GStreamer names them. */
static void
post_file_error (GstSeqSrc * self, const gchar * location, const GError * error, gboolean opened)
{
  gint code = opened ? GST_RESOURCE_ERROR_READ : GST_RESOURCE_ERROR_OPEN_READ;

  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
      g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR))
    code = GST_RESOURCE_ERROR_NOT_FOUND;
  gst_element_message_full_with_details (GST_ELEMENT (self), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      code, g_strdup (error->message), NULL, __FILE__, GST_FUNCTION, __LINE__,
      gst_structure_new ("details", "location", G_TYPE_STRING, location, NULL));
}

static gboolean
open_next_file (GstSeqSrc * self)
{
  const gchar *location = g_ptr_array_index (self->files, self->next_file);
  GError *error = NULL;
  SeqInput *input = seq_input_open (location, &error);

  if (!input) {
    post_file_error (self, location, error, FALSE);
    g_error_free (error);
    return FALSE;
  }
  GST_INFO_OBJECT (self, "reading %s", location);
  self->next_file++;
  GST_OBJECT_LOCK (self);
  self->input = input;
  if (self->unlocked)
    seq_input_interrupt (input);
  GST_OBJECT_UNLOCK (self);
  seq_reader_begin_file (self->reader);
  return TRUE;
}

static const gchar *
current_location (GstSeqSrc * self)
{
  return self->next_file > 0 ? g_ptr_array_index (self->files, self->next_file - 1) : NULL;
}

/* Sum of the sizes, for progress; what can't be asked without reading makes it unknown. */
static guint64
sum_sizes (GPtrArray * files)
{
  guint64 total = 0;

  for (guint i = 0; i < files->len; i++) {
    guint64 size = seq_input_size_of (g_ptr_array_index (files, i));

    if (size == G_MAXUINT64)
      return G_MAXUINT64;
    total += size;
  }
  return total;
}

static GPtrArray *
list_files (GstSeqSrc * self, GError ** error)
{
  GPtrArray *given = g_ptr_array_new_with_free_func (g_free), *files = NULL;

  GST_OBJECT_LOCK (self);
  if (self->location)
    g_ptr_array_add (given, g_strdup (self->location));
  for (guint i = 0; self->locations && self->locations[i]; i++)
    g_ptr_array_add (given, g_strdup (self->locations[i]));
  GST_OBJECT_UNLOCK (self);
  if (given->len > 0) {
    g_ptr_array_add (given, NULL);
    files = seq_input_list_expand ((const gchar * const *) given->pdata, error);
  } else {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
        "no input: set 'location' or 'locations'");
  }
  g_ptr_array_unref (given);
  return files;
}

/* ---- states ---- */

static void
rewind_input (GstSeqSrc * self)
{
  close_input (self);
  seq_reader_reset (self->reader);
  gst_clear_caps (&self->caps);
  self->next_file = 0;
  self->flushed = FALSE;
  GST_OBJECT_LOCK (self);
  self->done_bytes = 0;
  self->records = 0;
  self->ended = FALSE;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_seq_src_start (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);
  GError *error = NULL;
  GstSeqParserSettings settings;
  guint blocksize = gst_base_src_get_blocksize (src);

  self->files = list_files (self, &error);
  if (!self->files) {
    post_file_error (self, self->location ? self->location : "", error, FALSE);
    g_error_free (error);
    return FALSE;
  }
  GST_OBJECT_LOCK (self);
  settings = self->settings;
  if (blocksize != 0 && blocksize != G_MAXUINT)
    settings.config.block_size = blocksize;
  self->alphabet = settings.alphabet;
  self->reader = gst_seq_parser_new_reader (&settings);
  self->total_bytes = sum_sizes (self->files);
  GST_OBJECT_UNLOCK (self);
  self->buffer = g_malloc (READ_SIZE);
  rewind_input (self);
  return TRUE;
}

static gboolean
gst_seq_src_stop (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);
  SeqReader *reader;

  close_input (self);
  GST_OBJECT_LOCK (self);
  reader = g_steal_pointer (&self->reader);
  GST_OBJECT_UNLOCK (self);
  if (reader)
    seq_reader_free (reader);
  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_clear_pointer (&self->buffer, g_free);
  gst_clear_caps (&self->caps);
  return TRUE;
}

static gboolean
gst_seq_src_unlock (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);

  GST_OBJECT_LOCK (self);
  self->unlocked = TRUE;
  if (self->input)
    seq_input_interrupt (self->input);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_seq_src_unlock_stop (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);

  GST_OBJECT_LOCK (self);
  self->unlocked = FALSE;
  if (self->input)
    seq_input_resume (self->input);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

/* ---- reading ---- */

/* Gives the reader more of the current file. */
static GstFlowReturn
read_more (GstSeqSrc * self)
{
  GError *error = NULL;
  gssize n = seq_input_read (self->input, self->buffer, READ_SIZE, &error);
  GstFlowReturn ret = GST_FLOW_OK;

  if (n > 0) {
    seq_reader_feed (self->reader, self->buffer, n);
    GST_OBJECT_LOCK (self);
    self->file_bytes += n;
    GST_OBJECT_UNLOCK (self);
  } else if (n == 0) {
    seq_reader_finish_input (self->reader);
  } else if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_INTR)) {
    ret = GST_FLOW_FLUSHING;
  } else {
    post_file_error (self, current_location (self), error, TRUE);
    ret = GST_FLOW_ERROR;
  }
  g_clear_error (&error);
  return ret;
}

/* The next block, or NULL and why there is none: EOS, FLUSHING or ERROR. */
static SeqBlock *
next_block (GstSeqSrc * self, GstFlowReturn * ret)
{
  GError *error = NULL;
  SeqBlock *block;

  *ret = GST_FLOW_OK;
  while (*ret == GST_FLOW_OK && !self->flushed) {
    if (!self->input) {
      if (self->next_file < self->files->len && !seq_reader_is_done (self->reader)) {
        if (!open_next_file (self))
          *ret = GST_FLOW_ERROR;
        continue;
      }
      if ((block = seq_reader_flush (self->reader)))
        return block;
      self->flushed = TRUE;
      continue;
    }
    switch (seq_reader_next (self->reader, &block, &error)) {
      case SEQ_READER_BLOCK:
        return block;
      case SEQ_READER_NEED_INPUT:
        *ret = read_more (self);
        break;
      case SEQ_READER_FILE_END:
        gst_seq_parser_post_warnings (GST_ELEMENT (self), self->reader, current_location (self));
        close_input (self);
        break;
      case SEQ_READER_ERROR:
        gst_seq_parser_post_error (GST_ELEMENT (self), self->reader, current_location (self),
            error);
        g_clear_error (&error);
        *ret = GST_FLOW_ERROR;
        break;
    }
  }
  if (*ret == GST_FLOW_OK)
    *ret = GST_FLOW_EOS;
  return NULL;
}

/* call with object lock */
static GstStructure *
stats_now (GstSeqSrc * self)
{
  return gst_seq_parser_stats (self->reader, self->done_bytes + self->file_bytes);
}

/* Remembers the counts, which the reader's own thread may read only, for `stats`. */
static void
publish_stats (GstSeqSrc * self, guint n_records)
{
  GST_OBJECT_LOCK (self);
  self->records += n_records;
  if (self->stats)
    gst_structure_free (self->stats);
  self->stats = stats_now (self);
  GST_OBJECT_UNLOCK (self);
}

static GstFlowReturn
gst_seq_src_create (GstPushSrc * src, GstBuffer ** buffer)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);
  GstFlowReturn ret;
  SeqBlock *block = next_block (self, &ret);

  if (!block) {
    publish_stats (self, 0);
    if (ret == GST_FLOW_EOS && !self->ended) {
      GST_OBJECT_LOCK (self);
      self->ended = TRUE;
      GST_OBJECT_UNLOCK (self);
      gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self),
              gst_structure_copy (self->stats)));
    }
    return ret;
  }
  if (gst_seq_parser_update_caps (&self->caps, block, self->alphabet) &&
      !gst_base_src_set_caps (GST_BASE_SRC (src), self->caps)) {
    seq_block_unref (block);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  publish_stats (self, block->n_records);
  *buffer = gst_seq_parser_wrap_block (block);
  return GST_FLOW_OK;
}

/* Caps come with the first block, which is what tells them. */
static gboolean
gst_seq_src_negotiate (GstBaseSrc * src)
{
  return TRUE;
}

/* ---- position, duration, seeking ---- */

static gboolean
gst_seq_src_is_seekable (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);

  for (guint i = 0; self->files && i < self->files->len; i++)
    if (!seq_input_can_rewind (g_ptr_array_index (self->files, i)))
      return FALSE;
  return TRUE;
}

static gboolean
gst_seq_src_do_seek (GstBaseSrc * src, GstSegment * segment)
{
  if (segment->start != 0 || segment->rate != 1.0) {
    GST_WARNING_OBJECT (src, "only seeks to the start, at rate 1, are possible");
    return FALSE;
  }
  rewind_input (GST_SEQ_SRC (src));
  return TRUE;
}

static gboolean
query_position (GstSeqSrc * self, GstQuery * query)
{
  GstFormat format;
  gint64 position = -1;

  gst_query_parse_position (query, &format, NULL);
  GST_OBJECT_LOCK (self);
  if (format == GST_FORMAT_BYTES)
    position = self->done_bytes + self->file_bytes;
  else if (format == GST_FORMAT_DEFAULT)
    position = self->records;
  else if (format == GST_FORMAT_PERCENT && self->total_bytes != G_MAXUINT64)
    position = self->ended || self->total_bytes == 0 ? GST_FORMAT_PERCENT_MAX :
        (gint64) gst_util_uint64_scale (self->done_bytes + self->file_bytes, GST_FORMAT_PERCENT_MAX,
        self->total_bytes);
  GST_OBJECT_UNLOCK (self);
  if (position < 0)
    return FALSE;
  gst_query_set_position (query, format, position);
  return TRUE;
}

static gboolean
query_duration (GstSeqSrc * self, GstQuery * query)
{
  GstFormat format;
  gint64 duration = -1;

  gst_query_parse_duration (query, &format, NULL);
  GST_OBJECT_LOCK (self);
  if (format == GST_FORMAT_BYTES && self->total_bytes != G_MAXUINT64)
    duration = self->total_bytes;
  else if (format == GST_FORMAT_DEFAULT && self->ended)
    duration = self->records;   /* how many there are is known at the end only */
  else if (format == GST_FORMAT_PERCENT && self->total_bytes != G_MAXUINT64)
    duration = GST_FORMAT_PERCENT_MAX;
  GST_OBJECT_UNLOCK (self);
  if (duration < 0)
    return FALSE;
  gst_query_set_duration (query, format, duration);
  return TRUE;
}

/* The start is the start in every unit, so a seek to 0 works in the one that the caller likes. */
static gboolean
query_convert (GstQuery * query)
{
  GstFormat from, to;
  gint64 value;

  gst_query_parse_convert (query, &from, &value, &to, NULL);
  if (value != 0 && from != to)
    return FALSE;
  gst_query_set_convert (query, from, value, to, value);
  return TRUE;
}

static gboolean
gst_seq_src_query (GstBaseSrc * src, GstQuery * query)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_POSITION:
      return query_position (self, query);
    case GST_QUERY_DURATION:
      return query_duration (self, query);
    case GST_QUERY_CONVERT:
      return query_convert (query);
    default:
      return GST_BASE_SRC_CLASS (parent_class)->query (src, query);
  }
}

/* ---- object ---- */

static void
gst_seq_src_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqSrc *self = GST_SEQ_SRC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_free (self->location);
      self->location = g_value_dup_string (value);
      break;
    case PROP_LOCATIONS:
      g_strfreev (self->locations);
      self->locations = g_value_dup_boxed (value);
      break;
    default:
      if (id >= PROP_PARSER && id < PROP_PARSER + GST_SEQ_PARSER_N_PROPS)
        gst_seq_parser_set_property (&self->settings, id - PROP_PARSER, value);
      else
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_src_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqSrc *self = GST_SEQ_SRC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string (value, self->location);
      break;
    case PROP_LOCATIONS:
      g_value_set_boxed (value, self->locations);
      break;
    case PROP_STATS:
      if (self->stats)
        g_value_set_boxed (value, self->stats);
      else
        g_value_take_boxed (value, gst_seq_parser_stats (NULL, 0));
      break;
    default:
      if (id >= PROP_PARSER && id < PROP_PARSER + GST_SEQ_PARSER_N_PROPS)
        gst_seq_parser_get_property (&self->settings, id - PROP_PARSER, value);
      else
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_seq_src_finalize (GObject * object)
{
  GstSeqSrc *self = GST_SEQ_SRC (object);

  g_free (self->location);
  g_strfreev (self->locations);
  if (self->stats)
    gst_structure_free (self->stats);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_seq_src_init (GstSeqSrc * self)
{
  gst_seq_parser_settings_init (&self->settings);
  self->total_bytes = G_MAXUINT64;
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_DEFAULT);
  gst_base_src_set_blocksize (GST_BASE_SRC (self), SEQ_READER_BLOCK_SIZE);
}

static void
gst_seq_src_class_init (GstSeqSrcClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *src_class = GST_BASE_SRC_CLASS (klass);

  object_class->set_property = gst_seq_src_set_property;
  object_class->get_property = gst_seq_src_get_property;
  object_class->finalize = gst_seq_src_finalize;

  g_object_class_install_property (object_class, PROP_LOCATION,
      g_param_spec_string ("location", "Location", "What to read: a file, a pattern (*.fa.gz), a "
          "directory (all its sequence files), '-' for standard input, or a URI. Compression "
          "(gzip, BGZF, zstd) is found by content", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_LOCATIONS,
      g_param_spec_boxed ("locations", "Locations", "More of the same, read after 'location' in "
          "the order given", G_TYPE_STRV,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "What has been read so far: records, residues, "
          "filtered, id-hash, bytes (as stored). Posted as element message 'seq-stats' at the end",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_seq_parser_install_properties (object_class, PROP_PARSER);

  gst_element_class_set_static_metadata (element_class, "Sequence source", "Source/File",
      "Reads records from FASTA and FASTQ files, plain or compressed", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &src_template);

  src_class->start = gst_seq_src_start;
  src_class->stop = gst_seq_src_stop;
  src_class->unlock = gst_seq_src_unlock;
  src_class->unlock_stop = gst_seq_src_unlock_stop;
  src_class->negotiate = gst_seq_src_negotiate;
  src_class->is_seekable = gst_seq_src_is_seekable;
  src_class->do_seek = gst_seq_src_do_seek;
  src_class->query = gst_seq_src_query;
  GST_PUSH_SRC_CLASS (klass)->create = gst_seq_src_create;
}
