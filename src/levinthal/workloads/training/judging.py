"""What the gates of a training ask: what was learned or, where it is too short to learn, whether it computes right."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from levinthal.harness import Run

__all__ = ["Judge", "deviation", "gradients_of", "report_fall", "report_gradients"]

Judge = Annotated[
    Literal["learning", "computing"],
    Field(
        description="What the gates ask. learning: whether what was held out is predicted better than by baselines; "
        "computing: whether gradients are right and the loss falls, all that a training as short as that of smoke can "
        "show."
    ),
]

_MOST_DEVIATION = {"fp32": 1e-3}
"""Relative; compiled loops in float32 are within 1e-6 to 1e-4."""
_MOST_DEVIATION_OF_16_BITS = 0.2
_MOST_OF_FIRST_LOSS = 0.9


def gradients_of(model: nn.Module, loss: Callable[[nn.Module], Tensor], *, double: bool = False) -> list[Tensor]:
    """Return the gradient of a loss in each parameter of a copy of the model, without dropout, on the CPU in float64.

    Parameters
    ----------
    model : torch.nn.Module
        Is not changed.
    loss : callable
        Takes the copy and returns a scalar.
    double : bool
        Whether the copy is in float64 and on the CPU.
    """
    copied = copy.deepcopy(model).eval()
    if double:
        copied = copied.to("cpu", torch.float64)
    copied.zero_grad()
    loss(copied).backward()  # type: ignore[no-untyped-call]
    return [
        torch.zeros_like(each, device="cpu", dtype=torch.float64)
        if each.grad is None
        else each.grad.to("cpu", torch.float64)
        for each in copied.parameters()
    ]


def deviation(found: Sequence[Tensor], plain: Sequence[Tensor]) -> float:
    """Return the Euclidean norm of the difference of all gradients over that of the plain ones.

    Examples
    --------
    >>> import torch
    >>> from levinthal.workloads.training.judging import deviation
    >>> round(deviation([torch.tensor([3.0, 4.1])], [torch.tensor([3.0, 4.0])]), 3)
    0.02
    """
    apart = sum(float((mine - its).square().sum()) for mine, its in zip(found, plain, strict=True))
    return float((apart / sum(float(its.square().sum()) for its in plain)) ** 0.5)


def report_gradients(run: Run, found: float, precision: str) -> None:
    """Hold a deviation of gradients from those of plain torch in float64 against what the precision allows."""
    run.gate(
        "deviation of gradients from plain torch in double precision",
        found,
        at_most=_MOST_DEVIATION.get(precision, _MOST_DEVIATION_OF_16_BITS),
        advice="set implementation=torch, and report it",
    )


def report_fall(run: Run, before: float, after: float) -> None:
    """Hold the loss after training against that of the weights that it began with."""
    run.gate(
        "loss after training over that before",
        after / before,
        at_most=_MOST_OF_FIRST_LOSS,
        advice="the optimiser does not descend: lower learning_rate, or train longer",
    )
