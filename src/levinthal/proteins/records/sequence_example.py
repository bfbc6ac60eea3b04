"""TensorFlow's `Example` and `SequenceExample` messages, to and from bytes, without TensorFlow.

Messages and field numbers are those of `tensorflow/core/example/feature.proto` and `example.proto`::

    Example          { Features features = 1; }
    SequenceExample  { Features context = 1; FeatureLists feature_lists = 2; }
    Features         { map<string, Feature> feature = 1; }
    FeatureLists     { map<string, FeatureList> feature_list = 1; }
    FeatureList      { repeated Feature feature = 1; }
    Feature          { oneof { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
    ...List          { repeated bytes | float | int64 value = 1; }      // numbers are packed

A feature is a tuple of bytes, or an array of float32 or int64. A feature list of numbers, as many in each step, is an
array of two dimensions (steps, values); any other a tuple of features. A map entry is a message of key = 1, value = 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.records.protobuf import (
    FIXED32,
    LENGTH,
    VARINT,
    WireError,
    fields,
    length_field,
    packed_varints,
    varints,
)

__all__ = [
    "Feature",
    "FeatureList",
    "SequenceExample",
    "decode_example",
    "decode_sequence_example",
    "encode_example",
    "encode_sequence_example",
]

Feature: TypeAlias = tuple[bytes, ...] | npt.NDArray[np.float32] | npt.NDArray[np.int64]
FeatureList: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int64] | tuple[Feature, ...]

MAX_STEPS = 1_000_000
"""Steps of irregular feature lists in one example: each costs far more memory than its few bytes."""

MAX_INTEGERS = 8_000_000
"""Numbers in one list of integers: a number of one byte becomes eight."""

_BYTES, _FLOAT, _INT64 = 1, 2, 3
_LITTLE_FLOAT = np.dtype("<f4")


@dataclass(frozen=True)
class SequenceExample:
    """A context of named features and named lists of features, one a step."""

    context: Mapping[str, Feature] = field(default_factory=dict)
    feature_lists: Mapping[str, FeatureList] = field(default_factory=dict)


class _Budget:
    """Counts what a message makes of small parts, so that a hostile one cannot fill the memory."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise WireError(f"more than {MAX_STEPS:,} parts")


def decode_example(data: bytes) -> dict[str, Feature]:
    """Return the features of an `Example`.

    Raises
    ------
    DataError
        The bytes are no such message.
    """
    try:
        budget = _Budget()
        features: dict[str, Feature] = {}
        for message in _messages(memoryview(data), 1):
            features |= _features(message, budget)
    except (WireError, UnicodeDecodeError) as error:
        raise DataError(f"the bytes are no TensorFlow Example: {error}") from None
    return features


def decode_sequence_example(data: bytes) -> SequenceExample:
    """Return the context and the feature lists of a `SequenceExample`.

    Raises
    ------
    DataError
        The bytes are no such message.
    """
    try:
        budget = _Budget()
        context: dict[str, Feature] = {}
        lists: dict[str, FeatureList] = {}
        for number, wire_type, value in fields(memoryview(data)):
            if wire_type != LENGTH or isinstance(value, int):
                continue
            if number == 1:
                context |= _features(value, budget)
            elif number == 2:
                for name, message in _entries(value, budget):
                    lists[name] = _feature_list(message, budget)
    except (WireError, UnicodeDecodeError) as error:
        raise DataError(f"the bytes are no TensorFlow SequenceExample: {error}") from None
    return SequenceExample(context, lists)


