/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"
#include "tokenizer.h"

#include <string.h>

/* Ids of 1,000 real sequences for each preset against those of the models' own tokenizers:
 * tests/data/tokenizers/references.py, which says what is done to the sequences and made
 * references/NAME.txt. Where the example files can't be had, those of the sequences that are in
 * tests/data are compared. */

#define N_SEQUENCES 1000
#define N_PIECES 20
#define PIECE 2425
#define MAX_TOKENS 24

typedef struct
{
  gboolean protein;
  GPtrArray *sequences;         /* GString, NULL = not there */
} Set;

typedef struct
{
  const gchar *name;
  SeqUnknown unknown;
  gboolean protein;
} Reference;

/* EsmTokenizer, and SentencePiece in T5's, make one unknown token of a run. */
static const Reference references[] = {
  {"esm2", SEQ_UNKNOWN_PER_RUN, TRUE},
  {"esmc", SEQ_UNKNOWN_TOKEN, TRUE},
  {"protbert", SEQ_UNKNOWN_TOKEN, TRUE},
  {"prott5", SEQ_UNKNOWN_PER_RUN, TRUE},
  {"dnabert3", SEQ_UNKNOWN_TOKEN, FALSE},
  {"dnabert4", SEQ_UNKNOWN_TOKEN, FALSE},
  {"dnabert5", SEQ_UNKNOWN_TOKEN, FALSE},
  {"dnabert6", SEQ_UNKNOWN_TOKEN, FALSE},
  {"nt6", SEQ_UNKNOWN_PER_RUN, FALSE},
  {"nt6-v1", SEQ_UNKNOWN_PER_RUN, FALSE},
  {"hyenadna", SEQ_UNKNOWN_TOKEN, FALSE},
  {"caduceus", SEQ_UNKNOWN_TOKEN, FALSE},
  {"evo", SEQ_UNKNOWN_TOKEN, FALSE},
  {"bytes", SEQ_UNKNOWN_TOKEN, FALSE},
  {"dnabert2-like", SEQ_UNKNOWN_TOKEN, FALSE}
};

static Set sets[2];             /* DNA, proteins */

/* ---- sequences ---- */

static void
collect (GPtrArray *sequences, SeqBlock *block)
{
  guint i;

  for (i = 0; i < block->n_records; i++) {
    const GstSeqRecord *record = &block->records[i];

    g_ptr_array_add (sequences, g_string_new_len ((gchar *) block->data + record->seq,
            record->seq_len));
  }
  seq_block_unref (block);
}

static void
free_string (gpointer string)
{
  if (string != NULL)
    g_string_free (string, TRUE);
}

/* All sequences of a file. */
static GPtrArray *
read_sequences (const gchar *path)
{
  static const SeqFastxConfig config = {.block_size = 1 << 20,.max_record_bytes = 1 << 20 };
  GPtrArray *sequences = g_ptr_array_new_with_free_func (free_string);
  SeqReader *reader = seq_reader_new (&config, 0);
  SeqReaderStatus status;
  gboolean fed = FALSE;
  SeqBlock *block;
  gchar *text;
  gsize size;

  g_assert_true (g_file_get_contents (path, &text, &size, NULL));
  seq_reader_begin_file (reader);
  while ((status = seq_reader_next (reader, &block, NULL)) != SEQ_READER_FILE_END) {
    g_assert_cmpint (status, !=, SEQ_READER_ERROR);
    if (status == SEQ_READER_BLOCK)
      collect (sequences, block);
    else if (fed)
      seq_reader_finish_input (reader);
    else
      seq_reader_feed (reader, (guint8 *) text, size);
    fed = fed || status == SEQ_READER_NEED_INPUT;
  }
  while ((block = seq_reader_flush (reader)) != NULL)
    collect (sequences, block);
  seq_reader_free (reader);
  g_free (text);
  return sequences;
}

/* The sequences of a file of Debian's examples, NULL = it is not there. */
static GPtrArray *
read_example (const gchar *file)
{
  const gchar *unpacked = g_getenv ("GST_SEQ_EXAMPLES");
  gchar *paths[] = {
    g_build_filename ("/usr/share/doc", file, NULL),
    g_build_filename (unpacked != NULL ? unpacked : "/nonexistent", "usr/share/doc", file, NULL)
  };
  GPtrArray *sequences = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (paths); i++) {
    if (sequences == NULL && g_file_test (paths[i], G_FILE_TEST_EXISTS))
      sequences = read_sequences (paths[i]);
    g_free (paths[i]);
  }
  return sequences;
}

static GPtrArray *
read_sample (const gchar *file)
{
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), file, NULL);
  GPtrArray *sequences = read_sequences (path);

  g_free (path);
  return sequences;
}

/* Copies every `step`-th sequence to the places from `first` on, `by` apart, as far as there are
 * any. Takes `from`. */
static void
spread (Set *set, GPtrArray *from, guint step, guint first, guint by)
{
  guint i;

  for (i = 0; i * step < from->len && first + i * by < N_SEQUENCES; i++) {
    const GString *sequence = g_ptr_array_index (from, i * step);

    set->sequences->pdata[first + i * by] = g_string_new_len (sequence->str,
        (gssize) sequence->len);
  }
  g_ptr_array_unref (from);
}

