"""The records of a PDBQT file: atoms by their columns, the first of several models, and what is skipped."""

from __future__ import annotations

from dataclasses import dataclass

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.atom_types import ELEMENTS, PSEUDO_TYPES
from levinthal.workloads.docking.preparation.text import coordinates_of

__all__ = ["SKIPPED", "AtomLine", "atom_of", "first_model", "is_atom"]

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
    end = next((number for number, line in enumerate(lines) if line.startswith("ENDMDL")), len(lines))
    return [line for line in lines[:end] if not line.startswith("MODEL")], ["model 1 taken"]


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
