"""Backbones in PDB and mmCIF files: read by other programs, read back exactly, damaged files refused in one line."""

from __future__ import annotations

import dataclasses
import gzip
import random
import warnings

import gemmi
import mdtraj
import numpy as np
import PeptideBuilder
import pytest
from Bio.PDB import MMCIFParser, PDBParser
from Bio.PDB.PDBIO import PDBIO
from hypothesis import given, settings
from hypothesis import strategies as st

from carried import protein, villin_models
from levinthal.errors import DataError, ResultError
from levinthal.proteins.residues import THREE_LETTER
from levinthal.proteins.structures.backbone_chain import BackboneChain, carbonyl_oxygens
from levinthal.proteins.structures.backbone_files import read_backbone
from levinthal.proteins.structures.structure_files import write_mmcif, write_pdb

WRITERS = {".pdb": write_pdb, ".cif": write_mmcif}
formats = pytest.mark.parametrize("ending", sorted(WRITERS))

BLOCK = """\
ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N
ATOM      2  CA  MET A   1      26.266  25.413   2.842  1.00 10.38           C
ATOM      3  C   MET A   1      26.913  26.639   3.531  1.00  9.62           C
ATOM      4  O   MET A   1      27.886  26.463   4.263  1.00  9.62           O
HETATM    5  N  AMSE A   2      26.335  27.770   3.258  0.40  9.27           N
HETATM    6  CA AMSE A   2      26.850  29.021   3.898  0.40  9.07           C
HETATM    7  C  AMSE A   2      26.100  29.253   5.202  0.40  8.72           C
HETATM    8  N  BMSE A   2      26.435  27.870   3.358  0.60  9.27           N
HETATM    9  CA BMSE A   2      26.950  29.121   3.998  0.60  9.07           C
HETATM   10  C  BMSE A   2      26.200  29.353   5.302  0.60  8.72           C
ATOM     11  N   GLY A   2A     24.865  29.024   5.330  1.00  8.22           N
ATOM     12  CA  GLY A   2A     24.865  30.024   5.330  1.00  8.22           C
ATOM     13  N   HIE A   4      26.865  29.024   6.330  1.00  8.22           N
ATOM     14  CA  HIE A   4      27.865  30.024   6.330  1.00  8.22           C
ATOM     15  C   HIE A   4      28.865  30.024   7.330  1.00  8.22           C
TER
HETATM   16  O   HOH A 101      30.865  30.024   7.330  1.00  8.22           O
HETATM   17 CA    CA A 102      32.865  30.024   7.330  1.00  8.22          CA
"""


def chain_of(atoms_nm, sequence=None, name="A", mask=None, **more):
    length = len(atoms_nm)
    return BackboneChain(
        name=name,
        sequence=sequence or "A" * length,
        atoms_nm=np.asarray(atoms_nm, np.float32),
        mask=np.ones(length, bool) if mask is None else mask,
        residue_numbers=np.arange(1, length + 1),
        **more,
    )


def spread_atoms(length):
    """Positions that differ, in Angstrom to three digits, as a PDB file has them."""
    return np.round(np.random.default_rng(length).uniform(-5, 5, (length, 3, 3)), 4)


def ideal_helix(length, sequence=None):
    """Made by another package, so that its geometry is not ours."""
    structure = PeptideBuilder.make_structure(
        sequence or "A" * length, [-60.0] * (length - 1), [-45.0] * (length - 1), [180.0] * (length - 1)
    )
    return np.array([[residue[name].coord for name in ("N", "CA", "C")] for residue in structure.get_residues()]) / 10


def assert_same(read, written):
    assert read.name == written.name
    assert read.sequence == written.sequence
    np.testing.assert_array_equal(read.mask, written.mask)
    np.testing.assert_array_equal(read.residue_numbers, written.residue_numbers)
    assert read.insertion_codes.strip() == written.insertion_codes.strip()
    np.testing.assert_allclose(read.atoms_nm[read.mask], written.atoms_nm[written.mask], atol=6e-5)
    assert not read.atoms_nm[~read.mask].any()


