#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seqrun on input that was made to break it: small files that inflate to gigabytes, records
without an end, millions of empty things. All end with the right records or one clear error, soon,
and in the memory of one record and what README.md names."""

import itertools
import os
import re
import signal
import struct
import sys
import tempfile
import time
import zlib

from children import Child, SANITIZED, SEQRUN, assert_one_error, run_tests
from packers import bgzf_block, gzip, repeat, zstd_runs

MIB = 1 << 20
RECORD = 16 * MIB                   # max-record-bytes
TOO_LONG = f"longer than max-record-bytes, {RECORD}"
# what a bomb inflates to, and how many there are of what is small
INFLATED = 64 * MIB if SANITIZED else 256 * MIB
SMALL_THINGS = 1 << 20 if SANITIZED else 8 << 20
directory = None


def gzip_bomb(prefix, piece, n):
    """One member with `prefix` and n times `piece`, without its end"""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    yield deflate.compress(prefix) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = deflate.compress(piece) + deflate.flush(zlib.Z_FULL_FLUSH)
    for _ in range(n):
        yield body


# ---- runs ----

# What a run takes beside the record at hand: README.md, "Memory is bounded"
CONSTANT = 64 * MIB
ZSTD_WINDOW = 128 * MIB
RANGE = 20 * MIB                    # 2 * (workers + 1) of them, of a plain file
TOKENIZER = 80 * MIB                # values of a tokenizer.json, beside the file itself


def start(feed, settings="", middle="", sink="fakesink", element="seqsrc location=-"):
    line = f"{element} max-record-bytes={RECORD} {settings} ! {middle} {sink}"
    # one heap for all threads: what each would reserve for itself says nothing about what is used
    return Child([SEQRUN, line], {"MALLOC_ARENA_MAX": "1"}, feed=feed)


def run(feed, settings="", extra=0, **line):
    result = start(feed, settings, **line).finish()
    if not SANITIZED:               # whose own memory comes on top
        allowed = RECORD + CONSTANT + extra
        assert result.peak <= allowed, f"{result.peak} bytes instead of {allowed}\n{result}"
    return result


def assert_counts(result, records_in, **others):
    assert result.status == 0, result
    assert counts(result)["records in"] == records_in, result.stdout
    for name, count in others.items():
        assert counts(result).get(name, 0) == count, result.stdout


def counts(result):
    """The account that seqrun closes with"""
    found = re.findall(r"^ *([a-z][a-z -]*?) {2,}([0-9][0-9,]*)$", result.stdout, re.M)
    return {name: int(number.replace(",", "")) for name, number in found}


# ---- tests ----

def endless(prefix, byte, suffix, size=INFLATED):
    """So many times one byte between them, in zstd that has a 30,000th of it"""
    return zstd_runs(prefix, byte, size // (128 << 10), suffix)


def test_records_without_end():
    """Too long: an error, or left out, and the record behind it is there"""
    for prefix, byte, suffix in ((b">a", b"A", b"\n>b\nACGT\n"), (b">a\n", b"A", b"\n>b\nACGT\n"),
                                 (b"@a", b"A", b"\n@b\nAC\n+\nII\n"),
                                 (b"@a\n", b"A", b"\n+\nII\n@b\nAC\n+\nII\n")):
        assert_one_error(run(endless(prefix, byte, suffix)), TOO_LONG)
        assert_counts(run(endless(prefix, byte, suffix), "on-error=skip"), 1, bad=1)
        assert_one_error(run(endless(prefix, byte, suffix), element="fdsrc ! seqdec"), TOO_LONG)
    lines = gzip_bomb(b">a\n", b"ACGT\n" * (MIB // 5), INFLATED // MIB)
    assert_one_error(run(lines), TOO_LONG)


def test_lines_without_end():
    """That nothing is kept of: no record grows, whatever their length"""
    assert_counts(run(endless(b"@r\nA\n+", b"+", b"\nI\n")), 1)
    for prefix, byte, suffix in ((b">a\n", b"\n", b"A\n"), (b">", b" ", b"a\nA\n"),
                                 (b">a\nA", b"\t", b"\nA\n")):
        assert_counts(run(endless(prefix, byte, suffix, INFLATED // 8)), 1)
    assert_one_error(run(endless(b"@r\nA\n+", b"+", b"")), "ends within a FASTQ record")
    assert_counts(run(endless(b"@r\nA\n+", b"+", b""), "on-error=skip"), 0, bad=1)
    assert_one_error(run(endless(b"@r\nA\n+\n", b"I", b"\n")), "more qualities than residues")
    assert_counts(run(endless(b"junk", b"j", b"\n>a\nA\n"), "strictness=lenient"), 1, ignored=1)
    assert_counts(run(endless(b">a\n;", b"c", b"\nA\n"), "strictness=lenient"), 1, ignored=1)


def test_quarantine():
    """Of a record without an end: all its bytes, and no more memory"""
    path = os.path.join(directory, "bad")
    size = 128 * MIB
    result = run(endless(b">a\n", b"A", b"\n>b\nACGT\n", size),
                 f'on-error=quarantine quarantine-location="{path}"')
    assert_counts(result, 1, bad=1)
    assert os.path.getsize(path) == size + len(">a\n\n")


def test_empty_records():
    n = SMALL_THINGS
    for record, settings, kept in ((b">\n", "", n), (b">\n", "min-length=1", 0),
                                   (b"@\n\n+\n\n", "", n)):
        assert_counts(run(repeat(record, n), settings), kept, filtered=n - kept)


def test_empty_records_in_ranges():
    """Of a file that several threads read; few enough of them in a range, and too many"""
    path = os.path.join(directory, "tiny.fa")
    part = 4 if SANITIZED else 1
    for record, size in ((b">\n", 64 * MIB // part), (b">1234567890123\nA\n", 128 * MIB // part)):
        with open(path, "wb") as file:
            file.writelines(repeat(record, size // len(record)))
        for workers in (0, 1, 8):
            result = run(None, f"workers={workers}", 2 * (workers + 1) * RANGE,
                         element=f'seqsrc location="{path}"')
            assert_counts(result, size // len(record))
        result = run(None, "blocksize=4096 workers=8", element=f'seqsrc location="{path}"')
        assert_counts(result, size // len(record))


def test_small_blocks():
    """Blocks of one record that are all held: by a sort, and by a batch that they don't fill"""
    n, record = 20000, b">r\n" + 60 * b"ACG" + b"\n"
    path = os.path.join(directory, "small.fa")
    with open(path, "wb") as file:
        file.write(record * n)
    for middle in ("seqsort !", "seqtranslate frames=first ! seqsort !",
                   "seqbatch dtype=uint8 batch-size=0 max-tokens=10000000 !"):
        for element, settings in ((f'seqsrc location="{path}"', "blocksize=1"),
                                  (f'filesrc location="{path}" ! seqdec', "blocksize=1")):
            assert_counts(run(None, settings, element=element, middle=middle), n)


