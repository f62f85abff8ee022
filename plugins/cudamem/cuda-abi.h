/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What this plugin uses of the CUDA driver's ABI, declared here so that neither the toolkit nor its
 * header is needed to build. Names, numbers and prototypes are those of the CUDA Driver API
 * reference (https://docs.nvidia.com/cuda/cuda-driver-api); tests/fakecuda/check-abi.c compares
 * them with the toolkit's own header where there is one.
 *
 * A pointer to a function has exactly the prototype of CUDA_ABI_VERSION, which is the version that
 * the loader asks the driver for: a newer driver then hands out its entry point of that version. */

#define CUDA_ABI_VERSION 12000

/* (where the toolkit's own types are there already, to compare the prototypes) */
#ifndef CUDA_ABI_PROTOTYPES_ONLY

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUmemPoolHandle_st *CUmemoryPool;

enum
{
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_DEINITIALIZED = 4,
  CUDA_ERROR_STUB_LIBRARY = 34,
  CUDA_ERROR_DEVICE_UNAVAILABLE = 46,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_ECC_UNCORRECTABLE = 214,
  CUDA_ERROR_OPERATING_SYSTEM = 304,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700,
  CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_NOT_PERMITTED = 800,
  CUDA_ERROR_NOT_SUPPORTED = 801,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
  CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
  CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
  CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
  CUDA_ERROR_UNKNOWN = 999,
};

enum
{
  CU_STREAM_NON_BLOCKING = 1,
  CU_EVENT_DEFAULT = 0,
  CU_EVENT_DISABLE_TIMING = 2,
  CU_MEMHOSTALLOC_PORTABLE = 1,
  CU_GET_PROC_ADDRESS_DEFAULT = 0,
};

typedef int CUdevice_attribute;
enum
{
  CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED = 115,
};

typedef int CUdriverProcAddressQueryResult;

/* CUmemPool_attribute; all values are 64-bit numbers of bytes */
typedef int CUmemPool_attribute;
enum
{
  CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4,
  CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT = 5,
  CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH = 6,
  CU_MEMPOOL_ATTR_USED_MEM_CURRENT = 7,
  CU_MEMPOOL_ATTR_USED_MEM_HIGH = 8,
};

typedef int CUpointer_attribute;
enum
{
  CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
  CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE = 17,
};

typedef int CUstreamCaptureStatus;
enum
{
  CU_STREAM_CAPTURE_STATUS_NONE = 0,
  CU_STREAM_CAPTURE_STATUS_ACTIVE = 1,
  CU_STREAM_CAPTURE_STATUS_INVALIDATED = 2,
};

typedef int CUstreamCaptureMode;
enum
{
  CU_STREAM_CAPTURE_MODE_GLOBAL = 0,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
};

enum
{
  CU_MEM_ALLOCATION_TYPE_PINNED = 1,
  CU_MEM_HANDLE_TYPE_NONE = 0,
  CU_MEM_LOCATION_TYPE_DEVICE = 1,
};

typedef struct
{
  int type;
  int id;
} CUmemLocation;

/* CUmemPoolProps. The driver requires that what is reserved is 0; it took `max_size` (12.2)
 * and `usage` (12.4) from there, of which 0 is the default. */
typedef struct
{
  int alloc_type;
  int handle_types;
  CUmemLocation location;
  void *win32_security_attributes;
  size_t max_size;
  unsigned char reserved[56];
} CudaMemPoolProps;

#endif

/* F (REQUIRED, name without cu, suffix of the symbol, prototype). Without one that is required
 * there is no driver; one that is optional may be missing in an old driver, and is NULL then. */
#define CUDA_FUNCTIONS(F) \
  F (TRUE, Init, , (unsigned int flags)) \
  F (TRUE, DriverGetVersion, , (int *version)) \
  F (TRUE, DeviceGetCount, , (int *count)) \
  F (TRUE, DeviceGet, , (CUdevice *device, int ordinal)) \
  F (TRUE, DeviceGetName, , (char *name, int size, CUdevice device)) \
  F (TRUE, DeviceGetAttribute, , (int *value, CUdevice_attribute attribute, \
      CUdevice device)) \
  F (FALSE, DeviceGetPCIBusId, , (char *id, int size, CUdevice device)) \
  F (TRUE, DevicePrimaryCtxRetain, , (CUcontext *context, CUdevice device)) \
  F (TRUE, DevicePrimaryCtxRelease, _v2, (CUdevice device)) \
  F (TRUE, DevicePrimaryCtxGetState, , (CUdevice device, unsigned int *flags, int *active)) \
  F (TRUE, CtxPushCurrent, _v2, (CUcontext context)) \
  F (TRUE, CtxPopCurrent, _v2, (CUcontext *context)) \
  F (TRUE, CtxSynchronize, , (void)) \
  F (TRUE, MemGetInfo, _v2, (size_t *free_size, size_t *total)) \
  F (TRUE, MemHostAlloc, , (void **data, size_t size, unsigned int flags)) \
  F (TRUE, MemFreeHost, , (void *data)) \
  F (TRUE, MemAlloc, _v2, (CUdeviceptr *pointer, size_t size)) \
  F (TRUE, MemFree, _v2, (CUdeviceptr pointer)) \
  F (TRUE, MemcpyHtoDAsync, _v2, (CUdeviceptr to, const void *from, size_t size, \
      CUstream stream)) \
  F (TRUE, MemcpyDtoHAsync, _v2, (void *to, CUdeviceptr from, size_t size, CUstream stream)) \
  F (TRUE, MemcpyDtoDAsync, _v2, (CUdeviceptr to, CUdeviceptr from, size_t size, \
      CUstream stream)) \
  F (TRUE, StreamCreate, , (CUstream *stream, unsigned int flags)) \
  F (TRUE, StreamDestroy, _v2, (CUstream stream)) \
  F (TRUE, StreamSynchronize, , (CUstream stream)) \
  F (TRUE, StreamWaitEvent, , (CUstream stream, CUevent event, unsigned int flags)) \
  F (TRUE, StreamIsCapturing, , (CUstream stream, CUstreamCaptureStatus *status)) \
  F (FALSE, ThreadExchangeStreamCaptureMode, , (CUstreamCaptureMode *mode)) \
  F (TRUE, EventCreate, , (CUevent *event, unsigned int flags)) \
  F (TRUE, EventDestroy, _v2, (CUevent event)) \
  F (TRUE, EventRecord, , (CUevent event, CUstream stream)) \
  F (TRUE, EventQuery, , (CUevent event)) \
  F (TRUE, EventSynchronize, , (CUevent event)) \
  F (TRUE, EventElapsedTime, , (float *ms, CUevent start, CUevent end)) \
  F (TRUE, PointerGetAttribute, , (void *value, CUpointer_attribute attribute, \
      CUdeviceptr pointer)) \
  F (FALSE, DeviceGetDefaultMemPool, , (CUmemoryPool *pool, CUdevice device)) \
  F (FALSE, DeviceGetMemPool, , (CUmemoryPool *pool, CUdevice device)) \
  F (FALSE, MemPoolCreate, , (CUmemoryPool *pool, const CudaMemPoolProps *props)) \
  F (FALSE, MemPoolDestroy, , (CUmemoryPool pool)) \
  F (FALSE, MemPoolGetAttribute, , (CUmemoryPool pool, CUmemPool_attribute attribute, \
      void *value)) \
  F (FALSE, MemPoolSetAttribute, , (CUmemoryPool pool, CUmemPool_attribute attribute, \
      void *value)) \
  F (FALSE, MemPoolTrimTo, , (CUmemoryPool pool, size_t keep)) \
  F (FALSE, MemAllocFromPoolAsync, , (CUdeviceptr *pointer, size_t size, CUmemoryPool pool, \
      CUstream stream)) \
  F (FALSE, MemFreeAsync, , (CUdeviceptr pointer, CUstream stream))

/* cuGetProcAddress_v2, of CUDA 12.0; the last argument may be NULL */
typedef CUresult (*CudaGetProcAddress) (const char *symbol, void **function, int version,
    uint64_t flags, CUdriverProcAddressQueryResult *status);
