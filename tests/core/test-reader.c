/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

#include <libdeflate.h>
#include <string.h>
#include <zstd.h>

/* Bytes in, blocks out: files in a row, errors behind the records before them, bounded memory. */

static const SeqFastxConfig config = {
  .block_size = 1 << 16, .max_record_bytes = 1 << 20,
};

static GBytes *
gzip_bytes (const gchar * text, gsize size)
{
  struct libdeflate_compressor *c = libdeflate_alloc_compressor (6);
  gsize bound = libdeflate_gzip_compress_bound (c, size);
  gpointer out = g_malloc (bound);
  gsize n = libdeflate_gzip_compress (c, text, size, out, bound);

  g_assert_cmpuint (n, >, 0);
  libdeflate_free_compressor (c);
  return g_bytes_new_take (out, n);
}

static void
collect (GString * out, SeqBlock * block)
{
  for (guint i = 0; i < block->n_records; i++) {
    const GstSeqRecord *r = &block->records[i];

    g_string_append_printf (out, "%" G_GUINT64_FORMAT ":%.*s=%.*s ", r->id, (gint) r->name_len,
        (gchar *) block->data + r->name, (gint) r->seq_len, (gchar *) block->data + r->seq);
  }
  seq_block_unref (block);
}

/* Reads a file in pieces of `step` bytes, to its end or its error. */
static SeqReaderStatus
read_file (SeqReader * reader, GBytes * file, gsize step, GString * out, GError ** error)
{
  gsize size, at = 0, n;
  const guint8 *data = g_bytes_get_data (file, &size);
  SeqBlock *block;

  seq_reader_begin_file (reader);
  for (;;) {
    SeqReaderStatus status = seq_reader_next (reader, &block, error);

    if (status == SEQ_READER_BLOCK) {
      collect (out, block);
    } else if (status == SEQ_READER_AGAIN) {
      continue;
    } else if (status == SEQ_READER_NEED_INPUT && at < size) {
      n = MIN (step, size - at);
      seq_reader_feed (reader, data + at, n);
      at += n;
    } else if (status == SEQ_READER_NEED_INPUT) {
      seq_reader_finish_input (reader);
    } else {
      return status;
    }
  }
}

static void
flush (SeqReader * reader, GString * out)
{
  SeqBlock *block;

  while ((block = seq_reader_flush (reader)))
    collect (out, block);
}

/* Plain, gzip and zstd one behind the other; ids go on, at every size of the pieces. */
static void
test_files_in_a_row (void)
{
  static const gchar *const texts[] = { ">a\nAC\nGT", ">b\n\n>c\nT\n", "", ">d\nMK" };
  static const gsize steps[] = { 1, 2, 5, 1000 };

  for (guint s = 0; s < G_N_ELEMENTS (steps); s++) {
    SeqReader *reader = seq_reader_new (&config, 0);
    GString *out = g_string_new (NULL);

    for (guint round = 0; round < 2; round++) {
      for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
        gsize n = strlen (texts[i]);
        GBytes *file = i == 1 ? gzip_bytes (texts[i], n) : g_bytes_new_static (texts[i], n);

        if (i == 3) {
          gchar packed[100];
          n = ZSTD_compress (packed, sizeof packed, texts[i], n, 3);
          g_bytes_unref (file);
          file = g_bytes_new (packed, n);
        }
        g_assert_cmpint (read_file (reader, file, steps[s], out, NULL), ==, SEQ_READER_FILE_END);
        g_bytes_unref (file);
      }
      flush (reader, out);
      g_assert_cmpstr (out->str, ==, "0:a=ACGT 1:b= 2:c=T 3:d=MK ");
      g_string_truncate (out, 0);
      g_assert_true (seq_reader_reset (reader, NULL));        /* and all of it again */
    }
    g_string_free (out, TRUE);
    seq_reader_free (reader);
  }
}

static void
check_error (GBytes * file, GQuark domain, gint code, const gchar * records)
{
  static const gsize steps[] = { 1, 7, 100000 };

  for (guint s = 0; s < G_N_ELEMENTS (steps); s++) {
    SeqReader *reader = seq_reader_new (&config, 0);
    GString *out = g_string_new (NULL);
    GError *error = NULL;

    g_assert_cmpint (read_file (reader, file, steps[s], out, &error), ==, SEQ_READER_ERROR);
    g_assert_error (error, domain, code);
    g_assert_cmpstr (out->str, ==, records);
    g_clear_error (&error);
    g_string_free (out, TRUE);
    seq_reader_free (reader);
  }
  g_bytes_unref (file);
}

