"""Symmetry-corrected RMSD against RDKit's own, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem, rdMolAlign

from levinthal.workloads.docking.molecules.rmsd import automorphisms, symmetric_rmsd

SYMMETRIC = {
    "Cc1ccc(C)cc1": 4,  # p-xylene: two mirror axes in the plane
    "c1ccccc1": 12,
    "CC(C)(C)c1ccccc1": 12,  # three methyls in any order, and the ring's flip
    "CC(=O)[O-]": 2,  # the oxygens of a carboxylate are alike
    "CCO": 1,
}


def heavy_molecule(smiles: str, seed: int = 1):
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=seed) == 0
    molecule = Chem.RemoveHs(molecule)
    elements = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    return molecule, elements, bonds, molecule.GetConformer().GetPositions()


@pytest.mark.parametrize(("smiles", "count"), SYMMETRIC.items())
def test_symmetries_are_counted_and_keep_the_bonds(smiles, count):
    _, elements, bonds, _ = heavy_molecule(smiles)
    found = automorphisms(elements, bonds)
    assert len(found) == count
    edges = {frozenset(bond) for bond in bonds}
    for each in found:
        assert sorted(each) == list(range(len(elements)))
        assert {frozenset((int(each[i]), int(each[j]))) for i, j in bonds} == edges


@pytest.mark.parametrize("smiles", ["Cc1ccc(C)cc1", "CC(C)Cc1ccccc1", "O=C(N)c1ccccc1", "c1ccc2[nH]ccc2c1"])
def test_it_is_rdkits_rmsd_in_place(smiles):
    molecule, elements, bonds, places = heavy_molecule(smiles)
    symmetries = automorphisms(elements, bonds)
    rng = np.random.default_rng(0)
    poses = places + rng.normal(0, 1.5, (20, len(places), 3)) + rng.normal(0, 2, (20, 1, 3))
    ours = symmetric_rmsd(poses, places, symmetries)
    for pose, mine in zip(poses, ours, strict=True):
        other = Chem.Mol(molecule)
        other.GetConformer().SetPositions(pose)
        assert mine == pytest.approx(rdMolAlign.CalcRMS(other, molecule), abs=1e-6)


@given(st.integers(0, 2**31), st.sampled_from(list(SYMMETRIC)))
def test_relabelling_moves_nothing_and_a_shift_is_its_length(seed, smiles):
    _, elements, bonds, places = heavy_molecule(smiles)
    symmetries = automorphisms(elements, bonds)
    rng = np.random.default_rng(seed)
    relabelled = places[symmetries[rng.integers(len(symmetries))]]
    assert symmetric_rmsd(relabelled, places, symmetries)[0] == pytest.approx(0.0, abs=1e-6)
    shift = rng.normal(0, 30.0, 3)  # far enough that no exchange of atoms can pay
    far = symmetric_rmsd(places + 10 * shift, places, symmetries[:1])[0]
    assert far == pytest.approx(10 * np.linalg.norm(shift), rel=1e-9)
    pose = places + rng.normal(0, 2.0, places.shape)
    assert symmetric_rmsd(pose, places, symmetries)[0] <= symmetric_rmsd(pose, places, symmetries[:1])[0] + 1e-9


def test_a_molecule_of_one_atom_and_one_without_bonds():
    assert automorphisms(["C"], []).tolist() == [[0]]
    assert len(automorphisms(["C", "C"], [])) == 2
