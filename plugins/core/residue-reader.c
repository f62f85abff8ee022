/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "residue-reader.h"

#include <errno.h>
#include <unistd.h>

#include "bytecopy.h"
#include "bytescan.h"
#include "simd.h"
#include "workers.h"

/* bytes of one read to where they belong, and into a buffer: few enough to stay in the cache until
 * they are copied */
#define PIECE_IN_PLACE ((gsize) 128 << 10)
#define PIECE_IN_BUFFER ((gsize) 64 << 10)

/* chunks on their way for each thread: one that it works on and one that waits for it */
#define CHUNKS_PER_THREAD 2

typedef struct
{
  SeqJob job;
  guint8 *buffer;               /* of PIECE_IN_BUFFER and a page */
  guint64 n_asked;              /* units; 0 where there is no such chunk */
  guint64 n_found;              /* of them, before what is not as expected */
  guint64 offset;
  guint8 *out, *out_end;        /* where the next residue goes; behind the last one of the chunk */
  gsize left;                   /* residues of the line at hand that are still to come */
  guint ending_left;            /* and bytes that end it */
} Chunk;

struct _SeqResidueReader
{
  int fd;
  SeqResidueLines lines;
  guint8 *out;
  gsize unit_bytes, unit_residues;      /* a line; of an unbroken one a residue */
  guint64 units_per_chunk;
  guint64 n_units;              /* that there is room for */

  GMutex lock;
  guint64 end;                  /* of the file, or where a chunk begins that is not as expected: those
                                 * behind it are of no use */
  gboolean ended;

  SeqWorkers *workers;
  Chunk *chunks;                /* a ring */
  guint8 *buffers;
  guint n_chunks;
  guint64 n_asked, n_given;
};

gssize
seq_read_at (int fd, guint8 * buffer, gsize size, guint64 offset)
{
  gsize n = 0;
  gssize ret = 1;

  while (n < size && ret != 0) {
    ret = pread (fd, buffer + n, size - n, offset + n);
    if (ret < 0 && errno != EINTR)
      return -1;
    n += MAX (ret, 0);
  }
  return n;
}

gboolean
seq_residue_lines_guess (const guint8 * bytes, gsize n, gsize unbroken, guint64 offset,
    SeqResidueLines * lines)
{
  const guint8 *first = memchr (bytes, '\n', n), *second;

  if (first == NULL) {
    *lines = (SeqResidueLines) { .offset = offset + 1 };
    return n > 0 && n >= unbroken;
  }
  second = memchr (first + 1, '\n', bytes + n - first - 1);
  if (second == NULL)
    return FALSE;
  lines->offset = offset + (first + 1 - bytes);
  lines->ending = second[-1] == '\r' ? 2 : 1;
  lines->width = second - first - lines->ending;
  return lines->width > 0;
}

/* ---- a chunk; any thread ---- */

#if SEQ_HAVE_X86_TARGETS

SEQ_AVX512 static inline guint64
copy_step_avx512 (const guint8 * in, guint8 * out)
{
  __m512i v = _mm512_loadu_si512 (in);

  _mm512_storeu_si512 (out, v);
  return _mm512_cmple_epu8_mask (v, _mm512_set1_epi8 (' '))
      | _mm512_cmpeq_epi8_mask (v, _mm512_set1_epi8 (0x7f));
}

SEQ_AVX512 static gsize
copy_lines_avx512 (const guint8 * src, const guint8 * last, guint8 * out, gsize width,
    guint ending)
{
  return seq_copy_lines (copy_step_avx512, src, last, out, width, ending);
}

static gsize
copy_lines (const guint8 * src, const guint8 * last, guint8 * out, gsize width, guint ending)
{
  return seq_simd_level () >= SEQ_SIMD_AVX512 ? copy_lines_avx512 (src, last, out, width, ending)
      : seq_copy_lines (seq_copy_step, src, last, out, width, ending);
}

#elif defined (__SSE2__)

static gsize
copy_lines (const guint8 * src, const guint8 * last, guint8 * out, gsize width, guint ending)
{
  return seq_copy_lines (seq_copy_step, src, last, out, width, ending);
}

#else

static gsize
copy_lines (const guint8 * src, const guint8 * last, guint8 * out, gsize width, guint ending)
{
  return 0;
}

