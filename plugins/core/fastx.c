/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx.h"
#include "bytescan.h"

#include <string.h>

/* Where the next byte stands. Every state can be left and entered at any byte, which is what makes
 * the split of the input irrelevant. */
typedef enum
{
  STATE_BETWEEN,                /* at a line start, a header must come: file start, after FASTQ */
  STATE_BLANK,                  /* in a line of blanks, where a header must come */
  STATE_HEADER_START,           /* behind `>` or `@`, blanks are left out */
  STATE_HEADER,
  STATE_LINE_START,             /* of a sequence line */
  STATE_LINE,
  STATE_PLUS,                   /* in the `+` line of FASTQ */
  STATE_QUALITY,
} State;

/* a block is full by records, too, or a file of empty records would grow its table for ever */
#define MAX_BLOCK_RECORDS 65536

struct _SeqFastx
{
  SeqFastxConfig config;
  SeqBlockPool *pool;
  SeqBlock *block;              /* being filled; the open record is its last bytes */
  GQueue ready;                 /* full blocks */

  State state;
  SeqFormat format;             /* of the current file */
  gboolean cr;                  /* the last byte was a carriage return; a newline must follow */
  gboolean open;                /* a record has begun */
  guint bom;                    /* bytes of a byte order mark seen at the start of the file */
  gsize start;                  /* of the open record in the block */
  GstSeqRecord record;          /* the open one */
  guint32 qual_len;

  const guint8 *piece, *src, *end;      /* the bytes at hand; src is the next one */
  guint64 byte;                 /* bytes of this file before the piece */

  guint64 next_id;
  guint64 line;                 /* from 1 */
  guint64 error_byte;           /* where the error is, once there is one */
  guint64 stop;                 /* no record begins here or behind; then where one would */
  gboolean done;
  SeqFastxStats stats;
};

G_DEFINE_QUARK (seq-fastx-error-quark, seq_fastx_error)

static void
begin_file (SeqFastx * self)
{
  self->state = STATE_BETWEEN;
  self->format = self->config.format;
  self->cr = FALSE;
  self->open = FALSE;
  self->bom = 0;
  self->line = 1;
  self->byte = 0;
  self->error_byte = 0;
  self->stop = G_MAXUINT64;
}

SeqFastx *
seq_fastx_new (const SeqFastxConfig * config, SeqBlockPool * pool)
{
  SeqFastx *self = g_new0 (SeqFastx, 1);

  g_assert (config->block_size > 0);
  g_assert (config->max_record_bytes > 0);
  g_assert (config->max_record_bytes <= SEQ_FASTX_MAX_RECORD_BYTES);

  self->config = *config;
  self->pool = seq_block_pool_ref (pool);
  g_queue_init (&self->ready);
  begin_file (self);
  return self;
}

void
seq_fastx_free (SeqFastx * self)
{
  seq_fastx_reset (self);
  seq_block_pool_unref (self->pool);
  g_free (self);
}

void
seq_fastx_reset (SeqFastx * self)
{
  g_queue_clear_full (&self->ready, (GDestroyNotify) seq_block_unref);
  g_clear_pointer (&self->block, seq_block_unref);
  memset (&self->stats, 0, sizeof self->stats);
  self->next_id = 0;
  self->done = FALSE;
  begin_file (self);
}

void
seq_fastx_begin_at (SeqFastx * self, const SeqFastxPosition * position)
{
  begin_file (self);
  self->line = position->line;
  self->byte = position->byte;
  self->next_id = position->record;
}

void
seq_fastx_set_stop (SeqFastx * self, guint64 byte)
{
  self->stop = byte;
}

guint64
seq_fastx_get_stop (SeqFastx * self)
{
  return self->stop;
}

/* of the byte that src points to */
static guint64
position (SeqFastx * self)
{
  return self->byte + (self->src - self->piece);
}

