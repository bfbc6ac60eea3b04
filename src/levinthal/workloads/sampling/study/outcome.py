"""What is kept of a finished campaign: every frame as the observables see it, its price, and where the time went."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.errors import DataError
from levinthal.files.numbers import read_arrays
from levinthal.files.reading import refused
from levinthal.files.writing import whole_file
from levinthal.simulation.analysis.entropy import configurational_entropy
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.spending import Interval, Spending, intervals_of, spending_of
from levinthal.workloads.sampling.systems.system import System

if TYPE_CHECKING:
    from levinthal.simulation.systems.molecular_system import MolecularSystem


_MOST_FRAMES = 1000
_CARBON_AMU = 12.011
_BONDED_NM = (0.25, 0.45)
"""Between neighbouring CA: 0.38 nm, at a cis peptide bond 0.29 nm, and what heat adds."""

_BYTES_AT_ONCE = 1 << 24
ENTROPY = "configurational entropy"

T = TypeVar("T")


def entropies(frames: Singles, system: System) -> tuple[float, float, int]:
    """Return Schlitter's and the quasi-harmonic entropy of the CA atoms, each with the mass of its element.

    Raises
    ------
    DataError
        The system has no atoms with masses, or there are too few frames.
    """
    molecule = system.molecule
    if molecule is None:
        raise DataError("the system has no atoms")
    if system.reduced_units:
        raise DataError("beads in reduced units have no mass in amu and no temperature in kelvin")
    if frames.ndim != 3 or len(frames) < 3 or frames.shape[1] < 3:
        raise DataError("it takes three frames of three CA atoms or more")
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).astype(np.int64))
    masses = np.full(frames.shape[1], _CARBON_AMU)
    found = configurational_entropy(np.asarray(frames[chosen], np.float64), masses, molecule.temperature_k)
    return found.schlitter_j_mol_k, found.quasi_harmonic_j_mol_k, len(chosen)


def _masses(system_xml: str) -> tuple[Doubles, int]:
    """Return the mass of each particle in amu, and how many degrees of freedom are left to move in."""
    import openmm
    from openmm import unit

    parsed = openmm.XmlSerializer.deserialize(system_xml)
    masses = np.array([parsed.getParticleMass(k).value_in_unit(unit.dalton) for k in range(parsed.getNumParticles())])
    removed = any(isinstance(force, openmm.CMMotionRemover) for force in parsed.getForces())
    return masses, 3 * int((masses > 0).sum()) - parsed.getNumConstraints() - 3 * removed


def kinetic_ratio(states: Doubles, molecule: MolecularSystem | None) -> float:
    """Return the kinetic temperature over that asked for; NaN where nothing moves."""
    if molecule is None or not len(states):
        return float("nan")
    masses, freedom = _masses(molecule.system_xml)
    chosen = np.unique(np.linspace(0, len(states) - 1, _MOST_FRAMES).astype(np.int64))
    half = states.shape[1] // 2
    velocities = np.asarray(states[chosen, half:]).reshape(len(chosen), -1, 3)
    twice_kinetic = np.einsum("a,fai,fai->f", masses, velocities, velocities).mean()
    return float(twice_kinetic / (freedom * molecule.kt_kj_mol))


def broken_frames(frames: Singles, system: System) -> int:
    """Count frames in which neighbouring CA, bonded where walkers begin, are not 0.25 to 0.45 nm apart."""
    if system.molecule is None or frames.ndim != 3 or not len(frames):
        return 0
    half = 3 * system.molecule.n_atoms
    start = system.dynamics.start(0, 0)[:half].reshape(-1, 3)[list(system.molecule.ca_indices)]
    bonded = _neighbours_bonded(start[None])[0]
    n_at_once = max(1, _BYTES_AT_ONCE // max(1, 12 * frames.shape[1]))
    parts = (frames[first : first + n_at_once] for first in range(0, len(frames), n_at_once))
    return sum(int((~_neighbours_bonded(part)[:, bonded].all(axis=1)).sum()) for part in parts)


def _neighbours_bonded(frames: npt.ArrayLike) -> Mask:
    apart = np.linalg.norm(np.diff(np.asarray(frames, np.float64), axis=1), axis=-1)
    return np.asarray((apart >= _BONDED_NM[0]) & (apart <= _BONDED_NM[1]), np.bool_)


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
    core_s, simulate_s : ndarray of float64, shape (n_frames,)
        Core-seconds the campaign had spent when it had the frame, and how many of them in simulation.
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
    withheld : dict of str to str
        Why a figure is not there, by its name.
    spending : Spending
        Where the time went.
    intervals : tuple of Interval
        For the timeline, short ones put together.
    weight : ndarray of float64, shape (n_frames,)
        Of each frame among those of its round of chunks, NaN where the policy keeps none.
    chunk_frames, round_frames : int
        Frames of a chunk, and of a round, in which each walker makes one; 0 where the policy keeps no weights.
    recycled : bool
        Whether walkers that met the event went back to their start.
    n_broken : int
        Frames in which residues that are bonded at the walkers' start are apart.
    all_atom_step_s : float
        Core-seconds of an all-atom step on this machine, where steps are priced so; it is not kept.
    """

    policy: str
    replica: int
    seed: int
    frame_interval: int
    values: Singles
    cell: Integers
    segment: Integers
    arrived: Mask
    core_s: Doubles
    simulate_s: Doubles
    parents: Integers
    n_restarts: int
    n_models: int
    n_failures: int
    n_quarantined: int
    kinetic_ratio: float
    schlitter: float
    quasi_harmonic: float
    entropy_frames: int
    withheld: dict[str, str]
    spending: Spending
    intervals: tuple[Interval, ...] = field(repr=False)
    weight: Doubles = field(default_factory=lambda: np.empty(0))
    chunk_frames: int = 0
    round_frames: int = 0
    recycled: bool = False
    n_broken: int = 0
    all_atom_step_s: float = float("nan")

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


