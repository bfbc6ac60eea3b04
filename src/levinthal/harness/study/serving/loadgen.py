"""One test by MLCommons LoadGen: its settings, its run, and what its logs say."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.errors import DataError, LevinthalError, MissingExtraError
from levinthal.harness.contract.infers import Answer
from levinthal.harness.study.serving.record import LEAST_QUERIES, SCENARIOS, Request
from levinthal.harness.study.serving.system import System

PACKAGE = "mlcommons-loadgen"
_DETAIL, _ANSWERS = "mlperf_log_detail.txt", "mlperf_log_accuracy.json"
_MARK = ":::MLLOG "
_NS_PER_MS, _NS_PER_S = 1e6, 1e9
_COMPARED = 64
"""Answers of a timed run that LoadGen logs, drawn at random."""
_MORE_THAN_EXPECTED = 1.5
"""LoadGen makes its queries beforehand, for a speed that is told it: one that is faster must not run out of them."""
_SEED_BITS = 63


def need_loadgen() -> None:
    """Raise a `MissingExtraError` where LoadGen is not installed."""
    try:
        import mlperf_loadgen  # noqa: F401
    except ImportError:
        if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
            raise LevinthalError(
                f"inference scenarios need the package {PACKAGE}, which there is for Linux on x86-64 alone: measure "
                "them on such a machine"
            ) from None
        raise MissingExtraError(PACKAGE, "loadgen", "inference scenarios") from None


def loadgen_version() -> str:
    """Return which LoadGen asks."""
    return version(PACKAGE)


@dataclass(frozen=True)
class Test:
    """What LoadGen is to do.

    Attributes
    ----------
    mode : str
        As LoadGen calls it: `PerformanceOnly`, `AccuracyOnly`, `FindPeakPerformance`.
    expected_s : float
        How long a sample takes, about: LoadGen prepares as many queries.
    rate_per_s : float
        Of arrivals at a server.
    seed : int
    n_queries : int
        At least, and never fewer than its early stopping needs.
    """

    mode: str
    expected_s: float
    rate_per_s: float = 1.0
    seed: int = 0
    n_queries: int = 0


@dataclass(frozen=True)
class Log:
    """What LoadGen wrote of a test.

    Attributes
    ----------
    values : mapping of str to value
        The last value of each key of its detailed log.
    said : str
        Its messages, one after the other.
    answers : mapping of int to list of ndarray
        The answers it logged, flat, by number of the sample within the bucket.
    """

    values: Mapping[str, Any]
    said: str = ""
    answers: Mapping[int, list[Answer]] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Whether LoadGen calls the result valid."""
        return self.values.get("result_validity") == "VALID"

    def number(self, key: str) -> float | None:
        """Return a number of the log, None where it is not there."""
        value = self.values.get(key)
        return float(value) if isinstance(value, int | float) else None

    def latency_ms(self, percentile: float) -> float | None:
        """Return a percentile of the latencies of all queries, by nearest rank."""
        value = self.number(f"result_{percentile:.2f}_percentile_latency_ns")
        return None if value is None else value / _NS_PER_MS


def run_test(system: System, request: Request, test: Test, folder: Path) -> Log:
    """Have LoadGen ask a system, and read what it says.

    Parameters
    ----------
    system : System
    request : Request
    test : Test
    folder : Path
        For its logs.

    Raises
    ------
    DataError
        LoadGen left no log that can be read.
    Exception
        What the model raised.
    """
    import mlperf_loadgen as loadgen

    folder.mkdir(parents=True, exist_ok=True)
    log_settings, output = loadgen.LogSettings(), loadgen.LogOutputSettings()
    output.outdir, output.copy_summary_to_stdout = str(folder), False
    log_settings.log_output, log_settings.enable_trace = output, False
    sut = loadgen.ConstructSUT(system.issue, lambda: None)
    library = loadgen.ConstructQSL(len(system.samples), len(system.samples), lambda _: None, lambda _: None)
    try:
        # LoadGen would read a file audit.config of the folder that the user stands in
        no_audit = str(folder / "audit.config")
        loadgen.StartTestWithLogSettings(sut, library, _settings(request, test), log_settings, no_audit)
    finally:
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(sut)
        system.close()
    return read_log(folder)


def _settings(request: Request, test: Test) -> Any:
    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, SCENARIOS[request.scenario])
    settings.mode = getattr(loadgen.TestMode, test.mode)
    settings.min_duration_ms = max(1, round(1e3 * request.seconds))
    settings.min_query_count = max(LEAST_QUERIES[request.scenario], test.n_queries)
    settings.accuracy_log_sampling_target = _COMPARED
    settings.single_stream_expected_latency_ns = _NS_PER_S * test.expected_s / _MORE_THAN_EXPECTED
    settings.multi_stream_expected_latency_ns = _NS_PER_S * test.expected_s * request.batch / _MORE_THAN_EXPECTED
    settings.multi_stream_samples_per_query = request.batch
    settings.offline_expected_qps = _MORE_THAN_EXPECTED / test.expected_s
    settings.server_target_qps = test.rate_per_s
    settings.server_target_latency_ns = round(_NS_PER_MS * request.bound_ms)
    settings.server_find_peak_qps_decimals_of_precision = 0 if test.rate_per_s > 20.0 else 1
    draws = np.random.SeedSequence(test.seed).generate_state(4, np.uint64) >> np.uint64(64 - _SEED_BITS)
    (
        settings.qsl_rng_seed,
        settings.sample_index_rng_seed,
        settings.schedule_rng_seed,
        settings.accuracy_log_rng_seed,
    ) = (int(draw) for draw in draws)
    return settings


def read_log(folder: Path) -> Log:
    """Read the logs of a test; errors as for `run_test`."""
    values: dict[str, Any] = {}
    said: list[str] = []
    try:
        for line in (folder / _DETAIL).read_text(errors="replace").splitlines():
            if line.startswith(_MARK):
                entry = json.loads(line.removeprefix(_MARK))
                values[entry["key"]] = entry["value"]
                if entry["key"].startswith(("error", "warning")):
                    said.append(str(entry["value"]))
        logged = json.loads((folder / _ANSWERS).read_text() or "[]")
        answers: dict[int, list[Answer]] = {}
        for entry in logged:
            numbers = np.frombuffer(bytes.fromhex(entry["data"]), np.float32)
            answers.setdefault(int(entry["qsl_idx"]), []).append(numbers)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"LoadGen left logs in {folder} that cannot be read ({error}): measure again") from None
    return Log(values, " ".join(said), answers)