@formats
def test_other_programs_read_what_is_written(tmp_path, ending):
    sequence = "".join(THREE_LETTER)
    mask = np.ones(20, bool)
    mask[[0, 9, 10]] = False
    first = chain_of(spread_atoms(20), sequence, mask=mask, b_factors=np.linspace(0, 95, 20, dtype=np.float32))
    second = chain_of(spread_atoms(7) + 3, "GGGXWWW", name="B")
    path = tmp_path / f"two{ending}"
    WRITERS[ending](path, [first, second], title="RGN, untrained weights")

    structure = gemmi.read_structure(str(path))
    assert structure.info["_struct.title"].lower() == "rgn, untrained weights"
    assert [chain.name for chain in structure[0]] == ["A", "B"]
    assert [residue.seqid.num for residue in structure[0]["A"]] == (np.flatnonzero(mask) + 1).tolist()
    structure.setup_entities()
    assert structure.get_entity_of(structure[0]["A"].get_polymer()).full_sequence == list(THREE_LETTER.values())

    loaded = mdtraj.load(str(path))
    assert loaded.unitcell_lengths is None
    for name, row in (("N", 0), ("CA", 1), ("C", 2)):
        expected = np.concatenate([first.atoms_nm[mask, row], second.atoms_nm[:, row]])
        np.testing.assert_allclose(loaded.xyz[0, loaded.top.select(f"name {name}")], expected, atol=6e-5)

    parser = (MMCIFParser if ending == ".cif" else PDBParser)(QUIET=True)
    (model,) = parser.get_structure("two", str(path))
    residues = list(model["A"])
    assert [residue.resname for residue in residues] == [THREE_LETTER[sequence[k]] for k in np.flatnonzero(mask)]
    assert {atom.id for residue in residues for atom in residue} == {"N", "CA", "C", "O"}
    b_factors = [residue["CA"].bfactor for residue in residues]
    np.testing.assert_allclose(b_factors, first.b_factors[mask], atol=0.005)
    assert {atom.bfactor for atom in model["B"].get_atoms()} == {0.0}


@formats
def test_an_ideal_helix_is_a_helix_to_dssp(tmp_path, ending):
    path = tmp_path / f"helix{ending}"
    WRITERS[ending](path, [chain_of(ideal_helix(20))])
    states = mdtraj.compute_dssp(mdtraj.load(str(path)), simplified=False)[0]
    assert set(states[1:-1]) == {"H"}


