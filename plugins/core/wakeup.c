/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wakeup.h"

/* looks before it sleeps: some microseconds, about what sleeping costs; and where others have work
 * for the thread all the time, what it costs them, too, to wake it */
#define LOOKS 400
#define LOOKS_FOR_WORK 2000

void
seq_wakeup_init (SeqWakeup * self)
{
  *self = (SeqWakeup) { .n_sleeping = 0 };
  g_cond_init (&self->cond);
}

void
seq_wakeup_clear (SeqWakeup * self)
{
  g_cond_clear (&self->cond);
}

/* Lets the other thread of the same core go first, and the loop end at once when it is over. */
static inline void
relax (void)
{
#if defined (__x86_64__) || defined (__i386__)
  __builtin_ia32_pause ();
#elif defined (__aarch64__)
  __asm__ volatile ("yield");
#endif
}

/* On one processor nobody looks: nobody else could work meanwhile. */
static guint
limit_looks (guint looks)
{
  static gsize n_processors = 0;

  if (g_once_init_enter (&n_processors))
    g_once_init_leave (&n_processors, g_get_num_processors ());
  return n_processors > 1 ? looks : 1;
}

/* Whoever raises it still has the lock for a moment. To sleep until then would cost both sides. */
static void
lock_soon (GMutex * lock)
{
  for (guint i = limit_looks (LOOKS); --i > 0;) {
    if (g_mutex_trylock (lock))
      return;
    relax ();
  }
  g_mutex_lock (lock);
}

static void
look_and_sleep (SeqWakeup * self, GMutex * lock, guint looks, const gint * n)
{
  gint seen = g_atomic_int_get (&self->n_raised);

  if (looks > 1) {
    g_mutex_unlock (lock);
    while (--looks > 0 && g_atomic_int_get (&self->n_raised) == seen && g_atomic_int_get (n) <= 0)
      relax ();
    lock_soon (lock);
  }
  if (g_atomic_int_get (&self->n_raised) != seen || g_atomic_int_get (n) > 0)
    return;
  self->n_sleeping++;
  g_cond_wait (&self->cond, lock);
  self->n_sleeping--;
}

void
seq_wakeup_wait (SeqWakeup * self, GMutex * lock)
{
  static const gint never = 0;

  look_and_sleep (self, lock, limit_looks (LOOKS), &never);
}

void
seq_wakeup_wait_unless (SeqWakeup * self, GMutex * lock, const gint * n)
{
  look_and_sleep (self, lock, limit_looks (LOOKS_FOR_WORK), n);
}

void
seq_wakeup_raise (SeqWakeup * self)
{
  g_atomic_int_inc (&self->n_raised);
  if (self->n_sleeping > 0)
    g_cond_signal (&self->cond);
}

void
seq_wakeup_raise_all (SeqWakeup * self)
{
  g_atomic_int_inc (&self->n_raised);
  if (self->n_sleeping > 0)
    g_cond_broadcast (&self->cond);
}
