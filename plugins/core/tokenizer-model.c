/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-bpe.h"

#include <string.h>

#define NONE G_MAXUINT32

SeqTokenizerModel *
seq_tokenizer_model_new (void)
{
  SeqTokenizerModel *model = g_new0 (SeqTokenizerModel, 1);
  guint i;

  for (i = 0; i < 256; i++)
    model->map[i] = (guint8) i;
  model->vocab = seq_token_table_new ();
  model->factor = (guint64) g_random_int () << 32 | g_random_int () | 1;
  return model;
}

void
seq_tokenizer_model_free (SeqTokenizerModel *model)
{
  seq_token_table_free (model->vocab);
  g_free (model->merges);
  g_free (model->starts);
  g_free (model->left_ranks);
  g_free (model);
}

void
seq_tokenizer_model_reserve_merges (SeqTokenizerModel *model, gsize n)
{
  gsize i;

  model->n_ranks = (guint32) n;
  model->bits = 1;
  while ((gsize) 1 << model->bits < 2 * n)
    model->bits++;
  g_free (model->merges);
  model->merges = g_new (SeqModelMerge, (gsize) 1 << model->bits);
  for (i = 0; i < (gsize) 1 << model->bits; i++)
    model->merges[i].id = NONE;
}

/* The slot of a pair, or the free one where it belongs. */
static inline SeqModelMerge *
find_slot (const SeqTokenizerModel *model, guint32 left, guint32 right)
{
  guint64 pair = (guint64) left << 32 | right;
  gsize mask = ((gsize) 1 << model->bits) - 1;
  gsize slot = (gsize) ((pair ^ pair >> 29) * model->factor >> (64 - model->bits));

  while (model->merges[slot].id != NONE && model->merges[slot].pair != pair)
    slot = (slot + 1) & mask;
  return &model->merges[slot];
}

void
seq_tokenizer_model_add_merge (SeqTokenizerModel *model, guint32 left, guint32 right, guint32 rank,
    guint32 id)
{
  SeqModelMerge *merge = find_slot (model, left, right);

  merge->pair = (guint64) left << 32 | right;
  merge->rank = rank;
  merge->id = id;
}

const SeqModelMerge *
seq_tokenizer_model_find_merge (const SeqTokenizerModel *model, guint32 left, guint32 right)
{
  const SeqModelMerge *merge = find_slot (model, left, right);

  return merge->id != NONE ? merge : NULL;
}

