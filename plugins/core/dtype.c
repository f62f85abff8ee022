/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dtype.h"

#include <string.h>

#include "simd.h"

/* Values in one round of a copying loop: a constant count is what lets the compiler use vectors at
 * any level of optimisation. What is left, which may be a whole row, goes in short rounds. */
#define ROUND 32
#define SHORT_ROUND 4

#define FILL(type) G_STMT_START { \
  type *to = out; \
  for (i = 0; i < n; i++) \
    to[i] = (type) value; \
} G_STMT_END

#define COPY(type) G_STMT_START { \
  type *restrict to = out; \
  for (; n >= ROUND; n -= ROUND, ids += ROUND, to += ROUND) \
    for (i = 0; i < ROUND; i++) \
      to[i] = (type) ids[i]; \
  for (; n >= SHORT_ROUND; n -= SHORT_ROUND, ids += SHORT_ROUND, to += SHORT_ROUND) \
    for (i = 0; i < SHORT_ROUND; i++) \
      to[i] = (type) ids[i]; \
  for (i = 0; i < n; i++) \
    to[i] = (type) ids[i]; \
} G_STMT_END

void
seq_dtype_fill (SeqDtype dtype, void *out, gsize n, gint64 value)
{
  gsize i;

  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      if (n > 0)
        memset (out, (gint) (value & 0xff), n);
      break;
    case SEQ_DTYPE_INT16:
      FILL (gint16);
      break;
    case SEQ_DTYPE_INT32:
      FILL (gint32);
      break;
    case SEQ_DTYPE_INT64:
      FILL (gint64);
      break;
  }
}

static SEQ_ALWAYS_INLINE void
convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  gsize i;

  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      COPY (guint8);
      break;
    case SEQ_DTYPE_INT16:
      COPY (gint16);
      break;
    case SEQ_DTYPE_INT32:
      COPY (gint32);
      break;
    case SEQ_DTYPE_INT64:
      COPY (gint64);
      break;
  }
}

static SEQ_ALWAYS_INLINE void
widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  gsize i;

  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      if (n > 0)
        memcpy (out, ids, n);
      break;
    case SEQ_DTYPE_INT16:
      COPY (gint16);
      break;
    case SEQ_DTYPE_INT32:
      COPY (gint32);
      break;
    case SEQ_DTYPE_INT64:
      COPY (gint64);
      break;
  }
}

#if SEQ_HAVE_X86_TARGETS

/* The same loop in wider registers */
SEQ_AVX2 static void
convert_avx2 (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  convert (dtype, out, ids, n);
}

/* A register, four at a time, is widened at once with what is loaded, and stores are the limit.
 * Compilers widen the same loop from each size to the next, which takes twice as long for int64, what
 * torch wants. */
#define WIDEN_REGISTERS(type, load, widened) G_STMT_START { \
  const gsize round = sizeof (__m256i) / sizeof (type); \
  type *restrict to = out; \
  for (; n >= 4 * round; n -= 4 * round, ids += 4 * round, to += 4 * round) { \
    WIDEN_REGISTER (0, load, widened); \
    WIDEN_REGISTER (round, load, widened); \
    WIDEN_REGISTER (2 * round, load, widened); \
    WIDEN_REGISTER (3 * round, load, widened); \
  } \
  for (; n >= round; n -= round, ids += round, to += round) \
    WIDEN_REGISTER (0, load, widened); \
  for (i = 0; i < n; i++) \
    to[i] = ids[i]; \
} G_STMT_END

/* what _mm_loadu_si32 is; gcc had it wrong before 11.3 */
SEQ_AVX2 static inline __m128i
load_four (const void * ids)
{
  gint32 four;

  memcpy (&four, ids, sizeof four);
  return _mm_cvtsi32_si128 (four);
}

#define WIDEN_REGISTER(at, load, widened) \
  _mm256_storeu_si256 ((__m256i *) (to + (at)), widened (load ((const void *) (ids + (at)))))

SEQ_AVX2 static void
widen_avx2 (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  gsize i;

  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      widen (dtype, out, ids, n);
      break;
    case SEQ_DTYPE_INT16:
      WIDEN_REGISTERS (gint16, _mm_loadu_si128, _mm256_cvtepu8_epi16);
      break;
    case SEQ_DTYPE_INT32:
      WIDEN_REGISTERS (gint32, _mm_loadl_epi64, _mm256_cvtepu8_epi32);
      break;
    case SEQ_DTYPE_INT64:
      WIDEN_REGISTERS (gint64, load_four, _mm256_cvtepu8_epi64);
      break;
  }
}

/* A line of the cache with each store, which compilers don't make of a loop, and one more for what
 * is left */
#define WIDEN(type, Mask, ids_in_line, load, widened, store) G_STMT_START { \
  type *to = out; \
  const Mask all = (Mask) ~0ull; \
  for (; n >= ids_in_line; n -= ids_in_line, ids += ids_in_line, to += ids_in_line) \
    store (to, all, widened (load (all, ids))); \
  store (to, (Mask) ((1ull << n) - 1), widened (load ((Mask) ((1ull << n) - 1), ids))); \
} G_STMT_END

SEQ_AVX512 static void
widen_avx512 (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      widen (dtype, out, ids, n);
      break;
    case SEQ_DTYPE_INT16:
      WIDEN (gint16, __mmask32, 32, _mm256_maskz_loadu_epi8, _mm512_cvtepu8_epi16,
          _mm512_mask_storeu_epi16);
      break;
    case SEQ_DTYPE_INT32:
      WIDEN (gint32, __mmask16, 16, _mm_maskz_loadu_epi8, _mm512_cvtepu8_epi32,
          _mm512_mask_storeu_epi32);
      break;
    case SEQ_DTYPE_INT64:
      WIDEN (gint64, __mmask8, 8, _mm_maskz_loadu_epi8, _mm512_cvtepu8_epi64,
          _mm512_mask_storeu_epi64);
      break;
  }
}

static void
widen_best (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  switch (seq_simd_level ()) {
    case SEQ_SIMD_AVX512:
      widen_avx512 (dtype, out, ids, n);
      break;
    case SEQ_SIMD_AVX2:
      widen_avx2 (dtype, out, ids, n);
      break;
    case SEQ_SIMD_NONE:
      widen (dtype, out, ids, n);
      break;
  }
}

void
seq_dtype_convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  if (seq_simd_level () >= SEQ_SIMD_AVX2)
    convert_avx2 (dtype, out, ids, n);
  else
    convert (dtype, out, ids, n);
}

/* Rows of a batch begin anywhere in a line of the cache, and a store over two lines takes as long as
 * two: the first ids go by themselves, up to where a line begins. */
void
seq_dtype_widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  const gsize size = seq_dtype_size (dtype);
  const gsize head = MIN (n, -GPOINTER_TO_SIZE (out) % 64 / size);

  widen_best (dtype, out, ids, head);
  widen_best (dtype, (guint8 *) out + head * size, ids + head, n - head);
}

#else

void
seq_dtype_convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  convert (dtype, out, ids, n);
}

void
seq_dtype_widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  widen (dtype, out, ids, n);
}

#endif
