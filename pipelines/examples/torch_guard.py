#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A PyTorch model at the end of a pipeline: its allocator is watched and trimmed by cudamemguard,
and a batch that does not fit the GPU is replayed, in pieces if need be, without losing a record.

    torch_guard.py proteins.fa.gz                             # on the GPU if there is one
    torch_guard.py proteins.fa.gz --set queue.upload=true     # batches arrive in device memory
    torch_guard.py proteins.fa.gz --set batch.max-tokens=65536 --set guard.interval=20

Exits 77 where PyTorch is missing. `CupyProvider` is the same glue for CuPy."""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSeq", "1.0")
from gi.repository import GLib, GObject, Gst, GstSeq  # noqa: E402

DESCRIPTION = (
    "seqsrc name=src ! seqsort name=sort order=descending ! "
    "seqbatch name=batch tokenizer=esm2 batch-size=0 max-tokens=16384 ! pinnedqueue name=queue ! "
    "cudamemguard name=guard interval=100 ! "
    "appsink name=sink sync=false emit-signals=true max-buffers=1")


# ---- allocators that the guard watches ----

class TorchProvider(GObject.Object, GstSeq.MemoryProvider):
    """PyTorch's own caching allocator, of both backends (native and cudaMallocAsync)."""

    def __init__(self, torch):
        super().__init__()
        self.cuda = torch.cuda

    def stats(self, device):
        """The allocator's counters, None where there are none. Makes no CUDA context."""
        if not self.cuda.is_initialized():
            return None
        try:
            return self.cuda.memory_stats(device)
        except RuntimeError:    # a pluggable allocator keeps no counters
            return None

    def do_get_name(self):
        return "torch"

    def do_query(self, device, stats):
        now = self.stats(device)
        if now is None:
            return False
        stats.allocated = now.get("allocated_bytes.all.current", 0)
        stats.reserved = now.get("reserved_bytes.all.current", 0)
        stats.peak = now.get("allocated_bytes.all.peak", 0)
        # the free part of a block that is split stays: the rest of the block is in use
        split = now.get("inactive_split_bytes.all.current", 0)
        stats.releasable = max(stats.reserved - stats.allocated - split, 0)
        if stats.reserved > 0:  # so the device has a context; to ask another makes one
            stats.free, stats.total = self.cuda.mem_get_info(device)
        return True

    def do_trim(self, device):
        before = self.stats(device)
        if before is None:
            return 0
        self.cuda.empty_cache()
        key = "reserved_bytes.all.current"
        return max(before.get(key, 0) - self.stats(device).get(key, 0), 0)

    def do_reset_peak(self, device):
        if self.stats(device) is not None:
            self.cuda.reset_peak_memory_stats(device)


class CupyProvider(GObject.Object, GstSeq.MemoryProvider):
    """CuPy's default memory pool. Add it when CuPy computes on the guard's device: to ask makes
    a CUDA context there."""

    def __init__(self, cupy):
        super().__init__()
        self.cupy = cupy

    def do_get_name(self):
        return "cupy"

    def do_query(self, device, stats):
        with self.cupy.cuda.Device(device):
            pool = self.cupy.get_default_memory_pool()
            stats.allocated, stats.reserved = pool.used_bytes(), pool.total_bytes()
            stats.releasable = pool.free_bytes()
        return True

    def do_trim(self, device):
        with self.cupy.cuda.Device(device):
            pool = self.cupy.get_default_memory_pool()
            before = pool.total_bytes()
            pool.free_all_blocks()
            return max(before - pool.total_bytes(), 0)


def is_out_of_memory(torch, error):
    """Out of device memory and nothing worse: with emptied caches it may well work."""
    return (isinstance(error, torch.cuda.OutOfMemoryError)
            or "CUBLAS_STATUS_ALLOC_FAILED" in str(error))


# ---- batches as tensors ----

class DeviceTensor:
    """A tensor of a batch in device memory, for whoever knows __cuda_array_interface__ (PyTorch,
    CuPy, Numba). It keeps the memory while an array refers to it."""

    FORMATS = {
        GstSeq.TensorType.UINT8: "|u1", GstSeq.TensorType.INT16: "<i2",
        GstSeq.TensorType.INT32: "<i4", GstSeq.TensorType.INT64: "<i8",
        GstSeq.TensorType.FLOAT32: "<f4",
    }

    def __init__(self, batch, index):
        _, kind, rank, dims, offset = GstSeq.batch_get_tensor_shape(batch, index)
        self.memory = batch.get_memory(index)
        self.__cuda_array_interface__ = {
            "version": 3, "shape": tuple(dims[:rank]), "typestr": self.FORMATS[kind],
            "data": (GstSeq.cuda_memory_get_pointer(self.memory) + offset, False),
            "stream": None,     # who reads it has waited with GstSeq.cuda_memory_wait()
        }


def host_tensor(torch, batch, index):
    """A tensor of a batch, in host memory, with its bytes copied."""
    kinds = {
        GstSeq.TensorType.UINT8: torch.uint8, GstSeq.TensorType.INT16: torch.int16,
        GstSeq.TensorType.INT32: torch.int32, GstSeq.TensorType.INT64: torch.int64,
        GstSeq.TensorType.FLOAT32: torch.float32,
    }
    data, kind, rank, dims = GstSeq.batch_get_tensor_data(batch, index)
    return torch.frombuffer(bytearray(data.get_data()), dtype=kinds[kind]).reshape(dims[:rank])