static void
set_phage (Set *set, GPtrArray *file)
{
  const GString *phage = g_ptr_array_index (file, 0);
  guint i;

  set->sequences->pdata[0] = g_string_new (phage->str);
  for (i = 0; i < N_PIECES; i++)
    set->sequences->pdata[1 + i] = g_string_new_len (phage->str + (gsize) i * PIECE, PIECE);
  g_ptr_array_unref (file);
}

static void
change (GString *sequence, guint i, const gchar *odd)
{
  guint64 state = i;
  guint n;

  for (n = 0; i % 7 == 3 && n < 5; n++) {
    state = state * G_GUINT64_CONSTANT (6364136223846793005)
        + G_GUINT64_CONSTANT (1442695040888963407);
    sequence->str[(state >> 33) % sequence->len] = odd[(state >> 20) % strlen (odd)];
  }
  if (i % 10 == 9)
    g_string_ascii_down (sequence);
}

static void
set_up (Set *set, gboolean protein)
{
  GPtrArray *file = read_example (protein ? "mmseqs2/example-data/DB.fasta.gz"
      : "bowtie2/examples/reads/reads_1.fq.gz");
  guint i;

  set->protein = protein;
  set->sequences = g_ptr_array_new_with_free_func (free_string);
  g_ptr_array_set_size (set->sequences, N_SEQUENCES);
  if (protein && file != NULL)
    spread (set, file, 20, 0, 1);
  else if (protein)             /* every 100th record */
    spread (set, read_sample ("proteins.fasta"), 1, 0, 5);
  else
    spread (set, file != NULL ? file : read_sample ("reads.fastq"), 1, 1 + N_PIECES, 1);
  file = protein ? NULL : read_example ("bowtie2/examples/reference/lambda_virus.fa.gz");
  if (file != NULL)
    set_phage (set, file);
  for (i = 0; i < N_SEQUENCES; i++) {
    if (set->sequences->pdata[i] != NULL)
      change (set->sequences->pdata[i], i, protein ? "XBZUOJ*-.|?" : "NRYKMSWBDHVU");
  }
}

/* ---- ids ---- */

/* FNV-1a. */
static guint64
digest (const gint32 *ids, gsize n)
{
  guint64 value = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  gsize i;

  for (i = 0; i < 4 * n; i++) {
    value ^= (guint32) ids[i / 4] >> 8 * (i % 4) & 0xff;
    value *= G_GUINT64_CONSTANT (0x100000001b3);
  }
  return value;
}

static guint64
digest_of (const SeqTokenizer *tokenizer, const GString *sequence, guint i)
{
  gsize specials = seq_tokenizer_get_n_prefix (tokenizer) + seq_tokenizer_get_n_suffix (tokenizer);
  gint32 *ids = g_new (gint32, sequence->len + 2);
  gsize n = seq_tokenizer_encode (tokenizer, (const guint8 *) sequence->str, sequence->len, 0,
      i % 5 == 2 ? MAX_TOKENS - specials : G_MAXSIZE, SEQ_DTYPE_INT32, ids, NULL, NULL);
  guint64 value = digest (ids, n);

  g_free (ids);
  return value;
}

/* The digests of a file, behind its comments. */
static gchar **
read_digests (const gchar *name)
{
  gchar *file = g_strconcat (name, ".txt", NULL), *text, **lines, *start;
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers", "references", file,
      NULL);

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  for (start = text; *start == '#'; start = strchr (start, '\n') + 1)
    continue;
  lines = g_strsplit (start, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, N_SEQUENCES + 1);
  g_free (text);
  g_free (path);
  g_free (file);
  return lines;
}

/* A preset, or else a file of tests/data/tokenizers. */
static SeqTokenizer *
open_tokenizer (const Reference *reference)
{
  gchar *file = g_strconcat (reference->name, ".json", NULL);
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "tokenizers", file, NULL);
  gboolean preset = g_strv_contains (seq_tokenizer_list_presets (), reference->name);
  GError *error = NULL;
  SeqTokenizer *tokenizer = seq_tokenizer_new (preset ? reference->name : path, reference->unknown,
      &error);

  g_assert_no_error (error);
  g_free (path);
  g_free (file);
  return tokenizer;
}

static void
test_reference (gconstpointer data)
{
  const Reference *reference = data;
  SeqTokenizer *tokenizer = open_tokenizer (reference);
  gchar **digests = read_digests (reference->name);
  const Set *set = &sets[reference->protein];
  guint i, compared = 0;

  for (i = 0; i < N_SEQUENCES; i++) {
    const GString *sequence = set->sequences->pdata[i];
    guint64 wanted = g_ascii_strtoull (digests[i], NULL, 16);

    if (sequence == NULL)
      continue;
    compared++;
    if (digest_of (tokenizer, sequence, i) != wanted)
      g_error ("%s: the ids of sequence %u differ from the reference: %.200s", reference->name, i,
          sequence->str);
  }
  g_test_message ("%u sequences", compared);
  g_assert_cmpuint (compared, >=, 50);
  g_strfreev (digests);
  seq_tokenizer_free (tokenizer);
}

int
main (int argc, char **argv)
{
  gint result;
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < 2; i++)
    set_up (&sets[i], i == 1);
  for (i = 0; i < G_N_ELEMENTS (references); i++) {
    gchar *path = g_strconcat ("/tokenizer-references/", references[i].name, NULL);

    g_test_add_data_func (path, &references[i], test_reference);
    g_free (path);
  }
  result = g_test_run ();
  for (i = 0; i < 2; i++)
    g_ptr_array_unref (sets[i].sequences);
  return result;
}
