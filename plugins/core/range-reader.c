/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "range-reader.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytecopy.h"
#include "residue-reader.h"
#include "workers.h"

/* bytes of one read: small enough to stay in the cache until they are parsed */
#define PIECE SEQ_FASTX_PIECE

/* Bytes in which a start is looked for in FASTQ where a piece shows none: a guess has to see a
 * whole record, and long reads are long. */
#define LOOK ((gsize) 512 << 10)

/* ranges on their way for each thread: one that it works on and one that waits for it */
#define RANGES_PER_THREAD 2

/* and as many at most in which no record begins, which hold no records */
#define EMPTY_RANGES_PER_THREAD 4

/* what a thread reads at a time of a record that is longer than ranges, in sizes of the usual: it
 * lies in huge pages that nobody else touches first, but for the two at its ends */
#define RANGES_PER_CHUNK 4

/* ranges behind its own that a record has to go on through before it is taken for such a one, where
 * it isn't known whether others begin there */
#define RANGES_UNKNOWN 8

/* blocks kept for reuse at least, for who holds some of them, as windows of a sort do */
#define MIN_FREE_BLOCKS 32

/* records of a range at most, for they take 32 bytes each in a table, whatever is in them: that is 5
 * bytes a record in one of SEQ_RANGE_SIZE */
#define MAX_RECORDS 196608

/* Places of a file that show how many records its bytes make, and how many bytes of each are read */
#define N_SAMPLES 4
#define SAMPLE (PIECE / N_SAMPLES)

/* bytes of a block left for a range that holds more than those show */
#define SPARE_ROOM ((gsize) 20 << 10)

/* what is read behind the end of a range, where its last record is likely to end, in mean records */
#define RECORDS_BEHIND 2

/* parts of the largest range that a range of short records has at least */
#define MIN_RANGE 8

/* Sizes of it that a range has where no sample shows a record begin: all that lies in front of the
 * first one of a range is looked through, and read again by who parses what it belongs to. */
#define LONG_RANGE 4

/* wrong guesses on end after which the threads are of no use: FASTQ over several lines, say */
#define MAX_MISSES 4

typedef struct
{
  SeqJob job;
  SeqRangeReader *reader;
  guint8 *buffer;               /* while a thread works on it */
  guint64 begin, end;           /* of the range */
  guint64 start;                /* of its first record; `end` where none begins */
  const guint8 *found;          /* in the buffer: what was read there when it was looked for */
  gsize n_found;
  guint64 stop;                 /* behind its last record */

  GQueue blocks;
  guint n_taken;                /* records in them */
  guint64 records, filtered, lines;
  gpointer empty;               /* atomic; 1 + number of a range that had the place of this one, and
                                 * in which no record begins */
  gboolean begun;               /* not where a record that has been given out goes on behind it */
  gboolean failed;
  gboolean at_end;              /* of the file */
} Range;

struct _SeqRangeReader
{
  int fd;                       /* -1 between files */
  SeqFormat asked;              /* of every file; `config` has that of the one at hand */
  SeqFastxConfig config;
  SeqBlockPool *pool;
  SeqWorkers *workers;          /* NULL until there is a file for them */
  guint n_threads;
  guint64 size;                 /* of the file when it was opened */
  gsize max_range;
  gsize range_size;             /* of this file */
  gsize behind;                 /* what is read behind the end of one */

  guint8 **buffers;             /* that no thread has, of LOOK bytes and a page */
  guint n_buffers;

  Range *ranges;                /* a ring */
  guint n_ranges;
  guint n_full;                 /* of them, in which records may begin */
  gboolean waited;              /* the range that is given out is done */
  guint misses;                 /* ranges on end whose start was guessed wrong */

  GMutex lock;                  /* of the buffers, and what decides which ranges are begun */
  guint64 next;                 /* number of the range that is begun next */
  guint64 given;                /* number of the one that is given out */
  guint64 at;                   /* behind the last record that was given out */
  gboolean ended;               /* the file has, or nobody wants the rest */
  guint n_waiting;              /* ranges that no thread has got to yet */

  guint64 lines;                /* before `at` */
  guint64 next_id;
  guint64 filtered;
};

/* ---- a range; any thread ---- */

