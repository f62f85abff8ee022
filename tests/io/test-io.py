#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seqrun on files that misbehave: reads that are short or interrupted, that fail in mid-file, files
that change while they are read, too little memory, a full disk, and signals at any moment. What is
delivered is whole records in their order, the exit status is right, nothing stays behind."""

import errno
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time

import fuse
from children import Child, SANITIZED, SEQRUN, assert_one_error, run_tests
from packers import bgzf, gzip, has_zstd, zstd

SHIM = os.environ["IO_SHIM"]
# long enough for ranges of 4 MiB that threads read with pread()
LARGE = 10 << 20
# one heap for all threads: what each would reserve for itself says nothing about what is used
LITTLE = {"MALLOC_ARENA_MAX": "1"}

rng = random.Random(20)
directory = None


# ---- input ----

def make_records(size, fastq):
    """Records as (name, residues, qualities), `size` bytes of text in all; some are empty, and a
    few are long."""
    letters = bytes(rng.choices(b"ACGT", k=50000))
    quality = bytes(rng.choices(range(33, 126), k=50000))
    records, total = [], 0
    while total < size:
        number = len(records)
        length = 0 if number % 50 == 0 else rng.randrange(1, 400)
        if number % 997 == 1:
            length = 40000
        start = rng.randrange(50000 - length)
        residues = letters[start:start + length]
        name = b"r%d some words" % number
        records.append((name, residues, quality[:length] if fastq else None))
        total += len(name) + length * (2 if fastq else 1) + 4
    return records


def text_of(record):
    """As seqenc line-width=0 writes it."""
    name, residues, qualities = record
    if qualities is None:
        return b">%s\n%s" % (name, residues + b"\n" if residues else b"")
    return b"@%s\n%s\n+\n%s\n" % (name, residues, qualities)


class Input:
    """A file, and the records that it has."""

    def __init__(self, name, records, pack=None):
        self.name, self.records = name, records
        self.pieces = [text_of(record) for record in records]
        self.text = b"".join(self.pieces)
        self.bytes = pack(self.text) if pack else self.text
        self.plain = pack is None
        self.path = os.path.join(directory, name)
        self.restore()

    def restore(self):
        with open(self.path, "wb") as file:
            file.write(self.bytes)

    def records_before(self, byte, header=False):
        """How many records of the plain file end, for who reads `byte` bytes, before that; `header`:
        and has seen that another one begins there."""
        end = count = 0
        for piece in self.pieces:
            end += len(piece)
            # the end of a FASTA record is seen with the header of the next one
            if end > byte or (piece[:1] == b">" and end == byte and not header):
                break
            count += 1
        return count


def make_inputs():
    inputs = []
    for kind, fastq in (("fa", False), ("fq", True)):
        small, large = make_records(600000, fastq), make_records(LARGE, fastq)
        inputs += [Input("small." + kind, small), Input("large." + kind, large),
                   Input("small." + kind + ".gz", small, gzip),
                   Input("large." + kind + ".gz", large, gzip),
                   Input("small." + kind + ".bgz", small, bgzf)]
        if has_zstd:
            inputs.append(Input("large." + kind + ".zst", large, zstd))
    return {input.name: input for input in inputs}


# ---- runs ----

def start(line, shim=None, path=None, limits=()):
    environment = dict(LITTLE) if limits else {}
    if shim is not None:
        environment.update({"LD_PRELOAD": SHIM, "IO_SHIM_PATH": path})
        environment.update({"IO_SHIM_" + key: str(value) for key, value in shim.items()})
        # the shim comes before the sanitizer's library, and must
        if SANITIZED:
            environment["ASAN_OPTIONS"] = \
                os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    return Child([SEQRUN, line], environment, limits)


def finish(child, out):
    result = child.finish()
    if os.path.exists(out):
        with open(out, "rb") as file:
            result.output = file.read()
        os.unlink(out)
    return result


def filter_line(path, middle="", settings=""):
    out = os.path.join(directory, "out")
    return (f'seqsrc location="{path}" {settings} ! {middle} seqenc line-width=0 ! '
            f'filesink location="{out}"'), out


def run(input, shim=None, middle="", path=None, limits=(), settings=""):
    line, out = filter_line(input.path, middle, settings)
    return finish(start(line, shim, path or input.path, limits), out)


def count_whole(input, output):
    """How many records of the input, from the first on, the output is. Anything else fails."""
    end = count = 0
    while end < len(output):
        assert count < len(input.pieces), f"{len(output) - end} bytes behind the last record"
        piece = input.pieces[count]
        assert output[end:end + len(piece)] == piece, \
            f"record {count}: {output[end:end + 80]!r} instead of {piece[:80]!r}"
        end += len(piece)
        count += 1
    return count


def assert_complete(input, result):
    assert result.status == 0, result
    assert count_whole(input, result.output) == len(input.pieces), result
    assert f"{len(input.pieces):,}" in result.stdout.replace(" ", "") or \
        str(len(input.pieces)) in result.stdout, result.stdout


# ---- tests ----

def test_short_reads():
    """As the kernel may give them: any number of bytes, and nothing but EINTR now and then"""
    for input in inputs.values():
        for shim in ({"SHORT": 3000 if input.name.startswith("small") else 100000, "EINTR": 3},
                     {"EINTR": 2}):
            assert_complete(input, run(input, shim))


def test_bytes_one_by_one():
    for name in ("small.fa", "small.fq.gz"):
        assert_complete(inputs[name], run(inputs[name], {"SHORT": 17, "EINTR": 7}))


def test_failing_reads():
    """All records before the place are delivered, whole, and then the file is named"""
    codes = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT)
    for number, input in enumerate(inputs.values()):
        size = len(input.bytes)
        for place in (0, 1, size // 3, size // 2 + 12345, size - 1):
            code = codes[(number + place) % len(codes)]
            result = run(input, {"FAIL": f"{place}:{code}", "SHORT": 300000})
            assert_one_error(result, input.name, os.strerror(code), f"byte {place} of ")
            delivered = count_whole(input, result.output)
            if input.plain:
                assert delivered == input.records_before(place), (input.name, place, delivered)


def test_failing_end():
    """The read that would find the end fails, so it is not known whether the last record is whole"""
    for name in ("small.fa", "large.fq", "small.fa.gz"):
        input = inputs[name]
        result = run(input, {"FAIL": f"{len(input.bytes)}:{errno.EIO}"})
        assert_one_error(result, input.name, f"byte {len(input.bytes)} of ")
        count_whole(input, result.output)


def test_mount_that_vanishes():
    """The server of a file system is gone in mid-file; nothing stays behind of what was sorted"""
    spill, place = tempfile.mkdtemp(dir=directory), tempfile.mkdtemp(dir=directory)
    for name in ("small.fa", "large.fa", "large.fq", "large.fq.gz", "small.fa.bgz"):
        input = inputs[name]
        last = len(input.bytes) // 2
        for middle in ("", sort_middle(spill)):
            try:
                mount = fuse.Mount(place, name, input.bytes, last)
            except fuse.Unavailable as reason:
                return str(reason)
            line, out = filter_line(os.path.join(place, name), middle)
            try:
                result = finish(start(line), out)
            finally:
                mount.unmount()
            assert_one_error(result, name, "byte ")
            assert any(os.strerror(code) in result.errors[0]
                       for code in (errno.ECONNABORTED, errno.ENOTCONN)), result
            byte = int(re.search(r"byte (\d+) of ", result.errors[0]).group(1))
            # where threads read ranges, those behind may have been first
            in_ranges = name in ("large.fa", "large.fq")
            ahead = len(input.bytes) if in_ranges else 512 << 10
            assert last - ahead < byte <= last, result
            if not middle:
                delivered = count_whole(input, result.output)
                expected = [input.records_before(byte)]
                if in_ranges:   # the one before has seen where the one that fails begins
                    expected.append(input.records_before(byte, True))
                assert not input.plain or delivered in expected, delivered
            assert os.listdir(spill) == []
    return None


def test_truncated():
    """A file that becomes shorter: records that were read before it did, then an error"""
    for input in inputs.values():
        size = len(input.bytes)
        for at, rest in ((size // 2, size // 2), (size // 2, size // 4), (0, size // 3),
                         (size // 2, 0)):
            try:
                result = run(input, {"AT": at, "TRUNCATE": rest, "SHORT": 70000})
            finally:
                input.restore()
            assert_one_error(result, input.name)
            count_whole(input, result.output)


def test_appended():
    """A file that grows by whole records: with or without them"""
    more = Input("more", [(b"more", b"ACGT", None)] * 3)
    for name in ("small.fa", "large.fa"):
        input = inputs[name]
        grown = Input("grown", input.records + more.records)
        for at in (0, len(input.bytes) // 2):
            try:
                result = run(input, {"AT": at, "APPEND": more.path})
            finally:
                input.restore()
            assert result.status == 0, result
            assert count_whole(grown, result.output) in (len(input.pieces), len(grown.pieces))


def test_replaced():
    """A file whose name goes to another one: what was opened is read to its end"""
    for name in ("small.fa", "large.fa", "large.fq.gz"):
        input = inputs[name]
        other = Input("other", [(b"other", b"ACGT", None)] * 9)
        try:
            result = run(input, {"AT": len(input.bytes) // 2, "REPLACE": other.path})
        finally:
            input.restore()
        assert_complete(input, result)


def test_overwritten():
    """In place, at the same size: records may be of this content or that, and nobody could tell"""
    for name in ("small.fa", "large.fa", "large.fq", "large.fq.gz", "small.fa.bgz"):
        input = inputs[name]
        other = Input("other", make_records(9000, name.endswith("q")))
        for at in (0, len(input.bytes) // 2, len(input.bytes) - 1):
            for settings in ("", "on-error=skip"):
                try:
                    result = run(input, {"AT": at, "OVERWRITE": other.path}, settings=settings)
                finally:
                    input.restore()
                assert_one_error(result, name, "it was changed while it was read")


def test_renamed():
    """That a file is called otherwise, too, is no change of it"""
    for name in ("small.fa", "large.fa", "large.fq.gz"):
        input = inputs[name]
        result = run(input, {"AT": len(input.bytes) // 2, "LINK": input.path + ".link"})
        assert_complete(input, result)


def sort_middle(spill):
    return f'seqsort order=shuffle max-bytes=2000000 spill-directory="{spill}" ! '


def assert_sorted(input, result):
    pieces = {piece.split(b"\n")[0]: piece for piece in input.pieces}
    assert len(pieces) == len(input.pieces)
    return split_records(input, pieces, result.output)


def split_records(input, pieces, output):
    """How many records of the input the output is, in any order, each at most once"""
    end, seen = 0, set()
    while end < len(output):
        name = output[end:output.find(b"\n", end)]
        piece = pieces.get(name)
        assert piece is not None and output[end:end + len(piece)] == piece, output[end:end + 80]
        assert name not in seen, name
        seen.add(name)
        end += len(piece)
    return len(seen)


def test_spill():
    """Spill files that are written and read in bits and pieces, that fail, and that don't fit"""
    input = inputs["large.fa"]
    spill = tempfile.mkdtemp(dir=directory)
    result = run(input, {"SHORT": 50000, "EINTR": 3}, sort_middle(spill), spill)
    assert result.status == 0, result
    assert assert_sorted(input, result) == len(input.pieces)
    result = run(input, {"FAIL": f"100000:{errno.EIO}"}, sort_middle(spill), spill)
    assert_one_error(result, spill, os.strerror(errno.EIO))
    assert_sorted(input, result)
    result = run(input, middle=sort_middle(spill), limits=[(resource.RLIMIT_FSIZE, 1000000)])
    assert_one_error(result, spill)
    assert_sorted(input, result)
    assert os.listdir(spill) == []


