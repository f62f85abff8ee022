#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`seqsrc ! seqenc` against Biopython, seqkit and samtools: on generated files with all that the
formats allow, and on real ones, there are as many records and residues, and the same MD5 over names,
residues and qualities, as with every peer that is defined on that input. A peer that is not there is
skipped."""

import gzip
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    from Bio.SeqIO.FastaIO import SimpleFastaParser
    from Bio.SeqIO.QualityIO import FastqGeneralIterator
    HAVE_BIOPYTHON = True
except ImportError:
    HAVE_BIOPYTHON = False

SEQRUN = os.environ["SEQRUN"]
EXAMPLES = os.environ.get("GST_SEQ_EXAMPLES", "/nonexistent")
SAMPLES = os.environ["GST_SEQ_TEST_DATA"]

rng = random.Random(5)


# ---- files ----

def packed_bgzf(data):
    blocks = []
    for at in list(range(0, len(data), 50000)) + [len(data)]:
        piece = data[at:at + 50000]
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(piece) + deflate.flush()
        blocks.append(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\6\0BC\2\0"
                      + struct.pack("<H", len(body) + 25) + body
                      + struct.pack("<II", zlib.crc32(piece), len(piece)))
    return b"".join(blocks)


def packed_zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def residues(length, letters="ACGT"):
    return "".join(rng.choices(letters, k=length))


def qualities(length):
    return "".join(map(chr, rng.choices(range(33, 127), k=length)))


def wrap(text, width):
    return "\n".join(text[at:at + width] for at in range(0, len(text), width))


def fasta(n, width=60, letters="ACGT", shortest=1, name="r{} some words, x=1"):
    records = []
    for number in range(n):
        sequence = residues(max(0, rng.randrange(shortest, 500)), letters)
        lines = wrap(sequence, width) + "\n" if sequence else ""
        records.append(f">{name.format(number)}\n{lines}")
    return "".join(records)


def fastq(n, width=1000, shortest=1, plus=False):
    records = []
    for number in range(n):
        length = max(0, rng.randrange(shortest, 300))
        quality = qualities(length)
        if number % 7 == 1 and length:          # what looks like a header or a separator
            quality = "@+>"[number % 3] + quality[1:]
        records.append(f"@r{number} some words\n{wrap(residues(length), width)}\n"
                       f"+{f'r{number} some words' if plus else ''}\n{wrap(quality, width)}\n")
    return "".join(records)


EVERY = ("biopython", "seqkit", "samtools")

# samtools faidx takes neither lines of varying length nor records with one name nor empty ones;
# seqkit takes no FASTQ over several lines whose qualities start with @, and Biopython none that is
# followed by blank lines
GENERATED = {
    "one-line.fa": (fasta(500, 1000), EVERY),
    "wrapped.fa": (fasta(500), EVERY),
    "crlf.fa": (fasta(300).replace("\n", "\r\n"), EVERY),
    "no-newline.fa": (fasta(50)[:-1], EVERY),
    "lower-case.fa": (fasta(300, letters="acgtnryACGTNRY"), EVERY),
    "proteins.fa": (fasta(300, letters="ACDEFGHIKLMNPQRSTVWYXBZUO*-"), EVERY),
    "long-line.fa": (fasta(3) + ">long\n" + residues(3000000) + "\n" + fasta(2, name="s{}"), EVERY),
    "uneven.fa": (">a\nACG\nTTTTTT\nA\n>b x\nAC\nGGGGGGG\n" * 20, ("biopython", "seqkit")),
    "same-names.fa": (fasta(100, name="same"), ("biopython", "seqkit")),
    "blank-lines.fa": (fasta(100).replace("\n>", "\n\n\n>"), ("biopython", "seqkit")),
    "blank-inside.fa": (">a\nACGT\n\nAC\n\n>b\n\nGG\n", ("biopython", "seqkit")),
    "empty-records.fa": (fasta(100, shortest=-200), ("biopython",)),
    "marks.fa": (">a>b @c +d\nAC>G\n>e;f\nAC\n", ("biopython",)),
    "utf8.fa": (">\u00e9t\u00e9 \u4e2d\nACGT\n>b\nAC\n", ("biopython", "seqkit")),
    "four-lines.fq": (fastq(500), EVERY),
    "crlf.fq": (fastq(300).replace("\n", "\r\n"), ("biopython", "seqkit")),
    "plus-names.fq": (fastq(300, plus=True), EVERY),
    "no-newline.fq": (fastq(50)[:-1], EVERY),
    "several-lines.fq": (fastq(300, 61), ("biopython",)),
    "empty-reads.fq": (fastq(100, shortest=-100), ("biopython",)),
}


def make_files(directory):
    """Path and peers of each"""
    files = []
    for name, (text, peers) in GENERATED.items():
        files.append((name, text.encode(), peers))
    for name in ("wrapped.fa", "four-lines.fq"):
        data, peers = GENERATED[name][0].encode(), GENERATED[name][1]
        half = data.index(b"\n", len(data) // 2)
        files.append((name + ".gz", gzip.compress(data), peers))
        files.append((name + ".members.gz", gzip.compress(data[:half]) + gzip.compress(data[half:]),
                      peers))
        files.append((name + ".bgz", packed_bgzf(data), peers))
        if shutil.which("zstd"):
            files.append((name + ".zst", packed_zstd(data), peers))
    paths = []
    for name, data, peers in files:
        paths.append((os.path.join(directory, name), peers))
        with open(paths[-1][0], "wb") as file:
            file.write(data)
    return paths


def real_files():
    """Of Debian's packages where they are, else the samples that stand here"""
    found = []
    for path, sample in (
            ("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz", "proteins.fasta"),
            ("/usr/share/doc/bowtie2/examples/reads/longreads.fq.gz", "reads.fastq"),
            ("/usr/share/doc/bowtie2/examples/reads/reads_1.fq.gz", "reads.fastq")):
        for candidate in (path, EXAMPLES + path, os.path.join(SAMPLES, sample)):
            if os.path.exists(candidate):
                found.append((candidate, EVERY))
                break
    return list(dict.fromkeys(found))


