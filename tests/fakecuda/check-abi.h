/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What our declarations of the driver's ABI and the toolkit's header must agree on. Each of two
 * translation units makes a table from this list, one with our header, one with the toolkit's. */

#define ABI_VALUES(F) \
  F (CUDA_SUCCESS) \
  F (CUDA_ERROR_INVALID_VALUE) \
  F (CUDA_ERROR_OUT_OF_MEMORY) \
  F (CUDA_ERROR_NOT_INITIALIZED) \
  F (CUDA_ERROR_DEINITIALIZED) \
  F (CUDA_ERROR_STUB_LIBRARY) \
  F (CUDA_ERROR_DEVICE_UNAVAILABLE) \
  F (CUDA_ERROR_NO_DEVICE) \
  F (CUDA_ERROR_INVALID_DEVICE) \
  F (CUDA_ERROR_INVALID_CONTEXT) \
  F (CUDA_ERROR_ECC_UNCORRECTABLE) \
  F (CUDA_ERROR_OPERATING_SYSTEM) \
  F (CUDA_ERROR_INVALID_HANDLE) \
  F (CUDA_ERROR_NOT_FOUND) \
  F (CUDA_ERROR_NOT_READY) \
  F (CUDA_ERROR_ILLEGAL_ADDRESS) \
  F (CUDA_ERROR_CONTEXT_IS_DESTROYED) \
  F (CUDA_ERROR_LAUNCH_FAILED) \
  F (CUDA_ERROR_NOT_PERMITTED) \
  F (CUDA_ERROR_NOT_SUPPORTED) \
  F (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH) \
  F (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) \
  F (CUDA_ERROR_STREAM_CAPTURE_INVALIDATED) \
  F (CUDA_ERROR_STREAM_CAPTURE_IMPLICIT) \
  F (CUDA_ERROR_UNKNOWN) \
  F (CU_STREAM_NON_BLOCKING) \
  F (CU_EVENT_DEFAULT) \
  F (CU_EVENT_DISABLE_TIMING) \
  F (CU_MEMHOSTALLOC_PORTABLE) \
  F (CU_GET_PROC_ADDRESS_DEFAULT) \
  F (CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) \
  F (CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) \
  F (CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) \
  F (CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH) \
  F (CU_MEMPOOL_ATTR_USED_MEM_CURRENT) \
  F (CU_MEMPOOL_ATTR_USED_MEM_HIGH) \
  F (CU_POINTER_ATTRIBUTE_MEMORY_TYPE) \
  F (CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) \
  F (CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE) \
  F (CU_STREAM_CAPTURE_STATUS_NONE) \
  F (CU_STREAM_CAPTURE_STATUS_ACTIVE) \
  F (CU_STREAM_CAPTURE_STATUS_INVALIDATED) \
  F (CU_STREAM_CAPTURE_MODE_GLOBAL) \
  F (CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) \
  F (CU_STREAM_CAPTURE_MODE_RELAXED) \
  F (CU_MEM_ALLOCATION_TYPE_PINNED) \
  F (CU_MEM_HANDLE_TYPE_NONE) \
  F (CU_MEM_LOCATION_TYPE_DEVICE)

/* Sizes; structures by the names of ours, which the toolkit's side defines as its own */
#define ABI_TYPES(F) \
  F (CUresult) \
  F (CUdevice) \
  F (CUdeviceptr) \
  F (CUcontext) \
  F (CUstream) \
  F (CUevent) \
  F (CUmemoryPool) \
  F (CUdevice_attribute) \
  F (CUmemPool_attribute) \
  F (CUpointer_attribute) \
  F (CUstreamCaptureStatus) \
  F (CUstreamCaptureMode) \
  F (CUdriverProcAddressQueryResult) \
  F (CUmemLocation) \
  F (CudaMemPoolProps)

/* Offsets: our name, the toolkit's */
#define ABI_FIELDS(F) \
  F (CUmemLocation, type, type) \
  F (CUmemLocation, id, id) \
  F (CudaMemPoolProps, alloc_type, allocType) \
  F (CudaMemPoolProps, handle_types, handleTypes) \
  F (CudaMemPoolProps, location, location) \
  F (CudaMemPoolProps, win32_security_attributes, win32SecurityAttributes) \
  F (CudaMemPoolProps, max_size, MAX_SIZE)

typedef struct
{
  const char *name;
  long long value;
} AbiItem;

#define ABI_VALUE(name) { #name, (long long) name },
#define ABI_SIZE(name) { "size of " #name, (long long) sizeof (name) },

extern const AbiItem toolkit_abi[];
