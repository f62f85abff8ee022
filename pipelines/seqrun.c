/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a pipeline that is written down as text, and says at the end whether every record arrived.
 * An example of how an application embeds GStreamer: a description, a main loop, a bus watch. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>
#include <gst/gst.h>

#include "seqrun-account.h"
#include "seqrun-progress.h"
#include "seqrun-settings.h"

enum
{
  EXIT_OK = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_MISSING = 3,
  EXIT_INTERRUPTED = 130,
};

typedef struct
{
  GMainLoop *loop;
  GstElement *pipeline;
  SeqrunAccount *account;
  SeqrunProgress *progress;
  guint n_interrupts;
  gboolean failed;
  gboolean ended;
} Run;

static gboolean quiet;
static gchar **arguments;

static const GOptionEntry options[] = {
  {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress and no account; errors only", NULL},
  {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments, NULL,
      "DESCRIPTION [ELEMENT.PROPERTY=VALUE ...]"},
  {NULL}
};

static const gchar summary[] =
    "Runs a GStreamer pipeline, shows its progress, and closes with an account of the records.\n\n"
    "DESCRIPTION is a file (lines that start with # are comments) or, in one argument, a\n"
    "pipeline as gst-launch-1.0 takes it. Each ELEMENT.PROPERTY=VALUE changes one property\n"
    "before the pipeline starts; ELEMENT is a name of the description (name=sort) or a kind of\n"
    "element that it has once (seqsort).";

static const gchar details[] =
    "Ctrl-C ends the input and lets the records that were read arrive; a second one stops at\n"
    "once.\n\n"
    "Each branch of a pipeline is to get all records, as behind a tee. Where they are split\n"
    "between branches (output-selector) those of the others count as missing.\n\n"
    "Exit status:\n"
    "  0    every record arrived\n"
    "  1    an element failed\n"
    "  2    the command, the description or a setting is wrong\n"
    "  3    the pipeline ended, but records are missing\n"
    "  130  interrupted\n\n"
    "Examples:\n"
    "  seqrun esm2.launch src.location=proteins.fa.gz batch.max-tokens=32768\n"
    "  seqrun 'seqsrc location=in.fq.gz ! seqsort ! seqenc ! filesink location=out.fq'";

/* ---- description ---- */

static gchar *
strip_comments (const gchar * text)
{
  gchar **lines = g_strsplit (text, "\n", -1);
  gchar *stripped;

  for (guint i = 0; lines[i]; i++)
    if (g_str_has_prefix (g_strchug (lines[i]), "#"))
      lines[i][0] = '\0';
  stripped = g_strjoinv ("\n", lines);
  g_strfreev (lines);
  return stripped;
}

static gchar *
load_description (const gchar * argument, GError ** error)
{
  gchar *text, *description;

  if (!g_str_has_suffix (argument, ".launch") && !g_file_test (argument, G_FILE_TEST_IS_REGULAR))
    return g_strdup (argument);
  if (!g_file_get_contents (argument, &text, NULL, error))
    return NULL;
  description = strip_comments (text);
  g_free (text);
  return description;
}

static GstElement *
build_pipeline (gchar ** args, GError ** error)
{
  gchar *description = load_description (args[0], error);
  GError *parse_error = NULL;
  GstElement *pipeline = NULL, *element;

  if (!description)
    return NULL;
  element = gst_parse_launch (description, &parse_error);
  g_free (description);
  if (element)
    gst_object_ref_sink (element);
  if (parse_error) {            /* with or without an element: half a pipeline is none */
    g_propagate_prefixed_error (error, parse_error, "%s: ", args[0]);
    gst_clear_object (&element);
    return NULL;
  }
  if (GST_IS_PIPELINE (element)) {
    pipeline = element;
  } else {
    pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
    gst_bin_add (GST_BIN (pipeline), element);
    gst_object_unref (element);
  }
  for (guint i = 1; args[i]; i++) {
    gboolean done = FALSE;

    if (seqrun_is_setting (args[i]))
      done = seqrun_apply_setting (GST_BIN (pipeline), args[i], error);
    else
      g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_SYNTAX,
          "'%s' is not of the form element.property=value (a description is one argument, so put "
          "it in quotes)", args[i]);
    if (!done) {
      gst_clear_object (&pipeline);
      break;
    }
  }
  return pipeline;
}

/* ---- messages ---- */

/* location: x.fa, line: 3, … of the message's details; not what is empty. */
static gboolean
append_detail (GQuark field, const GValue * value, gpointer data)
{
  GString *text = data;
  gchar *shown = G_VALUE_HOLDS_STRING (value) ? g_value_dup_string (value) :
      gst_value_serialize (value);

  if (shown && *shown)
    g_string_append_printf (text, "%s%s %s", text->len > 0 ? ", " : "", g_quark_to_string (field),
        shown);
  g_free (shown);
  return TRUE;
}

/* Elements put the system's reason behind "file(line): function (): path:". */
static const gchar *
reason_of (const gchar * debug)
{
  const gchar *newline = debug ? strchr (debug, '\n') : NULL;

  return newline && newline[1] ? newline + 1 : NULL;
}

