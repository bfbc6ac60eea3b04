"""Structures that were misread, through the command line: the right molecule, or one line and status 2."""

from __future__ import annotations

import pytest

from levinthal import load_result

DOCK = ("run", "docking", "--size", "smoke", "--set", "methods=restarts", "--set", "training_steps=0")
SAMPLE = ("run", "sampling", "--size", "smoke", "--set", "policies=plain", "--set", "exact_replicas=0")


def refusal(done):
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def carbons(path):
    """Count the CA atoms of a PDB file's first model."""
    first = path.read_text().split("ENDMDL")[0].splitlines()
    return sum(line[:4] == "ATOM" and line[12:16] == " CA " for line in first)


def test_two_copies_under_one_name_are_both_simulated(levinthal, shared_data, tmp_path):
    case = shared_data / "cases" / "02-same-chain-merged"
    copies = f"system=go:{case / 'dimer_sameA_ter.pdb'}"
    done = levinthal(*SAMPLE, "--set", copies, "--set", "steps=4000", "--out", "go")
    assert done.returncode in (0, 1), done.stderr
    assert carbons(next((tmp_path / "go").rglob("*.pdb"))) == 20


def test_docking_cannot_name_a_residue_that_is_there_twice(levinthal, shared_data):
    receptor = shared_data / "cases" / "02-same-chain-merged" / "dimer_seg_noter.pdb"
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", "--set", "ligand=CCO", "--set", "pocket=1", "--out", "r")
    assert "residue - 1, - 2, - 3" in refusal(done)
    assert "stands there twice" in refusal(done)


def test_a_free_amino_acid_is_taken_out_of_the_pocket_and_said_first(levinthal, shared_data, tmp_path):
    receptor = shared_data / "cases" / "03-amino-acid-ligand-kept" / "t4_ala_lig.pdb"
    pocket = ("--set", "ligand=Cc1ccc(C)cc1", "--set", "pocket=A:99/A:102")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert any("removed from the search box" in each and "ALA A 400" in each for each in repeat.warnings)
    assert "ALA A 400" in " ".join(done.stdout.split())
    assert carbons(next((tmp_path / "r").rglob("receptor.pdb"))) == 162


@pytest.mark.parametrize("name", ["t4_sep.pdb", "t4_sep_atom.pdb"])
def test_a_modified_residue_is_refused_whatever_its_record(levinthal, shared_data, name):
    receptor = shared_data / "cases" / "04-modified-residue-removed" / name
    pocket = ("--set", "ligand=CCO", "--set", "pocket=A:116/A:118")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert "residue SEP A 117 is not a standard amino acid: replace it by SER" in refusal(done)


def test_a_ring_is_not_opened(levinthal, shared_data):
    ring = shared_data / "cases" / "09-cyclic-peptide" / "cyclic.pdb"
    done = levinthal(*SAMPLE, "--set", f"system={ring}", "--set", "steps=20000", "--out", "r")
    assert "a ring closed by its backbone is not simulated" in refusal(done)


def test_iron_is_iron_under_any_name(levinthal, shared_data, tmp_path):
    receptor = shared_data / "cases" / "14-ions-fe2-cu1" / "t4_FE2.pdb"
    pocket = ("--set", "ligand=OC(=O)C", "--set", "pocket=A:99/A:102")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    assert load_result(tmp_path / "r").summary["best known score"].median == pytest.approx(-2.78, abs=0.01)
    assert "FE2 A" in next((tmp_path / "r").rglob("receptor.pdb")).read_text()
