/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <string.h>

/* Two ways lead to ids. Letters with small ids at a fixed rate, which is most of what is ever
 * tokenized, are mapped block by block (encode_narrow). Everything else is walked unit by unit into
 * a Sink, which knows the window that is wanted; counting and finding a token are walks that write
 * nothing, so that they cannot disagree with what encoding does. */

#define BLOCK 512

G_DEFINE_QUARK (seq-tokenizer-error-quark, seq_tokenizer_error)

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
  guint64 unknown;
  gssize unknown_position;
  guint n_ids;
  guint32 ids[BLOCK];           /* not yet written */
} Sink;

static void
sink_init (Sink *sink, const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, gsize first,
    gsize max_body)
{
  sink->tokenizer = tokenizer;
  sink->residues = residues;
  sink->dtype = SEQ_DTYPE_UINT8;
  sink->out = NULL;
  sink->first = first;
  sink->end = max_body > G_MAXSIZE - first ? G_MAXSIZE : first + max_body;
  sink->index = 0;
  sink->position = n;
  sink->in_run = FALSE;
  sink->unknown = 0;
  sink->unknown_position = -1;
  sink->n_ids = 0;
}

static void
sink_flush (Sink *sink)
{
  seq_dtype_convert (sink->dtype, sink->out, sink->ids, sink->n_ids);
  sink->out += sink->n_ids * seq_dtype_size (sink->dtype);
  sink->n_ids = 0;
}

/* The next body token, whose first residue stands at `position`. Returns: whether to go on. */
static inline gboolean
sink_token (Sink *sink, guint32 id, gsize position)
{
  if (sink->index >= sink->end)
    return FALSE;
  if (sink->index == sink->first)
    sink->position = position;
  if (sink->index >= sink->first && sink->out != NULL) {
    sink->ids[sink->n_ids++] = id;
    if (sink->n_ids == BLOCK)
      sink_flush (sink);
  }
  sink->index++;
  return TRUE;
}

static inline gboolean
sink_known (Sink *sink, guint32 id, gsize position)
{
  sink->in_run = FALSE;
  return sink_token (sink, id, position);
}

static gboolean
is_unknown_residue (const SeqTokenizer *tokenizer, guint8 residue)
{
  return tokenizer->ids[residue] == SEQ_TOKENIZER_NO_ID
      && tokenizer->codes[residue] == SEQ_TOKENIZER_NO_CODE;
}

/* An unknown unit. Returns: whether to go on. */
static gboolean
sink_unknown (Sink *sink, gsize position)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  /* where the policy is to fail, there need not be such a token */
  guint32 id = tokenizer->unk != SEQ_TOKENIZER_NO_ID ? tokenizer->unk : tokenizer->pad;
  gsize owner;

  if (tokenizer->unknown != SEQ_UNKNOWN_SKIP
      && !(tokenizer->unknown == SEQ_UNKNOWN_PER_RUN && sink->in_run)
      && !sink_token (sink, id, position))
    return FALSE;
  sink->in_run = TRUE;

  /* A unit that is left out belongs to the token before it. */
  owner = MAX (sink->index, 1) - 1;
  if (owner < sink->first || owner >= sink->end)
    return TRUE;
  sink->unknown++;
  if (sink->unknown_position < 0) {
    while (!is_unknown_residue (tokenizer, sink->residues[position]))
      position++;
    sink->unknown_position = (gssize) position;
  }
  return TRUE;
}

static void
walk_letters (Sink *sink, gsize n, gsize start)
{
  const guint32 *ids = sink->tokenizer->ids;
  gsize i;

  for (i = start; i < n; i++) {
    guint32 id = ids[sink->residues[i]];

    if (!(id != SEQ_TOKENIZER_NO_ID ? sink_known (sink, id, i) : sink_unknown (sink, i)))
      return;
  }
}

static void
walk_overlapping (Sink *sink, gsize n, gsize start)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  const guint32 mask = (1u << (2 * tokenizer->k)) - 1;
  guint32 kmer = 0;
  gsize i, known = 0, k = tokenizer->k;

  for (i = start; i < n; i++) {
    guint code = tokenizer->codes[sink->residues[i]];

    kmer = (kmer << 2 | (code & 3)) & mask;
    known = code != SEQ_TOKENIZER_NO_CODE ? known + 1 : 0;
    if (i + 1 - start < k)
      continue;
    if (!(known >= k ? sink_known (sink, tokenizer->first_kmer + kmer, i + 1 - k)
            : sink_unknown (sink, i + 1 - k)))
      return;
  }
}

/* The letters from `from` to `to` - 1, which are known, one by one. */
static gboolean
walk_rest (Sink *sink, gsize from, gsize to)
{
  for (; from < to; from++) {
    if (!sink_known (sink, sink->tokenizer->ids[sink->residues[from]], from))
      return FALSE;
  }
  return TRUE;
}

