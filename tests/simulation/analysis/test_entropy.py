"""Entropies against oscillators whose entropy is known, and against determinants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from levinthal.errors import DataError
from levinthal.simulation.analysis.entropy import (
    classical_entropy,
    configurational_entropy,
    mass_weighted_eigenvalues,
    quasi_harmonic_entropy,
    schlitter_entropy,
    superpose,
)

GAS_CONSTANT_J_MOL_K = 8.31446261815324


def eigenvalue_of_wavenumber(per_cm: float, temperature_k: float = 300.0) -> float:
    omega = 2 * np.pi * 2.99792458e10 * per_cm
    return 1.380649e-23 * temperature_k / omega**2 / (1.66053906660e-27 * 1e-18)


@pytest.mark.parametrize(
    ("per_cm", "quasi_harmonic", "schlitter", "classical"),
    [(10, 33.570, 33.570, 33.569), (100, 14.503, 14.552, 14.424), (1000, 0.401, 1.158, -4.721)],
)
def test_an_oscillator_of_known_frequency(per_cm, quasi_harmonic, schlitter, classical):
    mode = np.array([eigenvalue_of_wavenumber(per_cm)])
    assert quasi_harmonic_entropy(mode, 300.0) == pytest.approx(quasi_harmonic, abs=6e-4)
    assert schlitter_entropy(mode, 300.0) == pytest.approx(schlitter, abs=6e-4)
    assert classical_entropy(mode, 300.0) == pytest.approx(classical, abs=6e-4)


def test_schlitter_prefactor_at_300_k():
    entropy = schlitter_entropy(np.array([1.0]), 300.0)
    assert np.expm1(2 * entropy / GAS_CONSTANT_J_MOL_K) == pytest.approx(4569.73, abs=0.01)


@given(st.lists(st.floats(1e-12, 1e3), min_size=1, max_size=20), st.floats(50, 900))
def test_schlitter_is_above_quasi_harmonic_above_classical_and_zero(values, temperature):
    modes = np.array(values)
    quantum = quasi_harmonic_entropy(modes, temperature)
    assert schlitter_entropy(modes, temperature) >= quantum * (1 - 1e-12)
    assert quantum >= max(0.0, classical_entropy(modes, temperature) - 1e-9 * len(values))


def test_schlitter_is_the_determinant():
    rng = np.random.default_rng(0)
    coordinates, masses = rng.normal(scale=0.05, size=(200, 4, 3)), np.array([1.0, 12.0, 14.0, 16.0])
    root = np.repeat(np.sqrt(masses), 3)
    covariance = np.cov(coordinates.reshape(200, 12), rowvar=False, bias=True) * np.outer(root, root)
    expected = 0.5 * GAS_CONSTANT_J_MOL_K * np.linalg.slogdet(np.eye(12) + 4569.727 * covariance)[1]
    found = configurational_entropy(coordinates, masses, 300.0, superposed=True)
    assert found.schlitter_j_mol_k == pytest.approx(expected, rel=1e-6)
    assert (found.n_modes, found.n_modes_expected, found.rank_deficient) == (12, 12, False)


def test_fewer_frames_than_coordinates_give_the_same_eigenvalues_and_say_so():
    rng = np.random.default_rng(1)
    coordinates, masses = rng.normal(size=(7, 5, 3)), rng.uniform(1, 16, 5)
    root = np.repeat(np.sqrt(masses), 3)
    covariance = np.cov(coordinates.reshape(7, 15), rowvar=False, bias=True) * np.outer(root, root)
    expected = np.linalg.eigvalsh(covariance)[::-1]
    found = mass_weighted_eigenvalues(coordinates, masses)
    np.testing.assert_allclose(found, expected[:7], atol=1e-12)
    assert configurational_entropy(coordinates, masses, 300.0, superposed=True).rank_deficient


def test_overall_motion_is_no_configuration():
    rng = np.random.default_rng(2)
    masses = rng.uniform(1, 16, 6)
    molecule = rng.normal(scale=0.3, size=(6, 3)) + rng.normal(scale=0.01, size=(400, 6, 3))
    turned = np.einsum("fij,faj->fai", Rotation.random(400, random_state=3).as_matrix(), molecule)
    moved = turned + rng.normal(size=(400, 1, 3))
    still, tumbling = (configurational_entropy(frames, masses, 300.0) for frames in (molecule, moved))
    assert tumbling.schlitter_j_mol_k == pytest.approx(still.schlitter_j_mol_k, rel=1e-6)
    assert still.n_modes == still.n_modes_expected == 12
    assert configurational_entropy(moved, masses, 300.0, superposed=True).schlitter_j_mol_k > 2 * (
        still.schlitter_j_mol_k
    )


def test_superposition_never_mirrors():
    rng = np.random.default_rng(4)
    molecule = rng.normal(size=(5, 3))
    pair = superpose(np.stack([molecule, molecule * [1, 1, -1]]), np.ones(5))
    assert np.abs(pair[0] - pair[1]).max() > 0.1


@pytest.mark.parametrize("kind", ["shape", "masses", "temperature", "infinite"])
def test_mistakes_are_one_line(kind):
    coordinates, masses, temperature = np.zeros((4, 3, 3)), np.ones(3), 300.0
    if kind == "shape":
        coordinates = np.zeros((4, 9))
    elif kind == "masses":
        masses = np.array([1.0, 0.0, 1.0])
    elif kind == "infinite":
        coordinates[0, 0, 0] = np.inf
    else:
        temperature, coordinates = -1.0, np.random.default_rng(0).normal(size=(4, 3, 3))
    with pytest.raises(DataError) as caught:
        configurational_entropy(coordinates, masses, temperature)
    assert "\n" not in str(caught.value)
