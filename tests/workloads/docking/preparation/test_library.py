"""Libraries: what lines and records become, and which mistakes are told."""

from __future__ import annotations

import pytest
from rdkit import Chem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.library import read_library


def test_the_built_in_library_is_chemistry_with_both_kinds():
    entries = read_library("l99a")
    molecules = [Chem.MolFromSmiles(entry.smiles) for entry in entries]
    assert all(molecules)
    assert len({Chem.MolToSmiles(each) for each in molecules}) == len(entries) == 20
    assert sum(bool(entry.active) for entry in entries) == 13
    assert all((entry.binding_kcal_mol is not None) == entry.active for entry in entries)
    assert all(each.GetNumHeavyAtoms() <= 10 for each in molecules)


def test_smiles_lines(tmp_path):
    file = tmp_path / "mine.smi"
    file.write_text("# mine\nc1ccccc1 benzene active\n\nCCO ethanol decoy\nCC\nnot-smiles bad\nCO benzene\n")
    entries = read_library(str(file))
    assert [entry.name for entry in entries] == ["benzene", "ethanol", "compound 5", "bad", "benzene (2)"]
    assert [entry.active for entry in entries] == [True, False, None, None, None]


def test_records_of_an_sdf_file(tmp_path):
    file = tmp_path / "mine.sdf"
    with Chem.SDWriter(str(file)) as writer:
        for name, mark in (("one", "active"), ("two", "0"), ("", None)):
            molecule = Chem.MolFromSmiles("CCO")
            molecule.SetProp("_Name", name)
            if mark is not None:
                molecule.SetProp("active", mark)
            writer.write(molecule)
    entries = read_library(str(file))
    assert [entry.name for entry in entries] == ["one", "two", "compound 3"]
    assert [entry.active for entry in entries] == [True, False, None]
    assert all(Chem.MolFromMolBlock(entry.smiles) is not None for entry in entries)


@pytest.mark.parametrize(
    ("text", "message"),
    [("# nothing\n", "no compound"), ("CCO ethanol maybe\n", "neither active nor decoy"), ("", "empty")],
)
def test_mistakes(tmp_path, text, message):
    file = tmp_path / "bad.smi"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_library(str(file))
    with pytest.raises(DataError, match="nowhere"):
        read_library(str(tmp_path / "nowhere.smi"))
