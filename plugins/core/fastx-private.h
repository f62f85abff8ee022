/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fastx.h"

/* What the parser's states (fastx.c) share with the block that they fill (fastx-block.c). */

/* Where the next byte stands. Every state can be left and entered at any byte, which is what makes
 * the split of the input irrelevant. */
typedef enum
{
  STATE_BETWEEN,                /* at a line start, a header must come: file start, after FASTQ */
  STATE_BLANK,                  /* in a line of blanks, where a header must come */
  STATE_JUNK,                   /* in a line there that is left out */
  STATE_HEADER_START,           /* behind `>` or `@`, blanks are left out */
  STATE_HEADER,
  STATE_LINE_START,             /* of a sequence line */
  STATE_LINE,
  STATE_COMMENT,                /* in a line of a record that is left out */
  STATE_PLUS,                   /* in the `+` line of FASTQ */
  STATE_QUALITY,
} State;

struct _SeqFastx
{
  SeqFastxConfig config;
  SeqBlockPool *pool;
  SeqBlock *block;              /* being filled; the open record is its last bytes */
  GQueue ready;                 /* full blocks */

  State state;
  SeqFormat format;             /* of the current file */
  gboolean cr;                  /* the last byte was a carriage return; a newline must follow */
  gboolean open;                /* a record has begun */
  guint bom;                    /* bytes of a byte order mark seen at the start of the file */
  gsize start;                  /* of the open record in the block */
  SeqFastxPosition begin;       /* of the open record in the file */
  guint64 ignored_before;       /* of the stats, when it began */
  GstSeqRecord record;          /* the open one */
  guint32 qual_len;
  gsize plus_len;               /* bytes behind `+` that were like the name */

  const guint8 *piece, *src, *end;      /* the bytes at hand; src is the next one */
  guint64 byte;                 /* bytes of this file before the piece */

  guint64 next_id;
  guint64 line;                 /* from 1 */
  gboolean failed;
  SeqFastxPosition error;       /* where the error is, once there is one */
  guint64 stop;                 /* no record begins here or behind; then where one would */
  gboolean done;
  SeqFastxStats stats;
};

/* ---- errors: where they are is where src is; all return FALSE ---- */

/* Another error in a record that is too long comes too late, wherever the piece ends. */
gboolean seq_fastx_fail (SeqFastx * self, SeqFastxError code, GError ** error, const gchar * format,
    ...) G_GNUC_PRINTF (4, 5);
gboolean seq_fastx_fail_too_long (SeqFastx * self, GError ** error);

/* The name of the open record for messages, cut to a readable length, and to what has certainly
 * come when a record is found to be too long. */
gchar *seq_fastx_dup_name (SeqFastx * self);

/* ---- the block and the open record ---- */

/* Makes sure that `room` more bytes fit into the block at hand. */
gboolean seq_fastx_make_room (SeqFastx * self, gsize room, GError ** error);
gboolean seq_fastx_block_is_full (SeqFastx * self);
void seq_fastx_finish_block (SeqFastx * self);

void seq_fastx_begin_record (SeqFastx * self);

/* Closes the open record: into the table, or out of the block where it isn't wanted. */
gboolean seq_fastx_complete_record (SeqFastx * self, GError ** error);

static inline gboolean
seq_fastx_is_too_long (SeqFastx * self)
{
  return self->open && self->block->size - self->start > self->config.max_record_bytes;
}

/* of the byte that src points to */
static inline guint64
seq_fastx_at (SeqFastx * self)
{
  return self->byte + (self->src - self->piece);
}
