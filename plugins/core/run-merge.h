/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "length-sort.h"
#include "spill-run.h"

G_BEGIN_DECLS

/* Merges sorted runs: of all their next records the first one in order is taken, again and again.
 *
 * A tree of losers finds it: each inner node remembers the run that lost there, so the next winner
 * is found by one comparison a level, log2 (runs) for a record. Runs stand in the order in which
 * their records came; that settles what ranks don't, so the merge is stable.
 *
 * Memory: of each run one block, and of a longer record nothing but its entry. */

typedef struct _SeqRunMerge SeqRunMerge;

/* Reads the first block of each run; the runs stay the caller's, and must stay alive. `order` and
 * `seed` are those by which the runs were sorted. `max_bytes`: the bytes of a longer record that
 * is a block of its own are left in the file until it is taken. */
SeqRunMerge *seq_run_merge_new (SeqSpillRun * const *runs, guint n_runs, SeqSortOrder order,
    guint64 seed, gsize max_bytes, GError ** error);
void seq_run_merge_free (SeqRunMerge * self);

/* Records that have not been taken. */
guint64 seq_run_merge_get_n_left (SeqRunMerge * self);

/* Bytes of memory that the runs have for reading. */
guint64 seq_run_merge_get_held (SeqRunMerge * self);

/* Bytes of the next record; only while there are some left. */
guint64 seq_run_merge_peek_size (SeqRunMerge * self);

/* Takes the next records, as many as `capacity` bytes and `max_records` hold, and puts their bytes
 * to `out`, one record behind the other, their entries to `table`. The first one must fit. Sets
 * how many they are, and their bytes. */
gboolean seq_run_merge_take (SeqRunMerge * self, guint8 * out, gsize capacity,
    GstSeqRecord * table, gsize max_records, gsize * n_records, gsize * size, GError ** error);

G_END_DECLS
