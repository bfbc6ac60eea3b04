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
from levinthal.workloads.cvae.config import CVAEConfig
from levinthal.workloads.cvae.kernels.threads import compute_threads, n_compute_threads
from levinthal.workloads.cvae.model import CVAEModel, evidence_loss

__all__ = ["Execution", "candidates", "choose_execution", "execution_context"]

_PROBE_ELEMENTS = 40_000
"""Map elements in a probe's batch: enough to fill the cores, few enough that a slow candidate costs a second."""


@dataclass(frozen=True)
class Execution:
    """How the model is computed.

    Attributes
    ----------
    precision : {"fp32", "bf16"}
        Of products and sums; weights and optimiser stay in fp32 (bf16 is torch's autocast).
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
        elif execution.precision == "bf16":
            with torch.autocast(device, dtype=torch.bfloat16):
                yield
        else:
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

    The measurement trains a copy for a few steps with each candidate; it is made once for each architecture, device and
    number of threads in a process.

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
    batch = batch_size if device.type == "cuda" else max(2, min(batch_size, _PROBE_ELEMENTS // size**2))
    key = (model.config, str(device), n_compute_threads(), precision, batch)
    if key not in _chosen:
        rates: list[tuple[str, float]] = []
        for execution in allowed:
            limit = batch / max((rate for _, rate in rates), default=0.0) if rates else float("inf")
            rates.append((execution.name, batch / _step_seconds(model, execution, batch, 3 * limit)))
        best = max(range(len(allowed)), key=lambda i: rates[i][1])
        _chosen[key] = replace(allowed[best], measured_frames_per_s=tuple(rates))
    return _chosen[key]


def _step_seconds(model: CVAEModel, execution: Execution, batch: int, limit_s: float) -> float:
    """Return the best time of a training step; after the warm-up one more step is timed if that took over the limit."""
    model = copy.deepcopy(model)
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    maps = (torch.rand(batch, model.config.size, model.config.size, generator=generator) < 0.2).float().to(device)
    noise = torch.randn(batch, model.config.latent, generator=generator).to(device)

    def step() -> float:
        start = time.perf_counter()
        model.zero_grad(set_to_none=True)
        with execution_context(model, execution):
            loss = evidence_loss(model(maps, noise), maps, model.config.beta).total
            loss.backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    warm = step()
    return min(step() for _ in range(1 if warm > 3 * limit_s else 3))
