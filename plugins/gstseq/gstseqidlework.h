/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/gstseqapi.h>

#include "idle-work.h"

G_BEGIN_DECLS

/* How elements share idle-work.h: a queue whose thread waits for buffers offers to help in its answer
 * to the ALLOCATION query of those who make them. Not installed. */

#define GST_TYPE_SEQ_IDLE_WORK (gst_seq_idle_work_get_type ())

GST_SEQ_API GType gst_seq_idle_work_get_type (void);

/* Puts it into the answer; the nearest to who asks holds. */
GST_SEQ_API void gst_seq_idle_work_offer (SeqIdleWork * work, GstQuery * query);

/* (transfer full): what is in it, or NULL. */
GST_SEQ_API SeqIdleWork *gst_seq_idle_work_from_query (GstQuery * query);

G_END_DECLS
