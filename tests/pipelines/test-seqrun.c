/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipelines.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptions that come along and the program that runs them: accounts, settings, errors. */

static gchar *directory;        /* for what the tests write */

static gchar *
launch_file (const gchar * name)
{
  return g_build_filename (g_getenv ("GST_SEQ_PIPELINES"), name, NULL);
}

static gchar *
setting (const gchar * name, const gchar * value)
{
  return g_strconcat (name, "=", value, NULL);
}

static void
assert_account (const RunResult * run)
{
  if (run->status != 0)
    g_error ("exit status %d: %s", run->status, run->err);
  g_assert_cmpfloat (account_number (run->out, "src", "records in"), >, 0);
}

static void
test_batching (gconstpointer name)
{
  gchar *proteins = example_proteins (), *reads = example_reads ();
  gchar *file = launch_file (name);
  gchar *location = setting ("src.location", g_str_equal (name, "nucleotide.launch") ?
      reads : proteins);
  RunResult run = run_seqrun (NULL, file, location, NULL);
  gdouble records;

  assert_account (&run);
  records = account_number (run.out, "src", "records in");
  g_assert_cmpfloat (account_number (run.out, "batch", "records"), ==, records);
  g_assert_cmpfloat (account_number (run.out, "sink", "records out"), ==, records);
  g_assert_cmpfloat (account_number (run.out, "batch", "unknown"), >=, 0);
  if (g_str_has_suffix (proteins, "DB.fasta.gz") && g_str_has_prefix (name, "esm2")) {
    g_assert_cmpfloat (records, ==, 20000);
    g_assert_cmpfloat (account_number (run.out, "batch", "utilisation"), >=, 0.98);
  }
  g_test_message ("%s: %.0f records, utilisation %.4f", (const gchar *) name, records,
      account_number (run.out, "batch", "utilisation"));
  run_result_clear (&run);
  g_free (location);
  g_free (file);
  g_free (reads);
  g_free (proteins);
}

/* What the sort buys: without it the batches hold more padding. */
static void
test_setting (void)
{
  gchar *proteins = example_proteins (), *file = launch_file ("esm2.launch");
  gchar *location = setting ("src.location", proteins);
  RunResult sorted = run_seqrun (NULL, file, location, NULL);
  RunResult plain = run_seqrun (NULL, file, location, "sort.order=none", NULL);
  RunResult by_kind = run_seqrun (NULL, file, location, "seqsort.order=none", NULL);

  assert_account (&sorted);
  assert_account (&plain);
  assert_account (&by_kind);
  g_assert_cmpfloat (account_number (plain.out, "batch", "utilisation"), <,
      account_number (sorted.out, "batch", "utilisation") - 0.3);
  g_assert_cmpfloat (account_number (plain.out, "batch", "slots"), ==,
      account_number (by_kind.out, "batch", "slots"));
  run_result_clear (&sorted);
  run_result_clear (&plain);
  run_result_clear (&by_kind);
  g_free (location);
  g_free (file);
  g_free (proteins);
}

/* Vectors are counted as tokens are: one a letter. */
static void
test_one_hot (void)
{
  gchar *reads = example_reads (), *file = launch_file ("nucleotide.launch");
  gchar *location = setting ("src.location", reads);
  RunResult run = run_seqrun (NULL, file, location, "batch.tokenizer=enformer", NULL);

  assert_account (&run);
  g_assert_cmpfloat (account_number (run.out, "batch", "records"), ==,
      account_number (run.out, "src", "records in"));
  g_assert_cmpfloat (account_number (run.out, "batch", "tokens"), ==,
      account_number (run.out, "src", "residues"));
  g_assert_cmpfloat (account_number (run.out, "batch", "unknown"), ==, 0);
  run_result_clear (&run);
  g_free (location);
  g_free (file);
  g_free (reads);
}

