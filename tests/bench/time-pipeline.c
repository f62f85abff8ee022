/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs one pipeline to its end and prints one line of JSON: `playing`, the seconds from the change
 * to PLAYING until EOS, and the numbers that seqsrc and seqbatch posted, as message/field. */

#include <gst/gst.h>
#include <stdio.h>

typedef struct
{
  GString *json;
  const gchar *message;
} Report;

static gboolean
append_number (GQuark field, const GValue * value, gpointer data)
{
  Report *report = data;
  GValue number = G_VALUE_INIT;
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!g_value_type_transformable (G_VALUE_TYPE (value), G_TYPE_DOUBLE))
    return TRUE;
  g_value_init (&number, G_TYPE_DOUBLE);
  g_value_transform (value, &number);
  g_string_append_printf (report->json, ", \"%s/%s\": %s", report->message,
      g_quark_to_string (field), g_ascii_dtostr (text, sizeof text, g_value_get_double (&number)));
  g_value_unset (&number);
  return TRUE;
}

static void
append_message (GString * json, GstMessage * message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  Report report = { json, structure ? gst_structure_get_name (structure) : NULL };

  if (g_strcmp0 (report.message, "seq-stats") == 0
      || g_strcmp0 (report.message, "seq-batch-stats") == 0)
    gst_structure_foreach (structure, append_number, &report);
}

static gboolean
print_error (GstMessage * message)
{
  GError *error = NULL;
  gchar *debug = NULL;

  gst_message_parse_error (message, &error, &debug);
  g_printerr ("time-pipeline: %s: %s\n%s\n", GST_MESSAGE_SRC_NAME (message), error->message,
      debug ? debug : "");
  g_error_free (error);
  g_free (debug);
  return FALSE;
}

/* Adds what is posted up to EOS, and returns whether that came. */
static gboolean
run (GstElement * pipeline, GString * json)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessageType type = GST_MESSAGE_UNKNOWN;
  gboolean ok = TRUE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (ok && type != GST_MESSAGE_EOS) {
    GstMessage *message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);

    type = GST_MESSAGE_TYPE (message);
    if (type == GST_MESSAGE_ERROR)
      ok = print_error (message);
    else if (type == GST_MESSAGE_ELEMENT)
      append_message (json, message);
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return ok;
}

int
main (int argc, char **argv)
{
  GString *json = g_string_new (NULL);
  GstElement *pipeline = NULL;
  GError *error = NULL;
  gboolean ok = FALSE;
  gint64 started;

  gst_init (&argc, &argv);
  if (argc != 2) {
    g_printerr ("Usage: time-pipeline DESCRIPTION\n");
    goto out;
  }
  pipeline = gst_parse_launch_full (argv[1], NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!pipeline) {
    g_printerr ("time-pipeline: %s\n", error->message);
    goto out;
  }
  started = g_get_monotonic_time ();
  ok = run (pipeline, json);
  if (ok)
    printf ("{\"playing\": %.6f%s}\n", (g_get_monotonic_time () - started) / 1e6, json->str);

out:
  if (pipeline)
    gst_element_set_state (pipeline, GST_STATE_NULL);
  g_clear_error (&error);
  gst_clear_object (&pipeline);
  g_string_free (json, TRUE);
  gst_deinit ();
  return ok ? 0 : 1;
}
