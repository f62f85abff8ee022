/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* The reference: a dictionary from tokens to ids, as a vocabulary file has it, and the plainest
 * way to cut a sequence into its tokens. */

#define UNKNOWN -1
#define MAX_LEN 5000

typedef struct
{
  const gchar *name;
  const gchar *before, *after;  /* tokens around the k-mers in the order of ids */
  guint k;                      /* 0 = letters, 1 = every byte */
  gboolean overlapping;
  const gchar *prefix, *suffix, *pad, *unk;
  const gchar *replace;
  guint vocab_size;
  gboolean upper;               /* lower case is read as upper case */
} Model;

static const Model models[] = {
  {"esm2", "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <null_1> "
      "<mask>", "", 0, FALSE, "<cls>", "<eos>", "<pad>", "<unk>", "", 33},
  {"esmc", "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - | <mask>", "",
      0, FALSE, "<cls>", "<eos>", "<pad>", "<unk>", "", 33},
  {"protbert", "[PAD] [UNK] [CLS] [SEP] [MASK] L A G V E S I K R D T P N Q F Y M H C W X U B Z O", "",
      0, FALSE, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "UZOB", 30},
  {"prott5", "<pad> </s> <unk> A L G V S R E D T I P K F Q N Y M H W C X B O U Z", "", 0, FALSE, NULL,
      "</s>", "<pad>", "<unk>", "UZOB", 128},
  {"dnabert3", "[PAD] [UNK] [CLS] [SEP] [MASK]", "", 3, TRUE, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "",
      69},
  {"dnabert4", "[PAD] [UNK] [CLS] [SEP] [MASK]", "", 4, TRUE, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "",
      261},
  {"dnabert5", "[PAD] [UNK] [CLS] [SEP] [MASK]", "", 5, TRUE, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "",
      1029},
  {"dnabert6", "[PAD] [UNK] [CLS] [SEP] [MASK]", "", 6, TRUE, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "",
      4101},
  {"nt6", "<unk> <pad> <mask> <cls> <eos> <bos>", "A T C G N", 6, FALSE, "<cls>", NULL, "<pad>",
      "<unk>", "", 4107},
  {"nt6-v1", "<unk> <pad> <mask> <cls>", "A T C G N <eos> <bos>", 6, FALSE, "<cls>", NULL, "<pad>",
      "<unk>", "", 4107},
  {"hyenadna", "[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N", "", 0, FALSE, NULL, "[SEP]",
      "[PAD]", "[UNK]", "", 12},
  {"caduceus", "[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N", "", 0, FALSE, NULL,
      "[SEP]", "[PAD]", "[UNK]", "", 12, TRUE},
  {"evo", NULL, NULL, 1, FALSE, NULL, NULL, NULL, NULL, "", 512},
  {"bytes", NULL, NULL, 1, FALSE, NULL, NULL, NULL, NULL, "", 256}
};

static const SeqUnknown policies[] = {
  SEQ_UNKNOWN_TOKEN, SEQ_UNKNOWN_PER_RUN, SEQ_UNKNOWN_SKIP, SEQ_UNKNOWN_ERROR
};

static const SeqDtype dtypes[] = {
  SEQ_DTYPE_UINT8, SEQ_DTYPE_INT16, SEQ_DTYPE_INT32, SEQ_DTYPE_INT64
};

typedef struct
{
  GHashTable *ids;
  gint letters[256];
} Dictionary;

static void
add_words (Dictionary *dictionary, const gchar *words)
{
  gchar **tokens = g_strsplit (words, " ", -1);
  guint i;

  for (i = 0; tokens[i] != NULL; i++) {
    gint id = (gint) g_hash_table_size (dictionary->ids);

    if (strlen (tokens[i]) == 1)
      dictionary->letters[(guint8) tokens[i][0]] = id;
    g_hash_table_insert (dictionary->ids, g_strdup (tokens[i]), GINT_TO_POINTER (id));
  }
  g_strfreev (tokens);
}

static void
add_kmers (Dictionary *dictionary, gchar *kmer, guint done, guint k)
{
  const gchar *letter;

  if (done == k) {
    g_hash_table_insert (dictionary->ids, g_strdup (kmer),
        GINT_TO_POINTER (g_hash_table_size (dictionary->ids)));
    return;
  }
  for (letter = "ATCG"; *letter != '\0'; letter++) {
    kmer[done] = *letter;
    add_kmers (dictionary, kmer, done + 1, k);
  }
}

