"""The messages of a measurement, as a file that every process maps; what was lost is sent again from it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.errors import DataError
from levinthal.files.writing import whole_file, write_whole

_DATA, _ROWS = "messages.bin", "messages.json"


@dataclass(frozen=True)
class Row:
    """Where a message lies, and its CRC-32."""

    offset: int
    n_bytes: int
    crc32: int


class MessageStore:
    """Messages that were written once, memory-mapped.

    Parameters
    ----------
    folder : Path
        As given to `write`.
    in_memory : bool
        Read them instead, for who holds them as a simulation does.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        try:
            self.rows = [Row(**row) for row in json.loads((folder / _ROWS).read_text(encoding="ascii"))]
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{folder} holds no messages ({error}): measure again") from None
        size = sum(row.n_bytes for row in self.rows)
        self._data: Any = np.memmap(folder / _DATA, np.uint8, "r", shape=(size,)) if size else np.zeros(0, np.uint8)
        if in_memory:
            self._data = np.array(self._data)

    @staticmethod
    def write(folder: Path, messages: Iterable[bytes]) -> MessageStore:
        """Write messages whole or not at all, and return the store of them."""
        rows: list[Row] = []
        with whole_file(folder / _DATA) as file:
            for message in messages:
                offset = rows[-1].offset + rows[-1].n_bytes if rows else 0
                rows.append(Row(offset, len(message), zlib.crc32(message)))
                file.write(message)
        write_whole(folder / _ROWS, json.dumps([asdict(row) for row in rows]))
        return MessageStore(folder)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def largest(self) -> int:
        """Bytes of the largest message."""
        return max(row.n_bytes for row in self.rows)

    def view(self, number: int) -> memoryview:
        """Return a message as it lies in the file."""
        row = self.rows[number]
        return memoryview(self._data[row.offset : row.offset + row.n_bytes])

    def is_whole(self, number: int, body: memoryview) -> bool:
        """Return whether what arrived is what is stored."""
        row = self.rows[number]
        return len(body) == row.n_bytes and zlib.crc32(body) == row.crc32

    def shared_out(self, numbers: Sequence[int], n_senders: int, sender: int) -> list[int]:
        """Return which of some messages one of several senders sends."""
        return list(numbers[sender::n_senders])
