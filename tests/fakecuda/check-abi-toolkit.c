/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All versions of each function by their own names */
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <stddef.h>

#include "check-abi.h"

typedef CUmemPoolProps CudaMemPoolProps;
typedef CUhostFn CudaHostFunction;

/* Our prototypes, expanded with the toolkit's types, must be those of the toolkit's functions */
#define CUDA_ABI_PROTOTYPES_ONLY
#include "cuda-abi.h"
#include "fakecuda-functions.h"

#define SAME(function, type) \
  _Static_assert (__builtin_types_compatible_p (__typeof__ (&function), type), \
      "the prototype of " #function " is another");
#define COMPARE(required, name, suffix, prototype) \
  SAME (cu##name##suffix, CUresult (*) prototype)
CUDA_FUNCTIONS (COMPARE)
FAKECUDA_FUNCTIONS (COMPARE)
SAME (cuGetProcAddress_v2, CudaGetProcAddress)

/* Before 12.2 what is reserved began here */
#if CUDA_VERSION >= 12020
#define MAX_SIZE maxSize
#else
#define MAX_SIZE reserved
#endif

/* (through FIELD, for MAX_SIZE to be replaced) */
#define FIELD(type, ours, theirs) OFFSET (type, ours, theirs)
#define OFFSET(type, ours, theirs) { "offset of " #type "." #ours, offsetof (type, theirs) },

const AbiItem toolkit_abi[] = {
  ABI_VALUES (ABI_VALUE)
  ABI_TYPES (ABI_SIZE)
  ABI_FIELDS (FIELD)
};
