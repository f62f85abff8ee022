/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <string.h>

/* The reader of tokenizer files: GLib key files with one group, [tokenizer]. What the keys mean
 * stands in tokenizer.h. The file is input like any other: everything that it may ask for has a
 * limit. */

#define GROUP "tokenizer"

/* ids from 0 on: what signed 32 bits have */
#define MAX_VOCABULARY 0x7fffffff

/* What `units` may be. */
enum
{
  LETTERS,
  OVERLAPPING,
  SPLIT,
  BYTES,
  ONE_HOT
};

typedef struct
{
  const gchar *name;
  GKeyFile *file;
  SeqTokenizer *tokenizer;
  guint kind;                   /* what `units` is */
  guint8 map[256];              /* case, then `replace` */
} Reader;

/* Which units a key goes with. */
#define FOR_SPLIT (1 << SPLIT)
#define FOR_ONE_HOT (1 << ONE_HOT)
#define FOR_KMERS (1 << OVERLAPPING | FOR_SPLIT)
#define FOR_LETTER_IDS (1 << LETTERS | FOR_SPLIT)       /* bytes have ids already */
#define FOR_LETTERS (FOR_LETTER_IDS | FOR_ONE_HOT)
#define FOR_IDS (1 << LETTERS | FOR_KMERS | 1 << BYTES)
#define FOR_ALL (FOR_IDS | FOR_ONE_HOT)

static const struct
{
  const gchar *key;
  guint use;
} keys[] = {
  {"units", FOR_ALL}, {"vocabulary-size", FOR_IDS}, {"pad", FOR_IDS}, {"unknown", FOR_IDS},
  {"prefix", FOR_IDS}, {"suffix", FOR_IDS}, {"pad-side", FOR_ALL}, {"truncate", FOR_ALL},
  {"case", FOR_ALL}, {"replace", FOR_ALL}, {"drop", FOR_ALL},
  {"letters", FOR_LETTERS}, {"first-letter", FOR_LETTER_IDS}, {"zeros", FOR_ONE_HOT},
  {"k", FOR_KMERS}, {"kmer-letters", FOR_KMERS}, {"first-kmer", FOR_KMERS},
  {"break-letters", FOR_SPLIT}, {"remainder", FOR_SPLIT}
};

/* `key` may be NULL. */
G_GNUC_PRINTF (4, 5)
static gboolean
fail (const Reader *reader, GError **error, const gchar *key, const gchar *format, ...)
{
  gchar *what;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT, "%s: %s%s%s", reader->name,
      key != NULL ? key : "", key != NULL ? ": " : "", what);
  g_free (what);
  return FALSE;
}

static gboolean
has_key (const Reader *reader, const gchar *key)
{
  return g_key_file_has_key (reader->file, GROUP, key, NULL);
}

/* The number of `key`, which is from `min` to `max`; where it is not there, *value stays. */
static gboolean
read_number (const Reader *reader, const gchar *key, guint32 min, guint32 max, guint32 *value,
    GError **error)
{
  gchar *text = g_key_file_get_value (reader->file, GROUP, key, NULL);
  gboolean ok = TRUE;
  guint64 number;

  if (text != NULL) {
    ok = g_ascii_string_to_unsigned (text, 10, min, max, &number, NULL);
    if (ok)
      *value = (guint32) number;
    else
      fail (reader, error, key, "'%.20s' is no number from %u to %u", text, min, max);
  }
  g_free (text);
  return ok;
}

/* The index of the word of `key` among `words`, which a NULL ends; *value stays where it is not
 * there. */
static gboolean
read_word (const Reader *reader, const gchar *key, const gchar *const *words, guint *value,
    GError **error)
{
  gchar *text = g_key_file_get_value (reader->file, GROUP, key, NULL);
  gboolean ok = TRUE;
  guint i;

  if (text != NULL) {
    for (i = 0; words[i] != NULL && strcmp (words[i], text) != 0; i++)
      continue;
    ok = words[i] != NULL;
    if (ok)
      *value = i;
    else
      fail (reader, error, key, "'%.20s' is not known", text);
  }
  g_free (text);
  return ok;
}

/* The letters of `key`: printable ASCII, up to 255 of them; "" where it is not there. NULL with
 * `error` set if they are not. */
