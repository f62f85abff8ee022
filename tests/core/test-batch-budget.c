/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-budget.h"

/* A batcher and a consumer: batches of at most @wanted slots, a little less as a rule, of which
 * @in_flight were planned before the budget of now was known. */
typedef struct
{
  SeqBatchBudget budget;
  GRand *rand;
  guint64 wanted;
  guint64 capacity;             /* what fits; 0 = the consumer fails at random */
  gdouble failure;              /* how often */
  gdouble waste;                /* part of the limit that a batch may leave unused */
  guint64 in_flight[4];
  guint batches, failures;
} Simulation;

static void
simulation_init (Simulation * sim, guint64 wanted, guint64 capacity)
{
  *sim = (Simulation) { .rand = g_rand_new_with_seed (7), .wanted = wanted, .capacity = capacity,
    .waste = 0.06 };
  seq_batch_budget_init (&sim->budget);
}

static void
simulation_clear (Simulation * sim)
{
  g_rand_free (sim->rand);
}

static gboolean
fits (Simulation * sim, guint64 size)
{
  return sim->capacity > 0 ? size <= sim->capacity : g_rand_double (sim->rand) >= sim->failure;
}

/* as the guard does: once more, then halves, those that are known to fail untried */
static void
deliver (Simulation * sim, guint64 size, gboolean whole)
{
  if (!seq_batch_budget_is_known_to_fail (&sim->budget, size)) {
    if (fits (sim, size)) {
      if (whole)
        seq_batch_budget_clean (&sim->budget, size);
      else
        seq_batch_budget_passed (&sim->budget, size);
      return;
    }
    sim->failures++;
    if ((whole || seq_batch_budget_has_passed (&sim->budget, size)) && fits (sim, size)) {
      seq_batch_budget_passed_again (&sim->budget, size);
      return;
    }
    seq_batch_budget_failed (&sim->budget, size);
  }
  if (size < 2)
    return;
  deliver (sim, size / 2, FALSE);
  deliver (sim, size - size / 2, FALSE);
}

static void
simulate (Simulation * sim, guint batches)
{
  guint64 limit, size;
  guint i;

  for (i = 0; i < batches; i++) {
    limit = seq_batch_budget_get (&sim->budget);
    limit = limit > 0 ? MIN (limit, sim->wanted) : sim->wanted;
    size = sim->in_flight[sim->batches % 4];
    sim->in_flight[sim->batches % 4] = limit - limit * g_rand_double_range (sim->rand, 0, sim->waste);
    sim->batches++;
    seq_batch_budget_begin (&sim->budget);
    if (size > 0)
      deliver (sim, size, TRUE);
  }
}

/* Whatever fits of what is wanted: after 200 batches the limit is within 10 % of the best, and
 * nothing fails any more. */
static void
test_converges (void)
{
  guint percent;

  for (percent = 3; percent <= 100; percent += 1) {
    Simulation sim;
    guint failures;

    simulation_init (&sim, 16384, 16384 * percent / 100);
    simulate (&sim, 200);
    if (percent < 100) {
      g_assert_cmpuint (seq_batch_budget_get (&sim.budget), <=, sim.capacity);
      g_assert_cmpuint (seq_batch_budget_get (&sim.budget), >=, sim.capacity * 9 / 10);
    } else {
      g_assert_cmpuint (seq_batch_budget_get (&sim.budget), ==, 0);
    }
    failures = sim.failures;
    g_assert_cmpuint (failures, <=, 16);
    simulate (&sim, 600);
    g_assert_cmpuint (sim.failures, ==, failures);
    simulation_clear (&sim);
  }
}

/* Batches of few long rows are often well below the limit, so it is found more slowly. */
static void
test_coarse_batches (void)
{
  guint percent, late = 0;

  for (percent = 3; percent < 100; percent += 1) {
    Simulation sim;
    guint failures;

    simulation_init (&sim, 16384, 16384 * percent / 100);
    sim.waste = 0.25;
    simulate (&sim, 200);
    g_assert_cmpuint (seq_batch_budget_get (&sim.budget), >=, sim.capacity * 9 / 10);
    failures = sim.failures;
    simulate (&sim, 800);
    g_assert_cmpuint (seq_batch_budget_get (&sim.budget), <=, sim.capacity * 11 / 10);
    late += sim.failures - failures;
    simulation_clear (&sim);
  }
  g_test_message ("%u failures after 200 batches in 97 runs", late);
  g_assert_cmpuint (late, <=, 10);
}