/* One message form for all errors: what is wrong, then where. */
static gboolean G_GNUC_PRINTF (4, 5)
fail (SeqFastx * self, SeqFastxError code, GError ** error, const gchar * format, ...)
{
  guint64 byte = position (self);
  gchar *what;
  va_list args;

  self->error_byte = byte;
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SEQ_FASTX_ERROR, code, "%s (line %" G_GUINT64_FORMAT ", byte %"
      G_GUINT64_FORMAT ", record %" G_GUINT64_FORMAT ")", what, self->line, byte, self->next_id);
  g_free (what);
  return FALSE;
}

/* ---- records and blocks ---- */

static void
block_finish (SeqFastx * self)
{
  g_queue_push_tail (&self->ready, self->block);
  self->block = NULL;
}

/* Moves the open record to a fresh block, so that the old one holds complete records only. */
static gboolean
block_turn_over (SeqFastx * self)
{
  SeqBlock *old = self->block, *fresh = seq_block_pool_acquire (self->pool);
  gsize size;

  if (!fresh)
    return FALSE;
  if (self->open) {
    size = old->size - self->start;
    if (!seq_block_grow (fresh, size)) {
      seq_block_unref (fresh);
      return FALSE;
    }
    memcpy (fresh->data, old->data + self->start, size);
    fresh->size = size;
    old->size = self->start;
    self->record.name -= self->start;
    self->record.seq -= self->start;
    if (self->record.qual != GST_SEQ_NO_QUALITY)
      self->record.qual -= self->start;
    self->start = 0;
  }
  block_finish (self);
  self->block = fresh;
  return TRUE;
}

/* Makes sure that `room` more bytes fit into the block at hand. */
static gboolean
block_make_room (SeqFastx * self, gsize room, GError ** error)
{
  gboolean ok = TRUE;

  if (!self->block)
    ok = (self->block = seq_block_pool_acquire (self->pool)) != NULL;
  if (ok && self->block->capacity - self->block->size < room && self->block->n_records > 0)
    ok = block_turn_over (self);
  if (ok && self->block->capacity - self->block->size < room)
    ok = seq_block_grow (self->block, self->block->size + MAX (room, self->block->size));
  if (!ok)
    return fail (self, SEQ_FASTX_ERROR_NO_MEMORY, error,
        "no memory for a block of records");
  return TRUE;
}

static void
record_begin (SeqFastx * self)
{
  self->open = TRUE;
  self->start = self->block->size;
  self->record = (GstSeqRecord) { .name = self->start, .qual = GST_SEQ_NO_QUALITY };
  self->qual_len = 0;
}

static gboolean
record_is_wanted (SeqFastx * self)
{
  guint32 length = self->record.seq_len;

  if (self->next_id < self->config.skip)
    return FALSE;
  if (length < self->config.min_length ||
      (self->config.max_length > 0 && length > self->config.max_length)) {
    self->stats.filtered++;
    return FALSE;
  }
  return TRUE;
}

/* Closes the open record: into the table, or out of the block where it isn't wanted. */
static void
record_complete (SeqFastx * self)
{
  SeqBlock *block = self->block;

  self->open = FALSE;
  if (record_is_wanted (self)) {
    self->record.id = self->next_id;
    *seq_block_reserve_record (block) = self->record;
    block->n_records++;
    self->stats.records++;
    self->done = self->config.limit > 0 && self->stats.records >= self->config.limit;
  } else {
    block->size = self->start;
  }
  self->next_id++;
}

static gboolean
block_is_full (SeqFastx * self)
{
  return self->block && (self->block->size >= self->config.block_size ||
      self->block->n_records >= MAX_BLOCK_RECORDS);
}

/* For messages: the name of the open record, cut to a readable length. */
static gchar *
record_dup_name (SeqFastx * self)
{
  gboolean whole = self->state != STATE_HEADER && self->state != STATE_HEADER_START;
  gsize length = whole ? self->record.name_len : self->block->size - self->record.name;
  gchar *raw = g_strndup ((const gchar *) self->block->data + self->record.name, MIN (length, 60));
  gchar *valid = g_utf8_make_valid (raw, -1);

  g_free (raw);
  return valid;
}

