# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the files of this directory with Hugging Face's tokenizers; see README."""
import json, os, random
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
    "dna-bpe-shuffled": (reads, dict(unk_token="[UNK]"), None, None, template),
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
    if name == "dna-bpe-shuffled":      # merges that training never gives, before those of their parts
        root = json.loads(tokenizer.to_str())
        random.Random(8).shuffle(root["model"]["merges"])
        tokenizer = Tokenizer.from_str(json.dumps(root))
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
    if name in ("dna-bpe-plain", "dna-bpe-shuffled"):     # words that are read in more than one piece
        some += ["".join(reads), "A" * 4500, "ACA" * 1500]
    with open(os.path.join(here, name + ".tsv"), "w") as out:
        some = [s.replace("\t", " ") for s in some]
        for s, encoding in zip(some, tokenizer.encode_batch(some)):
            out.write(s + "\t" + " ".join(map(str, encoding.ids)) + "\n")

def genome(rng, length):
    """Bases, each drawn by the four before it, with repeats"""
    weights = [[rng.randint(1, 8) for _ in range(4)] for _ in range(256)]
    bases, state = [], 0
    while len(bases) < length:
        if len(bases) > 5000 and rng.random() < 0.0005:
            at = rng.randrange(len(bases) - 3000)
            bases += bases[at:at + rng.randrange(200, 3000)]
        base = rng.choices(range(4), weights[state])[0]
        state = (state * 4 + base) % 256
        bases.append("ACGT"[base])
    return "".join(bases)
def dnabert2_like():
    """The shape of DNABERT-2's tokenizer.json: its parts, 4,096 entries, merges as one string each"""
    text = genome(random.Random(4096), 2000000)
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = P.Whitespace()
    tokenizer.train_from_iterator((text[at:at + 1000] for at in range(0, len(text), 1000)),
                                  trainers.BpeTrainer(vocab_size=4096, special_tokens=SPECIALS,
                                                      show_progress=False, max_token_length=64))
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 1), ("[SEP]", 2)])
    root = json.loads(tokenizer.to_str())
    root["model"]["merges"] = [" ".join(merge) for merge in root["model"]["merges"]]
    with open(os.path.join(here, "dnabert2-like.json"), "w") as out:
        json.dump(root, out, separators=(",", ":"))
dnabert2_like()
