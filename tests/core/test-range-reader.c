/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "range-files.h"

static void
compare (const gchar * text, gsize size, const SeqFastxConfig * config, gsize range_size,
    guint n_threads)
{
  SeqFastxConfig fitted = fit_blocks (config, range_size);
  const SeqFastxPosition start = { .line = 1, .record = 5 };
  GString *expected = g_string_new (NULL), *found = g_string_new (NULL);
  gchar *expected_message, *message = NULL;
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqRangeStatus status;
  SeqBlock *block;
  File file;

  parse_in_order (expected, text, size, config, &start, &expected_message);
  file_init (&file, text, size);
  reader = open_file (file.fd, &fitted, 5, range_size, n_threads);
  g_assert_nonnull (reader);
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK)
    append_block (found, block);
  if (status == SEQ_RANGE_GO_ON)
    parse_in_order (found, text, size, config, &position, &message);
  g_assert_cmpstr (found->str, ==, expected->str);
  g_assert_cmpstr (message, ==, expected_message);
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (expected, TRUE);
  g_string_free (found, TRUE);
  g_free (expected_message);
  g_free (message);
}

/* Every range border falls on every byte of it */
static void
compare_all (const gchar * text, const SeqFastxConfig * config)
{
  gsize size = strlen (text);

  for (gsize range = 1; 2 * range < size; range++)
    compare (text, size, config, range, 1 + range % 3);
}

static void
test_borders (void)
{
  static const gchar *const texts[] = {
    ">a\nMKV\nLL\n>b\nAA\n>c\n\n>d desc > x\nMM\n",
    ">a\r\nMKV\r\nLL\r\n>b\r\nAA\r\n>c\r\n\r\n>\r\n>d\r\nMM",
    ">>a\nM>K\n\n\n>b>\n>\n>\n\n>c\nA A\tA\n",
    ">only one record of a few lines\nMKVMKVMKVMKV\nMKVMKVMKV\nMKVMKV\nM\n",
    ">a\nMK\n>b",
    ">a\nMK\n>",
    ">a\n\n\n\n\n\n\n\n\n\n",
  };
  SeqFastxConfig config = make_config ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    compare_all (texts[i], &config);
}

/* A guess may be wrong at any border; what comes out may not. */
static void
test_fastq (void)
{
  static const gchar *const texts[] = {
    "@a\nACGT\n+\nIIII\n@b\nAC\n+\n@@\n@c\n\n+\n\n@d x\nACG\n+d x\n@+I\n",
    /* qualities that look like records */
    "@a\nACGT\n+\n@III\n@b\nACGT\n+\n+III\n@c\nA\n+\n@\n@d\nA\n+\n+\n@e\nA\n+\n@\n",
    "@a\r\nACGT\r\n+\r\nIIII\r\n@b\r\nAC\r\n+\r\n@@\r\n@c\r\nACG\r\n+\r\nIII",
    /* several lines */
    "@a\nAC\nGT\n+\nII\nII\n@b\nA\nC\n+\n@\n@\n@c\nAC\nG\n+\n+I\nI\n@d\nA\n+\nI\n",
    "@a\nACGT\n+\nIIII\n\n\n@b\nAC\n+\n@@\n\n@c\nAC\n+\nII\n\n\n\n",
    /* errors */
    "@a\nACGT\n+\nIIII\n@b\nAC\n+\nIII\n@c\nAC\n+\nII\n",
    "@a\nACGT\n+\nIIII\n@b\nAC\n+\nI\n@c\nAC\n+\nII\n",
    "@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n@c\nAC\n",
    "@a\nACGT\n+\nIIII\n>b\nAC\n@c\nAC\n+\nII\n",
  };
  SeqFastxConfig config = make_config ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    compare_all (texts[i], &config);
}

