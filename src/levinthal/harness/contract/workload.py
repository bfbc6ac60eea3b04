"""The contract of a workload: a name, a version, typed settings and one method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from levinthal.harness.contract.run import Run
from levinthal.harness.contract.settings import Settings
from levinthal.harness.results.labels import Label

MainFigure = str | tuple[str, Mapping[str, Label]]
"""A metric's name, or its name and labels; with fewer labels than it has, all that have these."""


@dataclass(frozen=True)
class FigureOfMerit:
    """A metric by which machines are compared: `levinthal fom` prints it.

    Attributes
    ----------
    name : str
        What is told of the workload: `training`.
    metric : str
        The metric's name, and
    labels : mapping of str to value
        its labels, all of them.
    weight : float
        In the suite's geometric mean.

    Examples
    --------
    >>> from levinthal.harness import FigureOfMerit
    >>> FigureOfMerit("inference", "inference rate", {"batch": "batched"}).metric
    'inference rate'
    """

    name: str
    metric: str
    labels: Mapping[str, Label] = field(default_factory=dict)
    weight: float = 1.0


@runtime_checkable
class Workload(Protocol):
    """A program under test with its data set.

    A workload is found by the entry point group `levinthal.workloads` and made without arguments. It keeps no state
    between repeats: everything it needs comes from `run` and `settings`, everything it measures goes to `run`.

    It may have an attribute `main_figures`, a sequence of `MainFigure`: of all that it measures, what the terminal
    prints at the end of a run and the report opens with, the most telling first. Those that a run did not measure are
    passed over, and five are shown; without it the first five. An attribute `figures_of_merit`, a sequence of
    `FigureOfMerit`, names those by which machines are compared.

    Attributes
    ----------
    name : str
        What the user types.
    version : int
        Raised whenever a change makes new figures incomparable with old ones.
    Settings : type of Settings
        The typed settings; `Settings.sizes` holds the presets `tiny`, `small` and `paper`.

    Examples
    --------
    >>> from levinthal.harness import Run, Settings, Workload
    >>> class Adding:
    ...     name, version, Settings = "adding", 1, Settings
    ...     def run(self, run: Run, settings: Settings) -> None:
    ...         with run.phase("add", items=1000):
    ...             total = sum(range(1000))
    ...         run.gate("error of the sum", abs(total - 499500), at_most=0)
    >>> isinstance(Adding(), Workload)
    True
    """

    name: ClassVar[str]
    version: ClassVar[int]
    Settings: ClassVar[type[Settings]]

    def run(self, run: Run, settings: Any) -> None:
        """Execute the workload once.

        Parameters
        ----------
        run : Run
            Seed, device, precision, folder and executor; and where phases, metrics, samples, gates and artifacts go.
        settings : Settings
            An instance of this workload's `Settings`.
        """
        ...
