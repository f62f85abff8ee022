/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_ENC (gst_seq_enc_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqEnc, gst_seq_enc, GST, SEQ_ENC, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (seqenc)

G_END_DECLS
