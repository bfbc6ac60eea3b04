"""A local socket: ZeroMQ's PUSH and PULL over TCP on the loopback interface."""

from __future__ import annotations

from typing import Any, ClassVar

from levinthal.errors import DataError, MissingExtraError
from levinthal.metrics.transfer.route import PATIENCE_S, Load, find_address, leave_address

_IN_FLIGHT = 8


class LocalSocket:
    """Messages of two parts, without a copy on either side."""

    name: ClassVar[str] = "socket"
    medium: ClassVar[str] = "loopback"
    sends: ClassVar[bool] = True

    def receiver(self, load: Load) -> _Pull:
        """Return the receiver."""
        return _Pull(load)

    def sender(self, load: Load, number: int) -> _Push:
        """Return a sender."""
        del number
        return _Push(load)


def _zmq() -> Any:
    try:
        import zmq
    except ImportError:
        raise MissingExtraError("pyzmq", "zmq", "the route socket") from None
    return zmq


class _Push:
    def __init__(self, load: Load) -> None:
        zmq = _zmq()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, _IN_FLIGHT)
        self._socket.setsockopt(zmq.LINGER, int(1e3 * PATIENCE_S))
        self._socket.connect(find_address(load))

    def send(self, head: bytes, body: memoryview) -> None:
        self._socket.send_multipart([head, body], copy=False)

    def close(self) -> None:
        self._socket.close()
        self._context.term()


class _Pull:
    def __init__(self, load: Load) -> None:
        zmq = _zmq()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, _IN_FLIGHT)
        self._socket.setsockopt(zmq.RCVTIMEO, int(1e3 * PATIENCE_S))
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self._parts: Any = None
        leave_address(load, f"tcp://127.0.0.1:{port}")

    def receive(self) -> tuple[memoryview, memoryview] | None:
        try:
            self._parts = self._socket.recv_multipart(copy=False)
        except _zmq().Again:
            raise DataError("no message came: its sender did not start, or stopped") from None
        return self._parts[0].buffer, self._parts[1].buffer

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


ROUTE = LocalSocket
