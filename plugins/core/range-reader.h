/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fastx.h"

G_BEGIN_DECLS

/* Parses a plain FASTA or FASTQ file in ranges, on several threads, and gives out the blocks in the
 * order of the file: the records, ids and all, that SeqFastx gives for the whole.
 *
 * A thread begins at the first place of its range where a record seems to begin, and ends before
 * the first record behind it. In FASTA such a place is each line that starts with `>`, whatever
 * went before. In FASTQ it is a guess, because a line that starts with `@` may hold qualities: four
 * lines that fit together. But a range is given out only if it begins just where the range before
 * it has ended, and the first begins at the start of the file; so by induction all are right, and
 * one that was guessed wrong is parsed again, from the right place.
 *
 * Errors are not reported from here: where a range can't be read or parsed, or the file has become
 * shorter, the reader ends at its first record and says where that is, and who goes on from there
 * in order finds the error, in the words and at the place that it always has. So it does where
 * records are so small that their tables would take much more than the file, and no sample has
 * shown it.
 *
 * Memory: a range in hand takes 1 to 2 MiB, up to 8 where records are long, and where they are shorter
 * than samples of the file have shown, 8 MiB at most of tables. There are 2 * (n_threads + 1) of
 * them, and twice as many more at most in which no record begins. Each thread has a buffer of 68 KiB,
 * of 516 KiB where FASTQ has long records. Of all that begin in ranges only the last record can be
 * longer than what is in hand of the file; one that goes far behind its range is read by `n_threads`
 * threads more, where it is FASTA, which take 68 KiB and touch up to 4 MiB behind it, each
 * 2 * (n_threads + 1) times, until its end is met. */

typedef struct _SeqRangeReader SeqRangeReader;

/* bytes of a range at most: without line breaks, and with the last record that goes past its end, they
 * fill half a huge page. Ranges of a quarter took longer to sort, of a whole one longer to start:
 * there is twice as much memory to touch for the first time, and more to wait for at both ends.
 * Where records are short a range is smaller, by what some samples of the file show, so that there
 * is room for their table, too; where no sample shows a record begin, it is up to four times as
 * large. */
#define SEQ_RANGE_SIZE (((gsize) 1 << 20) - SEQ_FASTX_PIECE)

typedef enum
{
  SEQ_RANGE_BLOCK,
  SEQ_RANGE_AGAIN,              /* nothing yet, after another range: a chance to stop */
  SEQ_RANGE_END,                /* of the file */
  SEQ_RANGE_GO_ON,              /* from `position`, in order */
} SeqRangeStatus;

/* `n_threads`: beside the caller's; with 0 no file is opened. Threads and buffers appear with the
 * first file that is, and stay for the next. */
SeqRangeReader *seq_range_reader_new (const SeqFastxConfig * config, gsize range_size,
    guint n_threads);
void seq_range_reader_free (SeqRangeReader * self);

/* FALSE where this is no way to read it: `fd` is no regular file of several ranges, does not start
 * with `>` or `@`, or not with the format that `config` asks for; or `config` asks to skip or limit
 * records, which has to be counted in order, or for LENIENT, where lines end in more ways, or for
 * blocks of less than half a range, which are too many; or there is no memory for it. Reads with
 * pread(): the offset of `fd` stays. `fd` must stay open until close. `first_id`: of the first
 * record. Not while another file is open. */
gboolean seq_range_reader_open (SeqRangeReader * self, int fd, guint64 first_id);

/* Also where none is open. What has not been given out is dropped. */
void seq_range_reader_close (SeqRangeReader * self);

/* `block` is set, and owned by the caller, with BLOCK only; `position` with GO_ON only. */
SeqRangeStatus seq_range_reader_next (SeqRangeReader * self, SeqBlock ** block,
    SeqFastxPosition * position);

/* Bytes of the file before the range that is being given out, the id of its first record, and how
 * many records before it were left out. */
void seq_range_reader_get_progress (SeqRangeReader * self, guint64 * bytes, guint64 * next_id,
    guint64 * filtered);

G_END_DECLS
