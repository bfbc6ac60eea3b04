"""TensorFlow's `Example` and `SequenceExample` messages, to and from bytes, by protobuf but without TensorFlow.

Messages and field numbers are those of `tensorflow/core/example/feature.proto` and `example.proto`::

    Example          { Features features = 1; }
    SequenceExample  { Features context = 1; FeatureLists feature_lists = 2; }
    Features         { map<string, Feature> feature = 1; }
    FeatureLists     { map<string, FeatureList> feature_list = 1; }
    FeatureList      { repeated Feature feature = 1; }
    Feature          { oneof { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
    ...List          { repeated bytes | float | int64 value = 1; }      // numbers are packed

A feature is a tuple of bytes, or an array of float32 or int64. A feature list of numbers, as many in each step, is an
array of two dimensions (steps, values); any other a tuple of features. The schema below describes the same bytes with
a map as a list of entries, which keeps the order, and with an entry's value and a step as bytes, so that NumPy can read
a table of numbers at once: a message for each of its steps would take about ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError

Feature: TypeAlias = tuple[bytes, ...] | npt.NDArray[np.float32] | npt.NDArray[np.int64]
FeatureList: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int64] | tuple[Feature, ...]

MAX_PARTS = 1_000_000
"""Entries, steps and byte strings in one example: each costs far more memory than its few bytes."""

MAX_INTEGERS = 8_000_000
"""Numbers in one list of integers: a number of one byte becomes eight."""

_T = TypeVar("_T")
_PART = b"\n"  # the tag that every entry, step and byte string begins with
_LITTLE_FLOAT = np.dtype("<f4")
_SCHEMA = {
    "Bytes": {"value": "repeated bytes"},
    "Floats": {"value": "repeated float"},
    "Integers": {"value": "repeated int64"},
    "Feature": {"bytes_list": "oneof Bytes", "float_list": "oneof Floats", "int64_list": "oneof Integers"},
    "LongFeature": {"bytes_list": "oneof Bytes", "float_list": "oneof Floats"},
    "FeatureList": {"feature": "repeated bytes"},
    "Entry": {"key": "optional bytes", "value": "optional bytes"},
    "Features": {"feature": "repeated Entry"},
    "Example": {"features": "optional Features"},
    "SequenceExample": {"context": "optional Features", "feature_lists": "optional Features"},
}


@dataclass(frozen=True)
class SequenceExample:
    """A context of named features and named lists of features, one a step."""

    context: Mapping[str, Feature] = field(default_factory=dict)
    feature_lists: Mapping[str, FeatureList] = field(default_factory=dict)


@cache
def _classes() -> dict[str, Any]:
    """Return the message classes of the schema; protobuf is imported at the first call."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    numbers = {"bytes": kinds.TYPE_BYTES, "float": kinds.TYPE_FLOAT, "int64": kinds.TYPE_INT64}
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="levinthal", syntax="proto2")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for number, (key, (label, kind)) in enumerate(((key, each.split()) for key, each in fields.items()), start=1):
            each = message.field.add(name=key, number=number, type=numbers.get(kind, kinds.TYPE_MESSAGE))
            each.label = kinds.LABEL_REPEATED if label == "repeated" else kinds.LABEL_OPTIONAL
            if kind not in numbers:
                each.type_name = f".levinthal.{kind}"
            each.options.packed = kind in ("float", "int64")
            if label == "oneof":
                each.oneof_index = 0
        if "Feature" in name and "bytes_list" in fields:
            message.oneof_decl.add(name="kind")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"levinthal.{name}")) for name in _SCHEMA}


def decode_example(data: bytes) -> dict[str, Feature]:
    """Return the features of an `Example`.

    Raises
    ------
    DataError
        The bytes are not such a message.
    """
    return _decoded("Example", data, lambda message: dict(_entries(message.features, _feature)))


def decode_sequence_example(data: bytes) -> SequenceExample:
    """Return the context and the feature lists of a `SequenceExample`.

    Raises
    ------
    DataError
        The bytes are not such a message.
    """
    return _decoded(
        "SequenceExample",
        data,
        lambda message: SequenceExample(
            dict(_entries(message.context, _feature)), dict(_entries(message.feature_lists, _feature_list))
        ),
    )


