/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Compressed streams of all kinds, and feeding them in pieces. */

#include "inflate.h"
#include "inflate-private.h"

#include <libdeflate.h>
#include <string.h>
#include <zstd.h>

/* A compressed stream, what it holds, and the places where cutting it leaves a whole stream. */
typedef struct
{
  const gchar *name;
  SeqCompression compression;
  GByteArray *stream;
  GByteArray *content;
  GArray *ends;                 /* of End */
} Fixture;

typedef struct
{
  gsize stream;
  gsize content;
} End;

#define GZIP_ALL_FIELDS 0x1e    /* header checksum, extra field, name, comment */

static inline void
put_u16 (GByteArray * out, guint value)
{
  const guint8 bytes[2] = { value & 0xff, (value >> 8) & 0xff };

  g_byte_array_append (out, bytes, 2);
}

static inline void
put_u32 (GByteArray * out, guint32 value)
{
  put_u16 (out, value & 0xffff);
  put_u16 (out, value >> 16);
}

/* Something between text and noise, so that all kinds of deflate blocks come up. */
static inline GByteArray *
make_content (gsize size, guint32 seed)
{
  GByteArray *content = g_byte_array_sized_new ((guint) size);
  GRand *rand = g_rand_new_with_seed (seed);

  while (content->len < size) {
    guint8 byte = (guint8) g_rand_int (rand);

    if (content->len % 4096 > 512)
      byte = (guint8) "ACGT"[byte % 4];
    g_byte_array_append (content, &byte, 1);
  }
  g_rand_free (rand);
  return content;
}

static inline void
put_deflate (GByteArray * out, const guint8 * data, gsize size, int level)
{
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor (level);
  gsize bound = libdeflate_deflate_compress_bound (compressor, size);
  guint start = out->len;
  gsize n;

  g_byte_array_set_size (out, (guint) (start + bound));
  n = libdeflate_deflate_compress (compressor, data, size, out->data + start, bound);
  g_assert_cmpuint (n, >, 0);
  g_byte_array_set_size (out, (guint) (start + n));
  libdeflate_free_compressor (compressor);
}

static inline void
put_gzip (GByteArray * out, const guint8 * data, gsize size, guint8 flags)
{
  const guint8 header[10] = { 0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3 };
  guint start = out->len;

  g_byte_array_append (out, header, sizeof header);
  if (flags & 0x04) {
    put_u16 (out, 6);
    g_byte_array_append (out, (const guint8 *) "XY\002\000ab", 6);
  }
  if (flags & 0x08)
    g_byte_array_append (out, (const guint8 *) "reads.fa", 9);
  if (flags & 0x10)
    g_byte_array_append (out, (const guint8 *) "a comment", 10);
  if (flags & 0x02)
    put_u16 (out, libdeflate_crc32 (0, out->data + start, out->len - start) & 0xffff);
  put_deflate (out, data, size, 6);
  put_u32 (out, libdeflate_crc32 (0, data, size));
  put_u32 (out, (guint32) size);
}

/* With another subfield before BC if asked to: readers must not rely on its place. */
static inline void
put_bgzf_block (GByteArray * out, const guint8 * data, gsize size, gboolean other_subfield)
{
  const guint8 header[10] = { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff };
  guint start = out->len;
  guint at, block_size;

  g_byte_array_append (out, header, sizeof header);
  put_u16 (out, other_subfield ? 13 : 6);
  if (other_subfield)
    g_byte_array_append (out, (const guint8 *) "BX\003\000BC\002", 7);
  g_byte_array_append (out, (const guint8 *) "BC\002\000", 4);
  at = out->len;
  put_u16 (out, 0);
  put_deflate (out, data, size, 6);
  put_u32 (out, libdeflate_crc32 (0, data, size));
  put_u32 (out, (guint32) size);
  block_size = out->len - start - 1;
  g_assert_cmpuint (block_size, <=, 65535);
  out->data[at] = block_size & 0xff;
  out->data[at + 1] = (guint8) (block_size >> 8);
}

static inline void
put_zstd (GByteArray * out, const guint8 * data, gsize size)
{
  ZSTD_CCtx *context = ZSTD_createCCtx ();
  gsize bound = ZSTD_compressBound (size);
  guint start = out->len;
  gsize n;

  ZSTD_CCtx_setParameter (context, ZSTD_c_checksumFlag, 1);
  g_byte_array_set_size (out, (guint) (start + bound));
  n = ZSTD_compress2 (context, out->data + start, bound, data, size);
  g_assert_false (ZSTD_isError (n));
  g_byte_array_set_size (out, (guint) (start + n));
  ZSTD_freeCCtx (context);
}

static inline Fixture *
fixture_new (const gchar * name, SeqCompression compression)
{
  Fixture *f = g_new0 (Fixture, 1);

  f->name = name;
  f->compression = compression;
  f->stream = g_byte_array_new ();
  f->content = g_byte_array_new ();
  f->ends = g_array_new (FALSE, FALSE, sizeof (End));
  return f;
}

static inline void
fixture_free (Fixture * f)
{
  g_byte_array_unref (f->stream);
  g_byte_array_unref (f->content);
  g_array_unref (f->ends);
  g_free (f);
}

static inline void
fixture_mark_end (Fixture * f)
{
  const End end = { f->stream->len, f->content->len };

  g_array_append_val (f->ends, end);
}

static inline void
fixture_add (Fixture * f, gchar kind, gsize size, guint8 flags)
{
  GByteArray *content = make_content (size, (guint32) size + flags);

  if (kind == 'g')
    put_gzip (f->stream, content->data, size, flags);
  else if (kind == 'b')
    put_bgzf_block (f->stream, content->data, size, flags != 0);
  else if (kind == 'z')
    put_zstd (f->stream, content->data, size);
  else
    g_byte_array_append (f->stream, content->data, content->len);
  g_byte_array_append (f->content, content->data, content->len);
  g_byte_array_unref (content);
  fixture_mark_end (f);
}

