/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What cudamemguard costs a batch on the fake driver, which answers at once: against identity in
 * its place. Prints a line of names, then a line of nanoseconds a batch for each round. Argument:
 * rounds. */

#include "fakecuda-test.h"

#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES 100000

static const struct
{
  const gchar *name, *element;
} contestants[] = {
  {"guard", "cudamemguard interval=100 stats-interval=0"},
  {"identity", "identity"},
};

static gdouble
nanoseconds_a_batch (const gchar * element)
{
  gchar *line = g_strdup_printf ("fakesrc sizetype=empty num-buffers=%d ! %s ! fakesink", BATCHES,
      element);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstMessage *message;
  GstBus *bus;
  gint64 started, ended;

  g_assert_nonnull (pipeline);
  bus = gst_element_get_bus (pipeline);
  started = g_get_monotonic_time ();
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  ended = g_get_monotonic_time ();
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
  return (ended - started) * 1000.0 / BATCHES;
}

int
main (int argc, char **argv)
{
  gint round, rounds = argc > 1 ? atoi (argv[1]) : 5;
  CUdeviceptr model;
  guint i;

  gst_init (NULL, NULL);
  fake = fakecuda_find ();
  if (fake == NULL) {
    fprintf (stderr, "guard-cost: GST_SEQ_LIBCUDA is not the fake driver\n");
    return 77;
  }
  begin (NULL);                 /* with a context and memory in use, so that there is something to read */
  model = new_memory (512 * MIB);
  for (i = 0; i < G_N_ELEMENTS (contestants); i++) {
    printf ("%s%s", i > 0 ? " " : "", contestants[i].name);
    nanoseconds_a_batch (contestants[i].element);
  }
  printf ("\n");
  for (round = 0; round < rounds; round++)
    for (i = 0; i < G_N_ELEMENTS (contestants); i++)
      printf ("%.1f%s", nanoseconds_a_batch (contestants[i].element),
          i + 1 < G_N_ELEMENTS (contestants) ? " " : "\n");
  assert_ok (cu.MemFree (model));
  end ();
  return 0;
}
