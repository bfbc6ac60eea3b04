"""Libraries to screen: SMILES with names, SDF files, or the built-in one; a bad line is named and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.binder_library import L99A_LIBRARY, LibraryEntry
from levinthal.workloads.docking.preparation.ligands import prepare_ligand
from levinthal.workloads.docking.preparation.text import read_text

__all__ = ["BUILT_IN", "Failure", "Prepared", "prepare_library", "read_library"]

BUILT_IN = "l99a"

_MARKS = {"active": True, "1": True, "decoy": False, "inactive": False, "0": False}


@dataclass(frozen=True)
class Failure:
    """A compound that could not be docked, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Prepared:
    """A compound that is ready to be docked."""

    entry: LibraryEntry
    ligand: Ligand


def read_library(source: str) -> tuple[LibraryEntry, ...]:
    """Read a library.

    Parameters
    ----------
    source : str
        `l99a`; a file of lines `SMILES name [active|decoy]`, where `#` begins a comment; or an SDF file, whose field
        `active`, where there is one, marks what is known.

    Returns
    -------
    tuple of LibraryEntry
        A compound of an SDF file has its mol block in place of SMILES; names are made unique.

    Raises
    ------
    DataError
        The file cannot be read or holds no compound, or a mark is neither active nor decoy.
    """
    if source == BUILT_IN:
        return L99A_LIBRARY
    path = Path(source)
    text = read_text(path)
    entries = tuple(_sdf(text, path) if path.suffix.lower() in (".sdf", ".sd", ".mol") else _smiles(text, path))
    if not entries:
        raise DataError(f"{path} holds no compound: give a line SMILES name for each")
    return _unique(entries)


def prepare_library(entries: Sequence[LibraryEntry]) -> tuple[tuple[Prepared, ...], tuple[Failure, ...]]:
    """Make ligands; those that cannot be made are failures."""
    prepared, failures = [], []
    for entry in entries:
        try:
            prepared.append(Prepared(entry, prepare_ligand(entry.smiles, name=entry.name)))
        except LevinthalError as error:
            failures.append(Failure(entry.name, str(error)))
    return tuple(prepared), tuple(failures)


def _smiles(text: str, path: Path) -> Iterator[LibraryEntry]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or line.lstrip().startswith("#"):
            continue
        mark = fields[2] if len(fields) > 2 else None
        yield LibraryEntry(
            fields[1] if len(fields) > 1 else f"compound {number}", fields[0], _active(mark, f"{path}, line {number}")
        )


def _sdf(text: str, path: Path) -> Iterator[LibraryEntry]:
    for number, record in enumerate(text.replace("\r\n", "\n").split("$$$$\n"), 1):
        if not record.strip():
            continue
        name = record.split("\n", 1)[0].strip() or f"compound {number}"
        _, tagged, rest = record.partition("<active>")
        # the field's value stands on the line after its tag
        mark = rest.split("\n")[1].strip() if tagged and "\n" in rest else None
        yield LibraryEntry(name, record, _active(mark or None, f"{path}, record {number}"))


def _active(mark: str | None, where: str) -> bool | None:
    if mark is None:
        return None
    if mark.lower() not in _MARKS:
        raise DataError(f"{where}: {mark[:20]!r} is neither active nor decoy: write one of them, or nothing")
    return _MARKS[mark.lower()]


def _unique(entries: tuple[LibraryEntry, ...]) -> tuple[LibraryEntry, ...]:
    seen: dict[str, int] = {}
    named = []
    for entry in entries:
        count = seen[entry.name] = seen.get(entry.name, 0) + 1
        name = entry.name if count == 1 else f"{entry.name} ({count})"
        named.append(LibraryEntry(name, entry.smiles, entry.active, entry.binding_kcal_mol))
    return tuple(named)
