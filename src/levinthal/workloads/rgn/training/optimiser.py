"""Adam as the published network was trained with: its epsilon, its clipping in picometres, and what to do about a NaN.

The original optimises a loss in pm; here the loss is in nm and gradients are brought to pm before anything is done with
them, so that the published constants can be read off: a gradient norm clipped at 5 is 0.005 of a loss in nm, and an
epsilon of 1e-7 is 1e-10.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from levinthal.errors import DataError, UsageError
from levinthal.workloads.training.plain_data import PlainData

_PM_PER_NM = 1000.0
_SLOTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class OptimiserSettings(PlainData):
    """Adam, clipping and the schedule of the learning rate.

    Attributes
    ----------
    learning_rate : float
        The largest of the schedule.
    beta1, beta2 : float
        Decay of the first and second moment.
    epsilon : float
        Added to the root of the second moment of a loss in pm.
    clip_norm_pm : float or None
        Largest Euclidean norm of the whole gradient of a loss in pm; null for no clipping.
    schedule : {"constant", "cosine"}
        `cosine` rises linearly over the warm-up and falls along half a cosine (Loshchilov and Hutter 2017).
    warmup : float
        Share of training in which the rate rises, of the cosine schedule.
    final : float
        Share of `learning_rate` that is left at the end of the cosine schedule.
    """

    described = "optimiser"

    learning_rate: float = 1e-4
    beta1: float = 0.95
    beta2: float = 0.99
    epsilon: float = 1e-7
    clip_norm_pm: float | None = 5.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.05
    final: float = 0.01

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon"):
            if not (math.isfinite(value := getattr(self, name)) and value > 0.0):
                raise UsageError(f"optimiser: {name} is {value}, it must be positive and finite")
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise UsageError(f"optimiser: {name} is {getattr(self, name)}, it must be in [0, 1)")
        for name in ("warmup", "final"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"optimiser: {name} is {getattr(self, name)}, it must be in [0, 1]")
        if self.clip_norm_pm is not None and not self.clip_norm_pm > 0.0:
            raise UsageError(f"optimiser: clip_norm_pm is {self.clip_norm_pm}, it must be positive, or null for none")
        if self.schedule not in ("constant", "cosine"):
            raise UsageError(f"optimiser: schedule {self.schedule!r} is unknown: choose constant or cosine")

    def learning_rate_at(self, progress: float) -> float:
        """Return the rate when this share of training, 0 to 1, is done."""
        if self.schedule == "constant":
            return self.learning_rate
        if progress < self.warmup:
            # never 0: the first step would be lost
            return self.learning_rate * max(progress / self.warmup, 0.01)
        fall = (min(progress, 1.0) - self.warmup) / max(1.0 - self.warmup, 1e-12)
        return self.learning_rate * (self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * fall)))


OPTIMISERS: Mapping[str, OptimiserSettings] = MappingProxyType(
    {
        "casp12": OptimiserSettings(),
        "casp12-62": OptimiserSettings(),
        "fast": OptimiserSettings(learning_rate=5e-3, beta1=0.9, beta2=0.99, schedule="cosine"),
    }
)
"""`casp12` and `casp12-62` are the published CASP12 configuration; `fast` is ours, for a CPU."""


class Update(NamedTuple):
    """What a step of the optimiser did.

    Attributes
    ----------
    gradient_norm_pm : float
        Of the whole gradient of a loss in pm, before clipping.
    clipped : bool
        Whether the gradient was longer than `clip_norm_pm`.
    skipped : bool
        Whether it was not finite, so that nothing was changed.
    """

    gradient_norm_pm: float
    clipped: bool
    skipped: bool


class Adam:
    """Adam (Kingma and Ba 2015) of a loss in nm, in one pass over memory.

    Epsilon stands as in the efficient form at the end of their section 2, which is TensorFlow's, in which the original
    was trained: p -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).

    Parameters
    ----------
    parameters : iterable of (str, Parameter)
        As from `Module.named_parameters`.
    settings : OptimiserSettings
    """

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimiserSettings) -> None:
        self.settings = settings
        self.n_updates = 0
        named = list(parameters)
        self._names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        self._adam = torch.optim.Adam(
            self._parameters, settings.learning_rate, (settings.beta1, settings.beta2), settings.epsilon, fused=True
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._adam.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self, learning_rate: float) -> Update:
        """Update every parameter that has a gradient; a gradient that is not finite changes nothing."""
        settings = self.settings
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm_pm = _PM_PER_NM * float(nn.utils.get_total_norm(gradients))
        if not math.isfinite(norm_pm):
            return Update(norm_pm, clipped=False, skipped=True)
        clipped = settings.clip_norm_pm is not None and norm_pm > settings.clip_norm_pm
        shrink = settings.clip_norm_pm / norm_pm if clipped and settings.clip_norm_pm is not None else 1.0
        torch._foreach_mul_(gradients, _PM_PER_NM * shrink)
        self.n_updates += 1
        # torch divides the root by sqrt(1 - beta2^t) before it adds epsilon
        group = self._adam.param_groups[0]
        group["lr"] = learning_rate
        group["eps"] = settings.epsilon / math.sqrt(1.0 - settings.beta2**self.n_updates)
        self._adam.step()
        # torch's fused kernels change parameters without saying so, and layers keep repacked copies of unchanged ones
        torch.autograd.graph.increment_version(self._parameters)
        return Update(norm_pm, clipped, skipped=False)

    def state(self) -> dict[str, Tensor]:
        """Return the moments by the names of their parameters; empty before the first step."""
        by_parameter = self._adam.state
        return {
            f"{slot}/{name}": by_parameter[parameter][slot]
            for name, parameter in zip(self._names, self._parameters, strict=True)
            for slot in _SLOTS
            if parameter in by_parameter
        }

    def load_state(self, state: Mapping[str, Tensor], n_updates: int) -> None:
        """Take up what `state` gave.

        Raises
        ------
        DataError
            Moments of other parameters than these, or of other shapes.
        """
        self.n_updates = n_updates
        self._adam.state.clear()
        for name, parameter in zip(self._names, self._parameters, strict=True):
            slots = {slot: state[key] for slot in _SLOTS if (key := f"{slot}/{name}") in state}
            if not slots and n_updates == 0:
                continue
            if len(slots) < len(_SLOTS) or any(tensor.shape != parameter.shape for tensor in slots.values()):
                raise DataError(f"the optimiser's state has no moments that fit {name}: it is of another model")
            self._adam.state[parameter] = {
                "step": torch.tensor(float(n_updates), device=parameter.device),
                **{slot: tensor.to(parameter.device, copy=True) for slot, tensor in slots.items()},
            }
