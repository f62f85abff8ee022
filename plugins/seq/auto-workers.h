/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/gstseqfunctions.h>

G_BEGIN_DECLS

/* Threads for the property `workers` of an element, -1 = auto: one less than gst_seq_workers()
 * says, for the streaming thread works, too, while it waits for them, and one thread more than there
 * are processors costs more than it does. At least 1: downstream may keep the streaming thread. */
static inline guint
gst_seq_auto_workers (gint n_gpus, gint requested)
{
  guint workers = gst_seq_workers (n_gpus, 0, requested);

  return requested < 0 && workers > 1 ? workers - 1 : workers;
}

G_END_DECLS
