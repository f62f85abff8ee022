/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "cuda-abi.h"

/* The replacement for libcuda.so.1 that the tests run on: what it can do besides, for tests to
 * steer it and to look at it. A test finds these functions in the library that the elements have
 * loaded (environment GST_SEQ_LIBCUDA) with fakecuda_find(); on a real driver there are none.
 *
 * It is configured by the environment variable FAKECUDA, or by a call of configure() below: a
 * list `key=value,key,…`. Sizes with the suffix _mb are MiB, times with _us microseconds.
 *
 *   devices=1              number of devices
 *   total_mb=8192          memory of each
 *   other_proc=0           MiB that other processes hold there
 *   version=12040          what cuDriverGetVersion says; functions newer than that are missing
 *   missing=A+B            symbols that the library does not have (names as exported)
 *   init=0                 result of cuInit (34 = stub library, 100 = no device). Where it is
 *                          given, configure() forgets that cuInit was called, else that stays
 *   fail=F:CODE@skip=0:count=1:every=0:min_bytes=0:prob=1:seed=1
 *                          function F (without prefix cu and suffix _v2) returns CODE: after
 *                          `skip` calls, `count` times (0 = always), only every `every`-th call,
 *                          only for sizes of at least `min_bytes`, with probability `prob`. A
 *                          function that frees or releases does so even then, as the driver's do
 *                          when they report an earlier error. May be given several times; kernel()
 *                          below is the function LaunchKernel
 *   sticky=CODE@F:skip=0   from a call of F on, every call with a context returns CODE
 *   oom_above_mb=0         no more memory of a device than so many MiB can be had, whatever
 *                          cuMemGetInfo says (0 = no such limit)
 *   pin_limit_mb=0         no more pinned host memory than that
 *   meminfo_us=0           real time that cuMemGetInfo takes
 *   call_us=0              real time that every call takes
 *   h2d_gbps=25, d2h_gbps=25, pageable_gbps=6, alloc_us=50, free_us=20  virtual speeds
 *   trace=PATH             JSON lines, one a call
 *   leaks=1                whether what is left at the end of the process fails it
 */
typedef struct
{
  /* Starts anew with another configuration (NULL = what FAKECUDA says). Everything made so far
   * is forgotten, so nothing may be in use: what is, is a problem (unless leaks=0). Problems are
   * not forgotten. */
  void (*configure) (const char *config);

  /* Calls of a function so far (without prefix cu and suffix _v2; NULL = all) */
  uint64_t (*calls) (const char *function);

  /* Errors of use so far (each is also written to stderr): a call without a current context, a
   * double free, use after destroy, bytes that were read before the copy that writes them was
   * done, pinned memory that was freed under a copy, calls in a forked child, … */
  uint64_t (*problems) (void);

  /* The same, and counts from 0 again: for tests that provoke them, as the process would end with
   * status 99 otherwise */
  uint64_t (*forgive) (void);

  /* Objects alive now: "memory", "pinned", "stream", "event", "pool", "context" (retained),
   * "graph", or NULL = all of them. "pushed": contexts that were pushed and not popped, in all
   * threads. In bytes: "memory-bytes", "pinned-bytes" */
  uint64_t (*alive) (const char *kind);

  /* Virtual time in ns; it goes on with every call, and to the end of what is waited for */
  uint64_t (*clock) (void);
  void (*advance) (uint64_t ns);

  /* Puts a kernel of @ns into a stream that reads and then fills a range of device memory (size
   * 0 = none): the sum of the bytes read is stored to *sum (may be NULL) when it runs, @fill < 0
   * fills nothing. Reading poison is a problem. */
  CUresult (*kernel) (CUstream stream, uint64_t ns, CUdeviceptr read, uint64_t read_size,
      uint64_t * sum, CUdeviceptr write, uint64_t write_size, int fill);

  /* A fake capture of a stream: until it ends, what would break a capture is a problem. @global:
   * also what other threads do, unless their capture mode is relaxed. */
  CUresult (*begin_capture) (CUstream stream, int global);
  CUresult (*end_capture) (CUstream stream);
} FakeCuda;

/* The table, or NULL where the driver in use is not the fake one */
const FakeCuda *fakecuda_find (void);
