#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A consumer that allocates as a protein model does, over batches of very different lengths, with
and without the guard. Prints rows of the table in README.md; exits 77 without PyTorch or CuPy on a
GPU. Each run has a process of its own, because an allocator's history cannot be undone.

GStreamer is called through ctypes: a Python that has PyTorch seldom has GObject introspection."""

import ctypes
import glob
import os
import random
import subprocess
import sys
import tempfile
import time

GIB = 1 << 30
LIMIT = 16 * GIB            # of the allocator, so that every card is as full
N_RECORDS = int(os.environ.get("GPU_CONSUMER_RECORDS", "20000"))
WIDTH, HEADS, LAYERS = 1280, 20, 4

GUARDS = {
    "none": "identity",
    "interval": "cudamemguard name=guard interval=100",
    "adaptive": "cudamemguard name=guard interval=100 trim-policy=adaptive",
    "pool": "cudamemguard name=guard interval=100 trim-policy=adaptive",
}
TITLES = {
    "none": "no guard", "interval": "interval=100", "adaptive": "trim-policy=adaptive",
    "pool": "trim-policy=adaptive, memory from gst_seq_torch_malloc",
}


# ---- allocators ----

class Torch:
    name = "PyTorch"

    def __init__(self, pool):
        import torch
        if not torch.cuda.is_available():
            raise ImportError("PyTorch sees no GPU")
        self.torch, self.pool = torch, pool
        self.out_of_memory = torch.cuda.OutOfMemoryError
        if pool:
            memory = torch.cuda.memory
            memory.change_current_allocator(memory.CUDAPluggableAllocator(
                find_plugin(), "gst_seq_torch_malloc", "gst_seq_torch_free"))
        else:
            torch.cuda.set_per_process_memory_fraction(
                min(LIMIT / torch.cuda.get_device_properties(0).total_memory, 1.0))
        self.some = self.random(1)

    def random(self, *shape):
        return self.torch.rand(shape, device="cuda", dtype=self.torch.float16) / 64

    def softmax(self, x):
        return self.torch.softmax(x, -1)

    def numbers(self):
        """Bytes allocated, reserved, releasable, and the most ever reserved"""
        if self.pool:
            return pool_numbers(self.some.data_ptr())
        now = self.torch.cuda.memory_stats()
        allocated, reserved = (now[f"{name}_bytes.all.current"] for name in
                               ("allocated", "reserved"))
        split = now["inactive_split_bytes.all.current"]
        return allocated, reserved, max(reserved - allocated - split, 0), \
            now["reserved_bytes.all.peak"]

    def trim(self):
        if self.pool:       # the guard trims it by itself
            return 0
        before = self.torch.cuda.memory_reserved()
        self.torch.cuda.empty_cache()
        return before - self.torch.cuda.memory_reserved()

    def synchronize(self):
        self.torch.cuda.synchronize()


class Cupy:
    name = "CuPy"

    def __init__(self, _pool):
        import cupy
        if cupy.cuda.runtime.getDeviceCount() == 0:
            raise ImportError("CuPy sees no GPU")
        self.cupy, self.highest = cupy, 0
        self.out_of_memory = cupy.cuda.memory.OutOfMemoryError
        self.memory = cupy.get_default_memory_pool()
        self.memory.set_limit(size=LIMIT)

    def random(self, *shape):
        return self.cupy.random.rand(*shape, dtype="float32").astype("float16") / 64

    def softmax(self, x):
        e = self.cupy.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def numbers(self):
        reserved = self.memory.total_bytes()
        self.highest = max(self.highest, reserved)
        return self.memory.used_bytes(), reserved, self.memory.free_bytes(), self.highest

    def trim(self):
        before = self.memory.total_bytes()
        self.memory.free_all_blocks()
        return before - self.memory.total_bytes()

    def synchronize(self):
        self.cupy.cuda.Device().synchronize()


def open_library(pool=False):
    reasons = []
    for library in (Torch,) if pool else (Torch, Cupy):
        try:
            return library(pool)
        except Exception as error:      # each has its own for a missing GPU
            reasons.append(str(error).splitlines()[0])
    print("no consumer: " + "; ".join(reasons))
    sys.exit(77)


def find_plugin():
    for folder in os.environ.get("GST_PLUGIN_PATH_1_0",
                                 os.environ.get("GST_PLUGIN_PATH", "")).split(":"):
        for path in glob.glob(os.path.join(folder, "libgstcudamem.so")):
            return path
    sys.exit("libgstcudamem.so is not in GST_PLUGIN_PATH")


def pool_numbers(pointer):
    """Of the memory pool that a device pointer comes from"""
    cuda = ctypes.CDLL(os.environ.get("GST_SEQ_LIBCUDA") or "libcuda.so.1")
    pool, numbers = ctypes.c_void_p(), []
    if cuda.cuPointerGetAttribute(ctypes.byref(pool), 17, ctypes.c_uint64(pointer)) or not pool:
        raise RuntimeError("memory that is in no pool")
    for attribute in (7, 5, 6):     # used, reserved, most ever reserved
        value = ctypes.c_uint64()
        cuda.cuMemPoolGetAttribute(pool, attribute, ctypes.byref(value))
        numbers.append(value.value)
    used, reserved, highest = numbers
    return used, reserved, reserved - used, highest


# ---- the model ----

class Model:
    """Allocates what a transformer does that keeps its attention matrix"""

    def __init__(self, library):
        self.library = library
        self.layers = [(library.random(WIDTH, 3 * WIDTH), library.random(WIDTH, 4 * WIDTH),
                        library.random(4 * WIDTH, WIDTH)) for _ in range(LAYERS)]

    def __call__(self, n, length):
        hidden = self.library.random(n, length, WIDTH)
        for mix, widen, narrow in self.layers:
            heads = (hidden @ mix).reshape(n, length, 3, HEADS, WIDTH // HEADS).swapaxes(1, 3)
            q, k, v = heads[:, :, 0], heads[:, :, 1], heads[:, :, 2]
            weights = self.library.softmax(q @ k.swapaxes(-1, -2))
            hidden = hidden + (weights @ v).swapaxes(1, 2).reshape(n, length, WIDTH)
            hidden = hidden + (hidden @ widen) @ narrow


# ---- the pipeline ----

def write_trace(file):
    """Log-normal lengths, as of proteins, in an order that no sort has touched"""
    numbers = random.Random(7)
    for record in range(N_RECORDS):
        length = min(max(int(numbers.lognormvariate(5.7, 0.8)), 20), 2000)
        file.write(f">r{record}\n{'LAGVSERTIDPKQNFYMHWC'[record % 20] * length}\n")
    file.flush()


class GError(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p)]


class Pipeline:
    OOM, ERROR = -101, -5       # GST_FLOW_CUSTOM_ERROR_1, GST_FLOW_ERROR
    NEW_SAMPLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    COLLECT = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    TRIM = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

    def __init__(self, library, model, mode, location):
        self.library, self.model, self.mode = library, model, mode
        self.trims = self.ooms = self.lost = self.tokens = self.batches = 0
        self.slack = 0.0
        self.error = None
        self.gst = ctypes.CDLL("libgstreamer-1.0.so.0")
        self.gobject = ctypes.CDLL("libgobject-2.0.so.0")
        self.seq = ctypes.CDLL("libgstseq-1.0.so.0")
        for name in ("gst_parse_launch", "gst_bin_get_by_name", "gst_element_get_bus",
                     "gst_sample_get_buffer", "gst_structure_from_string",
                     "gst_structure_to_string", "gst_message_get_structure",
                     "gst_bus_timed_pop_filtered"):
            getattr(self.gst, name).restype = ctypes.c_void_p
        self.gst.gst_init(None, None)
        text = (f'seqsrc location="{location}" ! seqbatch tokenizer=esm2 batch-size=32 ! '
                f"pinnedqueue ! {GUARDS[mode]} ! "
                "appsink name=sink sync=false emit-signals=true max-buffers=1")
        error = ctypes.POINTER(GError)()
        self.pipeline = ctypes.c_void_p(
            self.gst.gst_parse_launch(text.encode(), ctypes.byref(error)))
        if error:
            sys.exit(f"{text}: {error.contents.message.decode()}")
        self.sink = self.find(b"sink")
        self.guard = self.find(b"guard")
        self.callbacks = []
        self.connect(self.sink, b"new-sample", self.NEW_SAMPLE(self.on_new_sample))
        if self.guard:
            self.connect(self.guard, b"trim-request", self.TRIM(self.on_trim))
        if self.guard and mode != "pool":
            self.connect(self.guard, b"collect-stats", self.COLLECT(self.on_collect))

    def find(self, name):
        return ctypes.c_void_p(self.gst.gst_bin_get_by_name(self.pipeline, name))

    def connect(self, element, signal, callback):
        self.callbacks.append(callback)     # ctypes keeps no reference
        self.gobject.g_signal_connect_data(element, signal, callback, None, None, 0)

    def on_collect(self, _guard, _device, _data):
        allocated, reserved, releasable, _ = self.library.numbers()
        text = (f"stats, allocated=(guint64){allocated}, reserved=(guint64){reserved}, "
                f"releasable=(guint64){releasable};")
        return self.gst.gst_structure_from_string(text.encode(), None)

    def on_trim(self, _guard, _device, _data):
        self.trims += 1
        return self.library.trim()

    def on_new_sample(self, sink, _data):
        sample = ctypes.c_void_p()
        self.gobject.g_signal_emit_by_name(ctypes.c_void_p(sink), b"pull-sample",
                                           ctypes.byref(sample))
        dims = (ctypes.c_uint32 * 4)()
        buffer = ctypes.c_void_p(self.gst.gst_sample_get_buffer(sample))
        self.seq.gst_seq_batch_get_tensor_shape(buffer, 0, None, None, dims, None)
        self.gst.gst_mini_object_unref(sample)
        try:
            return self.compute(dims[0], dims[1])
        except Exception as error:          # nothing may escape into the streaming thread
            self.error = error
            return self.ERROR

    def compute(self, n, length):
        try:
            self.model(n, length)
        except self.library.out_of_memory:
            pass
        else:
            allocated, reserved, _, _ = self.library.numbers()
            self.slack += (reserved - allocated) / max(reserved, 1)
            self.batches += 1
            self.tokens += n * length
            return 0
        self.ooms += 1
        if self.guard:
            return self.OOM
        self.lost += n
        self.library.trim()
        return 0

    def run(self):
        bus = ctypes.c_void_p(self.gst.gst_element_get_bus(self.pipeline))
        message = ctypes.c_void_p()
        start = time.monotonic()
        self.gst.gst_element_set_state(self.pipeline, 4)
        while not message:      # short waits, so that an interrupt gets in
            message = ctypes.c_void_p(self.gst.gst_bus_timed_pop_filtered(
                bus, ctypes.c_uint64(500_000_000), 1 << 0 | 1 << 1))    # EOS or an error
        self.library.synchronize()
        seconds = time.monotonic() - start
        self.gst.gst_element_set_state(self.pipeline, 1)
        details = ctypes.c_void_p(self.gst.gst_message_get_structure(message))  # EOS: none
        if details and not self.error:
            text = self.gst.gst_structure_to_string(details)
            self.error = RuntimeError(ctypes.string_at(text).decode())
        self.gst.gst_mini_object_unref(message)
        for item in (bus, self.sink, self.guard, self.pipeline):
            if item:
                self.gst.gst_object_unref(item)
        if self.error:
            raise self.error
        return seconds


def run_mode(mode):
    library = open_library(pool=mode == "pool")
    with tempfile.NamedTemporaryFile("w", suffix=".fasta") as file:
        write_trace(file)
        pipeline = Pipeline(library, Model(library), mode, file.name)
        seconds = pipeline.run()
    highest = library.numbers()[3]
    print(f"| {library.name}, {TITLES[mode]}: highest reserved, mean slack, trims, OOMs, records "
          f"lost, slots a second | {highest / GIB:.2f} GiB, "
          f"{pipeline.slack / max(pipeline.batches, 1):.3f}, {pipeline.trims}, {pipeline.ooms}, "
          f"{pipeline.lost}, {pipeline.tokens / seconds:,.0f} |", flush=True)


def main():
    if len(sys.argv) > 1:
        run_mode(sys.argv[1])
        return 0
    for mode in GUARDS:
        status = subprocess.run([sys.executable, __file__, mode], check=False).returncode
        if status == 77 and mode == "pool":     # CuPy alone has no such allocator
            return 0
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
