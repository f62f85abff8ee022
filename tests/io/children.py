# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of this directory share: seqrun as a child, in a process group of its own; TAP."""

import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SEQRUN = os.environ["SEQRUN"]
SANITIZED = "ASAN_OPTIONS" in os.environ
TIMEOUT = 120 if SANITIZED else 30


libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Result:
    """How a child ended. `peak`: the most memory that it had at a time, in bytes."""

    def __init__(self, status, stdout, stderr, peak, seconds):
        self.status, self.stdout, self.stderr = status, stdout, stderr
        self.peak, self.seconds = peak, seconds
        self.output = b""           # what is in the file that it wrote, where there is one
        self.errors = re.findall(r"^seqrun: error: .*$", stderr, re.M)

    def __str__(self):
        return f"status {self.status}, {len(self.output)} bytes\n{self.stderr}"


class Child:
    """A process, alone in its group, so that whatever it starts ends with it."""

    def __init__(self, arguments, environment=(), limits=(), feed=None):
        """`feed`: pieces of what it reads from its standard input"""
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.began = time.monotonic()

        def prepare():
            # a group of its own is not ended with that of the test
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            for kind, value in limits:
                resource.setrlimit(kind, (value, value))

        self.process = subprocess.Popen(
            arguments, env=dict(os.environ, **dict(environment)), stdout=self.out,
            stderr=self.err, stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            preexec_fn=prepare, restore_signals=False, start_new_session=True)
        self.feeder = None
        if feed:
            self.feeder = threading.Thread(target=self.write, args=(feed,), daemon=True)
            self.feeder.start()

    def write(self, pieces):
        try:
            for piece in pieces:
                self.process.stdin.write(piece)
            self.process.stdin.close()
        except BrokenPipeError:     # it has read enough
            pass

    def signal(self, number):
        """Not Popen.send_signal(), which waits for one that has just ended: see wait()"""
        if self.process.returncode is None:
            os.kill(self.process.pid, number)

    def kill_all(self):
        os.killpg(self.process.pid, signal.SIGKILL)     # SIGTERM might wait for what hangs

    def wait(self, seconds):
        """Whether it has ended. Not Popen.wait(), which does not tell the memory."""
        deadline = time.monotonic() + seconds
        while self.process.returncode is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.peak = usage.ru_maxrss << 10
            elif time.monotonic() > deadline:
                return False
            else:
                time.sleep(0.002)
        return True

    def finish(self, seconds=TIMEOUT):
        ended = self.wait(seconds)
        if not ended:
            self.kill_all()
            self.wait(TIMEOUT)      # until it is gone
        if self.feeder:
            self.feeder.join()
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        assert ended, f"not done after {seconds} s: {self.process.args}\n{texts[1]}"
        return Result(self.process.returncode, *texts, self.peak, time.monotonic() - self.began)


def assert_one_error(result, *says):
    assert result.status == 1, result
    assert len(result.errors) == 1, result
    for text in says:
        assert text in result.errors[0], result


def run_tests(suite, tests):
    """Those that the command line names, or all. Returns whether any failed."""
    wanted = sys.argv[1:]
    tests = [test for test in tests if not wanted or test.__name__[5:] in wanted]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        name = f"{number} /{suite}/{test.__name__[5:].replace('_', '-')}"
        began = time.monotonic()
        try:
            skipped = test()
            print(f"ok {name}" + (f" # SKIP {skipped}" if skipped else ""))
        except AssertionError as error:
            failed += 1
            print(f"not ok {name}")
            print("\n".join("# " + line for line in str(error).splitlines()))
        print(f"# {time.monotonic() - began:.1f} s", flush=True)
    return failed > 0
