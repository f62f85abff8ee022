/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "block.h"

G_BEGIN_DECLS

/* Incremental parser of FASTA and FASTQ: bytes in, blocks of records out.
 *
 * Bytes are pushed in pieces of any size; every split of the same input gives the same records.
 * The parser copies each byte that is kept once, from the input into the block that it fills, and
 * leaves line breaks out on the way: residues are contiguous in the block.
 *
 * What it accepts: LF and CRLF line ends; blank lines anywhere; no newline at the end; a UTF-8
 * byte order mark; spaces and tabs in sequence and quality lines (left out); lines of any length;
 * empty names and empty sequences; FASTQ over several lines. The name is the whole header line,
 * without the blanks that follow `>` or `@`. Which letters a sequence has is not the parser's
 * business.
 * What it refuses: bytes before the first header; a carriage return that ends no line; control
 * bytes in a sequence, zero bytes in a name; lines that start with `;` or `#`; in FASTA, sequence
 * lines that start with `@` or `+`; FASTQ whose qualities are not as many as its residues, or that
 * ends within a record; UTF-16; records longer than the limit. SeqStrictness moves that border.
 *
 * After an error the parser holds all records before the bad one: take them with pop and flush,
 * then reset, or go on behind it with skip_record and begin_at (fastx-recovery.h does). Not
 * thread-safe; the blocks are. */

typedef struct _SeqFastx SeqFastx;

typedef enum
{
  SEQ_FORMAT_AUTO,
  SEQ_FORMAT_FASTA,
  SEQ_FORMAT_FASTQ,
} SeqFormat;

typedef enum
{
  SEQ_STRICTNESS_NORMAL,
  /* refuses more of FASTQ: blanks in sequences and qualities, qualities outside 33 to 126, a name
   * behind `+` that is not that of the header */
  SEQ_STRICTNESS_STRICT,
  /* reads on over what does no harm: lines before the first header, after a FASTQ record, and those
   * that start with `;` or `#` are left out; a carriage return alone ends a line; control bytes in
   * sequences and zero bytes in names are left out; in FASTA, sequence lines may start with `@` or
   * `+` */
  SEQ_STRICTNESS_LENIENT,
} SeqStrictness;

#define SEQ_FASTX_ERROR (seq_fastx_error_quark ())
GQuark seq_fastx_error_quark (void);

typedef enum
{
  SEQ_FASTX_ERROR_NO_HEADER,    /* the input does not start with a header */
  SEQ_FASTX_ERROR_SYNTAX,       /* a line that does not belong where it stands */
  SEQ_FASTX_ERROR_BYTE,         /* a byte that has no place in a sequence or name */
  SEQ_FASTX_ERROR_QUALITY,      /* number of qualities differs from number of residues */
  SEQ_FASTX_ERROR_TRUNCATED,    /* the input ends within a record */
  SEQ_FASTX_ERROR_TOO_LONG,     /* record longer than max_record_bytes */
  SEQ_FASTX_ERROR_NO_MEMORY,
} SeqFastxError;

/* limit of max_record_bytes: offsets in a block have 32 bits */
#define SEQ_FASTX_MAX_RECORD_BYTES (G_GUINT64_CONSTANT (0xf0000000))

typedef struct
{
  SeqFormat format;             /* AUTO: the first header tells, for each file anew */
  SeqStrictness strictness;
  gsize block_size;             /* a block is full when it holds this many bytes, 1 or more */
  guint64 max_record_bytes;     /* name, residues and qualities; 1 … SEQ_FASTX_MAX_RECORD_BYTES */
  guint64 min_length;           /* records with fewer residues are left out; 0 = none */
  guint64 max_length;           /* records with more residues are left out; 0 = none */
  guint64 skip;                 /* records with a smaller id are left out */
  guint64 limit;                /* stop after this many records, those left out not counted; 0 =
                                 * no limit */
} SeqFastxConfig;

