"""Within one process: a copy from memory to memory, as where the learner runs inline."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from levinthal.metrics.transfer.route import Load, Sender, traffic
from levinthal.metrics.transfer.store import MessageStore

_SLOTS = 4


class SameProcess:
    """A receiver that makes the messages itself and copies each into memory of its own."""

    name: ClassVar[str] = "same-process"
    medium: ClassVar[str] = "memory"
    sends: ClassVar[bool] = False

    def receiver(self, load: Load) -> _Copies:
        """Return the receiver."""
        return _Copies(load)

    def sender(self, load: Load, number: int) -> Sender:
        """Refuse: there is none."""
        raise NotImplementedError("within a process nobody sends")


class _Copies:
    def __init__(self, load: Load) -> None:
        store = MessageStore(Path(load.store), in_memory=True)
        self._traffic = (message for sender in range(load.senders) for message in traffic(load, sender, store))
        self._slots = [np.zeros(max(store.largest, 1), np.uint8) for _ in range(_SLOTS)]
        self._k = 0

    def receive(self) -> tuple[bytes, memoryview] | None:
        found = next(self._traffic, None)
        if found is None:
            return None
        head, body = found
        slot = self._slots[self._k % _SLOTS][: len(body)]
        self._k += 1
        np.copyto(slot, np.frombuffer(body, np.uint8))
        return head, slot.data

    def close(self) -> None:
        pass


ROUTE = SameProcess
