"""The log of an external power meter (a socket's, a rack's, a node controller's), read as joules between two moments.

A CSV file with a header line: a column of time, `unix_s` (seconds since 1970, UTC) or `utc` (ISO 8601 with its offset),
and one of `watts` (what the meter showed then) or `joules` (its counter, which never falls). Between two samples power
is taken to change evenly. Other columns are left alone.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.files.reading import read_limited, refused

__all__ = ["MeterLog", "read_meter_log"]

_TIMES, _VALUES = ("unix_s", "utc"), ("watts", "joules")
_MOST_BYTES = 1 << 30
_FIX = "give a CSV file with a header line: unix_s or utc, and watts or joules"
_GAP_FACTOR = 10.0
"""A hole of so many times the usual distance between samples is one that nothing is known of."""


@dataclass(frozen=True, eq=False)
class MeterLog:
    """Joules against time.

    Attributes
    ----------
    unix_s : ndarray of float64, shape (n,)
        Ascending.
    joules : ndarray of float64, shape (n,)
        Spent since the first sample.
    """

    unix_s: Doubles
    joules: Doubles

    def between_j(self, start_s: float, end_s: float) -> float:
        """Return the joules between two moments, in seconds since 1970.

        Raises
        ------
        DataError
            The log does not reach so far, or has a hole there.
        """
        if start_s < self.unix_s[0] or end_s > self.unix_s[-1]:
            raise DataError("the meter's log does not cover it")
        first = int(np.searchsorted(self.unix_s, start_s, side="right")) - 1
        last = int(np.searchsorted(self.unix_s, end_s, side="left"))
        steps = np.diff(self.unix_s[first : last + 1])
        usual_s = float(np.median(np.diff(self.unix_s)))
        if len(steps) and steps.max() > _GAP_FACTOR * usual_s:
            raise DataError(
                f"the meter's log has a hole of {steps.max():.3g} s there, samples are {usual_s:.3g} s apart"
            )
        start_j, end_j = np.interp([start_s, end_s], self.unix_s, self.joules)
        return float(end_j - start_j)


def read_meter_log(file: Path) -> MeterLog:
    r"""Read a meter's log.

    Parameters
    ----------
    file : Path

    Raises
    ------
    DataError
        It cannot be read, or a line is not what the header says; the message names the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.metrics.meter_log import read_meter_log
    >>> size = Path("meter.csv").write_text("unix_s,watts\n100,50\n110,50\n120,70\n")
    >>> read_meter_log(Path("meter.csv")).between_j(100, 120)
    1100.0
    """
    with refused(DataError, file, "is not a meter's log", _FIX):
        text = read_limited(file, _MOST_BYTES, _FIX).decode("utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines()) if row]
    if not rows:
        raise DataError(f"{file}: it is empty: give a header line and samples")
    header = [name.strip().lower() for name in rows[0]]
    time_column, value_column = _column(header, _TIMES, file), _column(header, _VALUES, file)
    times, values = [], []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DataError(f"{file}, line {number}: {len(row)} columns, the header has {len(header)}")
        times.append(_moment(row[time_column].strip(), header[time_column], file, number))
        values.append(_number(row[value_column], header[value_column], file, number))
    if len(times) < 2:
        raise DataError(f"{file}: {len(times)} sample(s): at least two are needed")
    unix_s, found = np.array(times), np.array(values)
    if (early := np.flatnonzero(np.diff(unix_s) <= 0)).size:
        raise DataError(f"{file}, line {early[0] + 3}: it is not later than the line before")
    if header[value_column] == "joules":
        if (fallen := np.flatnonzero(np.diff(found) < 0)).size:
            raise DataError(f"{file}, line {fallen[0] + 3}: the counter fell: cut the log where it began again")
        return MeterLog(unix_s, found - found[0])
    spent = np.diff(unix_s) * (found[1:] + found[:-1]) / 2
    return MeterLog(unix_s, np.concatenate([[0.0], np.cumsum(spent)]))


def _column(header: list[str], names: tuple[str, ...], file: Path) -> int:
    there = [name for name in names if name in header]
    if len(there) != 1 or header.count(there[0]) > 1:
        raise DataError(f"{file}: its header needs one column {' or '.join(names)}; it has {', '.join(header)[:200]}")
    return header.index(there[0])


def _moment(text: str, kind: str, file: Path, number: int) -> float:
    if kind == "unix_s":
        return _number(text, kind, file, number)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(
            f"{file}, line {number}: {text[:40]!r} is not a time: write 2026-01-31T12:00:00+00:00"
        ) from None
    if moment.tzinfo is None:
        raise DataError(f"{file}, line {number}: {text[:40]!r} has no offset from UTC: append Z or +00:00")
    return moment.timestamp()


def _number(text: str, what: str, file: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (np.isfinite(value) and value >= 0):
        raise DataError(f"{file}, line {number}: {what} {text.strip()[:40]!r} is not a number from 0 on")
    return value
