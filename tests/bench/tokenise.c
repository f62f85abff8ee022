/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast residues become token ids in memory that is in the cache: the batch writer against a loop
 * over a table of 256 entries, and memcpy, in one thread. Prints a line of names, then a line of
 * nanoseconds a residue for each round. Argument: rounds. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-write.h"

/* A batch of 16,384 tokens at most; rows of one length, so that none is padding */
#define ROWS 45
#define RESIDUES 360
#define REPEAT 1000

typedef struct
{
  SeqTokenizer *tokenizer;
  guint8 *residues;             /* [ROWS][RESIDUES] */
  GstSeqRecord records[ROWS];
  SeqBatchRow rows[ROWS];
  SeqBatchSource source;
  guint8 table[256];
  gpointer out;
} Work;

static void
work_init (Work * work)
{
  static const gchar letters[] = "LAGVSERTIDPKQNFYMHWC";
  guint32 state = 1;
  guint i;

  work->tokenizer = seq_tokenizer_new ("esm2", SEQ_UNKNOWN_TOKEN, NULL);
  work->residues = g_malloc (ROWS * RESIDUES);
  work->out = g_malloc0 (ROWS * (RESIDUES + 2) * sizeof (gint64));
  for (i = 0; i < ROWS * RESIDUES; i++) {
    state = state * 1664525 + 1013904223;
    work->residues[i] = (guint8) letters[(state >> 16) % (sizeof letters - 1)];
  }
  for (i = 0; i < 256; i++)
    work->table[i] = (guint8) (i % 33);
  work->source.data = work->residues;
  work->source.records = work->records;
  memset (work->records, 0, sizeof work->records);
  memset (work->rows, 0, sizeof work->rows);
  for (i = 0; i < ROWS; i++) {
    work->records[i].seq = i * RESIDUES;
    work->records[i].seq_len = RESIDUES;
    work->rows[i].block = &work->source;
    work->rows[i].record = i;
    work->rows[i].tokens = RESIDUES + 2;
  }
}

static void
work_clear (Work * work)
{
  seq_tokenizer_unref (work->tokenizer);
  g_free (work->residues);
  g_free (work->out);
}

static void
write_batch (Work * work, SeqDtype dtype)
{
  SeqBatchTarget target = {.tokenizer = work->tokenizer,.dtype = dtype,.max_body = G_MAXUINT32,
    .n_rows = ROWS,.row_length = RESIDUES + 2,.input_ids = work->out
  };
  SeqBatchResult result;

  seq_batch_write (&target, work->rows, ROWS, &result);
  g_assert (result.unknown == 0);
}

static void
ours_uint8 (Work * work)
{
  write_batch (work, SEQ_DTYPE_UINT8);
}

static void
ours_int64 (Work * work)
{
  write_batch (work, SEQ_DTYPE_INT64);
}

static void
table_uint8 (Work * work)
{
  const guint8 *restrict in = work->residues, *restrict table = work->table;
  guint8 *restrict out = work->out;
  guint i;

  for (i = 0; i < ROWS * RESIDUES; i++)
    out[i] = table[in[i]];
}

static void
table_int64 (Work * work)
{
  const guint8 *restrict in = work->residues, *restrict table = work->table;
  gint64 *restrict out = work->out;
  guint i;

  for (i = 0; i < ROWS * RESIDUES; i++)
    out[i] = table[in[i]];
}

static void
copy_bytes (Work * work)
{
  memcpy (work->out, work->residues, ROWS * RESIDUES);
}

static const struct
{
  const gchar *name;
  void (*func) (Work * work);
} contestants[] = {
  {"ours-uint8", ours_uint8},
  {"table-uint8", table_uint8},
  {"ours-int64", ours_int64},
  {"table-int64", table_int64},
  {"memcpy", copy_bytes},
};

static gdouble
nanoseconds_a_residue (void (*func) (Work * work), Work * work)
{
  gint64 started = g_get_monotonic_time ();
  guint i;

  for (i = 0; i < REPEAT; i++) {
    func (work);
    /* what was written may be read: no call can be left out, nor two be made one */
    __asm__ volatile ("" : : "r" (work->out) : "memory");
  }
  return (g_get_monotonic_time () - started) * 1000.0 / ((gdouble) REPEAT * ROWS * RESIDUES);
}

int
main (int argc, char **argv)
{
  gint round, rounds = argc > 1 ? atoi (argv[1]) : 5;
  Work work;
  guint i;

  work_init (&work);
  for (i = 0; i < G_N_ELEMENTS (contestants); i++) {
    printf ("%s%s", i > 0 ? " " : "", contestants[i].name);
    nanoseconds_a_residue (contestants[i].func, &work);
  }
  printf ("\n");
  for (round = 0; round < rounds; round++)
    for (i = 0; i < G_N_ELEMENTS (contestants); i++)
      printf ("%.5f%s", nanoseconds_a_residue (contestants[i].func, &work),
          i + 1 < G_N_ELEMENTS (contestants) ? " " : "\n");
  work_clear (&work);
  return 0;
}
