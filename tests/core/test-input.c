/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"
#include "input-list.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct
{
  gchar *dir;
} Fixture;

static gchar *
in_dir (Fixture * f, const gchar * name)
{
  return g_build_filename (f->dir, name, NULL);
}

static void
write_file (Fixture * f, const gchar * name, const gchar * text)
{
  gchar *path = in_dir (f, name);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_free (path);
}

static void
set_up (Fixture * f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("seq-input-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
}

static void
remove_tree (const gchar * path)
{
  GDir *dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    gchar *child = g_build_filename (path, name, NULL);

    remove_tree (child);
    g_free (child);
  }
  g_clear_pointer (&dir, g_dir_close);
  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
tear_down (Fixture * f, gconstpointer data)
{
  remove_tree (f->dir);
  g_free (f->dir);
}

static void
assert_reads (const gchar * location, gsize piece, const gchar * expected)
{
  GError *error = NULL;
  SeqInput *input = seq_input_open (location, &error);
  GString *all = g_string_new (NULL);
  guint8 buffer[64];
  gssize n;

  g_assert_no_error (error);
  while ((n = seq_input_read (input, buffer, piece, &error)) > 0)
    g_string_append_len (all, (const gchar *) buffer, n);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpstr (all->str, ==, expected);
  g_string_free (all, TRUE);
  seq_input_close (input);
}

static void
assert_open_fails (const gchar * location, gint code)
{
  GError *error = NULL;
  gchar *name = g_filename_display_name (location);

  g_assert_null (seq_input_open (location, &error));
  g_assert_error (error, G_FILE_ERROR, code);
  g_assert_nonnull (strstr (error->message, name));
  g_clear_error (&error);
  g_free (name);
}

static void
test_file (Fixture * f, gconstpointer data)
{
  gchar *path, *uri, *capitals;

  write_file (f, "a b.fa", ">a\nACGT\n");
  path = in_dir (f, "a b.fa");
  uri = g_filename_to_uri (path, NULL, NULL);
  g_assert_nonnull (strstr (uri, "%20"));
  capitals = g_strconcat ("FILE", uri + strlen ("file"), NULL);

  assert_reads (path, 1, ">a\nACGT\n");
  assert_reads (path, 64, ">a\nACGT\n");
  assert_reads (uri, 3, ">a\nACGT\n");
  assert_reads (capitals, 3, ">a\nACGT\n");
  g_assert_cmpuint (seq_input_size_of (path), ==, 8);
  g_assert_cmpuint (seq_input_size_of (uri), ==, 8);
  g_assert_true (seq_input_can_rewind (path));
  g_assert_true (seq_input_can_rewind (uri));
  g_free (path);
  g_free (uri);
  g_free (capitals);

  write_file (f, "empty", "");
  path = in_dir (f, "empty");
  assert_reads (path, 64, "");
  g_free (path);
}

static void
test_open_errors (Fixture * f, gconstpointer data)
{
  gchar *missing = in_dir (f, "missing.fa");
  gchar *odd = in_dir (f, "odd\xff.fa");

  assert_open_fails (missing, G_FILE_ERROR_NOENT);
  assert_open_fails (odd, G_FILE_ERROR_NOENT);
  assert_open_fails (f->dir, G_FILE_ERROR_ISDIR);
  assert_open_fails ("", G_FILE_ERROR_NOENT);
  assert_open_fails ("file://elsewhere%zz/x", G_FILE_ERROR_INVAL);
#ifdef HAVE_HTSLIB
  assert_open_fails ("gopher://localhost/x.fa", G_FILE_ERROR_INVAL);
#else
  assert_open_fails ("http://localhost/x.fa", G_FILE_ERROR_NOSYS);
#endif
  g_assert_cmpuint (seq_input_size_of (missing), ==, G_MAXUINT64);
  g_assert_false (seq_input_can_rewind (missing));
  g_assert_false (seq_input_can_rewind (f->dir));
  g_free (missing);
  g_free (odd);
}

/* A read that fails after a good open: the memory of this process has nothing at address 0. */
static void
test_read_error (Fixture * f, gconstpointer data)
{
  GError *error = NULL;
  SeqInput *input = seq_input_open ("/proc/self/mem", &error);
  guint8 buffer[8];

  if (input == NULL) {
    g_test_skip ("no /proc/self/mem here");
    g_clear_error (&error);
    return;
  }
  g_assert_cmpint (seq_input_read (input, buffer, sizeof buffer, &error), ==, -1);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "/proc/self/mem"));
  g_clear_error (&error);
  seq_input_close (input);
}

