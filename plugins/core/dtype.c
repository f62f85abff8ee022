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

/* The same loops in wider registers: for int64, what torch wants, stores are the limit. */
SEQ_AVX2 static void
convert_avx2 (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  convert (dtype, out, ids, n);
}

SEQ_AVX2 static void
widen_avx2 (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  widen (dtype, out, ids, n);
}

/* A line of the cache with each store, which compilers don't make of a loop. Returns: how many ids
 * are done; what is left is less than a store. */
SEQ_AVX512 static gsize
widen_vectors (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  gsize i = 0;

  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      break;
    case SEQ_DTYPE_INT16:
      for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512 ((gint16 *) out + i,
            _mm512_cvtepu8_epi16 (_mm256_loadu_si256 ((const __m256i *) (ids + i))));
      break;
    case SEQ_DTYPE_INT32:
      for (; i + 16 <= n; i += 16)
        _mm512_storeu_si512 ((gint32 *) out + i,
            _mm512_cvtepu8_epi32 (_mm_loadu_si128 ((const __m128i *) (ids + i))));
      break;
    case SEQ_DTYPE_INT64:
      for (; i + 8 <= n; i += 8)
        _mm512_storeu_si512 ((gint64 *) out + i,
            _mm512_cvtepu8_epi64 (_mm_loadl_epi64 ((const __m128i *) (ids + i))));
      break;
  }
  return i;
}

void
seq_dtype_convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  if (seq_simd_level () >= SEQ_SIMD_AVX2)
    convert_avx2 (dtype, out, ids, n);
  else
    convert (dtype, out, ids, n);
}

void
seq_dtype_widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  gsize done = seq_simd_level () >= SEQ_SIMD_AVX512 ? widen_vectors (dtype, out, ids, n) : 0;

  out = (guint8 *) out + done * seq_dtype_size (dtype);
  if (seq_simd_level () >= SEQ_SIMD_AVX2)
    widen_avx2 (dtype, out, ids + done, n - done);
  else
    widen (dtype, out, ids + done, n - done);
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
