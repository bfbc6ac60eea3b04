"""How the recurrent geometric network is to be trained, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from levinthal.errors import UsageError
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.optimiser import OptimiserSettings
from levinthal.workloads.training.plain_data import PlainData

_WHOLE = ("steps", "epochs", "batch_size", "max_padded_residues", "validation_interval", "checkpoint_interval")
_REAL = ("time_limit_s", "target_drmsd_nm")


@dataclass(frozen=True)
class TrainingSettings(PlainData):
    """How to train.

    Attributes
    ----------
    steps, epochs, time_limit_s : int, int, float, or None
        How long; training ends at whichever comes first, at least one is given. Time counts validations too.
    batch_size : int
        Most proteins of a step, over all ranks.
    max_padded_residues : int, optional
        Most residues of a step with padding, over all ranks: bounds memory.
    optimiser : OptimiserSettings
    curriculum : Curriculum or None
        Whether the loss looks at short stretches first; null, as in the original, for whole proteins all the time.
    seed : int
        Of the order of proteins and of dropout; the weights' seed is `RGNModel`'s.
    precision : {"auto", "fp32", "bf16"}
        Of the layers; "auto" is bf16 on a GPU that has it. Geometry, loss and weights are always in fp32.
    deterministic : bool
        One thread and algorithms that give the same digits each time on the same machine.
    validation_interval : int, optional
        Steps between validations; by default after each epoch. The end of training is always validated.
    target_drmsd_nm : float, optional
        Training ends at the first validation whose dRMSD, the mean weighted by resolved residues, is at or below.
    checkpoint_interval : int, optional
        Steps between checkpoints; by default after each validation. The end of training is always kept.
    """

    described = "training"

    steps: int | None = None
    epochs: int | None = None
    time_limit_s: float | None = None
    batch_size: int = 32
    max_padded_residues: int | None = None
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    curriculum: Curriculum | None = None
    seed: int = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    deterministic: bool = False
    validation_interval: int | None = None
    target_drmsd_nm: float | None = None
    checkpoint_interval: int | None = None

    def __post_init__(self) -> None:
        if self.steps is None and self.epochs is None and self.time_limit_s is None:
            raise UsageError("training needs an end: give steps, epochs or time_limit_s")
        for name in (*_WHOLE, *_REAL):
            value = getattr(self, name)
            if value is None and name != "batch_size":
                continue
            kinds = (int,) if name in _WHOLE else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool) or not value > 0:
                what = "whole number" if name in _WHOLE else "number"
                raise UsageError(f"training: {name} is {value!r}, it must be a positive {what}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise UsageError(f"training: seed is {self.seed!r}, it must be a whole number and not negative")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise UsageError(f"training: precision {self.precision!r} is unknown: choose auto, fp32 or bf16")
        if self.steps is None and self.epochs is None and self.has_course:
            raise UsageError(
                "training: a schedule of the learning rate and a curriculum need steps or epochs to run over"
            )

    @property
    def has_course(self) -> bool:
        """Whether a step depends on how far it is to the end."""
        return self.optimiser.schedule != "constant" or self.curriculum is not None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`; see `PlainData`."""
        given = dict(data)
        if "optimiser" in given:
            given["optimiser"] = OptimiserSettings.from_dict(given["optimiser"])
        if given.get("curriculum") is not None:
            given["curriculum"] = Curriculum.from_dict(given["curriculum"])
        return super().from_dict(given)
