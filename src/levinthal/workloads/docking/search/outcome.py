"""What every search returns: poses, energies, and how the best energy fell against evaluations and seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Trace:
    """The best energy found so far, whenever it fell; the last entry is the end of the search.

    Attributes
    ----------
    evaluations : ndarray, (points,)
        Energy evaluations until then; one with its gradient counts as one.
    seconds : ndarray, (points,)
        Wall-clock since the search began, set-up excluded.
    best_kcal_mol : ndarray, (points,)
        Best energy so far, on whatever function the search works with.
    """

    evaluations: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    best_kcal_mol: npt.NDArray[np.float64]

    def evaluations_to(self, energy_kcal_mol: float) -> int | None:
        """Return how many evaluations it took to reach an energy, or None where it was not reached."""
        reached = np.flatnonzero(self.best_kcal_mol <= energy_kcal_mol)
        return int(self.evaluations[reached[0]]) if len(reached) else None


@dataclass(frozen=True, eq=False)
class SearchOutcome:
    """The end of one search.

    Attributes
    ----------
    coordinates : ndarray, (poses, atoms, 3)
        All atoms of the ligand in the final poses, in A, best first by `energies_kcal_mol`.
    conformations : ndarray of int, (poses,)
        The receptor conformation that each pose was found in.
    energies_kcal_mol : ndarray, (poses,)
        On the function the search worked with (grids, say); the exact path has the last word.
    trace : Trace
        The anytime curve.
    setup_s : mapping of str to float
        What was needed before the search, by part: for Vina receptor, ligand and maps; empty for ours, which share
        their maps.
    """

    coordinates: npt.NDArray[np.float64]
    conformations: npt.NDArray[np.int64]
    energies_kcal_mol: npt.NDArray[np.float64]
    trace: Trace
    setup_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_evaluations(self) -> int:
        """Evaluations in all."""
        return int(self.trace.evaluations[-1])

    @property
    def duration_s(self) -> float:
        """Wall-clock of the search."""
        return float(self.trace.seconds[-1])


@dataclass
class TraceRecorder:
    """Builds a `Trace` while a search runs: its clock starts when it is made."""

    _began_s: float = field(default_factory=time.perf_counter)
    _evaluations: int = 0
    _points: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def evaluations(self) -> int:
        """Evaluations so far."""
        return self._evaluations

    def note(self, evaluations: int, best_kcal_mol: float) -> None:
        """Say that so many more evaluations were made and which energy was the best of them."""
        self._evaluations += evaluations
        if not self._points or best_kcal_mol < self._points[-1][2]:
            self._points.append((self._evaluations, time.perf_counter() - self._began_s, float(best_kcal_mol)))

    def finish(self) -> Trace:
        """Return the curve, closed by the state at the end."""
        best = self._points[-1][2] if self._points else float("inf")
        points = [*self._points, (self._evaluations, time.perf_counter() - self._began_s, best)]
        evaluations, seconds, energies = zip(*points, strict=True)
        return Trace(np.array(evaluations, np.int64), np.array(seconds), np.array(energies))
