/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch-plan.h"

#include <math.h>
#include <string.h>

/* Rows are told apart by `record`, their number in order of arrival. A batch is an array of those
 * numbers, and a run an array of batches. */

typedef struct
{
  GArray *rows;                 /* of guint32 */
  gboolean partial;
  guint32 row_length;
} Batch;

static void
batch_clear (gpointer data)
{
  g_array_unref (((Batch *) data)->rows);
}

static GArray *
run_new (void)
{
  GArray *run = g_array_new (FALSE, FALSE, sizeof (Batch));

  g_array_set_clear_func (run, batch_clear);
  return run;
}

static Batch *
run_open (GArray * run)
{
  Batch batch = { g_array_new (FALSE, FALSE, sizeof (guint32)), FALSE, 0 };

  g_array_append_val (run, batch);
  return &g_array_index (run, Batch, run->len - 1);
}

/* ---- what batches ought to be, computed from scratch at every step ---- */

static guint64
ref_row_length (const SeqBatchLimits * l, guint64 longest)
{
  guint64 length = MAX (MAX (longest, l->pad_to), 1);

  while (length % l->pad_to_multiple != 0)
    length++;
  return MIN (length, G_MAXUINT32);
}

static gboolean
ref_fits (const SeqBatchLimits * l, const guint32 * lengths, GArray * rows)
{
  guint64 tokens = 0, squares = 0, longest = 0, length, slots, cost;

  for (guint i = 0; i < rows->len; i++) {
    guint64 n = lengths[g_array_index (rows, guint32, i)];

    tokens += n;
    squares += n * n;
    longest = MAX (longest, n);
  }
  length = ref_row_length (l, longest);
  slots = l->packed ? tokens : rows->len * length;
  if (l->cost == SEQ_BATCH_COST_TOKENS)
    cost = tokens;
  else if (l->cost == SEQ_BATCH_COST_PADDED)
    cost = slots;
  else
    cost = l->packed ? squares : rows->len * length * length;
  return (l->max_rows == 0 || rows->len <= l->max_rows) &&
      (l->max_slots == 0 || MAX (slots, rows->len) <= l->max_slots) &&
      (l->max_cost == 0 || MAX (cost, rows->len) <= l->max_cost);
}

static gboolean
ref_fits_with (const SeqBatchLimits * l, const guint32 * lengths, GArray * rows, guint32 row)
{
  gboolean ok;

  g_array_append_val (rows, row);
  ok = ref_fits (l, lengths, rows);
  g_array_set_size (rows, rows->len - 1);
  return ok;
}

static guint32
name_len (guint32 row)
{
  return row * 37 % 11;
}

static gboolean
ref_has_many_names (const SeqBatchLimits * l, GArray * rows)
{
  gsize names = 0;

  for (guint i = 0; i < rows->len; i++)
    names += name_len (g_array_index (rows, guint32, i));
  return l->max_names > 0 && names >= l->max_names;
}

/* lengths[n] is 1: the shortest row that may still come */
static GArray *
ref_in_order (const SeqBatchLimits * l, const guint32 * lengths, guint32 n)
{
  GArray *run = run_new ();

  for (guint32 i = 0; i < n;) {
    Batch *b = run_open (run);

    do
      g_array_append_val (b->rows, i);
    while (++i < n && !ref_has_many_names (l, b->rows) && ref_fits_with (l, lengths, b->rows, i));
    b->partial = i == n && !ref_has_many_names (l, b->rows)
        && ref_fits_with (l, lengths, b->rows, n);
  }
  return run;
}

