/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "translate.h"

#include <string.h>

#include "genetic-code.h"

/* Products in a block at most, so that its table is bounded, too. */
#define BLOCK_RECORDS 65536

#define N_FRAMES 6

/* Codons that are read in one call; a frame and a piece that has none cost as much as some. */
#define CODONS_PER_CALL (4u << 20)
#define CODONS_OF_PIECE 8

/* The most that is added to a parent's name: ":+1:", two numbers of 10 digits and what is between
 * them, " parent=" and 20 digits. */
#define MAX_ADDED (4 + 10 + 1 + 10 + 8 + 20)

struct _SeqTranslator
{
  SeqTranslateConfig config;
  SeqGeneticCode code;
  guint first_frame, end_frame; /* of +1 +2 +3 -1 -2 -3, from 0 */
  guint8 stop;                  /* ends a product; 0: nothing does */
  guint64 next_id;
  SeqTranslateCounts counts;

  const GstSeqRecord *parent;
  const guint8 *data;
  guint32 first_word;           /* bytes of the parent's name */
  gboolean has_product;

  /* the next piece */
  guint32 chunk_start, chunk_end;
  guint frame;
  guint32 codon;                /* number in the frame, from 0 */
};

GQuark
seq_translate_error_quark (void)
{
  return g_quark_from_static_string ("seq-translate-error");
}

SeqTranslator *
seq_translator_new (const SeqTranslateConfig * config, GError ** error)
{
  static const struct
  {
    guint first, end;
  } frames[] = {
    [SEQ_FRAMES_ALL] = {0, N_FRAMES},
    [SEQ_FRAMES_FORWARD] = {0, N_FRAMES / 2},
    [SEQ_FRAMES_REVERSE] = {N_FRAMES / 2, N_FRAMES},
    [SEQ_FRAMES_FIRST] = {0, 1},
  };
  SeqTranslator *t = g_new0 (SeqTranslator, 1);

  t->config = *config;
  t->first_frame = frames[config->frames].first;
  t->end_frame = frames[config->frames].end;
  t->stop = config->stops == SEQ_STOPS_SPLIT ? '*' : 0;
  if (!seq_genetic_code_init (&t->code, config->genetic_code)) {
    g_set_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_SETTINGS, "there is no genetic "
        "code %u: NCBI's are 1-6, 9-16 and 21-33", config->genetic_code);
    g_clear_pointer (&t, seq_translator_free);
  } else if (config->overlap > 0 && config->overlap >= config->chunk) {
    g_set_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_SETTINGS, "an overlap of %u "
        "nucleotides needs chunks that are longer, not of %u", config->overlap, config->chunk);
    g_clear_pointer (&t, seq_translator_free);
  }
  return t;
}

void
seq_translator_free (SeqTranslator * t)
{
  g_free (t);
}

void
seq_translator_reset (SeqTranslator * t)
{
  t->next_id = 0;
  t->counts = (SeqTranslateCounts) { 0 };
  t->parent = NULL;
}

void
seq_translator_get_counts (const SeqTranslator * t, SeqTranslateCounts * counts)
{
  *counts = t->counts;
}

/* --- where the next piece is ------------------------------------------------------------------ */

static void
start_chunk (SeqTranslator * t, guint32 start)
{
  guint32 left = t->parent->seq_len - start;

  t->chunk_start = start;
  t->chunk_end = start + (t->config.chunk > 0 ? MIN (t->config.chunk, left) : left);
  t->frame = t->first_frame;
  t->codon = 0;
}

/* Whole codons of the frame. */
static guint32
count_codons (const SeqTranslator * t)
{
  guint32 length = t->chunk_end - t->chunk_start, shift = t->frame % 3;

  return length > shift ? (length - shift) / 3 : 0;
}

static gboolean
is_forward (const SeqTranslator * t)
{
  return t->frame < N_FRAMES / 2;
}

/* Moves on once a frame is read to its end. FALSE after the last one of the parent. */
static gboolean
next_frame (SeqTranslator * t)
{
  gboolean more = TRUE;

  t->codon = 0;
  if (++t->frame < t->end_frame)
    return TRUE;
  more = t->chunk_end < t->parent->seq_len;
  if (more)
    start_chunk (t, t->chunk_start + (t->config.chunk - t->config.overlap));
  return more;
}