static gboolean
record_check_size (SeqFastx * self, GError ** error)
{
  gchar *name;

  if (!self->open || self->block->size - self->start <= self->config.max_record_bytes)
    return TRUE;
  name = record_dup_name (self);
  fail (self, SEQ_FASTX_ERROR_TOO_LONG, error, "record '%s' is longer than max-record-bytes, %"
      G_GUINT64_FORMAT, name, self->config.max_record_bytes);
  g_free (name);
  return FALSE;
}

/* ---- the states ---- */

static gboolean
fail_no_header (SeqFastx * self, guint8 byte, GError ** error)
{
  static const gchar *const expected[] = { "FASTA or FASTQ", "FASTA", "FASTQ" };
  const gchar *hint = "";

  if (byte == '>' || byte == '@')
    hint = byte == '>' ? " (opens a FASTA record)" : " (opens a FASTQ record)";
  else if (byte >= 0xfe || byte == 0)
    hint = " (UTF-16 text?)";
  return fail (self, SEQ_FASTX_ERROR_NO_HEADER, error,
      g_ascii_isprint (byte) ? "expected a %s header, found '%c'%s" :
      "expected a %s header, found byte 0x%02x%s", expected[self->format], byte, hint);
}

/* A header opens: FASTA or FASTQ is decided here, and this is where blocks end. */
static gboolean
enter_header (SeqFastx * self, guint8 byte, GError ** error)
{
  SeqFormat format = byte == '>' ? SEQ_FORMAT_FASTA : SEQ_FORMAT_FASTQ;
  gboolean other_format;

  if (self->format == SEQ_FORMAT_AUTO && (byte == '>' || byte == '@'))
    self->format = format;
  if ((byte != '>' && byte != '@') || format != self->format)
    return fail_no_header (self, byte, error);

  if (G_UNLIKELY (position (self) >= self->stop)) {
    self->stop = position (self);
    self->done = TRUE;
    return TRUE;
  }
  /* a block has one format, which the caps of its buffer tell */
  other_format = self->block->n_records > 0 &&
      (self->block->records[0].qual != GST_SEQ_NO_QUALITY) != (format == SEQ_FORMAT_FASTQ);
  if (other_format || block_is_full (self)) {
    block_finish (self);
    if (!block_make_room (self, self->end - self->src, error))
      return FALSE;
  }
  self->src++;
  record_begin (self);
  self->state = STATE_HEADER_START;
  return TRUE;
}

/* First byte of a line where a record may be open: the only place where a line's kind is told. */
static gboolean
enter_line (SeqFastx * self, guint8 byte, GError ** error)
{
  gboolean fastq = self->format == SEQ_FORMAT_FASTQ;

  switch (byte) {
    case '>':
      if (fastq)
        return fail (self, SEQ_FASTX_ERROR_SYNTAX, error, "a FASTA header within a FASTQ record");
      record_complete (self);
      return self->done || enter_header (self, byte, error);
    case '@':
      return fail (self, SEQ_FASTX_ERROR_SYNTAX, error, fastq ?
          "a FASTQ record without '+' line and qualities" :
          "a FASTA sequence line starts with '@', as FASTQ headers do");
    case '+':
      if (!fastq)
        return fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
            "a FASTA sequence line starts with '+', as in FASTQ");
      self->record.qual = self->record.seq + self->record.seq_len;
      self->state = STATE_PLUS;
      return TRUE;
    case ';':
    case '#':
      return fail (self, SEQ_FASTX_ERROR_SYNTAX, error, "a line that starts with '%c'", byte);
    default:
      self->state = STATE_LINE;
      return TRUE;
  }
}

/* A newline ends what the state says. */
static void
end_line (SeqFastx * self)
{
  self->line++;
  self->cr = FALSE;
  switch (self->state) {
    case STATE_HEADER_START:
    case STATE_HEADER:
      self->record.name_len = self->block->size - self->record.name;
      self->record.seq = self->block->size;
      self->state = STATE_LINE_START;
      break;
    case STATE_LINE_START:
    case STATE_LINE:
      self->record.seq_len = self->block->size - self->record.seq;
      self->state = STATE_LINE_START;
      break;
    case STATE_PLUS:
    case STATE_QUALITY:
      self->state = STATE_QUALITY;
      if (self->qual_len < self->record.seq_len)
        break;
      record_complete (self);
      self->state = STATE_BETWEEN;
      break;
    case STATE_BETWEEN:
    case STATE_BLANK:
      self->state = STATE_BETWEEN;
      break;
  }
}

