/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

/* The memory that applications have, by address */

static GPtrArray *ranges;       /* of FakeRange, by start; they don't overlap */
static guint n_numbers;

void
fake_ranges_init (void)
{
  ranges = g_ptr_array_new_with_free_func ((GDestroyNotify) fake_range_unref);
  n_numbers = 0;
}

void
fake_ranges_free (void)
{
  while (ranges->len > 0)
    fake_memory_free (g_ptr_array_index (ranges, 0));
  g_clear_pointer (&ranges, g_ptr_array_unref);
}

FakeRange *
fake_range_ref (FakeRange * range)
{
  range->references++;
  return range;
}

void
fake_range_unref (FakeRange * range)
{
  if (--range->references > 0)
    return;
  if (range->valid != NULL)
    g_array_unref (range->valid);
  g_array_unref (range->accesses);
  g_free (range);
}

/* Index of the first range that begins behind @start */
static guint
find_behind (CUdeviceptr start)
{
  guint low = 0, high = ranges->len;

  while (low < high) {
    guint middle = (low + high) / 2;

    if (((FakeRange *) g_ptr_array_index (ranges, middle))->start > start)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

gboolean
fake_range_is_device (const FakeRange * range)
{
  return range->kind == FAKE_RANGE_DEVICE || range->kind == FAKE_RANGE_POOL;
}

static void
count (FakeRange * range, gint sign)
{
  if (fake_range_is_device (range)) {
    fake.n_memory += sign;
    fake.memory_bytes += sign * (gssize) range->size;
  } else {
    fake.n_pinned += sign;
    fake.pinned_bytes += sign * (gssize) range->size;
  }
}

FakeRange *
fake_range_add (FakeRangeKind kind, CUdeviceptr start, gsize size)
{
  FakeRange *range = g_new0 (FakeRange, 1);

  range->references = 1;
  range->number = ++n_numbers;
  range->kind = kind;
  range->start = start;
  range->size = size;
  range->context = fake_current ();
  if (fake_range_is_device (range))
    range->valid = g_array_new (FALSE, FALSE, sizeof (FakeInterval));
  range->accesses = g_array_new (FALSE, FALSE, sizeof (FakeAccess));
  g_ptr_array_insert (ranges, (gint) find_behind (start), range);
  count (range, 1);
  return range;
}

void
fake_range_remove (FakeRange * range)
{
  count (range, -1);
  g_ptr_array_remove_index (ranges, find_behind (range->start) - 1);
}

static FakeRange *
find_around (CUdeviceptr address)
{
  guint behind = find_behind (address);
  FakeRange *range = behind > 0 ? g_ptr_array_index (ranges, behind - 1) : NULL;

  return range != NULL && address - range->start < range->size ? range : NULL;
}

FakeRange *
fake_range_find (CUdeviceptr start, gsize size)
{
  FakeRange *range = find_around (start);

  return range != NULL && size <= range->size - (start - range->start) ? range : NULL;
}

FakeRange *
fake_range_at (CUdeviceptr start)
{
  FakeRange *range = find_around (start);

  return range != NULL && range->start == start ? range : NULL;
}

FakeRange *
fake_range_first_of (FakeContext * context)
{
  guint i;

  for (i = 0; i < ranges->len; i++) {
    FakeRange *range = g_ptr_array_index (ranges, i);

    if (range->context == context)
      return range;
  }
  return NULL;
}

guint
fake_range_number (CUdeviceptr start)
{
  FakeRange *range = find_around (start);

  return range != NULL ? range->number : 0;
}
