/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The inflaters: however the stream is split, and with or without a thread that runs ahead, they
 * give the same bytes, and then the same error. */

#include "fuzz.h"
#include "inflate-private.h"

/* of one stream at most: a few bytes can ask for gigabytes */
#define MAX_OUT ((gsize) 1 << 20)

typedef struct
{
  GByteArray *bytes;
  SeqInflateStatus status;
  SeqCompression compression;
  SeqInflateWarnings warnings;
  guint64 consumed;
  gchar *error;
} Result;

static gsize
feed_next (SeqInflate * inflate, guint8 ** piece, const guint8 * data, gsize size, guint32 * seed)
{
  gsize n = *seed > 0 && size > 0 ? fuzz_piece (seed, size) : size;

  /* a block of its own that is gone after NEED_INPUT: a sanitizer sees what is still used */
  g_free (*piece);
  *piece = g_memdup2 (data, n);
  if (n > 0)
    seq_inflate_feed (inflate, *piece, n);
  else
    seq_inflate_finish_input (inflate);
  return n;
}

/* seed 0: in one piece */
static void
inflate_all (SeqInflate * inflate, const guint8 * data, gsize size, guint32 seed, Result * result)
{
  GError *error = NULL;
  guint8 *piece = NULL;
  const guint8 *view;
  gsize length, n;

  *result = (Result) { .bytes = g_byte_array_new () };
  seq_inflate_reset (inflate);
  do {
    result->status = seq_inflate_next (inflate, &view, &length, &error);
    if (result->status == SEQ_INFLATE_DATA) {
      g_assert_cmpuint (length, >, 0);
      g_byte_array_append (result->bytes, view, (guint) length);
    } else if (result->status == SEQ_INFLATE_NEED_INPUT) {
      n = feed_next (inflate, &piece, data, size, &seed);
      data += n;
      size -= n;
    }
  } while (result->bytes->len < MAX_OUT && result->status != SEQ_INFLATE_END
      && result->status != SEQ_INFLATE_ERROR);

  g_assert_true ((result->status == SEQ_INFLATE_ERROR) == (error != NULL));
  if (result->bytes->len < MAX_OUT) {
    result->compression = seq_inflate_get_compression (inflate);
    result->warnings = seq_inflate_get_warnings (inflate);
    result->error = error != NULL ? g_strdup_printf ("%d: %s", error->code, error->message) : NULL;
    result->consumed = result->status == SEQ_INFLATE_END ? seq_inflate_get_consumed (inflate) : 0;
  }
  g_clear_error (&error);
  /* nothing is borrowed any more, so that the piece can go */
  seq_inflate_reset (inflate);
  g_free (piece);
}

static void
assert_same (const Result * a, const Result * b)
{
  g_assert_cmpmem (a->bytes->data, MIN (a->bytes->len, MAX_OUT), b->bytes->data,
      MIN (b->bytes->len, MAX_OUT));
  g_assert_cmpstr (a->error, ==, b->error);
  g_assert_cmpint (a->compression, ==, b->compression);
  g_assert_cmpint (a->warnings, ==, b->warnings);
  g_assert_cmpuint (a->consumed, ==, b->consumed);
}

static void
result_clear (Result * result)
{
  g_byte_array_unref (result->bytes);
  g_free (result->error);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  static SeqInflate *inflate[2];        /* by threads; their buffers are dear */
  FuzzInput in = { data, size };
  guint32 seed = fuzz_take_u16 (&in) | 1;
  Result expected, result;

  for (guint threads = 0; threads < 2; threads++)
    if (inflate[threads] == NULL) {
      inflate[threads] = seq_inflate_new (threads);
      seq_inflate_set_thread (inflate[threads], 0, 16);
    }
  inflate_all (inflate[0], in.data, in.size, 0, &expected);
  for (guint threads = 0; threads < 2; threads++) {
    inflate_all (inflate[threads], in.data, in.size, seed, &result);
    assert_same (&expected, &result);
    result_clear (&result);
  }
  if (expected.status == SEQ_INFLATE_END)
    g_assert_cmpuint (expected.consumed, ==, in.size);
  result_clear (&expected);
  return 0;
}
