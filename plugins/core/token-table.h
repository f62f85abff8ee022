/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A vocabulary: tokens, any bytes, and their ids. Its hash is drawn anew for each table (a
 * polynomial over a prime field at a random point), so no file can be made whose tokens collide,
 * and n tokens are added in O(n). */
typedef struct _SeqTokenTable SeqTokenTable;

typedef struct
{
  const gchar *text;            /* `len` bytes and a NUL */
  guint32 len, id;
} SeqToken;

SeqTokenTable *seq_token_table_new (void);
void seq_token_table_free (SeqTokenTable *table);

/* Copies the token. Of two that are the same the later one counts. There are 2^30 at most, of 2^32
 * bytes altogether. */
void seq_token_table_add (SeqTokenTable *table, const gchar *text, guint32 len, guint32 id);

/* Returns: whether the token is there; *id is set then. */
gboolean seq_token_table_look_up (const SeqTokenTable *table, const gchar *text, gsize len,
    guint32 *id);

/* The tokens, in the order in which they were added. */
guint seq_token_table_get_n (const SeqTokenTable *table);
SeqToken seq_token_table_get (const SeqTokenTable *table, guint index);

G_END_DECLS
