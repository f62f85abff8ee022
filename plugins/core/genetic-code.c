/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "genetic-code.h"

/* NCBI, "The Genetic Codes", https://ftp.ncbi.nih.gov/entrez/misc/data/gc.prt, version 4.6, field
 * ncbieaa: the amino acids of the codons TTT, TTC, TTA, TTG, TCT, … GGG, in the order T C A G. */
static const gchar *const codes[] = {
  [1] = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [2] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
  [3] = "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [4] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [5] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
  [6] = "FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [9] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
  [10] = "FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [11] = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [12] = "FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [13] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG",
  [14] = "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
  [15] = "FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [16] = "FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [21] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
  [22] = "FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [23] = "FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [24] = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
  [25] = "FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [26] = "FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [27] = "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [28] = "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [29] = "FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [30] = "FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [31] = "FFLLSSSSYYEECCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [32] = "FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
  [33] = "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
};

/* IUPAC's letters for nucleotides (NC-IUB 1984) */
#define T 1
#define C 2
#define A 4
#define G 8
#define BOTH_CASES(upper, lower, set) [upper] = (set), [lower] = (set)

const guint8 seq_nucleotide_sets[256] = {
  BOTH_CASES ('A', 'a', A),
  BOTH_CASES ('C', 'c', C),
  BOTH_CASES ('G', 'g', G),
  BOTH_CASES ('T', 't', T),
  BOTH_CASES ('U', 'u', T),
  BOTH_CASES ('M', 'm', A | C),
  BOTH_CASES ('R', 'r', A | G),
  BOTH_CASES ('W', 'w', A | T),
  BOTH_CASES ('S', 's', C | G),
  BOTH_CASES ('Y', 'y', C | T),
  BOTH_CASES ('K', 'k', G | T),
  BOTH_CASES ('V', 'v', A | C | G),
  BOTH_CASES ('H', 'h', A | C | T),
  BOTH_CASES ('D', 'd', A | G | T),
  BOTH_CASES ('B', 'b', C | G | T),
  BOTH_CASES ('N', 'n', A | C | G | T),
  BOTH_CASES ('X', 'x', A | C | G | T),
};

#undef T
#undef C
#undef A
#undef G

#define BIT(letter) (1u << ((letter) - 'A'))

/* What a codon stands for that may be any of the amino acids in `letters`, one bit each. */
static guint8
merge (guint letters, gboolean stop)
{
  guint8 merged = 'X';

  if (letters == 0)
    merged = stop ? '*' : 'X';  /* neither: a letter that is no nucleotide */
  else if (stop)
    merged = 'X';
  else if ((letters & (letters - 1)) == 0)
    merged = 'A' + __builtin_ctz (letters);
  else if (letters == (BIT ('D') | BIT ('N')))
    merged = 'B';
  else if (letters == (BIT ('E') | BIT ('Q')))
    merged = 'Z';
  else if (letters == (BIT ('I') | BIT ('L')))
    merged = 'J';
  return merged;
}

static guint8
translate (const gchar * amino_acids, guint first, guint second, guint third)
{
  guint letters = 0;
  gboolean stop = FALSE;

  for (guint codon = 0; codon < 64; codon++) {
    if (!(first >> (codon >> 4) & second >> (codon >> 2 & 3) & third >> (codon & 3) & 1))
      continue;
    if (amino_acids[codon] == '*')
      stop = TRUE;
    else
      letters |= BIT (amino_acids[codon]);
  }
  return merge (letters, stop);
}

/* A pairs with T and C with G: two bits apart, either way. */
static guint
complement (guint set)
{
  return (set << 2 | set >> 2) & 15;
}

gboolean
seq_genetic_code_init (SeqGeneticCode * code, guint number)
{
  if (number >= G_N_ELEMENTS (codes) || !codes[number])
    return FALSE;
  for (guint i = 0; i < SEQ_CODON_INDICES; i++) {
    guint left = i >> 8, middle = i >> 4 & 15, right = i & 15;

    code->forward[i] = translate (codes[number], left, middle, right);
    code->reverse[i] = translate (codes[number], complement (right), complement (middle),
        complement (left));
  }
  return TRUE;
}
