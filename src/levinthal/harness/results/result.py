"""What is kept of a run: one typed, immutable, schema-versioned document, `result.json`.

History of the file format
--------------------------
- 1: the first. `notes` and `comparisons` of a repeat came later; files without them have none. So did `scaling`, which
  says what a scaling study varied; files without it are of ordinary runs.

A figure that was not measured is `None` and carries a `reason`. Environment variables are never stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from levinthal.errors import MissingExtraError
from levinthal.harness.results.scaling_points import Scaling

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CANNOT_TELL",
    "COLUMNS",
    "SCHEMA",
    "Artifact",
    "Better",
    "Comparison",
    "Dataset",
    "Gate",
    "Kind",
    "Metric",
    "Phase",
    "Repeat",
    "Result",
    "Samples",
    "Summary",
    "Verdict",
    "WorkloadId",
]

SCHEMA = 1
CANNOT_TELL = "can't tell"
COLUMNS = ("workload", "size", "repeat", "seed", "metric", "value", "unit", "better", "kind", "verdict", "reason")

Better = Literal["higher", "lower"]
Kind = Literal["speed", "quality"]
Verdict = Literal["passed", "failed"]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be finite: use null with a reason for a figure that was not measured")
    return value


Finite = Annotated[float, AfterValidator(_finite)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorkloadId(_Record):
    """Which program was measured; results of different versions are never compared."""

    name: str
    version: int


class Dataset(_Record):
    """The data a run used: `synthetic` says that the project made it."""

    name: str
    version: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    synthetic: bool


class Phase(_Record):
    """A named, timed interval on a lane (`main`, `worker 3`, `gpu 0`); `start_s` counts from the repeat's start.

    `cpu_s` is the processor time of the repeat's processes during the phase, `energy_j` what the machine's counters
    say it drew; either is null where it was not measured, with the reason beside it.
    """

    name: str
    lane: str = "main"
    start_s: Annotated[Finite, Field(ge=0)]
    duration_s: Annotated[Finite, Field(ge=0)]
    items: int | None = None
    cpu_s: Finite | None = None
    energy_j: Finite | None = None
    energy_reason: str | None = None


class Metric(_Record):
    """One measured figure of one repeat. `kind` says whether a missed gate hides it (speed) or not (quality)."""

    name: str
    value: Finite | None
    unit: str
    better: Better
    kind: Kind = "speed"
    reason: str | None = None

    @model_validator(mode="after")
    def _reason_for_null(self) -> Metric:
        if self.value is None and not self.reason:
            raise ValueError(f"metric {self.name!r} is null without a reason")
        return self


class Samples(_Record):
    """Raw numbers behind a figure, in the order they were measured; null where one was not finite."""

    unit: str
    values: tuple[Finite | None, ...]


class Gate(_Record):
    """A check of correctness; a value of null (not finite, or not measured) never passes."""

    name: str
    value: Finite | None
    at_most: Finite | None = None
    at_least: Finite | None = None
    passed: bool

    @model_validator(mode="after")
    def _consistent(self) -> Gate:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"gate {self.name!r} needs exactly one of at_most and at_least")
        holds = self.value is not None and (
            self.value <= self.at_most if self.at_most is not None else self.value >= (self.at_least or 0.0)
        )
        if self.passed != holds:
            raise ValueError(f"gate {self.name!r} says passed={self.passed}, its value says {holds}")
        return self


class Comparison(_Record):
    """Two methods that a repeat ran on equal terms: a ratio above 1 where the candidate is ahead, and the verdict.

    `value` is null with a `reason` where there is none; `low` and `high` are null where there is no interval. `terms`
    says what was equal (`60 core-seconds each`), `n` over how many pairs. The verdict is a word for the direction, or
    `can't tell` where the interval spans 1 or is missing.
    """

    name: str
    candidate: str
    baseline: str
    terms: str
    value: Finite | None
    low: Finite | None = None
    high: Finite | None = None
    confidence: Annotated[Finite, Field(gt=0, lt=1)] = 0.95
    n: Annotated[int, Field(ge=0)]
    verdict: str
    method: str = ""
    reason: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        if self.value is None and not self.reason:
            raise ValueError(f"comparison {self.name!r} is null without a reason")
        told = self.low is not None and self.high is not None and not self.low <= 1.0 <= self.high
        if told == (self.verdict == CANNOT_TELL):
            raise ValueError(f"comparison {self.name!r} says {self.verdict!r}, its interval does not")
        return self


class Artifact(_Record):
    """A file the workload left in the run folder; `path` is relative to it."""

    name: str
    path: str
    caption: str = ""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Repeat(_Record):
    """One execution of the workload in a process of its own."""

    index: Annotated[int, Field(ge=0)]
    seed: int
    started_utc: str
    duration_s: Finite | None = None
    device: str = "cpu"
    precision: str = "fp32"
    phases: tuple[Phase, ...] = ()
    metrics: tuple[Metric, ...] = ()
    samples: Mapping[str, Samples] = Field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    dataset: Dataset | None = None
    notes: tuple[str, ...] = ()
    peaks: Mapping[str, Any] | None = None
    error: str | None = None
    verdict: Verdict


class Summary(_Record):
    """A metric over the repeats that passed: the median, a 95 % interval and the MLPerf-style score.

    `ci95` is null with a `reason` where there are too few repeats, and `ci_method` says how it was made; `score` drops
    the best and the worst repeat and averages the rest (a repeat that missed its gate counts as the worst).
    """

    unit: str
    better: Better
    kind: Kind = "speed"
    n: Annotated[int, Field(ge=0)]
    median: Finite | None
    ci95: tuple[Finite, Finite] | None
    ci_method: str | None = None
    score: Finite | None = None
    reason: str | None = None


class Result(_Record):
    """Everything that is known of a run: read with `levinthal.load_result`, written by the harness.

    Attributes
    ----------
    schema_ : int
        Version of the file format (the key `schema` in the file).
    workload, dataset, size, division, settings
        What was run, on which data, with which settings.
    machine, software : mapping
        Where it was run.
    scaling : Scaling or None
        What a scaling study varied; null for an ordinary run.
    repeats : tuple of Repeat
        Every execution with its raw samples.
    summary : mapping of str to Summary
        Each metric over the repeats.
    verdict : {"passed", "failed"}
        `passed` when every repeat that was asked for finished and met its gates.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    workload: WorkloadId
    dataset: Dataset
    size: str
    division: Literal["closed", "open"]
    settings: Mapping[str, Any]
    scaling: Scaling | None = None
    machine: Mapping[str, Any]
    software: Mapping[str, Any]
    repeats: tuple[Repeat, ...]
    summary: Mapping[str, Summary]
    verdict: Verdict

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> str:
        """Return the text of `result.json`."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"

    def to_pandas(self) -> pd.DataFrame:
        """Return a tidy table: a row for each metric of each repeat.

        Returns
        -------
        pandas.DataFrame
            Columns workload, size, repeat, seed, metric, value, unit, better, kind, verdict, reason; also of
            repeats that missed a gate. A value that was not measured is NaN and its reason is text, elsewhere the
            reason is None.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "pandas", "a table of metrics") from None
        rows = [
            (
                self.workload.name,
                self.size,
                repeat.index,
                repeat.seed,
                metric.name,
                metric.value,
                metric.unit,
                metric.better,
                metric.kind,
                repeat.verdict,
                metric.reason,
            )
            for repeat in self.repeats
            for metric in repeat.metrics
        ]
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        return table.astype({"repeat": "int64", "seed": "int64", "value": "float64"})
