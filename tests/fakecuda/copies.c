/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <string.h>

/* Copies, fills, and the tests' kernels. Bytes move when the operation ends. */

#define POISON 0xdb
#define LATENCY_NS 1000         /* of an operation, beside its bytes */
#define DEVICE_GBPS 1000        /* within device memory */
#define POINTER(pointer) ((CUdeviceptr) (guintptr) (pointer))

/* ---- what runs at the end ---- */

/* Reads @size bytes into @to. What was never written, or is not written yet as far as the reader
 * could know, is poison. */
static void
read_bytes (FakeOperation * operation, CUdeviceptr from, guint8 * to, gsize size)
{
  FakeRange *range = operation->read_range;

  if (operation->is_poisoned) {
    memset (to, POISON, size);
  } else if (range->valid == NULL || fake_intervals_contain (range->valid, from, from + size)) {
    memcpy (to, fake_bytes (from), size);
  } else {
    guint i;

    memset (to, POISON, size);
    for (i = 0; i < range->valid->len; i++) {
      FakeInterval *valid = &g_array_index (range->valid, FakeInterval, i);
      CUdeviceptr start = MAX (valid->start, from), end = MIN (valid->end, from + size);

      if (start < end)
        memcpy (to + (start - from), fake_bytes (start), end - start);
    }
    fake_problem ("reads memory %u where nothing was written", range->number);
  }
}

static void
mark_written (FakeOperation * operation)
{
  if (operation->write_range->valid != NULL)
    fake_intervals_add (operation->write_range->valid, operation->write,
        operation->write + operation->write_size);
}

/* From pinned memory, or from the staged copy of pageable memory */
static void
run_to_device (FakeOperation * operation)
{
  guint8 *to = fake_bytes (operation->write);

  if (operation->host != NULL)
    memcpy (to, operation->host, operation->write_size);
  else
    read_bytes (operation, operation->read, to, operation->write_size);
  mark_written (operation);
}

static void
run_to_host (FakeOperation * operation)
{
  read_bytes (operation, operation->read, operation->write_range != NULL
      ? fake_bytes (operation->write) : operation->host, operation->read_size);
}

static void
run_device (FakeOperation * operation)
{
  read_bytes (operation, operation->read, fake_bytes (operation->write), operation->read_size);
  mark_written (operation);
}

static void
run_kernel (FakeOperation * operation)
{
  if (operation->read_range != NULL) {
    guint8 *bytes = g_malloc (operation->read_size);
    guint64 sum = 0;
    gsize i;

    read_bytes (operation, operation->read, bytes, operation->read_size);
    for (i = 0; i < operation->read_size; i++)
      sum += bytes[i];
    if (operation->sum != NULL)
      *operation->sum = sum;
    g_free (bytes);
  }
  if (operation->write_range != NULL && operation->fill >= 0) {
    memset (fake_bytes (operation->write), operation->fill, operation->write_size);
    mark_written (operation);
  }
}

/* ---- where it reads and writes ---- */

/* Memory of the current device (or pinned, where it may be); a problem where there is none. */
static FakeRange *
find_memory (CUdeviceptr start, gsize size, gboolean may_be_pinned)
{
  FakeRange *range = fake_range_find (start, size);

  if (range == NULL) {
    fake_problem ("%" G_GSIZE_FORMAT " bytes at 0x%" G_GINT64_MODIFIER "x are in no memory", size,
        start);
    return NULL;
  }
  if (!fake_range_is_device (range)) {
    if (!may_be_pinned)
      fake_problem ("memory %u is not of a device", range->number);
    return may_be_pinned ? range : NULL;
  }
  if (range->context->device != fake_current ()->device) {
    fake_problem ("memory %u is of another device", range->number);
    return NULL;
  }
  return range;
}

static gboolean
set_read (FakeOperation * operation, CUdeviceptr start, gsize size, gboolean may_be_pinned)
{
  FakeRange *range = find_memory (start, size, may_be_pinned);

  if (range == NULL)
    return FALSE;
  operation->read = start;
  operation->read_size = size;
  operation->read_range = fake_range_ref (range);
  return TRUE;
}

static gboolean
set_write (FakeOperation * operation, CUdeviceptr start, gsize size, gboolean may_be_pinned)
{
  FakeRange *range = find_memory (start, size, may_be_pinned);

  if (range == NULL)
    return FALSE;
  operation->write = start;
  operation->write_size = size;
  operation->write_range = fake_range_ref (range);
  return TRUE;
}

static void
operation_clear (FakeOperation * operation)
{
  g_clear_pointer (&operation->read_range, fake_range_unref);
  g_clear_pointer (&operation->write_range, fake_range_unref);
  if (operation->owns_host)
    g_clear_pointer (&operation->host, g_free);
}

