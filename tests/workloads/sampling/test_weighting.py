"""Weighted ensembles: unbiased whatever the bins are, in the record with every frame, and what is said of them."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.simulation.analysis import weighted_ensemble
from levinthal.simulation.exact.markov_chain import markov_chain
from levinthal.workloads.sampling.learners.learner import make_learner
from levinthal.workloads.sampling.loop.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.policies.binning import BINNINGS, quantile_bins
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.policies.view import START, View
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.answer import Arrives
from levinthal.workloads.sampling.study.campaigns import do_alone, read_campaign
from levinthal.workloads.sampling.study.evaluation import divergences, reweighted_populations
from levinthal.workloads.sampling.study.tasks import campaign_tasks
from levinthal.workloads.sampling.study.weighing import arrivals, exact_rate, rate_of, settled_frames
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.system import make_system

N_STATES = 12


def hill_matrix() -> np.ndarray:
    """Walks on a line that climb seldom: the far end has 3e-4 of the weight of the near one."""
    matrix = np.zeros((N_STATES, N_STATES))
    for k in range(N_STATES):
        matrix[k, max(k - 1, 0)] += 0.5
        matrix[k, min(k + 1, N_STATES - 1)] += 0.25
        matrix[k, k] += 0.25
    return matrix


MATRIX = hill_matrix()
CHAIN = markov_chain("a hill", MATRIX, np.arange(N_STATES, dtype=np.float64))
ROUNDS, CHUNK, WALKERS = 12, 3, 12


def weighted_law(policy, seed: int) -> np.ndarray:
    """Return what one ensemble says of the law after all its rounds."""
    rng, below = np.random.default_rng(seed), np.cumsum(MATRIX, axis=1)
    states, weights = np.zeros(WALKERS, np.int64), np.full(WALKERS, 1 / WALKERS)
    seen = np.empty(0)
    for _ in range(ROUNDS):
        for _ in range(CHUNK):
            states = (rng.random(WALKERS)[:, None] > below[states]).sum(axis=1)
        seen = np.concatenate([seen, states])
        points, nothing = seen[:, None], np.zeros(len(seen), np.int64)
        latest = len(seen) - WALKERS + np.arange(WALKERS)
        view = View(points, nothing, nothing, nothing, latest, points, 1, weights=weights, chunk_frames=1)
        policy.refresh(view, rng)
        decisions = policy.resample(view, rng)
        weights = np.array([each.weight for each in decisions])
        states = np.array([seen[latest[k] if d.frame is None else d.frame] for k, d in enumerate(decisions)], np.int64)
    return np.bincount(states, weights=weights, minlength=N_STATES)


def off_by(policy, n: int) -> float:
    """Return the largest deviation of the mean weight beyond each state from the exact one, in its errors."""
    exact = np.cumsum(np.linalg.matrix_power(MATRIX, ROUNDS * CHUNK)[0][::-1])[::-1]
    beyond = np.array([np.cumsum(weighted_law(policy, seed)[::-1])[::-1] for seed in range(n)])
    error = beyond.std(axis=0, ddof=1) / math.sqrt(n) + 1e-9
    often = exact > 0.003  # of what is rarer so few ensembles say nothing
    return float(np.max((np.abs(beyond.mean(axis=0) - exact) / error)[often]))


@pytest.mark.parametrize("binning", BINNINGS)
def test_the_mean_law_is_the_exact_one_by_every_binning(binning):
    assert off_by(make_policy("weighted-ensemble", binning=binning), 80) < 4.5


def test_a_merge_that_loses_weight_is_told(monkeypatch):
    monkeypatch.setattr(weighted_ensemble, "merged", lambda one, other, rng: max(one, other))
    assert off_by(make_policy("weighted-ensemble"), 100) > 10.0


def test_rare_places_are_seen_more_often_than_by_plain_walkers():
    policy = make_policy("weighted-ensemble")
    far = [weighted_law(policy, seed)[8:].sum() for seed in range(60)]
    exact = np.linalg.matrix_power(MATRIX, ROUNDS * CHUNK)[0, 8:].sum()
    assert np.var(far) < 0.5 * exact / WALKERS  # that of as many plain walkers, which are binomial


def test_quantiles_fall_off_towards_both_ends():
    points = np.arange(1000.0)[:, None]
    for n_bins, shares in ((2, [500, 500]), (3, [250, 500, 250]), (6, [125, 125, 250, 250, 125, 125])):
        bins = quantile_bins(points, n_bins, np.random.default_rng(0))
        found = np.bincount(bins(points), minlength=n_bins)
        assert np.abs(found - shares).max() <= 2


def test_a_model_without_sense_is_told():
    nothing = np.zeros(3, np.int64)
    view = View(np.full((3, 1), np.nan), nothing, nothing, nothing, nothing, np.zeros((3, 1)), 4)
    with pytest.raises(Exception, match="model 4 places frame 0 nowhere"):
        make_policy("weighted-ensemble").refresh(view, np.random.default_rng(0))


# In the loop and on record

PLAN = CampaignPlan(
    n_walkers=6, chunk_steps=20, frame_interval=5, seed=3, max_steps=20 * 6 * 15, first_training_frames=20
)
DYNAMICS = ChainDynamics(CHAIN, (0,))
FAR = np.arange(N_STATES) >= 3


def far(frames, states):
    return FAR[states[:, 0].astype(int)]


def campaign(folder, name="weighted-ensemble", plan=PLAN, policy=None, **options):
    given = {"bins": 3, **({"event": far} if name.endswith("rate") else {})}
    result = run_campaign(
        DYNAMICS,
        policy or make_policy(name, **given),
        make_learner("coordinates"),
        folder,
        plan,
        durable=False,
        **options,
    )
    record = CampaignRecord(folder)
    record.verify()
    return result, record


def by_round(record):
    """Return the chunks of each round by walker."""
    rounds = {}
    for chunk in record.chunks:
        rounds.setdefault(chunk.position, {})[chunk.walker] = chunk
    return rounds


def test_weights_are_on_record_with_every_frame(tmp_path):
    result, record = campaign(tmp_path / "c")
    rounds = by_round(record)
    assert (len(rounds), result.n_steps) == (15, PLAN.max_steps)
    numbers = [chunk.number // 6 for chunk in record.chunks]
    assert numbers == [chunk.position for chunk in record.chunks]  # no walker is ahead of another
    assert record.weights.reshape(15, 6, 4).sum(axis=1) == pytest.approx(np.ones((15, 4)))
    assert len({chunk.weight for chunk in record.chunks}) > 10
    decided = {(each.walker, each.position): each for each in record.decisions}
    for position, chunks in rounds.items():
        for walker, chunk in chunks.items():
            if position:
                assert decided[walker, position].weight == chunk.weight
                assert decided[walker, position].frame in (None, chunk.parent_frame)
    assert result.n_restarts > 10


def test_copies_begin_in_the_full_state_and_diverge(tmp_path):
    plan = replace(PLAN, frame_interval=1)
    _, record = campaign(tmp_path / "c", plan=plan)
    copies = {}
    for chunk in record.chunks:
        if chunk.parent_frame is not None:
            copies.setdefault((chunk.parent_frame, chunk.position), []).append(chunk)
    twins = [own for own in copies.values() if len(own) > 1]
    assert len(twins) > 5
    states, differ = record.states[:, 0], 0
    for own in twins:
        for chunk in own:
            assert MATRIX[int(states[chunk.parent_frame]), int(states[chunk.first_frame])] > 0
        walks = {tuple(states[chunk.first_frame : chunk.first_frame + chunk.n_frames]) for chunk in own}
        differ += len(walks) == len(own)
    assert differ == len(twins)


@pytest.mark.parametrize("kill_at", [0, 5, 6, 41])
def test_a_killed_ensemble_goes_on_to_the_same_end(tmp_path, kill_at):
    """What decides is on record but for the model, which here is the same whenever it is made."""

    class StopError(Exception):
        pass

    def stop(row):
        if row.number == kill_at:
            raise StopError

    whole = campaign(tmp_path / "a", "plain-rate")[1]
    with pytest.raises(StopError):
        campaign(tmp_path / "b", "plain-rate", on_chunk=stop)
    result, record = campaign(tmp_path / "b", "plain-rate", resume=True)
    assert result.n_steps == PLAN.max_steps
    np.testing.assert_array_equal(record.states, whole.states)
    with pytest.raises(StopError):
        campaign(tmp_path / "c", on_chunk=stop)
    result, record = campaign(tmp_path / "c", resume=True)
    assert record.weights.reshape(15, 6, 4).sum(axis=1) == pytest.approx(np.ones((15, 4)))
    assert result.n_steps == PLAN.max_steps


def test_walkers_that_met_the_event_begin_again_with_their_weight(tmp_path):
    _, record = campaign(tmp_path / "c", "weighted-rate")
    rounds, met = by_round(record), 0
    for position in range(14):
        chunks = rounds[position].values()
        arrived = [c for c in chunks if FAR[record.states[c.first_frame : c.first_frame + 4, 0].astype(int)].any()]
        begun = [c for c in rounds[position + 1].values() if c.parent_frame is None]
        assert sum(c.weight for c in begun) == pytest.approx(sum(c.weight for c in arrived))
        assert len(begun) == min(len(arrived), 1) or len(arrived) == 6
        met += len(arrived)
    assert met
    assert {d.frame for d in record.decisions if d.frame is not None and "event" in d.reason} == {START}


def test_a_policy_that_loses_weight_is_refused(tmp_path):
    class Leaking:
        name, resamples = "leaking", True

        def refresh(self, view, rng): ...

        def resample(self, view, rng):
            found = make_policy("weighted-ensemble").resample(view, rng)
            return [replace(found[0], weight=0.5 * found[0].weight), *found[1:]]

    with pytest.raises(UsageError, match="gave 6 walkers the weight"):
        campaign(tmp_path / "c", policy=Leaking())


def test_a_budget_that_ends_within_a_round_ends_before_it(tmp_path):
    result, record = campaign(tmp_path / "c", plan=replace(PLAN, max_steps=20 * 6 * 15 + 60))
    assert result.n_steps == PLAN.max_steps
    assert not len(record.chunks) % 6


def test_an_earlier_record_has_no_weights(tmp_path):
    _, record = campaign(tmp_path / "c")
    with closing(sqlite3.connect(tmp_path / "c" / DATABASE)) as database:
        for table in ("chunks", "decisions"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN weight")
        database.execute("UPDATE meta SET value = '2' WHERE key = 'version'")
        database.commit()
    earlier = CampaignRecord(tmp_path / "c")
    assert len(earlier) == len(record)
    assert np.isnan(earlier.weights).all()


# What studies say of them


def study(folder, name, n_replicas, **more):
    given = {"system": "landscape", "depth_kt": "4", "chunk_steps": "100", "frame_interval": "10", "walkers": "8"}
    given |= {"steps": "24000", "policies": name, "baseline": name, "learner": "coordinates", **more}
    settings = make_settings(SamplingSettings, "tiny", given)
    system = make_system(settings)
    tasks = campaign_tasks(settings, (name,), system, folder, list(range(50, 50 + n_replicas)), 1)
    return system, [read_campaign(do_alone(task)) for task in tasks]


def test_populations_come_from_weights(tmp_path):
    system, (outcome,) = study(tmp_path, "weighted-ensemble", 1)
    found = reweighted_populations(outcome, 500, 1)
    those = settled_frames(outcome)
    assert those == slice(1200, 2400)  # the second half of 30 rounds of 8 chunks of 10 frames
    np.testing.assert_allclose(found, np.bincount(outcome.cell[those], outcome.weight[those], 500) / 150)
    counted, weighted = divergences(outcome, system.stationary, 1, "steps", 24_000)
    assert weighted != counted
    assert math.isnan(divergences(outcome, system.stationary, 1, "steps", 790)[1])  # not one round of 8 by 100 steps


def test_rates_of_campaigns_are_those_of_the_chain(tmp_path):
    system, outcomes = study(tmp_path, "plain-rate", 4)
    exact = exact_rate(system, 10)
    rate = rate_of(outcomes, [each.n_frames for each in outcomes])
    assert rate.low < exact < rate.high
    assert (rate.high - rate.low) / exact < 1.5
    arrived, waited = arrivals(outcomes[0])
    assert arrived * 8 == pytest.approx(round(arrived * 8))
    assert waited < 12_000 / 8
    again = [replace(each, recycled=False) for each in outcomes]
    with pytest.raises(Exception, match="plain-rate"):
        rate_of(again, [each.n_frames for each in outcomes])


def test_a_rate_needs_an_event():
    settings = make_settings(SamplingSettings, "tiny", {"system": "alanine-dipeptide"})
    system = make_system(settings)
    if not system.observables.event:
        with pytest.raises(UsageError, match="declares none"):
            campaign_tasks(settings, ("weighted-rate",), system, None, [1], 1)[0].make_policy()
    else:
        assert Arrives(system.observables)
