"""How to compute on this machine: chosen by measurement, never by assumption.

On a CPU with AVX-512 bf16 instructions, bf16 runs at twice the speed of fp32; on one without, at a tenth.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from levinthal.errors import UsageError
from levinthal.kernels.threads import compute_threads, n_compute_threads
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.lowering import computing_in

_FEW_ELEMENTS = 8_000
_MANY_ELEMENTS = 150_000
"""Map elements in the batches of a probe: few to drop what is far slower, many to choose among the rest."""
_FAR_SLOWER, _ROUNDS = 2.5, 4


@dataclass(frozen=True)
class Execution:
    """How the model is computed.

    Attributes
    ----------
    precision : {"fp32", "bf16"}
        Of products and sums; weights and optimiser stay in fp32 (bf16 is torch's autocast). Inference knows more: see
        `workloads.lowering`.
    compiled : bool
        Convolutions by `kernels` instead of torch.
    measured_frames_per_s : tuple of (str, float)
        What each candidate reached in the probe; empty where nothing was measured.
    """

    precision: str = "fp32"
    compiled: bool = False
    measured_frames_per_s: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """For example "fp32 compiled"."""
        return f"{self.precision} {'compiled' if self.compiled else 'torch'}"


@contextmanager
def execution_context(model: CVAEModel, execution: Execution) -> Iterator[None]:
    """Compute `model` as `execution` says within the block."""
    device = next(model.parameters()).device.type
    before, model.compiled = model.compiled, execution.compiled
    try:
        if execution.compiled:
            with compute_threads():
                yield
        else:
            with computing_in(execution.precision, device):
                yield
    finally:
        model.compiled = before


def candidates(model: CVAEModel, precision: str) -> list[Execution]:
    """Return the ways to compute `model` that `precision` ("auto", "fp32" or "bf16") allows, likely best first.

    Raises
    ------
    UsageError
        An unknown precision, or bf16 on a device that lacks it.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise UsageError(f"precision {precision!r} is unknown: choose auto, fp32 or bf16")
    device = next(model.parameters()).device.type
    if device == "cuda" and not torch.cuda.is_bf16_supported():
        if precision == "bf16":
            raise UsageError("this GPU has no bf16: choose precision fp32")
        precision = "fp32"
    fp32 = [Execution("fp32", compiled=True)] if model.can_compile else []
    fp32.append(Execution("fp32"))
    bf16 = [Execution("bf16")]
    return {"fp32": fp32, "bf16": bf16, "auto": fp32 + bf16}[precision]


_chosen: dict[tuple[CVAEConfig, str, int, str, int], Execution] = {}


def choose_execution(model: CVAEModel, precision: str = "auto", batch_size: int = 256) -> Execution:
    """Return the fastest allowed way to train `model` on its device, from a short measurement.

    Every candidate trains a copy on a small batch; those not far slower than the best take a few turns on a large one.
    Measured once for each architecture, batch size, device and number of threads in a process.

    Parameters
    ----------
    model : CVAEModel
    precision : {"auto", "fp32", "bf16"}
        What to choose from; "fp32" and "bf16" leave only the implementation to be chosen.
    batch_size : int
        Frames of a training batch.
    """
    allowed = candidates(model, precision)
    if len(allowed) == 1:
        return allowed[0]
    device = next(model.parameters()).device
    size = model.config.size
    key = (model.config, str(device), n_compute_threads(), precision, batch_size)
    if key not in _chosen:
        few, many = (max(2, min(batch_size, n // size**2)) for n in (_FEW_ELEMENTS, _MANY_ELEMENTS))
        rates = {e.name: few / _step_seconds(model, e, few) for e in allowed}
        kept = [e for e in allowed if rates[e.name] * _FAR_SLOWER > max(rates.values())]
        if len(kept) > 1 and many > few:  # a step on a large map is long enough to tell
            # in turn, so that a busy moment of the machine does not decide
            rounds = [[_step_seconds(model, e, many, warm=k == 0) for e in kept] for k in range(_ROUNDS)]
            rates |= {e.name: many / min(r[i] for r in rounds) for i, e in enumerate(kept)}
        best = max(kept, key=lambda e: rates[e.name])
        _chosen[key] = replace(best, measured_frames_per_s=tuple(rates.items()))
    return _chosen[key]


def _step_seconds(model: CVAEModel, execution: Execution, batch: int, *, warm: bool = True) -> float:
    """Return the time of one training step of a copy, after a first one to warm up where `warm`."""
    model = copy.deepcopy(model)
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    maps = (torch.rand(batch, model.config.size, model.config.size, generator=generator) < 0.2).float().to(device)
    noise = torch.randn(batch, model.config.latent, generator=generator).to(device)
    seconds = 0.0
    for _ in range(2 if warm else 1):
        start = time.perf_counter()
        model.zero_grad(set_to_none=True)
        with execution_context(model, execution):
            evidence_loss(model(maps, noise), maps, model.config.beta).total.backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - start
    return seconds
