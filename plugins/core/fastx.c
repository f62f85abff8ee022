/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx-private.h"
#include "fastq-record.h"

#include <string.h>

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
  self->failed = FALSE;
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

gboolean
seq_fastx_get_open_record (SeqFastx * self, SeqFastxPosition * start)
{
  *start = self->begin;
  return self->open;
}

void
seq_fastx_skip_record (SeqFastx * self)
{
  if (!self->open)
    return;
  self->block->size = self->start;
  self->open = FALSE;
  self->next_id++;
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

/* ---- the states ---- */

static inline gboolean
is_strict (SeqFastx * self)
{
  return self->config.strictness == SEQ_STRICTNESS_STRICT;
}

static inline gboolean
is_lenient (SeqFastx * self)
{
  return self->config.strictness == SEQ_STRICTNESS_LENIENT;
}

/* Leaves out the rest of a line. */
static gboolean
ignore_line (SeqFastx * self, State state)
{
  self->state = state;
  self->stats.ignored++;
  return TRUE;
}

/* Where a header must come there is something else. A header of the other format is no junk, nor is
 * the byte order mark of UTF-16, behind which no byte would mean what it seems to. */
static gboolean
no_header (SeqFastx * self, guint8 byte, GError ** error)
{
  static const gchar *const expected[] = { "FASTA or FASTQ", "FASTA", "FASTQ" };
  const gchar *hint = "";

  if (is_lenient (self) && byte != '>' && byte != '@'
      && !(seq_fastx_at (self) == 0 && byte >= 0xfe))
    return ignore_line (self, STATE_JUNK);
  if (byte == '>' || byte == '@')
    hint = byte == '>' ? " (opens a FASTA record)" : " (opens a FASTQ record)";
  else if (byte >= 0xfe || byte == 0)
    hint = " (UTF-16 text?)";
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_NO_HEADER, error,
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
    return no_header (self, byte, error);

  if (G_UNLIKELY (seq_fastx_at (self) >= self->stop)) {
    self->stop = seq_fastx_at (self);
    self->done = TRUE;
    return TRUE;
  }
  /* a block has one format, which the caps of its buffer tell */
  other_format = self->block->n_records > 0 &&
      (self->block->records[0].qual != GST_SEQ_NO_QUALITY) != (format == SEQ_FORMAT_FASTQ);
  if (other_format || seq_fastx_block_is_full (self)) {
    seq_fastx_finish_block (self);
    if (!seq_fastx_make_room (self, self->end - self->src, error))
      return FALSE;
  }
  seq_fastx_begin_record (self);
  self->src++;
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
        return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
            "a FASTA header within a FASTQ record");
      return seq_fastx_complete_record (self, error)
          && (self->done || enter_header (self, byte, error));
    case '@':
      if (fastq)
        return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
            "a FASTQ record without '+' line and qualities");
      if (!is_lenient (self))
        return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
            "a FASTA sequence line starts with '@', as FASTQ headers do");
      self->state = STATE_LINE;
      return TRUE;
    case '+':
      if (!fastq && !is_lenient (self))
        return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
            "a FASTA sequence line starts with '+', as in FASTQ");
      if (!fastq) {
        self->state = STATE_LINE;
        return TRUE;
      }
      self->src++;
      self->record.qual = self->record.seq + self->record.seq_len;
      self->state = STATE_PLUS;
      return TRUE;
    case ';':
    case '#':
      if (is_lenient (self))
        return ignore_line (self, STATE_COMMENT);
      return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error, "a line that starts with '%c'",
          byte);
    default:
      self->state = STATE_LINE;
      return TRUE;
  }
}

/* A newline ends what the state says. */
static gboolean
end_line (SeqFastx * self, GError ** error)
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
    case STATE_COMMENT:
      self->record.seq_len = self->block->size - self->record.seq;
      self->state = STATE_LINE_START;
      break;
    case STATE_PLUS:
    case STATE_QUALITY:
      self->state = STATE_QUALITY;
      if (self->qual_len < self->record.seq_len)
        break;
      if (!seq_fastx_complete_record (self, error))
        return FALSE;
      self->state = STATE_BETWEEN;
      break;
    case STATE_BETWEEN:
    case STATE_BLANK:
    case STATE_JUNK:
      self->state = STATE_BETWEEN;
      break;
  }
  return TRUE;
}

