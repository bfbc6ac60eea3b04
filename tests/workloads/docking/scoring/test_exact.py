"""Exact scores against the package vina, formulas written out by hand, and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from carried import shared_files
from docking_examples import meeko_pdbqt
from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.preparation import (
    ligand_to_pdbqt,
    read_ligand_pdbqt,
    read_receptor_pdbqt,
    receptor_to_pdbqt,
)
from levinthal.workloads.docking.scoring import VINA_TYPES, exact_score, exact_score_and_gradient, torsion_divisor
from levinthal.workloads.docking.scoring.exact import soften


def prepared_by_others():
    """Return PDBQT files of a real complex, where they are there."""
    receptors = shared_files("complexes/1w2g/1w2g-receptor.pdbqt")
    return [(receptor, receptor.with_name("1w2g-thm.pdbqt")) for receptor in receptors]


@pytest.fixture(scope="module")
def complexes(lysozyme, reductase):
    """Return real complexes that our preparation made, and one that others prepared where that is there."""
    of_others = [
        (read_receptor_pdbqt(receptor), read_ligand_pdbqt(ligand)) for receptor, ligand in prepared_by_others()
    ]
    return [lysozyme[:2], reductase[:2], *of_others]


def near_poses(ligand: Ligand, count: int, seed: int) -> Poses:
    """Return the pose of the source and others around it."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor(ligand.centre_angstrom).expand(count, 3)
    spread = torch.linspace(0, 1, count, dtype=torch.float64)[:, None]
    moves = torch.randn(2, count, 3, generator=generator, dtype=torch.float64) * spread
    return Poses.unturned(centres).moved(moves[0], 0.5 * moves[1])


def assert_agrees_with_vina(receptor, ligand, function, tmp_path, poses, ligand_text=ligand_to_pdbqt, n_torsions=0.0):
    vina = pytest.importorskip("vina")
    file = tmp_path / "receptor.pdbqt"
    file.write_text(receptor_to_pdbqt(receptor))
    engine = vina.Vina(sf_name=function, cpu=1, verbosity=0)
    engine.set_receptor(str(file))
    places = poses.coordinates(torch.tensor(ligand.coordinates_angstrom)).round(decimals=3)
    box = Box.around(places.reshape(-1, 3), 1.0)
    engine.set_ligand_from_string(ligand_text(ligand, places[0].numpy()))
    engine.compute_vina_maps(list(box.centre_angstrom), list(box.size_angstrom), spacing=1.0)
    found = []
    for one in places.numpy():
        engine.set_ligand_from_string(ligand_text(ligand, one))
        found.append(engine.score()[0])
    ours = exact_score(receptor, ligand, places, function) / torsion_divisor(n_torsions)
    np.testing.assert_allclose(ours, found, atol=1e-3)


@pytest.mark.parametrize("function", ["vina", "vinardo"])
def test_the_table_agrees_with_vina(complexes, function, tmp_path):
    for receptor, ligand in complexes:
        assert_agrees_with_vina(receptor, ligand, function, tmp_path, near_poses(ligand, 4, 1))


def test_the_table_agrees_with_vina_on_prepared_molecules(lysozyme, drug, tmp_path):
    receptor, ligand, _ = lysozyme
    assert_agrees_with_vina(receptor, ligand, "vina", tmp_path, near_poses(ligand, 4, 2))


def test_rotatable_bonds_count_as_in_vina(reductase, tmp_path):
    receptor, prepared, _ = reductase
    (tmp_path / "ligand.pdbqt").write_text(meeko_pdbqt(prepared))
    of_others = ((read_receptor_pdbqt(rigid), ligand) for rigid, ligand in prepared_by_others())
    for rigid, ligand in ((receptor, tmp_path / "ligand.pdbqt"), *of_others):
        read = read_ligand_pdbqt(ligand)
        assert read.n_torsions > 0
        as_it_is = Poses.unturned(torch.tensor(read.centre_angstrom)[None])
        written = ligand.read_text()
        assert_agrees_with_vina(rigid, read, "vina", tmp_path, as_it_is, lambda *_, text=written: text, read.n_torsions)


def one_atom(cls, kind: str, place=(0.0, 0.0, 0.0)):
    shared = {"name": kind, "types": ("C",), "vina_types": np.array([VINA_TYPES.index(kind)], np.int8)}
    places = np.array([place], np.float64)
    if cls is Receptor:
        return Receptor(coordinates_angstrom=places, atom_names=("X",), residues=("X A 1",), **shared)
    return Ligand(
        coordinates_angstrom=places, centre_angstrom=np.zeros(3), elements=("C",), atom_names=("X",), bonds=(),
        n_torsions=0.0, **shared,
    )  # fmt: skip


def step(good: float, bad: float, x: float) -> float:
    return min(1.0, max(0.0, (bad - x) / (bad - good)))


