/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-write.h"

#include "memory-limit.h"

#include <string.h>

/* what memory is filled with first, so that a byte that is not written shows */
#define UNWRITTEN 0xa5

static const SeqDtype dtypes[] = {
  SEQ_DTYPE_UINT8, SEQ_DTYPE_INT16, SEQ_DTYPE_INT32, SEQ_DTYPE_INT64
};

/* ---- records ---- */

typedef struct
{
  GByteArray *bytes;
  GArray *records;
  SeqBatchSource source;
} Block;

static Block *
block_new (const gchar * const *sequences)
{
  Block *block = g_new0 (Block, 1);

  block->bytes = g_byte_array_new ();
  block->records = g_array_new (FALSE, FALSE, sizeof (GstSeqRecord));
  for (guint i = 0; sequences[i]; i++) {
    GstSeqRecord r = {.id = i,.seq = block->bytes->len,.seq_len = strlen (sequences[i]),
      .qual = GST_SEQ_NO_QUALITY
    };

    g_byte_array_append (block->bytes, (const guint8 *) sequences[i], r.seq_len);
    g_array_append_val (block->records, r);
  }
  block->source.data = block->bytes->data ? block->bytes->data : (const guint8 *) "";
  block->source.records = (const GstSeqRecord *) block->records->data;
  return block;
}

static void
block_free (Block * block)
{
  g_byte_array_unref (block->bytes);
  g_array_unref (block->records);
  g_free (block);
}

static SeqBatchRow
row_of (Block * block, guint32 record)
{
  return (SeqBatchRow) {.block = &block->source,.record = record };
}

/* ---- tensors, with a guard behind each ---- */

static gpointer
tensor_new (gsize n, gsize size)
{
  guint8 *data = g_malloc (n * size + 16);

  memset (data, UNWRITTEN, n * size + 16);
  return data;
}

static void
check_guard (gconstpointer data, gsize n, gsize size)
{
  for (guint i = 0; i < 16; i++)
    g_assert_cmpint (((const guint8 *) data)[n * size + i], ==, UNWRITTEN);
}

static gint64
value_at (SeqDtype dtype, gconstpointer data, gsize i)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      return ((const guint8 *) data)[i];
    case SEQ_DTYPE_INT16:
      return ((const gint16 *) data)[i];
    case SEQ_DTYPE_INT32:
      return ((const gint32 *) data)[i];
    case SEQ_DTYPE_INT64:
      return ((const gint64 *) data)[i];
  }
  g_assert_not_reached ();
}

static void
assert_ids (SeqDtype dtype, gconstpointer data, const gint64 * expected, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (value_at (dtype, data, i), ==, expected[i]);
  check_guard (data, n, seq_dtype_size (dtype));
}

static SeqTokenizer *
tokenizer (const gchar * name, SeqUnknown unknown)
{
  GError *error = NULL;
  SeqTokenizer *t = seq_tokenizer_new (name, unknown, &error);

  g_assert_no_error (error);
  return t;
}

/* ---- tests ---- */

static const gchar *const sequences[] = { "MKT", "", "A", "MKTAYIAKQR", NULL };

