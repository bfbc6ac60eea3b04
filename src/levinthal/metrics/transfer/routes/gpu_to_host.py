"""From a GPU to the host: from device memory into page-locked memory, as frames of a simulation on a GPU go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from levinthal.errors import DataError
from levinthal.metrics.transfer.route import Head, Load, Sender, traffic
from levinthal.metrics.transfer.store import MessageStore


class GpuToHost:
    """A receiver that holds the messages on the GPU and copies each to the host."""

    name: ClassVar[str] = "gpu-to-host"
    medium: ClassVar[str] = "gpu"
    sends: ClassVar[bool] = False

    def receiver(self, load: Load) -> _Downloads:
        """Return the receiver."""
        return _Downloads(load)

    def sender(self, load: Load, number: int) -> Sender:
        """Refuse: there is none."""
        raise NotImplementedError("the receiver itself holds what is on the GPU")


class _Downloads:
    def __init__(self, load: Load) -> None:
        import torch

        if not torch.cuda.is_available():
            raise DataError("there is no GPU: torch sees no CUDA device")
        self._torch: Any = torch
        store = MessageStore(Path(load.store), in_memory=True)
        self._store = [torch.frombuffer(bytearray(store.view(k)), dtype=torch.uint8).cuda() for k in range(len(store))]
        self._host = torch.empty(max(store.largest, 1), dtype=torch.uint8, pin_memory=True)
        self._traffic = (message for sender in range(load.senders) for message in traffic(load, sender, store))

    def receive(self) -> tuple[bytes, memoryview] | None:
        found = next(self._traffic, None)
        if found is None:
            return None
        head, body = found
        if len(body):
            self._host[: len(body)].copy_(self._store[Head.of(head).number], non_blocking=True)
            self._torch.cuda.synchronize()
        return head, self._host.numpy()[: len(body)].data

    def close(self) -> None:
        pass


ROUTE = GpuToHost
