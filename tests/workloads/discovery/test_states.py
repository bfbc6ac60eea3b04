"""What is a new state, and where the next round begins."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.workloads.discovery.conformations import Pocket
from levinthal.workloads.discovery.ensemble import Round
from levinthal.workloads.discovery.reporting import share_left_out
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.discovery.states import State, new_states, next_starts
from levinthal.workloads.discovery.workflow import Found

N = 12
NATIVE = np.stack([np.cos(np.arange(N)), np.sin(np.arange(N)), 0.3 * np.arange(N)], axis=1)


def shape(bend):
    """A chain whose second half is turned by an angle."""
    bent = NATIVE.copy()
    turn = np.array([[np.cos(bend), -np.sin(bend), 0], [np.sin(bend), np.cos(bend), 0], [0, 0, 1.0]])
    bent[N // 2 :] = (bent[N // 2 :] - bent[N // 2]) @ turn.T + bent[N // 2]
    return bent


def round_of(bends, walkers):
    positions = np.array([shape(each) for each in bends])
    return Round(positions.astype(np.float32), positions, np.array(walkers, np.int64), ())


POCKET = Pocket(np.arange(N), 10 * NATIVE)
FIRST = State(0, 0, -1, -1, "structure", float("nan"), NATIVE, NATIVE)


def test_clusters_unlike_every_state_before_are_new_the_most_populated_first():
    bends = [0.0] * 30 + [1.0] * 20 + [2.0] * 10
    found = round_of(bends, [0] * 30 + [1] * 30)
    settings = DiscoverySettings(states_per_round=2, new_state=0.6)
    embedding = np.array(bends)[:, None]
    fresh = new_states(found, embedding, [FIRST], ["novel", "promising"], POCKET, settings, 0)
    assert [each.number for each in fresh] == [1, 2]
    assert [each.origin for each in fresh] == ["promising", "promising"]
    np.testing.assert_allclose([fresh[0].ca_nm, fresh[1].ca_nm], [shape(1.0), shape(2.0)], atol=1e-5)
    assert fresh[0].share >= fresh[1].share
    again = new_states(found, embedding, [FIRST, *fresh], ["novel"] * 2, POCKET, settings, 0)
    assert again == []


def test_half_of_the_walkers_go_where_little_is_known_and_half_to_what_binds_best():
    rng = np.random.default_rng(0)
    bends = np.concatenate([rng.normal(0.0, 0.01, 60), [3.0]])
    found = round_of(bends, [0] * 61)
    other = State(1, 1, 0, 0, "novel", 0.5, shape(1.0), shape(1.0))
    starts, origins = next_starts([found], bends[:, None], [FIRST, other], {0: -3.0, 1: -4.0}, 4, rng)
    assert origins == ["novel", "novel", "promising", "promising"]
    np.testing.assert_array_equal(starts[0], found.positions_nm[60])  # the outlier first
    np.testing.assert_array_equal(starts[2], other.positions_nm)  # the state that binds best
    np.testing.assert_array_equal(starts[3], FIRST.positions_nm)
    starts, origins = next_starts([found], bends[:, None], [FIRST], {}, 3, rng)
    assert origins == ["novel"] * 3
    assert len(starts) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"structure": "a.pdb"}, "there is no pocket"),
        ({"structure": "a.pdb", "pocket": "A:1"}, "there is no library"),
        ({"structure": "a.pdb", "sequence": "b.fasta"}, "both given"),
        ({"sequence": "b.fasta"}, "a sequence without weights"),
        ({"weights": "w"}, "weights without a sequence"),
        ({"round_steps": 1000, "frame_interval": 300}, "not a multiple"),
        ({"drawn_poses": 16, "descents": 64}, "are more than drawn_poses"),
    ],
)
def test_settings_that_do_not_fit_are_said(given, said):
    with pytest.raises(ValueError, match=said):
        DiscoverySettings(**given)


def test_a_model_whose_states_mostly_break_misses_the_gate():
    found = Found([FIRST], [])
    assert share_left_out(found) == 0.0
    found.left_out += [FIRST, FIRST]
    found.states += [FIRST]
    assert share_left_out(found) > 0.5
