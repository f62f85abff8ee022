/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-sink.h"

#include <string.h>

#include "simd.h"

/* K-mers of letters that all have codes, which is nearly all there is, many at a time. What is not
 * of that kind is left to the walks. */

#define BLOCK SEQ_SINK_BLOCK

/* ---- side by side ---- */

/* Eight letters, a byte each, as 16 bits; the first one is the highest. */
static inline guint32
pack_letters (const guint8 *codes)
{
  guint64 x;

  memcpy (&x, codes, sizeof x);
  x = GUINT64_FROM_BE (x) & G_GUINT64_CONSTANT (0x0303030303030303);
  x = (x | x >> 6) & G_GUINT64_CONSTANT (0x000f000f000f000f);
  x = (x | x >> 12) & G_GUINT64_CONSTANT (0x000000ff000000ff);
  return (x | x >> 24) & 0xffff;
}

static inline guint32
pack_kmer (const guint8 *codes, guint k)
{
  return k <= 8 ? pack_letters (codes) >> (16 - 2 * k)
      : (pack_letters (codes) << 16 | pack_letters (codes + 8)) >> (32 - 2 * k);
}

#if SEQ_HAVE_X86_TARGETS

#define PACKED_AT_ONCE 4
#define MAX_PACKED_K 8

/* Where in sixteen letters each byte of two k-mers comes from that end with a byte of eight;
 * negative where it is to be 0. */
SEQ_AVX2 static inline __m256i
kmer_places (guint k)
{
  const __m256i places = _mm256_add_epi8 (_mm256_set1_epi64x (G_GINT64_CONSTANT (0x0706050403020100)),
      _mm256_set1_epi8 ((gchar) (k - 8)));
  const __m256i second = _mm256_setr_epi64x (0, -1, 0, -1);

  return _mm256_or_si256 (_mm256_cmpgt_epi8 (_mm256_setzero_si256 (), places),
      _mm256_add_epi8 (places, _mm256_and_si256 (second, _mm256_set1_epi8 ((gchar) k))));
}

/* Four k-mers in a round, each moved to the end of eight bytes, whose neighbours are then added up
 * in pairs, by their weights. Returns: how many are done; what is left is less than a round. */
SEQ_AVX2 static gsize
pack_avx2 (const guint8 *codes, guint k, gsize n, guint32 first, guint32 *ids)
{
  const __m256i low_halves = _mm256_setr_epi32 (0, 2, 4, 6, 0, 2, 4, 6);
  const __m128i all_first = _mm_set1_epi32 ((gint) first);
  const __m256i places = kmer_places (k);
  gsize i;

  for (i = 0; i + PACKED_AT_ONCE <= n; i += PACKED_AT_ONCE, codes += PACKED_AT_ONCE * k) {
    __m256i x = _mm256_loadu2_m128i ((const __m128i *) (codes + 2 * k), (const __m128i *) codes);

    x = _mm256_shuffle_epi8 (x, places);
    x = _mm256_maddubs_epi16 (x, _mm256_set1_epi16 (1 << 8 | 4));
    x = _mm256_madd_epi16 (x, _mm256_set1_epi32 (1 << 16 | 16));
    x = _mm256_or_si256 (_mm256_slli_epi64 (x, 8), _mm256_srli_epi64 (x, 32));
    x = _mm256_permutevar8x32_epi32 (x, low_halves);
    _mm_storeu_si128 ((__m128i *) (ids + i),
        _mm_add_epi32 (_mm256_castsi256_si128 (x), all_first));
  }
  return i;
}
#endif

void
seq_kmers_pack (const guint8 *codes, guint k, gsize n, guint32 first, guint32 *ids)
{
  gsize i = 0;

#ifdef PACKED_AT_ONCE
  if (k <= MAX_PACKED_K && seq_simd_level () >= SEQ_SIMD_AVX2)
    i = pack_avx2 (codes, k, n, first, ids);
#endif
  for (; i < n; i++)
    ids[i] = first + pack_kmer (codes + i * k, k);
}

/* Whether each of n residues is a letter of k-mers: neither dropped nor breaking nor unknown. */
static gboolean
all_have_codes (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n)
{
  guint8 codes[BLOCK];
  gsize len;

  for (; n > 0; n -= len, residues += len) {
    len = MIN (n, BLOCK);
    if (seq_tokenizer_map_bytes (tokenizer->kmer_codes, SEQ_TOKENIZER_NO_CODE, residues, len,
            codes) > 0)
      return FALSE;
  }
  return TRUE;
}

/* The tokens of n residues that all have codes */
static gsize
count_split (const SeqTokenizer *tokenizer, gsize n)
{
  return n / tokenizer->k + (tokenizer->remainder == SEQ_REMAINDER_SINGLE ? n % tokenizer->k : 0);
}

