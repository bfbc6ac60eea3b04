"""The precision of inference: how fast each is beside what it does to the answers that scientists use.

All precisions of a repeat are those of one model and one set of samples, timed in one process, in rounds. One that this
device lacks is said not to be there. The recommendation is the fastest whose answers stay within the tolerance and that
is faster than the first by more than timing can hide; where none is, that cannot be told, or nothing is gained.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field

from levinthal.errors import LevinthalError, UsageError
from levinthal.harness.contract.infers import ALL, LowerableInference, Lowers
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.result import Result
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study
from levinthal.harness.study.serving.asking import samples_of
from levinthal.metrics.two_samples import P_THRESHOLD, compare_samples

_PRECISION = "precision"
_RATE, _SPEED_UP = "answers", "speed-up"
_LARGEST, _MEDIAN = "largest deviation over the tolerance", "median deviation over the tolerance"
_ROUNDS, _ROUND_S = 9, 0.05
_FACTOR = 1.1
"""What is not faster by so much is not worth another precision."""
_IN_COMMON = 0.9
"""Of effects that are shares: below this, another choice would be made."""


class PrecisionOptions(Settings):
    """What is measured."""

    precisions: tuple[str, ...] = Field(default=(), description="Which; the workload's own by default.")
    batch_size: int = Field(default=32, ge=1, description="Samples answered at a time.")
    source: str = Field(default="", description="Folder of the repeat whose model is asked; empty for a new model.")


class PrecisionRecord(BaseModel):
    """What a precision costs and does.

    Attributes
    ----------
    per_s : tuple of float
        Samples answered a second, of each round.
    largest, median : float or None
        Deviation of the answers from the plain model's over the tolerance; null where one is not finite.
    effects : mapping of str to float
        By the names that the workload declares.
    execution : str
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    per_s: tuple[float, ...] = Field(min_length=1)
    largest: float | None
    median: float | None
    effects: Mapping[str, float]
    execution: str


