"""Weighted ensembles where the rate is known: two exact chains, by the policies that studies use.

For each chain and each of `weighted-rate` (by every binning) and `plain-rate`, at the same steps: of how many studies
the 95 % interval of the rate holds one over the exact mean first passage time (of 200 studies 182 to 197 are right),
the mean of the rate over the exact one, and by how much the variance of a campaign is below that of plain simulation.
The last line of each chain keeps either of two merged walkers alike, whatever their weights: it must miss.

A study is of several independent campaigns. One line of JSON at the end. With `--out FILE` each policy is kept as it
is done, and left out when the script is begun again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.simulation.analysis import weighted_ensemble
from levinthal.simulation.analysis.exact_chain import mean_first_passage_steps
from levinthal.simulation.analysis.weighted_ensemble import hill_rate
from levinthal.simulation.exact.folding_landscape import folding_landscape
from levinthal.simulation.exact.markov_chain import MarkovChain, markov_chain
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.policies.view import START, View

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain-rate": ("plain-rate", {}),
    "weighted-rate, k-centers": ("weighted-rate", {"binning": "k-centers"}),
    "weighted-rate, k-means": ("weighted-rate", {"binning": "k-means"}),
    "weighted-rate, quantiles": ("weighted-rate", {"binning": "quantiles"}),
    "broken: either is kept": ("weighted-rate", {"binning": "k-centers"}),
}
BROKEN = "broken: either is kept"


@dataclass(frozen=True, eq=False)
class Case:
    """A chain with a source and a target."""

    name: str
    chain: MarkovChain
    source: int
    target: npt.NDArray[np.bool_]

    @property
    def rate(self) -> float:
        """One over the mean first passage time."""
        steps = mean_first_passage_steps(self.chain.transition_matrix, np.flatnonzero(self.target))
        return 1.0 / float(steps[self.source])


class Walking:
    """Many walkers of a chain at a time: the chain's own transition probabilities, row by row."""

    def __init__(self, chain: MarkovChain) -> None:
        width = int(np.diff(chain.row_start).max())
        self.to = np.zeros((chain.n_states, width), np.int64)
        self.below = np.full((chain.n_states, width), np.inf)
        for state in range(chain.n_states):
            row = slice(chain.row_start[state], chain.row_start[state + 1])
            n = row.stop - row.start
            self.to[state, :n] = chain.column[row]
            self.below[state, : n - 1] = np.cumsum(chain.probability[row])[:-1]

    def advance(self, states: Integers, n_steps: int, rng: np.random.Generator) -> Integers:
        """Return where each walker is after each step, shape (n_walkers, n_steps)."""
        seen = np.empty((len(states), n_steps), np.int64)
        for step in range(n_steps):
            chosen = (rng.random(len(states))[:, None] > self.below[states]).sum(axis=1)
            states = self.to[states, chosen]
            seen[:, step] = states
        return seen


def landscape_case() -> Case:
    """Return the folding landscape from the bottom of its trap: the fold is two basins away, and not rare."""
    landscape = folding_landscape(7.0)
    target = np.zeros(landscape.chain.n_states, np.bool_)
    target[landscape.native] = True
    bottom = int(landscape.trap[landscape.free_energy_kt[landscape.trap].argmin()])
    return Case("folding landscape, 7 kT, from the trap", landscape.chain, bottom, target)


def wells_case(n_states: int = 25, barrier_kt: float = 8.0) -> Case:
    """Return two wells on a line, a barrier between them: the passage is rare."""
    x = np.linspace(-1.25, 1.25, n_states)
    energy = barrier_kt * (x**2 - 1.0) ** 2
    matrix = np.zeros((n_states, n_states))
    for here in range(n_states):
        for there in {max(here - 1, 0), min(here + 1, n_states - 1)} - {here}:
            matrix[here, there] = 0.5 * min(1.0, float(np.exp(energy[here] - energy[there])))
        matrix[here, here] = 1.0 - matrix[here].sum()
    name = f"two wells, {barrier_kt:g} kT between them"
    return Case(name, markov_chain(name, matrix, x), int(np.abs(x + 1.0).argmin()), x > 0.9)


def campaign(
    case: Case, walking: Walking, kind: tuple[str, dict[str, Any]], seed: int, size: tuple[int, int, int]
) -> tuple[float, float]:
    """Return what arrived and what was waited in the second half of the rounds, as a study counts them.

    The policy is shown a frame a round: its place, and whether the event was met at any step since the one before.
    """
    n, n_rounds, chunk = size
    rng, states = np.random.default_rng([seed, 11]), np.full(n, case.source)
    policy = make_policy(kind[0], event=lambda frames, full: full[:, 0] > 0, **kind[1])
    met_at, places = np.zeros((n_rounds * n, 1)), np.empty((n_rounds * n, case.chain.embedding.shape[1]))
    weights, nothing = np.full(n, 1.0 / n), np.zeros(n_rounds * n, np.int64)
    arrived = waited = refreshed = 0.0
    for k in range(n_rounds):
        seen, end = walking.advance(states, chunk, rng), (k + 1) * n
        met = case.target[seen].any(axis=1)
        met_at[end - n : end, 0], places[end - n : end] = met, case.chain.embedding[seen[:, -1]]
        if 2 * k >= n_rounds:
            arrived += float(weights[met].sum())
            waited += float((weights * np.where(met, case.target[seen].argmax(axis=1) + 1, chunk)).sum())
        zeros, latest = nothing[:end], np.arange(end - n, end)
        view = View(places[:end], zeros, zeros, zeros, latest, places[:end], 1, met_at[:end], weights, 1)
        if end >= 1.3 * refreshed:
            policy.refresh(view, rng)
            refreshed = end
        decisions = policy.resample(view, rng)  # type: ignore[attr-defined]
        weights = np.array([each.weight for each in decisions])
        came_from = [i if each.frame is None else each.frame - (end - n) for i, each in enumerate(decisions)]
        states = np.where([each.frame == START for each in decisions], case.source, seen[np.maximum(came_from, 0), -1])
    return arrived, waited


