"""Kaplan and Meier's median against a published example, against no censoring, and under the null."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.metrics.censored import censored_median

# Weeks of remission of leukaemia patients given 6-mercaptopurine: Freireich et al., Blood 21:699 (1963). R's survfit
# gives a median of 23, and with conf.type = "log-log" limits of 13 and none above.
TIMES = [6, 6, 6, 7, 10, 13, 16, 22, 23]
WAITS = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_a_published_example() -> None:
    found = censored_median(TIMES, WAITS)
    assert found.median == 23.0
    assert found.interval is None
    assert "9 of 21" in found.reason
    assert "no upper limit" in found.reason


def test_without_waits_it_is_the_median() -> None:
    found = censored_median([3.0, 1.0, 2.0, 10.0], [])
    assert found.median == 2.5
    assert found.interval.low < 2.5 < found.interval.high
    assert censored_median([3.0], []).interval is None


@pytest.mark.parametrize(("n", "budget"), [(10, 1.5), (20, 1.0), (40, 1.2)])
def test_the_median_is_not_biased_and_its_interval_covers(n: int, budget: float) -> None:
    rng = np.random.default_rng(n)
    medians, dropped, hits, told = [], [], 0, 0
    for _ in range(300):
        times = rng.exponential(size=n)
        within = times <= budget
        found = censored_median(times[within].tolist(), [budget] * int((~within).sum()))
        dropped.append(np.median(times[within]))
        medians.append(budget if found.median is None else found.median)
        if found.interval is not None:
            told += 1
            hits += found.interval.low <= np.log(2) <= found.interval.high
    assert np.median(medians) == pytest.approx(np.log(2), rel=0.12)
    assert np.median(dropped) < 0.8 * np.log(2)  # what dropping those that did not get there would say
    assert told > 20
    assert hits / told > 0.90
