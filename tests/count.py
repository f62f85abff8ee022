# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints `PASSED FAILED SKIPPED` of a meson test log: the test cases of each program, and one
failure more for a program that ended badly without a failed case (a crash, a leak, a timeout).
Behind it a line for each program that failed, and indented what it said of that: the end of a long
output is often all that is kept of it."""
import json
import re
import sys


def told(run):
    """The lines of a failed program's output that say what failed, or else its last ones."""
    lines = [*(run.get("stdout") or "").splitlines(), *(run.get("stderr") or "").splitlines()]
    named = [line for line in lines
             if re.match(r"not ok|Bail out|.*(ERROR|WARNING|CRITICAL|SUMMARY|Leaks)\b", line)]
    return (named or lines)[-20:]


passed = failed = skipped = 0
reports = []
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
    if bad:
        reports.append(f"{run['name']}: {run['result']} after {run['duration']:.1f} s")
        reports += [f"  {line}" for line in told(run)]
print(passed, failed, skipped)
for report in reports:
    print(report)