static void
test_sort_fasta (void)
{
  gchar *proteins = example_proteins (), *file = launch_file ("sort-fasta.launch");
  gchar *out = g_build_filename (directory, "sorted.fasta", NULL);
  gchar *location = setting ("src.location", proteins), *to = setting ("sink.location", out);
  RunResult run = run_seqrun (NULL, "--quiet", file, location, to, NULL);
  gsize last = 0, length = 0, records = 0, size;
  gchar *text, *line, *end;

  g_assert_cmpint (run.status, ==, 0);
  g_assert_cmpstr (run.out, ==, "");
  g_assert_true (g_file_get_contents (out, &text, &size, NULL));
  for (line = text; line < text + size; line = end + 1) {
    end = memchr (line, '\n', text + size - line);
    g_assert_nonnull (end);
    if (*line == '>') {
      g_assert_cmpuint (length, >=, last);
      last = length;
      length = 0;
      records++;
    } else {
      length += end - line;
    }
  }
  g_assert_cmpuint (length, >=, last);
  g_assert_cmpuint (records, ==, g_str_has_suffix (proteins, ".gz") ? 20000 : 200);
  g_free (text);
  run_result_clear (&run);
  g_unlink (out);
  g_free (to);
  g_free (location);
  g_free (out);
  g_free (file);
  g_free (proteins);
}

/* ---- what is wrong with a command ---- */

static void
test_bad_command (void)
{
  static const struct
  {
    const gchar *description, *setting, *says;
  } rows[] = {
    {"seqsrc name=src ! fakesink", "scr.location=x", "scr"},
    {"seqsrc name=src ! fakesink", "src.locaton=x", "locaton"},
    {"seqsrc name=src ! seqsort name=sort ! fakesink", "sort.order=upwards", "upwards"},
    {"seqsrc name=src ! nosuchelement", NULL, "nosuchelement"},
    {"/no/such/file.launch", NULL, "/no/such/file.launch"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    RunResult run = run_seqrun (NULL, rows[i].description, rows[i].setting, NULL);

    g_assert_cmpint (run.status, ==, 2);
    g_assert_nonnull (strstr (run.err, rows[i].says));
    run_result_clear (&run);
  }
}

/* ---- bad input ---- */

static gchar *
write_file (const gchar * name, const gchar * bytes, gsize size)
{
  gchar *path = g_build_filename (directory, name, NULL);

  g_assert_true (g_file_set_contents (path, bytes, size, NULL));
  return path;
}

static gchar *
write_truncated_gzip (void)
{
  gchar *sample = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta", NULL);
  GConverter *gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
  GOutputStream *memory = g_memory_output_stream_new_resizable ();
  GOutputStream *stream = g_converter_output_stream_new (memory, gzip);
  gchar *text, *path;
  gsize size;

  g_assert_true (g_file_get_contents (sample, &text, &size, NULL));
  g_assert_true (g_output_stream_write_all (stream, text, size, NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (stream, NULL, NULL));
  size = g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory));
  path = write_file ("truncated.fa.gz", g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM
          (memory)), size / 2);
  g_object_unref (stream);
  g_object_unref (memory);
  g_object_unref (gzip);
  g_free (text);
  g_free (sample);
  return path;
}

static void
assert_run_fails (const gchar * location, const gchar * const *says)
{
  gchar *line = g_strdup_printf ("seqsrc location=\"%s\" ! seqsort ! seqbatch ! pinnedqueue ! "
      "cudamemguard ! fakesink", location);
  RunResult run = run_seqrun (NULL, "--quiet", line, NULL);
  const gchar *first = strstr (run.err, "error:");

  g_assert_cmpint (run.status, ==, 1);
  g_assert_nonnull (first);
  g_assert_null (strstr (first + 1, "error:"));         /* one is enough */
  for (; *says; says++)
    if (!strstr (run.err, *says))
      g_error ("'%s' is not in: %s", *says, run.err);
  run_result_clear (&run);
  g_free (line);
}

