/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fastx-recovery.h"
#include "inflate.h"

G_BEGIN_DECLS

/* Files in, blocks of records out: finds the compression, inflates and parses. It is fed, so that
 * the bytes may come from a file that seqsrc reads or from the buffers that seqdec is given.
 *
 *   seq_reader_begin_file (reader);
 *   for (;;)
 *     switch (seq_reader_next (reader, &block, &error)) {
 *       case SEQ_READER_BLOCK:      use the block, unref it
 *       case SEQ_READER_AGAIN:      go on, or stop for a while
 *       case SEQ_READER_NEED_INPUT: seq_reader_feed () or seq_reader_finish_input ()
 *       case SEQ_READER_FILE_END:   seq_reader_begin_file () for the next one, or
 *                                   seq_reader_flush () for the last block
 *       case SEQ_READER_ERROR:      all whole records before the error have been given out
 *     }
 *
 * Blocks go on over the end of a file, so a thousand small files do not make a thousand blocks.
 * What is held is bounded: the inflater gives one buffer at a time, whatever the compression
 * ratio. So is the time of a call: a few bytes may inflate to gigabytes that no block comes of, and
 * AGAIN says after some MiB of them that it would take longer. Not thread-safe. */

typedef struct _SeqReader SeqReader;

typedef enum
{
  SEQ_READER_ERROR,
  SEQ_READER_BLOCK,
  SEQ_READER_AGAIN,
  SEQ_READER_NEED_INPUT,
  SEQ_READER_FILE_END,
} SeqReaderStatus;

/* default of SeqFastxConfig.block_size: with the room that the parser wants behind it a block
 * fills an arena of 4 MiB, two huge pages */
#define SEQ_READER_BLOCK_SIZE (((gsize) 4 << 20) - 2 * SEQ_FASTX_PIECE)

/* n_threads: how many threads inflate where the format allows it; 0 = the caller's alone */
SeqReader *seq_reader_new (const SeqFastxConfig * config, guint n_threads);
void seq_reader_free (SeqReader * self);

/* Records that can't be read are left out from now on; errors of compression are errors all the
 * same. Before the first file. FALSE with G_FILE_ERROR if the quarantine can't be made. */
gboolean seq_reader_set_recovery (SeqReader * self, const SeqRecoveryConfig * config,
    GError ** error);
guint64 seq_reader_get_n_bad (SeqReader * self);

/* Forgets everything; the next file is the first. FALSE with G_FILE_ERROR if the quarantine can't
 * be emptied. */
gboolean seq_reader_reset (SeqReader * self, GError ** error);

void seq_reader_begin_file (SeqReader * self);

/* After begin_file: the bytes that are fed are those from `position` on, where a record begins. */
void seq_reader_begin_at (SeqReader * self, const SeqFastxPosition * position);

/* Only after NEED_INPUT. The bytes are borrowed until the next NEED_INPUT, FILE_END or ERROR. */
void seq_reader_feed (SeqReader * self, const guint8 * data, gsize size);
void seq_reader_finish_input (SeqReader * self);

/* Instead of finish_input: the input ends before the file does. What it has up to there is read,
 * within a member, block or frame, too; but a record that is open at its end is none. After FILE_END
 * get_cut_record says which; FALSE if none was, or if that is not known behind one that can't be
 * read. */
void seq_reader_cut_input (SeqReader * self);
gboolean seq_reader_get_cut_record (SeqReader * self, guint64 * record);

/* `block` is set, and owned by the caller, with SEQ_READER_BLOCK only. Errors come from
 * SEQ_FASTX_ERROR and SEQ_INFLATE_ERROR, with recovery also G_FILE_ERROR. */
SeqReaderStatus seq_reader_next (SeqReader * self, SeqBlock ** block, GError ** error);

/* The last records, after FILE_END; NULL if there are none left. */
SeqBlock *seq_reader_flush (SeqReader * self);

/* TRUE once the configured limit is reached; no more input is needed. */
gboolean seq_reader_is_done (SeqReader * self);

SeqFastx *seq_reader_get_parser (SeqReader * self);
SeqInflate *seq_reader_get_inflate (SeqReader * self);

G_END_DECLS
