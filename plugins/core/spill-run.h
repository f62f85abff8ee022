/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/record.h>

#include <sys/uio.h>

G_BEGIN_DECLS

/* A sorted run: blocks of records in a file that has no name, written once and read back once from
 * the start.
 *
 * The file exists as long as it is open. Where the file system can't make a file without a name,
 * it is unlinked as soon as it has been made; so no crash leaves anything behind.
 *
 * The file is a sequence of blocks: a header of 64 bytes, the table of the block's records, and
 * their bytes, which lie one record behind the other in the order of the table, each as name,
 * residues and qualities. Numbers are native: whoever reads the file is the process that wrote it.
 * The header has a CRC-32C of itself, of the table and of the bytes, and the place of the block in
 * the file. All three are checked before anything is used.
 *
 * After an error a run is good for nothing but freeing. Not thread-safe. */

#define SEQ_SPILL_ERROR (seq_spill_error_quark ())
GQuark seq_spill_error_quark (void);

typedef enum
{
  SEQ_SPILL_ERROR_OPEN,         /* no file can be made in the directory */
  SEQ_SPILL_ERROR_NO_SPACE,     /* the disk, a quota or a limit on the size of files */
  SEQ_SPILL_ERROR_WRITE,
  SEQ_SPILL_ERROR_READ,
  SEQ_SPILL_ERROR_DAMAGED,      /* what is read is not what has been written */
  SEQ_SPILL_ERROR_NO_MEMORY,
  SEQ_SPILL_ERROR_INTERRUPTED,  /* by the caller's own wish */
} SeqSpillError;

typedef struct _SeqSpillRun SeqSpillRun;

/* `directory`: NULL = TMPDIR from the environment, or else /var/tmp; `number`: which run it is, for
 * messages. */
SeqSpillRun *seq_spill_run_new (const gchar * directory, guint64 number, GError ** error);
void seq_spill_run_free (SeqSpillRun * run);

guint64 seq_spill_run_get_size (SeqSpillRun * run);     /* bytes in the file */
guint64 seq_spill_run_get_n_records (SeqSpillRun * run);
gint seq_spill_run_get_fd (SeqSpillRun * run);

/* Writes a block of `n` records. The pieces, at most SEQ_SPILL_MAX_PIECES, are its bytes, to which
 * the offsets of the table must fit. */
#define SEQ_SPILL_MAX_PIECES 3
gboolean seq_spill_run_append (SeqSpillRun * run, const GstSeqRecord * table, guint n,
    const struct iovec * pieces, guint n_pieces, GError ** error);

/* Reads the next block (the first time: the first one, and nothing can be appended any more). The
 * bytes of a single record are left in the file when they are more than `max_bytes`: then `bytes`
 * is NULL, and seq_spill_run_read_bytes reads them. */
typedef struct
{
  const GstSeqRecord *table;    /* valid until the next call */
  guint n_records;              /* 0 = end of the run */
  const guint8 *bytes;
  guint64 size;
} SeqSpillBlock;

gboolean seq_spill_run_next (SeqSpillRun * run, gsize max_bytes, SeqSpillBlock * block,
    GError ** error);

/* The bytes of a block that have been left in the file, all of them, to `out`. */
gboolean seq_spill_run_read_bytes (SeqSpillRun * run, guint8 * out, GError ** error);

/* Bytes of memory that the run has for reading. */
gsize seq_spill_run_get_held (SeqSpillRun * run);

G_END_DECLS