static GArray *
ref_best_fit (const SeqBatchLimits * l, const guint32 * lengths, guint32 n)
{
  g_autoptr (GArray) window = g_array_new (FALSE, FALSE, sizeof (guint32));
  GArray *run = run_new ();
  guint32 next = 0;

  for (;;) {
    gboolean all_seen;
    gint best = 0;
    Batch *b;

    for (; window->len < l->window && !ref_has_many_names (l, window) && next < n; next++)
      g_array_append_val (window, next);
    if (window->len == 0)
      return run;
    all_seen = window->len < l->window && !ref_has_many_names (l, window);
    b = run_open (run);
    while (best >= 0) {
      g_array_append_val (b->rows, g_array_index (window, guint32, best));
      g_array_remove_index (window, best);      /* keeps the order of arrival */
      best = -1;
      for (guint i = 0; i < window->len && !ref_has_many_names (l, b->rows); i++) {
        guint32 row = g_array_index (window, guint32, i);

        if (ref_fits_with (l, lengths, b->rows, row) && (best < 0 ||
                lengths[row] > lengths[g_array_index (window, guint32, best)]))
          best = i;
      }
    }
    b->partial = all_seen && window->len == 0 && !ref_has_many_names (l, b->rows)
        && ref_fits_with (l, lengths, b->rows, n);
  }
}

/* ---- what they are ---- */

static void
take_batches (SeqBatchPlan * plan, const SeqBatchLimits * l, const guint32 * lengths, GArray * run)
{
  SeqPlannedBatch planned;

  while (seq_batch_plan_next (plan, &planned)) {
    Batch *b = run_open (run);
    guint64 tokens = 0;
    guint32 longest = 0;

    g_assert_cmpuint (planned.n_rows, >, 0);
    for (guint i = 0; i < planned.n_rows; i++) {
      const SeqBatchRow *row = &planned.rows[i];

      g_assert_cmpuint (row->tokens, ==, lengths[row->record]);
      g_assert_true (row->block == plan);
      tokens += row->tokens;
      longest = MAX (longest, row->tokens);
      g_array_append_val (b->rows, row->record);
    }
    b->partial = planned.partial;
    b->row_length = planned.row_length;
    g_assert_cmpuint (planned.tokens, ==, tokens);
    g_assert_cmpuint (planned.longest, ==, longest);
    g_assert_cmpuint (planned.row_length, ==, ref_row_length (l, longest));
  }
}

static void
add_rows (SeqBatchPlan * plan, const guint32 * lengths, guint32 from, guint32 to)
{
  for (guint32 i = from; i < to; i++) {
    SeqBatchRow row = {.block = plan,.record = i,.tokens = lengths[i],.name_len = name_len (i) };

    seq_batch_plan_add (plan, &row);
  }
}

/* Asks for batches after `step` rows, or after random numbers of rows with `rand`; with a step of
 * more than n for the first time when the end is known. */
static GArray *
run_plan (const SeqBatchLimits * l, const guint32 * lengths, guint32 n, guint32 step, GRand * rand)
{
  SeqBatchPlan *plan = seq_batch_plan_new (l);
  GArray *run = run_new ();

  for (guint32 done = 0, next; done < n; done = next) {
    next = done + (rand ? (guint32) g_rand_int_range (rand, 1, step + 1) : step);
    next = MIN (next, n);
    add_rows (plan, lengths, done, next);
    if (rand || step <= n)
      take_batches (plan, l, lengths, run);
  }
  seq_batch_plan_finish (plan);
  take_batches (plan, l, lengths, run);
  g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 0);
  seq_batch_plan_free (plan);
  return run;
}

static void
assert_same (GArray * run, GArray * expected)
{
  g_assert_cmpuint (run->len, ==, expected->len);
  for (guint i = 0; i < run->len; i++) {
    const Batch *a = &g_array_index (run, Batch, i), *b = &g_array_index (expected, Batch, i);

    g_assert_cmpmem (a->rows->data, a->rows->len * sizeof (guint32), b->rows->data,
        b->rows->len * sizeof (guint32));
    g_assert_cmpint (a->partial, ==, b->partial);
  }
}

/* Sizes of the batches, `*` behind a partial one. */
static gchar *
describe (GArray * run)
{
  GString *s = g_string_new (NULL);

  for (guint i = 0; i < run->len; i++) {
    const Batch *b = &g_array_index (run, Batch, i);

    g_string_append_printf (s, "%s%u%s", i ? " " : "", b->rows->len, b->partial ? "*" : "");
  }
  return g_string_free (s, FALSE);
}

