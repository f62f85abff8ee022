#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seqtranslate against Biopython, on random records of all letters. Skipped where Biopython,
PyGObject or GStreamer's typelibs are missing."""

import random
import sys
import warnings

try:
    import gi
    from Bio.Data import CodonTable
    from Bio.Seq import Seq

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

gi.require_version("GstSeq", "1.0")
from gi.repository import GstSeq

LETTERS = {"plain": "ACGT", "rna": "ACGU", "lower": "acgtACGT", "iupac": "ACGTACGTACGTRYSWKMBDHVN"}


def translate(records, properties):
    pipeline = Gst.parse_launch(
        "appsrc name=source format=default "
        "caps=application/x-seq-records,alphabet=unknown,quality=false "
        f"! seqtranslate {properties} ! appsink name=sink sync=false")
    pipeline.set_state(Gst.State.PLAYING)
    source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
    builder = GstSeq.BlockBuilder.new(0)
    for name, nucleotides in records:
        assert builder.add(name, -1, nucleotides, -1, None)
    source.emit("push-buffer", builder.finish())
    source.emit("end-of-stream")
    products = []
    while (sample := sink.emit("pull-sample")) is not None:
        block = sample.get_buffer()
        products += [(GstSeq.block_dup_name(block, i), GstSeq.block_dup_residues(block, i))
                     for i in range(GstSeq.block_get_n_records(block))]
    pipeline.set_state(Gst.State.NULL)
    return products


def chunks(length, chunk, overlap):
    start = 0
    while True:
        end = min(start + chunk, length) if chunk else length
        yield start, end
        if end == length:
            return
        start += chunk - overlap


def expect(records, code, keep, min_length, chunk, overlap):
    for number, (name, nucleotides) in enumerate(records):
        for start, end in chunks(len(nucleotides), chunk, overlap):
            forward = Seq(nucleotides[start:end])
            for sign, strand in (("+", forward), ("-", forward.reverse_complement())):
                for shift in range(3):
                    whole = strand[shift:len(strand) - (len(strand) - shift) % 3]
                    letters, at = str(whole.translate(code)), shift
                    for piece in [letters] if keep else letters.split("*"):
                        after = at + 3 * len(piece)
                        covers = (start + at, start + after) if sign == "+" else \
                            (end - after, end - at)
                        if len(piece) >= min_length:
                            yield (f"{name}:{sign}{shift + 1}:{covers[0]}-{covers[1]} "
                                   f"parent={number}", piece)
                        at = after + 3


def check(code, letters, source):
    records = [(f"r{i}", "".join(source.choices(letters, k=source.randrange(400))))
               for i in range(10)]
    for keep in False, True:
        chunk = source.choice([0, source.randrange(3, 300)])
        overlap = source.randrange(chunk) if chunk else 0
        min_length = source.randrange(1, 10)
        got = translate(records, f"genetic-code={code} stop={'keep' if keep else 'split'} "
                        f"min-length={min_length} chunk={chunk} overlap={overlap}")
        assert got == list(expect(records, code, keep, min_length, chunk, overlap)), \
            (code, letters, keep, min_length, chunk, overlap)


def main():
    Gst.init(None)
    warnings.simplefilter("ignore")  # codes with codons of two meanings
    source = random.Random(1)
    codes = sorted(CodonTable.ambiguous_dna_by_id)
    print(f"1..{len(codes)}")
    for number, code in enumerate(codes, 1):
        for letters in LETTERS.values():
            check(code, letters, source)
        print(f"ok {number} /translate-biopython/{code}", flush=True)


main()
