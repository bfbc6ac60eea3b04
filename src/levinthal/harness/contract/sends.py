"""What a workload whose frames travel says of them: how they are made and written down, and read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy.typing as npt


@runtime_checkable
class Sends(Protocol):
    """A workload whose simulation sends frames to a learner: `levinthal transfer` works for it.

    Attributes
    ----------
    payloads : sequence of str
        The ways in which frames can be written down.

    Examples
    --------
    >>> from levinthal.harness import Sends
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("sampling"), Sends), isinstance(load_workload("rgn"), Sends)
    (True, False)
    """

    payloads: ClassVar[Sequence[str]]

    def frames_to_send(self, n_frames: int, n_beads: int, seed: int) -> npt.NDArray[Any]:
        """Return frames as a simulation leaves them, in whatever form `to_bytes` takes."""
        ...

    def bytes_of_frame(self, payload: str, n_beads: int) -> int:
        """Return about how many bytes a frame takes; what cannot be held is refused by that before it is made."""
        ...

    def to_bytes(self, payload: str, frames: npt.NDArray[Any]) -> bytes:
        """Return frames written down."""
        ...

    def from_bytes(self, payload: str, data: bytes | memoryview, n_beads: int) -> npt.NDArray[Any]:
        """Return what a learner takes: the array that was written down."""
        ...
