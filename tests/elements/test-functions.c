/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/seq.h>

/* The seed's functions as applications call them. Edges of the arithmetic are tested where it
 * stands, in plugins/core. They need no gst_init(). */

#define MIB (GST_SEQ_GIB / 1024)

static void
test_workers (void)
{
  g_assert_cmpuint (gst_seq_workers (4, 16, -1), ==, 4);
  g_assert_cmpuint (gst_seq_workers (1, 64, -1), ==, 8);
  g_assert_cmpuint (gst_seq_workers (0, 2, -1), ==, 2);
  g_assert_cmpuint (gst_seq_workers (8, 4, -1), ==, 1);
  g_assert_cmpuint (gst_seq_workers (4, 16, 0), ==, 0);
  g_assert_cmpuint (gst_seq_workers (4, 16, 3), ==, 3);
  g_assert_cmpuint (gst_seq_workers (1, 0, -1), >=, 1);
  g_assert_cmpuint (gst_seq_workers (1, 0, -1), <=, 8);
}

static void
test_estimate (void)
{
  const guint64 model = 3 * GST_SEQ_GIB;

  g_assert_cmpuint (gst_seq_estimate_memory (32, 1024, model, 768, 2), ==, model + 192 * MIB);
  g_assert_cmpuint (gst_seq_estimate_memory (32, 1024, model, 768, 4), ==, model + 384 * MIB);
  g_assert_cmpuint (gst_seq_estimate_memory (0, 1024, model, 768, 2), ==, model);
  g_assert_cmpuint (gst_seq_estimate_memory (G_MAXUINT, G_MAXUINT, model, 768, 2), ==, G_MAXUINT64);
}

static void
test_safe_batch (void)
{
  const guint64 model = 3 * GST_SEQ_GIB, all = 10 * GST_SEQ_GIB;

  g_assert_cmpuint (gst_seq_safe_batch_size (model, 1024, all, 0.8), ==, 955);
  g_assert_cmpuint (gst_seq_safe_batch_size (2 * all, 1024, all, 0.8), ==, 1);
  g_assert_cmpuint (gst_seq_safe_batch_size (model, 0, all, 0.8), ==, 0);
}

static void
test_fragmentation (void)
{
  g_assert_cmpfloat_with_epsilon (gst_seq_fragmentation (8 * GST_SEQ_GIB, 12 * GST_SEQ_GIB),
      1 / 3.0, 1e-12);
  g_assert_cmpfloat (gst_seq_fragmentation (0, 0), ==, 0.0);
  g_assert_cmpfloat (gst_seq_fragmentation (0, 5), ==, 1.0);
}

static void
test_suggestion (void)
{
  const gchar *smaller = NULL, *larger = NULL, *same = NULL;

  g_assert_cmpuint (gst_seq_suggest_batch_size (100, 0.4, 0, &smaller), ==, 80);
  g_assert_cmpuint (gst_seq_suggest_batch_size (100, 0.05, 12 * GST_SEQ_GIB, &larger), ==, 120);
  g_assert_cmpuint (gst_seq_suggest_batch_size (100, 0.15, 12 * GST_SEQ_GIB, &same), ==, 100);
  g_assert_cmpuint (gst_seq_suggest_batch_size (1, 0.4, 0, NULL), ==, 1);
  g_assert_nonnull (smaller);
  g_assert_nonnull (larger);
  g_assert_nonnull (same);
  g_assert_cmpstr (smaller, !=, larger);
  g_assert_cmpstr (smaller, !=, same);
}

static void
test_should_clear (void)
{
  guint cleared = 0;

  for (guint64 batch = 0; batch <= 100; batch++) {
    cleared += gst_seq_should_clear (batch, 10);
    g_assert_cmpint (gst_seq_should_clear (batch, 10), ==, batch > 0 && batch % 10 == 0);
    g_assert_false (gst_seq_should_clear (batch, 0));
    g_assert_false (gst_seq_should_clear (batch, -10));
  }
  g_assert_cmpuint (cleared, ==, 10);
}

static void
test_expandable_segments (void)
{
  static const struct
  {
    const gchar *value, *merged;
  } rows[] = {
    {NULL, "expandable_segments:True"}, {"", "expandable_segments:True"},
    {"max_split_size_mb:128", "max_split_size_mb:128,expandable_segments:True"},
    {"expandable_segments:False", "expandable_segments:False"},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree gchar *merged = gst_seq_merge_expandable_segments (rows[i].value);

    g_assert_cmpstr (merged, ==, rows[i].merged);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/functions/workers", test_workers);
  g_test_add_func ("/functions/estimate", test_estimate);
  g_test_add_func ("/functions/safe-batch", test_safe_batch);
  g_test_add_func ("/functions/fragmentation", test_fragmentation);
  g_test_add_func ("/functions/suggestion", test_suggestion);
  g_test_add_func ("/functions/should-clear", test_should_clear);
  g_test_add_func ("/functions/expandable-segments", test_expandable_segments);
  return g_test_run ();
}
