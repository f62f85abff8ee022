/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqtypefind.h"

#include <string.h>

#define SAMPLE 4096

static gboolean
is_residue (guint8 byte)
{
  return g_ascii_isalpha (byte) || byte == '*' || byte == '-' || byte == '.';
}

/* The next line of what is left of the sample, without its line end. FALSE if nothing is left. */
static gboolean
next_line (const guint8 ** rest, const guint8 * end, const guint8 ** line, gsize * length)
{
  const guint8 *newline = memchr (*rest, '\n', end - *rest);
  const guint8 *stop = newline ? newline : end;

  if (*rest == end)
    return FALSE;
  *line = *rest;
  *rest = newline ? newline + 1 : end;
  if (stop > *line && stop[-1] == '\r')
    stop--;
  *length = stop - *line;
  return TRUE;
}

static gboolean
is_residues (const guint8 * line, gsize length)
{
  gsize n = 0;

  while (n < length && is_residue (line[n]))
    n++;
  return n == length;
}

/* As much as there is, up to the sample. Not every source knows its length, and a peek of too much
 * gives nothing, so the size is found by halving. */
static const guint8 *
peek_sample (GstTypeFind * find, guint * size)
{
  const guint8 *data = NULL, *more;

  *size = 0;
  for (guint step = SAMPLE; step > 0; step /= 2) {
    if (*size + step <= SAMPLE && (more = gst_type_find_peek (find, 0, *size + step))) {
      data = more;
      *size += step;
    }
  }
  return data;
}

/* Of a whole sample there is little doubt, and it must be more than what GStreamer's own finder
 * comes to for long text, that it is plain; a short text can be many things. */
static GstTypeFindProbability
certainty (guint size)
{
  return size == SAMPLE ? GST_TYPE_FIND_NEARLY_CERTAIN : GST_TYPE_FIND_LIKELY;
}

/* Headers and lines of residues, and nothing else as far as the sample goes */
static void
find_fasta (GstTypeFind * find, gpointer unused)
{
  guint size;
  const guint8 *data = peek_sample (find, &size), *rest = data, *line;
  gsize length;
  gboolean residues = FALSE;

  if (!data || data[0] != '>')
    return;
  while (next_line (&rest, data + size, &line, &length)) {
    gboolean header = length > 0 && line[0] == '>';

    if (header ? memchr (line, 0, length) != NULL : !is_residues (line, length))
      return;
    residues = residues || (!header && length > 0);
  }
  if (residues)
    gst_type_find_suggest_empty_simple (find, certainty (size), "text/x-fasta");
}

/* A header, a line of residues, a `+` line. The sample may end within the residues of a long read;
 * they are long then. */
static void
find_fastq (GstTypeFind * find, gpointer unused)
{
  guint size;
  const guint8 *data = peek_sample (find, &size), *rest = data, *line;
  gsize length;

  if (!data || data[0] != '@' || !next_line (&rest, data + size, &line, &length))
    return;
  if (!next_line (&rest, data + size, &line, &length) || length == 0 ||
      !is_residues (line, length))
    return;
  if (rest < data + size && *rest == '+')
    gst_type_find_suggest_empty_simple (find, GST_TYPE_FIND_NEARLY_CERTAIN, "text/x-fastq");
  else if (rest == data + size && length > SAMPLE / 4)
    gst_type_find_suggest_empty_simple (find, certainty (size), "text/x-fastq");
}

#define fasta_caps gst_static_caps_get (&fasta_static_caps)
#define fastq_caps gst_static_caps_get (&fastq_static_caps)
static GstStaticCaps fasta_static_caps = GST_STATIC_CAPS ("text/x-fasta");
static GstStaticCaps fastq_static_caps = GST_STATIC_CAPS ("text/x-fastq");

GST_TYPE_FIND_REGISTER_DEFINE (seqfasta, "text/x-fasta", GST_RANK_MARGINAL, find_fasta,
    "fa,fasta,faa,fna,ffn,frn,fas", fasta_caps, NULL, NULL)
GST_TYPE_FIND_REGISTER_DEFINE (seqfastq, "text/x-fastq", GST_RANK_MARGINAL, find_fastq,
    "fq,fastq", fastq_caps, NULL, NULL)
