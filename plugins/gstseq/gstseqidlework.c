/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqidlework.h"

/* in the structure of an ALLOCATION query */
#define FIELD "gst-seq-idle-work"

GType
gst_seq_idle_work_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static ("GstSeqIdleWork",
            (GBoxedCopyFunc) seq_idle_work_ref, (GBoxedFreeFunc) seq_idle_work_unref));
  return type;
}

void
gst_seq_idle_work_offer (SeqIdleWork * work, GstQuery * query)
{
  gst_structure_set (gst_query_writable_structure (query), FIELD, GST_TYPE_SEQ_IDLE_WORK, work,
      NULL);
}

SeqIdleWork *
gst_seq_idle_work_from_query (GstQuery * query)
{
  SeqIdleWork *work = NULL;

  gst_structure_get (gst_query_get_structure (query), FIELD, GST_TYPE_SEQ_IDLE_WORK, &work, NULL);
  return work;
}
