/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gst/gst.h>

#include <string.h>

/* What the tests of whole pipelines share: example files, seqrun as a program, pipelines that run
 * to their end. */

/* An example file: of its Debian package, taken out of the package, or the sample in tests/data. */
static inline gchar *
example_file (const gchar * path, const gchar * sample)
{
  const gchar *unpacked = g_getenv ("GST_SEQ_EXAMPLES");
  gchar *file;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_strdup (path);
  file = g_strconcat (unpacked ? unpacked : "/nonexistent", path, NULL);
  if (g_file_test (file, G_FILE_TEST_EXISTS))
    return file;
  g_free (file);
  g_test_message ("%s is not there; using the sample %s", path, sample);
  return g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), sample, NULL);
}

static inline gchar *
example_proteins (void)
{
  return example_file ("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz", "proteins.fasta");
}

static inline gchar *
example_reads (void)
{
  return example_file ("/usr/share/doc/bowtie2/examples/reads/longreads.fq.gz", "reads.fastq");
}

typedef struct
{
  gint status;                  /* exit status, -1 after a signal */
  gchar *out, *err;
} RunResult;

/* Runs seqrun with the arguments (NULL at the end), `input` to its standard input. */
static inline RunResult
run_seqrun (GBytes * input, const gchar * first, ...)
{
  GPtrArray *argv = g_ptr_array_new ();
  RunResult result = { -1, NULL, NULL };
  GError *error = NULL;
  GSubprocess *process;
  va_list args;

  g_ptr_array_add (argv, (gpointer) g_getenv ("SEQRUN"));
  va_start (args, first);
  for (const gchar * arg = first; arg; arg = va_arg (args, const gchar *))
    g_ptr_array_add (argv, (gpointer) arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_newv ((const gchar * const *) argv->pdata,
      G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE |
      (input ? G_SUBPROCESS_FLAGS_STDIN_PIPE : 0), &error);
  g_assert_no_error (error);
  {
    GBytes *out = NULL, *err = NULL;
    gsize n;
    const gchar *text;

    g_subprocess_communicate (process, input, NULL, &out, &err, &error);
    g_assert_no_error (error);
    text = g_bytes_get_data (out, &n);
    result.out = g_strndup (text ? text : "", n);
    text = g_bytes_get_data (err, &n);
    result.err = g_strndup (text ? text : "", n);
    g_bytes_unref (out);
    g_bytes_unref (err);
  }
  if (g_subprocess_get_if_exited (process))
    result.status = g_subprocess_get_exit_status (process);
  g_object_unref (process);
  g_ptr_array_unref (argv);
  return result;
}

static inline void
run_result_clear (RunResult * result)
{
  g_free (result->out);
  g_free (result->err);
}

/* The number behind `label` in an account, in the section of `element` (NULL: anywhere). */
static inline gdouble
account_number (const gchar * account, const gchar * element, const gchar * label)
{
  const gchar *at = account;
  gchar *line = g_strdup_printf ("\n  %s ", label);
  gdouble number;

  if (element) {
    gchar *head = g_strdup_printf ("%s (", element);
    at = strstr (account, head);
    g_free (head);
  }
  at = at ? strstr (at, line) : NULL;
  if (!at)
    g_error ("no '%s' of '%s' in:\n%s", label, element ? element : "any", account);
  number = g_ascii_strtod (at + strlen (line), NULL);
  g_free (line);
  return number;
}

/* Runs a pipeline to EOS. `error` gets its error, which is an assertion where it is NULL. */
static inline void
run_to_eos (GstElement * pipeline, GError ** error)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *own = NULL;

    gst_message_parse_error (message, &own, NULL);
    if (!error)
      g_assert_no_error (own);
    g_propagate_error (error, own);
  }
  gst_message_unref (message);
  gst_object_unref (bus);
}

static inline GstElement *
launch (const gchar * format, ...)
{
  GError *error = NULL;
  GstElement *pipeline;
  va_list args;
  gchar *line;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  g_free (line);
  return pipeline;
}

static inline void
end_pipeline (GstElement * pipeline)
{
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (pipeline);
}

/* A value of an element's `stats`. */
static inline guint64
stats_number (GstElement * pipeline, const gchar * element, const gchar * field)
{
  GstElement *child = gst_bin_get_by_name (GST_BIN (pipeline), element);
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_assert_nonnull (child);
  g_object_get (child, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  gst_object_unref (child);
  return value;
}
