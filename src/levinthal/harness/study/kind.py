"""What a kind of study says of itself: its axes, how a point is measured, its figures, ratios and gates.

A kind is one file::

    class Lengths(Study[Nap]):
        '''How long naps take.'''

        Options = LengthOptions
        Record = Nap

        def plan(self) -> StudyPlan:
            return StudyPlan(kind="lengths", axes=(Axis(name="length", values=self.options.lengths, baseline=1),))

        def measure(self, bench: Bench, point: Point, file: Path) -> Nap:
            return Nap(seconds=...)

        def figures(self) -> tuple[Figure[Nap] | Ratio, ...]:
            return Figure("time", "s", "lower", lambda point, nap: nap.seconds), Ratio("slow-down", "time", "length")

found as `STUDY` in a module of `levinthal.harness.study.kinds`, or by the entry point group `levinthal.studies`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from levinthal.harness.contract.run import Run
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import Choice, Point, StudyPlan
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Better, Kind, Result
from levinthal.harness.study.kept import Measured

R = TypeVar("R", bound=BaseModel)


def record_files(plan: StudyPlan, folder: Path, index: int) -> dict[Point, Path]:
    """Return where the record of each point of a repeat is kept, in the folder of its run."""
    return {point: folder / "points" / f"{index:03d}-{stem}.json" for point, stem in plan.stems().items()}


@dataclass(frozen=True)
class Figure(Generic[R]):
    """A number of a point's record: a metric with the point's labels.

    Attributes
    ----------
    name, unit : str
    better : {"higher", "lower"}
    of : callable
        Takes the point and its record; None is a figure that was not measured.
    kind : {"speed", "quality"}
    """

    name: str
    unit: str
    better: Better
    of: Callable[[Point, R], float | None]
    kind: Kind = "speed"


def _alike(point: Point, baseline: Point) -> float:
    del point, baseline
    return 1.0


@dataclass(frozen=True)
class Ratio:
    """A figure over that of the point which an axis names as baseline, both of the same repeat.

    Attributes
    ----------
    name : str
    figure : str
        Of which figure.
    axis : str
        Along which axis.
    better : {"higher", "lower"}
    kind : {"speed", "quality"}
    weight : callable
        Takes the point and its baseline; the ratio is multiplied by it.
    unit : str
        Of a ratio a pure number.
    """

    name: str
    figure: str
    axis: str
    better: Better = "higher"
    kind: Kind = "speed"
    unit: str = "1"
    weight: Callable[[Point, Point], float] = _alike


@dataclass(frozen=True)
class GateValue:
    """A condition of correctness; see `Run.gate`."""

    name: str
    value: float | None
    at_most: float | None = None
    at_least: float | None = None
    labels: Mapping[str, Label] | None = None
    advice: str | None = None


@dataclass(frozen=True)
class Terms:
    """On which terms all points of a repeat are measured.

    Attributes
    ----------
    size : str
        The size that the workload's settings come from, and
    settings : Settings
        those settings.
    folder : Path
        The run's folder, which its repeats share.
    seed : int
        Of the repeat.
    device, precision : str
        As asked for.
    """

    size: str
    settings: Settings
    folder: Path
    seed: int
    device: str
    precision: str


@dataclass(frozen=True)
class Bench:
    """What a point is measured with.

    Attributes
    ----------
    run : Run
        The repeat.
    plan : StudyPlan
    terms : Terms
    choices : mapping of Point to Choice
        What was chosen so far, by the labels it was chosen for.
    """

    run: Run
    plan: StudyPlan
    terms: Terms
    choices: Mapping[Point, Choice] = field(default_factory=dict)


class Study(ABC, Generic[R]):
    """A kind of study; what has a default here need not be said.

    Parameters
    ----------
    workload : Workload
        What is studied.
    options : Settings
        What was asked for, an instance of `Options`.

    Raises
    ------
    UsageError
        The workload cannot be studied so, or an option does not fit it.

    Attributes
    ----------
    Options : type of Settings
        What can be asked for, with presets for no size in particular.
    Record : type of pydantic model
        What is kept of a point.
    """

    Options: ClassVar[type[Settings]]
    Record: type[R]

    def __init__(self, workload: Workload, options: Any) -> None:
        self.workload, self.options = workload, options

    @abstractmethod
    def plan(self) -> StudyPlan:
        """Return the axes, and how they are drawn."""

    @abstractmethod
    def measure(self, bench: Bench, point: Point, file: Path) -> R:
        """Measure a point once.

        Parameters
        ----------
        bench : Bench
        point : Point
        file : Path
            Where its record is kept; a process that measures may leave it there itself, whole or not at all.

        Raises
        ------
        LevinthalError
            It cannot be measured; the others are.
        """

    @abstractmethod
    def figures(self) -> Sequence[Figure[R] | Ratio]:
        """Return what is reported of each point, in this order."""

    def chosen_by(self) -> tuple[str, ...]:
        """Return the axes for whose values a choice is made once; none by default."""
        return ()

    def choose(self, bench: Bench, labels: Point, file: Path) -> Choice:
        """Choose for all points that have these labels; called before the first of them is measured.

        Parameters
        ----------
        bench : Bench
        labels : Point
            On the axes of `chosen_by`.
        file : Path
            Where the choice is kept, for all repeats; a process that chooses may leave it there itself.

        Raises
        ------
        LevinthalError
            It cannot be chosen, and no point that depends on it be measured.
        """
        raise NotImplementedError(f"{type(self).__name__} has axes to choose by and no way to")

    def choice_file(self, bench: Bench, labels: Point) -> Path:
        """Return where a choice is kept."""
        return bench.terms.folder / "points" / f"choice-{bench.plan.stems(*labels)[labels]}.json"

    def line(self, plan: StudyPlan, terms: Terms, point: Point, file: Path) -> str:
        """Return the line for a shell that measures a point by hand; where there is none, the point in words."""
        del terms, file
        return plan.words(point)

    def samples(self, record: R) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the raw numbers of a point with their unit, by name; none by default."""
        del record
        return {}

    def gates(self, plan: StudyPlan, measured: Measured[R]) -> Iterable[GateValue]:
        """Yield conditions that the points must meet together; none by default."""
        del plan, measured
        return ()

    def conclude(self, bench: Bench, measured: Measured[R]) -> StudyPlan:
        """Say what else is to be said to `bench.run` (data set, notes), and return the plan as it was carried out."""
        del measured
        return bench.plan

    @staticmethod
    def last_line(result: Result) -> str:
        """Return what the terminal says last of a result of this kind; nothing by default."""
        del result
        return ""