static Dictionary *
dictionary_new (const Model *model)
{
  Dictionary *dictionary = g_new (Dictionary, 1);
  gchar kmer[8] = "";
  guint i;

  dictionary->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (i = 0; i < 256; i++)
    dictionary->letters[i] = model->k == 1 ? (gint) i : UNKNOWN;
  if (model->k == 1)
    return dictionary;
  add_words (dictionary, model->before);
  if (model->k > 1)
    add_kmers (dictionary, kmer, 0, model->k);
  if (*model->after != '\0')
    add_words (dictionary, model->after);
  for (i = 0; model->replace[i] != '\0'; i++)
    dictionary->letters[(guint8) model->replace[i]] = dictionary->letters['X'];
  for (i = 'a'; model->upper && i <= 'z'; i++)
    dictionary->letters[i] = dictionary->letters[(guint8) g_ascii_toupper ((gchar) i)];
  return dictionary;
}

static void
dictionary_free (Dictionary *dictionary)
{
  g_hash_table_unref (dictionary->ids);
  g_free (dictionary);
}

static gint
dictionary_word (const Dictionary *dictionary, const gchar *word)
{
  gpointer value;

  return g_hash_table_lookup_extended (dictionary->ids, word, NULL, &value)
      ? GPOINTER_TO_INT (value) : UNKNOWN;
}

static gint
dictionary_kmer (const Dictionary *dictionary, const guint8 *residues, guint k)
{
  gchar kmer[8];

  memcpy (kmer, residues, k);
  kmer[k] = '\0';
  return strlen (kmer) == k ? dictionary_word (dictionary, kmer) : UNKNOWN;
}

/* What encoding has to give: the body, where each token starts, and for each the unknown units that
 * it stands for (those at the start that are left out: the first). */
typedef struct
{
  gsize n;
  gint64 ids[MAX_LEN];
  gsize positions[MAX_LEN];
  guint64 unknown[MAX_LEN + 1];
  gssize first_unknown;
  guint64 all_unknown;
} Expected;

static void
expect_unit (Expected *expected, gint id, gint unk, SeqUnknown policy, gsize position,
    gboolean *in_run)
{
  gboolean unknown = id == UNKNOWN;

  if (!unknown || policy == SEQ_UNKNOWN_TOKEN || policy == SEQ_UNKNOWN_ERROR
      || (policy == SEQ_UNKNOWN_PER_RUN && !*in_run)) {
    expected->ids[expected->n] = unknown ? unk : id;
    expected->positions[expected->n] = position;
    expected->n++;
  }
  *in_run = unknown;
  if (unknown) {
    expected->unknown[expected->n > 0 ? expected->n - 1 : 0]++;
    expected->all_unknown++;
  }
}

static void
expect (Expected *expected, const Model *model, const Dictionary *dictionary, SeqUnknown policy,
    const guint8 *residues, gsize n)
{
  gint unk = model->unk != NULL ? dictionary_word (dictionary, model->unk) : 0;
  gboolean in_run = FALSE;
  gsize i = 0;

  memset (expected->unknown, 0, sizeof expected->unknown);
  expected->n = 0;
  expected->all_unknown = 0;
  expected->first_unknown = -1;
  if (model->overlapping) {
    for (; i + model->k <= n; i++)
      expect_unit (expected, dictionary_kmer (dictionary, residues + i, model->k), unk, policy, i,
          &in_run);
  } else {
    while (i < n) {
      gint id = model->k > 1 && i + model->k <= n
          ? dictionary_kmer (dictionary, residues + i, model->k) : UNKNOWN;
      gsize len = id != UNKNOWN ? model->k : 1;

      expect_unit (expected, id != UNKNOWN ? id : dictionary->letters[residues[i]], unk, policy, i,
          &in_run);
      i += len;
    }
  }
  for (i = 0; i < n && expected->all_unknown > 0 && expected->first_unknown < 0; i++) {
    if (model->overlapping ? strchr ("ATCG", residues[i]) == NULL || residues[i] == 0
        : dictionary->letters[residues[i]] == UNKNOWN)
      expected->first_unknown = (gssize) i;
  }
}

static gint64
value_at (const void *values, SeqDtype dtype, gsize i)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      return ((const guint8 *) values)[i];
    case SEQ_DTYPE_INT16:
      return ((const gint16 *) values)[i];
    case SEQ_DTYPE_INT32:
      return ((const gint32 *) values)[i];
    case SEQ_DTYPE_INT64:
      break;
  }
  return ((const gint64 *) values)[i];
}

