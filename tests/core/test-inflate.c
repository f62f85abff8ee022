/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inflate-fixtures.h"

static void
test_splits (void)
{
  GPtrArray *fixtures = make_fixtures ();
  guint threads, i;
  gsize at;

  for (threads = 0; threads < 3; threads++) {
    SeqInflate *inflate = new_inflate (threads);

    for (i = 0; i < fixtures->len; i++) {
      const Fixture *f = fixtures->pdata[i];

      g_test_message ("%s, %u threads", f->name, threads);
      for (at = 0; at <= f->stream->len; at += threads == 2 ? 7 : 1)
        check_whole (inflate, f, at, f->stream->len);
      for (at = 1; at < 8; at++)
        check_whole (inflate, f, at, at);
    }
    seq_inflate_free (inflate);
  }
  g_ptr_array_unref (fixtures);
}

/* The content that a stream cut at this place must give, or -1 when this is no legal end. */
static gssize
content_at_end (const Fixture * f, gsize cut)
{
  guint i;

  for (i = 0; i < f->ends->len; i++) {
    const End *end = &g_array_index (f->ends, End, i);

    if (end->stream == cut)
      return (gssize) end->content;
  }
  return -1;
}

static void
check_cut (SeqInflate * inflate, const Fixture * f, gsize cut, gsize piece)
{
  const gsize magic = f->compression == SEQ_COMPRESSION_ZSTD ? 4 : 2;
  const gssize legal = content_at_end (f, cut);
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;
  SeqInflateStatus status;

  seq_inflate_reset (inflate);
  status = inflate_all (inflate, f->stream->data, cut, 0, piece, out, &error);
  if (f->compression == SEQ_COMPRESSION_NONE || cut < magic) {
    g_assert_cmpint (status, ==, SEQ_INFLATE_END);
    g_assert_cmpint (seq_inflate_get_compression (inflate), ==, SEQ_COMPRESSION_NONE);
    assert_content (out, f->stream->data, cut);
  } else if (legal >= 0) {
    g_assert_no_error (error);
    g_assert_cmpint (status, ==, SEQ_INFLATE_END);
    assert_content (out, f->content->data, (gsize) legal);
  } else {
    g_assert_cmpint (status, ==, SEQ_INFLATE_ERROR);
    g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRUNCATED);
    g_assert_cmpuint (out->len, <=, f->content->len);
    assert_content (out, f->content->data, out->len);
  }
  g_clear_error (&error);
  g_byte_array_unref (out);
}

static void
test_truncation (void)
{
  GPtrArray *fixtures = make_fixtures ();
  guint threads, i;
  gsize cut;

  for (threads = 0; threads < 2; threads++) {
    SeqInflate *inflate = new_inflate (threads);

    for (i = 0; i < fixtures->len; i++) {
      const Fixture *f = fixtures->pdata[i];

      g_test_message ("%s, %u threads", f->name, threads);
      for (cut = 0; cut <= f->stream->len; cut++) {
        check_cut (inflate, f, cut, f->stream->len);
        check_cut (inflate, f, cut, 1);
      }
    }
    seq_inflate_free (inflate);
  }
  g_ptr_array_unref (fixtures);
}

/* What could be decoded comes before the error: all of it when only the trailer is missing. */
static void
test_truncated_content (void)
{
  SeqInflate *inflate = seq_inflate_new (0);
  Fixture *f = fixture_new ("long gzip", SEQ_COMPRESSION_GZIP);
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;
  gsize missing;

  fixture_add (f, 'g', 600000, 0);
  for (missing = 1; missing <= 8; missing++) {
    seq_inflate_reset (inflate);
    g_byte_array_set_size (out, 0);
    inflate_all (inflate, f->stream->data, f->stream->len - missing, 0, 10000, out, &error);
    g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRUNCATED);
    g_assert_nonnull (strstr (error->message, "gzip"));
    assert_content (out, f->content->data, f->content->len);
    g_clear_error (&error);
  }
  /* Half of the stream gives about half of the content. */
  seq_inflate_reset (inflate);
  g_byte_array_set_size (out, 0);
  inflate_all (inflate, f->stream->data, f->stream->len / 2, 0, 10000, out, &error);
  g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_TRUNCATED);
  g_assert_cmpuint (out->len, >, f->content->len * 4 / 10);
  assert_content (out, f->content->data, out->len);
  g_clear_error (&error);

  g_byte_array_unref (out);
  fixture_free (f);
  seq_inflate_free (inflate);
}