#endif

/* Copies lines that are whole in the piece, from the start of one on, but not the last ones of the
 * piece or of the chunk. Returns where the first line begins that is left; it may be one that is
 * not as expected. */
static const guint8 *
copy_whole_lines (Chunk * chunk, const SeqResidueLines * lines, const guint8 * src,
    const guint8 * end)
{
  const gsize width = lines->width, stride = width + lines->ending;
  /* a line and those behind it that a step past it may touch */
  const gsize spare = 1 + SEQ_COPY_STEP / MIN (width, SEQ_COPY_STEP);
  gsize n = MIN ((gsize) (end - src) / stride, (gsize) (chunk->out_end - chunk->out) / width);

  if (n < spare || !g_ascii_isalpha (*src))
    return src;
  n = copy_lines (src, src + (n - spare) * stride, chunk->out, width, lines->ending);
  chunk->out += n * width;
  return src + n * stride;
}

/* Copies what the bytes of a piece have for the chunk. FALSE where they are not as expected. */
static gboolean
copy_residues (Chunk * chunk, const SeqResidueLines * lines, const guint8 * src,
    const guint8 * end)
{
  while (src < end) {
    if (lines->ending > 0 && chunk->left == lines->width)
      src = copy_whole_lines (chunk, lines, src, end);
    if (chunk->left > 0) {
      gsize room = MIN (end - src, chunk->out_end - chunk->out), n;

      /* a line that starts with something else may be none of the record */
      if (chunk->left == lines->width && lines->ending > 0 && !g_ascii_isalpha (*src))
        return FALSE;
      /* not only up to the line's end, because it is copied in steps; but never past the chunk */
      n = seq_copy_until_space (&src, src + room, chunk->out);
      if (n == 0 || n > chunk->left)
        return FALSE;
      chunk->out += n;
      chunk->left -= n;
    } else {
      if (chunk->ending_left == 0 || *src++ != (chunk->ending_left == 2 ? '\r' : '\n'))
        return FALSE;
      if (--chunk->ending_left == 0) {
        chunk->left = lines->width;
        chunk->ending_left = lines->ending;
      }
    }
  }
  return TRUE;
}

/* Where to read the bytes at `at`, at most `n` of them, which becomes how many: as far behind the
 * start of a page as in the file. There is room for them where the chunk's residues go, which are
 * fewer; a line and a step lie in between, so that what is copied overwrites nothing that is still
 * to come, or to be looked at again because it is the line before an odd one. So it is one long
 * write of the kernel's that meets memory which nothing has touched yet, and the steps find it in
 * the cache. Where the chunk ends there is no room. */
static guint8 *
find_room (Chunk * chunk, const SeqResidueLines * lines, guint64 at, gsize * n)
{
  const gsize room = chunk->out_end - chunk->out, min_gap = lines->width + SEQ_COPY_STEP;
  const gsize gap = min_gap + (at - GPOINTER_TO_SIZE (chunk->out) - min_gap) % SEQ_PAGE;

  if (room >= gap + MIN (*n, PIECE_IN_BUFFER)) {
    *n = MIN (*n, MIN (PIECE_IN_PLACE, room - gap));
    return chunk->out + gap;
  }
  *n = MIN (*n, PIECE_IN_BUFFER);
  return chunk->buffer + at % SEQ_PAGE;
}

/* The end may come nearer while a chunk is read. */
static guint64
get_end (SeqResidueReader * self)
{
  guint64 end;

  g_mutex_lock (&self->lock);
  end = self->end;
  g_mutex_unlock (&self->lock);
  return end;
}

static void
end_before (SeqResidueReader * self, guint64 offset)
{
  g_mutex_lock (&self->lock);
  self->end = MIN (self->end, offset);
  g_mutex_unlock (&self->lock);
}

/* Whole units of those that have been copied; a line is whole when its end has been seen. */
static guint64
count_units (SeqResidueReader * self, const Chunk * chunk)
{
  const guint8 *start = chunk->out_end - chunk->n_asked * self->unit_residues;
  gsize n = chunk->out - start;

  if (self->lines.ending > 0)
    n -= self->lines.width - chunk->left;
  return n / self->unit_residues;
}

