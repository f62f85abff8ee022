/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <stdlib.h>
#include <string.h>

#define CAPS "application/x-seq-records,alphabet=(string)protein,quality=(boolean)false"
#define CAPS_QUALITY "application/x-seq-records,alphabet=(string)protein,quality=(boolean)true"
#define CAPS_DNA "application/x-seq-records,alphabet=(string)dna,quality=(boolean)false"
#define CAPS_BOTH "application/x-seq-records,alphabet=(string)unknown,quality=(boolean)true"

/* --- records --------------------------------------------------------------------------------- */

/* A record's bytes follow from its id and length, so that a test needs no copy of them. */
typedef struct
{
  guint64 id;
  gsize length;
} Item;

static gchar *
item_name (guint64 id)
{
  /* names repeat, and some are empty */
  return id % 7 == 0 ? g_strdup ("") : g_strdup_printf ("name %u", (guint) (id % 11));
}

static gchar *
item_bytes (guint64 id, gsize length, const gchar * letters)
{
  gchar *bytes = g_malloc (length + 1);

  for (gsize i = 0; i < length; i++)
    bytes[i] = letters[(id * 7 + i * (id % 5 + 1)) % 20];
  bytes[length] = '\0';
  return bytes;
}

static gchar *
item_residues (guint64 id, gsize length)
{
  return item_bytes (id, length, "ACDEFGHIKLMNPQRSTVWY");
}

static gchar *
item_quality (guint64 id, gsize length)
{
  return id % 3 == 0 ? item_bytes (id, length, "!#$%&'()*+,-./012345") : NULL;
}

static GstBuffer *
make_block (const Item * items, gsize n)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (n > 0 ? items[0].id : 0);

  for (gsize i = 0; i < n; i++) {
    g_autofree gchar *name = item_name (items[i].id);
    g_autofree gchar *residues = item_residues (items[i].id, items[i].length);
    g_autofree gchar *quality = item_quality (items[i].id, items[i].length);

    g_assert_true (gst_seq_block_builder_add (builder, name, -1, residues, items[i].length,
            quality));
  }
  return gst_seq_block_builder_finish (builder);
}

static Item *
random_items (GRand * rand, gsize n, gsize max_length)
{
  Item *items = g_new (Item, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    items[i] = (Item) {.id = i, .length = g_rand_int_range (rand, 0, max_length + 1) };
  return items;
}

static gint
compare_ascending (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gint
compare_descending (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  if (x->length != y->length)
    return x->length > y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gint
compare_id (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  return x->id < y->id ? -1 : x->id > y->id;
}

/* --- harness --------------------------------------------------------------------------------- */

static GstHarness *
harness_new (const gchar * properties)
{
  g_autofree gchar *line = g_strdup_printf ("seqsort %s", properties);
  GstHarness *h = gst_harness_new_parse (line);

  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

/* Pushes items in blocks of at most `block` records (random sizes with a generator). */
static void
push_items (GstHarness * h, const Item * items, gsize n, gsize block, GRand * rand)
{
  for (gsize done = 0, take; done < n; done += take) {
    take = rand ? (gsize) g_rand_int_range (rand, 1, block + 1) : block;
    take = MIN (take, n - done);
    g_assert_cmpint (gst_harness_push (h, make_block (items + done, take)), ==, GST_FLOW_OK);
  }
}

static void
check_offsets (GstBuffer * block, const GstSeqRecordsMeta * meta)
{
  gboolean consecutive = TRUE;

  for (guint i = 1; i < meta->n_records; i++)
    consecutive &= meta->records[i].id == meta->records[0].id + i;
  g_assert_cmpuint (GST_BUFFER_OFFSET (block), ==,
      consecutive ? meta->records[0].id : GST_BUFFER_OFFSET_NONE);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (block), ==,
      consecutive ? meta->records[0].id + meta->n_records : GST_BUFFER_OFFSET_NONE);
}

/* Checks a block and appends its records to `result`. */
static void
take_block (GstBuffer * block, GArray * result)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);
  GError *error = NULL;

  g_assert_nonnull (meta);
  g_assert_cmpuint (meta->n_records, >, 0);
  g_assert_true (gst_seq_block_validate (block, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < meta->n_records; i++) {
    Item item = { meta->records[i].id, meta->records[i].seq_len };
    g_autofree gchar *name = item_name (item.id);
    g_autofree gchar *residues = item_residues (item.id, item.length);
    g_autofree gchar *quality = item_quality (item.id, item.length);
    g_autofree gchar *got_name = gst_seq_block_dup_name (block, i);
    g_autofree gchar *got_residues = gst_seq_block_dup_residues (block, i);
    g_autofree gchar *got_quality = gst_seq_block_dup_quality (block, i);

    g_assert_cmpstr (got_name, ==, name);
    g_assert_cmpstr (got_residues, ==, residues);
    g_assert_cmpstr (got_quality, ==, quality);
    g_array_append_val (result, item);
  }
}

static GArray *
pull_items (GstHarness * h)
{
  GArray *result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstBuffer *block;

  while ((block = gst_harness_try_pull (h))) {
    GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

    take_block (block, result);
    check_offsets (block, meta);
    gst_buffer_unref (block);
  }
  return result;
}

static void
assert_items (GArray * result, const Item * expected, gsize n)
{
  g_assert_cmpuint (result->len, ==, n);
  for (gsize i = 0; i < n; i++) {
    g_assert_cmpuint (g_array_index (result, Item, i).id, ==, expected[i].id);
    g_assert_cmpuint (g_array_index (result, Item, i).length, ==, expected[i].length);
  }
}

static void
restart_stream (GstHarness * h, const gchar * id)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start (id)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_caps (gst_caps_from_string (CAPS))));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static GstBus *
watch_bus (GstHarness * h)
{
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  return bus;
}

