/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads a file in pieces, one behind the other, on a thread of its own: while the caller works on
 * one piece the next ones are read. Without threads the caller reads them when it asks for them.
 * For one caller's thread at a time. */

typedef struct _SeqReadAhead SeqReadAhead;

/* Reads with pread() from `offset` on, in pieces of `size` bytes, 1 or more; the offset of `fd`
 * stays.
 * `fd` must stay open. NULL when the system has no memory for the pieces. */
SeqReadAhead *seq_read_ahead_new (int fd, guint64 offset, gsize size);
void seq_read_ahead_free (SeqReadAhead * self);

/* The next piece, the caller's until the next call. `n`: its bytes, fewer than `size` only at the
 * end of the file; 0 behind it; -1 on error, errno not kept. */
const guint8 *seq_read_ahead_next (SeqReadAhead * self, gssize * n);

/* As many bytes of `fd` as there are up to `size`, 0 at the end, -1 on error */
gssize seq_read_at (int fd, guint8 * buffer, gsize size, guint64 offset);

G_END_DECLS
