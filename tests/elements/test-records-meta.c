/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>
#include <gst/seq/seq.h>

#include <string.h>

/* Blocks of records: the builder, the accessors, what copies keep, what validation refuses. */

static GstBuffer *
make_block (void)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (7);
  GstBuffer *block;

  g_assert_true (gst_seq_block_builder_add (builder, "first one", -1, "MKT", -1, NULL));
  g_assert_true (gst_seq_block_builder_add (builder, NULL, 0, NULL, 0, NULL));
  g_assert_true (gst_seq_block_builder_add (builder, "cut here", 3, "ACGTxxx", 4, "IIII!!!"));
  block = gst_seq_block_builder_finish (builder);
  gst_seq_block_builder_unref (builder);
  return block;
}

static void
assert_string (gchar * got, const gchar * expected)
{
  g_assert_cmpstr (got, ==, expected);
  g_free (got);
}

static void
assert_is_block (GstBuffer * block)
{
  guint64 id;

  g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, 3);
  for (guint i = 0; i < 3; i++) {
    g_assert_true (gst_seq_block_get_id (block, i, &id));
    g_assert_cmpuint (id, ==, 7 + i);
  }
  assert_string (gst_seq_block_dup_name (block, 0), "first one");
  assert_string (gst_seq_block_dup_residues (block, 0), "MKT");
  assert_string (gst_seq_block_dup_quality (block, 0), NULL);
  assert_string (gst_seq_block_dup_name (block, 1), "");
  assert_string (gst_seq_block_dup_residues (block, 1), "");
  assert_string (gst_seq_block_dup_name (block, 2), "cut");
  assert_string (gst_seq_block_dup_residues (block, 2), "ACGT");
  assert_string (gst_seq_block_dup_quality (block, 2), "IIII");
  g_assert_true (gst_seq_block_validate (block, NULL));
}

static void
test_builder (void)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (0);
  GstBuffer *block = make_block (), *empty, *second;
  guint64 id;

  assert_is_block (block);
  g_assert_cmpuint (GST_BUFFER_OFFSET (block), ==, 7);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (block), ==, 10);
  gst_buffer_unref (block);

  /* an empty block, and ids that go on over blocks; the builder may go before its blocks */
  empty = gst_seq_block_builder_finish (builder);
  g_assert_cmpuint (gst_seq_block_get_n_records (empty), ==, 0);
  g_assert_true (gst_seq_block_validate (empty, NULL));
  g_assert_cmpuint (gst_seq_block_builder_get_size (builder), ==, 0);
  gst_seq_block_builder_add (builder, "a", -1, "AC", -1, NULL);
  g_assert_cmpuint (gst_seq_block_builder_get_size (builder), ==, 3);
  gst_buffer_unref (gst_seq_block_builder_finish (builder));
  gst_seq_block_builder_add (builder, "b", -1, "G", -1, NULL);
  second = gst_seq_block_builder_finish (gst_seq_block_builder_ref (builder));
  gst_seq_block_builder_unref (builder);
  gst_seq_block_builder_add (builder, "dropped", -1, "G", -1, NULL);
  gst_seq_block_builder_unref (builder);
  g_assert_true (gst_seq_block_get_id (second, 0, &id));
  g_assert_cmpuint (id, ==, 1);
  assert_string (gst_seq_block_dup_residues (second, 0), "G");
  gst_buffer_unref (second);
  gst_buffer_unref (empty);
}

static void
test_out_of_range (void)
{
  GstBuffer *block = make_block (), *none = gst_buffer_new ();
  guint64 id = 99;

  g_assert_false (gst_seq_block_get_id (block, 3, &id));
  g_assert_cmpuint (id, ==, 0);
  g_assert_null (gst_seq_block_dup_name (block, 3));
  g_assert_null (gst_seq_block_dup_residues (block, G_MAXUINT));
  g_assert_null (gst_seq_block_dup_quality (block, 3));
  g_assert_cmpuint (gst_seq_block_get_n_records (none), ==, 0);
  g_assert_null (gst_seq_block_dup_name (none, 0));
  gst_buffer_unref (block);
  gst_buffer_unref (none);
}

/* Whole copies are blocks; parts are not, because the offsets would be wrong. */
static void
test_copies (void)
{
  GstBuffer *block = make_block (), *copy, *part, *deep, *shared;

  copy = gst_buffer_copy (block);
  assert_is_block (copy);
  deep = gst_buffer_copy_deep (block);
  part = gst_buffer_copy_region (block, GST_BUFFER_COPY_ALL, 1, 3);
  g_assert_null (gst_buffer_get_seq_records_meta (part));
  shared = gst_buffer_ref (block);
  block = gst_buffer_make_writable (block);
  g_assert_true (block != shared);
  gst_buffer_unref (shared);
  gst_buffer_unref (copy);
  assert_is_block (block);
  gst_buffer_unref (block);
  assert_is_block (deep);       /* the table outlives the buffer that it came from */
  gst_buffer_unref (deep);
  gst_buffer_unref (part);
}

