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

typedef enum
{
  GST_SEQ_ON_ERROR_FAIL,
  GST_SEQ_ON_ERROR_SKIP,
  GST_SEQ_ON_ERROR_QUARANTINE,
} GstSeqOnError;

/* The settings; guarded by the object lock of the element that owns them. */
typedef struct
{
  SeqFastxConfig config;
  GstSeqAlphabet alphabet;
  gint workers;
  GstSeqOnError on_error;
  gchar *quarantine_location;
  guint64 max_bad_records;
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
  GST_SEQ_PARSER_PROP_STRICTNESS,
  GST_SEQ_PARSER_PROP_ON_ERROR,
  GST_SEQ_PARSER_PROP_QUARANTINE_LOCATION,
  GST_SEQ_PARSER_PROP_MAX_BAD_RECORDS,
  GST_SEQ_PARSER_N_PROPS,
} GstSeqParserProp;

void gst_seq_parser_settings_init (GstSeqParserSettings * settings);
void gst_seq_parser_settings_clear (GstSeqParserSettings * settings);

/* Another one, to be cleared; for what happens without the lock. */
void gst_seq_parser_settings_copy (const GstSeqParserSettings * settings,
    GstSeqParserSettings * copy);
void gst_seq_parser_install_properties (GObjectClass * klass, guint first_id);
void gst_seq_parser_set_property (GstSeqParserSettings * settings, GstSeqParserProp prop,
    const GValue * value);
void gst_seq_parser_get_property (const GstSeqParserSettings * settings, GstSeqParserProp prop,
    GValue * value);

/* Tells of the records that a reader leaves out: each in the log, and the first GST_SEQ_MAX_REPORTS
 * of a run as element messages `seq-bad-record` with location, line, byte, record and reason.
 * `locate` says what file is being read, or is NULL. */
#define GST_SEQ_MAX_REPORTS 100
typedef struct
{
  GstElement *element;
  const gchar *(*locate) (GstElement * element);
  guint n_reports;
} GstSeqParserReporter;

/* Whether downstream of `srcpad` takes the caps. FALSE, with an error posted by `element`, if not:
 * that a push fails later on would not say why. */
gboolean gst_seq_parser_check_caps (GstElement * element, GstPad * srcpad, GstCaps * caps);

/* The quarantine is emptied at the start: none of the `n` locations that are to be read may be it.
 * FALSE, with an error posted by `element`, if one is. */
gboolean gst_seq_parser_check_quarantine (const GstSeqParserSettings * settings,
    GstElement * element, const gchar * const *locations, guint n);

/* A reader for the settings. The reporter is the caller's and outlives it. NULL, with an error
 * posted, if the settings can't be met. */
SeqReader *gst_seq_parser_new_reader (const GstSeqParserSettings * settings,
    GstSeqParserReporter * reporter);

/* Has it begin again. FALSE, with an error posted, if the quarantine can't. */
gboolean gst_seq_parser_reset_reader (SeqReader * reader, GstSeqParserReporter * reporter);

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
  guint64 bad;                  /* losses that on-error bore */
  guint64 ignored;              /* lines and single bytes that strictness=lenient left out */
  guint64 bytes;                /* of the input, as stored: compressed */
} GstSeqParserCounts;

/* Adds the records of a block. */
void gst_seq_parser_count_block (GstSeqParserCounts * counts, GstBuffer * block);

/* The counts as structure `seq-stats`: records, residues, filtered, bad, ignored, id-hash, bytes,
 * all guint64. */
GstStructure *gst_seq_parser_stats (const GstSeqParserCounts * counts);

/* Whether a seek asks for all of the input from its start, at rate 1: the one that is possible. The
 * start is 0 in every format. */
gboolean gst_seq_parser_seek_is_to_start (GstEvent * seek);

G_END_DECLS
