/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "batch-plan.h"
#include "gstseqbatchoutput.h"
#include "tokenizer.h"

G_BEGIN_DECLS

/* The properties of seqbatch, and what follows from them. */

typedef enum
{
  GST_SEQ_OVERLONG_TRUNCATE,
  GST_SEQ_OVERLONG_WINDOW,
  GST_SEQ_OVERLONG_SKIP,
  GST_SEQ_OVERLONG_ERROR,
} GstSeqOverlong;

/* An end of a record or row. */
typedef enum
{
  GST_SEQ_SIDE_AUTO,            /* as the tokenizer has it */
  GST_SEQ_SIDE_RIGHT,
  GST_SEQ_SIDE_LEFT,
} GstSeqSide;

/* What tokens are written as; the integers are SeqDtype's. */
typedef enum
{
  GST_SEQ_BATCH_DTYPE_AUTO = -1,        /* int64, or what vectors are: float32 */
  GST_SEQ_BATCH_DTYPE_UINT8 = SEQ_DTYPE_UINT8,
  GST_SEQ_BATCH_DTYPE_INT16 = SEQ_DTYPE_INT16,
  GST_SEQ_BATCH_DTYPE_INT32 = SEQ_DTYPE_INT32,
  GST_SEQ_BATCH_DTYPE_INT64 = SEQ_DTYPE_INT64,
  GST_SEQ_BATCH_DTYPE_FLOAT32,
} GstSeqBatchDtype;

/* guarded by the object lock of the element */
typedef struct
{
  gchar *tokenizer;
  SeqUnknown unknown;
  guint batch_size;
  guint64 max_tokens;
  SeqBatchCost cost;
  GstSeqLayout layout;
  guint window;
  guint max_length;
  GstSeqOverlong overlong;
  GstSeqSide truncate;
  guint stride;
  guint pad_to_multiple;
  guint pad_to;
  GstSeqSide pad_side;
  gboolean fixed_total;
  GstSeqBatchDtype dtype;
  gboolean mask;
  gboolean positions;
  gboolean drop_last;
  gint workers;
  guint num_gpus;
} GstSeqBatchSettings;

typedef enum
{
  GST_SEQ_BATCH_PROP_0,
  GST_SEQ_BATCH_PROP_TOKENIZER,
  GST_SEQ_BATCH_PROP_UNKNOWN,
  GST_SEQ_BATCH_PROP_BATCH_SIZE,
  GST_SEQ_BATCH_PROP_MAX_TOKENS,
  GST_SEQ_BATCH_PROP_COST,
  GST_SEQ_BATCH_PROP_LAYOUT,
  GST_SEQ_BATCH_PROP_WINDOW,
  GST_SEQ_BATCH_PROP_MAX_LENGTH,
  GST_SEQ_BATCH_PROP_OVERLONG,
  GST_SEQ_BATCH_PROP_TRUNCATE,
  GST_SEQ_BATCH_PROP_STRIDE,
  GST_SEQ_BATCH_PROP_PAD_TO_MULTIPLE,
  GST_SEQ_BATCH_PROP_PAD_TO,
  GST_SEQ_BATCH_PROP_PAD_SIDE,
  GST_SEQ_BATCH_PROP_FIXED_TOTAL,
  GST_SEQ_BATCH_PROP_DTYPE,
  GST_SEQ_BATCH_PROP_MASK,
  GST_SEQ_BATCH_PROP_POSITIONS,
  GST_SEQ_BATCH_PROP_DROP_LAST,
  GST_SEQ_BATCH_PROP_WORKERS,
  GST_SEQ_BATCH_PROP_NUM_GPUS,
  GST_SEQ_BATCH_PROP_STATS,
} GstSeqBatchProp;

void gst_seq_batch_settings_init (GstSeqBatchSettings * settings);
void gst_seq_batch_settings_clear (GstSeqBatchSettings * settings);
void gst_seq_batch_settings_install (GObjectClass * klass);

/* FALSE if there is no such setting */
gboolean gst_seq_batch_settings_set (GstSeqBatchSettings * settings, guint prop,
    const GValue * value);
gboolean gst_seq_batch_settings_get (const GstSeqBatchSettings * settings, guint prop,
    GValue * value);

/* Packed, with the same number of slots in every batch, which is fixed while the stream runs. */
gboolean gst_seq_batch_settings_has_fixed_total (const GstSeqBatchSettings * settings);

/* Limits of the plan. */
void gst_seq_batch_settings_get_limits (const GstSeqBatchSettings * settings,
    SeqBatchLimits * limits);

/* Bytes of the largest batches that the limits allow, 0 where they don't say; `specials`: tokens of
 * an empty record. A record that passes max-tokens on its own makes a larger one. */
gsize gst_seq_batch_settings_get_max_size (const GstSeqBatchSettings * settings,
    const GstSeqBatchShape * shape, guint32 specials);

/* What downstream has asked for: limits beside those of the properties, 0 = none */
typedef struct
{
  guint64 max_tokens;           /* slots */
  guint max_records;
} GstSeqBatchBudget;

/* FALSE if @event is no valid `batch-budget` */
gboolean gst_seq_batch_budget_parse (GstEvent * event, GstSeqBatchBudget * budget);
void gst_seq_batch_budget_apply (const GstSeqBatchBudget * budget, SeqBatchLimits * limits);

/* Most tokens of a row, specials counted; 0 = no limit. The least of what max-length, pad-to and
 * fixed-total allow. */
guint32 gst_seq_batch_settings_get_max_length (const GstSeqBatchSettings * settings);

/* Whether the head of overlong records is cut off, not the tail. */
gboolean gst_seq_batch_settings_truncate_left (const GstSeqBatchSettings * settings,
    const SeqTokenizer * tokenizer);

/* Shape of the tensors. With `flexible` FALSE this returns FALSE where no one shape holds for the
 * whole stream. */
gboolean gst_seq_batch_settings_get_shape (const GstSeqBatchSettings * settings,
    const SeqTokenizer * tokenizer, gboolean flexible, GstSeqBatchShape * shape);

/* Whether the settings go together, and with the tokenizer; else `error` says what does not. */
gboolean gst_seq_batch_settings_check (const GstSeqBatchSettings * settings,
    const SeqTokenizer * tokenizer, GError ** error);

G_END_DECLS
