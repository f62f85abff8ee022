/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What parsers gave, as bytes that can be compared. */

#include "fastx.h"
#include "fuzz.h"

typedef struct
{
  GByteArray *records;          /* of each: id, lengths, whether it has qualities, and its bytes */
  gchar *error;                 /* with its place; NULL = none */
} FuzzRecords;

static inline void
fuzz_records_init (FuzzRecords * self)
{
  self->records = g_byte_array_new ();
  self->error = NULL;
}

static inline void
fuzz_records_clear (FuzzRecords * self)
{
  g_byte_array_unref (self->records);
  g_free (self->error);
}

static inline void
fuzz_records_append_range (FuzzRecords * self, const SeqBlock * block, guint32 offset,
    guint32 length)
{
  g_assert_cmpuint (offset, <=, block->size);
  g_assert_cmpuint (length, <=, block->size - offset);
  g_byte_array_append (self->records, block->data + offset, length);
}

/* Takes the block over. */
static inline void
fuzz_records_append (FuzzRecords * self, SeqBlock * block)
{
  g_assert_cmpuint (block->n_records, >, 0);
  g_assert_cmpuint (block->size, <=, block->capacity);
  for (guint i = 0; i < block->n_records; i++) {
    const GstSeqRecord *r = &block->records[i];
    const guint32 lengths[4] = {
      r->name_len, r->seq_len, r->qual != GST_SEQ_NO_QUALITY, r->flags
    };

    g_byte_array_append (self->records, (const guint8 *) &r->id, sizeof r->id);
    g_byte_array_append (self->records, (const guint8 *) lengths, sizeof lengths);
    fuzz_records_append_range (self, block, r->name, r->name_len);
    fuzz_records_append_range (self, block, r->seq, r->seq_len);
    if (r->qual != GST_SEQ_NO_QUALITY)
      fuzz_records_append_range (self, block, r->qual, r->seq_len);
  }
  seq_block_unref (block);
}

/* Takes the error over. Its message says line, byte and record. */
static inline void
fuzz_records_set_error (FuzzRecords * self, GError * error)
{
  g_assert_null (self->error);
  self->error = g_strdup_printf ("%d: %s", error->code, error->message);
  g_error_free (error);
}

static inline void
fuzz_records_assert_same (const FuzzRecords * a, const FuzzRecords * b)
{
  g_assert_cmpstr (a->error, ==, b->error);
  g_assert_cmpmem (a->records->data, a->records->len, b->records->data, b->records->len);
}
