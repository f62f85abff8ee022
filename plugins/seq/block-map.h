/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Maps the memory of a valid block for reading. Returns: the bytes that its records' offsets count
 * from, also of a block of empty records, which may have none; or NULL. */
static inline const guint8 *
gst_seq_block_map (GstBuffer * block, GstMapInfo * map)
{
  *map = (GstMapInfo) GST_MAP_INFO_INIT;
  if (gst_buffer_n_memory (block) > 0
      && !gst_memory_map (gst_buffer_peek_memory (block, 0), map, GST_MAP_READ))
    return NULL;
  return map->data ? map->data : (const guint8 *) "";
}

/* Also where nothing has been mapped. */
static inline void
gst_seq_block_unmap (GstMapInfo * map)
{
  if (map->memory)
    gst_memory_unmap (map->memory, map);
}

G_END_DECLS
