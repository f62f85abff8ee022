/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <string.h>

typedef struct
{
  gchar *text, *at, *end;
  guint depth;
  SeqJson *nodes;
  gsize n_nodes, room, max_nodes;
  gchar **message;
} Parser;

static gboolean parse_value (Parser *parser);

G_GNUC_PRINTF (3, 4)
static gboolean
fail (Parser *parser, const gchar *at, const gchar *format, ...)
{
  gchar *what;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  *parser->message = g_strdup_printf ("byte %" G_GSIZE_FORMAT ": %s", (gsize) (at - parser->text),
      what);
  g_free (what);
  return FALSE;
}

static gboolean
add_node (Parser *parser, SeqJsonType type)
{
  if (parser->n_nodes == parser->max_nodes)
    return fail (parser, parser->at, "more than %" G_GSIZE_FORMAT " values", parser->max_nodes);
  if (parser->n_nodes == parser->room) {
    gsize room = MIN (MAX (2 * parser->room, 256), parser->max_nodes);
    SeqJson *nodes = g_try_renew (SeqJson, parser->nodes, room);

    if (nodes == NULL)
      return fail (parser, parser->at, "no memory for %" G_GSIZE_FORMAT " values", room);
    parser->nodes = nodes;
    parser->room = room;
  }
  parser->nodes[parser->n_nodes++] = (SeqJson) { .skip = 1,.type = type };
  return TRUE;
}

static void
skip_blanks (Parser *parser)
{
  parser->at += strspn (parser->at, " \t\r\n");        /* a NUL stands behind the text */
}

/* Whether the next character is `c`, which is passed over then. */
static gboolean
take (Parser *parser, gchar c)
{
  if (parser->at == parser->end || *parser->at != c)
    return FALSE;
  parser->at++;
  return TRUE;
}

static gboolean
expect (Parser *parser, gchar c)
{
  skip_blanks (parser);
  return take (parser, c) || fail (parser, parser->at, "'%c' is missing", c);
}

/* ---- strings ---- */

/* Four hexadecimal digits. Returns: G_MAXUINT32 where they are not there. */
static guint32
take_hex (Parser *parser)
{
  guint32 value = 0;
  guint i;

  for (i = 0; i < 4; i++, parser->at++) {
    gint digit = parser->at < parser->end ? g_ascii_xdigit_value (*parser->at) : -1;

    if (digit < 0)
      return G_MAXUINT32;
    value = value << 4 | (guint32) digit;
  }
  return value;
}

/* What stands behind \u: a character, or the two halves of one (UTF-16). Returns: 0 where it is
 * none, which NUL is not either: it would end the string. */
