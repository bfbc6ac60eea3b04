"""Between ranks of torch's gloo, as where simulation and learning are ranks of one program."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from levinthal.metrics.transfer.route import HEADER_BYTES, PATIENCE_S, Load
from levinthal.metrics.transfer.store import MessageStore

_SIZE_BYTES = 8


class Gloo:
    """Point-to-point messages: head and length, then the body."""

    name: ClassVar[str] = "gloo"
    medium: ClassVar[str] = "loopback"
    sends: ClassVar[bool] = True

    def receiver(self, load: Load) -> _Rank:
        """Return rank 0."""
        return _Rank(load, 0)

    def sender(self, load: Load, number: int) -> _Rank:
        """Return the rank of a sender."""
        return _Rank(load, number + 1)


class _Rank:
    def __init__(self, load: Load, rank: int) -> None:
        import torch
        from torch import distributed

        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
        self._torch: Any = torch
        self._group: Any = distributed
        self._group.init_process_group(
            "gloo", init_method=f"file://{Path(load.folder).absolute() / 'ranks'}", rank=rank,
            world_size=load.senders + 1, timeout=timedelta(seconds=PATIENCE_S),
        )  # fmt: skip
        self._note = torch.zeros(HEADER_BYTES + _SIZE_BYTES, dtype=torch.uint8)
        self._body = torch.zeros(max(MessageStore(Path(load.store)).largest, 1), dtype=torch.uint8)

    def send(self, head: bytes, body: memoryview) -> None:
        note = np.frombuffer(head + len(body).to_bytes(_SIZE_BYTES, "little"), np.uint8)
        self._note[:] = self._torch.from_numpy(note.copy())
        self._group.send(self._note, 0)
        if len(body):
            self._body.numpy()[: len(body)] = np.frombuffer(body, np.uint8)
            self._group.send(self._body[: len(body)], 0)

    def receive(self) -> tuple[memoryview, memoryview] | None:
        sender = self._group.recv(self._note)
        note = bytes(self._note.numpy())
        length = int.from_bytes(note[HEADER_BYTES:], "little")
        if length:
            self._group.recv(self._body[:length], sender)
        return memoryview(note), self._body.numpy()[:length].data

    def close(self) -> None:
        self._group.destroy_process_group()


ROUTE = Gloo
