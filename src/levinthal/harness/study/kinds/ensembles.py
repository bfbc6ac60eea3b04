"""Replicas against cores: the same simulations or searches by more and more workers that do not wait for each other.

A worker is a process pinned to a core, with one thread. It takes the next replica as soon as it has done one, as an
ensemble does. In the strong mode all numbers of workers do the same replicas, in the weak one each worker brings as
many more. The rate of a round counts from the first replica that began until the last that ended, so that workers with
nothing left to do are part of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from levinthal.errors import UsageError
from levinthal.harness.contract.replicates import Replicates
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.trains import PREPARED, Prepared
from levinthal.harness.contract.workload import Workload
from levinthal.harness.engines.processes import available_cores
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study
from levinthal.harness.study.laws import laws_in_words
from levinthal.harness.study.replicas.launch import ReplicaWorkers
from levinthal.harness.study.replicas.record import ReplicasRecord, ReplicaTerms, Round

_WORKERS = "workers"
_RATE, _SPEED_UP, _EFFICIENCY, _BUSY = "rate", "speed-up", "parallel efficiency", "share of the time at work"
_TURNS = 4
"""Replicas of a worker where nothing else is asked for."""
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 100
_ANSWERS = 1e-6


class EnsembleOptions(Settings):
    """What a study of replicas varies."""

    workers: str = Field(description="Numbers of workers, separated by commas; the least is the baseline.")
    mode: Literal["strong", "weak"] = Field(
        default="strong", description="Do all numbers of workers do the same replicas, or each worker as many?"
    )
    replicas: int = Field(
        default=0, ge=0, description="Of a round with the most workers; 0 is four for each of these workers."
    )
    seconds: float = Field(default=5.0, gt=0, description="How long rounds are timed at least; three or more.")


class EnsembleStudy(Study[ReplicasRecord]):
    """Replicas by more and more workers: rate, speed-up, parallel efficiency."""

    Options = EnsembleOptions
    Record = ReplicasRecord
    options: EnsembleOptions

    def __init__(self, workload: Workload, options: EnsembleOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Replicates):
            raise UsageError(
                f"workload {workload.name!r} has no unit of work that workers could do side by side: it does not offer "
                "levinthal.harness.Replicates"
            )
        self.item = workload.replica_item
        self.workers = _numbers(options.workers)
        self.replicas = options.replicas or _TURNS * self.workers[-1]
        if self.replicas < self.workers[-1]:
            raise UsageError(f"{self.replicas} replicas leave some of {self.workers[-1]} workers idle: raise replicas")

    def plan(self) -> StudyPlan:
        """Return the axis of workers."""
        how = {
            "strong": "all do the same replicas (strong scaling)",
            "weak": "each brings as many replicas (weak scaling)",
        }[self.options.mode]
        asked = {
            "workers": ",".join(map(str, self.workers)), "mode": self.options.mode, "replicas": self.replicas,
            "seconds": f"{self.options.seconds:g}",
        }  # fmt: skip
        return StudyPlan(
            kind="ensembles",
            axes=(
                Axis(
                    name=_WORKERS, values=tuple(self.workers), baseline=self.workers[0], counted="worker",
                    title="workers, a core each",
                ),
            ),
            command=("study", "ensembles"),
            arguments=tuple(word for key, value in asked.items() for word in ("--option", f"{key}={value}")),
            drawing=Drawing(
                title="Replicas against cores",
                lead=f"Replicas of {self.workload.name} side by side, by more and more workers: {how}.",
                shape="curves", across=_WORKERS, figures=(_SPEED_UP, _RATE), headline=(_EFFICIENCY, _RATE),
                headings={_EFFICIENCY: "Efficiency", _BUSY: "At work"}, shares=(_EFFICIENCY, _BUSY),
                caption="the share at work is of all workers and the time of a round",
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> ReplicasRecord:
        """Start the workers of a point, and do rounds of replicas until enough is timed."""
        n, terms = int(point[_WORKERS]), bench.terms
        workers = ReplicaWorkers(
            n,
            file.with_suffix(""),
            ReplicaTerms(
                workload=self.workload.name, settings=terms.settings.model_dump(mode="json"), seed=terms.seed,
                device=terms.device, precision=terms.precision,
            ),
        )  # fmt: skip
        numbers = range(self._replicas(n))
        rounds: list[Round] = []
        answers: dict[int, set[float | None]] = {number: set() for number in numbers}
        try:
            with bench.run.phase(f"{bench.plan.words(point)}, loading"):
                workers.make_ready()
            with bench.run.phase(bench.plan.words(point), items=0) as phase:
                while len(rounds) < _LEAST_ROUNDS or sum(each.span_s for each in rounds) < self.options.seconds:
                    one, done = workers.do(numbers)
                    rounds.append(one)
                    phase.items = (phase.items or 0) + one.items
                    for each in done:
                        answers[each.number].add(each.answer)
                    if len(rounds) == _MOST_ROUNDS:
                        break
        finally:
            workers.close()
        return ReplicasRecord(
            rounds=tuple(rounds),
            answers=tuple(found.pop() if len(found) == 1 else None for found in answers.values()),
            workers_per_core=workers.per_core,
        )

    def figures(self) -> Sequence[Figure[ReplicasRecord] | Ratio]:
        """Return the rate, what more workers are worth, and how much of the time they worked."""
        return (
            Figure(_RATE, f"{self.item}/s", "higher", lambda _, record: _rate(record)),
            Ratio(_SPEED_UP, _RATE, _WORKERS),
            Ratio(_EFFICIENCY, _RATE, _WORKERS, weight=lambda point, base: int(base[_WORKERS]) / int(point[_WORKERS])),
            Figure(_BUSY, "1", "higher", _busy),
        )

    def samples(self, record: ReplicasRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the rate of each round."""
        return {_RATE: ([each.items / each.span_s for each in record.rounds], f"{self.item}/s")}

    def gates(self, plan: StudyPlan, measured: Measured[ReplicasRecord]) -> Iterator[GateValue]:
        """Yield that a replica is the same whatever runs beside it: else workers did not do the same work."""
        del plan
        records = list(measured.records.values())
        largest: float | None = 0.0
        for record in records:
            for mine, first in zip(record.answers, records[0].answers, strict=False):
                if mine is None or first is None:
                    largest = None
                elif largest is not None:
                    largest = max(largest, abs(mine - first) / max(abs(first), 1e-300))
        yield GateValue(
            "relative difference of a replica's answer between rounds or numbers of workers", largest, at_most=_ANSWERS,
            advice="the unit of work must be the same for the same number, or the rates are of different work",
        )  # fmt: skip

    def conclude(self, bench: Bench, measured: Measured[ReplicasRecord]) -> StudyPlan:
        """Name the data, and say what the laws of scaling make of the rates."""
        run, plan, records = bench.run, bench.plan, measured.records
        stem = plan.stems()[next(iter(records))]
        file = bench.terms.folder / "points" / f"{int(run.folder.name):03d}-{stem}" / "worker-0" / PREPARED
        told = validated(Prepared, read_json(file), file)
        for warning in told.warnings:
            run.warn(warning)
        for note in told.notes:
            run.note(note)
        if told.dataset is not None:
            run.dataset(**told.dataset.model_dump())
        by_workers = {int(point[_WORKERS]): record for point, record in records.items()}
        for n, record in by_workers.items():
            if record.workers_per_core > 1:
                run.note(f"{n} workers had {len(available_cores())} cores: their efficiency is bounded by that.")
        rates = {n: _rate(record) for n, record in by_workers.items()}
        alone = [n for n, record in by_workers.items() if record.workers_per_core == 1]
        for sentence in laws_in_words(rates, max(alone, default=0)):
            run.finding(sentence)
        return plan

    def _replicas(self, n_workers: int) -> int:
        return self.replicas if self.options.mode == "strong" else self.replicas * n_workers // self.workers[-1]

    @staticmethod
    def last_line(result: Result) -> str:
        """Return the parallel efficiency of the most workers."""
        assert result.study is not None
        most = max(result.study.axis(_WORKERS).values)
        summary = result.summary.get(_EFFICIENCY, {_WORKERS: most})
        told = "not measured" if summary is None or summary.median is None else f"{100 * summary.median:.1f} %"
        return f"parallel efficiency at {result.study.axis(_WORKERS).words(most)}: {told}"


def _rate(record: ReplicasRecord) -> float:
    return statistics.median(each.items / each.span_s for each in record.rounds)


def _busy(point: Point, record: ReplicasRecord) -> float:
    n = int(point[_WORKERS])
    return statistics.median(each.busy_s / (n * each.span_s) for each in record.rounds)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"workers {text!r}: give whole numbers from 1 on, separated by commas")
    return sorted(set(map(int, parts)))


STUDY = EnsembleStudy
