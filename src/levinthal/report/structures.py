"""Structure files cut down to what is drawn: models of PDB files and molecules of SDF files, as checked lines of text.

Hydrogens of PDB files, remarks and the data fields of SDF files are left out: they would make the page larger.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.float64]

_FARTHEST_ANGSTROM = 1e5
_NEAR_ANGSTROM = 9.0
"""Side chains farther from every molecule than this are not embedded."""
_BACKBONE = frozenset({"N", "CA", "C", "O"})
_LONGEST_BOND_ANGSTROM = 2.0


class NotAStructureError(Exception):
    """What is wrong with a structure file, as words that go on from its name."""


@dataclass(frozen=True)
class Atom:
    """An atom of a PDB file: its line, its name, its residue, whether that is a HETATM, its element, its place in A."""

    line: str
    name: str
    residue: str
    hetero: bool
    element: str
    place: tuple[float, float, float]


@dataclass(frozen=True)
class Chains:
    """A model of a PDB file without its hydrogens."""

    atoms: tuple[Atom, ...]

    @property
    def text(self) -> str:
        """The model as PDB text."""
        return "\n".join([*(atom.line for atom in self.atoms), "END", ""])

    @property
    def places(self) -> Places:
        """Places of its atoms in A, shape (atoms, 3)."""
        return np.array([atom.place for atom in self.atoms], np.float64).reshape(-1, 3)

    @property
    def alphas(self) -> list[Atom]:
        """The CA atoms of residues, in their order."""
        return [atom for atom in self.atoms if atom.name == "CA" and not atom.hetero]

    def near(self, places: Places, distance_angstrom: float) -> frozenset[str]:
        """Return the residues with an atom that is so near to one of some places."""
        found: set[str] = set()
        for start in range(0, len(self.atoms), 512):  # a table of all distances may be large
            some = self.atoms[start : start + 512]
            apart = np.array([atom.place for atom in some])[:, None] - places[None]
            close = ((apart**2).sum(-1) <= distance_angstrom**2).any(1)
            found |= {atom.residue for atom, yes in zip(some, close, strict=True) if yes}
        return frozenset(found)

    def around(self, places: Places) -> Chains:
        """Return the model with side chains near to some places alone, and without the waters far from them."""
        near = self.near(places, _NEAR_ANGSTROM)
        waters = ("HOH", "WAT")
        return Chains(
            tuple(
                atom
                for atom in self.atoms
                if atom.residue in near or (atom.residue[:3] not in waters if atom.hetero else atom.name in _BACKBONE)
            )
        )

    def bonds(self, residues: frozenset[str] | None = None) -> Iterator[tuple[int, int]]:
        """Yield pairs of atoms, all or those of some residues, that are near enough for a bond."""
        kept = [k for k, atom in enumerate(self.atoms) if residues is None or atom.residue in residues]
        places = self.places[kept]
        for k, place in enumerate(places[:-1]):
            apart = np.linalg.norm(places[k + 1 :] - place, axis=1)
            yield from ((kept[k], kept[k + 1 + int(j)]) for j in np.flatnonzero(apart < _LONGEST_BOND_ANGSTROM))


@dataclass(frozen=True)
class Molecule:
    """A molecule of an SDF file (V2000): its text, elements, places in A and bonds."""

    text: str
    elements: tuple[str, ...]
    places: Places
    bonds: tuple[tuple[int, int], ...]


Model = Chains | Molecule


def read_models(data: bytes, suffix: str) -> Sequence[Model]:
    """Return the models of a PDB or SDF file.

    Parameters
    ----------
    data : bytes
        The file.
    suffix : str
        `.pdb` or `.sdf`.

    Raises
    ------
    NotAStructureError
        The file is of another kind, or not what its name says.
    """
    lines = data.decode("ascii", "replace").splitlines()
    if suffix == ".pdb":
        models: Sequence[Model] = _pdb(lines)
    elif suffix in {".sdf", ".mol"}:
        models = _sdf(lines)
    else:
        raise NotAStructureError("is not a PDB or SDF file")
    if not models:
        raise NotAStructureError("holds no atoms")
    return models


def _pdb(lines: Sequence[str]) -> list[Chains]:
    models: list[list[Atom]] = [[]]
    for number, line in enumerate(lines, 1):
        if line.startswith(("MODEL ", "ENDMDL")) and models[-1]:
            models.append([])
        elif line.startswith(("ATOM  ", "HETATM")):
            atom = _atom(line, number)
            if atom.element not in {"H", "D"} and line[16:17] in {" ", "A"}:
                models[-1].append(atom)
    return [Chains(tuple(atoms)) for atoms in models if atoms]


def _atom(line: str, number: int) -> Atom:
    name = line[12:16].strip()
    element = line[76:78].strip().upper() or name.lstrip("0123456789")[:1].upper()
    place = _place((line[30:38], line[38:46], line[46:54]), number)
    return Atom(line[:78].rstrip(), name, line[17:27], line.startswith("HETATM"), element, place)


def _place(words: Sequence[str], number: int) -> tuple[float, float, float]:
    try:
        x, y, z = (float(word) for word in words)
    except ValueError:
        raise NotAStructureError(f"has a line without three coordinates: line {number}") from None
    if not all(math.isfinite(value) and abs(value) < _FARTHEST_ANGSTROM for value in (x, y, z)):
        raise NotAStructureError(f"has a coordinate that is not a number, or beyond all bounds: line {number}")
    return x, y, z


def _sdf(lines: Sequence[str]) -> list[Molecule]:
    molecules, start = [], 0
    for number, line in enumerate(lines):
        if line.startswith("$$$$"):
            molecules.append(_molecule(lines[start:number], start))
            start = number + 1
    if any(line.strip() for line in lines[start:]):
        molecules.append(_molecule(lines[start:], start))
    return molecules


def _molecule(lines: Sequence[str], before: int) -> Molecule:
    """Read the mol block of a record that begins after so many lines of the file."""
    try:
        n_atoms, n_bonds = int(lines[3][:3]), int(lines[3][3:6])
        atoms, bonds = lines[4 : 4 + n_atoms], lines[4 + n_atoms : 4 + n_atoms + n_bonds]
        pairs = tuple((int(line[:3]) - 1, int(line[3:6]) - 1) for line in bonds)
    except (IndexError, ValueError):
        raise NotAStructureError(f"has a record that is not a V2000 mol block: line {before + 1}") from None
    if n_atoms < 1 or len(atoms) < n_atoms or len(pairs) < n_bonds:
        raise NotAStructureError(f"has a record that is cut off, or without atoms: line {before + 1}")
    if not all(0 <= atom < n_atoms for pair in pairs for atom in pair):
        raise NotAStructureError(f"has a bond to an atom that is not there: line {before + 1}")
    places = [_place((line[:10], line[10:20], line[20:30]), before + 5 + k) for k, line in enumerate(atoms)]
    text = "\n".join(["", "", "", *lines[3 : 4 + n_atoms + n_bonds], "M  END", "$$$$", ""])
    return Molecule(text, tuple(line[31:34].strip() for line in atoms), np.array(places), pairs)
