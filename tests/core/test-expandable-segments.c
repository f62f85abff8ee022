/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expandable-segments.h"

#define SET "expandable_segments:True"

static const struct
{
  const gchar *value, *expected;
} rows[] = {
  {NULL, SET},
  {"", SET},
  {"   ", SET},
  {",", SET},
  {"max_split_size_mb:128", "max_split_size_mb:128," SET},
  {" max_split_size_mb:128 ", "max_split_size_mb:128," SET},
  {"max_split_size_mb:128,", "max_split_size_mb:128," SET},
  {",,max_split_size_mb:128", "max_split_size_mb:128," SET},
  {"max_split_size_mb:128 , garbage_collection_threshold:0.8",
      "max_split_size_mb:128,garbage_collection_threshold:0.8," SET},
  /* there already: nothing is added, nothing turned round */
  {SET, SET},
  {" expandable_segments : True ", "expandable_segments : True"},
  {"expandable_segments:False", "expandable_segments:False"},
  {"max_split_size_mb:128,expandable_segments:False,a:b",
      "max_split_size_mb:128,expandable_segments:False,a:b"},
  {"a:b, expandable_segments:False", "a:b,expandable_segments:False"},
  {"expandable_segments", "expandable_segments"},
  /* other keys that contain the name */
  {"expandable_segments_reserve:True", "expandable_segments_reserve:True," SET},
  {"no_expandable_segments:True", "no_expandable_segments:True," SET},
  {"expandable_segment:True", "expandable_segment:True," SET},
  {"Expandable_segments:True", "Expandable_segments:True," SET},
  {"backend:expandable_segments", "backend:expandable_segments," SET},
  /* lists in brackets */
  {"roundup_power2_divisions:[256:1,512:2]", "roundup_power2_divisions:[256:1,512:2]," SET},
  {"roundup_power2_divisions:[256:1, expandable_segments:False ]",
      "roundup_power2_divisions:[256:1, expandable_segments:False ]," SET},
  {"x:[[1,2],expandable_segments:False],y:1", "x:[[1,2],expandable_segments:False],y:1," SET},
  {"x:[1],expandable_segments:False", "x:[1],expandable_segments:False"},
  {"x:1],expandable_segments:False", "x:1],expandable_segments:False"},
  {"x:[1,expandable_segments:False", "x:[1,expandable_segments:False," SET}
};

static void
test_merge (void)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    gchar *merged = seq_expandable_segments_merge (rows[i].value);

    g_assert_cmpstr (merged, ==, rows[i].expected);
    g_free (merged);
  }
}

/* What has been merged once is not changed by merging it again. */
static void
test_idempotent (void)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows) - 1; i++) {
    gchar *merged = seq_expandable_segments_merge (rows[i].expected);

    g_assert_cmpstr (merged, ==, rows[i].expected);
    g_free (merged);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/expandable-segments/merge", test_merge);
  g_test_add_func ("/expandable-segments/idempotent", test_idempotent);
  return g_test_run ();
}
