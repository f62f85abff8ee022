/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spill-run.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x53716553        /* "SeqS" */

/* /tmp is memory on many systems, and sorted runs are there to get out of memory */
#define DEFAULT_DIRECTORY "/var/tmp"

/* read and write take at most 2 GiB - 4 KiB at once, and ISA-L counts bytes with an int */
#define MAX_IO ((gsize) 1 << 30)

typedef struct
{
  guint32 magic;
  guint32 header_crc;           /* of what follows */
  guint64 offset;               /* of this header in the file */
  guint64 size;                 /* bytes behind the table */
  guint32 n_records;
  guint32 table_crc;
  guint32 bytes_crc;
  guint32 reserved[7];          /* 0 */
} Header;

G_STATIC_ASSERT (sizeof (Header) == 64);

struct _SeqSpillRun
{
  gint fd;
  gchar *directory;
  guint64 number;
  guint64 size;
  guint64 n_records;

  /* reading */
  gboolean reading;
  guint64 position;             /* of the next header */
  Header header;                /* of the block at hand */
  guint8 *buffer;               /* its table, and its bytes if they have been read */
  gsize capacity;
};

GQuark
seq_spill_error_quark (void)
{
  return g_quark_from_static_string ("seq-spill-error");
}

static guint32
checksum (guint32 crc, const guint8 * bytes, gsize n)
{
  for (gsize step; n > 0; n -= step, bytes += step) {
    step = MIN (n, MAX_IO);
    crc = crc32_iscsi ((guint8 *) bytes, (gint) step, crc);
  }
  return crc;
}

static guint32
header_checksum (const Header * header)
{
  gsize start = offsetof (Header, offset);

  return checksum (0, (const guint8 *) header + start, sizeof (Header) - start);
}

/* --- the file -------------------------------------------------------------------------------- */

