"""ProteinNet's text format, read and written a record at a time.

A record is a line `[ID]` and its value, then sections of a fixed number of lines, then a blank line: `[PRIMARY]` 1,
`[EVOLUTIONARY]` 21 (20 where the information content is left out) rows of L numbers, `[SECONDARY]` 1, `[TERTIARY]` 3
(x, y, z) rows of 3 L numbers in picometres, `[MASK]` 1 of `+` and `-`. Only the first two are obligatory. The format
is described in `docs/proteinnet_records.md` of github.com/aqlaboratory/proteinnet. Sections of other names, which
people add (`[RAMA]`, `[CHI]`), are passed over and counted, however many lines they have.

What is exact: numbers are read as float64, and written as the shortest decimal that reads back as the same number in
the precision it is kept in, without exponent, `1.` for one and `0` for zero, which is how ProteinNet's own files are
written. Hence text of ProteinNet -> record -> text gives the same bytes; the one exception is the blank line after a
file's last record, which is always written. Other spellings (`1.0`, `1e-5`, blanks for tabs, CRLF) are read as the
same values, but written in this one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.files.writing import write_parts
from levinthal.kernels.choice import kernels_allowed
from levinthal.proteins.records.byte_source import Source, opened
from levinthal.proteins.records.faults import Fault, FaultPolicy, RefusedRecord
from levinthal.proteins.records.record import MAX_RESIDUES, ProteinRecord

MAX_LINE_BYTES = 8 << 20
"""A line of 3 x 50,000 coordinates is shorter; what is longer is not a ProteinNet record."""

MAX_RECORD_BYTES = 64 << 20
MAX_BLANK_LINES = 1000
FEW_RECORDS = 200
"""Of so many records the numbers are parsed before it pays to import a compiled loop for it."""

PROFILE_ROWS = (20, 21)

_ID, _PRIMARY, _EVOLUTIONARY, _SECONDARY, _TERTIARY, _MASK = (
    b"[ID]",
    b"[PRIMARY]",
    b"[EVOLUTIONARY]",
    b"[SECONDARY]",
    b"[TERTIARY]",
    b"[MASK]",
)
_SECTION = re.compile(rb"\[[^\[\]]+\]")
_MOST_LINES = {_ID: 1, _PRIMARY: 1, _EVOLUTIONARY: max(PROFILE_ROWS), _SECONDARY: 1, _TERTIARY: 3, _MASK: 1}
_RowParser: TypeAlias = Callable[[bytes, npt.NDArray[np.float64]], bool]
_OF_NUMBERS = b"0123456789+-.eE \t"


class _Lines:
    """The lines of a stream without their ends, counted; the last one can be given back."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name
        self._held: bytes | None = None
        self.number = 0

    def next(self) -> bytes | None:
        """Return the next line; None at the end."""
        self.number += 1
        if self._held is not None:
            line, self._held = self._held, None
            return line
        read: bytes = self._stream.readline(MAX_LINE_BYTES + 1)
        if len(read) > MAX_LINE_BYTES:
            raise DataError(
                f"{self.place} is longer than {MAX_LINE_BYTES >> 20} MiB: this is not a ProteinNet text file"
            )
        return read.rstrip(b"\r\n") if read else None

    def give_back(self, line: bytes) -> None:
        """Have the line read once more."""
        self._held = line
        self.number -= 1

    @property
    def place(self) -> str:
        """The file and the line that was read last."""
        return f"{self._name}, line {self.number}"


def read_text(source: Source, policy: FaultPolicy | None = None, *, name: str | None = None) -> Iterator[ProteinRecord]:
    """Read ProteinNet text records one after the other; one record is in memory at a time.

    Parameters
    ----------
    source : path or binary stream
        A text file, gzipped or not, or an open stream of one.
    policy : FaultPolicy, optional
        What to do with faulty records, and their count. Without one, what is not a record is refused and the others are
        handed on unchecked.
    name : str, optional
        What the source is called in errors; else its path, or the stream's own name.

    Yields
    ------
    ProteinRecord
        With float64 numbers.

    Raises
    ------
    DataError
        The file cannot be read, has no record, or has a faulty one that the policy refuses; names file and line.
    """
    rules = policy or FaultPolicy("refuse")
    with opened(source, name=name) as (stream, shown):
        lines = _Lines(stream, shown)
        n_records = 0
        lost = False
        while _find_record(lines, rules, lost):
            n_records += 1
            place = f"{lines.place} (record {n_records})"
            try:
                compiled = n_records > FEW_RECORDS and kernels_allowed()
                record = _read_record(lines, rules, _compiled_parser() if compiled else _leave_to_python)
            except RefusedRecord as refused:
                rules.leave_out(refused, f"{lines.place} (record {n_records})")
                lost = True
                continue
            lost = False
            if policy is None or policy.admits(record, place):
                yield record
        if n_records == 0:
            raise DataError(f"{shown} has no ProteinNet record: a record begins with the line [ID]")


