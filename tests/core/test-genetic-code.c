/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "genetic-code.h"

#include <string.h>

/* Vectors are from Biopython 1.80, Seq.translate(). */

/* The codons AAA, AAC, … TTT, in the order A C G T. */
static const struct
{
  guint number;
  const gchar *amino_acids;
} plain_vectors[] = {
  {1, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"},
  {2, "KNKNTTTT*S*SMIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSSWCWCLFLF"},
  {6, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVVQYQYSSSS*CWCLFLF"},
  {11, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"},
  {22, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*YLY*SSS*CWCLFLF"},
  {27, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVVQYQYSSSSWCWCLFLF"},
  {32, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*YWYSSSS*CWCLFLF"},
  {33, "KNKNTTTTSSKSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVVYY*YSSSSWCWCLFLF"},
};

/* All codons of AMBIGUOUS, in the order of its letters: FNV-1a, 64 bits, of the 3375 results. */
#define AMBIGUOUS "ACGTMRWSYKVHDBN"
#define COMPLEMENTS "TGCAKYWSRMBDHVN"

static const struct
{
  guint number;
  guint64 hash;
} ambiguous_vectors[] = {
  {1, G_GUINT64_CONSTANT (0xc044bb2ad3b71db3)},
  {2, G_GUINT64_CONSTANT (0xb6402bab50c0d757)},
  {3, G_GUINT64_CONSTANT (0x3dde602b087c7e43)},
  {4, G_GUINT64_CONSTANT (0xd626433920fcf831)},
  {5, G_GUINT64_CONSTANT (0x0cc41ad4f2e6558b)},
  {6, G_GUINT64_CONSTANT (0x9f286e3c97e57741)},
  {9, G_GUINT64_CONSTANT (0x4eb34b3cb5af11e5)},
  {10, G_GUINT64_CONSTANT (0x17fd4f741df9ef7d)},
  {11, G_GUINT64_CONSTANT (0xc044bb2ad3b71db3)},
  {12, G_GUINT64_CONSTANT (0x37df5cf042a42346)},
  {13, G_GUINT64_CONSTANT (0x8a42d739975bc693)},
  {14, G_GUINT64_CONSTANT (0x3d52c7611494448f)},
  {15, G_GUINT64_CONSTANT (0x18e73174a0ab6731)},
  {16, G_GUINT64_CONSTANT (0x7f44beaa5b20b96f)},
  {21, G_GUINT64_CONSTANT (0xb44e9a34bc4be4c9)},
  {22, G_GUINT64_CONSTANT (0xc4e56acee8619b43)},
  {23, G_GUINT64_CONSTANT (0x82a2c49990ea825b)},
  {24, G_GUINT64_CONSTANT (0xa84220a36716c78d)},
  {25, G_GUINT64_CONSTANT (0x284ba6d0fe82944f)},
  {26, G_GUINT64_CONSTANT (0x0ae6251a53dd6d90)},
  {27, G_GUINT64_CONSTANT (0xf3f8d39fb835fe89)},
  {28, G_GUINT64_CONSTANT (0xf3f8d39fb835fe89)},
  {29, G_GUINT64_CONSTANT (0x7b2148c7363eb961)},
  {30, G_GUINT64_CONSTANT (0x76d23ef81a1d9b2b)},
  {31, G_GUINT64_CONSTANT (0xe7914ac9f3af7e13)},
  {32, G_GUINT64_CONSTANT (0xd5ac76401e024875)},
  {33, G_GUINT64_CONSTANT (0x38102fd67d28e637)},
};

static gchar
translate_forward (const SeqGeneticCode * code, const gchar * codon)
{
  return code->forward[seq_codon_index ((const guint8 *) codon)];
}

/* The same codon as it stands on the other strand. */
static gchar
translate_reverse (const SeqGeneticCode * code, const gchar * codon)
{
  guint8 letters[3];

  for (guint i = 0; i < 3; i++)
    letters[2 - i] = COMPLEMENTS[strchr (AMBIGUOUS, codon[i]) - AMBIGUOUS];
  return code->reverse[seq_codon_index (letters)];
}

static void
test_plain (void)
{
  SeqGeneticCode code;

  for (guint v = 0; v < G_N_ELEMENTS (plain_vectors); v++) {
    g_assert_true (seq_genetic_code_init (&code, plain_vectors[v].number));
    for (guint i = 0; i < 64; i++) {
      const gchar codon[] = { "ACGT"[i >> 4], "ACGT"[i >> 2 & 3], "ACGT"[i & 3] };

      g_assert_cmpint (translate_forward (&code, codon), ==, plain_vectors[v].amino_acids[i]);
      g_assert_cmpint (translate_reverse (&code, codon), ==, plain_vectors[v].amino_acids[i]);
    }
  }
}

static guint64
hash_byte (guint64 hash, guint8 byte)
{
  return (hash ^ byte) * G_GUINT64_CONSTANT (0x100000001b3);
}

static void
test_ambiguous (void)
{
  SeqGeneticCode code;

  for (guint v = 0; v < G_N_ELEMENTS (ambiguous_vectors); v++) {
    guint64 forward = G_GUINT64_CONSTANT (0xcbf29ce484222325), reverse = forward;
    guint n = strlen (AMBIGUOUS);

    g_assert_true (seq_genetic_code_init (&code, ambiguous_vectors[v].number));
    for (guint i = 0; i < n * n * n; i++) {
      const gchar codon[] = { AMBIGUOUS[i / (n * n)], AMBIGUOUS[i / n % n], AMBIGUOUS[i % n] };

      forward = hash_byte (forward, translate_forward (&code, codon));
      reverse = hash_byte (reverse, translate_reverse (&code, codon));
    }
    g_assert_cmphex (forward, ==, ambiguous_vectors[v].hash);
    g_assert_cmphex (reverse, ==, ambiguous_vectors[v].hash);
  }
}

/* The kinds of results by example, for whoever has to find out what a hash complains of. */
static void
test_examples (void)
{
  static const struct
  {
    const gchar *codon;
    gchar letter;
  } examples[] = {
    {"ATG", 'M'}, {"GCN", 'A'}, {"YTR", 'L'}, {"ATH", 'I'}, {"MGR", 'R'},
    {"RAY", 'B'}, {"SAR", 'Z'}, {"MTA", 'J'}, {"WTA", 'J'},
    {"TAR", '*'}, {"TRA", '*'}, {"TAN", 'X'}, {"NTA", 'X'}, {"NNN", 'X'}, {"TRR", 'X'},
  };
  SeqGeneticCode code;

  g_assert_true (seq_genetic_code_init (&code, 1));
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++) {
    g_assert_cmpint (translate_forward (&code, examples[i].codon), ==, examples[i].letter);
    g_assert_cmpint (translate_reverse (&code, examples[i].codon), ==, examples[i].letter);
  }
}

static void
test_letters (void)
{
  const gchar *others = "UX" AMBIGUOUS;
  SeqGeneticCode code;

  g_assert_cmpuint (seq_nucleotide_sets['U'], ==, seq_nucleotide_sets['T']);
  g_assert_cmpuint (seq_nucleotide_sets['X'], ==, seq_nucleotide_sets['N']);
  g_assert_true (seq_genetic_code_init (&code, 1));
  for (guint byte = 0; byte < 256; byte++) {
    const guint8 codons[3][3] = { {byte, 'T', 'A'}, {'G', byte, 'A'}, {'C', 'T', byte} };

    if (byte != 0 && byte < 128 && strchr (others, g_ascii_toupper (byte))) {
      g_assert_cmpuint (seq_nucleotide_sets[byte], !=, 0);
      g_assert_cmpuint (seq_nucleotide_sets[byte], ==, seq_nucleotide_sets[(guint8) g_ascii_toupper (byte)]);
    } else {
      for (guint i = 0; i < 3; i++) {
        g_assert_cmpint (code.forward[seq_codon_index (codons[i])], ==, 'X');
        g_assert_cmpint (code.reverse[seq_codon_index (codons[i])], ==, 'X');
      }
    }
  }
}

static void
test_numbers (void)
{
  static const guint missing[] = { 0, 7, 8, 17, 18, 19, 20, 34, 1000, G_MAXUINT };
  SeqGeneticCode code, before;

  memset (&code, 0x55, sizeof code);
  before = code;
  for (guint i = 0; i < G_N_ELEMENTS (missing); i++) {
    g_assert_false (seq_genetic_code_init (&code, missing[i]));
    g_assert_cmpmem (&code, sizeof code, &before, sizeof before);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/genetic-code/plain", test_plain);
  g_test_add_func ("/genetic-code/ambiguous", test_ambiguous);
  g_test_add_func ("/genetic-code/examples", test_examples);
  g_test_add_func ("/genetic-code/letters", test_letters);
  g_test_add_func ("/genetic-code/numbers", test_numbers);
  return g_test_run ();
}
