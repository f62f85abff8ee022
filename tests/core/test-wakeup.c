/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "wakeup.h"

/* A number that threads take turns in raising */
typedef struct
{
  GMutex lock;
  SeqWakeup changed;
  guint n;
  guint n_waiting;              /* threads that have begun to wait */
  guint n_inside;               /* threads that have the lock */
  gulong pause;                 /* us before each turn, so that others fall asleep */
} Turns;

static void
turns_init (Turns * turns, gulong pause)
{
  *turns = (Turns) { .pause = pause };
  g_mutex_init (&turns->lock);
  seq_wakeup_init (&turns->changed);
}

static void
turns_clear (Turns * turns)
{
  seq_wakeup_clear (&turns->changed);
  g_mutex_clear (&turns->lock);
}

/* Raises the number whenever it is of the parity, up to the end. */
static void
take_turns (Turns * turns, guint parity, guint end)
{
  g_mutex_lock (&turns->lock);
  while (turns->n < end) {
    if (turns->n % 2 == parity) {
      if (turns->pause > 0) {
        g_mutex_unlock (&turns->lock);
        g_usleep (turns->pause);
        g_mutex_lock (&turns->lock);
      }
      turns->n++;
      seq_wakeup_raise (&turns->changed);
    } else {
      seq_wakeup_wait (&turns->changed, &turns->lock);
    }
  }
  g_mutex_unlock (&turns->lock);
}

#define QUICK 200000
#define SLOW 200

static gpointer
odd_turns (gpointer data)
{
  Turns *turns = data;

  take_turns (turns, 1, turns->pause > 0 ? SLOW : QUICK);
  return NULL;
}

/* A wake-up that got lost would leave both asleep. */
static void
test_turns (gconstpointer pause)
{
  Turns turns;
  GThread *other;

  turns_init (&turns, GPOINTER_TO_SIZE (pause));
  other = g_thread_new ("odd", odd_turns, &turns);
  take_turns (&turns, 0, turns.pause > 0 ? SLOW : QUICK);
  g_thread_join (other);
  g_assert_cmpuint (turns.n, ==, turns.pause > 0 ? SLOW : QUICK);
  turns_clear (&turns);
}

static gpointer
wait_for_start (gpointer data)
{
  Turns *turns = data;

  g_mutex_lock (&turns->lock);
  turns->n_waiting++;
  while (turns->n == 0)
    seq_wakeup_wait (&turns->changed, &turns->lock);
  g_mutex_unlock (&turns->lock);
  return NULL;
}

static void
test_all (void)
{
  GThread *threads[5];
  gboolean ready = FALSE;
  Turns turns;

  turns_init (&turns, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("waits", wait_for_start, &turns);
  while (!ready) {
    g_usleep (1000);            /* long enough for most to sleep; right in any case */
    g_mutex_lock (&turns.lock);
    ready = turns.n_waiting == G_N_ELEMENTS (threads);
    if (ready) {
      turns.n = 1;
      seq_wakeup_raise_all (&turns.changed);
    }
    g_mutex_unlock (&turns.lock);
  }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  turns_clear (&turns);
}

/* Nobody raises it. */
static void
test_unless (void)
{
  gint n = 1;
  Turns turns;

  turns_init (&turns, 0);
  g_mutex_lock (&turns.lock);
  seq_wakeup_wait_unless (&turns.changed, &turns.lock, &n);
  g_assert_false (g_mutex_trylock (&turns.lock));
  g_mutex_unlock (&turns.lock);
  turns_clear (&turns);
}

#define N_COUNTS 20000

static gpointer
count_up (gpointer data)
{
  Turns *turns = data;

  for (guint i = 0; i < N_COUNTS; i++) {
    seq_lock_soon (&turns->lock);
    g_assert_cmpuint (turns->n_inside++, ==, 0);
    turns->n++;
    if (turns->pause > 0 && i % (N_COUNTS / 10) == 0)
      g_usleep (turns->pause);
    turns->n_inside--;
    g_mutex_unlock (&turns->lock);
  }
  return NULL;
}

/* One has it at a time, whether others get it while they look or fall asleep over it. */
static void
test_lock (gconstpointer pause)
{
  GThread *threads[3];
  Turns turns;

  turns_init (&turns, GPOINTER_TO_SIZE (pause));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("counts", count_up, &turns);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (turns.n, ==, G_N_ELEMENTS (threads) * N_COUNTS);
  turns_clear (&turns);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/wakeup/turns/quick", GSIZE_TO_POINTER (0), test_turns);
  g_test_add_data_func ("/wakeup/turns/slow", GSIZE_TO_POINTER (200), test_turns);
  g_test_add_func ("/wakeup/all", test_all);
  g_test_add_func ("/wakeup/unless", test_unless);
  g_test_add_data_func ("/wakeup/lock/quick", GSIZE_TO_POINTER (0), test_lock);
  g_test_add_data_func ("/wakeup/lock/slow", GSIZE_TO_POINTER (2000), test_lock);
  return g_test_run ();
}
