/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "length-sort.h"

#include <stdlib.h>
#include <string.h>

static gint
compare_ascending (gconstpointer a, gconstpointer b)
{
  const SeqSortKey *x = a, *y = b;

  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gint
compare_descending (gconstpointer a, gconstpointer b)
{
  const SeqSortKey *x = a, *y = b;

  if (x->length != y->length)
    return x->length > y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gint
compare_id (gconstpointer a, gconstpointer b)
{
  const SeqSortKey *x = a, *y = b;

  return x->id < y->id ? -1 : x->id > y->id;
}

static SeqSortKey *
random_keys (GRand * rand, gsize n, guint32 max_length, guint64 first_id, gboolean in_order)
{
  SeqSortKey *keys = g_new (SeqSortKey, MAX (n, 1));

  for (gsize i = 0; i < n; i++) {
    keys[i].id = first_id + i;
    keys[i].length = max_length > 0 ? g_rand_int (rand) % max_length : 0;
    keys[i].location = i;
  }
  for (gsize i = n; !in_order && i > 1; i--) {
    gsize j = g_rand_int_range (rand, 0, i);
    SeqSortKey swap = keys[i - 1];

    keys[i - 1] = keys[j];
    keys[j] = swap;
  }
  return keys;
}

/* Runs the sort in arrays of exactly n keys, so that a sanitizer sees each step outside. */
static SeqSortKey *
sorted_copy (const SeqSortKey * keys, gsize n, SeqSortOrder order, guint64 seed, gsize group)
{
  SeqSortKey *copy = g_memdup2 (keys, n * sizeof (SeqSortKey));
  SeqSortKey *scratch = g_new (SeqSortKey, n);
  SeqSortKey *result = seq_length_sort (copy, scratch, n, order, seed, group);

  g_assert_true (result == copy || result == scratch);
  g_free (result == copy ? scratch : copy);
  return result;
}

static void
assert_same_keys (const SeqSortKey * a, const SeqSortKey * b, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    g_assert_cmpuint (a[i].id, ==, b[i].id);
    g_assert_cmpuint (a[i].length, ==, b[i].length);
    g_assert_cmpuint (a[i].location, ==, b[i].location);
  }
}

static void
check_against_qsort (GRand * rand, gsize n, guint32 max_length, guint64 first_id,
    gboolean in_order)
{
  g_autofree SeqSortKey *keys = random_keys (rand, n, max_length, first_id, in_order);
  g_autofree SeqSortKey *up = sorted_copy (keys, n, SEQ_SORT_ASCENDING, 1, 0);
  g_autofree SeqSortKey *down = sorted_copy (keys, n, SEQ_SORT_DESCENDING, 1, 0);
  g_autofree SeqSortKey *as_is = sorted_copy (keys, n, SEQ_SORT_NONE, 1, 0);

  assert_same_keys (as_is, keys, n);
  qsort (keys, n, sizeof (SeqSortKey), compare_ascending);
  assert_same_keys (up, keys, n);
  qsort (keys, n, sizeof (SeqSortKey), compare_descending);
  assert_same_keys (down, keys, n);
}

static void
test_by_length (void)
{
  static const guint32 limits[] = { 1, 2, 50, 2000, 40000, 3000000, G_MAXUINT32 };
  static const guint64 first_ids[] = { 0, 1, 1000000, G_MAXUINT32 - 100,
    G_MAXUINT64 - 6000
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (gsize n = 1; n < 40; n++)
    check_against_qsort (rand, n, 5, n, n % 2);
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    for (guint j = 0; j < G_N_ELEMENTS (first_ids); j++) {
      check_against_qsort (rand, g_rand_int_range (rand, 1, 5000), limits[i], first_ids[j], TRUE);
      check_against_qsort (rand, g_rand_int_range (rand, 1, 5000), limits[i], first_ids[j], FALSE);
    }
}

/* Ids far apart, so that digits in the middle of the id are the same in all keys. */
static void
test_sparse_ids (void)
{
  SeqSortKey keys[] = {
    {G_MAXUINT64, 3, 0}, {0, 3, 1}, {G_GUINT64_CONSTANT (1) << 63, 3, 2}, {1, 3, 3},
    {G_GUINT64_CONSTANT (1) << 40, 3, 4}, {2, G_MAXUINT32, 5}, {3, 0, 6}
  };
  g_autofree SeqSortKey *up = sorted_copy (keys, G_N_ELEMENTS (keys), SEQ_SORT_ASCENDING, 0, 0);

  qsort (keys, G_N_ELEMENTS (keys), sizeof (SeqSortKey), compare_ascending);
  assert_same_keys (up, keys, G_N_ELEMENTS (keys));
}

static void
test_empty (void)
{
  for (SeqSortOrder order = SEQ_SORT_ASCENDING; order <= SEQ_SORT_NONE; order++)
    g_assert_null (seq_length_sort (NULL, NULL, 0, order, 1, 0));
}

/* Keys with the same id and length, which a broken source may send, keep their order. */
static void
test_equal_ids_are_stable (void)
{
  enum { N = 1000 };
  g_autofree SeqSortKey *keys = g_new (SeqSortKey, N);

  for (gsize i = 0; i < N; i++)
    keys[i] = (SeqSortKey) {.id = i % 3, .length = i % 2, .location = i };
  for (SeqSortOrder order = SEQ_SORT_ASCENDING; order < SEQ_SORT_NONE; order++) {
    g_autofree SeqSortKey *sorted = sorted_copy (keys, N, order, 5, 100);

    for (gsize i = 1; order != SEQ_SORT_GROUPED && i < N; i++)
      if (sorted[i].id == sorted[i - 1].id && sorted[i].length == sorted[i - 1].length)
        g_assert_cmpuint (sorted[i].location, >, sorted[i - 1].location);
  }
}

static void
test_shuffle (void)
{
  enum { N = 3000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 500, 17, TRUE);
  g_autofree SeqSortKey *first = sorted_copy (keys, N, SEQ_SORT_SHUFFLE, 1, 0);
  g_autofree SeqSortKey *other = sorted_copy (keys, N, SEQ_SORT_SHUFFLE, 2, 0);
  g_autofree SeqSortKey *again = NULL;
  gsize stayed = 0, equal = 0, followers = 0;

  for (gsize i = 0; i < N; i++) {
    stayed += first[i].id == keys[i].id;
    equal += first[i].id == other[i].id;
    followers += i > 0 && first[i].id == first[i - 1].id + 1;
  }
  /* each of the three has a mean of 1 in random permutations */
  g_assert_cmpuint (stayed, <, 12);
  g_assert_cmpuint (equal, <, 12);
  g_assert_cmpuint (followers, <, 12);

  /* the order of the input plays no part */
  for (gsize i = 0; i < N / 2; i++) {
    SeqSortKey swap = keys[i];

    keys[i] = keys[N - 1 - i];
    keys[N - 1 - i] = swap;
  }
  again = sorted_copy (keys, N, SEQ_SORT_SHUFFLE, 1, 0);
  assert_same_keys (again, first, N);

  /* ids come back as they were */
  qsort (again, N, sizeof (SeqSortKey), compare_id);
  for (gsize i = 0; i < N; i++) {
    g_assert_cmpuint (again[i].id, ==, 17 + i);
    g_assert_cmpuint (again[i].location, ==, i);
  }
}

/* Every seed and the ends of the range of ids; the place of a record is spread evenly. */
static void
test_shuffle_is_even (void)
{
  enum { N = 64, SEEDS = 4000 };
  guint count[N] = { 0, };
  g_autofree SeqSortKey *keys = g_new (SeqSortKey, N);

  for (gsize i = 0; i < N; i++)
    keys[i] = (SeqSortKey) {.id = i < N / 2 ? i : G_MAXUINT64 - i, .location = i };
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    g_autofree SeqSortKey *sorted = sorted_copy (keys, N, SEQ_SORT_SHUFFLE, seed, 0);

    for (gsize i = 0; i < N; i++) {
      g_assert_cmpuint (sorted[i].id, ==, keys[sorted[i].location].id);
      if (sorted[i].location == 0)
        count[i]++;
    }
  }
  /* mean 62.5, standard deviation 8 */
  for (gsize i = 0; i < N; i++) {
    g_assert_cmpuint (count[i], >, 62 - 40);
    g_assert_cmpuint (count[i], <, 62 + 40);
  }
}

static void
test_grouped (void)
{
  enum { N = 3001 };
  static const gsize groups[] = { 0, 1, 2, 3, 63, 64, 100, 256, 1000, 3000, N, N + 1, G_MAXSIZE };
  g_autoptr (GRand) rand = g_rand_new_with_seed (13);
  g_autofree SeqSortKey *keys = random_keys (rand, N, 300, 5, FALSE);

  for (guint g = 0; g < G_N_ELEMENTS (groups); g++) {
    g_autofree SeqSortKey *expected = sorted_copy (keys, N, SEQ_SORT_SHUFFLE, 9, 0);
    g_autofree SeqSortKey *grouped = sorted_copy (keys, N, SEQ_SORT_GROUPED, 9, groups[g]);
    gsize group = groups[g] > 0 ? MIN (groups[g], N) : N;

    for (gsize start = 0; start < N; start += group)
      qsort (expected + start, MIN (group, N - start), sizeof (SeqSortKey), compare_ascending);
    assert_same_keys (grouped, expected, N);
  }
}

/* Not a test: times, with `-m perf`. */
static void
time_orders (void)
{
  enum { N = 10000000 };
  static const gchar *const names[] = { "ascending", "descending", "shuffle", "grouped 8192" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (guint in_order = 0; in_order < 2; in_order++) {
    g_autofree SeqSortKey *keys = random_keys (rand, N, 36000, 0, in_order);
    g_autofree SeqSortKey *copy = g_new (SeqSortKey, N);
    g_autofree SeqSortKey *scratch = g_memdup2 (keys, N * sizeof (SeqSortKey));

    for (SeqSortOrder order = SEQ_SORT_ASCENDING; order < SEQ_SORT_NONE; order++) {
      memcpy (copy, keys, N * sizeof (SeqSortKey));
      g_test_timer_start ();
      seq_length_sort (copy, scratch, N, order, 1, 8192);
      g_test_timer_elapsed ();
      g_test_minimized_result (g_test_timer_last (), "%d keys, %s, %s: %.0f ms", N,
          in_order ? "by id" : "mixed", names[order], g_test_timer_last () * 1e3);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/length-sort/empty", test_empty);
  g_test_add_func ("/length-sort/by-length", test_by_length);
  g_test_add_func ("/length-sort/sparse-ids", test_sparse_ids);
  g_test_add_func ("/length-sort/equal-ids-are-stable", test_equal_ids_are_stable);
  g_test_add_func ("/length-sort/shuffle", test_shuffle);
  g_test_add_func ("/length-sort/shuffle-is-even", test_shuffle_is_even);
  g_test_add_func ("/length-sort/grouped", test_grouped);
  if (g_test_perf ())
    g_test_add_func ("/length-sort/time", time_orders);
  return g_test_run ();
}
