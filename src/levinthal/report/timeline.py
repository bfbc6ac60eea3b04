"""The timeline of a repeat: a row of segments for each lane, all repeats of a run on one time axis."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.result import Phase
from levinthal.report.rounding import duration

# Intervals of one phase closer than this share of the axis are drawn as one: the gap is under two pixels.
_JOIN_SHARE = 1 / 600
_COLOURS = 8


@dataclass(frozen=True)
class Key:
    """How a phase is marked wherever it is drawn: a letter and a colour of the palette."""

    letter: str
    colour: int


@dataclass(frozen=True)
class Segment:
    """One bar, in per cent of the time axis."""

    name: str
    key: Key
    left: float
    width: float
    title: str


@dataclass(frozen=True)
class Lane:
    """A lane and its rows; there is more than one row where its phases overlap."""

    name: str
    rows: tuple[tuple[Segment, ...], ...]


def phase_keys(names: Iterable[str]) -> dict[str, Key]:
    """Give each phase, in order, a letter (A to Z, then AA, AB, ...) and a colour."""
    keys: dict[str, Key] = {}
    for name in names:
        if name not in keys:
            position = len(keys)
            letter = chr(65 + position) if position < 26 else chr(64 + position // 26) + chr(65 + position % 26)
            keys[name] = Key(letter if position < 702 else "…", position % _COLOURS)
    return keys


def join_close(intervals: Iterable[tuple[float, float]], gap_s: float) -> list[tuple[float, float, int]]:
    """Join intervals that overlap or lie closer than `gap_s`; the third number says how many became one."""
    joined: list[tuple[float, float, int]] = []
    for start_s, end_s in sorted(intervals):
        if joined and start_s - joined[-1][1] <= gap_s:
            first_s, last_s, number = joined[-1]
            joined[-1] = (first_s, max(last_s, end_s), number + 1)
        else:
            joined.append((start_s, end_s, 1))
    return joined


def lanes_of(phases: Sequence[Phase], axis_s: float, keys: Mapping[str, Key]) -> tuple[Lane, ...]:
    """Lay out the phases of one repeat.

    Parameters
    ----------
    phases : sequence of Phase
        What was recorded.
    axis_s : float
        The length of the time axis.
    keys : mapping of str to Key
        The mark of each phase.

    Returns
    -------
    tuple of Lane
        `main` first, then by name with numbers in order (worker 2 before worker 10).
    """
    if axis_s <= 0:
        return ()
    by_lane: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for phase in phases:
        by_lane[phase.lane][phase.name].append((phase.start_s, phase.start_s + phase.duration_s))
    lanes = []
    for lane in sorted(by_lane, key=_lane_order):
        pieces = [
            (start_s, end_s, number, name)
            for name, intervals in by_lane[lane].items()
            for start_s, end_s, number in join_close(intervals, axis_s * _JOIN_SHARE)
        ]
        lanes.append(Lane(lane, _rows(sorted(pieces), axis_s, keys)))
    return tuple(lanes)


def _rows(
    pieces: Iterable[tuple[float, float, int, str]], axis_s: float, keys: Mapping[str, Key]
) -> tuple[tuple[Segment, ...], ...]:
    """Put each piece into the first row where it does not lie on another one."""
    rows: list[list[Segment]] = []
    ends_s: list[float] = []
    for start_s, end_s, number, name in pieces:
        row = next((at for at, taken_s in enumerate(ends_s) if taken_s <= start_s + 1e-9), len(rows))
        if row == len(rows):
            rows.append([])
            ends_s.append(end_s)
        ends_s[row] = end_s
        times = f", {number} times" if number > 1 else ""
        title = f"{name}{times}: {duration(end_s - start_s)}, from {duration(start_s)} to {duration(end_s)}"
        left, width = 100 * start_s / axis_s, 100 * (end_s - start_s) / axis_s
        rows[row].append(Segment(name, keys[name], left, width, title))
    return tuple(tuple(row) for row in rows)


def _lane_order(name: str) -> tuple[bool, list[tuple[int, int, str]]]:
    parts = re.split(r"(\d{1,18})", name)
    return name != "main", [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