def test_little_memory():
    """With any amount of memory: all records, or an error; never a crash, nor a wait for ever. (Where
    there is next to none, below what the first case here has, GStreamer waits for a thread that it
    could not start, and GLib runs out of stack while it says that there is no memory.)"""
    if SANITIZED:
        return "a sanitizer needs all address space"
    input, copies = inputs["large.fa"], tempfile.mkdtemp(dir=directory)
    for number in range(8):
        os.link(input.path, os.path.join(copies, f"{number}.fa"))
    outcomes = {}
    for path, count in ((input.path, 1), (inputs["large.fq.gz"].path, 0), (copies, 8)):
        for megabytes in (48, 56, 64, 80, 100, 120, 150, 200, 300, 600):
            line, out = filter_line(path, "seqsort ! " if count == 8 else "")
            # threads with small stacks, so that it is data which has no room
            result = finish(start(line, limits=[(resource.RLIMIT_STACK, 1 << 18),
                                                (resource.RLIMIT_AS, megabytes << 20)]), out)
            outcomes[result.status] = outcomes.get(result.status, 0) + 1
            if result.status == 0:
                expected = count * len(input.text) or len(inputs["large.fq.gz"].text)
                assert len(result.output) == expected, result
            else:
                # GLib ends the program where it can't allocate a few bytes
                assert result.status in (1, -signal.SIGTRAP, -signal.SIGABRT), result
                assert result.stderr, result
    assert 0 in outcomes and 1 in outcomes, outcomes
    print("# exit statuses:", outcomes)
    return None