/* Rows of 0, 1 and 3 residues, and a row more than there are records. */
static void
test_padded (void)
{
  static const gint64 ids[4][6] = {
    {0, 20, 15, 11, 2, 1}, {0, 2, 1, 1, 1, 1}, {0, 5, 2, 1, 1, 1}, {1, 1, 1, 1, 1, 1}
  };
  static const guint8 mask[4][6] = {
    {1, 1, 1, 1, 1, 0}, {1, 1, 0, 0, 0, 0}, {1, 1, 1, 0, 0, 0}, {0, 0, 0, 0, 0, 0}
  };
  g_autoptr (SeqTokenizer) esm2 = tokenizer ("esm2", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (sequences);

  for (gsize i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    for (guint with_mask = 0; with_mask < 2; with_mask++) {
      SeqBatchRow rows[] = { row_of (block, 0), row_of (block, 1), row_of (block, 2) };
      g_autofree gpointer data = tensor_new (24, seq_dtype_size (dtypes[i]));
      g_autofree gpointer out_mask = tensor_new (24, 1);
      SeqBatchTarget target = {.tokenizer = esm2,.dtype = dtypes[i],.max_body = 100,.n_rows = 4,
        .row_length = 6,.input_ids = data,.attention_mask = with_mask ? out_mask : NULL
      };
      SeqBatchResult result;

      seq_batch_write (&target, rows, 3, &result);
      assert_ids (dtypes[i], data, ids[0], 24);
      if (with_mask) {
        g_assert_cmpmem (out_mask, 24, mask, 24);
        check_guard (out_mask, 24, 1);
      }
      g_assert_cmpuint (result.unknown, ==, 0);
      g_assert_cmpint (result.unknown_row, ==, -1);
    }
  }
  block_free (block);
}

/* Padding in front of the tokens, which are where they are by what the rows say. */
static void
test_padded_left (void)
{
  static const gchar *const reads[] = { "ACG", "", "N", NULL };
  static const gint64 ids[4][5] = {
    {4, 7, 8, 9, 1}, {4, 4, 4, 4, 1}, {4, 4, 4, 11, 1}, {4, 4, 4, 4, 4}
  };
  static const guint8 mask[4][5] = {
    {0, 1, 1, 1, 1}, {0, 0, 0, 0, 1}, {0, 0, 0, 1, 1}, {0, 0, 0, 0, 0}
  };
  g_autoptr (SeqTokenizer) hyena = tokenizer ("hyenadna", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (reads);

  for (gsize i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    SeqBatchRow rows[] = { row_of (block, 0), row_of (block, 1), row_of (block, 2) };
    g_autofree gpointer data = tensor_new (20, seq_dtype_size (dtypes[i]));
    g_autofree gpointer out_mask = tensor_new (20, 1);
    SeqBatchTarget target = {.tokenizer = hyena,.dtype = dtypes[i],.pads_left = TRUE,
      .max_body = 100,.n_rows = 4,.row_length = 5,.input_ids = data,.attention_mask = out_mask
    };
    SeqBatchResult result;

    for (guint k = 0; k < 3; k++)
      rows[k].tokens = strlen (reads[k]) + 1;
    seq_batch_write (&target, rows, 3, &result);
    assert_ids (dtypes[i], data, ids[0], 20);
    g_assert_cmpmem (out_mask, 20, mask, 20);
    check_guard (out_mask, 20, 1);
  }
  block_free (block);
}

/* The same rows packed: to the last token, and with two rows and three slots more. */
static void
test_packed (void)
{
  static const gint64 ids[13] = { 0, 20, 15, 11, 2, 0, 2, 0, 5, 2, 1, 1, 1 };
  static const gint32 cu[6] = { 0, 5, 7, 10, 10, 10 };
  static const gint32 positions[13] = { 0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 0, 0, 0 };
  g_autoptr (SeqTokenizer) esm2 = tokenizer ("esm2", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (sequences);

  for (gsize i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    for (guint kind = 0; kind < 4; kind++) {
      guint n_rows = kind & 1 ? 5 : 3, slots = kind & 1 ? 13 : 10;
      SeqBatchRow rows[] = { row_of (block, 0), row_of (block, 1), row_of (block, 2) };
      g_autofree gpointer data = tensor_new (slots, seq_dtype_size (dtypes[i]));
      g_autofree gpointer out_cu = tensor_new (n_rows + 1, 4);
      g_autofree gpointer out_positions = tensor_new (slots, 4);
      SeqBatchTarget target = {.tokenizer = esm2,.dtype = dtypes[i],.packed = TRUE,.max_body = 100,
        .n_rows = n_rows,.slots = slots,.input_ids = data,.cu_seqlens = out_cu,
        .position_ids = kind & 2 ? out_positions : NULL
      };
      SeqBatchResult result;

      seq_batch_write (&target, rows, 3, &result);
      assert_ids (dtypes[i], data, ids, slots);
      g_assert_cmpmem (out_cu, (n_rows + 1) * 4, cu, (n_rows + 1) * 4);
      check_guard (out_cu, n_rows + 1, 4);
      if (kind & 2)
        g_assert_cmpmem (out_positions, slots * 4, positions, slots * 4);
      check_guard (out_positions, kind & 2 ? slots : 0, 4);
    }
  }
  block_free (block);
}

/* Vectors: padding on either side, rows and slots that nothing fills, and a window; whatever type
 * ids would be. */
static void
test_one_hot (void)
{
  static const gchar *const reads[] = { "ACGT", "", "gN", NULL };
  static const gfloat A[4] = { 1, 0, 0, 0 }, C[4] = { 0, 1, 0, 0 }, G[4] = { 0, 0, 1, 0 };
  static const gfloat T[4] = { 0, 0, 0, 1 }, o[4] = { 0, 0, 0, 0 };
  static const gfloat *const right[16] = { A, C, G, T, o, o, o, o, G, o, o, o, o, o, o, o };
  static const gfloat *const left[16] = { A, C, G, T, o, o, o, o, o, o, G, o, o, o, o, o };
  static const gfloat *const packed[8] = { C, G, T, G, o, o, o, o };
  static const guint8 mask[16] = { 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0 };
  static const gint32 cu[5] = { 0, 3, 3, 5, 5 };
  g_autoptr (SeqTokenizer) enformer = tokenizer ("enformer", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (reads);
  SeqBatchRow rows[] = { row_of (block, 0), row_of (block, 1), row_of (block, 2) };
  SeqBatchResult result;

  for (guint i = 0; i < 3; i++)
    rows[i].tokens = strlen (reads[i]);
  for (guint side = 0; side < 2; side++) {
    g_autofree gpointer data = tensor_new (16, 16), out_mask = tensor_new (16, 1);
    SeqBatchTarget target = {.tokenizer = enformer,.dtype = dtypes[side * 3],.pads_left = side,
      .max_body = 9,.n_rows = 4,.row_length = 4,.input_ids = data,.attention_mask = out_mask
    };

    seq_batch_write (&target, rows, 3, &result);
    for (guint i = 0; i < 16; i++)
      g_assert_cmpmem ((guint8 *) data + i * 16, 16, (side ? left : right)[i], 16);
    check_guard (data, 16, 16);
    if (side)
      g_assert_cmpmem (out_mask, 16, mask, 16);
    g_assert_cmpuint (result.unknown, ==, 0);
  }
  for (guint slots = 5; slots <= 8; slots += 3) {
    g_autofree gpointer data = tensor_new (slots, 16), out_cu = tensor_new (5, 4);
    SeqBatchTarget target = {.tokenizer = enformer,.packed = TRUE,.max_body = 9,.n_rows = 4,
      .slots = slots,.input_ids = data,.cu_seqlens = out_cu
    };

    rows[0].start = 1;
    seq_batch_write (&target, rows, 3, &result);
    for (guint i = 0; i < slots; i++)
      g_assert_cmpmem ((guint8 *) data + i * 16, 16, packed[i], 16);
    check_guard (data, slots, 16);
    g_assert_cmpmem (out_cu, 20, cu, 20);
  }
  block_free (block);
}

/* Without special tokens a record of no residues is no token: nothing but padding. */
static void
test_nothing (void)
{
  static const gchar *const nothing[] = { "", "", NULL };
  static const gint64 ids[2] = { 0, 0 };
  static const gint32 cu[3] = { 0, 0, 0 };
  g_autoptr (SeqTokenizer) bytes = tokenizer ("bytes", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (nothing);
  SeqBatchRow rows[] = { row_of (block, 0), row_of (block, 1) };
  g_autofree gpointer data = tensor_new (2, 2);
  g_autofree gpointer out = tensor_new (3, 4);
  SeqBatchTarget target = {.tokenizer = bytes,.dtype = SEQ_DTYPE_INT16,.max_body = 5,.n_rows = 2,
    .row_length = 1,.input_ids = data
  };
  SeqBatchResult result;

  seq_batch_write (&target, rows, 2, &result);
  assert_ids (SEQ_DTYPE_INT16, data, ids, 2);

  memset (data, UNWRITTEN, 4);
  target = (SeqBatchTarget) {.tokenizer = bytes,.dtype = SEQ_DTYPE_INT16,.packed = TRUE,
    .max_body = 5,.n_rows = 2,.slots = 1,.input_ids = data,.cu_seqlens = out };
  seq_batch_write (&target, rows, 2, &result);
  g_assert_cmpint (value_at (SEQ_DTYPE_INT16, data, 0), ==, 0);
  g_assert_cmpmem (out, 12, cu, 12);
  block_free (block);
}

/* A window begins at its start and ends after max_body tokens; truncation is a window at 0. */
static void
test_windows (void)
{
  static const gint64 ids[3][6] = {
    {0, 20, 15, 11, 5, 2}, {0, 11, 5, 19, 12, 2}, {0, 16, 10, 2, 1, 1}
  };
  g_autoptr (SeqTokenizer) esm2 = tokenizer ("esm2", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (sequences);
  SeqBatchRow rows[] = { row_of (block, 3), row_of (block, 3), row_of (block, 3) };
  g_autofree gpointer data = tensor_new (18, 8);
  SeqBatchTarget target = {.tokenizer = esm2,.dtype = SEQ_DTYPE_INT64,.max_body = 4,.n_rows = 3,
    .row_length = 6,.input_ids = data
  };
  SeqBatchResult result;

  rows[1].start = 2;
  rows[2].start = 8;
  seq_batch_write (&target, rows, 3, &result);
  assert_ids (SEQ_DTYPE_INT64, data, ids[0], 18);
  block_free (block);
}

/* Unknown letters are counted where they are written, and the first of them is found. */
static void
test_unknown (void)
{
  static const gchar *const letters[] = { "MKT", "AC*DE", "a", "MK1", NULL };
  static const gint64 ids[4][7] = {
    {0, 20, 15, 11, 2, 1, 1}, {0, 5, 23, 3, 13, 9, 2}, {0, 3, 2, 1, 1, 1, 1},
    {0, 20, 15, 3, 2, 1, 1}
  };
  g_autoptr (SeqTokenizer) esm2 = tokenizer ("esm2", SEQ_UNKNOWN_TOKEN);
  Block *block = block_new (letters);
  SeqBatchRow rows[4];
  g_autofree gpointer data = tensor_new (28, 4);
  SeqBatchTarget target = {.tokenizer = esm2,.dtype = SEQ_DTYPE_INT32,.max_body = 10,.n_rows = 4,
    .row_length = 7,.input_ids = data
  };
  SeqBatchResult result;

  for (guint i = 0; i < 4; i++)
    rows[i] = row_of (block, i);
  seq_batch_write (&target, rows, 4, &result);
  assert_ids (SEQ_DTYPE_INT32, data, ids[0], 28);
  g_assert_cmpuint (result.unknown, ==, 3);
  g_assert_cmpint (result.unknown_row, ==, 1);
  g_assert_cmpuint (result.unknown_position, ==, 2);

  /* the position counts from the start of the record, and what is cut off is not counted */
  rows[1].start = 1;
  seq_batch_write (&target, rows + 1, 1, &result);
  g_assert_cmpuint (result.unknown, ==, 1);
  g_assert_cmpint (result.unknown_row, ==, 0);
  g_assert_cmpuint (result.unknown_position, ==, 2);
  rows[1].start = 0;
  target.max_body = 2;
  seq_batch_write (&target, rows + 1, 1, &result);
  g_assert_cmpuint (result.unknown, ==, 0);
  g_assert_cmpint (result.unknown_row, ==, -1);
  block_free (block);
}

/* Rows that have fewer tokens than residues: the plan has counted them, the writer agrees. */
static void
test_counts_agree (void)
{
  static const SeqUnknown policies[] = { SEQ_UNKNOWN_TOKEN, SEQ_UNKNOWN_PER_RUN, SEQ_UNKNOWN_SKIP };
  static const gchar *const names[] = { "esm2", "nt6", "dnabert3" };
  static const gchar letters[] = "ACGTNacx";
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (guint round = 0; round < 1000; round++) {
    g_autoptr (SeqTokenizer) t = tokenizer (names[round % 3], policies[round / 3 % 3]);
    guint specials = seq_tokenizer_get_n_prefix (t) + seq_tokenizer_get_n_suffix (t);
    gchar residues[61] = "";
    const gchar *const one[] = { residues, NULL };
    guint n = g_rand_int_range (rand, 0, 61), body, start, max_body, length;
    guint end = g_rand_int_range (rand, 4, 9);
    g_autofree gpointer data = NULL;
    SeqBatchTarget target = { 0 };
    SeqBatchResult result;
    SeqBatchRow row;
    Block *block;

    for (guint i = 0; i < n; i++)
      residues[i] = letters[g_rand_int_range (rand, 0, end)];
    block = block_new (one);
    row = row_of (block, 0);
    body = seq_tokenizer_count (t, (const guint8 *) residues, n);
    start = g_rand_int_range (rand, 0, body + 1);
    row.start = start ? seq_tokenizer_token_position (t, (const guint8 *) residues, n, start) : 0;
    max_body = g_rand_int_range (rand, 1, 20);
    length = MIN (max_body, body - start) + specials;
    data = tensor_new (length, 4);
    target = (SeqBatchTarget) {.tokenizer = t,.dtype = SEQ_DTYPE_INT32,.max_body = max_body,
      .n_rows = 1,.row_length = MAX (length, 1),.input_ids = data };
    if (length > 0)
      seq_batch_write (&target, &row, 1, &result);
    check_guard (data, length, 4);
    for (guint i = 0; i < length; i++)
      g_assert_cmpint (value_at (SEQ_DTYPE_INT32, data, i), !=, seq_tokenizer_get_pad_id (t));
    block_free (block);
  }
}

/* A row whose word takes more memory than there is is named, and the others are written. */
static void
test_no_memory (void)
{
  g_autofree gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers",
      "dna-bpe-shuffled.json", NULL);
  g_autofree gchar *contig = g_strnfill (64 << 20, 'A');
  const gchar *const texts[] = { "A", contig, "A", contig, NULL };
  SeqTokenizer *t;
  SeqBatchRow rows[4];
  gint32 ids[4 * 8];
  guint8 mask[4 * 8];
  SeqBatchResult result;
  Block *block;

  if (!begin_memory_test ())
    return;
  t = tokenizer (path, SEQ_UNKNOWN_TOKEN);
  block = block_new (texts);
  for (guint i = 0; i < 4; i++) {
    rows[i] = row_of (block, i);
    rows[i].tokens = i % 2 ? 8 : 3;
  }
  limit_memory ();
  seq_batch_write (&(SeqBatchTarget) {.tokenizer = t,.dtype = SEQ_DTYPE_INT32,.max_body = 6,
        .n_rows = 4,.row_length = 8,.input_ids = ids,.attention_mask = mask }, rows, 4, &result);
  g_assert_cmpint (result.no_memory_row, ==, 1);
  g_assert_cmpint (result.unknown_row, ==, -1);
  g_assert_cmpint (mask[0] + mask[1] + mask[2] + mask[3], ==, 3);
  g_assert_cmpmem (ids + 16, 32, ids, 32);
  block_free (block);
  seq_tokenizer_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-write/padded", test_padded);
  g_test_add_func ("/batch-write/padded-left", test_padded_left);
  g_test_add_func ("/batch-write/packed", test_packed);
  g_test_add_func ("/batch-write/one-hot", test_one_hot);
  g_test_add_func ("/batch-write/nothing", test_nothing);
  g_test_add_func ("/batch-write/windows", test_windows);
  g_test_add_func ("/batch-write/unknown", test_unknown);
  g_test_add_func ("/batch-write/counts-agree", test_counts_agree);
  g_test_add_func ("/batch-write/no-memory", test_no_memory);
  return g_test_run ();
}