static void
test_bad_input (void)
{
  gchar *empty_dir = g_build_filename (directory, "empty", NULL);
  gchar *not_fasta = write_file ("not.fa", "hello\n", 6);
  gchar *cut_fastq = write_file ("short.fq", "@r\nACGT\n+\nIIII\n@s\nACGT\n+\nIII\n", 29);
  gchar *truncated = write_truncated_gzip ();

  g_mkdir (empty_dir, 0700);
  assert_run_fails ("/no/such/file.fa", (const gchar * const[]) { "/no/such/file.fa", NULL });
  assert_run_fails (empty_dir, (const gchar * const[]) { "empty", NULL });
  assert_run_fails (not_fasta, (const gchar * const[]) { "not.fa", "line 1", "byte 0", "record 0",
          NULL });
  assert_run_fails (cut_fastq, (const gchar * const[]) { "short.fq", "line 9", "record 1", NULL });
  assert_run_fails (truncated, (const gchar * const[]) { "truncated.fa.gz", "gzip", "byte", NULL });
  g_rmdir (empty_dir);
  g_unlink (not_fasta);
  g_unlink (cut_fastq);
  g_unlink (truncated);
  g_free (empty_dir);
  g_free (not_fasta);
  g_free (cut_fastq);
  g_free (truncated);
}

static void
test_empty_file (void)
{
  gchar *path = write_file ("empty.fa", "", 0);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! seqsort ! seqbatch name=batch ! "
      "fakesink", path);
  RunResult run = run_seqrun (NULL, line, NULL);

  g_assert_cmpint (run.status, ==, 0);
  g_assert_cmpfloat (account_number (run.out, "src", "records in"), ==, 0);
  run_result_clear (&run);
  g_unlink (path);
  g_free (line);
  g_free (path);
}

static void
test_full_disk (void)
{
  gchar *proteins = example_proteins ();
  gchar *line = g_strdup_printf ("seqsrc location=\"%s\" ! seqenc ! filesink location=/dev/full",
      proteins);
  RunResult run = run_seqrun (NULL, "--quiet", line, NULL);

  g_assert_cmpint (run.status, ==, 1);
  g_assert_nonnull (strstr (run.err, "space"));
  run_result_clear (&run);
  g_free (line);
  g_free (proteins);
}

/* ---- Ctrl-C: the input ends, and what was read arrives ---- */

/* What is written to a FIFO: `first`, then `rest` again and again */
typedef struct
{
  gchar *path;
  const gchar *first, *rest;
} Feed;

static gpointer
feed_slowly (gpointer data)
{
  const Feed *feed = data;
  gint fd = g_open (feed->path, O_WRONLY, 0);

  for (guint i = 0; fd >= 0 && i < 2000; i++) {
    const gchar *text = i == 0 ? feed->first : feed->rest;

    if (write (fd, text, strlen (text)) != (gssize) strlen (text))
      break;
    g_usleep (5000);
  }
  if (fd >= 0)
    close (fd);
  return NULL;
}

/* Interrupts seqrun after a while. */
static RunResult
interrupt (const gchar * line, Feed * feed)
{
  RunResult run;
  GError *error = NULL;
  GSubprocess *process;
  GThread *writer;

  signal (SIGPIPE, SIG_IGN);
  g_assert_cmpint (mkfifo (feed->path, 0600), ==, 0);
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE,
      &error, g_getenv ("SEQRUN"), line, NULL);
  g_assert_no_error (error);
  writer = g_thread_new ("writer", feed_slowly, feed);
  g_usleep (1500000);
  g_subprocess_send_signal (process, SIGINT);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &run.out, &run.err, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  run.status = g_subprocess_get_exit_status (process);
  g_test_message ("status %d: %s", run.status, run.err);
  g_object_unref (process);
  g_thread_join (writer);
  g_unlink (feed->path);
  return run;
}

static void
test_interrupt (void)
{
  const gchar *fasta = ">r\nMKTAYIAKQR\n";
  Feed feed = { g_build_filename (directory, "slow.fa", NULL), fasta, fasta };
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! seqbatch name=batch ! fakesink",
      feed.path);
  RunResult run = interrupt (line, &feed);

  g_assert_cmpint (run.status, ==, 130);
  g_assert_cmpfloat (account_number (run.out, "src", "records in"), >, 100);
  g_assert_cmpfloat (account_number (run.out, "src", "records in"), ==,
      account_number (run.out, "batch", "records"));
  run_result_clear (&run);
  g_free (line);
  g_free (feed.path);
}

/* Two records in each buffer, three bytes behind where they begin, so that the input always ends
 * within one: an error, but those before it arrive. */
