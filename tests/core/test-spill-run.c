/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spill-run.h"

#include "spill-records.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 64

/* Appends a block of n records from `first` on, of `length` residues and more. */
static gboolean
append (SeqSpillRun * run, guint64 first, guint n, guint32 length, GError ** error)
{
  g_autofree GstSeqRecord *table = g_new (GstSeqRecord, n);
  g_autofree guint8 *bytes = NULL;
  gsize size = 0;
  struct iovec piece;

  for (guint i = 0; i < n; i++)
    size += spill_size (first + i, length + i);
  bytes = g_malloc (MAX (size, 1));
  size = 0;
  for (guint i = 0; i < n; i++)
    size = spill_put (bytes, size, first + i, length + i, &table[i]);
  piece = (struct iovec) { bytes, size };
  return seq_spill_run_append (run, table, n, &piece, 1, error);
}

/* Three blocks: records 0 to 99, record 100, records 101 to 150. */
static SeqSpillRun *
new_run (void)
{
  GError *error = NULL;
  SeqSpillRun *run = seq_spill_run_new (NULL, 7, &error);

  g_assert_no_error (error);
  g_assert_true (append (run, 0, 100, 0, &error));
  g_assert_true (append (run, 100, 1, 50000, &error));
  g_assert_true (append (run, 101, 50, 20, &error));
  g_assert_cmpuint (seq_spill_run_get_n_records (run), ==, 151);
  return run;
}

static gsize
check_block (const SeqSpillBlock * block, const guint8 * bytes, guint64 first)
{
  gsize at = 0;

  for (guint i = 0; i < block->n_records; i++) {
    g_assert_cmpuint (block->table[i].id, ==, first + i);
    spill_check (bytes, at, &block->table[i]);
    at += spill_size (first + i, block->table[i].seq_len);
  }
  g_assert_cmpuint (at, ==, block->size);
  return first + block->n_records;
}

/* Reads all blocks; returns the number of records, or with `error` set less. */
static guint64
read_all (SeqSpillRun * run, gsize max_bytes, GError ** error)
{
  guint64 n = 0;
  SeqSpillBlock block;

  while (seq_spill_run_next (run, max_bytes, &block, error) && block.n_records > 0) {
    g_autofree guint8 *later = NULL;

    if (!block.bytes) {
      g_assert_cmpuint (block.size, >, max_bytes);
      g_assert_cmpuint (block.n_records, ==, 1);
      later = g_malloc (block.size);
      if (!seq_spill_run_read_bytes (run, later, error))
        return n;
    }
    n = check_block (&block, later ? later : block.bytes, n);
  }
  return n;
}

static void
test_write_and_read (void)
{
  static const gsize limits[] = { 0, 100, 50000, G_MAXSIZE };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
    SeqSpillRun *run = new_run ();
    GError *error = NULL;
    SeqSpillBlock block;
    guint64 n = read_all (run, limits[i], &error);

    g_assert_no_error (error);
    g_assert_cmpuint (n, ==, 151);
    /* the end stays the end */
    g_assert_true (seq_spill_run_next (run, 0, &block, &error));
    g_assert_cmpuint (block.n_records, ==, 0);
    if (limits[i] < 50000)      /* what is left in the file takes no memory */
      g_assert_cmpuint (seq_spill_run_get_held (run), <, 30000);
    seq_spill_run_free (run);
  }
}

static void
test_empty (void)
{
  GError *error = NULL;
  SeqSpillRun *run = seq_spill_run_new (NULL, 1, &error);
  GstSeqRecord record = {.id = 1,.qual = GST_SEQ_NO_QUALITY };
  SeqSpillBlock block;

  g_assert_no_error (error);
  /* a record without a byte */
  g_assert_true (seq_spill_run_append (run, &record, 1, NULL, 0, &error));
  g_assert_true (seq_spill_run_next (run, 0, &block, &error));
  g_assert_cmpuint (block.n_records, ==, 1);
  g_assert_cmpuint (block.size, ==, 0);
  g_assert_true (seq_spill_run_next (run, 0, &block, &error));
  g_assert_cmpuint (block.n_records, ==, 0);
  seq_spill_run_free (run);

  run = seq_spill_run_new (NULL, 1, &error);
  g_assert_true (seq_spill_run_next (run, 0, &block, &error));
  g_assert_cmpuint (block.n_records, ==, 0);
  seq_spill_run_free (run);
}

/* The file is in the directory that was asked for, and has no name there. */
static void
test_no_name (void)
{
  g_autofree gchar *directory = g_dir_make_tmp ("spill-XXXXXX", NULL);
  GError *error = NULL;
  SeqSpillRun *run = seq_spill_run_new (directory, 1, &error);
  struct stat file, place;
  GDir *dir;

  g_assert_no_error (error);
  g_assert_true (append (run, 0, 10, 10, &error));
  g_assert_cmpint (fstat (seq_spill_run_get_fd (run), &file), ==, 0);
  g_assert_cmpint (stat (directory, &place), ==, 0);
  g_assert_cmpuint (file.st_nlink, ==, 0);
  g_assert_cmpuint (file.st_dev, ==, place.st_dev);
  g_assert_cmpuint (file.st_size, ==, seq_spill_run_get_size (run));
  g_assert_cmpuint (file.st_mode & 0777, ==, 0600);
  dir = g_dir_open (directory, 0, NULL);
  g_assert_null (g_dir_read_name (dir));
  g_dir_close (dir);
  seq_spill_run_free (run);
  g_assert_cmpint (rmdir (directory), ==, 0);
}

