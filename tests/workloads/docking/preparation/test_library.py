"""Libraries: what lines, tables and records become, and which mistakes are told."""

from __future__ import annotations

import pytest
from rdkit import Chem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.library import prepare_library, read_library


def of(tmp_path, text: str, name: str = "mine.smi"):
    (tmp_path / name).write_text(text)
    return read_library(str(tmp_path / name))


def names_and_marks(library) -> list[tuple[str, bool | None]]:
    return [(entry.name, entry.active) for entry in library.entries]


def test_the_built_in_library_is_chemistry_with_both_kinds():
    entries = read_library("l99a").entries
    molecules = [Chem.MolFromSmiles(entry.smiles) for entry in entries]
    assert all(molecules)
    assert len({Chem.MolToSmiles(each) for each in molecules}) == len(entries) == 20
    assert sum(bool(entry.active) for entry in entries) == 13
    assert all((entry.binding_kcal_mol is not None) == entry.active for entry in entries)
    assert all(each.GetNumHeavyAtoms() <= 10 for each in molecules)


def test_smiles_lines(tmp_path):
    text = "# mine\nc1ccccc1 benzene active\n\nCCO ethanol decoy\nCC\nnot-smiles bad\nCO benzene\n"
    library = of(tmp_path, text)
    assert names_and_marks(library) == [
        ("benzene", True), ("ethanol", False), ("compound 5", None), ("bad", None), ("benzene (2)", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CCO 11111 CHEMBL9113\n", [("11111 CHEMBL9113", None)]),
        ("CCO ethyl alcohol\nCCC propane maybe\n", [("ethyl alcohol", None), ("propane maybe", None)]),
        ("CCO ethyl alcohol Active\n", [("ethyl alcohol", True)]),
        ("CCO ZINC1 0\nCCC ZINC2 1\n", [("ZINC1 0", None), ("ZINC2 1", None)]),
        ("smiles zinc_id\nCCO ZINC1 0\n", [("ZINC1 0", None)]),
        ("SMILES\tID\nCCO\tethyl alcohol\t1\n", [("ethyl alcohol", None)]),
        ("CCO\tethyl alcohol\t0.53\nCCC\tpropane\tdecoy\n", [("ethyl alcohol", None), ("propane", False)]),
        ("smiles name active\nCCO ethyl alcohol 1\nCCC propane 0\n", [("ethyl alcohol", True), ("propane", False)]),
        ("smiles name activity\nCCO a 5.3\nCCC b 1\n", [("a", None), ("b", None)]),
        ("smiles name label\nCCO a 0\nCCC b 1\n", [("a", False), ("b", True)]),
        ("name,smiles,active\nethyl alcohol,CCO,yes\n\"a, b\",CCC,no\n", [("ethyl alcohol", True), ("a, b", False)]),
        ("Compound Name;Canonical SMILES\nx y;CCO\n", [("x y", None)]),
        ("cid,cmpdname,canonicalsmiles,isosmiles\n7,x y,CC,CCO\n", [("7", None)]),
        ("#SMILES name active\nCCO ethyl alcohol 1\n# no more\nCCC propane 0\n",
         [("ethyl alcohol", True), ("propane", False)]),
        ("CCO my smiles\nCCC propane\n", [("my smiles", None), ("propane", None)]),
        ("CCO,ethanol\nCCC,propane\n", [("ethanol", None), ("propane", None)]),
        ("C[C@H](N)O |&1:1,r| Z 12 active\n", [("Z 12", True)]),
        ("smiles\tid\nC[C@H](N)O |&1:1|\tZ12\n", [("Z12", None)]),
    ],
)  # fmt: skip
def test_columns_of_tables(tmp_path, text, expected):
    assert names_and_marks(of(tmp_path, text)) == expected
    prepared, failures = prepare_library(of(tmp_path, text).entries)
    assert not failures, failures
    assert len(prepared) == len(expected)
    assert len(prepared[0].ligand.heavy_atoms) == (4 if "|" in text else 3)


def test_the_isomer_of_an_extended_smiles_is_kept_and_the_mixture_told(tmp_path):
    (prepared,), _ = prepare_library(of(tmp_path, "C[C@H](N)C(=O)O |&1:1,r| ala\n").entries)
    molecule = Chem.MolFromMolBlock(prepared.ligand.mol_block)
    assert Chem.MolToSmiles(molecule) == Chem.CanonSmiles("C[C@H](N)C(=O)O")
    assert any("mixture" in words for words in prepared.ligand.warnings)


def test_records_of_an_sdf_file(tmp_path):
    file = tmp_path / "mine.sdf"
    fields = (("one", "True"), ("two", "0"), ("", None), ("four", "perhaps"), ("five", "yes"))
    with Chem.SDWriter(str(file)) as writer:
        for name, mark in fields:
            molecule = Chem.MolFromSmiles("CCO")
            molecule.SetProp("_Name", name)
            molecule.SetProp("comment", "it is <active>\n0")
            if mark is not None:
                molecule.SetProp("Active", mark)
            writer.write(molecule)
    library = read_library(str(file))
    assert names_and_marks(library) == [
        ("one", True), ("two", False), ("compound 3", None), ("four", None), ("five", True),
    ]  # fmt: skip
    assert library.warnings == (
        "mine.sdf: 1 marks are neither active nor decoy and were left out (first: 'perhaps' in record 4)",
    )
    assert all(Chem.MolFromMolBlock(entry.smiles) is not None for entry in library.entries)


def test_a_bad_compound_is_told_with_its_line_and_stops_nothing(tmp_path):
    prepared, failures = prepare_library(of(tmp_path, "CCO a\nC1CC b\nCC(C)(C)(C)C c\nCC d\n").entries)
    assert [each.entry.name for each in prepared] == ["a", "d"]
    assert [(each.name, each.reason[:7]) for each in failures] == [("b", "line 2:"), ("c", "line 3:")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bad.smi", "# nothing\n", "no compound"),
        ("bad.smi", "", "empty"),
        ("bad.pdb", "ATOM", "a PDB file has no bond orders"),
        ("bad.pdbqt", "ROOT\n", "a library is not read from PDBQT"),
        ("bad.xlsx", "x", "save it as CSV"),
        ("bad.csv", "name,active\na,1\n", "no column of SMILES"),
    ],
)
def test_mistakes(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        of(tmp_path, text, name)
    with pytest.raises(DataError, match="nowhere"):
        read_library(str(tmp_path / "nowhere.smi"))
    with pytest.raises(DataError, match="is a folder"):
        read_library(str(tmp_path))
