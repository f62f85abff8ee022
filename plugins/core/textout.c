/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "textout.h"

#include <string.h>

static gsize
count_escapes (const guint8 * name, gsize n)
{
  gsize escapes = 0;

  for (gsize i = 0; i < n; i++)
    escapes += name[i] == '\t' || name[i] == '\\';
  return escapes;
}

/* Lines that n residues take: an empty sequence has none. */
static gsize
count_lines (guint line_width, gsize n)
{
  if (n == 0)
    return 0;
  return line_width == 0 ? 1 : (n + line_width - 1) / line_width;
}

gsize
seq_text_size (SeqTextFormat format, guint line_width, const guint8 * data,
    const GstSeqRecord * records, guint n_records)
{
  gsize size = 0;

  for (guint i = 0; i < n_records; i++) {
    const GstSeqRecord *r = &records[i];

    switch (format) {
      case SEQ_TEXT_FASTA:
        size += 2 + r->name_len + (gsize) r->seq_len + count_lines (line_width, r->seq_len);
        break;
      case SEQ_TEXT_FASTQ:
        size += 6 + r->name_len + 2 * (gsize) r->seq_len;
        break;
      case SEQ_TEXT_TSV:
        size += 2 + r->name_len + count_escapes (data + r->name, r->name_len) + r->seq_len;
        if (r->qual != GST_SEQ_NO_QUALITY)
          size += 1 + r->seq_len;
        break;
    }
  }
  return size;
}

static inline guint8 *
put (guint8 * out, const guint8 * bytes, gsize n)
{
  memcpy (out, bytes, n);
  return out + n;
}

static inline gboolean
opens_other_line (guint8 byte)
{
  return byte == '>' || byte == '@' || byte == '+' || byte == ';' || byte == '#';
}

/* Each returns the end of what it has written, NULL where the record would not be read back. */

static guint8 *
put_fasta (guint8 * out, guint line_width, const guint8 * data, const GstSeqRecord * r)
{
  const guint8 *seq = data + r->seq;

  *out++ = '>';
  out = put (out, data + r->name, r->name_len);
  *out++ = '\n';
  for (gsize left = r->seq_len, n; left > 0; left -= n) {
    if (opens_other_line (*seq))
      return NULL;
    n = line_width == 0 ? left : MIN (left, line_width);
    out = put (out, seq, n);
    *out++ = '\n';
    seq += n;
  }
  return out;
}

static guint8 *
put_fastq (guint8 * out, const guint8 * data, const GstSeqRecord * r)
{
  if (r->seq_len > 0 && opens_other_line (data[r->seq]))
    return NULL;
  *out++ = '@';
  out = put (out, data + r->name, r->name_len);
  *out++ = '\n';
  out = put (out, data + r->seq, r->seq_len);
  out = put (out, (const guint8 *) "\n+\n", 3);
  out = put (out, data + r->qual, r->seq_len);
  *out++ = '\n';
  return out;
}

static guint8 *
put_tsv (guint8 * out, const guint8 * data, const GstSeqRecord * r)
{
  for (guint32 i = 0; i < r->name_len; i++) {
    guint8 byte = data[r->name + i];

    if (byte == '\t' || byte == '\\')
      *out++ = '\\';
    *out++ = byte == '\t' ? 't' : byte;
  }
  *out++ = '\t';
  out = put (out, data + r->seq, r->seq_len);
  if (r->qual != GST_SEQ_NO_QUALITY) {
    *out++ = '\t';
    out = put (out, data + r->qual, r->seq_len);
  }
  *out++ = '\n';
  return out;
}

guint
seq_text_write (SeqTextFormat format, guint line_width, const guint8 * data,
    const GstSeqRecord * records, guint n_records, guint8 * out)
{
  guint i;

  for (i = 0; i < n_records; i++) {
    const GstSeqRecord *r = &records[i];

    if (r->name_len > 0 && memchr (data + r->name, '\n', r->name_len))
      return i;
    switch (format) {
      case SEQ_TEXT_FASTA:
        out = put_fasta (out, line_width, data, r);
        break;
      case SEQ_TEXT_FASTQ:
        out = put_fastq (out, data, r);
        break;
      case SEQ_TEXT_TSV:
        out = put_tsv (out, data, r);
        break;
    }
    if (!out)
      return i;
  }
  return n_records;
}
