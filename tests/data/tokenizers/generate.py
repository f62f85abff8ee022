# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the files of this directory with Hugging Face's tokenizers; see README."""
import os, random
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..")
proteins = []
for line in open(os.path.join(data, "proteins.fasta")):
    if line.startswith(">"):
        proteins.append("")
    else:
        proteins[-1] += line.strip()
reads = open(os.path.join(data, "reads.fastq")).read().split("\n")[1::4]
SPECIALS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
template = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
N, P = normalizers, pre_tokenizers
variants = {
    "dna-bpe": (reads, dict(unk_token="[UNK]"), None, P.Whitespace(), template),
    "dna-bpe-plain": (reads, dict(unk_token="[UNK]"), None, None, None),
    "dna-bpe-fuse": (reads, dict(unk_token="[UNK]", fuse_unk=True), N.Replace("N", "?"),
                     P.WhitespaceSplit(), processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))),
    "protein-bpe-replace": (proteins[:60], dict(unk_token="[UNK]"),
                          N.Sequence([N.Replace("a", "A"), N.Replace("U", "X")]), P.Whitespace(),
                          processors.TemplateProcessing("$A [SEP]", None, [("[SEP]", 2)])),
    "protein-words": (None, None, N.Lowercase(), P.Whitespace(), template),
    "protein-letters": (None, None, N.Lowercase(), P.Split(Regex(""), "isolated"), template),
    "dna-bpe-bytes": (reads, dict(), None, P.ByteLevel(add_prefix_space=False, use_regex=False),
                      processors.ByteLevel()),
    "dna-bpe-isolated": (reads, dict(unk_token="[UNK]"), None, P.Split("N", "isolated"), template),
    "dna-bpe-removed": (reads, dict(unk_token="[UNK]"), None, P.Split("N", "removed"), template),
    "dna-bpe-left": (reads, dict(unk_token="[UNK]"), None, P.Whitespace(), template),
}
def odd(sequence, rng):
    letters = list(sequence[:120])
    for _ in range(12):
        letters[rng.randrange(len(letters))] = rng.choice(" NNNN**-?acgtUX\t_.")
    return "".join(letters)
for name, (corpus, options, normalizer, pre, post) in variants.items():
    if corpus:
        tokenizer = Tokenizer(models.BPE(**options))
    else:
        words = SPECIALS + list("acdefghiklmnpqrstvwy") + ["mk", "***"]
        tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
    if normalizer: tokenizer.normalizer = normalizer
    if pre: tokenizer.pre_tokenizer = pre
    if corpus:
        tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
            vocab_size=400, special_tokens=SPECIALS, show_progress=False,
            initial_alphabet=P.ByteLevel.alphabet() if name == "dna-bpe-bytes" else [], max_token_length=16))
    else:
        tokenizer.add_special_tokens(SPECIALS)
    if post: tokenizer.post_processor = post
    if name.endswith("-left"):
        tokenizer.enable_truncation(40, direction="left")
        tokenizer.enable_padding(direction="left", pad_id=3, pad_token="[PAD]")
    tokenizer.save(os.path.join(here, name + ".json"), pretty=False)
    rng = random.Random(7)
    if corpus:
        some = [s[:300] for s in ((reads if corpus is reads else proteins)[:30])]
    else:
        some = [" ".join(s[:60]) for s in proteins[:10]] + ["MK mk *** ** A*B", "  ", "A"]
    some += [odd(s, rng) for s in some if len(s) > 5]
    with open(os.path.join(here, name + ".tsv"), "w") as out:
        some = [s.replace("\t", " ") for s in some]
        for s, encoding in zip(some, tokenizer.encode_batch(some)):
            out.write(s + "\t" + " ".join(map(str, encoding.ids)) + "\n")
