/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-bpe.h"

#define NONE G_MAXUINT32        /* no symbol, no rank, an unknown letter */
#define GONE (G_MAXUINT32 - 1)  /* merged into the one before, or given up */
#define PIECE 4096              /* letters: its memory stays in the cache */

/* A letter of a word, or what letters have been merged to. */
typedef struct _SeqBpeSymbol
{
  guint32 id;
  guint32 previous, next;       /* NONE = there is none */
} Symbol;

static gboolean
reserve (SeqBpe *bpe, gsize n)
{
  if (bpe->room >= n)
    return TRUE;
  seq_bpe_clear (bpe);
  n = MAX (n, 256);
  /* symbols are numbered with 32 bits */
  if (n >= GONE)
    return FALSE;
  bpe->symbols = g_try_new (Symbol, n);
  bpe->heap = g_try_new (guint64, 2 * n);
  if (bpe->symbols == NULL || bpe->heap == NULL)
    return FALSE;
  bpe->room = n;
  return TRUE;
}

void
seq_bpe_clear (SeqBpe *bpe)
{
  g_clear_pointer (&bpe->symbols, g_free);
  g_clear_pointer (&bpe->heap, g_free);
  bpe->room = 0;
}

/* ---- candidates: what may be merged, unless it has changed since; the rank in the upper half of
 * the number, the symbol on the left in the lower ---- */

static void
heap_push (SeqBpe *bpe, guint64 candidate)
{
  guint64 *heap = bpe->heap;
  gsize i = bpe->n_heap++;

  while (i > 0 && candidate < heap[(i - 1) / 2]) {
    heap[i] = heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  heap[i] = candidate;
}

static guint64
heap_pop (SeqBpe *bpe)
{
  guint64 *heap = bpe->heap, top = heap[0], last = heap[--bpe->n_heap];
  gsize i = 0, child;

  while ((child = 2 * i + 1) < bpe->n_heap) {
    child += child + 1 < bpe->n_heap && heap[child + 1] < heap[child];
    if (heap[child] >= last)
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return top;
}

/* ---- merging ---- */

/* The lowest rank, from `min` on, of a merge that has `left` on its left. */
static guint32
lowest_rank (const SeqTokenizerModel *model, guint32 left, guint32 min)
{
  guint32 low, high, end;

  if (left >= model->n_starts)
    return NONE;
  low = model->starts[left];
  high = end = model->starts[left + 1];
  while (low < high) {
    guint32 middle = low + (high - low) / 2;

    if (model->left_ranks[middle] < min)
      low = middle + 1;
    else
      high = middle;
  }
  return low < end ? model->left_ranks[low] : NONE;
}

/* The rank at which symbol `at` is merged with the next one, or may be with what follows the end;
 * *id is what both become, GONE = that is not known. NONE = it stays alone. */
static inline guint32
rank_at (const SeqBpe *bpe, guint32 at, guint32 *id)
{
  const Symbol *symbol = &bpe->symbols[at];
  const SeqModelMerge *merge;

  *id = GONE;
  if (symbol->id >= GONE)
    return NONE;
  if (symbol->next == NONE)
    return bpe->open ? lowest_rank (bpe->model, symbol->id, bpe->min_rank) : NONE;
  if (bpe->symbols[symbol->next].id == NONE)
    return NONE;
  merge = seq_tokenizer_model_find_merge (bpe->model, symbol->id, bpe->symbols[symbol->next].id);
  if (merge == NULL)
    return NONE;
  *id = merge->id;
  return merge->rank;
}

static inline void
push_candidate (SeqBpe *bpe, guint32 at)
{
  guint32 id, rank = at != NONE ? rank_at (bpe, at, &id) : NONE;

  if (rank != NONE)
    heap_push (bpe, (guint64) rank << 32 | at);
}

/* The last symbol may become part of what follows the end. */
static void
give_up (SeqBpe *bpe, guint32 at, guint32 rank)
{
  guint32 previous = bpe->symbols[at].previous;

  bpe->symbols[at].id = GONE;
  bpe->end = at;
  bpe->min_rank = rank + 1;     /* what follows has been made with `rank` */
  if (previous != NONE) {
    bpe->symbols[previous].next = NONE;
    push_candidate (bpe, previous);
  }
}

static void
merge (SeqBpe *bpe, guint32 at, guint32 id)
{
  Symbol *symbols = bpe->symbols;
  guint32 next = symbols[at].next;

  symbols[at].id = id;
  symbols[at].next = symbols[next].next;
  symbols[next].id = GONE;
  if (symbols[next].next != NONE)
    symbols[symbols[next].next].previous = at;
  push_candidate (bpe, symbols[at].previous);
  push_candidate (bpe, at);
}

/* The letters of a piece, and every merge that is certain. Each merge takes one candidate away and
 * adds at most two, so there are never more than two per symbol. */
static void
encode_piece (SeqBpe *bpe, const guint8 *residues, guint32 n, gboolean open)
{
  guint32 i, id;

  bpe->open = open;
  bpe->end = n;
  bpe->min_rank = 0;
  bpe->n_heap = 0;
  for (i = 0; i < n; i++)
    bpe->symbols[i] = (Symbol) { bpe->model->letters[residues[i]], i > 0 ? i - 1 : NONE,
      i + 1 < n ? i + 1 : NONE };
  if (bpe->model->merges == NULL)
    return;
  for (i = 0; i < n; i++)
    push_candidate (bpe, i);
  while (bpe->n_heap > 0) {
    guint64 top = heap_pop (bpe);
    guint32 at = (guint32) top, rank = (guint32) (top >> 32);

    if (rank_at (bpe, at, &id) != rank)
      continue;
    if (id == GONE)
      give_up (bpe, at, rank);
    else
      merge (bpe, at, id);
  }
}

/* Hands out the tokens of the piece at `at`. */
static gboolean
emit (const SeqBpe *bpe, gsize at, gboolean starts_word, SeqModelFunc func, gpointer data)
{
  const Symbol *symbols = bpe->symbols;
  gboolean more = TRUE;
  guint32 i;

  for (i = 0; more && i != NONE; i = symbols[i].next)
    more = func (data, symbols[i].id, at + i, starts_word && i == 0);
  return more;
}

SeqBpeResult
seq_bpe_walk (SeqBpe *bpe, const guint8 *residues, gsize from, gsize n, gsize *to,
    SeqModelFunc func, gpointer data)
{
  const SeqTokenizerModel *model = bpe->model;
  gsize piece = model->in_order ? PIECE : n, at = from, end = from + 1, len;
  gboolean open;

  do {
    end = seq_model_word_end (model, residues, from, end, at + MIN (piece, n - at));
    open = end < n && seq_model_word_end (model, residues, from, end, end + 1) > end;
    len = end - at;
    if (!reserve (bpe, len))
      return SEQ_BPE_NO_MEMORY;
    encode_piece (bpe, residues + at, (guint32) len, open);
    if (open && bpe->end < len / 2) {
      piece *= 2;               /* half a step at least, so that steps add up to O(n) */
      continue;
    }
    if (!emit (bpe, at, at == from, func, data))
      return SEQ_BPE_STOPPED;
    at += bpe->end;
  } while (open);
  *to = end;
  return SEQ_BPE_DONE;
}
