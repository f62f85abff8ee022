/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seq-run.h"

#include "fastx.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CAPS(alphabet, quality) "application/x-seq-records, alphabet=(string)" alphabet \
  ", quality=(boolean)" quality

/* ---- what is read ---- */

static void
write_some (Files * f)
{
  files_write (f, "a.fa", ">a1\nMKV\n>a2\nW\n", -1);
  files_write (f, "b.fq", "@b1\nACGT\n+\nIIII\n", -1);
  files_write (f, "c.fasta", ">c1\nLLL", -1);
  files_write (f, "notes.txt", "nothing to see", -1);
}

static void
check_locations (Files * f, const gchar * location, const gchar * locations)
{
  Run *run = run_new ("seqsrc name=src ! fakesink name=sink");
  gchar **parts = g_strsplit (location, "%D", -1);
  gchar *value = g_strjoinv (f->dir, parts);

  if (value[0])
    g_object_set (run_get (run, "src"), "location", value, NULL);
  g_free (value);
  g_strfreev (parts);
  parts = g_strsplit (locations, "%D", -1);
  value = g_strjoinv (f->dir, parts);
  g_strfreev (parts);
  parts = g_strsplit (value, "|", -1);
  g_object_set (run_get (run, "src"), "locations", parts, NULL);
  run_whole (run);

  g_assert_no_error (run->error);
  assert_strings (run->records, "0:a1|MKV|- 1:a2|W|- 2:b1|ACGT|IIII 3:c1|LLL|-");
  /* a block has one kind of caps, so each change of format ends one */
  assert_strings (run->caps, CAPS ("protein", "false") " " CAPS ("dna", "true") " "
      CAPS ("protein", "false"));
  g_assert_cmpstr (run->events->str, ==, "SCGBCBCBE");
  g_assert_cmpuint (run->n_stats, ==, 1);
  run_free (run);
  g_free (value);
  g_strfreev (parts);
}

static void
test_locations (Files * f, gconstpointer data)
{
  write_some (f);
  check_locations (f, "%D", "");
  check_locations (f, "%D/*.f*", "");
  check_locations (f, "file://%D", "");
  check_locations (f, "%D/a.fa", "%D/b.fq|%D/c.fasta");
  check_locations (f, "", "%D/a.fa|%D/[b-z].f*");
  check_locations (f, "", "file://%D/a.fa|file://%D/b.fq|%D/c.*");
}