/* Mostly letters that are known, with runs of N, of lower case and of anything. */
static void
fill_random (GRand *rand, guint8 *residues, gsize n)
{
  static const gchar dna[] = "ACGT", protein[] = "LAGVSERTIDPKQNFYMHWCXBUZO-*";
  gboolean is_dna = g_rand_boolean (rand);
  gsize i = 0;

  while (i < n) {
    gint kind = g_rand_int_range (rand, 0, 12);
    gsize end = i + (gsize) g_rand_int_range (rand, 1, kind < 8 ? 40 : 5);

    for (; i < MIN (end, n); i++) {
      residues[i] = kind == 8 ? 'N' : kind == 9 ? 'R' : kind == 10 ? 'a'
          : kind == 11 ? (guint8) g_rand_int_range (rand, 0, 256)
          : is_dna ? (guint8) dna[g_rand_int_range (rand, 0, 4)]
          : (guint8) protein[g_rand_int_range (rand, 0, 27)];
    }
  }
}

static guint
tokens_around (const Model *model)
{
  return (model->prefix != NULL) + (model->suffix != NULL);
}

/* Encodes a window into memory of exactly its size and compares every value. */
static void
check_window (const SeqTokenizer *tokenizer, const Model *model, const Dictionary *dictionary,
    const Expected *expected, SeqUnknown policy, const guint8 *residues, gsize n, gsize first,
    gsize max_body, SeqDtype dtype, guint64 *unknown)
{
  gsize body = MIN (expected->n - MIN (expected->n, first), max_body), i, written;
  gsize total = body + tokens_around (model), n_prefix = model->prefix != NULL;
  void *out = g_malloc (MAX (total * seq_dtype_size (dtype), 1));
  gssize position = -2;

  written = seq_tokenizer_encode (tokenizer, residues, n, first, max_body, dtype, out, unknown,
      &position);
  g_assert_cmpuint (written, ==, total);
  if (model->prefix != NULL)
    g_assert_cmpint (value_at (out, dtype, 0), ==, dictionary_word (dictionary, model->prefix));
  if (model->suffix != NULL)
    g_assert_cmpint (value_at (out, dtype, total - 1), ==, dictionary_word (dictionary,
            model->suffix));
  for (i = 0; i < body; i++) {
    if (policy == SEQ_UNKNOWN_ERROR && expected->unknown[first + i] > 0)
      continue;
    g_assert_cmpint (value_at (out, dtype, n_prefix + i), ==, expected->ids[first + i]);
  }
  if (first == 0 && max_body >= MAX (expected->n, 1))
    g_assert_cmpint (position, ==, expected->first_unknown);
  else
    g_assert_cmpint (position, >=, -1);
  g_free (out);
}

static void
check_windows (const SeqTokenizer *tokenizer, const Model *model, const Dictionary *dictionary,
    const Expected *expected, SeqUnknown policy, const guint8 *residues, gsize n)
{
  static const gsize sizes[] = { 1, 2, 7, 16, 17, 64, 600 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint64 unknown = 0;
    gsize first, j;

    for (first = 0; first == 0 || first < expected->n; first += sizes[i]) {
      guint64 here = 0;

      check_window (tokenizer, model, dictionary, expected, policy, residues, n, first, sizes[i],
          SEQ_DTYPE_INT32, &here);
      unknown += here;
      for (j = first; j < MIN (first + sizes[i], MAX (expected->n, 1)); j++)
        here -= expected->unknown[j];
      g_assert_cmpuint (here, ==, 0);
    }
    g_assert_cmpuint (unknown, ==, expected->all_unknown);
  }
  for (i = 0; i < expected->n + 3; i++) {
    g_assert_cmpuint (seq_tokenizer_token_position (tokenizer, residues, n, i), ==,
        i < expected->n ? expected->positions[i] : n);
  }
  check_window (tokenizer, model, dictionary, expected, policy, residues, n, expected->n + 5,
      G_MAXSIZE, SEQ_DTYPE_INT16, NULL);
  check_window (tokenizer, model, dictionary, expected, policy, residues, n, 0, 0,
      SEQ_DTYPE_INT16, NULL);
}

static void
check_sequence (const SeqTokenizer *tokenizer, const Model *model, const Dictionary *dictionary,
    Expected *expected, SeqUnknown policy, const guint8 *residues, gsize n)
{
  guint i;

  expect (expected, model, dictionary, policy, residues, n);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues, n), ==, expected->n);
  for (i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    guint64 unknown = 1000;

    if (!seq_dtype_fits (dtypes[i], seq_tokenizer_get_max_id (tokenizer)))
      continue;
    check_window (tokenizer, model, dictionary, expected, policy, residues, n, 0, G_MAXSIZE,
        dtypes[i], &unknown);
    g_assert_cmpuint (unknown, ==, 1000 + expected->all_unknown);
  }
}

