"""What a ligand was given as, decided before anything is read: a file of a known format, a record's text, or SMILES.

A name that is a file's, or ends as one does (`.sdf`, `.mol2.gz`), is never read as SMILES. Files of other endings are
told by what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.compound_tables import rows_of
from levinthal.workloads.docking.preparation.records import MOL2_HEAD, Form, split_records, title_of
from levinthal.workloads.docking.preparation.text import read_text

FORMS: MappingProxyType[str, Form] = MappingProxyType(
    {
        ".sdf": "SDF", ".sd": "SDF", ".mol": "SDF", ".mdl": "SDF", ".mol2": "MOL2", ".ml2": "MOL2", ".pdbqt": "PDBQT",
        ".smi": "SMILES", ".ism": "SMILES", ".smiles": "SMILES", ".cxsmiles": "SMILES", ".csv": "SMILES",
        ".tsv": "SMILES",
    }
)  # fmt: skip
"""Endings of files, without `.gz`, and the format of each."""

_INSTEAD = "give SDF, MOL2, PDBQT or SMILES"
_NO_ORDERS = "has no bond orders"
_OTHERS = MappingProxyType(
    {
        **dict.fromkeys((".pdb", ".ent", ".brk", ".pqr"), f"a PDB file {_NO_ORDERS}"),
        **dict.fromkeys((".cif", ".mmcif", ".pdbx", ".bcif"), "a CIF file of coordinates is not read as a ligand"),
        **dict.fromkeys((".xyz", ".gro"), f"this format {_NO_ORDERS}"),
        **dict.fromkeys((".mae", ".maegz", ".oeb", ".cdx", ".cdxml", ".inchi", ".mrv"), "this format is not read"),
        **dict.fromkeys((".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z"), "an archive is not read: unpack it"),
        **dict.fromkeys((".xls", ".xlsx", ".parquet", ".json"), "a table of this format is not read: save it as CSV"),
    }
)
_MOST_SNIFFED = 20_000


@dataclass(frozen=True)
class Source:
    """What a ligand is read from.

    Attributes
    ----------
    form : {"SDF", "MOL2", "PDBQT", "SMILES"}
    text : str
        One record; of SMILES the string, with its CXSMILES extension.
    name : str
    n_records : int
        How many molecules the file holds, of which this is the first.
    is_file : bool
        Whether it comes from a file.
    """

    form: Form
    text: str
    name: str
    n_records: int = 1
    is_file: bool = False


def names_file(source: str) -> bool:
    """Say whether a text is the name of a file, there or missing, and not SMILES or a record."""
    if "\n" in source:
        return False
    suffix = _suffix(source)
    if suffix in FORMS or suffix in _OTHERS or source.lower().endswith(".gz"):
        return True
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long for the name of a file
        return False


def source_of(source: str | Path, name: str | None = None) -> Source:
    """Decide what a ligand was given as and return its first record.

    Parameters
    ----------
    source : str or Path
        A file, the text of an SDF or MOL2 record, or SMILES.
    name : str, optional
        By default the title of a record that is given as text, the name of a file without its ending, or the SMILES.

    Raises
    ------
    DataError
        The file cannot be read, or is of a format that is not a ligand's; the message names those that are.
    """
    text = str(source)
    if "\n" in text:
        form: Form = "MOL2" if MOL2_HEAD in text else "SDF"
        return _first(text, form, name or title_of(text, form) or "ligand")
    if not isinstance(source, Path) and not names_file(text):
        return Source("SMILES", text.strip(), name or text[:40])
    path = Path(text)
    form, content = read_molecules(path)
    stem = path.name.removesuffix(".gz").removesuffix(".GZ")
    stem = Path(stem).stem if _suffix(stem) in FORMS else stem
    if form == "PDBQT":
        return Source(form, content, name or stem, is_file=True)
    if form == "SMILES":
        rows = rows_of(content, str(path))
        if not rows:
            raise DataError(f"{path} holds no molecule: give a line SMILES name")
        return Source(form, rows[0].smiles, name or rows[0].name or stem, len(rows), is_file=True)
    return _first(content, form, name or stem, is_file=True, path=path)


def read_molecules(path: Path) -> tuple[Form, str]:
    """Return the format of a file and its text, unpacked.

    Raises
    ------
    DataError
        It cannot be read, or is of another kind; the message says what to give instead.
    """
    suffix = _suffix(path.name)
    if suffix in _OTHERS:
        raise DataError(f"{path}: {_OTHERS[suffix]}: {_INSTEAD}")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it")
    text = read_text(path)
    form = _sniffed(text, path)
    if suffix in FORMS and FORMS[suffix] == form:
        return form, text
    if suffix in FORMS and form != "SMILES":
        raise DataError(f"{path} is called {suffix} and holds {form}: give the file its right ending")
    return FORMS.get(suffix, form), text


def _first(text: str, form: Form, name: str, *, is_file: bool = False, path: Path | None = None) -> Source:
    records = split_records(text, form)
    if not records:
        lacks = f": it lacks {MOL2_HEAD}" if form == "MOL2" else ""
        raise DataError(f"{path or name} is not a {form} file{lacks}: fix or replace it")
    return Source(form, records[0], name, len(records), is_file)


def _suffix(name: str) -> str:
    lowered = name.lower().removesuffix(".gz")
    return Path(lowered).suffix


def _sniffed(text: str, path: Path) -> Form:
    """Return the format that a text looks like; a table of SMILES where it looks like none.

    Raises
    ------
    DataError
        It is a PDB or CIF file.
    """
    lines = text[:_MOST_SNIFFED].split("\n")
    if any(line.startswith(MOL2_HEAD) for line in lines):
        return "MOL2"
    if any(line.startswith("M  END") or line.rstrip().endswith(("V2000", "V3000")) for line in lines):
        return "SDF"
    if any(line.startswith(("ROOT", "BRANCH")) for line in lines):
        return "PDBQT"
    if any(line.startswith(("ATOM  ", "HETATM")) for line in lines) and _suffix(path.name) != ".pdbqt":
        raise DataError(f"{path}: a PDB file {_NO_ORDERS}: {_INSTEAD}")
    if lines[0].startswith("data_"):
        raise DataError(f"{path}: {_OTHERS['.cif']}: {_INSTEAD}")
    return "SMILES"
