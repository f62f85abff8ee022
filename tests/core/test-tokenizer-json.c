/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer.h"

#include "memory-limit.h"

#include <glib/gstdio.h>
#include <string.h>

/* tests/data/tokenizers: files and ids of Hugging Face's tokenizers. */
static const gchar *const names[] = {
  "dna-bpe", "dna-bpe-plain", "dna-bpe-fuse", "protein-bpe-replace", "protein-words",
  "protein-letters", "dna-bpe-bytes", "dna-bpe-isolated", "dna-bpe-removed",
  "dna-bpe-shuffled"
};

static gchar *
data_path (const gchar *name, const gchar *suffix)
{
  gchar *file = g_strconcat (name, suffix, NULL);
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers", file, NULL);

  g_free (file);
  return path;
}

/* Windows from each token on: encoded from `first`, and afresh from where that token starts. */
static void
check_windows (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, const gint32 *body,
    gsize n_body)
{
  guint n_prefix = seq_tokenizer_get_n_prefix (tokenizer);
  gint32 *out = g_new (gint32, n + 2);
  gsize first;

  /* of a long one some, as each is found from the start on */
  for (first = 0; first < n_body; first += 1 + n_body / 200) {
    gsize some = MIN (7, n_body - first), start;

    seq_tokenizer_encode (tokenizer, residues, n, first, 7, SEQ_DTYPE_INT32, out, NULL, NULL);
    g_assert_cmpmem (out + n_prefix, some * 4, body + first, some * 4);
    start = seq_tokenizer_token_position (tokenizer, residues, n, first);
    g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues + start, n - start), ==,
        n_body - first);
    seq_tokenizer_encode (tokenizer, residues + start, n - start, 0, 7, SEQ_DTYPE_INT32, out, NULL,
        NULL);
    g_assert_cmpmem (out + n_prefix, some * 4, body + first, some * 4);
  }
  g_assert_cmpuint (seq_tokenizer_token_position (tokenizer, residues, n, n_body), ==, n);
  g_free (out);
}

static void
check_line (const SeqTokenizer *tokenizer, const gchar *line)
{
  const gchar *tab = strchr (line, '\t');
  gsize n = (gsize) (tab - line), n_ids, i;
  guint specials = seq_tokenizer_get_n_prefix (tokenizer) + seq_tokenizer_get_n_suffix (tokenizer);
  gint32 *ids = g_new (gint32, n + 2);
  GString *text = g_string_new (NULL);

  n_ids = seq_tokenizer_encode (tokenizer, (const guint8 *) line, n, 0, G_MAXSIZE, SEQ_DTYPE_INT32,
      ids, NULL, NULL);
  for (i = 0; i < n_ids; i++)
    g_string_append_printf (text, "%s%d", i > 0 ? " " : "", ids[i]);
  g_assert_cmpstr (text->str, ==, tab + 1);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, (const guint8 *) line, n), ==,
      n_ids - specials);
  check_windows (tokenizer, (const guint8 *) line, n,
      ids + seq_tokenizer_get_n_prefix (tokenizer), n_ids - specials);
  g_string_free (text, TRUE);
  g_free (ids);
}

static void
test_reference (gconstpointer data)
{
  gchar *json = data_path (data, ".json"), *tsv = data_path (data, ".tsv"), *text, **lines;
  GError *error = NULL;
  SeqTokenizer *tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_TOKEN, &error);
  guint i;

  g_assert_no_error (error);
  g_assert_false (seq_tokenizer_is_fixed_rate (tokenizer));
  g_assert_cmpuint (seq_tokenizer_get_pad_id (tokenizer), ==, 3);
  g_assert_true (g_file_get_contents (tsv, &text, NULL, &error));
  lines = g_strsplit (text, "\n", -1);
  for (i = 0; lines[i] != NULL && strchr (lines[i], '\t') != NULL; i++)
    check_line (tokenizer, lines[i]);
  g_assert_cmpuint (i, >=, 20);
  g_strfreev (lines);
  g_free (text);
  g_free (json);
  g_free (tsv);
  seq_tokenizer_free (tokenizer);
}

/* A random word of a million letters, and of the same letter: quadratic time would not end in time.
 * Its windows, one from where the last one ends, are the whole. */
