"""PDB and mmCIF files read by gemmi, plain or gzipped, chain by chain; what is damaged is refused in one line."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.structures.atom_rows import (
    checked_pdb_lines,
    is_atom_line,
    rows_of_mmcif,
    rows_of_pdb,
    without_end,
)
from levinthal.proteins.structures.chain_parts import ChainParts, chain_parts

_DAMAGED = (RuntimeError, ValueError, IndexError, OverflowError)  # what gemmi raises on damaged text
_FARTHEST_ANGSTROM = 1e6
_MOST_MIB = 1024
_PART = "\x1f"


@contextmanager
def damage_named(name: str | Path) -> Iterator[None]:
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
            f"{name} is not a sound PDB or mmCIF file: {' '.join(reason.split())[:300]}: fix that line or fetch the "
            "file again"
        ) from None


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked where it is gzipped; bytes that are not UTF-8 are replaced.

    Raises
    ------
    DataError
        The file is missing, unreadable or a damaged gzip file, or too large.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                data = file.read(_MOST_MIB * 2**20 + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gzip file: {error}: fetch it again") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: {reason}: name a readable PDB or mmCIF file") from None
    if len(data) > _MOST_MIB * 2**20:
        raise DataError(f"{path} has more than {_MOST_MIB} MiB of text: name a PDB or mmCIF file of a protein")
    return data.decode("utf-8", "replace")


def parse_structure(text: str, name: str | Path) -> tuple[gemmi.Structure, int]:
    """Return a structure with one `gemmi.Chain` for each chain, and how many models there are.

    Chains begin where `chain_parts` says, so that two may have one name. Only the first model is whole in this sense.

    Parameters
    ----------
    text : str
        Of a PDB or mmCIF file.
    name : str or Path
        For messages; its ending, or else the content, tells which of the two it is.

    Raises
    ------
    DataError
        Not a PDB or mmCIF file, a damaged one, or one without atoms.
    """
    endings = {ending.lower() for ending in Path(name).suffixes[-2:]}
    with damage_named(name):
        if endings & {".cif", ".mmcif"} or (not endings & {".pdb", ".ent"} and "_atom_site." in text):
            structure, parts, n_models = _of_mmcif(text)
        else:
            structure, parts, n_models = _of_pdb(text)
        if not len(structure) or not structure[0].count_atom_sites():
            raise DataError(f"{name} holds no atoms: name a PDB or mmCIF file of a protein")
        _join(structure[0], parts)
        _check_positions(structure[0])
    return structure, n_models


def _of_pdb(text: str) -> tuple[gemmi.Structure, ChainParts, int]:
    lines, frames = without_end(checked_pdb_lines(text))
    rows = list(rows_of_pdb(lines))
    parts = chain_parts(rows)
    before = [None, *parts.of_atom]
    begins = {row.line for row, part, last in zip(rows, parts.of_atom, before, strict=False) if part != last}
    kept = [
        f"TER\n{line}" if number in begins else line
        for number, line in enumerate(lines, 1)
        if is_atom_line(line) or line[:3].upper() != "TER"
    ]
    structure = gemmi.read_pdb_string("\n".join([*kept, ""]), split_chain_on_ter=True)
    return structure, parts, len(structure) + frames


def _of_mmcif(text: str) -> tuple[gemmi.Structure, ChainParts, int]:
    """Read the first block with atoms; a chain's number goes through gemmi as part of its name."""
    blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
    if not blocks:
        return gemmi.Structure(), ChainParts([], {}), 0
    block = blocks[0]
    rows = rows_of_mmcif(block)
    tag = "_atom_site.auth_asym_id"
    names = block.find_loop(tag) or block.find_loop("_atom_site.label_asym_id")
    models = list(block.find_loop("_atom_site.pdbx_PDB_model_num")) or ["1"] * len(rows)
    first = sum(model == models[0] for model in models) if models else 0
    if models[:first] != models[:1] * first:
        raise ValueError("the atoms of its models are mixed")
    if len(rows) < first:
        raise ValueError("its table of atoms is not whole")
    parts = chain_parts(rows[:first])
    for k, part in enumerate(parts.of_atom):
        names[k] = gemmi.cif.quote(f"{rows[k].chain}{_PART}{part}")
    structure = gemmi.make_structure_from_block(block)
    for chain in structure[0] if len(structure) else ():
        chain.name = chain.name.partition(_PART)[0]
    return structure, parts, len(structure)


def _join(model: gemmi.Model, parts: ChainParts) -> None:
    """Put the runs of each part together, and residues with stray atoms in their place, all in the model itself."""
    before = [None, *parts.of_atom]
    runs = [part for part, last in zip(parts.of_atom, before, strict=False) if part != last]
    if len(runs) != len(model):
        raise ValueError(f"{len(runs)} parts of chains became {len(model)}")
    first: dict[int, int] = {}
    for k, part in enumerate(runs):
        if part in first:
            model[first[part]].append_residues(list(model[k]))
        else:
            first[part] = k
    for part, strays in parts.strays.items():
        for number, insertion in strays:
            _put_in_place(model[first[part]], number, insertion)
    for k in reversed(range(len(runs))):
        if k not in first.values():
            del model[k]


def _put_in_place(chain: gemmi.Chain, number: int | None, insertion: str) -> None:
    """Move a residue from where its first atom stood to before the next higher number."""
    place = number or 0, insertion or " "
    numbers = [(residue.seqid.num or 0, residue.seqid.icode) for residue in chain]
    at = numbers.index(place)
    residue = chain[at].clone()
    del chain[at], numbers[at]
    following = (k for k in range(at, len(numbers)) if numbers[k] > place)
    chain.add_residue(residue, next(following, len(numbers)))


def _check_positions(model: gemmi.Model) -> None:
    for found in model.all():
        if not all(abs(value) < _FARTHEST_ANGSTROM for value in found.atom.pos.tolist()):
            residue = f"{found.residue.name} {found.chain.name} {found.residue.seqid}"
            raise ValueError(f"the position of atom {found.atom.name} of residue {residue} is not a number")
