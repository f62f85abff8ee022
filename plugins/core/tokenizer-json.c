/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"
#include "tokenizer-private.h"

#include <string.h>

/* The reader of tokenizer.json, the format of Hugging Face's tokenizers
 * (https://github.com/huggingface/tokenizers). What is not read exactly as there is refused by
 * name. */

#define MAX_TOKENS (1 << 20)
#define MAX_MERGES (1 << 21)
/* values of a file with all the tokens, which are a key and an id, and merges, which are an array
 * of two, and some more */
#define MAX_VALUES (2 * MAX_TOKENS + 3 * MAX_MERGES + 65536)

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

/* ---- members, which may be missing or of any type ---- */

static const SeqJson *
member_object (const SeqJson *object, const gchar *key)
{
  return seq_json_member_of (object, key, SEQ_JSON_OBJECT);
}

static const SeqJson *
member_array (const SeqJson *object, const gchar *key)
{
  return seq_json_member_of (object, key, SEQ_JSON_ARRAY);
}

static const gchar *
member_string (const SeqJson *object, const gchar *key)
{
  return seq_json_string (seq_json_member (object, key));
}

/* Whether the member is there and something but false. */
static gboolean
member_set (const SeqJson *object, const gchar *key)
{
  const SeqJson *node = seq_json_member (object, key);

  return node != NULL && (node->type != SEQ_JSON_BOOLEAN || node->n != 0);
}

static gboolean
read_id (Reader *reader, const SeqJson *node, const gchar *token, guint32 *id)
{
  *id = 0;
  if (node == NULL || node->type != SEQ_JSON_NUMBER || node->n >= MAX_TOKENS)
    return fail (reader, "the id of %s is not a number below %d", token, MAX_TOKENS);
  *id = node->n;
  reader->max_id = MAX (reader->max_id, *id);
  return TRUE;
}

/* What a part is. `*type` NULL = the part is null. */
static gboolean
read_part (Reader *reader, const SeqJson *node, const gchar *part, const gchar **type)
{
  *type = member_string (node, "type");
  return *type != NULL || node == NULL || fail (reader, "%s has no type", part);
}

static gboolean
refuse (Reader *reader, const gchar *part, const gchar *type)
{
  return fail (reader, "%s %s cannot be read", part, type);
}

/* ---- parts ---- */

static gboolean
read_replace (Reader *reader, const SeqJson *object)
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

static gboolean read_normalizer (Reader *reader, const SeqJson *object);

