"""A model as LoadGen's system under test: queries in, answers out, what waits answered in batches."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from levinthal.harness.contract.infers import Inference

_SWITCH_S = 2e-4
"""How long a thread of Python may keep others waiting: LoadGen's is to issue queries when they are due."""


class System:
    """Answers LoadGen's queries from a model.

    Parameters
    ----------
    model : Inference
    samples : sequence of int
        The bucket: what LoadGen calls sample k is the k-th of these.
    batch : int
        Samples that are answered at a time at most.
    waits : bool
        Whether LoadGen waits for an answer before it asks again. A server does not know when it will be asked: there a
        thread answers whatever waits, while LoadGen goes on.

    Attributes
    ----------
    answer_s : list of float
        Time of each batch within the model, and
    sizes : list of int
        its samples, in order.
    """

    def __init__(self, model: Inference, samples: Sequence[int], batch: int, *, waits: bool) -> None:
        self.model, self.samples, self.batch = model, samples, batch
        self.answer_s: list[float] = []
        self.sizes: list[int] = []
        self._error: Exception | None = None
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = None if waits else threading.Thread(target=self._serve, name="levinthal-server", daemon=True)
        if self._thread is not None:
            sys.setswitchinterval(_SWITCH_S)
            self._thread.start()

    def issue(self, queries: Sequence[Any]) -> None:
        """Take samples from LoadGen: answer them at once, or have them answered."""
        if self._thread is not None:
            for each in queries:
                self._waiting.put(each)
            return
        for first in range(0, len(queries), self.batch):
            self._answer(queries[first : first + self.batch])

    def close(self) -> None:
        """End the thread that answers.

        Raises
        ------
        Exception
            What the model raised, if it did.
        """
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        while True:
            waiting = [self._waiting.get()]
            while len(waiting) < self.batch and not self._waiting.empty():
                waiting.append(self._waiting.get())
            ended = None in waiting
            if chosen := [each for each in waiting if each is not None]:
                self._answer(chosen)
            if ended:
                return

    def _answer(self, queries: Sequence[Any]) -> None:
        import mlperf_loadgen as loadgen

        began_s = time.perf_counter()
        try:
            answers = self.model.answer([self.samples[each.index] for each in queries]) if self._error is None else []
        except Exception as error:  # it is raised when LoadGen, which would abort, has ended
            self._error, answers = error, []
        self.answer_s.append(time.perf_counter() - began_s)
        self.sizes.append(len(queries))
        kept = [np.ascontiguousarray(each, np.float32) for each in answers] or [np.zeros(1, np.float32)] * len(queries)
        loadgen.QuerySamplesComplete(
            [
                loadgen.QuerySampleResponse(each.id, data.ctypes.data, data.nbytes)
                for each, data in zip(queries, kept, strict=True)
            ]
        )
