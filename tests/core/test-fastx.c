/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx.h"

#include <string.h>

/* what a test expects: records written as name|residues|quality; "-" where there is none */
typedef struct
{
  const gchar *name;
  const gchar *input;
  gssize size;                  /* -1: up to the zero byte */
  const gchar *records[8];
  gint error;                   /* SeqFastxError after these records, or -1 */
  guint64 line, byte;           /* of the error */
  guint modes;                  /* bits of SeqStrictness; 0: of all for what is no error, else NORMAL
                                 * and STRICT */
} Case;

#define NORMAL (1 << SEQ_STRICTNESS_NORMAL)
#define STRICT (1 << SEQ_STRICTNESS_STRICT)
#define LENIENT (1 << SEQ_STRICTNESS_LENIENT)

static const SeqFastxConfig defaults = {
  .block_size = 1 << 20, .max_record_bytes = 1 << 24,
};

static void
collect (GPtrArray * out, SeqBlock * block)
{
  /* the tests here are small, so that blocks are in memory of their own size, with their table */
  if (block->size + block->n_records * sizeof (GstSeqRecord) < 1 << 19)
    g_assert_true (block->table == NULL && block->capacity == block->size);
  for (guint i = 0; i < block->n_records; i++) {
    GstSeqRecord *r = &block->records[i];
    const gchar *data = (const gchar *) block->data;

    g_assert_cmpuint (r->name + (guint64) r->name_len, <=, block->size);
    g_assert_cmpuint (r->seq + (guint64) r->seq_len, <=, block->size);
    g_ptr_array_add (out, g_strdup_printf ("%" G_GUINT64_FORMAT ":%.*s|%.*s|%.*s", r->id,
            (gint) r->name_len, data + r->name, (gint) r->seq_len, data + r->seq,
            r->qual == GST_SEQ_NO_QUALITY ? 1 : (gint) r->seq_len,
            r->qual == GST_SEQ_NO_QUALITY ? "-" : data + r->qual));
  }
  seq_block_unref (block);
}

static void
collect_ready (GPtrArray * out, SeqFastx * parser)
{
  SeqBlock *block;

  while ((block = seq_fastx_pop (parser)))
    collect (out, block);
}

/* pushes `input` in pieces: up to `split`, then `step` bytes at a time */
static gboolean
parse (SeqFastx * parser, const gchar * input, gsize size, gsize split, gsize step,
    GPtrArray * out, GError ** error)
{
  gboolean ok = TRUE;
  SeqBlock *block;

  for (gsize at = 0, n; ok && at < size; at += n) {
    /* a copy of its own, so that a sanitizer sees a read past the piece */
    guint8 *piece;

    n = MIN (at == 0 && split > 0 ? split : step, size - at);
    piece = g_memdup2 (input + at, n);
    ok = seq_fastx_push (parser, piece, n, error);
    g_free (piece);
    collect_ready (out, parser);
  }
  ok = ok && seq_fastx_finish (parser, error);
  while ((block = seq_fastx_flush (parser)))
    collect (out, block);
  return ok;
}

