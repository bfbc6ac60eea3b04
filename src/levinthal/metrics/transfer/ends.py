"""The two ends of a session as programs: `python -m levinthal.metrics.transfer.ends receive|send FOLDER [NUMBER]`.

Each writes down at once what it has done, 16 bytes a message, so that a kill loses no count: `sent-N.log` and
`arrived.log`. The receiver leaves `received.json` when it has seen the end of every sender.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from levinthal.errors import LevinthalError, to_line
from levinthal.files.writing import write_whole
from levinthal.metrics.transfer.route import CHECK, END, PING, ROUTES, TIMED, Head, Load, traffic
from levinthal.metrics.transfer.store import MessageStore

ROW = struct.Struct("<QII")
"""Of a log: the number of a message, whether it was whole, its sender."""

_WARM_SHARE = 0.2


@dataclass
class Received:
    """What the receiver saw.

    Attributes
    ----------
    checked, wrong : int
        Messages of the first pass, and those among them that were not what was sent.
    latency_s : list of float
        Of single messages, from their stamp to their arrival.
    bytes_s : float or None
        Payload in the timed phase, without its first fifth; None where there was none.
    messages : int
        Of the timed phase.
    begun_again : int
        How often the session was begun again because an end was killed by a signal before a message had arrived.
    """

    checked: int = 0
    wrong: int = 0
    latency_s: list[float] = field(default_factory=list)
    bytes_s: float | None = None
    messages: int = 0
    begun_again: int = 0


def receive(folder: Path) -> None:
    """Take in all messages of a session."""
    load = Load.read(folder)
    store, found = MessageStore(Path(load.store)), Received()
    receiver = ROUTES.load(load.route)().receiver(load)
    log = os.open(folder / "arrived.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    arrivals: list[tuple[int, int]] = []
    open_ends = load.senders
    while open_ends and (message := receiver.receive()) is not None:
        now = time.monotonic_ns()
        head, body = Head.of(message[0]), message[1]
        if head.phase == END:
            open_ends -= 1
        elif head.phase == CHECK:
            whole = store.is_whole(head.number, body)
            found.checked += 1
            found.wrong += not whole
            os.write(log, ROW.pack(head.number, whole, head.sender))
        elif head.phase == PING:
            found.latency_s.append(1e-9 * (now - head.sent_ns))
        elif head.phase == TIMED:
            arrivals.append((now, len(body)))
        del body, message
    found.messages = len(arrivals)
    found.bytes_s = rate(arrivals)
    write_whole(folder / "received.json", json.dumps(asdict(found)))
    receiver.close()


def rate(arrivals: list[tuple[int, int]]) -> float | None:
    """Return bytes a second of arrivals (time in ns, bytes) without the first fifth; None of fewer than three."""
    if len(arrivals) < 3:
        return None
    first_ns, last_ns = arrivals[0][0], arrivals[-1][0]
    warm = [each for each in arrivals if each[0] >= first_ns + _WARM_SHARE * (last_ns - first_ns)]
    spent_ns = warm[-1][0] - warm[0][0]
    return sum(size for _, size in warm[1:]) / (1e-9 * spent_ns) if spent_ns else None


def send(folder: Path, number: int) -> None:
    """Send what one sender of a session sends."""
    load = Load.read(folder)
    store = MessageStore(Path(load.store))
    sender = ROUTES.load(load.route)().sender(load, number)
    log = os.open(folder / f"sent-{number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for head, body in traffic(load, number, store):
        sender.send(head, body)
        stamp = Head.of(head)
        if stamp.phase == CHECK:
            os.write(log, ROW.pack(stamp.number, 1, number))
    sender.close()


def logged(file: Path) -> list[tuple[int, bool]]:
    """Return number and wholeness of each message in a log; a torn last row is left out."""
    data = file.read_bytes() if file.exists() else b""
    return [(number, bool(whole)) for number, whole, _ in ROW.iter_unpack(data[: len(data) // ROW.size * ROW.size])]


def main(words: list[str]) -> None:
    """Be one end; a mistake of the user's is a line on stdout and status 2."""
    try:
        if words[0] == "receive":
            receive(Path(words[1]))
        else:
            send(Path(words[1]), int(words[2]))
    except LevinthalError as error:
        print(to_line(error), flush=True)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
