"""A prepared ligand is the molecule of its source: stereochemistry, charge, hydrogens, and a structure in space."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.stereo import dihedral_degrees, lost_stereo, stereo_of

# MMFF94 alone turns a fifth of these round, those with tert-butyl above all.
AZO = ("C", "C(C)C", "C(C)(C)C", "C(C)(C)C#N", "c1ccc(O)cc1", "c1ccc(S(=O)(=O)N)cc1", "c1c(C)cccc1C")
STEREO = (
    "CC(C)C[C@H](NC(=O)[C@@H](N)Cc1ccccc1)C(=O)O",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "CC/C(=C(\\c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "C/C(=N\\O)c1ccccc1",
    "O[C@@H]1CC[C@H](O)CC1",
    "O[C@@H]1CC[C@@H](O)CC1",
    "C[S@](=O)c1ccccc1",
    "F/C=C\\C=C/F",
    "C1CC/C=C/CCC1",
)


def canonical(block: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromMolBlock(block))


@pytest.mark.parametrize("smiles", [f"N(/{a})=N/{b}" for a, b in itertools.combinations_with_replacement(AZO, 2)])
def test_cis_azo_compounds_stay_cis(smiles):
    assert canonical(prepare_ligand(smiles).mol_block) == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize("smiles", STEREO)
def test_stereochemistry_survives_from_smiles_drawings_and_structures(smiles):
    expected = Chem.CanonSmiles(smiles)
    made = prepare_ligand(smiles)
    assert canonical(made.mol_block) == expected
    assert not any("not specified" in words for words in made.warnings)
    flat = Chem.MolFromSmiles(smiles)
    AllChem.Compute2DCoords(flat)
    assert canonical(prepare_ligand(Chem.MolToMolBlock(flat)).mol_block) == Chem.MolToSmiles(
        Chem.MolFromMolBlock(Chem.MolToMolBlock(flat))
    )
    heavy = Chem.MolToMolBlock(Chem.MolFromMolBlock(made.mol_block))
    again = prepare_ligand(heavy)
    assert canonical(again.mol_block) == expected
    assert again.placed


@pytest.mark.parametrize("smiles", STEREO[:3])
def test_a_mirror_image_is_noticed_at_every_centre(smiles):
    molecule = Chem.MolFromMolBlock(prepare_ligand(smiles).mol_block, removeHs=False)
    wanted = stereo_of(Chem.MolFromSmiles(smiles))
    assert lost_stereo(wanted, molecule) == []
    places = molecule.GetConformer().GetPositions() * [-1.0, 1.0, 1.0]
    molecule.GetConformer().SetPositions(places)
    assert len(lost_stereo(wanted, molecule)) == len(wanted.centres)


def test_a_turned_double_bond_is_noticed():
    molecule = Chem.MolFromMolBlock(prepare_ligand("C/C=C\\C").mol_block, removeHs=False)
    assert lost_stereo(stereo_of(Chem.MolFromSmiles("C/C=C/C")), molecule) == ["C2=C3 became cis"]
    right_angle = np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1]], float)
    assert abs(dihedral_degrees(right_angle)) == pytest.approx(90)


def test_what_a_source_leaves_open_is_told():
    assert any("C2 is not specified" in words for words in prepare_ligand("CC(O)F").warnings)
    assert prepare_ligand("CC(O)C").warnings == ()


@pytest.mark.parametrize(
    "smiles", ["CC(=O)[O-]", "C[NH3+]", "NC(=[NH2+])c1ccccc1", "C[N+](C)(C)CC(=O)[O-]", "C[n+]1ccccc1"]
)
def test_charges_are_those_of_the_source(smiles):
    ligand = prepare_ligand(smiles)
    assert canonical(ligand.mol_block) == Chem.CanonSmiles(smiles)
    salted = prepare_ligand(f"{smiles}.[Na+].[Cl-]")
    assert canonical(salted.mol_block) == Chem.CanonSmiles(smiles)
    assert any("left out: Cl-, Na+" in words for words in salted.warnings)


def drawing(smiles: str, header: str, wobble: float) -> str:
    """Return a drawing under a header of its own, its heights off by as much as `wobble` A."""
    molecule = Chem.MolFromSmiles(smiles)
    AllChem.Compute2DCoords(molecule)
    lines = Chem.MolToMolBlock(molecule).split("\n")
    heights = np.random.default_rng(0).uniform(-wobble, wobble, molecule.GetNumAtoms())
    lines[1] = lines[1][:20] + header
    for k, z in enumerate(heights, 4):
        lines[k] = f"{lines[k][:20]}{z:10.4f}{lines[k][30:]}"
    return "\n".join(lines)


@pytest.mark.parametrize("header", ["3D", "2D", "  "])
@pytest.mark.parametrize(
    ("smiles", "wobble"),
    [
        ("CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1", 0.0),
        ("CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1", 0.1),
        ("C/C=C\\C(=O)O", 0.0),
        ("C/C=C\\C(=O)O", 0.1),
        ("OCCCCCC", 0.0),
    ],
)
def test_drawings_are_given_a_structure_whatever_their_header_says(smiles, header, wobble):
    ligand = prepare_ligand(drawing(smiles, header, wobble))
    assert not ligand.placed
    assert canonical(ligand.mol_block) == Chem.CanonSmiles(smiles)
    assert any("flat drawing" in words for words in ligand.warnings)


def test_flat_molecules_in_space_stay_where_they_are():
    for smiles in ("c1ccc2ccccc2c1", "Cc1ccccc1", "O=C=O", "CO"):
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        AllChem.EmbedMolecule(molecule, randomSeed=1)
        for block in (Chem.MolToMolBlock(molecule), Chem.MolToMolBlock(Chem.RemoveHs(molecule))):
            ligand = prepare_ligand(block)
            assert ligand.placed
            assert not any("flat" in words for words in ligand.warnings)


def test_missing_bond_orders_and_other_units_are_refused():
    toluene = Chem.AddHs(Chem.MolFromSmiles("Cc1ccc(CC)cc1"))
    AllChem.EmbedMolecule(toluene, randomSeed=1)
    bare = Chem.RWMol(Chem.RemoveHs(toluene))
    Chem.Kekulize(bare, clearAromaticFlags=True)
    for bond in bare.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
    with pytest.raises(DataError, match="6 single bonds of its rings are as short as aromatic ones"):
        prepare_ligand(Chem.MolToMolBlock(bare.GetMol()))
    toluene.GetConformer().SetPositions(toluene.GetConformer().GetPositions() * 10.0)
    with pytest.raises(DataError, match="the bond between C1 and C2 is 1"):
        prepare_ligand(Chem.MolToMolBlock(toluene))
