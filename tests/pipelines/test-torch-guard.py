#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/examples/torch_guard.py with stand-ins for PyTorch and CuPy: what the guard is told,
what a trim does, and that running out of memory loses no record. With an argument, on the fake CUDA
driver: batches in device memory. Skipped where PyGObject or GStreamer's typelibs are missing."""

import ctypes
import os
import sys

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["GST_SEQ_PIPELINES"], "examples"))
import torch_guard  # noqa: E402

MIB = 1 << 20
PROTEINS = os.path.join(os.environ["GST_SEQ_TEST_DATA"], "proteins.fasta")


# ---- the stand-ins ----

class Tensor:
    def __init__(self, values, shape):
        self.values, self.shape = values, shape

    def reshape(self, shape):
        count = 1
        for size in shape:
            count *= size
        assert count == len(self.values)
        return Tensor(self.values, tuple(shape))

    def to(self, _device):
        return self


class FakeCuda:
    class OutOfMemoryError(RuntimeError):
        pass

    def __init__(self):
        self.initialized, self.pluggable = True, False
        self.calls = []
        self.numbers = {
            "allocated_bytes.all.current": 100 * MIB, "allocated_bytes.all.peak": 300 * MIB,
            "reserved_bytes.all.current": 400 * MIB, "inactive_split_bytes.all.current": 50 * MIB,
        }

    def is_initialized(self):
        return self.initialized

    def current_stream(self, _device):
        return type("Stream", (), {"cuda_stream": 0})

    def memory_stats(self, device):
        assert self.initialized
        self.calls.append(("memory_stats", device))
        if self.pluggable:
            raise RuntimeError("CUDAPluggableAllocator does not yet support getDeviceStats")
        return dict(self.numbers)

    def mem_get_info(self, device):
        self.calls.append(("mem_get_info", device))
        return 1000 * MIB, 8000 * MIB

    def empty_cache(self):
        self.calls.append(("empty_cache",))
        self.numbers["reserved_bytes.all.current"] = 150 * MIB

    def reset_peak_memory_stats(self, device):
        self.calls.append(("reset_peak_memory_stats", device))
        self.numbers["allocated_bytes.all.peak"] = self.numbers["allocated_bytes.all.current"]


class FakeTorch:
    uint8, int16, int32, int64, float32 = "B", "h", "i", "q", "f"

    def __init__(self):
        self.cuda = FakeCuda()
        self.as_tensors = 0

    @staticmethod
    def frombuffer(data, dtype):
        values = memoryview(data).cast(dtype)
        return Tensor(values, (len(values),))

    def as_tensor(self, array, device):
        """What is in device memory, read as a kernel in the legacy stream would"""
        assert device == "cuda:0"
        self.as_tensors += 1
        interface = array.__cuda_array_interface__
        dtype = {"|u1": "B", "<i2": "h", "<i4": "i", "<i8": "q"}[interface["typestr"]]
        count = 1
        for length in interface["shape"]:
            count *= length
        pointer, read_only = interface["data"]
        assert not read_only and interface["version"] == 3
        data = read_device(pointer, count * int(interface["typestr"][2:]))
        return self.frombuffer(data, dtype).reshape(interface["shape"])


def read_device(pointer, size):
    driver = ctypes.CDLL(os.environ["GST_SEQ_LIBCUDA"])
    context, data = ctypes.c_void_p(), bytearray(size)
    results = [
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0),
        driver.cuCtxPushCurrent_v2(context),
        driver.cuMemcpyDtoHAsync_v2((ctypes.c_char * size).from_buffer(data),
                                    ctypes.c_uint64(pointer), ctypes.c_size_t(size), None),
        driver.cuStreamSynchronize(None),
        driver.cuCtxPopCurrent_v2(ctypes.byref(context)),
        driver.cuDevicePrimaryCtxRelease_v2(0),
    ]
    assert not any(results), results
    return data


class FakeCupy:
    class Device:
        def __init__(self, cupy, device):
            self.cupy, self.device = cupy, device

        def __enter__(self):
            self.cupy.current.append(self.device)

        def __exit__(self, *_):
            self.cupy.current.pop()

    def __init__(self):
        self.current, self.held = [], 9 * MIB
        self.cuda = type("cuda", (), {"Device": lambda device: self.Device(self, device)})

    def get_default_memory_pool(self):
        assert self.current == [2]
        return self

    def used_bytes(self):
        return 4 * MIB

    def total_bytes(self):
        return self.held

    def free_bytes(self):
        return self.held - 4 * MIB

    def free_all_blocks(self):
        self.held = 4 * MIB


# ---- providers ----

def make_guard(provider, device=2):
    guard = Gst.ElementFactory.make("cudamemguard")
    guard.set_property("device-id", device)
    guard.emit("add-provider", provider)
    return guard


def size(structure, field):
    return structure.get_uint64(field)


def test_numbers():
    torch = FakeTorch()
    stats = make_guard(torch_guard.TorchProvider(torch)).emit("query-stats")
    assert stats.get_string("source") == "torch"
    for field, expected in (("allocated", 100), ("reserved", 400), ("peak", 300),
                            ("releasable", 250), ("free", 1000), ("total", 8000)):
        assert size(stats, field) == (True, expected * MIB), field
    assert abs(stats.get_double("fragmentation")[1] - 0.75) < 1e-9
    assert all(call[1] == 2 for call in torch.cuda.calls)


