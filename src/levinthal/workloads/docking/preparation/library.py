"""Libraries to screen: SMILES with names, SDF files, or the built-in one; a bad line is named and stops nothing.

The built-in library is what is known to bind in the cavity of T4 lysozyme L99A, and what is not. Binders and their
binding free energies after Morton, Baase and Matthews, Biochemistry 34:8564 (1995); compounds of similar size that were
not seen to bind after the same and Wei et al., J. Mol. Biol. 322:339 (2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.ligands import prepare_ligand
from levinthal.workloads.docking.preparation.text import read_text


@dataclass(frozen=True)
class LibraryEntry:
    """One compound of a library.

    Attributes
    ----------
    name, smiles : str
    active : bool or None
        Whether it is known to bind; None where nothing is known.
    binding_kcal_mol : float or None
        Measured binding free energy.
    """

    name: str
    smiles: str
    active: bool | None = None
    binding_kcal_mol: float | None = None


_BINDERS = {
    "benzene": ("c1ccccc1", -5.2),
    "toluene": ("Cc1ccccc1", -5.5),
    "ethylbenzene": ("CCc1ccccc1", -5.8),
    "n-propylbenzene": ("CCCc1ccccc1", -6.6),
    "n-butylbenzene": ("CCCCc1ccccc1", -6.7),
    "isobutylbenzene": ("CC(C)Cc1ccccc1", -6.5),
    "o-xylene": ("Cc1ccccc1C", -4.6),
    "m-xylene": ("Cc1cccc(C)c1", -4.8),
    "p-xylene": ("Cc1ccc(C)cc1", -4.7),
    "indene": ("C1C=Cc2ccccc12", -5.1),
    "indole": ("c1ccc2[nH]ccc2c1", -4.9),
    "benzofuran": ("c1ccc2occc2c1", -5.5),
    "thianaphthene": ("c1ccc2sccc2c1", -5.7),
}
_NOT_SEEN_TO_BIND = {
    "phenol": "Oc1ccccc1", "aniline": "Nc1ccccc1", "pyridine": "c1ccncc1",
    "2-methylphenol": "Cc1ccccc1O", "1,3,5-trimethylbenzene": "Cc1cc(C)cc(C)c1",
    "tert-butylbenzene": "CC(C)(C)c1ccccc1", "cyclohexane": "C1CCCCC1",
}  # fmt: skip

L99A_LIBRARY: tuple[LibraryEntry, ...] = (
    *(LibraryEntry(name, smiles, True, binding) for name, (smiles, binding) in _BINDERS.items()),
    *(LibraryEntry(name, smiles, False) for name, smiles in _NOT_SEEN_TO_BIND.items()),
)


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
