# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs in turn, round by round: what the machine does meanwhile meets all of them."""
import json
import os
import shutil
import subprocess
import tempfile
import time


MAX_RUNS = 8


class Failed(Exception):
    """A contestant that can't be run, and why."""


class Contestant:
    """A program to measure. `output`: where its standard output goes; None reads it as JSON."""

    def __init__(self, name, command, output=os.devnull, env=None):
        self.name = name
        self.command = command
        self.output = output
        self.env = env
        self.failure = None
        if shutil.which(command[0]) is None:
            self.failure = f"no {os.path.basename(command[0])}"


class Result:
    """One run: `wall` seconds of the whole process, `rss` its peak in bytes, `facts` its JSON."""

    def __init__(self, wall, rss, facts):
        self.wall = wall
        self.rss = rss
        self.facts = facts

    @property
    def playing(self):
        """Seconds from PLAYING to EOS, without the start of the process"""
        return self.facts["playing"]


def run_once(contestant):
    env = {**os.environ, **(contestant.env or {})}
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as captured:
        output = open(contestant.output, "wb") if contestant.output else captured
        try:
            started = time.monotonic()
            process = subprocess.Popen(contestant.command, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=errors, env=env)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - started
        finally:
            if output is not captured:
                output.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise Failed(f"exit status {process.returncode}: {lines[-1] if lines else ''}"[:120])
        captured.seek(0)
        text = captured.read().decode(errors="replace")
    try:
        facts = json.loads(text) if text.startswith("{") else {}
    except ValueError:
        facts = {}
    return Result(wall, usage.ru_maxrss * 1024, facts)


def contest(contestants, rounds, warm_memory, each_its_own=False, at_least=0, watch=None):
    """One run of each to warm up, then `rounds` of all, every other one in the opposite order, and
    before each the program `warm_memory` with what the largest of them takes, or with `each_its_own`
    this one: thousands of times as much as a small one takes would be a disturbance for it. What is
    short is run so often in each round that this takes `at_least` so many seconds, for a millisecond
    that the machine takes is much of it; MAX_RUNS times at most. `watch` is called before each run.
    Returns {name: [Result of each run]}, without those that failed: `failure` says why."""
    results, first = {}, {}
    for contestant in contestants:
        if contestant.failure is None:
            try:
                first[contestant.name] = run_once(contestant)
                results[contestant.name] = []
            except Failed as failed:
                contestant.failure = str(failed)
    most = max((result.rss for result in first.values()), default=0)
    for number in range(rounds):
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            if contestant.failure is None:
                warm_up = first[contestant.name]
                amount = warm_up.rss if each_its_own else most
                try:
                    for _ in range(min(max(round(at_least / warm_up.wall), 1), MAX_RUNS)):
                        subprocess.run([warm_memory, str(amount)], check=True)
                        if watch:
                            watch()
                        results[contestant.name].append(run_once(contestant))
                except Failed as failed:
                    contestant.failure = str(failed)
                    del results[contestant.name]
    return results


def contest_within(command, rounds, env=None):
    """The same for a program that does the rounds itself: it prints a line of names, then a line of
    numbers for each round. Returns {name: [number of each round]}."""
    done = subprocess.run(command + [str(rounds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, **(env or {})}, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise Failed(f"exit status {done.returncode}: {lines[-1] if lines else ''}"[:120])
    names, *rows = [line.split() for line in done.stdout.splitlines()]
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(names)}
