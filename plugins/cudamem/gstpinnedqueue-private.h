/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstpinnedqueue.h"
#include "prefetch.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (pinned_queue_debug);

struct _GstPinnedQueue
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* Under the object's lock */
  gint device_id;               /* as set */
  gint device;                  /* as resolved */
  GstPinnedQueuePinMemory pin_memory;
  gboolean pin_announced;       /* since NULL */

  /* Guards everything below. Taken inside the sink pad's stream lock (upstream) and the source
   * pad's (the task); nothing is pushed, asked or posted while it is held. */
  GMutex lock;
  GCond item_added;             /* the task waits for it */
  GCond item_removed;           /* upstream's push waits for it */
  GCond query_done;             /* upstream's serialized query waits for it */
  Prefetch prefetch;
  GstFlowReturn flow;           /* what upstream is told; OK = the task runs */
  gboolean eos;                 /* EOS came in: refuse what follows, until a new stream starts */
  gboolean refused;             /* downstream returned EOS: refuse buffers until a new segment */
};

/* pinnedqueue-flow.c: the pads and what passes them */
void pinned_queue_add_pad_templates (GstElementClass * element_class);
void pinned_queue_add_pads (GstPinnedQueue * self);

G_END_DECLS
