# SPDX-License-Identifier: LGPL-2.1-or-later
"""The groups of rows: which work is measured, against whom, and what ratio is to be reached."""
import filecmp
import os
import shutil
import subprocess
import tempfile

from contest import Contestant, Failed, contest, contest_within, run_once
from table import FAILED, Reach, Row, spread

ELEMENTS_AFTER_BATCH = "pinnedqueue ! cudamemguard ! fakesink"
PROTEINS = 1000000
MB = 1000 * 1000


class Bench:
    """Where things are, and how much is measured"""

    def __init__(self, root, build, data, quick):
        self.root = root
        self.build = build
        self.data = data
        self.quick = quick
        self.rounds = 5 if quick else 6
        self.round_trips = []       # ns, one before each run

    def size(self, quick, full):
        return quick if self.quick else full

    def at_full_size(self, reach):
        """A reach that is set for a million records says nothing about fewer"""
        return None if self.quick else reach

    def program(self, name):
        return os.path.join(self.build, "tests/bench", name)

    def contest(self, contestants, rounds=None, **options):
        return contest(contestants, rounds or self.rounds, self.program("warm-memory"),
                       watch=self.note_round_trip, **options)

    def note_round_trip(self):
        done = subprocess.run([self.program("round-trip")], check=True, stdout=subprocess.PIPE)
        self.round_trips.append(int(done.stdout))

    def peer(self, name):
        return os.path.join(self.root, "build/bench-peers", name)

    def pipeline(self, name, description):
        return Contestant(name, [self.program("time-pipeline"), description], output=None)

    def kseq(self, path, name="kseq"):
        return Contestant(name, [self.peer(name), path])


def remove(files):
    for file in files:
        if os.path.exists(file):
            os.remove(file)


def rate(results, amount, unit):
    """What the whole process did a second. Of a pipeline also what came before PLAYING."""
    scale = {"GB": 1e9, "M records": 1e6, "M tokens": 1e6}[unit]
    text = spread([amount / result.wall / scale for result in results], f" {unit}/s")
    if "playing" in results[0].facts:
        before = min(result.wall - result.playing for result in results)
        text += f", of it {before * 1000:.0f} ms to start"
    return text


def compare(bench, work, amount, unit, ours, peers):
    """Rows of one contest. `peers`: (contestant, reach); a ratio is how many times as fast ours is,
    or with a reach of the form ≤ what part of the peer's time it takes."""
    results = bench.contest([ours] + [peer for peer, _ in peers])
    if ours.name not in results:
        for peer, reach in peers:
            yield Row(work, FAILED, peer.name, None, reach, reason=ours.failure)
        return
    mine = results[ours.name]
    for peer, reach in peers:
        theirs = results.get(peer.name)
        if theirs is None:
            yield Row(work, rate(mine, amount, unit), peer.name, None, reach, reason=peer.failure)
            continue
        ratios = [b.wall / a.wall for a, b in zip(mine, theirs)]
        if reach and reach.sign == "≤":
            ratios = [1 / ratio for ratio in ratios]
        yield Row(work, rate(mine, amount, unit), f"{peer.name} {rate(theirs, amount, unit)}",
                  ratios, reach)


