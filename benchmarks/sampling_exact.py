"""The metrics of sampling where every answer is known: an exact Markov chain.

Three tables. The first tells for each metric how often its 95 % interval holds the true value, over many seeds: 95 % is
right, within the noise of so many seeds. The second lets policies of restarting spend the same number of steps, on the
built-in folding landscape and, if asked, on another chain, and gives the three ratios against plain runs. Restarting
from the states nearest to native must show up as what it is: fast, and wrong about the populations.

The third holds the ratios themselves against the truth, in many studies of 16 pairs drawn from a pool of campaigns: how
often a candidate that repeats the baseline is told apart from it (5 % is right), what one that sees nothing scores, and
how often the interval of least counts over plain holds the ratio of the whole pool.

The chain of another folder: `--chain MATRIX.npz` (scipy.sparse) with `--order-parameter RMSD.npy`, one number a state.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from levinthal.errors import LevinthalError
from levinthal.simulation.analysis.coverage import (
    chao1,
    covered_stationary_mass,
    good_turing_unseen_mass,
    state_counts,
)
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.effective_samples import integrated_autocorrelation_time_steps
from levinthal.simulation.analysis.exact_chain import (
    first_passage_survival,
    mean_first_passage_steps,
    mean_recurrence_steps,
    mean_time_outside_steps,
    relaxation_timescales_steps,
    stationary_distribution,
)
from levinthal.simulation.analysis.first_passage import (
    absence_durations,
    first_passage_durations,
    mean_recurrence,
    membership,
)
from levinthal.simulation.analysis.intervals import Estimate, jackknife
from levinthal.simulation.analysis.markov import (
    MarkovModel,
    cross_validated_vamp2,
    estimate_markov_model,
    markov_model_of_counts,
    transition_counts,
    vamp2,
)
from levinthal.simulation.analysis.ratios import PolicyRatio, better, faster, greater
from levinthal.simulation.analysis.survival import median_duration, restricted_mean_duration, tail_mean
from levinthal.simulation.exact.folding_landscape import folding_landscape
from levinthal.simulation.exact.markov_chain import MarkovChain, load_markov_chain, markov_chain

Run = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
Check = Callable[[int], tuple[Estimate, float]]

REPLICAS = 16
LOG = (np.log, np.exp)
LANDSCAPE = folding_landscape(5.0)
MATRIX = LANDSCAPE.chain.transition_matrix
STATIONARY = LANDSCAPE.stationary
REFERENCE = folding_landscape(2.5).stationary
"""Another distribution: the divergence to it is known and not zero."""


def runs(seed: int, n_steps: int, start: int | None = None, chain: MarkovChain = LANDSCAPE.chain) -> list[Run]:
    """Return replicas with their start, drawn from the stationary distribution unless it is given."""
    rng = np.random.default_rng([seed, n_steps])
    starts = rng.choice(chain.n_states, REPLICAS, p=STATIONARY) if start is None else np.full(REPLICAS, start)
    walks = (
        chain.advance(chain.start(int(begin)), n_steps, int(rng.integers(2**31)))[1].microstate for begin in starts
    )
    return [np.concatenate([[begin], walk]).astype(np.int32) for begin, walk in zip(starts, walks, strict=True)]


def native(trajectories: list[Run]) -> list[npt.NDArray[np.bool_]]:
    return [membership(run, LANDSCAPE.native) for run in trajectories]


@lru_cache
def survival() -> Doubles:
    """Return the exact survival curve of folding from the unfolded start, down to 1e-9."""
    return first_passage_survival(MATRIX, LANDSCAPE.unfolded_start, LANDSCAPE.native, 120_000)


def recurrence_of_a_state(seed: int) -> tuple[Estimate, float]:
    state = int(np.argsort(STATIONARY)[-60])
    marks = [run == state for run in runs(seed, 20_000)]
    return mean_recurrence(marks), mean_recurrence_steps(STATIONARY, [state])


def recurrence_of_a_set(seed: int) -> tuple[Estimate, float]:
    estimate = jackknife(native(runs(seed, 60_000)), lambda marks: mean_recurrence(marks).value, transform=LOG)
    return estimate, mean_recurrence_steps(STATIONARY, LANDSCAPE.native)


def time_outside(seed: int) -> tuple[Estimate, float]:
    marks = native(runs(seed, 60_000))
    estimate = jackknife(marks, lambda part: tail_mean(absence_durations(part)).value, transform=LOG)
    return estimate, mean_time_outside_steps(MATRIX, LANDSCAPE.native)


def passage(seed: int, n_steps: int = 5_000) -> Any:
    walks = [*runs(seed, n_steps, LANDSCAPE.unfolded_start), *runs(seed + 10**6, n_steps, LANDSCAPE.unfolded_start)]
    return first_passage_durations(native(walks))


def passage_median(seed: int) -> tuple[Estimate, float]:
    return median_duration(passage(seed)), float((survival() <= 0.5).argmax())


def passage_restricted_mean(seed: int) -> tuple[Estimate, float]:
    return restricted_mean_duration(passage(seed), 5_000), float(survival()[:5_000].sum())


def passage_mean(seed: int) -> tuple[Estimate, float]:
    truth = mean_first_passage_steps(MATRIX, LANDSCAPE.native)[LANDSCAPE.unfolded_start]
    return tail_mean(passage(seed)), float(truth)


def unseen_mass(seed: int) -> tuple[Estimate, float]:
    drawn = np.concatenate([run[::4_000] for run in runs(seed, 64_000)])  # over three relaxation times apart
    return good_turing_unseen_mass(state_counts(drawn, 500)), 1.0 - covered_stationary_mass(drawn, STATIONARY)


@lru_cache
def even_chain() -> MarkovChain:
    """Return a chain of 500 states that are all as likely and forget at once: a mean of permutations."""
    rng = np.random.default_rng(1)
    matrix = sum(np.eye(500)[rng.permutation(500)] for _ in range(60)) / 60.0
    return markov_chain("even", sparse.csr_array(matrix))


def number_of_states(seed: int) -> tuple[Estimate, float]:
    drawn, _ = even_chain().advance(even_chain().start(0), 1, seed)
    _, frames = even_chain().advance(even_chain().start(int(drawn.microstate)), 700, seed + 10**6)
    return chao1(state_counts(frames.microstate, 500)), 500.0


def divergence(seed: int) -> tuple[Estimate, float]:
    counts = [state_counts(run, 500) for run in runs(seed, 60_000)]
    estimate = jackknife(
        counts, lambda part: jensen_shannon_nats(np.sum(part, axis=0), REFERENCE), limits=(0.0, math.log(2.0))
    )
    return estimate, jensen_shannon_nats(STATIONARY, REFERENCE)


def from_the_trap(seed: int) -> list[Run]:
    """Return 32 replicas, each too short to forget where it began."""
    begin = int(LANDSCAPE.trap[len(LANDSCAPE.trap) // 2])
    return [*runs(seed, 2_000, begin), *runs(seed + 10**6, 2_000, begin)]


def of_models(trajectories: list[Run], metric: Callable[[MarkovModel], float], **options: Any) -> Estimate:
    """Return the jackknife of a metric of the Markov state model over replicas."""
    counts = [transition_counts([run], 500) for run in trajectories]
    return jackknife(counts, lambda part: metric(markov_model_of_counts(sum(part[1:], part[0]))), **options)


def reweighted_divergence(seed: int) -> tuple[Estimate, float]:
    def metric(model: MarkovModel) -> float:
        return jensen_shannon_nats(model.stationary, REFERENCE)

    estimate = of_models(from_the_trap(seed), metric, limits=(0.0, math.log(2.0)))
    return estimate, jensen_shannon_nats(STATIONARY, REFERENCE)


def reweighted_native_mass(seed: int) -> tuple[Estimate, float]:
    estimate = of_models(from_the_trap(seed), lambda model: float(model.stationary[LANDSCAPE.native].sum()))
    return estimate, float(STATIONARY[LANDSCAPE.native].sum())


def unweighted_native_mass(seed: int) -> tuple[Estimate, float]:
    """Count frames as they come: what the reweighting is for. This one must be too small."""
    shares = [float(marks.mean()) for marks in native(from_the_trap(seed))]
    return jackknife(shares, lambda part: float(np.mean(part))), float(STATIONARY[LANDSCAPE.native].sum())


def slowest_timescale(seed: int) -> tuple[Estimate, float]:
    estimate = of_models(runs(seed, 60_000), lambda model: float(model.implied_timescales_steps(1)[0]), transform=LOG)
    return estimate, float(relaxation_timescales_steps(MATRIX, 1)[0])


@lru_cache
def exact_autocorrelation_time() -> float:
    """Return 1/2 + sum rho(k) of the second coordinate, from (I - P)^-1 on functions of zero mean."""
    f = LANDSCAPE.chain.embedding[:, 1] - STATIONARY @ LANDSCAPE.chain.embedding[:, 1]
    resolvent = np.linalg.solve(np.eye(500) - MATRIX.toarray() + STATIONARY[None, :], f)
    return float((STATIONARY * f) @ resolvent / ((STATIONARY * f) @ f)) - 0.5


def autocorrelation_time(seed: int) -> tuple[Estimate, float]:
    series = [LANDSCAPE.chain.embedding[run, 1] for run in runs(seed, 150_000)]
    times = [integrated_autocorrelation_time_steps(one) for one in series]
    return jackknife(times, lambda part: float(np.mean(part))), exact_autocorrelation_time()


def features(run: Run) -> Doubles:
    x, y = LANDSCAPE.chain.embedding[run].T
    return np.stack([x, y, x * y, x**2, y**2], axis=1)


@lru_cache
def exact_vamp2(lag: int) -> float:
    values = features(np.arange(500, dtype=np.int32))
    values = values - STATIONARY @ values
    weighted = values * STATIONARY[:, None]
    c00, later = weighted.T @ values, values
    for _ in range(lag):
        later = MATRIX @ later
    inverse = np.linalg.inv(np.linalg.cholesky(c00))
    return 1.0 + float(((inverse @ (weighted.T @ later) @ inverse.T) ** 2).sum())


def vamp2_score(seed: int) -> tuple[Estimate, float]:
    projected = [features(run[::20]) for run in runs(seed, 60_000)]
    return jackknife(projected, lambda part: vamp2(part, 10)), exact_vamp2(200)


def vamp2_cross_validated(seed: int) -> tuple[Estimate, float]:
    projected = [features(run[::20]) for run in runs(seed, 60_000)]
    found = cross_validated_vamp2(projected, 10, n_folds=8, seed=seed)  # a lower bound: only its lower limit is checked
    return Estimate(found.value, found.low, math.inf, found.confidence, found.method), exact_vamp2(200)


def as_estimate(ratio: PolicyRatio) -> Estimate:
    return Estimate(ratio.value, ratio.low, ratio.high, ratio.confidence, ratio.method)


def drawn_times(seed: int, scale: float) -> Doubles:
    """Return passage times of 16 replicas by inversion of the exact curve, stretched."""
    uniform = np.random.default_rng(seed).random(REPLICAS)
    return scale * np.maximum(np.searchsorted(-survival(), -uniform), 1.0)


def ratio_complete(seed: int) -> tuple[Estimate, float]:
    ratio = faster(drawn_times(seed, 2.0), drawn_times(seed + 10**6, 1.0), 1e9)
    return as_estimate(ratio), 2.0


def ratio_censored(seed: int) -> tuple[Estimate, float]:
    budget = 6_000
    ratio = faster(
        *(np.where(t > budget, np.inf, t) for t in (drawn_times(seed, 2.0), drawn_times(seed + 10**6, 1.0))), budget
    )
    return as_estimate(ratio), _arrival_rate(budget) / (_arrival_rate(budget // 2) / 2.0)


def _arrival_rate(budget: int) -> float:
    """Return the arrivals per step spent waiting, of walkers that are watched for a budget."""
    return float((1.0 - survival()[budget]) / survival()[:budget].sum())


def ratio_of_the_same(seed: int) -> tuple[Estimate, float]:
    return as_estimate(faster(drawn_times(seed, 1.0), drawn_times(seed + 10**6, 1.0), 1e9)), 1.0


CHECKS: dict[str, Check] = {
    "recurrence of a state (Kaplan-Meier)": recurrence_of_a_state,
    "recurrence of the native set (jackknife)": recurrence_of_a_set,
    "leave and come back (jackknife)": time_outside,
    "first passage, median": passage_median,
    "first passage, restricted mean": passage_restricted_mean,
    "first passage, mean with exponential tail": passage_mean,
    "Good-Turing unseen mass": unseen_mass,
    "Chao1, equally likely states": number_of_states,
    "Jensen-Shannon divergence": divergence,
    "the same reweighted, started in the trap": reweighted_divergence,
    "native population reweighted, from the trap": reweighted_native_mass,
    "slowest implied timescale": slowest_timescale,
    "autocorrelation time": autocorrelation_time,
    "VAMP-2": vamp2_score,
    "VAMP-2 cross-validated, as a lower bound": vamp2_cross_validated,
    "faster, all arrived": ratio_complete,
    "faster, some never arrived": ratio_censored,
    "faster, no difference": ratio_of_the_same,
}


def coverage(check: Check, n_seeds: int, first_seed: int = 0) -> tuple[int, float, float]:
    """Return how many intervals hold the truth, the mean of estimate / truth and the median width / truth."""
    held, ratios, widths = 0, [], []
    for seed in range(first_seed, first_seed + n_seeds):
        estimate, truth = check(seed)
        held += estimate.covers(truth)
        if math.isfinite(estimate.value) and truth:
            ratios.append(estimate.value / truth)
            widths.append((estimate.high - estimate.low) / truth)
    return held, statistics.fmean(ratios), statistics.median(widths)


@dataclass(frozen=True)
class Case:
    """A chain on which policies compete."""

    name: str
    chain: MarkovChain
    stationary: Doubles
    order_parameter: Doubles
    target: npt.NDArray[np.bool_]
    start_weights: Doubles


@dataclass(frozen=True)
class Campaign:
    """What one replica of a policy came to."""

    states: int
    first_passage_steps: float
    divergence_counted: float
    divergence_reweighted: float
    covered_mass: float
    states_steps: float
    """Steps until every state with more than 1 % of the mass was seen, infinite if never."""


POLICIES = ("classical", "random restart", "least counts", "RMSD-greedy")


def campaign(case: Case, policy: str, seed: int, budget: int, walkers: int = 10, chunk: int = 100) -> Campaign:
    """Spend the budget; after every chunk a policy other than the classical chooses all new starts."""
    rng, n = np.random.default_rng([seed, 7]), case.chain.n_states
    start = int(rng.choice(n, p=case.start_weights))
    states = [case.chain.start(start)] * walkers
    open_runs: list[list[npt.NDArray[Any]]] = [[np.array([start])] for _ in range(walkers)]
    closed: list[npt.NDArray[Any]] = []
    counts, first, seen_all = np.zeros(n, np.int64), math.inf, math.inf
    held = case.stationary > 0.01
    for spent in range(0, budget, walkers * chunk):
        for k in range(walkers):
            states[k], frames = case.chain.advance(states[k], chunk, int(rng.integers(2**31)))
            open_runs[k].append(frames.microstate)
            counts += state_counts(frames.microstate, n)
            arrived = case.target[frames.microstate]
            if arrived.any():
                first = min(first, spent + walkers * (int(arrived.argmax()) + 1))
        if math.isinf(seen_all) and counts[held].all():
            seen_all = spent + walkers * chunk
        if policy == "classical":
            continue
        seen = rng.permutation(np.flatnonzero(counts))
        if policy == "random restart":
            chosen = rng.choice(seen, walkers)
        else:
            score = counts[seen] if policy == "least counts" else case.order_parameter[seen]
            chosen = np.resize(seen[np.argsort(score, kind="stable")[:walkers]], walkers)
        for k in range(walkers):
            closed.append(np.concatenate(open_runs[k]))
            states[k], open_runs[k] = case.chain.start(int(chosen[k])), [chosen[k : k + 1]]
    closed += [np.concatenate(run) for run in open_runs]
    model = estimate_markov_model(closed, n)
    return Campaign(
        states=int((counts > 0).sum()),
        first_passage_steps=first,
        divergence_counted=jensen_shannon_nats(counts, case.stationary),
        divergence_reweighted=jensen_shannon_nats(model.stationary, case.stationary),
        covered_mass=float(case.stationary[counts > 0].sum()),
        states_steps=seen_all,
    )


RATIOS: dict[str, Callable[[list[Campaign], list[Campaign], float, int], PolicyRatio]] = {
    "better": lambda b, c, budget, seed: better(
        [x.divergence_reweighted for x in b], [x.divergence_reweighted for x in c], seed=seed
    ),
    "faster (event)": lambda b, c, budget, seed: faster(
        [x.first_passage_steps for x in b], [x.first_passage_steps for x in c], budget, seed=seed
    ),
    "faster (states)": lambda b, c, budget, seed: faster(
        [x.states_steps for x in b], [x.states_steps for x in c], budget, seed=seed
    ),
    "greater": lambda b, c, budget, seed: greater([x.covered_mass for x in b], [x.covered_mass for x in c], seed=seed),
}


def hold_ratios(case: Case, budget: int, studies: int, pool_size: int) -> dict[str, Any]:
    """Print and return how the ratios do where the truth is known."""
    began = time.perf_counter()
    pool = {
        policy: [campaign(case, policy, seed, budget) for seed in range(pool_size)]
        for policy in ("classical", "least counts")
    }
    nothing_seen = {"first_passage_steps": math.inf, "states_steps": math.inf}
    nothing_seen["covered_mass"] = float(case.stationary.min())
    blind = [replace(one, **nothing_seen) for one in pool["classical"]]
    print(f"\n{case.name}: {budget} steps, {studies} studies of {REPLICAS} pairs from pools of {pool_size} campaigns, "
          f"{time.perf_counter() - began:.0f} s")  # fmt: skip
    print(f"{'ratio':16} {'null told apart':>16} {'truth':>7} {'held':>9} {'sees nothing':>24}")
    found: dict[str, Any] = {}
    for name, ratio in RATIOS.items():
        truth = ratio(pool["classical"], pool["least counts"], budget, 0).value
        apart = held = 0
        for study in range(studies):
            rng = np.random.default_rng([study, 3])
            drawn = rng.permutation(pool_size)[: 2 * REPLICAS]
            plain = [pool["classical"][k] for k in drawn[:REPLICAS]]
            again = [pool["classical"][k] for k in drawn[REPLICAS:]]
            other = [pool["least counts"][k] for k in drawn[REPLICAS:]]
            apart += ratio(plain, again, budget, study).verdict != "can't tell"
            interval = ratio(plain, other, budget, study)
            held += interval.low <= truth <= interval.high
        nothing = text(ratio(pool["classical"][:REPLICAS], blind[REPLICAS : 2 * REPLICAS], budget, 0))
        nothing = "as the baseline's frames" if name == "better" else nothing
        print(f"{name:16} {apart:8}/{studies:<7} {truth:7.3g} {held:4}/{studies:<4} {nothing:>24}", flush=True)
        found[name] = {"null told apart": apart, "truth": truth, "held": held, "of": studies}
    return found


def landscape_case() -> Case:
    landscape = folding_landscape(7.0)
    target, start = np.zeros(500, bool), np.zeros(500)
    target[landscape.native], start[landscape.unfolded_start] = True, 1.0
    return Case(landscape.chain.name, landscape.chain, landscape.stationary, landscape.deviation_nm, target, start)


def file_case(path: Path, order_parameter: Path | None, target_below: float, start_above: float) -> Case:
    """Return a chain from a file; without an order parameter the slowest right eigenvector serves, an oracle."""
    chain = load_markov_chain(path)
    stationary = stationary_distribution(chain.transition_matrix)
    if order_parameter is None:
        values, vectors = sparse.linalg.eigs(chain.transition_matrix, k=2, which="LR", v0=np.ones(chain.n_states))
        slow = np.real(vectors[:, np.argsort(-np.real(values))[1]])
        slow *= -np.sign(slow[np.abs(slow).argmax()])  # the smaller basin, the one to be found, is low
        coordinate = (slow - slow.min()) / np.ptp(slow)
    else:
        coordinate = np.load(order_parameter, allow_pickle=False)
    weights = np.where(coordinate > start_above, stationary, 0.0)
    return Case(chain.name, chain, stationary, coordinate, coordinate < target_below, weights / weights.sum())


def text(ratio: PolicyRatio) -> str:
    return f"{ratio.value:.4g} [{ratio.low:.4g}, {ratio.high:.4g}] {ratio.verdict}"


def compete(case: Case, budget: int, replicas: int) -> list[dict[str, Any]]:
    """Print and return the table of policies."""
    results = {policy: [campaign(case, policy, seed, budget) for seed in range(replicas)] for policy in POLICIES}
    header = f"{'policy':15} {'states':>6} {'first':>7} {'JS':>6} {'JS rew.':>7} {'mass':>6}"
    print(f"\n{case.name}: {budget} steps, {replicas} replicas; medians; ratios against classical, 95 % intervals")
    print(f"{header}  {'faster':34} {'better (reweighted)':34} {'greater (mass)':34}")
    plain, rows = results["classical"], []
    for policy, campaigns in results.items():
        row: dict[str, Any] = {
            name: statistics.median(getattr(one, name) for one in campaigns) for name in Campaign.__dataclass_fields__
        }
        line = (
            f"{policy:15} {row['states']:6.0f} {row['first_passage_steps']:7.0f} {row['divergence_counted']:6.3f} "
            f"{row['divergence_reweighted']:7.3f} {row['covered_mass']:6.3f}"
        )
        if policy != "classical":
            ratios = [
                faster(*([one.first_passage_steps for one in side] for side in (plain, campaigns)), budget),
                better(*([one.divergence_reweighted for one in side] for side in (plain, campaigns))),
                greater(*([one.covered_mass for one in side] for side in (plain, campaigns))),
            ]
            line += "  " + " ".join(f"{text(ratio):34}" for ratio in ratios)
            row |= {ratio.name: [ratio.value, ratio.low, ratio.high, ratio.verdict] for ratio in ratios}
        print(line, flush=True)
        rows.append({"policy": policy, **row})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="intervals of each metric (default 200; 0 leaves out)")
    parser.add_argument("--studies", type=int, default=200, help="of the third table (default 200; 0 leaves it out)")
    parser.add_argument("--pool", type=int, default=800, help="campaigns they are drawn from (default 800)")
    parser.add_argument("--pool-steps", type=int, default=12_000, help="budget of each of these (default 12000)")
    parser.add_argument("--replicas", type=int, default=16, help="of each policy (default 16; 0 leaves out)")
    parser.add_argument("--steps", type=int, default=100_000, help="budget of a replica (default 100000)")
    parser.add_argument("--only", help="only the metrics whose name contains this")
    parser.add_argument("--chain", type=Path, help="another transition matrix, .npz of scipy.sparse or .npy")
    parser.add_argument("--order-parameter", type=Path, help="a number for each of its states, .npy, low is native")
    parser.add_argument("--target-below", type=float, default=0.2, help="order parameter of the target (default 0.2)")
    parser.add_argument("--start-above", type=float, default=0.6, help="order parameter of the starts (default 0.6)")
    options = parser.parse_args()
    result: dict[str, Any] = {"what": "exact tier of sampling", "coverage": {}, "policies": {}}
    if options.seeds:
        print(f"{'metric':45} {'held':>9} {'95 % of held':>15} {'mean/truth':>10} {'width/truth':>11} {'s':>5}")
        for name, check in CHECKS.items():
            if options.only and options.only not in name:
                continue
            began = time.perf_counter()
            held, ratio, width = coverage(check, options.seeds)
            limits = stats.binomtest(held, options.seeds).proportion_ci(0.95, "exact")
            print(
                f"{name:45} {held:4}/{options.seeds:<4} {limits.low:7.3f}-{limits.high:.3f} "
                f"{ratio:11.3f} {width:11.3f} {time.perf_counter() - began:5.1f}",
                flush=True,
            )
            result["coverage"][name] = {"held": held, "of": options.seeds, "mean_over_truth": ratio}
    if options.replicas:
        cases = [landscape_case()]
        if options.chain:
            cases.append(file_case(options.chain, options.order_parameter, options.target_below, options.start_above))
        for case in cases:
            result["policies"][case.name] = compete(case, options.steps, options.replicas)
    if options.studies:
        result["ratios"] = hold_ratios(landscape_case(), options.pool_steps, options.studies, options.pool)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except LevinthalError as error:
        raise SystemExit(str(error)) from None
