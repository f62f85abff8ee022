/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx-recovery.h"

#include <glib/gstdio.h>
#include <string.h>

/* What comes of an input: records, one a line, as id:name|residues|qualities; errors, one a line,
 * as line,byte,record; and what went to the quarantine. */
typedef struct
{
  GString *records;
  GString *losses;
  gchar *quarantine;
  gsize quarantine_size;
  guint64 n_bad;
  GError *error;
} Outcome;

typedef struct
{
  SeqFormat format;
  SeqStrictness strictness;
  guint64 max_record_bytes;     /* 0 = plenty */
  guint64 max_bad;
} Setup;

static gchar *quarantine_path;

static void
report (const GError * error, const SeqFastxPosition * position, gpointer data)
{
  Outcome *outcome = data;

  g_assert_true (error->domain == SEQ_FASTX_ERROR);
  g_string_append_printf (outcome->losses, "%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%"
      G_GUINT64_FORMAT "\n", position->line, position->byte, position->record);
}

static void
take_blocks (SeqFastx * parser, gboolean all, GString * out)
{
  SeqBlock *block;

  while ((block = all ? seq_fastx_flush (parser) : seq_fastx_pop (parser))) {
    const gchar *data = (const gchar *) block->data;

    for (guint i = 0; i < block->n_records; i++) {
      const GstSeqRecord *r = &block->records[i];

      g_string_append_printf (out, "%" G_GUINT64_FORMAT ":%.*s|%.*s|%.*s\n", r->id,
          (gint) r->name_len, data + r->name, (gint) r->seq_len, data + r->seq,
          r->qual == GST_SEQ_NO_QUALITY ? 1 : (gint) r->seq_len,
          r->qual == GST_SEQ_NO_QUALITY ? "-" : data + r->qual);
    }
    seq_block_unref (block);
  }
}

static gboolean
push_pieces (SeqRecovery * recovery, SeqFastx * parser, const gchar * input, gsize size, gsize split,
    gsize step, Outcome * outcome)
{
  gboolean ok = TRUE;

  for (gsize at = 0, n; ok && at < size; at += n) {
    guint8 *piece;

    n = MIN (at == 0 && split > 0 ? split : step, size - at);
    piece = g_memdup2 (input + at, n);
    ok = seq_recovery_push (recovery, piece, n, &outcome->error);
    g_free (piece);
    take_blocks (parser, FALSE, outcome->records);
  }
  return ok;
}

static Outcome *
recover (const Setup * setup, const gchar * input, gsize size, gsize split, gsize step)
{
  SeqFastxConfig config = {
    .block_size = 1 << 20, .format = setup->format, .strictness = setup->strictness,
    .max_record_bytes = setup->max_record_bytes > 0 ? setup->max_record_bytes : 1 << 26,
  };
  SeqBlockPool *pool = seq_block_pool_new (4096, 2);
  SeqFastx *parser = seq_fastx_new (&config, pool);
  Outcome *outcome = g_new0 (Outcome, 1);
  SeqRecoveryConfig recovery_config = {
    .max_bad = setup->max_bad, .quarantine = quarantine_path, .report = report, .data = outcome,
  };
  SeqRecovery *recovery = seq_recovery_new (parser, &config, &recovery_config, &outcome->error);

  g_assert_no_error (outcome->error);
  outcome->records = g_string_new (NULL);
  outcome->losses = g_string_new (NULL);
  if (push_pieces (recovery, parser, input, size, split, step, outcome))
    seq_recovery_finish (recovery, FALSE, &outcome->error);
  take_blocks (parser, TRUE, outcome->records);
  outcome->n_bad = seq_recovery_get_n_bad (recovery);
  seq_recovery_free (recovery);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
  g_assert_true (g_file_get_contents (quarantine_path, &outcome->quarantine,
          &outcome->quarantine_size, NULL));
  return outcome;
}

