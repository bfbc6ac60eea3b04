"""What a trained policy is worth on a protein that it has never seen: leave one complex out.

Six complexes: five of a folder (`1iep`, `1kzk`, `1oyt`, `1w2g`, `2br1`) and T4 lysozyme L99A with p-xylene. For each, a
policy is trained on the other five and then searches on the one held out, beside the same policy untrained and beside
random restarts with the same descent and successive halving, which are what Levinthal searches with when nothing is
learned. Rounds of a search follow one another, each with a new seed, until an energy within 0.5 kcal/mol of the best
known on the maps is found; what counts is the number of evaluations until then, cut at `--most`. The restarts are
shown at three sizes of a round, and the comparison is with the best of them on each complex, chosen afterwards; the
policy has one size for all. Evaluations depend on no clock. Intervals are bootstrapped over seeds, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from levinthal.workloads.docking.preparation import read_ligand_pdbqt, read_receptor_pdbqt
from levinthal.workloads.docking.search.agent.checkpoint import load_policy, save_policy
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
from levinthal.workloads.docking.search.agent.gymnasium_faces import default_problem
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings, TrainedPolicy
from levinthal.workloads.docking.search.agent.ppo import PPOSettings, Training, train
from levinthal.workloads.docking.search.built_in.policy import PolicySearch
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SearchOutcome

COMPLEXES = {
    "1iep": ("1iep_receptor", "1iep_ligand"),
    "1kzk": ("1kzk-receptor", "1kzk-je2"),
    "1oyt": ("1oyt-receptor", "1oyt-fsn"),
    "1w2g": ("1w2g-receptor", "1w2g-thm"),
    "2br1": ("2br1-receptor", "2br1-pfp"),
}
PADDING_ANGSTROM = 4.0
TOLERANCE_KCAL_MOL = 0.5
ROUNDS = ((512, 128), (1024, 128), (2048, 256))
POLICY_ROUND = (1024, 128)
N_LAST, LAST_STEPS = 16, 20

Counts = npt.NDArray[np.int64]
Round = Callable[[Problem, int], SearchOutcome]


def problems_of(data: Path) -> dict[str, Problem]:
    found = {}
    for name, (receptor, ligand) in COMPLEXES.items():
        guest = read_ligand_pdbqt(data / name / f"{ligand}.pdbqt")
        box = guest.box(PADDING_ANGSTROM)
        host = read_receptor_pdbqt(data / name / f"{receptor}.pdbqt")
        found[name] = Problem.of(host, guest, box)
    return {**found, "t4l": default_problem()}


def trained(problems: list[Problem], options: argparse.Namespace, seed: int) -> tuple[DockingPolicy, dict[str, Any]]:
    """Train a policy; return it with what that took."""
    environment = DockingEnvironment(problems, options.environments // len(problems), episode_of(options))
    how = PPOSettings(iterations=options.iterations, learning_rate=2e-3)
    training = Training.start(DockingPolicy(architecture(options), seed=seed), how)
    began = time.perf_counter()
    train(training, environment, how, seed=seed)
    draws = options.iterations * environment.n_environments * environment.settings.start_draws
    return training.policy.eval(), {
        "training_s": time.perf_counter() - began,
        "evaluations": sum(each.frames for each in training.history) + draws,
        "reward_first": training.history[0].reward,
        "reward_last": float(np.mean([each.reward for each in training.history[-10:]])),
    }


def architecture(options: argparse.Namespace) -> PolicySettings:
    return PolicySettings(width=options.width, recurrent=options.recurrent)


def episode_of(options: argparse.Namespace) -> EpisodeSettings:
    return EpisodeSettings(horizon=options.horizon)


def by(policy: DockingPolicy, options: argparse.Namespace) -> Round:
    search = PolicySearch(
        TrainedPolicy(policy, episode_of(options)), *POLICY_ROUND, n_last=N_LAST, last_steps=LAST_STEPS
    )
    return lambda problem, seed: search.search(problem, seed=seed)


def restarts(drawn: int, starts: int) -> Round:
    search = RandomRestarts(n_drawn=drawn, n_starts=starts, n_last=N_LAST, last_steps=LAST_STEPS)
    return lambda problem, seed: search.search(problem, seed=seed)


def evaluations_to_success(search: Round, problem: Problem, target: float, seeds: int, most: int) -> Counts:
    """Return for each seed the evaluations until the target energy, `most` where it was not reached by then."""
    counts = []
    for seed in range(seeds):
        spent, number = 0, 0
        while spent < most:
            outcome = search(problem, 1_000_003 * seed + number)
            until = outcome.trace.evaluations_to(target)
            if until is not None:
                spent += until
                break
            spent, number = spent + outcome.n_evaluations, number + 1
        counts.append(min(spent, most))
    return np.array(counts, np.int64)


def ratio_of(peer: Counts, ours: Counts) -> tuple[float, float, float]:
    """Return how many times fewer evaluations ours needs in the mean, with a 95 % bootstrap interval."""
    generator = np.random.default_rng(0)
    drawn = [generator.choice(peer, len(peer)).mean() / generator.choice(ours, len(ours)).mean() for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(peer.mean() / ours.mean()), float(low), float(high)


def overall(cases: list[dict[str, Any]], peer: str) -> tuple[float, float, float]:
    """Return the geometric mean over the complexes, its interval from seeds drawn again within each."""
    generator = np.random.default_rng(1)

    def one(draw: bool) -> float:
        logs = []
        for case in cases:
            theirs, ours = np.array(case[peer]), np.array(case["trained"])
            if draw:
                theirs, ours = generator.choice(theirs, len(theirs)), generator.choice(ours, len(ours))
            logs.append(math.log(theirs.mean() / ours.mean()))
        return math.exp(float(np.mean(logs)))

    low, high = np.quantile([one(True) for _ in range(2000)], [0.025, 0.975])
    return one(False), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the five complexes")
    parser.add_argument("--held-out", default="", help="only these complexes, by comma (default: each in turn)")
    parser.add_argument("--seeds", type=int, default=40, help="searches of each kind on each complex")
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--environments", type=int, default=320)
    parser.add_argument("--horizon", type=int, default=12)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--recurrent", action="store_true")
    parser.add_argument("--most", type=int, default=40_000, help="evaluations at which a search is cut")
    parser.add_argument(
        "--policies", type=Path, help="folder where policies are kept, and taken from if they are there"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = problems_of(options.data)
    held_out = [name for name in options.held_out.split(",") if name] or list(problems)
    untrained = DockingPolicy(architecture(options), seed=0)
    cases = []
    for name in held_out:
        file = None if options.policies is None else options.policies / f"without-{name}.safetensors"
        others = [problem for other, problem in problems.items() if other != name]
        if file is not None and file.exists():
            policy, cost = load_policy(file)
        else:
            policy, cost = trained(others, options, seed=0)
            if file is not None:
                save_policy(file, policy, cost)
        problem = problems[name]
        best = min(float(RandomRestarts().search(problem, seed=10**6 + k).energies_kcal_mol[0]) for k in range(4))

        target = best + TOLERANCE_KCAL_MOL
        counts = {
            which: evaluations_to_success(search, problem, target, options.seeds, options.most)
            for which, search in {
                "trained": by(policy, options),
                "untrained": by(untrained, options),
                **{f"restarts {drawn}/{starts}": restarts(drawn, starts) for drawn, starts in ROUNDS},
            }.items()
        }
        peer = min((which for which in counts if which.startswith("restarts")), key=lambda which: counts[which].mean())
        saved = float(counts[peer].mean() - counts["trained"].mean())
        cases.append(
            {
                "held_out": name,
                "best_known_kcal_mol": best,
                **{which: values.tolist() for which, values in counts.items()},
                "restarts": counts[peer].tolist(),
                "best_restarts": peer,
                "ratio_to_restarts": ratio_of(counts[peer], counts["trained"]),
                "ratio_to_untrained": ratio_of(counts["untrained"], counts["trained"]),
                "cost": cost,
                "break_even_ligands": cost["evaluations"] / saved if saved > 0 else None,
            }
        )
        told = ", ".join(
            f"{which} {values.mean():.0f} (median {np.median(values):.0f}, cut {np.mean(values >= options.most):.0%})"
            for which, values in counts.items()
        )
        gain, low, high = cases[-1]["ratio_to_restarts"]
        print(f"{name}: evaluations to success: {told}; ratio to {peer} {gain:.2f} [{low:.2f}, {high:.2f}]", flush=True)
    against_restarts, against_untrained = overall(cases, "restarts"), overall(cases, "untrained")
    verdict = (
        "a gain" if against_restarts[1] > 1 else "a loss" if against_restarts[2] < 1 else "no gain that can be measured"
    )
    print(
        f"evaluations of restarts over those of the trained policy: {against_restarts[0]:.2f} "
        f"[{against_restarts[1]:.2f}, {against_restarts[2]:.2f}]; of the untrained policy: {against_untrained[0]:.2f} "
        f"[{against_untrained[1]:.2f}, {against_untrained[2]:.2f}]: {verdict} over restarts"
    )
    print(
        json.dumps(
            {
                "what": "evaluations to within 0.5 kcal/mol of the best known, held-out complex, against restarts",
                "unit": "evaluations, geometric mean over the complexes of the mean over seeds",
                "ours": math.exp(float(np.mean([math.log(np.mean(case["trained"])) for case in cases]))),
                "peer": math.exp(float(np.mean([math.log(np.mean(case["restarts"])) for case in cases]))),
                "ratio": against_restarts[0],
                "ratio_ci95": against_restarts[1:],
                "ratio_to_untrained": against_untrained[0],
                "ratio_to_untrained_ci95": against_untrained[1:],
                "verdict": verdict,
                "settings": {key: str(value) for key, value in vars(options).items()},
                "cases": cases,
            }
        )
    )


if __name__ == "__main__":
    main()
