"""The atoms of PDB and mmCIF text as rows: what tells chains and residues apart, checked before gemmi reads them.

gemmi reads a coordinate that is not a number as zero and what follows an END not at all; both are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import gemmi

from levinthal.proteins.structures.residue_kinds import WATERS

_WHOLE_NUMBER = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*")
_COORDINATES = (30, 38, 46)
_HYBRID_36 = {True: 10 * 36**3 - 10**4, False: -16 * 36**3 - 10**4}  # taken off four digits, upper and lower case


@dataclass(frozen=True, slots=True)
class AtomRow:
    """One atom, by what a file says of its place in chain and residue.

    Attributes
    ----------
    line : int
        From 1, in the file or in its table of atoms.
    chain, segment, residue, insertion, atom, location : str
        Names as in the file; a segment is a `segid` or a `label_asym_id`, a location is an alternate one.
    number : int or None
        Of the residue; None where there is none.
    after_end : bool
        Whether a TER stands between this atom and the one before.
    """

    line: int
    chain: str
    segment: str
    residue: str
    number: int | None
    insertion: str
    atom: str
    location: str
    after_end: bool = False

    @property
    def key(self) -> tuple[str, str, int | None, str, str]:
        """What is the same for all atoms of one residue, and for no two neighbours."""
        return self.chain, self.segment, self.number, self.insertion, self.residue

    def __str__(self) -> str:
        number = "" if self.number is None else self.number
        return " ".join(f"{self.residue} {self.chain} {number}{self.insertion}".split())


def is_atom_line(line: str) -> bool:
    """Say whether gemmi takes a line of a PDB file for an atom."""
    return line[:4].upper() in ("ATOM", "HETA")


def rows_of_pdb(lines: list[str]) -> Iterator[AtomRow]:
    """Yield the atoms of a PDB file's first model.

    Parameters
    ----------
    lines : list of str
        From `checked_pdb_lines`.

    Raises
    ------
    ValueError
        A number that is not one; names the line.
    """
    after_end, count = False, 0
    for k, line in enumerate(lines, 1):
        if is_atom_line(line):
            yield AtomRow(
                k, line[20:22].strip(), line[72:76].strip(), line[17:20].strip(), _residue_number(line, k),
                line[26:27].strip(), line[12:16].strip(), line[16:17].strip(), after_end,
            )  # fmt: skip
            after_end, count = False, count + 1
        elif _is_end_of_chain(line):
            after_end = True
        elif line[:6].upper() == "ENDMDL" and count:
            return


def checked_pdb_lines(text: str) -> list[str]:
    """Return the lines of a PDB file, all coordinates of which are numbers.

    Column 21 is passed over where it is not the first letter of a chain's name: some programs mark the last residue
    there, or write a name of four letters.

    Raises
    ------
    ValueError
        A coordinate that is not a number, or atoms behind END that are not another model; names the line.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    if not text.isascii():
        lines = [line if is_atom_line(line) else line.encode("ascii", "replace").decode() for line in lines]
    for number, line in enumerate(lines, 1):
        if is_atom_line(line):
            if not line.isascii():  # gemmi counts columns in bytes
                other = next(letter for letter in line if not letter.isascii())
                raise ValueError(f"line {number}: {other!r} in the line of an atom is not ASCII")
            for column in _COORDINATES:
                if not _NUMBER.fullmatch(line[column : column + 8]):
                    residue = " ".join((line[17:20], line[20:22], line[22:27])).split()
                    raise ValueError(
                        f"line {number}: atom {line[12:16].strip()} of {' '.join(residue)}: "
                        f"{line[column : column + 8]!r} in columns {column + 1} to {column + 8} is not a number"
                    )
    return _without_marks(lines)


def _without_marks(lines: list[str]) -> list[str]:
    """Blank column 21 where it stands alone, or marks a single residue after others of the same chain."""
    residues: dict[str, set[str]] = {}
    follows: dict[str, str] = {}
    before = "  "
    for line in lines:
        if is_atom_line(line):
            field = f"{line[20:22]:2}"
            residues.setdefault(field, set()).add(line[22:27])
            follows.setdefault(field, before)
            before = field
    marks = {
        field
        for field, members in residues.items()
        if field[0] != " " and (field[1] == " " or (len(members) == 1 and follows[field] == f" {field[1]}"))
    }
    if not marks:
        return lines
    return [f"{line[:20]} {line[21:]}" if is_atom_line(line) and line[20:22] in marks else line for line in lines]