static void
test_errors (void)
{
  static const gchar *const texts[] = {
    ">a\nMKV\n>b\nM\001K\n>c\nAA\n",
    ">a\nMKV\n>b\nMK\n@c\nAA\n>d\nMM\n",
    ">a\nMKV\n>b\rMK\n>c\nAA\n",
    ">a\nMKV\n>b\nMK\r>c\nAA\n",
    ">a\nMKV\n#b\nMK\n>c\nAA\n",
    ">a\nMKVMKV\n+\nIIIIII\n>b\nMK\n",
  };
  SeqFastxConfig config = make_config ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    compare_all (texts[i], &config);
  config.max_record_bytes = 8;
  compare_all (">a\nMKV\n>b\nMKV\n>c\nMKVMKVMKVMKV\n>d\nMK\n", &config);
}

static void
test_filters (void)
{
  SeqFastxConfig config = make_config ();

  config.min_length = 3;
  config.max_length = 5;
  compare_all (">a\nMKV\n>b\nMK\n>c\nMKVMKV\n>d\nM\n>e\nMKVMK\n>f\n\n>g\nMKV\n", &config);
}

/* Reads whose qualities hold every byte that may mislead */
static GString *
make_reads (guint n, guint length)
{
  GRand *rand = g_rand_new_with_seed (n);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++) {
    guint l = g_rand_int_range (rand, 0, 2 * length);

    g_string_append_printf (text, "@read %u\n", i);
    for (guint k = 0; k < l; k++)
      g_string_append_c (text, "ACGT"[g_rand_int_range (rand, 0, 4)]);
    g_string_append (text, "\n+\n");
    for (guint k = 0; k < l; k++)
      g_string_append_c (text, "@+I>"[g_rand_int_range (rand, 0, 4)]);
    g_string_append_c (text, '\n');
  }
  g_rand_free (rand);
  return text;
}

/* The number of records that come without going on in order */
static guint
count_in_ranges (const GString * text, const SeqFastxConfig * config, gsize range_size)
{
  SeqFastxConfig fitted;
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqRangeStatus status;
  SeqBlock *block;
  guint n = 0;
  File file;

  file_init (&file, text->str, text->len);
  fitted = fit_blocks (config, range_size);
  reader = open_file (file.fd, &fitted, 0, range_size, 2);
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK) {
    n += block->n_records;
    seq_block_unref (block);
  }
  g_assert_cmpint (status, ==, SEQ_RANGE_END);
  seq_range_reader_free (reader);
  file_clear (&file);
  return n;
}

/* Short reads and long ones, of up to 160 kb a record */
static void
test_large_fastq (void)
{
  const gsize ranges[] = { 10000, 65536, 262144, 300001 };
  SeqFastxConfig config = make_config ();
  GString *reads = make_reads (12000, 150), *long_reads = make_reads (100, 40000);

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++) {
    compare (reads->str, reads->len, &config, ranges[i], 3);
    compare (long_reads->str, long_reads->len, &config, ranges[i], 3);
  }
  g_assert_cmpuint (count_in_ranges (reads, &config, 100000), ==, 12000);
  g_assert_cmpuint (count_in_ranges (long_reads, &config, 1000000), ==, 100);
  g_string_free (reads, TRUE);
  g_string_free (long_reads, TRUE);
}

/* Records over several ranges and pieces, on several threads */
static void
test_large (void)
{
  const gsize ranges[] = { 1000, 65536, 100000, 262144, 262145, 1000000 };
  SeqFastxConfig config = make_config ();
  GString *text = make_text (600, 1);

  config.block_size = 100000;
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++) {
    compare (text->str, text->len, &config, ranges[i], 1);
    compare (text->str, text->len, &config, ranges[i], 4);
  }
  /* an error late in it */
  g_string_insert_c (text, text->len * 3 / 4, '\002');
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    compare (text->str, text->len, &config, ranges[i], 3);
  g_string_free (text, TRUE);
}

