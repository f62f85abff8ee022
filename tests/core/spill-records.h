/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Records whose bytes follow from id and length, for the tests of sorting by way of files. */

#include "sort-window.h"

#include <string.h>

/* Names of 0 to 9 bytes; every third record has qualities. */
static inline guint32
spill_name_length (guint64 id)
{
  return id % 10;
}

static inline guint8
spill_byte (guint64 id, guint64 place)
{
  return 33 + (id * 31 + place * 7) % 90;
}

static inline guint64
spill_size (guint64 id, guint32 length)
{
  return spill_name_length (id) + (guint64) length * (id % 3 == 0 ? 2 : 1);
}

/* Fills an entry that starts at byte `at` of `bytes`, and its bytes there. Returns its end. */
static inline gsize
spill_put (guint8 * bytes, gsize at, guint64 id, guint32 length, GstSeqRecord * record)
{
  gsize size = spill_size (id, length);

  *record = (GstSeqRecord) {.id = id, .name = at, .name_len = spill_name_length (id),
    .seq = at + spill_name_length (id), .seq_len = length, .qual = GST_SEQ_NO_QUALITY
  };
  if (id % 3 == 0)
    record->qual = record->seq + length;
  for (gsize i = 0; i < size; i++)
    bytes[at + i] = spill_byte (id, i);
  return at + size;
}

static inline void
spill_check (const guint8 * bytes, gsize at, const GstSeqRecord * record)
{
  guint64 size = spill_size (record->id, record->seq_len);

  g_assert_cmpuint (record->name, ==, at);
  g_assert_cmpuint (record->name_len, ==, spill_name_length (record->id));
  g_assert_cmpuint (record->seq, ==, at + record->name_len);
  if (record->id % 3 == 0)
    g_assert_cmpuint (record->qual, ==, record->seq + record->seq_len);
  else
    g_assert_cmpuint (record->qual, ==, GST_SEQ_NO_QUALITY);
  for (guint64 i = 0; i < size; i++)
    if (bytes[at + i] != spill_byte (record->id, i))
      g_error ("byte %" G_GUINT64_FORMAT " of record %" G_GUINT64_FORMAT " differs", i,
          record->id);
}