static void
test_random_consumer (void)
{
  static const gdouble rates[] = { 0.05, 0.1, 0.2 }, least[] = { 0.95, 0.95, 0.9 };
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (rates); i++) {
    Simulation sim;
    guint64 sum = 0;

    simulation_init (&sim, 16384, 0);
    sim.failure = rates[i];
    for (k = 0; k < 400; k++) {
      guint64 limit;

      simulate (&sim, 1);
      limit = seq_batch_budget_get (&sim.budget);
      sum += limit > 0 ? MIN (limit, sim.wanted) : sim.wanted;
    }
    g_test_message ("failure rate %.2f: limit %.2f of what is wanted on average", rates[i],
        sum / 400.0 / sim.wanted);
    g_assert_cmpuint (sim.failures, >, 0);
    g_assert_cmpfloat (sum / 400.0, >=, least[i] * sim.wanted);
    simulation_clear (&sim);
  }
}

/* What has passed fails three times until it is believed: then there is less memory. */
static void
test_doubts (void)
{
  SeqBatchBudget budget;

  seq_batch_budget_init (&budget);
  seq_batch_budget_clean (&budget, 1000);
  seq_batch_budget_failed (&budget, 900);
  seq_batch_budget_failed (&budget, 800);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 0);
  seq_batch_budget_clean (&budget, 1000);
  seq_batch_budget_failed (&budget, 900);
  seq_batch_budget_failed (&budget, 900);
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 900));
  seq_batch_budget_failed (&budget, 900);
  g_assert_true (seq_batch_budget_is_known_to_fail (&budget, 900));
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 899));
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 450);

  /* it passes after all */
  seq_batch_budget_passed (&budget, 950);
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 2000));
}

static void
pass (SeqBatchBudget * budget, guint64 slots)
{
  seq_batch_budget_begin (budget);
  seq_batch_budget_clean (budget, slots);
}

/* Also where nobody upstream makes smaller batches, what failed is tried anew some day. */
static void
test_unheard (void)
{
  SeqBatchBudget budget;
  guint i;

  seq_batch_budget_init (&budget);
  seq_batch_budget_failed (&budget, 1000);
  for (i = 0; i < 10000; i++) {
    g_assert_true (seq_batch_budget_is_known_to_fail (&budget, 1000));
    seq_batch_budget_begin (&budget);
  }
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 1000));
}

/* While it is known what fails, the limit stays below; later it grows by a twentieth at a time. */
static void
test_recovery (void)
{
  SeqBatchBudget budget;
  guint64 limit;
  guint i;

  seq_batch_budget_init (&budget);
  pass (&budget, 10000);
  seq_batch_budget_failed (&budget, 10500);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 10000);
  for (i = 0; i < 9999; i++) {
    pass (&budget, 10000);
    g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 10000);
  }
  pass (&budget, 10000);
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 10500));
  for (i = 0; i < 50; i++)
    pass (&budget, 10000);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 10501);

  /* it fails again: now that is believed for twice as long */
  seq_batch_budget_failed (&budget, 10501);
  limit = seq_batch_budget_get (&budget);
  for (i = 0; i < 19999; i++)
    pass (&budget, 10000);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, limit);

  /* in the end it limits nothing */
  for (i = 0; i < 1000; i++)
    pass (&budget, 10000);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 0);
}

static void
test_halve (void)
{
  SeqBatchBudget budget;

  seq_batch_budget_init (&budget);
  seq_batch_budget_halve (&budget);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 0);
  seq_batch_budget_clean (&budget, 1000);
  seq_batch_budget_halve (&budget);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 500);
  seq_batch_budget_halve (&budget);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 250);
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 1000));
}

