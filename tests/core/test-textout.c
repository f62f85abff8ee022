/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "textout.h"

#include <string.h>

/* One block: names and sequences of `parts` in turn, one string behind another. */
typedef struct
{
  GString *bytes;
  GArray *records;
} Block;

static void
block_add (Block * block, const gchar * name, const gchar * residues, const gchar * quality)
{
  GstSeqRecord r = {.id = block->records->len,.qual = GST_SEQ_NO_QUALITY };

  r.name = block->bytes->len;
  r.name_len = strlen (name);
  g_string_append (block->bytes, name);
  r.seq = block->bytes->len;
  r.seq_len = strlen (residues);
  g_string_append (block->bytes, residues);
  if (quality) {
    g_assert_cmpuint (strlen (quality), ==, r.seq_len);
    r.qual = block->bytes->len;
    g_string_append (block->bytes, quality);
  }
  g_array_append_val (block->records, r);
}

static Block
block_new (void)
{
  return (Block) { g_string_new (NULL), g_array_new (FALSE, FALSE, sizeof (GstSeqRecord)) };
}

static void
block_clear (Block * block)
{
  g_string_free (block->bytes, TRUE);
  g_array_unref (block->records);
}

/* The text, in memory of exactly its size; `n`: records that could be written. */
static gchar *
write_text (const Block * block, SeqTextFormat format, guint line_width, guint * n)
{
  const GstSeqRecord *records = (const GstSeqRecord *) block->records->data;
  const guint8 *data = (const guint8 *) block->bytes->str;
  gsize size = seq_text_size (format, line_width, data, records, block->records->len);
  guint8 *out = g_malloc (MAX (size, 1));
  gchar *text;

  memset (out, '?', size);
  *n = seq_text_write (format, line_width, data, records, block->records->len, out);
  text = g_strndup ((const gchar *) out, size);
  g_free (out);
  return text;
}

static void
assert_text (const Block * block, SeqTextFormat format, guint line_width, const gchar * expected)
{
  guint n;
  gchar *text = write_text (block, format, line_width, &n);

  g_assert_cmpuint (n, ==, block->records->len);
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
test_formats (void)
{
  Block block = block_new ();

  block_add (&block, "a b", "ACGTA", "IIII!");
  block_add (&block, "", "", "");
  block_add (&block, "c", "MK", "@+");
  assert_text (&block, SEQ_TEXT_FASTA, 0, ">a b\nACGTA\n>\n>c\nMK\n");
  assert_text (&block, SEQ_TEXT_FASTA, 1, ">a b\nA\nC\nG\nT\nA\n>\n>c\nM\nK\n");
  assert_text (&block, SEQ_TEXT_FASTA, 4, ">a b\nACGT\nA\n>\n>c\nMK\n");
  assert_text (&block, SEQ_TEXT_FASTA, 5, ">a b\nACGTA\n>\n>c\nMK\n");
  assert_text (&block, SEQ_TEXT_FASTA, 6, ">a b\nACGTA\n>\n>c\nMK\n");
  assert_text (&block, SEQ_TEXT_FASTA, G_MAXINT, ">a b\nACGTA\n>\n>c\nMK\n");
  assert_text (&block, SEQ_TEXT_FASTQ, 4, "@a b\nACGTA\n+\nIIII!\n@\n\n+\n\n@c\nMK\n+\n@+\n");
  assert_text (&block, SEQ_TEXT_TSV, 4, "a b\tACGTA\tIIII!\n\t\t\nc\tMK\t@+\n");
  block_clear (&block);
}

static void
test_tsv_escapes (void)
{
  Block block = block_new ();

  block_add (&block, "a\tb\\c\\\\\t", "AC", NULL);
  block_add (&block, "d", "", NULL);
  assert_text (&block, SEQ_TEXT_TSV, 0, "a\\tb\\\\c\\\\\\\\\\t\tAC\nd\t\n");
  block_clear (&block);
}

static void
test_nothing (void)
{
  Block block = block_new ();

  assert_text (&block, SEQ_TEXT_FASTA, 60, "");
  assert_text (&block, SEQ_TEXT_FASTQ, 60, "");
  assert_text (&block, SEQ_TEXT_TSV, 60, "");
  block_clear (&block);
}

/* What would be read back as something else isn't written. */
static void
test_unwritable (void)
{
  static const struct
  {
    const gchar *name, *residues;
    SeqTextFormat format;
    guint line_width;
    gboolean writable;
  } cases[] = {
    {"x", "AC>GT", SEQ_TEXT_FASTA, 0, TRUE},
    {"x", "AC>GT", SEQ_TEXT_FASTA, 3, TRUE},
    {"x", "AC>GT", SEQ_TEXT_FASTA, 2, FALSE},
    {"x", "AC>GT", SEQ_TEXT_FASTA, 1, FALSE},
    {"x", ">", SEQ_TEXT_FASTA, 0, FALSE},
    {"x", "@A", SEQ_TEXT_FASTA, 0, FALSE},
    {"x", "+A", SEQ_TEXT_FASTA, 0, FALSE},
    {"x", ";A", SEQ_TEXT_FASTA, 0, FALSE},
    {"x", "#A", SEQ_TEXT_FASTA, 0, FALSE},
    {"x", "+A", SEQ_TEXT_FASTQ, 0, FALSE},
    {"x", "A+", SEQ_TEXT_FASTQ, 1, TRUE},
    {"x", ">A", SEQ_TEXT_TSV, 0, TRUE},
    {">x", "A", SEQ_TEXT_FASTA, 0, TRUE},
    {"x\n>y", "A", SEQ_TEXT_FASTA, 0, FALSE},
    {"x\ny", "A", SEQ_TEXT_FASTQ, 0, FALSE},
    {"x\ny", "A", SEQ_TEXT_TSV, 0, FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Block block = block_new ();
    gchar *quality = g_strnfill (strlen (cases[i].residues), 'I');
    guint n;

    block_add (&block, "first", "A", "I");
    block_add (&block, cases[i].name, cases[i].residues, quality);
    block_add (&block, "last", "A", "I");
    g_free (write_text (&block, cases[i].format, cases[i].line_width, &n));
    g_assert_cmpuint (n, ==, cases[i].writable ? 3 : 1);
    g_free (quality);
    block_clear (&block);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/textout/formats", test_formats);
  g_test_add_func ("/textout/tsv-escapes", test_tsv_escapes);
  g_test_add_func ("/textout/nothing", test_nothing);
  g_test_add_func ("/textout/unwritable", test_unwritable);
  return g_test_run ();
}
