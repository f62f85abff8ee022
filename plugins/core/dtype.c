/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dtype.h"

#include <string.h>

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

#if defined (__x86_64__) && defined (__GNUC__)
#define HAVE_AVX2_TARGET 1
#define ALWAYS_INLINE inline __attribute__ ((always_inline))
#else
#define HAVE_AVX2_TARGET 0
#define ALWAYS_INLINE inline
#endif

static ALWAYS_INLINE void
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

static ALWAYS_INLINE void
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

#if HAVE_AVX2_TARGET

/* The same loops in wider registers: for int64, what torch wants, stores are the limit. */
__attribute__ ((target ("avx2")))
static void
convert_avx2 (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  convert (dtype, out, ids, n);
}

__attribute__ ((target ("avx2")))
static void
widen_avx2 (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  widen (dtype, out, ids, n);
}

#define FASTEST(function) (__builtin_cpu_supports ("avx2") ? function ## _avx2 : function)
#else
#define FASTEST(function) function
#endif

void
seq_dtype_convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n)
{
  FASTEST (convert) (dtype, out, ids, n);
}

void
seq_dtype_widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n)
{
  FASTEST (widen) (dtype, out, ids, n);
}
