/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>

#include "gstseqbatch.h"
#include "gstseqdec.h"
#include "gstseqenc.h"
#include "gstseqloader.h"
#include "gstseqsort.h"
#include "gstseqsrc.h"
#include "gstseqtranslate.h"
#include "gstseqtypefind.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  gboolean ret = FALSE;

  ret |= GST_ELEMENT_REGISTER (seqsrc, plugin);
  ret |= GST_ELEMENT_REGISTER (seqdec, plugin);
  ret |= GST_ELEMENT_REGISTER (seqenc, plugin);
  ret |= GST_ELEMENT_REGISTER (seqsort, plugin);
  ret |= GST_ELEMENT_REGISTER (seqtranslate, plugin);
  ret |= GST_ELEMENT_REGISTER (seqbatch, plugin);
  ret |= GST_ELEMENT_REGISTER (seqloader, plugin);
  ret |= GST_TYPE_FIND_REGISTER (seqfasta, plugin);
  ret |= GST_TYPE_FIND_REGISTER (seqfastq, plugin);
  return ret;
}

#define PACKAGE "gst-seq"
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, seq,
    "Biological sequences: read, sort, translate, tokenise, batch", plugin_init, PACKAGE_VERSION, "LGPL",
    "gst-seq", "https://github.com/gst-seq")
