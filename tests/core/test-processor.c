/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The three calls by which a thread moves are defined here, and plugins/core is linked with these: a
 * machine of our own, on which every thread stands still, or the real one. */

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processor.h"
#include "wakeup.h"
#include "workers.h"

typedef struct
{
  gboolean real;
  gint here;                    /* where everybody runs, but for who stands apart */
  guint64 allowed;              /* a bit for each processor */
  gint get_error, set_error;
  GMutex *free_lock;            /* that nobody may have who moves; NULL: any */
  GMutex lock;
  guint n_set;                  /* from here on under the lock */
  guint64 set[32];
} Machine;

static Machine machine;

/* of the thread: so many processors further on */
static __thread gint apart;

static cpu_set_t
to_cpu_set (guint64 bits)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  for (gint i = 0; i < 64; i++) {
    if (bits >> i & 1)
      CPU_SET (i, &set);
  }
  return set;
}

static guint64
to_bits (const cpu_set_t * set)
{
  guint64 bits = 0;

  for (gint i = 0; i < 64; i++)
    bits |= (guint64) (CPU_ISSET (i, set) != 0) << i;
  return bits;
}

int
sched_getcpu (void)
{
  unsigned int processor;

  if (!machine.real)
    return machine.here + apart;
  return syscall (SYS_getcpu, &processor, NULL, NULL) == 0 ? (int) processor : -1;
}

int
sched_getaffinity (pid_t pid, size_t size, cpu_set_t * set)
{
  if (machine.real) {
    CPU_ZERO (set);
    return syscall (SYS_sched_getaffinity, pid, size, set) < 0 ? -1 : 0;
  }
  errno = machine.get_error;
  *set = to_cpu_set (machine.allowed);
  return machine.get_error ? -1 : 0;
}

int
sched_setaffinity (pid_t pid, size_t size, const cpu_set_t * set)
{
  if (machine.real)
    return (int) syscall (SYS_sched_setaffinity, pid, size, set);
  g_assert_cmpint (pid, ==, 0);
  if (machine.free_lock) {
    g_assert_true (g_mutex_trylock (machine.free_lock));
    g_mutex_unlock (machine.free_lock);
  }
  g_mutex_lock (&machine.lock);
  g_assert_cmpuint (machine.n_set, <, G_N_ELEMENTS (machine.set));
  machine.set[machine.n_set++] = to_bits (set);
  g_mutex_unlock (&machine.lock);
  errno = machine.set_error;
  return machine.set_error ? -1 : 0;
}

static void
begin (gint here, guint64 allowed)
{
  machine = (Machine) { .here = here, .allowed = allowed };
}

/* One move after the other: away from where it is, and free again to go where it could. Of up to
 * eight processors, all others will do. */
static void
assert_moves (guint n)
{
  g_assert_cmpuint (machine.n_set, ==, 2 * n);
  for (guint i = 0; i < n; i++) {
    guint64 here = G_GUINT64_CONSTANT (1) << machine.here;

    g_assert_cmphex (machine.set[2 * i], ==, machine.allowed & ~here);
    g_assert_cmphex (machine.set[2 * i + 1], ==, machine.allowed);
  }
}

static void
test_leave (void)
{
  begin (0, 3);
  seq_processor_leave (0);
  assert_moves (1);
  begin (5, 0xf0);
  seq_processor_leave (5);
  assert_moves (1);
  begin (7, 0xff);
  seq_processor_leave (7);
  assert_moves (1);
}

/* The seven behind it, of those that are allowed: in a circle */
static void
test_leave_many (void)
{
  begin (2, G_MAXUINT64);
  seq_processor_leave (2);
  g_assert_cmpuint (machine.n_set, ==, 2);
  g_assert_cmphex (machine.set[0], ==, 0x3f8);
  g_assert_cmphex (machine.set[1], ==, G_MAXUINT64);
  begin (61, G_GUINT64_CONSTANT (0xf0000000000f00f3));
  seq_processor_leave (61);
  g_assert_cmpuint (machine.n_set, ==, 2);
  g_assert_cmphex (machine.set[0], ==, 0xc000000000000073);
  g_assert_cmphex (machine.set[1], ==, machine.allowed);
}

static void
test_stay (void)
{
  /* elsewhere already */
  begin (0, 3);
  seq_processor_leave (1);
  assert_moves (0);
  /* nowhere else to go */
  begin (2, 4);
  seq_processor_leave (2);
  assert_moves (0);
}

static void
test_unknown (void)
{
  begin (-1, 3);
  g_assert_cmpint (seq_processor_get (), ==, -1);
  seq_processor_leave (seq_processor_get ());
  assert_moves (0);
  /* more processors than the set has room for */
  begin (0, 3);
  machine.get_error = EINVAL;
  seq_processor_leave (0);
  assert_moves (0);
}

/* Where a thread may not choose, nothing changes: there is nothing to take back. */
static void
test_forbidden (void)
{
  begin (1, 3);
  machine.set_error = EPERM;
  seq_processor_leave (1);
  g_assert_cmpuint (machine.n_set, ==, 1);
}

