/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* The reader of tokenizer.json, the format of Hugging Face's tokenizers
 * (https://github.com/huggingface/tokenizers). What is not read exactly as there is refused by
 * name. */

#define MAX_DEPTH 32
#define MAX_TOKENS (1 << 20)
#define MAX_MERGES (1 << 21)
/* commas of a file with all the tokens and merges, and some more */
#define MAX_COMMAS (MAX_TOKENS + 3 * MAX_MERGES + 4096)

typedef struct
{
  const gchar *name;
  SeqTokenizer *tokenizer;
  SeqTokenizerModel *model;
  guint32 max_id;
  GError **error;
} Reader;

G_GNUC_PRINTF (2, 3)
static gboolean
fail (const Reader *reader, const gchar *format, ...)
{
  gchar *what, *valid;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  valid = g_utf8_make_valid (what, (gssize) MIN (strlen (what), 500));
  g_set_error (reader->error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_FORMAT, "%s: %s",
      reader->name, valid);
  g_free (valid);
  g_free (what);
  return FALSE;
}

gboolean
seq_tokenizer_is_json (const gchar *text, gsize len)
{
  gsize i = 0;

  while (i < len && g_ascii_isspace (text[i]))
    i++;
  return i < len && text[i] == '{';
}

/* json-glib calls itself for every level and makes a node for every value, so both have limits
 * before it sees the text. */
static gboolean
check_size (const Reader *reader, const gchar *text, gsize len)
{
  gsize i, depth = 0, commas = 0;
  gboolean quoted = FALSE;

  for (i = 0; i < len; i++) {
    if (quoted) {
      if (text[i] == '\\')
        i++;
      else
        quoted = text[i] != '"';
    } else if (text[i] == '"') {
      quoted = TRUE;
    } else if (text[i] == '{' || text[i] == '[') {
      if (++depth > MAX_DEPTH)
        return fail (reader, "byte %" G_GSIZE_FORMAT ": nested more than %d deep", i, MAX_DEPTH);
    } else if (text[i] == '}' || text[i] == ']') {
      depth -= depth > 0;
    } else if (text[i] == ',' && ++commas > MAX_COMMAS) {
      return fail (reader, "byte %" G_GSIZE_FORMAT ": more than %d values", i, MAX_COMMAS);
    } else if (text[i] == '/' || text[i] == '\'') {
      /* comments and other strings, which json-glib would read: they may hide what is counted */
      return fail (reader, "byte %" G_GSIZE_FORMAT ": '%c' is not JSON", i, text[i]);
    }
  }
  return TRUE;
}

/* ---- members, which may be missing or of any type ---- */

/* NULL = missing or null. */
static JsonNode *
member (JsonObject *object, const gchar *key)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, key) : NULL;

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static JsonObject *
member_object (JsonObject *object, const gchar *key)
{
  JsonNode *node = member (object, key);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
member_array (JsonObject *object, const gchar *key)
{
  JsonNode *node = member (object, key);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static const gchar *
node_string (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node)
      && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static const gchar *
member_string (JsonObject *object, const gchar *key)
{
  return node_string (member (object, key));
}

/* Whether the member is there and something but false. */
static gboolean
member_set (JsonObject *object, const gchar *key)
{
  JsonNode *node = member (object, key);

  return node != NULL && (!JSON_NODE_HOLDS_VALUE (node)
      || json_node_get_value_type (node) != G_TYPE_BOOLEAN || json_node_get_boolean (node));
}

static gboolean
read_id (Reader *reader, JsonNode *node, const gchar *token, guint32 *id)
{
  gint64 value = node != NULL && JSON_NODE_HOLDS_VALUE (node)
      && json_node_get_value_type (node) == G_TYPE_INT64 ? json_node_get_int (node) : -1;

  if (value < 0 || value >= MAX_TOKENS)
    return fail (reader, "the id of %s is not a number below %d", token, MAX_TOKENS);
  *id = (guint32) value;
  reader->max_id = MAX (reader->max_id, *id);
  return TRUE;
}

/* The object of a part, and what it is. `*type` NULL = the part is null. */
static gboolean
read_part (Reader *reader, JsonNode *node, const gchar *part, JsonObject **object,
    const gchar **type)
{
  *object = NULL;
  *type = NULL;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    *object = json_node_get_object (node);
    *type = member_string (*object, "type");
  }
  return *type != NULL || fail (reader, "%s has no type", part);
}

static gboolean
refuse (Reader *reader, const gchar *part, const gchar *type)
{
  return fail (reader, "%s %s cannot be read", part, type);
}

/* ---- parts ---- */

static gboolean
read_replace (Reader *reader, JsonObject *object)
{
  const gchar *from = member_string (member_object (object, "pattern"), "String");
  const gchar *to = member_string (object, "content");
  guint i;

  if (from == NULL || to == NULL || strlen (from) != 1 || strlen (to) != 1
      || !g_ascii_isprint (*from) || !g_ascii_isprint (*to))
    return fail (reader, "normalizer Replace can be read of one ASCII letter by one only");
  for (i = 0; i < 256; i++) {
    if (reader->model->map[i] == (guint8) *from)
      reader->model->map[i] = (guint8) *to;
  }
  return TRUE;
}

static gboolean
read_normalizer (Reader *reader, JsonNode *node)
{
  JsonObject *object;
  const gchar *type;
  gboolean ok = TRUE;
  guint i;

  if (!read_part (reader, node, "normalizer", &object, &type))
    return FALSE;
  if (type == NULL)
    return TRUE;
  if (strcmp (type, "Replace") == 0)
    return read_replace (reader, object);
  if (strcmp (type, "Sequence") == 0) {
    JsonArray *array = member_array (object, "normalizers");

    for (i = 0; ok && array != NULL && i < json_array_get_length (array); i++)
      ok = read_normalizer (reader, json_array_get_element (array, i));
    return ok && (array != NULL || fail (reader, "normalizer Sequence has no normalizers"));
  }
  if (strcmp (type, "Lowercase") != 0 && strcmp (type, "Uppercase") != 0)
    return refuse (reader, "normalizer", type);
  for (i = 0; i < 256; i++) {
    gchar c = (gchar) reader->model->map[i];

    reader->model->map[i] = (guint8) (type[0] == 'L' ? g_ascii_tolower (c) : g_ascii_toupper (c));
  }
  return TRUE;
}

/* With its regular expression or a blank in front it would cut words that blanks belong to. */
static gboolean
read_byte_level (Reader *reader, JsonObject *object)
{
  JsonNode *regex = member (object, "use_regex");

  if (regex == NULL || member_set (object, "use_regex"))
    return fail (reader, "pre_tokenizer ByteLevel with use_regex cannot be read");
  if (member_set (object, "add_prefix_space"))
    return fail (reader, "pre_tokenizer ByteLevel with add_prefix_space cannot be read");
  reader->model->byte_level = TRUE;
  return TRUE;
}

/* At one letter, or between all of them. */
static gboolean
read_split (Reader *reader, JsonObject *object)
{
  JsonObject *pattern = member_object (object, "pattern");
  const gchar *letter = member_string (pattern, "String"), *regex = member_string (pattern, "Regex");
  const gchar *behavior = member_string (object, "behavior");
  gboolean all = regex != NULL && *regex == '\0';
  guint8 class;
  guint i;

  if (!all && (letter == NULL || strlen (letter) != 1 || !g_ascii_isprint (*letter)))
    return fail (reader, "pre_tokenizer Split can be read with a pattern of one ASCII letter or an "
        "empty regular expression only");
  if (g_strcmp0 (behavior, "Isolated") == 0)
    class = SEQ_MODEL_ALONE;
  else if (g_strcmp0 (behavior, "Removed") == 0 && !all)
    class = SEQ_MODEL_SPACE;
  else
    return refuse (reader, "pre_tokenizer Split with behavior", behavior ? behavior : "unset");
  if (member_set (object, "invert"))
    return fail (reader, "pre_tokenizer Split with invert cannot be read");
  for (i = 0; i < 256; i++) {
    if (all || reader->model->map[i] == (guint8) *letter)
      reader->model->classes[i] = class;
  }
  return TRUE;
}

static gboolean
read_pre_tokenizer (Reader *reader, JsonNode *node)
{
  JsonObject *object;
  const gchar *type;
  gboolean split;
  guint i;

  if (!read_part (reader, node, "pre_tokenizer", &object, &type))
    return FALSE;
  if (type == NULL)
    return TRUE;
  if (strcmp (type, "ByteLevel") == 0)
    return read_byte_level (reader, object);
  if (strcmp (type, "Split") == 0)
    return read_split (reader, object);
  split = strcmp (type, "WhitespaceSplit") == 0;
  if (!split && strcmp (type, "Whitespace") != 0)
    return refuse (reader, "pre_tokenizer", type);
  for (i = 0; i < 256; i++) {
    guint8 c = reader->model->map[i];

    /* blanks of Unicode below 0x80, where vertical tab is one; the words of the regular expression
     * \w+|[^\w\s]+ */
    reader->model->classes[i] = c == ' ' || (c >= '\t' && c <= '\r') ? SEQ_MODEL_SPACE
        : split || g_ascii_isalnum (c) || c == '_' ? SEQ_MODEL_WORD : SEQ_MODEL_OTHER;
  }
  return TRUE;
}

static gboolean
read_vocab (Reader *reader, JsonObject *vocab)
{
  JsonObjectIter iter;
  const gchar *token;
  JsonNode *node;
  guint32 id;

  if (vocab == NULL)
    return fail (reader, "the model has no vocab");
  if (json_object_get_size (vocab) > MAX_TOKENS)
    return fail (reader, "more than %d tokens", MAX_TOKENS);
  json_object_iter_init (&iter, vocab);
  while (json_object_iter_next (&iter, &token, &node)) {
    if (strlen (token) > SEQ_MODEL_MAX_TOKEN)
      return fail (reader, "the token %.40s... is longer than %d bytes", token,
          SEQ_MODEL_MAX_TOKEN);
    if (!read_id (reader, node, token, &id))
      return FALSE;
    g_hash_table_insert (reader->model->vocab, g_strdup (token), GUINT_TO_POINTER (id));
  }
  return TRUE;
}

static gboolean
look_up (const Reader *reader, const gchar *token, guint32 *id)
{
  gpointer value;
  gboolean found = g_hash_table_lookup_extended (reader->model->vocab, token, NULL, &value);

  if (found)
    *id = GPOINTER_TO_UINT (value);
  return found;
}

/* `left` and `right` are at most as long as tokens where they are known. */
static gboolean
add_merge (Reader *reader, const gchar *left, const gchar *right, guint rank)
{
  gchar both[2 * SEQ_MODEL_MAX_TOKEN + 1];
  guint32 left_id, right_id, id;

  if (!look_up (reader, left, &left_id) || !look_up (reader, right, &right_id))
    return fail (reader, "merge %u, '%.40s' and '%.40s': not in the vocab", rank, left, right);
  g_snprintf (both, sizeof both, "%s%s", left, right);
  if (!look_up (reader, both, &id))
    return fail (reader, "merge %u: '%.80s' is not in the vocab", rank, both);
  if (left_id == reader->tokenizer->unk || right_id == reader->tokenizer->unk)
    return fail (reader, "merge %u is of the unknown token", rank);
  seq_tokenizer_model_add_merge (reader->model, left_id, right_id, rank, id);
  return TRUE;
}

/* A merge is "left right" or, in newer files, ["left", "right"]. */
static gboolean
read_merge (Reader *reader, JsonNode *node, guint rank)
{
  const gchar *text = node_string (node), *left = NULL, *right = NULL;
  gchar **parts = NULL;
  gboolean ok;

  if (text != NULL) {
    parts = g_strsplit (text, " ", 3);
    if (g_strv_length (parts) == 2) {
      left = parts[0];
      right = parts[1];
    }
  } else if (JSON_NODE_HOLDS_ARRAY (node)
      && json_array_get_length (json_node_get_array (node)) == 2) {
    left = node_string (json_array_get_element (json_node_get_array (node), 0));
    right = node_string (json_array_get_element (json_node_get_array (node), 1));
  }
  ok = left != NULL && right != NULL ? add_merge (reader, left, right, rank)
      : fail (reader, "merge %u is not two tokens", rank);
  g_strfreev (parts);
  return ok;
}

static gboolean
read_merges (Reader *reader, JsonArray *merges)
{
  guint i, n = merges != NULL ? json_array_get_length (merges) : 0;
  gboolean ok = TRUE;

  if (merges == NULL)
    return fail (reader, "the model BPE has no merges");
  if (n > MAX_MERGES)
    return fail (reader, "more than %d merges", MAX_MERGES);
  seq_tokenizer_model_reserve_merges (reader->model, n);
  for (i = 0; ok && i < n; i++)
    ok = read_merge (reader, json_array_get_element (merges, i), i);
  return ok;
}

static gboolean
check_bpe (Reader *reader, JsonObject *object)
{
  static const gchar *const refused[] = {
    "dropout", "byte_fallback", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix"
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (refused); i++) {
    if (member_set (object, refused[i])
        && g_strcmp0 (member_string (object, refused[i]), "") != 0)
      return fail (reader, "model BPE with %s cannot be read", refused[i]);
  }
  return TRUE;
}

static gboolean
read_model (Reader *reader, JsonNode *node)
{
  JsonObject *object;
  const gchar *type, *unk;

  if (!read_part (reader, node, "model", &object, &type))
    return FALSE;
  if (type == NULL)
    return fail (reader, "there is no model");
  reader->model->whole_words = strcmp (type, "WordLevel") == 0;
  if (!reader->model->whole_words && strcmp (type, "BPE") != 0)
    return refuse (reader, "model", type);
  if (reader->model->whole_words && reader->model->byte_level)
    return fail (reader, "model WordLevel cannot be read with pre_tokenizer ByteLevel");
  if (!read_vocab (reader, member_object (object, "vocab")))
    return FALSE;
  unk = member_string (object, "unk_token");
  if (unk != NULL && !look_up (reader, unk, &reader->tokenizer->unk))
    return fail (reader, "unk_token %s is not in the vocab", unk);
  if (reader->model->whole_words)
    return TRUE;
  if (member_set (object, "fuse_unk") && reader->tokenizer->unknown == SEQ_UNKNOWN_TOKEN)
    reader->tokenizer->unknown = SEQ_UNKNOWN_PER_RUN;
  return check_bpe (reader, object) && read_merges (reader, member_array (object, "merges"));
}

/* Special tokens take ids; one that residues may hold would have to be found there. */
static gboolean
read_added_token (Reader *reader, JsonNode *node)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const gchar *content = member_string (object, "content");
  guint32 id;

  if (content == NULL)
    return fail (reader, "an added token has no content");
  if (!read_id (reader, member (object, "id"), content, &id))
    return FALSE;
  if (!member_set (object, "special")
      || strspn (content, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-.") ==
      strlen (content))
    return fail (reader, "added token '%s', which residues may hold, cannot be read", content);
  if (strcmp (content, "<pad>") == 0 || strcmp (content, "[PAD]") == 0)
    reader->tokenizer->pad = id;
  return TRUE;
}

static gboolean
read_added_tokens (Reader *reader, JsonArray *array)
{
  guint i, n = array != NULL ? json_array_get_length (array) : 0;
  gboolean ok = TRUE;

  for (i = 0; ok && i < n; i++)
    ok = read_added_token (reader, json_array_get_element (array, i));
  return ok;
}

/* Right where the file says nothing. */
static gboolean
read_direction (Reader *reader, JsonObject *object, const gchar *part, gboolean *left)
{
  const gchar *direction = member_string (object, "direction");

  *left = g_strcmp0 (direction, "Left") == 0;
  return *left || member (object, "direction") == NULL || g_strcmp0 (direction, "Right") == 0
      || fail (reader, "%s: the direction is neither Left nor Right", part);
}

static gboolean
read_padding (Reader *reader, JsonObject *padding)
{
  if (!read_direction (reader, padding, "padding", &reader->tokenizer->pad_left))
    return FALSE;
  if (padding != NULL && !read_id (reader, member (padding, "pad_id"), "the padding",
          &reader->tokenizer->pad))
    return FALSE;
  return reader->tokenizer->pad != SEQ_TOKENIZER_NO_ID
      || fail (reader, "there is no padding token, <pad> or [PAD]");
}

/* ---- prefix and suffix ---- */

static gboolean
read_template_piece (Reader *reader, JsonObject *specials, JsonNode *node, gboolean *in_body)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const gchar *name = member_string (member_object (object, "SpecialToken"), "id");
  guint32 *part = *in_body ? &reader->tokenizer->suffix : &reader->tokenizer->prefix;
  JsonArray *ids;

  if (name == NULL) {
    if (*in_body || member_object (object, "Sequence") == NULL)
      return fail (reader, "post_processor TemplateProcessing has a piece that cannot be read");
    *in_body = TRUE;
    return TRUE;
  }
  ids = member_array (member_object (specials, name), "ids");
  if (ids == NULL || json_array_get_length (ids) != 1 || *part != SEQ_TOKENIZER_NO_ID)
    return fail (reader, "post_processor TemplateProcessing can be read with one token before and "
        "one after the sequence, not with %s", name);
  return read_id (reader, json_array_get_element (ids, 0), name, part);
}

