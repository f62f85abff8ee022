/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file that is parsed in ranges gives the records, and the error, of one that is parsed in order. */

#include <sys/mman.h>
#include <unistd.h>

#include "range-reader.h"
#include "records.h"

typedef struct
{
  SeqFastxConfig config;
  gsize range_size;
  guint n_threads;
} Choices;

static Choices
take_choices (FuzzInput * in)
{
  static const gsize block_sizes[] = { 1 << 20, 1, 100 };
  static const guint64 record_sizes[] = { SEQ_FASTX_MAX_RECORD_BYTES, 1, 10, 100 };
  static const SeqFormat formats[] = { SEQ_FORMAT_AUTO, SEQ_FORMAT_FASTA, SEQ_FORMAT_FASTQ };
  Choices c = { { 0 } };

  c.config.max_record_bytes = record_sizes[fuzz_choose (in, G_N_ELEMENTS (record_sizes))];
  c.config.strictness = fuzz_choose (in, 2) ? SEQ_STRICTNESS_STRICT : SEQ_STRICTNESS_NORMAL;
  c.config.format = formats[fuzz_choose (in, G_N_ELEMENTS (formats))];
  c.config.block_size = block_sizes[fuzz_choose (in, G_N_ELEMENTS (block_sizes))];
  c.config.min_length = fuzz_choose (in, 4);
  c.config.max_length = fuzz_choose (in, 16);
  c.range_size = 1 + fuzz_take_byte (in);
  c.config.block_size = MAX (c.config.block_size, c.range_size / 2);    /* or it won't */
  c.n_threads = 1 + fuzz_choose (in, 2);
  return c;
}

static void
parse_in_order (FuzzRecords * out, const SeqFastxConfig * config, const guint8 * data, gsize size,
    const SeqFastxPosition * from)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 1);
  SeqFastx *parser = seq_fastx_new (config, pool);
  GError *error = NULL;
  SeqBlock *block;

  seq_fastx_begin_at (parser, from);
  if (seq_fastx_push (parser, data + from->byte, size - from->byte, &error))
    seq_fastx_finish (parser, &error);
  while ((block = seq_fastx_flush (parser)))
    fuzz_records_append (out, block);
  if (error != NULL)
    fuzz_records_set_error (out, error);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static void
parse_in_ranges (FuzzRecords * out, SeqRangeReader * reader, const SeqFastxConfig * config,
    const guint8 * data, gsize size)
{
  SeqFastxPosition position;
  SeqRangeStatus status;
  SeqBlock *block;

  do {
    status = seq_range_reader_next (reader, &block, &position);
    if (status == SEQ_RANGE_BLOCK)
      fuzz_records_append (out, block);
    else if (status == SEQ_RANGE_GO_ON)
      parse_in_order (out, config, data, size, &position);
  } while (status == SEQ_RANGE_BLOCK || status == SEQ_RANGE_AGAIN);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  const SeqFastxPosition start = { .line = 1, .record = 3 };
  FuzzInput in = { data, size };
  Choices c = take_choices (&in);
  int fd = memfd_create ("records", MFD_CLOEXEC);
  FuzzRecords whole, ranges;
  SeqFastxPosition position;
  SeqBlock *block;
  SeqRangeReader *reader = seq_range_reader_new (&c.config, c.range_size, c.n_threads);

  g_assert_cmpint (write (fd, in.data, in.size), ==, (gssize) in.size);
  /* the same file twice, as if it were another one, and then not to its end */
  for (guint i = 0; i < 2 && seq_range_reader_open (reader, fd, start.record); i++) {
    fuzz_records_init (&whole);
    fuzz_records_init (&ranges);
    parse_in_order (&whole, &c.config, in.data, in.size, &start);
    parse_in_ranges (&ranges, reader, &c.config, in.data, in.size);
    fuzz_records_assert_same (&whole, &ranges);
    fuzz_records_clear (&whole);
    fuzz_records_clear (&ranges);
    seq_range_reader_close (reader);
  }
  if (seq_range_reader_open (reader, fd, 0)
      && seq_range_reader_next (reader, &block, &position) == SEQ_RANGE_BLOCK)
    seq_block_unref (block);
  seq_range_reader_free (reader);
  close (fd);
  return 0;
}
