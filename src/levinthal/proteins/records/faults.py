"""What can be wrong with a record that is well formed, and what to do about it: skip and count, or refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError
from levinthal.proteins.records.record import ProteinRecord
from levinthal.proteins.residues import AMINO_ACIDS

PROFILE_SUM_TOLERANCE = 1e-3
"""How far the twenty probabilities of a residue may sum from 1; float32 and published records stay within 1e-6."""

MAX_PEPTIDE_BOND_PM = 250.0
"""A longer C-N distance is a break of the chain (Kabsch and Sander, Biopolymers 22:2577, 1983: 2.5 Angstrom)."""

_EXAMPLES_KEPT = 100
_RESIDUES_NAMED = 5


class Fault(StrEnum):
    """The name of a fault, as it is counted and reported."""

    MALFORMED = "malformed"
    """The text or bytes are not a record."""
    LENGTHS_DISAGREE = "lengths disagree"
    """A section has another number of residues than the sequence."""
    UNKNOWN_LETTERS = "unknown letters"
    """The sequence has letters other than the twenty amino acids."""
    NOT_FINITE = "not finite"
    """A NaN or infinity in the profile, or in the coordinates of a resolved residue."""
    PROFILE_SUM = "profile does not sum to 1"
    """The twenty probabilities of a residue do not sum to 1."""
    PROFILE_RANGE = "profile out of range"
    """A probability or information content outside [0, 1]."""
    EMPTY_MASK = "empty mask"
    """There are coordinates, but no residue is marked as resolved."""
    CA_ONLY = "CA only"
    """Residues are marked as resolved that have a CA but neither N nor C."""
    ZERO_COORDINATES = "zero coordinates"
    """Residues are marked as resolved that have an atom at exactly (0, 0, 0), and are not CA only."""


@dataclass(frozen=True)
class FoundFault:
    """A fault of one record: its kind, and a few words on where in the record it is."""

    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.detail}"


class RefusedRecord(ValueError):  # noqa: N818 - it never leaves the readers
    """A record's text or bytes are not a record; readers turn it into a count or a `DataError`."""

    def __init__(self, detail: str, fault: Fault = Fault.MALFORMED, name: str = "") -> None:
        super().__init__(detail)
        self.found = FoundFault(fault, detail)
        self.name = name


def _residues(which: npt.NDArray[np.bool_]) -> str:
    numbers = np.flatnonzero(which) + 1
    listed = ", ".join(map(str, numbers[:_RESIDUES_NAMED]))
    plural = "residue" if len(numbers) == 1 else "residues"
    return f"{plural} {listed}{f' and {len(numbers) - _RESIDUES_NAMED} more' if len(numbers) > _RESIDUES_NAMED else ''}"


def find_faults(record: ProteinRecord) -> tuple[FoundFault, ...]:
    """Return what is wrong with a record; each kind of fault at most once, with the residues it concerns.

    A record without profile, coordinates or mask has no fault for that.

    Parameters
    ----------
    record : ProteinRecord
        A record whose lengths agree.

    Returns
    -------
    tuple of FoundFault
        Empty when nothing is wrong. Residues are numbered from 1.
    """
    found: list[FoundFault] = []
    unknown = np.array([letter not in AMINO_ACIDS for letter in record.sequence])
    if unknown.any():
        letters = "".join(sorted(set(record.sequence) - set(AMINO_ACIDS)))
        found.append(FoundFault(Fault.UNKNOWN_LETTERS, f"{letters} at {_residues(unknown)}"))
    found += _profile_faults(record)
    found += _coordinate_faults(record)
    return tuple(found)


def _profile_faults(record: ProteinRecord) -> list[FoundFault]:
    if record.profile is None:
        return []
    broken = np.asarray(~np.isfinite(record.profile).all(axis=1))
    if broken.any():
        return [FoundFault(Fault.NOT_FINITE, f"the profile at {_residues(broken)}")]
    found = []
    with np.errstate(over="ignore", invalid="ignore"):
        sums = record.profile[:, :20].sum(axis=1, dtype=np.float64)
        wrong = ~(np.abs(sums - 1) <= PROFILE_SUM_TOLERANCE)
    if wrong.any():
        worst = sums[wrong][0]
        found.append(FoundFault(Fault.PROFILE_SUM, f"{_residues(wrong)}, the first sums to {worst:.4g}"))
    low, high = -PROFILE_SUM_TOLERANCE, 1 + PROFILE_SUM_TOLERANCE
    outside = np.asarray(((record.profile < low) | (record.profile > high)).any(axis=1))
    if outside.any():
        found.append(FoundFault(Fault.PROFILE_RANGE, _residues(outside)))
    return found