@formats
def test_real_structures_come_back_with_their_secondary_structure(tmp_path, ending):
    for name in ("villin", "thymidine-phosphorylase", "src-kinase"):
        source = protein(name)
        (chain,) = read_backbone(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (residues,) = ([r for r in c if "CA" in r] for c in PDBParser(QUIET=True).get_structure("x", source)[0])
        assert [THREE_LETTER[letter] for letter in chain.sequence] == [residue.resname for residue in residues]
        expected = np.array([[r[atom].coord for atom in ("N", "CA", "C")] for r in residues]) / 10
        np.testing.assert_allclose(chain.atoms_nm, expected, atol=1e-5)
        path = tmp_path / f"{name}{ending}"
        WRITERS[ending](path, [chain])
        assert_same(read_backbone(path)[0], chain)
        states = mdtraj.compute_dssp(mdtraj.load(str(path)))
        agree = states == mdtraj.compute_dssp(mdtraj.load(str(source)))
        assert agree.mean() > 0.96, name
        oxygens = carbonyl_oxygens(chain.atoms_nm, chain.mask)
        away = np.linalg.norm(oxygens - np.array([r["O"].coord for r in residues]) / 10, axis=1)
        assert np.median(away) < 0.005
        assert np.quantile(away, 0.9) < 0.02


@settings(max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    start=st.one_of(st.just(1), st.integers(-50, 500)),
    seed=st.integers(0, 2**32 - 1),
    ending=st.sampled_from(sorted(WRITERS)),
)
def test_chains_come_back_as_they_were(tmp_path_factory, lengths, start, seed, ending):
    rng = np.random.default_rng(seed)
    chains = []
    for name, length in zip("ABCD", lengths, strict=False):
        mask = rng.random(length) < 0.7
        mask[rng.integers(length)] = True
        chain = chain_of(
            np.where(mask[:, None, None], spread_atoms(length), 0),
            "".join(rng.choice(list(THREE_LETTER), length)),
            name=name,
            mask=mask,
            b_factors=rng.integers(0, 100, length).astype(np.float32),
        )
        chains.append(dataclasses.replace(chain, residue_numbers=np.arange(start, start + length)))
    path = tmp_path_factory.mktemp("chains") / f"chains{ending}"
    WRITERS[ending](path, chains)
    read = read_backbone(path)
    assert len(read) == len(chains)
    for one, other in zip(read, chains, strict=True):
        assert one.name == other.name
        np.testing.assert_allclose(one.atoms_nm[one.mask], other.atoms_nm[other.mask], atol=6e-5)
        np.testing.assert_array_equal(one.b_factors[one.mask], other.b_factors[other.mask])
        np.testing.assert_array_equal(one.residue_numbers[one.mask], other.residue_numbers[other.mask])
        # The places of a few resolved residues numbered at will are not always told by SEQRES.
        if ending == ".cif" or start == 1:
            assert_same(one, other)


def test_alternates_modified_residues_insertions_and_solvent(tmp_path):
    path = tmp_path / "mixed.pdb"
    path.write_text(BLOCK)
    (chain,) = read_backbone(path)
    assert chain.sequence == "MMGH"
    assert chain.residue_numbers.tolist() == [1, 2, 2, 4]
    assert chain.insertion_codes == "  A "
    assert chain.mask.tolist() == [True, True, False, True]  # GLY 2A has no C
    assert not chain.atoms_nm[2].any()
    np.testing.assert_allclose(chain.atoms_nm[1, 1], [2.6950, 2.9121, 0.3998], atol=1e-6)  # location B, 60 %
    assert chain.b_factors[0] == pytest.approx(10.38)
    write_pdb(path, [chain])
    (again,) = read_backbone(path)
    assert again.sequence == chain.sequence
    assert again.mask.tolist() == chain.mask.tolist()
    np.testing.assert_allclose(again.atoms_nm, chain.atoms_nm, atol=1e-6)


def test_of_two_residues_in_one_place_the_fuller_one_is_read(tmp_path):
    lines = BLOCK.splitlines()[:3]
    serine = [line.replace(" MET", "BSER").replace("1.00", "0.70").replace("27.", "28.") for line in lines]
    path = tmp_path / "both.pdb"
    path.write_text("\n".join([*(line.replace(" MET", "AMET").replace("1.00", "0.30") for line in lines), *serine]))
    (chain,) = read_backbone(path)
    assert chain.sequence == "S"
    assert chain.atoms_nm[0, 0, 0] == pytest.approx(2.834)


def test_the_first_model_is_read_and_gzip_too(tmp_path):
    source = villin_models(tmp_path)
    (chain,) = read_backbone(source)
    models = mdtraj.load(str(source))
    np.testing.assert_allclose(chain.atoms_nm[:, 1], models.xyz[0, models.top.select("name CA")], atol=1e-5)
    packed = tmp_path / "models.pdb.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    np.testing.assert_array_equal(read_backbone(packed)[0].atoms_nm, chain.atoms_nm)
    unnamed = tmp_path / "models.download"
    write_mmcif(unnamed, [chain])
    assert read_backbone(unnamed)[0].sequence == chain.sequence


def test_force_field_files_without_chain_names():
    (chain,) = read_backbone(protein("villin-n68h"))
    assert (chain.name, chain.sequence, chain.mask.all()) == ("A", "LSDEDFKAVFGMTRSAFANLPLWKQQHLKKEKGLF", True)


def test_carbonyl_oxygens_have_standard_geometry():
    atoms = ideal_helix(12)
    oxygens = carbonyl_oxygens(atoms, np.ones(12, bool))
    alpha, carbon = atoms[:, 1], atoms[:, 2]
    bond = oxygens - carbon
    np.testing.assert_allclose(np.linalg.norm(bond, axis=1), 0.1231, atol=1e-9)
    back = alpha - carbon
    cosine = (bond * back).sum(axis=1) / np.linalg.norm(bond, axis=1) / np.linalg.norm(back, axis=1)
    np.testing.assert_allclose(np.degrees(np.arccos(cosine)), 120.8, atol=1e-6)
    to_next = atoms[1:, 0] - carbon[:-1]
    volume = np.einsum("ij,ij->i", np.cross(bond[:-1], back[:-1]), to_next)
    np.testing.assert_allclose(volume, 0, atol=1e-12)  # in the peptide plane
    assert ((bond[:-1] * to_next).sum(axis=1) < 0).all()
    # At the end of the chain: the dihedral N-CA-C-O of an extended residue.
    end = mdtraj.Topology()
    residue = end.add_residue("ALA", end.add_chain())
    for name in ("N", "CA", "C", "O"):
        end.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    last = mdtraj.Trajectory(np.concatenate([atoms[-1], oxygens[-1:]])[None], end)
    assert np.degrees(mdtraj.compute_dihedrals(last, [[0, 1, 2, 3]])[0, 0]) == pytest.approx(-45, abs=0.01)
    # A line has no plane: any will do, but it is a place.
    line = np.arange(9.0).reshape(3, 3, 1) * [0.15, 0, 0]
    assert np.isfinite(carbonyl_oxygens(line, np.ones(3, bool))).all()


def test_what_a_pdb_file_cannot_hold_is_refused_and_mmcif_holds_it(tmp_path):
    small = chain_of(spread_atoms(3))
    cases = {
        "one character": [dataclasses.replace(small, name="AA")],
        "63 chains": [dataclasses.replace(small, name=f"{k}") for k in range(63)],
        "residue number": [dataclasses.replace(small, residue_numbers=np.array([9_998, 9_999, 10_000]))],
        "position": [chain_of(spread_atoms(3) + 1_000)],
        "position in A": [chain_of(spread_atoms(3) - 100)],
        "B-factor": [dataclasses.replace(small, b_factors=np.array([0, 0, 1e4], np.float32))],
    }
    many = np.tile(spread_atoms(10), (900, 1, 1))
    cases["atoms"] = [chain_of(many, name=letter) for letter in "ABC"]
    for message, chains in cases.items():
        with pytest.raises(DataError, match=message) as refused:
            write_pdb(tmp_path / "no.pdb", chains)
        assert "mmCIF" in str(refused.value)
        if message != "atoms":
            write_mmcif(tmp_path / "yes.cif", chains)
            read = read_backbone(tmp_path / "yes.cif")
            assert [chain.name for chain in read] == [chain.name for chain in chains]
            assert_same(read[-1], chains[-1])
    assert not (tmp_path / "no.pdb").exists()


@formats
def test_what_cannot_be_written_is_refused(tmp_path, ending):
    small = chain_of(spread_atoms(3))
    path = tmp_path / f"kept{ending}"
    path.write_text("old")
    hole = small.atoms_nm.copy()
    hole[1, 1, 1] = np.nan
    for message, chains in {
        "no chain": [],
        "two chains": [small, small],
        "no resolved residue": [dataclasses.replace(small, mask=np.zeros(3, bool))],
        "not a number": [dataclasses.replace(small, atoms_nm=hole)],
        "two residues of one number": [dataclasses.replace(small, residue_numbers=np.array([1, 1, 2]))],
        "chain name": [dataclasses.replace(small, name="")],
    }.items():
        with pytest.raises(DataError, match=message):
            WRITERS[ending](path, chains)
    assert path.read_text() == "old"
    WRITERS[ending](path, [small], title="Two\nlines, and ü")
    assert len(read_backbone(path)) == 1
    with pytest.raises(ResultError, match="cannot write"):
        WRITERS[ending](tmp_path / "nowhere" / "x", [small])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_chains_that_do_not_fit_together_are_refused():
    small = chain_of(spread_atoms(3))
    for message, change in {
        "atoms_nm": {"atoms_nm": small.atoms_nm[:2]},
        "mask has the shape": {"mask": small.mask[:2]},
        "type": {"mask": small.mask.astype(float)},
        "residue_numbers": {"residue_numbers": np.arange(4)},
        "insertion_codes": {"insertion_codes": " A"},
        "b_factors": {"b_factors": np.zeros(2, np.float32)},
        "residue 2 is 'b'": {"sequence": "AbA"},
    }.items():
        with pytest.raises(DataError, match=message):
            dataclasses.replace(small, **change)


def test_files_that_are_no_structure_are_refused_by_name(tmp_path):
    lines = BLOCK.splitlines()
    bad = {
        "empty.pdb": ("", "N, CA and C|no atoms"),
        "letters.pdb": (BLOCK.replace("25.413", "25.x13"), "line 2.*25.x13"),
        "nan.pdb": (BLOCK.replace("25.413", "   nan"), "not a number"),
        "cut.pdb": ("\n".join([*lines[:4], lines[4][:40]]), "line 5"),
        "trace.pdb": ("\n".join(line for line in lines if " CA " in line), "N, CA and C"),
        "text.cif": ("data_x\nloop_\n_atom_site.id\n_atom_site.type_symbol\n1 C 2\n", "line 2"),
        "none.cif": ("data_x\n_cell.length_a 1\n", "no atoms"),
        "half.pdb.gz": (gzip.compress(BLOCK.encode())[:60], "gzip"),
    }
    for name, (content, message) in bad.items():
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match=message) as refused:
            read_backbone(path)
        assert str(path) in str(refused.value)
    for path in (tmp_path / "absent.pdb", tmp_path):
        with pytest.raises(DataError, match="name a readable"):
            read_backbone(path)


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path):
    whole = chain_of(spread_atoms(12), "ACDEFGHIKLMN")
    texts = []
    for ending, write in WRITERS.items():
        write(tmp_path / f"whole{ending}", [whole], title="whole")
        texts.append((ending, (tmp_path / f"whole{ending}").read_bytes()))
    texts.append((".pdb", BLOCK.encode()))
    pieces = [
        b"nan",
        b"1e400",
        b"\x00",
        b"\xff",
        b"loop_\n",
        b"data_\n",
        b"'",
        b";\n",
        b"?",
        b"HETATM",
        b"MODEL     2\n",
    ]
    pieces += [
        b"SEQRES   1 A 9999  ALA ALA\n",
        b"99999999999999999999",
        b"-",
        b"  ",
        b"\n",
        b"TER\n",
        b"LINK  ",
        b"MSE",
    ]
    rng = random.Random(0)
    outcomes = {"read": 0, "refused": 0}
    unclear = 0
    for k in range(600):
        ending, text = rng.choice(texts)
        damaged = bytearray(text)
        for _ in range(rng.choice([1, 1, 2, 5, 30])):
            place, kind = rng.randrange(len(damaged)), rng.randrange(4)
            if kind == 0:
                damaged[place] = rng.randrange(256)
            elif kind == 1:
                damaged[place : place + rng.randrange(1, 60)] = b"x"
            elif kind == 2:
                damaged[place:place] = rng.choice(pieces)
            else:
                other = rng.randrange(len(damaged))
                damaged[place:place] = damaged[other : other + rng.randrange(200)]
        path = tmp_path / f"{k}{ending}"
        path.write_bytes(damaged)
        try:
            for chain in read_backbone(path):
                assert np.isfinite(chain.atoms_nm).all()
            outcomes["read"] += 1
        except DataError as refusal:
            unclear += str(path) not in str(refusal) or "\n" in str(refusal)
            outcomes["refused"] += 1
    assert unclear == 0
    assert min(outcomes.values()) > 60


def test_a_file_that_biopython_writes_is_read(tmp_path):
    structure = PeptideBuilder.make_structure("ACDW", [-60.0] * 3, [-45.0] * 3)
    out = PDBIO()
    out.set_structure(structure)
    out.save(str(tmp_path / "built.pdb"))
    (chain,) = read_backbone(tmp_path / "built.pdb")
    assert chain.sequence == "ACDW"
    assert chain.mask.all()
