/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* K-mers in long runs of letters, which are looked up and packed many at a time, against the same
 * read letter by letter. */

#include "tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>

#define LETTERS "ACGT"
#define MAX_LENGTH 1100
#define FIRST_KMER 6u

/* Side by side: N ends a piece and has an id, R is no letter of a k-mer and unknown, `-` is
 * dropped; single letters have the ids 1 to 4. */
#define SPLIT "units=split\nletters=" LETTERS "N\nfirst-letter=1\nbreak-letters=N\ndrop=-\n"
#define OVERLAPPING "units=overlapping\n"

static SeqTokenizer *
tokenizer_new (const gchar * keys, guint k, SeqUnknown unknown)
{
  gchar *path = NULL, *text = g_strdup_printf ("[tokenizer]\n%svocabulary-size=%u\n"
      "pad=0\nunknown=0\nk=%u\nkmer-letters=" LETTERS "\nfirst-kmer=%u\n", keys,
      FIRST_KMER + (1u << (2 * k)), k, FIRST_KMER);
  gint fd = g_file_open_tmp ("tokenizer-XXXXXX", &path, NULL);
  SeqTokenizer *tokenizer;

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  tokenizer = seq_tokenizer_new (path, unknown, NULL);
  g_assert_nonnull (tokenizer);
  g_remove (path);
  g_free (path);
  g_free (text);
  return tokenizer;
}

/* What must come out: ids, where each token begins, and how many are unknown */
typedef struct
{
  guint32 ids[MAX_LENGTH];
  gsize positions[MAX_LENGTH];
  gsize n;
  guint64 unknown;
} Expected;

static void
expect_token (Expected * e, guint32 id, gsize position)
{
  e->positions[e->n] = position;
  e->ids[e->n++] = id;
}

/* A letter for itself, N among them */
static void
expect_letter (Expected * e, const gchar * residues, gsize i)
{
  static const gchar letters[] = LETTERS "N";
  const gchar *letter = strchr (letters, residues[i]);

  e->unknown += letter == NULL;
  expect_token (e, letter ? 1 + (letter - letters) : 0, i);
}

/* k letters, at `places` */
static void
expect_kmer (Expected * e, const gchar * residues, const gsize * places, guint k)
{
  static const gchar letters[] = LETTERS;
  gboolean known = TRUE;
  guint32 kmer = 0;

  for (guint i = 0; i < k; i++) {
    const gchar *letter = strchr (letters, residues[places[i]]);

    known = known && letter;
    kmer = kmer * 4 + (letter ? letter - letters : 0);
  }
  e->unknown += !known;
  expect_token (e, known ? FIRST_KMER + kmer : 0, places[0]);
}

/* The letters of a piece, whose places in the residues are `places` */
static void
expect_piece (Expected * e, const gchar * residues, const gsize * places, gsize n, guint k)
{
  gsize done;

  for (done = 0; n - done >= k; done += k)
    expect_kmer (e, residues, places + done, k);
  for (; done < n; done++)
    expect_letter (e, residues, places[done]);
}

static void
expect_overlapping (Expected * e, const gchar * residues, gsize length, guint k)
{
  gsize places[MAX_LENGTH];

  for (gsize i = 0; i < length; i++)
    places[i] = i;
  for (gsize i = 0; i + k <= length; i++)
    expect_kmer (e, residues, places + i, k);
}

static void
expect_split (Expected * e, const gchar * residues, gsize length, guint k)
{
  gsize places[MAX_LENGTH], n = 0;

  for (gsize i = 0; i < length; i++) {
    if (residues[i] == 'N') {
      expect_piece (e, residues, places, n, k);
      expect_letter (e, residues, i);
      n = 0;
    } else if (residues[i] != '-') {
      places[n++] = i;
    }
  }
  expect_piece (e, residues, places, n, k);
}

