/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "range-reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workers.h"

/* bytes of one read: small enough to stay in the cache until they are parsed */
#define PIECE SEQ_FASTX_PIECE

/* ranges on their way for each thread: one that it works on and one that waits for it */
#define RANGES_PER_THREAD 2

typedef struct
{
  SeqJob job;
  SeqRangeReader *reader;
  guint8 *buffer;               /* of a piece */
  guint64 begin, end;           /* of the range */
  guint64 start;                /* of its first record; `end` where none begins */
  guint64 stop;                 /* behind its last record */

  GQueue blocks;
  guint64 records, filtered;
  gboolean failed;
} Range;

struct _SeqRangeReader
{
  int fd;
  SeqFastxConfig config;
  SeqBlockPool *pool;
  SeqWorkers *workers;
  guint64 size;                 /* of the file when it was opened */
  gsize range_size;

  Range *ranges;                /* a ring */
  guint n_ranges;
  guint64 next;                 /* number of the range that is begun next */
  guint64 given;                /* number of the one that is given out */
  gboolean waited;              /* that one is done */

  guint64 at;                   /* behind the last record that was given out */
  guint64 next_id;
  guint64 filtered;
};

/* ---- a range; any thread ---- */

/* As many bytes as there are up to `size`, 0 at the end, -1 on error */
static gssize
read_at (SeqRangeReader * self, guint8 * buffer, gsize size, guint64 offset)
{
  gsize n = 0;
  gssize ret = 1;

  while (n < size && ret != 0) {
    ret = pread (self->fd, buffer + n, size - n, offset + n);
    if (ret < 0 && errno != EINTR)
      return -1;
    n += MAX (ret, 0);
  }
  return n;
}

/* The first `>` at the start of a line in data … end; `before` is the byte in front. NULL if there
 * is none. */
static const guint8 *
find_header (const guint8 * data, const guint8 * end, guint8 before)
{
  const guint8 *at = data;

  while ((at = memchr (at, '>', end - at)) != NULL) {
    if ((at > data ? at[-1] : before) == '\n')
      return at;
    at++;
  }
  return NULL;
}

/* Where the first record of the range begins; its end if none does. FALSE on error. */
static gboolean
find_start (Range * range)
{
  guint64 at = range->begin;
  guint8 before = '\n';         /* the file begins with a line */
  const guint8 *header;
  gssize n = 1;

  range->start = range->end;
  if (at > 0)
    n = read_at (range->reader, &before, 1, at - 1);
  if (n < 0)
    return FALSE;
  for (; at < range->end && n > 0; at += n) {
    n = read_at (range->reader, range->buffer, MIN (PIECE, range->end - at), at);
    if (n < 0)
      return FALSE;
    header = find_header (range->buffer, range->buffer + n, before);
    if (header != NULL) {
      range->start = at + (header - range->buffer);
      return TRUE;
    }
    if (n > 0)
      before = range->buffer[n - 1];
  }
  return TRUE;
}

/* Parses from the start to the first header behind the range, or to the end of the file. */
static gboolean
parse (Range * range, SeqFastx * parser)
{
  const guint8 *header = NULL;
  guint8 before = '\n';
  guint64 at;
  gssize n = 1;

  for (at = range->start; header == NULL && n > 0; at += n) {
    const guint8 *data = range->buffer, *from = data;

    n = read_at (range->reader, range->buffer, PIECE, at);
    if (n < 0)
      return FALSE;
    if (at + n > range->end) {
      if (range->end > at) {
        from = data + (range->end - at);
        before = from[-1];
      }
      header = find_header (from, data + n, before);
    }
    if (n > 0)
      before = data[n - 1];
    if (header != NULL)
      n = header - data;
    if (!seq_fastx_push (parser, data, n, NULL))
      return FALSE;
  }
  range->stop = at;
  return seq_fastx_finish (parser, NULL);
}

static void
take_results (Range * range, SeqFastx * parser)
{
  SeqFastxPosition position;
  SeqFastxStats stats;
  SeqBlock *block;

  while ((block = seq_fastx_flush (parser)))
    g_queue_push_tail (&range->blocks, block);
  seq_fastx_get_position (parser, &position);
  seq_fastx_get_stats (parser, &stats);
  range->records = position.record;
  range->filtered = stats.filtered;
}

static void
range_func (SeqJob * job, gpointer data)
{
  Range *range = (Range *) job;
  SeqRangeReader *self = range->reader;
  SeqFastx *parser;

  range->records = range->filtered = 0;
  range->failed = !find_start (range);
  if (range->failed || range->start >= range->end)
    return;
  parser = seq_fastx_new (&self->config, self->pool);
  range->failed = !parse (range, parser);
  if (!range->failed)
    take_results (range, parser);
  seq_fastx_free (parser);
}

