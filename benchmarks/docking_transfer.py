"""What the agent is worth on a protein that it has never seen: leave one protein out.

Six complexes: five of a folder (`1iep`, `1kzk`, `1oyt`, `1w2g`, `2br1`) and T4 lysozyme L99A with p-xylene. For each, a
guide is trained on the other five and searches on the one held out, until its best pose lies within 2 A of the crystal
pose or `--most` evaluations are spent. Beside it stand

- the floor: random restarts, whose schedule is tuned on the same five proteins, as the agent's is;
- the same agent untrained, and the agent with either of its parts alone (proposals, culling);
- the ceiling: the floor's search with starts drawn within 2 A of the crystal pose.

Evaluations to success are Kaplan-Meier's: medians, and means restricted to the budget, of which the ratio is taken. It
depends on no clock. Intervals are bootstrapped over seeds, 95 %. Seconds stand beside, for what the guide itself costs.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from levinthal.simulation.analysis.survival import durations, median_duration, restricted_mean_duration
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation import read_ligand_pdbqt, read_receptor_pdbqt
from levinthal.workloads.docking.search.agent.guide import Guide, TrainedGuide
from levinthal.workloads.docking.search.agent.guiding import GuidingSettings, train_guide
from levinthal.workloads.docking.search.agent.gymnasium_faces import default_problem
from levinthal.workloads.docking.search.built_in.guided import GuidedRestarts
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Halving
from levinthal.workloads.docking.search.outcome import Goal, SearchOutcome
from levinthal.workloads.docking.search.rounds import Attempt, attempt

COMPLEXES = {
    "1iep": ("1iep_receptor", "1iep_ligand"),
    "1kzk": ("1kzk-receptor", "1kzk-je2"),
    "1oyt": ("1oyt-receptor", "1oyt-fsn"),
    "1w2g": ("1w2g-receptor", "1w2g-thm"),
    "2br1": ("2br1-receptor", "2br1-pfp"),
}
PADDING_ANGSTROM = 4.0
# drawn, started, followed to the end
SCHEDULES = (
    (64, 8, 2), (128, 8, 2), (128, 16, 4), (256, 16, 2), (256, 32, 4), (512, 32, 4), (512, 64, 8), (1024, 64, 8),
    (1024, 128, 16), (2048, 256, 32),
)  # fmt: skip
ROUND_STEPS, LAST_STEPS = 6, 24

Runs = list[Attempt]


@dataclass(frozen=True)
class InTheBasin(Search):
    """The ceiling: starts whose centres are within 2 A of the reference, turned at random."""

    n_starts: int = 64
    n_last: int = 8
    n_poses: int = 9

    shown: ClassVar[str] = "starts in the right basin"

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search from starts that the seed decides."""
        assert problem.goal is not None
        recorder, generator = problem.recorder(), torch.Generator().manual_seed(seed)
        centre = torch.tensor(problem.goal.reference.coordinates.mean(axis=0), dtype=torch.float32)
        shift = torch.randn(self.n_starts, 3, generator=generator)
        shift = shift * (2 * torch.rand(self.n_starts, 1, generator=generator) ** (1 / 3) / shift.norm(dim=1)[:, None])
        turns = torch.randn(self.n_starts, 4, generator=generator)
        poses = Poses(turns / turns.norm(dim=1, keepdim=True), centre + shift)
        halving = Halving(ROUND_STEPS, self.n_last, LAST_STEPS)
        return halving.descend(problem, poses, problem.spread(self.n_starts), recorder, self.n_poses)


def problems_of(data: Path, most: int) -> dict[str, Problem]:
    found = {}
    for name, (receptor, ligand) in COMPLEXES.items():
        guest = read_ligand_pdbqt(data / name / f"{ligand}.pdbqt")
        host = read_receptor_pdbqt(data / name / f"{receptor}.pdbqt")
        found[name] = Problem.of(host, guest, guest.box(PADDING_ANGSTROM))
    found["t4l"] = default_problem()
    return {name: replace(each, goal=Goal(CrystalPose.of(each.ligand), most)) for name, each in found.items()}


