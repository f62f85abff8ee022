/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "idle-work.h"

typedef struct
{
  SeqIdleJob job;
  GThread *thread;              /* that did it */
  gint runs;
} Work;

static void
work_func (SeqIdleJob * job)
{
  Work *work = (Work *) job;

  work->thread = g_thread_self ();
  g_atomic_int_inc (&work->runs);
}

static gint
n_queued (SeqIdleWork * idle)
{
  return g_atomic_int_get (seq_idle_work_get_n_queued (idle));
}

/* Without help the one who waits does the job. */
static void
test_nobody_helps (void)
{
  SeqIdleWork *idle = seq_idle_work_new (NULL, NULL);
  Work work[3] = { 0 };

  g_assert_false (seq_idle_work_help (idle));
  for (guint i = 0; i < 3; i++) {
    work[i].job.func = work_func;
    seq_idle_work_add (idle, &work[i].job);
    g_assert_cmpint (n_queued (idle), ==, i + 1);
  }
  seq_idle_work_wait (idle, &work[1].job);
  g_assert_cmpint (work[0].runs, ==, 0);
  g_assert_cmpint (work[1].runs, ==, 1);
  g_assert_cmpint (n_queued (idle), ==, 2);
  seq_idle_work_wait (idle, &work[0].job);
  seq_idle_work_wait (idle, &work[2].job);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint (work[i].runs, ==, 1);
    g_assert_true (work[i].thread == g_thread_self ());
  }
  g_assert_cmpint (n_queued (idle), ==, 0);
  seq_idle_work_unref (idle);
}

static gpointer
help_until_stopped (gpointer data)
{
  SeqIdleWork *idle = ((gpointer *) data)[0];
  gint *stop = ((gpointer *) data)[1];

  while (!g_atomic_int_get (stop))
    seq_idle_work_help (idle);
  seq_idle_work_unref (idle);
  return NULL;
}

static void
test_oldest_first (void)
{
  SeqIdleWork *idle = seq_idle_work_new (NULL, NULL);
  Work work[2] = { 0 };

  for (guint i = 0; i < 2; i++) {
    work[i].job.func = work_func;
    seq_idle_work_add (idle, &work[i].job);
  }
  g_assert_true (seq_idle_work_help (idle));
  g_assert_cmpint (work[0].runs, ==, 1);
  g_assert_cmpint (work[1].runs, ==, 0);
  g_assert_true (seq_idle_work_help (idle));
  g_assert_false (seq_idle_work_help (idle));
  for (guint i = 0; i < 2; i++)
    seq_idle_work_wait (idle, &work[i].job);
  g_assert_cmpint (work[1].runs, ==, 1);
  seq_idle_work_unref (idle);
}

static void
count_wake (gpointer data)
{
  ++*(guint *) data;
}

static void
test_wake (void)
{
  guint woken = 0;
  SeqIdleWork *idle = seq_idle_work_new (count_wake, &woken);
  Work work = { .job.func = work_func };

  g_assert_false (seq_idle_work_is_used (idle));
  seq_idle_work_add (idle, &work.job);
  g_assert_true (seq_idle_work_is_used (idle));
  g_assert_cmpuint (woken, ==, 0);
  seq_idle_work_wake (idle);
  g_assert_cmpuint (woken, ==, 1);
  seq_idle_work_close (idle);
  seq_idle_work_wake (idle);
  g_assert_cmpuint (woken, ==, 1);
  seq_idle_work_wait (idle, &work.job);
  seq_idle_work_unref (idle);
}

#define ROUNDS 50000
#define RING 4

/* Jobs in a ring, waited for in order; each is done once, by whom ever. */
static gpointer
own_jobs (gpointer data)
{
  SeqIdleWork *idle = data;
  Work work[RING] = { 0 };
  guint by_others = 0;

  for (guint i = 0; i < ROUNDS + RING; i++) {
    Work *w = &work[i % RING];

    if (i >= RING) {
      seq_idle_work_wait (idle, &w->job);
      g_assert_cmpint (w->runs, ==, 1);
      by_others += w->thread != g_thread_self ();
    }
    *w = (Work) { .job.func = work_func };
    if (i < ROUNDS)
      seq_idle_work_add (idle, &w->job);
  }
  return GUINT_TO_POINTER (by_others);
}

/* Several who have jobs and one who helps, all at once. Nobody waits for ever, whoever does a job. */
static void
test_several (void)
{
  SeqIdleWork *idle = seq_idle_work_new (NULL, NULL);
  gint stop = FALSE;
  gpointer data[2] = { seq_idle_work_ref (idle), &stop };
  GThread *helper = g_thread_new ("helper", help_until_stopped, data);
  GThread *owners[3];
  guint by_others = 0;
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  do {
    for (guint i = 0; i < G_N_ELEMENTS (owners); i++)
      owners[i] = g_thread_new ("owner", own_jobs, idle);
    for (guint i = 0; i < G_N_ELEMENTS (owners); i++)
      by_others += GPOINTER_TO_UINT (g_thread_join (owners[i]));
  } while (by_others == 0 && g_get_monotonic_time () < end);
  g_assert_cmpuint (by_others, >, 0);
  g_assert_cmpint (n_queued (idle), ==, 0);
  seq_idle_work_unref (idle);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (helper);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/idle-work/nobody-helps", test_nobody_helps);
  g_test_add_func ("/idle-work/oldest-first", test_oldest_first);
  g_test_add_func ("/idle-work/wake", test_wake);
  g_test_add_func ("/idle-work/several", test_several);
  return g_test_run ();
}