/* The next line start behind `at`, or `end` */
static const guint8 *
next_line (const guint8 * at, const guint8 * end)
{
  const guint8 *newline = memchr (at, '\n', end - at);

  return newline != NULL ? newline + 1 : end;
}

/* Does a FASTQ record of four lines stand here, with another behind it? */
static gboolean
looks_like_fastq (const guint8 * header, const guint8 * end)
{
  const guint8 *residues = next_line (header, end), *plus = next_line (residues, end);
  const guint8 *qualities = next_line (plus, end), *next = next_line (qualities, end);

  return next < end && *plus == '+' && *next == '@' && plus - residues == next - qualities;
}

/* The first record that seems to begin in data … limit, with what follows up to `end`; `before` is
 * the byte in front. NULL if none does. */
static const guint8 *
find_record (const guint8 * data, const guint8 * limit, const guint8 * end, guint8 before,
    SeqFormat format)
{
  const guint8 first = format == SEQ_FORMAT_FASTQ ? '@' : '>', *at = data;

  while ((at = memchr (at, first, limit - at)) != NULL) {
    if ((at > data ? at[-1] : before) == '\n'
        && (format == SEQ_FORMAT_FASTA || looks_like_fastq (at, end)))
      return at;
    at++;
  }
  return NULL;
}

/* Where bytes at `at` are read to: as far behind the start of a page as in the file */
static guint8 *
get_room (Range * range, guint64 at)
{
  return range->buffer + at % SEQ_PAGE;
}

/* Where the first record of the range seems to begin; its end if none does. FALSE on error. */
static gboolean
find_start (Range * range)
{
  SeqRangeReader *self = range->reader;
  guint64 at = range->begin;
  guint8 before;
  gsize look = PIECE;
  const guint8 *data, *record;
  gssize n, some;

  range->start = range->end;
  if (at == 0) {
    range->start = 0;           /* no guess */
    return TRUE;
  }
  n = seq_read_at (self->fd, &before, 1, at - 1);
  if (n < 0)
    return FALSE;
  for (; at < range->end && n > 0; at += some) {
    data = get_room (range, at);
    n = seq_read_at (self->fd, get_room (range, at), look, at);
    if (n < 0)
      return FALSE;
    some = MIN ((guint64) n, range->end - at);
    record = find_record (data, data + some, data + n, before, self->config.format);
    if (record != NULL) {
      range->start = at + (record - data);
      range->found = record;
      range->n_found = data + n - record;
      return TRUE;
    }
    if (self->config.format == SEQ_FORMAT_FASTQ && look < LOOK) {
      look = LOOK;              /* from here once more: the record may be longer than a piece */
      some = 0;
    } else if (some > 0) {
      before = data[some - 1];
    }
  }
  return TRUE;
}

/* FALSE if there are more than may be held. */
static gboolean
take_blocks (Range * range, SeqFastx * parser, SeqBlock * (*take) (SeqFastx *))
{
  SeqBlock *block;

  while ((block = take (parser))) {
    range->n_taken += block->n_records;
    g_queue_push_tail (&range->blocks, block);
  }
  return range->n_taken <= MAX_RECORDS;
}

/* How many bytes to read at `at`: no more behind the range than its last record is likely to have */
static gsize
get_piece (Range * range, guint64 at)
{
  if (at >= range->end || range->end - at >= PIECE)
    return PIECE;
  return MIN (range->end - at + range->reader->behind, PIECE);
}

/* Parses the piece of the file at `at`. `n`: its bytes, 0 at the end. FALSE on error. */
static gboolean
parse_piece (Range * range, SeqFastx * parser, guint64 at, gssize * n)
{
  const guint8 *piece = range->found;

  *n = range->n_found;
  range->n_found = 0;
  if (*n == 0) {
    piece = get_room (range, at);
    *n = seq_read_at (range->reader->fd, get_room (range, at), get_piece (range, at), at);
  }
  return *n >= 0 && seq_fastx_push (parser, piece, *n, NULL)
      && take_blocks (range, parser, seq_fastx_pop);
}

/* What the lines at `at` are like. FALSE if they can't be told. */
static gboolean
guess_lines (Range * range, guint64 at, SeqResidueLines * lines)
{
  gssize n = seq_read_at (range->reader->fd, range->buffer, PIECE, at);

  return n > 0 && seq_residue_lines_guess (range->buffer, n, PIECE, at, lines);
}

