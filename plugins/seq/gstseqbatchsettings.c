/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqbatchsettings.h"

#include <string.h>

#define DEFAULT_TOKENIZER "esm2"
#define DEFAULT_BATCH_SIZE 32
#define DEFAULT_WINDOW 500

/* bytes of names that end a batch: no model needs so many, and without an end a file could have
 * them fill the memory */
#define MAX_NAMES ((gsize) 64 << 20)

static GType
register_enum (gsize * type, const gchar * name, const GEnumValue * values)
{
  if (g_once_init_enter (type))
    g_once_init_leave (type, g_enum_register_static (name, values));
  return *type;
}

static GType
unknown_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_UNKNOWN_TOKEN, "The unknown token for each", "token"},
    {SEQ_UNKNOWN_PER_RUN, "One unknown token for a run of them", "per-run"},
    {SEQ_UNKNOWN_SKIP, "Left out", "skip"},
    {SEQ_UNKNOWN_ERROR, "An error that names record and residue", "error"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchUnknown", values);
}

static GType
cost_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_BATCH_COST_TOKENS, "Real tokens, padding not counted", "tokens"},
    {SEQ_BATCH_COST_PADDED, "Slots: padded B x L, packed T", "padded"},
    {SEQ_BATCH_COST_QUADRATIC, "Attention: padded B x L x L, packed the sum of the squares",
        "quadratic"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchCost", values);
}

static GType
layout_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_LAYOUT_PADDED, "input_ids [B][L], or inputs [B][L][channels], rows filled up with "
          "padding", "padded"},
    {GST_SEQ_LAYOUT_PACKED, "input_ids [T], or inputs [T][channels], without padding, and "
          "cu_seqlens", "packed"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchLayout", values);
}

static GType
overlong_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_OVERLONG_TRUNCATE, "Cut to what is allowed, at the end that 'truncate' says",
        "truncate"},
    {GST_SEQ_OVERLONG_WINDOW, "Cut into windows, each a row", "window"},
    {GST_SEQ_OVERLONG_SKIP, "Leave the record out", "skip"},
    {GST_SEQ_OVERLONG_ERROR, "An error that names the record", "error"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchOverlong", values);
}

static GType
truncate_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_SIDE_AUTO, "As the tokenizer's file says; right where it says nothing", "auto"},
    {GST_SEQ_SIDE_RIGHT, "The tail is cut off, the first tokens are kept", "right"},
    {GST_SEQ_SIDE_LEFT, "The head is cut off, the last tokens are kept", "left"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchTruncate", values);
}

static GType
pad_side_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_SIDE_AUTO, "As the tokenizer's file says; right where it says nothing", "auto"},
    {GST_SEQ_SIDE_RIGHT, "Behind the tokens", "right"},
    {GST_SEQ_SIDE_LEFT, "Before the tokens", "left"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchPadSide", values);
}

static GType
dtype_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_SEQ_BATCH_DTYPE_AUTO, "int64; of a one-hot tokenizer float32", "auto"},
    {GST_SEQ_BATCH_DTYPE_UINT8, "8 bits, unsigned: ids below 256", "uint8"},
    {GST_SEQ_BATCH_DTYPE_INT16, "16 bits", "int16"},
    {GST_SEQ_BATCH_DTYPE_INT32, "32 bits", "int32"},
    {GST_SEQ_BATCH_DTYPE_INT64, "64 bits, what PyTorch's embeddings take", "int64"},
    {GST_SEQ_BATCH_DTYPE_FLOAT32, "32 bits, floating point: vectors, not ids", "float32"},
    {0, NULL, NULL}
  };

  return register_enum (&type, "GstSeqBatchDtype", values);
}

