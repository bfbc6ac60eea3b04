"""Whether a downloaded file is what its name says: read to its end once, where no checksum was published.

A page of a captive portal, an empty answer, a file cut off or put together from two versions does not pass.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["check_of"]

_BLOCK_BYTES = 1 << 20
_MOST_TIMES = 200
"""What an archive may inflate to, in its own sizes; records in text come to about four."""


def check_of(name: str) -> Callable[[Path], None]:
    """Return the check for files of a name; of an unknown format it sees that the file is not a page."""
    suffix = name.lower().rpartition(".")[2]
    stem = name.partition(".")[0]
    checks = {
        "zip": _zip, "gz": _gzip, "tgz": _gzip,
        "pdb": lambda path: _pdb(path, stem), "cif": lambda path: _cif(path, stem.rpartition("-")[2]),
    }  # fmt: skip
    return checks.get(suffix, _no_page)


def _no_page(path: Path) -> None:
    with path.open("rb") as file:
        begin = file.read(1000).lstrip().lower()
    if not begin:
        raise ValueError("it is empty")
    if begin.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"{")):
        raise ValueError("it is a page of some server's")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        most = _MOST_TIMES * path.stat().st_size
        if not archive.infolist() or sum(each.file_size for each in archive.infolist()) > most:
            raise ValueError("the archive is empty, or would inflate without end")
        if (bad := archive.testzip()) is not None:
            raise ValueError(f"{bad} in it is damaged")


def _gzip(path: Path) -> None:
    most, total = _MOST_TIMES * path.stat().st_size, 0
    with gzip.open(path) as file:
        while block := file.read(_BLOCK_BYTES):
            total += len(block)
            if total > most:
                raise ValueError("it would inflate without end")
    if total == 0:
        raise ValueError("there is nothing in it")


def _pdb(path: Path, entry: str) -> None:
    """See that an entry of the archive is the one asked for, has atoms, and comes to its end."""
    lines = path.read_text(encoding="ascii").rstrip().splitlines()
    if not lines or lines[-1].rstrip() != "END" or not any(line.startswith(("ATOM  ", "HETATM")) for line in lines):
        raise ValueError("it holds no atoms, or is cut off")
    if lines[0].startswith("HEADER") and entry.upper() not in lines[0].upper():
        raise ValueError("it is another entry of the Protein Data Bank")


def _cif(path: Path, block: str) -> None:
    """See that an mmCIF file is of the entry or component asked for, has atoms, and comes to its end."""
    text = path.read_text(encoding="utf-8").rstrip()
    if not text.lower().startswith(f"data_{block.lower()}\n"):
        raise ValueError(f"it is not the block data_{block}")
    if "_atom_site." not in text and "_chem_comp_atom." not in text:
        raise ValueError("it holds no atoms")
    if not text.endswith("#"):
        raise ValueError("it is cut off")
