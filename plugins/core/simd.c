/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simd.h"

SeqSimd seq_simd_used = SEQ_SIMD_NONE;

#if SEQ_HAVE_X86_TARGETS

static SeqSimd
processor_level (void)
{
  __builtin_cpu_init ();
  if (!__builtin_cpu_supports ("avx2") || !__builtin_cpu_supports ("popcnt"))
    return SEQ_SIMD_NONE;
  return __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw")
      && __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512vbmi")
      ? SEQ_SIMD_AVX512 : SEQ_SIMD_AVX2;
}

/* Before any thread can ask */
__attribute__ ((constructor))
static void
find_level (void)
{
  seq_simd_used = processor_level ();
}

#else

static SeqSimd
processor_level (void)
{
  return SEQ_SIMD_NONE;
}

#endif

SeqSimd
seq_simd_limit (SeqSimd level)
{
  return seq_simd_used = MIN (level, processor_level ());
}
