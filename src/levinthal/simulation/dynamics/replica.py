"""Simulation as a pure function: a replica's state and a seed go in, the next state and the frames come out."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import openmm
from openmm import unit

from levinthal.errors import DataError, SimulationError, UsageError
from levinthal.simulation.dynamics.frames import Frames, frame_steps
from levinthal.simulation.systems.molecular_system import BOLTZMANN_KJ_MOL_K, MolecularSystem

__all__ = ["PLATFORMS", "Frames", "ReplicaState", "advance", "choose_platform", "start_replica"]

PLATFORMS = ("Reference", "CPU", "CUDA", "HIP", "OpenCL")

# The CPU platform needs at least 0.5 ms a step, whatever the size; below about 170 atoms Reference is faster.
_REFERENCE_BELOW_ATOMS = 170
# A Go model's forces are cheaper and its pairs fewer within the cutoff: there Reference is faster below about 100 beads
# (benchmarks/go_model.py).
_REFERENCE_BELOW_BEADS = 100
# A small molecule leaves a GPU waiting: Fs-peptide makes 8,600 steps/s on a V100 (1,480 ns/day at 2 fs, published with
# DeepDriveMD), where Reference on one core makes 39,000 with 22 atoms and, its time growing with the square, as many as
# the GPU with about 50. Reckoned, not measured.
_GPU_FROM_ATOMS = 50
# A chunk that gains more potential energy than this, in kT an atom, or ends this many times too hot, has exploded:
# heating a minimised structure to its temperature takes 1.5 kT an atom.
_EXPLODED_KT_PER_ATOM = 10.0
_EXPLODED_TEMPERATURE_RATIO = 3.0
_KEPT_CONTEXTS = 4

Positions = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReplicaState:
    """Everything of a replica that decides how it goes on.

    Attributes
    ----------
    positions_nm, velocities_nm_ps : ndarray of float64, shape (n_atoms, 3)
        Positions and velocities.
    box_nm : ndarray of float64, shape (3, 3), or None
        Periodic box vectors.
    step : int
        Steps made so far.
    lineage : tuple of int
        The seeds that led here, the first one drew the velocities.
    potential_energy_kj_mol : float or None
        Of these positions; None where it was not computed.
    """

    positions_nm: Positions
    velocities_nm_ps: Positions
    box_nm: Positions | None = None
    step: int = 0
    lineage: tuple[int, ...] = ()
    potential_energy_kj_mol: float | None = None


class _KeptContexts(threading.local):
    """The OpenMM Contexts of this thread, the least recently used dropped: making one on a GPU takes a second."""

    def __init__(self) -> None:
        self.contexts: OrderedDict[tuple[str, str, int], openmm.Context] = OrderedDict()
        _of_all_threads.append(weakref.ref(self.contexts))


_of_all_threads: list[weakref.ref[OrderedDict[tuple[str, str, int], openmm.Context]]] = []
_kept = _KeptContexts()
_held: list[openmm.Context] = []


def _hold_contexts() -> None:
    """Keep all Contexts alive in a process that is forked.

    It has no thread but one, so Python drops there what other threads kept, and the destructor of a Context waits for
    its own threads, which are not there either: whoever starts a program by fork would wait for ever.
    """
    _of_all_threads[:] = [reference for reference in _of_all_threads if reference() is not None]
    for reference in _of_all_threads:
        _held.extend((reference() or {}).values())


os.register_at_fork(before=_hold_contexts, after_in_parent=_held.clear)

# The Reference platform draws its noise from one generator for the whole process: one thread at a time, or the bits
# depend on the others.
_reference_noise = threading.Lock()


def _undisturbed(platform: str) -> AbstractContextManager[object]:
    return _reference_noise if platform == "Reference" else nullcontext()


def choose_platform(n_atoms: int, device: str = "cpu") -> str:
    """Return the OpenMM platform for a molecule on a device.

    Parameters
    ----------
    n_atoms : int
        Size of the molecule.
    device : str
        `cpu`, or a GPU as torch calls it: `cuda`, `cuda:1`.

    Returns
    -------
    str
        A name for `advance`; a GPU's index follows a colon.

    Raises
    ------
    UsageError
        A GPU was asked for, and OpenMM has no platform for it.
    """
    if device == "cpu":
        return "Reference" if n_atoms < _REFERENCE_BELOW_ATOMS else "CPU"
    if n_atoms < _GPU_FROM_ATOMS:
        return "Reference"
    available = {openmm.Platform.getPlatform(k).getName() for k in range(openmm.Platform.getNumPlatforms())}
    _, _, index = device.partition(":")
    for name in ("CUDA", "HIP", "OpenCL"):
        if name in available:
            return f"{name}:{index}" if index else name
    raise UsageError(
        f"device {device!r}: this OpenMM has no GPU platform: pip install 'openmm[cuda12]', or choose the device cpu"
    )


def _resolved(system: MolecularSystem, platform: str) -> str:
    """Return the platform that `auto` stands for; a system of nothing but CA atoms is a Go model."""
    automatic, _, device = platform.partition(":")
    if automatic != "auto":
        return platform
    is_go_model = system.n_atoms == system.n_residues
    if is_go_model and system.n_atoms < _REFERENCE_BELOW_BEADS:
        return "Reference"
    return "CPU" if is_go_model and not device else choose_platform(system.n_atoms, device or "cpu")


def _new_context(system: MolecularSystem, platform: str, threads: int) -> openmm.Context:
    name, _, index = platform.partition(":")
    if name not in PLATFORMS:
        raise UsageError(f"platform {platform!r} is unknown: choose one of auto, {', '.join(PLATFORMS)}")
    properties: dict[str, str] = {}
    if name == "CPU":
        properties = {"Threads": str(threads)}
    elif name != "Reference":
        properties = {"Precision": "mixed", **({"DeviceIndex": index} if index else {})}
    integrator = openmm.LangevinMiddleIntegrator(
        system.temperature_k * unit.kelvin,
        system.friction_per_ps / unit.picosecond,
        system.timestep_fs * unit.femtosecond,
    )
    try:
        return openmm.Context(
            openmm.XmlSerializer.deserialize(system.system_xml),
            integrator,
            openmm.Platform.getPlatformByName(name),
            properties,
        )
    except openmm.OpenMMException as error:
        raise UsageError(
            f"OpenMM's platform {platform} does not work here ({error}): choose another platform"
        ) from None


def _context(system: MolecularSystem, platform: str, threads: int, seed: int) -> openmm.Context:
    """Return this thread's Context of the system, its noise drawn from the seed.

    On Reference and CPU the Context is made again in place (about 3 ms), the only way in which OpenMM takes a seed; so
    the bits depend on nothing that was simulated before. On a GPU that would take a second, and one cannot have the
    same bits twice anyway: there the stream of noise goes on.
    """
    key = (system.sha256, platform, threads)
    context = _kept.contexts.pop(key, None)
    fresh = context is None
    if context is None:
        context = _new_context(system, platform, threads)
    _kept.contexts[key] = context
    while len(_kept.contexts) > _KEPT_CONTEXTS:
        _kept.contexts.popitem(last=False)
    if fresh or context.getPlatform().getName() in ("Reference", "CPU"):
        # OpenMM takes 0 for "choose a seed yourself"; its seeds are signed 32-bit numbers.
        context.getIntegrator().setRandomNumberSeed(_openmm_seed(seed))
        context.reinitialize()
    return context


def _openmm_seed(seed: int) -> int:
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: take 0 or more")
    return int(np.random.SeedSequence(seed).generate_state(1)[0] % (2**31 - 1)) + 1


def _checked_positions(system: MolecularSystem, values: npt.NDArray[np.floating], what: str) -> Positions:
    array = np.asarray(values, np.float64)
    if array.shape != (system.n_atoms, 3) or not np.isfinite(array).all():
        raise DataError(
            f"{what} of {system.name}: expected finite numbers of shape ({system.n_atoms}, 3), found {array.shape}"
            + ("" if np.isfinite(array).all() else " with NaN or infinite values")
        )
    return array


def _numbers(quantity: unit.Quantity) -> Positions:
    """Return the value in nm, ps and kJ/mol, as an array of its own."""
    return np.array(quantity.value_in_unit_system(unit.md_unit_system), np.float64)


def start_replica(
    system: MolecularSystem,
    positions_nm: npt.NDArray[np.floating],
    seed: int,
    *,
    platform: str = "auto",
    threads: int = 1,
) -> ReplicaState:
    """Return a state at step 0 with velocities drawn for the system's temperature.

    Parameters
    ----------
    system : MolecularSystem
        The molecule.
    positions_nm : ndarray, shape (n_atoms, 3)
        Where the atoms are.
    seed : int
        Of the velocities; not negative.
    platform, threads
        As for `advance`.

    Raises
    ------
    DataError
        Positions of another shape, or not finite.

    Examples
    --------
    >>> from levinthal.simulation import capped_peptide, start_replica
    >>> system, starts = capped_peptide("dialanine", "AA", ("extended",))
    >>> start_replica(system, starts["extended"], seed=0).step
    0
    """
    positions = _checked_positions(system, positions_nm, "start positions")
    platform = _resolved(system, platform)
    with _undisturbed(platform):
        context = _context(system, platform, threads, seed)
        context.setPositions(positions)
        context.applyConstraints(1e-6)
        context.setVelocitiesToTemperature(system.temperature_k * unit.kelvin, _openmm_seed(seed))
        state = context.getState(positions=True, velocities=True, energy=True)
    return ReplicaState(
        positions_nm=_numbers(state.getPositions(asNumpy=True)),
        velocities_nm_ps=_numbers(state.getVelocities(asNumpy=True)),
        lineage=(seed,),
        potential_energy_kj_mol=float(_numbers(state.getPotentialEnergy())),
    )


def _broken(system: MolecularSystem, step: int, what: str) -> SimulationError:
    return SimulationError(
        f"simulation of {system.name} broke at step {step}: {what}; "
        f"minimise the start structure or take a time step below {system.timestep_fs:g} fs"
    )


def _take_frames(
    system: MolecularSystem,
    context: openmm.Context,
    begin: int,
    n_steps: int,
    frame_interval: int,
    full_states: bool,
) -> Frames:
    """Make the steps, and keep CA atoms wherever the replica's step is a multiple of the interval."""
    integrator = context.getIntegrator()
    step, end = begin, begin + n_steps
    kept_steps = frame_steps(begin, n_steps, frame_interval)
    carbons = np.array(system.ca_indices, np.intp)
    coordinates = np.empty((len(kept_steps), len(carbons), 3), np.float32)
    states = np.empty((len(kept_steps), 2, system.n_atoms, 3)) if full_states else None
    try:
        for k, frame_step in enumerate(kept_steps):
            integrator.step(int(frame_step) - step)
            step = int(frame_step)
            found = context.getState(positions=True, velocities=full_states)
            positions = _numbers(found.getPositions(asNumpy=True))
            coordinates[k] = positions[carbons]
            if states is not None:
                states[k] = positions, _numbers(found.getVelocities(asNumpy=True))
            if not np.isfinite(coordinates[k]).all():
                raise _broken(system, step, "a position is not a number")
        if step < end:
            integrator.step(end - step)
    except openmm.OpenMMException as error:
        raise _broken(system, step, f"OpenMM says {error}") from None
    return Frames(coordinates, kept_steps, states)


