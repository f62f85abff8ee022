/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The file that takes what could not be read as records, byte for byte as it came. Errors are
 * G_FILE_ERROR with the code of errno (NOSPC for a full disk), and name the file. Not
 * thread-safe. */
typedef struct _SeqQuarantine SeqQuarantine;

/* Makes the file, or empties the one that is there. Pipes and sockets are refused: bytes are taken
 * back at times. */
SeqQuarantine *seq_quarantine_open (const gchar * path, GError ** error);
void seq_quarantine_close (SeqQuarantine * self);       /* NULL is allowed */

gboolean seq_quarantine_write (SeqQuarantine * self, const guint8 * data, gsize size,
    GError ** error);

/* Bytes that have been written. */
guint64 seq_quarantine_get_size (SeqQuarantine * self);

/* Takes back what was written behind the first `size` bytes. */
gboolean seq_quarantine_cut (SeqQuarantine * self, guint64 size, GError ** error);

G_END_DECLS
