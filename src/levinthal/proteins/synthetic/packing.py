"""Folds that pack: chosen so that the core segments beyond a closed linker touch, and nothing overlaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.synthetic.fold import Fold, draw_fold, varied
from levinthal.proteins.synthetic.structure import centres_rad, expected_radius_of_gyration, measure

CONTACT_NM = 0.9
"""CA atoms of two segments that touch come at least as near as this."""

_FOLD_CA_DISTANCE_NM = 0.40  # leaves room for the noise
_ROUNDS, _MORE_ROUNDS, _MOST_ROUNDS = 30, 200, 400
"""For all folds; for those that lack a contact; for those that overlap."""
_OVERLAP = 100.0
_SIZE = 0.99
"""Share of the radius of gyration in the penalty: the whole numbers above it are contacts that lack, and overlaps."""


def choose_folds(rngs: Sequence[np.random.Generator], lengths: tuple[int, int]) -> list[Fold]:
    """Draw a fold with each generator and vary it while that removes overlaps or makes it pack.

    Each round draws one segment of every fold again and keeps the better: fewer overlaps, then more of the closed
    linkers with their core segments in contact (and of the open ones with theirs apart), then a radius of gyration not
    above `expected_radius_of_gyration`. Every fold of the result is free of overlaps at the centres of its
    conformations. Which segments are core segments is drawn with them and never changed for a better contact.

    Parameters
    ----------
    rngs : sequence of numpy.random.Generator
        One a fold; a fold depends on its own alone.
    lengths : tuple of int
        Least and most residues, drawn uniformly.
    """
    folds = [draw_fold(rng, int(rng.integers(lengths[0], lengths[1] + 1))) for rng in rngs]
    penalties = _penalties(folds)
    for rounds in range(_MOST_ROUNDS):
        enough = 0.0 if rounds < _ROUNDS else 1.0 if rounds < _MORE_ROUNDS else _OVERLAP
        active = [k for k in range(len(folds)) if penalties[k] >= enough]
        if not active:
            break
        proposals = [varied(rngs[k], folds[k]) for k in active]
        for k, proposal, penalty in zip(active, proposals, _penalties(proposals), strict=True):
            if penalty <= penalties[k]:
                folds[k], penalties[k] = proposal, penalty
    stuck = [k for k in range(len(folds)) if penalties[k] >= _OVERLAP]
    if stuck:
        for k, fold in zip(stuck, choose_folds([rngs[k] for k in stuck], lengths), strict=True):
            folds[k] = fold
    return folds


def lost_contacts(fold: Fold, ca_nm: Doubles) -> int:
    """Return for how many linkers the two segments that decide touch although it is open, or do not although closed.

    Parameters
    ----------
    fold : Fold
    ca_nm : ndarray, shape (L, 3)
        CA atoms.
    """
    places = fold.places
    lost = 0
    for one, other, is_closed in fold.distant_pairs:
        apart = ca_nm[slice(*places[one]), None] - ca_nm[None, slice(*places[other])]
        lost += (np.einsum("ijk,ijk->ij", apart, apart).min() <= CONTACT_NM**2) != is_closed
    return lost


def _penalties(folds: Sequence[Fold]) -> Doubles:
    """Return a number a fold; at least 1 where a contact lacks, at least `_OVERLAP` where residues overlap."""
    lengths = np.array([len(fold.letters) for fold in folds])
    longest = int(lengths.max())
    angles = np.stack([centres_rad(fold.letters.ljust(longest, "P")) for fold in folds])
    ca_nm = build_backbone(torch.from_numpy(angles)).numpy()[:, :, 1]
    radii, overlaps = measure(ca_nm, lengths, _FOLD_CA_DISTANCE_NM)
    lost = np.array([lost_contacts(fold, each) for fold, each in zip(folds, ca_nm, strict=True)])
    excess = np.log(radii / expected_radius_of_gyration(lengths))
    return np.asarray(_OVERLAP * overlaps + lost + _SIZE * np.clip(excess, 0, 3) / 3)
