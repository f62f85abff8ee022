/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstqueuearray.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/* What lies between the two threads of pinnedqueue: buffers, buffer lists, serialized events and
 * serialized queries in the order in which they came, and the counts behind the `stats` property.
 * It has no lock: every function is called with the element's lock held. */

/* A query belongs to the upstream thread that asks it, and that thread waits until it is @done,
 * which whoever takes the query out of the queue sets, answered or not. So nobody touches a query
 * that upstream has freed. */
typedef struct
{
  GstQuery *query;
  gboolean done;
  gboolean result;
} PrefetchQuery;

typedef struct
{
  GstMiniObject *object;        /* owned buffer, buffer list or event; NULL for a query */
  PrefetchQuery *query;
  guint buffers;
  gsize bytes;
} PrefetchItem;

typedef struct
{
  GstQueueArray *items;
  guint buffers;                /* now in the queue */
  guint64 bytes;

  /* limits */
  guint max_buffers;
  guint64 max_bytes;            /* 0 = none */

  /* since the last reset */
  guint max_level;
  guint64 out_buffers;
  guint64 out_bytes;
  guint64 starved;
  guint64 full;
  GstClockTime starved_time;
  GstClockTime full_time;
  GstClockTime waited;          /* for the next buffer, so far */
  gboolean flowing;             /* a buffer has left since the start of this stream */
} Prefetch;

void prefetch_init (Prefetch * prefetch);
void prefetch_clear (Prefetch * prefetch);

/* Is there room for another buffer or list of @bytes? An empty queue has room for any. */
gboolean prefetch_has_room (const Prefetch * prefetch, guint64 bytes);

/* Takes @object, a buffer, buffer list or event */
void prefetch_push (Prefetch * prefetch, GstMiniObject * object, gsize bytes);
void prefetch_push_query (Prefetch * prefetch, PrefetchQuery * query);

/* FALSE when the queue is empty */
gboolean prefetch_pop (Prefetch * prefetch, PrefetchItem * item);

/* Counts data that goes downstream; what is dropped instead doesn't count */
void prefetch_handed_on (Prefetch * prefetch, const PrefetchItem * item);

/* Gives an item up: unrefs it, or ends its query without a result */
void prefetch_item_drop (PrefetchItem * item);

/* Empties the queue. Sticky events in it, except SEGMENT and EOS, are stored on @srcpad where one
 * is given, so that downstream still gets them after a flush. */
void prefetch_flush (Prefetch * prefetch, GstPad * srcpad);

/* Takes the queries out of the queue and ends them without a result */
void prefetch_drop_queries (Prefetch * prefetch);

/* Downstream waited @time in vain for something to push; it counts when a buffer comes after it */
void prefetch_add_starved (Prefetch * prefetch, GstClockTime time);
void prefetch_add_full (Prefetch * prefetch, GstClockTime time);

/* The stream ended or was flushed: waiting for the next one is no starvation */
void prefetch_stream_ended (Prefetch * prefetch);

void prefetch_reset_stats (Prefetch * prefetch);
GstStructure *prefetch_stats (const Prefetch * prefetch, gint device_id);

G_END_DECLS
