/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqsrc
 * @title: seqsrc
 *
 * Reads FASTA and FASTQ files, plain or compressed, and gives out blocks of records. All files are
 * one input: ids count on from file to file. `blocksize` is how many bytes of records a block has.
 *
 * |[
 * gst-launch-1.0 seqsrc location=proteins.fa.gz ! seqsort ! seqbatch ! fakesink
 * ]|
 */

#include "gstseqsrc.h"

#include <gst/seq/seq.h>

#include "auto-workers.h"
#include "bytecopy.h"
#include "gstseqparser.h"
#include "input-list.h"
#include "input.h"
#include "range-reader.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (seq_src_debug);
#define GST_CAT_DEFAULT seq_src_debug

/* bytes of one read: small enough to stay in the cache until they are parsed */
#define READ_SIZE ((gsize) 256 << 10)

/* offsets in a block have 32 bits, and the last record may go past the block size */
#define MAX_BLOCK_SIZE (1u << 30)

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
  GstSeqParserReporter reporter;
  GPtrArray *files;
  guint next_file;
  GstCaps *caps;
  guint8 *buffer;
  SeqRangeReader *ranges;       /* for files that are parsed by several threads */
  gboolean in_ranges;           /* the current one is */
  guint64 filtered;             /* in those before it */
  GError *error;                /* of a file; waits until the records before it are given out */

  /* read by queries and unlock() while the streaming thread works; object lock */
  SeqReader *reader;
  SeqInput *input;
  gboolean unlocked;
  gboolean ending;              /* the application asked for EOS: nothing more is read */
  guint64 done_bytes;           /* of the files before the current one */
  guint64 file_bytes;           /* read from the current one */
  guint64 total_bytes;          /* of all files, G_MAXUINT64 if not known */
  gboolean can_rewind;          /* all files can be read again */
  gboolean ended;
  gboolean failed;              /* an error has been posted, by this class or its parent */
  GstSeqParserCounts counts;    /* what has left the pad, in this run or the last one */
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
close_ranges (GstSeqSrc * self)
{
  if (self->in_ranges)
    seq_range_reader_close (self->ranges);
  self->in_ranges = FALSE;
}

static void
close_input (GstSeqSrc * self)
{
  SeqInput *input;

  close_ranges (self);
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
post_file_error (GstSeqSrc * self, const gchar * location, const GError * error)
{
  gint code = self->input ? GST_RESOURCE_ERROR_READ : GST_RESOURCE_ERROR_OPEN_READ;
  g_autofree gchar *where = location ? g_utf8_make_valid (location, -1) : NULL;

  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
      g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR))
    code = GST_RESOURCE_ERROR_NOT_FOUND;
  gst_element_message_full_with_details (GST_ELEMENT (self), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      code, g_utf8_make_valid (error->message, -1), NULL, __FILE__, GST_FUNCTION, __LINE__,
      gst_structure_new ("details", "location", G_TYPE_STRING, where, NULL));
}

static void
open_next_file (GstSeqSrc * self)
{
  const gchar *location = g_ptr_array_index (self->files, self->next_file++);
  SeqInput *input = seq_input_open (location, &self->error);
  SeqFastxPosition position;

  if (!input)
    return;
  GST_INFO_OBJECT (self, "reading %s", location);
  GST_OBJECT_LOCK (self);
  self->input = input;
  if (self->unlocked)
    seq_input_interrupt (input);
  GST_OBJECT_UNLOCK (self);
  seq_reader_begin_file (self->reader);
  seq_fastx_get_position (seq_reader_get_parser (self->reader), &position);
  self->in_ranges = seq_input_get_file (input) >= 0
      && seq_range_reader_open (self->ranges, seq_input_get_file (input), position.record);
}

static const gchar *
current_location (GstSeqSrc * self)
{
  return self->next_file > 0 ? g_ptr_array_index (self->files, self->next_file - 1) : NULL;
}

/* Sum of the sizes, for progress; what can't be asked without reading makes it unknown. */
static void
look_at_files (GstSeqSrc * self)
{
  guint64 total = 0;
  gboolean can_rewind = TRUE;

  for (guint i = 0; i < self->files->len; i++) {
    const gchar *location = g_ptr_array_index (self->files, i);
    guint64 size = seq_input_size_of (location);

    if (size == G_MAXUINT64 || total == G_MAXUINT64)
      total = G_MAXUINT64;
    else
      total += size;
    can_rewind = can_rewind && seq_input_can_rewind (location);
  }
  GST_OBJECT_LOCK (self);
  self->total_bytes = total;
  self->can_rewind = can_rewind;
  GST_OBJECT_UNLOCK (self);
}

