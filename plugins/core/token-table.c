/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "token-table.h"

#include <string.h>

#define FREE G_MAXUINT32
#define PRIME 0x7fffffffu       /* 2^31 - 1 */

typedef struct
{
  guint32 offset, len, id, hash;
} Entry;

struct _SeqTokenTable
{
  guint32 point;                /* where the polynomial is evaluated: drawn anew for each table */
  GArray *entries;
  GByteArray *bytes;
  guint32 *slots;               /* open addressing, indices of entries, at most half of them used */
  gsize mask;
};

static guint32
hash_of (const SeqTokenTable *table, const gchar *text, gsize len)
{
  guint64 hash = len % PRIME;
  gsize i;

  for (i = 0; i < len; i++)
    hash = (hash * table->point + (guint8) text[i] + 1) % PRIME;
  return (guint32) hash;
}

/* The slot of a token, or the free one where it belongs. */
static guint32 *
find (const SeqTokenTable *table, const gchar *text, gsize len, guint32 hash)
{
  gsize slot = hash & table->mask;

  for (; table->slots[slot] != FREE; slot = (slot + 1) & table->mask) {
    const Entry *entry = &g_array_index (table->entries, Entry, table->slots[slot]);

    if (entry->hash == hash && entry->len == len
        && memcmp (table->bytes->data + entry->offset, text, len) == 0)
      break;
  }
  return &table->slots[slot];
}

static void
resize (SeqTokenTable *table, gsize n_slots)
{
  guint32 i;

  g_free (table->slots);
  table->slots = g_new (guint32, n_slots);
  memset (table->slots, 0xff, n_slots * sizeof *table->slots);
  table->mask = n_slots - 1;
  for (i = 0; i < table->entries->len; i++) {
    gsize slot = g_array_index (table->entries, Entry, i).hash & table->mask;

    while (table->slots[slot] != FREE)
      slot = (slot + 1) & table->mask;
    table->slots[slot] = i;
  }
}

SeqTokenTable *
seq_token_table_new (void)
{
  SeqTokenTable *table = g_new0 (SeqTokenTable, 1);

  table->point = 1 + g_random_int () % (PRIME - 1);
  table->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  table->bytes = g_byte_array_new ();
  resize (table, 64);
  return table;
}

void
seq_token_table_free (SeqTokenTable *table)
{
  g_array_unref (table->entries);
  g_byte_array_unref (table->bytes);
  g_free (table->slots);
  g_free (table);
}

void
seq_token_table_add (SeqTokenTable *table, const gchar *text, guint32 len, guint32 id)
{
  Entry entry = { table->bytes->len, len, id, hash_of (table, text, len) };
  guint32 *slot = find (table, text, len, entry.hash);

  if (*slot != FREE) {
    g_array_index (table->entries, Entry, *slot).id = id;
    return;
  }
  *slot = table->entries->len;
  g_array_append_val (table->entries, entry);
  g_byte_array_append (table->bytes, (const guint8 *) text, len);
  g_byte_array_append (table->bytes, (const guint8 *) "", 1);
  if (2 * table->entries->len > table->mask)
    resize (table, 2 * (table->mask + 1));
}

gboolean
seq_token_table_look_up (const SeqTokenTable *table, const gchar *text, gsize len, guint32 *id)
{
  guint32 slot = *find (table, text, len, hash_of (table, text, len));

  if (slot == FREE)
    return FALSE;
  *id = g_array_index (table->entries, Entry, slot).id;
  return TRUE;
}

guint
seq_token_table_get_n (const SeqTokenTable *table)
{
  return table->entries->len;
}

SeqToken
seq_token_table_get (const SeqTokenTable *table, guint index)
{
  const Entry *entry = &g_array_index (table->entries, Entry, index);

  return (SeqToken) { (const gchar *) table->bytes->data + entry->offset, entry->len, entry->id };
}