def plain(bench):
    """Plain FASTA and FASTQ to blocks"""
    files = [
        ("FASTA, 60 columns", bench.data.made("proteins", PROTEINS)),
        ("FASTA, one line each", bench.data.made("oneline", PROTEINS)),
        ("FASTQ, 150 bases", bench.data.made("reads", bench.size(PROTEINS, 4 * PROTEINS))),
        ("FASTQ, 10 kb", bench.data.made("longreads", bench.size(20000, 60000))),
        ("FASTA, a chromosome", bench.data.made("chromosome", 250 * MB)),
        ("FASTA, 5 Mb each", bench.data.made("genomes", 50)),
        ("FASTQ, real long reads (wtdbg2-examples)", bench.data.reads_of_debian(1)),
    ]
    for work, path in files:
        if path is None:
            yield Row(work, "–", "kseq", None, reason="the package can't be had")
            continue
        peers = [(bench.kseq(path), Reach("≥", 2)),
                 (Contestant("wc -l", ["wc", "-l", path]), Reach("≥", 0.6))]
        if not bench.quick:
            peers += [
                (bench.kseq(path, "kseq-read"), Reach("≥", 2)),
                (Contestant("cat", ["cat", path]), None),
                (bench.pipeline("filesrc", f"filesrc location={path} blocksize=1048576 ! fakesink"),
                 None),
                (Contestant("seqkit stats", ["seqkit", "stats", "-j", "2", path]), None)]
        ours = bench.pipeline("ours", f"seqsrc location={path} ! fakesink")
        yield from compare(bench, work, os.path.getsize(path), "GB", ours, peers)


def compressed(bench):
    """Compressed FASTA to blocks; GB are those of the plain text"""
    data = bench.data
    text, whole = (data.made("proteins", n) for n in (bench.size(200000, PROTEINS), PROTEINS))
    size = os.path.getsize(text)
    plain_gzip, bgzf, zstd = data.gzip(text), data.bgzf(whole), data.zstd(whole)
    works = [
        ("gzip", plain_gzip, size, [("igzip -dc", ["igzip", "-dc", plain_gzip], 0.9),
                                    ("kseq", [bench.peer("kseq"), plain_gzip], None)]),
        ("BGZF", bgzf, os.path.getsize(whole),
         [("bgzip -dc -@2", ["bgzip", "-dc", "-@2", bgzf], 1.1)]),
        ("zstd", zstd, os.path.getsize(whole), [("zstd -dc", ["zstd", "-dcq", zstd], 0.9)]),
    ]
    real = data.proteins_of_debian(bench.size(10, 40))
    if real is None:
        yield Row("gzip, real proteins (mmseqs2-examples)", "–", "igzip -dc", None,
                  reason="the package can't be had")
    else:
        size = int(subprocess.run(f"gzip -dc '{real}' | wc -c", shell=True, check=True,
                                  stdout=subprocess.PIPE).stdout)
        works.append(("gzip, real proteins (mmseqs2-examples)", real, size,
                      [("igzip -dc", ["igzip", "-dc", real], 0.9)]))
    for work, path, size, peers in works:
        yield from compare(bench, work, size, "GB",
                           bench.pipeline("ours", f"seqsrc location={path} ! fakesink"),
                           [(Contestant(name, command), Reach("≥", reach) if reach else None)
                            for name, command, reach in peers])


def chain_of(bench, path, dtype, limit=""):
    return bench.pipeline("ours", f"seqsrc location={path} ! seqsort ! seqbatch max-tokens=16384 "
                          f"{limit} dtype={dtype} ! {ELEMENTS_AFTER_BATCH}")


def chain(bench):
    """From the file to batches, sorted"""
    path = bench.data.made("proteins", PROTEINS)
    limits = [("", ""), ("batch-size=0", ", not 32 records but 16,384 tokens each")]
    for dtype, reach in (("int64", 1.5), ("uint8", 1.2)):
        for limit, what in limits[:bench.size(1, 2)]:
            ours = chain_of(bench, path, dtype, limit)
            yield from compare(bench, f"proteins to sorted, padded {dtype} batches{what}", PROTEINS,
                               "M records", ours, [(bench.kseq(path), Reach("≤", reach))])
    n = bench.size(PROTEINS, 4 * PROTEINS)
    path = bench.data.made("reads", n)
    work = "150-base reads to sorted, padded int64 batches (nt6)"
    ours = bench.pipeline("ours", f"seqsrc location={path} alphabet=dna ! seqsort ! seqbatch "
                          f"tokenizer=nt6 batch-size=0 max-tokens=16384 ! {ELEMENTS_AFTER_BATCH}")
    kseq = bench.kseq(path)
    results = bench.contest([ours, kseq])
    if "ours" not in results:
        yield Row(work, FAILED, "–", None, reason=ours.failure)
        return
    yield Row(work, rate(results["ours"], n, "M records"),
              f"kseq {rate(results['kseq'], n, 'M records')}" if "kseq" in results else "–",
              [n / result.wall / 1e6 for result in results["ours"]],
              Reach("≥", 3, " M records/s"))


