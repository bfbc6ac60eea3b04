"""From packed frames to batches of maps: shuffled by block, expanded by a thread ahead of whoever trains on them.

A frame is some bytes on the disk and thousands of floats in a batch: the files are read by memory map, a batch is
expanded when it is needed, and no more than a few batches exist at a time whatever the size of the data set.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from levinthal.arrays import Integers
from levinthal.workloads.cvae.data.maps import Maps, MapSource, TargetSource

SHUFFLE_BLOCK = 64
"""Frames that follow each other on the disk and are read together."""
SHUFFLE_WINDOW = 256
"""Blocks whose frames are mixed with each other: so many frames in all are a plain permutation."""

_AHEAD = 2


def shuffled(
    n_frames: int, rng: np.random.Generator, block: int = SHUFFLE_BLOCK, window: int = SHUFFLE_WINDOW
) -> Integers:
    """Return the numbers 0 to `n_frames` - 1 in a random order that reads a large file in large pieces.

    Blocks of consecutive frames are put in a random order; then the frames of each `window` of blocks are mixed. Where
    one window holds everything this is a uniform permutation.

    Parameters
    ----------
    n_frames : int
    rng : numpy.random.Generator
        Drawn from in the same way each time.
    block : int
        Consecutive frames.
    window : int
        Blocks.
    """
    if n_frames <= block * window:
        return rng.permutation(n_frames)
    blocks = rng.permutation(-(-n_frames // block))
    order = (blocks[:, None] * block + np.arange(block)).ravel()
    order = order[order < n_frames]
    for first in range(0, n_frames, block * window):
        rng.shuffle(order[first : first + block * window])
    return order


class Batch(NamedTuple):
    """Maps to encode and maps to decode to, both (frames, size, size); the same array for an autoencoder.

    They are overwritten when the next batch is asked for.
    """

    maps: Maps
    targets: Maps


class Loader:
    """Gives the batches of a source in the order asked for; a thread expands the next ones meanwhile.

    Parameters
    ----------
    source : MapSource
        Frames; those of a `TargetSource` have targets of their own.
    ahead : int
        How many batches are expanded before they are asked for; 0 expands in the caller's thread.

    Attributes
    ----------
    waited_s : float
        How long the caller has waited for batches: the share of training that loading costs.
    worked_s : float
        How long expanding took, in whichever thread.
    frames : int
        How many frames were given.
    """

    def __init__(self, source: MapSource, *, ahead: int = _AHEAD) -> None:
        self.source = source
        self.ahead = ahead
        self.waited_s = 0.0
        self.worked_s = 0.0
        self.frames = 0
        self._free: list[tuple[Maps, Maps]] = []

    def batches(self, frames: Iterable[Integers]) -> Iterator[Batch]:
        """Yield the maps of each group of frames, in order.

        A group is read in ascending order of frames, which goes through memory once and changes nothing else: the maps
        of a batch lie in that order too.

        Raises
        ------
        DataError
            Whatever the source raises, when its batch is due.
        """
        return self._prefetched(frames) if self.ahead else self._inline(frames)

    def _inline(self, frames: Iterable[Integers]) -> Iterator[Batch]:
        for group in frames:
            start = time.perf_counter()
            buffers = self._buffers(len(group))
            batch = self._expanded(group, buffers)
            self.waited_s += time.perf_counter() - start
            self.frames += len(group)
            yield batch
            self._free.append(buffers)

    def _prefetched(self, frames: Iterable[Integers]) -> Iterator[Batch]:
        done: queue.Queue[tuple[Batch, tuple[Maps, Maps]] | BaseException | None] = queue.Queue()
        places = threading.Semaphore(self.ahead)
        stopped = threading.Event()

        def work() -> None:
            try:
                for group in frames:
                    places.acquire()
                    if stopped.is_set():
                        return
                    buffers = self._buffers(len(group))
                    done.put((self._expanded(group, buffers), buffers))
                done.put(None)
            except BaseException as error:  # handed to whoever waits for the batch
                done.put(error)

        thread = threading.Thread(target=work, name="levinthal-loader", daemon=True)
        thread.start()
        try:
            while True:
                start = time.perf_counter()
                found = done.get()
                self.waited_s += time.perf_counter() - start
                if found is None:
                    return
                if isinstance(found, BaseException):
                    raise found
                batch, buffers = found
                self.frames += len(batch.maps)
                places.release()  # the next one but `ahead` may be begun while this one is used
                yield batch
                self._free.append(buffers)
        finally:
            stopped.set()
            places.release()
            thread.join()

    def _buffers(self, n: int) -> tuple[Maps, Maps]:
        """Return arrays of the right shape, used ones where there are any: memory that is mapped already is fast."""
        while self._free:
            buffers = self._free.pop()
            if len(buffers[0]) == n:
                return buffers
        shape = (n, self.source.size, self.source.size)
        maps = np.empty(shape, np.float32)
        return maps, np.empty(shape, np.float32) if isinstance(self.source, TargetSource) else maps

    def _expanded(self, group: Integers, buffers: tuple[Maps, Maps]) -> Batch:
        start = time.perf_counter()
        order = np.sort(group)
        maps = self.source.batch(order, buffers[0])
        targets = self.source.targets(order, buffers[1]) if isinstance(self.source, TargetSource) else maps
        self.worked_s += time.perf_counter() - start
        return Batch(maps, targets)
