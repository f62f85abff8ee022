/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs descriptions that end in `fakesink name=sink` and keeps a digest of each buffer that came
 * there, so that two ways through can be compared byte by byte. */

#include <gst/check/gstcheck.h>
#include <gst/seq/seq.h>

#include "fakecuda.h"

typedef struct
{
  GPtrArray *digests;           /* of each buffer: sizes, bytes, times, and the batch meta */
  guint on_device;              /* buffers all of whose memories are device memory */
  guint warnings;
  GError *error;                /* of the element that failed first, or NULL */
  gboolean eos;
  GstStructure *stats;          /* of the element `q`, at the end, or NULL */
  GstElement *pipeline;
  GstCaps *caps;                /* the last ones that came to the sink */

  /* may be set before */
  void (*look) (GstBuffer * buffer, guint index, gpointer data);
  gpointer data;
} Run;

static inline void
digest_memory (GChecksum * sum, GstMemory * memory)
{
  GstMapInfo map;

  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_checksum_update (sum, (const guchar *) &map.size, sizeof map.size);
  if (map.size > 0)
    g_checksum_update (sum, map.data, map.size);
  gst_memory_unmap (memory, &map);
}

static inline gchar *
digest_buffer (GstBuffer * buffer)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA1);
  GstClockTime times[] = { GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer),
    GST_BUFFER_OFFSET (buffer)
  };
  gchar *digest;
  guint i;

  g_checksum_update (sum, (const guchar *) times, sizeof times);
  for (i = 0; i < gst_buffer_n_memory (buffer); i++)
    digest_memory (sum, gst_buffer_peek_memory (buffer, i));
  if (meta != NULL) {
    g_checksum_update (sum, (const guchar *) &meta->batch, sizeof meta->batch);
    g_checksum_update (sum, g_bytes_get_data (meta->table, NULL), g_bytes_get_size (meta->table));
  }
  digest = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return digest;
}

static inline gboolean
is_on_device (GstBuffer * buffer)
{
  guint i, n = gst_buffer_n_memory (buffer);

  for (i = 0; i < n; i++)
    if (!gst_is_seq_cuda_memory (gst_buffer_peek_memory (buffer, i)))
      return FALSE;
  return n > 0;
}

static inline void
run_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad, Run * run)
{
  run->on_device += is_on_device (buffer);
  if (run->look != NULL)
    run->look (buffer, run->digests->len, run->data);
  g_ptr_array_add (run->digests, digest_buffer (buffer));
}

static inline void
run_message (Run * run, GstMessage * message)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    run->warnings++;
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    run->eos = TRUE;
  else if (run->error == NULL)
    gst_message_parse_error (message, &run->error, NULL);
  gst_message_unref (message);
}

static inline void
run_start (Run * run, const gchar * description)
{
  GstElement *sink;
  GError *error = NULL;

  run->pipeline = gst_parse_launch (description, &error);
  g_assert_no_error (error);
  run->digests = g_ptr_array_new_with_free_func (g_free);
  sink = gst_bin_get_by_name (GST_BIN (run->pipeline), "sink");
  g_object_set (sink, "signal-handoffs", TRUE, "sync", FALSE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (run_handoff), run);
  gst_object_unref (sink);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
}

/* To the end or an error, which must come within half a minute */
static inline void
run_wait (Run * run)
{
  const GstMessageType types = GST_MESSAGE_WARNING | GST_MESSAGE_EOS | GST_MESSAGE_ERROR;
  GstBus *bus = gst_element_get_bus (run->pipeline);
  GstElement *queue = gst_bin_get_by_name (GST_BIN (run->pipeline), "q");
  GstElement *sink = gst_bin_get_by_name (GST_BIN (run->pipeline), "sink");
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  GstMessage *message;

  while (!run->eos && run->error == NULL) {
    message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, types);
    g_assert_nonnull (message);
    run_message (run, message);
  }
  if (queue != NULL)
    g_object_get (queue, "stats", &run->stats, NULL);
  run->caps = gst_pad_get_current_caps (pad);
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  while ((message = gst_bus_pop_filtered (bus, types)))
    run_message (run, message);
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (sink);
  gst_clear_object (&queue);
}

static inline void
run_to_end (Run * run, const gchar * description)
{
  run_start (run, description);
  run_wait (run);
}

static inline void
run_clear (Run * run)
{
  g_ptr_array_unref (run->digests);
  g_clear_error (&run->error);
  g_clear_pointer (&run->stats, gst_structure_free);
  gst_clear_caps (&run->caps);
  gst_object_unref (run->pipeline);
}

static inline guint64
run_stat (const Run * run, const gchar * name)
{
  guint64 value = G_MAXUINT64;

  g_assert_nonnull (run->stats);
  g_assert_true (gst_structure_get_uint64 (run->stats, name, &value));
  return value;
}

static inline gboolean
run_has_device_caps (const Run * run)
{
  return run->caps != NULL && gst_caps_features_contains (gst_caps_get_features (run->caps, 0),
      GST_SEQ_CAPS_FEATURE_CUDA_MEMORY);
}

/* What came to the end of @run are the first buffers of @whole, or all of them. */
static inline void
assert_is_start_of (const Run * run, const Run * whole)
{
  guint i;

  g_assert_cmpuint (run->digests->len, <=, whole->digests->len);
  for (i = 0; i < run->digests->len; i++)
    g_assert_cmpstr (g_ptr_array_index (run->digests, i), ==,
        g_ptr_array_index (whole->digests, i));
}

static inline void
assert_same_run (const Run * run, const Run * other)
{
  g_assert_no_error (run->error);
  g_assert_true (run->eos);
  assert_is_start_of (run, other);
  g_assert_cmpuint (run->digests->len, ==, other->digests->len);
}

/* The source of most tests: the 20,000 proteins where they can be had, else those that come along,
 * which GST_SEQ_SMALL asks for, too */
static inline gchar *
protein_batches (const gchar * rest)
{
  const gchar *examples = g_getenv ("GST_SEQ_EXAMPLES");
  const gchar *name = "usr/share/doc/mmseqs2/example-data/DB.fasta.gz";
  gchar *installed = g_strdup_printf ("/%s", name);
  gchar *unpacked = g_build_filename (examples != NULL ? examples : "/", name, NULL);
  gchar *sample = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta", NULL);
  gchar *location = g_getenv ("GST_SEQ_SMALL") != NULL ? sample
      : g_file_test (installed, G_FILE_TEST_EXISTS) ? installed
      : g_file_test (unpacked, G_FILE_TEST_EXISTS) ? unpacked : sample;
  gchar *description = g_strdup_printf ("seqsrc location=\"%s\" ! seqsort ! seqbatch "
      "batch-size=0 max-tokens=16384 name=batch ! %s", location, rest);

  g_free (installed);
  g_free (unpacked);
  g_free (sample);
  return description;
}

static inline void
run_proteins (Run * run, const gchar * rest)
{
  gchar *description = protein_batches (rest);

  run_to_end (run, description);
  g_free (description);
}
