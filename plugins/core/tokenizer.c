/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "one-hot.h"
#include "tokenizer-sink.h"

#include <string.h>

/* Two ways lead to ids. Where token i is residue i and onwards, or k-mer i of letters that are all
 * known, which holds for most of what is ever tokenized, ids are made block by block. Everything
 * else is walked unit by unit into a SeqSink, which knows the window that is wanted; counting and
 * finding a token are walks that write nothing, so that they cannot disagree with what encoding
 * does. */

#define BLOCK SEQ_SINK_BLOCK

G_DEFINE_QUARK (seq-tokenizer-error-quark, seq_tokenizer_error)

static void
sink_init (SeqSink *sink, const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, gsize first,
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
  sink->failed = FALSE;
  sink->unknown = 0;
  sink->unknown_position = -1;
  sink->n_ids = 0;
}

/* The number of body tokens at a fixed rate. */
static gsize
fixed_count (const SeqTokenizer *tokenizer, gsize n)
{
  if (tokenizer->units == SEQ_UNITS_LETTERS)
    return n;
  return n >= tokenizer->k ? n - tokenizer->k + 1 : 0;
}

/* Whether token i is residue i in the first n residues. */
static gboolean
all_letters_known (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n)
{
  guint8 block[BLOCK];
  gsize len;

  if (!tokenizer->narrow)
    return FALSE;
  for (; n > 0; n -= len, residues += len) {
    len = MIN (n, BLOCK);
    if (seq_tokenizer_map_bytes (tokenizer->bytes, tokenizer->marker, residues, len, block) > 0)
      return tokenizer->all_known;
  }
  return TRUE;
}

gsize
seq_tokenizer_count (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n)
{
  SeqSink sink;
  gsize count;

  if (tokenizer->fixed_rate)
    return fixed_count (tokenizer, n);
  if (tokenizer->units == SEQ_UNITS_SPLIT
      && seq_kmers_count_split (tokenizer, residues, n, &count))
    return count;
  if (all_letters_known (tokenizer, residues, n))
    return n;
  sink_init (&sink, tokenizer, residues, n, 0, G_MAXSIZE);
  seq_tokenizer_walk (&sink, n);
  return sink.failed ? SEQ_TOKENIZER_NO_MEMORY : sink.index;
}

gsize
seq_tokenizer_token_position (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize first)
{
  SeqSink sink;

  if (tokenizer->fixed_rate)
    return first < fixed_count (tokenizer, n) ? first : n;
  sink_init (&sink, tokenizer, residues, n, first, 1);
  seq_tokenizer_walk (&sink, n);
  return sink.failed ? SEQ_TOKENIZER_NO_MEMORY : sink.position;
}

/* Overlapping k-mers, of which some letters, or all that are unknown, may be left out: one that
 * begins before token `max_body` ends before the k letters from there on do. */
static gsize
overlapping_span (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, gsize max_body)
{
  gsize end = seq_tokenizer_token_position (tokenizer, residues, n, max_body);

  for (guint letters = 0; end < n && letters < tokenizer->k; end++)
    letters += !tokenizer->dropped[residues[end]];
  return end;
}

gsize
seq_tokenizer_get_span (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize max_body)
{
  switch (tokenizer->units) {
    case SEQ_UNITS_LETTERS:
    case SEQ_UNITS_SPLIT:
      return seq_tokenizer_token_position (tokenizer, residues, n, max_body);
    case SEQ_UNITS_OVERLAPPING:
      return overlapping_span (tokenizer, residues, n, max_body);
    case SEQ_UNITS_MODEL:
      break;
  }
  return n;
}

/* Tokens whose ids are bytes. */
static void
widen (const SeqTokenizer *tokenizer, SeqDtype dtype, void *out, const guint8 *ids, gsize n)
{
  if (tokenizer->n_channels > 0)
    seq_one_hot_write (tokenizer->rows, tokenizer->n_channels, ids, n, out);
  else
    seq_dtype_widen (dtype, out, ids, n);
}

void
seq_tokenizer_convert (const SeqTokenizer *tokenizer, SeqDtype dtype, void *out,
    const guint32 *ids, gsize n)
{
  guint8 narrow[SEQ_SINK_BLOCK];

  if (tokenizer->n_channels == 0) {
    seq_dtype_convert (dtype, out, ids, n);
    return;
  }
  seq_dtype_convert (SEQ_DTYPE_UINT8, narrow, ids, n);
  widen (tokenizer, dtype, out, narrow, n);
}

