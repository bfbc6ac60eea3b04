"""Where chains begin in a file: at another name, a TER, another segment, or a residue number that falls back.

Files of CHARMM, or merged ones, tell copies of a protein apart by no more than that, under one name or none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from levinthal.proteins.structures.atom_rows import AtomRow
from levinthal.proteins.structures.residue_kinds import is_amino_acid_name


@dataclass(frozen=True)
class ChainParts:
    """What part of a chain each atom is in.

    Attributes
    ----------
    of_atom : list of int
        Counted from 0 in order of the file.
    strays : dict of int to list of (int or None, str)
        Numbers and insertion codes of residues in a part some atoms of which stand before their place.
    """

    of_atom: list[int]
    strays: dict[int, list[tuple[int | None, str]]]


@dataclass
class _Part:
    """A chain, or a part of one, that may still go on."""

    number: int
    place: tuple[str, str, int]  # chain, segment, and how many TER its name has seen
    residue_number: int | None = None
    last: object = None
    atoms: dict[tuple[str, str, int | None, str, str], set[tuple[str, str]]] = field(default_factory=dict)


def chain_parts(rows: Iterable[AtomRow]) -> ChainParts:
    """Say which part of a chain each atom is in.

    A residue that comes again only adds atoms to the one before, as hydrogens at the end of a file do; with an atom
    that was there already it belongs to another copy.

    Parameters
    ----------
    rows : iterable of AtomRow
        Of one model.

    Raises
    ------
    ValueError
        An atom of an amino acid stands there twice; names it and the line.
    """
    going: dict[str, _Part] = {}
    ended: dict[str, int] = {}
    parts: list[_Part] = []
    of_atom: list[int] = []
    before = ""
    for row in rows:
        if row.after_end:
            ended[before] = ended.get(before, 0) + 1
        place = row.chain, row.segment, ended.get(row.chain, 0)
        part = going.get(row.chain)
        if part is None or part.place != place or _begins_another(part, row):
            part = going[row.chain] = _Part(len(parts), place)
            parts.append(part)
        part.atoms.setdefault(row.key, set()).add((row.atom, row.location))
        part.residue_number, part.last, before = row.number, row.key, row.chain
        of_atom.append(part.number)
    moved = _stray_parts(parts)
    strays: dict[int, list[tuple[int | None, str]]] = {}
    for number, into in moved.items():
        strays.setdefault(into, []).extend((key[2], key[3]) for key in parts[number].atoms)
    return ChainParts([moved.get(number, number) for number in of_atom], strays)


def _stray_parts(parts: list[_Part]) -> dict[int, int]:
    """Return the parts that only have atoms of residues which the next part of the same chain has without them."""
    moved: dict[int, int] = {}
    latest: dict[tuple[str, str, int], _Part] = {}
    for part in reversed(parts):
        into = latest.get(part.place)
        if into is not None and all(
            key in into.atoms and not atoms & into.atoms[key] for key, atoms in part.atoms.items()
        ):
            moved[part.number] = moved.get(into.number, into.number)
        latest[part.place] = part
    return moved


def _begins_another(part: _Part, row: AtomRow) -> bool:
    there = part.atoms.get(row.key)
    if there is not None:
        twice = (row.atom, row.location) in there
        if twice and part.last == row.key and is_amino_acid_name(row.residue):
            raise ValueError(f"line {row.line}: atom {row.atom} of {row} stands there twice: remove one copy")
        return twice
    return row.number is not None and part.residue_number is not None and row.number < part.residue_number
