/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytecopy.h"

/* Every distance within a page that is the slow case, and those beside it */
static void
test_distances (void)
{
  static const gsize sizes[] = { 0, 1, 2047, 2048, 2049, 4096, 4097, 6144, 7000 };
  const gsize room = 3 * SEQ_PAGE;
  guint8 *in = seq_read_buffer_new (room), *out = seq_read_buffer_new (room);

  for (gsize i = 0; i < room; i++)
    in[i] = g_test_rand_int ();
  for (gsize start = 0; start < 128; start += 9)
    for (gsize distance = 0; distance < 70; distance++)
      for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
        gsize size = sizes[s], at = start + distance;

        memset (out, 0, room);
        seq_copy_bytes (out + at, in + start, size);
        g_assert_cmpmem (out + at, size, in + start, size);
        for (gsize i = 0; i < at; i++)
          g_assert_cmpuint (out[i], ==, 0);
        for (gsize i = at + size; i < room; i++)
          g_assert_cmpuint (out[i], ==, 0);
      }
  free (in);
  free (out);
}

static void
test_nothing (void)
{
  seq_copy_bytes (NULL, NULL, 0);
}

static void
test_pages (void)
{
  static const gsize sizes[] = { 1, 100, SEQ_PAGE, SEQ_PAGE + 1, 1 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint8 *buffer = seq_read_buffer_new (sizes[i]);

    g_assert_cmpuint (GPOINTER_TO_SIZE (buffer) % SEQ_PAGE, ==, 0);
    memset (buffer, 1, sizes[i]);
    free (buffer);
  }
  g_assert_null (seq_read_buffer_new (G_MAXSSIZE - SEQ_PAGE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bytecopy/distances", test_distances);
  g_test_add_func ("/bytecopy/nothing", test_nothing);
  g_test_add_func ("/bytecopy/pages", test_pages);
  return g_test_run ();
}
