/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The batch planner: no batch is over a limit but one of a single row, every row is in one batch
 * once, the one that has waited longest is in the next, and asking more often changes nothing. */

#include "batch-plan.h"
#include "fuzz.h"

#define MAX_ROWS 1000

typedef struct
{
  SeqBatchLimits limits;
  guint32 tokens[MAX_ROWS];
  guint n_rows;
} Case;

static void
take_case (FuzzInput * in, Case * c)
{
  SeqBatchLimits *limits = &c->limits;
  guint scale;

  memset (limits, 0, sizeof *limits);
  limits->packed = fuzz_choose (in, 2);
  limits->cost = fuzz_choose (in, SEQ_BATCH_COST_QUADRATIC + 1);
  limits->max_rows = fuzz_choose (in, 9);
  limits->max_cost = fuzz_take_u32 (in);
  limits->max_slots = fuzz_take_u32 (in);
  limits->pad_to_multiple = 1 + fuzz_take_byte (in);
  limits->pad_to = fuzz_take_u16 (in);
  limits->window = fuzz_choose (in, 20);
  limits->max_names = fuzz_take_byte (in);
  scale = fuzz_choose (in, 26);
  for (c->n_rows = 0; in->size > 0 && c->n_rows < MAX_ROWS; c->n_rows++)
    c->tokens[c->n_rows] = (guint32) fuzz_take_byte (in) << scale;
}

/* wide enough that nothing wraps round */
__extension__ typedef unsigned __int128 Wide;

static gboolean
is_over (const SeqBatchLimits * limits, const SeqPlannedBatch * batch)
{
  Wide slots, cost = 0;

  slots = limits->packed ? batch->tokens : (Wide) batch->n_rows * batch->row_length;
  if (limits->cost == SEQ_BATCH_COST_TOKENS)
    cost = batch->tokens;
  else if (limits->cost == SEQ_BATCH_COST_PADDED)
    cost = slots;
  else if (!limits->packed)
    cost = slots * batch->row_length;
  else
    for (guint i = 0; i < batch->n_rows; i++)
      cost += (Wide) batch->rows[i].tokens * batch->rows[i].tokens;
  slots = MAX (slots, batch->n_rows);   /* rows of no tokens cost something, too */
  cost = MAX (cost, batch->n_rows);
  return (limits->max_rows > 0 && batch->n_rows > limits->max_rows)
      || (limits->max_slots > 0 && slots > limits->max_slots)
      || (limits->max_cost > 0 && cost > limits->max_cost);
}

/* `seen`: a byte for each row that was in a batch */
static void
check_batch (const Case * c, const SeqPlannedBatch * batch, guint8 * seen)
{
  gboolean in_order = !c->limits.packed || c->limits.window == 0;
  const guint8 *oldest_seen = memchr (seen, 0, c->n_rows);
  guint oldest = oldest_seen != NULL ? oldest_seen - seen : c->n_rows;
  guint64 tokens = 0, names = 0;
  guint32 longest = 0;

  g_assert_cmpuint (batch->n_rows, >, 0);
  g_assert_cmpuint (batch->rows[0].record, ==, oldest);
  for (guint i = 0; i < batch->n_rows; i++) {
    guint32 row = batch->rows[i].record;

    g_assert_cmpuint (row, <, c->n_rows);
    g_assert_cmpuint (batch->rows[i].tokens, ==, c->tokens[row]);
    g_assert_cmpuint (batch->rows[i].flags, ==, row % 5);
    g_assert_cmpuint (seen[row], ==, 0);
    seen[row] = 1;
    g_assert_true (c->limits.max_names == 0 || names < c->limits.max_names);
    names += batch->rows[i].name_len;
    if (in_order)
      g_assert_cmpuint (row, ==, oldest + i);
    tokens += c->tokens[row];
    longest = MAX (longest, c->tokens[row]);
  }
  g_assert_cmpuint (batch->tokens, ==, tokens);
  g_assert_cmpuint (batch->longest, ==, longest);
  g_assert_cmpuint (batch->row_length, >=, MAX (MAX (longest, c->limits.pad_to), 1));
  if (batch->row_length < G_MAXUINT32)
    g_assert_cmpuint (batch->row_length % c->limits.pad_to_multiple, ==, 0);
  g_assert_true (batch->n_rows == 1 || !is_over (&c->limits, batch));
}

/* Numbers of the rows in the order of their batches, each batch ended by G_MAXUINT32. `every`: rows
 * after which the plan is asked. */
static GArray *
run_plan (const Case * c, guint every)
{
  SeqBatchPlan *plan = seq_batch_plan_new (&c->limits);
  GArray *order = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint8 seen[MAX_ROWS] = { 0 };
  const guint32 end = G_MAXUINT32;
  SeqPlannedBatch batch;

  for (guint i = 0; i <= c->n_rows; i++) {
    SeqBatchRow row = { .record = i, .tokens = i < c->n_rows ? c->tokens[i] : 0, .flags = i % 5,
      .name_len = i % 7
    };

    if (i < c->n_rows)
      seq_batch_plan_add (plan, &row);
    else
      seq_batch_plan_finish (plan);
    while ((i % every == 0 || i == c->n_rows) && seq_batch_plan_next (plan, &batch)) {
      check_batch (c, &batch, seen);
      for (guint r = 0; r < batch.n_rows; r++)
        g_array_append_val (order, batch.rows[r].record);
      g_array_append_val (order, end);
    }
  }
  g_assert_cmpuint (seq_batch_plan_get_n_pending (plan), ==, 0);
  g_assert_true (c->n_rows == 0 || memchr (seen, 0, c->n_rows) == NULL);
  seq_batch_plan_free (plan);
  return order;
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  GArray *at_once, *often;
  Case c;

  take_case (&in, &c);
  at_once = run_plan (&c, G_MAXUINT);
  often = run_plan (&c, 1 + c.n_rows % 3);
  g_assert_cmpmem (at_once->data, at_once->len * 4, often->data, often->len * 4);
  g_array_unref (at_once);
  g_array_unref (often);
  return 0;
}
