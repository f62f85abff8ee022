/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

/* blocks kept for reuse: what a pipeline with a few queues has in flight, or a sort gives back that
 * goes on in files */
#define MAX_FREE_BLOCKS 16

/* pieces that are parsed in one call at most: 4 MiB of empty lines take some 50 ms */
#define PIECES_PER_CALL 64

struct _SeqReader
{
  SeqBlockPool *pool;
  SeqFastxConfig config;
  SeqFastx *parser;
  SeqRecovery *recovery;        /* NULL: the first error of the parser is the end */
  SeqInflate *inflate;
  const guint8 *plain;          /* inflated bytes that are not parsed yet */
  gsize n_plain;
  gboolean cut;                 /* the input ends before the file does */
  gboolean has_cut_record;
  SeqFastxPosition cut_record;
  GError *error;                /* waits until the records before it are given out */
};

SeqReader *
seq_reader_new (const SeqFastxConfig * config, guint n_threads)
{
  SeqReader *self = g_new0 (SeqReader, 1);

  self->pool = seq_block_pool_new (config->block_size + SEQ_FASTX_PIECE, MAX_FREE_BLOCKS);
  self->config = *config;
  self->parser = seq_fastx_new (config, self->pool);
  self->inflate = seq_inflate_new (n_threads);
  return self;
}

void
seq_reader_free (SeqReader * self)
{
  g_clear_error (&self->error);
  seq_recovery_free (self->recovery);
  seq_fastx_free (self->parser);
  seq_inflate_free (self->inflate);
  seq_block_pool_unref (self->pool);
  g_free (self);
}

gboolean
seq_reader_set_recovery (SeqReader * self, const SeqRecoveryConfig * config, GError ** error)
{
  self->recovery = seq_recovery_new (self->parser, &self->config, config, error);
  return self->recovery != NULL;
}

guint64
seq_reader_get_n_bad (SeqReader * self)
{
  return self->recovery ? seq_recovery_get_n_bad (self->recovery) : 0;
}

gboolean
seq_reader_reset (SeqReader * self, GError ** error)
{
  g_clear_error (&self->error);
  seq_fastx_reset (self->parser);
  seq_reader_begin_file (self);
  return !self->recovery || seq_recovery_reset (self->recovery, error);
}

void
seq_reader_begin_file (SeqReader * self)
{
  seq_inflate_reset (self->inflate);
  self->cut = FALSE;
  self->plain = NULL;
  self->n_plain = 0;
}

void
seq_reader_begin_at (SeqReader * self, const SeqFastxPosition * position)
{
  if (self->recovery)
    seq_recovery_forget (self->recovery);
  seq_fastx_begin_at (self->parser, position);
}

void
seq_reader_feed (SeqReader * self, const guint8 * data, gsize size)
{
  seq_inflate_feed (self->inflate, data, size);
}

void
seq_reader_finish_input (SeqReader * self)
{
  seq_inflate_finish_input (self->inflate);
}

void
seq_reader_cut_input (SeqReader * self)
{
  self->cut = TRUE;
  seq_inflate_finish_input (self->inflate);
}

gboolean
seq_reader_get_cut_record (SeqReader * self, guint64 * record)
{
  *record = self->cut_record.record;
  return self->has_cut_record;
}

/* Parses one piece, so that at most two blocks become ready before they are asked for. */
static void
parse_some (SeqReader * self)
{
  gsize n = MIN (self->n_plain, SEQ_FASTX_PIECE);
  const guint8 *data = self->plain;

  self->plain += n;
  self->n_plain -= n;
  if (self->recovery)
    seq_recovery_push (self->recovery, data, n, &self->error);
  else
    seq_fastx_push (self->parser, data, n, &self->error);
}

static gboolean
finish_parsing (SeqReader * self)
{
  self->has_cut_record = self->cut
      && seq_fastx_get_open_record (self->parser, &self->cut_record);
  if (self->recovery)
    return seq_recovery_finish (self->recovery, self->cut, &self->error);
  if (!self->cut)
    return seq_fastx_finish (self->parser, &self->error);
  seq_fastx_cut (self->parser);
  return TRUE;
}

/* STRICT takes a BGZF file without its last block for one that was cut. */
static gboolean
check_end (SeqReader * self)
{
  if (self->config.strictness != SEQ_STRICTNESS_STRICT || self->cut
      || (seq_inflate_get_warnings (self->inflate) & SEQ_INFLATE_WARNING_NO_EOF_BLOCK) == 0)
    return TRUE;
  g_set_error (&self->error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRUNCATED,
      "BGZF data: the end-of-file block is missing; the file may have been cut");
  return FALSE;
}

static SeqReaderStatus
report_error (SeqReader * self, SeqBlock ** block, GError ** error)
{
  *block = seq_fastx_flush (self->parser);
  if (*block)
    return SEQ_READER_BLOCK;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return SEQ_READER_ERROR;
}

SeqReaderStatus
seq_reader_next (SeqReader * self, SeqBlock ** block, GError ** error)
{
  guint pieces = 0;

  for (;;) {
    if ((*block = seq_fastx_pop (self->parser)))
      return SEQ_READER_BLOCK;
    if (self->error)
      return report_error (self, block, error);
    if (seq_fastx_is_done (self->parser))
      return SEQ_READER_FILE_END;
    if (self->n_plain > 0) {
      if (pieces++ == PIECES_PER_CALL)
        return SEQ_READER_AGAIN;
      parse_some (self);
      continue;
    }
    switch (seq_inflate_next (self->inflate, &self->plain, &self->n_plain, &self->error)) {
      case SEQ_INFLATE_DATA:
        break;
      case SEQ_INFLATE_NEED_INPUT:
        self->n_plain = 0;
        return SEQ_READER_NEED_INPUT;
      case SEQ_INFLATE_ERROR:
        if (!self->cut || !g_error_matches (self->error, SEQ_INFLATE_ERROR_DOMAIN,
                SEQ_INFLATE_ERROR_TRUNCATED))
          break;
        g_clear_error (&self->error);
        G_GNUC_FALLTHROUGH;
      case SEQ_INFLATE_END:
        self->n_plain = 0;
        if (finish_parsing (self) && check_end (self))
          return SEQ_READER_FILE_END;
        break;
    }
  }
}

SeqBlock *
seq_reader_flush (SeqReader * self)
{
  return seq_fastx_flush (self->parser);
}

gboolean
seq_reader_is_done (SeqReader * self)
{
  return seq_fastx_is_done (self->parser);
}

SeqFastx *
seq_reader_get_parser (SeqReader * self)
{
  return self->parser;
}

SeqInflate *
seq_reader_get_inflate (SeqReader * self)
{
  return self->inflate;
}
