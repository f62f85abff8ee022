/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record-sorter.h"

#include "spill-records.h"

#include <signal.h>
#include <sys/resource.h>

/* of what is taken out */
static gsize block_bytes = 4096, block_records = 50;

/* --- parts ----------------------------------------------------------------------------------- */

static gint n_parts;            /* not released */

typedef struct
{
  guint8 *bytes;
  GstSeqRecord *table;
} Owner;

static void
release (Owner * owner)
{
  g_free (owner->bytes);
  g_free (owner->table);
  g_free (owner);
  n_parts--;
}

static gboolean
add (SeqSorter * sorter, const SeqSortKey * keys, gsize n, GError ** error)
{
  Owner *owner = g_new (Owner, 1);
  SeqSortPart part = { .n_records = n, .owner = owner, .release = (GDestroyNotify) release };
  gsize size = 0, at = 0;

  for (gsize i = 0; i < n; i++)
    size += spill_size (keys[i].id, keys[i].length);
  owner->bytes = g_malloc (MAX (size, 1));
  owner->table = g_new (GstSeqRecord, n);
  for (gsize i = 0; i < n; i++)
    at = spill_put (owner->bytes, at, keys[i].id, keys[i].length, &owner->table[i]);
  part.records = owner->table;
  part.bytes = owner->bytes;
  part.held = size + n * sizeof (GstSeqRecord);
  n_parts++;
  return seq_sorter_add (sorter, &part, error);
}

/* Lengths from 0 on, most of them short. */
static SeqSortKey *
random_keys (GRand * rand, gsize n, guint32 max_length)
{
  SeqSortKey *keys = g_new (SeqSortKey, n);

  for (gsize i = 0; i < n; i++) {
    gdouble r = g_rand_double (rand);

    keys[i] = (SeqSortKey) { i, (guint32) (max_length * r * r * r), 0 };
  }
  return keys;
}

/* Where the blocks ended that take_all took last. */
static guint64 cuts_hash;

/* Takes all records out: their ids, in order. */
static GArray *
take_all (SeqSorter * sorter)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  GError *error = NULL;
  gsize n, room, size;

  cuts_hash = 0;
  while (seq_sorter_peek (sorter, block_bytes, block_records, &n, &room, &error) && n > 0) {
    g_autofree guint8 *out = g_malloc (MAX (room, 1));
    g_autofree GstSeqRecord *table = g_new (GstSeqRecord, n);
    gsize at = 0, n_max = n;

    g_assert_true (seq_sorter_take (sorter, out, table, &n, &size, &error));
    g_assert_cmpuint (n, >, 0);
    g_assert_cmpuint (n, <=, n_max);
    if (n > 1)
      g_assert_cmpuint (size, <=, block_bytes);
    for (gsize i = 0; i < n; i++) {
      spill_check (out, at, &table[i]);
      at += spill_size (table[i].id, table[i].seq_len);
      g_array_append_val (ids, table[i].id);
    }
    g_assert_cmpuint (at, ==, size);
    cuts_hash = cuts_hash * 1000003 + ids->len;
  }
  g_assert_no_error (error);
  return ids;
}

static GArray *
sort (const SeqSorterConfig * config, const SeqSortKey * keys, gsize n, gsize per_part,
    SeqSorterStats * stats)
{
  SeqSorter *sorter = seq_sorter_new ();
  GError *error = NULL;
  GArray *ids;

  seq_sorter_begin (sorter, config);
  for (gsize done = 0; done < n; done += per_part)
    g_assert_true (add (sorter, keys + done, MIN (per_part, n - done), &error));
  g_assert_cmpuint (seq_sorter_get_n_records (sorter), ==, n);
  g_assert_true (seq_sorter_finish (sorter, &error));
  g_assert_no_error (error);
  ids = take_all (sorter);
  seq_sorter_get_stats (sorter, stats);
  seq_sorter_free (sorter);
  g_assert_cmpint (n_parts, ==, 0);
  g_assert_cmpuint (stats->records, ==, n);
  g_assert_cmpuint (ids->len, ==, n);
  return ids;
}

/* --- tests ----------------------------------------------------------------------------------- */

/* The same order, in the same blocks, in memory and by way of files, for limits around every
 * border. */
