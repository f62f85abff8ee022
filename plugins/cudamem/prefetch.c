/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prefetch.h"

void
prefetch_init (Prefetch * prefetch)
{
  *prefetch = (Prefetch) {
    .items = gst_queue_array_new_for_struct (sizeof (PrefetchItem), 16),
  };
}

void
prefetch_clear (Prefetch * prefetch)
{
  prefetch_flush (prefetch, NULL);
  g_clear_pointer (&prefetch->items, gst_queue_array_free);
}

gboolean
prefetch_has_room (const Prefetch * prefetch, guint64 bytes)
{
  if (prefetch->buffers == 0)
    return TRUE;
  if (prefetch->buffers >= prefetch->max_buffers)
    return FALSE;
  return prefetch->max_bytes == 0
      || (prefetch->bytes <= prefetch->max_bytes && bytes <= prefetch->max_bytes - prefetch->bytes);
}

void
prefetch_push (Prefetch * prefetch, GstMiniObject * object, gsize bytes)
{
  PrefetchItem item = { .object = object, .bytes = bytes };

  if (GST_IS_BUFFER (object))
    item.buffers = 1;
  else if (GST_IS_BUFFER_LIST (object))
    item.buffers = gst_buffer_list_length (GST_BUFFER_LIST_CAST (object));

  gst_queue_array_push_tail_struct (prefetch->items, &item);
  prefetch->buffers += item.buffers;
  prefetch->bytes += item.bytes;
  prefetch->max_level = MAX (prefetch->max_level, prefetch->buffers);
}

void
prefetch_push_query (Prefetch * prefetch, PrefetchQuery * query)
{
  PrefetchItem item = { .query = query };

  gst_queue_array_push_tail_struct (prefetch->items, &item);
}

gboolean
prefetch_pop (Prefetch * prefetch, PrefetchItem * item)
{
  PrefetchItem *head = gst_queue_array_pop_head_struct (prefetch->items);

  if (head == NULL)
    return FALSE;
  *item = *head;
  prefetch->buffers -= item->buffers;
  prefetch->bytes -= item->bytes;
  return TRUE;
}

void
prefetch_handed_on (Prefetch * prefetch, const PrefetchItem * item)
{
  prefetch->out_buffers += item->buffers;
  prefetch->out_bytes += item->bytes;

  if (prefetch->flowing && prefetch->waited > 0) {
    prefetch->starved++;
    prefetch->starved_time += prefetch->waited;
  }
  prefetch->waited = 0;
  prefetch->flowing = TRUE;
}

void
prefetch_item_drop (PrefetchItem * item)
{
  if (item->query != NULL) {
    item->query->result = FALSE;
    item->query->done = TRUE;
  }
  g_clear_pointer (&item->object, gst_mini_object_unref);
}

static gboolean
outlives_flush (const PrefetchItem * item)
{
  return item->object != NULL && GST_IS_EVENT (item->object) && GST_EVENT_IS_STICKY (item->object)
      && GST_EVENT_TYPE (item->object) != GST_EVENT_SEGMENT
      && GST_EVENT_TYPE (item->object) != GST_EVENT_EOS;
}

void
prefetch_flush (Prefetch * prefetch, GstPad * srcpad)
{
  PrefetchItem *item;

  while ((item = gst_queue_array_pop_head_struct (prefetch->items)) != NULL) {
    if (srcpad != NULL && outlives_flush (item))
      gst_pad_store_sticky_event (srcpad, GST_EVENT_CAST (item->object));
    prefetch_item_drop (item);
  }
  prefetch->buffers = 0;
  prefetch->bytes = 0;
  prefetch_stream_ended (prefetch);
}

void
prefetch_drop_queries (Prefetch * prefetch)
{
  guint i = gst_queue_array_get_length (prefetch->items);

  /* once round: what is kept goes to the tail, so the order stays */
  while (i-- > 0) {
    PrefetchItem item = *(PrefetchItem *) gst_queue_array_pop_head_struct (prefetch->items);

    if (item.query != NULL)
      prefetch_item_drop (&item);
    else
      gst_queue_array_push_tail_struct (prefetch->items, &item);
  }
}

void
prefetch_add_starved (Prefetch * prefetch, GstClockTime time)
{
  prefetch->waited += time;
}

void
prefetch_add_full (Prefetch * prefetch, GstClockTime time)
{
  prefetch->full++;
  prefetch->full_time += time;
}

void
prefetch_stream_ended (Prefetch * prefetch)
{
  prefetch->waited = 0;
  prefetch->flowing = FALSE;
}

void
prefetch_reset_stats (Prefetch * prefetch)
{
  prefetch->max_level = prefetch->buffers;
  prefetch->out_buffers = prefetch->out_bytes = 0;
  prefetch->starved = prefetch->full = 0;
  prefetch->starved_time = prefetch->full_time = 0;
  prefetch_stream_ended (prefetch);
}

GstStructure *
prefetch_stats (const Prefetch * prefetch, gint device_id)
{
  return gst_structure_new ("pinnedqueue-stats",
      "device-id", G_TYPE_INT, device_id,
      "level-buffers", G_TYPE_UINT, prefetch->buffers,
      "level-bytes", G_TYPE_UINT64, prefetch->bytes,
      "max-level-buffers", G_TYPE_UINT, prefetch->max_level,
      "buffers", G_TYPE_UINT64, prefetch->out_buffers,
      "bytes", G_TYPE_UINT64, prefetch->out_bytes,
      "starved", G_TYPE_UINT64, prefetch->starved,
      "starved-time", G_TYPE_UINT64, prefetch->starved_time,
      "full", G_TYPE_UINT64, prefetch->full,
      "full-time", G_TYPE_UINT64, prefetch->full_time, NULL);
}
