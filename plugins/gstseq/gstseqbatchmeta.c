/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqbatchmeta.h>

#include <string.h>

static gboolean
batch_meta_init (GstMeta * meta, gpointer params, GstBuffer * buffer)
{
  memset ((guint8 *) meta + sizeof (GstMeta), 0, sizeof (GstSeqBatchMeta) - sizeof (GstMeta));
  return TRUE;
}

static void
batch_meta_free (GstMeta * meta, GstBuffer * buffer)
{
  g_clear_pointer (&((GstSeqBatchMeta *) meta)->table, g_bytes_unref);
}

static gboolean
batch_meta_transform (GstBuffer * dest, GstMeta * meta, GstBuffer * buffer, GQuark type,
    gpointer data)
{
  GstSeqBatchMeta *self = (GstSeqBatchMeta *) meta;
  GstSeqBatchMeta *copy;
  GstMeta base;

  if (!GST_META_TRANSFORM_IS_COPY (type) || ((GstMetaTransformCopy *) data)->region)
    return FALSE;
  copy = gst_buffer_add_seq_batch_meta (dest, self->table, self->n_records);
  g_bytes_unref (copy->table);
  base = copy->meta;
  *copy = *self;
  copy->meta = base;
  g_bytes_ref (copy->table);
  return TRUE;
}

GType
gst_seq_batch_meta_api_get_type (void)
{
  static gsize type = 0;
  static const gchar *tags[] = { NULL };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, gst_meta_api_type_register ("GstSeqBatchMetaAPI", tags));
  return type;
}

/**
 * gst_seq_batch_meta_get_info: (skip)
 */
const GstMetaInfo *
gst_seq_batch_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter (&info)) {
    const GstMetaInfo *mi = gst_meta_register (GST_SEQ_BATCH_META_API_TYPE, "GstSeqBatchMeta",
        sizeof (GstSeqBatchMeta), batch_meta_init, batch_meta_free, batch_meta_transform);
    g_once_init_leave (&info, mi);
  }
  return info;
}

/**
 * gst_buffer_add_seq_batch_meta: (skip)
 * @buffer: (transfer none): a writable buffer
 * @table: @n_records entries of #GstSeqBatchRecord, 8-byte aligned, and behind them the bytes
 *     that their names point into; the meta takes a reference
 * @n_records: number of entries in @table
 *
 * Makes @buffer a batch. The caller fills in the other fields of the meta.
 *
 * Returns: (transfer none): the meta
 */
GstSeqBatchMeta *
gst_buffer_add_seq_batch_meta (GstBuffer * buffer, GBytes * table, guint n_records)
{
  GstSeqBatchMeta *self;

  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  g_return_val_if_fail (table != NULL, NULL);
  g_return_val_if_fail (g_bytes_get_size (table) / sizeof (GstSeqBatchRecord) >= n_records, NULL);

  self = (GstSeqBatchMeta *) gst_buffer_add_meta (buffer, GST_SEQ_BATCH_META_INFO, NULL);
  if (self) {
    self->table = g_bytes_ref (table);
    self->records = g_bytes_get_data (table, NULL);
    self->n_records = n_records;
    self->names = (const gchar *) (self->records + n_records);
  }
  return self;
}

/**
 * gst_buffer_get_seq_batch_meta: (skip)
 * @buffer: a buffer
 *
 * Returns: (transfer none) (nullable): what describes the batch, %NULL if @buffer is none
 */
GstSeqBatchMeta *
gst_buffer_get_seq_batch_meta (GstBuffer * buffer)
{
  return (GstSeqBatchMeta *) gst_buffer_get_meta (buffer, GST_SEQ_BATCH_META_API_TYPE);
}

/* in the order of GstSeqTensorType */
static const struct
{
  const gchar *name;
  gsize size;
} tensor_types[] = {
  {"int32", 4}, {"uint32", 4}, {"int16", 2}, {"uint16", 2}, {"int8", 1}, {"uint8", 1},
  {"float64", 8}, {"float32", 4}, {"int64", 8}, {"uint64", 8}, {"float16", 2},
};

/**
 * gst_seq_tensor_type_size:
 * @type: a type of elements
 *
 * Returns: bytes of one element, 0 for a type that does not exist
 */
gsize
gst_seq_tensor_type_size (GstSeqTensorType type)
{
  return (guint) type < G_N_ELEMENTS (tensor_types) ? tensor_types[type].size : 0;
}

/**
 * gst_seq_tensor_type_name:
 * @type: a type of elements
 *
 * Returns: (transfer none) (nullable): its name in caps, e.g. `int64`
 */
const gchar *
gst_seq_tensor_type_name (GstSeqTensorType type)
{
  return (guint) type < G_N_ELEMENTS (tensor_types) ? tensor_types[type].name : NULL;
}

