#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library from another language: blocks from strings, batches read without a copy, a memory
provider. Skipped where PyGObject or GStreamer's own typelibs are missing."""

import sys
import tempfile

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, GObject, Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

gi.require_version("GstSeq", "1.0")
from gi.repository import GstSeq


def make_block(records, first_id=0):
    builder = GstSeq.BlockBuilder.new(first_id)
    for name, residues, quality in records:
        assert builder.add(name, -1, residues, -1, quality)
    return builder.finish()


def test_block():
    block = make_block([("a b", "MKT", None), ("", "", None), ("q", "AC", "I!")], 5)
    assert GstSeq.block_get_n_records(block) == 3
    assert GstSeq.block_get_id(block, 2) == (True, 7)
    assert GstSeq.block_dup_name(block, 0) == "a b"
    assert GstSeq.block_dup_residues(block, 0) == "MKT"
    assert GstSeq.block_dup_quality(block, 0) is None
    assert GstSeq.block_dup_quality(block, 2) == "I!"
    assert GstSeq.block_dup_name(block, 3) is None
    assert GstSeq.block_get_name_bytes(block, 0).get_data() == b"a b"
    assert GstSeq.block_get_residues_bytes(block, 2).get_data() == b"AC"
    assert GstSeq.block_get_quality_bytes(block, 0) is None
    assert GstSeq.block_get_quality_bytes(block, 2).get_data() == b"I!"
    assert GstSeq.block_get_name_bytes(block, 3) is None
    assert GstSeq.block_validate(block)
    try:
        GstSeq.block_validate(Gst.Buffer.new())
    except GLib.Error as error:
        assert "GstSeqRecordsMeta" in error.message
    else:
        raise AssertionError("a buffer without a table is no block")


def test_batch():
    pipeline = Gst.parse_launch(
        "appsrc name=source format=default "
        "caps=application/x-seq-records,alphabet=protein,quality=false "
        "! seqbatch ! appsink name=sink sync=false")
    pipeline.set_state(Gst.State.PLAYING)
    source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
    source.emit("push-buffer", make_block([("p1", "MKTAYIAKQR", None), ("p2", "MK", None)]))
    source.emit("end-of-stream")
    batch = sink.emit("pull-sample").get_buffer()
    assert GstSeq.batch_get_n_records(batch) == 2
    assert abs(GstSeq.batch_get_utilisation(batch) - 16 / 24) < 1e-9
    found, record, tokens, flags, window = GstSeq.batch_get_record(batch, 1)
    assert (found, record, tokens, flags, window) == (True, 1, 4, 0, 0)
    assert GstSeq.batch_dup_name(batch, 1) == "p2"
    assert GstSeq.batch_get_n_tensors(batch) == 2
    assert GstSeq.batch_get_tensor_name(batch, 1) == "attention_mask"
    data, kind, rank, dims = GstSeq.batch_get_tensor_data(batch, 0)
    del batch
    assert kind == GstSeq.TensorType.INT64 and rank == 2 and dims[:2] == [2, 12]
    ids = list(memoryview(data.get_data()).cast("q"))
    assert ids[:12] == [0, 20, 15, 11, 5, 19, 12, 5, 15, 16, 10, 2]
    assert ids[12:] == [0, 20, 15, 2] + [1] * 8
    pipeline.set_state(Gst.State.NULL)


def test_no_utf8():
    """Names and residues of any bytes, from a file"""
    with tempfile.NamedTemporaryFile(suffix=".fq") as file:
        file.write(b"@M\xfcller \xff\nAC\xe4\n+\nI\x80!\n")
        file.flush()
        pipeline = Gst.parse_launch(
            f"seqsrc location={file.name} ! tee name=t ! queue ! appsink name=records sync=false "
            "t. ! queue ! seqbatch unknown=token ! appsink name=batches sync=false")
        pipeline.set_state(Gst.State.PLAYING)
        block, batch = (pipeline.get_by_name(name).emit("pull-sample").get_buffer()
                        for name in ("records", "batches"))
        name = GstSeq.batch_get_name_bytes(batch, 0)
        assert GstSeq.batch_get_name_bytes(batch, 1) is None
        assert GstSeq.batch_get_name_bytes(block, 0) is None
        del batch
        assert name.get_data() == b"M\xfcller \xff"
        assert GstSeq.block_get_name_bytes(block, 0).get_data() == b"M\xfcller \xff"
        assert GstSeq.block_get_residues_bytes(block, 0).get_data() == b"AC\xe4"
        assert GstSeq.block_get_quality_bytes(block, 0).get_data() == b"I\x80!"
        pipeline.set_state(Gst.State.NULL)


class Provider(GObject.Object, GstSeq.MemoryProvider):
    def __init__(self):
        super().__init__()
        self.trims = 0

    def do_get_name(self):
        return "python"

    def do_query(self, device, stats):
        stats.allocated, stats.reserved = 5, 10
        return True

    def do_trim(self, device):
        self.trims += 1
        return 3


def test_provider():
    guard, provider = Gst.ElementFactory.make("cudamemguard"), Provider()
    guard.emit("add-provider", provider)
    stats = guard.emit("query-stats")
    assert stats.get_string("source") == "python"
    assert stats.get_uint64("allocated") == (True, 5)
    assert guard.emit("trim") == 3 and provider.trims == 1
    guard.emit("remove-provider", provider)


def test_functions():
    assert GstSeq.workers(4, 16, -1) == 4
    assert GstSeq.should_clear(10, 10) and not GstSeq.should_clear(10, 0)
    assert GstSeq.merge_expandable_segments("max_split_size_mb:128") == \
        "max_split_size_mb:128,expandable_segments:True"


def main():
    Gst.init(None)
    tests = [test_block, test_batch, test_no_utf8, test_provider, test_functions]
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        test()
        print(f"ok {number} /introspection/{test.__name__[5:]}", flush=True)


main()
