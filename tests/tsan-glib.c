/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells ThreadSanitizer what GLib's locks order. Debian's GLib is not built with it and has locks
 * of its own making (futexes), so without this every access under a GMutex looks like a race.
 * Linked into the test programs, and seqrun, of a build with -Db_sanitize=thread, where these
 * definitions go before those of the libraries; each calls the one that it stands for. */
#pragma GCC visibility push(default)     /* the libraries have to find them */

#include <dlfcn.h>
#include <gst/gst.h>
#include <string.h>

#undef g_once_init_enter
#undef g_once_init_leave

void __tsan_acquire (void *address);
void __tsan_release (void *address);

/* Defines `real`, the function of the same name further on */
#define REAL(type, name, prototype) \
  static void *known; \
  void *found = __atomic_load_n (&known, __ATOMIC_ACQUIRE); \
  type (*real) prototype; \
  if (found == NULL) { \
    found = dlsym (RTLD_NEXT, name); \
    __atomic_store_n (&known, found, __ATOMIC_RELEASE); \
  } \
  memcpy (&real, &found, sizeof real)

void
g_mutex_lock (GMutex * mutex)
{
  REAL (void, "g_mutex_lock", (GMutex *));
  real (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex * mutex)
{
  gboolean locked;
  REAL (gboolean, "g_mutex_trylock", (GMutex *));
  locked = real (mutex);
  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex * mutex)
{
  REAL (void, "g_mutex_unlock", (GMutex *));
  __tsan_release (mutex);
  real (mutex);
}

void
g_rec_mutex_lock (GRecMutex * mutex)
{
  REAL (void, "g_rec_mutex_lock", (GRecMutex *));
  real (mutex);
  __tsan_acquire (mutex);
}

void
g_rec_mutex_unlock (GRecMutex * mutex)
{
  REAL (void, "g_rec_mutex_unlock", (GRecMutex *));
  __tsan_release (mutex);
  real (mutex);
}

void
g_cond_wait (GCond * cond, GMutex * mutex)
{
  REAL (void, "g_cond_wait", (GCond *, GMutex *));
  __tsan_release (mutex);
  real (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond * cond, GMutex * mutex, gint64 end)
{
  gboolean signalled;
  REAL (gboolean, "g_cond_wait_until", (GCond *, GMutex *, gint64));
  __tsan_release (mutex);
  signalled = real (cond, mutex, end);
  __tsan_acquire (mutex);
  return signalled;
}

gpointer
g_thread_join (GThread * thread)
{
  gpointer result;
  REAL (gpointer, "g_thread_join", (GThread *));
  result = real (thread);
  __tsan_acquire (thread);
  return result;
}

gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first;
  REAL (gboolean, "g_once_init_enter", (volatile void *));
  first = real (location);
  if (!first)
    __tsan_acquire ((void *) location);
  return first;
}

void
g_once_init_leave (volatile void *location, gsize result)
{
  REAL (void, "g_once_init_leave", (volatile void *, gsize));
  __tsan_release ((void *) location);
  real (location, result);
}

/* Who lets go of the last reference sees what all others did before they let go of theirs. */
#define DEFINE_UNREF(function, type) \
  void function (type object) \
  { \
    REAL (void, #function, (type)); \
    __tsan_release (object); \
    __tsan_acquire (object); \
    real (object); \
  }

DEFINE_UNREF (gst_mini_object_unref, GstMiniObject *)
DEFINE_UNREF (gst_object_unref, gpointer)
DEFINE_UNREF (g_object_unref, gpointer)
DEFINE_UNREF (g_bytes_unref, GBytes *)
