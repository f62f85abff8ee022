/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "token-table.h"

G_BEGIN_DECLS

/* What a tokenizer.json describes: a map of bytes, words that are cut out, and tokens of words by
 * byte pair encoding (BPE) or as a whole (WordLevel). Residues are bytes: a byte that is not ASCII
 * is an unknown unit of its own, whatever the vocabulary holds, unless tokens spell bytes.
 *
 * A model is filled in once and never changed then; any number of threads may walk it. */

#define SEQ_MODEL_MAX_TOKEN 1024 /* bytes of one token */

/* What a byte, as it stands in the residues, is to the words. */
typedef enum
{
  SEQ_MODEL_WORD,
  SEQ_MODEL_SPACE,              /* between words, no token */
  SEQ_MODEL_OTHER,              /* makes words with its like only: punctuation */
  SEQ_MODEL_ALONE               /* a word of its own */
} SeqModelClass;

typedef struct
{
  guint64 pair;                 /* ids of left and right, 32 bits each */
  guint32 rank, id;             /* id of both together, G_MAXUINT32 = free slot */
} SeqModelMerge;

typedef struct
{
  gboolean whole_words;         /* WordLevel */
  gboolean byte_level;          /* tokens spell bytes in the alphabet of ByteLevel */
  guint8 map[256];              /* what is read for each byte */
  guint8 classes[256];          /* SeqModelClass of each byte */
  guint32 letters[256];         /* id of what is read for each byte, G_MAXUINT32 = none */
  SeqTokenTable *vocab;
  SeqModelMerge *merges;        /* open addressing, (1 << bits) slots, at most half of them used */
  guint bits;
  guint32 n_ranks;              /* ranks are below this */
  guint64 factor;               /* of the hash: drawn anew, so that no file can aim at it */

  /* merges once more, by the token on their left: ranks `starts[id]` to `starts[id + 1]` - 1 of
   * `left_ranks`, lowest first; ids are below `n_starts` */
  guint32 *starts, *left_ranks;
  guint32 n_starts;
  gboolean in_order;            /* no merge can be done before one of a lower rank: see
                                 * tokenizer-bpe.h */
} SeqTokenizerModel;

/* A token whose first residue stands at `position`; `id` G_MAXUINT32 = an unknown unit. Returns:
 * whether to go on. */
typedef gboolean (*SeqModelFunc) (gpointer data, guint32 id, gsize position, gboolean starts_word);

/* Returns: a model that reads bytes as they are, as one word, and knows no token. */
SeqTokenizerModel *seq_tokenizer_model_new (void);
void seq_tokenizer_model_free (SeqTokenizerModel *model);

/* Room for `n` merges, at most 2^21. */
void seq_tokenizer_model_reserve_merges (SeqTokenizerModel *model, gsize n);
/* Of two merges of the same pair the later one counts, as with Hugging Face. */
void seq_tokenizer_model_add_merge (SeqTokenizerModel *model, guint32 left, guint32 right,
    guint32 rank, guint32 id);
/* Derives `letters` from `map` and `vocab`, and what the merges are searched by. */
void seq_tokenizer_model_finish (SeqTokenizerModel *model);

/* Whether no residue can be unknown. */
gboolean seq_tokenizer_model_knows_all (const SeqTokenizerModel *model);

/* The merge of two tokens, NULL = there is none. */
const SeqModelMerge *seq_tokenizer_model_find_merge (const SeqTokenizerModel *model, guint32 left,
    guint32 right);

/* One past the word that starts at `from`, `limit` where it goes on there. `known`: the residues
 * before it, one at least, belong to it. */
static inline gsize
seq_model_word_end (const SeqTokenizerModel *model, const guint8 *residues, gsize from, gsize known,
    gsize limit)
{
  guint8 kind = model->classes[residues[from]];

  while (kind != SEQ_MODEL_ALONE && known < limit && model->classes[residues[known]] == kind)
    known++;
  return known;
}

/* Calls `func` for each token in order until it says no. Memory and time: see tokenizer-bpe.h.
 * Returns: FALSE where there is no memory for a word; the tokens before it have been handed out. */
gboolean seq_tokenizer_model_walk (const SeqTokenizerModel *model, const guint8 *residues, gsize n,
    SeqModelFunc func, gpointer data);

G_END_DECLS