/* A file that is cut while it is read has no end that can be trusted; one that grows has. */
static void
test_size_changes (Fixture * f, gconstpointer data)
{
  gchar *path = in_dir (f, "file");
  GError *error = NULL;
  SeqInput *input;
  guint8 buffer[8];

  write_file (f, "file", "0123456789");
  input = seq_input_open (path, NULL);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 8);
  g_assert_cmpint (truncate (path, 9), ==, 0);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, -1);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, "cut to 9 of its 10 bytes"));
  g_clear_error (&error);
  g_assert_cmpint (truncate (path, 11), ==, 0);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 2);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 0);
  g_assert_no_error (error);
  seq_input_close (input);
  g_free (path);
}

typedef struct
{
  SeqInput *input;
  gint done;                    /* atomic */
  gssize n;
  GError *error;
} Reading;

static gpointer
read_in_thread (gpointer data)
{
  Reading *reading = data;
  guint8 buffer[64];

  reading->n = seq_input_read (reading->input, buffer, sizeof buffer, &reading->error);
  g_atomic_int_set (&reading->done, TRUE);
  return NULL;
}

static SeqInput *
open_fifo (Fixture * f, gchar ** path)
{
  GError *error = NULL;
  SeqInput *input;

  *path = in_dir (f, "fifo");
  g_assert_cmpint (mkfifo (*path, 0600), ==, 0);
  input = seq_input_open (*path, &error);
  g_assert_no_error (error);
  g_assert_false (seq_input_can_rewind (*path));
  g_assert_cmpuint (seq_input_size_of (*path), ==, G_MAXUINT64);
  return input;
}

static void
interrupt_a_read (SeqInput * input)
{
  Reading reading = { input, FALSE, 0, NULL };
  GThread *thread = g_thread_new ("read", read_in_thread, &reading);

  g_usleep (20000);
  g_assert_false (g_atomic_int_get (&reading.done));
  seq_input_interrupt (input);
  g_thread_join (thread);
  g_assert_cmpint (reading.n, ==, -1);
  g_assert_error (reading.error, G_FILE_ERROR, G_FILE_ERROR_INTR);
  g_clear_error (&reading.error);
}

static void
test_interrupt (Fixture * f, gconstpointer data)
{
  GError *error = NULL;
  guint8 buffer[8];
  gchar *path;
  SeqInput *input = open_fifo (f, &path);
  int fd;

  interrupt_a_read (input);     /* no writer has come yet */
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, -1);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INTR);
  g_clear_error (&error);
  seq_input_resume (input);
  seq_input_resume (input);

  fd = open (path, O_WRONLY);
  interrupt_a_read (input);     /* a writer that writes nothing */
  g_assert_cmpint (write (fd, ">abc", 4), ==, 4);
  seq_input_interrupt (input);
  seq_input_resume (input);
  g_assert_cmpint (seq_input_read (input, buffer, 2, &error), ==, 2);
  g_assert_cmpint (seq_input_read (input, buffer + 2, 6, &error), ==, 2);
  g_assert_cmpmem (buffer, 4, ">abc", 4);
  close (fd);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 0);
  g_assert_no_error (error);
  seq_input_close (input);
  g_free (path);
}

static void
test_interrupt_file (Fixture * f, gconstpointer data)
{
  GError *error = NULL;
  guint8 buffer[8];
  SeqInput *input;
  gchar *path;

  write_file (f, "a.fa", ">a\n");
  path = in_dir (f, "a.fa");
  input = seq_input_open (path, NULL);
  seq_input_interrupt (input);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, -1);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INTR);
  g_clear_error (&error);
  seq_input_resume (input);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 3);
  seq_input_close (input);
  g_free (path);
}

