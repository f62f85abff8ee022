/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "inflate.h"

G_BEGIN_DECLS

/*
 * What inflate.c and the decoders share. A decoder is given one contiguous piece of input at a
 * time. It advances it, and returns NEED_INPUT only when the piece is empty and eof is not set.
 * Errors it reports once; inflate.c keeps them.
 */
typedef struct
{
  const guint8 *data;
  gsize size;
  guint64 offset;               /* of data[0] in the compressed stream */
  gboolean eof;                 /* nothing follows this piece */
} SeqInflateInput;

static inline void
seq_inflate_input_skip (SeqInflateInput * in, gsize n)
{
  in->data += n;
  in->size -= n;
  in->offset += n;
}

static inline guint
seq_inflate_get_u16 (const guint8 * p)
{
  return p[0] | (guint) p[1] << 8;
}

static inline guint32
seq_inflate_get_u32 (const guint8 * p)
{
  return seq_inflate_get_u16 (p) | (guint32) seq_inflate_get_u16 (p + 2) << 16;
}

/* What one call of the gzip and zstd decoders gives at most, into the caller's buffer. ISA-L keeps
 * its window apart and copies 32 KiB of it at each call: a larger buffer costs cache misses, a
 * smaller one more such copies. */
#define SEQ_INFLATE_OUT_SIZE (256 * 1024)

/* What gzip and zstd have in common, so that it does not matter who runs them. */
typedef SeqInflateStatus (*SeqInflateDecodeFunc) (gpointer decoder, SeqInflateInput * in,
    guint8 * out, gsize * size, GError ** error);

#define SEQ_GZIP_FLAG_HCRC 0x02
#define SEQ_GZIP_FLAG_EXTRA 0x04
#define SEQ_GZIP_FLAG_NAME 0x08
#define SEQ_GZIP_FLAG_COMMENT 0x10
#define SEQ_GZIP_FLAGS_RESERVED 0xe0

/* Zero padding after the last member. Returns FALSE with an error when something else is there. */
gboolean seq_inflate_skip_padding (SeqInflateInput * in, const gchar * kind, GError ** error);

/* gzip */
typedef struct _SeqInflateGzip SeqInflateGzip;

/* NULL where there is no memory; so the others' */
SeqInflateGzip *seq_inflate_gzip_new (void);
void seq_inflate_gzip_free (SeqInflateGzip * self);
void seq_inflate_gzip_reset (SeqInflateGzip * self);
SeqInflateStatus seq_inflate_gzip_next (gpointer decoder, SeqInflateInput * in, guint8 * out,
    gsize * size, GError ** error);

/* BGZF */
typedef struct _SeqInflateBgzf SeqInflateBgzf;

typedef enum
{
  SEQ_BGZF_PROBE_MORE,          /* *need bytes (in all) are wanted to tell */
  SEQ_BGZF_PROBE_NO_GZIP,
  SEQ_BGZF_PROBE_GZIP,          /* a gzip member that is no BGZF block */
  SEQ_BGZF_PROBE_INVALID,       /* a BGZF block of an impossible size */
  SEQ_BGZF_PROBE_BLOCK          /* a BGZF block of *need bytes */
} SeqBgzfProbe;

/* The longest gzip header up to and including its extra field: what a probe may have to see. */
#define SEQ_BGZF_MAX_PROBE (12 + 65535)

SeqBgzfProbe seq_inflate_bgzf_probe (const guint8 * data, gsize size, gsize * need);

SeqInflateBgzf *seq_inflate_bgzf_new (guint n_threads);
void seq_inflate_bgzf_free (SeqInflateBgzf * self);
void seq_inflate_bgzf_reset (SeqInflateBgzf * self);
SeqInflateStatus seq_inflate_bgzf_next (SeqInflateBgzf * self, SeqInflateInput * in,
    const guint8 ** data, gsize * size, GError ** error);
/* After END: TRUE when an ordinary gzip member follows; the bytes already taken from it are
 * appended to rest. */
gboolean seq_inflate_bgzf_take_rest (SeqInflateBgzf * self, GByteArray * rest);
guint64 seq_inflate_bgzf_get_delivered (const SeqInflateBgzf * self);
gboolean seq_inflate_bgzf_has_eof_block (const SeqInflateBgzf * self);

/* zstd */
typedef struct _SeqInflateZstd SeqInflateZstd;

SeqInflateZstd *seq_inflate_zstd_new (void);
void seq_inflate_zstd_free (SeqInflateZstd * self);
void seq_inflate_zstd_reset (SeqInflateZstd * self);
SeqInflateStatus seq_inflate_zstd_next (gpointer decoder, SeqInflateInput * in, guint8 * out,
    gsize * size, GError ** error);

/*
 * What runs the decoders that can't be cut into jobs. The input is copied into chunks (it is the
 * smaller side), so that the decoder sees the same pieces however the input comes, and therefore
 * gives the same bytes and the same error at the same place for damaged data, too. In a stream that
 * is not small a thread takes over, if one is allowed, and runs ahead, so that inflating and
 * parsing go on at the same time; a ring of chunks and one of outputs bound how far.
 */
typedef struct _SeqInflateStream SeqInflateStream;

SeqInflateStream *seq_inflate_stream_new (gboolean may_thread);
void seq_inflate_stream_free (SeqInflateStream * self);

/* The decoder belongs to the stream from begin to end. After end another may begin. */
void seq_inflate_stream_begin (SeqInflateStream * self, SeqInflateDecodeFunc func,
    gpointer decoder, guint64 offset);
void seq_inflate_stream_end (SeqInflateStream * self);

SeqInflateStatus seq_inflate_stream_next (SeqInflateStream * self, SeqInflateInput * in,
    const guint8 ** data, gsize * size, GError ** error);
guint64 seq_inflate_stream_get_delivered (const SeqInflateStream * self);

/* For tests: how many compressed bytes come before the thread, instead of 512 KiB; in chunks of
 * what size, instead of 64 KiB. */
void seq_inflate_set_thread (SeqInflate * self, guint64 from, gsize chunk_size);
void seq_inflate_stream_set_thread (SeqInflateStream * self, guint64 from, gsize chunk_size);

G_END_DECLS