static gint
open_unnamed (const gchar * directory)
{
  gint fd = open (directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  gchar *path;

  /* EISDIR: kernels that don't know O_TMPFILE; the others: file systems */
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd;
  path = g_build_filename (directory, "gst-seq-XXXXXX", NULL);
  fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    unlink (path);
  g_free (path);
  return fd;
}

SeqSpillRun *
seq_spill_run_new (const gchar * directory, guint64 number, GError ** error)
{
  const gchar *from_environment = g_getenv ("TMPDIR");
  SeqSpillRun *run;
  gint fd;

  if (!directory)
    directory = from_environment && *from_environment ? from_environment : DEFAULT_DIRECTORY;
  fd = open_unnamed (directory);
  if (fd < 0) {
    gboolean full = errno == ENOSPC || errno == EDQUOT;

    g_set_error (error, SEQ_SPILL_ERROR, full ? SEQ_SPILL_ERROR_NO_SPACE : SEQ_SPILL_ERROR_OPEN,
        "Could not make a spill file in %s: %s", directory, g_strerror (errno));
    return NULL;
  }
  run = g_new0 (SeqSpillRun, 1);
  run->fd = fd;
  run->directory = g_strdup (directory);
  run->number = number;
  return run;
}

void
seq_spill_run_free (SeqSpillRun * run)
{
  close (run->fd);
  g_free (run->directory);
  g_free (run->buffer);
  g_free (run);
}

guint64
seq_spill_run_get_size (SeqSpillRun * run)
{
  return run->size;
}

guint64
seq_spill_run_get_n_records (SeqSpillRun * run)
{
  return run->n_records;
}

gint
seq_spill_run_get_fd (SeqSpillRun * run)
{
  return run->fd;
}

gsize
seq_spill_run_get_held (SeqSpillRun * run)
{
  return run->capacity;
}

/* --- writing --------------------------------------------------------------------------------- */

static gboolean
write_failed (SeqSpillRun * run, guint64 wanted, gint code, GError ** error)
{
  gboolean full = code == ENOSPC || code == EDQUOT || code == EFBIG;

  g_set_error (error, SEQ_SPILL_ERROR, full ? SEQ_SPILL_ERROR_NO_SPACE : SEQ_SPILL_ERROR_WRITE,
      "Could not write %" G_GUINT64_FORMAT " bytes to spill file %" G_GUINT64_FORMAT " in %s at "
      "byte %" G_GUINT64_FORMAT ": %s", wanted, run->number, run->directory, run->size,
      g_strerror (code));
  return FALSE;
}

/* Writes all of the vectors, which are changed on the way. */
static gboolean
write_vectors (SeqSpillRun * run, struct iovec *vectors, guint n, guint64 wanted,
    GError ** error)
{
  while (n > 0) {
    gssize written;

    if (vectors->iov_len == 0) {
      vectors++, n--;
      continue;
    }
    written = writev (run->fd, vectors, n);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return write_failed (run, wanted, written < 0 ? errno : EIO, error);
    for (gsize left = written; left > 0;) {
      gsize step = MIN (left, vectors->iov_len);

      vectors->iov_base = (guint8 *) vectors->iov_base + step;
      vectors->iov_len -= step;
      left -= step;
      if (vectors->iov_len == 0 && left > 0)
        vectors++, n--;
    }
  }
  return TRUE;
}

gboolean
seq_spill_run_append (SeqSpillRun * run, const GstSeqRecord * table, guint n,
    const struct iovec * pieces, guint n_pieces, GError ** error)
{
  Header header = { MAGIC, 0, run->size, 0, n, 0, 0, {0} };
  struct iovec vectors[2 + SEQ_SPILL_MAX_PIECES];
  gsize table_size = n * sizeof (GstSeqRecord);
  guint64 wanted;

  g_return_val_if_fail (n > 0 && n_pieces <= SEQ_SPILL_MAX_PIECES && !run->reading, FALSE);
  for (guint i = 0; i < n_pieces; i++) {
    header.size += pieces[i].iov_len;
    header.bytes_crc = checksum (header.bytes_crc, pieces[i].iov_base, pieces[i].iov_len);
    vectors[2 + i] = pieces[i];
  }
  header.table_crc = checksum (0, (const guint8 *) table, table_size);
  header.header_crc = header_checksum (&header);
  vectors[0] = (struct iovec) { &header, sizeof (header) };
  vectors[1] = (struct iovec) { (gpointer) table, table_size };

  wanted = sizeof (header) + table_size + header.size;
  if (!write_vectors (run, vectors, 2 + n_pieces, wanted, error))
    return FALSE;
  run->size += wanted;
  run->n_records += n;
  return TRUE;
}

/* --- reading --------------------------------------------------------------------------------- */

static gboolean
damaged (SeqSpillRun * run, guint64 offset, const gchar * what, GError ** error)
{
  g_set_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_DAMAGED, "Spill file %" G_GUINT64_FORMAT
      " in %s is damaged at byte %" G_GUINT64_FORMAT ": %s", run->number, run->directory, offset,
      what);
  return FALSE;
}

static gboolean
read_bytes (SeqSpillRun * run, gpointer out, gsize n, guint64 offset, GError ** error)
{
  guint8 *to = out;

  while (n > 0) {
    gssize got = pread (run->fd, to, MIN (n, MAX_IO), offset);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      g_set_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_READ, "Could not read spill file %"
          G_GUINT64_FORMAT " in %s at byte %" G_GUINT64_FORMAT ": %s", run->number,
          run->directory, offset, g_strerror (errno));
      return FALSE;
    }
    if (got == 0)
      return damaged (run, offset, "the file ends here", error);
    to += got;
    n -= got;
    offset += got;
  }
  return TRUE;
}