def _coordinate_faults(record: ProteinRecord) -> list[FoundFault]:
    if record.coordinates_pm is None:
        return []
    resolved = record.resolved
    if not resolved.any():
        return [FoundFault(Fault.EMPTY_MASK, "no residue is marked as resolved")]
    found = []
    broken = resolved & ~np.isfinite(record.coordinates_pm).all(axis=(1, 2))
    if broken.any():
        found.append(FoundFault(Fault.NOT_FINITE, f"the coordinates of {_residues(broken)}"))
    absent = (record.coordinates_pm == 0).all(axis=2)
    nitrogen, alpha, carbon = absent.T
    ca_only = resolved & nitrogen & carbon & ~alpha
    if ca_only.any():
        found.append(FoundFault(Fault.CA_ONLY, _residues(ca_only)))
    zero = resolved & absent.any(axis=1) & ~ca_only
    if zero.any():
        found.append(FoundFault(Fault.ZERO_COORDINATES, _residues(zero)))
    return found


def chain_breaks(record: ProteinRecord) -> tuple[int, ...]:
    """Return the residues after which the chain is broken, numbered from 1; no fault, but good to know.

    Both residues are resolved, and the distance from C of the one to N of the next is over 250 pm. A gap of residues
    that are not resolved is not a break.
    """
    if record.coordinates_pm is None:
        return ()
    resolved = record.resolved
    atoms = np.asarray(record.coordinates_pm, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.linalg.norm(atoms[1:, 0] - atoms[:-1, 2], axis=-1)
        broken = resolved[1:] & resolved[:-1] & ~(distance <= MAX_PEPTIDE_BOND_PM)
    return tuple(int(residue) for residue in np.flatnonzero(broken) + 1)


class FaultPolicy:
    """What readers do with faulty records, and the count of what they met.

    Hand the same policy to several readers to count over several files.

    Parameters
    ----------
    on_fault : {"skip", "refuse"}
        `skip` leaves a faulty record out, counts it and goes on; `refuse` raises a `DataError` that names it.
    ignored : iterable of Fault
        Faults that are not a reason to leave a record out; they are counted all the same. `Fault.MALFORMED` and
        `Fault.LENGTHS_DISAGREE` cannot be ignored: there is no record then.

    Attributes
    ----------
    counts : Counter of Fault
        How many records have each fault; a record may have several.
    n_kept, n_skipped : int
        Records handed on and left out.
    passed_over : Counter of str
        Sections of other names than the format's, and how many records have each; they are not read.
    examples : list of str
        The first hundred faults: file, position, record and what is wrong.

    Raises
    ------
    UsageError
        Another word than `skip` or `refuse`, or a fault that cannot be ignored.

    Examples
    --------
    >>> from levinthal.proteins import FaultPolicy, ProteinRecord
    >>> policy = FaultPolicy("skip")
    >>> policy.admits(ProteinRecord("a", "ACDE"), "record 1")
    True
    """

    def __init__(self, on_fault: Literal["skip", "refuse"] = "refuse", ignored: Iterable[Fault] = ()) -> None:
        if on_fault not in ("skip", "refuse"):
            raise UsageError(f"on_fault is {on_fault!r}: it must be skip or refuse")
        self.on_fault = on_fault
        self.ignored = frozenset(ignored)
        if self.ignored & {Fault.MALFORMED, Fault.LENGTHS_DISAGREE}:
            raise UsageError("a malformed record cannot be ignored: skip it or refuse it")
        self.counts: Counter[Fault] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.n_kept = 0
        self.n_skipped = 0
        self.examples: list[str] = []

    def admits(self, record: ProteinRecord, place: str) -> bool:
        """Count the faults of a record and say whether it is to be handed on.

        Raises
        ------
        DataError
            It is faulty, and faulty records are refused.
        """
        found = find_faults(record)
        grave = [each for each in found if each.fault not in self.ignored]
        self._count(found, grave, record.name, place)
        self.n_kept += not grave
        return not grave

    def leave_out(self, refused: RefusedRecord, place: str) -> None:
        """Count what is not a record at all.

        Raises
        ------
        DataError
            Faulty records are refused.
        """
        self._count((refused.found,), [refused.found], refused.name, place)

    def summary(self) -> str:
        """Return one line: how many records were kept, skipped, and why."""
        reasons = ", ".join(f"{fault} {count:,}" for fault, count in sorted(self.counts.items()))
        return f"{self.n_kept:,} records kept, {self.n_skipped:,} skipped{f' ({reasons})' if reasons else ''}"

    def _count(self, found: tuple[FoundFault, ...], grave: list[FoundFault], name: str, place: str) -> None:
        for each in found:
            self.counts[each.fault] += 1
            if len(self.examples) < _EXAMPLES_KEPT:
                self.examples.append(_sentence(each, name, place))
        if grave and self.on_fault == "refuse":
            raise DataError(f"{_sentence(grave[0], name, place)}: fix it, or have faulty records skipped")
        self.n_skipped += bool(grave)


def _sentence(found: FoundFault, name: str, place: str) -> str:
    return f"{place}{f', record {name}' if name else ''}: {found}"