def _find_record(lines: _Lines, rules: FaultPolicy, lost: bool) -> bool:
    """Go on to the next line `[ID]`; when not lost, anything but blank lines before it is a fault."""
    blanks = 0
    while (line := lines.next()) is not None:
        if line == _ID:
            return True
        if line:
            blanks = 0
            if not lost:
                rules.leave_out(RefusedRecord(f"expected [ID], found {_shown(line)}"), lines.place)
                lost = True
        elif (blanks := blanks + 1) > MAX_BLANK_LINES:
            raise DataError(
                f"{lines.place}: more than {MAX_BLANK_LINES} blank lines: this is not a ProteinNet text file"
            )
    return False


def _read_record(lines: _Lines, rules: FaultPolicy, parse: _RowParser) -> ProteinRecord:
    """Read the sections after a line `[ID]`, up to a blank line, the end, or the next `[ID]`."""
    sections: dict[bytes, list[bytes]] = {_ID: []}
    section: bytes | None = _ID
    n_bytes = 0
    while line := lines.next():
        if line == _ID:
            lines.give_back(line)
            break
        n_bytes += len(line)
        if n_bytes > MAX_RECORD_BYTES:
            raise RefusedRecord(f"over {MAX_RECORD_BYTES >> 20} MiB of text", name=_name_of(sections))
        if line in _MOST_LINES:
            if line in sections:
                raise RefusedRecord(f"a second {line.decode()}", name=_name_of(sections))
            section = line
            sections[section] = []
        elif _SECTION.fullmatch(line) and sections[_ID]:  # a first line behind [ID] is a name, whatever it looks like
            name = line[1:-1].strip().upper()
            if b"[" + name + b"]" in _MOST_LINES:
                raise RefusedRecord(f"{_shown(line)} must be written [{name.decode()}]", name=_name_of(sections))
            rules.passed_over[line.decode("utf-8", "backslashreplace")] += 1
            section = None
        elif section is None:
            continue
        elif len(sections[section]) == _MOST_LINES[section]:
            raise RefusedRecord(f"more lines than {section.decode()} has: {_shown(line)}", name=_name_of(sections))
        else:
            sections[section].append(line)
    try:
        return _assemble(sections, parse)
    except RefusedRecord as refused:
        refused.name = _name_of(sections)
        raise
    except DataError as error:  # the record's own checks
        raise RefusedRecord(str(error)) from None


def _assemble(sections: dict[bytes, list[bytes]], parse: _RowParser) -> ProteinRecord:
    for section in (_ID, _PRIMARY):
        if section not in sections:
            raise RefusedRecord(f"{section.decode()} is missing")
    for section, rows in sections.items():
        if section == _EVOLUTIONARY:
            if len(rows) not in PROFILE_ROWS:
                raise RefusedRecord(f"[EVOLUTIONARY] has {len(rows)} rows: it must have 21, or 20")
        elif len(rows) != _MOST_LINES[section]:
            raise RefusedRecord(f"{section.decode()} has {len(rows)} lines: it must have {_MOST_LINES[section]}")
    sequence = _text(sections[_PRIMARY][0], "[PRIMARY]")
    length = len(sequence)
    if length > MAX_RESIDUES:
        raise RefusedRecord(f"{length:,} residues are more than any protein has")
    profile = coordinates = mask = secondary = None
    if _EVOLUTIONARY in sections:
        profile = _numbers(sections[_EVOLUTIONARY], length, "[EVOLUTIONARY]", parse).T
    if _TERTIARY in sections:
        coordinates = _numbers(sections[_TERTIARY], 3 * length, "[TERTIARY]", parse).T.reshape(length, 3, 3)
    if _SECONDARY in sections:
        secondary = _text(sections[_SECONDARY][0], "[SECONDARY]")
        _agree(len(secondary), length, "[SECONDARY]")
    if _MASK in sections:
        signs = sections[_MASK][0].strip()
        _agree(len(signs), length, "[MASK]")
        if signs.translate(None, b"+-"):
            raise RefusedRecord("[MASK] must be of + and -")
        mask = np.frombuffer(signs, np.uint8) == ord("+")
    return ProteinRecord(_text(sections[_ID][0], "[ID]"), sequence, profile, coordinates, mask, secondary)


