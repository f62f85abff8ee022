/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tokenizer-private.h"

G_BEGIN_DECLS

/* Where walks put their tokens: it knows the window that is wanted, counts what is not written, and
 * does with unknown units what the tokenizer was told to. */

#define SEQ_SINK_BLOCK 512

typedef struct
{
  const SeqTokenizer *tokenizer;
  const guint8 *residues;
  SeqDtype dtype;
  guint8 *out;                  /* NULL = nothing is written */
  gsize first, end;             /* the body tokens that are wanted */
  gsize index;                  /* of the next body token */
  gsize position;               /* first residue of token `first` */
  gboolean in_run;              /* the last unit was unknown */
  gboolean failed;              /* no memory for a word of a tokenizer.json */
  guint64 unknown;
  gssize unknown_position;
  guint n_ids;
  guint32 ids[SEQ_SINK_BLOCK];  /* not yet written */
} SeqSink;

/* Writes `n` tokens, SEQ_SINK_BLOCK at most: ids, or the vectors that belong to them. */
void seq_tokenizer_convert (const SeqTokenizer *tokenizer, SeqDtype dtype, void *out,
    const guint32 *ids, gsize n);

static inline void
seq_sink_flush (SeqSink *sink)
{
  if (sink->n_ids == 0)
    return;
  seq_tokenizer_convert (sink->tokenizer, sink->dtype, sink->out, sink->ids, sink->n_ids);
  sink->out += sink->n_ids * seq_tokenizer_get_token_size (sink->tokenizer, sink->dtype);
  sink->n_ids = 0;
}

/* The next body token, whose first residue stands at `position`. Returns: whether to go on. */
static inline gboolean
seq_sink_token (SeqSink *sink, guint32 id, gsize position)
{
  if (sink->index >= sink->end)
    return FALSE;
  if (sink->index == sink->first)
    sink->position = position;
  if (sink->index >= sink->first && sink->out != NULL) {
    sink->ids[sink->n_ids++] = id;
    if (sink->n_ids == SEQ_SINK_BLOCK)
      seq_sink_flush (sink);
  }
  sink->index++;
  return TRUE;
}

static inline gboolean
seq_sink_known (SeqSink *sink, guint32 id, gsize position)
{
  sink->in_run = FALSE;
  return seq_sink_token (sink, id, position);
}

/* `n_units` unknown units in the residues from `position` to `end` - 1, which one token may stand
 * for. Returns: whether to go on. */
gboolean seq_sink_unknown (SeqSink *sink, gsize position, gsize end, guint64 n_units);

/* What is written for an unknown unit. Where the policy is to fail, there need not be such a
 * token. */
static inline guint32
seq_tokenizer_unknown_id (const SeqTokenizer *tokenizer)
{
  return tokenizer->unk != SEQ_TOKENIZER_NO_ID ? tokenizer->unk : tokenizer->pad;
}

/* Whether no letter or k-mer can be made of the residue. */
static inline gboolean
seq_tokenizer_is_unknown_residue (const SeqTokenizer *tokenizer, guint8 residue)
{
  return tokenizer->ids[residue] == SEQ_TOKENIZER_NO_ID
      && tokenizer->codes[residue] == SEQ_TOKENIZER_NO_CODE && !tokenizer->dropped[residue];
}

/* The k-mers that lie in a run of letters, which is read on from one call to the next. */
typedef struct
{
  guint32 kmer, mask;
  guint missing;                /* letters until a whole k-mer has been read */
} SeqKmerReader;

static inline SeqKmerReader
seq_kmer_reader (const SeqTokenizer *tokenizer)
{
  SeqKmerReader reader = { 0, (1u << (2 * tokenizer->k)) - 1, tokenizer->k };

  return reader;
}

/* Returns: whether the last k letters, this one included, make a k-mer. */
static inline gboolean
seq_kmer_next (SeqKmerReader *reader, const SeqTokenizer *tokenizer, guint8 residue)
{
  guint code = tokenizer->codes[residue];

  reader->kmer = (reader->kmer << 2 | (code & 3)) & reader->mask;
  reader->missing = code == SEQ_TOKENIZER_NO_CODE ? tokenizer->k
      : reader->missing - (reader->missing > 0);
  return reader->missing == 0;
}

/* ---- tokenizer-kmers.c ---- */

/* bytes behind the codes that seq_kmers_pack may read */
#define SEQ_KMERS_SLACK 16

/* The ids of n k-mers that lie side by side. `codes`: n * k letters, a byte each, which has two
 * bits, and SEQ_KMERS_SLACK bytes. `first`: id of the first of all k-mers. */
void seq_kmers_pack (const guint8 *codes, guint k, gsize n, guint32 first, guint32 *ids);

/* SEQ_UNITS_SPLIT: the tokens of n residues if all are letters of k-mers, and no rest is unknown.
 * Else FALSE. */
gboolean seq_kmers_count_split (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize *count);

/* The same for the window of a sink, which is written and has no unknown unit. FALSE: the sink is
 * as it was, whatever stands in its memory. */
gboolean seq_kmers_encode_split (SeqSink *sink, gsize n);

/* SEQ_UNITS_OVERLAPPING at a fixed rate: n k-mers, which start at each of the first n residues.
 * Returns: how many are unknown. */
guint64 seq_kmers_encode_overlapping (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    SeqDtype dtype, guint8 *out);

/* ---- tokenizer-walk.c ---- */

/* Walks over the first n residues of the sink, unit by unit. */
void seq_tokenizer_walk (SeqSink *sink, gsize n);

G_END_DECLS