static inline void
fixture_add_padding (Fixture * f, gsize n)
{
  const guint8 zero = 0;

  while (n-- > 0) {
    g_byte_array_append (f->stream, &zero, 1);
    fixture_mark_end (f);
  }
}

static inline void
fixture_add_skippable (Fixture * f, guint n)
{
  put_u32 (f->stream, 0x184d2a53);
  put_u32 (f->stream, n);
  while (n-- > 0)
    g_byte_array_append (f->stream, (const guint8 *) "s", 1);
  fixture_mark_end (f);
}

static inline GPtrArray *
make_fixtures (void)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) fixture_free);
  Fixture *f;

  f = fixture_new ("plain", SEQ_COMPRESSION_NONE);
  fixture_add (f, 'p', 40, 0);
  f->stream->data[0] = f->content->data[0] = '>';
  g_ptr_array_add (all, f);

  f = fixture_new ("gzip", SEQ_COMPRESSION_GZIP);
  fixture_add (f, 'g', 700, 0);
  g_ptr_array_add (all, f);

  f = fixture_new ("gzip-fields", SEQ_COMPRESSION_GZIP);
  fixture_add (f, 'g', 90, GZIP_ALL_FIELDS);
  fixture_add (f, 'g', 80, 0x01);
  g_ptr_array_add (all, f);

  f = fixture_new ("gzip-members-padding", SEQ_COMPRESSION_GZIP);
  fixture_add (f, 'g', 0, 0);
  fixture_add (f, 'g', 300, 0x08);
  fixture_add (f, 'g', 0, 0);
  fixture_add (f, 'g', 1, 0);
  fixture_add_padding (f, 5);
  g_ptr_array_add (all, f);

  f = fixture_new ("bgzf", SEQ_COMPRESSION_BGZF);
  fixture_add (f, 'b', 200, 0);
  fixture_add (f, 'b', 0, 0);
  fixture_add (f, 'b', 150, 1);
  fixture_add (f, 'b', 1, 0);
  fixture_add (f, 'b', 0, 0);
  g_ptr_array_add (all, f);

  f = fixture_new ("bgzf-gzip-padding", SEQ_COMPRESSION_BGZF);
  fixture_add (f, 'b', 100, 0);
  fixture_add (f, 'b', 0, 0);
  fixture_add (f, 'g', 120, 0);
  fixture_add (f, 'b', 30, 0);
  fixture_add_padding (f, 3);
  g_ptr_array_add (all, f);

  f = fixture_new ("zstd", SEQ_COMPRESSION_ZSTD);
  fixture_add (f, 'z', 500, 0);
  fixture_add_skippable (f, 9);
  fixture_add (f, 'z', 0, 0);
  fixture_add (f, 'z', 100, 0);
  fixture_add_skippable (f, 0);
  g_ptr_array_add (all, f);

  f = fixture_new ("zstd-skippable-first", SEQ_COMPRESSION_ZSTD);
  fixture_add_skippable (f, 3);
  fixture_add (f, 'z', 60, 0);
  g_ptr_array_add (all, f);
  return all;
}

/* The thread takes over at the first byte, and chunks are tiny, so that small streams meet both. */
static inline SeqInflate *
new_inflate (guint n_threads)
{
  SeqInflate *inflate = seq_inflate_new (n_threads);

  seq_inflate_set_thread (inflate, 0, n_threads == 2 ? 1 : 16);
  return inflate;
}

/* Feeds pieces: the first of `first` bytes, then of `piece` bytes. Each has a block of its own
 * that is gone after NEED_INPUT, so that a sanitizer sees every use of what is no longer
 * borrowed. */
static inline SeqInflateStatus
inflate_all (SeqInflate * inflate, const guint8 * data, gsize size, gsize first, gsize piece,
    GByteArray * out, GError ** error)
{
  SeqInflateStatus status;
  guint8 *block = NULL;
  gsize pos = 0, n;

  for (;;) {
    const guint8 *view;
    gsize length;

    status = seq_inflate_next (inflate, &view, &length, error);
    if (status == SEQ_INFLATE_DATA) {
      g_assert_cmpuint (length, >, 0);
      g_byte_array_append (out, view, (guint) length);
    } else if (status == SEQ_INFLATE_NEED_INPUT) {
      g_clear_pointer (&block, g_free);
      n = MIN (pos == 0 && first > 0 ? first : piece, size - pos);
      if (n > 0) {
        block = g_memdup2 (data + pos, n);
        seq_inflate_feed (inflate, block, n);
        pos += n;
      } else {
        seq_inflate_finish_input (inflate);
      }
    } else {
      break;
    }
  }
  g_free (block);
  return status;
}

static inline void
assert_content (const GByteArray * out, const guint8 * expected, gsize size)
{
  g_assert_cmpmem (out->data, out->len, expected, size);
}

static inline void
check_whole (SeqInflate * inflate, const Fixture * f, gsize first, gsize piece)
{
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;
  SeqInflateStatus status;

  seq_inflate_reset (inflate);
  status = inflate_all (inflate, f->stream->data, f->stream->len, first, piece, out, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, SEQ_INFLATE_END);
  g_assert_cmpint (seq_inflate_get_compression (inflate), ==, f->compression);
  g_assert_cmpuint (seq_inflate_get_consumed (inflate), ==, f->stream->len);
  g_assert_cmpint (seq_inflate_get_warnings (inflate), ==, 0);
  assert_content (out, f->content->data, f->content->len);
  g_byte_array_unref (out);
}