@pytest.mark.parametrize("distance", [0.5, 2.5, 3.2, 3.9, 4.7, 6.0, 7.99, 8.0, 9.0])
@pytest.mark.parametrize(
    ("first", "second", "radii", "hydrophobic", "bond"),
    [
        ("C_H", "C_H", (3.8, 4.0), True, False),
        ("C_H", "Cl_H", (3.7, 3.8), True, False),
        ("C_P", "C_H", (3.8, 4.0), False, False),
        ("O_A", "N_D", (3.5, 3.3), False, True),
        ("O_DA", "O_DA", (3.4, 3.2), False, True),
        ("O_D", "N_D", (3.5, 3.3), False, False),
        ("Met_D", "O_A", (2.9, 2.8), False, True),
        ("S_P", "P_P", (4.1, 4.1), False, False),
    ],
)
def test_the_formula_is_the_published_one(first, second, radii, hydrophobic, bond, distance):
    receptor, ligand = one_atom(Receptor, first), one_atom(Ligand, second)
    place = torch.tensor([[[0.0, distance, 0.0]]], dtype=torch.float64)
    vina, vinardo = (distance - radius for radius in radii)
    expected = {
        "vina": -0.035579 * math.exp(-((vina / 0.5) ** 2))
        - 0.005156 * math.exp(-(((vina - 3) / 2) ** 2))
        + 0.840245 * min(vina, 0) ** 2
        - hydrophobic * 0.035069 * step(0.5, 1.5, vina)
        - bond * 0.587439 * step(-0.7, 0.0, vina),
        "vinardo": -0.045 * math.exp(-((vinardo / 0.8) ** 2))
        + 0.8 * min(vinardo, 0) ** 2
        - hydrophobic * 0.035 * step(0.0, 2.5, vinardo)
        - bond * 0.600 * step(-0.6, 0.0, vinardo),
    }
    for function, value in expected.items():
        found = exact_score(receptor, ligand, place, function, mode="analytic", curl=1e12)
        assert float(found[0]) == pytest.approx(value if distance < 8 else 0.0, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("function", ["vina", "vinardo"])
def test_forces_and_torques_are_finite_differences(lysozyme, drug, function):
    receptor, _, box = lysozyme
    poses = Poses.random(3, box, torch.Generator().manual_seed(7), margin_angstrom=5.0, dtype=torch.float64)
    score = exact_score_and_gradient(receptor, drug, poses, function, curl=10.0)
    template = torch.tensor(drug.coordinates_angstrom)

    def energies(moved: Poses) -> torch.Tensor:
        return exact_score(receptor, drug, moved.coordinates(template), function, mode="analytic", curl=10.0)

    def pairs(moved: Poses) -> torch.Tensor:
        heavy = moved.coordinates(template)[:, torch.tensor(drug.heavy_atoms)]
        return (torch.cdist(heavy, torch.tensor(receptor.coordinates_angstrom)) < 8).flatten(1)

    step_size, compared = 1e-6, 0
    for axis in range(3):
        unit, still = torch.zeros(2, 3, 3, dtype=torch.float64)
        unit[:, axis] = step_size
        for moves, found in (((unit, still), score.forces), ((still, unit), score.torques)):
            ahead, behind = (poses.moved_outside(sign * moves[0], sign * moves[1]) for sign in (1, -1))
            expected = -(energies(ahead) - energies(behind)) / (2 * step_size)
            # the function jumps where a pair comes within the cutoff
            smooth = (pairs(ahead) == pairs(behind)).all(dim=1)
            compared += int(smooth.sum())
            size = torch.linalg.vector_norm(found, dim=-1)
            assert ((found[:, axis] - expected).abs() <= 1e-4 * size)[smooth].all()
    assert compared > 15


def test_the_analytic_mode_passes_gradcheck(lysozyme):
    receptor, ligand, _ = lysozyme
    places = near_poses(ligand, 1, 5).coordinates(torch.tensor(ligand.coordinates_angstrom)).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda given: exact_score(receptor, ligand, given, mode="analytic"), places, rtol=1e-4, atol=1e-6
    )


def test_clashes_are_bent_below_the_curl():
    energies = torch.linspace(-5, 1e6, 200_001, dtype=torch.float64)
    bent = soften(energies, 10.0)
    assert (bent.diff() > 0).all()
    assert bent.max() < 10
    torch.testing.assert_close(bent[energies < 0], energies[energies < 0])


def test_the_modes_agree_nearly(lysozyme, drug):
    receptor, _, box = lysozyme
    poses = Poses.random(20, box, torch.Generator().manual_seed(1), margin_angstrom=5.0, dtype=torch.float64)
    places = poses.coordinates(torch.tensor(drug.coordinates_angstrom))
    table, formula = (exact_score(receptor, drug, places, mode=mode, curl=5.0) for mode in ("table", "analytic"))
    torch.testing.assert_close(table, formula, atol=0.2, rtol=0.01)
    assert not torch.equal(table, formula)


def test_mistakes_are_named(lysozyme):
    receptor, ligand, _ = lysozyme
    with pytest.raises(DataError, match=r"expected \(poses, 8, 3\)"):
        exact_score(receptor, ligand, torch.zeros(2, 7, 3))
    with pytest.raises(UsageError, match="no mode"):
        exact_score(receptor, ligand, torch.zeros(2, 8, 3), mode="fast")
    with pytest.raises(UsageError, match="no scoring function"):
        exact_score(receptor, ligand, torch.zeros(2, 8, 3), "chemscore")