static void
outcome_free (Outcome * outcome)
{
  g_string_free (outcome->records, TRUE);
  g_string_free (outcome->losses, TRUE);
  g_free (outcome->quarantine);
  g_clear_error (&outcome->error);
  g_free (outcome);
}

static void
assert_same_outcome (const Outcome * a, const Outcome * b)
{
  g_assert_cmpstr (a->records->str, ==, b->records->str);
  g_assert_cmpstr (a->losses->str, ==, b->losses->str);
  g_assert_cmpmem (a->quarantine, a->quarantine_size, b->quarantine, b->quarantine_size);
  g_assert_cmpuint (a->n_bad, ==, b->n_bad);
  g_assert_cmpstr (a->error ? a->error->message : NULL, ==, b->error ? b->error->message : NULL);
}

typedef struct
{
  const gchar *name;
  const gchar *input;
  const gchar *records, *losses, *quarantine;
  Setup setup;
} Case;

static const Case cases[] = {
  {"nothing-bad", ">a\nAC\n>b\nA\n", "0:a|AC|-\n1:b|A|-\n", "", "", {0}},
  {"empty", "", "", "", "", {0}},
  {"fasta-control-byte", ">a\nA\n>b\nA\001C\nGT\n>c\nA\n", "0:a|A|-\n2:c|A|-\n", "4,9,1\n",
      ">b\nA\001C\nGT\n", {0}},
  {"fasta-bad-last", ">a\nA\n>b\nA\001", "0:a|A|-\n", "4,9,1\n", ">b\nA\001", {0}},
  {"fasta-bad-only", ">b\nA\001", "", "2,4,0\n", ">b\nA\001", {0}},
  {"fasta-bad-first", ">b\n\001\n>c>\n\n>d", "1:c>||-\n2:d||-\n", "2,3,0\n", ">b\n\001\n", {0}},
  {"fasta-bad-each", ">a\n;\n>b\n;\n>c\n;\n", "", "2,3,0\n4,8,1\n6,13,2\n",
      ">a\n;\n>b\n;\n>c\n;\n", {0}},
  {"fasta-junk-first", "junk\nmore > junk\n\n>a\nA\n", "0:a|A|-\n", "1,0,0\n", "junk\nmore > junk\n\n",
      {0}},
  {"junk-only", "junk\nmore", "", "1,0,0\n", "junk\nmore", {0}},
  {"half-bom-only", "\xef\xbb", "", "1,2,0\n", "", {0}},
  {"fastq-in-fasta", ">a\nA\n>b\nAC\n@r\nAC\n+\nII\n>c\nA\n", "0:a|A|-\n2:c|A|-\n", "5,11,1\n",
      ">b\nAC\n@r\nAC\n+\nII\n", {0}},
  {"fastq-quality-short", "@r\nACGT\n+\nIII\n@s\nACGT\n+\nJJJJ\n@t\nA\n+\n@\n",
      "1:s|ACGT|JJJJ\n2:t|A|@\n", "5,15,0\n", "@r\nACGT\n+\nIII\n", {0}},
  {"fastq-quality-long", "@r\nAC\n+\nIII\n@s\nA\n+\nI\n", "1:s|A|I\n", "4,10,0\n",
      "@r\nAC\n+\nIII\n", {0}},
  {"fastq-quality-like-header", "@r\nAC\n+\n@@@\n@s\nA\n+\n@\n@t\nA\n+\nI\n", "1:s|A|@\n2:t|A|I\n",
      "4,10,0\n", "@r\nAC\n+\n@@@\n", {0}},
  {"fastq-no-plus", "@r\nAC\n@s\nA\n+\nI\n", "1:s|A|I\n", "3,6,0\n", "@r\nAC\n", {0}},
  {"fastq-no-sequence", "@q\n@r\n@s\nA\n+\nI\n", "1:s|A|I\n", "2,3,0\n", "@q\n@r\n", {0}},
  {"fastq-cut", "@r\nA\n+\nI\n@s\nACG\n+\nII", "0:r|A|I\n", "8,20,1\n", "@s\nACG\n+\nII", {0}},
  {"fastq-cut-swallows", "@s\nACGTACGTACGT\n+\nI\n@t\nAC\n+\nII\n", "1:t|AC|II\n", "9,31,0\n",
      "@s\nACGTACGTACGT\n+\nI\n", {0}},
  {"fastq-cut-twice", "@s\nACGTACGTACGT\n+\nI\n@t\nAC\n+\nI", "", "8,29,0\n8,29,1\n",
      "@s\nACGTACGTACGT\n+\nI\n@t\nAC\n+\nI", {0}},
  {"fastq-junk-between", "@r\nA\n+\nI\njunk\n\n@s\nA\n+\nI\n", "0:r|A|I\n1:s|A|I\n", "5,9,1\n",
      "junk\n\n", {0}},
  {"fasta-in-fastq", "@r\nA\n+\nI\n>f\nAC\n@s\nA\n+\nI\n", "0:r|A|I\n1:s|A|I\n", "5,9,1\n", ">f\nAC\n",
      {0}},
  {"fastq-multi-line", "@r\nA\nC\n+\nI\nI\n@s\nA\n\001\n+\nI\nI\n@t\nA\nC\n+\nI\nI\n",
      "0:r|AC|II\n2:t|AC|II\n", "9,18,1\n", "@s\nA\n\001\n+\nI\nI\n", {0}},
  {"strict", "@r\nA\n+x\nI\n@s\nA\n+\nI\n", "1:s|A|I\n", "3,6,0\n", "@r\nA\n+x\nI\n",
      {.strictness = SEQ_STRICTNESS_STRICT}},
  {"lenient-cr", "@r\rAC\r+\rI\r@s\rA\r+\rI\r", "1:s|A|I\n", "5,11,0\n", "@r\rAC\r+\rI\r",
      {.strictness = SEQ_STRICTNESS_LENIENT}},
  {"lenient-cr-lines", "@a\rA\r+\rI\r>x\r@b\rA\r+\r", "0:a|A|I\n", "5,9,1\n8,19,1\n",
      ">x\r@b\rA\r+\r", {.strictness = SEQ_STRICTNESS_LENIENT}},
  {"too-long", ">a\nA\n>b\nACGTACGTACGT\nA\n>c\nA\n", "0:a|A|-\n2:c|A|-\n", "3,5,1\n",
      ">b\nACGTACGTACGT\nA\n", {.max_record_bytes = 10}},
  {"forced-format", ">a\nA\n@r\nA\n+\nI\n", "0:r|A|I\n", "1,0,0\n", ">a\nA\n",
      {.format = SEQ_FORMAT_FASTQ}},
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  gsize size = strlen (c->input);
  Outcome *whole = recover (&c->setup, c->input, size, 0, MAX (size, 1));

  g_assert_no_error (whole->error);
  g_assert_cmpstr (whole->records->str, ==, c->records);
  g_assert_cmpstr (whole->losses->str, ==, c->losses);
  g_assert_cmpstr (whole->quarantine, ==, c->quarantine);
  for (gsize split = 0; split <= size; split++) {
    Outcome *parts = recover (&c->setup, c->input, size, split, split == 0 ? 1 : size);

    assert_same_outcome (whole, parts);
    outcome_free (parts);
  }
  outcome_free (whole);
}