def interrupt(child, delay, signals):
    for number in signals:
        if not child.wait(delay):
            child.signal(number)


def test_signals():
    """At a hundred moments: whole records, the exit status, and no file that stays behind"""
    spill = tempfile.mkdtemp(dir=directory)
    input = inputs["large.fa"]
    pieces = {piece.split(b"\n")[0]: piece for piece in input.pieces}
    outcomes = {}
    for number in range(20 if SANITIZED else 100):
        sorting = number % 2 == 1
        line, out = filter_line(input.path, sort_middle(spill) if sorting else "")
        began = time.monotonic()
        if number < 2:              # how long it takes
            result = finish(start(line), out)
            durations = (durations if number else []) + [time.monotonic() - began]
            assert result.status == 0, result
            continue
        signals = [rng.choice((signal.SIGINT, signal.SIGTERM))] * (1 + (number % 5 == 0))
        child = start(line)
        interrupt(child, rng.uniform(0, durations[sorting]) / len(signals), signals)
        result = finish(child, out)
        outcomes[result.status] = outcomes.get(result.status, 0) + 1
        # before seqrun listens, a signal is what it always is
        assert result.status in (0, 130, -signals[0]), result
        assert not result.errors, result
        count = split_records(input, pieces, result.output)
        if not sorting:
            assert count_whole(input, result.output) == count
        if result.status == 0:
            assert count == len(pieces), result
        assert os.listdir(spill) == [], os.listdir(spill)
    print("# exit statuses:", outcomes)


