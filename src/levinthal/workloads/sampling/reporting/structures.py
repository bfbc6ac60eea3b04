"""States of a person's protein as files for a viewer: single structures as PDB, lineages as DCD and XTC."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from levinthal.arrays import Doubles, Floats, Integers, Mask
from levinthal.simulation.analysis.entropy import superpose
from levinthal.simulation.systems.molecular_system import MolecularSystem
from levinthal.workloads.sampling.record.reader import CampaignRecord

if TYPE_CHECKING:
    import mdtraj

_DCD_TITLE_BYTES = 80
_DCD_DATE = 92 + 8 + _DCD_TITLE_BYTES
"""Where the second title of a DCD file is: behind the header, length and number of the titles, and the first."""


def positions_nm(record: CampaignRecord, frames: Integers) -> Doubles:
    """Return the positions of all atoms in some frames of a record, shape (n_frames, n_atoms, 3)."""
    half = record.header.state_width // 2
    return np.asarray(record.states[frames, :half], np.float64).reshape(len(frames), -1, 3)


def chosen_states(values: Floats, cell: Integers, arrived: Mask, n: int) -> Integers:
    """Return frames worth looking at: those of the event first, then one of each of the cells furthest apart.

    Parameters
    ----------
    values : ndarray, shape (n_frames, 2)
        Coordinates of the observables.
    cell : ndarray of int64, shape (n_frames,)
        Cells: of each at most one frame is taken.
    arrived : ndarray of bool, shape (n_frames,)
        Whether the event is met.
    n : int
        How many, fewer where there are fewer cells.
    """
    if n < 1 or not len(cell):
        return np.zeros(0, np.int64)
    scaled = np.asarray(values, np.float64)
    spread = scaled.std(axis=0)
    scaled = scaled / np.where(spread > 0, spread, 1.0)
    candidates = np.unique(cell, return_index=True)[1]
    met = np.flatnonzero(arrived)
    # without an event the first is the frame nearest to the middle
    middle = np.abs(scaled - np.median(scaled, axis=0)).sum(axis=1)
    chosen = [int(met[np.abs(scaled[met] - np.median(scaled[met], axis=0)).sum(axis=1).argmin()])] if len(met) else [
        int(middle.argmin())
    ]  # fmt: skip
    while len(chosen) < min(n, len(candidates)):
        away = np.linalg.norm(scaled[candidates][:, None] - scaled[chosen][None], axis=2).min(axis=1)
        furthest = int(away.argmax())
        if away[furthest] == 0.0:
            break
        chosen.append(int(candidates[furthest]))
    return np.array(chosen, np.int64)


def structure_pdb(molecule: MolecularSystem, positions: Doubles, title: str) -> str:
    """Return one structure as PDB text with a title."""
    from openmm import app, unit

    parsed = app.PDBFile(io.StringIO(molecule.topology_pdb))
    text = io.StringIO()
    app.PDBFile.writeModel(parsed.topology, positions * unit.nanometer, text, keepIds=True)
    app.PDBFile.writeFooter(parsed.topology, text)
    return f"TITLE     {title[:69]}\n{text.getvalue()}"


def superposed_pdb(molecule: MolecularSystem, positions: Doubles) -> str:
    """Return structures (n_frames, n_atoms, 3) in nm, superposed on each other, as PDB text with a model for each."""
    from openmm import app, unit

    topology = app.PDBFile(io.StringIO(molecule.topology_pdb)).topology
    topology.setPeriodicBoxVectors(None)  # frames are of whole molecules
    text = io.StringIO()
    for number, each in enumerate(superpose(positions, np.ones(positions.shape[1])), 1):
        app.PDBFile.writeModel(topology, each * unit.nanometer, text, modelIndex=number, keepIds=True)
    app.PDBFile.writeFooter(topology, text)
    return text.getvalue()


def evenly_spaced(n_frames: int, most: int) -> Integers:
    """Return which of so many frames to show: at most so many, equally far apart, the last one among them."""
    stride = -(-n_frames // most)
    return np.arange((n_frames - 1) % stride, n_frames, stride, dtype=np.int64)


def write_trajectory(
    molecule: MolecularSystem, positions: Doubles, stem: Path, steps: Integers, step_ps: float
) -> tuple[Path, Path]:
    """Write frames as STEM.dcd and STEM.xtc beside their topology STEM.pdb; return both trajectories.

    Parameters
    ----------
    molecule : MolecularSystem
        Whose atoms they are.
    positions : ndarray, shape (n_frames, n_atoms, 3)
        In nm.
    stem : Path
        Files are named after it.
    steps : ndarray of int64, shape (n_frames,)
        Step of each frame, equally far apart: a DCD file has one time step for all.
    step_ps : float
        Time of a step.
    """
    import mdtraj
    from openmm import app, unit

    topology = app.PDBFile(io.StringIO(molecule.topology_pdb)).topology
    topology.setPeriodicBoxVectors(None)  # frames are of whole molecules
    shown = mdtraj.Trajectory(
        np.asarray(positions, np.float32), mdtraj.Topology.from_openmm(topology), time=step_ps * steps
    )
    pdb, dcd, xtc = (stem.with_suffix(suffix) for suffix in (".pdb", ".dcd", ".xtc"))
    shown[0].save_pdb(str(pdb))
    _save_xtc(shown, xtc)
    interval = int(steps[1] - steps[0]) if len(steps) > 1 else 1
    with dcd.open("wb+") as file:  # mdtraj's writer leaves the time step out
        frames = app.DCDFile(file, topology, step_ps * unit.picosecond, int(steps[0]), interval)
        for each in positions:
            frames.writeModel(each * unit.nanometer)
        file.seek(_DCD_DATE)  # the same frames give the same bytes
        file.write(b" " * _DCD_TITLE_BYTES)
    return dcd, xtc


def _save_xtc(shown: mdtraj.Trajectory, path: Path) -> None:
    """Write an XTC file wherever it lies; mdtraj's writer takes ASCII paths alone."""
    if str(path).isascii():
        shown.save_xtc(str(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "frames.xtc"
        shown.save_xtc(str(plain))
        shutil.copyfile(plain, path)
