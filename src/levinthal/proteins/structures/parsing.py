"""PDB and mmCIF files read by gemmi, plain or gzipped; what is damaged is refused in one line."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gemmi

from levinthal.errors import DataError

_DAMAGED = (RuntimeError, ValueError, IndexError, OverflowError)  # what gemmi raises on damaged text


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what gemmi raises on damaged text into an error of one line.

    Raises
    ------
    DataError
        Instead of gemmi's errors, with the file and the line.
    """
    try:
        yield
    except _DAMAGED as error:
        reason = re.sub(r"string:(\d+):\d+\(\d+\)", r"line \1", str(error))  # gemmi's name for a text in memory
        raise DataError(
            f"{path} is not a sound PDB or mmCIF file: {reason}: fix that line or fetch the file again"
        ) from None


def read_structure(path: Path, *, one_letter_chains: bool = False) -> gemmi.Structure:
    """Return the structure in a PDB or mmCIF file, with at least one model, the parts of a chain put together.

    Parameters
    ----------
    path : Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`, also with `.gz`; the content decides for another ending.
    one_letter_chains : bool
        Pass over column 21 of a PDB file, where some programs mark the last residue and gemmi looks for the first
        letter of the chain's name.

    Raises
    ------
    DataError
        No such file, not a PDB or mmCIF file, a damaged one, or one without atoms.
    """
    text = _text(path)
    if one_letter_chains:
        text = re.sub(r"(?m)^((?:ATOM  |HETATM|TER   ).{14}).", r"\1 ", text)
    with damage_named(path):
        structure = _parse(path, text)
        if not len(structure):
            raise _no_atoms(path)
        structure.merge_chain_parts()
    return structure


def _no_atoms(path: Path) -> DataError:
    return DataError(f"{path} holds no atoms: name a PDB or mmCIF file of a protein")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gzip file: {error}: fetch it again") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: {reason}: name a readable PDB or mmCIF file") from None
    return data.decode("utf-8", "replace")


def _parse(path: Path, text: str) -> gemmi.Structure:
    endings = {ending.lower() for ending in path.suffixes[-2:]}
    if endings & {".cif", ".mmcif"} or (not endings & {".pdb", ".ent"} and "_atom_site." in text):
        blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
        if not blocks:
            raise _no_atoms(path)
        return gemmi.make_structure_from_block(blocks[0])
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("ATOM", "HETATM")):
            # gemmi reads what is not a number as zero.
            for column in (30, 38, 46):
                try:
                    float(line[column : column + 8])
                except ValueError:
                    raise ValueError(
                        f"line {number}: {line[column : column + 8]!r} in columns {column + 1} to {column + 8} is not "
                        "a coordinate"
                    ) from None
    return gemmi.read_pdb_string(text)
