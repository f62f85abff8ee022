/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "dtype.h"

G_BEGIN_DECLS

/* Turns residues into the token ids of a model, or into vectors where it takes those.
 *
 * A tokenizer sees a sequence as units: single letters, or k-mers. Every unit that the vocabulary
 * has becomes one body token. What happens to the others, the unknown units, is chosen when the
 * tokenizer is made (SeqUnknown). Around the body stand a prefix (CLS) and a suffix (EOS, SEP),
 * each one token or none.
 *
 * Nothing is folded but where a model's own tokenizer does so: most read their vocabularies to the
 * letter, so a lower-case residue is unknown to all presets but `caduceus`, `bytes`, `evo` and
 * `enformer`.
 *
 * A one-hot tokenizer (`enformer`) writes a vector of float32 for each letter, as many values as it
 * has channels, with a one in that of the letter. A letter that is unknown, and padding, are zeros.
 * It has neither ids nor prefix nor suffix: what the functions below say of ids is of no use then.
 *
 * A tokenizer never changes once it is made. All functions may be called from any number of threads
 * at the same time. */
typedef struct _SeqTokenizer SeqTokenizer;

/* What an unknown unit becomes. */
typedef enum
{
  SEQ_UNKNOWN_TOKEN,            /* one unknown token each */
  SEQ_UNKNOWN_PER_RUN,          /* one unknown token for a run of them, as esm2, prott5, nt6 and
                                 * nt6-v1 have it in the models' own tokenizers */
  SEQ_UNKNOWN_SKIP,             /* nothing: it is left out */
  SEQ_UNKNOWN_ERROR             /* the caller fails: see seq_tokenizer_encode() */
} SeqUnknown;

/* What seq_tokenizer_get_unk_id() says where the vocabulary has no unknown token. */
#define SEQ_TOKENIZER_NO_ID G_MAXUINT32

/* What counting, finding and encoding say where the memory for a word of a tokenizer.json can't be
 * had: see seq_tokenizer_new(). Nothing else makes them fail. */
#define SEQ_TOKENIZER_NO_MEMORY G_MAXSIZE

#define SEQ_TOKENIZER_ERROR (seq_tokenizer_error_quark ())
GQuark seq_tokenizer_error_quark (void);

typedef enum
{
  SEQ_TOKENIZER_ERROR_NOT_FOUND,        /* neither a preset nor a file that can be read */
  SEQ_TOKENIZER_ERROR_FORMAT,   /* no vocabulary; the message has the line or the key */
  SEQ_TOKENIZER_ERROR_NO_UNKNOWN        /* `unknown` asks for a token that is not there */
} SeqTokenizerError;

/* `name_or_path`: a preset (seq_tokenizer_list_presets()), else the path of a file of one of these
 * kinds, which what it starts with tells:
 *
 * A tokenizer file, as the presets are: a GLib key file of at most 64 KiB with one group,
 * [tokenizer]. Ids are numbers from 0 to one less than `vocabulary-size` (1 to 2^31 - 1), letters
 * printable ASCII.
 *   units            letters | overlapping (a k-mer at every letter) | split (k-mers side by side)
 *                    | bytes (every byte is its own id) | one-hot (vectors, which have no ids).
 *                    Required, as the two that follow but for one-hot
 *   vocabulary-size  number of ids
 *   pad              id of the padding
 *   unknown, prefix, suffix   their ids; no key = the vocabulary has none
 *   pad-side         left | right (default): where padding stands
 *   truncate         left | right (default): at which end a record that is too long is cut
 *   case             keep (default) | upper | lower: what letters are read as, ASCII only
 *   replace          pairs of letters: after `case`, the first of each is read as the second
 *   drop             letters that are passed over, after `case` and `replace`
 *   letters, first-letter     single letters in the order of their ids, and the id of the first
 *                    (not for overlapping); one-hot: of their channels (required)
 *   zeros            one-hot: letters that are known, but zeros in all channels
 *   k, kmer-letters, first-kmer   k-mers: 1 to 15 letters out of four, in the order of their ids
 *                    (the last letter runs fastest), and the id of the first k-mer
 *   break-letters    split: letters that end a piece and are tokens of their own; a k-mer that has
 *                    another letter is one unknown unit (no key = all but `kmer-letters` break)
 *   remainder        split: what becomes of fewer than k letters at the end of a piece: single
 *                    (default; a unit each) | drop | unknown (one unit)
 *
 * A vocab.txt: one token a line, the first line is id 0. Tokens are single printable ASCII letters,
 * and names in <> or [], of which <cls> [CLS] <s> become the prefix, <eos> [SEP] </s> the suffix,
 * <pad> [PAD] the padding and <unk> [UNK] the unknown token; other names take an id and are never
 * written. Padding is required; an unknown token is required unless `unknown` is skip or error.
 * Lines are at most 64 bytes, the file at most 16 MiB and 2^20 tokens.
 *
 * A file that starts with a brace is a tokenizer.json of Hugging Face's tokenizers, 64 MiB at most,
 * of which this is read: normalizer null, Lowercase, Uppercase, Replace (one letter by one letter),
 * Sequence of these; pre-tokenizer null, Whitespace, WhitespaceSplit, Split (at one letter, or by
 * the empty regular expression), ByteLevel (without use_regex and add_prefix_space); model BPE,
 * WordLevel; post-processor null, ByteLevel, TemplateProcessing, BertProcessing with one token
 * before and after; anything else is refused by name, and so are tokens of more than 1,024 bytes
 * and, with BPE, two of one id. Residues are bytes: one that is not ASCII is unknown but with
 * ByteLevel. Special tokens are never found in residues. Padding is the file's own, or its special
 * token <pad> or [PAD]. Of `padding` the id and the direction are read, of `truncation` the
 * direction alone, `decoder` not at all. Where fuse_unk is set, SEQ_UNKNOWN_TOKEN means
 * SEQ_UNKNOWN_PER_RUN. A run of unknown units ends with its word. BPE reads a word in pieces, so
 * that neither the time of a window nor memory depend on how long the word is; 28 bytes a letter of
 * a piece. Pieces are of 4,096 letters, longer where the merges of a file tie the letters of a
 * longer text together, and whole words where its merges are in no order that a trained tokenizer
 * has (a merge of a part that only a later merge makes); then memory may run out, see
 * SEQ_TOKENIZER_NO_MEMORY.
 * Returns: a new tokenizer, or NULL with `error` set. */
