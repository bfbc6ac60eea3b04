"""The machine in words and numbers, fit to be published: no host or user names, no addresses, no paths.

The environment is never stored. Three variables that set thread counts are read by name, and only where their value
is a number.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from levinthal.metrics.cpu import (
    CpuInfo,
    parse_cpuinfo,
    parse_meminfo_bytes,
    read_caches,
    read_numa_nodes,
    read_text,
    read_topology,
    steal_share,
)
from levinthal.metrics.gpus import describe_gpus
from levinthal.metrics.limits import affinity_cpus, detect_container, detect_hypervisor, read_cgroup_limits

__all__ = ["THREAD_VARIABLES", "describe_machine", "read_thread_variables"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The only environment variables that are ever looked at."""


def describe_machine(root: Path = Path("/")) -> dict[str, Any]:
    """Describe the machine this process runs on.

    Parameters
    ----------
    root : Path
        The folder that holds `proc`, `sys` and `etc`; another one than `/` in tests.

    Returns
    -------
    dict
        JSON-safe, with the keys `cpu`, `memory`, `gpus`, `system`, `limits`, `threads`, `noise`, and `reasons`: for
        each figure that is null why, by its dotted name. Thread counts of torch are told only where torch is loaded.

    Examples
    --------
    >>> from levinthal.metrics import describe_machine
    >>> machine = describe_machine()
    >>> machine is not None
    True
    """
    info = parse_cpuinfo(read_text(root / "proc/cpuinfo") or "")
    threads, thread_reasons = _threads()
    gpus, gpu_reason = describe_gpus()
    machine: dict[str, Any] = {
        "cpu": _cpu(root, info),
        "memory": {
            "total_bytes": parse_meminfo_bytes(read_text(root / "proc/meminfo") or ""),
            "available_bytes": parse_meminfo_bytes(read_text(root / "proc/meminfo") or "", "MemAvailable"),
            "numa_nodes": read_numa_nodes(root),
        },
        "gpus": gpus,
        "system": _system(root, info),
        "limits": {**_limits(root), "affinity_cpus": affinity_cpus()},
        "threads": threads,
        "noise": {
            "load_average_1_min": _load_average(),
            "steal_share_since_boot": steal_share(read_text(root / "proc/stat") or ""),
        },
    }
    machine["reasons"] = {
        **{
            f"{section}.{key}": _REASONS.get(f"{section}.{key}", "the system does not tell")
            for section in ("cpu", "memory", "system", "limits", "noise")
            for key, value in machine[section].items()
            if value is None
        },
        **thread_reasons,
        **({"gpus": gpu_reason} if gpu_reason else {}),
    }
    return machine


_REASONS = {
    "system.hypervisor": "none detected",
    "system.container": "none detected",
    "limits.cpu_quota": "no limit set",
    "limits.memory_bytes": "no limit set",
    "limits.cgroup_version": "no control groups",
    "cpu.governor": "the kernel offers no frequency control here",
    "cpu.mhz_max": "the kernel offers no frequency control here",
}


def _cpu(root: Path, info: CpuInfo) -> dict[str, Any]:
    topology = read_topology(root)
    caches = read_caches(root)
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    khz_max, khz_now = read_text(frequency / "cpuinfo_max_freq"), read_text(frequency / "scaling_cur_freq")
    return {
        "model": info.model or (platform.processor() or None if root == Path("/") else None),
        "vendor": info.vendor,
        "architecture": platform.machine() or None,
        "sockets": topology.sockets if topology else info.sockets,
        "cores": topology.cores if topology else info.cores,
        "threads": topology.threads if topology else info.threads or None,
        "instruction_sets": list(info.instruction_sets),
        **{f"{name}_cache": asdict(caches[name]) if name in caches else None for name in ("l1d", "l2", "l3")},
        "mhz_now": info.mhz_now or (int(khz_now) / 1000.0 if khz_now and khz_now.isdigit() else None),
        "mhz_max": int(khz_max) / 1000.0 if khz_max and khz_max.isdigit() else None,
        "governor": read_text(frequency / "scaling_governor"),
    }


def _system(root: Path, info: CpuInfo) -> dict[str, Any]:
    release = read_text(root / "etc/os-release") or ""
    pretty = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', release, re.MULTILINE)
    return {
        "name": platform.system() or None,
        "distribution": pretty.group(1) if pretty else None,
        "kernel": platform.release() or None,
        "hypervisor": detect_hypervisor(root, cpu_flag=info.hypervisor),
        "container": detect_container(root),
    }


def _limits(root: Path) -> dict[str, Any]:
    limits = read_cgroup_limits(root)
    return {
        "cgroup_version": limits.version,
        "cpu_quota": limits.cpu_quota,
        "memory_bytes": limits.memory_bytes,
    }


def _load_average() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def read_thread_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the thread variables that are set to counts (`4`, or `4,2` for nested levels); nothing else."""
    return {
        name: environment[name].strip()
        for name in THREAD_VARIABLES
        if re.fullmatch(r"\s*\d+(,\d+)*\s*", environment.get(name, ""))
    }


def _threads() -> tuple[dict[str, Any], dict[str, str]]:
    threads: dict[str, Any] = {"torch": None, "torch_interop": None, "pools": None}
    reasons: dict[str, str] = {}
    torch = sys.modules.get("torch")
    if torch is not None:
        threads["torch"], threads["torch_interop"] = torch.get_num_threads(), torch.get_num_interop_threads()
    else:
        reasons["threads.torch"] = reasons["threads.torch_interop"] = "torch is not loaded in this process"
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        reasons["threads.pools"] = "the package threadpoolctl is not installed"
    else:
        # The entries hold the libraries' paths too, which are not to be published.
        threads["pools"] = [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "num_threads")}
            for pool in threadpoolctl.threadpool_info()
        ]
    threads["variables"] = read_thread_variables(os.environ)
    return threads, reasons
