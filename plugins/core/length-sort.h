/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sorting of records by length, and seeded shuffles, in linear time.
 *
 * The sort works on small keys, one a record, and never sees the records themselves: the caller
 * fills an array of keys, sorts it, and fetches the records in the new order through `location`,
 * which is the caller's own (usually the number of the record in order of arrival).
 *
 * Every order is a function of ids, lengths and seed alone. Which order the keys came in, how
 * they were cut into blocks and which thread sorts them changes nothing, as long as no two keys
 * have the same id; keys with the same id keep the order that they came in.
 *
 * The method is a least-significant-digit radix sort of two arrays that are written in turn. Bits
 * that are the same in all keys cost nothing, and keys that come in the order of their ids, as
 * they do from a file, are sorted by the bits of the length only.
 *
 * No state, no allocation, nothing that fails; any number of threads may sort different arrays. */

typedef enum
{
  SEQ_SORT_ASCENDING,           /* by length, then by id */
  SEQ_SORT_DESCENDING,          /* longest first; records of one length by ascending id */
  SEQ_SORT_SHUFFLE,             /* by a 64-bit mix of id and seed */
  SEQ_SORT_GROUPED,             /* SHUFFLE, then each run of `group` keys by length and id */
  SEQ_SORT_NONE,                /* as they came */
} SeqSortOrder;

typedef struct
{
  guint64 id;
  guint32 length;
  guint32 location;
} SeqSortKey;

/* Sorts the n keys at `keys`, with `scratch`, room for another n keys, as working space. Returns
 * where the sorted keys are: `keys` or `scratch`; what is in the other one is undefined. The two
 * must not overlap. `seed` matters to SHUFFLE and GROUPED, `group` (keys in a group; 0 counts as
 * one group of all keys) to GROUPED. With n = 0 both may be NULL. */
SeqSortKey *seq_length_sort (SeqSortKey * keys, SeqSortKey * scratch, gsize n, SeqSortOrder order,
    guint64 seed, gsize group);

/* Where a record stands among all others, to merge what has been sorted in parts: records are
 * ordered by `first`, then by `second`, and keep the order that they came in where both are equal.
 * That is the order of seq_length_sort; for GROUPED it is the shuffle that groups are cut from. */
typedef struct
{
  guint64 first;
  guint64 second;
} SeqSortRank;

SeqSortRank seq_sort_rank (SeqSortOrder order, guint64 seed, guint64 id, guint32 length);

G_END_DECLS
