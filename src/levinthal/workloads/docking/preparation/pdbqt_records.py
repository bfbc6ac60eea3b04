"""The records of a PDBQT file: atoms by their columns, read and written, and what is skipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.atom_types import ELEMENTS, PSEUDO_TYPES
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.preparation.text import coordinates_of

SKIPPED = (
    "REMARK", "TER", "END", "WARNING", "ROOT", "BRANCH", "TORSDOF", "USER", "COMPND",
    "AUTHOR", "HEADER", "TITLE", "CRYST", "BEGIN_RES", "CONECT", "MASTER", "ANISOU", "EXPDTA",
    "SEQRES",
)  # fmt: skip
"""Beginnings of the records that say nothing of the atoms."""


@dataclass(frozen=True)
class AtomLine:
    """One atom of a PDBQT file."""

    serial: str
    name: str
    residue: str
    type: str
    place_angstrom: tuple[float, float, float]


def is_atom(line: str) -> bool:
    """Say whether a line of a PDB or PDBQT file is an atom."""
    return line.startswith(("ATOM", "HETATM"))


def first_model(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of the first model, or all where there are no models, and a note where there are several."""
    lines = text.splitlines()
    if not any(line.startswith("MODEL") for line in lines):
        return lines, []
    count = sum(line.startswith("MODEL") for line in lines)
    end = next((number for number, line in enumerate(lines) if line.startswith("ENDMDL")), len(lines))
    notes = [f"model 1 of {count} taken"] if count > 1 else []
    return [line for line in lines[:end] if not line.startswith("MODEL")], notes


def atom_of(line: str, where: str) -> AtomLine:
    """Read an atom.

    Raises
    ------
    DataError
        Its type or its position makes no sense; the message begins with `where` and names it.
    """
    parts = line[17:20].strip() or "?", line[21:22].strip() or "-", line[22:27].strip() or "?"
    name, residue = line[12:16].strip() or "?", " ".join(parts)
    kind = line[77:].strip().split(" ")[0]
    if kind not in ELEMENTS and kind not in PSEUDO_TYPES:
        raise DataError(
            f"{where}: atom {name} of {residue}: {kind[:10]!r} in column 78 is not an AutoDock type: prepare the file "
            "again, with meeko for example"
        )
    return AtomLine(line[6:11].strip(), name, residue, kind, coordinates_of(line, f"{where}: atom {name} of {residue}"))


def ligand_to_pdbqt(ligand: Ligand, coordinates_angstrom: npt.ArrayLike | None = None) -> str:
    """Write a ligand as one rigid fragment; for Vina it has no torsions.

    Parameters
    ----------
    ligand : Ligand
    coordinates_angstrom : array_like, shape (n, 3), optional
        Of all its atoms; by default those of the source.
    """
    places = ligand.source_coordinates_angstrom if coordinates_angstrom is None else np.asarray(coordinates_angstrom)
    rows = zip(ligand.atom_names, ["LIG L   1"] * len(places), ligand.types, places, strict=True)
    return "\n".join(["ROOT", *_lines(rows), "ENDROOT", "TORSDOF 0", ""])


def receptor_to_pdbqt(receptor: Receptor) -> str:
    """Write a receptor as Vina reads it."""
    residues = [_columns_of_residue(residue) for residue in receptor.residues]
    rows = zip(receptor.atom_names, residues, receptor.types, receptor.coordinates_angstrom, strict=True)
    return "\n".join([*_lines(rows), ""])


def _lines(rows: Iterable[tuple[str, str, str, npt.NDArray[np.float64]]]) -> list[str]:
    return [
        f"ATOM  {number % 100_000:>5} {name[:4] if len(name) > 3 else ' ' + name:<4} {residue:<10}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00     0.000 {kind:<2}"
        for number, (name, residue, kind, (x, y, z)) in enumerate(rows, 1)
    ]


def _columns_of_residue(residue: str) -> str:
    name, chain, number = [*residue.split(" "), "", ""][:3]
    digits = number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return f"{name[:3]:>3} {chain[:1]:1}{digits[-4:]:>4}{number[len(digits) :][:1]:1}"
