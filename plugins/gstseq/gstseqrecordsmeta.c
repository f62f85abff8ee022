/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqrecordsmeta.h>

static gboolean
records_meta_init (GstMeta * meta, gpointer params, GstBuffer * buffer)
{
  GstSeqRecordsMeta *self = (GstSeqRecordsMeta *) meta;

  self->records = NULL;
  self->n_records = 0;
  self->table = NULL;
  return TRUE;
}

static void
records_meta_free (GstMeta * meta, GstBuffer * buffer)
{
  GstSeqRecordsMeta *self = (GstSeqRecordsMeta *) meta;

  g_clear_pointer (&self->table, g_bytes_unref);
}

static gboolean
records_meta_transform (GstBuffer * dest, GstMeta * meta, GstBuffer * buffer, GQuark type,
    gpointer data)
{
  GstSeqRecordsMeta *self = (GstSeqRecordsMeta *) meta;

  /* offsets of a part would be wrong, so only whole copies keep their table */
  if (!GST_META_TRANSFORM_IS_COPY (type) || ((GstMetaTransformCopy *) data)->region)
    return FALSE;
  gst_buffer_add_seq_records_meta (dest, self->table);
  return TRUE;
}

GType
gst_seq_records_meta_api_get_type (void)
{
  static gsize type = 0;
  static const gchar *tags[] = { NULL };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, gst_meta_api_type_register ("GstSeqRecordsMetaAPI", tags));
  return type;
}

/**
 * gst_seq_records_meta_get_info: (skip)
 */
const GstMetaInfo *
gst_seq_records_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter (&info)) {
    const GstMetaInfo *mi = gst_meta_register (GST_SEQ_RECORDS_META_API_TYPE, "GstSeqRecordsMeta",
        sizeof (GstSeqRecordsMeta), records_meta_init, records_meta_free, records_meta_transform);
    g_once_init_leave (&info, mi);
  }
  return info;
}

/**
 * gst_buffer_add_seq_records_meta: (skip)
 * @buffer: (transfer none): a writable buffer
 * @table: a table of #GstSeqRecord, 8-byte aligned; the meta takes a reference
 *
 * Makes @buffer a block of records. The number of records follows from the size of @table.
 *
 * Returns: (transfer none): the meta
 */
GstSeqRecordsMeta *
gst_buffer_add_seq_records_meta (GstBuffer * buffer, GBytes * table)
{
  GstSeqRecordsMeta *self;
  gsize size;

  g_return_val_if_fail (GST_IS_BUFFER (buffer), NULL);
  g_return_val_if_fail (table != NULL, NULL);

  self = (GstSeqRecordsMeta *) gst_buffer_add_meta (buffer, GST_SEQ_RECORDS_META_INFO, NULL);
  if (self) {
    self->table = g_bytes_ref (table);
    self->records = g_bytes_get_data (table, &size);
    self->n_records = size / sizeof (GstSeqRecord);
  }
  return self;
}

/**
 * gst_buffer_get_seq_records_meta: (skip)
 * @buffer: a buffer
 *
 * Returns: (transfer none) (nullable): the table of records of @buffer, %NULL if it is no block
 */
GstSeqRecordsMeta *
gst_buffer_get_seq_records_meta (GstBuffer * buffer)
{
  return (GstSeqRecordsMeta *) gst_buffer_get_meta (buffer, GST_SEQ_RECORDS_META_API_TYPE);
}

static const GstSeqRecord *
block_get_record (GstBuffer * block, guint index)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

  return meta && index < meta->n_records ? &meta->records[index] : NULL;
}

static gchar *
block_dup_range (GstBuffer * block, gsize offset, gsize length)
{
  GstMemory *memory;
  GstMapInfo map;
  gchar *copy = NULL;

  if (gst_buffer_n_memory (block) == 0)
    return length == 0 ? g_strdup ("") : NULL;
  memory = gst_buffer_peek_memory (block, 0);
  if (!gst_memory_map (memory, &map, GST_MAP_READ))
    return NULL;
  if (offset <= map.size && length <= map.size - offset)
    copy = g_strndup ((const gchar *) map.data + offset, length);
  gst_memory_unmap (memory, &map);
  return copy;
}

/**
 * gst_seq_block_get_n_records:
 * @block: a block of records
 *
 * Returns: number of records in @block, 0 if the buffer is no block
 */
guint
gst_seq_block_get_n_records (GstBuffer * block)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

  return meta ? meta->n_records : 0;
}

