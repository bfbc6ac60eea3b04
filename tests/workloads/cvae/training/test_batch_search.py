"""The search for a batch size ends where the data, the memory or the time does, and says so."""

from __future__ import annotations

import pytest

from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.training import batch_search
from levinthal.workloads.cvae.training.batch_search import Trial, search_batch_size


@pytest.fixture
def model() -> CVAEModel:
    return CVAEModel(CVAEConfig(12, (4,) * 2, (3,) * 2, (1, 2), dense=4, latent=2))


def test_real_trials_up_to_the_data(model):
    weights = [p.clone() for p in model.parameters()]
    found = search_batch_size(model, Execution(), most_frames=6)
    assert [trial.batch_size for trial in found.trials] == [1, 2, 4, 6]
    assert found.largest == 6
    assert found.fastest in (1, 2, 4, 6)
    assert found.why_no_larger == "there are 6 frames"
    assert all(trial.frames_per_s > 0 and trial.peak_bytes > 0 for trial in found.trials)
    assert all(p.equal(q) for p, q in zip(weights, model.parameters(), strict=True))


def test_memory_ends_it_at_the_largest_that_fits(model, monkeypatch):
    # 1000 bytes and 100 a frame; the speed saturates at 16
    monkeypatch.setattr(batch_search, "_try", lambda m, e, n: Trial(n, 1000.0 * min(n, 16), 1000 + 100 * n))
    found = search_batch_size(model, Execution(), most_frames=10_000, memory_bytes=9_100)
    assert found.largest == 81
    assert found.fastest == 16
    assert "more than 81 does not fit" in found.why_no_larger


def test_running_out_of_memory_on_a_device_ends_it(model, monkeypatch):
    monkeypatch.setattr(batch_search, "_try", lambda m, e, n: Trial(n, float(n), n) if n <= 4 else None)
    found = search_batch_size(model, Execution(), most_frames=100, memory_bytes=10**9)
    assert (found.largest, found.fastest) == (4, 4)
    assert found.why_no_larger == "one of 8 runs out of memory"
