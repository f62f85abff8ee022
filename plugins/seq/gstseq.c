/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>

#include "gstseqsort.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  gboolean ret = FALSE;

  ret |= GST_ELEMENT_REGISTER (seqsort, plugin);
  return ret;
}

#define PACKAGE "gst-seq"
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, seq,
    "Biological sequences: read, sort, tokenise, batch", plugin_init, PACKAGE_VERSION, "LGPL",
    "gst-seq", "https://github.com/gst-seq")
