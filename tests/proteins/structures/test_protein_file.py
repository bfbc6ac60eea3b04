"""One set of rules for files of proteins: where chains begin, what is in them, and what is refused."""

from __future__ import annotations

import gzip
import io

import gemmi
import PeptideBuilder
import pytest
from Bio.PDB import PDBIO

from levinthal.errors import DataError
from levinthal.proteins.structures.protein_file import protein_of_text, read_protein_file
from levinthal.proteins.structures.residue_kinds import ResidueKind, ion_element


def peptide(sequence="ASHKG", shift=0.0, chain="A", first=1, segment=""):
    """Return the PDB lines of a helix without hydrogens."""
    out = io.StringIO()
    writer = PDBIO()
    writer.set_structure(PeptideBuilder.make_structure(sequence, *([[-57.0] * (len(sequence) - 1)] * 2)))
    writer.save(out)
    return [
        f"{line[:21]}{chain}{int(line[22:26]) + first - 1:4d}{line[26:30]}{float(line[30:38]) + shift:8.3f}"
        f"{line[38:72]}{segment:<4}{line[76:78]}"
        for line in out.getvalue().splitlines()
        if line.startswith("ATOM")
    ]


def hetero(name, atom, element, number=900, place=30.0):
    return (
        f"HETATM{number:5d} {atom:<4} {name:>3} A{number:4d}    {place:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00"
        f"          {element:>2}"
    )


def residue_lines(lines, number):
    return [line for line in lines if int(line[22:26]) == number]


def read(lines):
    return protein_of_text("\n".join([*lines, "END", ""]), "mine.pdb")


def as_mmcif(lines):
    """Return the same as mmCIF; a copy of the chain keeps its author's name under a label of its own."""
    structure = gemmi.read_pdb_string("\n".join(lines), split_chain_on_ter=True)
    structure.setup_entities()
    for number, chain in enumerate(structure[0]):
        for residue in chain:
            residue.subchain = f"L{number}"
    return protein_of_text(structure.make_mmcif_document().as_string(), "mine.cif")


def chains(found):
    return [(chain.name, chain.copy, len(chain.residues)) for chain in found.chains]