def _end_state(
    system: MolecularSystem, context: openmm.Context, start: ReplicaState, start_energy: float, step: int, kt: float
) -> ReplicaState:
    """Read the final state; refuse one whose energy ran away."""
    end = context.getState(positions=True, velocities=True, energy=True)
    positions, velocities = _numbers(end.getPositions(asNumpy=True)), _numbers(end.getVelocities(asNumpy=True))
    potential, kinetic = float(_numbers(end.getPotentialEnergy())), float(_numbers(end.getKineticEnergy()))
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all() and np.isfinite(potential + kinetic)):
        raise _broken(system, step, "a position, a velocity or the energy is not a number")
    if potential - start_energy > _EXPLODED_KT_PER_ATOM * kt * system.n_atoms:
        raise _broken(system, step, f"the potential energy rose from {start_energy:.0f} to {potential:.0f} kJ/mol")
    # Constraints take degrees of freedom away, so 3/2 kT an atom is the most that is expected.
    if kinetic > _EXPLODED_TEMPERATURE_RATIO * 1.5 * kt * system.n_atoms:
        raise _broken(system, step, f"the kinetic energy is {kinetic:.0f} kJ/mol, far above its temperature")
    return replace(
        start, positions_nm=positions, velocities_nm_ps=velocities, step=step, potential_energy_kj_mol=potential
    )