/**
 * gst_seq_tensor_header_write: (skip)
 * @header: 128 bytes to write, 4-byte aligned
 * @type: type of the elements
 * @rank: number of dimensions, 1 to %GST_SEQ_TENSOR_MAX_RANK
 * @dims: dimensions, outermost first, all at least 1
 *
 * Writes the header of a flexible tensor: native-endian 32-bit words, of which word 0 is the
 * magic, 1 the version, 2 the type, 3 to 18 the dimensions innermost first and ended by 0,
 * 19 the format (1 is flexible), 20 the media type (4 is tensor), and the rest is 0.
 * (NNStreamer 2.4: `gst_tensor_meta_info_update_header()`.)
 *
 * Returns: %FALSE if type, rank or a dimension is not valid
 */
gboolean
gst_seq_tensor_header_write (guint8 * header, GstSeqTensorType type, guint rank,
    const guint32 * dims)
{
  guint32 words[GST_SEQ_TENSOR_HEADER_SIZE / 4] = { 0xfeedcced, 0xde001000 };

  if (gst_seq_tensor_type_size (type) == 0 || rank < 1 || rank > GST_SEQ_TENSOR_MAX_RANK)
    return FALSE;
  words[2] = type;
  for (guint i = 0; i < rank; i++) {
    if (dims[i] == 0)
      return FALSE;
    words[3 + i] = dims[rank - 1 - i];
  }
  words[19] = 1;
  words[20] = 4;
  memcpy (header, words, sizeof words);
  return TRUE;
}

/**
 * gst_seq_batch_get_utilisation:
 * @batch: a batch
 *
 * Returns: real tokens divided by slots, 0 to 1; 0 if the buffer is no batch
 */
gdouble
gst_seq_batch_get_utilisation (GstBuffer * batch)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  return meta && meta->slots > 0 ? (gdouble) meta->tokens / meta->slots : 0.0;
}

/**
 * gst_seq_batch_get_n_records:
 * @batch: a batch
 *
 * Returns: number of records (rows) in @batch, 0 if the buffer is no batch
 */
guint
gst_seq_batch_get_n_records (GstBuffer * batch)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  return meta ? meta->n_records : 0;
}

/**
 * gst_seq_batch_get_record:
 * @batch: a batch
 * @index: which record of the batch
 * @id: (out) (optional): 0-based position of the record in the whole input
 * @tokens: (out) (optional): real tokens, specials counted
 * @flags: (out) (optional): #GstSeqBatchRecordFlags
 * @window: (out) (optional): which window of the record, 0 for the first or only one
 *
 * Returns: %FALSE if there is no such record; the values are 0 then
 */
gboolean
gst_seq_batch_get_record (GstBuffer * batch, guint index, guint64 * id, guint32 * tokens,
    guint32 * flags, guint32 * window)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  gboolean found = meta && index < meta->n_records;
  GstSeqBatchRecord record = { 0 };

  if (found)
    record = meta->records[index];
  if (id)
    *id = record.id;
  if (tokens)
    *tokens = record.tokens;
  if (flags)
    *flags = record.flags;
  if (window)
    *window = record.window;
  return found;
}

/* The bytes of a name; NULL if there is no such record */
static const gchar *
find_name (GstSeqBatchMeta * meta, guint index, gsize * length)
{
  const GstSeqBatchRecord *record;
  gsize size;

  if (!meta || index >= meta->n_records)
    return NULL;
  record = &meta->records[index];
  size = g_bytes_get_size (meta->table) - meta->n_records * sizeof (GstSeqBatchRecord);
  if (record->name > size || record->name_len > size - record->name)
    return NULL;
  *length = record->name_len;
  return meta->names + record->name;
}

/**
 * gst_seq_batch_dup_name:
 * @batch: a batch
 * @index: which record of the batch
 *
 * Returns: (transfer full) (nullable): the record's whole header line, %NULL if there is no such
 *     record
 */
gchar *
gst_seq_batch_dup_name (GstBuffer * batch, guint index)
{
  gsize length;
  const gchar *name = find_name (gst_buffer_get_seq_batch_meta (batch), index, &length);

  return name ? g_strndup (name, length) : NULL;
}

/**
 * gst_seq_batch_get_name_bytes:
 * @batch: a batch
 * @index: which record of the batch
 *
 * gst_seq_batch_dup_name() for names that may not be UTF-8, which some languages can't take for a
 * string, and without a copy.
 *
 * Returns: (transfer full) (nullable): the record's whole header line, %NULL if there is no such
 *     record
 */
