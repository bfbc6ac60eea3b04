"""The process that reads foreign trajectories: `python -m levinthal.simulation.trajectories.reading_process FOLDER`.

The readers' C code may end the process on a damaged file; then only this one is lost, and `progress.txt` says where it
was. FOLDER holds `request.json` (topology and trajectories); arrays go to `N.npz`, the CA atoms as PDB records to
`ca.pdb`, what went wrong to `error.txt`. A request with `frames` is for these alone, with all atoms, as PDB files.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.errors import DataError
from levinthal.simulation.trajectories.residues import ResidueSelection, neighbours, select_residues
from levinthal.simulation.trajectories.whole import usable_cells

REQUEST, PROGRESS, ERROR, CA_ATOMS = "request.json", "progress.txt", "error.txt", "ca.pdb"
STRUCTURE = "structure{}.pdb"
_LONGEST_RESIDUE_NM = 2.0

_WITHOUT_COORDINATES = (".psf", ".prmtop", ".parm7", ".top")
_WITH_TIMES = (".xtc", ".trr", ".nc", ".netcdf", ".ncdf", ".h5", ".lh5", ".tng")
_WITH_NAMES = (".pdb", ".pdb.gz", ".ent", ".gro", ".h5", ".lh5", ".cif", ".mmcif", ".pdbx", ".mol2")


@dataclass(frozen=True)
class _Source:
    """A file as the user named it, and a link of a plain name: some readers take ASCII paths alone."""

    name: str
    link: str

    @classmethod
    def of(cls, path: str, stem: str) -> _Source:
        endings = [each.lower() for each in Path(path).suffixes[-2:]]
        link = stem + "".join(endings if endings[-1:] == [".gz"] else endings[-1:])
        Path(link).unlink(missing_ok=True)
        Path(link).symlink_to(path)
        return cls(path, link)

    def ends_with(self, endings: tuple[str, ...]) -> bool:
        return self.link.endswith(endings)


def main(folder: Path) -> None:
    """Read what the request in a folder names.

    Raises
    ------
    DataError
        A file that cannot be read, or whose atoms are not those of the topology.
    """
    os.chdir(folder)
    request = json.loads(Path(REQUEST).read_text(encoding="utf-8"))
    topology, reference = _topology(_Source.of(request["topology"], "topology"))
    selection = select_residues(topology, reference, request["topology"])
    if "frames" in request:
        _write_structures(topology, selection, request)
        return
    np.savez(
        "topology.npz",
        n_atoms=selection.n_atoms,
        atoms=selection.atoms,
        bonded=selection.bonded,
        labels=np.array(selection.labels, np.str_),
        left_out=np.array(selection.left_out, np.str_),
        **({} if reference is None else {"reference_nm": reference[selection.atoms]}),
    )
    _write_ca_atoms(topology, selection)
    for number, path in enumerate(request["trajectories"]):
        Path(PROGRESS).write_text(f"{number} 0")
        source = _Source.of(path, f"trajectory{number}")
        np.savez(f"{number}.npz", **_read(source, number, topology, selection, request["at_once"]))


def _write_ca_atoms(topology: Any, selection: ResidueSelection) -> None:
    """Write the CA atoms at the origin: chains, names and numbers of residues, for who puts positions there."""
    import mdtraj

    atoms = topology.subset(selection.atoms)
    mdtraj.Trajectory(np.zeros((1, len(selection.atoms), 3), np.float32), atoms).save_pdb(CA_ATOMS)


def _write_structures(topology: Any, selection: ResidueSelection, request: Mapping[str, Any]) -> None:
    """Write single frames, all atoms of the protein's residues, centred."""
    import mdtraj

    residues = {topology.atom(int(index)).residue.index for index in selection.atoms}
    atoms = np.array([atom.index for atom in topology.atoms if atom.residue.index in residues])
    for k, (number, frame) in enumerate(request["frames"]):
        source = _Source.of(request["trajectories"][number], f"trajectory{number}")
        found = mdtraj.load_frame(source.link, frame, top=topology, atom_indices=atoms)
        if usable_cells(found.unitcell_vectors) is not None:
            found.make_molecules_whole()
        found.unitcell_vectors = None
        _check_whole(found, np.searchsorted(atoms, selection.atoms), selection, source.name, frame)
        found.center_coordinates()
        found.save_pdb(STRUCTURE.format(k))