/* Counts since new or reset. */
typedef struct
{
  guint64 records;              /* complete and wanted, those of the block at hand included */
  guint64 filtered;             /* records left out by min_length and max_length */
  guint64 ignored;              /* lines and single bytes that LENIENT left out */
} SeqFastxStats;

/* Where the parser is, or after an error where the error is. */
typedef struct
{
  guint64 line;                 /* of the current file, from 1 */
  guint64 byte;                 /* of the current file, uncompressed, from 0 */
  guint64 record;               /* id of the record at hand */
} SeqFastxPosition;

SeqFastx *seq_fastx_new (const SeqFastxConfig * config, SeqBlockPool * pool);
void seq_fastx_free (SeqFastx * self);

/* Forgets everything; the next record has id 0. */
void seq_fastx_reset (SeqFastx * self);

/* Where the record that is open now begins, its id included. FALSE if none is. */
gboolean seq_fastx_get_open_record (SeqFastx * self, SeqFastxPosition * start);

/* After an error, instead of reset: drops the open record, if there is one, which keeps its id.
 * Those before it stay. What follows is up to begin_at. */
void seq_fastx_skip_record (SeqFastx * self);

/* Instead of a file's start: the next byte pushed is `position->byte` of the current file, in its
 * line `position->line`, and begins a record, with id `position->record`. Records that are complete
 * stay. */
void seq_fastx_begin_at (SeqFastx * self, const SeqFastxPosition * position);

/* The first record that begins at `byte` of the current file or behind is not parsed any more: the
 * parser is done there, at the byte that get_stop returns. */
void seq_fastx_set_stop (SeqFastx * self, guint64 byte);
guint64 seq_fastx_get_stop (SeqFastx * self);

/* Parses a piece of a file. At most 2 blocks become ready for each SEQ_FASTX_PIECE bytes pushed,
 * so pushing pieces of that size bounds what is held. */
#define SEQ_FASTX_PIECE ((gsize) 64 << 10)
gboolean seq_fastx_push (SeqFastx * self, const guint8 * data, gsize size, GError ** error);

/* For a caller that reads residues of a long FASTA record itself. reserve: room for as many at
 * least, where the next ones go, or NULL: no FASTA record is open in its lines, or there is no
 * memory. It is the parser's, and stays until the next call of any other kind but add_residues,
 * which says that the next residues have been read, and with them `n_lines` ends of lines, the last
 * byte one of them if there is any. unreserve gives back what has not been used. */
guint8 *seq_fastx_reserve (SeqFastx * self, gsize size);
gboolean seq_fastx_add_residues (SeqFastx * self, guint64 bytes, gsize residues, guint64 n_lines,
    GError ** error);
void seq_fastx_unreserve (SeqFastx * self);

/* Ends the current file: its last record is completed, or found to be cut. The next push starts
 * another file; ids and the block that is being filled go on. */
gboolean seq_fastx_finish (SeqFastx * self, GError ** error);

/* The same of a file that is not read to its end: a record that is open is none. Its id is not given
 * to another. */
void seq_fastx_cut (SeqFastx * self);

/* The next block that is full, or NULL. The caller owns it. */
SeqBlock *seq_fastx_pop (SeqFastx * self);

/* The complete records that pop does not give yet, or NULL if there are none. For the end of all
 * input and for after an error: a record that is still open is dropped. */
SeqBlock *seq_fastx_flush (SeqFastx * self);

/* TRUE once `limit` or the stop is reached: further input is ignored. */
gboolean seq_fastx_is_done (SeqFastx * self);

/* Format of the current file; AUTO until its first header. */
SeqFormat seq_fastx_get_format (SeqFastx * self);
void seq_fastx_get_stats (SeqFastx * self, SeqFastxStats * stats);
void seq_fastx_get_position (SeqFastx * self, SeqFastxPosition * position);

/* What is summed over the ids of records for their id-hash: splitmix64's finaliser (Steele, Lea,
 * Flood 2014). */
static inline guint64
seq_mix64 (guint64 x)
{
  x += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

G_END_DECLS
