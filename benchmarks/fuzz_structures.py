"""Mutated and recombined structures, trajectories and ligands: each is read as another program reads it, or refused.

Good files are made on the spot (peptides of one and two chains with water, ions and ligands, written by gemmi, mdtraj,
RDKit and our own writers), taken from dependencies that carry some, and from `--data` where given. They are mutated as
text or bytes, and recombined: two structures in one file, the topology of one with the trajectory of another. Each is
read in a child forked from this process, which has everything loaded, and so is the independent reader: gemmi for PDB
and mmCIF, mdtraj for GRO, PSF, PDB with DCD, XTC, TRR, NetCDF, RDKit for SDF and MOL2.

A failure is anything but agreement or a `LevinthalError` of one line: an abort, another exception, another number of
atoms, residues, charges or frames, other places, or more than 30 s. Its seed is printed, and `--seed N --count 1`
repeats it; `--keep FOLDER` keeps the input.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gemmi
import mdtraj
import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem

from levinthal.datasets.structures import REAL_STRUCTURES, real_structure
from levinthal.errors import LevinthalError
from levinthal.proteins.structures.backbone_files import read_backbone
from levinthal.proteins.structures.protein_file import ProteinFile, protein_of_text
from levinthal.proteins.structures.residue_kinds import ResidueKind, has_backbone
from levinthal.simulation.go.heavy_atoms import read_heavy_atoms
from levinthal.simulation.systems.peptide import capped_peptide
from levinthal.simulation.trajectories import reader, reading_process
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.receptor_cleaning import clean

MOST_SECONDS = 30.0
MOST_NEW_MIB = 1024
KINDS = ("pdb", "trajectory", "cif", "sdf", "pdb", "trajectory", "mol2")
SEQUENCES = ("AG", "SHKMA", "PWADEF", "CDENQRTVILY")
SMILES = (
    "Cc1ccc(C)cc1", "CC(=O)Oc1ccccc1C(=O)[O-]", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C[NH2+]CC(C)O",
    "O=S(=O)(N)c1ccc(Cl)cc1",
    "[NH3+]CC(=O)[O-]", "C[C@H](N)C(=O)O", "C/C=C/C#N",
)  # fmt: skip
TRAJECTORIES = (".dcd", ".xtc", ".trr", ".nc")
TOPOLOGIES = (".pdb", ".gro", ".psf")
HETERO = (
    ("HOH", "O", "O"), ("ZN", "ZN", "ZN"), ("FE2", "FE", "FE"), ("NA", "NA", "NA"), ("CL", "CL", "CL"),
    ("LIG", "C1", "C"),
)  # fmt: skip
TOKENS = (
    "nan", "inf", "1e5", "1_0", "****", "", "TER\n", "END\n", "ENDMDL\n", "MODEL        2\n", "HETATM", "ATOM  ",
    "MSE", "SEP", "HOH", "ACE", "NH2", "A000", "\t", "\x00", "\r", "loop_\n", "?", ".",
    "'", ";\n", "M  END\n", "$$$$\n",
    "V3000", "@<TRIPOS>ATOM\n", "@<TRIPOS>MOLECULE\n", "M  CHG  1   1   1\n", "999", "-1",
)  # fmt: skip


class DifferenceError(AssertionError):
    """What was read is not what another program reads."""


# ---------------------------------------------------------------- good files


@dataclass(frozen=True)
class Molecule:
    """A protein as mdtraj has it."""

    trajectory: mdtraj.Trajectory

    @property
    def pdb(self) -> str:
        """Its PDB text."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.pdb"
            self.trajectory[0].save_pdb(str(path), bfactors=None)
            return path.read_text()


@cache
def peptides() -> tuple[Molecule, ...]:
    """Return small peptides with hydrogens."""
    made = []
    for sequence in SEQUENCES:
        system, starts = capped_peptide("peptide", sequence, ("helix",))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "p.pdb"
            path.write_text(system.topology_pdb)
            topology = mdtraj.load_topology(str(path))
        made.append(Molecule(mdtraj.Trajectory(starts["helix"][None].astype(np.float32), topology)))
    return tuple(made)


