/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_TRANSLATE (gst_seq_translate_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqTranslate, gst_seq_translate, GST, SEQ_TRANSLATE, GstElement)

GST_ELEMENT_REGISTER_DECLARE (seqtranslate)

G_END_DECLS
