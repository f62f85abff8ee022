/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_SRC (gst_seq_src_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqSrc, gst_seq_src, GST, SEQ_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE (seqsrc)

G_END_DECLS
