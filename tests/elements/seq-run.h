/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Pipelines from text, and what came to their end: for the tests of seqsrc, seqdec and seqenc. */

#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <glib/gstdio.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

/* ---- records as text ---- */

/* Appends the records of a block as "id:name|residues|qualities", and checks the block. */
static inline void
collect_block (GPtrArray * records, GstBuffer * block)
{
  GError *error = NULL;
  guint n = gst_seq_block_get_n_records (block);
  guint64 first = 0, id = 0;
  gboolean consecutive = TRUE;

  gst_seq_block_validate (block, &error);
  g_assert_no_error (error);
  gst_seq_block_get_id (block, 0, &first);
  for (guint i = 0; i < n; i++) {
    gchar *name = gst_seq_block_dup_name (block, i);
    gchar *residues = gst_seq_block_dup_residues (block, i);
    gchar *quality = gst_seq_block_dup_quality (block, i);

    g_assert_true (gst_seq_block_get_id (block, i, &id));
    consecutive = consecutive && id == first + i;
    g_ptr_array_add (records, g_strdup_printf ("%" G_GUINT64_FORMAT ":%s|%s|%s", id, name,
            residues, quality ? quality : "-"));
    g_free (name);
    g_free (residues);
    g_free (quality);
  }
  if (n > 0) {
    g_assert_cmpuint (GST_BUFFER_OFFSET (block), ==, consecutive ? first : GST_BUFFER_OFFSET_NONE);
    g_assert_cmpuint (GST_BUFFER_OFFSET_END (block), ==,
        consecutive ? first + n : GST_BUFFER_OFFSET_NONE);
  }
}

static inline gchar *
join_strings (GPtrArray * strings)
{
  GString *joined = g_string_new (NULL);

  for (guint i = 0; i < strings->len; i++)
    g_string_append_printf (joined, "%s%s", i > 0 ? " " : "",
        (const gchar *) g_ptr_array_index (strings, i));
  return g_string_free (joined, FALSE);
}

static inline void
assert_strings (GPtrArray * strings, const gchar * expected)
{
  gchar *joined = join_strings (strings);

  g_assert_cmpstr (joined, ==, expected);
  g_free (joined);
}

static inline void
assert_same_strings (GPtrArray * a, GPtrArray * b)
{
  g_assert_cmpuint (a->len, ==, b->len);
  for (guint i = 0; i < a->len; i++)
    g_assert_cmpstr (g_ptr_array_index (a, i), ==, g_ptr_array_index (b, i));
}

/* ---- files ---- */

typedef struct
{
  gchar *dir;
} Files;

static inline void
files_set_up (Files * files, gconstpointer data)
{
  files->dir = g_dir_make_tmp ("seq-run-XXXXXX", NULL);
  g_assert_nonnull (files->dir);
}

static inline void
files_tear_down (Files * files, gconstpointer data)
{
  GDir *dir = g_dir_open (files->dir, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir))) {
    gchar *path = g_build_filename (files->dir, name, NULL);

    g_assert_cmpint (g_remove (path), ==, 0);
    g_free (path);
  }
  g_dir_close (dir);
  g_assert_cmpint (g_rmdir (files->dir), ==, 0);
  g_free (files->dir);
}

/* size -1: up to the zero byte */
static inline void
files_write (Files * files, const gchar * name, const void *bytes, gssize size)
{
  gchar *path = g_build_filename (files->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, bytes, size, NULL));
  g_free (path);
}

/* FASTA or FASTQ of n records with lengths that vary, some 0. */
static inline GString *
make_text (guint n, gboolean fastq)
{
  GString *text = g_string_new (NULL);
  GRand *rand = g_rand_new_with_seed (n);

  for (guint i = 0; i < n; i++) {
    gint length = i % 13 == 0 ? 0 : g_rand_int_range (rand, 1, 300);

    g_string_append_printf (text, "%cr%u some words\n", fastq ? '@' : '>', i);
    for (gint k = 0; k < length; k++)
      g_string_append_c (text, "ACGT"[g_rand_int_range (rand, 0, 4)]);
    g_string_append (text, fastq ? "\n+\n" : "\n");
    for (gint k = 0; fastq && k < length; k++)
      g_string_append_c (text, g_rand_int_range (rand, '!', '~' + 1));
    if (fastq)
      g_string_append_c (text, '\n');
  }
  g_rand_free (rand);
  return text;
}