static gboolean
is_host_pinned (const void *data, gsize size)
{
  FakeRange *range = fake_range_find (POINTER (data), size);

  return range != NULL && !fake_range_is_device (range);
}

static guint64
duration (gsize size, gdouble gbps)
{
  return LATENCY_NS + (guint64) ((gdouble) size / gbps);
}

/* The stream, and whether work may be put into it; *skip: it is being captured, so nothing runs */
static CUresult
find_stream (CUstream handle, gsize size, FakeStream ** stream, gboolean * skip)
{
  CUresult result;

  *stream = fake_stream (handle);
  if (*stream == NULL)
    return CUDA_ERROR_INVALID_HANDLE;
  if (size == 0) {
    fake_problem ("0 bytes");
    return CUDA_ERROR_INVALID_VALUE;
  }
  result = fake_capture_check_work (*stream);
  *skip = (*stream)->capture != NULL;
  return result;
}

/* ---- copies ---- */

/* Pageable memory is read at once, and the host waits while it is */
static CUresult
copy_to_device (CUdeviceptr to, const void *from, gsize size, CUstream handle, gboolean waits)
{
  FakeOperation operation = {.run = run_to_device };
  gboolean is_pinned = is_host_pinned (from, size), skip;
  CUresult result = find_stream (handle, size, &operation.stream, &skip);
  guint64 end;

  if (result != CUDA_SUCCESS || skip)
    return result;
  if (!set_write (&operation, to, size, FALSE)
      || (is_pinned && !set_read (&operation, POINTER (from), size, TRUE))) {
    operation_clear (&operation);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (!is_pinned) {
    operation.host = g_memdup2 (from, size);
    operation.owns_host = TRUE;
  }
  end = fake_stream_add (&operation, duration (size, is_pinned ? fake.config.h2d_gbps
          : fake.config.pageable_gbps), FAKE_ENGINE_TO_DEVICE);
  if (waits)
    fake_host_wait (operation.stream, end, operation.stream->seen);
  else if (!is_pinned)
    fake_wait_until (end);
  return CUDA_SUCCESS;
}

/* What is to be written is poison until it is there, unless something else still uses it */
static void
poison_host (FakeOperation * operation)
{
  FakeRange *range = operation->write_range;
  guint i;

  for (i = 0; i < range->accesses->len; i++) {
    FakeAccess *access = &g_array_index (range->accesses, FakeAccess, i);

    if (access->time > fake.clock && access->start < operation->write + operation->write_size
        && operation->write < access->end)
      return;
  }
  memset (fake_bytes (operation->write), POISON, operation->write_size);
}

/* A copy into pageable memory returns when it is done. */
static CUresult
copy_to_host (void *to, CUdeviceptr from, gsize size, CUstream handle, gboolean waits)
{
  FakeOperation operation = {.run = run_to_host };
  gboolean is_pinned = is_host_pinned (to, size), skip;
  CUresult result = find_stream (handle, size, &operation.stream, &skip);
  guint64 end;

  if (result != CUDA_SUCCESS || skip)
    return result;
  if (!set_read (&operation, from, size, FALSE)
      || (is_pinned && !set_write (&operation, POINTER (to), size, TRUE))) {
    operation_clear (&operation);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (is_pinned)
    poison_host (&operation);
  else
    operation.host = to;
  end = fake_stream_add (&operation, duration (size, is_pinned ? fake.config.d2h_gbps
          : fake.config.pageable_gbps), FAKE_ENGINE_FROM_DEVICE);
  if (waits || !is_pinned)
    fake_host_wait (operation.stream, end, operation.stream->seen);
  return CUDA_SUCCESS;
}

static CUresult
copy_in_device (CUdeviceptr to, CUdeviceptr from, gsize size, CUstream handle)
{
  FakeOperation operation = {.run = run_device };
  gboolean skip;
  CUresult result = find_stream (handle, size, &operation.stream, &skip);

  if (result != CUDA_SUCCESS || skip)
    return result;
  if (to < from + size && from < to + size) {
    fake_problem ("source and destination overlap");
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (!set_read (&operation, from, size, FALSE) || !set_write (&operation, to, size, FALSE)) {
    operation_clear (&operation);
    return CUDA_ERROR_INVALID_VALUE;
  }
  fake_stream_add (&operation, duration (size, DEVICE_GBPS), FAKE_NO_ENGINE);
  return CUDA_SUCCESS;
}

CUresult
fake_MemcpyHtoDAsync (CUdeviceptr to, const void *from, size_t size, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemcpyHtoDAsync, size);

  if (result == CUDA_SUCCESS)
    result = copy_to_device (to, from, size, stream, FALSE);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT ",\"stream\":%u",
      fake_range_number (to), fake_range_number (POINTER (from)), size, fake_number (stream));
}

CUresult
fake_MemcpyHtoD (CUdeviceptr to, const void *from, size_t size)
{
  CUresult result = fake_enter (FAKE_MemcpyHtoD, size);

  if (result == CUDA_SUCCESS)
    result = copy_to_device (to, from, size, NULL, TRUE);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT,
      fake_range_number (to), fake_range_number (POINTER (from)), size);
}