static void
assert_one_error (GstBus * bus, GQuark domain, gint code, const gchar * says)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *error = NULL;

  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, domain, code);
  if (says)
    g_assert_nonnull (strstr (error->message, says));
  g_clear_error (&error);
  gst_message_unref (message);
  g_assert_false (gst_bus_have_pending (bus));
}

static void
stop_watching (GstHarness * h, GstBus * bus)
{
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
}

/* --- orders ---------------------------------------------------------------------------------- */

/* Sends the items and returns them in the order in which they came out. */
static GArray *
run_sort (const gchar * properties, const Item * items, gsize n, gsize block, GRand * rand)
{
  GstHarness *h = harness_new (properties);
  GArray *result;

  push_items (h, items, n, block, rand);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  gst_harness_teardown (h);
  return result;
}

static void
check_sorted (const gchar * properties, const Item * items, gsize n, gsize window, gboolean up,
    GRand * rand)
{
  g_autoptr (GArray) result = run_sort (properties, items, n, MAX (n / 5, 1), rand);
  g_autofree Item *expected = g_memdup2 (items, MAX (n, 1) * sizeof (Item));

  for (gsize start = 0; start < n; start += window)
    qsort (expected + start, MIN (window, n - start), sizeof (Item),
        up ? compare_ascending : compare_descending);
  assert_items (result, expected, n);
}

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

