/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_HTSLIB
#include <htslib/hfile.h>
#endif

/* Above this Linux cuts reads short anyway. */
#define MAX_READ (1u << 30)

struct _SeqInput
{
  gchar *location;
  int fd;                       /* -1 for a remote location */
  gboolean may_wait;            /* no regular file: wait with poll before reading */
  off_t size;                   /* of a regular file when it was opened */
  struct timespec changed;      /* its last change then */
  guint64 offset;               /* of the next byte */
  int wake;                     /* eventfd, readable while interrupted */
  gint interrupted;             /* atomic */
#ifdef HAVE_HTSLIB
  hFILE *remote;
#endif
};

static void
set_error (GError ** error, GFileError code, const gchar * what, const gchar * location,
    const gchar * why)
{
  gchar *name = g_filename_display_name (location);

  g_set_error (error, G_FILE_ERROR, (gint) code, "%s \"%s\": %s", what, name, why);
  g_free (name);
}

static void
set_error_from_errno (GError ** error, int code, const gchar * what, const gchar * location)
{
  set_error (error, g_file_error_from_errno (code), what, location, g_strerror (code));
}

/* ---- locations ---- */

static gboolean
location_is_stdin (const gchar * location)
{
  return strcmp (location, "-") == 0;
}

/* The scheme of a URI, in which case counts for nothing; NULL for a path. */
static gchar *
location_scheme (const gchar * location)
{
  g_autofree gchar *scheme = NULL;

  if (strstr (location, "://") != NULL)
    scheme = g_uri_parse_scheme (location);
  return scheme != NULL ? g_ascii_strdown (scheme, -1) : NULL;
}

gchar *
seq_input_local_path (const gchar * location, GError ** error)
{
  GError *reason = NULL;
  gchar *scheme, *path = NULL;

  if (location_is_stdin (location))
    return NULL;
  scheme = location_scheme (location);
  if (scheme == NULL)
    return g_strdup (location);
  if (strcmp (scheme, "file") == 0) {
    path = g_filename_from_uri (location, NULL, &reason);
    if (path == NULL)
      set_error (error, G_FILE_ERROR_INVAL, "Could not open", location, reason->message);
    g_clear_error (&reason);
  }
  g_free (scheme);
  return path;
}

static gboolean
location_stat (const gchar * location, struct stat *info)
{
  gchar *path;
  gboolean ok;

  if (location_is_stdin (location))
    return fstat (STDIN_FILENO, info) == 0;
  path = seq_input_local_path (location, NULL);
  ok = path != NULL && stat (path, info) == 0;
  g_free (path);
  return ok;
}

int
seq_input_get_file (SeqInput * self)
{
  return self->fd >= 0 && !self->may_wait && !location_is_stdin (self->location) ? self->fd : -1;
}

gboolean
seq_input_seek_file (SeqInput * self, guint64 offset)
{
  if (seq_input_get_file (self) < 0 || offset > G_MAXINT64
      || lseek (self->fd, (off_t) offset, SEEK_SET) != (off_t) offset)
    return FALSE;
  self->offset = offset;
  return TRUE;
}

guint64
seq_input_size_of (const gchar * location)
{
  struct stat info;
  off_t start = 0;

  if (!location_stat (location, &info) || !S_ISREG (info.st_mode))
    return G_MAXUINT64;
  if (location_is_stdin (location))
    start = lseek (STDIN_FILENO, 0, SEEK_CUR);
  return start >= 0 && start <= info.st_size ? (guint64) (info.st_size - start) : G_MAXUINT64;
}

gboolean
seq_input_can_rewind (const gchar * location)
{
  struct stat info;
  gchar *path;

  if (location_is_stdin (location))
    return FALSE;
  path = seq_input_local_path (location, NULL);
  if (path == NULL)
    return TRUE;
  g_free (path);
  return location_stat (location, &info) && S_ISREG (info.st_mode);
}

/* ---- opening ---- */

#ifdef HAVE_HTSLIB
static gboolean
open_remote (SeqInput * self, GError ** error)
{
  static const gchar *const schemes[] = { "http", "https", "ftp", "s3", "gs", NULL };
  gchar *scheme = location_scheme (self->location);
  gboolean known = scheme != NULL && g_strv_contains (schemes, scheme);

  if (!known) {
    set_error (error, G_FILE_ERROR_INVAL, "Could not open", self->location,
        "unknown kind of location");
  } else {
    self->remote = hopen (self->location, "r");
    if (self->remote == NULL)
      set_error_from_errno (error, errno, "Could not open", self->location);
  }
  g_free (scheme);
  return self->remote != NULL;
}
#else
static gboolean
open_remote (SeqInput * self, GError ** error)
{
  set_error (error, G_FILE_ERROR_NOSYS, "Could not open", self->location,
      "remote locations need a build with htslib");
  return FALSE;
}
#endif

/* Without blocking: the open of a named pipe would wait for a writer, where nothing could interrupt
 * it. For regular files the flag has no effect. */
