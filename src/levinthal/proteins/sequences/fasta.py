"""Sequences from FASTA files, checked: what a user hands in is read, or refused with the file and the line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from levinthal.errors import DataError, UsageError
from levinthal.proteins.records.byte_source import Source, opened
from levinthal.proteins.records.record import MAX_RESIDUES
from levinthal.proteins.residues import AMINO_ACIDS

MAX_LINE_BYTES = 1 << 20
MAX_SEQUENCES = 1_000_000
MAX_NAME_LENGTH = 200

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NONSTANDARD = "BJOUXZ"
"""IUPAC-IUB's ambiguity codes (B, J, X, Z), selenocysteine (U) and pyrrolysine (O)."""

_SEQUENCE_LINE = re.compile(rb"[A-Za-z]*\*?")
_BASES = ("A", "C", "G", "TU")
_LEAST_BASES = 12
"""Fewer letters of these may be a peptide's; a protein of so many has others too (the odds are 1e-7)."""
_MANY_BASES, _MOSTLY, _EACH = 100, 0.95, 0.05
_TO_X = str.maketrans(_NONSTANDARD, "X" * len(_NONSTANDARD))


@dataclass(frozen=True)
class FastaSequence:
    """A sequence and its name, the first word after `>`; capital letters of the twenty amino acids and X."""

    name: str
    sequence: str


def read_fasta(source: Source, nonstandard: Literal["X", "refuse"] = "X") -> list[FastaSequence]:
    r"""Return the sequences of a FASTA file, gzipped or not, in their order.

    Sequences may run over several lines, in capitals or not, and end with `*`. Blank lines are passed over.

    Parameters
    ----------
    source : path or binary stream
        The file, or an open stream of it.
    nonstandard : {"X", "refuse"}
        What to do with the letters B, J, O, U, X and Z: write X, or refuse them.

    Raises
    ------
    DataError
        The file cannot be read, is not a FASTA file, has no sequence or an empty one, a name twice or none, gaps,
        letters that are no amino acids, or nucleotides; names file and line.

    Examples
    --------
    >>> import io
    >>> from levinthal.proteins import read_fasta
    >>> read_fasta(io.BytesIO(b">a\nMKVL\n>b\nACDE\n"))[1].sequence
    'ACDE'
    """
    return list(iterate_fasta(source, nonstandard))


def iterate_fasta(source: Source, nonstandard: Literal["X", "refuse"] = "X") -> Iterator[FastaSequence]:
    """Go through the sequences of a FASTA file; only the names and one sequence are in memory. See `read_fasta`."""
    if nonstandard not in ("X", "refuse"):
        raise UsageError(f"nonstandard is {nonstandard!r}: it must be X or refuse")
    with opened(source) as (stream, file):
        first_lines: dict[str, int] = {}
        name: str | None = None
        parts: list[str] = []
        for number, line in _lines(stream, file):
            place = f"{file}, line {number}"
            if line.startswith(b">"):
                if name is not None:
                    yield _finished(file, name, parts, first_lines[name])
                name, parts = _name(line, place), []
                if name in first_lines:
                    raise DataError(f"{place}: the name {name} was on line {first_lines[name]} before: rename one")
                first_lines[name] = number
                if len(first_lines) > MAX_SEQUENCES:
                    raise DataError(f"{place}: more than {MAX_SEQUENCES:,} sequences: split the file")
            elif line:
                if name is None:
                    raise DataError(f"{place}: a FASTA file begins with > and a name, not with {_shown(line)}")
                if parts and parts[-1].endswith("*"):
                    raise DataError(f"{place}: letters after the * that ends {name}")
                parts.append(_letters(line, place, nonstandard))
                if sum(map(len, parts)) > MAX_RESIDUES + 1:
                    raise DataError(f"{place}: {name} has over {MAX_RESIDUES:,} residues: that is not a protein")
        if name is None:
            raise DataError(f"{file} has no sequence: a FASTA file begins with > and a name")
        yield _finished(file, name, parts, first_lines[name])


def _lines(stream: Any, file: str) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise DataError(
                f"{file}, line {number} is longer than {MAX_LINE_BYTES >> 20} MiB: this is not a FASTA file"
            )
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        yield number, line.strip()


def _name(line: bytes, place: str) -> str:
    try:
        words = line[1:].decode("utf-8").split(maxsplit=1)
    except UnicodeDecodeError:
        raise DataError(f"{place}: the name is not text: {_shown(line)}") from None
    if not words or not words[0].isprintable():
        raise DataError(f"{place}: > must be followed by a name")
    if len(words[0]) > MAX_NAME_LENGTH:
        raise DataError(f"{place}: the name has over {MAX_NAME_LENGTH} letters: put a blank after the first word")
    return words[0]


def _letters(line: bytes, place: str, nonstandard: str) -> str:
    if not _SEQUENCE_LINE.fullmatch(line):
        odd = next(bytes([byte]) for byte in line if not (chr(byte).isascii() and chr(byte).isalpha()))
        if odd in b"-.":
            raise DataError(f"{place}: gaps ({odd.decode()}) are for alignments: give the sequence without them")
        if odd == b"*":
            raise DataError(f"{place}: * ends a sequence, it cannot stand within one")
        raise DataError(f"{place}: {_shown(odd)} is not an amino acid")
    letters = line.decode("ascii").upper()
    unusual = sorted(set(letters) - set(AMINO_ACIDS) - {"*"})
    if unusual and nonstandard == "refuse":
        raise DataError(f"{place}: {', '.join(unusual)} is none of the twenty amino acids: replace it")
    return letters


def _finished(file: str, name: str, parts: list[str], number: int) -> FastaSequence:
    sequence = "".join(parts).removesuffix("*")
    if not sequence:
        raise DataError(f"{file}, line {number}: {name} has no sequence")
    if len(sequence) > MAX_RESIDUES:
        raise DataError(f"{file}, line {number}: {name} has over {MAX_RESIDUES:,} residues: that is not a protein")
    if is_nucleotides(sequence):
        letters = ", ".join(sorted(set(sequence)))
        raise DataError(
            f"{file}, line {number}: {name} is a nucleic acid ({len(sequence):,} letters, of {letters}): translate it, "
            "and give the protein"
        )
    return FastaSequence(name, sequence.translate(_TO_X))


def is_nucleotides(sequence: str) -> bool:
    """Say whether capital letters are those of DNA or RNA: A, C, G, T or U and N alone, or nearly so in long ones.

    At least three of the four bases must be there, since peptides of one or two residues in turn are real; in a long
    sequence a twentieth may be codes for several bases where all four are common.
    """
    counts = [sum(map(sequence.count, base)) for base in _BASES]
    n, known = len(sequence), sum(counts) + sequence.count("N")
    if n >= _MANY_BASES and known >= _MOSTLY * n:
        return min(counts) >= _EACH * n
    return n >= _LEAST_BASES and known == n and sum(count > 0 for count in counts) >= 3


def _shown(line: bytes) -> str:
    return repr(line[:40].decode("ascii", "backslashreplace"))
