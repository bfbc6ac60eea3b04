"""Standard output and error whose reader may go away (`levinthal run | head -1`): the work goes on to its end."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO, cast


class Enduring:
    """A stream that drops what is written once nobody reads it any more.

    Parameters
    ----------
    stream : text file
        With a descriptor, which then leads nowhere.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        """Lead the descriptor nowhere, for whatever else has it, and for what Python writes when it ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def endure_readers_that_go_away() -> None:
    """Have this process end as its work does, whether anybody reads its output to the end or not."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:  # a program without standard streams
            setattr(sys, name, cast(TextIO, Enduring(stream)))
