/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cuda-abi.h"

/* Functions of the driver that the plugin has no use for, but that tests need, and what stands in
 * them for a model. They are what the real driver has, so tests may run on it as well. One that the
 * plugin comes to need moves to CUDA_FUNCTIONS. */

#ifndef CUDA_ABI_PROTOTYPES_ONLY
typedef struct CUgraph_st *CUgraph;
typedef void (*CudaHostFunction) (void *data);
#endif

/* What there is besides CUDA_FUNCTIONS of cuda-abi.h, in the same form */
#define FAKECUDA_FUNCTIONS(F) \
  F (TRUE, GetErrorName, , (CUresult error, const char **name)) \
  F (TRUE, GetErrorString, , (CUresult error, const char **text)) \
  F (TRUE, GetProcAddress, , (const char *symbol, void **function, int version, uint64_t flags)) \
  F (TRUE, GetProcAddress_v2, , (const char *symbol, void **function, int version, \
      uint64_t flags, CUdriverProcAddressQueryResult *status)) \
  F (TRUE, DeviceTotalMem, _v2, (size_t *size, CUdevice device)) \
  F (TRUE, DeviceSetMemPool, , (CUdevice device, CUmemoryPool pool)) \
  F (TRUE, DevicePrimaryCtxReset, _v2, (CUdevice device)) \
  F (TRUE, CtxCreate, _v2, (CUcontext *context, unsigned int flags, CUdevice device)) \
  F (TRUE, CtxDestroy, _v2, (CUcontext context)) \
  F (TRUE, CtxSetCurrent, , (CUcontext context)) \
  F (TRUE, CtxGetCurrent, , (CUcontext *context)) \
  F (TRUE, CtxGetDevice, , (CUdevice *device)) \
  F (TRUE, MemAllocAsync, , (CUdeviceptr *pointer, size_t size, CUstream stream)) \
  F (TRUE, MemcpyHtoD, _v2, (CUdeviceptr to, const void *from, size_t size)) \
  F (TRUE, MemcpyDtoH, _v2, (void *to, CUdeviceptr from, size_t size)) \
  F (TRUE, MemcpyDtoD, _v2, (CUdeviceptr to, CUdeviceptr from, size_t size)) \
  F (TRUE, MemsetD8, _v2, (CUdeviceptr to, unsigned char value, size_t size)) \
  F (TRUE, MemsetD8Async, , (CUdeviceptr to, unsigned char value, size_t size, CUstream stream)) \
  F (TRUE, MemHostRegister, _v2, (void *data, size_t size, unsigned int flags)) \
  F (TRUE, MemHostUnregister, , (void *data)) \
  F (TRUE, MemHostGetDevicePointer, _v2, (CUdeviceptr *pointer, void *data, unsigned int flags)) \
  F (TRUE, PointerGetAttributes, , (unsigned int count, CUpointer_attribute *attributes, \
      void **values, CUdeviceptr pointer)) \
  F (TRUE, StreamQuery, , (CUstream stream)) \
  F (TRUE, StreamBeginCapture, _v2, (CUstream stream, CUstreamCaptureMode mode)) \
  F (TRUE, StreamEndCapture, , (CUstream stream, CUgraph *graph)) \
  F (TRUE, GraphDestroy, , (CUgraph graph)) \
  F (TRUE, LaunchHostFunc, , (CUstream stream, CudaHostFunction function, void *data))

/* All functions, of both lists, as the library exports them; NULL = it has not */
typedef struct
{
#define FAKECUDA_DECLARE(required, name, suffix, prototype) CUresult (*name) prototype;
  CUDA_FUNCTIONS (FAKECUDA_DECLARE)
  FAKECUDA_FUNCTIONS (FAKECUDA_DECLARE)
#undef FAKECUDA_DECLARE
} CudaFunctions;

/* From the driver's library (environment GST_SEQ_LIBCUDA, else libcuda.so.1); all NULL where there
 * is none */
void cuda_functions_load (CudaFunctions * functions);