gboolean
seq_kmers_count_split (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize *count)
{
  if (!tokenizer->plain_rest || !all_have_codes (tokenizer, residues, n))
    return FALSE;
  *count = count_split (tokenizer, n);
  return TRUE;
}

/* Writes k-mers number `at` to `end` - 1. FALSE where a letter has no code. */
static gboolean
write_split (const SeqSink *sink, gsize at, gsize end, guint8 **out)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  const guint k = tokenizer->k;
  guint8 codes[BLOCK + SEQ_KMERS_SLACK];
  guint32 ids[BLOCK];
  gsize n;

  memset (codes + BLOCK, 0, SEQ_KMERS_SLACK);
  for (; at < end; at += n) {
    n = MIN (end - at, BLOCK / k);
    if (seq_tokenizer_map_bytes (tokenizer->kmer_codes, SEQ_TOKENIZER_NO_CODE,
            sink->residues + at * k, n * k, codes) > 0)
      return FALSE;
    seq_kmers_pack (codes, k, n, tokenizer->first_kmer, ids);
    seq_dtype_convert (sink->dtype, *out, ids, n);
    *out += n * seq_dtype_size (sink->dtype);
  }
  return TRUE;
}

/* Up to one k-mer behind the window all must have codes: an unknown unit there may be left out and
 * count here. */
gboolean
seq_kmers_encode_split (SeqSink *sink, gsize n)
{
  const SeqTokenizer *tokenizer = sink->tokenizer;
  const guint k = tokenizer->k;
  gsize n_kmers = n / k, count = count_split (tokenizer, n);
  gsize end = MIN (sink->end, count), at = MIN (sink->first, end), written = MIN (end, n_kmers);
  gsize looked_at = sink->end < n_kmers ? (sink->end + 1) * k : n;
  guint8 *out = sink->out;

  if (!tokenizer->plain_rest
      || !all_have_codes (tokenizer, sink->residues, MIN (at, n_kmers) * k)
      || !write_split (sink, at, written, &out)
      || !all_have_codes (tokenizer, sink->residues + written * k, looked_at - written * k))
    return FALSE;
  for (at = MAX (at, n_kmers); at < end; at++) {
    guint8 residue = sink->residues[n_kmers * k + at - n_kmers];

    seq_dtype_put (sink->dtype, out, tokenizer->ids[residue]);
    out += seq_dtype_size (sink->dtype);
  }
  sink->out = out;
  return TRUE;
}

/* ---- overlapping ---- */

/* The k-mers that start at each of n letters, one by one. Returns: how many are unknown. */
static guint64
read_kmers (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n, guint32 *ids)
{
  guint32 unk = seq_tokenizer_unknown_id (tokenizer);
  SeqKmerReader reader = seq_kmer_reader (tokenizer);
  guint64 unknown = 0;
  gsize i;

  for (i = 0; i + 1 < tokenizer->k; i++)
    seq_kmer_next (&reader, tokenizer, *residues++);
  for (i = 0; i < n; i++) {
    gboolean known = seq_kmer_next (&reader, tokenizer, residues[i]);

    ids[i] = known ? tokenizer->first_kmer + reader.kmer : unk;
    unknown += !known;
  }
  return unknown;
}

/* The same from the codes of letters that are all known. */
static void
pack_overlapping (const SeqTokenizer *tokenizer, const guint8 *codes, gsize n, guint32 *ids)
{
  const guint32 mask = (1u << (2 * tokenizer->k)) - 1;
  guint64 letters = 0;
  gsize i;

  for (i = 0; i + 1 < tokenizer->k; i++)
    letters = 4 * letters + *codes++;
  for (i = 0; i < n; i++) {
    letters = 4 * letters + codes[i];
    ids[i] = tokenizer->first_kmer + ((guint32) letters & mask);
  }
}

guint64
seq_kmers_encode_overlapping (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    SeqDtype dtype, guint8 *out)
{
  guint8 codes[BLOCK + SEQ_TOKENIZER_MAX_K];
  guint32 block[BLOCK];
  guint64 unknown = 0;
  gsize len;

  for (; n > 0; n -= len, residues += len, out += len * seq_dtype_size (dtype)) {
    len = MIN (n, BLOCK);
    if (seq_tokenizer_map_bytes (tokenizer->kmer_codes, SEQ_TOKENIZER_NO_CODE, residues,
            len + tokenizer->k - 1, codes) == 0)
      pack_overlapping (tokenizer, codes, len, block);
    else
      unknown += read_kmers (tokenizer, residues, len, block);
    seq_dtype_convert (dtype, out, block, len);
  }
  return unknown;
}