/* Blocks are cut at about 2 MiB; a longer record is a block of its own. */
static void
test_block_sizes (void)
{
  static const gsize lengths[] = { 10, 5000000, 1500000, 20, 2097152, 900000, 900000, 30 };
  static const guint expected[] = { 1, 1, 1, 2, 3 };
  Item items[G_N_ELEMENTS (lengths)];
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("");

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    items[i] = (Item) {.id = 3 * i + 1, .length = lengths[i] };
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    gst_harness_push (h, make_block (&items[i], 1));
  gst_harness_push_event (h, gst_event_new_eos ());

  qsort (items, G_N_ELEMENTS (lengths), sizeof (Item), compare_descending);
  for (guint i = 0, n = 0; n < G_N_ELEMENTS (lengths); n = result->len, i++) {
    GstBuffer *block = gst_harness_try_pull (h);

    g_assert_nonnull (block);
    g_assert_cmpuint (i, <, G_N_ELEMENTS (expected));
    g_test_message ("block %u: %u records, %zu bytes", i, gst_seq_block_get_n_records (block),
        gst_buffer_get_size (block));
    take_block (block, result);
    if (gst_seq_block_get_n_records (block) > 1)
      g_assert_cmpuint (gst_buffer_get_size (block), <=, 2 * 1024 * 1024);
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
  enum { N = 30 };
  Item items[N];
  g_autoptr (GArray) result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstHarness *h = harness_new ("order=ascending window=1");

  for (guint i = 0; i < N; i++)
    items[i] = (Item) {.id = i, .length = 1000000 + 13 * i };
  for (guint i = 0; i < N; i++) {
    gst_harness_push (h, make_block (&items[i], 1));
    if (i % 3 == 2) {
      GstBuffer *block = gst_harness_pull (h);

      take_block (block, result);
      gst_buffer_unref (block);
    }
  }
  for (guint i = result->len; i < N; i++) {
    GstBuffer *block = gst_harness_pull (h);

    take_block (block, result);
    gst_buffer_unref (block);
  }
  assert_items (result, items, N);
  gst_harness_teardown (h);
}

/* --- streams --------------------------------------------------------------------------------- */

static void
test_flush (void)
{
  GstHarness *h = harness_new ("order=ascending");
  g_autoptr (GRand) rand = g_rand_new_with_seed (10);
  g_autofree Item *items = random_items (rand, 200, 30);
  g_autoptr (GArray) result = NULL;
  GstSegment segment;

  push_items (h, items, 120, 50, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  push_items (h, items + 120, 80, 50, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  qsort (items + 120, 80, sizeof (Item), compare_ascending);
  assert_items (result, items + 120, 80);
  gst_harness_teardown (h);
}

/* What downstream says about the n-th block that it gets, and OK to all others. */
static gint fail_at;
static GstFlowReturn fail_with;

static GstFlowReturn
failing_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  gst_buffer_unref (buffer);
  return fail_at-- == 0 ? fail_with : GST_FLOW_OK;
}

static void
test_downstream_result_in_chain (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_FLUSHING, GST_FLOW_EOS,
    GST_FLOW_NOT_LINKED, GST_FLOW_NOT_NEGOTIATED
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree Item *items = random_items (rand, 100, 30);

  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = harness_new ("window=10");
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    g_assert_cmpint (gst_harness_push (h, make_block (items, 100)), ==, results[i]);
    g_assert_cmpint (fail_at, ==, -1);
    /* nothing is taken any more: it would leave with a hole before it */
    g_assert_cmpint (gst_harness_push (h, make_block (items, 100)), ==, results[i]);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpint (fail_at, ==, -1);
    g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

static void
test_downstream_result_at_eos (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_NOT_NEGOTIATED,
    GST_FLOW_FLUSHING, GST_FLOW_EOS, GST_FLOW_NOT_LINKED
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (12);
  g_autofree Item *items = random_items (rand, 10, 0);

  for (gsize i = 0; i < 10; i++)
    items[i].length = 1500000;
  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = harness_new ("");
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    push_items (h, items, 10, 3, NULL);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpint (fail_at, ==, -1);
    if (i < 2)
      assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL);
    else
      g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean blocked;
} Gate;

static Gate gate;

static GstFlowReturn
blocking_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  g_mutex_lock (&gate.lock);
  gate.blocked = TRUE;
  g_cond_broadcast (&gate.cond);
  while (gate.blocked)
    g_cond_wait (&gate.cond, &gate.lock);
  g_mutex_unlock (&gate.lock);
  gst_buffer_unref (buffer);
  return GST_FLOW_FLUSHING;
}

static gpointer
send_eos (gpointer data)
{
  gst_harness_push_event (data, gst_event_new_eos ());
  return NULL;
}

/* Flushed from another thread while the sorted blocks are on their way. */
static void
test_flush_while_draining (void)
{
  GstHarness *h = harness_new ("");
  GstBus *bus = watch_bus (h);
  GstPadChainFunction chain = GST_PAD_CHAINFUNC (h->sinkpad);
  g_autoptr (GRand) rand = g_rand_new_with_seed (13);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;
  GThread *thread;

  gst_pad_set_chain_function (h->sinkpad, blocking_chain);
  push_items (h, items, 100, 30, NULL);
  thread = g_thread_new ("eos", send_eos, h);
  g_mutex_lock (&gate.lock);
  while (!gate.blocked)
    g_cond_wait (&gate.cond, &gate.lock);
  g_mutex_unlock (&gate.lock);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_mutex_lock (&gate.lock);
  gate.blocked = FALSE;
  g_cond_broadcast (&gate.cond);
  g_mutex_unlock (&gate.lock);
  g_thread_join (thread);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_false (gst_bus_have_pending (bus));

  gst_pad_set_chain_function (h->sinkpad, chain);
  restart_stream (h, "again");
  push_items (h, items, 100, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  qsort (items, 100, sizeof (Item), compare_descending);
  assert_items (result, items, 100);
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

/* Streams one after the other: each EOS, STREAM_START and SEGMENT ends a window. */
static void
test_streams (void)
{
  GstHarness *h = harness_new ("order=ascending");
  g_autoptr (GRand) rand = g_rand_new_with_seed (14);
  g_autofree Item *items = random_items (rand, 300, 30);
  g_autoptr (GArray) result = NULL;
  GstSegment segment;

  push_items (h, items, 100, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 1);
  restart_stream (h, "second");
  push_items (h, items + 100, 60, 30, NULL);
  restart_stream (h, "third");
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 2);
  push_items (h, items + 160, 70, 30, NULL);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 3);
  push_items (h, items + 230, 70, 30, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));

  result = pull_items (h);
  qsort (items, 100, sizeof (Item), compare_ascending);
  qsort (items + 100, 60, sizeof (Item), compare_ascending);
  qsort (items + 160, 70, sizeof (Item), compare_ascending);
  qsort (items + 230, 70, sizeof (Item), compare_ascending);
  assert_items (result, items, 300);
  gst_harness_teardown (h);
}

