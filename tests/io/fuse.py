# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system of one file, in the kernel's FUSE protocol without libfuse; its server goes away."""

import ctypes
import errno
import os
import stat
import struct
import threading

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT = 1, 2, 3, 14, 15, 18, 25, 26
INTERRUPT, BATCH_FORGET = 36, 42
ROOT, FILE = 1, 2
DIRECT_IO = 1                       # no cache, no reading ahead: it is known which read fails
DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """There is no FUSE here, or it is not for us."""


class Mount:
    """`directory`/`name` has `content`, until a read wants to go past `last`."""

    def __init__(self, directory, name, content, last):
        self.directory, self.name, self.content, self.last = directory, name, content, last
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"/dev/fuse: {error.strerror}") from error
        options = f"fd={self.device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        if libc.mount(b"gst-seq", directory.encode(), b"fuse", 0, options.encode()) != 0:
            os.close(self.device)
            raise Unavailable(f"mount: {os.strerror(ctypes.get_errno())}")
        self.server = threading.Thread(target=self.serve, daemon=True)
        self.server.start()

    def unmount(self):
        libc.umount2(self.directory.encode(), DETACH)
        self.server.join()

    def serve(self):
        while self.device is not None:
            try:
                request = os.read(self.device, 1 << 20)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                break               # ENODEV: unmounted
            self.handle(request)
        self.vanish()

    def vanish(self):
        """Who waits for an answer gets ECONNABORTED, who asks from now on ENOTCONN."""
        if self.device is not None:
            os.close(self.device)
        self.device = None

    def handle(self, request):
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        body = request[40:]
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            return
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            if offset + size > self.last:
                self.vanish()
                return
            answer = self.content[offset:offset + size]
        else:
            answer = self.answer(opcode, node, body)
        code = 0
        if isinstance(answer, int):
            code, answer = -answer, b""
        os.write(self.device, struct.pack("<IiQ", 16 + len(answer), code, unique) + answer)

    def answer(self, opcode, node, body):
        """Bytes, or an error number"""
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 16, 1 << 17, 1, 32, 0, 0)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != self.name.encode():
                return errno.ENOENT
            return struct.pack("<QQQQII", FILE, 1, 60, 60, 0, 0) + self.attributes(FILE)
        if opcode == GETATTR:
            return struct.pack("<QII", 60, 0, 0) + self.attributes(node)
        if opcode == OPEN:
            return struct.pack("<QII", 1, DIRECT_IO, 0)
        if opcode in (RELEASE, FLUSH):
            return b""
        return errno.ENOSYS

    def attributes(self, node):
        mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o644
        return struct.pack("<QQQQQQIIIIIIIIII", node, len(self.content) if node == FILE else 0, 0,
                           0, 0, 0, 0, 0, 0, mode, 1, os.getuid(), os.getgid(), 0, 4096, 0)
