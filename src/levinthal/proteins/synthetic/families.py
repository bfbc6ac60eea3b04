"""Protein families made by a stated model, to train and test on where no real data are at hand.

::

    families = make_families(300, seed=426)
    families[0].members[0]            # a ProteinRecord named synthetic_0001_01, without a profile

A family has a fold (`fold`, `packing`) and for each of its sites a distribution of residues (`sequence`).
An ancestor's sequence is drawn from these; every member keeps a site of the ancestor's, or, with the member's own
probability, draws it again from the site's distribution. There are no insertions or deletions. So one sequence tells
something of the structure at a site and many homologues tell more: profiles found by a search in all members' sequences
are worth their time, as with real proteins. Members share the fold; their dihedrals differ a little.

None of it is real: what is measured on such data is to be labelled synthetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import UsageError
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.synthetic.fold import Fold
from levinthal.proteins.synthetic.packing import choose_folds, lost_contacts
from levinthal.proteins.synthetic.sequence import draw_burial, draw_residues, site_frequencies
from levinthal.proteins.synthetic.structure import (
    Geometry,
    build_geometries,
    draw_geometry,
    perturb_geometry,
    size_and_overlaps,
)

# Probability, drawn for each member, that a site was drawn again since the ancestor.
DIVERGENCE = (0.35, 0.65)
MEMBER_WIDTH_DEG = 2.0
UNRESOLVED_SHARE = 0.1
"""Share of members that lack the coordinates of one to three residues at an end, as crystal structures do."""

_SHORTEST, _LONGEST = 20, 300
_FAMILY_DRAWS = 8
_SCALES = (1.0, 1.0, 1.0, 0.5, 0.25, 0.0)  # of the noise, one after the other, until nothing overlaps
_BATCH = 256  # proteins at a time: bounds memory


@dataclass(frozen=True, eq=False)
class ProteinFamily:
    """A made-up protein family: its truth and its members.

    Attributes
    ----------
    name : str
        `synthetic_0001`, the beginning of the members' names.
    fold : Fold
        The conformation of each site.
    site_frequencies : ndarray, shape (L, 20)
        The distribution of residues at each site, which a profile estimates, in the order ACDEFGHIKLMNPQRSTVWY.
    ancestor : str
        The sequence that the members descend from.
    members : tuple of ProteinRecord
        Without profiles; coordinates in pm as float32, zero where not resolved. All have the same length, so that their
        sequences under each other are the true alignment.
    """

    name: str
    fold: Fold
    site_frequencies: npt.NDArray[np.float64]
    ancestor: str
    members: tuple[ProteinRecord, ...]


def make_families(
    n_families: int, n_homologues: int = 16, lengths: tuple[int, int] = (40, 64), *, seed: int
) -> list[ProteinFamily]:
    """Make protein families; the same numbers give the same families.

    Parameters
    ----------
    n_families : int
        How many. The first families do not depend on it.
    n_homologues : int
        Members of each family.
    lengths : tuple of int
        Least and most residues of a family, drawn uniformly.
    seed : int
        The only source of chance.

    Returns
    -------
    list of ProteinFamily

    Raises
    ------
    UsageError
        Numbers out of range.

    Examples
    --------
    >>> from levinthal.proteins import make_families
    >>> (family,) = make_families(1, n_homologues=2, lengths=(40, 40), seed=0)
    >>> len(family.members[0].sequence)
    40
    """
    if n_families < 1 or n_homologues < 1:
        raise UsageError(f"{n_families} families of {n_homologues} members were asked for: give at least 1 of each")
    if not _SHORTEST <= lengths[0] <= lengths[1] <= _LONGEST:
        raise UsageError(
            f"lengths from {lengths[0]} to {lengths[1]} were asked for: give least and most, {_SHORTEST} to {_LONGEST}"
        )
    if seed < 0:
        raise UsageError(f"the seed {seed} is negative: give 0 or more")
    sources = np.random.SeedSequence(seed).spawn(n_families)
    families: list[ProteinFamily] = []
    while len(families) < n_families:
        families += _make_some(sources[len(families) :][:_BATCH], n_homologues, lengths, len(families) + 1)
    return families


def _make_some(
    sources: Sequence[np.random.SeedSequence], n_homologues: int, lengths: tuple[int, int], first: int
) -> list[ProteinFamily]:
    # A generator for the fold, one for the family, one for each member: none depends on how often another was used.
    streams = [[np.random.default_rng(each) for each in source.spawn(2 + n_homologues)] for source in sources]
    folds = choose_folds([stream[0] for stream in streams], lengths)
    geometries = _family_geometries([stream[1] for stream in streams], folds)
    backbones = _member_backbones([stream[2:] for stream in streams], geometries)
    return [
        _family(f"synthetic_{first + k:04d}", streams[k][1], streams[k][2:], folds[k], backbones[k])
        for k in range(len(sources))
    ]


def _family_geometries(rngs: Sequence[np.random.Generator], folds: Sequence[Fold]) -> list[Geometry]:
    """Draw several geometries of each fold; keep the one without overlaps with most contacts, then most compact."""
    chosen: dict[int, Geometry] = {}
    for scale in _SCALES:
        left = [k for k in range(len(folds)) if k not in chosen]
        best = dict.fromkeys(left, (math.inf, math.inf))
        for _ in range(_FAMILY_DRAWS if left else 0):
            drawn = [draw_geometry(rngs[k], folds[k], scale) for k in left]
            backbones = build_geometries(drawn)
            radii, overlaps = size_and_overlaps(backbones)
            for k, geometry, atoms, radius, overlap in zip(left, drawn, backbones, radii, overlaps, strict=True):
                found = (lost_contacts(folds[k], atoms[:, 1]), float(radius))
                if overlap == 0 and found < best[k]:
                    best[k], chosen[k] = found, geometry
    return [chosen[k] for k in range(len(folds))]


def _member_backbones(
    rngs: Sequence[Sequence[np.random.Generator]], geometries: Sequence[Geometry]
) -> list[list[Doubles]]:
    """Perturb each geometry into members, again where residues overlap, and more weakly where they still do."""
    members = [(family, number) for family, of_family in enumerate(rngs) for number in range(len(of_family))]
    chosen: dict[tuple[int, int], Doubles] = {}
    for scale in _SCALES:
        left = [member for member in members if member not in chosen]
        for start in range(0, len(left), _BATCH):
            some = left[start : start + _BATCH]
            width = scale * MEMBER_WIDTH_DEG
            atoms = build_geometries([perturb_geometry(rngs[k][n], geometries[k], width) for k, n in some])
            _, overlaps = size_and_overlaps(atoms)
            chosen |= {member: each for member, each, n in zip(some, atoms, overlaps, strict=True) if n == 0}
    return [[chosen[k, n] for n in range(len(of_family))] for k, of_family in enumerate(rngs)]


def _family(
    name: str,
    rng: np.random.Generator,
    member_rngs: Sequence[np.random.Generator],
    fold: Fold,
    backbones: Sequence[Doubles],
) -> ProteinFamily:
    frequencies = site_frequencies(fold.letters, draw_burial(rng, fold))
    ancestor = draw_residues(rng, frequencies)
    members = []
    for number, (member_rng, atoms_nm) in enumerate(zip(member_rngs, backbones, strict=True), start=1):
        drawn_anew = member_rng.random(len(ancestor)) < member_rng.uniform(*DIVERGENCE)
        residues = np.where(drawn_anew, draw_residues(member_rng, frequencies), ancestor)
        mask = _resolved(member_rng, len(ancestor))
        centred = (atoms_nm - atoms_nm.mean(axis=(0, 1))) * mask[:, None, None]
        members.append(
            ProteinRecord(
                name=f"{name}_{number:02d}",
                sequence=_letters(residues),
                coordinates_pm=(1000 * centred).astype(np.float32),
                mask=mask,
                secondary=fold.secondary,
            )
        )
    return ProteinFamily(name, fold, frequencies, _letters(ancestor), tuple(members))


def _resolved(rng: np.random.Generator, length: int) -> npt.NDArray[np.bool_]:
    mask = np.ones(length, bool)
    if rng.random() < UNRESOLVED_SHARE:
        n_missing = int(rng.integers(1, 4))
        mask[slice(n_missing) if rng.random() < 0.5 else slice(length - n_missing, length)] = False
    return mask


def _letters(residues: npt.NDArray[np.int64]) -> str:
    return "".join(AMINO_ACIDS[residue] for residue in residues)