@contextmanager
def broken_merge() -> Iterator[None]:
    """Keep either of two merged walkers alike, whatever their weights."""
    right = weighted_ensemble.merged

    def wrong(one: tuple[float, int], other: tuple[float, int], rng: np.random.Generator) -> tuple[float, int]:
        weight = one[0] + other[0]
        return weight, (one if rng.random() < 0.5 else other)[1]

    weighted_ensemble.merged = wrong
    try:
        yield
    finally:
        weighted_ensemble.merged = right


def study(
    case: Case, name: str, number: int, n_campaigns: int, size: tuple[int, int, int]
) -> tuple[bool, float, list[float]]:
    """Return whether the interval holds the rate, the rate, and that of each campaign, over the exact one."""
    walking, rate = Walking(case.chain), case.rate
    with broken_merge() if name == BROKEN else nullcontext():
        found = [
            campaign(case, walking, POLICIES[name], number * n_campaigns + each, size) for each in range(n_campaigns)
        ]
    arrived, waited = np.array(found).T
    estimate = hill_rate(arrived, waited, walkers=size[0] if name == "plain-rate" else None, seed=number)
    return estimate.covers(rate), estimate.value / rate, list(arrived / waited / rate)


def study_of(task: tuple[int, str, int, int, tuple[int, int, int]]) -> tuple[bool, float, list[float]]:
    """Do a study in whatever process this is."""
    which, *rest = task
    return study(CASES[which](), *rest)


CASES = (landscape_case, wells_case)


def measure(which: int, name: str, n_studies: int, n_campaigns: int, size: tuple[int, int, int], workers: int) -> Any:
    """Return how often the interval holds the rate, its mean, and the variance of a campaign, over the exact rate."""
    began = time.perf_counter()
    tasks = [(which, name, number, n_campaigns, size) for number in range(n_studies)]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(study_of, tasks, chunksize=4))
    else:
        found = [study_of(task) for task in tasks]
    means = [value for _, value, _ in found]
    return {
        "held": sum(held for held, _, _ in found),
        "of": n_studies,
        "mean": float(np.mean(means)),
        "error": float(np.std(means, ddof=1)) / float(np.sqrt(n_studies)),
        "variance": float(np.var([each for _, _, campaigns in found for each in campaigns], ddof=1)),
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200, help="intervals of each policy (default 200)")
    parser.add_argument("--campaigns", type=int, default=16, help="of each study (default 16)")
    parser.add_argument("--walkers", type=int, default=20, help="of each campaign (default 20)")
    parser.add_argument("--rounds", type=int, default=400, help="of each campaign (default 400)")
    parser.add_argument("--chunk", type=int, default=10, help="steps of a round (default 10)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    parser.add_argument("--only", default="", help="only the policies whose name contains this")
    parser.add_argument("--out", type=Path, help="a file of what was done, which is gone on with")
    options = parser.parse_args()
    size = (options.walkers, options.rounds, options.chunk)
    kept: dict[str, Any] = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    how = f"{options.studies} studies of {options.campaigns} campaigns, {size[0]} walkers, {size[1]} rounds"
    for which, make in enumerate(CASES):
        case = make()
        print(f"\n{case.name}: mean first passage {1 / case.rate:,.0f} steps; {how} of {size[2]} steps")
        print(f"{'policy':28} {'held':>8} {'mean / exact':>18} {'variance':>9} {'plain / its':>11} {'s':>6}")
        for name in (each for each in POLICIES if options.only in each):
            key = f"{case.name}; {name}; {how} of {size[2]}"
            if key not in kept:
                kept[key] = measure(which, name, options.studies, options.campaigns, size, options.workers)
                if options.out:
                    options.out.write_text(json.dumps(kept))
            row, plain = kept[key], kept.get(f"{case.name}; plain-rate; {how} of {size[2]}")
            gain = plain["variance"] / row["variance"] if plain and row["variance"] else float("nan")
            print(
                f"{name:28} {row['held']:4}/{row['of']:<3} {row['mean']:9.3f} +- {row['error']:.3f} "
                f"{row['variance']:10.3g} {gain:11.3g} {row['seconds']:6.0f}",
                flush=True,
            )
    print(json.dumps({"what": "weighted ensembles on exact chains", "found": kept}))


if __name__ == "__main__":
    main()
