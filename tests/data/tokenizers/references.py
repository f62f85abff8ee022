# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes references/NAME.txt: for 1,000 real sequences a digest of the ids that a model's own
tokenizer gives for each. test-tokenizer-references.c makes the same sequences and compares.

  pip install transformers==4.57.6 sentencepiece==0.2.3 numpy
  pip install --no-deps esm==3.2.1.post1 evo-model==0.5
  python3 references.py

Proteins: every 20th record of DB.fasta.gz of Debian's package mmseqs2-examples. DNA: of its package
bowtie2-examples lambda_virus.fa.gz as a whole, then in 20 pieces of 2,425 bases, then the first 979
reads of reads_1.fq.gz. Sequence i of them is changed so:
  - i mod 7 = 3: five times a letter is put at a place, letter (one of ODD, rare or unknown) and
    place as change() below draws them;
  - i mod 10 = 9: all letters are made lower case;
  - i mod 5 = 2: no more than 24 tokens, specials included.
A digest is FNV-1a, 64 bits, of the ids, specials included, as 32 bits each, the lowest byte first.

Vocabularies are written here from their published order. "own rules": the model's tokenizer is not
on PyPI; it is a few lines here, from what is published about it."""
import gzip
import importlib.machinery
import os
import re
import struct
import sys
import tempfile
import types
from itertools import product

import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
import tokenizers
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.environ.get("GST_SEQ_EXAMPLES", "") + "/usr/share/doc/"
ODD = {"protein": "XBZUOJ*-.|?", "dna": "NRYKMSWBDHVU"}
MAX_TOKENS = 24


# ---- sequences ----

def read_fasta(path):
    records = []
    for line in gzip.open(EXAMPLES + path, "rt"):
        if line.startswith(">"):
            records.append([])
        else:
            records[-1].append(line.strip())
    return ["".join(lines) for lines in records]


def change(sequence, i, odd):
    letters, state = list(sequence), i
    for _ in range(5 if i % 7 == 3 else 0):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        letters[(state >> 33) % len(letters)] = odd[(state >> 20) % len(odd)]
    text = "".join(letters)
    return text.lower() if i % 10 == 9 else text


def sequences(kind):
    if kind == "protein":
        real = read_fasta("mmseqs2/example-data/DB.fasta.gz")[::20][:1000]
    else:
        fastq = gzip.open(EXAMPLES + "bowtie2/examples/reads/reads_1.fq.gz", "rt").read()
        phage = read_fasta("bowtie2/examples/reference/lambda_virus.fa.gz")[0]
        pieces = [phage[at:at + 2425] for at in range(0, 48500, 2425)]
        real = [phage] + pieces + fastq.split("\n")[1::4][:979]
    assert len(real) == 1000
    return [change(s, i, ODD[kind]) for i, s in enumerate(real)]


# ---- tokenizers: each gives the ids of a sequence, of at most `limit` tokens ----

def vocabulary(words):
    path = os.path.join(tempfile.mkdtemp(), "vocab.txt")
    with open(path, "w") as out:
        out.write("\n".join(words) + "\n")
    return path


def kmers(k):
    return ["".join(kmer) for kmer in product("ATCG", repeat=k)]


def call(tokenizer, prepare=lambda s: s):
    return lambda s, limit: tokenizer(prepare(s), truncation=True, max_length=limit)["input_ids"]


def spaced_protein(s):                       # as the model cards of ProtBert and ProtT5 say
    return " ".join(re.sub("[UZOB]", "X", s))


def esm2():
    words = ("<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - "
             "<null_1> <mask>")
    return call(transformers.EsmTokenizer(vocabulary(words.split())))


def nucleotide(words):
    return call(transformers.EsmTokenizer(vocabulary(words), eos_token=None))


def load(name):
    """A module without what the packages that it is in do when they are imported"""
    path = None
    for part in name.split(".")[:-1]:
        package = types.ModuleType(part if path is None else f"{package.__name__}.{part}")
        path = importlib.machinery.PathFinder.find_spec(part, path).submodule_search_locations
        package.__path__ = path
        sys.modules[package.__name__] = package
    return importlib.import_module(name)


def esmc():
    load("esm.utils.constants.esm3")
    sys.modules["esm.utils.constants"].esm3 = sys.modules["esm.utils.constants.esm3"]
    return call(load("esm.tokenization.sequence_tokenizer").EsmSequenceTokenizer())


def protbert():
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] L A G V E S I K R D T P N Q F Y M H C W X U B Z O"
    tokenizer = transformers.BertTokenizer(vocabulary(words.split()), do_lower_case=False)
    return call(tokenizer, spaced_protein)


def prott5():
    model = sentencepiece_model.ModelProto()
    pieces = [("<pad>", 3), ("</s>", 3), ("<unk>", 2)]       # 3 = control, 2 = unknown
    pieces += [("\u2581" + letter, 1) for letter in "ALGVSREDTIPKFQNYMHWCXBOUZ"]
    for text, kind in pieces:
        model.pieces.add(piece=text, score=0.0, type=kind)
    model.trainer_spec.unk_id, model.trainer_spec.pad_id = 2, 0
    model.trainer_spec.eos_id, model.trainer_spec.bos_id = 1, -1
    model.normalizer_spec.name = "identity"
    path = os.path.join(tempfile.mkdtemp(), "spiece.model")
    with open(path, "wb") as out:
        out.write(model.SerializeToString())
    return call(transformers.T5Tokenizer(path, legacy=True), spaced_protein)


def dnabert(k):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + kmers(k)
    tokenizer = transformers.BertTokenizer(vocabulary(words), do_lower_case=False)
    return call(tokenizer, lambda s: " ".join(s[at:at + k] for at in range(len(s) - k + 1)))


def letters(upper):
    """No [CLS], a [SEP] at the end, which stays when the sequence is cut"""
    ids = {letter: 7 + i for i, letter in enumerate("ACGTN")}
    return lambda s, limit: [ids.get(c, 6) for c in (s.upper() if upper else s)][:limit - 1] + [1]


def evo():
    sys.modules["torch"] = types.ModuleType("torch")         # asked for, and not needed
    sys.modules["torch"].Tensor = list
    tokenizer = load("evo.tokenizer").CharLevelTokenizer(512)
    return lambda s, limit: [int(i) for i in tokenizer.tokenize(s)][:limit]


def json_file(name):
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(HERE, name + ".json"))

    def encode(s, limit):
        tokenizer.enable_truncation(limit)
        return tokenizer.encode(s).ids
    return encode


HF = f"transformers {transformers.__version__}"
NT = ["<unk>", "<pad>", "<mask>", "<cls>"]
REFERENCES = {
    "esm2": ("protein", f"EsmTokenizer of {HF}", esm2),
    "esmc": ("protein", "EsmSequenceTokenizer of esm 3.2.1.post1", esmc),
    "protbert": ("protein", f"BertTokenizer of {HF}, letters apart, UZOB as X", protbert),
    "prott5": ("protein", f"T5Tokenizer of {HF}, letters apart, UZOB as X", prott5),
    "nt6": ("dna", f"EsmTokenizer of {HF}",
            lambda: nucleotide(NT + ["<eos>", "<bos>"] + kmers(6) + list("ATCGN"))),
    "nt6-v1": ("dna", f"EsmTokenizer of {HF}",
               lambda: nucleotide(NT + kmers(6) + list("ATCGN") + ["<eos>", "<bos>"])),
    "hyenadna": ("dna", "own rules", lambda: letters(False)),
    "caduceus": ("dna", "own rules", lambda: letters(True)),
    "evo": ("dna", "CharLevelTokenizer of evo-model 0.5", evo),
    "bytes": ("dna", "own rules", lambda: lambda s, limit: list(s.encode())[:limit]),
    "dnabert2-like": ("dna", f"tokenizers {tokenizers.__version__}, dnabert2-like.json",
                      lambda: json_file("dnabert2-like")),
}
for size in range(3, 7):
    REFERENCES[f"dnabert{size}"] = ("dna", f"BertTokenizer of {HF}, k-mers apart",
                                    lambda k=size: dnabert(k))


def digest(ids):
    value = 0xcbf29ce484222325
    for byte in struct.pack(f"<{len(ids)}I", *ids):
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"


if __name__ == "__main__":
    texts = {kind: sequences(kind) for kind in ODD}
    for name in sys.argv[1:] or REFERENCES:
        kind, origin, make = REFERENCES[name]
        encode = make()
        with open(os.path.join(HERE, "references", name + ".txt"), "w") as out:
            out.write(f"# {name}: digests of the ids of 1,000 sequences ({kind}); "
                      "see references.py.\n")
            out.write(f"# Reference: {origin}.\n")
            for i, text in enumerate(texts[kind]):
                out.write(digest(encode(text, MAX_TOKENS if i % 5 == 2 else 10**9)) + "\n")
        print(name, origin)
