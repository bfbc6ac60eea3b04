"""One checkout of the project against another: the same benchmark of both, in turn, in separate processes.

    git worktree add ../before COMMIT
    python benchmarks/pairs.py --before ../before --data ../shared/data contact_maps backbone --pairs 10

Each benchmark is run whole, before and after in turn (A B, B A, A B, ...), under the same interpreter and on the same
cores; only the folder of the sources differs. For each figure of ours the ratio within each pair is taken, turned so
that above 1 this checkout is better; the median over the pairs stands with its interval. The same commit on both sides
(`--before` naming a copy of this checkout) is the null experiment: its intervals hold 1.

Where neighbours share the machine, whole runs scatter by more than what is looked for. With `--calls` a process of each
checkout stays open and single calls of the same benchmarks (`pairs_calls.py`) take turns, hundreds in a minute: the two
of a pair lie within a moment of each other, and the first sixteenth of the pairs is for warming up.

A figure of the earlier checkout that moves by more than 15 % between the first and the last third of its runs says that
the machine was disturbed, and nothing is concluded. The last line is JSON; exit status 1 where a figure got slower (its
median below 0.97 and its interval below 1) or the machine was disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undisturbed import watched

from levinthal.metrics.statistics import median_interval

HERE = Path(__file__).parents[1]
ALLOWED = 0.97
DRIFT = 0.15

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is run for this purpose, and which figures of its JSON are ours.

    Attributes
    ----------
    arguments : tuple of str
        `{data}` stands for the folder of test data.
    figures : callable
        From the JSON of its last line to figures by name.
    higher : bool
        Whether a higher figure is the better one.
    """

    arguments: tuple[str, ...]
    figures: Callable[[Any], Figures]
    higher: bool


def _backbone(result: Any) -> Figures:
    return {
        f"{kind}, {case['residues']} residues, batch {case['batch']}{', backward' * case['backward']}": each["ms"]
        for case in result["cases"]
        for kind, each in case["who"].items()
        if kind in ("kernels", "scan")
    }


def _rgn_prediction(result: Any) -> Figures:
    found = {}
    for precision, case in result["cases"].items():
        found[f"{precision}, one at a time"] = case["ours_batch_1_total_ms"]
        found[f"{precision}, in a batch"] = statistics.median(case["ours_batch_ms"])
    return found


def _of_cases(result: Any) -> Figures:
    cases = result["cases"]
    rows = cases.items() if isinstance(cases, dict) else ((case["case"], case) for case in cases)
    return {str(name): case["ours"] for name, case in rows}


def _cvae_training(result: Any) -> Figures:
    return {case["case"]: case["frames_per_s"] for case in result["cases"] if case["who"] == "ours"}


def _docking(result: Any) -> Figures:
    row = next(each for each in result["cases"] if each["method"] == "restarts")
    return {"search": row["search_s"], "total": row["total_s"]}


def _selection(result: Any) -> Figures:
    totals: dict[str, float] = {}
    for case in result["cases"]:
        totals[f"{case['learner']}, embedding"] = case["embed_s"]
        of_policy = f"{case['policy']}, refreshing and deciding"
        totals[of_policy] = totals.get(of_policy, 0.0) + case["refresh_s"] + case["decide_s"]
    return {name: total for name, total in totals.items() if total > 0.01}


BENCHMARKS = {
    "backbone": Benchmark(("--residues", "700", "--rounds", "5"), _backbone, higher=False),
    "rgn_prediction": Benchmark(("--targets", "{data}/casp12", "--rounds", "3"), _rgn_prediction, higher=False),
    "cvae_training": Benchmark(("--against", "plain", "--seconds", "20"), _cvae_training, higher=True),
    "contact_maps": Benchmark(("--rounds", "5"), _of_cases, higher=True),
    "docking_score": Benchmark(("--data", "{data}/complexes", "--repeats", "2"), _of_cases, higher=True),
    "docking": Benchmark(("--data", "{data}/complexes", "--seeds", "1"), _docking, higher=False),
    "selection": Benchmark(("--rounds", "1", "--learners", "pca, d = 3", "cvae, d = 3"), _selection, higher=False),
    "simulation": Benchmark(("--rounds", "2", "--seconds", "3"), lambda result: {"ours": result["ours"]}, higher=True),
}


def run(checkout: Path, name: str, data: Path) -> Figures:
    """Run a benchmark of a checkout and return our figures."""
    benchmark = BENCHMARKS[name]
    script = checkout / "benchmarks" / f"{name}.py"
    arguments = [each.format(data=data) for each in benchmark.arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"{script} gave no figures: {done.stderr.strip()[-2000:]}")
    return benchmark.figures(json.loads(lines[-1]))


