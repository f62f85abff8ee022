/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "length-sort.h"

#include <string.h>

/* Widest digit. The 256 places that a pass writes to in turn fit the first-level cache and its
 * address translation; with 2048 a pass takes twice as long, which the fewer passes don't repay. */
#define MAX_DIGIT_BITS 8

/* Below this many keys clearing the counters costs more than comparing. */
#define SMALL_SORT 64

typedef enum
{
  FIELD_ID,
  FIELD_LENGTH,
} KeyField;

/* What is the same in all keys need not be looked at. */
typedef struct
{
  guint64 id_diff;              /* bits in which ids differ */
  guint64 length_diff;          /* bits in which lengths differ */
  gboolean in_id_order;
} KeySurvey;

static KeySurvey
survey_keys (const SeqSortKey * keys, gsize n)
{
  KeySurvey s = { 0, 0, TRUE };
  guint64 last = n > 0 ? keys[0].id : 0;

  for (gsize i = 1; i < n; i++) {
    s.id_diff |= keys[i].id ^ keys[0].id;
    s.length_diff |= keys[i].length ^ keys[0].length;
    s.in_id_order &= keys[i].id >= last;
    last = keys[i].id;
  }
  return s;
}

/* One stable pass by `bits` bits from `shift` on. `flip` is 0, or all ones to sort downwards.
 * Inlined with a constant field, so that the loops hold no branch. */
static inline void
radix_pass (const SeqSortKey * restrict from, SeqSortKey * restrict to, gsize n, KeyField field,
    guint shift, guint bits, guint64 flip)
{
  gsize place[1 << MAX_DIGIT_BITS];
  gsize sum = 0;
  guint64 mask = (G_GUINT64_CONSTANT (1) << bits) - 1;

#define DIGIT(key) \
  ((((field == FIELD_ID ? (key).id : (guint64) (key).length) ^ flip) >> shift) & mask)

  memset (place, 0, sizeof (place[0]) << bits);
  for (gsize i = 0; i < n; i++)
    place[DIGIT (from[i])]++;
  for (gsize d = 0; d <= mask; d++) {
    gsize count = place[d];

    place[d] = sum;
    sum += count;
  }
  for (gsize i = 0; i < n; i++)
    to[place[DIGIT (from[i])]++] = from[i];

#undef DIGIT
}

/* Stable sort by one field, of which only the bits in `diff` differ. Returns the array of the two
 * that holds the result. */
static SeqSortKey *
sort_by_field (SeqSortKey * keys, SeqSortKey * spare, gsize n, KeyField field, guint64 diff,
    guint64 flip)
{
  guint shift, bits, passes, width;

  if (diff == 0)
    return keys;

  /* equal digits over the span of bits that matter: 12 bits are two passes of 6, not 8 and 4 */
  shift = __builtin_ctzll (diff);
  bits = 64 - __builtin_clzll (diff) - shift;
  passes = (bits + MAX_DIGIT_BITS - 1) / MAX_DIGIT_BITS;
  width = (bits + passes - 1) / passes;

  for (; passes > 0; passes--, shift += width) {
    SeqSortKey *sorted = spare;

    if (((diff >> shift) & ((G_GUINT64_CONSTANT (1) << width) - 1)) == 0)
      continue;
    if (field == FIELD_ID)
      radix_pass (keys, sorted, n, FIELD_ID, shift, width, flip);
    else
      radix_pass (keys, sorted, n, FIELD_LENGTH, shift, width, flip);
    spare = keys;
    keys = sorted;
  }
  return keys;
}

static inline gboolean
key_is_before (const SeqSortKey * a, const SeqSortKey * b)
{
  return a->length != b->length ? a->length < b->length : a->id < b->id;
}

/* Bottom-up merge sort by (length, id). */
static SeqSortKey *
merge_sort (SeqSortKey * keys, SeqSortKey * spare, gsize n)
{
  for (gsize run = 1; run < n; run *= 2) {
    SeqSortKey *merged = spare;

    for (gsize start = 0; start < n; start += 2 * run) {
      gsize i = start, middle = MIN (start + run, n);
      gsize j = middle, end = MIN (start + 2 * run, n);

      for (gsize k = start; k < end; k++) {
        if (i < middle && (j == end || !key_is_before (&keys[j], &keys[i])))
          merged[k] = keys[i++];
        else
          merged[k] = keys[j++];
      }
    }
    spare = keys;
    keys = merged;
  }
  return keys;
}

