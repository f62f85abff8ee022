/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate-private.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <string.h>

/*
 * gzip (RFC 1952) of any number of members. The header is read here, byte by byte, because its
 * checksum and reserved bits are to be checked and it may be cut anywhere; deflate, CRC32 and ISIZE
 * are left to ISA-L (ISAL_GZIP_NO_HDR_VER compares both words of the trailer).
 */

/* ISA-L counts in 32 bits. */
#define MAX_IN (1u << 30)

typedef enum
{
  STAGE_START,                  /* between members */
  STAGE_FIXED,
  STAGE_EXTRA_LENGTH,
  STAGE_EXTRA,
  STAGE_NAME,
  STAGE_COMMENT,
  STAGE_HEADER_CRC,
  STAGE_BODY,                   /* and trailer */
  STAGE_PADDING
} Stage;

struct _SeqInflateGzip
{
  struct inflate_state state;
  guint8 *out;                  /* the caller's, during a call */
  gsize out_size;
  gboolean more;                /* the last call filled the buffer: ISA-L may hold more output */

  Stage stage;
  guint64 n_members;            /* complete ones */
  guint64 member;               /* offset where the current one starts */
  guint8 flags;
  guint count;                  /* bytes of the current header field so far */
  guint value;                  /* little-endian value of the current field */
  guint extra_length;
  guint32 crc;                  /* of the header */

  GError *pending;              /* to be reported when what came before has been delivered */
};

SeqInflateGzip *
seq_inflate_gzip_new (void)
{
  SeqInflateGzip *self = g_try_new0 (SeqInflateGzip, 1);    /* ISA-L's state is 80 KiB and more */

  if (self == NULL)
    return NULL;
  isal_inflate_init (&self->state);
  return self;
}

void
seq_inflate_gzip_free (SeqInflateGzip * self)
{
  if (self == NULL)
    return;
  g_clear_error (&self->pending);
  g_free (self);
}

void
seq_inflate_gzip_reset (SeqInflateGzip * self)
{
  /* ISA-L leaves its tables as they were: where damaged data has codes that are in none, what comes
   * out would depend on the file before */
  memset (&self->state, 0, sizeof self->state);
  isal_inflate_init (&self->state);
  self->stage = STAGE_START;
  self->n_members = 0;
  self->more = FALSE;
  g_clear_error (&self->pending);
}

static gboolean
gzip_fail (SeqInflateGzip * self, SeqInflateError code, guint64 offset, const gchar * what)
{
  g_set_error (&self->pending, SEQ_INFLATE_ERROR_DOMAIN, code,
      "gzip data: %s at byte %" G_GUINT64_FORMAT " (the member starts at byte %" G_GUINT64_FORMAT
      ")", what, offset, self->member);
  return FALSE;
}

/* The next field that the flags ask for, in the order of the RFC. */
static void
gzip_enter_stage (SeqInflateGzip * self, Stage stage)
{
  static const guint8 flag_of_stage[] = {
    [STAGE_EXTRA_LENGTH] = SEQ_GZIP_FLAG_EXTRA,
    [STAGE_EXTRA] = SEQ_GZIP_FLAG_EXTRA,
    [STAGE_NAME] = SEQ_GZIP_FLAG_NAME,
    [STAGE_COMMENT] = SEQ_GZIP_FLAG_COMMENT,
    [STAGE_HEADER_CRC] = SEQ_GZIP_FLAG_HCRC
  };

  while (stage < STAGE_BODY && ((self->flags & flag_of_stage[stage]) == 0
          || (stage == STAGE_EXTRA && self->extra_length == 0)))
    stage++;
  self->stage = stage;
  self->count = self->value = 0;
  if (stage == STAGE_BODY) {
    isal_inflate_reset (&self->state);
    self->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
    self->more = FALSE;
  }
}

static gboolean
gzip_fixed_byte (SeqInflateGzip * self, guint8 byte, guint64 offset)
{
  switch (self->count) {
    case 1:
    case 2:
      if (byte != (self->count == 1 ? 0x1f : 0x8b))
        return gzip_fail (self, SEQ_INFLATE_ERROR_TRAILING_GARBAGE, offset,
            "something that is not gzip");
      break;
    case 3:
      if (byte != 8)
        return gzip_fail (self, SEQ_INFLATE_ERROR_UNSUPPORTED, offset, "unknown method");
      break;
    case 4:
      if (byte & SEQ_GZIP_FLAGS_RESERVED)
        return gzip_fail (self, SEQ_INFLATE_ERROR_CORRUPT, offset, "reserved header flag");
      self->flags = byte;
      break;
    case 10:
      gzip_enter_stage (self, STAGE_EXTRA_LENGTH);
      break;
    default:
      break;
  }
  return TRUE;
}

