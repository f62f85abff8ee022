# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files that are measured on: made once, then kept, and read into the page cache."""
import os
import subprocess
import sys


def read_anew(path):
    """Has the system forget the file and read it from the disk, as most files came into the page cache
    that somebody reads. One that was just written lies there in smaller pieces, each in its own way:
    to read it takes up to a third longer."""
    with open(path, "rb", buffering=0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(1 << 20):
            pass


class Data:
    def __init__(self, root, build, directory):
        self.make_data = os.path.join(build, "tests/bench/make-data")
        self.root = root
        self.directory = directory
        self.read = set()
        os.makedirs(directory, exist_ok=True)

    def _make(self, name, command):
        """A file whose content is what `command` prints; a part of it never has the name. The first
        time that it is asked for, it is read anew."""
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            print(f"Making {name}", file=sys.stderr, flush=True)
            with open(path + ".part", "wb") as part:
                subprocess.run(command, stdout=part, check=True)
            os.rename(path + ".part", path)
        if path not in self.read:
            read_anew(path)
            self.read.add(path)
        return path

    def made(self, kind, n):
        """Sequences of one kind of make-data"""
        suffix = "fq" if kind.endswith("reads") else "fa"
        return self._make(f"{kind}-{n}.{suffix}", [self.make_data, kind, str(n)])

    def gzip(self, path):
        return self._make(os.path.basename(path) + ".gz", ["gzip", "-6", "-c", path])

    def bgzf(self, path):
        return self._make(os.path.basename(path) + ".bgz", ["bgzip", "-@2", "-c", path])

    def zstd(self, path):
        return self._make(os.path.basename(path) + ".zst", ["zstd", "-q", "-3", "-T2", "-c", path])

    def proteins_of_debian(self, copies):
        """The 20,000 real proteins of package mmseqs2-examples, several times one after the other:
        gzip with many members. None where they can't be had."""
        return self._example("mmseqs2-examples", "$proteins",
                             "real-proteins", copies, "fa.gz", "cat")

    def reads_of_debian(self, copies):
        """The same for the long reads of package wtdbg2-examples, unpacked"""
        return self._example("wtdbg2-examples",
                             "/usr/share/doc/wtdbg2-examples/selfSampleData.tar.gz",
                             "real-longreads", copies, "fq", "tar -xOz --wildcards '*.fastq'")

    def _example(self, package, file, name, copies, suffix, unpack):
        script = f"""set -euo pipefail
root=$1; . "$root/pipelines/setup.sh"; file=$(example {package} {file})
for copy in $(seq "$2"); do {unpack} < "$file"; done"""
        try:
            return self._make(f"{name}-{copies}.{suffix}",
                              ["bash", "-c", script, "bash", self.root, str(copies)])
        except subprocess.CalledProcessError:
            return None
