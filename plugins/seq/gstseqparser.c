/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqparser.h"

#include <gst/seq/seq.h>

#include "auto-workers.h"
#include "event-flow.h"
#include "input.h"

#include <glib/gstdio.h>
#include <string.h>

#define DEFAULT_MAX_RECORD_BYTES (G_GUINT64_CONSTANT (1) << 30)

GST_DEBUG_CATEGORY_STATIC (seq_parser_debug);
#define GST_CAT_DEFAULT seq_parser_debug

/* residues that are looked at to tell the alphabet */
#define ALPHABET_SAMPLE 65536

static GType
gst_seq_parser_format_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_FORMAT_AUTO, "By the first header of each file", "auto"},
    {SEQ_FORMAT_FASTA, "FASTA", "fasta"},
    {SEQ_FORMAT_FASTQ, "FASTQ", "fastq"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqFormat", values));
  return type;
}

static GType
gst_seq_parser_alphabet_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_ALPHABET_AUTO, "Guessed from the first residues", "auto"},
    {GST_SEQ_ALPHABET_DNA, "DNA", "dna"},
    {GST_SEQ_ALPHABET_RNA, "RNA", "rna"},
    {GST_SEQ_ALPHABET_PROTEIN, "Protein", "protein"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqAlphabet", values));
  return type;
}

static GType
gst_seq_parser_strictness_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_STRICTNESS_NORMAL, "What is certainly a record", "normal"},
    {SEQ_STRICTNESS_STRICT, "Also refuses blanks in FASTQ sequences and qualities, qualities outside "
        "33 to 126, a name behind '+' that is not the header's, and BGZF without its end", "strict"},
    {SEQ_STRICTNESS_LENIENT, "Leaves out lines that are no part of a record, lines that start with ';' "
        "or '#', and control bytes; reads a lone carriage return as the end of a line, and '@' or "
        "'+' at the start of a FASTA line as residues", "lenient"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqStrictness", values));
  return type;
}

static GType
gst_seq_parser_on_error_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_ON_ERROR_FAIL, "End with an error", "fail"},
    {GST_SEQ_ON_ERROR_SKIP, "Leave it out, and count it", "skip"},
    {GST_SEQ_ON_ERROR_QUARANTINE, "Leave it out, count it, and write its bytes to "
        "quarantine-location", "quarantine"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqOnError", values));
  return type;
}

void
gst_seq_parser_settings_clear (GstSeqParserSettings * settings)
{
  g_clear_pointer (&settings->quarantine_location, g_free);
}

void
gst_seq_parser_settings_copy (const GstSeqParserSettings * settings, GstSeqParserSettings * copy)
{
  *copy = *settings;
  copy->quarantine_location = g_strdup (settings->quarantine_location);
}

void
gst_seq_parser_settings_init (GstSeqParserSettings * settings)
{
  memset (settings, 0, sizeof *settings);
  settings->config.block_size = SEQ_READER_BLOCK_SIZE;
  settings->config.max_record_bytes = DEFAULT_MAX_RECORD_BYTES;
  settings->workers = -1;
}