static SeqSortKey *
sort_by_length (SeqSortKey * keys, SeqSortKey * spare, gsize n, gboolean descending)
{
  KeySurvey survey = survey_keys (keys, n);
  SeqSortKey *sorted = keys;

  if (!survey.in_id_order) {
    sorted = sort_by_field (keys, spare, n, FIELD_ID, survey.id_diff, 0);
    if (sorted == spare)
      spare = keys;
  }
  return sort_by_field (sorted, spare, n, FIELD_LENGTH, survey.length_diff,
      descending ? G_MAXUINT64 : 0);
}

/* The finaliser of SplitMix64: a one-to-one map of 64-bit numbers whose results look random. */
static inline guint64
mix (guint64 x)
{
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

/* Its inverse: xorshifts undone by repeating them, products by the inverses modulo 2^64. */
static inline guint64
unmix (guint64 x)
{
  x = (x ^ (x >> 31) ^ (x >> 62)) * G_GUINT64_CONSTANT (0x319642b2d24d8ec3);
  x = (x ^ (x >> 27) ^ (x >> 54)) * G_GUINT64_CONSTANT (0x96de1b173f119089);
  return x ^ (x >> 30) ^ (x >> 60);
}

/* neighbouring seeds must not give shifted copies of one permutation */
static inline guint64
salt_of_seed (guint64 seed)
{
  return mix (seed + G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
}

static SeqSortKey *
shuffle (SeqSortKey * keys, SeqSortKey * spare, gsize n, guint64 seed)
{
  guint64 salt = salt_of_seed (seed);
  SeqSortKey *sorted;

  /* the mix is one-to-one, so it can stand in the id's place and be taken back afterwards: no
   * ties, and no room for a third field */
  for (gsize i = 0; i < n; i++)
    keys[i].id = mix (keys[i].id ^ salt);
  sorted = sort_by_field (keys, spare, n, FIELD_ID, survey_keys (keys, n).id_diff, 0);
  for (gsize i = 0; i < n; i++)
    sorted[i].id = unmix (sorted[i].id) ^ salt;
  return sorted;
}

static void
sort_groups (SeqSortKey * keys, SeqSortKey * spare, gsize n, gsize group)
{
  for (gsize start = 0, size; start < n; start += size) {
    SeqSortKey *sorted;

    size = MIN (group, n - start);
    if (size < SMALL_SORT)
      sorted = merge_sort (keys + start, spare + start, size);
    else
      sorted = sort_by_length (keys + start, spare + start, size, FALSE);
    if (sorted != keys + start)
      memcpy (keys + start, sorted, size * sizeof (SeqSortKey));
  }
}

SeqSortKey *
seq_length_sort (SeqSortKey * keys, SeqSortKey * scratch, gsize n, SeqSortOrder order,
    guint64 seed, gsize group)
{
  SeqSortKey *sorted = keys;

  switch (order) {
    case SEQ_SORT_ASCENDING:
    case SEQ_SORT_DESCENDING:
      sorted = sort_by_length (keys, scratch, n, order == SEQ_SORT_DESCENDING);
      break;
    case SEQ_SORT_SHUFFLE:
      sorted = shuffle (keys, scratch, n, seed);
      break;
    case SEQ_SORT_GROUPED:
      sorted = shuffle (keys, scratch, n, seed);
      sort_groups (sorted, sorted == keys ? scratch : keys, n, group > 0 ? group : n);
      break;
    case SEQ_SORT_NONE:
      break;
  }
  return sorted;
}

SeqSortRank
seq_sort_rank (SeqSortOrder order, guint64 seed, guint64 id, guint32 length)
{
  SeqSortRank rank = { 0, 0 };

  switch (order) {
    case SEQ_SORT_ASCENDING:
      rank = (SeqSortRank) { length, id };
      break;
    case SEQ_SORT_DESCENDING:
      rank = (SeqSortRank) { G_MAXUINT32 - length, id };
      break;
    case SEQ_SORT_SHUFFLE:
    case SEQ_SORT_GROUPED:
      rank.first = mix (id ^ salt_of_seed (seed));
      break;
    case SEQ_SORT_NONE:
      break;
  }
  return rank;
}
