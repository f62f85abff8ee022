/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-merge.h"

#include "spill-records.h"

static gint
compare_rank (const SeqSortRank * a, const SeqSortRank * b)
{
  if (a->first != b->first)
    return a->first < b->first ? -1 : 1;
  return a->second < b->second ? -1 : a->second > b->second;
}

static SeqSortKey *
random_keys (GRand * rand, gsize n, guint32 max_length)
{
  SeqSortKey *keys = g_new (SeqSortKey, MAX (n, 1));
  guint64 id = 0;

  for (gsize i = 0; i < n; i++) {
    keys[i].id = id += g_rand_int_range (rand, 1, 4);
    keys[i].length = g_rand_int_range (rand, 0, max_length + 1);
    keys[i].location = i;
  }
  return keys;
}

static SeqSortKey *
sorted_keys (SeqSortKey * keys, gsize n, SeqSortOrder order, guint64 seed)
{
  SeqSortKey *scratch = g_new (SeqSortKey, MAX (n, 1));
  SeqSortKey *sorted = seq_length_sort (keys, scratch, n, order, seed, 0);

  g_free (sorted == keys ? scratch : keys);
  return sorted;
}

/* Ranks rise strictly along what seq_length_sort has sorted. */
static void
test_rank (void)
{
  static const SeqSortOrder orders[] = { SEQ_SORT_ASCENDING, SEQ_SORT_DESCENDING,
    SEQ_SORT_SHUFFLE
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint o = 0; o < G_N_ELEMENTS (orders); o++) {
    for (guint64 seed = 0; seed < 5; seed++) {
      g_autofree SeqSortKey *keys = NULL;
      SeqSortRank last = { 0, 0 };

      keys = sorted_keys (random_keys (rand, 3000, 100), 3000, orders[o], seed);
      for (gsize i = 0; i < 3000; i++) {
        SeqSortRank rank = seq_sort_rank (orders[o], seed, keys[i].id, keys[i].length);

        if (i > 0)
          g_assert_cmpint (compare_rank (&last, &rank), <, 0);
        last = rank;
      }
    }
  }
}

/* A run of the keys, in blocks of `per_block` records. */
static SeqSpillRun *
write_run (const SeqSortKey * keys, gsize n, gsize per_block)
{
  GError *error = NULL;
  SeqSpillRun *run = seq_spill_run_new (NULL, 1, &error);

  g_assert_no_error (error);
  for (gsize done = 0, take; done < n; done += take) {
    g_autofree GstSeqRecord *table = NULL;
    g_autofree guint8 *bytes = NULL;
    gsize size = 0;
    struct iovec piece;

    take = MIN (per_block, n - done);
    table = g_new (GstSeqRecord, take);
    for (gsize i = 0; i < take; i++)
      size += spill_size (keys[done + i].id, keys[done + i].length);
    bytes = g_malloc (MAX (size, 1));
    size = 0;
    for (gsize i = 0; i < take; i++) {
      size = spill_put (bytes, size, keys[done + i].id, keys[done + i].length, &table[i]);
      table[i].flags = keys[done + i].location;
    }
    piece = (struct iovec) { bytes, size };
    g_assert_true (seq_spill_run_append (run, table, take, &piece, 1, &error));
  }
  return run;
}

static void
check_merge (SeqSpillRun * const *runs, guint n_runs, const SeqSortKey * expected, gsize n,
    SeqSortOrder order, guint64 seed, gsize max_bytes)
{
  GError *error = NULL;
  SeqRunMerge *merge = seq_run_merge_new (runs, n_runs, order, seed, max_bytes, &error);
  g_autofree guint8 *out = g_malloc (5000);
  GstSeqRecord table[100];
  gsize done = 0;

  g_assert_no_error (error);
  while (seq_run_merge_get_n_left (merge) > 0) {
    guint64 next = seq_run_merge_peek_size (merge);
    gsize taken, size, at = 0;

    g_assert_cmpuint (seq_run_merge_get_n_left (merge), ==, n - done);
    g_assert_cmpuint (next, <=, 5000);
    g_assert_true (seq_run_merge_take (merge, out, MAX (next, 2000), table, 100, &taken, &size,
            &error));
    g_assert_cmpuint (taken, >, 0);
    for (gsize i = 0; i < taken; i++) {
      g_assert_cmpuint (table[i].id, ==, expected[done + i].id);
      g_assert_cmpuint (table[i].seq_len, ==, expected[done + i].length);
      g_assert_cmpuint (table[i].flags, ==, expected[done + i].location);
      spill_check (out, at, &table[i]);
      at += spill_size (table[i].id, table[i].seq_len);
    }
    g_assert_cmpuint (at, ==, size);
    done += taken;
  }
  g_assert_cmpuint (done, ==, n);
  seq_run_merge_free (merge);
}