/* ---- in order ---- */

static void
test_limits (void)
{
  static const struct
  {
    SeqBatchLimits limits;
    guint32 lengths[12];        /* ended by 99; the longest is below that */
    const gchar *expected;
  } rows[] = {
    /* no limit, no row, rows of no tokens */
    {{.pad_to_multiple = 1}, {5, 4, 3, 99}, "3*"},
    {{.pad_to_multiple = 1}, {99}, ""},
    {{.pad_to_multiple = 1,.max_cost = 1,.cost = SEQ_BATCH_COST_PADDED}, {0, 0, 0, 99}, "1 1 1"},
    {{.pad_to_multiple = 1,.max_cost = 1,.cost = SEQ_BATCH_COST_TOKENS}, {0, 0, 0, 99}, "1 1 1"},
    {{.pad_to_multiple = 1,.max_cost = 2,.cost = SEQ_BATCH_COST_TOKENS}, {0, 0, 0, 1, 1, 0, 99},
        "2 2 2"},
    {{.pad_to_multiple = 1,.packed = TRUE,.max_cost = 2,.cost = SEQ_BATCH_COST_PADDED},
          {0, 0, 0, 99}, "2 1*"},
    {{.pad_to_multiple = 1,.packed = TRUE,.max_cost = 2,.cost = SEQ_BATCH_COST_QUADRATIC},
          {0, 0, 0, 99}, "2 1*"},
    {{.pad_to_multiple = 1,.packed = TRUE,.max_slots = 3}, {0, 0, 0, 0, 99}, "3 1*"},
    /* count */
    {{.pad_to_multiple = 1,.max_rows = 1}, {5, 4, 99}, "1 1"},
    {{.pad_to_multiple = 1,.max_rows = 2}, {5, 4, 3, 99}, "2 1*"},
    {{.pad_to_multiple = 1,.max_rows = 3}, {5, 4, 3, 99}, "3"},
    /* B x L: exact fits, one too many, one that is too long at all sides */
    {{.pad_to_multiple = 1,.max_cost = 20,.cost = SEQ_BATCH_COST_PADDED}, {5, 4, 3, 2, 99}, "4"},
    {{.pad_to_multiple = 1,.max_cost = 19,.cost = SEQ_BATCH_COST_PADDED}, {5, 4, 3, 2, 99}, "3 1*"},
    {{.pad_to_multiple = 1,.max_cost = 20,.cost = SEQ_BATCH_COST_PADDED},
          {30, 2, 2, 30, 2, 30, 99}, "1 2 1 1 1"},
    {{.pad_to_multiple = 1,.max_cost = 10,.cost = SEQ_BATCH_COST_PADDED},
          {1, 2, 3, 4, 5, 99}, "3 2"},
    /* the padding is counted: L is 8, or 16 */
    {{.pad_to_multiple = 8,.max_cost = 16,.cost = SEQ_BATCH_COST_PADDED}, {1, 8, 1, 9, 99},
        "2 1 1"},
    {{.pad_to_multiple = 1,.pad_to = 16,.max_cost = 32,.cost = SEQ_BATCH_COST_PADDED},
          {1, 1, 1, 99}, "2 1*"},
    {{.pad_to_multiple = 10,.pad_to = 16,.max_cost = 40,.cost = SEQ_BATCH_COST_PADDED},
          {1, 1, 1, 21, 1, 99}, "2 1 1 1*"},
    /* real tokens, and squares */
    {{.pad_to_multiple = 8,.max_cost = 10,.cost = SEQ_BATCH_COST_TOKENS}, {5, 5, 5, 4, 99}, "2 2*"},
    {{.pad_to_multiple = 1,.max_cost = 50,.cost = SEQ_BATCH_COST_QUADRATIC}, {5, 5, 5, 99}, "2 1*"},
    {{.pad_to_multiple = 1,.max_cost = 49,.cost = SEQ_BATCH_COST_QUADRATIC}, {5, 5, 5, 99},
        "1 1 1"},
    {{.pad_to_multiple = 1,.packed = TRUE,.max_cost = 29,.cost = SEQ_BATCH_COST_QUADRATIC},
          {5, 2, 1, 99}, "2 1*"},
    /* packed in order: nothing is padded */
    {{.pad_to_multiple = 1,.packed = TRUE,.max_cost = 10,.cost = SEQ_BATCH_COST_PADDED},
          {9, 1, 6, 5, 99}, "2 1 1*"},
    /* whichever limit comes first */
    {{.pad_to_multiple = 1,.max_rows = 3,.max_cost = 10,.cost = SEQ_BATCH_COST_PADDED},
          {1, 1, 1, 5, 5, 1, 1, 99}, "3 2 2*"},
    /* slots, beside whatever else is counted */
    {{.pad_to_multiple = 4,.max_slots = 16,.max_cost = 9,.cost = SEQ_BATCH_COST_TOKENS},
          {3, 3, 3, 3, 5, 2, 99}, "3 2 1*"},
    {{.pad_to_multiple = 1,.packed = TRUE,.max_slots = 10}, {9, 1, 6, 5, 99}, "2 1 1*"},
    {{.pad_to_multiple = 1,.max_slots = 4}, {5, 5, 2, 2, 99}, "1 1 2"},
    /* names of 0, 4, 8, 1, 5, 9 bytes: at the limit, over it, and the last row */
    {{.pad_to_multiple = 1,.max_names = 12}, {5, 5, 5, 5, 5, 5, 99}, "3 3"},
    {{.pad_to_multiple = 1,.max_names = 11}, {5, 5, 5, 5, 5, 99}, "3 2*"},
    {{.pad_to_multiple = 1,.max_names = 1}, {5, 5, 5, 99}, "2 1"},
    {{.pad_to_multiple = 1,.max_rows = 2,.max_names = 9}, {5, 5, 5, 5, 5, 99}, "2 2 1*"},
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    guint32 lengths[13], n = 0;

    for (; rows[i].lengths[n] != 99; n++)
      lengths[n] = rows[i].lengths[n];
    lengths[n] = 1;
    for (guint32 step = 1; step <= n + 1; step++) {
      g_autoptr (GArray) run = run_plan (&rows[i].limits, lengths, n, step, NULL);
      g_autoptr (GArray) expected = ref_in_order (&rows[i].limits, lengths, n);
      g_autofree gchar *sizes = describe (run);

      g_assert_cmpstr (sizes, ==, rows[i].expected);
      assert_same (run, expected);
    }
  }
}

