#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""seqrun where one allocation of 64 KiB or more fails, each in its turn: all records, where there
is another way, or one error that says what there was no memory for."""

import os
import re
import shutil
import sys
import tempfile

from children import Child, SANITIZED, SEQRUN, run_tests
from packers import bgzf, gzip, has_zstd, zstd

SHIM = os.environ["MEMORY_SHIM"]
directory = None


def write(name, data):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def make_inputs():
    """Long enough for ranges, for the threads of inflaters and for tables that grow"""
    global fasta
    record = b">r%d some words\n" + b"ACGTACGTAC" * 20 + b"\n"
    fasta = b"".join(record % number for number in range(40000))
    reads = b"".join(b"@r%d\nACGT\n+\nIIII\n" % number for number in range(20000))
    write("x.fa", fasta)
    fasta = fasta[:len(fasta) // 4]
    write("x.fa.gz", gzip(fasta))
    write("x.fa.bgz", bgzf(fasta))
    # one that is bad and long among the good ones, for the search behind it
    write("bad.fq", reads + b"@bad\n" + b"A" * 700000 + b"\n\1\n" + reads)


def run(element, middle, fail):
    out = os.path.join(directory, "out")
    line = f'{element} ! {middle} filesink location="{out}"'
    child = Child([SEQRUN, line], {"LD_PRELOAD": SHIM, "MEMORY_SHIM_FAIL": str(fail),
                                   "MEMORY_SHIM_PATH": "/plugins/"})
    result = child.finish()
    with open(out, "rb") as file:
        result.output = file.read()
    return result


def check(element, middle):
    """Each fails once"""
    complete = run(element, middle, 0)
    assert complete.status == 0, complete
    # the scanner of plugins tells its own, where there is no registry yet
    n = max(map(int, re.findall(r"^memory-shim: (\d+)$", complete.stderr, re.M)))
    assert n > 4, complete
    statuses = []
    for fail in range(1, n + 1):
        result = run(element, middle, fail)
        statuses.append(result.status)
        if result.status == 0:
            assert result.output == complete.output, f"{fail} of {n}: {result}"
        else:
            assert result.status == 1 and len(result.errors) == 1, f"{fail} of {n}: {result}"
            assert "memory" in result.errors[0], f"{fail} of {n}: {result}"
            assert complete.output.startswith(result.output), f"{fail} of {n}"
    assert 1 in statuses
    print(f"# {n} allocations, {statuses.count(0)} not missed")


def at(name):
    return f'"{os.path.join(directory, name)}"'


def test_plain():
    check(f"seqsrc location={at('x.fa')} workers=0", "seqenc !")


def test_ranges():
    check(f"seqsrc location={at('x.fa')} workers=2", "seqenc !")


def test_gzip():
    for workers in (0, 1):
        check(f"seqsrc location={at('x.fa.gz')} workers={workers}", "seqenc !")


def test_bgzf():
    for workers in (0, 2):
        check(f"seqsrc location={at('x.fa.bgz')} workers={workers}", "seqenc !")


def test_zstd():
    if not has_zstd:
        return "no zstd"
    write("x.fa.zst", zstd(fasta))
    for workers in (0, 1):
        check(f"seqsrc location={at('x.fa.zst')} workers={workers}", "seqenc !")
    return None


def test_recovery():
    check(f"seqsrc location={at('bad.fq')} on-error=quarantine "
          f"quarantine-location={at('quarantine')}", "seqenc !")


def test_elements():
    check(f"seqsrc location={at('x.fa')}", "seqtranslate ! seqenc !")
    check(f"filesrc location={at('x.fa.gz')} ! seqdec", "seqenc !")


def main():
    global directory, SHIM
    if SANITIZED:
        print("1..0 # SKIP a sanitizer has an allocator of its own")
        return False
    with tempfile.TemporaryDirectory(prefix="gst-seq-memory-", dir="/var/tmp") as directory:
        SHIM = shutil.copy(SHIM, directory)     # LD_PRELOAD can't name a path with spaces
        make_inputs()
        return run_tests("memory", [test_plain, test_ranges, test_gzip, test_bgzf, test_zstd,
                                    test_recovery, test_elements])


sys.exit(main())
