/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "reader.h"

G_BEGIN_DECLS

/* What seqsrc and seqdec share: the properties of the parser, and how its blocks become buffers
 * with caps and its errors become messages. */

typedef enum
{
  GST_SEQ_ALPHABET_AUTO,
  GST_SEQ_ALPHABET_DNA,
  GST_SEQ_ALPHABET_RNA,
  GST_SEQ_ALPHABET_PROTEIN,
} GstSeqAlphabet;

/* The settings; guarded by the object lock of the element that owns them. */
typedef struct
{
  SeqFastxConfig config;
  GstSeqAlphabet alphabet;
  gint workers;
} GstSeqParserSettings;

/* properties that install() adds, in the order of their ids */
typedef enum
{
  GST_SEQ_PARSER_PROP_FORMAT,
  GST_SEQ_PARSER_PROP_ALPHABET,
  GST_SEQ_PARSER_PROP_MAX_RECORD_BYTES,
  GST_SEQ_PARSER_PROP_MIN_LENGTH,
  GST_SEQ_PARSER_PROP_MAX_LENGTH,
  GST_SEQ_PARSER_PROP_SKIP,
  GST_SEQ_PARSER_PROP_LIMIT,
  GST_SEQ_PARSER_PROP_WORKERS,
  GST_SEQ_PARSER_N_PROPS,
} GstSeqParserProp;

void gst_seq_parser_settings_init (GstSeqParserSettings * settings);
void gst_seq_parser_install_properties (GObjectClass * klass, guint first_id);
void gst_seq_parser_set_property (GstSeqParserSettings * settings, GstSeqParserProp prop,
    const GValue * value);
void gst_seq_parser_get_property (const GstSeqParserSettings * settings, GstSeqParserProp prop,
    GValue * value);

/* A reader for the settings as they are now. */
SeqReader *gst_seq_parser_new_reader (const GstSeqParserSettings * settings);

/* Sees to it that *caps are right for the block: its alphabet, guessed from its residues where
 * `alphabet` is AUTO, and whether it has qualities. Returns TRUE where *caps (NULL at the start of
 * a stream) was replaced. A guess holds for the stream, or until the qualities change. */
gboolean gst_seq_parser_update_caps (GstCaps ** caps, const SeqBlock * block,
    GstSeqAlphabet alphabet);

/* Turns the block into a buffer without a copy; takes the reference. */
GstBuffer *gst_seq_parser_wrap_block (SeqBlock * block);

/* Posts the error of a reader as the element's one error message. `location` may be NULL. */
void gst_seq_parser_post_error (GstElement * element, SeqReader * reader, const gchar * location,
    const GError * error);

/* Posts what the inflater found odd. */
void gst_seq_parser_post_warnings (GstElement * element, SeqReader * reader,
    const gchar * location);

/* What has left an element; guarded by its object lock. */
typedef struct
{
  guint64 records;
  guint64 residues;
  guint64 id_hash;              /* sum modulo 2^64 of a mix of every id */
  guint64 filtered;             /* records left out by min-length and max-length */
  guint64 bytes;                /* of the input, as stored: compressed */
} GstSeqParserCounts;

/* Adds the records of a block. */
void gst_seq_parser_count_block (GstSeqParserCounts * counts, GstBuffer * block);

/* The counts as structure `seq-stats`: records, residues, filtered, id-hash, bytes, all guint64. */
GstStructure *gst_seq_parser_stats (const GstSeqParserCounts * counts);

/* Whether a seek asks for all of the input from its start, at rate 1: the one that is possible. The
 * start is 0 in every format. */
gboolean gst_seq_parser_seek_is_to_start (GstEvent * seek);

G_END_DECLS
