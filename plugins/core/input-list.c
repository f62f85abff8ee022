/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input-list.h"
#include "input.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static const gchar *const sequence_suffixes[] = {
  ".fa", ".fasta", ".faa", ".fna", ".ffn", ".frn", ".fas", ".fq", ".fastq", NULL
};

static const gchar *const compression_suffixes[] = { ".gz", ".bgz", ".zst", NULL };

/* The length of the name without the suffix of the list that it ends with, or 0. */
static gsize
without_suffix (const gchar * name, gsize length, const gchar * const *suffixes)
{
  for (; *suffixes != NULL; suffixes++) {
    gsize n = strlen (*suffixes);

    if (length > n && g_ascii_strncasecmp (name + length - n, *suffixes, n) == 0)
      return length - n;
  }
  return 0;
}

static gboolean
is_sequence_file_name (const gchar * name)
{
  gsize length = strlen (name);
  gsize shorter = without_suffix (name, length, compression_suffixes);

  if (shorter > 0)
    length = shorter;
  return name[0] != '.' && without_suffix (name, length, sequence_suffixes) > 0;
}

static gint
compare_bytewise (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar * const *) a, *(const gchar * const *) b);
}

static void
set_error (GError ** error, int code, const gchar * location, const gchar * what)
{
  gchar *name = g_filename_display_name (location);

  g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (code), "%s \"%s\": %s", what,
      name, g_strerror (code));
  g_free (name);
}

/* Takes the matches, sorted, over into the files. */
static void
take_sorted (GPtrArray * files, GPtrArray * matches)
{
  g_ptr_array_sort (matches, compare_bytewise);
  g_ptr_array_extend_and_steal (files, matches);
}

static gboolean
add_directory (GPtrArray * files, const gchar * path, GError ** error)
{
  GPtrArray *matches;
  GDir *dir = g_dir_open (path, 0, error);
  const gchar *name;
  struct stat info;
  int code;

  if (dir == NULL)
    return FALSE;
  matches = g_ptr_array_new_with_free_func (g_free);
  /* NULL is the end or a failure of readdir(), which only errno tells. */
  while (errno = 0, (name = g_dir_read_name (dir)) != NULL) {
    gchar *file = g_build_filename (path, name, NULL);

    /* A link that leads nowhere stays: that is for the reader to complain about, not to be
     * passed over. */
    if (is_sequence_file_name (name) && (stat (file, &info) != 0 || S_ISREG (info.st_mode)))
      g_ptr_array_add (matches, g_steal_pointer (&file));
    g_free (file);
  }
  code = errno;
  g_dir_close (dir);
  if (code != 0 || matches->len == 0) {
    set_error (error, code != 0 ? code : ENOENT, path, "No sequence files in directory");
    g_ptr_array_unref (matches);
    return FALSE;
  }
  take_sorted (files, matches);
  return TRUE;
}

static gboolean
add_pattern (GPtrArray * files, const gchar * pattern, GError ** error)
{
  GPtrArray *matches = g_ptr_array_new_with_free_func (g_free);
  struct stat info;
  glob_t found = { 0 };
  gboolean ok = FALSE;
  gsize i;
  /* A directory that cannot be read is an error: the files in it would be missing without a
   * word. */
  int result = glob (pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);

  if (result == GLOB_ABORTED || result == GLOB_NOSPACE) {
    set_error (error, result == GLOB_NOSPACE ? ENOMEM : errno, pattern, "Could not search");
    goto out;
  }
  for (i = 0; i < found.gl_pathc; i++)
    if (stat (found.gl_pathv[i], &info) != 0 || !S_ISDIR (info.st_mode))
      g_ptr_array_add (matches, g_strdup (found.gl_pathv[i]));
  ok = matches->len > 0;
  if (ok)
    take_sorted (files, g_steal_pointer (&matches));
  else
    set_error (error, ENOENT, pattern, "No file matches");

out:
  globfree (&found);
  g_clear_pointer (&matches, g_ptr_array_unref);
  return ok;
}

static gboolean
add_location (GPtrArray * files, const gchar * location, GError ** error)
{
  GError *reason = NULL;
  gchar *path = seq_input_local_path (location, &reason);
  struct stat info;
  gboolean ok = TRUE;

  if (reason != NULL) {
    g_propagate_error (error, reason);
    ok = FALSE;
  } else if (path == NULL) {
    g_ptr_array_add (files, g_strdup (location));
  } else if (stat (path, &info) == 0) {
    if (S_ISDIR (info.st_mode))
      ok = add_directory (files, path, error);
    else
      g_ptr_array_add (files, g_strdup (path));
  } else if (errno == ENOENT && strcmp (path, location) == 0 && strpbrk (path, "*?[") != NULL) {
    ok = add_pattern (files, path, error);
  } else {
    set_error (error, errno, location, "Could not open");
    ok = FALSE;
  }
  g_free (path);
  return ok;
}

GPtrArray *
seq_input_list_expand (const gchar * const *locations, GError ** error)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = TRUE;

  for (; ok && *locations != NULL; locations++)
    ok = add_location (files, *locations, error);
  if (ok && files->len == 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "No location given");
    ok = FALSE;
  }
  if (!ok)
    g_clear_pointer (&files, g_ptr_array_unref);
  return files;
}
