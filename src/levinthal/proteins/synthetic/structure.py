"""Folds of made-up proteins: segments of secondary structure, joined by loops of a stated library.

A fold is a chain of conformations, each a place in the Ramachandran plane, written as one letter a residue:

======  ==========================================  ============================================================
letter  conformation                                phi, psi from
======  ==========================================  ============================================================
H, h    alpha helix; h is its first residue, N1     Hovmoller, Zhou and Ohlson, Acta Cryst. D58:768 (2002)
N       the residue before a helix, N-cap           Aurora and Rose, Protein Sci. 7:21 (1998)
E       strand, with the twist of a sheet           Chothia, J. Mol. Biol. 75:295 (1973)
P       extended coil, polyproline II               Adzhubei and Sternberg, J. Mol. Biol. 229:472 (1993)
a, g    second and third residue of a turn I        Venkatachalam, Biopolymers 6:1425 (1968)
L       left-handed helix                           Efimov, Protein Eng. 4:245 (1991)
G       third residue of a turn II or I'; C' of     Venkatachalam; Aurora, Srinivasan and Rose,
        a helix (Schellman)                         Science 264:1126 (1994)
======  ==========================================  ============================================================

What is of this model and of no survey: the widths are about half of those seen in real proteins, the choice of loops
(strings of these letters that bring their neighbours together, published ones among them, `LOOPS`) and their equal
shares, and the classes' shares. Strands are not paired and there is no packing: a fold is compact and free of overlaps,
no more. There are no cis peptides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch

from levinthal.arrays import Doubles
from levinthal.proteins.geometry.backbone import BOND_ANGLES_RAD, BOND_LENGTHS_NM, build_backbone


@dataclass(frozen=True)
class Conformation:
    """A place in the Ramachandran plane: centre, width (standard deviation of phi and of psi) and DSSP's letter."""

    phi_deg: float
    psi_deg: float
    width_deg: float
    secondary: str


CONFORMATIONS: Mapping[str, Conformation] = MappingProxyType(
    {
        "H": Conformation(-63, -42, 4, "H"),
        "h": Conformation(-63, -42, 4, "H"),
        "N": Conformation(-94, 167, 7, "L"),
        "E": Conformation(-120, 135, 7, "E"),
        "P": Conformation(-65, 140, 7, "L"),
        "a": Conformation(-60, -30, 6, "T"),
        "g": Conformation(-90, 0, 7, "T"),
        "L": Conformation(57, 40, 6, "T"),
        "G": Conformation(85, 5, 7, "T"),
    }
)
"""By letter; see the table at the top of the module."""

LOOPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Hairpins of two (turn I'), three (turn I and a bulge) and four residues (Sibanda, Blundell and Thornton, J.
        # Mol. Biol. 206:759, 1989).
        "EE": ("LL", "agG", "aagG"),
        # The shortest, LN, is alpha-alphaL-beta-alpha (Efimov, Protein Eng. 4:245, 1991).
        "HH": ("LN", "aLN", "GPN", "GgPN", "agGPN"),
        "HE": ("GP", "agG", "GPg", "aPag"),
        "EH": ("agN", "PGN", "PPGN", "LPgN"),
    }
)
"""Loops between a helix (H) or strand (E) and the next; before a helix they end with its N-cap."""

# Least, mean and most residues: helices of about 11 and strands of about 6 residues, as in globular proteins
# (Penel, Morrison, Mortishire-Smith and Doig, J. Mol. Biol. 293:1211, 1999, for both).
_SEGMENT_LENGTHS = {"H": (7, 12, 18), "E": (4, 6, 9)}

# Share of the class; probability of a helix at first, after a helix, and after a strand.
_CLASSES = (
    (0.25, 1.0, 1.0, 1.0),  # all alpha
    (0.20, 0.0, 0.0, 0.0),  # all beta
    (0.30, 0.3, 0.0, 1.0),  # alpha/beta
    (0.25, 0.5, 0.5, 0.5),  # mixed
)