def _check_whole(found: Any, carbons: Any, selection: ResidueSelection, name: str, frame: int) -> None:
    """Refuse a structure that its bonds do not hold together: a residue of unknown bonds across the box, for one."""
    positions = found.xyz[0]
    of_residue = np.unique([atom.residue.index for atom in found.topology.atoms], return_inverse=True)[1]
    away = np.linalg.norm(positions - positions[carbons][of_residue], axis=1).max()
    if away > _LONGEST_RESIDUE_NM or not neighbours(positions[carbons])[selection.bonded].all():
        raise DataError(f"{name}: frame {frame} cannot be made whole with all its atoms: give a topology with bonds")


def _topology(source: _Source) -> tuple[Any, Any]:
    """Return the topology, and the positions of its atoms in nm where the file has them."""
    import mdtraj

    try:
        if source.ends_with(_WITHOUT_COORDINATES):
            return mdtraj.load_topology(source.link), None
        loaded = mdtraj.load(source.link)
    except Exception as error:  # mdtraj raises whatever its parsers do
        raise DataError(
            f"{source.name} cannot be read as a topology ({_first_line(error)}): give a PDB, mmCIF, GRO, PSF or PRMTOP "
            "file"
        ) from None
    return loaded.topology, loaded.xyz[0]


def _read(source: _Source, number: int, topology: Any, selection: ResidueSelection, at_once: int) -> Mapping[str, Any]:
    import mdtraj

    coordinates, cells, times, n_read = [], [], [], 0
    try:
        if source.ends_with(_WITH_NAMES):
            _compare_names(source, topology)
        else:
            _compare_counts(source, selection.n_atoms)
        for part in mdtraj.iterload(source.link, chunk=at_once, top=topology, atom_indices=selection.atoms):
            coordinates.append(part.xyz)
            cells.append(part.unitcell_vectors)
            times.append(part.time)
            n_read += len(part)
            Path(PROGRESS).write_text(f"{number} {n_read}")
    except DataError:
        raise
    except Exception as error:  # mdtraj raises whatever its parsers do
        raise DataError(
            f"{source.name} cannot be read with this topology, from frame {n_read} on: {_first_line(error)}: name a "
            "whole trajectory of a format that mdtraj reads"
        ) from None
    if not n_read:
        raise DataError(f"{source.name} holds no frame: give a trajectory")
    found = {"ca_nm": np.concatenate(coordinates).astype(np.float32)}
    if source.ends_with(_WITH_TIMES):  # of others mdtraj gives the number of the frame
        found["time_ps"] = np.concatenate(times).astype(np.float64)
    if all(each is not None for each in cells):
        found["cells_nm"] = np.concatenate(cells)
    return found


def _compare_counts(source: _Source, n_atoms: int) -> None:
    """Hold the first frame's number of atoms against the topology's: readers may take the first so many."""
    import mdtraj

    with mdtraj.open(source.link) as file:
        first = file.read(1)
    positions: Any = first[0] if isinstance(first, tuple) else first
    _same_number(source, np.shape(getattr(positions, "coordinates", positions))[-2], n_atoms)


def _same_number(source: _Source, there: int, n_atoms: int) -> None:
    if there != n_atoms:
        raise DataError(
            f"{source.name} has {there:,} atoms a frame, its topology {n_atoms:,}: give the topology that it was "
            "written with"
        )


def _compare_names(source: _Source, topology: Any) -> None:
    """Hold a trajectory that names its atoms against the topology."""
    import mdtraj

    own = mdtraj.load_topology(source.link)
    _same_number(source, own.n_atoms, topology.n_atoms)
    for mine, theirs in zip(own.atoms, topology.atoms, strict=True):
        if mine.name != theirs.name:
            raise DataError(
                f"{source.name}: atom {mine.index + 1} is {mine.residue} {mine.name}, in the topology {theirs.residue} "
                f"{theirs.name}: give the topology that it was written with"
            )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, ImportError):
        return "it needs a package that is not installed"
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = Path(sys.argv[1]).resolve()
    try:
        main(given)
    except DataError as error:
        (given / ERROR).write_text(str(error), encoding="utf-8")
        sys.exit(2)
