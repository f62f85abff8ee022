/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "transfer.h"

#include "gstpinnedqueue-private.h"
#include "host-memory.h"

#define GST_CAT_DEFAULT pinned_queue_debug

/* Tensors start at multiples of this in seqbatch's buffers, and so they do in ours */
#define ALIGNMENT ((gsize) 128)

/* Copies under way at a time: enough for the copy engine never to wait */
#define MAX_COPIES 4

/* Part of the host's free memory that is page-locked at most, if nobody says how much */
#define AUTO_SHARE 4

void
transfer_init (Transfer * self, GstElement * element)
{
  *self = (Transfer) { .element = element };
  g_mutex_init (&self->lock);
}

void
transfer_finalize (Transfer * self)
{
  g_mutex_clear (&self->lock);
}

/* ---- what can't be had ---- */

/* Once; what follows from it goes to the log */
static void
warn (Transfer * self, const gchar * text, const GError * why)
{
  gboolean first;

  g_mutex_lock (&self->lock);
  first = !self->warned;
  self->warned = TRUE;
  g_mutex_unlock (&self->lock);

  if (first)
    GST_ELEMENT_WARNING (self->element, RESOURCE, NOT_FOUND, ("%s", text), ("%s", why->message));
  else
    GST_INFO_OBJECT (self->element, "%s %s", text, why->message);
}

static void
warn_of_pageable (gpointer data, const GError * why)
{
  warn (data, "No more page-locked memory; going on in pageable memory.", why);
}

static void
warn_of_host (Transfer * self, const GError * why)
{
  warn (self, "No copies to the device; going on in host memory.", why);
}

/* No driver is what auto is for. A device that isn't there, or doesn't work, is worth a word. */
static void
no_device (Transfer * self, const TransferSettings * settings, const GError * why)
{
  if (settings->upload || settings->pin_memory == GST_PINNED_QUEUE_PIN_ON
      || why->code == CUDA_DRIVER_ERROR_CALL || why->code == CUDA_DRIVER_ERROR_LOST)
    warn (self, "No usable device for page-locked memory; going on in host memory.", why);
  else
    GST_INFO_OBJECT (self->element, "no usable device, buffers stay in host memory: %s",
        why->message);
}

static TransferResult
lost (Transfer * self, const GError * why)
{
  GST_ELEMENT_ERROR (self->element, RESOURCE, FAILED,
      ("The device failed, and the batches on it are lost."), ("%s", why->message));
  return TRANSFER_ERROR;
}

/* ---- start and stop ---- */

static guint64
max_pinned (const TransferSettings * settings)
{
  guint64 headroom;

  if (settings->max_pinned > 0)
    return settings->max_pinned;
  headroom = seq_host_memory_headroom ("/");
  return headroom == G_MAXUINT64 ? 0 : MAX (headroom / AUTO_SHARE, 1);
}

/* The context is made here, so that a device that doesn't work is found out before there is a
 * stream. */
static gboolean
open_device (Transfer * self, const TransferSettings * settings, GError ** error)
{
  CudaDevice *device = cuda_device_get (settings->device_id, error);

  if (device == NULL)
    return FALSE;
  if (!cuda_device_enter (device, error)) {
    cuda_device_unref (device);
    return FALSE;
  }
  cuda_device_leave (device);
  g_mutex_lock (&self->lock);
  self->device = device;
  g_mutex_unlock (&self->lock);
  return TRUE;
}

void
transfer_start (Transfer * self, const TransferSettings * settings)
{
  GstAllocator *pinned = NULL, *device_memory = NULL;
  GError *why = NULL;

  if (settings->pin_memory == GST_PINNED_QUEUE_PIN_OFF && !settings->upload)
    return;
  if (!open_device (self, settings, &why)) {
    no_device (self, settings, why);
    g_error_free (why);
    return;
  }
  GST_INFO_OBJECT (self->element, "device %d: %s", settings->device_id,
      cuda_device_name (self->device));

  if (settings->pin_memory != GST_PINNED_QUEUE_PIN_OFF) {
    pinned = cuda_pinned_allocator_new (self->device, max_pinned (settings));
    cuda_pinned_allocator_set_warning (pinned, warn_of_pageable, self);
  }
  if (settings->upload) {
    device_memory = cuda_device_allocator_new (self->device, &why);
    if (device_memory == NULL) {
      warn_of_host (self, why);
      g_error_free (why);
    }
  }
  g_mutex_lock (&self->lock);
  self->pinned = pinned;
  self->device_memory = device_memory;
  self->uploading = device_memory != NULL;
  g_mutex_unlock (&self->lock);
}

void
transfer_stop (Transfer * self)
{
  if (self->pinned != NULL)
    cuda_pinned_allocator_set_warning (self->pinned, NULL, NULL);
  /* whoever stops doesn't want the bytes any more, but the copies must be over */
  if (self->device_memory != NULL)
    cuda_device_allocator_poll (self->device_memory, 0, NULL);

  g_mutex_lock (&self->lock);
  self->uploading = FALSE;
  gst_clear_object (&self->pinned);
  gst_clear_object (&self->device_memory);
  g_clear_pointer (&self->device, cuda_device_unref);
  g_mutex_unlock (&self->lock);
}