def test_bad_records():
    for bad in (b"@\nA\n+\nIII\n", b">\n@\n"):
        n = SMALL_THINGS // 16
        result = run(repeat(bad, n), "on-error=skip")
        assert result.status == 0 and counts(result)["bad"] >= n, result
        assert_one_error(run(repeat(bad, n), "on-error=skip max-bad-records=1000"),
                         "more than 1000 bad records")


def test_windows():
    """zstd: what the zstd program reads, and no more"""
    record = b">a\nACGT\n"
    assert_counts(run(zstd_runs(record, b"\n", 1200, window=27), extra=ZSTD_WINDOW), 1)
    for window in (28, 31, 41):
        assert_one_error(run(zstd_runs(record, b"\n", 1200, window=window)), "window above 128 MiB")
    one_segment = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 40)
    assert_one_error(run([one_segment]), "window above 128 MiB")
    # compressed twice is not text
    assert_one_error(run([gzip(gzip(record))]), "expected a FASTA or FASTQ header")


def test_members():
    """Of nothing, by the million, and one of something behind them"""
    n = SMALL_THINGS // 32
    bgzf_end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    zstd_empty = b"\x28\xb5\x2f\xfd\0\x38\x01\0\0"
    for empty, last in ((gzip(b""), gzip(b">a\nACGT\n")),
                        (bgzf_end, bgzf_block(b">a\nACGT\n") + bgzf_end),
                        (zstd_empty, b"".join(zstd_runs(b">a\nACGT\n", b"\n", 1)))):
        assert_counts(run(itertools.chain(repeat(empty, n), [last])), 1)


