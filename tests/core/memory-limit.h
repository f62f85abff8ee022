/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What tests of memory that is not there share. They limit it in a process of their own. */

/* Bytes of address space in use. */
static inline guint64
memory_in_use (void)
{
  gchar *text = NULL;
  guint64 pages;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  pages = g_ascii_strtoull (text, NULL, 10);
  g_free (text);
  return pages * (guint64) sysconf (_SC_PAGESIZE);
}

/* Whether the test goes on, in a process of its own; else it has been run there, or skipped, as
 * sanitizers take address space by the terabyte. */
static inline gboolean
begin_memory_test (void)
{
  if (g_test_subprocess ())
    return TRUE;
  if (memory_in_use () > G_GUINT64_CONSTANT (1) << 40) {
    g_test_skip ("limits of memory do not go with the sanitizer");
    return FALSE;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  return FALSE;
}

/* From now on no more than 256 MiB can be had. */
static inline void
limit_memory (void)
{
  rlim_t most = memory_in_use () + (256 << 20);
  struct rlimit limit = { most, most };

  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
}
