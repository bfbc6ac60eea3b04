"""Sanity checks of structures that were predicted for a person's own sequences.

That a fold is right is not known here. What is known is what no protein has: neighbouring CA atoms elsewhere than 3.8 A
(or, at a cis peptide bond, 2.9 A) apart, and a chain that winds the wrong way, which a loss of distances cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from levinthal.arrays import Doubles, Singles
from levinthal.harness import Run
from levinthal.proteins.geometry.backbone import internal_coordinates

__all__ = ["check_structures", "left_handed_share", "stretched_share"]

_TRANS_NM, _CIS_NM = (0.36, 0.40), (0.27, 0.31)
_MOST_STRETCHED = 0.05
_MOST_LEFT_HANDED = 0.5
"""Residues of real proteins with a positive phi are one in ten, glycines among them; of their mirror images nine."""


def check_structures(run: Run, structures: Sequence[Singles]) -> bool:
    """Report the sanity checks of backbones, each of shape (residues, 3, 3) in nm; return whether all hold."""
    advice = "give weights that were trained longer, or on real proteins"
    broken = sum(int((~np.isfinite(atoms_nm).all(axis=(1, 2))).sum()) for atoms_nm in structures)
    met = run.gate("residues without finite coordinates", float(broken), at_most=0.0, kind="sanity", advice=advice)
    for name, share_of, most in (
        ("CA neighbours not 3.6 to 4.0 A apart", stretched_share, _MOST_STRETCHED),
        ("residues that wind to the left", left_handed_share, _MOST_LEFT_HANDED),
    ):
        shares = [share for atoms_nm in structures if (share := share_of(atoms_nm)) is not None]
        worst = max(shares, default=0.0)
        met &= run.gate(f"share of {name}, worst protein", worst, at_most=most, kind="sanity", advice=advice)
    return met


def stretched_share(atoms_nm: Singles) -> float | None:
    """Return the share of neighbouring CA that are as far apart as neither a trans nor a cis peptide bond has them."""
    if len(atoms_nm) < 2:
        return None
    apart = np.linalg.norm(np.diff(atoms_nm[:, 1].astype(np.float64), axis=0), axis=-1)
    return float(1.0 - np.mean(_within(apart, _TRANS_NM) | _within(apart, _CIS_NM)))


def left_handed_share(atoms_nm: Singles) -> float | None:
    """Return the share of residues, the first left out, whose phi is positive."""
    if len(atoms_nm) < 2:
        return None
    phi = internal_coordinates(torch.from_numpy(np.asarray(atoms_nm, np.float64))).dihedrals_rad[1:, 1].numpy()
    return float(np.mean(~(phi <= 0.0)))


def _within(values: Doubles, limits: tuple[float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((values >= limits[0]) & (values <= limits[1]), np.bool_)
