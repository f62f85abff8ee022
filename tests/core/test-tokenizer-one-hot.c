/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>

#define MAX_RESIDUES 1200
#define MAX_CHANNELS 94

/* what memory is filled with first, so that a byte that is not written shows */
#define UNWRITTEN 0xa5

static const SeqUnknown policies[] = {
  SEQ_UNKNOWN_TOKEN, SEQ_UNKNOWN_PER_RUN, SEQ_UNKNOWN_SKIP, SEQ_UNKNOWN_ERROR
};

/* The tokenizer of a file with this text. */
static SeqTokenizer *
load (const gchar *text, SeqUnknown unknown, GError **error)
{
  gchar *path = NULL;
  SeqTokenizer *tokenizer;

  g_close (g_file_open_tmp ("tokenizer-XXXXXX", &path, NULL), NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  tokenizer = seq_tokenizer_new (path, unknown, error);
  g_remove (path);
  g_free (path);
  return tokenizer;
}

/* The letter of each vector, `.` for one of zeros; there is no other. */
static gchar *
letters_of (const gfloat *vectors, gsize n, const gchar *letters)
{
  gsize channels = strlen (letters), i, c;
  gchar *text = g_strnfill (n, '.');

  for (i = 0; i < n; i++) {
    for (c = 0; c < channels; c++) {
      if (vectors[i * channels + c] == 0)
        continue;
      g_assert_cmpfloat (vectors[i * channels + c], ==, 1);
      g_assert_cmpint (text[i], ==, '.');
      text[i] = letters[c];
    }
  }
  return text;
}

/* Body tokens `first` on, `max` at most, and nothing behind them. */
static gchar *
encode (const SeqTokenizer *tokenizer, const gchar *letters, const gchar *residues, gsize first,
    gsize max, guint64 *unknown, gssize *position)
{
  gsize size = seq_tokenizer_get_token_size (tokenizer, SEQ_DTYPE_INT16), n, i;
  guint8 *out = g_malloc (strlen (residues) * size + 16);
  gchar *text;

  memset (out, UNWRITTEN, strlen (residues) * size + 16);
  n = seq_tokenizer_encode (tokenizer, (const guint8 *) residues, strlen (residues), first, max,
      SEQ_DTYPE_INT16, out, unknown, position);
  for (i = 0; i < 16; i++)
    g_assert_cmpint (out[n * size + i], ==, UNWRITTEN);
  text = letters_of ((const gfloat *) out, n, letters);
  g_free (out);
  return text;
}

/* The vectors of enformer, bit by bit. */
static void
test_golden (void)
{
  static const gfloat expected[9][4] = {
    {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}, {0, 0, 0, 0},
    {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}
  };
  SeqTokenizer *tokenizer = seq_tokenizer_new ("enformer", SEQ_UNKNOWN_ERROR, NULL);
  gfloat out[9][4];
  gssize position;
  guint dtype;

  g_assert_cmpuint (seq_tokenizer_get_n_channels (tokenizer), ==, 4);
  g_assert_cmpuint (seq_tokenizer_get_n_prefix (tokenizer), ==, 0);
  g_assert_cmpuint (seq_tokenizer_get_n_suffix (tokenizer), ==, 0);
  g_assert_false (seq_tokenizer_pads_left (tokenizer));
  for (dtype = SEQ_DTYPE_UINT8; dtype <= SEQ_DTYPE_INT64; dtype++) {
    memset (out, UNWRITTEN, sizeof out);
    g_assert_cmpuint (seq_tokenizer_get_token_size (tokenizer, (SeqDtype) dtype), ==, 16);
    g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) "ACGTNacgt", 9, 0,
            G_MAXSIZE, (SeqDtype) dtype, out, NULL, &position), ==, 9);
    g_assert_cmpmem (out, sizeof out, expected, sizeof expected);
    g_assert_cmpint (position, ==, -1);
  }
  seq_tokenizer_free (tokenizer);

  tokenizer = seq_tokenizer_new ("esm2", SEQ_UNKNOWN_TOKEN, NULL);
  g_assert_cmpuint (seq_tokenizer_get_n_channels (tokenizer), ==, 0);
  g_assert_cmpuint (seq_tokenizer_get_token_size (tokenizer, SEQ_DTYPE_INT16), ==, 2);
  seq_tokenizer_free (tokenizer);
}