static void
walk_split (Sink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  guint32 kmer = 0;
  gsize i, len = 0;

  for (i = 0; i < n; i++) {
    guint8 residue = sink->residues[i];
    guint code = tokenizer->codes[residue];

    if (code != SEQ_TOKENIZER_NO_CODE) {
      kmer = kmer << 2 | code;
      if (++len < tokenizer->k)
        continue;
      if (!sink_known (sink, tokenizer->first_kmer + kmer, i + 1 - len))
        return;
    } else {
      if (!walk_rest (sink, i - len, i))
        return;
      if (!(tokenizer->ids[residue] != SEQ_TOKENIZER_NO_ID
              ? sink_known (sink, tokenizer->ids[residue], i) : sink_unknown (sink, i)))
        return;
    }
    len = 0;
    kmer = 0;
  }
  walk_rest (sink, n - len, n);
}

/* The number of body tokens at a fixed rate. */
static gsize
fixed_count (const SeqTokenizer *tokenizer, gsize n)
{
  if (tokenizer->units == SEQ_UNITS_LETTERS)
    return n;
  return n >= tokenizer->k ? n - tokenizer->k + 1 : 0;
}

static void
walk (Sink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  gsize start = 0;

  /* At a fixed rate token i starts at residue i, so what lies before the window is not looked at. */
  if (tokenizer->fixed_rate)
    sink->index = start = MIN (sink->first, fixed_count (tokenizer, n));
  switch (tokenizer->units) {
    case SEQ_UNITS_LETTERS:
      walk_letters (sink, n, start);
      break;
    case SEQ_UNITS_OVERLAPPING:
      walk_overlapping (sink, n, start);
      break;
    case SEQ_UNITS_SPLIT:
      walk_split (sink, n);
      break;
  }
}

gsize
seq_tokenizer_count (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n)
{
  Sink sink;

  if (tokenizer->fixed_rate)
    return fixed_count (tokenizer, n);
  sink_init (&sink, tokenizer, residues, n, 0, G_MAXSIZE);
  walk (&sink, n);
  return sink.index;
}

gsize
seq_tokenizer_token_position (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize first)
{
  Sink sink;

  if (tokenizer->fixed_rate)
    return first < fixed_count (tokenizer, n) ? first : n;
  sink_init (&sink, tokenizer, residues, n, first, 1);
  walk (&sink, n);
  return sink.position;
}

/* n letters, all of which are wanted. Returns: how many of them are unknown. */
static guint64
encode_narrow (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, SeqDtype dtype,
    guint8 *out)
{
  guint8 block[BLOCK];
  guint64 unknown = 0;
  gsize len;

  if (dtype == SEQ_DTYPE_UINT8) {
    unknown = seq_tokenizer_map_bytes (tokenizer->bytes, tokenizer->marker, residues, n, out);
  } else {
    for (; n > 0; n -= len, residues += len, out += len * seq_dtype_size (dtype)) {
      len = MIN (n, BLOCK);
      unknown += seq_tokenizer_map_bytes (tokenizer->bytes, tokenizer->marker, residues, len,
          block);
      seq_dtype_widen (dtype, out, block, len);
    }
  }
  return tokenizer->all_known ? 0 : unknown;
}

static guint8 *
put_special (guint8 *out, SeqDtype dtype, guint32 id)
{
  if (id == SEQ_TOKENIZER_NO_ID)
    return out;
  seq_dtype_fill (dtype, out, 1, id);
  return out + seq_dtype_size (dtype);
}

gsize
seq_tokenizer_encode (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, gsize first,
    gsize max_body, SeqDtype dtype, void *out, guint64 *unknown, gssize *unknown_position)
{
  guint8 *p = put_special (out, dtype, tokenizer->prefix);
  guint64 n_unknown;
  gssize position = -1;

  if (tokenizer->narrow) {
    gsize start = MIN (first, n), i = start, len = MIN (n - start, max_body);

    n_unknown = encode_narrow (tokenizer, residues + start, len, dtype, p);
    p += len * seq_dtype_size (dtype);
    if (n_unknown > 0) {
      while (!is_unknown_residue (tokenizer, residues[i]))
        i++;
      position = (gssize) i;
    }
  } else {
    Sink sink;

    sink_init (&sink, tokenizer, residues, n, first, max_body);
    sink.dtype = dtype;
    sink.out = p;
    walk (&sink, n);
    sink_flush (&sink);
    p = sink.out;
    n_unknown = sink.unknown;
    position = sink.unknown_position;
  }
  p = put_special (p, dtype, tokenizer->suffix);

  if (unknown != NULL)
    *unknown += n_unknown;
  if (unknown_position != NULL)
    *unknown_position = position;
  return (gsize) (p - (guint8 *) out) / seq_dtype_size (dtype);
}

static guint32
max_known (guint32 max, guint32 id)
{
  return id != SEQ_TOKENIZER_NO_ID ? MAX (max, id) : max;
}

