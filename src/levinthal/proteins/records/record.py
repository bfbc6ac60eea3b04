"""One protein as ProteinNet keeps it: sequence, evolutionary profile, secondary structure, backbone and mask.

ProteinNet: M. AlQuraishi, BMC Bioinformatics 20:311 (2019).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Floats
from levinthal.errors import DataError

SECONDARY_LETTERS = "LHBEGITS"
"""DSSP's classes in ProteinNet's order; L is a loop."""

MAX_RESIDUES = 50_000
"""No chain is longer (titin, the longest human protein, has 34,350): more is a damaged or hostile file."""

MAX_NAME_LENGTH = 200
PICOMETRES_PER_NM = 1000.0


_SEQUENCE = re.compile(r"[A-Z]+")
_SECONDARY = re.compile(f"[{SECONDARY_LETTERS}]+")


@dataclass(frozen=True, eq=False)
class ProteinRecord:
    """A protein of L residues; what a record lacks is None.

    Numbers keep the precision of where they came from: float64 when read from text, float32 from a TFRecord. Arrays are
    read-only views of what was given, where that needs no conversion. Two records are equal when all their values and
    precisions are.

    Attributes
    ----------
    name : str
        As in the file: `1ABC_1_A`, `TBM#T0366`, `30#1ABC_1_A`.
    sequence : str
        Capital letters, one a residue; letters other than the twenty of `AMINO_ACIDS` are kept (see `find_faults`).
    profile : ndarray, shape (L, 21) or (L, 20), or None
        Probabilities of the amino acids in the order of `AMINO_ACIDS`; the 21st column is the information content, in
        [0, 1]. Some files leave that column out.
    coordinates_pm : ndarray, shape (L, 3, 3), or None
        Atoms N, CA, C of each residue, each x, y, z, in picometres (100 pm = 1 Angstrom); zero where not resolved.
    mask : ndarray of bool, shape (L,), or None
        Which residues are resolved. None where the file says nothing: then all are meant to be.
    secondary : str or None
        DSSP classes, one a residue, of the letters LHBEGITS.

    Raises
    ------
    DataError
        Lengths that disagree, arrays of another shape or kind, a name or sequence that cannot be written.

    Examples
    --------
    >>> from levinthal.proteins import ProteinRecord
    >>> len(ProteinRecord("1ABC_1_A", "ACDEFGHIKL"))
    10
    """

    name: str
    sequence: str
    profile: Floats | None = None
    coordinates_pm: Floats | None = None
    mask: npt.NDArray[np.bool_] | None = None
    secondary: str | None = None

    def __post_init__(self) -> None:
        if (
            not self.name
            or len(self.name) > MAX_NAME_LENGTH
            or not self.name.isprintable()
            or self.name.strip() != self.name
        ):
            raise DataError(
                f"{self.name[:60]!r} is not a name of a record: give one printable line without outer blanks"
            )
        length = len(self.sequence)
        if length > MAX_RESIDUES:
            raise DataError(f"record {self.name}: {length:,} residues are more than any protein has ({MAX_RESIDUES:,})")
        if not _SEQUENCE.fullmatch(self.sequence):
            raise DataError(f"record {self.name}: the sequence must be capital letters, one for each residue")
        self._keep("profile", ((length, 21), (length, 20)))
        self._keep("coordinates_pm", ((length, 3, 3),))
        self._keep("mask", ((length,),))
        if self.secondary is not None:
            if len(self.secondary) != length:
                raise DataError(
                    f"record {self.name}: {len(self.secondary)} secondary structure letters for {length} residues"
                )
            if not _SECONDARY.fullmatch(self.secondary):
                raise DataError(f"record {self.name}: secondary structure letters must be of {SECONDARY_LETTERS}")

    def _keep(self, name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
        """Check an array and keep it read-only, contiguous and in the machine's byte order."""
        given = getattr(self, name)
        if given is None:
            return
        array = np.asarray(given)
        if array.shape not in shapes:
            raise DataError(
                f"record {self.name}: {name} has the shape {array.shape}: for {len(self.sequence)} residues it must be "
                f"{' or '.join(map(str, shapes))}"
            )
        if name == "mask":
            if array.dtype != np.bool_:
                raise DataError(f"record {self.name}: the mask must be boolean, not {array.dtype}")
        elif array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
            raise DataError(f"record {self.name}: {name} must be float32 or float64, not {array.dtype}")
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view()
        array.flags.writeable = False
        object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.sequence)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProteinRecord):
            return NotImplemented
        return all(_same(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        return hash((self.name, self.sequence))

    @property
    def group(self) -> str | None:
        """The part of the name before `#`: the class of a test record (FM, TBM, TBM-hard) or the sequence identity
        group of a validation record (10, 20, ... 90 %); None for a training record.
        """  # noqa: D205
        return self.name.partition("#")[0] if "#" in self.name else None

    @property
    def identifier(self) -> str:
        """The name without its group: `T0366`, `1ABC_1_A`."""
        return self.name.partition("#")[2] if "#" in self.name else self.name

    @property
    def coordinates_nm(self) -> Floats | None:
        """`coordinates_pm` in nm, a new array of the same precision."""
        if self.coordinates_pm is None:
            return None
        nanometres: Floats = self.coordinates_pm / self.coordinates_pm.dtype.type(PICOMETRES_PER_NM)
        return nanometres

    @property
    def resolved(self) -> npt.NDArray[np.bool_]:
        """Which residues have coordinates to learn from, shape (L,): the mask; without one all, if there are any."""
        if self.mask is not None and self.coordinates_pm is not None:
            return self.mask
        return np.full(len(self), self.coordinates_pm is not None)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()
    return type(first) is type(second) and first == second
