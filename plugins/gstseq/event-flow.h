/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Elements behind one stop before it, and its source pad before its sink pad: from then on they
 * refuse events. For sticky ones, caps say, that comes back as the result of the next buffer, and
 * upstream takes it for an error unless it is told that it is none. For event-full functions. Not
 * installed. */

/* What doesn't get through this source pad now is no error. */
static inline gboolean
gst_seq_pad_is_flushing (GstPad * srcpad)
{
  GstPad *peer = gst_pad_get_peer (srcpad);
  gboolean flushing = GST_PAD_IS_FLUSHING (srcpad)
      || (peer != NULL && GST_PAD_IS_FLUSHING (peer));

  gst_clear_object (&peer);
  return flushing;
}

/* What an event-full function returns, when the event, of that type, was to go on through `srcpad`.
 * Without an event-full function pads tell upstream the same, but for FLUSHING. */
static inline GstFlowReturn
gst_seq_event_flow (GstPad * srcpad, GstEventType type, gboolean handled)
{
  if (handled)
    return GST_FLOW_OK;
  if (gst_seq_pad_is_flushing (srcpad))
    return GST_FLOW_FLUSHING;
  return type == GST_EVENT_CAPS ? GST_FLOW_NOT_NEGOTIATED : GST_FLOW_ERROR;
}

G_END_DECLS