static gboolean
open_local (SeqInput * self, const gchar * path, GError ** error)
{
  struct stat info;

  self->fd = STDIN_FILENO;
  if (path != NULL)
    do
      self->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (self->fd < 0 && errno == EINTR);
  if (self->fd < 0 || fstat (self->fd, &info) != 0) {
    set_error_from_errno (error, errno, "Could not open", self->location);
    return FALSE;
  }
  if (S_ISDIR (info.st_mode)) {
    set_error_from_errno (error, EISDIR, "Could not open", self->location);
    return FALSE;
  }
  self->may_wait = !S_ISREG (info.st_mode);
  self->size = info.st_size;
  self->changed = info.st_mtim;
  if (self->may_wait) {
    self->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake < 0) {
      set_error_from_errno (error, errno, "Could not wait for", self->location);
      return FALSE;
    }
  } else {
    (void) posix_fadvise (self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  return TRUE;
}

SeqInput *
seq_input_open (const gchar * location, GError ** error)
{
  SeqInput *self = g_new0 (SeqInput, 1);
  GError *reason = NULL;
  gchar *path;

  self->location = g_strdup (location);
  self->fd = self->wake = -1;
  path = seq_input_local_path (location, &reason);
  if (reason == NULL) {
    if (path != NULL || location_is_stdin (location))
      open_local (self, path, &reason);
    else
      open_remote (self, &reason);
  }
  g_free (path);
  if (reason != NULL) {
    g_propagate_error (error, reason);
    g_clear_pointer (&self, seq_input_close);
  }
  return self;
}

void
seq_input_close (SeqInput * self)
{
#ifdef HAVE_HTSLIB
  if (self->remote != NULL)
    hclose_abruptly (self->remote);
#endif
  if (self->fd >= 0 && !location_is_stdin (self->location))
    close (self->fd);
  if (self->wake >= 0)
    close (self->wake);
  g_free (self->location);
  g_free (self);
}

/* ---- reading ---- */

static ssize_t
read_some (SeqInput * self, guint8 * buffer, gsize size)
{
  struct pollfd fds[2] = {
    { self->fd, POLLIN, 0 },
    { self->wake, POLLIN, 0 }
  };

#ifdef HAVE_HTSLIB
  if (self->remote != NULL)
    return hread (self->remote, buffer, size);
#endif
  if (self->may_wait) {
    if (poll (fds, 2, -1) < 0)
      return -1;
    if (fds[1].revents != 0) {
      errno = EINTR;
      return -1;
    }
  }
  return read (self->fd, buffer, size);
}

/* The end that was met may be that of a file which was cut meanwhile: half a record of FASTA looks
 * like a whole one. The time of an inode's last change says less than that of its content: it
 * changes with names and rights, too. */
gboolean
seq_input_check (SeqInput * self, GError ** error)
{
  struct stat info;
  gchar *why = NULL;

  if (self->fd < 0 || self->may_wait || fstat (self->fd, &info) != 0)
    return TRUE;
  if (info.st_size < self->size)
    why = g_strdup_printf ("it was cut to %" G_GINT64_FORMAT " of its %" G_GINT64_FORMAT
        " bytes while it was read", (gint64) info.st_size, (gint64) self->size);
  else if (info.st_size == self->size && (info.st_mtim.tv_sec != self->changed.tv_sec
          || info.st_mtim.tv_nsec != self->changed.tv_nsec))
    why = g_strdup ("it was changed while it was read");
  if (why == NULL)
    return TRUE;
  set_error (error, G_FILE_ERROR_IO, "Could not read", self->location, why);
  g_free (why);
  return FALSE;
}

static void
set_read_error (SeqInput * self, int code, GError ** error)
{
  gchar *what = g_strdup_printf ("Could not read byte %" G_GUINT64_FORMAT " of", self->offset);

  set_error_from_errno (error, code, what, self->location);
  g_free (what);
}

gssize
seq_input_read (SeqInput * self, guint8 * buffer, gsize size, GError ** error)
{
  ssize_t n;

  do {
    if (g_atomic_int_get (&self->interrupted)) {
      set_error (error, G_FILE_ERROR_INTR, "Could not read", self->location, "interrupted");
      return -1;
    }
    n = read_some (self, buffer, MIN (size, MAX_READ));
  } while (n < 0 && (errno == EINTR || (errno == EAGAIN && self->may_wait)));

  if (n < 0)
    set_read_error (self, errno, error);
  else if (n == 0 && !seq_input_check (self, error))
    n = -1;
  self->offset += MAX (n, 0);
  return n;
}

void
seq_input_interrupt (SeqInput * self)
{
  const guint64 one = 1;

  g_atomic_int_set (&self->interrupted, TRUE);
  /* It can fail only when the counter is full, and then it is readable all the same. */
  if (self->wake >= 0 && write (self->wake, &one, sizeof one) < 0)
    return;
}

void
seq_input_resume (SeqInput * self)
{
  guint64 count;

  g_atomic_int_set (&self->interrupted, FALSE);
  /* It fails when there was no interrupt, which is as good. */
  if (self->wake >= 0 && read (self->wake, &count, sizeof count) < 0)
    return;
}
