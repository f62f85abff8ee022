/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks of records that an application made: a table that points out of its block is refused by
 * gst_seq_block_validate() and by every element that takes blocks; of any other all can be read. */

#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include "fuzz.h"

#define MAX_RECORDS 16

static const gchar *const elements[] = {
  "seqenc", "seqenc format=fasta line-width=3", "seqenc format=tsv", "seqsort",
  "seqsort order=shuffle window=3", "seqbatch tokenizer=bytes batch-size=2 workers=0",
  "seqbatch tokenizer=nt6 unknown=skip layout=packed batch-size=3 workers=0",
  "seqbatch tokenizer=esm2 max-length=4 overlong=window workers=0",
};

static gboolean
is_inside (guint64 offset, guint64 length, gsize size)
{
  return offset + length <= size;
}

/* The table; `inside`: whether all of it lies in a block of `size` bytes. */
static GBytes *
take_table (FuzzInput * in, gsize size, gboolean * inside)
{
  guint n = fuzz_choose (in, MAX_RECORDS + 1);
  GstSeqRecord *records = g_new0 (GstSeqRecord, MAX (n, 1));
  guint shift = fuzz_choose (in, 32);   /* of what is large, or the top bits were never set */

  *inside = TRUE;
  for (guint i = 0; i < n; i++) {
    GstSeqRecord *r = &records[i];
    guint kind = fuzz_take_byte (in);

    r->id = i;
    r->name = (guint32) fuzz_take_byte (in) << (kind & 1 ? shift : 0);
    r->name_len = (guint32) fuzz_take_byte (in) << (kind & 2 ? shift : 0);
    r->seq = (guint32) fuzz_take_byte (in) << (kind & 4 ? shift : 0);
    r->seq_len = (guint32) fuzz_take_byte (in) << (kind & 8 ? shift : 0);
    r->qual = kind & 16 ? (guint32) fuzz_take_byte (in) << (kind & 32 ? shift : 0)
        : GST_SEQ_NO_QUALITY;
    *inside = *inside && is_inside (r->name, r->name_len, size)
        && is_inside (r->seq, r->seq_len, size)
        && (r->qual == GST_SEQ_NO_QUALITY || is_inside (r->qual, r->seq_len, size));
  }
  return g_bytes_new_take (records, n * sizeof *records);
}

/* Of just that size, so that a sanitizer sees a read behind it. */
static GstMemory *
new_memory (guint8 * data, gsize size)
{
  return gst_memory_new_wrapped (0, data, size, 0, size, data, g_free);
}

static GstBuffer *
take_block (FuzzInput * in, gboolean * inside)
{
  gsize wanted = fuzz_take_byte (in), size = MIN (wanted, in->size);
  GstBuffer *block = gst_buffer_new ();
  GBytes *table;

  if (size > 0)
    gst_buffer_append_memory (block, new_memory (g_memdup2 (in->data, size), size));
  in->data += size;
  in->size -= size;
  table = take_table (in, size, inside);
  gst_buffer_add_seq_records_meta (block, table);
  g_bytes_unref (table);
  return block;
}

static void
read_all (GstBuffer * block, gboolean inside)
{
  guint64 id;

  for (guint i = 0; i < gst_seq_block_get_n_records (block); i++) {
    gchar *name = gst_seq_block_dup_name (block, i);
    gchar *residues = gst_seq_block_dup_residues (block, i);
    gchar *quality = gst_seq_block_dup_quality (block, i);

    g_assert_true (gst_seq_block_get_id (block, i, &id));
    g_assert_cmpuint (id, ==, i);
    g_assert_true (!inside || (name != NULL && residues != NULL));
    g_free (name);
    g_free (residues);
    g_free (quality);
  }
}

/* An element that GStreamer has no plugin for fails here, so that nothing is passed over. */
static GstFlowReturn
push_through (const gchar * element, GstBuffer * block)
{
  GstHarness *h = gst_harness_new_parse (element);
  GstFlowReturn ret;

  g_assert_nonnull (h);
  gst_harness_set_src_caps_str (h, "application/x-seq-records,alphabet=(string)unknown,"
      "quality=(boolean)false");
  ret = gst_harness_push (h, block);
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_harness_teardown (h);
  return ret;
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  const gchar *element = elements[fuzz_choose (&in, G_N_ELEMENTS (elements))];
  GError *error = NULL;
  GstBuffer *block;
  gboolean inside;

  gst_init (NULL, NULL);
  block = take_block (&in, &inside);
  g_assert_true (gst_seq_block_validate (block, &error) == inside);
  g_assert_true ((error == NULL) == inside);
  g_clear_error (&error);
  read_all (block, inside);
  if (!inside)
    g_assert_cmpint (push_through (element, block), ==, GST_FLOW_ERROR);
  else
    push_through (element, block);
  return 0;
}
