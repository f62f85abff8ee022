/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads the file of a tokenizer, whatever its kind, which its first characters tell. */

typedef enum
{
  KIND_VOCAB,
  KIND_FILE,
  KIND_JSON
} Kind;

/* bytes of a file at most */
static const gsize max_sizes[] = {
  [KIND_VOCAB] = 16 * 1024 * 1024,[KIND_FILE] = 64 * 1024,[KIND_JSON] = 64 * 1024 * 1024
};

#define MAX_SIZE ((gsize) 64 * 1024 * 1024)

/* A tokenizer file starts with its group, behind comments and empty lines. */
static Kind
tell_kind (const gchar *text, gsize len)
{
  const gchar *end = text + len;

  if (seq_tokenizer_is_json (text, len))
    return KIND_JSON;
  while (text < end && (*text == '#' || g_ascii_isspace (*text))) {
    const gchar *newline = *text == '#' ? memchr (text, '\n', (gsize) (end - text)) : text;

    text = newline != NULL ? newline + 1 : end;
  }
  return g_str_has_prefix (text, "[tokenizer]") ? KIND_FILE : KIND_VOCAB;
}

static gboolean
read_limited (gint fd, gchar *text, gsize room, gsize *len)
{
  gssize got;

  *len = 0;
  do {
    got = read (fd, text + *len, room - *len);
    if (got > 0)
      *len += (gsize) got;
  } while ((got > 0 && *len < room) || (got < 0 && errno == EINTR));
  return got >= 0;
}

static gboolean
fail_size (const gchar *path, gsize limit, GError **error)
{
  g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT,
      "%s is not a plain file of at most %" G_GSIZE_FORMAT " bytes", path, limit);
  return FALSE;
}

static gboolean
parse (SeqTokenizer *tokenizer, gchar *text, gsize len, const gchar *path, GError **error)
{
  Kind kind = tell_kind (text, len);

  if (len > max_sizes[kind])
    return fail_size (path, max_sizes[kind], error);
  switch (kind) {
    case KIND_FILE:
      return seq_tokenizer_parse_file (tokenizer, text, len, path, error);
    case KIND_JSON:
      return seq_tokenizer_parse_json (tokenizer, text, len, path, error);
    case KIND_VOCAB:
      break;
  }
  return seq_tokenizer_parse_vocab (tokenizer, text, len, path, error);
}

/* Models that users ask for by name, whose vocabulary is too much for a preset. */
static const struct
{
  const gchar *name, *model;
} own_files[] = {
  {"dnabert2", "DNABERT-2 (zhihan1996/DNABERT-2-117M on Hugging Face)"}
};

static void
fail_open (const gchar *path, gint code, GError **error)
{
  gchar *names;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (own_files); i++) {
    if (strcmp (own_files[i].name, path) == 0) {
      g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NOT_FOUND,
          "%s is no preset: give the path of the tokenizer.json that comes with the model %s", path,
          own_files[i].model);
      return;
    }
  }
  names = g_strjoinv (", ", (gchar **) seq_tokenizer_list_presets ());
  g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NOT_FOUND,
      "%s is neither a preset (%s) nor a file that can be opened: %s", path, names,
      g_strerror (code));
  g_free (names);
}

static gint
open_path (const gchar *path, struct stat *status, GError **error)
{
  /* without O_NONBLOCK a named pipe would wait here for its writer */
  gint fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0 || fstat (fd, status) < 0) {
    fail_open (path, errno, error);
  } else if (!S_ISREG (status->st_mode) || status->st_size > (off_t) MAX_SIZE) {
    fail_size (path, MAX_SIZE, error);
  } else {
    return fd;
  }
  if (fd >= 0)
    close (fd);
  return -1;
}

gboolean
seq_tokenizer_load_path (SeqTokenizer *tokenizer, const gchar *path, GError **error)
{
  struct stat status;
  gint fd = open_path (path, &status, error);
  gboolean ok = FALSE;
  gsize room, len;
  gchar *text;

  if (fd < 0)
    return FALSE;
  /* one byte to see that the file has grown, one for a terminator */
  room = (gsize) status.st_size + 1;
  text = g_malloc (room + 1);
  if (!read_limited (fd, text, room, &len) || len == room) {
    g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT, "%s cannot be read: %s",
        path, len == room ? "it has grown meanwhile" : g_strerror (errno));
  } else {
    text[len] = '\0';
    ok = parse (tokenizer, text, len, path, error);
  }
  g_free (text);
  close (fd);
  return ok;
}
