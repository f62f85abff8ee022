/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

#include <gst/base/gsttypefindhelper.h>

#define FASTA "text/x-fasta"
#define FASTQ "text/x-fastq"

static void
assert_type (const gchar * data, gsize size, const gchar * expected)
{
  GstTypeFindProbability probability;
  GstCaps *caps = gst_type_find_helper_for_data (NULL, (const guint8 *) data, size, &probability);
  const gchar *name = caps ? gst_structure_get_name (gst_caps_get_structure (caps, 0)) : NULL;
  gboolean ours = name && (g_str_equal (name, FASTA) || g_str_equal (name, FASTQ));

  if (expected && !(ours && g_str_equal (name, expected)))
    g_error ("%.*s: %s instead of %s", (gint) MIN (size, 40), data, name, expected);
  if (!expected && ours)
    g_error ("%.*s: taken for %s", (gint) MIN (size, 40), data, name);
  if (caps)
    gst_caps_unref (caps);
}

static void
test_texts (void)
{
  static const struct
  {
    const gchar *text, *type;
  } cases[] = {
    {">a\nACGT\n", FASTA},
    {">a\nACGT", FASTA},
    {">a b c\r\nMKV*\r\nMKV\r\n\r\n>b\r\nM-.X\r\n", FASTA},
    {">empty\n>b\nACGT\n", FASTA},
    {">a\n\nACGT\n", FASTA},
    {"@r\nACGT\n+\nIIII\n", FASTQ},
    {"@r 1\r\nACGT\r\n+r 1\r\nIIII\r\n", FASTQ},
    {"@r\nA\n+", FASTQ},
    {">", NULL},
    {">a", NULL},
    {">a\n", NULL},
    {">\n\n", NULL},
    {"ACGT\n", NULL},
    {"@r\nACGT\n", NULL},
    {"@r\nACGT\nACGT\n", NULL},
    {"> On Monday you wrote:\n> that it works\nIt does.\n", NULL},
    {"> quoted\nyes\n\nBest regards,\nA. Body\n", NULL},
    {"> quoted\n> quoted again\n", NULL},
    {">>> import os\n>>> os.getcwd()\n'/tmp'\n", NULL},
    {"@echo off\nset PATH=C:\\\n", NULL},
    {"@prefix a: <http://b/> .\n\n<a> <b> <c> .\n", NULL},
    {"@import url(a.css);\nbody { }\n+\n", NULL},
    {"@a\n\n+\n", NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_type (cases[i].text, strlen (cases[i].text), cases[i].type);
}

static void
test_binary (void)
{
  guint8 bytes[5000];

  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = i * 37 + i / 256;
  bytes[0] = '>';
  assert_type ((const gchar *) bytes, sizeof bytes, NULL);
  bytes[0] = '@';
  assert_type ((const gchar *) bytes, sizeof bytes, NULL);
  memset (bytes, 0, sizeof bytes);
  assert_type ((const gchar *) bytes, sizeof bytes, NULL);
}

/* Too little to tell is not told, and nothing reads past it: each piece is memory of its own. */
static void
test_short (void)
{
  static const gchar *const texts[] = { ">a\nACGTACGT", "@a\nAC\n+\nII" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    for (gsize size = 1; size <= 10; size++) {
      gchar *piece = g_memdup2 (texts[i], size);
      gboolean enough = size >= (i == 0 ? 4 : 7);

      assert_type (piece, size, enough ? i == 0 ? FASTA : FASTQ : NULL);
      g_free (piece);
    }
  }
}

/* Records that are longer than what is looked at. */
static void
test_long (void)
{
  GString *text = g_string_new (">chromosome\n");

  while (text->len < 100000)
    g_string_append (text, "ACGTACGTTA");
  assert_type (text->str, text->len, FASTA);
  text->str[0] = '@';
  g_string_append (text, "\n+\n");
  assert_type (text->str, text->len, FASTQ);
  g_string_free (text, TRUE);
}

/* As an application finds out: from a file, through typefind. */
static void
test_in_pipeline (Files * files, gconstpointer data)
{
  Run *run;

  files_write (files, "x", "@a\nAC\n+\nII\n", -1);
  run = run_line (files, "filesrc location=\"%D/x\" ! typefind ! text/x-fastq ! seqdec ! "
      "fakesink name=sink");
  g_assert_no_error (run->error);
  assert_strings (run->records, "0:a|AC|II");
  run_free (run);
}

/* Of long text GStreamer's own finder is nearly sure that it is plain. */
static void
test_long_in_pipeline (Files * files, gconstpointer data)
{
  static const gchar *const formats[] = { "fasta", "fastq" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    g_autofree gchar *line = g_strdup_printf ("filesrc location=\"%%D/x\" ! typefind ! "
        "text/x-%s ! seqdec ! fakesink name=sink", formats[i]);
    GString *text = g_string_new (NULL);
    Run *run;

    for (guint n = 0; n < (i == 0 ? 1000 : 2); n++) {
      gsize length = i == 0 ? 150 : 100000;

      g_string_append_printf (text, "%cr%u\n", i == 0 ? '>' : '@', n);
      for (gsize k = 0; k < length; k++)
        g_string_append_c (text, "ACGT"[k * k % 4]);
      g_string_append (text, i == 0 ? "\n" : "\n+\n");
      for (gsize k = 0; i == 1 && k <= length; k++)
        g_string_append_c (text, k < length ? 'I' : '\n');
    }
    files_write (files, "x", text->str, text->len);
    run = run_line (files, line);
    g_assert_no_error (run->error);
    g_assert_cmpuint (run->records->len, ==, i == 0 ? 1000 : 2);
    run_free (run);
    g_string_free (text, TRUE);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/typefind/texts", test_texts);
  g_test_add_func ("/typefind/binary", test_binary);
  g_test_add_func ("/typefind/short", test_short);
  g_test_add_func ("/typefind/long", test_long);
  g_test_add ("/typefind/in-pipeline", Files, NULL, files_set_up, test_in_pipeline,
      files_tear_down);
  g_test_add ("/typefind/long-in-pipeline", Files, NULL, files_set_up, test_long_in_pipeline,
      files_tear_down);
  return g_test_run ();
}