/* A batch that has reached its number of rows need not wait for the next row. */
static void
test_ready_at_once (void)
{
  const SeqBatchLimits limits = {.pad_to_multiple = 1,.max_rows = 2 };
  const guint32 lengths[] = { 3, 3, 3 };
  SeqBatchPlan *plan = seq_batch_plan_new (&limits);
  SeqPlannedBatch batch;

  add_rows (plan, lengths, 0, 1);
  g_assert_false (seq_batch_plan_next (plan, &batch));
  add_rows (plan, lengths, 1, 2);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 2);
  g_assert_false (seq_batch_plan_next (plan, &batch));
  seq_batch_plan_finish (plan);
  g_assert_false (seq_batch_plan_next (plan, &batch));

  /* a row after the end takes the end back */
  add_rows (plan, lengths, 2, 3);
  g_assert_false (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 1);
  seq_batch_plan_finish (plan);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_true (batch.partial);
  seq_batch_plan_free (plan);
}

static void
test_row_length (void)
{
  static const struct
  {
    guint multiple;
    guint32 pad_to, longest, expected;
  } rows[] = {
    {1, 0, 0, 1}, {1, 0, 7, 7}, {8, 0, 0, 8}, {8, 0, 8, 8}, {8, 0, 9, 16}, {1, 10, 7, 10},
    {1, 10, 11, 11}, {8, 10, 7, 16}, {0, 0, 3, 3}, {64, 0, G_MAXUINT32 - 1, G_MAXUINT32},
    {65536, 0, G_MAXUINT32, G_MAXUINT32}, {1, G_MAXUINT32, 0, G_MAXUINT32}
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    SeqBatchLimits limits = {.pad_to_multiple = rows[i].multiple,.pad_to = rows[i].pad_to };

    g_assert_cmpuint (seq_batch_row_length (&limits, rows[i].longest), ==, rows[i].expected);
  }
}