/* On the machine that the test runs on, with two of its processors at most */
static void
test_real (void)
{
  cpu_set_t before, two, after;
  gint here;

  machine = (Machine) { .real = TRUE };
  if (sched_getaffinity (0, sizeof before, &before) != 0) {
    g_test_skip ("more processors than a set has room for");
    return;
  }
  two = before;
  for (gint i = CPU_SETSIZE - 1; i >= 0 && CPU_COUNT (&two) > 2; i--)
    CPU_CLR (i, &two);
  g_assert_cmpint (sched_setaffinity (0, sizeof two, &two), ==, 0);
  here = seq_processor_get ();
  g_assert_cmpint (here, >=, 0);
  g_assert_true (CPU_ISSET (here, &two));
  /* the system may take it back at any time, but not each time */
  for (guint i = 0; i < 1000 && CPU_COUNT (&two) > 1; i++) {
    here = seq_processor_get ();
    seq_processor_leave (here);
    if (seq_processor_get () != here)
      break;
    g_assert_cmpuint (i, <, 999);
  }
  g_assert_cmpint (sched_getaffinity (0, sizeof after, &after), ==, 0);
  g_assert_true (CPU_EQUAL (&after, &two));
  g_assert_cmpint (sched_setaffinity (0, sizeof before, &before), ==, 0);
}

/* ---- who is woken ---- */

typedef struct
{
  GMutex lock;
  SeqWakeup raised;
  gint apart;
  guint n, seen;
} Sleeper;

static gpointer
sleep_until_raised (gpointer data)
{
  Sleeper *sleeper = data;

  apart = sleeper->apart;
  g_mutex_lock (&sleeper->lock);
  while (sleeper->seen == sleeper->n)
    seq_wakeup_wait (&sleeper->raised, &sleeper->lock);
  sleeper->seen = sleeper->n;
  g_assert_false (g_mutex_trylock (&sleeper->lock));
  g_mutex_unlock (&sleeper->lock);
  return NULL;
}

static void
sleeper_init (Sleeper * sleeper)
{
  *sleeper = (Sleeper) { .n = 0 };
  g_mutex_init (&sleeper->lock);
  seq_wakeup_init (&sleeper->raised);
  machine.free_lock = &sleeper->lock;
}

static void
sleeper_clear (Sleeper * sleeper)
{
  machine.free_lock = NULL;
  seq_wakeup_clear (&sleeper->raised);
  g_mutex_clear (&sleeper->lock);
}

/* Returns once it has been woken from its sleep, so many processors away. */
static void
sleep_and_wake (Sleeper * sleeper, gint processors)
{
  gboolean asleep = FALSE;
  GThread *thread;

  sleeper->apart = processors;
  thread = g_thread_new ("sleeper", sleep_until_raised, sleeper);
  while (!asleep) {
    g_usleep (100);
    g_mutex_lock (&sleeper->lock);
    asleep = sleeper->raised.n_sleeping == 1;
    if (asleep) {
      sleeper->n++;
      seq_wakeup_raise (&sleeper->raised);
    }
    g_mutex_unlock (&sleeper->lock);
  }
  g_thread_join (thread);
  g_assert_cmpuint (sleeper->seen, ==, sleeper->n);
}

/* It moves again only after a while: twice as long each time that it was in vain, up to a limit. */
static void
test_woken (void)
{
  guint moves = 0;
  Sleeper sleeper;

  begin (1, 3);
  sleeper_init (&sleeper);
  for (guint i = 0; i < 10; i++) {
    gint64 before = g_get_monotonic_time ();
    gint64 pause = 4000 << MIN (moves, 6);

    machine.n_set = 0;
    sleeper.raised.next_move = before;
    sleep_and_wake (&sleeper, 0);
    assert_moves (1);
    g_assert_cmpint (sleeper.raised.next_move, >=, before + pause);
    g_assert_cmpint (sleeper.raised.next_move, <=, g_get_monotonic_time () + pause);
    moves++;
    sleeper.raised.next_move = G_MAXINT64;
    sleep_and_wake (&sleeper, 0);
    assert_moves (1);
    if (i == 8) {
      sleep_and_wake (&sleeper, 1);
      assert_moves (1);
      moves = 0;
    }
  }
  sleeper_clear (&sleeper);
}

/* ---- workers ---- */

static void
do_nothing (SeqJob * job, gpointer data)
{
  (void) job;
  (void) data;
}

/* Each leaves the processor of who made it, once. */
static void
test_workers (void)
{
  SeqWorkers *workers;

  begin (1, 3);
  workers = seq_workers_new (3, do_nothing, NULL);
  seq_workers_free (workers);
  g_assert_cmpuint (machine.n_set, >=, 6);
  g_assert_cmpuint (machine.n_set % 2, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/processor/leave", test_leave);
  g_test_add_func ("/processor/leave-many", test_leave_many);
  g_test_add_func ("/processor/stay", test_stay);
  g_test_add_func ("/processor/unknown", test_unknown);
  g_test_add_func ("/processor/forbidden", test_forbidden);
  g_test_add_func ("/processor/real", test_real);
  g_test_add_func ("/processor/woken", test_woken);
  g_test_add_func ("/processor/workers", test_workers);
  return g_test_run ();
}
