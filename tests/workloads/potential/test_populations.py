"""Populations: basins cover the map, and reweighting gives back what is known."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.workloads.potential.evaluation.populations import in_basin, populations, weights_of

KT = 2.5


def frames(rng, n, shares):
    """Return torsions with known shares of C7eq, C5, alpha and left."""
    centres = np.radians([[-80, 70], [-150, 160], [-80, -40], [60, 40]])
    return centres[rng.choice(4, n, p=shares)] + rng.normal(0, 0.05, (n, 2))


def test_basins_cover_the_map_once():
    torsions = np.random.default_rng(0).uniform(-np.pi, np.pi, (2000, 2))
    assert (np.sum(list(in_basin(torsions).values()), axis=0) == 1).all()


def test_reweighting_gives_the_populations_of_the_teacher():
    rng = np.random.default_rng(1)
    student, teacher = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.3, 0.5, 0.1, 0.1])
    torsions = frames(rng, 40_000, student)
    inside = np.argmax(list(in_basin(torsions).values()), axis=0)
    energies = KT * -np.log(teacher / student)[inside]  # what the teacher's is above the student's
    weights = weights_of(energies + 1000.0, np.zeros(len(energies)), KT)
    found = populations(torsions, weights, np.arange(len(torsions)) % 16, KT / 4.184, 0)
    np.testing.assert_allclose(list(found.student.values()), student, atol=0.01)
    np.testing.assert_allclose(list(found.teacher.values()), teacher, atol=0.01)
    assert 0.5 * len(torsions) < found.effective_samples < 0.95 * len(torsions)
    assert found.deviation > 10  # a gate of two standard errors is missed
    gap = -KT / 4.184 * np.log(0.3 / 0.5)
    value, low, high = found.free_energy_kcal_mol
    assert value == pytest.approx(gap, abs=0.02)
    assert low < gap < high


def test_a_student_that_is_the_teacher_passes():
    rng, missed = np.random.default_rng(2), 0
    for seed in range(20):
        torsions = frames(rng, 4000, [0.5, 0.3, 0.15, 0.05])
        noise = rng.normal(0, 0.3 * KT, len(torsions))  # errors that know nothing of the basin
        found = populations(
            torsions, weights_of(noise, np.zeros(len(noise)), KT), np.arange(4000) % 16, KT / 4.184, seed
        )
        missed += found.deviation > 2
    assert missed <= 2


def test_an_empty_basin_has_no_free_energy():
    torsions = frames(np.random.default_rng(3), 100, [1, 0, 0, 0])
    assert populations(torsions, np.ones(100), np.arange(100) % 4, KT, 0).free_energy_kcal_mol is None