/* What the two properties stand for. On error *given_as is what was asked for. */
static GPtrArray *
list_files (GstSeqSrc * self, gchar ** given_as, GError ** error)
{
  GPtrArray *given = g_ptr_array_new_with_free_func (g_free), *files = NULL;

  GST_OBJECT_LOCK (self);
  if (self->location)
    g_ptr_array_add (given, g_strdup (self->location));
  for (guint i = 0; self->locations && self->locations[i]; i++)
    g_ptr_array_add (given, g_strdup (self->locations[i]));
  GST_OBJECT_UNLOCK (self);
  g_ptr_array_add (given, NULL);
  if (given->len > 1)
    files = seq_input_list_expand ((const gchar * const *) given->pdata, error);
  else
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
        "no input: set 'location' or 'locations'");
  *given_as = files ? NULL : g_strjoinv (" ", (gchar **) given->pdata);
  g_ptr_array_unref (given);
  return files;
}

/* ---- states ---- */

static gboolean
rewind_input (GstSeqSrc * self)
{
  close_input (self);
  gst_clear_caps (&self->caps);
  g_clear_error (&self->error);
  self->next_file = 0;
  self->filtered = 0;
  GST_OBJECT_LOCK (self);
  self->done_bytes = 0;
  memset (&self->counts, 0, sizeof self->counts);
  self->ending = FALSE;
  self->failed = FALSE;
  self->ended = FALSE;
  GST_OBJECT_UNLOCK (self);
  return gst_seq_parser_reset_reader (self->reader, &self->reporter);
}

static const gchar *
locate (GstElement * element)
{
  return current_location (GST_SEQ_SRC (element));
}

/* Sets up the reader. FALSE, with an error posted, if the settings can't be met. */
static gboolean
make_reader (GstSeqSrc * self)
{
  guint blocksize = gst_base_src_get_blocksize (GST_BASE_SRC (self));
  GstSeqParserSettings settings;
  SeqReader *reader = NULL;

  GST_OBJECT_LOCK (self);
  gst_seq_parser_settings_copy (&self->settings, &settings);
  GST_OBJECT_UNLOCK (self);
  if (blocksize != 0 && blocksize != G_MAXUINT)
    settings.config.block_size = MIN (blocksize, MAX_BLOCK_SIZE);
  self->alphabet = settings.alphabet;
  self->ranges = seq_range_reader_new (&settings.config, SEQ_RANGE_SIZE,
      gst_seq_auto_workers (1, settings.workers));
  self->reporter = (GstSeqParserReporter) { GST_ELEMENT (self), locate, 0 };
  if (gst_seq_parser_check_quarantine (&settings, GST_ELEMENT (self),
          (const gchar * const *) self->files->pdata, self->files->len))
    reader = gst_seq_parser_new_reader (&settings, &self->reporter);
  gst_seq_parser_settings_clear (&settings);
  GST_OBJECT_LOCK (self);
  self->reader = reader;
  GST_OBJECT_UNLOCK (self);
  return reader != NULL;
}

static gboolean
gst_seq_src_stop (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);

  close_input (self);
  GST_OBJECT_LOCK (self);
  g_clear_pointer (&self->reader, seq_reader_free);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&self->ranges, seq_range_reader_free);
  g_clear_error (&self->error);
  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_clear_pointer (&self->buffer, free);
  gst_clear_caps (&self->caps);
  return TRUE;
}

static void
do_nothing (GstElement * element, gpointer data)
{
}

/* GstBin sets the pipeline to PLAYING in a thread of its own as soon as every sink has a buffer. One
 * that is new then, when all processors parse, waits for up to 4 ms until one is free; one that has
 * been at work before is woken at once. */
static void
make_async_thread (GstSeqSrc * self)
{
  gst_element_call_async (GST_ELEMENT (self), do_nothing, NULL, NULL);
}

static gboolean
gst_seq_src_start (GstBaseSrc * src)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);
  GError *error = NULL;
  gchar *given_as = NULL;
  gboolean ok;

  make_async_thread (self);
  self->files = list_files (self, &given_as, &error);
  if (!self->files) {
    post_file_error (self, given_as, error);
    g_error_free (error);
    g_free (given_as);
    return FALSE;
  }
  look_at_files (self);
  self->next_file = 0;
  self->buffer = seq_read_buffer_new (READ_SIZE);
  if (!self->buffer)
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("no memory to read %u bytes at a time",
            (guint) READ_SIZE), (NULL));
  ok = self->buffer && make_reader (self) && rewind_input (self);
  if (!ok)                      /* nobody else calls it then */
    gst_seq_src_stop (src);
  return ok;
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

