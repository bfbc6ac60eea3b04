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

from levinthal.errors import DataError
from levinthal.simulation.dynamics.frames import Frames

if TYPE_CHECKING:
    from levinthal.harness import Run
    from levinthal.simulation.systems.molecular_system import MolecularSystem
    from levinthal.workloads.cvae.settings import CVAESettings

__all__ = ["TrajectorySet", "read_trajectories", "simulate"]

_LEAST_FRAMES = 40
_FEMTOSECONDS_PER_NANOSECOND = 1e6
_SECONDS_PER_DAY = 86_400
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
    starts : tuple of str
        What each trajectory began from.
    references : mapping of str to ndarray, shape (n_residues, 3)
        Named structures to measure distances from; the first is the one native contacts are taken of.
    """

    name: str
    version: str
    synthetic: bool
    frames: tuple[Frames, ...]
    starts: tuple[str, ...]
    references: Mapping[str, npt.NDArray[np.floating]]

    @property
    def n_frames(self) -> int:
        """Frames of all trajectories."""
        return sum(len(each) for each in self.frames)

    @property
    def n_residues(self) -> int:
        """Residues of the molecule."""
        return int(self.frames[0].coordinates_nm.shape[1])

    def sha256(self) -> str:
        """Return the digest of all coordinates, in order."""
        digest = hashlib.sha256()
        for each in self.frames:
            digest.update(np.ascontiguousarray(each.coordinates_nm, "<f4").tobytes())
        return digest.hexdigest()


def simulate(run: Run, settings: CVAESettings) -> TrajectorySet:
    """Simulate replicas from the start structures, one a worker, and report the speed.

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

    with run.phase("prepare"):
        name, system, starts = _system(settings)
        for note in system.notes:
            print(f"{name}: {note}")
        wait([run.executor.submit(_import_engine) for _ in range(run.n_workers)])
    names = list(starts)
    chosen = [Start(name, starts[name]) for name in (names[k % len(names)] for k in range(settings.replicas))]
    n_chunks = settings.replicas * -(-settings.steps // settings.chunk_steps)
    with run.phase(
        "simulate", items=settings.replicas * (settings.steps // settings.frame_interval), total=n_chunks
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
            seed=run.seed_for("simulation"),
            executor=run.executor,
            on_chunk=note_chunk,
            platform=settings.platform,
            equilibration=Equilibration(settings.equilibration_steps),
        )
    duration_s = run.duration_s("simulate", lane="main")
    simulated_ns = settings.replicas * settings.steps * system.timestep_fs / _FEMTOSECONDS_PER_NANOSECOND
    run.metric(
        "simulation rate",
        None if settings.residues else simulated_ns / duration_s * _SECONDS_PER_DAY,
        unit="ns/day",
        better="higher",
        reason="the time of a Go model is in reduced units",
    )
    return TrajectorySet(
        name=name,
        version="1",
        synthetic=True,
        frames=tuple(each.frames for each in trajectories),
        starts=tuple(each.start for each in trajectories),
        references={name: np.asarray(starts[name])[list(system.ca_indices)] for name in names},
    )


def _system(settings: CVAESettings) -> tuple[str, MolecularSystem, Mapping[str, npt.NDArray[np.floating]]]:
    """Return the name of what is to be simulated, its system, and its start structures by name."""
    if settings.residues:
        from levinthal.simulation.go.repeat_protein import repeat_protein

        model = repeat_protein(settings.residues, _GO_KT_OVER_EPSILON)
        # Folded starts alone: the stretched chain would need far longer to fold than anybody simulates here.
        return f"repeat-protein-{settings.residues}", model.system, {"native": model.native_nm}
    if settings.system == "fs-peptide":
        from levinthal.simulation.systems.peptide import fs_peptide

        return "fs-peptide", *fs_peptide()
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
        A PDB file of the same atoms; its structure is the reference.

    Raises
    ------
    DataError
        A file is missing, damaged, or does not fit the topology; names the file.
    """
    import mdtraj

    for path in (topology, *paths):
        if not Path(path).is_file():
            raise DataError(f"{path} is not a file: name a trajectory and its topology, as in trajectory=x.dcd")
    try:
        reference = mdtraj.load(topology)
    except Exception as error:  # mdtraj raises whatever its parsers do
        raise DataError(f"{topology} is not a topology that mdtraj reads ({error}): give a PDB file") from error
    carbons = reference.topology.select("name CA and protein")
    if len(carbons) < 4:
        raise DataError(f"{topology} has {len(carbons)} CA atoms of a protein, a contact map needs 4: give a protein")
    loaded = []
    for path in paths:
        try:
            trajectory = mdtraj.load(path, top=reference.topology, atom_indices=carbons)
        except Exception as error:  # mdtraj raises whatever its parsers do
            raise DataError(f"{path} cannot be read with the atoms of {topology} ({error})") from error
        if len(trajectory) < _LEAST_FRAMES:
            raise DataError(
                f"{path} holds {len(trajectory)} whole frame(s), at least {_LEAST_FRAMES} are needed to learn from and "
                "to hold some out: give a longer trajectory, or repair the file if it should have more"
            )
        if not np.isfinite(trajectory.xyz).all():
            bad = int(np.argmin(np.isfinite(trajectory.xyz).all(axis=(1, 2))))
            raise DataError(f"{path}: frame {bad} has a coordinate that is not a number: cut it out")
        loaded.append(Frames(np.ascontiguousarray(trajectory.xyz, np.float32), np.arange(len(trajectory))))
    return TrajectorySet(
        name=Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} trajectories of {Path(topology).name}",
        version="1",
        synthetic=False,
        frames=tuple(loaded),
        starts=tuple(Path(path).name for path in paths),
        references={Path(topology).stem: reference.xyz[0][carbons]},
    )