static void
check_record (GstSeqRecord record, gboolean valid)
{
  GstBuffer *block = gst_buffer_new_allocate (NULL, 10, NULL);
  GBytes *table = g_bytes_new (&record, sizeof record);
  GError *error = NULL;

  gst_buffer_memset (block, 0, 'A', 10);
  gst_buffer_add_seq_records_meta (block, table);
  g_bytes_unref (table);
  g_assert_cmpint (gst_seq_block_validate (block, &error), ==, valid);
  if (!valid) {
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "record 5 "));
  }
  g_clear_error (&error);
  gst_buffer_unref (block);
}

static void
test_validate (void)
{
  static const struct
  {
    GstSeqRecord record;
    gboolean valid;
  } rows[] = {
    {{5, 0, 0, 0, 0, GST_SEQ_NO_QUALITY, 0}, TRUE},
    {{5, 0, 10, 0, 10, 0, 0}, TRUE},
    {{5, 10, 0, 10, 0, 10, 0}, TRUE},
    {{5, 0, 11, 0, 0, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 11, 0, 0, 0, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 0, 0, 1, 10, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 0, 0, 11, 0, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 0, 0, 0, 5, 6, 0}, FALSE},
    {{5, 0, 0, 0, 0, 11, 0}, FALSE},
    /* sums that would wrap around in 32 bits */
    {{5, 0xfffffff0, 0x20, 0, 0, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 0, 0, 8, 0xffffffff, GST_SEQ_NO_QUALITY, 0}, FALSE},
    {{5, 0, 0, 0, 0x10, 0xfffffff8, 0}, FALSE},
  };
  GstBuffer *none = gst_buffer_new ();
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check_record (rows[i].record, rows[i].valid);
  g_assert_false (gst_seq_block_validate (none, &error));
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
  g_clear_error (&error);
  gst_buffer_unref (none);
}

/* Only memory 0 counts: a record that reaches into the next one is outside. */
static void
test_memory_0 (void)
{
  GstBuffer *block = make_block ();
  GstSeqRecord record = { 5, 0, 0, 0, 11, GST_SEQ_NO_QUALITY, 0 };
  GstBuffer *two = gst_buffer_new_allocate (NULL, 10, NULL);
  GBytes *table = g_bytes_new (&record, sizeof record);

  for (guint i = 0; i < 15; i++)
    gst_buffer_append_memory (block, gst_allocator_alloc (NULL, 100, NULL));
  assert_is_block (block);
  gst_buffer_append_memory (two, gst_allocator_alloc (NULL, 10, NULL));
  gst_buffer_add_seq_records_meta (two, table);
  g_assert_false (gst_seq_block_validate (two, NULL));
  g_assert_null (gst_seq_block_dup_residues (two, 0));
  g_bytes_unref (table);
  gst_buffer_unref (two);
  gst_buffer_unref (block);
}

/* Strings that end too early: of a binding, which can't say how long the qualities are. */
static void
test_builder_short_strings (void)
{
  GstSeqBlockBuilder *builder = gst_seq_block_builder_new (0);
  GstBuffer *block;

  g_assert_false (gst_seq_block_builder_add (builder, "a", -1, "ACGT", -1, "III"));
  g_assert_false (gst_seq_block_builder_add (builder, "a", -1, "ACGT", -1, ""));
  g_assert_false (gst_seq_block_builder_add (builder, "a", -1, "ACGT", 5, NULL));
  g_assert_false (gst_seq_block_builder_add (builder, "a", 2, "ACGT", -1, NULL));
  g_assert_cmpuint (gst_seq_block_builder_get_size (builder), ==, 0);
  g_assert_true (gst_seq_block_builder_add (builder, "a", -1, "ACGT", -1, "IIII"));
  block = gst_seq_block_builder_finish (builder);
  g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, 1);
  gst_buffer_unref (block);
  gst_seq_block_builder_unref (builder);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/records-meta/builder", test_builder);
  g_test_add_func ("/records-meta/builder-short-strings", test_builder_short_strings);
  g_test_add_func ("/records-meta/out-of-range", test_out_of_range);
  g_test_add_func ("/records-meta/copies", test_copies);
  g_test_add_func ("/records-meta/validate", test_validate);
  g_test_add_func ("/records-meta/memory-0", test_memory_0);
  return g_test_run ();
}
