/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pinnedqueue agrees on with its neighbours: caps, which get the feature memory:CUDAMemory
 * where it uploads, and page-locked memory for upstream to write to. */
#include "gstpinnedqueue-private.h"

#include <gst/seq/seq.h>

#define GST_CAT_DEFAULT pinned_queue_debug

/* of the memory that upstream is offered: tensors start there */
#define ALIGNMENT 128

/* batches beside those in the queue that need memory at the same time: one that comes in, one that
 * the consumer works on, and the one before, which sinks keep as their last sample */
#define BUFFERS_BESIDE 3

/* ---- caps ---- */

static gboolean
is_plain (GstCaps * caps)
{
  guint i, n = gst_caps_get_size (caps);

  for (i = 0; i < n; i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);

    if (features != NULL
        && !gst_caps_features_is_equal (features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY))
      return FALSE;
  }
  return TRUE;
}

/* Every structure with the one feature in the place of the other, NULL standing for none; others
 * are left out. */
static GstCaps *
exchange_feature (GstCaps * caps, const gchar * from, const gchar * to)
{
  GstCaps *exchanged = gst_caps_new_empty ();
  guint i, n = gst_caps_get_size (caps);

  if (gst_caps_is_any (caps)) {
    gst_caps_unref (exchanged);
    return gst_caps_new_any ();
  }
  for (i = 0; i < n; i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);
    gboolean plain = features == NULL
        || gst_caps_features_is_equal (features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);

    if (from == NULL ? plain : gst_caps_features_contains (features, from))
      gst_caps_append_structure_full (exchanged,
          gst_structure_copy (gst_caps_get_structure (caps, i)),
          to != NULL ? gst_caps_features_new (to, NULL) : NULL);
  }
  return exchanged;
}

static GstCaps *
to_device (GstCaps * caps)
{
  return exchange_feature (caps, NULL, GST_SEQ_CAPS_FEATURE_CUDA_MEMORY);
}

static gboolean
peer_accepts (GstPad * pad, GstCaps * caps)
{
  return !gst_caps_is_empty (caps) && gst_pad_peer_query_accept_caps (pad, caps);
}

/* What the other side can do, and what it could do with this element in between */
static void
answer_caps (GstPad * other, GstQuery * query, gboolean from_upstream)
{
  GstCaps *caps = gst_pad_peer_query_caps (other, NULL), *more, *filter, *result;

  more = from_upstream ? exchange_feature (caps, GST_SEQ_CAPS_FEATURE_CUDA_MEMORY, NULL)
      : to_device (caps);
  /* uploaded is what was asked for, so what downstream gets comes first in device memory */
  caps = from_upstream ? gst_caps_merge (caps, more) : gst_caps_merge (more, caps);
  gst_query_parse_caps (query, &filter);
  result = filter != NULL ? gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST)
      : gst_caps_ref (caps);
  gst_query_set_caps_result (query, result);
  gst_caps_unref (result);
  gst_caps_unref (caps);
}

static void
answer_accept_caps (GstPinnedQueue * self, GstQuery * query)
{
  GstCaps *caps, *device_caps;

  gst_query_parse_accept_caps (query, &caps);
  device_caps = to_device (caps);
  gst_query_set_accept_caps_result (query, peer_accepts (self->srcpad, caps)
      || peer_accepts (self->srcpad, device_caps));
  gst_caps_unref (device_caps);
}

gboolean
pinned_queue_answer_caps_query (GstPinnedQueue * self, GstPad * pad, GstQuery * query)
{
  gboolean from_upstream = pad == self->sinkpad;
  gboolean upload;

  GST_OBJECT_LOCK (self);
  upload = self->upload;
  GST_OBJECT_UNLOCK (self);

  if (upload && GST_QUERY_TYPE (query) == GST_QUERY_CAPS)
    answer_caps (from_upstream ? self->srcpad : self->sinkpad, query, from_upstream);
  else if (upload && GST_QUERY_TYPE (query) == GST_QUERY_ACCEPT_CAPS && from_upstream)
    answer_accept_caps (self, query);
  else
    return FALSE;
  return TRUE;
}

void
pinned_queue_start_stream (GstPinnedQueue * self)
{
  self->plain = TRUE;
  self->on_device = transfer_is_uploading (&self->transfer);
}

GstEvent *
pinned_queue_translate_caps (GstPinnedQueue * self, GstEvent * event)
{
  GstCaps *caps, *device_caps;
  GstEvent *translated;

  gst_event_parse_caps (event, &caps);
  self->plain = is_plain (caps);
  self->on_device = FALSE;
  if (!self->plain || !transfer_is_uploading (&self->transfer))
    return event;

  device_caps = to_device (caps);
  if (peer_accepts (self->srcpad, device_caps)) {
    translated = gst_event_new_caps (device_caps);
    gst_event_set_seqnum (translated, gst_event_get_seqnum (event));
    gst_event_unref (event);
    event = translated;
    self->on_device = TRUE;
  } else if (gst_pad_is_linked (self->srcpad)) {
    transfer_refuse_upload (&self->transfer);
  }
  gst_caps_unref (device_caps);
  return event;
}

GstEvent *
pinned_queue_host_caps (GstPinnedQueue * self, gboolean * refused)
{
  GstCaps *caps = gst_pad_get_current_caps (self->sinkpad);
  GstEvent *event = NULL;

  self->on_device = FALSE;
  *refused = FALSE;
  if (caps == NULL)
    return NULL;
  if (peer_accepts (self->srcpad, caps)) {
    event = gst_event_new_caps (caps);
  } else {
    *refused = TRUE;
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
        ("A batch can't be copied to the device, and downstream takes no other."),
        ("%" GST_PTR_FORMAT, (gpointer) caps));
  }
  gst_caps_unref (caps);
  return event;
}

/* ---- memory ---- */

/* Upstream says how large its buffers get and how many it works on at a time, where it knows. */
static void
reserve (GstPinnedQueue * self, GstQuery * query)
{
  const GstStructure *structure = gst_query_get_structure (query);
  guint n = 0, ahead;
  guint64 size;

  if (!gst_structure_get_uint64 (structure, GST_SEQ_ALLOCATION_SIZE, &size) || size == 0)
    return;
  gst_structure_get_uint (structure, GST_SEQ_ALLOCATION_BUFFERS, &n);
  g_mutex_lock (&self->lock);
  ahead = self->prefetch.max_buffers + BUFFERS_BESIDE;
  g_mutex_unlock (&self->lock);
  transfer_reserve (&self->transfer, MIN (n, MAX_BUFFERS_OF_UPSTREAM) + ahead, ahead, size);
}

void
pinned_queue_offer_memory (GstPinnedQueue * self, GstQuery * query)
{
  GstAllocationParams params = { .align = ALIGNMENT - 1 };

  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);
  while (gst_query_get_n_allocation_params (query) > 0)
    gst_query_remove_nth_allocation_param (query, 0);
  gst_query_add_allocation_param (query, self->transfer.pinned, &params);
  reserve (self, query);
}