static void
test_empty_file (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "empty.fa", "", 0);
  run = run_line (f, "seqsrc location=\"%D/empty.fa\" ! fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpuint (run->n_buffers, ==, 0);
  g_assert_cmpuint (run->n_stats, ==, 1);
  g_assert_cmpuint (structure_get (run->stats, "records"), ==, 0);
  g_assert_true (g_str_has_suffix (run->events->str, "E"));
  run_free (run);

  /* and through all that usually follows */
  run = run_line (f, "seqsrc location=\"%D/empty.fa\" ! seqsort ! seqenc ! fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpuint (run->text->len, ==, 0);
  run_free (run);
}

static void
test_many_files (Files * f, gconstpointer data)
{
  Run *run;

  for (guint i = 0; i < 1000; i++) {
    gchar *name = g_strdup_printf ("%04u.fa", i), *text = g_strdup_printf (">r%u\nACGT\n", i);

    files_write (f, name, text, -1);
    g_free (name);
    g_free (text);
  }
  run = run_line (f, "seqsrc location=\"%D\" ! fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpuint (run->records->len, ==, 1000);
  g_assert_cmpstr (g_ptr_array_index (run->records, 999), ==, "999:r999|ACGT|-");
  g_assert_cmpuint (run->n_buffers, ==, 1);
  run_free (run);
}

static void
test_alphabet (Files * f, gconstpointer data)
{
  static const struct
  {
    const gchar *text, *property, *expected;
  } cases[] = {
    {">a\nACGTNACGTNACGTacgtnRY\n", "auto", "dna"},
    {">a\nACGUUACGUUUACGacguN\n", "auto", "rna"},
    {">a\nMKTAYIAKQRQISFVKSHFSRQ*\n", "auto", "protein"},
    {">a\nAC----GT----..--*\n", "auto", "dna"}, /* an alignment */
    {">a\n---\n", "auto", "unknown"},
    {">a\n>b\n", "auto", "unknown"},
    {">a\nMKTAYIAKQR\n", "dna", "dna"},
    {">a\nMKTAYIAKQR\n", "rna", "rna"},
    {">a\nACGT\n", "protein", "protein"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *expected = g_strdup_printf (CAPS ("%s", "false"), cases[i].expected);
    gchar *line = g_strdup_printf ("seqsrc location=\"%%D/x.fa\" alphabet=%s ! fakesink name=sink",
        cases[i].property);
    Run *run;

    files_write (f, "x.fa", cases[i].text, -1);
    run = run_line (f, line);
    g_assert_no_error (run->error);
    assert_strings (run->caps, expected);
    run_free (run);
    g_free (expected);
    g_free (line);
  }
}

static void
test_block_sizes (Files * f, gconstpointer data)
{
  static const gchar *const sizes[] =
      { "1", "2", "99", "1000", "65536", "0", "4294967294", "4294967295" };

  for (guint fastq = 0; fastq < 2; fastq++) {
    GString *text = make_text (200, fastq);
    GPtrArray *first = NULL;

    files_write (f, "x.fa", text->str, text->len);
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
      gchar *line = g_strdup_printf ("seqsrc location=\"%%D/x.fa\" blocksize=%s "
          "! fakesink name=sink",
          sizes[i]);
      Run *run = run_line (f, line);

      g_assert_no_error (run->error);
      g_assert_cmpuint (run->records->len, ==, 200);
      if (!first)
        first = g_ptr_array_ref (run->records);
      assert_same_strings (run->records, first);
      /* a block is full when it reaches its size, so one byte is one record, names being there */
      g_assert_cmpuint (run->n_buffers, ==, i == 0 ? 200 : i > 4 ? 1 : run->n_buffers);
      run_free (run);
      g_free (line);
    }
    g_ptr_array_unref (first);
    g_string_free (text, TRUE);
  }
}

static void
test_filters (Files * f, gconstpointer data)
{
  static const struct
  {
    const gchar *properties, *records;
    guint filtered;
  } cases[] = {
    {"min-length=2", "1:b|AC|- 2:c|ACG|- 3:d|ACGT|- 5:x|AC|I!", 2},
    {"max-length=2", "0:a|A|- 1:b|AC|- 4:e||- 5:x|AC|I!", 2},
    {"min-length=2 max-length=3", "1:b|AC|- 2:c|ACG|- 5:x|AC|I!", 3},
    {"min-length=9", "", 6},
    {"skip=4", "4:e||- 5:x|AC|I!", 0},
    {"skip=6", "", 0},
    {"skip=1 limit=2", "1:b|AC|- 2:c|ACG|-", 0},
    {"skip=1 limit=2 min-length=3", "2:c|ACG|- 3:d|ACGT|-", 1},
    {"limit=5", "0:a|A|- 1:b|AC|- 2:c|ACG|- 3:d|ACGT|- 4:e||-", 0},
    {"limit=6", "0:a|A|- 1:b|AC|- 2:c|ACG|- 3:d|ACGT|- 4:e||- 5:x|AC|I!", 0},
    {"limit=100", "0:a|A|- 1:b|AC|- 2:c|ACG|- 3:d|ACGT|- 4:e||- 5:x|AC|I!", 0},
  };

  files_write (f, "1.fa", ">a\nA\n>b\nAC\n>c\nACG\n>d\nACGT\n>e\n\n", -1);
  files_write (f, "2.fq", "@x\nAC\n+\nI!\n", -1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *line = g_strdup_printf ("seqsrc location=\"%%D\" blocksize=%u %s ! fakesink name=sink",
        i % 2 ? 1 : 4096, cases[i].properties);
    Run *run = run_line (f, line);

    g_assert_no_error (run->error);
    assert_strings (run->records, cases[i].records);
    g_assert_cmpuint (structure_get (run->stats, "filtered"), ==, cases[i].filtered);
    g_assert_cmpuint (structure_get (run->stats, "records"), ==, run->records->len);
    run_free (run);
    g_free (line);
  }
}

/* What lies behind the limit isn't even opened. */
static void
test_limit_reads_no_further (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "1.fa", ">a\nA\n>b\nAC\n", -1);
  files_write (f, "2.fa", "this is no FASTA", -1);
  run = run_line (f, "seqsrc location=\"%D\" limit=2 ! fakesink name=sink");
  g_assert_no_error (run->error);
  assert_strings (run->records, "0:a|A|- 1:b|AC|-");
  run_free (run);

  run = run_line (f, "seqsrc location=\"%D\" limit=3 ! fakesink name=sink");
  g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  assert_strings (run->records, "0:a|A|- 1:b|AC|-");
  run_free (run);
}

/* ---- compression ---- */

static void
test_compression (Files * f, gconstpointer data)
{
  GString *text = make_text (1000, TRUE);
  gsize half = text->len / 2;
  GByteArray *gzip = g_byte_array_new (), *members = g_byte_array_new ();
  GByteArray *bgzf = g_byte_array_new (), *zstd = g_byte_array_new ();
  static const gchar *const names[] = { "plain", "gzip", "members", "bgzf", "zstd" };
  GPtrArray *plain = NULL;

  put_gzip_member (gzip, text->str, text->len);
  put_gzip_member (members, text->str, half);
  put_gzip_member (members, text->str + half, text->len - half);
  put_bgzf (bgzf, (const guint8 *) text->str, text->len);
  put_zstd_frame (zstd, text->str, half);
  put_zstd_frame (zstd, text->str + half, text->len - half);
  files_write (f, "plain", text->str, text->len);
  files_write (f, "gzip", gzip->data, gzip->len);
  files_write (f, "members", members->data, members->len);
  files_write (f, "bgzf", bgzf->data, bgzf->len);
  files_write (f, "zstd", zstd->data, zstd->len);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    for (gint workers = -1; workers <= 2; workers++) {
      gchar *line = g_strdup_printf ("seqsrc location=\"%%D/%s\" workers=%d blocksize=9999 ! "
          "fakesink name=sink", names[i], workers);
      gchar *path = g_build_filename (f->dir, names[i], NULL);
      Run *run = run_line (f, line);
      GStatBuf info;

      g_assert_no_error (run->error);
      g_assert_cmpuint (run->n_warnings, ==, 0);
      g_assert_cmpuint (run->records->len, ==, 1000);
      if (!plain)
        plain = g_ptr_array_ref (run->records);
      assert_same_strings (run->records, plain);
      g_assert_cmpint (g_stat (path, &info), ==, 0);
      g_assert_cmpuint (structure_get (run->stats, "bytes"), ==, info.st_size);
      run_free (run);
      g_free (path);
      g_free (line);
    }
  }
  /* one after another they are one input */
  {
    Run *run = run_line (f, "seqsrc location=\"%D/*\" ! fakesink name=sink");

    g_assert_no_error (run->error);
    g_assert_cmpuint (run->records->len, ==, 5000);
    run_free (run);
  }
  g_ptr_array_unref (plain);
  g_byte_array_unref (gzip);
  g_byte_array_unref (members);
  g_byte_array_unref (bgzf);
  g_byte_array_unref (zstd);
  g_string_free (text, TRUE);
}