static gboolean
fail_plus (SeqFastx * self, GError ** error)
{
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
      "the name behind '+' is not that of the header");
}

/* What STRICT asks of the bytes of a `+` line: to be the header's name, as far as they have come.
 * Blanks in front don't count, as in the header. */
static gboolean
check_plus (SeqFastx * self, const guint8 * bytes, const guint8 * end, GError ** error)
{
  const guint8 *name = self->block->data + self->record.name;

  for (; bytes < end; bytes++) {
    if (self->plus_len == 0 && (*bytes == ' ' || *bytes == '\t'))
      continue;
    if (self->plus_len == self->record.name_len || *bytes != name[self->plus_len]) {
      self->src = bytes;
      return fail_plus (self, error);
    }
    self->plus_len++;
  }
  return TRUE;
}

/* And at its end: the whole name, or none at all */
static gboolean
check_whole_plus (SeqFastx * self, GError ** error)
{
  return !is_strict (self) || self->plus_len == 0 || self->plus_len == self->record.name_len
      || fail_plus (self, error);
}

static gboolean
fail_too_many_qualities (SeqFastx * self, GError ** error)
{
  gchar *name = seq_fastx_dup_name (self);

  seq_fastx_fail (self, SEQ_FASTX_ERROR_QUALITY, error,
      "more qualities than residues (%u) in record '%s'", self->record.seq_len, name);
  g_free (name);
  return FALSE;
}

static gboolean
fail_blank (SeqFastx * self, GError ** error)
{
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_BYTE, error, "a blank in the %s of a FASTQ record",
      self->state == STATE_QUALITY ? "qualities" : "sequence");
}

/* A blank or control byte in a line of residues */
static gboolean
take_special_residue (SeqFastx * self, guint8 byte, gboolean blank, GError ** error)
{
  if (blank && is_strict (self) && self->format == SEQ_FORMAT_FASTQ)
    return fail_blank (self, error);
  if (!blank && !is_lenient (self))
    return seq_fastx_fail (self, SEQ_FASTX_ERROR_BYTE, error,
        "control byte 0x%02x in a sequence%s", byte, byte == 0 ? " (UTF-16 text?)" : "");
  self->stats.ignored += !blank;
  self->state = STATE_LINE;
  return TRUE;
}

static gboolean
take_special_quality (SeqFastx * self, guint8 byte, gboolean blank, GError ** error)
{
  if (is_strict (self))
    return blank ? fail_blank (self, error) : seq_fastx_fail (self, SEQ_FASTX_ERROR_BYTE, error,
        "quality 0x%02x is outside 33 to 126", byte);
  if (blank)
    return TRUE;
  if (self->qual_len == self->record.seq_len)
    return fail_too_many_qualities (self, error);
  self->block->data[self->block->size++] = byte;
  self->qual_len++;
  return TRUE;
}

static gboolean
take_special_name (SeqFastx * self, guint8 byte, GError ** error)
{
  if (byte == 0 && !is_lenient (self))
    return seq_fastx_fail (self, SEQ_FASTX_ERROR_BYTE, error, "zero byte in a name (UTF-16 text?)");
  self->state = STATE_HEADER;
  if (byte == 0)
    self->stats.ignored++;
  else
    self->block->data[self->block->size++] = byte;
  return TRUE;
}

/* A blank or control byte that ends no line: what it means where it stands */
static gboolean
take_special_in_state (SeqFastx * self, guint8 byte, GError ** error)
{
  gboolean blank = byte == ' ' || byte == '\t';

  switch (self->state) {
    case STATE_BETWEEN:
    case STATE_BLANK:
      if (!blank)
        return no_header (self, byte, error);
      self->state = STATE_BLANK;
      return TRUE;
    case STATE_LINE_START:
    case STATE_LINE:
      return take_special_residue (self, byte, blank, error);
    case STATE_HEADER_START:
      return blank || take_special_name (self, byte, error);
    case STATE_HEADER:
      return take_special_name (self, byte, error);
    case STATE_QUALITY:
      return take_special_quality (self, byte, blank, error);
    case STATE_PLUS:
      return !is_strict (self) || check_plus (self, self->src, self->src + 1, error);
    case STATE_JUNK:
    case STATE_COMMENT:
      break;
  }
  return TRUE;
}

