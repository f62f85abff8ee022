/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstpinnedqueue.h"
#include "gstseqidlework.h"
#include "prefetch.h"
#include "wakeup.h"
#include "transfer.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (pinned_queue_debug);

/* What upstream may ask for ahead, so that a number from elsewhere takes no memory without end */
#define MAX_BUFFERS_OF_UPSTREAM 1024

struct _GstPinnedQueue
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* Under the object's lock */
  gint device_id;               /* as set */
  gint device;                  /* as resolved */
  GstPinnedQueuePinMemory pin_memory;
  gboolean upload;
  guint64 max_pinned_bytes;

  Transfer transfer;            /* has a lock of its own */
  SeqIdleWork *idle_work;    /* of upstream, which has a lock of its own, too */

  /* Streaming thread of the sink pad */
  gboolean plain;               /* the stream is in system memory, as far as caps say */
  gboolean on_device;           /* its buffers are uploaded, and the caps say so */

  /* Guards everything below. Taken inside the sink pad's stream lock (upstream) and the source
   * pad's (the task); nothing is pushed, asked or posted while it is held. */
  GMutex lock;
  SeqWakeup item_added;         /* the task waits for it */
  SeqWakeup item_removed;       /* upstream's push waits for it */
  SeqWakeup query_done;         /* upstream's serialized query waits for it */
  Prefetch prefetch;
  GstFlowReturn flow;           /* what upstream is told; OK = the task runs */
  gboolean eos;                 /* EOS came in: refuse what follows, until a new stream starts */
  gboolean refused;             /* downstream returned EOS: refuse buffers until a new segment */
};

/* pinnedqueue-flow.c: the pads and what passes them */
void pinned_queue_add_pad_templates (GstElementClass * element_class);
void pinned_queue_add_pads (GstPinnedQueue * self);

/* pinnedqueue-caps.c. Answers a CAPS or ACCEPT_CAPS query where it is not answered by proxy. */
gboolean pinned_queue_answer_caps_query (GstPinnedQueue * self, GstPad * pad, GstQuery * query);

/* A stream starts; caps may follow */
void pinned_queue_start_stream (GstPinnedQueue * self);

/* Takes a CAPS event of upstream and returns the one that goes downstream. */
GstEvent *pinned_queue_translate_caps (GstPinnedQueue * self, GstEvent * event);

/* After an upload that failed: the caps that hold from now on, NULL where there are none. If
 * downstream refuses them, the error is posted. */
GstEvent *pinned_queue_host_caps (GstPinnedQueue * self, gboolean * refused);

/* Offers upstream page-locked memory in an ALLOCATION query that downstream has seen or not. */
void pinned_queue_offer_memory (GstPinnedQueue * self, GstQuery * query);

G_END_DECLS
