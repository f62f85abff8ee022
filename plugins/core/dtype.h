/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The integer types that token ids are written as, in the byte order of the machine. */
typedef enum
{
  SEQ_DTYPE_UINT8,
  SEQ_DTYPE_INT16,
  SEQ_DTYPE_INT32,
  SEQ_DTYPE_INT64
} SeqDtype;

/* Bytes of one value: 1, 2, 4 or 8. */
static inline gsize
seq_dtype_size (SeqDtype dtype)
{
  return (gsize) 1 << dtype;
}

/* Whether ids from 0 to `max_id` can be written as `dtype`. */
static inline gboolean
seq_dtype_fits (SeqDtype dtype, guint32 max_id)
{
  return max_id <= (dtype == SEQ_DTYPE_UINT8 ? G_MAXUINT8
      : dtype == SEQ_DTYPE_INT16 ? G_MAXINT16 : G_MAXINT32);
}

/* Writes one value at `out`, which is aligned to its size. */
static inline void
seq_dtype_put (SeqDtype dtype, void *out, gint64 value)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      *(guint8 *) out = (guint8) value;
      break;
    case SEQ_DTYPE_INT16:
      *(gint16 *) out = (gint16) value;
      break;
    case SEQ_DTYPE_INT32:
      *(gint32 *) out = (gint32) value;
      break;
    case SEQ_DTYPE_INT64:
      *(gint64 *) out = value;
      break;
  }
}

/* The functions below write `n` values from `out` on, which is aligned to the size of a value; what
 * they write has to fit the type. Safe from any thread. */

/* `value`, n times: padding. */
void seq_dtype_fill (SeqDtype dtype, void *out, gsize n, gint64 value);

/* The ids, one after the other. */
void seq_dtype_convert (SeqDtype dtype, void *restrict out, const guint32 *restrict ids, gsize n);

/* The same for ids that are bytes. */
void seq_dtype_widen (SeqDtype dtype, void *restrict out, const guint8 *restrict ids, gsize n);

G_END_DECLS
