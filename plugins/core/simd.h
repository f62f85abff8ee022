/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#if defined (__x86_64__) && defined (__GNUC__)
#define SEQ_HAVE_X86_TARGETS 1
#include <immintrin.h>
#else
#define SEQ_HAVE_X86_TARGETS 0
#endif

G_BEGIN_DECLS

/* What makes one function of the code of another, with other instructions */
#ifdef __GNUC__
#define SEQ_ALWAYS_INLINE inline __attribute__ ((always_inline))
#else
#define SEQ_ALWAYS_INLINE inline
#endif

/* A function that only seq_simd_level() may lead to */
#define SEQ_AVX2 __attribute__ ((target ("avx2,popcnt")))
#define SEQ_AVX512 __attribute__ ((target ("avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")))

/* Which vector instructions the processor has, of those that some functions have a form for. */
typedef enum
{
  SEQ_SIMD_NONE,                /* what every processor of the architecture has */
  SEQ_SIMD_AVX2,                /* and popcnt: Haswell, Zen and later */
  SEQ_SIMD_AVX512               /* F, BW, VL and VBMI: Ice Lake, Zen 4 and later */
} SeqSimd;

/*< private >*/
extern SeqSimd seq_simd_used;

/* What may be used. Safe from any thread. */
static inline SeqSimd
seq_simd_level (void)
{
  return seq_simd_used;
}

/* For tests, which run all forms on one processor: nothing above `level` is used from now on.
 * Returns: what is used, which is less where the processor has less. Only while no other thread
 * runs. */
SeqSimd seq_simd_limit (SeqSimd level);

G_END_DECLS