/* Whether it is known that no record begins in the range of this number, in the ring or behind it */
static gboolean
is_empty (SeqRangeReader * self, guint64 number)
{
  Range *range = &self->ranges[number % self->n_ranges];

  return GPOINTER_TO_SIZE (g_atomic_pointer_get (&range->empty)) == (gsize) (number + 1);
}

/* What a record has to go on for behind a range to be read by all threads: a chunk, or as many ranges
 * as are in one at least, where they are smaller */
static gsize
get_chunk (SeqRangeReader * self)
{
  return RANGES_PER_CHUNK * MIN (self->range_size, self->max_range);
}

/* Whether the record at `at`, which has gone on behind its range, will take a chunk more at least:
 * where it takes less, the threads have the next records to parse. The ranges behind say so, if they
 * have been looked at; where they have not, they may never be, because who gives the blocks out is
 * in no hurry, and one that has gone far is expected to go on. */
static gboolean
goes_on (Range * range, guint64 at)
{
  SeqRangeReader *self = range->reader;
  guint64 number = range->begin / self->range_size, end = range->end;

  if (at < end)
    return FALSE;
  if (at - end >= RANGES_UNKNOWN * self->max_range)
    return TRUE;
  for (guint i = 1; i < self->n_ranges && is_empty (self, number + i); i++)
    end += self->range_size;
  return end >= at && end - at >= get_chunk (self);
}

/* Of a record that goes on far behind the range, several threads read the lines at `at`, as long as
 * they are of one length; `at` moves behind them. FALSE on error. */
static gboolean
parse_long_record (Range * range, SeqFastx * parser, guint64 * at)
{
  SeqRangeReader *self = range->reader;
  SeqResidueReader *residues = NULL;
  SeqResidueLines lines;
  guint64 room, bytes, n_lines;
  gboolean ok = TRUE;
  guint8 *out;
  gsize n;

  if (!guess_lines (range, *at, &lines))
    return TRUE;
  /* first what is left of the line at hand, which is in the buffer */
  if (!seq_fastx_push (parser, range->buffer, lines.offset - *at, NULL)
      || !take_blocks (range, parser, seq_fastx_pop))
    return FALSE;
  *at = lines.offset;
  room = MIN (self->size - MIN (*at, self->size), self->config.max_record_bytes);
  out = seq_fastx_reserve (parser, room);
  if (out != NULL)
    residues = seq_residue_reader_new (self->fd, &lines, self->size, out, room,
        RANGES_PER_CHUNK * self->max_range, self->n_threads);
  while (ok && residues != NULL && seq_residue_reader_next (residues, &bytes, &n, &n_lines)) {
    ok = seq_fastx_add_residues (parser, bytes, n, n_lines, NULL);
    *at += bytes;
  }
  g_clear_pointer (&residues, seq_residue_reader_free);
  seq_fastx_unreserve (parser);
  return ok;
}

/* Parses from the start to the first record behind the range, or to the end of the file. */
static gboolean
parse_records (Range * range, SeqFastx * parser)
{
  const SeqFastxPosition start = { .line = 1, .byte = range->start };
  guint64 at = range->start;
  guint64 long_from = 0;        /* where threads go on with a record; 0 if they have had none yet */
  gssize n;

  seq_fastx_begin_at (parser, &start);
  seq_fastx_set_stop (parser, range->end);
  do {
    if (!parse_piece (range, parser, at, &n))
      return FALSE;
    if (seq_fastx_is_done (parser)) {
      range->stop = seq_fastx_get_stop (parser);
      return TRUE;
    }
    at += n;
    if (long_from > 0 ? at >= long_from : goes_on (range, at)) {
      if (!parse_long_record (range, parser, &at))
        return FALSE;
      /* the lines may be of another length by then */
      long_from = at + range->reader->max_range;
    }
  } while (n > 0);
  range->stop = at;
  range->at_end = TRUE;
  /* a file that was cut ends in the middle of a record */
  return at >= range->reader->size && seq_fastx_finish (parser, NULL);
}

static void
take_counts (Range * range, SeqFastx * parser)
{
  SeqFastxPosition position;
  SeqFastxStats stats;

  seq_fastx_get_position (parser, &position);
  seq_fastx_get_stats (parser, &stats);
  range->records = position.record;
  range->lines = position.line - 1;
  range->filtered = stats.filtered;
}

