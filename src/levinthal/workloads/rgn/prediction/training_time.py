"""How the time of a training step grows with the length of the chain, which Ma et al. (2020) say is linear."""

from __future__ import annotations

import copy

import numpy as np
import torch

from levinthal.harness import Run
from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.workloads.rgn.data.proteins import Protein, ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.predictor import fit_growth
from levinthal.workloads.rgn.targets import random_sequences
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.stepper import Stepper

LENGTHS = (50, 100, 200)
"""Residues of the chains, one a step."""

_STEPS = 1


def report_training_time(run: Run, model: RGNModel, max_length: int) -> None:
    """Time training steps on one chain of each length, without a curriculum; phase `time training`.

    Parameters
    ----------
    run : Run
    model : RGNModel
        The network that prediction is timed with; its weights are left alone.
    max_length : int
        Longer chains are left out.
    """
    lengths = [length for length in LENGTHS if length <= max_length]
    with run.phase("time training", items=len(lengths) * _STEPS, doing="training steps by length"):
        seconds = [_step_s(run, model, length) for length in lengths]
    run.curve(
        "time of a training step", lengths, [1e3 * each for each in seconds], x_name="residues", x_unit="1", unit="ms"
    )
    growth = fit_growth(lengths, seconds)
    reason = "fewer than three lengths were timed"
    slope = None if growth is None else 1e6 * growth.per_residue_s
    run.metric("training time a residue", slope, unit="us", better="lower", reason=reason)
    exponent = None if growth is None else growth.exponent
    run.metric("exponent of training time in length", exponent, unit="1", better="lower", reason=reason)


def _step_s(run: Run, model: RGNModel, length: int) -> float:
    """Return the seconds of a step on one extended chain, the lesser of two: the first makes the moments."""
    (sequence,) = random_sequences([length], length)
    torsions = torch.tensor([np.pi, -2.0, 2.4]).expand(1, length, 3).contiguous()
    chain = Protein(sequence, sequence, None, build_backbone(torsions)[0].numpy(), np.ones(length, np.bool_))
    how = TrainingSettings(steps=_STEPS + 1, batch_size=1, seed=run.seed_for("training time", bits=31))
    stepper = Stepper(copy.deepcopy(model), ProteinSet.from_proteins([chain]), how)
    return min(stepper.step().duration_s for _ in range(_STEPS + 1))
