/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A condition variable for hand-offs between threads that are often a matter of microseconds, which
 * is what falling asleep and being woken costs on its own. Who waits looks for some tens of them
 * whether it was raised, and sleeps only then; less long where that was in vain the last times, as
 * it is where the processors have others to work for. Who raises it calls the kernel only if
 * somebody sleeps. (GCond calls it each time.) On one processor nobody looks, because nobody else
 * could work meanwhile. Who is woken on the processor of who raised it, which both have work for now,
 * moves to another (processor.h): every 4 ms at most, and less often where it is woken there again.
 *
 * As with GCond, a wait may end without reason: wait in a loop that looks at what is waited for. */
typedef struct
{
  /*< private >*/
  GCond cond;
  guint n_sleeping;             /* under the lock that goes with it */
  gint n_raised;                /* atomic */
  guint n_in_vain;              /* looks on end; under the lock, as the rest */
  gint raised_on;               /* processor of who last woke somebody */
  guint n_moves;                /* on end, without being woken elsewhere in between */
  gint64 next_move;             /* not before this time, us */
} SeqWakeup;

/* Locks what others have for a moment only. To sleep until they let go, as GMutex does at once,
 * would cost both sides more than it takes. */
void seq_lock_soon (GMutex * lock);

void seq_wakeup_init (SeqWakeup * self);
void seq_wakeup_clear (SeqWakeup * self);

/* Gives `lock` up while it waits, and once more for a moment if it moves. */
void seq_wakeup_wait (SeqWakeup * self, GMutex * lock);

/* Ends also when it sees that *n, atomic, is above 0: for who has something else to do then. Nobody
 * wakes it for that. */
void seq_wakeup_wait_unless (SeqWakeup * self, GMutex * lock, const gint * n);

/* With the lock held: wakes one of those who sleep, or all. */
void seq_wakeup_raise (SeqWakeup * self);
void seq_wakeup_raise_all (SeqWakeup * self);

G_END_DECLS
