/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workers.h"

typedef struct
{
  SeqJob job;
  guint input;
  guint64 output;
  gint runs;                    /* times that the job was run */
  gint started;                 /* number of the job in the order in which they were begun */
  GThread *thread;
} Work;

typedef struct
{
  gint begun;
  gint busy, most_busy;
  GMutex lock;
  GCond cond;
  gboolean held;                /* jobs wait until this is FALSE */
} Shared;

static void
work_func (SeqJob * job, gpointer data)
{
  Work *work = (Work *) job;
  Shared *shared = data;
  guint64 sum = 0;

  work->started = g_atomic_int_add (&shared->begun, 1);
  for (guint i = 0; i < work->input % 997; i++)
    sum += i * work->input;
  work->output = sum + 1;
  work->runs++;
  work->thread = g_thread_self ();
  g_mutex_lock (&shared->lock);
  shared->busy++;
  shared->most_busy = MAX (shared->most_busy, shared->busy);
  g_cond_broadcast (&shared->cond);
  while (shared->held)
    g_cond_wait (&shared->cond, &shared->lock);
  shared->busy--;
  g_mutex_unlock (&shared->lock);
}

static guint64
expected_output (guint input)
{
  guint64 sum = 1;

  for (guint i = 0; i < input % 997; i++)
    sum += i * input;
  return sum;
}

static const guint thread_counts[] = { 0, 1, 2, 8 };

static void
test_no_jobs (void)
{
  Shared shared = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (thread_counts); i++)
    seq_workers_free (seq_workers_new (thread_counts[i], work_func, &shared));
  g_assert_cmpint (shared.begun, ==, 0);
}

/* Each job is run once, its result can be seen by the owner, whatever the order of waiting. */
static void
test_orders (void)
{
  const guint n = 2000;
  g_autofree Work *work = g_new (Work, n);
  g_autofree guint *order = g_new (guint, n);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (gsize i = 0; i < G_N_ELEMENTS (thread_counts); i++) {
    for (guint kind = 0; kind < 3; kind++) {
      Shared shared = { 0 };
      SeqWorkers *workers = seq_workers_new (thread_counts[i], work_func, &shared);

      for (guint k = 0; k < n; k++) {
        work[k] = (Work) {.input = g_rand_int_range (rand, 0, 100000) };
        order[k] = kind == 1 ? n - 1 - k : k;
        seq_workers_add (workers, &work[k].job);
      }
      for (guint k = n - 1; kind == 2 && k > 0; k--) {
        guint other = g_rand_int_range (rand, 0, k + 1), old = order[k];

        order[k] = order[other];
        order[other] = old;
      }
      for (guint k = 0; k < n; k++) {
        Work *w = &work[order[k]];

        seq_workers_wait (workers, &w->job);
        g_assert_cmpint (w->runs, ==, 1);
        g_assert_cmpuint (w->output, ==, expected_output (w->input));
        if (thread_counts[i] == 0)
          g_assert_true (w->thread == g_thread_self ());
      }
      seq_workers_free (workers);
      g_assert_cmpint (shared.begun, ==, (gint) n);
    }
  }
}

/* As an element uses it: a few jobs ahead, waited for in their order, the structs used again. */
static void
test_ring (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (thread_counts); i++) {
    Shared shared = { 0 };
    SeqWorkers *workers = seq_workers_new (thread_counts[i], work_func, &shared);
    Work ring[6] = { 0 };

    for (guint k = 0; k < 20000; k++) {
      Work *w = &ring[k % 6];

      if (k >= 6) {
        seq_workers_wait (workers, &w->job);
        g_assert_cmpuint (w->output, ==, expected_output (w->input));
        g_assert_cmpint (w->runs, ==, 1);
      }
      w->input = k;
      w->runs = 0;
      seq_workers_add (workers, &w->job);
    }
    for (guint k = 20000; k < 20006; k++)
      seq_workers_wait (workers, &ring[k % 6].job);
    seq_workers_free (workers);
  }
}

/* Jobs that add the next one each; the owner waits for one after the other. */
typedef struct
{
  SeqJob job;
  SeqWorkers **workers;
  guint number, *n_added;
  GMutex *lock;
} Link;

#define LINKS 500

static void
link_func (SeqJob * job, gpointer data)
{
  Link *link = (Link *) job;

  g_mutex_lock (link->lock);
  if (link->number + 1 < LINKS) {
    seq_workers_add (*link->workers, &link[1].job);
    ++*link->n_added;
  }
  g_mutex_unlock (link->lock);
}