def device_memories(batch):
    """The memories of a batch that are on a GPU: all or none. (The pieces of a batch that was
    split are on the host.)"""
    memories = [batch.peek_memory(i) for i in range(batch.n_memory())]
    return [m for m in memories if GstSeq.cuda_memory_get_device_id(m) >= 0]


def tensors_of(torch, batch, device):
    """{name: tensor on @device} of a batch; without a copy where it is in device memory."""
    tensors = {}
    on_device = device_memories(batch)
    if on_device:
        device = f"cuda:{GstSeq.cuda_memory_get_device_id(on_device[0])}"
        for memory in on_device:
            GstSeq.cuda_memory_wait(memory, torch.cuda.current_stream(device).cuda_stream)
    for index in range(GstSeq.batch_get_n_tensors(batch)):
        name = GstSeq.batch_get_tensor_name(batch, index)
        if on_device:
            tensors[name] = torch.as_tensor(DeviceTensor(batch, index), device=device)
        else:
            tensors[name] = host_tensor(torch, batch, index).to(device)
    return tensors


def release(torch, batch):
    """Says when the memory of a batch may be filled again: when what was launched is done."""
    for memory in device_memories(batch):
        stream = torch.cuda.current_stream(GstSeq.cuda_memory_get_device_id(memory))
        GstSeq.cuda_memory_set_done(memory, stream.cuda_stream)


def ids_of(batch):
    return [GstSeq.batch_get_record(batch, row)[1]
            for row in range(GstSeq.batch_get_n_records(batch))]


# ---- the pipeline ----

class Runner:
    """Runs a pipeline to its end: model(tensors) for each batch, then results(ids, output)."""

    def __init__(self, torch, model, results, device, description=DESCRIPTION):
        self.torch, self.model, self.results, self.device = torch, model, results, device
        self.ooms, self.error, self.messages = 0, None, []
        self.pipeline = Gst.parse_launch(description)
        self.guard = self.pipeline.get_by_name("guard")
        self.sink = self.pipeline.get_by_name("sink")
        self.provider = TorchProvider(torch)

    def set(self, name, value):
        """Sets a property: set("batch.max-tokens", "8192")"""
        element, _, name = name.partition(".")
        Gst.util_set_object_arg(self.pipeline.get_by_name(element), name, value)

    def on_new_sample(self, sink):
        """In the streaming thread. A result is passed on only when the whole batch has one."""
        batch = sink.emit("pull-sample").get_buffer()
        try:
            output = self.model(tensors_of(self.torch, batch, self.device))
            self.results(ids_of(batch), output)
            return Gst.FlowReturn.OK
        except Exception as error:  # nothing may escape into the streaming thread
            if not is_out_of_memory(self.torch, error):
                self.error = error
                return Gst.FlowReturn.ERROR
        finally:
            release(self.torch, batch)
        # The exception is gone by now, and so are the tensors that its stack held.
        self.ooms += 1
        self.guard.emit("report-oom")
        return Gst.FlowReturn.CUSTOM_ERROR_1

    def on_message(self, _bus, message, loop):
        if message.type == Gst.MessageType.ERROR:
            error, details = message.parse_error()
            self.error = self.error or RuntimeError(f"{error.message} ({details})")
        elif message.has_name("cuda-memguard"):
            self.messages.append(message.get_structure().copy())
        if message.type in (Gst.MessageType.ERROR, Gst.MessageType.EOS):
            loop.quit()

    def run(self):
        """Returns when all is done; raises what went wrong."""
        loop = GLib.MainLoop()
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        on_message = bus.connect("message", self.on_message, loop)
        on_new_sample = self.sink.connect("new-sample", self.on_new_sample)
        self.guard.emit("add-provider", self.provider)
        self.pipeline.set_state(Gst.State.PLAYING)
        loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        # a handler that stays connected keeps this object, and so the pipeline, for ever
        self.guard.emit("remove-provider", self.provider)
        self.sink.disconnect(on_new_sample)
        bus.disconnect(on_message)
        bus.remove_signal_watch()
        if self.error:
            raise self.error


# ---- a model, for the program ----

def make_model(torch, device, width=320):
    """Token ids to one vector a record: an embedding, a transformer layer, the mean over tokens."""
    torch.manual_seed(1)
    embedding = torch.nn.Embedding(33, width).to(device)
    layer = torch.nn.TransformerEncoderLayer(width, 20, 4 * width, batch_first=True).to(device)
    layer.eval()

    def model(tensors):
        mask = tensors["attention_mask"].bool()
        with torch.no_grad():
            hidden = layer(embedding(tensors["input_ids"]), src_key_padding_mask=~mask)
            weights = mask.unsqueeze(-1) / mask.sum(1).reshape(-1, 1, 1)
            return (hidden * weights).sum(1).cpu()

    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("location", help="FASTA or FASTQ, plain or compressed")
    parser.add_argument("--set", action="append", default=[], metavar="ELEMENT.PROPERTY=VALUE",
                        help="elements: src, sort, batch, queue, guard")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError as missing:
        print(f"torch_guard: {missing}", file=sys.stderr)
        return 77

    Gst.init(None)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    embeddings = {}
    runner = Runner(torch, make_model(torch, device),
                    lambda ids, output: embeddings.update(zip(ids, output)), device)
    runner.set("src.location", arguments.location)
    for setting in arguments.set:
        runner.set(*setting.split("=", maxsplit=1))
    runner.run()
    for message in runner.messages:
        print(message.to_string())
    print(f"{len(embeddings)} embeddings on {device}; out of memory {runner.ooms} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
