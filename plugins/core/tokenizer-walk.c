/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-sink.h"

#include <string.h>

/* The walks over letters and k-mers, for all that cannot be done block by block. */

gboolean
seq_sink_unknown (SeqSink *sink, gsize position, gsize end, guint64 n_units)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  gsize owner, i;

  if (tokenizer->unknown != SEQ_UNKNOWN_SKIP
      && !(tokenizer->unknown == SEQ_UNKNOWN_PER_RUN && sink->in_run)
      && !seq_sink_token (sink, seq_tokenizer_unknown_id (tokenizer), position))
    return FALSE;
  sink->in_run = TRUE;

  /* A unit that is left out belongs to the token before it. */
  owner = MAX (sink->index, 1) - 1;
  if (owner < sink->first || owner >= sink->end)
    return TRUE;
  sink->unknown += n_units;
  if (sink->unknown_position < 0) {
    /* a unit may be unknown for all its letters */
    for (i = position; i < end
        && !seq_tokenizer_is_unknown_residue (tokenizer, sink->residues[i]); i++)
      continue;
    sink->unknown_position = (gssize) (i < end ? i : position);
  }
  return TRUE;
}

/* One letter. Returns: whether to go on. */
static inline gboolean
walk_letter (SeqSink *sink, gsize i)
{
  guint32 id = sink->tokenizer->ids[sink->residues[i]];

  return id != SEQ_TOKENIZER_NO_ID ? seq_sink_known (sink, id, i)
      : seq_sink_unknown (sink, i, i + 1, 1);
}

static void
walk_letters (SeqSink *sink, gsize n)
{
  gsize i;

  for (i = 0; i < n; i++) {
    if (!sink->tokenizer->dropped[sink->residues[i]] && !walk_letter (sink, i))
      return;
  }
}

/* Letters that are dropped may stand between those of a k-mer, so where it starts is kept for each
 * of the last letters. */
static void
walk_overlapping (SeqSink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  SeqKmerReader reader = seq_kmer_reader (tokenizer);
  gsize starts[SEQ_TOKENIZER_MAX_K], letters = 0, i;

  for (i = 0; i < n; i++) {
    gboolean known;
    gsize start;

    if (tokenizer->dropped[sink->residues[i]])
      continue;
    known = seq_kmer_next (&reader, tokenizer, sink->residues[i]);
    starts[letters++ % tokenizer->k] = i;
    if (letters < tokenizer->k)
      continue;
    start = starts[letters % tokenizer->k];
    if (!(known ? seq_sink_known (sink, tokenizer->first_kmer + reader.kmer, start)
            : seq_sink_unknown (sink, start, i + 1, 1)))
      return;
  }
}

/* Letters of a piece that make no k-mer yet. */
typedef struct
{
  gsize start, n;
  guint32 kmer;
  gboolean known;
} Chunk;

/* The end of a piece, at `end`. Returns: whether to go on. */
static gboolean
walk_rest (SeqSink *sink, const Chunk *chunk, gsize end)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  gboolean more = TRUE;
  gsize i;

  if (chunk->n == 0)
    return TRUE;
  switch (tokenizer->remainder) {
    case SEQ_REMAINDER_DROP:
      break;
    case SEQ_REMAINDER_UNKNOWN:
      return seq_sink_unknown (sink, chunk->start, end, 1);
    case SEQ_REMAINDER_SINGLE:
      for (i = chunk->start; more && i < end; i++)
        more = tokenizer->dropped[sink->residues[i]] || walk_letter (sink, i);
  }
  return more;
}

/* The k-th letter, before `end`, of a chunk. */
static gboolean
walk_chunk (SeqSink *sink, const Chunk *chunk, gsize end)
{
  return chunk->known
      ? seq_sink_known (sink, sink->tokenizer->first_kmer + chunk->kmer, chunk->start)
      : seq_sink_unknown (sink, chunk->start, end, 1);
}

/* Two-bit codes of some residues, which are looked up many at a time. Behind them stands what may
 * be read with the last ones. */
typedef struct
{
  gsize begin, end;             /* residues */
  guint8 codes[SEQ_SINK_BLOCK + SEQ_KMERS_SLACK];
} Codes;

/* How many residues from i on, as far as is looked up at a time, are letters of k-mers: neither
 * dropped nor breaking nor unknown. Those before i are not asked for again. */