def _decoded(name: str, data: bytes, read: Callable[[Any], _T]) -> _T:
    """Parse a message whose parts are few enough for the memory, and read it."""
    from google.protobuf.message import DecodeError

    try:
        if data.count(_PART) > MAX_PARTS:
            raise DecodeError(f"more than {MAX_PARTS:,} parts")
        return read(_classes()[name].FromString(data))
    except (DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the bytes are not a TensorFlow {name}: {error}") from None


def _entries(features: Any, read: Callable[[bytes], Any]) -> Iterator[tuple[str, Any]]:
    """Go through a map from name to feature or feature list."""
    return ((entry.key.decode("utf-8"), read(entry.value)) for entry in features.feature)


def _feature(data: bytes) -> Feature:
    if len(data) <= MAX_INTEGERS:
        return _values(_classes()["Feature"].FromString(data))
    feature = _classes()["LongFeature"].FromString(data)
    if feature.WhichOneof("kind") is None:
        from google.protobuf.message import DecodeError

        raise DecodeError(f"more than {MAX_INTEGERS:,} integers in a list")
    return _values(feature)


def _values(feature: Any) -> Feature:
    kind = feature.WhichOneof("kind")
    if kind == "float_list":
        return np.array(feature.float_list.value, np.float32)
    if kind == "int64_list":
        return np.array(feature.int64_list.value, np.int64)
    return tuple(feature.bytes_list.value)


def _feature_list(data: bytes) -> FeatureList:
    regular = _table(data)
    if regular is not None:
        return regular
    steps = [_feature(step) for step in _classes()["FeatureList"].FromString(data).feature]
    kinds = {(step.dtype, step.shape) if isinstance(step, np.ndarray) else None for step in steps}
    if len(kinds) == 1 and None not in kinds:
        table: npt.NDArray[Any] = np.stack([step for step in steps if isinstance(step, np.ndarray)])
        return table
    return tuple(steps)


def _table(data: bytes) -> FeatureList | None:
    """Read a list of numbers at once where every step is written alike, which is how everybody writes them.

    The bytes before the numbers of the first step must be those of every step; None where that is not so.
    """
    stride = 2 + data[1] if len(data) > 1 else 0
    if not stride or len(data) % stride or data[1] >= 0x80:
        return None
    first = _classes()["FeatureList"].FromString(data[:stride])
    if len(first.feature) != 1 or first.SerializeToString() != data[:stride]:
        return None
    values = _feature(first.feature[0])
    if isinstance(values, tuple) or not values.size:
        return None
    width = 4 * values.size if values.dtype == np.float32 else values.size
    table = np.frombuffer(data, np.uint8).reshape(-1, stride)
    head, body = table[:, :-width], table[:, -width:]
    if not (head == head[0]).all():
        return None
    if values.dtype == np.float32:
        return np.ascontiguousarray(body).view(_LITTLE_FLOAT).astype(np.float32)
    small = head[0, -1] == width and body.size <= MAX_INTEGERS and bool((body < 0x80).all())
    return body.astype(np.int64) if small else None


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Return features as the bytes of an `Example`.

    Raises
    ------
    DataError
        A feature is neither a sequence of bytes nor an array of float32 or int64.
    """
    return _encoded(_classes()["Example"](features=_map(features, _encode_feature)))


def encode_sequence_example(example: SequenceExample) -> bytes:
    """Return the bytes of a `SequenceExample`; maps are written in the order given, an empty part not at all.

    Raises
    ------
    DataError
        A feature is neither a sequence of bytes nor an array of float32 or int64.
    """
    parts = {
        "context": _map(example.context, _encode_feature),
        "feature_lists": _map(example.feature_lists, _encode_feature_list),
    }
    return _encoded(_classes()["SequenceExample"](**{name: part for name, part in parts.items() if part.feature}))


def _encoded(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded


def _map(features: Mapping[str, Any], encode: Callable[[str, Any], bytes]) -> Any:
    message = _classes()["Features"]()
    for name, feature in features.items():
        message.feature.add(key=name.encode(), value=encode(name, feature))
    return message


def _encode_feature(name: str, feature: Feature) -> bytes:
    classes = _classes()
    if isinstance(feature, np.ndarray):
        if feature.ndim == 1 and feature.dtype == np.float32:
            return _encoded(classes["Feature"](float_list=classes["Floats"](value=feature.tolist())))
        if feature.ndim == 1 and feature.dtype == np.int64:
            return _encoded(classes["Feature"](int64_list=classes["Integers"](value=feature.tolist())))
    elif isinstance(feature, tuple) and all(isinstance(each, bytes) for each in feature):
        return _encoded(classes["Feature"](bytes_list=classes["Bytes"](value=feature)))
    raise DataError(f"feature {name!r} must be a tuple of bytes, or one row of float32 or int64")


def _encode_feature_list(name: str, values: FeatureList) -> bytes:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.size:
        small = values.dtype == np.int64 and int(values.min()) >= 0 and int(values.max()) < 0x80
        if values.dtype == np.float32 or small:
            body = values.astype(_LITTLE_FLOAT if values.dtype == np.float32 else np.uint8)
            octets = np.ascontiguousarray(body).view(np.uint8)
            first = _encode_steps(name, values[:1])
            head = np.frombuffer(first[: -octets.shape[1]], np.uint8)
            return np.hstack([np.broadcast_to(head, (len(octets), len(head))), octets]).tobytes()
    return _encode_steps(name, values)


def _encode_steps(name: str, steps: Iterable[Feature]) -> bytes:
    return _encoded(_classes()["FeatureList"](feature=[_encode_feature(name, step) for step in steps]))
