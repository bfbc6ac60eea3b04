"""The two intermolecular checks against the package posebusters, pose by pose."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.workloads.docking.molecules.plausibility import check_pose

posebusters_distance = pytest.importorskip("posebusters.modules.intermolecular_distance")
posebusters_overlap = pytest.importorskip("posebusters.modules.volume_overlap")


def atoms(n: int, seed: int) -> Chem.Mol:
    """Return atoms on a loose lattice around the origin, which is left open, as a molecule of single atoms."""
    rng = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(*[np.arange(-9, 10, 3.4)] * 3), -1).reshape(-1, 3) + rng.normal(0, 0.3, (216, 3))
    places = lattice[np.linalg.norm(lattice, axis=1) > 4.5][:n]
    molecule = Chem.RWMol()
    for element in rng.choice(["C", "N", "O", "S"], len(places)):
        atom = Chem.Atom(str(element))
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    conformer = Chem.Conformer(len(places))
    conformer.SetPositions(places)
    molecule.AddConformer(conformer)
    return molecule.GetMol()


def symbols(molecule: Chem.Mol) -> list[str]:
    return [atom.GetSymbol() for atom in molecule.GetAtoms()]


@pytest.fixture(scope="module")
def ligand():
    molecule = Chem.AddHs(Chem.MolFromSmiles("Cc1ccc(O)cc1Cl"))
    assert AllChem.EmbedMolecule(molecule, randomSeed=3) == 0
    return molecule


@pytest.mark.parametrize("seed", range(8))
def test_the_checks_are_those_of_posebusters(ligand, seed):
    protein = atoms(200, seed)
    rng = np.random.default_rng(seed)
    pose = Chem.Mol(ligand)
    places = ligand.GetConformer().GetPositions() + rng.normal(0, 0.25 * seed, 3)
    pose.GetConformer().SetPositions(places)
    ours = check_pose(symbols(pose), places, symbols(protein), protein.GetConformer().GetPositions())
    distance = posebusters_distance.check_intermolecular_distance(pose, protein, clash_cutoff=0.75)["results"]
    overlap = posebusters_overlap.check_volume_overlap(pose, protein, clash_cutoff=0.075)["results"]
    assert ours.relative_distance == pytest.approx(distance["most_extreme_relative_distance"])
    assert ours.nearest_angstrom == pytest.approx(distance["smallest_distance"])
    assert ours.no_clash == distance["no_clashes"]
    expected = 0.0 if np.isnan(overlap["volume_overlap"]) else overlap["volume_overlap"]
    # the grid on which volumes are counted is placed by the hydrogens too, which we leave out
    assert ours.volume_overlap == pytest.approx(expected, abs=3e-3)
    assert abs(expected - 0.075) < 3e-3 or ours.no_overlap == overlap["no_volume_clash"]


def test_a_ligand_far_away_is_not_bound_and_one_inside_the_protein_is_a_clash(ligand):
    protein = atoms(200, 0)
    places, wall = ligand.GetConformer().GetPositions(), protein.GetConformer().GetPositions()
    assert not check_pose(symbols(ligand), places + 80.0, symbols(protein), wall).passed
    inside = check_pose(symbols(ligand), places - places[0] + wall[50] + 0.1, symbols(protein), wall)
    assert inside.relative_distance < 0.2
    assert not inside.passed
