"""Laws of scaling against rates that follow them, and against rates that follow none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.harness.study.laws import laws_in_words
from levinthal.metrics.scaling_laws import amdahl, universal

WORKERS = (1, 2, 4, 8, 16)


def rate(n: int, contention: float, crosstalk: float = 0.0, one: float = 120.0) -> float:
    return one * n / (1 + contention * (n - 1) + crosstalk * n * (n - 1))


@given(st.floats(0, 0.9), st.floats(1e-3, 1e9))
def test_amdahls_law_is_found_again(contention, one):
    law = amdahl(WORKERS, [rate(n, contention, one=one) for n in WORKERS])
    assert law.contention == pytest.approx(contention, abs=1e-6)
    assert law.rate == pytest.approx(one, rel=1e-6)
    assert law.deviation < 1e-6
    assert law.low <= law.contention <= law.high
    # as it is written in books: 1 / (s + (1 - s) / n)
    assert law.speed_up(5) == pytest.approx(1 / (law.contention + (1 - law.contention) / 5))


@given(st.floats(0, 0.5), st.floats(1e-5, 0.1))
def test_the_universal_law_is_found_again_with_its_peak(contention, crosstalk):
    law = universal(WORKERS, [rate(n, contention, crosstalk) for n in WORKERS])
    assert (law.contention, law.crosstalk) == (
        pytest.approx(contention, abs=1e-5),
        pytest.approx(crosstalk, rel=1e-2, abs=1e-6),
    )
    around = [law.speed_up(law.peak * factor) for factor in (0.9, 1.0, 1.1)]
    assert max(around) == around[1]


def test_a_rate_that_grows_faster_than_the_workers_has_no_negative_share():
    law = amdahl((1, 2, 4), (10.0, 21.0, 43.0))
    assert law.contention == law.low == 0.0
    assert law.deviation > 0.02


def test_nothing_is_fitted_to_as_many_numbers_as_there_are_unknowns():
    with pytest.raises(DataError, match="2 numbers of workers: a law with 2 unknowns needs more"):
        amdahl((1, 2), (1.0, 2.0))
    with pytest.raises(DataError, match="3 numbers of workers: a law with 3 unknowns"):
        universal((1, 2, 4, 4), (1.0, 2.0, 3.0, 3.0))
    for rates in ((1.0, 0.0, 3.0), (1.0, math.nan, 3.0), (1.0, 2.0)):
        with pytest.raises(DataError, match="a rate above 0"):
            amdahl((1, 2, 4), rates)


def test_the_interval_holds_the_share_that_noisy_rates_were_made_with():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        rates = [rate(n, 0.08) * math.exp(random.normal(0, 0.02)) for n in WORKERS]
        law = amdahl(WORKERS, rates)
        held += law.low <= 0.08 <= law.high
    assert 364 <= held <= 394  # 95 % of 400, three standard deviations


def test_words_say_the_law_its_limit_and_why_there_is_none():
    (told,) = laws_in_words({n: rate(n, 0.05) for n in (1, 2, 4, 8)}, 8)
    assert told.startswith("Amdahl's law: 5.0 % [5.0, 5.0] is serial, at most 20.0 times however many workers; a rate")
    (told,) = laws_in_words({n: float(n) for n in (1, 2, 4)}, 4)
    assert "0.0 % [0.0, 0.0] is serial, no limit in sight" in told
    first, second = laws_in_words({n: rate(n, 0.02, 0.01) for n in (1, 2, 4, 8, 16)}, 16, "ranks")
    assert first.startswith("Amdahl's law does not describe this: a rate deviates from it by ")
    assert second == ("Universal scalability law: contention 2.0 %, crosstalk 1 %; the rate is highest at 10 ranks.")
    (told,) = laws_in_words({1: 1.0, 2: 1.9, 4: 2.0, 8: 1.9}, 2)
    assert told == (
        "No law of scaling is fitted (without 4, 8, which share cores): 2 numbers of workers: a law with 2 unknowns "
        "needs more of them."
    )
