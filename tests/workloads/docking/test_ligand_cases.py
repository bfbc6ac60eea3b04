"""Files as people bring them, through the command line: the right answer, or one line and status 2."""

from __future__ import annotations

import csv
import gzip
import shutil

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from levinthal.harness.results.store import load_result

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


@pytest.mark.slow
def test_the_cases_on_record(levinthal, tmp_path, shared_data):
    """The inputs of public reports, each the right value (05, 11, 12, 16) or one line (18)."""
    cases = shared_data / "cases"

    def run(folder: str, *settings: str):
        out = tmp_path / "a"
        shutil.rmtree(out, ignore_errors=True)
        done = levinthal(*QUICK, *(part for each in settings for part in ("--set", each)), cwd=tmp_path)
        return done, load_result(out).repeats[0] if done.returncode == 0 else None

    receptor = f"receptor={shared_data / 'complexes/1iep/1iep_receptorH.pdb'}"
    best = {}
    for name in ("ima_noH.mol2", "ima_noH.sdf"):
        _, repeat = run("05", receptor, f"ligand={cases / '05-mol2-without-hydrogens' / name}")
        best[name] = next(each.value for each in repeat.metrics if each.name == "best known score")
    assert best["ima_noH.mol2"] == pytest.approx(best["ima_noH.sdf"], abs=0.05)
    assert best["ima_noH.sdf"] == pytest.approx(-18.4, abs=0.3)

    t4 = ("pocket=A:99/A:102", f"receptor={cases / '12-sdf-many-molecules/t4.pdb'}")
    for name, names in (("dude_actives.ism", 2), ("zinc_reactive.smi", 2)):
        _, repeat = run("11", *t4, f"ligands={cases / '11-library-names-and-dude' / name}")
        rows = list(csv.DictReader((tmp_path / "a/repeats/000/ranked.csv").open()))
        assert len([row for row in rows if row["rank"]]) == names
        assert {row["known"] for row in rows} == {""}
        assert all(each.value is None for each in repeat.metrics if each.name == "screening ROC AUC")
    library = cases / "12-sdf-many-molecules/lib.sdf"
    _, repeat = run("12", *t4, f"ligand={library}")
    assert any("first of 3 molecules taken; ligands=FILE screens all" in words for words in repeat.warnings)
    _, repeat = run("12", *t4, f"ligands={library}")
    assert len(list(csv.DictReader((tmp_path / "a/repeats/000/ranked.csv").open()))) == 3
    done, repeat = run("16", *t4, f"ligand={cases / '16-flat-drawing-labelled-3d/flat3d.sdf'}")
    if repeat is not None:  # a score above zero is a missed check: then the status is 1
        assert any("flat drawing" in words for words in repeat.warnings)
    (tmp_path / "lib.smi.gz").write_bytes(gzip.compress(b"Cc1ccccc1 toluene\n"))
    _, repeat = run("18", *t4, f"ligand={tmp_path / 'lib.smi.gz'}")
    assert repeat is not None
    done, _ = run("18", *t4, f"ligand={cases / '18-ligand-pdb-message/t4.pdb'}")
    assert done.returncode == 2
    assert "a PDB file has no bond orders: give SDF, MOL2, PDBQT or SMILES" in done.stderr
