/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_BATCH (gst_seq_batch_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqBatch, gst_seq_batch, GST, SEQ_BATCH, GstElement)

GST_ELEMENT_REGISTER_DECLARE (seqbatch)

G_END_DECLS
