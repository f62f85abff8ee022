/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every form of the functions that have one for some processors: each gives what a plain loop
 * gives, at all lengths up to MAX_LENGTH, reads nothing behind its input and writes nothing behind
 * its output, both of which end where the memory ends. */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dtype.h"
#include "one-hot.h"
#include "simd.h"
#include "tokenizer-sink.h"

#define MAX_LENGTH 300
#define UNWRITTEN 0xa5

static const gchar *const names[] = { "none", "avx2", "avx512" };

/* Memory of `size` bytes whose end is the end of what may be touched */
typedef struct
{
  guint8 *map, *bytes;
  gsize mapped;
} Edge;

static Edge
edge_new (gsize size)
{
  const gsize page = (gsize) sysconf (_SC_PAGESIZE);
  Edge edge = {.mapped = (size + page - 1) / page * page + page };

  edge.map = mmap (NULL, edge.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (edge.map != MAP_FAILED);
  g_assert_cmpint (mprotect (edge.map + edge.mapped - page, page, PROT_NONE), ==, 0);
  edge.bytes = edge.map + edge.mapped - page - size;
  return edge;
}

static void
edge_free (Edge * edge)
{
  munmap (edge->map, edge->mapped);
}

/* Lets the form be used that the test is of. FALSE where the processor does not have it. */
static gboolean
use_level (gconstpointer level)
{
  if (seq_simd_limit (GPOINTER_TO_UINT (level)) == GPOINTER_TO_UINT (level))
    return TRUE;
  g_test_skip ("not on this processor");
  return FALSE;
}

static void
fill_random (guint8 * bytes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) g_test_rand_int ();
}

/* ---- a table of 256 entries ---- */

/* `n` bytes of `in` through a table that has its marker now and then */
static void
check_map (const guint8 table[256], const guint8 * in, gsize n)
{
  const guint8 marker = 3;
  Edge out = edge_new (n + 1);
  guint64 marked = 0;
  guint8 before = out.bytes[0] = UNWRITTEN;

  for (gsize i = 0; i < n; i++)
    marked += table[in[i]] == marker;
  g_assert_cmpuint (seq_tokenizer_map_bytes (table, marker, in, n, out.bytes + 1), ==, marked);
  g_assert_cmpuint (out.bytes[0], ==, before);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpuint (out.bytes[1 + i], ==, table[in[i]]);
  edge_free (&out);
}

static void
random_table (guint8 table[256])
{
  fill_random (table, 256);
  for (guint i = 0; i < 256; i += 1 + g_test_rand_int_range (0, 20))
    table[i] = 3;
}

static void
test_map_lengths (gconstpointer level)
{
  static const gchar *const alphabets[] = { "LAGVSERTIDPKQNFYMHWC", "ACGTacgtNn-*", NULL };
  guint8 table[256];

  if (!use_level (level))
    return;
  random_table (table);
  for (guint a = 0; a < G_N_ELEMENTS (alphabets); a++)
    for (gsize n = 0; n <= MAX_LENGTH; n++) {
      Edge in = edge_new (n);

      fill_random (in.bytes, n);
      for (gsize i = 0; alphabets[a] && i < n; i++)
        in.bytes[i] = (guint8) alphabets[a][in.bytes[i] % strlen (alphabets[a])];
      check_map (table, in.bytes, n);
      edge_free (&in);
    }
}

/* Every byte at every place of two vectors and a rest, among letters */
static void
test_map_bytes (gconstpointer level)
{
  guint8 table[256], in[150];

  if (!use_level (level))
    return;
  random_table (table);
  for (guint byte = 0; byte < 256; byte++)
    for (gsize place = 0; place < sizeof in; place++) {
      memset (in, 'L', sizeof in);
      in[place] = (guint8) byte;
      check_map (table, in, sizeof in);
    }
}

/* ---- ids of all types ---- */

static gint64
value_at (SeqDtype dtype, const guint8 * out, gsize i)
{
  switch (dtype) {
    case SEQ_DTYPE_UINT8:
      return out[i];
    case SEQ_DTYPE_INT16:
      return ((const gint16 *) out)[i];
    case SEQ_DTYPE_INT32:
      return ((const gint32 *) out)[i];
    case SEQ_DTYPE_INT64:
      return ((const gint64 *) out)[i];
  }
  g_assert_not_reached ();
}

static void
check_widen (SeqDtype dtype, gsize n)
{
  const gsize size = seq_dtype_size (dtype);
  Edge in = edge_new (n), out = edge_new ((n + 1) * size);

  fill_random (in.bytes, n);
  memset (out.bytes, UNWRITTEN, size);
  seq_dtype_widen (dtype, out.bytes + size, in.bytes, n);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint (out.bytes[i], ==, UNWRITTEN);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (value_at (dtype, out.bytes, 1 + i), ==, in.bytes[i]);
  edge_free (&in);
  edge_free (&out);
}

