"""What is kept of a run: one typed, immutable, schema-versioned document, `result.json`.

History of the file format
--------------------------
- 1: the first. `notes` and `comparisons` of a repeat came later; files without them have none. So did `scaling`, which
  says what a scaling study varied; files without it are of ordinary runs.
- 2: metrics, samples, gates, comparisons and the summary have labels beside their names; curves, the terms of a
  comparison and values withheld have fields of their own; machine, peaks and software have every key written in
  `levinthal.metrics.description`, peaks stand with the repeat alone; `study` says what any study varied, in place of
  `scaling`; gates say their kind and what to change; `warnings` of a repeat say what was changed in a person's input.
  Files of version 1 are read through `schema1`.
- 3: the summary counts the qualities of repeats that missed a gate (`n_failed`) and the times of those that waited in
  vain (`n_censored`, from `censored_at` of a metric), and its interval is always one of the median. Files of version 2
  are read as they are; their summary is of the repeats that passed. `scenes` of a repeat came later; files without them
  have none.

A figure that was not measured is `None` and carries a `reason`. Environment variables are never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from levinthal.errors import MissingExtraError
from levinthal.harness.results.figures import (
    CANNOT_TELL,
    Better,
    Comparison,
    Curve,
    Gate,
    GateKind,
    Kind,
    Metric,
    Samples,
    Summaries,
    Summary,
    Terms,
)
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.labels import Finite, Record
from levinthal.harness.results.scenes import Scene
from levinthal.metrics.description import Machine, Peaks, Software

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CANNOT_TELL",
    "COLUMNS",
    "SCHEMA",
    "Artifact",
    "Better",
    "Comparison",
    "Curve",
    "Dataset",
    "Estimate",
    "Gate",
    "GateKind",
    "Kind",
    "Metric",
    "Phase",
    "Repeat",
    "Result",
    "Samples",
    "Summaries",
    "Summary",
    "Terms",
    "Verdict",
    "WorkloadId",
]

SCHEMA = 3
COLUMNS = ("workload", "size", "repeat", "seed", "metric", "value", "unit", "better", "kind", "verdict", "reason")

Verdict = Literal["passed", "failed"]


class WorkloadId(Record):
    """Which program was measured; results of different versions are never compared."""

    name: str
    version: int


class Dataset(Record):
    """The data a run used: `synthetic` says that the project made it."""

    name: str
    version: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    synthetic: bool


class Phase(Record):
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


class Artifact(Record):
    """A file the workload left in the run folder; `path` is relative to it, and `opens` of a picture shown first."""

    name: str
    path: str
    caption: str = ""
    opens: bool = False
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Estimate(Record):
    """What a repeat said before it did something long: what will be done, and how long that takes at most here."""

    sentence: str
    duration_s: Annotated[Finite, Field(ge=0)] | None = None


class Repeat(Record):
    """One execution of the workload in a process of its own; `implementation` is null where it was not recorded.

    `warnings` say what was removed, changed or is missing in what a person brought, `notes` what else is to be known;
    `estimates` what was expected before, `findings` what came out, in words.
    """

    index: Annotated[int, Field(ge=0)]
    seed: int
    started_utc: str
    duration_s: Finite | None = None
    device: str = "cpu"
    precision: str = "fp32"
    implementation: str | None = None
    phases: tuple[Phase, ...] = ()
    metrics: tuple[Metric, ...] = ()
    samples: tuple[Samples, ...] = ()
    curves: tuple[Curve, ...] = ()
    gates: tuple[Gate, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    scenes: tuple[Scene, ...] = ()
    dataset: Dataset | None = None
    warnings: tuple[str, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    peaks: Peaks | None = None
    study: StudyPlan | None = None
    error: str | None = None
    verdict: Verdict


class Result(Record):
    """Everything that is known of a run: read with `levinthal.load_result`, written by the harness.

    Attributes
    ----------
    schema_ : int
        Version of the file format (the key `schema` in the file).
    workload, dataset, size, division, settings
        What was run, on which data, with which settings.
    machine, software
        Where it was run.
    study : StudyPlan or None
        What a study varied and how it is drawn; null for an ordinary run.
    repeats : tuple of Repeat
        Every execution with its raw samples.
    summary : Summaries
        Each metric over the repeats: `summary["training rate"]`, `summary["cells seen", {"policy": "dbscan"}]`.
    verdict : {"passed", "failed"}
        `passed` when every repeat that was asked for finished and met its gates.

    Examples
    --------
    >>> import levinthal
    >>> from levinthal.harness import Result
    >>> result: Result = levinthal.run("cvae", size="smoke", settings={"epochs": 1}, out="smoke")
    >>> result.size, len(result.repeats), result.summary["training rate"].unit
    ('smoke', 1, 'frame/s')
    """

    schema_: Literal[2, 3] = Field(default=3, alias="schema")
    workload: WorkloadId
    dataset: Dataset
    size: str
    division: Literal["closed", "open"]
    settings: Mapping[str, Any]
    study: StudyPlan | None = None
    machine: Machine
    software: Software
    repeats: tuple[Repeat, ...]
    summary: Summaries
    verdict: Verdict

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    @property
    def peaks(self) -> Peaks | None:
        """What the machine can do at best, as the first repeat that asked measured it."""
        return next((repeat.peaks for repeat in self.repeats if repeat.peaks is not None), None)

    def to_json(self) -> str:
        """Return the text of `result.json`."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"

    def to_pandas(self) -> pd.DataFrame:
        """Return a tidy table: a row for each metric of each repeat.

        Returns
        -------
        pandas.DataFrame
            Columns workload, size, repeat, seed, metric, one for each label, value, unit, better, kind, verdict,
            reason; also of repeats that missed a gate. A value that was not measured is NaN and its reason is text,
            elsewhere the reason is None. A label that a metric does not have is missing (NaN or None); one called like
            another column has "label " before its name.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "pandas", "a table of metrics") from None
        metrics = [(repeat, metric) for repeat in self.repeats for metric in repeat.metrics]
        labels = dict.fromkeys(label for _, metric in metrics for label in metric.labels)
        rows = [
            (
                self.workload.name,
                self.size,
                repeat.index,
                repeat.seed,
                metric.name,
                *(metric.labels.get(label) for label in labels),
                metric.value,
                metric.unit,
                metric.better,
                metric.kind,
                repeat.verdict,
                metric.reason,
            )
            for repeat, metric in metrics
        ]
        before = COLUMNS.index("metric") + 1
        named = (f"label {label}" if label in COLUMNS else label for label in labels)
        table = pd.DataFrame(rows, columns=[*COLUMNS[:before], *named, *COLUMNS[before:]])
        return table.astype({"repeat": "int64", "seed": "int64", "value": "float64"})
