/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "token-table.h"
#include "tokenizer-private.h"

#include <string.h>

/* The reader of vocab.txt: one token a line, the id is the number of the line. The file is input
 * like any other: everything that it may ask for has a limit. */

#define MAX_LINE 64
#define MAX_TOKENS (1 << 20)

typedef struct
{
  const gchar *name;
  SeqTokenizer *tokenizer;
  SeqTokenTable *seen;          /* names in brackets */
  guint32 id;
} Reader;

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Reader *reader, GError **error, const gchar *format, ...)
{
  gchar *what;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT, "%s, line %u: %s",
      reader->name, reader->id + 1, what);
  g_free (what);
  return FALSE;
}

/* Where the id of a name belongs, NULL = it has no part of its own. */
static guint32 *
part_of_name (SeqTokenizer *tokenizer, const gchar *name)
{
  static const gchar *const prefixes[] = { "<cls>", "[CLS]", "<s>", NULL };
  static const gchar *const suffixes[] = { "<eos>", "[SEP]", "</s>", NULL };
  static const gchar *const pads[] = { "<pad>", "[PAD]", NULL };
  static const gchar *const unks[] = { "<unk>", "[UNK]", NULL };

  return g_strv_contains (prefixes, name) ? &tokenizer->prefix
      : g_strv_contains (suffixes, name) ? &tokenizer->suffix
      : g_strv_contains (pads, name) ? &tokenizer->pad
      : g_strv_contains (unks, name) ? &tokenizer->unk : NULL;
}

static gboolean
add_name (Reader *reader, const gchar *name, gsize len, GError **error)
{
  guint32 *part = part_of_name (reader->tokenizer, name), first;

  if (seq_token_table_look_up (reader->seen, name, len, &first))
    return fail (reader, error, "the token %s is there twice", name);
  seq_token_table_add (reader->seen, name, (guint32) len, reader->id);
  if (part != NULL) {
    if (*part != SEQ_TOKENIZER_NO_ID)
      return fail (reader, error, "%s has the same part as the token of line %u", name, *part + 1);
    *part = reader->id;
  }
  return TRUE;
}

static gboolean
add_letter (Reader *reader, guint8 letter, GError **error)
{
  if (reader->tokenizer->ids[letter] != SEQ_TOKENIZER_NO_ID)
    return fail (reader, error, "the token %c is there twice", letter);
  reader->tokenizer->ids[letter] = reader->id;
  return TRUE;
}

/* One line without its end, NUL-terminated. */
static gboolean
add_line (Reader *reader, gchar *line, gsize len, GError **error)
{
  gsize i;

  if (reader->id >= MAX_TOKENS)
    return fail (reader, error, "more than %d tokens", MAX_TOKENS);
  if (len > MAX_LINE)
    return fail (reader, error, "longer than %d bytes", MAX_LINE);
  if (len == 0)
    return fail (reader, error, "an empty token");
  for (i = 0; i < len; i++) {
    if (!g_ascii_isgraph (line[i]))
      return fail (reader, error, "byte 0x%02x is not a printable ASCII character",
          (guint8) line[i]);
  }
  if (len == 1)
    return add_letter (reader, (guint8) line[0], error);
  if ((line[0] == '<' && line[len - 1] == '>') || (line[0] == '[' && line[len - 1] == ']'))
    return add_name (reader, line, len, error);
  return fail (reader, error, "%s is more than one letter; only single letters and names in <> or "
      "[] can be read", line);
}

gboolean
seq_tokenizer_parse_vocab (SeqTokenizer *tokenizer, gchar *text, gsize len, const gchar *name,
    GError **error)
{
  Reader reader = { name, tokenizer, NULL, 0 };
  gchar *line = text, *end = text + len;
  gboolean ok = TRUE;

  reader.seen = seq_token_table_new ();
  while (ok && line < end) {
    gchar *newline = memchr (line, '\n', (gsize) (end - line));
    gchar *next = newline != NULL ? newline : end;
    gsize n = (gsize) (next - line);

    if (n > 0 && line[n - 1] == '\r')
      n--;
    line[n] = '\0';
    ok = add_line (&reader, line, n, error);
    line = next + 1;
    reader.id++;
  }
  seq_token_table_free (reader.seen);

  if (ok && tokenizer->pad == SEQ_TOKENIZER_NO_ID) {
    g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT,
        "%s has no padding token, <pad> or [PAD]", name);
    ok = FALSE;
  }
  tokenizer->units = SEQ_UNITS_LETTERS;
  tokenizer->vocab_size = reader.id;
  return ok;
}
