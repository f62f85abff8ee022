/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <sys/mman.h>

/* Address space of a device. There are many more addresses than there is memory, as on a real
 * device; memory is taken in pages of 2 MiB, which need not lie together. Addresses that were freed
 * are handed out again late, so that a pointer that is kept too long points to nothing. */

#define SPACE_FACTOR 4

static gpointer
map (gsize size, int protection)
{
  gpointer data = mmap (NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (data == MAP_FAILED)
    g_error ("fakecuda: no address space for %" G_GSIZE_FORMAT " bytes", size);
  return data;
}

void
fake_space_init (FakeDevice * device)
{
  device->space = MAX (fake.config.total, 64 * FAKE_PAGE) * SPACE_FACTOR;
  /* the host may not look at device memory: the pointers are addresses that nobody else gets and
   * that nobody can read, and the bytes are somewhere else */
  device->addresses = map (device->space, PROT_NONE);
  device->bytes = map (device->space, PROT_READ | PROT_WRITE);
  madvise (device->bytes, device->space, MADV_DONTDUMP);
  device->extents = g_array_new (FALSE, FALSE, sizeof (FakeInterval));
}

void
fake_space_free (FakeDevice * device)
{
  munmap (device->addresses, device->space);
  munmap (device->bytes, device->space);
  g_array_unref (device->extents);
}

gsize
fake_space_left (FakeDevice * device)
{
  gsize limit = fake.config.total - MIN (fake.config.total, fake.config.other_process);

  return limit - MIN (limit, device->used);
}

static gboolean
is_memory_left (FakeDevice * device, gsize size)
{
  return size <= fake_space_left (device) && (fake.config.oom_above == 0
      || device->used + size <= fake.config.oom_above);
}

/* Offset of a hole of @size bytes that begins at @from or behind; G_MAXSIZE = none. *index: its
 * place in `extents` */
static gsize
find_hole (FakeDevice * device, gsize from, gsize size, guint * index)
{
  gsize start = from;
  guint i;

  for (i = 0; i < device->extents->len; i++) {
    FakeInterval *extent = &g_array_index (device->extents, FakeInterval, i);

    if (extent->end <= start)
      continue;
    if (extent->start >= start && extent->start - start >= size)
      break;
    start = extent->end;
  }
  *index = i;
  return start <= device->space && device->space - start >= size ? start : G_MAXSIZE;
}

CUdeviceptr
fake_space_take (FakeDevice * device, gsize size)
{
  FakeInterval extent;
  gsize start;
  guint index;

  size = (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
  if (!is_memory_left (device, size))
    return 0;
  start = find_hole (device, device->next, size, &index);
  if (start == G_MAXSIZE)
    start = find_hole (device, 0, size, &index);
  if (start == G_MAXSIZE)
    return 0;
  extent.start = start;
  extent.end = start + size;
  g_array_insert_val (device->extents, index, extent);
  device->next = extent.end;
  device->used += size;
  return (CUdeviceptr) (guintptr) device->addresses + start;
}

void
fake_space_give (FakeDevice * device, CUdeviceptr start, gsize size)
{
  gsize offset = start - (CUdeviceptr) (guintptr) device->addresses;
  guint i;

  size = (size + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
  for (i = 0; g_array_index (device->extents, FakeInterval, i).start != offset; i++);
  g_array_remove_index (device->extents, i);
  madvise (device->bytes + offset, size, MADV_DONTNEED);
  device->used -= size;
}

guint8 *
fake_bytes (CUdeviceptr address)
{
  guint i;

  for (i = 0; i < fake.config.n_devices; i++) {
    CUdeviceptr start = (CUdeviceptr) (guintptr) fake.devices[i].addresses;

    if (address >= start && address - start < fake.devices[i].space)
      return fake.devices[i].bytes + (address - start);
  }
  return (guint8 *) (guintptr) address;
}

/* ---- intervals ---- */

void
fake_intervals_add (GArray * intervals, guint64 start, guint64 end)
{
  FakeInterval added = { start, end };
  guint first, last;

  for (first = 0; first < intervals->len
      && g_array_index (intervals, FakeInterval, first).end < start; first++);
  for (last = first; last < intervals->len
      && g_array_index (intervals, FakeInterval, last).start <= end; last++) {
    FakeInterval *touched = &g_array_index (intervals, FakeInterval, last);

    added.start = MIN (added.start, touched->start);
    added.end = MAX (added.end, touched->end);
  }
  if (last > first)
    g_array_remove_range (intervals, first, last - first);
  g_array_insert_val (intervals, first, added);
}

gboolean
fake_intervals_contain (GArray * intervals, guint64 start, guint64 end)
{
  guint i;

  for (i = 0; i < intervals->len; i++) {
    FakeInterval *interval = &g_array_index (intervals, FakeInterval, i);

    if (interval->start <= start && end <= interval->end)
      return TRUE;
  }
  return FALSE;
}
