"""A session: a receiver and its senders as processes, what came of it, and what a killed receiver loses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from levinthal.errors import DataError, from_line
from levinthal.metrics.transfer.ends import ROW, Received, logged
from levinthal.metrics.transfer.route import PATIENCE_S, ROUTES, Load

_PROGRAM = "levinthal.metrics.transfer.ends"
_LONGEST_S = 300.0
_MOST_BEGINNINGS = 3


@dataclass(frozen=True)
class Killed:
    """What a receiver lost that was killed after a third of the messages, and what came of sending it again.

    Attributes
    ----------
    arrived : int
        Messages on its record when it was killed.
    lost : int
        Messages that senders had sent and that are not on that record.
    sent_again : int
        All that were not on record, those that were not sent yet among them.
    missing : int
        Messages that are on no record, or were not whole, after that: none.
    """

    arrived: int
    lost: int
    sent_again: int
    missing: int


def carry(load: Load) -> Received:
    """Carry messages by a route.

    Parameters
    ----------
    load : Load
        Its folder is new and empty.

    Raises
    ------
    LevinthalError
        The route cannot be used here, or one of its ends failed; as that end told it.

    Notes
    -----
    Where an end is killed by a signal before any message has arrived, as it happens when ADIOS2's streams meet, the
    session is begun again, twice at most; `Received.begun_again` counts it. Later nothing is begun again.
    """
    folder = Path(load.folder)
    for begun_again in range(_MOST_BEGINNINGS):
        processes = _start(load)
        try:
            _wait(processes, folder)
            break
        except _EndKilledError:
            arrived = folder / "arrived.log"
            if begun_again + 1 == _MOST_BEGINNINGS or (arrived.exists() and arrived.stat().st_size):
                raise
        finally:
            _end(processes)
        folder.rename(folder.with_name(f"{folder.name}-broken-{begun_again}"))
    received = Received(**json.loads((folder / "received.json").read_text(encoding="ascii")))
    return replace(received, begun_again=begun_again)


class _EndKilledError(DataError):
    """An end of a session was killed by a signal."""


def carry_through_a_kill(load: Load) -> Killed:
    """Kill the receiver once a third of the messages are on its record, and carry the others by a new session.

    Senders hold every message in the store before they send it, so what was lost can be counted and sent again.

    Raises
    ------
    DataError
        A route whose receiver makes the messages itself: nothing is under way there.
    """
    if not ROUTES.load(load.route).sends:
        raise DataError(f"by route {load.route} nobody else sends: what its receiver loses was never under way")
    folder = Path(load.folder)
    first, second = (replace(load, seconds=0.0, folder=str(folder / each)) for each in ("first", "second"))
    processes = _start(first)
    arrived = Path(first.folder) / "arrived.log"
    try:
        end = time.monotonic() + PATIENCE_S
        while not arrived.exists() or arrived.stat().st_size < ROW.size * (len(load.numbers) // 3):
            if processes[0].poll() is not None:
                _wait(processes, Path(first.folder))
                break  # it was done before it could be killed
            if time.monotonic() > end:
                raise DataError(f"no message came by route {load.route}")
            time.sleep(0.0005)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
    finally:
        _end(processes)
    there = {number for number, whole in logged(arrived) if whole}
    sent = {number for k in range(load.senders) for number, _ in logged(Path(first.folder) / f"sent-{k}.log")}
    left = tuple(number for number in load.numbers if number not in there)
    if left:
        carry(replace(second, numbers=left))
    there_now = there | {number for number, whole in logged(Path(second.folder) / "arrived.log") if whole}
    return Killed(len(there), len(sent - there), len(left), len(set(load.numbers) - there_now))


def _start(load: Load) -> list[subprocess.Popen[str]]:
    """Start the receiver and the senders."""
    folder = Path(load.folder)
    folder.mkdir(parents=True)
    load.save()
    ends = [["receive", str(folder)]]
    if ROUTES.load(load.route).sends:
        ends += [["send", str(folder), str(number)] for number in range(load.senders)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    root = str(Path(__file__).resolve().parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    processes = []
    for words in ends:
        with (folder / f"{'-'.join((words[0], *words[2:]))}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", _PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=log, text=True, env=environment,
                )
            )  # fmt: skip
    return processes


def _wait(processes: Iterable[subprocess.Popen[str]], folder: Path) -> None:
    """Wait for all ends; the first that fails is told."""
    waiting, end = list(processes), time.monotonic() + _LONGEST_S
    while waiting:
        for process in list(waiting):
            if process.poll() is None:
                continue
            waiting.remove(process)
            if process.returncode:
                said, _ = process.communicate()
                for error in filter(None, map(from_line, said.splitlines())):
                    raise error
                kind = _EndKilledError if process.returncode < 0 else DataError
                raise kind(f"an end of the session stopped with status {process.returncode}: see {folder}")
        if time.monotonic() > end:
            raise DataError(f"the session was not done within {_LONGEST_S:g} s: see {folder}")
        time.sleep(0.01)


def _end(processes: Iterable[subprocess.Popen[str]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
