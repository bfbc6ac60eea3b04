"""Controls tuned as hard as methods: each over a grid of its own settings, on a system and seeds that no study uses.

On the exact landscape at a depth of its own (8.5 kT by default), coordinates given, at equal steps: for every policy
and setting the figures that studies judge by, and the setting that is best by their mean log-gain over plain. What is
chosen here is to be set in a study by `options=`, for controls too: where only the method was tuned, a comparison says
nothing.
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

AGES = (5, 10, 20, 40)
GRID: dict[str, list[str]] = {
    "plain": [""],
    "random": [f"random.min_age_frames={age}" for age in AGES],
    "from-start": [f"from-start.min_age_frames={age}" for age in AGES],
    "true-counts": [f"true-counts.min_age_frames={age}" for age in AGES],
    "least-counts": [f"least-counts.min_age_frames={age}" for age in AGES],
    "dbscan": [f"dbscan.min_age_frames={age}" for age in AGES],
    "lof": [f"lof.min_age_frames={age}" for age in AGES],
    "fast": [f"fast.min_age_frames={age}" for age in AGES],
    "reap": [f"reap.min_age_frames={age}" for age in AGES],
}
FIRST_SEED = 900_000
"""Studies draw seeds of 31 bits from the run's; these are apart from those of any panel as written down there."""


def measured(policy: str, option: str, depth_kt: float, steps: int, n_seeds: int) -> dict[str, float]:
    """Return better (1 / divergence), faster (arrivals and missing states per step waited) and greater of a setting."""
    asked = {
        "system": "landscape", "depth_kt": str(depth_kt), "learner": "coordinates", "chunk_steps": "100",
        "frame_interval": "10", "walkers": "10", "steps": str(steps), "policies": policy, "policy": policy,
        "options": option,
    }  # fmt: skip
    sampled, campaign, comparison = make_settings(SamplingSettings, "tiny", asked).split()
    system = make_system(sampled)
    reference = exact_reference(system)
    if reference is None:
        raise SystemExit("the landscape has lost its exact answer")
    seeds = list(range(FIRST_SEED, FIRST_SEED + n_seeds))
    with tempfile.TemporaryDirectory() as folder:
        tasks = campaign_tasks(
            campaign, comparison.chosen_policies, system, Path(folder), seeds, 1, "cpu", answer_of(system, reference)
        )
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=float, default=8.5, help="kT; no depth of the panel (default 8.5)")
    parser.add_argument("--steps", type=int, default=30_000, help="budget of a campaign (default 30000)")
    parser.add_argument("--seeds", type=int, default=8, help="campaigns of each setting (default 8)")
    parser.add_argument("--policies", default=",".join(GRID), help="which to tune (default all)")
    options = parser.parse_args()
    plain = measured("plain", "", options.depth, options.steps, options.seeds)
    best: dict[str, Any] = {}
    for policy in options.policies.split(","):
        for option in GRID[policy] if policy != "plain" else []:
            found = measured(policy, option, options.depth, options.steps, options.seeds)
            gains = {name: found[name] / plain[name] for name in plain}
            score = float(np.mean(np.log(list(gains.values()))))
            print(f"{option:32} " + "  ".join(f"{name} {gain:5.2f}" for name, gain in gains.items()), flush=True)
            if policy not in best or score > best[policy]["mean log-gain"]:
                best[policy] = {"option": option, "mean log-gain": score, "gains": gains}
    print(json.dumps({"what": "settings of controls and methods, tuned alike", "best": best}))


if __name__ == "__main__":
    try:
        main()
    except LevinthalError as error:
        raise SystemExit(str(error)) from None
