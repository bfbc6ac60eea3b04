"""When a training ends whose length nobody set: once the held-out loss has stopped falling, or at a bound.

Both are counted in optimiser steps as well as in epochs, because an epoch of a short trajectory is a step or two. What
is kept are the weights of the epoch with the lowest held-out loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from levinthal.workloads.cvae.training.history import Epoch
from levinthal.workloads.training.tensor_file import read_tensors, write_tensors

__all__ = ["EarlyStopping", "Limits", "limits_of"]

_FORMAT = "levinthal.cvae.best/1"
_BEST_FILE = "best.safetensors"
_LEAST_EPOCHS, _MOST_STEPS, _MOST_S = 20, 6_000, 600.0
_PATIENCE_EPOCHS, _PATIENCE_STEPS = 5, 100
_TOLERANCE = 0.01
"""A loss that falls by less than this share of itself in all that time is not worth the wait."""


@dataclass(frozen=True)
class Limits:
    """How long a training may take.

    Attributes
    ----------
    most_epochs : int
        The bound.
    patience : int
        Epochs in which the held-out loss may go without having fallen by one per cent.
    """

    most_epochs: int
    patience: int


def limits_of(steps_per_epoch: int, steps_per_s: float | None) -> Limits:
    """Return the limits of a training on so many steps an epoch.

    Parameters
    ----------
    steps_per_epoch : int
    steps_per_s : float or None
        As measured; where it is known the bound is about ten minutes, but never fewer than 20 epochs.
    """
    steps = _MOST_STEPS if steps_per_s is None else min(_MOST_STEPS, int(_MOST_S * steps_per_s))
    return Limits(
        most_epochs=max(_LEAST_EPOCHS, steps // steps_per_epoch),
        patience=max(_PATIENCE_EPOCHS, math.ceil(_PATIENCE_STEPS / steps_per_epoch)),
    )


@dataclass
class EarlyStopping:
    """Says after each epoch whether that was enough, and keeps the best weights.

    Parameters
    ----------
    model : Module
        Being trained.
    patience : int
        Epochs after which training ends where the loss has not fallen by one per cent.
    folder : Path, optional
        Where the best weights are kept, for a training that is killed and goes on.

    Attributes
    ----------
    best_epoch : int
        Of the lowest held-out loss, counted from 1; 0 before there is one.
    """

    model: nn.Module
    patience: int
    folder: Path | None = None
    best_epoch: int = 0
    _lowest: float = math.inf
    _epoch: int = 0
    _counted: float = math.inf
    _counted_epoch: int = 0
    _best: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def enough(self) -> bool:
        """Whether training is to end."""
        return self._epoch - self._counted_epoch >= self.patience

    def take_up(self, epochs: Sequence[Epoch]) -> None:
        """Go on where an earlier process was after these epochs."""
        for each in epochs:
            self._is_best(each)
        file = None if self.folder is None else self.folder / _BEST_FILE
        if epochs and file is not None and file.is_file():
            self._best, _ = read_tensors(file, _FORMAT)

    def see(self, epoch: Epoch) -> None:
        """Take note of an epoch that has ended."""
        if self._is_best(epoch):
            self._best = {name: each.detach().clone() for name, each in self.model.state_dict().items()}
            if self.folder is not None:
                write_tensors(self.folder / _BEST_FILE, self._best, _FORMAT, {"epoch": self._epoch})

    def restore(self) -> None:
        """Give the model the weights of its best epoch."""
        if self._best:
            self.model.load_state_dict(self._best)

    def _is_best(self, epoch: Epoch) -> bool:
        self._epoch += 1
        loss = math.inf if epoch.validation is None else epoch.validation.total
        if loss < self._counted - _TOLERANCE * abs(loss):
            self._counted, self._counted_epoch = loss, self._epoch
        if loss >= self._lowest:
            return False
        self._lowest, self.best_epoch = loss, self._epoch
        return True