#define ONE_HOT "[tokenizer]\nunits=one-hot\nletters=ACGT\nzeros=N\n"
#define PROTEIN "[tokenizer]\nunits=one-hot\nletters=ACDEFGHIKLMNPQRSTVWY\n"

static void
test_keys (void)
{
  static const struct
  {
    const gchar *text, *letters;
    SeqUnknown unknown;
    const gchar *sequence, *tokens;
    guint64 n_unknown;
    gssize position;
  } rows[] = {
    {ONE_HOT, "ACGT", SEQ_UNKNOWN_TOKEN, "ANRR-Ca", "A....C.", 4, 2},
    {ONE_HOT "case=upper\n", "ACGT", SEQ_UNKNOWN_TOKEN, "aNnRc", "A...C", 1, 3},
    {ONE_HOT, "ACGT", SEQ_UNKNOWN_PER_RUN, "ANRR-CR", "A..C.", 4, 2},
    {ONE_HOT, "ACGT", SEQ_UNKNOWN_SKIP, "RANRR-CR", "A.C", 5, 0},
    {ONE_HOT, "ACGT", SEQ_UNKNOWN_ERROR, "ANNCR", "A..C.", 1, 4},
    {ONE_HOT "replace=UTN.\n", "ACGT", SEQ_UNKNOWN_TOKEN, "AUNT", "AT.T", 1, 2},
    {ONE_HOT "drop=-\n", "ACGT", SEQ_UNKNOWN_TOKEN, "-A-N-T-", "A.T", 0, -1},
    {PROTEIN, "ACDEFGHIKLMNPQRSTVWY", SEQ_UNKNOWN_TOKEN, "MKTXAY", "MKT.AY", 1, 3},
    {"[tokenizer]\nunits=one-hot\nletters=G\n", "G", SEQ_UNKNOWN_TOKEN, "GAG", "G.G", 1, 1},
    {ONE_HOT, "ACGT", SEQ_UNKNOWN_TOKEN, "", "", 0, -1}
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    GError *error = NULL;
    SeqTokenizer *tokenizer = load (rows[i].text, rows[i].unknown, &error);
    guint64 unknown = 0;
    gssize position = -2;
    gchar *tokens;

    g_assert_no_error (error);
    g_assert_cmpuint (seq_tokenizer_get_n_channels (tokenizer), ==, strlen (rows[i].letters));
    tokens = encode (tokenizer, rows[i].letters, rows[i].sequence, 0, G_MAXSIZE, &unknown,
        &position);
    g_assert_cmpstr (tokens, ==, rows[i].tokens);
    g_assert_cmpuint (unknown, ==, rows[i].n_unknown);
    g_assert_cmpint (position, ==, rows[i].position);
    g_free (tokens);
    seq_tokenizer_free (tokenizer);
  }
}

static void
test_sides (void)
{
  SeqTokenizer *tokenizer = load (ONE_HOT "pad-side=left\ntruncate=left\n", SEQ_UNKNOWN_TOKEN,
      NULL);

  g_assert_nonnull (tokenizer);
  g_assert_true (seq_tokenizer_pads_left (tokenizer));
  g_assert_true (seq_tokenizer_truncates_left (tokenizer));
  seq_tokenizer_free (tokenizer);
}

