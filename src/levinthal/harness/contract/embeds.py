"""What a workload offers so that archives of simulations can be streamed through its model, and events be found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from levinthal.harness.contract.run import Run


class Embedded(NamedTuple):
    """What a model made of a file.

    Attributes
    ----------
    n_frames : int
    events : ndarray of int64, shape (n_events,)
        Frames in which it says that the state changed, ascending; negative numbers are changes back: frame k as -k.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.harness import Embedded
    >>> Embedded(n_frames=1000, events=np.array([120, -640])).events.size
    2
    """

    n_frames: int
    events: npt.NDArray[np.int64]


class Archive(Protocol):
    """Files, and a model that looks at them.

    Attributes
    ----------
    files : sequence of Path
    event : str
        What an event is, in words.
    execution : str
        How the model computes.
    tolerance_frames : int
        Within which an event is the same, where nothing else is asked for.
    """

    files: Sequence[Path]
    event: str
    execution: str
    tolerance_frames: int

    def read(self, file: Path) -> Any:
        """Return what a file holds; called in threads, several at a time.

        Raises
        ------
        DataError
            It cannot be read.
        """
        ...

    def embed(self, content: Any) -> Embedded:
        """Return what the model makes of it."""
        ...

    def reference(self, content: Any) -> npt.NDArray[np.int64]:
        """Return the events as they are known without the model, as in `Embedded`."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """A workload whose trained model finds events in archives: `levinthal study archives` works for it.

    Examples
    --------
    >>> from levinthal.harness import Embeds
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("cvae"), Embeds), isinstance(load_workload("rgn"), Embeds)
    (True, False)
    """

    def open_archive(
        self, run: Run, settings: Any, source: Path, files: Sequence[str], topology: str, folder: Path
    ) -> Archive:
        """Return an archive, and say to `run` what it is.

        Parameters
        ----------
        run : Run
        settings : Settings
            Of the run whose model is taken.
        source : Path
            Folder of its repeat.
        files : sequence of str
            A person's; where there are none, some are made, into
        folder : Path
            which is the study's: what lies there already is taken.
        topology : str
            Of a person's files.
        """
        ...
