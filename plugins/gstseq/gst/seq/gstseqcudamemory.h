/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/seq/gstseqapi.h>

G_BEGIN_DECLS

/* Caps feature of buffers in device memory, the same as GStreamer's own CUDA elements use. The
 * memory is linear, and of a type of its own: gst_is_cuda_memory() of libgstcuda doesn't know
 * it. */
#define GST_SEQ_CAPS_FEATURE_CUDA_MEMORY "memory:CUDAMemory"
#define GST_SEQ_CUDA_MEMORY_TYPE "SeqCUDAMemory"

/* Flag for gst_memory_map() and gst_buffer_map() that maps the device pointer, as in libgstcuda.
 * Without it, a map for reading downloads. */
#define GST_SEQ_MAP_CUDA (GST_MAP_FLAG_LAST << 1)

typedef struct _GstSeqCudaMemory GstSeqCudaMemory;

/**
 * GstSeqCudaMemory: (skip)
 * @memory: parent
 * @device_id: ordinal of the device
 * @pointer: device address (CUdeviceptr) of the whole memory, without the offset of a share
 * @ready: CUevent that the copy into the memory records
 * @wait: has a stream wait for @ready
 * @set_done: records that what a stream was given so far uses the memory
 *
 * What the elements that make such memory fill in. Applications use the functions below.
 */
struct _GstSeqCudaMemory
{
  GstMemory memory;

  gint device_id;
  guint64 pointer;
  gpointer ready;
  gboolean (*wait) (GstSeqCudaMemory * memory, gpointer stream);
  gboolean (*set_done) (GstSeqCudaMemory * memory, gpointer stream);
};

GST_SEQ_API
gboolean gst_is_seq_cuda_memory (GstMemory * memory);

GST_SEQ_API
gint gst_seq_cuda_memory_get_device_id (GstMemory * memory);

GST_SEQ_API
guint64 gst_seq_cuda_memory_get_pointer (GstMemory * memory);

GST_SEQ_API
gpointer gst_seq_cuda_memory_get_ready_event (GstMemory * memory);

GST_SEQ_API
gboolean gst_seq_cuda_memory_wait (GstMemory * memory, gpointer stream);

GST_SEQ_API
gboolean gst_seq_cuda_memory_set_done (GstMemory * memory, gpointer stream);

G_END_DECLS
