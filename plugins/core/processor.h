/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The processor that the caller runs on, by its number; -1 where the system does not say. Good for
 * this moment only. */
gint seq_processor_get (void);

/* Moves the calling thread off `processor`, if it still runs there and may run on others: for a
 * thread that was begun or woken by one that works on at the very same place. Where few processors
 * have just been busy, Linux doesn't look for one that is idle then (SIS_UTIL, kernel/sched/fair.c),
 * and the two take turns for tens of milliseconds beside it. Takes some 20 us. What the thread may
 * run on is afterwards as it was; who changes that from outside in these microseconds is overruled.
 * With more than 8 to choose from it does nothing: there the system finds an idle one itself. */
void seq_processor_leave (gint processor);

G_END_DECLS
