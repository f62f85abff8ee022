/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <string.h>

#include "simd.h"

/* The inner loop of all tokenizers that give every letter an id below 256. It runs over every
 * residue of the input, so on x86 it looks up 32 or 64 at a time where the processor can. */

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

#if SEQ_HAVE_X86_TARGETS

#define VECTOR 32

/* Sixteen entries of the table, from `row` * 16 on, in both halves */
SEQ_AVX2 static inline __m256i
load_row (const guint8 table[256], guint row)
{
  return _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *) table + row));
}

/* The upper-case letters and their neighbours, 0x40 to 0x5f, are two rows, which lie in registers
 * over a loop. Others stand in `outside`; what is found for them means nothing. */
SEQ_AVX2 static inline __m256i
look_up_upper (const guint8 table[256], __m256i letters, __m256i * outside)
{
  __m256i offsets = _mm256_sub_epi8 (letters, _mm256_set1_epi8 (0x40));
  __m256i in_high = _mm256_cmpgt_epi8 (offsets, _mm256_set1_epi8 (15));

  /* offsets are signed: below 0x40 and from 0xc0 they are negative, from 0x60 above 31 */
  *outside = _mm256_or_si256 (offsets, _mm256_cmpgt_epi8 (offsets, _mm256_set1_epi8 (31)));
  /* a shuffle reads the four low bits, and gives 0 where the top bit is set */
  return _mm256_or_si256 (_mm256_shuffle_epi8 (load_row (table, 4),
          _mm256_or_si256 (offsets, in_high)), _mm256_shuffle_epi8 (load_row (table, 5),
          _mm256_or_si256 (offsets, _mm256_andnot_si256 (in_high, _mm256_set1_epi8 (-128)))));
}

/* All letters: lower case (half of a genome), `-` and `*` are in six rows, whatever else in sixteen. */
SEQ_AVX2 static inline __m256i
look_up_any (const guint8 table[256], __m256i letters)
{
  gboolean usual = _mm256_movemask_epi8 (_mm256_cmpgt_epi8 (_mm256_set1_epi8 (0x20), letters)) == 0;
  __m256i found = _mm256_setzero_si256 ();

  for (guint row = usual ? 2 : 0; row < (usual ? 8 : 16); row++) {
    __m256i offsets = _mm256_xor_si256 (letters, _mm256_set1_epi8 ((gchar) (row << 4)));

    /* what is above 15 gets its top bit set */
    offsets = _mm256_adds_epu8 (offsets, _mm256_set1_epi8 (0x70));
    found = _mm256_or_si256 (found, _mm256_shuffle_epi8 (load_row (table, row), offsets));
  }
  return found;
}

/* Only those of the VECTOR letters that `counted` has a bit for are looked at for markers. */
SEQ_AVX2 static inline guint
map_vector_avx2 (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    guint8 *restrict out, guint32 counted)
{
  __m256i letters = _mm256_loadu_si256 ((const __m256i *) in), outside;
  __m256i found = look_up_upper (table, letters, &outside);
  guint32 marks;

  if (G_UNLIKELY (_mm256_movemask_epi8 (outside) != 0))
    found = look_up_any (table, letters);
  _mm256_storeu_si256 ((__m256i *) out, found);
  marks = _mm256_movemask_epi8 (_mm256_cmpeq_epi8 (found, _mm256_set1_epi8 ((gchar) marker)));
  return __builtin_popcount (marks & counted);
}

SEQ_AVX2 static guint64
map_bytes_avx2 (const guint8 table[256], guint8 marker, const guint8 *restrict in, gsize n,
    guint8 *restrict out)
{
  guint8 letters[VECTOR], found[VECTOR];
  guint64 marked = 0;
  gsize i;

  for (i = 0; i + VECTOR <= n; i += VECTOR)
    marked += map_vector_avx2 (table, marker, in + i, out + i, G_MAXUINT32);
  if (i == n)
    return marked;
  if (n >= VECTOR)              /* the last vector, part of which is done already */
    return marked + map_vector_avx2 (table, marker, in + n - VECTOR, out + n - VECTOR,
        G_MAXUINT32 << (VECTOR - (n - i)));
  memset (letters, 'A', VECTOR);
  memcpy (letters, in, n);
  marked = map_vector_avx2 (table, marker, letters, found, ~(G_MAXUINT32 << n));
  memcpy (out, found, n);
  return marked;
}

#define WIDE 64

/* Half of the table, 128 entries, which one instruction looks up */
typedef struct
{
  __m512i low, high;
} HalfTable;

SEQ_AVX512 static inline HalfTable
load_half (const guint8 *entries)
{
  return (HalfTable) {
  _mm512_loadu_si512 (entries), _mm512_loadu_si512 (entries + WIDE)};
}

SEQ_AVX512 static inline __m512i
look_up_wide (const guint8 table[256], const HalfTable * ascii, __m512i letters)
{
  __mmask64 others = _mm512_movepi8_mask (letters);
  __m512i found = _mm512_permutex2var_epi8 (ascii->low, letters, ascii->high);

  if (G_UNLIKELY (others != 0)) {
    HalfTable half = load_half (table + 2 * WIDE);

    found = _mm512_mask_mov_epi8 (found, others,
        _mm512_permutex2var_epi8 (half.low, letters, half.high));
  }
  return found;
}

SEQ_AVX512 static guint64
map_bytes_avx512 (const guint8 table[256], guint8 marker, const guint8 *restrict in, gsize n,
    guint8 *restrict out)
{
  const HalfTable ascii = load_half (table);
  const __m512i markers = _mm512_set1_epi8 ((gchar) marker);
  guint64 marked = 0;
  __mmask64 rest;
  __m512i found;
  gsize i;

  for (i = 0; i + WIDE <= n; i += WIDE) {
    found = look_up_wide (table, &ascii, _mm512_loadu_si512 (in + i));
    _mm512_storeu_si512 (out + i, found);
    marked += (guint) __builtin_popcountll (_mm512_cmpeq_epi8_mask (found, markers));
  }
  if (i == n)
    return marked;
  rest = ~(G_MAXUINT64 << (n - i));
  found = look_up_wide (table, &ascii, _mm512_maskz_loadu_epi8 (rest, in + i));
  _mm512_mask_storeu_epi8 (out + i, rest, found);
  return marked
      + (guint) __builtin_popcountll (_mm512_mask_cmpeq_epi8_mask (rest, found, markers));
}

guint64
seq_tokenizer_map_bytes (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    gsize n, guint8 *restrict out)
{
  switch (seq_simd_level ()) {
    case SEQ_SIMD_AVX512:
      return map_bytes_avx512 (table, marker, in, n, out);
    case SEQ_SIMD_AVX2:
      return map_bytes_avx2 (table, marker, in, n, out);
    case SEQ_SIMD_NONE:
      break;
  }
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
