"""TFRecord files: a sequence of checked byte strings, whatever they mean.

Each is framed as length (uint64), masked CRC-32C of the length (uint32), data, masked CRC-32C of the data (uint32), all
little-endian (TensorFlow's `tensorflow/core/lib/io/record_writer.h`). What the bytes mean is another layer's matter:
`sequence_example` for TensorFlow's examples, or anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from levinthal.errors import DataError
from levinthal.files.writing import write_parts
from levinthal.proteins.records.byte_source import Source, opened, starts_as_gzip

MAX_FRAME_BYTES = 64 << 20
"""A longer frame is refused: a declared length is not believed, and its memory never taken, beyond this."""

_HEAD_BYTES = 12
_CHUNK_BYTES = 1 << 20
_MASK_DELTA = 0xA282EAD8


class Frame(NamedTuple):
    """A byte string of a TFRecord file, with its place in the (unzipped) file.

    Attributes
    ----------
    data : bytes
        What was stored.
    offset : int
        Where its frame begins, in bytes.
    intact : bool
        Whether the checksum of the data is right.
    """

    data: bytes
    offset: int
    intact: bool


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C, rotated right by 15 bits plus a constant, so that a checksum of checksums stays good.

    The form is TensorFlow's (`tensorflow/core/lib/hash/crc32c.h`).
    """
    from google_crc32c import value

    crc: int = value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def starts_as_tfrecord(head: bytes) -> bool:
    """Say whether bytes begin with the length of a frame and its right checksum."""
    if len(head) < _HEAD_BYTES:
        return False
    checksum: int = struct.unpack_from("<I", head, 8)[0]
    return masked_crc32c(head[:8]) == checksum


def is_tfrecord_gzip(head: bytes) -> bool:
    """Say whether bytes begin as gzip does, and are not the length of a frame that happens to look so."""
    return starts_as_gzip(head) and not starts_as_tfrecord(head)


def read_frames(source: Source, max_bytes: int = MAX_FRAME_BYTES) -> Iterator[Frame]:
    """Read the byte strings of a TFRecord file one after the other; one is in memory at a time.

    Parameters
    ----------
    source : path or binary stream
        A TFRecord file, gzipped or not, or an open stream of one.
    max_bytes : int
        A frame that says it is longer is refused.

    Yields
    ------
    Frame
        Also when the data is damaged but its end is known: look at `intact`.

    Raises
    ------
    DataError
        The file cannot be read, is cut off, or a frame's length is damaged: then what follows cannot be found.
    """
    with opened(source, is_tfrecord_gzip) as (stream, name):
        offset = 0
        while head := _read(stream, _HEAD_BYTES):
            place = f"{name}, byte {offset}"
            if len(head) < _HEAD_BYTES:
                raise DataError(f"{place}: the file ends within a TFRecord frame: fetch or make it again")
            if not starts_as_tfrecord(head):
                raise DataError(
                    f"{place}: the checksum of a frame's length is wrong: not a TFRecord file, or a damaged one"
                )
            length: int = struct.unpack_from("<Q", head)[0]
            if length > max_bytes:
                raise DataError(f"{place}: a frame says it has {length:,} bytes; more than {max_bytes:,} are refused")
            body = _read(stream, length + 4)
            if len(body) < length + 4:
                raise DataError(f"{place}: the file ends within a TFRecord frame: fetch or make it again")
            data, checksum = body[:length], struct.unpack_from("<I", body, length)[0]
            yield Frame(data, offset, masked_crc32c(data) == checksum)
            offset += _HEAD_BYTES + length + 4


def _read(stream: Any, n_bytes: int) -> bytes:
    """Read so many bytes, fewer at the end; never ask for more at once than a little beyond what is there."""
    parts: list[bytes] = []
    while n_bytes and (part := stream.read(min(n_bytes, _CHUNK_BYTES))):
        parts.append(part)
        n_bytes -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def frame_bytes(data: bytes) -> bytes:
    """Return a byte string in its frame."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


def write_frames(path: str | Path, payloads: Iterable[bytes]) -> int:
    """Write byte strings as a TFRecord file, one at a time, and return how many; errors as for `write_parts`."""
    return write_parts(path, map(frame_bytes, payloads))
