/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes sequences made up from a seed to standard output: what the comparisons run on. The same
 * arguments give the same bytes on every machine. */

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Residues in 256 parts, about as often as they are in UniProtKB/Swiss-Prot */
static const struct
{
  gchar letter;
  guint parts;
} composition[] = {
  {'L', 25}, {'A', 21}, {'G', 18}, {'V', 18}, {'E', 17}, {'S', 17}, {'I', 15}, {'K', 15},
  {'R', 14}, {'D', 14}, {'T', 14}, {'P', 12}, {'N', 10}, {'Q', 10}, {'F', 10}, {'Y', 8},
  {'M', 6}, {'H', 6}, {'C', 3}, {'W', 3},
};

/* Lengths of proteins: median 290, mean 360 */
#define MEDIAN_LENGTH 290
#define SIGMA 0.66
#define SHORTEST 20
#define LONGEST 20000

/* bases of a bacterial genome */
#define GENOME 5000000

#define LINE 60
#define NAME_MAX_BYTES 256

typedef struct
{
  guint64 state;
  guint8 letters[256];
  guint8 qualities[256];
  guint8 *residues;             /* room for those of a record */
} Maker;

/* splitmix64 */
static guint64
draw (Maker * maker)
{
  guint64 z = maker->state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static gdouble
draw_unit (Maker * maker)
{
  return ((draw (maker) >> 11) + 1) / 9007199254740993.0;
}

static guint
draw_protein_length (Maker * maker)
{
  gdouble normal = sqrt (-2 * log (draw_unit (maker))) * cos (2 * G_PI * draw_unit (maker));

  return (guint) CLAMP (MEDIAN_LENGTH * exp (SIGMA * normal), SHORTEST, LONGEST);
}

/* Eight letters of `table` from each number */
static void
draw_letters (Maker * maker, const guint8 table[256], guint8 * to, gsize n)
{
  gsize i, k;

  for (i = 0; i < n; i += k) {
    guint64 bits = draw (maker);

    for (k = 0; k < 8 && i + k < n; k++, bits >>= 8)
      to[i + k] = table[bits & 0xff];
  }
}

static void
use_residues (Maker * maker)
{
  guint i, k, at = 0;

  for (i = 0; i < G_N_ELEMENTS (composition); i++)
    for (k = 0; k < composition[i].parts; k++)
      maker->letters[at++] = (guint8) composition[i].letter;
  g_assert (at == 256);
}

static void
use_bases (Maker * maker)
{
  guint i;

  for (i = 0; i < 256; i++)
    maker->letters[i] = (guint8) "ACGT"[i & 3];
}

/* Mostly high, as instruments write them; from Phred 2 to 40 */
static void
use_qualities (Maker * maker)
{
  guint i;

  for (i = 0; i < 256; i++)
    maker->qualities[i] = (guint8) (33 + 40 - (i < 160 ? i & 3 : i < 240 ? i & 15 : i % 39));
}

static void
put (const void *bytes, gsize n)
{
  if (fwrite (bytes, 1, n, stdout) != n) {
    perror ("make-data");
    exit (1);
  }
}

/* `line`: residues of a line, 0 = all in one */
static void
put_lines (const guint8 * residues, gsize n, gsize line)
{
  gsize i;

  for (i = 0; i < n; i += MIN (line, n - i)) {
    if (line == 0)
      line = n;
    put (residues + i, MIN (line, n - i));
    put ("\n", 1);
  }
}

static guint
draw_peptide_length (Maker * maker)
{
  return 40 + (guint) (draw (maker) % 21);
}

static void
make_proteins (Maker * maker, guint64 n, guint (*length) (Maker * maker), gsize line)
{
  gchar name[NAME_MAX_BYTES];
  guint64 i;

  use_residues (maker);
  for (i = 1; i <= n; i++) {
    guint residues = length (maker);
    guint species = (guint) (draw (maker) % 9000) + 1000;

    put (name, (gsize) g_snprintf (name, sizeof name, ">sp|S%07" G_GUINT64_FORMAT "|P%07"
            G_GUINT64_FORMAT "_SYNTH Synthetic protein %" G_GUINT64_FORMAT
            " OS=Synthetica seed OX=%u PE=%u SV=1\n", i, i, i, species, species % 5 + 1));
    draw_letters (maker, maker->letters, maker->residues, residues);
    maker->residues[0] = 'M';
    put_lines (maker->residues, residues, line);
  }
}

static void
make_reads (Maker * maker, guint64 n, guint length)
{
  gchar name[NAME_MAX_BYTES];
  guint64 i;

  use_bases (maker);
  use_qualities (maker);
  for (i = 1; i <= n; i++) {
    put (name, (gsize) g_snprintf (name, sizeof name, "@SYN:1:FLOW:%u:%u:%" G_GUINT64_FORMAT
            " 1:N:0:ACGT\n", (guint) (i % 8) + 1, (guint) (i % 2000) + 1000, i));
    draw_letters (maker, maker->letters, maker->residues, length);
    put_lines (maker->residues, length, 0);
    put ("+\n", 2);
    draw_letters (maker, maker->qualities, maker->residues, length);
    put_lines (maker->residues, length, 0);
  }
}

static void
make_chromosome (Maker * maker, guint64 number, guint64 bases)
{
  gchar name[NAME_MAX_BYTES];
  guint64 done, n;

  use_bases (maker);
  put (name, (gsize) g_snprintf (name, sizeof name, ">chr%" G_GUINT64_FORMAT " synthetic\n",
          number));
  for (done = 0; done < bases; done += n) {
    n = MIN (LINE * 256, bases - done);
    draw_letters (maker, maker->letters, maker->residues, n);
    put_lines (maker->residues, n, LINE);
  }
}

static gboolean
make (Maker * maker, const gchar * kind, guint64 n)
{
  if (g_str_equal (kind, "proteins"))
    make_proteins (maker, n, draw_protein_length, LINE);
  else if (g_str_equal (kind, "oneline"))
    make_proteins (maker, n, draw_protein_length, 0);
  else if (g_str_equal (kind, "peptides"))
    make_proteins (maker, n, draw_peptide_length, LINE);
  else if (g_str_equal (kind, "reads"))
    make_reads (maker, n, 150);
  else if (g_str_equal (kind, "longreads"))
    make_reads (maker, n, 10000);
  else if (g_str_equal (kind, "chromosome"))
    make_chromosome (maker, 1, n);
  else if (g_str_equal (kind, "genomes"))
    for (guint64 i = 1; i <= n; i++)
      make_chromosome (maker, i, GENOME);
  else
    return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  Maker maker = { 0 };
  guint64 n = 0;
  gboolean known;

  if (argc == 3)
    n = g_ascii_strtoull (argv[2], NULL, 10);
  if (n == 0) {
    fprintf (stderr, "Usage: make-data KIND N\n"
        "KIND: proteins, oneline (each on one line), peptides (40 to 60 residues),\n"
        "reads (150 bases), longreads (10,000 bases), genomes (5,000,000 bases); N: records. Or "
        "chromosome; N: bases.\n");
    return 2;
  }
  maker.residues = g_malloc (LONGEST);
  known = make (&maker, argv[1], n);
  if (!known)
    fprintf (stderr, "make-data: no kind '%s'\n", argv[1]);
  g_free (maker.residues);
  if (fflush (stdout) != 0) {
    perror ("make-data");
    return 1;
  }
  return known ? 0 : 2;
}
