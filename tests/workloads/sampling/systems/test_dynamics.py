"""Dynamics: bits that depend on seeds alone, full states from which one can go on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.simulation.exact.markov_chain import markov_chain
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics, PlanarDynamics

RING = markov_chain("ring", np.roll(np.eye(5), 1, axis=1), np.arange(5.0))


def test_a_chain_walks_as_its_matrix_says():
    dynamics = ChainDynamics(RING, starts=(3, 0))
    chunk = dynamics.advance(dynamics.start(0, 1), 6, 1, 2, 0)
    assert chunk.states.ravel().tolist() == [0, 2, 4]  # 3, then two steps on each time
    assert chunk.frames.tolist() == [[0.0], [2.0], [4.0]]
    assert chunk.frames.dtype == np.float32
    assert chunk.end_state.tolist() == [4]
    assert dynamics.start(1, 1).tolist() == [0]
    assert dynamics.frame_shape == (1,)


def test_frames_fall_on_the_multiples_of_the_interval():
    dynamics = PlanarDynamics()
    chunk = dynamics.advance(dynamics.start(0, 1), 25, 7, 10, 5)
    assert len(chunk.frames) == 3  # steps 10, 20, 30
    np.testing.assert_array_equal(chunk.frames, chunk.states[:, :2].astype(np.float32))
    np.testing.assert_array_equal(chunk.end_state, chunk.states[-1])
    odd = dynamics.advance(dynamics.start(0, 1), 8, 7, 10, 5)
    assert len(odd.frames) == 1
    assert not np.array_equal(odd.end_state, odd.states[-1])


def test_a_planar_walk_is_the_surface_s_own_step_by_step():
    dynamics = PlanarDynamics()
    state = dynamics.start(0, 4)
    chunk = dynamics.advance(state, 20, 9, 10, 0)
    first, second = np.random.SeedSequence(9).generate_state(2)
    particle = dynamics.surface.start(dynamics.starts[0], 4)
    middle, _ = dynamics.surface.advance(particle, 10, int(first), frame_interval=10)
    end, _ = dynamics.surface.advance(middle, 10, int(second), frame_interval=10)
    assert chunk.states[0].tolist() == [*middle.position, *middle.velocity]
    assert chunk.end_state.tolist() == [*end.position, *end.velocity]


@pytest.mark.parametrize("dynamics", [ChainDynamics(RING), PlanarDynamics()])
def test_a_dynamics_travels(dynamics):
    twin = pickle.loads(pickle.dumps(dynamics))
    assert twin.sha256 == dynamics.sha256
    state = dynamics.start(0, 3)
    np.testing.assert_array_equal(twin.advance(state, 20, 5, 5, 0).states, dynamics.advance(state, 20, 5, 5, 0).states)


def test_a_start_is_needed_and_is_part_of_the_digest():
    with pytest.raises(UsageError, match="no start"):
        ChainDynamics(RING, starts=())
    assert ChainDynamics(RING, starts=(1,)).sha256 != ChainDynamics(RING, starts=(2,)).sha256


def test_a_molecule_goes_as_simulate_ensemble_and_goes_on_from_any_frame():
    from levinthal.harness.engines.built_in.inline import InlineExecutor
    from levinthal.simulation.dynamics.ensemble import Start, chunk_seed, simulate_ensemble
    from levinthal.simulation.dynamics.replica import ReplicaState, advance
    from levinthal.simulation.systems.peptide import capped_peptide
    from levinthal.workloads.sampling.loop import task
    from levinthal.workloads.sampling.systems.particles import ParticleDynamics

    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    start = starts["extended"]
    dynamics = ParticleDynamics(system, (start,))
    truth = simulate_ensemble(
        system, [Start("s", start)], n_steps=60, chunk_steps=30, frame_interval=10, seed=3, executor=InlineExecutor()
    )[0]
    assert task.chunk_seed(3, 0, 1) == chunk_seed(3, 0, 1)
    state, frames = dynamics.start(0, task.chunk_seed(3, 0, -1)), []
    for position in range(2):
        chunk = dynamics.advance(state, 30, task.chunk_seed(3, 0, position), 10, 30 * position)
        state = chunk.end_state
        frames.append(chunk.frames)
    np.testing.assert_array_equal(np.concatenate(frames), truth.frames.coordinates_nm)
    assert dynamics.frame_shape == chunk.frames.shape[1:]
    # The kept velocities are those of the frame: going on from it by `advance` gives what the dynamics gives.
    half = dynamics.state_width // 2
    middle = chunk.states[0]
    replica = ReplicaState(middle[:half].reshape(-1, 3), middle[half:].reshape(-1, 3), step=40)
    end, _ = advance(system, replica, 10, 8, frame_interval=10)
    again = dynamics.advance(middle, 10, 8, 10, 40).end_state
    np.testing.assert_array_equal(again, np.concatenate([end.positions_nm.ravel(), end.velocities_nm_ps.ravel()]))
    assert not np.array_equal(again[half:], middle[half:])
