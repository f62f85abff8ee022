/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdlib.h>
#include <string.h>

G_BEGIN_DECLS

/* Copies of more than some kB are `rep movsb` in libc and in the kernel, and with that AMD's Zen 3
 * and 4 copy at 2 GB/s, a twentieth of their speed, where within a page the destination lies 1 to
 * 63 bytes behind the source. Files have their pages, and malloc's large pieces of memory begin 16
 * bytes behind one: to read() into those is the slow case, always. */

#define SEQ_PAGE ((gsize) 4096)

/* bytes that libc copies with vector registers still */
#define SEQ_COPY_PIECE ((gsize) 2048)

/* Memory of `size` bytes to read() into, 1 or more: it begins with a page. NULL when the system has
 * none; goes with free(). */
static inline guint8 *
seq_read_buffer_new (gsize size)
{
  gpointer memory;

  return posix_memalign (&memory, SEQ_PAGE, size) == 0 ? memory : NULL;
}

/* memcpy() for what may be long and lies anywhere. `n` may be 0, with pointers of any kind then. */
static inline void
seq_copy_bytes (guint8 * out, const guint8 * in, gsize n)
{
  gsize piece = n;

  if (n > SEQ_COPY_PIECE && (GPOINTER_TO_SIZE (out) - GPOINTER_TO_SIZE (in) - 1) % SEQ_PAGE < 63)
    piece = SEQ_COPY_PIECE;
  for (; n > 0; n -= piece, out += piece, in += piece) {
    piece = MIN (n, piece);
    memcpy (out, in, piece);
  }
}

G_END_DECLS
