"""What is docked into what: a receptor, a rigid ligand and the box that is searched.

Coordinates are in angstrom and energies in kcal/mol, the field's units for docking. All three are plain frozen data;
`levinthal.workloads.docking.preparation` makes them from files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError


def _check(kind: str, molecule: Receptor | Ligand, *of_atoms: str) -> None:
    """Refuse positions that are not numbers, and fields that do not have a value for each atom."""
    name, coordinates = molecule.name, molecule.coordinates_angstrom
    if coordinates.ndim != 2 or coordinates.shape[1] != 3 or len(coordinates) == 0:
        raise DataError(f"{kind} {name} has coordinates of the shape {coordinates.shape}: expected (atoms, 3)")
    if not np.isfinite(coordinates).all():
        broken = int(np.flatnonzero(~np.isfinite(coordinates).all(axis=1))[0]) + 1
        raise DataError(f"{kind} {name}: the position of atom {broken} is not a number")
    for what in of_atoms:
        if len(getattr(molecule, what)) != len(coordinates):
            raise DataError(f"{kind} {name} has {len(coordinates)} atoms but {len(getattr(molecule, what))} {what}")


@dataclass(frozen=True)
class RemovedResidue:
    """What was in the file of a receptor and is not part of it.

    Attributes
    ----------
    label : str
        `HEM A 500`, or `water`.
    places_angstrom : tuple of (float, float, float)
        Of its atoms.
    """

    label: str
    places_angstrom: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, eq=False)
class Receptor:
    """A protein in one conformation.

    Attributes
    ----------
    name : str
    coordinates_angstrom : ndarray of float64, shape (n, 3)
    types : tuple of str
        AutoDock types (`C`, `A`, `OA`, `HD`, ...), one for each atom.
    vina_types : ndarray of int8, shape (n,)
        Index into `scoring.VINA_TYPES`; -1 for atoms that are not scored (hydrogens).
    atom_names, residues : tuple of str
        `CA` and `THR A 315`, one for each atom.
    energy_kcal_mol : float
        Of this conformation, above the best of its ensemble; it enters the total where conformations compete.
    notes : tuple of str
        What preparation chose, completed or left out.
    warnings : tuple of str
        What it changed in the chain.
    removed : tuple of RemovedResidue
        What of the file is not part of it.
    """

    name: str
    coordinates_angstrom: Doubles
    types: tuple[str, ...]
    vina_types: npt.NDArray[np.int8]
    atom_names: tuple[str, ...]
    residues: tuple[str, ...]
    energy_kcal_mol: float = 0.0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    removed: tuple[RemovedResidue, ...] = ()

    def __post_init__(self) -> None:
        _check("receptor", self, "types", "vina_types", "atom_names", "residues")

    def in_conformation(
        self, coordinates_angstrom: npt.ArrayLike, *, energy_kcal_mol: float = 0.0, name: str | None = None
    ) -> Receptor:
        """Return the same atoms at other places; their types stay, because bonds do."""
        moved = np.array(coordinates_angstrom, np.float64)
        return replace(self, coordinates_angstrom=moved, energy_kcal_mol=energy_kcal_mol, name=name or self.name)


@dataclass(frozen=True, eq=False)
class Ligand:
    """A rigid ligand: its template, from which every pose is rebuilt.

    Attributes
    ----------
    name : str
    coordinates_angstrom : ndarray of float64, shape (n, 3)
        The template; the mean of its heavy atoms is the origin.
    centre_angstrom : ndarray of float64, shape (3,)
        Where that mean was in the source: the template plus this is the pose as read (the crystal pose, in a complex).
    elements, types, atom_names : tuple of str
        `C`, AutoDock types (`A`) and names (`C12`), one for each atom. Non-polar hydrogens are not atoms of a ligand;
        those of the source are in `mol_block`.
    vina_types : ndarray of int8, shape (n,)
        Index into `scoring.VINA_TYPES`; -1 for hydrogens.
    bonds : tuple of (int, int)
        Pairs of atoms, the lower index first.
    n_torsions : float
        Rotatable bonds as Vina counts them: those to a terminal rotor (OH, NH2, CH3) count half; 0 where the source
        says that the ligand is rigid.
    mol_block : str
        The ligand as an MDL mol block with all its atoms, in the frame of the source.
    mol_block_atoms : ndarray of int64, shape (n,)
        Index of each atom in the mol block.
    has_bond_orders : bool
        Whether the mol block has them; else all its bonds are single.
    placed : bool
        Whether it stands where its source has it; else it was made, about the origin.
    notes : tuple of str
        What preparation made.
    warnings : tuple of str
        What of the source was changed, left out or missing.
    """

    name: str
    coordinates_angstrom: Doubles
    centre_angstrom: Doubles
    elements: tuple[str, ...]
    types: tuple[str, ...]
    atom_names: tuple[str, ...]
    vina_types: npt.NDArray[np.int8]
    bonds: tuple[tuple[int, int], ...]
    n_torsions: float
    mol_block: str = ""
    mol_block_atoms: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    has_bond_orders: bool = True
    placed: bool = True
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("ligand", self, "elements", "types", "atom_names", "vina_types")
        if not (self.vina_types >= 0).any():
            raise DataError(f"ligand {self.name} has no heavy atom: there is nothing to dock")

    @property
    def heavy_atoms(self) -> Integers:
        """Indices of the atoms that are scored, in order."""
        return np.flatnonzero(self.vina_types >= 0)

    @property
    def scored_types(self) -> npt.NDArray[np.int8]:
        """Vina types of `heavy_atoms`."""
        return self.vina_types[self.heavy_atoms]

    @property
    def scored_template_angstrom(self) -> Doubles:
        """Template of `heavy_atoms`, shape (heavy atoms, 3)."""
        return self.coordinates_angstrom[self.heavy_atoms]

    @property
    def source_coordinates_angstrom(self) -> Doubles:
        """All atoms where the source had them, shape (n, 3)."""
        return self.coordinates_angstrom + self.centre_angstrom

    @property
    def heavy_bonds(self) -> list[tuple[int, int]]:
        """Bonds among `heavy_atoms`, by their numbers there."""
        number = {int(atom): k for k, atom in enumerate(self.heavy_atoms)}
        return [(number[i], number[j]) for i, j in self.bonds if i in number and j in number]

    def box(self, padding_angstrom: float = 4.0) -> Box:
        """Return the box that leaves a padding on each side of the heavy atoms where the source had them."""
        return Box.around(self.source_coordinates_angstrom[self.heavy_atoms], padding_angstrom)


@dataclass(frozen=True)
class Box:
    """The rectangular box, along the axes, that all ligand atoms are to stay in.

    Attributes
    ----------
    centre_angstrom, size_angstrom : tuple of float
        Centre and the lengths of the edges.

    Examples
    --------
    >>> from levinthal.docking import Box
    >>> Box((0.0, 0.0, 0.0), (10.0, 10.0, 10.0)).contains([[0, 0, 4.9], [0, 0, -5]])
    True
    """

    centre_angstrom: tuple[float, float, float]
    size_angstrom: tuple[float, float, float]

    def __post_init__(self) -> None:
        for what, values in (("centre", self.centre_angstrom), ("size", self.size_angstrom)):
            if len(values) != 3 or not np.isfinite(values).all():
                raise DataError(f"the box has the {what} {values}: name three numbers in angstrom")
        if min(self.size_angstrom) <= 0 or max(self.size_angstrom) > 126:
            raise DataError(f"the box has the size {self.size_angstrom} A: each edge must be above 0 and at most 126 A")

    @staticmethod
    def around(coordinates_angstrom: npt.ArrayLike, padding_angstrom: float = 4.0) -> Box:
        """Return the box that leaves a padding on each side of some atoms, shape (n, 3)."""
        coordinates = np.asarray(coordinates_angstrom, np.float64)
        low, high = coordinates.min(axis=0) - padding_angstrom, coordinates.max(axis=0) + padding_angstrom
        return Box(_triple((low + high) / 2), _triple(high - low))

    @property
    def low_angstrom(self) -> Doubles:
        """The lowest corner, shape (3,)."""
        return np.array(self.centre_angstrom) - np.array(self.size_angstrom) / 2

    @property
    def high_angstrom(self) -> Doubles:
        """The highest corner, shape (3,)."""
        return np.array(self.centre_angstrom) + np.array(self.size_angstrom) / 2

    def contains(self, coordinates_angstrom: npt.ArrayLike) -> bool:
        """Say whether all of some points, shape (..., 3), lie inside."""
        points = np.asarray(coordinates_angstrom, np.float64)
        return bool(((points >= self.low_angstrom) & (points <= self.high_angstrom)).all())


def _triple(values: Sequence[float] | Doubles) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
