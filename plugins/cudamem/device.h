/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "driver.h"

G_BEGIN_DECLS

/* One GPU of this process and its primary context, the one that PyTorch, ONNX Runtime and TensorRT
 * use, too. There is one object for each ordinal, shared by all elements. Any thread.
 *
 * The context is retained the first time that it is entered and released with the last reference
 * to the object, so nobody's allocations in it are lost in between. */

typedef struct _CudaDevice CudaDevice;

/* NULL, with @error: no driver, no such device, or a forked child. Makes no context. */
CudaDevice *cuda_device_get (gint ordinal, GError ** error);
CudaDevice *cuda_device_ref (CudaDevice * device);
void cuda_device_unref (CudaDevice * device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CudaDevice, cuda_device_unref)

const CudaDriver *cuda_device_driver (const CudaDevice * device);
gint cuda_device_ordinal (const CudaDevice * device);
CUdevice cuda_device_handle (const CudaDevice * device);
const gchar *cuda_device_name (const CudaDevice * device);

/* Node of host memory next to the device, -1 = unknown or the same for all */
gint cuda_device_numa_node (const CudaDevice * device);

/* Whether the primary context exists in this process, whoever made it. Never makes one. */
gboolean cuda_device_is_active (CudaDevice * device);

/* Makes the primary context current in this thread (creating it where there is none), and lets
 * this thread call the driver while another one captures a CUDA graph. Each enter that returns
 * TRUE needs a leave in the same thread. They nest. */
gboolean cuda_device_enter (CudaDevice * device, GError ** error);
void cuda_device_leave (CudaDevice * device);

/* The same to let go of something, for code that can't report an error: tries twice. */
gboolean cuda_device_enter_to_release (CudaDevice * device);

/* Evaluates a driver call that lets go of something, and again when it failed: such calls may
 * return the error of an earlier asynchronous one, and nobody would try later. FALSE if both did. */
#define CUDA_RELEASE(call) \
  cuda_device_released ((call) == CUDA_SUCCESS || (call) == CUDA_SUCCESS)

/* Lets the result be ignored */
static inline gboolean
cuda_device_released (gboolean released)
{
  return released;
}

/* Is a stream of the context being captured into a graph, as far as the legacy stream can tell (a
 * capture of a non-blocking stream can't be seen from outside)? Needs the context entered. While
 * one is, calls that synchronise or free would break the capture. */
gboolean cuda_device_is_capturing (CudaDevice * device);

G_END_DECLS