static void
chunk_func (SeqJob * job, gpointer data)
{
  SeqResidueReader *self = data;
  Chunk *chunk = (Chunk *) job;
  guint64 at = chunk->offset, end = at + chunk->n_asked * self->unit_bytes;
  gboolean ok = TRUE;
  gssize n = 1;

  chunk->left = self->lines.ending > 0 ? self->lines.width : chunk->n_asked;
  chunk->ending_left = self->lines.ending;
  for (; ok && at < MIN (end, get_end (self)); at += MAX (n, 0)) {
    gsize size = end - at;
    guint8 *piece = find_room (chunk, &self->lines, at, &size);

    n = seq_read_at (self->fd, piece, size, at);
    ok = n > 0 && copy_residues (chunk, &self->lines, piece, piece + n);
  }
  chunk->n_found = count_units (self, chunk);
  if (chunk->n_found < chunk->n_asked)
    end_before (self, chunk->offset);
}

/* ---- the reader ---- */

/* Whole units, up to the end of the file and of the room */
static void
ask_for_next (SeqResidueReader * self)
{
  Chunk *chunk = &self->chunks[self->n_asked % self->n_chunks];
  const guint64 first = self->n_asked * self->units_per_chunk;

  chunk->n_asked = first < self->n_units ? MIN (self->n_units - first, self->units_per_chunk) : 0;
  if (chunk->n_asked == 0)
    return;
  chunk->offset = self->lines.offset + first * self->unit_bytes;
  chunk->out = self->out + first * self->unit_residues;
  chunk->out_end = chunk->out + chunk->n_asked * self->unit_residues;
  self->n_asked++;
  seq_workers_add (self->workers, &chunk->job);
}

SeqResidueReader *
seq_residue_reader_new (int fd, const SeqResidueLines * lines, guint64 end, guint8 * out,
    gsize room, gsize chunk, guint n_threads)
{
  const gsize stride = PIECE_IN_BUFFER + SEQ_PAGE;
  guint n_chunks = CHUNKS_PER_THREAD * (n_threads + 1);
  guint8 *buffers = seq_read_buffer_new (n_chunks * stride);
  SeqResidueReader *self;

  if (buffers == NULL)
    return NULL;
  self = g_new0 (SeqResidueReader, 1);
  self->fd = fd;
  self->lines = *lines;
  self->out = out;
  self->end = MAX (end, lines->offset);
  self->unit_residues = lines->ending > 0 ? lines->width : 1;
  self->unit_bytes = self->unit_residues + lines->ending;
  self->units_per_chunk = MAX (chunk / self->unit_bytes, 1);
  self->n_units = MIN ((self->end - lines->offset) / self->unit_bytes, room / self->unit_residues);
  g_mutex_init (&self->lock);
  self->buffers = buffers;
  self->n_chunks = n_chunks;
  self->chunks = g_new0 (Chunk, n_chunks);
  self->workers = seq_workers_new (n_threads, chunk_func, self);
  for (guint i = 0; i < n_chunks; i++) {
    self->chunks[i].buffer = buffers + i * stride;
    ask_for_next (self);
  }
  return self;
}

void
seq_residue_reader_free (SeqResidueReader * self)
{
  end_before (self, 0);         /* all of them */
  for (guint64 i = self->n_given; i < self->n_asked; i++)
    seq_workers_wait (self->workers, &self->chunks[i % self->n_chunks].job);
  seq_workers_free (self->workers);
  g_mutex_clear (&self->lock);
  g_free (self->chunks);
  free (self->buffers);
  g_free (self);
}

gboolean
seq_residue_reader_next (SeqResidueReader * self, guint64 * bytes, gsize * residues,
    guint64 * n_lines)
{
  Chunk *chunk = &self->chunks[self->n_given % self->n_chunks];
  guint64 n;

  if (self->ended || self->n_given == self->n_asked)
    return FALSE;
  seq_workers_wait (self->workers, &chunk->job);
  self->n_given++;
  n = chunk->n_found;
  self->ended = n < chunk->n_asked;
  *bytes = n * self->unit_bytes;
  *residues = n * self->unit_residues;
  *n_lines = self->lines.ending > 0 ? n : 0;
  if (!self->ended)
    ask_for_next (self);
  return n > 0;
}
