/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstpinnedqueue.h"

#include "device-memory.h"
#include "pinned-allocator.h"

G_BEGIN_DECLS

/* How buffers get into page-locked memory and from there to the device. Whatever can't be had is
 * done without, with one warning on the bus: fewer page-locked slots, then pageable memory; host
 * memory instead of device memory. The bytes are the same in any case.
 *
 * Called from state changes and from the streaming thread of the sink pad; the statistics from
 * any thread. */

typedef struct
{
  gint device_id;               /* ordinal */
  GstPinnedQueuePinMemory pin_memory;
  gboolean upload;
  guint64 max_pinned;           /* bytes, 0 = auto */
} TransferSettings;

typedef struct
{
  GstElement *element;          /* not owned */
  GMutex lock;                  /* of the pointers below, where other threads read them */
  CudaDevice *device;           /* NULL: host path */
  GstAllocator *pinned;         /* NULL: memory as it comes */
  GstAllocator *device_memory;  /* NULL: no uploads */
  gboolean uploading;           /* FALSE also after an upload has failed */
  gboolean warned;              /* since transfer_reset() */

  /* of the stream's buffers so far; atomic, or under the lock */
  guint64 copies;
  guint64 copied_size;
} Transfer;

typedef enum
{
  TRANSFER_OK,
  TRANSFER_NO_UPLOAD,           /* the buffer is as it was, and from now on all are */
  TRANSFER_ERROR,               /* the error is posted: bytes on the device are lost */
} TransferResult;

void transfer_init (Transfer * self, GstElement * element);
void transfer_finalize (Transfer * self);

/* READY to PAUSED and back. Without a device the host path is what start() ends in. */
void transfer_start (Transfer * self, const TransferSettings * settings);
void transfer_stop (Transfer * self);

/* Statistics and warnings start again */
void transfer_reset (Transfer * self);

/* Any thread */
gboolean transfer_is_uploading (Transfer * self);

/* Prepares for @n buffers of @size bytes, of which @n_device go to the device */
void transfer_reserve (Transfer * self, guint n, guint n_device, gsize size);

/* Replaces *@buffer by one in page-locked memory, unless it is there, or can't be. */
void transfer_pin (Transfer * self, GstBuffer ** buffer);

/* Replaces *@buffer by one in device memory, to which its bytes are being copied. */
TransferResult transfer_upload (Transfer * self, GstBuffer ** buffer);

/* The end of the stream: waits for all copies */
TransferResult transfer_finish (Transfer * self);

/* A warning that downstream takes no device memory; uploads end */
void transfer_refuse_upload (Transfer * self);

/* Adds its fields to @stats */
void transfer_add_stats (Transfer * self, GstStructure * stats);

G_END_DECLS