static void
check_window (const SeqTokenizer * tokenizer, const Expected * e, const gchar * residues,
    gsize length, gsize first, gsize max)
{
  gsize n = MIN (e->n - MIN (first, e->n), max);
  gint32 *out = g_new (gint32, MAX (n, 1));     /* not a value more: ASan watches */

  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) residues, length, first, max,
          SEQ_DTYPE_INT32, out, NULL, NULL), ==, n);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (out[i], ==, (gint32) e->ids[first + i]);
  g_free (out);
}

static void
check (const SeqTokenizer * tokenizer, gboolean split, const gchar * residues, gsize length,
    guint k)
{
  Expected *e = g_new0 (Expected, 1);
  const gsize firsts[] = { 0, 1, 2, 512 / k, 512 / k + 1, 600 };
  gint32 *out = g_new (gint32, MAX_LENGTH);
  guint64 unknown = 0;

  (split ? expect_split : expect_overlapping) (e, residues, length, k);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, (const guint8 *) residues, length), ==, e->n);
  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) residues, length, 0,
          G_MAXSIZE, SEQ_DTYPE_INT32, out, &unknown, NULL), ==, e->n);
  g_assert_cmpuint (unknown, ==, e->unknown);
  for (guint i = 0; i < G_N_ELEMENTS (firsts); i++) {
    gsize first = firsts[i];

    check_window (tokenizer, e, residues, length, first, G_MAXSIZE);
    check_window (tokenizer, e, residues, length, first, 1);
    check_window (tokenizer, e, residues, length, first, 100);
    g_assert_cmpuint (seq_tokenizer_token_position (tokenizer, (const guint8 *) residues, length,
            first), ==, first < e->n ? e->positions[first] : length);
  }
  g_free (out);
  g_free (e);
}

static gchar *
random_letters (GRand * rand, gsize length)
{
  gchar *residues = g_malloc (length);

  for (gsize i = 0; i < length; i++)
    residues[i] = LETTERS[g_rand_int_range (rand, 0, 4)];
  return residues;
}

/* Nothing but letters, in every window */
static void
test_short (gconstpointer data)
{
  const guint k = GPOINTER_TO_UINT (data);
  SeqTokenizer *tokenizer = tokenizer_new (SPLIT, k, SEQ_UNKNOWN_TOKEN);
  GRand *rand = g_rand_new_with_seed (300 + k);

  for (gsize length = 0; length < 9 * k; length++) {
    g_autofree gchar *residues = random_letters (rand, length);
    Expected *e = g_new0 (Expected, 1);

    expect_split (e, residues, length, k);
    check (tokenizer, TRUE, residues, length, k);
    for (gsize first = 0; first <= e->n + 1; first++)
      for (gsize max = 0; max <= e->n + 1; max++)
        check_window (tokenizer, e, residues, length, first, max);
    g_free (e);
  }
  g_rand_free (rand);
  seq_tokenizer_free (tokenizer);
}

/* An unknown unit that is left out counts with the token before it, also at the end of a window. */
static void
test_left_out (gconstpointer data)
{
  const guint k = GPOINTER_TO_UINT (data);
  SeqTokenizer *tokenizer = tokenizer_new (SPLIT "remainder=drop\n", k, SEQ_UNKNOWN_SKIP);
  const gsize n_kmers = 9, length = n_kmers * k + k / 2;
  GRand *rand = g_rand_new_with_seed (400 + k);
  g_autofree gchar *residues = random_letters (rand, length);
  gint32 out[9];

  for (gsize at = 0; at < length; at++) {
    gsize unit = at / k, known = n_kmers - (unit < n_kmers);
    gchar letter = residues[at];

    residues[at] = 'R';
    for (gsize max = 0; max <= n_kmers; max++) {
      guint64 unknown = 0;
      gssize position = -1;
      gboolean counts = unit < n_kmers && MAX (unit, 1) - 1 < max;

      g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) residues, length, 0, max,
              SEQ_DTYPE_INT32, out, &unknown, &position), ==, MIN (max, known));
      g_assert_cmpuint (unknown, ==, counts);
      g_assert_cmpint (position, ==, counts ? (gssize) at : -1);
    }
    residues[at] = letter;
  }
  g_rand_free (rand);
  seq_tokenizer_free (tokenizer);
}

