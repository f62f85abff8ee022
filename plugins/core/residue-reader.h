/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads the lines of one long FASTA record on several threads: a chromosome has no places where
 * records begin, but its lines are of one length, so where the residues of a line belong is known
 * before those in front of them have been read. Each thread copies the residues of some lines to
 * where they belong, and finds out whether the lines are as expected; where they are not, as at the
 * record's end, the caller goes on by itself.
 *
 * For one caller's thread at a time, which works, too, while it waits. */

/* What the lines are like */
typedef struct
{
  guint64 offset;               /* in the file, where a line begins; or within an unbroken line, not
                                 * at its first byte, which says what kind of line it is */
  gsize width;                  /* residues of a line, 1 or more; any number in an unbroken line */
  guint ending;                 /* bytes that end it: 1 newline, 2 with a carriage return, 0 none */
} SeqResidueLines;

/* Guesses from `n` bytes of the record, which stand at `offset` of the file: from two line ends, or
 * from none where there is none in `unbroken` bytes. FALSE if they don't tell. What lies
 * in front of `lines->offset` is for others to read. */
gboolean seq_residue_lines_guess (const guint8 * bytes, gsize n, gsize unbroken, guint64 offset,
    SeqResidueLines * lines);

typedef struct _SeqResidueReader SeqResidueReader;

/* Reads with pread() up to `end` at most, about `chunk` bytes at a time; the offset of `fd` stays.
 * The residues go to `out`, where there is room for `room` of them; what lies there behind those
 * that next() tells of is undefined, until free and afterwards. `fd` and `out` must stay. NULL when
 * the system has no memory. */
SeqResidueReader *seq_residue_reader_new (int fd, const SeqResidueLines * lines, guint64 end,
    guint8 * out, gsize room, gsize chunk, guint n_threads);
void seq_residue_reader_free (SeqResidueReader * self);

/* The next lines: how many bytes of the file, residues of them behind those before, and lines that
 * ended. FALSE where what comes is no whole line of those that are expected, or there is no room for
 * it; that is the end. */
gboolean seq_residue_reader_next (SeqResidueReader * self, guint64 * bytes, gsize * residues,
    guint64 * n_lines);

/* As many bytes of `fd` as there are up to `size`, 0 at the end, -1 on error */
gssize seq_read_at (int fd, guint8 * buffer, gsize size, guint64 offset);

G_END_DECLS