/* n letters with small ids. Returns: how many of them are unknown. */
static guint64
encode_narrow (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, SeqDtype dtype,
    guint8 *out)
{
  gsize size = seq_tokenizer_get_token_size (tokenizer, dtype), len;
  guint8 block[BLOCK];
  guint64 unknown = 0;

  if (size == 1) {
    unknown = seq_tokenizer_map_bytes (tokenizer->bytes, tokenizer->marker, residues, n, out);
  } else {
    for (; n > 0; n -= len, residues += len, out += len * size) {
      len = MIN (n, BLOCK);
      unknown += seq_tokenizer_map_bytes (tokenizer->bytes, tokenizer->marker, residues, len,
          block);
      widen (tokenizer, dtype, out, block, len);
    }
  }
  return tokenizer->all_known ? 0 : unknown;
}

/* n letters with any ids. */
static guint64
encode_wide (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, SeqDtype dtype,
    guint8 *out)
{
  guint32 block[BLOCK], unk = seq_tokenizer_unknown_id (tokenizer);
  guint64 unknown = 0;
  gsize len, i;

  for (; n > 0; n -= len, residues += len, out += len * seq_dtype_size (dtype)) {
    len = MIN (n, BLOCK);
    for (i = 0; i < len; i++) {
      guint32 id = tokenizer->ids[residues[i]];

      block[i] = id != SEQ_TOKENIZER_NO_ID ? id : unk;
      unknown += id == SEQ_TOKENIZER_NO_ID;
    }
    seq_dtype_convert (dtype, out, block, len);
  }
  return unknown;
}

/* Encodes a window in which token i starts at residue i. Returns: FALSE where that does not hold;
 * nothing has been written then. */
static gboolean
encode_direct (SeqSink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  const guint8 *residues;
  gsize count, start, len;

  /* Up to one past the window: an unknown residue there may be left out and count here. */
  if (!tokenizer->fixed_rate
      && !all_letters_known (tokenizer, sink->residues, sink->end < n ? sink->end + 1 : n))
    return FALSE;
  count = fixed_count (tokenizer, n);
  start = MIN (sink->first, count);
  len = MIN (sink->end, count) - start;
  residues = sink->residues + start;
  if (tokenizer->narrow)
    sink->unknown = encode_narrow (tokenizer, residues, len, sink->dtype, sink->out);
  else if (tokenizer->units == SEQ_UNITS_LETTERS)
    sink->unknown = encode_wide (tokenizer, residues, len, sink->dtype, sink->out);
  else
    sink->unknown = seq_kmers_encode_overlapping (tokenizer, residues, len, sink->dtype,
        sink->out);
  sink->out += len * seq_tokenizer_get_token_size (tokenizer, sink->dtype);
  if (sink->unknown > 0) {
    while (!seq_tokenizer_is_unknown_residue (tokenizer, sink->residues[start]))
      start++;
    sink->unknown_position = (gssize) start;
  }
  return TRUE;
}

static inline guint8 *
put_special (guint8 *out, SeqDtype dtype, guint32 id)
{
  if (id == SEQ_TOKENIZER_NO_ID)
    return out;
  seq_dtype_put (dtype, out, id);
  return out + seq_dtype_size (dtype);
}

gsize
seq_tokenizer_encode (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, gsize first,
    gsize max_body, SeqDtype dtype, void *out, guint64 *unknown, gssize *unknown_position)
{
  gsize size;
  SeqSink sink;
  gboolean done;

  sink_init (&sink, tokenizer, residues, n, first, max_body);
  sink.dtype = dtype;
  sink.out = put_special (out, dtype, tokenizer->prefix);
  if (tokenizer->units == SEQ_UNITS_SPLIT)
    done = seq_kmers_encode_split (&sink, n);
  else
    done = encode_direct (&sink, n);
  if (!done) {
    seq_tokenizer_walk (&sink, n);
    if (sink.failed)
      return SEQ_TOKENIZER_NO_MEMORY;
    seq_sink_flush (&sink);
  }
  size = (gsize) (put_special (sink.out, dtype, tokenizer->suffix) - (guint8 *) out);

  if (unknown != NULL)
    *unknown += sink.unknown;
  if (unknown_position != NULL)
    *unknown_position = sink.unknown_position;
  /* no division where it can be spared: this runs for every row */
  return tokenizer->n_channels > 0 ? size / (tokenizer->n_channels * sizeof (gfloat))
      : size >> dtype;
}

void
seq_tokenizer_pad (const SeqTokenizer *tokenizer, SeqDtype dtype, void *out, gsize n)
{
  if (tokenizer->n_channels == 0)
    seq_dtype_fill (dtype, out, n, tokenizer->pad);
  else if (n > 0)
    memset (out, 0, n * seq_tokenizer_get_token_size (tokenizer, dtype));
}

static guint32
max_known (guint32 max, guint32 id)
{
  return id != SEQ_TOKENIZER_NO_ID ? MAX (max, id) : max;
}

