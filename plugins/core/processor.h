/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The processor that the caller runs on, by its number; -1 where the system does not say. Good for
 * this moment only. */
gint seq_processor_get (void);

/* Moves the calling thread off `processor`, if it still runs there and may run on others: for a
 * thread that was begun or woken by one that goes on working at the very same place. Linux mostly
 * finds an idle processor for it, but not on a virtual machine, where one that sleeps passes for one
 * that the host has taken away (available_idle_cpu in kernel/sched): the two take turns on one
 * processor then, for tens of milliseconds, beside another that has nothing to do.
 *
 * It takes 20 to 90 us. The next numbers are tried, which are those with the same cache for the most
 * part. What the thread may run on is afterwards as it was; who changes that from outside in these
 * microseconds is overruled. */
void seq_processor_leave (gint processor);

G_END_DECLS
