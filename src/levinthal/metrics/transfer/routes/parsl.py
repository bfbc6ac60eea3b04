"""Parsl: each message is what a task on a worker of its HighThroughputExecutor returns, serialised by Parsl."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

from levinthal.errors import MissingExtraError
from levinthal.metrics.transfer.route import CHECK, HEADER_BYTES, PATIENCE_S, PING, Head, Load, Sender, traffic
from levinthal.metrics.transfer.store import MessageStore

_AHEAD = 4
"""Tasks that are asked for at a time, for each worker."""


class Parsl:
    """A receiver that asks tasks for the messages."""

    name: ClassVar[str] = "parsl"
    medium: ClassVar[str] = "loopback"
    sends: ClassVar[bool] = False

    def receiver(self, load: Load) -> _Tasks:
        """Return the receiver."""
        return _Tasks(load)

    def sender(self, load: Load, number: int) -> Sender:
        """Refuse: workers are the senders."""
        raise NotImplementedError("Parsl's workers send")


def message_of(store: str, phase: int, sender: int, number: int) -> bytes:
    """Return a message, in a worker: stamped, then as it is stored."""
    body = MessageStore(Path(store)).view(number)
    return Head(phase, sender, number, time.monotonic_ns()).packed() + bytes(body)


class _Tasks:
    def __init__(self, load: Load) -> None:
        try:
            import parsl
            from parsl.config import Config
            from parsl.executors import HighThroughputExecutor
            from parsl.providers import LocalProvider
        except ImportError:
            raise MissingExtraError("parsl", "parsl", "the route parsl") from None
        local: Any = LocalProvider
        provider = local(init_blocks=1, min_blocks=1, max_blocks=1)
        executor = HighThroughputExecutor(
            label="senders", address="127.0.0.1", max_workers_per_node=load.senders, provider=provider, encrypted=False,
            interchange_launch_cmd=[sys.executable, "-m", "parsl.executors.high_throughput.interchange"],
        )  # fmt: skip
        # Parsl finds its workers' program on PATH alone, where it is not unless the environment is activated
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        folder = Path(load.folder) / "parsl"
        self._kernel: Any = parsl.load(Config(executors=[executor], run_dir=str(folder), initialize_logging=False))
        self._ask: Any = parsl.python_app(message_of, data_flow_kernel=self._kernel)
        self._load = load
        store = MessageStore(Path(load.store))
        self._traffic = self._dealt(store)
        self._asked: deque[Future[bytes]] = deque()
        self._phase = CHECK
        self._ask(load.store, 0, 0, load.numbers[0]).result(PATIENCE_S)  # the workers are there

    def _dealt(self, store: MessageStore) -> Iterator[Head]:
        for sender in range(self._load.senders):
            for head, _ in traffic(self._load, sender, store):
                yield Head.of(head)

    def receive(self) -> tuple[memoryview, memoryview] | None:
        ahead = 1 if self._phase == PING else _AHEAD * self._load.senders  # a ping goes alone
        while len(self._asked) < ahead and (head := next(self._traffic, None)) is not None:
            self._phase = head.phase
            self._asked.append(self._ask(self._load.store, head.phase, head.sender, head.number))
        if not self._asked:
            return None
        whole = memoryview(self._asked.popleft().result(PATIENCE_S))
        return whole[:HEADER_BYTES], whole[HEADER_BYTES:]

    def close(self) -> None:
        self._kernel.cleanup()


ROUTE = Parsl
