/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tokenizer-model.h"
#include "tokenizer.h"

G_BEGIN_DECLS

/* What a unit is. */
typedef enum
{
  SEQ_UNITS_LETTERS,            /* one letter, one id */
  SEQ_UNITS_OVERLAPPING,        /* k-mers that start at every letter; fewer than k letters: none */
  SEQ_UNITS_SPLIT,              /* k-mers side by side between other letters; the rest by letter */
  SEQ_UNITS_MODEL               /* tokens of a tokenizer.json */
} SeqUnits;

/* The code of a byte that is no letter of a k-mer. */
#define SEQ_TOKENIZER_NO_CODE 4

struct _SeqTokenizer
{
  /* set by the preset or the vocabulary */
  SeqUnknown unknown;
  SeqUnits units;
  guint32 vocab_size;
  guint32 pad, unk, prefix, suffix;     /* SEQ_TOKENIZER_NO_ID = none */
  guint32 ids[256];             /* id of each single letter, SEQ_TOKENIZER_NO_ID = none */
  gboolean pads_left;
  guint k;                      /* k-mers: 1 to 15 letters of four, two bits each */
  guint32 first_kmer;           /* id of the first k-mer, all others follow in order */
  guint8 codes[256];            /* two bits for each letter, or SEQ_TOKENIZER_NO_CODE */
  SeqTokenizerModel *model;     /* SEQ_UNITS_MODEL only, else NULL */

  /* derived from those */
  guint32 max_id;
  gboolean fixed_rate;
  gboolean all_known;           /* no unit can be unknown */
  gboolean narrow;              /* letters whose ids fit the table below */
  guint8 bytes[256];            /* id of each letter, `marker` = unknown */
  guint8 marker;                /* no letter has this id */
};

/* Fills in the preset `name`. Returns: whether there is such a preset. */
gboolean seq_tokenizer_load_preset (SeqTokenizer *tokenizer, const gchar *name);

/* Fills in what a vocab.txt says. */
gboolean seq_tokenizer_load_vocab (SeqTokenizer *tokenizer, const gchar *path, GError **error);

/* The same for text in memory: `len` bytes and one more, all of which it overwrites. `name`: for
 * messages. */
gboolean seq_tokenizer_parse_vocab (SeqTokenizer *tokenizer, gchar *text, gsize len,
    const gchar *name, GError **error);

/* Whether the text is a tokenizer.json: whether its first byte that is no blank is a brace. */
gboolean seq_tokenizer_is_json (const gchar *text, gsize len);

/* Fills in what a tokenizer.json in memory says. `name`: for messages. */
gboolean seq_tokenizer_parse_json (SeqTokenizer *tokenizer, const gchar *text, gsize len,
    const gchar *name, GError **error);

/* out[i] = table[in[i]]. Returns: how many of them are `marker`. */
guint64 seq_tokenizer_map_bytes (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    gsize n, guint8 *restrict out);

G_END_DECLS