static void
test_chain (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (thread_counts); i++) {
    g_autofree Link *links = g_new0 (Link, LINKS);
    SeqWorkers *workers = seq_workers_new (thread_counts[i], link_func, NULL);
    guint n_added = 1;
    GMutex lock;

    g_mutex_init (&lock);
    for (guint k = 0; k < LINKS; k++)
      links[k] = (Link) { .workers = &workers, .number = k, .n_added = &n_added, .lock = &lock };
    seq_workers_add (workers, &links[0].job);
    for (guint k = 0; k < LINKS; k++) {
      seq_workers_wait (workers, &links[k].job);
      g_mutex_lock (&lock);
      g_assert_cmpuint (n_added, >=, MIN (k + 2, LINKS));
      g_mutex_unlock (&lock);
    }
    g_assert_cmpuint (n_added, ==, LINKS);
    seq_workers_free (workers);
    g_mutex_clear (&lock);
  }
}

/* Waiting twice for the same job does not run it again. */
static void
test_wait_again (void)
{
  Shared shared = { 0 };
  SeqWorkers *workers = seq_workers_new (1, work_func, &shared);
  Work work = {.input = 5 };

  seq_workers_add (workers, &work.job);
  seq_workers_wait (workers, &work.job);
  seq_workers_wait (workers, &work.job);
  g_assert_cmpint (work.runs, ==, 1);
  seq_workers_free (workers);
}

static gpointer
let_go_thread (gpointer data)
{
  Shared *shared = data;

  g_mutex_lock (&shared->lock);
  while (shared->busy < 3)
    g_cond_wait (&shared->cond, &shared->lock);
  shared->held = FALSE;
  g_cond_broadcast (&shared->cond);
  g_mutex_unlock (&shared->lock);
  return NULL;
}

/* Two threads are at work and so is the owner, who waits for a job that nobody has begun. Without
 * that the three jobs would never be under way together, and this would not end. */
static void
test_together (void)
{
  Shared shared = {.held = TRUE };
  SeqWorkers *workers = seq_workers_new (2, work_func, &shared);
  Work work[3] = { 0 };
  GThread *thread = g_thread_new ("let-go", let_go_thread, &shared);

  for (guint k = 0; k < 3; k++)
    seq_workers_add (workers, &work[k].job);
  g_mutex_lock (&shared.lock);
  while (shared.busy < 2)
    g_cond_wait (&shared.cond, &shared.lock);
  g_mutex_unlock (&shared.lock);
  for (guint k = 3; k > 0; k--)
    seq_workers_wait (workers, &work[k - 1].job);
  g_thread_join (thread);
  g_assert_cmpint (shared.most_busy, ==, 3);
  seq_workers_free (workers);
}

/* Each thread begins its jobs in the order in which they were added. */
static void
test_begin_order (void)
{
  Shared shared = { 0 };
  SeqWorkers *workers = seq_workers_new (1, work_func, &shared);
  Work work[100] = { 0 };
  gint last[2] = { -1, -1 };

  for (guint k = 0; k < 100; k++)
    seq_workers_add (workers, &work[k].job);
  for (guint k = 0; k < 100; k++)
    seq_workers_wait (workers, &work[k].job);
  for (guint k = 0; k < 100; k++) {
    gint *mine = &last[work[k].thread == g_thread_self ()];

    g_assert_cmpint (work[k].started, >, *mine);
    *mine = work[k].started;
  }
  seq_workers_free (workers);
}

/* Waits until `other` has run, too, so that the two of them need two threads. */
typedef struct
{
  SeqJob job;
  gint *done;
  const gint *other;
} Meeting;

static void
meet_func (SeqJob * job, gpointer data)
{
  Meeting *meeting = (Meeting *) job;

  g_atomic_int_set (meeting->done, TRUE);
  while (!g_atomic_int_get (meeting->other))
    g_usleep (100);
}

/* The thread has begun the first job, which the owner waits for; so the owner does the second one.
 * Else neither would end. */
static void
test_helps_while_it_waits (void)
{
  SeqWorkers *workers = seq_workers_new (1, meet_func, NULL);
  gint done[2] = { 0 };
  Meeting first = {.done = &done[0], .other = &done[1] };
  Meeting second = {.done = &done[1], .other = &done[0] };

  seq_workers_add (workers, &first.job);
  while (!g_atomic_int_get (&done[0]))
    g_usleep (100);
  seq_workers_add (workers, &second.job);
  seq_workers_wait (workers, &first.job);
  seq_workers_wait (workers, &second.job);
  seq_workers_free (workers);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/workers/no-jobs", test_no_jobs);
  g_test_add_func ("/workers/orders", test_orders);
  g_test_add_func ("/workers/ring", test_ring);
  g_test_add_func ("/workers/chain", test_chain);
  g_test_add_func ("/workers/wait-again", test_wait_again);
  g_test_add_func ("/workers/together", test_together);
  g_test_add_func ("/workers/helps-while-it-waits", test_helps_while_it_waits);
  g_test_add_func ("/workers/begin-order", test_begin_order);
  return g_test_run ();
}