/* Past the bound the parser's error comes out, and what was good before it. */
static void
test_max_bad (void)
{
  static const gchar input[] = ">a\n;\n>b\nA\n>c\n;\n>d\nA\n>e\n;\n>f\nA\n";

  for (guint64 max = 1; max < 4; max++) {
    Setup setup = { .max_bad = max };
    Outcome *outcome = recover (&setup, input, strlen (input), 0, 3);

    g_assert_cmpuint (outcome->n_bad, ==, max);
    g_assert_cmpstr (outcome->records->str, ==, max == 1 ? "1:b|A|-\n" : max == 2 ?
        "1:b|A|-\n3:d|A|-\n" : "1:b|A|-\n3:d|A|-\n5:f|A|-\n");
    if (max < 3) {
      g_assert_error (outcome->error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_SYNTAX);
      g_assert_nonnull (strstr (outcome->error->message, "bad records"));
    } else {
      g_assert_no_error (outcome->error);
    }
    outcome_free (outcome);
  }
}

static void
append_letters (GString * text, gsize n, gchar letter)
{
  gsize at = text->len;

  g_string_set_size (text, at + n);
  memset (text->str + at, letter, n);
}

/* Records that are longer than what is held: good ones leave nothing in the quarantine, bad ones go
 * there whole. */