/* ---- compression ---- */

static inline void
put_little_endian (GByteArray * out, guint32 value, guint n)
{
  for (guint i = 0; i < n; i++, value >>= 8)
    g_byte_array_append (out, &(guint8) { value & 0xff }, 1);
}

static inline void
put_gzip_member (GByteArray * out, const void *data, gsize size)
{
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor (1);
  gsize n = libdeflate_gzip_compress_bound (compressor, size);
  guint8 *bytes = g_malloc (n);

  n = libdeflate_gzip_compress (compressor, data, size, bytes, n);
  g_byte_array_append (out, bytes, n);
  g_free (bytes);
  libdeflate_free_compressor (compressor);
}

/* Blocks of 5000 bytes, and the empty one at the end, whose place is returned. */
static inline guint
put_bgzf (GByteArray * out, const guint8 * data, gsize size)
{
  static const guint8 header[16] =
      { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C', 2, 0 };
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor (1);
  guint8 bytes[8192];
  guint last = 0;

  for (gsize at = 0, n = 1; n > 0; at += n) {
    gsize packed;

    last = out->len;
    n = MIN (5000, size - at);
    packed = libdeflate_deflate_compress (compressor, data + at, n, bytes, sizeof bytes);
    g_byte_array_append (out, header, sizeof header);
    put_little_endian (out, sizeof header + 2 + packed + 8 - 1, 2);
    g_byte_array_append (out, bytes, packed);
    put_little_endian (out, libdeflate_crc32 (0, data + at, n), 4);
    put_little_endian (out, n, 4);
  }
  libdeflate_free_compressor (compressor);
  return last;
}

static inline void
put_zstd_frame (GByteArray * out, const void *data, gsize size)
{
  gsize n = ZSTD_compressBound (size);
  guint8 *bytes = g_malloc (n);

  n = ZSTD_compress (bytes, n, data, size, 1);
  g_assert_false (ZSTD_isError (n));
  g_byte_array_append (out, bytes, n);
  g_free (bytes);
}

/* ---- runs ---- */

typedef struct
{
  GstElement *pipeline;
  GPtrArray *records;           /* of the blocks that came to `sink` */
  GString *text;                /* what came there that is no block */
  GPtrArray *caps;              /* one string each */
  GString *events;              /* first letters of what came: Start Caps Gap… Buffer eos */
  guint n_buffers;
  GError *error;                /* the first one */
  GstStructure *details;        /* of it */
  guint n_errors;               /* that aren't the base class's comment on the first */
  guint n_warnings;
  GstStructure *stats;          /* the message seq-stats */
  guint n_stats;
} Run;

static inline GstPadProbeReturn
on_arrival (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Run *run = data;
  GstBuffer *buffer;
  GstEvent *event;
  GstMapInfo map;
  GstCaps *caps;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    run->n_buffers++;
    if (gst_buffer_get_seq_records_meta (buffer)) {
      collect_block (run->records, buffer);
    } else if (gst_buffer_map (buffer, &map, GST_MAP_READ)) {
      g_string_append_len (run->text, (const gchar *) map.data, map.size);
      gst_buffer_unmap (buffer, &map);
    }
    if (run->events->len == 0 || run->events->str[run->events->len - 1] != 'B')
      g_string_append_c (run->events, 'B');
    return GST_PAD_PROBE_OK;
  }
  event = GST_PAD_PROBE_INFO_EVENT (info);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_STREAM_START:
      g_string_append_c (run->events, 'S');
      break;
    case GST_EVENT_CAPS:
      gst_event_parse_caps (event, &caps);
      g_ptr_array_add (run->caps, gst_caps_to_string (caps));
      g_string_append_c (run->events, 'C');
      break;
    case GST_EVENT_SEGMENT:
      g_string_append_c (run->events, 'G');
      break;
    case GST_EVENT_EOS:
      g_string_append_c (run->events, 'E');
      break;
    default:
      break;
  }
  return GST_PAD_PROBE_OK;
}

