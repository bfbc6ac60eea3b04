"""Shared memory: a sender copies into a slot that the receiver reads in place; a local socket says which.

Each sender has a segment of a few slots of its own. It tells the receiver over the socket that a slot is filled, and
takes it again when the receiver has said that it is done with it.
"""

from __future__ import annotations

import selectors
import shutil
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import ClassVar

import numpy as np

from levinthal.errors import DataError
from levinthal.metrics.transfer.route import HEADER_BYTES, PATIENCE_S, Load, find_address, leave_address
from levinthal.metrics.transfer.store import MessageStore

_PLACE = Path("/dev/shm")  # noqa: S108 - where Linux keeps such segments
_SLOTS = 4
_FILLED = struct.Struct("<IQ")
_NAME_BYTES = 255


class SharedMemory:
    """Slots in shared memory, announced over a local socket."""

    name: ClassVar[str] = "shared-memory"
    medium: ClassVar[str] = "memory"
    sends: ClassVar[bool] = True

    def receiver(self, load: Load) -> _Slots:
        """Return the receiver."""
        return _Slots(load)

    def sender(self, load: Load, number: int) -> _Filler:
        """Return the sender of a segment of its own."""
        del number
        return _Filler(load)


class _Filler:
    def __init__(self, load: Load) -> None:
        size = max(MessageStore(Path(load.store)).largest, 1)
        if _PLACE.is_dir() and (free := shutil.disk_usage(_PLACE).free) < size * _SLOTS:  # a full one kills who writes
            raise DataError(f"{_PLACE} has {free:,} bytes free, {_SLOTS} messages take {size * _SLOTS:,}: send less")
        self._memory = shared_memory.SharedMemory(create=True, size=size * _SLOTS)
        assert self._memory.buf is not None
        self._slots = [self._memory.buf[k * size : (k + 1) * size] for k in range(_SLOTS)]
        self._arrays = [np.frombuffer(slot, np.uint8) for slot in self._slots]
        for array in self._arrays:
            array[:] = 0  # the pages are there before anything is timed
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(find_address(load))
        self._socket.settimeout(PATIENCE_S)
        self._socket.send(f"{self._memory.name} {size}".encode())
        self._free = list(range(_SLOTS))

    def send(self, head: bytes, body: memoryview) -> None:
        if not self._free:
            self._free += self._socket.recv(_SLOTS)  # as many as the receiver is done with
        slot = self._free.pop(0)
        self._arrays[slot][: len(body)] = np.frombuffer(body, np.uint8)
        self._socket.send(_FILLED.pack(slot, len(body)) + head)

    def close(self) -> None:
        while len(self._free) < _SLOTS and (done := self._socket.recv(_SLOTS)):
            self._free += done
        self._socket.close()
        self._arrays.clear()
        for slot in self._slots:
            slot.release()
        self._memory.close()
        self._memory.unlink()


class _Slots:
    def __init__(self, load: Load) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="levinthal-"))  # a socket's path has room for 108 bytes
        path = str(self._place / "s")
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(path)
        self._listening.listen(load.senders)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._memories: list[shared_memory.SharedMemory] = []
        self._ready: list[tuple[socket.socket, tuple[memoryview, int]]] = []
        self._done: tuple[socket.socket, int] | None = None
        leave_address(load, path)

    def receive(self) -> tuple[memoryview, memoryview] | None:
        if self._done is not None:
            sender, slot = self._done
            self._done = None
            with suppress(OSError):  # it has gone
                sender.send(bytes([slot]))
        end = time.monotonic() + PATIENCE_S
        while True:
            while self._ready:
                sender, (buffer, size) = self._ready.pop()
                note = sender.recv(_FILLED.size + HEADER_BYTES)
                if not note:
                    self._selector.unregister(sender)
                    continue
                slot, length = _FILLED.unpack_from(note)
                self._done = (sender, slot)
                return memoryview(note)[_FILLED.size :], buffer[slot * size : slot * size + length]
            if time.monotonic() > end:
                raise DataError("no message came: its sender did not start, or stopped")
            self._look()

    def _look(self) -> None:
        for key, _ in self._selector.select(1.0):
            if key.data is None:
                sender, _ = self._listening.accept()
                name, size = sender.recv(_NAME_BYTES).decode().split()
                memory = _attached(name)
                self._memories.append(memory)
                assert memory.buf is not None
                self._selector.register(sender, selectors.EVENT_READ, (memory.buf, int(size)))
            else:
                assert isinstance(key.fileobj, socket.socket)
                self._ready.append((key.fileobj, key.data))

    def close(self) -> None:
        self._listening.close()
        for memory in self._memories:
            with suppress(BufferError):  # a view that somebody still holds; the process ends soon
                memory.close()
        shutil.rmtree(self._place, ignore_errors=True)


def _attached(name: str) -> shared_memory.SharedMemory:
    """Open a segment that belongs to its sender; when this process ends it stays."""
    if sys.version_info >= (3, 13):
        return shared_memory.SharedMemory(name, track=False)
    memory = shared_memory.SharedMemory(name)
    resource_tracker.unregister(f"/{memory.name.lstrip('/')}", "shared_memory")  # else it unlinks it at our end
    return memory


ROUTE = SharedMemory