/* BGZF without its last block may have been cut: the records come, with a warning. */
static void
test_bgzf_cut (Files * f, gconstpointer data)
{
  GByteArray *bgzf = g_byte_array_new ();
  guint last = put_bgzf (bgzf, (const guint8 *) ">a\nACGT\n", 8);
  Run *run;

  files_write (f, "x.fa.gz", bgzf->data, last);
  run = run_line (f, "seqsrc location=\"%D/x.fa.gz\" ! fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpuint (run->n_warnings, ==, 1);
  assert_strings (run->records, "0:a|ACGT|-");
  run_free (run);
  g_byte_array_unref (bgzf);
}

/* ---- errors ---- */

static void
assert_place (Run * run, const gchar * file, gint64 line, gint64 byte, gint64 record)
{
  const gchar *location = gst_structure_get_string (run->details, "location");

  g_assert_nonnull (location);
  if (!g_str_has_suffix (location, file))
    g_error ("error is about %s, not %s", location, file);
  if (line >= 0)
    g_assert_cmpuint (structure_get (run->details, "line"), ==, line);
  if (byte >= 0)
    g_assert_cmpuint (structure_get (run->details, "byte"), ==, byte);
  if (record >= 0)
    g_assert_cmpuint (structure_get (run->details, "record"), ==, record);
}

static void
test_errors (Files * f, gconstpointer data)
{
  static const struct
  {
    const gchar *location, *text;
    gint error;                 /* RESOURCE error, or -1 for STREAM/FORMAT */
    gint64 line, byte, record;
    const gchar *records;
  } cases[] = {
    {"missing.fa", NULL, GST_RESOURCE_ERROR_NOT_FOUND, -1, -1, -1, ""},
    {"", NULL, GST_RESOURCE_ERROR_NOT_FOUND, -1, -1, -1, ""},
    {"*.nothing", NULL, GST_RESOURCE_ERROR_NOT_FOUND, -1, -1, -1, ""},
    {"x.fa", "Dear all,\n", -1, 1, 0, 0, ""},
    {"x.fa", "{\"json\": 1}", -1, 1, 0, 0, ""},
    {"x.fa", ">a\nAC\n>b\nA\001C\n", -1, 4, 10, 1, "0:a|AC|-"},
    {"x.fq", "@a\nAC\n+\nII\n@b\nACG\n+\nII\n@c\nA\n+\nI\n", -1, 9, 24, 1, "0:a|AC|II"},
    {"x.fq", "@a\nAC\n+\nII\n@b\nACG\n+\nII", -1, 8, 22, 1, "0:a|AC|II"},
    {"x.fq", "@a\nAC\n+\nII\n@b\nAC", -1, 6, 16, 1, "0:a|AC|II"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *line = g_strdup_printf ("seqsrc location=\"%%D/%s\" ! fakesink name=sink",
        cases[i].location);
    Run *run;

    if (cases[i].text)
      files_write (f, cases[i].location, cases[i].text, -1);
    run = run_line (f, line);
    if (cases[i].error < 0)
      g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
    else
      g_assert_error (run->error, GST_RESOURCE_ERROR, cases[i].error);
    g_assert_cmpuint (run->n_errors, ==, 1);
    g_assert_cmpuint (run->n_stats, ==, 0);
    assert_place (run, cases[i].location, cases[i].line, cases[i].byte, cases[i].record);
    assert_strings (run->records, cases[i].records);
    run_free (run);
    g_free (line);
  }
}

static void
test_no_location (void)
{
  Run *run = run_line (NULL, "seqsrc ! fakesink name=sink");

  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (run->error->message, "location"));
  g_assert_cmpuint (run->n_errors, ==, 1);
  run_free (run);
}

static void
test_format_forced (Files * f, gconstpointer data)
{
  Run *run;

  write_some (f);
  run = run_line (f, "seqsrc location=\"%D\" format=fasta ! fakesink name=sink");
  g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  assert_place (run, "b.fq", 1, 0, 2);
  assert_strings (run->records, "0:a1|MKV|- 1:a2|W|-");
  run_free (run);

  run = run_line (f, "seqsrc location=\"%D/b.fq\" format=fastq ! fakesink name=sink");
  g_assert_no_error (run->error);
  run_free (run);
}

/* The records of the files before the bad one come out, though they fill no block. */
static void
test_bad_second_file (Files * f, gconstpointer data)
{
  gchar *link = g_build_filename (f->dir, "b.fa", NULL);
  Run *run;

  files_write (f, "a.fa", ">a\nA\n>b\nC\n", -1);
  g_assert_cmpint (symlink ("nowhere", link), ==, 0);
  run = run_line (f, "seqsrc location=\"%D\" ! fakesink name=sink");
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_cmpuint (run->n_errors, ==, 1);
  assert_place (run, "b.fa", -1, -1, -1);
  assert_strings (run->records, "0:a|A|- 1:b|C|-");
  g_assert_cmpuint (run->n_stats, ==, 0);
  run_free (run);
  g_free (link);
}

/* The same where the file opens, but can't be read: nothing is mapped at address 0. */
static void
test_read_error (Files * f, gconstpointer data)
{
  const gchar *const locations[] = { "/proc/self/mem", NULL };
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/a.fa\" "
      "! fakesink name=sink", f->dir);
  Run *run = run_new (line);

  files_write (f, "a.fa", ">a\nA\n>b\nC\n", -1);
  g_object_set (run_get (run, "src"), "locations", locations, NULL);
  run_whole (run);
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  g_assert_cmpuint (run->n_errors, ==, 1);
  assert_place (run, "/proc/self/mem", -1, -1, -1);
  assert_strings (run->records, "0:a|A|- 1:b|C|-");
  run_free (run);
  g_free (line);
}

