/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The record table of a block: one fixed 32-byte entry for every record, in the order of the
 * block. It stands in core because parser, sort and tokenizers work on it, and is installed with
 * gstseq-1.0 because a GstBuffer carries it (GstSeqRecordsMeta). */

typedef struct _GstSeqRecord GstSeqRecord;

/* value of GstSeqRecord.qual where a record has no qualities */
#define GST_SEQ_NO_QUALITY G_MAXUINT32

/**
 * GstSeqRecord:
 * @id: 0-based position of the record in the whole input, the identity of the record
 * @name: byte offset of the name in the block's bytes. The name is the whole header line without
 *     its `>` or `@` and without line end; names are data and may repeat or be empty
 * @name_len: bytes of the name
 * @seq: byte offset of the residues, which are contiguous (no line breaks)
 * @seq_len: number of residues, one byte each
 * @qual: byte offset of the qualities (@seq_len bytes, as in the file, usually Phred + 33), or
 *     %GST_SEQ_NO_QUALITY
 * @flags: 0; reserved for later use
 *
 * One record of a block. All offsets count from the first byte of the block.
 */
struct _GstSeqRecord
{
  guint64 id;
  guint32 name;
  guint32 name_len;
  guint32 seq;
  guint32 seq_len;
  guint32 qual;
  guint32 flags;
};

G_END_DECLS
