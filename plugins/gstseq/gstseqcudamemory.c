/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/seq/gstseqcudamemory.h>

/**
 * gst_is_seq_cuda_memory:
 * @memory: a memory
 *
 * Returns: whether @memory is device memory that the functions here know
 */
gboolean
gst_is_seq_cuda_memory (GstMemory * memory)
{
  return memory != NULL && gst_memory_is_type (memory, GST_SEQ_CUDA_MEMORY_TYPE);
}

/**
 * gst_seq_cuda_memory_get_device_id:
 * @memory: device memory
 *
 * Returns: ordinal of the device that @memory is on, from 0; -1 if it is no device memory
 */
gint
gst_seq_cuda_memory_get_device_id (GstMemory * memory)
{
  return gst_is_seq_cuda_memory (memory) ? ((GstSeqCudaMemory *) memory)->device_id : -1;
}

/**
 * gst_seq_cuda_memory_get_pointer:
 * @memory: device memory
 *
 * The address for kernels. It does not wait for the copy that fills the memory: have your stream
 * wait with gst_seq_cuda_memory_wait(), or map the memory with %GST_SEQ_MAP_CUDA instead. Behind
 * it lie as many bytes as gst_memory_get_sizes() says; a tensor's data starts at the offset that
 * the #GstSeqBatchMeta gives.
 *
 * Returns: device address (CUdeviceptr), 0 if @memory is no device memory
 */
guint64
gst_seq_cuda_memory_get_pointer (GstMemory * memory)
{
  return gst_is_seq_cuda_memory (memory) ? ((GstSeqCudaMemory *) memory)->pointer + memory->offset
      : 0;
}

/**
 * gst_seq_cuda_memory_get_ready_event:
 * @memory: device memory
 *
 * Returns: (transfer none) (nullable): the CUevent after which @memory holds its bytes
 */
gpointer
gst_seq_cuda_memory_get_ready_event (GstMemory * memory)
{
  return gst_is_seq_cuda_memory (memory) ? ((GstSeqCudaMemory *) memory)->ready : NULL;
}

/**
 * gst_seq_cuda_memory_wait:
 * @memory: device memory
 * @stream: (nullable): the consumer's CUstream of the device's primary context; %NULL = the legacy
 *     default stream
 *
 * Has what is put into @stream from now on wait until @memory holds its bytes. The caller goes on
 * at once.
 *
 * Returns: %FALSE if @memory is no device memory, or the driver refuses
 */
gboolean
gst_seq_cuda_memory_wait (GstMemory * memory, gpointer stream)
{
  GstSeqCudaMemory *self = (GstSeqCudaMemory *) memory;

  return gst_is_seq_cuda_memory (memory) && self->wait (self, stream);
}

/**
 * gst_seq_cuda_memory_set_done:
 * @memory: device memory
 * @stream: (nullable): the consumer's CUstream; %NULL = the legacy default stream
 *
 * Says that what has been put into @stream so far uses @memory, so that it is not filled again
 * before that is done. To be called after the last kernel that reads it and before the reference
 * to the memory is given up. Where several streams use it, have one of them wait for the others.
 *
 * A consumer that maps the memory with %GST_SEQ_MAP_CUDA and works in the legacy default stream or
 * in a stream that waits for it needs no such call: unmapping does the same for that stream.
 *
 * While @stream is captured into a CUDA graph nothing runs, so the call fails. It is to be made
 * after the launch of the graph.
 *
 * Returns: %FALSE if @memory is no device memory, @stream is being captured, or the driver refuses
 */
gboolean
gst_seq_cuda_memory_set_done (GstMemory * memory, gpointer stream)
{
  GstSeqCudaMemory *self = (GstSeqCudaMemory *) memory;

  return gst_is_seq_cuda_memory (memory) && self->set_done (self, stream);
}