@cache
def structures(data: Path | None) -> tuple[str, ...]:
    """Return good PDB texts: made here, carried by dependencies, and those of a folder of real data."""
    found = [each.pdb for each in peptides()]
    for name in REAL_STRUCTURES:
        with contextlib.suppress(LevinthalError):
            found.append(real_structure(name).read_text())
    if data is not None:
        found += [path.read_text() for path in sorted(data.rglob("*.pdb")) if path.stat().st_size < 2**19]
    return tuple(found)


def atom_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("ATOM", "HETATM"))]


def good_pdb(rng: random.Random, data: Path | None) -> str:
    """Return a structure, alone or beside another, with what stands beside proteins in files."""
    chosen = structures(data)
    lines = atom_lines(rng.choice(chosen))
    if len(lines) > 3000:
        lines = lines[:3000]
    if rng.random() < 0.4:
        lines += rng.choice(([], ["TER"])) + second_copy(lines, rng)
    for k in range(rng.choice((0, 0, 1, 4))):
        name, atom, element = rng.choice(HETERO)
        shown = atom if len(element) == 2 else f" {atom}"
        x, y, z = (rng.uniform(-60, 60) for _ in range(3))
        lines.append(
            f"HETATM{9000 + k:5d} {shown:<4} {name:>3} A{900 + k:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
            f"          {element:>2}"
        )
    return "\n".join([*lines, rng.choice(("END", "TER\nEND", "")), ""])


