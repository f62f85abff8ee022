/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/record.h>
#include <gst/seq/gstseqapi.h>

G_BEGIN_DECLS

/* Caps media type of record blocks. Fields: alphabet (string: dna, rna, protein, unknown) and
 * quality (boolean: records may carry qualities). */
#define GST_SEQ_RECORDS_MEDIA_TYPE "application/x-seq-records"
#define GST_SEQ_RECORDS_CAPS \
  GST_SEQ_RECORDS_MEDIA_TYPE ", alphabet=(string){ dna, rna, protein, unknown }, " \
  "quality=(boolean){ true, false }"

typedef struct _GstSeqRecordsMeta GstSeqRecordsMeta;

/**
 * GstSeqRecordsMeta:
 * @meta: parent #GstMeta
 * @records: (array length=n_records): table of records; offsets count from the first byte of the
 *     buffer's memory 0. Read-only: the table is shared between all buffers that it is copied to
 * @n_records: number of entries of @records
 * @table: what keeps @records alive
 *
 * Turns a #GstBuffer into a block of records. The buffer's memory 0 holds names, residues and
 * qualities; the block is self-contained. OFFSET and OFFSET_END of the buffer are the first id
 * and one past the last where the ids of the block are consecutive, else GST_BUFFER_OFFSET_NONE.
 *
 * The meta has no tags; it follows a buffer through copies of the whole buffer, and is dropped
 * from copies of a part, in which its offsets would be wrong.
 */
struct _GstSeqRecordsMeta
{
  GstMeta meta;

  const GstSeqRecord *records;
  guint n_records;
  GBytes *table;
};

GST_SEQ_API
GType gst_seq_records_meta_api_get_type (void);
#define GST_SEQ_RECORDS_META_API_TYPE (gst_seq_records_meta_api_get_type ())

GST_SEQ_API
const GstMetaInfo *gst_seq_records_meta_get_info (void);
#define GST_SEQ_RECORDS_META_INFO (gst_seq_records_meta_get_info ())

GST_SEQ_API
GstSeqRecordsMeta *gst_buffer_add_seq_records_meta (GstBuffer * buffer, GBytes * table);

GST_SEQ_API
GstSeqRecordsMeta *gst_buffer_get_seq_records_meta (GstBuffer * buffer);

/* For bindings and applications: copies, checked against the bounds of the block. */

GST_SEQ_API
guint gst_seq_block_get_n_records (GstBuffer * block);

GST_SEQ_API
gboolean gst_seq_block_get_id (GstBuffer * block, guint index, guint64 * id);

GST_SEQ_API
gchar *gst_seq_block_dup_name (GstBuffer * block, guint index);

GST_SEQ_API
gchar *gst_seq_block_dup_residues (GstBuffer * block, guint index);

GST_SEQ_API
gchar *gst_seq_block_dup_quality (GstBuffer * block, guint index);

GST_SEQ_API
GBytes *gst_seq_block_get_name_bytes (GstBuffer * block, guint index);

GST_SEQ_API
GBytes *gst_seq_block_get_residues_bytes (GstBuffer * block, guint index);

GST_SEQ_API
GBytes *gst_seq_block_get_quality_bytes (GstBuffer * block, guint index);

/* Checks that every record of @block lies inside its memory 0. Elements call it once for a block
 * that comes from elsewhere, so that nothing behind it needs to check again. */
GST_SEQ_API
gboolean gst_seq_block_validate (GstBuffer * block, GError ** error);

/* Builds blocks from strings in memory. */
typedef struct _GstSeqBlockBuilder GstSeqBlockBuilder;

GST_SEQ_API
GType gst_seq_block_builder_get_type (void);
#define GST_TYPE_SEQ_BLOCK_BUILDER (gst_seq_block_builder_get_type ())

GST_SEQ_API
GstSeqBlockBuilder *gst_seq_block_builder_new (guint64 first_id);

GST_SEQ_API
GstSeqBlockBuilder *gst_seq_block_builder_ref (GstSeqBlockBuilder * builder);

GST_SEQ_API
void gst_seq_block_builder_unref (GstSeqBlockBuilder * builder);

GST_SEQ_API
gboolean gst_seq_block_builder_add (GstSeqBlockBuilder * builder, const gchar * name,
    gssize name_len, const gchar * residues, gssize length, const gchar * quality);

GST_SEQ_API
gsize gst_seq_block_builder_get_size (GstSeqBlockBuilder * builder);

GST_SEQ_API
GstBuffer *gst_seq_block_builder_finish (GstSeqBlockBuilder * builder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstSeqBlockBuilder, gst_seq_block_builder_unref)

G_END_DECLS