OMEGA_WIDTH_DEG = 4.0
# Share of a width that neighbours compensate: psi turns one way and the next phi the other, so that the peptide plane
# rocks and the chain keeps its direction (McCammon, Gelin and Karplus, Nature 267:585, 1977).
_COMPENSATED_SHARE = 0.8

# Half of the standard deviations of Engh and Huber, Acta Cryst. A47:392 (1991), in the order of `BOND_LENGTHS_NM`.
BOND_LENGTH_WIDTHS_NM = (0.00095, 0.00105, 0.0007)
BOND_ANGLE_WIDTHS_DEG = (0.9, 1.4, 1.0)

LEAST_CA_DISTANCE_NM = 0.38
"""CA atoms three or more residues apart are never closer than this."""
_FOLD_CA_DISTANCE_NM = 0.40  # leaves room for the noise
_LEAST_SEPARATION = 3

# By the letter's code.
_CENTRES_RAD = np.zeros((128, 3))
for _letter, _conformation in CONFORMATIONS.items():
    _CENTRES_RAD[ord(_letter)] = np.radians((180.0, _conformation.phi_deg, _conformation.psi_deg))

_ROUNDS = 100
_MORE_ROUNDS = 300


@dataclass(frozen=True)
class Fold:
    """Segments of conformations: tail, helix or strand, loop, helix or strand, ..., tail.

    Attributes
    ----------
    segments : tuple of str
        Letters of `CONFORMATIONS`, one a residue.
    fold_class : int
        Which row of the classes the segments are drawn from: all alpha, all beta, alpha/beta, mixed.
    """

    segments: tuple[str, ...]
    fold_class: int

    @property
    def letters(self) -> str:
        """One letter a residue."""
        return "".join(self.segments)

    @property
    def secondary(self) -> str:
        """DSSP's letters (H, E, T, L), one a residue."""
        return "".join(CONFORMATIONS[letter].secondary for letter in self.letters)


@dataclass(frozen=True)
class Geometry:
    """Internal coordinates of one backbone, each of shape (L, 3), in the order of `geometry.backbone`."""

    bond_lengths_nm: Doubles
    bond_angles_rad: Doubles
    dihedrals_rad: Doubles


def _kind(segment: str) -> str:
    """Return H or E for a helix or a strand."""
    return segment[-1]


def _draw_segment(rng: np.random.Generator, kind: str) -> str:
    least, mean, most = _SEGMENT_LENGTHS[kind]
    length = int(min(least + rng.poisson(mean - least), most))
    return "h" + "H" * (length - 1) if kind == "H" else "E" * length


def _draw_loop(rng: np.random.Generator, junction: str) -> str:
    loops = LOOPS[junction]
    return loops[rng.integers(len(loops))]


def _continued(rng: np.random.Generator, segments: Sequence[str], fold_class: int, length: int) -> Fold:
    """Grow segments, the last a helix or strand, to a chain of a given length and close it with a tail."""
    grown = list(segments)
    _, _, after_helix, after_strand = _CLASSES[fold_class]
    tail = int(rng.integers(1, 4))
    total = sum(map(len, grown))
    while total < length - tail:
        kind = "H" if rng.random() < (after_helix if _kind(grown[-1]) == "H" else after_strand) else "E"
        grown += [_draw_loop(rng, _kind(grown[-1]) + kind), _draw_segment(rng, kind)]
        total += len(grown[-2]) + len(grown[-1])
    # What is too long is cut from the last segment; what that makes too short gives its residues to the one before.
    while total > length - tail:
        last = grown.pop()
        total -= len(last)
        room = length - tail - total
        if room >= _SEGMENT_LENGTHS[_kind(last)][0] or len(grown) == 1:
            grown.append(last[: max(room, 1)])
            break
        total -= len(grown.pop())
        room = length - tail - total
        extension = min(max(room, 0), _SEGMENT_LENGTHS[_kind(grown[-1])][2] - len(grown[-1]))
        if extension > 0:
            grown[-1] += _kind(grown[-1]) * extension
            total += extension
    total = sum(map(len, grown))
    closing = "P" * (length - total)
    grown.append("G" + closing[1:] if _kind(grown[-1]) == "H" else closing)
    return Fold(tuple(grown), fold_class)


