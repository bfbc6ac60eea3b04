"""Where everything that a workload measures goes, as records with names and labels."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from levinthal.errors import UsageError
from levinthal.files.writing import write_whole
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.labels import Key, Label, Labelled
from levinthal.harness.results.result import (
    Artifact,
    Better,
    Comparison,
    Curve,
    Dataset,
    Estimate,
    Gate,
    GateKind,
    Kind,
    Metric,
    Samples,
    Terms,
)
from levinthal.harness.results.scenes import Scene, ScenePart, SceneStep

R = TypeVar("R", bound=Labelled)


class Recording:
    """What a repeat has reported so far; each record is an event of the journal at once.

    Parameters
    ----------
    folder : Path
        The repeat's own, where artifacts are left.
    events : EventLog
        The journal of the run.
    index : int
        Which repeat it is.
    """

    def __init__(self, *, folder: Path, events: EventLog, index: int) -> None:
        self.folder = folder
        self._events = events
        self._index = index
        self._metrics: dict[Key, Metric] = {}
        self._samples: dict[Key, Samples] = {}
        self._curves: dict[Key, Curve] = {}
        self._gates: dict[Key, Gate] = {}
        self._comparisons: list[Comparison] = []
        self._artifacts: dict[str, Artifact] = {}
        self._scenes: list[Scene] = []
        self._dataset: Dataset | None = None
        self._warnings: dict[str, None] = {}
        self._estimates: list[Estimate] = []
        self._findings: list[str] = []
        self._notes: list[str] = []
        self._study: StudyPlan | None = None
        self._labels: dict[str, Label] = {}

    @contextmanager
    def labelled(self, **labels: Label) -> Iterator[None]:
        """Give all that is recorded meanwhile some labels more; sentences and files have their values in front.

        Examples
        --------
        >>> from pathlib import Path
        >>> from levinthal.harness.contract.recording import Recording
        >>> from levinthal.harness.results.events import EventLog
        >>> recording = Recording(folder=Path("repeat"), events=EventLog(Path("events.jsonl")), index=0)
        >>> with recording.labelled(system="landscape"):
        ...     recording.metric("cells seen", 12, unit="1", better="higher", labels={"policy": "plain"})
        >>> [str(key) for key in recording._metrics]
        ['cells seen (policy plain, system landscape)']
        """
        before = self._labels
        self._labels = {**before, **labels}
        try:
            yield
        finally:
            self._labels = before

    def _with(self, labels: Mapping[str, Label] | None) -> dict[str, Label]:
        return {**(labels or {}), **self._labels}

    def _said(self, sentence: str) -> str:
        return ": ".join([", ".join(map(str, self._labels.values()))] * bool(self._labels) + [sentence])

    def metric(
        self,
        name: str,
        value: float | None,
        *,
        unit: str,
        better: Better,
        kind: Kind = "speed",
        reason: str | None = None,
        labels: Mapping[str, Label] | None = None,
        censored_at: float | None = None,
    ) -> None:
        """Record a figure.

        Parameters
        ----------
        name : str
            The property measured; once a repeat, or once for each set of labels.
        value : float or None
            What was measured; null, with a `reason`, where it was not.
        unit : str
            For example `frame/s`; `1` for a pure number.
        better : {"higher", "lower"}
            Which direction is an improvement.
        kind : {"speed", "quality"}
            A repeat that misses a gate reports no speed.
        reason : str, optional
            Why there is no value.
        labels : mapping of str to str, int or float, optional
            What it is of, where there is more than one: `{"policy": "dbscan"}`. Never part of the name: by name and
            labels results are compared and tables made.
        censored_at : float, optional
            Of a time to something that did not happen (`value` is null): how long it was waited for.
        """
        number = None if value is None else float(value)
        if number is not None and not math.isfinite(number):
            number, reason = None, reason or f"the value was {number}"
        why = None if number is not None else reason
        metric = Metric(
            name=name, labels=self._with(labels), value=number, unit=unit, better=better, kind=kind, reason=why,
            censored_at=censored_at,
        )  # fmt: skip
        self._keep(metric, self._metrics)
        self._event("metric", **metric.model_dump(exclude={"withheld"}))

    def samples(
        self, name: str, values: Iterable[float], *, unit: str, labels: Mapping[str, Label] | None = None
    ) -> None:
        """Keep raw numbers, in the order they were measured; labels as for `metric`, what is drawn as for `curve`."""
        if name.startswith("curve/"):
            raise UsageError(f"samples {name!r} are drawn no longer: record the line with run.curve")
        samples = Samples(name=name, labels=self._with(labels), unit=unit, values=_numbers(values))
        self._keep(samples, self._samples)
        self._event("samples", name=name, labels=samples.labels, unit=unit, n=len(samples.values))

    def curve(
        self,
        name: str,
        x: Iterable[float],
        y: Iterable[float],
        *,
        x_name: str,
        x_unit: str,
        unit: str,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Keep a line that the report draws; those of one name share a chart.

        Parameters
        ----------
        name : str
            What y is, for example `loss`.
        x, y : iterable of float
            As many of one as of the other; where one is not finite the line has a gap.
        x_name : str
            What x is, for example `training steps`.
        x_unit, unit : str
            Of x and of y; `1` for a pure number.
        labels : mapping of str to str, int or float, optional
            What tells the line from others of the chart, for example `{"split": "validation"}`.
        """
        curve = Curve(
            name=name,
            labels=self._with(labels),
            x=_numbers(x),
            y=_numbers(y),
            x_name=x_name,
            x_unit=x_unit,
            unit=unit,
        )
        self._keep(curve, self._curves)
        self._event("curve", name=name, labels=curve.labels, unit=unit, n=len(curve.y))

    def gate(
        self,
        name: str,
        value: float | None,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        labels: Mapping[str, Label] | None = None,
        kind: GateKind = "benchmark",
        advice: str | None = None,
    ) -> bool:
        """Check a condition of correctness and return whether it holds.

        Parameters
        ----------
        name : str
            What is checked.
        value : float or None
            One that is null or not finite never passes.
        at_most, at_least : float, optional
            The limit; exactly one of them.
        labels : mapping of str to str, int or float, optional
            As for `metric`.
        kind : {"benchmark", "sanity"}
            Whether the program is right, or whether its answer about a person's own data is plausible (a score below
            zero, a pose inside its box, frames that are whole). Both count for the verdict.
        advice : str, optional
            What to change where it is missed, in a line: `train longer: epochs=100`.
        """
        number = None if value is None or not math.isfinite(value) else float(value)
        limit = at_most if at_most is not None else at_least
        if limit is None or (at_most is not None and at_least is not None):
            raise ValueError(f"gate {name!r} needs exactly one of at_most and at_least")
        passed = number is not None and (number <= limit if at_most is not None else number >= limit)
        gate = Gate(
            name=name, labels=self._with(labels), value=number, at_most=at_most, at_least=at_least, passed=passed,
            kind=kind, advice=advice,
        )  # fmt: skip
        self._keep(gate, self._gates)
        self._event("gate", **gate.model_dump())
        return passed

    def comparison(
        self,
        name: str,
        *,
        candidate: str,
        baseline: str,
        terms: Terms | str,
        value: float | None,
        interval: tuple[float, float] | None,
        n: int,
        verdict: str,
        method: str = "",
        reason: str | None = None,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Record how two methods that the repeat ran on equal terms compare; see `harness.results.figures.Comparison`.

        Terms may be a text such as `60 core-seconds each`. A repeat that misses a gate reports none.
        """
        number = None if value is None or not math.isfinite(value) else float(value)
        low, high = (None, None) if interval is None or not all(map(math.isfinite, interval)) else map(float, interval)
        comparison = Comparison(
            name=name,
            labels=self._with(labels),
            candidate=candidate,
            baseline=baseline,
            terms=Terms.parse(terms) if isinstance(terms, str) else terms,
            value=number,
            low=low,
            high=high,
            n=n,
            verdict=verdict,
            method=method,
            reason=None if number is not None else reason or "it has no finite value",
        )
        self._comparisons.append(comparison)
        self._event("comparison", **comparison.model_dump())

    def artifact(self, name: str, content: str | bytes, caption: str = "", *, opens: bool = False) -> Path:
        """Leave a file in the run's folder; SVG and PNG files are shown in the report under their caption.

        One that `opens` is shown before anything else is told.
        """
        name = self._file_name(name)
        if name in self._artifacts:
            raise ValueError(f"artifact {name!r} was recorded twice in one repeat")
        if Path(name).name != name or name.startswith("."):
            raise ValueError(f"artifact {name!r} must be a plain file name")
        data = content.encode() if isinstance(content, str) else content
        path, caption = self.folder / name, self._said(caption) if caption else ""
        write_whole(path, data)
        self._artifacts[name] = Artifact(
            name=name,
            path=f"{self.folder.parent.name}/{self.folder.name}/{name}",
            caption=caption,
            sha256=hashlib.sha256(data).hexdigest(),
            opens=opens,
        )
        self._event("artifact", name=name)
        return path

    def _file_name(self, name: str) -> str:
        return "-".join([*(re.sub(r"[^\w.+-]+", "_", str(each)) for each in self._labels.values()), name])

    def scene(
        self, name: str, caption: str, parts: Sequence[ScenePart], steps: Sequence[SceneStep], *, plays: bool = False
    ) -> None:
        """Say which structures, left as artifacts before, are to be looked at together: the report turns them in 3D.

        Parameters
        ----------
        name, caption : str
            What it is called, and a sentence or two about it.
        parts : sequence of ScenePart
            Files, PDB or SDF, in one frame of reference.
        steps : sequence of SceneStep
            What is seen at once, one after the other.
        plays : bool
            Whether the steps are successive, as in a trajectory.

        Raises
        ------
        ValueError
            A file that was not left as an artifact, or a step that does not speak of each part.
        """
        named = [each.model_copy(update={"artifact": self._file_name(each.artifact)}) for each in parts]
        missing = [each.artifact for each in named if each.artifact not in self._artifacts]
        if missing:
            raise ValueError(f"scene {name!r} shows {missing[0]!r}, which is not an artifact of this repeat")
        scene = Scene(name=self._said(name), caption=caption, parts=tuple(named), steps=tuple(steps), plays=plays)
        self._scenes.append(scene)
        self._event("scene", name=scene.name)

    def dataset(self, name: str, *, version: str, sha256: str | None, synthetic: bool) -> None:
        """Say which data the repeat used; `synthetic` when the project made them."""
        self._dataset = Dataset(name=name, version=version, sha256=sha256, synthetic=synthetic)
        self._event("dataset", **self._dataset.model_dump())

    def study(self, plan: StudyPlan) -> None:
        """Say that figures with the labels of the plan's points are those of a study, and how it is drawn."""
        self._study = plan

    def warn(self, sentence: str) -> None:
        """Say what was removed, changed or is missing in what a person brought; shown before everything else."""
        sentence = self._said(sentence)
        if sentence not in self._warnings:
            self._warnings[sentence] = None
            self._event("warning", sentence=sentence)

    def estimate(self, sentence: str, *, duration_s: float | None = None) -> None:
        """Say before something long what will be done, and how long that takes here, as a short timing of it tells."""
        number = None if duration_s is None or not math.isfinite(duration_s) else float(duration_s)
        sentence = self._said(sentence)
        self._estimates.append(Estimate(sentence=sentence, duration_s=number))
        self._event("estimate", sentence=sentence, duration_s=number)

    def finding(self, sentence: str) -> None:
        """Say what came out, in words; shown beside the verdict, for a run may pass and have found nothing."""
        sentence = self._said(sentence)
        self._findings.append(sentence)
        self._event("finding", sentence=sentence)

    def note(self, sentence: str) -> None:
        """Say something that whoever reads the figures must know; shown in the terminal and in the report."""
        sentence = self._said(sentence)
        self._notes.append(sentence)
        self._event("note", sentence=sentence)

    def _event(self, event: str, **fields: Any) -> None:
        self._events.append(event, repeat=self._index, **fields)

    @staticmethod
    def _keep(record: R, kept: dict[Key, R]) -> None:
        if record.key in kept:
            raise ValueError(f"{type(record).__name__.lower()} {str(record)!r} was recorded twice in one repeat")
        kept[record.key] = record


def _numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    numbers = np.asarray(list(values), np.float64).ravel()
    return tuple(float(value) if math.isfinite(value) else None for value in numbers)


def hide_speed(metrics: tuple[Metric, ...], why: str) -> tuple[Metric, ...]:
    """Withhold the value of each speed metric: a speed that missed its gate is not a speed."""
    return tuple(
        metric.model_copy(update={"value": None, "withheld": metric.value, "reason": why})
        if metric.kind == "speed" and metric.value is not None
        else metric
        for metric in metrics
    )
