/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-model.h"

#include <string.h>

#define NONE G_MAXUINT32

/* A letter of a word, or what letters have been merged to. */
typedef struct
{
  guint32 id;
  guint32 previous, next;       /* NONE = there is none */
  gboolean gone;                /* merged into the one before */
} Symbol;

/* A pair that may be merged, unless one of the two has changed since. */
typedef struct
{
  guint32 rank, at, id;
} Candidate;

/* Memory for the word at hand, kept for the next one. */
typedef struct
{
  gsize room;
  Symbol *symbols;
  Candidate *heap;              /* lowest rank first, then leftmost; room for two per symbol */
  gsize n_candidates;
} Work;

SeqTokenizerModel *
seq_tokenizer_model_new (void)
{
  SeqTokenizerModel *model = g_new0 (SeqTokenizerModel, 1);
  guint i;

  for (i = 0; i < 256; i++)
    model->map[i] = (guint8) i;
  model->vocab = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  model->factor = (guint64) g_random_int () << 32 | g_random_int () | 1;
  return model;
}

void
seq_tokenizer_model_free (SeqTokenizerModel *model)
{
  g_hash_table_unref (model->vocab);
  g_free (model->merges);
  g_free (model);
}

void
seq_tokenizer_model_reserve_merges (SeqTokenizerModel *model, gsize n)
{
  gsize i;

  model->bits = 1;
  while ((gsize) 1 << model->bits < 2 * n)
    model->bits++;
  g_free (model->merges);
  model->merges = g_new (SeqModelMerge, (gsize) 1 << model->bits);
  for (i = 0; i < (gsize) 1 << model->bits; i++)
    model->merges[i].id = NONE;
}

/* The slot of a pair, or the free one where it belongs. */
static SeqModelMerge *
find_merge (const SeqTokenizerModel *model, guint32 left, guint32 right)
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
  SeqModelMerge *merge = find_merge (model, left, right);

  merge->pair = (guint64) left << 32 | right;
  merge->rank = rank;
  merge->id = id;
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

