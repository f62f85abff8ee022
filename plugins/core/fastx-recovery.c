/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fastx-recovery.h"

#include <string.h>

/* bytes of a record that are kept for the search, and that the search looks at before it takes what
 * starts like a record of FASTQ for one */
#define MAX_LOOK ((gsize) 1 << 20)

struct _SeqRecovery
{
  SeqFastx *parser;
  SeqRecoveryConfig config;
  SeqQuarantine *quarantine;
  gboolean lenient;             /* a carriage return alone ends a line */
  guint64 n_bad;
  guint8 last;                  /* byte of the file before the piece; a newline at its start */

  /* What of the file may still be looked at: what has come of the open record, or, while a record
   * is searched, what comes behind the last place where none begins. */
  guint8 *held;
  gsize n_held, room;
  SeqFastxPosition at;          /* of held[0]; while one is searched, `record` is the next id */
  gboolean gap;                 /* the open record is longer than what may be held; nothing is */
  guint64 quarantined;          /* size of the quarantine before that record */

  gboolean cut;                 /* the file is not read to its end */
  gboolean searching;
  SeqFormat format;             /* of what is searched; AUTO = either */
  gsize looked;                 /* bytes of `held` in which no record begins */
  gboolean in_line;             /* what follows them is the rest of a line, in which none begins */
  gsize enough;                 /* bytes of `held` with which it is worth to look again */
};

SeqRecovery *
seq_recovery_new (SeqFastx * parser, const SeqFastxConfig * parser_config,
    const SeqRecoveryConfig * config, GError ** error)
{
  SeqRecovery *self = g_new0 (SeqRecovery, 1);

  self->parser = parser;
  self->config = *config;
  self->lenient = parser_config->strictness == SEQ_STRICTNESS_LENIENT;
  self->room = 4096;            /* so that there is something to point to */
  self->held = g_malloc (self->room);
  seq_recovery_forget (self);
  if (config->quarantine) {
    self->quarantine = seq_quarantine_open (config->quarantine, error);
    if (!self->quarantine)
      g_clear_pointer (&self, seq_recovery_free);
  }
  return self;
}

void
seq_recovery_free (SeqRecovery * self)
{
  if (!self)
    return;
  seq_quarantine_close (self->quarantine);
  g_free (self->held);
  g_free (self);
}

void
seq_recovery_forget (SeqRecovery * self)
{
  self->n_held = 0;
  self->searching = self->gap = FALSE;
  self->last = '\n';
}

gboolean
seq_recovery_reset (SeqRecovery * self, GError ** error)
{
  seq_recovery_forget (self);
  self->n_bad = 0;
  return !self->quarantine || seq_quarantine_cut (self->quarantine, 0, error);
}

guint64
seq_recovery_get_n_bad (SeqRecovery * self)
{
  return self->n_bad;
}

/* ---- lines ---- */

static gboolean
ends_line (SeqRecovery * self, const guint8 * byte, const guint8 * end)
{
  if (*byte == '\n')
    return TRUE;
  /* one that is last may be half of a line end */
  return self->lenient && *byte == '\r' && byte + 1 < end && byte[1] != '\n';
}

/* The start of the line behind `at`, NULL if the bytes end before it. */
static const guint8 *
next_line (SeqRecovery * self, const guint8 * at, const guint8 * end)
{
  if (!self->lenient) {
    at = at < end ? memchr (at, '\n', end - at) : NULL;
    return at && at + 1 < end ? at + 1 : NULL;
  }
  while (at < end && !ends_line (self, at, end))
    at++;
  return at < end && at + 1 < end ? at + 1 : NULL;
}

static guint64
count_lines (SeqRecovery * self, const guint8 * bytes, gsize n, const guint8 * end)
{
  guint64 lines = 0;

  /* apart, as this one the compiler makes wide: all that is lost is counted */
  for (gsize i = 0; !self->lenient && i < n; i++)
    lines += bytes[i] == '\n';
  for (gsize i = 0; self->lenient && i < n; i++)
    lines += ends_line (self, bytes + i, end);
  return lines;
}

/* ---- what is held ---- */

static gboolean
lose (SeqRecovery * self, const guint8 * bytes, gsize n, GError ** error)
{
  return !self->quarantine || seq_quarantine_write (self->quarantine, bytes, n, error);
}

/* Holds more. At most MAX_LOOK and two pieces come together. */
static gboolean
hold (SeqRecovery * self, const guint8 * bytes, gsize n, GError ** error)
{
  gsize room = MAX (self->room * 2, self->n_held + n);
  guint8 *held = self->held;

  if (self->room - self->n_held < n) {
    held = g_try_realloc (held, room);
    if (!held) {
      g_set_error (error, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_NO_MEMORY, "no memory for %"
          G_GSIZE_FORMAT " bytes in which the record behind a bad one is looked for", room);
      return FALSE;
    }
    self->held = held;
    self->room = room;
  }
  memcpy (held + self->n_held, bytes, n);
  self->n_held += n;
  return TRUE;
}

