/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The residues that the first tokens need: enough for them to come out the same, and no more than
 * there is reason for. */

#include "tokenizer.h"

#include <string.h>

#define MAX_LENGTH 120

typedef struct
{
  guint8 out[(MAX_LENGTH + 4) * 16];
  gsize n;
  guint64 unknown;
  gssize position;
} Encoded;

static void
encode (const SeqTokenizer * tokenizer, const guint8 * residues, gsize n, gsize max_body,
    Encoded * e)
{
  memset (e, 0, sizeof *e);
  e->n = seq_tokenizer_encode (tokenizer, residues, n, 0, max_body, SEQ_DTYPE_INT64, e->out,
      &e->unknown, &e->position);
}

static void
check_span (const SeqTokenizer * tokenizer, SeqUnknown policy, const gchar * residues, gsize n)
{
  const guint8 *bytes = (const guint8 *) residues;

  for (gsize m = 0; m <= n + 1; m += 1 + m / 4) {
    gsize span = seq_tokenizer_get_span (tokenizer, bytes, n, m);
    /* a copy of its own, so that a sanitizer sees a read past it */
    g_autofree guint8 *part = g_memdup2 (bytes, span);
    Encoded whole, cut;

    g_assert_cmpuint (span, <=, n);
    encode (tokenizer, bytes, n, m, &whole);
    encode (tokenizer, part, span, m, &cut);
    g_assert_cmpuint (cut.n, ==, whole.n);
    g_assert_cmpuint (cut.unknown, ==, whole.unknown);
    g_assert_cmpint (cut.position, ==, whole.position);
    /* with ERROR the ids of unknown units mean nothing */
    if (policy != SEQ_UNKNOWN_ERROR || whole.position < 0)
      g_assert_cmpmem (cut.out, sizeof cut.out, whole.out, sizeof whole.out);
  }
}

static void
check_tokenizer (const gchar * name, GRand * rand, gboolean is_model)
{
  static const gchar letters[] = "ACGTACGTACGTacgtNR-*L ";
  static const gchar plain[] = "ACGTTGCAACGTACGTTGCAACGTACGTTGCAACGTACGTTGCAACGT";

  for (SeqUnknown policy = SEQ_UNKNOWN_TOKEN; policy <= SEQ_UNKNOWN_ERROR; policy++) {
    g_autoptr (SeqTokenizer) tokenizer = seq_tokenizer_new (name, policy, NULL);

    g_assert_nonnull (tokenizer);
    for (guint round = 0; round < 200; round++) {
      gchar residues[MAX_LENGTH];
      gsize n = g_rand_int_range (rand, 0, MAX_LENGTH);
      /* few strange ones, or many */
      guint n_letters = round % 2 ? 13 : sizeof letters - 1;

      for (gsize i = 0; i < n; i++)
        residues[i] = letters[g_rand_int_range (rand, 0, n_letters)];
      check_span (tokenizer, policy, residues, n);
    }
    /* not more than it takes: six letters a token at most */
    if (!is_model)
      g_assert_cmpuint (seq_tokenizer_get_span (tokenizer, (const guint8 *) plain,
              sizeof plain - 1, 5), <=, 30);
  }
}

static void
test_presets (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  const gchar *const *names = seq_tokenizer_list_presets ();

  for (; *names; names++)
    check_tokenizer (*names, rand, FALSE);
}

static void
test_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_autofree gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers",
      "dna-bpe.json", NULL);

  check_tokenizer (path, rand, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-span/presets", test_presets);
  g_test_add_func ("/tokenizer-span/model", test_model);
  return g_test_run ();
}