void
seq_tokenizer_model_finish (SeqTokenizerModel *model)
{
  gchar letter[7];
  gpointer id;
  guint i;

  for (i = 0; i < 256; i++) {
    guint byte = model->map[i];

    letter[g_unichar_to_utf8 (model->byte_level ? byte_level_character (byte) : byte, letter)] = 0;
    model->letters[i] = (model->byte_level || (i > 0 && i < 128))
        && g_hash_table_lookup_extended (model->vocab, letter, NULL, &id)
        ? GPOINTER_TO_UINT (id) : NONE;
  }
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

/* ---- one word by byte pair encoding ---- */

static void
work_reserve (Work *work, gsize n)
{
  if (work->room >= n)
    return;
  g_free (work->symbols);
  g_free (work->heap);
  work->room = MAX (n, 256);
  work->symbols = g_new (Symbol, work->room);
  work->heap = g_new (Candidate, 2 * work->room);
}

static inline gboolean
is_before (Candidate a, Candidate b)
{
  return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void
heap_push (Work *work, Candidate candidate)
{
  gsize i = work->n_candidates++;

  while (i > 0 && is_before (candidate, work->heap[(i - 1) / 2])) {
    work->heap[i] = work->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  work->heap[i] = candidate;
}

static Candidate
heap_pop (Work *work)
{
  Candidate top = work->heap[0], last = work->heap[--work->n_candidates];
  gsize i = 0, child;

  while ((child = 2 * i + 1) < work->n_candidates) {
    if (child + 1 < work->n_candidates && is_before (work->heap[child + 1], work->heap[child]))
      child++;
    if (!is_before (work->heap[child], last))
      break;
    work->heap[i] = work->heap[child];
    i = child;
  }
  work->heap[i] = last;
  return top;
}

/* The merge of symbol `at` and the next one, NULL = there is none. */
static const SeqModelMerge *
merge_at (const SeqTokenizerModel *model, const Work *work, guint32 at)
{
  const Symbol *symbols = work->symbols;
  guint32 next = symbols[at].next;
  const SeqModelMerge *merge;

  if (next == NONE || symbols[at].id == NONE || symbols[next].id == NONE)
    return NULL;
  merge = find_merge (model, symbols[at].id, symbols[next].id);
  return merge->id != NONE ? merge : NULL;
}

static void
push_pair (const SeqTokenizerModel *model, Work *work, guint32 at)
{
  const SeqModelMerge *merge = at != NONE ? merge_at (model, work, at) : NULL;

  if (merge != NULL)
    heap_push (work, (Candidate) { merge->rank, at, merge->id });
}

/* Each merge takes one candidate away and adds at most two, so there are never more than two per
 * symbol. */
static void
merge_word (const SeqTokenizerModel *model, Work *work)
{
  Symbol *symbols = work->symbols;

  while (work->n_candidates > 0) {
    Candidate top = heap_pop (work);
    const SeqModelMerge *merge = symbols[top.at].gone ? NULL : merge_at (model, work, top.at);
    guint32 next;

    if (merge == NULL || merge->id != top.id)
      continue;
    next = symbols[top.at].next;
    symbols[top.at].id = top.id;
    symbols[top.at].next = symbols[next].next;
    symbols[next].gone = TRUE;
    if (symbols[next].next != NONE)
      symbols[symbols[next].next].previous = top.at;
    push_pair (model, work, symbols[top.at].previous);
    push_pair (model, work, top.at);
  }
}

static gboolean
walk_pieces (const SeqTokenizerModel *model, Work *work, const guint8 *residues, gsize from,
    gsize to, SeqModelFunc func, gpointer data)
{
  guint32 i, n = (guint32) (to - from);
  gboolean more = TRUE;

  work_reserve (work, n);
  work->n_candidates = 0;
  for (i = 0; i < n; i++)
    work->symbols[i] = (Symbol) { model->letters[residues[from + i]], i > 0 ? i - 1 : NONE,
      i + 1 < n ? i + 1 : NONE, FALSE };
  if (model->merges != NULL) {
    for (i = 0; i < n; i++)
      push_pair (model, work, i);
    merge_word (model, work);
  }
  for (i = 0; more && i != NONE; i = work->symbols[i].next)
    more = func (data, work->symbols[i].id, from + i, i == 0);
  return more;
}

/* ---- words ---- */

static gboolean
walk_whole (const SeqTokenizerModel *model, const guint8 *residues, gsize from, gsize to,
    SeqModelFunc func, gpointer data)
{
  gchar word[SEQ_MODEL_MAX_TOKEN + 1];
  gboolean known = to - from <= SEQ_MODEL_MAX_TOKEN;
  gpointer id = NULL;
  gsize i;

  for (i = from; known && i < to; i++) {
    word[i - from] = (gchar) model->map[residues[i]];
    known = residues[i] > 0 && residues[i] < 128;
  }
  if (known) {
    word[to - from] = '\0';
    known = g_hash_table_lookup_extended (model->vocab, word, NULL, &id);
  }
  return func (data, known ? GPOINTER_TO_UINT (id) : NONE, from, TRUE);
}

void
seq_tokenizer_model_walk (const SeqTokenizerModel *model, const guint8 *residues, gsize n,
    SeqModelFunc func, gpointer data)
{
  Work work = { 0 };
  gsize from = 0, to;
  gboolean more = TRUE;

  for (; more && from < n; from = to) {
    guint8 kind = model->classes[residues[from]];

    /* symbols are numbered with 32 bits, which the length of a record fits */
    for (to = from + 1; to < n && to - from < NONE - 1; to++) {
      if (model->classes[residues[to]] != kind || kind == SEQ_MODEL_ALONE)
        break;
    }
    if (kind == SEQ_MODEL_SPACE)
      continue;
    more = model->whole_words ? walk_whole (model, residues, from, to, func, data)
        : walk_pieces (model, &work, residues, from, to, func, data);
  }
  g_free (work.symbols);
  g_free (work.heap);
}
