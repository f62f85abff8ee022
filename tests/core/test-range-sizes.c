/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How large ranges are, and what their blocks take. */

#include "range-files.h"

/* What a block of a range takes is about what is in it, whatever blocks may be: a sort counts it. */
static void
test_block_capacity (void)
{
  SeqFastxConfig config = make_config ();
  g_autoptr (GString) text = make_text (6000, 5);
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqRangeStatus status;
  SeqBlock *block;
  guint n = 0;
  File file;

  config.block_size = 64 << 20;
  g_assert_cmpuint (text->len, >, 2 * SEQ_RANGE_SIZE);
  file_init (&file, text->str, text->len);
  reader = open_file (file.fd, &config, 0, SEQ_RANGE_SIZE, 1);
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK) {
    g_assert_cmpuint (block->capacity, <=, 1 << 20);
    n += block->n_records;
    seq_block_unref (block);
  }
  g_assert_cmpint (status, ==, SEQ_RANGE_END);
  g_assert_cmpuint (n, ==, 6000);
  seq_range_reader_free (reader);
  file_clear (&file);
}

#define RESIDUES_50 "ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTAC"
#define RESIDUES_150 RESIDUES_50 RESIDUES_50 RESIDUES_50

static const gchar *const short_records[] = {
  "@SRR1234567.1000000 length=150\n" RESIDUES_150 "\n+\n" RESIDUES_150 "\n",
  "@SRR1234567.1000000/1\n" RESIDUES_50 "\n+\n" RESIDUES_50 "\n",
  ">P00001 peptide\n" RESIDUES_50 "\n",
  ">a\nAC\n",
};

/* Blocks of short records hold their tables, for which nothing else is touched. */
static void
test_tables_fit (gconstpointer data)
{
  SeqFastxConfig config = make_config ();
  const gchar *record = data;
  GString *text = g_string_new (NULL);
  SeqFastxPosition position;
  SeqRangeReader *reader;
  SeqRangeStatus status;
  SeqBlock *block;
  guint64 n = 0, n_records = 0;
  File file;

  config.block_size = 4 << 20;
  for (; text->len < 5 * SEQ_RANGE_SIZE; n++)
    g_string_append (text, record);
  file_init (&file, text->str, text->len);
  reader = open_file (file.fd, &config, 0, SEQ_RANGE_SIZE, 1);
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK) {
    g_assert_cmpuint (block->capacity, <=, 1 << 20);
    g_assert_true ((guint8 *) block->records > block->data
        && (guint8 *) block->records < block->data + (1 << 20));
    n_records += block->n_records;
    seq_block_unref (block);
  }
  g_assert_cmpint (status, ==, SEQ_RANGE_END);
  g_assert_cmpuint (n_records, ==, n);
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (text, TRUE);
}

static void
append_tiny_records (GString * text, guint n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, ">%u\nAC\n", i % 10000);
}

/* One reader for files of short records, whose ranges are smaller; of one that is long between such,
 * where no sample shows it; and of the shortest there are. */
static void
test_short_records (void)
{
  SeqFastxConfig config = make_config ();
  g_autoptr (GString) tiny = g_string_new (NULL), mixed = g_string_new (NULL);
  g_autoptr (GString) large = make_text (6000, 6), empty = g_string_new (NULL);
  SeqRangeReader *reader;

  config.block_size = 4 << 20;
  config.max_record_bytes = 64 << 20;
  append_tiny_records (tiny, 460000);
  append_tiny_records (mixed, 400000);
  g_string_append (mixed, ">long\n");
  for (guint i = 0; i < 50000; i++)
    g_string_append_printf (mixed, RESIDUES_50 "%c%c\n", 'A' + i % 26, 'A' + i / 26 % 26);
  append_tiny_records (mixed, 750000);
  while (empty->len <= 2 * SEQ_RANGE_SIZE)
    g_string_append (empty, ">\n");
  reader = seq_range_reader_new (&config, SEQ_RANGE_SIZE, 2);
  g_assert_cmpint (compare_file (reader, tiny->str, &config, 3), ==, SEQ_RANGE_END);
  g_assert_cmpint (compare_file (reader, large->str, &config, 0), ==, SEQ_RANGE_END);
  g_assert_cmpint (compare_file (reader, mixed->str, &config, 1), ==, SEQ_RANGE_END);
  g_assert_cmpint (compare_file (reader, empty->str, &config, 0), ==, SEQ_RANGE_END);
  seq_range_reader_free (reader);
}