/* Bytes that the copying loops stop at: line ends, blanks and control bytes. */
static gboolean
take_special_byte (SeqFastx * self, GError ** error)
{
  guint8 byte = *self->src;

  if (byte == '\n') {
    if (self->state == STATE_PLUS && !check_whole_plus (self, error))
      return FALSE;
    if (!end_line (self, error))
      return FALSE;
  } else if (self->cr) {
    if (!is_lenient (self))
      return seq_fastx_fail (self, SEQ_FASTX_ERROR_SYNTAX, error,
          "a carriage return before this byte that is not followed by a newline");
    return end_line (self, error);      /* it ended the line by itself */
  } else if (byte == '\r') {
    self->cr = TRUE;
  } else if (!take_special_in_state (self, byte, error)) {
    return FALSE;
  }
  self->src++;
  return TRUE;
}

/* A quality that STRICT refuses among n that were copied; blanks and control bytes were not. */
static gboolean
check_qualities (SeqFastx * self, const guint8 * qualities, gsize n, GError ** error)
{
  guint8 high = 0;

  for (gsize i = 0; i < n; i++)
    high |= qualities[i];
  if (high < 0x80)
    return TRUE;
  for (self->src = qualities; *self->src < 0x80; self->src++)
    self->block->size++;
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_BYTE, error, "quality 0x%02x is outside 33 to 126",
      *self->src);
}

/* Copies what is left of a quality line. More qualities than residues is an error at once, so that
 * a record whose qualities are short can't swallow the rest of the file. */
static gboolean
take_quality (SeqFastx * self, GError ** error)
{
  gsize missing = self->record.seq_len - self->qual_len;
  gsize n = seq_copy_until_space (&self->src, self->end, self->block->data + self->block->size);

  if (is_strict (self)
      && !check_qualities (self, self->src - n, MIN (n, missing), error))
    return FALSE;
  if (n > missing) {
    self->src -= n - missing;
    self->block->size += missing;
    return fail_too_many_qualities (self, error);
  }
  self->block->size += n;
  self->qual_len += n;
  return TRUE;
}

/* Lines as long as the one before: most are. Not those at the end of a piece. Returns how many. */
static inline gsize
copy_even_lines (const guint8 * src, const guint8 * end, guint8 * out, gsize width)
{
#ifdef __SSE2__
  if ((gsize) (end - src) > width + SEQ_COPY_STEP)
    return seq_copy_lines (seq_copy_step, src, end - width - SEQ_COPY_STEP - 1, out, width, 1);
#endif
  return 0;
}

/* Copies what is left of a sequence line, and with it the lines behind that a newline ends and a
 * letter begins: most lines go no other way than this. */
static void
take_residues (SeqFastx * self)
{
  const guint8 *src = self->src, *end = self->end;
  guint8 *start = self->block->data + self->record.seq, *out = self->block->data + self->block->size;

  for (;;) {
    gsize width = seq_copy_until_space (&src, end, out), n_lines;

    out += width;
    if (end - src < 2 || *src != '\n' || !g_ascii_isalpha (src[1]))
      break;
    src++;
    n_lines = copy_even_lines (src, end, out, width);
    src += n_lines * (width + 1);
    out += n_lines * width;
    self->line += 1 + n_lines;
    self->record.seq_len = out - start;
    self->state = STATE_LINE;   /* it was none yet if a blank line came first */
  }
  self->src = src;
  self->block->size = out - self->block->data;
}

/* Behind `@`, takes the record up to its last newline at once if it is whole and of the usual form.
 * Not for STRICT, which looks at every quality. */