void
gst_seq_parser_install_properties (GObjectClass * klass, guint first_id)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_FORMAT,
      g_param_spec_enum ("format", "Format", "Format of the input; a file of another format is an "
          "error", gst_seq_parser_format_get_type (), SEQ_FORMAT_AUTO, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_ALPHABET,
      g_param_spec_enum ("alphabet", "Alphabet", "What the caps say about the residues; residues "
          "are never changed or refused because of it", gst_seq_parser_alphabet_get_type (),
          GST_SEQ_ALPHABET_AUTO, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_MAX_RECORD_BYTES,
      g_param_spec_uint64 ("max-record-bytes", "Max record bytes", "Longest record, in bytes of "
          "name, residues and qualities; a longer one is an error", 1, SEQ_FASTX_MAX_RECORD_BYTES,
          DEFAULT_MAX_RECORD_BYTES, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_MIN_LENGTH,
      g_param_spec_uint64 ("min-length", "Min length", "Leave out records with fewer residues "
          "than this, and count them in stats as filtered (0 = keep all)", 0, G_MAXUINT32, 0,
          flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_MAX_LENGTH,
      g_param_spec_uint64 ("max-length", "Max length", "Leave out records with more residues than "
          "this, and count them in stats as filtered (0 = keep all)", 0, G_MAXUINT32, 0, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_SKIP,
      g_param_spec_uint64 ("skip", "Skip", "Leave out this many records at the start of the input; "
          "the others keep their ids", 0, G_MAXUINT64, 0, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_LIMIT,
      g_param_spec_uint64 ("limit", "Limit", "End the stream after this many records (0 = no "
          "limit)", 0, G_MAXUINT64, 0, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_WORKERS,
      g_param_spec_int ("workers", "Workers", "Threads that inflate BGZF input (one for gzip and "
          "zstd, which inflates while records are parsed) and, in seqsrc, parse large files (-1 = one "
          "less than there are processors, 1 to 7, for the streaming thread works, too; 0 = none: all "
          "in the streaming thread). Records and their order do not depend on it", -1, 64, -1, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_STRICTNESS,
      g_param_spec_enum ("strictness", "Strictness", "What is read as a record, and what is an error",
          gst_seq_parser_strictness_get_type (), SEQ_STRICTNESS_NORMAL, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_ON_ERROR,
      g_param_spec_enum ("on-error", "On error", "What happens with a record that can't be read. It "
          "keeps its id, and what goes on is the next record; errors of files and of compression "
          "are the end in any case", gst_seq_parser_on_error_get_type (), GST_SEQ_ON_ERROR_FAIL,
          flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_QUARANTINE_LOCATION,
      g_param_spec_string ("quarantine-location", "Quarantine location", "With on-error=quarantine: "
          "the file for the bytes of what could not be read, just as they came. It is made, or "
          "emptied, at the start, so it must be none of the input", NULL, flags));
  g_object_class_install_property (klass, first_id + GST_SEQ_PARSER_PROP_MAX_BAD_RECORDS,
      g_param_spec_uint64 ("max-bad-records", "Max bad records", "So many records that can't be read "
          "are left out by on-error; the next one is an error (0 = no limit)", 0, G_MAXUINT64, 0,
          flags));
}

void
gst_seq_parser_set_property (GstSeqParserSettings * settings, GstSeqParserProp prop,
    const GValue * value)
{
  SeqFastxConfig *config = &settings->config;

  switch (prop) {
    case GST_SEQ_PARSER_PROP_FORMAT:
      config->format = g_value_get_enum (value);
      break;
    case GST_SEQ_PARSER_PROP_ALPHABET:
      settings->alphabet = g_value_get_enum (value);
      break;
    case GST_SEQ_PARSER_PROP_MAX_RECORD_BYTES:
      config->max_record_bytes = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_PROP_MIN_LENGTH:
      config->min_length = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_PROP_MAX_LENGTH:
      config->max_length = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_PROP_SKIP:
      config->skip = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_PROP_LIMIT:
      config->limit = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_PROP_WORKERS:
      settings->workers = g_value_get_int (value);
      break;
    case GST_SEQ_PARSER_PROP_STRICTNESS:
      config->strictness = g_value_get_enum (value);
      break;
    case GST_SEQ_PARSER_PROP_ON_ERROR:
      settings->on_error = g_value_get_enum (value);
      break;
    case GST_SEQ_PARSER_PROP_QUARANTINE_LOCATION:
      g_free (settings->quarantine_location);
      settings->quarantine_location = g_value_dup_string (value);
      break;
    case GST_SEQ_PARSER_PROP_MAX_BAD_RECORDS:
      settings->max_bad_records = g_value_get_uint64 (value);
      break;
    case GST_SEQ_PARSER_N_PROPS:
      g_assert_not_reached ();
  }
}

void
gst_seq_parser_get_property (const GstSeqParserSettings * settings, GstSeqParserProp prop,
    GValue * value)
{
  const SeqFastxConfig *config = &settings->config;

  switch (prop) {
    case GST_SEQ_PARSER_PROP_FORMAT:
      g_value_set_enum (value, config->format);
      break;
    case GST_SEQ_PARSER_PROP_ALPHABET:
      g_value_set_enum (value, settings->alphabet);
      break;
    case GST_SEQ_PARSER_PROP_MAX_RECORD_BYTES:
      g_value_set_uint64 (value, config->max_record_bytes);
      break;
    case GST_SEQ_PARSER_PROP_MIN_LENGTH:
      g_value_set_uint64 (value, config->min_length);
      break;
    case GST_SEQ_PARSER_PROP_MAX_LENGTH:
      g_value_set_uint64 (value, config->max_length);
      break;
    case GST_SEQ_PARSER_PROP_SKIP:
      g_value_set_uint64 (value, config->skip);
      break;
    case GST_SEQ_PARSER_PROP_LIMIT:
      g_value_set_uint64 (value, config->limit);
      break;
    case GST_SEQ_PARSER_PROP_WORKERS:
      g_value_set_int (value, settings->workers);
      break;
    case GST_SEQ_PARSER_PROP_STRICTNESS:
      g_value_set_enum (value, config->strictness);
      break;
    case GST_SEQ_PARSER_PROP_ON_ERROR:
      g_value_set_enum (value, settings->on_error);
      break;
    case GST_SEQ_PARSER_PROP_QUARANTINE_LOCATION:
      g_value_set_string (value, settings->quarantine_location);
      break;
    case GST_SEQ_PARSER_PROP_MAX_BAD_RECORDS:
      g_value_set_uint64 (value, settings->max_bad_records);
      break;
    case GST_SEQ_PARSER_N_PROPS:
      g_assert_not_reached ();
  }
}

/* ---- readers ---- */

/* As messages can carry it: the names of files are bytes. */
static gchar *
show_location (const gchar * location)
{
  return location ? g_utf8_make_valid (location, -1) : g_strdup ("input");
}

static void
report_bad_record (const GError * error, const SeqFastxPosition * position, gpointer data)
{
  GstSeqParserReporter *reporter = data;
  g_autofree gchar *location =
      show_location (reporter->locate ? reporter->locate (reporter->element) : NULL);

  GST_WARNING_OBJECT (reporter->element, "%s: left out: %s", location, error->message);
  if (reporter->n_reports++ < GST_SEQ_MAX_REPORTS)
    gst_element_post_message (reporter->element,
        gst_message_new_element (GST_OBJECT (reporter->element),
            gst_structure_new ("seq-bad-record", "location", G_TYPE_STRING, location,
                "line", G_TYPE_UINT64, position->line, "byte", G_TYPE_UINT64, position->byte,
                "record", G_TYPE_UINT64, position->record, "reason", G_TYPE_STRING, error->message,
                NULL)));
}

/* The quarantine: the one file that is written. */
static void
post_quarantine_error (GstElement * element, const GError * error)
{
  gint code = g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ?
      GST_RESOURCE_ERROR_NO_SPACE_LEFT : GST_RESOURCE_ERROR_WRITE;

  gst_element_message_full (element, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR, code,
      g_utf8_make_valid (error->message, -1), NULL, __FILE__, GST_FUNCTION, __LINE__);
}

gboolean
gst_seq_parser_check_quarantine (const GstSeqParserSettings * settings, GstElement * element,
    const gchar * const *locations, guint n)
{
  GStatBuf quarantine, input;

  if (settings->on_error != GST_SEQ_ON_ERROR_QUARANTINE || !settings->quarantine_location
      || g_stat (settings->quarantine_location, &quarantine) != 0
      || !S_ISREG (quarantine.st_mode))
    return TRUE;
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *path = seq_input_local_path (locations[i], NULL);

    if (path && g_stat (path, &input) == 0 && input.st_dev == quarantine.st_dev
        && input.st_ino == quarantine.st_ino) {
      g_autofree gchar *shown = show_location (settings->quarantine_location);

      GST_ELEMENT_ERROR (element, RESOURCE, SETTINGS, ("quarantine-location %s is one of the files "
              "to be read", shown), (NULL));
      return FALSE;
    }
  }
  return TRUE;
}

SeqReader *
gst_seq_parser_new_reader (const GstSeqParserSettings * settings, GstSeqParserReporter * reporter)
{
  SeqRecoveryConfig recovery = {
    .max_bad = settings->max_bad_records, .report = report_bad_record, .data = reporter,
  };
  GError *error = NULL;
  SeqReader *reader;

  GST_DEBUG_CATEGORY_INIT (seq_parser_debug, "seqparser", 0, "parser of seqsrc and seqdec");
  if (settings->on_error == GST_SEQ_ON_ERROR_QUARANTINE)
    recovery.quarantine = settings->quarantine_location;
  if (settings->on_error == GST_SEQ_ON_ERROR_QUARANTINE && !recovery.quarantine) {
    GST_ELEMENT_ERROR (reporter->element, RESOURCE, SETTINGS,
        ("on-error=quarantine needs quarantine-location"), (NULL));
    return NULL;
  }
  reader = seq_reader_new (&settings->config, gst_seq_auto_workers (1, settings->workers));
  if (settings->on_error != GST_SEQ_ON_ERROR_FAIL
      && !seq_reader_set_recovery (reader, &recovery, &error)) {
    gst_element_message_full (reporter->element, GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
        GST_RESOURCE_ERROR_OPEN_WRITE, g_strdup (error->message), NULL, __FILE__, GST_FUNCTION,
        __LINE__);
    g_error_free (error);
    g_clear_pointer (&reader, seq_reader_free);
  }
  return reader;
}

gboolean
gst_seq_parser_reset_reader (SeqReader * reader, GstSeqParserReporter * reporter)
{
  GError *error = NULL;

  reporter->n_reports = 0;
  if (seq_reader_reset (reader, &error))
    return TRUE;
  post_quarantine_error (reporter->element, error);
  g_error_free (error);
  return FALSE;
}

/* ---- blocks to buffers ---- */

/* Nucleotides if nine of ten letters are; what is left over is IUPAC codes or typing errors.
 * Proteins hold the letters A, C, G, T and N, too, but only a third of them. */
static const gchar *
guess_alphabet (const SeqBlock * block)
{
  guint64 count[256] = { 0 };
  guint64 seen = 0, letters = 0, nucleotides;

  for (guint i = 0; i < block->n_records && seen < ALPHABET_SAMPLE; i++) {
    const GstSeqRecord *r = &block->records[i];
    guint n = MIN (r->seq_len, ALPHABET_SAMPLE - seen);

    for (guint k = 0; k < n; k++)
      count[block->data[r->seq + k] & ~0x20]++;
    seen += n;
  }
  /* gaps, stops and digits tell nothing */
  for (guint letter = 'A'; letter <= 'Z'; letter++)
    letters += count[letter];
  if (letters == 0)
    return "unknown";
  nucleotides = count['A'] + count['C'] + count['G'] + count['T'] + count['U'] + count['N'];
  if (nucleotides * 10 < letters * 9)
    return "protein";
  return count['U'] > count['T'] ? "rna" : "dna";
}

gboolean
gst_seq_parser_update_caps (GstCaps ** caps, const SeqBlock * block, GstSeqAlphabet alphabet)
{
  static const gchar *const names[] = { NULL, "dna", "rna", "protein" };
  gboolean quality = block->n_records > 0 && block->records[0].qual != GST_SEQ_NO_QUALITY;
  gboolean current;

  if (*caps && gst_structure_get_boolean (gst_caps_get_structure (*caps, 0), "quality", &current)
      && current == quality)
    return FALSE;
  gst_clear_caps (caps);
  *caps = gst_caps_new_simple (GST_SEQ_RECORDS_MEDIA_TYPE,
      "alphabet", G_TYPE_STRING, alphabet == GST_SEQ_ALPHABET_AUTO ? guess_alphabet (block) :
      names[alphabet], "quality", G_TYPE_BOOLEAN, quality, NULL);
  return TRUE;
}

GstBuffer *
gst_seq_parser_wrap_block (SeqBlock * block)
{
  GstBuffer *buffer = gst_buffer_new ();
  guint n = block->n_records;
  guint64 first = n > 0 ? block->records[0].id : 0;
  GBytes *table;

  if (n > 0 && block->records[n - 1].id - first == n - 1) {
    GST_BUFFER_OFFSET (buffer) = first;
    GST_BUFFER_OFFSET_END (buffer) = first + n;
  }
  gst_buffer_append_memory (buffer, gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY,
          block->data, block->capacity, 0, block->size, seq_block_ref (block),
          (GDestroyNotify) seq_block_unref));
  table = g_bytes_new_with_free_func (block->records, n * sizeof (GstSeqRecord),
      (GDestroyNotify) seq_block_unref, block);
  gst_buffer_add_seq_records_meta (buffer, table);
  g_bytes_unref (table);
  return buffer;
}

/* ---- messages ---- */

void
gst_seq_parser_post_error (GstElement * element, SeqReader * reader, const gchar * location,
    const GError * error)
{
  g_autofree gchar *where = show_location (location);
  SeqFastxPosition position;

  if (g_error_matches (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_NO_MEMORY)
      || g_error_matches (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_NO_MEMORY)) {
    GST_ELEMENT_ERROR (element, RESOURCE, NO_SPACE_LEFT, ("%s: %s", where, error->message), (NULL));
    return;
  }

  if (error->domain == G_FILE_ERROR) {
    post_quarantine_error (element, error);
    return;
  }
  if (error->domain != SEQ_FASTX_ERROR) {
    guint64 byte = seq_inflate_get_consumed (seq_reader_get_inflate (reader));

    GST_ELEMENT_ERROR_WITH_DETAILS (element, STREAM, DECODE, ("%s: %s", where, error->message),
        (NULL), ("location", G_TYPE_STRING, where, "byte", G_TYPE_UINT64, byte, NULL));
    return;
  }
  seq_fastx_get_position (seq_reader_get_parser (reader), &position);
  GST_ELEMENT_ERROR_WITH_DETAILS (element, STREAM, FORMAT, ("%s: %s", where, error->message),
      (NULL), ("location", G_TYPE_STRING, where, "line", G_TYPE_UINT64, position.line,
          "byte", G_TYPE_UINT64, position.byte, "record", G_TYPE_UINT64, position.record, NULL));
}

void
gst_seq_parser_post_warnings (GstElement * element, SeqReader * reader, const gchar * location)
{
  SeqInflateWarnings warnings = seq_inflate_get_warnings (seq_reader_get_inflate (reader));
  g_autofree gchar *where = show_location (location);

  if (warnings & SEQ_INFLATE_WARNING_NO_EOF_BLOCK)
    GST_ELEMENT_WARNING (element, STREAM, DECODE, ("%s: the BGZF end-of-file block is missing; "
            "the file may have been cut", where), (NULL));
}

gboolean
gst_seq_parser_check_caps (GstElement * element, GstPad * srcpad, GstCaps * caps)
{
  const GstStructure *records = gst_caps_get_structure (caps, 0);
  gboolean quality = FALSE;

  if (gst_pad_peer_query_accept_caps (srcpad, caps) || gst_seq_pad_is_flushing (srcpad))
    return TRUE;
  gst_structure_get_boolean (records, "quality", &quality);
  GST_ELEMENT_ERROR (element, STREAM, WRONG_TYPE, ("downstream takes no records of %s %s qualities",
          gst_structure_get_string (records, "alphabet"), quality ? "with" : "without"),
      ("the alphabet follows from the first records, unless the property alphabet says what it is"));
  return FALSE;
}

/* ---- counts ---- */

void
gst_seq_parser_count_block (GstSeqParserCounts * counts, GstBuffer * block)
{
  const GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

  for (guint i = 0; i < meta->n_records; i++) {
    counts->residues += meta->records[i].seq_len;
    counts->id_hash += seq_mix64 (meta->records[i].id);
  }
  counts->records += meta->n_records;
}

GstStructure *
gst_seq_parser_stats (const GstSeqParserCounts * counts)
{
  return gst_structure_new ("seq-stats",
      "records", G_TYPE_UINT64, counts->records, "residues", G_TYPE_UINT64, counts->residues,
      "filtered", G_TYPE_UINT64, counts->filtered, "bad", G_TYPE_UINT64, counts->bad,
      "ignored", G_TYPE_UINT64, counts->ignored, "id-hash", G_TYPE_UINT64, counts->id_hash,
      "bytes", G_TYPE_UINT64, counts->bytes, NULL);
}

/* ---- seeking ---- */

gboolean
gst_seq_parser_seek_is_to_start (GstEvent * seek)
{
  GstSeekType start_type, stop_type;
  gint64 start, stop;
  gdouble rate;

  gst_event_parse_seek (seek, &rate, NULL, NULL, &start_type, &start, &stop_type, &stop);
  return rate == 1.0 && start_type == GST_SEEK_TYPE_SET && start == 0 &&
      (stop_type == GST_SEEK_TYPE_NONE || (stop_type == GST_SEEK_TYPE_SET && stop == -1));
}
