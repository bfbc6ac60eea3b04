"""What labels that a committee asks for are worth against as many drawn blindly from the same dynamics.

Each seed is a whole run of the workload `potential` for each choice: the same molecule, first labels and numbers of
labels. Runs of the students are made at a raised temperature, where some fail. Ratios are blind over active for the
force error and active over blind for the time to failure, above 1 where asking is better, with Student's interval of
their logarithms.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import levinthal

_CHOICES = ("active", "blind")


def settings_of(options: argparse.Namespace, selection: str) -> dict[str, Any]:
    """Return the workload's settings."""
    return {
        "teacher": options.teacher,
        "selection": selection,
        "trajectories": options.trajectories,
        "rounds": 3,
        "round_labels": 96,
        "training_steps": options.training_steps,
        "round_steps": options.training_steps // 2,
        "explore_temperature_k": options.temperature,
        "held_out": 8,
        "held_out_steps": 160,
        "temperature_k": options.temperature,
        "replicas": 16,
        "replica_steps": options.replica_steps,
        "largest_force_error": 1000.0,
    }


def measured(options: argparse.Namespace, selection: str, seed: int, folder: Path) -> dict[str, float]:
    """Return force error and mean time to failure of one run."""
    result = levinthal.run(
        "potential", settings_of(options, selection), size="tiny", seed=seed, out=folder / f"{selection}-{seed}"
    )
    (repeat,) = result.repeats
    values = {each.name: each.value if each.withheld is None else each.withheld for each in repeat.metrics}
    return {name: float(values[name] or math.nan) for name in ("force error", "time to failure")}


def ratio(logs: np.ndarray) -> dict[str, float]:
    """Return the ratio and the interval of 95 % of paired logarithms."""
    half = special.stdtrit(len(logs) - 1, 0.975) * logs.std(ddof=1) / math.sqrt(len(logs))
    return {"ratio": math.exp(logs.mean()), "low": math.exp(logs.mean() - half), "high": math.exp(logs.mean() + half)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="pairs of runs (default 5, at least 2)")
    parser.add_argument("--teacher", default="xtb", help="as the setting (default xtb)")
    parser.add_argument("--trajectories", type=int, default=12, help="teacher trajectories to begin with (default 12)")
    parser.add_argument("--training-steps", type=int, default=600, help="of first and last training (default 600)")
    parser.add_argument("--replica-steps", type=int, default=20_000, help="of the runs that may fail (default 20000)")
    parser.add_argument("--temperature", type=float, default=600.0, help="K, of exploring and of these runs (600)")
    options = parser.parse_args()
    cases = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(options.seeds):
            each = {selection: measured(options, selection, seed, Path(scratch)) for selection in _CHOICES}
            cases.append({"seed": seed, **each})
            print(cases[-1], flush=True)

    def logs(name: str) -> np.ndarray:
        return np.array([math.log(case["blind"][name] / case["active"][name]) for case in cases])

    error, failure = ratio(logs("force error")), ratio(-logs("time to failure"))
    found = {
        "what": "force error of blind labels over active ones, equal labels",
        "unit": "kcal/mol/A",
        "ours": float(np.mean([case["active"]["force error"] for case in cases])),
        "peer": float(np.mean([case["blind"]["force error"] for case in cases])),
        "ratio": error["ratio"],
        "interval": [error["low"], error["high"]],
        "time_to_failure": failure,
        "cases": cases,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
