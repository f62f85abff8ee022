/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seqsort-items.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- helpers --------------------------------------------------------------------------------- */

/* A directory for the files of a test, which must be empty again at its end. */
static gchar *
new_directory (void)
{
  gchar *directory = g_dir_make_tmp ("seqsort-XXXXXX", NULL);

  g_assert_nonnull (directory);
  return directory;
}

static void
remove_directory (gchar * directory)
{
  g_assert_cmpint (rmdir (directory), ==, 0);
  g_free (directory);
}

/* Descriptors of open files that once were in the directory. */
static GArray *
open_files (const gchar * directory)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (gint));
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const gchar *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename ("/proc/self/fd", name, NULL);
    g_autofree gchar *target = g_file_read_link (path, NULL);
    gint fd = atoi (name);

    if (target && g_str_has_prefix (target, directory))
      g_array_append_val (files, fd);
  }
  g_dir_close (dir);
  return files;
}

static guint
count_open_files (const gchar * directory)
{
  g_autoptr (GArray) files = open_files (directory);

  return files->len;
}

static GstHarness *
spilling_harness (const gchar * directory, guint64 max_bytes)
{
  GstHarness *h = gst_harness_new ("seqsort");

  gst_util_set_object_arg (G_OBJECT (h->element), "order", "descending");
  g_object_set (h->element, "spill-directory", directory, "max-bytes", max_bytes, NULL);
  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

static guint64
get_field (const GstStructure * structure, const gchar * field)
{
  guint64 value = G_MAXUINT64;

  g_assert_true (gst_structure_get_uint64 (structure, field, &value));
  return value;
}

static guint64
get_stat (GstHarness * h, const gchar * field)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (h->element, "stats", &stats, NULL);
  value = get_field (stats, field);
  gst_structure_free (stats);
  return value;
}

/* --- the same result ------------------------------------------------------------------------- */

static const gchar *const orders[] = { "order=ascending", "order=descending",
  "order=shuffle seed=3", "order=grouped seed=3", "order=grouped seed=3 window=70",
  "order=descending window=400", "order=shuffle seed=9 window=1000"
};

static void
test_items (void)
{
  enum { N = 3000 };
  static const gchar *const limits[] = { "1", "30000", "200000", "10000000" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree Item *items = random_items (rand, N, 200);

  /* empty ones, ones of a byte, and some that are longer than a block of a file */
  for (guint i = 0; i < N; i += 100)
    items[i].length = i % 300 == 0 ? 20000 + i : i % 200 ? 0 : 1;
  for (guint o = 0; o < G_N_ELEMENTS (orders); o++) {
    g_autoptr (GArray) expected = run_sort (orders[o], items, N, 50, NULL);

    for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
      g_autofree gchar *properties = g_strdup_printf ("%s max-bytes=%s", orders[o], limits[i]);
      g_autoptr (GArray) result = run_sort (properties, items, N, 40, rand);

      g_test_message ("%s", properties);
      assert_items (result, (const Item *) expected->data, N);
    }
  }
}

/* Records of a MiB, whose blocks leave one by one, between short ones. */
static void
test_long_items (void)
{
  enum { N = 60 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_autofree Item *items = random_items (rand, N, 30);

  for (guint i = 0; i < N; i += 6)
    items[i].length = 1000000 + i;
  items[6].length = 3000000;    /* longer than an output block */
  for (guint o = 0; o < 3; o++) {
    g_autoptr (GArray) expected = run_sort (orders[o], items, N, 7, NULL);
    g_autofree gchar *properties = g_strdup_printf ("%s max-bytes=100000", orders[o]);
    g_autoptr (GArray) result = run_sort (properties, items, N, 7, NULL);

    assert_items (result, (const Item *) expected->data, N);
  }
}

static void
add_to_checksum (GstElement * sink, GstBuffer * buffer, GstPad * pad, gpointer checksum)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_checksum_update (checksum, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
}

/* MD5 of what a file is after sorting; counts the runs that were written. */
static gchar *
sorted_checksum (const gchar * file, const gchar * properties, guint64 * runs)
{
  g_autofree gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), file, NULL);
  g_autofree gchar *line = g_strdup_printf ("seqsrc location=\"%s\" blocksize=256 ! "
      "seqsort name=sort %s ! seqenc ! fakesink name=sink signal-handoffs=true", path, properties);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error), *sink, *sort;
  GstBus *bus = gst_element_get_bus (pipeline);
  GstStructure *stats;
  GstMessage *message;

  g_assert_no_error (error);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  sort = gst_bin_get_by_name (GST_BIN (pipeline), "sort");
  g_signal_connect (sink, "handoff", G_CALLBACK (add_to_checksum), checksum);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  g_object_get (sort, "stats", &stats, NULL);
  *runs = get_field (stats, "runs");
  gst_structure_free (stats);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (sort);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  return g_strdup (g_checksum_get_string (checksum));
}

