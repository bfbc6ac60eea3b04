"""Tables of compounds: lines of SMILES (`.smi`, `.ism`, CXSMILES) and CSV, with or without a header, as rows.

A line is `SMILES name`, in which a last word `active` or `decoy` is a mark and all between is the name; where tabs,
commas or semicolons separate columns, the second is the name and the third may be a mark. A header line, known by a
word such as `smiles`, says which columns are which; only under one that says so (`active`, `label`) are 0 and 1 marks.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from types import MappingProxyType

from levinthal.errors import DataError

_SMILES_WORD = re.compile(r"^[\w -]*smiles[\w -]*$|^smi$|^structure$", re.IGNORECASE)
_NAME_WORDS = frozenset(
    {
        "name",
        "id",
        "title",
        "compound",
        "ligand",
        "molecule",
        "idnumber",
        "catalog",
        "catalogue",
        "cid",
        "zinc",
        "chembl",
    }
)
_SURE_MARKS = frozenset({"active", "is_active", "isactive", "known"})
_PERHAPS_MARKS = frozenset({"activity", "label", "class", "status"})
_WORDS = {"active": True, "decoy": False, "inactive": False}
FLAGS = MappingProxyType(
    {
        **_WORDS, "1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False, "yes": True,
        "no": False, "y": True, "n": False, "t": True, "f": False,
    }
)  # fmt: skip
"""What a mark may be, in lower case, where a header or a field's name says that there is one."""
_EXTENSION = re.compile(r"^(\S+)[ \t]+(\|[^|]*\|)(.*)$")


@dataclass(frozen=True)
class Row:
    """A compound of a table.

    Attributes
    ----------
    line : int
        Where it stands, from 1.
    smiles : str
        With its CXSMILES extension, `|...|`, where it has one.
    name : str
        Empty where there is none.
    mark : str
        Under a header that names marks, or a word that is one; else empty.
    """

    line: int
    smiles: str
    name: str = ""
    mark: str = ""


@dataclass(frozen=True)
class _Header:
    """Which columns of a table are which."""

    separator: str | None
    n_columns: int
    smiles: int
    name: int | None
    mark: int | None
    mark_is_sure: bool


def rows_of(text: str, where: str) -> tuple[Row, ...]:
    """Read a table; blank lines and those that begin with `#` are passed over.

    Raises
    ------
    DataError
        It has a header that names other columns, but none of SMILES.
    """
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(number, line) for number, line in numbered if line.lstrip()[0] != "#"]
    header = _header(lines[0][1], where) if lines else None
    body = lines[1:]
    if header is None and lines and _starts_with_smiles(numbered[0][1]):
        header, body = _header(numbered[0][1].lstrip("# "), where), lines  # behind the mark of a comment
    if header is None:
        return tuple(_plain(number, line) for number, line in lines)
    rows = [_under(header, number, line) for number, line in body]
    if not header.mark_is_sure and not all(row.mark.lower() in FLAGS for row in rows if row.mark):
        rows = [Row(row.line, row.smiles, row.name) for row in rows]  # a column of measured activities, say
    return tuple(rows)


def _header(line: str, where: str) -> _Header | None:
    """Return what a first line says of the columns, if it is a header."""
    for separator in ("\t", ",", ";", None):
        words = [word.lower() for word in _split(line, separator)]
        if separator is not None and len(words) < 2:
            continue
        smiles = next((k for k, word in enumerate(words) if _SMILES_WORD.match(word)), None)
        names = [k for k, word in enumerate(words) if k != smiles and _NAME_WORDS & set(re.split(r"[\W_]+", word))]
        marks = [k for k, word in enumerate(words) if word in _SURE_MARKS | _PERHAPS_MARKS]
        if separator is None and smiles and 0 not in (*names, *marks):
            continue  # SMILES, and a name in which the word stands
        if smiles is None:
            if len(words) > 1 and len(set(names) | set(marks)) == len(words):
                raise DataError(f"{where}: its header names no column of SMILES: call that column smiles")
            continue
        mark = next(iter(marks), None)
        smiles = next((k for k, word in enumerate(words) if _SMILES_WORD.match(word) and "iso" in word), smiles)
        others = [k for k in range(len(words)) if k not in (smiles, mark)]
        name = next(iter(names or others), None)
        return _Header(separator, len(words), smiles, name, mark, mark is None or words[mark] in _SURE_MARKS)
    return None


def _starts_with_smiles(line: str) -> bool:
    """Say whether a line is `#smiles`, the first of several words."""
    words = line.lstrip().removeprefix("#").split()
    return line.lstrip()[0] == "#" and len(words) > 1 and bool(_SMILES_WORD.match(words[0]))


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    if separator == "\t":
        return [field.strip() for field in line.split("\t")]
    try:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a field of 128 KiB: it will be refused as SMILES
        fields = [line]
    return [field.strip() for field in fields]


def _without_extension(line: str) -> tuple[str, str]:
    """Take the CXSMILES extension out of a line whose first word is SMILES; what follows it keeps its separators."""
    found = _EXTENSION.match(line)
    return (found[1] + (found[3] or ""), found[2]) if found else (line, "")


def _plain(number: int, line: str) -> Row:
    """Read a line of a table without a header."""
    line, extension = _without_extension(line.strip())
    word = line.split(maxsplit=1)[0]
    separator = "\t" if "\t" in line else next((mark for mark in ",;" if mark in word), None)
    smiles, *rest = _split(line, separator)
    mark = ""
    if separator is None:
        if len(rest) > 1 and rest[-1].lower() in _WORDS:
            mark = rest.pop()
        rest = [" ".join(rest)]
    elif len(rest) > 1 and rest[1].lower() in _WORDS:
        mark = rest[1]
    return Row(number, f"{smiles} {extension}".strip(), rest[0] if rest else "", mark)


def _under(header: _Header, number: int, line: str) -> Row:
    """Read a line of a table by its header; of blanks too many, those within the name."""
    extension = mark = ""
    if header.separator in (None, "\t") and header.smiles == 0:
        line, extension = _without_extension(line.strip(" "))
    fields = _split(line, header.separator)
    surplus = len(fields) - header.n_columns
    if header.separator is None and surplus > 0 and header.name is not None:
        if header.mark is None and fields[-1].lower() in _WORDS:
            mark = fields.pop()
        end = len(fields) - (header.n_columns - header.name - 1)
        fields[header.name : end] = [" ".join(fields[header.name : end])]

    def field(k: int | None) -> str:
        return fields[k] if k is not None and k < len(fields) else ""

    return Row(number, f"{field(header.smiles)} {extension}".strip(), field(header.name), mark or field(header.mark))
