"""What is kept of a finished campaign: every frame as the observables sees it, its price, and where the time went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.files.writing import whole_file
from levinthal.simulation.analysis.entropy import configurational_entropy
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.study.accounting import (
    busy_share,
    cull_latencies_s,
    keep_accounts,
    queue_times_s,
)
from levinthal.workloads.sampling.systems.named import System

__all__ = ["Interval", "Outcome", "Spending", "load_outcome", "outcome_of", "save_outcome"]

Doubles: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_ENTROPY_FRAMES = 1000
_BOLTZMANN_KJ_MOL_K = 0.00831446261815324
_MOST_INTERVALS = 60


@dataclass(frozen=True)
class Interval:
    """Something that went on for a while on a worker; `began` is in seconds since 1970."""

    name: str
    worker: str
    began: float
    duration_s: float
    items: int


@dataclass(frozen=True)
class Spending:
    """Where a campaign's core-seconds went, and how promptly it acted.

    Attributes
    ----------
    total : float
        Core-seconds, all that was paid for.
    simulate, train, infer, select, record, transfer : float
        Processor time of the chunks; of training, with the new model's embedding of all frames; time in which new
        frames were embedded (contact maps are made there and in training); in which the policy looked and decided; in
        which frames went to the disk; in which they were under way from a worker.
    busy_share : float
        Share of the workers' wall-clock in simulation.
    busy_cpu_share : float
        The same in processor time.
    queue_s, cull_latency_s, commit_s : float
        Medians; NaN where there is none.
    frames_unseen_by_model, frames_since_decision, model_versions_behind : float
        Staleness, see `Accounts`.
    """

    total: float
    simulate: float
    train: float
    infer: float
    select: float
    record: float
    transfer: float
    busy_share: float
    busy_cpu_share: float
    queue_s: float
    cull_latency_s: float
    commit_s: float
    frames_unseen_by_model: float
    frames_since_decision: float
    model_versions_behind: float

    @property
    def wait(self) -> float:
        """What is left: bookkeeping and idling."""
        told = self.simulate + self.train + self.infer + self.select + self.record + self.transfer
        return max(self.total - told, 0.0)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A campaign, measured.

    Attributes
    ----------
    policy : str
        Its policy.
    replica, seed : int
        Campaigns of different policies with the same number and seed are a pair.
    frame_interval : int
        Steps between frames.
    values : ndarray of float32, shape (n_frames, 2)
        Coordinates of the observables, in order of commitment.
    cell, segment : ndarray of int64, shape (n_frames,)
        Cell of the frozen discretisation, and unbroken trajectory.
    arrived : ndarray of bool, shape (n_frames,)
        Whether the event is met.
    core_s : ndarray of float64, shape (n_frames,)
        Core-seconds the campaign had spent when it had the frame.
    parents : ndarray of int64, shape (n_segments,)
        Frame that each segment went on from, -1 at a walker's start.
    n_restarts, n_models, n_failures, n_quarantined : int
        Of all of it.
    kinetic_ratio : float
        Kinetic temperature over that asked for; NaN where nothing moves.
    schlitter, quasi_harmonic : float
        Entropies of the frames seen, J/mol/K, from at most 1,000 spread evenly; NaN for what has no atoms.
    entropy_frames : int
        How many that were.
    spending : Spending
        Where the time went.
    intervals : tuple of Interval
        For the timeline, short ones put together.
    """

    policy: str
    replica: int
    seed: int
    frame_interval: int
    values: npt.NDArray[np.float32]
    cell: Integers
    segment: Integers
    arrived: npt.NDArray[np.bool_]
    core_s: Doubles
    parents: Integers
    n_restarts: int
    n_models: int
    n_failures: int
    n_quarantined: int
    kinetic_ratio: float
    schlitter: float
    quasi_harmonic: float
    entropy_frames: int
    spending: Spending
    intervals: tuple[Interval, ...] = field(repr=False)

    @property
    def n_frames(self) -> int:
        """Frames of all walkers."""
        return len(self.cell)

    @property
    def steps(self) -> Integers:
        """Steps the campaign had made when it had each frame."""
        return self.frame_interval * np.arange(1, self.n_frames + 1, dtype=np.int64)

    @property
    def n_steps(self) -> int:
        """Steps of all walkers."""
        return self.frame_interval * self.n_frames


