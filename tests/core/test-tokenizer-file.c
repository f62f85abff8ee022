/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>

/* The tokenizer of a file with this text, through a file of its own. */
static SeqTokenizer *
load (const gchar *text, gsize len, SeqUnknown unknown, GError **error)
{
  gchar *path = NULL;
  gint fd = g_file_open_tmp ("tokenizer-XXXXXX", &path, NULL);
  SeqTokenizer *tokenizer;

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, (gssize) len, NULL));
  tokenizer = seq_tokenizer_new (path, unknown, error);
  if (error != NULL && *error != NULL)
    g_assert_nonnull (strstr ((*error)->message, path));
  g_remove (path);
  g_free (path);
  return tokenizer;
}

/* The ids of body tokens `first` on, `max` at most, as text. */
static gchar *
encode (const SeqTokenizer *tokenizer, const gchar *sequence, gsize first, gsize max,
    guint64 *unknown, gssize *position)
{
  GString *ids = g_string_new (NULL);
  gint64 out[128];
  gsize n, i;

  n = seq_tokenizer_encode (tokenizer, (const guint8 *) sequence, strlen (sequence), first, max,
      SEQ_DTYPE_INT64, out, unknown, position);
  for (i = 0; i < n; i++)
    g_string_append_printf (ids, "%s%" G_GINT64_FORMAT, i > 0 ? " " : "", out[i]);
  return g_string_free (ids, FALSE);
}

/* Count, position and every window agree with the whole. */
static void
check_consistent (const SeqTokenizer *tokenizer, const gchar *sequence, const gchar *ids)
{
  gchar **all = g_strsplit (ids, " ", -1);
  gsize n = *ids != '\0' ? g_strv_length (all) : 0, len = strlen (sequence), i, last = 0;

  g_assert_cmpuint (seq_tokenizer_count (tokenizer, (const guint8 *) sequence, len), ==, n);
  for (i = 0; i < n; i++) {
    gchar *one = encode (tokenizer, sequence, i, 1, NULL, NULL), *again;
    gsize at = seq_tokenizer_token_position (tokenizer, (const guint8 *) sequence, len, i);

    g_assert_cmpstr (one, ==, all[i]);
    g_assert_cmpuint (at, <, len);
    g_assert_true (i == 0 || at > last);
    last = at;
    /* what starts there gives the same tokens */
    again = encode (tokenizer, sequence + at, 0, 1, NULL, NULL);
    g_assert_cmpstr (again, ==, all[i]);
    g_free (again);
    g_free (one);
  }
  g_assert_cmpuint (seq_tokenizer_token_position (tokenizer, (const guint8 *) sequence, len, n), ==,
      len);
  g_strfreev (all);
}

#define LETTERS "[tokenizer]\nunits=letters\nvocabulary-size=30\npad=0\nunknown=1\n" \
  "letters=ACGTNacgt\nfirst-letter=10\n"
#define OVERLAPPING "[tokenizer]\nunits=overlapping\nvocabulary-size=99\npad=0\nunknown=1\nk=2\n" \
  "kmer-letters=ACGT\nfirst-kmer=20\n"
#define SPLIT "[tokenizer]\nunits=split\nvocabulary-size=200\npad=0\nunknown=1\nk=3\n" \
  "kmer-letters=ACGT\nfirst-kmer=100\nletters=ACGTN\nfirst-letter=10\n"