GBytes *
gst_seq_batch_get_name_bytes (GstBuffer * batch, guint index)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  gsize length;
  const gchar *name = find_name (meta, index, &length);

  return name ? g_bytes_new_from_bytes (meta->table,
      name - (const gchar *) g_bytes_get_data (meta->table, NULL), length) : NULL;
}

/**
 * gst_seq_batch_get_n_tensors:
 * @batch: a batch
 *
 * Returns: number of tensors in @batch, 0 if the buffer is no batch
 */
guint
gst_seq_batch_get_n_tensors (GstBuffer * batch)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  return meta ? meta->n_tensors : 0;
}

/**
 * gst_seq_batch_get_tensor_name:
 * @batch: a batch
 * @index: which tensor
 *
 * Returns: (transfer none) (nullable): `input_ids` or `inputs`, `attention_mask`, `cu_seqlens` or
 *     `position_ids`; %NULL if there is no such tensor
 */
const gchar *
gst_seq_batch_get_tensor_name (GstBuffer * batch, guint index)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  return meta && index < meta->n_tensors ? meta->tensors[index].name : NULL;
}

/* what a mapped tensor needs to be unmapped when its GBytes goes */
typedef struct
{
  GstMemory *memory;
  GstMapInfo map;
} MappedTensor;

static void
mapped_tensor_free (gpointer data)
{
  MappedTensor *tensor = data;

  gst_memory_unmap (tensor->memory, &tensor->map);
  gst_memory_unref (tensor->memory);
  g_free (tensor);
}

/**
 * gst_seq_batch_get_tensor_shape:
 * @batch: a batch
 * @index: which tensor
 * @type: (out) (optional): type of the elements
 * @rank: (out) (optional): number of dimensions
 * @dims: (out caller-allocates) (array fixed-size=4) (optional): dimensions, outermost first; the
 *     first @rank count, the others are 0
 * @offset: (out) (optional): bytes from the start of memory @index of @batch to the elements
 *
 * Tells what gst_seq_batch_get_tensor_data() would give, without touching the memory: for device
 * memory, which that function would download.
 *
 * Returns: %FALSE if there is no such tensor
 */
gboolean
gst_seq_batch_get_tensor_shape (GstBuffer * batch, guint index, GstSeqTensorType * type,
    guint * rank, guint32 dims[GST_SEQ_TENSOR_MAX_RANK], gsize * offset)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  if (dims)                     /* a binding looks at them in any case */
    memset (dims, 0, GST_SEQ_TENSOR_MAX_RANK * sizeof dims[0]);
  if (!meta || index >= meta->n_tensors)
    return FALSE;
  if (type)
    *type = meta->tensors[index].type;
  if (rank)
    *rank = meta->tensors[index].rank;
  if (dims)
    memcpy (dims, meta->tensors[index].dims, sizeof meta->tensors[index].dims);
  if (offset)
    *offset = meta->tensors[index].offset;
  return TRUE;
}

/**
 * gst_seq_batch_get_tensor_data:
 * @batch: a batch
 * @index: which tensor
 * @type: (out) (optional): type of the elements
 * @rank: (out) (optional): number of dimensions
 * @dims: (out caller-allocates) (array fixed-size=4) (optional): dimensions, outermost first; the
 *     first @rank count, the others are 0
 *
 * Gives the elements of a tensor without a copy. The bytes stay valid for as long as they are
 * referenced, also when the buffer is gone.
 *
 * Returns: (transfer full) (nullable): the elements in C order, %NULL if there is no such tensor
 *     or it can't be mapped
 */
GBytes *
gst_seq_batch_get_tensor_data (GstBuffer * batch, guint index, GstSeqTensorType * type,
    guint * rank, guint32 dims[GST_SEQ_TENSOR_MAX_RANK])
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  const GstSeqTensorInfo *info;
  MappedTensor *tensor;

  if (dims)
    memset (dims, 0, GST_SEQ_TENSOR_MAX_RANK * sizeof dims[0]);
  if (!meta || index >= meta->n_tensors || index >= gst_buffer_n_memory (batch))
    return NULL;
  info = &meta->tensors[index];
  tensor = g_new0 (MappedTensor, 1);
  tensor->memory = gst_buffer_get_memory (batch, index);
  if (!gst_memory_map (tensor->memory, &tensor->map, GST_MAP_READ)) {
    gst_memory_unref (tensor->memory);
    g_free (tensor);
    return NULL;
  }
  if (info->offset > tensor->map.size) {
    mapped_tensor_free (tensor);
    return NULL;
  }
  if (type)
    *type = info->type;
  if (rank)
    *rank = info->rank;
  if (dims)
    memcpy (dims, info->dims, sizeof info->dims);
  return g_bytes_new_with_free_func (tensor->map.data + info->offset,
      tensor->map.size - info->offset, mapped_tensor_free, tensor);
}
