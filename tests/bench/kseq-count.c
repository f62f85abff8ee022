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
  int file, result;
#ifndef KSEQ_PLAIN
  gzFile stream;
#endif

  file = argc == 2 ? open (argv[1], O_RDONLY) : -1;
  if (file < 0) {
    fprintf (stderr, "Usage: kseq FILE\n");
    return 2;
  }
#ifdef KSEQ_PLAIN
  seq = kseq_init (file);
#else
  stream = gzdopen (file, "r");
  seq = kseq_init (stream);
#endif
  while ((result = kseq_read (seq)) >= 0) {
    records++;
    residues += seq->seq.l;
  }
  printf ("%llu records, %llu residues\n", records, residues);
  kseq_destroy (seq);
#ifdef KSEQ_PLAIN
  close (file);
#else
  gzclose (stream);
#endif
  return result == -1 ? 0 : 1;
}
