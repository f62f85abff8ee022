/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The processor that the caller runs on, by its number; -1 where the system does not say. Good for
 * this moment only. */
gint seq_processor_get (void);

/* Moves the calling thread off `processor`, if it still runs there and may run on others: for a
 * thread that was started or woken by one that goes on working at the very same place. Linux mostly
 * finds an idle processor for it; on a virtual machine of two it was seen not to, in a third
 * of short runs and for tens of milliseconds on end, in which the two took turns on one of them.
 *
 * It takes 35 to 90 us, and ends on any of the next seven by number that are allowed, busy or not:
 * they often have the same cache. What the thread may run on is afterwards the same set, but fixed:
 * processors that are added to the machine or to its group later are not in it, and a change from
 * outside in these microseconds is lost. */
void seq_processor_leave (gint processor);

G_END_DECLS