def _messages(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, wire_type, value in fields(data):
        if number == wanted and wire_type == LENGTH and not isinstance(value, int):
            yield value


def _entries(data: memoryview, budget: _Budget) -> Iterator[tuple[str, memoryview]]:
    """Go through a map from string to message."""
    for entry in _messages(data, 1):
        budget.spend()
        key, value = "", memoryview(b"")
        for number, wire_type, part in fields(entry):
            if wire_type == LENGTH and not isinstance(part, int):
                if number == 1:
                    key = bytes(part).decode("utf-8")
                elif number == 2:
                    value = part
        yield key, value


def _features(data: memoryview, budget: _Budget) -> dict[str, Feature]:
    return {name: _feature(message, budget) for name, message in _entries(data, budget)}


def _feature(data: memoryview, budget: _Budget) -> Feature:
    """Read a feature; parts of one kind are joined, of several kinds the last counts."""
    kind = 0
    parts: list[Any] = []
    for number, wire_type, value in fields(data):
        if wire_type != LENGTH or isinstance(value, int) or number not in (_BYTES, _FLOAT, _INT64):
            continue
        if number != kind:
            kind, parts = number, []
        if kind == _BYTES:
            for each in _messages(value, 1):
                budget.spend()
                parts.append(bytes(each))
        else:
            parts += _numbers(value, kind, budget)
    if kind in (0, _BYTES):
        return tuple(parts)
    if kind == _FLOAT:
        return np.concatenate([np.zeros(0, np.float32), *parts])
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _numbers(data: memoryview, kind: int, budget: _Budget) -> Iterator[npt.NDArray[Any]]:
    """Go through the runs of a list of numbers, which may be packed or one by one."""
    for number, wire_type, value in fields(data):
        if number != 1:
            continue
        if wire_type == LENGTH and not isinstance(value, int):
            if kind == _INT64:
                if len(value) > MAX_INTEGERS:
                    raise WireError(f"more than {MAX_INTEGERS:,} integers in a list")
                yield varints(value)
            elif len(value) % 4 == 0:
                yield np.frombuffer(value, _LITTLE_FLOAT).astype(np.float32)
            else:
                raise WireError("packed floats are cut off")
        elif kind == _INT64 and wire_type == VARINT and isinstance(value, int):
            budget.spend()
            yield np.array([value], np.uint64).view(np.int64)
        elif kind == _FLOAT and wire_type == FIXED32 and not isinstance(value, int):
            budget.spend()
            yield np.frombuffer(value, _LITTLE_FLOAT).astype(np.float32)


def _feature_list(data: memoryview, budget: _Budget) -> FeatureList:
    regular = _regular_list(data)
    if regular is not None:
        return regular
    steps = []
    for message in _messages(data, 1):
        budget.spend()
        steps.append(_feature(message, budget))
    kinds = {(step.dtype, step.shape) if isinstance(step, np.ndarray) else None for step in steps}
    if len(kinds) == 1 and None not in kinds:
        table: npt.NDArray[Any] = np.stack([step for step in steps if isinstance(step, np.ndarray)])
        return table
    return tuple(steps)


def _regular_list(data: memoryview) -> FeatureList | None:
    """Read a list of numbers at once where every step is written alike, which is how everybody writes them.

    The bytes before the numbers of the first step must be those of every step; None where that is not so.
    """
    try:
        number, step = _first_field(data)[:2]
        kind, numbers, alone = _first_field(step)
        packed_number, packed, packed_alone = _first_field(numbers)
    except WireError:
        return None
    width = len(packed)
    if not (alone and packed_alone and number == packed_number == 1 and kind in (_FLOAT, _INT64) and width):
        return None
    prefix = length_field(1, length_field(kind, length_field(1, bytes(packed))))[:-width]
    stride = len(prefix) + width
    if len(data) % stride:
        return None
    table = np.frombuffer(data, np.uint8).reshape(-1, stride)
    body = table[:, len(prefix) :]
    regular = bool((table[:, : len(prefix)] == np.frombuffer(prefix, np.uint8)).all())
    if regular and kind == _FLOAT and width % 4 == 0:
        return np.ascontiguousarray(body).view(_LITTLE_FLOAT).astype(np.float32)
    if regular and kind == _INT64 and body.size <= MAX_INTEGERS and bool((body < 0x80).all()):
        return body.astype(np.int64)
    return None


def _first_field(data: memoryview) -> tuple[int, memoryview, bool]:
    """Return the number and bytes of a message's first field, and whether it is the only one."""
    several = fields(data)
    number, wire_type, value = next(several, (0, VARINT, 0))
    if isinstance(value, int) or wire_type != LENGTH:
        raise WireError("no field of bytes")
    return number, value, next(several, None) is None


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Return features as the bytes of an `Example`.

    Raises
    ------
    DataError
        A feature is neither a sequence of bytes nor an array of float32 or int64.
    """
    return length_field(1, _encode_features(features))


def encode_sequence_example(example: SequenceExample) -> bytes:
    """Return the bytes of a `SequenceExample`; maps are written in the order given, an empty part not at all.

    Raises
    ------
    DataError
        A feature is neither a sequence of bytes nor an array of float32 or int64.
    """
    lists = b"".join(_entry(name, _encode_feature_list(name, values)) for name, values in example.feature_lists.items())
    return (length_field(1, _encode_features(example.context)) if example.context else b"") + (
        length_field(2, lists) if lists else b""
    )


def _encode_features(features: Mapping[str, Feature]) -> bytes:
    return b"".join(_entry(name, _encode_feature(name, feature)) for name, feature in features.items())


def _entry(name: str, message: bytes) -> bytes:
    return length_field(1, length_field(1, name.encode()) + length_field(2, message))


def _encode_feature(name: str, feature: Feature) -> bytes:
    if isinstance(feature, np.ndarray):
        if feature.ndim == 1 and feature.dtype == np.float32:
            return _encode_list(_FLOAT, feature.astype(_LITTLE_FLOAT).tobytes())
        if feature.ndim == 1 and feature.dtype == np.int64:
            return _encode_list(_INT64, packed_varints(feature.astype(np.int64)))
    elif isinstance(feature, tuple) and all(isinstance(each, bytes) for each in feature):
        return length_field(_BYTES, b"".join(length_field(1, each) for each in feature))
    raise DataError(f"feature {name!r} must be a tuple of bytes, or one row of float32 or int64")


def _encode_list(kind: int, packed: bytes) -> bytes:
    return length_field(kind, length_field(1, packed) if packed else b"")


def _encode_feature_list(name: str, values: FeatureList | Iterable[Feature]) -> bytes:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.size:
        small = values.dtype == np.int64 and int(values.min()) >= 0 and int(values.max()) < 0x80
        if values.dtype == np.float32 or small:
            body = values.astype(_LITTLE_FLOAT if values.dtype == np.float32 else np.uint8)
            octets = np.ascontiguousarray(body).view(np.uint8)
            kind = _FLOAT if values.dtype == np.float32 else _INT64
            prefix = length_field(1, _encode_list(kind, octets[0].tobytes()))[: -octets.shape[1]]
            heads = np.broadcast_to(np.frombuffer(prefix, np.uint8), (len(octets), len(prefix)))
            return np.hstack([heads, octets]).tobytes()
    return b"".join(length_field(1, _encode_feature(name, step)) for step in values)
