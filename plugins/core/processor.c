/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "processor.h"

#include <sched.h>

/* processors to choose from at most, so that few of them are far away */
#define N_NEXT 7

gint
seq_processor_get (void)
{
  return sched_getcpu ();
}

/* The processors behind this one, in a circle, that are allowed. FALSE if there are none. */
static gboolean
find_next (const cpu_set_t * allowed, gint processor, cpu_set_t * next)
{
  gint n = 0;

  CPU_ZERO (next);
  for (gint i = 1; i < CPU_SETSIZE && n < N_NEXT; i++) {
    gint other = (processor + i) % CPU_SETSIZE;

    if (CPU_ISSET (other, allowed)) {
      CPU_SET (other, next);
      n++;
    }
  }
  return n > 0;
}

/* No call moves a thread, but one that is no longer allowed on its processor is moved at once. */
void
seq_processor_leave (gint processor)
{
  cpu_set_t allowed, next;

  if (processor < 0 || seq_processor_get () != processor)
    return;
  if (sched_getaffinity (0, sizeof allowed, &allowed) == 0
      && find_next (&allowed, processor, &next)
      && sched_setaffinity (0, sizeof next, &next) == 0)
    sched_setaffinity (0, sizeof allowed, &allowed);
}
