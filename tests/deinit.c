/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>

/* Linked into every test that uses GStreamer: the leaks tracer reports when GStreamer ends. */
static void __attribute__ ((destructor))
deinit (void)
{
  if (gst_is_initialized ())
    gst_deinit ();
}