/* The largest lengths overflow no sum, square or product: such rows never share a batch. */
static void
test_huge (void)
{
  const guint32 lengths[] = { G_MAXUINT32, G_MAXUINT32, G_MAXUINT32, G_MAXUINT32 - 1, 1 };

  for (SeqBatchCost cost = SEQ_BATCH_COST_TOKENS; cost <= SEQ_BATCH_COST_QUADRATIC; cost++) {
    for (guint kind = 0; kind < 3; kind++) {
      SeqBatchLimits limits = {.packed = kind > 0,.window = kind == 2 ? 10 : 0,.cost = cost,
        .max_cost = cost == SEQ_BATCH_COST_QUADRATIC ? G_MAXUINT64 - 1 : G_MAXUINT32,
        .pad_to_multiple = 64
      };
      g_autoptr (GArray) run = run_plan (&limits, lengths, 4, 4, NULL);
      guint rows = 0;

      for (guint i = 0; i < run->len; i++)
        rows += g_array_index (run, Batch, i).rows->len;
      g_assert_cmpuint (rows, ==, 4);
      g_assert_cmpuint (run->len, ==, 4);
    }
  }
}

/* ---- random rows against the reference ---- */

static guint32 *
random_lengths (GRand * rand, guint32 n, guint32 max)
{
  guint32 *lengths = g_new (guint32, n + 1);

  for (guint32 i = 0; i < n; i++)
    lengths[i] = g_rand_int_range (rand, 0, max + 1);
  lengths[n] = 1;
  return lengths;
}

static SeqBatchLimits
random_limits (GRand * rand, gboolean packed)
{
  static const guint64 costs[] = { 0, 1, 64, 300, 5000 };

  return (SeqBatchLimits) {
    .packed = packed,
    .max_rows = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 1, 9),
    .max_cost = costs[g_rand_int_range (rand, 0, G_N_ELEMENTS (costs))],
    .cost = g_rand_int_range (rand, 0, 3),
    .max_slots = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 1, 400),
    .pad_to_multiple = g_rand_boolean (rand) ? 1 : g_rand_int_range (rand, 1, 17),
    .pad_to = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 0, 40),
    .max_names = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 1, 60),
  };
}

static void
test_in_order_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint round = 0; round < 300; round++) {
    SeqBatchLimits limits = random_limits (rand, g_rand_boolean (rand));
    guint32 n = g_rand_int_range (rand, 0, 200);
    g_autofree guint32 *lengths = random_lengths (rand, n, round % 2 ? 40 : 3);
    g_autoptr (GArray) expected = ref_in_order (&limits, lengths, n);
    g_autoptr (GArray) whole = run_plan (&limits, lengths, n, n + 1, NULL);
    g_autoptr (GArray) singly = run_plan (&limits, lengths, n, 1, NULL);
    g_autoptr (GArray) randomly = run_plan (&limits, lengths, n, 20, rand);

    assert_same (whole, expected);
    assert_same (singly, expected);
    assert_same (randomly, expected);
  }
}

