"""What a route is: a way for messages from senders to one receiver. Each built-in one is a module of `routes`.

A route has a `name`, the `medium` whose measured limit its bandwidth is held against, and a `receiver`. Where senders
are processes of their own it has a `sender`; where it has none (`sends` is False) the receiver makes the messages
itself, as `traffic` deals them out::

    class Route(Protocol):
        def receiver(self, load: Load) -> Receiver: ...
        def sender(self, load: Load, number: int) -> Sender: ...

Sender and receiver find each other by files in `load.folder`.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from levinthal.errors import DataError
from levinthal.files.writing import write_whole
from levinthal.metrics.transfer.store import MessageStore
from levinthal.plugins import Registry

CHECK, PING, TIMED, END = 0, 1, 2, 3
"""Phases of a session: every message once, to be checked; single ones, for the latency; as many as fit in a time."""

_HEADER = struct.Struct("<IIQQ")
HEADER_BYTES = _HEADER.size
PATIENCE_S = 60.0
_FILE = "load.json"


class Head(NamedTuple):
    """What stands before a message: its phase, its sender, its number, and when it was sent (`time.monotonic_ns`)."""

    phase: int
    sender: int
    number: int
    sent_ns: int

    def packed(self) -> bytes:
        """Return it as bytes."""
        return _HEADER.pack(*self)

    @staticmethod
    def of(data: bytes | memoryview) -> Head:
        """Read it from bytes."""
        return Head(*_HEADER.unpack_from(data))


@dataclass(frozen=True)
class Load:
    """What is to be sent.

    Attributes
    ----------
    route : str
    folder : str
        Of the session, in which senders and receiver find each other.
    store : str
        The folder of the messages.
    numbers : tuple of int
        Which of them.
    senders, pings : int
    seconds : float
        How long the timed phase lasts; 0 leaves it and the pings out.
    """

    route: str
    folder: str
    store: str
    numbers: tuple[int, ...]
    senders: int = 1
    pings: int = 30
    seconds: float = 0.5

    def save(self) -> None:
        """Leave it in its folder."""
        write_whole(Path(self.folder) / _FILE, json.dumps(asdict(self)))

    @staticmethod
    def read(folder: Path) -> Load:
        """Return what was left in a folder."""
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Load(**{**found, "numbers": tuple(found["numbers"])})


class Sender(Protocol):
    """The end where messages go in."""

    def send(self, head: bytes, body: memoryview) -> None:
        """Send a message; it may be under way when this returns."""
        ...

    def close(self) -> None:
        """Wait until all has gone, and let go."""
        ...


class Receiver(Protocol):
    """The end where messages come out."""

    def receive(self) -> tuple[bytes | memoryview, memoryview] | None:
        """Return head and body of the next message; the body holds until the next call. None is the end of them."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Route(Protocol):
    """A way from senders to a receiver."""

    name: ClassVar[str]
    medium: ClassVar[str]
    sends: ClassVar[bool]

    def receiver(self, load: Load) -> Receiver:
        """Return the receiving end, which says in the folder where it is."""
        ...

    def sender(self, load: Load, number: int) -> Sender:
        """Return the sending end of one sender, which waits for the receiver."""
        ...


def traffic(load: Load, sender: int, store: MessageStore) -> Iterator[tuple[bytes, memoryview]]:
    """Yield what one sender sends: head and body of each message, stamped as it is asked for."""
    mine = store.shared_out(load.numbers, load.senders, sender)
    for number in mine:
        yield Head(CHECK, sender, number, time.monotonic_ns()).packed(), store.view(number)
    if load.seconds and mine:
        for k in range(load.pings):
            time.sleep(0.1 if k == 0 else 0.003)  # what was sent before has arrived by then
            number = mine[k % len(mine)]
            yield Head(PING, sender, number, time.monotonic_ns()).packed(), store.view(number)
        end, k = time.monotonic() + load.seconds, 0
        while time.monotonic() < end:
            number = mine[k % len(mine)]
            yield Head(TIMED, sender, number, time.monotonic_ns()).packed(), store.view(number)
            k += 1
    yield Head(END, sender, 0, time.monotonic_ns()).packed(), memoryview(b"")


def leave_address(load: Load, text: str, name: str = "address") -> None:
    """Say in the folder where an end is."""
    write_whole(Path(load.folder) / name, text, durable=False)


def find_address(load: Load, name: str = "address") -> str:
    """Wait for the other end to say where it is; a `DataError` where it does not."""
    file, end = Path(load.folder) / name, time.monotonic() + PATIENCE_S
    while not file.exists():
        if time.monotonic() > end:
            raise DataError(f"nobody left {file}: the other end did not start")
        time.sleep(0.002)
    return file.read_text(encoding="utf-8")


def _problems(name: str, thing: object) -> list[str]:
    del name
    wanted = ("name", "medium", "sends", "receiver")
    return [f"it has no {each}" for each in wanted if not hasattr(thing, each)]


ROUTES = Registry(
    kind="route", group="levinthal.routes", package="levinthal.metrics.transfer.routes", problems=_problems
)
