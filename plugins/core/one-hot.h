/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tokens as vectors of float32, one value a channel. Token `i` has a one in channel `i`; those from
 * `n_channels` on are all zeros. Safe from any thread. */

/* Returns: the vectors of `n_tokens` tokens, one behind the other; g_free() them. */
gfloat *seq_one_hot_rows (guint n_tokens, guint n_channels);

/* Writes those of the tokens `ids` to `out`, which has room for `n` times `n_channels` values. */
void seq_one_hot_write (const gfloat *restrict rows, guint n_channels, const guint8 *restrict ids,
    gsize n, gfloat *restrict out);

G_END_DECLS
