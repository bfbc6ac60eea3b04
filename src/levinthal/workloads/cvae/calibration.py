"""The phase in which the workload finds out how this machine computes the model best."""

from __future__ import annotations

from typing import NamedTuple

from levinthal.harness import Run
from levinthal.metrics.steadiness import measured_steadily
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.memory import MemoryPlan, plan_memory
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.precision import Execution, choose_execution
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.batch_search import available_bytes, search_batch_size

_STRIP_ROWS = 128
_FIRST_BATCH = 16
"""Frames of the batch that the way to compute is chosen with, before a search for the batch size."""


class Calibration(NamedTuple):
    """How the model is computed, and the batch size: as asked for, or as found."""

    execution: Execution
    batch_size: int


def calibrate(run: Run, settings: CVAESettings, model: CVAEModel, n_frames: int) -> Calibration:
    """Measure the machine's peaks and which way of computing is the fastest; compiles the kernels.

    Phases `calibrate` and, where the batch size is to be found, `search batch size`.

    Parameters
    ----------
    run : Run
    settings : CVAESettings
    model : CVAEModel
        On its device; is given its plan for memory.
    n_frames : int
        To train on.
    """
    wanted = _FIRST_BATCH if settings.batch_size == "auto" else settings.batch_size
    batch_size = min(wanted, n_frames)
    model.memory = _memory_plan(settings, model.config, batch_size, run.device)
    with run.phase("calibrate", doing="what this machine can do, and the fastest way to compute"):
        run.peaks()
        if settings.deterministic:  # no choice by timing: the next run must compute in the same way
            bf16 = run.precision == "bf16"
            execution = Execution("bf16" if bf16 else "fp32", compiled=model.can_compile and not bf16)
        else:
            execution, why = measured_steadily(lambda: choose_execution(model, run.precision, batch_size))
            _say_disturbed(run, "the fastest way to compute", why)
    run.use_precision(execution.precision)
    run.use_implementation("kernels" if execution.compiled else "torch")
    for name, rate in execution.measured_frames_per_s:
        print(f"training step by {name}: {rate:.0f} frames/s")
    if settings.batch_size == "auto":
        batch_size = _search(run, model, execution, n_frames)
        model.memory = _memory_plan(settings, model.config, batch_size, run.device)
    if model.memory != MemoryPlan():
        run.note(f"To spare memory, maps between layers are not kept in training: {model.memory.name}.")
    return Calibration(execution, batch_size)


def _say_disturbed(run: Run, what: str, why: str | None) -> None:
    if why is not None:
        run.note(f"The machine was disturbed while {what} was chosen, twice ({why}): another may be better.")


def _memory_plan(settings: CVAESettings, config: CVAEConfig, batch_size: int, device: str) -> MemoryPlan:
    if settings.memory == "auto":
        return plan_memory(config, batch_size, available_bytes(device))
    return MemoryPlan(settings.memory != "keep", _STRIP_ROWS if settings.memory == "strips" else 0)


def _search(run: Run, model: CVAEModel, execution: Execution, n_frames: int) -> int:
    with run.phase("search batch size", doing="training steps of growing batches"):
        found, why = measured_steadily(lambda: search_batch_size(model, execution, most_frames=n_frames))
    _say_disturbed(run, "the batch size", why)
    for trial in found.trials:
        print(f"batch of {trial.batch_size}: {trial.frames_per_s:.1f} frames/s, {trial.peak_bytes / 2**20:.0f} MiB")
    run.metric("largest batch that fits", found.largest, unit="frame", better="higher")
    run.metric("fastest batch", found.fastest, unit="frame", better="higher")
    run.note(f"Batch size: {found.fastest} is the fastest for a frame; {found.why_no_larger}.")
    return found.fastest
