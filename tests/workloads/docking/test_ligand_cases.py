"""Files as people bring them, through the command line: the right answer, or one line and status 2."""

from __future__ import annotations

import csv
import gzip
import shutil

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.harness.results.store import load_result
from structure_examples import lysozyme, written

QUICK = ("run", "docking", "--size", "smoke", "--set", "methods=restarts", "--set", "training_steps=0", "--out", "a")


def drawn(smiles: str) -> str:
    """Return a flat drawing whose header says 3D."""
    molecule = Chem.MolFromSmiles(smiles)
    AllChem.Compute2DCoords(molecule)
    return Chem.MolToMolBlock(molecule).replace("          2D", "          3D", 1)


def test_a_library_of_awkward_records_is_screened_whole(levinthal, tmp_path):
    """Blanks behind `$$$$`, a drawing that calls itself 3-D, a salt, a mark that is none."""
    blocks = [
        drawn("CC(C)c1ccccc1"),
        f"salt\n{drawn('C[NH3+].[Cl-]').partition(chr(10))[2]}",
        drawn("C/N=N\\C(C)(C)C"),
    ]
    (tmp_path / "lib.sdf").write_text("".join(f"{block}>  <active>\nperhaps\n\n$$$$ \n" for block in blocks))
    done = levinthal(*QUICK, "--set", "ligands=lib.sdf")
    assert done.returncode == 0, done.stdout + done.stderr
    (repeat,) = load_result(tmp_path / "a").repeats
    folder = tmp_path / "a/repeats/000"
    rows = list(csv.DictReader((folder / "ranked.csv").open()))
    assert sorted(row["name"] for row in rows) == ["compound 1", "compound 3", "salt"]
    assert not any(row["reason"] for row in rows)
    assert "3 marks are neither active nor decoy" in repeat.warnings[0]
    assert "3 of 3 compounds were changed" in repeat.warnings[1]
    assert repeat.warnings[1] in " ".join(done.stdout.split())
    made = {Chem.MolToSmiles(pose) for pose in Chem.SDMolSupplier(str(folder / "ranked.sdf"))}
    assert made == {Chem.CanonSmiles(each) for each in ("CC(C)c1ccccc1", "C[NH3+]", "C/N=N\\C(C)(C)C")}


@pytest.mark.parametrize("name", ["ligand.pdb", "ligand.cif"])
def test_a_file_without_bond_orders_is_one_line(levinthal, tmp_path, name):
    (tmp_path / name).write_text("ATOM      1  C1  LIG A   1       0.000   0.000   0.000  1.00  0.00           C\n")
    done = levinthal(*QUICK, "--set", f"ligand={name}")
    assert done.returncode == 2, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("levinthal: ")
    assert "give SDF, MOL2, PDBQT or SMILES" in last
    assert "Traceback" not in done.stderr


@pytest.fixture
def case(levinthal, tmp_path):
    """Return a function that docks an input of a report into T4 lysozyme; it returns the repeat or the line."""
    receptor = written(tmp_path / "t4.pdb", lysozyme())

    def run(*settings: str):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        pocket = (f"receptor={receptor}", "pocket=A:99/A:102")
        done = levinthal(*QUICK, *(part for each in (*pocket, *settings) for part in ("--set", each)))
        if done.returncode == 2:
            return done.stderr.strip().splitlines()[-1]
        return load_result(tmp_path / "a").repeats[0]

    return run


def ranked(tmp_path) -> list[dict[str, str]]:
    return list(csv.DictReader((tmp_path / "a/repeats/000/ranked.csv").open()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dude.ism", "Cc1ccccc1 101 CHEMBL101\nCc1ccc(C)cc1 202 CHEMBL202\n"),
        ("zinc.smi", "smiles zinc_id\nCc1ccccc1 ZINC101 0\nCc1ccc(C)cc1 ZINC202 1\n"),
    ],
)
def test_case_11_names_and_flags(case, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    repeat = case(f"ligands={tmp_path / name}")
    rows = ranked(tmp_path)
    assert [bool(row["rank"]) for row in rows] == [True, True]
    assert {row["known"] for row in rows} == {""}
    assert all(each.value is None for each in repeat.metrics if each.name == "screening ROC AUC")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["ligand", "ligands"])
def test_case_12_several_molecules(case, tmp_path, key):
    blocks = []
    for smiles in ("Cc1ccccc1", "CCO", "Oc1ccccc1"):
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        AllChem.EmbedMolecule(molecule, randomSeed=1)
        blocks.append(f"{smiles}{Chem.MolToMolBlock(molecule)}> <active>\n1\n\n$$$$ \n")
    (tmp_path / "lib.sdf").write_text("".join(blocks))
    repeat = case(f"{key}={tmp_path / 'lib.sdf'}")
    if key == "ligands":
        assert [bool(row["rank"]) for row in ranked(tmp_path)] == [True] * 3
    else:
        assert any("first of 3 molecules taken; ligands=FILE screens all" in words for words in repeat.warnings)


@pytest.mark.slow
def test_case_16_a_flat_drawing(case, tmp_path):
    (tmp_path / "flat.sdf").write_text(drawn("CC(C)Cc1ccc(cc1)C(C)C(=O)NCCN1CCOCC1"))
    repeat = case(f"ligand={tmp_path / 'flat.sdf'}")
    assert any("flat drawing" in words for words in repeat.warnings)
    missed = [gate.name for gate in repeat.gates if not gate.passed]
    assert "best score (kcal/mol)" in missed  # the cavity is too small for it, flat or not


@pytest.mark.slow
def test_case_18_files_are_not_smiles(case, tmp_path):
    (tmp_path / "lib.smi.gz").write_bytes(gzip.compress(b"Cc1ccccc1 toluene\n"))
    assert case(f"ligand={tmp_path / 'lib.smi.gz'}").error is None
    line = case(f"ligand={tmp_path / 't4.pdb'}")
    assert line.endswith("a PDB file has no bond orders: give SDF, MOL2, PDBQT or SMILES")


@pytest.mark.slow
def test_case_05_mol2_scores_as_sdf(levinthal, tmp_path, shared_data):
    best = []
    for name in ("ima_noH.mol2", "ima_noH.sdf"):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        receptor = shared_data / "complexes/1iep/1iep_receptor.pdbqt"
        ligand = shared_data / "cases/05-mol2-without-hydrogens" / name
        done = levinthal(*QUICK, "--set", f"receptor={receptor}", "--set", f"ligand={ligand}")
        assert done.returncode == 0, done.stdout + done.stderr
        (repeat,) = load_result(tmp_path / "a").repeats
        assert "32 hydrogens added" in repeat.warnings[0]
        best.append(next(each.value for each in repeat.metrics if each.name == "best known score"))
    assert best[0] == pytest.approx(best[1], abs=0.05)
    assert best[1] == pytest.approx(-18.4, abs=0.3)
