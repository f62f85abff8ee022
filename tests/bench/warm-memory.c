/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* warm-memory BYTES: touches so much memory and ends. On a virtual machine the host takes back
 * pages that have been free for a while, and the next program to use them waits until it gives them
 * again: that wait is this program's then, and not that of what is measured behind it. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096

int
main (int argc, char **argv)
{
  size_t size = argc == 2 ? strtoull (argv[1], NULL, 10) : 0;
  char *memory;

  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror ("warm-memory BYTES");
    return 1;
  }
  /* huge pages where there are any, for the host takes no smaller ones */
  madvise (memory, size, MADV_HUGEPAGE);
  for (size_t at = 0; at < size; at += PAGE)
    memory[at] = 1;
  return 0;
}