/* Root may read everything, so as root the test reads as somebody else for a while. */
static void
test_unreadable (Files * f, gconstpointer data)
{
  gchar *path = g_build_filename (f->dir, "x.fa", NULL);
  gboolean root = geteuid () == 0;
  Run *run;

  files_write (f, "x.fa", ">a\nA\n", -1);
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  if (root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" ! fakesink name=sink");
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ);
  g_assert_cmpuint (run->n_errors, ==, 1);
  assert_place (run, "x.fa", -1, -1, -1);
  run_free (run);
  g_free (path);
}

/* Cut anywhere, all whole records come, then one error. */
static void
test_truncated_gzip (Files * f, gconstpointer data)
{
  GString *text = make_text (300, TRUE);
  GByteArray *gzip = g_byte_array_new ();
  guint most = 0;

  put_gzip_member (gzip, text->str, text->len);
  for (guint cut = 1; cut < 40; cut++) {
    Run *run;

    files_write (f, "x.fq.gz", gzip->data, cut < 10 ? gzip->len - cut : gzip->len * cut / 40);
    run = run_line (f, "seqsrc location=\"%D/x.fq.gz\" blocksize=5000 ! fakesink name=sink");
    g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    g_assert_cmpuint (run->n_errors, ==, 1);
    assert_place (run, "x.fq.gz", -1, -1, -1);
    g_assert_cmpuint (structure_get (run->details, "byte"), >, 0);
    if (cut < 9)                /* only the trailer is cut */
      g_assert_cmpuint (run->records->len, ==, 300);
    most = cut > 10 ? MAX (most, run->records->len) : most;
    run_free (run);
  }
  g_assert_cmpuint (most, >, 250);
  g_byte_array_unref (gzip);
  g_string_free (text, TRUE);
}

