/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether two files hold the same records, in whatever order: prints their number, a sum over a
 * hash of each (header and residues), and whether the lengths ascend. Read by kseq.h, so that a
 * mistake of our own parser can't hide itself. */

#include <stdio.h>
#include <zlib.h>
#include <htslib/kseq.h>

KSEQ_INIT (gzFile, gzread)

/* FNV-1a */
static unsigned long long
hash (unsigned long long h, const kstring_t * text)
{
  size_t i;

  for (i = 0; i < text->l; i++)
    h = (h ^ (unsigned char) text->s[i]) * 0x100000001b3ULL;
  return (h ^ '\n') * 0x100000001b3ULL;
}

int
main (int argc, char **argv)
{
  unsigned long long records = 0, sum = 0, h;
  size_t last = 0;
  int ascending = 1, result;
  gzFile file = argc == 2 ? gzopen (argv[1], "r") : NULL;
  kseq_t *seq;

  if (file == NULL) {
    fprintf (stderr, "Usage: kseq-digest FILE\n");
    return 2;
  }
  seq = kseq_init (file);
  while ((result = kseq_read (seq)) >= 0) {
    h = hash (0xcbf29ce484222325ULL, &seq->name);
    h = hash (h, &seq->comment);
    h = hash (h, &seq->seq);
    sum += h;
    records++;
    ascending &= seq->seq.l >= last;
    last = seq->seq.l;
  }
  printf ("%llu records, digest %016llx, %s\n", records, sum,
      ascending ? "lengths ascend" : "not sorted");
  kseq_destroy (seq);
  gzclose (file);
  return result == -1 ? 0 : 1;
}