/* Codes that are in no table decode to something; not to what the file before had in its tables.
 * Found by fuzzing: a fixed block, and a dynamic one whose codes are too few. */
static void
test_after_another (void)
{
  static const guint8 damaged[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x01, 0x02, 0x03, 0x04, 0x00, 0x03, 0x73, 0x28, 0x32, 0xe4, 0x72, 0x74,
    0x76, 0x0f, 0xe1, 0xd2, 0xe6, 0xf2, 0x04, 0x02, 0x2e, 0x87, 0x22, 0x23, 0x85, 0x0a, 0xff, 0x77,
    0x77, 0x2e, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84,
    0x84, 0x87, 0x84, 0x84, 0x84, 0x84, 0x84, 0xa7, 0x73, 0xf7, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
    0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
    0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
    0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
    0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e,
    0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x94, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84,
    0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84,
    0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0xe6, 0xf2, 0x04, 0x02,
    0x2e, 0x87, 0x22, 0x23, 0x85, 0x0a, 0x2e, 0x77, 0x77, 0x2e, 0x6d, 0x30, 0x43, 0xb1, 0x0e, 0x28,
    0x42, 0xb9, 0x66, 0x00, 0x00, 0x00
  };
  SeqInflate *inflate = seq_inflate_new (0);
  Fixture *f = fixture_new ("before", SEQ_COMPRESSION_GZIP);
  GByteArray *fresh = g_byte_array_new (), *again = g_byte_array_new ();
  guint8 *letters = g_malloc (300000);
  GError *error = NULL;

  inflate_all (inflate, damaged, sizeof damaged, 0, sizeof damaged, fresh, &error);
  g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_CORRUPT);
  g_clear_error (&error);
  memset (letters, 'A', 300000);
  put_gzip (f->stream, letters, 300000, 0);
  g_byte_array_append (f->content, letters, 300000);
  check_whole (inflate, f, 0, f->stream->len);
  seq_inflate_reset (inflate);
  inflate_all (inflate, damaged, sizeof damaged, 0, sizeof damaged, again, &error);
  g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_CORRUPT);
  g_clear_error (&error);
  assert_content (again, fresh->data, fresh->len);

  g_free (letters);
  g_byte_array_unref (fresh);
  g_byte_array_unref (again);
  fixture_free (f);
  seq_inflate_free (inflate);
}

static void
check_flip (SeqInflate * inflate, const Fixture * f, GByteArray * stream, gsize at, guint bit)
{
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;
  SeqInflateStatus status;

  stream->data[at] ^= (guint8) (1u << bit);
  seq_inflate_reset (inflate);
  status = inflate_all (inflate, stream->data, stream->len, 0, stream->len, out, &error);
  if (status == SEQ_INFLATE_END && seq_inflate_get_compression (inflate) == SEQ_COMPRESSION_NONE)
    assert_content (out, stream->data, stream->len);
  else if (status == SEQ_INFLATE_END)
    assert_content (out, f->content->data, f->content->len);
  else
    g_assert_nonnull (error);
  stream->data[at] ^= (guint8) (1u << bit);
  g_clear_error (&error);
  g_byte_array_unref (out);
}

static void
test_flipped_bits (void)
{
  GPtrArray *fixtures = make_fixtures ();
  SeqInflate *inflate = seq_inflate_new (0);
  guint i, bit;
  gsize at;

  for (i = 0; i < fixtures->len; i++) {
    const Fixture *f = fixtures->pdata[i];

    g_test_message ("%s", f->name);
    for (at = 0; at < f->stream->len; at++)
      for (bit = 0; bit < 8; bit++)
        check_flip (inflate, f, f->stream, at, bit);
  }
  seq_inflate_free (inflate);
  g_ptr_array_unref (fixtures);
}