static gboolean
read_header (SeqSpillRun * run, GError ** error)
{
  Header *header = &run->header;
  guint64 room = run->size - run->position;

  if (room < sizeof (Header))
    return damaged (run, run->position, "no room for a block", error);
  if (!read_bytes (run, header, sizeof (Header), run->position, error))
    return FALSE;
  room -= sizeof (Header);
  if (header->magic != MAGIC || header->header_crc != header_checksum (header) ||
      header->offset != run->position)
    return damaged (run, run->position, "not the header of a block", error);
  if (header->n_records == 0 || header->n_records > room / sizeof (GstSeqRecord) ||
      header->size > room - header->n_records * sizeof (GstSeqRecord))
    return damaged (run, run->position, "the block is larger than the file", error);
  return TRUE;
}

static gboolean
reserve_buffer (SeqSpillRun * run, gsize size, GError ** error)
{
  guint8 *buffer;

  if (size <= run->capacity)
    return TRUE;
  buffer = g_try_realloc (run->buffer, size);
  if (!buffer) {
    g_set_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_NO_MEMORY, "Not enough memory for %"
        G_GSIZE_FORMAT " bytes of spill file %" G_GUINT64_FORMAT, size, run->number);
    return FALSE;
  }
  run->buffer = buffer;
  run->capacity = size;
  return TRUE;
}

/* Every record must lie where those before it end. */
static gboolean
check_table (SeqSpillRun * run, guint64 table_at, GError ** error)
{
  const GstSeqRecord *table = (const GstSeqRecord *) run->buffer;
  guint64 end = 0;

  for (guint32 i = 0; i < run->header.n_records; i++) {
    const GstSeqRecord *r = &table[i];
    gboolean good = r->name == end && r->seq == end + r->name_len;

    end += (guint64) r->name_len + r->seq_len;
    if (r->qual != GST_SEQ_NO_QUALITY) {
      good &= r->qual == end;
      end += r->seq_len;
    }
    if (!good || end > run->header.size)
      return damaged (run, table_at + i * sizeof (GstSeqRecord), "not a record", error);
  }
  if (end != run->header.size)
    return damaged (run, table_at, "bytes without a record", error);
  return TRUE;
}

gboolean
seq_spill_run_next (SeqSpillRun * run, gsize max_bytes, SeqSpillBlock * block, GError ** error)
{
  gsize table_size, size;
  guint64 table_at, bytes_at;
  gboolean leave;

  if (!run->reading) {
    run->reading = TRUE;
    posix_fadvise (run->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  *block = (SeqSpillBlock) { NULL, 0, NULL, 0 };
  if (run->position == run->size)
    return TRUE;
  if (!read_header (run, error))
    return FALSE;

  table_at = run->position + sizeof (Header);
  table_size = run->header.n_records * sizeof (GstSeqRecord);
  bytes_at = table_at + table_size;
  leave = run->header.n_records == 1 && run->header.size > max_bytes;
  size = leave ? 0 : run->header.size;
  if (!reserve_buffer (run, table_size + size, error) ||
      !read_bytes (run, run->buffer, table_size + size, table_at, error))
    return FALSE;
  if (checksum (0, run->buffer, table_size) != run->header.table_crc)
    return damaged (run, table_at, "the checksum of a table differs", error);
  if (!leave && checksum (0, run->buffer + table_size, size) != run->header.bytes_crc)
    return damaged (run, bytes_at, "the checksum of records differs", error);
  if (!check_table (run, table_at, error))
    return FALSE;

  block->table = (const GstSeqRecord *) run->buffer;
  block->n_records = run->header.n_records;
  block->bytes = leave ? NULL : run->buffer + table_size;
  block->size = run->header.size;
  run->position = bytes_at + run->header.size;
  /* other runs are read before this one is read on */
  posix_fadvise (run->fd, run->position, sizeof (Header) + table_size + size,
      POSIX_FADV_WILLNEED);
  return TRUE;
}

gboolean
seq_spill_run_read_bytes (SeqSpillRun * run, guint8 * out, GError ** error)
{
  guint64 offset = run->position - run->header.size;

  if (!read_bytes (run, out, run->header.size, offset, error))
    return FALSE;
  if (checksum (0, out, run->header.size) != run->header.bytes_crc)
    return damaged (run, offset, "the checksum of a record differs", error);
  return TRUE;
}