static void
check_long (gboolean fastq, gboolean bad)
{
  const Setup setup = { 0 };
  const gsize length = 3 << 20;
  GString *text = g_string_new (fastq ? "@a\nA\n+\nI\n@b\n" : ">a\nA\n>b\n"), *tail = NULL;
  gsize begin = fastq ? 9 : 5, end;

  append_letters (text, length, 'A');
  if (bad)
    g_string_append_c (text, '\001');
  if (fastq) {
    g_string_append (text, "\n+\n");
    append_letters (text, length, 'I');
  }
  g_string_append_c (text, '\n');
  end = text->len;
  tail = g_string_new (fastq ? "@c\nAC\n+\nII\n@d\nAC\n+\nII\n" : ">c\nAC\n>d\nAC\n");
  g_string_append (text, tail->str);

  for (gsize piece = 65536; piece <= text->len * 2; piece *= 13) {
    Outcome *outcome = recover (&setup, text->str, text->len, 0, piece);

    g_assert_no_error (outcome->error);
    g_assert_cmpuint (outcome->n_bad, ==, bad);
    g_assert_true (g_str_has_suffix (outcome->records->str,
            fastq ? "2:c|AC|II\n3:d|AC|II\n" : "2:c|AC|-\n3:d|AC|-\n"));
    if (bad)
      g_assert_cmpmem (outcome->quarantine, outcome->quarantine_size, text->str + begin, end - begin);
    else
      g_assert_cmpuint (outcome->quarantine_size, ==, 0);
    outcome_free (outcome);
  }
  g_string_free (tail, TRUE);
  g_string_free (text, TRUE);
}

static void
test_long (void)
{
  for (guint i = 0; i < 4; i++)
    check_long (i % 2, i / 2);
}

/* A long record that the end of the input cuts: all of it is lost, and it is the last. */
static void
test_long_cut (void)
{
  static const gchar *const texts[] = { "@a\nA\n+\nI\n@b\n", "@b\nA\n+", "@b\n" };
  const Setup setup = { .format = SEQ_FORMAT_FASTQ };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    GString *text = g_string_new (texts[i]);
    const gsize lost = i == 0 ? 9 : 0;
    Outcome *outcome;

    append_letters (text, 16 << 20, 'A');
    if (i == 2)
      g_string_append (text, "\n+\nII");
    outcome = recover (&setup, text->str, text->len, 0, 65536);
    g_assert_no_error (outcome->error);
    g_assert_cmpstr (outcome->records->str, ==, i == 0 ? "0:a|A|I\n" : "");
    g_assert_cmpuint (outcome->n_bad, ==, 1);
    g_assert_cmpmem (outcome->quarantine, outcome->quarantine_size, text->str + lost,
        text->len - lost);
    outcome_free (outcome);
    g_string_free (text, TRUE);
  }
}

/* Random damage: every byte of the input is in a record or in the quarantine, and the outcome does
 * not depend on the pieces. */