/* Each byte of CRC32 and ISIZE is compared, by the gzip and by the BGZF path. */
static void
test_trailer (gconstpointer data)
{
  const gchar kind = *(const gchar *) data;
  SeqInflate *inflate = seq_inflate_new (0);
  Fixture *f = fixture_new ("trailer", SEQ_COMPRESSION_GZIP);
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;
  gsize back, piece;

  fixture_add (f, kind, 1000, 0);
  for (back = 1; back <= 8; back++)
    for (piece = 1; piece < 2000; piece += 37) {
      f->stream->data[f->stream->len - back] ^= 1;
      seq_inflate_reset (inflate);
      inflate_all (inflate, f->stream->data, f->stream->len, 0, piece, out, &error);
      g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_CORRUPT);
      f->stream->data[f->stream->len - back] ^= 1;
      g_clear_error (&error);
    }
  g_byte_array_unref (out);
  fixture_free (f);
  seq_inflate_free (inflate);
}

#define ANY_CODE (-1)

static void
check_stream_error (const GByteArray * stream, gint code, gsize expected_output)
{
  static const gsize pieces[] = { 1, 2, 3, 7, 1 << 20 };
  guint threads, i;

  for (threads = 0; threads < 2; threads++) {
    SeqInflate *inflate = new_inflate (threads);

    for (i = 0; i < G_N_ELEMENTS (pieces); i++) {
      GByteArray *out = g_byte_array_new ();
      GError *error = NULL, *again = NULL;
      SeqInflateStatus status;
      const guint8 *view;
      gsize length;

      seq_inflate_reset (inflate);
      status = inflate_all (inflate, stream->data, stream->len, 0, pieces[i], out, &error);
      g_assert_cmpint (status, ==, SEQ_INFLATE_ERROR);
      g_assert_true (error->domain == SEQ_INFLATE_ERROR_DOMAIN);
      if (code != ANY_CODE)
        g_assert_cmpint (error->code, ==, code);
      g_assert_cmpuint (out->len, ==, expected_output);
      /* An error stays. */
      g_assert_cmpint (seq_inflate_next (inflate, &view, &length, &again), ==, SEQ_INFLATE_ERROR);
      g_assert_cmpstr (again->message, ==, error->message);
      g_clear_error (&again);
      g_clear_error (&error);
      g_byte_array_unref (out);
    }
    seq_inflate_free (inflate);
  }
}

static void
test_trailing_garbage (void)
{
  static const struct { const gchar *bytes; gsize size; } garbage[] = {
    { "xyzzy", 5 }, { "\0\0x\0", 4 }, { "\x1fxyz", 4 }, { ">", 1 }
  };
  GPtrArray *fixtures = make_fixtures ();
  guint i, j;

  for (i = 1; i < fixtures->len; i++)
    for (j = 0; j < G_N_ELEMENTS (garbage); j++) {
      Fixture *f = fixtures->pdata[i];
      guint size = f->stream->len;
      gint code = SEQ_INFLATE_ERROR_TRAILING_GARBAGE;

      /* How many bytes libzstd wants to see before it says that this is no header depends on its
       * version; until then the stream is cut short. */
      if (f->compression == SEQ_COMPRESSION_ZSTD && garbage[j].size < 5)
        code = ANY_CODE;
      g_test_message ("%s with %s", f->name, garbage[j].bytes);
      g_byte_array_append (f->stream, (const guint8 *) garbage[j].bytes, (guint) garbage[j].size);
      check_stream_error (f->stream, code, f->content->len);
      g_byte_array_set_size (f->stream, size);
    }
  g_ptr_array_unref (fixtures);
}

static void
test_refused_headers (void)
{
  static const struct { const gchar *bytes; gsize size; gint code; } headers[] = {
    { "\x1f\x8b\x07\0\0\0\0\0\0\xff\x03\0", 12, SEQ_INFLATE_ERROR_UNSUPPORTED },
    { "\x1f\x8b\x08\x20\0\0\0\0\0\xff\x03\0", 12, SEQ_INFLATE_ERROR_CORRUPT },
    /* A zstd window of 2^28 bytes, and one that wants a dictionary. */
    { "\x28\xb5\x2f\xfd\x00\x90\x01\0\0", 9, SEQ_INFLATE_ERROR_UNSUPPORTED },
    { "\x28\xb5\x2f\xfd\x01\x00\x05\x01\0\0", 10, SEQ_INFLATE_ERROR_UNSUPPORTED },
    { "\x28\xb5\x2f\xfd\x00\x00\x07\0\0", 9, SEQ_INFLATE_ERROR_CORRUPT }
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (headers); i++) {
    GByteArray *stream = g_byte_array_new ();

    g_test_message ("header %u", i);
    g_byte_array_append (stream, (const guint8 *) headers[i].bytes, (guint) headers[i].size);
    check_stream_error (stream, headers[i].code, 0);
    g_byte_array_unref (stream);
  }
}

