/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <string.h>

/* The text is copied, so that its end is that of the memory. */
static SeqJson *
parse (const gchar *text, gsize len, gchar **copy, gchar **message)
{
  *copy = g_malloc (len + 1);
  memcpy (*copy, text, len);
  (*copy)[len] = '\0';
  return seq_json_parse (*copy, len, 1000, message);
}

/* What was read, in a plain notation of its own. */
static const SeqJson *
append (GString *out, const SeqJson *node)
{
  const SeqJson *child = node + 1;
  guint32 i, n = node->n * (node->type == SEQ_JSON_OBJECT ? 2 : 1);

  switch ((SeqJsonType) node->type) {
    case SEQ_JSON_NULL:
      g_string_append (out, "null");
      break;
    case SEQ_JSON_BOOLEAN:
      g_string_append (out, node->n ? "true" : "false");
      break;
    case SEQ_JSON_NUMBER:
      g_string_append_printf (out, "%u", node->n);
      break;
    case SEQ_JSON_STRING:
      g_assert_cmpuint (strlen (node->text), ==, node->n);
      g_string_append_printf (out, "'%s'", node->text);
      break;
    case SEQ_JSON_ARRAY:
    case SEQ_JSON_OBJECT:
      g_string_append_c (out, node->type == SEQ_JSON_ARRAY ? '[' : '{');
      for (i = 0; i < n; i++) {
        child = append (out, child);
        g_string_append_c (out, ' ');
      }
      g_string_append_c (out, node->type == SEQ_JSON_ARRAY ? ']' : '}');
      break;
  }
  g_assert_true (node + node->skip == child);
  return child;
}

static void
test_values (void)
{
  static const gchar *const rows[][2] = {
    {"null", "null"}, {" true ", "true"}, {"\tfalse\r\n", "false"},
    {"0", "0"}, {"12", "12"}, {"4294967294", "4294967294"}, {"4294967295", "4294967295"},
    {"4294967296", "4294967295"}, {"99999999999999999999999", "4294967295"}, {"-1", "4294967295"},
    {"1.0", "4294967295"}, {"1e2", "4294967295"}, {"-0.5E-7", "4294967295"}, {"1E+1", "4294967295"},
    {"\"\"", "''"}, {"\"AC G\"", "'AC G'"}, {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "'\"\\/\b\f\n\r\t'"},
    {"\"\\u0041\\u00e9\\u20aC\"", "'A\xc3\xa9\xe2\x82\xac'"},
    {"\"\\ud83e\\uddec\"", "'\xf0\x9f\xa7\xac'"},
    {"\"\xc3\xa9\"", "'\xc3\xa9'"}, {"[]", "[]"}, {"{ }", "{}"}, {"[1,[2],\"a\"]", "[1 [2 ] 'a' ]"},
    {"{\"a\" : {\"b\":[ ]} , \"a\":null}", "{'a' {'b' [] } 'a' null }"}
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    GString *out = g_string_new (NULL);
    gchar *message = NULL, *copy;
    SeqJson *nodes = parse (rows[i][0], strlen (rows[i][0]), &copy, &message);

    g_assert_cmpstr (message, ==, NULL);
    append (out, nodes);
    g_assert_cmpstr (out->str, ==, rows[i][1]);
    g_free (nodes);
    g_free (copy);
    g_string_free (out, TRUE);
  }
}

static void
assert_refused (const gchar *text, gsize len, const gchar *what)
{
  gchar *message = NULL, *copy;

  g_assert_null (parse (text, len, &copy, &message));
  g_assert_cmpstr (message, ==, what);
  g_free (message);
  g_free (copy);
}