def outcome_of(
    record: CampaignRecord, system: System, policy: str, replica: int, n_workers: int, *, recycled: bool = False
) -> Outcome:
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
    recycled : bool
        Whether its policy recycles.
    """
    frames, states = record.frames, record.states
    observed = system.observables.observe(frames, states)
    counts = np.array([chunk.n_frames for chunk in record.chunks], np.int64)
    parents = np.full(int(max((chunk.segment for chunk in record.chunks), default=-1)) + 1, -1, np.int64)
    for chunk in record.chunks:
        if chunk.first_step == 0 and chunk.parent_frame is not None:
            parents[chunk.segment] = chunk.parent_frame
    withheld: dict[str, str] = {}

    def made(name: str, make: Callable[[], T], otherwise: T) -> T:
        found, why = attempt(make)
        if found is None:
            withheld[name] = why
        return otherwise if found is None else found

    nan = float("nan")
    schlitter, quasi_harmonic, n_used = made(ENTROPY, lambda: entropies(frames, system), (nan, nan, 0))
    weight = record.weights
    chunk_frames = 0 if not len(weight) or np.isnan(weight).all() else int(counts[0])
    spending = spending_of(record.chunks, record.decisions, record.models, n_workers)
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
        simulate_s=np.repeat(np.cumsum([chunk.cpu_s for chunk in record.chunks]), counts),
        parents=parents,
        n_restarts=sum(decision.frame is not None for decision in record.decisions),
        n_models=len(record.models),
        n_failures=len(record.failures),
        n_quarantined=sum(failure.kind == "quarantined" for failure in record.failures),
        kinetic_ratio=made("kinetic temperature", lambda: kinetic_ratio(states, system.molecule), nan),
        schlitter=schlitter,
        quasi_harmonic=quasi_harmonic,
        entropy_frames=n_used,
        withheld=withheld,
        spending=spending,
        intervals=made("timeline", lambda: intervals_of(record, n_workers), ()),
        weight=weight,
        chunk_frames=chunk_frames,
        round_frames=chunk_frames * record.header.n_walkers,
        recycled=recycled,
        n_broken=broken_frames(frames, system),
    )


# On disk: arrays and plain numbers, nothing that is executed when it is read.

_ARRAYS: Mapping[str, tuple[str, tuple[int, ...]]] = MappingProxyType(
    {
        "values": ("f4", (2,)), "cell": ("i8", ()), "segment": ("i8", ()), "arrived": ("?", ()), "core_s": ("f8", ()),
        "simulate_s": ("f8", ()), "parents": ("i8", ()), "weight": ("f8", ()),
    }
)  # fmt: skip
"""Of each array the type, and the shape of what it has of each frame; of each segment in `parents`."""
_PLAIN = {"str": str, "int": int, "float": float, "bool": bool}


def save_outcome(outcome: Outcome, path: Path) -> None:
    """Write an outcome whole or not at all."""
    plain: dict[str, Any] = {
        each.name: getattr(outcome, each.name)
        for each in fields(outcome)
        if each.name not in (*_ARRAYS, "spending", "intervals", "all_atom_step_s")
    }
    plain |= {
        "spending": asdict(outcome.spending),
        "intervals": [asdict(interval) for interval in outcome.intervals],
    }
    with whole_file(path) as file:
        np.savez_compressed(file, plain=np.array(json.dumps(plain)), **{k: getattr(outcome, k) for k in _ARRAYS})


def load_outcome(path: Path) -> Outcome:
    """Read what `save_outcome` wrote.

    Raises
    ------
    DataError
        It is damaged, or not an outcome.
    """
    fix = "delete it, and the campaign is measured again"
    found = read_arrays(path, fix)
    with refused(DataError, path, "is not the outcome of a campaign", fix):
        plain = json.loads(str(found.pop("plain")))
        n_frames = len(found["cell"])
        if not len(found.setdefault("weight", np.empty(0))):  # of an earlier version, or made up
            found["weight"] = np.full(n_frames, np.nan)
        for name in _ARRAYS:
            kind, shape = _ARRAYS[name]
            rows = len(found[name]) if name == "parents" else n_frames
            if found[name].dtype != kind or found[name].shape != (rows, *shape):
                raise ValueError(f"{name} is {found[name].dtype} of shape {found[name].shape}")
        for each in fields(Outcome):
            if each.type in _PLAIN and each.name in plain and type(plain[each.name]) is not _PLAIN[each.type]:
                raise ValueError(f"{each.name} is {plain[each.name]!r}")
        spending = TypeAdapter(Spending).validate_python(plain.pop("spending"))
        intervals = TypeAdapter(tuple[Interval, ...]).validate_python(plain.pop("intervals"))
        return Outcome(**{**plain, **found}, spending=spending, intervals=intervals)
