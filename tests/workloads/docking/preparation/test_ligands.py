"""Ligands of every format, their types and torsions, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from carried import crystal_complex, shared_files
from docking_examples import meeko_pdbqt
from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import prepare_ligand, read_ligand_pdbqt
from levinthal.workloads.docking.scoring import VINA_TYPES


def types_of(ligand) -> list[str]:
    return sorted(VINA_TYPES[kind] for kind in ligand.scored_types)


def test_smiles_become_a_molecule_in_space():
    aspirin = prepare_ligand("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
    assert aspirin.name == "aspirin"
    assert types_of(aspirin) == ["C_H"] * 6 + ["C_P"] * 3 + ["O_A"] * 3 + ["O_DA"]
    assert any("3-D structure made" in note for note in aspirin.notes)
    distances = np.linalg.norm(
        aspirin.coordinates_angstrom[[i for i, _ in aspirin.bonds]]
        - aspirin.coordinates_angstrom[[j for _, j in aspirin.bonds]],
        axis=1,
    )
    assert 0.9 < distances.min() < distances.max() < 1.8
    again = prepare_ligand("CC(=O)Oc1ccccc1C(=O)O")
    np.testing.assert_array_equal(again.coordinates_angstrom, aspirin.coordinates_angstrom)


@pytest.mark.parametrize(
    ("smiles", "torsions"),
    [("Cc1ccc(C)cc1", 0.0), ("CCCC", 1.0), ("CCCCC", 2.0), ("CCCCO", 2.5), ("c1ccccc1-c1ccccc1", 1.0)],
)
def test_torsions_count_as_in_vina(smiles, torsions):
    # CH3 turns nothing that meeko would turn; OH is a rotor whose far end has no other heavy neighbour
    assert prepare_ligand(smiles).n_torsions == torsions


def test_all_formats_agree(tmp_path):
    molecule = Chem.AddHs(Chem.MolFromSmiles("Cc1ccc(O)cc1"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    path = tmp_path / "cresol.sdf"
    path.write_text(Chem.MolToMolBlock(molecule) + "> <note>\nx\n\n$$$$\nnext\n")
    from_file, from_block = prepare_ligand(path), prepare_ligand(Chem.MolToMolBlock(molecule), name="cresol")
    assert from_file.notes == ()
    np.testing.assert_array_equal(from_file.coordinates_angstrom, from_block.coordinates_angstrom)
    assert types_of(from_file) == types_of(prepare_ligand("Cc1ccc(O)cc1"))
    places = molecule.GetConformer().GetPositions()[from_file.mol_block_atoms]
    np.testing.assert_allclose(from_file.source_coordinates_angstrom, places, atol=1e-4)
    assert [molecule.GetAtomWithIdx(int(k)).GetSymbol() for k in from_file.mol_block_atoms] == list(from_file.elements)


def test_a_crystal_ligand_of_each_format_is_the_same(tmp_path):
    sdf = crystal_complex()[1]
    (tmp_path / "ligand.pdbqt").write_text(meeko_pdbqt(prepare_ligand(sdf)))
    for of_sdf, of_pdbqt, n_torsions, n_heavy in (
        (sdf, tmp_path / "ligand.pdbqt", 6.5, 27),
        *((path, path.with_suffix(".pdbqt"), 7, 37) for path in shared_files("complexes/1iep/1iep_ligand.sdf")),
    ):
        one, other = prepare_ligand(of_sdf), read_ligand_pdbqt(of_pdbqt)
        assert one.n_torsions == other.n_torsions == n_torsions
        assert len(one.heavy_atoms) == len(other.heavy_atoms) == n_heavy
        np.testing.assert_allclose(one.centre_angstrom, other.centre_angstrom, atol=1e-3)
        carbons = [[name for name in types_of(each) if name.startswith("C")] for each in (one, other)]
        assert carbons[0] == carbons[1]


def test_mol2_with_sybyl_types():
    ligand = prepare_ligand(real_complex("t4-lysozyme-l99a-p-xylene")[1])
    assert types_of(ligand) == ["C_H"] * 8
    assert len(ligand.types) == 8  # no polar hydrogen
    assert ligand.mol_block.count(" H  ") == 10


def test_changes_are_noted(tmp_path):
    salt = prepare_ligand("[Na+].CC(=O)[O-]")
    assert "largest of 2 fragments taken (C2H3O2-), left out: Na+" in salt.warnings
    flat = Chem.MolFromSmiles("CCO")
    AllChem.Compute2DCoords(flat)
    drawn = prepare_ligand(Chem.MolToMolBlock(flat))
    assert any("hydrogens added" in note for note in drawn.notes)
    assert any("3-D structure made" in note for note in drawn.notes)
    heavy = Chem.RemoveHs(Chem.AddHs(flat))
    molecule = Chem.AddHs(heavy)
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    bare = prepare_ligand(Chem.MolToMolBlock(Chem.RemoveHs(molecule)))
    assert bare.warnings == ("6 hydrogens added that the file lacks; protonation as its charges say",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("c1cccc1", "kekulize"),
        ("CC(C)(C)(C)C", "atom 2: Explicit valence"),
        ("C[Se]C", "atom 2 is Se, for which Vina has no ligand type"),
        ("xyz", "cannot be read"),
        ("CC O", "one word"),
        ("", "one word"),
        ("C" * 2000, "at most 1000"),
        ("C" * 300, "more than 100"),
        ("[H][H]", "no heavy atom"),
        ("none.sdf", "No such file"),
    ],
)
def test_what_cannot_be_docked_is_named(source, message):
    with pytest.raises(DataError) as caught:
        prepare_ligand(source)
    assert message in str(caught.value)


def test_damaged_files_are_named(tmp_path):
    molecule = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    block = Chem.MolToMolBlock(molecule)
    lines = block.split("\n")
    for broken, message in (
        ("\n".join([*lines[:6], lines[6].replace(lines[6][:10], "99999.0000"), *lines[7:]]), "atom 3 is"),
        ("\n".join(lines[:8]), "cannot be read"),
        (block.replace(" O  ", " Xq "), "cannot be read|no ligand type"),
        (
            "\n".join([*lines[:5], lines[4], *lines[6:]]),
            "atoms 2 and 3 have one position|atoms 1 and 2 have one position",
        ),
    ):
        path = tmp_path / "broken.sdf"
        path.write_text(broken)
        with pytest.raises(DataError, match=message):
            prepare_ligand(path)
    path = tmp_path / "broken.mol2"
    path.write_text("no molecule")
    with pytest.raises(DataError, match="lacks @<TRIPOS>MOLECULE"):
        prepare_ligand(path)


def test_a_molecule_in_space_with_a_valence_that_does_not_fit_is_refused(tmp_path):
    molecule = Chem.AddHs(Chem.MolFromSmiles("Cc1ccc(C)cc1"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)  # in the plane RDKit counts the valence and names the atom
    lines = Chem.MolToMolBlock(molecule).splitlines()
    lines[4] = lines[4][:48] + "999" + lines[4][51:]
    (tmp_path / "odd.sdf").write_text("\n".join(lines) + "\n$$$$\n")
    with pytest.raises(DataError, match=r"odd.*valences make no sense"):
        prepare_ligand(tmp_path / "odd.sdf")
