"""Intervals hold the truth as often as they say: the light form of benchmarks/sampling_exact.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import jackknife


def load_benchmark() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "sampling_exact.py"
    spec = importlib.util.spec_from_file_location("sampling_exact", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


exact = load_benchmark()
LIGHT = [
    "recurrence of a state (Kaplan-Meier)",
    "first passage, median",
    "first passage, restricted mean",
    "first passage, mean with exponential tail",
    "Good-Turing unseen mass",
    "Chao1, equally likely states",
    "Jensen-Shannon divergence",
    "faster, all arrived",
    "faster, some never arrived",
    "faster, no difference",
]
SLOW = ["native population reweighted, from the trap", "VAMP-2"]


@pytest.mark.parametrize(("name", "n_seeds"), [*((name, 40) for name in LIGHT), *((name, 4) for name in SLOW)])
def test_intervals_hold_the_truth(name, n_seeds):
    held, ratio, _ = exact.coverage(exact.CHECKS[name], n_seeds)
    # Of 40 intervals of 95 % fewer than 34 hold the truth once in 1,000 times; of 4 fewer than 3 once in 70.
    assert held >= {40: 34, 4: 3}[n_seeds]
    assert ratio == pytest.approx(1.0, abs=0.25)


def test_frames_counted_as_they_come_show_the_starts():
    held, ratio, _ = exact.coverage(exact.unweighted_native_mass, 40)
    assert ratio < 0.85
    assert held < 32


def test_rmsd_greedy_is_fast_and_wrong():
    case = exact.landscape_case()
    campaigns = {
        policy: [exact.campaign(case, policy, seed, 60_000) for seed in range(24)]
        for policy in ("classical", "RMSD-greedy")
    }
    plain, greedy = campaigns.values()
    mass = exact.greater([one.covered_mass for one in plain], [one.covered_mass for one in greedy])
    speed = exact.faster(*([one.first_passage_steps for one in side] for side in (plain, greedy)), 60_000)
    wrong = exact.better(*([one.divergence_counted for one in side] for side in (plain, greedy)))
    assert speed.verdict == "faster"
    assert wrong.verdict == "worse"
    assert mass.verdict == "smaller"


def test_the_jackknife_of_a_mean_is_students():
    values = np.random.default_rng(0).normal(size=9)
    found = jackknife(list(values), np.mean)
    half = 2.306004135204166 * values.std(ddof=1) / 3
    assert (found.value, found.low, found.high) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )


def test_the_jackknife_takes_bias_out_and_keeps_limits():
    values = np.random.default_rng(1).normal(size=12)
    found = jackknife(list(values), lambda part: float(np.var(part)))
    assert found.value == pytest.approx(values.var(ddof=1))
    cut = jackknife([0.0, 0.0, 1.0], np.mean, limits=(0.0, 1.0))
    assert (cut.low, cut.high) == (0.0, 1.0)
    with pytest.raises(DataError, match="at least 3"):
        jackknife([1.0, 2.0], np.mean)
