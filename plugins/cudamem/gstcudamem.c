/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>

#include "gstcudamemguard.h"
#include "gstpinnedqueue.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  return GST_ELEMENT_REGISTER (pinnedqueue, plugin)
      && GST_ELEMENT_REGISTER (cudamemguard, plugin);
}

#define PACKAGE "gst-seq"
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, cudamem,
    "Prefetch queue in pinned memory and watch over GPU memory", plugin_init, PACKAGE_VERSION,
    "LGPL", "gst-seq", "https://github.com/gst-seq")