def outcome_of(record: CampaignRecord, system: System, policy: str, replica: int, n_workers: int) -> Outcome:
    """Measure a campaign that is done.

    Parameters
    ----------
    record : CampaignRecord
        Of it.
    system : System
        With the observables.
    policy : str
        Its policy.
    replica : int
        Its number.
    n_workers : int
        Workers it had.
    """
    frames, states = record.frames, record.states
    observed = system.observables.observe(frames, states)
    counts = np.array([chunk.n_frames for chunk in record.chunks], np.int64)
    parents = np.full(int(max((chunk.segment for chunk in record.chunks), default=-1)) + 1, -1, np.int64)
    for chunk in record.chunks:
        if chunk.first_step == 0 and chunk.parent_frame is not None:
            parents[chunk.segment] = chunk.parent_frame
    schlitter, quasi_harmonic, n_used = _entropies(frames, system)
    return Outcome(
        policy=policy,
        replica=replica,
        seed=record.header.seed,
        frame_interval=record.header.frame_interval,
        values=observed.values,
        cell=observed.cell.astype(np.int64),
        segment=record.per_frame("segment"),
        arrived=observed.arrived,
        core_s=np.repeat(np.maximum.accumulate([chunk.core_s for chunk in record.chunks]), counts),
        parents=parents,
        n_restarts=sum(decision.frame is not None for decision in record.decisions),
        n_models=len(record.models),
        n_failures=len(record.failures),
        n_quarantined=sum(failure.kind == "quarantined" for failure in record.failures),
        kinetic_ratio=_kinetic_ratio(states, system),
        schlitter=schlitter,
        quasi_harmonic=quasi_harmonic,
        entropy_frames=n_used,
        spending=_spending(record, n_workers),
        intervals=tuple(_intervals(record, n_workers)),
    )


def _spending(record: CampaignRecord, n_workers: int) -> Spending:
    chunks, decisions = record.chunks, record.decisions
    accounts = keep_accounts(chunks, decisions, record.models, n_workers)
    wall_s = max(c.simulated for c in chunks) - min(c.started for c in chunks)
    queue, cull = queue_times_s(chunks), cull_latencies_s(chunks, decisions)
    return Spending(
        total=chunks[-1].core_s,
        simulate=accounts.simulation_cpu_s,
        train=accounts.training_cpu_s,
        infer=sum(decision.embed_s for decision in decisions),
        select=sum(decision.refresh_s + decision.decide_s for decision in decisions),
        record=sum(chunk.committed - chunk.returned for chunk in chunks),
        transfer=sum(chunk.returned - chunk.ended for chunk in chunks),
        busy_share=busy_share(chunks, n_workers),
        busy_cpu_share=accounts.simulation_cpu_s / (n_workers * wall_s) if wall_s > 0 else 1.0,
        queue_s=float(np.median(queue)),
        cull_latency_s=float(np.median(cull)) if cull else float("nan"),
        commit_s=accounts.commit_s,
        frames_unseen_by_model=accounts.frames_unseen_by_model,
        frames_since_decision=accounts.frames_since_decision,
        model_versions_behind=accounts.model_versions_behind,
    )


def _entropies(frames: npt.NDArray[np.float32], system: System) -> tuple[float, float, int]:
    """Return Schlitter's and the quasi-harmonic entropy of the CA atoms, each with the mass it is simulated with."""
    molecule = system.molecule
    if molecule is None or frames.ndim != 3 or len(frames) < 3 or frames.shape[1] < 3:
        return float("nan"), float("nan"), 0
    masses, _ = _masses(molecule.system_xml)
    chosen = np.unique(np.linspace(0, len(frames) - 1, _ENTROPY_FRAMES).astype(np.int64))
    found = configurational_entropy(
        np.asarray(frames[chosen], np.float64), masses[list(molecule.ca_indices)], molecule.temperature_k
    )
    return found.schlitter_j_mol_k, found.quasi_harmonic_j_mol_k, len(chosen)


def _masses(system_xml: str) -> tuple[Doubles, int]:
    """Return the mass of each particle in amu, and how many degrees of freedom are left to move in."""
    import openmm
    from openmm import unit

    parsed = openmm.XmlSerializer.deserialize(system_xml)
    masses = np.array([parsed.getParticleMass(k).value_in_unit(unit.dalton) for k in range(parsed.getNumParticles())])
    removed = any(isinstance(force, openmm.CMMotionRemover) for force in parsed.getForces())
    return masses, 3 * int((masses > 0).sum()) - parsed.getNumConstraints() - 3 * removed