/* Downstream has had enough of one segment, and takes the next. */
static void
test_eos_from_downstream_is_lifted (void)
{
  GstHarness *h = harness_new ("window=10");
  GstPadChainFunction chain = GST_PAD_CHAINFUNC (h->sinkpad);
  g_autoptr (GRand) rand = g_rand_new_with_seed (15);
  g_autofree Item *items = random_items (rand, 10, 30);
  g_autoptr (GArray) result = NULL;

  gst_pad_set_chain_function (h->sinkpad, failing_chain);
  fail_at = 0;
  fail_with = GST_FLOW_EOS;
  g_assert_cmpint (gst_harness_push (h, make_block (items, 10)), ==, GST_FLOW_EOS);
  gst_pad_set_chain_function (h->sinkpad, chain);
  restart_stream (h, "next");
  push_items (h, items, 10, 10, NULL);
  result = pull_items (h);
  g_assert_cmpuint (result->len, ==, 10);
  gst_harness_teardown (h);
}

static void
assert_caps (GstHarness * h, const gchar * expected)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (h->sinkpad);
  g_autoptr (GstCaps) wanted = gst_caps_from_string (expected);

  g_assert_nonnull (caps);
  g_assert_true (gst_caps_is_equal (caps, wanted));
}

static gboolean
push_caps (GstHarness * h, const gchar * caps)
{
  return gst_harness_push_event (h, gst_event_new_caps (gst_caps_from_string (caps)));
}

