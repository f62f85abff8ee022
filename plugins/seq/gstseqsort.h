/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_SEQ_SORT (gst_seq_sort_get_type ())
G_DECLARE_FINAL_TYPE (GstSeqSort, gst_seq_sort, GST, SEQ_SORT, GstElement)

GST_ELEMENT_REGISTER_DECLARE (seqsort)

G_END_DECLS