static void
test_max_record_bytes (Files * f, gconstpointer data)
{
  GByteArray *gzip = g_byte_array_new ();
  GString *text = g_string_new (">first\nACGT\n>bomb\n");
  gsize run_length = 50 << 20;
  gsize start = text->len;
  Run *run;

  g_string_set_size (text, start + run_length);
  memset (text->str + start, 'A', run_length);
  put_gzip_member (gzip, text->str, text->len);
  files_write (f, "bomb.fa.gz", gzip->data, gzip->len);
  run = run_line (f, "seqsrc location=\"%D/bomb.fa.gz\" max-record-bytes=100000 "
      "! fakesink name=sink");
  g_assert_error (run->error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  g_assert_nonnull (strstr (run->error->message, "bomb"));
  assert_strings (run->records, "0:first|ACGT|-");
  assert_place (run, "bomb.fa.gz", 3, -1, 1);
  run_free (run);
  g_byte_array_unref (gzip);
  g_string_free (text, TRUE);
}

static void
test_not_negotiated (Files * f, gconstpointer data)
{
  Run *run;

  files_write (f, "x.fa", ">a\nMKV\n", -1);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" ! application/x-seq-records,alphabet=dna ! "
      "fakesink name=sink");
  g_assert_nonnull (run->error);
  g_assert_cmpuint (run->n_errors, ==, 1);
  g_assert_cmpuint (run->n_stats, ==, 0);
  g_assert_cmpuint (run->n_buffers, ==, 0);
  run_free (run);
}

