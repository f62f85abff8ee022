/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-registry.h"

static GMutex lock;
static GArray *pools;           /* of CudaPool */

static gint
find_locked (CUmemoryPool pool)
{
  guint i;

  for (i = 0; pools != NULL && i < pools->len; i++)
    if (g_array_index (pools, CudaPool, i).pool == pool)
      return (gint) i;
  return -1;
}

gboolean
cuda_pool_register (CUmemoryPool pool, gint ordinal, const gchar * name)
{
  CudaPool item = { pool, ordinal, g_intern_string (name) };
  gboolean is_new;

  g_mutex_lock (&lock);
  if (pools == NULL)
    pools = g_array_new (FALSE, FALSE, sizeof (CudaPool));
  is_new = find_locked (pool) < 0;
  if (is_new)
    g_array_append_val (pools, item);
  g_mutex_unlock (&lock);
  return is_new;
}

gboolean
cuda_pool_unregister (CUmemoryPool pool)
{
  gint index;

  g_mutex_lock (&lock);
  index = find_locked (pool);
  if (index >= 0)
    g_array_remove_index (pools, index);
  if (pools != NULL && pools->len == 0)
    g_clear_pointer (&pools, g_array_unref);
  g_mutex_unlock (&lock);
  return index >= 0;
}

void
cuda_pool_foreach (gint ordinal, void (*function) (const CudaPool * pool, gpointer data),
    gpointer data)
{
  guint i;

  g_mutex_lock (&lock);
  for (i = 0; pools != NULL && i < pools->len; i++)
    if (g_array_index (pools, CudaPool, i).ordinal == ordinal)
      function (&g_array_index (pools, CudaPool, i), data);
  g_mutex_unlock (&lock);
}
