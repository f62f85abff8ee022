/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include <gst/gst.h>

#include "cuda-abi.h"

G_BEGIN_DECLS

/* Four functions that libgstcudamem.so exports under these names, so that a library which takes its
 * device memory from C functions can be pointed at them. All come from one stream-ordered memory
 * pool a device, made at the first allocation. The pool is registered (pool-registry.h) as
 * "gst-seq", so each cudamemguard of the process counts it exactly and trims it, and the
 * application needs no code for that.
 *
 *   PyTorch   torch.cuda.memory.change_current_allocator(torch.cuda.memory.CUDAPluggableAllocator(
 *                 path, "gst_seq_torch_malloc", "gst_seq_torch_free"))
 *   CuPy      lib = ctypes.CDLL(path)
 *             address = lambda function: ctypes.cast(function, ctypes.c_void_p).value
 *             cupy.cuda.set_allocator(cupy.cuda.CFunctionAllocator(0,
 *                 address(lib.gst_seq_cupy_malloc), address(lib.gst_seq_cupy_free), lib).malloc)
 *
 * @path must be the file that GStreamer loads the plugin from: the dynamic linker then finds the
 * image that is there already, and both sides see one registry.
 *
 * Any thread; whatever context is current stays current. Size 0 gives NULL. When the device is
 * full, the pool gives back what it doesn't use and the allocation is tried once more. What fails
 * then, or without a driver, or in a forked child, gives NULL and one warning on stderr.
 *
 * NULL is all that a C function can say, and neither library looks at it: PyTorch (up to 2.9) and
 * CuPy (up to 14) make an array without memory of it, and the first kernel that uses the array ends
 * with CUDA_ERROR_ILLEGAL_ADDRESS, which nothing in the process recovers from.
 * So where batches may outgrow the device and be replayed (cudamemguard, `report-oom`), stay with
 * PyTorch's own allocator and watch it with a provider (pipelines/examples/torch_guard.py). */

/* The ABI of torch.cuda.memory.CUDAPluggableAllocator */
GST_PLUGIN_EXPORT
void *gst_seq_torch_malloc (ssize_t size, int device, CUstream stream);
GST_PLUGIN_EXPORT
void gst_seq_torch_free (void *data, ssize_t size, int device, CUstream stream);

/* The ABI of cupy.cuda.CFunctionAllocator. It passes no stream, so these work in the order of the
 * legacy default stream. CuPy's streams wait for that one unless they are non-blocking; with those,
 * or with CUPY_CUDA_PER_THREAD_DEFAULT_STREAM, use cupy.cuda.MemoryAsyncPool, whose pool the guard
 * knows as well. */
GST_PLUGIN_EXPORT
void *gst_seq_cupy_malloc (void *param, size_t size, int device);
GST_PLUGIN_EXPORT
void gst_seq_cupy_free (void *param, void *data, int device);

G_END_DECLS
