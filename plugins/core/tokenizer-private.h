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
  SEQ_UNITS_SPLIT,              /* k-mers side by side between letters that break; see SeqRemainder */
  SEQ_UNITS_MODEL               /* tokens of a tokenizer.json */
} SeqUnits;

/* What becomes of fewer than k letters at the end of a piece. */
typedef enum
{
  SEQ_REMAINDER_SINGLE,         /* a unit each */
  SEQ_REMAINDER_DROP,           /* nothing */
  SEQ_REMAINDER_UNKNOWN         /* one unknown unit */
} SeqRemainder;

/* The code of a byte that is no letter of a k-mer. */
#define SEQ_TOKENIZER_NO_CODE 4
/* Letters of a k-mer at most: two bits each. */
#define SEQ_TOKENIZER_MAX_K 15

struct _SeqTokenizer
{
  /* set by the preset or the vocabulary */
  SeqUnknown unknown;
  SeqUnits units;
  guint32 vocab_size;
  guint32 pad, unk, prefix, suffix;     /* SEQ_TOKENIZER_NO_ID = none */
  guint32 ids[256];             /* id of each single letter, SEQ_TOKENIZER_NO_ID = none */
  guint k;                      /* k-mers: 1 to 15 letters of four, two bits each */
  guint32 first_kmer;           /* id of the first k-mer, all others follow in order */
  guint8 codes[256];            /* two bits for each letter, or SEQ_TOKENIZER_NO_CODE */
  guint8 dropped[256];          /* 1 = the letter is passed over as if it were not there */
  guint8 breaks[256];           /* SEQ_UNITS_SPLIT: 1 = a k-mer never reaches over this letter */
  SeqRemainder remainder;
  gboolean pad_left, truncate_left;
  guint n_channels;             /* one-hot, which are letters too, whose ids are channels; else 0 */
  SeqTokenizerModel *model;     /* SEQ_UNITS_MODEL only, else NULL */

  /* derived from those */
  guint32 max_id;
  gboolean fixed_rate;
  gboolean drops;               /* some letter is dropped */
  gboolean all_known;           /* every byte has an id */
  gboolean plain_rest;          /* SEQ_UNITS_SPLIT: no unknown unit comes of what is left of known letters */
  gboolean narrow;              /* letters whose ids fit the table below */
  guint8 kmer_codes[256];       /* as `codes`, but none for letters that are dropped or break */
  guint8 bytes[256];            /* id of each letter, `marker` = unknown */
  guint8 marker;                /* no letter has this id */
  gfloat *rows;                 /* one-hot: the vector of each id */
};

/* A preset: the text of a file that seq_tokenizer_parse_file() reads. */
typedef struct
{
  const gchar *name;
  const gchar *text;
} SeqTokenizerPreset;

/* The presets that are compiled in, made of plugins/seq/tokenizers; both end with a NULL. */
extern const SeqTokenizerPreset seq_tokenizer_presets[];
extern const gchar *const seq_tokenizer_preset_names[];

/* Fills in the preset `name`. Returns: whether there is such a preset. */
gboolean seq_tokenizer_load_preset (SeqTokenizer *tokenizer, const gchar *name);

/* Fills in what the file says: a tokenizer file or a vocab.txt, told apart by what they start with. */
gboolean seq_tokenizer_load_path (SeqTokenizer *tokenizer, const gchar *path, GError **error);

/* Fills in what a tokenizer file says. `text`: `len` bytes. `name`: for messages. */
gboolean seq_tokenizer_parse_file (SeqTokenizer *tokenizer, const gchar *text, gsize len,
    const gchar *name, GError **error);

/* Fills in what a vocab.txt says. `text`: `len` bytes and one more, all of which it overwrites.
 * `name`: for messages. */
gboolean seq_tokenizer_parse_vocab (SeqTokenizer *tokenizer, gchar *text, gsize len,
    const gchar *name, GError **error);

/* Whether the text is a tokenizer.json: whether its first byte that is no blank is a brace. */
gboolean seq_tokenizer_is_json (const gchar *text, gsize len);

/* Fills in what a tokenizer.json says. `text`: `len` bytes, which it overwrites, and a NUL. `name`:
 * for messages. */
gboolean seq_tokenizer_parse_json (SeqTokenizer *tokenizer, gchar *text, gsize len,
    const gchar *name, GError **error);

/* out[i] = table[in[i]]. Returns: how many of them are `marker`. */
guint64 seq_tokenizer_map_bytes (const guint8 table[256], guint8 marker, const guint8 *restrict in,
    gsize n, guint8 *restrict out);

G_END_DECLS
