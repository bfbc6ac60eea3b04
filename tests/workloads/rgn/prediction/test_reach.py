"""The interval of what the network knows beyond the window: against the null, and against a known ratio."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.proteins.similarity.structure_scores import long_range_drmsd_nm
from levinthal.workloads.rgn.prediction.reach import ratio_of_means_interval


@pytest.mark.parametrize("true", [1.0, 1.3])
def test_the_interval_over_families_covers(true):
    rng = np.random.default_rng(int(10 * true))
    hits = 0
    for trial in range(150):
        hard = rng.lognormal(0.0, 0.4, 40)  # what makes a family hard is shared by both
        below, above = (hard * rng.lognormal(0.0, 0.3, 40) for _ in range(2))
        low, high = ratio_of_means_interval(true * above, below, trial)
        hits += low <= true <= high
    assert 0.88 < hits / 150 <= 1.0


def test_only_pairs_far_apart_count():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, (60, 3))
    moved = truth.copy()
    moved[30] += 5.0
    mask = np.ones(60, bool)
    first, second = np.triu_indices(60, 25)
    apart = [np.linalg.norm(x[first] - x[second], axis=-1) for x in (truth, moved)]
    expected = np.sqrt(np.mean((apart[0] - apart[1]) ** 2))
    assert long_range_drmsd_nm(moved, truth, mask) == pytest.approx(expected)
    # of a short chain half its length is far
    first, second = np.triu_indices(20, 11)
    apart = [np.linalg.norm(x[:20][first] - x[:20][second], axis=-1) for x in (truth, 2 * truth)]
    expected = np.sqrt(np.mean((apart[0] - apart[1]) ** 2))
    assert long_range_drmsd_nm(2 * truth[:20], truth[:20], mask[:20]) == pytest.approx(expected)
    assert np.isnan(long_range_drmsd_nm(truth, truth, np.arange(60) < 10))