static void
test_malformed (void)
{
  static const struct
  {
    const gchar *text, *message;
  } rows[] = {
    {"[tokenizer]\nunits=one-hot\n", "letters: is missing"},
    {"[tokenizer]\nunits=one-hot\nletters=\n", "letters: is missing"},
    {"[tokenizer]\nunits=one-hot\nletters=AA\n", "letters: A is there twice"},
    {"[tokenizer]\nunits=one-hot\nletters=AC\nzeros=NC\n", "zeros: C has a channel"},
    {"[tokenizer]\nunits=one-hot\nletters=AC\nzeros=NN\n", "zeros: N is there twice"},
    {"[tokenizer]\nunits=one-hot\nletters=A\tC\n", "letters: more than 255"},
    {ONE_HOT "vocabulary-size=4\n", "vocabulary-size: does not go with"},
    {ONE_HOT "pad=0\n", "pad: does not go with"},
    {ONE_HOT "unknown=0\n", "unknown: does not go with"},
    {ONE_HOT "prefix=0\n", "prefix: does not go with"},
    {ONE_HOT "suffix=0\n", "suffix: does not go with"},
    {ONE_HOT "first-letter=0\n", "first-letter: does not go with"},
    {ONE_HOT "k=3\n", "k: does not go with"},
    {ONE_HOT "remainder=drop\n", "remainder: does not go with"},
    {"[tokenizer]\nunits=letters\nvocabulary-size=9\npad=0\nletters=A\nfirst-letter=1\nzeros=N\n",
        "zeros: does not go with"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    GError *error = NULL;

    g_assert_null (load (rows[i].text, SEQ_UNKNOWN_TOKEN, &error));
    g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
    if (strstr (error->message, rows[i].message) == NULL)
      g_error ("'%s' does not say '%s'", error->message, rows[i].message);
    g_error_free (error);
  }
}

/* All letters that a file can have. */
static void
test_most_channels (void)
{
  gchar letters[MAX_CHANNELS + 1], residues[257], *text, *tokens;
  SeqTokenizer *tokenizer;
  guint i;

  for (i = 0; i < MAX_CHANNELS; i++)
    letters[i] = (gchar) ('!' + i);
  letters[MAX_CHANNELS] = '\0';
  for (i = 1; i < 256; i++)
    residues[i - 1] = (gchar) i;
  residues[255] = '\0';
  /* a backslash is written twice */
  text = g_strdup_printf ("[tokenizer]\nunits=one-hot\nletters=%.*s\\%s\n", '\\' - '!', letters,
      letters + ('\\' - '!'));
  tokenizer = load (text, SEQ_UNKNOWN_TOKEN, NULL);
  g_assert_nonnull (tokenizer);
  g_assert_cmpuint (seq_tokenizer_get_n_channels (tokenizer), ==, MAX_CHANNELS);
  tokens = encode (tokenizer, letters, residues, 0, G_MAXSIZE, NULL, NULL);
  for (i = 1; i < 256; i++)
    g_assert_cmpint (tokens[i - 1], ==, g_ascii_isgraph (residues[i - 1]) ? residues[i - 1] : '.');
  g_free (tokens);
  g_free (text);
  seq_tokenizer_free (tokenizer);
}

/* Lengths around the blocks that are worked in, and windows of them, against the plainest way. */
static void
check_random (const SeqTokenizer *tokenizer, SeqUnknown policy, GRand *rand, guint n)
{
  gchar *residues = g_malloc (n + 1), *expected = g_malloc (n + 1), *all, *window;
  gsize count = 0, first, max, at;
  gboolean in_run = FALSE;
  guint i;

  for (i = 0; i < n; i++) {
    gchar c = "ACGTACGTacgtNnRr"[g_rand_int_range (rand, 0, g_rand_boolean (rand) ? 12 : 16)];
    gboolean known = strchr ("ACGTN", g_ascii_toupper (c)) != NULL;

    residues[i] = c;
    if (known || policy == SEQ_UNKNOWN_TOKEN || policy == SEQ_UNKNOWN_ERROR
        || (policy == SEQ_UNKNOWN_PER_RUN && !in_run))
      expected[count++] = strchr ("ACGT", g_ascii_toupper (c)) ? g_ascii_toupper (c) : '.';
    in_run = !known;
  }
  residues[n] = expected[count] = '\0';

  g_assert_cmpuint (seq_tokenizer_count (tokenizer, (const guint8 *) residues, n), ==, count);
  all = encode (tokenizer, "ACGT", residues, 0, G_MAXSIZE, NULL, NULL);
  g_assert_cmpstr (all, ==, expected);
  first = (gsize) g_rand_int_range (rand, 0, (gint) count + 1);
  max = (gsize) g_rand_int_range (rand, 0, 700);
  window = encode (tokenizer, "ACGT", residues, first, max, NULL, NULL);
  all[MIN (first + max, count)] = '\0';
  g_assert_cmpstr (window, ==, all + first);
  g_free (window);
  at = seq_tokenizer_token_position (tokenizer, (const guint8 *) residues, n, first);
  window = encode (tokenizer, "ACGT", residues + at, 0, max, NULL, NULL);
  g_assert_cmpstr (window, ==, all + first);
  g_free (window);
  g_free (all);
  g_free (expected);
  g_free (residues);
}

static void
test_random (void)
{
  GRand *rand = g_rand_new_with_seed (6);
  guint p, n;

  for (p = 0; p < G_N_ELEMENTS (policies); p++) {
    SeqTokenizer *tokenizer = seq_tokenizer_new ("enformer", policies[p], NULL);

    g_assert_true (seq_tokenizer_is_narrow (tokenizer));
    g_assert_true (seq_tokenizer_is_fixed_rate (tokenizer) ==
        (policies[p] == SEQ_UNKNOWN_TOKEN || policies[p] == SEQ_UNKNOWN_ERROR));
    for (n = 0; n < MAX_RESIDUES; n += 1 + n / 40)
      check_random (tokenizer, policies[p], rand, n);
    seq_tokenizer_free (tokenizer);
  }
  g_rand_free (rand);
}

static void
test_pad (void)
{
  SeqTokenizer *one_hot = load (PROTEIN, SEQ_UNKNOWN_TOKEN, NULL);
  SeqTokenizer *esm2 = seq_tokenizer_new ("esm2", SEQ_UNKNOWN_TOKEN, NULL);
  gfloat vectors[3][20], zeros[2][20] = { {0} };
  gint16 ids[3];

  memset (vectors, UNWRITTEN, sizeof vectors);
  memset (ids, UNWRITTEN, sizeof ids);
  seq_tokenizer_pad (one_hot, SEQ_DTYPE_INT16, vectors, 2);
  g_assert_cmpmem (vectors, sizeof zeros, zeros, sizeof zeros);
  g_assert_cmpint (((guint8 *) vectors[2])[0], ==, UNWRITTEN);
  seq_tokenizer_pad (esm2, SEQ_DTYPE_INT16, ids, 2);
  g_assert_cmpint (ids[0], ==, 1);
  g_assert_cmpint (ids[1], ==, 1);
  g_assert_cmpint (((guint8 *) ids)[4], ==, UNWRITTEN);
  seq_tokenizer_pad (one_hot, SEQ_DTYPE_INT16, NULL, 0);
  seq_tokenizer_free (one_hot);
  seq_tokenizer_free (esm2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-one-hot/golden", test_golden);
  g_test_add_func ("/tokenizer-one-hot/keys", test_keys);
  g_test_add_func ("/tokenizer-one-hot/sides", test_sides);
  g_test_add_func ("/tokenizer-one-hot/malformed", test_malformed);
  g_test_add_func ("/tokenizer-one-hot/most-channels", test_most_channels);
  g_test_add_func ("/tokenizer-one-hot/random", test_random);
  g_test_add_func ("/tokenizer-one-hot/pad", test_pad);
  return g_test_run ();
}