/* Every preset and policy: lengths 0 to 300 and around the blocks that are worked in. */
static void
test_preset (gconstpointer data)
{
  static const gsize long_lengths[] = { 511, 512, 513, 1023, 1024, 1025, MAX_LEN };
  const Model *model = data;
  Dictionary *dictionary = dictionary_new (model);
  Expected *expected = g_new (Expected, 1);
  GRand *rand = g_rand_new_with_seed (11);
  guint p;

  for (p = 0; p < G_N_ELEMENTS (policies); p++) {
    SeqTokenizer *tokenizer = seq_tokenizer_new (model->name, policies[p], NULL);
    gsize n;

    g_assert_nonnull (tokenizer);
    g_assert_cmpuint (seq_tokenizer_get_vocab_size (tokenizer), ==, model->vocab_size);
    g_assert_cmpuint (seq_tokenizer_get_n_prefix (tokenizer), ==, model->prefix != NULL);
    g_assert_cmpuint (seq_tokenizer_get_n_suffix (tokenizer), ==, model->suffix != NULL);
    g_assert_cmpuint (seq_tokenizer_get_max_id (tokenizer), <, model->vocab_size);
    if (model->pad != NULL)
      g_assert_cmpuint (seq_tokenizer_get_pad_id (tokenizer), ==, dictionary_word (dictionary,
              model->pad));
    g_assert_cmpuint (seq_tokenizer_get_unk_id (tokenizer), ==, model->unk == NULL
        ? SEQ_TOKENIZER_NO_ID : (guint) dictionary_word (dictionary, model->unk));

    for (n = 0; n <= 300 + G_N_ELEMENTS (long_lengths); n++) {
      gsize len = n <= 300 ? n : long_lengths[n - 301];
      guint8 *residues = g_malloc (MAX (len, 1));

      fill_random (rand, residues, len);
      check_sequence (tokenizer, model, dictionary, expected, policies[p], residues, len);
      if (len % 20 < 2 && len <= 520)
        check_windows (tokenizer, model, dictionary, expected, policies[p], residues, len);
      g_free (residues);
    }
    seq_tokenizer_free (tokenizer);
  }
  g_rand_free (rand);
  g_free (expected);
  dictionary_free (dictionary);
}

/* Every byte alone, as a run that fills vectors, and between letters. */
static void
test_every_byte (gconstpointer data)
{
  const Model *model = data;
  Dictionary *dictionary = dictionary_new (model);
  Expected *expected = g_new (Expected, 1);
  guint8 residues[48];
  guint p, byte;

  for (p = 0; p < G_N_ELEMENTS (policies); p++) {
    SeqTokenizer *tokenizer = seq_tokenizer_new (model->name, policies[p], NULL);

    for (byte = 0; byte < 256; byte++) {
      memset (residues, (gint) byte, sizeof residues);
      check_sequence (tokenizer, model, dictionary, expected, policies[p], residues, 1);
      check_sequence (tokenizer, model, dictionary, expected, policies[p], residues, 48);
      memset (residues, 'A', 20);
      memset (residues + 21, 'C', 27);
      check_sequence (tokenizer, model, dictionary, expected, policies[p], residues, 48);
    }
    seq_tokenizer_free (tokenizer);
  }
  g_free (expected);
  dictionary_free (dictionary);
}

