"""ProteinNet records as TFRecord files: which feature holds what.

The schema is that of `code/tf_parser.py` in github.com/aqlaboratory/proteinnet: a `SequenceExample` whose context has
`id` (bytes) and whose feature lists are `evolutionary` (21 floats a residue; some files have 20), `mask` (one float),
`primary` and `secondary` (one integer each, an index into `AMINO_ACIDS` and `SECONDARY_LETTERS`) and `tertiary`
(3 floats, three steps a residue: N, CA, C). All but `id` and `primary` may be absent.

What is exact: these floats are single precision. A record from a TFRecord has float32 numbers, and writes the very
same bytes again. The numbers of a text record are float64: the profile's 16 or 17 digits do not fit. So that
text -> TFRecord -> text gives the same bytes, a float64 array is written twice: as ProteinNet's float32 feature, which
every reader finds, and as `evolutionary_double` or `tertiary_double` in the context (one byte string, little-endian
float64), which readers that do not know it pass over. With `exact=False` that is left out: the file has ProteinNet's
schema and nothing else, coordinates in tenths of a picometre still come back as the same decimals, and the profile is
rounded to float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Floats
from levinthal.errors import DataError
from levinthal.proteins.records.byte_source import Source, source_name
from levinthal.proteins.records.faults import Fault, FaultPolicy, RefusedRecord
from levinthal.proteins.records.record import MAX_RESIDUES, SECONDARY_LETTERS, ProteinRecord
from levinthal.proteins.records.sequence_example import (
    Feature,
    FeatureList,
    SequenceExample,
    decode_sequence_example,
    encode_sequence_example,
)
from levinthal.proteins.records.tfrecord import read_frames, write_frames
from levinthal.proteins.residues import AMINO_ACIDS

_DOUBLE = {"evolutionary": "evolutionary_double", "tertiary": "tertiary_double"}


def read_tfrecord(source: Source, policy: FaultPolicy | None = None) -> Iterator[ProteinRecord]:
    """Read the records of a ProteinNet TFRecord file one after the other; one is in memory at a time.

    Parameters
    ----------
    source : path or binary stream
        A TFRecord file, gzipped or not, or an open stream of one.
    policy : FaultPolicy, optional
        What to do with faulty records, and their count. Without one, what is not a record is refused and the others are
        handed on unchecked.

    Yields
    ------
    ProteinRecord
        With float32 numbers, or float64 where the file holds those (see the module).

    Raises
    ------
    DataError
        The file cannot be read or is cut off, has no record, or has a faulty one that the policy refuses; names file
        and byte. A frame whose length is damaged is refused under any policy, because what follows cannot be found.
    """
    rules = policy or FaultPolicy("refuse")
    name = source_name(source)
    n_records = 0
    for frame in read_frames(source):
        n_records += 1
        place = f"{name}, byte {frame.offset} (record {n_records})"
        try:
            if not frame.intact:
                raise RefusedRecord("the checksum of the data is wrong")
            record = _decode(frame.data)
        except RefusedRecord as refused:
            rules.leave_out(refused, place)
            continue
        if policy is None or policy.admits(record, place):
            yield record
    if n_records == 0:
        raise DataError(f"{name} is empty: there is no record in it")


def write_tfrecord(path: str | Path, records: Iterable[ProteinRecord], *, exact: bool = True) -> int:
    """Write records as a ProteinNet TFRecord file, one at a time, and return how many.

    Parameters
    ----------
    path : path
        The file; it appears whole or not at all. ProteinNet puts 256 records in one.
    records : iterable of ProteinRecord
        What to write.
    exact : bool
        Keep float64 numbers beside ProteinNet's float32 (see the module).

    Raises
    ------
    DataError
        The file cannot be written, or a sequence has letters that ProteinNet has no index for.

    Examples
    --------
    >>> from levinthal.proteins import ProteinRecord, read_records, write_tfrecord
    >>> write_tfrecord("records.tfrecord", [ProteinRecord("a", "ACDE")])
    1
    >>> [record.name for record in read_records("records.tfrecord")]
    ['a']
    """
    return write_frames(path, (encode_sequence_example(to_example(record, exact=exact)) for record in records))


def to_example(record: ProteinRecord, *, exact: bool = True) -> SequenceExample:
    """Return the `SequenceExample` of a record.

    Raises
    ------
    DataError
        The sequence has letters that ProteinNet has no index for.
    """
    context: dict[str, Feature] = {"id": (record.name.encode(),)}
    lists: dict[str, FeatureList] = {}
    if record.profile is not None:
        lists["evolutionary"] = _single(record.profile)
    if record.mask is not None:
        lists["mask"] = record.mask.astype(np.float32)[:, None]
    lists["primary"] = _indices(record, record.sequence, AMINO_ACIDS)
    if record.secondary is not None:
        lists["secondary"] = _indices(record, record.secondary, SECONDARY_LETTERS)
    if record.coordinates_pm is not None:
        lists["tertiary"] = _single(record.coordinates_pm.reshape(-1, 3))
    if exact:
        for name, array in (("evolutionary", record.profile), ("tertiary", record.coordinates_pm)):
            if array is not None and array.dtype == np.float64:
                context[_DOUBLE[name]] = (array.astype("<f8").tobytes(),)
    return SequenceExample(context, lists)


def from_example(example: SequenceExample) -> ProteinRecord:
    """Return the record that a `SequenceExample` holds.

    Raises
    ------
    DataError
        A feature is missing, of another kind, or of another length than the sequence asks for.
    """
    try:
        return _record(example)
    except RefusedRecord as refused:
        raise DataError(f"record {refused.name or '?'}: {refused.found}") from None


def _decode(data: bytes) -> ProteinRecord:
    try:
        return _record(decode_sequence_example(data))
    except DataError as error:
        raise RefusedRecord(str(error)) from None


def _record(example: SequenceExample) -> ProteinRecord:
    identifier = example.context.get("id")
    if not isinstance(identifier, tuple) or len(identifier) != 1:
        raise RefusedRecord("the context has no id")
    try:
        name = identifier[0].decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedRecord("the id is not text") from None
    try:
        lists = example.feature_lists
        sequence = _letters(lists, "primary", AMINO_ACIDS)
        if sequence is None:
            raise RefusedRecord("there is no primary sequence")
        length = len(sequence)
        if length > MAX_RESIDUES:
            raise RefusedRecord(f"{length:,} residues are more than any protein has")
        secondary = _letters(lists, "secondary", SECONDARY_LETTERS)
        profile = _floats(example, "evolutionary", length, (20, 21))
        tertiary = _floats(example, "tertiary", 3 * length, (3,))
        coordinates = None if tertiary is None else tertiary.reshape(length, 3, 3)
        return ProteinRecord(name, sequence, profile, coordinates, _mask(example, length), secondary)
    except RefusedRecord as refused:
        refused.name = name[:80] if name.isprintable() else ""
        raise


def _letters(lists: object, name: str, alphabet: str) -> str | None:
    values = lists.get(name) if isinstance(lists, dict) else None
    if values is None or len(values) == 0:
        return None
    if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.shape[1] != 1:
        raise RefusedRecord(f"{name} must have one integer in each step")
    if values.min() < 0 or values.max() >= len(alphabet):
        raise RefusedRecord(f"{name} has a letter number outside 0 to {len(alphabet) - 1}")
    return np.frombuffer(alphabet.encode(), np.uint8)[values[:, 0]].tobytes().decode()


def _floats(example: SequenceExample, name: str, n_steps: int, widths: tuple[int, ...]) -> Floats | None:
    values = example.feature_lists.get(name)
    if values is None or len(values) == 0:
        return None
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.shape[1] not in widths:
        raise RefusedRecord(f"{name} must have {' or '.join(map(str, widths))} floats in each step")
    if len(values) != n_steps:
        raise RefusedRecord(
            f"{name} has {len(values):,} steps where the sequence asks for {n_steps:,}", Fault.LENGTHS_DISAGREE
        )
    single = values.astype(np.float32, copy=False)
    stored = example.context.get(_DOUBLE[name]) if name in _DOUBLE else None
    if stored is None:
        return single
    if not isinstance(stored, tuple) or len(stored) != 1 or len(stored[0]) != 8 * single.size:
        raise RefusedRecord(f"{_DOUBLE[name]} must be one float64 for each float of {name}")
    double = np.frombuffer(stored[0], "<f8").astype(np.float64).reshape(single.shape)
    if not np.array_equal(_single(double), single, equal_nan=True):
        raise RefusedRecord(f"{_DOUBLE[name]} is not {name}: one of them was changed")
    return double


def _mask(example: SequenceExample, length: int) -> npt.NDArray[np.bool_] | None:
    values = _floats(example, "mask", length, (1,))
    if values is None:
        return None
    if not ((values == 0) | (values == 1)).all():
        raise RefusedRecord("the mask must be of 0 and 1")
    resolved: npt.NDArray[np.bool_] = values[:, 0] == 1
    return resolved


def _single(values: Floats) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)


def _indices(record: ProteinRecord, letters: str, alphabet: str) -> npt.NDArray[np.int64]:
    numbers = np.array([alphabet.find(letter) for letter in letters], np.int64)
    if numbers.min() < 0:
        unknown = "".join(sorted(set(letters) - set(alphabet)))
        raise DataError(f"record {record.name}: ProteinNet's TFRecord has no number for the letters {unknown}")
    return numbers[:, None]
