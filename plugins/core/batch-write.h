/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/record.h>

#include "batch-plan.h"
#include "tokenizer.h"

G_BEGIN_DECLS

/* Writes the rows of a planned batch as token ids or vectors, straight into the memory of its
 * tensors, each token once. Any number of threads may write different batches. */

/* the part of a SeqBatchRow.block that the writer needs to see */
typedef struct
{
  const guint8 *data;           /* never NULL, also where there are no bytes */
  const GstSeqRecord *records;
} SeqBatchSource;

typedef struct
{
  const SeqTokenizer *tokenizer;
  SeqDtype dtype;
  gboolean packed;
  gboolean pads_left;           /* padded: padding stands before the tokens of a row */
  guint32 max_body;             /* body tokens of a row at most */

  guint n_rows;                 /* rows of the tensors, n of the batch or more */
  guint32 row_length;           /* padded: tokens of a row */
  guint64 slots;                /* packed: tokens of the tensor, those of the batch or more */

  /* padded [n_rows][row_length], packed [slots]; of a one-hot tokenizer [n_channels] each */
  gpointer input_ids;
  guint8 *attention_mask;       /* padded, may be NULL: [n_rows][row_length] */
  gint32 *cu_seqlens;           /* packed: [n_rows + 1]; behind the last row its end is repeated */
  gint32 *position_ids;         /* packed, may be NULL: [slots] */
} SeqBatchTarget;

typedef struct
{
  guint64 unknown;              /* unknown letters or k-mers */
  gint unknown_row;             /* the first row with one, -1 if there is none */
  gsize unknown_position;       /* its first residue that is unknown */
  gint no_memory_row;           /* the first row for whose words there was no memory, -1 if there
                                 * is none: the tensors mean nothing then */
} SeqBatchResult;

/* `rows[i].block` points to a SeqBatchSource. */
void seq_batch_write (const SeqBatchTarget * target, const SeqBatchRow * rows, guint n,
    SeqBatchResult * result);

G_END_DECLS
