/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate.h"
#include "inflate-private.h"

#define MAX_THREADS 64

struct _SeqInflate
{
  SeqCompression compression;
  guint n_threads;

  SeqInflateInput in;           /* the fed piece */
  /* Bytes copied from fed pieces: those that told the kind when they came in small pieces, and
   * the start of a gzip member that BGZF handed over. They are read before `in`. */
  GByteArray *carry;
  SeqInflateInput carried;
  gboolean may_feed;

  gboolean gzip_after_bgzf;
  gboolean ended;
  GError *error;

  gboolean streaming;           /* the gzip or zstd decoder belongs to `stream` */

  /* Made when first needed. */
  SeqInflateStream *stream;
  SeqInflateGzip *gzip;
  SeqInflateBgzf *bgzf;
  SeqInflateZstd *zstd;
};

G_DEFINE_QUARK (seq-inflate-error-quark, seq_inflate_error)

SeqInflate *
seq_inflate_new (guint n_threads)
{
  SeqInflate *self = g_new0 (SeqInflate, 1);

  self->n_threads = MIN (n_threads, MAX_THREADS);
  self->carry = g_byte_array_new ();
  self->may_feed = TRUE;
  return self;
}

void
seq_inflate_free (SeqInflate * self)
{
  if (self == NULL)
    return;
  seq_inflate_stream_free (self->stream);
  seq_inflate_gzip_free (self->gzip);
  seq_inflate_bgzf_free (self->bgzf);
  seq_inflate_zstd_free (self->zstd);
  g_byte_array_unref (self->carry);
  g_clear_error (&self->error);
  g_free (self);
}

static gboolean
seq_inflate_need_stream (SeqInflate * self)
{
  if (self->stream == NULL)
    self->stream = seq_inflate_stream_new (self->n_threads > 0);
  return self->stream != NULL;
}

void
seq_inflate_set_thread (SeqInflate * self, guint64 from, gsize chunk_size)
{
  g_return_if_fail (seq_inflate_need_stream (self));
  seq_inflate_stream_set_thread (self->stream, from, chunk_size);
}

void
seq_inflate_reset (SeqInflate * self)
{
  if (self->streaming)
    seq_inflate_stream_end (self->stream);
  self->streaming = FALSE;
  if (self->gzip != NULL)
    seq_inflate_gzip_reset (self->gzip);
  if (self->bgzf != NULL)
    seq_inflate_bgzf_reset (self->bgzf);
  if (self->zstd != NULL)
    seq_inflate_zstd_reset (self->zstd);

  self->compression = SEQ_COMPRESSION_UNKNOWN;
  self->in = self->carried = (SeqInflateInput) { NULL };
  g_byte_array_set_size (self->carry, 0);
  self->may_feed = TRUE;
  self->gzip_after_bgzf = self->ended = FALSE;
  g_clear_error (&self->error);
}

void
seq_inflate_feed (SeqInflate * self, const guint8 * data, gsize size)
{
  g_return_if_fail (self->may_feed && !self->in.eof);

  self->in.data = data;
  self->in.size = size;
  self->may_feed = FALSE;
}

void
seq_inflate_finish_input (SeqInflate * self)
{
  self->in.eof = TRUE;
}

gboolean
seq_inflate_skip_padding (SeqInflateInput * in, const gchar * kind, GError ** error)
{
  gsize n = 0;

  while (n < in->size && in->data[n] == 0)
    n++;
  seq_inflate_input_skip (in, n);
  if (in->size == 0)
    return TRUE;

  g_set_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRAILING_GARBAGE,
      "%s data: something that is not %s at byte %" G_GUINT64_FORMAT, kind, kind, in->offset);
  return FALSE;
}

