/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trim-policy.h"

#include <math.h>

#define MIB (G_GUINT64_CONSTANT (1) << 20)
#define GIB (G_GUINT64_CONSTANT (1) << 30)

static const SeqTrimRules rules = {.interval = 100,.high_water = 0.3,.low_water = 0.05 };

static SeqTrimMemory
memory_of (guint64 allocated, guint64 reserved)
{
  return (SeqTrimMemory) { allocated, reserved, SEQ_TRIM_UNKNOWN, SEQ_TRIM_UNKNOWN,
    80 * GIB - reserved, 80 * GIB };
}

static void
test_worth (void)
{
  SeqTrimMemory memory = memory_of (GIB, GIB + 256 * MIB);
  SeqTrimPolicy policy;

  seq_trim_policy_init (&policy);
  g_assert_false (seq_trim_policy_ahead (&policy, &rules, 100, &memory));
  g_assert_true (seq_trim_policy_ahead (&policy, &rules, 101, &memory));
  memory.releasable = 256 * MIB - 1;
  g_assert_false (seq_trim_policy_ahead (&policy, &rules, 101, &memory));
  memory.total = 4 * GIB;       /* more than 5 % of it */
  g_assert_true (seq_trim_policy_ahead (&policy, &rules, 101, &memory));
  memory.releasable = 0;
  memory.free = 0;
  g_assert_false (seq_trim_policy_ahead (&policy, &rules, 101, &memory));
  memory = memory_of (SEQ_TRIM_UNKNOWN, GIB);
  g_assert_cmpuint (seq_trim_memory_slack (&memory), ==, SEQ_TRIM_UNKNOWN);
  g_assert_false (seq_trim_policy_ahead (&policy, &rules, 101, &memory));
}

static void
test_growth (void)
{
  SeqTrimPolicy policy;
  SeqTrimMemory memory = memory_of (GIB, 3 * GIB);
  SeqTrimRules never = rules;

  seq_trim_policy_init (&policy);
  seq_trim_policy_count (&policy, 10);
  seq_trim_policy_count (&policy, 5);
  g_assert_false (seq_trim_policy_grows (&policy, &rules, 10));
  g_assert_true (seq_trim_policy_grows (&policy, &rules, 11));
  never.interval = 0;
  g_assert_false (seq_trim_policy_grows (&policy, &never, 11));
  never.interval = -10;
  g_assert_false (seq_trim_policy_grows (&policy, &never, 11));
  g_assert_false (seq_trim_policy_after (&policy, &never, 100, &memory));

  /* nothing is larger than what there was, until a trim */
  seq_trim_policy_trimmed (&policy, &rules, 200, 3 * GIB, GIB, TRUE);
  g_assert_true (seq_trim_policy_grows (&policy, &rules, 1));
  seq_trim_policy_count (&policy, 11);
  g_assert_true (seq_trim_policy_ahead (&policy, &rules, 202, &memory));
  /* a trim of another kind: growth is let go for an interval, but not when memory is short */
  seq_trim_policy_trimmed (&policy, &rules, 300, 3 * GIB, GIB, FALSE);
  g_assert_false (seq_trim_policy_ahead (&policy, &rules, 400, &memory));
  g_assert_true (seq_trim_policy_ahead (&policy, &rules, 401, &memory));
  memory.free = GIB;
  g_assert_true (seq_trim_policy_ahead (&policy, &rules, 302, &memory));
}

/* A sorted input, each batch larger than the one before: no trim before each. */
static void
test_sorted (void)
{
  SeqTrimPolicy policy;
  guint trims = 0, i;
  guint64 reserved = 10 * GIB, peak = 0;

  seq_trim_policy_init (&policy);
  for (i = 1; i <= 10000; i++) {
    SeqTrimMemory memory = memory_of (10 * GIB, reserved);

    g_assert_true (seq_trim_policy_grows (&policy, &rules, i));
    if (seq_trim_policy_ahead (&policy, &rules, i, &memory)) {
      seq_trim_policy_trimmed (&policy, &rules, i - 1, reserved, 10 * GIB, TRUE);
      reserved = 10 * GIB;
      trims++;
    }
    reserved += i * 64 * 1024;
    peak = MAX (peak, reserved);
    seq_trim_policy_count (&policy, i);
  }
  g_test_message ("%u trims in 10,000 ever larger batches, peak %.1f GiB", trims, peak / 1073741824.);
  g_assert_cmpuint (trims, <=, 200);
  g_assert_cmpuint (peak, <=, 80 * GIB);
}

static void
test_unknown (void)
{
  SeqTrimMemory memory = memory_of (SEQ_TRIM_UNKNOWN, SEQ_TRIM_UNKNOWN);
  SeqTrimPolicy policy;
  guint trims = 0, i;

  seq_trim_policy_init (&policy);
  for (i = 1; i <= 1000; i++)
    trims += seq_trim_policy_after (&policy, &rules, i, &memory);
  g_assert_cmpuint (trims, ==, 10);
}

/* Slack that not even the peak needs goes when it has stayed for ten intervals; in vain, then after
 * twenty. */
