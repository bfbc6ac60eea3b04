"""Policies against planted states, brute force and other packages' algorithms, and on an exact chain."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.cluster import DBSCAN
from sklearn.neighbors import LocalOutlierFactor

from levinthal import plugins
from levinthal.errors import DataError, UsageError
from levinthal.simulation.exact.folding_landscape import folding_landscape
from levinthal.simulation.exact.markov_chain import ChainState
from levinthal.workloads.sampling.policies.built_in.dbscan import choose_eps
from levinthal.workloads.sampling.policies.built_in.reap import adapt_weights
from levinthal.workloads.sampling.policies.cluster_restarts import k_centers
from levinthal.workloads.sampling.policies.density import local_outlier_factors, noise_radii, reference
from levinthal.workloads.sampling.policies.registry import POLICIES, Declared, declared_by, make_policy
from levinthal.workloads.sampling.policies.view import Policy, View

SELECTIVE = ("least-counts", "dbscan", "lof", "fast", "reap", "directed")


def a_view(
    points: np.ndarray,
    trajectory: np.ndarray | None = None,
    restarts: np.ndarray | None = None,
    latest: np.ndarray | None = None,
    frames: np.ndarray | None = None,
) -> View:
    n = len(points)
    return View(
        embedding=np.asarray(points, np.float32),
        trajectory=np.arange(n) // 50 if trajectory is None else trajectory,
        step=np.arange(n),
        restarts=np.zeros(n, np.int64) if restarts is None else restarts,
        latest=np.array([n - 1]) if latest is None else latest,
        frames=np.asarray(points if frames is None else frames, np.float32),
        model_version=1,
    )


def make(name: str, dimensions: int, **more: object) -> Policy:
    if name == "directed":
        more["target"] = np.zeros(dimensions)
    return make_policy(name, **more)


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """A dense cloud, three rare states of 4 frames each far from it and each other, and a walker amid the cloud."""
    rng = np.random.default_rng(3)
    cloud = rng.normal(size=(3000, 3))
    corners = np.array([[12.0, 0, 0], [0, -12, 0], [0, 0, 12]])
    rare = np.repeat(corners, 4, axis=0) + 0.1 * rng.normal(size=(12, 3))
    where = np.sort(rng.choice(2500, 12, replace=False))
    points = np.insert(cloud, where - np.arange(12), rare, axis=0)
    return np.concatenate([points, 0.3 * rng.normal(size=(38, 3))]), where


def test_noise_radii_are_those_of_dbscan():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(400, 2)), rng.uniform(-6, 6, size=(60, 2)), np.zeros((15, 2))])
    for min_samples in (2, 5, 10):
        found = reference(points, len(points), min_samples - 1, rng)
        radii = noise_radii(points, found)
        for eps in (0.05, 0.3, 0.8, 2.0):
            noise = DBSCAN(eps=eps, min_samples=min_samples).fit_predict(points) == -1
            assert np.array_equal(radii > eps, noise)


def test_local_outlier_factors_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(size=(500, 4)), 8 * rng.normal(size=(20, 4))])
    ours = local_outlier_factors(points, reference(points, len(points), 20, rng))
    theirs = -LocalOutlierFactor(n_neighbors=20).fit(points).negative_outlier_factor_
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), wanted=st.integers(1, 40))
def test_eps_leaves_the_wanted_number_of_outliers(seed: int, wanted: int):
    radii = np.random.default_rng(seed).exponential(size=200)
    assert np.count_nonzero(radii > choose_eps(radii, wanted, 0.0)) == wanted
    assert choose_eps(radii, wanted, 100.0) == 100.0
    tied = np.r_[np.ones(500), np.full(7, 2.0)]
    assert np.count_nonzero(tied > choose_eps(tied, 3, 0.0)) == 7
    assert np.count_nonzero(tied > choose_eps(tied, 100, 0.0)) == 7


def test_k_centers_cover_and_are_apart():
    rng = np.random.default_rng(5)
    points = rng.uniform(size=(2000, 3))
    clusters = k_centers(points, 40, rng)
    distance = np.linalg.norm(points[:, None] - points[clusters.centre], axis=2)
    np.testing.assert_allclose(distance[np.arange(2000), clusters.label], distance.min(axis=1), atol=1e-6)
    assert clusters.radius == pytest.approx(distance.min(axis=1).max(), rel=1e-5)
    between = distance[clusters.centre] + 9 * np.eye(40)
    assert between.min() >= clusters.radius - 1e-6
    assert clusters.count.sum() == 2000
    assert len(k_centers(np.tile([[0.0], [1.0]], (9, 1)), 10, rng).centre) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=6), st.floats(0, 1), st.integers(0, 99))
def test_reap_weights_solve_the_linear_programme(rewards: list[float], step: float, seed: int):
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(rewards)))
    adapted = adapt_weights(weights, np.array(rewards), step)
    assert adapted.sum() == pytest.approx(1)
    bounds = [(max(0.0, w - step), min(1.0, w + step)) for w in weights]
    best = linprog(-np.array(rewards), A_eq=np.ones((1, len(rewards))), b_eq=[1.0], bounds=bounds)
    assert adapted @ np.array(rewards) == pytest.approx(-best.fun, abs=1e-7)


@pytest.mark.parametrize("name", ["dbscan", "lof"])
@pytest.mark.parametrize("reference_frames", [5000, 600])
def test_outliers_find_planted_states(name: str, reference_frames: int, planted: tuple[np.ndarray, np.ndarray]):
    points, rare = planted
    policy = make(name, 3, reference_frames=reference_frames, outliers=12)
    view = a_view(points)
    policy.refresh(view, np.random.default_rng(0))
    chosen = {policy.decide(0, view, np.random.default_rng(k)).frame for k in range(12)} - {None}
    assert len(chosen) >= 3
    assert len(chosen & set(rare.tolist())) >= len(chosen) - 1 - (name == "lof")
    # one from each neighbourhood: a restart per state
    assert len({int(np.abs(points[k]).argmax()) for k in chosen & set(rare.tolist())}) >= 3 - (name == "lof")


def test_a_walker_amid_outliers_goes_on_and_a_stale_one_does_not(planted: tuple[np.ndarray, np.ndarray]):
    points, _ = planted
    for name in ("dbscan", "lof", "least-counts"):
        policy = make(name, 3)
        policy.refresh(a_view(points), np.random.default_rng(0))
        far = np.full((5, 3), 30.0)
        more = np.concatenate([points, np.zeros((30, 3)), far])
        trajectory = np.r_[np.arange(len(points)) // 50, np.full(35, 999)]
        assert policy.decide(0, a_view(more, trajectory), np.random.default_rng(0)).frame is None
        stale = np.concatenate([points, np.zeros((35, 3))])
        decision = policy.decide(0, a_view(stale, trajectory), np.random.default_rng(0))
        assert decision.frame is not None
        young = np.r_[np.arange(len(points)) // 50, np.full(20, 998), np.full(15, 999)]
        decision = policy.decide(0, a_view(stale, young), np.random.default_rng(0))
        assert decision.frame is None
        assert "15 of at least 20" in decision.reason


def test_too_few_outliers_is_a_normal_case():
    points = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), -1).reshape(-1, 2)
    for name in ("dbscan", "lof"):
        policy = make(name, 2)
        view = a_view(points)
        policy.refresh(view, np.random.default_rng(0))
        decision = policy.decide(0, view, np.random.default_rng(0))
        assert decision.frame is None
        assert "no" in decision.reason


def test_least_counts_prefers_what_was_hardly_seen():
    rng = np.random.default_rng(2)
    points = np.concatenate([rng.normal(size=(4000, 2)), [[9.0, 9.0]], 0.1 * rng.normal(size=(99, 2))])
    firsts = []
    for k in range(40):
        policy = make("least-counts", 2, clusters=20)
        view = a_view(points)
        policy.refresh(view, np.random.default_rng(k))
        firsts.append(policy.decide(0, view, np.random.default_rng(k)).score)
    labels = k_centers(points, 20, rng)
    assert np.median(firsts) < 0.25 * labels.count.mean()


def test_fast_and_directed_and_reap_go_where_they_should():
    rng = np.random.default_rng(4)
    chains = np.cumsum(rng.normal(size=(400, 12, 3)) * 0.4, axis=1)
    chains[120] *= 0.1  # compact: everything touches
    points = chains[:, -1] - chains[:, 0]
    view = a_view(points, frames=chains)
    for term in ("auto", "compactness"):
        policy = make_policy("fast", term=term, alpha=0.0, clusters=400, novel_share=0.0)
        policy.refresh(view, rng)
        assert policy.decide(0, view, rng).frame == 120
    policy = make_policy("directed", target=chains[77] + 5.0, candidates=3)
    policy.refresh(view, rng)
    decision = policy.decide(0, view, rng)
    assert decision.frame == 77
    assert decision.score == pytest.approx(0, abs=1e-6)
    assert declared_by(policy).wants_target
    flat = np.c_[rng.normal(size=500), np.r_[np.zeros(499), 1.0]]
    policy = make_policy("reap", clusters=500, least_counted=500, weight_step=1.0, novel_share=0.0)
    view = a_view(flat, trajectory=np.zeros(500, np.int64), latest=np.array([300]))
    policy.refresh(view, rng)
    assert policy.decide(0, view, rng).frame is not None
    assert policy.weights.sum() == pytest.approx(1)  # type: ignore[attr-defined]


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(SELECTIVE),
    n=st.integers(2, 300),
    d=st.integers(1, 4),
    levels=st.integers(1, 30),
    per_trajectory=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_decisions_keep_range_memory_and_quota(
    name: str, n: int, d: int, levels: int, per_trajectory: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(levels, size=(n, d)) / levels  # many at one place
    trajectory = np.sort(rng.integers(1 + n // 20, size=n))
    restarts = rng.integers(2, size=n)
    latest = rng.integers(-1, n, size=4)
    view = a_view(points, trajectory, restarts, latest)
    outcomes = []
    for _ in range(2):
        policy = make(name, d, per_trajectory=per_trajectory, min_age_frames=3, recent_frames=2)
        policy.refresh(view, np.random.default_rng(seed))
        outcomes.append([policy.decide(k % 4, view, np.random.default_rng(k)) for k in range(40)])
    assert outcomes[0] == outcomes[1]
    chosen = [decision.frame for decision in outcomes[0] if decision.frame is not None]
    assert all(0 <= frame < n and restarts[frame] == 0 for frame in chosen)
    assert len(set(chosen)) == len(chosen)
    if chosen:
        assert np.bincount(trajectory[chosen]).max() <= per_trajectory
        if name in ("dbscan", "lof", "directed"):  # where frames at one place are alike
            assert len(np.unique(points[chosen], axis=0)) == len(chosen)
    for decision in outcomes[0]:
        assert decision.reason
        assert "\n" not in decision.reason


def test_controls():
    view = a_view(np.empty((100, 0)), latest=np.array([99, -1]))
    plain, random = make_policy("plain"), make_policy("random", min_age_frames=50)
    rng = np.random.default_rng(0)
    for policy in (plain, random):
        policy.refresh(view, rng)
    assert all(plain.decide(k, view, rng).frame is None for k in (0, 1))
    assert random.decide(1, view, rng).frame is None
    drawn = np.bincount([random.decide(0, view, rng).frame for _ in range(5000)], minlength=100)
    assert ((drawn - 50) ** 2 / 50).sum() < 160  # chi-squared, 99 degrees of freedom, p about 1e-4
    assert make_policy("random", min_age_frames=51).decide(0, view, rng).frame is None


def test_mistakes_are_told():
    with pytest.raises(UsageError, match="did you mean dbscan"):
        make_policy("dbscna")
    with pytest.raises(UsageError, match="did you mean outliers"):
        make_policy("dbscan", outlier=3)
    with pytest.raises(UsageError, match="min_samples is 1: it must be from 2"):
        make_policy("dbscan", min_samples=1)
    with pytest.raises(UsageError, match="alpha is nan"):
        make_policy("fast", alpha=float("nan"))
    with pytest.raises(UsageError, match="target"):
        make_policy("directed")
    with pytest.raises(UsageError, match="choose a learner"):
        make_policy("lof").refresh(a_view(np.empty((30, 0))), np.random.default_rng(0))
    points = np.zeros((30, 2))
    points[7] = np.nan
    with pytest.raises(DataError, match="frame 7"):
        make_policy("lof").refresh(a_view(points), np.random.default_rng(0))
    with pytest.raises(UsageError, match="frames have"):
        make_policy("directed", target=[1.0]).refresh(a_view(np.zeros((30, 2))), np.random.default_rng(0))


class Mine:
    name, directed = "mine", False

    def __init__(self, flavour: str = "plain") -> None:
        if flavour not in ("plain", "odd"):
            raise ValueError(f"flavour is {flavour}") if flavour == "sour" else RuntimeError(flavour)
        self.name = "mine" if flavour == "plain" else "other"

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Look at nothing."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> None:
        """Say nothing."""


def test_a_plug_in(monkeypatch: pytest.MonkeyPatch):
    points = [SimpleNamespace(name="mine", value="a_package:Mine", load=lambda: Mine)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "levinthal.policies" else [])
    assert POLICIES.names() == (*POLICIES.built_in(), "mine")
    assert isinstance(make_policy("mine"), Mine)
    with pytest.warns(FutureWarning, match="`directed` is now `wants_target`"):
        assert declared_by(make_policy("mine")) == Declared(needs_model=True, wants_target=False, is_control=False)
    with pytest.raises(UsageError, match="did you mean mine"):
        make_policy("mein")
    with pytest.raises(UsageError, match="setting of policy mine: flavour is sour: give another value"):
        make_policy("mine", flavour="sour")
    with pytest.raises(UsageError, match="cannot be made"):
        make_policy("mine", flavour="rotten")
    with pytest.raises(UsageError, match="its entry point says 'mine'"):
        make_policy("mine", flavour="odd")
    points.append(EntryPoint("plain", "a_package:Mine", "levinthal.policies"))
    with pytest.raises(UsageError, match="declared by both Levinthal"):
        POLICIES.names()


def _states_visited(name: str, seed: int, n_walkers: int = 4, rounds: int = 40, steps: int = 50) -> int:
    """Count the states that a plain loop of a policy visits on a chain that leaves its first basin rarely."""
    landscape = folding_landscape(10.0)
    policy = make_policy(name, min_age_frames=steps)
    frames = np.empty(0, np.int64)
    trajectory = np.empty(0, np.int64)
    restarts = np.empty(0, np.int64)
    states = [ChainState(landscape.unfolded_start)] * n_walkers
    segment = np.arange(n_walkers)
    for k in range(rounds):
        latest = []
        for walker in range(n_walkers):
            states[walker], seen = landscape.chain.advance(
                states[walker], steps, seed * 10_000 + k * n_walkers + walker
            )
            frames = np.r_[frames, seen.microstate]
            trajectory = np.r_[trajectory, np.full(steps, segment[walker])]
            latest.append(len(frames) - 1)
        restarts = np.r_[restarts, np.zeros(len(frames) - len(restarts), np.int64)]
        view = a_view(landscape.chain.embedding[frames], trajectory, restarts, np.array(latest))
        rng = np.random.default_rng((seed, k))
        policy.refresh(view, rng)
        for walker in range(n_walkers):
            chosen = policy.decide(walker, view, rng).frame
            if chosen is not None:
                restarts[chosen] += 1
                states[walker] = ChainState(int(frames[chosen]))
                segment[walker] = trajectory.max() + 1 + walker
    return len(np.unique(frames))


def test_least_counts_covers_more_than_random_restarts():
    visited = {name: [_states_visited(name, seed) for seed in range(9)] for name in ("random", "least-counts")}
    assert np.median(visited["least-counts"]) > np.median(visited["random"])