/* Lets the first n bytes go, which are lost or belong to good records. */
static gboolean
drop_held (SeqRecovery * self, gsize n, gboolean lost, GError ** error)
{
  const guint8 *bytes = self->held;
  gboolean ok = !lost || lose (self, bytes, n, error);

  self->at.line += count_lines (self, bytes, n, bytes + self->n_held);
  self->at.byte += n;
  self->n_held -= n;
  if (n > 0)
    memmove (self->held, bytes + n, self->n_held);
  return ok;
}

/* The long record that went to the quarantine is good. */
static gboolean
end_gap (SeqRecovery * self, GError ** error)
{
  gboolean ok = !self->gap || !self->quarantine
      || seq_quarantine_cut (self->quarantine, self->quarantined, error);

  self->gap = FALSE;
  return ok;
}

/* Keeps what the piece, whose first byte is `byte` of the file, has of the open record. */
static gboolean
hold_open_record (SeqRecovery * self, const guint8 * data, gsize size, guint64 byte,
    GError ** error)
{
  SeqFastxPosition begin;
  gboolean open = seq_fastx_get_open_record (self->parser, &begin);
  gsize before = 0;

  if (!open || begin.byte >= byte) {
    self->n_held = 0;
    if (!end_gap (self, error))
      return FALSE;
  }
  if (!open)
    return TRUE;
  if (begin.byte >= byte) {
    self->at = begin;
    before = begin.byte - byte;
  }
  if (self->gap)
    return lose (self, data, size, error);
  if (!hold (self, data + before, size - before, error))
    return FALSE;
  if (self->n_held <= MAX_LOOK)
    return TRUE;
  self->gap = TRUE;
  if (self->quarantine)
    self->quarantined = seq_quarantine_get_size (self->quarantine);
  return drop_held (self, self->n_held, TRUE, error);
}

/* ---- the search ---- */

/* Does a FASTQ record begin here? 1 yes, 0 no, -1: more has to come. */
static gint
looks_like_fastq (SeqRecovery * self, const guint8 * at, const guint8 * end)
{
  const guint8 *limit = (gsize) (end - at) > MAX_LOOK ? at + MAX_LOOK : end, *line = at;

  while ((line = next_line (self, line, limit)) != NULL) {
    if (*line == '+')
      return 1;
    if (*line == '@' || *line == '>')
      return 0;
  }
  return limit < end ? 1 : -1;  /* one so long can only be tried */
}

static gboolean
stop_looking (SeqRecovery * self, const guint8 * at, gboolean in_line)
{
  self->looked = at - self->held;
  self->in_line = in_line;
  /* who waits for a long record must not look at all of it with each piece */
  self->enough = self->n_held + (self->n_held - self->looked) / 4 + 1;
  return FALSE;
}

/* Looks for the next record. FALSE if none is there, or not yet; else it begins behind `looked`. */
static gboolean
find_record (SeqRecovery * self, gboolean at_end)
{
  const guint8 *end = self->held + self->n_held, *at = self->held + self->looked;
  const guint8 *line = self->in_line ? next_line (self, at, end) : at;

  for (; line != NULL && line < end; line = next_line (self, line, end)) {
    gint found = *line == '>' && self->format != SEQ_FORMAT_FASTQ;

    at = line;
    if (*line == '@' && self->format != SEQ_FORMAT_FASTA)
      found = looks_like_fastq (self, line, end);
    if (found < 0 && !at_end)
      return stop_looking (self, line, FALSE);
    if (found > 0) {
      self->looked = line - self->held;
      return TRUE;
    }
  }
  /* the last byte is kept: it may end the line */
  return stop_looking (self, MAX (at, end - MIN (1, self->n_held)), TRUE);
}

static gboolean
is_line_start (SeqRecovery * self, gsize at)
{
  guint8 before = at > 0 ? self->held[at - 1] : self->last;

  return before == '\n' || (self->lenient && before == '\r');
}

/* Begins to look for the record behind the one that failed at `where`; `held` has it as far as it
 * has come, and what stands behind it. Its own header is none to go on with. */
static void
begin_search (SeqRecovery * self, const SeqFastxPosition * where)
{
  SeqFastxPosition begin;
  gboolean open = seq_fastx_get_open_record (self->parser, &begin);

  self->format = seq_fastx_get_format (self->parser);
  seq_fastx_skip_record (self->parser);
  self->at.record = where->record + open;
  self->searching = TRUE;
  self->enough = 0;
  self->looked = 0;
  self->in_line = TRUE;
  if (open && where->byte > self->at.byte && where->byte - begin.byte > MAX_LOOK)
    self->looked = where->byte - self->at.byte;
  if (self->gap || self->looked > 0)
    self->in_line = !is_line_start (self, self->looked);
  self->gap = FALSE;
}

