/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdlib.h>
#include <sys/mman.h>

G_BEGIN_DECLS

#define SEQ_HUGE_PAGE ((gsize) 2 << 20)

/* Memory of `size` bytes, aligned to `alignment`, a power of two from 8 on. From the size of a huge
 * page on it lies in huge pages, where the system has them: there are fewer first touches, and what
 * is written all over it needs few translations of addresses. NULL when there is no memory; goes
 * with free(). */
static inline gpointer
seq_huge_page_alloc (gsize size, gsize alignment)
{
  const gboolean huge = size >= SEQ_HUGE_PAGE;
  gpointer memory;

  if (posix_memalign (&memory, huge ? MAX (alignment, SEQ_HUGE_PAGE) : alignment, size) != 0)
    return NULL;
  if (huge)                     /* a wish: kernels without it refuse harmlessly */
    madvise (memory, size, MADV_HUGEPAGE);
  return memory;
}

G_END_DECLS
