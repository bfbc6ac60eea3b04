"""Conformations of a pocket: bonds are kept, energies are what they say, and atoms are found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from carried import protein
from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.molecules.molecule import Box
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor
from levinthal.workloads.docking.preparation.conformations import given_conformations, make_conformations
from levinthal.workloads.docking.preparation.conformations.dynamics import DynamicsSettings, simulate_pocket
from levinthal.workloads.docking.preparation.conformations.normal_modes import (
    pocket_modes,
    restore_lengths,
    stiff_pairs,
)
from levinthal.workloads.docking.preparation.conformations.pocket import carry_hydrogens, heavy_atoms, pocket_atoms
from levinthal.workloads.docking.scoring.functions import pair_energy, scoring_function


@pytest.fixture(scope="module")
def lysozyme():
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    return prepare_receptor(receptor), Box.around(prepare_ligand(str(ligand)).source_coordinates_angstrom, 4.0)


def lengths(places, pairs):
    return np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)


def bonds_of(receptor):
    """Return heavy bonds, and bonds to hydrogens as pairs of each hydrogen with the nearest heavy atom."""
    heavy = heavy_atoms(receptor)
    between = heavy[stiff_pairs(receptor.coordinates_angstrom[heavy])[0]]
    light = np.flatnonzero(receptor.vina_types < 0)
    gaps = np.linalg.norm(
        receptor.coordinates_angstrom[light][:, None] - receptor.coordinates_angstrom[heavy][None], axis=-1
    )
    return between, np.stack([light, heavy[gaps.argmin(1)]], axis=1)


@pytest.mark.parametrize("flexible", ["modes", "rotamers"])
def test_conformations_move_the_pocket_and_keep_every_bond(lysozyme, flexible):
    receptor, box = lysozyme
    made = make_conformations(receptor, box, flexible, 4, seed=1)
    assert len(made) == 4
    inside = pocket_atoms(receptor, box, 3.0)
    heavy_bonds, light_bonds = bonds_of(receptor)
    energies = np.array([each.energy_kcal_mol for each in made])
    assert np.isfinite(energies).all()
    assert energies.min() == 0
    if flexible == "modes":  # drawn as often as their strain lets them be: it is not charged again
        assert (energies == 0).all()
    np.testing.assert_array_equal(made[0].coordinates_angstrom, receptor.coordinates_angstrom)
    for each in made[1:]:
        shift = np.linalg.norm(each.coordinates_angstrom - receptor.coordinates_angstrom, axis=1)
        assert shift[inside].max() > 0.5
        # the hydrogen of a peptide bond at the rim leans on an atom that moved
        assert shift[~inside & (receptor.vina_types >= 0)].max() < 1e-9
        before, after = (
            lengths(places, heavy_bonds) for places in (receptor.coordinates_angstrom, each.coordinates_angstrom)
        )
        assert np.abs(after - before).max() < 0.06
        before, after = (
            lengths(places, light_bonds) for places in (receptor.coordinates_angstrom, each.coordinates_angstrom)
        )
        assert np.abs(after - before).max() < 0.01
    again = make_conformations(receptor, box, flexible, 4, seed=1)
    other = make_conformations(receptor, box, flexible, 4, seed=2)
    np.testing.assert_allclose(again[2].coordinates_angstrom, made[2].coordinates_angstrom, atol=1e-6)
    assert not np.allclose(other[2].coordinates_angstrom, made[2].coordinates_angstrom, atol=1e-3)


def test_the_energy_of_a_rotamer_is_what_the_scoring_function_says(lysozyme):
    receptor, box = lysozyme
    made = make_conformations(receptor, box, "rotamers", 3, seed=4)
    heavy = heavy_atoms(receptor)
    types = torch.from_numpy(receptor.vina_types[heavy].astype(np.int64))
    residue = np.array(receptor.residues)[heavy]
    apart = torch.from_numpy(residue[:, None] != residue[None])

    def total(each):
        places = torch.from_numpy(each.coordinates_angstrom[heavy])
        energies = pair_energy(scoring_function("vina"), types[:, None], types, torch.cdist(places, places))
        return float(torch.where(apart, energies, torch.zeros_like(energies)).sum()) / 2

    for each in made[1:]:
        expected = total(each) - total(made[0])
        assert each.energy_kcal_mol - made[0].energy_kcal_mol == pytest.approx(expected, abs=1e-6)


def test_modes_are_orthonormal_and_solve_the_network():
    generator = np.random.default_rng(0)
    chain = np.cumsum(generator.normal(size=(40, 3)), axis=0)
    chain *= 1.5 / np.linalg.norm(np.diff(chain, axis=0), axis=1).mean()
    mobile = np.arange(40) < 25
    modes = pocket_modes(chain, mobile, 5)
    flat = modes.vectors.reshape(5, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(5), atol=1e-6)
    assert (modes.eigenvalues > 0).all()
    assert (np.diff(modes.eigenvalues) >= 0).all()
    with pytest.raises(DataError, match="too few"):
        pocket_modes(chain, np.arange(40) < 2, 5)


def test_stretched_bonds_are_restored_and_fixed_atoms_stay():
    generator = np.random.default_rng(1)
    chain = np.arange(20)[:, None] * np.array([1.2, 0.6, 0.3]) + np.array([0, 0.4, 0]) * (np.arange(20) % 2)[:, None]
    moved = chain.copy()
    moved[:12] += generator.normal(scale=0.1, size=(12, 3))
    restored = restore_lengths(moved, chain, np.arange(12))
    np.testing.assert_array_equal(restored[12:], chain[12:])
    pairs = np.concatenate(stiff_pairs(chain))
    assert np.abs(lengths(moved, pairs) - lengths(chain, pairs)).max() > 0.1
    assert np.abs(lengths(restored, pairs) - lengths(chain, pairs)).max() < 0.02


def test_hydrogens_follow_a_rigid_motion_exactly(lysozyme):
    receptor, _ = lysozyme
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    whole = receptor.coordinates_angstrom @ turn.T + np.array([1.0, -2.0, 3.0])
    only_heavy = np.where((receptor.vina_types >= 0)[:, None], whole, receptor.coordinates_angstrom)
    np.testing.assert_allclose(carry_hydrogens(receptor, only_heavy), whole, atol=1e-6)


def test_given_conformations_are_matched_by_name(lysozyme):
    receptor, box = lysozyme
    moved = make_conformations(receptor, box, "rotamers", 2, seed=0)[1]
    order = np.random.default_rng(0).permutation(len(receptor.types))
    shuffled = replace(
        moved,
        coordinates_angstrom=moved.coordinates_angstrom[order],
        types=tuple(moved.types[k] for k in order),
        vina_types=moved.vina_types[order],
        atom_names=tuple(moved.atom_names[k] for k in order),
        residues=tuple(moved.residues[k] for k in order),
    )
    found = given_conformations(receptor, [shuffled])
    np.testing.assert_array_equal(found[1].coordinates_angstrom, moved.coordinates_angstrom)
    assert found[1].energy_kcal_mol == moved.energy_kcal_mol
    heavy = heavy_atoms(receptor)[10]
    kept = np.delete(np.arange(len(receptor.types)), heavy)
    broken = replace(
        moved,
        coordinates_angstrom=moved.coordinates_angstrom[kept],
        types=tuple(moved.types[k] for k in kept),
        vina_types=moved.vina_types[kept],
        atom_names=tuple(moved.atom_names[k] for k in kept),
        residues=tuple(moved.residues[k] for k in kept),
    )
    with pytest.raises(DataError, match=f"lacks the atom {receptor.atom_names[heavy]}"):
        given_conformations(receptor, [broken])


def test_snapshots_of_dynamics_move_the_pocket_alone():
    receptor = prepare_receptor(protein("villin-n68h"))
    box = Box.around(receptor.coordinates_angstrom[:40], 0.0)
    settings = DynamicsSettings(equilibration_ps=0.4, duration_ps=1.2, snapshots_per_conformation=4)
    found = simulate_pocket(receptor, box, 2, 3, settings)
    inside = pocket_atoms(receptor, box, 3.0)
    heavy_bonds, light_bonds = bonds_of(receptor)
    assert len(found) == 2
    assert min(energy for _, energy in found) == 0
    for places, energy in found:
        assert 0 <= energy < 0.593 * np.log(8)
        shift = np.linalg.norm(places - receptor.coordinates_angstrom, axis=1)
        assert shift[inside].max() > 0.2
        assert shift[~inside & (receptor.vina_types >= 0)].max(initial=0.0) < 1e-9
        assert np.abs(lengths(places, heavy_bonds) - lengths(receptor.coordinates_angstrom, heavy_bonds)).max() < 0.25
        assert np.abs(lengths(places, light_bonds) - lengths(receptor.coordinates_angstrom, light_bonds)).max() < 0.05
    again = simulate_pocket(receptor, box, 2, 3, settings)
    np.testing.assert_array_equal(again[0][0], found[0][0])


def test_mistakes_are_told(lysozyme):
    receptor, _ = lysozyme
    away = Box((500.0, 0.0, 0.0), (10.0, 10.0, 10.0))
    with pytest.raises(DataError, match="no residue"):
        make_conformations(receptor, away, "modes", 3)
    with pytest.raises(UsageError, match="unknown"):
        make_conformations(receptor, away, "soft", 3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="1 or more"):
        make_conformations(receptor, away, "none", 0)
    assert len(make_conformations(receptor, away, "none", 5)) == 1