static void
test_long_word (void)
{
  gchar *json = data_path ("dna-bpe-plain", ".json");
  SeqTokenizer *tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_TOKEN, NULL);
  GRand *rand = g_rand_new_with_seed (5);
  const gsize n = 1000000, window = 512;
  gint32 *ids = g_new (gint32, n), part[512];
  guint8 *residues = g_malloc (n);
  gsize i, at, n_ids, start = 0;

  memset (residues, 'A', n);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues, n), <, n);
  for (i = 0; i < n; i++)
    residues[i] = (guint8) "ACGT"[g_rand_int_range (rand, 0, 4)];
  n_ids = seq_tokenizer_encode (tokenizer, residues, n, 0, G_MAXSIZE, SEQ_DTYPE_INT32, ids, NULL,
      NULL);
  g_assert_cmpuint (n_ids, <, n / 2);
  for (at = 0; at < n_ids; at += window) {
    gsize some = MIN (window, n_ids - at);

    g_assert_cmpuint (seq_tokenizer_encode (tokenizer, residues + start, n - start, 0, window,
            SEQ_DTYPE_INT32, part, NULL, NULL), ==, some);
    g_assert_cmpmem (part, some * 4, ids + at, some * 4);
    start += seq_tokenizer_token_position (tokenizer, residues + start, n - start, window);
  }
  g_assert_cmpuint (start, ==, n);
  g_free (residues);
  g_free (ids);
  g_rand_free (rand);
  g_free (json);
  seq_tokenizer_free (tokenizer);
}

/* Merges in no order make a word one piece, for which there may be no memory. */
static void
test_no_memory (void)
{
  gchar *json = data_path ("dna-bpe-shuffled", ".json");
  const gsize n = 64 << 20;
  SeqTokenizer *tokenizer;
  guint8 *residues;
  gint32 ids[8];

  if (begin_memory_test ()) {
    tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_TOKEN, NULL);
    residues = g_malloc (n);
    memset (residues, 'A', n);
    limit_memory ();
    g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues, n), ==, SEQ_TOKENIZER_NO_MEMORY);
    g_assert_cmpuint (seq_tokenizer_token_position (tokenizer, residues, n, 3), ==,
        SEQ_TOKENIZER_NO_MEMORY);
    g_assert_cmpuint (seq_tokenizer_encode (tokenizer, residues, n, 0, 5, SEQ_DTYPE_INT32, ids,
            NULL, NULL), ==, SEQ_TOKENIZER_NO_MEMORY);
    g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues, 1000), <, 1000);
    g_free (residues);
    seq_tokenizer_free (tokenizer);
  }
  g_free (json);
}

/* Unknown letters: where they stand, left out, and without an unknown token. */
static void
test_unknown (void)
{
  gchar *json = data_path ("dna-bpe-fuse", ".json");
  SeqTokenizer *tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_ERROR, NULL);
  const guint8 *residues = (const guint8 *) "AC\xc3\xa9--G";
  guint64 unknown = 0;
  gssize position;
  gint32 ids[16];

  seq_tokenizer_encode (tokenizer, residues, 7, 0, G_MAXSIZE, SEQ_DTYPE_INT32, ids, &unknown,
      &position);
  g_assert_cmpuint (unknown, ==, 4);
  g_assert_cmpint (position, ==, 2);
  seq_tokenizer_encode (tokenizer, residues, 2, 0, G_MAXSIZE, SEQ_DTYPE_INT32, ids, NULL,
      &position);
  g_assert_cmpint (position, ==, -1);
  seq_tokenizer_free (tokenizer);

  tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_SKIP, NULL);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues + 2, 4), ==, 0);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues + 2, 5), ==, 1);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues, 0), ==, 0);
  seq_tokenizer_free (tokenizer);

  /* fuse_unk of the file */
  tokenizer = seq_tokenizer_new (json, SEQ_UNKNOWN_TOKEN, NULL);
  g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues + 2, 5), ==, 2);
  seq_tokenizer_free (tokenizer);
  g_free (json);
}

/* Without waiting for the disk, as there are a thousand files. */
static void
write_text (const gchar *path, const gchar *text, gsize len)
{
  g_assert_true (g_file_set_contents_full (path, text, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0600,
          NULL));
}

static void
assert_refused (const gchar *text, gsize len, const gchar *message)
{
  gchar *path = NULL;
  GError *error = NULL;

  g_close (g_file_open_tmp ("tokenizer-XXXXXX.json", &path, NULL), NULL);
  write_text (path, text, len);
  g_assert_null (seq_tokenizer_new (path, SEQ_UNKNOWN_TOKEN, &error));
  g_assert_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
  g_clear_error (&error);
  g_remove (path);
  g_free (path);
}

