/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqbatchwork.h"

/* batches on their way for each thread: one that it works on and one that waits for it */
#define JOBS_PER_THREAD 2

/* bytes of a batch of letters from which on it takes longer to write than to wake another thread
 * for it, and to get the memory back from that thread's cache */
#define LEAST_HANDED_OVER ((gsize) 2 << 20)

/* batches that wait behind the oldest, where a thread that would only wait may write them: enough
 * that neither waits for the other, and few, so that they stay in the caches */
#define IDLE_JOBS_BEHIND 3

static void
job_func (SeqJob * job, gpointer data)
{
  gst_seq_batch_job_write ((GstSeqBatchJob *) job);
}

static void
idle_job_func (SeqIdleJob * job)
{
  gst_seq_batch_job_write ((GstSeqBatchJob *) job);
}

void
gst_seq_batch_work_init (GstSeqBatchWork * work)
{
  *work = (GstSeqBatchWork) { .n_workers = 0 };
  g_queue_init (&work->jobs);
}

void
gst_seq_batch_work_start (GstSeqBatchWork * work, guint n_workers, gboolean chosen)
{
  work->workers = seq_workers_new (n_workers, job_func, NULL);
  work->n_workers = n_workers;
  work->chosen = chosen;
}

void
gst_seq_batch_work_stop (GstSeqBatchWork * work)
{
  g_clear_pointer (&work->workers, seq_workers_free);
  g_clear_pointer (&work->idle_work, seq_idle_work_unref);
}

gboolean
gst_seq_batch_work_set_idle_work (GstSeqBatchWork * work, SeqIdleWork * idle_work)
{
  SeqIdleWork *old = work->idle_work;

  g_assert (g_queue_is_empty (&work->jobs));
  work->idle_work = idle_work;
  if (old)
    seq_idle_work_unref (old);
  return idle_work != old;
}

guint
gst_seq_batch_work_get_max (GstSeqBatchWork * work)
{
  return JOBS_PER_THREAD * (work->n_workers + 1);
}

/* Is the batch worth a thread of our own? Where nobody said how many there should be, it is not if
 * it is written before one would have been woken; nor where there is a processor for one thread only
 * beside this one, and downstream's helps: each of the three would keep another from working. */
static gboolean
is_for_workers (GstSeqBatchWork * work, const GstSeqBatchJob * job)
{
  if (work->chosen)
    return TRUE;
  if (work->idle_work && work->n_workers == 1)
    return FALSE;
  return !seq_tokenizer_is_narrow (job->target.tokenizer)
      || gst_seq_batch_job_size (job) >= LEAST_HANDED_OVER;
}

void
gst_seq_batch_work_add (GstSeqBatchWork * work, GstSeqBatchJob * job)
{
  g_queue_push_tail (&work->jobs, job);
  job->for_workers = is_for_workers (work, job);
  job->job.func = idle_job_func;
  if (job->for_workers)
    seq_workers_add (work->workers, &job->job.job);
  else if (work->idle_work)
    seq_idle_work_add (work->idle_work, &job->job);
  else
    gst_seq_batch_job_write (job);
}

guint
gst_seq_batch_work_get_n_behind (GstSeqBatchWork * work)
{
  const GstSeqBatchJob *newest = g_queue_peek_tail (&work->jobs);

  if (!newest || newest->for_workers)
    return gst_seq_batch_work_get_max (work) - 1;
  return work->idle_work ? IDLE_JOBS_BEHIND : 0;
}

GstSeqBatchJob *
gst_seq_batch_work_take (GstSeqBatchWork * work)
{
  GstSeqBatchJob *job = g_queue_pop_head (&work->jobs);

  if (job->for_workers)
    seq_workers_wait (work->workers, &job->job.job);
  else if (work->idle_work)
    seq_idle_work_wait (work->idle_work, &job->job);
  return job;
}