void
transfer_reset (Transfer * self)
{
  g_mutex_lock (&self->lock);
  self->warned = FALSE;
  self->copies = self->copied_size = 0;
  g_mutex_unlock (&self->lock);
}

gboolean
transfer_is_uploading (Transfer * self)
{
  gboolean uploading;

  g_mutex_lock (&self->lock);
  uploading = self->uploading;
  g_mutex_unlock (&self->lock);
  return uploading;
}

void
transfer_reserve (Transfer * self, guint n, guint n_device, gsize size)
{
  if (self->pinned != NULL)
    cuda_pinned_allocator_reserve (self->pinned, n, size);
  if (self->uploading)
    cuda_device_allocator_reserve (self->device_memory, n_device, size);
}

/* ---- buffers ---- */

/* A buffer of the memories that @whole has at the offsets, with all else of @buffer */
static GstBuffer *
replace_memory (GstBuffer * buffer, GstMemory * whole, const CudaUploadPart * parts, guint n)
{
  GstBuffer *replaced = gst_buffer_new ();
  guint i;

  gst_buffer_copy_into (replaced, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
  for (i = 0; i < n; i++)
    gst_buffer_append_memory (replaced, gst_memory_share (whole, parts[i].offset, parts[i].size));
  gst_memory_unref (whole);
  return replaced;
}

/* The memories of a buffer, mapped for reading, and where each is to go in one piece of @size */
typedef struct
{
  guint n;
  GstMemory *memories[16];
  GstMapInfo maps[16];
  CudaUploadPart parts[16];
  gsize size;
} Layout;

static void
layout_clear (Layout * layout)
{
  guint i;

  for (i = 0; i < layout->n; i++)
    gst_memory_unmap (layout->memories[i], &layout->maps[i]);
}

/* One behind the other, each aligned. FALSE where they can't be mapped. */
static gboolean
layout_init (Layout * layout, GstBuffer * buffer)
{
  guint n = gst_buffer_n_memory (buffer);

  g_return_val_if_fail (n <= G_N_ELEMENTS (layout->memories), FALSE);
  layout->size = 0;
  for (layout->n = 0; layout->n < n; layout->n++) {
    GstMapInfo *map = &layout->maps[layout->n];

    layout->memories[layout->n] = gst_buffer_peek_memory (buffer, layout->n);
    if (!gst_memory_map (layout->memories[layout->n], map, GST_MAP_READ)) {
      layout_clear (layout);
      return FALSE;
    }
    layout->size = (layout->size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    layout->parts[layout->n] = (CudaUploadPart) { map->data, layout->size, map->size };
    layout->size += map->size;
  }
  return TRUE;
}

/* What lies between two parts of one memory can be copied with them; what lies between others is not
 * the buffer's. */
static gboolean
are_parts_of_one (const GstMemory * a, const GstMemory * b)
{
  return a->parent != NULL && a->parent == b->parent;
}

/* Memories that lie in one piece already, with no more between them than it takes to align them,
 * are copied as they lie, in one part. FALSE where they don't. */
static gboolean
layout_join (Layout * layout, CudaUploadPart * joined)
{
  const guint8 *first = layout->maps[0].data, *end = first;
  guint i;

  for (i = 0; i < layout->n; i++) {
    const guint8 *data = layout->maps[i].data;

    if (data < end || (gsize) (data - end) >= ALIGNMENT)
      return FALSE;
    if (data > end && !are_parts_of_one (layout->memories[i - 1], layout->memories[i]))
      return FALSE;
    end = data + layout->maps[i].size;
  }
  for (i = 0; i < layout->n; i++)
    layout->parts[i].offset = layout->maps[i].data - first;
  layout->size = end - first;
  *joined = (CudaUploadPart) { first, 0, layout->size };
  return TRUE;
}

static gboolean
is_pinned (Transfer * self, GstBuffer * buffer)
{
  guint i, n = gst_buffer_n_memory (buffer);

  for (i = 0; i < n; i++)
    if (!cuda_pinned_allocator_knows (self->pinned, gst_buffer_peek_memory (buffer, i)))
      return FALSE;
  return TRUE;
}

static GstMemory *
copy_to_pinned (Transfer * self, const Layout * layout)
{
  GstAllocationParams params = { .align = ALIGNMENT - 1 };
  GstMemory *memory = gst_allocator_alloc (self->pinned, layout->size, &params);
  GstMapInfo map;
  guint i;

  if (memory == NULL || memory->allocator != self->pinned
      || !gst_memory_map (memory, &map, GST_MAP_WRITE)) {
    /* pageable memory would be as good as what we have */
    g_clear_pointer (&memory, gst_memory_unref);
    return NULL;
  }
  for (i = 0; i < layout->n; i++)
    memcpy (map.data + layout->parts[i].offset, layout->parts[i].data, layout->parts[i].size);
  gst_memory_unmap (memory, &map);

  g_mutex_lock (&self->lock);
  self->copies++;
  self->copied_size += layout->size;
  g_mutex_unlock (&self->lock);
  return memory;
}

void
transfer_pin (Transfer * self, GstBuffer ** buffer)
{
  GstMemory *memory = NULL;
  GstBuffer *pinned;
  Layout layout;

  if (self->pinned == NULL || is_pinned (self, *buffer) || !layout_init (&layout, *buffer))
    return;
  if (layout.size > 0)
    memory = copy_to_pinned (self, &layout);
  if (memory != NULL) {
    pinned = replace_memory (*buffer, memory, layout.parts, layout.n);
    layout_clear (&layout);
    gst_buffer_unref (*buffer);
    *buffer = pinned;
  } else {
    layout_clear (&layout);
  }
}

static void
end_uploads (Transfer * self)
{
  g_mutex_lock (&self->lock);
  self->uploading = FALSE;
  g_mutex_unlock (&self->lock);
}

/* Copies that were begun must come to an end, or their bytes are lost */
static TransferResult
upload_failed (Transfer * self, const GError * why)
{
  end_uploads (self);
  if (why->code == CUDA_DRIVER_ERROR_LOST)
    return lost (self, why);
  warn_of_host (self, why);
  return transfer_finish (self) == TRANSFER_OK ? TRANSFER_NO_UPLOAD : TRANSFER_ERROR;
}

/* The buffer with its bytes in device memory; NULL with @error. */
static GstBuffer *
upload (Transfer * self, GstBuffer * buffer, GError ** error)
{
  GstBuffer *uploaded = NULL;
  GstMemory *memory;
  CudaUploadPart joined;
  Layout layout;

  if (!layout_init (&layout, buffer)) {
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL, "a buffer can't be mapped");
    return NULL;
  }
  if (layout.size == 0) {
    /* no bytes are in any memory */
    uploaded = gst_buffer_ref (buffer);
  } else {
    if (layout_join (&layout, &joined))
      memory = cuda_device_allocator_upload (self->device_memory, layout.size, &joined, 1, buffer,
          error);
    else
      memory = cuda_device_allocator_upload (self->device_memory, layout.size, layout.parts,
          layout.n, buffer, error);
    if (memory != NULL)
      uploaded = replace_memory (buffer, memory, layout.parts, layout.n);
  }
  layout_clear (&layout);
  return uploaded;
}

TransferResult
transfer_upload (Transfer * self, GstBuffer ** buffer)
{
  TransferResult result = TRANSFER_OK;
  GError *why = NULL;
  GstBuffer *uploaded;

  if (!cuda_device_allocator_poll (self->device_memory, MAX_COPIES - 1, &why)) {
    result = lost (self, why);
    g_error_free (why);
    return result;
  }
  transfer_pin (self, buffer);
  uploaded = upload (self, *buffer, &why);
  if (uploaded != NULL) {
    gst_buffer_unref (*buffer);
    *buffer = uploaded;
  } else {
    result = upload_failed (self, why);
    g_error_free (why);
  }
  return result;
}

TransferResult
transfer_finish (Transfer * self)
{
  TransferResult result = TRANSFER_OK;
  GError *why = NULL;

  if (self->device_memory != NULL
      && !cuda_device_allocator_poll (self->device_memory, 0, &why)) {
    result = lost (self, why);
    g_error_free (why);
  }
  return result;
}

void
transfer_refuse_upload (Transfer * self)
{
  GError *why = g_error_new (CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL,
      "downstream does not take buffers in memory:CUDAMemory");

  warn_of_host (self, why);
  g_error_free (why);
  end_uploads (self);
}

void
transfer_add_stats (Transfer * self, GstStructure * stats)
{
  guint64 pinned = 0, pinned_allocations = 0;
  CudaUploadStats upload = { 0 };

  g_mutex_lock (&self->lock);
  if (self->pinned != NULL)
    cuda_pinned_allocator_stats (self->pinned, &pinned, &pinned_allocations);
  if (self->device_memory != NULL)
    cuda_device_allocator_stats (self->device_memory, &upload);
  gst_structure_set (stats,
      "pinned", G_TYPE_UINT64, pinned,
      "copies", G_TYPE_UINT64, self->copies,
      "copied-bytes", G_TYPE_UINT64, self->copied_size,
      "uploads", G_TYPE_UINT64, upload.uploads,
      "uploaded-bytes", G_TYPE_UINT64, upload.size,
      "upload-time", G_TYPE_UINT64, upload.time,
      "device-bytes", G_TYPE_UINT64, upload.device_size,
      "allocations", G_TYPE_UINT64, pinned_allocations + upload.allocations, NULL);
  g_mutex_unlock (&self->lock);
}
