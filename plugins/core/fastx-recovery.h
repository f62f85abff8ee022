/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fastx.h"
#include "quarantine.h"

G_BEGIN_DECLS

/* Goes on behind records that can't be read: stands between the input and a parser, takes its
 * errors, and finds the next record.
 *
 * A bad record has an id like any other, so those behind it keep theirs. What stands outside of any
 * record (lines before the first header, say) has none. From its first byte to the next record all
 * that was lost is one piece: it counts once, is reported once, with the error that the parser
 * gave, and goes to the quarantine as it is.
 *
 * The next record of FASTA is the next line that starts with `>`. In FASTQ a line that starts with
 * `@` may hold qualities, so it has to be followed by lines of residues and one that starts with
 * `+`; and because a record with too few qualities swallows what follows, the search begins behind
 * the header of the bad record. The outcome does not depend on how the input comes in pieces.
 *
 * Memory: the bytes of the record at hand are kept as they came, too, 1 MiB at most. Of a longer
 * one that is FASTQ and bad, the search begins where the error is, and may miss the record behind
 * it. A longer one goes to the quarantine as it is read, and is taken back there when it turns out
 * to be good. Not thread-safe. */

typedef struct _SeqRecovery SeqRecovery;

/* Called for each loss: the parser's error, and where it is. */
typedef void (*SeqRecoveryReport) (const GError * error, const SeqFastxPosition * position,
    gpointer data);

typedef struct
{
  guint64 max_bad;              /* losses that are borne; the next one is an error. 0 = any number */
  const gchar *quarantine;      /* path of the file for what was lost; NULL = none */
  SeqRecoveryReport report;     /* may be NULL */
  gpointer data;
} SeqRecoveryConfig;

/* NULL with G_FILE_ERROR if the quarantine can't be made. The parser must outlive the recovery. */
SeqRecovery *seq_recovery_new (SeqFastx * parser, const SeqFastxConfig * parser_config,
    const SeqRecoveryConfig * config, GError ** error);
void seq_recovery_free (SeqRecovery * self);    /* NULL is allowed */

/* As the functions of the parser. They fail, with the parser's error, only where max_bad is passed
 * or memory is short, and with G_FILE_ERROR where the quarantine can't be written. `cut`: the file is
 * not read to its end (seq_fastx_cut). */
gboolean seq_recovery_push (SeqRecovery * self, const guint8 * data, gsize size, GError ** error);
gboolean seq_recovery_finish (SeqRecovery * self, gboolean cut, GError ** error);

/* Before the parser is reset or told to begin elsewhere: the bytes that are held belong to nothing
 * any more. */
void seq_recovery_forget (SeqRecovery * self);

/* The input begins again: counts from 0, and empties the quarantine. */
gboolean seq_recovery_reset (SeqRecovery * self, GError ** error);

guint64 seq_recovery_get_n_bad (SeqRecovery * self);

G_END_DECLS