def test_headers():
    """Of gzip: as large as they may be, without an end, and with sizes that are no such thing"""
    large = bgzf_block(b">a\nACGT\n", bytes(65000))
    assert_counts(run(repeat(large, 500)), 500)
    assert_counts(run(repeat(large, 500), "workers=8"), 500)
    extra = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\xff\xff" + bytes(65535) + gzip(b">a\nA\n")[10:]
    assert_counts(run(repeat(extra, 500)), 500)
    for flag in (8, 16):            # name, comment
        name = b"\x1f\x8b\x08" + bytes([flag]) + b"\0\0\0\0\0\xff"
        endless_name = itertools.chain([name], repeat(b"A", INFLATED // 8))
        assert_one_error(run(endless_name), "unexpected end")
    for length in (1 << 31, (1 << 32) - 1):
        lie = gzip(b">a\nACGT\n")[:-4] + struct.pack("<I", length)
        assert_one_error(run([lie]), "length mismatch")
        lie = large[:-4] + struct.pack("<I", length)
        assert_one_error(run([lie]), "length above 64 KiB")
    skippable = struct.pack("<II", 0x184D2A50, (1 << 32) - 1)
    assert_one_error(run([skippable, b"A" * 1000]), "unexpected end")


def test_stop():
    """Soon, though what has been read inflates to gigabytes that no record comes of"""
    path = os.path.join(directory, "lines.zst")
    with open(path, "wb") as file:
        file.writelines(zstd_runs(b">a\n", b"\n", 1 << 16))
    child = start(None, element=f'seqsrc location="{path}"')
    child.wait(1)
    child.signal(signal.SIGINT)
    began = time.monotonic()
    result = child.finish()
    assert result.status == 130, result
    assert time.monotonic() - began < 5, time.monotonic() - began


def run_tokenizer(content):
    path = os.path.join(directory, "tokens")
    extra = TOKENIZER
    if content is not None:
        with open(path, "wb") as file:
            file.writelines(content)
            extra += file.tell()
    return run([b">a\nACGT\n"], middle=f'seqbatch tokenizer="{path}" !', extra=extra)


def test_tokenizers():
    """Files that say which ids tokens have: long, deep, many, endless"""
    size = MIB // 8 if SANITIZED else 15 * MIB
    for content in (repeat(b"A", size), repeat(b"\n", size), repeat(b"A\n", size // 2),
                    repeat(b"[", size), repeat(b'{"a":', size // 5), [b'{"a":"'] + [b"A" * size],
                    itertools.chain([b'{"a":['], repeat(b"1,", size // 2)),
                    itertools.chain([b'{"model":{"vocab":{'], repeat(b'"A":1,', size // 6))):
        assert_one_error(run_tokenizer(content))
    path = os.path.join(directory, "tokens")
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    assert_one_error(run_tokenizer(None), "not a plain file")
    os.unlink(path)
    for special in ("/dev/zero", "/dev/stdin"):
        os.symlink(special, path)
        assert_one_error(run_tokenizer(None), "not a plain file")
        os.unlink(path)


def main():
    global directory
    with tempfile.TemporaryDirectory(prefix="gst-seq-hostile-", dir="/var/tmp") as directory:
        return run_tests("hostile", [
            test_records_without_end, test_lines_without_end, test_quarantine, test_empty_records,
            test_empty_records_in_ranges, test_small_blocks, test_bad_records, test_windows, test_members,
            test_headers, test_stop, test_tokenizers])


sys.exit(main())
