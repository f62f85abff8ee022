/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx-private.h"

#include "bytecopy.h"

/* a block is full by records, too, or a file of empty records would grow its table for ever */
#define MAX_BLOCK_RECORDS 65536

G_DEFINE_QUARK (seq-fastx-error-quark, seq_fastx_error)

gchar *
seq_fastx_dup_name (SeqFastx * self)
{
  gboolean whole = self->state != STATE_HEADER && self->state != STATE_HEADER_START;
  gsize length = whole ? self->record.name_len : self->block->size - self->record.name;
  gsize limit = MIN (60, self->config.max_record_bytes);
  gchar *raw = g_strndup ((const gchar *) self->block->data + self->record.name, MIN (length, limit));
  gchar *valid = g_utf8_make_valid (raw, -1);

  g_free (raw);
  return valid;
}

/* One message form for all errors: what is wrong, then where. */
static void
set_error (SeqFastx * self, SeqFastxError code, const SeqFastxPosition * where, const gchar * what,
    GError ** error)
{
  self->failed = TRUE;
  self->error = *where;
  g_set_error (error, SEQ_FASTX_ERROR, code, "%s (line %" G_GUINT64_FORMAT ", byte %"
      G_GUINT64_FORMAT ", record %" G_GUINT64_FORMAT ")", what, where->line, where->byte,
      where->record);
}

/* Where it begins, and as if nothing of it had been read: where it shows depends on how the input
 * comes in pieces. */
gboolean
seq_fastx_fail_too_long (SeqFastx * self, GError ** error)
{
  gchar *name = seq_fastx_dup_name (self);
  gchar *what = g_strdup_printf ("record '%s' is longer than max-record-bytes, %" G_GUINT64_FORMAT,
      name, self->config.max_record_bytes);

  self->stats.ignored = self->ignored_before;
  set_error (self, SEQ_FASTX_ERROR_TOO_LONG, &self->begin, what, error);
  g_free (what);
  g_free (name);
  return FALSE;
}

gboolean
seq_fastx_fail (SeqFastx * self, SeqFastxError code, GError ** error, const gchar * format, ...)
{
  SeqFastxPosition where = { self->line, seq_fastx_at (self), self->next_id };
  gchar *what;
  va_list args;

  if (seq_fastx_is_too_long (self))
    return seq_fastx_fail_too_long (self, error);
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  set_error (self, code, &where, what, error);
  g_free (what);
  return FALSE;
}

/* ---- records and blocks ---- */

static gboolean
fail_no_memory (SeqFastx * self, GError ** error)
{
  return seq_fastx_fail (self, SEQ_FASTX_ERROR_NO_MEMORY, error, "no memory for a block of records");
}

void
seq_fastx_finish_block (SeqFastx * self)
{
  g_queue_push_tail (&self->ready, seq_block_finish (self->block));
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
    seq_copy_bytes (fresh->data, old->data + self->start, size);
    fresh->size = size;
    old->size = self->start;
    self->record.name -= self->start;
    self->record.seq -= self->start;
    if (self->record.qual != GST_SEQ_NO_QUALITY)
      self->record.qual -= self->start;
    self->start = 0;
  }
  seq_fastx_finish_block (self);
  self->block = fresh;
  return TRUE;
}

gboolean
seq_fastx_make_room (SeqFastx * self, gsize room, GError ** error)
{
  gboolean ok = TRUE;

  if (!self->block)
    ok = (self->block = seq_block_pool_acquire (self->pool)) != NULL;
  if (ok && self->block->capacity - self->block->size < room && self->block->n_records > 0)
    ok = block_turn_over (self);
  if (ok && self->block->capacity - self->block->size < room)
    ok = seq_block_grow (self->block, self->block->size + MAX (room, self->block->size));
  if (!ok)
    return fail_no_memory (self, error);
  return TRUE;
}

guint8 *
seq_fastx_reserve (SeqFastx * self, gsize size)
{
  gsize room;

  if (!self->open || self->format != SEQ_FORMAT_FASTA || self->cr
      || (self->state != STATE_LINE && self->state != STATE_LINE_START)
      || (self->block->n_records > 0 && !block_turn_over (self))
      || !g_size_checked_add (&room, self->block->size, size)
      || !seq_block_grow (self->block, room))
    return NULL;
  return self->block->data + self->block->size;
}

gboolean
seq_fastx_add_residues (SeqFastx * self, guint64 bytes, gsize residues, guint64 n_lines,
    GError ** error)
{
  self->block->size += residues;
  self->byte += bytes;
  self->line += n_lines;
  self->state = n_lines > 0 ? STATE_LINE_START : STATE_LINE;
  if (seq_fastx_is_too_long (self))
    return seq_fastx_fail_too_long (self, error);
  self->record.seq_len = self->block->size - self->record.seq;
  return TRUE;
}

void
seq_fastx_unreserve (SeqFastx * self)
{
  if (self->block)
    seq_block_trim (self->block);
}

void
seq_fastx_begin_record (SeqFastx * self)
{
  self->open = TRUE;
  self->start = self->block->size;
  self->record = (GstSeqRecord) { .name = self->start, .qual = GST_SEQ_NO_QUALITY };
  self->begin = (SeqFastxPosition) { self->line, seq_fastx_at (self), self->next_id };
  self->ignored_before = self->stats.ignored;
  self->qual_len = 0;
  self->plus_len = 0;
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

gboolean
seq_fastx_complete_record (SeqFastx * self, GError ** error)
{
  SeqBlock *block = self->block;
  GstSeqRecord *entry;

  if (G_UNLIKELY (seq_fastx_is_too_long (self)))
    return seq_fastx_fail_too_long (self, error);
  if (record_is_wanted (self)) {
    entry = seq_block_reserve_record (block);
    if (G_UNLIKELY (entry == NULL))
      return fail_no_memory (self, error);
    self->record.id = self->next_id;
    *entry = self->record;
    block->n_records++;
    self->stats.records++;
    self->done = self->config.limit > 0 && self->stats.records >= self->config.limit;
  } else {
    block->size = self->start;
  }
  self->open = FALSE;
  self->next_id++;
  return TRUE;
}

gboolean
seq_fastx_block_is_full (SeqFastx * self)
{
  return self->block && (self->block->size >= self->config.block_size ||
      self->block->n_records >= MAX_BLOCK_RECORDS);
}