/* Of records of two bytes each range holds so many that their tables would be 16 times the file. */
static void
test_tiny_records (void)
{
  SeqFastxConfig config = make_config ();
  /* six ranges of records that are not, and one of those that are, which no sample shows */
  const gchar *record = ">record\n" RESIDUES_50 "\n";
  const gsize range = 600000, n_large = 6 * range, n_tiny = 350000;
  GString *text = g_string_new (NULL);
  SeqFastxPosition position = { 0 };
  SeqRangeReader *reader;
  SeqRangeStatus status;
  SeqBlock *block;
  guint64 n = 0;
  File file;

  while (text->len < n_large)
    g_string_append (text, record);
  for (gsize i = 0; i < n_tiny; i++)
    g_string_append (text, ">\n");
  reader = open_text (&file, text->str, &config, range);
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK) {
    n += block->n_records;
    seq_block_unref (block);
  }
  g_assert_cmpint (status, ==, SEQ_RANGE_GO_ON);
  g_assert_cmpuint (position.record, ==, n);
  g_assert_cmpuint (position.byte, >=, n_large);
  g_assert_cmpuint (position.byte, ==, n * strlen (record));
  g_assert_cmpuint (position.line, ==, 1 + 2 * n);
  seq_range_reader_free (reader);
  file_clear (&file);
  g_string_free (text, TRUE);
}

static void
append_contigs (GString * text, guint n, gsize length)
{
  for (guint i = 0; i < n; i++) {
    g_string_append_printf (text, ">contig %u\n", i);
    for (gsize k = 0; k < length; k += 50)
      g_string_append (text, RESIDUES_50 "\n");
  }
}

/* Ranges of a file of contigs, in which no sample shows that one begins, hold several blocks, and of
 * some lengths many that are half empty. */
static void
test_contigs (void)
{
  static const gsize lengths[] = { 100000, 480000, 550000, 640000 };
  SeqFastxConfig config = make_config ();

  config.max_record_bytes = 64 << 20;
  for (guint i = 0; i < 2 * G_N_ELEMENTS (lengths); i++) {
    const gsize length = lengths[i / 2];
    GString *text = g_string_new (NULL);
    SeqRangeReader *reader;

    config.block_size = i % 2 == 0 ? 4 << 20 : SEQ_RANGE_SIZE / 2;
    reader = seq_range_reader_new (&config, SEQ_RANGE_SIZE, 1);
    append_contigs (text, 16000000 / length, length);
    g_assert_cmpint (compare_file (reader, text->str, &config, 0), ==, SEQ_RANGE_END);
    seq_range_reader_free (reader);
    g_string_free (text, TRUE);
  }
}

/* What is short among contigs, where no sample lies, comes as a surprise: too much of it for a range. */
static void
test_surprises (void)
{
  SeqFastxConfig config = make_config ();
  SeqRangeReader *reader;

  config.block_size = 4 << 20;
  config.max_record_bytes = 64 << 20;
  reader = seq_range_reader_new (&config, SEQ_RANGE_SIZE, 2);
  for (guint n = 100000; n <= 450000; n += 350000) {
    GString *text = g_string_new (NULL);

    append_contigs (text, 200, 50000);
    append_tiny_records (text, n);
    append_contigs (text, 100, 50000);
    g_assert_cmpint (compare_file (reader, text->str, &config, n), ==,
        n == 100000 ? SEQ_RANGE_END : SEQ_RANGE_GO_ON);
    g_string_free (text, TRUE);
  }
  seq_range_reader_free (reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/range-sizes/block-capacity", test_block_capacity);
  for (guint i = 0; i < G_N_ELEMENTS (short_records); i++) {
    g_autofree gchar *path = g_strdup_printf ("/range-sizes/tables-fit/%u", i);

    g_test_add_data_func (path, short_records[i], test_tables_fit);
  }
  g_test_add_func ("/range-sizes/short-records", test_short_records);
  g_test_add_func ("/range-sizes/tiny-records", test_tiny_records);
  g_test_add_func ("/range-sizes/contigs", test_contigs);
  g_test_add_func ("/range-sizes/surprises", test_surprises);
  return g_test_run ();
}
