/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "cuda-abi.h"

G_BEGIN_DECLS

/* Memory pools of this process that guards may watch and trim although they are neither a device's
 * default pool nor its current one: those of the exported allocators and those that an application
 * registers. Any thread. A pool must be unregistered before it is destroyed; a call on it that is
 * going on in another thread then ends first. */

typedef struct
{
  CUmemoryPool pool;
  gint ordinal;                 /* of its device */
  const gchar *name;            /* interned; for messages */
} CudaPool;

/* FALSE when the pool is registered, or is not */
gboolean cuda_pool_register (CUmemoryPool pool, gint ordinal, const gchar * name);
gboolean cuda_pool_unregister (CUmemoryPool pool);

/* Calls @function with each pool of the device. The registry stays locked meanwhile, so that no
 * pool goes away; @function must not register or unregister. */
void cuda_pool_foreach (gint ordinal, void (*function) (const CudaPool * pool, gpointer data),
    gpointer data);

G_END_DECLS
