/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate-private.h"

#include <zstd.h>
#include <zstd_errors.h>

/*
 * zstd (RFC 8878): any number of frames, skippable ones among them. The window is limited to 2^27
 * bytes, libzstd's own default and that of the zstd program without --long or --memory, so that a
 * header cannot ask for more than 128 MiB.
 */

#define WINDOW_LOG_MAX 27

struct _SeqInflateZstd
{
  ZSTD_DStream *stream;
  gboolean more;                /* the last call filled the buffer: libzstd may hold more output */
  gboolean in_frame;
  guint64 n_frames;             /* complete ones */
  GError *pending;              /* to be reported when what came before has been delivered */
};

SeqInflateZstd *
seq_inflate_zstd_new (void)
{
  SeqInflateZstd *self = g_new0 (SeqInflateZstd, 1);

  self->stream = ZSTD_createDStream ();
  if (self->stream == NULL) {
    g_free (self);
    return NULL;
  }
  ZSTD_DCtx_setParameter (self->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
  return self;
}

void
seq_inflate_zstd_free (SeqInflateZstd * self)
{
  if (self == NULL)
    return;
  ZSTD_freeDStream (self->stream);
  g_clear_error (&self->pending);
  g_free (self);
}

void
seq_inflate_zstd_reset (SeqInflateZstd * self)
{
  ZSTD_DCtx_reset (self->stream, ZSTD_reset_session_only);
  self->more = self->in_frame = FALSE;
  self->n_frames = 0;
  g_clear_error (&self->pending);
}

static void
zstd_fail (SeqInflateZstd * self, SeqInflateError code, guint64 offset, const gchar * what)
{
  g_set_error (&self->pending, SEQ_INFLATE_ERROR_DOMAIN, code,
      "zstd data: %s at byte %" G_GUINT64_FORMAT " (frame %" G_GUINT64_FORMAT ")", what, offset,
      self->n_frames);
}

static void
zstd_fail_with_result (SeqInflateZstd * self, gsize result, guint64 offset)
{
  switch (ZSTD_getErrorCode (result)) {
    case ZSTD_error_prefix_unknown:
      if (self->n_frames > 0) {
        zstd_fail (self, SEQ_INFLATE_ERROR_TRAILING_GARBAGE, offset, "something that is not zstd");
        return;
      }
      break;
    case ZSTD_error_frameParameter_windowTooLarge:
      zstd_fail (self, SEQ_INFLATE_ERROR_UNSUPPORTED, offset,
          "window above 128 MiB (compressed with --long)");
      return;
    case ZSTD_error_memory_allocation:
      zstd_fail (self, SEQ_INFLATE_ERROR_NO_MEMORY, offset, "no memory for the window");
      return;
    case ZSTD_error_dictionary_wrong:
    case ZSTD_error_version_unsupported:
    case ZSTD_error_frameParameter_unsupported:
      zstd_fail (self, SEQ_INFLATE_ERROR_UNSUPPORTED, offset, ZSTD_getErrorName (result));
      return;
    case ZSTD_error_dstSize_tooSmall:
      /* a block that holds more than it may: libzstd has this or the other name for it, by the size
       * of the buffers that it has from the file before */
      zstd_fail (self, SEQ_INFLATE_ERROR_CORRUPT, offset,
          ZSTD_getErrorString (ZSTD_error_corruption_detected));
      return;
    default:
      break;
  }
  zstd_fail (self, SEQ_INFLATE_ERROR_CORRUPT, offset, ZSTD_getErrorName (result));
}

/* Returns the number of bytes put into the buffer. */
static gsize
zstd_fill (SeqInflateZstd * self, SeqInflateInput * in, guint8 * buffer)
{
  ZSTD_outBuffer out = { buffer, SEQ_INFLATE_OUT_SIZE, 0 };
  gsize result;

  while (out.pos < out.size && (in->size > 0 || self->more)) {
    ZSTD_inBuffer piece = { in->data, in->size, 0 };

    result = ZSTD_decompressStream (self->stream, &out, &piece);
    seq_inflate_input_skip (in, piece.pos);
    if (ZSTD_isError (result)) {
      zstd_fail_with_result (self, result, in->offset);
      break;
    }
    self->in_frame = result != 0;
    if (result == 0)
      self->n_frames++;
    self->more = self->in_frame && out.pos == out.size;
  }
  return out.pos;
}

SeqInflateStatus
seq_inflate_zstd_next (gpointer decoder, SeqInflateInput * in, guint8 * out, gsize * size,
    GError ** error)
{
  SeqInflateZstd *self = decoder;
  gsize n = 0;

  if (self->pending == NULL)
    n = zstd_fill (self, in, out);
  if (n > 0) {
    *size = n;
    return SEQ_INFLATE_DATA;
  }
  if (self->pending == NULL) {
    if (!in->eof)
      return SEQ_INFLATE_NEED_INPUT;
    if (!self->in_frame)
      return SEQ_INFLATE_END;
    zstd_fail (self, SEQ_INFLATE_ERROR_TRUNCATED, in->offset, "unexpected end");
  }
  g_propagate_error (error, g_steal_pointer (&self->pending));
  return SEQ_INFLATE_ERROR;
}
