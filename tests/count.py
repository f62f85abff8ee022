# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints `PASSED FAILED SKIPPED` of a meson test log: the test cases of each program, and one
failure more for a program that ended badly without a failed case (a crash, a leak, a timeout)."""
import json
import re
import sys

passed = failed = skipped = 0
try:
    lines = open(sys.argv[1], encoding="utf-8").readlines()
except OSError:
    lines = []
for line in lines:
    run = json.loads(line)
    bad = 0
    for case in re.findall(r"^(ok|not ok)\b(.*)$", run.get("stdout") or "", re.M):
        if case[0] == "not ok":
            bad += 1
        elif re.search(r"#\s*SKIP", case[1], re.I):
            skipped += 1
        else:
            passed += 1
    if run["result"] == "SKIP" and not bad:
        continue
    if run["result"] not in ("OK", "EXPECTEDFAIL"):
        bad = max(bad, 1)
    failed += bad
print(passed, failed, skipped)
