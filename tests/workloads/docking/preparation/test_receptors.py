"""Receptors from PDB files: what is changed is told, what is wrong is named; and pockets."""

from __future__ import annotations

import io

import numpy as np
import pytest

from carried import pdb_atoms, protein
from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import pocket_box, prepare_receptor, residue_atoms
from levinthal.workloads.docking.preparation.receptors import receptor_from_structure
from levinthal.workloads.docking.scoring import VINA_TYPES


def peptide(sequence: str = "ASHKG") -> list[str]:
    """Return the PDB lines of a helix without hydrogens."""
    import PeptideBuilder
    from Bio.PDB import PDBIO

    out = io.StringIO()
    writer = PDBIO()
    structure = PeptideBuilder.make_structure(sequence, [-60.0] * (len(sequence) - 1), [-45.0] * (len(sequence) - 1))
    writer.set_structure(structure)
    writer.save(out)
    return [line for line in out.getvalue().splitlines() if line.startswith("ATOM")]


def text(lines: list[str]) -> str:
    return "\n".join([*lines, "END", ""])


def hetero(name: str, atom: str, element: str, number: int, place: float) -> str:
    return (
        f"HETATM  {900 + number:>3} {atom:<4} {name:>3} B{number:>4}    {place:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00"
        f"          {element:>2}"
    )


def test_lysozyme_is_taken_as_it_is(lysozyme):
    receptor, _, _ = lysozyme
    assert receptor.notes == ()
    assert (len(set(receptor.residues)), receptor.residues[0]) == (162, "MET - 1")
    names = [VINA_TYPES[kind] for kind in receptor.vina_types if kind >= 0]
    with_sulphur = {residue for residue in receptor.residues if residue.startswith(("MET", "CYS"))}
    assert names.count("S_P") == len(with_sulphur)
    assert {"C_H", "C_P", "N_D", "O_A", "O_DA"} <= set(names)


def test_a_bare_peptide_gets_hydrogens():
    receptor = receptor_from_structure(text(peptide()), "helix")
    assert any("hydrogens placed for pH 7" in note for note in receptor.notes)
    assert any(note.startswith("OXT of GLY A 5") for note in receptor.notes)
    kinds = dict(zip(zip(receptor.residues, receptor.atom_names, strict=True), receptor.vina_types, strict=True))
    assert VINA_TYPES[kinds["SER A 2", "OG"]] == "O_DA"
    assert VINA_TYPES[kinds["LYS A 4", "NZ"]] == "N_D"
    assert VINA_TYPES[kinds["ALA A 1", "CB"]] == "C_H"
    assert VINA_TYPES[kinds["ALA A 1", "C"]] == "C_P"
    # one of histidine's nitrogens carries the hydrogen, the other accepts one
    assert {VINA_TYPES[kinds["HIS A 3", atom]] for atom in ("ND1", "NE2")} == {"N_D", "N_A"}


def test_what_is_removed_is_listed():
    lines = peptide()
    second = lines[7]
    alternates = [
        second[:16] + "A" + second[17:54] + "  0.30" + second[60:],
        second[:16] + "B" + second[17:54] + "  0.70" + second[60:],
    ]
    others = [
        hetero("HOH", "O", "O", 1, 30.0),
        hetero("HOH", "O", "O", 2, 40.0),
        hetero("ZN", "ZN", "ZN", 3, 50.0),
        hetero("XYL", "C1", "C", 4, 60.0),
    ]
    receptor = receptor_from_structure(text([*lines[:7], *alternates, *lines[8:], *others]), "helix")
    assert "alternate location B of SER A 2 kept" in receptor.notes
    assert "removed 2 x water" in receptor.notes
    assert "removed 1 x XYL" in receptor.notes
    assert VINA_TYPES[receptor.vina_types[receptor.types.index("Zn")]] == "Met_D"
    with_waters = receptor_from_structure(text([*lines, *others[:2]]), "helix", keep_waters=True)
    assert sum(residue.startswith("HOH") for residue in with_waters.residues) > 2


