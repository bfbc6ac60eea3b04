"""Maps against exact scores at their nodes, the compiled loops against torch, gradients against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.molecules.molecule import Box, Ligand
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import (
    VINA_TYPES,
    GridMaps,
    build_grids,
    exact_score,
    score_and_gradient,
    score_atoms,
    score_poses,
)
from levinthal.workloads.docking.scoring import grids as grids_module


@pytest.fixture(scope="module")
def maps(lysozyme, drug) -> GridMaps:
    """Return maps of two conformations, the second shifted by 1 A."""
    receptor, _, box = lysozyme
    shifted = receptor.in_conformation(receptor.coordinates_angstrom + np.array([1.0, 0.0, 0.0]), energy_kcal_mol=2.5)
    return build_grids([receptor, shifted], drug.scored_types, box)


def random_poses(maps: GridMaps, count: int, dtype=torch.float32) -> Poses:
    return Poses.random(count, maps.box, torch.Generator().manual_seed(count), dtype=dtype)


def probe(kind: int) -> Ligand:
    return Ligand(
        name="probe", coordinates_angstrom=np.zeros((1, 3)), centre_angstrom=np.zeros(3), elements=("C",),
        types=("C",), atom_names=("C",), vina_types=np.array([kind], np.int8), bonds=(), n_torsions=0.0,
    )  # fmt: skip


def nodes_of(maps: GridMaps, index: np.ndarray) -> np.ndarray:
    return np.array(maps.low_angstrom) + maps.spacing_angstrom * index


@pytest.mark.parametrize("function", ["vina", "vinardo"])
def test_nodes_hold_exact_scores(lysozyme, function):
    receptor, _, box = lysozyme
    kinds = [VINA_TYPES.index(name) for name in ("O_DA", "C_H", "Met_D")]
    maps = build_grids(receptor, kinds, box, function, curl=10.0)
    index = np.random.default_rng(0).integers(0, maps.energies_kcal_mol.shape[2:], (300, 3))
    for place, kind in enumerate(maps.types):
        places = torch.tensor(nodes_of(maps, index))[:, None]
        expected = exact_score(receptor, probe(kind), places, function, curl=10.0)
        found = maps.energies_kcal_mol[0, place][tuple(torch.tensor(index).T)].double()
        # squared distances in float32 may fall into the next bin of the table
        torch.testing.assert_close(found, expected, atol=0.03, rtol=0)
        assert (found - expected).abs().median() < 1e-3


def test_torch_makes_the_same_maps(lysozyme, drug, maps):
    receptor, _, _ = lysozyme
    _, _, nx, ny, nz = maps.energies_kcal_mol.shape
    scored = receptor.vina_types >= 0
    atoms = receptor.coordinates_angstrom[scored], receptor.vina_types[scored].astype(np.int64)
    nodes = grids_module._Nodes(maps.low_angstrom, maps.spacing_angstrom, (3, ny, nz))
    by_planes = grids_module._maps_by_planes(atoms, maps.types, nodes, "vina", torch.device("cpu"))
    bent = grids_module.soften(by_planes, maps.curl)
    torch.testing.assert_close(bent, maps.energies_kcal_mol[0, :, :3], atol=0.03, rtol=0)
    assert (bent - maps.energies_kcal_mol[0, :, :3]).abs().mean() < 1e-4
    assert nx > 3


def test_more_types_than_lanes(lysozyme):
    receptor, _, _ = lysozyme
    box = Box((42.0, 45.0, 18.0), (3.0, 3.0, 3.0))
    every = build_grids(receptor, range(len(VINA_TYPES)), box)
    assert every.energies_kcal_mol.shape[:2] == (1, len(VINA_TYPES))
    some = build_grids(receptor, [3, 17, -1, 3], box)
    assert some.types == (3, 17)
    torch.testing.assert_close(some.energies_kcal_mol[0], every.energies_kcal_mol[0, [3, 17]])


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1003, 4096])
def test_the_compiled_loops_agree_with_torch(maps, drug, count):
    poses = random_poses(maps, count)
    conformation = torch.arange(count) % 2
    found = score_and_gradient(maps, drug, poses, conformation)
    expected = score_and_gradient(maps, drug, poses.to(torch.float64), conformation, method="torch")
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == torch.float32
        close = torch.isclose(ours.double(), theirs, atol=0.03, rtol=1e-4)
        # in float32 an atom at a cell's wall may fall into the next one, which has another slope
        assert (~close).sum() <= count // 1000
    # 19 atoms, each off by at most 1e-4 kcal/mol
    assert torch.allclose(found.energies_kcal_mol.double(), expected.energies_kcal_mol, atol=1.9e-3, rtol=1e-5)
    torch.testing.assert_close(score_poses(maps, drug, poses, conformation), found.energies_kcal_mol)


def test_atoms_sum_to_the_ligand(maps, drug):
    poses = random_poses(maps, 50)
    atoms = score_atoms(maps, drug, poses, 1)
    whole = score_and_gradient(maps, drug, poses, 1)
    torch.testing.assert_close(atoms.energies_kcal_mol.sum(dim=1), whole.energies_kcal_mol, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(atoms.forces.sum(dim=1), whole.forces, atol=1e-2, rtol=1e-4)
    arms = poses.coordinates(torch.tensor(drug.scored_template_angstrom, dtype=torch.float32))
    turning = torch.linalg.cross(arms - poses.centres_angstrom[:, None], atoms.forces).sum(dim=1)
    torch.testing.assert_close(turning, whole.torques, atol=2e-2, rtol=1e-4)
    plain = score_atoms(maps, drug, poses.to(torch.float64), 1)
    torch.testing.assert_close(atoms.energies_kcal_mol.double(), plain.energies_kcal_mol, atol=2e-3, rtol=1e-4)


def test_gradients_are_finite_differences(maps, drug):
    inside = Poses.random(200, maps.box, torch.Generator().manual_seed(2), margin_angstrom=5.0, dtype=torch.float64)
    score = score_and_gradient(maps, drug, inside)
    step, zero = 1e-6, torch.zeros(200, 3, dtype=torch.float64)
    for axis in range(3):
        unit = zero.clone()
        unit[:, axis] = step
        for moves, found in (((unit, zero), score.forces), ((zero, unit), score.torques)):
            ahead, behind = (
                score_poses(maps, drug, inside.moved_outside(sign * moves[0], sign * moves[1])) for sign in (1, -1)
            )
            expected = -(ahead - behind) / (2 * step)
            close = (found[:, axis] - expected).abs() <= 1e-4 * (1 + torch.linalg.vector_norm(found, dim=-1))
            # an atom within a step of a cell's wall has two slopes
            assert close.double().mean() > 0.99


def test_conformations_are_kept_apart(lysozyme, drug, maps):
    receptor, _, _ = lysozyme
    poses = random_poses(maps, 40)
    alone = build_grids(receptor, drug.scored_types, maps.box)
    torch.testing.assert_close(score_poses(maps, drug, poses, 0), score_poses(alone, drug, poses), atol=2e-3, rtol=1e-4)
    # whoever moves with the shifted receptor sees what he saw before; the box is cut elsewhere
    inside = Poses.random(40, maps.box, torch.Generator().manual_seed(3), margin_angstrom=6.0)
    moved = Poses(inside.quaternions, inside.centres_angstrom + torch.tensor([1.0, 0, 0]))
    first, second = score_poses(maps, drug, inside, 0), score_poses(maps, drug, moved, 1)
    assert (first - second).abs().median() < 0.3 * first.std()
    assert maps.receptor_energies_kcal_mol.tolist() == [0.0, 2.5]


def test_outside_the_maps_atoms_pay_by_distance(maps):
    kind = maps.types[0]
    low = torch.tensor(maps.low_angstrom)
    centre = torch.tensor(maps.box.centre_angstrom, dtype=torch.float32)
    edge, beyond = centre.clone(), centre.clone()
    edge[0], beyond[0] = low[0], low[0] - 3
    for method in ("kernels", "torch"):
        score = score_and_gradient(maps, probe(kind), Poses.unturned(torch.stack((edge, beyond))), method=method)
        difference = score.energies_kcal_mol[1] - score.energies_kcal_mol[0]
        assert float(difference) == pytest.approx(3 * maps.outside_slope, rel=1e-3)
        assert float(score.forces[1, 0]) == pytest.approx(maps.outside_slope, rel=1e-5)


def test_poses_that_are_no_numbers_have_no_energy(maps, drug):
    poses = random_poses(maps, 9)
    broken = replace(poses, centres_angstrom=poses.centres_angstrom.clone())
    broken.centres_angstrom[3] = float("nan")
    broken.centres_angstrom[5] = float("inf")
    broken.centres_angstrom[6] = -1e30
    found = score_poses(maps, drug, broken)
    whole = [k for k in range(9) if k not in (3, 5, 6)]
    torch.testing.assert_close(found[whole], score_poses(maps, drug, poses)[whole])
    assert not (found[[3, 5, 6]] < 1e6).any()


def test_mistakes_are_named(lysozyme, maps, drug):
    receptor, _, box = lysozyme
    poses = random_poses(maps, 3)
    lonely = build_grids(receptor, [0], Box((42.0, 45.0, 18.0), (3.0, 3.0, 3.0)))
    with pytest.raises(DataError, match="lack the types"):
        score_poses(lonely, drug, poses)
    with pytest.raises(DataError, match="they have 2"):
        score_poses(maps, drug, poses, [0, 1, 2])
    with pytest.raises(DataError, match="one for each"):
        score_poses(maps, drug, poses, [0, 1])
    with pytest.raises(UsageError, match="no method"):
        score_poses(maps, drug, poses, method="fast")
    with pytest.raises(DataError, match="at least one"):
        build_grids([], [0], box)
    with pytest.raises(DataError, match="do not fit"):
        build_grids(receptor, [0], Box((0.0, 0.0, 0.0), (120.0, 120.0, 120.0)), spacing_angstrom=0.1)
    with pytest.raises(DataError, match="above 0"):
        build_grids(receptor, [0], box, spacing_angstrom=0.0)
