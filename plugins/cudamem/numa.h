/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Host memory near a device, on machines with several nodes of memory. */

/* Node of the PCI device @bus_id ("0000:3B:00.0"), as the kernel says in
 * @sysfs/bus/pci/devices/…/numa_node; -1 = unknown, or a machine with one node only. */
gint cudamem_numa_node_of_pci_device (const gchar * sysfs, const gchar * bus_id);

/* Has the calling thread prefer memory of @node (-1 = as before) for pages that it touches first.
 * Returns what to give to cudamem_numa_restore(). */
typedef struct
{
  gboolean changed;
  gint mode;
  gulong nodes[16];             /* 1024 nodes, the kernel's limit */
} CudamemNumaPolicy;

void cudamem_numa_prefer (gint node, CudamemNumaPolicy * before);
void cudamem_numa_restore (const CudamemNumaPolicy * before);

G_END_DECLS
