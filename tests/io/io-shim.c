/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file system that misbehaves, as a library for LD_PRELOAD: it stands between a program and
 * read(), pread() and writev() on files whose path begins with IO_SHIM_PATH. What is done is in the
 * environment, all of it optional:
 *
 *   IO_SHIM_SHORT=N      reads and writes move 1 to N bytes, as they fall
 *   IO_SHIM_EINTR=N      each Nth call is interrupted, and moves nothing
 *   IO_SHIM_FAIL=N:E     from byte N on there is no reading: error number E (5 = EIO)
 *   IO_SHIM_AT=N         before the first read that goes past byte N, once:
 *   IO_SHIM_TRUNCATE=S     the file is cut to S bytes,
 *   IO_SHIM_APPEND=FILE    what stands in FILE is appended to it,
 *   IO_SHIM_OVERWRITE=FILE what stands in FILE takes the place of its first bytes,
 *   IO_SHIM_LINK=FILE      it gets another name,
 *   IO_SHIM_REPLACE=FILE   or FILE takes its name */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

EXPORT ssize_t read (int fd, void *buffer, size_t size);
EXPORT ssize_t pread (int fd, void *buffer, size_t size, off_t offset);
EXPORT ssize_t writev (int fd, const struct iovec *vectors, int n);

static ssize_t (*real_read) (int, void *, size_t);
static ssize_t (*real_pread) (int, void *, size_t, off_t);
static ssize_t (*real_writev) (int, const struct iovec *, int);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t act_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *path;
static long long max_size, interrupt_every, fail_from, fail_errno, act_at;
static int has_acted;
static atomic_uint n_calls;

static long long
number (const char *name, long long otherwise)
{
  const char *value = getenv (name);

  return value != NULL ? strtoll (value, NULL, 10) : otherwise;
}

static void
load (void)
{
  const char *fail = getenv ("IO_SHIM_FAIL");

  /* POSIX's own way to get a function out of dlsym(), which C has no cast for */
  *(void **) &real_read = dlsym (RTLD_NEXT, "read");
  *(void **) &real_pread = dlsym (RTLD_NEXT, sizeof (off_t) == 8 ? "pread64" : "pread");
  *(void **) &real_writev = dlsym (RTLD_NEXT, "writev");
  max_size = number ("IO_SHIM_SHORT", 0);
  interrupt_every = number ("IO_SHIM_EINTR", 0);
  fail_from = number ("IO_SHIM_FAIL", -1);
  fail_errno = fail != NULL && strchr (fail, ':') != NULL ? atoi (strchr (fail, ':') + 1) : EIO;
  act_at = number ("IO_SHIM_AT", -1);
  path = getenv ("IO_SHIM_PATH");
}

/* Whether the file of `fd` is one of those that misbehave. Leaves errno alone. */
static int
is_ours (int fd)
{
  char name[64], target[PATH_MAX];
  ssize_t n;
  int before = errno;

  pthread_once (&once, load);
  if (path == NULL)
    return 0;
  snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  n = readlink (name, target, sizeof target);
  errno = before;
  return n > 0 && (size_t) n >= strlen (path) && memcmp (target, path, strlen (path)) == 0;
}

static void
write_file (const char *from, int flags)
{
  char bytes[4096];
  int in = open (from, O_RDONLY | O_CLOEXEC);
  int out = open (path, O_WRONLY | O_CLOEXEC | flags);
  ssize_t n;

  while ((n = real_read (in, bytes, sizeof bytes)) > 0)
    if (write (out, bytes, n) != n)
      abort ();
  close (in);
  close (out);
}

static void
act (void)
{
  const char *appendix = getenv ("IO_SHIM_APPEND"), *other = getenv ("IO_SHIM_REPLACE");
  const char *new_bytes = getenv ("IO_SHIM_OVERWRITE"), *name = getenv ("IO_SHIM_LINK");
  long long size = number ("IO_SHIM_TRUNCATE", -1);

  if (size >= 0 && truncate (path, size) != 0)
    abort ();
  if (appendix != NULL)
    write_file (appendix, O_APPEND);
  if (new_bytes != NULL)
    write_file (new_bytes, 0);
  if (name != NULL && link (path, name) != 0)
    abort ();
  if (other != NULL && rename (other, path) != 0)
    abort ();
}

/* How many bytes the call may move; -1 with errno where it fails. */
static ssize_t
permitted (size_t size, off_t offset, int is_read)
{
  unsigned call = atomic_fetch_add (&n_calls, 1) + 1;

  if (interrupt_every > 0 && call % interrupt_every == 0) {
    errno = EINTR;
    return -1;
  }
  if (max_size > 0 && size > 0) {
    /* 2654435761 is 2^32 / phi: neighbours come out far apart (Knuth, 6.4) */
    size_t some = 1 + (call * 2654435761u >> 8) % max_size;

    size = some < size ? some : size;
  }
  if (is_read && fail_from >= 0 && offset + (long long) size > fail_from) {
    if (offset >= fail_from) {
      errno = fail_errno;
      return -1;
    }
    size = fail_from - offset;
  }
  if (is_read && act_at >= 0 && offset + (long long) size > act_at) {
    pthread_mutex_lock (&act_lock);
    if (!has_acted)
      act ();
    has_acted = 1;
    pthread_mutex_unlock (&act_lock);
  }
  return size;
}

ssize_t
read (int fd, void *buffer, size_t size)
{
  ssize_t n = size;

  if (is_ours (fd))
    n = permitted (size, lseek (fd, 0, SEEK_CUR), 1);
  return n < 0 ? n : real_read (fd, buffer, n);
}

ssize_t
pread (int fd, void *buffer, size_t size, off_t offset)
{
  ssize_t n = size;

  if (is_ours (fd))
    n = permitted (size, offset, 1);
  return n < 0 ? n : real_pread (fd, buffer, n, offset);
}

ssize_t
writev (int fd, const struct iovec *vectors, int n)
{
  struct iovec first;
  ssize_t some;

  if (!is_ours (fd) || n == 0)
    return real_writev (fd, vectors, n);
  first = vectors[0];
  some = permitted (first.iov_len, 0, 0);
  if (some < 0)
    return -1;
  first.iov_len = some;
  return real_writev (fd, &first, 1);
}
