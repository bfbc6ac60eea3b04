"""The search for the superpositions that a TM-score and a GDT_TS are made of, many candidates at a time.

A superposition from weights, and the distances after it, are both linear in products of the coordinates that do not
depend on the candidate: two matrix products with a few columns per residue replace all loops over residues.
"""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles

GDT_CUTOFFS_NM = (0.1, 0.2, 0.4, 0.8)
"""GDT_TS is the mean over these (Zemla, Nucleic Acids Res. 31:3370, 2003)."""

_FEWEST = 3  # two points leave the rotation about their axis open
_SHORT_FRAGMENTS = (4, 6, 12, 24, 48)
_FRAGMENT_HALVINGS = 5
_MOST_STARTS = 100
_MOST_EXTENSIONS = 20
_EXTENSION_STEP_NM = 0.05
_SEARCH_RANGE_NM = (0.45, 0.8)
_N_POLISHED = 8
_POLISH_STEPS = 200
_POLISH_GAIN = 1e-7


def tm_score_scale_nm(n_residues: int) -> float:
    """Return d0, the distance at which a residue counts one half in a TM-score.

    Zhang and Skolnick, Proteins 57:702, 2004: 1.24 (L - 15)^(1/3) - 1.8 A; their program takes at least 0.5 A, which
    rules below 22 residues.
    """
    return max(0.124 * float(np.cbrt(n_residues - 15)) - 0.18, 0.05)


def best_superpositions(moving_nm: Doubles, fixed_nm: Doubles) -> tuple[float, float]:
    """Return the TM-score and the GDT_TS of two structures, each over its own best superpositions.

    Superpositions on fragments of L, L/2, L/4, L/8, L/16 and of 4, 6, 12, 24, 48 residues (at most 100 of a length,
    evenly spread) are each extended by the residues that they bring near, until that changes nothing: once with the
    search distance of the TM-score program and once for each cutoff of GDT_TS. Each is counted for all scores. On 36
    perturbed CASP12 targets a search ten times denser raised the TM-score by less than 1e-6 and GDT_TS by 0.002 in
    the mean, 0.007 at most: one or two residues at one cutoff.

    Parameters
    ----------
    moving_nm, fixed_nm : ndarray of float64, shape (n_residues, 3)
        At least three residues; residue i is matched to residue i.

    Returns
    -------
    tm_score, gdt_ts : float
        0 to 1, divided by the number of residues; see `levinthal.proteins.similarity.structure_scores`.
    """
    search = _Superpositions(moving_nm, fixed_nm)
    return search.tm_score(), search.gdt_ts()