/* Ids written down from the models' own tokenizers. */
static void
test_golden (void)
{
  static const struct
  {
    const gchar *name;
    SeqUnknown unknown;
    const gchar *sequence, *ids;
  } rows[] = {
    {"esm2", SEQ_UNKNOWN_TOKEN, "MKTAYIAKQR", "0 20 15 11 5 19 12 5 15 16 10 2"},
    {"esm2", SEQ_UNKNOWN_TOKEN, "", "0 2"},
    {"esm2", SEQ_UNKNOWN_TOKEN, "L.-", "0 4 29 30 2"},
    {"esm2", SEQ_UNKNOWN_TOKEN, "Hello", "0 21 3 3 3 3 2"},
    {"esm2", SEQ_UNKNOWN_PER_RUN, "Hello", "0 21 3 2"},
    {"esm2", SEQ_UNKNOWN_PER_RUN, "tring();S.x", "0 3 8 29 3 2"},
    {"esm2", SEQ_UNKNOWN_SKIP, "Hello", "0 21 2"},
    {"protbert", SEQ_UNKNOWN_TOKEN, "LAGUZOBX*l", "2 5 6 7 25 25 25 25 25 1 1 3"},
    {"dnabert3", SEQ_UNKNOWN_TOKEN, "AAATGGG", "2 5 6 12 36 68 3"},
    {"dnabert3", SEQ_UNKNOWN_TOKEN, "AA", "2 3"},
    {"dnabert3", SEQ_UNKNOWN_TOKEN, "AAANAAA", "2 5 1 1 1 5 3"},
    {"dnabert3", SEQ_UNKNOWN_PER_RUN, "AAANAAA", "2 5 1 5 3"},
    {"dnabert3", SEQ_UNKNOWN_SKIP, "AAANAAA", "2 5 5 3"},
    {"dnabert6", SEQ_UNKNOWN_TOKEN, "AAAAAATGGGGGG", "2 5 6 12 36 132 516 2052 4100 3"},
    {"nt6", SEQ_UNKNOWN_TOKEN, "AAAAAAAAAAAT", "3 6 7"},
    {"nt6", SEQ_UNKNOWN_TOKEN, "ATCGN", "3 4102 4103 4104 4105 4106"},
    {"nt6", SEQ_UNKNOWN_TOKEN, "AAAAAAANAAAAAANNA", "3 6 4102 4106 6 4106 4106 4102"},
    {"nt6", SEQ_UNKNOWN_TOKEN, "AURRA", "3 4102 0 0 0 4102"},
    {"nt6", SEQ_UNKNOWN_PER_RUN, "AURRA", "3 4102 0 4102"},
    {"nt6", SEQ_UNKNOWN_TOKEN, "", "3"},
    {"nt6-v1", SEQ_UNKNOWN_TOKEN, "ATTCCGATTCCGATTCCG", "3 367 367 367"},
    {"nt6-v1", SEQ_UNKNOWN_TOKEN, "ATTTCTCTCTCTCTCTGAGATCGATCGATCGAT",
        "3 349 2461 2464 3184 1738 4103 4100 4101"},
    {"nt6-v1", SEQ_UNKNOWN_PER_RUN, "UNwanted", "3 0 4104 0"},
    {"hyena", SEQ_UNKNOWN_TOKEN, "ACGTNRa", "7 8 9 10 11 6 6 1"},
    {"hyenadna", SEQ_UNKNOWN_TOKEN, "ACGTNRa", "7 8 9 10 11 6 6 1"},
    {"caduceus", SEQ_UNKNOWN_TOKEN, "ACGTNRa", "7 8 9 10 11 6 7 1"},
    {"esmc", SEQ_UNKNOWN_TOKEN, "MK|L.-a", "0 20 15 31 4 29 30 3 2"},
    {"prott5", SEQ_UNKNOWN_TOKEN, "PRTEINOSEQWENCEBZ",
        "13 8 11 9 12 17 23 7 9 16 21 9 17 22 9 23 23 1"},
    {"evo", SEQ_UNKNOWN_TOKEN, "ACGT", "65 67 71 84"},
    {"bytes", SEQ_UNKNOWN_TOKEN, "Aa-", "65 97 45"}
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    SeqTokenizer *tokenizer = seq_tokenizer_new (rows[i].name, rows[i].unknown, NULL);
    GString *ids = g_string_new (NULL);
    gint64 out[64];
    gsize n, j;

    n = seq_tokenizer_encode (tokenizer, (const guint8 *) rows[i].sequence,
        strlen (rows[i].sequence), 0, G_MAXSIZE, SEQ_DTYPE_INT64, out, NULL, NULL);
    for (j = 0; j < n; j++)
      g_string_append_printf (ids, "%s%" G_GINT64_FORMAT, j > 0 ? " " : "", out[j]);
    g_assert_cmpstr (ids->str, ==, rows[i].ids);
    g_string_free (ids, TRUE);
    seq_tokenizer_free (tokenizer);
  }
}

static void
test_fixed_rate (void)
{
  const gchar *const *names = seq_tokenizer_list_presets ();
  guint i, p;

  for (i = 0; i < G_N_ELEMENTS (models); i++) {
    g_assert_cmpstr (names[i], ==, models[i].name);
    for (p = 0; p < G_N_ELEMENTS (policies); p++) {
      SeqTokenizer *tokenizer = seq_tokenizer_new (names[i], policies[p], NULL);
      gboolean split = g_str_has_prefix (names[i], "nt6");
      gboolean keeps = policies[p] == SEQ_UNKNOWN_TOKEN || policies[p] == SEQ_UNKNOWN_ERROR;

      g_assert_true (seq_tokenizer_is_fixed_rate (tokenizer) ==
          (!split && (keeps || models[i].k == 1)));
      seq_tokenizer_free (tokenizer);
    }
  }
  g_assert_cmpstr (names[i], ==, "enformer");   /* no ids: test-tokenizer-one-hot.c */
  g_assert_null (names[i + 1]);
}

