"""The frames a CVAE learns from: simulated at run time, or read from a user's trajectory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader
from levinthal.simulation.dynamics.frames import Frames
from levinthal.workloads.cvae.data.table import FrameTable
from levinthal.workloads.cvae.settings import BUNDLE, FS_PEPTIDE, HAIRPIN, CVAESettings
from levinthal.workloads.pace import units_per_second

if TYPE_CHECKING:
    from levinthal.harness import Run
    from levinthal.simulation.systems.molecular_system import MolecularSystem

_LEAST_FRAMES = 40
_FS_PER_PS = 1e3
_FEMTOSECONDS_PER_NANOSECOND = 1e6
_SECONDS_PER_DAY = 86_400
_TIMED_STEPS = 50
# The made-up protein loses half of its native contacts within some 1,000 steps, more slowly the larger it is.
_GO_KT_OVER_EPSILON = 1.3


@dataclass(frozen=True, eq=False)
class TrajectorySet:
    """CA coordinates of several trajectories of one molecule.

    Attributes
    ----------
    name, version : str
        Of the data set.
    synthetic : bool
        Whether the project made it.
    frames : tuple of Frames
        Of each trajectory, in order of time.
    sources : tuple of str
        Which trajectory each is: its file, or which replica and what it began from.
    starts : tuple of str
        Name of the structure that each began from; empty where nobody knows.
    references : mapping of str to ndarray, shape (n_residues, 3)
        Named structures to measure distances from; the first is the one native contacts are taken of.
    time_ps : tuple of ndarray of float64 or None
        Time of each frame of each trajectory; None where it has none.
    ca_records : tuple of str
        The PDB record of each residue's CA atom, wherever it may be.
    files : tuple, or None
        Paths of the trajectories, and of their topology, where they are a person's.
    notes : tuple of str
        What was changed in a person's files, left out or taken for granted: sentences.
    """

    name: str
    version: str
    synthetic: bool
    frames: tuple[Frames, ...]
    sources: tuple[str, ...]
    starts: tuple[str, ...]
    references: Mapping[str, npt.NDArray[np.floating]]
    time_ps: tuple[Doubles | None, ...]
    ca_records: tuple[str, ...]
    files: tuple[tuple[str, ...], str] | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """Frames of all trajectories."""
        return sum(len(each) for each in self.frames)

    @property
    def n_residues(self) -> int:
        """Residues of the molecule."""
        return int(self.frames[0].coordinates_nm.shape[1])

    @property
    def table(self) -> FrameTable:
        """Which frame is which."""
        return FrameTable(self.sources, tuple(map(len, self.frames)), self.time_ps)

    def sha256(self) -> str:
        """Return the digest of all coordinates, in order."""
        digest = hashlib.sha256()
        for each in self.frames:
            digest.update(np.ascontiguousarray(each.coordinates_nm, "<f4").tobytes())
        return digest.hexdigest()

    def report_as_dataset(self, run: Run) -> None:
        """Say that these are the data of a run."""
        run.dataset(self.name, version=self.version, sha256=self.sha256(), synthetic=self.synthetic)

    def store(self, folder: Path) -> None:
        """Write all frames with their packed contact maps; errors as for `FrameWriter`."""
        with FrameWriter(folder, StoreHeader(self.n_residues, system=self.name)) as writer:
            for replica, (frames, source) in enumerate(zip(self.frames, self.sources, strict=True)):
                writer.append(frames, replica=replica, start=source)


def map_size_of(settings: CVAESettings, n_residues: int) -> int:
    """Return the side of the contact maps: what is set, else the residues, made even.

    Raises
    ------
    DataError
        The protein has more residues.
    """
    size = settings.map_size or n_residues + n_residues % 2
    if size < n_residues:
        raise DataError(
            f"map_size={size} is smaller than the protein of {n_residues} residues: set 0 or more than that"
        )
    return size


def simulate(run: Run, settings: CVAESettings, purpose: str = "simulation") -> TrajectorySet:
    """Simulate replicas from the start structures, one a worker, and report the speed; random numbers by purpose.

    Phases `prepare` (build the system, start the workers) and `simulate`, with an interval `advance` for each chunk on
    its worker's lane.

    Raises
    ------
    DataError
        The user's PDB file cannot be simulated.
    SimulationError
        A simulation broke.
    """
    from levinthal.simulation.dynamics.ensemble import Chunk, Equilibration, Start, simulate_ensemble

    with run.phase("prepare", doing="building the system, starting workers"):
        name, system, starts = _system(settings)
        map_size_of(settings, len(system.ca_indices))  # a mistake is said before anything is simulated
        _say_how_prepared(run, name, system)
        wait([run.executor.submit(_import_engine) for _ in range(run.n_workers)])
    names = list(starts)
    chosen = [Start(name, starts[name]) for name in (names[k % len(names)] for k in range(settings.replicas))]
    if settings.simulates_own:
        _report_estimate(run, settings, system, chosen[0].positions_nm)
    n_chunks = settings.replicas * -(-settings.steps // settings.chunk_steps)
    with run.phase(
        "simulate",
        items=settings.replicas * (settings.steps // settings.frame_interval),
        total=n_chunks,
        doing=f"{settings.replicas} trajectories of {settings.steps:,} steps",
    ) as phase:
        lanes: dict[int, str] = {}
        clock_offset_s = time.time() - time.perf_counter()

        def note_chunk(chunk: Chunk) -> None:
            phase.advance()
            lane = lanes.setdefault(chunk.worker, f"worker {len(lanes) + 1}")
            run.interval(
                "advance",
                lane=lane,
                start_s=chunk.began_unix_s - clock_offset_s,
                duration_s=chunk.duration_s,
                items=len(chunk.frames),
            )

        trajectories = simulate_ensemble(
            system,
            chosen,
            n_steps=settings.steps,
            chunk_steps=settings.chunk_steps,
            frame_interval=settings.frame_interval,
            seed=run.seed_for(purpose),
            executor=run.executor,
            on_chunk=note_chunk,
            platform=settings.platform,
            equilibration=Equilibration(settings.equilibration_steps),
        )
    duration_s = run.duration_s("simulate", lane="main")
    simulated_ns = settings.replicas * settings.steps * system.timestep_fs / _FEMTOSECONDS_PER_NANOSECOND
    run.metric(
        "simulation rate",
        None if settings.is_go_model else simulated_ns / duration_s * _SECONDS_PER_DAY,
        unit="ns/day",
        better="higher",
        reason="the time of a Go model is in reduced units",
    )
    return TrajectorySet(
        name=name,
        version="1",
        synthetic=True,
        frames=tuple(each.frames for each in trajectories),
        sources=tuple(f"replica {k} from {each.start}" for k, each in enumerate(trajectories)),
        starts=tuple(each.start for each in trajectories),
        references={name: np.asarray(starts[name])[list(system.ca_indices)] for name in names},
        time_ps=tuple(
            None if settings.is_go_model else each.frames.step.astype(np.float64) * (system.timestep_fs / _FS_PER_PS)
            for each in trajectories
        ),
        ca_records=_ca_records(system),
    )


def _report_estimate(
    run: Run, settings: CVAESettings, system: MolecularSystem, start_nm: npt.NDArray[np.floating]
) -> None:
    """Say how many steps and frames of a person's own protein will be simulated and how long that takes here."""
    with run.phase("estimate", doing="a second of this system on every worker"):
        timed = [
            run.executor.submit(_steps_per_second, system, start_nm, settings.platform) for _ in range(run.n_workers)
        ]
        rate = min(each.result() for each in timed)
    n_steps = settings.equilibration_steps + settings.steps
    rounds = -(-settings.replicas // min(run.n_workers, settings.replicas))
    run.estimate(
        f"{settings.replicas} trajectories of {n_steps:,} steps ({1e-6 * system.timestep_fs * n_steps:.3g} ns), "
        f"{settings.replicas * (settings.steps // settings.frame_interval):,} frames in all, at {rate:,.0f} steps/s a "
        "core; training comes on top",
        duration_s=rounds * n_steps / rate,
    )


def _steps_per_second(system: MolecularSystem, start_nm: npt.NDArray[np.floating], platform: str) -> float:
    from levinthal.simulation.dynamics.replica import advance, start_replica

    state = start_replica(system, start_nm, 0, platform=platform)

    def simulate(n_steps: int) -> None:
        nonlocal state
        state, _ = advance(system, state, n_steps, 0, frame_interval=n_steps, platform=platform)

    return units_per_second(simulate, _TIMED_STEPS)


def _ca_records(system: MolecularSystem) -> tuple[str, ...]:
    atoms = [line for line in system.topology_pdb.splitlines() if line.startswith(("ATOM", "HETATM"))]
    return tuple(atoms[index] for index in system.ca_indices)


def _say_how_prepared(run: Run, name: str, system: MolecularSystem) -> None:
    for warning in system.warnings:
        run.warn(f"{name}: {warning}.")
    for note in system.notes:
        run.note(f"{name}: {note}.")


def _system(settings: CVAESettings) -> tuple[str, MolecularSystem, Mapping[str, npt.NDArray[np.floating]]]:
    """Return the name of what is to be simulated, its system, and its start structures by name."""
    if settings.residues:
        from levinthal.simulation.go.repeat_protein import repeat_protein

        model = repeat_protein(settings.residues, _GO_KT_OVER_EPSILON)
        # Folded starts alone: the stretched chain would need far longer to fold than anybody simulates here.
        return f"repeat-protein-{settings.residues}", model.system, {"native": model.native_nm}
    if settings.is_two_state:
        from levinthal.simulation.go.ideal_fold import three_helix_bundle, two_helix_hairpin

        fold = {HAIRPIN: two_helix_hairpin, BUNDLE: three_helix_bundle}[settings.system]()
        return settings.system, fold.system, fold.starts
    if settings.system == FS_PEPTIDE:
        from levinthal.simulation.systems.peptide import fs_peptide

        return FS_PEPTIDE, *fs_peptide()
    from levinthal.simulation.systems.pdb_structure import from_pdb

    return Path(settings.system).name, *from_pdb(Path(settings.system))


def _import_engine() -> None:
    """Load OpenMM in a worker, so that no simulation waits for it."""
    import levinthal.simulation.dynamics.replica  # noqa: F401


def read_trajectories(paths: Sequence[str], topology: str) -> TrajectorySet:
    """Read the CA atoms of trajectories.

    Parameters
    ----------
    paths : sequence of str
        Trajectory files, each one trajectory.
    topology : str
        A file of the same atoms; its structure is the reference.

    Raises
    ------
    DataError
        A file is missing, damaged, or does not fit the topology, or all have too few frames together; names the file.
    """
    from levinthal.simulation.trajectories import reader

    found = reader.read_trajectories(paths, topology)
    n_frames = sum(len(each.ca_nm) for each in found.trajectories)
    names = [Path(path).name for path in paths]
    if n_frames < _LEAST_FRAMES:
        raise DataError(
            f"{', '.join(paths)}: {n_frames} frame(s) in all, at least {_LEAST_FRAMES} are needed to learn from and to "
            "hold some out: give more or longer trajectories"
        )
    return TrajectorySet(
        name=Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} trajectories of {Path(topology).name}",
        version="1",
        synthetic=False,
        frames=tuple(Frames(each.ca_nm, np.arange(len(each.ca_nm))) for each in found.trajectories),
        sources=tuple(names if len(set(names)) == len(names) else paths),
        starts=("",) * len(paths),
        references={Path(topology).stem: found.reference_nm},
        time_ps=tuple(each.time_ps for each in found.trajectories),
        ca_records=found.ca_records,
        files=(tuple(paths), topology),
        notes=found.notes,
    )