class _Superpositions:
    """Candidates for one pair of structures, and the best that was met so far."""

    def __init__(self, moving: Doubles, fixed: Doubles) -> None:
        moving, fixed = moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
        self._n = len(fixed)
        products = (fixed[:, :, None] * moving[:, None, :]).reshape(-1, 9)
        ones = np.ones((self._n, 1))
        squares = (np.square(moving) + np.square(fixed)).sum(axis=1, keepdims=True)
        self._moments = np.concatenate([products, moving, fixed, ones], axis=1)
        self._columns = np.ascontiguousarray(np.concatenate([products, moving, fixed, squares, ones], axis=1).T)
        self._scale = tm_score_scale_nm(self._n)
        # Whole numbers below 2^32: their sums are exact in float64, so equal selections have equal keys.
        self._keys = np.random.default_rng(0).integers(0, 2**32, self._n).astype(np.float64)
        self._counts = np.zeros(len(GDT_CUTOFFS_NM), np.int64)
        self._best: list[tuple[float, Doubles]] = []
        fragments = self._squared_distances(self._fragments())
        self._see(fragments)
        search = float(np.clip(self._scale, *_SEARCH_RANGE_NM))
        self._extend(fragments, search - 0.1, search + 0.1)
        for cutoff in GDT_CUTOFFS_NM:
            self._extend(fragments, cutoff, cutoff)

    def tm_score(self) -> float:
        """Climb from the best superpositions to their local maxima and return the highest."""
        squared = np.stack([squared for _, squared in self._best])
        total = self._tm_sums(squared)
        for _ in range(_POLISH_STEPS):
            # 1 / (1 + u) is convex in u: the superposition weighted by its slope can only raise the sum.
            squared = self._squared_distances(1 / np.square(1 + squared / self._scale**2))
            before, total = total, self._tm_sums(squared)
            if (total - before).max() < _POLISH_GAIN * self._n:
                break
        return float(min(max(total.max(), self._best[0][0]) / self._n, 1.0))

    def gdt_ts(self) -> float:
        return float(self._counts.mean() / self._n)

    def _fragments(self) -> Doubles:
        shortest = min(_SHORT_FRAGMENTS[0], self._n)
        lengths = {max(self._n >> halving, shortest) for halving in range(_FRAGMENT_HALVINGS)}
        lengths |= {min(length, self._n) for length in _SHORT_FRAGMENTS}
        place = np.arange(self._n)
        selections = []
        for length in sorted(lengths, reverse=True):
            last = self._n - length
            starts = np.unique(np.linspace(0, last, min(last + 1, _MOST_STARTS)).astype(np.int64))[:, None]
            selections.append((place >= starts) & (place < starts + length))
        return np.concatenate(selections).astype(np.float64)

    def _squared_distances(self, weights: Doubles) -> Doubles:
        """Return the squared distances (n_candidates, n_residues) after the best superposition by weights."""
        sums = weights @ self._moments
        sums = sums[:, :15] / sums[:, 15:]
        centre_moving, centre_fixed = sums[:, 9:12], sums[:, 12:15]
        covariance = sums[:, :9].reshape(-1, 3, 3) - centre_fixed[:, :, None] * centre_moving[:, None, :]
        left, _, right = np.linalg.svd(covariance)
        left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
        rotation = left @ right
        shift = centre_fixed - np.einsum("fij,fj->fi", rotation, centre_moving)
        coefficients = np.concatenate(
            [
                -2 * rotation.reshape(-1, 9),
                2 * np.einsum("fji,fj->fi", rotation, shift),
                -2 * shift,
                np.ones((len(rotation), 1)),
                np.square(shift).sum(axis=1, keepdims=True),
            ],
            axis=1,
        )
        return np.asarray(np.maximum(coefficients @ self._columns, 0), np.float64)

    def _tm_sums(self, squared: Doubles) -> Doubles:
        return np.asarray((1 / (1 + squared / self._scale**2)).sum(axis=1), np.float64)

    def _count(self, squared: Doubles) -> None:
        for k, cutoff in enumerate(GDT_CUTOFFS_NM):
            self._counts[k] = max(self._counts[k], int((squared <= cutoff**2).sum(axis=1).max()))

    def _see(self, squared: Doubles) -> None:
        """Keep what is best among candidates, for each score."""
        self._count(squared)
        sums = self._tm_sums(squared)
        best = np.argsort(sums)[-_N_POLISHED:]
        self._best += [(float(sums[k]), squared[k].copy()) for k in best]
        self._best.sort(key=lambda seen: -seen[0])
        del self._best[_N_POLISHED:]

    def _extend(self, squared: Doubles, first_cutoff: float, next_cutoff: float) -> None:
        """Superpose on the residues that a superposition brings near, again and again; each selection once."""
        cutoff = first_cutoff
        seen = np.empty(0)
        for _ in range(_MOST_EXTENSIONS):
            near = self._near(squared, cutoff)
            keys, where = np.unique(near @ self._keys, return_index=True)
            where = where[~np.isin(keys, seen)]
            if not len(where):
                return
            seen = np.concatenate([seen, keys])
            squared = self._squared_distances(near[where])
            self._see(squared)
            cutoff = next_cutoff

    def _near(self, squared: Doubles, cutoff: float) -> Doubles:
        near = squared < cutoff**2
        few = np.flatnonzero(near.sum(axis=1) < _FEWEST)
        if len(few):
            # The cutoff is widened by steps until three residues are within it.
            third = np.sqrt(np.partition(squared[few], _FEWEST - 1, axis=1)[:, _FEWEST - 1])
            wider = cutoff + _EXTENSION_STEP_NM * (np.floor((third - cutoff) / _EXTENSION_STEP_NM) + 1)
            near[few] = squared[few] < np.square(np.maximum(wider, third * (1 + 1e-9)))[:, None]
        return near.astype(np.float64)
