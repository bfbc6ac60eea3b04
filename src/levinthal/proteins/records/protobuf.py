"""The wire format of Protocol Buffers: varints and tagged fields; as much as messages of bytes and numbers need.

Source: protobuf.dev/programming-guides/encoding. A message is a run of fields; a field is a varint tag
(number << 3 | wire type) and a value: 0 a varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. Wire types
3 and 4 (groups) are obsolete and refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = [
    "FIXED32",
    "FIXED64",
    "LENGTH",
    "VARINT",
    "WireError",
    "fields",
    "length_field",
    "packed_varints",
    "varint",
    "varints",
]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_VARINT_BYTES = 10
_WORD = (1 << 64) - 1


class WireError(ValueError):
    """Bytes that are no protobuf message."""


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the varint at a place, as 64 unsigned bits, and the place after it."""
    value = shift = 0
    for place in range(at, min(at + _VARINT_BYTES, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _WORD, place + 1
        shift += 7
    raise WireError("a varint does not end")


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Go through the fields of a message: number, wire type, and the value.

    Yields
    ------
    number : int
        Of the field, 1 or more.
    wire_type : int
        `VARINT`, `FIXED64`, `LENGTH` or `FIXED32`.
    value : int or memoryview
        An unsigned number for a varint, else the bytes, not copied.

    Raises
    ------
    WireError
        The bytes are no message.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the number 0")
        if wire_type == VARINT:
            value, at = _read_varint(data, at)
            yield number, wire_type, value
            continue
        if wire_type == LENGTH:
            size, at = _read_varint(data, at)
        elif wire_type in (FIXED64, FIXED32):
            size = 8 if wire_type == FIXED64 else 4
        else:
            raise WireError(f"wire type {wire_type} is not used")
        if size > end - at:
            raise WireError("a field is longer than what is left")
        yield number, wire_type, data[at : at + size]
        at += size


def varints(data: memoryview) -> npt.NDArray[np.int64]:
    """Return the varints that fill some bytes, as signed 64-bit numbers (two's complement).

    Raises
    ------
    WireError
        The last one does not end, or one has over ten bytes.
    """
    octets = np.frombuffer(data, np.uint8)
    if octets.size == 0:
        return np.zeros(0, np.int64)
    last = np.flatnonzero(octets < 0x80)
    if last.size == 0 or last[-1] != octets.size - 1:
        raise WireError("a varint does not end")
    first = np.concatenate([[0], last[:-1] + 1])
    sizes = last - first + 1
    longest = int(sizes.max())
    if longest > _VARINT_BYTES:
        raise WireError("a varint has more than ten bytes")
    values = np.zeros(last.size, np.uint64)
    for k in range(longest):
        there = sizes > k
        septet = (octets[first[there] + k] & 0x7F).astype(np.uint64)
        values[there] |= septet << np.uint64(7 * k)
    return values.view(np.int64)


def varint(value: int) -> bytes:
    """Return a number, taken as 64 bits, as a varint."""
    value &= _WORD
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def packed_varints(values: npt.NDArray[np.int64]) -> bytes:
    """Return numbers as varints, one after the other."""
    if values.size and int(values.min()) >= 0 and int(values.max()) < 0x80:
        return values.astype(np.uint8).tobytes()
    return b"".join(map(varint, values.tolist()))


def length_field(number: int, data: bytes) -> bytes:
    """Return a field of bytes: a string, an embedded message, or packed numbers."""
    return b"".join((varint(number << 3 | LENGTH), varint(len(data)), data))
