/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of host memory that this process may still take without pushing others out: the least of
 * what the kernel calls available (`MemAvailable` of /proc/meminfo) and of what is left in the
 * memory cgroups that the process is in (version 2: memory.max − memory.current of the group and
 * of every group above it; version 1: memory.limit_in_bytes − memory.usage_in_bytes of its group).
 * Page cache in a cgroup counts as taken, so the answer is on the safe side.
 * `root`: "/", or in tests a tree with proc/ and sys/fs/cgroup/. G_MAXUINT64 where nothing says. */
guint64 seq_host_memory_headroom (const gchar *root);

G_END_DECLS