static void
test_idle_slack (void)
{
  SeqTrimMemory memory = memory_of (GIB, 10 * GIB);
  SeqTrimPolicy policy;
  guint64 i;

  memory.peak = 9 * GIB;
  seq_trim_policy_init (&policy);
  for (i = 1; i < 2000; i++)
    g_assert_false (seq_trim_policy_after (&policy, &rules, i, &memory));
  memory.peak = 5 * GIB;
  for (; i < 3000; i++)
    g_assert_false (seq_trim_policy_after (&policy, &rules, i, &memory));
  g_assert_true (seq_trim_policy_after (&policy, &rules, 3000, &memory));

  seq_trim_policy_trimmed (&policy, &rules, 3000, 10 * GIB, 2 * GIB, FALSE);
  for (i = 3001; i < 5001; i++)
    g_assert_false (seq_trim_policy_after (&policy, &rules, i, &memory));
  g_assert_true (seq_trim_policy_after (&policy, &rules, 5001, &memory));

  /* memory stays small: not in vain */
  seq_trim_policy_trimmed (&policy, &rules, 5001, 10 * GIB, 2 * GIB, FALSE);
  memory.reserved = 6 * GIB;
  memory.peak = GIB;
  for (i = 5002; i < 6002; i++)
    g_assert_false (seq_trim_policy_after (&policy, &rules, i, &memory));
  for (; i < 6012 && !seq_trim_policy_after (&policy, &rules, i, &memory); i++);
  g_assert_cmpuint (i, <, 6012);
}

static void
test_short (void)
{
  SeqTrimMemory memory = memory_of (60 * GIB, 79 * GIB);
  SeqTrimPolicy policy;
  guint trims = 0, i;

  seq_trim_policy_init (&policy);
  memory.peak = 79 * GIB;
  for (i = 1; i <= 1000; i++)
    if (seq_trim_policy_after (&policy, &rules, i, &memory)) {
      trims++;
      seq_trim_policy_trimmed (&policy, &rules, i, 79 * GIB, 60 * GIB, FALSE);
    }
  g_test_message ("%u trims in vain", trims);
  g_assert_cmpuint (trims, >=, 3);
  g_assert_cmpuint (trims, <=, 11);     /* each time after twice as long */
}

/* A cache that serves a batch from what it has if that is as large, else takes new memory. */
typedef struct
{
  guint64 model, cached, largest, peak;
  guint trims;
} Cache;

static void
cache_serve (Cache * cache, guint64 size)
{
  if (size > cache->largest) {
    cache->cached += size;
    cache->largest = size;
  }
  cache->peak = MAX (cache->peak, cache->model + cache->cached);
}

static void
cache_trim (Cache * cache)
{
  cache->cached = cache->largest = 0;
  cache->trims++;
}

static guint64
log_normal (GRand * rand)
{
  gdouble u = 1 - g_rand_double (rand), v = g_rand_double (rand);

  return 4 * MIB * 300 * exp (0.6 * sqrt (-2 * log (u)) * cos (2 * G_PI * v));
}

static void
adaptive_serve (Cache * cache, SeqTrimPolicy * policy, guint64 n, guint64 size)
{
  SeqTrimMemory memory = memory_of (cache->model, cache->model + cache->cached);

  if (seq_trim_policy_grows (policy, &rules, size)
      && seq_trim_policy_ahead (policy, &rules, n, &memory)) {
    cache_trim (cache);
    seq_trim_policy_trimmed (policy, &rules, n - 1, memory.reserved, cache->model, TRUE);
  }
  cache_serve (cache, size);
  seq_trim_policy_count (policy, size);
  memory = memory_of (cache->model, cache->model + cache->cached);
  memory.peak = cache->model + cache->largest;
  if (seq_trim_policy_after (policy, &rules, n, &memory)) {
    cache_trim (cache);
    seq_trim_policy_trimmed (policy, &rules, n, memory.reserved, cache->model, FALSE);
  }
}

/* Lengths as they come: ten times fewer trims than every 100 batches, at no higher peak */
static void
test_variable_lengths (void)
{
  guint seed, worse = 0, trims = 0;
  guint64 n;

  for (seed = 1; seed <= 50; seed++) {
    Cache regular = {.model = 2 * GIB }, adaptive = {.model = 2 * GIB };
    GRand *rand = g_rand_new_with_seed (seed);
    SeqTrimPolicy policy;

    seq_trim_policy_init (&policy);
    for (n = 1; n <= 8000; n++) {
      guint64 size = log_normal (rand);

      cache_serve (&regular, size);
      if (n % 100 == 0)
        cache_trim (&regular);
      adaptive_serve (&adaptive, &policy, n, size);
    }
    worse += adaptive.peak > regular.peak;
    trims += adaptive.trims;
    g_assert_cmpuint (adaptive.trims, <=, 12);
    g_rand_free (rand);
  }
  g_test_message ("%.1f trims instead of 80; a higher peak with %u of 50 seeds", trims / 50., worse);
  g_assert_cmpuint (trims, <=, 50 * 8);
  g_assert_cmpuint (worse, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trim-policy/worth", test_worth);
  g_test_add_func ("/trim-policy/growth", test_growth);
  g_test_add_func ("/trim-policy/sorted", test_sorted);
  g_test_add_func ("/trim-policy/unknown", test_unknown);
  g_test_add_func ("/trim-policy/idle-slack", test_idle_slack);
  g_test_add_func ("/trim-policy/short", test_short);
  g_test_add_func ("/trim-policy/variable-lengths", test_variable_lengths);
  return g_test_run ();
}
