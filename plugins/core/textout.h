/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/record.h>

G_BEGIN_DECLS

/* Records to text. Two passes: the size first, so that one allocation of exactly that size holds
 * the text of a whole block. */

typedef enum
{
  SEQ_TEXT_FASTA,
  SEQ_TEXT_FASTQ,               /* four lines a record; every record must have qualities */
  SEQ_TEXT_TSV,                 /* name, residues and, where there are some, qualities; a tab or
                                 * backslash in a name is written as \t or \\ */
} SeqTextFormat;

/* Bytes that the records take as text. `data`: the block's bytes; `line_width`: residues in a line
 * of FASTA, 0 = all in one line. */
gsize seq_text_size (SeqTextFormat format, guint line_width, const guint8 * data,
    const GstSeqRecord * records, guint n_records);

/* Writes them, and returns how many. Fewer than n_records means that the next one can't be written
 * so that it is read back the same: its name holds a line break, or a line of its residues would
 * start with one of `>@+;#`, which open other kinds of lines. */
guint seq_text_write (SeqTextFormat format, guint line_width, const guint8 * data,
    const GstSeqRecord * records, guint n_records, guint8 * out);

G_END_DECLS
