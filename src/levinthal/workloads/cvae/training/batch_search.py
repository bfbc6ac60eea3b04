"""The batch size of a machine: the largest whose training step fits into memory, and the fastest for a frame."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from levinthal.metrics.limits import read_cgroup_limits
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.model.precision import Execution, execution_context
from levinthal.workloads.training.allocator import keep_freed_memory

_TIMED_STEPS = 3
_WITHIN = 0.97
"""A smaller batch that reaches this share of the best speed is preferred: more steps for the same frames."""
_USABLE = 0.9
"""Share of the free memory that a step may take: the rest of the program needs some too."""


@dataclass(frozen=True)
class Trial:
    """A batch size that was tried.

    Attributes
    ----------
    batch_size : int
    frames_per_s : float
        Median of the steps after a first.
    peak_bytes : int
        Memory that the steps added at their peak: resident memory on a CPU, the allocator's on a GPU.
    """

    batch_size: int
    frames_per_s: float
    peak_bytes: int


@dataclass(frozen=True)
class BatchSearch:
    """What a search has found.

    Attributes
    ----------
    trials : tuple of Trial
        In order of size; those that did not fit are left out.
    largest : int
        Largest batch that fits and was run.
    fastest : int
        Smallest batch within 3 % of the highest speed.
    why_no_larger : str
        What ended the search.
    """

    trials: tuple[Trial, ...]
    largest: int
    fastest: int
    why_no_larger: str


def available_bytes(device: str | torch.device) -> int:
    """Return how much memory a process may still take on a device: free, and within its control group's limit."""
    where = torch.device(device)
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    free = int(psutil.virtual_memory().available)
    limit = read_cgroup_limits().memory_bytes
    return free if limit is None else max(0, min(free, limit - process_tree_usage().rss_bytes))


def search_batch_size(
    model: CVAEModel,
    execution: Execution,
    *,
    most_frames: int,
    memory_bytes: int | None = None,
    budget_s: float = 60.0,
) -> BatchSearch:
    """Train copies of a model on batches that double in size, then on the largest that memory allows.

    On a CPU nothing says that memory is short but the end of the process: a size is tried only if the growth from the
    last two says that it fits. On a GPU running out is caught too.

    Parameters
    ----------
    model : CVAEModel
        On its device; is not changed.
    execution : Execution
        How to compute.
    most_frames : int
        No larger batch is tried: a data set has no more.
    memory_bytes : int, optional
        What the steps may take; by default nine tenths of what is free.
    budget_s : float
        No larger batch is begun after so long.
    """
    keep_freed_memory()
    device = next(model.parameters()).device
    room = memory_bytes if memory_bytes is not None else int(_USABLE * available_bytes(device))
    trials: list[Trial] = []
    began, size, why = time.perf_counter(), 1, ""
    while not why:
        trial = _try(model, execution, size)
        if trial is None:
            why = f"one of {size} runs out of memory"
            break
        trials.append(trial)
        size = min(2 * size, most_frames)
        if trial.batch_size == most_frames:
            why = f"there are {most_frames} frames"
        elif time.perf_counter() - began > budget_s:
            why = f"the search ended after {budget_s:.0f} s at {trial.batch_size}"
        elif (fits := _fitting(trials, room)) < size:
            # Room for less than twice as many: the largest that fits is tried, then it is enough.
            if trial.batch_size < fits and (last := _try(model, execution, fits)) is not None:
                trials.append(last)
            why = f"a batch of more than {trials[-1].batch_size} does not fit into {room / 2**20:.0f} MiB"
    best = max((t.frames_per_s for t in trials), default=0.0)
    fastest = next((t.batch_size for t in trials if t.frames_per_s >= _WITHIN * best), 1)
    return BatchSearch(tuple(trials), trials[-1].batch_size if trials else 0, fastest, why)


def _fitting(trials: list[Trial], room: int) -> int:
    """Return the largest batch that should fit, from how memory grew."""
    last = trials[-1]
    before = trials[-2] if len(trials) > 1 else Trial(0, 0.0, 0)
    per_frame = (last.peak_bytes - before.peak_bytes) / (last.batch_size - before.batch_size)
    # a peak that did not grow says nothing: the first trials are lost in what the process has held before
    per_frame = max(per_frame, last.peak_bytes / last.batch_size / 2, 1.0)
    return int(last.batch_size + (room - last.peak_bytes) / per_frame)


def _try(model: CVAEModel, execution: Execution, batch_size: int) -> Trial | None:
    """Take training steps with a copy of the model; None where the device runs out of memory."""
    device = next(model.parameters()).device
    before = _start_counting(device)
    try:
        copied = copy.deepcopy(model).train()
        optimizer = RMSprop(copied.parameters(), OptimizerSettings())
        size, latent = model.config.size, model.config.latent
        maps = (torch.rand(batch_size, size, size, device=device) < 0.1).float()
        noise = torch.randn(batch_size, latent, device=device)
        seconds = []
        for _ in range(1 + _TIMED_STEPS):
            start = time.perf_counter()
            optimizer.zero_grad()
            with execution_context(copied, execution):
                evidence_loss(copied(maps, noise), maps, model.config.beta).total.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - start)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return Trial(batch_size, batch_size / statistics.median(seconds[1:]), max(1, _counted(device) - before))


def _start_counting(device: torch.device) -> int:
    """Forget earlier peaks of memory and return what is held now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets the peak of resident memory
    except OSError:
        return 0  # the peak since the start of the process is an upper bound
    return process_tree_usage().rss_bytes if not psutil.Process().children() else psutil.Process().memory_info().rss


def _counted(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return process_tree_usage().peak_rss_bytes