static gboolean
is_own_character (guint byte)
{
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/* How ByteLevel spells a byte: printable characters of Latin-1 are themselves, the others follow
 * from U+0100 on in order (bytes_char() of the tokenizers library, bytes_to_unicode() of GPT-2). */
static gunichar
byte_level_character (guint byte)
{
  gunichar character = 0x100;
  guint i;

  for (i = 0; i < byte; i++)
    character += !is_own_character (i);
  return is_own_character (byte) ? byte : character;
}

static void
find_letters (SeqTokenizerModel *model)
{
  gchar letter[6];
  guint32 id;
  guint i;

  for (i = 0; i < 256; i++) {
    guint byte = model->map[i];
    gint len = g_unichar_to_utf8 (model->byte_level ? byte_level_character (byte) : byte, letter);

    model->letters[i] = (model->byte_level || (i > 0 && i < 128))
        && seq_token_table_look_up (model->vocab, letter, (gsize) len, &id) ? id : NONE;
  }
}

/* The merges in the order of their ranks, NULL = there is none of this rank. */
static const SeqModelMerge **
sort_merges (const SeqTokenizerModel *model)
{
  const SeqModelMerge **sorted = g_new0 (const SeqModelMerge *, model->n_ranks);
  gsize slot;

  for (slot = 0; slot < (gsize) 1 << model->bits; slot++) {
    if (model->merges[slot].id != NONE)
      sorted[model->merges[slot].rank] = &model->merges[slot];
  }
  return sorted;
}

/* Whether each merge has a higher rank than all that make one of its parts. */
static gboolean
are_in_order (const SeqTokenizerModel *model, const SeqModelMerge **sorted)
{
  guint32 *made = g_new0 (guint32, model->n_starts);    /* one past the highest rank that does */
  gboolean in_order = TRUE;
  guint32 rank;

  for (rank = 0; rank < model->n_ranks; rank++) {
    if (sorted[rank] != NULL)
      made[sorted[rank]->id] = rank + 1;
  }
  for (rank = 0; in_order && rank < model->n_ranks; rank++) {
    in_order = sorted[rank] == NULL || (made[sorted[rank]->pair >> 32] <= rank
        && made[sorted[rank]->pair & G_MAXUINT32] <= rank);
  }
  g_free (made);
  return in_order;
}

static void
index_left_ranks (SeqTokenizerModel *model, const SeqModelMerge **sorted)
{
  guint32 rank, id;

  model->starts = g_new0 (guint32, (gsize) model->n_starts + 1);
  model->left_ranks = g_new (guint32, model->n_ranks);
  for (rank = 0; rank < model->n_ranks; rank++) {
    if (sorted[rank] != NULL)
      model->starts[(sorted[rank]->pair >> 32) + 1]++;
  }
  for (id = 0; id < model->n_starts; id++)
    model->starts[id + 1] += model->starts[id];
  /* each is moved on to where the next one starts, and back again */
  for (rank = 0; rank < model->n_ranks; rank++) {
    if (sorted[rank] != NULL)
      model->left_ranks[model->starts[sorted[rank]->pair >> 32]++] = rank;
  }
  memmove (model->starts + 1, model->starts, model->n_starts * sizeof *model->starts);
  model->starts[0] = 0;
}

void
seq_tokenizer_model_finish (SeqTokenizerModel *model)
{
  const SeqModelMerge **sorted;
  guint i;

  find_letters (model);
  if (model->merges == NULL)
    return;
  for (i = 0; i < seq_token_table_get_n (model->vocab); i++)
    model->n_starts = MAX (model->n_starts, seq_token_table_get (model->vocab, i).id + 1);
  sorted = sort_merges (model);
  model->in_order = are_in_order (model, sorted);
  index_left_ranks (model, sorted);
  g_free (sorted);
}

gboolean
seq_tokenizer_model_knows_all (const SeqTokenizerModel *model)
{
  gboolean all = !model->whole_words;
  guint i;

  for (i = 0; all && i < 256; i++)
    all = model->classes[i] == SEQ_MODEL_SPACE || model->letters[i] != NONE;
  return all;
}

/* ---- words ---- */

/* A word as a whole. */
static gboolean
walk_whole (const SeqTokenizerModel *model, const guint8 *residues, gsize from, gsize to,
    SeqModelFunc func, gpointer data)
{
  gchar word[SEQ_MODEL_MAX_TOKEN];
  gboolean known = to - from <= SEQ_MODEL_MAX_TOKEN;
  guint32 id = NONE;
  gsize i;

  for (i = from; known && i < to; i++) {
    word[i - from] = (gchar) model->map[residues[i]];
    known = residues[i] > 0 && residues[i] < 128;
  }
  if (known && !seq_token_table_look_up (model->vocab, word, to - from, &id))
    id = NONE;
  return func (data, id, from, TRUE);
}

gboolean
seq_tokenizer_model_walk (const SeqTokenizerModel *model, const guint8 *residues, gsize n,
    SeqModelFunc func, gpointer data)
{
  SeqBpe bpe = {.model = model };
  SeqBpeResult result = SEQ_BPE_DONE;
  gsize from = 0, to;

  for (; result == SEQ_BPE_DONE && from < n; from = to) {
    gboolean is_space = model->classes[residues[from]] == SEQ_MODEL_SPACE;

    if (!is_space && !model->whole_words) {
      result = seq_bpe_walk (&bpe, residues, from, n, &to, func, data);
      continue;
    }
    to = seq_model_word_end (model, residues, from, from + 1, n);
    if (!is_space && !walk_whole (model, residues, from, to, func, data))
      result = SEQ_BPE_STOPPED;
  }
  seq_bpe_clear (&bpe);
  return result != SEQ_BPE_NO_MEMORY;
}
