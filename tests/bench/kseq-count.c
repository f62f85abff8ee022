/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain loop over htslib's kseq.h that other tools are built on: what it takes to look at every
 * record once. Built twice, reading through zlib and (KSEQ_PLAIN) with read(). */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>
#include <htslib/kseq.h>

#ifdef KSEQ_PLAIN
KSEQ_INIT (int, read)
#else
KSEQ_INIT (gzFile, gzread)
#endif

int
main (int argc, char **argv)
{
  unsigned long long records = 0, residues = 0;
  kseq_t *seq;
  int result;

  if (argc != 2)
    return 2;
#ifdef KSEQ_PLAIN
  seq = kseq_init (open (argv[1], O_RDONLY));
#else
  seq = kseq_init (gzopen (argv[1], "r"));
#endif
  while ((result = kseq_read (seq)) >= 0) {
    records++;
    residues += seq->seq.l;
  }
  printf ("{\"records\": %llu, \"residues\": %llu}\n", records, residues);
  kseq_destroy (seq);
  return result == -1 ? 0 : 1;
}
