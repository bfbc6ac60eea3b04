"""A point of the scenarios, measured: LoadGen's test, a server's highest rate, and the two audits."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from levinthal.errors import UsageError
from levinthal.harness.contract.infers import ALL, Inference
from levinthal.harness.study.serving.loadgen import Log, Test, loadgen_version, run_test
from levinthal.harness.study.serving.record import Request, ServingRecord
from levinthal.harness.study.serving.system import System

PERCENTILES = {50: 11, 90: 64, 95: 130, 97: 219, 99: 662, 99.9: 6636}
"""Percentiles of latency that LoadGen logs, and how many queries there must be for one to be told."""

SEEDS_TOLERANCE = 1.25
"""Largest time of an answer with other seeds over that with those of the timed run."""

_TRIES = 3
_WARM_UP = 3
_FIRST_RATE = 0.25
"""Share of the rate of one answer after the other at which a server's search begins."""
_STEP_DOWN, _STEPS_DOWN = 0.97, 16
_CONFIRMING = 2000
"""Queries by which a server's rate is confirmed: with 662, all but one would have to come within the bound."""
_MOST_KEPT = 2000


class Timed(NamedTuple):
    """A test, and how long the model took in it."""

    log: Log
    answer_s: Sequence[float]
    sizes: Sequence[int]


