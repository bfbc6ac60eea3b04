"""What `levinthal doctor` finds on a machine: one line each, with its fix, and a real step of every workload."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from levinthal.commands.progress import shown_duration
from levinthal.errors import LevinthalError, MissingExtraError
from levinthal.files.places import state_folder
from levinthal.harness.contract.registry import WORKLOADS, load_workload
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.engines.processes import available_cores
from levinthal.harness.running.execute import start_run
from levinthal.metrics.energy import EnergyMeter
from levinthal.metrics.machine import describe_machine

Level = Literal["ok", "note", "warn", "fail"]

_FREE_DISK_BYTES = 2e9
_FREE_MEMORY_BYTES = 4e9
_NOISE = 0.10
"""pyperf warns when the standard deviation exceeds a tenth of the mean."""

_EXTRAS = {
    "pandas": ("pandas", "tables: levinthal.load_result(...).to_pandas()"),
    "pynvml": ("gpu", "energy and clocks of NVIDIA GPUs"),
    "tblite": ("potential", "GFN2-xTB, the teacher of the workload potential"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: `fail` stops work, `warn` makes figures doubtful, `note` is good to know."""

    level: Level
    subject: str
    message: str
    fix: str = ""


def examine(run: Container[str]) -> Iterator[Finding]:
    """Yield the findings as they come; the workloads, of which those to run take longest, last."""
    yield from _processor()
    yield from _memory_and_disk()
    yield from _home()
    yield _noise()
    yield from _device()
    yield _energy()
    yield from _extras()
    for name in WORKLOADS.names():
        yield _step_of(name) if name in run else _loaded(name)


def _processor() -> Iterator[Finding]:
    machine = describe_machine()
    cores = len(available_cores())
    yield Finding("ok", "processor", f"{machine.cpu.model or 'unknown'}, {cores} core(s) for this process")
    quota = machine.limits.cpu_quota
    if quota is not None and quota < cores:
        yield Finding(
            "warn",
            "container",
            f"the CPU quota is {quota:g} of {cores} cores",
            "raise it, or run with --engine local:N",
        )
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads and threads.isdigit() and int(threads) != cores:
        yield Finding("warn", "threads", f"OMP_NUM_THREADS is {threads}, there are {cores} cores", "unset it")
    load = os.getloadavg()[0]
    if load > 0.5 * cores:
        yield Finding("warn", "load", f"the load average is {load:.1f}: something else runs here", "wait, or stop it")


def _memory_and_disk() -> Iterator[Finding]:
    import psutil

    available = psutil.virtual_memory().available
    if available < _FREE_MEMORY_BYTES:
        yield Finding(
            "warn", "memory", f"{available / 1e9:.1f} GB are free", "4 GB are enough for size tiny: free some"
        )
    else:
        yield Finding("ok", "memory", f"{available / 1e9:.1f} GB are free")
    free = shutil.disk_usage(Path.cwd()).free
    if free < _FREE_DISK_BYTES:
        yield Finding("warn", "disk", f"{free / 1e9:.1f} GB are free here", "2 GB are enough for size tiny: free some")
    else:
        yield Finding("ok", "disk", f"{free / 1e9:.1f} GB are free here")
    if not os.access(Path.cwd(), os.W_OK):
        yield Finding("fail", "folder", "this folder cannot be written to", "change to one of yours, or use --out")


def _home() -> Iterator[Finding]:
    kept = [os.environ[each] for each in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR") if each in os.environ]
    if state_folder() is None:
        where = f"; what is compiled is kept in {kept[0]}" if kept else ""
        yield Finding(
            "note",
            "home",
            f"it cannot be written to, so that nothing is remembered there{where}",
            "set XDG_STATE_HOME and XDG_CACHE_HOME to folders of yours",
        )


def _noise() -> Finding:
    """Time the same short work again and again: its spread is the machine's noise."""
    matrix = np.random.default_rng(0).random((192, 192))
    times_s = []
    for _ in range(60):
        start_s = time.perf_counter()
        for _ in range(8):
            matrix @ matrix
        times_s.append(time.perf_counter() - start_s)
    kept = times_s[10:]
    spread = statistics.stdev(kept) / statistics.mean(kept)
    message = f"the same work varies by {spread:.0%} (standard deviation over mean)"
    if spread > _NOISE:
        return Finding("warn", "noise", message, "close other programs, or take more --repeats")
    return Finding("ok", "noise", message)


def _device() -> Iterator[Finding]:
    import torch

    from levinthal.metrics.peaks import measure_peaks

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            yield Finding(
                "ok", "device", f"cuda:{number} is {torch.cuda.get_device_name(number)}, torch {torch.__version__}"
            )
    else:
        yield Finding(
            "ok", "device", f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}; no GPU is seen"
        )
    peaks = measure_peaks("cuda" if torch.cuda.is_available() else "cpu")
    rates = (
        ("fp32", peaks.fp32_gflop_s, "GFLOP/s"),
        ("bf16", peaks.bf16_gflop_s, "GFLOP/s"),
        ("copy", peaks.copy_gb_s, "GB/s"),
    )
    found = ", ".join(
        f"{name} {'not measured' if rate is None else f'{rate:.3g} {unit}'}" for name, rate, unit in rates
    )
    yield Finding("ok", "peaks", found)


def _energy() -> Finding:
    meter = EnergyMeter()
    if meter.read_j() is None:
        return Finding("note", "energy", f"not measured: {meter.reason}")
    return Finding("ok", "energy", "the machine's counters can be read")


def _extras() -> Iterator[Finding]:
    for module, (extra, purpose) in _EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding("note", f"extra {extra}", f"not installed ({purpose})", f"pip install 'levinthal[{extra}]'")
        else:
            yield Finding("ok", f"extra {extra}", f"installed ({purpose})")


def _loaded(name: str) -> Finding:
    """Load a workload and make its settings at each size, which a small step would begin with."""
    subject = f"workload {name}"
    try:
        kind = load_workload(name).Settings
        for size in kind.sizes:
            make_settings(kind, size, {})
    except MissingExtraError as error:
        return Finding("note", subject, f"not loaded: {error}")
    except LevinthalError as error:
        return Finding("fail", subject, str(error))
    return Finding("ok", subject, f"it loads; levinthal doctor {name} runs a small step of it")


def _step_of(name: str) -> Finding:
    """Run the smallest thing a workload offers: its preset `smoke`, or `tiny` where it has none."""
    subject = f"workload {name}"
    start_s = time.monotonic()
    try:
        size = "smoke" if "smoke" in load_workload(name).Settings.sizes else "tiny"
        with tempfile.TemporaryDirectory(prefix="levinthal-doctor-") as scratch:
            result = start_run(name, size=size, out=Path(scratch) / name)
    except MissingExtraError as error:
        return Finding("note", subject, f"not run: {error}")
    except LevinthalError as error:
        return Finding("fail", subject, str(error))
    failure = result.repeats[0].error
    if failure is not None:
        return Finding("fail", subject, failure, f"see the traceback with: levinthal run {name}")
    return Finding("ok", subject, f"one small step ran in {shown_duration(time.monotonic() - start_s)}")
