/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tokenizer-model.h"

G_BEGIN_DECLS

/* Byte pair encoding of a word: of all pairs of neighbours that can be merged, the one of the
 * lowest rank, and of these the leftmost, is, until there is none.
 *
 * A word may be a whole chromosome, so it is encoded piece by piece. What the letters behind a
 * piece do to its end is not known, so the end is taken for the worst: a symbol that stands last
 * is given up to what follows as soon as some merge with some symbol on its right could be its
 * turn, and so the one before it. What has never been given up, and all its merges, are those of
 * the whole word; the next piece starts behind it. Merges have to come in the order of their ranks
 * for that: one with a part that only a merge of a higher rank makes would break it. A trained
 * model has none of those (SeqTokenizerModel.in_order); a word of one that has is a single piece.
 *
 * Cost: O(n log p) time and 28 bytes of memory a letter of a piece, whose length p is 4,096, or
 * more where more than half of a piece would be given up, as far as the word goes. */

/* Memory of one walk; all 0 to start with. */
typedef struct _SeqBpe SeqBpe;
struct _SeqBpe
{
  const SeqTokenizerModel *model;
  struct _SeqBpeSymbol *symbols;        /* `room` of them */
  guint64 *heap;                /* candidates, room for two per symbol */
  gsize room, n_heap;
  guint32 end;                  /* letters that have not been given up */
  guint32 min_rank;             /* of a merge with what follows the end */
  gboolean open;                /* something follows the end */
};

typedef enum
{
  SEQ_BPE_DONE,
  SEQ_BPE_STOPPED,              /* by `func` */
  SEQ_BPE_NO_MEMORY
} SeqBpeResult;

/* The word that starts at residue `from` of `n`; see SeqModelFunc for `func`. `*to`: one past it,
 * where the result is SEQ_BPE_DONE; residues far behind the last token handed out are not looked
 * at. */
SeqBpeResult seq_bpe_walk (SeqBpe *bpe, const guint8 *residues, gsize from, gsize n, gsize *to,
    SeqModelFunc func, gpointer data);

/* Frees what `bpe` points to. */
void seq_bpe_clear (SeqBpe *bpe);

G_END_DECLS