static void
drop_blocks (Range * range)
{
  g_queue_clear_full (&range->blocks, (GDestroyNotify) seq_block_unref);
}

/* A range in which no record begins, as far as is known */
static void
forget_records (Range * range)
{
  drop_blocks (range);
  range->start = range->end;
  range->n_found = range->n_taken = 0;
  range->records = range->filtered = range->lines = 0;
  range->failed = range->at_end = FALSE;
}

static void
parse_range (Range * range)
{
  SeqRangeReader *self = range->reader;
  SeqFastx *parser = seq_fastx_new (&self->config, self->pool);

  range->failed = !parse_records (range, parser)
      || !take_blocks (range, parser, seq_fastx_flush);
  if (!range->failed)
    take_counts (range, parser);
  else
    drop_blocks (range);
  seq_fastx_free (parser);
}

/* How many ranges may be on their way, with the lock. Where records are longer than ranges, threads
 * would have nothing to do if those in which none begins counted. But where so many of them follow
 * each other that goes_on() is told, all threads will read the record, and what they have looked at
 * by then is read twice. */
static guint
count_ranges (SeqRangeReader * self)
{
  const gsize enough = get_chunk (self) + self->range_size;
  guint n = self->n_full, n_on_end = 0;

  if (self->n_waiting > 0)
    return n;
  for (guint64 i = self->given; i < self->next; i++) {
    n_on_end = is_empty (self, i) ? n_on_end + 1 : 0;
    if (n_on_end * self->range_size > enough)
      return self->n_full;
    n += n_on_end > 0;
  }
  return MIN (n, self->n_ranges);
}

/* Keeps the threads busy: begins as many ranges as there is room for. What a long record that has
 * been given out covers is known to begin none, and need not be looked at. FALSE if none is on its
 * way or done. */
static gboolean
begin_ranges (SeqRangeReader * self)
{
  gboolean any;
  guint64 end;

  g_mutex_lock (&self->lock);
  end = self->given + count_ranges (self);
  for (; self->next < end && !self->ended; self->next++) {
    Range *range = &self->ranges[self->next % self->n_ranges];

    range->begin = self->next * self->range_size;
    if (range->begin >= self->size)
      break;
    /* the last one takes what the file has grown by since */
    range->end = self->size - range->begin > self->range_size ? range->begin + self->range_size
        : G_MAXUINT64;
    range->begun = range->end > self->at;
    self->n_waiting += range->begun;
    if (range->begun)
      seq_workers_add (self->workers, &range->job);
    else
      forget_records (range);
  }
  any = self->given < self->next;
  g_mutex_unlock (&self->lock);
  return any;
}

/* There is one for each thread; no others work on ranges. Last in, first out, for it is still in the
 * cache. */
static void
take_buffer (Range * range)
{
  SeqRangeReader *self = range->reader;

  g_mutex_lock (&self->lock);
  g_assert (self->n_buffers > 0);
  range->buffer = self->buffers[--self->n_buffers];
  g_mutex_unlock (&self->lock);
}

static void
give_buffer_back (Range * range)
{
  SeqRangeReader *self = range->reader;

  g_mutex_lock (&self->lock);
  self->buffers[self->n_buffers++] = g_steal_pointer (&range->buffer);
  g_mutex_unlock (&self->lock);
}

static void
range_func (SeqJob * job, gpointer data)
{
  Range *range = (Range *) job;
  SeqRangeReader *self = range->reader;

  g_mutex_lock (&self->lock);
  self->n_waiting--;
  g_mutex_unlock (&self->lock);
  take_buffer (range);
  forget_records (range);
  range->failed = !find_start (range);
  if (!range->failed && range->start < range->end)
    parse_range (range);
  else if (!range->failed)
    g_atomic_pointer_set (&range->empty, GSIZE_TO_POINTER (range->begin / self->range_size + 1));
  give_buffer_back (range);
  /* who gives the blocks out may be at work on a long record */
  begin_ranges (self);
}

/* ---- the reader ---- */

