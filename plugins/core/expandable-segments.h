/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Merges `expandable_segments:True` into the value of PYTORCH_CUDA_ALLOC_CONF or
 * PYTORCH_ALLOC_CONF: a list `key:value,…` whose values may hold lists in brackets. Every other
 * setting keeps its place and its text, apart from spaces around it and empty entries, which are
 * dropped. Where the key expandable_segments is there already, whatever its value, nothing is
 * added: it was somebody's decision. NULL and "" mean that nothing is set.
 * Returns: a new string; free it with g_free(). Safe from any thread; reads and sets no
 * environment. */
gchar *seq_expandable_segments_merge (const gchar *value);

G_END_DECLS