/* Gives the reader more of the current file. FALSE if another thread wants this one to stop. */
static gboolean
read_more (GstSeqSrc * self)
{
  gssize n = seq_input_read (self->input, self->buffer, READ_SIZE, &self->error);

  if (n > 0) {
    seq_reader_feed (self->reader, self->buffer, n);
    GST_OBJECT_LOCK (self);
    self->file_bytes += n;
    GST_OBJECT_UNLOCK (self);
  } else if (n == 0) {
    seq_reader_finish_input (self->reader);
  } else if (g_error_matches (self->error, G_FILE_ERROR, G_FILE_ERROR_INTR)) {
    g_clear_error (&self->error);
    return FALSE;
  }
  return TRUE;
}

/* The last records; behind them the end, or the error of a file that waited for them. */
static GstFlowReturn
give_rest (GstSeqSrc * self, SeqBlock ** block)
{
  if ((*block = seq_reader_flush (self->reader)))
    return GST_FLOW_OK;
  if (!self->error)
    return GST_FLOW_EOS;
  post_file_error (self, current_location (self), self->error);
  g_clear_error (&self->error);
  return GST_FLOW_ERROR;
}

/* What is wrong with the records of a file that was changed meanwhile is not wrong in the file. */
static void
post_reader_error (GstSeqSrc * self, const GError * error)
{
  GError *changed = NULL;

  if (error->domain == G_FILE_ERROR || seq_input_check (self->input, &changed)) {
    gst_seq_parser_post_error (GST_ELEMENT (self), self->reader, current_location (self), error);
    return;
  }
  g_prefix_error (&changed, "%s; ", error->message);
  post_file_error (self, current_location (self), changed);
  g_error_free (changed);
}

static gboolean
is_ending (GstSeqSrc * self)
{
  gboolean ending;

  GST_OBJECT_LOCK (self);
  ending = self->ending;
  GST_OBJECT_UNLOCK (self);
  return ending;
}

/* Another thread wants this one to stop, and no block to be waited for. */
static gboolean
is_unlocked (GstSeqSrc * self)
{
  gboolean unlocked;

  GST_OBJECT_LOCK (self);
  unlocked = self->unlocked;
  GST_OBJECT_UNLOCK (self);
  return unlocked;
}

/* The next block of a file that is parsed in ranges. FALSE when there is none: there is another
 * range, or the next file, or the rest of this one, goes on in order. */
static gboolean
next_of_ranges (GstSeqSrc * self, SeqBlock ** block)
{
  SeqFastxPosition position = { .line = 1 };    /* of the next file, when this one ends */
  guint64 bytes, next_id, filtered;
  SeqRangeStatus status;

  /* what an earlier file has left comes first */
  if ((*block = seq_reader_flush (self->reader)))
    return TRUE;
  status = seq_range_reader_next (self->ranges, block, &position);
  seq_range_reader_get_progress (self->ranges, &bytes, &next_id, &filtered);
  GST_OBJECT_LOCK (self);
  self->file_bytes = bytes;
  GST_OBJECT_UNLOCK (self);
  if (status == SEQ_RANGE_BLOCK || status == SEQ_RANGE_AGAIN)
    return status == SEQ_RANGE_BLOCK;

  self->filtered += filtered;
  position.record = next_id;
  close_ranges (self);
  seq_reader_begin_at (self->reader, &position);
  if (status == SEQ_RANGE_END) {
    if (seq_input_check (self->input, &self->error))
      close_input (self);
  } else if (seq_input_seek_file (self->input, position.byte)) {
    GST_INFO_OBJECT (self, "in order from byte %" G_GUINT64_FORMAT " on", position.byte);
  } else {
    g_set_error (&self->error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s: can't seek",
        current_location (self));
  }
  return FALSE;
}

