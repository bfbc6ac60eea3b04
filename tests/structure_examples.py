"""Structures with the properties of those that people reported as misread, made of real ones by a few lines each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from carried import pdb_atoms, protein, villin_piece
from levinthal.datasets.structures import real_complex


def atom_line(record: str, name: str, residue: str, place_angstrom: np.ndarray, element: str, chain: str = "A") -> str:
    """Return a line; `residue` is its name and number as in `ALA 400`."""
    kind, number = residue.split()
    label = f"{name:<4}" if len(element) == 2 or len(name) == 4 else f" {name:<3}"
    x, y, z = place_angstrom
    return (
        f"{record:<6}{9999:>5} {label} {kind:>3} {chain}{number:>4}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
        f"          {element:>2}"
    )


def place_of(line: str) -> np.ndarray:
    return np.array([float(line[k : k + 8]) for k in (30, 38, 46)])


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def lysozyme() -> list[str]:
    """Return the atoms of T4 lysozyme L99A, in a chain A."""
    return [f"{line[:21]}A{line[22:]}" for line in pdb_atoms(protein("t4-lysozyme-l99a"))]


def cavity() -> np.ndarray:
    """Return where p-xylene sits in it."""
    atoms = real_complex("t4-lysozyme-l99a-p-xylene")[1].read_text().split("@<TRIPOS>")[2].splitlines()[1:]
    return np.mean([[float(x) for x in line.split()[2:5]] for line in atoms], axis=0)


def two_copies(path: Path, *, chain: str, ter: bool) -> Path:
    """Write two copies of a peptide of eleven residues, 20 A apart, under one chain name or none."""
    piece = [f"{line[:21]}{chain or ' '}{line[22:]}" for line in pdb_atoms(villin_piece(path.parent))]
    moved = [f"{line[:30]}{place_of(line)[0] + 20:8.3f}{line[38:]}" for line in piece]
    one, two = (
        [f"{line[:72]:<72}{segment}  {line[76:]}" for line in each] for each, segment in ((piece, "P1"), (moved, "P2"))
    )
    return written(path, [*one, *(["TER"] if ter else []), *two])


def free_amino_acid(path: Path) -> Path:
    """Write lysozyme with a free alanine, ALA A 400, in its cavity."""
    atoms = {line[12:16].strip(): place_of(line) for line in lysozyme() if line[17:26] == "ALA A  41"}
    atoms["OXT"] = 3 * atoms["C"] - atoms["CA"] - atoms["O"]  # the three bonds of C lie in a plane, 120 degrees apart
    names = ("N", "CA", "CB", "C", "O", "OXT")
    shift = cavity() - np.mean([atoms[name] for name in names], axis=0)
    ligand = [atom_line("HETATM", name, "ALA 400", atoms[name] + shift, name[0]) for name in names]
    return written(path, [*lysozyme(), "TER", *ligand])


def phosphoserine(path: Path, record: str) -> Path:
    """Write lysozyme with its serine 117 phosphorylated, its atoms as ATOM or as HETATM."""
    lines = []
    for line in lysozyme():
        if line[17:26] != "SER A 117":
            lines.append(line)
        elif line[12:16].strip() not in ("HG", "HOG"):
            lines.append(f"{record:<6}{line[6:17]}SEP{line[20:]}")
    atoms = {line[12:16].strip(): place_of(line) for line in lines if line[17:26] == "SEP A 117"}
    outwards = (atoms["OG"] - atoms["CB"]) / np.linalg.norm(atoms["OG"] - atoms["CB"])
    aside = np.cross(outwards, [0.0, 0.0, 1.0])
    phosphorus = atoms["OG"] + 1.6 * outwards
    oxygens = (outwards + aside, outwards - aside, outwards + np.cross(outwards, aside))
    added = [atom_line(record, "P", "SEP 117", phosphorus, "P")]
    for number, direction in enumerate(oxygens, start=1):
        place = phosphorus + 1.5 * direction / np.linalg.norm(direction)
        added.append(atom_line(record, f"O{number}P", "SEP 117", place, "O"))
    last = max(k for k, line in enumerate(lines) if line[17:26] == "SEP A 117")
    return written(path, [*lines[: last + 1], *added, *lines[last + 1 :]])


def ring(path: Path) -> Path:
    """Write cyclo-octaalanine, whose last C is bonded to its first N."""
    molecule = Chem.AddHs(Chem.MolFromSmiles("N1[C@@H](C)C(=O)" + 6 * "N[C@@H](C)C(=O)" + "N[C@@H](C)C1(=O)"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    places = molecule.GetConformer().GetPositions()[:40].reshape(8, 5, 3)
    names = ("N", "CA", "CB", "C", "O")
    return written(
        path,
        [
            atom_line("ATOM", name, f"ALA {number}", place, name[0])
            for number, residue in enumerate(places, start=1)
            for name, place in zip(names, residue, strict=True)
        ],
    )


def with_iron(path: Path, name: str) -> Path:
    """Write lysozyme with an iron ion in its cavity, in a residue of that name."""
    return written(path, [*lysozyme(), "TER", atom_line("HETATM", "FE", f"{name} 401", cavity(), "FE")])
