# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time a record and peak memory of source, sort and chain for 10^4, 10^5, … records, plain and
gzip: prints a table, and draws the chart with gnuplot. Started by growth."""
import datetime
import os
import statistics
import subprocess
import sys

from contest import Failed
from data import Data
from machine import machine
from table import Reach, Row, spread
from works import MB, Bench

ROUNDS = 5
SECONDS_PER_ROUND = 0.5
WORKS = {
    "source": "seqsrc location={} ! fakesink",
    "sort": "seqsrc location={} ! seqsort ! fakesink",
    "chain": "seqsrc location={} ! seqsort ! seqbatch max-tokens=16384 dtype=int64 ! pinnedqueue ! "
             "cudamemguard ! fakesink",
}
# from so many records on the time of each is to stay the same, within FLAT
FLAT_FROM = 100000
FLAT = 0.15

CHART = """set terminal svg size 860,440 font "sans,11" background "white"
set output "{chart}"
set logscale x
set format x "10^{{%T}}"
set xlabel "records"
set grid ytics
set key outside bottom center horizontal maxrows 3
set multiplot layout 1,2
set title "ns a record, PLAYING to EOS"
set yrange [0:*]
plot {times}
set title "peak memory, MB"
set logscale y
set yrange [*:*]
plot {memory}
unset multiplot
"""


def measure(bench, sizes):
    """{size: {(work, compression): [Result]}}, all in one contest: what the machine does within these
    minutes meets all sizes"""
    contestants = []
    for n in sizes:
        text = bench.data.made("proteins", n)
        files = {"plain": text, "gzip": bench.data.gzip(text)}
        contestants += [bench.pipeline((n, work, kind), line.format(path))
                        for work, line in WORKS.items() for kind, path in files.items()]
    results = bench.contest(contestants, ROUNDS, each_its_own=True, at_least=SECONDS_PER_ROUND)
    measured = {n: {} for n in sizes}
    for contestant in contestants:
        n, *series = contestant.name
        if contestant.failure:
            raise Failed(f"{n:,} records, {' '.join(series)}: {contestant.failure}")
        measured[n][tuple(series)] = results[contestant.name]
    return measured


def nanoseconds(results, n):
    return [result.playing / n * 1e9 for result in results]


def print_table(sizes, measured, put):
    put("| work | input | records | ns a record (min–max) | peak memory, MB |")
    put("|---|---|---|---|---|")
    for series in measured[sizes[0]]:
        for n in sizes:
            results = measured[n][series]
            memory = statistics.median(result.rss for result in results) / MB
            put(f"| {series[0]} | {series[1]} | {n:,} | {spread(nanoseconds(results, n))} | "
                f"{memory:,.0f} |")


def print_flatness(sizes, measured, put):
    """How far the time of a record is from its middle, over all sizes that count"""
    sizes = [n for n in sizes if n >= FLAT_FROM]
    put("\n| work | input | dearest / cheapest size | reach | met |\n|---|---|---|---|---|")
    reach = Reach("≤", round((1 + FLAT) / (1 - FLAT), 2))
    for series in measured[sizes[0]]:
        costs = [statistics.median(nanoseconds(measured[n][series], n)) for n in sizes]
        row = Row(series[0], series[1], "", [max(costs) / min(costs)], reach)
        put(str(row).replace("|  |", "|"))


def draw(sizes, measured, chart):
    """The numbers stand in the commands, as blocks of data"""
    blocks, times, memory = [], [], []
    for i, series in enumerate(measured[sizes[0]]):
        lines = [f"{n} {statistics.median(nanoseconds(measured[n][series], n))} "
                 f"{statistics.median(r.rss for r in measured[n][series]) / MB}" for n in sizes]
        blocks.append(f"$d{i} << EOD\n" + "\n".join(lines) + "\nEOD\n")
        style = f"with linespoints lt {i // 2 + 1} dt {i % 2 + 1} title '{' '.join(series)}'"
        times.append(f"$d{i} using 1:2 {style}")
        memory.append(f"$d{i} using 1:3 {style}")
    commands = "".join(blocks) + CHART.format(chart=chart, times=", ".join(times),
                                              memory=", ".join(memory))
    subprocess.run(["gnuplot"], input=commands, text=True, check=True)


def main():
    root, build, *options = sys.argv[1:]
    quick = "--quick" in options
    bench = Bench(root, build, Data(root, build, os.path.join(root, "build/bench-data")), quick)
    sizes = [10**power for power in range(4, 7 if quick else 8)]
    directory = os.path.join(root, "build/bench-results")
    os.makedirs(directory, exist_ok=True)
    now = datetime.datetime.now()
    try:
        measured = measure(bench, sizes)
    except Failed as failed:
        sys.exit(f"growth: {failed}")
    path = os.path.join(directory, f"{now:%Y%m%d-%H%M%S}-growth.md")
    with open(path, "w", encoding="utf-8") as kept:
        def put(text):
            print(text)
            print(text, file=kept)

        put(f"{now:%Y-%m-%d}, {machine()}\n\n![growth](growth.svg)\n")
        print_table(sizes, measured, put)
        print_flatness(sizes, measured, put)
    draw(sizes, measured, os.path.join(directory, "growth.svg"))
    print(f"Kept in {os.path.relpath(directory)}, with the chart growth.svg", file=sys.stderr)


if __name__ == "__main__":
    main()