static gsize
count_kmer_letters (Codes *self, const SeqSink *sink, gsize i, gsize n)
{
  const guint8 *codes, *other;

  /* a k-mer that does not lie in the block as a whole is looked up once more */
  if (i >= self->end || (self->end < n && self->end - i < sink->tokenizer->k)) {
    gsize len = MIN (n - i, SEQ_SINK_BLOCK);

    self->begin = i;
    self->end = i + len;
    seq_tokenizer_map_bytes (sink->tokenizer->kmer_codes, SEQ_TOKENIZER_NO_CODE, sink->residues + i,
        len, self->codes);
    memset (self->codes + len, 0, sizeof self->codes - SEQ_SINK_BLOCK);
  }
  codes = self->codes + (i - self->begin);
  other = memchr (codes, SEQ_TOKENIZER_NO_CODE, self->end - i);
  return other != NULL ? (gsize) (other - codes) : self->end - i;
}

/* The k-mers that lie side by side in the first `n` letters from residue i on, all of which have
 * codes. Returns: whether to go on. */
static gboolean
walk_kmers (SeqSink *sink, const Codes *codes, gsize i, gsize n)
{
  const guint k = sink->tokenizer->k;
  const guint8 *letters = codes->codes + (i - codes->begin);
  gsize n_kmers = n / k, before = MIN (n_kmers, MAX (sink->first, sink->index) - sink->index);
  gsize take, some;

  sink->index += before;
  take = MIN (n_kmers - before, sink->end - sink->index);
  if (take > 0 && sink->index == sink->first)
    sink->position = i + before * k;
  sink->index += take;
  sink->in_run = FALSE;
  letters += before * k;
  for (gsize m = 0; sink->out != NULL && m < take; m += some, letters += some * k) {
    some = MIN (take - m, SEQ_SINK_BLOCK - sink->n_ids);
    seq_kmers_pack (letters, k, some, sink->tokenizer->first_kmer, sink->ids + sink->n_ids);
    sink->n_ids += some;
    if (sink->n_ids == SEQ_SINK_BLOCK)
      seq_sink_flush (sink);
  }
  return before + take == n_kmers;
}

static void
walk_split (SeqSink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  const Chunk none = { 0, 0, 0, TRUE };
  Chunk chunk = none;
  Codes codes;
  gsize i;

  codes.begin = codes.end = 0;
  for (i = 0; i < n; i++) {
    guint8 residue = sink->residues[i];
    guint code = tokenizer->codes[residue];

    if (chunk.n == 0) {
      gsize letters = count_kmer_letters (&codes, sink, i, n);

      letters -= letters % tokenizer->k;
      if (letters > 0) {
        if (!walk_kmers (sink, &codes, i, letters))
          return;
        i += letters - 1;
        continue;
      }
    }
    if (tokenizer->dropped[residue])
      continue;
    if (!tokenizer->breaks[residue]) {
      if (chunk.n == 0)
        chunk.start = i;
      chunk.kmer = chunk.kmer << 2 | (code & 3);
      chunk.known = chunk.known && code != SEQ_TOKENIZER_NO_CODE;
      if (++chunk.n < tokenizer->k)
        continue;
      if (!walk_chunk (sink, &chunk, i + 1))
        return;
    } else if (!walk_rest (sink, &chunk, i) || !walk_letter (sink, i)) {
      return;
    }
    chunk = none;
  }
  walk_rest (sink, &chunk, n);
}

static gboolean
walk_model_token (gpointer data, guint32 id, gsize position, gboolean starts_word)
{
  SeqSink *sink = data;

  if (starts_word)              /* a run of unknown units ends with its word */
    sink->in_run = FALSE;
  return id != SEQ_TOKENIZER_NO_ID ? seq_sink_known (sink, id, position)
      : seq_sink_unknown (sink, position, position + 1, 1);
}

void
seq_tokenizer_walk (SeqSink *sink, gsize n)
{
  switch (sink->tokenizer->units) {
    case SEQ_UNITS_LETTERS:
      walk_letters (sink, n);
      break;
    case SEQ_UNITS_OVERLAPPING:
      walk_overlapping (sink, n);
      break;
    case SEQ_UNITS_SPLIT:
      walk_split (sink, n);
      break;
    case SEQ_UNITS_MODEL:
      sink->failed = !seq_tokenizer_model_walk (sink->tokenizer->model, sink->residues, n,
          walk_model_token, sink);
      break;
  }
}
