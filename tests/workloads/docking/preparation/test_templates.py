"""Bond orders of PDBQT ligands from a template; without one the poses are marked."""

from __future__ import annotations

import numpy as np
import pytest
from meeko import MoleculePreparation, PDBQTWriterLegacy
from rdkit import Chem
from rdkit.Chem import AllChem

from carried import crystal_complex, shared_files
from docking_examples import meeko_pdbqt
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.pose_files import pose_record
from levinthal.workloads.docking.preparation import prepare_ligand

CRYSTAL = {
    "1iep": ("1iep_ligand", "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(n1)-c1cccnc1"),
    "1kzk": ("1kzk-je2", "CC1(C)SCN(C1C(=O)NCc1ccccc1C)C(=O)C(O)C(Cc1ccccc1)NC(=O)c1cccc(O)c1C"),
    "1oyt": ("1oyt-fsn", "NC(=N)c1ccc(cc1)C1C2C(C3CCCN13)C(=O)N(Cc1ccc(F)cc1)C2=O"),
    "1w2g": ("1w2g-thm", "Cc1cn([C@H]2C[C@H](O)[C@@H](CO)O2)c(=O)[nH]c1=O"),
    "2br1": ("2br1-pfp", "COc1ccc(cc1)-c1oc2ncnc(NCCO)c2c1-c1ccc(OC)cc1"),
}


def pdbqt_of(smiles: str, *, remarks: bool) -> tuple[str, str]:
    """Return a PDBQT file of meeko's, with or without the SMILES that it leaves in it, and the isomeric SMILES."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(molecule, randomSeed=7)
    (setup,) = MoleculePreparation(rigid_macrocycles=True).prepare(molecule)
    text = PDBQTWriterLegacy.write_string(setup)[0]
    lines = [line for line in text.split("\n") if remarks or not line.startswith("REMARK")]
    return "\n".join(lines), Chem.MolToSmiles(Chem.RemoveHs(molecule))


def canonical(block: str) -> str:
    return Chem.MolToSmiles(Chem.MolFromMolBlock(block))


@pytest.mark.parametrize("given", ["template", "remark"])
@pytest.mark.parametrize(
    "smiles",
    ["NC(=[NH2+])c1ccccc1", "CC(=O)[O-]", "C[C@H]([NH3+])C(=O)[O-]", "O=c1cc[nH]cc1", "C/C=C\\CO", "Cc1c[nH]cn1",
     "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O", "CS(=O)(=O)Nc1ccc([N+](=O)[O-])cc1"],
)  # fmt: skip
def test_bond_orders_charges_and_hydrogens_come_back(tmp_path, smiles, given):
    text, isomer = pdbqt_of(smiles, remarks=given == "remark")
    (tmp_path / "x.pdbqt").write_text(text)
    plain = prepare_ligand(tmp_path / "x.pdbqt")
    ligand = prepare_ligand(tmp_path / "x.pdbqt", template=smiles if given == "template" else "")
    assert canonical(ligand.mol_block) == isomer
    assert ligand.has_bond_orders
    assert ligand.warnings == ()
    assert ligand.types == plain.types
    assert (ligand.vina_types == plain.vina_types).all()
    places = Chem.MolFromMolBlock(ligand.mol_block, removeHs=False).GetConformer().GetPositions()
    np.testing.assert_allclose(places[ligand.mol_block_atoms], ligand.source_coordinates_angstrom, atol=1e-3)


def test_of_the_poses_of_a_docking_program_the_first_is_taken_with_its_bond_orders(tmp_path):
    text, isomer = pdbqt_of("CC(=O)Nc1ccc(O)cc1", remarks=True)
    (tmp_path / "x.pdbqt").write_text("".join(f"MODEL {k}\n{text}ENDMDL\n" for k in (1, 2, 3)))
    ligand = prepare_ligand(tmp_path / "x.pdbqt")
    assert canonical(ligand.mol_block) == isomer
    assert ligand.warnings == ("model 1 of 3 taken",)
    (tmp_path / "y.pdbqt").write_text(f"{text}{text}")
    with pytest.raises(DataError, match="a second ROOT begins another ligand"):
        prepare_ligand(tmp_path / "y.pdbqt")


def test_without_a_template_poses_are_marked(tmp_path):
    text, _ = pdbqt_of("C[NH+]1CCN(Cc2ccccc2)CC1", remarks=False)
    (tmp_path / "x.pdbqt").write_text(text)
    ligand = prepare_ligand(tmp_path / "x.pdbqt")
    assert not ligand.has_bond_orders
    assert "set template=SMILES" in ligand.warnings[0]
    record = pose_record(ligand, ligand.source_coordinates_angstrom, "x", {"rank": 1})
    supplier = Chem.SDMolSupplier()
    supplier.SetData(record)
    (molecule,) = supplier  # opens, although a nitrogen has four bonds
    assert molecule.GetProp("bond_orders").startswith("not known")


@pytest.mark.parametrize(
    ("smiles", "template", "message"),
    [
        ("CCO", "CCN", "template is another molecule"),
        ("CCO", "CCCO", "template is another molecule \\(4 heavy atoms and 3 bonds, 3 and 2 in the file\\)"),
        ("CCO", "C1CC", "template cannot be read"),
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "another stereoisomer than template"),
        ("C/C=C\\CO", "C/C=C/CO", "another stereoisomer than template \\(C2=C3 became cis\\)"),
        ("Oc1ccncc1", "O=c1cc[nH]cc1", "another tautomer"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(tmp_path, smiles, template, message):
    (tmp_path / "x.pdbqt").write_text(pdbqt_of(smiles, remarks=False)[0])
    with pytest.raises(DataError, match=message):
        prepare_ligand(tmp_path / "x.pdbqt", template=template)
    with pytest.raises(DataError, match="leave template out"):
        prepare_ligand(smiles, template=template)


def test_the_protonation_of_the_file_is_kept(tmp_path):
    (tmp_path / "x.pdbqt").write_text(pdbqt_of("C[NH+](C)CC(=O)[O-]", remarks=False)[0])
    ligand = prepare_ligand(tmp_path / "x.pdbqt", template="CN(C)CC(=O)[O-]")
    assert canonical(ligand.mol_block) == Chem.CanonSmiles("C[NH+](C)CC(=O)[O-]")
    assert "at N2 than the file, whose protonation is kept (charge +0)" in ligand.warnings[0]


def test_crystal_ligands_are_the_drugs_that_they_are(tmp_path):
    sdf = crystal_complex()[1]
    bare = [line for line in meeko_pdbqt(prepare_ligand(sdf)).split("\n") if not line.startswith("REMARK")]
    (tmp_path / "1s3v.pdbqt").write_text("\n".join(bare))
    cases = [("1s3v", tmp_path / "1s3v.pdbqt", Chem.MolToSmiles(Chem.MolFromMolFile(str(sdf))))]
    for code, (name, smiles) in CRYSTAL.items():
        cases += [(code, path, smiles) for path in shared_files(f"complexes/{code}/{name}.pdbqt")]
    for code, path, smiles in cases:
        ligand = prepare_ligand(path, template=smiles)
        neutral = Chem.MolFromSmiles(smiles)
        made = Chem.MolFromMolBlock(ligand.mol_block)
        assert made.GetSubstructMatch(neutral) or code in ("1w2g", "1oyt")  # protonated otherwise, which is told
        assert made.GetNumHeavyAtoms() == neutral.GetNumHeavyAtoms()
        rings = [sum(atom.GetIsAromatic() for atom in each.GetAtoms()) for each in (made, neutral)]
        assert rings[0] == rings[1]