static void
test_files (void)
{
  static const gchar *const files[] = { "proteins.fasta", "reads.fastq" };

  for (guint f = 0; f < G_N_ELEMENTS (files); f++) {
    for (guint o = 0; o < G_N_ELEMENTS (orders); o++) {
      guint64 runs = 0;
      g_autofree gchar *expected = sorted_checksum (files[f], orders[o], &runs);
      g_autofree gchar *properties = g_strdup_printf ("%s max-bytes=1024", orders[o]);
      g_autofree gchar *result = NULL;

      g_assert_cmpuint (runs, ==, 0);
      result = sorted_checksum (files[f], properties, &runs);
      g_test_message ("%s, %s: %s, %" G_GUINT64_FORMAT " runs", files[f], orders[o], result, runs);
      g_assert_cmpuint (runs, >, 20);
      g_assert_cmpstr (result, ==, expected);
    }
  }
}

/* --- what is told ---------------------------------------------------------------------------- */

static void
test_message_and_stats (void)
{
  enum { N = 5000 };
  gchar *directory = new_directory ();
  GstHarness *h = spilling_harness (directory, 100000);
  GstBus *bus = watch_bus (h);
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autofree Item *items = random_items (rand, N, 300);
  static const gchar *const fields[] = { "records", "runs", "passes", "spilled-bytes",
    "peak-bytes", "sort-time", "spill-time", "merge-time"
  };
  GstMessage *message;
  const GstStructure *told;
  guint64 limit;

  g_object_get (h->element, "max-bytes", &limit, NULL);
  g_assert_cmpuint (limit, ==, 100000);
  push_items (h, items, N, 50, NULL);
  g_assert_cmpuint (count_open_files (directory), >, 0);
  g_assert_false (gst_bus_have_pending (bus));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (count_open_files (directory), ==, 0);

  message = gst_bus_pop (bus);
  g_assert_nonnull (message);
  told = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_name (told, "seq-sort-spill"));
  g_assert_cmpuint (get_field (told, "records"), ==, N);
  g_assert_cmpuint (get_field (told, "runs"), >, 10);
  g_assert_cmpuint (get_field (told, "passes"), >=, 1);
  g_assert_cmpuint (get_field (told, "spilled-bytes"), >, N * 150);
  g_assert_cmpuint (get_field (told, "merge-time"), >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    g_assert_cmpuint (get_stat (h, fields[i]), ==, get_field (told, fields[i]));
  gst_message_unref (message);

  /* what fits says nothing, and adds to the totals */
  restart_stream (h, "next");
  push_items (h, items, 50, 50, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_null (gst_bus_pop (bus));
  g_assert_cmpuint (get_stat (h, "records"), ==, N + 50);
  g_assert_cmpuint (get_stat (h, "windows"), ==, 2);
  stop_watching (h, bus);
  gst_harness_teardown (h);
  remove_directory (directory);
}

/* Blocks of one short record each take more than what is in them, and that is counted. */
static void
test_small_blocks (void)
{
  enum { N = 2000 };
  gchar *directory = new_directory ();
  GstHarness *h = spilling_harness (directory, 500000);
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree Item *items = random_items (rand, N, 10);

  push_items (h, items, N, 1, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (get_stat (h, "records"), ==, N);
  g_assert_cmpuint (get_stat (h, "runs"), >=, 2);
  g_assert_cmpuint (get_stat (h, "peak-bytes"), <=, 500000);
  gst_harness_teardown (h);
  remove_directory (directory);
}

/* The limit and the directory hold from the next window on. */
static void
test_changes (void)
{
  gchar *first = new_directory (), *second = new_directory ();
  GstHarness *h = spilling_harness (first, 20000);
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autofree Item *items = random_items (rand, 1000, 100);
  g_autoptr (GArray) result = NULL;
  g_autofree gchar *told = NULL;

  push_items (h, items, 10, 10, NULL);
  g_object_set (h->element, "spill-directory", second, NULL);
  push_items (h, items + 10, 490, 10, NULL);
  g_assert_cmpuint (count_open_files (first), >, 0);
  g_assert_cmpuint (count_open_files (second), ==, 0);
  restart_stream (h, "second");
  push_items (h, items + 500, 10, 10, NULL);
  g_object_set (h->element, "max-bytes", (guint64) 0, NULL);
  push_items (h, items + 510, 240, 10, NULL);
  g_assert_cmpuint (count_open_files (first), ==, 0);
  g_assert_cmpuint (count_open_files (second), >, 0);
  restart_stream (h, "third");
  push_items (h, items + 750, 250, 10, NULL);
  g_assert_cmpuint (count_open_files (second), ==, 0);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));

  g_object_get (h->element, "spill-directory", &told, NULL);
  g_assert_cmpstr (told, ==, second);
  result = pull_items (h);
  qsort (items, 500, sizeof (Item), compare_descending);
  qsort (items + 500, 250, sizeof (Item), compare_descending);
  qsort (items + 750, 250, sizeof (Item), compare_descending);
  assert_items (result, items, 1000);
  gst_harness_teardown (h);
  remove_directory (first);
  remove_directory (second);
}