static gboolean
fail_too_many_qualities (SeqFastx * self, GError ** error)
{
  gchar *name = record_dup_name (self);

  fail (self, SEQ_FASTX_ERROR_QUALITY, error, "more qualities than residues (%u) in record '%s'",
      self->record.seq_len, name);
  g_free (name);
  return FALSE;
}

/* Bytes that the copying loops stop at: line ends, blanks and control bytes. */
static gboolean
take_special_byte (SeqFastx * self, GError ** error)
{
  guint8 byte = *self->src;
  gboolean blank = byte == ' ' || byte == '\t';

  if (byte == '\n') {
    end_line (self);
  } else if (self->cr) {
    return fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
        "a carriage return before this byte that is not followed by a newline");
  } else if (byte == '\r') {
    self->cr = TRUE;
  } else if (self->state == STATE_BETWEEN || self->state == STATE_BLANK) {
    if (!blank)
      return fail_no_header (self, byte, error);
    self->state = STATE_BLANK;
  } else if (self->state == STATE_LINE_START || self->state == STATE_LINE) {
    if (!blank)
      return fail (self, SEQ_FASTX_ERROR_BYTE, error, "control byte 0x%02x in a sequence%s", byte,
          byte == 0 ? " (UTF-16 text?)" : "");
    self->state = STATE_LINE;
  } else if (self->state == STATE_HEADER || (self->state == STATE_HEADER_START && !blank)) {
    if (byte == 0)
      return fail (self, SEQ_FASTX_ERROR_BYTE, error, "zero byte in a name (UTF-16 text?)");
    self->state = STATE_HEADER;
    self->block->data[self->block->size++] = byte;
  } else if (self->state == STATE_QUALITY && !blank) {
    if (self->qual_len == self->record.seq_len)
      return fail_too_many_qualities (self, error);
    self->block->data[self->block->size++] = byte;
    self->qual_len++;
  }
  self->src++;
  return TRUE;
}

/* Copies what is left of a quality line. More qualities than residues is an error at once, so that
 * a record whose qualities are short can't swallow the rest of the file. */
static gboolean
take_quality (SeqFastx * self, GError ** error)
{
  gsize missing = self->record.seq_len - self->qual_len;
  gsize n = seq_copy_until_space (&self->src, self->end, self->block->data + self->block->size);

  if (n > missing) {
    self->src -= n - missing;
    return fail_too_many_qualities (self, error);
  }
  self->block->size += n;
  self->qual_len += n;
  return TRUE;
}

/* A UTF-8 byte order mark at the start of a file is left out; what only starts like one is not. */
static gboolean
skip_bom (SeqFastx * self, GError ** error)
{
  static const guint8 bom[3] = { 0xef, 0xbb, 0xbf };

  while (self->src < self->end && self->bom < 3 && position (self) == self->bom &&
      *self->src == bom[self->bom]) {
    self->src++;
    self->bom++;
  }
  if (self->bom > 0 && self->bom < 3 && self->src < self->end)
    return fail_no_header (self, *self->src, error);
  return TRUE;
}