/* The next block, or why there is none: EOS, FLUSHING or ERROR. */
static GstFlowReturn
next_block (GstSeqSrc * self, SeqBlock ** block)
{
  GError *error = NULL;

  for (;;) {
    if (self->error || is_ending (self))
      return give_rest (self, block);
    if (!self->input) {
      if (self->next_file == self->files->len || seq_reader_is_done (self->reader))
        return give_rest (self, block);
      open_next_file (self);
      continue;
    }
    if (self->in_ranges) {
      if (next_of_ranges (self, block))
        return GST_FLOW_OK;
      if (is_unlocked (self) && !is_ending (self))
        return GST_FLOW_FLUSHING;
      continue;
    }
    switch (seq_reader_next (self->reader, block, &error)) {
      case SEQ_READER_BLOCK:
        return GST_FLOW_OK;
      case SEQ_READER_AGAIN:
        if (is_unlocked (self) && !is_ending (self))
          return GST_FLOW_FLUSHING;
        break;
      case SEQ_READER_NEED_INPUT:
        if (!read_more (self) && !is_ending (self))
          return GST_FLOW_FLUSHING;
        break;
      case SEQ_READER_FILE_END:
        gst_seq_parser_post_warnings (GST_ELEMENT (self), self->reader, current_location (self));
        close_input (self);
        break;
      case SEQ_READER_ERROR:
        post_reader_error (self, error);
        g_clear_error (&error);
        return GST_FLOW_ERROR;
    }
  }
}

static GstFlowReturn
gst_seq_src_create (GstPushSrc * src, GstBuffer ** buffer)
{
  GstSeqSrc *self = GST_SEQ_SRC (src);
  SeqFastxStats stats;
  SeqBlock *block;
  GstFlowReturn ret = next_block (self, &block);
  guint64 bytes, next_id, filtered = 0;

  seq_fastx_get_stats (seq_reader_get_parser (self->reader), &stats);
  if (self->in_ranges)
    seq_range_reader_get_progress (self->ranges, &bytes, &next_id, &filtered);
  GST_OBJECT_LOCK (self);
  self->ended = ret == GST_FLOW_EOS;
  self->counts.filtered = self->filtered + filtered + stats.filtered;
  self->counts.ignored = stats.ignored;
  self->counts.bad = seq_reader_get_n_bad (self->reader);
  self->counts.bytes = self->done_bytes + self->file_bytes;
  GST_OBJECT_UNLOCK (self);
  if (ret != GST_FLOW_OK)
    return ret;
  if (gst_seq_parser_update_caps (&self->caps, block, self->alphabet) &&
      (!gst_seq_parser_check_caps (GST_ELEMENT (self), GST_BASE_SRC_PAD (src), self->caps) ||
          !gst_base_src_set_caps (GST_BASE_SRC (src), self->caps))) {
    seq_block_unref (block);
    /* caps fail during a state change or a seek, too, and then it is no error */
    return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (src)) ? GST_FLOW_FLUSHING :
        GST_FLOW_NOT_NEGOTIATED;
  }
  *buffer = gst_seq_parser_wrap_block (block);
  return GST_FLOW_OK;
}

/* Records are counted, and the end is announced, where they leave the pad: the base class drops
 * the block at hand when the application asks for EOS, and ends by itself after num-buffers. */
static GstPadProbeReturn
on_output (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstSeqSrc *self = data;
  GstStructure *stats = NULL;

  GST_OBJECT_LOCK (self);
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    gst_seq_parser_count_block (&self->counts, GST_PAD_PROBE_INFO_BUFFER (info));
  else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS && !self->failed)
    stats = gst_seq_parser_stats (&self->counts);
  GST_OBJECT_UNLOCK (self);
  if (stats)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self),
            stats));
  return GST_PAD_PROBE_OK;
}

/* The base class sends EOS after errors, too: no end that statistics should be posted for. */
static gboolean
gst_seq_src_post_message (GstElement * element, GstMessage * message)
{
  GstSeqSrc *self = GST_SEQ_SRC (element);

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GST_OBJECT_LOCK (self);
    self->failed = TRUE;
    GST_OBJECT_UNLOCK (self);
  }
  return GST_ELEMENT_CLASS (parent_class)->post_message (element, message);
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
  gboolean can_rewind;

  GST_OBJECT_LOCK (self);
  can_rewind = self->can_rewind;
  GST_OBJECT_UNLOCK (self);
  return can_rewind;
}

static gboolean
gst_seq_src_do_seek (GstBaseSrc * src, GstSegment * segment)
{
  /* only a seek that was asked for before the start has not been looked at by refuse_event() */
  if (segment->start != 0 || segment->rate != 1.0 || segment->stop != GST_CLOCK_TIME_NONE)
    return FALSE;
  return rewind_input (GST_SEQ_SRC (src));
}

/* Seeks that are not possible are refused, from both sides that they come from, before the base
 * class flushes for them: records on their way downstream would be lost. */
static gboolean
refuse_event (GstSeqSrc * self, GstEvent * event)
{
  gboolean can_rewind;

  if (GST_EVENT_TYPE (event) != GST_EVENT_SEEK)
    return FALSE;
  GST_OBJECT_LOCK (self);
  can_rewind = self->can_rewind || !self->reader;       /* before the start it isn't known */
  GST_OBJECT_UNLOCK (self);
  if (can_rewind && gst_seq_parser_seek_is_to_start (event))
    return FALSE;
  GST_WARNING_OBJECT (self, "only seeks to the start of files, at rate 1, are possible");
  return TRUE;
}