# ---- readers: each gives (name, residues, qualities or None) ----

def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def is_fastq(path):
    return ".fq" in path or ".fastq" in path


def read_ours(path, directory):
    out = os.path.join(directory, "out")
    run(SEQRUN, "-q", f'seqsrc location="{path}" ! seqenc line-width=0 ! filesink location="{out}"')
    with open(out, "rb") as file:
        lines = file.read().split(b"\n")
    assert lines.pop() == b""
    at, records = 0, []
    while at < len(lines):
        if is_fastq(path):
            name, sequence, plus, quality = lines[at:at + 4]
            assert name[:1] == b"@" and plus == b"+", (name, plus)
            records.append((name[1:], sequence, quality))
            at += 4
        else:
            has_residues = at + 1 < len(lines) and lines[at + 1][:1] != b">"
            assert lines[at][:1] == b">", lines[at]
            records.append((lines[at][1:], lines[at + 1] if has_residues else b"", None))
            at += 1 + has_residues
    return records


def unpacked(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".zst"):
        return run("zstd", "-dcq", path)
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def unpack(path, directory):
    plain = os.path.join(directory, "plain")
    with open(plain, "wb") as file:
        file.write(unpacked(path))
    return plain


def read_biopython(path, directory):
    with open(unpack(path, directory), encoding="utf-8") as file:
        if is_fastq(path):
            return [tuple(part.encode() for part in record)
                    for record in FastqGeneralIterator(file)]
        return [(name.encode(), sequence.encode(), None)
                for name, sequence in SimpleFastaParser(file)]


def read_seqkit(path, directory):
    if path.endswith(".zst"):           # version 2.3 has no zstd
        path = unpack(path, directory)
    rows = run("seqkit", "fx2tab", "-j", "2", path).decode().split("\n")
    assert rows.pop() == ""
    records = []
    for row in rows:
        name, sequence, quality = row.split("\t")[:3]
        records.append((name.encode(), sequence.encode(),
                        quality.encode() if quality else None))
    return records


def read_samtools(path, directory):
    """By an index of the names, which are first words to samtools"""
    plain = unpack(path, directory)
    command = "fqidx" if is_fastq(path) else "faidx"
    index = os.path.join(directory, "index")
    run("samtools", command, plain, "--fai-idx", index)
    with open(index, encoding="utf-8") as file:
        names = [line.split("\t")[0] for line in file]
    with open(os.path.join(directory, "names"), "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in names)
    lines = run("samtools", command, plain, "-n", "2000000000", "--fai-idx", index, "-r",
                os.path.join(directory, "names")).split(b"\n")
    assert lines.pop() == b""
    step = 4 if is_fastq(path) else 2
    return [(lines[at][1:], lines[at + 1], lines[at + 3] if step == 4 else None)
            for at in range(0, len(lines), step)]


PEERS = {"biopython": (read_biopython, lambda: HAVE_BIOPYTHON),
         "seqkit": (read_seqkit, lambda: shutil.which("seqkit")),
         "samtools": (read_samtools, lambda: shutil.which("samtools"))}


# ---- comparison ----

def digest(records, first_word):
    """Records, residues, MD5. Blanks at the end of a name are seqsrc's to keep, others drop them."""
    md5, total = hashlib.md5(), 0
    for name, sequence, quality in records:
        name = name.split()[0] if first_word else name.rstrip()
        md5.update(b"%s\n%s\n%s\n" % (name, sequence, b"-" if quality is None else quality))
        total += len(sequence)
    return len(records), total, md5.hexdigest()


def explain(ours, theirs):
    for number, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"record {number}: ours {str(a)[:200]}, theirs {str(b)[:200]}"
    return "one has more records"


def compare(path, peer, directory):
    ours = read_ours(path, directory)
    theirs = PEERS[peer][0](path, directory)
    first_word = peer == "samtools"
    assert len(ours) > 0
    a, b = digest(ours, first_word), digest(theirs, first_word)
    assert a == b, f"{a} and {b}: {explain(ours, theirs)}"


def main():
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix="gst-seq-differential-") as directory:
        cases = [(path, peer) for path, peers in make_files(directory) + real_files()
                 for peer in peers]
        print(f"1..{len(cases)}")
        for number, (path, peer) in enumerate(cases, 1):
            name = f"{number} /differential/{peer}/{os.path.basename(path)}"
            if not PEERS[peer][1]():
                print(f"ok {name} # SKIP {peer} is not there")
                continue
            try:
                compare(path, peer, directory)
                print(f"ok {name}", flush=True)
            except (AssertionError, ValueError, IndexError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"not ok {name}")
                detail = getattr(error, "stderr", None)
                print(f"# {error!r} {detail[-300:] if detail else ''}"[:1500], flush=True)
    return failed > 0


sys.exit(main())
