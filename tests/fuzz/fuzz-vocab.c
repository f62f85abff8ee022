/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of tokenizers: one that is refused says where; one that is taken makes a tokenizer whose
 * counting, encoding and windows agree, also where a window is a sequence of its own, and which
 * writes no id that is not in the vocabulary, and no vector that is not one-hot or zeros. */

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "tokenizer.h"

#define MAX_RESIDUES 64
#define MAX_CHANNELS 94         /* printable ASCII */

static gsize
encode (const SeqTokenizer * tokenizer, const guint8 * residues, gsize n, gsize first, gsize max,
    guint32 * out, guint64 * unknown)
{
  gssize position;
  gsize written = seq_tokenizer_encode (tokenizer, residues, n, first, max, SEQ_DTYPE_INT32, out,
      unknown, &position);

  g_assert_cmpint (position, >=, -1);
  g_assert_cmpint (position, <, (gssize) MAX (n, 1));
  for (gsize i = 0; i < written; i++)
    g_assert_cmpuint (out[i], <=, seq_tokenizer_get_max_id (tokenizer));
  return written;
}

/* Windows one behind the other are the whole. */
static void
check_windows (const SeqTokenizer * tokenizer, const guint8 * residues, gsize n,
    const guint32 * whole, gsize count, guint64 unknown)
{
  gsize prefix = seq_tokenizer_get_n_prefix (tokenizer);
  gsize around = prefix + seq_tokenizer_get_n_suffix (tokenizer);
  guint64 sum = 0, own = 0;
  guint32 out[16];
  gsize at;

  for (gsize first = 0; first < count; first += 7) {
    gsize body = MIN (count - first, 7);

    g_assert_cmpuint (encode (tokenizer, residues, n, first, 7, out, &sum), ==, body + around);
    g_assert_cmpmem (out + prefix, body * 4, whole + prefix + first, body * 4);
    at = seq_tokenizer_token_position (tokenizer, residues, n, first);
    g_assert_cmpuint (at, <, n);
    g_assert_cmpuint (seq_tokenizer_count (tokenizer, residues + at, n - at), ==, count - first);
    g_assert_cmpuint (encode (tokenizer, residues + at, n - at, 0, 7, out, &own), ==,
        body + around);
    g_assert_cmpmem (out + prefix, body * 4, whole + prefix + first, body * 4);
  }
  if (count > 0)
    g_assert_cmpuint (sum, ==, unknown);
}

static void
check_encoding (const SeqTokenizer * tokenizer, const guint8 * residues, gsize n)
{
  gsize count = seq_tokenizer_count (tokenizer, residues, n);
  gsize around = seq_tokenizer_get_n_prefix (tokenizer) + seq_tokenizer_get_n_suffix (tokenizer);
  guint32 whole[MAX_RESIDUES + 2];
  guint64 unknown = 0;

  g_assert_cmpuint (count, <=, n);
  g_assert_cmpuint (encode (tokenizer, residues, n, 0, G_MAXSIZE, whole, &unknown), ==,
      count + around);
  check_windows (tokenizer, residues, n, whole, count, unknown);
}

static void
check_vectors (const SeqTokenizer * tokenizer, const guint8 * residues, gsize n)
{
  guint channels = seq_tokenizer_get_n_channels (tokenizer);
  gsize count = seq_tokenizer_count (tokenizer, residues, n), half = count / 2;
  gsize size = seq_tokenizer_get_token_size (tokenizer, SEQ_DTYPE_UINT8);
  gfloat whole[MAX_RESIDUES * MAX_CHANNELS], rest[MAX_RESIDUES * MAX_CHANNELS];

  g_assert_cmpuint (channels, <=, MAX_CHANNELS);
  g_assert_cmpuint (count, <=, n);
  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, residues, n, 0, G_MAXSIZE, SEQ_DTYPE_UINT8,
          whole, NULL, NULL), ==, count);
  for (gsize i = 0; i < count; i++) {
    gfloat sum = 0;

    for (guint c = 0; c < channels; c++)
      sum += whole[i * channels + c];
    g_assert_true (sum == 0 || sum == 1);
  }
  g_assert_cmpuint (seq_tokenizer_encode (tokenizer, residues, n, half, G_MAXSIZE, SEQ_DTYPE_UINT8,
          rest, NULL, NULL), ==, count - half);
  g_assert_cmpmem (rest, (count - half) * size, whole + half * channels, (count - half) * size);
}

static int
make_file (const guint8 * data, gsize size)
{
  int fd = memfd_create ("vocab", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, size), ==, (gssize) size);
  return fd;
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  SeqUnknown unknown = fuzz_choose (&in, SEQ_UNKNOWN_ERROR + 1);
  gsize wanted = fuzz_choose (&in, MAX_RESIDUES + 1), n = MIN (wanted, in.size);
  guint8 *residues = n > 0 ? g_memdup2 (in.data, n) : g_malloc (1);    /* never NULL */
  int fd = make_file (in.data + n, in.size - n);
  gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  GError *error = NULL;
  SeqTokenizer *tokenizer = seq_tokenizer_new (path, unknown, &error);

  g_assert_true ((tokenizer == NULL) == (error != NULL));
  if (tokenizer != NULL) {
    g_assert_cmpuint (seq_tokenizer_get_pad_id (tokenizer), <,
        seq_tokenizer_get_vocab_size (tokenizer));
    g_assert_cmpuint (seq_tokenizer_get_max_id (tokenizer), <,
        seq_tokenizer_get_vocab_size (tokenizer));
    if (seq_tokenizer_get_n_channels (tokenizer) > 0)
      check_vectors (tokenizer, residues, n);
    else
      check_encoding (tokenizer, residues, n);
    seq_tokenizer_free (tokenizer);
  } else {
    g_assert_nonnull (strstr (error->message, path));
  }
  g_clear_error (&error);
  g_free (path);
  close (fd);
  g_free (residues);
  return 0;
}
