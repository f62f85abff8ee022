/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast residues become token ids or vectors in memory that is in the cache: the batch writer
 * against a loop over a table of 256 entries, and memcpy, in one thread. Prints a line of names and
 * then, for each round, one of nanoseconds a residue. Argument: rounds. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch-write.h"

/* A batch of 16,384 tokens at most; rows of one length, so that none is padding */
#define ROWS 45
#define RESIDUES 360
#define REPEAT 1000

/* Records, and the tokenizer that is made for them */
typedef struct
{
  SeqTokenizer *tokenizer;
  guint32 tokens;               /* of a row */
  guint8 *residues;             /* [ROWS][RESIDUES] */
  GstSeqRecord records[ROWS];
  SeqBatchRow rows[ROWS];
  SeqBatchSource source;
} Input;

typedef struct
{
  Input protein, dna;
  guint8 table[256];
  gfloat vectors[256][4];
  gpointer out;
} Work;

static void
input_init (Input * input, const gchar * tokenizer, const gchar * letters)
{
  guint32 state = 1;
  guint i;

  memset (input, 0, sizeof *input);
  input->tokenizer = seq_tokenizer_new (tokenizer, SEQ_UNKNOWN_TOKEN, NULL);
  input->tokens = RESIDUES + seq_tokenizer_get_n_prefix (input->tokenizer) +
      seq_tokenizer_get_n_suffix (input->tokenizer);
  input->residues = g_malloc (ROWS * RESIDUES);
  for (i = 0; i < ROWS * RESIDUES; i++) {
    state = state * 1664525 + 1013904223;
    input->residues[i] = (guint8) letters[(state >> 16) % strlen (letters)];
  }
  input->source.data = input->residues;
  input->source.records = input->records;
  for (i = 0; i < ROWS; i++) {
    input->records[i].seq = i * RESIDUES;
    input->records[i].seq_len = RESIDUES;
    input->rows[i].block = &input->source;
    input->rows[i].record = i;
    input->rows[i].tokens = input->tokens;
  }
}

static void
input_clear (Input * input)
{
  seq_tokenizer_free (input->tokenizer);
  g_free (input->residues);
}

static void
work_init (Work * work)
{
  guint i;

  input_init (&work->protein, "esm2", "LAGVSERTIDPKQNFYMHWC");
  input_init (&work->dna, "enformer", "ACGT");
  work->out = g_malloc0 (ROWS * (RESIDUES + 2) * sizeof work->vectors[0]);
  memset (work->vectors, 0, sizeof work->vectors);
  for (i = 0; i < 256; i++) {
    work->table[i] = (guint8) (i % 33);
    work->vectors[i][i % 4] = 1;
  }
}

static void
work_clear (Work * work)
{
  input_clear (&work->protein);
  input_clear (&work->dna);
  g_free (work->out);
}

static void
write_batch (Work * work, const Input * input, SeqDtype dtype)
{
  SeqBatchTarget target = {.tokenizer = input->tokenizer,.dtype = dtype,.max_body = G_MAXUINT32,
    .n_rows = ROWS,.row_length = input->tokens,.input_ids = work->out
  };
  SeqBatchResult result;

  seq_batch_write (&target, input->rows, ROWS, &result);
  g_assert (result.unknown == 0);
}

static void
ours_uint8 (Work * work)
{
  write_batch (work, &work->protein, SEQ_DTYPE_UINT8);
}

static void
ours_int64 (Work * work)
{
  write_batch (work, &work->protein, SEQ_DTYPE_INT64);
}

static void
ours_one_hot (Work * work)
{
  write_batch (work, &work->dna, SEQ_DTYPE_INT64);
}

static void
table_uint8 (Work * work)
{
  const guint8 *restrict in = work->protein.residues, *restrict table = work->table;
  guint8 *restrict out = work->out;
  guint i;

  for (i = 0; i < ROWS * RESIDUES; i++)
    out[i] = table[in[i]];
}

static void
table_int64 (Work * work)
{
  const guint8 *restrict in = work->protein.residues, *restrict table = work->table;
  gint64 *restrict out = work->out;
  guint i;

  for (i = 0; i < ROWS * RESIDUES; i++)
    out[i] = table[in[i]];
}

static void
table_one_hot (Work * work)
{
  const guint8 *restrict in = work->dna.residues;
  gfloat *restrict out = work->out;
  guint i;

  for (i = 0; i < ROWS * RESIDUES; i++)
    memcpy (out + 4 * i, work->vectors[in[i]], sizeof work->vectors[0]);
}

static void
copy_bytes (Work * work)
{
  memcpy (work->out, work->protein.residues, ROWS * RESIDUES);
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
  {"ours-one-hot", ours_one_hot},
  {"table-one-hot", table_one_hot},
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
