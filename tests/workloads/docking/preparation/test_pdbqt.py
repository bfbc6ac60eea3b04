"""PDBQT in and out, Vina's types by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import (
    ligand_to_pdbqt,
    read_ligand_pdbqt,
    read_receptor_pdbqt,
    receptor_to_pdbqt,
)
from levinthal.workloads.docking.preparation.pdbqt import ligand_from_pdbqt, receptor_from_pdbqt
from levinthal.workloads.docking.scoring import VINA_TYPES

ETHANOL = """\
REMARK ethanol
ROOT
ATOM      1  C1  LIG L   1       0.000   0.000   0.000  1.00  0.00     0.000 C
ENDROOT
BRANCH   1   2
ATOM      2  C2  LIG L   1       1.500   0.000   0.000  1.00  0.00     0.000 C
BRANCH   2   3
ATOM      3  O3  LIG L   1       2.000   1.350   0.000  1.00  0.00     0.000 OA
ATOM      4  H4  LIG L   1       2.950   1.350   0.000  1.00  0.00     0.000 HD
ENDBRANCH   2   3
ENDBRANCH   1   2
TORSDOF 1
"""


def test_a_ligand_by_hand():
    ligand = ligand_from_pdbqt(ETHANOL, "ethanol")
    assert [VINA_TYPES[kind] for kind in ligand.scored_types] == ["C_H", "C_P", "O_DA"]
    assert ligand.vina_types[3] == -1
    assert ligand.bonds == ((0, 1), (1, 2), (2, 3))
    # C2-O3 turns OH alone, C1-C2 turns CH3 alone: each counts half
    assert ligand.n_torsions == 1.0
    np.testing.assert_allclose(ligand.scored_template_angstrom.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(ligand.source_coordinates_angstrom[3], [2.95, 1.35, 0])
    molecule = Chem.MolFromMolBlock(ligand.mol_block, removeHs=False)
    np.testing.assert_allclose(molecule.GetConformer().GetPositions(), ligand.source_coordinates_angstrom)
    assert [atom.GetSymbol() for atom in molecule.GetAtoms()] == list(ligand.elements)


def test_a_written_ligand_is_read_again_as_rigid():
    ligand = ligand_from_pdbqt(ETHANOL, "ethanol")
    again = ligand_from_pdbqt(ligand_to_pdbqt(ligand), "ethanol")
    assert again.n_torsions == 0
    assert again.types == ligand.types
    assert again.atom_names == ligand.atom_names
    np.testing.assert_allclose(again.source_coordinates_angstrom, ligand.source_coordinates_angstrom, atol=1e-3)


def test_a_written_receptor_is_read_again(lysozyme):
    receptor, _, _ = lysozyme
    again = receptor_from_pdbqt(receptor_to_pdbqt(receptor), receptor.name)
    assert again.types == receptor.types
    assert again.residues == receptor.residues
    assert (again.vina_types == receptor.vina_types).all()
    np.testing.assert_allclose(again.coordinates_angstrom, receptor.coordinates_angstrom, atol=1e-3)


def test_waters_and_flexible_residues_are_put_back(lysozyme, tmp_path):
    receptor, _, _ = lysozyme
    lines = receptor_to_pdbqt(receptor).splitlines()
    flexible = [
        line for line in lines if line[17:26] == "THR -  21" and line[12:16].strip() not in ("N", "H", "C", "O")
    ]
    assert len(flexible) > 3
    water = "ATOM      1  O   HOH W{0:4d}    {0:8.3f}   0.000   0.000  1.00  0.00    -0.411 OA"
    rigid, flex = tmp_path / "rigid.pdbqt", tmp_path / "flex.pdbqt"
    rigid.write_text(
        "\n".join([*(line for line in lines if line not in flexible), water.format(1), water.format(2), ""])
    )
    tree = ["ROOT", flexible[0], "ENDROOT", "BRANCH   1   2", *flexible[1:], "ENDBRANCH   1   2"]
    flex.write_text("\n".join(["BEGIN_RES THR -  21", *tree, "END_RES THR -  21", ""]))
    without, whole = read_receptor_pdbqt(rigid), read_receptor_pdbqt(rigid, flex)
    assert len(whole.types) - len(without.types) == len(flexible)
    assert "2 waters kept, as in the file" in whole.notes
    assert "flexible residues put back: THR - 21" in whole.notes
    kinds = dict(zip(zip(whole.residues, whole.atom_names, strict=True), whole.vina_types, strict=True))
    asked = zip(zip(receptor.residues, receptor.atom_names, strict=True), receptor.vina_types, strict=True)
    assert [kinds[atom] for atom, _ in asked] == list(receptor.vina_types)


def test_the_shared_complexes_are_read(shared_data):
    folder = shared_data / "complexes"
    sizes = {path.stem: len(read_receptor_pdbqt(path).types) for path in folder.glob("*/*receptor.pdbqt")}
    assert sizes == {
        "1iep_receptor": 2702, "1kzk-receptor": 1936, "1oyt-receptor": 2807, "1w2g-receptor": 3557,
        "2br1-receptor": 2717,
    }  # fmt: skip
    water = read_receptor_pdbqt(folder / "1kzk" / "1kzk-receptor.pdbqt")
    assert any("2 waters kept" in note for note in water.notes)
    rigid, flexible = (folder / "1iep" / f"1fpu_receptor_{part}.pdbqt" for part in ("rigid", "flex"))
    whole = read_receptor_pdbqt(rigid, flexible)
    assert "flexible residues put back: THR A 315" in whole.notes
    assert sum(residue == "THR A 315" for residue in whole.residues) > sum(
        residue == "THR A 315" for residue in read_receptor_pdbqt(rigid).residues
    )
    heavy = {path.stem: len(read_ligand_pdbqt(path).heavy_atoms) for path in folder.glob("*/*-???.pdbqt")}
    assert heavy == {"1kzk-je2": 41, "1oyt-fsn": 30, "1w2g-thm": 17, "2br1-pfp": 29}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("   2.000   1.350", "   x.000   1.350", "line 8: atom O3 of LIG L 1: ' x.000' in columns 31 to 38"),
        ("   2.000   1.350", "     nan   1.350", "is not a coordinate"),
        ("   2.000   1.350", "99999999   1.350", "is not a coordinate"),
        (" OA\n", " Qq\n", "line 8: atom O3 of LIG L 1: 'Qq' in column 78 is not an AutoDock type"),
        ("ENDBRANCH   1   2\n", "", "BRANCH 1 2 is never closed"),
        ("BRANCH   2   3\nATOM", "BRANCH   2   y\nATOM", "BRANCH needs the numbers"),
        ("ROOT\n", "PASTE\n", "line 2: 'PASTE' is not a record"),
        ("ENDROOT\n", "ENDBRANCH 1 2\n", "closes no branch"),
    ],
)
def test_damage_is_named(old, new, message):
    with pytest.raises(DataError) as caught:
        ligand_from_pdbqt(ETHANOL.replace(old, new, 1), "ethanol")
    assert message in str(caught.value)


def test_files_that_hold_nothing(tmp_path):
    for text, message in (("", "is empty"), ("REMARK\n", "holds no atoms")):
        path = tmp_path / "receptor.pdbqt"
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_receptor_pdbqt(path)
    with pytest.raises(DataError, match="No such file"):
        read_ligand_pdbqt(tmp_path / "none.pdbqt")
