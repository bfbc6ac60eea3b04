"""What the setting `checkpoint_interval` does in every workload that trains: a kill costs the steps since a checkpoint.

The state of the training lies in `run.kept`, where `levinthal resume` finds it. In deterministic mode what comes of it
is, to the last bit, what comes of a training that was never interrupted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from levinthal.harness import Run
from levinthal.workloads.training.checkpoint import ForeignCheckpointError, Keeping

CheckpointInterval = Annotated[
    int,
    Field(ge=0, description="Training steps between two states that levinthal resume goes on from; 0: none."),
]

_FOLDER = "training"

T = TypeVar("T")


def train_or_go_on(run: Run, checkpoint_interval: int, train: Callable[[Keeping | None], T]) -> T:
    """Train, or go on with a training that was killed.

    Parameters
    ----------
    run : Run
    checkpoint_interval : int
        0 keeps nothing.
    train : callable
        Trains from the start, or from the state that is kept where it is told so; takes None where nothing is kept.
    """
    if not checkpoint_interval:
        return train(None)
    folder = run.kept / _FOLDER
    try:
        return train(Keeping(folder, resume=True))
    except ForeignCheckpointError as error:  # simulated frames need not be the same again on every platform
        run.warn(f"Training began again: {error}.")
        return train(Keeping(folder))


def say_where_it_went_on(run: Run, resumed_at: int, total: int) -> None:
    """Tell whoever reads the figures at which step a killed training was taken up; nothing where it was not."""
    if resumed_at:
        run.note(f"Training went on after step {resumed_at} of {total}, where an earlier try was killed.")


def end_training(run: Run, checkpoint_interval: int, into: Path | None = None) -> None:
    """Say that the repeat is done: nothing is left to go on from. What was kept is moved to a folder, or deleted."""
    if not checkpoint_interval:
        return
    kept = run.kept / _FOLDER
    if into is not None and kept.exists():
        kept.rename(into)
    shutil.rmtree(kept, ignore_errors=True)