static void
test_same_order (void)
{
  enum { N = 3000 };
  static const guint64 limits[] = { 1, 20000, 100000, 400000, 10000000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 600);

  for (SeqSortOrder order = SEQ_SORT_ASCENDING; order <= SEQ_SORT_GROUPED; order++) {
    static const gsize groups[] = { 0, 100, 2900, 1 };

    for (guint g = 0; g < (order == SEQ_SORT_GROUPED ? G_N_ELEMENTS (groups) : 1); g++) {
      SeqSorterConfig config = {.order = order,.seed = 4,.group = groups[g] };
      SeqSorterStats stats;
      g_autoptr (GArray) expected = sort (&config, keys, N, 70, &stats);
      guint64 expected_cuts = cuts_hash;

      g_assert_cmpuint (stats.runs, ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
        g_autoptr (GArray) ids = NULL;

        config.max_bytes = limits[i];
        ids = sort (&config, keys, N, 70, &stats);
        g_assert_cmpmem (ids->data, N * sizeof (guint64), expected->data, N * sizeof (guint64));
        if (order != SEQ_SORT_GROUPED)
          g_assert_cmpuint (cuts_hash, ==, expected_cuts);
        g_test_message ("order %d, group %zu, limit %" G_GUINT64_FORMAT ": %" G_GUINT64_FORMAT
            " runs, %" G_GUINT64_FORMAT " passes", order, groups[g], limits[i], stats.runs,
            stats.passes);
        if (limits[i] == 10000000) {
          g_assert_cmpuint (stats.runs, ==, 0);
          g_assert_cmpuint (stats.spilled_bytes, ==, 0);
        } else {
          g_assert_cmpuint (stats.runs, >, 1);
          g_assert_cmpuint (stats.spilled_bytes, >, 300000);
        }
      }
    }
  }
}

/* Blocks that are large enough to be copied by several threads hold the same records. */
static void
test_large_blocks (void)
{
  enum { N = 8000 };
  static const gsize sizes[] = { 100000, 600000, 2 << 20, 64 << 20 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 8000);
  const gsize usual_bytes = block_bytes, usual_records = block_records;
  SeqSorterConfig config = {.order = SEQ_SORT_DESCENDING };
  SeqSorterStats stats;
  g_autoptr (GArray) expected = sort (&config, keys, N, 70, &stats);

  block_records = 65536;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GArray) ids = NULL;

    block_bytes = sizes[i];
    ids = sort (&config, keys, N, 70, &stats);
    g_assert_cmpmem (ids->data, N * sizeof (guint64), expected->data, N * sizeof (guint64));
  }
  block_bytes = usual_bytes;
  block_records = usual_records;
}

/* As many merges as the number of runs asks for, and no record more often in a file. */
static void
test_passes (void)
{
  static const struct
  {
    gsize runs;
    guint64 passes;
  } cases[] = { {1, 1}, {2, 1}, {63, 1}, {64, 2}, {65, 2}, {130, 2}, {4095, 2}, {4096, 3},
    {4200, 3}
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_autofree SeqSortKey *keys = random_keys (rand, 4200, 40);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    SeqSorterConfig config = {.order = SEQ_SORT_DESCENDING,.max_bytes = 1 };
    SeqSorterStats stats;
    g_autoptr (GArray) ids = sort (&config, keys, cases[i].runs, 1, &stats);
    guint64 last = G_MAXUINT64;

    g_assert_cmpuint (stats.runs, ==, cases[i].runs);
    g_assert_cmpuint (stats.passes, ==, cases[i].passes);
    for (gsize k = 0; k < ids->len; k++) {
      guint64 length = keys[g_array_index (ids, guint64, k)].length;

      g_assert_cmpuint (length, <=, last);
      last = length;
    }
  }
}

/* No more is held than the limit while records are collected, and files take turns in memory. */
static void
test_held (void)
{
  enum { N = 20000, LIMIT = 4 << 20 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 8000);
  static const SeqSortOrder orders[] = { SEQ_SORT_ASCENDING, SEQ_SORT_GROUPED };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++) {
    SeqSorterConfig config = {.order = orders[i],.group = 5000,.max_bytes = LIMIT };
    SeqSorterStats stats;

    g_array_unref (sort (&config, keys, N, 100, &stats));
    g_test_message ("%" G_GUINT64_FORMAT " runs, peak %" G_GUINT64_FORMAT, stats.runs,
        stats.peak_bytes);
    g_assert_cmpuint (stats.runs, >, 8);
    g_assert_cmpuint (stats.peak_bytes, <=, LIMIT);
    g_assert_cmpuint (stats.peak_bytes, >, LIMIT / 2);
  }
}

/* Records that are longer than the limit: each is a run of its own, and none is read before its
 * turn, also where it is merged twice. */