static gboolean
read_template (Reader *reader, JsonObject *object)
{
  JsonArray *single = member_array (object, "single");
  guint i, n = single != NULL ? json_array_get_length (single) : 0;
  gboolean ok = TRUE, in_body = FALSE;

  for (i = 0; ok && i < n; i++)
    ok = read_template_piece (reader, member_object (object, "special_tokens"),
        json_array_get_element (single, i), &in_body);
  return ok && (in_body || fail (reader, "post_processor TemplateProcessing has no sequence"));
}

static gboolean
read_bert_token (Reader *reader, JsonArray *pair, const gchar *token, guint32 *id)
{
  return read_id (reader, pair != NULL && json_array_get_length (pair) == 2
      ? json_array_get_element (pair, 1) : NULL, token, id);
}

static gboolean
read_post_processor (Reader *reader, JsonNode *node)
{
  JsonObject *object;
  const gchar *type;

  if (!read_part (reader, node, "post_processor", &object, &type))
    return FALSE;
  if (type == NULL)
    return TRUE;
  if (strcmp (type, "TemplateProcessing") == 0)
    return read_template (reader, object);
  if (strcmp (type, "ByteLevel") == 0)  /* changes offsets only */
    return TRUE;
  if (strcmp (type, "BertProcessing") != 0)
    return refuse (reader, "post_processor", type);
  return read_bert_token (reader, member_array (object, "cls"), "cls", &reader->tokenizer->prefix)
      && read_bert_token (reader, member_array (object, "sep"), "sep", &reader->tokenizer->suffix);
}

