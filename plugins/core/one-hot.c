/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "one-hot.h"

#include <string.h>

/* The nucleotides: a vector of this size is moved as one. */
#define USUAL_CHANNELS 4

gfloat *
seq_one_hot_rows (guint n_tokens, guint n_channels)
{
  gfloat *rows = g_new0 (gfloat, (gsize) n_tokens * n_channels);
  guint i;

  for (i = 0; i < MIN (n_tokens, n_channels); i++)
    rows[(gsize) i * n_channels + i] = 1;
  return rows;
}

static void
write_usual (const gfloat *restrict rows, const guint8 *restrict ids, gsize n, gfloat *restrict out)
{
  gsize i;

  for (i = 0; i < n; i++)
    memcpy (out + i * USUAL_CHANNELS, rows + (gsize) ids[i] * USUAL_CHANNELS,
        USUAL_CHANNELS * sizeof *out);
}

void
seq_one_hot_write (const gfloat *restrict rows, guint n_channels, const guint8 *restrict ids,
    gsize n, gfloat *restrict out)
{
  gsize i;

  if (n_channels == USUAL_CHANNELS) {
    write_usual (rows, ids, n, out);
    return;
  }
  for (i = 0; i < n; i++)
    memcpy (out + i * n_channels, rows + (gsize) ids[i] * n_channels, n_channels * sizeof *out);
}
