/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Threads that work on jobs while the one who hands the jobs out goes on. Jobs are begun in the
 * order in which they are added; the owner waits for them in whatever order it needs, which is how
 * results come out in order. While it waits it works, too: on the job that it waits for, if nobody
 * has begun that, else on those that nobody has begun. So one thread less than there are processors
 * keeps all of them busy, and no threads at all (n_threads 0) works just as well.
 *
 * Threads live as long as the object. Any thread, and jobs, may add jobs, wait for them and help. */

typedef struct _SeqWorkers SeqWorkers;

/* A job is part of a struct of the caller's, which must stay until it has been waited for. */
typedef struct
{
  /*< private >*/
  gint state;
  GList link;
} SeqJob;

typedef void (*SeqJobFunc) (SeqJob * job, gpointer data);

SeqWorkers *seq_workers_new (guint n_threads, SeqJobFunc func, gpointer data);

/* Every job must have been waited for. */
void seq_workers_free (SeqWorkers * self);

void seq_workers_add (SeqWorkers * self, SeqJob * job);
void seq_workers_wait (SeqWorkers * self, SeqJob * job);

/* For a thread that has nothing else to do: works on the oldest job that nobody has begun. FALSE if
 * there is none. */
gboolean seq_workers_help (SeqWorkers * self);

/* How many jobs nobody has begun; atomic. */
const gint *seq_workers_get_n_queued (SeqWorkers * self);

/* Whether a job has been worked on, so that waiting for it would take no time. */
gboolean seq_workers_is_done (SeqWorkers * self, SeqJob * job);

G_END_DECLS