static void
test_refused (void)
{
  static const gchar *const rows[][2] = {
    {"", "byte 0: no value"}, {"  ", "byte 2: no value"}, {"nul", "byte 0: no value"},
    {"nullx", "byte 4: something behind the end"}, {"1 2", "byte 2: something behind the end"},
    {"01", "byte 0: no value"}, {"-", "byte 0: no value"}, {"1.", "byte 0: no value"},
    {".5", "byte 0: no value"}, {"1e", "byte 0: no value"}, {"+1", "byte 0: no value"},
    {"NaN", "byte 0: no value"}, {"'a'", "byte 0: no value"}, {"[1,]", "byte 3: no value"},
    {"[1 2]", "byte 3: ']' is missing"}, {"[1", "byte 2: ']' is missing"},
    {"[", "byte 1: no value"},
    {"{\"a\"}", "byte 4: ':' is missing"}, {"{\"a\":1,}", "byte 7: a string is missing"},
    {"{1:2}", "byte 1: a string is missing"}, {"{\"a\":1", "byte 6: '}' is missing"},
    {"\"a", "byte 0: a string without end"}, {"\"a\\\"", "byte 0: a string without end"},
    {"\"a\nb\"", "byte 2: a string with a control character"},
    {"\"\\x\"", "byte 2: no escape that can be read"},
    {"\"\\", "byte 2: no escape that can be read"},
    {"\"\\u12\"", "byte 2: no escape that can be read"},
    {"\"\\u0000\"", "byte 2: no escape that can be read"},
    {"\"\\ud83e\"", "byte 2: no escape that can be read"},
    {"\"\\ud83e\\u0041\"", "byte 2: no escape that can be read"},
    {"\"\\uddec\"", "byte 2: no escape that can be read"}, {"\"\xff\"", "byte 1: not UTF-8"},
    {"// a\n1", "byte 0: no value"}
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++)
    assert_refused (rows[i][0], strlen (rows[i][0]), rows[i][1]);
  assert_refused ("1\0", 2, "byte 1: not UTF-8");
  assert_refused ("\"a\0\"", 4, "byte 2: not UTF-8");
}

/* 32 arrays in each other and 1,000 values are taken, one more of either is not. */
static void
test_limits (void)
{
  gchar *message = NULL, *copy;
  GString *text = g_string_new (NULL);
  guint i;

  for (i = 0; i < 66; i++)
    g_string_append_c (text, i < 33 ? '[' : ']');
  g_free (parse (text->str + 1, 64, &copy, &message));
  g_assert_cmpstr (message, ==, NULL);
  g_free (copy);
  assert_refused (text->str, 66, "byte 32: nested more than 32 deep");

  g_string_assign (text, "[0");
  for (i = 1; i < 999; i++)
    g_string_append (text, ",0");
  g_string_append (text, ",0]");
  assert_refused (text->str, text->len, "byte 2000: more than 1000 values");
  g_string_erase (text, 1, 2);
  g_free (parse (text->str, text->len, &copy, &message));
  g_assert_cmpstr (message, ==, NULL);
  g_free (copy);
  g_string_free (text, TRUE);
}

/* Every beginning of a text is an error, and the end of the memory is never passed. */
static void
test_truncated (void)
{
  static const gchar text[] = "{\"a\":[null,true,-1.5e3,\"\\u00e9\\ud83e\\uddec\"],\"b\":{}}";
  gsize len;

  for (len = 0; len + 1 < sizeof text; len++) {
    gchar *message = NULL, *copy;

    g_assert_null (parse (text, len, &copy, &message));
    g_assert_nonnull (message);
    g_free (message);
    g_free (copy);
  }
}

static void
test_members (void)
{
  static const gchar text[] =
      "{\"a\":1,\"b\":[{\"c\":2}],\"c\":null,\"d\":3,\"a\":\"x\",\"d\":null}";
  gchar *message = NULL, *copy;
  SeqJson *nodes = parse (text, strlen (text), &copy, &message);
  const SeqJson *b;

  g_assert_cmpstr (seq_json_string (seq_json_member (nodes, "a")), ==, "x");
  b = seq_json_member_of (nodes, "b", SEQ_JSON_ARRAY);
  g_assert_cmpuint (b->n, ==, 1);
  g_assert_cmpuint (seq_json_member (seq_json_first (b), "c")->n, ==, 2);
  g_assert_null (seq_json_member_of (nodes, "b", SEQ_JSON_OBJECT));
  g_assert_null (seq_json_member (nodes, "c"));
  g_assert_null (seq_json_member (nodes, "d"));
  g_assert_null (seq_json_member (nodes, "e"));
  g_assert_null (seq_json_member (b, "c"));
  g_assert_null (seq_json_member (NULL, "a"));
  g_assert_null (seq_json_string (NULL));
  g_assert_null (seq_json_string (b));
  g_free (nodes);
  g_free (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/values", test_values);
  g_test_add_func ("/json/refused", test_refused);
  g_test_add_func ("/json/limits", test_limits);
  g_test_add_func ("/json/truncated", test_truncated);
  g_test_add_func ("/json/members", test_members);
  return g_test_run ();
}