static void
test_room (void)
{
  SeqBatchBudget budget;

  seq_batch_budget_init (&budget);
  seq_batch_budget_set_memory (&budget, 1000, SEQ_BUDGET_UNKNOWN);
  seq_batch_budget_failed (&budget, 400);       /* limit 200: twice the memory is needed */
  seq_batch_budget_set_memory (&budget, 1900, SEQ_BUDGET_UNKNOWN);
  g_assert_true (seq_batch_budget_is_known_to_fail (&budget, 400));
  seq_batch_budget_set_memory (&budget, SEQ_BUDGET_UNKNOWN, SEQ_BUDGET_UNKNOWN);
  g_assert_true (seq_batch_budget_is_known_to_fail (&budget, 400));
  seq_batch_budget_set_memory (&budget, 2001, SEQ_BUDGET_UNKNOWN);
  g_assert_false (seq_batch_budget_is_known_to_fail (&budget, 400));
}

static guint64
limit_with (SeqBatchBudget * budget, guint64 capacity)
{
  seq_batch_budget_set_memory (budget, SEQ_BUDGET_UNKNOWN, capacity);
  return seq_batch_budget_get (budget);
}

static void
test_fit (void)
{
  SeqBatchBudget budget;
  guint i;

  /* 1000 + 2 a slot, of 21,000: 5 % stay free */
  seq_batch_budget_init (&budget);
  seq_batch_budget_observe (&budget, 1000, 3000);
  seq_batch_budget_observe (&budget, 1400, 3800);
  seq_batch_budget_observe (&budget, 1000, 3000);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 0);
  seq_batch_budget_observe (&budget, 1500, 4000);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 9475);
  /* less memory, and more; what passed counts more; the lower of the two limits */
  g_assert_cmpuint (limit_with (&budget, 11000), ==, 4725);
  g_assert_cmpuint (limit_with (&budget, SEQ_BUDGET_UNKNOWN), ==, 0);
  g_assert_cmpuint (limit_with (&budget, 500), ==, 0);
  g_assert_cmpuint (limit_with (&budget, 11000), ==, 4725);
  seq_batch_budget_clean (&budget, 5000);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 5000);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 9475);
  seq_batch_budget_failed (&budget, 6000);
  g_assert_cmpuint (seq_batch_budget_get (&budget), ==, 5000);

  /* sizes that grow slowly, and then memory that is used otherwise */
  seq_batch_budget_init (&budget);
  for (i = 0; i < 200; i++)
    seq_batch_budget_observe (&budget, 1000 + 10 * i, 1000 + 2 * (1000 + 10 * i));
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 9475);
  for (i = 1; i <= 30; i++)
    seq_batch_budget_observe (&budget, 2500 + 100 * i, 1000 + 3 * (2500 + 100 * i));
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 6316);

  /* too near together; no line; a falling one; and as many points as one likes */
  seq_batch_budget_init (&budget);
  for (i = 0; i < 40; i++)
    seq_batch_budget_observe (&budget, 1000 + i, 3000 + 2 * i);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 0);
  seq_batch_budget_observe (&budget, 4000, 4000);
  seq_batch_budget_observe (&budget, 5000, 30000);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 0);
  seq_batch_budget_init (&budget);
  for (i = 1; i < 40; i++)
    seq_batch_budget_observe (&budget, 1000 * i, 100000 - i);
  g_assert_cmpuint (limit_with (&budget, 21000), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-budget/converges", test_converges);
  g_test_add_func ("/batch-budget/coarse-batches", test_coarse_batches);
  g_test_add_func ("/batch-budget/random-consumer", test_random_consumer);
  g_test_add_func ("/batch-budget/doubts", test_doubts);
  g_test_add_func ("/batch-budget/recovery", test_recovery);
  g_test_add_func ("/batch-budget/unheard", test_unheard);
  g_test_add_func ("/batch-budget/halve", test_halve);
  g_test_add_func ("/batch-budget/room", test_room);
  g_test_add_func ("/batch-budget/fit", test_fit);
  return g_test_run ();
}
