"""Walkers: bits that depend on seeds alone, full states from which one can go on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.simulation.markov_chain import markov_chain
from levinthal.workloads.sampling.walkers import ChainWalker, PlanarWalker

RING = markov_chain("ring", np.roll(np.eye(5), 1, axis=1), np.arange(5.0))


def test_a_chain_walks_as_its_matrix_says():
    walker = ChainWalker(RING, starts=(3, 0))
    chunk = walker.advance(walker.start(0, 1), 6, 1, 2, 0)
    assert chunk.states.ravel().tolist() == [0, 2, 4]  # 3, then two steps on each time
    assert chunk.frames.tolist() == [[0.0], [2.0], [4.0]]
    assert chunk.frames.dtype == np.float32
    assert chunk.end_state.tolist() == [4]
    assert walker.start(1, 1).tolist() == [0]
    assert walker.frame_shape == (1,)


def test_frames_fall_on_the_multiples_of_the_interval():
    walker = PlanarWalker()
    chunk = walker.advance(walker.start(0, 1), 25, 7, 10, 5)
    assert len(chunk.frames) == 3  # steps 10, 20, 30
    np.testing.assert_array_equal(chunk.frames, chunk.states[:, :2].astype(np.float32))
    np.testing.assert_array_equal(chunk.end_state, chunk.states[-1])
    odd = walker.advance(walker.start(0, 1), 8, 7, 10, 5)
    assert len(odd.frames) == 1
    assert not np.array_equal(odd.end_state, odd.states[-1])


def test_a_planar_walk_is_the_surface_s_own_step_by_step():
    walker = PlanarWalker()
    state = walker.start(0, 4)
    chunk = walker.advance(state, 20, 9, 10, 0)
    first, second = np.random.SeedSequence(9).generate_state(2)
    particle = walker.surface.start(walker.starts[0], 4)
    middle, _ = walker.surface.advance(particle, 10, int(first), frame_interval=10)
    end, _ = walker.surface.advance(middle, 10, int(second), frame_interval=10)
    assert chunk.states[0].tolist() == [*middle.position, *middle.velocity]
    assert chunk.end_state.tolist() == [*end.position, *end.velocity]


@pytest.mark.parametrize("walker", [ChainWalker(RING), PlanarWalker()])
def test_a_walker_travels(walker):
    twin = pickle.loads(pickle.dumps(walker))
    assert twin.sha256 == walker.sha256
    state = walker.start(0, 3)
    np.testing.assert_array_equal(twin.advance(state, 20, 5, 5, 0).states, walker.advance(state, 20, 5, 5, 0).states)


def test_a_start_is_needed_and_is_part_of_the_digest():
    with pytest.raises(UsageError, match="no start"):
        ChainWalker(RING, starts=())
    assert ChainWalker(RING, starts=(1,)).sha256 != ChainWalker(RING, starts=(2,)).sha256


def test_a_molecule_goes_as_simulate_ensemble_and_goes_on_from_any_frame():
    from levinthal.harness.engine import InlineExecutor
    from levinthal.simulation.ensemble import Start, chunk_seed, simulate_ensemble
    from levinthal.simulation.peptide import capped_peptide
    from levinthal.simulation.replica import ReplicaState, advance
    from levinthal.workloads.sampling import task
    from levinthal.workloads.sampling.molecular_walker import MolecularWalker

    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    start = starts["extended"]
    walker = MolecularWalker(system, (start,))
    truth = simulate_ensemble(
        system, [Start("s", start)], n_steps=60, chunk_steps=30, frame_interval=10, seed=3, executor=InlineExecutor()
    )[0]
    assert task.chunk_seed(3, 0, 1) == chunk_seed(3, 0, 1)
    state, frames = walker.start(0, task.chunk_seed(3, 0, -1)), []
    for position in range(2):
        chunk = walker.advance(state, 30, task.chunk_seed(3, 0, position), 10, 30 * position)
        state = chunk.end_state
        frames.append(chunk.frames)
    np.testing.assert_array_equal(np.concatenate(frames), truth.frames.coordinates_nm)
    assert walker.frame_shape == chunk.frames.shape[1:]
    # The kept velocities are those of the frame: going on from it by `advance` gives what the walker gives.
    half = walker.state_width // 2
    middle = chunk.states[0]
    replica = ReplicaState(middle[:half].reshape(-1, 3), middle[half:].reshape(-1, 3), step=40)
    end, _ = advance(system, replica, 10, 8, frame_interval=10)
    again = walker.advance(middle, 10, 8, 10, 40).end_state
    np.testing.assert_array_equal(again, np.concatenate([end.positions_nm.ravel(), end.velocities_nm_ps.ravel()]))
    assert not np.array_equal(again[half:], middle[half:])