def _kinetic_ratio(states: Doubles, system: System) -> float:
    molecule = system.molecule
    if molecule is None or not len(states):
        return float("nan")
    masses, freedom = _masses(molecule.system_xml)
    chosen = np.unique(np.linspace(0, len(states) - 1, _ENTROPY_FRAMES).astype(np.int64))
    half = states.shape[1] // 2
    velocities = np.asarray(states[chosen, half:]).reshape(len(chosen), -1, 3)
    twice_kinetic = np.einsum("a,fai,fai->f", masses, velocities, velocities).mean()
    return float(twice_kinetic / (freedom * _BOLTZMANN_KJ_MOL_K * molecule.temperature_k))


def _intervals(record: CampaignRecord, n_workers: int) -> list[Interval]:
    """Return what went on where; with one worker all of it was in one thread, else training and decisions were not."""
    workers = dict.fromkeys(chunk.worker for chunk in record.chunks)
    alone = next(iter(workers)) if n_workers == 1 and len(workers) == 1 else None
    lanes: dict[str, list[Interval]] = {worker: [] for worker in workers}
    for chunk in record.chunks:
        lasted = chunk.simulated - chunk.started
        lanes[chunk.worker].append(Interval("simulate", chunk.worker, chunk.started, lasted, chunk.n_frames))
    training, deciding = alone or "training", alone or "coordinator"
    for model in record.models:
        lasted = model.trained - model.began
        lanes.setdefault(training, []).append(Interval("train", training, model.began, lasted, model.n_frames))
    for decision in record.decisions:
        looked_s = decision.refresh_s + decision.decide_s
        began = decision.made - looked_s - decision.embed_s
        lanes.setdefault(deciding, []).append(Interval("infer", deciding, began, decision.embed_s, 0))
        lanes[deciding].append(Interval("select", deciding, decision.made - looked_s, looked_s, 1))
    return [interval for pieces in lanes.values() for interval in _thinned(pieces)]


def _thinned(pieces: Sequence[Interval]) -> list[Interval]:
    """Put short intervals of one worker together where there are too many: their sums stay, their order does not.

    Runs of short ones are laid out anew, each kind in one piece; so nothing overlaps that did not before.
    """
    pieces = sorted(pieces, key=lambda piece: piece.began)
    if len(pieces) <= _MOST_INTERVALS:
        return pieces
    short_s = (pieces[-1].began + pieces[-1].duration_s - pieces[0].began) / _MOST_INTERVALS
    kept: list[Interval] = []
    run: list[Interval] = []
    for piece in pieces:
        if run and (piece.duration_s > short_s or piece.began - run[0].began > short_s):
            kept += _laid_out(run)
            run = []
        if piece.duration_s > short_s:
            kept.append(piece)
        else:
            run.append(piece)
    return [*kept, *(_laid_out(run) if run else [])]


def _laid_out(run: Sequence[Interval]) -> list[Interval]:
    """Return one interval for each kind in a run, one after the other from its beginning on."""
    began, found = run[0].began, []
    for name in dict.fromkeys(piece.name for piece in run):
        own = [piece for piece in run if piece.name == name]
        lasted = sum(piece.duration_s for piece in own)
        found.append(Interval(name, run[0].worker, began, lasted, sum(piece.items for piece in own)))
        began += lasted
    return found


# On disk: arrays and plain numbers, nothing that is executed when it is read.

_ARRAYS = ("values", "cell", "segment", "arrived", "core_s", "parents")


def save_outcome(outcome: Outcome, path: Path) -> None:
    """Write an outcome whole or not at all."""
    plain: dict[str, Any] = {
        each.name: getattr(outcome, each.name)
        for each in fields(outcome)
        if each.name not in (*_ARRAYS, "spending", "intervals")
    }
    plain |= {
        "spending": asdict(outcome.spending),
        "intervals": [asdict(interval) for interval in outcome.intervals],
    }
    with whole_file(path) as file:
        np.savez_compressed(file, plain=np.array(json.dumps(plain)), **{k: getattr(outcome, k) for k in _ARRAYS})


def load_outcome(path: Path) -> Outcome:
    """Read what `save_outcome` wrote."""
    with np.load(path, allow_pickle=False) as file:
        plain = json.loads(str(file["plain"]))
        arrays = {name: file[name] for name in _ARRAYS}
    spending = Spending(**plain.pop("spending"))
    intervals: Sequence[dict[str, Any]] = plain.pop("intervals")
    return Outcome(**plain, **arrays, spending=spending, intervals=tuple(Interval(**each) for each in intervals))
