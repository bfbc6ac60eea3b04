"""What a docking search is: settings, what it declares of itself, and a way from a problem to poses."""

from __future__ import annotations

from typing import ClassVar

from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.problem import Problem

__all__ = ["Search"]


class Search:
    """Base of all searches, built in or plugged in: frozen dataclasses whose fields are their settings.

    One field is `n_poses`, the distinct poses that are returned. A search that declares `all_cores` has a field
    `threads` as well, one that declares `needs_model` a field `model` (a `TrainedPolicy`); the workload fills these.

    Attributes
    ----------
    shown : str
        Its name where people read.
    described : str
        Its name within a sentence; by default `shown`.
    needs_model : bool
        Whether it searches with the policy that the workload trains.
    is_control : bool
        Whether it is what a trained search has to beat: the same score, nothing learned.
    is_reference : bool
        Whether it is the established program, as well set as it can be, that the control is compared with.
    all_cores : bool
        Whether it runs on all cores; others run on one.
    package, installed_by : str
        An optional package that it needs, and the words that say how to get it.
    refines : bool
        Whether its poses are refined off the maps already; others descend on the exact energy at the end.
    """

    shown: ClassVar[str]
    described: ClassVar[str] = ""
    needs_model: ClassVar[bool] = False
    is_control: ClassVar[bool] = False
    is_reference: ClassVar[bool] = False
    all_cores: ClassVar[bool] = False
    package: ClassVar[str] = ""
    installed_by: ClassVar[str] = ""
    refines: ClassVar[bool] = False

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search for the best poses; the seed alone decides what is drawn at random."""
        raise NotImplementedError

    def warm_up(self, problem: Problem) -> None:
        """Compile and load what the first search would, off the clock; by default by a whole search."""
        self.search(problem)

    def at_budget(self, amount: int) -> tuple[str, Search] | None:
        """Return the search at another budget, a point of its anytime curve; None where its trace is the curve."""
        del amount
        return None
