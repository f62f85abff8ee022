/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "read-ahead.h"

static int
open_file (gsize size, GByteArray * bytes)
{
  g_autofree gchar *path = NULL;
  int fd = g_file_open_tmp ("read-ahead-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_remove (path);
  for (gsize i = 0; i < size; i++) {
    guint8 byte = g_test_rand_int ();

    g_byte_array_append (bytes, &byte, 1);
  }
  g_assert_cmpint (pwrite (fd, bytes->data, size, 0), ==, size);
  return fd;
}

/* Whole pieces, then what is left, then nothing, however often one asks */
static void
check_rest (SeqReadAhead * ahead, const guint8 * bytes, gsize size, gsize piece)
{
  gssize n;

  for (gsize at = 0; at < size; at += n) {
    const guint8 *read = seq_read_ahead_next (ahead, &n);

    g_assert_cmpint (n, ==, MIN (piece, size - at));
    g_assert_cmpmem (read, n, bytes + at, n);
  }
  for (guint i = 0; i < 5; i++) {
    seq_read_ahead_next (ahead, &n);
    g_assert_cmpint (n, ==, 0);
  }
}

static void
test_sizes (void)
{
  static const gsize pieces[] = { 1, 2, 3, 7, 64, 1000 };

  for (gsize size = 0; size < 40; size++) {
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    int fd = open_file (size, bytes);

    for (gsize offset = 0; offset <= size; offset += 1 + size / 5)
      for (guint p = 0; p < G_N_ELEMENTS (pieces); p++) {
        SeqReadAhead *ahead = seq_read_ahead_new (fd, offset, pieces[p]);

        check_rest (ahead, bytes->data + offset, size - offset, pieces[p]);
        seq_read_ahead_free (ahead);
      }
    close (fd);
  }
}

static void
test_large (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  int fd = open_file (3000001, bytes);
  SeqReadAhead *ahead = seq_read_ahead_new (fd, 17, 65536);

  check_rest (ahead, bytes->data + 17, bytes->len - 17, 65536);
  seq_read_ahead_free (ahead);
  close (fd);
}

/* While pieces are being read */
static void
test_free_at_once (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  int fd = open_file (1000000, bytes);

  for (guint n_taken = 0; n_taken < 10; n_taken++) {
    SeqReadAhead *ahead = seq_read_ahead_new (fd, 0, 65536);

    for (guint i = 0; i < n_taken; i++) {
      gssize n;
      const guint8 *read = seq_read_ahead_next (ahead, &n);

      g_assert_cmpmem (read, n, bytes->data + i * 65536, 65536);
    }
    seq_read_ahead_free (ahead);
  }
  close (fd);
}

/* What comes behind a piece that was cut short by the end of the file is not left out. */
static void
test_growing_file (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  int fd = open_file (250, bytes);
  SeqReadAhead *ahead = seq_read_ahead_new (fd, 0, 100);
  g_autoptr (GByteArray) found = g_byte_array_new ();
  gssize n = 100;

  for (guint i = 0; n > 0 || i < 10; i++) {
    const guint8 *read = seq_read_ahead_next (ahead, &n);

    g_assert_cmpint (n, >=, 0);
    g_byte_array_append (found, read, n);
    if (i >= 2 && i < 8) {
      for (guint j = 0; j < 70; j++) {
        guint8 byte = i + j;

        g_byte_array_append (bytes, &byte, 1);
      }
      g_assert_cmpint (pwrite (fd, bytes->data + bytes->len - 70, 70, bytes->len - 70), ==, 70);
    }
  }
  g_assert_cmpmem (found->data, found->len, bytes->data, bytes->len);
  seq_read_ahead_free (ahead);
  close (fd);
}

/* A directory can be opened, but not read. */
static void
test_error (void)
{
  int fd = g_open (g_get_tmp_dir (), O_RDONLY, 0);
  SeqReadAhead *ahead = seq_read_ahead_new (fd, 0, 100);
  gssize n;

  for (guint i = 0; i < 5; i++) {
    seq_read_ahead_next (ahead, &n);
    g_assert_cmpint (n, ==, -1);
  }
  seq_read_ahead_free (ahead);
  close (fd);
}

static void
test_no_memory (void)
{
  g_assert_null (seq_read_ahead_new (0, 0, G_MAXSIZE / 2));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/read-ahead/sizes", test_sizes);
  g_test_add_func ("/read-ahead/large", test_large);
  g_test_add_func ("/read-ahead/free-at-once", test_free_at_once);
  g_test_add_func ("/read-ahead/growing-file", test_growing_file);
  g_test_add_func ("/read-ahead/error", test_error);
  g_test_add_func ("/read-ahead/no-memory", test_no_memory);
  return g_test_run ();
}
