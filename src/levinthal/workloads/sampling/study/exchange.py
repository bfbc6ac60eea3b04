"""A reference by replica exchange: the same system at several temperatures side by side, which swap their states.

Molecules whose states are far apart in time at their own temperature pass between them where it is hot. Neighbours in
temperature swap with the probability of Sugita and Okamoto (Chem. Phys. Lett. 314:141, 1999), so that each temperature
keeps its own distribution; populations are those of the frames at the lowest, the system's own. It says nothing of
times. Ladders are kept in the user's cache as long walks are, and go on where they ended.

A reference that does not hold is refused: neighbours that hardly ever swap, too few round trips between the lowest and
the highest temperature, or halves of the ladders that disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.datasets.registry import data_folder
from levinthal.errors import UsageError, WriteError
from levinthal.files.writing import whole_file
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.workloads.sampling.loop.task import chunk_seed
from levinthal.workloads.sampling.study.reference import LEAST_ROUND_TRIPS, ExchangeModel, Reference
from levinthal.workloads.sampling.study.walks import Cells, content_key, kept_folder
from levinthal.workloads.sampling.systems.dynamics import Tempered
from levinthal.workloads.sampling.systems.observables import Observables
from levinthal.workloads.sampling.systems.system import System

Rungs: TypeAlias = npt.NDArray[np.int16]

LADDERS = 4
LEAST_ACCEPTED = 0.05
MOST_HALVES_NATS = 0.02
_LEAST_EXCHANGE_STEPS = 500
_ROUNDS_AT_ONCE = 50


@dataclass(frozen=True, eq=False)
class Ladder:
    """One replica exchange, as the observables see its lowest temperature.

    Attributes
    ----------
    cell : ndarray of int32, shape (n_frames,)
        Cells, at the lowest temperature.
    arrived : ndarray of bool, shape (n_frames,)
        Where the event is met there.
    replica_at : ndarray of int16, shape (n_rounds, n_rungs)
        Which replica was at each temperature after each round.
    states : ndarray of float64, shape (n_rungs, state_width)
        The full state at each temperature at the end.
    """

    cell: Cells
    arrived: Mask
    replica_at: Rungs
    states: Doubles


@dataclass(frozen=True, eq=False)
class LadderTask:
    """A ladder to be made, as it travels to a worker.

    Attributes
    ----------
    dynamics, observables
        Of the system.
    factors : tuple of float
        Temperatures as multiples of the system's own, ascending from 1.
    number : int
        Which ladder: it decides the starts and the seed.
    n_rounds, exchange_steps, frame_interval : int
        Rounds wanted, steps of each replica between two exchanges, and steps between frames.
    folder : Path or None
        Where ladders of this content are kept; None where they are not.
    key : str
        Digest of that content.
    """

    dynamics: Tempered
    observables: Observables
    factors: tuple[float, ...]
    number: int
    n_rounds: int
    exchange_steps: int
    frame_interval: int
    folder: Path | None
    key: str

    def seed(self, rung: int, part: int) -> int:
        """Return a seed for what happens at a temperature in a round; rung -1 is the exchange, part -1 the start."""
        return chunk_seed(int(self.key[:7], 16), 1_000 * self.number + rung + 1, part)


def exchanged_reference(
    system: System,
    ladder: Sequence[float],
    n_steps: int,
    frame_interval: int,
    executor: Executor,
    on_ladder: Callable[[], None],
) -> Reference:
    """Return the reference from replica exchange, half of whose replicas begin in the native structure if there is one.

    Parameters
    ----------
    system : System
        With `reference_dynamics`, whose starts are taken in turn.
    ladder : sequence of float
        Temperatures above the system's own, as multiples of it, ascending.
    n_steps : int
        Of all replicas of all ladders together.
    frame_interval : int
        Steps between frames.
    executor : Executor
        Where they run.
    on_ladder : callable
        Called as each of four is done.

    Raises
    ------
    UsageError
        The system cannot be heated, or the reference does not hold; the message says what to raise.
    """
    dynamics = system.reference_dynamics or system.dynamics
    if not isinstance(dynamics, Tempered):
        raise UsageError(f"{system.name} has no temperature that could be raised: leave reference_ladder out")
    factors = (1.0, *ladder)
    exchange_steps = frame_interval * math.ceil(_LEAST_EXCHANGE_STEPS / frame_interval)
    key, named = content_key(dynamics, (system.observables, factors, exchange_steps), frame_interval)
    folder = kept_folder(data_folder(), key) if named else None
    n_rounds = max(n_steps // (LADDERS * len(factors) * exchange_steps), 2)
    futures = {}
    for number in range(LADDERS):
        task = LadderTask(
            dynamics, system.observables, factors, number, n_rounds, exchange_steps, frame_interval, folder, key
        )
        futures[executor.submit(make_ladder, task)] = number
    found: dict[int, Ladder] = {}
    for future in as_completed(futures):
        found[futures[future]] = future.result()
        on_ladder()
    return reference_of_ladders([found[k] for k in range(LADDERS)], system, factors, n_steps)


def reference_of_ladders(
    ladders: Sequence[Ladder], system: System, factors: Sequence[float], n_steps: int
) -> Reference:
    """Return the reference of two or more ladders; errors as for `exchanged_reference`."""
    n_cells = system.observables.n_cells
    accepted = np.mean([accepted_shares(each.replica_at) for each in ladders], axis=0)
    trips = sum(round_trips(each.replica_at) for each in ladders)
    half = len(ladders) // 2
    counts = [np.bincount(each.cell, minlength=n_cells).astype(np.float64) for each in ladders]
    halves_nats = jensen_shannon_nats(np.sum(counts[:half], axis=0), np.sum(counts[half:], axis=0))
    problem = _why_not(accepted, trips, halves_nats, factors, n_steps)
    if problem:
        raise UsageError(
            f"the reference of {system.name} does not hold: {problem}; or set reference_steps=0 to do without"
        )
    populations = np.sum(counts, axis=0)
    event = math.nan
    if system.observables.event:
        event = float(np.concatenate([each.arrived for each in ladders]).mean())
    made = ExchangeModel(tuple(factors), float(accepted.min()), trips)
    return Reference(populations / populations.sum(), event, None, halves_nats, made)


def _why_not(accepted: Doubles, trips: int, halves_nats: float, factors: Sequence[float], n_steps: int) -> str:
    """Return why ladders make no reference and what to do; nothing where they do."""
    worst = int(accepted.argmin())
    if accepted[worst] < LEAST_ACCEPTED:
        return (
            f"only {100 * accepted[worst]:.2g} % of the exchanges between {factors[worst]:g} and "
            f"{factors[worst + 1]:g} times its temperature are accepted (at least {100 * LEAST_ACCEPTED:g} %); "
            f"fix: put {math.sqrt(factors[worst] * factors[worst + 1]):.3g} between them in reference_ladder"
        )
    if trips < LEAST_ROUND_TRIPS:
        wanted = n_steps * max(1.5, 1.2 * LEAST_ROUND_TRIPS / max(trips, 1))
        return (
            f"{trips} round trips between its lowest and its highest temperature (at least {LEAST_ROUND_TRIPS}); "
            f"fix: raise reference_steps from {n_steps:,} to {wanted:,.0f}"
        )
    if halves_nats > MOST_HALVES_NATS:
        return (
            f"the halves of its ladders differ by {halves_nats:.2g} nats (at most {MOST_HALVES_NATS:g}); fix: raise "
            f"reference_steps from {n_steps:,} to {2 * n_steps:,}, or the highest of reference_ladder"
        )
    return ""


def swapped(reduced: Doubles, factors: Doubles, parity: int, uniform: Doubles) -> Integers:
    """Return which rung's state each rung holds after an exchange of neighbours, shape (n_rungs,).

    Rungs `parity` and `parity + 1` swap, those two above, and so on, each pair with the probability
    min(1, exp[(1/f_i - 1/f_j) (u_i - u_j)]) of Sugita and Okamoto (Chem. Phys. Lett. 314:141, 1999).

    Parameters
    ----------
    reduced : ndarray, shape (n_rungs,)
        Potential energies u of the states over kT of the lowest rung.
    factors : ndarray, shape (n_rungs,)
        Temperatures f over that of the lowest rung.
    parity : int
        0 or 1.
    uniform : ndarray, shape (n_rungs,)
        Random numbers between 0 and 1.

    Examples
    --------
    >>> swapped(np.array([3.0, 1.0]), np.array([1.0, 2.0]), 0, np.array([0.9, 0.9])).tolist()
    [1, 0]
    """
    holds = np.arange(len(reduced))
    for k in range(parity, len(reduced) - 1, 2):
        gain = (1.0 / factors[k] - 1.0 / factors[k + 1]) * (reduced[k] - reduced[k + 1])
        if math.log(max(uniform[k], 1e-300)) < gain:
            holds[k], holds[k + 1] = k + 1, k
    return holds


def accepted_shares(replica_at: Rungs) -> Doubles:
    """Return the share of the exchanges of each pair of neighbours that were accepted, shape (n_rungs - 1,)."""
    n_rungs = replica_at.shape[1]
    before = np.concatenate([np.arange(n_rungs, dtype=np.int16)[None], replica_at[:-1]])
    rounds = np.arange(len(replica_at))
    shares = []
    for k in range(n_rungs - 1):
        tried = rounds % 2 == k % 2
        shares.append(float((replica_at[tried, k] != before[tried, k]).mean()) if tried.any() else 0.0)
    return np.array(shares)


def round_trips(replica_at: Rungs) -> int:
    """Return how often replicas went from the lowest temperature to the highest and back, all together."""
    trips = 0
    n_rungs = replica_at.shape[1]
    for replica in range(n_rungs):
        rung = (replica_at == replica).argmax(axis=1)
        ends = rung[(rung == 0) | (rung == n_rungs - 1)]
        changes = ends[np.concatenate([[True], np.diff(ends) != 0])] if len(ends) else ends
        visits = int((changes == 0).sum())
        trips += max(visits - 1, 0)
    return trips


def make_ladder(task: LadderTask) -> Ladder:
    """Return a ladder of so many rounds, in whatever process this is: the same whether some of it was kept or none."""
    file = task.folder / f"ladder-{task.number}.npz" if task.folder is not None else None
    ladder = (None if file is None else _read(file, task)) or _begun(task)
    while len(ladder.replica_at) < task.n_rounds:
        ladder = _gone_on(ladder, task)
        if file is not None:
            _write(file, ladder)
    n_frames = task.n_rounds * (task.exchange_steps // task.frame_interval)
    return Ladder(ladder.cell[:n_frames], ladder.arrived[:n_frames], ladder.replica_at[: task.n_rounds], ladder.states)


def _heated(task: LadderTask) -> list[Tempered]:
    return [task.dynamics.heated(factor) for factor in task.factors]


def _begun(task: LadderTask) -> Ladder:
    n_rungs = len(task.factors)
    # starts alternate along the rungs, and the other way round in the next ladder
    states = [each.start(rung + task.number, task.seed(rung, -1)) for rung, each in enumerate(_heated(task))]
    return Ladder(np.empty(0, np.int32), np.empty(0, np.bool_), np.empty((0, n_rungs), np.int16), np.stack(states))


def _gone_on(ladder: Ladder, task: LadderTask) -> Ladder:
    """Return a ladder with so many rounds more as are made at once."""
    dynamics, factors = _heated(task), np.array(task.factors)
    done, states = len(ladder.replica_at), list(ladder.states)
    at = ladder.replica_at[-1] if done else np.arange(len(factors), dtype=np.int16)
    frames, full, history = [], [], []
    for number in range(done, done + _ROUNDS_AT_ONCE):
        first_step = number * task.exchange_steps
        for rung, each in enumerate(dynamics):
            chunk = each.advance(
                states[rung], task.exchange_steps, task.seed(rung, number), task.frame_interval, first_step
            )
            states[rung] = chunk.end_state
            if not rung:
                frames.append(chunk.frames)
                full.append(chunk.states)
        reduced = np.array([task.dynamics.reduced_energy(state) for state in states])
        uniform = np.random.default_rng(task.seed(-1, number)).random(len(factors))
        holds = swapped(reduced, factors, number % 2, uniform)
        states = [dynamics[k].carried(states[of], factors[of]) for k, of in enumerate(holds)]
        at = at[holds]
        history.append(at)
    observed = task.observables.observe(np.concatenate(frames), np.concatenate(full))
    return Ladder(
        np.concatenate([ladder.cell, np.asarray(observed.cell, np.int32)]),
        np.concatenate([ladder.arrived, np.asarray(observed.arrived, np.bool_)]),
        np.concatenate([ladder.replica_at, np.stack(history)]),
        np.stack(states),
    )


def _write(file: Path, ladder: Ladder) -> None:
    """Keep a ladder; a folder that cannot be written costs only the time to make it again."""
    with suppress(WriteError, OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as opened:
            np.savez_compressed(
                opened, cell=ladder.cell, arrived=ladder.arrived, replica_at=ladder.replica_at, states=ladder.states
            )


def _read(file: Path, task: LadderTask) -> Ladder | None:
    """Return what was kept of a ladder, or nothing where that is not one."""
    try:
        with np.load(file, allow_pickle=False) as opened:
            ladder = Ladder(opened["cell"], opened["arrived"], opened["replica_at"], opened["states"])
    except Exception:  # whatever is wrong with a file of the cache, it is made again
        return None
    n_rungs, n_rounds = len(task.factors), len(ladder.replica_at)
    n_frames = n_rounds * (task.exchange_steps // task.frame_interval)
    kinds = [each.dtype.str for each in (ladder.cell, ladder.arrived, ladder.replica_at, ladder.states)]
    shapes = [each.shape for each in (ladder.cell, ladder.arrived, ladder.replica_at, ladder.states)]
    wanted = [(n_frames,), (n_frames,), (n_rounds, n_rungs), (n_rungs, task.dynamics.state_width)]
    if kinds != ["<i4", "|b1", "<i2", "<f8"] or shapes != wanted or n_rounds % _ROUNDS_AT_ONCE:
        return None
    within = not n_frames or (ladder.cell.min() >= 0 and ladder.cell.max() < task.observables.n_cells)
    all_there = (np.sort(ladder.replica_at, axis=1) == np.arange(n_rungs)).all()
    return ladder if within and all_there and np.isfinite(ladder.states).all() else None