/* Any number of runs of any sizes, some of them empty, against a sort of everything. */
static void
test_merge (void)
{
  static const guint counts[] = { 1, 2, 3, 4, 5, 7, 8, 31, 64 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);

  for (guint c = 0; c < 3 * G_N_ELEMENTS (counts); c++) {
    guint n_runs = counts[c / 3];
    SeqSortOrder order = (SeqSortOrder[]) { SEQ_SORT_ASCENDING, SEQ_SORT_DESCENDING,
        SEQ_SORT_SHUFFLE }[c % 3];
    gsize n = g_rand_int_range (rand, 1, 3000), start = 0;
    guint32 max_length = c % 2 ? 3 : 400;
    SeqSortKey *keys = random_keys (rand, n, max_length);
    SeqSpillRun *runs[64];

    for (guint i = 0; i < n_runs; i++) {
      gsize left = n - start;
      gsize take = i == n_runs - 1 ? left : (gsize) g_rand_int_range (rand, 0,
          MIN (left, 2 * n / n_runs) + 1);
      g_autofree SeqSortKey *part = g_new (SeqSortKey, take + 1);

      memcpy (part, keys + start, take * sizeof (SeqSortKey));
      part = sorted_keys (g_steal_pointer (&part), take, order, 9);
      runs[i] = write_run (part, take, g_rand_int_range (rand, 1, 200));
      start += take;
    }
    keys = sorted_keys (keys, n, order, 9);
    check_merge (runs, n_runs, keys, n, order, 9, G_MAXSIZE);
    for (guint i = 0; i < n_runs; i++)
      seq_spill_run_free (runs[i]);
    g_free (keys);
  }
}

/* Records of one id stand in the order of their runs. */
static void
test_stable (void)
{
  enum { N_RUNS = 11, N = 50 };
  SeqSpillRun *runs[N_RUNS];
  SeqSortKey expected[N_RUNS * N];

  for (guint r = 0; r < N_RUNS; r++) {
    SeqSortKey keys[N];

    for (guint i = 0; i < N; i++) {
      keys[i] = (SeqSortKey) { 5 + i / 10, 3, r * N + i };
      expected[(i / 10) * 10 * N_RUNS + r * 10 + i % 10] = keys[i];
    }
    runs[r] = write_run (keys, N, 7);
  }
  check_merge (runs, N_RUNS, expected, N_RUNS * N, SEQ_SORT_ASCENDING, 0, G_MAXSIZE);
  for (guint r = 0; r < N_RUNS; r++)
    seq_spill_run_free (runs[r]);
}

/* Long records stay in their files until their turn, whatever their number. */
static void
test_long_records (void)
{
  enum { N_RUNS = 20 };
  SeqSpillRun *runs[N_RUNS];
  SeqSortKey expected[2 * N_RUNS];
  guint64 held = 0;

  for (guint r = 0; r < N_RUNS; r++) {
    SeqSortKey keys[2] = { {2 * r + 1, 1000 + r, r}, {2 * r + 2, 2000 + r, r} };

    runs[r] = write_run (keys, 2, 1);
    expected[r] = keys[0];
    expected[N_RUNS + r] = keys[1];
  }
  check_merge (runs, N_RUNS, expected, 2 * N_RUNS, SEQ_SORT_ASCENDING, 0, 999);
  for (guint r = 0; r < N_RUNS; r++) {
    held += seq_spill_run_get_held (runs[r]);
    seq_spill_run_free (runs[r]);
  }
  g_assert_cmpuint (held, ==, N_RUNS * sizeof (GstSeqRecord));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run-merge/rank", test_rank);
  g_test_add_func ("/run-merge/merge", test_merge);
  g_test_add_func ("/run-merge/stable", test_stable);
  g_test_add_func ("/run-merge/long-records", test_long_records);
  return g_test_run ();
}
