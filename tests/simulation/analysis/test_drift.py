"""Energy drift: an estimator held against known drifts, and what few digits do to a molecule's energy."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.simulation.analysis.drift import drifts_less, energy_drift
from levinthal.simulation.dynamics.conservation import Conserved, rounded
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.systems.peptide import capped_peptide

KT = 0.00831446261815324 * 300.0


def noisy(rng: np.random.Generator, drift: float, runs: int = 6, frames: int = 200) -> np.ndarray:
    """Energies of 50 degrees of freedom, 0.1 ps apart, that drift by so many kT/ns/dof, with noise that remembers."""
    noise = np.zeros((runs, frames))
    for frame in range(1, frames):
        noise[:, frame] = 0.9 * noise[:, frame - 1] + 0.1 * rng.normal(size=runs)
    return noise + drift * 50 * KT * np.arange(frames) * 1e-4 + 100 * rng.normal(size=(runs, 1))


@pytest.mark.parametrize("drift", [0.0, 0.4])
def test_the_interval_holds_a_known_drift(drift):
    """Of 200 systems whose noise is correlated over ten frames, about 95 % intervals hold the truth."""
    rng = np.random.default_rng(4)
    found = [energy_drift(noisy(rng, drift), 0.1, n_dof=50, temperature_k=300.0) for _ in range(200)]
    held = [each.interval is not None and each.interval[0] <= drift <= each.interval[1] for each in found]
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean([each.value for each in found]) == pytest.approx(drift, abs=0.02)


def test_which_drifts_less_or_that_it_cannot_be_told():
    rng = np.random.default_rng(1)
    low, high, again = (
        energy_drift(noisy(rng, drift), 0.1, n_dof=50, temperature_k=300.0) for drift in (0.0, -3.0, 0.0)
    )
    assert drifts_less(low, high) is True
    assert drifts_less(high, low) is False
    assert drifts_less(low, again) is None
    single = energy_drift(noisy(rng, 0.0, runs=1), 0.1, n_dof=50, temperature_k=300.0)
    assert single.interval is None
    assert drifts_less(single, high) is None


@pytest.mark.parametrize("energies", [np.zeros(5), np.zeros((2, 2)), np.full((2, 5), np.nan)])
def test_energies_that_tell_nothing_are_refused(energies):
    with pytest.raises(UsageError, match="three frames or more, all finite"):
        energy_drift(energies, 1.0, n_dof=3, temperature_k=300.0)


def test_bf16_is_torchs():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-5, 5).repeat(100)
    assert np.array_equal(rounded(values, "bf16"), torch.tensor(values).float().bfloat16().double().numpy())
    with pytest.raises(UsageError, match="bf8"):
        rounded(values, "bf8")


def test_a_state_that_went_through_few_digits_jumps_in_energy():
    """fp32 moves atoms by 1e-8 nm, which costs nothing; bf16 by 1e-3 nm, which stretches bonds by the order of kT."""
    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    state = advance(system, start_replica(system, starts["extended"], 0), 200, 0, frame_interval=200)[0]
    conserved = Conserved(system, "Reference")
    jumps = {precision: abs(conserved.jump_kj_mol(state, precision)) / KT for precision in ("fp64", "fp32", "bf16")}
    assert jumps["fp64"] == 0.0
    assert jumps["fp32"] < 1e-2
    assert jumps["bf16"] > max(0.1, 100 * jumps["fp32"])
    energies = conserved.energies(state, 20, 5)
    assert np.ptp(energies) < 2.0  # kJ/mol: nothing else changes the energy
    assert conserved.n_dof < 3 * system.n_atoms
    with pytest.raises(UsageError, match="choose another"):
        Conserved(system, "Abacus")
