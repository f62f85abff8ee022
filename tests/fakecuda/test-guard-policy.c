/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard-trace.h"

/* Policies of trims on batches of variable length; tests/bench/guard-trace.c prints the table. */

static gint n_times;

/* The clock of all of the process is the device's, on which batches and calls take what they take
 * there: the guard looks less often at the memory where that takes long, and on a machine that is busy
 * with something else it would. */
__attribute__ ((visibility ("default")))
GstClockTime
gst_util_get_timestamp (void)
{
  g_atomic_int_inc (&n_times);
  return fake != NULL ? fake->clock () : 0;
}

/* Ten times fewer trims than every 100 batches, at no higher peak of reserved memory */
static void
test_adaptive (void)
{
  guint64 trims = 0, regular_trims = 0;
  guint32 seed;

  for (seed = 1; seed <= 6; seed++) {
    TraceResult none = trace_run (NULL, 3000, seed, 16384);
    TraceResult regular = trace_run ("interval=100", 3000, seed, 16384);
    TraceResult adaptive = trace_run ("trim-policy=adaptive interval=100", 3000, seed, 16384);

    g_test_message ("peak %.2f, %.2f, %.2f GiB; trims %u, %u", none.peak_reserved / 1073741824.0,
        regular.peak_reserved / 1073741824.0, adaptive.peak_reserved / 1073741824.0,
        (guint) regular.trims, (guint) adaptive.trims);
    g_assert_cmpuint (regular.trims, ==, 30);
    g_assert_cmpuint (adaptive.peak_reserved, <=, regular.peak_reserved);
    g_assert_cmpuint (adaptive.peak_reserved, <=, none.peak_reserved);
    g_assert_cmpuint (none.ooms + regular.ooms + adaptive.ooms, ==, 0);
    trims += adaptive.trims;
    regular_trims += regular.trims;
  }
  g_assert_cmpuint (trims, >, 0);
  g_assert_cmpuint (trims * 10, <=, regular_trims);
  g_assert_cmpint (g_atomic_int_get (&n_times), >, 0);  /* the guard has asked for it */
}

/* On a device that hardly holds the largest batch the policy spares the allocator its retries. */
static void
test_tight (void)
{
  TraceResult regular = trace_run ("interval=100", 8000, 1, 4608);
  TraceResult adaptive = trace_run ("trim-policy=adaptive interval=100", 8000, 1, 4608);

  g_assert_cmpuint (adaptive.retries, <, regular.retries);
  g_assert_cmpuint (adaptive.trims * 10, <=, regular.trims);
}

static void
test_never (void)
{
  g_assert_cmpuint (trace_run ("trim-policy=adaptive interval=0", 300, 1, 16384).trims, ==, 0);
  g_assert_cmpuint (trace_run ("trim-policy=adaptive interval=-10", 300, 1, 16384).trims, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/guard-policy/adaptive", test_adaptive);
  g_test_add_func ("/guard-policy/tight", test_tight);
  g_test_add_func ("/guard-policy/never", test_never);
  return run_fakecuda_tests ();
}
