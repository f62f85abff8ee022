/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workers.h"

#include "processor.h"
#include "wakeup.h"

enum
{
  JOB_IDLE,
  JOB_QUEUED,
  JOB_RUNNING,
  JOB_DONE,
};

struct _SeqWorkers
{
  SeqJobFunc func;
  gpointer data;

  GMutex lock;
  SeqWakeup added, done;
  GQueue queue;                 /* of SeqJob, through their links; state QUEUED */
  gint n_queued;                /* atomic: its length, to be looked at without the lock */
  gboolean stop;
  gint made_on;                 /* processor of the owner, who goes on working there */
  guint n_threads;
  GThread **threads;
};

/* Takes the lock away while it works. */
static void
run_job (SeqWorkers * self, SeqJob * job)
{
  g_queue_unlink (&self->queue, &job->link);
  g_atomic_int_add (&self->n_queued, -1);
  job->state = JOB_RUNNING;
  g_mutex_unlock (&self->lock);
  self->func (job, self->data);
  seq_lock_soon (&self->lock);
  job->state = JOB_DONE;
  seq_wakeup_raise_all (&self->done);
}

/* Works on the oldest job that nobody has begun, if there is one. */
static gboolean
run_oldest (SeqWorkers * self)
{
  SeqJob *job = g_queue_peek_head (&self->queue);

  if (job)
    run_job (self, job);
  return job != NULL;
}

static gpointer
worker_thread (gpointer data)
{
  SeqWorkers *self = data;

  seq_processor_leave (self->made_on);
  seq_lock_soon (&self->lock);
  while (!self->stop) {
    if (!run_oldest (self))
      seq_wakeup_wait (&self->added, &self->lock);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

SeqWorkers *
seq_workers_new (guint n_threads, SeqJobFunc func, gpointer data)
{
  SeqWorkers *self = g_new0 (SeqWorkers, 1);

  self->func = func;
  self->data = data;
  self->made_on = seq_processor_get ();
  g_mutex_init (&self->lock);
  seq_wakeup_init (&self->added);
  seq_wakeup_init (&self->done);
  g_queue_init (&self->queue);
  self->threads = g_new0 (GThread *, n_threads);
  for (guint i = 0; i < n_threads; i++) {
    GThread *thread = g_thread_try_new ("seq-worker", worker_thread, self, NULL);

    /* without threads the owner does the work */
    if (thread)
      self->threads[self->n_threads++] = thread;
  }
  /* Those that were put on this processor start now, and leave it, instead of when the owner first
   * has to wait. To yield was not enough. */
  if (self->n_threads > 0)
    g_usleep (1);
  return self;
}

void
seq_workers_free (SeqWorkers * self)
{
  g_assert (g_queue_is_empty (&self->queue));

  seq_lock_soon (&self->lock);
  self->stop = TRUE;
  seq_wakeup_raise_all (&self->added);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < self->n_threads; i++)
    g_thread_join (self->threads[i]);
  g_free (self->threads);
  seq_wakeup_clear (&self->done);
  seq_wakeup_clear (&self->added);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
seq_workers_add (SeqWorkers * self, SeqJob * job)
{
  seq_lock_soon (&self->lock);
  job->state = JOB_QUEUED;
  job->link = (GList) { .data = job };
  g_queue_push_tail_link (&self->queue, &job->link);
  g_atomic_int_inc (&self->n_queued);
  seq_wakeup_raise (&self->added);
  g_mutex_unlock (&self->lock);
}

void
seq_workers_wait (SeqWorkers * self, SeqJob * job)
{
  seq_lock_soon (&self->lock);
  while (job->state != JOB_DONE) {
    if (job->state == JOB_QUEUED)
      run_job (self, job);
    else if (!run_oldest (self))
      seq_wakeup_wait (&self->done, &self->lock);
  }
  g_mutex_unlock (&self->lock);
}

gboolean
seq_workers_help (SeqWorkers * self)
{
  gboolean helped;

  seq_lock_soon (&self->lock);
  helped = run_oldest (self);
  g_mutex_unlock (&self->lock);
  return helped;
}

const gint *
seq_workers_get_n_queued (SeqWorkers * self)
{
  return &self->n_queued;
}

gboolean
seq_workers_is_done (SeqWorkers * self, SeqJob * job)
{
  gboolean done;

  seq_lock_soon (&self->lock);
  done = job->state == JOB_DONE;
  g_mutex_unlock (&self->lock);
  return done;
}