void
seq_translator_begin (SeqTranslator * t, const GstSeqRecord * parent, const guint8 * data)
{
  const guint8 *name = data + parent->name;

  t->parent = parent;
  t->data = data;
  t->has_product = FALSE;
  for (t->first_word = 0; t->first_word < parent->name_len; t->first_word++)
    if (name[t->first_word] == ' ' || name[t->first_word] == '\t')
      break;
  t->counts.records_in++;
  start_chunk (t, 0);
}

/* --- letters ---------------------------------------------------------------------------------- */

/* Translates up to n codons and returns how many came before a stop. `step`: nucleotides from one
 * to the next. Inlined with a constant, as this is the loop that everything is spent in. */
static inline gsize
translate_codons (const guint8 table[SEQ_CODON_INDICES], const guint8 * restrict first,
    gssize step, gsize n, guint8 stop, guint8 * restrict out)
{
  gsize i;

  for (i = 0; i < n; i++) {
    guint8 letter = table[seq_codon_index (first + (gssize) i * step)];

    if (letter == stop)
      break;
    out[i] = letter;
  }
  return i;
}

/* The same for n > 0 codons of the frame from `codon` on. */
static gsize
translate_frame (const SeqTranslator * t, guint32 codon, gsize n, guint8 * out)
{
  const guint8 *nucleotides = t->data + t->parent->seq;
  gsize from_start = t->frame % 3 + (gsize) codon * 3;
  gsize done;

  if (is_forward (t))
    done = translate_codons (t->code.forward, nucleotides + t->chunk_start + from_start, 3, n,
        t->stop, out);
  else
    done = translate_codons (t->code.reverse, nucleotides + t->chunk_end - from_start - 3, -3, n,
        t->stop, out);
  return done;
}

static guint64
count_unknown (const guint8 * letters, gsize n)
{
  guint64 unknown = 0;

  for (gsize i = 0; i < n; i++)
    unknown += letters[i] == 'X';
  return unknown;
}

/* --- names ------------------------------------------------------------------------------------ */

static guint8 *
put_bytes (guint8 * out, const void *bytes, gsize n)
{
  memcpy (out, bytes, n);
  return out + n;
}

static guint8 *
put_number (guint8 * out, guint64 number)
{
  guint8 digits[20];
  guint first = sizeof (digits);

  do
    digits[--first] = '0' + number % 10;
  while ((number /= 10) > 0);
  return put_bytes (out, digits + first, sizeof (digits) - first);
}

/* Names the product of n codons from the next one on. Returns the end of the name. */
static guint8 *
put_name (const SeqTranslator * t, gsize n, guint8 * out)
{
  const guint8 *name = t->data + t->parent->name;
  gsize from_start = t->frame % 3 + (gsize) t->codon * 3;
  guint64 start;

  if (is_forward (t))
    start = t->chunk_start + from_start;
  else
    start = t->chunk_end - from_start - 3 * n;

  out = put_bytes (out, name, t->first_word);
  *out++ = ':';
  *out++ = is_forward (t) ? '+' : '-';
  *out++ = '1' + t->frame % 3;
  *out++ = ':';
  out = put_number (out, start);
  *out++ = '-';
  out = put_number (out, start + 3 * n);
  out = put_bytes (out, name + t->first_word, t->parent->name_len - t->first_word);
  out = put_bytes (out, " parent=", 8);
  return put_number (out, t->parent->id);
}

/* --- products --------------------------------------------------------------------------------- */

static SeqTranslateResult
fail_no_memory (const SeqTranslator * t, guint64 size, GError ** error)
{
  g_set_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_NO_MEMORY, "record %"
      G_GUINT64_FORMAT ": no memory for a product of %" G_GUINT64_FORMAT " bytes", t->parent->id,
      size);
  return SEQ_TRANSLATE_FAILED;
}

/* Of the bytes behind those in use the first are kept, too. */
static gboolean
grow (SeqBlock * block, gsize written, gsize capacity)
{
  gboolean ok;

  block->size += written;
  ok = seq_block_grow (block, capacity);
  block->size -= written;
  return ok;
}