def is_alive(stat):
    """Not dead, and waiting for who takes orphans"""
    try:
        with open(stat) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_timeout():
    """Who hangs is ended with all that it has started"""
    child = Child(["sh", "-c", "sleep 1000 & echo it has $! >&2; wait"])
    said = ""
    try:
        child.finish(0.5)
    except AssertionError as error:
        said = str(error)
    assert "not done after 0.5 s" in said, said
    stat = f"/proc/{said.split('it has ')[1].strip()}/stat"
    deadline = time.monotonic() + 10
    while is_alive(stat):
        assert time.monotonic() < deadline, stat
        time.sleep(0.01)


# ---- ----

def main():
    global directory, inputs, SHIM
    # not in memory, where spill files would be memory, too
    with tempfile.TemporaryDirectory(prefix="gst-seq-io-", dir="/var/tmp") as directory:
        # LD_PRELOAD can't name a path with spaces
        SHIM = shutil.copy(SHIM, directory)
        inputs = make_inputs()
        return run_tests("io", [
            test_short_reads, test_bytes_one_by_one, test_failing_reads, test_failing_end,
            test_mount_that_vanishes, test_truncated, test_appended, test_replaced, test_overwritten,
            test_renamed, test_spill, test_little_memory,
            test_signals, test_timeout])


sys.exit(main())
