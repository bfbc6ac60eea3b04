"""Variants of made-up proteins: point mutations, an insertion or a deletion, with the structure they have in the model.

A point mutation draws a residue again from its site's distribution, and the dihedrals differ as those of another member
of the family do. An insertion doubles a site, a deletion leaves one out: in a helix or strand it turns what follows to
another side, as a shift of the register does. Linkers and what the cores say stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from levinthal.proteins.geometry.backbone import internal_coordinates
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.synthetic.families import MEMBER_WIDTH_DEG, ProteinFamily
from levinthal.proteins.synthetic.sequence import draw_residues
from levinthal.proteins.synthetic.structure import Geometry, build_geometries, perturb_geometry, size_and_overlaps

Change = Literal["point mutations", "insertion", "deletion"]
CHANGES: tuple[Change, ...] = ("point mutations", "insertion", "deletion")

_MUTATIONS = 3
_TRIES = 20


@dataclass(frozen=True, eq=False)
class Variant:
    """A protein, another that differs from it by one change, and which of their residues correspond.

    Attributes
    ----------
    change : {"point mutations", "insertion", "deletion"}
    wild, changed : ProteinRecord
        With profiles where the wild type has one: an inserted residue has that of the site that it doubles.
    sites : ndarray of int, shape (residues of `changed`,)
        The wild type's residue at each, twice the same where one was inserted.
    """

    change: Change
    wild: ProteinRecord
    changed: ProteinRecord
    sites: npt.NDArray[np.int64]

    @property
    def shared(self) -> npt.NDArray[np.int64]:
        """Residues of `changed` that the wild type has, each of its own once."""
        return np.unique(self.sites, return_index=True)[1]


def make_variant(
    rng: np.random.Generator, family: ProteinFamily, wild: ProteinRecord, change: Change
) -> Variant | None:
    """Draw a variant of a member; None where its structure is not known whole, or twenty draws of it overlap.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    family : ProteinFamily
    wild : ProteinRecord
        One of its members, with or without a profile.
    change : {"point mutations", "insertion", "deletion"}
    """
    atoms_nm = wild.coordinates_nm
    if atoms_nm is None or not wild.resolved.all():
        return None
    found = internal_coordinates(torch.from_numpy(np.asarray(atoms_nm, np.float64)[None]))
    coordinates = [each[0].numpy() for each in (found.bond_lengths_nm, found.bond_angles_rad, found.dihedrals_rad)]
    length = len(wild)
    for turn in range(_TRIES):
        sites = np.arange(length)
        place = int(rng.integers(2, length - 2))
        if change == "insertion":
            sites = np.insert(sites, place, place)
        elif change == "deletion":
            sites = np.delete(sites, place)
        width_deg = MEMBER_WIDTH_DEG * (1.0 - turn / _TRIES)  # a dense structure bears little
        mine = perturb_geometry(rng, Geometry(*(each[sites] for each in coordinates)), width_deg)
        (backbone,) = build_geometries([mine])
        if size_and_overlaps([backbone])[1][0] == 0:
            break
    else:
        return None
    codes = np.array([AMINO_ACIDS.index(letter) for letter in wild.sequence])[sites]
    drawn = draw_residues(rng, family.site_frequencies[sites])
    redrawn = [place + 1] if change == "insertion" else []
    if change == "point mutations":
        redrawn = rng.choice(length, _MUTATIONS, replace=False).tolist()
    codes[redrawn] = drawn[redrawn]
    changed = ProteinRecord(
        name=f"{wild.name}_{change.replace(' ', '_')}",
        sequence="".join(AMINO_ACIDS[code] for code in codes),
        profile=None if wild.profile is None else wild.profile[sites],
        coordinates_pm=(1000 * (backbone - backbone.mean(axis=(0, 1)))).astype(np.float32),
        mask=np.ones(len(sites), np.bool_),
    )
    return Variant(change, wild, changed, sites)