static int signal_writes_to = -1;

static void
on_alarm (int number)
{
  static int count;

  /* The first signals find nothing to read. */
  if (++count == 3 && write (signal_writes_to, "x", 1) < 0)
    abort ();
}

static void
test_signals (Fixture * f, gconstpointer data)
{
  const struct itimerval every = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };
  struct sigaction action = { 0 }, before;
  GError *error = NULL;
  guint8 buffer[8];
  gchar *path;
  SeqInput *input = open_fifo (f, &path);

  signal_writes_to = open (path, O_WRONLY);
  action.sa_handler = on_alarm; /* without SA_RESTART */
  sigaction (SIGALRM, &action, &before);
  setitimer (ITIMER_REAL, &every, NULL);
  g_assert_cmpint (seq_input_read (input, buffer, 8, &error), ==, 1);
  g_assert_no_error (error);
  setitimer (ITIMER_REAL, &never, NULL);
  sigaction (SIGALRM, &before, NULL);
  close (signal_writes_to);
  seq_input_close (input);
  g_free (path);
}

static void
test_stdin (Fixture * f, gconstpointer data)
{
  int kept = dup (STDIN_FILENO), fds[2], fd;
  gchar *path;

  g_assert_cmpint (pipe (fds), ==, 0);
  g_assert_cmpint (dup2 (fds[0], STDIN_FILENO), ==, STDIN_FILENO);
  g_assert_cmpint (write (fds[1], ">x\nAC\n", 6), ==, 6);
  close (fds[1]);
  g_assert_cmpuint (seq_input_size_of ("-"), ==, G_MAXUINT64);
  g_assert_false (seq_input_can_rewind ("-"));
  assert_reads ("-", 4, ">x\nAC\n");
  g_assert_cmpint (fcntl (STDIN_FILENO, F_GETFD), !=, -1);
  close (fds[0]);

  /* A file of which a part has been read. */
  write_file (f, "a.fa", "12345678");
  path = in_dir (f, "a.fa");
  fd = open (path, O_RDONLY);
  g_assert_cmpint (dup2 (fd, STDIN_FILENO), ==, STDIN_FILENO);
  g_assert_cmpint (lseek (STDIN_FILENO, 3, SEEK_SET), ==, 3);
  g_assert_cmpuint (seq_input_size_of ("-"), ==, 5);
  assert_reads ("-", 2, "45678");
  close (fd);
  g_free (path);

  if (kept >= 0) {
    dup2 (kept, STDIN_FILENO);
    close (kept);
  } else {
    close (STDIN_FILENO);
  }
}

/* Expected names are relative to the folder of the test; "-" and URIs are taken as they are. */
static void
assert_expands (Fixture * f, const gchar * const *locations, const gchar * expected)
{
  GError *error = NULL;
  GPtrArray *files = seq_input_list_expand (locations, &error);
  GString *names = g_string_new (NULL);
  guint i;

  g_assert_no_error (error);
  for (i = 0; i < files->len; i++) {
    const gchar *name = files->pdata[i];

    if (g_str_has_prefix (name, f->dir))
      name += strlen (f->dir) + 1;
    g_string_append_printf (names, "%s%s", i > 0 ? " " : "", name);
  }
  g_assert_cmpstr (names->str, ==, expected);
  g_string_free (names, TRUE);
  g_ptr_array_unref (files);
}

static void
assert_expansion_fails (const gchar * location, gint code)
{
  const gchar *locations[] = { location, NULL };
  GError *error = NULL;

  g_assert_null (seq_input_list_expand (locations, &error));
  g_assert_error (error, G_FILE_ERROR, code);
  g_assert_nonnull (strstr (error->message, location));
  g_clear_error (&error);
}

