/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The position of a pipeline is that of its source. With a sort over the whole input the source
 * is at its end long before the sink, so the records at the sink are shown too. */

#include "seqrun-progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TERMINAL_TICK_MS 200
#define LINE_TICK_MS 5000
#define BAR_WIDTH 24
#define DEFAULT_COLUMNS 80

struct _SeqrunProgress
{
  GstElement *pipeline;
  SeqrunAccount *account;
  gboolean terminal;
  gboolean drawn;
  guint source;
  gint64 started;
};

/* How much of the input has been read, 0 to 1, or -1 where the source can't tell. */
static gdouble
query_fraction (GstElement * pipeline)
{
  gint64 position, duration;

  if (gst_element_query_position (pipeline, GST_FORMAT_PERCENT, &position))
    return CLAMP ((gdouble) position / GST_FORMAT_PERCENT_MAX, 0.0, 1.0);
  if (gst_element_query_position (pipeline, GST_FORMAT_BYTES, &position)
      && gst_element_query_duration (pipeline, GST_FORMAT_BYTES, &duration) && duration > 0)
    return CLAMP ((gdouble) position / duration, 0.0, 1.0);
  return -1.0;
}

/* 1234567 as 1,234,567, which is easier to follow when it runs. */
static void
append_number (GString * text, guint64 number)
{
  gchar digits[32];
  gsize n = g_snprintf (digits, sizeof digits, "%" G_GUINT64_FORMAT, number);

  for (gsize i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0)
      g_string_append_c (text, ',');
    g_string_append_c (text, digits[i]);
  }
}

static void
append_time (GString * text, gdouble seconds)
{
  guint64 whole = (guint64) (seconds + 0.5);

  if (whole >= 3600)
    g_string_append_printf (text, "%" G_GUINT64_FORMAT ":%02u:%02u", whole / 3600,
        (guint) (whole / 60 % 60), (guint) (whole % 60));
  else
    g_string_append_printf (text, "%u:%02u", (guint) (whole / 60), (guint) (whole % 60));
}

static void
append_bar (GString * text, gdouble fraction)
{
  guint full = (guint) (fraction * BAR_WIDTH);

  g_string_append_c (text, '[');
  for (guint i = 0; i < BAR_WIDTH; i++)
    g_string_append_c (text, i < full ? '=' : i == full ? '>' : ' ');
  g_string_append (text, "] ");
}

static GString *
describe (SeqrunProgress * self)
{
  GString *text = g_string_new (NULL);
  gdouble fraction = query_fraction (self->pipeline);
  gdouble seconds = (g_get_monotonic_time () - self->started) / 1e6;
  gint64 records;

  if (fraction >= 0 && self->terminal)
    append_bar (text, fraction);
  if (fraction >= 0)
    g_string_append_printf (text, "%3.0f %% ", 100 * fraction);
  if (gst_element_query_position (self->pipeline, GST_FORMAT_DEFAULT, &records) && records >= 0) {
    append_number (text, records);
    g_string_append (text, " records in, ");
  }
  append_number (text, seqrun_account_get_arrived (self->account));
  g_string_append (text, " out, ");
  append_time (text, seconds);
  if (records > 0 && seconds > 0) {
    g_string_append (text, ", ");
    append_number (text, (guint64) (records / seconds));
    g_string_append (text, " records/s");
  }
  if (fraction > 0 && fraction < 1) {
    g_string_append (text, ", ");
    append_time (text, seconds * (1 - fraction) / fraction);
    g_string_append (text, " left");
  }
  return text;
}

static gsize
terminal_columns (void)
{
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return DEFAULT_COLUMNS;
}

static gboolean
tick (gpointer data)
{
  SeqrunProgress *self = data;
  GString *text = describe (self);

  if (self->terminal) {
    /* a line that wraps could not be drawn over */
    g_string_truncate (text, MIN (text->len, terminal_columns () - 1));
    g_printerr ("\r\033[K%s", text->str);
    self->drawn = TRUE;
  } else {
    g_printerr ("%s\n", text->str);
  }
  g_string_free (text, TRUE);
  return G_SOURCE_CONTINUE;
}

SeqrunProgress *
seqrun_progress_start (GstElement * pipeline, SeqrunAccount * account)
{
  const gchar *term = g_getenv ("TERM");
  SeqrunProgress *self = g_new0 (SeqrunProgress, 1);

  self->pipeline = gst_object_ref (pipeline);
  self->account = account;
  self->terminal = isatty (STDERR_FILENO) && term && !g_str_equal (term, "dumb");
  self->started = g_get_monotonic_time ();
  self->source = g_timeout_add (self->terminal ? TERMINAL_TICK_MS : LINE_TICK_MS, tick, self);
  return self;
}

void
seqrun_progress_clear (SeqrunProgress * self)
{
  if (self && self->drawn)
    g_printerr ("\r\033[K");
  if (self)
    self->drawn = FALSE;
}

void
seqrun_progress_stop (SeqrunProgress * self)
{
  if (!self)
    return;
  seqrun_progress_clear (self);
  g_source_remove (self->source);
  gst_object_unref (self->pipeline);
  g_free (self);
}