/* What a base class adds to an error that its subclass has posted. */
static inline gboolean
is_comment (const GError * error)
{
  return g_error_matches (error, GST_CORE_ERROR, GST_CORE_ERROR_STATE_CHANGE) ||
      strstr (error->message, "Internal data stream error");
}

static inline void
note_message (Run * run, GstMessage * message)
{
  const GstStructure *details = NULL;
  GError *error = NULL;
  gchar *debug = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, &debug);
      gst_message_parse_error_details (message, &details);
      if (run->n_errors == 0 || !is_comment (error))
        run->n_errors++;
      if (!run->error) {
        run->error = g_steal_pointer (&error);
        run->details = details ? gst_structure_copy (details) : NULL;
      }
      g_clear_error (&error);
      g_free (debug);
      break;
    case GST_MESSAGE_WARNING:
      run->n_warnings++;
      break;
    case GST_MESSAGE_ELEMENT:
      if (gst_message_has_name (message, "seq-stats")) {
        run->n_stats++;
        g_clear_pointer (&run->stats, gst_structure_free);
        run->stats = gst_structure_copy (gst_message_get_structure (message));
      }
      break;
    default:
      break;
  }
}

static inline GstElement *
run_get (Run * run, const gchar * name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (run->pipeline), name);

  g_assert_nonnull (element);
  gst_object_unref (element);   /* the pipeline holds it */
  return element;
}

/* A pipeline that ends in an element named `sink`; nothing runs yet. */
static inline Run *
run_new (const gchar * description)
{
  Run *run = g_new0 (Run, 1);
  GError *error = NULL;
  GstPad *pad;

  run->pipeline = gst_parse_launch (description, &error);
  g_assert_no_error (error);
  gst_pipeline_set_auto_flush_bus (GST_PIPELINE (run->pipeline), FALSE);
  run->records = g_ptr_array_new_with_free_func (g_free);
  run->caps = g_ptr_array_new_with_free_func (g_free);
  run->text = g_string_new (NULL);
  run->events = g_string_new (NULL);
  pad = gst_element_get_static_pad (run_get (run, "sink"), "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      on_arrival, run, NULL);
  gst_object_unref (pad);
  return run;
}

static inline void
run_clear_results (Run * run)
{
  g_ptr_array_unref (run->records);     /* a test may have kept it */
  run->records = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_set_size (run->caps, 0);
  g_string_truncate (run->text, 0);
  g_string_truncate (run->events, 0);
  run->n_buffers = run->n_errors = run->n_warnings = run->n_stats = 0;
  g_clear_error (&run->error);
  g_clear_pointer (&run->details, gst_structure_free);
  g_clear_pointer (&run->stats, gst_structure_free);
}

static inline void
run_free (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);

  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE);     /* its messages hold the elements */
  gst_object_unref (bus);
  run_clear_results (run);
  gst_object_unref (run->pipeline);
  g_ptr_array_unref (run->records);
  g_ptr_array_unref (run->caps);
  g_string_free (run->text, TRUE);
  g_string_free (run->events, TRUE);
  g_free (run);
}

/* Waits for EOS or an error; anything that takes 20 s hangs. */
static inline void
run_wait (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  gboolean ended = FALSE;

  while (!ended) {
    GstMessage *message = gst_bus_timed_pop (bus, 20 * GST_SECOND);

    g_assert_nonnull (message);
    note_message (run, message);
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR ||
        GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static inline void
run_stop (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  GstMessage *message;

  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  while ((message = gst_bus_pop (bus))) {
    note_message (run, message);
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static inline void
run_whole (Run * run)
{
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_wait (run);
  run_stop (run);
}

/* `%D` in the description stands for the directory of the files. */
static inline Run *
run_line (Files * files, const gchar * description)
{
  gchar **parts = g_strsplit (description, "%D", -1);
  gchar *line = g_strjoinv (files ? files->dir : "", parts);
  Run *run = run_new (line);

  run_whole (run);
  g_free (line);
  g_strfreev (parts);
  return run;
}

static inline guint64
structure_get (const GstStructure * structure, const gchar * field)
{
  guint64 value;

  g_assert_nonnull (structure);
  g_assert_true (gst_structure_get_uint64 (structure, field, &value));
  return value;
}