/* Every row once, and every batch starts with the oldest row that was left. */
static void
check_fairness (GArray * run, guint32 n)
{
  g_autofree guint8 *seen = g_malloc0 (n + 1);

  for (guint i = 0; i < run->len; i++) {
    const Batch *b = &g_array_index (run, Batch, i);

    for (guint k = 0; k < b->rows->len; k++) {
      guint32 row = g_array_index (b->rows, guint32, k);

      g_assert_cmpuint (seen[row]++, ==, 0);
      g_assert_cmpuint (i, <=, row);    /* at least one row a batch has gone */
    }
    for (guint32 row = 0; row < g_array_index (b->rows, guint32, 0); row++)
      g_assert_cmpuint (seen[row], ==, 1);
  }
  for (guint32 row = 0; row < n; row++)
    g_assert_cmpuint (seen[row], ==, 1);
}

static void
test_best_fit_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);

  for (guint round = 0; round < 200; round++) {
    SeqBatchLimits limits = random_limits (rand, TRUE);
    guint32 n = g_rand_int_range (rand, 0, 200);
    g_autofree guint32 *lengths = random_lengths (rand, n, round % 2 ? 40 : 3);
    g_autoptr (GArray) expected = NULL, whole = NULL, singly = NULL, randomly = NULL;

    limits.window = g_rand_int_range (rand, 1, 30);
    expected = ref_best_fit (&limits, lengths, n);
    whole = run_plan (&limits, lengths, n, n + 1, NULL);
    singly = run_plan (&limits, lengths, n, 1, NULL);
    randomly = run_plan (&limits, lengths, n, 20, rand);
    assert_same (whole, expected);
    assert_same (singly, expected);
    assert_same (randomly, expected);
    check_fairness (whole, n);
  }
}

/* A long row among short ones that always fit better is not put off for ever. */
static void
test_no_starvation (void)
{
  const SeqBatchLimits limits = {.packed = TRUE,.max_cost = 10,.pad_to_multiple = 1,.window = 8 };
  guint32 lengths[101];

  for (guint i = 0; i < 101; i++)
    lengths[i] = i == 7 ? 1 : 5;
  {
    g_autoptr (GArray) run = run_plan (&limits, lengths, 100, 100, NULL);
    guint found = 0;

    check_fairness (run, 100);
    for (guint i = 0; i < run->len; i++) {
      const Batch *b = &g_array_index (run, Batch, i);

      for (guint k = 0; k < b->rows->len; k++)
        if (g_array_index (b->rows, guint32, k) == 7)
          found = i;
    }
    g_assert_cmpuint (found, <=, limits.window);
  }
}

/* ---- changes, and the way back ---- */

static void
test_set_limits (void)
{
  SeqBatchLimits limits = {.pad_to_multiple = 1,.max_rows = 4 };
  guint32 lengths[32];
  SeqBatchPlan *plan = seq_batch_plan_new (&limits);
  SeqPlannedBatch batch;

  for (guint i = 0; i < 32; i++)
    lengths[i] = 3;
  add_rows (plan, lengths, 0, 7);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 4);
  g_assert_false (seq_batch_plan_next (plan, &batch));  /* three rows are in the open batch */

  limits.max_rows = 2;
  limits.packed = TRUE;         /* can't change */
  limits.window = 5;
  seq_batch_plan_set_limits (plan, &limits);
  g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 3);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 2);
  g_assert_cmpuint (batch.rows[0].record, ==, 4);
  g_assert_false (seq_batch_plan_next (plan, &batch));

  limits.max_rows = 0;
  limits.max_cost = 9;
  limits.cost = SEQ_BATCH_COST_PADDED;
  seq_batch_plan_set_limits (plan, &limits);
  add_rows (plan, lengths, 7, 12);      /* 6 … 11 */
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 3);
  g_assert_cmpuint (batch.rows[0].record, ==, 6);
  seq_batch_plan_free (plan);
}