/* Sees to `size` bytes behind those in use, of which so many are written. A block that has products
 * already doesn't grow. */
static SeqTranslateResult
make_room (const SeqTranslator * t, SeqBlock * block, gsize written, guint64 size, GError ** error)
{
  SeqTranslateResult ret = SEQ_TRANSLATE_FAILED;

  if (size <= block->capacity - block->size)
    ret = SEQ_TRANSLATE_DONE;
  else if (block->n_records > 0)
    ret = SEQ_TRANSLATE_FULL;
  else if (size > G_MAXUINT32)
    g_set_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_TOO_LONG, "record %"
        G_GUINT64_FORMAT ": a product takes more than 4 GiB with its name", t->parent->id);
  else if (!grow (block, written, size))
    ret = fail_no_memory (t, size, error);
  else
    ret = SEQ_TRANSLATE_DONE;
  return ret;
}

/* Adds the product of n letters that stand behind what is in use. */
static SeqTranslateResult
add_product (SeqTranslator * t, SeqBlock * block, gsize n, GError ** error)
{
  guint8 *letters = block->data + block->size;
  guint8 *end = put_name (t, n, letters + n);
  GstSeqRecord *product = seq_block_reserve_record (block);

  if (product == NULL)
    return fail_no_memory (t, end - letters, error);
  *product = (GstSeqRecord) {
    .id = t->next_id++,
    .name = block->size + n,
    .name_len = end - letters - n,
    .seq = block->size,
    .seq_len = n,
    .qual = GST_SEQ_NO_QUALITY,
  };
  block->n_records++;
  block->size = end - block->data;
  t->counts.records_out++;
  t->counts.residues += n;
  t->counts.unknown += count_unknown (letters, n);
  t->has_product = TRUE;
  return SEQ_TRANSLATE_DONE;
}

/* Translates the piece from the next codon on behind what is in use of the block. Letters come
 * first and the name after them, because how long it is shows only at its end. */
static SeqTranslateResult
put_piece (SeqTranslator * t, SeqBlock * block, GError ** error)
{
  gsize left = count_codons (t) - t->codon, n = 0, take;
  SeqTranslateResult ret;
  gboolean stopped;

  for (;;) {
    gsize done;

    take = MIN (left - n, block->capacity - block->size - n);
    done = translate_frame (t, t->codon + n, take, block->data + block->size + n);
    n += done;
    stopped = done < take;
    if (stopped || n == left)
      break;
    ret = make_room (t, block, n, MIN ((guint64) n * 2, left) + 1, error);
    if (ret != SEQ_TRANSLATE_DONE)
      return ret;
  }

  if (n >= t->config.min_length && n > 0) {
    ret = make_room (t, block, n, (guint64) n + t->parent->name_len + MAX_ADDED, error);
    if (ret == SEQ_TRANSLATE_DONE)
      ret = add_product (t, block, n, error);
    if (ret != SEQ_TRANSLATE_DONE)
      return ret;
  } else if (n > 0) {
    t->counts.too_short++;
  }
  t->codon += n + (stopped ? 1 : 0);
  return SEQ_TRANSLATE_DONE;
}

SeqTranslateResult
seq_translator_fill (SeqTranslator * t, SeqBlock * block, GError ** error)
{
  SeqTranslateResult ret = SEQ_TRANSLATE_DONE;
  gboolean more = TRUE;
  guint64 work = 0;

  while (more && ret == SEQ_TRANSLATE_DONE) {
    guint32 codon = t->codon;

    work += CODONS_OF_PIECE;
    if (work > CODONS_PER_CALL) {
      ret = SEQ_TRANSLATE_AGAIN;
    } else if (codon == count_codons (t)) {
      more = next_frame (t);
    } else if (block->n_records == BLOCK_RECORDS) {
      ret = SEQ_TRANSLATE_FULL;
    } else {
      ret = put_piece (t, block, error);
      work += t->codon - codon;
    }
  }
  if (ret == SEQ_TRANSLATE_DONE && !t->has_product)
    t->counts.without++;
  return ret;
}
