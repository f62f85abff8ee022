/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_LOADER (gst_seq_loader_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqLoader, gst_seq_loader, GST, SEQ_LOADER, GstBin)

GST_ELEMENT_REGISTER_DECLARE (seqloader)

G_END_DECLS
