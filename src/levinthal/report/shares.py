"""Where the wall time of a repeat went: phases as sets of intervals, overlap and idle time told truly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from levinthal.harness.results.result import Phase, Repeat

Interval = tuple[float, float]


@dataclass(frozen=True)
class PhaseShare:
    """The time of one phase in one repeat.

    Attributes
    ----------
    wall_s : float
        How long at least one lane was in the phase.
    alone_s : float
        How long it was the only phase under way.
    lane_s : float
        The sum over lanes: two workers busy for 1 s are 2 s.
    n_intervals : int
        How many times it was entered.
    items : int or None
        What it worked through; the main lane's own count where there is one, else the sum over the lanes.
    cpu_s, energy_j : float or None
        Processor time and energy, None where no interval has them.
    """

    name: str
    wall_s: float
    alone_s: float
    lane_s: float
    n_intervals: int
    items: int | None
    cpu_s: float | None
    energy_j: float | None
    energy_reason: str | None


@dataclass(frozen=True)
class WallTime:
    """The whole wall time of one repeat, split without remainder.

    Attributes
    ----------
    total_s : float
        The repeat's duration, or the end of its last phase where that was not recorded.
    phases : tuple of PhaseShare
        In order of their first start.
    states : tuple of (tuple of str, float)
        For each set of phases that were under way together, for how long: these and `unaccounted_s` add up to
        `total_s`. A single name is a phase alone.
    unaccounted_s : float
        How long no phase was under way (start of the process, imports, bookkeeping).
    """

    total_s: float
    phases: tuple[PhaseShare, ...]
    states: tuple[tuple[tuple[str, ...], float], ...]
    unaccounted_s: float

    @property
    def overlap_s(self) -> float:
        """How long two or more different phases were under way."""
        return sum(seconds for names, seconds in self.states if len(names) > 1)


def wall_time(repeat: Repeat) -> WallTime:
    """Split the wall time of a repeat into the phases that were under way."""
    phases = sorted(repeat.phases, key=lambda phase: phase.start_s)
    last_end_s = max((phase.start_s + phase.duration_s for phase in phases), default=0.0)
    total_s = max(repeat.duration_s or 0.0, last_end_s)
    by_name: dict[str, list[Phase]] = defaultdict(list)
    for phase in phases:
        by_name[phase.name].append(phase)
    seconds = _seconds_by_state(phases)
    order = {name: position for position, name in enumerate(by_name)}
    states = sorted(
        ((tuple(sorted(names, key=order.__getitem__)), spent) for names, spent in seconds.items()),
        key=lambda state: (len(state[0]), [order[name] for name in state[0]]),
    )
    shares = tuple(_share(name, entries, seconds.get(frozenset({name}), 0.0)) for name, entries in by_name.items())
    accounted_s = sum(seconds.values())
    return WallTime(total_s, shares, tuple(states), max(0.0, total_s - accounted_s))


def union_length_s(intervals: Iterable[Interval]) -> float:
    """Return how long at least one of the intervals covers."""
    covered_s, reached_s = 0.0, float("-inf")
    for start_s, end_s in sorted(intervals):
        covered_s += max(0.0, end_s - max(start_s, reached_s))
        reached_s = max(reached_s, end_s)
    return covered_s


def _share(name: str, entries: Sequence[Phase], alone_s: float) -> PhaseShare:
    energies = [phase.energy_j for phase in entries if phase.energy_j is not None]
    cpu = [phase.cpu_s for phase in entries if phase.cpu_s is not None]
    # The coordinator's count covers what its workers did, so adding theirs would count twice.
    counting = [phase for phase in entries if phase.lane == "main" and phase.items is not None] or entries
    items = [phase.items for phase in counting if phase.items is not None]
    return PhaseShare(
        name=name,
        wall_s=union_length_s((phase.start_s, phase.start_s + phase.duration_s) for phase in entries),
        alone_s=alone_s,
        lane_s=sum(phase.duration_s for phase in entries),
        n_intervals=len(entries),
        items=sum(items) if items else None,
        cpu_s=sum(cpu) if cpu else None,
        energy_j=sum(energies) if energies else None,
        energy_reason=next((phase.energy_reason for phase in entries if phase.energy_reason), None),
    )


def _seconds_by_state(phases: Iterable[Phase]) -> dict[frozenset[str], float]:
    """Sweep over all starts and ends, and count the time in each set of phases under way."""
    changes: list[tuple[float, int, str]] = []
    for phase in phases:
        if phase.duration_s > 0:
            changes += [(phase.start_s, 1, phase.name), (phase.start_s + phase.duration_s, -1, phase.name)]
    seconds: dict[frozenset[str], float] = defaultdict(float)
    open_counts: dict[str, int] = defaultdict(int)
    under_way: frozenset[str] = frozenset()
    previous_s = 0.0
    for at_s, change, name in sorted(changes):
        if under_way and at_s > previous_s:
            seconds[under_way] += at_s - previous_s
        previous_s = at_s
        open_counts[name] += change
        if change > 0 and open_counts[name] == 1:
            under_way |= {name}
        elif change < 0 and open_counts[name] == 0:
            under_way -= {name}
    return dict(seconds)