/**
 * gst_seq_block_get_id:
 * @block: a block of records
 * @index: which record of the block
 * @id: (out): 0-based position of the record in the whole input
 *
 * Returns: %FALSE if there is no such record
 */
gboolean
gst_seq_block_get_id (GstBuffer * block, guint index, guint64 * id)
{
  const GstSeqRecord *record = block_get_record (block, index);

  *id = record ? record->id : 0;
  return record != NULL;
}

/**
 * gst_seq_block_dup_name:
 * @block: a block of records
 * @index: which record of the block
 *
 * Returns: (transfer full) (nullable): the whole header line, %NULL if there is no such record
 */
gchar *
gst_seq_block_dup_name (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  return record ? block_dup_range (block, record->name, record->name_len) : NULL;
}

/**
 * gst_seq_block_dup_residues:
 * @block: a block of records
 * @index: which record of the block
 *
 * Returns: (transfer full) (nullable): the residues, %NULL if there is no such record
 */
gchar *
gst_seq_block_dup_residues (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  return record ? block_dup_range (block, record->seq, record->seq_len) : NULL;
}

/**
 * gst_seq_block_dup_quality:
 * @block: a block of records
 * @index: which record of the block
 *
 * Returns: (transfer full) (nullable): the qualities as in the file, %NULL if the record has none
 */
gchar *
gst_seq_block_dup_quality (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  if (!record || record->qual == GST_SEQ_NO_QUALITY)
    return NULL;
  return block_dup_range (block, record->qual, record->seq_len);
}

static GBytes *
block_range_bytes (GstBuffer * block, guint32 offset, guint32 length)
{
  gchar *copy = block_dup_range (block, offset, length);

  return copy ? g_bytes_new_take (copy, length) : NULL;
}

/**
 * gst_seq_block_get_name_bytes:
 * @block: a block of records
 * @index: which record of the block
 *
 * gst_seq_block_dup_name() for names that may not be UTF-8, which some languages can't take for a
 * string.
 *
 * Returns: (transfer full) (nullable): the whole header line, %NULL if there is no such record
 */
GBytes *
gst_seq_block_get_name_bytes (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  return record ? block_range_bytes (block, record->name, record->name_len) : NULL;
}

/**
 * gst_seq_block_get_residues_bytes:
 * @block: a block of records
 * @index: which record of the block
 *
 * gst_seq_block_dup_residues() for residues of any bytes.
 *
 * Returns: (transfer full) (nullable): the residues, %NULL if there is no such record
 */
GBytes *
gst_seq_block_get_residues_bytes (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  return record ? block_range_bytes (block, record->seq, record->seq_len) : NULL;
}

/**
 * gst_seq_block_get_quality_bytes:
 * @block: a block of records
 * @index: which record of the block
 *
 * gst_seq_block_dup_quality() for qualities of any bytes.
 *
 * Returns: (transfer full) (nullable): the qualities, %NULL if the record has none
 */
GBytes *
gst_seq_block_get_quality_bytes (GstBuffer * block, guint index)
{
  const GstSeqRecord *record = block_get_record (block, index);

  return record && record->qual != GST_SEQ_NO_QUALITY
      ? block_range_bytes (block, record->qual, record->seq_len) : NULL;
}

/* Where the last byte of a record ends */
static guint64
record_end (const GstSeqRecord * r)
{
  guint64 name_end = (guint64) r->name + r->name_len, seq_end = (guint64) r->seq + r->seq_len;
  guint64 qual_end = r->qual == GST_SEQ_NO_QUALITY ? 0 : (guint64) r->qual + r->seq_len;

  return MAX (MAX (name_end, seq_end), qual_end);
}

/**
 * gst_seq_block_validate:
 * @block: a buffer
 * @error: what is wrong, in the domain of #GstStreamError
 *
 * Checks that @block carries a table of records and that every record lies inside memory 0.
 *
 * Returns: whether @block is a valid block of records
 */
gboolean
gst_seq_block_validate (GstBuffer * block, GError ** error)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);
  gsize size = 0;

  if (!meta) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "buffer has no table of records (GstSeqRecordsMeta)");
    return FALSE;
  }
  if (gst_buffer_n_memory (block) > 0)
    size = gst_memory_get_sizes (gst_buffer_peek_memory (block, 0), NULL, NULL);
  for (guint i = 0; i < meta->n_records; i++) {
    const GstSeqRecord *r = &meta->records[i];

    if (record_end (r) > size) {
      g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
          "record %" G_GUINT64_FORMAT " (entry %u) lies outside its block of %" G_GSIZE_FORMAT
          " bytes", r->id, i, size);
      return FALSE;
    }
  }
  return TRUE;
}
