/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqrecordsmeta.h>

#include <string.h>

/* Bytes and table grow side by side; finish() hands both over without a copy. */
struct _GstSeqBlockBuilder
{
  gint refs;
  guint64 next_id;
  GByteArray *bytes;
  GArray *records;
};

/* by hand, because G_DEFINE_BOXED_TYPE is not ISO C (it converts to a union) */
GType
gst_seq_block_builder_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static ("GstSeqBlockBuilder",
            (GBoxedCopyFunc) gst_seq_block_builder_ref, (GBoxedFreeFunc) gst_seq_block_builder_unref));
  return type;
}

static void
builder_start_block (GstSeqBlockBuilder * builder)
{
  builder->bytes = g_byte_array_new ();
  builder->records = g_array_new (FALSE, FALSE, sizeof (GstSeqRecord));
}

/**
 * gst_seq_block_builder_new: (constructor)
 * @first_id: id of the first record that is added; the following count up
 *
 * Makes a builder of record blocks, for applications that have their sequences in memory and
 * push them into an `appsrc`. Not thread-safe.
 *
 * Returns: (transfer full): the builder
 */
GstSeqBlockBuilder *
gst_seq_block_builder_new (guint64 first_id)
{
  GstSeqBlockBuilder *builder = g_new0 (GstSeqBlockBuilder, 1);

  builder->refs = 1;
  builder->next_id = first_id;
  builder_start_block (builder);
  return builder;
}

/**
 * gst_seq_block_builder_ref:
 * @builder: a builder
 *
 * Returns: (transfer full): @builder
 */
GstSeqBlockBuilder *
gst_seq_block_builder_ref (GstSeqBlockBuilder * builder)
{
  g_atomic_int_inc (&builder->refs);
  return builder;
}

/**
 * gst_seq_block_builder_unref:
 * @builder: (transfer full): a builder; records of an unfinished block are dropped
 */
void
gst_seq_block_builder_unref (GstSeqBlockBuilder * builder)
{
  if (!g_atomic_int_dec_and_test (&builder->refs))
    return;
  g_byte_array_unref (builder->bytes);
  g_array_unref (builder->records);
  g_free (builder);
}

/* FALSE if the string ends before `length` bytes: bindings pass strings that do not know better. */
static gboolean
measure (const gchar * string, gssize length, gsize * n)
{
  *n = 0;
  if (string)
    *n = length < 0 ? strlen (string) : strnlen (string, length);
  return !string || length < 0 || *n == (gsize) length;
}

/**
 * gst_seq_block_builder_add:
 * @builder: a builder
 * @name: (nullable): name of the record, without line breaks; %NULL is the empty name
 * @name_len: bytes of @name, or -1 if it ends with a zero
 * @residues: (nullable): the residues, one byte each, without line breaks
 * @length: number of residues, or -1 if @residues ends with a zero
 * @quality: (nullable): as many bytes as there are residues, or %NULL for none
 *
 * Adds a record to the block.
 *
 * Returns: %FALSE, and adds nothing, if the block would pass 4 GiB (finish it and add again), or if
 * a zero byte stands within what is to be added: there are fewer qualities than residues, say
 */
gboolean
gst_seq_block_builder_add (GstSeqBlockBuilder * builder, const gchar * name, gssize name_len,
    const gchar * residues, gssize length, const gchar * quality)
{
  GstSeqRecord record = { .qual = GST_SEQ_NO_QUALITY };
  gsize limit = G_MAXUINT32 - 1 - builder->bytes->len;
  gsize n_name, n_seq;

  if (!measure (name, name_len, &n_name) || !measure (residues, length, &n_seq)
      || (quality && strnlen (quality, n_seq) < n_seq))
    return FALSE;
  if (n_name > limit || n_seq > (limit - n_name) / (quality ? 2 : 1))
    return FALSE;

  record.id = builder->next_id++;
  record.name = builder->bytes->len;
  record.name_len = n_name;
  g_byte_array_append (builder->bytes, (const guint8 *) name, n_name);
  record.seq = builder->bytes->len;
  record.seq_len = n_seq;
  g_byte_array_append (builder->bytes, (const guint8 *) residues, n_seq);
  if (quality) {
    record.qual = builder->bytes->len;
    g_byte_array_append (builder->bytes, (const guint8 *) quality, n_seq);
  }
  g_array_append_val (builder->records, record);
  return TRUE;
}

/**
 * gst_seq_block_builder_get_size:
 * @builder: a builder
 *
 * Returns: bytes of the block so far. Blocks of 1 to 4 MiB work best
 */
gsize
gst_seq_block_builder_get_size (GstSeqBlockBuilder * builder)
{
  return builder->bytes->len;
}

/**
 * gst_seq_block_builder_finish:
 * @builder: a builder
 *
 * Ends the block. The builder starts the next one, whose ids go on from this one.
 *
 * Returns: (transfer full): the block
 */
GstBuffer *
gst_seq_block_builder_finish (GstSeqBlockBuilder * builder)
{
  guint n = builder->records->len;
  gsize size = builder->bytes->len;
  GstBuffer *block = gst_buffer_new ();
  GBytes *table;

  if (size > 0)
    gst_buffer_append_memory (block, gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY,
            builder->bytes->data, size, 0, size, builder->bytes,
            (GDestroyNotify) g_byte_array_unref));
  else
    g_byte_array_unref (builder->bytes);
  table = g_bytes_new_take (g_array_free (builder->records, FALSE), n * sizeof (GstSeqRecord));
  gst_buffer_add_seq_records_meta (block, table);
  g_bytes_unref (table);
  GST_BUFFER_OFFSET (block) = builder->next_id - n;
  GST_BUFFER_OFFSET_END (block) = builder->next_id;
  builder_start_block (builder);
  return block;
}