/* UNKNOWN: *need bytes in all would bring the decision further. */
static SeqCompression
compression_from_content (const guint8 * data, gsize size, gsize * need)
{
  static const guint8 zstd_frame[4] = { 0x28, 0xb5, 0x2f, 0xfd };
  static const guint8 zstd_skippable[4] = { 0x50, 0x2a, 0x4d, 0x18 };
  gboolean frame = TRUE, skippable = TRUE;
  gsize i;

  *need = 1;
  if (size == 0)
    return SEQ_COMPRESSION_UNKNOWN;

  switch (seq_inflate_bgzf_probe (data, size, need)) {
    case SEQ_BGZF_PROBE_MORE:
      return SEQ_COMPRESSION_UNKNOWN;
    case SEQ_BGZF_PROBE_GZIP:
      return SEQ_COMPRESSION_GZIP;
    case SEQ_BGZF_PROBE_INVALID:
    case SEQ_BGZF_PROBE_BLOCK:
      return SEQ_COMPRESSION_BGZF;
    case SEQ_BGZF_PROBE_NO_GZIP:
      break;
  }

  for (i = 0; i < MIN (size, 4); i++) {
    frame &= data[i] == zstd_frame[i];
    /* 16 magic numbers for skippable frames, which may come first (pzstd writes one before each
     * frame). */
    skippable &= (i == 0 ? data[i] & 0xf0 : data[i]) == zstd_skippable[i];
  }
  if (!frame && !skippable)
    return SEQ_COMPRESSION_NONE;
  *need = 4;
  return size >= 4 ? SEQ_COMPRESSION_ZSTD : SEQ_COMPRESSION_UNKNOWN;
}

/* The input ended before the decision. Two magic bytes of gzip are enough to say that this is no
 * text. */
static SeqCompression
compression_from_short_content (const guint8 * data, gsize size)
{
  if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
    return SEQ_COMPRESSION_GZIP;
  return SEQ_COMPRESSION_NONE;
}

/* Takes no byte from the input when the fed piece is enough to tell, which is the common case:
 * plain input then stays without any copy. Otherwise bytes are gathered, only as many as the
 * decision needs. */
static void
seq_inflate_detect (SeqInflate * self)
{
  GByteArray *carry = self->carry;
  SeqInflateInput *in = &self->in;
  gsize need, n;

  for (;;) {
    if (carry->len == 0)
      self->compression = compression_from_content (in->data, in->size, &need);
    else
      self->compression = compression_from_content (carry->data, carry->len, &need);
    if (self->compression != SEQ_COMPRESSION_UNKNOWN || in->size == 0)
      break;
    n = MIN (need - carry->len, in->size);
    g_byte_array_append (carry, in->data, (guint) n);
    seq_inflate_input_skip (in, n);
  }
  if (self->compression == SEQ_COMPRESSION_UNKNOWN && in->eof)
    self->compression = compression_from_short_content (carry->data, carry->len);
  self->carried = (SeqInflateInput) { carry->data, carry->len, 0, FALSE };
}

static SeqInflateStatus
seq_inflate_next_plain (SeqInflateInput * in, const guint8 ** data, gsize * size)
{
  if (in->size == 0)
    return in->eof ? SEQ_INFLATE_END : SEQ_INFLATE_NEED_INPUT;
  *data = in->data;
  *size = in->size;
  seq_inflate_input_skip (in, in->size);
  return SEQ_INFLATE_DATA;
}

static SeqInflateStatus
seq_inflate_fail_no_memory (SeqInflate * self)
{
  g_set_error (&self->error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_NO_MEMORY,
      "%s data: no memory to inflate it", seq_compression_get_name (self->compression));
  return SEQ_INFLATE_ERROR;
}

/* gzip and zstd */
static SeqInflateStatus
seq_inflate_decode_stream (SeqInflate * self, SeqInflateDecodeFunc func, gpointer decoder,
    SeqInflateInput * in, const guint8 ** data, gsize * size)
{
  if (decoder == NULL || !seq_inflate_need_stream (self))
    return seq_inflate_fail_no_memory (self);
  if (!self->streaming)
    seq_inflate_stream_begin (self->stream, func, decoder, in->offset);
  self->streaming = TRUE;
  return seq_inflate_stream_next (self->stream, in, data, size, &self->error);
}

