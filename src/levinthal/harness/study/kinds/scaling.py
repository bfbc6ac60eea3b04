"""The scaling study: the same training on more and more ranks, and what each of them is worth.

A point (case, batch size, number of ranks) is a torchrun of its own. Speed-up and efficiency are ratios of points of
the same repeat, minutes apart on the same machine. How to compute where that is left open (precision, implementation)
is measured once a case and the same for all its points, as are the threads of a rank.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.trains import CHOICE, PREPARED, Chooses, Prepared, Trains
from levinthal.harness.contract.workload import Workload
from levinthal.harness.engines.ranks import threads_of_rank
from levinthal.harness.results.grid import Axis, Choice, Drawing, Point, StudyPlan
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study, Terms
from levinthal.harness.study.laws import laws_in_words
from levinthal.harness.study.pairs import largest_relative_difference, pairs_along
from levinthal.harness.study.scaling.launch import RankedTraining
from levinthal.harness.study.scaling.record import PointRecord

LOSS_TOLERANCE = 0.02
"""Largest relative difference between the first losses of a point and of its case's fewest ranks at the same batch."""

_DATA = "training-data"
_CASE, _RANKS = "case", "ranks"
_EPOCH_TIME, _RATE, _SPEED_UP, _EFFICIENCY = "time per epoch", "training", "speed-up", "parallel efficiency"
_COMMUNICATION, _LOADING, _COMPUTE = "share of communication", "share of data loading", "share of compute"
_LEAD = (
    "The same training on more and more ranks: {}. Lines are medians, whiskers their 95 % intervals; the ideal line "
    "halves the time for twice the ranks."
)


class ScalingOptions(Settings):
    """What a scaling study varies."""

    world_sizes: str = Field(description="Numbers of ranks, separated by commas; the least is the baseline.")
    batch_sizes: str = Field(
        default="",
        description="N,N,... for every case or CASE=N,N,... for one, by semicolons; else the workload's own.",
    )
    cases: tuple[str, ...] = Field(default=(), description="Which problem sizes; all of the workload's by default.")
    mode: Literal["strong", "weak"] = Field(
        default="strong", description="Do ranks share a batch, or has each its own?"
    )
    nodes: int = Field(default=1, ge=1, description="Nodes that ranks are dealt out to where there are as many ranks.")
    seconds: float = Field(default=5.0, gt=0, description="How long the steps of a point are timed at least.")


