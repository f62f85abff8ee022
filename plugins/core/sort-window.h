/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/record.h>

#include "idle-work.h"
#include "length-sort.h"

G_BEGIN_DECLS

/* Records collected in memory, sorted, and copied out in their new order.
 *
 * A window borrows blocks of records (parts); it copies no record before it is asked for the sorted
 * ones. Then each part is released as soon as the last of its records has been copied. Add parts;
 * sort; then take blocks that are sorted as they are, or plan and copy one, until nothing is
 * left. Not thread-safe. */

typedef struct _SeqSortWindow SeqSortWindow;

typedef struct
{
  const GstSeqRecord *records;
  gsize n_records;              /* 1 or more */
  const guint8 *bytes;          /* what the offsets of the records count from */
  gsize held;                   /* bytes of memory that the part keeps from being freed */
  gboolean is_block;            /* all records of a block, which may leave as it is */
  gpointer owner;               /* not NULL */
  GDestroyNotify release;       /* of the owner */
} SeqSortPart;

/* Records of a window at most: the number of a record has 32 bits. */
#define SEQ_SORT_WINDOW_MAX_RECORDS ((gsize) G_MAXUINT32)

/* What sorting one record costs at most beside the bytes of its part, in bytes: its key, and the
 * key's place in the array that is sorted to. By length only, in the order of ids: 6 bytes. */
#define SEQ_SORT_WINDOW_RECORD_COST (2 * sizeof (SeqSortKey))

SeqSortWindow *seq_sort_window_new (void);
void seq_sort_window_free (SeqSortWindow * self);

/* Who may help to copy, instead of a thread of the window's own; NULL = nobody. */
void seq_sort_window_set_idle_work (SeqSortWindow * self, SeqIdleWork * work);

/* Releases all parts. */
void seq_sort_window_clear (SeqSortWindow * self);

gsize seq_sort_window_get_n_records (SeqSortWindow * self);

/* Bytes that are held: those of parts, and those that sorting takes. */
guint64 seq_sort_window_get_held (SeqSortWindow * self);

/* Takes the part and its owner. */
void seq_sort_window_add (SeqSortWindow * self, const SeqSortPart * part);

/* Once, before anything is planned. FALSE when the system has no memory; nothing has changed then. */
gboolean seq_sort_window_sort (SeqSortWindow * self, SeqSortOrder order, guint64 seed,
    gsize group);

/* Finds the next records in order: as many as `max_bytes` and `max_records` (1 or more) allow, but
 * at least one. Returns how many, 0 at the end; `size`: bytes that they take, G_MAXSIZE at most. */
gsize seq_sort_window_plan (SeqSortWindow * self, gsize max_bytes, gsize max_records,
    gsize * size);

/* Record `index` of those planned: its entry, and the bytes that its offsets count from. */
const GstSeqRecord *seq_sort_window_peek (SeqSortWindow * self, gsize index,
    const guint8 ** bytes);

/* Copies the planned records to `out`, one behind the other, each as name, residues and qualities,
 * and their entries with the new offsets to `table`. */
void seq_sort_window_copy (SeqSortWindow * self, guint8 * out, GstSeqRecord * table);

/* Lets the planned records go without a copy. */
void seq_sort_window_skip (SeqSortWindow * self);

/* Where the next records are those of a block as they lie in it, and more than it costs to copy,
 * gives them away with the part: returns its owner, which is the caller's to release. NULL where
 * they are not; then plan and copy, up to where such a block begins. */
gpointer seq_sort_window_take_block (SeqSortWindow * self);

/* Bytes of a record: name, residues, qualities. */
static inline guint64
seq_record_size (const GstSeqRecord * record)
{
  guint64 size = (guint64) record->name_len + record->seq_len;

  return record->qual == GST_SEQ_NO_QUALITY ? size : size + record->seq_len;
}

G_END_DECLS
