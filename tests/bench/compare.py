# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures all groups of rows, prints the table as it grows, and keeps it. Started by run."""
import argparse
import datetime
import os
import sys

from data import Data
from machine import machine
from table import HEADER, is_complete, spread
from works import GROUPS, Bench


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    data = Data(options.root, options.build, os.path.join(options.root, "build/bench-data"))
    bench = Bench(options.root, options.build, data, options.quick)

    now = datetime.datetime.now()
    directory = os.path.join(options.root, "build/bench-results")
    os.makedirs(directory, exist_ok=True)
    kind = "quick" if options.quick else "full"
    path = os.path.join(directory, f"{now:%Y%m%d-%H%M%S}-{kind}.md")
    rows, round_trips = [], []
    with open(path, "w", encoding="utf-8") as kept:
        def put(text):
            print(text, flush=True)
            print(text, file=kept, flush=True)

        put(f"{now:%Y-%m-%d}, {machine()}; {kind}\n\n{HEADER}")
        for group in GROUPS:
            if options.only in group.__name__:
                bench.round_trips.clear()
                for row in group(bench):
                    rows.append(row)
                    put(row)
                if bench.round_trips:
                    round_trips.append(f"{group.__name__} {spread(bench.round_trips)}")
        if round_trips:
            put("\nFrom one processor to another and back, ns: " + ", ".join(round_trips))
    print(f"Kept in {os.path.relpath(path)}", file=sys.stderr)

    below = sum(row.is_below() for row in rows)
    if options.check and below:
        print(f"{below} worse than 0.9 of the reach", file=sys.stderr)
    return 1 if not is_complete(rows) or (options.check and below) else 0


if __name__ == "__main__":
    sys.exit(main())