static void
print_problem (Run * run, GstMessage * message)
{
  gboolean is_error = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
  const GstStructure *found = NULL;
  GString *where = g_string_new (NULL);
  GError *error = NULL;
  gchar *debug = NULL;

  if (is_error) {
    gst_message_parse_error (message, &error, &debug);
    gst_message_parse_error_details (message, &found);
  } else {
    gst_message_parse_warning (message, &error, &debug);
    gst_message_parse_warning_details (message, &found);
  }
  if (found)
    gst_structure_foreach (found, append_detail, where);
  seqrun_progress_clear (run->progress);
  g_printerr ("seqrun: %s: %s: %s", is_error ? "error" : "warning", GST_MESSAGE_SRC_NAME (message),
      error->message);
  if (where->len > 0)
    g_printerr (" (%s)", where->str);
  if (reason_of (debug))
    g_printerr (": %s", reason_of (debug));
  g_printerr ("\n");
  g_string_free (where, TRUE);
  g_error_free (error);
  g_free (debug);
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer data)
{
  Run *run = data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      if (!run->failed)         /* what follows the first is its consequence */
        print_problem (run, message);
      run->failed = TRUE;
      /* a record that is cut where the input ended, say: those before it still arrive, up to EOS,
       * unless it is where they should arrive that failed; an error keeps sinks that wait for their
       * first buffer from playing, so they are told again */
      if (run->n_interrupts == 0
          || GST_OBJECT_FLAG_IS_SET (GST_MESSAGE_SRC (message), GST_ELEMENT_FLAG_SINK)
          || gst_element_set_state (run->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        g_main_loop_quit (run->loop);
      break;
    case GST_MESSAGE_WARNING:
      print_problem (run, message);
      break;
    case GST_MESSAGE_EOS:
      run->ended = TRUE;
      g_main_loop_quit (run->loop);
      break;
    case GST_MESSAGE_REQUEST_STATE:{
      GstState state;

      gst_message_parse_request_state (message, &state);
      gst_element_set_state (run->pipeline, state);
      break;
    }
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency (GST_BIN (run->pipeline));
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interrupt (gpointer data)
{
  Run *run = data;

  run->n_interrupts++;
  seqrun_progress_clear (run->progress);
  if (run->n_interrupts == 1) {
    g_printerr ("seqrun: interrupted; what was read goes to its end, once more stops at once\n");
    gst_element_send_event (run->pipeline, gst_event_new_eos ());
  } else {
    g_main_loop_quit (run->loop);
  }
  return G_SOURCE_CONTINUE;
}

/* ---- the run ---- */

/* The account belongs on standard output, unless the pipeline writes its records there. */
static FILE *
account_file (GstElement * pipeline)
{
  GstIterator *iterator = gst_bin_iterate_all_by_element_factory_name (GST_BIN (pipeline),
      "fdsink");
  GValue item = G_VALUE_INIT;
  FILE *file = gst_iterator_next (iterator, &item) == GST_ITERATOR_OK ? stderr : stdout;

  if (G_VALUE_TYPE (&item))
    g_value_unset (&item);
  gst_iterator_free (iterator);
  return file;
}

static gint
finish (Run * run, gdouble seconds)
{
  gboolean complete;

  if (!run->ended)              /* stopped by the second interrupt: what arrived is by chance */
    return run->failed ? EXIT_FAILED : EXIT_INTERRUPTED;
  if (!quiet)
    seqrun_account_print (run->account, account_file (run->pipeline), seconds);
  complete = seqrun_account_check (run->account, stderr);
  if (run->failed)
    return EXIT_FAILED;
  if (!complete)
    return EXIT_MISSING;
  return run->n_interrupts > 0 ? EXIT_INTERRUPTED : EXIT_OK;
}

static gint
run_pipeline (GstElement * pipeline)
{
  Run run = { .loop = g_main_loop_new (NULL, FALSE), .pipeline = pipeline };
  GstBus *bus = gst_element_get_bus (pipeline);
  guint sigint, sigterm;
  gint64 started = g_get_monotonic_time ();
  gint status;

  run.account = seqrun_account_new (GST_BIN (pipeline));
  gst_bus_add_watch (bus, on_message, &run);
  if (!quiet)
    run.progress = seqrun_progress_start (pipeline, run.account);

  /* a failure posts its error first; the main loop is where all errors are met */
  if (gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE
      && !gst_bus_have_pending (bus)) {
    g_printerr ("seqrun: error: the pipeline does not start\n");
    run.failed = TRUE;
  } else {
    /* only as long as the main loop takes notice of them: an element may block in a state change */
    sigint = g_unix_signal_add (SIGINT, on_interrupt, &run);
    sigterm = g_unix_signal_add (SIGTERM, on_interrupt, &run);
    g_main_loop_run (run.loop);
    g_source_remove (sigint);
    g_source_remove (sigterm);
  }
  seqrun_progress_stop (run.progress);
  run.progress = NULL;
  status = finish (&run, (g_get_monotonic_time () - started) / 1e6);

  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  seqrun_account_free (run.account);
  g_main_loop_unref (run.loop);
  return status;
}

/* Where the standard input, output or error is closed, the first file that is opened would be taken
 * for it: read as records, or written over with messages. Reading from what stands there instead
 * fails, as it does where it is closed. */
static void
hold_standard_descriptors (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0)
      (void) open ("/dev/null", O_WRONLY);      /* gets the lowest number, which is fd */
}

int
main (int argc, char **argv)
{
  GOptionContext *context = g_option_context_new (NULL);
  GstElement *pipeline = NULL;
  GError *error = NULL;
  gint status = EXIT_USAGE;

  hold_standard_descriptors ();
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, details);
  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error))
    goto out;
  if (!arguments) {
    g_set_error (&error, GST_PARSE_ERROR, GST_PARSE_ERROR_EMPTY,
        "no description given; see seqrun --help");
    goto out;
  }
  if ((pipeline = build_pipeline (arguments, &error)))
    status = run_pipeline (pipeline);

out:
  if (error)
    g_printerr ("seqrun: error: %s\n", error->message);
  g_clear_error (&error);
  gst_clear_object (&pipeline);
  g_option_context_free (context);
  g_strfreev (arguments);
  gst_deinit ();
  return status;
}
