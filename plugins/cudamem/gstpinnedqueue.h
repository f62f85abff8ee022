/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_PINNED_QUEUE (gst_pinned_queue_get_type ())
G_DECLARE_FINAL_TYPE (GstPinnedQueue, gst_pinned_queue, GST, PINNED_QUEUE, GstElement)

GST_ELEMENT_REGISTER_DECLARE (pinnedqueue)

/**
 * GstPinnedQueuePinMemory:
 * @GST_PINNED_QUEUE_PIN_AUTO: page-locked memory where there is a usable device
 * @GST_PINNED_QUEUE_PIN_ON: the same, with a warning where there is none
 * @GST_PINNED_QUEUE_PIN_OFF: memory as it comes
 */
typedef enum
{
  GST_PINNED_QUEUE_PIN_AUTO,
  GST_PINNED_QUEUE_PIN_ON,
  GST_PINNED_QUEUE_PIN_OFF,
} GstPinnedQueuePinMemory;

#define GST_TYPE_PINNED_QUEUE_PIN_MEMORY (gst_pinned_queue_pin_memory_get_type ())
GType gst_pinned_queue_pin_memory_get_type (void);

G_END_DECLS
