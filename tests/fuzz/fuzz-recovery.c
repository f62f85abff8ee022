/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Going on behind bad records: however the input is split, it gives the same records, the same
 * losses and the same bytes in the quarantine, and each byte that is there stands in the input. */

#include <sys/mman.h>
#include <unistd.h>

#include "fastx-recovery.h"
#include "records.h"

typedef struct
{
  SeqFastxConfig config;
  guint64 max_bad;
  gboolean cut;                 /* the file goes on behind the input */
  guint32 seed;                 /* of the splits */
} Choices;

typedef struct
{
  FuzzRecords records;
  GString *losses;
  gchar *lost;                  /* what the quarantine holds */
  gsize lost_size;
  guint64 n_bad;
} Outcome;

static Choices
take_choices (FuzzInput * in)
{
  static const SeqFormat formats[] = { SEQ_FORMAT_AUTO, SEQ_FORMAT_FASTA, SEQ_FORMAT_FASTQ };
  static const guint64 record_sizes[] = { SEQ_FASTX_MAX_RECORD_BYTES, 1, 10, 100 };
  guint first = fuzz_take_byte (in);
  Choices c = { { 0 } };

  c.config.format = formats[first % G_N_ELEMENTS (formats)];
  c.config.strictness = first / G_N_ELEMENTS (formats) % (SEQ_STRICTNESS_LENIENT + 1);
  c.config.block_size = 1000;
  c.config.max_record_bytes = record_sizes[fuzz_choose (in, G_N_ELEMENTS (record_sizes))];
  c.max_bad = fuzz_choose (in, 16);
  c.cut = c.max_bad >= 8;
  c.max_bad %= 8;
  c.seed = fuzz_take_u16 (in);
  return c;
}

static void
report (const GError * error, const SeqFastxPosition * position, gpointer data)
{
  Outcome *outcome = data;

  g_string_append_printf (outcome->losses, "%s\n", error->message);
  outcome->n_bad++;
}

static void
take_ready (FuzzRecords * out, SeqFastx * parser, gboolean all)
{
  SeqBlock *block;

  while ((block = all ? seq_fastx_flush (parser) : seq_fastx_pop (parser)))
    fuzz_records_append (out, block);
}

static gboolean
push_pieces (SeqRecovery * recovery, SeqFastx * parser, Outcome * outcome, const guint8 * data,
    gsize size, guint32 seed, gboolean cut, GError ** error)
{
  gboolean ok = TRUE;
  gsize n;

  for (; ok && size > 0; data += n, size -= n) {
    guint8 *piece;

    n = seed > 0 ? fuzz_piece (&seed, size) : size;
    piece = g_memdup2 (data, n);
    ok = seq_recovery_push (recovery, piece, n, error);
    g_free (piece);
    take_ready (&outcome->records, parser, FALSE);
  }
  return ok && seq_recovery_finish (recovery, cut, error);
}

static void
recover (Outcome * outcome, const Choices * c, guint32 seed, const guint8 * data, gsize size)
{
  int fd = memfd_create ("quarantine", MFD_CLOEXEC);
  gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  SeqBlockPool *pool = seq_block_pool_new (1000, 2);
  SeqFastx *parser = seq_fastx_new (&c->config, pool);
  SeqRecoveryConfig config = {
    .max_bad = c->max_bad, .quarantine = path, .report = report, .data = outcome,
  };
  GError *error = NULL;
  SeqRecovery *recovery;

  fuzz_records_init (&outcome->records);
  outcome->losses = g_string_new (NULL);
  outcome->n_bad = 0;
  recovery = seq_recovery_new (parser, &c->config, &config, &error);
  g_assert_no_error (error);
  push_pieces (recovery, parser, outcome, data, size, seed, c->cut, &error);
  take_ready (&outcome->records, parser, TRUE);
  if (error != NULL)
    fuzz_records_set_error (&outcome->records, error);
  g_assert_cmpuint (outcome->n_bad, ==, seq_recovery_get_n_bad (recovery));
  g_assert_true (g_file_get_contents (path, &outcome->lost, &outcome->lost_size, NULL));
  seq_recovery_free (recovery);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
  g_free (path);
  close (fd);
}

static void
outcome_clear (Outcome * outcome)
{
  fuzz_records_clear (&outcome->records);
  g_string_free (outcome->losses, TRUE);
  g_free (outcome->lost);
}

/* What was lost are pieces of the input, in its order. */
static void
check_lost (const Outcome * outcome, const guint8 * data, gsize size)
{
  gsize at = 0;

  for (gsize i = 0; i < outcome->lost_size; i++, at++) {
    while (at < size && data[at] != (guint8) outcome->lost[i])
      at++;
    g_assert_cmpuint (at, <, size);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  const Choices choices = take_choices (&in);
  Outcome whole, split;

  recover (&whole, &choices, 0, in.data, in.size);
  recover (&split, &choices, choices.seed | 1, in.data, in.size);
  fuzz_records_assert_same (&whole.records, &split.records);
  g_assert_cmpstr (whole.losses->str, ==, split.losses->str);
  g_assert_cmpmem (whole.lost, whole.lost_size, split.lost, split.lost_size);
  check_lost (&whole, in.data, in.size);
  outcome_clear (&whole);
  outcome_clear (&split);
  return 0;
}