/* A record over many ranges, which is read ahead, among others; then with an error late in it */
static void
test_long_record (void)
{
  const gsize ranges[] = { 1000, 65536, 100000, 300000 };
  SeqFastxConfig config = make_config ();
  GString *text = make_text (50, 4), *rest = make_text (50, 5);

  config.max_record_bytes = 4 << 20;
  g_string_append (text, ">long\n");
  for (guint line = 0; line < 30000; line++) {
    for (guint i = 0; i < 70; i++)
      g_string_append_c (text, "ACGT"[(line * 7 + i * i) % 4]);
    g_string_append_c (text, '\n');
  }
  g_string_append_len (text, rest->str, rest->len);
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    compare (text->str, text->len, &config, ranges[i], 1 + i);
  text->str[text->len - rest->len - 100000] = '\002';
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    compare (text->str, text->len, &config, ranges[i], 1 + i);
  g_string_free (text, TRUE);
  g_string_free (rest, TRUE);
}

/* A line such as long records have now and then, and which ends what is read ahead of one */
static void
append_odd_line (GString * text, GRand * rand)
{
  static const gchar *const lines[] = { "\n", "*\n", "AC GT\n", "A\n", "acgt\r\n", "-ACGT\n",
    "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN\n"
  };

  g_string_append (text, lines[g_rand_int_range (rand, 0, G_N_ELEMENTS (lines))]);
}

static void
append_genome (GString * text, GRand * rand, guint number)
{
  static const guint widths[] = { 1, 60, 64, 70, 130, 1000, 1000000 };
  const guint width = widths[g_rand_int_range (rand, 0, G_N_ELEMENTS (widths))];
  const guint size = g_rand_int_range (rand, 0, 900000), odd = g_rand_int_range (rand, 0, 1800000);
  const gchar *ending = g_rand_boolean (rand) ? "\n" : "\r\n";

  g_string_append_printf (text, ">genome %u\n", number);
  for (guint i = 0; i < size; i++) {
    g_string_append_c (text, "ACGT"[(i * number + i * i) % 4]);
    if (i % width == width - 1)
      g_string_append (text, ending);
    if (i == odd && text->str[text->len - 1] == '\n')
      append_odd_line (text, rand);
  }
  g_string_append_c (text, '\n');
}

/* Records of up to some ranges, of lines of all lengths: where one goes on behind its range, and
 * what is read ahead of it, is found while the next are parsed. */
static void
test_genomes (void)
{
  const gsize ranges[] = { 10000, 70000, 150000 };
  SeqFastxConfig config = make_config ();
  GRand *rand = g_rand_new_with_seed (7);

  for (guint seed = 0; seed < 20; seed++) {
    GString *text = g_string_new (NULL);

    for (guint number = 1; number <= 6; number++)
      append_genome (text, rand, number);
    for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
      compare (text->str, text->len, &config, ranges[i], 1 + seed % 4);
    g_string_free (text, TRUE);
  }
  g_rand_free (rand);
}

/* What has no line end for long is no inside of a line where a line begins there. */
static void
test_line_start_without_end (void)
{
  SeqFastxConfig config = make_config ();

  for (guint kind = 0; kind < 4; kind++)
    for (guint pieces = 3; pieces < 12; pieces++) {
      GString *text = g_string_new (">a\nACGTACGTACG\n\n");

      while (text->len < pieces * SEQ_FASTX_PIECE)
        g_string_append (text, "ACGTACGTACGTAC\n\n");
      g_string_append_c (text, ">@;A"[kind]);
      for (guint i = 0; i < 70000; i++)
        g_string_append_c (text, 'G');
      g_string_append (text, "\nACGT\n");
      compare (text->str, text->len, &config, 70000, 4);
      g_string_free (text, TRUE);
    }
}

/* All threads are made here. */
static gint n_threads_made;

GThread *
g_thread_try_new (const gchar * name, GThreadFunc func, gpointer data, GError ** error)
{
  GThread *(*make) (const gchar *, GThreadFunc, gpointer, GError **);

  *(gpointer *) (&make) = dlsym (RTLD_NEXT, "g_thread_try_new");
  g_atomic_int_inc (&n_threads_made);
  return make (name, func, data, error);
}

/* A long record gets its threads also where nobody has looked at the ranges behind it, because who
 * takes the blocks takes his time. */
