# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the table of results: what was measured, what it is to reach, whether it does."""
import statistics

HEADER = """| work | ours | peer or limit | ratio (min–max) | reach | met |
|---|---|---|---|---|---|"""
# --check bears with so much less than the reach
TOLERANCE = 0.9


def number(value, unit=""):
    """With three digits that count; of per cent two behind the point, as 99.96 is not 100"""
    if unit == " %":
        return f"{value:.2f}"
    if value == 0:
        return "0"
    digits = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def spread(values, unit=""):
    """Median, smallest and largest"""
    low, middle, high = min(values), statistics.median(values), max(values)
    if low == high:
        return f"{number(middle, unit)}{unit}"
    return f"{number(middle, unit)}{unit} ({number(low, unit)}–{number(high, unit)})"


class Reach:
    """What the median has to be: at least (`≥`) or at most (`≤`) `value`."""

    def __init__(self, sign, value, unit="×"):
        self.sign = sign
        self.value = value
        self.unit = unit

    def __str__(self):
        return f"{self.sign} {self.value:,g}{self.unit}"

    def is_met(self, value, tolerance=1.0):
        if self.sign == "≥":
            return value >= self.value * tolerance
        return value <= self.value / tolerance


class Row:
    """`values`: the ratio (or cost) of each round. None: not measured, and `reason` says why.
    `reach` None: a figure to compare with, not to reach."""

    def __init__(self, work, ours, peer, values, reach=None, unit="×", reason=""):
        self.work = work
        self.ours = ours
        self.peer = peer
        self.values = values
        self.reach = reach
        self.unit = reach.unit if reach else unit
        self.reason = reason

    def is_below(self):
        """Whether it falls short of its reach by more than chance explains"""
        return (self.values is not None and self.reach is not None
                and not self.reach.is_met(statistics.median(self.values), TOLERANCE))

    def __str__(self):
        if self.values is None:
            ratio, met = f"not measured: {self.reason}".replace("|", "/"), "–"
        else:
            ratio = spread(self.values, self.unit)
            met = "–"
            if self.reach:
                met = "yes" if self.reach.is_met(statistics.median(self.values)) else "**no**"
        reach = str(self.reach) if self.reach else "–"
        return f"| {self.work} | {self.ours} | {self.peer} | {ratio} | {reach} | {met} |"


def is_complete(rows):
    """Whether every row was measured as far as it is ours to do"""
    return not any(row.values is None and row.ours == FAILED for row in rows)


FAILED = "failed"
