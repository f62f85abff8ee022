/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A reader of JSON (RFC 8259) for files that nobody vouches for: the time is O(n), whatever the
 * keys are, since members are kept in a list and no table is made of them; memory is 16 bytes a
 * value.
 *
 * A text becomes an array of nodes in the order of the text. What an array or an object holds
 * follows it, for each member the key, a string, and the value. The node behind a value and all
 * that it holds is `node + node->skip`. */

typedef enum
{
  SEQ_JSON_NULL,
  SEQ_JSON_BOOLEAN,
  SEQ_JSON_NUMBER,
  SEQ_JSON_STRING,
  SEQ_JSON_ARRAY,
  SEQ_JSON_OBJECT
} SeqJsonType;

typedef struct
{
  const gchar *text;            /* STRING: UTF-8 with a NUL behind, else NULL */
  guint32 n;                    /* STRING: bytes. ARRAY: elements. OBJECT: members. BOOLEAN: 0 or 1.
                                 * NUMBER: its value, or SEQ_JSON_OTHER_NUMBER */
  guint32 skip : 28, type : 4;  /* SeqJsonType */
} SeqJson;

/* A number that is negative, has a fraction or an exponent, or is larger than all others. */
#define SEQ_JSON_OTHER_NUMBER G_MAXUINT32

#define SEQ_JSON_MAX_DEPTH 32   /* arrays and objects in each other */
#define SEQ_JSON_MAX_NODES ((1 << 28) - 1)

/* Reads `len` bytes of `text`, behind which stands a NUL, and overwrites them. Strings stay there,
 * so it has to outlive the nodes. What is no JSON, has more than `max_nodes` nodes (at most
 * SEQ_JSON_MAX_NODES), is nested deeper than SEQ_JSON_MAX_DEPTH, holds a string with a NUL, or
 * finds no memory is refused.
 * Returns: the nodes, the first is the whole (g_free()); or NULL with `*message` set to what is
 * wrong, and at which byte (g_free()). */
SeqJson *seq_json_parse (gchar *text, gsize len, gsize max_nodes, gchar **message);

/* The value of a key; of two with this key the last one. Returns: NULL where it is missing or null,
 * or `object` is NULL or no object. */
const SeqJson *seq_json_member (const SeqJson *object, const gchar *key);

/* The same where it is of this type, else NULL. */
const SeqJson *seq_json_member_of (const SeqJson *object, const gchar *key, SeqJsonType type);

/* The first node of what an array or an object holds, if anything; NULL where `node` is NULL. */
static inline const SeqJson *
seq_json_first (const SeqJson *node)
{
  return node != NULL ? node + 1 : NULL;
}

/* The text of a string, NULL where `node` is NULL or no string. */
static inline const gchar *
seq_json_string (const SeqJson *node)
{
  return node != NULL && node->type == SEQ_JSON_STRING ? node->text : NULL;
}

G_END_DECLS
