"""Backbones of made-up proteins: dihedrals about the conformations of a fold, bonds about the ideal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from levinthal.arrays import Doubles
from levinthal.proteins.geometry.backbone import BOND_ANGLES_RAD, BOND_LENGTHS_NM, build_backbone
from levinthal.proteins.synthetic.conformations import CONFORMATIONS
from levinthal.proteins.synthetic.fold import Fold

OMEGA_WIDTH_DEG = 4.0
# Share of a width that neighbours compensate: psi turns one way and the next phi the other, so that the peptide plane
# rocks and the chain keeps its direction (McCammon, Gelin and Karplus, Nature 267:585, 1977).
_COMPENSATED_SHARE = 0.8

# Half of the standard deviations of Engh and Huber, Acta Cryst. A47:392 (1991), in the order of `BOND_LENGTHS_NM`.
BOND_LENGTH_WIDTHS_NM = (0.00095, 0.00105, 0.0007)
BOND_ANGLE_WIDTHS_DEG = (0.9, 1.4, 1.0)

LEAST_CA_DISTANCE_NM = 0.38
"""CA atoms three or more residues apart are never closer than this."""
_LEAST_SEPARATION = 3

# By the letter's code.
_CENTRES_RAD = np.zeros((128, 3))
for _letter, _conformation in CONFORMATIONS.items():
    _CENTRES_RAD[ord(_letter)] = np.radians((180.0, _conformation.phi_deg, _conformation.psi_deg))


@dataclass(frozen=True)
class Geometry:
    """Internal coordinates of one backbone, each of shape (L, 3), in the order of `geometry.backbone`."""

    bond_lengths_nm: Doubles
    bond_angles_rad: Doubles
    dihedrals_rad: Doubles


def centres_rad(letters: str) -> Doubles:
    """Return omega, phi and psi at the centres of conformations, shape (L, 3)."""
    return _CENTRES_RAD[np.frombuffer(letters.encode(), np.uint8)]


def expected_radius_of_gyration(n_residues: npt.ArrayLike) -> Doubles:
    """Return 2.2 N^0.38 Angstrom in nm, that of globular proteins (Skolnick, Kolinski and Ortiz, J. Mol. Biol. 265:217, 1997)."""  # noqa: E501
    return np.asarray(0.22 * np.asarray(n_residues, np.float64) ** 0.38)


def build_geometries(geometries: Sequence[Geometry]) -> list[Doubles]:
    """Build all backbones in one batch; return each one's atoms, shape (L, 3, 3), in nm."""
    lengths = [len(geometry.dihedrals_rad) for geometry in geometries]
    shape = (len(geometries), max(lengths), 3)
    batch = [np.zeros(shape), np.broadcast_to(BOND_LENGTHS_NM, shape).copy(), np.full(shape, math.pi / 2)]
    for row, (geometry, length) in enumerate(zip(geometries, lengths, strict=True)):
        batch[0][row, :length] = geometry.dihedrals_rad
        batch[1][row, :length] = geometry.bond_lengths_nm
        batch[2][row, :length] = geometry.bond_angles_rad
    dihedrals, bonds, angles = map(torch.from_numpy, batch)
    atoms = build_backbone(dihedrals, bond_lengths_nm=bonds, bond_angles_rad=angles).numpy()
    return [atoms[row, :length] for row, length in enumerate(lengths)]


def size_and_overlaps(
    backbones: Sequence[Doubles], least_nm: float = LEAST_CA_DISTANCE_NM
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return each backbone's radius of gyration (CA, nm) and its number of pairs of CA closer than `least_nm`.

    Parameters
    ----------
    backbones : sequence of ndarray, shape (L, 3, 3)
        N, CA and C of each residue.
    least_nm : float
        Pairs three or more residues apart count.
    """
    lengths = np.array([len(atoms) for atoms in backbones])
    padded = np.zeros((len(backbones), lengths.max(), 3))
    for row, atoms in zip(padded, backbones, strict=True):
        row[: len(atoms)] = atoms[:, 1]
    return measure(padded, lengths, least_nm)


def measure(
    positions_nm: Doubles, lengths: npt.NDArray[np.int64], least_nm: float
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Do `size_and_overlaps` for padded CA atoms, shape (B, L, 3)."""
    n_residues = positions_nm.shape[1]
    is_residue = np.arange(n_residues) < lengths[:, None]
    positions = positions_nm * is_residue[..., None]
    positions -= (positions.sum(axis=1) / lengths[:, None])[:, None]
    squares = np.einsum("bij,bij->bi", positions, positions)
    radii = np.sqrt((squares * is_residue).sum(axis=1) / lengths)
    # Padding is infinitely far from everything.
    squares[~is_residue] = np.inf
    apart = squares[:, :, None] + squares[:, None, :] - 2 * positions @ positions.transpose(0, 2, 1)
    far_in_sequence = np.triu(np.ones((n_residues, n_residues), bool), _LEAST_SEPARATION)
    return radii, np.count_nonzero((apart < least_nm**2) & far_in_sequence, axis=(1, 2))


def _ideal(fold: Fold) -> Geometry:
    shape = (len(fold.letters), 3)
    return Geometry(
        np.broadcast_to(BOND_LENGTHS_NM, shape).astype(np.float64),
        np.broadcast_to(BOND_ANGLES_RAD, shape).astype(np.float64),
        centres_rad(fold.letters),
    )


def _noise(rng: np.random.Generator, widths_rad: Doubles) -> Doubles:
    """Draw deviations of (omega, phi, psi), shape (L, 3), von Mises; see `_COMPENSATED_SHARE`."""
    shared = np.sqrt(_COMPENSATED_SHARE) * np.minimum(widths_rad[:-1, 2], widths_rad[1:, 1])
    own = widths_rad**2
    own[1:, 1] -= shared**2
    own[:-1, 2] -= shared**2
    noise = rng.vonmises(0.0, 1 / own)
    rocking = rng.vonmises(0.0, 1 / shared**2)
    noise[:-1, 2] += rocking
    noise[1:, 1] -= rocking
    return noise


def draw_geometry(rng: np.random.Generator, fold: Fold, scale: float = 1.0) -> Geometry:
    """Draw dihedrals about the fold's conformations, and bonds about the ideal ones.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    fold : Fold
        What to draw about.
    scale : float
        All widths are multiplied by it; 0 gives the centres.
    """
    ideal = _ideal(fold)
    if scale == 0:
        return ideal
    widths = np.radians([[OMEGA_WIDTH_DEG] + [CONFORMATIONS[x].width_deg] * 2 for x in fold.letters]) * scale
    shape = ideal.dihedrals_rad.shape
    return Geometry(
        ideal.bond_lengths_nm + scale * np.asarray(BOND_LENGTH_WIDTHS_NM) * rng.standard_normal(shape),
        ideal.bond_angles_rad + scale * np.radians(BOND_ANGLE_WIDTHS_DEG) * rng.standard_normal(shape),
        ideal.dihedrals_rad + _noise(rng, widths),
    )


def perturb_geometry(rng: np.random.Generator, geometry: Geometry, width_deg: float) -> Geometry:
    """Turn the dihedrals of a backbone a little, by a standard deviation of `width_deg`; the bonds stay."""
    if width_deg == 0:
        return geometry
    noise = _noise(rng, np.full(geometry.dihedrals_rad.shape, math.radians(width_deg)))
    return Geometry(geometry.bond_lengths_nm, geometry.bond_angles_rad, geometry.dihedrals_rad + noise)