static gchar *
read_letters (const Reader *reader, const gchar *key, GError **error)
{
  GError *wrong = NULL;
  gchar *text = g_key_file_get_string (reader->file, GROUP, key, &wrong);
  gboolean ok = wrong == NULL || g_error_matches (wrong, G_KEY_FILE_ERROR,
      G_KEY_FILE_ERROR_KEY_NOT_FOUND);
  gsize i;

  if (!ok) {
    fail (reader, error, key, "not a string: %s", wrong->message);
    g_clear_pointer (&text, g_free);
  }
  g_clear_error (&wrong);
  if (!ok)
    return NULL;
  for (i = 0; text != NULL && text[i] != '\0'; i++) {
    if (!g_ascii_isgraph (text[i]) || i == 255) {
      fail (reader, error, key, "more than 255 letters, or one that is no printable ASCII");
      g_free (text);
      return NULL;
    }
  }
  return text != NULL ? text : g_strdup ("");
}

/* The same, none of them twice. */
static gchar *
read_set (const Reader *reader, const gchar *key, GError **error)
{
  gchar *text = read_letters (reader, key, error);
  gsize i;

  for (i = 0; text != NULL && text[i] != '\0'; i++) {
    if (strchr (text + i + 1, text[i]) != NULL) {
      fail (reader, error, key, "%c is there twice", text[i]);
      g_free (text);
      return NULL;
    }
  }
  return text;
}

static gboolean
require (const Reader *reader, const gchar *key, GError **error)
{
  return has_key (reader, key) || fail (reader, error, key, "is missing");
}

/* Every group and key is one that is known. */
static gboolean
check_names (const Reader *reader, GError **error)
{
  gchar **groups = g_key_file_get_groups (reader->file, NULL), **names = NULL;
  gboolean ok = TRUE;
  guint i, j;

  for (i = 0; ok && groups[i] != NULL; i++) {
    if (strcmp (groups[i], GROUP) != 0)
      ok = fail (reader, error, NULL, "the group [%.40s] is not known", groups[i]);
  }
  if (ok)
    names = g_key_file_get_keys (reader->file, GROUP, NULL, NULL);
  if (ok && names == NULL)
    ok = fail (reader, error, NULL, "there is no group [" GROUP "]");
  for (i = 0; ok && names[i] != NULL; i++) {
    for (j = 0; j < G_N_ELEMENTS (keys) && strcmp (keys[j].key, names[i]) != 0; j++)
      continue;
    if (j == G_N_ELEMENTS (keys))
      ok = fail (reader, error, NULL, "the key '%.40s' is not known", names[i]);
  }
  g_strfreev (names);
  g_strfreev (groups);
  return ok;
}

static gboolean
check_uses (const Reader *reader, GError **error)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (keys); i++) {
    if ((keys[i].use & 1 << reader->kind) == 0 && has_key (reader, keys[i].key))
      return fail (reader, error, keys[i].key, "does not go with these units");
  }
  return TRUE;
}

static gboolean
read_units (Reader *reader, GError **error)
{
  static const gchar *const words[] = {
    [LETTERS] = "letters",[OVERLAPPING] = "overlapping",[SPLIT] = "split",[BYTES] = "bytes",
    [ONE_HOT] = "one-hot", NULL
  };

  if (!require (reader, "units", error)
      || !read_word (reader, "units", words, &reader->kind, error))
    return FALSE;
  reader->tokenizer->units = reader->kind == OVERLAPPING ? SEQ_UNITS_OVERLAPPING
      : reader->kind == SPLIT ? SEQ_UNITS_SPLIT : SEQ_UNITS_LETTERS;
  return check_uses (reader, error);
}

/* *left stays where `key` is not there. */
static gboolean
read_side (const Reader *reader, const gchar *key, gboolean *left, GError **error)
{
  static const gchar *const sides[] = { "right", "left", NULL };
  guint side = *left;

  if (!read_word (reader, key, sides, &side, error))
    return FALSE;
  *left = side;
  return TRUE;
}

static gboolean
read_specials (const Reader *reader, GError **error)
{
  SeqTokenizer *t = reader->tokenizer;
  guint32 last;

  if (!require (reader, "vocabulary-size", error) || !require (reader, "pad", error)
      || !read_number (reader, "vocabulary-size", 1, MAX_VOCABULARY, &t->vocab_size, error))
    return FALSE;
  last = t->vocab_size - 1;
  return read_number (reader, "pad", 0, last, &t->pad, error)
      && read_number (reader, "unknown", 0, last, &t->unk, error)
      && read_number (reader, "prefix", 0, last, &t->prefix, error)
      && read_number (reader, "suffix", 0, last, &t->suffix, error);
}

