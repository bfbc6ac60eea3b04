"""References by replica exchange: against the exact answer where that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.engines.built_in.inline import InlineExecutor
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.exchange import (
    LADDERS,
    Ladder,
    LadderTask,
    accepted_shares,
    exchanged_reference,
    make_ladder,
    reference_of_ladders,
    round_trips,
    swapped,
)
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics
from levinthal.workloads.sampling.systems.system import System, make_system

LADDER = (1.5, 2.2, 3.2, 4.5)


def system_of(name: str, **settings: str) -> System:
    return make_system(make_settings(SamplingSettings, "tiny", {"system": name, **settings}))


@pytest.fixture
def cold(monkeypatch, tmp_path) -> System:
    """Return the surface with a barrier of eleven kT, with a cache of its own."""
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path / "data"))
    return system_of("mueller-brown", temperature="10")


def reference(system: System, n_steps: int, ladder: tuple[float, ...] = LADDER):
    done: list[int] = []
    found = exchanged_reference(system, ladder, n_steps, 25, InlineExecutor(), lambda: done.append(1))
    assert len(done) == LADDERS
    return found


def test_the_populations_are_those_of_quadrature(cold):
    found = reference(cold, 3_000_000)
    assert jensen_shannon_nats(found.populations, cold.stationary) < 0.01
    assert found.event_population == pytest.approx(cold.event_population, rel=0.5)
    assert found.exchange.least_accepted > 0.2
    assert found.exchange.n_round_trips >= 50


@dataclass(frozen=True, eq=False)
class Indifferent(PlanarDynamics):
    """Swaps whatever the energies are."""

    def reduced_energy(self, state):
        return 0.0


def test_an_exchange_that_does_not_look_at_energies_gives_other_populations(cold):
    wrong = replace(cold, dynamics=Indifferent(cold.dynamics.surface))
    found = reference(wrong, 3_000_000)
    assert jensen_shannon_nats(found.populations, cold.stationary) > 0.05


def test_what_does_not_hold_is_refused_with_what_to_do(cold):
    with pytest.raises(UsageError, match=r"round trips .* fix: raise reference_steps from 100,000 to"):
        reference(cold, 100_000)
    # two ladders, neither of which ever swaps its second pair, and two that disagree
    never = np.tile(np.array([[1, 0, 2], [1, 0, 2], [0, 1, 2], [0, 1, 2]], np.int16), (100, 1))
    idle = [Ladder(np.zeros(400, np.int32), np.zeros(400, np.bool_), never, np.zeros((3, 4)))] * 2
    with pytest.raises(UsageError, match=r"exchanges between 1\.5 and 4 times .* put 2\.45 between them"):
        reference_of_ladders(idle, cold, (1.0, 1.5, 4.0), 1_000)
    to_and_fro = np.tile(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.int16), (100, 1))
    apart = [Ladder(np.full(400, k, np.int32), np.zeros(400, np.bool_), to_and_fro, np.zeros((2, 4))) for k in (0, 1)]
    with pytest.raises(UsageError, match=r"halves of its ladders differ by 0\.69 nats"):
        reference_of_ladders(apart, cold, (1.0, 1.5), 1_000)


def test_a_system_without_a_temperature_is_refused():
    with pytest.raises(UsageError, match="leave reference_ladder out"):
        exchanged_reference(system_of("landscape"), LADDER, 1_000, 10, InlineExecutor(), lambda: None)


def task(cold, folder, n_rounds):
    return LadderTask(cold.dynamics, cold.observables, (1.0, 1.5, 2.2), 1, n_rounds, 500, 25, folder, "ab" * 32)


def test_a_ladder_that_goes_on_is_that_made_at_once(cold, tmp_path):
    make_ladder(task(cold, tmp_path, 50))
    longer = make_ladder(task(cold, tmp_path, 120))
    at_once = make_ladder(task(cold, None, 120))
    np.testing.assert_array_equal(longer.cell, at_once.cell)
    np.testing.assert_array_equal(longer.replica_at, at_once.replica_at)
    assert len(at_once.cell) == 120 * 20
    assert at_once.replica_at.shape == (120, 3)


def test_a_damaged_file_is_made_again(cold, tmp_path):
    whole = make_ladder(task(cold, tmp_path, 50))
    (tmp_path / "ladder-1.npz").write_bytes(b"PK\x03\x04 nothing of the kind")
    again = make_ladder(task(cold, tmp_path, 50))
    np.testing.assert_array_equal(whole.cell, again.cell)


def test_neighbours_swap_with_the_probability_of_detailed_balance():
    rng = np.random.default_rng(0)
    factors, reduced = np.array([1.0, 1.6]), np.array([2.0, 3.0])
    n = sum(swapped(reduced, factors, 0, rng.random(2))[0] == 1 for _ in range(20_000))
    assert n / 20_000 == pytest.approx(np.exp((1 - 1 / 1.6) * (2.0 - 3.0)), abs=0.012)
    # at odd rounds the other pairs swap
    assert swapped(np.array([9.0, 9.0, 1.0, 0.0]), np.arange(1, 5.0), 1, np.full(4, 0.5)).tolist() == [0, 2, 1, 3]
    assert swapped(np.array([0.0, 1.0, 9.0, 0.0]), np.arange(1, 5.0), 1, np.full(4, 0.5)).tolist() == [0, 1, 2, 3]


def test_round_trips_and_accepted_shares():
    # two replicas that swap at each even round
    at = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0], [1, 0]], np.int16)
    assert accepted_shares(at).tolist() == [1.0]
    # one visits the lowest twice with the highest between, the other likewise
    assert round_trips(at) == 1
    assert round_trips(np.array([[0, 1, 2]] * 5, np.int16)) == 0


def test_a_molecule_can_be_heated():
    peptide = system_of("alanine-dipeptide").dynamics
    hot = peptide.heated(1.5)
    state = peptide.start(0, 1)
    assert hot.reduced_energy(state) == pytest.approx(peptide.reduced_energy(state) / 1.5)
    assert hot.sha256 != peptide.sha256
    n = 3 * peptide.molecule.system.n_atoms
    np.testing.assert_allclose(hot.carried(state, 1.0)[n:], state[n:] * np.sqrt(1.5))
    np.testing.assert_array_equal(hot.carried(state, 1.0)[:n], state[:n])
    assert peptide.heated(1.0).sha256 == peptide.sha256