DATALOADER = Reach("≥", 2000)


def converters(bench, path):
    """What Python does for the same, with its reach"""
    script = os.path.join(bench.root, "tests/bench/loader.py")
    python = bench.peer("python/bin/python")
    if not os.path.exists(python):
        python = "/usr/bin/python3"
    esm, split, letters, hf = (
        Contestant(name, [python, script, path, "6000", kind], output=None)
        for kind, name in (("esm", "DataLoader, fair-esm's BatchConverter"),
                           ("split", "DataLoader, converter like ESM's"),
                           ("letters", "DataLoader, one look-up a letter"),
                           ("hf", "HF tokenizers")))
    try:
        run_once(esm)
    except Failed as failed:
        esm.failure = str(failed)
    return [(esm, DATALOADER), (split, DATALOADER if esm.failure else None), (letters, None),
            (hf, None)]


def loaders(bench):
    """The chain against what Python makes of a part of the file, in tokens a second"""
    work = "tokens a second, int64"
    if bench.quick:             # importing torch takes longer than all else
        yield Row(work, "–", "DataLoader", None, DATALOADER, reason="only in the full run")
        return
    path = bench.data.made("proteins", PROTEINS)
    peers = converters(bench, path)
    ours = chain_of(bench, path, "int64")
    results = bench.contest([ours] + [peer for peer, _ in peers], 5)
    if "ours" not in results:
        for peer, reach in peers:
            yield Row(work, FAILED, peer.name, None, reach, reason=ours.failure)
        return
    rates = [run.facts["seq-batch-stats/tokens"] / run.wall / 1e6 for run in results["ours"]]
    for peer, reach in peers:
        if peer.name not in results:
            yield Row(work, spread(rates, " M/s"), peer.name, None, reach, reason=peer.failure)
            continue
        theirs = [run.facts["tokens"] / run.facts["seconds"] / 1e6 for run in results[peer.name]]
        yield Row(work, spread(rates, " M/s"), f"{peer.name} {spread(theirs, ' M/s')}",
                  [a / b for a, b in zip(rates, theirs)], reach)


def tokenising(bench):
    """Tokenising alone, in one thread, in the cache"""
    try:
        costs = contest_within([bench.program("tokenise")], bench.rounds)
    except Failed as failed:
        yield Row("tokenising", FAILED, "table", None, reason=str(failed))
        return
    for dtype, reach in (("uint8", 1), ("int64", 0.8), ("one-hot", 0.8)):
        ours = costs[f"ours-{dtype}"]
        for peer, bound in ((f"table-{dtype}", Reach("≥", reach)), ("memcpy", None)):
            yield Row(f"tokenising, {dtype}", spread(ours, " ns/residue"),
                      f"{peer} {spread(costs[peer], ' ns/residue')}",
                      [b / a for a, b in zip(ours, costs[peer])], bound)


SORTING = "FASTA sorted by length"
# memory that looks like a directory
SHARED_MEMORY = "/dev/shm"


def output_directory(bench, size):
    """Where a file of that size waits for no disk, if there is such a place"""
    if os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free > size:
        return tempfile.TemporaryDirectory(prefix="gst-seq-bench-", dir=SHARED_MEMORY)
    return tempfile.TemporaryDirectory(dir=bench.data.directory)


