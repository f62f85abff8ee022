/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_DEC (gst_seq_dec_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqDec, gst_seq_dec, GST, SEQ_DEC, GstElement)

GST_ELEMENT_REGISTER_DECLARE (seqdec)

G_END_DECLS
