"""How well a predicted CA trace matches a reference of which some residues may be unresolved.

Every score looks at the resolved residues alone: what a prediction does where the reference says nothing is not
scored, and the length that a score is normalised by is the number of resolved residues, as in the programs that read
the reference from a PDB file. RMSD, TM-score and GDT_TS superpose by rotations, never reflections, so a mirror image
scores badly; dRMSD and lDDT cannot tell one, which is why the handedness stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Floats, Mask
from levinthal.errors import DataError
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.proteins.similarity.secondary_structure import virtual_dihedrals_deg
from levinthal.proteins.similarity.superposition_search import best_superpositions

LDDT_RADIUS_NM = 1.5
LDDT_THRESHOLDS_NM = (0.05, 0.1, 0.2, 0.4)
"""Inclusion radius and tolerances of lDDT (Mariani, Biasini, Barbato and Schwede, Bioinformatics 29:2722, 2013)."""

_FEWEST = 3  # two points leave the rotation about their axis open
_FARTHEST_NM = 1e5  # beyond it the squares lose the digits that a score is made of
_CLEAR_SINE = 0.5  # a dihedral nearer than 30 degrees to planar has no hand: noise decides its sign


@dataclass(frozen=True)
class StructureScores:
    """Scores of one prediction; all NaN where fewer than three residues of the reference are resolved.

    Attributes
    ----------
    rmsd_nm : float
        Root mean square deviation after the best superposition.
    drmsd_nm : float
        Root mean square difference of all pair distances; blind to mirror images.
    tm_score : float
        0 to 1; above 0.5 mostly the same fold (Xu and Zhang, Bioinformatics 26:889, 2010).
    gdt_ts : float
        0 to 1.
    lddt_ca : float
        0 to 1; blind to mirror images.
    handedness : float
        0 to 1: 1 has the hand of the reference, 0 is its mirror image, 0.5 is chance. NaN where the reference has no
        turn to tell it by.
    """

    rmsd_nm: float
    drmsd_nm: float
    tm_score: float
    gdt_ts: float
    lddt_ca: float
    handedness: float


def tm_score(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> float:
    """Return the TM-score of a prediction, residue i matched to residue i.

    The sum of 1 / (1 + (d_i / d0)^2) over the resolved residues, divided by their number, at the superposition that
    makes it largest (Zhang and Skolnick, Proteins 57:702, 2004; d0 by `tm_score_scale_nm`). As in their program,
    superpositions on fragments of the chain, from all of it down to four residues, are each extended by the residues
    that they bring near until that changes nothing. The best of them are then climbed to their local maximum:
    1 / (1 + u) is convex in u, so the superposition weighted by its slope can only raise the sum. No such search can
    prove that it found the largest sum; on 96 perturbed CASP12 targets this one ended 0.0004 above TM-align's in the
    median, 0.006 at most, and never below.

    Parameters
    ----------
    predicted_ca_nm, reference_ca_nm : ndarray, shape (n_residues, 3)
        CA coordinates in nm; what stands at unresolved residues is not looked at.
    mask : ndarray of bool, shape (n_residues,)
        Residues that the reference resolves.

    Returns
    -------
    float
        0 to 1; NaN where fewer than three residues are resolved.

    Raises
    ------
    DataError
        Shapes that do not match; a resolved position that is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> turns = np.arange(20) * np.radians(100)
    >>> helix_nm = np.stack([0.23 * np.cos(turns), 0.23 * np.sin(turns), 0.15 * np.arange(20)], axis=-1)
    >>> from levinthal.proteins import tm_score
    >>> round(tm_score(helix_nm, helix_nm, np.ones(20, bool)), 3)
    1.0
    """
    predicted, reference, _ = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    return float("nan") if len(reference) < _FEWEST else best_superpositions(predicted, reference)[0]


def gdt_ts(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> float:
    """Return GDT_TS, the mean share of residues that can be brought within 1, 2, 4 and 8 A.

    For each cutoff the superposition is searched that brings most residues within it (Zemla, Nucleic Acids Res.
    31:3370, 2003): each fragment's superposition is extended by the residues within the cutoff until that changes
    nothing. All superpositions met on the way, those of the TM-score too, are counted for every cutoff. Parameters and
    errors are as for `tm_score`.

    Returns
    -------
    float
        0 to 1 (CASP prints it times 100); NaN where fewer than three residues are resolved.
    """
    predicted, reference, _ = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    return float("nan") if len(reference) < _FEWEST else best_superpositions(predicted, reference)[1]


def long_range_drmsd_nm(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask, separation: int = 24) -> float:
    """Return the dRMSD over pairs of residues that are more than `separation` apart in the sequence.

    Parameters
    ----------
    predicted_ca_nm, reference_ca_nm : ndarray, shape (n_residues, 3)
        CA coordinates in nm; what stands at unresolved residues is not looked at.
    mask : ndarray of bool, shape (n_residues,)
        Residues that the reference resolves.
    separation : int
        In residues; half the chain's length where that is less. CASP calls contacts of 24 and more long-range.

    Returns
    -------
    float
        In nm; NaN where no such pair is resolved.

    Raises
    ------
    DataError
        Shapes that do not match; a resolved position that is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> line_nm = 0.38 * np.arange(60.0)[:, None] * [1.0, 0.0, 0.0]
    >>> from levinthal.proteins.similarity.structure_scores import long_range_drmsd_nm
    >>> round(long_range_drmsd_nm(line_nm, 2 * line_nm, np.ones(60, bool)), 1)
    14.4
    """
    predicted, reference, mask = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    places = np.flatnonzero(mask)
    first, second = np.triu_indices(len(places), 1)
    far = places[second] - places[first] > min(separation, len(mask) // 2)
    if not far.any():
        return float("nan")
    first, second = first[far], second[far]
    apart = (np.linalg.norm(each[first] - each[second], axis=-1) for each in (predicted, reference))
    return float(np.sqrt(np.mean(np.subtract(*apart) ** 2)))


def lddt_ca(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> float:
    """Return lDDT of the CA atoms: the share of the reference's short distances that the prediction keeps.

    All distances below 15 A between different resolved residues; kept to within 0.5, 1, 2 and 4 A, the mean of the
    four shares (Mariani et al., Bioinformatics 29:2722, 2013). No superposition; blind to mirror images.
    Parameters and errors are as for `tm_score`.

    Returns
    -------
    float
        0 to 1; NaN where fewer than three residues are resolved or none has a neighbour.
    """
    predicted, reference, _ = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    if len(reference) < _FEWEST:
        return float("nan")
    return _share(*_kept_distances(_pair_distances(predicted), _pair_distances(reference)))


def lddt_ca_per_residue(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> Doubles:
    """Return lDDT of each residue: as `lddt_ca`, over the distances from that residue alone; errors as for `tm_score`.

    Returns
    -------
    ndarray of float64, shape (n_residues,)
        0 to 1; NaN at unresolved residues and at those without a neighbour.
    """
    predicted, reference, resolved = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    scores = np.full(len(resolved), np.nan)
    kept, counted = _kept_distances(_pair_distances(predicted), _pair_distances(reference))
    scores[resolved] = np.divide(kept, counted, out=np.full(len(counted), np.nan), where=counted > 0)
    return scores


def handedness(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> float:
    """Return the share of turns that have the same hand in prediction and reference.

    The sign of the dihedral of four successive CA atoms is the chirality of DSSP (Kabsch and Sander, Biopolymers
    22:2577, 1983): plus in right-handed helices and most turns, minus in most strands. Windows that the reference has
    within 30 degrees of planar are left out: noise decides their sign. A mirror image of a prediction with the score
    s has the score 1 - s.

    Parameters
    ----------
    predicted_ca_nm, reference_ca_nm, mask
        As for `tm_score`, of successive residues.

    Returns
    -------
    float
        0 to 1; NaN where no four successive residues are resolved and out of plane.
    """
    predicted, reference, resolved = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    places = np.flatnonzero(resolved)
    successive = places[3:] - places[:-3] == 3
    sine = np.sin(np.radians(virtual_dihedrals_deg(np.stack([predicted, reference]))))
    clear = successive & (np.abs(sine[1]) > _CLEAR_SINE)
    return float(np.mean(sine[0, clear] * sine[1, clear] > 0)) if clear.any() else float("nan")


def score_structure(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> StructureScores:
    """Return all scores of one prediction; parameters and errors as for `tm_score`.

    Returns
    -------
    StructureScores
        All NaN where fewer than three residues are resolved, so that a loop over many records goes on and
        `numpy.nanmean` leaves them out.

    Raises
    ------
    DataError
        Shapes that do not match; a resolved position that is not a number, which no average must hide.

    Examples
    --------
    >>> import numpy as np
    >>> turns = np.arange(20) * np.radians(100)
    >>> helix_nm = np.stack([0.23 * np.cos(turns), 0.23 * np.sin(turns), 0.15 * np.arange(20)], axis=-1)
    >>> from levinthal.proteins import score_structure
    >>> mirrored = helix_nm * [1.0, 1.0, -1.0]
    >>> round(score_structure(mirrored, helix_nm, np.ones(20, bool)).handedness, 1)  # a mirror image
    0.0
    """
    predicted, reference, _ = _resolved(predicted_ca_nm, reference_ca_nm, mask)
    if len(reference) < _FEWEST:
        return StructureScores(*[float("nan")] * 6)
    predicted_distances, reference_distances = _pair_distances(predicted), _pair_distances(reference)
    squared = np.square(predicted_distances - reference_distances).sum()
    best_tm, best_gdt = best_superpositions(predicted, reference)
    return StructureScores(
        rmsd_nm=float(rmsd(predicted[None], reference)[0]),
        drmsd_nm=float(np.sqrt(squared / (len(reference) * (len(reference) - 1)))),
        tm_score=best_tm,
        gdt_ts=best_gdt,
        lddt_ca=_share(*_kept_distances(predicted_distances, reference_distances)),
        handedness=handedness(predicted_ca_nm, reference_ca_nm, mask),
    )


def _resolved(predicted_ca_nm: Floats, reference_ca_nm: Floats, mask: Mask) -> tuple[Doubles, Doubles, Mask]:
    """Return the resolved positions of both, and the mask, checked."""
    predicted = np.asarray(predicted_ca_nm, np.float64)
    reference = np.asarray(reference_ca_nm, np.float64)
    if reference.ndim != 2 or reference.shape[1] != 3:
        raise DataError(f"the reference has the shape {reference.shape}: expected (residues, 3), CA atoms")
    if predicted.shape != reference.shape:
        raise DataError(
            f"the prediction has the shape {predicted.shape}, the reference {reference.shape}: give the same residues"
        )
    resolved = np.asarray(mask)
    if resolved.dtype != np.bool_ or resolved.shape != (len(reference),):
        raise DataError(
            f"the mask has the shape {resolved.shape} and the type {resolved.dtype}: expected ({len(reference)},), bool"
        )
    for what, positions in (("prediction", predicted), ("reference", reference)):
        # Written so that NaN is refused too.
        bad = resolved & ~(np.abs(positions) < _FARTHEST_NM).all(axis=1)
        if bad.any():
            raise DataError(
                f"the {what} has no sound position for resolved residue {int(np.argmax(bad)) + 1}: it is not a number, "
                f"or beyond {_FARTHEST_NM:g} nm; a model that has diverged gives such positions"
            )
    return predicted[resolved], reference[resolved], resolved


def _pair_distances(positions: Doubles) -> Doubles:
    # One axis after the other: a third of the memory of the (L, L, 3) difference.
    squared = np.zeros((len(positions), len(positions)))
    for axis in positions.T:
        squared += np.square(axis[:, None] - axis)
    return np.sqrt(squared)


def _kept_distances(predicted: Doubles, reference: Doubles) -> tuple[Doubles, Doubles]:
    """Return per residue the mean number of distances kept over the thresholds, and their number."""
    counted = reference < LDDT_RADIUS_NM
    np.fill_diagonal(counted, False)
    change = np.where(counted, np.abs(predicted - reference), np.inf)
    kept = sum((change < threshold).sum(axis=1) for threshold in LDDT_THRESHOLDS_NM)
    return np.asarray(kept, np.float64) / len(LDDT_THRESHOLDS_NM), counted.sum(axis=1).astype(np.float64)


def _share(kept: Doubles, counted: Doubles) -> float:
    return float(kept.sum() / counted.sum()) if counted.any() else float("nan")