def sorting(bench):
    """A FASTA file sorted by length"""
    n = bench.size(100000, PROTEINS)
    path = bench.data.made("proteins", n)
    with output_directory(bench, 2 * os.path.getsize(path)) as directory:
        mine, theirs = (os.path.join(directory, name) for name in ("ours.fa", "peer.fa"))
        ours = Contestant("ours", [os.path.join(bench.build, "pipelines/seqrun"), "--quiet",
                                   os.path.join(bench.root, "pipelines/sort-fasta.launch"),
                                   f"src.location={path}", f"sink.location={mine}"])
        peer = Contestant("seqkit sort -l -j 2",
                          ["seqkit", "sort", "-l", "-j", "2", "-w", "60", "-o", theirs, path])
        results = bench.contest([ours, peer], 5)
        yield from sorting_rows(bench, n, ours, peer, results)
        yield same_records(bench, path, mine, theirs, ours, peer)


def sorting_rows(bench, n, ours, peer, results):
    mine, theirs = results.get(ours.name), results.get(peer.name)

    def row(what, reach, show, ratio):
        return Row(SORTING + what, show(mine) if mine else FAILED,
                   f"{peer.name} {show(theirs)}" if theirs else peer.name,
                   [ratio(x, y) for x, y in zip(mine, theirs)] if mine and theirs else None,
                   reach, reason=ours.failure or peer.failure)

    yield row("", bench.at_full_size(Reach("≥", 15)), lambda runs: rate(runs, n, "M records"),
              lambda x, y: y.wall / x.wall)
    yield row(": peak memory", bench.at_full_size(Reach("≤", 0.25)),
              lambda runs: spread([run.rss / MB for run in runs], " MB"),
              lambda x, y: x.rss / y.rss)