SeqTokenizer *seq_tokenizer_new (const gchar *name_or_path, SeqUnknown unknown, GError **error);
void seq_tokenizer_free (SeqTokenizer *tokenizer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SeqTokenizer, seq_tokenizer_free)

/* The names of the presets, NULL-terminated, static. */
const gchar *const *seq_tokenizer_list_presets (void);

/* Values that a token is: 0 = one, its id; else the channels of a one-hot tokenizer. */
guint seq_tokenizer_get_n_channels (const SeqTokenizer *tokenizer);
/* Bytes of a token that is written as `dtype`: of its id, or of its vector, whatever `dtype` is. */
gsize seq_tokenizer_get_token_size (const SeqTokenizer *tokenizer, SeqDtype dtype);
/* Number of ids of the model's vocabulary, from 0. */
guint seq_tokenizer_get_vocab_size (const SeqTokenizer *tokenizer);
guint seq_tokenizer_get_pad_id (const SeqTokenizer *tokenizer);
guint seq_tokenizer_get_unk_id (const SeqTokenizer *tokenizer);
/* Tokens before and after the body: 0 or 1. */
guint seq_tokenizer_get_n_prefix (const SeqTokenizer *tokenizer);
guint seq_tokenizer_get_n_suffix (const SeqTokenizer *tokenizer);
/* Whether padding stands before the tokens of a row instead of behind them, as the model's own
 * tokenizer does it. */
gboolean seq_tokenizer_pads_left (const SeqTokenizer *tokenizer);
/* Whether the model's own tokenizer cuts the head off a record that is too long, not the tail. What
 * is cut are tokens, not residues: the last `m` of `n` body tokens start at the residue that
 * seq_tokenizer_token_position() says for n - m, and are encoded from there as in the whole. */
gboolean seq_tokenizer_truncates_left (const SeqTokenizer *tokenizer);
/* The largest id that may be written, padding included: what a type has to hold
 * (seq_dtype_fits()). */
guint seq_tokenizer_get_max_id (const SeqTokenizer *tokenizer);
/* Whether the number of tokens follows from the length alone, so that count, token position and the
 * start of a window cost nothing. */
gboolean seq_tokenizer_is_fixed_rate (const SeqTokenizer *tokenizer);
/* Whether tokens are single letters with ids of one byte, of which many are looked up at a time. */
gboolean seq_tokenizer_is_narrow (const SeqTokenizer *tokenizer);

/* The exact number of body tokens of `n` residues, without prefix and suffix; or
 * SEQ_TOKENIZER_NO_MEMORY. */
gsize seq_tokenizer_count (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n);

/* The index of the first residue that body token `first` covers, `n` where there is no such
 * token; or SEQ_TOKENIZER_NO_MEMORY. */
gsize seq_tokenizer_token_position (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize first);

/* How many of the `n` residues there have to be for the first `max_body` body tokens, and what is
 * counted with them, to come out as from all: `n` where what follows may matter. Never
 * NO_MEMORY. */
gsize seq_tokenizer_get_span (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize max_body);

/* Writes prefix, body tokens `first` to `first` + `max_body` - 1 (as far as there are any;
 * G_MAXSIZE = all) and suffix to `out` as `dtype`, which the ids have to fit, or as vectors,
 * whatever `dtype` is. `out` has room for them and is aligned to the size of a value.
 * `unknown` (may be NULL): the number of unknown units that those tokens stand for is added to it.
 * Units that are left out count with the token before them, at the start with token 0, so the
 * numbers of adjoining windows add up.
 * `unknown_position` (may be NULL): index of the first unknown residue among them, -1 = none. With
 * SEQ_UNKNOWN_ERROR the caller has to fail where it is not -1: the ids written for unknown units
 * mean nothing then.
 * Returns: the number of tokens written, prefix and suffix included; or
 * SEQ_TOKENIZER_NO_MEMORY, where some may have been written and nothing else is set. */
gsize seq_tokenizer_encode (const SeqTokenizer *tokenizer, const guint8 *residues, gsize n,
    gsize first, gsize max_body, SeqDtype dtype, void *out, guint64 *unknown,
    gssize *unknown_position);

/* Writes `n` tokens of padding to `out`. */
void seq_tokenizer_pad (const SeqTokenizer *tokenizer, SeqDtype dtype, void *out, gsize n);

G_END_DECLS