static void
test_keys (void)
{
  static const struct
  {
    const gchar *text;
    SeqUnknown unknown;
    const gchar *sequence, *ids;
    guint64 n_unknown;
    gssize position;
  } rows[] = {
    {LETTERS, SEQ_UNKNOWN_TOKEN, "ACaxT", "10 11 15 1 13", 1, 3},
    {LETTERS "case=upper\n", SEQ_UNKNOWN_TOKEN, "ACax-T", "10 11 10 1 1 13", 2, 3},
    {LETTERS "case=lower\n", SEQ_UNKNOWN_TOKEN, "ACaN", "15 16 15 1", 1, 3},
    {LETTERS "replace=UTRN\n", SEQ_UNKNOWN_TOKEN, "AURu", "10 13 14 1", 1, 3},
    {LETTERS "case=upper\nreplace=UT\n", SEQ_UNKNOWN_TOKEN, "AuU", "10 13 13", 0, -1},
    /* one step, not a chain */
    {LETTERS "replace=ACCG\n", SEQ_UNKNOWN_TOKEN, "AC", "11 12", 0, -1},
    {LETTERS "drop=-*\n", SEQ_UNKNOWN_TOKEN, "A-C**T-", "10 11 13", 0, -1},
    {LETTERS "drop=A\n", SEQ_UNKNOWN_TOKEN, "AACaA", "11 15", 0, -1},
    {LETTERS "drop=A\ncase=upper\n", SEQ_UNKNOWN_TOKEN, "AACaA", "11", 0, -1},
    {LETTERS "drop=-\n", SEQ_UNKNOWN_PER_RUN, "Ax-xC", "10 1 11", 2, 1},
    {LETTERS "drop=-\n", SEQ_UNKNOWN_SKIP, "-x-AxC", "10 11", 2, 1},
    {LETTERS "drop=-\n", SEQ_UNKNOWN_TOKEN, "---", "", 0, -1},
    {"# comment\n\n" LETTERS, SEQ_UNKNOWN_TOKEN, "A", "10", 0, -1},
    {"[tokenizer]\nunits=bytes\nvocabulary-size=256\npad=0\ndrop=B\ncase=upper\n",
        SEQ_UNKNOWN_TOKEN, "AbaB", "65 65", 0, -1},
    {OVERLAPPING, SEQ_UNKNOWN_TOKEN, "ACGNT", "21 26 1 1", 2, 3},
    {OVERLAPPING "drop=-\n", SEQ_UNKNOWN_TOKEN, "-A-C--G", "21 26", 0, -1},
    {OVERLAPPING "case=upper\nreplace=UT\n", SEQ_UNKNOWN_TOKEN, "au", "23", 0, -1},
    {SPLIT, SEQ_UNKNOWN_TOKEN, "AACGTNTA", "101 12 13 14 13 10", 0, -1},
    {SPLIT, SEQ_UNKNOWN_TOKEN, "AARAAA", "10 10 1 100", 1, 2},
    {SPLIT "remainder=drop\n", SEQ_UNKNOWN_TOKEN, "AACGTNTA", "101 14", 0, -1},
    {SPLIT "remainder=unknown\n", SEQ_UNKNOWN_TOKEN, "AACGTNTA", "101 1 14 1", 2, 3},
    {SPLIT "break-letters=N\n", SEQ_UNKNOWN_TOKEN, "AARAAANC", "1 100 14 11", 1, 2},
    {SPLIT "break-letters=N\nremainder=unknown\n", SEQ_UNKNOWN_TOKEN, "AARARNC", "1 1 14 1", 3, 2},
    {SPLIT "drop=-\n", SEQ_UNKNOWN_TOKEN, "A-A-CG-T-", "101 12 13", 0, -1},
    {SPLIT "remainder=unknown\n", SEQ_UNKNOWN_SKIP, "AACGTNTA", "101 14", 2, 3},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    GError *error = NULL;
    SeqTokenizer *tokenizer = load (rows[i].text, strlen (rows[i].text), rows[i].unknown, &error);
    guint64 unknown = 0;
    gssize position = -2;
    gchar *ids;

    g_assert_no_error (error);
    ids = encode (tokenizer, rows[i].sequence, 0, G_MAXSIZE, &unknown, &position);
    g_assert_cmpstr (ids, ==, rows[i].ids);
    g_assert_cmpuint (unknown, ==, rows[i].n_unknown);
    g_assert_cmpint (position, ==, rows[i].position);
    check_consistent (tokenizer, rows[i].sequence, ids);
    g_free (ids);
    seq_tokenizer_free (tokenizer);
  }
}

static void
test_sides (void)
{
  static const struct
  {
    const gchar *text;
    gboolean pad_left, truncate_left;
  } rows[] = {
    {LETTERS, FALSE, FALSE}, {LETTERS "pad-side=right\n", FALSE, FALSE},
    {LETTERS "pad-side=left\n", TRUE, FALSE}, {LETTERS "truncate=right\n", FALSE, FALSE},
    {OVERLAPPING "truncate=left\n", FALSE, TRUE},
    {SPLIT "truncate=left\npad-side=left\n", TRUE, TRUE},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    SeqTokenizer *tokenizer = load (rows[i].text, strlen (rows[i].text), SEQ_UNKNOWN_TOKEN, NULL);

    g_assert_nonnull (tokenizer);
    g_assert_cmpint (seq_tokenizer_pads_left (tokenizer), ==, rows[i].pad_left);
    g_assert_cmpint (seq_tokenizer_truncates_left (tokenizer), ==, rows[i].truncate_left);
    seq_tokenizer_free (tokenizer);
  }
}