/* ---- the reader ---- */

static gboolean
can_read (int fd, const SeqFastxConfig * config, gsize range_size, guint64 * size)
{
  struct stat info;
  guint8 first;

  if (config->format == SEQ_FORMAT_FASTQ || config->skip > 0 || config->limit > 0
      || fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)
      || (guint64) info.st_size <= 2 * (guint64) range_size)
    return FALSE;
  *size = info.st_size;
  return pread (fd, &first, 1, 0) == 1 && first == '>';
}

SeqRangeReader *
seq_range_reader_new (int fd, const SeqFastxConfig * config, guint64 first_id, gsize range_size,
    guint n_threads)
{
  SeqRangeReader *self;
  guint64 size;

  if (n_threads == 0 || !can_read (fd, config, range_size, &size))
    return NULL;

  self = g_new0 (SeqRangeReader, 1);
  self->fd = fd;
  self->config = *config;
  self->config.format = SEQ_FORMAT_FASTA;
  self->size = size;
  self->range_size = range_size;
  self->next_id = first_id;
  self->n_ranges = RANGES_PER_THREAD * (n_threads + 1);
  self->pool = seq_block_pool_new (config->block_size + SEQ_FASTX_PIECE, self->n_ranges);
  self->ranges = g_new0 (Range, self->n_ranges);
  for (guint i = 0; i < self->n_ranges; i++) {
    self->ranges[i].reader = self;
    self->ranges[i].buffer = g_malloc (PIECE);
    g_queue_init (&self->ranges[i].blocks);
  }
  self->workers = seq_workers_new (n_threads, range_func, NULL);
  return self;
}

void
seq_range_reader_free (SeqRangeReader * self)
{
  for (guint64 i = self->given + self->waited; i < self->next; i++)
    seq_workers_wait (self->workers, &self->ranges[i % self->n_ranges].job);
  seq_workers_free (self->workers);
  for (guint i = 0; i < self->n_ranges; i++) {
    g_queue_clear_full (&self->ranges[i].blocks, (GDestroyNotify) seq_block_unref);
    g_free (self->ranges[i].buffer);
  }
  g_free (self->ranges);
  seq_block_pool_unref (self->pool);
  g_free (self);
}

/* Keeps the threads busy: begins as many ranges as there is room for. */
static void
begin_ranges (SeqRangeReader * self)
{
  for (; self->next < self->given + self->n_ranges; self->next++) {
    Range *range = &self->ranges[self->next % self->n_ranges];

    range->begin = self->next * self->range_size;
    if (range->begin >= self->size)
      break;
    /* the last one takes what the file has grown by since */
    range->end = self->size - range->begin > self->range_size ? range->begin + self->range_size
        : G_MAXUINT64;
    seq_workers_add (self->workers, &range->job);
  }
}

static void
number_records (SeqBlock * block, guint64 first_id)
{
  for (guint i = 0; i < block->n_records; i++)
    block->records[i].id += first_id;
}

/* The range that is given out is used up. */
static void
end_range (SeqRangeReader * self, const Range * range)
{
  self->next_id += range->records;
  self->filtered += range->filtered;
  if (range->start < range->end)
    self->at = range->stop;
  self->waited = FALSE;
  self->given++;
}

SeqRangeStatus
seq_range_reader_next (SeqRangeReader * self, SeqBlock ** block, SeqFastxPosition * position)
{
  for (;;) {
    Range *range = &self->ranges[self->given % self->n_ranges];

    begin_ranges (self);
    if (self->given == self->next)
      return SEQ_RANGE_END;
    if (!self->waited)
      seq_workers_wait (self->workers, &range->job);
    self->waited = TRUE;
    if (range->failed) {
      *position = (SeqFastxPosition) { .byte = self->at, .record = self->next_id };
      return SEQ_RANGE_GO_ON;
    }
    *block = g_queue_pop_head (&range->blocks);
    if (*block != NULL) {
      number_records (*block, self->next_id);
      return SEQ_RANGE_BLOCK;
    }
    end_range (self, range);
  }
}

void
seq_range_reader_get_progress (SeqRangeReader * self, guint64 * bytes, guint64 * next_id,
    guint64 * filtered)
{
  *bytes = self->at;
  *next_id = self->next_id;
  *filtered = self->filtered;
}

guint64
seq_range_reader_count_lines (SeqRangeReader * self, guint64 position)
{
  guint8 *buffer = g_malloc (PIECE);
  guint64 line = 1, at = 0;
  gssize n;

  while (at < position && (n = read_at (self, buffer, MIN (PIECE, position - at), at)) > 0) {
    for (const guint8 *b = buffer; (b = memchr (b, '\n', buffer + n - b)) != NULL; b++)
      line++;
    at += n;
  }
  g_free (buffer);
  return line;
}
