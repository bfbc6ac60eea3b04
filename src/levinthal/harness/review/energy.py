"""Energy of a run: joules of its phases, what of that is above the idle machine, and joules per unit of work.

By the counters that the run read itself (see `levinthal.metrics.energy`), or by the log of an external meter, which is
laid beside its phases by the clock. Only phases of the main lane are told: counters are of the whole machine, so that
of two workers side by side neither has joules of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from levinthal.errors import DataError
from levinthal.harness.results.result import Repeat, Result
from levinthal.metrics.meter_log import MeterLog

_MAIN = "main"
_WHOLE = "whole repeat"


@dataclass(frozen=True)
class PhaseEnergy:
    """What a phase drew.

    Attributes
    ----------
    repeat : int
    phase : str
        Its name, or `whole repeat`.
    duration_s : float
    items : int or None
        Units of work, where it counts some.
    energy_j, above_idle_j, item_j : float or None
        Joules; less what the idle machine had drawn in that time; and these (or those, where idling is not known) for
        each unit of work.
    reason : str
        Why there are none.
    """

    repeat: int
    phase: str
    duration_s: float
    items: int | None
    energy_j: float | None
    above_idle_j: float | None
    item_j: float | None
    reason: str = ""


def idle_watts(result: Result, log: MeterLog, seconds: float) -> float:
    """Return the mean power of the machine in some time before the first repeat began.

    Raises
    ------
    DataError
        The log does not cover it.
    """
    began_s = min(started_s(repeat) for repeat in result.repeats)
    try:
        return log.between_j(began_s - seconds, began_s) / seconds
    except DataError as error:
        raise DataError(
            f"the {seconds:g} s before the run: {error}: log longer before it, or give --idle-watts"
        ) from None


def started_s(repeat: Repeat) -> float:
    """Return when a repeat began, in seconds since 1970.

    Raises
    ------
    DataError
        Its time is none.
    """
    try:
        return datetime.fromisoformat(repeat.started_utc).timestamp()
    except (ValueError, OverflowError):
        raise DataError(f"repeat {repeat.index} began at {repeat.started_utc!r}, which is not a time") from None


def energies_of(result: Result, log: MeterLog | None, idle_w: float | None) -> Iterator[PhaseEnergy]:
    """Yield the energy of each phase of the main lane, and of each repeat as a whole.

    Parameters
    ----------
    result : Result
    log : MeterLog or None
        Of an external meter; without it what the run's own counters said stands.
    idle_w : float or None
        What the idle machine draws, in watts.
    """
    for repeat in result.repeats:
        phases = [phase for phase in repeat.phases if phase.lane == _MAIN]
        began_s = started_s(repeat) if log is not None else 0.0
        spans = [(phase.name, phase.start_s, phase.duration_s, phase.items) for phase in phases]
        spans += [(_WHOLE, 0.0, repeat.duration_s, None)] if repeat.duration_s is not None else []
        own = {(phase.name, phase.start_s): (phase.energy_j, phase.energy_reason or "not measured") for phase in phases}
        for name, start_s, duration_s, items in spans:
            if log is not None:
                energy_j, reason = _of_log(log, began_s + start_s, duration_s)
            else:
                energy_j, reason = own.get((name, start_s), (None, "only phases are counted"))
            above_j = None if energy_j is None or idle_w is None else energy_j - idle_w * duration_s
            told_j = energy_j if idle_w is None else above_j
            yield PhaseEnergy(
                repeat=repeat.index,
                phase=name,
                duration_s=duration_s,
                items=items,
                energy_j=energy_j,
                above_idle_j=above_j,
                item_j=told_j / items if told_j is not None and items else None,
                reason="" if energy_j is not None else reason,
            )


def _of_log(log: MeterLog, start_s: float, duration_s: float) -> tuple[float | None, str]:
    try:
        return log.between_j(start_s, start_s + duration_s), ""
    except DataError as error:
        return None, str(error)
