"""What this machine can do at best, measured: GFLOP/s of matrix products and GB/s of copies.

A share of a peak is only as honest as the peak. On one machine `torch.mm` reached 196 GFLOP/s in fp32 where
`torch.nn.functional.linear` of a fixed weight reached 420 through oneDNN, so every route is tried and the best counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from levinthal.errors import UsageError
from levinthal.metrics.cpu import parse_meminfo_bytes, read_caches, read_text
from levinthal.metrics.description import Peaks

__all__ = ["Peaks", "better_peaks", "measure_peaks"]

_CPU_SIZES = (256, 512, 1024, 2048, 4096)
_CUDA_SIZES = (1024, 2048, 4096, 8192, 16384)
_COPY_CACHES = 4
_COPY_BYTES = 256 * 1024**2


def measure_peaks(device: str = "cpu", budget_s: float = 2.0) -> Peaks:
    """Measure the peaks of a device.

    Parameters
    ----------
    device : str
        `cpu`, `cuda` or `cuda:N`.
    budget_s : float
        Time to spend, shared out between the figures. A size whose first run would not fit is left out, so hardware
        without fast bf16 does not hold us up.

    Raises
    ------
    UsageError
        A device that is not there or not of these kinds.

    Examples
    --------
    >>> from levinthal.metrics import measure_peaks
    >>> measure_peaks("cpu", budget_s=0.1).fp32_gflop_s > 0
    True
    """
    target = _device(device)
    seconds = _cuda_timer(target) if target.type == "cuda" else _cpu_seconds
    found: dict[str, float | None] = {}
    methods: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name, dtype in (("fp32_gflop_s", torch.float32), ("bf16_gflop_s", torch.bfloat16)):
        rate, how = _matrix_product(target, dtype, budget_s * 0.35, seconds)
        found[name] = rate
        (reasons if rate is None else methods)[name] = how
    found["copy_gb_s"], how = _copy(target, budget_s * 0.15, seconds)
    (reasons if found["copy_gb_s"] is None else methods)["copy_gb_s"] = how
    if target.type == "cpu":
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            found["copy_one_thread_gb_s"], how = _copy(target, budget_s * 0.15, seconds)
        finally:
            torch.set_num_threads(threads)
        (reasons if found["copy_one_thread_gb_s"] is None else methods)["copy_one_thread_gb_s"] = how
    else:
        reasons["copy_one_thread_gb_s"] = "a processor's figure"
    return Peaks(device=str(target), threads=torch.get_num_threads(), methods=methods, reasons=reasons, **found)


def better_peaks(first: Peaks, second: Peaks) -> Peaks:
    """Return the better of each figure of two measurements of one device: what disturbs makes a peak only lower."""
    keep = first.model_dump()
    for name in ("fp32_gflop_s", "bf16_gflop_s", "copy_gb_s", "copy_one_thread_gb_s"):
        mine, other = getattr(first, name), getattr(second, name)
        if other is not None and (mine is None or other > mine):
            keep[name] = other
            keep["methods"] = {**keep["methods"], name: second.methods[name]}
            keep["reasons"] = {key: why for key, why in keep["reasons"].items() if key != name}
    return Peaks.model_validate(keep)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"device {name!r} is unknown: choose cpu or cuda") from None
    if device.type not in {"cpu", "cuda"}:
        raise UsageError(f"device {name!r} has no measured peaks: choose cpu or cuda")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError(f"device {name!r} is not available: torch sees no CUDA device here; choose cpu")
        device = torch.device("cuda", device.index or 0)
        if (device.index or 0) >= torch.cuda.device_count():
            raise UsageError(f"device {name!r} is not available: there are {torch.cuda.device_count()} CUDA devices")
    return device


Timer = Callable[[Callable[[], object]], float]


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _cuda_timer(device: torch.device) -> Timer:
    cuda: Any = torch.cuda

    def seconds(call: Callable[[], object]) -> float:
        with cuda.device(device):
            start, stop = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
            start.record()
            call()
            stop.record()
            stop.synchronize()
            return float(start.elapsed_time(stop)) / 1000.0

    return seconds


def _best_seconds(call: Callable[[], object], seconds: Timer, budget_s: float) -> float:
    """Return the shortest of the runs that fit into the budget, at least two; the first warms up."""
    stop = time.perf_counter() + budget_s
    seconds(call)
    best = seconds(call)
    while time.perf_counter() < stop:
        best = min(best, seconds(call))
    return best


def _matrix_product(
    device: torch.device, dtype: torch.dtype, budget_s: float, seconds: Timer
) -> tuple[float | None, str]:
    """Return the best GFLOP/s over routes and sizes with the route that gave it, or null with the reason."""
    stop = time.perf_counter() + budget_s
    best, how = 0.0, ""
    latest: dict[str, float] = {}
    sizes = _CUDA_SIZES if device.type == "cuda" else _CPU_SIZES
    for position, size in enumerate(sizes):
        work_gflop = 2.0 * size**3 / 1e9
        try:
            routes = _routes(device, dtype, size)
            for name, call in routes.items():
                left = stop - time.perf_counter()
                # Two runs are the least. Sizes grow in small steps, so a size that a neighbour slowed misleads little.
                if position > 0 and 2.0 * work_gflop / latest[name] > left:
                    continue
                share = max(left, 0.0) / (len(routes) * (len(sizes) - position))
                latest[name] = work_gflop / _best_seconds(call, seconds, share)
                if latest[name] > best:
                    best, how = latest[name], f"torch {name}, {size} x {size}"
        except (RuntimeError, NotImplementedError) as error:
            reason = f"torch cannot multiply {dtype} on {device}: {str(error).splitlines()[0]}"
            return (best, how) if best else (None, reason)
        if all(2.0 * 8.0 * work_gflop / rate > stop - time.perf_counter() for rate in latest.values()):
            break
    return best, how


def _routes(device: torch.device, dtype: torch.dtype, size: int) -> dict[str, Callable[[], object]]:
    generator = torch.Generator(device).manual_seed(size)
    a, b = (torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return {"linear": partial(torch.nn.functional.linear, a, b), "mm": partial(torch.mm, a, b, out=out)}


def _copy(device: torch.device, budget_s: float, seconds: Timer) -> tuple[float | None, str]:
    """Return GB/s (read plus written) of a copy far larger than the last cache, or null with the reason."""
    caches = read_caches()
    last = caches[max(caches)].bytes * caches[max(caches)].instances if caches else 0
    size = max(_COPY_BYTES, _COPY_CACHES * last)
    if device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device)[0])
    else:
        free = parse_meminfo_bytes(read_text(Path("/proc/meminfo")) or "", "MemAvailable") or 4 * size
    if 2 * size > free // 2:
        return None, f"two arrays of {size // 1024**2} MiB do not fit into half of the free memory"
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.zeros_like(source)
    best = _best_seconds(lambda: target.copy_(source), seconds, budget_s)
    return 2.0 * size / best / 1e9, f"torch copy, {size // 1024**2} MiB"
