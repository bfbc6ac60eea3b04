"""The loop without barriers against queueing theory, and against makespans that arithmetic gives."""

import math

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.harness import StageTimes
from levinthal.planning.loop import LoopPlan, cost_s, run_loop


@pytest.mark.parametrize(("replicas", "workers"), [(4, 4), (12, 4), (4, 1), (5, 5), (30, 7)])
def test_simulation_alone_takes_its_work_over_its_workers(replicas, workers):
    found = run_loop(StageTimes(chunk_s=(10.0,)), LoopPlan(replicas, workers, training_workers=0, chunks=20))
    assert found.makespan_s == 10.0 * math.ceil(replicas * 20 / workers)
    assert found.use == pytest.approx(replicas * 200 / (workers * found.makespan_s))
    assert found.bound == "simulation"


def test_fewer_replicas_than_workers_bound_it():
    found = run_loop(StageTimes(chunk_s=(10.0,)), LoopPlan(3, 8, chunks=5))
    assert (found.makespan_s, found.simulating) == (50.0, 3 / 8)
    assert found.bound.startswith("replicas")


def test_a_coordinator_that_is_too_slow_bounds_it():
    found = run_loop(StageTimes(chunk_s=(1.0,), decide_s=(0.5,)), LoopPlan(16, 16, chunks=10))
    assert found.makespan_s == 1.0 + 160 * 0.5
    assert found.bound.startswith("coordinator")
    assert found.deciding == pytest.approx(80 / 81)


def test_a_way_that_is_too_narrow_bounds_it():
    times = StageTimes(chunk_s=(1.0,), transfer_s=0.25, bytes_of_chunk=1000)
    found = run_loop(times, LoopPlan(16, 16, chunks=10))
    assert found.makespan_s == 1.0 + 160 * 0.25
    assert (found.bound, found.bytes_s) == ("transfer", pytest.approx(160_000 / 41))


def test_chunks_that_come_at_random_wait_for_the_coordinator_as_in_an_m_d_1_queue():
    """Many workers with exponential times are a Poisson stream: the mean wait is load * service / 2 / (1 - load)."""
    workers, service, load = 100, 1.0, 0.7
    mean = workers * service / load - load * service / 2 / (1 - load)  # a worker waits too before it goes on
    chunks = np.random.default_rng(1).exponential(mean, 40_000)
    times = StageTimes(chunk_s=tuple(chunks.tolist()), decide_s=(service,))
    found = run_loop(times, LoopPlan(workers, workers, chunks=250, seed=3))
    assert found.deciding == pytest.approx(load, rel=0.05)
    assert found.mean_queue_s == pytest.approx(load * service / 2 / (1 - load), rel=0.15)


def test_training_is_never_waited_for_and_its_model_is_as_old_as_it_took():
    times = StageTimes(
        chunk_s=(1.0,), frames_of_chunk=10, first_training_frames=40, training_growth=1.01,
        training_frames=(1, 10**6), training_s=(7.0, 7.0),
    )  # fmt: skip
    found = run_loop(times, LoopPlan(4, 4, chunks=200))
    assert found.makespan_s == 200.0
    assert found.n_models == 199 // 7
    assert found.training == pytest.approx(7 * found.n_models / 200, abs=0.04)
    # ready after 7 s, used until the next is ready: between 7 and 14 s old
    assert found.model_age_s == pytest.approx(10.5, abs=0.6)
    without = run_loop(StageTimes(chunk_s=(1.0,), frames_of_chunk=10), LoopPlan(4, 4, chunks=200))
    assert (without.makespan_s, without.n_models) == (200.0, 0)
    assert math.isnan(without.unseen)


def test_what_is_counted_is_what_was_drawn():
    rng = np.random.default_rng(0)
    times = StageTimes(chunk_s=tuple(rng.uniform(1, 3, 500)), decide_s=tuple(rng.uniform(0, 0.01, 50)))
    found = run_loop(times, LoopPlan(20, 10, chunks=50))
    assert found.simulating * found.makespan_s * 10 == pytest.approx(1000 * np.mean(times.chunk_s), rel=0.06)
    assert found.n_chunks == found.n_frames == 1000
    assert 0 < found.use <= 1
    assert found == run_loop(times, LoopPlan(20, 10, chunks=50))
    assert found != run_loop(times, LoopPlan(20, 10, chunks=50, seed=1))


def test_embedding_that_is_slower_than_simulation_is_named():
    times = StageTimes(
        chunk_s=(1.0,), frames_of_chunk=1000, first_training_frames=1000, training_frames=(1000,), training_s=(1.0,),
        embed_frame_s=1e-3,
    )  # fmt: skip
    assert run_loop(times, LoopPlan(16, 16, chunks=50)).bound.startswith("inference")


def test_costs_between_and_beyond_what_was_measured():
    assert [cost_s((100, 300), (1.0, 2.0), n) for n in (50, 100, 200, 300, 600)] == [1.0, 1.0, 1.5, 2.0, 4.0]
    assert cost_s((), (), 100) == 0.0


def test_what_cannot_be_planned_is_refused():
    with pytest.raises(UsageError, match="how long a chunk takes"):
        run_loop(StageTimes(), LoopPlan(4, 4))
    with pytest.raises(UsageError, match="at least 1"):
        LoopPlan(4, 0)
    with pytest.raises(UsageError, match="take hours"):
        LoopPlan(10**6, 4)
    with pytest.raises(ValueError, match="pairs"):
        StageTimes(chunk_s=(1.0,), training_frames=(10, 20), training_s=(1.0,))
    with pytest.raises(ValueError, match="below 0"):
        StageTimes(chunk_s=(-1.0,))
