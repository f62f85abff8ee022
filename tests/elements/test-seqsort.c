/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqsort-items.h"

/* --- orders ---------------------------------------------------------------------------------- */

static void
test_by_length (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint round = 0; round < 12; round++) {
    gsize n = round < 4 ? round + 1 : (gsize) g_rand_int_range (rand, 1, 5000);
    g_autofree Item *items = random_items (rand, n, round % 2 ? 3 : 700);

    check_sorted ("", items, n, n, FALSE, rand);
    check_sorted ("order=ascending", items, n, n, TRUE, rand);
  }
}

static void
test_window (void)
{
  static const gsize windows[] = { 1, 2, 3, 64, 299, 300, 301, 5000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_autofree Item *items = random_items (rand, 300, 40);

  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    g_autofree gchar *up = g_strdup_printf ("order=ascending window=%u", (guint) windows[i]);
    g_autofree gchar *down = g_strdup_printf ("order=descending window=%u", (guint) windows[i]);

    check_sorted (up, items, 300, windows[i], TRUE, rand);
    check_sorted (down, items, 300, windows[i], FALSE, rand);
  }
}

/* A full window leaves at once, and nothing of the next one. */
static void
test_window_does_not_wait (void)
{
  GstHarness *h = harness_new ("order=ascending window=10");
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autofree Item *items = random_items (rand, 25, 9);
  g_autoptr (GArray) early = NULL;

  push_items (h, items, 9, 9, NULL);
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 0);
  push_items (h, items + 9, 16, 16, NULL);
  early = pull_items (h);
  g_assert_cmpuint (early->len, ==, 20);
  gst_harness_teardown (h);
}

static void
assert_permutation (GArray * result, const Item * items, gsize n)
{
  g_autofree Item *sorted = g_memdup2 (result->data, result->len * sizeof (Item));

  g_assert_cmpuint (result->len, ==, n);
  qsort (sorted, n, sizeof (Item), compare_id);
  for (gsize i = 0; i < n; i++) {
    g_assert_cmpuint (sorted[i].id, ==, items[i].id);
    g_assert_cmpuint (sorted[i].length, ==, items[i].length);
  }
}

static void
test_shuffle (void)
{
  enum { N = 2000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autofree Item *items = random_items (rand, N, 60);
  g_autoptr (GArray) whole = run_sort ("order=shuffle seed=1", items, N, N, NULL);
  g_autoptr (GArray) single = run_sort ("order=shuffle seed=1", items, N, 1, NULL);
  g_autoptr (GArray) split = run_sort ("order=shuffle seed=1", items, N, 300, rand);
  g_autoptr (GArray) other = run_sort ("order=shuffle seed=2", items, N, N, NULL);
  g_autoptr (GArray) windows = run_sort ("order=shuffle seed=1 window=500", items, N, 77, NULL);
  gsize same = 0;

  assert_permutation (whole, items, N);
  assert_permutation (other, items, N);
  assert_items (single, (const Item *) whole->data, N);
  assert_items (split, (const Item *) whole->data, N);
  for (gsize i = 0; i < N; i++)
    same += g_array_index (whole, Item, i).id == g_array_index (other, Item, i).id;
  g_assert_cmpuint (same, <, 12);
  /* a window holds what arrived in it */
  for (gsize i = 0; i < N; i++)
    g_assert_cmpuint (g_array_index (windows, Item, i).id / 500, ==, i / 500);
}

static void
check_grouped (const gchar * properties, const Item * items, gsize n, gsize group)
{
  g_autoptr (GArray) shuffled = run_sort ("order=shuffle seed=5", items, n, n, NULL);
  g_autoptr (GArray) grouped = run_sort (properties, items, n, 333, NULL);

  for (gsize start = 0; start < n; start += group)
    qsort (&g_array_index (shuffled, Item, start), MIN (group, n - start), sizeof (Item),
        compare_ascending);
  assert_items (grouped, (const Item *) shuffled->data, n);
}

static void
test_grouped (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree Item *items = random_items (rand, 20000, 30);

  check_grouped ("order=grouped seed=5 window=100", items, 1501, 100);
  check_grouped ("order=grouped seed=5 window=1", items, 1501, 1);
  check_grouped ("order=grouped seed=5", items, 20000, 8192);
}

static void
test_none (void)
{
  GstHarness *h = harness_new ("order=none window=3");
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);
  g_autofree Item *items = random_items (rand, 50, 20);
  GstBuffer *block = make_block (items, 50), *empty = make_block (items, 0), *got;

  gst_harness_push (h, gst_buffer_ref (block));
  got = gst_harness_try_pull (h);
  g_assert_true (got == block);
  gst_buffer_unref (got);
  gst_buffer_unref (block);
  gst_harness_push (h, empty);
  got = gst_harness_try_pull (h);
  g_assert_true (got == empty);
  gst_buffer_unref (got);
  gst_harness_teardown (h);
}

