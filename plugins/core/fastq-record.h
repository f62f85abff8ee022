/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bytescan.h"

/* Nearly every FASTQ record is four lines that end in a newline: `@name`, residues, `+`, as many
 * qualities. Of those there is nothing to tell apart by the byte. */
typedef struct
{
  gsize name_len;
  gsize seq_len;
  const guint8 *newline;        /* the one behind the qualities */
} SeqFastqRecord;

/* Copies name, residues and qualities of the record whose name begins at src, not with a blank, to
 * out, one behind the other. FALSE if it is not of that form, or not whole before end; then what
 * has been written to out means nothing. Output needs as much room as src … end and 64 bytes. */
static inline gboolean
seq_copy_fastq_record (const guint8 * src, const guint8 * end, guint8 * out, SeqFastqRecord * record)
{
  record->name_len = seq_copy_until_break (&src, end, out);
  /* a letter: no line of another kind, and not an empty one */
  if (end - src < 2 || *src != '\n' || !g_ascii_isalpha (src[1]))
    return FALSE;
  src++;
  out += record->name_len;
  record->seq_len = seq_copy_until_space (&src, end, out);
  if (end - src < 4 || src[0] != '\n' || src[1] != '+' || src[2] != '\n')
    return FALSE;
  src += 3;
  if ((gsize) (end - src) <= record->seq_len || src[record->seq_len] != '\n')
    return FALSE;
  record->newline = src + record->seq_len;
  return seq_copy_until_space (&src, end, out + record->seq_len) == record->seq_len;
}
