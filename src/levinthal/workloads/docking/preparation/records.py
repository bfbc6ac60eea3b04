"""SDF and MOL2 files as the records that they are made of, with their titles and data fields."""

from __future__ import annotations

import re
from typing import Literal

from levinthal.errors import DataError

Form = Literal["SDF", "MOL2", "PDBQT", "SMILES"]
"""How a molecule is written down; a mol block is an SDF record."""

MOL2_HEAD = "@<TRIPOS>MOLECULE"
_FIELD = re.compile(r"^>.*<([^>\n]*)>.*\n(.*)$", re.MULTILINE)
_END = re.compile(r"^M  END", re.MULTILINE)
_DATA = re.compile(r"^>", re.MULTILINE)


def split_records(text: str, form: Form) -> list[str]:
    """Return the records of an SDF or MOL2 file, blank ones left out.

    A record of an SDF file ends with a line that begins with `$$$$`, whatever follows on that line; one of a MOL2 file
    begins with `@<TRIPOS>MOLECULE`.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    records: list[list[str]] = [[]]
    for line in lines:
        if form == "MOL2" and line.startswith(MOL2_HEAD):
            records.append([])
        if form == "SDF" and line.startswith("$$$$"):
            records.append([])
        else:
            records[-1].append(line)
    if form == "MOL2":
        records = records[1:]  # what stands before the first molecule is comment
    joined = ["\n".join(lines) for lines in records]
    return [record for record in joined if record.strip()]


def title_of(record: str, form: Form) -> str:
    """Return what a record calls itself, or nothing."""
    lines = record.split("\n")
    title = lines[1] if form == "MOL2" and len(lines) > 1 else lines[0]
    return " ".join(title.split())[:80].replace("*****", "")


def fields_of(record: str) -> dict[str, str]:
    """Return the data fields of an SDF record by their names in lower case; of a long value the first line."""
    return {name.strip().lower(): value.strip() for name, value in _FIELD.findall(record[_data_begins(record) :])}


def check_single(record: str, name: str) -> None:
    """Refuse two mol blocks in one record, of which the second would be lost.

    Raises
    ------
    DataError
        A line `$$$$` is missing.
    """
    if len(_END.findall(record[: _data_begins(record)])) > 1:
        raise DataError(f"{name}: two molecules stand in one record: write a line $$$$ between them")


def _data_begins(record: str) -> int:
    """Return where the data fields begin, which may hold any text; the length of the record where it has none."""
    end = _END.search(record)
    data = _DATA.search(record, end.end()) if end else None
    return data.start() if data else len(record)
