/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqtypefind.h"

#include <string.h>

#define SAMPLE 4096

static gboolean
is_residue (guint8 byte)
{
  return g_ascii_isalpha (byte) || byte == '*' || byte == '-' || byte == '.';
}

/* Index of the byte behind the line that starts at `at`; the line is lines[at … *end). */
static guint
next_line (const guint8 * data, guint size, guint at, guint * end)
{
  const guint8 *newline = memchr (data + at, '\n', size - at);
  guint stop = newline ? (guint) (newline - data) : size;

  *end = stop > at && data[stop - 1] == '\r' ? stop - 1 : stop;
  return newline ? stop + 1 : size;
}

static gboolean
line_is_residues (const guint8 * data, guint at, guint end)
{
  if (at == end)
    return FALSE;
  while (at < end && is_residue (data[at]))
    at++;
  return at == end;
}

static const guint8 *
peek_sample (GstTypeFind * find, guint * size)
{
  guint64 length = gst_type_find_get_length (find);
  const guint8 *data;

  /* sources that don't know their length may have less than the sample */
  for (*size = length > 0 ? MIN (length, SAMPLE) : SAMPLE; *size > 0; *size /= 2)
    if ((data = gst_type_find_peek (find, 0, *size)))
      return data;
  return NULL;
}

/* A header, then a line of residues. Many text formats use `>`, so it is only likely. */
static void
find_fasta (GstTypeFind * find, gpointer unused)
{
  guint size, line, end;
  const guint8 *data = peek_sample (find, &size);

  if (!data || data[0] != '>')
    return;
  line = next_line (data, size, 0, &end);
  next_line (data, size, line, &end);
  if (line < size && line_is_residues (data, line, end))
    gst_type_find_suggest_empty_simple (find, GST_TYPE_FIND_LIKELY, "text/x-fasta");
}

/* A header, a line of residues, a `+` line. */
static void
find_fastq (GstTypeFind * find, gpointer unused)
{
  guint size, line, plus, end;
  const guint8 *data = peek_sample (find, &size);

  if (!data || data[0] != '@')
    return;
  line = next_line (data, size, 0, &end);
  plus = next_line (data, size, line, &end);
  if (line < size && line_is_residues (data, line, end) && plus < size && data[plus] == '+')
    gst_type_find_suggest_empty_simple (find, GST_TYPE_FIND_NEARLY_CERTAIN, "text/x-fastq");
}

#define fasta_caps gst_static_caps_get (&fasta_static_caps)
#define fastq_caps gst_static_caps_get (&fastq_static_caps)
static GstStaticCaps fasta_static_caps = GST_STATIC_CAPS ("text/x-fasta");
static GstStaticCaps fastq_static_caps = GST_STATIC_CAPS ("text/x-fastq");

GST_TYPE_FIND_REGISTER_DEFINE (seqfasta, "text/x-fasta", GST_RANK_MARGINAL, find_fasta,
    "fa,fasta,faa,fna,ffn,frn,fas", fasta_caps, NULL, NULL)
GST_TYPE_FIND_REGISTER_DEFINE (seqfastq, "text/x-fastq", GST_RANK_MARGINAL, find_fastq,
    "fq,fastq", fastq_caps, NULL, NULL)