static void
test_refused (void)
{
  static const struct
  {
    const gchar *text, *message;
  } rows[] = {
#define MODEL(more) "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"A\":0,\"C\":1,\"AC\":2}" more "}}"
#define WORDS(more) "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"A\":0}}," more "}"
#define PAD "\"padding\":{\"pad_id\":0},"
#define SPECIAL "{\"SpecialToken\":{\"id\":\"x\"}}"
    {"{", "byte 1: a string is missing"}, {"{}", "there is no model"},
    {"{\"model\":[]}", "model has no type"},
    {"{\"model\":{\"type\":\"Unigram\"}}", "model Unigram cannot be read"},
    {"{\"normalizer\":{\"type\":\"NFC\"}}", "normalizer NFC cannot be read"},
    {"{\"normalizer\":{\"type\":\"Replace\"}}", "normalizer Replace"},
    {"{\"normalizer\":{\"type\":\"Sequence\"}}", "normalizer Sequence"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}", "pre_tokenizer ByteLevel with use_regex cannot be read"},
    {"{\"model\":{\"type\":\"BPE\"}}", "no vocab"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"A\":-1}}}", "the id of A"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"A\":1048576}}}", "the id of A"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"A\":\"0\"}}}", "the id of A"},
    {MODEL (""), "no merges"}, {MODEL (",\"dropout\":0.1"), "BPE with dropout"},
    {MODEL (",\"byte_fallback\":true"), "BPE with byte_fallback"},
    {MODEL (",\"unk_token\":\"x\""), "unk_token x"},
    {MODEL (",\"merges\":[\"A\"]"), "merge 0 is not two"},
    {MODEL (",\"merges\":[1]"), "merge 0 is not two"},
    {MODEL (",\"merges\":[[\"A\",1]]"), "merge 0 is not two"},
    {MODEL (",\"merges\":[\"A C\",\"A x\"]"), "merge 1, 'A' and 'x': not in the vocab"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"A\":0,\"C\":0}}}", "'A' and 'C' have the same id"},
    {MODEL (",\"merges\":[\"A C G\"]"), "merge 0 is not two"},
    {MODEL (",\"merges\":[\"C A\"]"), "merge 0: 'CA' is not in the vocab"},
    {MODEL (",\"merges\":[\"A C\"]"), "no padding token"},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"A+\"}}}", "pre_tokenizer Split"},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"A\"},"
          "\"behavior\":\"MergedWithNext\"}}", "behavior MergedWithNext"},
    {WORDS ("\"added_tokens\":[{\"id\":1,\"content\":\"N\",\"special\":true}]"),
        "added token 'N'"},
    {WORDS ("\"added_tokens\":[{\"id\":1,\"content\":\"<x>\",\"special\":false}]"),
        "added token '<x>'"},
    {WORDS ("\"added_tokens\":[1]"), "an added token has no content"},
    {WORDS ("\"padding\":{\"direction\":\"Up\",\"pad_id\":0}"), "padding: the direction is"},
    {WORDS ("\"padding\":{\"direction\":1,\"pad_id\":0}"), "padding: the direction is"},
    {WORDS (PAD "\"truncation\":{\"direction\":\"left\"}"), "truncation: the direction is"},
    {WORDS (PAD "\"post_processor\":{\"type\":\"RobertaProcessing\"}"),
        "post_processor RobertaProcessing cannot be read"},
    {WORDS (PAD "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"x\"]}"),
        "the id of cls"},
    {WORDS (PAD "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}"),
        "has no sequence"},
    {WORDS (PAD "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" SPECIAL ","
          SPECIAL "],\"special_tokens\":{\"x\":{\"ids\":[1]}}}"), "not with x"},
    {WORDS (PAD "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[" SPECIAL "],"
          "\"special_tokens\":{\"x\":{\"ids\":[1,2]}}}"), "not with x"},
    {"{\"a\":/* */1}", "byte 5: no value"},
#undef MODEL
#undef WORDS
#undef PAD
#undef SPECIAL
  };
  gchar *deep = g_strnfill (1000000, '[');
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    assert_refused (rows[i].text, strlen (rows[i].text), rows[i].message);
  memcpy (deep, "{\"a\":", 5);
  assert_refused (deep, 1000000, "nested more than 32 deep");
  memset (deep, ',', 1000000);
  deep[0] = '{';
  assert_refused (deep, 1000000, "byte 1: a string is missing");
  g_free (deep);
}