/* --- streams --------------------------------------------------------------------------------- */

static void
check_whole_stream (GstHarness * h, const Item * items, gsize n)
{
  g_autoptr (GArray) result = NULL;
  g_autofree Item *expected = g_memdup2 (items, n * sizeof (Item));

  restart_stream (h, "again");
  push_items (h, items, n, 20, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  qsort (expected, n, sizeof (Item), compare_descending);
  assert_items (result, expected, n);
}

/* Flushed, and taken down, while records are in files. */
static void
test_flush_and_states (void)
{
  gchar *directory = new_directory ();
  GstHarness *h = spilling_harness (directory, 10000);
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree Item *items = random_items (rand, 600, 100);

  for (guint i = 0; i < 2; i++) {
    restart_stream (h, "first");
    push_items (h, items, 500, 20, NULL);
    g_assert_cmpuint (count_open_files (directory), >, 2);
    if (i == 0) {
      g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
      g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
    } else {
      gst_element_set_state (h->element, GST_STATE_READY);
      gst_element_set_state (h->element, GST_STATE_PLAYING);
    }
    g_assert_cmpuint (count_open_files (directory), ==, 0);
    check_whole_stream (h, items, 600);
  }
  gst_harness_teardown (h);
  remove_directory (directory);
}

/* The pad that records would leave by is flushing: files are neither written nor merged. */
static void
test_interrupted (void)
{
  gchar *directory = new_directory ();
  GstBus *bus;
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);
  g_autofree Item *items = random_items (rand, 600, 100);

  for (guint i = 0; i < 2; i++) {
    GstHarness *h = spilling_harness (directory, 10000);
    GstPad *pad = gst_element_get_static_pad (h->element, "src");
    GstFlowReturn ret = GST_FLOW_OK;

    bus = watch_bus (h);
    push_items (h, items, 300, 20, NULL);
    g_assert_true (gst_pad_set_active (pad, FALSE));
    if (i == 0) {               /* in a chain function */
      for (guint n = 300; ret == GST_FLOW_OK && n < 600; n += 20)
        ret = gst_harness_push (h, make_block (items + n, 20));
      g_assert_cmpint (ret, ==, GST_FLOW_FLUSHING);
    } else {                    /* at the end */
      gst_harness_push_event (h, gst_event_new_eos ());
      g_assert_cmpint (gst_harness_push (h, make_block (items, 1)), ==, GST_FLOW_EOS);
    }
    g_assert_false (gst_bus_have_pending (bus));
    g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
    g_assert_cmpuint (count_open_files (directory), ==, 0);
    stop_watching (h, bus);
    gst_object_unref (pad);
    gst_harness_teardown (h);
  }
  remove_directory (directory);
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
test_downstream_result (void)
{
  static const GstFlowReturn results[] = { GST_FLOW_ERROR, GST_FLOW_NOT_LINKED,
    GST_FLOW_FLUSHING, GST_FLOW_EOS
  };
  gchar *directory = new_directory ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autofree Item *items = random_items (rand, 12, 0);

  for (gsize i = 0; i < 12; i++)
    items[i].length = 1500000;
  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    GstHarness *h = spilling_harness (directory, 4000000);
    GstBus *bus = watch_bus (h);

    gst_pad_set_chain_function (h->sinkpad, failing_chain);
    fail_at = 2;
    fail_with = results[i];
    push_items (h, items, 12, 1, NULL);
    g_assert_cmpuint (count_open_files (directory), >, 2);
    gst_harness_push_event (h, gst_event_new_eos ());
    g_assert_cmpint (fail_at, ==, -1);
    g_assert_cmpuint (count_open_files (directory), ==, 0);
    if (i < 2)
      assert_one_error (bus, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, NULL);
    else
      g_assert_false (gst_bus_have_pending (bus));
    stop_watching (h, bus);
    gst_harness_teardown (h);
  }
  remove_directory (directory);
}

