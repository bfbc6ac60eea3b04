"""The Astex diverse set: what of it can be prepared, and what searches need on its rigid redocking.

Needs `levinthal data fetch astex-diverse`. Every complex that is refused is listed with its reason. Proteins are
grouped by sequence (30 % identity); families are dealt into `--folds` folds, and for each fold the agent practises on
complexes of the other folds (at most `--practise`) and random restarts are tuned on the same. On the fold both search
until their best pose lies within 2 A of the crystal's or `--most` evaluations are spent. The ratio is of restricted
means, as in `docking_transfer.py`, over complexes whose score has its minimum at the crystal pose; the others, where
the score is wrong, are counted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from docking_transfer import (
    SCHEDULES,
    best_schedule,
    guided,
    off_the_minimum,
    ratio_of,
    restarts,
    restricted,
    runs_of,
)

from levinthal.datasets import data_set
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation.crystal_complexes import crystal_complexes, families
from levinthal.workloads.docking.search.agent.guide import Guide
from levinthal.workloads.docking.search.agent.guiding import GuidingSettings, train_guide
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SUCCESS_ANGSTROM, Goal

PADDING_ANGSTROM = 4.0


def problems_of(files: list[Path], most: int) -> tuple[dict[str, Problem], dict[str, int], dict[str, str]]:
    """Return problems, their families, and the refusals."""
    found, refusals = crystal_complexes(files)
    family = families({each.name: each.sequences for each in found})
    problems = {}
    for each in found:
        try:
            problem = Problem.of(each.receptor, each.ligand, each.ligand.box(PADDING_ANGSTROM))
        except DataError as error:
            refusals[each.name] = str(error)
            continue
        problems[each.name] = replace(problem, goal=Goal(CrystalPose.of(each.ligand), most))
    return problems, family, refusals


def fold_case(
    mine: list[str], others: list[str], problems: dict[str, Problem], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Practise and tune on some complexes, and search on others."""
    guide, most = Guide(seed=0), options.most
    train_guide(guide, [problems[name] for name in others], GuidingSettings(), seed=0)
    schedules = []
    for make in (lambda schedule: guided(guide, schedule), restarts):
        costs = {
            schedule: {
                name: restricted(runs_of(make(schedule), problems[name], options.tuning_seeds, 10_000), most)
                for name in others
            }
            for schedule in SCHEDULES
        }
        schedules.append(best_schedule(costs, others))
    rows = []
    for name in mine:
        searches = {"agent": guided(guide, schedules[0]), "tuned restarts": restarts(schedules[1])}
        runs = {which: runs_of(search, problems[name], options.seeds) for which, search in searches.items()}
        rows.append(
            {
                which: {
                    "evaluations": [each.evaluations for each in made],
                    "succeeded": [bool(each.succeeded) for each in made],
                }
                for which, made in runs.items()
            }
        )
        told = {which: f"{restricted(made, most):.0f}" for which, made in runs.items()}
        print(f"{name}: evaluations to success, restricted mean: {told}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--practise", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tuning-seeds", type=int, default=6)
    parser.add_argument("--most", type=int, default=60_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems, family, refusals = problems_of(list(data_set("astex-diverse").files()), options.most)
    for name, reason in refusals.items():
        print(f"refused: {name}: {reason}")
    print(f"{len(problems)} complexes of {len(set(family.values()))} families; {len(refusals)} refused", flush=True)
    right = [name for name, problem in problems.items() if off_the_minimum(problem) <= SUCCESS_ANGSTROM]
    print(f"the minimum of the score is the crystal pose in {len(right)} of {len(problems)}", flush=True)
    rows = []
    for fold in range(options.folds):
        mine = [name for name in right if family[name] % options.folds == fold]
        others = [name for name in right if family[name] % options.folds != fold][: options.practise]
        rows += fold_case(mine, others, problems, options)
    value, low, high = ratio_of(rows, "agent", options.most)
    print(f"evaluations of tuned restarts over those of the agent: {value:.2f} [{low:.2f}, {high:.2f}]")
    print(json.dumps({"ratio": value, "ratio_ci95": [low, high], "refused": refusals, "right": len(right)}))


if __name__ == "__main__":
    main()
