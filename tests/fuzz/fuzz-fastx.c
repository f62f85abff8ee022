/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parser of FASTA and FASTQ: however the input is split, and wherever blocks end, it gives the
 * same records, and the same error at the same line, byte and record. */

#include "records.h"

typedef struct
{
  SeqFastxConfig config;
  guint32 seed;                 /* of the splits */
  gsize first_file;             /* bytes of the input that are a file of their own */
} Choices;

static Choices
take_choices (FuzzInput * in)
{
  static const gsize block_sizes[] = { 1 << 20, 1, 16, 1000 };
  static const SeqFormat formats[] = { SEQ_FORMAT_AUTO, SEQ_FORMAT_FASTA, SEQ_FORMAT_FASTQ };
  static const guint64 record_sizes[] = { SEQ_FASTX_MAX_RECORD_BYTES, 1, 10, 100 };
  guint first = fuzz_take_byte (in);
  Choices c = { { 0 } };

  c.config.format = formats[first % G_N_ELEMENTS (formats)];
  c.config.strictness = first / G_N_ELEMENTS (formats) % (SEQ_STRICTNESS_LENIENT + 1);
  c.config.block_size = block_sizes[fuzz_choose (in, G_N_ELEMENTS (block_sizes))];
  c.config.max_record_bytes = record_sizes[fuzz_choose (in, G_N_ELEMENTS (record_sizes))];
  c.config.min_length = fuzz_choose (in, 8);
  c.config.max_length = fuzz_choose (in, 16);
  c.config.skip = fuzz_choose (in, 4);
  c.config.limit = fuzz_choose (in, 8);
  c.seed = fuzz_take_u16 (in);
  c.first_file = fuzz_take_byte (in);
  return c;
}

static void
take_ready (FuzzRecords * out, SeqFastx * parser)
{
  SeqBlock *block;

  while ((block = seq_fastx_pop (parser)))
    fuzz_records_append (out, block);
}

/* seed 0: in one piece */
static gboolean
parse_file (FuzzRecords * out, SeqFastx * parser, const guint8 * data, gsize size, guint32 seed,
    GError ** error)
{
  gboolean ok = TRUE;
  gsize n;

  for (; ok && size > 0; data += n, size -= n) {
    /* a copy of its own, so that a sanitizer sees a read past the piece */
    guint8 *piece;

    n = seed > 0 ? fuzz_piece (&seed, size) : size;
    piece = g_memdup2 (data, n);
    ok = seq_fastx_push (parser, piece, n, error);
    g_free (piece);
    take_ready (out, parser);
  }
  return ok && seq_fastx_finish (parser, error);
}

static void
parse (FuzzRecords * out, const Choices * c, gsize block_size, guint32 seed, const guint8 * data,
    gsize size)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  SeqFastxConfig config = c->config;
  gsize first = MIN (c->first_file, size);
  GError *error = NULL;
  SeqFastxStats stats;
  SeqFastx *parser;
  SeqBlock *block;

  config.block_size = block_size;
  parser = seq_fastx_new (&config, pool);
  fuzz_records_init (out);
  if (parse_file (out, parser, data, first, seed, &error))
    parse_file (out, parser, data + first, size - first, seed, &error);
  while ((block = seq_fastx_flush (parser)))
    fuzz_records_append (out, block);
  seq_fastx_get_stats (parser, &stats);
  g_byte_array_append (out->records, (const guint8 *) &stats, sizeof stats);
  if (error != NULL)
    fuzz_records_set_error (out, error);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  const Choices choices = take_choices (&in);
  FuzzRecords whole, split;

  parse (&whole, &choices, 1 << 20, 0, in.data, in.size);
  parse (&split, &choices, choices.config.block_size, choices.seed | 1, in.data, in.size);
  fuzz_records_assert_same (&whole, &split);
  fuzz_records_clear (&whole);
  fuzz_records_clear (&split);
  return 0;
}
