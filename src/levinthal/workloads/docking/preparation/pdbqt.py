"""PDBQT, the file format of AutoDock: receptors and ligands are read.

A ligand is a tree of rigid fragments (ROOT, BRANCH); its tree is read for the number of torsions only, because the
ligand is docked as the rigid body that the file shows. A receptor is a list of atoms; fragment tags in it are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.atom_types import ELEMENTS, PSEUDO_TYPES, find_bonds, vina_types
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.preparation.pdbqt_records import SKIPPED, AtomLine, atom_of, first_model, is_atom
from levinthal.workloads.docking.preparation.places import check_apart
from levinthal.workloads.docking.preparation.text import read_text

MOST_LIGAND_ATOMS = 500
MOST_RECEPTOR_ATOMS = 200_000
_FEWEST_OF_A_DRAWING = 8
_SAME_HEIGHT_ANGSTROM = 1e-3
_FOUR_BONDS = 4
_CHARGES_A_LINE = 8


@dataclass
class _Branch:
    """A fragment: the numbers of the atoms that its bond joins, and how many atoms and branches are its own."""

    parent: str
    child: str
    n_atoms: int = 0
    n_branches: int = 0


def read_receptor_pdbqt(path: str | Path, flexible: str | Path | None = None) -> Receptor:
    """Read a receptor.

    Parameters
    ----------
    path : str or Path
    flexible : str or Path, optional
        Flexible residues that were cut out of it (Vina's `--flex`): they are put back as they stand.

    Raises
    ------
    DataError
        The file cannot be read; the message names line, atom and residue.
    """
    path = Path(path)
    return receptor_from_pdbqt(read_text(path), path.stem, None if flexible is None else read_text(Path(flexible)))


def receptor_from_pdbqt(text: str, name: str, flexible: str | None = None) -> Receptor:
    """Make a receptor of the text of a PDBQT file; see `read_receptor_pdbqt`."""
    atoms, notes = _receptor_atoms(text, name)
    if flexible is not None:
        known = {(atom.residue, atom.name, atom.place_angstrom) for atom in atoms}
        added = [
            atom
            for atom in _receptor_atoms(flexible, f"{name} (flexible residues)")[0]
            if (atom.residue, atom.name, atom.place_angstrom) not in known
        ]
        atoms += added
        residues = list(dict.fromkeys(atom.residue for atom in added))
        notes.append(f"flexible residues put back: {', '.join(residues)}")
    pseudo = [atom for atom in atoms if atom.type in PSEUDO_TYPES]
    if pseudo:
        raise DataError(
            f"{name}: atom {pseudo[0].name} of {pseudo[0].residue} has the type {pseudo[0].type}, not a receptor's"
        )
    if len(atoms) > MOST_RECEPTOR_ATOMS:
        raise DataError(
            f"{name} has {len(atoms)} atoms: a receptor has at most {MOST_RECEPTOR_ATOMS}; cut it around the pocket"
        )
    waters = {atom.residue for atom in atoms if atom.residue.split(" ")[0] in ("HOH", "WAT", "TIP", "DOD")}
    if waters:
        notes.append(f"{len(waters)} waters kept, as in the file")
    types, places = _types(atoms), _places(atoms)
    return Receptor(
        name=name,
        coordinates_angstrom=places,
        types=types,
        vina_types=vina_types(types, find_bonds(types, places)),
        atom_names=tuple(atom.name for atom in atoms),
        residues=tuple(atom.residue for atom in atoms),
        notes=tuple(notes),
    )


def _receptor_atoms(text: str, name: str) -> tuple[list[AtomLine], list[str]]:
    lines, notes = first_model(text)
    if any(line.startswith("ROOT") for line in lines):
        notes.append("fragment tags (ROOT, BRANCH) skipped")
    atoms = []
    for number, line in enumerate(lines, 1):
        if is_atom(line):
            atoms.append(atom_of(line, f"{name}, line {number}"))
        elif line.strip() and not line.startswith(SKIPPED):
            raise DataError(f"{name}, line {number}: {line[:20]!r} is not a record of a PDBQT file: remove that line")
    if not atoms:
        raise DataError(f"{name} holds no atoms: name a PDBQT file of a receptor")
    return atoms, notes


def read_ligand_pdbqt(path: str | Path) -> Ligand:
    """Read a ligand; of several models the first.

    Raises
    ------
    DataError
        The file cannot be read; the message names line and atom.
    """
    path = Path(path)
    return ligand_from_pdbqt(read_text(path), path.stem)


def ligand_from_pdbqt(text: str, name: str) -> Ligand:
    """Make a ligand of the text of a PDBQT file; see `read_ligand_pdbqt`."""
    lines, notes = first_model(text)
    if sum(line.startswith("ROOT") for line in lines) > 1:
        raise DataError(f"{name}: a second ROOT begins another ligand: give each a file, or MODEL and ENDMDL")
    atoms, branches = _tree(lines, name)
    pseudo = [atom for atom in atoms if atom.type in PSEUDO_TYPES]
    if pseudo:
        notes.append(f"{len(pseudo)} pseudo-atoms (ring closures, water) removed")
        atoms = [atom for atom in atoms if atom.type not in PSEUDO_TYPES]
    if not 0 < len(atoms) <= MOST_LIGAND_ATOMS:
        raise DataError(f"{name} has {len(atoms)} atoms: a ligand has 1 to {MOST_LIGAND_ATOMS}")
    places, types = _places(atoms), _types(atoms)
    check_apart(places, name)
    bonds = find_bonds(types, places)
    alone = np.setdiff1d(np.arange(len(atoms)), bonds)
    if len(alone) and len(atoms) > 1:
        raise DataError(f"{name}: atom {atoms[alone[0]].name} is bonded to nothing: fix its coordinates")
    elements = tuple(ELEMENTS[kind] for kind in types)
    heavy = np.array([element != "H" for element in elements])
    if not heavy.any():
        raise DataError(f"{name} has no heavy atom: there is nothing to dock")
    _check_in_space(places, int(heavy.sum()), len(branches), name)
    centre = places[heavy].mean(axis=0)
    return Ligand(
        name=name,
        coordinates_angstrom=places - centre,
        centre_angstrom=centre,
        elements=elements,
        types=types,
        atom_names=tuple(atom.name for atom in atoms),
        vina_types=vina_types(types, bonds),
        bonds=tuple((int(i), int(j)) for i, j in bonds),
        n_torsions=count_torsions([atom.serial for atom in atoms], heavy, bonds, branches),
        mol_block=_mol_block(name, elements, places, bonds),
        mol_block_atoms=np.arange(len(atoms)),
        has_bond_orders=False,
        warnings=tuple(notes),
    )


def _check_in_space(places: npt.NDArray[np.float64], n_heavy: int, n_branches: int, name: str) -> None:
    """Refuse a drawing: a chain that turns, all at one height."""
    if n_heavy >= _FEWEST_OF_A_DRAWING and n_branches and np.ptp(places[:, 2]) < _SAME_HEIGHT_ANGSTROM:
        raise DataError(
            f"{name} is a flat drawing (all z are {places[0, 2]:g}): give SMILES or SDF, which get a structure"
        )


def count_torsions(
    serials: Sequence[str],
    heavy: npt.NDArray[np.bool_],
    bonds: npt.NDArray[np.int64],
    branches: Iterable[_Branch],
) -> float:
    """Count rotatable bonds as Vina does: each end counts half, where the other end has another heavy neighbour."""
    rotors = {frozenset((one.parent, one.child)) for one in branches if one.n_atoms > 1 or one.n_branches}
    neighbours = np.zeros(len(heavy), np.int64)
    for i, j in bonds:
        neighbours[i] += heavy[j]
        neighbours[j] += heavy[i]
    count = 0.0
    for i, j in bonds:
        if heavy[i] and heavy[j] and frozenset((serials[i], serials[j])) in rotors:
            count += 0.5 * (int(neighbours[i] > 1) + int(neighbours[j] > 1))
    return count


def _places(atoms: Sequence[AtomLine]) -> npt.NDArray[np.float64]:
    return np.array([atom.place_angstrom for atom in atoms], np.float64)


def _types(atoms: Sequence[AtomLine]) -> tuple[str, ...]:
    return tuple(atom.type for atom in atoms)


def _tree(lines: Sequence[str], name: str) -> tuple[list[AtomLine], list[_Branch]]:
    """Return the atoms and the branches of a ligand."""
    atoms: list[AtomLine] = []
    branches: list[_Branch] = []
    open_branches: list[_Branch] = []
    seen_root = False
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        if is_atom(line):
            atoms.append(atom_of(line, where))
            if open_branches:
                open_branches[-1].n_atoms += 1
        elif line.startswith("ROOT"):
            seen_root = True
        elif line.startswith("BRANCH"):
            ends = line.split()[1:3]
            if len(ends) < 2 or not all(end.isdecimal() for end in ends):
                raise DataError(f"{where}: BRANCH needs the numbers of two atoms: prepare the file again")
            if open_branches:
                open_branches[-1].n_branches += 1
            open_branches.append(_Branch(ends[0], ends[1]))
        elif line.startswith("ENDBRANCH"):
            if not open_branches:
                raise DataError(f"{where}: ENDBRANCH closes no branch: prepare the file again")
            branches.append(open_branches.pop())
        elif line.strip() and not line.startswith(SKIPPED):
            raise DataError(f"{where}: {line[:20]!r} is not a record of a ligand's PDBQT file: remove that line")
    if not atoms or not seen_root:
        raise DataError(f"{name} holds no ligand: a PDBQT ligand has atoms after ROOT")
    if open_branches:
        last = open_branches[-1]
        raise DataError(f"{name}: BRANCH {last.parent} {last.child} is never closed: the file is cut short")
    return atoms, branches


def _mol_block(
    name: str, elements: Sequence[str], places: npt.NDArray[np.float64], bonds: npt.NDArray[np.int64]
) -> str:
    """Write an MDL mol block (V2000) with single bonds; nitrogen with four of them is charged, as it must be."""
    head = [
        name[:80],
        f"  Levintha{'':10}3D",
        "",
        f"{len(elements):>3}{len(bonds):>3}  0  0  0  0  0  0  0  0999 V2000",
    ]
    atoms = [
        f"{x:10.4f}{y:10.4f}{z:10.4f} {element:<3} 0  0  0  0  0  0  0  0  0  0  0  0"
        for element, (x, y, z) in zip(elements, places, strict=True)
    ]
    counts = np.bincount(np.asarray(bonds, np.int64).ravel(), minlength=len(elements))
    charged = [k + 1 for k, kind in enumerate(elements) if kind == "N" and counts[k] == _FOUR_BONDS]
    rows = [charged[k : k + _CHARGES_A_LINE] for k in range(0, len(charged), _CHARGES_A_LINE)]
    charges = [f"M  CHG{len(row):>3}{''.join(f'{atom:>4}   1' for atom in row)}" for row in rows]
    return "\n".join([*head, *atoms, *(f"{i + 1:>3}{j + 1:>3}  1  0" for i, j in bonds), *charges, "M  END", ""])