def draw_fold(rng: np.random.Generator, length: int) -> Fold:
    """Draw a fold of `length` residues, at least 20, without regard to overlaps."""
    fold_class = int(rng.choice(len(_CLASSES), p=[share for share, *_ in _CLASSES]))
    kind = "H" if rng.random() < _CLASSES[fold_class][1] else "E"
    tail = "P" * int(rng.integers(1, 4))
    return _continued(rng, [tail + "N" if kind == "H" else tail, _draw_segment(rng, kind)], fold_class, length)


def _varied(rng: np.random.Generator, fold: Fold) -> Fold:
    """Draw one segment again; the end of the chain makes up for the length."""
    segments = list(fold.segments[:-1])
    place = int(rng.integers(1, len(segments)))
    if place % 2 == 1:
        segments[place] = _draw_segment(rng, _kind(segments[place]))
    else:
        segments[place] = _draw_loop(rng, _kind(segments[place - 1]) + _kind(segments[place + 1]))
    return _continued(rng, segments, fold.fold_class, len(fold.letters))


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
    return _measure(padded, lengths, least_nm)


def _measure(
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
        _CENTRES_RAD[np.frombuffer(fold.letters.encode(), np.uint8)],
    )


def choose_folds(rngs: Sequence[np.random.Generator], lengths: tuple[int, int]) -> list[Fold]:
    """Draw a fold with each generator and vary it while that makes it more compact or removes overlaps.

    Each round draws one segment of every fold again and keeps the better: fewer overlaps, then a radius of gyration not
    above `expected_radius_of_gyration`. Every fold of the result is free of overlaps at the centres of its
    conformations.

    Parameters
    ----------
    rngs : sequence of numpy.random.Generator
        One a fold; a fold depends on its own alone.
    lengths : tuple of int
        Least and most residues, drawn uniformly.
    """
    folds = [draw_fold(rng, int(rng.integers(lengths[0], lengths[1] + 1))) for rng in rngs]
    penalties = _penalties(folds)
    for rounds in range(_ROUNDS + _MORE_ROUNDS):
        active = [k for k in range(len(folds)) if rounds < _ROUNDS or penalties[k] >= 1]
        if not active:
            break
        proposals = [_varied(rngs[k], folds[k]) for k in active]
        for k, proposal, penalty in zip(active, proposals, _penalties(proposals), strict=True):
            if penalty <= penalties[k]:
                folds[k], penalties[k] = proposal, penalty
    stuck = [k for k in range(len(folds)) if penalties[k] >= 1]
    if stuck:
        for k, fold in zip(stuck, choose_folds([rngs[k] for k in stuck], lengths), strict=True):
            folds[k] = fold
    return folds


def _penalties(folds: Sequence[Fold]) -> Doubles:
    """Return a number for each fold; at least 1 where residues overlap."""
    lengths = np.array([len(fold.letters) for fold in folds])
    longest = int(lengths.max())
    codes = np.frombuffer("".join(fold.letters.ljust(longest, "P") for fold in folds).encode(), np.uint8)
    atoms = build_backbone(torch.from_numpy(_CENTRES_RAD[codes].reshape(len(folds), longest, 3))).numpy()
    radii, overlaps = _measure(atoms[:, :, 1], lengths, _FOLD_CA_DISTANCE_NM)
    excess = np.log(radii / expected_radius_of_gyration(lengths))
    return np.asarray(overlaps + np.clip(excess, 0, 3) / 3.01)


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