static void
test_long_records (void)
{
  enum { N = 100, LENGTH = 200000 };
  SeqSortKey keys[N];
  SeqSorterConfig config = {.order = SEQ_SORT_DESCENDING,.max_bytes = 50000 };
  SeqSorterStats stats;
  g_autoptr (GArray) ids = NULL;

  for (guint i = 0; i < N; i++)
    keys[i] = (SeqSortKey) { i, i % 2 ? LENGTH + i : 3, 0 };
  ids = sort (&config, keys, N, 1, &stats);
  g_assert_cmpuint (stats.runs, >=, N / 2);
  g_assert_cmpuint (stats.passes, ==, 2);
  g_assert_cmpuint (stats.peak_bytes, <, 3 * LENGTH);
  for (guint i = 0; i < N / 2; i++)
    g_assert_cmpuint (g_array_index (ids, guint64, i), ==, N - 1 - 2 * i);
}

/* A sorter is used again and again, and cleared at any point. */
static void
test_again (void)
{
  enum { N = 500 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 300);
  SeqSorter *sorter = seq_sorter_new ();

  for (guint round = 0; round < 60; round++) {
    SeqSorterConfig config = {.order = round % 4,.group = 90,.max_bytes = round % 5 * 7000 };
    GError *error = NULL;
    guint parts = round % 3 == 0 ? 10 : g_rand_int_range (rand, 0, 10);
    gsize n, size;

    seq_sorter_begin (sorter, &config);
    for (guint i = 0; i < parts; i++)
      g_assert_true (add (sorter, keys + i * 50, 50, &error));
    if (round % 3 == 0) {
      g_autoptr (GArray) ids = NULL;

      g_assert_true (seq_sorter_finish (sorter, &error));
      ids = take_all (sorter);
      g_assert_cmpuint (ids->len, ==, N);
    } else if (round % 3 == 1 && parts > 0) {
      g_assert_true (seq_sorter_finish (sorter, &error));
      g_assert_true (seq_sorter_peek (sorter, block_bytes, block_records, &n, &size, &error));
    }
    g_assert_no_error (error);
    seq_sorter_clear (sorter);
    g_assert_cmpint (n_parts, ==, 0);
    g_assert_cmpuint (seq_sorter_get_n_records (sorter), ==, 0);
  }
  seq_sorter_free (sorter);
}

static gboolean
count_down (gpointer data)
{
  return (*(gint *) data)-- == 0;
}

/* Every look whether to go on can be the one that says no. */
static void
test_interrupted (void)
{
  enum { N = 1500 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 200);
  gint looks = 0;
  gboolean done = FALSE;

  for (gint when = 0; !done; when += 17) {
    SeqSorterConfig config = {.order = SEQ_SORT_GROUPED,.group = 700,.max_bytes = 1,
      .interrupted = count_down,.data = &looks
    };
    SeqSorter *sorter = seq_sorter_new ();
    GError *error = NULL;
    gsize n = 1, size;

    looks = when;
    seq_sorter_begin (sorter, &config);
    done = TRUE;
    for (gsize i = 0; done && i < N; i += 10)
      done = add (sorter, keys + i, 10, &error);
    done = done && seq_sorter_finish (sorter, &error);
    while (done && n > 0) {
      guint8 out[4096];
      GstSeqRecord table[50];

      done = seq_sorter_peek (sorter, block_bytes, block_records, &n, &size, &error) && (n == 0 ||
          seq_sorter_take (sorter, out, table, &n, &size, &error));
    }
    if (!done)
      g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_INTERRUPTED);
    g_clear_error (&error);
    seq_sorter_free (sorter);
    g_assert_cmpint (n_parts, ==, 0);
    g_assert_cmpint (when, <, 100000);
  }
}

static void
test_full (void)
{
  SeqSorterConfig config = {.order = SEQ_SORT_ASCENDING,.max_bytes = 100000 };
  SeqSorter *sorter = seq_sorter_new ();
  SeqSortKey key = { 1, 20000, 0 };
  struct rlimit before, limit;
  GError *error = NULL;
  guint n = 0;

  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  limit = (struct rlimit) { 30000, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  seq_sorter_begin (sorter, &config);
  while (n < 100 && add (sorter, &key, 1, &error))
    n++;
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_cmpuint (n, ==, 4);
  g_assert_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_NO_SPACE);
  g_clear_error (&error);
  seq_sorter_free (sorter);
  g_assert_cmpint (n_parts, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/record-sorter/same-order", test_same_order);
  g_test_add_func ("/record-sorter/large-blocks", test_large_blocks);
  g_test_add_func ("/record-sorter/passes", test_passes);
  g_test_add_func ("/record-sorter/held", test_held);
  g_test_add_func ("/record-sorter/long-records", test_long_records);
  g_test_add_func ("/record-sorter/again", test_again);
  g_test_add_func ("/record-sorter/interrupted", test_interrupted);
  g_test_add_func ("/record-sorter/full", test_full);
  return g_test_run ();
}