static void
test_no_directory (void)
{
  GError *error = NULL;

  g_assert_null (seq_spill_run_new ("/nonexistent/place", 1, &error));
  g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_OPEN);
  g_assert_nonnull (strstr (error->message, "/nonexistent/place"));
  g_clear_error (&error);
}

/* Every byte of the file matters: with any of them changed, reading fails before a wrong record is
 * seen (read_all would fail the test), and says where. */
static void
test_damage (void)
{
  SeqSpillRun *run = new_run ();
  guint64 size = seq_spill_run_get_size (run);

  seq_spill_run_free (run);
  for (guint64 at = 0; at < size; at += at < 2 * HEADER ? 1 : 977) {
    g_autofree gchar *path = NULL;
    GError *error = NULL;
    guint8 byte;
    gint fd;

    run = new_run ();
    path = g_strdup_printf ("/proc/self/fd/%d", seq_spill_run_get_fd (run));
    fd = open (path, O_RDWR);
    g_assert_cmpint (fd, >=, 0);
    g_assert_cmpint (pread (fd, &byte, 1, at), ==, 1);
    byte ^= 1 << (at % 8);
    g_assert_cmpint (pwrite (fd, &byte, 1, at), ==, 1);
    close (fd);
    g_assert_cmpuint (read_all (run, 1000, &error), <, 151);
    g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_DAMAGED);
    g_assert_nonnull (strstr (error->message, "Spill file 7 in "));
    g_assert_nonnull (strstr (error->message, " at byte "));
    g_clear_error (&error);
    seq_spill_run_free (run);
  }
}

static void
test_truncated (void)
{
  for (guint64 left = 0; left < 60000; left += 1409) {
    SeqSpillRun *run = new_run ();
    GError *error = NULL;

    g_assert_cmpuint (left, <, seq_spill_run_get_size (run));
    g_assert_cmpint (ftruncate (seq_spill_run_get_fd (run), left), ==, 0);
    g_assert_cmpuint (read_all (run, 1000, &error), <, 151);
    g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_DAMAGED);
    g_clear_error (&error);
    seq_spill_run_free (run);
  }
}

/* Blocks that are good in themselves, in each other's place. */
static void
test_misplaced (void)
{
  SeqSpillRun *run = seq_spill_run_new (NULL, 1, NULL);
  GError *error = NULL;
  SeqSpillBlock block;
  guint8 bytes[2 * 1024];
  gsize half;
  gint fd = seq_spill_run_get_fd (run);

  g_assert_true (append (run, 5, 1, 100, &error));
  half = seq_spill_run_get_size (run);
  g_assert_true (append (run, 5, 1, 100, &error));
  g_assert_cmpuint (2 * half, ==, seq_spill_run_get_size (run));
  g_assert_cmpuint (half, <=, sizeof (bytes));
  g_assert_cmpint (pread (fd, bytes, half, half), ==, half);
  g_assert_cmpint (pwrite (fd, bytes, half, 0), ==, half);
  g_assert_false (seq_spill_run_next (run, G_MAXSIZE, &block, &error));
  g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_DAMAGED);
  g_clear_error (&error);
  seq_spill_run_free (run);
}

/* A limit on the size of files stands for a full disk: the write that passes it is short, the next
 * one fails. */
static void
test_full (void)
{
  SeqSpillRun *run = seq_spill_run_new (NULL, 3, NULL);
  struct rlimit before, limit;
  GError *error = NULL;
  guint blocks = 0;

  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  limit = (struct rlimit) { 100000, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  while (blocks < 10 && append (run, 0, 1, 9900, &error))
    blocks++;
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_cmpuint (blocks, ==, 5);
  g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_NO_SPACE);
  /* header, entry, and residues with qualities */
  g_assert_nonnull (strstr (error->message, "Could not write 19896 bytes to spill file 3 in "));
  g_clear_error (&error);
  seq_spill_run_free (run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spill-run/write-and-read", test_write_and_read);
  g_test_add_func ("/spill-run/empty", test_empty);
  g_test_add_func ("/spill-run/no-name", test_no_name);
  g_test_add_func ("/spill-run/no-directory", test_no_directory);
  g_test_add_func ("/spill-run/damage", test_damage);
  g_test_add_func ("/spill-run/truncated", test_truncated);
  g_test_add_func ("/spill-run/misplaced", test_misplaced);
  g_test_add_func ("/spill-run/full", test_full);
  return g_test_run ();
}
