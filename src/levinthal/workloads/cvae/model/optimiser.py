"""RMSprop (Tieleman and Hinton 2012), the optimiser of the paper's lineage, fast on either device.

On a CPU it is ours because `torch.optim.RMSprop` has no fused form there: its steps for 2 to 22 million parameters took
2.5 to 11 times as long on one thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.errors import UsageError
from levinthal.kernels.choice import kernels_allowed
from levinthal.kernels.convolution.optimise import rmsprop_range, squared_norm_range
from levinthal.kernels.threads import in_parts, shares

_WORTH_THREADS = 100_000

Flat = npt.NDArray[Any]


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of RMSprop.

    Attributes
    ----------
    learning_rate, rho, epsilon : float
        As in v = rho v + (1 - rho) g^2; p -= learning_rate g / (sqrt(v) + epsilon).
    clip_norm : float or None
        Largest Euclidean norm of the whole gradient; null for no clipping.
    decay_steps : int or None
        The learning rate falls to 0 along half a cosine until so many steps are taken (Loshchilov and Hutter, ICLR
        2017); null for one that stays.
    warmup_steps : int
        Before that it rises in proportion to the step over so many. The running mean of the squared gradient begins at
        zero, so that the first steps move each weight by up to 1 / sqrt(1 - rho) learning rates, whatever its gradient.
    """

    learning_rate: float = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-8
    clip_norm: float | None = None
    decay_steps: int | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise UsageError(f"learning rate {self.learning_rate}: it must be positive and finite")
        if not 0.0 <= self.rho < 1.0:
            raise UsageError(f"rho of RMSprop is {self.rho}: it must be at least 0 and below 1")
        if not self.epsilon > 0:
            raise UsageError(f"epsilon of RMSprop is {self.epsilon}: it must be positive")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UsageError(f"clip_norm is {self.clip_norm}: it must be positive, or null for no clipping")
        if self.decay_steps is not None and self.decay_steps < 1:
            raise UsageError(f"decay_steps is {self.decay_steps}: it must be at least 1, or null for no decay")
        if self.warmup_steps < 0:
            raise UsageError(f"warmup_steps is {self.warmup_steps}: it must be at least 0")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.decay_steps is None:
            return self.learning_rate
        fallen = min(1.0, (step - self.warmup_steps) / max(1, self.decay_steps - self.warmup_steps))
        return 0.5 * self.learning_rate * (1.0 + math.cos(math.pi * fallen))


class RMSprop:
    """Update parameters in place; on a CPU in one pass over memory, elsewhere by torch's own optimiser.

    Parameters
    ----------
    parameters : iterable of Tensor
        Leaf tensors; those without a gradient at a step are left alone.
    settings : OptimizerSettings
    """

    def __init__(self, parameters: Iterable[Tensor], settings: OptimizerSettings) -> None:
        self.parameters = list(parameters)
        self.settings = settings
        self._by_torch: torch.optim.RMSprop | None = None
        if not kernels_allowed() or any(p.device.type != "cpu" for p in self.parameters):
            self._by_torch = torch.optim.RMSprop(
                self.parameters, settings.learning_rate, settings.rho, settings.epsilon, foreach=True
            )
        else:
            self._square = [torch.zeros_like(p, memory_format=torch.preserve_format) for p in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> list[Tensor]:
        """Return the running mean of the squared gradient of each parameter, in their order; zeros before a step."""
        if self._by_torch is None:
            return self._square
        kept = self._by_torch.state
        return [kept[p]["square_avg"] if p in kept else torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def load_state(self, squares: Sequence[Tensor]) -> None:
        """Take up what `state` returned.

        Raises
        ------
        ValueError
            The tensors are not those of these parameters.
        """
        if [square.shape for square in squares] != [p.shape for p in self.parameters]:
            raise ValueError("the state is of other parameters")
        if self._by_torch is None:
            for mine, kept in zip(self._square, squares, strict=True):
                mine.copy_(kept)
            return
        for p, kept in zip(self.parameters, squares, strict=True):
            self._by_torch.state[p] = {"step": torch.zeros(()), "square_avg": torch.empty_like(p).copy_(kept)}

    @torch.no_grad()
    def step(self, taken: int = 0) -> None:
        """Update every parameter that has a gradient, after so many steps."""
        settings, rate = self.settings, self.settings.rate_at(taken)
        if self._by_torch is not None:
            for group in self._by_torch.param_groups:
                group["lr"] = rate
            if settings.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip_norm, foreach=True)
            self._by_torch.step()
            return
        work = [
            (_flat(p), _flat(_like(p.grad, p)), _flat(square))
            for p, square in zip(self.parameters, self._square, strict=True)
            if p.grad is not None
        ]
        scale = 1.0
        if settings.clip_norm is not None:
            norm = math.sqrt(sum(part for _, g, _ in work for part in _shared(squared_norm_range, g)))
            scale = min(1.0, settings.clip_norm / norm) if norm > 0 else 1.0
        for p, g, square in work:
            _shared(rmsprop_range, p, g, square, rate, settings.rho, settings.epsilon, scale)


def _like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Return the gradient in the memory order of its parameter."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(gradient)


def _flat(tensor: Tensor) -> Flat:
    """Return the memory of a dense tensor in the order it lies in."""
    flat: Flat = torch.as_strided(tensor.detach(), (tensor.numel(),), (1,), tensor.storage_offset()).numpy()
    return flat


def _shared(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Call ``function(*arguments, first, last)`` on the threads' parts of the arrays."""
    n = arguments[0].size
    return in_parts(
        lambda first, last: function(*arguments, first, last), shares(n, None if n >= _WORTH_THREADS else 1)
    )
