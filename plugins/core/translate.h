/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "block.h"

G_BEGIN_DECLS

/* Translation of nucleotide records, the parents, into protein records, their products.
 *
 * A parent is cut into chunks, a chunk is read in up to six frames, and with SEQ_STOPS_SPLIT a
 * frame falls into the pieces between its stops. Products come in that order: by chunk, then by
 * frame +1 +2 +3 -1 -2 -3, then along the frame. Frame +2 starts at the second nucleotide of the
 * chunk, frame -1 at its last one, on the other strand. Codons that are not whole at the end of a
 * frame are left out. What codons stand for: genetic-code.h.
 *
 * Products get ids from 0 on, over all parents. Their names are the parent's, with where they come
 * from after the first word, and the parent's id at the end:
 *
 *     contig7:-2:120-450 some words parent=6
 *
 * that is the frame, and which nucleotides of the parent they cover: counted from 0 on its forward
 * strand, for all frames, the end not included, stops that are not written not included.
 *
 * Products are written to blocks that the caller provides, and nothing is allocated for each of
 * them. Not thread-safe. */

typedef struct _SeqTranslator SeqTranslator;

typedef enum
{
  SEQ_FRAMES_ALL,
  SEQ_FRAMES_FORWARD,           /* +1 +2 +3 */
  SEQ_FRAMES_REVERSE,           /* -1 -2 -3 */
  SEQ_FRAMES_FIRST,             /* +1 */
} SeqFrames;

typedef enum
{
  SEQ_STOPS_SPLIT,              /* a stop ends a product and is not written */
  SEQ_STOPS_KEEP,               /* it is written as `*`, a letter like others */
} SeqStops;

typedef struct
{
  guint genetic_code;           /* NCBI's number */
  SeqFrames frames;
  SeqStops stops;
  guint32 min_length;           /* letters of the shortest product; at least 1 */
  guint32 chunk;                /* nucleotides; 0 = whole records. The last one may be shorter */
  guint32 overlap;              /* nucleotides that a chunk shares with the next one; < chunk */
} SeqTranslateConfig;

typedef struct
{
  guint64 records_in;
  guint64 records_out;
  guint64 residues;             /* letters of the products, `*` among them */
  guint64 unknown;              /* of those, the X */
  guint64 too_short;            /* pieces of at least one residue below min_length */
  guint64 without;              /* parents that no product came of */
} SeqTranslateCounts;

typedef enum
{
  SEQ_TRANSLATE_DONE,           /* all of the parent is translated */
  SEQ_TRANSLATE_FULL,           /* go on with another block */
  SEQ_TRANSLATE_AGAIN,          /* go on with this one: a chance to stop */
  SEQ_TRANSLATE_FAILED,
} SeqTranslateResult;

#define SEQ_TRANSLATE_ERROR (seq_translate_error_quark ())
GQuark seq_translate_error_quark (void);

typedef enum
{
  SEQ_TRANSLATE_ERROR_SETTINGS, /* no such code, or overlap is not less than chunk */
  SEQ_TRANSLATE_ERROR_NO_MEMORY,
  SEQ_TRANSLATE_ERROR_TOO_LONG, /* a product with its name doesn't fit in 4 GiB */
} SeqTranslateError;

/* Returns: a new translator, or NULL with `error` set. */
SeqTranslator *seq_translator_new (const SeqTranslateConfig * config, GError ** error);
void seq_translator_free (SeqTranslator * translator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SeqTranslator, seq_translator_free)

/* Ids from 0 again, counts of nothing, no parent. */
void seq_translator_reset (SeqTranslator * translator);

/* Starts with a parent. `data`: the bytes of its block. Both have to stay until it is done. */
void seq_translator_begin (SeqTranslator * translator, const GstSeqRecord * parent,
    const guint8 * data);

/* Adds products of the parent to `block`, which nobody shares, until one doesn't fit, or until some
 * millions of codons are read, as many of them may be in no product. Only for a product that is
 * longer than an empty block a block grows. After SEQ_TRANSLATE_FAILED, with `error` set, the block
 * still has the products before; the parent can't be gone on with. */
SeqTranslateResult seq_translator_fill (SeqTranslator * translator, SeqBlock * block,
    GError ** error);

void seq_translator_get_counts (const SeqTranslator * translator, SeqTranslateCounts * counts);

G_END_DECLS
