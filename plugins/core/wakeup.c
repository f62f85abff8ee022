/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wakeup.h"

/* looks before it sleeps: some microseconds, about what sleeping costs */
#define LOOKS 400

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

static guint
n_looks (void)
{
  static gsize looks = 0;

  if (g_once_init_enter (&looks))
    g_once_init_leave (&looks, g_get_num_processors () > 1 ? LOOKS : 1);
  return looks;
}

/* Whoever raises it still has the lock for a moment. To sleep until then would cost both sides. */
static void
lock_soon (GMutex * lock)
{
  for (guint i = n_looks (); --i > 0;) {
    if (g_mutex_trylock (lock))
      return;
    relax ();
  }
  g_mutex_lock (lock);
}

void
seq_wakeup_wait (SeqWakeup * self, GMutex * lock)
{
  static const gint never = 0;

  seq_wakeup_wait_unless (self, lock, &never);
}

void
seq_wakeup_wait_unless (SeqWakeup * self, GMutex * lock, const gint * n)
{
  gint seen = g_atomic_int_get (&self->n_raised);
  guint looks = n_looks ();

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