/* --- sizes and shapes ------------------------------------------------------------------------ */

static void
test_empty (void)
{
  GstHarness *h = harness_new ("");
  GstEvent *event;
  gboolean eos = FALSE;

  gst_harness_push (h, make_block (NULL, 0));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  while ((event = gst_harness_try_pull_event (h))) {
    eos |= GST_EVENT_TYPE (event) == GST_EVENT_EOS;
    gst_event_unref (event);
  }
  g_assert_true (eos);
  gst_harness_teardown (h);
}

static void
test_equal_and_zero_lengths (void)
{
  enum { N = 500 };
  g_autofree Item *items = g_new (Item, N);

  for (gsize length = 0; length < 2; length++) {
    g_autoptr (GArray) result = NULL;

    for (gsize i = 0; i < N; i++)
      items[i] = (Item) {.id = i, .length = length };
    result = run_sort ("", items, N, 7, NULL);
    assert_items (result, items, N);
  }
}

/* Nothing but records without name and residues: a block without memory. */
static void
test_no_bytes (void)
{
  GstHarness *h = harness_new ("");
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);
  GstBuffer *block;

  for (guint i = 0; i < 70000; i++)
    gst_seq_block_builder_add (builder, NULL, 0, NULL, 0, i % 2 ? "" : NULL);
  gst_harness_push (h, gst_seq_block_builder_finish (builder));
  gst_harness_push_event (h, gst_event_new_eos ());
  /* the number of records bounds a block, too */
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 2);
  block = gst_harness_pull (h);
  g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, 65536);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (block), ==, 65536);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (block, GST_BUFFER_FLAG_DISCONT));
  g_assert_true (gst_seq_block_validate (block, NULL));
  gst_buffer_unref (block);
  gst_harness_teardown (h);
}

static void
test_large_blocks (void)
{
  enum { N = 65000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);
  g_autofree Item *items = random_items (rand, N, 100);

  check_sorted ("", items, N, N, FALSE, NULL);
  check_sorted ("order=ascending window=1000", items, N, 1000, TRUE, NULL);
}

/* Blocks are cut at about 1 MiB; a longer record is a block of its own. */
static void
test_block_sizes (void)
{
  static const gsize lengths[] = { 10, 5000000, 750000, 20, 1048576, 290000, 20000, 30 };
  static const guint expected[] = { 1, 1, 2, 4 };
  Item items[G_N_ELEMENTS (lengths)];
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("");

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    items[i] = (Item) {.id = i, .length = lengths[i] };
  gst_harness_push (h, make_block (items, G_N_ELEMENTS (lengths)));
  gst_harness_push_event (h, gst_event_new_eos ());

  qsort (items, G_N_ELEMENTS (lengths), sizeof (Item), compare_descending);
  for (guint i = 0, n = 0; n < G_N_ELEMENTS (lengths); n = result->len, i++) {
    GstBuffer *block = gst_harness_try_pull (h);

    g_assert_nonnull (block);
    g_assert_cmpuint (i, <, G_N_ELEMENTS (expected));
    g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, expected[i]);
    g_test_message ("block %u: %u records, %zu bytes", i, gst_seq_block_get_n_records (block),
        gst_buffer_get_size (block));
    take_block (block, result);
    if (gst_seq_block_get_n_records (block) > 1)
      g_assert_cmpuint (gst_buffer_get_size (block), <=, 1024 * 1024);
    gst_buffer_unref (block);
  }
  g_assert_null (gst_harness_try_pull (h));
  assert_items (result, items, G_N_ELEMENTS (lengths));
  gst_harness_teardown (h);
}