static void
test_caps_change (void)
{
  GstHarness *h = harness_new ("order=ascending window=100");
  g_autoptr (GRand) rand = g_rand_new_with_seed (16);
  g_autofree Item *items = random_items (rand, 300, 30);
  g_autoptr (GArray) result = NULL;

  assert_caps (h, CAPS);
  /* nothing collected: at once */
  g_assert_true (push_caps (h, CAPS_DNA));
  assert_caps (h, CAPS_DNA);
  push_items (h, items, 40, 40, NULL);
  /* within a window: with its first block, and for all of its records */
  g_assert_true (push_caps (h, CAPS_QUALITY));
  assert_caps (h, CAPS_DNA);
  push_items (h, items + 40, 59, 59, NULL);
  assert_caps (h, CAPS_DNA);
  push_items (h, items + 99, 1, 1, NULL);
  assert_caps (h, CAPS_BOTH);
  /* a window of one kind again */
  push_items (h, items + 100, 100, 70, NULL);
  assert_caps (h, CAPS_QUALITY);
  /* a change that no record of the window is under */
  push_items (h, items + 200, 100, 99, NULL);
  g_assert_true (push_caps (h, CAPS_DNA));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  g_assert_cmpuint (result->len, ==, 300);
  gst_harness_teardown (h);
}

/* Events that end no window pass the collected records. */
static void
test_other_events (void)
{
  GstHarness *h = harness_new ("");
  Item item = { 0, 5 };
  GstEvent *event;
  gboolean seen = FALSE;

  push_items (h, &item, 1, 1, NULL);
  gst_harness_push_event (h, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
          gst_structure_new_empty ("mark")));
  while ((event = gst_harness_try_pull_event (h))) {
    seen |= gst_event_has_name (event, "mark");
    gst_event_unref (event);
  }
  g_assert_true (seen);
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 0);
  gst_harness_teardown (h);
}

/* --- errors ---------------------------------------------------------------------------------- */

static void
test_no_table (void)
{
  GstHarness *h = harness_new ("");
  GstBus *bus = watch_bus (h);

  g_assert_cmpint (gst_harness_push (h, gst_buffer_new_allocate (NULL, 10, NULL)), ==,
      GST_FLOW_ERROR);
  assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "table");
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

static void
test_invalid_table (void)
{
  static const GstSeqRecord bad[] = {
    {.id = 1, .name = 11, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq = 5, .seq_len = 6, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq = 5, .seq_len = G_MAXUINT32 - 2, .qual = GST_SEQ_NO_QUALITY},
    {.id = 1, .seq_len = 3, .qual = 8},
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (bad); i++) {
    GstHarness *h = harness_new (i % 2 ? "order=none" : "");
    GstBus *bus = watch_bus (h);
    GstBuffer *block = gst_buffer_new_allocate (NULL, 10, NULL);
    GstSeqRecord records[2] = { {.id = 0, .seq_len = 10, .qual = GST_SEQ_NO_QUALITY}, bad[i / 2] };
    GBytes *table = g_bytes_new (records, sizeof (records));
    Item item = { 0, 5 };

    gst_buffer_add_seq_records_meta (block, table);
    g_bytes_unref (table);
    push_items (h, &item, 1, 1, NULL);
    g_assert_cmpint (gst_harness_push (h, block), ==, GST_FLOW_ERROR);
    assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "record 1 ");
    /* the rest would be a part that looks like the whole */
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, i % 2);
    g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
}

/* --- element --------------------------------------------------------------------------------- */