static void
test_error_position (void)
{
  static const struct
  {
    const gchar *name, *sequence;
    gsize first, max_body;
    gssize position;
    guint64 unknown;
  } rows[] = {
    {"esm2", "MKTAY", 0, G_MAXSIZE, -1, 0}, {"esm2", "MKtAy", 0, G_MAXSIZE, 2, 2},
    {"esm2", "MKtAy", 0, 2, -1, 0}, {"esm2", "MKtAy", 3, G_MAXSIZE, 4, 1},
    {"esm2", "MKtAy", 9, G_MAXSIZE, -1, 0},
    {"dnabert3", "AAANAAA", 0, G_MAXSIZE, 3, 3}, {"dnabert3", "AAANAAA", 0, 1, -1, 0},
    {"dnabert3", "AAANAAA", 4, G_MAXSIZE, -1, 0}, {"dnabert3", "AN", 0, G_MAXSIZE, -1, 0},
    {"nt6", "AAAAAANAAR", 0, G_MAXSIZE, 9, 1}, {"nt6", "AAAAAANAAR", 0, 4, -1, 0},
    {"bytes", "\x01\xff", 0, G_MAXSIZE, -1, 0}
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    SeqTokenizer *tokenizer = seq_tokenizer_new (rows[i].name, SEQ_UNKNOWN_ERROR, NULL);
    guint64 unknown = 0;
    gssize position = -2;
    gint32 out[64];

    seq_tokenizer_encode (tokenizer, (const guint8 *) rows[i].sequence, strlen (rows[i].sequence),
        rows[i].first, rows[i].max_body, SEQ_DTYPE_INT32, out, &unknown, &position);
    g_assert_cmpint (position, ==, rows[i].position);
    g_assert_cmpuint (unknown, ==, rows[i].unknown);
    seq_tokenizer_free (tokenizer);
  }
}

/* The vocabulary in a temporary file of `len` bytes. Returns: its path; unlink and free it. */
static gchar *
write_vocab (const gchar *text, gsize len)
{
  gchar *path = NULL;
  gint fd = g_file_open_tmp ("vocab-XXXXXX.txt", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, (gssize) len, NULL));
  return path;
}

static void
assert_same_ids (const SeqTokenizer *a, const SeqTokenizer *b)
{
  guint8 residues[256];
  gint32 ids_a[258], ids_b[258];
  gsize n_a, n_b;
  guint i;

  for (i = 0; i < 256; i++)
    residues[i] = (guint8) i;
  n_a = seq_tokenizer_encode (a, residues, 256, 0, G_MAXSIZE, SEQ_DTYPE_INT32, ids_a, NULL, NULL);
  n_b = seq_tokenizer_encode (b, residues, 256, 0, G_MAXSIZE, SEQ_DTYPE_INT32, ids_b, NULL, NULL);
  g_assert_cmpmem (ids_a, n_a * 4, ids_b, n_b * 4);
  g_assert_cmpuint (seq_tokenizer_get_vocab_size (a), ==, seq_tokenizer_get_vocab_size (b));
  g_assert_cmpuint (seq_tokenizer_get_pad_id (a), ==, seq_tokenizer_get_pad_id (b));
  g_assert_cmpuint (seq_tokenizer_get_unk_id (a), ==, seq_tokenizer_get_unk_id (b));
}

static void
test_vocab_esm2 (void)
{
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "esm2-vocab.txt", NULL);
  SeqTokenizer *preset, *file, *dos;
  GError *error = NULL;
  gchar *text, **lines, *crlf, *dos_path;
  guint p;

  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  lines = g_strsplit (text, "\n", -1);
  crlf = g_strjoinv ("\r\n", lines);
  dos_path = write_vocab (crlf, strlen (crlf));
  for (p = 0; p < G_N_ELEMENTS (policies); p++) {
    preset = seq_tokenizer_new ("esm2", policies[p], &error);
    g_assert_no_error (error);
    file = seq_tokenizer_new (path, policies[p], &error);
    g_assert_no_error (error);
    dos = seq_tokenizer_new (dos_path, policies[p], &error);
    g_assert_no_error (error);
    assert_same_ids (preset, file);
    assert_same_ids (preset, dos);
    seq_tokenizer_free (preset);
    seq_tokenizer_free (file);
    seq_tokenizer_free (dos);
  }
  g_remove (dos_path);
  g_free (dos_path);
  g_free (crlf);
  g_strfreev (lines);
  g_free (text);
  g_free (path);
}

