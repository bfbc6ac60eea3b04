"""What happened in training, what follows from it, and how it is kept in a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.workloads.training.checkpoint import Form
from levinthal.workloads.training.reporting import first_time

_RECENT_STEPS = 50


class Step(NamedTuple):
    """One optimiser step.

    Attributes
    ----------
    step : int
        From 1, since the start of training.
    loss_nm : float
        Mean dRMSD of the batch, weighted by resolved residues; NaN where no example had two of them.
    window : int
        Residues of the stretches the loss looks at, of a curriculum; 0 for whole proteins.
    duration_s : float
        From drawing the batch to the updated weights.
    residues, padded_residues : int
        Of the batch over all ranks, without and with padding.
    gradient_norm_pm : float
        Of the gradient of the loss in pm, before clipping.
    clipped, skipped : bool
        Whether the gradient was shortened; whether it was not finite (or there was none) and nothing was changed.
    """

    step: int
    loss_nm: float
    window: int
    duration_s: float
    residues: int
    padded_residues: int
    gradient_norm_pm: float
    clipped: bool
    skipped: bool


@dataclass(frozen=True)
class Validation:
    """What the weights are worth on examples that are not trained on.

    Attributes
    ----------
    step : int
        Steps taken before it.
    elapsed_s : float
        Seconds since training began, validations and checkpoints included; an interruption is not counted.
    duration_s : float
        Of this validation.
    drmsd_nm : float
        Mean over the proteins, each counted once, as in CASP's tables.
    loss_nm : float
        Mean weighted by resolved residues, as in the training loss and the milestones of the original.
    drmsd_nm_by_group : mapping of str to float
        Mean over the proteins of each group, where examples have groups.
    """

    step: int
    elapsed_s: float
    duration_s: float
    drmsd_nm: float
    loss_nm: float
    drmsd_nm_by_group: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """Training from its start, over all interruptions.

    Attributes
    ----------
    steps : tuple of Step
    validations : tuple of Validation
    precision : str
        Of the layers: "fp32" or "bf16"; geometry and loss are always in fp32.
    elapsed_s : float
        Seconds of training, validations and checkpoints included.
    stopped_by : {"steps", "epochs", "time", "target", "caller"}
        What ended it.
    resumed_at : int
        Steps that an earlier process had taken; 0 where training was not resumed.
    """

    steps: tuple[Step, ...]
    validations: tuple[Validation, ...]
    precision: str
    elapsed_s: float
    stopped_by: str
    resumed_at: int = 0

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """Return a field of all steps."""
        return np.array([getattr(step, name) for step in self.steps], np.float64)

    @property
    def residues_per_s(self) -> float:
        """Residues, without padding, trained on a second of steps; validations and checkpoints are not counted."""
        return _ratio(self.column("residues").sum(), self.column("duration_s").sum())

    @property
    def padding_efficiency(self) -> float:
        """Share of the computed residues that are no padding."""
        return _ratio(self.column("residues").sum(), self.column("padded_residues").sum())

    @property
    def clip_rate(self) -> float:
        """Share of the updates whose gradient was clipped."""
        return _ratio(self.column("clipped").sum(), len(self.steps) - self.n_skipped)

    @property
    def n_skipped(self) -> int:
        """Steps that changed nothing because the gradient was not finite."""
        return sum(step.skipped for step in self.steps)

    @property
    def recent_loss_nm(self) -> float:
        """Median loss of those of the last 50 steps that looked at whole proteins: what training reached."""
        recent = [s.loss_nm for s in self.steps[-_RECENT_STEPS:] if math.isfinite(s.loss_nm) and s.window == 0]
        return float(np.median(recent)) if recent else math.nan

    @property
    def best(self) -> Validation | None:
        """The validation of least dRMSD."""
        finite = [validation for validation in self.validations if math.isfinite(validation.drmsd_nm)]
        return min(finite, key=lambda validation: validation.drmsd_nm, default=None)

    def time_to_s(self, target_drmsd_nm: float) -> float | None:
        """Return the seconds until the loss of a validation was at or below the target, or None where none was.

        As the original's milestones: the mean weighted by resolved residues, the least so far.
        """
        losses_nm = [validation.loss_nm for validation in self.validations]
        return first_time([validation.elapsed_s for validation in self.validations], losses_nm, target_drmsd_nm)

    def least_loss_nm(self, step: int | None = None) -> float | None:
        """Return the least loss of the validations so far, or up to a step; None where there was none."""
        return min(
            (each.loss_nm for each in self.validations if step is None or each.step <= step if each.loss_nm >= 0.0),
            default=None,
        )

    def step_percentile_s(self, percentile: float) -> float:
        """Return a percentile, 0 to 100, of the seconds of a step; the first, which compiles, is left out."""
        durations = self.column("duration_s")[1:] if len(self.steps) > 1 else self.column("duration_s")
        return float(np.percentile(durations, percentile)) if len(durations) else math.nan

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain data that JSON can hold; what is not finite is null."""
        best = self.best
        figures = {
            "steps": len(self.steps),
            "elapsed_s": self.elapsed_s,
            "residues_per_s": self.residues_per_s,
            "padding_efficiency": self.padding_efficiency,
            "clip_rate": self.clip_rate,
            "skipped": self.n_skipped,
            "step_median_s": self.step_percentile_s(50),
            "step_p90_s": self.step_percentile_s(90),
            "training_drmsd_nm": self.recent_loss_nm,
            "best_drmsd_nm": None if best is None else best.drmsd_nm,
            "best_step": None if best is None else best.step,
        }
        finite = {k: None if v is None or not math.isfinite(v) else v for k, v in figures.items()}
        return {**finite, "precision": self.precision, "stopped_by": self.stopped_by, "resumed_at": self.resumed_at}


def steps_as_rows(steps: Iterable[Step]) -> npt.NDArray[np.float64]:
    """Return steps as an array (steps, fields of Step)."""
    return np.array(list(steps), np.float64).reshape(-1, len(Step._fields))


def steps_from_rows(rows: npt.NDArray[np.float64]) -> list[Step]:
    """Return what `steps_as_rows` was made of."""
    return [
        Step(int(n), loss, int(window), duration, int(residues), int(padded), norm, bool(clipped), bool(skipped))
        for n, loss, window, duration, residues, padded, norm, clipped, skipped in rows.tolist()
    ]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    epoch, next_batch : int
        Position in the order of examples.
    elapsed_s : float
        Seconds of training so far.
    n_updates : int
        Updates of the optimiser so far.
    steps, validations : tuple
        What has happened.
    """

    epoch: int
    next_batch: int
    elapsed_s: float
    n_updates: int
    steps: tuple[Step, ...]
    validations: tuple[Validation, ...]


def _pack(progress: Progress) -> tuple[dict[str, Any], dict[str, Tensor]]:
    plain = {
        "epoch": progress.epoch,
        "next_batch": progress.next_batch,
        "elapsed_s": progress.elapsed_s,
        "n_updates": progress.n_updates,
        "validations": [asdict(validation) for validation in progress.validations],
    }
    return plain, {"steps": torch.from_numpy(steps_as_rows(progress.steps))}


def _unpack(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Progress:
    return Progress(
        epoch=int(about["epoch"]),
        next_batch=int(about["next_batch"]),
        elapsed_s=float(about["elapsed_s"]),
        n_updates=int(about["n_updates"]),
        steps=tuple(steps_from_rows(tensors["steps"].numpy())),
        validations=tuple(Validation(**each) for each in about["validations"]),
    )


FORM = Form("levinthal.rgn.training/1", _pack, _unpack)
