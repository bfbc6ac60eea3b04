"""Structure files: what is read of them, what is left out, and how each fault is told."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.report.structures import Chains, Molecule, NotAStructureError, read_models
from scene_examples import atom_line, chain_pdb, molecule_sdf


def test_models_of_a_pdb_file_are_read_without_hydrogens_and_remarks():
    models = read_models(chain_pdb(n_models=3, remark="</script>").encode(), ".pdb")
    assert len(models) == 3
    for model in models:
        assert isinstance(model, Chains)
        assert {atom.name for atom in model.atoms} == {"N", "CA", "C", "O", "CB"}
        assert len(model.alphas) == 12
        assert len(model.atoms) == 12 * 5 + 1
        assert "script" not in model.text
    assert not np.allclose(models[0].places, models[2].places)


def test_molecules_of_an_sdf_file_are_read_without_their_fields():
    molecules = read_models(molecule_sdf(2, title="<b>", field="secret").encode(), ".sdf")
    assert len(molecules) == 2
    first = molecules[0]
    assert isinstance(first, Molecule)
    assert first.elements == ("C", "C", "O", "H")
    assert first.bonds == ((0, 1), (1, 2), (2, 3))
    assert first.places[2].tolist() == [6.4, 0.0, 3.0]
    assert "<b>" not in first.text
    assert "secret" not in first.text


def test_side_chains_and_waters_far_from_a_molecule_are_left_out():
    (model,) = read_models(chain_pdb(n_residues=60).encode(), ".pdb")
    (molecule,) = read_models(molecule_sdf().encode(), ".sdf")
    assert isinstance(model, Chains)
    kept = model.around(molecule.places)
    with_side_chain = {int(atom.residue[5:9]) for atom in kept.atoms if atom.name == "CB"}
    assert 1 in with_side_chain
    assert 60 not in with_side_chain
    assert len(kept.alphas) == 60
    assert not any(atom.residue.startswith("HOH") for atom in kept.atoms)


CA = atom_line("ATOM", 1, "CA", "ALA", 1, (0, 0, 0), "C")


@pytest.mark.parametrize(
    ("text", "suffix", "fault"),
    [
        ("", ".pdb", "holds no atoms"),
        ("no structure", ".xyz", "is not a PDB or SDF file"),
        (CA[:40], ".pdb", "has a line without three coordinates: line 1"),
        (CA.replace("   0.000", "     nan", 1), ".pdb", "is not a number, or beyond all bounds: line 1"),
        (CA.replace("   0.000", "    1e30", 1), ".pdb", "is not a number, or beyond all bounds: line 1"),
        ("one line", ".sdf", "not a V2000 mol block: line 1"),
        (molecule_sdf().replace("V2000", "V3000").replace("  4  3  0", "  0  0  0"), ".sdf", "without atoms"),
        (molecule_sdf().replace("  1  2  1", "  1  9  1"), ".sdf", "a bond to an atom that is not there"),
        (molecule_sdf().split("M  END")[0].rsplit("\n", 3)[0], ".sdf", "cut off"),
    ],
)  # fmt: skip
def test_each_fault_is_told(text, suffix, fault):
    with pytest.raises(NotAStructureError, match=fault):
        read_models(text.encode(), suffix)


def test_bytes_that_are_not_text_are_refused():
    with pytest.raises(NotAStructureError):
        read_models(bytes(range(256)) * 4, ".sdf")
    with pytest.raises(NotAStructureError):
        read_models(bytes(range(256)) * 4, ".pdb")