CUresult
fake_MemcpyDtoHAsync (void *to, CUdeviceptr from, size_t size, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemcpyDtoHAsync, size);

  if (result == CUDA_SUCCESS)
    result = copy_to_host (to, from, size, stream, FALSE);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT ",\"stream\":%u",
      fake_range_number (POINTER (to)), fake_range_number (from), size, fake_number (stream));
}

CUresult
fake_MemcpyDtoH (void *to, CUdeviceptr from, size_t size)
{
  CUresult result = fake_enter (FAKE_MemcpyDtoH, size);

  if (result == CUDA_SUCCESS)
    result = copy_to_host (to, from, size, NULL, TRUE);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT,
      fake_range_number (POINTER (to)), fake_range_number (from), size);
}

CUresult
fake_MemcpyDtoDAsync (CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemcpyDtoDAsync, size);

  if (result == CUDA_SUCCESS)
    result = copy_in_device (to, from, size, stream);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT ",\"stream\":%u",
      fake_range_number (to), fake_range_number (from), size, fake_number (stream));
}

CUresult
fake_MemcpyDtoD (CUdeviceptr to, CUdeviceptr from, size_t size)
{
  CUresult result = fake_enter (FAKE_MemcpyDtoD, size);

  if (result == CUDA_SUCCESS)
    result = copy_in_device (to, from, size, NULL);
  return fake_leave (result, "\"to\":%u,\"from\":%u,\"size\":%" G_GSIZE_FORMAT,
      fake_range_number (to), fake_range_number (from), size);
}

/* ---- fills and kernels ---- */

static CUresult
launch (CUstream handle, guint64 ns, CUdeviceptr read, gsize read_size, guint64 * sum,
    CUdeviceptr write, gsize write_size, gint fill)
{
  FakeOperation operation = {.run = run_kernel,.sum = sum,.fill = fill };
  gboolean skip;
  CUresult result = find_stream (handle, 1, &operation.stream, &skip);

  if (result != CUDA_SUCCESS || skip)
    return result;
  if ((read_size > 0 && !set_read (&operation, read, read_size, TRUE))
      || (write_size > 0 && !set_write (&operation, write, write_size, TRUE))) {
    operation_clear (&operation);
    return CUDA_ERROR_INVALID_VALUE;
  }
  fake_stream_add (&operation, ns, FAKE_NO_ENGINE);
  return CUDA_SUCCESS;
}

CUresult
fake_MemsetD8Async (CUdeviceptr to, unsigned char value, size_t size, CUstream stream)
{
  CUresult result = fake_enter (FAKE_MemsetD8Async, size);

  if (result == CUDA_SUCCESS)
    result = launch (stream, duration (size, DEVICE_GBPS), 0, 0, NULL, to, size, value);
  return fake_leave (result, "\"to\":%u,\"value\":%u,\"size\":%" G_GSIZE_FORMAT ",\"stream\":%u",
      fake_range_number (to), value, size, fake_number (stream));
}

CUresult
fake_MemsetD8 (CUdeviceptr to, unsigned char value, size_t size)
{
  CUresult result = fake_enter (FAKE_MemsetD8, size);

  if (result == CUDA_SUCCESS)
    result = launch (NULL, duration (size, DEVICE_GBPS), 0, 0, NULL, to, size, value);
  return fake_leave (result, "\"to\":%u,\"value\":%u,\"size\":%" G_GSIZE_FORMAT,
      fake_range_number (to), value, size);
}

CUresult
fake_kernel (CUstream stream, uint64_t ns, CUdeviceptr read, uint64_t read_size, uint64_t * sum,
    CUdeviceptr write, uint64_t write_size, int fill)
{
  CUresult result = fake_enter (FAKE_LaunchKernel, MAX (read_size, write_size));

  if (result == CUDA_SUCCESS)
    result = launch (stream, ns, read, read_size, sum, write, write_size, fill);
  return fake_leave (result, "\"read\":%u,\"write\":%u,\"stream\":%u", fake_range_number (read),
      fake_range_number (write), fake_number (stream));
}
