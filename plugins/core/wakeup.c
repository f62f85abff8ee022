/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wakeup.h"

#include "processor.h"

/* Microseconds that it looks before it sleeps: somewhat more than falling asleep and being woken
 * takes, which is some 25 on a virtual machine. With less, two threads that hand each other
 * something every microsecond would sleep each time, once one of them has been woken too late. */
#define LOOK_TIME 40

/* Looks in vain that halve that time, down to nothing: whoever raises it is far behind, or waits
 * for this very processor; and after how many it looks for the whole of it again. */
#define HALVED_AFTER 4
#define WHOLE_AFTER 32

/* looks between two glances at the clock */
#define LOOKS_AT_ONCE 32

/* tries to take a lock */
#define TRIES 400

/* Microseconds from a move to another processor to the next one, which costs some 2 %, and how
 * often that is doubled where moving doesn't help: all processors may be at work. */
#define MOVE_INTERVAL 4000
#define MAX_DOUBLED 6

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
static gboolean
may_look (void)
{
  static gsize n_processors = 0;

  if (g_once_init_enter (&n_processors))
    g_once_init_leave (&n_processors, g_get_num_processors ());
  return n_processors > 1;
}

void
seq_lock_soon (GMutex * lock)
{
  if (g_mutex_trylock (lock))
    return;
  for (guint i = may_look () ? TRIES : 0; i > 0; i--) {
    relax ();
    if (g_mutex_trylock (lock))
      return;
  }
  g_mutex_lock (lock);
}

static gboolean
is_raised (SeqWakeup * self, gint seen, const gint * n)
{
  return g_atomic_int_get (&self->n_raised) != seen || g_atomic_int_get (n) > 0;
}

/* Without the lock. Whether it was raised within `time` */
static gboolean
look (SeqWakeup * self, gint seen, const gint * n, gint64 time)
{
  gint64 end = g_get_monotonic_time () + time;

  do {
    for (guint i = 0; i < LOOKS_AT_ONCE; i++) {
      if (is_raised (self, seen, n))
        return TRUE;
      relax ();
    }
  } while (g_get_monotonic_time () < end);
  return FALSE;
}

static gint64
get_look_time (SeqWakeup * self)
{
  if (self->n_in_vain % WHOLE_AFTER == 0)
    return LOOK_TIME;
  return LOOK_TIME >> MIN (self->n_in_vain / HALVED_AFTER, 31);
}

/* After a sleep. Who raised it goes on working, in all likelihood, so there is work for two here. */
static void
leave_processor_of_raiser (SeqWakeup * self, GMutex * lock)
{
  gint64 now = g_get_monotonic_time ();
  gint raised_on = self->raised_on;

  if (raised_on != seq_processor_get ()) {
    self->n_moves = 0;
    return;
  }
  if (now < self->next_move)
    return;
  self->next_move = now + (MOVE_INTERVAL << MIN (self->n_moves, MAX_DOUBLED));
  self->n_moves++;
  g_mutex_unlock (lock);
  seq_processor_leave (raised_on);
  seq_lock_soon (lock);
}

void
seq_wakeup_wait_unless (SeqWakeup * self, GMutex * lock, const gint * n)
{
  gint seen = g_atomic_int_get (&self->n_raised);
  gint64 time = get_look_time (self);
  gboolean raised;

  if (may_look ()) {
    g_mutex_unlock (lock);
    raised = look (self, seen, n, time);
    seq_lock_soon (lock);
    self->n_in_vain = raised ? 0 : self->n_in_vain + 1;
  }
  if (is_raised (self, seen, n))
    return;
  self->n_sleeping++;
  g_cond_wait (&self->cond, lock);
  self->n_sleeping--;
  leave_processor_of_raiser (self, lock);
}

void
seq_wakeup_wait (SeqWakeup * self, GMutex * lock)
{
  static const gint never = 0;

  seq_wakeup_wait_unless (self, lock, &never);
}

/* Whether somebody has to be woken */
static gboolean
raise_for_sleepers (SeqWakeup * self)
{
  g_atomic_int_inc (&self->n_raised);
  if (self->n_sleeping == 0)
    return FALSE;
  self->raised_on = seq_processor_get ();
  return TRUE;
}

void
seq_wakeup_raise (SeqWakeup * self)
{
  if (raise_for_sleepers (self))
    g_cond_signal (&self->cond);
}

void
seq_wakeup_raise_all (SeqWakeup * self)
{
  if (raise_for_sleepers (self))
    g_cond_broadcast (&self->cond);
}