class PrecisionStudy(Study[PrecisionRecord]):
    """How fast a model is in each precision, and what that does to its answers."""

    Options = PrecisionOptions
    Record = PrecisionRecord
    options: PrecisionOptions

    def __init__(self, workload: Workload, options: PrecisionOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Lowers):
            raise UsageError(f"workload {workload.name!r} does not offer levinthal.harness.Lowers")
        self.lowers = workload
        first, *_ = workload.precisions
        chosen = options.precisions or workload.precisions
        for each in chosen:
            if each not in workload.precisions:
                raise UsageError(f"precision {each!r} is unknown: choose among {', '.join(workload.precisions)}")
        self.first, self.precisions = first, tuple(dict.fromkeys((first, *chosen)))
        self._model: LowerableInference | None = None

    def plan(self) -> StudyPlan:
        """Return the axis of precisions."""
        return StudyPlan(
            kind="lowering",
            axes=(Axis(name=_PRECISION, values=self.precisions, baseline=self.first),),
            drawing=Drawing(
                title="Precision", shape="bars", across=_PRECISION, figures=(_RATE, _LARGEST),
                lead="One model, the same samples: how fast it answers in each precision, and by how much its answers "
                "differ from those of the plain model, over what is still right.",
                headline=(_SPEED_UP, _LARGEST),
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> PrecisionRecord:
        """Answer all samples in a precision and compare; then time it in rounds."""
        del file
        precision, run = str(point[_PRECISION]), bench.run
        if precision == "tf32" and not run.device.startswith("cuda"):
            raise LevinthalError("not measured: only a GPU has tf32")
        with run.phase(precision, doing="answers in this precision"):
            if self._model is None:
                source = Path(self.options.source) if self.options.source else None
                loaded = self.lowers.load_inference(run, bench.terms.settings, source)
                self._model = cast(LowerableInference, loaded)
            try:
                return self._measured(self._model.in_precision(precision))
            except (RuntimeError, NotImplementedError) as error:  # torch's, of a device without such arithmetic
                raise LevinthalError(f"not measured: {error}") from error

    def _measured(self, model: LowerableInference) -> PrecisionRecord:
        samples, size = samples_of(model, ALL), self.options.batch_size
        batches = [part[k : k + size] for part in model.buckets.values() for k in range(0, len(part), size)]
        answers = dict(pair for each in batches for pair in zip(each, model.answer(each), strict=True))
        mine, plain = [answers[each] for each in samples], model.reference(samples)
        deviations = [model.deviation(*pair) / model.tolerance for pair in zip(mine, plain, strict=True)]
        finite = all(map(math.isfinite, deviations))
        return PrecisionRecord(
            per_s=tuple(_rounds(partial(_answer_all, model, batches), len(samples))),
            largest=max(deviations) if finite else None,
            median=statistics.median(deviations) if finite else None,
            effects=dict(model.effects(mine, plain)) if finite else {},
            execution=model.execution,
        )

    def figures(self) -> Sequence[Figure[PrecisionRecord] | Ratio]:
        """Return rate, speed-up, deviation and what the workload declares."""

        def effect(name: str) -> Callable[[Point, PrecisionRecord], float | None]:
            return lambda _, record: record.effects.get(name)

        return (
            Figure(_RATE, f"{self.lowers.query}/s", "higher", lambda _, record: statistics.median(record.per_s)),
            Ratio(_SPEED_UP, _RATE, _PRECISION),
            Figure(_LARGEST, "1", "lower", lambda _, record: record.largest, kind="quality"),
            Figure(_MEDIAN, "1", "lower", lambda _, record: record.median, kind="quality"),
            *(
                Figure(name, unit, better, effect(name), kind="quality")
                for name, (unit, better) in self.lowers.effects.items()
            ),
        )

    def samples(self, record: PrecisionRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the rate of each round."""
        return {"answers of a round": (record.per_s, f"{self.lowers.query}/s")}

    def gates(self, plan: StudyPlan, measured: Measured[PrecisionRecord]) -> Iterator[GateValue]:
        """Yield that the first precision answers as the plain model does: else nothing can be held against it."""
        del plan
        for point, record in measured.records.items():
            if point[_PRECISION] == self.first:
                yield GateValue(
                    f"{_LARGEST}, of what others are compared with", record.largest, at_most=1.0,
                    advice="the compiled loops are wrong here: set implementation=torch, and report it",
                )  # fmt: skip

    def conclude(self, bench: Bench, measured: Measured[PrecisionRecord]) -> StudyPlan:
        """Recommend a precision, in words."""
        records = {str(point[_PRECISION]): record for point, record in measured.records.items()}
        run = bench.run
        for name, record in records.items():
            run.note(f"{name}: {record.execution}.")
        verdicts = {name: self._verdict(record, records.get(self.first)) for name, record in records.items()}
        for name, verdict in verdicts.items():
            if name != self.first:
                run.finding(f"{name}: {verdict}.")
        good = [name for name, verdict in verdicts.items() if verdict.startswith("faster and right")]
        best = max(good, key=lambda name: statistics.median(records[name].per_s), default=None)
        run.finding(
            f"Recommended here: {best}."
            if best is not None
            else f"Recommended here: {self.first}; no other is told to be both faster and right."
        )
        return bench.plan

    def _verdict(self, record: PrecisionRecord, first: PrecisionRecord | None) -> str:
        if record.largest is None:
            return "unusable: answers are not finite"
        shares = [value for name, value in record.effects.items() if self.lowers.effects[name] == ("1", "higher")]
        right = record.largest <= 1.0 and all(value >= _IN_COMMON for value in shares)
        told = [f"largest deviation {record.largest:.3g} of the tolerance"]
        told += [f"{name} {value:.3g}" for name, value in record.effects.items()]
        if first is None:
            return f"cannot tell whether it is faster: {self.first} was not measured; {', '.join(told)}"
        compared = compare_samples(first.per_s, record.per_s)
        ratio = compared.ratio or 0.0
        clear = compared.p_value < P_THRESHOLD and max(ratio, 1 / ratio) >= _FACTOR
        speed = "cannot tell whether it is faster" if not clear else "faster" if ratio > 1 else "slower"
        worth = "right" if right else "wrong"
        joined = f"{speed} and {worth}" if clear else f"{worth}; {speed}"
        return f"{joined}: {ratio:.3g} times {self.first}, {', '.join(told)}"

    @staticmethod
    def last_line(result: Result) -> str:
        """Return the recommendation of the first repeat."""
        found = [each for each in result.repeats[0].findings if each.startswith("Recommended")]
        return found[-1] if found else ""


def _answer_all(model: LowerableInference, batches: Sequence[Sequence[int]]) -> None:
    for each in batches:
        model.answer(each)


def _rounds(work: Callable[[], None], n_samples: int) -> Iterator[float]:
    """Yield the rate of each round, of as many passes as take a while; the passes before it warm up."""
    began_s = time.perf_counter()
    work()
    passes = max(1, math.ceil(_ROUND_S / max(time.perf_counter() - began_s, 1e-9)))
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        for _ in range(passes):
            work()
        yield passes * n_samples / (time.perf_counter() - began_s)


STUDY = PrecisionStudy