/* One step: the longest run of bytes that the state takes at once, and the byte that ended it. */
static gboolean
step (SeqFastx * self, GError ** error)
{
  guint8 byte = *self->src;

  if (G_UNLIKELY (self->cr))
    return take_special_byte (self, error);

  switch (self->state) {
    case STATE_LINE_START:
      if (!seq_byte_is_space (byte)) {
        if (!enter_line (self, byte, error))
          return FALSE;
        if (self->state != STATE_LINE)
          return TRUE;
      }
      /* fall through */
    case STATE_LINE:
      self->block->size +=
          seq_copy_until_space (&self->src, self->end, self->block->data + self->block->size);
      break;
    case STATE_HEADER_START:
      if (byte > ' ')
        self->state = STATE_HEADER;
      break;
    case STATE_HEADER:
      self->block->size +=
          seq_copy_until_break (&self->src, self->end, self->block->data + self->block->size);
      break;
    case STATE_PLUS:
      self->src = seq_find_break (self->src, self->end);
      break;
    case STATE_QUALITY:
      if (!take_quality (self, error))
        return FALSE;
      break;
    case STATE_BETWEEN:
      if (self->bom < 3 && !skip_bom (self, error))
        return FALSE;
      if (self->src < self->end && !seq_byte_is_space (*self->src))
        return enter_header (self, *self->src, error);
      break;
    case STATE_BLANK:
      if (!seq_byte_is_space (byte))
        return fail_no_header (self, byte, error);
      break;
  }
  if (self->src == self->end || (self->state == STATE_HEADER && !seq_byte_is_break (*self->src)))
    return TRUE;
  return take_special_byte (self, error);
}

static gboolean
parse_piece (SeqFastx * self, const guint8 * data, gsize size, GError ** error)
{
  self->piece = self->src = data;
  self->end = data + size;
  if (!block_make_room (self, size, error))
    return FALSE;
  while (self->src < self->end && !self->done)
    if (!step (self, error))
      return FALSE;
  if (!record_check_size (self, error))
    return FALSE;
  self->byte += size;
  self->piece = self->src = self->end = NULL;
  return TRUE;
}

gboolean
seq_fastx_push (SeqFastx * self, const guint8 * data, gsize size, GError ** error)
{
  while (size > 0 && !self->done) {
    gsize n = MIN (size, SEQ_FASTX_PIECE);

    if (!parse_piece (self, data, n, error))
      return FALSE;
    data += n;
    size -= n;
  }
  return TRUE;
}

/* What the end of the input means for the open record. */
static gboolean
finish_record (SeqFastx * self, GError ** error)
{
  if (self->state == STATE_HEADER || self->state == STATE_HEADER_START ||
      self->state == STATE_LINE) {
    end_line (self);            /* no newline at the end */
    self->line--;
  }
  if (self->format == SEQ_FORMAT_FASTA) {
    record_complete (self);
    return TRUE;
  }
  if (self->state == STATE_QUALITY || self->state == STATE_PLUS) {
    if (self->qual_len == self->record.seq_len) {
      record_complete (self);
      return TRUE;
    }
    return fail (self, SEQ_FASTX_ERROR_TRUNCATED, error,
        "the input ends within a FASTQ record, after %u of %u qualities", self->qual_len,
        self->record.seq_len);
  }
  return fail (self, SEQ_FASTX_ERROR_TRUNCATED, error,
      "the input ends within a FASTQ record, before its qualities");
}

gboolean
seq_fastx_finish (SeqFastx * self, GError ** error)
{
  if (self->bom > 0 && self->bom < 3)
    return fail_no_header (self, 0xef, error);
  if (self->open && !self->done && (!finish_record (self, error) ||
          !record_check_size (self, error)))
    return FALSE;
  begin_file (self);
  return TRUE;
}

SeqBlock *
seq_fastx_pop (SeqFastx * self)
{
  return g_queue_pop_head (&self->ready);
}

SeqBlock *
seq_fastx_flush (SeqFastx * self)
{
  SeqBlock *block = self->block;

  if (!g_queue_is_empty (&self->ready))
    return seq_fastx_pop (self);
  if (self->open) {
    block->size = self->start;
    self->open = FALSE;
    self->state = STATE_BETWEEN;
  }
  if (!block || block->n_records == 0)
    return NULL;
  self->block = NULL;
  return block;
}

gboolean
seq_fastx_is_done (SeqFastx * self)
{
  return self->done;
}

SeqFormat
seq_fastx_get_format (SeqFastx * self)
{
  return self->format;
}

void
seq_fastx_get_stats (SeqFastx * self, SeqFastxStats * stats)
{
  *stats = self->stats;
}

void
seq_fastx_get_position (SeqFastx * self, SeqFastxPosition * position)
{
  position->line = self->line;
  position->byte = self->error_byte > 0 ? self->error_byte : self->byte;
  position->record = self->next_id;
}