static gboolean
gst_seq_src_event (GstBaseSrc * src, GstEvent * event)
{
  if (refuse_event (GST_SEQ_SRC (src), event))
    return FALSE;
  return GST_BASE_SRC_CLASS (parent_class)->event (src, event);
}

/* The base class answers an application's EOS by dropping the block at hand; here the records that
 * have been read whole go out first, also those that wait for their block to fill up. FALSE where
 * nothing is read. */
static gboolean
end_reading (GstSeqSrc * self)
{
  gboolean reading;

  GST_OBJECT_LOCK (self);
  reading = self->ending = self->reader != NULL;
  if (reading && self->input)
    seq_input_interrupt (self->input);
  GST_OBJECT_UNLOCK (self);
  return reading;
}

static gboolean
gst_seq_src_send_event (GstElement * element, GstEvent * event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS && end_reading (GST_SEQ_SRC (element))) {
    gst_event_unref (event);
    return TRUE;
  }
  if (refuse_event (GST_SEQ_SRC (element), event)) {
    gst_event_unref (event);
    return FALSE;
  }
  return GST_ELEMENT_CLASS (parent_class)->send_event (element, event);
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
    position = self->counts.records;
  else if (format == GST_FORMAT_PERCENT && (self->ended || self->total_bytes == 0))
    position = GST_FORMAT_PERCENT_MAX;
  else if (format == GST_FORMAT_PERCENT && self->total_bytes != G_MAXUINT64)
    /* a file may grow while it is read */
    position = gst_util_uint64_scale (MIN (self->done_bytes + self->file_bytes, self->total_bytes),
        GST_FORMAT_PERCENT_MAX, self->total_bytes);
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
    duration = self->counts.records;    /* how many there are is known at the end only */
  else if (format == GST_FORMAT_PERCENT && (self->ended || self->total_bytes != G_MAXUINT64))
    duration = GST_FORMAT_PERCENT_MAX;
  GST_OBJECT_UNLOCK (self);
  if (duration < 0)
    return FALSE;
  gst_query_set_duration (query, format, duration);
  return TRUE;
}

static gboolean
query_seeking (GstSeqSrc * self, GstQuery * query)
{
  GstFormat format;

  gst_query_parse_seeking (query, &format, NULL, NULL, NULL);
  gst_query_set_seeking (query, format, gst_seq_src_is_seekable (GST_BASE_SRC (self)), 0, -1);
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
    case GST_QUERY_SEEKING:
      return query_seeking (self, query);
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
      g_value_take_boxed (value, gst_seq_parser_stats (&self->counts));
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
  gst_seq_parser_settings_clear (&self->settings);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_seq_src_init (GstSeqSrc * self)
{
  gst_seq_parser_settings_init (&self->settings);
  self->total_bytes = G_MAXUINT64;
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_DEFAULT);
  gst_base_src_set_blocksize (GST_BASE_SRC (self), SEQ_READER_BLOCK_SIZE);
  gst_pad_add_probe (GST_BASE_SRC_PAD (self),
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_output, self, NULL);
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
          "the order given (for applications; gst-launch-1.0 takes patterns and directories)",
          G_TYPE_STRV,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "What has been given out so far: records, "
          "residues, filtered (records left out by length), bad (left out by on-error), ignored (lines "
          "and single bytes left out by strictness=lenient), id-hash, bytes (of the input, as stored). Posted as "
          "element message 'seq-stats' at the end",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_seq_parser_install_properties (object_class, PROP_PARSER);

  gst_element_class_set_static_metadata (element_class, "Sequence source", "Source/File",
      "Reads records from FASTA and FASTQ files, plain or compressed", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &src_template);

  element_class->send_event = gst_seq_src_send_event;
  element_class->post_message = gst_seq_src_post_message;
  src_class->start = gst_seq_src_start;
  src_class->stop = gst_seq_src_stop;
  src_class->unlock = gst_seq_src_unlock;
  src_class->unlock_stop = gst_seq_src_unlock_stop;
  src_class->negotiate = gst_seq_src_negotiate;
  src_class->is_seekable = gst_seq_src_is_seekable;
  src_class->do_seek = gst_seq_src_do_seek;
  src_class->query = gst_seq_src_query;
  src_class->event = gst_seq_src_event;
  GST_PUSH_SRC_CLASS (klass)->create = gst_seq_src_create;
}
