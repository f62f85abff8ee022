/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory-model.h"

#include <math.h>

#define GIB (G_GUINT64_CONSTANT (1) << 30)
#define MAX_AUTO_WORKERS 8
/* A layer keeps about four values of the hidden size for each token. */
#define ACTIVATION_FACTOR 4
#define FRAGMENTED 0.30
#define COMPACT 0.10
#define ROOM_TO_GROW (2 * GIB)

static guint64
multiply (guint64 a, guint64 b)
{
  guint64 product;

  return g_uint64_checked_mul (&product, a, b) ? product : G_MAXUINT64;
}

static guint64
activation_size (guint64 tokens, guint hidden, guint dtype_size)
{
  /* A zero factor wins over a saturated product. */
  if (hidden == 0 || dtype_size == 0)
    return 0;
  return multiply (multiply (multiply (tokens, hidden), dtype_size), ACTIVATION_FACTOR);
}

guint
seq_memory_workers (gint n_gpus, gint n_cpus, gint requested)
{
  guint cpus;

  if (requested >= 0)
    return (guint) requested;
  cpus = n_cpus > 0 ? (guint) n_cpus : g_get_num_processors ();
  return CLAMP (cpus / (guint) MAX (n_gpus, 1), 1, MAX_AUTO_WORKERS);
}

guint64
seq_memory_estimate (guint batch_size, guint length, guint64 model_size, guint hidden,
    guint dtype_size)
{
  guint64 activations, total;

  activations = activation_size ((guint64) batch_size * length, hidden, dtype_size);
  return g_uint64_checked_add (&total, model_size, activations) ? total : G_MAXUINT64;
}

guint
seq_memory_safe_batch_size (guint64 model_size, guint length, guint64 available, gdouble safety)
{
  gdouble sequences;

  if (length == 0)
    return 0;
  if (available <= model_size)
    return 1;
  sequences = floor ((gdouble) (available - model_size) * safety /
      (gdouble) activation_size (length, SEQ_MEMORY_HIDDEN, SEQ_MEMORY_DTYPE_SIZE));
  /* Also what a safety that is not a number leads to. */
  if (!(sequences > 1))
    return 1;
  return sequences < (gdouble) G_MAXUINT ? (guint) sequences : G_MAXUINT;
}

gdouble
seq_memory_fragmentation (guint64 allocated, guint64 reserved)
{
  if (allocated >= reserved)
    return 0;
  return (gdouble) (reserved - allocated) / (gdouble) reserved;
}

guint
seq_memory_suggest_batch_size (guint batch_size, gdouble fragmentation, guint64 free_size,
    const gchar **reason)
{
  guint64 suggestion = batch_size;
  const gchar *why = "fragmentation and free memory leave the batch size as it is";

  if (fragmentation > FRAGMENTED) {
    suggestion = MAX (1, suggestion * 4 / 5);
    why = "fragmentation above 30 %: smaller batches";
  } else if (fragmentation < COMPACT && free_size > ROOM_TO_GROW) {
    suggestion = MAX (suggestion + 1, suggestion * 6 / 5);
    why = "fragmentation below 10 % and more than 2 GiB free: larger batches";
  }
  if (reason != NULL)
    *reason = why;
  return (guint) MIN (suggestion, G_MAXUINT);
}

gboolean
seq_memory_should_clear (guint64 batch, gint interval)
{
  return interval > 0 && batch > 0 && batch % (guint) interval == 0;
}