/* ---- stats ---- */

static guint64
id_hash (guint64 from, guint64 to)
{
  guint64 sum = 0;

  while (from < to)
    sum += seq_mix64 (from++);
  return sum;
}

static void
test_stats (Files * f, gconstpointer data)
{
  GstStructure *stats;
  Run *run;

  files_write (f, "x.fa", ">a\nA\n>b\nAC\n>c\nACG\n", -1);
  run = run_line (f, "seqsrc name=src location=\"%D/x.fa\" skip=1 ! fakesink name=sink");
  g_assert_cmpuint (run->n_stats, ==, 1);
  g_object_get (run_get (run, "src"), "stats", &stats, NULL);
  g_assert_true (gst_structure_is_equal (stats, run->stats));   /* kept after the run */
  g_assert_cmpuint (structure_get (stats, "records"), ==, 2);
  g_assert_cmpuint (structure_get (stats, "residues"), ==, 5);
  g_assert_cmpuint (structure_get (stats, "filtered"), ==, 0);
  g_assert_cmpuint (structure_get (stats, "bytes"), ==, 18);
  g_assert_cmpuint (structure_get (stats, "id-hash"), ==, id_hash (1, 3));
  gst_structure_free (stats);

  /* a run of its own, with its own counts */
  run_clear_results (run);
  g_object_set (run_get (run, "src"), "skip", (guint64) 2, NULL);
  run_whole (run);
  assert_strings (run->records, "2:c|ACG|-");
  g_assert_cmpuint (run->n_stats, ==, 1);
  g_assert_cmpuint (structure_get (run->stats, "records"), ==, 1);
  g_assert_cmpuint (structure_get (run->stats, "id-hash"), ==, id_hash (2, 3));
  run_free (run);
}

/* Ids of two halves add up to those of the whole. */
static void
test_id_hash_adds (Files * f, gconstpointer data)
{
  GString *text = make_text (100, FALSE);
  guint64 sum = 0;
  Run *run;

  files_write (f, "x.fa", text->str, text->len);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" limit=40 ! fakesink name=sink");
  sum += structure_get (run->stats, "id-hash");
  run_free (run);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" skip=40 ! fakesink name=sink");
  sum += structure_get (run->stats, "id-hash");
  run_free (run);
  g_assert_cmpuint (sum, ==, id_hash (0, 100));
  g_string_free (text, TRUE);
}

/* The base class ends the stream by itself; what is announced is what was given out. */
static void
test_num_buffers (Files * f, gconstpointer data)
{
  GString *text = make_text (500, FALSE);
  Run *run;

  files_write (f, "x.fa", text->str, text->len);
  run = run_line (f, "seqsrc location=\"%D/x.fa\" blocksize=2000 num-buffers=3 "
      "! fakesink name=sink");
  g_assert_no_error (run->error);
  g_assert_cmpuint (run->n_buffers, ==, 3);
  g_assert_cmpuint (run->n_stats, ==, 1);
  g_assert_cmpuint (structure_get (run->stats, "records"), ==, run->records->len);
  g_assert_cmpuint (structure_get (run->stats, "id-hash"), ==, id_hash (0, run->records->len));
  run_free (run);
  g_string_free (text, TRUE);
}

/* The application asks for EOS amid the stream, as Ctrl-C does: the account still adds up. */
static void
test_forced_eos (Files * f, gconstpointer data)
{
  GString *text = make_text (300, FALSE);

  files_write (f, "x.fa", text->str, text->len);
  for (guint i = 0; i < 10; i++) {
    gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/x.fa\" blocksize=300 ! "
        "identity sleep-time=500 ! fakesink name=sink", f->dir);
    Run *run = run_new (line);

    gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
    g_usleep (2000 + 700 * i);
    gst_element_send_event (run->pipeline, gst_event_new_eos ());
    run_wait (run);
    run_stop (run);
    g_assert_no_error (run->error);
    g_assert_cmpuint (run->n_stats, ==, 1);
    g_assert_cmpuint (structure_get (run->stats, "records"), ==, run->records->len);
    run_free (run);
    g_free (line);
  }
  g_string_free (text, TRUE);
}

