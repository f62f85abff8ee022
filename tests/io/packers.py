# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compressed data, in small pieces of the formats, so that tests can put them together as no
program would."""

import shutil
import struct
import subprocess
import zlib


def gzip(data):
    """One member"""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    return deflate.compress(data) + deflate.flush()


def bgzf_block(data, extra=b""):
    """With `extra` in a field of its own before the one that tells the size"""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    fields = (b"XX" + struct.pack("<H", len(extra)) + extra if extra else b"") + b"BC\2\0"
    size = 12 + len(fields) + 2 + len(body) + 8
    return (b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(fields) + 2) + fields
            + struct.pack("<H", size - 1) + body + struct.pack("<II", zlib.crc32(data), len(data)))


def bgzf(data):
    """Blocks, and the empty one at the end"""
    return b"".join(bgzf_block(data[at:at + 60000])
                    for at in list(range(0, len(data), 60000)) + [len(data)])


has_zstd = shutil.which("zstd") is not None


def zstd(data):
    return subprocess.run(["zstd", "-q", "-1", "-c"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def zstd_runs(prefix, byte, n_blocks, suffix=b"", window=17):
    """A frame that holds `prefix`, n_blocks times 128 KiB of one byte, in 4 bytes each, `suffix`;
    in pieces"""
    def raw(data, last):
        return struct.pack("<I", last | len(data) << 3)[:3] + data

    run = struct.pack("<I", 1 << 1 | (128 << 10) << 3)[:3] + byte
    yield b"\x28\xb5\x2f\xfd\0" + bytes([(window - 10) << 3]) + raw(prefix, 0)
    yield from repeat(run, n_blocks)
    yield raw(suffix, 1)


def repeat(piece, n):
    """n times `piece`, in larger pieces"""
    at_once = (1 << 20) // len(piece) + 1
    for done in range(0, n, at_once):
        yield piece * min(at_once, n - done)
