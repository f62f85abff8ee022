/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "simd.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Copying and searching loops of the parser: they go 64 bytes at a time, which is more than a usual
 * line of FASTA has, until a byte stops them, and copy and test in the same pass. Output needs 64
 * writable bytes behind what is copied. */

/* stops a sequence or quality line: blanks, line ends, control bytes */
static inline gboolean
seq_byte_is_space (guint8 byte)
{
  return byte <= ' ' || byte == 0x7f;
}

/* stops a header line: line ends, the zero byte, and what stands between them */
static inline gboolean
seq_byte_is_break (guint8 byte)
{
  return byte <= '\r';
}

#ifdef __SSE2__
static inline guint
seq_space_mask (__m128i v)
{
  /* unsigned v <= 0x20 is min (v, 0x20) == v */
  __m128i space = _mm_cmpeq_epi8 (_mm_min_epu8 (v, _mm_set1_epi8 (' ')), v);

  return _mm_movemask_epi8 (_mm_or_si128 (space, _mm_cmpeq_epi8 (v, _mm_set1_epi8 (0x7f))));
}

static inline guint
seq_break_mask (__m128i v)
{
  return _mm_movemask_epi8 (_mm_cmpeq_epi8 (_mm_min_epu8 (v, _mm_set1_epi8 ('\r')), v));
}

/* Copies 64 bytes; the result has a bit for each that `mask_of` has one for. */
static inline guint64
seq_copy_64 (const guint8 * in, guint8 * out, guint (*mask_of) (__m128i))
{
  const __m128i *from = (const __m128i *) in;
  __m128i *to = (__m128i *) out;
  __m128i a = _mm_loadu_si128 (from), b = _mm_loadu_si128 (from + 1);
  __m128i c = _mm_loadu_si128 (from + 2), d = _mm_loadu_si128 (from + 3);

  _mm_storeu_si128 (to, a);
  _mm_storeu_si128 (to + 1, b);
  _mm_storeu_si128 (to + 2, c);
  _mm_storeu_si128 (to + 3, d);
  return mask_of (a) | (guint64) mask_of (b) << 16 | (guint64) mask_of (c) << 32 |
      (guint64) mask_of (d) << 48;
}
#endif

/* Copies from *src to out up to the first byte that is a space or to end; moves *src there and
 * returns the number of bytes copied. */
static inline gsize
seq_copy_until_space (const guint8 ** src, const guint8 * end, guint8 * out)
{
  const guint8 *in = *src;
  gsize n = 0, size = end - in;

#ifdef __SSE2__
  for (; size - n >= 64; n += 64) {
    guint64 mask = seq_copy_64 (in + n, out + n, seq_space_mask);

    if (mask != 0) {
      n += __builtin_ctzll (mask);
      *src = in + n;
      return n;
    }
  }
#endif
  for (; n < size && !seq_byte_is_space (in[n]); n++)
    out[n] = in[n];
  *src = in + n;
  return n;
}

/* The same up to the first break. */
static inline gsize
seq_copy_until_break (const guint8 ** src, const guint8 * end, guint8 * out)
{
  const guint8 *in = *src;
  gsize n = 0, size = end - in;

#ifdef __SSE2__
  for (; size - n >= 64; n += 64) {
    guint64 mask = seq_copy_64 (in + n, out + n, seq_break_mask);

    if (mask != 0) {
      n += __builtin_ctzll (mask);
      *src = in + n;
      return n;
    }
  }
#endif
  for (; n < size && !seq_byte_is_break (in[n]); n++)
    out[n] = in[n];
  *src = in + n;
  return n;
}

/* bytes that the loops copy at a time */
#define SEQ_COPY_STEP ((gsize) 64)

#ifdef __SSE2__

/* Copies SEQ_COPY_STEP bytes; the result has a bit for each that is a space. */
typedef guint64 (*SeqCopyStep) (const guint8 * in, guint8 * out);

static inline guint64
seq_copy_step (const guint8 * in, guint8 * out)
{
  return seq_copy_64 (in, out, seq_space_mask);
}

/* Copies lines of `width` residues and `ending` bytes that end them, 2 with a carriage return, for
 * as long as they are no other than that, a letter begins the line behind, and src is not past
 * `last`. Where the next line begins does not hang on what is found in this one, so that the
 * processor works on several at a time. Input is read, and output written, up to a step past the
 * residues of a line. Returns how many lines there were. */
static SEQ_ALWAYS_INLINE gsize
seq_copy_lines (SeqCopyStep copy, const guint8 * src, const guint8 * last, guint8 * out,
    gsize width, guint ending)
{
  const gsize stride = width + ending;
  const guint8 first_ending = ending == 2 ? '\r' : '\n';
  gsize n_lines = 0;

  for (; src <= last; src += stride, out += width, n_lines++) {
    guint64 spaces = 0;
    gsize n = 0;

    while (n < width && (spaces = copy (src + n, out + n)) == 0)
      n += SEQ_COPY_STEP;
    if (G_UNLIKELY ((spaces != 0 && n + __builtin_ctzll (spaces) < width)
            || src[width] != first_ending || src[stride - 1] != '\n'
            || !g_ascii_isalpha (src[stride])))
      break;
  }
  return n_lines;
}

#endif

/* The first break in in … end, or end. */
static inline const guint8 *
seq_find_break (const guint8 * in, const guint8 * end)
{
#ifdef __SSE2__
  for (; end - in >= 16; in += 16) {
    guint mask = seq_break_mask (_mm_loadu_si128 ((const __m128i *) in));

    if (mask != 0)
      return in + __builtin_ctz (mask);
  }
#endif
  while (in < end && !seq_byte_is_break (*in))
    in++;
  return in;
}
