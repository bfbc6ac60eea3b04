"""What a workload offers so that its simulations or searches can run side by side, a core each, and be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from levinthal.harness.contract.run import Run


@dataclass(frozen=True)
class Replicated:
    """What came of a replica.

    Attributes
    ----------
    items : int
        How much was done: steps, evaluations.
    answer : float
        A number by which two runs of it are told apart; the same wherever it runs and whatever runs beside it.

    Examples
    --------
    >>> from levinthal.harness import Replicated
    >>> Replicated(items=2000, answer=0.25).items
    2000
    """

    items: int
    answer: float


Replica: TypeAlias = Callable[[int], Replicated]
"""Does the replica of a number, from 0 on, on one core; the same number is the same work."""


@runtime_checkable
class Replicates(Protocol):
    """A workload whose unit of work is done many times over, by workers that do not wait for each other.

    Attributes
    ----------
    replica_item : str
        What is counted, in the singular.

    Examples
    --------
    >>> from levinthal.harness import Replicates
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("sampling"), Replicates), isinstance(load_workload("rgn"), Replicates)
    (True, False)
    """

    replica_item: ClassVar[str]

    def load_replica(self, run: Run, settings: Any) -> Replica:
        """Return the unit of work, all that it needs loaded and compiled.

        Parameters
        ----------
        run : Run
            For its device and what is to be said of the data; nothing is measured by it.
        settings : Settings
            The workload's.
        """
        ...
