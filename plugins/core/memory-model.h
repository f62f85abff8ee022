/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a batch costs on the device, and what to do about it: plain arithmetic, no state, safe from
 * any thread. Sizes are bytes. A result too large for its type is the largest value of the type,
 * never a wrapped one. */

/* What seq_memory_safe_batch_size() assumes: hidden size 768, two bytes a value (float16). */
#define SEQ_MEMORY_HIDDEN 768
#define SEQ_MEMORY_DTYPE_SIZE 2

/* Worker threads. `requested` >= 0 is returned as it is (0 = no thread of its own); -1 = auto:
 * `n_cpus` / `n_gpus`, at least 1 and at most 8. `n_cpus` <= 0 = the processors that this process
 * may use; `n_gpus` <= 0 counts as one. */
guint seq_memory_workers (gint n_gpus, gint n_cpus, gint requested);

/* Bytes for the model and the activations of one batch: model_size + batch_size * length * hidden *
 * dtype_size * 4. dtype_size: bytes a value, 2 or 4 as a rule. */
guint64 seq_memory_estimate (guint batch_size, guint length, guint64 model_size, guint hidden,
    guint dtype_size);

/* The most sequences of `length` tokens for which model and activations fit into `available` bytes,
 * of which only the fraction `safety` of what the model leaves is used. At least 1, also where
 * nothing is left. 0 is an error: length is 0, for which no batch size follows. */
guint seq_memory_safe_batch_size (guint64 model_size, guint length, guint64 available,
    gdouble safety);

/* The part of the reserved bytes that is not allocated, 0 to 1; 0 when nothing is reserved. */
gdouble seq_memory_fragmentation (guint64 allocated, guint64 reserved);

/* The batch size to try next: above 30 % fragmentation a fifth less (at least 1), below 10 % with
 * more than 2 GiB free a fifth more (at least one more), else the same. `reason` (may be NULL)
 * receives a static string for people. */
guint seq_memory_suggest_batch_size (guint batch_size, gdouble fragmentation, guint64 free_size,
    const gchar **reason);

/* Whether caches are to be cleared after batch number `batch`, counted from 1: at every multiple of
 * `interval`. interval <= 0 = never; there is no batch 0. */
gboolean seq_memory_should_clear (guint64 batch, gint interval);

G_END_DECLS