def test_no_context():
    """Nothing that would make a context is called before PyTorch has one."""
    torch = FakeTorch()
    torch.cuda.initialized = False
    guard = make_guard(torch_guard.TorchProvider(torch))
    assert guard.emit("query-stats").get_string("source") == "none"
    assert guard.emit("trim") == 0
    guard.emit("reset-peak")
    assert torch.cuda.calls == []
    # PyTorch has one, of another device
    torch.cuda.initialized = True
    torch.cuda.numbers = {}
    assert size(guard.emit("query-stats"), "reserved") == (True, 0)
    assert ("mem_get_info", 2) not in torch.cuda.calls


def test_pluggable():
    torch = FakeTorch()
    torch.cuda.pluggable = True
    guard = make_guard(torch_guard.TorchProvider(torch))
    assert guard.emit("query-stats").get_string("source") == "none"
    guard.emit("trim")
    assert ("empty_cache",) not in torch.cuda.calls


def test_trim():
    torch = FakeTorch()
    guard = make_guard(torch_guard.TorchProvider(torch))
    assert guard.emit("trim") == 250 * MIB
    assert torch.cuda.calls.count(("empty_cache",)) == 1
    assert guard.emit("trim") == 0
    guard.emit("reset-peak")
    assert size(guard.emit("query-stats"), "peak") == (True, 100 * MIB)


def test_cupy():
    guard = make_guard(torch_guard.CupyProvider(FakeCupy()))
    stats = guard.emit("query-stats")
    assert stats.get_string("source") == "cupy"
    assert size(stats, "allocated") == (True, 4 * MIB)
    assert size(stats, "reserved") == (True, 9 * MIB)
    assert size(stats, "releasable") == (True, 5 * MIB)
    assert guard.emit("trim") == 5 * MIB


# ---- pipelines ----

def run(torch, model, *settings):
    """Returns the runner, and (id, row of input_ids) of each record in the order of arrival."""
    rows = []
    runner = torch_guard.Runner(torch, model, lambda ids, out: rows.extend(zip(ids, out)), "cpu")
    for setting in (f"src.location={PROTEINS}", "batch.max-tokens=2048") + settings:
        runner.set(*setting.split("=", maxsplit=1))
    runner.run()
    return runner, rows


def rows_of(tensors):
    """Each row without its padding, so that it is the same in whatever batch"""
    ids, mask = tensors["input_ids"], tensors["attention_mask"]
    _, length = ids.shape
    return [tuple(ids.values[at:at + sum(mask.values[at:at + length])])
            for at in range(0, len(ids.values), length)]


def test_pipeline():
    torch = FakeTorch()
    runner, rows = run(torch, rows_of, "guard.interval=2")
    assert sorted(record for record, _ in rows) == list(range(len(rows))) and len(rows) > 20
    trims = [m for m in runner.messages if m.get_string("event") == "trim"]
    assert len(trims) > 1 and trims[0].get_string("source") == "torch"
    assert size(trims[0], "freed") == (True, 250 * MIB)
    assert size(trims[0], "allocated") == (True, 100 * MIB)
    assert torch.cuda.calls.count(("empty_cache",)) == len(trims)
    assert runner.ooms == 0


def test_out_of_memory():
    torch = FakeTorch()
    _, expected = run(torch, rows_of)

    def model(tensors):
        if len(tensors["input_ids"].values) > 2500:     # the longest record has 2324 tokens
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return rows_of(tensors)

    runner, rows = run(torch, model, "batch.max-tokens=8192")
    assert runner.ooms > 0
    assert sorted(rows) == sorted(expected)
    events = {message.get_string("event") for message in runner.messages}
    assert "oom" in events
    assert ("empty_cache",) in torch.cuda.calls


def test_cublas():
    """cuBLAS runs out of memory under a name of its own."""
    torch = FakeTorch()
    failures = [RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")]

    def model(tensors):
        if failures:
            raise failures.pop()
        return rows_of(tensors)

    runner, rows = run(torch, model)
    assert runner.ooms == 1
    assert sorted(record for record, _ in rows) == list(range(len(rows))) and len(rows) > 20


def test_error():
    """Any other error of the model ends the pipeline and is told."""
    def model(_tensors):
        raise ValueError("the model says no")

    torch = FakeTorch()
    try:
        run(torch, model)
    except ValueError as error:
        assert str(error) == "the model says no"
    else:
        raise AssertionError("the error went lost")


# ---- batches in device memory ----

def test_upload():
    torch = FakeTorch()
    _, expected = run(torch, rows_of)
    assert torch.as_tensors == 0
    runner, rows = run(torch, rows_of, "queue.upload=true")
    assert rows == expected
    eos = runner.messages[-1]
    assert torch.as_tensors == 2 * size(eos, "batch")[1]


def test_upload_out_of_memory():
    """The same batch again, or its pieces, wherever they are"""
    torch = FakeTorch()
    _, expected = run(torch, rows_of)

    def model(tensors):
        if len(tensors["input_ids"].values) > 2500:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return rows_of(tensors)

    runner, rows = run(torch, model, "batch.max-tokens=8192", "queue.upload=true")
    assert runner.ooms > 0
    assert sorted(rows) == sorted(expected)


def main():
    Gst.init(None)
    tests = [test_numbers, test_no_context, test_pluggable, test_trim, test_cupy, test_pipeline,
             test_out_of_memory, test_cublas, test_error]
    if len(sys.argv) > 1:
        tests = [test_upload, test_upload_out_of_memory]
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        test()
        print(f"ok {number} /torch-guard/{test.__name__[5:]}", flush=True)


main()