class ScalingStudy(Study[PointRecord]):
    """Training on more and more ranks: time per epoch, speed-up, parallel efficiency."""

    Options = ScalingOptions
    Record = PointRecord
    options: ScalingOptions

    def __init__(self, workload: Workload, options: ScalingOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Trains):
            raise UsageError(
                f"the training of workload {workload.name!r} cannot be spread over ranks: it does not offer "
                "levinthal.harness.Trains"
            )
        self.trains = workload
        self.strong = options.mode == "strong"
        self.batch_axis = "batch size" if self.strong else "batch size of a rank"
        self.world_sizes = sorted(set(_numbers(options.world_sizes, "world sizes")))
        if options.nodes > 1 and (uneven := [n for n in self.world_sizes if n >= options.nodes and n % options.nodes]):
            raise UsageError(f"{uneven[0]} ranks cannot be dealt out evenly to {options.nodes} nodes: choose multiples")
        self.batch_sizes = self._batch_sizes()

    def _batch_sizes(self) -> dict[str, tuple[int, ...]]:
        known = self.trains.scaling_cases
        for case in self.options.cases:
            if case not in known:
                raise UsageError(f"case {case!r} of {self.workload.name} is unknown: choose among {', '.join(known)}")
        chosen = {case: tuple(known[case].batch_sizes) for case in (self.options.cases or known)}
        for text in filter(None, self.options.batch_sizes.split(";")):
            case, sign, numbers = text.rpartition("=")
            if sign and case not in chosen:
                raise UsageError(f"batch sizes {text}: case {case!r} is not measured: choose among {', '.join(chosen)}")
            for each in [case] if sign else chosen:
                chosen[each] = tuple(_numbers(numbers, "batch sizes"))
        return chosen

    # -- what is varied and shown

    def plan(self) -> StudyPlan:
        """Return the axes case, batch size and ranks; each case has batch sizes of its own."""
        every = dict.fromkeys(size for sizes in self.batch_sizes.values() for size in sizes)
        sizes = [f"{case}={','.join(map(str, sizes))}" for case, sizes in self.batch_sizes.items()]
        how = "they share a batch (strong scaling)" if self.strong else "each has a batch of its own (weak scaling)"
        asked = {
            "--world-sizes": ",".join(map(str, self.world_sizes)), "--cases": ",".join(self.batch_sizes),
            "--mode": self.options.mode, "--nodes": str(self.options.nodes), "--seconds": f"{self.options.seconds:g}",
        }  # fmt: skip
        return StudyPlan(
            kind="scaling",
            axes=(
                Axis(name=_CASE, values=tuple(self.batch_sizes)),
                Axis(
                    name=self.batch_axis, values=tuple(every), before="batch", after="" if self.strong else "a rank",
                    title="batch" if self.strong else "batch of each rank",
                ),
                Axis(
                    name=_RANKS, values=tuple(self.world_sizes), baseline=self.world_sizes[0], counted="rank",
                    title="ranks, a core each",
                ),
            ),
            parts=tuple({_CASE: (case,), self.batch_axis: sizes} for case, sizes in self.batch_sizes.items()),
            command=("scale",),
            arguments=(
                *(word for pair in asked.items() for word in pair),
                *(word for size in sizes for word in ("--batch-sizes", size)),
            ),
            drawing=Drawing(
                title="Scaling", lead=_LEAD.format(how), shape="curves", across=_RANKS, along=self.batch_axis,
                figures=(_EPOCH_TIME,), logarithmic=True, ideal=True, caption="shares are of the time of a step",
                headings={
                    _EFFICIENCY: "Efficiency", _COMMUNICATION: "Communi\u00adcation", _LOADING: "Data loading",
                    _COMPUTE: "Compute",
                },
                shares=(_EFFICIENCY, _COMMUNICATION, _LOADING, _COMPUTE), headline=(_EFFICIENCY, _EPOCH_TIME),
            ),
        )  # fmt: skip

    def figures(self) -> Sequence[Figure[PointRecord] | Ratio]:
        """Return the time of an epoch, the rate, what more ranks are worth, and where the time of a step goes."""
        return (
            Figure(_EPOCH_TIME, "s", "lower", lambda point, record: record.n_items / self._rate(point, record)),
            Figure(_RATE, f"{self.trains.item}/s", "higher", self._rate),
            Ratio(_SPEED_UP, _RATE, _RANKS),
            Ratio(_EFFICIENCY, _RATE, _RANKS, weight=lambda point, base: int(base[_RANKS]) / int(point[_RANKS])),
            Figure(_COMMUNICATION, "1", "lower", lambda _, record: _shares(record)[0]),
            Figure(_LOADING, "1", "lower", lambda _, record: _shares(record)[1]),
            Figure(_COMPUTE, "1", "higher", lambda _, record: _shares(record)[2]),
        )

    def samples(self, record: PointRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the times of the blocks of steps."""
        return {"step time": (record.step_s, "s")}

    def gates(self, plan: StudyPlan, measured: Measured[PointRecord]) -> Iterator[GateValue]:
        """Yield what must hold: ranks that disagree, or that do not learn what one learns, have no speed."""
        records = measured.records.values()
        lost = sum(loss is None for record in records for loss in record.first_losses)
        yield GateValue("losses that are not finite", float(lost), at_most=0.0)
        spreads = [record.parameter_spread for record in records]
        spread = None if None in spreads else max(each or 0.0 for each in spreads)
        yield GateValue("largest difference of a parameter between ranks", spread, at_most=0.0)
        if self.strong:
            pairs = pairs_along(plan, measured.records, _RANKS)
            difference = largest_relative_difference(pairs, lambda record: record.first_losses)
            name = "relative difference of the first losses from the baseline"
            if difference is not None:
                yield GateValue(name, difference, at_most=LOSS_TOLERANCE)

    def conclude(self, bench: Bench, measured: Measured[PointRecord]) -> StudyPlan:
        """Name the data sets of the cases, and say how and where was computed."""
        self._name_data(bench, measured.records)
        for note in self._notes(measured.records):
            bench.run.note(note)
        for sentence in self._laws(measured.records):
            bench.run.finding(sentence)
        for what, use in (("precision", bench.run.use_precision), ("implementation", bench.run.use_implementation)):
            chosen = {str(choice.taken[what]) for choice in bench.choices.values() if what in choice.taken}
            if len(chosen) == 1:  # where cases differ in it, only the choices tell
                use(chosen.pop())
        if all(record.ranks_per_core for record in measured.records.values()):
            return bench.plan
        axes = tuple(
            axis.model_copy(update={"title": "GPUs"}) if axis.name == _RANKS else axis for axis in bench.plan.axes
        )
        return bench.plan.model_copy(update={"axes": axes})

    def _laws(self, records: Mapping[Point, PointRecord]) -> Iterator[str]:
        """Yield what the laws of scaling make of each case and batch size."""
        together: dict[tuple[Label, Label], dict[int, PointRecord]] = {}
        for point, record in records.items():
            together.setdefault((point[_CASE], point[self.batch_axis]), {})[int(point[_RANKS])] = record
        for (case, batch), mine in together.items():
            rates = {
                n: self._rate(Point(((_CASE, case), (self.batch_axis, batch), (_RANKS, n))), record)
                for n, record in mine.items()
            }
            most = max((n for n, record in mine.items() if record.ranks_per_core <= 1), default=0)
            for sentence in laws_in_words(rates, most, "ranks"):
                yield f"{case}, batch {batch}: {sentence}"

    def _rate(self, point: Point, record: PointRecord) -> float:
        return self._items_of_a_step(point) / statistics.median(record.step_s)

    def _items_of_a_step(self, point: Point) -> int:
        """Return the items of a step over all ranks."""
        return int(point[self.batch_axis]) * (1 if self.strong else int(point[_RANKS]))

    # -- measuring

    def chosen_by(self) -> tuple[str, ...]:
        """Choose how to compute once a case."""
        return (_CASE,)

    def choice_file(self, bench: Bench, labels: Point) -> Path:
        """Return the file with the data of the case, where the ranks of any line find it."""
        return bench.terms.folder / _DATA / str(labels[_CASE]) / CHOICE

    def choose(self, bench: Bench, labels: Point, file: Path) -> Choice:
        """Let the fewest ranks choose, at the case's largest batch; without them what is not the workload's to say."""
        if not isinstance(self.workload, Chooses):
            return Choice(taken={"threads": self._threads(bench.terms)})
        points = [point for point in bench.plan.points() if point.on(_CASE) == labels]
        largest = max(points, key=lambda point: (int(point[self.batch_axis]), -int(point[_RANKS])))
        with bench.run.phase(f"{labels[_CASE]}, choice"):
            self._training(bench.terms, largest).start(file, "--choose")
        return validated(Choice, read_json(file), file)

    def measure(self, bench: Bench, point: Point, file: Path) -> PointRecord:
        """Start the ranks of a point, of which the first leaves the record."""
        # the first point of a case prepares its data
        with bench.run.phase(f"{point[_CASE]}, {point[_RANKS]} ranks"):
            self._training(bench.terms, point).start(file)
        return validated(PointRecord, read_json(file), file)

    def line(self, plan: StudyPlan, terms: Terms, point: Point, file: Path) -> str:
        """Return the torchrun of a point."""
        del plan
        return self._training(terms, point).line(file)

    def _training(self, terms: Terms, point: Point) -> RankedTraining:
        n_ranks = int(point[_RANKS])
        return RankedTraining(
            workload=self.workload.name,
            size=terms.size,
            settings=terms.settings,
            case=str(point[_CASE]),
            batch_size=self._items_of_a_step(point),
            n_ranks=n_ranks,
            n_nodes=self._nodes(n_ranks),
            threads=self._threads(terms),
            seconds=self.options.seconds,
            seed=terms.seed,
            device=terms.device,
            precision=terms.precision,
            folder=terms.folder / _DATA / str(point[_CASE]),
        )

    def _nodes(self, n_ranks: int) -> int:
        return self.options.nodes if n_ranks >= self.options.nodes else 1

    def _threads(self, terms: Terms) -> int:
        """Return the threads of a rank, the same whatever the number of ranks: as many as the most of them can have."""
        most = max(self.world_sizes)
        return threads_of_rank(terms.device, -(-most // self._nodes(most)))

    # -- saying

    def _name_data(self, bench: Bench, records: Iterable[Point]) -> None:
        prepared = {}
        for case in dict.fromkeys(str(point[_CASE]) for point in records):
            file = bench.terms.folder / _DATA / case / PREPARED
            prepared[case] = validated(Prepared, read_json(file), file)
        for warning in (warning for each in prepared.values() for warning in each.warnings):
            bench.run.warn(warning)
        for note in dict.fromkeys(note for each in prepared.values() for note in each.notes):
            bench.run.note(note)
        datasets = {case: each.dataset for case, each in prepared.items() if each.dataset is not None}
        if not datasets:
            return
        first, *others = datasets.values()
        whole = hashlib.sha256("".join(str(each.sha256) for each in datasets.values()).encode()).hexdigest()
        bench.run.dataset(
            "; ".join(f"{case}: {each.name}" for case, each in datasets.items()),
            version=first.version,
            sha256=first.sha256 if not others else whole,
            synthetic=any(each.synthetic for each in datasets.values()),
        )

    def _notes(self, records: Mapping[Point, PointRecord]) -> Iterator[str]:
        crowded = {int(point[_RANKS]): record.ranks_per_core for point, record in records.items()}
        for n_ranks, sharing in crowded.items():
            if sharing > 1:
                yield f"{n_ranks} ranks had {-(-n_ranks // sharing)} cores: their efficiency is bounded by that."
        for case in dict.fromkeys(point[_CASE] for point in records):
            mine = [record for point, record in records.items() if point[_CASE] == case]
            how = ", ".join(dict.fromkeys(f"{record.execution} on {record.device}" for record in mine))
            yield (
                f"{case}: {how}; the time per epoch is that of a step times the steps of {mine[0].n_items:,} "
                f"{self.trains.item}s."
            )

    @staticmethod
    def last_line(result: Result) -> str:
        """Return the parallel efficiency at the most ranks, for each case at its largest batch."""
        assert result.study is not None
        plan, parts = result.study, []
        most = max(plan.axis(_RANKS).values)
        for point in plan.headline_points():
            summary = result.summary.get(_EFFICIENCY, dict(point))
            if summary is None or summary.median is None:
                parts.append(f"{point[_CASE]} not measured")
                continue
            ci = summary.ci95
            interval = "" if ci is None else f" [{100 * ci[0]:.1f}, {100 * ci[1]:.1f}]"
            words = plan.words(point).rpartition(", ")[0]
            parts.append(f"{words}: {100 * summary.median:.1f} %{interval}")
        mode = plan.options["mode"]
        return f"parallel efficiency at {plan.axis(_RANKS).words(most)} ({mode} scaling): {'; '.join(parts)}"


def _shares(record: PointRecord) -> tuple[float, float, float]:
    """Return which shares of a step go into communication, data loading and compute."""
    communication = 0.0
    if record.lone_step_s:
        # below zero it is noise
        communication = max(0.0, 1.0 - statistics.median(record.lone_step_s) / statistics.median(record.step_s))
    loading = min(record.loading_share, 1.0 - communication)
    return communication, loading, 1.0 - communication - loading


def _numbers(text: str, what: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"{what} {text!r}: give whole numbers from 1 on, separated by commas")
    return [int(part) for part in parts]


STUDY = ScalingStudy
