/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <sys/mman.h>
#include <unistd.h>

/* Memory that is there at once: cuMemAlloc, and pinned memory of the host */

#define POINTER(pointer) ((CUdeviceptr) (guintptr) (pointer))

/* ---- device ---- */

CUresult
fake_MemGetInfo (size_t *free_size, size_t *total)
{
  CUresult result = fake_enter (FAKE_MemGetInfo, 0);

  if (result == CUDA_SUCCESS) {
    *free_size = fake_space_left (fake_current ()->device);
    *total = fake.config.total;
  }
  return fake_leave (result, "%s", "");
}

static CUresult
mem_alloc (CUdeviceptr * pointer, gsize size)
{
  FakeDevice *device = fake_current ()->device;

  if (size == 0) {
    fake_problem ("0 bytes");
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (size > fake.config.total)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = fake_space_take (device, size);
  if (*pointer == 0)
    return CUDA_ERROR_OUT_OF_MEMORY;
  fake_range_add (FAKE_RANGE_DEVICE, *pointer, size);
  fake_wait_until (fake.clock + 1000 * fake.config.alloc_us);
  return CUDA_SUCCESS;
}

CUresult
fake_MemAlloc (CUdeviceptr * pointer, size_t size)
{
  CUresult result = fake_enter (FAKE_MemAlloc, size);

  if (result == CUDA_SUCCESS)
    result = mem_alloc (pointer, size);
  return fake_leave (result, "\"size\":%" G_GSIZE_FORMAT ",\"memory\":%u", size,
      result == CUDA_SUCCESS ? fake_range_number (*pointer) : 0);
}

/* Waits for all work of the device, as the driver does; memory of pools goes back to its pool */
static CUresult
mem_free (CUdeviceptr pointer)
{
  FakeRange *range = fake_range_at (pointer);

  if (range == NULL || !fake_range_is_device (range)) {
    fake_problem ("0x%" G_GINT64_MODIFIER "x is no memory, or was freed before", pointer);
    return CUDA_ERROR_INVALID_VALUE;
  }
  fake_range_ref (range);
  fake_wait_for_context (range->context);
  if (fake_range_at (pointer) == range)
    fake_memory_free (range);
  fake_range_unref (range);
  fake_wait_until (fake.clock + 1000 * fake.config.free_us);
  return CUDA_SUCCESS;
}

CUresult
fake_MemFree (CUdeviceptr pointer)
{
  CUresult result = fake_enter (FAKE_MemFree, 0);
  guint number = fake_range_number (pointer);

  if (result == CUDA_SUCCESS)
    result = mem_free (pointer);
  return fake_leave (result, "\"memory\":%u", number);
}

/* ---- pinned ---- */

/* As it is mapped: whole pages, and one behind that nobody may touch */
static gsize
mapped_size (gsize size)
{
  gsize page = sysconf (_SC_PAGESIZE);

  return (size + page - 1) / page * page + page;
}

static CUresult
host_alloc (void **data, gsize size)
{
  gpointer mapping;

  if (size == 0 || size > G_MAXSSIZE / 2) {
    fake_problem ("%" G_GSIZE_FORMAT " bytes", size);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (fake.config.pin_limit > 0 && (size > fake.config.pin_limit
          || fake.pinned_bytes > fake.config.pin_limit - size))
    return CUDA_ERROR_OUT_OF_MEMORY;
  mapping = mmap (NULL, mapped_size (size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return CUDA_ERROR_OUT_OF_MEMORY;
  if (mprotect (mapping, mapped_size (size) - mapped_size (0), PROT_READ | PROT_WRITE) != 0) {
    munmap (mapping, mapped_size (size));
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *data = mapping;
  fake_range_add (FAKE_RANGE_PINNED, POINTER (mapping), size);
  fake_wait_until (fake.clock + 1000 * fake.config.alloc_us);
  return CUDA_SUCCESS;
}

CUresult
fake_MemHostAlloc (void **data, size_t size, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_MemHostAlloc, size);

  if (result == CUDA_SUCCESS)
    result = host_alloc (data, size);
  return fake_leave (result, "\"size\":%" G_GSIZE_FORMAT ",\"flags\":%u,\"memory\":%u", size, flags,
      result == CUDA_SUCCESS ? fake_range_number (POINTER (*data)) : 0);
}

/* Pinned memory that goes must not be in use: nobody knows what the copy would read then */
static CUresult
host_free (void *data, FakeRangeKind kind)
{
  FakeRange *range = fake_range_at (POINTER (data));

  if (range == NULL || range->kind != kind) {
    fake_problem ("%p is no such memory, or was freed before", data);
    return CUDA_ERROR_INVALID_VALUE;
  }
  fake_check_unused (range, NULL, "freed");
  fake_range_ref (range);
  fake_wait_for_context (range->context);
  if (fake_range_at (POINTER (data)) == range)
    fake_memory_free (range);
  fake_range_unref (range);
  return CUDA_SUCCESS;
}

CUresult
fake_MemFreeHost (void *data)
{
  CUresult result = fake_enter (FAKE_MemFreeHost, 0);
  guint number = fake_range_number (POINTER (data));

  if (result == CUDA_SUCCESS)
    result = host_free (data, FAKE_RANGE_PINNED);
  return fake_leave (result, "\"memory\":%u", number);
}

static CUresult
host_register (void *data, gsize size)
{
  if (data == NULL || size == 0 || size > G_MAXSSIZE / 2) {
    fake_problem ("%" G_GSIZE_FORMAT " bytes at %p", size, data);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (fake_range_find (POINTER (data), 1) != NULL) {
    fake_problem ("%p is pinned already", data);
    return 712;                 /* CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED */
  }
  if (fake.config.pin_limit > 0 && (size > fake.config.pin_limit
          || fake.pinned_bytes > fake.config.pin_limit - size))
    return CUDA_ERROR_OUT_OF_MEMORY;
  fake_range_add (FAKE_RANGE_REGISTERED, POINTER (data), size);
  return CUDA_SUCCESS;
}

CUresult
fake_MemHostRegister (void *data, size_t size, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_MemHostRegister, size);

  if (result == CUDA_SUCCESS)
    result = host_register (data, size);
  return fake_leave (result, "\"size\":%" G_GSIZE_FORMAT ",\"flags\":%u", size, flags);
}

CUresult
fake_MemHostUnregister (void *data)
{
  CUresult result = fake_enter (FAKE_MemHostUnregister, 0);
  guint number = fake_range_number (POINTER (data));

  if (result == CUDA_SUCCESS)
    result = host_free (data, FAKE_RANGE_REGISTERED);
  return fake_leave (result, "\"memory\":%u", number);
}

/* The same address, as with unified addressing */
CUresult
fake_MemHostGetDevicePointer (CUdeviceptr * pointer, void *data, unsigned int flags)
{
  CUresult result = fake_enter (FAKE_MemHostGetDevicePointer, 0);
  FakeRange *range = fake_range_find (POINTER (data), 1);

  if (result == CUDA_SUCCESS && (range == NULL || fake_range_is_device (range)))
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS)
    *pointer = POINTER (data);
  return fake_leave (result, "\"flags\":%u", flags);
}

void
fake_memory_free (FakeRange * range)
{
  switch (range->kind) {
    case FAKE_RANGE_DEVICE:
      fake_space_give (range->context->device, range->start, range->size);
      break;
    case FAKE_RANGE_POOL:
      fake_pool_free_now (range);
      break;
    case FAKE_RANGE_PINNED:
      /* it stays mapped, without memory: who still uses it crashes there, not somewhere else */
      mmap ((gpointer) (guintptr) range->start, mapped_size (range->size), PROT_NONE,
          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
      break;
    case FAKE_RANGE_REGISTERED:
      break;
  }
  fake_range_remove (range);
}

/* ---- pointers ---- */

static CUresult
pointer_attribute (void *value, CUpointer_attribute attribute, CUdeviceptr pointer)
{
  FakeRange *range = fake_range_find (pointer, 1);

  if (range == NULL)
    return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *(unsigned int *) value = fake_range_is_device (range) ? 2 : 1;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *(int *) value = range->context->device->ordinal;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      if (range->pool == NULL)
        return CUDA_ERROR_INVALID_VALUE;
      *(CUmemoryPool *) value = fake_handle (range->pool);
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult
fake_PointerGetAttribute (void *value, CUpointer_attribute attribute, CUdeviceptr pointer)
{
  CUresult result = fake_enter (FAKE_PointerGetAttribute, 0);

  if (result == CUDA_SUCCESS)
    result = pointer_attribute (value, attribute, pointer);
  return fake_leave (result, "\"attribute\":%d,\"memory\":%u", attribute,
      fake_range_number (pointer));
}

/* What can't be told is 0 */
CUresult
fake_PointerGetAttributes (unsigned int count, CUpointer_attribute * attributes, void **values,
    CUdeviceptr pointer)
{
  CUresult result = fake_enter (FAKE_PointerGetAttributes, 0);
  guint i;

  for (i = 0; result == CUDA_SUCCESS && i < count; i++) {
    if (attributes[i] == CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE)
      *(CUmemoryPool *) values[i] = NULL;
    else
      *(int *) values[i] = 0;
    pointer_attribute (values[i], attributes[i], pointer);
  }
  return fake_leave (result, "\"count\":%u,\"memory\":%u", count, fake_range_number (pointer));
}
