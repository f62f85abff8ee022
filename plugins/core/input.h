/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * SeqInput reads the raw bytes of one location:
 *
 *   a path (regular file, named pipe, device), "-" for the standard input, a file:// URI; with
 *   htslib also http, https, ftp, s3 and gs URIs.
 *
 * Opening and reading belong to one thread at a time. seq_input_interrupt() and seq_input_resume()
 * may be called from any other while the object exists, one of them at a time.
 *
 * Errors are G_FILE_ERROR with the code of errno: NOENT for what does not exist, ISDIR for a
 * directory, ACCES and so on from opening; IO and so on from reading. Messages name the location,
 * and those of reading also the byte, from 0, that could not be read.
 */
typedef struct _SeqInput SeqInput;

/* Does not wait, not even for the writer of a named pipe (reading does); a remote location is asked
 * for over the network. */
SeqInput *seq_input_open (const gchar * location, GError ** error);

/* Leaves the standard input open. */
void seq_input_close (SeqInput * self);

/*
 * Waits for bytes, returns how many were read, 0 at the end, -1 on error. Fewer than `size` (which
 * must not be 0) say nothing about the end. Signals do not disturb it. At its end a file is looked
 * at as seq_input_check() does. An interrupted read returns -1 with G_FILE_ERROR_INTR, which means
 * nothing else; no bytes are lost.
 */
gssize seq_input_read (SeqInput * self, guint8 * buffer, gsize size, GError ** error);

/*
 * Whether a regular file is still what was opened. FALSE with G_FILE_ERROR_IO if it has become
 * shorter, or is as long and has been written to, as far as the time of its last change tells: its
 * records may be part old and part new. A file that has grown is read as far as it goes, a file
 * that has lost its name to another one is read to its end, and it may be renamed, linked or made
 * read-only meanwhile. TRUE for all that is no regular file.
 */
gboolean seq_input_check (SeqInput * self, GError ** error);

/* The file descriptor, for pread(), where the input is a regular file that was opened by its name;
 * else -1. It closes with the input. */
int seq_input_get_file (SeqInput * self);

/* Has the next read of such a file begin at `offset`. FALSE if it can't. */
gboolean seq_input_seek_file (SeqInput * self, guint64 offset);

/*
 * Makes the read that is under way and all that follow return at once with G_FILE_ERROR_INTR, until
 * resume. A read of a regular file is not cut short, it does not wait for others; nor is one of a
 * remote location, for which htslib has no means: it stops after the current piece.
 */
void seq_input_interrupt (SeqInput * self);
void seq_input_resume (SeqInput * self);

/* Bytes that reading the location will give, from the file system; G_MAXUINT64 = unknown (a pipe, a
 * remote location, something that cannot be looked at). Does not open anything. */
guint64 seq_input_size_of (const gchar * location);

/* Whether opening the location again gives the same bytes again: regular files and remote
 * locations, but not the standard input, pipes and devices. */
gboolean seq_input_can_rewind (const gchar * location);

/* The local path of a location: a path or a file:// URI. NULL without error for "-" and remote
 * locations, NULL with error for a URI that cannot be understood. Free with g_free(). */
gchar *seq_input_local_path (const gchar * location, GError ** error);

G_END_DECLS