def drift(values: list[float]) -> float:
    """Return by which share the last third of the runs differs from the first."""
    third = max(len(values) // 3, 1)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return abs(last / first - 1.0)


def compare(name: str, before: Path, data: Path, pairs: int) -> list[dict[str, Any]]:
    """Return a row for each figure of a benchmark."""
    sides: tuple[list[Figures], list[Figures]] = ([], [])
    for side, checkout in enumerate((before, HERE)):  # what is compiled or cached at the first use is not timed
        print(f"{name}: warm-up {('before', 'after')[side]}: {len(run(checkout, name, data))} figures", flush=True)
    for number in range(pairs):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            sides[side].append(run((before, HERE)[side], name, data))
    return [
        row_of(name, figure, *([each[figure] for each in side] for side in sides), higher=BENCHMARKS[name].higher)
        for figure in sides[0][0]
    ]


class Caller:
    """A process of a checkout that runs single calls of a benchmark."""

    def __init__(self, checkout: Path, name: str, data: Path) -> None:
        script = str(HERE / "benchmarks" / "pairs_calls.py")
        self.process = subprocess.Popen(
            [sys.executable, script, str(checkout), name, str(data)],
            cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout / "src")}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.names: list[str] = self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"it stopped: {self.process.communicate()[1].strip()[-2000:]}")
        return json.loads(line)

    def seconds(self, call: str) -> float:
        """Return how long a call took, after a moment in which the other process's threads fall asleep."""
        assert self.process.stdin is not None
        time.sleep(0.02)
        self.process.stdin.write(call + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def compare_calls(name: str, before: Path, data: Path, pairs: int) -> list[dict[str, Any]]:
    """Return a row for each call of a benchmark that both checkouts have."""
    callers = [Caller(checkout, name, data) for checkout in (before, HERE)]
    rows = []
    try:
        for call in callers[1].names:
            if call not in callers[0].names:
                continue
            sides: tuple[list[float], list[float]] = ([], [])
            for number in range(-max(pairs // 16, 1), pairs):
                for side in (0, 1) if number % 2 == 0 else (1, 0):
                    taken = callers[side].seconds(call)
                    if number >= 0:
                        sides[side].append(1e3 * taken)
            rows.append(row_of(name, call, *sides, higher=False))
    finally:
        for caller in callers:
            caller.stop()
    return rows


def row_of(name: str, figure: str, old: list[float], new: list[float], *, higher: bool) -> dict[str, Any]:
    """Return, and print, how a figure of the two checkouts compares, pair by pair."""
    ratios = [(b / a) if higher else (a / b) for a, b in zip(old, new, strict=True)]
    interval = median_interval(ratios, 0.95)
    low, high = (interval.low, interval.high) if interval else (float("nan"), float("nan"))
    ratio = statistics.median(ratios)
    row = {
        "benchmark": name, "figure": figure, "before": statistics.median(old), "after": statistics.median(new),
        "ratio": ratio, "low": low, "high": high, "pairs": len(old), "drift": drift(old),
        "slower": ratio < ALLOWED and high < 1.0, "disturbed": drift(old) > DRIFT,
    }  # fmt: skip
    verdict = "DISTURBED: measure again" if row["disturbed"] else "SLOWER" if row["slower"] else "holds"
    print(f"{name:<15} {figure:<44} {ratio:.3f} [{low:.3f}, {high:.3f}]  {verdict}", flush=True)
    return row


def main() -> int:
    """Compare the benchmarks that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=list(BENCHMARKS), metavar="BENCHMARK", help=", ".join(BENCHMARKS))
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--data", type=Path, required=True, help="folder of the test data (casp12, complexes)")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of runs of each benchmark (default 10)")
    parser.add_argument("--calls", action="store_true", help="single calls in turn, in two processes that stay open")
    options = parser.parse_args()
    way = compare_calls if options.calls else compare
    rows = [
        row
        for name in options.names
        for row in way(name, options.before.resolve(), options.data.resolve(), options.pairs)
    ]
    worst = min(rows, key=lambda row: row["ratio"])
    print(
        json.dumps(
            {
                "what": f"this checkout over {options.before.name}, interleaved pairs; above 1 is faster",
                "unit": "1", "ours": worst["after"], "peer": worst["before"], "ratio": worst["ratio"], "cases": rows,
            }
        )
    )  # fmt: skip
    return int(any(row["slower"] or row["disturbed"] for row in rows))


if __name__ == "__main__":
    raise SystemExit(watched(main))