/* Ids that need more than a byte: letters, or the unknown token alone. */
static void
test_vocab_wide (void)
{
  static const gchar *const tails[] = { "[UNK]\nA\nC\n", "A\n" };
  guint i, j;

  for (i = 0; i < 2; i++) {
    GString *text = g_string_new (i == 0 ? "[PAD]\n" : "[PAD]\nC\n");
    SeqTokenizer *tokenizer;
    gint32 out[4];
    gchar *path;
    guint64 unknown = 0;
    gssize position;

    for (j = 0; j < 300; j++)
      g_string_append_printf (text, "[unused%u]\n", j);
    g_string_append (text, tails[i]);
    if (i == 1)
      g_string_append (text, "[UNK]");
    path = write_vocab (text->str, text->len);
    tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, NULL);
    g_assert_nonnull (tokenizer);
    g_assert_cmpuint (seq_tokenizer_get_max_id (tokenizer), ==, 303);
    g_assert_false (seq_dtype_fits (SEQ_DTYPE_UINT8, 303));
    g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) "ACxA", 4, 0, G_MAXSIZE,
            SEQ_DTYPE_INT32, out, &unknown, &position), ==, 4);
    g_assert_cmpint (out[0], ==, 302);
    g_assert_cmpint (out[1], ==, i == 0 ? 303 : 1);
    g_assert_cmpint (out[2], ==, i == 0 ? 301 : 303);
    g_assert_cmpint (out[3], ==, 302);
    g_assert_cmpuint (unknown, ==, 1);
    g_assert_cmpint (position, ==, 2);
    seq_tokenizer_free (tokenizer);
    g_remove (path);
    g_free (path);
    g_string_free (text, TRUE);
  }
}

static void
test_vocab_malformed (void)
{
  static const struct
  {
    const gchar *text;
    gsize len;
    gint code;
    const gchar *message;
  } rows[] = {
#define TEXT(text) text, sizeof text - 1
    {TEXT (""), SEQ_TOKENIZER_ERROR_FORMAT, "no padding token"},
    {TEXT ("<unk>\nA\n"), SEQ_TOKENIZER_ERROR_FORMAT, "no padding token"},
    {TEXT ("<pad>\nA\n"), SEQ_TOKENIZER_ERROR_NO_UNKNOWN, "no unknown token"},
    {TEXT ("<pad>\n<unk>\nA\nC\nA\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 5: the token A is there"},
    {TEXT ("<pad>\n<unk>\n<x>\n<x>\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 4: the token <x> is"},
    {TEXT ("<pad>\n<unk>\n[PAD]\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 3: [PAD] has the same part "
        "as the token of line 1"},
    {TEXT ("<cls>\n<pad>\n<unk>\n<s>\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 4: <s> has the same"},
    {TEXT ("<pad>\n<unk>\n\nA\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 3: an empty token"},
    {TEXT ("<pad>\n<unk>\nA\n\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 4: an empty token"},
    {TEXT ("<pad>\n<unk>\nA \n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 3: byte 0x20"},
    {TEXT ("<pad>\n\xc3\xa9\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 2: byte 0xc3"},
    {TEXT ("<pad>\nA\0\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 2: byte 0x00"},
    {TEXT ("<pad>\n<unk>\nA\nAAC\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 4: AAC is more than one"},
    {TEXT ("<pad>\n<unk]\n"), SEQ_TOKENIZER_ERROR_FORMAT, "line 2: <unk] is more than one"},
    {TEXT ("<pad>\n[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"),
        SEQ_TOKENIZER_ERROR_FORMAT, "line 2: longer than 64"}
#undef TEXT
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    gchar *path = write_vocab (rows[i].text, rows[i].len);
    GError *error = NULL;

    g_assert_null (seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, &error));
    g_assert_error (error, SEQ_TOKENIZER_ERROR, rows[i].code);
    g_assert_nonnull (strstr (error->message, rows[i].message));
    g_assert_nonnull (strstr (error->message, path));
    g_clear_error (&error);
    g_remove (path);
    g_free (path);
  }
}

/* Without an unknown token unknown letters may still be left out or be an error. */
static void
test_vocab_no_unknown (void)
{
  gchar *path = write_vocab ("<pad>\nA\nC", 9);
  SeqTokenizer *tokenizer;
  gssize position;
  guint8 out[8];

  tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_SKIP, NULL);
  g_assert_cmpuint (seq_tokenizer_get_unk_id (tokenizer), ==, SEQ_TOKENIZER_NO_ID);
  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) "xAxC", 4, 0, G_MAXSIZE,
          SEQ_DTYPE_UINT8, out, NULL, &position), ==, 2);
  g_assert_cmpint (out[0], ==, 1);
  g_assert_cmpint (out[1], ==, 2);
  g_assert_cmpint (position, ==, 0);
  seq_tokenizer_free (tokenizer);

  tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_ERROR, NULL);
  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, (const guint8 *) "ACAx", 4, 0, G_MAXSIZE,
          SEQ_DTYPE_UINT8, out, NULL, &position), ==, 4);
  g_assert_cmpint (position, ==, 3);
  seq_tokenizer_free (tokenizer);
  g_remove (path);
  g_free (path);
}

static void
test_vocab_limits (void)
{
  GString *text = g_string_new ("<pad>\n<unk>\n");
  gchar *path = write_vocab (text->str, text->len);
  GError *error = NULL;
  guint i;

  /* a file with a hole, so that nothing of that size is written */
  g_assert_cmpint (truncate (path, 16 * 1024 * 1024 + 1), ==, 0);
  g_assert_null (seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "at most 16777216 bytes"));
  g_clear_error (&error);

  for (i = 0; i <= 1 << 20; i++)
    g_string_append_printf (text, "<%x>\n", i);
  g_assert_true (g_file_set_contents (path, text->str, (gssize) text->len, NULL));
  g_assert_null (seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "line 1048577: more than 1048576 tokens"));
  g_clear_error (&error);

  g_remove (path);
  g_free (path);
  g_string_free (text, TRUE);
}