static gboolean
gzip_header_byte (SeqInflateGzip * self, guint8 byte, guint64 offset)
{
  Stage stage = self->stage;

  self->count++;
  if (stage == STAGE_EXTRA_LENGTH || stage == STAGE_HEADER_CRC)
    self->value |= (guint) byte << (8 * (self->count - 1));
  if (stage != STAGE_HEADER_CRC)
    self->crc = crc32_gzip_refl (self->crc, &byte, 1);

  switch (stage) {
    case STAGE_FIXED:
      return gzip_fixed_byte (self, byte, offset);
    case STAGE_EXTRA_LENGTH:
      if (self->count == 2) {
        self->extra_length = self->value;
        gzip_enter_stage (self, STAGE_EXTRA);
      }
      break;
    case STAGE_EXTRA:
      if (self->count == self->extra_length)
        gzip_enter_stage (self, STAGE_NAME);
      break;
    case STAGE_NAME:
    case STAGE_COMMENT:
      if (byte == 0)
        gzip_enter_stage (self, stage + 1);
      break;
    case STAGE_HEADER_CRC:
      if (self->count == 2) {
        if (self->value != (self->crc & 0xffff))
          return gzip_fail (self, SEQ_INFLATE_ERROR_CORRUPT, offset, "header checksum mismatch");
        gzip_enter_stage (self, STAGE_BODY);
      }
      break;
    default:
      g_assert_not_reached ();
  }
  return TRUE;
}

static gboolean
gzip_header (SeqInflateGzip * self, SeqInflateInput * in)
{
  if (self->stage == STAGE_START && in->size > 0) {
    if (self->n_members > 0 && in->data[0] == 0) {
      self->stage = STAGE_PADDING;
    } else {
      self->stage = STAGE_FIXED;
      self->member = in->offset;
      self->count = 0;
      self->crc = 0;
    }
  }
  if (self->stage == STAGE_PADDING)
    return seq_inflate_skip_padding (in, "gzip", &self->pending);

  while (in->size > 0 && self->stage < STAGE_BODY) {
    if (!gzip_header_byte (self, in->data[0], in->offset))
      return FALSE;
    seq_inflate_input_skip (in, 1);
  }
  return TRUE;
}

static const gchar *
gzip_describe (int ret)
{
  switch (ret) {
    case ISAL_INVALID_BLOCK:
      return "invalid deflate block";
    case ISAL_INVALID_SYMBOL:
      return "invalid deflate symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid deflate distance";
    case ISAL_INCORRECT_CHECKSUM:
      return "checksum or length mismatch";
    default:
      return "invalid deflate data";
  }
}

static gboolean
gzip_body (SeqInflateGzip * self, SeqInflateInput * in)
{
  struct inflate_state *state = &self->state;
  guint32 avail_in = (guint32) MIN (in->size, MAX_IN);
  guint32 avail_out = (guint32) (SEQ_INFLATE_OUT_SIZE - self->out_size);
  int ret;

  state->next_in = (guint8 *) in->data;
  state->avail_in = avail_in;
  state->next_out = self->out + self->out_size;
  state->avail_out = avail_out;
  ret = isal_inflate (state);
  seq_inflate_input_skip (in, avail_in - state->avail_in);
  self->out_size += avail_out - state->avail_out;
  self->more = state->avail_out == 0;

  /* Up to 8 bytes may wait in the bit buffer: they have been taken from the input, but not been
   * decoded. */
  if (ret < 0)
    return gzip_fail (self, SEQ_INFLATE_ERROR_CORRUPT,
        in->offset - MAX (state->read_in_length, 0) / 8, gzip_describe (ret));
  if (state->block_state == ISAL_BLOCK_FINISH) {
    self->n_members++;
    self->stage = STAGE_START;
    self->more = FALSE;
  } else if (state->avail_in == avail_in && state->avail_out == avail_out && avail_in > 0) {
    return gzip_fail (self, SEQ_INFLATE_ERROR_CORRUPT, in->offset, "decoder stopped");
  }
  return TRUE;
}

SeqInflateStatus
seq_inflate_gzip_next (gpointer decoder, SeqInflateInput * in, guint8 * out, gsize * size,
    GError ** error)
{
  SeqInflateGzip *self = decoder;
  gboolean ok = self->pending == NULL;

  self->out = out;
  self->out_size = 0;
  while (ok && self->out_size < SEQ_INFLATE_OUT_SIZE) {
    if (in->size == 0 && !(self->stage == STAGE_BODY && self->more))
      break;
    if (self->stage == STAGE_BODY)
      ok = gzip_body (self, in);
    else
      ok = gzip_header (self, in);
  }

  if (self->out_size > 0) {
    *size = self->out_size;
    return SEQ_INFLATE_DATA;
  }
  if (ok && !in->eof)
    return SEQ_INFLATE_NEED_INPUT;
  if (ok && (self->stage == STAGE_START || self->stage == STAGE_PADDING) && self->n_members > 0)
    return SEQ_INFLATE_END;
  if (ok)
    gzip_fail (self, SEQ_INFLATE_ERROR_TRUNCATED, in->offset, "unexpected end");
  g_propagate_error (error, g_steal_pointer (&self->pending));
  return SEQ_INFLATE_ERROR;
}
