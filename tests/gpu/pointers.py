#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""From which memory pool the arrays of PyTorch and CuPy come, as the driver tells from a device
pointer. Prints rows of the table in README.md; exits 77 where neither has a GPU."""

import ctypes
import os
import subprocess
import sys

MEMPOOL_HANDLE = 17


def pool_of(pointer):
    """What the guard finds from a pointer that passes through it"""
    cuda = ctypes.CDLL(os.environ.get("GST_SEQ_LIBCUDA") or "libcuda.so.1")
    pool, default, current = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    result = cuda.cuPointerGetAttribute(ctypes.byref(pool), MEMPOOL_HANDLE,
                                        ctypes.c_uint64(pointer))
    cuda.cuDeviceGetDefaultMemPool(ctypes.byref(default), 0)
    cuda.cuDeviceGetMemPool(ctypes.byref(current), 0)
    if result:
        return f"error {result}"
    if not pool:
        return "none"
    return {default.value: "the default pool", current.value: "the current pool"}.get(
        pool.value, "another pool")


def torch_pointer():
    import torch
    if not torch.cuda.is_available():
        raise ImportError("PyTorch sees no GPU")
    keep = torch.ones(1 << 20, device="cuda")
    return keep, keep.data_ptr()


def cupy_pointer(pool=None):
    import cupy
    if pool:
        cupy.cuda.set_allocator(getattr(cupy.cuda, pool)().malloc)
    keep = cupy.ones(1 << 20)
    return keep, keep.data.ptr


CASES = {
    "PyTorch, native": torch_pointer,
    "PyTorch, cudaMallocAsync": torch_pointer,
    "CuPy, MemoryPool": cupy_pointer,
    "CuPy, MemoryAsyncPool": lambda: cupy_pointer("MemoryAsyncPool"),
}


def main():
    if len(sys.argv) > 1:
        name = sys.argv[1]
        try:
            _keep, pointer = CASES[name]()
        except Exception as error:      # each has its own for a missing GPU
            print(f"{name}: {str(error).splitlines()[0]}", file=sys.stderr)
            return 77
        print(f"| pool of a pointer of {name} | {pool_of(pointer)} |", flush=True)
        return 0

    results = []
    for name in CASES:
        environment = dict(os.environ)
        if "cudaMallocAsync" in name:
            # versions differ in which of the two they read
            environment["PYTORCH_CUDA_ALLOC_CONF"] = "backend:cudaMallocAsync"
            environment["PYTORCH_ALLOC_CONF"] = "backend:cudaMallocAsync"
        results.append(subprocess.run([sys.executable, __file__, name], env=environment,
                                      check=False).returncode)
    if all(result == 77 for result in results):
        print("neither PyTorch nor CuPy with a GPU")
        return 77
    return max(result for result in results if result != 77)


if __name__ == "__main__":
    sys.exit(main())
