# SPDX-License-Identifier: LGPL-2.1-or-later
"""How PyTorch's DataLoader makes batches of a FASTA file, with what stands between it and a model
in ESM-2's own examples: sequences sorted by length, at most so many tokens a batch, a converter of
strings to tensors in two worker processes. Prints JSON: tokens, and the seconds that iterating took
(imports and reading the file are not counted).

Converters: esm (of package fair-esm), split (written anew, in the general way in which ESM's goes
about it: the text is cut at every token of the vocabulary, one after the other), letters (the least
that Python can do: one look-up a letter), hf (package tokenizers, in threads of its own)."""
import json
import os
import sys
import time

import torch

MAX_TOKENS = 16384
VOCABULARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/esm2-vocab.txt")


def read_fasta(path, limit):
    records = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line[0] == ">":
                if len(records) == limit:
                    break
                records.append((line[1:].rstrip(), []))
            else:
                records[-1][1].append(line.rstrip())
    return [(name, "".join(parts)) for name, parts in records]


def batches_of(records):
    """Indices, shortest first, of so many records that the batch has MAX_TOKENS at most"""
    batches, batch = [], []
    for index in sorted(range(len(records)), key=lambda i: len(records[i][1])):
        if batch and (len(records[index][1]) + 2) * (len(batch) + 1) > MAX_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(index)
    batches.append(batch)
    return batches


class Converter:
    """A list of (name, sequence) to (names, sequences, padded int64 tensor)"""

    def __init__(self):
        with open(VOCABULARY, encoding="ascii") as lines:
            self.ids = {line.rstrip("\n"): number for number, line in enumerate(lines)}

    def encode(self, text):
        raise NotImplementedError

    def __call__(self, records):
        rows = [[self.ids["<cls>"], *self.encode(text), self.ids["<eos>"]] for _, text in records]
        tokens = torch.full((len(rows), max(map(len, rows))), self.ids["<pad>"], dtype=torch.int64)
        for i, row in enumerate(rows):
            tokens[i, :len(row)] = torch.tensor(row, dtype=torch.int64)
        return [name for name, _ in records], [text for _, text in records], tokens


class Letters(Converter):
    def encode(self, text):
        return map(self.ids.__getitem__, text)


class Split(Converter):
    def encode(self, text):
        parts = [text]
        for token in self.ids:
            cut = []
            for part in parts:
                if part in self.ids:
                    cut.append(part)
                    continue
                between = part.split(token)
                for piece in between[:-1]:
                    cut.extend((piece, token) if piece else (token,))
                if between[-1]:
                    cut.append(between[-1])
            parts = cut
        return [self.ids[part] for part in parts]


def esm_converter():
    import esm
    return esm.data.Alphabet.from_architecture("ESM-1b").get_batch_converter()


def run_loader(records, converter):
    loader = torch.utils.data.DataLoader(records, batch_sampler=batches_of(records),
                                         collate_fn=converter, num_workers=2)
    return sum(len(text) + 2 for _, texts, _ in loader for text in texts)


def run_hf(records):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    ids = Converter().ids
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<cls> $A <eos>", special_tokens=[("<cls>", ids["<cls>"]), ("<eos>", ids["<eos>"])])
    tokenizer.enable_padding(pad_id=ids["<pad>"], pad_token="<pad>")
    tokens = 0
    for batch in batches_of(records):
        encoded = tokenizer.encode_batch([records[i][1] for i in batch])
        torch.tensor([row.ids for row in encoded])
        tokens += sum(len(records[i][1]) + 2 for i in batch)
    return tokens


def main():
    path, limit, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    records = read_fasta(path, limit)
    if kind == "hf":
        import tokenizers
        assert tokenizers
        started = time.monotonic()
        tokens = run_hf(records)
    else:
        converter = {"esm": esm_converter, "split": Split, "letters": Letters}[kind]()
        started = time.monotonic()
        tokens = run_loader(records, converter)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "tokens": tokens}))


if __name__ == "__main__":
    main()