static gboolean
read_normalizers (Reader *reader, const SeqJson *array)
{
  const SeqJson *node;
  guint32 i;

  if (array == NULL)
    return fail (reader, "normalizer Sequence has no normalizers");
  for (i = 0, node = array + 1; i < array->n; i++, node += node->skip) {
    if (!read_normalizer (reader, node))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_normalizer (Reader *reader, const SeqJson *object)
{
  const gchar *type;
  guint i;

  if (!read_part (reader, object, "normalizer", &type))
    return FALSE;
  if (type == NULL)
    return TRUE;
  if (strcmp (type, "Replace") == 0)
    return read_replace (reader, object);
  if (strcmp (type, "Sequence") == 0)
    return read_normalizers (reader, member_array (object, "normalizers"));
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
read_byte_level (Reader *reader, const SeqJson *object)
{
  if (seq_json_member (object, "use_regex") == NULL || member_set (object, "use_regex"))
    return fail (reader, "pre_tokenizer ByteLevel with use_regex cannot be read");
  if (member_set (object, "add_prefix_space"))
    return fail (reader, "pre_tokenizer ByteLevel with add_prefix_space cannot be read");
  reader->model->byte_level = TRUE;
  return TRUE;
}

/* At one letter, or between all of them. */
static gboolean
read_split (Reader *reader, const SeqJson *object)
{
  const SeqJson *pattern = member_object (object, "pattern");
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
read_pre_tokenizer (Reader *reader, const SeqJson *object)
{
  const gchar *type;
  gboolean split;
  guint i;

  if (!read_part (reader, object, "pre_tokenizer", &type))
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

/* Merges tell tokens by their ids. */
static gboolean
check_ids (Reader *reader)
{
  const SeqTokenTable *vocab = reader->model->vocab;
  guint32 *owners = g_new0 (guint32, (gsize) reader->max_id + 1);       /* one past the token */
  gboolean ok = TRUE;
  guint i;

  for (i = 0; ok && i < seq_token_table_get_n (vocab); i++) {
    SeqToken token = seq_token_table_get (vocab, i);

    if (owners[token.id] != 0)
      ok = fail (reader, "the tokens '%.40s' and '%.40s' have the same id",
          seq_token_table_get (vocab, owners[token.id] - 1).text, token.text);
    owners[token.id] = i + 1;
  }
  g_free (owners);
  return ok;
}

static gboolean
read_vocab (Reader *reader, const SeqJson *vocab)
{
  const SeqJson *node;
  guint32 i, id;

  if (vocab == NULL)
    return fail (reader, "the model has no vocab");
  if (vocab->n > MAX_TOKENS)
    return fail (reader, "more than %d tokens", MAX_TOKENS);
  for (i = 0, node = vocab + 1; i < vocab->n; i++, node += node->skip) {
    const SeqJson *token = node++;

    if (token->n > SEQ_MODEL_MAX_TOKEN)
      return fail (reader, "the token %.40s... is longer than %d bytes", token->text,
          SEQ_MODEL_MAX_TOKEN);
    if (!read_id (reader, node, token->text, &id))
      return FALSE;
    seq_token_table_add (reader->model->vocab, token->text, token->n, id);
  }
  return reader->model->whole_words || check_ids (reader);
}

static gboolean
look_up (const Reader *reader, const gchar *token, gsize len, guint32 *id)
{
  return seq_token_table_look_up (reader->model->vocab, token, len, id);
}

/* Parts are at most as long as tokens where they are known. */
static gboolean
add_merge (Reader *reader, const gchar *left, gsize n_left, const gchar *right, gsize n_right,
    guint rank)
{
  gchar both[2 * SEQ_MODEL_MAX_TOKEN];
  gint shown_left = (gint) MIN (n_left, 40), shown_right = (gint) MIN (n_right, 40);
  guint32 left_id, right_id, id;

  if (!look_up (reader, left, n_left, &left_id) || !look_up (reader, right, n_right, &right_id))
    return fail (reader, "merge %u, '%.*s' and '%.*s': not in the vocab", rank, shown_left, left,
        shown_right, right);
  memcpy (both, left, n_left);
  memcpy (both + n_left, right, n_right);
  if (!look_up (reader, both, n_left + n_right, &id))
    return fail (reader, "merge %u: '%.*s%.*s' is not in the vocab", rank, shown_left, left,
        shown_right, right);
  if (left_id == reader->tokenizer->unk || right_id == reader->tokenizer->unk)
    return fail (reader, "merge %u is of the unknown token", rank);
  seq_tokenizer_model_add_merge (reader->model, left_id, right_id, rank, id);
  return TRUE;
}

/* A merge is "left right" or, in newer files, ["left", "right"]. */
static gboolean
read_merge (Reader *reader, const SeqJson *node, guint rank)
{
  const gchar *text = seq_json_string (node), *blank = text != NULL ? strchr (text, ' ') : NULL;

  if (blank != NULL && strchr (blank + 1, ' ') == NULL)
    return add_merge (reader, text, (gsize) (blank - text), blank + 1,
        node->n - (gsize) (blank + 1 - text), rank);
  if (node->type == SEQ_JSON_ARRAY && node->n == 2 && node[1].type == SEQ_JSON_STRING
      && node[2].type == SEQ_JSON_STRING)
    return add_merge (reader, node[1].text, node[1].n, node[2].text, node[2].n, rank);
  return fail (reader, "merge %u is not two tokens", rank);
}

static gboolean
read_merges (Reader *reader, const SeqJson *merges)
{
  const SeqJson *node;
  guint32 i;

  if (merges == NULL)
    return fail (reader, "the model BPE has no merges");
  if (merges->n > MAX_MERGES)
    return fail (reader, "more than %d merges", MAX_MERGES);
  seq_tokenizer_model_reserve_merges (reader->model, merges->n);
  for (i = 0, node = merges + 1; i < merges->n; i++, node += node->skip) {
    if (!read_merge (reader, node, i))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_bpe (Reader *reader, const SeqJson *object)
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
read_model (Reader *reader, const SeqJson *object)
{
  const gchar *type, *unk;

  if (!read_part (reader, object, "model", &type))
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
  if (unk != NULL && !look_up (reader, unk, strlen (unk), &reader->tokenizer->unk))
    return fail (reader, "unk_token %s is not in the vocab", unk);
  if (reader->model->whole_words)
    return TRUE;
  if (member_set (object, "fuse_unk") && reader->tokenizer->unknown == SEQ_UNKNOWN_TOKEN)
    reader->tokenizer->unknown = SEQ_UNKNOWN_PER_RUN;
  return check_bpe (reader, object) && read_merges (reader, member_array (object, "merges"));
}

/* Special tokens take ids; one that residues may hold would have to be found there. */
static gboolean
read_added_token (Reader *reader, const SeqJson *object)
{
  const gchar *content = member_string (object, "content");
  guint32 id;

  if (content == NULL)
    return fail (reader, "an added token has no content");
  if (!read_id (reader, seq_json_member (object, "id"), content, &id))
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
read_added_tokens (Reader *reader, const SeqJson *array)
{
  guint32 i, n = array != NULL ? array->n : 0;
  const SeqJson *node;

  for (i = 0, node = seq_json_first (array); i < n; i++, node += node->skip) {
    if (!read_added_token (reader, node))
      return FALSE;
  }
  return TRUE;
}

/* Right where the file says nothing. */
static gboolean
read_direction (Reader *reader, const SeqJson *object, const gchar *part, gboolean *left)
{
  const gchar *direction = member_string (object, "direction");

  *left = g_strcmp0 (direction, "Left") == 0;
  return *left || seq_json_member (object, "direction") == NULL
      || g_strcmp0 (direction, "Right") == 0
      || fail (reader, "%s: the direction is neither Left nor Right", part);
}

static gboolean
read_padding (Reader *reader, const SeqJson *padding)
{
  if (!read_direction (reader, padding, "padding", &reader->tokenizer->pad_left))
    return FALSE;
  if (padding != NULL && !read_id (reader, seq_json_member (padding, "pad_id"), "the padding",
          &reader->tokenizer->pad))
    return FALSE;
  return reader->tokenizer->pad != SEQ_TOKENIZER_NO_ID
      || fail (reader, "there is no padding token, <pad> or [PAD]");
}

/* ---- prefix and suffix ---- */

static gboolean
read_template_piece (Reader *reader, const SeqJson *specials, const SeqJson *object,
    gboolean *in_body)
{
  const gchar *name = member_string (member_object (object, "SpecialToken"), "id");
  guint32 *part = *in_body ? &reader->tokenizer->suffix : &reader->tokenizer->prefix;
  const SeqJson *ids;

  if (name == NULL) {
    if (*in_body || member_object (object, "Sequence") == NULL)
      return fail (reader, "post_processor TemplateProcessing has a piece that cannot be read");
    *in_body = TRUE;
    return TRUE;
  }
  ids = member_array (member_object (specials, name), "ids");
  if (ids == NULL || ids->n != 1 || *part != SEQ_TOKENIZER_NO_ID)
    return fail (reader, "post_processor TemplateProcessing can be read with one token before and "
        "one after the sequence, not with %s", name);
  return read_id (reader, ids + 1, name, part);
}

static gboolean
read_template (Reader *reader, const SeqJson *object)
{
  const SeqJson *single = member_array (object, "single"), *node;
  const SeqJson *specials = member_object (object, "special_tokens");
  guint32 i, n = single != NULL ? single->n : 0;
  gboolean ok = TRUE, in_body = FALSE;

  for (i = 0, node = seq_json_first (single); ok && i < n; i++, node += node->skip)
    ok = read_template_piece (reader, specials, node, &in_body);
  return ok && (in_body || fail (reader, "post_processor TemplateProcessing has no sequence"));
}

static gboolean
read_bert_token (Reader *reader, const SeqJson *pair, const gchar *token, guint32 *id)
{
  const SeqJson *first = seq_json_first (pair);

  return read_id (reader, first != NULL && pair->n == 2 ? first + first->skip : NULL, token, id);
}

static gboolean
read_post_processor (Reader *reader, const SeqJson *object)
{
  const gchar *type;

  if (!read_part (reader, object, "post_processor", &type))
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
read_root (Reader *reader, const SeqJson *root)
{
  return read_normalizer (reader, seq_json_member (root, "normalizer"))
      && read_pre_tokenizer (reader, seq_json_member (root, "pre_tokenizer"))
      && read_model (reader, seq_json_member (root, "model"))
      && read_added_tokens (reader, member_array (root, "added_tokens"))
      && read_padding (reader, member_object (root, "padding"))
      && read_direction (reader, member_object (root, "truncation"), "truncation",
      &reader->tokenizer->truncate_left)
      && read_post_processor (reader, seq_json_member (root, "post_processor"));
}

gboolean
seq_tokenizer_parse_json (SeqTokenizer *tokenizer, gchar *text, gsize len, const gchar *name,
    GError **error)
{
  Reader reader = { name, tokenizer, seq_tokenizer_model_new (), 0, error };
  gchar *message = NULL;
  SeqJson *nodes = seq_json_parse (text, len, MAX_VALUES, &message);
  gboolean ok = nodes != NULL ? read_root (&reader, nodes) : fail (&reader, "%s", message);

  g_free (message);
  g_free (nodes);
  tokenizer->units = SEQ_UNITS_MODEL;
  tokenizer->model = reader.model;
  if (ok)
    seq_tokenizer_model_finish (reader.model);
  tokenizer->vocab_size = reader.max_id + 1;
  return ok;
}
