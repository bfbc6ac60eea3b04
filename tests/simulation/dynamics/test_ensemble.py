"""Ensembles: the same frames through any executor, no barrier, and lost workers named."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from levinthal.errors import SimulationError, UsageError
from levinthal.simulation.dynamics.ensemble import Equilibration, Start, chunk_seed, simulate_ensemble
from levinthal.simulation.dynamics.frame_store import FrameStore, FrameWriter, StoreHeader
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.systems.peptide import capped_peptide


class InTurn(Executor):
    """Runs a task when it is submitted."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


OPTIONS = {"n_steps": 230, "chunk_steps": 100, "frame_interval": 40, "seed": 11}


def simulate(dialanine, executor, n_replicas=3, **changes):
    system, positions = dialanine
    starts = [Start(f"start {k}", positions) for k in range(n_replicas)]
    return simulate_ensemble(system, starts, executor=executor, **{**OPTIONS, **changes})


def test_the_executor_does_not_matter(dialanine):
    here = simulate(dialanine, InTurn())
    with ThreadPoolExecutor(2) as threads:
        there = simulate(dialanine, threads)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        elsewhere = simulate(dialanine, processes)
    for one, two, three in zip(here, there, elsewhere, strict=True):
        assert one.frames.step.tolist() == [40, 80, 120, 160, 200]
        assert one.frames.coordinates_nm.tobytes() == two.frames.coordinates_nm.tobytes()
        assert one.frames.coordinates_nm.tobytes() == three.frames.coordinates_nm.tobytes()
        assert one.state.step == 230
    assert len({t.frames.coordinates_nm.tobytes() for t in here}) == 3, "replicas are not independent"
    assert [t.start for t in here] == ["start 0", "start 1", "start 2"]


def test_an_ensemble_is_advance_chunk_by_chunk(dialanine):
    system, positions = dialanine
    trajectory = simulate(dialanine, InTurn(), n_replicas=2)[1]
    state = start_replica(system, positions, chunk_seed(11, 1, -1))
    for index, n_steps in enumerate((100, 100, 30)):
        state, _ = advance(system, state, n_steps, chunk_seed(11, 1, index), frame_interval=40)
    assert trajectory.state.positions_nm.tobytes() == state.positions_nm.tobytes()
    assert trajectory.state.lineage == state.lineage


def test_chunks_are_handed_on_in_order_and_stored(dialanine, tmp_path):
    system, _ = dialanine
    seen = []
    with FrameWriter(tmp_path, StoreHeader(system.n_residues, system=system.sha256)) as writer:

        def keep(chunk):
            seen.append(chunk)
            writer.append(chunk.frames, replica=chunk.replica, start=chunk.start)

        with ThreadPoolExecutor(2) as threads:
            trajectories = simulate(dialanine, threads, on_chunk=keep)
    for replica in range(3):
        mine = [chunk for chunk in seen if chunk.replica == replica]
        assert [chunk.index for chunk in mine] == [0, 1, 2]
        assert [chunk.n_steps for chunk in mine] == [100, 100, 30]
        assert all(chunk.duration_s > 0 and chunk.worker == os.getpid() for chunk in mine)
    store = FrameStore(tmp_path)
    for trajectory in trajectories:
        here = store.replicas == trajectory.replica
        np.testing.assert_array_equal(store.coordinates_nm[here], trajectory.frames.coordinates_nm)
        np.testing.assert_array_equal(store.steps[here], trajectory.frames.step)


def test_there_is_no_barrier(dialanine):
    """A replica goes on while another one's chunk has not come back."""

    class HoldsReplicaZero(InTurn):
        def __init__(self):
            self.held = None
            self.finished = 0

        def submit(self, function, /, task):
            if task.replica == 0 and task.index == 0:
                self.held = Future()
                self.task = (function, task)
                return self.held
            future = super().submit(function, task)
            self.finished += 1
            if self.finished == 3 and not self.held.done():
                self.held.set_result(self.task[0](self.task[1]))
            return future

    order = []
    simulate(dialanine, HoldsReplicaZero(), n_replicas=2, on_chunk=lambda c: order.append((c.replica, c.index)))
    assert order.index((1, 1)) < order.index((0, 0)) or order.index((1, 2)) < order.index((0, 1))
    assert sorted(order) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_equilibration_is_not_counted(dialanine):
    plain = simulate(dialanine, InTurn(), n_replicas=1)[0]
    heated = simulate(dialanine, InTurn(), n_replicas=1, equilibration=Equilibration(500, 500.0))[0]
    assert heated.frames.step.tolist() == plain.frames.step.tolist()
    assert heated.state.step == 230
    assert not np.array_equal(heated.frames.coordinates_nm, plain.frames.coordinates_nm)


def test_seeds_are_all_different():
    seeds = {chunk_seed(s, r, i) for s in range(3) for r in range(20) for i in range(-2, 50)}
    assert len(seeds) == 3 * 20 * 52
    assert chunk_seed(1, 2, 3) == chunk_seed(1, 2, 3)


def kill_worker(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_lost_worker_is_named(dialanine):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(kill_worker)
        with pytest.raises(SimulationError, match=r"worker process died while replica \d of dialanine was at chunk 0"):
            simulate(dialanine, pool)


def test_a_broken_simulation_comes_through_a_process(dialanine):
    system, starts = capped_peptide("dialanine", "AA", ("extended",), timestep_fs=40)
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        pytest.raises(SimulationError, match="dialanine broke at step"),
    ):
        simulate((system, starts["extended"]), pool, n_steps=5000, chunk_steps=500)


@pytest.mark.parametrize("change", [{"n_steps": 0}, {"chunk_steps": 0}, {"frame_interval": -1}, {"n_replicas": 0}])
def test_mistakes_are_named(dialanine, change):
    with pytest.raises(UsageError, match="at least 1"):
        simulate(dialanine, InTurn(), **change)
