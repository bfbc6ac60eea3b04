"""Controls and ceilings: they know what they are said to know, and do better for it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.answer import answer_of
from levinthal.workloads.sampling.study.campaigns import do_alone, read_campaign
from levinthal.workloads.sampling.study.evaluation import coverage_at, first_arrival
from levinthal.workloads.sampling.study.possible import best_on_other_seeds
from levinthal.workloads.sampling.study.reference import Reference, exact_reference
from levinthal.workloads.sampling.study.tasks import campaign_tasks, entries_of
from levinthal.workloads.sampling.systems.system import make_system


def settings_of(**settings):
    return make_settings(SamplingSettings, "tiny", settings)


def campaigns(folder, policies, n_replicas=5, **more):
    given = {"system": "landscape", "depth_kt": "9", "chunk_steps": "100", "frame_interval": "10", "walkers": "8"}
    chosen = settings_of(**{**given, "steps": "16000", "policies": policies, **more})
    (member,) = chosen.members()
    campaign, comparison, system = member.campaign, member.comparison, make_system(member.sampled)
    answer = answer_of(system, exact_reference(system))
    tasks = campaign_tasks(
        campaign, comparison.policies, system, folder, list(range(50, 50 + n_replicas)), 1, "cpu", answer
    )
    found = {}
    for task in tasks:
        found.setdefault(task.policy, []).append(read_campaign(do_alone(task)))
    return system, {name: each.declared for name, each in entries_of(tasks).items()}, found


def test_a_ceiling_is_run_by_every_strategy_that_the_answer_allows(tmp_path):
    _, declared, found = campaigns(tmp_path, "plain,oracle", 1, steps="800")
    assert list(found) == ["plain", *(f"oracle-{each}" for each in ("passage", "target", "states", "cells"))]
    assert [name for name, each in declared.items() if each.is_ceiling] == list(found)[1:]


def test_who_knows_the_answer_is_sooner(tmp_path):
    _, declared, found = campaigns(tmp_path, "plain,true-counts,oracle", 4, options="oracle.strategy=passage")
    assert list(found) == ["plain", "true-counts", "oracle"]
    assert declared["true-counts"].is_control
    budget = 16_000.0

    def rate(name):
        times = np.array([first_arrival(each, "steps") for each in found[name]])
        return np.isfinite(times).sum() / np.minimum(times, budget).sum()

    assert rate("oracle") > 4.0 * rate("plain")
    cells = {name: np.mean([coverage_at(each, "steps", budget) for each in side]) for name, side in found.items()}
    assert cells["true-counts"] > 1.15 * cells["plain"]


def test_from_the_start_is_from_where_walkers_began(tmp_path):
    system, _, found = campaigns(tmp_path, "from-start", 1, options="from-start.min_age_frames=10")
    (outcome,) = found["from-start"]
    assert outcome.n_restarts >= len(outcome.parents) - 8 > 100  # the last decisions were not carried out
    assert (outcome.parents == -1).all()
    chain, start = system.dynamics.chain, system.dynamics.starts[0]
    first = np.array([outcome.cell[outcome.segment == k][0] for k in range(len(outcome.parents))])
    within_ten = np.abs(chain.embedding[first] - chain.embedding[start]).max(axis=0)
    assert (within_ten <= np.array([10 * 0.04, 10 / 20])).all()


def test_the_answer_is_that_of_the_chain():
    system = make_system(settings_of(system="landscape"))
    answer = pickle.loads(pickle.dumps(answer_of(system, exact_reference(system))))
    steps = answer.passage(answer.event_cells)
    assert steps[system.dynamics.starts[0]] == pytest.approx(6_300, rel=0.02)  # as the landscape's docstring says
    assert (steps[answer.event_cells] == 0).all()


def test_what_a_go_model_allows():
    system = make_system(settings_of(system="three-helix-bundle"))
    oracle = make_policy("oracle")
    assert oracle.strategies(answer_of(system, None)) == ("target", "cells")
    assert oracle.strategies(answer_of(system, Reference(np.full(625, 1 / 625)))) == ("target", "cells")


def test_the_answer_is_not_typed():
    with pytest.raises(UsageError, match="strategy"):
        make_policy("oracle", strategy="luck")


@pytest.mark.parametrize(("kind", "a_is_best"), [("times", True), ("lower", True), ("higher", False)])
def test_the_ceiling_is_chosen_on_other_seeds(kind, a_is_best):
    """On even campaigns a is low, on odd ones b is: each half takes what was best on the other, so the worse."""
    a, b = [1.0, 5.0, 1.0, 5.0], [5.0, 1.0, 5.0, 1.0]
    found = best_on_other_seeds({"a": a, "b": b}, kind, 10.0)
    assert found == ([5.0] * 4 if a_is_best else [1.0] * 4)
    steady = best_on_other_seeds({"a": [1.0] * 4, "b": [math.inf] * 4}, "times", 10.0)
    assert steady == [1.0] * 4
