"""What a training of the CVAE keeps beside weights and moments, and when it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from levinthal.workloads.cvae.training.history import Epoch
from levinthal.workloads.cvae.training.stepper import Stepper, fingerprint_of
from levinthal.workloads.training.checkpoint import (
    Checkpoint,
    ForeignCheckpointError,
    Form,
    Keeping,
    resume,
    save_checkpoint,
)
from levinthal.workloads.training.process_group import sum_over_ranks


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    steps : int
        Optimiser steps taken.
    sums : tuple of float
        Total, reconstruction and KL, summed over the steps of the epoch under way.
    train_s : float
        Seconds of the epoch under way.
    epochs : tuple of Epoch
        Those that are complete.
    """

    steps: int
    sums: tuple[float, float, float]
    train_s: float
    epochs: tuple[Epoch, ...]


def _unpack(about: Mapping[str, Any], _: Mapping[str, Tensor]) -> Progress:
    total, reconstruction, kl = (float(each) for each in about["sums"])
    epochs = tuple(Epoch.from_dict(each) for each in about["epochs"])
    return Progress(int(about["steps"]), (total, reconstruction, kl), float(about["train_s"]), epochs)


FORM = Form("levinthal.cvae.training/1", lambda progress: (asdict(progress), {}), _unpack)


class Keeper:
    """What of the training under way is not in the weights, and the file that holds all of it.

    Parameters
    ----------
    stepper : Stepper
    keep : Keeping or None
        Without it nothing is kept.
    interval : int or None
        Steps between two states.

    Attributes
    ----------
    epochs : list of Epoch
        Those that are complete.
    sums : Tensor, shape (3,)
        Losses of this rank's frames, summed over the steps of the epoch under way.
    train_s : float
        Seconds of the epoch under way before this process went on with it.
    """

    def __init__(self, stepper: Stepper, keep: Keeping | None, interval: int | None) -> None:
        self.stepper, self.keep, self.interval = stepper, keep, interval
        self.epochs: list[Epoch] = []
        self.sums = torch.zeros(3, device=stepper.device, dtype=torch.float64)
        self.train_s = 0.0

    @property
    def due(self) -> bool:
        """Whether the state is to be kept after the step that was taken last."""
        return self.interval is not None and self.stepper.taken % self.interval == 0

    def close_epoch(self, epoch: Epoch) -> None:
        """Begin the next epoch."""
        self.epochs.append(epoch)
        self.sums.zero_()
        self.train_s = 0.0

    def write(self, train_s: float) -> None:
        """Write the state, by the first rank; `train_s` is the time of the epoch under way."""
        if self.keep is None:
            return
        stepper = self.stepper
        total, reconstruction, kl = sum_over_ranks(self.sums.clone(), stepper.device).tolist()
        if stepper.rank != 0:
            return
        progress = Progress(stepper.taken, (total, reconstruction, kl), train_s, tuple(self.epochs))
        moments = {str(number): moment for number, moment in enumerate(stepper.optimizer.state())}
        save_checkpoint(
            self.keep.folder, FORM, Checkpoint(self._fingerprint(), progress, stepper.model.state_dict(), moments)
        )

    def resume(self) -> None:
        """Take up the state in the folder, if that is wanted and there is one.

        Raises
        ------
        DataError
            The checkpoint is damaged or (`ForeignCheckpointError`) of another training.
        """
        stepper = self.stepper
        if self.keep is None or not self.keep.resume:
            return
        kept = resume(self.keep.folder, FORM, self._fingerprint(), stepper.model)
        if kept is None:
            return
        try:
            stepper.optimizer.load_state([kept.moments[str(number)] for number in range(len(kept.moments))])
        except (KeyError, ValueError):
            raise ForeignCheckpointError(
                f"the checkpoint in {self.keep.folder} is of another optimiser: do not resume"
            ) from None
        progress = kept.progress
        stepper.taken, self.epochs, self.train_s = progress.steps, list(progress.epochs), progress.train_s
        if stepper.rank == 0:  # the other ranks add nothing to a sum that is whole
            self.sums += torch.tensor(progress.sums, device=self.sums.device, dtype=torch.float64)

    def _fingerprint(self) -> dict[str, Any]:
        stepper = self.stepper
        return {
            "architecture": stepper.model.config.to_dict(),
            "optimizer": asdict(stepper.optimizer.settings),
            "batch_size": stepper.batch_size,
            "seed": stepper.seed,
            "frames": fingerprint_of(stepper.source),
        }