static void
test_malformed (void)
{
  static const struct
  {
    const gchar *text, *message;
  } rows[] = {
    {"[tokenizer]\n", "units: is missing"},
    {"[tokenizer]\nunits=words\n", "units: 'words' is not known"},
    {"[tokenizer]\nunits=letters\n", "vocabulary-size: is missing"},
    {"[tokenizer]\nunits=letters\nvocabulary-size=9\n", "pad: is missing"},
    {"[tokenizer]\nunits=letters\nvocabulary-size=9\npad=0\n", "letters: is missing"},
    {"[tokenizer]\nunits=letters\nvocabulary-size=9\npad=0\nletters=A\n",
        "first-letter: is missing"},
    {"[tokenizer]\nunits=bytes\nvocabulary-size=255\npad=0\n", "vocabulary-size: bytes have"},
    {"[tokenizer]\nunits=bytes\nvocabulary-size=256\npad=0\nletters=A\n",
        "letters: does not go with these units"},
    {OVERLAPPING "letters=ACGTN\n", "letters: does not go with these units"},
    {OVERLAPPING "first-letter=10\n", "first-letter: does not go with these units"},
    {LETTERS "k=3\n", "k: does not go with"},
    {LETTERS "remainder=drop\n", "remainder: does not go with"},
    {OVERLAPPING "remainder=drop\n", "remainder: does not go with"},
    {LETTERS "colour=red\n", "the key 'colour' is not known"},
    {LETTERS "truncate=head\n", "truncate: 'head' is not known"},
    {LETTERS "[other]\nx=1\n", "the group [other] is not known"},
    {LETTERS "nonsense\n", "nonsense"},
    {LETTERS "pad=-1\n", "pad: '-1' is no number from 0 to 29"},
    {LETTERS "pad=30\n", "pad: '30' is no number"},
    {LETTERS "suffix=99999999999999999999\n", "suffix: '99999999999999999999"},
    {LETTERS "vocabulary-size=2147483648\n", "vocabulary-size: '2147483648' is no number"},
    {LETTERS "vocabulary-size=18\n", "first-letter: '10' is no number from 0 to 9"},
    {LETTERS "vocabulary-size=8\n", "first-letter: 9 ids do not go into a vocabulary of 8"},
    {LETTERS "unknown=10\n", "unknown: a letter or k-mer has the same id"},
    {OVERLAPPING "unknown=35\n", "unknown: a letter or k-mer has the same id"},
    {LETTERS "letters=AA\n", "letters: A is there twice"},
    {LETTERS "letters=A C\n", "no printable ASCII"},
    {LETTERS "letters=A\\x\n", "letters: not a string"},
    {LETTERS "replace=UTX\n", "replace: X has no second letter"},
    {LETTERS "pad-side=top\n", "pad-side: 'top' is not known"},
    {OVERLAPPING "k=0\n", "k: '0' is no number from 1 to 15"},
    {OVERLAPPING "k=16\n", "k: '16' is no number from 1 to 15"},
    {OVERLAPPING "k=15\n", "first-kmer: 1073741824 ids do not go"},
    {OVERLAPPING "kmer-letters=ACG\n", "kmer-letters: there are four"},
    {OVERLAPPING "kmer-letters=ACGTN\n", "kmer-letters: there are four"},
    {SPLIT "break-letters=NN\n", "break-letters: N is there twice"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    GError *error = NULL;

    g_assert_null (load (rows[i].text, strlen (rows[i].text), SEQ_UNKNOWN_TOKEN, &error));
    g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, rows[i].message));
    g_clear_error (&error);
  }
}

/* Files cut short and with bytes changed: an error or a tokenizer, nothing else. */
static void
test_hostile (void)
{
  static const gchar text[] = "# x\n" SPLIT "case=upper\nreplace=UT\ndrop=-\nbreak-letters=N\n";
  GRand *rand = g_rand_new_with_seed (5);
  gchar *copy = g_strdup (text);
  guint i, loaded = 0;

  for (i = 0; i < 3000; i++) {
    gsize len = i < sizeof text ? i : sizeof text - 1;
    SeqTokenizer *tokenizer;
    GError *error = NULL;

    memcpy (copy, text, sizeof text);
    if (i >= sizeof text)
      copy[g_rand_int_range (rand, 0, sizeof text - 1)] = (gchar) g_rand_int_range (rand, 0, 256);
    tokenizer = load (copy, len, SEQ_UNKNOWN_SKIP, &error);
    g_assert_true ((tokenizer == NULL) == (error != NULL));
    if (tokenizer != NULL) {
      g_free (encode (tokenizer, "ACGTNNRRUUacgu--ACGTACGTACG\xff", 0, G_MAXSIZE, NULL, NULL));
      seq_tokenizer_free (tokenizer);
      loaded++;
    }
    g_clear_error (&error);
  }
  g_assert_cmpuint (loaded, >, 100);
  g_free (copy);
  g_rand_free (rand);
}

static void
test_too_large (void)
{
  GString *text = g_string_new (LETTERS);
  GError *error = NULL;

  while (text->len <= 64 * 1024)
    g_string_append (text, "# a long comment\n");
  g_assert_null (load (text->str, text->len, SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "at most 65536 bytes"));
  g_clear_error (&error);
  g_string_free (text, TRUE);
}

/* The old name of a preset works on. */
static void
test_alias (void)
{
  SeqTokenizer *tokenizer = seq_tokenizer_new ("hyena", SEQ_UNKNOWN_TOKEN, NULL);
  gchar *ids;

  g_assert_nonnull (tokenizer);
  g_assert_true (seq_tokenizer_pads_left (tokenizer));
  ids = encode (tokenizer, "ACGTN", 0, G_MAXSIZE, NULL, NULL);
  g_assert_cmpstr (ids, ==, "7 8 9 10 11 1");
  g_free (ids);
  seq_tokenizer_free (tokenizer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-file/keys", test_keys);
  g_test_add_func ("/tokenizer-file/sides", test_sides);
  g_test_add_func ("/tokenizer-file/malformed", test_malformed);
  g_test_add_func ("/tokenizer-file/hostile", test_hostile);
  g_test_add_func ("/tokenizer-file/too-large", test_too_large);
  g_test_add_func ("/tokenizer-file/alias", test_alias);
  return g_test_run ();
}
