/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct _SeqQuarantine
{
  int fd;
  gchar *path;
  guint64 size;
};

static gboolean
fail (const gchar * path, const gchar * what, int code, GError ** error)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s: %s: %s", path, what,
      g_strerror (code));
  return FALSE;
}

SeqQuarantine *
seq_quarantine_open (const gchar * path, GError ** error)
{
  /* without O_NONBLOCK a named pipe would wait here for its reader */
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
  SeqQuarantine *self;
  struct stat info;

  if (fd < 0 || fstat (fd, &info) < 0 || S_ISFIFO (info.st_mode) || S_ISSOCK (info.st_mode)) {
    fail (path, "can't be the quarantine file", fd < 0 ? errno : EINVAL, error);
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  self = g_new (SeqQuarantine, 1);
  *self = (SeqQuarantine) { fd, g_strdup (path), 0 };
  return self;
}

void
seq_quarantine_close (SeqQuarantine * self)
{
  if (self == NULL)
    return;
  close (self->fd);
  g_free (self->path);
  g_free (self);
}

gboolean
seq_quarantine_write (SeqQuarantine * self, const guint8 * data, gsize size, GError ** error)
{
  while (size > 0) {
    gssize n = write (self->fd, data, size);

    if (n < 0 && errno != EINTR)
      return fail (self->path, "can't write", errno, error);
    data += MAX (n, 0);
    size -= MAX (n, 0);
    self->size += MAX (n, 0);
  }
  return TRUE;
}

guint64
seq_quarantine_get_size (SeqQuarantine * self)
{
  return self->size;
}

gboolean
seq_quarantine_cut (SeqQuarantine * self, guint64 size, GError ** error)
{
  /* a device, /dev/null say, keeps nothing to take back */
  if ((ftruncate (self->fd, size) < 0 || lseek (self->fd, size, SEEK_SET) < 0) && errno != EINVAL
      && errno != ESPIPE)
    return fail (self->path, "can't shorten the quarantine file", errno, error);
  self->size = size;
  return TRUE;
}