void
gst_seq_batch_settings_init (GstSeqBatchSettings * settings)
{
  *settings = (GstSeqBatchSettings) {
    .tokenizer = g_strdup (DEFAULT_TOKENIZER), .unknown = SEQ_UNKNOWN_TOKEN,
    .batch_size = DEFAULT_BATCH_SIZE, .cost = SEQ_BATCH_COST_PADDED,
    .layout = GST_SEQ_LAYOUT_PADDED, .window = DEFAULT_WINDOW,
    .overlong = GST_SEQ_OVERLONG_TRUNCATE, .pad_to_multiple = 1,
    .dtype = GST_SEQ_BATCH_DTYPE_AUTO, .mask = TRUE, .workers = -1, .num_gpus = 1,
  };
}

void
gst_seq_batch_settings_clear (GstSeqBatchSettings * settings)
{
  g_clear_pointer (&settings->tokenizer, g_free);
}

/* ---- properties ---- */

static void
install_limits (GObjectClass * klass, GParamFlags ready, GParamFlags playing)
{
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_BATCH_SIZE,
      g_param_spec_uint ("batch-size", "Batch size", "Records (rows) in a batch at most (0 = no "
          "limit). A change while playing holds for the records that are in no batch yet", 0,
          G_MAXINT32, DEFAULT_BATCH_SIZE, playing));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_MAX_TOKENS,
      g_param_spec_uint64 ("max-tokens", "Max tokens", "Tokens in a batch at most, counted as "
          "'cost' says, special tokens included, and no more records than this, were they empty "
          "(0 = no limit). A record that is over it on its own makes a batch of its own. A change "
          "while playing holds for the records that are in no batch yet; with fixed-total, from the "
          "next start on", 0, G_MAXUINT64, 0, playing));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_COST,
      g_param_spec_enum ("cost", "Cost", "What max-tokens counts", cost_get_type (),
          SEQ_BATCH_COST_PADDED, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_WINDOW,
      g_param_spec_uint ("window", "Window", "Packed layout: records that are looked at to fill a "
          "batch; one that finds no room waits for a later batch (0 = keep the order)", 0,
          SEQ_BATCH_MAX_WINDOW, DEFAULT_WINDOW, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_MAX_LENGTH,
      g_param_spec_uint ("max-length", "Max length", "Tokens of a record at most, special tokens "
          "included (0 = no limit); 'overlong' says what happens to longer ones", 0, G_MAXINT32, 0,
          ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_OVERLONG,
      g_param_spec_enum ("overlong", "Overlong", "What happens to records longer than max-length "
          "(or pad-to, or the max-tokens of a fixed total)", overlong_get_type (),
          GST_SEQ_OVERLONG_TRUNCATE, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_TRUNCATE,
      g_param_spec_enum ("truncate", "Truncate", "overlong=truncate: the end at which body tokens "
          "are cut off; special tokens are kept in any case", truncate_get_type (),
          GST_SEQ_SIDE_AUTO, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_STRIDE,
      g_param_spec_uint ("stride", "Stride", "overlong=window: tokens from the start of a window to "
          "the start of the next (0 = as many as a window has: no overlap)", 0, G_MAXINT32, 0,
          ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_DROP_LAST,
      g_param_spec_boolean ("drop-last", "Drop last", "Drop the last batch if the end of the input "
          "cut it short; its records are counted in stats as dropped, its windows of long records as "
          "dropped-windows", FALSE, ready));
}

static void
install_tensors (GObjectClass * klass, GParamFlags ready)
{
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_LAYOUT,
      g_param_spec_enum ("layout", "Layout", "How records lie in the tensors", layout_get_type (),
          GST_SEQ_LAYOUT_PADDED, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_PAD_TO_MULTIPLE,
      g_param_spec_uint ("pad-to-multiple", "Pad to multiple", "Padded layout: make rows a multiple "
          "of this many tokens (8 or 64 suit tensor cores)", 1, 65536, 1, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_PAD_TO,
      g_param_spec_uint ("pad-to", "Pad to", "Padded layout: make every row this many tokens; "
          "longer records are overlong (0 = as long as the batch's longest)", 0, G_MAXINT32, 0,
          ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_PAD_SIDE,
      g_param_spec_enum ("pad-side", "Pad side", "Padded layout: the side of the tokens that the "
          "padding of a row stands on. (What fixed-total fills up stands behind all records)",
          pad_side_get_type (), GST_SEQ_SIDE_AUTO, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_FIXED_TOTAL,
      g_param_spec_boolean ("fixed-total", "Fixed total", "Packed layout: fill every batch up to "
          "max-tokens with padding", FALSE, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_DTYPE,
      g_param_spec_enum ("dtype", "Data type", "Type of input_ids, which the ids have to fit. "
          "One-hot tokenizers make float32, so an integer type is an error with them, and float32 "
          "with all others", dtype_get_type (), GST_SEQ_BATCH_DTYPE_AUTO, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_MASK,
      g_param_spec_boolean ("mask", "Mask", "Padded layout: add attention_mask, uint8 [B][L], 1 "
          "where a token is", TRUE, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_POSITIONS,
      g_param_spec_boolean ("positions", "Positions", "Packed layout: add position_ids, int32 [T], "
          "counted from 0 in each record", FALSE, ready));
}

void
gst_seq_batch_settings_install (GObjectClass * klass)
{
  const GParamFlags base = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags ready = base | GST_PARAM_MUTABLE_READY;

  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_TOKENIZER,
      g_param_spec_string ("tokenizer", "Tokenizer", "A preset (esm2, esmc, protbert, prott5, "
          "dnabert3 to dnabert6, nt6, nt6-v1, hyenadna, caduceus, evo, bytes, enformer) or the "
          "path of a tokenizer file as the presets are, of a vocab.txt (one token a line, the "
          "first is id 0) or of a tokenizer.json with a model BPE or WordLevel. hyenadna and "
          "caduceus pad on the left. enformer is one-hot: the tensor is inputs, float32, with a "
          "channel for each of A, C, G and T", DEFAULT_TOKENIZER, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_UNKNOWN,
      g_param_spec_enum ("unknown", "Unknown", "What becomes of letters (or k-mers) that the "
          "vocabulary does not have; they are counted in stats. The models' own tokenizers of "
          "esm2, prott5, nt6 and nt6-v1 do as per-run", unknown_get_type (),
          SEQ_UNKNOWN_TOKEN, ready));
  install_limits (klass, ready, base | GST_PARAM_MUTABLE_PLAYING);
  install_tensors (klass, ready);
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_WORKERS,
      g_param_spec_int ("workers", "Workers", "Threads that write batches (-1 = one less "
          "than processors / num-gpus, 1 to 7, for the streaming thread works, too, and only for "
          "batches that are worth it: of letters from 2 MiB on, of k-mers and words all; others, or "
          "all where that would be one thread, a pinnedqueue's helps with while it waits for them; "
          "0 = none: all in the streaming thread). Batches and their order do not depend on it",
          -1, 256, -1, ready));
  g_object_class_install_property (klass, GST_SEQ_BATCH_PROP_NUM_GPUS,
      g_param_spec_uint ("num-gpus", "Number of GPUs", "Pipelines that share this machine's "
          "processors, one for each GPU; divides what workers=-1 takes", 1, 1024, 1, ready));
}

gboolean
gst_seq_batch_settings_set (GstSeqBatchSettings * settings, guint prop, const GValue * value)
{
  switch (prop) {
    case GST_SEQ_BATCH_PROP_TOKENIZER:
      g_free (settings->tokenizer);
      settings->tokenizer = g_value_dup_string (value);
      break;
    case GST_SEQ_BATCH_PROP_UNKNOWN:
      settings->unknown = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_BATCH_SIZE:
      settings->batch_size = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_MAX_TOKENS:
      settings->max_tokens = g_value_get_uint64 (value);
      break;
    case GST_SEQ_BATCH_PROP_COST:
      settings->cost = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_LAYOUT:
      settings->layout = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_WINDOW:
      settings->window = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_MAX_LENGTH:
      settings->max_length = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_OVERLONG:
      settings->overlong = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_TRUNCATE:
      settings->truncate = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_STRIDE:
      settings->stride = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_PAD_TO_MULTIPLE:
      settings->pad_to_multiple = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_PAD_TO:
      settings->pad_to = g_value_get_uint (value);
      break;
    case GST_SEQ_BATCH_PROP_PAD_SIDE:
      settings->pad_side = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_FIXED_TOTAL:
      settings->fixed_total = g_value_get_boolean (value);
      break;
    case GST_SEQ_BATCH_PROP_DTYPE:
      settings->dtype = g_value_get_enum (value);
      break;
    case GST_SEQ_BATCH_PROP_MASK:
      settings->mask = g_value_get_boolean (value);
      break;
    case GST_SEQ_BATCH_PROP_POSITIONS:
      settings->positions = g_value_get_boolean (value);
      break;
    case GST_SEQ_BATCH_PROP_DROP_LAST:
      settings->drop_last = g_value_get_boolean (value);
      break;
    case GST_SEQ_BATCH_PROP_WORKERS:
      settings->workers = g_value_get_int (value);
      break;
    case GST_SEQ_BATCH_PROP_NUM_GPUS:
      settings->num_gpus = g_value_get_uint (value);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_seq_batch_settings_get (const GstSeqBatchSettings * settings, guint prop, GValue * value)
{
  switch (prop) {
    case GST_SEQ_BATCH_PROP_TOKENIZER:
      g_value_set_string (value, settings->tokenizer);
      break;
    case GST_SEQ_BATCH_PROP_UNKNOWN:
      g_value_set_enum (value, settings->unknown);
      break;
    case GST_SEQ_BATCH_PROP_BATCH_SIZE:
      g_value_set_uint (value, settings->batch_size);
      break;
    case GST_SEQ_BATCH_PROP_MAX_TOKENS:
      g_value_set_uint64 (value, settings->max_tokens);
      break;
    case GST_SEQ_BATCH_PROP_COST:
      g_value_set_enum (value, settings->cost);
      break;
    case GST_SEQ_BATCH_PROP_LAYOUT:
      g_value_set_enum (value, settings->layout);
      break;
    case GST_SEQ_BATCH_PROP_WINDOW:
      g_value_set_uint (value, settings->window);
      break;
    case GST_SEQ_BATCH_PROP_MAX_LENGTH:
      g_value_set_uint (value, settings->max_length);
      break;
    case GST_SEQ_BATCH_PROP_OVERLONG:
      g_value_set_enum (value, settings->overlong);
      break;
    case GST_SEQ_BATCH_PROP_TRUNCATE:
      g_value_set_enum (value, settings->truncate);
      break;
    case GST_SEQ_BATCH_PROP_STRIDE:
      g_value_set_uint (value, settings->stride);
      break;
    case GST_SEQ_BATCH_PROP_PAD_TO_MULTIPLE:
      g_value_set_uint (value, settings->pad_to_multiple);
      break;
    case GST_SEQ_BATCH_PROP_PAD_TO:
      g_value_set_uint (value, settings->pad_to);
      break;
    case GST_SEQ_BATCH_PROP_PAD_SIDE:
      g_value_set_enum (value, settings->pad_side);
      break;
    case GST_SEQ_BATCH_PROP_FIXED_TOTAL:
      g_value_set_boolean (value, settings->fixed_total);
      break;
    case GST_SEQ_BATCH_PROP_DTYPE:
      g_value_set_enum (value, settings->dtype);
      break;
    case GST_SEQ_BATCH_PROP_MASK:
      g_value_set_boolean (value, settings->mask);
      break;
    case GST_SEQ_BATCH_PROP_POSITIONS:
      g_value_set_boolean (value, settings->positions);
      break;
    case GST_SEQ_BATCH_PROP_DROP_LAST:
      g_value_set_boolean (value, settings->drop_last);
      break;
    case GST_SEQ_BATCH_PROP_WORKERS:
      g_value_set_int (value, settings->workers);
      break;
    case GST_SEQ_BATCH_PROP_NUM_GPUS:
      g_value_set_uint (value, settings->num_gpus);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}

/* ---- what follows from them ---- */

gboolean
gst_seq_batch_settings_has_fixed_total (const GstSeqBatchSettings * settings)
{
  return settings->layout == GST_SEQ_LAYOUT_PACKED && settings->fixed_total;
}

void
gst_seq_batch_settings_get_limits (const GstSeqBatchSettings * settings, SeqBatchLimits * limits)
{
  *limits = (SeqBatchLimits) {
    .packed = settings->layout == GST_SEQ_LAYOUT_PACKED,
    .max_rows = settings->batch_size, .max_cost = settings->max_tokens, .cost = settings->cost,
    .pad_to_multiple = settings->pad_to_multiple, .pad_to = settings->pad_to,
    .window = settings->window,.max_names = MAX_NAMES,
  };
  /* cu_seqlens has 32 bits, so a packed batch has a limit of its own where none is set */
  if (limits->packed && limits->max_cost == 0) {
    limits->max_cost = G_MAXINT32;
    limits->cost = SEQ_BATCH_COST_TOKENS;
  }
}

gsize
gst_seq_batch_settings_get_max_size (const GstSeqBatchSettings * settings,
    const GstSeqBatchShape * shape, guint32 specials)
{
  guint64 rows = settings->batch_size, slots = settings->max_tokens, most_rows;

  if (!shape->packed && shape->row_length > 0 && rows > 0
      && (slots == 0 || slots / rows >= shape->row_length))
    slots = rows * shape->row_length;
  else if (settings->cost == SEQ_BATCH_COST_QUADRATIC ||
      (settings->cost == SEQ_BATCH_COST_TOKENS && !shape->packed))
    return 0;
  most_rows = slots / MAX (specials, 1);
  if (rows > 0)
    most_rows = MIN (rows, most_rows);
  return gst_seq_batch_shape_size (shape, MAX (most_rows, shape->fixed_rows), slots);
}

gboolean
gst_seq_batch_budget_parse (GstEvent * event, GstSeqBatchBudget * budget)
{
  const GstStructure *structure = gst_event_get_structure (event);

  return GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_UPSTREAM && structure &&
      gst_structure_has_name (structure, "batch-budget") &&
      gst_structure_get_uint64 (structure, "max-tokens", &budget->max_tokens) &&
      gst_structure_get_uint (structure, "max-records", &budget->max_records);
}

void
gst_seq_batch_budget_apply (const GstSeqBatchBudget * budget, SeqBatchLimits * limits)
{
  limits->max_slots = budget->max_tokens;
  if (budget->max_records > 0)
    limits->max_rows = limits->max_rows > 0 ? MIN (limits->max_rows, budget->max_records) :
        budget->max_records;
}

static guint32
least (guint32 limit, guint64 other)
{
  if (other == 0)
    return limit;
  return limit == 0 ? MIN (other, G_MAXINT32) : MIN (limit, other);
}

guint32
gst_seq_batch_settings_get_max_length (const GstSeqBatchSettings * settings)
{
  guint32 limit = settings->max_length;

  if (settings->layout == GST_SEQ_LAYOUT_PADDED)
    limit = least (limit, settings->pad_to);
  else if (gst_seq_batch_settings_has_fixed_total (settings))
    limit = least (limit, settings->max_tokens);
  return limit;
}

gboolean
gst_seq_batch_settings_truncate_left (const GstSeqBatchSettings * settings,
    const SeqTokenizer * tokenizer)
{
  return settings->truncate == GST_SEQ_SIDE_AUTO ? seq_tokenizer_truncates_left (tokenizer) :
      settings->truncate == GST_SEQ_SIDE_LEFT;
}

static SeqDtype
id_type (const GstSeqBatchSettings * settings)
{
  return settings->dtype == GST_SEQ_BATCH_DTYPE_AUTO ? SEQ_DTYPE_INT64 : (SeqDtype) settings->dtype;
}

static gboolean
pads_left (const GstSeqBatchSettings * settings, const SeqTokenizer * tokenizer)
{
  if (settings->layout != GST_SEQ_LAYOUT_PADDED)
    return FALSE;
  return settings->pad_side == GST_SEQ_SIDE_AUTO ? seq_tokenizer_pads_left (tokenizer) :
      settings->pad_side == GST_SEQ_SIDE_LEFT;
}

gboolean
gst_seq_batch_settings_get_shape (const GstSeqBatchSettings * settings,
    const SeqTokenizer * tokenizer, gboolean flexible, GstSeqBatchShape * shape)
{
  SeqBatchLimits limits;

  gst_seq_batch_settings_get_limits (settings, &limits);
  *shape = (GstSeqBatchShape) {
    .packed = limits.packed, .pads_left = pads_left (settings, tokenizer),
    .dtype = id_type (settings), .channels = seq_tokenizer_get_n_channels (tokenizer),
    .mask = settings->mask, .positions = settings->positions, .flexible = flexible,
    .row_multiple = limits.pad_to_multiple, .row_minimum = limits.pad_to,
  };
  if (gst_seq_batch_settings_has_fixed_total (settings))
    shape->fixed_slots = settings->max_tokens;
  if (!limits.packed && settings->pad_to > 0)
    shape->row_length = seq_batch_row_length (&limits, settings->pad_to);
  if (flexible)
    return TRUE;

  shape->fixed_rows = settings->batch_size;
  if (settings->batch_size == 0)
    return FALSE;
  if (limits.packed)
    return shape->fixed_slots > 0;
  return shape->row_length > 0 && (settings->max_tokens == 0 ||
      (settings->cost == SEQ_BATCH_COST_PADDED &&
          (guint64) settings->batch_size * shape->row_length <= settings->max_tokens));
}

static const gchar *
dtype_nick (GstSeqBatchDtype dtype)
{
  GEnumClass *klass = g_type_class_ref (dtype_get_type ());
  const GEnumValue *value = g_enum_get_value (klass, dtype);

  g_type_class_unref (klass);
  return value->value_nick;     /* static, as the values are */
}

static gboolean
check_dtype (const GstSeqBatchSettings * settings, const SeqTokenizer * tokenizer, GError ** error)
{
  gboolean vectors = seq_tokenizer_get_n_channels (tokenizer) > 0;
  gboolean is_float = settings->dtype == GST_SEQ_BATCH_DTYPE_FLOAT32;

  if (settings->dtype != GST_SEQ_BATCH_DTYPE_AUTO && vectors != is_float)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "tokenizer '%s' makes %s, not dtype=%s", settings->tokenizer,
        vectors ? "vectors of float32" : "ids, which are integers", dtype_nick (settings->dtype));
  else if (!vectors && !seq_dtype_fits (id_type (settings), seq_tokenizer_get_max_id (tokenizer)))
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "tokenizer '%s' has ids up to %u, which do not fit dtype=%s", settings->tokenizer,
        seq_tokenizer_get_max_id (tokenizer), dtype_nick (settings->dtype));
  else
    return TRUE;
  return FALSE;
}

gboolean
gst_seq_batch_settings_check (const GstSeqBatchSettings * settings, const SeqTokenizer * tokenizer,
    GError ** error)
{
  guint32 max_length = gst_seq_batch_settings_get_max_length (settings);
  guint specials = seq_tokenizer_get_n_prefix (tokenizer) +
      seq_tokenizer_get_n_suffix (tokenizer);

  if (!check_dtype (settings, tokenizer, error))
    return FALSE;
  if (max_length > 0 && max_length <= specials)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "records of at most %u tokens have no room for a residue beside %u special tokens",
        max_length, specials);
  else if (gst_seq_batch_settings_has_fixed_total (settings) &&
      (settings->max_tokens == 0 || settings->max_tokens > G_MAXINT32 ||
          settings->cost == SEQ_BATCH_COST_QUADRATIC))
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "fixed-total needs max-tokens, from 1 to 2147483647, counted in tokens");
  else if (settings->overlong == GST_SEQ_OVERLONG_WINDOW && max_length > 0 &&
      settings->stride > max_length - specials)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "stride=%u is more than the %u tokens of a window: some would be in none",
        settings->stride, max_length - specials);
  else
    return TRUE;
  return FALSE;
}
