"""What a pose touches: residues within 4 A, and hydrogen bonds by the geometry of their hydrogens.

A hydrogen bond has its hydrogen within 2.5 A of the acceptor and an angle at the hydrogen above 120 degrees (Baker and
Hubbard, Prog. Biophys. Mol. Biol. 44:97, 1984). Donors and acceptors are those of Vina's types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers
from levinthal.workloads.docking.molecules.atom_types import VINA_TYPES
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor

CONTACT_ANGSTROM = 4.0
_HYDROGEN_BOND_ANGSTROM = 2.5
_SMALLEST_ANGLE_DEGREES = 120.0
_LONGEST_COVALENT_ANGSTROM = 1.3
_ACCEPTORS = frozenset(VINA_TYPES.index(each) for each in ("N_A", "N_DA", "O_A", "O_DA"))
_REACH_ANGSTROM = 6.0


@dataclass(frozen=True)
class HydrogenBond:
    """A hydrogen bond between ligand and receptor.

    Attributes
    ----------
    ligand_atom, receptor_atom : str
        The heavy atoms: `N12`, `OG1`.
    ligand_donates : bool
    length_angstrom : float
        Between the heavy atoms.
    """

    ligand_atom: str
    receptor_atom: str
    ligand_donates: bool
    length_angstrom: float

    def __str__(self) -> str:
        arrow = "->" if self.ligand_donates else "<-"
        return f"{self.ligand_atom}{arrow}{self.receptor_atom} {self.length_angstrom:.1f} A"


@dataclass(frozen=True)
class Contact:
    """A residue that a pose touches.

    Attributes
    ----------
    residue : str
        `THR A 315`, or `THR 315` where chains have no name.
    nearest_angstrom : float
        Smallest distance between heavy atoms.
    hydrogen_bonds : tuple of HydrogenBond
    """

    residue: str
    nearest_angstrom: float
    hydrogen_bonds: tuple[HydrogenBond, ...]


@dataclass(frozen=True, eq=False)
class _Atoms:
    """The atoms of one side."""

    places: Doubles
    types: Sequence[str]
    vina_types: npt.NDArray[np.int8]

    def hydrogens(self) -> list[tuple[int, int]]:
        """Return each polar hydrogen with the heavy atom that has it."""
        heavy = np.flatnonzero(self.vina_types >= 0)
        pairs = []
        for k in np.flatnonzero([kind == "HD" for kind in self.types]):
            distances = np.linalg.norm(self.places[heavy] - self.places[k], axis=1)
            if len(heavy) and distances.min() < _LONGEST_COVALENT_ANGSTROM:
                pairs.append((int(heavy[distances.argmin()]), int(k)))
        return pairs

    def acceptors(self) -> Integers:
        return np.flatnonzero(np.isin(self.vina_types, list(_ACCEPTORS)))


def contacts_of(receptor: Receptor, ligand: Ligand, pose_angstrom: npt.ArrayLike) -> tuple[Contact, ...]:
    """Return the residues that a pose touches, the nearest first.

    Parameters
    ----------
    receptor : Receptor
        In the conformation of the pose.
    ligand : Ligand
    pose_angstrom : array_like, shape (n, 3)
        All atoms of the ligand.
    """
    pose = np.asarray(pose_angstrom, np.float64)
    low, high = pose.min(axis=0) - _REACH_ANGSTROM, pose.max(axis=0) + _REACH_ANGSTROM
    places = receptor.coordinates_angstrom
    near = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
    guest = _Atoms(pose, ligand.types, ligand.vina_types)
    host = _Atoms(places[near], [receptor.types[k] for k in near], receptor.vina_types[near])
    bonds: dict[str, list[HydrogenBond]] = {}
    for mine, theirs, donates in [*_bonds(guest, host, True), *_bonds(host, guest, False)]:
        guest_atom, host_atom = (mine, theirs) if donates else (theirs, mine)
        length = float(np.linalg.norm(guest.places[guest_atom] - host.places[host_atom]))
        bond = HydrogenBond(ligand.atom_names[guest_atom], receptor.atom_names[near[host_atom]], donates, length)
        bonds.setdefault(receptor.residues[near[host_atom]], []).append(bond)
    heavy = pose[ligand.heavy_atoms]
    nearest: dict[str, float] = {}
    for k in np.flatnonzero(host.vina_types >= 0):
        residue = receptor.residues[near[k]]
        distance = float(np.linalg.norm(heavy - host.places[k], axis=1).min())
        nearest[residue] = min(distance, nearest.get(residue, np.inf))
    touched = sorted((distance, residue) for residue, distance in nearest.items() if distance <= CONTACT_ANGSTROM)
    return tuple(
        Contact(residue.replace(" - ", " "), distance, tuple(bonds.get(residue, ()))) for distance, residue in touched
    )


def _bonds(donors: _Atoms, acceptors: _Atoms, ligand_donates: bool) -> list[tuple[int, int, bool]]:
    """Return donor, acceptor, and which side gives, once for each pair of heavy atoms."""
    found: dict[tuple[int, int], None] = {}
    accepting = acceptors.acceptors()
    for heavy, hydrogen in donors.hydrogens():
        to_heavy = donors.places[heavy] - donors.places[hydrogen]
        for k in accepting:
            to_acceptor = acceptors.places[k] - donors.places[hydrogen]
            distance = float(np.linalg.norm(to_acceptor))
            if not 0.0 < distance <= _HYDROGEN_BOND_ANGSTROM:
                continue
            cosine = float(to_heavy @ to_acceptor) / (float(np.linalg.norm(to_heavy)) * distance)
            if cosine <= np.cos(np.radians(_SMALLEST_ANGLE_DEGREES)):
                found[heavy, int(k)] = None
    return [(donor, acceptor, ligand_donates) for donor, acceptor in found]
