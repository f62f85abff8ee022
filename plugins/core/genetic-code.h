/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Genetic codes: what the 64 codons stand for, by the numbers of NCBI.
 *
 * A nucleotide is a set of bases, four bits, so that an ambiguous letter needs no case of its own:
 * R is A or G, N is any. Three sets are the index of a codon, and a table of all 4096 indices says
 * what it stands for. A second table holds the same for codons of the other strand, whose index is
 * made of the letters as they stand on this one.
 *
 * An ambiguous codon is the amino acid that all its bases agree on, `*` if all of them are stops;
 * otherwise B for aspartate or asparagine, Z for glutamate or glutamine, J for isoleucine or
 * leucine, and X for all other mixtures. That is what Biopython's Seq.translate() does, which is
 * the reference here. Codons that mean a stop or an amino acid by context (codes 27, 28 and 31) are
 * the amino acid. Start codons are translated as any other codon.
 *
 * A code never changes once it is made; any number of threads may read it. */

#define SEQ_CODON_INDICES 4096

typedef struct
{
  guint8 forward[SEQ_CODON_INDICES];
  guint8 reverse[SEQ_CODON_INDICES];
} SeqGeneticCode;

/* The bases that a letter stands for: bit 0 T or U, bit 1 C, bit 2 A, bit 3 G. Lower case is as
 * upper case, X as N. What is no letter for a nucleotide is 0, and its codon is X. */
extern const guint8 seq_nucleotide_sets[256];

/* `number`: as in NCBI's list of genetic codes, gc.prt version 4.6: 1-6, 9-16, 21-33. Returns
 * FALSE, and leaves `code` alone, where there is none. */
gboolean seq_genetic_code_init (SeqGeneticCode * code, guint number);

/* Index of the codon whose three letters, from left to right on the forward strand, are at
 * `letters`. */
static inline guint
seq_codon_index (const guint8 * letters)
{
  return (guint) seq_nucleotide_sets[letters[0]] << 8 |
      (guint) seq_nucleotide_sets[letters[1]] << 4 | seq_nucleotide_sets[letters[2]];
}

G_END_DECLS