static void
test_slow_consumer (void)
{
  const gsize range = 20000;
  SeqFastxConfig config = make_config ();
  GString *text = g_string_new (NULL);
  SeqRangeReader *reader;
  SeqFastxPosition position;
  SeqBlock *block;
  File file;

  while (text->len < range + range / 2)
    g_string_append (text, ">short\nACGT\n");
  g_string_append (text, ">long\n");
  for (guint i = 0; i < 4000000; i++)
    g_string_append (text, i % 70 == 69 ? "A\n" : "A");
  config.max_record_bytes = 8 << 20;
  config.block_size = range;
  file_init (&file, text->str, text->len);
  reader = open_file (file.fd, &config, 0, range, 1);
  n_threads_made = 0;
  g_assert_cmpint (next_status (reader, &block, &position), ==, SEQ_RANGE_BLOCK);
  seq_block_unref (block);
  for (guint i = 0; i < 3000 && g_atomic_int_get (&n_threads_made) == 0; i++)
    g_usleep (1000);
  g_assert_cmpint (n_threads_made, ==, 1);
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (text, TRUE);
}

/* Who looks into a range reads the byte before it first. */
static guint64 farthest;
static guint n_looked_into;
static GMutex farthest_lock;

ssize_t
pread (int fd, void *bytes, size_t n, off_t at)
{
  ssize_t (*read_at) (int, void *, size_t, off_t);

  *(gpointer *) (&read_at) = dlsym (RTLD_NEXT, "pread64");    /* where off_t has 64 bits */
  g_mutex_lock (&farthest_lock);
  if (n == 1 && at > 0) {
    farthest = MAX (farthest, (guint64) at + 1);
    n_looked_into++;
  }
  g_mutex_unlock (&farthest_lock);
  return read_at (fd, bytes, n, at);
}

static guint64
get_farthest (void)
{
  guint64 at;

  g_mutex_lock (&farthest_lock);
  at = farthest;
  g_mutex_unlock (&farthest_lock);
  return at;
}

#define WINDOW_RANGE 20000

/* How many ranges have been looked into when nobody takes more than a block, of records of `length`
 * bytes: `expected`, and in the end no more */
static guint
count_looked_into (gsize length, guint n_threads, guint expected)
{
  SeqFastxConfig config = make_config ();
  GString *text = g_string_new (NULL);
  SeqRangeReader *reader;
  SeqFastxPosition position;
  SeqBlock *block;
  File file;
  guint n;

  while (text->len < 100 * WINDOW_RANGE) {
    g_string_append (text, ">record\n");
    for (gsize i = 8; i < length; i++)
      g_string_append_c (text, i % 61 == 60 || i == length - 1 ? '\n' : 'A');
  }
  config.block_size = WINDOW_RANGE;
  file_init (&file, text->str, text->len);
  farthest = 0;
  reader = open_file (file.fd, &config, 0, WINDOW_RANGE, n_threads);
  g_assert_cmpint (next_status (reader, &block, &position), ==, SEQ_RANGE_BLOCK);
  seq_block_unref (block);
  for (guint i = 0; i < 5000 && get_farthest () < (expected - 1) * WINDOW_RANGE; i++)
    g_usleep (1000);
  g_usleep (100000);            /* long enough for a range more */
  n = get_farthest () / WINDOW_RANGE + 1;
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (text, TRUE);
  return n;
}

/* As many ranges are on their way as may hold records, and those in which none begins do not count:
 * else records that are longer than ranges would be parsed by fewer threads than there are. */
static void
test_window (void)
{
  for (guint n_threads = 1; n_threads <= 4; n_threads += 3) {
    const guint n_full = 2 * (n_threads + 1);

    g_assert_cmpuint (count_looked_into (WINDOW_RANGE / 10, n_threads, n_full), ==, n_full);
    g_assert_cmpuint (count_looked_into (WINDOW_RANGE * 19 / 10, n_threads, n_full + 2), >=,
        n_full + 2);
    g_assert_cmpuint (count_looked_into (WINDOW_RANGE * 29 / 10, n_threads, 2 * n_full), <,
        3 * n_full);
  }
}