def test_selenomethionine_becomes_methionine():
    lines = [
        line.replace("MET", "MSE")
        .replace(" SD ", "SE  ")
        .replace("           S", "          SE")
        .replace("ATOM  ", "HETATM")
        if "MET" in line
        else line
        for line in peptide("AMG")
    ]
    assert sum("MSE" in line for line in lines) > 4
    receptor = receptor_from_structure(text(lines), "helix")
    assert receptor.warnings == ("selenomethionine MSE A 2 made methionine",)
    kinds = dict(zip(receptor.atom_names, receptor.vina_types, strict=True))
    assert VINA_TYPES[kinds["SD"]] == "S_P"
    plain = receptor_from_structure(text(peptide("AMG")), "helix")
    assert len(plain.types) == len(receptor.types)


def test_missing_side_chains_are_built():
    lines = [line for line in peptide() if line[12:16].strip() not in ("CE", "NZ")]
    receptor = receptor_from_structure(text(lines), "helix")
    assert any("CE, NZ of LYS A 4 built" in note for note in receptor.notes)


def test_what_meeko_refuses_is_simplified():
    """PRO 6 of Src ends at CB, as prolines of crystals do: what is built there is no proline that meeko knows."""
    near = [line for line in pdb_atoms(protein("src-kinase")) if 5 <= int(line[22:26]) <= 7]
    kept = ("N", "CA", "C", "O", "CB", "HA")
    cut = [line for line in near if line[17:20] != "PRO" or line[12:16].strip() in kept]
    receptor = receptor_from_structure(text(cut), "src")
    assert "hydrogens of the file removed" in receptor.notes
    assert "PRO A 6, incomplete, made ALA" in receptor.notes
    assert {"ILE A 5", "ALA A 6", "ARG A 7"} == set(receptor.residues)


def test_a_broken_chain_is_prepared():
    lines = [line for line in peptide("AAAGAAA") if line[22:26].strip() != "4"]
    receptor = receptor_from_structure(text(lines), "helix")
    assert len(set(receptor.residues)) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [lines[0][:30] + "   x.000" + lines[0][38:], *lines[1:]], "line 1: atom N of ALA A 1"),
        (lambda lines: [line for line in lines if line[12:16].strip() != "CA"], "residue ALA A 1 lacks its backbone"),
        (lambda lines: [lines[0], *lines], "atom N of ALA A 1 stands there twice"),
        (lambda lines: [line.replace("SER", "UNK") for line in lines], "residue UNK A 2 is not a standard amino acid"),
        (lambda _: [hetero("HOH", "O", "O", 1, 0.0)], "holds no protein"),
        (lambda _: ["REMARK"], "holds no atoms"),
    ],
)
def test_what_cannot_be_prepared_is_named(change, message):
    with pytest.raises(DataError) as caught:
        receptor_from_structure(text(change(peptide())), "helix")
    assert message in str(caught.value)


def test_a_file_is_found_by_its_ending(tmp_path, lysozyme):
    path = tmp_path / "helix.pdb"
    path.write_text(text(peptide()))
    assert prepare_receptor(path).name == "helix"
    with pytest.raises(DataError, match="No such file"):
        prepare_receptor(tmp_path / "none.pdbqt")


def test_pockets(lysozyme):
    receptor, ligand, _ = lysozyme
    path = str(real_complex("t4-lysozyme-l99a-p-xylene")[1])
    around = pocket_box(path, receptor, padding_angstrom=3.0)
    assert around.contains(ligand.source_coordinates_angstrom)
    np.testing.assert_allclose(np.array(around.size_angstrom), np.ptp(ligand.source_coordinates_angstrom, axis=0) + 6.0)
    told = pocket_box("1/2/3/10/12/14", receptor)
    assert (told.centre_angstrom, told.size_angstrom) == ((1.0, 2.0, 3.0), (10.0, 12.0, 14.0))
    cavity = pocket_box("99/102/111", receptor)
    assert cavity.contains(ligand.centre_angstrom)
    assert {receptor.residues[k] for k in residue_atoms(receptor, "99")} == {"ALA - 99"}
    for wrong, message in (("999", "no residue '999'"), ("B:99", "no residue 'B:99'"), ("1/2/3/0/1/1", "above 0")):
        with pytest.raises(DataError, match=message):
            pocket_box(wrong, receptor)