/* The parser has failed: that is a loss which is borne, or one too many. */
static gboolean
bear_error (SeqRecovery * self, GError * lost, GError ** error)
{
  SeqFastxPosition where;

  if (g_error_matches (lost, SEQ_FASTX_ERROR, SEQ_FASTX_ERROR_NO_MEMORY)) {
    g_propagate_error (error, lost);
    return FALSE;
  }
  if (self->config.max_bad > 0 && self->n_bad >= self->config.max_bad) {
    g_propagate_prefixed_error (error, lost, "more than %" G_GUINT64_FORMAT " bad records: ",
        self->config.max_bad);
    return FALSE;
  }
  self->n_bad++;
  seq_fastx_get_position (self->parser, &where);
  if (self->config.report)
    self->config.report (lost, &where, self->config.data);
  g_error_free (lost);
  begin_search (self, &where);
  return TRUE;
}

/* ---- going on ---- */

/* The parser has read `held` and, with `failed`, not all of it: what it still needs stays. */
static gboolean
keep_needed (SeqRecovery * self, gboolean failed, GError ** error)
{
  SeqFastxPosition from;
  guint64 n;

  if (!seq_fastx_get_open_record (self->parser, &from)) {
    if (failed)
      seq_fastx_get_position (self->parser, &from);
    else
      from.byte = G_MAXUINT64;
  }
  n = from.byte > self->at.byte ? MIN (from.byte - self->at.byte, self->n_held) : 0;
  return drop_held (self, n, FALSE, error);
}

static gboolean
finish_parser (SeqRecovery * self, GError ** error)
{
  if (!self->cut)
    return seq_fastx_finish (self->parser, error);
  seq_fastx_cut (self->parser);
  return TRUE;
}

/* Parses `held` from the record that has been found. */
static gboolean
parse_held (SeqRecovery * self, gboolean at_end, GError ** error)
{
  GError *lost = NULL;
  gboolean ok;

  self->searching = FALSE;
  seq_fastx_begin_at (self->parser, &self->at);
  ok = seq_fastx_push (self->parser, self->held, self->n_held, &lost)
      && (!at_end || finish_parser (self, &lost));
  return keep_needed (self, !ok, error) && (ok || bear_error (self, lost, error));
}

static gboolean
search (SeqRecovery * self, gboolean at_end, GError ** error)
{
  while (self->searching) {
    gboolean found = find_record (self, at_end);
    gsize n = !found && at_end ? self->n_held : self->looked;

    self->looked -= MIN (self->looked, n);
    self->enough -= MIN (self->enough, n);
    if (!drop_held (self, n, TRUE, error))
      return FALSE;
    if (!found)
      break;
    if (!parse_held (self, at_end, error))
      return FALSE;
  }
  return TRUE;
}

/* The parser has failed in this piece: `held` gets all of it that may be looked at. */
static gboolean
hold_for_search (SeqRecovery * self, const guint8 * data, gsize size, const SeqFastxPosition * base,
    GError ** error)
{
  SeqFastxPosition begin;

  if (self->n_held == 0) {
    self->at = *base;
    /* the parser knows only now that the line has ended */
    self->at.line += self->lenient && self->last == '\r' && data[0] != '\n';
  }
  if (!hold (self, data, size, error))
    return FALSE;
  if (!self->gap)
    return keep_needed (self, TRUE, error);
  /* the long record is the one that is bad, or one before it */
  if (seq_fastx_get_open_record (self->parser, &begin) && begin.byte < base->byte)
    return TRUE;
  return end_gap (self, error) && keep_needed (self, TRUE, error);
}

gboolean
seq_recovery_push (SeqRecovery * self, const guint8 * data, gsize size, GError ** error)
{
  SeqFastxPosition base;
  GError *lost = NULL;
  gboolean ok;

  if (size == 0 || seq_fastx_is_done (self->parser))
    return TRUE;
  seq_fastx_get_position (self->parser, &base);
  if (self->searching) {
    ok = hold (self, data, size, error)
        && (self->n_held < self->enough || search (self, FALSE, error));
  } else if (seq_fastx_push (self->parser, data, size, &lost)) {
    ok = hold_open_record (self, data, size, base.byte, error);
  } else {
    ok = hold_for_search (self, data, size, &base, error) && bear_error (self, lost, error)
        && search (self, FALSE, error);
  }
  self->last = data[size - 1];
  return ok;
}

gboolean
seq_recovery_finish (SeqRecovery * self, gboolean cut, GError ** error)
{
  SeqFastxPosition start = { .line = 1 };
  GError *lost = NULL;
  gboolean ok = TRUE;

  self->cut = cut;
  if (!self->searching && !finish_parser (self, &lost)) {
    if (self->gap)              /* nothing is held: what is searched is the end */
      seq_fastx_get_position (self->parser, &self->at);
    ok = bear_error (self, lost, error);
  } else if (!self->searching) {
    ok = end_gap (self, error);
  }
  if (ok && self->searching) {
    ok = search (self, TRUE, error);
    if (ok && self->searching) {        /* to the end, without finding one */
      start.record = self->at.record;
      seq_fastx_begin_at (self->parser, &start);
    }
  }
  seq_recovery_forget (self);
  return ok;
}
