"""ADIOS2's SST: streams of steps between processes, a stream for each sender, without MPI."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from levinthal.errors import DataError, MissingExtraError
from levinthal.metrics.transfer.route import HEADER_BYTES, PATIENCE_S, Load

_LOOK_S = 0.01
_PARAMETERS = {
    "DataTransport": "WAN", "NetworkInterface": "lo", "RendezvousReaderCount": "1", "QueueLimit": "8",
    "QueueFullPolicy": "Block", "OpenTimeoutSecs": str(int(PATIENCE_S)),
}  # fmt: skip


class Adios2:
    """A step for each message: its head and its body as two arrays."""

    name: ClassVar[str] = "adios2"
    medium: ClassVar[str] = "loopback"
    sends: ClassVar[bool] = True

    def receiver(self, load: Load) -> _Reader:
        """Return the receiver, which waits for the streams."""
        return _Reader(load)

    def sender(self, load: Load, number: int) -> _Writer:
        """Return the writer of a stream."""
        return _Writer(load, number)


def _adios2() -> Any:
    try:
        import adios2
    except ImportError:
        raise MissingExtraError("adios2", "adios2", "the route adios2") from None
    return adios2


def _opened(load: Load, number: int, mode: str) -> tuple[Any, Any]:
    """Return the module's object, which must outlive its streams, and a stream."""
    adios2 = _adios2()
    owner = adios2.Adios()
    io = owner.declare_io(f"{mode}{number}")
    io.set_engine("SST")
    io.set_parameters(_PARAMETERS)
    return owner, adios2.Stream(io, str(Path(load.folder).absolute() / f"stream-{number}"), mode)


class _Writer:
    def __init__(self, load: Load, number: int) -> None:
        self._owner, self._stream = _opened(load, number, "w")

    def send(self, head: bytes, body: memoryview) -> None:
        stream = self._stream
        stream.begin_step()
        for name, data in (("head", head), ("body", body)):
            if len(data):
                array = np.array(np.frombuffer(data, np.uint8))  # it takes only what it could write to
                stream.write(name, array, [len(array)], [0], [len(array)])
        stream.end_step()

    def close(self) -> None:
        self._stream.close()


class _Reader:
    def __init__(self, load: Load) -> None:
        self._streams = dict(enumerate(_opened(load, number, "r") for number in range(load.senders)))
        self._steps = _adios2().bindings.StepStatus

    def receive(self) -> tuple[bytes, memoryview] | None:
        end = time.monotonic() + PATIENCE_S
        alone = len(self._streams) == 1
        while self._streams:
            for number, (_, stream) in list(self._streams.items()):
                status = stream.begin_step(timeout=1.0 if alone else 0.0)
                if status == self._steps.OK:
                    head = np.asarray(stream.read("head")).tobytes()
                    has_body = "body" in stream.available_variables()
                    body = np.ascontiguousarray(stream.read("body")) if has_body else np.zeros(0, np.uint8)
                    stream.end_step()
                    assert len(head) == HEADER_BYTES
                    return head, body.data
                if status != self._steps.NotReady:  # its end, or its writer's
                    stream.close()
                    del self._streams[number]
            if time.monotonic() > end:
                raise DataError("no message came: its sender did not start, or stopped")
            if not alone:
                time.sleep(_LOOK_S / 100)
        return None

    def close(self) -> None:
        for _, stream in self._streams.values():
            stream.close()
        self._streams.clear()


ROUTE = Adios2
