/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the fuzz targets share. Each is one file with one function, LLVMFuzzerTestOneInput(), which
 * aborts where a property does not hold. It is linked with libFuzzer, which makes inputs up, or
 * with driver.c, which takes them from the corpus.
 *
 * An input is read from its front: first bytes that choose (a configuration, where to split), then
 * what is worked on. Where it has ended, all choices are 0; so another choice at the end of the
 * others leaves the corpus as good as it was, apart from the bytes that it takes. */

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 * data, gsize size);

typedef struct
{
  const guint8 *data;
  gsize size;
} FuzzInput;

static inline guint8
fuzz_take_byte (FuzzInput * in)
{
  if (in->size == 0)
    return 0;
  in->size--;
  return *in->data++;
}

/* 0 … n - 1; n: at most 256 */
static inline guint
fuzz_choose (FuzzInput * in, guint n)
{
  return fuzz_take_byte (in) % n;
}

static inline guint32
fuzz_take_u16 (FuzzInput * in)
{
  guint32 low = fuzz_take_byte (in);

  return low | (guint32) fuzz_take_byte (in) << 8;
}

static inline guint32
fuzz_take_u32 (FuzzInput * in)
{
  guint32 low = fuzz_take_u16 (in);

  return low | fuzz_take_u16 (in) << 16;
}

/* Numbers that follow from a seed, for splits: Marsaglia's xorshift (2003), which 0 would stop. */
static inline guint32
fuzz_random (guint32 * state)
{
  guint32 x = *state | 1;

  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

/* The size of the next piece of `rest` bytes, 1 at least: mostly a few bytes, now and then many. */
static inline gsize
fuzz_piece (guint32 * state, gsize rest)
{
  guint32 x = fuzz_random (state);

  return MIN (rest, 1 + (x & 7 ? (x >> 8) % 8 : (x >> 8) % 4096));
}
