# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine in one line, for tables that are kept."""
import os
import platform
import re


def field(path, pattern):
    with open(path, encoding="utf-8") as file:
        found = re.search(pattern, file.read(), re.M)
    return found.group(1) if found else "?"


def machine():
    cpu = field("/proc/cpuinfo", r"^model name\s*: (.*)$")
    gib = int(field("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / 2**20
    cores = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{cpu}, {cores} cores, {gib:.0f} GiB, Linux {kernel}"