SeqRangeReader *
seq_range_reader_new (const SeqFastxConfig * config, gsize range_size, guint n_threads)
{
  SeqRangeReader *self = g_new0 (SeqRangeReader, 1);

  g_mutex_init (&self->lock);
  self->fd = -1;
  self->config = *config;
  self->asked = config->format;
  self->max_range = range_size;
  self->n_threads = n_threads;
  self->n_full = RANGES_PER_THREAD * (n_threads + 1);
  self->n_ranges = self->n_full + EMPTY_RANGES_PER_THREAD * (n_threads + 1);
  self->pool = seq_block_pool_new (MIN (config->block_size, range_size) + PIECE - SEQ_BLOCK_SLACK,
      MAX (self->n_full, MIN_FREE_BLOCKS));
  self->buffers = g_new0 (guint8 *, n_threads + 1);
  self->ranges = g_new0 (Range, self->n_ranges);
  for (guint i = 0; i < self->n_ranges; i++) {
    self->ranges[i].reader = self;
    g_queue_init (&self->ranges[i].blocks);
  }
  return self;
}

void
seq_range_reader_free (SeqRangeReader * self)
{
  seq_range_reader_close (self);
  g_clear_pointer (&self->workers, seq_workers_free);
  while (self->n_buffers > 0)
    free (self->buffers[--self->n_buffers]);
  g_free (self->buffers);
  g_free (self->ranges);
  g_mutex_clear (&self->lock);
  seq_block_pool_unref (self->pool);
  g_free (self);
}

static gboolean
can_read (SeqRangeReader * self, int fd, guint64 * size, SeqFormat * format)
{
  const SeqFastxConfig *config = &self->config;
  struct stat info;
  guint8 first;

  if (self->n_threads == 0 || config->skip > 0 || config->limit > 0
      || config->strictness == SEQ_STRICTNESS_LENIENT
      || self->max_range / 2 > config->block_size
      || fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)
      || (guint64) info.st_size <= 2 * (guint64) self->max_range)
    return FALSE;
  *size = info.st_size;
  if (pread (fd, &first, 1, 0) != 1 || (first != '>' && first != '@'))
    return FALSE;
  *format = first == '@' ? SEQ_FORMAT_FASTQ : SEQ_FORMAT_FASTA;
  return self->asked == SEQ_FORMAT_AUTO || self->asked == *format;
}

/* The first file makes them. FALSE when there is no memory. */
static gboolean
make_workers (SeqRangeReader * self)
{
  while (self->n_buffers <= self->n_threads) {
    guint8 *buffer = seq_read_buffer_new (LOOK + SEQ_PAGE);

    if (!buffer)
      return FALSE;
    self->buffers[self->n_buffers++] = buffer;
  }
  if (!self->workers) {
    seq_block_pool_fill (self->pool, self->n_full + 1, self->n_threads + 1);
    self->workers = seq_workers_new (self->n_threads, range_func, NULL);
  }
  return TRUE;
}

/* Adds up what the bytes hold: ends of lines, and starts of lines with `>`. */
static void
count_lines (const guint8 * data, gsize n, gsize * n_lines, gsize * n_headers)
{
  const guint8 *at = data, *end = data + n;

  for (; (at = memchr (at, '\n', end - at)) != NULL; (*n_lines)++)
    *n_headers += ++at < end && *at == '>';
}

/* How many bytes of the file fill a block with what is left of them without line ends, with what is
 * read behind them, and with the table of their records. A table for which there is no room takes
 * memory of its own as long as the block lives, which has to be touched for the first time: 150-base
 * reads took 1.16 times as long to sort. `taken`: of the block by `n_bytes` of the file. */
static gsize
fit_range (SeqRangeReader * self, gsize n_bytes, gsize taken)
{
  const gsize room = seq_block_pool_get_room (self->pool);
  const gsize spare = SEQ_BLOCK_SLACK + SPARE_ROOM + self->behind;

  if (taken == 0 || room <= spare)
    return self->max_range;
  return CLAMP ((guint64) n_bytes * (room - spare) / taken, MAX (self->max_range / MIN_RANGE, 1),
      self->max_range);
}