class Asking:
    """Measures one point.

    Parameters
    ----------
    model : Inference
    request : Request
    """

    def __init__(self, model: Inference, request: Request) -> None:
        self.model, self.request = model, request
        self.samples = samples_of(model, request.bucket)
        self._alone_s, self._expected_s = self._warm_up()

    def record(self, device: str) -> ServingRecord:
        """Carry out the tests and the audits.

        Parameters
        ----------
        device : str
            Where it is computed.
        """
        rate, refused = self._highest_rate() if self.request.scenario == "server" else (1.0, "")
        timed, rate = self._timed(rate, search=not refused)
        accuracy = self._test(Test("AccuracyOnly", self._expected_s, rate, self.request.seed), "accuracy")
        moved, deviation = self._deviations(timed.log, accuracy.log)
        n_queries = int(timed.log.number("result_query_count") or 0)
        is_valid = timed.log.is_valid and not refused
        reason, advice = ("", "") if is_valid else self._why(timed.log, refused)
        return ServingRecord(
            verdict="VALID" if is_valid else "INVALID",
            reason=reason,
            advice=advice,
            n_queries=n_queries,
            latency_ms={
                f"{percentile:g}": latency
                for percentile, least in PERCENTILES.items()
                if n_queries >= least and (latency := timed.log.latency_ms(percentile)) is not None
            },
            estimate_ms=self._estimate_ms(timed.log),
            per_s=self._per_s(timed, rate) if is_valid else None,
            answer_s=tuple(timed.answer_s[:_MOST_KEPT]),
            mean_batch=statistics.fmean(timed.sizes),
            moved=moved,
            deviation=deviation,
            deviation_of=f"{self.model.deviation_of}, at most {self.model.tolerance:g}",
            other_seeds=self._other_seeds(timed, rate),
            execution=self.model.execution,
            device=device,
            loadgen=loadgen_version(),
        )

    # -- tests

    def _warm_up(self) -> tuple[float, float]:
        """Answer batches of the sizes to come, so that nothing is compiled on the clock.

        Returns
        -------
        tuple of float
            Seconds of a sample alone, and of one in a batch as the scenario has it.
        """
        found = []
        for batch in (1, 1 if self.request.scenario == "single-stream" else self.request.batch):
            some = [self.samples[k % len(self.samples)] for k in range(batch)]
            each_s = math.inf
            for _ in range(_WARM_UP):
                began_s = time.perf_counter()
                self.model.answer(some)
                each_s = min(each_s, (time.perf_counter() - began_s) / batch)
            found.append(max(each_s, 1e-6))
        return found[0], found[1]

    def _test(self, test: Test, name: str) -> Timed:
        batch = 1 if self.request.scenario == "single-stream" else self.request.batch
        system = System(self.model, self.samples, batch, waits=self.request.scenario != "server")
        log = run_test(system, self.request, test, self.request.logs / name)
        return Timed(log, system.answer_s, system.sizes)

    def _highest_rate(self) -> tuple[float, str]:
        """Return the highest rate that LoadGen's search finds; where it finds none, the one it began with, and why."""
        first = _FIRST_RATE / self._alone_s
        log = self._test(Test("FindPeakPerformance", self._expected_s, first, self.request.seed), "search").log
        if not log.values.get("result_perf_constraints_met"):
            return first, f"not even {first:.4g} queries a second meet the bound of {self.request.bound_ms:g} ms"
        return float(str(log.values["generic_message"]).rpartition(" ")[2]), ""

    def _timed(self, rate: float, *, search: bool) -> tuple[Timed, float]:
        """Return the timed test; of a server at the highest rate that LoadGen calls valid, from what its search found.

        At the edge of the bound chance decides: the search takes the edge, the verdict asks for 99 % confidence.
        """
        is_server = self.request.scenario == "server"
        steps, count = (_STEPS_DOWN, _CONFIRMING) if search and is_server else (0, 0)
        for step in range(steps + 1):
            name = "performance" if not step else f"performance-{step}"
            timed = self._test(Test("PerformanceOnly", self._expected_s, rate, self.request.seed, count), name)
            if timed.log.is_valid or step == steps:
                break
            rate *= _STEP_DOWN
        return timed, rate

    def _other_seeds(self, timed: Timed, rate: float) -> float:
        """Return what answers take with other seeds over what they took, the least of a few tries.

        The samples of a bucket take about as long as each other: what is slower with other seeds knew those before. A
        neighbour on the machine may slow one test down, hardly all.
        """
        ratio = math.inf
        for turn in range(_TRIES):
            seed = self.request.seed + 1 + turn
            other = self._test(Test("PerformanceOnly", self._expected_s, rate, seed), "other-seeds")
            ratio = min(ratio, _time_of_a_sample(other) / _time_of_a_sample(timed))
            if ratio <= SEEDS_TOLERANCE:
                break
        return ratio

    # -- what they say

    def _deviations(self, timed: Log, accuracy: Log) -> tuple[float | None, float | None]:
        """Return how far timed answers are from accurate ones, and these from the reference, over the tolerance."""
        moved = deviation = 0.0
        references = self.model.reference(self.samples)
        for number, reference in enumerate(references):
            accurate = [each.reshape(reference.shape) for each in accuracy.answers.get(number, [])]
            if not accurate:
                return None, None
            deviation = max(deviation, *(self._over(each, reference) for each in accurate))
            for each in timed.answers.get(number, []):
                if each.size != reference.size:
                    return None, deviation
                moved = max(moved, self._over(each.reshape(reference.shape), accurate[0]))
        return (moved if timed.answers and math.isfinite(moved) else None), (
            deviation if math.isfinite(deviation) else None
        )

    def _over(self, answer: object, reference: object) -> float:
        found = self.model.deviation(answer, reference) / self.model.tolerance  # type: ignore[arg-type]
        return found if found == found else math.inf  # noqa: PLR0124 - NaN hides in a maximum

    def _per_s(self, timed: Timed, rate: float) -> float | None:
        if self.request.scenario == "server":
            return timed.log.number("result_scheduled_samples_per_sec") or rate
        if self.request.scenario == "offline":
            return timed.log.number("result_samples_per_second")
        return timed.log.number("result_qps_with_loadgen_overhead") or sum(timed.sizes) / sum(timed.answer_s)

    def _estimate_ms(self, log: Log) -> float | None:
        scenario = self.request.scenario
        key = {"single-stream": "early_stopping_latency_ss", "multi-stream": "early_stopping_latency_ms"}.get(scenario)
        value = log.number(key) if key else None
        return None if value is None else value / 1e6

    def _why(self, log: Log, refused: str) -> tuple[str, str]:
        """Return in words why LoadGen calls a test invalid, and what to change."""
        request, values = self.request, log.values
        if request.scenario == "server":
            reason = refused or "no rate that its search found is met with 99 % confidence"
            tail = log.latency_ms(99)
            told = "" if tail is None else f"; the 99th percentile there is {tail:.4g} ms"
            wanted = request.bound_ms if tail is None else max(tail, request.bound_ms)
            return reason + told, f"set latency_bound_ms above {wanted:.3g}, or take a smaller model or a faster device"
        if not values.get("result_min_duration_met", True):
            return "it ended before its time", f"answers came faster than expected: set seconds above {request.seconds}"
        if not values.get("result_min_queries_met", True):
            return "too few queries were asked", f"set seconds above {request.seconds:g}"
        if not values.get("early_stopping_met", True):
            return "too few queries for its percentile", f"set seconds above {request.seconds:g}"
        said = str(values.get("result_invalid_reason") or log.said).strip() or "LoadGen says no more"
        return said, f"see its logs in {request.logs}"


def samples_of(model: Inference, bucket: str) -> tuple[int, ...]:
    """Return the samples of a bucket, or of `all`.

    Raises
    ------
    UsageError
        There is no such bucket.
    """
    if bucket in model.buckets:
        return tuple(model.buckets[bucket])
    if bucket != ALL:
        raise UsageError(f"bucket {bucket!r} is unknown: choose among {', '.join(model.buckets)}, or {ALL}")
    return tuple(number for each in model.buckets.values() for number in each)


def _time_of_a_sample(timed: Timed) -> float:
    each = [seconds / size for seconds, size in zip(timed.answer_s, timed.sizes, strict=True)]
    return statistics.median(each)