def advance(
    system: MolecularSystem,
    state: ReplicaState,
    n_steps: int,
    seed: int,
    *,
    frame_interval: int,
    platform: str = "auto",
    threads: int = 1,
    temperature_k: float | None = None,
    full_states: bool = False,
) -> tuple[ReplicaState, Frames]:
    """Simulate a replica for some steps of Langevin dynamics (LangevinMiddle, Zhang et al., J. Phys. Chem. A 123:6056).

    On the platforms Reference, and CPU with one thread, the same arguments give the same bits on the same machine,
    whatever the process simulated before. The process keeps the OpenMM Context of the last few systems.

    Parameters
    ----------
    system : MolecularSystem
        The molecule.
    state : ReplicaState
        Where to go on from; not changed.
    n_steps : int
        How many steps, at least 1.
    seed : int
        Of the noise; not negative. Take another for each chunk.
    frame_interval : int
        A frame is taken whenever the replica's step is a multiple of this, so that chunks join without a seam.
    platform : str
        An OpenMM platform; `auto`, which is Reference for small systems, else CPU; or `auto:DEVICE` with a device as in
        `choose_platform`, which is that GPU where the system is large enough to gain by it.
    threads : int
        Threads of the CPU platform; two are slower than one below some thousand atoms.
    temperature_k : float, optional
        Another temperature than the system's, to heat a start structure.
    full_states : bool
        Whether positions and velocities of all atoms are kept at each frame, so that one can go on from there.

    Returns
    -------
    state : ReplicaState
        After `n_steps`.
    frames : Frames
        CA coordinates at the multiples of `frame_interval` in (state.step, state.step + n_steps].

    Raises
    ------
    SimulationError
        A coordinate became NaN or the energy ran away; names the system and the step.
    DataError
        A state that does not fit the system.
    UsageError
        A number of steps, an interval or a platform that makes no sense.

    Examples
    --------
    >>> from levinthal.simulation import advance, capped_peptide, start_replica
    >>> system, starts = capped_peptide("dialanine", "AA", ("extended",))
    >>> state = start_replica(system, starts["extended"], seed=0)
    >>> state, frames = advance(system, state, 20, seed=1, frame_interval=10)
    >>> state.step, frames.coordinates_nm.shape
    (20, (2, 2, 3))
    """
    if n_steps < 1 or frame_interval < 1:
        raise UsageError(f"n_steps is {n_steps}, frame_interval {frame_interval}: both must be at least 1")
    positions = _checked_positions(system, state.positions_nm, "positions")
    velocities = _checked_positions(system, state.velocities_nm_ps, "velocities")
    temperature = system.temperature_k if temperature_k is None else temperature_k
    if not temperature > 0:
        raise UsageError(f"the temperature is {temperature} K: it must be positive")
    platform = _resolved(system, platform)
    with _undisturbed(platform):
        context = _context(system, platform, threads, seed)
        energy = _set_state(context, state, positions, velocities, temperature)
        frames = _take_frames(system, context, state.step, n_steps, frame_interval, full_states)
        kt = BOLTZMANN_KJ_MOL_K * temperature
        finished = _end_state(system, context, state, energy, state.step + n_steps, kt)
    return replace(finished, lineage=(*state.lineage, seed)), frames


def _set_state(context: Any, state: ReplicaState, positions: Any, velocities: Any, temperature_k: float) -> float:
    """Put a state into a Context; return its potential energy (kJ/mol)."""
    context.getIntegrator().setTemperature(temperature_k * unit.kelvin)
    if state.box_nm is not None:
        context.setPeriodicBoxVectors(*state.box_nm)
    context.setPositions(positions)
    context.setVelocities(velocities)
    if state.potential_energy_kj_mol is not None:
        return state.potential_energy_kj_mol
    return float(_numbers(context.getState(energy=True).getPotentialEnergy()))