/* `n` ids from that of `key` on. */
static gboolean
read_first (const Reader *reader, const gchar *key, guint32 n, guint32 *first, GError **error)
{
  guint32 size = reader->tokenizer->vocab_size;

  if (n > size)
    return fail (reader, error, key, "%u ids do not go into a vocabulary of %u", n, size);
  return require (reader, key, error) && read_number (reader, key, 0, size - n, first, error);
}

/* The ids of one-hot letters are their channels, and behind them stand two for what has none: what
 * is known to be zeros, padding too, and what is unknown. */
static gboolean
read_channels (const Reader *reader, GError **error)
{
  SeqTokenizer *t = reader->tokenizer;
  gchar *letters = read_set (reader, "letters", error);
  gchar *zeros = letters != NULL ? read_set (reader, "zeros", error) : NULL;
  gboolean ok = zeros != NULL;
  guint32 i, n;

  if (ok && *letters == '\0')
    ok = fail (reader, error, "letters", "is missing");
  if (ok) {
    n = (guint32) strlen (letters);
    for (i = 0; i < n; i++)
      t->ids[(guint8) letters[i]] = i;
    t->n_channels = t->pad = n;
    t->unk = n + 1;
    t->vocab_size = n + 2;
    for (i = 0; ok && zeros[i] != '\0'; i++) {
      ok = t->ids[(guint8) zeros[i]] == SEQ_TOKENIZER_NO_ID
          || fail (reader, error, "zeros", "%c has a channel", zeros[i]);
      t->ids[(guint8) zeros[i]] = t->pad;
    }
  }
  g_free (zeros);
  g_free (letters);
  return ok;
}

static gboolean
read_ids (const Reader *reader, GError **error)
{
  guint32 *ids = reader->tokenizer->ids, first = 0, i, n;
  gchar *letters;
  gboolean ok = TRUE;

  if (reader->kind == BYTES) {
    if (reader->tokenizer->vocab_size < 256)
      return fail (reader, error, "vocabulary-size", "bytes have 256 ids");
    for (i = 0; i < 256; i++)
      ids[i] = i;
    return TRUE;
  }
  letters = read_set (reader, "letters", error);
  if (letters == NULL)
    return FALSE;
  n = (guint32) strlen (letters);
  if (n > 0)
    ok = read_first (reader, "first-letter", n, &first, error);
  else if (reader->tokenizer->units == SEQ_UNITS_LETTERS)
    ok = fail (reader, error, "letters", "is missing");
  for (i = 0; ok && i < n; i++)
    ids[(guint8) letters[i]] = first + i;
  g_free (letters);
  return ok;
}

static gboolean
read_remainder (const Reader *reader, GError **error)
{
  static const gchar *const words[] = { "single", "drop", "unknown", NULL };
  SeqTokenizer *t = reader->tokenizer;
  gchar *letters = read_set (reader, "break-letters", error);
  guint remainder = SEQ_REMAINDER_SINGLE, i;
  gboolean ok;

  if (letters == NULL)
    return FALSE;
  /* without any, a k-mer reaches over no letter that it can't have */
  for (i = 0; i < 256; i++)
    t->breaks[i] = *letters == '\0' ? t->codes[i] == SEQ_TOKENIZER_NO_CODE
        : i != 0 && strchr (letters, (gint) i) != NULL;
  ok = read_word (reader, "remainder", words, &remainder, error);
  t->remainder = (SeqRemainder) remainder;
  g_free (letters);
  return ok;
}

static gboolean
read_kmers (const Reader *reader, GError **error)
{
  SeqTokenizer *t = reader->tokenizer;
  gchar *letters;
  gboolean ok;
  guint i;

  if (t->units == SEQ_UNITS_LETTERS)
    return TRUE;
  if (!require (reader, "k", error)
      || !read_number (reader, "k", 1, SEQ_TOKENIZER_MAX_K, &t->k, error)
      || !read_first (reader, "first-kmer", 1u << (2 * t->k), &t->first_kmer, error))
    return FALSE;
  letters = read_set (reader, "kmer-letters", error);
  if (letters == NULL)
    return FALSE;
  ok = strlen (letters) == 4 || fail (reader, error, "kmer-letters", "there are four of them");
  for (i = 0; ok && i < 4; i++)
    t->codes[(guint8) letters[i]] = (guint8) i;
  g_free (letters);
  return ok && (t->units != SEQ_UNITS_SPLIT || read_remainder (reader, error));
}