/* The largest window that is allowed. */
static void
test_zstd_window (void)
{
  static const guint8 frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x09, 0, 0, 'A' };
  SeqInflate *inflate = seq_inflate_new (0);
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;

  inflate_all (inflate, frame, sizeof frame, 0, sizeof frame, out, &error);
  g_assert_no_error (error);
  assert_content (out, (const guint8 *) "A", 1);
  g_byte_array_unref (out);
  seq_inflate_free (inflate);
}

static Fixture *
make_large_bgzf (guint n_blocks, gboolean eof_block)
{
  Fixture *f = fixture_new ("large bgzf", SEQ_COMPRESSION_BGZF);
  guint i;

  for (i = 0; i < n_blocks; i++)
    fixture_add (f, 'b', i % 7 == 3 ? 0 : 65280 - i * 13, i % 5 == 0);
  if (eof_block)
    fixture_add (f, 'b', 0, 0);
  return f;
}

static void
test_bgzf_large (void)
{
  static const gsize pieces[] = { 5000, 65536, 300001, 1 << 30 };
  Fixture *f = make_large_bgzf (150, TRUE);
  guint threads, i;

  for (threads = 0; threads < 4; threads++) {
    SeqInflate *inflate = new_inflate (threads);

    for (i = 0; i < G_N_ELEMENTS (pieces); i++)
      check_whole (inflate, f, 0, pieces[i]);
    seq_inflate_free (inflate);
  }
  fixture_free (f);
}

static void
test_bgzf_error_order (void)
{
  Fixture *f = make_large_bgzf (100, TRUE);
  const End *before = &g_array_index (f->ends, End, 56);
  gchar *place = g_strdup_printf ("byte %" G_GSIZE_FORMAT, before->stream);
  guint threads;

  /* Into the deflate data of block 57. */
  memset (f->stream->data + before->stream + 2000, 0xa5, 40);
  for (threads = 0; threads < 3; threads++) {
    SeqInflate *inflate = new_inflate (threads);
    GByteArray *out = g_byte_array_new ();
    GError *error = NULL;

    inflate_all (inflate, f->stream->data, f->stream->len, 0, 100000, out, &error);
    g_assert_error (error, SEQ_INFLATE_ERROR_DOMAIN, SEQ_INFLATE_ERROR_CORRUPT);
    g_assert_nonnull (strstr (error->message, "BGZF"));
    g_assert_nonnull (strstr (error->message, place));
    assert_content (out, f->content->data, before->content);
    g_clear_error (&error);
    g_byte_array_unref (out);
    seq_inflate_free (inflate);
  }
  g_free (place);
  fixture_free (f);
}

/* What a damaged block is refused for must not depend on the blocks before it. */
static void
test_bgzf_damaged_after_another (void)
{
  SeqInflate *used = seq_inflate_new (0);
  GByteArray *stream = g_byte_array_new (), *out = g_byte_array_new ();
  Fixture *letters = fixture_new ("letters", SEQ_COMPRESSION_BGZF);
  GByteArray *content = make_content (300, 5);
  GRand *rand = g_rand_new_with_seed (11);
  guint n_refused = 0;

  fixture_add (letters, 'b', 60000, 0);
  fixture_add (letters, 'b', 0, 0);
  put_bgzf_block (stream, content->data, content->len, FALSE);
  for (guint i = 0; i < 3000; i++) {
    /* of the codes, which come first behind the header */
    guint at = 18 + (guint) g_rand_int_range (rand, 0, 90), bit = 1u << g_rand_int_range (rand, 0, 8);
    SeqInflate *fresh = seq_inflate_new (0);
    GError *first = NULL, *second = NULL;

    stream->data[at] ^= (guint8) bit;
    inflate_all (fresh, stream->data, stream->len, 0, stream->len, out, &first);
    seq_inflate_reset (used);
    check_whole (used, letters, 0, letters->stream->len);
    seq_inflate_reset (used);
    g_byte_array_set_size (out, 0);
    inflate_all (used, stream->data, stream->len, 0, stream->len, out, &second);
    /* a code that is not used may change, and nothing with it */
    g_assert_cmpstr (first ? first->message : NULL, ==, second ? second->message : NULL);
    n_refused += first != NULL;
    if (first)
      g_assert_cmpuint (out->len, ==, 0);
    else
      assert_content (out, content->data, content->len);
    stream->data[at] ^= (guint8) bit;
    g_clear_error (&first);
    g_clear_error (&second);
    seq_inflate_free (fresh);
  }
  g_assert_cmpuint (n_refused, >, 2500);
  g_rand_free (rand);
  g_byte_array_unref (content);
  g_byte_array_unref (stream);
  g_byte_array_unref (out);
  fixture_free (letters);
  seq_inflate_free (used);
}

