/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "record-sorter.h"

G_BEGIN_DECLS

/* The properties of seqsort. */

/* guarded by the object lock of the element */
typedef struct
{
  SeqSortOrder order;
  guint window;
  guint64 seed;
  guint64 max_bytes;
  gchar *spill_directory;
} GstSeqSortSettings;

typedef enum
{
  GST_SEQ_SORT_PROP_0,
  GST_SEQ_SORT_PROP_ORDER,
  GST_SEQ_SORT_PROP_WINDOW,
  GST_SEQ_SORT_PROP_SEED,
  GST_SEQ_SORT_PROP_MAX_BYTES,
  GST_SEQ_SORT_PROP_SPILL_DIRECTORY,
  GST_SEQ_SORT_PROP_STATS,
} GstSeqSortProp;

void gst_seq_sort_settings_init (GstSeqSortSettings * settings);
void gst_seq_sort_settings_clear (GstSeqSortSettings * settings);
void gst_seq_sort_settings_install (GObjectClass * klass);

/* FALSE if there is no such setting */
gboolean gst_seq_sort_settings_set (GstSeqSortSettings * settings, guint prop,
    const GValue * value);
gboolean gst_seq_sort_settings_get (const GstSeqSortSettings * settings, guint prop,
    GValue * value);

/* What the sorter has to know of them; the directory stays the settings'. */
void gst_seq_sort_settings_configure (const GstSeqSortSettings * settings,
    SeqSorterConfig * config);

G_END_DECLS
