/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <string.h>

/* The vocabularies of published models. The ids are facts that the models were trained with; each
 * entry says where they can be checked. NO marks an id that the model does not have. */

#define NO SEQ_TOKENIZER_NO_ID

typedef struct
{
  const gchar *name;
  SeqUnits units;
  guint32 vocab_size;
  guint32 pad, unk, prefix, suffix;
  const gchar *letters;         /* single letters in the order of their ids; NULL = none */
  guint32 first_letter;         /* id of the first of them */
  const gchar *replace;         /* pairs: the first is read as the second; NULL = none */
  guint k;
  guint32 first_kmer;
  gboolean pads_left;           /* padding stands before the tokens */
} Preset;

/* The order of letters in the k-mers of all presets that have any. */
static const gchar kmer_letters[] = "ATCG";

static const Preset presets[] = {
  /* facebook/esm2_*: vocab.txt. 31 is <null_1>, 32 <mask>. Hugging Face's tokenizer gives one
   * unknown token for a run of unknown letters: SEQ_UNKNOWN_PER_RUN. */
  {"esm2", SEQ_UNITS_LETTERS, 33, 1, 3, 0, 2, "LAGVSERTIDPKQNFYMHWCXBUZO.-", 4, NULL, 0, 0},
  /* ESM C: SEQUENCE_VOCAB of esm/utils/constants/esm3.py. `|` breaks chains; 32 is <mask>, and logits
   * are padded to 64. */
  {"esmc", SEQ_UNITS_LETTERS, 33, 1, 3, 0, 2, "LAGVSERTIDPKQNFYMHWCXBUZO.-|", 4, NULL, 0, 0},
  /* Rostlab/prot_bert: vocab.txt; its model card has U, Z, O and B read as X. */
  {"protbert", SEQ_UNITS_LETTERS, 30, 0, 1, 2, 3, "LAGVESIKRDTPNQFYMHCWXUBZO", 5, "UXZXOXBX", 0, 0},
  /* DNABERT: dnabert-config/bert-config-*. */
  {"dnabert3", SEQ_UNITS_OVERLAPPING, 69, 0, 1, 2, 3, NULL, 0, NULL, 3, 5},
  {"dnabert4", SEQ_UNITS_OVERLAPPING, 261, 0, 1, 2, 3, NULL, 0, NULL, 4, 5},
  {"dnabert5", SEQ_UNITS_OVERLAPPING, 1029, 0, 1, 2, 3, NULL, 0, NULL, 5, 5},
  {"dnabert6", SEQ_UNITS_OVERLAPPING, 4101, 0, 1, 2, 3, NULL, 0, NULL, 6, 5},
  /* InstaDeepAI/nucleotide-transformer-v2-*: <eos> and <bos> stand before the k-mers. Any letter
   * but A, T, C, G ends a piece; N has an id, the others are unknown, U among them. */
  {"nt6", SEQ_UNITS_SPLIT, 4107, 1, 0, 3, NO, "ATCGN", 4102, NULL, 6, 6},
  /* InstaDeepAI/nucleotide-transformer-{500m,2.5b}-*, the first version: <eos> and <bos> stand after
   * the letters, so the other ids are two lower. */
  {"nt6-v1", SEQ_UNITS_SPLIT, 4107, 1, 0, 3, NO, "ATCGN", 4100, NULL, 6, 4},
  /* LongSafari/hyenadna-*-hf: tokenization_hyena.py, which writes no [CLS] and pads on the left. */
  {"hyena", SEQ_UNITS_LETTERS, 12, 4, 6, NO, 1, "ACGTN", 7, NULL, 0, 0, TRUE},
  {"hyenadna", SEQ_UNITS_LETTERS, 12, 4, 6, NO, 1, "ACGTN", 7, NULL, 0, 0, TRUE},
  /* kuleshov-group/caduceus-*: tokenization_caduceus.py, the same but for lower case, which is read as
   * upper case. */
  {"caduceus", SEQ_UNITS_LETTERS, 12, 4, 6, NO, 1, "ACGTN", 7, "aAcCgGtTnN", 0, 0, TRUE},
  /* Evo: CharLevelTokenizer of StripedHyena, bytes as they are in a vocabulary of 512. */
  {"evo", SEQ_UNITS_LETTERS, 512, 1, NO, NO, NO, NULL, 0, NULL, 0, 0},
  /* Bytes as they are, padded with 0, which is no residue. */
  {"bytes", SEQ_UNITS_LETTERS, 256, 0, NO, NO, NO, NULL, 0, NULL, 0, 0}
};

static const gchar *const preset_names[] = {
  "esm2", "esmc", "protbert", "dnabert3", "dnabert4", "dnabert5", "dnabert6", "nt6", "nt6-v1",
  "hyena", "hyenadna", "caduceus",
  "evo", "bytes", NULL
};

G_STATIC_ASSERT (G_N_ELEMENTS (preset_names) == G_N_ELEMENTS (presets) + 1);

const gchar *const *
seq_tokenizer_list_presets (void)
{
  return preset_names;
}

static void
load_letters (SeqTokenizer *tokenizer, const Preset *preset)
{
  const gchar *p;
  guint i;

  if (preset->letters != NULL) {
    for (i = 0; preset->letters[i] != '\0'; i++)
      tokenizer->ids[(guint8) preset->letters[i]] = preset->first_letter + i;
  } else if (preset->units == SEQ_UNITS_LETTERS) {
    for (i = 0; i < 256; i++)
      tokenizer->ids[i] = i;
  }
  for (p = preset->replace; p != NULL && *p != '\0'; p += 2)
    tokenizer->ids[(guint8) p[0]] = tokenizer->ids[(guint8) p[1]];
}

gboolean
seq_tokenizer_load_preset (SeqTokenizer *tokenizer, const gchar *name)
{
  const Preset *preset;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (presets); i++) {
    if (strcmp (presets[i].name, name) == 0)
      break;
  }
  if (i == G_N_ELEMENTS (presets))
    return FALSE;

  preset = &presets[i];
  tokenizer->units = preset->units;
  tokenizer->vocab_size = preset->vocab_size;
  tokenizer->pad = preset->pad;
  tokenizer->unk = preset->unk;
  tokenizer->prefix = preset->prefix;
  tokenizer->suffix = preset->suffix;
  tokenizer->k = preset->k;
  tokenizer->first_kmer = preset->first_kmer;
  tokenizer->pads_left = preset->pads_left;
  load_letters (tokenizer, preset);
  if (preset->k > 0) {
    for (i = 0; kmer_letters[i] != '\0'; i++)
      tokenizer->codes[(guint8) kmer_letters[i]] = (guint8) i;
  }
  return TRUE;
}
