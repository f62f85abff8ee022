/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What policies of cudamemguard cost and save on batches of variable length: a table. On the fake
 * driver, in virtual time; with another number of batches as argument. */

#include "guard-trace.h"

static void
print (const gchar * name, const TraceResult * result)
{
  g_print ("| %-12s | %10.2f | %10.2f | %5" G_GUINT64_FORMAT " | %4" G_GUINT64_FORMAT " | %7"
      G_GUINT64_FORMAT " | %8.1f |\n", name, result->peak_reserved / 1073741824.0,
      result->slack / 1073741824.0, result->trims, result->ooms, result->retries,
      result->time / 1e9);
}

static void
run (guint batches, guint total_mb)
{
  static const struct
  {
    const gchar *name, *properties;
  } policies[] = {
    {"no guard", NULL},
    {"interval=100", "interval=100"},
    {"adaptive", "trim-policy=adaptive interval=100"},
  };
  guint i;

  g_print ("\n%u batches of %u sequences, device of %u MiB\n\n", batches, TRACE_ROWS, total_mb);
  g_print ("| policy       | peak, GiB  | slack, GiB | trims | OOMs | retries | time, s  |\n");
  g_print ("|--------------|------------|------------|-------|------|---------|----------|\n");
  for (i = 0; i < G_N_ELEMENTS (policies); i++) {
    TraceResult result = trace_run (policies[i].properties, batches, 1, total_mb);

    print (policies[i].name, &result);
  }
}

int
main (int argc, char **argv)
{
  guint batches = argc > 1 ? (guint) g_ascii_strtoull (argv[1], NULL, 10) : 8000;

  gst_init (NULL, NULL);
  fake = fakecuda_find ();
  g_return_val_if_fail (fake != NULL, 77);
  run (batches, 16384);
  run (batches, 4608);
  return 0;
}
