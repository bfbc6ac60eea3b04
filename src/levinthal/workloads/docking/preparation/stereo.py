"""Stereochemistry that a source specifies, and whether coordinates keep it.

Centres are compared by their handedness as RDKit finds it in space, double bonds by the dihedral of their substituents,
so that what a program promised (an embedding, a force field) is checked against what it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.preparation.chemistry import atom_word

_RIGHT_ANGLE = 90.0


@dataclass(frozen=True)
class Stereo:
    """What is specified of a molecule's stereochemistry.

    Attributes
    ----------
    centres : mapping of int to object
        RDKit's chiral tag by atom.
    double_bonds : mapping of (int, int, int, int) to bool
        Whether the first and the last of four atoms in a row are cis.
    unspecified : tuple of str
        Centres (`C5`) and double bonds (`C3=C4`) that could be either.
    """

    centres: Mapping[int, Any]
    double_bonds: Mapping[tuple[int, int, int, int], bool]
    unspecified: tuple[str, ...]


def stereo_of(molecule: Any) -> Stereo:
    """Return the stereochemistry that a sanitised molecule specifies, by tags or, in space, by its coordinates."""
    from rdkit import Chem

    marked = Chem.Mol(molecule)
    if marked.GetNumConformers() and marked.GetConformer().Is3D():
        Chem.AssignStereochemistryFrom3D(marked)
    else:
        Chem.AssignStereochemistry(marked, cleanIt=True, force=True)
    unset, cis = Chem.ChiralType.CHI_UNSPECIFIED, (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)
    trans = (Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOTRANS)
    double_bonds = {}
    for bond in marked.GetBonds():
        ends = list(bond.GetStereoAtoms())
        if len(ends) == 2 and bond.GetStereo() in (*cis, *trans):
            row = (ends[0], bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), ends[1])
            double_bonds[row] = bond.GetStereo() in cis
    return Stereo(
        {atom.GetIdx(): atom.GetChiralTag() for atom in marked.GetAtoms() if atom.GetChiralTag() != unset},
        double_bonds,
        tuple(_unspecified(marked)),
    )


def lost_stereo(wanted: Stereo, molecule: Any) -> list[str]:
    """Return in words which centres and double bonds are not in space what they are to be.

    Parameters
    ----------
    wanted : Stereo
        Of the same molecule, or of the same without the hydrogens at its end.
    molecule : Chem.Mol
        In space, with hydrogens.
    """
    from rdkit import Chem

    places = molecule.GetConformer().GetPositions()
    words = [
        f"{atom_word(molecule, row[1])}={atom_word(molecule, row[2])} became {'trans' if cis else 'cis'}"
        for row, cis in wanted.double_bonds.items()
        if (abs(dihedral_degrees(places[list(row)])) < _RIGHT_ANGLE) != cis
    ]
    if wanted.centres:
        seen = Chem.Mol(molecule)
        Chem.AssignAtomChiralTagsFromStructure(seen, replaceExistingTags=True)
        words += [
            f"the centre {atom_word(molecule, index)} was inverted"
            for index, tag in wanted.centres.items()
            if seen.GetAtomWithIdx(index).GetChiralTag() != tag
        ]
    return words


def dihedral_degrees(places: npt.NDArray[np.float64]) -> float:
    """Return the dihedral angle of four points, shape (4, 3), from -180 to 180."""
    first, axis, last = np.diff(places, axis=0)
    before, after = np.cross(first, axis), np.cross(axis, last)
    return float(np.degrees(np.arctan2(np.linalg.norm(axis) * first @ after, before @ after)))


def _unspecified(molecule: Any) -> list[str]:
    from rdkit import Chem

    words = []
    for each in Chem.FindPotentialStereo(molecule, cleanIt=False):
        if each.specified != Chem.StereoSpecified.Unspecified:
            continue
        if each.type == Chem.StereoType.Atom_Tetrahedral:
            words.append(atom_word(molecule, each.centeredOn))
        elif each.type == Chem.StereoType.Bond_Double:
            bond = molecule.GetBondWithIdx(each.centeredOn)
            words.append(f"{atom_word(molecule, bond.GetBeginAtomIdx())}={atom_word(molecule, bond.GetEndAtomIdx())}")
    return words