static void
test_state_cycles (void)
{
  GstHarness *h = harness_new ("");
  g_autoptr (GRand) rand = g_rand_new_with_seed (17);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;

  for (guint i = 0; i < 100; i++) {
    push_items (h, items, i, 30, NULL);
    if (i % 3 == 0)
      g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_assert_cmpint (gst_element_set_state (h->element, i % 2 ? GST_STATE_NULL : GST_STATE_READY),
        ==, GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (h->element, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    restart_stream (h, "cycle");
    result = pull_items (h);
    g_assert_cmpuint (result->len, ==, i % 3 == 0 ? i : 0);
    g_clear_pointer (&result, g_array_unref);
  }
  gst_harness_teardown (h);
}

static gpointer
sort_in_thread (gpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  for (guint i = 0; i < 10; i++) {
    gsize n = g_rand_int_range (rand, 1, 2000);
    g_autofree Item *items = random_items (rand, n, 50);

    check_sorted ("window=100", items, n, 100, FALSE, rand);
  }
  return NULL;
}

static void
test_two_at_once (void)
{
  GThread *a = g_thread_new ("a", sort_in_thread, GUINT_TO_POINTER (1));
  GThread *b = g_thread_new ("b", sort_in_thread, GUINT_TO_POINTER (2));

  g_thread_join (a);
  g_thread_join (b);
}

static void
assert_stats (GstElement * element, guint64 records, guint64 blocks, guint64 windows)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, "records", &value));
  g_assert_cmpuint (value, ==, records);
  g_assert_true (gst_structure_get_uint64 (stats, "blocks", &value));
  g_assert_cmpuint (value, ==, blocks);
  g_assert_true (gst_structure_get_uint64 (stats, "windows", &value));
  g_assert_cmpuint (value, ==, windows);
  gst_structure_free (stats);
}

/* Properties that change within a window hold from the next one on, even within a block. */
static void
test_properties_and_stats (void)
{
  GstHarness *h = gst_harness_new ("seqsort");
  g_autoptr (GRand) rand = g_rand_new_with_seed (18);
  g_autofree Item *items = random_items (rand, 100, 30);
  g_autoptr (GArray) result = NULL;
  guint window;
  guint64 seed;
  gint order;

  g_object_get (h->element, "order", &order, "window", &window, "seed", &seed, NULL);
  g_assert_cmpint (order, ==, 1);
  g_assert_cmpuint (window, ==, 0);
  g_assert_cmpuint (seed, ==, 0);
  g_assert_true (GST_IS_PRESET (h->element));
  gst_harness_set_src_caps_str (h, CAPS);

  g_object_set (h->element, "order", 0, "window", 40, NULL);
  push_items (h, items, 10, 10, NULL);
  g_object_set (h->element, "order", 1, "window", 30, NULL);
  assert_stats (h->element, 0, 0, 0);
  push_items (h, items + 10, 65, 65, NULL);
  assert_stats (h->element, 70, 2, 2);
  /* the block in which the change falls is cut; the rest of it leaves as it is */
  gst_util_set_object_arg (G_OBJECT (h->element), "order", "none");
  push_items (h, items + 75, 25, 25, NULL);
  assert_stats (h->element, 100, 3, 3);
  gst_harness_push_event (h, gst_event_new_eos ());

  result = pull_items (h);
  qsort (items, 40, sizeof (Item), compare_ascending);
  qsort (items + 40, 30, sizeof (Item), compare_descending);
  qsort (items + 70, 30, sizeof (Item), compare_descending);
  assert_items (result, items, 100);
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
  g_test_add_func ("/seqsort/flush", test_flush);
  g_test_add_func ("/seqsort/flush-while-draining", test_flush_while_draining);
  g_test_add_func ("/seqsort/downstream-result-in-chain", test_downstream_result_in_chain);
  g_test_add_func ("/seqsort/downstream-result-at-eos", test_downstream_result_at_eos);
  g_test_add_func ("/seqsort/streams", test_streams);
  g_test_add_func ("/seqsort/eos-is-lifted", test_eos_from_downstream_is_lifted);
  g_test_add_func ("/seqsort/caps-change", test_caps_change);
  g_test_add_func ("/seqsort/other-events", test_other_events);
  g_test_add_func ("/seqsort/no-table", test_no_table);
  g_test_add_func ("/seqsort/invalid-table", test_invalid_table);
  g_test_add_func ("/seqsort/state-cycles", test_state_cycles);
  g_test_add_func ("/seqsort/two-at-once", test_two_at_once);
  g_test_add_func ("/seqsort/properties-and-stats", test_properties_and_stats);
  if (g_test_perf ())
    g_test_add_func ("/seqsort/time", time_sort);
  return g_test_run ();
}