static gboolean
read_root (Reader *reader, JsonNode *node)
{
  JsonObject *root = node != NULL && JSON_NODE_HOLDS_OBJECT (node)
      ? json_node_get_object (node) : NULL;

  if (root == NULL)
    return fail (reader, "not an object");
  return read_normalizer (reader, member (root, "normalizer"))
      && read_pre_tokenizer (reader, member (root, "pre_tokenizer"))
      && read_model (reader, member (root, "model"))
      && read_added_tokens (reader, member_array (root, "added_tokens"))
      && read_padding (reader, member_object (root, "padding"))
      && read_direction (reader, member_object (root, "truncation"), "truncation",
      &reader->tokenizer->truncate_left)
      && read_post_processor (reader, member (root, "post_processor"));
}

gboolean
seq_tokenizer_parse_json (SeqTokenizer *tokenizer, const gchar *text, gsize len, const gchar *name,
    GError **error)
{
  Reader reader = { name, tokenizer, NULL, 0, error };
  GError *json_error = NULL;
  JsonParser *parser;
  gboolean ok;

  if (!check_size (&reader, text, len))
    return FALSE;
  tokenizer->units = SEQ_UNITS_MODEL;
  tokenizer->model = reader.model = seq_tokenizer_model_new ();
  parser = json_parser_new_immutable ();
  if (json_parser_load_from_data (parser, text, (gssize) len, &json_error))
    ok = read_root (&reader, json_parser_get_root (parser));
  else
    ok = fail (&reader, "%s", json_error->message);
  g_clear_error (&json_error);
  g_object_unref (parser);
  seq_tokenizer_model_finish (reader.model);
  tokenizer->vocab_size = reader.max_id + 1;
  return ok;
}
