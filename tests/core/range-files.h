/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of range-reader share: files of a text, and what a reader gives of one. */

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "range-reader.h"

typedef struct
{
  gchar *path;
  int fd;
} File;

static inline void
file_init (File * file, const gchar * text, gsize size)
{
  GError *error = NULL;

  file->fd = g_file_open_tmp ("range-reader-XXXXXX", &file->path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (write (file->fd, text, size), ==, size);
}

static inline void
file_clear (File * file)
{
  close (file->fd);
  g_remove (file->path);
  g_free (file->path);
}

/* "id:name|residues " of each record */
static inline void
append_block (GString * out, SeqBlock * block)
{
  for (guint i = 0; i < block->n_records; i++) {
    const GstSeqRecord *r = &block->records[i];

    g_string_append_printf (out, "%" G_GUINT64_FORMAT ":", r->id);
    g_string_append_len (out, (const gchar *) block->data + r->name, r->name_len);
    g_string_append_c (out, '|');
    g_string_append_len (out, (const gchar *) block->data + r->seq, r->seq_len);
    g_string_append_c (out, ' ');
  }
  seq_block_unref (block);
}

static inline SeqRangeStatus
next_status (SeqRangeReader * reader, SeqBlock ** block, SeqFastxPosition * position)
{
  SeqRangeStatus status;

  do
    status = seq_range_reader_next (reader, block, position);
  while (status == SEQ_RANGE_AGAIN);
  return status;
}

/* In order from a position on; what went wrong goes to *message. */
static inline void
parse_in_order (GString * out, const gchar * text, gsize size, const SeqFastxConfig * config,
    const SeqFastxPosition * from, gchar ** message)
{
  SeqBlockPool *pool = seq_block_pool_new (config->block_size + SEQ_FASTX_PIECE, 1);
  SeqFastx *parser = seq_fastx_new (config, pool);
  GError *error = NULL;
  SeqBlock *block;

  seq_fastx_begin_at (parser, from);
  if (seq_fastx_push (parser, (const guint8 *) text + from->byte, size - from->byte, &error))
    seq_fastx_finish (parser, &error);
  while ((block = seq_fastx_flush (parser)))
    append_block (out, block);
  *message = error != NULL ? g_strdup (error->message) : NULL;
  g_clear_error (&error);
  seq_fastx_free (parser);
  seq_block_pool_unref (pool);
}

static inline SeqFastxConfig
make_config (void)
{
  return (SeqFastxConfig) { .block_size = 4096, .max_record_bytes = 1 << 20 };
}

/* Blocks that are as large as ranges want them */
static inline SeqFastxConfig
fit_blocks (const SeqFastxConfig * config, gsize range_size)
{
  SeqFastxConfig fitted = *config;

  fitted.block_size = MAX (fitted.block_size, range_size / 2);
  return fitted;
}

/* NULL where this is no file for ranges */
static inline SeqRangeReader *
open_file (int fd, const SeqFastxConfig * config, guint64 first_id, gsize range_size,
    guint n_threads)
{
  SeqRangeReader *reader = seq_range_reader_new (config, range_size, n_threads);

  if (!seq_range_reader_open (reader, fd, first_id))
    g_clear_pointer (&reader, seq_range_reader_free);
  return reader;
}

static inline GString *
make_text (guint n, guint seed)
{
  GRand *rand = g_rand_new_with_seed (seed);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++) {
    guint length = i % 50 == 7 ? 300000 : g_rand_int_range (rand, 0, 1500);

    g_string_append_printf (text, ">record %u", i);
    for (guint k = 0; k < length; k++) {
      if (k % 60 == 0)
        g_string_append_c (text, '\n');
      g_string_append_c (text, "ACDEFGHIKLMNPQRSTVWY>"[g_rand_int_range (rand, 0,
                  k % 60 == 0 ? 20 : 21)]);
    }
    g_string_append_c (text, '\n');
  }
  g_rand_free (rand);
  return text;
}

static inline SeqRangeReader *
open_text (File * file, const gchar * text, const SeqFastxConfig * config, gsize range)
{
  SeqFastxConfig fitted = fit_blocks (config, range);

  file_init (file, text, strlen (text));
  return open_file (file->fd, &fitted, 0, range, 2);
}

/* What one file gives, for `reader`, which had others before; the ids go on from `first_id`. Returns
 * how it has ended: SEQ_RANGE_END, or SEQ_RANGE_GO_ON if the rest was read in order. */
static inline SeqRangeStatus
compare_file (SeqRangeReader * reader, const gchar * text, const SeqFastxConfig * config,
    guint64 first_id)
{
  const SeqFastxPosition start = { .line = 1, .record = first_id };
  g_autoptr (GString) expected = g_string_new (NULL), found = g_string_new (NULL);
  g_autofree gchar *expected_message = NULL, *message = NULL;
  SeqFastxPosition position;
  SeqRangeStatus status;
  SeqBlock *block;
  File file;

  parse_in_order (expected, text, strlen (text), config, &start, &expected_message);
  file_init (&file, text, strlen (text));
  g_assert_true (seq_range_reader_open (reader, file.fd, first_id));
  while ((status = next_status (reader, &block, &position)) == SEQ_RANGE_BLOCK)
    append_block (found, block);
  if (status == SEQ_RANGE_GO_ON)
    parse_in_order (found, text, strlen (text), config, &position, &message);
  seq_range_reader_close (reader);
  g_assert_cmpstr (found->str, ==, expected->str);
  g_assert_cmpstr (message, ==, expected_message);
  file_clear (&file);
  return status;
}