/* ---- states ---- */

static void
test_state_cycles (Files * f, gconstpointer data)
{
  GString *text = make_text (50, FALSE);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/x.fa\" blocksize=1000 ! "
      "fakesink name=sink", f->dir);
  Run *run = run_new (line);

  files_write (f, "x.fa", text->str, text->len);
  for (guint i = 0; i < 100; i++) {
    run_clear_results (run);
    if (i % 3 == 0) {
      run_whole (run);
      g_assert_cmpuint (run->records->len, ==, 50);
      g_assert_cmpuint (run->n_stats, ==, 1);
    } else {
      gst_element_set_state (run->pipeline, i % 3 == 1 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
      run_stop (run);
      g_assert_no_error (run->error);
    }
  }
  run_free (run);
  g_free (line);
  g_string_free (text, TRUE);
}

static void
test_properties_in_ready (Files * f, gconstpointer data)
{
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s/1.fa\" "
      "! fakesink name=sink", f->dir);
  gchar *second = g_build_filename (f->dir, "2.fa", NULL);
  Run *run = run_new (line);

  files_write (f, "1.fa", ">a\nACGT\n", -1);
  files_write (f, "2.fa", ">b\nMKV\n>c\nM\n", -1);
  run_whole (run);
  assert_strings (run->records, "0:a|ACGT|-");
  gst_element_set_state (run->pipeline, GST_STATE_READY);
  g_object_set (run_get (run, "src"), "location", second, "min-length", (guint64) 2, NULL);
  run_clear_results (run);
  run_whole (run);
  assert_strings (run->records, "0:b|MKV|-");
  assert_strings (run->caps, CAPS ("protein", "false"));
  run_free (run);
  g_free (second);
  g_free (line);
}

static void
test_properties_round_trip (void)
{
  GstElement *src = gst_element_factory_make ("seqsrc", NULL);
  const gchar *const given[] = { "a", "b", NULL };
  gchar *location, **locations;
  guint64 value;
  gint workers;

  gst_object_ref_sink (src);
  g_object_set (src, "location", "here", "locations", given, "max-record-bytes", (guint64) 5,
      "min-length", (guint64) 1, "max-length", (guint64) 2, "skip", (guint64) 3, "limit",
      (guint64) 4, "workers", 0, NULL);
  gst_util_set_object_arg (G_OBJECT (src), "format", "fastq");
  gst_util_set_object_arg (G_OBJECT (src), "alphabet", "rna");
  g_object_get (src, "location", &location, "locations", &locations, "max-record-bytes", &value,
      "workers", &workers, NULL);
  g_assert_cmpstr (location, ==, "here");
  g_assert_true (g_strv_equal ((const gchar * const *) locations, given));
  g_assert_cmpuint (value, ==, 5);
  g_assert_cmpint (workers, ==, 0);
  g_object_get (src, "limit", &value, NULL);
  g_assert_cmpuint (value, ==, 4);
  g_free (location);
  g_strfreev (locations);
  gst_object_unref (src);
}

/* Nobody writes to the pipe; the state change must end the waiting read. */
static void
test_fifo_shutdown (Files * f, gconstpointer data)
{
  gchar *path = g_build_filename (f->dir, "pipe", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! fakesink name=sink", path);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  for (guint i = 0; i < 10; i++) {
    Run *run = run_new (line);
    gint64 start;

    gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
    g_usleep (i * 1000);
    start = g_get_monotonic_time ();
    run_stop (run);
    g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);
    g_assert_cmpuint (run->n_errors, ==, 0);
    run_free (run);
  }
  g_free (line);
  g_free (path);
}