def without_end(lines: list[str]) -> tuple[list[str], int]:
    """Return the lines of a PDB file before the END of its atoms, and how many copies of these atoms stand behind it.

    Raises
    ------
    ValueError
        Atoms behind END that are others, name by name; names the line.
    """
    lines = ["" if _is_end(line) and not any(map(is_atom_line, lines[:k])) else line for k, line in enumerate(lines)]
    end = next((k for k, line in enumerate(lines) if _is_end(line)), len(lines))
    first = [line[12:27] for line in lines[:end] if is_atom_line(line)]
    behind = [(k, line[12:27]) for k, line in enumerate(lines[end:], end + 1) if is_atom_line(line)]
    other = next((k for n, (k, name) in enumerate(behind) if name != first[n % len(first)]), None)
    if other is None and len(behind) % max(len(first), 1):
        other = behind[-1][0]
    if other is not None:
        raise ValueError(
            f"line {other}: an atom stands behind END: remove that END, or part several models by MODEL and ENDMDL"
        )
    return lines[:end], len(behind) // max(len(first), 1)


def _is_end(line: str) -> bool:
    """Say whether a line is the END behind which gemmi does not read."""
    return line[:6].upper().strip() == "END"


def _is_end_of_chain(line: str) -> bool:
    return line[:3].upper() == "TER" and not line[3:6].strip()


def _residue_number(line: str, number: int) -> int | None:
    """Read columns 23 to 26, hybrid-36 too."""
    text = line[22:26].strip()
    if line[17:20].strip() in WATERS and not _WHOLE_NUMBER.fullmatch(text):
        return None  # above 9999 programs write what they like, and nothing depends on it
    if line[26:27].isdigit():
        raise ValueError(
            f"line {number}: residue number {line[22:27].strip()!r} is wider than its four columns: write hybrid-36 "
            "or mmCIF"
        )
    if not text:
        return None
    if (
        len(text) == 4
        and text.isascii()
        and text.isalnum()
        and text[0].isalpha()
        and (text.isupper() or text.islower())
    ):
        return int(text, 36) - _HYBRID_36[text[0].isupper()]
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"line {number}: {text!r} in columns 23 to 26 is not a residue number")
    return int(text)


def rows_of_mmcif(block: gemmi.cif.Block) -> list[AtomRow]:
    """Return the atoms of all models of an mmCIF block, in the order of its table.

    Raises
    ------
    ValueError
        A residue number that is not one; names the row.
    """
    columns = {
        name: list(block.find_values(f"_atom_site.{name}"))
        for name in ("auth_asym_id", "label_asym_id", "auth_seq_id", "label_seq_id", "pdbx_PDB_ins_code",
                     "auth_comp_id", "label_comp_id", "label_atom_id", "auth_atom_id", "label_alt_id")
    }  # fmt: skip

    def column(*names: str) -> list[str]:
        filled = next((columns[name] for name in names if columns[name]), None)
        n_rows = max(map(len, columns.values()), default=0)
        return [""] * n_rows if filled is None else [_plain(value) for value in filled]

    numbers = column("auth_seq_id", "label_seq_id")
    rows = []
    for k, (chain, segment, residue, number, insertion, atom, location) in enumerate(
        zip(
            column("auth_asym_id", "label_asym_id"), column("label_asym_id"), column("label_comp_id", "auth_comp_id"),
            numbers, column("pdbx_PDB_ins_code"), column("label_atom_id", "auth_atom_id"), column("label_alt_id"),
            strict=True,
        ),
        1,
    ):  # fmt: skip
        if number and not _WHOLE_NUMBER.fullmatch(number):
            raise ValueError(f"atom {k} of the table: {number!r} is not a residue number")
        if not (insertion + location).isascii():
            raise ValueError(f"atom {k} of the table: {insertion + location!r} is not ASCII")
        value = int(number) if number else None
        rows.append(AtomRow(k, chain, segment, residue, value, insertion, atom, location))
    return rows


def _plain(value: str) -> str:
    text: str = gemmi.cif.as_string(value)
    return text.strip()
