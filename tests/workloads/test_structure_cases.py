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


def test_two_copies_under_one_name_are_both_simulated(levinthal, shared_data, tmp_path):
    case = shared_data / "cases" / "02-same-chain-merged"
    done = levinthal(
        *SAMPLE, "--set", f"system=go:{case / 'dimer_sameA_ter.pdb'}", "--set", "steps=4000", "--out", "go"
    )
    assert done.returncode in (0, 1), done.stderr
    native = next((tmp_path / "go").rglob("*.pdb")).read_text()
    carbons = [line for line in native.split("ENDMDL")[0].splitlines() if line[:4] == "ATOM" and line[12:16] == " CA "]
    assert len(carbons) == 20
    for name in ("dimer_sameA_ter.pdb", "dimer_seg_ter.pdb", "dimer_seg_noter.pdb"):
        receptor = levinthal(
            *DOCK, "--set", f"receptor={case / name}", "--set", "ligand=CCO", "--set", "pocket=1", "--out", name
        )
        assert "stands there twice" in refusal(receptor)


def test_a_free_amino_acid_is_taken_out_of_the_pocket_and_said_first(levinthal, shared_data, tmp_path):
    receptor = shared_data / "cases" / "03-amino-acid-ligand-kept" / "t4_ala_lig.pdb"
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", "--set", "ligand=Cc1ccc(C)cc1", "--set",
                     "pocket=A:99/A:102",
                     "--out", "r")  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert any("removed from the search box" in each and "ALA A 400" in each for each in repeat.warnings)
    assert "ALA A 400" in done.stdout
    written = next((tmp_path / "r").rglob("receptor.pdb")).read_text()
    assert len({line[17:26] for line in written.split("ENDMDL")[0].splitlines() if line[:4] == "ATOM"}) == 162


@pytest.mark.parametrize("name", ["t4_sep.pdb", "t4_sep_atom.pdb"])
def test_a_modified_residue_is_refused_whatever_its_record(levinthal, shared_data, name):
    receptor = shared_data / "cases" / "04-modified-residue-removed" / name
    done = levinthal(
        *DOCK, "--set", f"receptor={receptor}", "--set", "ligand=CCO", "--set", "pocket=A:116/A:118", "--out", "r"
    )
    assert "residue SEP A 117 is not a standard amino acid: replace it by SER" in refusal(done)
    done = levinthal(*SAMPLE, "--set", f"system={receptor}", "--out", "s")
    assert "residue SEP A 117 is not a standard amino acid: replace it by SER" in refusal(done)


def test_a_ring_is_not_opened(levinthal, shared_data):
    ring = shared_data / "cases" / "09-cyclic-peptide" / "cyclic.pdb"
    for system in (ring, f"go:{ring}"):
        done = levinthal(*SAMPLE, "--set", f"system={system}", "--set", "steps=20000", "--out", "r")
        assert "a ring closed by its backbone is not simulated" in refusal(done)
    done = levinthal(*DOCK, "--set", f"receptor={ring}", "--set", "ligand=CCO", "--set", "pocket=A:1", "--out", "d")
    assert "a ring closed by its backbone" in refusal(done)


def test_iron_is_iron_under_any_name(levinthal, shared_data, tmp_path):
    scores = {}
    for name in ("t4_FE.pdb", "t4_FE2.pdb"):
        receptor = shared_data / "cases" / "14-ions-fe2-cu1" / name
        done = levinthal(*DOCK, "--set", f"receptor={receptor}", "--set", "ligand=OC(=O)C", "--set",
                     "pocket=A:99/A:102",
                         "--out", name)  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        scores[name] = load_result(tmp_path / name).summary["best known score"].median
        written = next((tmp_path / name).rglob("receptor.pdb")).read_text()
        assert any(line[76:78] == "FE" for line in written.splitlines())
    assert scores["t4_FE.pdb"] == scores["t4_FE2.pdb"]