static void
check_case (const Case * c, SeqStrictness strictness, gsize split, gsize step, gsize block_size)
{
  SeqBlockPool *pool = seq_block_pool_new (4096, 2);
  SeqFastxConfig config = defaults;
  SeqFastx *parser;
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  gsize size = c->size < 0 ? strlen (c->input) : (gsize) c->size;
  gboolean ok;
  guint n = 0;

  config.block_size = block_size;
  config.strictness = strictness;
  if (strstr (c->name, "too-long") != NULL)
    config.max_record_bytes = 10;
  parser = seq_fastx_new (&config, pool);
  ok = parse (parser, c->input, size, split, step, out, &error);
  for (; c->records[n]; n++) {
    gchar *expected = g_strdup_printf ("%u:%s", n, c->records[n]);
    g_assert_cmpuint (out->len, >, n);
    g_assert_cmpstr (g_ptr_array_index (out, n), ==, expected);
    g_free (expected);
  }
  g_assert_cmpuint (out->len, ==, n);
  if (c->error < 0) {
    g_assert_no_error (error);
    g_assert_true (ok);
  } else {
    SeqFastxPosition position;

    g_assert_false (ok);
    g_assert_error (error, SEQ_FASTX_ERROR, c->error);
    seq_fastx_get_position (parser, &position);
    g_assert_cmpuint (position.line, ==, c->line);
    g_assert_cmpuint (position.byte, ==, c->byte);
    g_assert_cmpuint (position.record, ==, n);
    g_assert_nonnull (strstr (error->message, "line "));
  }
  g_clear_error (&error);
  g_ptr_array_unref (out);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static const Case cases[] = {
  {"empty", "", -1, {NULL}, -1},
  {"blank-only", "\n\r\n  \n\t\n", -1, {NULL}, -1},
  {"bom-only", "\xef\xbb\xbf", -1, {NULL}, -1},
  {"one", ">a\nACGT\n", -1, {"a|ACGT|-"}, -1},
  {"no-final-newline", ">a\nACGT", -1, {"a|ACGT|-"}, -1},
  {"multi-line", ">a b c\nACG\nT\nAC\n>d\nMK\n", -1, {"a b c|ACGTAC|-", "d|MK|-"}, -1},
  {"crlf", ">a\r\nAC\r\nGT\r\n\r\n>b\r\nT\r\n", -1, {"a|ACGT|-", "b|T|-"}, -1},
  {"cr-at-end", ">a\nAC\r", -1, {"a|AC|-"}, -1},
  {"bom", "\xef\xbb\xbf>a\nA\n", -1, {"a|A|-"}, -1},
  {"blank-lines", "\n \n>a\n\nAC\n\n\nGT\n\n>b\n\n", -1, {"a|ACGT|-", "b||-"}, -1},
  {"blank-line-last-line", ">a\nAC\n\nGT", -1, {"a|ACGT|-"}, -1},
  {"blank-line-marks-in-line", ">a\n\nA>C@+;#\n\nG>T\n\nC>", -1, {"a|A>C@+;#G>TC>|-"}, -1},
  {"blank-line-fastq", "@r\nAC\n\nGT+@\n+\nIIIIII\n", -1, {"r|ACGT+@|IIIIII"}, -1},
  {"blanks-in-lines", ">a\nAC GT\t\n  AC\n", -1, {"a|ACGTAC|-"}, -1},
  {"empty-records", ">a\n>b\n>\n>c", -1, {"a||-", "b||-", "||-", "c||-"}, -1},
  {"names", "> b\n>  \n>a\tx \n>dup\n>dup\n", -1, {"b||-", "||-", "a\tx ||-", "dup||-", "dup||-"},
      -1},
  {"letters-kept", ">a\nac*-.NnxX\n", -1, {"a|ac*-.NnxX|-"}, -1},
  {"marks-in-line", ">a>b@c+d\nA>C@G+T;#\n", -1, {"a>b@c+d|A>C@G+T;#|-"}, -1},
  {"utf8-name", ">\xc3\xa9t\xc3\xa9\nA\n", -1, {"\xc3\xa9t\xc3\xa9|A|-"}, -1},
  {"long-line", ">name that is rather longer than sixteen bytes, so that vectors are used\n"
      "ACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNPQRSTVWY\nACDEFGHIKLMNPQRST\n", -1,
      {"name that is rather longer than sixteen bytes, so that vectors are used|"
      "ACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNPQRST|-"}, -1},
  {"fastq", "@r1\nACGT\n+\nIIII\n@r2 x\nGG\n+r2 x\n!~\n", -1, {"r1|ACGT|IIII", "r2 x|GG|!~"}, -1},
  {"fastq-crlf", "@r1\r\nACGT\r\n+\r\nIIII\r\n\r\n@r2\r\nG\r\n+\r\nI", -1,
      {"r1|ACGT|IIII", "r2|G|I"}, -1},
  {"fastq-multi-line", "@r1\nAC\nGT\n+\nI@\n+I\n@r2\nA\n+\n@\n", -1, {"r1|ACGT|I@+I", "r2|A|@"},
      -1},
  {"fastq-marks-in-quality", "@r1\nACG\n+\n>@+\n@r2\nACG\n+\n@@@\n@r3\nA\n+\n+\n", -1,
      {"r1|ACG|>@+", "r2|ACG|@@@", "r3|A|+"}, -1},
  {"fastq-zero-length", "@r1\n\n+\n\n@r2\n+\n@r3\nA\n+\nI\n@r4\n\n+", -1,
      {"r1||", "r2||", "r3|A|I", "r4||"}, -1},
  {"fastq-blank-between", "\n@r1\nA\n+\nI\n\n \n@r2\nA\n+\nI\n", -1, {"r1|A|I", "r2|A|I"}, -1},
  {"fastq-trailing-blank", "@r1\nAC\n+\nII \t\n@r2\nA\n+\nI\n", -1, {"r1|AC|II", "r2|A|I"}, -1,
      0, 0, NORMAL | LENIENT},

  {"junk", "hello\n>a\nA\n", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 0},
  {"junk-after-blank", "\n \nACGT\n", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 3, 3},
  {"indented-header", " >a\nA\n", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 1},
  {"semicolon-first", ";x\n>a\nA\n", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 0},
  {"half-bom", "\xef\xbb>a\nA\n", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 2},
  {"half-bom-end", "\xef\xbb", -1, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 2},
  {"utf16-bom", "\xff\xfe>\0a\0", 6, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 0},
  {"utf16", ">\0a\0\n\0", 6, {NULL}, SEQ_FASTX_ERROR_BYTE, 1, 1},
  {"zero-in-sequence", ">a\nA\n>b\nAC\0G\n", 13, {"a|A|-"}, SEQ_FASTX_ERROR_BYTE, 4, 10},
  {"escape-in-sequence", ">a\nAC\033G\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 2, 5},
  {"del-in-sequence", ">a\nACGTACGTACGTACGTACGT\177G\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 2, 23},
  {"comment-line", ">a\nAC\n;x\nGT\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6},
  {"hash-line", ">a\nAC\n>b\n#x\nGT\n", -1, {"a|AC|-"}, SEQ_FASTX_ERROR_SYNTAX, 4, 9},
  {"cr-only", ">a\rACGT\r>b\rA\r", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 1, 3},
  {"cr-in-sequence", ">a\nAC\rGT\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 2, 6},
  {"fastq-in-fasta", ">a\nAC\n@r\nAC\n+\nII\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6},
  {"plus-in-fasta", ">a\nAC\n+\nGT\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6},
  {"fasta-in-fastq", "@r\nAC\n+\nII\n>a\nAC\n", -1, {"r|AC|II"}, SEQ_FASTX_ERROR_NO_HEADER, 5, 11},
  {"fasta-within-fastq", "@r\nAC\n>a\nAC\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6},
  {"fastq-no-plus", "@r\nAC\n@s\nAC\n+\nII\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6},
  {"quality-long", "@r\nAC\n+\nII\n@s\nAC\n+\nIII\n", -1, {"r|AC|II"}, SEQ_FASTX_ERROR_QUALITY, 8,
      21},
  {"quality-short", "@r\nACGT\n+\nIII\n@s\nACGT\n+\nIIII\n", -1, {NULL}, SEQ_FASTX_ERROR_QUALITY, 5,
      15},
  {"quality-missing", "@r\nACGT\n+\n", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 4, 10},
  {"fastq-cut-name", "@r\nA\n+\nI\n@s", -1, {"r|A|I"}, SEQ_FASTX_ERROR_TRUNCATED, 5, 11},
  {"fastq-cut-sequence", "@r\nACGT", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 2, 7},
  {"fastq-cut-plus", "@r\nACGT\n+", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 3, 9},
  {"fastq-cut-quality", "@r\nACGT\n+\nII", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 4, 12},

  /* what LENIENT refuses, too */
  {"lenient-utf16-bom", "\xff\xfe>\0a\0", 6, {NULL}, SEQ_FASTX_ERROR_NO_HEADER, 1, 0, LENIENT},
  {"lenient-quality-long", "@r\nAC\n+\nII\n@s\nAC\n+\nIII\n", -1, {"r|AC|II"},
      SEQ_FASTX_ERROR_QUALITY, 8, 21, LENIENT},
  {"lenient-quality-short", "@r\nACGT\n+\nIII\n@s\nACGT\n+\nIIII\n", -1, {NULL},
      SEQ_FASTX_ERROR_QUALITY, 5, 15, LENIENT},
  {"lenient-quality-missing", "@r\nACGT\n+\n", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 4, 10, LENIENT},
  {"lenient-no-plus", "@r\nAC\n@s\nAC\n+\nII\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 6, LENIENT},
  {"lenient-cut", "@r\nACGT\n+\nII", -1, {NULL}, SEQ_FASTX_ERROR_TRUNCATED, 4, 12, LENIENT},
  {"lenient-fasta-in-fastq", "@r\nAC\n+\nII\n>a\nAC\n", -1, {"r|AC|II"},
      SEQ_FASTX_ERROR_NO_HEADER, 5, 11, LENIENT},
  /* what it reads on over */
  {"lenient-junk", "hello\n#x\n;y\n \tz\n\001\n>a\nA\n", -1, {"a|A|-"}, -1, 0, 0, LENIENT},
  {"lenient-junk-only", "hello\nworld", -1, {NULL}, -1, 0, 0, LENIENT},
  {"lenient-half-bom", "\xef\xbb\xbe\n>a\nA\n", -1, {"a|A|-"}, -1, 0, 0, LENIENT},
  {"lenient-half-bom-end", "\xef\xbb", -1, {NULL}, -1, 0, 0, LENIENT},
  {"lenient-comments", ">a\nAC\n;x\nGT\n#y\n>b\n;\n#only", -1, {"a|ACGT|-", "b||-"}, -1, 0, 0,
      LENIENT},
  {"lenient-fastq-comments", "@r\n#c\nAC\n;\n+\n#;\n# between\n@s\nA\n+\n;\n", -1,
      {"r|AC|#;", "s|A|;"}, -1, 0, 0, LENIENT},
  {"lenient-cr-only", ">a\rAC\rGT\r\r>b\r;x\rA\r", -1, {"a|ACGT|-", "b|A|-"}, -1, 0, 0, LENIENT},
  {"lenient-cr-fastq", "@a\rACG\r+\rI@+\r@b\rA\r+b\rI", -1, {"a|ACG|I@+", "b|A|I"}, -1, 0, 0,
      LENIENT},
  {"lenient-line-ends", ">a\rAC\nGT\r\n\r>b\n\rA\r", -1, {"a|ACGT|-", "b|A|-"}, -1, 0, 0, LENIENT},
  {"lenient-control-bytes", ">a\0b\nA\0C\033GT\177\n\001A", 15, {"ab|ACGTA|-"}, -1, 0, 0, LENIENT},
  {"lenient-marks", ">a\nAC\n@r\n+\nGT\n>b\n@", -1, {"a|AC@r+GT|-", "b|@|-"}, -1, 0, 0, LENIENT},

  /* what only STRICT refuses */
  {"strict-plus-name", "@r1 x\nA\n+r1 x\nI\n@r2\nA\n+\nI\n@ r3\nA\n+ r3\r\nI\n@\nA\n+\nI\n", -1,
      {"r1 x|A|I", "r2|A|I", "r3|A|I", "|A|I"}, -1},
  {"strict-plus-tab", "@r\ta\nA\n+r\ta\nI\n", -1, {"r\ta|A|I"}, -1},
  {"strict-plus-differs", "@r1\nA\n+r1\nI\n@r2\nA\n+r3\nI\n", -1, {"r1|A|I"}, SEQ_FASTX_ERROR_SYNTAX,
      7, 20, STRICT},
  {"strict-plus-short", "@r1 x\nA\n+r1\nI\n", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 11, STRICT},
  {"strict-plus-short-end", "@r1 x\n\n+r1", -1, {NULL}, SEQ_FASTX_ERROR_SYNTAX, 3, 10, STRICT},
  {"strict-plus-any", "@r1\nA\n+r2\nI\n", -1, {"r1|A|I"}, -1, 0, 0, NORMAL | LENIENT},
  {"strict-quality-low", "@r\nAC\n+\nI\001\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 9, STRICT},
  {"strict-quality-del", "@r\nAC\n+\nI\177\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 9, STRICT},
  {"strict-quality-high", "@r\nACGTA\n+\nII\x80II\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 13, STRICT},
  {"strict-quality-high-and-long", "@r\nAC\n+\nI\x80III\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 9, STRICT},
  {"strict-quality-any", "@r\nACG\n+\n\001\177\x80\n", -1, {"r|ACG|\001\177\x80"}, -1, 0, 0,
      NORMAL | LENIENT},
  {"strict-blank-in-quality", "@r\nAC\n+\nI I\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 9, STRICT},
  {"strict-blank-behind-quality", "@r\nAC\n+\nII\t\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 4, 10, STRICT},
  {"strict-blank-in-sequence", "@r\nA C\n+\nII\n", -1, {NULL}, SEQ_FASTX_ERROR_BYTE, 2, 4, STRICT},
  {"strict-blanks-fasta", "> r x\nA C\n", -1, {"r x|AC|-"}, -1},

  /* max-record-bytes 10, wherever pieces end and whatever else is wrong behind it */
  {"too-long", ">a\nA\n>b\nACGTACGTACGT\n>c\nA\n", -1, {"a|A|-"}, SEQ_FASTX_ERROR_TOO_LONG, 3, 5,
      NORMAL | STRICT | LENIENT},
  {"too-long-not", ">a\nACGTACGTA\n", -1, {"a|ACGTACGTA|-"}, -1},
  {"too-long-and-bad", ">b\nACGTACGTACGT\001\n", -1, {NULL}, SEQ_FASTX_ERROR_TOO_LONG, 1, 0},
  {"too-long-name", ">name that goes on and on\nA\n", -1, {NULL}, SEQ_FASTX_ERROR_TOO_LONG, 1, 0},
  {"too-long-quality", "@r\nACGTA\n+\nIIIII\n", -1, {NULL}, SEQ_FASTX_ERROR_TOO_LONG, 1, 0},
  {"too-long-qualities", "@r\nACGTA\n+\nIIIIII\n", -1, {NULL}, SEQ_FASTX_ERROR_TOO_LONG, 1, 0},
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  gsize size = c->size < 0 ? strlen (c->input) : (gsize) c->size;
  guint modes = c->modes != 0 ? c->modes : NORMAL | STRICT | (c->error < 0 ? LENIENT : 0);

  for (SeqStrictness mode = 0; mode <= SEQ_STRICTNESS_LENIENT; mode++) {
    if ((modes & 1 << mode) == 0)
      continue;
    check_case (c, mode, 0, MAX (size, 1), 1 << 20);
    check_case (c, mode, 0, 1, 1 << 20);
    check_case (c, mode, 0, 1, 1);      /* a block for every record */
    for (gsize split = 1; split < size; split++)
      check_case (c, mode, split, size, 1 << 20);
  }
}

/* ---- generated input: every length around the vector sizes, blocks that turn over ---- */

static GString *
make_fasta (guint n, guint wrap, guint seed, GPtrArray * expected)
{
  GString *text = g_string_new (NULL), *residues = g_string_new (NULL);
  GRand *rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < n; i++) {
    guint length = i < 200 ? i : (guint) g_rand_int_range (rand, 0, 2000);

    g_string_truncate (residues, 0);
    g_string_append_printf (text, ">rec%u %.*s\n", i, i % 70,
        "a description of some length that goes over the vector's sixteen bytes more than once");
    for (guint k = 0; k < length; k++) {
      /* lines begin with letters most of the time, not always */
      gchar letter = "ACDEFGHIKLMNPQRSTVWYacg*-."[g_rand_int_range (rand, 0, 26)];
      g_string_append_c (residues, letter);
      g_string_append_c (text, letter);
      if (wrap > 0 && (k + 1) % wrap == 0 && k + 1 < length)
        g_string_append_c (text, '\n');
    }
    g_string_append_c (text, '\n');
    g_ptr_array_add (expected, g_strdup_printf ("%u:rec%u %.*s|%s|-", i, i, i % 70,
            "a description of some length that goes over the vector's sixteen bytes more than once",
            residues->str));
  }
  g_rand_free (rand);
  g_string_free (residues, TRUE);
  return text;
}

/* A line that is none of FASTA's behind the text: it is found in its place, however lines are
 * counted. */
static void
check_place (GString * text, gsize step)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  SeqFastx *parser = seq_fastx_new (&defaults, pool);
  g_autoptr (GPtrArray) out = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  gsize length = text->len;
  SeqFastxPosition position;
  guint64 lines = 1;

  for (gsize i = 0; i < length; i++)
    lines += text->str[i] == '\n';
  g_string_append (text, ";x\n");
  g_assert_false (parse (parser, text->str, text->len, 0, step, out, &error));
  g_assert_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_SYNTAX);
  seq_fastx_get_position (parser, &position);
  g_assert_cmpuint (position.line, ==, lines);
  g_assert_cmpuint (position.byte, ==, length);
  g_string_truncate (text, length);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static void
test_generated (void)
{
  static const gsize steps[] = { 1, 7, 16, 61, 4096, 1 << 30 };
  static const gsize blocks[] = { 1, 100, 5000, 1 << 20 };
  static const guint wraps[] = { 0, 1, 16, 32, 48, 60, 63, 64, 65, 130 };

  for (guint w = 0; w < G_N_ELEMENTS (wraps); w++) {
    GPtrArray *expected = g_ptr_array_new_with_free_func (g_free);
    GString *text = make_fasta (300, wraps[w], wraps[w], expected);

    for (guint s = 0; s < G_N_ELEMENTS (steps); s++)
      check_place (text, steps[s]);
    for (guint s = 0; s < G_N_ELEMENTS (steps) * G_N_ELEMENTS (blocks); s++) {
      SeqBlockPool *pool = seq_block_pool_new (1000, 2);
      SeqFastxConfig config = defaults;
      GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
      GError *error = NULL;
      SeqFastx *parser;
      SeqFastxStats stats;

      config.block_size = blocks[s % G_N_ELEMENTS (blocks)];
      parser = seq_fastx_new (&config, pool);
      g_assert_true (parse (parser, text->str, text->len, 0, steps[s / G_N_ELEMENTS (blocks)], out,
              &error));
      g_assert_no_error (error);
      g_assert_cmpuint (out->len, ==, expected->len);
      for (guint i = 0; i < out->len; i++)
        g_assert_cmpstr (g_ptr_array_index (out, i), ==, g_ptr_array_index (expected, i));
      seq_fastx_get_stats (parser, &stats);
      g_assert_cmpuint (stats.records, ==, 300);
      g_ptr_array_unref (out);
      seq_fastx_free (parser);
      seq_block_pool_unref (pool);
    }
    g_string_free (text, TRUE);
    g_ptr_array_unref (expected);
  }
}

/* Records, or those before an error and its message */
static gchar *
parse_in_steps (const GString * text, SeqStrictness strictness, gsize step)
{
  SeqFastxConfig config = defaults;
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  SeqFastx *parser;
  gchar *joined;

  config.strictness = strictness;
  parser = seq_fastx_new (&config, pool);
  parse (parser, text->str, text->len, 0, step, out, &error);
  g_ptr_array_add (out, error != NULL ? g_strdup (error->message) : NULL);
  if (error != NULL)
    g_ptr_array_add (out, NULL);
  joined = g_strjoinv (" ", (gchar **) out->pdata);
  g_clear_error (&error);
  g_ptr_array_unref (out);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
  return joined;
}

/* `text` with every `step`-th byte replaced, something put in front of it, or left out */
static void
check_changes (const gchar * text, gsize step)
{
  static const gchar bytes[] = "\n\r \t\001\177\200+@>;A*";

  for (gsize at = 0; at < strlen (text); at += step)
    for (gsize b = 0; b < sizeof bytes; b++)    /* the zero byte, too */
      for (guint change = 0; change < 3; change++) {
        GString *changed = g_string_new (text);

        if (change != 1)
          g_string_erase (changed, at, 1);
        if (change != 2)
          g_string_insert_c (changed, at, bytes[b]);
        for (guint s = SEQ_STRICTNESS_NORMAL; s <= SEQ_STRICTNESS_LENIENT; s++) {
          g_autofree gchar *whole = parse_in_steps (changed, s, changed->len);
          g_autofree gchar *single = parse_in_steps (changed, s, 1);

          g_assert_cmpstr (whole, ==, single);
        }
        g_string_free (changed, TRUE);
      }
}

/* A record that is whole is taken at once, of one that comes byte by byte each byte is looked at:
 * what comes of it is the same, whatever byte stands where, is one too many, or missing. */
static void
test_whole_records (void)
{
  g_autofree gchar *name = g_strnfill (70, 'n'), *residues = g_strnfill (150, 'A');
  g_autofree gchar *qualities = g_strnfill (150, 'I');
  g_autofree gchar *longer = g_strdup_printf ("@%s\n%s\n+\n%s\n@r\nAC\n+\nII\n", name, residues,
      qualities);

  check_changes ("@r1 d\nACGT\n+\nII@I\n@r2\nAC\n+\n@+\n@r\nG\n+\nF\n", 1);
  check_changes (longer, 9);
}

static gchar *
parse_to_string (const SeqFastxConfig * config, const gchar * input, SeqFastxStats * stats)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  SeqFastx *parser = seq_fastx_new (config, pool);
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  gchar *joined;

  g_assert_true (parse (parser, input, strlen (input), 0, 1 << 20, out, &error));
  g_assert_no_error (error);
  seq_fastx_get_stats (parser, stats);
  g_ptr_array_add (out, NULL);
  joined = g_strjoinv (" ", (gchar **) out->pdata);
  g_ptr_array_unref (out);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
  return joined;
}

static void
test_filters (void)
{
  const gchar *input = ">a\nA\n>b\nAC\n>c\nACG\n>d\nACGT\n>e\n\n";
  SeqFastxConfig config = defaults;
  SeqFastxStats stats;
  gchar *out;

  config.min_length = 2;
  config.max_length = 3;
  out = parse_to_string (&config, input, &stats);
  g_assert_cmpstr (out, ==, "1:b|AC|- 2:c|ACG|-");
  g_assert_cmpuint (stats.filtered, ==, 3);
  g_assert_cmpuint (stats.records, ==, 2);
  g_free (out);

  config = defaults;
  config.skip = 1;
  config.limit = 2;
  out = parse_to_string (&config, input, &stats);
  g_assert_cmpstr (out, ==, "1:b|AC|- 2:c|ACG|-");
  g_assert_cmpuint (stats.filtered, ==, 0);
  g_free (out);

  config.limit = 1;             /* the last record, completed by the end of the input */
  config.skip = 4;
  out = parse_to_string (&config, input, &stats);
  g_assert_cmpstr (out, ==, "4:e||-");
  g_free (out);
}

/* several files: ids go on, the block too, but FASTA and FASTQ never share one */
static void
test_files (void)
{
  SeqBlockPool *pool = seq_block_pool_new (1 << 20, 2);
  SeqFastx *parser = seq_fastx_new (&defaults, pool);
  static const gchar *const files[] = { ">a\nAC", "", ">b\nGT\n", "@q\nA\n+\nI\n", ">c\nT" };
  GPtrArray *out = g_ptr_array_new_with_free_func (g_free);
  SeqBlock *block;
  guint blocks = 0;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_assert_true (seq_fastx_push (parser, (const guint8 *) files[i], strlen (files[i]), NULL));
    g_assert_true (seq_fastx_finish (parser, NULL));
  }
  while ((block = seq_fastx_flush (parser))) {
    collect (out, block);
    blocks++;
  }
  g_ptr_array_add (out, NULL);
  g_assert_cmpuint (blocks, ==, 3);
  {
    gchar *joined = g_strjoinv (" ", (gchar **) out->pdata);
    g_assert_cmpstr (joined, ==, "0:a|AC|- 1:b|GT|- 2:q|A|I 3:c|T|-");
    g_free (joined);
  }
  g_ptr_array_unref (out);
  seq_fastx_reset (parser);
  g_assert_null (seq_fastx_flush (parser));
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static void
test_forced_format (void)
{
  SeqBlockPool *pool = seq_block_pool_new (1 << 20, 2);
  SeqFastxConfig config = defaults;
  GError *error = NULL;
  SeqFastx *parser;

  config.format = SEQ_FORMAT_FASTA;
  parser = seq_fastx_new (&config, pool);
  g_assert_false (seq_fastx_push (parser, (const guint8 *) "@r\nA\n", 5, &error));
  g_assert_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_NO_HEADER);
  g_clear_error (&error);
  seq_fastx_free (parser);

  config.format = SEQ_FORMAT_FASTQ;
  parser = seq_fastx_new (&config, pool);
  g_assert_false (seq_fastx_push (parser, (const guint8 *) ">r\nA\n", 5, &error));
  g_assert_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_NO_HEADER);
  g_clear_error (&error);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

/* Lines of one length are copied many at a time, but for the one that has an odd byte: nothing else
 * comes of it than where the input comes byte by byte. */
static void
check_odd_byte (gsize width, gsize line, gsize place, gchar byte)
{
  g_autoptr (GString) text = g_string_new (">r\n");

  for (gsize i = 0; i < 130 / width + 6; i++) {
    for (gsize k = 0; k < width; k++)
      g_string_append_c (text, "ACGTNacgtn"[(i + k * k) % 10]);
    g_string_append_c (text, '\n');
  }
  g_string_append (text, "AC\n>s\nGT\n");
  text->str[3 + line * (width + 1) + place] = byte;
  for (guint strictness = 0; strictness <= SEQ_STRICTNESS_LENIENT; strictness++) {
    g_autofree gchar *whole = parse_in_steps (text, (SeqStrictness) strictness, text->len);
    g_autofree gchar *bytewise = parse_in_steps (text, (SeqStrictness) strictness, 1);

    g_assert_cmpstr (whole, ==, bytewise);
  }
}

static void
test_even_lines (void)
{
  static const gsize widths[] = { 1, 2, 20, 60, 63, 64, 65, 130 };
  static const gchar bytes[] = {
    0, '\n', '\r', '\t', ' ', '!', '*', '>', '@', '+', ';', 'G', '\x7f', '\x80'
  };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (gsize place = 0; place <= widths[w]; place++)
      for (guint b = 0; b < G_N_ELEMENTS (bytes); b++)
        check_odd_byte (widths[w], (place + b) % 4, place, bytes[b]);
}

/* a record that is longer than a block grows it; one that is longer than the limit is named */
static void
test_long_record (void)
{
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  SeqFastxConfig config = defaults;
  gsize size = 5 << 20;
  gchar *line = g_malloc (size);
  GError *error = NULL;
  SeqFastx *parser;
  SeqBlock *block;

  memset (line, 'A', size);
  config.block_size = 1000;
  parser = seq_fastx_new (&config, pool);
  g_assert_true (seq_fastx_push (parser, (const guint8 *) ">short\nAC\n>long\n", 16, NULL));
  g_assert_true (seq_fastx_push (parser, (const guint8 *) line, size, NULL));
  g_assert_true (seq_fastx_push (parser, (const guint8 *) "\n>end\nGT\n", 9, NULL));
  g_assert_true (seq_fastx_finish (parser, NULL));
  block = seq_fastx_pop (parser);
  g_assert_cmpuint (block->n_records, ==, 1);
  seq_block_unref (block);
  block = seq_fastx_pop (parser);
  g_assert_cmpuint (block->n_records, ==, 1);
  g_assert_cmpuint (block->records[0].seq_len, ==, size);
  g_assert_cmpmem (block->data + block->records[0].seq, size, line, size);
  seq_block_unref (block);
  seq_fastx_free (parser);

  config.max_record_bytes = 1 << 20;
  parser = seq_fastx_new (&config, pool);
  g_assert_true (seq_fastx_push (parser, (const guint8 *) ">short\nAC\n>long one\n", 20, NULL));
  g_assert_false (seq_fastx_push (parser, (const guint8 *) line, size, &error));
  g_assert_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_TOO_LONG);
  g_assert_nonnull (strstr (error->message, "'long one'"));
  g_clear_error (&error);
  block = seq_fastx_flush (parser);
  g_assert_cmpuint (block->n_records, ==, 1);
  seq_block_unref (block);
  seq_fastx_free (parser);

  g_free (line);
  seq_block_pool_unref (pool);
}

/* empty records take no bytes, so blocks must be bounded by their number, too */
static void
test_many_empty_records (void)
{
  SeqBlockPool *pool = seq_block_pool_new (1 << 20, 2);
  SeqFastx *parser = seq_fastx_new (&defaults, pool);
  GString *text = g_string_new (NULL);
  SeqBlock *block;
  guint n = 0, blocks = 0;

  for (guint i = 0; i < 200000; i++)
    g_string_append (text, ">\n");
  g_assert_true (seq_fastx_push (parser, (const guint8 *) text->str, text->len, NULL));
  g_assert_true (seq_fastx_finish (parser, NULL));
  while ((block = seq_fastx_flush (parser))) {
    g_assert_cmpuint (block->n_records, <=, 65536);
    n += block->n_records;
    blocks++;
    seq_block_unref (block);
  }
  g_assert_cmpuint (n, ==, 200000);
  g_assert_cmpuint (blocks, ==, 4);
  g_string_free (text, TRUE);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *path = g_strdup_printf ("/fastx/case/%s", cases[i].name);
    g_test_add_data_func (path, &cases[i], test_case);
    g_free (path);
  }
  g_test_add_func ("/fastx/generated", test_generated);
  g_test_add_func ("/fastx/whole-records", test_whole_records);
  g_test_add_func ("/fastx/filters", test_filters);
  g_test_add_func ("/fastx/files", test_files);
  g_test_add_func ("/fastx/forced-format", test_forced_format);
  g_test_add_func ("/fastx/even-lines", test_even_lines);
  g_test_add_func ("/fastx/long-record", test_long_record);
  g_test_add_func ("/fastx/many-empty-records", test_many_empty_records);
  return g_test_run ();
}
