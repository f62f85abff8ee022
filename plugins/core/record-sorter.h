/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sort-window.h"
#include "spill-run.h"

G_BEGIN_DECLS

/* Sorts any number of records in a given amount of memory.
 *
 * Records are collected in a window. What would pass the limit makes the window leave first, as a
 * sorted run in a file; at the end the rest leaves as well, and the runs are merged while the
 * records are taken out. Without a limit, or below it, everything stays in memory. The order is
 * the same either way, and so are the blocks that are filled (but for groups that come from files:
 * each of them starts a block).
 *
 * Many runs are merged in passes: as soon as there are 64 runs that have been merged equally
 * often, they become one, so that a record is written log64 (runs) times, and few files are open.
 *
 * Groups of a shuffle are sorted as the shuffle is merged, by a sorter of their own within the
 * same limit: a group may be larger than the limit, too.
 *
 * The limit holds for parts and what sorting them takes while records are collected (where a
 * single part is larger, that part's size does), and for the blocks of runs while they are merged,
 * but each run has at least 16 KiB. A record that is longer than a run's block is never read before
 * its turn has come, so one at a time is in memory.
 *
 * Begin; add parts; finish; then take_block, or peek and take, until peek says 0. Not thread-safe. */

typedef struct _SeqSorter SeqSorter;

#define SEQ_SORTER_ERROR (seq_sorter_error_quark ())
GQuark seq_sorter_error_quark (void);

/* beside those of SEQ_SPILL_ERROR */
typedef enum
{
  SEQ_SORTER_ERROR_NO_MEMORY,
  SEQ_SORTER_ERROR_TOO_MANY,    /* more records than a window can have, and no limit set */
  SEQ_SORTER_ERROR_TOO_LONG,    /* a record whose bytes no block can address */
} SeqSorterError;

typedef struct
{
  SeqSortOrder order;
  guint64 seed;
  gsize group;                  /* records in a group of GROUPED; 0 = all */
  guint64 max_bytes;            /* limit; 0 = none. NONE has no limit: it keeps nothing */
  const gchar *directory;       /* for runs; NULL as with seq_spill_run_new */
  gboolean (*interrupted) (gpointer data);      /* asked often while files are written and merged;
                                                 * TRUE ends that with an error; may be NULL */
  gpointer data;
} SeqSorterConfig;

/* Of one sort, from begin on. Times in ns. */
typedef struct
{
  guint64 records;
  guint64 runs;                 /* written from memory */
  guint64 passes;               /* merges that a record has gone through at most */
  guint64 spilled_bytes;        /* written to files, in merges as well */
  guint64 peak_bytes;           /* held at most */
  guint64 sort_time;            /* finding the order in memory */
  guint64 spill_time;           /* writing runs from memory */
  guint64 merge_time;           /* merging, and filling blocks that are taken out */
} SeqSorterStats;

SeqSorter *seq_sorter_new (void);
void seq_sorter_free (SeqSorter * self);

/* As seq_sort_window_set_idle_work; not for groups of a shuffle. */
void seq_sorter_set_idle_work (SeqSorter * self, SeqIdleWork * work);

/* Forgets all records and files. */
void seq_sorter_clear (SeqSorter * self);

/* Starts a sort, when there are no records. The directory is copied. */
void seq_sorter_begin (SeqSorter * self, const SeqSorterConfig * config);

guint64 seq_sorter_get_n_records (SeqSorter * self);    /* added since begin */

/* Takes the part and its owner, in any case. After an error: clear. */
gboolean seq_sorter_add (SeqSorter * self, const SeqSortPart * part, GError ** error);

gboolean seq_sorter_finish (SeqSorter * self, GError ** error);

/* How many records the next block has at most, 0 at the end, and how many bytes: no more than
 * `max_bytes`, unless a single record is longer. */
gboolean seq_sorter_peek (SeqSorter * self, gsize max_bytes, gsize max_records,
    gsize * n_records, gsize * size, GError ** error);

/* Fills the block that peek told, and says how much it really has. */
gboolean seq_sorter_take (SeqSorter * self, guint8 * out, GstSeqRecord * table,
    gsize * n_records, gsize * size, GError ** error);

/* As seq_sort_window_take_block. NULL wherever records have been in files. Then peek and take. */
gpointer seq_sorter_take_block (SeqSorter * self);

void seq_sorter_get_stats (SeqSorter * self, SeqSorterStats * stats);

G_END_DECLS
