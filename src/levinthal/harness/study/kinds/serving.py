"""Inference scenarios: MLCommons LoadGen asks a model, a length bucket at a time, and says whether the result is valid.

A point (scenario, bucket, batch) is a test of LoadGen's in a process of its own, with two audits: answers of the timed
run are those of the accuracy run, and other seeds take no longer. What LoadGen calls invalid misses a gate, and has no
speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from levinthal.errors import UsageError
from levinthal.harness.contract.infers import ALL, Infers
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import REPEAT_FILE, read_json, read_repeat, validated
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Study
from levinthal.harness.study.serving.asking import SEEDS_TOLERANCE
from levinthal.harness.study.serving.headroom import HeadRoom, Retraining, campaigns_of, training_s_of
from levinthal.harness.study.serving.launch import Server
from levinthal.harness.study.serving.loadgen import need_loadgen
from levinthal.harness.study.serving.record import SCENARIOS, Request, ServingRecord, ServingTerms

_SCENARIO, _BUCKET, _BATCH = "scenario", "samples", "batch"
_RATE, _MEDIAN, _TAIL, _ESTIMATE, _BATCH_MEAN = (
    "answers", "median latency", "tail latency", "latency estimate", "samples of a batch",
)  # fmt: skip
_VALID = "LoadGen calls it valid"
_DEVIATION = "deviation from the plain model over the tolerance"
_LEAD = (
    "LoadGen asks the model: single-stream one sample after the other, multi-stream a batch after the other, server at "
    "random times, as often as 99 of 100 answers come within {:g} ms, offline all samples at once."
)


class ServingOptions(Settings):
    """What is asked, how and for how long."""

    scenarios: tuple[str, ...] = Field(default=(), description="Which scenarios; the workload's own by default.")
    buckets: tuple[str, ...] = Field(default=(ALL,), min_length=1, description="Length buckets, or all samples.")
    batch_sizes: tuple[int, ...] = Field(
        default=(32,), min_length=1, description="Samples answered at a time at most (server, offline)."
    )
    samples_per_query: int = Field(default=8, ge=2, description="Samples of a query of the multi-stream scenario.")
    latency_bound_ms: float = Field(
        default=0.0, ge=0.0, description="Within which 99 % of a server's answers come; 0 takes the workload's."
    )
    seconds: float = Field(default=0.5, gt=0.0, description="How long each of LoadGen's tests lasts at least.")
    source: str = Field(default="", description="Folder of the repeat whose model is asked; empty for a new model.")
    campaigns: tuple[str, ...] = Field(
        default=(),
        description="Campaigns that inference is to follow: paper, a run folder, or conformations a second as "
        "RATE or RATE/REPLICAS.",
    )


class ServingStudy(Study[ServingRecord]):
    """Latency and throughput of a model as LoadGen measures them, and what they suffice for."""

    Options = ServingOptions
    Record = ServingRecord
    options: ServingOptions

    def __init__(self, workload: Workload, options: ServingOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Infers):
            raise UsageError(
                f"the model of workload {workload.name!r} cannot be asked: it does not offer levinthal.harness.Infers"
            )
        need_loadgen()
        self.infers = workload
        self.scenarios = options.scenarios or workload.scenarios
        for each in self.scenarios:
            if each not in SCENARIOS:
                raise UsageError(f"scenario {each!r} is unknown: choose among {', '.join(SCENARIOS)}")
        if any(size < 1 for size in options.batch_sizes):
            raise UsageError("batch_sizes are whole numbers from 1 on")
        self.bound_ms = options.latency_bound_ms or workload.latency_bound_ms
        self.campaigns = campaigns_of(options.campaigns)
        self._server: Server | None = None

    def plan(self) -> StudyPlan:
        """Return the axes scenario, bucket and batch; a stream's batch is its query."""
        batches = {"single-stream": (1,), "multi-stream": (self.options.samples_per_query,)}
        of_each = {scenario: batches.get(scenario, self.options.batch_sizes) for scenario in self.scenarios}
        sizes = sorted({size for each in of_each.values() for size in each})
        return StudyPlan(
            kind="serving",
            axes=(
                Axis(name=_SCENARIO, values=self.scenarios),
                Axis(name=_BUCKET, values=self.options.buckets),
                Axis(name=_BATCH, values=tuple(sizes)),
            ),
            parts=tuple({_SCENARIO: (scenario,), _BATCH: sizes} for scenario, sizes in of_each.items()),
            drawing=Drawing(
                title="Inference scenarios", lead=_LEAD.format(self.bound_ms), shape="bars", across=_BUCKET,
                figures=(_RATE, _MEDIAN), headline=(_RATE, _MEDIAN),
                headings={_ESTIMATE: "LoadGen's estimate", _DEVIATION: "Deviation / tolerance"},
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> ServingRecord:
        """Have LoadGen ask about the point in the process that has loaded the model."""
        terms, scenario, bucket = bench.terms, str(point[_SCENARIO]), str(point[_BUCKET])
        if self._server is None:
            self._server = Server(
                bench.run.folder / bench.plan.kind,
                ServingTerms(
                    workload=self.workload.name,
                    settings=terms.settings.model_dump(mode="json"),
                    source=self.options.source,
                    seed=terms.seed,
                    device=terms.device,
                    precision=terms.precision,
                ),
            )
        request = Request.model_validate(
            {
                "scenario": scenario, "bucket": bucket, "batch": int(point[_BATCH]), "seconds": self.options.seconds,
                "bound_ms": self.bound_ms, "seed": bench.run.seed_for("loadgen", bits=31), "file": file,
                "logs": self._server.folder / bench.plan.stems()[point],
            }
        )  # fmt: skip
        with bench.run.phase(bench.plan.words(point), doing="LoadGen's tests and audits"):
            self._server.measure(request)
        return validated(ServingRecord, read_json(file), file)

    def figures(self) -> Sequence[Figure[ServingRecord]]:
        """Return rate, latencies and what the answers are worth."""

        def latency(percentile: str) -> Any:
            return lambda _, record: record.latency_ms.get(percentile)

        return (
            Figure(_RATE, f"{self.infers.query}/s", "higher", lambda _, record: record.per_s),
            Figure(_MEDIAN, "ms", "lower", latency("50")),
            Figure(_TAIL, "ms", "lower", latency("99")),
            Figure(_ESTIMATE, "ms", "lower", lambda _, record: record.estimate_ms),
            Figure(_BATCH_MEAN, "1", "higher", lambda _, record: record.mean_batch),
            Figure(_DEVIATION, "1", "lower", lambda _, record: record.deviation, kind="quality"),
        )

    def samples(self, record: ServingRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the times of the batches within the model."""
        return {"time of a batch": (record.answer_s, "s")}

    def gates(self, plan: StudyPlan, measured: Measured[ServingRecord]) -> Iterator[GateValue]:
        """Yield LoadGen's verdict, the two audits, and what the answers are worth; of each point."""
        for point, record in measured.records.items():
            labels = dict(point)
            valid = float(record.verdict == "VALID")
            yield GateValue(_VALID, valid, at_least=1.0, labels=labels, advice=record.advice or None)
            yield GateValue(
                "deviation of timed answers from those of the accuracy run over the tolerance", record.moved,
                at_most=1.0, labels=labels, advice="a model must answer alike whether it is timed or not",
            )  # fmt: skip
            yield GateValue(
                _DEVIATION, record.deviation, at_most=1.0, labels=labels,
                advice=f"{record.deviation_of}: compute in a higher precision",
            )  # fmt: skip
            yield GateValue(
                "time of an answer with other seeds over that with LoadGen's", record.other_seeds,
                at_most=SEEDS_TOLERANCE, labels=labels,
                advice="a model must not know what will be asked; on a busy machine: measure again",
            )  # fmt: skip

    def conclude(self, bench: Bench, measured: Measured[ServingRecord]) -> StudyPlan:
        """Say what was asked and what LoadGen says of it; hold it against what campaigns make."""
        run, plan = bench.run, bench.plan
        if self._server is not None:
            prepared = self._server.prepared()
            self._server.close()
            if prepared is not None:
                for warning in prepared.warnings:
                    run.warn(warning)
                for note in prepared.notes:
                    run.note(note)
                if prepared.dataset is not None:
                    run.dataset(**prepared.dataset.model_dump())
        records = measured.records
        for point, record in records.items():
            run.finding(f"{plan.words(point)}: {_told(record, self.infers.query)}")
        for how in dict.fromkeys(f"{record.execution} on {record.device}" for record in records.values()):
            run.note(f"Computed as {how}; LoadGen {next(iter(records.values())).loadgen}.")
        # answers in time are a server's; where none was measured, as many as come at all
        best = next((each for each in ("server", "offline") if each in self.scenarios), self.scenarios[0])
        training_s = None
        if self.options.source and self.campaigns:
            training_s = training_s_of(read_repeat(Path(self.options.source) / REPEAT_FILE, self.workload.name))
        for campaign in self.campaigns:
            if training_s is not None:
                Retraining(campaign, training_s).report(run)
            for point, record in ((point, record) for point, record in records.items() if point[_SCENARIO] == best):
                HeadRoom(campaign, record.per_s).report(run, dict(point), plan.words(point), self.infers.query)
        return plan

    @staticmethod
    def last_line(result: Result) -> str:
        """Return how many points LoadGen calls valid, in every repeat."""
        assert result.study is not None
        missed = [gate for repeat in result.repeats for gate in repeat.gates if not gate.passed]
        invalid = [gate.labels for gate in missed if gate.name == _VALID]
        points = result.study.figure_points()
        return f"LoadGen calls {sum(dict(point) not in invalid for point in points)} of {len(points)} points VALID"


def _told(record: ServingRecord, query: str) -> str:
    if record.verdict == "INVALID":
        return f"INVALID: {record.reason}: {record.advice}."
    rate = "" if record.per_s is None else f", {record.per_s:.4g} {query}/s"
    tails: Iterable[str] = (f"p{percentile} {latency:.3g} ms" for percentile, latency in record.latency_ms.items())
    return f"VALID, {record.n_queries:,} queries{rate}; {', '.join(tails) or 'one query'}."


STUDY = ServingStudy
