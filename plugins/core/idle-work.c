/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "idle-work.h"

struct _SeqIdleWork
{
  gint refcount;                /* atomic */
  SeqWorkers *workers;          /* without threads */
  gint used;                    /* atomic */

  GMutex lock;
  SeqIdleWakeFunc wake;         /* lock; NULL = nobody is to be woken */
  gpointer data;                /* lock */
};

static void
job_func (SeqJob * job, gpointer data)
{
  SeqIdleJob *idle = (SeqIdleJob *) job;

  idle->func (idle);
}

SeqIdleWork *
seq_idle_work_new (SeqIdleWakeFunc wake, gpointer data)
{
  SeqIdleWork *self = g_new0 (SeqIdleWork, 1);

  self->refcount = 1;
  self->workers = seq_workers_new (0, job_func, NULL);
  g_mutex_init (&self->lock);
  self->wake = wake;
  self->data = data;
  return self;
}

void
seq_idle_work_close (SeqIdleWork * self)
{
  g_mutex_lock (&self->lock);
  self->wake = NULL;
  g_mutex_unlock (&self->lock);
}

SeqIdleWork *
seq_idle_work_ref (SeqIdleWork * self)
{
  g_atomic_int_inc (&self->refcount);
  return self;
}

void
seq_idle_work_unref (SeqIdleWork * self)
{
  if (!g_atomic_int_dec_and_test (&self->refcount))
    return;
  seq_workers_free (self->workers);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
seq_idle_work_add (SeqIdleWork * self, SeqIdleJob * job)
{
  g_atomic_int_set (&self->used, TRUE);
  seq_workers_add (self->workers, &job->job);
}

void
seq_idle_work_wait (SeqIdleWork * self, SeqIdleJob * job)
{
  seq_workers_wait (self->workers, &job->job);
}

gboolean
seq_idle_work_help (SeqIdleWork * self)
{
  return seq_workers_help (self->workers);
}

const gint *
seq_idle_work_get_n_queued (SeqIdleWork * self)
{
  return seq_workers_get_n_queued (self->workers);
}

gboolean
seq_idle_work_is_used (SeqIdleWork * self)
{
  return g_atomic_int_get (&self->used);
}

void
seq_idle_work_wake (SeqIdleWork * self)
{
  g_mutex_lock (&self->lock);
  if (self->wake)
    self->wake (self->data);
  g_mutex_unlock (&self->lock);
}