static void
test_set_limits_best_fit (void)
{
  SeqBatchLimits limits = {.packed = TRUE,.pad_to_multiple = 1,.max_cost = 10,.window = 4 };
  const guint32 lengths[] = { 5, 6, 4, 5, 5, 5, 1, 1, 1 };
  SeqBatchPlan *plan = seq_batch_plan_new (&limits);
  SeqPlannedBatch batch;

  add_rows (plan, lengths, 0, 6);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 2);
  g_assert_cmpuint (batch.rows[1].record, ==, 3);
  limits.max_cost = 5;
  limits.packed = FALSE;        /* neither can change */
  limits.window = 0;
  seq_batch_plan_set_limits (plan, &limits);
  g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_cmpuint (batch.n_rows, ==, 1);
  g_assert_cmpuint (batch.rows[0].record, ==, 1);       /* too long now, so alone */
  seq_batch_plan_finish (plan);
  g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_true (seq_batch_plan_next (plan, &batch));
  g_assert_false (seq_batch_plan_next (plan, &batch));
  seq_batch_plan_free (plan);
}

static void
count_row (const SeqBatchRow * row, gpointer data)
{
  guint *seen = data;

  seen[row->record]++;
}

/* Whatever was given out before, clear gives back each of the others once. */
static void
test_clear (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (guint round = 0; round < 200; round++) {
    SeqBatchLimits limits = {.packed = round % 2,.window = round % 4 == 3 ? 7 : 0,
      .max_rows = g_rand_int_range (rand, 1, 6),.max_cost = 30,.pad_to_multiple = 1,
      .max_names = round % 3 ? 0 : 40
    };
    g_autofree guint32 *lengths = random_lengths (rand, 4000, 12);
    guint n = round % 20 == 0 ? 4000 : g_rand_int_range (rand, 0, 60);
    g_autofree guint *seen = g_new0 (guint, 4000);
    SeqBatchPlan *plan = seq_batch_plan_new (&limits);
    SeqPlannedBatch batch;
    guint given = 0;

    for (guint half = 0; half < 2; half++) {
      add_rows (plan, lengths, half * n / 2, (half + 1) * n / 2);
      for (guint i = g_rand_int_range (rand, 0, n + 1); i > 0 && seq_batch_plan_next (plan, &batch);
          i--) {
        given += batch.n_rows;
        for (guint k = 0; k < batch.n_rows; k++)
          seen[batch.rows[k].record]++;
      }
    }
    g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, n - given);
    seq_batch_plan_clear (plan, count_row, seen);
    for (guint i = 0; i < n; i++)
      g_assert_cmpuint (seen[i], ==, 1);
    g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 0);
    seq_batch_plan_finish (plan);
    g_assert_false (seq_batch_plan_next (plan, &batch));

    /* as good as new */
    add_rows (plan, lengths, 0, 60);
    seq_batch_plan_finish (plan);
    {
      g_autoptr (GArray) again = run_new (), fresh = run_plan (&limits, lengths, 60, 61, NULL);

      take_batches (plan, &limits, lengths, again);
      assert_same (again, fresh);
    }
    seq_batch_plan_free (plan);
  }
}

static void
note_row (SeqBatchRow * row, gpointer data)
{
  guint32 record = row->record;

  g_array_append_val ((GArray *) data, record);
  row->start = 7;
}

/* The rows that were added last, without those that are in a batch, and what is changed stays. */
static void
test_foreach_last (void)
{
  const SeqBatchLimits limits = {.packed = TRUE,.pad_to_multiple = 1,.max_cost = 10,.window = 4 };
  const guint32 lengths[] = { 5, 6, 4, 5, 5, 5 }, expected[] = { 5, 4, 2 };
  SeqBatchPlan *plan = seq_batch_plan_new (&limits);
  g_autoptr (GArray) seen = g_array_new (FALSE, FALSE, sizeof (guint32));
  SeqPlannedBatch batch;

  seq_batch_plan_foreach_last (plan, 3, note_row, seen);
  g_assert_cmpuint (seen->len, ==, 0);
  add_rows (plan, lengths, 0, 6);
  g_assert_true (seq_batch_plan_next (plan, &batch));   /* rows 0 and 3 */
  seq_batch_plan_foreach_last (plan, 3, note_row, seen);
  g_assert_cmpmem (seen->data, seen->len * 4, expected, sizeof expected);
  seq_batch_plan_finish (plan);
  while (seq_batch_plan_next (plan, &batch))
    for (guint i = 0; i < batch.n_rows; i++)
      g_assert_cmpuint (batch.rows[i].start, ==, batch.rows[i].record == 1 ? 0 : 7);
  seq_batch_plan_free (plan);
}