/* The table speaks of memory 0; what else a buffer carries is no part of the block. */
static void
test_more_memories (void)
{
  GstHarness *h = harness_new ("");
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);
  g_autofree Item *items = random_items (rand, 100, 50);
  g_autoptr (GArray) result = NULL;
  GstBuffer *block = make_block (items, 100);

  for (guint i = 1; i < 16; i++)
    gst_buffer_append_memory (block, gst_allocator_alloc (NULL, 100, NULL));
  g_assert_cmpuint (gst_buffer_n_memory (block), ==, 16);
  gst_harness_push (h, block);
  gst_harness_push_event (h, gst_event_new_eos ());
  result = pull_items (h);
  qsort (items, 100, sizeof (Item), compare_descending);
  assert_items (result, items, 100);
  gst_harness_teardown (h);
}

/* More blocks than the element keeps for use again, some of them given back. */
static void
test_recycling (void)
{
  enum { N = 60 };
  Item items[N];
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("order=ascending window=2");

  for (guint i = 0; i < N; i++)
    items[i] = (Item) {.id = i, .length = 500000 - 13 * i };
  for (guint i = 0; i < N; i += 2) {
    gst_harness_push (h, make_block (&items[i], 2));
    if (i % 6 == 4) {
      GstBuffer *block = gst_harness_pull (h);

      take_block (block, result);
      gst_buffer_unref (block);
    }
  }
  while (result->len < N) {
    GstBuffer *block = gst_harness_pull (h);

    take_block (block, result);
    gst_buffer_unref (block);
  }
  for (guint i = 0; i < N; i += 2)
    qsort (&items[i], 2, sizeof (Item), compare_ascending);
  assert_items (result, items, N);
  gst_harness_teardown (h);
}

/* Pushes records of 1000 residues in blocks of so many; `kept` gets the blocks. */
static void
push_even_items (GstHarness * h, Item * items, const guint * counts, guint n, GPtrArray * kept)
{
  for (guint i = 0, done = 0; i < n; done += counts[i++]) {
    for (guint k = done; k < done + counts[i]; k++)
      items[k] = (Item) {.id = k, .length = 1000 };
    g_ptr_array_add (kept, make_block (items + done, counts[i]));
    /* what is behind memory 0 is no part of the block */
    gst_buffer_append_memory (g_ptr_array_index (kept, i), gst_allocator_alloc (NULL, 100, NULL));
    gst_harness_push (h, gst_buffer_ref (g_ptr_array_index (kept, i)));
  }
  gst_harness_push_event (h, gst_event_new_eos ());
}

/* Blocks that are sorted as they are leave uncopied, but not small ones, and as they came: others
 * may have them, too. */
static void
test_uncopied (void)
{
  static const guint counts[] = { 100, 90, 10, 5, 200 };
  static const guint expected[] = { 100, 90, 15, 200 };
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("");
  Item items[405];

  push_even_items (h, items, counts, G_N_ELEMENTS (counts), kept);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstBuffer *block = gst_harness_pull (h), *from = g_ptr_array_index (kept, i < 3 ? i : 4);
    gboolean same = gst_buffer_peek_memory (block, 0) == gst_buffer_peek_memory (from, 0);

    g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, expected[i]);
    g_assert_cmpint (same, ==, i != 2);
    g_assert_true (block != from);
    g_assert_cmpint (GST_BUFFER_FLAG_IS_SET (block, GST_BUFFER_FLAG_DISCONT), ==, i == 0);
    check_offsets (block, gst_buffer_get_seq_records_meta (block));
    g_assert_cmpuint (gst_buffer_n_memory (from), ==, 2);
    take_block (block, result);
    gst_buffer_unref (block);
  }
  g_assert_null (gst_harness_try_pull (h));
  assert_items (result, items, G_N_ELEMENTS (items));
  for (guint i = 0; i < kept->len; i++)
    g_assert_true (gst_buffer_is_writable (g_ptr_array_index (kept, i)));
  gst_harness_teardown (h);
}

/* The bytes belong to another buffer, which must live as long as the block that leaves. */
static void
test_uncopied_parent (void)
{
  enum { N = 100 };
  GstHarness *h = harness_new ("");
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstBuffer *parent, *block, *taken;
  GstMapInfo map;
  Item items[N];

  for (guint i = 0; i < N; i++)
    items[i] = (Item) {.id = i, .length = 1000 };
  parent = make_block (items, N);
  g_assert_true (gst_buffer_map (parent, &map, GST_MAP_READ));
  block = gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY, map.data, map.size, 0, map.size,
      NULL, NULL);
  gst_buffer_unmap (parent, &map);
  gst_buffer_add_seq_records_meta (block, gst_buffer_get_seq_records_meta (parent)->table);
  gst_buffer_add_parent_buffer_meta (block, parent);
  gst_buffer_unref (parent);

  gst_harness_push (h, block);
  gst_harness_push_event (h, gst_event_new_eos ());
  taken = gst_harness_pull (h);
  g_assert_nonnull (gst_buffer_get_parent_buffer_meta (taken));
  take_block (taken, result);
  assert_items (result, items, N);
  gst_buffer_unref (taken);
  gst_harness_teardown (h);
}

