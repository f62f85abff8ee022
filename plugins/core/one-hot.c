/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "one-hot.h"

#include <string.h>

#include "simd.h"

/* The nucleotides: a vector of this size is moved as one. */
#define USUAL_CHANNELS 4

gfloat *
seq_one_hot_rows (guint n_tokens, guint n_channels)
{
  gfloat *rows = g_new0 (gfloat, (gsize) n_tokens * n_channels);
  guint i;

  for (i = 0; i < MIN (n_tokens, n_channels); i++)
    rows[(gsize) i * n_channels + i] = 1;
  return rows;
}

static void
write_usual (const gfloat *restrict rows, const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  gsize i;

  for (i = 0; i < n; i++)
    memcpy (out + i * USUAL_CHANNELS, rows + (gsize) ids[i] * USUAL_CHANNELS,
        USUAL_CHANNELS * sizeof *out);
}

#if SEQ_HAVE_X86_TARGETS

/* For a shuffle: that the three high bytes of a value become 0; the low one is that of the token
 * whose number is added */
#define LOW_BYTE ((gint) 0x80808000)

/* Two tokens a store: each id is spread over four values and compared with the channels. Returns:
 * how many of the tokens are written, which come in eights. */
SEQ_AVX2 static gsize
write_usual_avx2 (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  const __m256i channels = _mm256_setr_epi32 (0, 1, 2, 3, 0, 1, 2, 3);
  const __m256i ones = _mm256_castps_si256 (_mm256_set1_ps (1));
  const __m256i pair = _mm256_setr_epi32 (0, 0, 0, 0, 1, 1, 1, 1);
  gsize i, k;

  for (i = 0; i + 8 <= n; i += 8) {
    __m256i eight = _mm256_broadcastq_epi64 (_mm_loadl_epi64 ((const __m128i *) (ids + i)));

    for (k = 0; k < 8; k += 2) {
      __m256i spread = _mm256_shuffle_epi8 (eight,
          _mm256_add_epi32 (pair, _mm256_set1_epi32 (LOW_BYTE + (gint) k)));

      _mm256_storeu_si256 ((__m256i *) (out + (i + k) * USUAL_CHANNELS),
          _mm256_and_si256 (_mm256_cmpeq_epi32 (spread, channels), ones));
    }
  }
  return i;
}

/* Four tokens a store, which is a line of the cache, in the same way; they come in sixteens. */
SEQ_AVX512 static gsize
write_usual_avx512 (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  const __m512i channels = _mm512_set4_epi32 (3, 2, 1, 0);
  const __m512i four = _mm512_setr_epi32 (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  gsize i, k;

  for (i = 0; i + 16 <= n; i += 16) {
    __m512i sixteen = _mm512_broadcast_i32x4 (_mm_loadu_si128 ((const __m128i *) (ids + i)));

    for (k = 0; k < 16; k += 4) {
      __m512i spread = _mm512_shuffle_epi8 (sixteen,
          _mm512_add_epi32 (four, _mm512_set1_epi32 (LOW_BYTE + (gint) k)));

      _mm512_storeu_ps (out + (i + k) * USUAL_CHANNELS,
          _mm512_maskz_mov_ps (_mm512_cmpeq_epi32_mask (spread, channels), _mm512_set1_ps (1)));
    }
  }
  return i;
}

static gsize
write_usual_fast (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  switch (seq_simd_level ()) {
    case SEQ_SIMD_AVX512:
      return write_usual_avx512 (ids, n, out);
    case SEQ_SIMD_AVX2:
      return write_usual_avx2 (ids, n, out);
    case SEQ_SIMD_NONE:
      break;
  }
  return 0;
}

#else

static gsize
write_usual_fast (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  return 0;
}

#endif

void
seq_one_hot_write (const gfloat *restrict rows, guint n_channels, const guint8 *restrict ids,
    gsize n, gfloat *restrict out)
{
  gsize i;

  if (n_channels == USUAL_CHANNELS) {
    /* up to where a line of the cache begins, so that no store is over two */
    i = MIN (n, -GPOINTER_TO_SIZE (out) % 64 / (USUAL_CHANNELS * sizeof *out));
    write_usual (rows, ids, i, out);
    i += write_usual_fast (ids + i, n - i, out + i * USUAL_CHANNELS);
    write_usual (rows, ids + i, n - i, out + i * USUAL_CHANNELS);
    return;
  }
  for (i = 0; i < n; i++)
    memcpy (out + i * n_channels, rows + (gsize) ids[i] * n_channels, n_channels * sizeof *out);
}
