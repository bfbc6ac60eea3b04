"""How the CVAE is to be trained, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from levinthal.errors import UsageError
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes
    ----------
    epochs, steps : int
        How long; exactly one is given.
    batch_size : int
        Frames a step, over all ranks; no more than there are.
    optimizer : OptimizerSettings
        RMSprop as in the paper's lineage.
    seed : int
        Of the order of frames, the latent noise and dropout; the weights' seed is `CVAEModel`'s.
    precision : {"auto", "fp32", "bf16"}
        "auto" measures which is faster here; see `precision.choose_execution`.
    deterministic : bool
        One thread, fp32 unless bf16 is asked for, nothing measured: the same digits each time on the same machine.
    patience : int, optional
        End where the held-out loss had no new minimum in so many epochs, with the weights of its minimum.
    checkpoint_interval : int, optional
        Steps between two states that are kept, where one is kept; by default only the last is.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 256
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    seed: int = 0
    precision: str = "auto"
    deterministic: bool = False
    patience: int | None = None
    checkpoint_interval: int | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise UsageError("training needs exactly one of epochs and steps")
        if min(self.epochs or self.steps or 0, self.batch_size) < 1:
            raise UsageError("epochs, steps and batch_size must be at least 1")
        if self.patience is not None and self.patience < 1:
            raise UsageError("patience must be at least 1")
        if self.checkpoint_interval is not None and self.checkpoint_interval < 1:
            raise UsageError("checkpoint_interval must be at least 1")