COPIES = {
    "TER": [*peptide(), "TER", *peptide(shift=50)],
    "segment": [*peptide(segment="P1"), *peptide(shift=50, segment="P2")],
    "number": [*peptide(), *peptide(shift=50)],
    "numbers that go on behind TER": [*peptide(), "TER", *peptide(shift=50, first=6)],
    "other residues of the same numbers": [*peptide(), *peptide("ATHKGLLV", shift=50)],
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", ["A", " "])
def test_two_copies_under_one_name_are_two_chains(how, name):
    lines = [f"{line[:21]}{name}{line[22:]}" if line.startswith("ATOM") else line for line in COPIES[how]]
    found = read(lines)
    assert [(chain.name, chain.copy) for chain in found.chains] == [(name.strip(), 0), (name.strip(), 1)]
    assert sum(len(each.residue) for chain in found.chains for each in chain.residues) == len(lines) - ("TER" in lines)
    assert not found.faults


def test_mmcif_has_the_same_rules():
    assert chains(as_mmcif(COPIES["TER"])) == [("A", 0, 5), ("A", 1, 5)]


def test_what_a_peptide_bond_joins_is_one_chain():
    lines = peptide("A" * 9)
    # a fusion: the inserted protein has numbers of its own, then those of the first go on
    numbers = {1: 1, 2: 2, 3: 3, 4: 1002, 5: 1003, 6: 1004, 7: 4, 8: 5, 9: 6}
    fused = [f"{line[:22]}{numbers[int(line[22:26])]:4d}{line[26:]}" for line in lines]
    assert chains(read(fused)) == [("A", 0, 9)]
    inserted = [
        f"{line[:22]}{min(int(line[22:26]), 4):4d}{' ABCDEFGH'[max(int(line[22:26]) - 4, 0)]}{line[27:]}"
        for line in lines
    ]
    assert chains(read(inserted)) == [("A", 0, 9)]
    missing = [
        *(line for line in lines if int(line[22:26]) < 4),
        "TER",
        *(line for line in lines if int(line[22:26]) > 5),
    ]
    assert chains(read(missing)) == [("A", 0, 7)]


def test_atoms_that_stand_apart_from_their_residue_are_part_of_it():
    lines = peptide("AAAA")
    late = "ATOM     99  H   ALA A   2      10.000   0.000   0.000  1.00  0.00           H"
    for order in ([late, *lines], [*lines, late]):
        found = read(order)
        assert chains(found) == [("A", 0, 4)]
        assert [len(each.residue) for each in found.chains[0].residues] == [5, 6, 5, 5]
        assert not found.faults


def test_nothing_is_there_twice():
    lines = peptide()
    pasted = [*lines, *residue_lines(lines, 2)]
    with pytest.raises(DataError, match="residue SER A 2 stands there twice, in one place: remove one copy"):
        read(pasted)
    with pytest.raises(DataError, match="atom N of ALA A 1 stands there twice"):
        read([lines[0], *lines])


@pytest.mark.parametrize("record", ["ATOM  ", "HETATM"])
def test_polymer_or_ligand_is_decided_by_bonds(record):
    lines = peptide()
    modified = [f"{record}{line[6:17]}SEP{line[20:]}" if line[17:20] == "SER" else line for line in lines]
    (chain,) = read(modified).chains
    assert [each.residue.name for each in chain.residues] == ["ALA", "SEP", "HIS", "LYS", "GLY"]
    free = [f"{record}{line[6:22]} 400{line[26:]}" for line in peptide("AA", shift=40)[:5]]
    oxt = f"{free[0][:12]} OXT{free[0][16:30]}  41.500{free[0][38:77]}O"
    for ligand in ([*free, oxt], ["TER", *free]):
        found = read([*lines, *ligand])
        assert chains(found) == [("A", 0, 5)]
        assert [(str(each), each.kind) for each in found.others] == [("ALA A 400", ResidueKind.OTHER)]


@pytest.mark.parametrize(
    ("name", "atom", "element", "expected"),
    [
        ("FE2", "FE", "FE", "Fe"), ("CU1", "CU", "CU", "Cu"), ("MN3", "MN", "MN", "Mn"), (" CO", "CO", "CO", "Co"),
        (" NI", "NI", "", "Ni"), (" CD", "CD", "CD", "Cd"), (" NA", "NA", "", "Na"), ("  K", " K", "", "K"),
        (" HG", "HG", "HG", "Hg"), ("SOD", "SOD", "", "Na"), (" ZN", " ZN", "", "Zn"), (" CL", "CL", "CL", "Cl"),
    ],
)  # fmt: skip
def test_ions_go_by_their_element(name, atom, element, expected):
    (ion,) = read([*peptide(), hetero(name, atom, element)]).others
    assert ion.kind is ResidueKind.ION
    assert ion_element(ion.residue).name == expected


def test_other_programs_names_and_numbers():
    lines = peptide()
    left = [f"{line[:12]}{line[12:16].strip():<4}{line[16:72]}" for line in lines]  # no element either
    elements = {atom.name: atom.element.name for each in read(left).chains[0].residues for atom in each.residue}
    assert (elements["CA"], elements["CD"], elements["NZ"], elements["OG"]) == ("C", "C", "N", "O")
    marked = [f"{line[:20]}T{line[21:]}" if int(line[22:26]) == 5 else line for line in lines]
    assert chains(read(marked)) == [("A", 0, 5)]
    wide = [f"{line[:22]}{('9998', '9999', 'A000', 'A001', 'A002')[int(line[22:26]) - 1]}{line[26:]}" for line in lines]
    assert [each.residue.seqid.num for each in read(wide).chains[0].residues] == [9998, 9999, 10000, 10001, 10002]
    two = [f"{line[:20]}{'AB'}{line[22:]}" for line in lines]
    assert chains(read(two)) == [("AB", 0, 5)]


def test_caps_and_rings():
    lines = peptide("AAAA")
    last = residue_lines(lines, 4)
    place = {line[12:16].strip(): [float(line[k : k + 8]) for k in (30, 38, 46)] for line in last}
    beside = [c + (c - a) / 1.53 * 1.33 for c, a in zip(place["C"], place["CA"], strict=True)]
    cap = "HETATM   99  N   NH2 A   5    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           N".format(*beside)
    (chain,) = read([*lines, cap]).chains
    assert chain.residues[-1].kind is ResidueKind.CAP
    linked = cap.replace("NH2", "XYZ")
    (fault,) = read([*lines, linked]).faults
    assert "ALA A 4 is bonded to XYZ A 5" in fault
    first = next(line for line in lines if line[12:16] == " N  ")
    moved = "{}{:8.3f}{:8.3f}{:8.3f}{}".format(first[:30], *beside, first[54:])
    closed = read([moved, *lines[1:]])
    assert [chain.is_ring for chain in closed.chains] == [True]
    side = "ATOM     99  NZ  LYS A   9    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           N".format(*beside)
    lysine = [line.replace("GLY A   1", "LYS A   9") for line in peptide("G", shift=40)]
    assert "LYS A 9 is bonded to ALA A 4 by its NZ" in read([*lines, *lysine, side]).faults[-1]


@pytest.mark.parametrize("text", ["   1e1  ", "   1_0  ", "    nan ", "********", "        ", " 1.0 2.0", "   0x1p3"])
def test_what_gemmi_would_read_as_zero_is_refused(text):
    lines = peptide()
    with pytest.raises(DataError, match=r"line 1: atom N of ALA A 1: .* in columns 31 to 38 is not a number"):
        read([f"{lines[0][:30]}{text}{lines[0][38:]}", *lines[1:]])


def test_letters_that_shift_columns_are_refused():
    lines = peptide()
    with pytest.raises(DataError, match="line 2: 'é' in the line of an atom is not ASCII"):
        read([lines[0], f"{lines[1][:26]}é{lines[1][27:]}", *lines[2:]])


def test_what_stands_behind_end_is_another_model_or_refused():
    lines = peptide()
    assert read([*lines, "END", *peptide(shift=1)]).n_models == 2
    with pytest.raises(DataError, match="behind END"):
        read([*lines, "END", *peptide("AAA", chain="B")])


def test_gzip(tmp_path):
    path = tmp_path / "mine.pdb.gz"
    path.write_bytes(gzip.compress("\n".join(peptide()).encode()))
    assert chains(read_protein_file(path)) == [("A", 0, 5)]