def second_copy(lines: list[str], rng: random.Random) -> list[str]:
    """Return a copy of atoms 8 nm away: of the same chain or another, or with a segment of its own."""
    moved = []
    chain = rng.choice(("same", "B", "segment"))
    for line in lines[: rng.choice((len(lines), len(lines) // 2))]:
        x = float(line[30:38]) + 80.0
        new = f"{line[:30]}{x:8.3f}{line[38:]}"
        if chain == "B":
            new = f"{new[:21]}B{new[22:]}"
        elif chain == "segment":
            new = f"{new[:72]:<72}P2  {new[76:]}"
        moved.append(new)
    return moved


def good_cif(rng: random.Random, data: Path | None) -> str:
    structure = gemmi.read_pdb_string(good_pdb(rng, data))
    structure.setup_entities()
    structure.assign_label_seq_id()
    return str(structure.make_mmcif_document().as_string())


@cache
def ligand(smiles: str) -> Chem.Mol:
    found = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(found, randomSeed=1)
    return found


def good_sdf(rng: random.Random, data: Path | None) -> str:
    records = [ligand(rng.choice(SMILES)) for _ in range(rng.choice((1, 1, 1, 3)))]
    return "".join(Chem.MolToMolBlock(each, forceV3000=rng.random() < 0.2) + "$$$$\n" for each in records)


def good_mol2(rng: random.Random, data: Path | None) -> str:
    """Write a MOL2 file with the simplest of Sybyl's types."""
    found = ligand(rng.choice(SMILES[:1] + SMILES[4:5] + SMILES[6:]))
    hybrid = {"C": "C.3", "N": "N.3", "O": "O.3", "S": "S.3", "P": "P.3"}
    lines = [
        "@<TRIPOS>MOLECULE",
        "ligand",
        f"{found.GetNumAtoms()} {found.GetNumBonds()} 1 0 0",
        "SMALL",
        "NO_CHARGES",
        "",
    ]
    lines.append("@<TRIPOS>ATOM")
    places = found.GetConformer().GetPositions()
    for k, (atom, (x, y, z)) in enumerate(zip(found.GetAtoms(), places, strict=True), 1):
        symbol = atom.GetSymbol()
        kind = "C.ar" if atom.GetIsAromatic() and symbol == "C" else hybrid.get(symbol, symbol)
        lines.append(f"{k} {symbol}{k} {x:.4f} {y:.4f} {z:.4f} {kind} 1 LIG 0.0")
    lines.append("@<TRIPOS>BOND")
    for k, bond in enumerate(found.GetBonds(), 1):
        order = "ar" if bond.GetIsAromatic() else str(int(bond.GetBondTypeAsDouble()))
        lines.append(f"{k} {bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1} {order}")
    return "\n".join([*lines, ""])


GOOD: dict[str, Callable[[random.Random, Path | None], str]] = {
    "pdb": good_pdb, "cif": good_cif, "sdf": good_sdf, "mol2": good_mol2,
}  # fmt: skip


def psf(topology: mdtraj.Topology) -> str:
    """Write a PSF file of atoms and bonds."""
    lines = ["PSF", "", "       1 !NTITLE", " REMARKS made here", "", f"{topology.n_atoms:8d} !NATOM"]
    lines += [
        f"{atom.index + 1:8d} MAIN {atom.residue.resSeq:<4d} {atom.residue.name:<4} {atom.name:<4} "
        f"{atom.element.symbol:<4} {0.0:10.6f} {atom.element.mass:13.4f}           0"
        for atom in topology.atoms
    ]
    pairs = [(a.index + 1, b.index + 1) for a, b in topology.bonds]
    lines += ["", f"{len(pairs):8d} !NBOND: bonds"]
    flat = [f"{k:8d}" for pair in pairs for k in pair]
    lines += ["".join(flat[k : k + 8]) for k in range(0, len(flat), 8)]
    return "\n".join([*lines, ""])


def good_trajectory(rng: random.Random, folder: Path) -> tuple[Path, Path]:
    """Write a topology and a trajectory of the same peptide, or of two different ones."""
    molecule = rng.choice(peptides()[1:])
    start = molecule.trajectory
    generator = np.random.default_rng(rng.randrange(2**32))
    n_frames = rng.choice((1, 3, 12, 101))
    places = start.xyz + generator.normal(scale=0.003, size=(n_frames, start.n_atoms, 3))
    box = {}
    if rng.random() < 0.4:
        length = float(np.ptp(start.xyz[0], axis=0).max()) + 1.0
        box = {"unitcell_lengths": np.full((n_frames, 3), length), "unitcell_angles": np.full((n_frames, 3), 90.0)}
    written = mdtraj.Trajectory(places.astype(np.float32), start.topology, time=np.arange(n_frames), **box)
    trajectory = folder / f"t{rng.choice(TRAJECTORIES)}"
    written.save(str(trajectory))
    shown = start if rng.random() < 0.9 else rng.choice(peptides()).trajectory
    topology = folder / f"top{rng.choice(TOPOLOGIES)}"
    if topology.suffix == ".psf":
        topology.write_text(psf(shown.topology))
    else:
        shown[0].save(str(topology))
    return topology, trajectory


# ---------------------------------------------------------------- mutations of text and bytes


def mutate_text(text: str, rng: random.Random) -> str:
    """Break a text in one to three ways, mostly within a line."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        text = rng.choice((flip, digit, digit, columns, token, line, line, line, cut, shift))(text, rng)
    return text


def flip(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text)) if text else 0
    return text[:at] + chr(rng.choice((rng.randrange(32, 127), rng.randrange(1, 0x2FF)))) + text[at + 1 :]


def digit(text: str, rng: random.Random) -> str:
    at = rng.choice([found.start() for found in re.finditer(r"\d", text)] or [0])
    return text[:at] + str(rng.randrange(10)) + text[at + 1 :]


def columns(text: str, rng: random.Random) -> str:
    """Change a field of an atom's line: residue name or number, chain, location, segment, element."""
    lines = text.split("\n")
    atoms = [k for k, each in enumerate(lines) if each.startswith(("ATOM", "HETATM"))]
    if not atoms:
        return text
    first, last, values = rng.choice(
        (
            (17, 20, ("SEP", "MSE", "HID", "ACE", "NH2", "HOH", "UNK", " ZN", "ALA")),
            (22, 26, ("   1", "A000", "  -5", "    ")),
            (21, 22, ("B", " ", "a")), (16, 17, ("A", "B")), (72, 76, ("P2  ", "    ")), (76, 78, ("  ", "ZN", " X")),
            (26, 27, ("A", "0")), (12, 16, ("CA  ", " CA ", "OXT ", "1HB ")), (20, 21, ("T", "3")),
        )
    )  # fmt: skip
    value = rng.choice(values)
    residue = lines[rng.choice(atoms)][17:27]
    one = rng.random() < 0.3
    for k in atoms:
        if lines[k][17:27] == residue:
            lines[k] = f"{lines[k]:<80}"[:first] + value + f"{lines[k]:<80}"[last:]
            if one:
                break
    return "\n".join(lines)


def token(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 3, 8)) :]


def line(text: str, rng: random.Random) -> str:
    """Remove, repeat, swap or move some lines: an atom, a residue, a stretch of a chain."""
    lines = text.split("\n")
    one, other = sorted((rng.randrange(len(lines)), rng.randrange(len(lines))))
    length = rng.choice((1, 1, 5, 20))
    how = rng.randrange(5)
    if how == 0:
        del lines[one : one + length]
    elif how == 1:
        lines[other:other] = lines[one : one + length]
    elif how == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif how == 3:
        lines.insert(one, rng.choice(("TER", "END", "ENDMDL", "")))
    else:
        piece = lines[one : one + length]
        del lines[one : one + length]
        lines[other:other] = piece
    return "\n".join(lines)


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def shift(text: str, rng: random.Random) -> str:
    """Add to or take from every number of residues."""
    by = rng.choice((-1, 9990, 1000))
    return "\n".join(
        f"{each[:22]}{(int(each[22:26]) + by) % 10_000:4d}{each[26:]}"
        if each.startswith(("ATOM", "HETATM")) and each[22:26].strip().isdigit()
        else each
        for each in text.split("\n")
    )


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Break some bytes: a flip, a cut, a piece twice, a piece away, a header's number."""
    broken = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2))):
        at = rng.randrange(len(broken) + 1)
        how = rng.randrange(6)
        if how == 0 and broken:
            broken[at % len(broken)] ^= 1 << rng.randrange(8)
        elif how == 1:
            del broken[at:]
        elif how == 2:
            broken[at:at] = broken[at : at + rng.choice((4, 400))]
        elif how == 3:
            del broken[at : at + rng.choice((1, 4, 400))]
        elif how == 4:
            place = 4 * rng.randrange(min(len(broken) // 4, 60) + 1)
            broken[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", rng.randbytes(4), b"\0\0\0\x01"))
        else:
            broken += rng.randbytes(rng.choice((1, 100)))
    return bytes(broken)


# ---------------------------------------------------------------- what others read


def atoms_of(residues: Iterable[tuple[str, gemmi.Residue]], marked: bool) -> Counter[tuple[Any, ...]]:
    """Count atoms by all that tells them apart, place included."""
    return Counter(
        ("" if marked else chain.strip(), residue.name, str(residue.seqid), atom.name, atom.altloc, *atom.pos.tolist())
        for chain, residue in residues
        for atom in residue
    )


def check_structure(kind: str, path: Path) -> str:
    """Read a structure by each of our ways and compare it with what gemmi reads."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = protein_of_text(text, str(path))
    theirs = gemmi.read_pdb_string(text) if kind == "pdb" else first_structure(text)
    marked = kind == "pdb" and any(line[20:21] != " " for line in atom_lines(text))  # to gemmi a chain's name
    ours = [(each.chain, each.residue) for chain in found.chains for each in chain.residues]
    ours += [(each.chain, each.residue) for each in found.others]
    expected = atoms_of(((chain.name, residue) for chain in theirs[0] for residue in chain), marked)
    read = atoms_of(ours, marked)
    if read != expected:
        raise DifferenceError(f"atoms: {(read - expected) or (expected - read)}"[:600])
    outcome = "read"
    for check in (check_backbone, check_go, check_receptor):
        try:
            check(path, found)
        except LevinthalError as error:
            one_line(error)
            outcome = "read, refused by some"
    return outcome


def first_structure(text: str) -> gemmi.Structure:
    blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
    return gemmi.make_structure_from_block(blocks[0])


def amino_acids(found: ProteinFile) -> list[gemmi.Residue]:
    return [each.residue for chain in found.chains for each in chain.residues if each.kind is ResidueKind.AMINO_ACID]


def check_backbone(path: Path, found: ProteinFile) -> None:
    whole = sum(map(has_backbone, amino_acids(found)))
    resolved = sum(int(chain.mask.sum()) for chain in read_backbone(path))
    if resolved > whole or (resolved < whole and not has_alternates(found)):
        raise DifferenceError(f"{resolved} residues with a backbone, {whole} in the file")


def has_alternates(found: ProteinFile) -> bool:
    return any(atom.has_altloc() for residue in amino_acids(found) for atom in residue)


def check_go(path: Path, found: ProteinFile) -> None:
    residues, _, warned = read_heavy_atoms(path)
    if len(residues) != len(amino_acids(found)) and not has_alternates(found):
        raise DifferenceError(f"{len(residues)} residues of a Go model, {len(amino_acids(found))} in the file")
    check_lone(found, " ".join(warned))


def check_lone(found: ProteinFile, said: str) -> None:
    for each in found.others:
        if each.kind is not ResidueKind.WATER and each.residue.name not in said:
            raise DifferenceError(f"{each} was left out without a word")


def check_receptor(path: Path, found: ProteinFile) -> None:
    cleaned = clean(found, keep_waters=False)
    kept = sum(map(len, cleaned.chains)) + len(cleaned.removed)
    total = sum(len(chain.residues) for chain in found.chains) + len(found.others)
    if kept != total:
        raise DifferenceError(f"{kept} residues of a receptor kept or named as removed, {total} in the file")


def check_trajectory(topology: Path, trajectory: Path) -> str:
    """Read a trajectory and compare frames and places of CA atoms with what mdtraj reads."""
    found = reader.read_trajectories([str(trajectory)], str(topology))
    (ours,) = found.trajectories
    theirs = mdtraj.load(str(trajectory), top=str(topology))
    if len(theirs) != len(ours.ca_nm):
        raise DifferenceError(f"{len(ours.ca_nm)} frames, {len(theirs)} by mdtraj")
    carbons = [atom for atom in theirs.topology.atoms if atom.name == "CA" and atom.residue.n_atoms > 3]
    if len(carbons) != len(found.residues.atoms) + len(found.residues.left_out):
        raise DifferenceError(f"{len(found.residues.atoms)} residues, {len(carbons)} CA atoms by mdtraj")
    if not ours.n_made_whole:
        apart = np.abs(theirs.xyz[:, found.residues.atoms] - ours.ca_nm).max()
        if not apart < 1e-4:
            raise DifferenceError(f"CA atoms are {apart} nm from where mdtraj reads them")
    return "read"


def check_ligand(kind: str, path: Path) -> str:
    """Read a ligand and compare its heavy atoms and its charge with what RDKit reads."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found: Ligand = prepare_ligand(str(path))
    theirs = (
        Chem.MolFromMolBlock(text.split("$$$$")[0], removeHs=False)
        if kind == "sdf"
        else Chem.MolFromMol2Block(text, removeHs=False)
    )
    if theirs is None:
        return "read, not by RDKit"
    parts = Chem.GetMolFrags(theirs, asMols=True)
    sizes = [(sum(atom.GetAtomicNum() > 1 for atom in part.GetAtoms()), Chem.GetFormalCharge(part)) for part in parts]
    made = Chem.MolFromMolBlock(found.mol_block, removeHs=False)
    ours = (len(found.heavy_atoms), Chem.GetFormalCharge(made) if made is not None else None)
    if ours not in sizes or ours[0] < max(sizes)[0]:
        raise DifferenceError(f"heavy atoms and charge are {ours}, by RDKit {sizes}")
    return "read"


# ---------------------------------------------------------------- one seed, in a child


def one_line(error: LevinthalError) -> None:
    if "\n" in str(error) or len(str(error)) > 800:
        raise DifferenceError(f"not one short line: {error}")


def forked(work: Callable[[], str], seconds: float) -> tuple[int, str]:
    """Do some work in a child and return its status, negative for a signal, and what it says."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        signal.alarm(int(seconds) + 1)
        status = 0
        try:
            said = work()
        except BaseException:
            said, status = traceback.format_exc(limit=-3), 1
        with os.fdopen(write_end, "w", errors="replace") as out:
            out.write(said)
        os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, errors="replace") as back:
        said = back.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


class ForkedProcesses:
    """What `reader` takes of `subprocess`, without the time that another interpreter takes."""

    CompletedProcess = subprocess.CompletedProcess

    @staticmethod
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        """Do what the program `reading_process` does, in a child."""
        folder = Path(command[-1])

        def work() -> str:
            try:
                reading_process.main(folder)
            except LevinthalError as error:
                (folder / reading_process.ERROR).write_text(str(error), encoding="utf-8")
            return ""

        status, said = forked(work, MOST_SECONDS)
        refused = (folder / reading_process.ERROR).exists()
        return subprocess.CompletedProcess(command, 2 if refused and status == 0 else status, b"", said.encode())


def attempt(seed: int, data: Path | None, folder: Path) -> str:
    """Make the input of a seed, read it and return what became of it; a failure is raised."""
    kind = KINDS[seed % len(KINDS)]
    rng = random.Random(seed)
    if kind == "trajectory":
        topology, trajectory = good_trajectory(rng, folder)
        trajectory.write_bytes(mutate_bytes(trajectory.read_bytes(), rng))
        if rng.random() < 0.3:
            topology.write_text(mutate_text(topology.read_text(), rng))
        work = lambda: check_trajectory(topology, trajectory)  # noqa: E731
    else:
        path = folder / f"mutant.{kind}"
        path.write_text(mutate_text(GOOD[kind](rng, data), rng), encoding="utf-8", errors="replace", newline="")
        check = check_structure if kind in ("pdb", "cif") else check_ligand
        work = lambda: check(kind, path)  # noqa: E731
    try:
        return work()
    except LevinthalError as error:
        one_line(error)
        return "refused"


def load_everything(data: Path | None) -> None:
    """Import, compile and build all that the children use, and see that what is good is read."""
    reader.subprocess = ForkedProcesses  # type: ignore[attr-defined]
    RDLogger.DisableLog("rdApp.*")
    warnings.simplefilter("ignore")
    structures(data)
    for smiles in SMILES:
        ligand(smiles)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, make in GOOD.items():
            path = folder / f"good.{kind}"
            path.write_text(make(random.Random(1), None))
            check = check_structure if kind in ("pdb", "cif") else check_ligand
            check(kind, path)
        check_trajectory(*good_trajectory(random.Random(0), folder))


def fuzz(seeds: range, data: Path | None, keep: Path | None) -> dict[str, object]:
    """Read the inputs of all seeds and return what became of them."""
    load_everything(data)
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    failures: list[str] = []
    worst_s, worst_seed = 0.0, -1
    for seed in seeds:
        kind = KINDS[seed % len(KINDS)]
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="levinthal-fuzz-") as name:
            folder = Path(name)
            status, said = forked(lambda: attempt(seed, data, folder), MOST_SECONDS)  # noqa: B023
            if status != 0:
                died = f"ended by {signal.Signals(-status).name}" if status < 0 else said
                failures.append(f"seed {seed} ({kind}): {died}")
                print(failures[-1], file=sys.stderr, flush=True)
                said = "failed"
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    for path in folder.iterdir():
                        (keep / f"{seed}-{path.name}").write_bytes(path.read_bytes())
        outcomes[kind][said] += 1
        took = time.perf_counter() - began
        if took > worst_s:
            worst_s, worst_seed = took, seed
    most_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    own_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "what": "mutated and recombined PDB, mmCIF, trajectory, SDF and MOL2 files, read as gemmi, mdtraj and RDKit do",
        "seeds": f"{seeds.start} to {seeds.stop - 1}",
        "inputs": len(seeds),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "worst_s": round(worst_s, 3),
        "worst_seed": worst_seed,
        "most_new_mib": round(most_mib - own_mib, 1),
        "failures": failures,
        "passed": not failures and worst_s < MOST_SECONDS and most_mib - own_mib < MOST_NEW_MIB,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="inputs (default 5,000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--data", type=Path, help="a folder of real PDB files to mutate too")
    parser.add_argument("--keep", type=Path, help="a folder to keep the inputs of failures in")
    options = parser.parse_args()
    result = fuzz(range(options.seed, options.seed + options.count), options.data, options.keep)
    result["failures"] = len(result["failures"])  # type: ignore[arg-type]
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
