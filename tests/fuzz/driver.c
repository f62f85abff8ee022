/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over a directory of inputs, each one test case, where there is no libFuzzer:
 * the corpus, and what fuzzing has found, stay part of the tests. DRIVER DIRECTORY [GLIB'S
 * OPTIONS] */

#include "fuzz.h"

static void
run_file (gconstpointer path)
{
  GError *error = NULL;
  gchar *data;
  gsize size;
  guint8 *exact;

  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  /* without the zero byte that GLib adds, so that a sanitizer sees a read behind the end */
  exact = g_memdup2 (data, size);
  LLVMFuzzerTestOneInput (exact, size);
  g_free (exact);
  g_free (data);
}

static void
run_empty (void)
{
  const guint8 none = 0;

  LLVMFuzzerTestOneInput (&none, 0);
}

int
main (int argc, char **argv)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;
  const gchar *name;
  GDir *dir;
  int status;

  g_test_init (&argc, &argv, NULL);
  if (argc != 2)
    g_error ("which directory?");
  dir = g_dir_open (argv[1], 0, &error);
  g_assert_no_error (error);

  g_test_add_func ("/empty", run_empty);
  while ((name = g_dir_read_name (dir))) {
    gchar *test = g_strconcat ("/corpus/", name, NULL);

    g_ptr_array_add (paths, g_build_filename (argv[1], name, NULL));
    g_test_add_data_func (test, g_ptr_array_index (paths, paths->len - 1), run_file);
    g_free (test);
  }
  g_dir_close (dir);
  g_assert_cmpuint (paths->len, >, 0);
  status = g_test_run ();
  g_ptr_array_unref (paths);
  return status;
}
