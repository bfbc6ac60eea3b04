"""Trajectories of one molecule from files, as CA coordinates of whole chains: read right or refused in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.simulation.trajectories import reading_process
from levinthal.simulation.trajectories.frame_headers import FrameCount, count_frames
from levinthal.simulation.trajectories.residues import NEIGHBOUR_NM, ResidueSelection
from levinthal.simulation.trajectories.whole import make_whole, usable_cells

_FRAMES_AT_ONCE = 100
_AT_ONE_POINT_NM = 0.01
# Units that are mistaken for each other differ by ten.
_TEN = (7.0, 14.0)
_ACROSS_A_BOX_NM = 1.0


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One file.

    Attributes
    ----------
    path : str
        As it was given.
    ca_nm : ndarray of float32, shape (n_frames, n_residues, 3)
        CA atoms of whole chains.
    time_ps : ndarray of float64, shape (n_frames,), or None
        As the file has it; None where it has none.
    n_made_whole : int
        Frames that were broken across the periodic box.
    """

    path: str
    ca_nm: npt.NDArray[np.float32]
    time_ps: npt.NDArray[np.float64] | None
    n_made_whole: int


@dataclass(frozen=True, eq=False)
class ReadTrajectories:
    """Trajectories of one molecule.

    Attributes
    ----------
    residues : ResidueSelection
        Which atoms they are.
    reference_nm : ndarray, shape (n_residues, 3)
        The topology's structure; the first frame where it has none.
    trajectories : tuple of Trajectory
        In the order given.
    ca_records : tuple of str
        The PDB record of each CA atom, at the origin.
    notes : tuple of str
        What was changed, left out or taken for granted: sentences.
    """

    residues: ResidueSelection
    reference_nm: npt.NDArray[np.floating]
    trajectories: tuple[Trajectory, ...]
    ca_records: tuple[str, ...]
    notes: tuple[str, ...]


def read_trajectories(paths: Sequence[str], topology: str) -> ReadTrajectories:
    """Read the CA atoms of trajectories.

    Parameters
    ----------
    paths : sequence of str
        Trajectory files of whatever format mdtraj reads, each one trajectory.
    topology : str
        A file of the same atoms in the same order: PDB, mmCIF, GRO, PSF or PRMTOP.

    Raises
    ------
    DataError
        A file is missing or damaged, holds other atoms than the topology, fewer frames than it promises, or frames in
        which bonded residues are not neighbours; names the file and the frame.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.simulation import capped_peptide, read_trajectories
    >>> system, starts = capped_peptide("helix", "A" * 9, ("helix",))
    >>> size = Path("helix.pdb").write_text(system.topology_pdb)
    >>> read_trajectories(["helix.pdb"], "helix.pdb").trajectories[0].ca_nm.shape
    (1, 9, 3)
    """
    for path in (topology, *paths):
        if not Path(path).is_file():
            raise DataError(f"{path} is not a file: name a trajectory and its topology, as in trajectory=x.dcd")
    counts = [count_frames(Path(path)) for path in paths]
    with tempfile.TemporaryDirectory(prefix="levinthal-") as folder:
        _read_apart(Path(folder), paths, topology)
        with np.load(Path(folder) / "topology.npz", allow_pickle=False) as file:
            residues = ResidueSelection(
                int(file["n_atoms"]), file["atoms"], tuple(map(str, file["labels"])), file["bonded"],
                tuple(map(str, file["left_out"])),
            )  # fmt: skip
            reference = file.get("reference_nm")
        found = []
        for number, path in enumerate(paths):
            with np.load(Path(folder) / f"{number}.npz", allow_pickle=False) as file:
                cells, times = file.get("cells_nm"), file.get("time_ps")
                found.append(_checked(path, file["ca_nm"], cells, times, counts[number], residues))
        written = (Path(folder) / reading_process.CA_ATOMS).read_text(encoding="utf-8").splitlines()
    notes = list(_notes(topology, residues, found))
    if reference is None:
        reference = found[0].ca_nm[0]
        notes.append(f"{topology} has no coordinates: the reference structure is the first frame of {paths[0]}.")
    records = tuple(line for line in written if line.startswith(("ATOM", "HETATM")))
    return ReadTrajectories(residues, reference, tuple(found), records, tuple(notes))