def off_the_minimum(problem: Problem) -> float:
    """Return how far the minimum of the score lies from the crystal pose, in A."""
    assert problem.goal is not None
    whole = replace(problem, goal=None)
    best = min(
        (RandomRestarts(16_384, 2048, n_last=64, n_poses=1).search(whole, seed=10**6 + k) for k in range(2)),
        key=lambda end: float(end.energies_kcal_mol[0]),
    )
    return float(problem.goal.reference.rmsd(best.coordinates[:1])[0])


def restarts(schedule: Sequence[int]) -> Search:
    drawn, starts, last = schedule
    return RandomRestarts(drawn, starts, ROUND_STEPS, last, LAST_STEPS)


def guided(guide: Guide, schedule: Sequence[int]) -> Search:
    drawn, starts, last = schedule
    return GuidedRestarts(TrainedGuide(guide), drawn, starts, ROUND_STEPS, last, LAST_STEPS)


def half_of(guide: Guide, part: str) -> Guide:
    """Return a guide of which only one network has learned."""
    half = Guide()
    getattr(half, part).load_state_dict(getattr(guide, part).state_dict())
    return half.eval()


def runs_of(search: Search, problem: Problem, seeds: int, first: int = 0) -> Runs:
    return [attempt(search, problem, budget_s=math.inf, seed=1_000_003 * (first + seed)) for seed in range(seeds)]


def restricted(runs: Sequence[Attempt], most: int) -> float:
    """Return the mean of min(evaluations to success, budget)."""
    waits = durations([float(each.evaluations or 0) for each in runs], [bool(each.succeeded) for each in runs])
    horizon = float(most) if waits.n_censored else float(waits.steps.max())
    return restricted_mean_duration(waits, horizon).value


def median(runs: Sequence[Attempt]) -> float:
    return median_duration(
        durations([float(each.evaluations or 0) for each in runs], [bool(each.succeeded) for each in runs])
    ).value


