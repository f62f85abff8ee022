/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host-memory.h"

#include <string.h>

#define KIB 1024

/* The number in the file, or `fallback` where there is no file or no number ("max"). */
static guint64
read_number (const gchar *root, const gchar *folder, const gchar *group, const gchar *name,
    guint64 fallback)
{
  gchar *path = g_build_filename (root, folder, group, name, NULL), *text = NULL;
  guint64 number = fallback;

  if (g_file_get_contents (path, &text, NULL, NULL)) {
    g_strstrip (text);
    if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &number, NULL))
      number = fallback;
    g_free (text);
  }
  g_free (path);
  return number;
}

static guint64
left (guint64 limit, guint64 used)
{
  if (limit == G_MAXUINT64)
    return limit;
  return limit > used ? limit - used : 0;
}

/* A process sees the groups above its own only where they are mounted; what isn't there says
 * nothing. */
static guint64
cgroup_v2_left (const gchar *root, const gchar *group)
{
  gchar *path = g_strdup (group), *slash;
  guint64 least = G_MAXUINT64;

  for (;;) {
    least = MIN (least, left (read_number (root, "sys/fs/cgroup", path, "memory.max", G_MAXUINT64),
            read_number (root, "sys/fs/cgroup", path, "memory.current", 0)));
    slash = strrchr (path, '/');
    if (slash == NULL || path[1] == '\0')
      break;
    slash[slash == path] = '\0';
  }
  g_free (path);
  return least;
}

static guint64
cgroup_v1_left (const gchar *root, const gchar *group)
{
  const gchar *folder = "sys/fs/cgroup/memory";

  return left (read_number (root, folder, group, "memory.limit_in_bytes", G_MAXUINT64),
      read_number (root, folder, group, "memory.usage_in_bytes", 0));
}

/* Lines are `hierarchy:controllers:path`; hierarchy 0 without controllers is version 2. */
static guint64
cgroups_left (const gchar *root)
{
  gchar *path = g_build_filename (root, "proc/self/cgroup", NULL), *text = NULL;
  guint64 least = G_MAXUINT64;
  gchar **lines;

  if (g_file_get_contents (path, &text, NULL, NULL)) {
    lines = g_strsplit (text, "\n", -1);
    for (gchar **line = lines; *line != NULL; line++) {
      gchar **fields = g_strsplit (*line, ":", 3);

      if (g_strv_length (fields) == 3 && fields[2][0] == '/') {
        gchar **controllers = g_strsplit (fields[1], ",", -1);

        if (fields[1][0] == '\0')
          least = MIN (least, cgroup_v2_left (root, fields[2]));
        else if (g_strv_contains ((const gchar *const *) controllers, "memory"))
          /* in a container the path is that of the host, and the group is the mount itself */
          least = MIN (least, MIN (cgroup_v1_left (root, fields[2]), cgroup_v1_left (root, "/")));
        g_strfreev (controllers);
      }
      g_strfreev (fields);
    }
    g_strfreev (lines);
  }
  g_free (text);
  g_free (path);
  return least;
}

static guint64
available (const gchar *root)
{
  gchar *path = g_build_filename (root, "proc/meminfo", NULL), *text = NULL;
  guint64 size = G_MAXUINT64, kib;
  const gchar *line;

  if (g_file_get_contents (path, &text, NULL, NULL)) {
    line = strstr (text, "MemAvailable:");
    if (line != NULL) {
      kib = g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10);
      size = kib > G_MAXUINT64 / KIB ? G_MAXUINT64 : kib * KIB;
    }
  }
  g_free (text);
  g_free (path);
  return size;
}

guint64
seq_host_memory_headroom (const gchar *root)
{
  return MIN (available (root), cgroups_left (root));
}
