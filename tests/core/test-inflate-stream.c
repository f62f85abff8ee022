/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs the decoders of gzip and zstd: chunks, and the thread that goes ahead. */
#include "inflate-fixtures.h"

/* Output and error are the same whatever the pieces and whoever inflates: one of `inflaters`, this
 * thread and one that goes ahead. */
static void
check_same_outcome (const guint8 * stream, gsize size, guint inflaters)
{
  static const gsize pieces[] = { 1 << 20, 1, 7 };
  GByteArray *expected = NULL;
  gchar *message = NULL;

  for (guint threads = 0; threads < inflaters; threads++) {
    SeqInflate *inflate = new_inflate (threads);

    for (guint i = 0; i < G_N_ELEMENTS (pieces); i++) {
      GByteArray *out = g_byte_array_new ();
      GError *error = NULL;

      seq_inflate_reset (inflate);
      inflate_all (inflate, stream, size, 0, pieces[i], out, &error);
      if (expected == NULL) {
        expected = g_byte_array_ref (out);
        message = error != NULL ? g_strdup (error->message) : NULL;
      }
      assert_content (out, expected->data, expected->len);
      g_assert_cmpstr (error != NULL ? error->message : NULL, ==, message);
      g_byte_array_unref (out);
      g_clear_error (&error);
    }
    seq_inflate_free (inflate);
  }
  g_byte_array_unref (expected);
  g_free (message);
}

static void
test_same_outcome (void)
{
  GPtrArray *fixtures = make_fixtures ();

  for (guint i = 1; i < fixtures->len; i++) {
    const Fixture *f = fixtures->pdata[i];

    for (gsize at = 0; at < f->stream->len; at++) {
      if (at % 8 == 0)
        check_same_outcome (f->stream->data, at, 2);
      f->stream->data[at] ^= 1u << at % 8;
      g_test_message ("%s, byte %zu", f->name, at);
      /* to start a thread, and wait for it, takes most of the time */
      check_same_outcome (f->stream->data, f->stream->len, at % 4 == 0 ? 2 : 1);
      f->stream->data[at] ^= 1u << at % 8;
    }
  }
  g_ptr_array_unref (fixtures);
}

/* Free and reset while the thread is at work, and with a view held. */
static void
test_ahead_abandon (gconstpointer data)
{
  const gchar kind = *(const gchar *) data;
  Fixture *f = fixture_new ("large", kind == 'g' ? SEQ_COMPRESSION_GZIP : SEQ_COMPRESSION_ZSTD);

  fixture_add (f, kind, 6000000, 0);
  g_assert_cmpuint (f->stream->len, >, 512 * 1024 + 600000);
  for (guint steps = 0; steps < 30; steps++) {
    SeqInflate *inflate = seq_inflate_new (1);
    const guint8 *view;
    gsize length;

    seq_inflate_feed (inflate, f->stream->data, f->stream->len);
    for (guint i = 0; i < steps; i++)
      g_assert_cmpint (seq_inflate_next (inflate, &view, &length, NULL), !=, SEQ_INFLATE_ERROR);
    g_assert_cmpuint (seq_inflate_get_consumed (inflate), <=, f->stream->len);
    if (steps % 2 == 1)
      check_whole (inflate, f, 0, 70000);
    seq_inflate_free (inflate);
  }
  fixture_free (f);
}

/* Data that was whole comes before the damage, at the same place as without a thread. */
static void
test_ahead_errors (gconstpointer data)
{
  const gchar kind = *(const gchar *) data;
  Fixture *f = fixture_new ("large", kind == 'g' ? SEQ_COMPRESSION_GZIP : SEQ_COMPRESSION_ZSTD);
  GRand *rand = g_rand_new_with_seed (7);

  fixture_add (f, kind, 3000000, 0);
  fixture_add (f, kind, 3000000, 0);
  for (guint i = 0; i < 20; i++) {
    gsize at = g_rand_int_range (rand, 600000, f->stream->len);
    GByteArray *out[2] = { g_byte_array_new (), g_byte_array_new () };
    GError *error[2] = { NULL, NULL };

    f->stream->data[at] ^= 0x10;
    for (guint threads = 0; threads < 2; threads++) {
      SeqInflate *inflate = seq_inflate_new (threads);

      inflate_all (inflate, f->stream->data, f->stream->len - i % 2 * 1000, 0, 30000 + i, out[threads],
          &error[threads]);
      seq_inflate_free (inflate);
    }
    g_assert_nonnull (error[0]);
    g_assert_cmpstr (error[0]->message, ==, error[1]->message);
    assert_content (out[0], out[1]->data, out[1]->len);
    for (guint threads = 0; threads < 2; threads++) {
      g_byte_array_unref (out[threads]);
      g_clear_error (&error[threads]);
    }
    f->stream->data[at] ^= 0x10;
  }
  g_rand_free (rand);
  fixture_free (f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/inflate-stream/same-outcome", test_same_outcome);
  g_test_add_data_func ("/inflate-stream/ahead/abandon/gzip", "g", test_ahead_abandon);
  g_test_add_data_func ("/inflate-stream/ahead/abandon/zstd", "z", test_ahead_abandon);
  g_test_add_data_func ("/inflate-stream/ahead/errors/gzip", "g", test_ahead_errors);
  g_test_add_data_func ("/inflate-stream/ahead/errors/zstd", "z", test_ahead_errors);
  return g_test_run ();
}