static void
test_interrupt_in_record (void)
{
  Feed feed = { g_build_filename (directory, "slow.fq", NULL), "\n\n\n@r\nAC",
    "GT\n+\nIIII\n@r\nAC"
  };
  gchar *path = g_build_filename (directory, "out.fq", NULL);
  gchar *line = g_strdup_printf ("filesrc location=\"%s\" blocksize=30 ! seqdec name=dec ! seqsort ! "
      "seqenc ! filesink location=\"%s\"", feed.path, path);
  RunResult run = interrupt (line, &feed);
  gchar *text;
  gsize size;

  g_assert_cmpint (run.status, ==, 1);
  g_assert_nonnull (strstr (run.err, "ends within a FASTQ record"));
  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  g_assert_cmpuint (size, >, 100 * strlen ("@r\nACGT\n+\nIIII\n"));
  g_assert_cmpuint (size % strlen ("@r\nACGT\n+\nIIII\n"), ==, 0);
  g_assert_true (g_str_has_suffix (text, "@r\nACGT\n+\nIIII\n"));
  g_assert_cmpfloat (account_number (run.out, "dec", "records in"), ==,
      size / strlen ("@r\nACGT\n+\nIIII\n"));
  run_result_clear (&run);
  g_unlink (path);
  g_free (text);
  g_free (line);
  g_free (path);
  g_free (feed.path);
}

/* While an element blocks in its change of state nobody could answer, so the signal ends it. */
static void
test_interrupt_at_start (void)
{
  gchar *fifo = g_build_filename (directory, "nobody-writes.fa", NULL);
  gchar *line = g_strdup_printf ("filesrc location=\"%s\" ! seqdec ! fakesink", fifo);
  GError *error = NULL;
  GSubprocess *process;

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, g_getenv ("SEQRUN"), line, NULL);
  g_assert_no_error (error);
  g_usleep (1000000);
  g_subprocess_send_signal (process, SIGINT);
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  g_assert_true (g_subprocess_get_if_signaled (process));
  g_assert_cmpint (g_subprocess_get_term_sig (process), ==, SIGINT);
  g_object_unref (process);
  g_unlink (fifo);
  g_free (line);
  g_free (fifo);
}

static void
test_embed (void)
{
  GError *error = NULL;
  gchar *out, *err;
  gint status;
  const gchar *argv[] = { g_getenv ("EMBED"), NULL };

  g_assert_true (g_spawn_sync (NULL, (gchar **) argv, NULL, 0, NULL, NULL, &out, &err, &status,
          &error));
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_assert_nonnull (strstr (out, "trim"));
  g_assert_nonnull (strstr (out, "records=(guint64)10240"));
  g_free (out);
  g_free (err);
}

int
main (int argc, char **argv)
{
  gint status;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  directory = g_dir_make_tmp ("seqrun-XXXXXX", NULL);
  g_test_add_data_func ("/seqrun/esm2", "esm2.launch", test_batching);
  g_test_add_data_func ("/seqrun/esm2-packed", "esm2-packed.launch", test_batching);
  g_test_add_data_func ("/seqrun/nucleotide", "nucleotide.launch", test_batching);
  g_test_add_func ("/seqrun/one-hot", test_one_hot);
  g_test_add_func ("/seqrun/sort-fasta", test_sort_fasta);
  g_test_add_func ("/seqrun/setting", test_setting);
  g_test_add_func ("/seqrun/bad-command", test_bad_command);
  g_test_add_func ("/seqrun/bad-input", test_bad_input);
  g_test_add_func ("/seqrun/empty-file", test_empty_file);
  g_test_add_func ("/seqrun/full-disk", test_full_disk);
  g_test_add_func ("/seqrun/interrupt", test_interrupt);
  g_test_add_func ("/seqrun/interrupt-in-record", test_interrupt_in_record);
  g_test_add_func ("/seqrun/interrupt-at-start", test_interrupt_at_start);
  g_test_add_func ("/seqrun/embed", test_embed);
  status = g_test_run ();
  g_rmdir (directory);
  g_free (directory);
  return status;
}