static void
test_not_found (void)
{
  GError *error = NULL;

  g_assert_null (seq_tokenizer_new ("/nonexistent/vocab.txt", SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "esm2"));
  g_clear_error (&error);
  g_assert_null (seq_tokenizer_new ("dnabert2", SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "give the path of the tokenizer.json"));
  g_clear_error (&error);
  g_assert_null (seq_tokenizer_new ("", SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (seq_tokenizer_new ("/", SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (seq_tokenizer_new ("/dev/zero", SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_clear_error (&error);
}

static void
test_fill (void)
{
  static const gsize lengths[] = { 0, 1, 31, 32, 33, 100 };
  guint d, i;
  gsize j;

  for (d = 0; d < G_N_ELEMENTS (dtypes); d++) {
    gint64 limit = dtypes[d] == SEQ_DTYPE_UINT8 ? G_MAXUINT8
        : G_MAXINT64 >> (64 - 8 * seq_dtype_size (dtypes[d]));

    g_assert_cmpuint (seq_dtype_size (dtypes[d]), ==, 1u << d);
    for (i = 0; i < G_N_ELEMENTS (lengths); i++) {
      gint64 out[101];

      memset (out, 0, sizeof out);
      seq_dtype_fill (dtypes[d], out, lengths[i], limit);
      for (j = 0; j < lengths[i]; j++)
        g_assert_cmpint (value_at (out, dtypes[d], j), ==, limit);
      g_assert_cmpint (value_at (out, dtypes[d], lengths[i]), ==, 0);
    }
  }
  g_assert_true (seq_dtype_fits (SEQ_DTYPE_UINT8, 255));
  g_assert_false (seq_dtype_fits (SEQ_DTYPE_UINT8, 256));
  g_assert_true (seq_dtype_fits (SEQ_DTYPE_INT16, 32767));
  g_assert_false (seq_dtype_fits (SEQ_DTYPE_INT16, 32768));
}

static void
test_narrow (void)
{
  static const struct
  {
    const gchar *name;
    gboolean narrow;
  } models[] = {
    {"esm2", TRUE}, {"protbert", TRUE}, {"hyena", TRUE}, {"bytes", TRUE}, {"dnabert3", FALSE},
    {"dnabert6", FALSE}, {"nt6", FALSE},
  };

  for (guint m = 0; m < G_N_ELEMENTS (models); m++) {
    g_autoptr (SeqTokenizer) tokenizer = seq_tokenizer_new (models[m].name,
        SEQ_UNKNOWN_TOKEN, NULL);

    g_assert_nonnull (tokenizer);
    g_assert_cmpint (seq_tokenizer_is_narrow (tokenizer), ==, models[m].narrow);
  }
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (models); i++) {
    gchar *path = g_strconcat ("/tokenizer/preset/", models[i].name, NULL);

    g_test_add_data_func (path, &models[i], test_preset);
    g_free (path);
    path = g_strconcat ("/tokenizer/every-byte/", models[i].name, NULL);
    g_test_add_data_func (path, &models[i], test_every_byte);
    g_free (path);
  }
  g_test_add_func ("/tokenizer/golden", test_golden);
  g_test_add_func ("/tokenizer/fixed-rate", test_fixed_rate);
  g_test_add_func ("/tokenizer/error-position", test_error_position);
  g_test_add_func ("/tokenizer/vocab/esm2", test_vocab_esm2);
  g_test_add_func ("/tokenizer/vocab/wide", test_vocab_wide);
  g_test_add_func ("/tokenizer/vocab/malformed", test_vocab_malformed);
  g_test_add_func ("/tokenizer/vocab/no-unknown", test_vocab_no_unknown);
  g_test_add_func ("/tokenizer/vocab/limits", test_vocab_limits);
  g_test_add_func ("/tokenizer/not-found", test_not_found);
  g_test_add_func ("/tokenizer/fill", test_fill);
  g_test_add_func ("/tokenizer/narrow", test_narrow);
  return g_test_run ();
}