/* Where no sample shows a record begin, fewer ranges are looked through: they are larger, but not so
 * few that threads have none. */
static void
test_long_ranges (void)
{
  static const guint sizes[] = { 4, 7, 12, 40 };        /* in ranges of the usual size */
  SeqFastxConfig config = make_config ();

  config.block_size = 4 << 20;
  config.max_record_bytes = 64 << 20;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    SeqRangeReader *reader = seq_range_reader_new (&config, SEQ_RANGE_SIZE, 1);
    GString *text = g_string_new (">first\n");

    while (text->len < sizes[i] * SEQ_RANGE_SIZE) {
      for (guint k = 0; k < 12000; k++)
        g_string_append_printf (text, "ACGTACGTACGTACGTACGTACGTACGTAC%c\n", 'A' + k % 26);
      g_string_append (text, ">next\n");
    }
    n_looked_into = 0;
    g_assert_cmpint (compare_file (reader, text->str, &config, 0), ==, SEQ_RANGE_END);
    g_assert_cmpuint (n_looked_into, <=, MAX (sizes[i] / 4 + 1, 7));
    g_assert_cmpuint (n_looked_into, >=, MIN (sizes[i], 4) - 1);
    seq_range_reader_free (reader);
    g_string_free (text, TRUE);
  }
}

static void
assert_no_reader (const gchar * text, const SeqFastxConfig * config, gsize range)
{
  File file;

  g_assert_null (open_text (&file, text, config, range));
  file_clear (&file);
}

static void
test_not_for_ranges (void)
{
  SeqFastxConfig config = make_config ();
  int ends[2];
  File file;

  assert_no_reader ("", &config, 1);
  assert_no_reader (">a\nMK\n", &config, 100);
  assert_no_reader ("MKV\n", &config, 1);
  assert_no_reader ("\n>a\nAC\n", &config, 1);
  assert_no_reader ("\037\213\010", &config, 1);
  config.format = SEQ_FORMAT_FASTQ;
  assert_no_reader (">a\nMK\n", &config, 1);
  config = make_config ();
  config.skip = 1;
  assert_no_reader (">a\nMK\n", &config, 1);
  config = make_config ();
  config.limit = 1;
  assert_no_reader (">a\nMK\n", &config, 1);
  config = make_config ();
  config.block_size = 4;
  file_init (&file, ">a\nMKV\nMKV\nMKV\n>b\n", 18);
  g_assert_null (open_file (file.fd, &config, 0, 10, 2));
  file_clear (&file);
  config = make_config ();
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_null (open_file (ends[0], &config, 0, 1, 2));
  close (ends[0]);
  close (ends[1]);
}

/* One reader for file after file: of both formats, left before the end, with an error, refused */
static void
test_next_file (void)
{
  SeqFastxConfig config = make_config (), fitted = fit_blocks (&config, 700);
  g_autoptr (GString) text = make_text (200, 4);
  g_autoptr (GString) fastq = g_string_new (NULL), bad = g_string_new (text->str);
  SeqRangeReader *reader = seq_range_reader_new (&fitted, 700, 2);
  SeqFastxPosition position;
  SeqBlock *block;
  File file;

  for (guint i = 0; i < 300; i++)
    g_string_append_printf (fastq, "@r%u\nACGTACGT\n+\n@IIIIII%c\n", i, 'A' + i % 26);
  bad->str[bad->len / 2] = '\002';
  for (guint i = 0; i < 20; i++) {
    compare_file (reader, text->str, &config, 7 + i);
    compare_file (reader, fastq->str, &config, 0);
    compare_file (reader, bad->str, &config, 1);

    file_init (&file, text->str, text->len);
    g_assert_true (seq_range_reader_open (reader, file.fd, 0));
    for (guint k = 0; k < i && next_status (reader, &block, &position) == SEQ_RANGE_BLOCK; k++)
      seq_block_unref (block);
    seq_range_reader_close (reader);
    file_clear (&file);

    file_init (&file, "MKV\n", 4);
    g_assert_false (seq_range_reader_open (reader, file.fd, 0));
    file_clear (&file);
  }
  seq_range_reader_close (reader);
  seq_range_reader_free (reader);
}