def same_records(bench, path, mine, theirs, ours, peer):
    """Ours against the input and against what the peer made of it"""
    work, reach = f"{SORTING}: same records", Reach("≥", 1, " (1 = the same)")
    digest = Contestant("digest", [bench.peer("kseq-digest")])
    reason = ours.failure or peer.failure or digest.failure
    if reason:
        return Row(work, FAILED if ours.failure else "–", peer.name, None, reach, reason=reason)
    digests = [subprocess.run(digest.command + [file], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.strip() for file in (path, mine, theirs)]
    same = digests[1] == digests[2] and digests[0].split(",")[:2] == digests[1].split(",")[:2]
    return Row(work, digests[1], digests[2], [float(same)], reach)


def spilling(bench):
    """Sorting within a budget of memory"""
    work, limit = "2 GB sorted with max-bytes=64M", 300
    listed = subprocess.run(["gst-inspect-1.0", "seqsort"], stdout=subprocess.PIPE, text=True,
                            check=False).stdout
    reason = ("seqsort has no property max-bytes" if "max-bytes" not in listed
              else "only in the full run" if bench.quick else None)
    if reason:
        yield Row(f"{work}: peak memory", "–", f"{limit} MB", None, Reach("≤", limit, " MB"),
                  reason=reason)
        yield Row(f"{work}: same bytes", "–", "in memory", None, reason=reason)
        return
    path = bench.data.made("proteins", 4500000)
    outputs = [os.path.join(bench.data.directory, name) for name in ("spilled.fa", "in-memory.fa")]
    contestants = [bench.pipeline(name, f"seqsrc location={path} ! seqsort {properties} ! seqenc ! "
                                  f"filesink location={output}")
                   for name, properties, output in (
                       ("spilled", f"max-bytes=67108864 spill-directory={bench.data.directory}",
                        outputs[0]),
                       ("in memory", "", outputs[1]))]
    results = bench.contest(contestants, 5)
    if len(results) < 2:
        yield Row(work, FAILED, "in memory", None,
                  reason=contestants[0].failure or contestants[1].failure)
        remove(outputs)
        return
    spilled, whole = results["spilled"], results["in memory"]
    yield Row(f"{work}: peak memory", spread([run.rss / MB for run in spilled], " MB"),
              f"in memory {spread([run.rss / MB for run in whole], ' MB')}",
              [run.rss / MB for run in spilled], Reach("≤", limit, " MB"))
    yield Row(f"{work}: time", rate(spilled, 4500000, "M records"),
              f"in memory {rate(whole, 4500000, 'M records')}",
              [x.wall / y.wall for x, y in zip(spilled, whole)])
    same = filecmp.cmp(*outputs, shallow=False)
    yield Row(f"{work}: same bytes", "–", "in memory", [float(same)],
              Reach("≥", 1, " (1 = the same)"))
    remove(outputs)


def filling(bench):
    """How much of the tensors is tokens. The peer is the same without looking ahead."""
    proteins, peptides = (bench.data.made(kind, PROTEINS) for kind in ("proteins", "peptides"))
    for window, reach in ((20000, 2), (0, 0.3)):
        line = "seqsrc location={} ! seqsort {} ! seqbatch batch-size=0 max-tokens=16384 ! fakesink"
        yield from fill_row(bench, f"padding waste, seqsort window={window}",
                            line.format(proteins, f"window={window}"), "no sort",
                            line.format(proteins, "order=none"), "padding-waste",
                            Reach("≤", reach, " %"))
    for name, path in (("proteins", proteins), ("about 50 residues", peptides)):
        for tokens in (4096, 16384):
            line = (f"seqsrc location={path} ! seqbatch layout=packed fixed-total=true "
                    f"batch-size=0 max-tokens={tokens} window={{}} ! fakesink")
            yield from fill_row(bench, f"packing, {name}, {tokens} tokens, window=500",
                                line.format(500), "window=0", line.format(0), "utilisation",
                                Reach("≥", 99.5, " %"))


def fill_row(bench, work, line, peer, peer_line, field, reach):
    """The same in every round, so there is one."""
    try:
        ours, theirs = (100 * run_once(bench.pipeline(work, description)).facts[
            f"seq-batch-stats/{field}"] for description in (line, peer_line))
    except Failed as failed:
        yield Row(work, FAILED, peer, None, reach, reason=str(failed))
        return
    yield Row(work, spread([ours], " %"), f"{peer} {spread([theirs], ' %')}", [ours], reach)


def overhead(bench):
    """What the elements themselves cost a batch"""
    n = bench.size(50000, 500000)
    source = f"fakesrc num-buffers={n} sizetype=empty !"
    ours = bench.pipeline("ours", f"{source} {ELEMENTS_AFTER_BATCH}")
    peers = [bench.pipeline(f"queue{properties} ! identity",
                            f"{source} queue {properties} ! identity ! fakesink")
             for properties in ("", " max-size-buffers=2")]
    work = "pinnedqueue ! cudamemguard, empty batches, above queue ! identity"
    reach = Reach("≤", 3, " µs")
    results = bench.contest([ours] + peers)
    for peer in peers:
        if "ours" not in results or peer.name not in results:
            yield Row(work, FAILED, peer.name, None, reach, reason=ours.failure or peer.failure)
            continue
        mine, theirs = ([run.playing / n * 1e6 for run in results[name]]
                        for name in ("ours", peer.name))
        yield Row(work, spread(mine, " µs"), f"{peer.name} {spread(theirs, ' µs')}",
                  [a - b for a, b in zip(mine, theirs)], reach)
    yield from guard_cost(bench)


def guard_cost(bench):
    work = "cudamemguard on a driver that answers at once, above identity"
    reach = Reach("≤", 5, " µs")
    driver = os.path.join(bench.build, "tests/fakecuda/libcuda.so.1")
    try:
        costs = contest_within([bench.program("guard-cost")], bench.rounds,
                               {"GST_SEQ_LIBCUDA": driver})
    except Failed as failed:
        yield Row(work, FAILED, "identity", None, reach, reason=str(failed))
        return
    mine, theirs = ([cost / 1000 for cost in costs[name]] for name in ("guard", "identity"))
    yield Row(work, spread(mine, " µs"), f"identity {spread(theirs, ' µs')}",
              [a - b for a, b in zip(mine, theirs)], reach)


GROUPS = [plain, compressed, chain, loaders, tokenising, sorting, spilling, filling, overhead]