/* An unknown unit is told from a known one by its id. */
static gboolean
check_unknown (const Reader *reader, GError **error)
{
  const SeqTokenizer *t = reader->tokenizer;
  gboolean taken = t->k > 0 && t->unk >= t->first_kmer
      && t->unk - t->first_kmer < 1u << (2 * t->k);
  guint i;

  for (i = 0; i < 256 && t->unk != SEQ_TOKENIZER_NO_ID; i++)
    taken = taken || t->ids[i] == t->unk;
  return !taken || fail (reader, error, "unknown", "a letter or k-mer has the same id");
}

/* What each byte is read as. */
static gboolean
read_map (Reader *reader, GError **error)
{
  static const gchar *const cases[] = { "keep", "upper", "lower", NULL };
  guint8 replaced[256];
  gchar *pairs = read_letters (reader, "replace", error);
  guint folding = 0, i;
  gboolean ok;

  if (pairs == NULL)
    return FALSE;
  for (i = 0; i < 256; i++)
    replaced[i] = (guint8) i;
  for (i = 0; pairs[i] != '\0' && pairs[i + 1] != '\0'; i += 2)
    replaced[(guint8) pairs[i]] = (guint8) pairs[i + 1];
  ok = pairs[i] == '\0' || fail (reader, error, "replace", "%c has no second letter", pairs[i]);
  ok = ok && read_word (reader, "case", cases, &folding, error);
  for (i = 0; ok && i < 256; i++) {
    gchar folded = folding == 1 ? g_ascii_toupper ((gchar) i)
        : folding == 2 ? g_ascii_tolower ((gchar) i) : (gchar) i;

    reader->map[i] = replaced[(guint8) folded];
  }
  g_free (pairs);
  return ok;
}

/* Reads `drop`, and has every table say of a byte what it says of that which it is read as. */
static gboolean
apply_map (Reader *reader, GError **error)
{
  SeqTokenizer *t = reader->tokenizer, *plain;
  gchar *drop = read_set (reader, "drop", error);
  guint i;

  if (drop == NULL)
    return FALSE;
  plain = g_memdup2 (t, sizeof *t);
  for (i = 0; i < 256; i++) {
    guint8 as = reader->map[i];

    t->ids[i] = plain->ids[as];
    t->codes[i] = plain->codes[as];
    t->breaks[i] = plain->breaks[as];
    t->dropped[i] = as != 0 && strchr (drop, as) != NULL;
    if (t->dropped[i]) {
      t->ids[i] = SEQ_TOKENIZER_NO_ID;
      t->codes[i] = SEQ_TOKENIZER_NO_CODE;
    }
  }
  g_free (plain);
  g_free (drop);
  return TRUE;
}

gboolean
seq_tokenizer_parse_file (SeqTokenizer *tokenizer, const gchar *text, gsize len, const gchar *name,
    GError **error)
{
  Reader reader = { name, g_key_file_new (), tokenizer };
  GError *syntax = NULL;
  gboolean ok;

  ok = len > 0 && g_key_file_load_from_data (reader.file, text, len, G_KEY_FILE_NONE, &syntax);
  if (!ok)
    fail (&reader, error, NULL, "%s", syntax != NULL ? syntax->message : "it is empty");
  g_clear_error (&syntax);
  ok = ok && check_names (&reader, error) && read_units (&reader, error)
      && (reader.kind == ONE_HOT ? read_channels (&reader, error)
      : read_specials (&reader, error) && read_ids (&reader, error))
      && read_side (&reader, "pad-side", &tokenizer->pad_left, error)
      && read_side (&reader, "truncate", &tokenizer->truncate_left, error)
      && read_kmers (&reader, error) && check_unknown (&reader, error)
      && read_map (&reader, error) && apply_map (&reader, error);
  g_key_file_unref (reader.file);
  return ok;
}
