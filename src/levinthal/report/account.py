"""The account of wall time as tables and share bars: medians over the repeats, with nothing left out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.result import Result
from levinthal.report.rounding import count, duration, rounded
from levinthal.report.shares import PhaseShare, WallTime
from levinthal.report.timeline import Key

_OTHERS = ("other combinations",)


@dataclass(frozen=True)
class StateBar:
    """A part of the share bar, in per cent of the bar: the phases that were under way together, or none."""

    names: tuple[str, ...]
    keys: tuple[Key, ...]
    left: float
    width: float
    title: str


@dataclass(frozen=True)
class PhaseRow:
    """One row of the account, as text: medians over the repeats.

    Attributes
    ----------
    key : Key or None
        The mark of the phase; None in the rows that complete the account.
    percent : float
        The share of the wall time, for the bar.
    seconds, share, spread, alone, lane, items, rate, cores, energy : str
        Columns; empty where there is nothing to say.
    """

    name: str
    key: Key | None
    percent: float
    share: str
    seconds: str
    title: str
    spread: str
    alone: str = ""
    lane: str = ""
    items: str = ""
    rate: str = ""
    cores: str = ""
    energy: str = ""


@dataclass(frozen=True)
class Account:
    """The rows of the phases, those that complete the account, and why there is no energy."""

    phases: tuple[PhaseRow, ...]
    totals: tuple[PhaseRow, ...]
    n: int
    of_failed: bool
    energy_reason: str

    @property
    def columns(self) -> frozenset[str]:
        """The optional columns that at least one phase fills, and `lane` where lanes were busy side by side."""
        filled = {
            name for name in ("items", "rate", "cores", "energy") if any(getattr(row, name) for row in self.phases)
        }
        side_by_side = {"lane"} if any(row.lane != row.seconds for row in self.phases) else set()
        return frozenset(filled | side_by_side)


def seconds_words(value_s: float, largest_s: float) -> str:
    """Write seconds for a column: four digits for its largest entry, and the same decimals for all."""
    decimals = min(6, max(0, 3 - math.floor(math.log10(largest_s)))) if largest_s > 0 else 0
    return f"{value_s:,.{decimals}f}"


def state_bars(time: WallTime, keys: Mapping[str, Key]) -> tuple[StateBar, ...]:
    """Cut one bar, the whole wall time of a repeat, into the sets of phases that were under way together.

    Sets that are too many to see (each under a thousandth of the bar) are put together.
    """
    if time.total_s <= 0:
        return ()
    shown = [(names, spent) for names, spent in time.states if spent >= time.total_s / 1000]
    rest_s = sum(spent for _, spent in time.states) - sum(spent for _, spent in shown)
    parts = [(" with ".join(names), names, spent) for names, spent in shown]
    parts += [("other combinations of phases", _OTHERS, rest_s)] if rest_s > time.total_s * 1e-9 else []
    parts += [("no phase", (), time.unaccounted_s)] if time.unaccounted_s > 0 else []
    bars: list[StateBar] = []
    left = 0.0
    for words, names, spent in parts:
        width = 100 * spent / time.total_s
        title = f"{words}: {duration(spent)}, {width:.1f} % of the wall time"
        marks = tuple(keys[name] for name in names) if names is not _OTHERS else ()
        bars.append(StateBar(names, marks, left, width, title))
        left += width
    return tuple(bars)


def account_of(result: Result, times: Sequence[WallTime], keys: Mapping[str, Key]) -> Account:
    """Summarise the wall time of the repeats that passed, or of all where none did.

    A rate is a speed: it is given for repeats that passed only.
    """
    timed = [(time, repeat) for time, repeat in zip(times, result.repeats, strict=True) if time.total_s > 0]
    good = [time for time, repeat in timed if repeat.verdict == "passed"]
    used = good or [time for time, _ in timed]
    if not any(time.phases for time in used):
        return Account((), (), 0, False, "")
    largest_s = max(time.total_s for time in used)
    rows = []
    for name, key in keys.items():
        shares = [share for time in used for share in time.phases if share.name == name]
        if not shares:
            continue
        percents = [100 * s.wall_s / time.total_s for time in used for s in time.phases if s.name == name]
        rates = _numbers(shares, lambda s: s.items / s.wall_s if s.items and s.wall_s > 0 else None) if good else []
        items = _numbers(shares, lambda s: s.items)
        cores = _numbers(shares, lambda s: s.cpu_s / s.wall_s if s.cpu_s is not None and s.wall_s > 0 else None)
        energies = _numbers(shares, lambda s: s.energy_j)
        rows.append(
            _row(
                name,
                key,
                [share.wall_s for share in shares],
                percents,
                largest_s,
                alone=seconds_words(statistics.median(share.alone_s for share in shares), largest_s),
                lane=seconds_words(statistics.median(share.lane_s for share in shares), largest_s),
                items=count(round(statistics.median(items))) if items else "",
                rate=_three_digits(statistics.median(rates)) if rates else "",
                cores=f"{statistics.median(cores):.2f}" if cores else "",
                energy=_three_digits(statistics.median(energies)) if energies else "",
            )
        )
    completing = {
        "two or more phases at once": [time.overlap_s for time in used],
        "no phase under way": [time.unaccounted_s for time in used],
        "whole wall time": [time.total_s for time in used],
    }
    totals = tuple(
        _row(name, None, spent, [100 * s / t.total_s for s, t in zip(spent, used, strict=True)], largest_s)
        for name, spent in completing.items()
    )
    reasons = (share.energy_reason for time in used for share in time.phases if share.energy_reason)
    measured = any(row.energy for row in rows)
    return Account(tuple(rows), totals, len(used), not good, "" if measured else next(reasons, ""))


def _numbers(shares: Sequence[PhaseShare], of: Callable[[PhaseShare], float | None]) -> list[float]:
    return [value for share in shares if (value := of(share)) is not None]


def _three_digits(value: float) -> str:
    return (
        rounded(value, digits=3).whole if value < 1000 else count(int(round(value, 2 - math.floor(math.log10(value)))))
    )


def _row(
    name: str, key: Key | None, seconds: Sequence[float], percents: Sequence[float], largest_s: float, **columns: str
) -> PhaseRow:
    median_s = statistics.median(seconds)
    ends = (seconds_words(min(seconds), largest_s), seconds_words(max(seconds), largest_s))
    percent = statistics.median(percents)
    return PhaseRow(
        name=name,
        key=key,
        percent=percent,
        share="< 0.1" if 0 < percent < 0.1 else f"{percent:.1f}",
        seconds=seconds_words(median_s, largest_s),
        title=f"{median_s!r} s",
        spread=f"{ends[0]} to {ends[1]}" if len(seconds) > 1 else "",
        **columns,
    )