/* One letter that disturbs, at the start and around the ends of blocks, in sequences of every
 * length modulo k. */
static void
test_one_other_letter (gconstpointer data)
{
  const guint k = GPOINTER_TO_UINT (data);
  SeqTokenizer *tokenizer = tokenizer_new (SPLIT, k, SEQ_UNKNOWN_TOKEN);
  GRand *rand = g_rand_new_with_seed (k);

  for (gsize length = MAX_LENGTH - k; length <= MAX_LENGTH; length++) {
    gchar *residues = random_letters (rand, length);

    check (tokenizer, TRUE, residues, length, k);
    for (gsize at = 0; at < length; at += at % 512 < 16 || at % 512 > 496 ? 1 : 15) {
      gchar letter = residues[at];

      residues[at] = "N-R"[g_rand_int_range (rand, 0, 3)];
      check (tokenizer, TRUE, residues, length, k);
      residues[at] = letter;
    }
    g_free (residues);
  }
  g_rand_free (rand);
  seq_tokenizer_free (tokenizer);
}

/* Any number of them, from none to all */
static void
test_many_other_letters (gconstpointer data)
{
  const guint k = GPOINTER_TO_UINT (data);
  SeqTokenizer *tokenizer = tokenizer_new (SPLIT, k, SEQ_UNKNOWN_TOKEN);
  GRand *rand = g_rand_new_with_seed (100 + k);

  for (guint one_in = 1; one_in < 200; one_in++) {
    gsize length = g_rand_int_range (rand, 0, MAX_LENGTH + 1);
    gchar *residues = random_letters (rand, length);

    for (gsize i = 0; i < length; i++)
      if (g_rand_int_range (rand, 0, one_in) == 0)
        residues[i] = "N-R"[g_rand_int_range (rand, 0, 3)];
    check (tokenizer, TRUE, residues, length, k);
    g_free (residues);
  }
  g_rand_free (rand);
  seq_tokenizer_free (tokenizer);
}

static void
test_overlapping (gconstpointer data)
{
  const guint k = GPOINTER_TO_UINT (data);
  SeqTokenizer *tokenizer = tokenizer_new (OVERLAPPING, k, SEQ_UNKNOWN_TOKEN);
  GRand *rand = g_rand_new_with_seed (200 + k);
  gchar *residues = random_letters (rand, MAX_LENGTH);

  for (gsize length = 0; length < 2 * k; length++)
    check (tokenizer, FALSE, residues, length, k);
  check (tokenizer, FALSE, residues, MAX_LENGTH, k);
  for (gsize at = 480; at < 560; at++) {
    gchar letter = residues[at];

    residues[at] = 'N';
    check (tokenizer, FALSE, residues, MAX_LENGTH - at % k, k);
    residues[at] = letter;
  }
  g_free (residues);
  g_rand_free (rand);
  seq_tokenizer_free (tokenizer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint k = 1; k <= 15; k++) {
    g_autofree gchar *one = g_strdup_printf ("/tokenizer-kmers/one-other-letter/%u", k);
    g_autofree gchar *many = g_strdup_printf ("/tokenizer-kmers/many-other-letters/%u", k);
    g_autofree gchar *overlapping = g_strdup_printf ("/tokenizer-kmers/overlapping/%u", k);
    g_autofree gchar *few = g_strdup_printf ("/tokenizer-kmers/short/%u", k);
    g_autofree gchar *left_out = g_strdup_printf ("/tokenizer-kmers/left-out/%u", k);

    g_test_add_data_func (few, GUINT_TO_POINTER (k), test_short);
    g_test_add_data_func (left_out, GUINT_TO_POINTER (k), test_left_out);
    g_test_add_data_func (overlapping, GUINT_TO_POINTER (k), test_overlapping);
    g_test_add_data_func (one, GUINT_TO_POINTER (k), test_one_other_letter);
    g_test_add_data_func (many, GUINT_TO_POINTER (k), test_many_other_letters);
  }
  return g_test_run ();
}