/* What the file has grown by is read, what it has lost is not missed, and stopping early is fine. */
static void
test_file_changes (void)
{
  SeqFastxConfig config = make_config ();
  GString *text = make_text (100, 2), *found = g_string_new (NULL);
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqBlock *block;
  File file;

  reader = open_text (&file, text->str, &config, text->len / 3);
  g_assert_cmpint (write (file.fd, ">x\nMKV\n>y\n", 10), ==, 10);
  while (next_status (reader, &block, &position) == SEQ_RANGE_BLOCK)
    append_block (found, block);
  g_assert_true (g_str_has_suffix (found->str, " 100:x|MKV 101:y| "));
  seq_range_reader_free (reader);
  file_clear (&file);

  reader = open_text (&file, text->str, &config, text->len / 10);
  g_assert_cmpint (ftruncate (file.fd, 0), ==, 0);
  g_assert_cmpint (next_status (reader, &block, &position), ==, SEQ_RANGE_GO_ON);
  g_assert_cmpuint (position.byte, ==, 0);
  seq_range_reader_free (reader);
  file_clear (&file);

  reader = open_text (&file, text->str, &config, text->len / 30);
  g_assert_cmpint (next_status (reader, &block, &position), ==, SEQ_RANGE_BLOCK);
  seq_range_reader_free (reader);
  seq_block_unref (block);
  file_clear (&file);
  g_string_free (text, TRUE);
  g_string_free (found, TRUE);
}

static void
test_progress (void)
{
  SeqFastxConfig config = make_config ();
  GString *text = make_text (300, 3);
  guint64 bytes, next_id, filtered, before = 0;
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqBlock *block;
  File file;

  config.min_length = 700;
  reader = open_text (&file, text->str, &config, text->len / 20);
  while (next_status (reader, &block, &position) == SEQ_RANGE_BLOCK) {
    seq_range_reader_get_progress (reader, &bytes, &next_id, &filtered);
    g_assert_cmpuint (bytes, >=, before);
    g_assert_cmpuint (bytes, <, text->len);
    g_assert_cmpuint (block->records[0].id, >=, next_id);
    before = bytes;
    seq_block_unref (block);
  }
  seq_range_reader_get_progress (reader, &bytes, &next_id, &filtered);
  g_assert_cmpuint (bytes, ==, text->len);
  g_assert_cmpuint (next_id, ==, 300);
  g_assert_cmpuint (filtered, >, 50);
  g_assert_cmpuint (filtered, <, 250);
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/range-reader/borders", test_borders);
  g_test_add_func ("/range-reader/fastq", test_fastq);
  g_test_add_func ("/range-reader/large-fastq", test_large_fastq);
  g_test_add_func ("/range-reader/errors", test_errors);
  g_test_add_func ("/range-reader/filters", test_filters);
  g_test_add_func ("/range-reader/large", test_large);
  g_test_add_func ("/range-reader/long-record", test_long_record);
  g_test_add_func ("/range-reader/genomes", test_genomes);
  g_test_add_func ("/range-reader/line-start-without-end", test_line_start_without_end);
  g_test_add_func ("/range-reader/slow-consumer", test_slow_consumer);
  g_test_add_func ("/range-reader/window", test_window);
  g_test_add_func ("/range-reader/long-ranges", test_long_ranges);
  g_test_add_func ("/range-reader/not-for-ranges", test_not_for_ranges);
  g_test_add_func ("/range-reader/next-file", test_next_file);
  g_test_add_func ("/range-reader/file-changes", test_file_changes);
  g_test_add_func ("/range-reader/progress", test_progress);
  return g_test_run ();
}
