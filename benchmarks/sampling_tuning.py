"""Controls tuned as hard as methods: each over six of its own settings, on systems and seeds that no panel uses.

On exact landscapes of 5.5 and 8.5 kT, coordinates given, at equal steps: for every policy and setting the figures that
studies judge by, and the setting that is best by their mean log-gain over plain, averaged over the systems. The
defaults of the policies are from it; where only the method was tuned, a comparison says nothing.

What is measured is kept in a file line by line: a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.errors import LevinthalError
from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.answer import answer_of
from levinthal.workloads.sampling.study.campaigns import do_alone, read_campaign
from levinthal.workloads.sampling.study.evaluation import budget_to_see, divergences, first_arrival, mass_at
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.reference import exact_reference
from levinthal.workloads.sampling.study.tasks import campaign_tasks
from levinthal.workloads.sampling.systems.system import make_system

AGES, FEWER_AGES = (5, 10, 20, 40, 80, 160), (5, 10, 20)


def both(policy: str, key: str, values: tuple[Any, Any]) -> list[str]:
    """Return three ages, each with two values of another setting."""
    return [f"{policy}.min_age_frames={age},{policy}.{key}={value}" for value in values for age in FEWER_AGES]


GRID: dict[str, list[str]] = {
    **{name: [f"{name}.min_age_frames={age}" for age in AGES] for name in ("random", "from-start", "true-counts")},
    "dbscan": both("dbscan", "order", ("random", "furthest")),
    "lof": both("lof", "neighbours", (20, 60)),
    "least-counts": both("least-counts", "novel_share", (0.25, 0.0)),
    "fast": both("fast", "novel_share", (0.25, 0.0)),
    "reap": both("reap", "novel_share", (0.25, 0.0)),
}
FIRST_SEED = 900_000
"""Studies draw seeds of 31 bits from the run's; these are apart from those of any panel as written down there."""


def measured(policy: str, option: str, system_name: str, steps: int, n_seeds: int) -> dict[str, float]:
    """Return better (1 / divergence), faster (arrivals and missing states per step waited) and greater of a setting."""
    asked = {
        "system": system_name, "learner": "coordinates", "chunk_steps": "100", "frame_interval": "10", "walkers": "10",
        "first_training_frames": "50", "steps": str(steps), "policy": policy, "options": option,
    }  # fmt: skip
    (member,) = make_settings(SamplingSettings, "smoke", asked).members()
    system = make_system(member.sampled)
    reference = exact_reference(system)
    if reference is None:
        raise SystemExit(f"{system_name} is no exact system: its answer is not known")
    seeds, answer = list(range(FIRST_SEED, FIRST_SEED + n_seeds)), answer_of(system, reference)
    with tempfile.TemporaryDirectory() as folder:
        tasks = campaign_tasks(member.campaign, [policy], system, Path(folder), seeds, 1, "cpu", answer)
        found = [read_campaign(do_alone(task)) for task in tasks]
    done = [each for each in found if isinstance(each, Outcome)]
    if len(done) < len(found):
        raise SystemExit(f"{policy} {option}: {len(found) - len(done)} campaigns failed")
    budget, populations = float(steps), reference.populations
    cells = np.flatnonzero(populations > 0.01)

    def rate(times: list[float]) -> float:
        waited = np.minimum(times, budget)
        return float((np.count_nonzero(np.isfinite(times)) + 0.5) / waited.sum())

    divergence = [divergences(each, populations, 1, "steps", budget)[1] for each in done]
    return {
        "better": math.exp(-float(np.mean(np.log(divergence)))),
        "faster (event)": rate([first_arrival(each, "steps") for each in done]),
        "faster (states)": rate([budget_to_see(each, "steps", cells) for each in done]),
        "greater": float(np.mean([mass_at(each, "steps", budget, populations) for each in done])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--systems", default="landscape:5.5,landscape:8.5", help="exact; none of a panel (default %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=30_000, help="budget of a campaign (default 30000)")
    parser.add_argument("--seeds", type=int, default=8, help="campaigns of each setting (default 8)")
    parser.add_argument("--policies", default=",".join(GRID), help="which to tune (default all)")
    parser.add_argument(
        "--kept", type=Path, default=Path("tuning.jsonl"), help="what is measured (default tuning.jsonl)"
    )
    options = parser.parse_args()
    systems = options.systems.split(",")
    known: dict[str, dict[str, float]] = {}
    for line in options.kept.read_text().splitlines() if options.kept.exists() else ():
        known |= json.loads(line)

    def figures(policy: str, option: str, system: str) -> dict[str, float]:
        key = f"{policy} {option} on {system}, {options.steps} steps, {options.seeds} seeds"
        if key not in known:
            known[key] = measured(policy, option, system, options.steps, options.seeds)
            with options.kept.open("a") as file:
                file.write(json.dumps({key: known[key]}) + "\n")
        return known[key]

    best: dict[str, Any] = {}
    for policy in options.policies.split(","):
        for option in GRID[policy]:
            gains = {}
            for system in systems:
                plain, found = figures("plain", "", system), figures(policy, option, system)
                gains |= {f"{system} {name}": found[name] / plain[name] for name in plain}
            score = float(np.mean(np.log(list(gains.values()))))
            shown = " ".join(f"{gain:6.2f}" for gain in gains.values())
            print(f"{option:64} {score:6.2f}  {shown}", flush=True)
            if policy not in best or score > best[policy]["mean log-gain"]:
                best[policy] = {"option": option, "mean log-gain": score, "gains": gains}
    print(json.dumps({"what": "settings of controls and methods, tuned alike", "best": best}))


if __name__ == "__main__":
    try:
        main()
    except LevinthalError as error:
        raise SystemExit(str(error)) from None
