"""States of a simulation as conformations of the receptor that molecules are docked into.

A state of a CA model says where each residue's CA is. Every residue of the pocket is carried there as a rigid body,
which the CA atoms of it and of two neighbours on each side turn (Kabsch). Bond lengths and angles are then restored and
atoms that came too close are pushed apart, while all that is not of the pocket stays where it was. A state of a model
with all atoms has them already. Either way the state is laid on the structure by the CA atoms around the pocket, so
that the box stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.conformations.normal_modes import (
    free_pairs,
    restore_lengths,
    stiff_pairs,
)
from levinthal.workloads.docking.preparation.conformations.pocket import (
    carry_hydrogens,
    heavy_atoms,
    pocket_atoms,
    rotation,
)

_AROUND_ANGSTROM = 6.0
_MOBILE_MARGIN_ANGSTROM = 3.0
_NEIGHBOURS = 2
_CLOSEST_ANGSTROM = 2.9
_CLASH_ANGSTROM = 2.4
_MOST_BOND_CHANGE_ANGSTROM, _MOST_CLASHES = 0.15, 3
_SAME_PLACE_ANGSTROM = 0.05


@dataclass(frozen=True, eq=False)
class Pocket:
    """The pocket as simulations see it.

    Attributes
    ----------
    beads : ndarray of int64, shape (n_around,)
        The residues of the simulated chain around the box, by number.
    native_angstrom : ndarray of float64, shape (n_residues, 3)
        CA atoms of the structure, in its frame.
    """

    beads: Integers
    native_angstrom: Doubles

    @classmethod
    def of(cls, receptor: Receptor, box: Box, native_angstrom: Doubles) -> Pocket:
        """Find the residues whose atoms reach within 6 A of the box.

        Raises
        ------
        DataError
            Fewer than four of the simulated residues do.
        """
        near = pocket_atoms(receptor, box, _AROUND_ANGSTROM)
        beads = np.array([k for k, atom in enumerate(ca_atoms(receptor, native_angstrom)) if atom >= 0 and near[atom]])
        if len(beads) < 4:
            raise DataError(
                f"{len(beads)} residues of {receptor.name} are around the pocket: choose one in the protein"
            )
        return cls(beads.astype(np.int64), native_angstrom)

    def laid_on(self, ca_angstrom: Doubles) -> tuple[Doubles, Doubles]:
        """Return rotation and shift that lay a state's pocket on the structure's: x -> x @ rotation.T + shift."""
        moving, fixed = ca_angstrom[self.beads], self.native_angstrom[self.beads]
        turn = rotation(moving - moving.mean(axis=0), fixed - fixed.mean(axis=0))
        return turn, fixed.mean(axis=0) - moving.mean(axis=0) @ turn.T

    def rmsd_angstrom(self, first_angstrom: Doubles, second_angstrom: Doubles) -> float:
        """Return the RMSD of two states over the CA atoms of the pocket, each laid on the structure by them."""
        laid = [each[self.beads] @ turn.T + shift for each in (first_angstrom, second_angstrom)
                for turn, shift in [self.laid_on(each)]]  # fmt: skip
        return float(np.sqrt(((laid[0] - laid[1]) ** 2).sum(axis=1).mean()))


def ca_atoms(receptor: Receptor, native_angstrom: Doubles) -> Integers:
    """Return for each simulated residue the index of its CA atom in the receptor, -1 where the receptor lacks it."""
    atoms = np.array([k for k, name in enumerate(receptor.atom_names) if name == "CA"], np.int64)
    distance, nearest = cKDTree(receptor.coordinates_angstrom[atoms]).query(native_angstrom)
    return np.where(np.asarray(distance) < _SAME_PLACE_ANGSTROM, atoms[np.asarray(nearest)], -1)


def carried_to_state(receptor: Receptor, box: Box, pocket: Pocket, ca_angstrom: Doubles) -> Doubles:
    """Return the receptor's atoms with the pocket as a state of a CA model has it.

    Parameters
    ----------
    receptor : Receptor
    box : Box
        Residues that reach within 3 A of it are carried, the others stay.
    pocket : Pocket
    ca_angstrom : ndarray of float64, shape (n_residues, 3)
        The state.

    Returns
    -------
    ndarray of float64, shape (n_atoms, 3)
        Bond lengths and 1-3 distances are those of the receptor to some hundredths of an angstrom.
    """
    turn, shift = pocket.laid_on(ca_angstrom)
    state = ca_angstrom @ turn.T + shift
    heavy = heavy_atoms(receptor)
    moves = pocket_atoms(receptor, box, _MOBILE_MARGIN_ANGSTROM)
    moved = receptor.coordinates_angstrom.copy()
    labels = np.array(receptor.residues)
    for bead, atom in enumerate(ca_atoms(receptor, pocket.native_angstrom)):
        if atom < 0 or not moves[atom]:
            continue
        window = slice(max(0, bead - _NEIGHBOURS), bead + _NEIGHBOURS + 1)
        arms_before = pocket.native_angstrom[window] - pocket.native_angstrom[bead]
        arm = rotation(arms_before, state[window] - state[bead])
        members = np.flatnonzero(labels == labels[atom])
        moved[members] = (receptor.coordinates_angstrom[members] - pocket.native_angstrom[bead]) @ arm.T + state[bead]
    places = receptor.coordinates_angstrom[heavy]
    relaxed = receptor.coordinates_angstrom.copy()
    mobile = np.flatnonzero(moves[heavy])
    relaxed[heavy] = restore_lengths(moved[heavy], places, mobile, apart_angstrom=_CLOSEST_ANGSTROM)
    return carry_hydrogens(receptor, relaxed)


@dataclass(frozen=True)
class Strain:
    """How far a conformation's chemistry is from the structure's.

    Attributes
    ----------
    worst_bond_angstrom : float
        The largest change of a bond length.
    n_clashes : int
        Pairs of heavy atoms closer than 2.4 A that are not bonded or 1-3, and are apart in the structure.
    """

    worst_bond_angstrom: float
    n_clashes: int

    @property
    def is_sound(self) -> bool:
        """Whether molecules may be docked into it: bonds within 0.15 A, at most three clashes."""
        return self.worst_bond_angstrom <= _MOST_BOND_CHANGE_ANGSTROM and self.n_clashes <= _MOST_CLASHES


def strain_of(receptor: Receptor, coordinates_angstrom: Doubles) -> Strain:
    """Compare a conformation with the receptor that it was made from."""
    heavy = heavy_atoms(receptor)
    before, after = receptor.coordinates_angstrom[heavy], coordinates_angstrom[heavy]
    bonds, angles = stiff_pairs(before)
    lengths = [np.linalg.norm(each[bonds[:, 0]] - each[bonds[:, 1]], axis=1) for each in (before, after)]
    stiff = np.concatenate([bonds, angles])
    close = free_pairs(after, stiff[:, 0] * len(before) + stiff[:, 1], _CLASH_ANGSTROM)
    apart = np.linalg.norm(before[close[:, 0]] - before[close[:, 1]], axis=1) > _CLASH_ANGSTROM + 0.3
    n = int(apart.sum())
    return Strain(float(np.abs(lengths[1] - lengths[0]).max(initial=0.0)), n)