static void
test_limits (void)
{
  gchar *text = g_strnfill (20000000, ',');
  GString *token = g_string_new ("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"");
  guint i;

  text[0] = '{';
  /* commas in strings do not count, and quotes behind a backslash end none */
  memcpy (text, "{\"\\\"", 4);
  assert_refused (text, 8000000, "byte 1: a string without end");
  memcpy (text, "{\"a\":[", 6);
  for (i = 6; i < 20000000; i++)
    text[i] = i % 2 == 0 ? '0' : ',';
  assert_refused (text, 20000000, "more than 8454144 values");
  for (i = 0; i < 1025; i++)
    g_string_append_c (token, 'A');
  g_string_append (token, "\":0}}}");
  assert_refused (token->str, token->len, "is longer than 1024 bytes");
  g_string_free (token, TRUE);
  g_free (text);
}

/* 2^18 tokens that are all the same to g_str_hash(), in both kinds of files: pairs of letters,
 * "Ab" or "BA", as the bits of a number say. */
static void
test_collisions (void)
{
  const guint n = 1 << 18;
  GString *json = g_string_new ("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"[PAD]\":0");
  GString *text = g_string_new ("[PAD]\n");
  GString *files[] = { json, text };
  gchar token[37] = "", *path = NULL;
  guint i, bit, hash = 0;

  for (i = 1; i < n; i++) {
    for (bit = 0; bit < 18; bit++)
      memcpy (token + 2 * bit, i >> bit & 1 ? "Ab" : "BA", 2);
    g_assert_true (i == 1 || g_str_hash (token) == hash);
    hash = g_str_hash (token);
    g_string_append_printf (json, ",\"%s\":%u", token, i);
    g_string_append_printf (text, "<%s>\n", token);
  }
  g_string_append (json, "},\"merges\":[]},\"padding\":{\"pad_id\":0}}");
  for (i = 0; i < G_N_ELEMENTS (files); i++) {
    SeqTokenizer *tokenizer;
    GError *error = NULL;

    g_close (g_file_open_tmp ("tokenizer-XXXXXX", &path, NULL), NULL);
    write_text (path, files[i]->str, files[i]->len);
    tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_SKIP, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (seq_tokenizer_get_vocab_size (tokenizer), ==, n);
    seq_tokenizer_free (tokenizer);
    g_remove (path);
    g_free (path);
    g_string_free (files[i], TRUE);
  }
}

/* Every truncation of a whole file is an error, and nothing else happens. */
static void
test_truncated (void)
{
  gchar *json = data_path ("protein-words", ".json"), *text;
  gsize len, i;

  g_assert_true (g_file_get_contents (json, &text, &len, NULL));
  for (i = 1; i < len; i += 13)
    assert_refused (text, i, "");
  g_free (text);
  g_free (json);
}

/* Files with a few bytes changed are refused or give ids that are in the vocabulary. */
static void
test_mutated (gconstpointer data)
{
  gchar *json = data_path (data, ".json"), *path = NULL, *text;
  GRand *rand = g_rand_new_with_seed (3);
  const guint8 *residues = (const guint8 *) "ACGTNNACCA MK\xff-acgt[UNK]";
  gsize len, n = strlen ((const gchar *) residues);
  guint round, i;

  g_assert_true (g_file_get_contents (json, &text, &len, NULL));
  g_close (g_file_open_tmp ("tokenizer-XXXXXX.json", &path, NULL), NULL);
  for (round = 0; round < 150; round++) {
    gchar *changed = g_memdup2 (text, len);
    SeqTokenizer *tokenizer;
    gint32 ids[64];
    gsize n_ids;

    for (i = 0; i < 1 + round % 3; i++)
      changed[1 + g_rand_int_range (rand, 0, (gint) len - 1)] =
          "0123456789\"\\{}[],:Ax \xff"[g_rand_int_range (rand, 0, 22)];
    write_text (path, changed, len);
    tokenizer = seq_tokenizer_new (path, SEQ_UNKNOWN_SKIP, NULL);
    n_ids = tokenizer == NULL ? 0 : seq_tokenizer_encode (tokenizer, residues, n, 0, G_MAXSIZE,
        SEQ_DTYPE_INT32, ids, NULL, NULL);
    for (i = 0; i < n_ids; i++)
      g_assert_cmpint (ids[i], <, (gint) seq_tokenizer_get_vocab_size (tokenizer));
    g_clear_pointer (&tokenizer, seq_tokenizer_free);
    g_free (changed);
  }
  g_remove (path);
  g_free (path);
  g_rand_free (rand);
  g_free (text);
  g_free (json);
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    gchar *path = g_strconcat ("/tokenizer-json/reference/", names[i], NULL);

    g_test_add_data_func (path, names[i], test_reference);
    g_free (path);
    path = g_strconcat ("/tokenizer-json/mutated/", names[i], NULL);
    g_test_add_data_func (path, names[i], test_mutated);
    g_free (path);
  }
  g_test_add_func ("/tokenizer-json/long-word", test_long_word);
  g_test_add_func ("/tokenizer-json/unknown", test_unknown);
  g_test_add_func ("/tokenizer-json/refused", test_refused);
  g_test_add_func ("/tokenizer-json/limits", test_limits);
  g_test_add_func ("/tokenizer-json/no-memory", test_no_memory);
  g_test_add_func ("/tokenizer-json/collisions", test_collisions);
  g_test_add_func ("/tokenizer-json/truncated", test_truncated);
  return g_test_run ();
}
