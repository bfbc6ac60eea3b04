"""What a medium carries at best, measured plainly: copies of memory, a raw socket, files, a copy from a GPU."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from levinthal.files.writing import as_write_error
from levinthal.metrics.transfer.store import MessageStore

_SLOTS = 4
_GPU_BYTES = 1 << 26


def limit_bytes_s(medium: str, store: MessageStore, folder: Path, seconds: float = 0.2) -> float | None:
    """Return bytes of payload a second that a medium carries, in messages of the same size.

    Parameters
    ----------
    medium : str
        `memory`, `loopback`, `files` or `gpu`; of any other there is no limit.
    store : MessageStore
    folder : Path
        For the files.
    seconds : float
        How long to measure.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.metrics.transfer.limits import limit_bytes_s
    >>> from levinthal.metrics.transfer.store import MessageStore
    >>> store = MessageStore.write(Path.cwd(), [bytes(100_000)] * 3)
    >>> limit_bytes_s("memory", store, Path.cwd(), seconds=0.05) > 1e6
    True
    """
    known: dict[str, Callable[[MessageStore, Path, float], float]] = {
        "memory": _memory, "loopback": _loopback, "files": _files, "gpu": _gpu,
    }  # fmt: skip
    return known[medium](store, folder, seconds) if medium in known else None


def _repeated(once: Callable[[int], int], n: int, seconds: float) -> float:
    """Return bytes a second of something done with one message after the other; the first round warms up."""
    for number in range(n):
        once(number)
    done, k, began = 0, 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds or k < 2:
        done += once(k % n)
        k += 1
    return done / spent


def _memory(store: MessageStore, folder: Path, seconds: float) -> float:
    del folder
    arrays = [np.frombuffer(store.view(k), np.uint8).copy() for k in range(len(store))]
    slots = [np.zeros(max(store.largest, 1), np.uint8) for _ in range(_SLOTS)]

    def copy(number: int) -> int:
        array = arrays[number]
        np.copyto(slots[number % _SLOTS][: len(array)], array)
        return len(array)

    return _repeated(copy, len(store), seconds)


def _loopback(store: MessageStore, folder: Path, seconds: float) -> float:
    del folder
    listening = socket.create_server(("127.0.0.1", 0))
    into, received = memoryview(bytearray(max(store.largest, 1))), [0]

    def drain() -> None:
        other, _ = listening.accept()
        with other:
            while size := other.recv_into(into):
                received[0] += size

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    with socket.create_connection(listening.getsockname()) as sending:

        def send(number: int) -> int:
            sending.sendall(store.view(number))
            return store.rows[number].n_bytes

        rate = _repeated(send, len(store), seconds)
    thread.join()
    listening.close()
    return rate


def _files(store: MessageStore, folder: Path, seconds: float) -> float:
    path = folder / "limit.bin"

    def write_and_read(number: int) -> int:
        with as_write_error(path), path.open("wb") as file:
            file.write(store.view(number))
        return len(path.read_bytes())

    try:
        return _repeated(write_and_read, len(store), seconds)
    finally:
        path.unlink(missing_ok=True)


def _gpu(store: MessageStore, folder: Path, seconds: float) -> float:
    del store, folder
    import torch

    source = torch.zeros(_GPU_BYTES, dtype=torch.uint8, device="cuda")
    host = torch.empty(_GPU_BYTES, dtype=torch.uint8, pin_memory=True)

    def download(number: int) -> int:
        del number
        host.copy_(source, non_blocking=True)
        torch.cuda.synchronize()
        return _GPU_BYTES

    return _repeated(download, 1, seconds)