static void
make_files (Fixture * f)
{
  static const gchar *const names[] = {
    "b.fa", "a.fa.gz", "B.FASTA", "c.fq.zst", "d.fastq.bgz", "e.txt", "f.gz", ".hidden.fa", "fa",
    "g.faa", "x[1].fa", NULL
  };
  gchar *path;
  guint i;

  for (i = 0; names[i] != NULL; i++)
    write_file (f, names[i], "x");
  path = in_dir (f, "sub.fa");
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_free (path);
  write_file (f, "sub.fa/inner.fa", "x");
  path = in_dir (f, "link.fna");
  g_assert_cmpint (symlink ("b.fa", path), ==, 0);
  g_free (path);
}

static void
test_list (Fixture * f, gconstpointer data)
{
  const gchar *none[] = { NULL };
  const gchar *mixed[] = { NULL, "-", NULL, "https://example.org/*.fa", NULL, NULL };
  const gchar *one[] = { NULL, NULL };
  GError *error = NULL;
  gchar *paths[5];
  guint i;

  make_files (f);
  one[0] = f->dir;
  assert_expands (f, one, "B.FASTA a.fa.gz b.fa c.fq.zst d.fastq.bgz g.faa link.fna x[1].fa");

  paths[0] = in_dir (f, "e.txt");
  paths[1] = in_dir (f, "*.fa");
  paths[2] = in_dir (f, "x[1].fa");
  paths[3] = in_dir (f, "sub.fa");
  paths[4] = g_filename_to_uri (paths[2], NULL, NULL);
  mixed[0] = paths[0];
  mixed[2] = paths[1];
  mixed[4] = paths[2];
  assert_expands (f, mixed, "e.txt - b.fa x[1].fa https://example.org/*.fa x[1].fa");
  one[0] = paths[3];
  assert_expands (f, one, "sub.fa/inner.fa");
  one[0] = paths[4];
  assert_expands (f, one, "x[1].fa");

  g_assert_null (seq_input_list_expand (none, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);
  for (i = 0; i < G_N_ELEMENTS (paths); i++)
    g_free (paths[i]);
}

static void
test_list_errors (Fixture * f, gconstpointer data)
{
  gchar *missing = in_dir (f, "missing.fa");
  gchar *pattern = in_dir (f, "*.fa");
  gchar *only_dirs = in_dir (f, "su*");
  gchar *sub = in_dir (f, "sub");

  g_assert_cmpint (g_mkdir (sub, 0700), ==, 0);
  write_file (f, "notes.txt", "x");
  assert_expansion_fails (missing, G_FILE_ERROR_NOENT);
  assert_expansion_fails (pattern, G_FILE_ERROR_NOENT);
  assert_expansion_fails (only_dirs, G_FILE_ERROR_NOENT);
  assert_expansion_fails (sub, G_FILE_ERROR_NOENT);
  assert_expansion_fails (f->dir, G_FILE_ERROR_NOENT);
  assert_expansion_fails ("file://elsewhere%zz/x", G_FILE_ERROR_INVAL);
  if (geteuid () != 0) {
    gchar *inside = in_dir (f, "s*/*.fa");

    g_assert_cmpint (g_chmod (sub, 0), ==, 0);
    assert_expansion_fails (sub, G_FILE_ERROR_ACCES);
    assert_expansion_fails (inside, G_FILE_ERROR_ACCES);
    g_assert_cmpint (g_chmod (sub, 0700), ==, 0);
    g_free (inside);
  }
  g_free (missing);
  g_free (pattern);
  g_free (only_dirs);
  g_free (sub);
}

#define ADD(path, function) \
  g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/input/file", test_file);
  ADD ("/input/open-errors", test_open_errors);
  ADD ("/input/read-error", test_read_error);
  ADD ("/input/size-changes", test_size_changes);
  ADD ("/input/interrupt/pipe", test_interrupt);
  ADD ("/input/interrupt/file", test_interrupt_file);
  ADD ("/input/signals", test_signals);
  ADD ("/input/stdin", test_stdin);
  ADD ("/input/list/all", test_list);
  ADD ("/input/list/errors", test_list_errors);
  return g_test_run ();
}
