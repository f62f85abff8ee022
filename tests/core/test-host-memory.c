/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <glib/gstdio.h>

#include "host-memory.h"

#define KIB G_GUINT64_CONSTANT (1024)

typedef struct
{
  gchar *root;
} Tree;

static void
set_up (Tree * tree, gconstpointer data)
{
  tree->root = g_dir_make_tmp ("host-memory-XXXXXX", NULL);
  g_assert_nonnull (tree->root);
}

static void
remove_tree (const gchar * path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir != NULL && (name = g_dir_read_name (dir))) {
    gchar *inner = g_build_filename (path, name, NULL);

    remove_tree (inner);
    g_free (inner);
  }
  if (dir != NULL)
    g_dir_close (dir);
  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
tear_down (Tree * tree, gconstpointer data)
{
  remove_tree (tree->root);
  g_free (tree->root);
}

static void
write_file (Tree * tree, const gchar * name, const gchar * text)
{
  gchar *path = g_build_filename (tree->root, name, NULL), *dir = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_free (path);
  g_free (dir);
}

static void
test_nothing_known (Tree * tree, gconstpointer data)
{
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, G_MAXUINT64);
  write_file (tree, "proc/meminfo", "MemTotal: 10 kB\n");
  write_file (tree, "proc/self/cgroup", "nonsense\n0::relative\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, G_MAXUINT64);
}

static void
test_available (Tree * tree, gconstpointer data)
{
  write_file (tree, "proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:   4000 kB\nBuffers: 1 kB\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 4000 * KIB);
  write_file (tree, "proc/meminfo", "MemAvailable: 99999999999999999999 kB\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, G_MAXUINT64);
}

/* The tightest group on the way to the root counts. */
static void
test_cgroup_v2 (Tree * tree, gconstpointer data)
{
  write_file (tree, "proc/meminfo", "MemAvailable: 4000 kB\n");
  write_file (tree, "proc/self/cgroup", "0::/job/step\n");
  write_file (tree, "sys/fs/cgroup/job/step/memory.max", "max\n");
  write_file (tree, "sys/fs/cgroup/job/step/memory.current", "1000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 4000 * KIB);
  write_file (tree, "sys/fs/cgroup/job/memory.max", "1000000\n");
  write_file (tree, "sys/fs/cgroup/job/memory.current", "400000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 600000);
  write_file (tree, "sys/fs/cgroup/job/step/memory.max", "5000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 4000);
  write_file (tree, "sys/fs/cgroup/job/step/memory.current", "6000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 0);
}

/* In a container the group is the root of what it sees. */
static void
test_cgroup_v2_root (Tree * tree, gconstpointer data)
{
  write_file (tree, "proc/self/cgroup", "0::/\n");
  write_file (tree, "sys/fs/cgroup/memory.max", "5000\n");
  write_file (tree, "sys/fs/cgroup/memory.current", "2000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 3000);
}

static void
test_cgroup_v1 (Tree * tree, gconstpointer data)
{
  write_file (tree, "proc/self/cgroup", "4:cpu,cpuacct:/a\n3:hugetlb,memory:/b\n");
  write_file (tree, "sys/fs/cgroup/memory/b/memory.limit_in_bytes", "7000\n");
  write_file (tree, "sys/fs/cgroup/memory/b/memory.usage_in_bytes", "1000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 6000);
  write_file (tree, "sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
  g_assert_cmpuint (seq_host_memory_headroom (tree->root), ==, 4000);
}

static void
test_this_host (Tree * tree, gconstpointer data)
{
  guint64 headroom = seq_host_memory_headroom ("/");

  g_assert_cmpuint (headroom, >, 0);
  g_assert_cmpuint (headroom, <, G_MAXUINT64);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Tree, NULL, set_up, function, tear_down)
  ADD ("/host-memory/nothing-known", test_nothing_known);
  ADD ("/host-memory/available", test_available);
  ADD ("/host-memory/cgroup-v2", test_cgroup_v2);
  ADD ("/host-memory/cgroup-v2-root", test_cgroup_v2_root);
  ADD ("/host-memory/cgroup-v1", test_cgroup_v1);
  ADD ("/host-memory/this-host", test_this_host);
  return g_test_run ();
}
