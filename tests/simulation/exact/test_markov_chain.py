"""The exact chain walks as its matrix says, joins chunks without a seam, and loads real matrices without executing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats

from levinthal.errors import DataError, UsageError
from levinthal.kernels.markov_chain import alias_tables
from levinthal.simulation.analysis.exact_chain import mean_first_passage_steps, stationary_distribution
from levinthal.simulation.exact.folding_landscape import folding_landscape
from levinthal.simulation.exact.markov_chain import load_markov_chain, markov_chain

MATRIX = np.array([[0.1, 0.2, 0.7, 0.0], [0.0, 0.0, 0.5, 0.5], [0.3, 0.3, 0.3, 0.1], [0.25, 0.25, 0.25, 0.25]])
CHAIN = markov_chain("four", MATRIX, embedding=np.array([0.0, 1.0, 4.0, 9.0]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda row: sum(row) > 1e-3))
def test_alias_tables_hold_the_probabilities(row):
    probability = np.array(row) / sum(row)
    n = len(row)
    keep, target, other = np.empty(n), np.empty(n, np.int32), np.empty(n, np.int32)
    alias_tables(np.array([0, n]), np.arange(n, dtype=np.int32), probability, keep, target, other)
    back = np.bincount(target, keep / n, n) + np.bincount(other, (1 - keep) / n, n)
    np.testing.assert_allclose(back, probability, atol=1e-12)


def test_transitions_are_drawn_as_the_matrix_says():
    _, frames = CHAIN.advance(CHAIN.start(0), 200_000, 3)
    walk = np.concatenate([[0], frames.microstate])
    counts = np.zeros((4, 4))
    np.add.at(counts, (walk[:-1], walk[1:]), 1)
    assert (counts[MATRIX == 0] == 0).all()
    for row, expected in zip(counts, MATRIX, strict=True):
        allowed = expected > 0
        assert stats.chisquare(row[allowed], row.sum() * expected[allowed]).pvalue > 1e-4


def test_chunks_join_without_a_seam_and_the_state_is_not_changed():
    start = CHAIN.start(2)
    state, first = CHAIN.advance(start, 10, 1, frame_interval=4)
    state, second = CHAIN.advance(state, 7, 2, frame_interval=4)
    np.testing.assert_array_equal(np.concatenate([first.step, second.step]), [4, 8, 12, 16])
    assert (state.step, state.lineage) == (17, (1, 2))
    assert (start.step, start.lineage) == (0, ())
    every_state, every = CHAIN.advance(start, 10, 1)
    np.testing.assert_array_equal(every.microstate[[3, 7]], first.microstate)
    assert every_state.microstate == every.microstate[-1]
    np.testing.assert_array_equal(CHAIN.embed(first)[:, 0], np.array([0, 1, 4, 9])[first.microstate])


def test_long_walks_are_the_same_in_blocks(monkeypatch):
    _, whole = CHAIN.advance(CHAIN.start(0), 5_000, 9, frame_interval=7)
    monkeypatch.setattr("levinthal.simulation.exact.markov_chain._STEPS_A_BLOCK", 64)
    state, blocks = CHAIN.advance(CHAIN.start(0), 5_000, 9, frame_interval=7)
    np.testing.assert_array_equal(whole.microstate, blocks.microstate)
    assert (len(blocks), state.step) == (714, 5_000)


def test_a_chain_travels_to_a_worker():
    there = pickle.loads(pickle.dumps(CHAIN))
    assert there.sha256 == CHAIN.sha256
    np.testing.assert_array_equal(
        there.advance(there.start(1), 50, 4)[1].microstate, CHAIN.advance(CHAIN.start(1), 50, 4)[1].microstate
    )


@pytest.mark.parametrize(
    ("matrix", "embedding", "told"),
    [
        (np.ones((2, 3)) / 3, None, "square"),
        (np.array([[0.5, 0.4], [0.5, 0.5]]), None, "row 0"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), None, "negative"),
        (np.eye(2), np.zeros(3), "embedding"),
        (np.eye(2), np.array([0.0, np.nan]), "embedding"),
    ],
)
def test_what_is_no_chain_is_refused(matrix, embedding, told):
    with pytest.raises(DataError, match=told):
        markov_chain("wrong", matrix, embedding)


def test_mistakes_of_a_caller():
    with pytest.raises(DataError, match="0 to 3"):
        CHAIN.start(4)
    for arguments in ((0, 1), (1, -1)):
        with pytest.raises(UsageError):
            CHAIN.advance(CHAIN.start(0), *arguments)
    with pytest.raises(UsageError):
        CHAIN.advance(CHAIN.start(0), 1, 1, frame_interval=0)


def test_files_are_read_and_pickles_are_not(tmp_path):
    sparse.save_npz(tmp_path / "chain.npz", sparse.csr_array(MATRIX))
    np.save(tmp_path / "chain.npy", MATRIX)
    for name in ("chain.npz", "chain.npy"):
        assert load_markov_chain(tmp_path / name).sha256 == CHAIN.sha256
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "list.npy", np.zeros(3))
    for name in ("missing.npz", "missing.npy", "object.npy", "text.npz", "other.npz", "list.npy"):
        with pytest.raises(DataError) as caught:
            load_markov_chain(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_chain_of_trp_cage(shared_data):
    chain = load_markov_chain(shared_data / "md" / "synd_trpcage_sparse_tmatrix.npz")
    assert chain.n_states == 10_500
    pi = stationary_distribution(chain.transition_matrix)
    np.testing.assert_allclose(pi @ chain.transition_matrix, pi, atol=1e-16)
    # This chain was made reversible.
    flux = sparse.diags_array(pi) @ chain.transition_matrix
    assert abs(flux - flux.T).max() < 1e-12
    _, frames = chain.advance(chain.start(0), 300_000, 0)
    block = pi.reshape(21, 500).sum(axis=1)
    np.testing.assert_allclose(np.bincount(frames.microstate // 500, minlength=21) / 300_000, block, atol=0.05)


@pytest.mark.parametrize("depth", [1.0, 7.0, 10.0])
def test_the_landscape_is_in_detailed_balance_with_its_energy(depth):
    landscape = folding_landscape(depth)
    matrix = landscape.chain.transition_matrix
    flux = landscape.stationary[:, None] * matrix.toarray()
    np.testing.assert_allclose(flux, flux.T, atol=1e-15)
    np.testing.assert_allclose(stationary_distribution(matrix), landscape.stationary, rtol=1e-9, atol=1e-15)


def test_the_landscape_folds_as_its_docstring_says():
    steps = {}
    for depth in (6, 7, 8, 10):
        landscape = folding_landscape(depth)
        passage = mean_first_passage_steps(landscape.chain.transition_matrix, landscape.native)
        steps[depth] = passage[landscape.unfolded_start]
        # The trap looks native, but the way out is as long as folding itself.
        assert passage[landscape.trap].mean() > 0.8 * steps[depth]
        assert landscape.deviation_nm[landscape.trap].max() < landscape.deviation_nm[landscape.unfolded_start] / 2
    assert [round(steps[depth], -2) for depth in (6, 7, 8, 10)] == [4_500, 6_300, 9_300, 22_600]
    with pytest.raises(UsageError, match="depth_kt"):
        folding_landscape(0.0)