/* ---- many rows ---- */

/* Lengths as proteins have them: log-normal, median 290, mean 360. */
static guint32 *
protein_lengths (guint32 n)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  const gdouble sigma = sqrt (2 * log (360.0 / 290.0));
  guint32 *lengths = g_new (guint32, n + 1);

  for (guint32 i = 0; i < n; i++) {
    gdouble u = 1.0 - g_rand_double (rand), v = g_rand_double (rand);
    gdouble normal = sqrt (-2 * log (u)) * cos (2 * G_PI * v);

    lengths[i] = CLAMP (290 * exp (sigma * normal), 8, 4000) + 2;
  }
  lengths[n] = 1;
  return lengths;
}

static void
measure (const gchar * what, const SeqBatchLimits * limits, const guint32 * lengths, guint32 n,
    gdouble least)
{
  SeqBatchPlan *plan = seq_batch_plan_new (limits);
  gint64 start = g_get_monotonic_time ();
  guint64 tokens = 0, batches = 0, rows = 0;
  SeqPlannedBatch batch;
  gdouble utilisation;

  for (guint32 done = 0; done < n; done += 4096) {
    add_rows (plan, lengths, done, MIN (done + 4096, n));
    if (done + 4096 >= n)
      seq_batch_plan_finish (plan);
    while (seq_batch_plan_next (plan, &batch)) {
      tokens += batch.tokens;
      rows += batch.n_rows;
      batches++;
    }
  }
  seq_batch_plan_free (plan);
  utilisation = limits->max_cost ? (gdouble) tokens / ((gdouble) batches * limits->max_cost) : 0;
  g_test_message ("%s: %u rows, %" G_GUINT64_FORMAT " batches, utilisation %.4f, %.3f s", what, n,
      batches, utilisation, (g_get_monotonic_time () - start) / 1e6);
  g_assert_cmpuint (rows, ==, n);
  g_assert_cmpfloat (utilisation, >=, least);
}

static void
test_million (void)
{
  const guint32 n = 1000000;
  g_autofree guint32 *lengths = protein_lengths (n);
  SeqBatchLimits limits = {.max_rows = 32,.pad_to_multiple = 1,.cost = SEQ_BATCH_COST_PADDED };

  measure ("padded, 32 rows", &limits, lengths, n, 0);
  limits.max_rows = 0;
  limits.packed = TRUE;
  limits.max_cost = 4096;
  measure ("packed in order, 4096 tokens", &limits, lengths, n, 0.9);
  limits.window = 500;
  measure ("packed, window 500, 4096 tokens", &limits, lengths, n, 0.995);
  limits.max_cost = 16384;
  measure ("packed, window 500, 16384 tokens", &limits, lengths, n, 0.995);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-plan/limits", test_limits);
  g_test_add_func ("/batch-plan/ready-at-once", test_ready_at_once);
  g_test_add_func ("/batch-plan/row-length", test_row_length);
  g_test_add_func ("/batch-plan/huge", test_huge);
  g_test_add_func ("/batch-plan/in-order-random", test_in_order_random);
  g_test_add_func ("/batch-plan/best-fit-random", test_best_fit_random);
  g_test_add_func ("/batch-plan/no-starvation", test_no_starvation);
  g_test_add_func ("/batch-plan/set-limits", test_set_limits);
  g_test_add_func ("/batch-plan/set-limits-best-fit", test_set_limits_best_fit);
  g_test_add_func ("/batch-plan/clear", test_clear);
  g_test_add_func ("/batch-plan/foreach-last", test_foreach_last);
  g_test_add_func ("/batch-plan/million", test_million);
  return g_test_run ();
}