def read_structures(paths: Sequence[str], topology: str, frames: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return single frames as PDB text: all atoms of the protein's residues, whole, centred.

    Parameters
    ----------
    paths, topology
        As for `read_trajectories`, which has read them before.
    frames : sequence of tuple of int
        Number of the trajectory and of the frame in it, both from 0.

    Raises
    ------
    DataError
        A frame that cannot be read, or not be made whole by the bonds that the topology knows.
    """
    with tempfile.TemporaryDirectory(prefix="levinthal-") as folder:
        _read_apart(Path(folder), paths, topology, frames)
        files = (Path(folder) / reading_process.STRUCTURE.format(k) for k in range(len(frames)))
        return tuple(file.read_text(encoding="utf-8") for file in files)


def _notes(topology: str, residues: ResidueSelection, found: Sequence[Trajectory]) -> list[str]:
    notes = [
        f"{each.path}: {each.n_made_whole} of {len(each.ca_nm)} frames were broken across the periodic box; they were "
        "made whole by the box of each frame."
        for each in found
        if each.n_made_whole
    ]
    if residues.left_out:
        notes.append(
            f"{topology}: {', '.join(residues.left_out)} left out: alone and so not part of a chain, or without N or C."
        )
    return notes


def _read_apart(
    folder: Path, paths: Sequence[str], topology: str, frames: Sequence[tuple[int, int]] | None = None
) -> None:
    """Have a process of its own read the files into arrays, or single frames into PDB files."""
    done = _run(folder, paths, topology, _FRAMES_AT_ONCE, frames)
    if done.returncode == 0:
        return
    said = folder / reading_process.ERROR
    if said.exists():
        message = said.read_text(encoding="utf-8")
        for path in (topology, *paths):
            message = message.replace(str(Path(path).resolve()), path)
        raise DataError(message)
    where = _where(folder)
    if frames is not None:
        raise DataError(f"{', '.join(paths)}: single frames cannot be read with {topology}: {_death(done)}")
    if where is None:
        raise DataError(f"{topology} cannot be read: {_death(done)}: give another topology")
    number, _ = where
    # once more, frame by frame, for the place
    _run(folder, paths[number : number + 1], topology, 1)
    frame = (_where(folder) or (0, 0))[1]
    raise DataError(
        f"{paths[number]} cannot be read: it is damaged at frame {frame} ({_death(done)}): copy the file again, or "
        "keep the frames before it"
    )


def _run(
    folder: Path,
    paths: Sequence[str],
    topology: str,
    at_once: int,
    frames: Sequence[tuple[int, int]] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    (folder / reading_process.PROGRESS).unlink(missing_ok=True)
    request = {
        "topology": str(Path(topology).resolve()),
        "trajectories": [str(Path(path).resolve()) for path in paths],
        "at_once": at_once,
        **({} if frames is None else {"frames": frames}),
    }
    (folder / reading_process.REQUEST).write_text(json.dumps(request), encoding="utf-8")
    command = [sys.executable, "-X", "faulthandler", "-m", reading_process.__name__, str(folder)]
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, check=False, env=environment)


def _where(folder: Path) -> tuple[int, int] | None:
    try:
        number, frame = (folder / reading_process.PROGRESS).read_text().split()
    except (OSError, ValueError):
        return None
    return int(number), int(frame)


def _death(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"the reader was ended by {signal.Signals(-done.returncode).name}"
    last = done.stderr.decode(errors="replace").strip().splitlines()
    return last[-1][:200] if last else f"the reader ended with status {done.returncode}"


def _checked(
    path: str,
    ca_nm: npt.NDArray[np.float32],
    cells_nm: npt.NDArray[np.floating] | None,
    time_ps: npt.NDArray[np.float64] | None,
    count: FrameCount | None,
    residues: ResidueSelection,
) -> Trajectory:
    """Return a trajectory of whole chains, or say what is wrong with it."""
    promised = None if count is None else max(count.n_frames, count.n_promised or 0)
    if promised is not None and len(ca_nm) < promised:
        raise DataError(
            f"{path} promises {promised} frames, {len(ca_nm)} are there: it was cut short; copy it again, or write the "
            "whole frames to another file (mdconvert, gmx trjconv)"
        )
    if not np.isfinite(ca_nm).all():
        bad = int(np.argmin(np.isfinite(ca_nm).all(axis=(1, 2))))
        raise DataError(f"{path}: frame {bad} has a coordinate that is not a number: cut it out")
    at_one_point = np.ptp(ca_nm, axis=1).max(axis=1) < _AT_ONE_POINT_NM
    if at_one_point.any():
        bad = int(np.argmax(at_one_point))
        raise DataError(
            f"{path}: frame {bad} has all its atoms at one point: the file was cut short there; copy it again, or keep "
            "the frames before it"
        )
    cells = usable_cells(cells_nm)
    changed = np.zeros(len(ca_nm), np.bool_)
    if cells is not None:
        whole, changed = make_whole(ca_nm, cells, residues.bonded)
        ca_nm = np.ascontiguousarray(whole, np.float32)
    _check_neighbours(path, ca_nm, residues, has_cell=cells is not None)
    if count is not None and count.time_ps is not None:
        first, step = count.time_ps
        time_ps = first + step * np.arange(len(ca_nm), dtype=np.float64)
    return Trajectory(path, np.ascontiguousarray(ca_nm), time_ps, int(changed.sum()))


def _check_neighbours(path: str, ca_nm: npt.NDArray[np.float32], residues: ResidueSelection, *, has_cell: bool) -> None:
    """Refuse frames in which residues that are bonded are not neighbours."""
    distance = np.linalg.norm(np.diff(ca_nm, axis=1), axis=2)[:, residues.bonded]
    wrong = (distance < NEIGHBOUR_NM[0]) | (distance > NEIGHBOUR_NM[1])
    if not wrong.any():
        return
    frame, pair = (int(each) for each in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    first = int(np.flatnonzero(residues.bonded)[pair])
    typical = float(np.median(distance)) / 0.38
    if _TEN[0] <= typical <= _TEN[1]:
        why = "the file is in another unit (ten times too large): write it in the unit of its format"
    elif 1 / _TEN[1] <= typical <= 1 / _TEN[0]:
        why = "the file is in another unit (ten times too small): write it in the unit of its format"
    elif not has_cell and np.median(distance[wrong]) > _ACROSS_A_BOX_NM:
        why = (
            "the molecule is broken across a periodic box that the file does not hold: make it whole (gmx trjconv -pbc "
            "whole)"
        )
    elif wrong.any(axis=1).mean() > 0.5:
        why = "the topology has its atoms in another order: give the one that the trajectory was written with"
    else:
        why = "the frame is damaged, or the structure broken: cut it out"
    raise DataError(
        f"{path}: frame {frame}: {residues.labels[first]} and {residues.labels[first + 1]} are bonded, and "
        f"{distance[frame, pair]:.3g} nm apart: {why}"
    )