def ratio_of(cases: Sequence[Mapping[str, Any]], which: str, most: int) -> tuple[float, float, float]:
    """Return the geometric mean over cases of tuned restarts over a search, with an interval over seeds drawn again."""
    generator = np.random.default_rng(0)

    def spent(one: Mapping[str, Any]) -> npt.NDArray[np.float64]:
        # with one budget for all, the area under the curve up to it is the mean of what was spent
        return np.where(one["succeeded"], one["evaluations"], most).astype(np.float64)

    arrays = [(spent(case["tuned restarts"]), spent(case[which])) for case in cases]

    def one(draw: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> float:
        return math.exp(float(np.mean([math.log(draw(t).mean() / draw(o).mean()) for t, o in arrays])))

    drawn = [one(lambda each: generator.choice(each, len(each))) for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return one(lambda each: each), float(low), float(high)


def best_schedule(costs: Mapping[tuple[int, ...], Mapping[str, float]], names: Sequence[str]) -> tuple[int, ...]:
    """Return the schedule whose cost has the lowest geometric mean over some proteins."""
    return min(costs, key=lambda each: float(np.mean([math.log(costs[each][name]) for name in names])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the five complexes")
    parser.add_argument("--held-out", default="", help="only these complexes, by comma (default: each in turn)")
    parser.add_argument("--seeds", type=int, default=60, help="searches of each kind on each complex")
    parser.add_argument("--tuning-seeds", type=int, default=12)
    parser.add_argument("--starts", type=int, default=2048, help="descents on each problem, to train from")
    parser.add_argument("--updates", type=int, default=150)
    parser.add_argument("--most", type=int, default=60_000, help="evaluations at which a search has failed")
    parser.add_argument("--keep", type=Path, help="folder where each held-out case is kept, and taken from if there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    most = options.most
    problems = problems_of(options.data, most)
    held_out = [name for name in options.held_out.split(",") if name] or list(problems)
    for name in held_out:
        problem = problems[name]
        print(f"{name}: the minimum of the score is {off_the_minimum(problem):.2f} A from the crystal pose", flush=True)
    tuning = tuned_restarts(problems, options)
    cases = {}
    for name in held_out:
        file = None if options.keep is None else options.keep / f"{name}.json"
        if file is None or not file.exists():
            case = held_out_case(name, problems, tuning, options)
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(case))
        else:
            case = json.loads(file.read_text())
        cases[name] = case
        told = ", ".join(
            f"{which} {one['restricted_mean']:.0f} (median {one['median']}, succeeded {sum(one['succeeded'])} of "
            f"{len(one['succeeded'])}, {np.median(one['seconds']) * 1e3:.0f} ms)"
            for which, one in case["searches"].items()
        )
        gain = ratio_of([case["searches"]], "agent", most)
        print(f"{name}: evaluations to success, restricted mean: {told}", flush=True)
        print(f"{name}: agent against tuned restarts {gain[0]:.2f} [{gain[1]:.2f}, {gain[2]:.2f}]", flush=True)
    print(json.dumps(summary(cases, most, vars(options))))


def tuned_restarts(problems: Mapping[str, Problem], options: Any) -> dict[tuple[int, ...], dict[str, float]]:
    """Return what restarts need with each schedule on each protein, kept where the cases are."""
    file = None if options.keep is None else options.keep / "tuning.json"
    if file is not None and file.exists():
        return {tuple(schedule): costs for schedule, costs in json.loads(file.read_text())}
    tuning = {
        schedule: {
            name: restricted(runs_of(restarts(schedule), problem, options.tuning_seeds, 10_000), options.most)
            for name, problem in problems.items()
        }
        for schedule in SCHEDULES
    }
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(list(tuning.items())))
    return tuning


def held_out_case(
    name: str, problems: Mapping[str, Problem], tuning: Mapping[tuple[int, ...], Mapping[str, float]], options: Any
) -> dict[str, Any]:
    """Train and tune on all proteins but one, and search on that one."""
    others, most = [other for other in problems if other != name], options.most
    began, guide = time.perf_counter(), Guide(seed=0)
    how = GuidingSettings(n_starts=options.starts, updates=options.updates)
    history = train_guide(guide, [problems[other] for other in others], how, seed=0)
    trained_s = time.perf_counter() - began
    mine = {
        schedule: {
            other: restricted(runs_of(guided(guide, schedule), problems[other], options.tuning_seeds, 20_000), most)
            for other in others
        }
        for schedule in SCHEDULES
    }
    schedules = {"agent": best_schedule(mine, others), "restarts": best_schedule(tuning, others)}
    searches = {
        "agent": guided(guide, schedules["agent"]),
        "tuned restarts": restarts(schedules["restarts"]),
        "proposals alone": guided(half_of(guide, "place"), schedules["agent"]),
        "culling alone": guided(half_of(guide, "worth"), schedules["agent"]),
        "untrained": guided(Guide(seed=0).eval(), schedules["agent"]),
        "right basin": InTheBasin(),
    }
    runs = {which: runs_of(search, problems[name], options.seeds) for which, search in searches.items()}
    return {
        "training_s": trained_s,
        "training_evaluations": sum(each.evaluations for each in history),
        "losses": [(each.first_loss, each.last_loss) for each in history],
        "schedules": {which: list(each) for which, each in schedules.items()},
        "searches": {
            which: {
                "evaluations": [each.evaluations for each in mine],
                "succeeded": [bool(each.succeeded) for each in mine],
                "seconds": [each.seconds for each in mine],
                "median": median(mine) if math.isfinite(median(mine)) else None,
                "restricted_mean": restricted(mine, most),
            }
            for which, mine in runs.items()
        },
    }


def summary(cases: Mapping[str, Any], most: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overall ratios, of all proteins that were held out."""
    rows = [case["searches"] for case in cases.values()]
    ratios = {which: ratio_of(rows, which, most) for which in rows[0] if which != "tuned restarts"}
    for which, (value, low, high) in ratios.items():
        print(f"evaluations of tuned restarts over those of {which}: {value:.2f} [{low:.2f}, {high:.2f}]")
    value, low, high = ratios["agent"]
    return {
        "what": "evaluations to a best pose within 2 A of the crystal pose, held-out protein, against tuned restarts",
        "ratio": value,
        "ratio_ci95": [low, high],
        "ratios_of_others": {which: list(each) for which, each in ratios.items() if which != "agent"},
        "verdict": "a gain" if low > 1 else "a loss" if high < 1 else "no gain that can be measured",
        "settings": {key: str(value) for key, value in options.items()},
        "cases": dict(cases),
    }


if __name__ == "__main__":
    main()