static gunichar
take_character (Parser *parser)
{
  guint32 first = take_hex (parser), second;

  if (first == G_MAXUINT32)
    return 0;
  if (first < 0xd800 || first > 0xdfff)
    return first;
  if (first > 0xdbff || !take (parser, '\\') || !take (parser, 'u'))
    return 0;
  second = take_hex (parser);
  return second < 0xdc00 || second > 0xdfff ? 0
      : 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

/* What stands behind a backslash, which is never shorter than what is written. Returns: where the
 * string goes on, NULL = that is no escape. */
static gchar *
parse_escape (Parser *parser, gchar *out)
{
  static const gchar escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  const gchar *start = parser->at, *found;
  gunichar character;

  if (take (parser, 'u')) {
    character = take_character (parser);
    if (character != 0)
      return out + g_unichar_to_utf8 (character, out);
  } else if (*start != '\0' && (found = strchr (escapes, *start)) != NULL) {
    parser->at++;
    *out = meant[found - escapes];
    return out + 1;
  }
  fail (parser, start, "no escape that can be read");
  return NULL;
}

/* A string in place; its end is where its last quote was, or before. */
static gboolean
parse_string (Parser *parser)
{
  gsize index = parser->n_nodes;
  gchar *start = parser->at, *out = start;

  if (!take (parser, '"'))
    return fail (parser, start, "a string is missing");
  if (!add_node (parser, SEQ_JSON_STRING))
    return FALSE;
  while (parser->at < parser->end && *parser->at != '"') {
    if ((guint8) *parser->at < 0x20)
      return fail (parser, parser->at, "a string with a control character");
    if (*parser->at != '\\')
      *out++ = *parser->at++;
    else if (parser->at++, (out = parse_escape (parser, out)) == NULL)
      return FALSE;
  }
  if (!take (parser, '"'))
    return fail (parser, start, "a string without end");
  *out = '\0';
  parser->nodes[index].text = start;
  parser->nodes[index].n = (guint32) (out - start);
  return TRUE;
}

/* ---- other values ---- */

static gsize
take_digits (Parser *parser)
{
  const gchar *start = parser->at;

  while (parser->at < parser->end && g_ascii_isdigit (*parser->at))
    parser->at++;
  return (gsize) (parser->at - start);
}

static gboolean
parse_number (Parser *parser)
{
  const gchar *start = parser->at, *first, *i;
  gboolean other = take (parser, '-'), ok;
  guint64 value = 0;
  gsize n;

  first = parser->at;
  n = take_digits (parser);
  ok = n > 0 && (n == 1 || *first != '0');
  for (i = first; i < first + n && value < SEQ_JSON_OTHER_NUMBER; i++)
    value = 10 * value + (guint64) (*i - '0');
  if (ok && take (parser, '.')) {
    other = TRUE;
    ok = take_digits (parser) > 0;
  }
  if (ok && (take (parser, 'e') || take (parser, 'E'))) {
    other = TRUE;
    if (!take (parser, '-'))
      take (parser, '+');
    ok = take_digits (parser) > 0;
  }
  if (!ok)
    return fail (parser, start, "no value");
  if (!add_node (parser, SEQ_JSON_NUMBER))
    return FALSE;
  parser->nodes[parser->n_nodes - 1].n = other || value > SEQ_JSON_OTHER_NUMBER
      ? SEQ_JSON_OTHER_NUMBER : (guint32) value;
  return TRUE;
}

static gboolean
parse_word (Parser *parser, const gchar *word, SeqJsonType type, guint32 n)
{
  gsize len = strlen (word);

  if ((gsize) (parser->end - parser->at) < len || memcmp (parser->at, word, len) != 0)
    return fail (parser, parser->at, "no value");
  if (!add_node (parser, type))
    return FALSE;
  parser->at += len;
  parser->nodes[parser->n_nodes - 1].n = n;
  return TRUE;
}

static gboolean
parse_member (Parser *parser)
{
  skip_blanks (parser);
  return parse_string (parser) && expect (parser, ':') && parse_value (parser);
}

/* What stands between brackets of either kind, the first of which has been taken. */
static gboolean
parse_container (Parser *parser, SeqJsonType type)
{
  gboolean (*parse_one) (Parser *) = type == SEQ_JSON_OBJECT ? parse_member : parse_value;
  gchar last = type == SEQ_JSON_OBJECT ? '}' : ']';
  gsize index = parser->n_nodes;
  guint32 n = 0;

  if (parser->depth == SEQ_JSON_MAX_DEPTH)
    return fail (parser, parser->at - 1, "nested more than %d deep", SEQ_JSON_MAX_DEPTH);
  if (!add_node (parser, type))
    return FALSE;
  parser->depth++;
  skip_blanks (parser);
  if (!take (parser, last)) {
    do {
      if (!parse_one (parser))
        return FALSE;
      n++;
      skip_blanks (parser);
    } while (take (parser, ','));
    if (!expect (parser, last))
      return FALSE;
  }
  parser->depth--;
  parser->nodes[index].n = n;
  parser->nodes[index].skip = (guint32) (parser->n_nodes - index) & SEQ_JSON_MAX_NODES;
  return TRUE;
}

static gboolean
parse_value (Parser *parser)
{
  skip_blanks (parser);
  switch (parser->at < parser->end ? *parser->at : '\0') {
    case '{':
      parser->at++;
      return parse_container (parser, SEQ_JSON_OBJECT);
    case '[':
      parser->at++;
      return parse_container (parser, SEQ_JSON_ARRAY);
    case '"':
      return parse_string (parser);
    case 't':
      return parse_word (parser, "true", SEQ_JSON_BOOLEAN, 1);
    case 'f':
      return parse_word (parser, "false", SEQ_JSON_BOOLEAN, 0);
    case 'n':
      return parse_word (parser, "null", SEQ_JSON_NULL, 0);
    default:
      return parse_number (parser);
  }
}

SeqJson *
seq_json_parse (gchar *text, gsize len, gsize max_nodes, gchar **message)
{
  Parser parser = {.text = text,.at = text,.end = text + len,.max_nodes = max_nodes,
    .message = message
  };
  const gchar *valid;
  gboolean ok;

  if (len > G_MAXUINT32)        /* lengths of strings have 32 bits */
    ok = fail (&parser, text, "more than %u bytes", G_MAXUINT32);
  else if (!g_utf8_validate_len (text, len, &valid))
    ok = fail (&parser, valid, "not UTF-8");
  else
    ok = parse_value (&parser);
  if (ok) {
    skip_blanks (&parser);
    ok = parser.at == parser.end || fail (&parser, parser.at, "something behind the end");
  }
  if (ok)
    return parser.nodes;
  g_free (parser.nodes);
  return NULL;
}

const SeqJson *
seq_json_member (const SeqJson *object, const gchar *key)
{
  const SeqJson *node, *found = NULL;
  guint32 i;

  if (object == NULL || object->type != SEQ_JSON_OBJECT)
    return NULL;
  for (i = 0, node = object + 1; i < object->n; i++) {
    const SeqJson *value = node + 1;

    if (strcmp (node->text, key) == 0)
      found = value->type != SEQ_JSON_NULL ? value : NULL;
    node = value + value->skip;
  }
  return found;
}

const SeqJson *
seq_json_member_of (const SeqJson *object, const gchar *key, SeqJsonType type)
{
  const SeqJson *node = seq_json_member (object, key);

  return node != NULL && node->type == type ? node : NULL;
}
