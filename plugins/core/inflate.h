/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * SeqInflate turns the bytes of a file, in pieces of any size, into its contents. What the file is
 * (plain, gzip, BGZF or zstd) is found from the first bytes, never from a name.
 *
 * It is a pull model over borrowed input: feed a piece, call seq_inflate_next() until it asks for
 * more. Each call hands out at most one internal buffer, so that memory does not depend on the
 * compression ratio of what comes in:
 *
 *   seq_inflate_feed (inflate, piece, size);
 *   while ((status = seq_inflate_next (inflate, &data, &n, &error)) == SEQ_INFLATE_DATA)
 *     use (data, n);
 *
 * Errors come in order: everything that could be decoded before the damage is delivered first. As
 * with every streaming decompressor, bytes of a gzip member or zstd frame are handed out before its
 * checksum has been seen. BGZF blocks are checked first.
 *
 * An object belongs to one thread at a time. The threads that it starts are its own.
 */

typedef struct _SeqInflate SeqInflate;

/*
 * NEED_INPUT: all fed bytes are used up (they are no longer borrowed); feed more or say that there
 * is no more.
 * END: the input was finished and all of it has been delivered; stays so until reset.
 * ERROR: the stream is damaged; stays so (with the same error) until reset.
 */
typedef enum
{
  SEQ_INFLATE_ERROR,
  SEQ_INFLATE_DATA,
  SEQ_INFLATE_NEED_INPUT,
  SEQ_INFLATE_END
} SeqInflateStatus;

typedef enum
{
  SEQ_COMPRESSION_UNKNOWN,      /* not enough bytes seen yet */
  SEQ_COMPRESSION_NONE,
  SEQ_COMPRESSION_GZIP,
  SEQ_COMPRESSION_BGZF,
  SEQ_COMPRESSION_ZSTD
} SeqCompression;

typedef enum
{
  /* A BGZF stream did not end in its empty end-of-file block: it may have been cut at a block
   * boundary. */
  SEQ_INFLATE_WARNING_NO_EOF_BLOCK = 1 << 0
} SeqInflateWarnings;

/*
 * TRUNCATED: the input ended inside a member, block or frame.
 * CORRUPT: the compressed data is invalid or its checksum or length does not match.
 * TRAILING_GARBAGE: something follows that is no compressed data (zero bytes after gzip or BGZF are
 * padding and fine).
 * UNSUPPORTED: valid, but needs what is not offered: a zstd dictionary, a zstd window above 128 MiB
 * (2^27, the limit that the zstd program has by default), a gzip method other than deflate.
 * NO_MEMORY: there is none for the buffers of the decoder.
 * Messages name the compression and the byte offset in the compressed stream.
 */
#define SEQ_INFLATE_ERROR_DOMAIN (seq_inflate_error_quark ())
typedef enum
{
  SEQ_INFLATE_ERROR_TRUNCATED,
  SEQ_INFLATE_ERROR_CORRUPT,
  SEQ_INFLATE_ERROR_TRAILING_GARBAGE,
  SEQ_INFLATE_ERROR_UNSUPPORTED,
  SEQ_INFLATE_ERROR_NO_MEMORY
} SeqInflateError;

GQuark seq_inflate_error_quark (void);

/*
 * n_threads: worker threads for BGZF, at most 64; 0 = all work is done in the caller. With fewer
 * threads than processors the caller takes part of the work when it would otherwise wait, so that 1
 * already uses two cores. Threads and buffers (about 2 MiB for each of 2 * n_threads + 2 jobs)
 * appear with the first BGZF stream. gzip and zstd can't be inflated by several threads; with 1 or
 * more, one runs ahead of the caller in streams that are not small. They take under 2 MiB (zstd:
 * plus its window).
 */
SeqInflate *seq_inflate_new (guint n_threads);

/* Waits for the jobs that are being worked on, not for those queued. NULL is allowed. */
void seq_inflate_free (SeqInflate * self);

/* Ready for another stream, from any state; keeps threads and buffers. */
void seq_inflate_reset (SeqInflate * self);

/* Allowed at the start and after NEED_INPUT. data is borrowed until the next NEED_INPUT, END,
 * ERROR, reset or free. */
void seq_inflate_feed (SeqInflate * self, const guint8 * data, gsize size);

/* No more input will come. May be called together with the last feed. */
void seq_inflate_finish_input (SeqInflate * self);

/*
 * With SEQ_INFLATE_DATA, *data and *size (never 0) are a view that is valid until the next call on
 * the object. For plain input it is a view of the fed bytes (no copy is made), except for up to 4
 * bytes that were needed to tell the kind.
 */
SeqInflateStatus seq_inflate_next (SeqInflate * self, const guint8 ** data, gsize * size,
    GError ** error);

SeqCompression seq_inflate_get_compression (const SeqInflate * self);

/* "plain", "gzip", "BGZF", "zstd" or "unknown": a static string for messages and statistics. */
const gchar *seq_compression_get_name (SeqCompression compression);

/*
 * Compressed bytes consumed for what was delivered so far, for progress: for BGZF the end of the
 * last block delivered, otherwise what the decoder has taken in. Equals the size of the input at
 * END.
 */
guint64 seq_inflate_get_consumed (const SeqInflate * self);

/* Meaningful after END. */
SeqInflateWarnings seq_inflate_get_warnings (const SeqInflate * self);

G_END_DECLS
