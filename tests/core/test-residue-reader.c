/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bytecopy.h"
#include "bytescan.h"
#include "residue-reader.h"
#include "simd.h"

/* what next() must not write behind */
#define MARK 0xee

/* ---- lines ---- */

static void
test_guess (void)
{
  static const struct
  {
    const gchar *bytes;
    gsize unbroken;
    gboolean known;
    guint64 offset;
    gsize width;
    guint ending;
  } cases[] = {
    {"AC\nACGT\nACGT\n", 1000, TRUE, 103, 4, 1},
    {"\nACGT\n", 1000, TRUE, 101, 4, 1},
    {"AC\r\nACGT\r\nACGT\r\n", 1000, TRUE, 104, 4, 2},
    {"\nA\n", 1000, TRUE, 101, 1, 1},
    {"AC\nACGTACGT", 1000, FALSE},
    {"AC\n\nACGT\n", 1000, FALSE},      /* lines of nothing */
    {"AC\n\r\nACGT\n", 1000, FALSE},
    {"ACGT", 4, TRUE, 101, 0, 0},
    {">CGT", 4, TRUE, 101, 0, 0},       /* the first byte is not for us */
    {"ACGT", 5, FALSE},
    {"", 0, FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    SeqResidueLines lines;
    gboolean known = seq_residue_lines_guess ((const guint8 *) cases[i].bytes,
        strlen (cases[i].bytes), cases[i].unbroken, 100, &lines);

    g_assert_cmpint (known, ==, cases[i].known);
    if (known) {
      g_assert_cmpuint (lines.offset, ==, cases[i].offset);
      g_assert_cmpuint (lines.width, ==, cases[i].width);
      g_assert_cmpuint (lines.ending, ==, cases[i].ending);
    }
  }
}

/* ---- reading ---- */

/* A file of `text`, and what is found in it from `offset` on */
typedef struct
{
  int fd;
  GString *text;
  guint8 *out;
  gsize room;
  guint64 bytes, n_lines;
  gsize n;
} Reading;

static void
reading_init (Reading * r, const GString * text, gsize room)
{
  g_autofree gchar *path = NULL;

  *r = (Reading) {.room = room };
  r->fd = g_file_open_tmp ("residues-XXXXXX", &path, NULL);
  g_assert_cmpint (r->fd, >=, 0);
  g_remove (path);
  g_assert_cmpint (pwrite (r->fd, text->str, text->len, 0), ==, (gssize) text->len);
  r->text = g_string_new_len (text->str, text->len);
  r->out = g_aligned_alloc (room + 1, 1, SEQ_PAGE);
  memset (r->out, MARK, room + 1);
}

static void
reading_clear (Reading * r)
{
  g_assert_cmpuint (r->out[r->room], ==, MARK);
  close (r->fd);
  g_string_free (r->text, TRUE);
  g_aligned_free (r->out);
}

static void
read_all (Reading * r, const SeqResidueLines * lines, gsize chunk, guint n_threads)
{
  SeqResidueReader *reader = seq_residue_reader_new (r->fd, lines, r->text->len, r->out, r->room,
      chunk, n_threads);
  guint64 bytes, n_lines;
  gsize n;

  while (seq_residue_reader_next (reader, &bytes, &n, &n_lines)) {
    r->bytes += bytes;
    r->n += n;
    r->n_lines += n_lines;
  }
  g_assert_false (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
  seq_residue_reader_free (reader);
}

/* What was told of is what stands there: the same bytes without the line ends. */
static void
check_reading (Reading * r, guint64 offset)
{
  GString *expected = g_string_new (NULL);
  guint64 n_lines = 0;

  for (guint64 i = offset; i < offset + r->bytes; i++) {
    if (r->text->str[i] == '\n')
      n_lines++;
    else if (r->text->str[i] != '\r')
      g_string_append_c (expected, r->text->str[i]);
  }
  g_assert_cmpmem (r->out, r->n, expected->str, expected->len);
  g_assert_cmpuint (r->n_lines, ==, n_lines);
  g_string_free (expected, TRUE);
}

static void
append_lines (GString * text, gsize n, gsize width, guint ending)
{
  gsize at = text->len;

  g_string_set_size (text, at + n * (width + ending));
  for (gsize i = 0; i < n; i++) {
    for (gsize k = 0; k < width; k++)
      text->str[at++] = "ACGTNacgtn"[(i * width + k * k) % 10];
    for (guint k = ending; k > 0; k--)
      text->str[at++] = k == 2 ? '\r' : '\n';
  }
}

static const guint thread_counts[] = { 0, 1, 3 };

/* All lines of all lengths */
static void
test_even_lines (void)
{
  static const gsize widths[] = { 1, 2, 59, 60, 63, 64, 65, 80, 1000, 70000 };
  static const gsize chunks[] = { 1, 100, 5000, 200000 };

  for (guint ending = 1; ending <= 2; ending++)
    for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
      for (guint c = 0; c < G_N_ELEMENTS (chunks); c++)
        for (guint t = 0; t < G_N_ELEMENTS (thread_counts); t++) {
          const gsize width = widths[w], n_lines = (100000 + 2 * chunks[c]) / (width + 30);
          SeqResidueLines lines = { 7, width, ending };
          g_autoptr (GString) text = g_string_new (">chr 1\n");
          Reading r;

          append_lines (text, n_lines, width, ending);
          reading_init (&r, text, n_lines * width);
          read_all (&r, &lines, chunks[c], thread_counts[t]);
          check_reading (&r, 7);
          g_assert_cmpuint (r.n_lines, ==, n_lines);
          reading_clear (&r);
        }
}

/* Bytes that are read to where residues go are not overwritten before they are copied, however near
 * they lie: that depends on how far behind the start of a page the residues are. */
static void
test_all_offsets (void)
{
  static const gsize widths[] = { 1, 60, 64, 100, 0 };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++) {
    const gsize width = widths[w], n_lines = width > 0 ? 200000 / (width + 1) : 1;
    SeqResidueLines lines = { 0, width, width > 0 ? 1 : 0 };
    g_autoptr (GString) text = g_string_new (NULL);
    Reading all;

    append_lines (text, n_lines, width > 0 ? width : 200000, width > 0 ? 1 : 0);
    reading_init (&all, text, text->len + SEQ_PAGE);
    for (gsize before = 0; before <= 3 * SEQ_COPY_STEP; before++) {
      Reading r = all;

      r.out += SEQ_PAGE - before;
      r.room -= SEQ_PAGE - before;
      read_all (&r, &lines, text->len, 0);
      g_assert_cmpuint (r.bytes, ==, text->len);
      check_reading (&r, 0);
    }
    reading_clear (&all);
  }
}

static void
test_unbroken_line (void)
{
  for (gsize size = 0; size < 300000; size = size * 3 + 1)
    for (gsize chunk = 1; chunk <= 100000; chunk *= 100) {
      SeqResidueLines lines = {.offset = 3 };
      g_autoptr (GString) text = g_string_new (">b\n");
      Reading r;

      append_lines (text, 1, size, 0);
      reading_init (&r, text, size);
      read_all (&r, &lines, chunk, 2);
      check_reading (&r, 3);
      g_assert_cmpuint (r.n, ==, size);
      g_assert_cmpuint (r.n_lines, ==, 0);
      reading_clear (&r);
    }
}

/* Whatever stands where it is not expected ends it, before the line that it is in. */
static void
test_odd_lines (void)
{
  static const gchar *const odd[] = {
    "\n", "AC\n", "A", ">next\n", "*CGTACGTAC\n", " CGTACGTAC\n", "ACGTA GTAC\n", "ACGTACGTA\r\n",
    "ACGTACGTACG\n", "ACGTACGTA\n", "\001CGTACGTAC\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    for (gsize before = 0; before < 40; before++)
      for (guint t = 0; t < G_N_ELEMENTS (thread_counts); t++) {
        SeqResidueLines lines = {.width = 10,.ending = 1 };
        g_autoptr (GString) text = g_string_new (NULL);
        Reading r;

        append_lines (text, before, 10, 1);
        g_string_append (text, odd[i]);
        append_lines (text, 30, 10, 1);
        reading_init (&r, text, 10000);
        read_all (&r, &lines, 5 * 11, thread_counts[t]);
        check_reading (&r, 0);
        g_assert_cmpuint (r.n_lines, ==, before);
        reading_clear (&r);
      }
}

/* The same for every place of a line in chunks that are long enough to be copied line by line */
static void
check_odd_byte (gsize per_chunk, gsize width, guint ending, guint seed, gsize place, guint8 byte)
{
  const gsize stride = width + ending, line = per_chunk + seed % per_chunk;
  SeqResidueLines lines = {.width = width,.ending = ending };
  g_autoptr (GString) text = g_string_new (NULL);
  const guint8 *at;
  gboolean odd;
  Reading r;

  append_lines (text, 3 * per_chunk, width, ending);
  at = (const guint8 *) text->str + line * stride + place;
  odd = place >= width ? *at != byte : place == 0 ? !g_ascii_isalpha (byte)
      : byte <= ' ' || byte == 0x7f;
  text->str[line * stride + place] = (gchar) byte;
  reading_init (&r, text, text->len);
  read_all (&r, &lines, per_chunk * stride, 0);
  g_assert_cmpuint (r.n_lines * width, ==, r.n);
  g_assert_cmpuint (r.n_lines, ==, odd ? line : 3 * per_chunk);
  for (gsize i = 0; i < r.n; i++)
    g_assert_cmpuint (r.out[i], ==, (guint8) text->str[i / width * stride + i % width]);
  reading_clear (&r);
}

static void
test_odd_bytes (void)
{
  static const gsize widths[] = { 1, 10, 60, 63, 64, 65, 130 };
  static const guint8 bytes[] = { 0, '\n', '\r', ' ', '!', '*', '>', 'G', 0x7e, 0x7f, 0x80, 0xff };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (guint ending = 1; ending <= 2; ending++)
      for (gsize place = 0; place < widths[w] + ending; place++)
        for (guint b = 0; b < G_N_ELEMENTS (bytes); b++)
          check_odd_byte (widths[w] < 10 ? 100 : 40, widths[w], ending, place * 7 + b, place,
              bytes[b]);
}

/* And in such as are read to where they belong: a line that is found to be odd has been copied over
 * what stands behind its start by then. */
static void
test_odd_bytes_in_place (void)
{
  static const gsize widths[] = { 60, 130, 1000 };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (guint ending = 1; ending <= 2; ending++)
      for (guint i = 0; i < 24; i++)
        check_odd_byte (240000 / widths[w], widths[w], ending, i * 7919,
            i % 3 ? i * 37 % (widths[w] + ending) : 0, i % 2 ? ' ' : 'G');
}

/* What is read at once ends within a line, which is longer by just as much: its rest looks like a
 * whole one. */
static void
check_long_line_between_reads (gsize size, gsize per_chunk)
{
  const gsize width = 60;
  SeqResidueLines lines = {.width = width,.ending = 1 };
  g_autoptr (GString) text = g_string_new (NULL);
  Reading r;

  append_lines (text, size / (width + 1), width, 1);
  append_lines (text, 1, size - text->len + width, 1);
  append_lines (text, 4000, width, 1);
  reading_init (&r, text, text->len);
  read_all (&r, &lines, per_chunk * (width + 1), 0);
  g_assert_cmpuint (r.n_lines, ==, size / (width + 1));
  check_reading (&r, 0);
  reading_clear (&r);
}

static void
test_long_line_between_reads (void)
{
  check_long_line_between_reads (64 << 10, (64 << 10) / 61 + 5);        /* into a buffer */
  check_long_line_between_reads (128 << 10, 3000);      /* to where they belong */
}

/* No line that has not all its room is begun. */
static void
test_room (void)
{
  SeqResidueLines lines = {.width = 10,.ending = 1 };
  g_autoptr (GString) text = g_string_new (NULL);

  append_lines (text, 100, 10, 1);
  for (gsize room = 0; room < 300; room++) {
    Reading r;

    reading_init (&r, text, room);
    read_all (&r, &lines, 3 * 11, 2);
    check_reading (&r, 0);
    g_assert_cmpuint (r.n, ==, room / 10 * 10);
    reading_clear (&r);
  }
}

/* It reads what was there when it began; what is not there any more is not as expected. */
static void
test_file_changes (void)
{
  SeqResidueLines lines = {.width = 10,.ending = 1 };
  g_autoptr (GString) text = g_string_new (NULL);
  SeqResidueReader *reader;
  guint64 bytes, n_lines;
  Reading r;
  gsize n;

  append_lines (text, 100, 10, 1);
  reading_init (&r, text, 2000);
  reader = seq_residue_reader_new (r.fd, &lines, 550, r.out, r.room, 11, 1);
  for (guint i = 0; i < 50; i++)
    g_assert_true (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
  g_assert_false (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
  seq_residue_reader_free (reader);

  reader = seq_residue_reader_new (r.fd, &lines, 1100, r.out, r.room, 11, 1);
  g_assert_cmpint (ftruncate (r.fd, 550), ==, 0);
  for (guint i = 0; i < 50; i++)
    g_assert_true (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
  while (seq_residue_reader_next (reader, &bytes, &n, &n_lines))
    r.n_lines++;
  g_assert_cmpuint (r.n_lines, <=, 4);  /* those that were being read meanwhile */
  seq_residue_reader_free (reader);
  reading_clear (&r);
}

/* While chunks are being read; and a directory can be opened, but not read. */
static void
test_free_at_once (void)
{
  SeqResidueLines lines = {.width = 60,.ending = 1 };
  g_autoptr (GString) text = g_string_new (NULL);
  int dir = g_open (g_get_tmp_dir (), O_RDONLY, 0);
  SeqResidueReader *reader;
  guint64 bytes, n_lines;
  Reading r;
  gsize n;

  append_lines (text, 20000, 60, 1);
  reading_init (&r, text, 20000 * 60);
  for (guint taken = 0; taken < 8; taken++) {
    reader = seq_residue_reader_new (r.fd, &lines, text->len, r.out, r.room, 100000, 2);
    for (guint i = 0; i < taken; i++)
      g_assert_true (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
    seq_residue_reader_free (reader);
  }
  reader = seq_residue_reader_new (dir, &lines, 100000, r.out, r.room, 1000, 2);
  g_assert_false (seq_residue_reader_next (reader, &bytes, &n, &n_lines));
  seq_residue_reader_free (reader);
  close (dir);
  reading_clear (&r);
}

/* Those that copy, in each form that the processor has */
static void
test_copying (gconstpointer level)
{
  if (seq_simd_limit (GPOINTER_TO_UINT (level)) != GPOINTER_TO_UINT (level)) {
    g_test_skip ("not on this processor");
    return;
  }
  test_even_lines ();
  test_all_offsets ();
  test_unbroken_line ();
  test_odd_lines ();
  test_odd_bytes ();
  test_odd_bytes_in_place ();
  test_long_line_between_reads ();
  test_room ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/residue-reader/guess", test_guess);
  g_test_add_func ("/residue-reader/file-changes", test_file_changes);
  g_test_add_func ("/residue-reader/free-at-once", test_free_at_once);
  g_test_add_data_func ("/residue-reader/copying/plain", GUINT_TO_POINTER (SEQ_SIMD_NONE),
      test_copying);
  g_test_add_data_func ("/residue-reader/copying/avx512", GUINT_TO_POINTER (SEQ_SIMD_AVX512),
      test_copying);
  return g_test_run ();
}