static SeqInflateStatus
seq_inflate_decode (SeqInflate * self, SeqInflateInput * in, const guint8 ** data, gsize * size)
{
  if (self->compression == SEQ_COMPRESSION_GZIP || self->gzip_after_bgzf) {
    if (self->gzip == NULL)
      self->gzip = seq_inflate_gzip_new ();
    return seq_inflate_decode_stream (self, seq_inflate_gzip_next, self->gzip, in, data, size);
  }
  if (self->compression == SEQ_COMPRESSION_BGZF) {
    if (self->bgzf == NULL)
      self->bgzf = seq_inflate_bgzf_new (self->n_threads);
    if (self->bgzf == NULL)
      return seq_inflate_fail_no_memory (self);
    return seq_inflate_bgzf_next (self->bgzf, in, data, size, &self->error);
  }
  if (self->compression == SEQ_COMPRESSION_ZSTD) {
    if (self->zstd == NULL)
      self->zstd = seq_inflate_zstd_new ();
    return seq_inflate_decode_stream (self, seq_inflate_zstd_next, self->zstd, in, data, size);
  }
  return seq_inflate_next_plain (in, data, size);
}

/* BGZF ended because an ordinary gzip member follows. */
static gboolean
seq_inflate_go_on_with_gzip (SeqInflate * self)
{
  GByteArray *carry = self->carry;

  if (self->compression != SEQ_COMPRESSION_BGZF || self->gzip_after_bgzf)
    return FALSE;
  g_byte_array_set_size (carry, 0);
  if (!seq_inflate_bgzf_take_rest (self->bgzf, carry))
    return FALSE;
  self->carried.data = carry->data;
  self->carried.size = carry->len;
  self->carried.offset = self->in.offset - carry->len;
  self->gzip_after_bgzf = TRUE;
  return TRUE;
}

SeqInflateStatus
seq_inflate_next (SeqInflate * self, const guint8 ** data, gsize * size,
    GError ** error)
{
  SeqInflateStatus status = SEQ_INFLATE_NEED_INPUT;
  SeqInflateInput *in;

  *data = NULL;
  *size = 0;
  if (self->error != NULL || self->ended)
    goto out;

  if (self->compression == SEQ_COMPRESSION_UNKNOWN)
    seq_inflate_detect (self);
  while (self->compression != SEQ_COMPRESSION_UNKNOWN) {
    in = self->carried.size > 0 ? &self->carried : &self->in;
    status = seq_inflate_decode (self, in, data, size);
    if (status == SEQ_INFLATE_NEED_INPUT && in == &self->carried)
      continue;
    if (status == SEQ_INFLATE_END && seq_inflate_go_on_with_gzip (self))
      continue;
    break;
  }
  self->ended = status == SEQ_INFLATE_END;
  if (status == SEQ_INFLATE_NEED_INPUT)
    self->may_feed = TRUE;

out:
  if (self->error != NULL) {
    status = SEQ_INFLATE_ERROR;
    if (error != NULL)
      *error = g_error_copy (self->error);
  } else if (self->ended) {
    status = SEQ_INFLATE_END;
  }
  return status;
}

SeqCompression
seq_inflate_get_compression (const SeqInflate * self)
{
  return self->compression;
}

const gchar *
seq_compression_get_name (SeqCompression compression)
{
  switch (compression) {
    case SEQ_COMPRESSION_NONE:
      return "plain";
    case SEQ_COMPRESSION_GZIP:
      return "gzip";
    case SEQ_COMPRESSION_BGZF:
      return "BGZF";
    case SEQ_COMPRESSION_ZSTD:
      return "zstd";
    case SEQ_COMPRESSION_UNKNOWN:
      break;
  }
  return "unknown";
}

guint64
seq_inflate_get_consumed (const SeqInflate * self)
{
  if (self->compression == SEQ_COMPRESSION_BGZF && !self->gzip_after_bgzf && !self->ended)
    return self->bgzf != NULL ? seq_inflate_bgzf_get_delivered (self->bgzf) : 0;
  if (self->streaming && !self->ended)
    return seq_inflate_stream_get_delivered (self->stream);
  return self->carried.size > 0 ? self->carried.offset : self->in.offset;
}

SeqInflateWarnings
seq_inflate_get_warnings (const SeqInflate * self)
{
  if (self->compression == SEQ_COMPRESSION_BGZF && self->ended && !self->gzip_after_bgzf
      && !seq_inflate_bgzf_has_eof_block (self->bgzf))
    return SEQ_INFLATE_WARNING_NO_EOF_BLOCK;
  return 0;
}
