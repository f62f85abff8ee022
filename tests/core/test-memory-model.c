/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory-model.h"

#define GIB (G_GUINT64_CONSTANT (1) << 30)
#define MIB (G_GUINT64_CONSTANT (1) << 20)

static void
test_workers (void)
{
  static const struct
  {
    gint n_gpus, n_cpus, requested;
    guint expected;
  } rows[] = {
    {4, 16, -1, 4}, {1, 64, -1, 8}, {0, 2, -1, 2}, {8, 4, -1, 1}, {1, 1, -1, 1},
    {-3, 3, -1, 3}, {G_MAXINT, G_MAXINT, -1, 1}, {2, 17, -1, 8}, {2, 15, -1, 7},
    {4, 16, 0, 0}, {4, 16, 1, 1}, {1, 2, 64, 64}, {4, 16, G_MININT, 4}
  };
  guint i, usable;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpuint (seq_memory_workers (rows[i].n_gpus, rows[i].n_cpus, rows[i].requested), ==,
        rows[i].expected);

  usable = CLAMP (g_get_num_processors (), 1, 8);
  g_assert_cmpuint (seq_memory_workers (1, 0, -1), ==, usable);
  g_assert_cmpuint (seq_memory_workers (1, -1, -1), ==, usable);
}

static void
test_estimate (void)
{
  g_assert_cmpuint (seq_memory_estimate (32, 1024, 3 * GIB, 768, 2), ==, 3 * GIB + 192 * MIB);
  g_assert_cmpuint (seq_memory_estimate (32, 1024, 3 * GIB, 768, 4), ==, 3 * GIB + 384 * MIB);
  g_assert_cmpuint (seq_memory_estimate (0, 1024, 3 * GIB, 768, 2), ==, 3 * GIB);
  g_assert_cmpuint (seq_memory_estimate (32, 0, 3 * GIB, 768, 2), ==, 3 * GIB);
  g_assert_cmpuint (seq_memory_estimate (1, 1, 0, 1, 1), ==, 4);

  /* Too large is the largest value, at every step of the product and in the sum. */
  g_assert_cmpuint (seq_memory_estimate (G_MAXUINT, G_MAXUINT, 0, 768, 2), ==, G_MAXUINT64);
  g_assert_cmpuint (seq_memory_estimate (G_MAXUINT, G_MAXUINT, 0, 1, 1), ==, G_MAXUINT64);
  g_assert_cmpuint (seq_memory_estimate (1, 1, G_MAXUINT64 - 3, 1, 1), ==, G_MAXUINT64);
  g_assert_cmpuint (seq_memory_estimate (1, 1, G_MAXUINT64 - 4, 1, 1), ==, G_MAXUINT64);
  g_assert_cmpuint (seq_memory_estimate (1, 1, G_MAXUINT64 - 5, 1, 1), ==, G_MAXUINT64 - 1);
  g_assert_cmpuint (seq_memory_estimate (G_MAXUINT, G_MAXUINT, 7, 768, 0), ==, 7);
}

static void
test_safe_batch (void)
{
  g_assert_cmpuint (seq_memory_safe_batch_size (3 * GIB, 1024, 10 * GIB, 0.8), ==, 955);
  g_assert_cmpuint (seq_memory_safe_batch_size (20 * GIB, 1024, 10 * GIB, 0.8), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (10 * GIB, 1024, 10 * GIB, 0.8), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (3 * GIB, 0, 10 * GIB, 0.8), ==, 0);
  /* 6 MiB a sequence of 1024: exactly two, and one byte less */
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1024, 12 * MIB, 1.0), ==, 2);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1024, 12 * MIB - 1, 1.0), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1024, 10 * GIB, 0), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1024, 10 * GIB, -1), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1024, 10 * GIB, 0.0 / 0.0), ==, 1);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, 1, G_MAXUINT64, 0.8), ==, G_MAXUINT);
  g_assert_cmpuint (seq_memory_safe_batch_size (0, G_MAXUINT, G_MAXUINT64, 1.0), ==, 699050);
}

static void
test_fragmentation (void)
{
  g_assert_cmpfloat_with_epsilon (seq_memory_fragmentation (8, 12), 1.0 / 3, 1e-12);
  g_assert_cmpfloat (seq_memory_fragmentation (0, 0), ==, 0);
  g_assert_cmpfloat (seq_memory_fragmentation (0, 12), ==, 1);
  g_assert_cmpfloat (seq_memory_fragmentation (12, 12), ==, 0);
  g_assert_cmpfloat (seq_memory_fragmentation (13, 12), ==, 0);
  g_assert_cmpfloat (seq_memory_fragmentation (5, 0), ==, 0);
  g_assert_cmpfloat (seq_memory_fragmentation (0, G_MAXUINT64), ==, 1);
}

static void
test_suggestion (void)
{
  static const struct
  {
    guint batch;
    gdouble fragmentation;
    guint64 free_gib;
    guint expected;
    const gchar *reason;
  } rows[] = {
    {100, 0.40, 12, 80, "smaller"}, {100, 0.05, 12, 120, "larger"}, {100, 0.15, 12, 100, "as it is"},
    {100, 0.30, 12, 100, "as it is"}, {100, 0.10, 12, 100, "as it is"},
    {100, 0.05, 2, 100, "as it is"}, {100, 0.05, 0, 100, "as it is"}, {100, 0.40, 0, 80, "smaller"},
    {1, 0.40, 12, 1, "smaller"}, {1, 0.05, 12, 2, "larger"}, {2, 0.05, 12, 3, "larger"},
    {2, 0.40, 12, 1, "smaller"}, {4, 0.05, 12, 5, "larger"}, {5, 0.05, 12, 6, "larger"},
    {9, 0.40, 12, 7, "smaller"}, {0, 0.40, 12, 1, "smaller"},
    {G_MAXUINT, 0.05, 12, G_MAXUINT, "larger"}, {G_MAXUINT, 0.40, 12, 3435973836u, "smaller"}
  };
  const gchar *reason;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    reason = NULL;
    g_assert_cmpuint (seq_memory_suggest_batch_size (rows[i].batch, rows[i].fragmentation,
            rows[i].free_gib * GIB, &reason), ==, rows[i].expected);
    g_assert_nonnull (reason);
    g_assert_nonnull (g_strstr_len (reason, -1, rows[i].reason));
  }
  g_assert_cmpuint (seq_memory_suggest_batch_size (100, 0.05, 2 * GIB + 1, NULL), ==, 120);
}

static void
test_should_clear (void)
{
  guint64 batch;

  for (batch = 0; batch <= 40; batch++) {
    g_assert_true (seq_memory_should_clear (batch, 10) ==
        (batch == 10 || batch == 20 || batch == 30 || batch == 40));
    g_assert_true (seq_memory_should_clear (batch, 1) == (batch > 0));
    g_assert_false (seq_memory_should_clear (batch, 0));
    g_assert_false (seq_memory_should_clear (batch, -10));
    g_assert_false (seq_memory_should_clear (batch, G_MININT));
  }
  g_assert_true (seq_memory_should_clear (G_GUINT64_CONSTANT (10) << 32, 10));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory-model/workers", test_workers);
  g_test_add_func ("/memory-model/estimate", test_estimate);
  g_test_add_func ("/memory-model/safe-batch", test_safe_batch);
  g_test_add_func ("/memory-model/fragmentation", test_fragmentation);
  g_test_add_func ("/memory-model/suggestion", test_suggestion);
  g_test_add_func ("/memory-model/should-clear", test_should_clear);
  return g_test_run ();
}