static void
check_convert (SeqDtype dtype, gsize n)
{
  const guint32 max = dtype == SEQ_DTYPE_UINT8 ? G_MAXUINT8
      : dtype == SEQ_DTYPE_INT16 ? G_MAXINT16 : G_MAXINT32;
  Edge in = edge_new (n * sizeof (guint32)), out = edge_new (n * seq_dtype_size (dtype));
  guint32 *ids = (guint32 *) in.bytes;

  for (gsize i = 0; i < n; i++)
    ids[i] = i % 7 == 0 ? max : g_test_rand_int () & max;
  seq_dtype_convert (dtype, out.bytes, ids, n);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (value_at (dtype, out.bytes, i), ==, ids[i]);
  edge_free (&in);
  edge_free (&out);
}

static void
test_dtypes (gconstpointer level)
{
  if (!use_level (level))
    return;
  for (guint dtype = SEQ_DTYPE_UINT8; dtype <= SEQ_DTYPE_INT64; dtype++)
    for (gsize n = 0; n <= MAX_LENGTH; n++) {
      check_widen ((SeqDtype) dtype, n);
      check_convert ((SeqDtype) dtype, n);
    }
}

/* ---- vectors ---- */

static void
test_one_hot (gconstpointer level)
{
  if (!use_level (level))
    return;
  for (guint channels = 3; channels <= 5; channels++) {
    gfloat *rows = seq_one_hot_rows (256, channels);

    for (gsize n = 0; n <= MAX_LENGTH; n++) {
      Edge in = edge_new (n), out = edge_new (n * channels * sizeof (gfloat));
      const gfloat *values = (const gfloat *) out.bytes;

      for (gsize i = 0; i < n; i++)
        in.bytes[i] = (guint8) (i % 3 ? g_test_rand_int_range (0, 6) : g_test_rand_int ());
      seq_one_hot_write (rows, channels, in.bytes, n, (gfloat *) out.bytes);
      for (gsize i = 0; i < n * channels; i++)
        g_assert_cmpfloat (values[i], ==, in.bytes[i / channels] == i % channels);
      edge_free (&in);
      edge_free (&out);
    }
    g_free (rows);
  }
}

/* ---- k-mers ---- */

static void
check_pack (guint k, gsize n)
{
  const guint32 first = 5;
  Edge in = edge_new (n * k + SEQ_KMERS_SLACK), out = edge_new (n * sizeof (guint32));

  fill_random (in.bytes, n * k + SEQ_KMERS_SLACK);
  for (gsize i = 0; i < n * k; i++)
    in.bytes[i] &= 3;
  seq_kmers_pack (in.bytes, k, n, first, (guint32 *) out.bytes);
  for (gsize i = 0; i < n; i++) {
    guint32 id = 0;

    for (guint l = 0; l < k; l++)
      id = 4 * id + in.bytes[i * k + l];
    g_assert_cmpuint (((const guint32 *) out.bytes)[i], ==, first + id);
  }
  edge_free (&in);
  edge_free (&out);
}

static void
test_kmers (gconstpointer level)
{
  if (!use_level (level))
    return;
  for (guint k = 1; k <= SEQ_TOKENIZER_MAX_K; k++)
    for (gsize n = 0; n <= 50; n++)
      check_pack (k, n);
}

/* ---- */

static void
test_limit (void)
{
  SeqSimd best = seq_simd_limit (SEQ_SIMD_AVX512);

  g_assert_cmpint (best, ==, seq_simd_level ());
  g_assert_cmpint (seq_simd_limit (SEQ_SIMD_NONE), ==, SEQ_SIMD_NONE);
  g_assert_cmpint (seq_simd_level (), ==, SEQ_SIMD_NONE);
  g_assert_cmpint (seq_simd_limit (SEQ_SIMD_AVX512), ==, best);
  g_test_message ("this processor: %s", names[best]);
}

static void
add (const gchar * name, SeqSimd level, GTestDataFunc func)
{
  g_autofree gchar *path = g_strdup_printf ("/simd/%s/%s", name, names[level]);

  g_test_add_data_func (path, GUINT_TO_POINTER (level), func);
}

int
main (int argc, char **argv)
{
  /* found before main() */
  const SeqSimd best = seq_simd_level ();

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (seq_simd_limit (SEQ_SIMD_AVX512), ==, best);
  g_test_add_func ("/simd/limit", test_limit);
  for (guint level = SEQ_SIMD_NONE; level <= SEQ_SIMD_AVX512; level++) {
    add ("map-lengths", (SeqSimd) level, test_map_lengths);
    add ("map-bytes", (SeqSimd) level, test_map_bytes);
    add ("dtypes", (SeqSimd) level, test_dtypes);
    add ("one-hot", (SeqSimd) level, test_one_hot);
    add ("kmers", (SeqSimd) level, test_kmers);
  }
  return g_test_run ();
}