static gpointer
write_to_fifo (gpointer path)
{
  static const gchar text[] = ">abcd\nMKV\n";
  gint fd = g_open (path, O_WRONLY, 0);

  for (guint i = 0; i < 5; i++) {
    g_assert_cmpint (write (fd, &text[i * 2], 2), ==, 2);
    g_usleep (2000);
  }
  close (fd);
  return NULL;
}

static void
test_fifo (Files * f, gconstpointer data)
{
  gchar *path = g_build_filename (f->dir, "pipe", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! fakesink name=sink", path);
  GstQuery *query = gst_query_new_seeking (GST_FORMAT_DEFAULT);
  gboolean seekable = TRUE;
  gint64 value;
  GThread *writer;
  Run *run;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  run = run_new (line);
  writer = g_thread_new ("writer", write_to_fifo, path);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  g_assert_true (gst_element_query (run_get (run, "src"), query));
  gst_query_parse_seeking (query, NULL, &seekable, NULL, NULL);
  g_assert_false (seekable);
  gst_query_unref (query);
  g_assert_false (gst_element_query_duration (run_get (run, "src"), GST_FORMAT_BYTES, &value));
  g_assert_false (gst_element_seek_simple (run_get (run, "src"), GST_FORMAT_BYTES,
          GST_SEEK_FLAG_FLUSH, 0));
  run_wait (run);
  g_thread_join (writer);
  run_stop (run);
  g_assert_no_error (run->error);
  assert_strings (run->records, "0:abcd|MKV|-");
  run_free (run);
  g_free (line);
  g_free (path);
}

/* The application ends a stream whose source waits: what has come whole goes out. */
static void
test_fifo_eos (Files * f, gconstpointer data)
{
  static const gchar text[] = ">a\nMKV\n>b\nMK";
  gchar *path = g_build_filename (f->dir, "pipe", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! fakesink name=sink", path);
  gint64 position = 0;
  gint fd;
  Run *run;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  run = run_new (line);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  fd = g_open (path, O_WRONLY, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, strlen (text));
  while (position < (gint64) strlen (text)) {
    g_usleep (1000);
    gst_element_query_position (run_get (run, "src"), GST_FORMAT_BYTES, &position);
  }
  gst_element_send_event (run->pipeline, gst_event_new_eos ());
  run_wait (run);
  run_stop (run);
  close (fd);
  g_assert_no_error (run->error);
  assert_strings (run->records, "0:a|MKV|-");
  g_assert_cmpuint (structure_get (run->stats, "records"), ==, 1);
  run_free (run);
  g_free (line);
  g_free (path);
}

#define ADD(path, function) \
  g_test_add ("/seqsrc/" path, Files, NULL, files_set_up, function, files_tear_down)

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  ADD ("locations", test_locations);
  ADD ("empty-file", test_empty_file);
  ADD ("many-files", test_many_files);
  ADD ("alphabet", test_alphabet);
  ADD ("block-sizes", test_block_sizes);
  ADD ("filters", test_filters);
  ADD ("limit-reads-no-further", test_limit_reads_no_further);
  ADD ("compression", test_compression);
  ADD ("bgzf-cut", test_bgzf_cut);
  ADD ("errors", test_errors);
  g_test_add_func ("/seqsrc/no-location", test_no_location);
  ADD ("format-forced", test_format_forced);
  ADD ("bad-second-file", test_bad_second_file);
  ADD ("read-error", test_read_error);
  ADD ("unreadable", test_unreadable);
  ADD ("truncated-gzip", test_truncated_gzip);
  ADD ("max-record-bytes", test_max_record_bytes);
  ADD ("not-negotiated", test_not_negotiated);
  ADD ("stats", test_stats);
  ADD ("id-hash-adds", test_id_hash_adds);
  ADD ("num-buffers", test_num_buffers);
  ADD ("forced-eos", test_forced_eos);
  ADD ("state-cycles", test_state_cycles);
  ADD ("properties-in-ready", test_properties_in_ready);
  g_test_add_func ("/seqsrc/properties-round-trip", test_properties_round_trip);
  ADD ("fifo-shutdown", test_fifo_shutdown);
  ADD ("fifo", test_fifo);
  ADD ("fifo-eos", test_fifo_eos);
  return g_test_run ();
}
