"""Structures that were misread, through the command line: the right molecule, or one line and status 2."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal import load_result
from levinthal.errors import DataError
from levinthal.simulation.go.heavy_atoms import read_heavy_atoms
from levinthal.simulation.systems.pdb_structure import from_pdb
from levinthal.workloads.docking.preparation import prepare_receptor
from structure_examples import cavity, free_amino_acid, phosphoserine, place_of, ring, two_copies, with_iron

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


def test_two_copies_under_one_name_are_both_simulated(levinthal, tmp_path):
    copies = two_copies(tmp_path / "dimer.pdb", chain="A", ter=True)
    done = levinthal(*SAMPLE, "--set", f"system=go:{copies}", "--set", "steps=4000", "--out", "go")
    assert done.returncode in (0, 1), done.stderr
    assert carbons(next((tmp_path / "go").rglob("*.pdb"))) == 22


def test_docking_cannot_name_a_residue_that_is_there_twice(levinthal, tmp_path):
    receptor = two_copies(tmp_path / "dimer.pdb", chain="", ter=False)
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", "--set", "ligand=CCO", "--set", "pocket=42", "--out", "r")
    assert "residue - 42, - 43, - 44" in refusal(done)
    assert "stands there twice" in refusal(done)


def test_a_free_amino_acid_is_taken_out_of_the_pocket_and_said_first(levinthal, tmp_path):
    receptor = free_amino_acid(tmp_path / "occupied.pdb")
    pocket = ("--set", "ligand=Cc1ccc(C)cc1", "--set", "pocket=A:99/A:102")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert any("removed from the search box" in each and "ALA A 400" in each for each in repeat.warnings)
    assert "ALA A 400" in " ".join(done.stdout.split())
    assert carbons(next((tmp_path / "r").rglob("receptor.pdb"))) == 162


@pytest.mark.parametrize("record", ["ATOM", "HETATM"])
def test_a_modified_residue_is_refused_whatever_its_record(levinthal, tmp_path, record):
    receptor = phosphoserine(tmp_path / "modified.pdb", record)
    pocket = ("--set", "ligand=CCO", "--set", "pocket=A:116/A:118")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert "residue SEP A 117 is not a standard amino acid: replace it by SER" in refusal(done)


def test_a_ring_is_not_opened(levinthal, tmp_path):
    system = f"system={ring(tmp_path / 'cyclic.pdb')}"
    done = levinthal(*SAMPLE, "--set", system, "--set", "steps=20000", "--out", "r")
    assert "a ring closed by its backbone is not simulated" in refusal(done)


def test_iron_is_iron_under_any_name(levinthal, tmp_path):
    receptor = with_iron(tmp_path / "iron.pdb", "FE2")
    pocket = ("--set", "ligand=OC(=O)C", "--set", "pocket=A:99/A:102")
    done = levinthal(*DOCK, "--set", f"receptor={receptor}", *pocket, "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    (row,) = [line for line in next((tmp_path / "r").rglob("receptor.pdb")).read_text().splitlines() if "FE2 A" in line]
    np.testing.assert_allclose(place_of(row), cavity(), atol=1e-3)
    found, plain = (prepare_receptor(with_iron(tmp_path / f"{name}.pdb", name)) for name in ("FE2", "FE"))
    assert (found.vina_types == plain.vina_types).all()
    assert found.types.count("Fe") == 1


def test_the_files_of_the_reports(shared_data):
    cases = shared_data / "cases"
    (iron,) = [kind for kind in prepare_receptor(cases / "14-ions-fe2-cu1/t4_FE2.pdb").types if kind == "Fe"]
    assert iron
    occupied = prepare_receptor(cases / "03-amino-acid-ligand-kept/t4_ala_lig.pdb")
    assert len(set(occupied.residues)) == 162
    for name in ("t4_sep.pdb", "t4_sep_atom.pdb"):
        with pytest.raises(DataError, match="residue SEP A 117 is not a standard amino acid"):
            prepare_receptor(cases / "04-modified-residue-removed" / name)
    with pytest.raises(DataError, match="a ring closed by its backbone is not simulated"):
        from_pdb(cases / "09-cyclic-peptide/cyclic.pdb")
    for name in ("dimer_sameA_ter", "dimer_seg_ter", "dimer_seg_noter"):
        residues = read_heavy_atoms(cases / "02-same-chain-merged" / f"{name}.pdb")[0]
        assert len(residues) == 20