/* Where a window ends within a block, both parts are copied. */
static void
test_uncopied_parts (void)
{
  static const guint counts[] = { 100, 300 };
  static const guint expected[] = { 100, 100, 200 };
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("window=200");
  Item items[400];

  push_even_items (h, items, counts, G_N_ELEMENTS (counts), kept);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstBuffer *block = gst_harness_pull (h), *from = g_ptr_array_index (kept, i > 0);

    g_assert_cmpuint (gst_seq_block_get_n_records (block), ==, expected[i]);
    g_assert_cmpint (gst_buffer_peek_memory (block, 0) == gst_buffer_peek_memory (from, 0), ==,
        i == 0);
    take_block (block, result);
    gst_buffer_unref (block);
  }
  g_assert_null (gst_harness_try_pull (h));
  assert_items (result, items, G_N_ELEMENTS (items));
  gst_harness_teardown (h);
}

/* Not a test: times with `-m perf`; GST_DEBUG=seqsort:4 shows the parts. */
static void
time_sort (void)
{
  enum { N = 1000000, MEAN = 360 };
  static const gchar *const orders[] = { "descending", "ascending", "shuffle", "grouped",
    "descending window=20000"
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (19);
  g_autofree gchar *residues = item_residues (1, 100000);
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);
  GPtrArray *blocks = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);

  for (guint i = 0; i < N; i++) {
    /* about the spread of proteins: a few are much longer than the mean */
    gdouble r = g_rand_double (rand) + g_rand_double (rand);
    gchar name[32];

    g_snprintf (name, sizeof (name), "sp|%08u|PROTEIN_%u", i, i % 1000);
    gst_seq_block_builder_add (builder, name, -1, residues, (gssize) (MEAN * r * r * 6 / 7),
        NULL);
    if (gst_seq_block_builder_get_size (builder) > 2000000 || i == N - 1)
      g_ptr_array_add (blocks, gst_seq_block_builder_finish (builder));
  }
  for (guint o = 0; o < G_N_ELEMENTS (orders); o++) {
    g_autofree gchar *line = g_strdup_printf ("order=%s", orders[o]);
    GstHarness *h = harness_new (line);

    gst_harness_set_drop_buffers (h, TRUE);
    g_test_timer_start ();
    for (guint i = 0; i < blocks->len; i++)
      gst_harness_push (h, gst_buffer_ref (g_ptr_array_index (blocks, i)));
    gst_harness_push_event (h, gst_event_new_eos ());
    g_test_timer_elapsed ();
    g_test_minimized_result (g_test_timer_last (), "%d records, %u blocks, %s: %.0f ms", N,
        blocks->len, orders[o], g_test_timer_last () * 1e3);
    gst_harness_teardown (h);
  }
  g_ptr_array_unref (blocks);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqsort/empty", test_empty);
  g_test_add_func ("/seqsort/by-length", test_by_length);
  g_test_add_func ("/seqsort/window", test_window);
  g_test_add_func ("/seqsort/window-does-not-wait", test_window_does_not_wait);
  g_test_add_func ("/seqsort/shuffle", test_shuffle);
  g_test_add_func ("/seqsort/grouped", test_grouped);
  g_test_add_func ("/seqsort/none", test_none);
  g_test_add_func ("/seqsort/equal-and-zero-lengths", test_equal_and_zero_lengths);
  g_test_add_func ("/seqsort/no-bytes", test_no_bytes);
  g_test_add_func ("/seqsort/large-blocks", test_large_blocks);
  g_test_add_func ("/seqsort/block-sizes", test_block_sizes);
  g_test_add_func ("/seqsort/more-memories", test_more_memories);
  g_test_add_func ("/seqsort/recycling", test_recycling);
  g_test_add_func ("/seqsort/uncopied", test_uncopied);
  g_test_add_func ("/seqsort/uncopied-parent", test_uncopied_parent);
  g_test_add_func ("/seqsort/uncopied-parts", test_uncopied_parts);
  if (g_test_perf ())
    g_test_add_func ("/seqsort/time", time_sort);
  return g_test_run ();
}