/* Chooses the size of ranges by samples of the file. */
static void
fit_ranges (SeqRangeReader * self, int fd, guint64 size, SeqFormat format)
{
  gsize n_bytes = 0, n_lines = 0, n_records = 0;

  for (guint i = 0; i < N_SAMPLES; i++) {
    gssize n = seq_read_at (fd, self->buffers[0], SAMPLE, size / N_SAMPLES * i);

    if (n > 0) {
      count_lines (self->buffers[0], n, &n_lines, &n_records);
      n_bytes += n;
    }
  }
  if (format == SEQ_FORMAT_FASTQ)
    n_records = n_lines / 4;
  self->behind = CLAMP (RECORDS_BEHIND * n_bytes / MAX (n_records, 1), SEQ_PAGE, PIECE);
  if (n_records > 0)
    self->range_size = fit_range (self, n_bytes,
        n_bytes - n_lines + n_records * sizeof (GstSeqRecord));
  else
    self->range_size = self->max_range * CLAMP (size / self->n_full / self->max_range, 1, LONG_RANGE);
}

gboolean
seq_range_reader_open (SeqRangeReader * self, int fd, guint64 first_id)
{
  SeqFormat format;
  guint64 size;

  g_assert (self->fd < 0);
  if (!can_read (self, fd, &size, &format) || !make_workers (self))
    return FALSE;
  for (guint i = 0; i < self->n_ranges; i++)
    self->ranges[i].empty = NULL;
  self->fd = fd;
  self->config.format = format;
  self->size = size;
  fit_ranges (self, fd, size, format);
  self->next = self->given = 0;
  self->waited = self->ended = FALSE;
  self->misses = 0;
  self->at = self->lines = self->filtered = 0;
  self->next_id = first_id;
  return TRUE;
}

void
seq_range_reader_close (SeqRangeReader * self)
{
  g_mutex_lock (&self->lock);
  self->ended = TRUE;           /* no more are begun */
  g_mutex_unlock (&self->lock);
  for (guint64 i = self->given + self->waited; i < self->next; i++)
    if (self->ranges[i % self->n_ranges].begun)
      seq_workers_wait (self->workers, &self->ranges[i % self->n_ranges].job);
  for (guint i = 0; i < self->n_ranges; i++)
    drop_blocks (&self->ranges[i]);
  self->next = self->given = 0;
  self->waited = FALSE;
  self->fd = -1;
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
  self->lines += range->lines;
  self->filtered += range->filtered;
  self->waited = FALSE;
  g_mutex_lock (&self->lock);
  if (range->start < range->end) {
    self->at = range->stop;
    self->ended = range->at_end;
  }
  self->given++;
  g_mutex_unlock (&self->lock);
}

/* Waits for the range that is to be given out. It is right if it begins where the one before it has
 * ended, which the first one makes true for all; else it is parsed once more, from there. */
static void
finish_range (SeqRangeReader * self, Range * range)
{
  gboolean covered = self->at >= range->end;

  if (range->begun)
    seq_workers_wait (self->workers, &range->job);
  self->waited = TRUE;
  if (covered ? range->start >= range->end : range->start == self->at) {
    self->misses = 0;
    return;
  }
  forget_records (range);
  self->misses++;
  if (!covered && self->misses < MAX_MISSES) {
    range->start = self->at;
    g_atomic_pointer_set (&range->empty, NULL);
    take_buffer (range);
    parse_range (range);
    give_buffer_back (range);
  }
}

SeqRangeStatus
seq_range_reader_next (SeqRangeReader * self, SeqBlock ** block, SeqFastxPosition * position)
{
  Range *range = &self->ranges[self->given % self->n_ranges];

  if (!begin_ranges (self) || self->ended)
    return SEQ_RANGE_END;
  if (!self->waited)
    finish_range (self, range);
  if (range->failed || self->misses >= MAX_MISSES) {
    *position = (SeqFastxPosition) { 1 + self->lines, self->at, self->next_id };
    return SEQ_RANGE_GO_ON;
  }
  *block = g_queue_pop_head (&range->blocks);
  if (*block == NULL) {
    end_range (self, range);
    return SEQ_RANGE_AGAIN;
  }
  number_records (*block, self->next_id);
  return SEQ_RANGE_BLOCK;
}

void
seq_range_reader_get_progress (SeqRangeReader * self, guint64 * bytes, guint64 * next_id,
    guint64 * filtered)
{
  *bytes = self->at;
  *next_id = self->next_id;
  *filtered = self->filtered;
}