/* Chooses the ids of the narrow way, where it can be taken. */
static void
derive_bytes (SeqTokenizer *tokenizer)
{
  gboolean used[256] = { FALSE };
  guint i, marker = 0;

  tokenizer->narrow = tokenizer->fixed_rate && tokenizer->units == SEQ_UNITS_LETTERS
      && (tokenizer->unk == SEQ_TOKENIZER_NO_ID || tokenizer->unk < 256);
  for (i = 0; i < 256 && tokenizer->narrow; i++) {
    if (tokenizer->ids[i] == SEQ_TOKENIZER_NO_ID)
      continue;
    if (tokenizer->ids[i] < 256)
      used[tokenizer->ids[i]] = TRUE;
    else
      tokenizer->narrow = FALSE;
  }
  if (!tokenizer->narrow)
    return;

  /* Without an unknown token some id that no letter has; where letters have them all, no residue
   * is unknown and the marker is not used. */
  while (marker < 255 && used[marker])
    marker++;
  tokenizer->marker = (guint8) (tokenizer->unk != SEQ_TOKENIZER_NO_ID ? tokenizer->unk : marker);
  for (i = 0; i < 256; i++) {
    tokenizer->bytes[i] = tokenizer->ids[i] != SEQ_TOKENIZER_NO_ID ? (guint8) tokenizer->ids[i]
        : tokenizer->marker;
  }
}

static void
derive (SeqTokenizer *tokenizer)
{
  guint32 max = tokenizer->pad;
  guint i;

  max = max_known (max, tokenizer->unk);
  max = max_known (max, tokenizer->prefix);
  max = max_known (max, tokenizer->suffix);
  if (tokenizer->k > 0)
    max = MAX (max, tokenizer->first_kmer + (1u << (2 * tokenizer->k)) - 1);
  tokenizer->all_known = TRUE;
  for (i = 0; i < 256; i++) {
    max = max_known (max, tokenizer->ids[i]);
    if (tokenizer->ids[i] == SEQ_TOKENIZER_NO_ID)
      tokenizer->all_known = FALSE;
  }
  tokenizer->max_id = max;
  tokenizer->fixed_rate = tokenizer->units != SEQ_UNITS_SPLIT && (tokenizer->all_known
      || tokenizer->unknown == SEQ_UNKNOWN_TOKEN || tokenizer->unknown == SEQ_UNKNOWN_ERROR);
  derive_bytes (tokenizer);
}

SeqTokenizer *
seq_tokenizer_new (const gchar *name_or_path, SeqUnknown unknown, GError **error)
{
  SeqTokenizer *tokenizer = g_atomic_rc_box_new0 (SeqTokenizer);
  guint i;

  tokenizer->unknown = unknown;
  tokenizer->pad = tokenizer->unk = SEQ_TOKENIZER_NO_ID;
  tokenizer->prefix = tokenizer->suffix = SEQ_TOKENIZER_NO_ID;
  memset (tokenizer->codes, SEQ_TOKENIZER_NO_CODE, sizeof tokenizer->codes);
  for (i = 0; i < 256; i++)
    tokenizer->ids[i] = SEQ_TOKENIZER_NO_ID;

  if (!seq_tokenizer_load_preset (tokenizer, name_or_path)
      && !seq_tokenizer_load_vocab (tokenizer, name_or_path, error))
    goto failed;
  derive (tokenizer);
  if (tokenizer->unk == SEQ_TOKENIZER_NO_ID && !tokenizer->all_known
      && (unknown == SEQ_UNKNOWN_TOKEN || unknown == SEQ_UNKNOWN_PER_RUN)) {
    g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NO_UNKNOWN,
        "%s has no unknown token, <unk> or [UNK]: unknown letters can only be skipped or be an "
        "error", name_or_path);
    goto failed;
  }
  return tokenizer;

failed:
  seq_tokenizer_unref (tokenizer);
  return NULL;
}

SeqTokenizer *
seq_tokenizer_ref (SeqTokenizer *tokenizer)
{
  return g_atomic_rc_box_acquire (tokenizer);
}

void
seq_tokenizer_unref (SeqTokenizer *tokenizer)
{
  g_atomic_rc_box_release (tokenizer);
}

guint
seq_tokenizer_get_vocab_size (const SeqTokenizer *tokenizer)
{
  return tokenizer->vocab_size;
}

guint
seq_tokenizer_get_pad_id (const SeqTokenizer *tokenizer)
{
  return tokenizer->pad;
}

guint
seq_tokenizer_get_unk_id (const SeqTokenizer *tokenizer)
{
  return tokenizer->unk;
}

guint
seq_tokenizer_get_n_prefix (const SeqTokenizer *tokenizer)
{
  return tokenizer->prefix != SEQ_TOKENIZER_NO_ID;
}

guint
seq_tokenizer_get_n_suffix (const SeqTokenizer *tokenizer)
{
  return tokenizer->suffix != SEQ_TOKENIZER_NO_ID;
}

guint
seq_tokenizer_get_max_id (const SeqTokenizer *tokenizer)
{
  return tokenizer->max_id;
}

gboolean
seq_tokenizer_is_fixed_rate (const SeqTokenizer *tokenizer)
{
  return tokenizer->fixed_rate;
}