/* All whole records come before the error, none after it. */
static void
test_errors (void)
{
  const gchar *fasta = ">a\nAC\n>b\nG\001T\n>c\nT\n", *fastq = "@a\nA\n+\nI\n@b\nAC\n+\nI\n";
  GString *text = g_string_new (NULL), *whole = g_string_new (NULL);
  GBytes *gzip, *part;
  gsize size;

  check_error (g_bytes_new_static (fasta, strlen (fasta)), SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_BYTE,
      "0:a=AC ");
  check_error (g_bytes_new_static (fastq, strlen (fastq)), SEQ_FASTX_ERROR,
      SEQ_FASTX_ERROR_TRUNCATED, "0:a=A ");
  /* a damaged trailer: what has been inflated is whole, but the last record may not be */
  for (guint i = 0; i < 100; i++) {
    g_string_append_printf (text, ">r%u\nACGT\n", i);
    if (i < 99)
      g_string_append_printf (whole, "%u:r%u=ACGT ", i, i);
  }
  gzip = gzip_bytes (text->str, text->len);
  size = g_bytes_get_size (gzip);
  part = g_bytes_new_from_bytes (gzip, 0, size - 3);
  check_error (part, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRUNCATED, whole->str);
  g_bytes_unref (gzip);
  g_string_free (text, TRUE);
  g_string_free (whole, TRUE);
}

/* A small file that inflates to one record of 64 MiB ends at max_record_bytes, not in memory. */
static void
test_bomb (void)
{
  const gsize size = (gsize) 64 << 20;
  gchar *text = g_malloc (size);
  SeqReader *reader = seq_reader_new (&config, 0);
  GString *out = g_string_new (NULL);
  GError *error = NULL;
  gsize bound = ZSTD_compressBound (size), n;
  gpointer packed = g_malloc (bound);
  GBytes *file;

  memset (text, 'A', size);
  memcpy (text, ">x\n", 3);
  n = ZSTD_compress (packed, bound, text, size, 3);
  g_test_message ("%" G_GSIZE_FORMAT " bytes become %" G_GSIZE_FORMAT, n, size);
  g_free (text);
  file = g_bytes_new_take (packed, n);
  g_assert_cmpint (read_file (reader, file, n, out, &error), ==, SEQ_READER_ERROR);
  g_assert_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_TOO_LONG);
  g_assert_cmpstr (out->str, ==, "");
  g_clear_error (&error);
  g_bytes_unref (file);
  g_string_free (out, TRUE);
  seq_reader_free (reader);
}

/* A few bytes that inflate to 64 MiB of nothing don't keep the caller for all of them. */
static void
test_again (void)
{
  const gsize size = (gsize) 64 << 20;
  gchar *text = g_malloc (size);
  SeqReader *reader = seq_reader_new (&config, 0);
  gsize bound = ZSTD_compressBound (size), n;
  gpointer packed = g_malloc (bound);
  SeqReaderStatus status;
  SeqBlock *block;
  guint calls = 0;

  memset (text, '\n', size);
  n = ZSTD_compress (packed, bound, text, size, 3);
  g_free (text);
  g_assert_cmpuint (n, <, 65536);
  seq_reader_begin_file (reader);
  g_assert_cmpint (seq_reader_next (reader, &block, NULL), ==, SEQ_READER_NEED_INPUT);
  seq_reader_feed (reader, packed, n);
  seq_reader_finish_input (reader);
  while ((status = seq_reader_next (reader, &block, NULL)) == SEQ_READER_AGAIN)
    calls++;
  g_assert_cmpint (status, ==, SEQ_READER_FILE_END);
  g_assert_cmpuint (calls, >=, 8);
  g_free (packed);
  seq_reader_free (reader);
}

static void
test_limit (void)
{
  SeqFastxConfig limited = config;
  const gchar *text = ">a\nA\n>b\nC\n>c\nG\nnot read any more \001\n";
  GBytes *file = g_bytes_new_static (text, strlen (text));
  GString *out = g_string_new (NULL);
  SeqReader *reader;

  limited.limit = 2;
  reader = seq_reader_new (&limited, 0);
  g_assert_cmpint (read_file (reader, file, 1, out, NULL), ==, SEQ_READER_FILE_END);
  g_assert_true (seq_reader_is_done (reader));
  flush (reader, out);
  g_assert_cmpstr (out->str, ==, "0:a=A 1:b=C ");
  g_string_free (out, TRUE);
  g_bytes_unref (file);
  seq_reader_free (reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reader/files-in-a-row", test_files_in_a_row);
  g_test_add_func ("/reader/errors", test_errors);
  g_test_add_func ("/reader/bomb", test_bomb);
  g_test_add_func ("/reader/again", test_again);
  g_test_add_func ("/reader/limit", test_limit);
  return g_test_run ();
}
