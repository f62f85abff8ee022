/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory that is short, as a library for LD_PRELOAD: of the allocations of 64 KiB and more that
 * elements ask for, one fails.
 *
 *   MEMORY_SHIM_PATH=PATH   whose allocations: those with code of files with this path among their
 *                           next callers
 *   MEMORY_SHIM_FAIL=N      the Nth one fails, counted from 1; with 0 none
 *
 * When the process ends there is a line on its standard error, "memory-shim: N", with their
 * number. */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define LARGE ((size_t) 64 << 10)
/* calls between an element and malloc(): those of GLib or of a decoder */
#define MAX_FRAMES 8

/* glibc's own names for them: dlsym(), which would find them, allocates */
extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *old, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);

EXPORT void *malloc (size_t size);
EXPORT void *calloc (size_t n, size_t size);
EXPORT void *realloc (void *old, size_t size);
EXPORT int posix_memalign (void **result, size_t alignment, size_t size);
EXPORT void *mmap (void *at, size_t size, int protection, int flags, int fd, off_t offset);
EXPORT void *mremap (void *old, size_t old_size, size_t size, int flags, ...);

static void *(*real_mmap) (void *, size_t, int, int, int, off_t);
static void *(*real_mremap) (void *, size_t, size_t, int, ...);
static const char *path;
static unsigned fail_at;
static atomic_uint n_large;
static _Thread_local int is_inside;

static void
report (void)
{
  fprintf (stderr, "memory-shim: %u\n", atomic_load (&n_large));
}

__attribute__ ((constructor))
static void
load (void)
{
  const char *number = getenv ("MEMORY_SHIM_FAIL");
  void *frames[MAX_FRAMES];

  is_inside = 1;
  *(void **) &real_mmap = dlsym (RTLD_NEXT, "mmap");
  *(void **) &real_mremap = dlsym (RTLD_NEXT, "mremap");
  backtrace (frames, MAX_FRAMES);       /* loads what it needs, once */
  fail_at = number != NULL ? (unsigned) atoi (number) : 0;
  path = getenv ("MEMORY_SHIM_PATH");
  atexit (report);
  is_inside = 0;
}

static int
is_ours (void)
{
  void *frames[MAX_FRAMES];
  int n = backtrace (frames, MAX_FRAMES), found = 0;
  Dl_info info;

  for (int i = 0; i < n && !found; i++)
    found = dladdr (frames[i], &info) && info.dli_fname != NULL
        && strstr (info.dli_fname, path) != NULL;
  return found;
}

static int
has_to_fail (size_t size)
{
  int fails = 0;

  if (size < LARGE || path == NULL || is_inside)
    return 0;
  is_inside = 1;
  if (is_ours ())
    fails = atomic_fetch_add (&n_large, 1) + 1 == fail_at;
  is_inside = 0;
  if (fails)
    errno = ENOMEM;
  return fails;
}

void *
malloc (size_t size)
{
  return has_to_fail (size) ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  return n > 0 && has_to_fail (size > (size_t) -1 / n ? (size_t) -1 : n * size) ? NULL
      : __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  return has_to_fail (size) ? NULL : __libc_realloc (old, size);
}

int
posix_memalign (void **result, size_t alignment, size_t size)
{
  void *memory = has_to_fail (size) ? NULL : __libc_memalign (alignment, size);

  if (memory == NULL)
    return ENOMEM;
  *result = memory;
  return 0;
}

void *
mmap (void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
  if (real_mmap == NULL)        /* before this library is loaded */
    *(void **) &real_mmap = dlsym (RTLD_NEXT, "mmap");
  return fd < 0 && has_to_fail (size) ? MAP_FAILED : real_mmap (at, size, protection, flags, fd,
      offset);
}

/* Of those of glibc, none has an address to move to. */
void *
mremap (void *old, size_t old_size, size_t size, int flags, ...)
{
  return has_to_fail (size) ? MAP_FAILED : real_mremap (old, old_size, size, flags);
}
