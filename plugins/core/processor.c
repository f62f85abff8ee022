/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "processor.h"

#include <sched.h>

/* more processors than that are left to the system */
#define FEW 8

gint
seq_processor_get (void)
{
  return sched_getcpu ();
}

/* There is no call that moves a thread, but one that may not stay where it is is moved at once. */
void
seq_processor_leave (gint processor)
{
  cpu_set_t allowed, others;

  if (processor < 0 || seq_processor_get () != processor)
    return;
  if (sched_getaffinity (0, sizeof allowed, &allowed) != 0 || CPU_COUNT (&allowed) > FEW)
    return;
  others = allowed;
  CPU_CLR (processor, &others);
  if (CPU_COUNT (&others) > 0 && sched_setaffinity (0, sizeof others, &others) == 0)
    sched_setaffinity (0, sizeof allowed, &allowed);
}
