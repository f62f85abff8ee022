/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "numa.h"

#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BITS (8 * sizeof (gulong))
#define MAX_NODES (G_N_ELEMENTS (((CudamemNumaPolicy *) NULL)->nodes) * BITS)

static gint
read_number (const gchar * path)
{
  gchar *text = NULL;
  gint64 number = -1;

  if (g_file_get_contents (path, &text, NULL, NULL)) {
    g_strstrip (text);
    if (!g_ascii_string_to_signed (text, 10, -1, MAX_NODES - 1, &number, NULL))
      number = -1;
    g_free (text);
  }
  return (gint) number;
}

static gboolean
has_several_nodes (const gchar * sysfs)
{
  gchar *path = g_build_filename (sysfs, "devices", "system", "node", "node1", NULL);
  gboolean several = g_file_test (path, G_FILE_TEST_IS_DIR);

  g_free (path);
  return several;
}

gint
cudamem_numa_node_of_pci_device (const gchar * sysfs, const gchar * bus_id)
{
  gchar *name, *path;
  gint node;

  if (!has_several_nodes (sysfs))
    return -1;
  /* the kernel writes it in lower case */
  name = g_ascii_strdown (bus_id, -1);
  path = g_build_filename (sysfs, "bus", "pci", "devices", name, "numa_node", NULL);
  node = read_number (path);
  g_free (path);
  g_free (name);
  return node;
}

/* The kernel's own calls, so that libnuma isn't needed for two of them. Where they are forbidden,
 * as in some containers, memory comes from where it comes. */
void
cudamem_numa_prefer (gint node, CudamemNumaPolicy * before)
{
  gulong nodes[G_N_ELEMENTS (before->nodes)] = { 0 };

  memset (before, 0, sizeof *before);
  if (node < 0 || (gsize) node >= MAX_NODES
      || syscall (SYS_get_mempolicy, &before->mode, before->nodes, MAX_NODES, NULL, 0) != 0)
    return;
  nodes[node / BITS] = 1ul << node % BITS;
  before->changed = syscall (SYS_set_mempolicy, MPOL_PREFERRED, nodes, MAX_NODES) == 0;
}

void
cudamem_numa_restore (const CudamemNumaPolicy * before)
{
  if (before->changed)
    syscall (SYS_set_mempolicy, before->mode, before->nodes, MAX_NODES);
}