static void
test_bgzf_eof_block (void)
{
  Fixture *f = make_large_bgzf (3, FALSE);
  SeqInflate *inflate = new_inflate (1);
  GByteArray *out = g_byte_array_new ();
  GError *error = NULL;

  inflate_all (inflate, f->stream->data, f->stream->len, 0, 1000, out, &error);
  g_assert_no_error (error);
  assert_content (out, f->content->data, f->content->len);
  g_assert_cmpint (seq_inflate_get_warnings (inflate), ==, SEQ_INFLATE_WARNING_NO_EOF_BLOCK);
  seq_inflate_reset (inflate);
  g_assert_cmpint (seq_inflate_get_warnings (inflate), ==, 0);
  g_byte_array_unref (out);
  fixture_free (f);
  seq_inflate_free (inflate);
}

/* Free and reset with jobs under way and with a view held. */
static void
test_bgzf_abandon (void)
{
  Fixture *f = make_large_bgzf (100, TRUE);
  guint threads, steps, i;
  GError *error = NULL;

  for (threads = 0; threads < 3; threads++)
    for (steps = 0; steps < 6; steps++) {
      SeqInflate *inflate = new_inflate (threads);
      const guint8 *view;
      gsize length;

      seq_inflate_feed (inflate, f->stream->data, f->stream->len);
      for (i = 0; i < steps; i++)
        g_assert_cmpint (seq_inflate_next (inflate, &view, &length, &error), !=, SEQ_INFLATE_ERROR);
      if (steps % 2 == 1)
        check_whole (inflate, f, 0, 70000);
      seq_inflate_free (inflate);
    }
  fixture_free (f);
  seq_inflate_free (NULL);
}

/* One object, one kind after the other, after success and after errors alike. */
static void
test_reset (void)
{
  GPtrArray *fixtures = make_fixtures ();
  SeqInflate *inflate = new_inflate (1);
  guint i, j;

  for (i = 0; i < fixtures->len; i++)
    for (j = 0; j < fixtures->len; j++) {
      const Fixture *first = fixtures->pdata[i];
      const Fixture *second = fixtures->pdata[j];

      check_cut (inflate, first, first->stream->len * 2 / 3, 11);
      check_whole (inflate, second, 0, 13);
      seq_inflate_reset (inflate);
      seq_inflate_feed (inflate, first->stream->data, first->stream->len / 2);
    }
  seq_inflate_free (inflate);
  g_ptr_array_unref (fixtures);
}

/* Views stay small whatever the ratio, and nothing is lost where a buffer ends. */
static void
test_bounded_output (gconstpointer data)
{
  const gchar kind = *(const gchar *) data;
  const gsize size = 24 << 20;
  guint8 *zeros = g_malloc0 (size);
  GByteArray *stream = g_byte_array_new ();
  SeqInflate *inflate = seq_inflate_new (0);
  SeqInflateStatus status;
  const guint8 *view;
  GError *error = NULL;
  gsize total = 0, n;

  if (kind == 'g')
    put_gzip (stream, zeros, size, 0);
  else
    put_zstd (stream, zeros, size);
  seq_inflate_feed (inflate, stream->data, stream->len);
  seq_inflate_finish_input (inflate);
  while ((status = seq_inflate_next (inflate, &view, &n, &error)) == SEQ_INFLATE_DATA) {
    g_assert_cmpuint (n, <=, 256 * 1024);
    g_assert_cmpmem (view, n, zeros, n);
    total += n;
  }
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, SEQ_INFLATE_END);
  g_assert_cmpuint (total, ==, size);
  seq_inflate_free (inflate);
  g_byte_array_unref (stream);
  g_free (zeros);
}