/* Makes the table of ids that fit a byte, where they all do. */
static void
derive_bytes (SeqTokenizer *tokenizer)
{
  gboolean used[256] = { FALSE };
  guint i, marker = 0;

  tokenizer->narrow = tokenizer->units == SEQ_UNITS_LETTERS
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
  gboolean rest_known = TRUE;
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
    tokenizer->all_known = tokenizer->all_known && tokenizer->ids[i] != SEQ_TOKENIZER_NO_ID;
    tokenizer->drops = tokenizer->drops || tokenizer->dropped[i];
    tokenizer->kmer_codes[i] = tokenizer->dropped[i] || tokenizer->breaks[i] ? SEQ_TOKENIZER_NO_CODE
        : tokenizer->codes[i];
    rest_known = rest_known && (tokenizer->kmer_codes[i] == SEQ_TOKENIZER_NO_CODE
        || tokenizer->ids[i] != SEQ_TOKENIZER_NO_ID);
  }
  if (tokenizer->units == SEQ_UNITS_MODEL) {
    max = MAX (max, tokenizer->vocab_size - 1);
    tokenizer->all_known = seq_tokenizer_model_knows_all (tokenizer->model);
  }
  tokenizer->max_id = max;
  tokenizer->plain_rest = tokenizer->remainder == SEQ_REMAINDER_DROP
      || (tokenizer->remainder == SEQ_REMAINDER_SINGLE && rest_known);
  tokenizer->fixed_rate = tokenizer->units != SEQ_UNITS_SPLIT
      && tokenizer->units != SEQ_UNITS_MODEL && !tokenizer->drops
      && (tokenizer->all_known || tokenizer->unknown == SEQ_UNKNOWN_TOKEN
          || tokenizer->unknown == SEQ_UNKNOWN_ERROR);
  derive_bytes (tokenizer);
  if (tokenizer->n_channels > 0)
    tokenizer->rows = seq_one_hot_rows (tokenizer->vocab_size, tokenizer->n_channels);
}

/* Whether some residue that is not dropped has no id of its own. */
static gboolean
may_be_unknown (const SeqTokenizer *tokenizer)
{
  guint i;

  if (tokenizer->units == SEQ_UNITS_MODEL)
    return !tokenizer->all_known;
  for (i = 0; i < 256; i++) {
    if (tokenizer->ids[i] == SEQ_TOKENIZER_NO_ID && !tokenizer->dropped[i])
      return TRUE;
  }
  return FALSE;
}

SeqTokenizer *
seq_tokenizer_new (const gchar *name_or_path, SeqUnknown unknown, GError **error)
{
  SeqTokenizer *tokenizer = g_new0 (SeqTokenizer, 1);
  guint i;

  tokenizer->unknown = unknown;
  tokenizer->pad = tokenizer->unk = SEQ_TOKENIZER_NO_ID;
  tokenizer->prefix = tokenizer->suffix = SEQ_TOKENIZER_NO_ID;
  memset (tokenizer->codes, SEQ_TOKENIZER_NO_CODE, sizeof tokenizer->codes);
  for (i = 0; i < 256; i++)
    tokenizer->ids[i] = SEQ_TOKENIZER_NO_ID;

  if (!seq_tokenizer_load_preset (tokenizer, name_or_path)
      && !seq_tokenizer_load_path (tokenizer, name_or_path, error))
    goto failed;
  derive (tokenizer);
  if (tokenizer->unk == SEQ_TOKENIZER_NO_ID && may_be_unknown (tokenizer)
      && (unknown == SEQ_UNKNOWN_TOKEN || unknown == SEQ_UNKNOWN_PER_RUN)) {
    g_set_error (error, SEQ_TOKENIZER_ERROR, SEQ_TOKENIZER_ERROR_NO_UNKNOWN,
        "%s has no unknown token: unknown letters can only be skipped or be an error",
        name_or_path);
    goto failed;
  }
  return tokenizer;

failed:
  seq_tokenizer_free (tokenizer);
  return NULL;
}

void
seq_tokenizer_free (SeqTokenizer *tokenizer)
{
  g_clear_pointer (&tokenizer->model, seq_tokenizer_model_free);
  g_free (tokenizer->rows);
  g_free (tokenizer);
}

guint
seq_tokenizer_get_n_channels (const SeqTokenizer *tokenizer)
{
  return tokenizer->n_channels;
}

gsize
seq_tokenizer_get_token_size (const SeqTokenizer *tokenizer, SeqDtype dtype)
{
  return tokenizer->n_channels > 0 ? tokenizer->n_channels * sizeof (gfloat)
      : seq_dtype_size (dtype);
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

gboolean
seq_tokenizer_pads_left (const SeqTokenizer *tokenizer)
{
  return tokenizer->pad_left;
}

gboolean
seq_tokenizer_truncates_left (const SeqTokenizer *tokenizer)
{
  return tokenizer->truncate_left;
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

gboolean
seq_tokenizer_is_narrow (const SeqTokenizer *tokenizer)
{
  return tokenizer->narrow;
}
