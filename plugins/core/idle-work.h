/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "workers.h"

G_BEGIN_DECLS

/* Work for a thread that would only wait, say for a buffer that this work is needed for. Who has such
 * jobs adds them and waits for them as for those of threads of its own; who has nothing else to do
 * looks for some and helps. What nobody has begun by the time it is waited for is done by the one who
 * waits, so nobody has to help.
 *
 * Any thread. Shared by those who have a reference; each waits for all its jobs. */

typedef struct _SeqIdleWork SeqIdleWork;

/* Wakes the thread that may help, if it sleeps. Called by who has jobs. */
typedef void (*SeqIdleWakeFunc) (gpointer data);

SeqIdleWork *seq_idle_work_new (SeqIdleWakeFunc wake, gpointer data);

/* Nobody helps any more: from its return on `wake` is not called. */
void seq_idle_work_close (SeqIdleWork * self);

SeqIdleWork *seq_idle_work_ref (SeqIdleWork * self);
void seq_idle_work_unref (SeqIdleWork * self);

/* Part of a struct of the caller's, which must stay until the job has been waited for. */
typedef struct _SeqIdleJob
{
  SeqJob job;                   /*< private >*/
  void (*func) (struct _SeqIdleJob * job);      /* must not wait for other threads */
} SeqIdleJob;

void seq_idle_work_add (SeqIdleWork * self, SeqIdleJob * job);
void seq_idle_work_wait (SeqIdleWork * self, SeqIdleJob * job);

/* For a job that takes much longer than waking a thread, once it has been added. */
void seq_idle_work_wake (SeqIdleWork * self);

/* Works on the oldest job that nobody has begun. FALSE if there is none. */
gboolean seq_idle_work_help (SeqIdleWork * self);

/* How many jobs nobody has begun; atomic. */
const gint *seq_idle_work_get_n_queued (SeqIdleWork * self);

/* Whether there has been a job yet. */
gboolean seq_idle_work_is_used (SeqIdleWork * self);

G_END_DECLS