static void
test_large (gconstpointer data)
{
  const gchar kind = *(const gchar *) data;
  Fixture *f = fixture_new ("large", kind == 'g' ? SEQ_COMPRESSION_GZIP : SEQ_COMPRESSION_ZSTD);

  fixture_add (f, kind, 2000003, 0);
  fixture_add (f, kind, 256 * 1024, 0);
  fixture_add (f, kind, 300000, 0);
  for (guint threads = 0; threads < 2; threads++) {
    SeqInflate *inflate = seq_inflate_new (threads);    /* one that goes ahead in mid-stream */

    check_whole (inflate, f, 0, 1 << 30);
    check_whole (inflate, f, 0, 65536);
    check_whole (inflate, f, 0, 4097);
    check_whole (inflate, f, 0, 61);
    seq_inflate_free (inflate);
  }
  fixture_free (f);
}

static void
test_plain_view (void)
{
  static const guint8 text[] = ">a\nACGT\n";
  SeqInflate *inflate = seq_inflate_new (0);
  const guint8 *view;
  gsize n;

  g_assert_cmpint (seq_inflate_next (inflate, &view, &n, NULL), ==, SEQ_INFLATE_NEED_INPUT);
  g_assert_cmpint (seq_inflate_get_compression (inflate), ==, SEQ_COMPRESSION_UNKNOWN);
  seq_inflate_feed (inflate, text, sizeof text);
  g_assert_cmpint (seq_inflate_next (inflate, &view, &n, NULL), ==, SEQ_INFLATE_DATA);
  g_assert_true (view == text);
  g_assert_cmpuint (n, ==, sizeof text);
  g_assert_cmpint (seq_inflate_next (inflate, &view, &n, NULL), ==, SEQ_INFLATE_NEED_INPUT);
  seq_inflate_finish_input (inflate);
  g_assert_cmpint (seq_inflate_next (inflate, &view, &n, NULL), ==, SEQ_INFLATE_END);
  g_assert_cmpint (seq_inflate_next (inflate, &view, &n, NULL), ==, SEQ_INFLATE_END);
  g_assert_cmpstr (seq_compression_get_name (seq_inflate_get_compression (inflate)), ==, "plain");
  seq_inflate_free (inflate);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/inflate/plain-view", test_plain_view);
  g_test_add_func ("/inflate/splits", test_splits);
  g_test_add_func ("/inflate/truncation", test_truncation);
  g_test_add_func ("/inflate/after-another", test_after_another);
  g_test_add_func ("/inflate/truncated-content", test_truncated_content);
  g_test_add_func ("/inflate/flipped-bits", test_flipped_bits);
  g_test_add_data_func ("/inflate/trailer/gzip", "g", test_trailer);
  g_test_add_data_func ("/inflate/trailer/bgzf", "b", test_trailer);
  g_test_add_func ("/inflate/trailing-garbage", test_trailing_garbage);
  g_test_add_func ("/inflate/refused-headers", test_refused_headers);
  g_test_add_func ("/inflate/zstd-window", test_zstd_window);
  g_test_add_data_func ("/inflate/large/gzip", "g", test_large);
  g_test_add_data_func ("/inflate/large/zstd", "z", test_large);
  g_test_add_data_func ("/inflate/bounded-output/gzip", "g", test_bounded_output);
  g_test_add_data_func ("/inflate/bounded-output/zstd", "z", test_bounded_output);
  g_test_add_func ("/inflate/bgzf/large", test_bgzf_large);
  g_test_add_func ("/inflate/bgzf/error-order", test_bgzf_error_order);
  g_test_add_func ("/inflate/bgzf/damaged-after-another", test_bgzf_damaged_after_another);
  g_test_add_func ("/inflate/bgzf/eof-block", test_bgzf_eof_block);
  g_test_add_func ("/inflate/bgzf/abandon", test_bgzf_abandon);
  g_test_add_func ("/inflate/reset", test_reset);
  return g_test_run ();
}
