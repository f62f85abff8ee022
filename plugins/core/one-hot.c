/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "one-hot.h"

#include <string.h>

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

#if defined (__x86_64__) && defined (__GNUC__)
#include <immintrin.h>

/* Two tokens a vector: each id is spread over four values and compared with the channels. Returns:
 * how many of the tokens are written, which come in eights. */
__attribute__ ((target ("avx2")))
static gsize
write_usual_avx2 (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  const __m256i channels = _mm256_setr_epi32 (0, 1, 2, 3, 0, 1, 2, 3);
  const __m256i ones = _mm256_castps_si256 (_mm256_set1_ps (1));
  /* which byte goes to each value; 0x80 makes a byte 0 */
  const __m256i pair = _mm256_setr_epi32 (0x80808000, 0x80808000, 0x80808000, 0x80808000,
      0x80808001, 0x80808001, 0x80808001, 0x80808001);
  gsize i, k;

  for (i = 0; i + 8 <= n; i += 8) {
    __m256i eight = _mm256_broadcastq_epi64 (_mm_loadl_epi64 ((const __m128i *) (ids + i)));

    for (k = 0; k < 8; k += 2) {
      __m256i spread = _mm256_shuffle_epi8 (eight,
          _mm256_add_epi32 (pair, _mm256_set1_epi32 ((gint) k)));

      _mm256_storeu_si256 ((__m256i *) (out + (i + k) * USUAL_CHANNELS),
          _mm256_and_si256 (_mm256_cmpeq_epi32 (spread, channels), ones));
    }
  }
  return i;
}

static gsize
write_usual_fast (const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  return __builtin_cpu_supports ("avx2") ? write_usual_avx2 (ids, n, out) : 0;
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
    i = write_usual_fast (ids, n, out);
    write_usual (rows, ids + i, n - i, out + i * USUAL_CHANNELS);
    return;
  }
  for (i = 0; i < n; i++)
    memcpy (out + i * n_channels, rows + (gsize) ids[i] * n_channels, n_channels * sizeof *out);
}
