"""The ranked list: each compound by its best state, beside the list of the structure alone, and what both are worth.

Statistics are over compounds: known binders and decoys are drawn again, each from its own kind, and an interval is that
of the draws. Another seed of the run is another ensemble; repeats of the run tell what that changes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.workloads.discovery.docked import DockedState
from levinthal.workloads.discovery.refinement import Refined
from levinthal.workloads.docking.preparation.library import Failure, Prepared

_DRAWS = 2_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Ranking:
    """Compounds by the state that binds each best.

    Attributes
    ----------
    affinities_kcal_mol : ndarray of float64, shape (n_states, n_compounds)
        NaN where a compound could not be docked.
    states : ndarray of int64, shape (n_states,)
        Numbers of the rows.
    """

    affinities_kcal_mol: Doubles
    states: Integers

    @classmethod
    def of(cls, docked: Sequence[DockedState]) -> Ranking:
        """Put the answers of the states together."""
        order = sorted(docked, key=lambda each: each.state)
        values = np.array([each.affinities_kcal_mol for each in order], np.float64)
        return cls(values, np.array([each.state for each in order], np.int64))

    @property
    def best_kcal_mol(self) -> Doubles:
        """Of each compound, shape (n_compounds,); NaN where no state took it."""
        filled = np.where(np.isnan(self.affinities_kcal_mol), np.inf, self.affinities_kcal_mol).min(axis=0)
        return np.where(np.isinf(filled), np.nan, filled)

    @property
    def best_row(self) -> Integers:
        """The row of the state that binds each compound best."""
        filled = np.where(np.isnan(self.affinities_kcal_mol), np.inf, self.affinities_kcal_mol)
        return np.asarray(filled.argmin(axis=0), np.int64)

    @property
    def order(self) -> list[int]:
        """Compounds, the best first; those that no state took are left out."""
        best = self.best_kcal_mol
        return [int(k) for k in np.argsort(best, kind="stable") if np.isfinite(best[k])]

    def rigid(self) -> Doubles:
        """Affinities to the structure that was given, shape (n_compounds,)."""
        return np.asarray(self.affinities_kcal_mol[np.flatnonzero(self.states == 0)[0]], np.float64)


@dataclass(frozen=True)
class Told:
    """A figure and the limits of its 95 % interval."""

    value: float
    low: float
    high: float


def binders_ahead(scores_kcal_mol: Doubles, active: Mask) -> Told:
    """Return by how much the median of the known binders lies below that of the decoys, in kcal/mol.

    Parameters
    ----------
    scores_kcal_mol : ndarray of float64, shape (n,)
        Lower is better.
    active : ndarray of bool, shape (n,)
        With at least one of either kind.
    """
    return _bootstrap(scores_kcal_mol, active, lambda binders, decoys: np.median(decoys, -1) - np.median(binders, -1))


def area_under_curve(binders: Doubles, decoys: Doubles) -> Doubles:
    """Return the probability that a binder scores below a decoy, ties counting half; the last axes are compounds."""
    less = binders[..., :, None] < decoys[..., None, :]
    equal = binders[..., :, None] == decoys[..., None, :]
    return np.asarray(less.mean((-2, -1)) + 0.5 * equal.mean((-2, -1)), np.float64)


def area_of(scores_kcal_mol: Doubles, active: Mask) -> Told:
    """Return the area under the ROC curve of scores, of which a lower one is better."""
    return _bootstrap(scores_kcal_mol, active, area_under_curve)


def areas_compared(first_kcal_mol: Doubles, second_kcal_mol: Doubles, active: Mask) -> Told:
    """Return the area of the first scores over that of the second, both of the same compounds in every draw."""
    a, b = np.flatnonzero(active), np.flatnonzero(~active)
    drawn_a, drawn_b = _draws(len(a)), _draws(len(b))

    def ratio(of_a: Integers, of_b: Integers) -> Doubles:
        areas = [area_under_curve(each[a][of_a], each[b][of_b]) for each in (first_kcal_mol, second_kcal_mol)]
        return np.asarray((areas[0] + 1e-12) / (areas[1] + 1e-12), np.float64)

    return _told(float(ratio(np.arange(len(a)), np.arange(len(b)))), ratio(drawn_a, drawn_b))


def _bootstrap(scores: Doubles, active: Mask, of: Callable[[Doubles, Doubles], Doubles]) -> Told:
    binders, decoys = scores[active], scores[~active]
    drawn = of(binders[_draws(len(binders))], decoys[_draws(len(decoys))])
    return _told(float(of(binders, decoys)), drawn)


def _draws(n: int) -> Integers:
    # a fixed seed: the same scores have the same interval
    return np.random.default_rng(n).integers(n, size=(_DRAWS, n))


def _told(value: float, drawn: Doubles) -> Told:
    low, high = np.quantile(drawn, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return Told(value, float(low), float(high))


def ranked_csv(
    ranking: Ranking, library: Sequence[Prepared], failures: Sequence[Failure], refined: dict[int, Refined]
) -> str:
    """Return the list as CSV: the best first, each with its state and its affinity to the structure alone."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["rank", "name", "affinity_kcal_mol", "state", "affinity_to_structure_kcal_mol", "known",
         "mmff_interaction_kcal_mol", "moved_angstrom", "reason"]
    )  # fmt: skip
    best, row, rigid = ranking.best_kcal_mol, ranking.best_row, ranking.rigid()
    for rank, k in enumerate(ranking.order, 1):
        more = refined.get(k)
        rows.writerow(
            [
                rank,
                library[k].entry.name,
                f"{best[k]:.3f}",
                int(ranking.states[row[k]]),
                "" if np.isnan(rigid[k]) else f"{rigid[k]:.3f}",
                {True: "active", False: "decoy", None: ""}[library[k].entry.active],
                "" if more is None or more.interaction_kcal_mol is None else f"{more.interaction_kcal_mol:.2f}",
                "" if more is None or more.moved_angstrom is None else f"{more.moved_angstrom:.2f}",
                "" if more is None else more.reason,
            ]
        )
    placed = set(ranking.order)
    for k, each in enumerate(library):
        if k not in placed:
            rows.writerow(["", each.entry.name, *[""] * 6, "no state took it"])
    for failure in failures:
        rows.writerow(["", failure.name, *[""] * 6, failure.reason])
    return table.getvalue()
