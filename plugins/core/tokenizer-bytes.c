/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

/* The inner loop of all tokenizers that give every letter an id below 256. It runs over every
 * residue of the input, so on x86 it looks up sixteen at a time where the processor can. */

static guint64
map_bytes_plain (const guint8 table[256], guint8 marker, const guint8 *restrict in, gsize n,
    guint8 *restrict out)
{
  guint64 marked = 0;
  gsize i;

  for (i = 0; i < n; i++) {
    out[i] = table[in[i]];
    marked += out[i] == marker;
  }
  return marked;
}

#if defined (__x86_64__) && defined (__GNUC__)
#include <tmmintrin.h>

/* rounds of sixteen after which a count in bytes may be full */
#define ROUNDS 255

/* The upper-case letters and their neighbours, 0x40 to 0x5f, are two rows of sixteen table entries
 * that lie in registers. Residues outside, `-` and `*` and lower case, are rare in real data: a
 * vector that has one is looked up one by one. Markers are counted in each byte of a vector. */
__attribute__ ((target ("ssse3")))
static guint64
map_rounds_ssse3 (const guint8 table[256], guint8 marker, const guint8 *restrict in, gsize n,
    guint8 *restrict out)
{
  const __m128i low = _mm_loadu_si128 ((const __m128i *) (table + 0x40));
  const __m128i high = _mm_loadu_si128 ((const __m128i *) (table + 0x50));
  const __m128i marks = _mm_set1_epi8 ((gchar) marker), zero = _mm_setzero_si128 ();
  __m128i counts = zero;
  guint64 marked = 0;
  gsize i;

  for (i = 0; i < n; i += 16) {
    __m128i letters = _mm_loadu_si128 ((const __m128i *) (in + i));
    __m128i offsets = _mm_sub_epi8 (letters, _mm_set1_epi8 (0x40));
    __m128i in_high = _mm_cmpgt_epi8 (offsets, _mm_set1_epi8 (15));
    __m128i found, outside;

    /* offsets are signed: below 0x40 and from 0xc0 they are negative, from 0x60 above 31 */
    outside = _mm_or_si128 (_mm_cmpgt_epi8 (zero, offsets),
        _mm_cmpgt_epi8 (offsets, _mm_set1_epi8 (31)));
    if (G_UNLIKELY (_mm_movemask_epi8 (outside) != 0)) {
      marked += map_bytes_plain (table, marker, in + i, 16, out + i);
      continue;
    }
    /* a shuffle reads the four low bits, and gives 0 where the top bit is set */
    found = _mm_or_si128 (_mm_shuffle_epi8 (low, _mm_or_si128 (offsets, in_high)),
        _mm_shuffle_epi8 (high, _mm_or_si128 (offsets,
                _mm_andnot_si128 (in_high, _mm_set1_epi8 (-128)))));
    _mm_storeu_si128 ((__m128i *) (out + i), found);
    counts = _mm_sub_epi8 (counts, _mm_cmpeq_epi8 (found, marks));
  }
  counts = _mm_sad_epu8 (counts, zero);
  return marked + (guint64) _mm_extract_epi16 (counts, 0) + (guint64) _mm_extract_epi16 (counts, 4);
}

static guint64
map_bytes_ssse3 (const guint8 table[256], guint8 marker, const guint8 *restrict in, gsize n,
    guint8 *restrict out)
{
  guint64 marked = 0;

  while (n >= 16) {
    gsize some = MIN (n, 16 * ROUNDS) & ~(gsize) 15;

    marked += map_rounds_ssse3 (table, marker, in, some, out);
    in += some;
    out += some;
    n -= some;
  }
  return marked + map_bytes_plain (table, marker, in, n, out);
}

guint64
seq_tokenizer_map_bytes (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    gsize n, guint8 *restrict out)
{
  if (__builtin_cpu_supports ("ssse3"))
    return map_bytes_ssse3 (table, marker, in, n, out);
  return map_bytes_plain (table, marker, in, n, out);
}

#else

guint64
seq_tokenizer_map_bytes (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    gsize n, guint8 *restrict out)
{
  return map_bytes_plain (table, marker, in, n, out);
}

#endif
