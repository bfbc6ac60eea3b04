"""What a ligand or a library is given as: files, archives, records and SMILES, told apart before they are read."""

from __future__ import annotations

import gzip

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import pocket_box, prepare_ligand
from levinthal.workloads.docking.preparation.library import prepare_library, read_library
from levinthal.workloads.docking.preparation.sources import names_file


def block_of(smiles: str, name: str = "") -> str:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    molecule.SetProp("_Name", name)
    return Chem.MolToMolBlock(molecule)


def mol2_of(title: str, x: float = 0.0) -> str:
    """Return a carbon dioxide."""
    atoms = [("C", x, "C.1"), ("O", x + 1.16, "O.2"), ("O", x - 1.16, "O.2")]
    lines = [f"{k} {e}{k} {place:.3f} 0.0 0.0 {kind} 1 LIG 0.0" for k, (e, place, kind) in enumerate(atoms, 1)]
    head = ["# a comment", "@<TRIPOS>MOLECULE", title, " 3 2 0 0 0", "SMALL", "NO_CHARGES", "", "@<TRIPOS>ATOM"]
    return "\n".join([*head, *lines, "@<TRIPOS>BOND", "1 1 2 2", "2 1 3 2", ""])


@pytest.mark.parametrize("smiles", ["CCO", "C/C=C/C", "CC.Cl", "[Na+].[Cl-]", "C/N=N\\C", "O=C(O)c1ccccc1"])
def test_smiles_are_not_files(smiles):
    assert not names_file(smiles)


@pytest.mark.parametrize("name", ["a.sdf", "x/y.MOL2", "c.sdf.gz", "lib.smi.gz", "x.cif", "p.pdb", "t.csv", "z.tar.gz"])
def test_names_of_files_are_never_smiles(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names_file(name)
    with pytest.raises(DataError) as caught:
        prepare_ligand(name)
    assert "SMILES" in str(caught.value) or "No such file" in str(caught.value)
    assert "cannot be read as SMILES" not in str(caught.value)


def test_a_file_that_is_there_is_a_file_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CCO").write_text(block_of("CCC"))
    assert len(prepare_ligand("CCO").heavy_atoms) == 3
    assert prepare_ligand("CCO").elements == ("C",) * 3
    (tmp_path / "odd.dat").write_text(
        "ATOM      1  C1  LIG A   1       0.000   0.000   0.000  1.00  0.00           C\n"
    )
    for name in ("odd.dat", "odd.pdb"):
        (tmp_path / name).write_text((tmp_path / "odd.dat").read_text())
        with pytest.raises(DataError, match="a PDB file has no bond orders: give SDF, MOL2, PDBQT or SMILES"):
            prepare_ligand(name)
    (tmp_path / "wrong.sdf").write_text(mol2_of("co2"))
    with pytest.raises(DataError, match=r"called \.sdf and holds MOL2"):
        prepare_ligand("wrong.sdf")


def test_archives_are_opened_and_damaged_ones_named(tmp_path):
    path = tmp_path / "ethanol.sdf.gz"
    path.write_bytes(gzip.compress(block_of("CCO").replace("\n", "\r\n").encode()))
    ligand = prepare_ligand(path)
    assert (ligand.name, len(ligand.heavy_atoms), ligand.warnings) == ("ethanol", 3, ())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged gzip"):
        prepare_ligand(path)
    library = tmp_path / "library.smi.gz"
    library.write_bytes(gzip.compress("\ufeffCCO ethanol\r\nCCC propane\r\n".encode()))
    assert [entry.name for entry in read_library(str(library)).entries] == ["ethanol", "propane"]


def test_of_several_molecules_the_first_is_taken_and_told(tmp_path):
    records = [block_of("CCO", "ethanol"), block_of("CCC", "propane"), block_of("CO", "methanol")]
    told = ("first of 3 molecules taken; ligands=FILE screens all",)
    (tmp_path / "three.sdf").write_text("$$$$  \n".join(records))
    assert prepare_ligand(tmp_path / "three.sdf").warnings == told
    (tmp_path / "three.mol2").write_text("".join(mol2_of(f"m{k}") for k in range(3)))
    assert prepare_ligand(tmp_path / "three.mol2").warnings[:1] == told
    (tmp_path / "three.smi").write_text("smiles name\nCCO one\nCCC two\nCO three\n")
    of_table = prepare_ligand(tmp_path / "three.smi")
    assert (of_table.name, of_table.warnings, of_table.placed) == ("one", told, False)
    (tmp_path / "joined.sdf").write_text(records[0] + records[1])
    with pytest.raises(DataError, match="two molecules stand in one record"):
        prepare_ligand(tmp_path / "joined.sdf")


def test_records_end_with_their_line_whatever_follows_on_it(tmp_path):
    path = tmp_path / "library.sdf"
    path.write_text("".join(block_of(s, n) + f"$$$${blank}\n" for s, n, blank in (("CC", "a", " "), ("CO", "b", "\t"))))
    assert [entry.name for entry in read_library(str(path)).entries] == ["a", "b"]
    path = tmp_path / "library.mol2"
    path.write_text(mol2_of("one") + mol2_of("two", 5.0))
    entries = read_library(str(path)).entries
    assert [(entry.name, entry.where) for entry in entries] == [("one", "record 1"), ("two", "record 2")]
    prepared, failures = prepare_library(entries)
    assert not failures
    assert prepared[1].ligand.centre_angstrom[0] == pytest.approx(5.0)


def test_a_pocket_is_not_marked_by_what_has_no_place(tmp_path, lysozyme):
    flat = Chem.MolFromSmiles("CC(C)Cc1ccccc1")
    AllChem.Compute2DCoords(flat)
    (tmp_path / "flat.sdf").write_text(Chem.MolToMolBlock(flat))
    with pytest.raises(DataError, match="has no place"):
        pocket_box(str(tmp_path / "flat.sdf"), lysozyme[0])
