"""Libraries to screen: SMILES with names, CSV, SDF and MOL2 files, or the built-in one; a bad line stops nothing.

The built-in library is what is known to bind in the cavity of T4 lysozyme L99A, and what is not. Binders and their
binding free energies after Morton, Baase and Matthews, Biochemistry 34:8564 (1995); compounds of similar size that were
not seen to bind after the same and Wei et al., J. Mol. Biol. 322:339 (2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.compound_tables import FLAGS, rows_of
from levinthal.workloads.docking.preparation.ligands import ligand_of
from levinthal.workloads.docking.preparation.records import Form, fields_of, split_records, title_of
from levinthal.workloads.docking.preparation.sources import Source, read_molecules


@dataclass(frozen=True)
class LibraryEntry:
    """One compound of a library.

    Attributes
    ----------
    name : str
    smiles : str
        SMILES, or the record where the library is an SDF or MOL2 file.
    active : bool or None
        Whether it is known to bind; None where nothing is known.
    binding_kcal_mol : float or None
        Measured binding free energy.
    form : {"SMILES", "SDF", "MOL2"}
    where : str
        Where it stands in its file: `line 5`.
    """

    name: str
    smiles: str
    active: bool | None = None
    binding_kcal_mol: float | None = None
    form: Form = "SMILES"
    where: str = ""


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

_NAME_FIELDS = ("name", "id", "title", "idnumber", "compound_id", "zinc_id", "chembl_id", "catalog id", "_name")


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


@dataclass(frozen=True)
class Library:
    """What a file of compounds holds.

    Attributes
    ----------
    entries : tuple of LibraryEntry
        Their names are unique.
    warnings : tuple of str
        What was read of it and could not be understood.
    """

    entries: tuple[LibraryEntry, ...]
    warnings: tuple[str, ...] = ()


def read_library(source: str) -> Library:
    """Read a library.

    Parameters
    ----------
    source : str
        `l99a`, or a file, which may be gzipped: lines of SMILES or CSV (see `compound_tables`), an SDF file, whose
        field `active`, where there is one, marks what is known, or a MOL2 file.

    Raises
    ------
    DataError
        The file cannot be read, holds no compound, or is of another format.
    """
    if source == BUILT_IN:
        return Library(L99A_LIBRARY)
    path = Path(source)
    form, text = read_molecules(path)
    if form == "PDBQT":
        raise DataError(
            f"{path}: a library is not read from PDBQT: give SMILES, CSV, SDF or MOL2, or ligand={path} alone"
        )
    doubts: list[str] = []
    found = _of_table(text, path, doubts) if form == "SMILES" else _of_records(text, form, doubts)
    entries = _unique(tuple(found))
    if not entries:
        raise DataError(f"{path} holds no compound: give a line SMILES name for each")
    warnings = (
        (f"{path.name}: {len(doubts)} marks are neither active nor decoy and were left out (first: {doubts[0]})",)
        if doubts
        else ()
    )
    return Library(entries, warnings)


def prepare_library(
    entries: Sequence[LibraryEntry], on_entry: Callable[[], None] = lambda: None
) -> tuple[tuple[Prepared, ...], tuple[Failure, ...]]:
    """Make ligands, `on_entry` being called after each; those that cannot be made are failures."""
    prepared, failures = [], []
    for entry in entries:
        try:
            prepared.append(Prepared(entry, ligand_of(Source(entry.form, entry.smiles, entry.name))))
        except LevinthalError as error:
            failures.append(Failure(entry.name, f"{entry.where}: {error}".removeprefix(": ")))
        on_entry()
    return tuple(prepared), tuple(failures)


def _of_table(text: str, path: Path, doubts: list[str]) -> Iterator[LibraryEntry]:
    for row in rows_of(text, str(path)):
        where = f"line {row.line}"
        name = row.name or f"compound {row.line}"
        yield LibraryEntry(name, row.smiles, _active(row.mark, where, doubts), where=where)


def _of_records(text: str, form: Form, doubts: list[str]) -> Iterator[LibraryEntry]:
    for number, record in enumerate(split_records(text, form), 1):
        where = f"record {number}"
        fields = fields_of(record) if form == "SDF" else {}
        named = (fields[key] for key in _NAME_FIELDS if fields.get(key))
        name = title_of(record, form) or next(named, f"compound {number}")
        mark = _active(fields.get("active", ""), where, doubts)
        yield LibraryEntry(name, record, mark, form=form, where=where)


def _active(mark: str, where: str, doubts: list[str]) -> bool | None:
    if mark and mark.lower() not in FLAGS:
        doubts.append(f"{mark[:20]!r} in {where}")
    return FLAGS.get(mark.lower())


def _unique(entries: tuple[LibraryEntry, ...]) -> tuple[LibraryEntry, ...]:
    taken: set[str] = set()
    named = []
    for entry in entries:
        name, count = entry.name, 1
        while name in taken:
            count += 1
            name = f"{entry.name} ({count})"
        taken.add(name)
        named.append(replace(entry, name=name))
    return tuple(named)