static gboolean
take_fastq_record (SeqFastx * self)
{
  SeqBlock *block = self->block;
  SeqFastqRecord found;

  if (is_strict (self)
      || !seq_copy_fastq_record (self->src, self->end, block->data + block->size, &found))
    return FALSE;
  self->record.name_len = found.name_len;
  self->record.seq = self->record.name + found.name_len;
  self->record.seq_len = self->qual_len = found.seq_len;
  self->record.qual = self->record.seq + found.seq_len;
  block->size = self->record.qual + found.seq_len;
  self->src = found.newline;
  self->line += 3;
  self->state = STATE_QUALITY;
  return TRUE;
}

/* The rest of the `+` line, which only STRICT looks at */
static gboolean
take_plus (SeqFastx * self, GError ** error)
{
  const guint8 *bytes = self->src;

  self->src = seq_find_break (bytes, self->end);
  return !is_strict (self) || check_plus (self, bytes, self->src, error);
}

/* A UTF-8 byte order mark at the start of a file is left out; what only starts like one is not. */
static gboolean
skip_bom (SeqFastx * self, GError ** error)
{
  static const guint8 bom[3] = { 0xef, 0xbb, 0xbf };

  while (self->src < self->end && self->bom < 3 && seq_fastx_at (self) == self->bom &&
      *self->src == bom[self->bom]) {
    self->src++;
    self->bom++;
  }
  if (self->bom > 0 && self->bom < 3 && self->src < self->end) {
    self->bom = 0;
    return no_header (self, *self->src, error);
  }
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
      take_residues (self);
      break;
    case STATE_HEADER_START:
      if (byte > ' ' && !(self->format == SEQ_FORMAT_FASTQ && take_fastq_record (self)))
        self->state = STATE_HEADER;
      break;
    case STATE_HEADER:
      self->block->size +=
          seq_copy_until_break (&self->src, self->end, self->block->data + self->block->size);
      break;
    case STATE_PLUS:
      if (!take_plus (self, error))
        return FALSE;
      break;
    case STATE_JUNK:
    case STATE_COMMENT:
      self->src = seq_find_break (self->src, self->end);
      break;
    case STATE_QUALITY:
      if (!take_quality (self, error))
        return FALSE;
      break;
    case STATE_BETWEEN:
      if (self->bom < 3 && !skip_bom (self, error))
        return FALSE;
      if (self->state == STATE_BETWEEN && self->src < self->end && !seq_byte_is_space (*self->src))
        return enter_header (self, *self->src, error);
      break;
    case STATE_BLANK:
      if (!seq_byte_is_space (byte))
        return no_header (self, byte, error);
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
  if (!seq_fastx_make_room (self, size, error))
    return FALSE;
  while (self->src < self->end && !self->done)
    if (!step (self, error))
      return FALSE;
  if (seq_fastx_is_too_long (self))
    return seq_fastx_fail_too_long (self, error);
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
      self->state == STATE_LINE || self->state == STATE_COMMENT) {
    end_line (self, error);     /* no newline at the end; completes no record here */
    self->line--;
  }
  if (self->format == SEQ_FORMAT_FASTA)
    return seq_fastx_complete_record (self, error);
  if (self->state == STATE_QUALITY || self->state == STATE_PLUS) {
    if (self->state == STATE_PLUS && !check_whole_plus (self, error))
      return FALSE;
    if (self->qual_len == self->record.seq_len)
      return seq_fastx_complete_record (self, error);
    return seq_fastx_fail (self, SEQ_FASTX_ERROR_TRUNCATED, error,
        "the input ends within a FASTQ record, after %u of %u qualities", self->qual_len,
        self->record.seq_len);
  }
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_TRUNCATED, error,
      "the input ends within a FASTQ record, before its qualities");
}

gboolean
seq_fastx_finish (SeqFastx * self, GError ** error)
{
  if (self->bom > 0 && self->bom < 3 && !no_header (self, 0xef, error))
    return FALSE;
  if (self->open && !self->done && !finish_record (self, error))
    return FALSE;
  begin_file (self);
  return TRUE;
}

void
seq_fastx_cut (SeqFastx * self)
{
  seq_fastx_skip_record (self);
  begin_file (self);
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
  return seq_block_finish (block);
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
  *position = self->failed ? self->error :
      (SeqFastxPosition) { self->line, self->byte, self->next_id };
}