static void
test_random_damage (void)
{
  GRand *rand = g_rand_new_with_seed (5);

  for (guint round = 0; round < 300; round++) {
    GString *text = g_string_new (NULL);
    Setup setup = { .strictness = round % 3, .max_record_bytes = round % 5 == 0 ? 40 : 0 };
    Outcome *whole;

    for (guint i = 0; i < 20; i++) {
      guint n = g_rand_int_range (rand, 0, 20);

      g_string_append_printf (text, round & 1 ? "@r%u\n" : ">r%u\n", i);
      append_letters (text, n, 'A');
      if (round & 1) {
        g_string_append (text, "\n+\n");
        append_letters (text, n, i % 4 == 0 ? '@' : 'I');
      }
      g_string_append_c (text, '\n');
    }
    for (guint i = 0; i < 4; i++)
      text->str[g_rand_int_range (rand, 0, text->len)] = "\001@>+\nA;\r "[g_rand_int_range (rand, 0, 9)];

    whole = recover (&setup, text->str, text->len, 0, text->len);
    g_assert_no_error (whole->error);
    for (guint i = 0; i < 4; i++) {
      Outcome *parts = recover (&setup, text->str, text->len, 0, i == 0 ? 1 :
          (gsize) g_rand_int_range (rand, 2, 60));

      assert_same_outcome (whole, parts);
      outcome_free (parts);
    }
    outcome_free (whole);
    g_string_free (text, TRUE);
  }
  g_rand_free (rand);
}

/* Two files: ids go on behind what was bad at the end of the first. */
static void
test_files (void)
{
  static const gchar *const files[] = { ">a\nA\n>b\n\001", "@c\nA\n+\nI\n", "junk", ">d\nA\n" };
  SeqFastxConfig config = { .block_size = 1 << 20, .max_record_bytes = 1 << 20 };
  SeqRecoveryConfig recovery_config = { 0 };
  SeqBlockPool *pool = seq_block_pool_new (4096, 2);
  SeqFastx *parser = seq_fastx_new (&config, pool);
  SeqRecovery *recovery = seq_recovery_new (parser, &config, &recovery_config, NULL);
  GString *out = g_string_new (NULL);
  GError *error = NULL;

  for (guint run = 0; run < 2; run++) {
    for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
      g_assert_true (seq_recovery_push (recovery, (const guint8 *) files[i], strlen (files[i]), &error));
      g_assert_true (seq_recovery_finish (recovery, FALSE, &error));
    }
    take_blocks (parser, TRUE, out);
    g_assert_cmpstr (out->str, ==, "0:a|A|-\n2:c|A|I\n3:d|A|-\n");
    g_assert_cmpuint (seq_recovery_get_n_bad (recovery), ==, 2);
    g_string_truncate (out, 0);
    seq_fastx_reset (parser);
    g_assert_true (seq_recovery_reset (recovery, &error));
  }
  g_string_free (out, TRUE);
  seq_recovery_free (recovery);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static void
test_quarantine_errors (void)
{
  GError *error = NULL;
  SeqQuarantine *full;

  g_assert_null (seq_quarantine_open ("/nonexistent/file", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);
  full = seq_quarantine_open ("/dev/full", &error);
  g_assert_no_error (error);
  g_assert_false (seq_quarantine_write (full, (const guint8 *) "x", 1, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_nonnull (strstr (error->message, "/dev/full"));
  g_clear_error (&error);
  seq_quarantine_close (full);
}

int
main (int argc, char **argv)
{
  gchar *directory = g_dir_make_tmp ("quarantine-XXXXXX", NULL);
  int ret;

  g_test_init (&argc, &argv, NULL);
  quarantine_path = g_build_filename (directory, "bad", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *path = g_strconcat ("/recovery/", cases[i].name, NULL);

    g_test_add_data_func (path, &cases[i], test_case);
    g_free (path);
  }
  g_test_add_func ("/recovery/max-bad", test_max_bad);
  g_test_add_func ("/recovery/long", test_long);
  g_test_add_func ("/recovery/long-cut", test_long_cut);
  g_test_add_func ("/recovery/random-damage", test_random_damage);
  g_test_add_func ("/recovery/files", test_files);
  g_test_add_func ("/recovery/quarantine-errors", test_quarantine_errors);
  ret = g_test_run ();
  g_remove (quarantine_path);
  g_rmdir (directory);
  g_free (quarantine_path);
  g_free (directory);
  return ret;
}