static gpointer
sort_in_thread (gpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  for (guint i = 0; i < 10; i++) {
    gsize n = g_rand_int_range (rand, 1, 2000);
    g_autofree Item *items = random_items (rand, n, 50);

    check_sorted ("max-bytes=20000", items, n, n, FALSE, rand);
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

/* --- errors ---------------------------------------------------------------------------------- */

/* Pushes until something fails. */
static GstFlowReturn
push_until (GstHarness * h, const Item * items, gsize n)
{
  GstFlowReturn ret = GST_FLOW_OK;

  for (gsize i = 0; ret == GST_FLOW_OK && i < n; i += 10)
    ret = gst_harness_push (h, make_block (items + i, 10));
  return ret;
}

static void
test_no_directory (void)
{
  GstHarness *h = spilling_harness ("/nonexistent/place", 10000);
  GstBus *bus = watch_bus (h);
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);
  g_autofree Item *items = random_items (rand, 500, 100);

  g_assert_cmpint (push_until (h, items, 500), ==, GST_FLOW_ERROR);
  assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE,
      "/nonexistent/place");
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  g_assert_false (gst_bus_have_pending (bus));
  stop_watching (h, bus);
  gst_harness_teardown (h);
}

/* A limit on the size of files stands for a full disk. */
static void
test_full (void)
{
  gchar *directory = new_directory ();
  GstHarness *h = spilling_harness (directory, 200000);
  GstBus *bus = watch_bus (h);
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);
  g_autofree Item *items = random_items (rand, 5000, 300);
  struct rlimit before, limit;

  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  limit = (struct rlimit) { 50000, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  g_assert_cmpint (push_until (h, items, 5000), ==, GST_FLOW_ERROR);
  setrlimit (RLIMIT_FSIZE, &before);
  assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, directory);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (gst_harness_buffers_received (h), ==, 0);
  g_assert_cmpuint (count_open_files (directory), ==, 0);
  stop_watching (h, bus);
  gst_harness_teardown (h);
  remove_directory (directory);
}

/* Files that are changed or cut behind the element's back. Nothing wrong leaves: take_block looks
 * at every byte. */
static void
check_damage (gboolean cut)
{
  gchar *directory = new_directory ();
  GstHarness *h = spilling_harness (directory, 100000);
  GstBus *bus = watch_bus (h);
  g_autoptr (GRand) rand = g_rand_new_with_seed (10);
  g_autofree Item *items = random_items (rand, 2000, 300);
  g_autoptr (GArray) files = NULL, result = NULL;
  gint fd;

  push_items (h, items, 2000, 20, NULL);
  files = open_files (directory);
  g_assert_cmpuint (files->len, >, 1);
  fd = g_array_index (files, gint, files->len / 2);
  if (cut)
    g_assert_cmpint (ftruncate (fd, 30000), ==, 0);
  else
    g_assert_cmpint (pwrite (fd, "\1\2\3\4", 4, 30000), ==, 4);
  gst_harness_push_event (h, gst_event_new_eos ());
  assert_one_error (bus, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ, directory);
  result = pull_items (h);
  g_assert_cmpuint (result->len, <, 2000);
  qsort (items, 2000, sizeof (Item), compare_descending);
  assert_items (result, items, result->len);
  g_assert_cmpuint (count_open_files (directory), ==, 0);
  stop_watching (h, bus);
  gst_harness_teardown (h);
  remove_directory (directory);
}

static void
test_damaged (void)
{
  check_damage (FALSE);
}

static void
test_truncated (void)
{
  check_damage (TRUE);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seqsort-spill/items", test_items);
  g_test_add_func ("/seqsort-spill/long-items", test_long_items);
  g_test_add_func ("/seqsort-spill/files", test_files);
  g_test_add_func ("/seqsort-spill/message-and-stats", test_message_and_stats);
  g_test_add_func ("/seqsort-spill/small-blocks", test_small_blocks);
  g_test_add_func ("/seqsort-spill/changes", test_changes);
  g_test_add_func ("/seqsort-spill/flush-and-states", test_flush_and_states);
  g_test_add_func ("/seqsort-spill/interrupted", test_interrupted);
  g_test_add_func ("/seqsort-spill/downstream-result", test_downstream_result);
  g_test_add_func ("/seqsort-spill/two-at-once", test_two_at_once);
  g_test_add_func ("/seqsort-spill/no-directory", test_no_directory);
  g_test_add_func ("/seqsort-spill/full", test_full);
  g_test_add_func ("/seqsort-spill/damaged", test_damaged);
  g_test_add_func ("/seqsort-spill/truncated", test_truncated);
  return g_test_run ();
}