def _numbers(rows: list[bytes], expected: int, section: str, parse: _RowParser) -> npt.NDArray[np.float64]:
    """Parse rows of numbers, separated by tabs or blanks."""
    table = np.empty((len(rows), expected))
    for k, row in enumerate(rows):
        if parse(row, table[k]):
            continue
        words = row.split()
        _agree(len(words), expected, f"row {k + 1} of {section}")
        if row.translate(None, _OF_NUMBERS):  # float() takes more spellings than the format has, 1_000 for one
            _refuse_odd_numbers(words, f"row {k + 1} of {section}")
        try:
            table[k] = list(map(float, words))
        except ValueError:
            wrong = next(word for word in words if not _is_number(word))
            raise RefusedRecord(f"row {k + 1} of {section}: {_shown(wrong)} is not a number") from None
    return table


def _leave_to_python(_row: bytes, _out: npt.NDArray[np.float64]) -> bool:
    return False


@cache
def _compiled_parser() -> _RowParser:
    from levinthal.kernels.numbers import parse_row  # brings numba, which is slow to import

    return parse_row


def _refuse_odd_numbers(words: list[bytes], place: str) -> None:
    for word in words:
        if word.translate(None, _OF_NUMBERS) and word.lower().lstrip(b"+-") not in {b"nan", b"inf", b"infinity"}:
            raise RefusedRecord(f"{place}: {_shown(word)} is not a number")


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _agree(found: int, expected: int, section: str) -> None:
    if found != expected:
        raise RefusedRecord(
            f"{section} has {found:,} values where the sequence asks for {expected:,}", Fault.LENGTHS_DISAGREE
        )


def _text(line: bytes, section: str) -> str:
    try:
        return line.decode("ascii" if section != "[ID]" else "utf-8").strip()
    except UnicodeDecodeError:
        raise RefusedRecord(f"{section} is not text: {_shown(line)}") from None


def _name_of(sections: dict[bytes, list[bytes]]) -> str:
    rows = sections[_ID]
    name = rows[0][:80].decode("utf-8", "replace").strip() if rows else ""
    return name if name.isprintable() else ""


def _shown(line: bytes) -> str:
    return repr(line[:40].decode("ascii", "backslashreplace"))


def write_text(path: str | Path, records: Iterable[ProteinRecord]) -> int:
    """Write records as ProteinNet text, one at a time, and return how many; errors as for `write_parts`.

    Examples
    --------
    >>> from levinthal.proteins import ProteinRecord, write_text
    >>> write_text("records.txt", [ProteinRecord("a", "ACDE"), ProteinRecord("b", "FGHI")])
    2
    """
    return write_parts(path, (format_record(record).encode() for record in records))


def format_record(record: ProteinRecord) -> str:
    """Return a record as ProteinNet text, with the blank line that ends it."""
    lines = ["[ID]", record.name, "[PRIMARY]", record.sequence]
    if record.profile is not None:
        lines += ["[EVOLUTIONARY]", *_rows(record.profile.T)]
    if record.secondary is not None:
        lines += ["[SECONDARY]", record.secondary]
    if record.coordinates_pm is not None:
        lines += ["[TERTIARY]", *_rows(record.coordinates_pm.reshape(-1, 3).T)]
    if record.mask is not None:
        lines += ["[MASK]", "".join("+" if resolved else "-" for resolved in record.mask.tolist())]
    return "\n".join([*lines, "", ""])


def _rows(table: npt.NDArray[Any]) -> Iterator[str]:
    spell = _spell_double if table.dtype == np.float64 else _spell_single
    for row in table:
        yield "\t".join(map(spell, row.tolist() if table.dtype == np.float64 else row))


def _spell_double(value: float) -> str:
    spelt = repr(value)
    if spelt == "0.0":
        return "0"
    if spelt.endswith(".0"):
        return spelt[:-1]
    return np.format_float_positional(value, trim=".") if "e" in spelt and math.isfinite(value) else spelt


def _spell_single(value: np.float32) -> str:
    if value == 0:
        return "-0." if np.signbit(value) else "0"
    return np.format_float_positional(value, trim=".") if np.isfinite(value) else str(value)
